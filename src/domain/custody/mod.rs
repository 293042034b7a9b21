//! Custody: which authority leads the protection of a child, and how that passes to another without a moment in between.
//!
//! ```text
//!                    person offers                      Complete, signed by the receiver
//! origin    LEAD(e) ───────────────▶ offered ────────────────────────────────────────▶ ENDED{receiver, e+1}
//!                      │    ▲           │                                                  │
//!                      │    │ Progress  │ Cancel                                           │ CompleteAck
//!                Offer ▼    │           ▼                                                  ▼
//! receiver         received ─▶ accepted ─▶ conference held ─▶ completed, LEAD(e+1) ─▶ confirmed
//!                      └──────────┴───────────┴─▶ declined · cancelled
//! ```
//!
//! The rules that carry it, each held up by the model in `tests/model`:
//!
//! * **Make before break.** The origin leads until it holds the receiver's signed completion. That something arrived, was
//!   opened or was agreed to ends nothing.
//! * **One decider.** Once the offer has been stored, only the receiver decides between completion, refusal and
//!   cancellation; the origin can but ask for the cancellation. So cancelling and completing cannot cross.
//! * **Epochs.** Each hand-over raises the [`Epoch`] of the child's custody, and each offer has a number that never comes
//!   again (its transfer's id). What is lower than the highest [`Stamp`] seen is stale for ever, so old messages do no harm
//!   even where everything about them has been tidied away.
//! * **Two leads are safe and shown; none is not.** What is ambiguous is resolved towards keeping a registration and
//!   asking people.
//! * **Every message has a definite answer**, and exactly one side keeps sending for as long as a matter is open
//!   ([`Custody::due_messages`] works it out from the state, so that no lost row can lose an obligation).
//!
//! One [`Custody`] is what one authority holds about one child's protection. It changes in three ways only, each of which
//! the service stores in one transaction with the messages, duties and matters that come of it: a person acts
//! ([`Custody::act`]), a message arrives ([`Custody::receive`]), a duty is not done in time ([`Custody::escalate`]). Nothing
//! here reads a clock, a database or a signature: whoever calls has verified who signed, and hands in the instant.
//!
//! # Source
//!
//! WSP-4.9, WSP-4.10, MK-MOVE; domain notes, part 5; invariants I1, I2, I6, I23, I27, I28.

pub mod alert;
mod chain;
mod claims;
mod contest;
mod digest;
mod duties;
mod message;
mod origin;
mod receiver;
mod record;
mod stay;
mod turns;

use serde::{Deserialize, Serialize};

pub use self::chain::{CHAIN_LINKS_MAX, Chain, Link, Proof, ProofKind};
pub use self::claims::Comparison;
pub use self::contest::Contest;
pub use self::digest::{BUCKETS, Difference, Digest, Hash256, Leaf, Phase};
pub use self::duties::{Duty, DutyKind, DutyRule, Level, Timetable};
pub use self::message::{Announcement, Claim, Completion, Message, Offer};
pub use self::record::{
    Custody, Dispute, DutyOf, Envelope, Incoming, Matter, Nature, OriginState, Outcome, Outgoing, Outside, Paper, Papers, Progress,
    ReceiverState, RefusalReason, Returned, Signature, WithdrawalReason,
};
pub use self::stay::{Hosted, Stay, StayChange, StayContact, StayState, StayTerms};
pub use self::turns::{Action, ActionKind, Part, Possible, Refused, Why};

use super::identifiers::GssCode;
use super::ids::TransferId;
use super::registration::RemovalGround;

/// How often custody has passed from one authority to the next, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u32);

impl Epoch {
    /// The epoch of the authority that registered the child.
    pub const FIRST: Self = Self(1);

    /// An epoch by its number; `None` for 0.
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl std::fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The place of an offer among all that were ever made for a child: first by epoch, then by the offer's own number.
///
/// The number is the transfer's id. Ids are made from the clock and never from a counter in the database, because a database
/// put back from a backup would count the same numbers again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The epoch in which the offer was made.
    pub epoch: Epoch,
    /// The transfer.
    pub transfer: TransferId,
}

/// Where an authority stands towards a child's custody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// It has never led it.
    None,
    /// It leads.
    Lead {
        /// Since this epoch.
        epoch: Epoch,
    },
    /// It led, and passed it on. Never deleted: whoever asks here is told who leads.
    Ended {
        /// To whom.
        to: GssCode,
        /// The epoch of the one who took over.
        epoch: Epoch,
    },
    /// It led, and the registration ended on a listed ground.
    Closed {
        /// The last epoch.
        epoch: Epoch,
        /// The ground.
        ground: RemovalGround,
    },
}

impl Standing {
    /// The epoch in which it leads; `None` if it does not.
    pub const fn leads(&self) -> Option<Epoch> {
        match self {
            Self::Lead { epoch } => Some(*epoch),
            Self::None | Self::Ended { .. } | Self::Closed { .. } => None,
        }
    }

    /// The epoch in which it leads, or in which that ended.
    pub const fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::None => None,
            Self::Lead { epoch } | Self::Ended { epoch, .. } | Self::Closed { epoch, .. } => Some(*epoch),
        }
    }

    /// The code, as it stands in the database.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lead { .. } => "lead",
            Self::Ended { .. } => "ended",
            Self::Closed { .. } => "closed",
        }
    }
}

#[cfg(test)]
mod tests;
