//! The clocks of an entry: what is due, by when, from which event, by whom, and on whose authority.
//!
//! Nothing here is stored but events. Clocks are worked out from the events of an entry's life, the procedures and a day, so
//! a correction of an event corrects every clock, and asking twice gives the same answer.
//!
//! ```text
//! events ──start──▶ clock ──▶ running ─▶ due-soon ─▶ overdue
//!                     │          └──────────┴──────────┴──▶ met · met-late · ended (removal)
//!                     └──▶ not-applicable (the child is not born) · start-unknown (an earlier register's entry)
//! ```
//!
//! A clock is met by the first later event of the right kind, and by no other: a visit at which the child was seen but not
//! alone leaves "seen alone" running.

mod run;

use chrono::NaiveDate;
use uuid::Uuid;

pub use self::run::clocks;
use super::calendar::Calendar;
use super::coded::{closed_set, coded_error};
use super::identifiers::GssCode;
use super::procedures::{ClockRule, Code, EventKind, Procedures, Side};
use super::registration::ConferenceKind;
use super::roles::Role;
use super::text::Note;

/// What a visit found. Seen alone, or seen at home, is a way of having been seen: a child who was not seen was neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// The child was seen.
    pub seen: bool,
    /// Without parents or carers.
    pub alone: bool,
    /// At home.
    pub at_home: bool,
    /// The child's bedroom was seen.
    pub bedroom: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// An event of one kind.
    Plain(EventKind),
    /// A conference.
    Conference(ConferenceKind),
    /// A visit.
    Visit(Visit),
}

impl Happening {
    /// Whether it is an event of this kind.
    pub fn is(self, kind: EventKind) -> bool {
        match self {
            Self::Plain(plain) => plain == kind,
            Self::Conference(conference) => {
                kind == match conference {
                    ConferenceKind::Initial => EventKind::InitialConferenceHeld,
                    ConferenceKind::PreBirth => EventKind::PreBirthConferenceHeld,
                    ConferenceKind::Review => EventKind::ReviewConferenceHeld,
                    ConferenceKind::TransferIn => EventKind::TransferInConferenceHeld,
                }
            }
            Self::Visit(visit) => match kind {
                EventKind::Seen => visit.seen,
                EventKind::SeenAlone => visit.seen && visit.alone,
                EventKind::SeenAtHome => visit.seen && visit.at_home,
                EventKind::BedroomSeen => visit.bedroom,
                _ => false,
            },
        }
    }
}

/// An event of an entry's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Its id, by which the record of it is found again.
    pub id: Uuid,
    /// The day.
    pub on: NaiveDate,
    /// What happened.
    pub what: Happening,
}

/// A date that a conference set for a clock, within the limit of the procedures: the earlier of the two is worked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The clock.
    pub clock: Code,
    /// The event that started it.
    pub start: Uuid,
    /// The date.
    pub due_on: NaiveDate,
}

coded_error! {
    /// Why a departure from a limit was not taken.
    pub enum DepartureError {
        /// Somebody else authorised it.
        NotSeniorManager = "not-senior-safeguarding-manager", "only the senior safeguarding manager may authorise another date";
    }
}

/// Another date than the procedures', authorised and with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    clock: Code,
    start: Uuid,
    due_on: NaiveDate,
    reason: Note,
}

impl Departure {
    /// A departure for the clock of a code that an event started.
    ///
    /// # Errors
    ///
    /// [`DepartureError::NotSeniorManager`] for every other role.
    ///
    /// # Source
    ///
    /// WSP-3.1.8: departures are authorised by the senior safeguarding manager and recorded. The page is about the section 47
    /// stage; that it holds for the other clocks is a reading of our own.
    pub fn new(clock: Code, start: Uuid, due_on: NaiveDate, authorised_by: Role, reason: Note) -> Result<Self, DepartureError> {
        if authorised_by == Role::SeniorSafeguardingManager {
            Ok(Self { clock, start, due_on, reason })
        } else {
            Err(DepartureError::NotSeniorManager)
        }
    }

    /// The date.
    pub const fn due_on(&self) -> NaiveDate {
        self.due_on
    }

    /// Why.
    pub const fn reason(&self) -> &Note {
        &self.reason
    }
}

/// The life of an entry, as far as clocks depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Life<'a> {
    /// Events, in any order. Those after the day asked about are not looked at.
    pub events: &'a [Event],
    /// Whether the child was not born when the entry was made. The event of birth ends it.
    pub entered_unborn: bool,
    /// For an entry taken over from an earlier register: the day from which on this one knows what was done. What registration
    /// started before that day may have been done unseen, so it is due only where a date was brought along.
    pub known_from: Option<NaiveDate>,
    /// Dates that conferences set.
    pub agreed: &'a [Agreed],
    /// Departures.
    pub departures: &'a [Departure],
}

/// An authority that has a part in the entry.
#[derive(Debug, Clone, Copy)]
pub struct Party<'a> {
    /// Its part.
    pub side: Side,
    /// Which it is.
    pub authority: &'a GssCode,
    /// Its working days.
    pub calendar: &'a Calendar,
    /// Its procedures.
    pub procedures: &'a Procedures,
}

closed_set! {
    /// How a clock stands.
    pub enum ClockState {
        /// There is time.
        Running = "running",
        /// There is little time.
        DueSoon = "due-soon",
        /// The day has passed.
        Overdue = "overdue",
        /// Done in time.
        Met = "met",
        /// Done, and late.
        MetLate = "met-late",
        /// It does not run while the child is not born.
        NotApplicable = "not-applicable",
        /// The entry came from an earlier register, which did not say what was done since.
        StartUnknown = "start-unknown",
        /// The name came off the register before it was done.
        Ended = "ended",
    }
}

impl ClockState {
    /// Whether somebody still has to act.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Running | Self::DueSoon | Self::Overdue => true,
            Self::Met | Self::MetLate | Self::NotApplicable | Self::StartUnknown | Self::Ended => false,
        }
    }
}

/// The event that started or met a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its kind.
    pub kind: EventKind,
    /// Its day.
    pub on: NaiveDate,
    /// Its id.
    pub id: Uuid,
}

/// One clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock<'a> {
    /// The rule: code, words, source, doubt.
    pub rule: &'a ClockRule,
    /// The procedures it is a rule of.
    pub procedures: &'a Code,
    /// The authority that owes the action.
    pub owed_by: &'a GssCode,
    /// What started it.
    pub started: Mark,
    /// The last day by the rule; `None` while it is not applicable or the start is not known.
    pub limit_on: Option<NaiveDate>,
    /// The last day that is worked to: an agreed one if it is earlier, an authorised one if there is one.
    pub due_on: Option<NaiveDate>,
    /// From this day on it is due soon.
    pub soon_on: Option<NaiveDate>,
    /// The day by which it is recommended.
    pub recommended_on: Option<NaiveDate>,
    /// The departure that set the date.
    pub departure: Option<&'a Departure>,
    /// How it stands.
    pub state: ClockState,
    /// What met it.
    pub met: Option<Mark>,
    /// When it ended without having been met.
    pub ended_on: Option<NaiveDate>,
    /// Calendar days left while it is open; negative when overdue, 0 on the last day.
    pub days_left: Option<i64>,
    /// Whose turn to be told has come while it is open, in order.
    pub told: Vec<Role>,
    /// Whose turn comes next, and when.
    pub next: Option<(Role, NaiveDate)>,
    /// Whether this is the date to work to: no other authority's procedures make the same duty due earlier.
    pub binding: bool,
}

#[cfg(test)]
mod tests;
