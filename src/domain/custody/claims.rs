//! Comparing registers: what each says of its own standing, and how a register that was put back from a backup finds its
//! place again.
//!
//! After a restore a register does not know what it has forgotten. So it changes no custody until it has been compared with
//! every authority that may have exchanged custody of the child with it: those answer with a [`Claim`], and what is theirs
//! to prove is taken up. Registers compare daily too, with a digest first ([`super::Digest`]), and then row by row.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::message::{Claim, Message};
use super::record::{Custody, Dispute, Matter, Outcome, Signature};
use super::turns::{Refused, Why};
use super::{Chain, Epoch, ProofKind, Standing};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::TransferId;

/// A comparison with one authority, done: both sides' claims have been exchanged by request and answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// With whom.
    pub with: GssCode,
    /// What it said.
    pub claim: Claim,
}

impl Custody {
    /// What this authority says of its own standing to another.
    pub fn claim_to(&self, other: &GssCode) -> Claim {
        match &self.standing {
            Standing::Lead { epoch } => Claim::Lead { epoch: *epoch, chain: self.chain.clone() },
            Standing::Ended { to, epoch } if to == other => Claim::EndedToYou { epoch: *epoch, chain: self.chain.clone() },
            Standing::Ended { to, epoch } => Claim::PassedOn { to: to.clone(), epoch: *epoch },
            Standing::None | Standing::Closed { .. } => Claim::Nothing,
        }
    }

    /// The register was put back from a backup: nothing about custody changes until these have been compared with.
    pub fn restored(&mut self, compare_with: BTreeSet<GssCode>) {
        self.recovering = compare_with;
        self.recovering.remove(&self.me);
    }

    /// A comparison is done.
    pub fn compare(&mut self, comparison: Comparison, now: DateTime<Utc>) -> Outcome {
        let mut outcome = Outcome::default();
        self.on_claim(&comparison.with, comparison.claim, now, &mut outcome);
        self.recovering.remove(&comparison.with);
        self.settle_duties(now);
        outcome
    }

    pub(super) fn leave_recovery(&mut self, approved_by: &Signature, by: &Signature) -> Result<Outcome, Refused> {
        if approved_by.name == by.name {
            return Err(self.refuse(Why::SecondPerson, None));
        }
        self.recovering.clear();
        let mut outcome = Outcome::default();
        outcome.raise(Matter::Incident, None);
        Ok(outcome)
    }

    pub(super) fn on_claim(&mut self, from: &GssCode, claim: Claim, now: DateTime<Utc>, outcome: &mut Outcome) {
        // Who says that it does not lead disputes nothing any more: also one that gave way to this one, whose word for it was
        // lost.
        let leads = matches!(claim, Claim::Lead { .. });
        let disputed = !leads && self.dispute.as_ref().is_some_and(|dispute| dispute.other == *from);
        if disputed {
            self.dispute = None;
        }
        match claim {
            Claim::Lead { epoch, chain } => self.on_claim_to_lead(from, epoch, chain, now, outcome),
            Claim::EndedToYou { epoch, chain } => self.on_claim_that_i_lead(from, epoch, chain, now, outcome),
            // The dispute goes on with the one it was passed on to, unless that was this one or one that led before it.
            Claim::PassedOn { to, epoch } if disputed && !self.chain.passes(&to, epoch) => {
                self.note_dispute(&to, epoch, None, now, outcome)
            }
            Claim::PassedOn { .. } | Claim::Nothing => {}
        }
    }

    /// Rows 15 and 16.
    fn on_claim_to_lead(&mut self, from: &GssCode, epoch: Epoch, chain: Chain, now: DateTime<Utc>, outcome: &mut Outcome) {
        let sound = chain.is_sound() && chain.last().is_some_and(|link| link.leader == *from && link.epoch == epoch);
        if !sound {
            return;
        }
        let Some(own) = self.standing.leads() else {
            // Whoever takes this one for a rival learns that it is none.
            return outcome.say(from, Message::Claim(self.claim_to(from)));
        };
        if own < epoch && chain.passes(&self.me, own) {
            outcome.raise(Matter::Incident, None);
            self.end_to(from, epoch, None, chain, now, outcome);
        } else if epoch < own && self.chain.passes(from, epoch) {
            // The other is behind: it finds itself in the chain.
            outcome.say(from, Message::Claim(self.claim_to(from)));
        } else {
            self.note_dispute(from, epoch, None, now, outcome);
        }
    }

    /// Another says that it leads, by a chain that does not pass through here: both are told, and nobody ends by itself. The
    /// claim goes out once here, and again for as long as the dispute is open.
    pub(super) fn note_dispute(
        &mut self,
        other: &GssCode,
        epoch: Epoch,
        transfer: Option<TransferId>,
        now: DateTime<Utc>,
        outcome: &mut Outcome,
    ) {
        let Some(own) = self.standing.leads().filter(|_| *other != self.me) else { return };
        if self.dispute.as_ref().is_some_and(|dispute| dispute.other == *other && dispute.epoch == epoch) {
            return;
        }
        self.dispute = Some(Dispute { other: other.clone(), epoch, since: now });
        outcome.raise(Matter::Dispute, transfer);
        outcome.say(other, Message::Claim(Claim::Lead { epoch: own, chain: self.chain.clone() }));
    }

    /// Row 14: another register remembers that custody came here.
    fn on_claim_that_i_lead(&mut self, from: &GssCode, epoch: Epoch, chain: Chain, now: DateTime<Utc>, outcome: &mut Outcome) {
        let Some(link) = chain.last().filter(|link| link.leader == self.me && link.epoch == epoch) else { return };
        let own_completion = link.proofs.iter().any(|proof| {
            proof.kind == ProofKind::Completed
                && proof.by == self.me
                && proof.to == *from
                && proof.epoch == epoch
                && Some(proof.transfer) == link.transfer
        });
        if !own_completion || !chain.is_sound() || self.highest_epoch() >= Some(epoch) {
            return;
        }
        let transfer = link.transfer;
        if let Some(transfer) = transfer {
            self.saw(super::Stamp { epoch, transfer });
        }
        self.standing = Standing::Lead { epoch };
        self.chain = chain;
        if let Some(incoming) = transfer.and_then(|transfer| self.incoming_mut(transfer)) {
            incoming.state = super::ReceiverState::Confirmed;
        }
        self.ask_back(now, outcome);
        outcome.raise(Matter::LeadRegained, transfer);
    }

    /// Which of two that lead gives way: the one with the lower epoch; of two with the same, the one with the higher code.
    ///
    /// Only that side may, so that never both do. If people want the other way round, the loser gives way first and custody
    /// is then offered to it.
    pub fn gives_way(&self) -> Option<&GssCode> {
        let dispute = self.dispute.as_ref()?;
        let own = self.standing.leads()?;
        let mine_is_lower = (own, std::cmp::Reverse(&self.me)) < (dispute.epoch, std::cmp::Reverse(&dispute.other));
        Some(if mine_is_lower { &self.me } else { &dispute.other })
    }

    /// Row 13. What it had offered on meanwhile is asked back: it was not this one's to give.
    pub(super) fn give_way(&mut self, now: DateTime<Utc>) -> Result<Outcome, Refused> {
        let Some(loser) = self.gives_way() else { return Err(self.refuse(Why::NoDispute, None)) };
        if *loser != self.me {
            return Err(self.refuse(Why::OtherGivesWay, None));
        }
        let Some(dispute) = self.dispute.clone() else { return Err(self.refuse(Why::NoDispute, None)) };
        let mut outcome = Outcome::default();
        self.standing = Standing::Ended { to: dispute.other.clone(), epoch: dispute.epoch };
        self.dispute = None;
        self.outside = None;
        self.kept_by_order = None;
        self.ask_back(now, &mut outcome);
        self.end_stays(&mut outcome);
        outcome.raise(Matter::LeadPassed, None);
        // Whose claim it was is told that nobody disputes it any more.
        outcome.say(&dispute.other, Message::Claim(self.claim_to(&dispute.other)));
        Ok(outcome)
    }
}
