//! Duties of a move, a stay or an alert: what somebody has to do by when, and who is told when it is not done.
//!
//! Which duties run follows from the state; only when each began and how far it has been escalated is stored. How long it
//! may take is the procedures', so that a correction there corrects every running duty. That a duty is not done in time never
//! changes custody: it raises the level, and people are told.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, NaiveTime, TimeZone, Utc};
use chrono_tz::Europe::London;
use serde::{Deserialize, Serialize};

use crate::domain::calendar::{Calendar, CalendarError};
use crate::domain::coded::closed_set;
use crate::domain::procedures::{Code, EventKind, Procedures, Source, Words};
use crate::domain::roles::Role;
use crate::domain::shift::london_date;
use crate::domain::span::Span;

closed_set! {
    /// What is to be done.
    pub enum DutyKind {
        /// The other side's register stores the notice or the offer.
        Receipt = "transfer-receipt",
        /// A named person at the receiver opens it.
        Seen = "transfer-seen",
        /// The receiver agrees or refuses.
        Answer = "transfer-answer",
        /// The origin sends the papers.
        Papers = "transfer-papers",
        /// The receiver holds its transfer-in conference.
        Conference = "transfer-conference",
        /// After the conference: the receiver accepts in writing.
        Acceptance = "transfer-acceptance",
        /// The origin confirms a completion or a refusal.
        Confirmation = "transfer-confirmation",
        /// The receiver answers the request to cancel.
        CancelAnswer = "transfer-cancel-answer",
        /// Whether an expected move comes about is decided.
        MoveDecision = "move-decision",
        /// A dispute about who leads, or about a refusal, is settled.
        Dispute = "transfer-dispute",
        /// The host's register stores a stay.
        StayReceipt = "stay-receipt",
        /// A named person at the host acknowledges a stay.
        StaySeen = "stay-seen",
        /// A stay has lasted so long that a conference has to be asked for.
        StayReview = "stay-review",
        /// The day on which a stay was to end has passed: end it, extend it, or make it a transfer.
        StayEnd = "stay-end",
        /// The custodian decides whether to circulate an alert.
        AlertDecision = "alert-decision",
        /// A recipient's register stores an alert, or its stand-down.
        AlertReceipt = "alert-receipt",
        /// A named person at a recipient acknowledges it.
        AlertSeen = "alert-seen",
        /// A recipient has searched its own register and records.
        AlertSearch = "alert-search",
        /// An alert is confirmed to be still open.
        AlertRenewal = "alert-renewal",
        /// A person reads a sighting.
        SightingRead = "sighting-read",
    }
}

closed_set! {
    /// How far a duty has been escalated.
    pub enum Level {
        /// There is time.
        None = "none",
        /// Half the time has gone: whoever works on it, and the team's queue.
        First = "first",
        /// It is due: the custodians of both sides.
        Second = "second",
        /// Half as much again: the senior managers of both sides and the duty desk. Repeated every day.
        Third = "third",
    }
}

impl Level {
    /// The one after it; the third repeats.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::None => Self::First,
            Self::First => Self::Second,
            Self::Second | Self::Third => Self::Third,
        }
    }
}

/// A duty that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Duty {
    /// What.
    pub kind: DutyKind,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How far it has been escalated.
    pub level: Level,
}

/// The duties that are wanted: those that ran already run on, new ones begin now.
pub(super) fn refreshed(running: &[Duty], wanted: &[DutyKind], now: DateTime<Utc>) -> Vec<Duty> {
    wanted
        .iter()
        .map(|kind| running.iter().find(|duty| duty.kind == *kind).copied().unwrap_or(Duty { kind: *kind, since: now, level: Level::None }))
        .collect()
}

/// How long a duty may take, and who is told: a rule of the procedures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DutyRule {
    /// Which.
    pub code: DutyKind,
    /// What is to be done.
    pub words: Words,
    /// The clock of the procedures that says by when, from the event that starts it.
    pub clock: Option<Code>,
    /// Or: within so many minutes, at every hour of every day.
    pub within_minutes: Option<u32>,
    /// Or: by the end of the last day of a span. Beside a clock: where these procedures do not have it.
    pub within: Option<Span>,
    /// Who is told at each of the three levels.
    pub told: [BTreeSet<Role>; 3],
    /// Where the rule comes from.
    pub source: Source,
    /// Whether it was not seen in these procedures themselves.
    #[serde(default)]
    pub unconfirmed: bool,
}

impl DutyRule {
    /// Who is told at a level.
    pub fn told_at(&self, level: Level) -> impl Iterator<Item = Role> {
        let [first, second, third] = &self.told;
        match level {
            Level::None => None,
            Level::First => Some(first),
            Level::Second => Some(second),
            Level::Third => Some(third),
        }
        .into_iter()
        .flatten()
        .copied()
    }
}

/// When the duties of an authority fall due: by its own procedures, in its own working days.
#[derive(Debug, Clone, Copy)]
pub struct Timetable<'a> {
    /// Its procedures.
    pub procedures: &'a Procedures,
    /// Its working days.
    pub calendar: &'a Calendar,
}

impl Timetable<'_> {
    /// The instant at which a duty is due; `None` while the event from which the procedures count has not happened.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] when a count of working days leaves the table of holidays.
    pub fn due_at(
        &self,
        duty: &Duty,
        happened: impl Fn(EventKind) -> Option<DateTime<Utc>>,
    ) -> Result<Option<DateTime<Utc>>, CalendarError> {
        let Some(rule) = self.procedures.duty(duty.kind) else { return Ok(None) };
        if let Some(minutes) = rule.within_minutes {
            return Ok(Some(duty.since + Duration::minutes(i64::from(minutes))));
        }
        let clock = rule.clock.as_ref().and_then(|code| self.procedures.clock(code.as_str()));
        let (start, span) = match (clock, rule.within) {
            (Some(clock), _) => (clock.starts.iter().find_map(|kind| happened(*kind)), clock.due),
            (None, within) => (Some(duty.since), within),
        };
        let (Some(start), Some(span)) = (start, span) else { return Ok(None) };
        span.after(london_date(start), self.calendar).map(|day| Some(end_of(day)))
    }

    /// When a duty goes up by a level: at half of its time, when it is due, at half as much again, and then every day.
    ///
    /// # Source
    ///
    /// DESIGN.
    pub fn raised_at(duty: &Duty, due_at: DateTime<Utc>, raised_at: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let time = (due_at - duty.since).max(Duration::zero());
        match duty.level {
            Level::None => duty.since + time / 2,
            Level::First => due_at,
            Level::Second => due_at + time / 2,
            Level::Third => raised_at.unwrap_or(due_at + time / 2) + Duration::days(1),
        }
    }
}

/// The last instant of a day in London.
fn end_of(day: chrono::NaiveDate) -> DateTime<Utc> {
    let next = day.succ_opt().unwrap_or(day).and_time(NaiveTime::MIN);
    // Clocks change at 01:00 or 02:00, so midnight exists once; the fallback is an hour early at most.
    London.from_local_datetime(&next).earliest().map_or_else(|| next.and_utc(), |midnight| midnight.with_timezone(&Utc))
        - Duration::seconds(1)
}
