//! Re-walking the audit log with nothing but the database and public keys: every entry is hashed again and compared with its
//! columns, its place, the chain, the tree and every signed checkpoint. The first thing that is wrong is named.
//!
//! Everything is read as bytes: what somebody changed may no longer be text, a number or a time, and must be named all the
//! same.
//!
//! What cannot be noticed from the database alone: that the whole end of the log was cut off, together with its checkpoints.
//! A checkpoint that somebody else holds (`held`), a receipt or an inclusion proof shows that.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use diesel::connection::DefaultLoadingMode;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable};
use uuid::Uuid;

use super::audit::{self, AuditRecord};
use super::connection::{AnyConnection, DatabaseUrl, with};
use super::error::StoreError;
use super::merkle::{self, Growing, Hash};
use super::note::{self, Checkpoint};
use crate::authz::Operation;

/// Entries that are read at once.
const PAGE: i64 = 1_000;

/// What was done to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tampering {
    /// Something in it was changed.
    Altered,
    /// Something is gone.
    Removed,
    /// Something was put in that the log never had.
    Inserted,
    /// Entries changed places.
    Reordered,
}

impl Tampering {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Removed => "removed",
            Self::Inserted => "inserted",
            Self::Reordered => "reordered",
        }
    }
}

/// The first thing that does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What was done.
    pub tampering: Tampering,
    /// The place in the log, from 0; nothing for what has no place.
    pub index: Option<u64>,
    /// The entry, as far as its identifier can be read.
    pub entry: Option<String>,
    /// What exactly does not fit.
    pub what: String,
}

/// What a walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// Entries that were walked.
    pub entries: u64,
    /// Entries that have no place yet (PostgreSQL, between two runs of the sequencer).
    pub waiting: u64,
    /// Checkpoints that were verified.
    pub checkpoints: u64,
    /// Entries that the last checkpoint does not cover yet.
    pub uncovered: u64,
    /// Kept questions that were compared with what the log committed to.
    pub questions: u64,
    /// Entries whose commitments can no longer be opened, because their key was destroyed.
    pub forgotten: u64,
    /// The last checkpoint.
    pub last: Option<Checkpoint>,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// What a walk needs besides the database.
#[allow(missing_debug_implementations)] // holds a function
pub struct Means<'a> {
    /// The origin of the log, `cofrestr/REGION/audit`; nothing to take that of the first checkpoint.
    pub origin: Option<String>,
    /// The public keys of the log, 32 bytes each.
    pub keys: &'a [Vec<u8>],
    /// Checkpoints that were kept elsewhere: the log must contain what they saw.
    pub held: &'a [String],
    /// Told how many entries were walked, and how many there are.
    pub progress: &'a mut dyn FnMut(u64, u64),
}

fn fault(tampering: Tampering, index: impl Into<Option<u64>>, entry: Option<&[u8]>, what: impl Into<String>) -> Fault {
    Fault { tampering, index: index.into(), entry: entry.map(|id| String::from_utf8_lossy(id).into_owned()), what: what.into() }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = Nullable<Binary>)]
    value: Option<Vec<u8>>,
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = Nullable<Binary>)]
    entry: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    value: Option<Vec<u8>>,
}

#[derive(QueryableByName)]
struct LeafRow {
    #[diesel(sql_type = BigInt)]
    leaf_index: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    leaf_hash: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    chain: Option<Vec<u8>>,
}

#[derive(QueryableByName)]
struct NodeRow {
    #[diesel(sql_type = BigInt)]
    level: i64,
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    hash: Option<Vec<u8>>,
}

#[derive(QueryableByName)]
struct CheckpointBytes {
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    root: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    signed_at: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    note: Option<Vec<u8>>,
}

macro_rules! entry_row {
    ($($column:ident),+) => {
        /// A place in the log with the entry that stands there, as bytes.
        #[derive(QueryableByName)]
        struct EntryBytes {
            #[diesel(sql_type = BigInt)]
            leaf_index: i64,
            #[diesel(sql_type = Nullable<Binary>)]
            place_entry: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            place_hash: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            chain: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            leaf_hash: Option<Vec<u8>>,
            #[diesel(sql_type = Nullable<Binary>)]
            commitment_key: Option<Vec<u8>>,
            $(#[diesel(sql_type = Nullable<Binary>)] $column: Option<Vec<u8>>,)+
        }

        /// The columns of an entry that are read as text.
        const COLUMNS: &[&str] = &[$(stringify!($column)),+];
    };
}
entry_row!(
    id,
    recorded_at,
    operation,
    outcome,
    code,
    subject,
    client,
    role,
    organisation,
    reason,
    enquiry_id,
    request_id,
    correlation_id,
    record
);

/// The walk over one database.
struct Walker<'a> {
    connection: &'a mut AnyConnection,
}

impl Walker<'_> {
    fn is_sqlite(&self) -> bool {
        matches!(self.connection, AnyConnection::Sqlite(_))
    }

    /// A column as the bytes of its text.
    fn bytes(&self, column: &str) -> String {
        match (self.is_sqlite(), column.ends_with("_at")) {
            (true, _) => format!("CAST({column} AS BLOB)"),
            (false, true) => format!(
                "convert_to(to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || CASE WHEN {column} < '0001-01-01' THEN 'BC' ELSE '' END, 'UTF8')"
            ),
            (false, false) => format!("convert_to({column}::text, 'UTF8')"),
        }
    }

    fn load<T>(&mut self, sql: &str) -> Result<Vec<T>, StoreError>
    where
        T: diesel::deserialize::QueryableByName<diesel::pg::Pg> + diesel::deserialize::QueryableByName<diesel::sqlite::Sqlite> + 'static,
    {
        Ok(with!(&mut *self.connection, |c| diesel::sql_query(sql).load(c))?)
    }

    /// The same one row after another, for tables of any size.
    fn each(&mut self, sql: &str, mut see: impl FnMut(Pair)) -> Result<(), StoreError> {
        match &mut *self.connection {
            AnyConnection::Sqlite(c) => {
                for row in diesel::sql_query(sql).load_iter::<Pair, DefaultLoadingMode>(c)? {
                    see(row?);
                }
            }
            AnyConnection::Pg(c) => {
                for row in diesel::sql_query(sql).load_iter::<Pair, PgRowByRowLoadingMode>(c)? {
                    see(row?);
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, what: &str) -> Result<u64, StoreError> {
        let rows: Vec<Count> = self.load(&format!("SELECT CAST(count(*) AS BIGINT) AS n FROM {what}"))?;
        Ok(rows.first().map_or(0, |row| u64::try_from(row.n).unwrap_or(0)))
    }

    fn values(&mut self, column: &str, rest: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = format!("SELECT {} AS value FROM {rest}", self.bytes(column));
        Ok(self.load::<One>(&sql)?.into_iter().map(|row| row.value.unwrap_or_default()).collect())
    }

    fn page(&mut self, after: i64) -> Result<Vec<EntryBytes>, StoreError> {
        let columns: Vec<String> = COLUMNS.iter().map(|column| format!("{} AS {column}", self.bytes(&format!("e.{column}")))).collect();
        let sql = format!(
            "SELECT l.leaf_index, {} AS place_entry, l.leaf_hash AS place_hash, l.chain AS chain, e.leaf_hash AS leaf_hash,
                    k.key AS commitment_key, {}
             FROM audit_leaf l LEFT JOIN audit_entry e ON e.id = l.entry_id LEFT JOIN audit_commitment k ON k.entry_id = l.entry_id
             WHERE l.leaf_index > {after} ORDER BY l.leaf_index LIMIT {PAGE}",
            self.bytes("l.entry_id"),
            columns.join(", "),
        );
        self.load(&sql)
    }

    fn checkpoints(&mut self, after: i64) -> Result<Vec<CheckpointBytes>, StoreError> {
        let sql = format!(
            "SELECT size, root, {} AS signed_at, {} AS note FROM audit_checkpoint WHERE size > {after} ORDER BY size LIMIT {PAGE}",
            self.bytes("signed_at"),
            self.bytes("note"),
        );
        self.load(&sql)
    }

    /// The first place in the log for which `fits` says yes.
    fn search(&mut self, mut fits: impl FnMut(&LeafRow) -> bool) -> Result<Option<LeafRow>, StoreError> {
        let mut after = i64::MIN;
        loop {
            let rows: Vec<LeafRow> = self.load(&format!(
                "SELECT leaf_index, leaf_hash, chain FROM audit_leaf WHERE leaf_index > {after} ORDER BY leaf_index LIMIT {PAGE}"
            ))?;
            let Some(last) = rows.last() else { return Ok(None) };
            after = last.leaf_index;
            if let Some(found) = rows.into_iter().find(|row| fits(row)) {
                return Ok(Some(found));
            }
        }
    }

    /// What happened at a place whose link does not fit the chain before it.
    fn explain(&mut self, index: u64, before: &Hash, row: &EntryBytes, last_size: u64) -> Result<Fault, StoreError> {
        let entry = row.id.as_deref().or(row.place_entry.as_deref());
        let (stated, chain) = (row.place_hash.as_deref().unwrap_or_default(), row.chain.as_deref().unwrap_or_default());
        if let Some(record) = &row.record
            && merkle::link(before, &merkle::leaf(record)) == chain
        {
            return Ok(fault(Tampering::Altered, index, entry, "the hash at its place in the log is not that of the entry"));
        }
        let this = i64::try_from(index).unwrap_or(i64::MAX);
        let next = self.search(|other| other.leaf_index == this + 1)?;
        let follows = |chain: &[u8]| {
            next.as_ref()
                .is_some_and(|next| next.chain.as_deref() == Some(&merkle::link(chain, next.leaf_hash.as_deref().unwrap_or_default())[..]))
        };
        if follows(&merkle::link(before, stated)) {
            return Ok(fault(Tampering::Altered, index, entry, "the link at its place in the log is not that of the chain"));
        }
        // It continues what stands further back: whatever stands between was put there.
        let further_back = if index > 0 && merkle::link(&merkle::empty(), stated) == chain {
            Some(0)
        } else {
            let found = self
                .search(|other| other.leaf_index < this - 1 && merkle::link(other.chain.as_deref().unwrap_or_default(), stated) == chain)?;
            found.and_then(|found| u64::try_from(found.leaf_index + 1).ok())
        };
        if let Some(first) = further_back {
            let what = format!("the log had the entry that is now at {index} here");
            return Ok(fault(Tampering::Inserted, first, None, what));
        }
        let belongs = self.search(|other| {
            other.leaf_index != this
                && other.chain.as_deref() == Some(&merkle::link(before, other.leaf_hash.as_deref().unwrap_or_default())[..])
        })?;
        if let Some(belongs) = belongs {
            let elsewhere = self.search(|other| merkle::link(other.chain.as_deref().unwrap_or_default(), stated) == chain)?;
            return Ok(if elsewhere.is_some() {
                fault(Tampering::Reordered, index, entry, format!("the entry at {} belongs here", belongs.leaf_index))
            } else {
                fault(Tampering::Inserted, index, entry, format!("the log had the entry that is now at {} here", belongs.leaf_index))
            });
        }
        let swapped = self.search(|other| merkle::link(before, other.leaf_hash.as_deref().unwrap_or_default()) == chain)?;
        if let Some(swapped) = swapped {
            return Ok(fault(Tampering::Reordered, index, entry, format!("the entry at {} belongs here", swapped.leaf_index)));
        }
        let elsewhere = self.search(|other| merkle::link(other.chain.as_deref().unwrap_or_default(), stated) == chain)?;
        if elsewhere.is_some() {
            return Ok(fault(Tampering::Reordered, index, entry, "the entry belongs to another place"));
        }
        if self.count("audit_leaf")? < last_size {
            return Ok(fault(Tampering::Removed, index, None, "what stood here is gone, and what followed was moved up"));
        }
        Ok(fault(
            Tampering::Altered,
            index,
            entry,
            "it does not continue the chain: it was changed with its hash, or what stood before it was removed",
        ))
    }

    /// What happened where the log has no entry.
    fn gap(&mut self, index: u64, before: &Hash) -> Result<Fault, StoreError> {
        let moved =
            self.search(|row| row.chain.as_deref() == Some(&merkle::link(before, row.leaf_hash.as_deref().unwrap_or_default())[..]))?;
        Ok(match moved {
            Some(row) => fault(Tampering::Reordered, index, None, format!("the entry that belongs here is at {}", row.leaf_index)),
            None => fault(Tampering::Removed, index, None, "there is nothing at this place of the log"),
        })
    }

    /// Compares a place with its entry; answers what the entry says.
    fn compare(&mut self, index: u64, row: &EntryBytes) -> Result<Result<AuditRecord, Fault>, StoreError> {
        let entry = row.id.as_deref().or(row.place_entry.as_deref());
        let stated = row.place_hash.as_deref().unwrap_or_default();
        let (Some(id), Some(record)) = (&row.id, &row.record) else {
            let hex = hex::encode(stated);
            let literal = if self.is_sqlite() { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") };
            let known = self.values("id", &format!("audit_entry WHERE leaf_hash = {literal} LIMIT 1"))?;
            return Ok(Err(match known.first() {
                Some(id) => fault(Tampering::Altered, index, Some(id), "its identifier, or the one at its place in the log, was changed"),
                None => fault(Tampering::Removed, index, entry, "the entry is gone; only its place in the log is left"),
            }));
        };
        let hash = merkle::leaf(record);
        if hash != stated {
            let hex = hex::encode(hash);
            let literal = if self.is_sqlite() { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") };
            let place = self.count(&format!("audit_leaf WHERE leaf_hash = {literal}"))?;
            return Ok(Err(if place > 0 {
                fault(Tampering::Reordered, index, entry, "this place of the log belongs to another entry")
            } else {
                fault(Tampering::Altered, index, entry, "the record does not have the hash under which it stands in the log")
            }));
        }
        if row.leaf_hash.as_deref() != Some(&hash[..]) {
            return Ok(Err(fault(Tampering::Altered, index, entry, "column leaf_hash is not the hash of the record")));
        }
        let altered = |what: String| Ok(Err(fault(Tampering::Altered, index, Some(id), what)));
        let Ok(said) = serde_json::from_slice::<AuditRecord>(record) else {
            return altered("the record is not an audit record".into());
        };
        let text = |value: &Option<String>| value.as_ref().map(|value| value.as_bytes().to_vec());
        let must = |value: &str| Some(value.as_bytes().to_vec());
        let columns = [
            ("id", &row.id, must(&said.id.to_string())),
            ("recorded_at", &row.recorded_at, must(&said.recorded_at)),
            ("operation", &row.operation, must(&said.operation)),
            ("outcome", &row.outcome, must(&said.outcome)),
            ("code", &row.code, text(&said.code)),
            ("subject", &row.subject, text(&said.subject)),
            ("client", &row.client, text(&said.client)),
            ("role", &row.role, text(&said.role)),
            ("organisation", &row.organisation, text(&said.organisation)),
            ("reason", &row.reason, text(&said.reason)),
            ("enquiry_id", &row.enquiry_id, said.enquiry.map(|id| id.to_string().into_bytes())),
            ("request_id", &row.request_id, must(&said.request.to_string())),
            ("correlation_id", &row.correlation_id, must(&said.correlation.to_string())),
        ];
        if let Some((name, ..)) = columns.iter().find(|(_, column, value)| *column != value) {
            return altered(format!("column {name} does not say what the record says"));
        }
        let digest = said.detail.iter().find(|(name, _)| name == audit::COMMITMENT_KEY).map(|(_, digest)| digest);
        match (&row.commitment_key, digest) {
            (Some(key), Some(digest)) if hex::encode(audit::key_digest(key)) != *digest => {
                return altered("the key of its commitments was changed".into());
            }
            (Some(_), None) => return Ok(Err(fault(Tampering::Inserted, index, Some(id), "a key for commitments that it does not have"))),
            _ => {}
        }
        Ok(Ok(said))
    }

    /// Compares the questions that are kept with what the entries of a page committed to.
    fn questions(&mut self, committed: &[Committed], walk: &mut Walk) -> Result<Option<Fault>, StoreError> {
        for chunk in committed.chunks(500) {
            let ids: Vec<_> = chunk.iter().map(|committed| format!("'{}'", committed.check)).collect();
            let sql = format!(
                "SELECT {} AS entry, {} AS value FROM enquiry WHERE id IN ({})",
                self.bytes("id"),
                self.bytes("question"),
                ids.join(", ")
            );
            let kept: HashMap<Vec<u8>, Vec<u8>> =
                self.load::<Pair>(&sql)?.into_iter().map(|row| (row.entry.unwrap_or_default(), row.value.unwrap_or_default())).collect();
            for Committed { index, entry, key, check, commitment, alone } in chunk {
                let gone = |what: String| Ok(Some(fault(Tampering::Removed, *index, Some(entry.to_string().as_bytes()), what)));
                let (key, question) = match (key, kept.get(check.to_string().as_bytes())) {
                    (Some(key), Some(question)) => (key, question),
                    (None, Some(_)) if *alone => {
                        return gone(format!("the question of check {check} is kept, and the key that opens its commitment is gone"));
                    }
                    (Some(_), None) if *alone => {
                        return gone(format!("check {check} is gone, and the key that opens the commitment to its question is kept"));
                    }
                    _ => continue,
                };
                walk.questions += 1;
                let fits = std::str::from_utf8(question).is_ok_and(|question| hex::encode(audit::commitment(key, question)) == *commitment);
                if !fits {
                    let what = format!("the question kept for check {check} is not the one that was asked");
                    return Ok(Some(fault(Tampering::Altered, *index, Some(entry.to_string().as_bytes()), what)));
                }
            }
        }
        Ok(None)
    }

    /// The first entry, before a place, whose children are not those of its record.
    fn wrong_children(&mut self, before: u64) -> Result<Option<Fault>, StoreError> {
        let mut kept: HashMap<Vec<u8>, HashSet<Vec<u8>>> = HashMap::new();
        let sql = format!("SELECT {} AS entry, {} AS value FROM audit_child", self.bytes("entry_id"), self.bytes("child_id"));
        self.each(&sql, |row| {
            kept.entry(row.entry.unwrap_or_default()).or_default().insert(row.value.unwrap_or_default());
        })?;
        let (mut index, mut after) = (0, i64::MIN);
        loop {
            let rows = self.page(after)?;
            let Some(last) = rows.last() else { break };
            after = last.leaf_index;
            for row in &rows {
                if index == before {
                    return Ok(None);
                }
                let id = row.id.clone().unwrap_or_default();
                let said: HashSet<Vec<u8>> = row
                    .record
                    .as_deref()
                    .and_then(|record| serde_json::from_slice::<AuditRecord>(record).ok())
                    .map(|record| record.children.iter().map(|child| child.to_string().into_bytes()).collect())
                    .unwrap_or_default();
                let found = kept.remove(&id).unwrap_or_default();
                if found != said {
                    let tampering = if said.is_subset(&found) {
                        Tampering::Inserted
                    } else if found.is_subset(&said) {
                        Tampering::Removed
                    } else {
                        Tampering::Altered
                    };
                    return Ok(Some(fault(
                        tampering,
                        index,
                        Some(&id),
                        "the children under which it is found are not those of the record",
                    )));
                }
                index += 1;
            }
        }
        // Entries that wait for their place have children too.
        for id in self.values("entry_id", "audit_pending")? {
            kept.remove(&id);
        }
        Ok(kept.keys().next().map(|id| fault(Tampering::Inserted, None, Some(id), "children of an entry that the log does not have")))
    }

    /// What stands in the tables and belongs to no place of the log.
    fn strays(&mut self, walk: &mut Walk) -> Result<Option<Fault>, StoreError> {
        let without_entry = "WHERE NOT EXISTS (SELECT 1 FROM audit_entry e WHERE e.id = s.entry_id) LIMIT 1";
        for (table, what) in [
            ("audit_pending", "an entry that does not exist waits for its place"),
            ("audit_commitment", "a key for commitments of an entry that does not exist"),
        ] {
            if let Some(id) = self.values("s.entry_id", &format!("{table} s {without_entry}"))?.first() {
                return Ok(Some(fault(Tampering::Altered, None, Some(id), what)));
            }
        }
        let placed_twice = "audit_pending s WHERE EXISTS (SELECT 1 FROM audit_leaf l WHERE l.entry_id = s.entry_id) LIMIT 1";
        if let Some(id) = self.values("s.entry_id", placed_twice)?.first() {
            return Ok(Some(fault(Tampering::Inserted, None, Some(id), "it waits for a place and has one")));
        }
        let nowhere = "audit_entry e WHERE NOT EXISTS (SELECT 1 FROM audit_leaf l WHERE l.entry_id = e.id)
                       AND NOT EXISTS (SELECT 1 FROM audit_pending p WHERE p.entry_id = e.id) ORDER BY e.id LIMIT 1";
        if let Some(id) = self.values("e.id", nowhere)?.first() {
            return Ok(Some(fault(Tampering::Inserted, None, Some(id), "the entry has no place in the log and does not wait for one")));
        }
        // Entries that wait are compared with themselves: nothing holds them yet but their own hash.
        let columns: Vec<String> = COLUMNS.iter().map(|column| format!("{} AS {column}", self.bytes(&format!("e.{column}")))).collect();
        let sql = format!(
            "SELECT CAST(-1 AS BIGINT) AS leaf_index, {} AS place_entry, e.leaf_hash AS place_hash, e.leaf_hash AS chain, e.leaf_hash AS leaf_hash,
                    k.key AS commitment_key, {}
             FROM audit_pending p JOIN audit_entry e ON e.id = p.entry_id LEFT JOIN audit_commitment k ON k.entry_id = p.entry_id ORDER BY e.id",
            self.bytes("p.entry_id"),
            columns.join(", "),
        );
        let mut committed = Vec::new();
        for row in self.load::<EntryBytes>(&sql)? {
            walk.waiting += 1;
            match self.compare(0, &row)? {
                Ok(said) => committed.extend(commitments(&row, &said, None, walk)),
                Err(fault) => return Ok(Some(Fault { index: None, ..fault })),
            }
        }
        self.questions(&committed, walk)
    }
}

/// A commitment to a question, with the key that opens it.
struct Committed {
    index: Option<u64>,
    entry: Uuid,
    /// Nothing once it was destroyed.
    key: Option<Vec<u8>>,
    check: Uuid,
    commitment: String,
    /// Whether the entry is of this check alone: then question and key are kept together and destroyed together. Of several that
    /// were asked at once some may be kept longer than others.
    alone: bool,
}

/// The commitments of an entry.
fn commitments(row: &EntryBytes, said: &AuditRecord, index: Option<u64>, walk: &mut Walk) -> Vec<Committed> {
    let commitments = said.detail.iter().filter(|(name, _)| name == audit::QUESTION);
    let key = &row.commitment_key;
    let is_kept = said.operation == Operation::AskCheck.as_str() && matches!(said.outcome.as_str(), "granted" | "empty");
    let found: Vec<Committed> = commitments
        .filter_map(|(_, value)| {
            let (check, commitment) = value.split_once(':')?;
            let check = Uuid::parse_str(check).ok()?;
            let alone = is_kept && said.enquiry == Some(check);
            Some(Committed { index, entry: said.id, key: key.clone(), check, commitment: commitment.to_owned(), alone })
        })
        .collect();
    walk.forgotten += u64::from(key.is_none() && !found.is_empty());
    found
}

/// A sum over a set that does not depend on its order. The key is random and new for each walk: nobody can prepare two sets
/// with the same sum.
#[derive(Default, PartialEq, Eq)]
struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, key: &Hash, entry: &[u8], child: &[u8]) {
        let hash = merkle::link(key, &[&(entry.len() as u64).to_be_bytes()[..], entry, child].concat());
        for (lane, bytes) in self.0.iter_mut().zip(hash.chunks_exact(8)) {
            *lane = lane.wrapping_add(u64::from_le_bytes(bytes.try_into().unwrap_or_default()));
        }
    }
}

/// Walks the log of a database.
///
/// # Errors
/// When the database cannot be read at all.
pub fn walk(url: &DatabaseUrl, means: &mut Means<'_>) -> Result<Walk, StoreError> {
    let mut connection = AnyConnection::open(url)?;
    let begin = match url {
        DatabaseUrl::Sqlite(_) => "BEGIN",
        // A long walk is one statement after another, each short; only the whole of it takes time.
        DatabaseUrl::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0",
    };
    connection.execute(begin)?;
    let mut walk = Walk::default();
    let mut walker = Walker { connection: &mut connection };
    walk.fault = whole(&mut walker, means, &mut walk)?;
    // The first thing that is wrong may be in the children's table, which is compared as a whole.
    if let Some(Fault { index: Some(index), .. }) = &walk.fault
        && let Some(earlier) = walker.wrong_children(*index)?
    {
        walk.fault = Some(earlier);
    }
    let _ = connection.execute("COMMIT");
    Ok(walk)
}

fn whole(walker: &mut Walker<'_>, means: &mut Means<'_>, walk: &mut Walk) -> Result<Option<Fault>, StoreError> {
    let total = walker.count("audit_leaf")?;
    let last_size = walker.load::<Count>("SELECT COALESCE(max(size), 0) AS n FROM audit_checkpoint")?.first().map_or(0, |row| row.n);
    let last_size = u64::try_from(last_size).unwrap_or(0);
    let mut secret = [0; 32];
    SystemRandom::new().fill(&mut secret).map_err(|_| StoreError::Corrupt("the random source"))?;
    let (mut said_children, mut kept_children) = (Sum::default(), Sum::default());
    let mut held = Vec::new();
    for note in means.held {
        match note::open(note, means.keys) {
            Ok(checkpoint) => held.push(checkpoint),
            Err(error) => return Ok(Some(fault(Tampering::Altered, None, None, format!("a checkpoint that was kept elsewhere: {error}")))),
        }
    }
    let mut tree = Growing::default();
    let mut chain = merkle::empty();
    let mut nodes: BTreeMap<(i64, i64), Hash> = BTreeMap::new();
    let mut ahead = walker.checkpoints(i64::MIN)?.into_iter();
    let mut checkpoint = ahead.next();
    let mut covered = 0;
    let mut after = i64::MIN;
    loop {
        let rows = walker.page(after)?;
        let at_end = rows.is_empty();
        let mut committed = Vec::new();
        let mut found = None;
        // One round more than there are rows: a checkpoint is looked at before the entry that follows it.
        for row in rows.iter().map(Some).chain(at_end.then_some(None)) {
            while let Some(kept) =
                checkpoint.take_if(|kept| u64::try_from(kept.size).is_ok_and(|size| size == tree.size()) || kept.size < 0)
            {
                if let Some(fault) = check_checkpoint(&kept, &tree, covered, means, walk) {
                    found = Some(fault);
                    break;
                }
                covered = tree.size();
                let last = kept.size;
                checkpoint = ahead.next();
                if checkpoint.is_none() {
                    ahead = walker.checkpoints(last)?.into_iter();
                    checkpoint = ahead.next();
                }
            }
            if found.is_some() {
                break;
            }
            if let Some(seen) = held.iter().find(|seen| seen.size == tree.size() && seen.root != tree.root()) {
                let what = format!("a checkpoint that was kept elsewhere saw other entries before {}", seen.size);
                return Ok(Some(fault(Tampering::Altered, covered, None, what)));
            }
            let Some(row) = row else { break };
            let index = tree.size();
            if row.leaf_index < 0 {
                found = Some(fault(Tampering::Altered, None, row.place_entry.as_deref(), "its place in the log is below the first"));
                break;
            }
            if u64::try_from(row.leaf_index) != Ok(index) {
                found = Some(walker.gap(index, &chain)?);
                break;
            }
            let stated = row.place_hash.as_deref().unwrap_or_default();
            let link = merkle::link(&chain, stated);
            if row.chain.as_deref() != Some(&link[..]) {
                found = Some(walker.explain(index, &chain, row, last_size)?);
                break;
            }
            let said = match walker.compare(index, row)? {
                Ok(said) => said,
                Err(fault) => {
                    found = Some(fault);
                    break;
                }
            };
            let id = said.id.to_string();
            for child in &said.children {
                said_children.add(&secret, id.as_bytes(), child.to_string().as_bytes());
            }
            committed.extend(commitments(row, &said, Some(index), walk));
            chain = link;
            tree.push(merkle::leaf(row.record.as_deref().unwrap_or_default()), |level, position, hash| {
                if let (level, Ok(position)) = (i64::from(level), i64::try_from(position)) {
                    nodes.insert((level, position), hash);
                }
            });
            after = row.leaf_index;
            walk.entries += 1;
        }
        if let Some(fault) = walker.questions(&committed, walk)? {
            return Ok(Some(fault));
        }
        if found.is_some() {
            return Ok(found);
        }
        (means.progress)(walk.entries, total);
        if at_end {
            break;
        }
    }
    let seen = held.iter().map(|seen| seen.size).max().unwrap_or(0);
    if last_size > tree.size() || seen > tree.size() {
        let what = format!("a signed checkpoint saw {} entries, the log has {}", last_size.max(seen), tree.size());
        return Ok(Some(fault(Tampering::Removed, tree.size(), None, what)));
    }
    walk.uncovered = tree.size() - covered;
    if let Some(fault) = check_nodes(walker, nodes, last_size)? {
        return Ok(Some(fault));
    }
    let sql = format!("SELECT {} AS entry, {} AS value FROM audit_child c", walker.bytes("c.entry_id"), walker.bytes("c.child_id"));
    let of_log = format!("{sql} WHERE NOT EXISTS (SELECT 1 FROM audit_pending p WHERE p.entry_id = c.entry_id)");
    walker.each(&of_log, |row| kept_children.add(&secret, &row.entry.unwrap_or_default(), &row.value.unwrap_or_default()))?;
    if said_children != kept_children {
        let what = || fault(Tampering::Altered, None, None, "the children under which entries are found are not those of the records");
        return Ok(Some(walker.wrong_children(u64::MAX)?.unwrap_or_else(what)));
    }
    walker.strays(walk)
}

/// A checkpoint against the tree that was walked, its note and its columns.
fn check_checkpoint(kept: &CheckpointBytes, tree: &Growing, covered: u64, means: &mut Means<'_>, walk: &mut Walk) -> Option<Fault> {
    let wrong = |what: String| {
        Some(fault(Tampering::Altered, u64::try_from(kept.size).ok(), None, format!("the checkpoint of size {}: {what}", kept.size)))
    };
    let Some(note) = kept.note.as_deref().and_then(|note| std::str::from_utf8(note).ok()) else {
        return wrong("its note is not text".into());
    };
    let signed = match note::open(note, means.keys) {
        Ok(signed) => signed,
        Err(error) => return wrong(error.to_string()),
    };
    let origin = means.origin.get_or_insert_with(|| signed.origin.clone());
    if signed.origin != *origin {
        return wrong("it is of another log".into());
    }
    let at = chrono::DateTime::from_timestamp(signed.signed_at, 0).map(|at| at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
    if i64::try_from(signed.size) != Ok(kept.size)
        || kept.root.as_deref() != Some(&signed.root[..])
        || kept.signed_at != at.map(String::into_bytes)
    {
        return wrong("its columns do not say what was signed".into());
    }
    if signed.root != tree.root() {
        let what = format!(
            "the entries from {covered} to {} are not those that were signed at {}",
            signed.size.saturating_sub(1),
            signed.signed_at
        );
        return Some(fault(Tampering::Altered, covered, None, what));
    }
    walk.checkpoints += 1;
    walk.last = Some(signed);
    None
}

/// The kept nodes of the tree against those that were worked out: exactly those that the last checkpoint covers.
fn check_nodes(walker: &mut Walker<'_>, mut nodes: BTreeMap<(i64, i64), Hash>, covered: u64) -> Result<Option<Fault>, StoreError> {
    let covered = i64::try_from(covered).unwrap_or(i64::MAX);
    nodes.retain(|(level, position), _| {
        (position + 1).checked_shl(u32::try_from(*level).unwrap_or(u32::MAX)).is_some_and(|end| end <= covered)
    });
    let kept: Vec<NodeRow> = walker.load("SELECT level, position, hash FROM audit_node ORDER BY level, position")?;
    for row in kept {
        let what = format!("the node of the tree at level {}, position {}", row.level, row.position);
        match nodes.remove(&(row.level, row.position)) {
            Some(hash) if row.hash.as_deref() == Some(&hash[..]) => {}
            Some(_) => return Ok(Some(fault(Tampering::Altered, None, None, what))),
            None => return Ok(Some(fault(Tampering::Inserted, None, None, what))),
        }
    }
    Ok(nodes.keys().next().map(|(level, position)| {
        fault(Tampering::Removed, None, None, format!("the node of the tree at level {level}, position {position}"))
    }))
}
