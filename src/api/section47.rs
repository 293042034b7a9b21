//! `/v1/section-47-enquiries`: what came before a conference, with the dates from which clocks run.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::children::ReasonRequest;
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::named::child_in_body;
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{created, item, kept, list};
use crate::authz::policy::action;
use crate::authz::{Action, Reach};
use crate::domain::dates::parse_date;
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{ChildId, Section47Id};
use crate::domain::section47::Determination;
use crate::domain::text::{Line, Note};
use crate::register::section47::{self, NewSection47, Section47};
use crate::register::{RegisterError, work_lists};
use crate::store::Tx;
use crate::store::conferences::{Section47Row, Whose};
use crate::store::types::Id;

/// What holds of an enquiry. A change says all of it anew.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Section47Request {
    /// The child; with a change it can be left out, and cannot become another.
    child_id: Option<String>,
    /// The authority that enquires (GSS code); with a change it can be left out, and cannot become another.
    authority: Option<String>,
    /// When the report or referral arrived.
    #[schema(example = "2026-02-02")]
    referral_on: Option<String>,
    /// When the strategy discussion was held.
    #[schema(example = "2026-02-03")]
    strategy_discussion_on: Option<String>,
    /// When the enquiry was decided on.
    #[schema(example = "2026-02-03")]
    decided_on: Option<String>,
    /// When it began.
    #[schema(example = "2026-02-04")]
    started_on: Option<String>,
    /// What it determined: `not-substantiated`, `substantiated-no-continuing-risk` or `conference`.
    outcome: Option<String>,
    /// When it was determined.
    outcome_on: Option<String>,
    /// When the assessment was completed.
    assessment_completed_on: Option<String>,
    /// Why times were departed from, and who approved it.
    departure: Option<DepartureShape>,
}

/// A departure from the times of the procedures.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DepartureShape {
    /// Why.
    pub reason: Option<String>,
    /// Which senior safeguarding manager approved it.
    pub approved_by: Option<String>,
}

/// An enquiry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Section47View {
    /// Identifier.
    id: String,
    /// The child.
    child_id: String,
    /// The authority that enquires (GSS code).
    authority: String,
    /// `open`, `closed` or `entered-in-error`. An enquiry is open until its conference, or the finding that none is needed.
    status: String,
    /// When the report or referral arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    referral_on: Option<NaiveDate>,
    /// When the strategy discussion was held.
    strategy_discussion_on: NaiveDate,
    /// When the enquiry was decided on.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_on: Option<NaiveDate>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_on: Option<NaiveDate>,
    /// What it determined.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    /// When it was determined.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome_on: Option<NaiveDate>,
    /// When the assessment was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    assessment_completed_on: Option<NaiveDate>,
    /// Why times were departed from, and who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    departure: Option<DepartureView>,
    /// The first conference that was held upon it.
    #[serde(skip_serializing_if = "Option::is_none")]
    conference_id: Option<String>,
    /// When this was recorded.
    recorded_at: DateTime<Utc>,
}

/// A departure from the times of the procedures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartureView {
    /// Why.
    #[schema(example = "The family was abroad until the 20th")]
    pub reason: String,
    /// Which senior safeguarding manager approved it.
    #[schema(example = "Nia Pritchard")]
    pub approved_by: String,
}

impl DepartureView {
    /// A departure, when it has both.
    pub fn new(reason: Option<&String>, approved_by: Option<&String>) -> Option<Self> {
        Some(Self { reason: reason?.clone(), approved_by: approved_by?.clone() })
    }
}

/// A page of enquiries.
#[derive(Debug, Serialize, ToSchema)]
pub struct Section47List {
    /// The enquiries, newest first.
    items: Vec<Section47View>,
    /// Where the next page is.
    links: Links,
}

/// Which enquiries or conferences to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChildQuery {
    /// Only those about this child (identifier).
    pub child: Option<String>,
    /// Where to go on: `links.next` of the page before.
    pub cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    pub limit: Option<i64>,
}

impl ChildQuery {
    /// The child named and the page asked for.
    ///
    /// # Errors
    /// 400.
    pub fn read(&self) -> Result<(Option<Id>, Page), Problem> {
        // An identifier that this register never gave names nobody: an empty list, like one that is not known to the caller.
        let child: Option<uuid::Uuid> = self.child.as_deref().map(str::parse).transpose().map_err(|_| Kind::MalformedQuery)?;
        let page = Page::new(self.cursor.as_deref(), self.limit, child.map(|child| ("child", child.to_string())))?;
        Ok((child.map(Id), page))
    }
}

/// Reads a day that may be absent.
pub(super) fn day(pointer: &str, text: Option<&str>, fields: &mut Fields) -> Option<NaiveDate> {
    text.and_then(|text| fields.keep(pointer, parse_date(text)))
}

impl DepartureShape {
    /// Reads what is there; that both are is a rule of the procedures.
    pub(super) fn read(shape: Option<&Self>, fields: &mut Fields) -> (Option<Note>, Option<Line>) {
        let reason = shape.and_then(|shape| fields.optional("/departure/reason", shape.reason.as_deref()));
        let approved_by = shape.and_then(|shape| fields.optional("/departure/approvedBy", shape.approved_by.as_deref()));
        (reason, approved_by)
    }
}

impl Section47Request {
    fn facts(&self, fields: &mut Fields) -> Option<NewSection47> {
        if self.strategy_discussion_on.is_none() {
            fields.missing("/strategyDiscussionOn");
        }
        let strategy_discussion_on = day("/strategyDiscussionOn", self.strategy_discussion_on.as_deref(), fields);
        let (departure_reason, departure_approved_by) = DepartureShape::read(self.departure.as_ref(), fields);
        let outcome: Option<Determination> = fields.optional("/outcome", self.outcome.as_deref());
        let new = NewSection47 {
            referral_on: day("/referralOn", self.referral_on.as_deref(), fields),
            // Without one the request is refused; the day stands in until it is.
            strategy_discussion_on: strategy_discussion_on.unwrap_or_default(),
            decided_on: day("/decidedOn", self.decided_on.as_deref(), fields),
            started_on: day("/startedOn", self.started_on.as_deref(), fields),
            outcome,
            outcome_on: day("/outcomeOn", self.outcome_on.as_deref(), fields),
            assessment_completed_on: day("/assessmentCompletedOn", self.assessment_completed_on.as_deref(), fields),
            departure_reason,
            departure_approved_by,
        };
        strategy_discussion_on.map(|_| new)
    }

    fn read(&self) -> Result<(ChildId, GssCode, NewSection47), Problem> {
        let mut fields = Fields::default();
        let child: Option<ChildId> = fields.required("/childId", self.child_id.as_deref());
        let authority: Option<GssCode> = fields.required("/authority", self.authority.as_deref());
        let facts = self.facts(&mut fields);
        let read = (|| Some((child?, authority?, facts?)))();
        fields.finish(read)
    }

    fn read_change(&self, enquiry: &Section47) -> Result<NewSection47, Problem> {
        let mut fields = Fields::default();
        let child: Option<ChildId> = fields.optional("/childId", self.child_id.as_deref());
        let authority: Option<GssCode> = fields.optional("/authority", self.authority.as_deref());
        let other = "an enquiry stays with its child and authority: mark this one as entered in error and enter another";
        if child.is_some_and(|child| enquiry.row.child_id != child.into()) {
            fields.note("/childId", "cannot-change", other);
        }
        if authority.is_some_and(|authority| authority.as_str() != enquiry.row.authority) {
            fields.note("/authority", "cannot-change", other);
        }
        let facts = self.facts(&mut fields);
        fields.finish(facts)
    }
}

impl Section47View {
    fn new(enquiry: &Section47) -> Self {
        let state = &enquiry.state;
        let status = match (state.entered_in_error, enquiry.is_open()) {
            (true, _) => "entered-in-error",
            (false, true) => "open",
            (false, false) => "closed",
        };
        Self {
            id: enquiry.row.id.0.to_string(),
            child_id: enquiry.row.child_id.0.to_string(),
            authority: enquiry.row.authority.clone(),
            status: status.to_owned(),
            referral_on: state.referral_on,
            strategy_discussion_on: state.strategy_discussion_on,
            decided_on: state.decided_on,
            started_on: state.started_on,
            outcome: state.outcome.clone(),
            outcome_on: state.outcome_on,
            assessment_completed_on: state.assessment_completed_on,
            departure: DepartureView::new(state.departure_reason.as_ref(), state.departure_approved_by.as_ref()),
            conference_id: enquiry.conference.map(|(id, _)| id.0.to_string()),
            recorded_at: state.recorded_at.get(),
        }
    }
}

/// Enter a section 47 enquiry
///
/// With the strategy discussion and, as they become known, the dates and the outcome. One enquiry about a child is open at an
/// authority at a time.
#[utoipa::path(
    post, path = "/v1/section-47-enquiries", operation_id = "addSection47Enquiry", tag = "Conferences",
    params(super::openapi::IdempotencyKey), request_body = Section47Request,
    responses((status = 201, description = "The enquiry", body = Section47View,
        headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddSection47Enquiry>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<Section47Request>()?, |snapshot, body| {
                    let (child, authority, new) = body.read()?;
                    region.within_scope(&principal, authority.as_str())?;
                    child_in_body(snapshot, child, &principal, reach)?;
                    Ok((child, authority, new))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, (child, authority, new)| {
                    let enquiry = section47::add(tx, *child, authority.as_str(), new, &by)?;
                    let location = format!("/v1/section-47-enquiries/{}", enquiry.row.id.0);
                    created(Some(location), Some(etag(enquiry.row.version)), &Section47View::new(&enquiry))
                })
            },
        )
        .await
        .map(kept)
}

/// Read a section 47 enquiry
///
/// Its dates, its outcome and the conference that was held upon it.
#[utoipa::path(
    get, path = "/v1/section-47-enquiries/{id}", operation_id = "readSection47Enquiry", tag = "Conferences",
    params(("id" = String, Path, description = "Identifier of the enquiry")),
    responses((status = 200, description = "The enquiry", body = Section47View, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadSection47Enquiry>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let id: Section47Id = incoming.id()?;
            let enquiry = section47::find(snapshot.connection, id, &principal, reach)?;
            incoming.reading()?;
            snapshot.audit().child(enquiry.row.child_id);
            item(enquiry.row.version, &Section47View::new(&enquiry))
        })
        .await
        .map(kept)
}

/// List section 47 enquiries
///
/// Those of the caller's authorities, or about children whose cases the caller co-ordinates; `child` narrows to one child.
#[utoipa::path(
    get, path = "/v1/section-47-enquiries", operation_id = "listSection47Enquiries", tag = "Conferences", params(ChildQuery),
    responses((status = 200, description = "A page of enquiries, newest first", body = Section47List), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListSection47Enquiries>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let whose = match permit.reach() {
        Reach::Scope => Whose::Authorities(work_lists(permit.principal(), &app.region)),
        Reach::Own => Whose::Coordinator(permit.principal().key()),
    };
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: ChildQuery = incoming.query()?;
            let (child, page) = query.read()?;
            let rows = Section47Row::list(snapshot.connection, &whose, child, page.before::<uuid::Uuid>().map(Id), page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/section-47-enquiries", |row| row.id.0);
            for row in &rows {
                snapshot.audit().child(row.child_id);
            }
            let enquiries = section47::assemble(snapshot.connection, rows)?;
            list(&Section47List { items: enquiries.iter().map(Section47View::new).collect(), links })
        })
        .await
        .map(kept)
}

/// Changes an enquiry that the caller may see.
async fn alter<A: Action, Change: Send + Sync + 'static, Body: serde::de::DeserializeOwned + 'static>(
    gate: Gate<A>,
    read: fn(&Body, &Section47) -> Result<Change, Problem>,
    write: fn(&mut Tx<'_>, &Section47, &Change, &str) -> Result<Section47, RegisterError>,
) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    app.store
        .run(
            permit,
            move |snapshot| {
                let id: Section47Id = incoming.id()?;
                let enquiry = section47::find(snapshot.connection, id, &principal, reach)?;
                snapshot.audit().child(enquiry.row.child_id);
                let body: Body = incoming.change(enquiry.row.version)?;
                let change = read(&body, &enquiry)?;
                Ok((enquiry, change))
            },
            move |tx, (enquiry, change): &(Section47, Change)| {
                let enquiry = write(tx, enquiry, change, &by)?;
                item::<Section47View>(enquiry.row.version, &Section47View::new(&enquiry))
            },
        )
        .await
        .map(kept)
}

/// Change a section 47 enquiry
///
/// Says all that holds of it anew; what was held before stays in the history.
#[utoipa::path(
    put, path = "/v1/section-47-enquiries/{id}", operation_id = "changeSection47Enquiry", tag = "Conferences",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the enquiry")), request_body = Section47Request,
    responses((status = 200, description = "The enquiry", body = Section47View, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn change(gate: Gate<action::ChangeSection47Enquiry>) -> Result<HttpResponse, Problem> {
    alter(gate, Section47Request::read_change, |tx, enquiry, new: &NewSection47, by| section47::change(tx, enquiry, new, by)).await
}

/// Mark a section 47 enquiry as entered in error
///
/// Refused while a conference rests on it. Nothing is deleted.
#[utoipa::path(
    post, path = "/v1/section-47-enquiries/{id}/entered-in-error", operation_id = "markSection47EnquiryInError", tag = "Conferences",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the enquiry")), request_body = ReasonRequest,
    responses((status = 200, description = "The enquiry", body = Section47View, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn mark_in_error(gate: Gate<action::MarkSection47EnquiryInError>) -> Result<HttpResponse, Problem> {
    alter(
        gate,
        |body: &ReasonRequest, _| body.read(),
        |tx, enquiry, reason: &Note, by| section47::mark_in_error(tx, enquiry, reason.expose(), by),
    )
    .await
}
