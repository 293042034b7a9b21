//! `/v1/audit`: who looked, at what, with what result; and the proof that nothing of it was changed.

use actix_web::HttpResponse;
use actix_web::http::header;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::gate::Gate;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{kept, list};
use crate::authz::Operation;
use crate::authz::policy::action;
use crate::register::audit::{self, Consistency, Proof};
use crate::register::idempotency::Answer;
use crate::store::audit::{AuditOutcome, AuditRecord, EntryRow, Filter, Sight, list as entries, seen_children};
use crate::store::log::{self, CheckpointRow};
use crate::store::merkle::Hash;
use crate::store::note;
use crate::store::types::Id;

/// How long a client should wait for an entry to be covered by a checkpoint, in seconds.
const COVERED_AFTER: u64 = 2;

/// Who acted, as their token says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorView {
    /// Who vouches for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// The issuer's identifier for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "custodian-1")]
    subject: Option<String>,
    /// The client program that acted for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    /// Their role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "custodian")]
    role: Option<String>,
    /// What their token reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "region:gwent")]
    scope: Option<String>,
    /// The code of their organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "W06000022")]
    organisation: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// Identifier.
    id: String,
    /// When, by the clock on the wall.
    recorded_at: String,
    /// What was done: an `operationId` of this document, or work of the program itself.
    #[schema(example = "askCheck")]
    operation: String,
    /// `granted`, `empty`, `refused`, `failed` or `replayed`.
    #[schema(example = "granted")]
    outcome: String,
    /// The code of a refusal or failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "not-found")]
    code: Option<String>,
    /// Who acted; absent when their token was missing or not believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<ActorView>,
    /// The purpose that was stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "hospital-attendance")]
    reason: Option<String>,
    /// The check that was asked or read.
    #[serde(skip_serializing_if = "Option::is_none")]
    check_id: Option<String>,
    /// The children whose records were looked at or changed, as far as the caller may know of them.
    child_ids: Vec<String>,
    /// The request.
    request_id: String,
    /// The thread of requests that it belongs to.
    correlation_id: String,
    /// The hash under which the entry stands in the log, hexadecimal.
    leaf_hash: String,
    /// The record whose hash that is, for those who may see all of the log: SHA-256 of a zero byte and this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditList {
    /// The entries, newest first.
    items: Vec<EntryView>,
    /// Where the next page is.
    links: Links,
}

/// Which entries to list. There is no way to search by anything personal: identifiers, codes and times only.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only those about this child (identifier).
    child: Option<String>,
    /// Only those of what this person did (the subject of their token).
    #[param(example = "custodian-1")]
    person: Option<String>,
    /// Only those recorded then or later (RFC 3339).
    #[param(example = "2026-11-01T00:00:00Z")]
    from: Option<String>,
    /// Only those recorded before (RFC 3339).
    #[param(example = "2026-12-01T00:00:00Z")]
    to: Option<String>,
    /// Only those with this outcome: `granted`, `empty`, `refused`, `failed` or `replayed`.
    #[param(example = "refused")]
    outcome: Option<String>,
    /// Only those of this operation.
    #[param(example = "askCheck")]
    operation: Option<String>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// A signed statement of how long the log is, and what its tree is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointView {
    /// Which log.
    #[schema(example = "cofrestr/gwent/audit")]
    origin: String,
    /// How many entries it covers.
    #[schema(example = 1234)]
    size: i64,
    /// The root of their tree (RFC 6962), hexadecimal.
    root_hash: String,
    /// When it was signed.
    signed_at: DateTime<Utc>,
    /// The signed note (C2SP tlog-checkpoint, and a timestamped signature beside it), to the byte. The public keys stand in
    /// `/.well-known/jwks.json` as `log`.
    #[schema(example = "cofrestr/gwent/audit\n1234\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n\n— cofrestr/gwent/audit …\n")]
    note: String,
}

/// That an entry stands in the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProofView {
    /// The entry.
    entry: String,
    /// Its place in the log, from 0.
    leaf_index: u64,
    /// Its hash, hexadecimal: the one that a receipt names.
    leaf_hash: String,
    /// The inclusion proof (RFC 6962), hexadecimal, lowest first.
    hashes: Vec<String>,
    /// The checkpoint to which it leads.
    checkpoint: CheckpointView,
}

/// That an entry has no proof yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingView {
    /// Always `pending`.
    #[schema(example = "pending")]
    status: &'static str,
    /// The entry.
    entry: String,
}

/// That the log at one size is the beginning of the log at another.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsistencyView {
    /// The smaller size.
    from: u64,
    /// The root at that size, hexadecimal.
    from_root_hash: String,
    /// The larger size.
    to: u64,
    /// The root at that size, hexadecimal.
    to_root_hash: String,
    /// The consistency proof (RFC 6962), hexadecimal.
    hashes: Vec<String>,
    /// The latest checkpoint.
    checkpoint: CheckpointView,
}

/// Between which sizes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyQuery {
    /// The size of a checkpoint that you have.
    #[param(example = 1000)]
    from: u64,
    /// The size of a later one; the latest when it is not given.
    #[param(example = 1234)]
    to: Option<u64>,
}

fn in_hex(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(hex::encode).collect()
}

impl EntryView {
    fn new(row: &EntryRow, record: AuditRecord, seen: &[Id], sight: &Sight) -> Self {
        let actor = record.subject.is_some().then_some(ActorView {
            issuer: record.issuer,
            subject: record.subject,
            client: record.client,
            role: record.role,
            scope: record.scope,
            organisation: record.organisation,
        });
        Self {
            id: record.id.to_string(),
            recorded_at: record.recorded_at,
            operation: record.operation,
            outcome: record.outcome,
            code: record.code,
            actor,
            reason: record.reason,
            check_id: record.enquiry.map(|id| id.to_string()),
            child_ids: record.children.iter().filter(|child| seen.contains(&Id(**child))).map(Uuid::to_string).collect(),
            request_id: record.request.to_string(),
            correlation_id: record.correlation.to_string(),
            leaf_hash: hex::encode(&row.leaf_hash),
            record: matches!(sight, Sight::All).then(|| row.record.clone()),
        }
    }
}

impl CheckpointView {
    fn new(row: CheckpointRow, region: &str) -> Self {
        Self {
            origin: note::origin(region),
            size: row.size,
            root_hash: hex::encode(row.root),
            signed_at: row.signed_at.get(),
            note: row.note,
        }
    }
}

/// A value for a query string; everything but what is safe everywhere is escaped.
fn escaped(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

impl AuditQuery {
    fn read(self) -> Result<(Page, Filter), Problem> {
        let wrong = || Problem::from(Kind::MalformedQuery);
        let instant = |text: Option<String>| {
            text.map(|text| DateTime::parse_from_rfc3339(&text).map(|at| at.with_timezone(&Utc)).map_err(|_| wrong())).transpose()
        };
        let known_outcome = |text: &str| AuditOutcome::ALL.iter().any(|outcome| outcome.as_str() == text);
        let known_operation = |text: &str| Operation::ALL.iter().any(|operation| operation.as_str() == text);
        if self.outcome.as_deref().is_some_and(|text| !known_outcome(text))
            || self.operation.as_deref().is_some_and(|text| !known_operation(text))
        {
            return Err(wrong());
        }
        let filter = Filter {
            child: self.child.map(|text| Uuid::parse_str(&text).map_err(|_| wrong())).transpose()?,
            person: self.person,
            from: instant(self.from)?,
            to: instant(self.to)?,
            outcome: self.outcome,
            operation: self.operation,
            entry: None,
        };
        let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let filters = [
            ("child", filter.child.map(|child| child.to_string())),
            ("person", filter.person.as_deref().map(escaped)),
            ("from", filter.from.map(at)),
            ("to", filter.to.map(at)),
            ("outcome", filter.outcome.clone()),
            ("operation", filter.operation.clone()),
        ];
        let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok((Page::new(self.cursor.as_deref(), self.limit, filters)?, filter))
    }
}

/// List the audit log
///
/// Who looked, at what, with what result: every access that was granted, found nothing, was refused or failed. Auditors and
/// the region's custodian see all of it; with one authority in the token, what concerns its children and what its people did;
/// a co-ordinator, what concerns their own cases. Looking at the log is in the log.
#[utoipa::path(
    get, path = "/v1/audit", operation_id = "listAudit", tag = "Audit", params(AuditQuery),
    responses((status = 200, description = "A page of entries, newest first", body = AuditList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListAudit>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let sight = audit::sight(permit.principal(), permit.reach());
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let (page, filter) = incoming.query::<AuditQuery>()?.read()?;
            if let Some(child) = filter.child {
                snapshot.audit().child(Id(child));
            }
            let rows = entries(snapshot.connection, &sight, &filter, page.before::<Uuid>().map(Id), page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/audit", |row| row.id.0);
            let records = rows.iter().map(EntryRow::read).collect::<Result<Vec<_>, _>>()?;
            let mut named: Vec<Id> = records.iter().flat_map(|record| record.children.iter().copied().map(Id)).collect();
            named.sort();
            named.dedup();
            let seen = seen_children(snapshot.connection, &sight, &named)?;
            let items = rows.iter().zip(records).map(|(row, record)| EntryView::new(row, record, &seen, &sight)).collect();
            list(&AuditList { items, links })
        })
        .await
        .map(kept)
}

/// Read the latest checkpoint of the audit log
///
/// How many entries the log has, and the root of their tree, signed with the log's own key. Keep it: a later one must be
/// consistent with it.
#[utoipa::path(
    get, path = "/v1/audit/checkpoint", operation_id = "readAuditCheckpoint", tag = "Audit",
    responses((status = 200, description = "The checkpoint", body = CheckpointView), super::openapi::OnlyProblems),
)]
pub async fn checkpoint(gate: Gate<action::ReadAuditCheckpoint>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let region = app.region.code().to_string();
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            // A server signs one before it listens; on a new database another server may just be about to.
            let row = log::latest(snapshot.connection)?.ok_or(Kind::TemporarilyUnavailable)?;
            list(&CheckpointView::new(row, &region))
        })
        .await
        .map(kept)
}

/// Prove that an entry stands in the audit log
///
/// An inclusion proof that leads from the entry's hash – the one that a receipt names – to a signed checkpoint. While no
/// checkpoint covers the entry yet, the answer is 202 and says when to ask again.
#[utoipa::path(
    get, path = "/v1/audit/proof/{id}", operation_id = "readAuditProof", tag = "Audit",
    params(("id" = String, Path, description = "Identifier of the entry")),
    responses((status = 200, description = "The proof", body = ProofView),
        (status = 202, description = "No checkpoint covers the entry yet", body = PendingView,
            headers(("Retry-After" = u64, description = "Seconds to wait"))),
        super::openapi::ReadProblems),
)]
pub async fn proof(gate: Gate<action::ReadAuditProof>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let sight = audit::sight(permit.principal(), permit.reach());
    let region = app.region.code().to_string();
    let answer = app
        .store
        .read(permit, move |snapshot| {
            let id: Uuid = incoming.id()?;
            let row = audit::find(snapshot.connection, &sight, id)?;
            incoming.reading()?;
            snapshot.audit().detail("entry", id);
            match audit::proof(snapshot.connection, row.id)? {
                Some(Proof { index, leaf, path, checkpoint }) => list(&ProofView {
                    entry: id.to_string(),
                    leaf_index: index,
                    leaf_hash: hex::encode(leaf),
                    hashes: in_hex(&path),
                    checkpoint: CheckpointView::new(checkpoint, &region),
                }),
                None => {
                    snapshot.audit().empty();
                    Ok(Answer { status: 202, ..list(&PendingView { status: "pending", entry: id.to_string() })? })
                }
            }
        })
        .await?;
    let pending = answer.status == 202;
    let mut response = kept(answer);
    if pending {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(COVERED_AFTER));
    }
    Ok(response)
}

/// Prove that the audit log only grew
///
/// A consistency proof between two sizes of the log, each at most that of the latest checkpoint.
#[utoipa::path(
    get, path = "/v1/audit/consistency", operation_id = "readAuditConsistency", tag = "Audit", params(ConsistencyQuery),
    responses((status = 200, description = "The proof", body = ConsistencyView), super::openapi::ListProblems),
)]
pub async fn consistency(gate: Gate<action::ReadAuditConsistency>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let region = app.region.code().to_string();
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: ConsistencyQuery = incoming.query()?;
            let Consistency { from, from_root, to, to_root, path, checkpoint } =
                audit::consistency(snapshot, query.from, query.to)?.ok_or(Kind::MalformedQuery)?;
            list(&ConsistencyView {
                from,
                from_root_hash: hex::encode(from_root),
                to,
                to_root_hash: hex::encode(to_root),
                hashes: in_hex(&path),
                checkpoint: CheckpointView::new(checkpoint, &region),
            })
        })
        .await
        .map(kept)
}
