//! `/v1/registrations/{id}/responsibility`: who is responsible for a child, and what keeps it so whatever the address.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::Fields;
use super::gate::Gate;
use super::named::{entry_in_path, entry_to_show};
use super::problem::Problem;
use super::respond::{item, kept};
use super::section47::day;
use super::transfers::SignatureView;
use crate::authz::policy::action;
use crate::domain::custody::Outside;
use crate::domain::text::{Line, Note};
use crate::register::registrations::{self, Registration};
use crate::register::transfers::Actor;
use crate::register::transfers::responsibility::{self, NewResponsibility};
use crate::store::connection::AnyConnection;

/// Most pieces of evidence.
const EVIDENCE_MAX: usize = 20;

/// Where a child is, outside the federation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutsideShape {
    /// The authority or the country.
    #[schema(example = "Dublin, Tusla")]
    place: Option<String>,
    /// Whether it is outside the United Kingdom.
    #[schema(example = true)]
    abroad: Option<bool>,
    /// Since when, as far as is known.
    #[schema(example = "2026-11-10")]
    since: Option<String>,
    /// What is held for it: letters, calls, as references into the authority's own files. At least one.
    #[schema(example = json!(["Letter of Tusla of 12 November, file 118"]))]
    evidence: Option<Vec<String>>,
}

/// What keeps responsibility here from now on: all of it. What is left out is so no more.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResponsibilityRequest {
    /// The order of a court that keeps responsibility here whatever the address.
    #[schema(example = "Interim care order of 3 November, family court at Newport")]
    court_order: Option<String>,
    /// Where the child is, outside the federation.
    outside: Option<OutsideShape>,
    /// Why this is recorded.
    #[schema(example = "The family moved to Dublin on 10 November")]
    reason: Option<String>,
}

/// Where a child is, outside the federation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutsideView {
    /// The authority or the country.
    #[schema(example = "Dublin, Tusla")]
    place: String,
    /// Whether it is outside the United Kingdom.
    abroad: bool,
    /// Since when.
    since: NaiveDate,
    /// What is held for it.
    #[schema(example = json!(["Letter of Tusla of 12 November, file 118"]))]
    evidence: Vec<String>,
}

/// Who is responsible for a child, and what keeps it so.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResponsibilityView {
    /// The entry.
    registration_id: String,
    /// The one responsible authority (GSS code), as far as is known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    responsible: Option<String>,
    /// The order of a court that keeps responsibility here whatever the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Interim care order of 3 November, family court at Newport")]
    court_order: Option<String>,
    /// Where the child is, outside the federation.
    #[serde(skip_serializing_if = "Option::is_none")]
    outside: Option<OutsideView>,
    /// Who recorded it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<SignatureView>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The family moved to Dublin on 10 November")]
    reason: Option<String>,
}

impl OutsideShape {
    fn read(&self, fields: &mut Fields) -> Option<Outside> {
        let place: Option<Line> = fields.required("/outside/place", self.place.as_deref());
        if self.since.is_none() {
            fields.missing("/outside/since");
        }
        let since = day("/outside/since", self.since.as_deref(), fields);
        let given = self.evidence.as_deref().unwrap_or_default();
        if given.is_empty() {
            fields.missing("/outside/evidence");
        }
        let bounded = fields.bounded("/outside/evidence", given, EVIDENCE_MAX);
        let evidence: Vec<Option<Note>> = bounded
            .iter()
            .enumerate()
            .map(|(index, text)| fields.required(&format!("/outside/evidence/{index}"), Some(text.as_str())))
            .collect();
        let evidence = evidence.into_iter().collect::<Option<Vec<Note>>>();
        Some(Outside { place: place?, abroad: self.abroad.unwrap_or(false), since: since?, evidence: evidence? })
    }
}

impl ResponsibilityRequest {
    fn read(&self) -> Result<NewResponsibility, Problem> {
        let mut fields = Fields::default();
        let court_order: Option<Line> = fields.optional("/courtOrder", self.court_order.as_deref());
        let outside = self.outside.as_ref().map(|outside| outside.read(&mut fields));
        let reason: Option<Note> = fields.required("/reason", self.reason.as_deref());
        fields.finish(reason.map(|reason| NewResponsibility { court_order, outside: outside.flatten(), reason }))
    }
}

fn view(connection: &mut AnyConnection, entry: &Registration) -> Result<ResponsibilityView, Problem> {
    let custody = responsibility::of(connection, entry)?;
    let own = || match entry.state.kind.as_str() {
        "temporary" => entry.state.home_authority.clone(),
        _ => Some(entry.row.authority.clone()),
    };
    let held = custody.as_ref();
    let responsible = held.map_or_else(own, |custody| custody.leader().map(|leader| leader.as_str().to_owned()));
    let outside = held.and_then(|custody| custody.outside.as_ref()).map(|outside| OutsideView {
        place: outside.place.expose().to_owned(),
        abroad: outside.abroad,
        since: outside.since,
        evidence: outside.evidence.iter().map(|note| note.expose().to_owned()).collect(),
    });
    let given = held.and_then(|custody| custody.reason.as_ref());
    Ok(ResponsibilityView {
        registration_id: entry.row.id.0.to_string(),
        responsible,
        court_order: held.and_then(|custody| custody.kept_by_order.as_ref()).map(|order| order.expose().to_owned()),
        outside,
        by: given.map(|(by, _)| SignatureView::new(by)),
        reason: given.map(|(_, reason)| reason.expose().to_owned()),
    })
}

/// Read who is responsible
///
/// The one responsible authority, and what keeps responsibility there whatever the address.
#[utoipa::path(
    get, path = "/v1/registrations/{id}/responsibility", operation_id = "readResponsibility", tag = "Registrations",
    params(("id" = String, Path, description = "Identifier of the entry")),
    responses((status = 200, description = "Who is responsible", body = ResponsibilityView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadResponsibility>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let entry = entry_to_show(snapshot, &incoming, &principal, reach)?;
            item::<ResponsibilityView>(entry.row.version, &view(snapshot.connection, &entry)?)
        })
        .await
        .map(kept)
}

/// Record what keeps responsibility here
///
/// A court order, because of which the child cannot be offered to another authority; or that the child is with an authority or in a
/// country that is no member of the federation. A child outside stays on this register, and this authority stays responsible, until the
/// name comes off by a ground of its own: on the written acceptance of the other authority (`transferred`), or on the confirmation of the
/// heads of service (`left-united-kingdom`). While a move is offered no order can be recorded: withdraw it with the reason `court-order`.
#[utoipa::path(
    put, path = "/v1/registrations/{id}/responsibility", operation_id = "changeResponsibility", tag = "Registrations",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the entry")),
    request_body = ResponsibilityRequest,
    responses((status = 200, description = "Who is responsible", body = ResponsibilityView,
        headers(("ETag" = String, description = "The entry's version"))), super::openapi::ChangeProblems),
)]
pub async fn change(gate: Gate<action::ChangeResponsibility>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = Actor::of(&principal);
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                let entry = entry_in_path(snapshot, &incoming, &principal, reach)?;
                let body: ResponsibilityRequest = incoming.change(entry.row.version)?;
                Ok((entry, body.read()?))
            },
            move |tx, (entry, new): &(Registration, NewResponsibility)| {
                responsibility::change(tx, &region, entry, new, &by)?;
                let entry = registrations::load(tx.connection, entry.row.id)?;
                item::<ResponsibilityView>(entry.row.version, &view(tx.connection, &entry)?)
            },
        )
        .await
        .map(kept)
}
