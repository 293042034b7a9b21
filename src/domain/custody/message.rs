//! What two authorities say to each other about a child's custody. The region's layer signs, carries and stores it.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::record::{Nature, Paper, Progress, RefusalReason, Signature};
use super::stay::{StayContact, StayTerms};
use super::{Chain, Epoch, Proof, Stamp};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{FamilyMoveId, StayId, TransferId};
use crate::domain::text::Note;

/// A move that is expected: information, and the child is shown at both ends from now on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Announcement {
    /// The stamp that an offer of it will have.
    pub stamp: Stamp,
}

/// An offer of custody. What travels with it (the child, the plan, the contacts) is the region's packet beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offer {
    /// Its place among all offers.
    pub stamp: Stamp,
    /// Whether the move is for good.
    pub nature: Nature,
    /// The move of the family that it is part of.
    pub family_move: Option<FamilyMoveId>,
    /// The temporary stay that turned into it.
    pub stay: Option<StayId>,
    /// How the origin came to lead.
    pub chain: Chain,
}

/// A receiver took custody over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Completion {
    /// The transfer.
    pub transfer: TransferId,
    /// The epoch that began.
    pub epoch: Epoch,
    /// The day of the transfer-in conference; absent once the receiver holds no more of the transfer than its chain.
    pub conference_on: Option<NaiveDate>,
    /// The origin's own signed offer.
    pub offer: Proof,
    /// The chain that ends with the receiver.
    pub chain: Chain,
}

/// What an authority says of its own standing, when registers are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "claims", rename_all = "kebab-case")]
pub enum Claim {
    /// It leads.
    Lead {
        /// In this epoch.
        epoch: Epoch,
        /// How it came to.
        chain: Chain,
    },
    /// It passed custody to the one it says it to.
    EndedToYou {
        /// The epoch in which that one led.
        epoch: Epoch,
        /// The chain that ends with it, its own signed completion among the proofs.
        chain: Chain,
    },
    /// It passed custody on to another.
    PassedOn {
        /// To whom.
        to: GssCode,
        /// The epoch in which that one led.
        epoch: Epoch,
    },
    /// It has nothing to say: it never led, or the registration ended.
    Nothing,
}

/// A message between two authorities about one child's custody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Message {
    /// Origin → receiver.
    Notice(Announcement),
    /// Origin → receiver.
    Offer(Offer),
    /// Origin → receiver: papers, those sent again among them.
    Papers {
        /// The transfer.
        transfer: TransferId,
        /// Which sending it is, from 1.
        round: u32,
        /// Which papers have been sent in all.
        sent: BTreeSet<Paper>,
    },
    /// Receiver → origin: it is stored here, and this is how far people have come with it. A receipt has nothing but its
    /// revision; that it was opened and that it was agreed to stand beside it and are never taken from it.
    Progress {
        /// The transfer.
        transfer: TransferId,
        /// How far.
        progress: Progress,
    },
    /// Receiver → origin: not now, ask again. The receiver still waits for the answer to a hand-over of its own.
    Deferred {
        /// The transfer.
        transfer: TransferId,
    },
    /// Receiver → origin.
    Declined {
        /// The transfer.
        transfer: TransferId,
        /// Why.
        reason: RefusalReason,
        /// The highest stamp that the receiver has seen, for [`RefusalReason::Stale`].
        highest: Option<Stamp>,
    },
    /// Origin → receiver: the refusal has arrived, and the temporary entry may go, or becomes that of a stay.
    DeclineAck {
        /// The transfer.
        transfer: TransferId,
        /// The stay that it turned into.
        stay: Option<StayTerms>,
    },
    /// Origin → receiver: asks for the cancellation.
    Cancel {
        /// The stamp of the offer.
        stamp: Stamp,
    },
    /// Receiver → origin.
    Cancelled {
        /// The transfer.
        transfer: TransferId,
    },
    /// Receiver → origin.
    Complete(Completion),
    /// Origin → receiver: custody has ended here.
    CompleteAck {
        /// The transfer.
        transfer: TransferId,
    },
    /// Origin → receiver: custody had already gone elsewhere.
    Conflict {
        /// The transfer.
        transfer: TransferId,
        /// Who leads.
        winner: GssCode,
        /// In which epoch.
        epoch: Epoch,
        /// How it came to.
        chain: Chain,
    },
    /// Either way, when registers are compared.
    Claim(Claim),
    /// Home → host: a temporary stay, in its latest version.
    Stay(StayTerms),
    /// Host → home.
    StayReceipt {
        /// The stay.
        stay: StayId,
        /// The version that is stored.
        version: u32,
        /// Whether a person has acknowledged that version.
        acknowledged: bool,
    },
    /// Host → home: what was seen of the child.
    StayContact {
        /// The stay.
        stay: StayId,
        /// What.
        contact: StayContact,
    },
    /// Home → host.
    StayContactReceipt {
        /// The stay.
        stay: StayId,
        /// Up to which number they are stored.
        number: u32,
    },
    /// Either side → the other: the move was put before the senior managers of both.
    Disputed {
        /// The transfer.
        transfer: TransferId,
        /// From 1: how many-th of its side.
        number: u32,
        /// By whom.
        by: Signature,
        /// What there is to settle.
        words: Option<Note>,
    },
    /// The other way: it is stored.
    DisputedReceipt {
        /// The transfer.
        transfer: TransferId,
        /// Which.
        number: u32,
    },
}

impl Message {
    /// Its code, as it stands in the outbox and in the type of the signed message.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Notice(_) => "notice",
            Self::Offer(_) => "offer",
            Self::Papers { .. } => "papers",
            Self::Progress { .. } => "progress",
            Self::Deferred { .. } => "deferred",
            Self::Declined { .. } => "declined",
            Self::DeclineAck { .. } => "decline-ack",
            Self::Cancel { .. } => "cancel",
            Self::Cancelled { .. } => "cancelled",
            Self::Complete(_) => "complete",
            Self::CompleteAck { .. } => "complete-ack",
            Self::Conflict { .. } => "conflict",
            Self::Claim(_) => "claim",
            Self::Stay(_) => "stay",
            Self::StayReceipt { .. } => "stay-receipt",
            Self::StayContact { .. } => "stay-contact",
            Self::StayContactReceipt { .. } => "stay-contact-receipt",
            Self::Disputed { .. } => "disputed",
            Self::DisputedReceipt { .. } => "disputed-receipt",
        }
    }

    /// The transfer it is about.
    pub const fn transfer(&self) -> Option<TransferId> {
        match self {
            Self::Notice(announcement) => Some(announcement.stamp.transfer),
            Self::Offer(offer) => Some(offer.stamp.transfer),
            Self::Complete(completion) => Some(completion.transfer),
            Self::Cancel { stamp } => Some(stamp.transfer),
            Self::Papers { transfer, .. }
            | Self::Progress { transfer, .. }
            | Self::Deferred { transfer }
            | Self::Declined { transfer, .. }
            | Self::DeclineAck { transfer, .. }
            | Self::Cancelled { transfer }
            | Self::CompleteAck { transfer }
            | Self::Disputed { transfer, .. }
            | Self::DisputedReceipt { transfer, .. }
            | Self::Conflict { transfer, .. } => Some(*transfer),
            Self::Claim(_) | Self::Stay(_) | Self::StayReceipt { .. } | Self::StayContact { .. } | Self::StayContactReceipt { .. } => None,
        }
    }
}
