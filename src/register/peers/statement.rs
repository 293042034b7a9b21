//! What a region says of itself, signed by itself: names, authorities, whom to ring, where it answers, its public keys.
//!
//! A newer statement is believed when a key of the one before signed it: so keys change without anybody's help, and nobody
//! else – the keeper of the directory included – can change them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::message::{Parts, signs_at};
use crate::config::{BothNames, Contacts};
use crate::domain::coded::coded_error;
use crate::domain::identifiers::RegionCode;
use crate::domain::nation::Nation;
use crate::register::keys::{KeyError, PublicKey, PublicKeys, Signer, TlsKey};
use crate::register::receipts::sha256;
use crate::register::region::{AuthorityEntry, RegionEntry, RegionError, contacts};

/// The `typ` of a statement.
pub const STATEMENT_TYPE: &str = "cofrestr-member+jwt";
/// No statement is longer, in bytes: thirty authorities and forty keys fit five times.
pub const LONGEST: usize = 256 * 1024;
/// How far in the future a statement may be signed.
const SKEW: TimeDelta = TimeDelta::minutes(3);

/// What this program can do beyond the first version of the profile.
pub const CAPABILITIES: [&str; 3] = ["checks", "earlier-enquiries", "receipts"];

/// What a region says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// The region's code.
    pub iss: String,
    /// When it was signed (seconds since 1970).
    pub iat: i64,
    /// Grows with every statement of the region.
    pub serial: i64,
    /// What is said.
    #[serde(flatten)]
    pub said: Said,
}

/// The content of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Its name.
    pub name: BothNames,
    /// Its nation.
    pub nation: String,
    /// The procedures that its authorities follow.
    pub procedures: String,
    /// Where it answers other regions: the address of its face for peers.
    pub address: String,
    /// Where it answers people and partner systems.
    pub public_address: String,
    /// Its authorities.
    pub authorities: Vec<StatedAuthority>,
    /// The keys with which it signs, newest first.
    pub keys: Vec<PublicKey>,
    /// The keys of its audit log.
    #[serde(default)]
    pub log: Vec<PublicKey>,
    /// The keys of its certificates.
    pub tls: Vec<TlsKey>,
    /// The versions of the wire profile that it speaks.
    pub versions: Vec<String>,
    /// What it can do beyond the first version.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// An authority in a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatedAuthority {
    /// GSS code.
    pub code: String,
    /// Its name.
    pub name: BothNames,
    /// Whom to ring, by day and by night.
    #[serde(flatten)]
    pub contacts: Contacts,
}

coded_error! {
    /// Why a statement is not believed.
    pub enum StatementError {
        /// It is no statement.
        Form = "malformed-statement", "give the statement as the region publishes it at /.well-known/cofrestr";
        /// None of the keys that it may be signed with signed it.
        Signature = "unsigned-statement", "sign it with a key that the statement before names, and that it names itself";
        /// It was signed at another time than it says, or its key did not sign then.
        Time = "mistimed-statement", "sign it now, with the key that signs now";
        /// It is not newer than the one that is known.
        Old = "old-statement", "give a newer one";
        /// It speaks for another region.
        OtherRegion = "statement-of-another-region", "give the statement of this region";
        /// A code, name or contact in it cannot be used.
        Content = "unusable-statement", "correct the region's configuration and publish the statement anew";
    }
}

/// A statement that is believed, with the text that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// What it says.
    pub statement: Statement,
    /// The compact JWS.
    pub text: String,
}

impl Statement {
    /// Signs what a region says of itself.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn sign(said: Said, region: &str, serial: i64, signer: &Signer, now: DateTime<Utc>) -> Result<Believed, KeyError> {
        let statement = Self { iss: region.to_owned(), iat: now.timestamp(), serial, said };
        let text = signer.sign_at(STATEMENT_TYPE, &statement, now)?;
        Ok(Believed { statement, text })
    }

    /// Signs what follows a statement that others know: with a key that they know too, when the present one is too new for them.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn sign_after(
        before: Option<&Self>,
        said: Said,
        region: &str,
        serial: i64,
        signer: &Signer,
        now: DateTime<Utc>,
    ) -> Result<Believed, KeyError> {
        let known: Vec<&str> = before
            .map(|before| before.said.keys.iter().filter(|key| signs_at(key, now)).map(|key| key.kid.as_str()).collect())
            .unwrap_or_default();
        let signed = Self::sign(said.clone(), region, serial, signer, now)?;
        let present = Parts::of(&signed.text, STATEMENT_TYPE).map(|parts| parts.kid).unwrap_or_default();
        if known.is_empty() || known.contains(&present.as_str()) {
            return Ok(signed);
        }
        let statement = Self { iss: region.to_owned(), iat: now.timestamp(), serial, said };
        match signer.sign_with(STATEMENT_TYPE, &statement, &known) {
            Ok(text) => Ok(Believed { statement, text }),
            // The old key was destroyed: the keeper of the directory must vouch for the new one.
            Err(_) => Ok(signed),
        }
    }

    /// The region's public keys.
    pub fn public_keys(&self) -> PublicKeys {
        PublicKeys { keys: self.said.keys.clone(), log: self.said.log.clone(), tls: self.said.tls.clone() }
    }

    /// Whether a certificate's key may be used for a connection now.
    pub fn pins(&self, spki: &str, now: DateTime<Utc>) -> bool {
        self.said.tls.iter().any(|key| key.spki == spki && key.is_good_at(now))
    }

    /// The region as searches and answers need it.
    ///
    /// # Errors
    /// When a code, nation or contact in it cannot be used.
    pub fn region(&self) -> Result<RegionEntry, RegionError> {
        let problem =
            |error: &dyn std::fmt::Display| RegionError::Entry { place: format!("member {}", self.iss), problem: error.to_string() };
        let code: RegionCode = self.iss.parse().map_err(|error| problem(&error))?;
        let nation: Nation = self.said.nation.parse().map_err(|error| problem(&error))?;
        let authorities = self.said.authorities.iter().map(|authority| {
            Ok(AuthorityEntry {
                gss: authority.code.clone(),
                name: [authority.name.en.clone(), authority.name.cy.clone()],
                lea: None,
                contacts: Some(contacts(&authority.code, &authority.contacts)?),
            })
        });
        Ok(RegionEntry {
            code,
            name: [self.said.name.en.clone(), self.said.name.cy.clone()],
            nation,
            authorities: authorities.collect::<Result<_, RegionError>>()?,
        })
    }
}

impl Believed {
    /// Reads a statement on its own word: it is signed with a key that it names, in that key's time. Whether the region is who it
    /// says is for the directory to say.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn on_its_own_word(text: &str, now: DateTime<Utc>) -> Result<Self, StatementError> {
        if text.len() > LONGEST {
            return Err(StatementError::Form);
        }
        let parts = Parts::of(text, STATEMENT_TYPE).ok_or(StatementError::Form)?;
        let statement: Statement = parts.claims().ok_or(StatementError::Form)?;
        let signed_at = DateTime::from_timestamp(statement.iat, 0).ok_or(StatementError::Form)?;
        let key = statement.said.keys.iter().find(|key| parts.is_signed_by(key)).ok_or(StatementError::Signature)?;
        if !signs_at(key, signed_at) || signed_at > now + SKEW {
            return Err(StatementError::Time);
        }
        statement.region().map_err(|_| StatementError::Content)?;
        Ok(Self { statement, text: text.to_owned() })
    }

    /// Reads a statement that follows this one: newer, and signed with a key of this one too.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn followed_by(&self, text: &str, now: DateTime<Utc>) -> Result<Self, StatementError> {
        let next = Self::on_its_own_word(text, now)?;
        if next.statement.iss != self.statement.iss {
            return Err(StatementError::OtherRegion);
        }
        if next.statement.serial <= self.statement.serial {
            return Err(StatementError::Old);
        }
        let parts = Parts::of(text, STATEMENT_TYPE).ok_or(StatementError::Form)?;
        let signed_at = DateTime::from_timestamp(next.statement.iat, 0).ok_or(StatementError::Form)?;
        let key = self.statement.said.keys.iter().find(|key| parts.is_signed_by(key)).ok_or(StatementError::Signature)?;
        // As the statement before has it: a key that was retired there must not come back.
        if !signs_at(key, signed_at) {
            return Err(StatementError::Time);
        }
        Ok(next)
    }

    /// SHA-256 of the signed text, hexadecimal.
    pub fn digest(&self) -> String {
        sha256(&[self.text.as_bytes()])
    }
}
