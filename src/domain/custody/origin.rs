//! The origin's side of a move: offering, withdrawing, and the answers of the receiver.

use chrono::{DateTime, Utc};

use super::message::{Announcement, Completion, Message};
use super::record::{
    Custody, Matter, Nature, OriginState, Outcome, Outgoing, Papers, Progress, ReceiverState, RefusalReason, Signature, WithdrawalReason,
};
use super::turns::{Action, ActionKind, Refused, Why};
use super::{Chain, Epoch, Link, Proof, ProofKind, Stamp, Standing};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{FamilyMoveId, StayId, TransferId};
use crate::domain::registration::RemovalGround;
use crate::domain::text::{Line, Note};

/// A move as it is offered.
struct NewOffer {
    nature: Nature,
    family_move: Option<FamilyMoveId>,
    stay: Option<StayId>,
}

impl Custody {
    /// A person acts. `by` is the named person, whose role has been found to allow it; its instant is now.
    ///
    /// # Errors
    ///
    /// [`Refused`] with the reason and what may be done instead; nothing has changed then.
    pub fn act(&mut self, action: Action, by: &Signature) -> Result<Outcome, Refused> {
        if !self.recovering.is_empty() && action.changes_custody() {
            return Err(self.refuse(Why::Recovering, None));
        }
        let outcome = match action {
            Action::Announce { transfer, to } => self.announce(transfer, to, by.at),
            Action::Offer { transfer, to, nature, family_move, stay, forced_by } => {
                let forced = match forced_by {
                    Some(second) if second.name == by.name => return Err(self.refuse(Why::SecondPerson, Some(transfer))),
                    second => second.is_some(),
                };
                self.offer(transfer, to, NewOffer { nature, family_move, stay }, forced, by.at)
            }
            Action::SendPapers { transfer, papers } => {
                self.at_origin(transfer, ActionKind::SendPapers)?;
                self.change_outgoing(transfer, |outgoing, outcome| {
                    outgoing.papers = Papers { round: outgoing.papers.round + 1, sent: &outgoing.papers.sent | &papers };
                    outgoing.papers_at = Some(by.at);
                    outcome.say(&outgoing.to, outgoing.papers_message());
                })
            }
            Action::Withdraw { transfer, reason } => {
                self.at_origin(transfer, ActionKind::Withdraw)?;
                self.change_outgoing(transfer, |outgoing, outcome| {
                    withdraw(outgoing, Some(reason), by.at);
                    outcome.say(&outgoing.to, Message::Cancel { stamp: outgoing.stamp() });
                })
            }
            Action::Close { ground } => self.close(ground, by.at),
            Action::GiveWay => self.give_way(by.at),
            Action::Contest { transfer, words } => self.contest(transfer, words, by),
            Action::PlaceOutside { outside } => self.place_outside(outside),
            Action::KeepByOrder { order } => self.keep_by_order(order),
            Action::BeginStay { host, terms } => self.begin_stay(host, terms, by.at),
            Action::ChangeStay { stay, change } => self.amend_stay(stay, change, by.at),
            Action::AcknowledgeStay { stay } => self.acknowledge_stay(stay, by),
            Action::ReportContact { stay, on, words } => self.report_contact(stay, on, words, by),
            Action::LeaveRecovery { approved_by } => self.leave_recovery(&approved_by, by),
            Action::Acknowledge { .. }
            | Action::Agree { .. }
            | Action::Return { .. }
            | Action::Book { .. }
            | Action::Hold { .. }
            | Action::Accept { .. }
            | Action::Refuse { .. } => self.act_as_receiver(action, by),
        }?;
        self.settle_duties(by.at);
        Ok(outcome)
    }

    /// What an origin's guard asks of every new move.
    fn may_begin(&self, transfer: TransferId, to: &GssCode) -> Result<Epoch, Refused> {
        let Some(epoch) = self.standing.leads() else { return Err(self.refuse(Why::NotLeading, None)) };
        let why = if *to == self.me {
            Why::SameAuthority
        } else if self.dispute.is_some() {
            Why::DisputeOpen
        } else if self.chain.is_full() {
            Why::ChainFull
        } else if self.highest.is_some_and(|highest| Stamp { epoch, transfer } <= highest) {
            Why::NotNewest
        } else {
            return Ok(epoch);
        };
        Err(self.refuse(why, Some(transfer)))
    }

    fn announce(&mut self, transfer: TransferId, to: GssCode, now: DateTime<Utc>) -> Result<Outcome, Refused> {
        let epoch = self.may_begin(transfer, &to)?;
        let mut outcome = Outcome::default();
        let outgoing = Outgoing::new(transfer, to, epoch, now);
        self.saw(outgoing.stamp());
        outcome.say(&outgoing.to, Message::Notice(Announcement { stamp: outgoing.stamp() }));
        self.outgoing.push(outgoing);
        Ok(outcome)
    }

    fn offer(&mut self, transfer: TransferId, to: GssCode, terms: NewOffer, forced: bool, now: DateTime<Utc>) -> Result<Outcome, Refused> {
        let announced = self.outgoing(transfer).is_some();
        let epoch = if announced {
            let outgoing = self.at_origin(transfer, ActionKind::Offer)?;
            if outgoing.to != to || self.standing.leads() != Some(outgoing.epoch) || self.dispute.is_some() {
                return Err(self.refuse(Why::NotNow, Some(transfer)));
            }
            outgoing.epoch
        } else {
            self.may_begin(transfer, &to)?
        };
        if self.kept_by_order.is_some() {
            return Err(self.refuse(Why::CourtOrder, Some(transfer)));
        }
        let in_the_way = |outgoing: &Outgoing| match outgoing.state {
            OriginState::Offered => true,
            // A receiver that was never offered it cannot complete it.
            OriginState::CancelRequested => outgoing.offered_at.is_some() && !forced,
            OriginState::Expected | OriginState::Completed | OriginState::Declined | OriginState::Cancelled | OriginState::InConflict => {
                false
            }
        };
        if self.outgoing.iter().any(in_the_way) {
            return Err(self.refuse(Why::TransferOpen, Some(transfer)));
        }
        if !announced {
            self.saw(Stamp { epoch, transfer });
            self.outgoing.push(Outgoing::new(transfer, to, epoch, now));
        }
        if let Some(stay) = terms.stay {
            match self.stays.iter_mut().find(|held| held.terms.stay == stay) {
                Some(held) => held.transfer = Some(transfer),
                None => {
                    self.outgoing.retain(|outgoing| announced || outgoing.transfer != transfer);
                    return Err(self.refuse(Why::UnknownStay, None));
                }
            }
        }
        let NewOffer { nature, family_move, stay } = terms;
        if let Some(outgoing) = self.outgoing_mut(transfer) {
            outgoing.state = OriginState::Offered;
            outgoing.offered_at = Some(now);
            outgoing.nature = Some(nature);
            outgoing.family_move = family_move;
            outgoing.stay = stay;
        }
        let mut outcome = Outcome::default();
        self.drive(transfer, &mut outcome);
        Ok(outcome)
    }

    /// Sends what an open move is asked about with.
    fn drive(&self, transfer: TransferId, outcome: &mut Outcome) {
        if let Some(outgoing) = self.outgoing(transfer)
            && let Some(message) = self.driven(outgoing)
        {
            outcome.say(&outgoing.to, message);
        }
    }

    fn change_outgoing(&mut self, transfer: TransferId, change: impl FnOnce(&mut Outgoing, &mut Outcome)) -> Result<Outcome, Refused> {
        let mut outcome = Outcome::default();
        if let Some(outgoing) = self.outgoing_mut(transfer) {
            change(outgoing, &mut outcome);
        }
        Ok(outcome)
    }

    /// Ends the entry. What no agreement can undo, death and age, ends open transfers with it: the receiver is asked to cancel.
    fn close(&mut self, ground: RemovalGround, now: DateTime<Utc>) -> Result<Outcome, Refused> {
        let Some(epoch) = self.standing.leads() else { return Err(self.refuse(Why::NotLeading, None)) };
        let is_fact = matches!(ground, RemovalGround::Died | RemovalGround::ReachedEighteen);
        if self.transfer_open() && !is_fact {
            return Err(self.refuse(Why::TransferOpen, self.open_transfer()));
        }
        if self.dispute.is_some() && !is_fact {
            return Err(self.refuse(Why::DisputeOpen, None));
        }
        let mut outcome = Outcome::default();
        self.standing = Standing::Closed { epoch, ground };
        self.dispute = None;
        self.ask_back(now, &mut outcome);
        self.end_stays(&mut outcome);
        Ok(outcome)
    }

    /// A transfer that is open on either side.
    pub fn open_transfer(&self) -> Option<TransferId> {
        let outgoing = self.outgoing.iter().filter(|outgoing| outgoing.state.is_open()).map(|outgoing| outgoing.transfer);
        let incoming = self.incoming.iter().filter(|incoming| incoming.is_open()).map(|incoming| incoming.transfer);
        outgoing.chain(incoming).next()
    }

    /// What is offered already could be completed all the same: it is asked back first.
    fn keep_by_order(&mut self, order: Option<Line>) -> Result<Outcome, Refused> {
        if self.standing.leads().is_none() {
            return Err(self.refuse(Why::NotLeading, None));
        }
        let offered = self.outgoing.iter().find(|outgoing| outgoing.state.is_open() && outgoing.offered_at.is_some());
        if let (Some(_), Some(outgoing)) = (&order, offered) {
            return Err(self.refuse(Why::TransferOpen, Some(outgoing.transfer)));
        }
        self.kept_by_order = order;
        Ok(Outcome::default())
    }

    /// Who has recorded what keeps responsibility here, and why.
    pub fn give_reason(&mut self, by: Signature, reason: Note) {
        self.reason = Some((by, reason));
    }

    fn place_outside(&mut self, outside: Option<super::Outside>) -> Result<Outcome, Refused> {
        if self.standing.leads().is_none() {
            return Err(self.refuse(Why::NotLeading, None));
        }
        self.outside = outside;
        Ok(Outcome::default())
    }

    pub(super) fn on_progress(&mut self, from: &GssCode, transfer: TransferId, progress: Progress) {
        let Some(outgoing) = self.outgoing_mut(transfer).filter(|outgoing| outgoing.to == *from && outgoing.state.is_open()) else {
            return;
        };
        if progress.is_after(outgoing.progress.as_ref()) {
            outgoing.progress = Some(progress);
        }
    }

    pub(super) fn on_deferred(&mut self, from: &GssCode, transfer: TransferId, outcome: &mut Outcome) {
        if self.outgoing(transfer).is_some_and(|outgoing| outgoing.to == *from && outgoing.state == OriginState::Offered) {
            outcome.raise(Matter::Deferred, Some(transfer));
        }
    }

    pub(super) fn on_declined(
        &mut self,
        from: &GssCode,
        transfer: TransferId,
        reason: RefusalReason,
        highest: Option<Stamp>,
        outcome: &mut Outcome,
    ) {
        let mut stay = None;
        if let Some(outgoing) = self.outgoing_mut(transfer).filter(|outgoing| outgoing.to == *from && outgoing.state.is_open()) {
            outgoing.state = OriginState::Declined;
            outgoing.refusal = Some(reason);
            stay = outgoing.stay;
            let matter = match reason {
                RefusalReason::NotRegistered => Matter::NotRegisteredThere,
                RefusalReason::Temporary => Matter::StayAgreed,
                RefusalReason::Stale => Matter::Incident,
                _ => Matter::WhoIsResponsible,
            };
            outcome.raise(matter, Some(transfer));
        }
        // A number that has been overtaken is not given again; a later epoch is not believed on anybody's bare word.
        if let Some(highest) = highest.filter(|highest| self.standing.leads() == Some(highest.epoch)) {
            self.saw(highest);
        }
        // The stay that was to become a transfer is a stay again.
        let stay = stay.and_then(|stay| self.stays.iter_mut().find(|held| held.terms.stay == stay)).map(|held| {
            held.transfer = None;
            held.terms()
        });
        outcome.say(from, Message::DeclineAck { transfer, stay });
    }

    pub(super) fn on_cancelled(&mut self, from: &GssCode, transfer: TransferId, outcome: &mut Outcome) {
        let Some(outgoing) = self.outgoing_mut(transfer).filter(|outgoing| outgoing.to == *from && outgoing.state.is_open()) else {
            return;
        };
        outgoing.state = OriginState::Cancelled;
        if outgoing.withdrawal != Some(WithdrawalReason::Mistake) {
            outcome.raise(Matter::WhoIsResponsible, Some(transfer));
        }
        let stay = outgoing.stay;
        if let Some(held) = self.stays.iter_mut().find(|held| Some(held.terms.stay) == stay) {
            held.transfer = None;
        }
    }

    /// The receiver leads, and proves it with this authority's own signed offer.
    pub(super) fn on_complete(&mut self, from: &GssCode, completion: Completion, jws: &str, now: DateTime<Utc>, outcome: &mut Outcome) {
        let Completion { transfer, epoch, offer, chain, .. } = completion;
        let mine = offer.kind == ProofKind::Offered
            && offer.by == self.me
            && offer.to == *from
            && offer.transfer == transfer
            && offer.epoch.next() == epoch
            && chain.last().is_some_and(|link| link.leader == *from && link.epoch == epoch)
            && chain.is_sound();
        if !mine {
            // Not an offer of this authority: who says so is told what is known here.
            return self.answer_conflict(from, transfer, outcome);
        }
        if self.chain.passes(from, epoch) && self.chain.by_transfer(transfer).is_some() {
            self.completed(transfer);
            return outcome.say(from, Message::CompleteAck { transfer });
        }
        let behind = match &self.standing {
            Standing::Lead { epoch: own } => {
                if own.next() == epoch {
                    false
                } else if own.next() < epoch && chain.passes(&self.me, *own) {
                    true
                } else {
                    // This authority leads by another way than the receiver came by.
                    self.note_dispute(from, epoch, Some(transfer), now, outcome);
                    return self.answer_conflict(from, transfer, outcome);
                }
            }
            // Also when it had given way to another before the receiver completed: the receiver came by an offer that was not this
            // one's to make.
            Standing::Ended { to, epoch: own } if *own >= epoch || !chain.passes(to, *own) => {
                return self.answer_conflict(from, transfer, outcome);
            }
            Standing::Closed { .. } => {
                outcome.raise(Matter::Incident, Some(transfer));
                return outcome.say(from, Message::CompleteAck { transfer });
            }
            Standing::Ended { .. } | Standing::None => true,
        };
        if behind || self.outgoing(transfer).is_none_or(|outgoing| !outgoing.state.is_open()) {
            outcome.raise(Matter::Incident, Some(transfer));
        }
        let proof = Proof { kind: ProofKind::Completed, by: from.clone(), to: self.me.clone(), transfer, epoch, jws: jws.to_owned() };
        let chain = with_completion(&chain, &proof);
        if let Some(outgoing) = self.outgoing_mut(transfer) {
            outgoing.completion = Some(proof);
        }
        self.end_to(from, epoch, Some(transfer), chain, now, outcome);
        outcome.say(from, Message::CompleteAck { transfer });
    }

    /// Custody has passed to another: the pointer is kept for ever, and every other open move is asked back.
    pub(super) fn end_to(
        &mut self,
        to: &GssCode,
        epoch: Epoch,
        transfer: Option<TransferId>,
        chain: Chain,
        now: DateTime<Utc>,
        outcome: &mut Outcome,
    ) {
        self.standing = Standing::Ended { to: to.clone(), epoch };
        if let Some(link) = chain.last().and_then(|link| link.transfer) {
            self.saw(Stamp { epoch, transfer: link });
        }
        self.chain = chain;
        self.outside = None;
        self.kept_by_order = None;
        if let Some(transfer) = transfer {
            self.completed(transfer);
        }
        self.ask_back(now, outcome);
        self.end_stays(outcome);
        outcome.raise(Matter::LeadPassed, transfer);
        if self.dispute.as_ref().is_some_and(|dispute| dispute.other == *to || dispute.epoch <= epoch) {
            self.dispute = None;
        }
    }

    fn completed(&mut self, transfer: TransferId) {
        if let Some(outgoing) = self.outgoing_mut(transfer) {
            outgoing.state = OriginState::Completed;
        }
    }

    /// Open moves that custody has overtaken are asked back, never forgotten: their receivers may have begun.
    pub(super) fn ask_back(&mut self, now: DateTime<Utc>, outcome: &mut Outcome) {
        let to_ask = |outgoing: &&mut Outgoing| matches!(outgoing.state, OriginState::Expected | OriginState::Offered);
        for outgoing in self.outgoing.iter_mut().filter(to_ask) {
            withdraw(outgoing, None, now);
            outcome.say(&outgoing.to, Message::Cancel { stamp: outgoing.stamp() });
        }
    }

    /// Tells one that came by a completion who leads as far as is known here. The transfer is over for this side.
    fn answer_conflict(&mut self, from: &GssCode, transfer: TransferId, outcome: &mut Outcome) {
        if let Some(outgoing) = self.outgoing_mut(transfer).filter(|outgoing| outgoing.to == *from && outgoing.state.is_open()) {
            outgoing.state = OriginState::InConflict;
        }
        let (winner, epoch) = match &self.standing {
            Standing::Ended { to, epoch } => (to.clone(), *epoch),
            Standing::Lead { epoch } | Standing::Closed { epoch, .. } => (self.me.clone(), *epoch),
            Standing::None => return outcome.say(from, Message::Claim(super::Claim::Nothing)),
        };
        outcome.say(from, Message::Conflict { transfer, winner, epoch, chain: self.chain.clone() });
    }
}

/// Asks for the cancellation of a move. One that was never sent to anybody is asked back all the same: it may have arrived.
fn withdraw(outgoing: &mut Outgoing, reason: Option<WithdrawalReason>, now: DateTime<Utc>) {
    outgoing.state = OriginState::CancelRequested;
    outgoing.withdrawn_at = Some(now);
    outgoing.withdrawal = reason.or(outgoing.withdrawal);
}

/// The chain with the receiver's own signed completion among the proofs of its last link: what gives a receiver its custody
/// back when its register has lost it.
fn with_completion(chain: &Chain, proof: &Proof) -> Chain {
    match chain.last() {
        Some(link) => {
            let mut proofs = link.proofs.clone();
            if !proofs.iter().any(|held| held.kind == ProofKind::Completed) {
                proofs.push(proof.clone());
            }
            chain.extended(Link { proofs, ..link.clone() })
        }
        None => chain.clone(),
    }
}

impl Outgoing {
    fn new(transfer: TransferId, to: GssCode, epoch: Epoch, now: DateTime<Utc>) -> Self {
        Self {
            transfer,
            to,
            epoch,
            state: OriginState::Expected,
            nature: None,
            family_move: None,
            stay: None,
            opened_at: now,
            offered_at: None,
            withdrawn_at: None,
            withdrawal: None,
            progress: None,
            refusal: None,
            papers: Papers::default(),
            papers_at: None,
            completion: None,
            duties: Vec::new(),
        }
    }
}

impl Action {
    /// Whether it changes who leads, or can lead to it.
    const fn changes_custody(&self) -> bool {
        match self {
            Self::Announce { .. }
            | Self::Offer { .. }
            | Self::Withdraw { .. }
            | Self::Agree { .. }
            | Self::Hold { .. }
            | Self::Accept { .. }
            | Self::Refuse { .. }
            | Self::Close { .. }
            | Self::GiveWay => true,
            Self::SendPapers { .. }
            | Self::Acknowledge { .. }
            | Self::Return { .. }
            | Self::Book { .. }
            | Self::Contest { .. }
            | Self::PlaceOutside { .. }
            | Self::KeepByOrder { .. }
            | Self::BeginStay { .. }
            | Self::ChangeStay { .. }
            | Self::AcknowledgeStay { .. }
            | Self::ReportContact { .. }
            | Self::LeaveRecovery { .. } => false,
        }
    }
}

impl ReceiverState {
    /// Whether the receiver has taken custody over.
    pub const fn is_completed(self) -> bool {
        match self {
            Self::Completed | Self::Confirmed | Self::Disputed => true,
            Self::Expected | Self::Received | Self::Accepted | Self::Declined | Self::Cancelled => false,
        }
    }
}
