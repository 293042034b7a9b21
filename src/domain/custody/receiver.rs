//! The receiver's side of a move, which decides what becomes of it; and the desk where every message arrives.

use chrono::{DateTime, Utc};

use super::message::{Announcement, Message, Offer};
use super::record::{Custody, Incoming, Matter, Nature, Outcome, Papers, Progress, ReceiverState, RefusalReason, Returned, Signature};
use super::stay::{Hosted, StayState, StayTerms};
use super::turns::{Action, ActionKind, Refused, Why};
use super::{Chain, Epoch, Link, Proof, ProofKind, Stamp, Standing};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::TransferId;

impl Custody {
    /// A message arrives. `jws` is the signed message whole, verified to be `from`'s; it is kept where it is evidence.
    ///
    /// Whatever comes is answered, and what comes twice is answered as the first time: the sender may not have the answer.
    pub fn receive(&mut self, from: &GssCode, message: Message, jws: &str, now: DateTime<Utc>) -> Outcome {
        let mut outcome = Outcome::default();
        match message {
            Message::Notice(announcement) => self.on_notice(from, announcement, now, &mut outcome),
            Message::Offer(offer) => self.on_offer(from, offer, jws, now, &mut outcome),
            Message::Papers { transfer, round, sent } => self.on_papers(from, transfer, Papers { round, sent }, &mut outcome),
            Message::Progress { transfer, progress } => self.on_progress(from, transfer, progress),
            Message::Deferred { transfer } => self.on_deferred(from, transfer, &mut outcome),
            Message::Declined { transfer, reason, highest } => self.on_declined(from, transfer, reason, highest, &mut outcome),
            Message::DeclineAck { transfer, stay } => self.on_decline_ack(from, transfer, stay, &mut outcome),
            Message::Cancel { stamp } => self.on_cancel(from, stamp, now, &mut outcome),
            Message::Cancelled { transfer } => self.on_cancelled(from, transfer, &mut outcome),
            Message::Complete(completion) => self.on_complete(from, completion, jws, now, &mut outcome),
            Message::CompleteAck { transfer } => self.on_complete_ack(from, transfer),
            Message::Conflict { transfer, winner, epoch, .. } => self.on_conflict(from, transfer, &winner, epoch, now, &mut outcome),
            Message::Claim(claim) => self.on_claim(from, claim, now, &mut outcome),
            Message::Stay(terms) => self.on_stay(from, terms, &mut outcome),
            Message::StayReceipt { stay, version, acknowledged } => self.on_stay_receipt(from, stay, version, acknowledged, &mut outcome),
            Message::StayContact { stay, contact } => self.on_stay_contact(from, stay, contact, &mut outcome),
            Message::StayContactReceipt { stay, number } => self.on_stay_contact_receipt(from, stay, number),
            Message::Disputed { transfer, number, by, words } => self.on_disputed(from, (transfer, number), by, words, &mut outcome),
            Message::DisputedReceipt { transfer, number } => self.on_disputed_receipt(from, transfer, number),
        }
        self.settle_duties(now);
        outcome
    }

    fn on_notice(&mut self, from: &GssCode, announcement: Announcement, now: DateTime<Utc>, outcome: &mut Outcome) {
        let Announcement { stamp } = announcement;
        if let Some(incoming) = self.incoming(stamp.transfer) {
            return outcome.send.extend(self.standing_of(incoming));
        }
        if self.answer_from_memory(from, stamp, outcome) {
            return;
        }
        self.saw(stamp);
        let incoming = Incoming::new(from.clone(), stamp, ReceiverState::Expected, now);
        outcome.raise(Matter::Incoming, Some(stamp.transfer));
        outcome.send.extend(self.standing_of(&incoming));
        self.incoming.push(incoming);
    }

    /// Rows 2 to 2c of the table of transitions.
    fn on_offer(&mut self, from: &GssCode, offer: Offer, jws: &str, now: DateTime<Utc>, outcome: &mut Outcome) {
        let Offer { stamp, nature, family_move, stay, chain } = offer;
        let known = self.incoming(stamp.transfer);
        if let Some(incoming) = known.filter(|incoming| incoming.state != ReceiverState::Expected) {
            return outcome.send.extend(self.standing_of(incoming));
        }
        let proven = chain.is_sound() && chain.last().is_some_and(|link| link.leader == *from && link.epoch == stamp.epoch);
        if !proven {
            let transfer = stamp.transfer;
            return outcome.say(from, Message::Declined { transfer, reason: RefusalReason::Unproven, highest: None });
        }
        let overtaken = known.is_some() && self.highest_epoch() > Some(stamp.epoch);
        if (known.is_none() && self.answer_from_memory(from, stamp, outcome)) || (overtaken && self.stale(from, stamp.transfer, outcome)) {
            return;
        }
        if !self.recovering.is_empty() || self.standing.leads().is_some() {
            return outcome.say(from, Message::Deferred { transfer: stamp.transfer });
        }
        self.saw(stamp);
        let proof = Proof {
            kind: ProofKind::Offered,
            by: from.clone(),
            to: self.me.clone(),
            transfer: stamp.transfer,
            epoch: stamp.epoch,
            jws: jws.to_owned(),
        };
        if self.incoming(stamp.transfer).is_none() {
            self.incoming.push(Incoming::new(from.clone(), stamp, ReceiverState::Received, now));
        }
        let Some(incoming) = self.incoming_mut(stamp.transfer) else { return };
        let before = incoming.progress.clone();
        // A new item on the desk: that the notice was opened says nothing of the offer.
        let revision = if incoming.state == ReceiverState::Expected { before.revision + 1 } else { before.revision };
        incoming.progress = Progress { revision, offered: true, papers_round: before.papers_round, ..Progress::default() };
        incoming.state = ReceiverState::Received;
        incoming.received_at = now;
        incoming.nature = Some(nature);
        incoming.family_move = family_move;
        incoming.stay = stay;
        incoming.offer = Some(proof);
        incoming.chain = chain;
        outcome.raise(Matter::Incoming, Some(stamp.transfer));
        self.tell_progress(stamp.transfer, outcome);
    }

    /// What is answered about a transfer of which no record is held: from the chain, which is kept for ever, and from the
    /// highest stamp seen. `false` if it is new.
    fn answer_from_memory(&self, from: &GssCode, stamp: Stamp, outcome: &mut Outcome) -> bool {
        if let Some(completed) = self.completed_by(stamp.transfer, None) {
            outcome.send.push(completed);
            return true;
        }
        // A higher epoch can be that of the own standing while no stamp of it was seen.
        let stale = self.highest.is_some_and(|highest| stamp <= highest) || self.highest_epoch() > Some(stamp.epoch);
        stale && self.stale(from, stamp.transfer, outcome)
    }

    fn stale(&self, from: &GssCode, transfer: TransferId, outcome: &mut Outcome) -> bool {
        outcome.say(from, Message::Declined { transfer, reason: RefusalReason::Stale, highest: self.highest });
        true
    }

    /// The answer that a transfer's present state gives.
    pub(super) fn standing_of(&self, incoming: &Incoming) -> Option<super::Envelope> {
        let message = match incoming.state {
            ReceiverState::Expected | ReceiverState::Received | ReceiverState::Accepted => incoming.progress_message(),
            ReceiverState::Declined => incoming.declined(),
            ReceiverState::Cancelled => Message::Cancelled { transfer: incoming.transfer },
            ReceiverState::Completed | ReceiverState::Confirmed | ReceiverState::Disputed => return self.completion(incoming),
        };
        Some(super::Envelope { to: incoming.from.clone(), message })
    }

    fn tell_progress(&self, transfer: TransferId, outcome: &mut Outcome) {
        if let Some(incoming) = self.incoming(transfer) {
            outcome.say(&incoming.from, incoming.progress_message());
        }
    }

    fn on_papers(&mut self, from: &GssCode, transfer: TransferId, papers: Papers, outcome: &mut Outcome) {
        let Some(incoming) = self.incoming_mut(transfer).filter(|incoming| incoming.from == *from) else { return };
        if papers.round > incoming.papers.round {
            incoming.progress.papers_round = papers.round;
            incoming.progress.revision += 1;
            incoming.papers = papers;
            outcome.raise(Matter::Papers, Some(transfer));
        }
        if let Some(incoming) = self.incoming(transfer) {
            outcome.send.extend(self.standing_of(incoming));
        }
    }

    fn on_decline_ack(&mut self, from: &GssCode, transfer: TransferId, stay: Option<StayTerms>, outcome: &mut Outcome) {
        let Some(incoming) = self.incoming_mut(transfer).filter(|incoming| incoming.from == *from) else { return };
        if incoming.state != ReceiverState::Declined || incoming.refusal_confirmed {
            return;
        }
        incoming.refusal_confirmed = true;
        // The temporary entry of a stay takes over in the same moment.
        let new = stay.filter(|terms| !self.hosted.iter().any(|hosted| hosted.terms.stay == terms.stay));
        if let Some(terms) = new.filter(|terms| terms.state == StayState::Open) {
            self.hosted.push(Hosted::new(from.clone(), terms));
            outcome.raise(Matter::StayHere, None);
        }
    }

    /// Rows 9 to 9c.
    fn on_cancel(&mut self, from: &GssCode, stamp: Stamp, now: DateTime<Utc>, outcome: &mut Outcome) {
        if let Some(incoming) = self.incoming_mut(stamp.transfer) {
            if matches!(incoming.state, ReceiverState::Expected | ReceiverState::Received | ReceiverState::Accepted) {
                incoming.state = ReceiverState::Cancelled;
                incoming.ended_at = Some(now);
                outcome.raise(Matter::Incoming, Some(stamp.transfer));
            }
            if let Some(incoming) = self.incoming(stamp.transfer) {
                outcome.send.extend(self.standing_of(incoming));
            }
            return;
        }
        // Too late: custody has come here by it.
        if let Some(completed) = self.completed_by(stamp.transfer, None) {
            return outcome.send.push(completed);
        }
        if self.highest.is_none_or(|highest| stamp > highest) {
            // It came before its offer, which must find it closed.
            self.saw(stamp);
            self.incoming.push(Incoming::new(from.clone(), stamp, ReceiverState::Cancelled, now));
        }
        outcome.say(from, Message::Cancelled { transfer: stamp.transfer });
    }

    fn on_complete_ack(&mut self, from: &GssCode, transfer: TransferId) {
        if let Some(incoming) = self.incoming_mut(transfer).filter(|incoming| incoming.from == *from)
            && incoming.state == ReceiverState::Completed
        {
            incoming.state = ReceiverState::Confirmed;
        }
    }

    /// Row 12: the origin says that custody had gone elsewhere.
    fn on_conflict(
        &mut self,
        from: &GssCode,
        transfer: TransferId,
        winner: &GssCode,
        epoch: Epoch,
        now: DateTime<Utc>,
        outcome: &mut Outcome,
    ) {
        let Some(incoming) = self.incoming_mut(transfer).filter(|incoming| incoming.from == *from) else { return };
        if !matches!(incoming.state, ReceiverState::Completed | ReceiverState::Confirmed) {
            return;
        }
        incoming.state = ReceiverState::Disputed;
        self.note_dispute(winner, epoch, Some(transfer), now, outcome);
    }

    pub(super) fn act_as_receiver(&mut self, action: Action, by: &Signature) -> Result<Outcome, Refused> {
        match action {
            Action::Acknowledge { transfer } => self.advance(transfer, ActionKind::Acknowledge, |incoming| {
                if incoming.progress.seen.is_none() {
                    incoming.progress.seen = Some(by.clone());
                }
            }),
            Action::Agree { transfer, practitioner } => self.advance(transfer, ActionKind::Agree, |incoming| {
                incoming.state = ReceiverState::Accepted;
                // Who agrees has opened it.
                incoming.progress.seen.get_or_insert_with(|| by.clone());
                incoming.progress.accepted = Some(by.clone());
                incoming.progress.practitioner = Some(practitioner);
            }),
            Action::Return { transfer, missing } => self.advance(transfer, ActionKind::Return, |incoming| {
                incoming.progress.returned = Some(Returned { round: incoming.papers.round, missing, by: by.clone() });
            }),
            Action::Book { transfer, on } => {
                self.advance(transfer, ActionKind::Book, |incoming| incoming.progress.conference_on = Some(on))
            }
            Action::Hold { transfer, on, registers: true } => {
                self.advance(transfer, ActionKind::Hold, |incoming| incoming.progress.registered_on = Some(on))
            }
            Action::Hold { transfer, registers: false, .. } => self.decline(transfer, ActionKind::Hold, RefusalReason::NotRegistered, by),
            Action::Refuse { reason, transfer } if !reason.is_a_persons() => Err(self.refuse(Why::NotAReason, Some(transfer))),
            Action::Refuse { transfer, reason } => self.decline(transfer, ActionKind::Refuse, reason, by),
            Action::Accept { transfer } => self.accept(transfer, by),
            _ => Ok(Outcome::default()),
        }
    }

    fn advance(&mut self, transfer: TransferId, action: ActionKind, change: impl FnOnce(&mut Incoming)) -> Result<Outcome, Refused> {
        self.at_receiver(transfer, action)?;
        let mut outcome = Outcome::default();
        if let Some(incoming) = self.incoming_mut(transfer) {
            change(incoming);
            incoming.progress.revision += 1;
        }
        self.tell_progress(transfer, &mut outcome);
        Ok(outcome)
    }

    fn decline(&mut self, transfer: TransferId, action: ActionKind, reason: RefusalReason, by: &Signature) -> Result<Outcome, Refused> {
        self.at_receiver(transfer, action)?;
        let mut outcome = Outcome::default();
        if let Some(incoming) = self.incoming_mut(transfer) {
            incoming.state = ReceiverState::Declined;
            incoming.refusal = Some(reason);
            incoming.ended_at = Some(by.at);
            outcome.say(&incoming.from, incoming.declined());
        }
        Ok(outcome)
    }

    /// Row 5: the receiver leads from here on, and the origin until it has heard so.
    fn accept(&mut self, transfer: TransferId, by: &Signature) -> Result<Outcome, Refused> {
        let incoming = self.at_receiver(transfer, ActionKind::Accept)?;
        let (epoch, offer) = (incoming.epoch, incoming.offer.clone());
        let chain = incoming.chain.clone();
        let why = if self.standing.leads().is_some() {
            Why::Leading
        } else if self.highest_epoch() > Some(epoch) {
            Why::Overtaken
        } else if let Some(offer) = offer {
            return Ok(self.take_over(transfer, epoch.next(), offer, &chain, by));
        } else {
            Why::NotNow
        };
        Err(self.refuse(why, Some(transfer)))
    }

    fn take_over(&mut self, transfer: TransferId, epoch: Epoch, offer: Proof, chain: &Chain, by: &Signature) -> Outcome {
        let link = Link { epoch, leader: self.me.clone(), transfer: Some(transfer), proofs: vec![offer] };
        self.chain = chain.extended(link);
        self.standing = Standing::Lead { epoch };
        self.saw(Stamp { epoch, transfer });
        let mut outcome = Outcome::default();
        if let Some(incoming) = self.incoming_mut(transfer) {
            incoming.state = ReceiverState::Completed;
            incoming.ended_at = Some(by.at);
        }
        if let Some(incoming) = self.incoming(transfer) {
            outcome.send.extend(self.completion(incoming));
        }
        outcome.raise(Matter::LeadTaken, Some(transfer));
        outcome
    }
}

impl Incoming {
    fn new(from: GssCode, stamp: Stamp, state: ReceiverState, now: DateTime<Utc>) -> Self {
        Self {
            transfer: stamp.transfer,
            from,
            epoch: stamp.epoch,
            state,
            nature: None::<Nature>,
            family_move: None,
            stay: None,
            received_at: now,
            offer: None,
            chain: Chain::default(),
            progress: Progress::default(),
            papers: Papers::default(),
            refusal: None,
            ended_at: None,
            refusal_confirmed: false,
            duties: Vec::new(),
        }
    }

    fn progress_message(&self) -> Message {
        Message::Progress { transfer: self.transfer, progress: self.progress.clone() }
    }
}
