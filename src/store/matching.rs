//! Rows of the matcher: packed records, blocking keys and how often they occur.
//!
//! A check asks three times, each with one statement whose text never changes: how common its keys are, who stands behind
//! the rare ones, and what is known of those. Lists of keys go in as one JSON array on SQLite and as one array on
//! PostgreSQL.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use super::connection::{AnyConnection, with};
use super::error::StoreError;
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

#[derive(QueryableByName)]
struct BodyRow {
    #[diesel(sql_type = BigInt)]
    pid: i64,
    #[diesel(sql_type = Text)]
    standing: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    person: Option<i64>,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

/// A packed record as it is compared.
#[derive(Debug)]
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

fn json(numbers: &[i64]) -> String {
    let mut text = String::with_capacity(numbers.len() * 16 + 2);
    text.push('[');
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&number.to_string());
    }
    text.push(']');
    text
}

macro_rules! by_numbers {
    ($connection:expr, $numbers:expr, $sqlite:literal, $postgres:literal) => {
        match $connection {
            AnyConnection::Sqlite(c) => sql_query($sqlite).bind::<Text, _>(json($numbers)).load(c),
            AnyConnection::Pg(c) => sql_query($postgres).bind::<Array<BigInt>, _>($numbers).load(c),
        }
    };
}

/// How many people stand behind each of the keys that are common; a key that is not answered is rare.
///
/// # Errors
/// When the database fails.
pub fn key_counts(connection: &mut AnyConnection, keys: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows: Vec<CountRow> = by_numbers!(
        connection,
        keys,
        "SELECT s.k, s.n FROM json_each(?) j CROSS JOIN match_key_stat s ON s.k = j.value",
        "SELECT s.k, s.n FROM match_key_stat s WHERE s.k = ANY($1)"
    )?;
    Ok(rows.into_iter().map(|row| (row.k, row.n)).collect())
}

/// How often each of the name counters occurs; one that is not answered does not.
///
/// # Errors
/// When the database fails.
pub fn token_counts(connection: &mut AnyConnection, tokens: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows: Vec<CountRow> = by_numbers!(
        connection,
        tokens,
        "SELECT s.k, s.n FROM json_each(?) j CROSS JOIN match_token_stat s ON s.k = j.value",
        "SELECT s.k, s.n FROM match_token_stat s WHERE s.k = ANY($1)"
    )?;
    Ok(rows.into_iter().map(|row| (row.k, row.n)).collect())
}

/// The people behind any of the keys, each once for every key that leads to them.
///
/// # Errors
/// When the database fails.
pub fn behind(connection: &mut AnyConnection, keys: &[i64]) -> Result<Vec<i64>, StoreError> {
    let rows: Vec<NumberRow> = by_numbers!(
        connection,
        keys,
        "SELECT m.pid FROM json_each(?) j CROSS JOIN match_key m ON m.k = j.value",
        "SELECT m.pid FROM match_key m WHERE m.k = ANY($1)"
    )?;
    Ok(rows.into_iter().map(|row| row.pid).collect())
}

/// The packed records of people.
///
/// # Errors
/// When the database fails.
pub fn bodies(connection: &mut AnyConnection, pids: &[i64]) -> Result<Vec<Packed>, StoreError> {
    let rows: Vec<BodyRow> = by_numbers!(
        connection,
        pids,
        "SELECT r.pid, r.standing, r.person, r.body FROM json_each(?) j CROSS JOIN match_record r ON r.pid = j.value",
        "SELECT r.pid, r.standing, r.person, r.body FROM match_record r WHERE r.pid = ANY($1)"
    )?;
    Ok(rows.into_iter().map(|row| Packed { pid: row.pid, standing: row.standing, person: row.person, body: row.body }).collect())
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

/// How many people the index held when the statistics were last counted.
///
/// # Errors
/// When the database fails.
pub fn people(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let counted: Option<i64> = with!(connection, |c| match_summary::table.find("people").select(match_summary::n).first(c).optional())?;
    Ok(counted.unwrap_or(0))
}

/// How many people the index holds now. Counts them: not for every check.
///
/// # Errors
/// When the database fails.
pub fn count_people(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    Ok(with!(connection, |c| match_record::table.count().get_result(c))?)
}
