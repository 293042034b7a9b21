//! `/v1/registrations/{id}/removal`: how an entry ended.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::children::ReasonRequest;
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::named::entry_in_path;
use super::once::Once;
use super::problem::Problem;
use super::registrations::{Amendment, RegistrationView, amend, view};
use super::respond::{created, item, kept};
use crate::authz::policy::action;
use crate::domain::dates::parse_date;
use crate::domain::ids::ConferenceId;
use crate::domain::registration::RemovalGround;
use crate::domain::text::Note;
use crate::register::RegisterError;
use crate::register::registrations::{self, Registration};
use crate::register::removal::{self, NewRemoval};

/// How an entry is to end.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemovalRequest {
    /// From which day the child is no longer on the register.
    #[schema(example = "2026-09-01")]
    removed_on: Option<String>,
    /// The ground. There are no others.
    #[schema(example = "died")]
    ground: Option<String>,
    /// The recorded conference that decided it: needed for `review-conference-decision`, `left-united-kingdom` and
    /// `transferred`.
    conference_id: Option<String>,
    /// What is held for it: who told of a death; the confirmation of the heads of service; the other authority's acceptance
    /// in writing; what the home authority of a temporary entry said.
    evidence: Option<String>,
    /// Why.
    reasons: Option<String>,
}

/// How an entry ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovalView {
    /// The entry.
    registration_id: String,
    /// From which day the child is no longer on the register.
    removed_on: NaiveDate,
    /// On which ground.
    ground: String,
    /// The conference that decided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    conference_id: Option<String>,
    /// What is held for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Letter of the consultant of 1 September 2026, on file")]
    evidence: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The hospital told the social worker on the day")]
    reasons: Option<String>,
    /// Whether letters go to the family: none after a death or a stillbirth.
    letters: bool,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
}

impl RemovalRequest {
    fn read(&self) -> Result<NewRemoval, Problem> {
        let mut fields = Fields::default();
        let removed_on = match self.removed_on.as_deref() {
            None => {
                fields.missing("/removedOn");
                None
            }
            Some(text) => fields.keep("/removedOn", parse_date(text)),
        };
        let ground: Option<RemovalGround> = fields.required("/ground", self.ground.as_deref());
        let conference: Option<ConferenceId> = fields.optional("/conferenceId", self.conference_id.as_deref());
        let evidence: Option<Note> = fields.optional("/evidence", self.evidence.as_deref());
        let reasons: Option<Note> = fields.required("/reasons", self.reasons.as_deref());
        let read = (|| Some(NewRemoval { removed_on: removed_on?, ground: ground?, conference, evidence, reasons }))();
        fields.finish(read)
    }
}

impl RemovalView {
    fn new(entry: &Registration) -> Option<Self> {
        let state = &entry.state;
        let ground: RemovalGround = state.removal_ground.as_deref()?.parse().ok()?;
        Some(Self {
            registration_id: entry.row.id.0.to_string(),
            removed_on: state.removed_on?,
            ground: ground.as_str().to_owned(),
            conference_id: state.removal_conference_id.map(|id| id.0.to_string()),
            evidence: state.removal_evidence.clone(),
            reasons: state.removal_reasons.clone(),
            letters: removal::letters(ground),
            recorded_at: state.recorded_at.get(),
        })
    }
}

/// Remove a name
///
/// Only on a ground of the procedures and with what it needs. The child is answered as a former one from then on. What a
/// review conference decides is recorded as a conference and needs no second request. Temporary entries that rest on this one
/// end with it.
#[utoipa::path(
    post, path = "/v1/registrations/{id}/removal", operation_id = "removeRegistration", tag = "Registrations",
    params(super::openapi::IdempotencyKey, super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the entry")),
    request_body = RemovalRequest,
    responses((status = 201, description = "How the entry ended", body = RemovalView,
        headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "The entry's new version"))),
        super::openapi::ChangeProblems),
)]
pub async fn remove(gate: Gate<action::RemoveRegistration>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                let entry = entry_in_path(snapshot, &incoming, &principal, reach)?;
                Once::read(snapshot, incoming.creation_unshaped()?, |_, _| {
                    let body: RemovalRequest = incoming.change(entry.row.version)?;
                    Ok((entry, body.read()?))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, (entry, removal)| {
                    removal::remove(tx, &region, entry, removal, &by)?;
                    let entry = registrations::load(tx.connection, entry.row.id)?;
                    let view = RemovalView::new(&entry).ok_or(RegisterError::NotFound)?;
                    let location = format!("/v1/registrations/{}/removal", entry.row.id.0);
                    created(Some(location), Some(etag(entry.row.version)), &view)
                })
            },
        )
        .await
        .map(kept)
}

/// Read how an entry ended
///
/// On which ground, with what evidence and why; 404 while the entry is in force.
#[utoipa::path(
    get, path = "/v1/registrations/{id}/removal", operation_id = "readRemoval", tag = "Registrations",
    params(("id" = String, Path, description = "Identifier of the entry")),
    responses((status = 200, description = "How the entry ended", body = RemovalView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadRemoval>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let entry = entry_in_path(snapshot, &incoming, &principal, reach)?;
            let view = RemovalView::new(&entry).ok_or(RegisterError::NotFound)?;
            incoming.reading()?;
            item::<RemovalView>(entry.row.version, &view)
        })
        .await
        .map(kept)
}

/// Undo a removal that was recorded in error
///
/// The entry runs on as if it had never ended; who reads the history sees that it was ended and put back, by whom and why.
/// Refused when the child has had another entry of this authority since.
#[utoipa::path(
    post, path = "/v1/registrations/{id}/removal/entered-in-error", operation_id = "markRemovalInError", tag = "Registrations",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the entry")), request_body = ReasonRequest,
    responses((status = 200, description = "The entry", body = RegistrationView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn mark_in_error(gate: Gate<action::MarkRemovalInError>) -> Result<HttpResponse, Problem> {
    amend(
        gate,
        Amendment {
            read: |body: &ReasonRequest, _, _| body.read(),
            write: |tx, region, entry, reason: &Note, by| removal::reinstate(tx, region, entry, reason.expose(), by),
            view,
        },
    )
    .await
}
