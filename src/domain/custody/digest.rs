//! Comparing what two authorities have open with each other, cheaply: one root when nothing differs, 256 buckets when
//! something does, and then the rows of the buckets that differ.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Epoch;
use super::message::Message;
use super::record::{Custody, Envelope, OriginState, Outcome, ReceiverState};
use super::stay::StayState;
use crate::domain::coded::closed_set;
use crate::domain::identifiers::GssCode;

/// A SHA-256.
pub type Hash256 = [u8; 32];

/// How many buckets rows fall into.
pub const BUCKETS: usize = 256;

closed_set! {
    /// How a matter stands between two parties, in words both use for the same thing.
    pub enum Phase {
        /// Open on this side.
        Open = "open",
        /// Custody has passed.
        Completed = "completed",
        /// An alert is live.
        Active = "active",
        /// An alert has been stood down.
        Closed = "closed",
    }
}

/// One row: a transfer or an alert that concerns both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Leaf {
    /// The transfer or the alert.
    pub id: Uuid,
    /// How it stands.
    pub phase: Phase,
    /// The epoch of a transfer, or the version of an alert: its epoch and its number.
    pub version: (u32, u32),
}

/// Rows by bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digest(BTreeMap<u8, Vec<Leaf>>);

/// One row that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// What it is about.
    pub id: Uuid,
    /// How it stands here.
    pub mine: Option<Leaf>,
    /// How it stands there.
    pub theirs: Option<Leaf>,
}

fn hashed(parts: &[&[u8]]) -> Hash256 {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = Hash256::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

impl Leaf {
    /// Which bucket: ids are random in their last byte.
    pub fn bucket(&self) -> u8 {
        self.id.as_bytes()[15]
    }

    fn hash(&self) -> Hash256 {
        let (epoch, number) = self.version;
        hashed(&[b"leaf", self.id.as_bytes(), self.phase.as_str().as_bytes(), &epoch.to_be_bytes(), &number.to_be_bytes()])
    }
}

impl FromIterator<Leaf> for Digest {
    fn from_iter<I: IntoIterator<Item = Leaf>>(leaves: I) -> Self {
        let mut buckets: BTreeMap<u8, Vec<Leaf>> = BTreeMap::new();
        for leaf in leaves {
            buckets.entry(leaf.bucket()).or_default().push(leaf);
        }
        for rows in buckets.values_mut() {
            rows.sort();
            rows.dedup();
        }
        Self(buckets)
    }
}

impl Digest {
    /// The hash of one bucket; that of no rows for an empty one.
    fn bucket(&self, bucket: u8) -> Hash256 {
        let hashes: Vec<Hash256> = self.rows(bucket).iter().map(Leaf::hash).collect();
        let parts: Vec<&[u8]> = std::iter::once(b"bucket".as_slice()).chain(hashes.iter().map(Hash256::as_slice)).collect();
        hashed(&parts)
    }

    /// Every bucket's hash.
    pub fn buckets(&self) -> Vec<Hash256> {
        (0..=u8::MAX).map(|bucket| self.bucket(bucket)).collect()
    }

    /// One hash over all.
    pub fn root(&self) -> Hash256 {
        let buckets = self.buckets();
        let parts: Vec<&[u8]> = std::iter::once(b"root".as_slice()).chain(buckets.iter().map(Hash256::as_slice)).collect();
        hashed(&parts)
    }

    /// The rows of one bucket, in order.
    pub fn rows(&self, bucket: u8) -> &[Leaf] {
        self.0.get(&bucket).map_or(&[], Vec::as_slice)
    }

    /// The buckets that differ from another's. A list of another length than [`BUCKETS`] differs everywhere.
    pub fn differing(&self, theirs: &[Hash256]) -> Vec<u8> {
        let mine = self.buckets();
        (0..=u8::MAX)
            .filter(|bucket| theirs.len() != BUCKETS || theirs.get(usize::from(*bucket)) != mine.get(usize::from(*bucket)))
            .collect()
    }

    /// What differs between the rows of a bucket here and there.
    pub fn differences(&self, bucket: u8, theirs: &[Leaf]) -> Vec<Difference> {
        let mut found: BTreeMap<Uuid, (Option<&Leaf>, Option<&Leaf>)> = BTreeMap::new();
        for leaf in self.rows(bucket) {
            found.entry(leaf.id).or_default().0 = Some(leaf);
        }
        for leaf in theirs {
            found.entry(leaf.id).or_default().1 = Some(leaf);
        }
        found
            .into_iter()
            .filter(|(_, (mine, theirs))| mine != theirs)
            .map(|(id, (mine, theirs))| Difference { id, mine: mine.cloned(), theirs: theirs.cloned() })
            .collect()
    }
}

impl Custody {
    /// Everything that this side has to say of one transfer or stay, whether or not the other side should know it already: what follows
    /// when two registers differ. Each of these messages may come any number of times.
    pub fn told_again(&self, id: &Uuid) -> Vec<Envelope> {
        let mut told = Outcome::default();
        if let Some(outgoing) = self.outgoing.iter().find(|outgoing| outgoing.transfer.as_uuid() == id) {
            if let Some(message) = self.driven(outgoing) {
                told.say(&outgoing.to, message);
            }
            if outgoing.state.is_open() && outgoing.papers.round > 0 {
                told.say(&outgoing.to, outgoing.papers_message());
            }
        }
        if let Some(incoming) = self.incoming.iter().find(|incoming| incoming.transfer.as_uuid() == id) {
            told.send.extend(self.standing_of(incoming));
        }
        if let Some(stay) = self.stays.iter().find(|stay| stay.terms.stay.as_uuid() == id) {
            told.say(&stay.host, Message::Stay(stay.terms()));
        }
        if let Some(hosted) = self.hosted.iter().find(|hosted| hosted.terms.stay.as_uuid() == id) {
            told.say(&hosted.home, hosted.receipt());
            hosted.untold().for_each(|message| told.say(&hosted.home, message));
        }
        told.send
    }

    /// The rows about open transfers and stays with another authority. What has ended here is left out, so that a side that has tidied
    /// up agrees with one that has not; what has ended on one side only differs, and is driven again.
    pub fn leaves_with<'a>(&'a self, other: &'a GssCode) -> impl Iterator<Item = Leaf> + 'a {
        let leaf = |id: &Uuid, phase, epoch: Epoch| Leaf { id: *id, phase, version: (epoch.number(), 0) };
        let outgoing = self.outgoing.iter().filter(move |outgoing| outgoing.to == *other && outgoing.state.is_open());
        let incoming = self.incoming.iter().filter(move |incoming| incoming.from == *other && incoming.is_open());
        let outgoing = outgoing.filter(|outgoing| outgoing.state != OriginState::Expected);
        let incoming = incoming.filter(|incoming| incoming.state != ReceiverState::Expected);
        let moves = outgoing.map(move |outgoing| leaf(outgoing.transfer.as_uuid(), Phase::Open, outgoing.epoch)).chain(incoming.map(
            move |incoming| {
                let phase = if incoming.state == ReceiverState::Completed { Phase::Completed } else { Phase::Open };
                leaf(incoming.transfer.as_uuid(), phase, incoming.epoch)
            },
        ));
        // A stay has no epoch of its own: which version of it both have is what matters.
        let stays = self.stays.iter().filter(move |stay| stay.host == *other).map(|stay| &stay.terms);
        let hosted = self.hosted.iter().filter(move |hosted| hosted.home == *other).map(|hosted| &hosted.terms);
        let open = stays.chain(hosted).filter(|terms| terms.state == StayState::Open);
        moves.chain(open.map(|terms| Leaf { id: *terms.stay.as_uuid(), phase: Phase::Open, version: (0, terms.version) }))
    }
}
