//! From rows to the events of an entry's life.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use crate::domain::clocks::{Agreed, Departure, Event, Happening, Life, Visit};
use crate::domain::dates::BirthDate;
use crate::domain::procedures::{ClockRule, EventKind, Procedures};
use crate::domain::registration::ConferenceKind;
use crate::domain::roles::Role;
use crate::domain::shift::london_date;
use crate::register::RegisterError;
use crate::register::plans::MilestoneKind;
use crate::register::registrations::{EARLIER_REGISTER, Registration};
use crate::store::children::ParticularsRow;
use crate::store::conferences::{ConferenceStateRow, DecisionRow, Section47Row, Section47StateRow};
use crate::store::connection::AnyConnection;
use crate::store::plans::{CoreGroupMeetingRow, DepartureRow, MilestoneRow, VisitRow};
use crate::store::types::Id;

/// What the register holds of the lives of some entries: read in a fixed number of statements, however many they are.
#[derive(Debug, Default)]
pub struct Facts {
    visits: HashMap<Id, Vec<VisitRow>>,
    meetings: HashMap<Id, Vec<CoreGroupMeetingRow>>,
    milestones: HashMap<Id, Vec<MilestoneRow>>,
    departures: HashMap<Id, Vec<DepartureRow>>,
    decisions: HashMap<Id, Vec<DecisionRow>>,
    conferences: HashMap<Id, ConferenceStateRow>,
    particulars: HashMap<Id, ParticularsRow>,
    enquiries: HashMap<Id, Vec<(String, Section47StateRow)>>,
}

fn grouped<T>(rows: Vec<T>, key: impl Fn(&T) -> Option<Id>) -> HashMap<Id, Vec<T>> {
    let mut groups: HashMap<Id, Vec<T>> = HashMap::new();
    for row in rows {
        if let Some(key) = key(&row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}

impl Facts {
    /// Reads the facts of entries.
    ///
    /// # Errors
    /// When the database fails.
    pub fn load(connection: &mut AnyConnection, entries: &[Registration]) -> Result<Self, RegisterError> {
        let ids: Vec<Id> = entries.iter().map(|entry| entry.row.id).collect();
        let children: Vec<Id> = entries.iter().map(|entry| entry.row.child_id).collect();
        let decisions = DecisionRow::of_registrations(connection, &ids)?;
        let conferences: Vec<Id> = decisions.iter().map(|decision| decision.conference_id).collect();
        let states = ConferenceStateRow::current(connection, &conferences)?.into_iter().filter(|state| !state.entered_in_error);
        let of_child: HashMap<Id, (Id, String)> = Section47Row::of_children(connection, &children)?
            .into_iter()
            .map(|enquiry| (enquiry.id, (enquiry.child_id, enquiry.authority)))
            .collect();
        let enquiry_ids: Vec<Id> = of_child.keys().copied().collect();
        let mut enquiries: HashMap<Id, Vec<(String, Section47StateRow)>> = HashMap::new();
        for state in Section47StateRow::current(connection, &enquiry_ids)?.into_iter().filter(|state| !state.entered_in_error) {
            if let Some((child, authority)) = of_child.get(&state.section47_id) {
                enquiries.entry(*child).or_default().push((authority.clone(), state));
            }
        }
        Ok(Self {
            visits: grouped(VisitRow::current(connection, &ids)?, |row| Some(row.registration_id)),
            meetings: grouped(CoreGroupMeetingRow::current(connection, &ids)?, |row| Some(row.registration_id)),
            milestones: grouped(MilestoneRow::current(connection, &ids)?, |row| Some(row.registration_id)),
            departures: grouped(DepartureRow::current(connection, &ids)?, |row| Some(row.registration_id)),
            conferences: states.map(|state| (state.conference_id, state)).collect(),
            decisions: grouped(decisions, |row| row.registration_id),
            particulars: ParticularsRow::current(connection, &children)?.into_iter().map(|row| (row.child_id, row)).collect(),
            enquiries,
        })
    }

    /// What is known of a child's birth.
    pub fn birth(&self, child: Id) -> Option<BirthDate> {
        let row = self.particulars.get(&child)?;
        let from = row.birth_from?;
        match row.birth_kind.as_str() {
            "exact" => from.try_into().ok().map(BirthDate::Exact),
            "expected" => from.try_into().ok().map(BirthDate::Expected),
            _ => None,
        }
    }

    /// The life of an entry, as far as clocks depend on it.
    pub(super) fn story(&self, procedures: &'static Procedures, entry: &Registration) -> Story {
        let mut story = Story {
            procedures,
            events: Vec::new(),
            records: HashMap::new(),
            entered_unborn: false,
            known_from: None,
            agreed: Vec::new(),
            authorised: Vec::new(),
            departures: self.departures.get(&entry.row.id).cloned().unwrap_or_default(),
        };
        self.entering(&mut story, entry);
        self.enquiry(&mut story, entry);
        self.plan(&mut story, entry);
        self.conferences(&mut story, entry);
        self.birth_of(&mut story, entry);
        story
    }

    fn entering(&self, story: &mut Story, entry: &Registration) {
        let state = &entry.state;
        let (begun, ended) = if state.kind == "temporary" {
            // The home authority works to the plan and reviews it; here only the stay is counted.
            (EventKind::TemporaryStayBegan, Some(EventKind::TemporaryStayEnded))
        } else {
            (EventKind::Registered, None)
        };
        story.plain(entry.row.id.0, state.registered_on, begun);
        if let Some(removed_on) = state.removed_on {
            story.plain(state.id.0, removed_on, EventKind::Removed);
            if let Some(ended) = ended {
                story.plain(state.id.0, removed_on, ended);
            }
        }
        if state.conference_kind.as_deref() == Some(EARLIER_REGISTER) {
            story.known_from = Some(london_date(entry.row.created_at.get()));
        }
    }

    /// The enquiry that led to the entry: the one that the decision names; else the last that led to a conference before the
    /// entry, at the same authority.
    fn enquiry(&self, story: &mut Story, entry: &Registration) {
        let theirs = self.enquiries.get(&entry.row.child_id).map(Vec::as_slice).unwrap_or_default();
        let named = self.decisions.get(&entry.row.id).into_iter().flatten().find_map(|decision| decision.section47_id);
        let led = |(authority, state): &&(String, Section47StateRow)| match named {
            Some(named) => state.section47_id == named,
            None => {
                *authority == entry.row.authority
                    && state.outcome.as_deref() == Some("conference")
                    && state.strategy_discussion_on <= entry.state.registered_on
            }
        };
        let Some((_, state)) = theirs.iter().filter(led).max_by_key(|(_, state)| state.strategy_discussion_on) else { return };
        let record = state.section47_id.0;
        let dates = [
            (state.referral_on, EventKind::ReferralReceived),
            // Whoever held the discussion had decided on the next step: on that day at the latest.
            (state.referral_on.map(|_| state.strategy_discussion_on), EventKind::NextStepDecided),
            (Some(state.strategy_discussion_on), EventKind::StrategyDiscussionHeld),
            (state.decided_on, EventKind::EnquiryDecided),
            (state.started_on, EventKind::EnquiryStarted),
            (state.outcome_on, EventKind::EnquiryEnded),
            (state.assessment_completed_on, EventKind::AssessmentCompleted),
        ];
        for (on, kind) in dates {
            if let Some(on) = on {
                story.plain(record, on, kind);
            }
        }
    }

    fn plan(&self, story: &mut Story, entry: &Registration) {
        for row in self.visits.get(&entry.row.id).into_iter().flatten() {
            let visit = Visit { seen: row.seen, alone: row.seen_alone, at_home: row.at_home, bedroom: row.bedroom_seen };
            story.happened(row.id.0, row.visited_on, Happening::Visit(visit));
        }
        for row in self.meetings.get(&entry.row.id).into_iter().flatten() {
            story.plain(row.id.0, row.held_on, EventKind::CoreGroupMet);
        }
        for row in self.milestones.get(&entry.row.id).into_iter().flatten() {
            if let Some(kind) = row.kind.parse().ok().and_then(MilestoneKind::event) {
                story.plain(row.id.0, row.reached_on, kind);
            }
        }
    }

    fn conferences(&self, story: &mut Story, entry: &Registration) {
        let mut held: Vec<(&DecisionRow, &ConferenceStateRow, ConferenceKind)> = self
            .decisions
            .get(&entry.row.id)
            .into_iter()
            .flatten()
            .filter_map(|decision| {
                let state = self.conferences.get(&decision.conference_id)?;
                Some((decision, state, state.kind.parse().ok()?))
            })
            .collect();
        held.sort_by_key(|(_, state, _)| state.held_on);
        // The clock and the start of the review that is to come.
        let mut next_review = ("first-review".to_owned(), entry.row.id.0);
        for (decision, state, kind) in &held {
            let event = story.happened(state.conference_id.0, state.held_on, Happening::Conference(*kind));
            let Some(rule) = story.procedures.conference(*kind) else { continue };
            let is_review = *kind == ConferenceKind::Review;
            let start = if is_review { event } else { entry.row.id.0 };
            next_review = (rule.review_clock.as_str().to_owned(), start);
            let reason = state.departure_reason.as_deref();
            if let Some(due_on) = decision.review_due_on {
                story.set(rule.review_clock.as_str(), start, due_on, reason);
            }
            if let Some(due_on) = decision.core_group_due_on {
                // After a review the next meeting is counted from the last one.
                let met = |event: &&Event| event.what.is(EventKind::CoreGroupMet) && event.on <= state.held_on;
                let last = story.events.iter().filter(met).max_by_key(|event| (event.on, event.id)).map(|event| event.id);
                match last.filter(|_| is_review) {
                    Some(last) => story.set(rule.core_group_clock.as_str(), last, due_on, reason),
                    None => story.set("first-core-group", entry.row.id.0, due_on, reason),
                }
            }
        }
        // A conference that is known by its day alone.
        if held.is_empty()
            && let Some(held_on) = entry.state.conference_held_on
            && let Some(kind) = entry.state.conference_kind.as_deref().and_then(|kind| kind.parse().ok())
        {
            story.happened(entry.row.id.0, held_on, Happening::Conference(kind));
        }
        if let Some(due_on) = entry.state.review_due_on {
            story.set(&next_review.0, next_review.1, due_on, None);
        }
    }

    fn birth_of(&self, story: &mut Story, entry: &Registration) {
        let Some(row) = self.particulars.get(&entry.row.child_id) else { return };
        match self.birth(entry.row.child_id) {
            Some(BirthDate::Expected(_)) => story.entered_unborn = true,
            Some(BirthDate::Exact(born)) if born.expose() > entry.state.registered_on => {
                story.entered_unborn = true;
                story.plain(row.id.0, born.expose(), EventKind::Born);
            }
            _ => {}
        }
    }
}

/// An entry's life, ready to be read by the rules.
pub(super) struct Story {
    procedures: &'static Procedures,
    events: Vec<Event>,
    records: HashMap<Uuid, Uuid>,
    entered_unborn: bool,
    known_from: Option<NaiveDate>,
    agreed: Vec<Agreed>,
    /// Departures that conferences recorded.
    pub(super) authorised: Vec<Departure>,
    /// Departures as they were recorded, oldest first.
    pub(super) departures: Vec<DepartureRow>,
}

impl Story {
    fn plain(&mut self, record: Uuid, on: NaiveDate, kind: EventKind) {
        self.happened(record, on, Happening::Plain(kind));
    }

    /// Puts in an event and answers its identifier. One record can tell of several; each gets an identifier of its own, made from the record's, so that
    /// none is taken for another.
    fn happened(&mut self, record: Uuid, on: NaiveDate, what: Happening) -> Uuid {
        let mut bytes = *record.as_bytes();
        while self.records.contains_key(&Uuid::from_bytes(bytes)) {
            bytes[15] = bytes[15].wrapping_add(1);
        }
        let id = Uuid::from_bytes(bytes);
        self.records.insert(id, record);
        self.events.push(Event { id, on, what });
        id
    }

    /// Puts in a date that a conference set. With the reason of a departure, which the senior safeguarding manager authorised, it
    /// may lie beyond the limit.
    fn set(&mut self, clock: &str, start: Uuid, due_on: NaiveDate, reason: Option<&str>) {
        let Some(code) = self.procedures.clock(clock).map(|rule| rule.code.clone()) else { return };
        let reason = reason.and_then(|reason| reason.parse().ok());
        let departure = reason.and_then(|reason| Departure::new(code.clone(), start, due_on, Role::SeniorSafeguardingManager, reason).ok());
        match departure {
            Some(departure) => self.authorised.push(departure),
            None => self.agreed.push(Agreed { clock: code, start, due_on }),
        }
    }

    pub(super) fn life<'a>(&'a self, departures: &'a [Departure]) -> Life<'a> {
        Life { events: &self.events, entered_unborn: self.entered_unborn, known_from: self.known_from, agreed: &self.agreed, departures }
    }

    /// The record that an event is of.
    pub(super) fn record(&self, event: Uuid) -> Uuid {
        self.records.get(&event).copied().unwrap_or(event)
    }

    /// The rule of a clock, for as long as the program runs.
    pub(super) fn rule(&self, rule: &ClockRule) -> Option<&'static ClockRule> {
        self.procedures.clocks.iter().find(|own| own.code == rule.code)
    }

    /// Leaves out what happened before a year.
    pub(super) fn forget_before(&mut self, year: i32) {
        self.events.retain(|event| event.on.year() >= year);
    }
}
