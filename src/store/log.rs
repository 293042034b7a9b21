//! The audit log as a Merkle log: places, nodes, checkpoints, proofs.
//!
//! ```text
//!             SQLite                          PostgreSQL
//!  entry ──▶ place in the same unit     ──▶ audit_pending, in the same transaction
//!             (one writer)                        │  the sequencer: whoever holds the row lock, every 200 ms
//!                                                 ▼
//!                                            place
//!                    └──────────┬───────────────┘
//!                               ▼  every two seconds, if the log grew
//!                         nodes of the tree, signed checkpoint
//! ```
//!
//! Nobody waits for the sequencer. What it takes is a queue, not a cursor: an entry that is committed late is simply found
//! later, so it need not wait for older transactions that are still under way (a long import would hold up every proof). The
//! lease is the lock on one row: it ends with the transaction that holds it, however that ends. Place and queue change in one
//! transaction: a crash loses nothing and places nothing twice.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::merkle::{self, Hash, LEVELS, Nodes};
use super::schema::{audit_checkpoint, audit_entry, audit_leaf, audit_node, audit_pending, setting};
use super::types::{Id, Instant};

/// The row whose lock is the sequencer's lease.
const LEASE: &str = "audit.sequencer";
/// Entries that get their places in one transaction: bounds how long the lease is held.
const BATCH: usize = 2_000;
/// Entries in one statement.
const STATEMENT: usize = 500;
/// Entries between two checkpoints when many are behind: bounds how long SQLite's writer works on one.
const STRIDE: i64 = 16_384;

/// Signs a checkpoint: size, root and time (seconds since 1970) to the text of the note.
pub type Sign = dyn Fn(u64, &Hash, i64) -> Option<String> + Send + Sync;

/// A checkpoint.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_checkpoint)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct CheckpointRow {
    pub size: i64,
    pub root: Vec<u8>,
    pub signed_at: Instant,
    pub note: String,
}

/// Puts a new entry into the log, or into the queue for it.
pub(super) fn admit(connection: &mut AnyConnection, entry: Id, leaf: &Hash) -> Result<(), StoreError> {
    match connection {
        AnyConnection::Sqlite(_) => place(connection, &[(entry, leaf.to_vec())]),
        AnyConnection::Pg(c) => {
            diesel::insert_into(audit_pending::table).values(audit_pending::entry_id.eq(entry)).execute(c)?;
            Ok(())
        }
    }
}

/// Gives entries the next places. Only one transaction at a time may do this.
pub(super) fn place(connection: &mut AnyConnection, entries: &[(Id, Vec<u8>)]) -> Result<(), StoreError> {
    let last: Option<(i64, Vec<u8>)> = with!(&mut *connection, |c| audit_leaf::table
        .order(audit_leaf::leaf_index.desc())
        .select((audit_leaf::leaf_index, audit_leaf::chain))
        .first(c)
        .optional())?;
    let (mut next, mut chain) = last.map_or_else(|| (0, merkle::empty().to_vec()), |(index, chain)| (index + 1, chain));
    let mut rows = Vec::with_capacity(entries.len());
    for (entry, leaf) in entries {
        chain = merkle::link(&chain, leaf).to_vec();
        rows.push((
            audit_leaf::leaf_index.eq(next),
            audit_leaf::entry_id.eq(*entry),
            audit_leaf::leaf_hash.eq(leaf.clone()),
            audit_leaf::chain.eq(chain.clone()),
        ));
        next += 1;
    }
    match connection {
        AnyConnection::Sqlite(c) => {
            for row in rows {
                diesel::insert_into(audit_leaf::table).values(row).execute(c)?;
            }
        }
        AnyConnection::Pg(c) => {
            for rows in rows.chunks(STATEMENT) {
                diesel::insert_into(audit_leaf::table).values(rows.to_vec()).execute(c)?;
            }
        }
    }
    Ok(())
}

/// Sees to it that there is a lease to take.
pub(super) fn prepare(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let row = (setting::name.eq(LEASE), setting::value.eq(""));
    with!(connection, |c| diesel::insert_into(setting::table).values(row).on_conflict(setting::name).do_nothing().execute(c))?;
    Ok(())
}

/// Takes the lease until the end of the transaction; says whether nobody else has it. SQLite's writer needs none.
pub(super) fn lease(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(true),
        AnyConnection::Pg(c) => {
            let row: Option<String> = setting::table.find(LEASE).select(setting::name).for_update().skip_locked().first(c).optional()?;
            Ok(row.is_some())
        }
    }
}

/// Gives entries that wait their places; says whether more are waiting. Needs the lease.
pub(super) fn sequence(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    let waiting: Vec<(Id, Vec<u8>)> = with!(&mut *connection, |c| audit_pending::table
        .inner_join(audit_entry::table.on(audit_entry::id.eq(audit_pending::entry_id)))
        .order(audit_pending::entry_id)
        .limit(BATCH as i64)
        .select((audit_entry::id, audit_entry::leaf_hash))
        .load(c))?;
    if waiting.is_empty() {
        return Ok(false);
    }
    place(connection, &waiting)?;
    let placed = waiting.iter().map(|(entry, _)| *entry);
    with!(&mut *connection, |c| diesel::delete(audit_pending::table.filter(audit_pending::entry_id.eq_any(placed))).execute(c))?;
    Ok(waiting.len() == BATCH)
}

/// How many entries have a place.
///
/// # Errors
/// When the database fails.
pub fn size(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let last: Option<i64> =
        with!(connection, |c| audit_leaf::table.order(audit_leaf::leaf_index.desc()).select(audit_leaf::leaf_index).first(c).optional())?;
    Ok(last.map_or(0, |index| index + 1))
}

/// The latest checkpoint.
///
/// # Errors
/// When the database fails.
pub fn latest(connection: &mut AnyConnection) -> Result<Option<CheckpointRow>, StoreError> {
    Ok(with!(connection, |c| audit_checkpoint::table
        .order(audit_checkpoint::size.desc())
        .select(CheckpointRow::as_select())
        .first(c)
        .optional())?)
}

/// Whether a checkpoint is due: the log grew, and the last one is older than `every`.
pub(super) fn due(connection: &mut AnyConnection, now: DateTime<Utc>, every: TimeDelta) -> Result<bool, StoreError> {
    let Some(last) = latest(connection)? else { return Ok(true) };
    // A clock that was set back must not keep the log from being signed.
    Ok((now - last.signed_at.get()).abs() >= every && size(connection)? > last.size)
}

/// Keeps the nodes of the tree that became whole, and a signed checkpoint. Says whether the log is longer than that.
pub(super) fn checkpoint(connection: &mut AnyConnection, now: DateTime<Utc>, every: TimeDelta, sign: &Sign) -> Result<bool, StoreError> {
    if !due(connection, now, every)? {
        return Ok(false);
    }
    let before = latest(connection)?.map_or(0, |last| last.size);
    let all = size(connection)?;
    let size = all.min(before + STRIDE);
    let (from, to) = (number(before)?, number(size)?);
    let mut level = LEVELS;
    while to >> level > 0 {
        for position in from >> level..to >> level {
            let hash = merkle::node(&mut Kept(connection), level, position)?;
            let row =
                (audit_node::level.eq(i64::from(level)), audit_node::position.eq(place_of(position)?), audit_node::hash.eq(&hash[..]));
            with!(&mut *connection, |c| diesel::insert_into(audit_node::table).values(row).execute(c))?;
        }
        level += LEVELS;
    }
    let root = merkle::root(&mut Kept(connection), to)?;
    let signed_at = DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now);
    let note = sign(to, &root, signed_at.timestamp()).ok_or(StoreError::Corrupt("the log's signing key"))?;
    let row = CheckpointRow { size, root: root.to_vec(), signed_at: signed_at.into(), note };
    with!(&mut *connection, |c| diesel::insert_into(audit_checkpoint::table).values(&row).execute(c))?;
    Ok(size < all)
}

fn number(count: i64) -> Result<u64, StoreError> {
    u64::try_from(count).map_err(|_| StoreError::Corrupt("audit log"))
}

fn place_of(position: u64) -> Result<i64, StoreError> {
    i64::try_from(position).map_err(|_| StoreError::Corrupt("audit log"))
}

/// The place of an entry and its leaf hash; nothing while it waits.
///
/// # Errors
/// When the database fails.
pub fn place_in(connection: &mut AnyConnection, entry: Id) -> Result<Option<(u64, Hash)>, StoreError> {
    let row: Option<(i64, Vec<u8>)> = with!(connection, |c| audit_leaf::table
        .filter(audit_leaf::entry_id.eq(entry))
        .select((audit_leaf::leaf_index, audit_leaf::leaf_hash))
        .first(c)
        .optional())?;
    row.map(|(index, leaf)| Ok((number(index)?, hash(leaf)?))).transpose()
}

fn hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("audit log"))
}

/// The nodes of the tree that the database keeps.
#[allow(missing_debug_implementations)] // diesel's connections print nothing useful
pub struct Kept<'a>(pub &'a mut AnyConnection);

impl Nodes for Kept<'_> {
    type Error = StoreError;

    fn nodes(&mut self, level: u32, from: u64, count: u64) -> Result<Vec<Hash>, StoreError> {
        let (low, high) = (place_of(from)?, place_of(from + count)?);
        let rows: Vec<Vec<u8>> = if level == 0 {
            with!(&mut *self.0, |c| audit_leaf::table
                .filter(audit_leaf::leaf_index.ge(low))
                .filter(audit_leaf::leaf_index.lt(high))
                .order(audit_leaf::leaf_index)
                .select(audit_leaf::leaf_hash)
                .load(c))?
        } else {
            with!(&mut *self.0, |c| audit_node::table
                .filter(audit_node::level.eq(i64::from(level)))
                .filter(audit_node::position.ge(low))
                .filter(audit_node::position.lt(high))
                .order(audit_node::position)
                .select(audit_node::hash)
                .load(c))?
        };
        if rows.len() as u64 != count {
            return Err(StoreError::Corrupt("audit log"));
        }
        rows.into_iter().map(hash).collect()
    }
}
