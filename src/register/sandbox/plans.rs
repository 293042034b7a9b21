//! What was done under the plans of invented children, so that the clocks of a demonstration tell what clocks tell in life: most
//! things were done in time, a few were not.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};

use super::BY;
use crate::domain::conference::Decision;
use crate::domain::ids::ConferenceId;
use crate::domain::registration::ConferenceKind;
use crate::register::bulk::Plan;
use crate::register::conferences::Held;
use crate::register::plans::MilestoneKind;
use crate::register::registrations::Registration;
use crate::store::plans::{CoreGroupMeetingRow, MilestoneRow, VisitRow};
use crate::store::types::{Id, Instant};

/// Days between two visits: ten working days are fourteen at least, and it is due soon three days before.
const VISITS_EVERY: u64 = 10;
/// Days between two meetings of a core group: six weeks at most.
const MEETINGS_EVERY: u64 = 28;
/// Days from registration to the first review: three months at most.
const FIRST_REVIEW: u64 = 80;
/// Days between two reviews at most: no six months are shorter.
const REVIEWS_WITHIN: i64 = 181;

/// What was done under the plan of an entry up to `today`. `born` is the day from which the child can have been seen; nothing
/// while it is not born.
pub(super) fn plan(entry: &Registration, born: Option<NaiveDate>, today: NaiveDate, at: DateTime<Utc>) -> Plan {
    let state = &entry.state;
    if state.removed_on.is_some() || state.kind == "temporary" {
        return Plan::default();
    }
    let from = state.registered_on;
    // Stable: the same children are behind after every reset.
    let lot = entry.row.child_id.0.as_bytes()[15];
    let until = |behind: bool, days: u64| if behind { today.checked_sub_days(Days::new(days)).unwrap_or(today) } else { today };
    let fact = Fact { entry: entry.row.id, at: Instant::new(at) };
    let visits_from = born.map(|born| from.max(born));
    let visits = visits_from.map(|first| every(first, VISITS_EVERY, until(lot.is_multiple_of(13), 20))).unwrap_or_default();
    Plan {
        visits: visits.into_iter().map(|on| fact.visit(on)).collect(),
        // The first within ten working days.
        meetings: every(from + Days::new(8), MEETINGS_EVERY, until(lot.is_multiple_of(11), 50))
            .into_iter()
            .map(|on| fact.meeting(on))
            .collect(),
        milestones: vec![fact.milestone(MilestoneKind::PlanCirculated, on_weekday(from + Days::new(3)).clamp(from, today))],
        reviews: reviews(entry, today, at),
    }
}

/// Weekdays so many days apart.
fn every(from: NaiveDate, days: u64, until: NaiveDate) -> Vec<NaiveDate> {
    (0..).map(|step: u64| from + Days::new(step * days)).take_while(|on| *on <= until).map(|on| on_weekday(on).max(from)).collect()
}

fn on_weekday(day: NaiveDate) -> NaiveDate {
    match day.weekday() {
        Weekday::Sat => day - Days::new(1),
        Weekday::Sun => day - Days::new(2),
        _ => day,
    }
}

/// The reviews that were held before the one that is due next.
fn reviews(entry: &Registration, today: NaiveDate, at: DateTime<Utc>) -> Vec<Held> {
    let from = entry.state.registered_on;
    let first = on_weekday(from + Days::new(FIRST_REVIEW));
    let Some(next) = entry.state.review_due_on.filter(|next| *next > from + Days::new(92)) else { return Vec::new() };
    let between = (next - first).num_days();
    let number = (between + REVIEWS_WITHIN - 1) / REVIEWS_WITHIN;
    let on = |index: i64| if index == number { next } else { on_weekday(first + chrono::Duration::days(index * between / number.max(1))) };
    (0..number)
        .filter(|index| on(*index) <= today)
        .filter_map(|index| {
            let mut held = Held::with(entry)?;
            let id = Id::from(ConferenceId::new_at(at));
            held.row.id = id;
            held.state.conference_id = id;
            held.state.kind = ConferenceKind::Review.as_str().into();
            held.state.held_on = on(index);
            for decision in &mut held.decisions {
                decision.conference_id = id;
                decision.decision = Decision::StayOn.as_str().into();
                decision.review_due_on = Some(on(index + 1));
            }
            Some(held)
        })
        .collect()
}

/// What every fact has.
struct Fact {
    entry: Id,
    at: Instant,
}

impl Fact {
    fn visit(&self, on: NaiveDate) -> VisitRow {
        VisitRow {
            id: Id(uuid::Uuid::now_v7()),
            registration_id: self.entry,
            visited_on: on,
            visited_by: None,
            seen: true,
            seen_alone: true,
            at_home: true,
            bedroom_seen: true,
            note: None,
            valid_from: Some(on),
            valid_to: Some(on),
            recorded_at: self.at,
            recorded_by: BY.into(),
            superseded_at: None,
        }
    }

    fn meeting(&self, on: NaiveDate) -> CoreGroupMeetingRow {
        CoreGroupMeetingRow {
            id: Id(uuid::Uuid::now_v7()),
            registration_id: self.entry,
            held_on: on,
            note: None,
            valid_from: Some(on),
            valid_to: Some(on),
            recorded_at: self.at,
            recorded_by: BY.into(),
            superseded_at: None,
        }
    }

    fn milestone(&self, kind: MilestoneKind, on: NaiveDate) -> MilestoneRow {
        MilestoneRow {
            id: Id(uuid::Uuid::now_v7()),
            registration_id: self.entry,
            kind: kind.as_str().into(),
            reached_on: on,
            note: None,
            valid_from: Some(on),
            valid_to: Some(on),
            recorded_at: self.at,
            recorded_by: BY.into(),
            superseded_at: None,
        }
    }
}
