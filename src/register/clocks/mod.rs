//! The clocks of entries: worked out from what the register holds of an entry's life, never stored.
//!
//! ```text
//! section 47, conferences, visits, core groups, milestones, birth, removal ──life──▶ events ──domain::clocks──▶ clocks
//!                                                                                                       │ keeper
//!                                                                         work-list · notices · tasks ◀─┘
//! ```

pub mod keeper;
mod life;

use chrono::NaiveDate;
use uuid::Uuid;

pub use self::life::Facts;
use self::life::Story;
use super::registrations::Registration;
use super::{Region, RegisterError, children};
use crate::domain::calendar::{Calendar, CalendarError};
use crate::domain::clocks::{Clock, ClockState, Departure, Life, Mark, Party, clocks};
use crate::domain::identifiers::GssCode;
use crate::domain::procedures::{ClockRule, Code, Side};
use crate::domain::roles::Role;
use crate::domain::span::Unit;
use crate::domain::text::Note;
use crate::store::connection::AnyConnection;
use crate::store::plans::DepartureRow;
use crate::store::types::Id;
use crate::store::{StoreError, Tx};

/// One clock of an entry, as it stands on a day.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The rule: code, words, source, doubt.
    pub rule: &'static ClockRule,
    /// The authority that owes the action (GSS code).
    pub owed_by: String,
    /// What started it. The identifier is that of the record.
    pub started: Mark,
    /// The last day by the rule.
    pub limit_on: Option<NaiveDate>,
    /// The last day that is worked to.
    pub due_on: Option<NaiveDate>,
    /// From this day on it is due soon.
    pub soon_on: Option<NaiveDate>,
    /// The day by which it is recommended.
    pub recommended_on: Option<NaiveDate>,
    /// The departure that set the date.
    pub departure: Option<DepartureRow>,
    /// How it stands.
    pub state: ClockState,
    /// What met it.
    pub met: Option<Mark>,
    /// When it ended without having been met.
    pub ended_on: Option<NaiveDate>,
    /// Calendar days left while it is open.
    pub days_left: Option<i64>,
    /// Working days left while it is open, where the rule counts them.
    pub working_days_left: Option<i32>,
    /// Whose turn to be told has come, in order.
    pub told: Vec<Role>,
    /// Whose turn comes next, and when.
    pub next: Option<(Role, NaiveDate)>,
    /// Whether this is the date to work to.
    pub binding: bool,
    /// By which the clock is told from others of its code: it stays the same while the event that started it stays.
    pub key: Uuid,
}

/// The clocks of an entry as they stand on a day, by due date. An entry that never was has none.
///
/// # Errors
/// When the table of bank holidays does not reach the day.
pub fn of(region: &Region, entry: &Registration, facts: &Facts, today: NaiveDate) -> Result<Vec<Standing>, RegisterError> {
    if entry.state.entered_in_error {
        return Ok(Vec::new());
    }
    let calendar = Calendar::for_nation(region.own().nation).map_err(beyond)?;
    let authority: GssCode = entry.row.authority.parse().map_err(|_| StoreError::Corrupt("the authority of an entry"))?;
    let party = Party { side: Side::Holder, authority: &authority, calendar, procedures: region.procedures };
    let mut story = facts.story(region.procedures, entry);
    let found = match standings(&mut story, &party, today) {
        // What happened before the table begins can start no count of working days; what happened since still can.
        Err(CalendarError::YearOutsideTable) => {
            story.forget_before(calendar.years().0);
            standings(&mut story, &party, today)
        }
        other => other,
    };
    found.map_err(beyond)
}

fn beyond(_: CalendarError) -> RegisterError {
    StoreError::Corrupt("the table of bank holidays does not reach this day").into()
}

/// The clocks with the departures from them. A departure holds for the clock that was due on the day it departs from: each is
/// found among the clocks as those before it left them.
fn standings(story: &mut Story, party: &Party<'_>, today: NaiveDate) -> Result<Vec<Standing>, CalendarError> {
    let mut departures = story.authorised.clone();
    let mut rows: Vec<(Uuid, DepartureRow)> = Vec::new();
    for row in std::mem::take(&mut story.departures) {
        let life = story.life(&departures);
        let departed = clocks(&life, std::slice::from_ref(party), today)?
            .into_iter()
            .find(|clock| clock.rule.code.as_str() == row.clock && clock.due_on == Some(row.was_due_on))
            .map(|clock| (clock.rule.code.clone(), clock.started.id));
        if let Some((code, start)) = departed
            && let Some(departure) = departure(code, start, &row)
        {
            departures.push(departure);
            rows.push((start, row));
        }
    }
    let life: Life<'_> = story.life(&departures);
    let found = clocks(&life, std::slice::from_ref(party), today)?;
    let seen = found.iter().filter_map(|clock| standing(clock, story, party, &rows, today)).collect();
    story.departures = rows.into_iter().map(|(_, row)| row).collect();
    Ok(seen)
}

fn departure(code: Code, start: Uuid, row: &DepartureRow) -> Option<Departure> {
    let reason: Note = row.reason.parse().ok()?;
    // Only that role can have recorded it: the policy has no other.
    Departure::new(code, start, row.due_on, Role::SeniorSafeguardingManager, reason).ok()
}

fn standing(
    clock: &Clock<'_>,
    story: &Story,
    party: &Party<'_>,
    departures: &[(Uuid, DepartureRow)],
    today: NaiveDate,
) -> Option<Standing> {
    let record = |mark: Mark| Mark { id: story.record(mark.id), ..mark };
    let counts_working_days = clock.rule.due.is_some_and(|due| due.unit() == Unit::WorkingDays);
    let working_days = |due_on| party.calendar.working_days_between(today, due_on).ok();
    let departure = clock.departure.and_then(|departed| {
        departures
            .iter()
            .rev()
            .find(|(start, row)| *start == clock.started.id && row.clock == clock.rule.code.as_str() && row.due_on == departed.due_on())
    });
    Some(Standing {
        rule: story.rule(clock.rule)?,
        owed_by: clock.owed_by.as_str().to_owned(),
        started: record(clock.started),
        limit_on: clock.limit_on,
        due_on: clock.due_on,
        soon_on: clock.soon_on,
        recommended_on: clock.recommended_on,
        departure: departure.map(|(_, row)| row.clone()),
        state: clock.state,
        met: clock.met.map(record),
        ended_on: clock.ended_on,
        days_left: clock.days_left,
        working_days_left: clock.due_on.filter(|_| counts_working_days && clock.state.is_open()).and_then(working_days),
        told: clock.told.clone(),
        next: clock.next,
        binding: clock.binding,
        key: clock.started.id,
    })
}

/// The clocks of one entry.
///
/// # Errors
/// When the database fails, or the table of bank holidays does not reach the day.
pub fn of_entry(
    connection: &mut AnyConnection,
    region: &Region,
    entry: &Registration,
    today: NaiveDate,
) -> Result<Vec<Standing>, RegisterError> {
    let facts = Facts::load(connection, std::slice::from_ref(entry))?;
    of(region, entry, &facts, today)
}

/// Another date than the procedures', as the senior safeguarding manager authorises it.
#[derive(Debug, Clone)]
pub struct NewDeparture {
    /// The clock.
    pub clock: String,
    /// The date.
    pub due_on: NaiveDate,
    /// Why.
    pub reason: Note,
}

/// Records a departure from the open clock of a code: of several the one that is due first.
///
/// # Errors
/// [`RegisterError::NotFound`] when the entry has no such clock; a broken rule when none of them is open, or the date is past
/// or the one that holds already.
///
/// # Source
/// WSP-3.1.8: departures are authorised by the senior safeguarding manager and recorded.
pub fn depart(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewDeparture, by: &str) -> Result<Standing, RegisterError> {
    let today = children::today(tx.now());
    let rule = |pointer: &str, code, detail: &str| RegisterError::Rule { pointer: pointer.into(), code, detail: detail.into() };
    let found = of_entry(tx.connection, region, entry, today)?;
    let of_code: Vec<_> = found.into_iter().filter(|standing| standing.rule.code.as_str() == new.clock).collect();
    if of_code.is_empty() {
        return Err(RegisterError::NotFound);
    }
    let open = of_code.into_iter().find(|standing| standing.state.is_open());
    let was_due_on = open.and_then(|standing| standing.due_on);
    let was_due_on = was_due_on.ok_or_else(|| rule("", "clock-not-open", "only the date of a clock that is open can be changed"))?;
    if new.due_on < today {
        return Err(rule("/dueOn", "in-the-past", "give today or a day to come"));
    }
    if new.due_on == was_due_on {
        return Err(rule("/dueOn", "date-unchanged", "give another date than the one that holds already"));
    }
    let row = DepartureRow {
        id: Id(Uuid::now_v7()),
        registration_id: entry.row.id,
        clock: new.clock.clone(),
        was_due_on,
        due_on: new.due_on,
        reason: new.reason.expose().to_owned(),
        approved_by: by.to_owned(),
        valid_from: None,
        valid_to: None,
        recorded_at: tx.now().into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    };
    row.insert(tx.connection)?;
    tx.audit().child(entry.row.child_id);
    tx.audit().detail("registration", entry.row.id.0);
    tx.audit().detail("clock", &new.clock);
    keeper::refresh(tx, region, entry.row.id)?;
    let found = of_entry(tx.connection, region, entry, today)?;
    let now = found.into_iter().find(|standing| standing.departure.as_ref().is_some_and(|departure| departure.id == row.id));
    Ok(now.ok_or(StoreError::Corrupt("a departure that no clock took"))?)
}
