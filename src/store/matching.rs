//! Rows of the matcher: packed records, blocking keys and how often they occur.
//!
//! A check asks with one statement whose text never changes: who stands behind its rare keys, and what is known of those. How
//! common keys and names are is kept in memory ([`Statistics`]) for as long as the counts stay the same.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::fixed::{ByNumbers, fixed};
use super::schema::{match_key, match_key_stat, match_record, match_summary, match_token_stat};
use super::types::Instant;

/// Only keys with more people than this stand in the statistics; all others are rare.
pub const COMMON: i64 = 16;

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    k: i64,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct NumberRow {
    #[diesel(sql_type = BigInt)]
    pid: i64,
}

/// A packed record as it is compared.
#[derive(Debug, Queryable)]
pub struct Packed {
    /// Whose it is.
    pub pid: i64,
    /// Whether the person has a live entry (`current`), had one (`former`), or neither (`none`).
    pub standing: String,
    /// The keyed hash of the person's health number: entries that share it are one person, and no rivals.
    pub person: Option<i64>,
    /// The record.
    pub body: Vec<u8>,
}

fixed! {
    Candidates -> (BigInt, Text, Nullable<BigInt>, Binary),
    "SELECT r.pid, r.standing, r.person, r.body FROM
        (SELECT DISTINCT m.pid FROM json_each(?) j CROSS JOIN match_key m ON m.k = j.value) b
        CROSS JOIN match_record r ON r.pid = b.pid",
    "SELECT r.pid, r.standing, r.person, r.body FROM match_record r
        WHERE r.pid IN (SELECT m.pid FROM match_key m WHERE m.k = ANY(?))"
}

/// The packed records of the people behind any of the keys, each once.
///
/// # Errors
/// When the database fails.
pub fn candidates(connection: &mut AnyConnection, keys: &[i64]) -> Result<Vec<Packed>, StoreError> {
    Ok(with!(connection, |c| ByNumbers::<Candidates>::new(keys).load(c))?)
}

/// How often something occurs: sorted numbers beside their counts, which is the least memory.
#[derive(Debug, Default)]
pub struct Counts {
    numbers: Vec<i64>,
    counts: Vec<u32>,
}

impl Counts {
    fn of(rows: Vec<(i64, i64)>) -> Self {
        let (numbers, counts) = rows.into_iter().map(|(number, count)| (number, u32::try_from(count).unwrap_or(u32::MAX))).unzip();
        Self { numbers, counts }
    }

    /// The count of a number, if it was counted.
    pub fn get(&self, number: i64) -> Option<u32> {
        let place = self.numbers.binary_search(&number).ok()?;
        self.counts.get(place).copied()
    }
}

/// How common keys and names were when they were last counted.
#[derive(Debug, Default)]
pub struct Statistics {
    counted_at: Option<Instant>,
    /// How many people the index held.
    pub people: i64,
    /// People behind each of the keys that are common; a key that is not here is rare.
    pub keys: Counts,
    /// How often each of the name counters occurs; one that is not here does not.
    pub tokens: Counts,
}

/// The statistics: those in `known` while nobody has counted again.
///
/// # Errors
/// When the database fails.
pub fn statistics(connection: &mut AnyConnection, known: &Arc<Statistics>) -> Result<Arc<Statistics>, StoreError> {
    let summary: Option<(i64, Instant)> = with!(&mut *connection, |c| match_summary::table
        .find("people")
        .select((match_summary::n, match_summary::refreshed_at))
        .first(c)
        .optional())?;
    let counted_at = summary.map(|(_, at)| at);
    if counted_at == known.counted_at && summary.map_or(0, |(people, _)| people) == known.people {
        return Ok(Arc::clone(known));
    }
    let (keys, tokens) = with!(connection, |c| {
        let keys = match_key_stat::table.order(match_key_stat::k).load(c)?;
        (keys, match_token_stat::table.order(match_token_stat::k).load(c)?)
    });
    Ok(Arc::new(Statistics {
        counted_at,
        people: summary.map_or(0, |(people, _)| people),
        keys: Counts::of(keys),
        tokens: Counts::of(tokens),
    }))
}

/// The packed record of one person.
///
/// # Errors
/// When the database fails.
pub fn body(connection: &mut AnyConnection, pid: i64) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(with!(connection, |c| match_record::table.find(pid).select(match_record::body).first(c).optional())?)
}

/// What the index keeps of a person.
#[derive(Debug, Clone)]
pub struct Indexed {
    /// Whether the person has a live entry (`current`), had one (`former`), or neither (`none`).
    pub standing: &'static str,
    /// The keyed hash of the person's health number.
    pub person: Option<i64>,
    /// The packed record.
    pub body: Vec<u8>,
    /// The blocking keys, each once.
    pub keys: Vec<i64>,
}

/// Records that one statement adds, and keys: four and two values each, below the 32,766 that SQLite takes.
const RECORDS_PER_STATEMENT: usize = 1_000;
const KEYS_PER_STATEMENT: usize = 8_000;

/// Adds people to the index, with their keys. The keys of all of them go in together and in order: they are hashes, and one
/// person's touch as many pages of the index as there are keys.
///
/// # Errors
/// When the database refuses or fails.
pub fn insert_all<'a>(connection: &mut AnyConnection, people: impl IntoIterator<Item = (i64, &'a Indexed)>) -> Result<(), StoreError> {
    let mut records = Vec::new();
    let mut keys = Vec::new();
    for (pid, indexed) in people {
        records.push((
            match_record::pid.eq(pid),
            match_record::standing.eq(indexed.standing),
            match_record::person.eq(indexed.person),
            match_record::body.eq(indexed.body.as_slice()),
        ));
        keys.extend(indexed.keys.iter().map(|key| (*key, pid)));
    }
    keys.sort_unstable();
    for chunk in records.chunks(RECORDS_PER_STATEMENT) {
        with!(&mut *connection, |c| diesel::insert_into(match_record::table).values(chunk).execute(c))?;
    }
    match connection {
        AnyConnection::Sqlite(c) => {
            for chunk in keys.chunks(KEYS_PER_STATEMENT) {
                let rows: Vec<_> = chunk.iter().map(|(k, pid)| (match_key::k.eq(*k), match_key::pid.eq(*pid))).collect();
                diesel::insert_into(match_key::table).values(&rows).execute(c)?;
            }
        }
        AnyConnection::Pg(c) => {
            let (keys, pids): (Vec<i64>, Vec<i64>) = keys.into_iter().unzip();
            sql_query("INSERT INTO match_key (k, pid) SELECT * FROM unnest($1, $2)")
                .bind::<Array<BigInt>, _>(keys)
                .bind::<Array<BigInt>, _>(pids)
                .execute(c)?;
        }
    }
    Ok(())
}

/// How many bytes the database takes on disk: for measurements.
///
/// # Errors
/// When the database fails.
pub fn database_bytes(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let row: NumberRow = match connection {
        AnyConnection::Sqlite(c) => {
            sql_query("SELECT page_count * page_size AS pid FROM pragma_page_count(), pragma_page_size()").get_result(c)
        }
        AnyConnection::Pg(c) => sql_query("SELECT pg_database_size(current_database()) AS pid").get_result(c),
    }?;
    Ok(row.pid)
}

/// Takes a person out of the index; `keys` are those that were put in.
///
/// # Errors
/// When the database fails.
pub fn remove(connection: &mut AnyConnection, pid: i64, keys: &[i64]) -> Result<(), StoreError> {
    with!(&mut *connection, |c| {
        diesel::delete(match_key::table.filter(match_key::k.eq_any(keys)).filter(match_key::pid.eq(pid))).execute(c)?;
        diesel::delete(match_record::table.find(pid)).execute(c)
    })?;
    Ok(())
}

/// Empties the index, to build it anew.
///
/// # Errors
/// When the database fails.
pub fn clear(connection: &mut AnyConnection) -> Result<(), StoreError> {
    with!(connection, |c| {
        diesel::delete(match_key::table).execute(c)?;
        diesel::delete(match_record::table).execute(c)
    })?;
    Ok(())
}

/// A page of packed records, in the order of their numbers.
///
/// # Errors
/// When the database fails.
pub fn page(connection: &mut AnyConnection, after: i64, limit: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    Ok(with!(connection, |c| match_record::table
        .filter(match_record::pid.gt(after))
        .order(match_record::pid)
        .limit(limit)
        .select((match_record::pid, match_record::body))
        .load(c))?)
}

/// Counts the common keys anew. Reads only; what it answers is put in by [`replace_counts`].
///
/// # Errors
/// When the database fails.
pub fn count_keys(connection: &mut AnyConnection) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows: Vec<CountRow> =
        with!(connection, |c| sql_query(format!("SELECT k, COUNT(*) AS n FROM match_key GROUP BY k HAVING COUNT(*) > {COMMON}")).load(c))?;
    Ok(rows.into_iter().map(|row| (row.k, row.n)).collect())
}

/// Puts new statistics in the place of the old.
///
/// # Errors
/// When the database fails.
pub fn replace_counts(
    connection: &mut AnyConnection,
    keys: &[(i64, i64)],
    tokens: &[(i64, i64)],
    people: i64,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    with!(&mut *connection, |c| {
        diesel::delete(match_key_stat::table).execute(c)?;
        diesel::delete(match_token_stat::table).execute(c)?;
        for chunk in keys.chunks(1_000) {
            let rows: Vec<_> = chunk.iter().map(|(k, n)| (match_key_stat::k.eq(*k), match_key_stat::n.eq(*n))).collect();
            diesel::insert_into(match_key_stat::table).values(rows).execute(c)?;
        }
        for chunk in tokens.chunks(1_000) {
            let rows: Vec<_> = chunk.iter().map(|(k, n)| (match_token_stat::k.eq(*k), match_token_stat::n.eq(*n))).collect();
            diesel::insert_into(match_token_stat::table).values(rows).execute(c)?;
        }
        diesel::delete(match_summary::table).execute(c)?;
        diesel::insert_into(match_summary::table)
            .values((match_summary::name.eq("people"), match_summary::n.eq(people), match_summary::refreshed_at.eq(Instant::new(at))))
            .execute(c)
    })?;
    if let AnyConnection::Pg(c) = connection {
        // After a large import PostgreSQL plans by what it knew before, until its own analysis comes round.
        for table in ["match_key", "match_record", "match_key_stat", "match_token_stat"] {
            sql_query(format!("ANALYZE {table}")).execute(c)?;
        }
    }
    Ok(())
}

/// How many people the index holds now. Counts them: not for every check.
///
/// # Errors
/// When the database fails.
pub fn count_people(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    Ok(with!(connection, |c| match_record::table.count().get_result(c))?)
}
