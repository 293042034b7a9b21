//! What is done under a plan: `/v1/registrations/{id}/visits`, `…/core-group/meetings` and `…/milestones`.
//!
//! Adding one changes nothing of the entry, so it needs no `If-Match`: two people who record two visits do not get into each
//! other's way. One that was entered in error is withdrawn, with a reason, and stays readable.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::children::ReasonRequest;
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::named::entry_in_path;
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{created, item, kept, list};
use crate::authz::policy::action;
use crate::authz::{Principal, Reach};
use crate::domain::dates::parse_date;
use crate::domain::text::{Line, Note};
use crate::register::RegisterError;
use crate::register::plans::{self, FactKind, MilestoneKind, NewCoreGroupMeeting, NewMilestone, NewVisit};
use crate::register::registrations::{self, Registration};
use crate::store::Snapshot;
use crate::store::plans::{CoreGroupMeetingRow, MilestoneRow, VisitRow, WithdrawalRow};
use crate::store::types::Id;

/// A visit to the child.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VisitRequest {
    /// When.
    #[schema(example = "2026-03-10")]
    visited_on: Option<String>,
    /// By whom.
    #[schema(example = "Carys Mathias")]
    visited_by: Option<String>,
    /// Whether the child was seen.
    #[schema(example = true)]
    seen: Option<bool>,
    /// Whether the child was seen without parents or carers.
    #[serde(default)]
    #[schema(example = true)]
    seen_alone: bool,
    /// Whether it was at home.
    #[serde(default)]
    #[schema(example = true)]
    at_home: bool,
    /// Whether the child's bedroom was seen.
    #[serde(default)]
    bedroom_seen: bool,
    /// What there is to say.
    #[schema(example = "Settled; at school until three.")]
    note: Option<String>,
}

/// A meeting of the core group.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoreGroupMeetingRequest {
    /// When.
    #[schema(example = "2026-03-10")]
    held_on: Option<String>,
    /// What there is to say.
    #[schema(example = "All members were there.")]
    note: Option<String>,
}

/// Something done once under a plan.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MilestoneRequest {
    /// Which.
    #[schema(example = "plan-circulated")]
    kind: Option<String>,
    /// When.
    #[schema(example = "2026-03-10")]
    reached_on: Option<String>,
    /// What there is to say; for `parents-not-told` the reason.
    #[schema(example = "Sent to all members of the core group.")]
    note: Option<String>,
}

/// That something was entered in error.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnteredInErrorView {
    /// When it was withdrawn.
    at: DateTime<Utc>,
    /// By whom.
    #[schema(example = "https://idp.example#custodian-1")]
    by: String,
    /// Why.
    #[schema(example = "Recorded for the wrong child")]
    reason: String,
}

/// A visit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisitView {
    /// Identifier.
    id: String,
    /// When.
    visited_on: NaiveDate,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Carys Mathias")]
    visited_by: Option<String>,
    /// Whether the child was seen.
    seen: bool,
    /// Whether the child was seen without parents or carers.
    seen_alone: bool,
    /// Whether it was at home.
    at_home: bool,
    /// Whether the child's bedroom was seen.
    bedroom_seen: bool,
    /// What there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Settled; at school until three.")]
    note: Option<String>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
    /// By whom it was recorded.
    #[schema(example = "https://idp.example#coordinator-1")]
    recorded_by: String,
    /// Set when it was entered in error: no clock is met by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    entered_in_error: Option<EnteredInErrorView>,
}

/// A meeting of the core group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoreGroupMeetingView {
    /// Identifier.
    id: String,
    /// When.
    held_on: NaiveDate,
    /// What there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "All members were there.")]
    note: Option<String>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
    /// By whom it was recorded.
    #[schema(example = "https://idp.example#coordinator-1")]
    recorded_by: String,
    /// Set when it was entered in error: no clock is met by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    entered_in_error: Option<EnteredInErrorView>,
}

/// Something done once under a plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MilestoneView {
    /// Identifier.
    id: String,
    /// Which.
    #[schema(example = "plan-circulated")]
    kind: String,
    /// When.
    reached_on: NaiveDate,
    /// What there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Sent to all members of the core group.")]
    note: Option<String>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
    /// By whom it was recorded.
    #[schema(example = "https://idp.example#coordinator-1")]
    recorded_by: String,
    /// Set when it was entered in error: no clock is met by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    entered_in_error: Option<EnteredInErrorView>,
}

/// A page of visits.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitList {
    /// The visits, as they were recorded, newest first.
    items: Vec<VisitView>,
    /// Where the next page is.
    links: Links,
}

/// A page of meetings.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoreGroupMeetingList {
    /// The meetings, as they were recorded, newest first.
    items: Vec<CoreGroupMeetingView>,
    /// Where the next page is.
    links: Links,
}

/// A page of milestones.
#[derive(Debug, Serialize, ToSchema)]
pub struct MilestoneList {
    /// The milestones, as they were recorded, newest first.
    items: Vec<MilestoneView>,
    /// Where the next page is.
    links: Links,
}

/// Which page to show.
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

fn day(fields: &mut Fields, pointer: &str, text: Option<&str>) -> Option<NaiveDate> {
    if text.is_none() {
        fields.missing(pointer);
    }
    text.and_then(|text| fields.keep(pointer, parse_date(text)))
}

impl VisitRequest {
    fn read(&self) -> Result<NewVisit, Problem> {
        let mut fields = Fields::default();
        let visited_on = day(&mut fields, "/visitedOn", self.visited_on.as_deref());
        let visited_by: Option<Line> = fields.optional("/visitedBy", self.visited_by.as_deref());
        let note: Option<Note> = fields.optional("/note", self.note.as_deref());
        if self.seen.is_none() {
            fields.missing("/seen");
        }
        let read = visited_on.zip(self.seen).map(|(visited_on, seen)| NewVisit {
            visited_on,
            visited_by,
            seen,
            seen_alone: self.seen_alone,
            at_home: self.at_home,
            bedroom_seen: self.bedroom_seen,
            note,
        });
        fields.finish(read)
    }
}

impl CoreGroupMeetingRequest {
    fn read(&self) -> Result<NewCoreGroupMeeting, Problem> {
        let mut fields = Fields::default();
        let held_on = day(&mut fields, "/heldOn", self.held_on.as_deref());
        let note: Option<Note> = fields.optional("/note", self.note.as_deref());
        fields.finish(held_on.map(|held_on| NewCoreGroupMeeting { held_on, note }))
    }
}

impl MilestoneRequest {
    fn read(&self) -> Result<NewMilestone, Problem> {
        let mut fields = Fields::default();
        let kind: Option<MilestoneKind> = fields.required("/kind", self.kind.as_deref());
        let reached_on = day(&mut fields, "/reachedOn", self.reached_on.as_deref());
        let note: Option<Note> = fields.optional("/note", self.note.as_deref());
        fields.finish(kind.zip(reached_on).map(|(kind, reached_on)| NewMilestone { kind, reached_on, note }))
    }
}

impl EnteredInErrorView {
    fn new(row: &WithdrawalRow) -> Self {
        Self { at: row.recorded_at.get(), by: row.recorded_by.clone(), reason: row.reason.clone() }
    }
}

/// Whether the notes of an entry's visits and meetings are shown: of a restricted record they may say where the child is.
fn sees_notes(snapshot: &mut Snapshot<'_>, entry: &Registration, principal: &Principal, reach: Reach) -> Result<bool, RegisterError> {
    let now = snapshot.now();
    Ok(registrations::restricted(snapshot.connection, &[entry.row.child_id], principal, reach, now)?.is_empty())
}

impl VisitView {
    fn new(row: &VisitRow, withdrawn: Option<&WithdrawalRow>) -> Self {
        Self {
            id: row.id.0.to_string(),
            visited_on: row.visited_on,
            visited_by: row.visited_by.clone(),
            seen: row.seen,
            seen_alone: row.seen_alone,
            at_home: row.at_home,
            bedroom_seen: row.bedroom_seen,
            note: row.note.clone(),
            recorded_at: row.recorded_at.get(),
            recorded_by: row.recorded_by.clone(),
            entered_in_error: withdrawn.map(EnteredInErrorView::new),
        }
    }
}

impl CoreGroupMeetingView {
    fn new(row: &CoreGroupMeetingRow, withdrawn: Option<&WithdrawalRow>) -> Self {
        Self {
            id: row.id.0.to_string(),
            held_on: row.held_on,
            note: row.note.clone(),
            recorded_at: row.recorded_at.get(),
            recorded_by: row.recorded_by.clone(),
            entered_in_error: withdrawn.map(EnteredInErrorView::new),
        }
    }
}

impl MilestoneView {
    fn new(row: &MilestoneRow, withdrawn: Option<&WithdrawalRow>) -> Self {
        Self {
            id: row.id.0.to_string(),
            kind: row.kind.clone(),
            reached_on: row.reached_on,
            note: row.note.clone(),
            recorded_at: row.recorded_at.get(),
            recorded_by: row.recorded_by.clone(),
            entered_in_error: withdrawn.map(EnteredInErrorView::new),
        }
    }
}

/// A fact is at version 1, and at version 2 once it was withdrawn.
const fn version(withdrawn: bool) -> i64 {
    if withdrawn { 2 } else { 1 }
}

/// The four operations on one kind of fact.
macro_rules! fact_operations {
    (
        $path:literal, $row:ident, $view:ident, $list:ident, $request:ident, $new:ident, $kind:ident, $make:path;
        $(#[$add_doc:meta])* $add:ident, $add_action:ident, $add_id:literal;
        $(#[$list_doc:meta])* $index:ident, $list_action:ident, $list_id:literal;
        $(#[$read_doc:meta])* $read:ident, $read_action:ident, $read_id:literal, $read_path:literal;
        $(#[$error_doc:meta])* $error:ident, $error_action:ident, $error_id:literal, $error_path:literal;
    ) => {
        $(#[$add_doc])*
        #[utoipa::path(
            post, path = $path, operation_id = $add_id, tag = "Plans",
            params(super::openapi::IdempotencyKey, ("id" = String, Path, description = "Identifier of the entry")),
            request_body = $request,
            responses((status = 201, description = "What was recorded", body = $view,
                headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "Its version"))),
                super::openapi::AddProblems),
        )]
        pub async fn $add(gate: Gate<action::$add_action>) -> Result<HttpResponse, Problem> {
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
                        Once::read(snapshot, incoming.creation::<$request>()?, |_, body| Ok((entry, body.read()?)))
                    },
                    move |tx, once| {
                        once.make(tx, |tx, (entry, new)| {
                            let row = $make(tx, &region, entry, new, &by)?;
                            let location = format!("{}/{}", $path.replace("{id}", &entry.row.id.0.to_string()), row.id.0);
                            created::<$view>(Some(location), Some(etag(version(false))), &$view::new(&row, None))
                        })
                    },
                )
                .await
                .map(kept)
        }

        $(#[$list_doc])*
        #[utoipa::path(
            get, path = $path, operation_id = $list_id, tag = "Plans",
            params(("id" = String, Path, description = "Identifier of the entry"), PageQuery),
            responses((status = 200, description = "A page, newest first", body = $list), super::openapi::BelowProblems),
        )]
        pub async fn $index(gate: Gate<action::$list_action>) -> Result<HttpResponse, Problem> {
            let Gate { permit, incoming, app, .. } = gate;
            let principal = Arc::clone(permit.principal());
            let reach = permit.reach();
            app.store
                .read(permit, move |snapshot| {
                    let entry = entry_in_path(snapshot, &incoming, &principal, reach)?;
                    incoming.reading()?;
                    let query: PageQuery = incoming.query()?;
                    let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
                    let before = page.before::<Uuid>().map(Id);
                    let rows = $row::list(snapshot.connection, entry.row.id, before, page.fetch())?;
                    let (rows, links) = page.cut(snapshot, rows, &$path.replace("{id}", &entry.row.id.0.to_string()), |row| row.id.0);
                    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
                    let withdrawn = WithdrawalRow::of(snapshot.connection, &ids)?;
                    let withdrawal = |row: &$row| withdrawn.iter().find(|withdrawn| withdrawn.fact_id == row.id);
                    let sees_notes = sees_notes(snapshot, &entry, &principal, reach)?;
                    let view = |row: &$row| {
                        let shown = $view::new(row, withdrawal(row));
                        $view { note: shown.note.filter(|_| sees_notes), ..shown }
                    };
                    list(&$list { items: rows.iter().map(view).collect(), links })
                })
                .await
                .map(kept)
        }

        $(#[$read_doc])*
        #[utoipa::path(
            get, path = $read_path, operation_id = $read_id, tag = "Plans",
            params(("id" = String, Path, description = "Identifier of the entry"), ("item" = String, Path, description = "Its identifier")),
            responses((status = 200, description = "As it was recorded", body = $view, headers(("ETag" = String, description = "Its version"))),
                super::openapi::ReadProblems),
        )]
        pub async fn $read(gate: Gate<action::$read_action>) -> Result<HttpResponse, Problem> {
            let Gate { permit, incoming, app, .. } = gate;
            let principal = Arc::clone(permit.principal());
            let reach = permit.reach();
            app.store
                .read(permit, move |snapshot| {
                    let entry = entry_in_path(snapshot, &incoming, &principal, reach)?;
                    let item_id = Id(incoming.item::<Uuid>()?);
                    let row = $row::find(snapshot.connection, entry.row.id, item_id)?.ok_or(RegisterError::NotFound)?;
                    incoming.reading()?;
                    let withdrawn = plans::withdrawal(snapshot.connection, row.id)?;
                    let sees_notes = sees_notes(snapshot, &entry, &principal, reach)?;
                    let shown = $view::new(&row, withdrawn.as_ref());
                    item(version(withdrawn.is_some()), &$view { note: shown.note.filter(|_| sees_notes), ..shown })
                })
                .await
                .map(kept)
        }

        $(#[$error_doc])*
        ///
        /// Nothing is deleted: it stays readable, with who withdrew it and why. The clocks are worked out without it.
        #[utoipa::path(
            post, path = $error_path, operation_id = $error_id, tag = "Plans",
            params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the entry"),
                ("item" = String, Path, description = "Its identifier")),
            request_body = ReasonRequest,
            responses((status = 200, description = "As it stands now", body = $view, headers(("ETag" = String, description = "Its version"))),
                super::openapi::ChangeProblems),
        )]
        pub async fn $error(gate: Gate<action::$error_action>) -> Result<HttpResponse, Problem> {
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
                        let item_id = Id(incoming.item::<Uuid>()?);
                        let row = $row::find(snapshot.connection, entry.row.id, item_id)?.ok_or(RegisterError::NotFound)?;
                        let is_withdrawn = plans::withdrawal(snapshot.connection, row.id)?.is_some();
                        let body: ReasonRequest = incoming.change(version(is_withdrawn))?;
                        let reason = body.read()?.expose().to_owned();
                        if is_withdrawn { Err(Kind::Conflict.into()) } else { Ok((entry, row, reason)) }
                    },
                    move |tx, (entry, row, reason): &(Registration, $row, String)| {
                        let withdrawn = plans::withdraw(tx, &region, entry, (FactKind::$kind, row.id), reason, &by)?;
                        item::<$view>(version(true), &$view::new(row, Some(&withdrawn)))
                    },
                )
                .await
                .map(kept)
        }
    };
}

fact_operations! {
    "/v1/registrations/{id}/visits", VisitRow, VisitView, VisitList, VisitRequest, NewVisit, Visit, plans::visit;
    /// Record a visit
    ///
    /// Seen, seen alone, at home and the bedroom are four things, and each meets its own clock.
    add_visit, AddVisit, "addVisit";
    /// List visits
    ///
    /// Those entered in error too: they say so.
    list_visits, ListVisits, "listVisits";
    /// Read a visit
    ///
    /// Who visited and whether the child was seen, seen alone, at home and with the bedroom.
    read_visit, ReadVisit, "readVisit", "/v1/registrations/{id}/visits/{item}";
    /// Mark a visit as entered in error
    mark_visit_in_error, MarkVisitInError, "markVisitInError",
        "/v1/registrations/{id}/visits/{item}/entered-in-error";
}

fact_operations! {
    "/v1/registrations/{id}/core-group/meetings", CoreGroupMeetingRow, CoreGroupMeetingView, CoreGroupMeetingList,
        CoreGroupMeetingRequest, NewCoreGroupMeeting, CoreGroupMeeting, plans::meet;
    /// Record a meeting of the core group
    ///
    /// When it was held; it meets the clock of the core group and starts the next.
    add_meeting, AddCoreGroupMeeting, "addCoreGroupMeeting";
    /// List the meetings of the core group
    ///
    /// Those entered in error too: they say so.
    list_meetings, ListCoreGroupMeetings, "listCoreGroupMeetings";
    /// Read a meeting of the core group
    ///
    /// When it was held, who recorded it, and whether it was entered in error.
    read_meeting, ReadCoreGroupMeeting, "readCoreGroupMeeting", "/v1/registrations/{id}/core-group/meetings/{item}";
    /// Mark a meeting of the core group as entered in error
    mark_meeting_in_error, MarkCoreGroupMeetingInError, "markCoreGroupMeetingInError",
        "/v1/registrations/{id}/core-group/meetings/{item}/entered-in-error";
}

fact_operations! {
    "/v1/registrations/{id}/milestones", MilestoneRow, MilestoneView, MilestoneList, MilestoneRequest, NewMilestone, Milestone,
        plans::reach;
    /// Record a milestone
    ///
    /// The outline plan circulated, the assessment completed, parents and agencies told, the birth plan sent. Where the parents
    /// are not told yet, `parents-not-told` records why.
    add_milestone, AddMilestone, "addMilestone";
    /// List milestones
    ///
    /// Those entered in error too: they say so.
    list_milestones, ListMilestones, "listMilestones";
    /// Read a milestone
    ///
    /// What was done and when: a step of the plan that has a clock of its own.
    read_milestone, ReadMilestone, "readMilestone", "/v1/registrations/{id}/milestones/{item}";
    /// Mark a milestone as entered in error
    mark_milestone_in_error, MarkMilestoneInError, "markMilestoneInError",
        "/v1/registrations/{id}/milestones/{item}/entered-in-error";
}
