//! What an authority holds about one child's custody: its standing, the moves it is a side of, and what is in dispute.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::contest::Contest;
use super::duties::{Duty, DutyKind, refreshed};
use super::message::{Announcement, Claim, Completion, Message, Offer};
use super::stay::{Hosted, Stay};
use super::{Chain, Epoch, Proof, Stamp, Standing};
use crate::domain::coded::closed_set;
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{CustodyId, FamilyMoveId, StayId, TransferId};
use crate::domain::procedures::EventKind;
use crate::domain::roles::Role;
use crate::domain::text::{Line, Note};

closed_set! {
    /// How a move stands at its origin. Open are the first three.
    pub enum OriginState {
        /// It is not certain yet; the other authority has been told that it may come.
        Expected = "expected",
        /// Offered. That it arrived, was seen and was agreed to are facts beside the state.
        Offered = "offered",
        /// The origin has asked for the cancellation, and still leads.
        CancelRequested = "cancel-requested",
        /// Custody has passed.
        Completed = "completed",
        /// The receiver refused, or its conference did not register the child.
        Declined = "declined",
        /// Cancelled by the receiver, as asked.
        Cancelled = "cancelled",
        /// The receiver completed it when custody had already gone elsewhere.
        InConflict = "in-conflict",
    }
}

impl OriginState {
    /// Whether something can still come of it.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Expected | Self::Offered | Self::CancelRequested => true,
            Self::Completed | Self::Declined | Self::Cancelled | Self::InConflict => false,
        }
    }
}

closed_set! {
    /// How a move stands at its receiver. Open are the first four and `declined` until the origin has confirmed it.
    pub enum ReceiverState {
        /// It may come.
        Expected = "expected",
        /// Offered and stored.
        Received = "received",
        /// A person agreed that it is permanent and takes it to conference.
        Accepted = "accepted",
        /// The receiver leads; the origin has not confirmed it yet.
        Completed = "completed",
        /// The receiver leads, and the origin knows.
        Confirmed = "confirmed",
        /// Refused, or not registered by the conference.
        Declined = "declined",
        /// Cancelled, as the origin asked. Also what is remembered of a transfer whose cancellation came before its offer.
        Cancelled = "cancelled",
        /// The receiver leads, and the origin says that another does.
        Disputed = "disputed",
    }
}

closed_set! {
    /// Whether a move is for good.
    pub enum Nature {
        /// For good.
        Permanent = "permanent",
        /// The parents will not say: treated as permanent.
        ///
        /// # Source
        ///
        /// SWCPP.
        NotSaid = "not-said",
        /// For a time, and longer than the procedures allow without a conference.
        LongStay = "long-stay",
    }
}

closed_set! {
    /// Why a receiver refused.
    pub enum RefusalReason {
        /// The family does not live here yet.
        NotResident = "not-resident",
        /// Another authority is meant.
        OtherAuthority = "other-authority",
        /// It is a temporary stay, not a move for good.
        Temporary = "temporary",
        /// A court order keeps responsibility with the origin.
        CourtOrder = "court-order",
        /// The transfer-in conference decided not to register the child.
        NotRegistered = "not-registered",
        /// The reason stands in the words beside it.
        Other = "other",
        /// Nobody refused: the offer is older than one that has been seen.
        Stale = "stale",
        /// Nobody refused: the chain of custody does not hold.
        Unproven = "unproven",
    }
}

impl RefusalReason {
    /// Whether a person may give it.
    pub const fn is_a_persons(self) -> bool {
        match self {
            Self::NotResident | Self::OtherAuthority | Self::Temporary | Self::CourtOrder | Self::Other => true,
            Self::NotRegistered | Self::Stale | Self::Unproven => false,
        }
    }
}

closed_set! {
    /// Why an origin withdraws.
    pub enum WithdrawalReason {
        /// It was sent by mistake.
        Mistake = "mistake",
        /// The family stayed.
        NotMoving = "not-moving",
        /// The child came back before the conference.
        CameBack = "came-back",
        /// The family moved on, to a third area.
        MovedOn = "moved-on",
        /// A court order keeps responsibility with the origin.
        CourtOrder = "court-order",
        /// The reason stands in the words beside it.
        Other = "other",
    }
}

closed_set! {
    /// A paper that goes with a move.
    ///
    /// # Source
    ///
    /// WSP-4.10 for the first four; NORF-TI and SHEFF-MOVE for the others.
    pub enum Paper {
        /// The chronology, up to date.
        Chronology = "chronology",
        /// The latest assessment.
        Assessment = "assessment",
        /// Minutes of the conferences that matter.
        ConferenceMinutes = "conference-minutes",
        /// The latest plan.
        Plan = "plan",
        /// Why the family was housed where it is.
        HousingRationale = "housing-rationale",
        /// Whether the move makes the child more or less safe.
        RiskOfMove = "risk-of-move",
        /// Needs in health and education.
        SpecialNeeds = "special-needs",
    }
}

/// A named person who acted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// In this role.
    pub role: Role,
    /// By this name.
    pub name: Line,
    /// When.
    pub at: DateTime<Utc>,
}

/// Papers were asked for again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Returned {
    /// After this sending.
    pub round: u32,
    /// What was missing.
    pub missing: BTreeSet<Paper>,
    /// By whom.
    pub by: Signature,
}

/// How far people at the receiver have come. A later revision replaces an earlier one whole, so that order and repetition do
/// not matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Progress {
    /// 0 is the receipt alone: it is stored.
    pub revision: u32,
    /// Whether the offer is stored, and not only the notice before it.
    pub offered: bool,
    /// A named person opened it.
    pub seen: Option<Signature>,
    /// An authorised person agreed that the move is permanent, and takes it to conference.
    pub accepted: Option<Signature>,
    /// The practitioner who will lead.
    pub practitioner: Option<Line>,
    /// The day for which the conference is booked.
    pub conference_on: Option<NaiveDate>,
    /// The day on which it was held and registered the child.
    pub registered_on: Option<NaiveDate>,
    /// The latest sending of papers that is stored.
    pub papers_round: u32,
    /// Papers were asked for again.
    pub returned: Option<Returned>,
}

impl Progress {
    /// Whether it is later than another.
    pub const fn is_after(&self, other: Option<&Self>) -> bool {
        match other {
            Some(other) => self.revision > other.revision,
            None => true,
        }
    }
}

/// Papers that went with a move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Papers {
    /// How often some were sent.
    pub round: u32,
    /// Which, in all.
    pub sent: BTreeSet<Paper>,
}

/// A move, seen from its origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outgoing {
    /// The transfer.
    pub transfer: TransferId,
    /// Where to.
    pub to: GssCode,
    /// The epoch in which it began.
    pub epoch: Epoch,
    /// How it stands.
    pub state: OriginState,
    /// Whether it is for good; `None` while it is not certain.
    pub nature: Option<Nature>,
    /// The move of the family that it is part of.
    pub family_move: Option<FamilyMoveId>,
    /// The temporary stay that turned into it.
    pub stay: Option<StayId>,
    /// When it was announced, offered, and withdrawn.
    pub opened_at: DateTime<Utc>,
    /// When it was offered.
    pub offered_at: Option<DateTime<Utc>>,
    /// When the origin asked for the cancellation.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Why.
    pub withdrawal: Option<WithdrawalReason>,
    /// What the receiver told; `None`: nothing has arrived there as far as is known.
    pub progress: Option<Progress>,
    /// Why the receiver refused.
    pub refusal: Option<RefusalReason>,
    /// Papers.
    pub papers: Papers,
    /// When the latest papers were sent.
    pub papers_at: Option<DateTime<Utc>>,
    /// The receiver's signed completion.
    pub completion: Option<Proof>,
    /// What is to be done and by when.
    pub duties: Vec<Duty>,
}

/// A move, seen from its receiver.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Incoming {
    /// The transfer.
    pub transfer: TransferId,
    /// Where from.
    pub from: GssCode,
    /// The epoch in which it began.
    pub epoch: Epoch,
    /// How it stands.
    pub state: ReceiverState,
    /// Whether it is for good; `None` while it is not certain.
    pub nature: Option<Nature>,
    /// The move of the family that it is part of.
    pub family_move: Option<FamilyMoveId>,
    /// The temporary stay that turned into it.
    pub stay: Option<StayId>,
    /// When the first message of it arrived.
    pub received_at: DateTime<Utc>,
    /// The origin's signed offer; `None` while there is none.
    pub offer: Option<Proof>,
    /// How the origin came to lead, as its offer says.
    pub chain: Chain,
    /// How far people have come.
    pub progress: Progress,
    /// Papers that arrived.
    pub papers: Papers,
    /// Why it was refused.
    pub refusal: Option<RefusalReason>,
    /// When it was refused or completed.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether the origin has confirmed the refusal.
    pub refusal_confirmed: bool,
    /// What is to be done and by when.
    pub duties: Vec<Duty>,
}

/// Two authorities that both say they lead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dispute {
    /// The other one.
    pub other: GssCode,
    /// The epoch in which it says it leads.
    pub epoch: Epoch,
    /// Since when it is known here.
    pub since: DateTime<Utc>,
}

/// The child is with an authority, or in a country, that is no member of the federation. The one that leads goes on leading.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outside {
    /// Where.
    pub place: Line,
    /// Whether it is outside the United Kingdom.
    pub abroad: bool,
    /// Since when.
    pub since: NaiveDate,
    /// The written acceptance, or what else is held, as references into the authority's own files.
    pub evidence: Vec<Note>,
}

closed_set! {
    /// Something people have to look at. What it is about is beside it.
    pub enum Matter {
        /// The other side has put a move before the senior managers of both.
        Contested = "transfer-disputed",
        /// A move to this authority has been offered, or may come.
        Incoming = "transfer-incoming",
        /// Papers have arrived, or were asked for again.
        Papers = "transfer-papers",
        /// The child has moved and the transfer has ended without a hand-over: who is responsible now?
        WhoIsResponsible = "transfer-who-is-responsible",
        /// The other authority's conference did not register the child: only the own review conference may end the entry.
        NotRegisteredThere = "transfer-not-registered",
        /// Agreed to be a temporary stay: record it.
        StayAgreed = "stay-agreed",
        /// A stay has begun, changed or ended here.
        StayHere = "stay-here",
        /// The host of a stay has told what it saw of the child.
        StayContact = "stay-contact",
        /// Two authorities say that they lead.
        Dispute = "custody-dispute",
        /// The register learned from others what it should have known itself: it had been put back from a backup.
        Incident = "custody-incident",
        /// Leads again what it had forgotten: fetch the papers anew from the sender.
        LeadRegained = "custody-regained",
        /// Custody has come here.
        LeadTaken = "custody-taken",
        /// Custody has passed on.
        LeadPassed = "custody-passed",
        /// An offer is put off by the receiver, which waits for the answer to a hand-over of its own.
        Deferred = "transfer-deferred",
        /// A duty was not done in time.
        Escalated = "transfer-escalated",
    }
}

/// What a duty belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DutyOf {
    /// A transfer, on whichever side.
    Transfer(TransferId),
    /// A stay, on whichever side.
    Stay(StayId),
    /// The custody itself.
    Custody,
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Envelope {
    /// To whom.
    pub to: GssCode,
    /// What.
    pub message: Message,
}

/// What comes of a step: stored in one transaction with the step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Outcome {
    /// Messages to send, in this order. The answer to a message that arrived is among them, addressed to its sender.
    pub send: Vec<Envelope>,
    /// What people have to look at, each with the transfer or stay it is about, if there is one.
    pub matters: Vec<(Matter, Option<TransferId>)>,
}

impl Outcome {
    pub(super) fn say(&mut self, to: &GssCode, message: Message) {
        self.send.push(Envelope { to: to.clone(), message });
    }

    pub(super) fn raise(&mut self, matter: Matter, transfer: Option<TransferId>) {
        self.matters.push((matter, transfer));
    }
}

/// What one authority holds about the custody of one child.
///
/// The fields are open so that they can be stored and read back; only the steps of this module change them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Custody {
    /// Whose custody.
    pub id: CustodyId,
    /// The authority that holds this.
    pub me: GssCode,
    /// Where it stands.
    pub standing: Standing,
    /// Who led, as far as is known here.
    pub chain: Chain,
    /// The highest stamp seen. Kept for ever.
    pub highest: Option<Stamp>,
    /// Moves to others.
    pub outgoing: Vec<Outgoing>,
    /// Moves from others.
    pub incoming: Vec<Incoming>,
    /// Another authority says that it leads.
    pub dispute: Option<Dispute>,
    /// Temporary stays with others.
    pub stays: Vec<Stay>,
    /// Temporary stays here.
    pub hosted: Vec<Hosted>,
    /// Outside the federation.
    pub outside: Option<Outside>,
    /// A court order that keeps responsibility here, whatever the address, as its reference.
    pub kept_by_order: Option<Line>,
    /// Who recorded last what keeps responsibility here, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<(Signature, Note)>,
    /// Moves that were put before the senior managers, by either side. Kept for ever, so that none is heard of twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contests: Vec<Contest>,
    /// After a restore: the authorities that have not been compared with yet. Empty in normal life.
    pub recovering: BTreeSet<GssCode>,
    /// Duties that belong to no single transfer.
    pub duties: Vec<Duty>,
}

impl Custody {
    /// Of a child that this authority has registered.
    pub fn begun(id: CustodyId, me: GssCode) -> Self {
        let chain = Chain::begun(me.clone());
        Self { standing: Standing::Lead { epoch: Epoch::FIRST }, chain, ..Self::unknown(id, me) }
    }

    /// Of a child of which this authority knows nothing yet.
    pub fn unknown(id: CustodyId, me: GssCode) -> Self {
        Self {
            id,
            me,
            standing: Standing::None,
            chain: Chain::default(),
            highest: None,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            dispute: None,
            stays: Vec::new(),
            hosted: Vec::new(),
            outside: None,
            kept_by_order: None,
            reason: None,
            contests: Vec::new(),
            recovering: BTreeSet::new(),
            duties: Vec::new(),
        }
    }

    /// A move to another.
    pub fn outgoing(&self, transfer: TransferId) -> Option<&Outgoing> {
        self.outgoing.iter().find(|outgoing| outgoing.transfer == transfer)
    }

    /// A move from another.
    pub fn incoming(&self, transfer: TransferId) -> Option<&Incoming> {
        self.incoming.iter().find(|incoming| incoming.transfer == transfer)
    }

    pub(super) fn outgoing_mut(&mut self, transfer: TransferId) -> Option<&mut Outgoing> {
        self.outgoing.iter_mut().find(|outgoing| outgoing.transfer == transfer)
    }

    pub(super) fn incoming_mut(&mut self, transfer: TransferId) -> Option<&mut Incoming> {
        self.incoming.iter_mut().find(|incoming| incoming.transfer == transfer)
    }

    /// The highest epoch seen, in a stamp, in the chain or as the own standing.
    pub fn highest_epoch(&self) -> Option<Epoch> {
        self.standing.epoch().max(self.highest.map(|stamp| stamp.epoch))
    }

    pub(super) fn saw(&mut self, stamp: Stamp) {
        self.highest = self.highest.max(Some(stamp));
    }

    /// Whether a transfer is open on either side: while one is, no entry ends but by what no agreement can undo.
    pub fn transfer_open(&self) -> bool {
        self.outgoing.iter().any(|outgoing| outgoing.state.is_open()) || self.incoming.iter().any(Incoming::is_open)
    }

    /// Whether the child is shown here as one that comes, or stays for a time, while another leads.
    pub fn is_provisional(&self) -> bool {
        self.standing.leads().is_none() && (self.incoming.iter().any(Incoming::is_provisional) || self.hosted.iter().any(Hosted::is_shown))
    }

    /// Who leads, as far as is known here, and in which epoch. Never a guess: an authority that knows nothing names nobody. One that
    /// passed custody on learns from any later offer, whatever became of it, that it has passed on again since.
    pub fn led_by(&self) -> Option<(&GssCode, Option<Epoch>)> {
        let passed_on = match &self.standing {
            Standing::Lead { epoch } => return Some((&self.me, Some(*epoch))),
            Standing::Closed { .. } => return None,
            Standing::Ended { to, epoch } => Some((to, Some(*epoch))),
            Standing::None => None,
        };
        let counts = |incoming: &&Incoming| passed_on.is_some() || incoming.is_provisional();
        let offered = self.incoming.iter().filter(counts).map(|incoming| (&incoming.from, Some(incoming.epoch)));
        let hosted = || self.hosted.iter().find(|hosted| hosted.is_shown()).map(|hosted| (&hosted.home, None));
        passed_on.into_iter().chain(offered).max_by_key(|(_, epoch)| *epoch).or_else(hosted)
    }

    /// Who leads, as far as is known here.
    pub fn leader(&self) -> Option<&GssCode> {
        self.led_by().map(|(leader, _)| leader)
    }

    /// What this side has to keep sending for as long as it stands so. Worked out from the state: a lost row, a purged queue
    /// or a crash between commit and sending loses no obligation.
    pub fn due_messages(&self) -> Vec<Envelope> {
        let mut due = Outcome::default();
        for outgoing in &self.outgoing {
            if let Some(message) = self.driven(outgoing) {
                due.say(&outgoing.to, message);
            }
            if outgoing.state.is_open() && outgoing.papers.round > outgoing.progress.as_ref().map_or(0, |progress| progress.papers_round) {
                due.say(&outgoing.to, outgoing.papers_message());
            }
        }
        for incoming in &self.incoming {
            match incoming.state {
                ReceiverState::Completed => due.send.extend(self.completion(incoming)),
                ReceiverState::Declined if !incoming.refusal_confirmed => due.say(&incoming.from, incoming.declined()),
                _ => {}
            }
        }
        for stay in self.stays.iter().filter(|stay| !stay.is_delivered()) {
            due.say(&stay.host, Message::Stay(stay.terms()));
        }
        for hosted in &self.hosted {
            hosted.untold().for_each(|message| due.say(&hosted.home, message));
        }
        for (other, message) in self.untold_contests() {
            due.say(other, message);
        }
        if let (Some(dispute), Standing::Lead { epoch }) = (&self.dispute, &self.standing) {
            due.say(&dispute.other, Message::Claim(Claim::Lead { epoch: *epoch, chain: self.chain.clone() }));
        }
        due.send
    }

    /// The message that an open move of this origin is asked about with, again and again.
    pub(super) fn driven(&self, outgoing: &Outgoing) -> Option<Message> {
        let stamp = outgoing.stamp();
        match outgoing.state {
            OriginState::Expected if outgoing.progress.is_some() => None,
            OriginState::Expected => Some(Message::Notice(Announcement { stamp })),
            OriginState::Offered => Some(Message::Offer(Offer {
                stamp,
                nature: outgoing.nature.unwrap_or(Nature::NotSaid),
                family_move: outgoing.family_move,
                stay: outgoing.stay,
                chain: self.chain.clone(),
            })),
            OriginState::CancelRequested => Some(Message::Cancel { stamp }),
            OriginState::Completed | OriginState::Declined | OriginState::Cancelled | OriginState::InConflict => None,
        }
    }

    /// The completion of a move that this receiver has completed.
    pub(super) fn completion(&self, incoming: &Incoming) -> Option<Envelope> {
        self.completed_by(incoming.transfer, incoming.progress.registered_on)
    }

    /// The completion as the chain tells it, also when everything else about the transfer has been tidied away.
    pub(super) fn completed_by(&self, transfer: TransferId, conference_on: Option<NaiveDate>) -> Option<Envelope> {
        let link = self.chain.by_transfer(transfer).filter(|link| link.leader == self.me)?;
        let offer = link.proofs.iter().find(|proof| proof.kind == super::ProofKind::Offered)?;
        let message = Message::Complete(Completion {
            transfer,
            epoch: link.epoch,
            conference_on,
            offer: offer.clone(),
            chain: self.chain.until(link.epoch),
        });
        Some(Envelope { to: offer.by.clone(), message })
    }

    /// Brings the duties up to what the state asks for: those done go, new ones start at `now`, the others run on.
    pub(super) fn settle_duties(&mut self, now: DateTime<Utc>) {
        for outgoing in &mut self.outgoing {
            let wanted = outgoing.wanted_duties();
            outgoing.duties = refreshed(&outgoing.duties, &wanted, now);
        }
        for incoming in &mut self.incoming {
            let wanted = incoming.wanted_duties();
            incoming.duties = refreshed(&incoming.duties, &wanted, now);
        }
        for stay in &mut self.stays {
            let wanted = stay.wanted_duties();
            stay.duties = refreshed(&stay.duties, &wanted, now);
        }
        for hosted in &mut self.hosted {
            let wanted = hosted.wanted_duties();
            hosted.duties = refreshed(&hosted.duties, &wanted, now);
        }
        let wanted: &[DutyKind] = if self.dispute.is_some() { &[DutyKind::Dispute] } else { &[] };
        self.duties = refreshed(&self.duties, wanted, now);
    }

    /// A duty was not done in time: it goes up by a level and people are told. Custody never changes by it.
    pub fn escalate(&mut self, of: DutyOf, kind: DutyKind) -> Outcome {
        let (duties, transfer) = match of {
            DutyOf::Transfer(transfer) => {
                let outgoing = self.outgoing.iter_mut().find(|outgoing| outgoing.transfer == transfer).map(|outgoing| &mut outgoing.duties);
                let incoming = self.incoming.iter_mut().find(|incoming| incoming.transfer == transfer).map(|incoming| &mut incoming.duties);
                (outgoing.or(incoming), Some(transfer))
            }
            DutyOf::Stay(stay) => {
                let held = self.stays.iter_mut().find(|held| held.terms.stay == stay).map(|held| &mut held.duties);
                let hosted = self.hosted.iter_mut().find(|hosted| hosted.terms.stay == stay).map(|hosted| &mut hosted.duties);
                (held.or(hosted), None)
            }
            DutyOf::Custody => (Some(&mut self.duties), None),
        };
        let mut outcome = Outcome::default();
        if let Some(duty) = duties.into_iter().flatten().find(|duty| duty.kind == kind) {
            duty.level = duty.level.next();
            outcome.raise(Matter::Escalated, transfer);
        }
        outcome
    }

    /// Forgets what has ended and been confirmed on both sides. The chain and the highest stamp stay for ever, and with them
    /// the answer to any message that is still on its way.
    pub fn tidy(&mut self) {
        self.outgoing.retain(|outgoing| outgoing.state.is_open());
        self.incoming.retain(|incoming| match incoming.state {
            ReceiverState::Confirmed | ReceiverState::Cancelled => false,
            ReceiverState::Declined => !incoming.refusal_confirmed,
            ReceiverState::Expected
            | ReceiverState::Received
            | ReceiverState::Accepted
            | ReceiverState::Completed
            | ReceiverState::Disputed => true,
        });
    }
}

impl Outgoing {
    /// Its place among all offers.
    pub const fn stamp(&self) -> Stamp {
        Stamp { epoch: self.epoch, transfer: self.transfer }
    }

    /// Whether it has been returned for papers and none were sent since.
    pub fn is_returned(&self) -> bool {
        self.progress.as_ref().and_then(|progress| progress.returned.as_ref()).is_some_and(|returned| returned.round >= self.papers.round)
    }

    /// The papers that these lack of those required.
    pub fn missing_papers(&self, required: &BTreeSet<Paper>) -> BTreeSet<Paper> {
        required.difference(&self.papers.sent).copied().collect()
    }

    pub(super) fn papers_message(&self) -> Message {
        Message::Papers { transfer: self.transfer, round: self.papers.round, sent: self.papers.sent.clone() }
    }

    /// When something happened that a clock of the procedures starts with.
    pub fn happened(&self, kind: EventKind) -> Option<DateTime<Utc>> {
        match kind {
            EventKind::MoveNotified => self.offered_at,
            EventKind::MoveAgreedPermanent => self.progress.as_ref()?.accepted.as_ref().map(|accepted| accepted.at),
            EventKind::TransferPapersSent => self.papers_at,
            _ => None,
        }
    }

    fn wanted_duties(&self) -> Vec<DutyKind> {
        match self.state {
            OriginState::Expected => vec![DutyKind::MoveDecision],
            OriginState::CancelRequested => vec![DutyKind::CancelAnswer],
            OriginState::Offered => {
                let progress = self.progress.as_ref();
                let mut wanted = match progress {
                    None | Some(Progress { offered: false, .. }) => vec![DutyKind::Receipt],
                    Some(Progress { seen: None, .. }) => vec![DutyKind::Seen],
                    Some(_) => Vec::new(),
                };
                match progress {
                    Some(Progress { registered_on: Some(_), .. }) => wanted.push(DutyKind::Acceptance),
                    Some(Progress { accepted: Some(_), .. }) => wanted.push(DutyKind::Conference),
                    _ => wanted.extend([DutyKind::Answer, DutyKind::Conference]),
                }
                if self.papers.round == 0 || self.is_returned() {
                    wanted.push(DutyKind::Papers);
                }
                wanted
            }
            OriginState::Completed | OriginState::Declined | OriginState::Cancelled | OriginState::InConflict => Vec::new(),
        }
    }
}

impl Incoming {
    /// Whether something can still come of it, or the origin does not know yet what has.
    pub const fn is_open(&self) -> bool {
        match self.state {
            ReceiverState::Expected | ReceiverState::Received | ReceiverState::Accepted | ReceiverState::Completed => true,
            ReceiverState::Declined => !self.refusal_confirmed,
            ReceiverState::Confirmed | ReceiverState::Cancelled | ReceiverState::Disputed => false,
        }
    }

    /// Whether the child is shown at the receiver because of it, while the origin leads.
    pub const fn is_provisional(&self) -> bool {
        self.is_open() && !matches!(self.state, ReceiverState::Completed)
    }

    /// When something happened that a clock of the procedures starts with.
    pub fn happened(&self, kind: EventKind) -> Option<DateTime<Utc>> {
        match kind {
            EventKind::MoveNotified => self.offer.is_some().then_some(self.received_at),
            EventKind::MoveAgreedPermanent => self.progress.accepted.as_ref().map(|accepted| accepted.at),
            _ => None,
        }
    }

    pub(super) fn declined(&self) -> Message {
        Message::Declined { transfer: self.transfer, reason: self.refusal.unwrap_or(RefusalReason::Other), highest: None }
    }

    fn wanted_duties(&self) -> Vec<DutyKind> {
        match self.state {
            ReceiverState::Expected if self.progress.seen.is_none() => vec![DutyKind::Seen, DutyKind::MoveDecision],
            ReceiverState::Expected => vec![DutyKind::MoveDecision],
            ReceiverState::Received if self.progress.seen.is_none() => vec![DutyKind::Seen, DutyKind::Answer, DutyKind::Conference],
            ReceiverState::Received => vec![DutyKind::Answer, DutyKind::Conference],
            ReceiverState::Accepted if self.progress.registered_on.is_some() => vec![DutyKind::Acceptance],
            ReceiverState::Accepted => vec![DutyKind::Conference],
            ReceiverState::Completed => vec![DutyKind::Confirmation],
            ReceiverState::Declined if !self.refusal_confirmed => vec![DutyKind::Confirmation],
            ReceiverState::Declined | ReceiverState::Confirmed | ReceiverState::Cancelled | ReceiverState::Disputed => Vec::new(),
        }
    }
}
