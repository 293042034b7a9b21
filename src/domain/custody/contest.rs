//! Disputes about a move: one side puts it before the senior managers of both. Custody never changes by it; what matters is that the
//! other side hears of it, however long that takes.
//!
//! # Source
//!
//! Scenario S26 of the procedures, NLAN-MOVE (senior managers negotiate for the child's safety); invariant I23.

use serde::{Deserialize, Serialize};

use super::message::Message;
use super::record::{Custody, Matter, Outcome, Signature};
use super::turns::{Refused, Why};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::TransferId;
use crate::domain::text::Note;

/// Most disputes that are kept of one custody: what comes beyond is told to people, and no more noted.
const CONTESTS_MAX: usize = 200;

/// A move was put before the senior managers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Contest {
    /// Which move.
    pub transfer: TransferId,
    /// The other side of it.
    pub other: GssCode,
    /// Whether it was done here.
    pub mine: bool,
    /// From 1: how many-th of its side about this move.
    pub number: u32,
    /// By whom.
    pub by: Signature,
    /// What there is to settle.
    pub words: Option<Note>,
    /// Whether the other side has stored it.
    pub told: bool,
}

impl Contest {
    fn message(&self) -> Message {
        Message::Disputed { transfer: self.transfer, number: self.number, by: self.by.clone(), words: self.words.clone() }
    }
}

impl Custody {
    /// What was put before the senior managers about a move, by either side, in the order in which it is known here.
    pub fn contests_about(&self, transfer: TransferId) -> impl Iterator<Item = &Contest> {
        self.contests.iter().filter(move |contest| contest.transfer == transfer)
    }

    /// What the other side is still to hear.
    pub(super) fn untold_contests(&self) -> impl Iterator<Item = (&GssCode, Message)> {
        self.contests.iter().filter(|contest| contest.mine && !contest.told).map(|contest| (&contest.other, contest.message()))
    }

    pub(super) fn contest(&mut self, transfer: TransferId, words: Option<Note>, by: &Signature) -> Result<Outcome, Refused> {
        let to = self.outgoing(transfer).map(|outgoing| outgoing.to.clone());
        let Some(other) = to.or_else(|| self.incoming(transfer).map(|incoming| incoming.from.clone())) else {
            return Err(self.refuse(Why::UnknownTransfer, None));
        };
        if self.contests.len() >= CONTESTS_MAX {
            return Err(self.refuse(Why::NotNow, Some(transfer)));
        }
        let last = self.contests_about(transfer).filter(|contest| contest.mine).map(|contest| contest.number).max();
        let number = last.map_or(1, |last| last.saturating_add(1));
        let contest = Contest { transfer, other, mine: true, number, by: by.clone(), words, told: false };
        let mut outcome = Outcome::default();
        outcome.say(&contest.other, contest.message());
        self.contests.push(contest);
        Ok(outcome)
    }

    pub(super) fn on_disputed(
        &mut self,
        from: &GssCode,
        (transfer, number): (TransferId, u32),
        by: Signature,
        words: Option<Note>,
        outcome: &mut Outcome,
    ) {
        // A register that was put back from a backup counts the same numbers again: what is said is part of what it is.
        let heard = Contest { transfer, other: from.clone(), mine: false, number, by, words, told: true };
        if !self.contests.contains(&heard) {
            if self.contests.len() < CONTESTS_MAX {
                self.contests.push(heard);
            }
            outcome.raise(Matter::Contested, Some(transfer));
        }
        outcome.say(from, Message::DisputedReceipt { transfer, number });
    }

    pub(super) fn on_disputed_receipt(&mut self, from: &GssCode, transfer: TransferId, number: u32) {
        let told = self
            .contests
            .iter_mut()
            .find(|contest| contest.mine && contest.transfer == transfer && contest.other == *from && contest.number == number);
        if let Some(contest) = told {
            contest.told = true;
        }
    }
}
