//! `/v1/children/{id}/merges` and `/distinctions`, `/v1/identity-decisions/{id}`: whether two records are of one person.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::children::ReasonRequest;
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::once::Once;
use super::problem::Problem;
use super::respond::{created, item, kept};
use crate::authz::policy::action;
use crate::authz::{Principal, Reach};
use crate::domain::ids::{ChildId, IdentityDecisionId};
use crate::domain::text::Note;
use crate::register::{RegisterError, children, identities};
use crate::store::children::ChildRow;
use crate::store::connection::AnyConnection;
use crate::store::identities::DecisionRow;

/// Another record, and why it is of the same person or of another.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityRequest {
    /// The other record.
    other_child_id: Option<String>,
    /// Why.
    #[schema(example = "Same NHS number; the health visitor confirms that there is one child")]
    reason: Option<String>,
}

/// What a person decided of two records.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityDecisionView {
    /// Identifier.
    id: String,
    /// `same-person` or `different-people`.
    kind: String,
    /// The record that is kept; of two people one of them.
    child_id: String,
    /// The other record; of one person the one that was merged into it.
    other_child_id: String,
    /// Why.
    #[schema(example = "Same NHS number; the health visitor confirms that there is one child")]
    reason: String,
    /// When it was decided.
    decided_at: DateTime<Utc>,
    /// By whom.
    #[schema(example = "https://idp.example#custodian-1")]
    decided_by: String,
    /// Who undid it, when and why; absent while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<UndoneView>,
}

/// That a decision was undone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UndoneView {
    /// When.
    at: DateTime<Utc>,
    /// By whom.
    #[schema(example = "https://idp.example#custodian-1")]
    by: String,
    /// Why.
    #[schema(example = "They are cousins of the same name")]
    reason: String,
}

impl IdentityDecisionView {
    fn new(row: &DecisionRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            kind: row.kind.clone(),
            child_id: row.kept_id.0.to_string(),
            other_child_id: row.other_id.0.to_string(),
            reason: row.reason.clone(),
            decided_at: row.decided_at.get(),
            decided_by: row.decided_by.clone(),
            undone: row.undone_at.zip(row.undone_by.clone()).map(|(at, by)| UndoneView {
                at: at.get(),
                by,
                reason: row.undo_reason.clone().unwrap_or_default(),
            }),
        }
    }
}

/// A record about which may be decided: the caller reaches it, and it is neither in error nor closed. An identity that was closed
/// by an adoption is, for whoever would join it to another, not there (I26).
fn decidable(connection: &mut AnyConnection, id: ChildId, principal: &Principal, reach: Reach) -> Result<ChildRow, RegisterError> {
    let row = children::find(connection, id, principal, reach)?;
    if row.standing == "current" { Ok(row) } else { Err(RegisterError::NotFound) }
}

macro_rules! decide {
    ($(#[$doc:meta])* $name:ident, $action:ident, $operation:literal, $path:literal, |$tx:ident, $region:ident, $one:ident, $other:ident, $reason:ident, $by:ident| $decide:expr) => {
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, operation_id = $operation, tag = "Children",
            params(super::openapi::IdempotencyKey, super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the record")),
            request_body = IdentityRequest,
            responses((status = 201, description = "The decision", body = IdentityDecisionView,
                headers(("Location" = String, description = "Where the decision can be read"), ("ETag" = String, description = "Its version"))),
                super::openapi::ChangeProblems),
        )]
        pub async fn $name(gate: Gate<action::$action>) -> Result<HttpResponse, Problem> {
            let Gate { permit, incoming, app, .. } = gate;
            let principal = Arc::clone(permit.principal());
            let by = principal.key();
            let reach = permit.reach();
            let region = Arc::clone(&app.region);
            app.store
                .run(
                    permit,
                    move |snapshot| {
                        let id: ChildId = incoming.id()?;
                        let row = decidable(snapshot.connection, id, &principal, reach)?;
                        snapshot.audit().child(id);
                        Once::read(snapshot, incoming.creation_unshaped()?, |snapshot, _| {
                            let body: IdentityRequest = incoming.change(row.version)?;
                            let mut fields = Fields::default();
                            let other: Option<ChildId> = fields.required("/otherChildId", body.other_child_id.as_deref());
                            if other == Some(id) {
                                fields.note("/otherChildId", "same-record", "give the id of another record");
                            }
                            let reason = fields.required::<Note>("/reason", body.reason.as_deref());
                            let (other, reason) = fields.finish(other.zip(reason))?;
                            let other = decidable(snapshot.connection, other, &principal, reach)?;
                            Ok((row, other, reason))
                        })
                    },
                    move |tx, once| {
                        once.make(tx, |tx, (one, other, reason)| {
                            let ($tx, $region, $one, $other, $reason, $by) = (tx, &*region, one, other, reason, by.as_str());
                            let _ = $region;
                            let row: DecisionRow = $decide?;
                            let location = format!("/v1/identity-decisions/{}", row.id.0);
                            created(Some(location), Some(etag(row.version)), &IdentityDecisionView::new(&row))
                        })
                    },
                )
                .await
                .map(kept)
        }
    };
}

decide! {
    /// Merge two records
    ///
    /// Both are of one person. Both stay, with their facts and entries; from now on a check shows one person, one responsible
    /// authority and entries that are no rivals. It can be undone without a trace. Refused when both have an entry on the same
    /// authority's register at the same time, when one is merged already, and when they were told apart.
    merge, MergeChildren, "mergeChildren", "/v1/children/{id}/merges",
    |tx, region, one, other, reason, by| identities::merge(tx, region, one, other, reason, by)
}
decide! {
    /// Tell two records apart
    ///
    /// They are of two people: nobody is asked about them again.
    tell_apart, TellChildrenApart, "tellChildrenApart", "/v1/children/{id}/distinctions",
    |tx, region, one, other, reason, by| identities::tell_apart(tx, one, other, reason, by)
}

/// A decision of whose records the caller reaches both.
fn found(
    connection: &mut AnyConnection,
    id: IdentityDecisionId,
    principal: &Principal,
    reach: Reach,
) -> Result<DecisionRow, RegisterError> {
    let row = DecisionRow::find(connection, id.into())?;
    // The same statements run whether there is no decision or one that the caller may not know of.
    let mut is_known = true;
    for child in row.as_ref().map_or([id.into(); 2], |row| [row.kept_id, row.other_id]) {
        match decidable(connection, children::id_of(child)?, principal, reach) {
            Ok(_) => {}
            Err(RegisterError::NotFound) => is_known = false,
            Err(error) => return Err(error),
        }
    }
    row.filter(|_| is_known).ok_or(RegisterError::NotFound)
}

/// Read a decision about two records
///
/// Whether they are of one person or of two, who decided so and why, and whether it was undone.
#[utoipa::path(
    get, path = "/v1/identity-decisions/{id}", operation_id = "readIdentityDecision", tag = "Children",
    params(("id" = String, Path, description = "Identifier of the decision")),
    responses((status = 200, description = "The decision", body = IdentityDecisionView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadIdentityDecision>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let id: IdentityDecisionId = incoming.id()?;
            let row = found(snapshot.connection, id, &principal, reach)?;
            incoming.reading()?;
            snapshot.audit().child(row.kept_id);
            snapshot.audit().child(row.other_id);
            item(row.version, &IdentityDecisionView::new(&row))
        })
        .await
        .map(kept)
}

/// Undo a decision about two records
///
/// Afterwards everything is as if it had not been made, but for the record that it was.
#[utoipa::path(
    post, path = "/v1/identity-decisions/{id}/undo", operation_id = "undoIdentityDecision", tag = "Children",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the decision")),
    request_body = ReasonRequest,
    responses((status = 200, description = "The decision", body = IdentityDecisionView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn undo(gate: Gate<action::UndoIdentityDecision>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                let id: IdentityDecisionId = incoming.id()?;
                let row = found(snapshot.connection, id, &principal, reach)?;
                let body: ReasonRequest = incoming.change(row.version)?;
                let reason = body.read()?;
                Ok((row, reason))
            },
            move |tx, (row, reason): &(DecisionRow, Note)| {
                let row = identities::undo(tx, &region, row, reason, &by)?;
                item::<IdentityDecisionView>(row.version, &IdentityDecisionView::new(&row))
            },
        )
        .await
        .map(kept)
}
