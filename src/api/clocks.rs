//! `/v1/registrations/{id}/clocks` and `/v1/clocks`: what is due, by when, from which event, and on whose authority.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::fields::Fields;
use super::gate::Gate;
use super::named::entry_in_path;
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{created, kept, list};
use crate::authz::Reach;
use crate::authz::policy::action;
use crate::domain::clocks::{ClockState, Mark};
use crate::domain::dates::parse_date;
use crate::domain::procedures::Code;
use crate::domain::text::Note;
use crate::register::children::today;
use crate::register::clocks::{self, NewDeparture, Standing};
use crate::register::{Region, work_lists};
use crate::store::clocks::DueRow;
use crate::store::plans::DepartureRow;
use crate::store::registrations::Whose;
use crate::store::types::Id;
use crate::words::Language;

/// What a clock is called in the region's procedures; its code, when they have no such clock any more.
pub fn clock_words(region: &Region, code: &str, language: Language) -> String {
    region.procedures.clock(code).map_or_else(|| code.to_owned(), |rule| rule.words.in_language(language).to_owned())
}

/// An event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// What happened.
    #[schema(example = "registered")]
    event: String,
    /// When.
    on: NaiveDate,
    /// The record of it.
    id: String,
}

/// A length of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpanView {
    /// How many.
    length: u16,
    /// Of what.
    #[schema(example = "working-days")]
    unit: String,
}

/// Another date than the procedures', authorised.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepartureView {
    /// Identifier.
    id: String,
    /// The date that held before.
    was_due_on: NaiveDate,
    /// The date.
    due_on: NaiveDate,
    /// Why.
    #[schema(example = "The chair is ill; agreed with the parents.")]
    reason: String,
    /// Who authorised it.
    #[schema(example = "https://idp.example#manager-1")]
    approved_by: String,
    /// When.
    approved_at: DateTime<Utc>,
}

/// Whose turn to be told comes next.
#[derive(Debug, Serialize, ToSchema)]
pub struct NextStepView {
    /// Who.
    #[schema(example = "team-manager")]
    role: String,
    /// When.
    on: NaiveDate,
}

/// A clock.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClockView {
    /// Which.
    #[schema(example = "first-core-group")]
    code: String,
    /// What it is called.
    #[schema(example = "First core group meeting")]
    text: String,
    /// How it stands.
    #[schema(example = "running")]
    state: String,
    /// What started it; absent while the start is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<EventView>,
    /// The last day on which it is in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_on: Option<NaiveDate>,
    /// The last day by the procedures, where a conference or a departure set another.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_on: Option<NaiveDate>,
    /// The day by which it is recommended.
    #[serde(skip_serializing_if = "Option::is_none")]
    recommended_on: Option<NaiveDate>,
    /// What met it.
    #[serde(skip_serializing_if = "Option::is_none")]
    met_by: Option<EventView>,
    /// When it was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    met_on: Option<NaiveDate>,
    /// When the entry ended before it was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_on: Option<NaiveDate>,
    /// Calendar days left; negative when overdue, 0 on the last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
    /// Working days left, where the rule counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    working_days_left: Option<i32>,
    /// How long it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    runs_for: Option<SpanView>,
    /// The authority that owes the action (GSS code).
    #[schema(example = "W06000022")]
    owed_by: String,
    /// The nation whose bank holidays are counted.
    #[schema(example = "wales")]
    calendar: String,
    /// Where the rule comes from.
    #[schema(example = "WSP-4.4, WSP-3.2.13")]
    source: String,
    /// Whether the rule was not seen in these procedures themselves.
    unconfirmed: bool,
    /// Whether it only measures performance.
    measure: bool,
    /// The departure that set the date.
    #[serde(skip_serializing_if = "Option::is_none")]
    departure: Option<DepartureView>,
    /// The roles whose turn to be told has come.
    #[schema(example = json!(["coordinator"]))]
    told: Vec<String>,
    /// Whose turn comes next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextStepView>,
}

/// The clocks of an entry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClockList {
    /// The day as of which they stand.
    as_of: NaiveDate,
    /// The procedures they are counted by.
    #[schema(example = "wales")]
    procedures: String,
    /// The clocks, the one that is due first first.
    items: Vec<ClockView>,
    /// There is one page.
    links: Links,
}

/// Which clocks of an entry to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClocksQuery {
    /// Whether to show those too that were met and have started again since (a clock for every visit). Default: of each code
    /// those that are open and the latest.
    #[param(example = false)]
    history: Option<bool>,
}

/// Another date for a clock.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DepartureRequest {
    /// The date.
    #[schema(example = "2026-06-12")]
    due_on: Option<String>,
    /// Why.
    #[schema(example = "The chair is ill; agreed with the parents.")]
    reason: Option<String>,
}

/// A clock on the work-list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DueView {
    /// The entry.
    registration_id: String,
    /// The child.
    child_id: String,
    /// The authority that owes the action (GSS code).
    #[schema(example = "W06000022")]
    authority: String,
    /// Which clock.
    #[schema(example = "seen-alone")]
    clock: String,
    /// What it is called.
    #[schema(example = "Child seen alone")]
    text: String,
    /// How it stands.
    #[schema(example = "overdue")]
    state: String,
    /// When it started.
    started_on: NaiveDate,
    /// The last day on which it is in time.
    due_on: NaiveDate,
    /// Calendar days left; negative when overdue, 0 on the last day.
    days_left: i64,
}

/// A page of the work-list.
#[derive(Debug, Serialize, ToSchema)]
pub struct DueList {
    /// The clocks, the one that was due first first.
    items: Vec<DueView>,
    /// Where the next page is.
    links: Links,
}

/// Which clocks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DueQuery {
    /// `overdue` or `due-soon`; default both.
    #[param(example = "overdue")]
    state: Option<String>,
    /// Only those of this authority (GSS code).
    #[param(example = "W06000022")]
    authority: Option<String>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

impl EventView {
    fn new(mark: Mark) -> Self {
        Self { event: mark.kind.as_str().to_owned(), on: mark.on, id: mark.id.to_string() }
    }
}

impl DepartureView {
    fn new(row: &DepartureRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            was_due_on: row.was_due_on,
            due_on: row.due_on,
            reason: row.reason.clone(),
            approved_by: row.approved_by.clone(),
            approved_at: row.recorded_at.get(),
        }
    }
}

impl ClockView {
    /// What is shown of a clock: fields listed by hand.
    fn new(standing: &Standing, region: &Region, language: Language) -> Self {
        let rule = standing.rule;
        Self {
            code: rule.code.as_str().to_owned(),
            text: rule.words.in_language(language).to_owned(),
            state: standing.state.as_str().to_owned(),
            start: (standing.state != ClockState::StartUnknown).then(|| EventView::new(standing.started)),
            due_on: standing.due_on,
            limit_on: standing.limit_on.filter(|limit_on| standing.due_on != Some(*limit_on)),
            recommended_on: standing.recommended_on,
            met_by: standing.met.map(EventView::new),
            met_on: standing.met.map(|met| met.on),
            ended_on: standing.ended_on,
            days_left: standing.days_left,
            working_days_left: standing.working_days_left,
            runs_for: rule.due.map(|due| SpanView { length: due.length(), unit: due.unit().as_str().to_owned() }),
            owed_by: standing.owed_by.clone(),
            calendar: region.own().nation.as_str().to_owned(),
            source: rule.source.as_str().to_owned(),
            unconfirmed: rule.unconfirmed,
            measure: rule.measure,
            departure: standing.departure.as_ref().map(DepartureView::new),
            told: standing.told.iter().map(|role| role.as_str().to_owned()).collect(),
            next: standing.next.map(|(role, on)| NextStepView { role: role.as_str().to_owned(), on }),
        }
    }
}

impl DueView {
    fn new(row: &DueRow, region: &Region, language: Language, today: NaiveDate) -> Self {
        let state = if row.due_on < today { ClockState::Overdue } else { ClockState::DueSoon };
        Self {
            registration_id: row.registration_id.0.to_string(),
            child_id: row.child_id.0.to_string(),
            authority: row.authority.clone(),
            clock: row.clock.clone(),
            text: clock_words(region, &row.clock, language),
            state: state.as_str().to_owned(),
            started_on: row.started_on,
            due_on: row.due_on,
            days_left: (row.due_on - today).num_days(),
        }
    }
}

/// Of each code the clocks that are open, and the latest.
fn latest(standings: Vec<Standing>) -> Vec<Standing> {
    let last = |standing: &Standing| {
        let same = standings.iter().filter(|other| other.rule.code == standing.rule.code);
        same.map(|other| (other.started.on, other.key)).max() == Some((standing.started.on, standing.key))
    };
    let kept: Vec<bool> = standings.iter().map(|standing| standing.state.is_open() || last(standing)).collect();
    standings.into_iter().zip(kept).filter(|(_, is_kept)| *is_kept).map(|(standing, _)| standing).collect()
}

/// Read the clocks of a registration
///
/// Every clock that the life of the entry has started under the procedures of its authority, as it stands today: what started
/// it, by when it is due, what met it. Where an earlier register did not say what was done, the clock says `start-unknown`.
#[utoipa::path(
    get, path = "/v1/registrations/{id}/clocks", operation_id = "readClocks", tag = "Plans",
    params(("id" = String, Path, description = "Identifier of the entry"), ClocksQuery),
    responses((status = 200, description = "The clocks", body = ClockList), super::openapi::BelowProblems),
)]
pub async fn read(gate: Gate<action::ReadClocks>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let entry = entry_in_path(snapshot, &incoming, &principal, reach)?;
            incoming.reading()?;
            let query: ClocksQuery = incoming.query()?;
            let as_of = today(snapshot.now());
            let mut standings = clocks::of_entry(snapshot.connection, &region, &entry, as_of)?;
            if !query.history.unwrap_or(false) {
                standings = latest(standings);
            }
            let items = standings.iter().map(|standing| ClockView::new(standing, &region, language)).collect();
            list(&ClockList { as_of, procedures: region.procedures.code.as_str().to_owned(), items, links: Links::none() })
        })
        .await
        .map(kept)
}

impl DepartureRequest {
    fn read(&self, clock: &Code) -> Result<NewDeparture, Problem> {
        let mut fields = Fields::default();
        if self.due_on.is_none() {
            fields.missing("/dueOn");
        }
        let due_on = self.due_on.as_deref().and_then(|text| fields.keep("/dueOn", parse_date(text)));
        let reason: Option<Note> = fields.required("/reason", self.reason.as_deref());
        fields.finish(due_on.zip(reason).map(|(due_on, reason)| NewDeparture { clock: clock.as_str().to_owned(), due_on, reason }))
    }
}

/// Authorise another date for a clock
///
/// Only the senior safeguarding manager may, and the reason is kept with it. It holds for the clock that is open now; of several
/// of the same code for the one that is due first.
#[utoipa::path(
    post, path = "/v1/registrations/{id}/clocks/{item}/departures", operation_id = "addDeparture", tag = "Plans",
    params(super::openapi::IdempotencyKey, ("id" = String, Path, description = "Identifier of the entry"),
        ("item" = String, Path, description = "Code of the clock")),
    request_body = DepartureRequest,
    responses((status = 201, description = "The clock with its new date", body = ClockView,
        headers(("Location" = String, description = "Where the clocks can be read"))),
        super::openapi::AddProblems),
)]
pub async fn depart(gate: Gate<action::AddDeparture>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                let entry = entry_in_path(snapshot, &incoming, &principal, reach)?;
                let clock: Code = incoming.word()?;
                Once::read(snapshot, incoming.creation::<DepartureRequest>()?, |_, body| Ok((entry, body.read(&clock)?)))
            },
            move |tx, once| {
                once.make(tx, |tx, (entry, new)| {
                    let standing = clocks::depart(tx, &region, entry, new, &by)?;
                    let location = format!("/v1/registrations/{}/clocks", entry.row.id.0);
                    created::<ClockView>(Some(location), None, &ClockView::new(&standing, &region, language))
                })
            },
        )
        .await
        .map(kept)
}

/// List the clocks that are overdue or due soon
///
/// The work-list of the caller's authorities, or of the cases that the caller co-ordinates, by the day on which each is due.
#[utoipa::path(
    get, path = "/v1/clocks", operation_id = "listClocks", tag = "Plans", params(DueQuery),
    responses((status = 200, description = "A page of clocks, by the day on which they are due", body = DueList),
        super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListClocks>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let region = Arc::clone(&app.region);
    let lists = work_lists(permit.principal(), &region);
    let own = (permit.reach() == Reach::Own).then(|| permit.principal().key());
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: DueQuery = incoming.query()?;
            let wanted = match query.state.as_deref() {
                None => (true, true),
                Some("overdue") => (true, false),
                Some("due-soon") => (false, true),
                Some(_) => return Err(Kind::MalformedQuery.into()),
            };
            let filters = [("state", query.state.clone()), ("authority", query.authority.clone())];
            let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value?)));
            if query.authority.as_ref().is_some_and(|gss| region.authorities().iter().all(|authority| authority.gss != *gss)) {
                return Err(Kind::MalformedQuery.into());
            }
            let page = Page::new(query.cursor.as_deref(), query.limit, filters)?;
            let whose = match own {
                Some(person) => Whose::Coordinator(person),
                None => Whose::Authorities(lists),
            };
            let now = today(snapshot.now());
            let after = page.before::<Uuid>().map(Id);
            let rows = DueRow::list(snapshot.connection, &whose, query.authority.as_deref(), wanted, now, after, page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/clocks", |row| row.place.0);
            for row in &rows {
                snapshot.audit().child(row.child_id);
            }
            list(&DueList { items: rows.iter().map(|row| DueView::new(row, &region, language, now)).collect(), links })
        })
        .await
        .map(kept)
}
