//! How clocks are worked out.

use std::collections::BTreeSet;

use chrono::{Days, Duration, NaiveDate};
use uuid::Uuid;

use super::{Clock, ClockState, Event, Life, Mark, Party};
use crate::domain::calendar::CalendarError;
use crate::domain::procedures::{ClockRule, EventKind, Procedures};

/// Every clock that the events have started, as it stands on a day: ordered by due date, code, start and procedures.
///
/// Where two authorities have a part in the entry, the procedures of both are shown, each counted in the working days of the
/// authority that owes the action, and the earlier of two open dates is the binding one. A duty of an authority that is not
/// among the parties has no clock.
///
/// # Errors
///
/// [`CalendarError::YearOutsideTable`] when a count of working days leaves the table of holidays.
///
/// # Source
///
/// Domain notes, parts 4.1 and 5; invariants I21 (birth moves no clock but those that needed it) and I22.
pub fn clocks<'a>(life: &Life<'a>, parties: &[Party<'a>], today: NaiveDate) -> Result<Vec<Clock<'a>>, CalendarError> {
    let story = Story::of(life, today);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for rulebook in parties.iter().map(|party| party.procedures).filter(|procedures| seen.insert(procedures.code.as_str())) {
        found.extend(story.under(rulebook, parties)?);
    }
    mark_binding(&mut found);
    found.sort_by(|a, b| {
        let key = |clock: &Clock<'a>| {
            (clock.due_on.unwrap_or(NaiveDate::MAX), &clock.rule.code, clock.started.on, clock.started.id, clock.procedures)
        };
        key(a).cmp(&key(b))
    });
    Ok(found)
}

/// An entry's life up to a day, in order.
struct Story<'l, 'a> {
    life: &'l Life<'a>,
    events: Vec<Event>,
    today: NaiveDate,
    born: Option<Mark>,
    removed_on: Option<NaiveDate>,
}

impl<'a> Story<'_, 'a> {
    fn of<'l>(life: &'l Life<'a>, today: NaiveDate) -> Story<'l, 'a> {
        let mut events: Vec<Event> = life.events.iter().copied().filter(|event| event.on <= today).collect();
        events.sort_by_key(place);
        let first = |kind| events.iter().find(|event| event.what.is(kind)).map(|event| mark(event, kind));
        let (born, removed) = (first(EventKind::Born), first(EventKind::Removed));
        Story { life, today, born, removed_on: removed.map(|removed| removed.on), events }
    }

    fn under(&self, rulebook: &'a Procedures, parties: &[Party<'a>]) -> Result<Vec<Clock<'a>>, CalendarError> {
        let mut found: Vec<Clock<'a>> = Vec::new();
        // Those that hang on another come after those they hang on.
        let (by_span, by_other): (Vec<_>, Vec<_>) = rulebook.clocks.iter().partition(|rule| rule.due.is_some());
        for rule in by_span.into_iter().chain(by_other) {
            let Some(owing) = parties.iter().find(|party| party.side == rule.owed_by) else { continue };
            for start in self.events.iter().filter_map(|event| self.starts(event, rule)) {
                let clock = self.clock(rule, rulebook, owing, start, &found)?;
                // What met a clock of unknown start goes on by itself; there is nothing to say of what was before.
                if clock.state != ClockState::StartUnknown || self.met(rule, clock.started).is_none() {
                    found.push(clock);
                }
            }
        }
        Ok(found)
    }

    /// The mark of an event, if it starts a clock of this rule.
    fn starts(&self, event: &Event, rule: &ClockRule) -> Option<Mark> {
        // What happens on the day a name comes off starts nothing that anybody would have to do.
        if self.removed_on.is_some_and(|removed_on| event.on >= removed_on) {
            return None;
        }
        rule.starts
            .iter()
            .chain(rule.met_by.iter().filter(|_| rule.repeats))
            .find(|kind| event.what.is(**kind))
            .map(|kind| mark(event, *kind))
    }

    fn clock(
        &self,
        rule: &'a ClockRule,
        rulebook: &'a Procedures,
        owing: &Party<'a>,
        start: Mark,
        others: &[Clock<'a>],
    ) -> Result<Clock<'a>, CalendarError> {
        let mut clock = Clock {
            rule,
            procedures: &rulebook.code,
            owed_by: owing.authority,
            started: start,
            limit_on: None,
            due_on: None,
            soon_on: None,
            recommended_on: None,
            departure: None,
            state: ClockState::NotApplicable,
            met: None,
            ended_on: None,
            days_left: None,
            told: Vec::new(),
            next: None,
            binding: false,
        };
        let waits_for_birth = rule.needs_birth && self.life.entered_unborn && self.born.is_none_or(|born| start.on < born.on);
        if waits_for_birth {
            let Some(born) = self.born else { return Ok(clock) };
            clock.started = born;
        }
        clock.departure = self
            .life
            .departures
            .iter()
            .rev()
            .find(|departure| departure.clock == rule.code && (departure.start == start.id || departure.start == clock.started.id));
        let agreed = self.life.agreed.iter().rev().find(|agreed| agreed.clock == rule.code && agreed.start == start.id);
        let is_unknown =
            start.kind == EventKind::Registered && !waits_for_birth && self.life.known_from.is_some_and(|known_from| start.on < known_from);
        if is_unknown {
            clock.state = ClockState::StartUnknown;
        }
        if is_unknown && rule.due.is_some() {
            let Some(due_on) = clock.departure.map(|departure| departure.due_on).or(agreed.map(|agreed| agreed.due_on)) else {
                return Ok(clock);
            };
            clock.met = self.met(rule, clock.started);
            self.judge(&mut clock, due_on);
            return Ok(clock);
        }
        let limit_on = match rule.due {
            Some(due) => Some(due.after(clock.started.on, owing.calendar)?),
            None => due_with(rule, start, others),
        };
        // A clock that fell due with another before the child was born never ran.
        let Some(limit_on) = limit_on.filter(|limit_on| *limit_on >= clock.started.on) else { return Ok(clock) };
        clock.recommended_on = rule.recommended.map(|span| span.after(clock.started.on, owing.calendar)).transpose()?;
        let due_on = match clock.departure {
            Some(departure) => departure.due_on,
            None => agreed.map_or(limit_on, |agreed| agreed.due_on.min(limit_on)),
        };
        clock.limit_on = Some(limit_on);
        clock.met = self.met(rule, clock.started);
        self.judge(&mut clock, due_on);
        Ok(clock)
    }

    /// The first event after the start that meets the rule, before the name came off.
    fn met(&self, rule: &ClockRule, start: Mark) -> Option<Mark> {
        let in_chain = |kind: &EventKind| rule.repeats || rule.starts.contains(kind);
        self.events
            .iter()
            .filter(|event| event.id != start.id && event.on >= start.on && self.removed_on.is_none_or(|removed| event.on <= removed))
            .find_map(|event| {
                rule.met_by
                    .iter()
                    .find(|kind| event.what.is(**kind))
                    // Of two links of a chain on one day the earlier must not meet the clock that the later one started, or
                    // nothing would run any more.
                    .filter(|kind| !in_chain(kind) || place(event) > (start.on, start.kind != EventKind::Registered, start.id))
                    .map(|kind| mark(event, *kind))
            })
    }

    fn judge(&self, clock: &mut Clock<'a>, due_on: NaiveDate) {
        let soon_from = due_on.checked_sub_days(Days::new(u64::from(clock.rule.due_soon_days))).unwrap_or(due_on);
        clock.due_on = Some(due_on);
        clock.soon_on = Some(soon_from);
        clock.state = match (clock.met, self.removed_on) {
            (Some(met), _) if met.on <= due_on => ClockState::Met,
            (Some(_), _) => ClockState::MetLate,
            (None, Some(_)) => ClockState::Ended,
            (None, None) if self.today > due_on => ClockState::Overdue,
            (None, None) if self.today >= soon_from => ClockState::DueSoon,
            (None, None) => ClockState::Running,
        };
        if clock.state == ClockState::Ended {
            clock.ended_on = self.removed_on;
        }
        if clock.state.is_open() {
            clock.days_left = Some((due_on - self.today).num_days());
            for step in &clock.rule.escalation {
                let on = due_on.checked_add_signed(Duration::days(i64::from(step.day))).unwrap_or(due_on);
                if on <= self.today {
                    clock.told.push(step.role);
                } else if clock.next.is_none() {
                    clock.next = Some((step.role, on));
                }
            }
        }
    }
}

/// Where an event stands in a life. Of those of one day registration is the first, whatever was entered first: what is done on
/// that day is done under the plan.
fn place(event: &Event) -> (NaiveDate, bool, Uuid) {
    (event.on, !event.what.is(EventKind::Registered), event.id)
}

fn mark(event: &Event, kind: EventKind) -> Mark {
    Mark { kind, on: event.on, id: event.id }
}

/// When the clock falls due that another one hangs on: the day it was met, or the day it is due.
fn due_with(rule: &ClockRule, start: Mark, others: &[Clock<'_>]) -> Option<NaiveDate> {
    others
        .iter()
        .filter(|other| other.started.id == start.id && rule.with.contains(&other.rule.code))
        .filter_map(|other| other.met.map(|met| met.on).or(other.due_on))
        .min()
}

/// Marks of the open clocks of one code those that no other procedures make due earlier.
fn mark_binding(clocks: &mut [Clock<'_>]) {
    let open: Vec<_> = clocks
        .iter()
        .filter(|clock| clock.state.is_open())
        .map(|clock| (clock.rule.code.clone(), clock.procedures, clock.due_on))
        .collect();
    for clock in clocks.iter_mut().filter(|clock| clock.state.is_open()) {
        clock.binding = !open
            .iter()
            .any(|(code, procedures, due_on)| *code == clock.rule.code && *procedures != clock.procedures && *due_on < clock.due_on);
    }
}
