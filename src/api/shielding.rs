//! `/v1/children/{id}/shielding` and `/break-glass`: restricted records.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::children::{ChildView, ReasonRequest, change};
use super::fields::Fields;
use super::gate::Gate;
use super::named::child_in_path;
use super::once::Once;
use super::problem::Problem;
use super::respond::{created, kept};
use crate::authz::policy::action;
use crate::domain::text::Note;
use crate::register::{RegisterError, shielding};
use crate::store::break_glass::BreakGlassRow;

/// Whether a record is shielded from now on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShieldingRequest {
    /// Whether it is.
    #[schema(example = true)]
    shielded: Option<bool>,
    /// Why.
    #[schema(example = "The father looks for mother and child")]
    reason: Option<String>,
}

/// A restricted record that is open for one person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakGlassView {
    /// Identifier.
    id: String,
    /// The child.
    child_id: String,
    /// Since when.
    opened_at: DateTime<Utc>,
    /// When it ends by itself.
    ends_at: DateTime<Utc>,
}

impl BreakGlassView {
    fn new(row: &BreakGlassRow) -> Self {
        Self { id: row.id.0.to_string(), child_id: row.child_id.0.to_string(), opened_at: row.opened_at.get(), ends_at: row.ends_at.get() }
    }
}

/// Shield a record, or no longer
///
/// A shielded child is matched only on what an enquirer could see of the record, no answer tells where the child is, and the
/// record itself is there only for custodians and its own co-ordinator. Who decided it and why stays in the history.
#[utoipa::path(
    put, path = "/v1/children/{id}/shielding", operation_id = "shieldChild", tag = "Children",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the person")),
    request_body = ShieldingRequest,
    responses((status = 200, description = "The person", body = ChildView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn shield(gate: Gate<action::ShieldChild>) -> Result<HttpResponse, Problem> {
    change(
        gate,
        |body: &ShieldingRequest, _| {
            let mut fields = Fields::default();
            if body.shielded.is_none() {
                fields.missing("/shielded");
            }
            let reason = fields.required::<Note>("/reason", body.reason.as_deref());
            fields.finish(body.shielded.zip(reason))
        },
        |tx, region, row, (shielded, reason): &(bool, Note), by| shielding::set(tx, region, row, *shielded, reason, by),
    )
    .await
}

/// Open a restricted record in an emergency
///
/// Opens the whole record of one child for you alone, for the time that the region has set; it ends by itself. The custodian is
/// told at once and sees within a working day whether it was right; whatever you read meanwhile is recorded as read under it.
/// Nothing of it enters the answer to any check. The region may ask that you signed in a moment ago.
#[utoipa::path(
    post, path = "/v1/children/{id}/break-glass", operation_id = "breakGlass", tag = "Children",
    params(super::openapi::IdempotencyKey, ("id" = String, Path, description = "Identifier of the person")),
    request_body = ReasonRequest,
    responses((status = 201, description = "The record is open", body = BreakGlassView,
        headers(("Location" = String, description = "Where the record can be read"))),
        super::openapi::EmergencyProblems),
)]
pub async fn break_glass(gate: Gate<action::BreakGlass>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let opener = Arc::clone(&principal);
    let reach = permit.reach();
    let wall = app.store.clock().wall();
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                shielding::signed_in_recently(&reader, &principal, wall)?;
                let row = child_in_path(snapshot, &incoming, &principal, reach)?;
                Once::read(snapshot, incoming.creation::<ReasonRequest>()?, |_, body| {
                    if row.standing != "current" {
                        return Err(RegisterError::NotFound.into());
                    }
                    Ok((row, body.read()?))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, (row, reason)| {
                    let opened = shielding::open(tx, &writer, row, reason, &opener)?;
                    created::<BreakGlassView>(Some(format!("/v1/children/{}", row.id.0)), None, &BreakGlassView::new(&opened))
                })
            },
        )
        .await
        .map(kept)
}
