//! The sandbox: invented children put in, put back, and a clock that can be moved.
//!
//! The children are worked out from a [`Seed`] that is kept in the database, so that the server can put them back without
//! being told who they were. Everybody gets the same identifier every time.

mod people;
mod plans;

use std::sync::Arc;

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::bulk::Bulk;
use super::clients::{self, NewClient};
use super::{Region, RegisterError, children, matcher};
use crate::authz::policy::action::ResetSandbox;
use crate::authz::{Permit, program_permit};
use crate::domain::client::ClientStatus;
use crate::domain::ids::{ChildId, ClientId};
use crate::invent::{self, InventedChild};
use crate::store::children as child_rows;
use crate::store::clients::{self as client_rows, ClientRow};
use crate::store::sandbox as rows;
use crate::store::{Store, StoreError, settings};

/// The setting that holds the [`Seed`].
const SEED: &str = "sandbox.seed";
/// The setting that holds how far procedure time is from wall time, in microseconds.
const CLOCK_OFFSET: &str = "sandbox.clock-offset-micros";
/// Who entered the invented children: the program, as in the audit log.
const BY: &str = "program#sandbox";
/// The millisecond that identifiers of invented children begin with: 1 January 2026. It is always the same, so that their
/// identifiers are the same whenever a demo begins.
const IDENTIFIERS_FROM_MILLIS: u64 = 1_767_225_600_000;

/// What the invented children of a sandbox are worked out from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seed {
    /// How many children have an entry, present or former.
    pub children: usize,
    /// The same seed gives the same children.
    pub seed: u64,
    /// Procedure time at which the sandbox began: ages and entries are counted back from it.
    pub began_at: DateTime<Utc>,
    /// The key (issuer and subject) of the one person who signs in as co-ordinator.
    pub coordinator: String,
}

fn permit(region_code: &str) -> Permit<ResetSandbox> {
    program_permit("sandbox", region_code)
}

/// The invented children of a region with their identifiers: those with an entry, and brothers and sisters without one, who
/// are not people on the register. Pure: reads no database.
pub fn invented(region: &Region, seed: &Seed) -> Vec<(ChildId, InventedChild)> {
    let authorities: Vec<(&str, &str)> =
        region.authorities().iter().map(|authority| (authority.gss.as_str(), authority.name[0].as_str())).collect();
    let code = region.code().as_str();
    let place = invent::Region { code, authorities: &authorities, nation: region.own().nation.as_str() };
    invent::region_children(&place, seed.children, seed.seed, children::today(seed.began_at))
        .into_iter()
        .filter_map(|child| Some((identifier(code, seed.seed, &child.key)?, child)))
        .collect()
}

/// The identifier of an invented child. Stable children keep theirs whatever the seed.
fn identifier(region_code: &str, seed: u64, key: &str) -> Option<ChildId> {
    let seed = if key.starts_with("stable-") { 0 } else { seed };
    identifier_of(&format!("cofrestr sandbox child\n{region_code}\n{seed}\n{key}"))?.try_into().ok()
}

fn identifier_of(name: &str) -> Option<uuid::Uuid> {
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let random: [u8; 10] = digest.as_ref().get(..10)?.try_into().ok()?;
    Some(uuid::Builder::from_unix_timestamp_millis(IDENTIFIERS_FROM_MILLIS, &random).into_uuid())
}

/// Fills a new sandbox, or begins an old one anew, and remembers from what.
///
/// # Errors
/// [`RegisterError::NotFound`] when the region is no sandbox; a broken rule when the database holds people who were not
/// invented; a failure of the database.
pub async fn begin(store: &Store, region: &Arc<Region>, seed: Seed) -> Result<(), RegisterError> {
    put_in(store, region, Some(seed)).await
}

/// Puts the invented children back as they were when the sandbox began and forgets everything that rested on them, checks
/// and kept answers included. The audit log and the clock stay as they are.
///
/// # Errors
/// [`RegisterError::NotFound`] when the region is no sandbox or has no invented children; a failure of the database, and
/// then nothing is changed.
pub async fn reset(store: &Store, region: &Arc<Region>) -> Result<(), RegisterError> {
    put_in(store, region, None).await
}

/// The identifier of a demo region's partner system: the same in every demo.
pub fn client_id(region_code: &str) -> Option<ClientId> {
    identifier_of(&format!("cofrestr sandbox client\n{region_code}"))?.try_into().ok()
}

/// Registers a demo region's partner system, or gives it other keys when it has others now.
///
/// # Errors
/// [`RegisterError::NotFound`] when it has no identifier; a failure of the database.
pub async fn keep_client(store: &Store, region_code: &str, new: NewClient) -> Result<(), RegisterError> {
    let id = client_id(region_code).ok_or(RegisterError::NotFound)?;
    let at = store.clock().wall();
    store
        .run(
            permit(region_code),
            move |snapshot| {
                snapshot.audit().detail("step", "partner-system");
                Ok(client_rows::find(snapshot.connection, id.into())?)
            },
            move |tx, found: &Option<ClientRow>| {
                match found {
                    None => clients::add_as(tx, id, &new, at, BY).map(|_| ()),
                    Some(row) if clients::status(row)? == ClientStatus::Active => clients::change_keys(tx, row, &new.keys, at).map(|_| ()),
                    // Whoever tried out what a suspension does sees it after a restart, too.
                    Some(_) => Ok(()),
                }
            },
        )
        .await
}

/// What the sandbox began with; nothing when it has no invented children yet.
///
/// # Errors
/// When the database fails.
pub async fn seed(store: &Store, region_code: &str) -> Result<Option<Seed>, RegisterError> {
    store
        .read(permit(region_code), |snapshot| {
            snapshot.audit().detail("step", "read-seed");
            stored_seed(snapshot.connection).map_err(RegisterError::from)
        })
        .await
}

fn stored_seed(connection: &mut crate::store::connection::AnyConnection) -> Result<Option<Seed>, StoreError> {
    settings::get(connection, SEED)?
        .map(|text| serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("the seed of the sandbox")))
        .transpose()
}

async fn put_in(store: &Store, region: &Arc<Region>, fresh: Option<Seed>) -> Result<(), RegisterError> {
    // Whoever calls: a register that is no sandbox is never emptied.
    if !region.sandbox {
        return Err(RegisterError::NotFound);
    }
    let (invented_for, marked) = (Arc::clone(region), Arc::clone(region));
    store
        .run_alone(
            permit(region.code().as_str()),
            move |snapshot| {
                let stored = stored_seed(snapshot.connection)?;
                if stored.is_none() && !child_rows::page(snapshot.connection, 0, 1)?.is_empty() {
                    return Err(RegisterError::Rule {
                        pointer: String::new(),
                        code: "not-a-sandbox",
                        detail: "the database holds people who were not invented for a sandbox; use another one".into(),
                    });
                }
                let seed = fresh.or(stored).ok_or(RegisterError::NotFound)?;
                let bulk = people::bulk(&invented_for, &seed)?;
                Ok((seed, bulk))
            },
            move |tx, (seed, bulk): &(Seed, Bulk)| {
                rows::empty(tx.connection)?;
                marked.matcher.index.insert(tx.connection)?;
                let text = serde_json::to_string(seed).map_err(|_| StoreError::Corrupt("the seed of the sandbox"))?;
                settings::set(tx.connection, SEED, &text)?;
                bulk.write(tx.connection, marked.matcher.index)?;
                // One entry speaks for the whole, not one line for each of thousands of invented children.
                tx.audit().detail("step", "children");
                tx.audit().detail("children", bulk.len());
                tx.audit().detail("seed", seed.seed);
                Ok(())
            },
        )
        .await?;
    Ok(matcher::refresh(store, region.code().as_str(), &region.matcher).await?)
}

/// Takes up the clock where an earlier run of this sandbox left it. For the start of a server.
///
/// # Errors
/// When the database fails.
pub async fn load_clock(store: &Store, region_code: &str) -> Result<(), RegisterError> {
    let offset = store
        .read::<_, _, RegisterError>(permit(region_code), |snapshot| {
            snapshot.audit().detail("step", "load-clock");
            let text = settings::get(snapshot.connection, CLOCK_OFFSET)?;
            Ok(text.map(|text| text.parse::<i64>().map_err(|_| StoreError::Corrupt("the clock of the sandbox"))).transpose()?)
        })
        .await?;
    store.clock().set_offset(offset.unwrap_or(0));
    Ok(())
}

/// Moves procedure time to an instant; it runs on from there, and goes on there after a restart.
///
/// # Errors
/// When the database fails; then the clock is where it was.
pub async fn move_clock(store: &Store, region_code: &str, now: DateTime<Utc>) -> Result<(), RegisterError> {
    // Out of range only for instants tens of thousands of years away, which no date in the register can have.
    let offset = (now - store.clock().wall()).num_microseconds().ok_or(RegisterError::Rule {
        pointer: "/now".into(),
        code: "year-out-of-range",
        detail: "give an instant nearer to now".into(),
    })?;
    store
        .run::<_, _, _, RegisterError>(
            permit(region_code),
            |_| Ok(()),
            move |tx, ()| {
                tx.audit().detail("step", "move-clock");
                tx.audit().detail("offset-micros", offset);
                Ok(settings::set(tx.connection, CLOCK_OFFSET, &offset.to_string())?)
            },
        )
        .await?;
    store.clock().set_offset(offset);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Config, DEMO};
    use crate::matching::Keyer;
    use crate::register::keys::{KeyFolder, Signer};
    use crate::register::matcher::{Budget, Matcher};

    /// Rare things, such as a temporary entry for a child from Scotland, come up in a few of them; 200 were tried once.
    const SEEDS: u64 = 4;
    const REGIONS: [&str; 7] =
        ["gwent", "cardiff-and-vale", "cwm-taf-morgannwg", "west-glamorgan", "mid-and-west-wales", "north-wales", "west-midlands"];

    /// A folder that goes when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("cofrestr-{}", uuid::Uuid::now_v7()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn region(&self, code: &str) -> Region {
            let keys = KeyFolder::new(self.0.join("keys"));
            keys.make_missing(crate::store::clock::Clock::default().wall()).unwrap();
            let matcher = Matcher::new(Keyer::new(keys.matcher_secret().unwrap()), Budget::default());
            let text = format!("{DEMO}\n[region]\ncode = \"{code}\"\n[[issuers]]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"k\"\n");
            Region::new(&Config::from_text(&text).unwrap(), matcher, Arc::new(Signer::open(keys).unwrap())).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn seed_of(children: usize, seed: u64, began_at: &str) -> Seed {
        Seed { children, seed, began_at: began_at.parse().unwrap(), coordinator: "issuer#coordinator".into() }
    }

    #[test]
    fn every_invented_child_fits_the_register() {
        let folder = Folder::new();
        for code in REGIONS {
            let region = folder.region(code);
            for seed in 1..=SEEDS {
                // Different days too: leap days, ends of years, the hour around midnight in London.
                let began_at = ["2026-11-22T10:00:00Z", "2028-02-29T23:30:00Z", "2024-07-01T23:30:00Z", "2026-12-31T00:00:00Z"];
                let began_at = began_at[seed as usize % began_at.len()];
                let bulk = people::bulk(&region, &seed_of(300, seed, began_at)).unwrap();
                assert_eq!(bulk.len(), 300, "{code}");
            }
        }
    }

    #[test]
    fn identifiers_are_the_same_whenever_a_sandbox_begins_and_differ_between_people() {
        let folder = Folder::new();
        let region = folder.region("gwent");
        let ids = |seed, began_at| -> Vec<(ChildId, String)> {
            invented(&region, &seed_of(50, seed, began_at)).into_iter().map(|(id, child)| (id, child.key)).collect()
        };
        let (one, later, other) = (ids(1, "2026-11-22T10:00:00Z"), ids(1, "2027-03-01T10:00:00Z"), ids(2, "2026-11-22T10:00:00Z"));
        for (id, key) in &one {
            assert!(later.iter().all(|(later_id, later_key)| (later_id == id) == (later_key == key)));
            assert_eq!(other.iter().any(|(other_id, _)| other_id == id), key.starts_with("stable-"), "{key}");
        }
    }
}
