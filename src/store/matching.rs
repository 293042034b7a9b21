//! Rows of the matcher: packed records, blocking keys and how often they occur.
//!
//! A check asks with one statement whose text never changes who stands behind its rare keys, and in which version. A record of
//! that version that was fetched before is at hand ([`AtHand`]); only others are fetched. How common keys and names are is kept in
//! memory ([`Statistics`]) for as long as the counts stay the same.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant as Stopwatch};

use aws_lc_rs::digest;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::fixed::{ByNumbers, fixed};
use super::schema::{match_key, match_key_stat, match_record, match_summary, match_token_stat};
use super::types::{Instant, shows_only};

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

/// How the matcher ranks a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Has a live entry.
    Current,
    /// Had one.
    Former,
    /// Neither.
    None,
}

impl Standing {
    const ALL: [Self; 3] = [Self::Current, Self::Former, Self::None];

    /// Its code in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Former => "former",
            Self::None => "none",
        }
    }

    fn of(code: &str) -> Self {
        Self::ALL.into_iter().find(|standing| standing.as_str() == code).unwrap_or(Self::None)
    }
}

/// A packed record as it is compared.
pub struct Packed {
    /// Whose it is.
    pub pid: i64,
    /// Whether the person has a live entry, had one, or neither.
    pub standing: Standing,
    /// The keyed hash of the person's health number: entries that share it are one person, and no rivals.
    pub person: Option<i64>,
    /// The record.
    pub body: Box<[u8]>,
    /// Which version it is ([`version_of`]).
    digest: i64,
}

shows_only!(Packed: pid);

/// Which version of a record this is, by all that it says. 48 bits, which SQLite keeps in six bytes: it need only differ from what
/// the same person's record was before. Never zero, which is no version.
fn version_of(standing: Standing, person: Option<i64>, body: &[u8]) -> i64 {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(standing.as_str().as_bytes());
    context.update(&person.map_or([0; 9], |number| {
        let mut bytes = [1; 9];
        bytes[1..].copy_from_slice(&number.to_be_bytes());
        bytes
    }));
    context.update(body);
    let hash = context.finish();
    hash.as_ref().iter().take(6).fold(0, |bits, byte| bits << 8 | i64::from(*byte)).max(1)
}

/// Tells for which version of the matcher an index was made. It stands among the keys, as one that leads to nobody, so that whoever
/// reads the keys sees in the same statement, and on the same snapshot, that they are their own kind: during an update a server of
/// the version before must not take another's keys for an empty register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(i64);

/// Nobody's number.
const NOBODY: i64 = 0;

impl Mark {
    /// The mark of a version.
    #[must_use]
    pub fn of(version: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, format!("the index of version {version}").as_bytes());
        Self(hash.as_ref().iter().take(8).fold(0, |bits, byte| bits << 8 | i64::from(*byte)))
    }

    /// Puts the mark in, for an index that is about to be made.
    ///
    /// # Errors
    /// When the database fails.
    pub fn insert(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let row = (match_key::k.eq(self.0), match_key::pid.eq(NOBODY), match_key::digest.eq(1_i64));
        with!(connection, |c| diesel::insert_into(match_key::table).values(row).on_conflict_do_nothing().execute(c))?;
        Ok(())
    }

    /// Refuses to add to an index of another version: nobody of this one would find what is added, and whoever comes after would
    /// not know. Until the transaction ends, nobody else makes the index anew.
    ///
    /// # Errors
    /// [`StoreError::OtherIndex`], or when the database fails.
    pub fn hold(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let mark = match_key::table.filter(match_key::k.eq(self.0)).filter(match_key::pid.eq(NOBODY)).select(match_key::k);
        let found: Option<i64> = match connection {
            AnyConnection::Sqlite(c) => mark.first(c).optional(),
            AnyConnection::Pg(c) => mark.for_key_share().first(c).optional(),
        }?;
        found.map(drop).ok_or(StoreError::OtherIndex)
    }
}

/// Whether the index is of this version.
///
/// # Errors
/// [`StoreError::OtherIndex`] when it is not; or when the database fails.
pub fn is_of(connection: &mut AnyConnection, mark: Mark) -> Result<(), StoreError> {
    candidates(connection, &AtHand::default(), mark, &[]).map(drop)
}

/// How long a record that nobody is compared with any more stays at hand: once to twice as long. So long, too, may what was
/// erased.
const GENERATION: Duration = Duration::from_secs(1_800);
/// Bytes of a generation's records: those of a hundred thousand people.
const GENERATION_BYTES: usize = 16 << 20;

/// The records that this server has fetched lately. What is at hand counts only if the key that leads to it names the same version,
/// so it matters to no answer who changed a record, on which server, or whether that was ever committed.
#[derive(Debug)]
pub struct AtHand {
    generations: RwLock<Generations>,
}

#[derive(Debug)]
struct Generations {
    begun: Stopwatch,
    young: Generation,
    /// What was young before; what is used of it is young again.
    old: Generation,
}

/// Records one after the other, and where each begins: together they take two thirds of what each by itself would.
#[derive(Default)]
struct Generation {
    places: HashMap<i64, usize>,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation").field("records", &self.places.len()).finish_non_exhaustive()
    }
}

impl Generation {
    fn keep(&mut self, packed: &Packed) {
        let Ok(length) = u32::try_from(packed.body.len()) else { return };
        self.places.insert(packed.pid, self.bytes.len());
        self.bytes.extend_from_slice(&packed.digest.to_le_bytes());
        self.bytes.push(packed.standing as u8);
        self.bytes.push(u8::from(packed.person.is_some()));
        self.bytes.extend_from_slice(&packed.person.unwrap_or_default().to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&packed.body);
    }

    /// The record of a person in a version.
    fn get(&self, pid: i64, version: i64) -> Option<Packed> {
        let (digest, rest) = self.bytes.get(*self.places.get(&pid)?..)?.split_first_chunk()?;
        let digest = i64::from_le_bytes(*digest);
        if digest != version {
            return None;
        }
        let ([standing, is_numbered], rest) = rest.split_first_chunk()?;
        let (person, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
        let standing = Standing::ALL.into_iter().find(|one| *one as u8 == *standing)?;
        let person = (*is_numbered == 1).then_some(i64::from_le_bytes(*person));
        Some(Packed { pid, standing, person, body: body.into(), digest })
    }
}

impl Default for AtHand {
    fn default() -> Self {
        Self { generations: RwLock::new(Generations { begun: Stopwatch::now(), young: Generation::default(), old: Generation::default() }) }
    }
}

impl AtHand {
    /// The records of people in these versions, and whose must be fetched. Sorted by person; one who stands there in two versions
    /// is fetched.
    fn split(&self, behind: &[(i64, i64)]) -> (Vec<Packed>, Vec<i64>) {
        let (mut found, mut missing, mut used_again) = (Vec::with_capacity(behind.len()), Vec::new(), Vec::new());
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        for of_person in behind.chunk_by(|(one, _), (other, _)| one == other) {
            let [(pid, version)] = of_person else {
                missing.extend(of_person.first().map(|(pid, _)| *pid));
                continue;
            };
            if let Some(packed) = generations.young.get(*pid, *version) {
                found.push(packed);
            } else if let Some(packed) = generations.old.get(*pid, *version) {
                used_again.push(packed);
            } else {
                missing.push(*pid);
            }
        }
        let is_over = generations.begun.elapsed() > GENERATION;
        drop(generations);
        if is_over || !used_again.is_empty() {
            self.keep(&used_again);
        }
        found.append(&mut used_again);
        (found, missing)
    }

    fn keep(&self, records: &[Packed]) {
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        if generations.begun.elapsed() > GENERATION || generations.young.bytes.len() > GENERATION_BYTES {
            generations.old = std::mem::take(&mut generations.young);
            generations.begun = Stopwatch::now();
        }
        for packed in records {
            generations.young.keep(packed);
        }
    }
}

fixed! {
    Behind -> (BigInt, BigInt),
    "SELECT m.pid, m.digest FROM json_each(?) j CROSS JOIN match_key m ON m.k = j.value",
    "SELECT m.pid, m.digest FROM match_key m WHERE m.k = ANY(?)"
}

fixed! {
    Records -> (BigInt, Text, Nullable<BigInt>, Binary),
    "SELECT r.pid, r.standing, r.person, r.body FROM json_each(?) j CROSS JOIN match_record r ON r.pid = j.value",
    "SELECT r.pid, r.standing, r.person, r.body FROM match_record r WHERE r.pid = ANY(?)"
}

/// The packed records of the people behind any of the keys, each once.
///
/// # Errors
/// [`StoreError::OtherIndex`] when the keys are those of another version; or when the database fails.
pub fn candidates(connection: &mut AnyConnection, at_hand: &AtHand, mark: Mark, keys: &[i64]) -> Result<Vec<Packed>, StoreError> {
    let keys: Vec<i64> = keys.iter().copied().chain([mark.0]).collect();
    let mut behind: Vec<(i64, i64)> = with!(&mut *connection, |c| ByNumbers::<Behind>::new(&keys).load(c))?;
    // A person stands behind many of the keys. To sort them here costs less than to have the database do it.
    behind.sort_unstable();
    behind.dedup();
    let people = behind.partition_point(|(pid, _)| *pid <= NOBODY);
    if people == 0 {
        return Err(StoreError::OtherIndex);
    }
    behind.drain(..people);
    let (mut found, missing) = at_hand.split(&behind);
    if !missing.is_empty() {
        let fetched: Vec<(i64, String, Option<i64>, Vec<u8>)> = with!(connection, |c| ByNumbers::<Records>::new(&missing).load(c))?;
        let fetched: Vec<_> = fetched
            .into_iter()
            .map(|(pid, standing, person, body)| {
                let standing = Standing::of(&standing);
                let digest = version_of(standing, person, &body);
                Packed { pid, standing, person, body: body.into(), digest }
            })
            .collect();
        at_hand.keep(&fetched);
        found.extend(fetched);
    }
    Ok(found)
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
    /// Whether the person has a live entry, had one, or neither.
    pub standing: Standing,
    /// The keyed hash of the person's health number.
    pub person: Option<i64>,
    /// The packed record.
    pub body: Vec<u8>,
    /// The blocking keys, each once.
    pub keys: Vec<i64>,
}

/// Records that one statement adds, and keys: four and three values each, below the 32,766 that SQLite takes.
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
            match_record::standing.eq(indexed.standing.as_str()),
            match_record::person.eq(indexed.person),
            match_record::body.eq(indexed.body.as_slice()),
        ));
        let digest = version_of(indexed.standing, indexed.person, &indexed.body);
        keys.extend(indexed.keys.iter().map(|key| (*key, pid, digest)));
    }
    keys.sort_unstable();
    for chunk in records.chunks(RECORDS_PER_STATEMENT) {
        with!(&mut *connection, |c| diesel::insert_into(match_record::table).values(chunk).execute(c))?;
    }
    match connection {
        AnyConnection::Sqlite(c) => {
            for chunk in keys.chunks(KEYS_PER_STATEMENT) {
                let row =
                    |(k, pid, digest): &(i64, i64, i64)| (match_key::k.eq(*k), match_key::pid.eq(*pid), match_key::digest.eq(*digest));
                let rows: Vec<_> = chunk.iter().map(row).collect();
                diesel::insert_into(match_key::table).values(&rows).execute(c)?;
            }
        }
        AnyConnection::Pg(c) => {
            sql_query("INSERT INTO match_key (k, pid, digest) SELECT * FROM unnest($1, $2, $3)")
                .bind::<Array<BigInt>, _>(keys.iter().map(|row| row.0).collect::<Vec<_>>())
                .bind::<Array<BigInt>, _>(keys.iter().map(|row| row.1).collect::<Vec<_>>())
                .bind::<Array<BigInt>, _>(keys.iter().map(|row| row.2).collect::<Vec<_>>())
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

/// Keeps everybody else from changing the index until the transaction ends. To be called first of all: what the transaction then
/// reads is what those who were changing it left. Checks go on reading. It may take as long as it takes: of two servers that start
/// together one waits until the other has made the index.
///
/// # Errors
/// When the database fails.
pub fn take_over(connection: &mut AnyConnection) -> Result<(), StoreError> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(()),
        // It is against the lock under which [`Mark::hold`] reads.
        AnyConnection::Pg(_) => Ok(connection.execute("SET LOCAL statement_timeout = 0; LOCK TABLE match_key IN EXCLUSIVE MODE")?),
    }
}

/// Empties the index, to build it anew as one of this version.
///
/// # Errors
/// When the database fails.
pub fn clear(connection: &mut AnyConnection, mark: Mark) -> Result<(), StoreError> {
    with!(&mut *connection, |c| {
        diesel::delete(match_key::table).execute(c)?;
        diesel::delete(match_record::table).execute(c)
    })?;
    mark.insert(connection)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pid: i64, standing: Standing, body: &[u8]) -> Packed {
        let person = (pid % 2 == 0).then_some(-pid);
        let digest = version_of(standing, person, body);
        Packed { pid, standing, person, body: body.into(), digest }
    }

    /// Who is at hand of those behind some keys, and who must be fetched.
    fn split(at_hand: &AtHand, behind: &[(i64, i64)]) -> (Vec<i64>, Vec<i64>) {
        let (found, missing) = at_hand.split(behind);
        for packed in &found {
            assert_eq!(packed.digest, version_of(packed.standing, packed.person, &packed.body), "not as it was kept");
        }
        (found.iter().map(|packed| packed.pid).collect(), missing)
    }

    fn age(at_hand: &AtHand) {
        let mut generations = at_hand.generations.write().expect("a lock");
        generations.begun = Stopwatch::now().checked_sub(GENERATION * 2).expect("an earlier time");
    }

    #[test]
    fn a_version_is_all_that_a_record_says_and_never_none() {
        let versions = [
            version_of(Standing::Current, None, b"Seren"),
            version_of(Standing::Former, None, b"Seren"),
            version_of(Standing::Current, Some(0), b"Seren"),
            version_of(Standing::Current, Some(1), b"Seren"),
            version_of(Standing::Current, None, b"Sere"),
        ];
        let mut different = versions.to_vec();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), versions.len());
        assert!(versions.iter().all(|version| (1..1 << 48).contains(version)));
        assert_eq!(versions[0], version_of(Standing::Current, None, b"Seren"));
    }

    #[test]
    fn only_the_version_that_a_key_names_is_at_hand() {
        let at_hand = AtHand::default();
        let (one, two) = (record(1, Standing::Current, b"one"), record(2, Standing::Current, b"two"));
        let later = record(2, Standing::Former, b"two");
        assert_eq!(split(&at_hand, &[(1, one.digest)]), (vec![], vec![1]));
        let (first, second) = (one.digest, two.digest);
        at_hand.keep(&[one, two]);
        assert_eq!(split(&at_hand, &[(1, first), (2, second), (3, second)]), (vec![1, 2], vec![3]));
        // No version; another one; and two at once, of which nobody can say which holds.
        assert_eq!(split(&at_hand, &[(1, 0), (2, later.digest)]), (vec![], vec![1, 2]));
        assert_eq!(split(&at_hand, &[(1, first), (2, second), (2, later.digest)]), (vec![1], vec![2]));
        let last = later.digest;
        at_hand.keep(&[later]);
        assert_eq!(split(&at_hand, &[(2, second)]), (vec![], vec![2]));
        assert_eq!(split(&at_hand, &[(2, last)]), (vec![2], vec![]));
    }

    #[test]
    fn what_nobody_is_compared_with_any_more_is_forgotten() {
        let at_hand = AtHand::default();
        let records: Vec<_> = (0..4).map(|pid| record(pid, Standing::Current, b"a child")).collect();
        let behind = |pid: usize| (records[pid].pid, records[pid].digest);
        at_hand.keep(&records[0..2]);
        age(&at_hand);
        at_hand.keep(&records[2..3]);
        // Used in the second generation, the first one stays for a third.
        assert_eq!(split(&at_hand, &[behind(0)]), (vec![0], vec![]));
        age(&at_hand);
        at_hand.keep(&records[3..4]);
        assert_eq!(split(&at_hand, &[behind(0), behind(1), behind(2), behind(3)]), (vec![3, 0, 2], vec![1]));
        // Nothing new need come for that.
        age(&at_hand);
        assert_eq!(split(&at_hand, &[behind(2)]), (vec![2], vec![]));
        age(&at_hand);
        assert_eq!(split(&at_hand, &[]), (vec![], vec![]));
        assert_eq!(split(&at_hand, &[behind(0), behind(2)]), (vec![], vec![0, 2]));
    }
}
