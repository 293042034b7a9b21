//! Whose turn it is: what a person may do now, at which side and in which role.
//!
//! The same table refuses an act and tells what may be done instead and by whom, so the two cannot differ.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::record::{
    Custody, Incoming, Nature, OriginState, Outgoing, Outside, Paper, ReceiverState, RefusalReason, Signature, WithdrawalReason,
};
use super::stay::{StayChange, StayTerms};
use crate::domain::coded::{closed_set, coded_error};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{FamilyMoveId, StayId, TransferId};
use crate::domain::procedures::Side;
use crate::domain::registration::RemovalGround;
use crate::domain::roles::Role;
use crate::domain::text::{Line, Note};

use OriginState as O;
use ReceiverState as R;
use Role::{ConferenceChair, Coordinator, Custodian, EmergencyDuty, SeniorSafeguardingManager, TeamManager};

closed_set! {
    /// What a person does about a move.
    pub enum ActionKind {
        /// Origin: tells of a move that is not certain yet.
        Announce = "announce",
        /// Origin: offers custody.
        Offer = "notify",
        /// Origin: sends papers.
        SendPapers = "send-papers",
        /// Origin: asks for the cancellation.
        Withdraw = "withdraw",
        /// Receiver: a named person has opened it.
        Acknowledge = "acknowledge",
        /// Receiver: agrees that the move is permanent, and takes it to conference.
        Agree = "agree",
        /// Receiver: returns it for papers.
        Return = "return",
        /// Receiver: books the transfer-in conference.
        Book = "book-conference",
        /// Receiver: records the transfer-in conference and whether it registered the child.
        Hold = "hold-conference",
        /// Receiver: accepts custody in writing.
        Accept = "accept",
        /// Receiver: refuses.
        Refuse = "refuse",
    }
}

/// What a person wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Tells the receiver of a move that is not certain yet.
    Announce {
        /// The transfer, with an id newer than any seen.
        transfer: TransferId,
        /// Where to.
        to: GssCode,
    },
    /// Offers custody: a new transfer, or one that was announced.
    Offer {
        /// The transfer, with an id newer than any seen unless it was announced.
        transfer: TransferId,
        /// Where to.
        to: GssCode,
        /// Whether it is for good.
        nature: Nature,
        /// The move of the family.
        family_move: Option<FamilyMoveId>,
        /// The stay that turned into it.
        stay: Option<StayId>,
        /// The second person who approves that it is offered although an earlier receiver has not answered the request to
        /// cancel: two authorities may then complete it, which is shown and settled; no child is without one.
        forced_by: Option<Signature>,
    },
    /// Sends papers.
    SendPapers {
        /// The transfer.
        transfer: TransferId,
        /// Which.
        papers: BTreeSet<Paper>,
    },
    /// Asks for the cancellation.
    Withdraw {
        /// The transfer.
        transfer: TransferId,
        /// Why.
        reason: WithdrawalReason,
    },
    /// A named person at the receiver has opened it.
    Acknowledge {
        /// The transfer.
        transfer: TransferId,
    },
    /// Agrees that the move is permanent.
    Agree {
        /// The transfer.
        transfer: TransferId,
        /// The practitioner who will lead.
        practitioner: Line,
    },
    /// Returns it for papers.
    Return {
        /// The transfer.
        transfer: TransferId,
        /// What is missing.
        missing: BTreeSet<Paper>,
    },
    /// Books the conference, or another day for it.
    Book {
        /// The transfer.
        transfer: TransferId,
        /// The day.
        on: NaiveDate,
    },
    /// Records the conference.
    Hold {
        /// The transfer.
        transfer: TransferId,
        /// The day.
        on: NaiveDate,
        /// Whether it registered the child.
        registers: bool,
    },
    /// Accepts custody in writing.
    Accept {
        /// The transfer.
        transfer: TransferId,
    },
    /// Refuses.
    Refuse {
        /// The transfer.
        transfer: TransferId,
        /// Why.
        reason: RefusalReason,
    },
    /// Ends the entry of a child on a listed ground. What the ground needs is decided elsewhere.
    Close {
        /// The ground.
        ground: RemovalGround,
    },
    /// Puts a move before the senior managers of both sides.
    Contest {
        /// The transfer.
        transfer: TransferId,
        /// What there is to settle.
        words: Option<Note>,
    },
    /// The loser of a dispute about who leads gives way.
    GiveWay,
    /// Records that the child is outside the federation, or no longer.
    PlaceOutside {
        /// Where; `None`: no longer.
        outside: Option<Outside>,
    },
    /// Records a court order that keeps responsibility here, or that there is none any more.
    KeepByOrder {
        /// The order.
        order: Option<Line>,
    },
    /// Begins a temporary stay.
    BeginStay {
        /// Where.
        host: GssCode,
        /// The terms; version and state are set here.
        terms: StayTerms,
    },
    /// Changes a stay.
    ChangeStay {
        /// Which.
        stay: StayId,
        /// How.
        change: StayChange,
    },
    /// Host: a named person has opened a stay.
    AcknowledgeStay {
        /// Which.
        stay: StayId,
    },
    /// Host: tells what was seen of the child.
    ReportContact {
        /// Of which stay.
        stay: StayId,
        /// The day.
        on: NaiveDate,
        /// What there is to say of it.
        words: Option<Note>,
    },
    /// After a restore: a custodian and a second person decide not to wait for the authorities that cannot be compared with.
    LeaveRecovery {
        /// The second person.
        approved_by: Signature,
    },
}

coded_error! {
    /// Why an act is refused now.
    pub enum Why {
        /// This authority does not lead.
        NotLeading = "not-leading", "only the authority that leads may do this";
        /// It leads already.
        Leading = "already-leading", "this authority leads already";
        /// No such transfer at this authority.
        UnknownTransfer = "unknown-transfer", "use a transfer of this child";
        /// The act belongs to the other side.
        OtherSide = "other-side", "this is for the other authority to do";
        /// Not in this state.
        NotNow = "not-now", "see what may be done now, and by whom";
        /// The transfer has ended.
        TransferEnded = "transfer-ended", "begin a new transfer";
        /// Another transfer is open.
        TransferOpen = "transfer-open", "complete or withdraw the open transfer first";
        /// The number of the offer has been overtaken.
        NotNewest = "not-newest", "make a new transfer: one that is newer has been seen";
        /// Custody has passed on since the offer was made.
        Overtaken = "overtaken", "custody has passed on since this was offered: ask the origin who leads";
        /// To itself.
        SameAuthority = "same-authority", "name another authority";
        /// Two authorities say that they lead.
        DisputeOpen = "dispute-open", "settle first which authority leads";
        /// There is no dispute.
        NoDispute = "no-dispute", "there is no dispute about who leads";
        /// The other side is the one to give way.
        OtherGivesWay = "other-gives-way", "the other authority gives way: custody can be offered to it afterwards";
        /// Another register has ended its entry for this one.
        TakenOver = "taken-over", "another register ended its entry for this one: transfer the child back, or end this entry by a review conference";
        /// Custody has passed on, and the entry ended with it.
        HandedOver = "handed-over", "another authority has taken the child over and leads now: ask it to transfer the child back";
        /// The register has been put back from a backup and is comparing itself with others.
        Recovering = "recovering", "wait until the register has been compared with the others, or have it approved by a second person";
        /// A court order keeps responsibility.
        CourtOrder = "court-order", "a court order keeps responsibility here: record a temporary stay";
        /// The other authority is not a member of the federation.
        Outside = "outside-federation", "the child is outside the federation: complete it by hand, with evidence";
        /// No conference registered the child.
        NoConference = "no-conference", "hold the transfer-in conference first";
        /// The reason is not one that a person gives.
        NotAReason = "not-a-persons-reason", "give a reason of your own";
        /// A second person is needed.
        SecondPerson = "second-person", "have another person approve it";
        /// The child has moved more often than a chain of custody can hold.
        ChainFull = "chain-full", "this child's custody has passed on too often for one chain";
        /// The stay is known.
        StayKnown = "stay-known", "change the stay that there is";
        /// No such stay.
        UnknownStay = "unknown-stay", "use a stay of this child";
        /// It has ended.
        StayEnded = "stay-ended", "record a new stay";
    }
}

/// The two sides of a move.
pub type Part = Side;

/// Something that may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Possible {
    /// What.
    pub action: ActionKind,
    /// At which side.
    pub side: Part,
    /// By whom.
    pub roles: &'static [Role],
}

/// A refusal, with what may be done instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Why,
    /// What may be done about the transfer now, at either side.
    pub possible: Vec<Possible>,
}

impl ActionKind {
    /// At which side it is done.
    pub const fn side(self) -> Part {
        match self {
            Self::Announce | Self::Offer | Self::SendPapers | Self::Withdraw => Side::Holder,
            Self::Acknowledge | Self::Agree | Self::Return | Self::Book | Self::Hold | Self::Accept | Self::Refuse => Side::Receiver,
        }
    }

    /// Who may do it.
    ///
    /// # Source
    ///
    /// Domain notes, part 7.1: WSP-4.10, WSP-4.12; emergency duty may send the first notice and acknowledge one.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Announce | Self::Offer => &[Custodian, Coordinator, TeamManager, EmergencyDuty],
            Self::SendPapers => &[Custodian, Coordinator, TeamManager],
            Self::Withdraw | Self::Agree | Self::Return => &[Custodian, TeamManager],
            Self::Acknowledge => &[Custodian, TeamManager, EmergencyDuty],
            Self::Book => &[Custodian, TeamManager, ConferenceChair],
            Self::Hold | Self::Accept => &[Custodian, ConferenceChair],
            Self::Refuse => &[Custodian, TeamManager, SeniorSafeguardingManager],
        }
    }

    /// Whether the origin may do it while its side stands so.
    const fn at_origin(self, state: OriginState) -> bool {
        match self {
            Self::Offer => matches!(state, O::Expected),
            Self::SendPapers => matches!(state, O::Offered),
            Self::Withdraw => matches!(state, O::Expected | O::Offered),
            Self::Announce | Self::Acknowledge | Self::Agree | Self::Return | Self::Book | Self::Hold | Self::Accept | Self::Refuse => {
                false
            }
        }
    }

    /// Whether the receiver may do it while its side stands so.
    const fn at_receiver(self, state: ReceiverState, registered: bool) -> bool {
        match self {
            Self::Acknowledge => matches!(state, R::Expected | R::Received | R::Accepted),
            Self::Agree => matches!(state, R::Received),
            Self::Return => matches!(state, R::Received | R::Accepted) && !registered,
            Self::Book | Self::Hold => matches!(state, R::Accepted) && !registered,
            Self::Accept => matches!(state, R::Accepted) && registered,
            // Also what was only announced: its origin may have forgotten it, and nobody else could end it.
            Self::Refuse => matches!(state, R::Expected | R::Received | R::Accepted),
            Self::Announce | Self::Offer | Self::SendPapers | Self::Withdraw => false,
        }
    }
}

fn possible(origin: Option<OriginState>, receiver: Option<(ReceiverState, bool, bool)>) -> Vec<Possible> {
    ActionKind::ALL
        .into_iter()
        .filter(|action| match (action.side(), origin, receiver) {
            (Side::Holder, Some(state), _) => action.at_origin(state),
            (Side::Receiver, _, Some((state, registered, seen))) => {
                action.at_receiver(state, registered) && !(*action == ActionKind::Acknowledge && seen)
            }
            _ => false,
        })
        .map(|action| Possible { action, side: action.side(), roles: action.roles() })
        .collect()
}

impl Outgoing {
    /// What may be done about it now. The receiver's part as far as the origin has heard of it.
    pub fn possible(&self) -> Vec<Possible> {
        let progress = self.progress.as_ref();
        let receiver = self.state.is_open().then(|| {
            let state = match (self.state, progress.and_then(|progress| progress.accepted.as_ref())) {
                (O::Expected, _) => R::Expected,
                (_, Some(_)) => R::Accepted,
                (_, None) => R::Received,
            };
            let seen = progress.is_some_and(|progress| progress.seen.is_some());
            (state, progress.is_some_and(|progress| progress.registered_on.is_some()), seen)
        });
        possible(Some(self.state), receiver)
    }
}

impl Incoming {
    /// What may be done about it now. The origin's part as far as the receiver can tell.
    pub fn possible(&self) -> Vec<Possible> {
        let origin = match self.state {
            R::Expected => Some(O::Expected),
            R::Received | R::Accepted => Some(O::Offered),
            R::Completed | R::Confirmed | R::Declined | R::Cancelled | R::Disputed => None,
        };
        possible(origin, Some((self.state, self.progress.registered_on.is_some(), self.progress.seen.is_some())))
    }

    pub(super) const fn may(&self, action: ActionKind) -> bool {
        action.at_receiver(self.state, self.progress.registered_on.is_some())
    }
}

impl Custody {
    /// What may be done about a transfer now, at either side.
    pub fn possible(&self, transfer: TransferId) -> Vec<Possible> {
        self.outgoing(transfer).map(Outgoing::possible).or_else(|| self.incoming(transfer).map(Incoming::possible)).unwrap_or_default()
    }

    pub(super) fn refuse(&self, why: Why, transfer: Option<TransferId>) -> Refused {
        Refused { why, possible: transfer.map(|transfer| self.possible(transfer)).unwrap_or_default() }
    }

    /// The outgoing transfer that an origin's person acts upon, if it is their turn.
    pub(super) fn at_origin(&self, transfer: TransferId, action: ActionKind) -> Result<&Outgoing, Refused> {
        match self.outgoing(transfer) {
            Some(outgoing) if action.at_origin(outgoing.state) => Ok(outgoing),
            Some(outgoing) if outgoing.state.is_open() => Err(self.refuse(Why::NotNow, Some(transfer))),
            Some(_) => Err(self.refuse(Why::TransferEnded, Some(transfer))),
            None if self.incoming(transfer).is_some() => Err(self.refuse(Why::OtherSide, Some(transfer))),
            None => Err(self.refuse(Why::UnknownTransfer, None)),
        }
    }

    /// The incoming transfer that a receiver's person acts upon, if it is their turn.
    pub(super) fn at_receiver(&self, transfer: TransferId, action: ActionKind) -> Result<&Incoming, Refused> {
        match self.incoming(transfer) {
            Some(incoming) if incoming.may(action) => Ok(incoming),
            Some(incoming) if incoming.is_provisional() && incoming.state != R::Declined => {
                let why = if action == ActionKind::Accept { Why::NoConference } else { Why::NotNow };
                Err(self.refuse(why, Some(transfer)))
            }
            Some(_) => Err(self.refuse(Why::TransferEnded, Some(transfer))),
            None if self.outgoing(transfer).is_some() => Err(self.refuse(Why::OtherSide, Some(transfer))),
            None => Err(self.refuse(Why::UnknownTransfer, None)),
        }
    }
}
