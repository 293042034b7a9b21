//! The audit entry: who looked, at what, with what result. It is written in the transaction of the work, so that there is
//! no work without an entry and no answer before it.
//!
//! An entry holds no personal value of a child: only opaque identifiers, codes, the caller's own identity, and commitments:
//! `HMAC(key, value)` with a key of its own for each entry, kept apart. While the key is there, the value that is kept
//! elsewhere can be proved to be the one that was meant; once it is destroyed, the log stays whole and says nothing.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::{digest, hmac};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::log;
use super::merkle::{self, Hash};
use super::schema::{audit_child, audit_commitment, audit_entry, child, registration, registration_coordinator};
use super::sheaf::Sheaf;
use super::types::{Id, Instant};
use crate::authz::Access;

/// An import names hundreds of children in one entry; this many go into one statement.
const CHILDREN_PER_STATEMENT: usize = 500;

/// How an access ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditOutcome {
    /// Something was shown or done.
    Granted,
    /// The access was allowed and there was nothing to show.
    Empty,
    /// The caller may not do this, or may not know of it.
    Refused,
    /// The request was wrong or the work could not be done; nothing was changed.
    Failed,
    /// The stored answer of an earlier, identical request was given again.
    Replayed,
}

impl AuditOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Granted, Self::Empty, Self::Refused, Self::Failed, Self::Replayed];

    /// The code that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Empty => "empty",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Replayed => "replayed",
        }
    }
}

/// What the work says about itself for its audit entry.
#[derive(Debug, Clone)]
pub struct AuditDraft {
    pub(super) id: Uuid,
    pub(super) outcome: AuditOutcome,
    pub(super) code: Option<String>,
    pub(super) children: Vec<Id>,
    pub(super) enquiry: Option<Id>,
    pub(super) reason: Option<String>,
    pub(super) detail: Vec<(&'static str, String)>,
    key: Option<Hash>,
    sealed: Option<Sealed>,
    /// Whether somebody was told the leaf hash: then the entry must be kept as it was sealed.
    promised: bool,
}

/// An entry in its final form.
#[derive(Debug, Clone)]
struct Sealed {
    record: String,
    at: Instant,
    leaf: Hash,
}

/// The place in the audit log that is promised before it is kept: for receipts.
#[derive(Debug, Clone, Copy)]
pub struct AuditPromise {
    /// The entry.
    pub entry: Uuid,
    /// Its leaf hash.
    pub leaf_hash: Hash,
    /// When it was made, by the wall clock.
    pub recorded_at: DateTime<Utc>,
}

impl AuditDraft {
    pub(super) fn new() -> Self {
        Self {
            id: Uuid::now_v7(),
            outcome: AuditOutcome::Granted,
            code: None,
            children: Vec::new(),
            enquiry: None,
            reason: None,
            detail: Vec::new(),
            key: None,
            sealed: None,
            promised: false,
        }
    }

    pub(super) fn ended(outcome: AuditOutcome, code: &str) -> Self {
        Self { outcome, code: Some(code.to_owned()), ..Self::new() }
    }

    /// The entry of work that failed: what it said until then, under an identifier that nobody was promised.
    pub(super) fn but_failed(self, outcome: AuditOutcome, code: &str) -> Self {
        Self { id: Uuid::now_v7(), outcome, code: Some(code.to_owned()), sealed: None, promised: false, ..self }
    }

    /// Says that there was nothing to show.
    pub fn empty(&mut self) {
        self.outcome = AuditOutcome::Empty;
        self.sealed = None;
    }

    /// Says that an earlier answer was given again. What was promised to a new answer is void: it is never given.
    pub fn replayed(&mut self) {
        self.outcome = AuditOutcome::Replayed;
        self.id = Uuid::now_v7();
        self.sealed = None;
        self.promised = false;
    }

    /// Names a child whose record was looked at or changed.
    pub fn child(&mut self, child: impl Into<Id>) {
        let child = child.into();
        if !self.children.contains(&child) {
            self.children.push(child);
            self.sealed = None;
        }
    }

    /// Names the check that was asked or read.
    pub fn enquiry(&mut self, enquiry: impl Into<Id>) {
        self.enquiry = Some(enquiry.into());
        self.sealed = None;
    }

    /// States the purpose of the access (a code).
    pub fn reason(&mut self, reason: &str) {
        self.reason = Some(reason.to_owned());
        self.sealed = None;
    }

    /// Adds a detail: a code, a count or a digest, never a personal value.
    pub fn detail(&mut self, name: &'static str, value: impl ToString) {
        self.detail.push((name, value.to_string()));
        self.sealed = None;
    }

    /// Commits to the question of a check without telling it.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub fn commit_to_question(&mut self, enquiry: impl Into<Id>, question: &str) -> Result<(), StoreError> {
        let key = match self.key {
            Some(key) => key,
            None => {
                let mut key = [0; 32];
                SystemRandom::new().fill(&mut key).map_err(|_| StoreError::Corrupt("the random source"))?;
                self.key = Some(key);
                self.detail(COMMITMENT_KEY, hex::encode(key_digest(&key)));
                key
            }
        };
        self.detail(QUESTION, format!("{}:{}", enquiry.into().0, hex::encode(commitment(&key, question))));
        Ok(())
    }

    /// Gives the entry its final form and says under which hash it will stand in the log.
    pub(super) fn promise(&mut self, access: &Access, at: DateTime<Utc>) -> Result<AuditPromise, StoreError> {
        let sealed = self.seal(access, at)?;
        let promise = AuditPromise { entry: self.id, leaf_hash: sealed.leaf, recorded_at: sealed.at.get() };
        self.sealed = Some(sealed);
        self.promised = true;
        Ok(promise)
    }

    fn seal(&self, access: &Access, at: DateTime<Utc>) -> Result<Sealed, StoreError> {
        let at = Instant::new(at);
        let principal = access.principal.as_deref();
        let text = |text: &str| text.to_owned();
        let record = serde_json::to_string(&AuditRecord {
            v: 1,
            id: self.id,
            recorded_at: at.get().to_rfc3339_opts(SecondsFormat::Micros, true),
            operation: text(access.operation.as_str()),
            outcome: text(self.outcome.as_str()),
            code: self.code.clone(),
            issuer: principal.map(|p| p.issuer.clone()),
            subject: principal.map(|p| p.subject.clone()),
            client: principal.and_then(|p| p.client.clone()),
            role: principal.map(|p| text(p.role.as_str())),
            scope: principal.map(|p| p.scope.to_string()),
            organisation: principal.and_then(|p| p.organisation.as_ref()).map(|o| o.code.clone()),
            reason: self.reason.clone(),
            enquiry: self.enquiry.map(|id| id.0),
            children: self.children.iter().map(|id| id.0).collect(),
            request: access.request_id,
            correlation: access.correlation_id,
            detail: self.detail.iter().map(|(name, value)| (text(name), value.clone())).collect(),
        })
        .map_err(|_| StoreError::Corrupt("audit entry"))?;
        let leaf = merkle::leaf(record.as_bytes());
        Ok(Sealed { record, at, leaf })
    }
}

/// The name of the detail that commits to a question: `CHECK:HMAC`.
pub(super) const QUESTION: &str = "question";
/// The name of the detail that holds the digest of the commitments' key, so that a changed key is noticed.
pub(super) const COMMITMENT_KEY: &str = "commitmentKey";

pub(super) fn commitment(key: &[u8], value: &str) -> Hash {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), value.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(tag.as_ref());
    hash
}

/// The key is 256 random bits: its digest tells nothing of it.
pub(super) fn key_digest(key: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, key).as_ref());
    hash
}

/// The entry as it is hashed, in JSON. The order of the fields is part of the format: version 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs)] // the columns of audit_entry, and what has no column
pub struct AuditRecord {
    pub v: u8,
    pub id: Uuid,
    pub recorded_at: String,
    pub operation: String,
    pub outcome: String,
    pub code: Option<String>,
    pub issuer: Option<String>,
    pub subject: Option<String>,
    pub client: Option<String>,
    pub role: Option<String>,
    pub scope: Option<String>,
    pub organisation: Option<String>,
    pub reason: Option<String>,
    pub enquiry: Option<Uuid>,
    pub children: Vec<Uuid>,
    pub request: Uuid,
    pub correlation: Uuid,
    pub detail: Vec<(String, String)>,
}

/// An entry as it is added.
#[derive(Debug, Insertable)]
#[diesel(table_name = audit_entry, treat_none_as_default_value = false)]
pub(super) struct EntryInsert {
    pub(super) id: Id,
    recorded_at: Instant,
    operation: &'static str,
    outcome: &'static str,
    code: Option<String>,
    subject: Option<String>,
    client: Option<String>,
    role: Option<&'static str>,
    organisation: Option<String>,
    reason: Option<String>,
    enquiry_id: Option<Id>,
    request_id: Id,
    correlation_id: Id,
    record: String,
    pub(super) leaf_hash: Vec<u8>,
}

/// Writes the entry and puts it into the log, or binds it in the sheaf that will be. The last statement of every unit of work.
pub(super) fn append(
    connection: &mut AnyConnection,
    sheaf: Option<&mut Sheaf>,
    access: &Access,
    draft: &AuditDraft,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sealed = match &draft.sealed {
        Some(sealed) => sealed.clone(),
        // A receipt names the hash of the entry: it would never be found.
        None if draft.promised => return Err(StoreError::Corrupt("an audit entry that changed after it was promised")),
        None => draft.seal(access, at)?,
    };
    let principal = access.principal.as_deref();
    let id = Id(draft.id);
    let row = EntryInsert {
        id,
        recorded_at: sealed.at,
        operation: access.operation.as_str(),
        outcome: draft.outcome.as_str(),
        code: draft.code.clone(),
        subject: principal.map(|p| p.subject.clone()),
        client: principal.and_then(|p| p.client.clone()),
        role: principal.map(|p| p.role.as_str()),
        organisation: principal.and_then(|p| p.organisation.as_ref()).map(|o| o.code.clone()),
        reason: draft.reason.clone(),
        enquiry_id: draft.enquiry,
        request_id: Id(access.request_id),
        correlation_id: Id(access.correlation_id),
        record: sealed.record,
        leaf_hash: sealed.leaf.to_vec(),
    };
    if let Some(sheaf) = sheaf {
        sheaf.commitments.extend(draft.key.map(|key| (id, key.to_vec())));
        sheaf.children.extend(draft.children.iter().map(|child| (*child, id)));
        sheaf.entries.push(row);
        return Ok(());
    }
    with!(&mut *connection, |c| diesel::insert_into(audit_entry::table).values(&row).execute(c))?;
    if let Some(key) = &draft.key {
        let row = (audit_commitment::entry_id.eq(id), audit_commitment::key.eq(&key[..]));
        with!(&mut *connection, |c| diesel::insert_into(audit_commitment::table).values(row).execute(c))?;
    }
    if let [child] = draft.children[..] {
        let row = (audit_child::child_id.eq(child), audit_child::entry_id.eq(id));
        with!(&mut *connection, |c| diesel::insert_into(audit_child::table).values(row).execute(c))?;
    } else {
        for chunk in draft.children.chunks(CHILDREN_PER_STATEMENT) {
            let rows: Vec<_> = chunk.iter().map(|child| (audit_child::child_id.eq(*child), audit_child::entry_id.eq(id))).collect();
            with!(&mut *connection, |c| diesel::insert_into(audit_child::table).values(&rows).execute(c))?;
        }
    }
    log::admit(connection, id, &sealed.leaf)
}

/// Destroys the key of an entry's commitments: at the end of retention, or for erasure. Says whether there was one.
///
/// # Errors
/// When the database fails.
pub fn forget(connection: &mut AnyConnection, entry: Id) -> Result<bool, StoreError> {
    Ok(with!(connection, |c| diesel::delete(audit_commitment::table.find(entry)).execute(c))? > 0)
}

/// Which entries somebody may see.
#[derive(Debug, Clone)]
pub enum Sight {
    /// All of them.
    All,
    /// Those about children of these authorities, and those of what people of these authorities did.
    Authorities(Vec<String>),
    /// Those about the children whose co-ordinator this person is.
    CasesOf(String),
}

/// Which entries are looked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// About this child.
    pub child: Option<Uuid>,
    /// By this person: the subject of their token.
    pub person: Option<String>,
    /// Recorded then or later.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before.
    pub to: Option<DateTime<Utc>>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// Of this operation.
    pub operation: Option<String>,
    /// The one entry.
    pub entry: Option<Uuid>,
}

/// An entry.
#[derive(Debug, Clone, Queryable)]
pub struct EntryRow {
    /// Identifier.
    pub id: Id,
    /// What was hashed.
    pub record: String,
    /// Its hash.
    pub leaf_hash: Vec<u8>,
}

impl EntryRow {
    /// What the record says.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn read(&self) -> Result<AuditRecord, StoreError> {
        serde_json::from_str(&self.record).map_err(|_| StoreError::Corrupt("audit entry"))
    }
}

/// An identifier is made a little before its entry is recorded; a long import may lie between.
const IDENTIFIERS_EARLIER: TimeDelta = TimeDelta::hours(24);

/// The lowest identifier that could have been made at an instant.
fn lowest_at(at: DateTime<Utc>) -> Id {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    Id(Uuid::from_bytes(bytes))
}

/// A page of entries, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    sight: &Sight,
    filter: &Filter,
    before: Option<Id>,
    limit: i64,
) -> Result<Vec<EntryRow>, StoreError> {
    let about = |children| audit_child::table.filter(audit_child::child_id.eq_any(children)).select(audit_child::entry_id);
    with!(connection, |c| {
        let mut query = audit_entry::table
            .select((audit_entry::id, audit_entry::record, audit_entry::leaf_hash))
            .order(audit_entry::id.desc())
            .limit(limit)
            .into_boxed();
        match sight {
            Sight::All => {}
            Sight::Authorities(authorities) => {
                let kept = child::table.filter(child::authority.eq_any(authorities)).select(child::id);
                let entered = registration::table.filter(registration::authority.eq_any(authorities)).select(registration::child_id);
                let seen = audit_child::table
                    .filter(audit_child::child_id.eq_any(kept).or(audit_child::child_id.eq_any(entered)))
                    .select(audit_child::entry_id);
                query = query.filter(audit_entry::id.eq_any(seen).or(audit_entry::organisation.eq_any(authorities)));
            }
            Sight::CasesOf(person) => {
                let cases = registration::table
                    .inner_join(registration_coordinator::table.on(registration_coordinator::registration_id.eq(registration::id)))
                    .filter(registration_coordinator::person.eq(person))
                    .filter(registration_coordinator::superseded_at.is_null())
                    .filter(registration_coordinator::valid_to.is_null())
                    .select(registration::child_id);
                let seen = audit_child::table.filter(audit_child::child_id.eq_any(cases)).select(audit_child::entry_id);
                query = query.filter(audit_entry::id.eq_any(seen));
            }
        }
        if let Some(entry) = filter.entry {
            query = query.filter(audit_entry::id.eq(Id(entry)));
        }
        if let Some(child) = filter.child {
            query = query.filter(audit_entry::id.eq_any(about(vec![Id(child)])));
        }
        if let Some(person) = &filter.person {
            query = query.filter(audit_entry::subject.eq(person));
        }
        if let Some(from) = filter.from {
            // The bound on the identifier finds the place; the bound on the time is the exact one.
            query = query
                .filter(audit_entry::id.ge(lowest_at(from - IDENTIFIERS_EARLIER)))
                .filter(audit_entry::recorded_at.ge(Instant::new(from)));
        }
        if let Some(to) = filter.to {
            query = query.filter(audit_entry::recorded_at.lt(Instant::new(to)));
        }
        if let Some(outcome) = &filter.outcome {
            query = query.filter(audit_entry::outcome.eq(outcome));
        }
        if let Some(operation) = &filter.operation {
            query = query.filter(audit_entry::operation.eq(operation));
        }
        if let Some(before) = before {
            query = query.filter(audit_entry::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// Which of these children somebody may see.
///
/// # Errors
/// When the database fails.
pub fn seen_children(connection: &mut AnyConnection, sight: &Sight, children: &[Id]) -> Result<Vec<Id>, StoreError> {
    Ok(match sight {
        Sight::All => children.to_vec(),
        Sight::Authorities(authorities) => with!(connection, |c| {
            let entered = registration::table.filter(registration::authority.eq_any(authorities)).select(registration::child_id);
            child::table
                .filter(child::id.eq_any(children))
                .filter(child::authority.eq_any(authorities).or(child::id.eq_any(entered)))
                .select(child::id)
                .load(c)
        })?,
        Sight::CasesOf(person) => with!(connection, |c| registration::table
            .inner_join(registration_coordinator::table.on(registration_coordinator::registration_id.eq(registration::id)))
            .filter(registration_coordinator::person.eq(person))
            .filter(registration_coordinator::superseded_at.is_null())
            .filter(registration_coordinator::valid_to.is_null())
            .filter(registration::child_id.eq_any(children))
            .select(registration::child_id)
            .load(c))?,
    })
}
