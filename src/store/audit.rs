//! The audit entry: who looked, at what, with what result. It is written in the transaction of the work, so that there is
//! no work without an entry and no answer before it.
//!
//! An entry holds no personal value of a child: only opaque identifiers, codes and the caller's own identity.

use aws_lc_rs::digest;
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use serde::Serialize;
use uuid::Uuid;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{audit_child, audit_entry};
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
        }
    }

    pub(super) fn ended(outcome: AuditOutcome, code: &str) -> Self {
        Self { outcome, code: Some(code.to_owned()), ..Self::new() }
    }

    /// The identifier that the entry will have, for receipts that name it.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Says that there was nothing to show.
    pub fn empty(&mut self) {
        self.outcome = AuditOutcome::Empty;
    }

    /// Says that an earlier answer was given again.
    pub fn replayed(&mut self) {
        self.outcome = AuditOutcome::Replayed;
    }

    /// Names a child whose record was looked at or changed.
    pub fn child(&mut self, child: impl Into<Id>) {
        let child = child.into();
        if !self.children.contains(&child) {
            self.children.push(child);
        }
    }

    /// Names the check that was asked or read.
    pub fn enquiry(&mut self, enquiry: impl Into<Id>) {
        self.enquiry = Some(enquiry.into());
    }

    /// States the purpose of the access (a code).
    pub fn reason(&mut self, reason: &str) {
        self.reason = Some(reason.to_owned());
    }

    /// Adds a detail: a code, a count or a digest, never a personal value.
    pub fn detail(&mut self, name: &'static str, value: impl ToString) {
        self.detail.push((name, value.to_string()));
    }
}

/// The entry as it is hashed. The order of the fields is part of the format: version 1.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    v: u8,
    id: Uuid,
    recorded_at: String,
    operation: &'a str,
    outcome: &'a str,
    code: Option<&'a str>,
    issuer: Option<&'a str>,
    subject: Option<&'a str>,
    client: Option<&'a str>,
    role: Option<&'a str>,
    scope: Option<String>,
    organisation: Option<&'a str>,
    reason: Option<&'a str>,
    enquiry: Option<Uuid>,
    children: Vec<Uuid>,
    request: Uuid,
    correlation: Uuid,
    detail: Vec<(&'static str, &'a str)>,
}

/// Writes the entry. The last statement of every unit of work.
pub(super) fn append(connection: &mut AnyConnection, access: &Access, draft: &AuditDraft, at: DateTime<Utc>) -> Result<(), StoreError> {
    let at = Instant::new(at);
    let principal = access.principal.as_deref();
    let record = serde_json::to_string(&Record {
        v: 1,
        id: draft.id,
        recorded_at: at.get().to_rfc3339_opts(SecondsFormat::Micros, true),
        operation: access.operation.as_str(),
        outcome: draft.outcome.as_str(),
        code: draft.code.as_deref(),
        issuer: principal.map(|p| p.issuer.as_str()),
        subject: principal.map(|p| p.subject.as_str()),
        client: principal.and_then(|p| p.client.as_deref()),
        role: principal.map(|p| p.role.as_str()),
        scope: principal.map(|p| p.scope.to_string()),
        organisation: principal.and_then(|p| p.organisation.as_ref()).map(|o| o.code.as_str()),
        reason: draft.reason.as_deref(),
        enquiry: draft.enquiry.map(|id| id.0),
        children: draft.children.iter().map(|id| id.0).collect(),
        request: access.request_id,
        correlation: access.correlation_id,
        detail: draft.detail.iter().map(|(name, value)| (*name, value.as_str())).collect(),
    })
    .map_err(|_| StoreError::Corrupt("audit entry"))?;
    let mut leaf = digest::Context::new(&digest::SHA256);
    leaf.update(&[0]);
    leaf.update(record.as_bytes());
    let leaf = leaf.finish();
    let row = (
        audit_entry::id.eq(Id(draft.id)),
        audit_entry::recorded_at.eq(at),
        audit_entry::operation.eq(access.operation.as_str()),
        audit_entry::outcome.eq(draft.outcome.as_str()),
        audit_entry::code.eq(draft.code.as_deref()),
        audit_entry::subject.eq(principal.map(|p| p.subject.as_str())),
        audit_entry::client.eq(principal.and_then(|p| p.client.as_deref())),
        audit_entry::role.eq(principal.map(|p| p.role.as_str())),
        audit_entry::organisation.eq(principal.and_then(|p| p.organisation.as_ref()).map(|o| o.code.as_str())),
        audit_entry::reason.eq(draft.reason.as_deref()),
        audit_entry::enquiry_id.eq(draft.enquiry),
        audit_entry::request_id.eq(Id(access.request_id)),
        audit_entry::correlation_id.eq(Id(access.correlation_id)),
        audit_entry::record.eq(&record),
        audit_entry::leaf_hash.eq(leaf.as_ref()),
    );
    with!(&mut *connection, |c| diesel::insert_into(audit_entry::table).values(row).execute(c))?;
    if let [child] = draft.children[..] {
        let row = (audit_child::child_id.eq(child), audit_child::entry_id.eq(Id(draft.id)));
        with!(&mut *connection, |c| diesel::insert_into(audit_child::table).values(row).execute(c))?;
        return Ok(());
    }
    for chunk in draft.children.chunks(CHILDREN_PER_STATEMENT) {
        let rows: Vec<_> = chunk.iter().map(|child| (audit_child::child_id.eq(*child), audit_child::entry_id.eq(Id(draft.id)))).collect();
        with!(&mut *connection, |c| diesel::insert_into(audit_child::table).values(&rows).execute(c))?;
    }
    Ok(())
}
