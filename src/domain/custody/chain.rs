//! The chain of custody: who led in which epoch, each hand-over with the signed statements that prove it.

use serde::{Deserialize, Serialize};

use super::Epoch;
use crate::domain::coded::closed_set;
use crate::domain::identifiers::GssCode;
use crate::domain::ids::TransferId;

/// Most hand-overs of one child. Nobody's life has so many; the bound keeps a message within what a peer takes.
pub const CHAIN_LINKS_MAX: usize = 64;

closed_set! {
    /// What a signed statement says.
    pub enum ProofKind {
        /// An origin offered custody to a receiver.
        Offered = "offered",
        /// A receiver took it over from an origin.
        Completed = "completed",
    }
}

/// A signed statement, as it arrived, with what it says.
///
/// The bytes are the evidence and are never opened here: whoever makes a `Proof` has verified that `by` signed them and that
/// they say just this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Proof {
    /// What it says.
    pub kind: ProofKind,
    /// Who says so.
    pub by: GssCode,
    /// To whom.
    pub to: GssCode,
    /// Of which transfer.
    pub transfer: TransferId,
    /// The epoch in which it was offered, or that began with the completion.
    pub epoch: Epoch,
    /// The compact JWS.
    pub jws: String,
}

/// One link: an authority led from here on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// The epoch that began.
    pub epoch: Epoch,
    /// Who led in it.
    pub leader: GssCode,
    /// The transfer by which it came to lead; `None` for the first.
    pub transfer: Option<TransferId>,
    /// The offer of the one before, and the completion where its bytes are held. A leader's own completion is not among its
    /// own links: whatever it signs as a leader says the same.
    pub proofs: Vec<Proof>,
}

/// The links in the order of their epochs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain(Vec<Link>);

impl Chain {
    /// The chain of a custody that begins.
    pub fn begun(leader: GssCode) -> Self {
        Self(vec![Link { epoch: Epoch::FIRST, leader, transfer: None, proofs: Vec::new() }])
    }

    /// Every link.
    pub fn links(&self) -> &[Link] {
        &self.0
    }

    /// Whether one more link would be too many.
    pub fn is_full(&self) -> bool {
        self.0.len() >= CHAIN_LINKS_MAX
    }

    /// The chain with one more link. Links of the same or a later epoch give way to it.
    #[must_use]
    pub fn extended(&self, link: Link) -> Self {
        let mut links: Vec<Link> = self.0.iter().filter(|earlier| earlier.epoch < link.epoch).cloned().collect();
        links.push(link);
        Self(links)
    }

    /// The chain as it was in an epoch.
    #[must_use]
    pub fn until(&self, epoch: Epoch) -> Self {
        Self(self.0.iter().filter(|link| link.epoch <= epoch).cloned().collect())
    }

    /// Whether an authority led in an epoch, as this chain tells it.
    pub fn passes(&self, leader: &GssCode, epoch: Epoch) -> bool {
        self.0.iter().any(|link| link.epoch == epoch && link.leader == *leader)
    }

    /// The link that a transfer made.
    pub fn by_transfer(&self, transfer: TransferId) -> Option<&Link> {
        self.0.iter().find(|link| link.transfer == Some(transfer))
    }

    /// The last link.
    pub fn last(&self) -> Option<&Link> {
        self.0.last()
    }

    /// Whether the links hang together: epochs that ascend one by one from the first, and for each link after the first the
    /// offer that the leader before it signed to this one. Whoever receives a chain asks this before anything is believed of
    /// it.
    pub fn is_sound(&self) -> bool {
        let begins = self.0.first().is_none_or(|first| first.epoch == Epoch::FIRST);
        begins
            && self.0.len() <= CHAIN_LINKS_MAX
            && self.0.windows(2).all(|pair| {
                let [before, after] = pair else { return false };
                after.epoch == before.epoch.next()
                    && after.proofs.iter().any(|proof| {
                        proof.kind == ProofKind::Offered
                            && proof.by == before.leader
                            && proof.to == after.leader
                            && proof.epoch == before.epoch
                            && Some(proof.transfer) == after.transfer
                    })
            })
    }
}
