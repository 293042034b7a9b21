//! Comparing registers: what is open between this region and another, by digest. What differs is told again; what still differs
//! afterwards is for people.
//!
//! ```text
//! daily, on demand,      root ──▶ same: agreed
//! or when a region ──▶   root ──▶ buckets that differ ──▶ rows of those ──▶ each side says again what it has to say of them
//! is back                                                      └─ still so at the next comparison, nothing on its way: a task
//! ```
//!
//! Nothing is taken over from the other side here: what is told again goes by the messages that the state machines know.
//!
//! # Source
//! Federation notes, D1 (anti-entropy); invariants I1, I19, I27, I28.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::peers::wire::{PeerBucket, PeerComparison};
use super::{Region, RegisterError, alerts, tasks, transfers};
use crate::domain::custody::{Difference, Digest, Leaf};
use crate::domain::identifiers::RegionCode;
use crate::store::Tx;
use crate::store::comparisons::{ComparisonRow, DifferenceRow};
use crate::store::connection::AnyConnection;
use crate::store::tasks::{self as task_rows, TaskRow};
use crate::store::types::{Id, Instant};

/// The most rows that one side sends at once; what is left is compared next time.
const ROWS_AT_ONCE: usize = 1_000;

/// By whom tasks about differences are closed.
const BY: &str = "program#comparisons";

crate::domain::coded::closed_set! {
    /// What came of a comparison.
    pub enum Compared {
        /// Both hold the same.
        Agrees = "agrees",
        /// Something differs, and was told again.
        Differs = "differs",
        /// The other region did not answer.
        Unreachable = "unreachable",
    }
}

/// What this region has open with another.
///
/// # Errors
/// When the database fails.
pub fn digest(connection: &mut AnyConnection, region: &Region, with: &RegionCode) -> Result<Digest, RegisterError> {
    let mut leaves: Vec<Leaf> = transfers::again::leaves(connection, region, with)?;
    leaves.extend(alerts::again::leaves(connection, with)?);
    Ok(leaves.into_iter().collect())
}

/// The rows of the buckets that differ, as many as go into one message; and whether those were all.
pub fn rows(digest: &Digest, buckets: &[u8]) -> (Vec<PeerBucket>, bool) {
    let mut count = 0;
    let mut told = Vec::new();
    for bucket in buckets {
        let rows = digest.rows(*bucket);
        // A bucket goes whole, or its other rows would look as if they were missing.
        if count > 0 && count + rows.len() > ROWS_AT_ONCE {
            return (told, false);
        }
        count += rows.len();
        told.push(PeerBucket { bucket: *bucket, rows: rows.to_vec() });
    }
    (told, true)
}

/// What differs in the buckets of which the other side has told its rows.
pub fn differences(digest: &Digest, theirs: &[PeerBucket]) -> Vec<Difference> {
    theirs.iter().flat_map(|told| digest.differences(told.bucket, &told.rows)).collect()
}

/// What was found, on this side: what differs is said again, unless it is on its way; what has stood since an earlier comparison is
/// reported; what agrees now is forgotten. `within`: the buckets that were compared; every bucket when roots were the same.
///
/// # Errors
/// When the database refuses or fails.
pub fn settle(
    tx: &mut Tx<'_>,
    region: &Region,
    with: &RegionCode,
    found: &[Difference],
    within: &dyn Fn(u8) -> bool,
) -> Result<(), RegisterError> {
    let now = tx.wall();
    let known = DifferenceRow::of(tx.connection, with.as_str())?;
    let differs: BTreeSet<Uuid> = found.iter().map(|difference| difference.id).collect();
    for row in known.iter().filter(|row| !differs.contains(&row.item_id.0) && within(bucket_of(&row.item_id.0))) {
        row.remove(tx.connection)?;
        if row.reported_at.is_some()
            && let Some(about) = about(tx, region, row.item_id)?
            && let Some(child) = about.child
        {
            tasks::settle_about(tx, child, &about.authority, tasks::Kind::RegistersDiffer, BY, "agrees")?;
        }
    }
    for difference in found {
        let item = Id(difference.id);
        let row = match known.iter().find(|row| row.item_id == item) {
            Some(row) => row.clone(),
            None => {
                let new = DifferenceRow { region: with.to_string(), item_id: item, first_seen_at: Instant::new(now), reported_at: None };
                new.insert(tx.connection)?;
                new
            }
        };
        let is_on_its_way = transfers::again::tell(tx, region, item, with)? || alerts::again::tell(tx, region, item, with)?;
        if !is_on_its_way && row.reported_at.is_none() && now - row.first_seen_at.get() >= again_after(region) {
            report(tx, region, &row)?;
        }
    }
    tx.audit().detail("region", with);
    tx.audit().detail("differing", found.len());
    Ok(())
}

/// What another region is answered that compares: buckets where roots differ, rows of the buckets whose rows it told. What differs is
/// settled on this side too, and this side need not ask soon.
///
/// # Errors
/// When the database refuses or fails.
pub fn answer(
    tx: &mut Tx<'_>,
    region: &Region,
    with: &RegionCode,
    digest: &Digest,
    asked: &PeerComparison,
) -> Result<PeerComparison, RegisterError> {
    let root = hex::encode(digest.root());
    if asked.root == root {
        settle(tx, region, with, &[], &|_| true)?;
        done(tx, region, with, (Compared::Agrees, 0), None)?;
        return Ok(PeerComparison { root, ..PeerComparison::default() });
    }
    if asked.rows.is_empty() {
        return Ok(PeerComparison { root, buckets: digest.buckets().iter().map(hex::encode).collect(), rows: Vec::new() });
    }
    let found = differences(digest, &asked.rows);
    settle(tx, region, with, &found, &|bucket| asked.rows.iter().any(|told| told.bucket == bucket))?;
    done(tx, region, with, (Compared::Differs, found.len()), None)?;
    let told = asked.rows.iter().map(|told| PeerBucket { bucket: told.bucket, rows: digest.rows(told.bucket).to_vec() });
    Ok(PeerComparison { root, buckets: Vec::new(), rows: told.collect() })
}

const fn bucket_of(id: &Uuid) -> u8 {
    id.as_bytes()[15]
}

/// After how long what differed is compared again, and after which it is reported.
fn again_after(region: &Region) -> TimeDelta {
    TimeDelta::milliseconds(i64::try_from(region.federation.compare_again_ms).unwrap_or(i64::MAX))
}

/// When a region is compared with again.
pub fn next_at(region: &Region, outcome: Compared, now: DateTime<Utc>) -> DateTime<Utc> {
    match outcome {
        Compared::Agrees => now + TimeDelta::milliseconds(i64::try_from(region.federation.compare_every_ms).unwrap_or(i64::MAX)),
        Compared::Differs | Compared::Unreachable => now + again_after(region),
    }
}

/// Whose child something that differs is about, here.
struct About {
    authority: String,
    child: Option<Id>,
}

fn about(tx: &mut Tx<'_>, region: &Region, item: Id) -> Result<Option<About>, RegisterError> {
    let about = match transfers::again::about(tx.connection, region, item)? {
        Some(about) => Some(about),
        None => alerts::again::about(tx.connection, region, item)?,
    };
    Ok(about.map(|(authority, child)| About { authority, child }))
}

/// A difference that telling again has not settled: the custodian here is told. Of what is not known here the other side tells its own.
fn report(tx: &mut Tx<'_>, region: &Region, row: &DifferenceRow) -> Result<(), RegisterError> {
    row.report(tx.connection, Instant::new(tx.wall()))?;
    let Some(About { authority, child }) = about(tx, region, row.item_id)? else { return Ok(()) };
    let kind = tasks::Kind::RegistersDiffer;
    if let Some(child) = child
        && task_rows::open_about(tx.connection, child)?.iter().any(|task| task.kind == kind.as_str() && task.authority == authority)
    {
        return Ok(());
    }
    let task = TaskRow { child_id: child, ..tasks::row(tx.now(), kind, &authority, None, None, None) };
    Ok(TaskRow::insert_all(tx.connection, std::slice::from_ref(&task))?)
}

/// What came of comparing with a region, kept with when it is done again. `taken`: until when it was taken, on the side that asked; who
/// calls for it meanwhile is not forgotten.
///
/// # Errors
/// When the database fails.
pub fn done(
    tx: &mut Tx<'_>,
    region: &Region,
    with: &RegionCode,
    (outcome, differing): (Compared, usize),
    taken: Option<Instant>,
) -> Result<(), RegisterError> {
    let now = tx.wall();
    let at = (outcome != Compared::Unreachable).then(|| Instant::new(now));
    let count = i64::try_from(differing).unwrap_or(i64::MAX);
    let times = (taken, Instant::new(now), Instant::new(next_at(region, outcome, now)));
    tx.audit().detail("status", outcome);
    Ok(ComparisonRow::done(tx.connection, with.as_str(), (outcome.as_str(), count), at, times)?)
}

/// What is known of the comparisons with one region.
#[derive(Debug, Clone)]
pub struct Standing {
    /// When, and with what result.
    pub row: ComparisonRow,
    /// How much has been reported to people.
    pub reported: usize,
}

/// Every region with which this one compares.
///
/// # Errors
/// When the database fails.
pub fn standings(connection: &mut AnyConnection) -> Result<Vec<Standing>, RegisterError> {
    let reported = DifferenceRow::reported(connection)?;
    let count = |row: &ComparisonRow| reported.iter().filter(|region| **region == row.region).count();
    Ok(ComparisonRow::all(connection)?.into_iter().map(|row| Standing { reported: count(&row), row }).collect())
}

/// Compares with one region now, or with every other.
///
/// # Errors
/// A broken rule when there is no such region; or the database fails.
pub fn call(tx: &mut Tx<'_>, region: &Region, with: Option<&RegionCode>) -> Result<(), RegisterError> {
    let others = region.compared_with();
    let called: Vec<String> = others.iter().filter(|code| with.is_none_or(|one| one == *code)).map(ToString::to_string).collect();
    if called.is_empty() && with.is_some() {
        return Err(RegisterError::Rule {
            pointer: "/region".into(),
            code: "unknown-region",
            detail: "give the code of another member that can be compared with".into(),
        });
    }
    let at = Instant::new(tx.wall());
    Ok(ComparisonRow::call(tx.connection, &called, at)?)
}
