//! Who can sign in to a demo region: one person or system for each role, with a token from the region's sandbox issuer.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::folder::{RegionFolder, write_whole};
use crate::register::keys::{KeyFolder, Signer};

/// How long a token is good for.
///
/// # Source
/// Contract, part 4.
const TOKEN_DAYS: i64 = 30;
/// A token of an earlier run is taken up again when it is good for this long at least.
const TOKEN_REST: TimeDelta = TimeDelta::days(1);
/// The client program that the tokens name.
const CLIENT: &str = "cofrestr-demo";

/// A region of the demo. Names of agencies are real, their codes are invented where there is none.
#[derive(Debug)]
pub(super) struct Place {
    /// The region's code.
    pub(super) code: &'static str,
    health: (&'static str, &'static str),
    police: (&'static str, &'static str),
}

/// The regions in the order of their ports.
///
/// # Source
/// Contract, part 5.
pub(super) const PLACES: [Place; 7] = [
    Place { code: "gwent", health: ("7A6", "Aneurin Bevan University Health Board"), police: ("POLGW", "Gwent Police") },
    Place {
        code: "cardiff-and-vale",
        health: ("7A4", "Cardiff and Vale University Health Board"),
        police: ("POLSW", "South Wales Police"),
    },
    Place {
        code: "cwm-taf-morgannwg",
        health: ("7A5", "Cwm Taf Morgannwg University Health Board"),
        police: ("POLSW", "South Wales Police"),
    },
    Place { code: "west-glamorgan", health: ("7A3", "Swansea Bay University Health Board"), police: ("POLSW", "South Wales Police") },
    Place { code: "mid-and-west-wales", health: ("7A2", "Hywel Dda University Health Board"), police: ("POLDP", "Dyfed-Powys Police") },
    Place { code: "north-wales", health: ("7A1", "Betsi Cadwaladr University Health Board"), police: ("POLNW", "North Wales Police") },
    Place {
        code: "west-midlands",
        health: ("RQ3", "Birmingham Women's and Children's NHS Foundation Trust"),
        police: ("POLWM", "West Midlands Police"),
    },
];

/// Who signs in: the name of the token, and the role in it. Partners come after them.
const STAFF: [&str; 9] = [
    "custodian",
    "emergency-duty",
    "coordinator",
    "team-manager",
    "conference-chair",
    "senior-safeguarding-manager",
    "auditor",
    "statistics",
    "operator",
];

impl Place {
    /// Code and name of the health board.
    pub(super) fn health(&self) -> (&'static str, &'static str) {
        self.health
    }

    /// What the tokens of the region say in `iss`.
    pub(super) fn issuer(&self) -> String {
        format!("https://login.{}.example", self.code)
    }

    /// What the tokens of the region say in `aud`.
    pub(super) fn audience(&self) -> String {
        format!("https://register.{}.example", self.code)
    }

    /// The key of the one person who signs in as co-ordinator, as [`crate::authz::Principal::key`] has it.
    pub(super) fn coordinator(&self) -> String {
        format!("{}#coordinator", self.issuer())
    }

    /// Everybody who signs in: the name of their token, and what it says of them.
    fn everybody(&self) -> Vec<(&'static str, Value)> {
        let partner = |sector: &str, (code, name): (&str, &str)| json!({ "role": "partner", "sector": sector, "organisation": { "code": code, "name": name } });
        let mut everybody: Vec<_> = STAFF.iter().map(|role| (*role, json!({ "role": role, "region": self.code }))).collect();
        everybody.push(("partner-health", partner("health", self.health)));
        everybody.push(("partner-police", partner("police", self.police)));
        everybody
    }
}

/// What is read of a token to see whether it is still good.
#[derive(Deserialize)]
struct Times {
    exp: i64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: String,
    sub: &'a str,
    aud: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    name: String,
    client_id: &'static str,
    #[serde(flatten)]
    who: &'a Value,
}

/// The file of a token.
pub(super) fn token_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.token"))
}

/// The tokens of a region by name: those of an earlier run as long as they are good, new ones otherwise. Each stands in a
/// file of its own. Makes the issuer's key when there is none.
///
/// # Errors
/// When the folder cannot be read or written.
pub(super) fn tokens(place: &Place, folder: &RegionFolder, now: DateTime<Utc>) -> Result<Map<String, Value>> {
    let keys = KeyFolder::new(folder.issuer_keys());
    if keys.public_keys()?.keys.is_empty() {
        keys.rotate(now)?;
    }
    let signer = Signer::open(keys)?;
    let mut tokens = Map::new();
    for (name, who) in place.everybody() {
        let path = token_path(folder.path(), name);
        let token = match fs::read_to_string(&path) {
            Ok(token) if is_good(token.trim(), now) => token.trim().to_owned(),
            _ => {
                let claims = Claims {
                    iss: place.issuer(),
                    sub: name,
                    aud: place.audience(),
                    iat: now.timestamp(),
                    nbf: now.timestamp(),
                    exp: (now + TimeDelta::days(TOKEN_DAYS)).timestamp(),
                    jti: uuid::Uuid::now_v7().to_string(),
                    name: format!("Demo {}", name.replace('-', " ")),
                    client_id: CLIENT,
                    who: &who,
                };
                let token = signer.sign("at+jwt", &claims)?;
                write_whole(&path, token.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
                token
            }
        };
        tokens.insert(name.to_owned(), Value::String(token));
    }
    Ok(tokens)
}

/// Whether a token is good for a while yet. Who signed it is not asked: we did, and a folder that somebody else writes to is
/// theirs.
fn is_good(token: &str, now: DateTime<Utc>) -> bool {
    jsonwebtoken::dangerous::insecure_decode_claims::<Times>(token).is_ok_and(|times| times.exp > (now + TOKEN_REST).timestamp())
}
