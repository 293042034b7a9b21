//! Temporary stays: the child is in another authority's area for a time, and the home authority goes on leading.
//!
//! A stay has versions, each replacing the one before whole; the home authority makes them, the host stores and acknowledges
//! them. Nothing ends one but the home authority: that its last day has passed tells people, on both sides.
//!
//! # Source
//!
//! WSP-4.10 (the twelve weeks; supervision is agreed between the two team managers), WSP-4.12 (the temporary entry), MK-MOVE;
//! invariant I6.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::duties::{Duty, DutyKind};
use super::message::Message;
use super::record::{Custody, Matter, Outcome, Signature};
use super::turns::{Refused, Why};
use crate::domain::coded::closed_set;
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{StayId, TransferId};
use crate::domain::procedures::EventKind;
use crate::domain::shift::london_date;
use crate::domain::text::{Line, Note};

closed_set! {
    /// How a stay stands.
    pub enum StayState {
        /// The child is there.
        Open = "open",
        /// The child has left, or is there for good by a transfer.
        Ended = "ended",
    }
}

/// What is agreed about a stay.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StayTerms {
    /// Which.
    pub stay: StayId,
    /// From 1; higher replaces lower.
    pub version: u32,
    /// How it stands.
    pub state: StayState,
    /// The first day.
    pub from: NaiveDate,
    /// The day on which it is to end, as far as anybody knows.
    pub expected_to: Option<NaiveDate>,
    /// Who visits, and what else the two managers agreed.
    pub supervision: Option<Line>,
    /// The day on which people last decided, with reasons, that it goes on without a conference: its weeks count anew from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_on: Option<NaiveDate>,
}

impl StayTerms {
    /// The day from which its weeks count.
    pub fn counts_from(&self) -> NaiveDate {
        self.kept_on.unwrap_or(self.from)
    }

    /// When something happened that a clock of the procedures starts with.
    pub fn happened(&self, kind: EventKind) -> Option<DateTime<Utc>> {
        (kind == EventKind::TemporaryStayBegan).then(|| self.counts_from().and_time(chrono::NaiveTime::MIN).and_utc())
    }
}

/// What the host saw of the child.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StayContact {
    /// From 1, in the order in which the host recorded them.
    pub number: u32,
    /// The day.
    pub on: NaiveDate,
    /// Who recorded it.
    pub by: Signature,
    /// What there is to say of it.
    pub words: Option<Note>,
}

/// A stay, at home.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stay {
    /// Where.
    pub host: GssCode,
    /// What is agreed.
    pub terms: StayTerms,
    /// When it was recorded.
    pub began_at: DateTime<Utc>,
    /// The transfer that it turned into.
    pub transfer: Option<TransferId>,
    /// The version that the host has stored.
    pub delivered: u32,
    /// The version that a person at the host has acknowledged.
    pub acknowledged: u32,
    /// What the host told of the child.
    #[serde(default)]
    pub contacts: Vec<StayContact>,
    /// What is to be done and by when.
    pub duties: Vec<Duty>,
}

impl Stay {
    /// What is told to the host.
    pub fn terms(&self) -> StayTerms {
        self.terms.clone()
    }

    /// Whether the host has the latest version.
    pub const fn is_delivered(&self) -> bool {
        self.delivered >= self.terms.version
    }

    pub(super) fn wanted_duties(&self) -> Vec<DutyKind> {
        let mut wanted = Vec::new();
        if !self.is_delivered() {
            wanted.push(DutyKind::StayReceipt);
        } else if self.acknowledged < self.terms.version && self.terms.state == StayState::Open {
            wanted.push(DutyKind::StaySeen);
        }
        if self.terms.state == StayState::Open && self.transfer.is_none() {
            wanted.push(DutyKind::StayReview);
            if self.terms.expected_to.is_some() {
                wanted.push(DutyKind::StayEnd);
            }
        }
        wanted
    }
}

/// A stay, at the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hosted {
    /// Whose child.
    pub home: GssCode,
    /// What is agreed, as last heard. An ended one is remembered, so that an older version that comes late changes nothing.
    pub terms: StayTerms,
    /// The version that a person acknowledged, and who.
    pub acknowledged: Option<(u32, Signature)>,
    /// What was seen of the child here.
    #[serde(default)]
    pub contacts: Vec<StayContact>,
    /// How many of these home has stored.
    #[serde(default)]
    pub told: u32,
    /// What is to be done and by when.
    pub duties: Vec<Duty>,
}

impl Hosted {
    /// Whether the child is shown as staying here. That the last day has passed hides nobody.
    pub fn is_shown(&self) -> bool {
        self.terms.state == StayState::Open
    }

    /// As told by home for the first time.
    pub(super) const fn new(home: GssCode, terms: StayTerms) -> Self {
        Self { home, terms, acknowledged: None, contacts: Vec::new(), told: 0, duties: Vec::new() }
    }

    /// What home has not stored yet.
    pub(super) fn untold(&self) -> impl Iterator<Item = Message> {
        let untold = self.contacts.iter().filter(|contact| contact.number > self.told);
        untold.map(|contact| Message::StayContact { stay: self.terms.stay, contact: contact.clone() })
    }

    /// Whether a person has acknowledged what is agreed now.
    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged.as_ref().is_some_and(|(version, _)| *version >= self.terms.version)
    }

    pub(super) fn wanted_duties(&self) -> Vec<DutyKind> {
        let mut wanted = Vec::new();
        if self.is_shown() && !self.is_acknowledged() {
            wanted.push(DutyKind::StaySeen);
        }
        // Both sides are told when its weeks are over, and when its last day has passed.
        if self.is_shown() {
            wanted.push(DutyKind::StayReview);
        }
        if self.is_shown() && self.terms.expected_to.is_some() {
            wanted.push(DutyKind::StayEnd);
        }
        wanted
    }

    pub(super) fn receipt(&self) -> Message {
        Message::StayReceipt { stay: self.terms.stay, version: self.terms.version, acknowledged: self.is_acknowledged() }
    }
}

impl Custody {
    /// A stay of this home authority.
    pub fn stay(&self, stay: StayId) -> Option<&Stay> {
        self.stays.iter().find(|held| held.terms.stay == stay)
    }

    /// A stay here.
    pub fn hosted(&self, stay: StayId) -> Option<&Hosted> {
        self.hosted.iter().find(|hosted| hosted.terms.stay == stay)
    }

    /// What is agreed about a stay, on whichever side.
    pub fn stay_terms(&self, stay: StayId) -> Option<&StayTerms> {
        self.stay(stay).map(|held| &held.terms).or_else(|| self.hosted(stay).map(|hosted| &hosted.terms))
    }

    pub(super) fn begin_stay(&mut self, host: GssCode, terms: StayTerms, now: DateTime<Utc>) -> Result<Outcome, Refused> {
        if self.standing.leads().is_none() {
            return Err(self.refuse(Why::NotLeading, None));
        }
        if host == self.me {
            return Err(self.refuse(Why::SameAuthority, None));
        }
        if self.stay(terms.stay).is_some() {
            return Err(self.refuse(Why::StayKnown, None));
        }
        let terms = StayTerms { version: 1, state: StayState::Open, kept_on: None, ..terms };
        let mut outcome = Outcome::default();
        outcome.say(&host, Message::Stay(terms.clone()));
        self.stays.push(Stay {
            host,
            terms,
            began_at: now,
            transfer: None,
            delivered: 0,
            acknowledged: 0,
            contacts: Vec::new(),
            duties: Vec::new(),
        });
        Ok(outcome)
    }

    /// Extends a stay, keeps it after its review, or ends it: a new version.
    pub(super) fn amend_stay(&mut self, stay: StayId, change: StayChange, now: DateTime<Utc>) -> Result<Outcome, Refused> {
        let Some(held) = self.stays.iter_mut().find(|held| held.terms.stay == stay) else {
            return Err(self.refuse(Why::UnknownStay, None));
        };
        if held.terms.state != StayState::Open {
            return Err(self.refuse(Why::StayEnded, None));
        }
        match change {
            StayChange::Extend { expected_to, supervision } => {
                held.terms.expected_to = expected_to;
                held.terms.supervision = supervision.or(held.terms.supervision.take());
                // The day has moved: its duty begins anew.
                held.duties.retain(|duty| duty.kind != DutyKind::StayEnd);
            }
            StayChange::Keep => {
                held.terms.kept_on = Some(london_date(now));
                held.duties.retain(|duty| duty.kind != DutyKind::StayReview);
            }
            StayChange::End => held.terms.state = StayState::Ended,
        }
        held.terms.version = held.terms.version.saturating_add(1);
        let mut outcome = Outcome::default();
        outcome.say(&held.host, Message::Stay(held.terms()));
        Ok(outcome)
    }

    /// The home authority does not lead any more: its stays end with it, and each host is told so.
    pub(super) fn end_stays(&mut self, outcome: &mut Outcome) {
        for held in self.stays.iter_mut().filter(|held| held.terms.state == StayState::Open) {
            held.terms.state = StayState::Ended;
            held.terms.version = held.terms.version.saturating_add(1);
            outcome.say(&held.host, Message::Stay(held.terms()));
        }
    }

    pub(super) fn on_stay(&mut self, home: &GssCode, terms: StayTerms, outcome: &mut Outcome) {
        match self.hosted.iter_mut().find(|hosted| hosted.terms.stay == terms.stay && hosted.home == *home) {
            Some(hosted) => {
                // A home that was put back from a backup counts the same versions again: what it says now is what is agreed.
                let is_new = terms.version == hosted.terms.version && terms != hosted.terms;
                if is_new {
                    hosted.acknowledged = None;
                }
                if is_new || terms.version > hosted.terms.version {
                    // A day that has moved is waited for anew.
                    let moved = [
                        (DutyKind::StayReview, terms.kept_on != hosted.terms.kept_on),
                        (DutyKind::StayEnd, terms.expected_to != hosted.terms.expected_to),
                    ];
                    hosted.duties.retain(|duty| !moved.contains(&(duty.kind, true)));
                    hosted.terms = terms;
                    outcome.raise(Matter::StayHere, None);
                }
                outcome.say(home, hosted.receipt());
            }
            // An end that comes before its beginning is remembered as well: the beginning may still be on its way.
            None => {
                let hosted = Hosted::new(home.clone(), terms);
                if hosted.is_shown() {
                    outcome.raise(Matter::StayHere, None);
                }
                outcome.say(home, hosted.receipt());
                self.hosted.push(hosted);
            }
        }
    }

    pub(super) fn on_stay_receipt(&mut self, host: &GssCode, stay: StayId, version: u32, acknowledged: bool, outcome: &mut Outcome) {
        if let Some(held) = self.stays.iter_mut().find(|held| held.terms.stay == stay && held.host == *host) {
            // The host holds what this register has forgotten: it was put back from a backup. What is agreed here now comes after it.
            if version > held.terms.version {
                held.terms.version = version.saturating_add(1);
                outcome.raise(Matter::Incident, None);
                outcome.say(&held.host, Message::Stay(held.terms()));
                return;
            }
            held.delivered = held.delivered.max(version.min(held.terms.version));
            if acknowledged {
                held.acknowledged = held.acknowledged.max(version.min(held.terms.version));
            }
        }
    }

    /// The host tells what it saw of the child, again and again until home has stored it.
    pub(super) fn report_contact(&mut self, stay: StayId, on: NaiveDate, words: Option<Note>, by: &Signature) -> Result<Outcome, Refused> {
        let Some(hosted) = self.hosted.iter_mut().find(|hosted| hosted.terms.stay == stay) else {
            return Err(self.refuse(Why::UnknownStay, None));
        };
        if !hosted.is_shown() {
            return Err(self.refuse(Why::StayEnded, None));
        }
        let number = hosted.contacts.last().map_or(1, |last| last.number.saturating_add(1));
        hosted.contacts.push(StayContact { number, on, by: by.clone(), words });
        let mut outcome = Outcome::default();
        for message in hosted.untold() {
            outcome.say(&hosted.home, message);
        }
        Ok(outcome)
    }

    pub(super) fn on_stay_contact(&mut self, host: &GssCode, stay: StayId, contact: StayContact, outcome: &mut Outcome) {
        let Some(held) = self.stays.iter_mut().find(|held| held.terms.stay == stay && held.host == *host) else { return };
        // In order: what comes before its turn comes again.
        let next = held.contacts.last().map_or(1, |last| last.number.saturating_add(1));
        // A host that was put back from a backup counts the same numbers again: what was seen is part of what it is.
        let is_held = held.contacts.iter().any(|other| StayContact { number: contact.number, ..other.clone() } == contact);
        if contact.number <= next && !is_held {
            held.contacts.push(StayContact { number: next, ..contact });
            outcome.raise(Matter::StayContact, None);
        }
        let number = held.contacts.last().map_or(0, |last| last.number);
        outcome.say(host, Message::StayContactReceipt { stay, number });
    }

    pub(super) fn on_stay_contact_receipt(&mut self, home: &GssCode, stay: StayId, number: u32) {
        if let Some(hosted) = self.hosted.iter_mut().find(|hosted| hosted.terms.stay == stay && hosted.home == *home) {
            let last = hosted.contacts.last().map_or(0, |last| last.number);
            hosted.told = hosted.told.max(number.min(last));
        }
    }

    pub(super) fn acknowledge_stay(&mut self, stay: StayId, by: &Signature) -> Result<Outcome, Refused> {
        let Some(hosted) = self.hosted.iter_mut().find(|hosted| hosted.terms.stay == stay) else {
            return Err(self.refuse(Why::UnknownStay, None));
        };
        hosted.acknowledged = Some((hosted.terms.version, by.clone()));
        let mut outcome = Outcome::default();
        outcome.say(&hosted.home, hosted.receipt());
        Ok(outcome)
    }
}

/// What becomes of a stay.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StayChange {
    /// It lasts longer or shorter, or is supervised otherwise.
    Extend {
        /// The new last day.
        expected_to: Option<NaiveDate>,
        /// What was agreed.
        supervision: Option<Line>,
    },
    /// It goes on without a conference, for reasons that are recorded beside it: the weeks count anew.
    Keep,
    /// It has ended.
    End,
}
