//! `/v1/children/{id}/history`: what was true on a day, what was known then, and on which days a child was on a register.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::children::{
    AddressView, HouseholdMemberView, IdentifierView, NameView, address_views, household_views, note_break_glass, practice_views,
};
use super::gate::Gate;
use super::practices::PracticeView;
use super::problem::{Kind, Problem};
use super::respond::{kept, list};
use crate::authz::policy::action;
use crate::domain::facts::Days;
use crate::domain::ids::ChildId;
use crate::register::children::{self, today};
use crate::register::history::{self, Past, Spell};
use crate::register::registrations::Registration;
use crate::store::children::CorrectionRow;
use crate::store::types::Instant;

/// Which past: a day, or the days between two.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// What was true on this day; today when nothing is asked.
    #[param(example = "2026-03-03")]
    on: Option<NaiveDate>,
    /// Instead of `on`, with `to`: on which days the child was on a register, from this one on.
    #[param(example = "2025-09-01")]
    from: Option<NaiveDate>,
    /// To this one, itself included; days that have not come yet are left out.
    #[param(example = "2026-02-28")]
    to: Option<NaiveDate>,
    /// What this register knew at that instant, leaving out what was entered or corrected since; now when it is not given.
    #[param(example = "2026-03-03T12:00:00Z")]
    known: Option<DateTime<Utc>>,
}

/// The past of a person: either `day` or `period`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryView {
    /// The person.
    child_id: String,
    /// As known at this instant.
    known_at: DateTime<Utc>,
    /// What was true on the day asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<DayView>,
    /// On which of the days asked for the child was on a register.
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<PeriodView>,
}

/// What was true of a person on a day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DayView {
    /// The day.
    on: NaiveDate,
    /// Whether the child was on a register of this region that day.
    on_register: bool,
    /// Names.
    names: Vec<NameView>,
    /// Date of birth, when the day is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<NaiveDate>,
    /// First possible date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth_from: Option<NaiveDate>,
    /// Last possible date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth_to: Option<NaiveDate>,
    /// For a child who was not yet born that day: the expected date of delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_delivery_date: Option<NaiveDate>,
    /// Sex.
    sex: String,
    /// The language that the child prefers.
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_language: Option<String>,
    /// How to communicate with the child.
    #[serde(skip_serializing_if = "Option::is_none")]
    communication_needs: Option<String>,
    /// Identifiers.
    identifiers: Vec<IdentifierView>,
    /// Addresses; of a confidential one only that there was one, except for those who keep the case.
    addresses: Vec<AddressView>,
    /// The general practice; of a shielded record only for those who keep the case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    practices: Vec<PracticeView>,
    /// Household and carers.
    household: Vec<HouseholdMemberView>,
    /// The entries that had begun, and how they stood that day.
    registrations: Vec<PastEntryView>,
    /// The corrections made by then of what was known.
    corrections: Vec<CorrectionView>,
}

/// An entry as it stood on a day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastEntryView {
    /// The entry.
    registration_id: String,
    /// The authority.
    authority: String,
    /// `registered`, `temporarily-registered`, `unborn-registered` or `previously-registered`.
    status: String,
    /// From when.
    registered_on: NaiveDate,
    /// The day on which it ended, if it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_on: Option<NaiveDate>,
    /// Categories of that day.
    #[schema(example = json!(["neglect"]))]
    categories: Vec<String>,
    /// The co-ordinator of that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Carys Mathias")]
    coordinator: Option<String>,
    /// When what is told here was recorded.
    recorded_at: DateTime<Utc>,
}

/// That a fact was corrected or taken back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CorrectionView {
    /// The fact.
    fact_id: String,
    /// `name`, `address`, `identifier`, `household-member` or `particulars`.
    subject: String,
    /// `corrected` or `entered-in-error`.
    action: String,
    /// The fact that came in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    /// Why.
    #[schema(example = "Misspelt in the referral")]
    reason: String,
    /// When.
    at: DateTime<Utc>,
    /// By whom.
    #[schema(example = "https://idp.example#custodian-1")]
    by: String,
}

/// On which days a child was on a register.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PeriodView {
    /// The first day asked for.
    from: NaiveDate,
    /// The last.
    to: NaiveDate,
    /// Whether the child was on a register of this region on any of them.
    on_register: bool,
    /// On how many.
    days: u64,
    /// Which, as runs.
    runs: Vec<RunView>,
    /// The same, entry by entry.
    entries: Vec<SpellView>,
}

/// A run of days, both included.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// The first.
    from: NaiveDate,
    /// The last.
    to: NaiveDate,
    /// How many.
    days: u64,
}

/// The days of one entry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpellView {
    /// The entry.
    registration_id: String,
    /// The authority.
    authority: String,
    /// Its days, as runs.
    runs: Vec<RunView>,
}

impl RunView {
    fn all(days: &[Days]) -> Vec<Self> {
        days.iter().map(|run| Self { from: run.first, to: run.last, days: run.count() }).collect()
    }
}

impl DayView {
    fn new(past: &Past, on: NaiveDate, sees_confidential: bool) -> Self {
        let particulars = past.child.particulars.as_ref();
        let dates = particulars.map(|row| (row.birth_kind.as_str(), row.birth_from, row.birth_to));
        Self {
            on,
            on_register: past.entries.iter().any(|entry| entry.is_live_on(on)),
            names: past.child.names.iter().map(NameView::new).collect(),
            date_of_birth: dates.and_then(|(kind, from, _)| from.filter(|_| kind == "exact")),
            date_of_birth_from: dates.and_then(|(kind, from, _)| from.filter(|_| kind == "approximate")),
            date_of_birth_to: dates.and_then(|(kind, _, to)| to.filter(|_| kind == "approximate")),
            expected_delivery_date: past.expected_on,
            sex: particulars.map_or_else(|| "unknown".into(), |row| row.sex.clone()),
            preferred_language: particulars.and_then(|row| row.preferred_language.clone()),
            communication_needs: particulars.and_then(|row| row.communication_needs.clone()),
            identifiers: past.child.identifiers.iter().map(IdentifierView::new).collect(),
            addresses: address_views(&past.child, sees_confidential),
            practices: practice_views(&past.child, sees_confidential),
            household: household_views(&past.child, sees_confidential),
            registrations: past.entries.iter().map(|entry| PastEntryView::new(entry, on, past.is_unborn())).collect(),
            corrections: past.corrections.iter().map(CorrectionView::new).collect(),
        }
    }
}

impl PastEntryView {
    fn new(entry: &Registration, on: NaiveDate, unborn: bool) -> Self {
        Self {
            registration_id: entry.row.id.0.to_string(),
            authority: entry.row.authority.clone(),
            status: entry.status_on(on, unborn).as_str().to_owned(),
            registered_on: entry.state.registered_on,
            removed_on: entry.state.removed_on.filter(|removed| *removed <= on),
            categories: entry.categories.iter().map(|row| row.category.clone()).collect(),
            coordinator: entry.coordinators.last().map(|row| row.name.clone()),
            recorded_at: entry.state.recorded_at.get(),
        }
    }
}

impl CorrectionView {
    fn new(row: &CorrectionRow) -> Self {
        Self {
            fact_id: row.fact_id.0.to_string(),
            subject: row.subject.clone(),
            action: row.action.clone(),
            replaced_by: row.replaced_by.map(|id| id.0.to_string()),
            reason: row.reason.clone(),
            at: row.corrected_at.get(),
            by: row.corrected_by.clone(),
        }
    }
}

impl PeriodView {
    fn new(from: NaiveDate, to: NaiveDate, days: &[Days], spells: &[Spell]) -> Self {
        Self {
            from,
            to,
            on_register: !days.is_empty(),
            days: days.iter().map(|run| run.count()).sum(),
            runs: RunView::all(days),
            entries: spells
                .iter()
                .map(|spell| SpellView {
                    registration_id: spell.row.id.0.to_string(),
                    authority: spell.row.authority.clone(),
                    runs: RunView::all(&spell.days),
                })
                .collect(),
        }
    }
}

/// Read the past of a person
///
/// What was true on a day, as it is known now or as it was known at an earlier instant; or on which days between two the child was
/// on a register of this region, exact to the day. Corrections change what is known now, never what was known then.
#[utoipa::path(
    get, path = "/v1/children/{id}/history", operation_id = "readHistory", tag = "Children",
    params(("id" = String, Path, description = "Identifier of the person"), HistoryQuery),
    responses((status = 200, description = "The past", body = HistoryView), super::openapi::BelowProblems),
)]
pub async fn read(gate: Gate<action::ReadHistory>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let id: ChildId = incoming.id()?;
            let now = snapshot.now();
            let (row, sight) = children::look(snapshot.connection, id, &principal, reach, now)?;
            incoming.reading()?;
            let query: HistoryQuery = incoming.query()?;
            snapshot.audit().child(id);
            note_break_glass(snapshot, &sight);
            let known_at = query.known.unwrap_or(now);
            let known = Instant::new(known_at);
            let mut view = HistoryView { child_id: id.to_string(), known_at, day: None, period: None };
            match (query.on, query.from, query.to) {
                (on, None, None) => {
                    let on = on.unwrap_or_else(|| today(now));
                    let past = history::on_day(snapshot.connection, row, on, known, sight.full)?;
                    view.day = Some(DayView::new(&past, on, sight.full));
                }
                (None, Some(from), Some(to)) if from <= to => {
                    let (days, spells) = history::between(snapshot.connection, row.id, from, to.min(today(now)), known)?;
                    view.period = Some(PeriodView::new(from, to, &days, &spells));
                }
                _ => return Err(Kind::MalformedQuery.into()),
            }
            list(&view)
        })
        .await
        .map(kept)
}
