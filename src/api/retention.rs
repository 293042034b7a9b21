//! `/v1/retention`: what retention would erase, and why; `/v1/legal-holds`: what keeps it from it.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::children::ReasonRequest;
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::Problem;
use super::respond::{created, item, kept, list};
use crate::authz::Principal;
use crate::authz::policy::action;
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{ChildId, HoldId};
use crate::domain::retention::Kept;
use crate::domain::text::Note;
use crate::register::Region;
use crate::register::children::today;
use crate::register::holds::{self, NewHold};
use crate::register::retention::{self, Decided};
use crate::store::holds::{self as rows, HoldRow};
use crate::store::types::Id;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// A legal hold to be placed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldRequest {
    /// The authority whose records it lies on (GSS code).
    #[schema(example = "W06000022")]
    authority: Option<String>,
    /// The child on whose record alone it lies; without: on every record of the authority.
    child_id: Option<String>,
    /// Why.
    #[schema(example = "The inquiry's instruction not to destroy")]
    reason: Option<String>,
}

/// A legal hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    /// Identifier.
    id: String,
    /// The authority whose records it lies on.
    authority: String,
    /// The child on whose record alone it lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_id: Option<String>,
    /// Why.
    #[schema(example = "The inquiry's instruction not to destroy")]
    reason: String,
    /// Since when.
    placed_at: DateTime<Utc>,
    /// By whom.
    #[schema(example = "https://idp.example#custodian-1")]
    placed_by: String,
    /// When it was lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_at: Option<DateTime<Utc>>,
    /// By whom it was lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_by: Option<String>,
    /// Why it was lifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    lift_reason: Option<String>,
}

/// A page of legal holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldList {
    /// The holds, newest first.
    items: Vec<HoldView>,
    /// Where the next page is.
    links: Links,
}

/// What retention says of a record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionView {
    /// Whose record.
    child_id: String,
    /// The authority that keeps it (GSS code).
    authority: String,
    /// Whether it would be erased.
    goes: bool,
    /// The rule whose time ran out last, or will.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "after-closure")]
    rule: Option<String>,
    /// The first day on which that rule lets it go.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// Why it stays; empty when it would go.
    kept: Vec<KeptView>,
}

/// Why a record stays.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptView {
    /// The reason.
    code: &'static str,
    /// The hold that lies on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_id: Option<String>,
    /// The child of its household about whom something is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_id: Option<String>,
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The first day on which the rule lets it go.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<NaiveDate>,
    /// From what the rule counts, and it is not known when that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
}

/// A page of what retention says.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionList {
    /// Records, newest first.
    items: Vec<RetentionView>,
    /// Where the next page is.
    links: Links,
}

impl RetentionView {
    /// What is told of a decision: opaque identifiers, codes and days.
    pub fn new(decided: &Decided) -> Self {
        let decision = &decided.decision;
        Self {
            child_id: decided.child.0.to_string(),
            authority: decided.authority.clone(),
            goes: decision.may_go(),
            rule: decision.decided_by.as_ref().map(|(rule, _)| rule.to_string()),
            from: decision.decided_by.as_ref().map(|(_, day)| *day),
            kept: decision.kept.iter().map(KeptView::new).collect(),
        }
    }
}

impl KeptView {
    fn new(kept: &Kept) -> Self {
        let plain = Self { code: kept.code(), ..Self::default() };
        match kept {
            Kept::Live | Kept::Open | Kept::NoRule => plain,
            Kept::Held(hold) => Self { hold_id: Some(hold.to_string()), ..plain },
            Kept::Sibling(child) => Self { child_id: Some(child.to_string()), ..plain },
            Kept::Until { rule, day } => Self { rule: Some(rule.to_string()), until: Some(*day), ..plain },
            Kept::DateMissing { rule, trigger } => Self { rule: Some(rule.to_string()), missing: Some(trigger.as_str()), ..plain },
        }
    }
}

impl HoldView {
    fn new(row: &HoldRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            authority: row.authority.clone(),
            child_id: row.child_id.map(|id| id.0.to_string()),
            reason: row.reason.clone(),
            placed_at: row.placed_at.get(),
            placed_by: row.placed_by.clone(),
            lifted_at: row.lifted_at.map(|at| at.get()),
            lifted_by: row.lifted_by.clone(),
            lift_reason: row.lift_reason.clone(),
        }
    }
}

impl HoldRequest {
    fn read(self) -> Result<NewHold, Problem> {
        let mut fields = Fields::default();
        let authority: Option<GssCode> = fields.required("/authority", self.authority.as_deref());
        let child: Option<ChildId> = fields.optional("/childId", self.child_id.as_deref());
        let reason: Option<Note> = fields.required("/reason", self.reason.as_deref());
        let read = authority.zip(reason).map(|(authority, reason)| NewHold { authority: authority.as_str().to_owned(), child, reason });
        fields.finish(read)
    }
}

/// The authorities of the region that somebody's token reaches.
fn reached(principal: &Principal, region: &Region) -> Vec<String> {
    region.authorities().iter().map(|authority| authority.gss.clone()).filter(|gss| principal.scope.covers(gss)).collect()
}

/// Read what retention would erase
///
/// A dry run over the records of the caller's authorities: whether each would be erased now, by which rule, and why it stays.
/// Nothing is changed. Records are erased on the machine itself (`cofrestr retention --apply`), one by one, and only what may
/// still go then.
#[utoipa::path(
    get, path = "/v1/retention", operation_id = "readRetention", tag = "Retention", params(PageQuery),
    responses((status = 200, description = "A page of records, newest first", body = RetentionList), super::openapi::ListProblems),
)]
pub async fn read(gate: Gate<action::ReadRetention>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: PageQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
            let authorities = reached(&principal, &region);
            let before = page.before::<uuid::Uuid>().map(Id);
            let day = today(snapshot.now());
            let found = retention::page(snapshot.connection, &region, &authorities, before, page.fetch(), day)?;
            let (found, links) = page.cut(snapshot, found, "/v1/retention", |decided| decided.child.0);
            for decided in &found {
                snapshot.audit().child(decided.child);
            }
            list(&RetentionList { items: found.iter().map(RetentionView::new).collect(), links })
        })
        .await
        .map(kept)
}

/// Place a legal hold
///
/// While it lies on a record, or on all records of an authority, nothing of it is erased, whatever the rules of retention say.
#[utoipa::path(
    post, path = "/v1/legal-holds", operation_id = "addLegalHold", tag = "Retention",
    params(super::openapi::IdempotencyKey), request_body = HoldRequest,
    responses((status = 201, description = "The hold", body = HoldView,
        headers(("Location" = String, description = "Where the hold can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddLegalHold>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<HoldRequest>()?, |snapshot, body| {
                    let what = body.read()?;
                    region.within_scope(&principal, &what.authority)?;
                    holds::check(snapshot.connection, &what, &principal, reach)?;
                    Ok(what)
                })
            },
            move |tx, once| {
                once.make(tx, |tx, what| {
                    let row = holds::place(tx, what, &by)?;
                    created(Some(format!("/v1/legal-holds/{}", row.id.0)), Some(etag(row.version)), &HoldView::new(&row))
                })
            },
        )
        .await
        .map(kept)
}

/// List legal holds
///
/// Those of the caller's authorities, lifted ones too.
#[utoipa::path(
    get, path = "/v1/legal-holds", operation_id = "listLegalHolds", tag = "Retention", params(PageQuery),
    responses((status = 200, description = "A page of holds, newest first", body = HoldList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListLegalHolds>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: PageQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
            let before = page.before::<uuid::Uuid>().map(Id);
            let found = rows::list(snapshot.connection, &reached(&principal, &region), before, page.fetch())?;
            let (found, links) = page.cut(snapshot, found, "/v1/legal-holds", |row| row.id.0);
            found.iter().filter_map(|row| row.child_id).for_each(|child| snapshot.audit().child(child));
            list(&HoldList { items: found.iter().map(HoldView::new).collect(), links })
        })
        .await
        .map(kept)
}

/// Read a legal hold
///
/// Whose records it keeps, why, who asked for it and, when it was lifted, by whom and why.
#[utoipa::path(
    get, path = "/v1/legal-holds/{id}", operation_id = "readLegalHold", tag = "Retention",
    params(("id" = String, Path, description = "Identifier of the hold")),
    responses((status = 200, description = "The hold", body = HoldView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read_hold(gate: Gate<action::ReadLegalHold>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    app.store
        .read(permit, move |snapshot| {
            let id: HoldId = incoming.id()?;
            let row = holds::find(snapshot.connection, id, &principal)?;
            incoming.reading()?;
            if let Some(child) = row.child_id {
                snapshot.audit().child(child);
            }
            item(row.version, &HoldView::new(&row))
        })
        .await
        .map(kept)
}

/// Lift a legal hold
///
/// From then on the rules of retention alone decide. The hold stays to be read, with who lifted it and why.
#[utoipa::path(
    post, path = "/v1/legal-holds/{id}/lifting", operation_id = "liftLegalHold", tag = "Retention",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the hold")),
    request_body = ReasonRequest,
    responses((status = 200, description = "The hold", body = HoldView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn lift(gate: Gate<action::LiftLegalHold>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    app.store
        .run(
            permit,
            move |snapshot| {
                let id: HoldId = incoming.id()?;
                let row = holds::find(snapshot.connection, id, &principal)?;
                let body: ReasonRequest = incoming.change(row.version)?;
                Ok((row, body.read()?))
            },
            move |tx, (row, reason): &(HoldRow, Note)| {
                let lifted = holds::lift(tx, row, reason, &by)?;
                item::<HoldView>(lifted.version, &HoldView::new(&lifted))
            },
        )
        .await
        .map(kept)
}
