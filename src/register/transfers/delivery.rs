//! Messages about custody: what goes into the outbox, and what is done with one that arrives. The same for two authorities of one
//! region, where nothing leaves the database, and for two regions.
//!
//! Of each offer and each completion a small signed statement goes with the message: who took part, which transfer, which epoch.
//! Statements are the proofs of which the chain of custody is made. They name nobody and do not contain each other, so that a chain
//! grows by two of them with each hand-over and no more.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::packet::Packet;
use super::{Held, keep, learned};
use crate::authz::policy::action::DeliverCustody;
use crate::authz::program_permit;
use crate::domain::custody::{Chain, Claim, Custody, Epoch, Incoming, Message, Proof, ProofKind, StayState};
use crate::domain::identifiers::{GssCode, RegionCode};
use crate::domain::ids::{CustodyId, MessageId, TransferId};
use crate::register::keys::PublicKey;
use crate::register::peers::message::{Outgoing, kind, verify_at_its_time};
use crate::register::receipts::sha256;
use crate::register::{Region, RegisterError, children};
use crate::store::custody::{CustodyRow, OutboxRow, came_in, take_in};
use crate::store::types::Id;
use crate::store::{Store, StoreError, Tx};

/// By whom messages are taken in.
const BY: &str = "program#custody";

/// A message on its way, as it stands in the outbox and in the body of what is signed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    /// The message: the same however often it is sent.
    pub id: MessageId,
    /// Whose custody it is about.
    pub custody: CustodyId,
    /// From which authority.
    pub from: GssCode,
    /// To which.
    pub to: GssCode,
    /// What it says.
    pub message: Message,
    /// The signed statement of an offer or a completion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// To another region, with what begins a move: the child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet: Option<Packet>,
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carried").field("id", &self.id).field("kind", &self.message.as_str()).finish_non_exhaustive()
    }
}

/// What a statement states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stated {
    custody: CustodyId,
    kind: ProofKind,
    by: GssCode,
    to: GssCode,
    transfer: TransferId,
    epoch: Epoch,
}

impl Stated {
    /// What is stated with a message.
    fn of(custody: CustodyId, from: &GssCode, to: &GssCode, message: &Message) -> Option<Self> {
        let (kind, transfer, epoch) = match message {
            Message::Offer(offer) => (ProofKind::Offered, offer.stamp.transfer, offer.stamp.epoch),
            Message::Complete(completion) => (ProofKind::Completed, completion.transfer, completion.epoch),
            _ => return None,
        };
        Some(Self { custody, kind, by: from.clone(), to: to.clone(), transfer, epoch })
    }

    fn of_proof(custody: CustodyId, proof: &Proof) -> Self {
        Self { custody, kind: proof.kind, by: proof.by.clone(), to: proof.to.clone(), transfer: proof.transfer, epoch: proof.epoch }
    }

    /// Whether a statement says just this and was signed by the region whose authority says it.
    fn is_signed(&self, region: &Region, statement: &str) -> bool {
        let Some((signer, keys)) = keys_of(region, &self.by) else { return false };
        let Ok(received) = verify_at_its_time(statement, &keys) else { return false };
        let envelope = &received.envelope;
        envelope.iss == signer.as_str()
            && envelope.kind == kind::STATEMENT
            && serde_json::from_value::<Self>(envelope.body.clone()).is_ok_and(|stated| stated == *self)
    }
}

/// The keys with which the region of an authority signs, and signed.
fn keys_of(region: &Region, authority: &GssCode) -> Option<(RegionCode, Vec<PublicKey>)> {
    let (home, _) = region.authority(authority.as_str())?;
    if home.code == *region.code() {
        return Some((home.code.clone(), region.signer.public_keys().keys));
    }
    let membership = region.membership();
    let peer = membership.peers.get(&home.code)?;
    Some((home.code.clone(), peer.statement().said.keys.clone()))
}

impl Carried {
    /// A message as it goes into the outbox.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub(super) fn new(
        tx: &mut Tx<'_>,
        region: &Region,
        custody: &Custody,
        child: Option<Id>,
        (id, to, to_region): (MessageId, &GssCode, &RegionCode),
        message: &Message,
    ) -> Result<Self, RegisterError> {
        let statement = Stated::of(custody.id, &custody.me, to, message)
            .map(|stated| {
                let membership = region.membership();
                let outgoing = Outgoing {
                    from: region.code().as_str(),
                    to: to_region.as_str(),
                    kind: kind::STATEMENT,
                    place: None,
                    correlation: Uuid::from(id),
                    reply_to: None,
                    standing: (membership.version(), membership.own_serial()),
                };
                let signed = outgoing.sign(json!(stated), &region.signer, tx.wall());
                signed.map(|signed| signed.text).map_err(|_| StoreError::Corrupt("the signing key"))
            })
            .transpose()?;
        // What was recorded since the offer goes with the last word of the origin.
        let tells = match message {
            Message::Notice(_) | Message::Offer(_) | Message::CompleteAck { .. } => true,
            Message::Stay(terms) => terms.state == StayState::Open,
            _ => false,
        };
        let packet = match child.filter(|_| tells && to_region != region.code()) {
            Some(child) => Packet::of(tx, child, custody.me.as_str())?,
            None => None,
        };
        Ok(Self { id, custody: custody.id, from: custody.me.clone(), to: to.clone(), message: message.clone(), statement, packet })
    }

    /// The digest by which it is known again.
    ///
    /// # Errors
    /// When it cannot be written: a defect.
    pub fn digest(&self) -> Result<String, RegisterError> {
        let text = serde_json::to_string(self).map_err(|_| StoreError::Corrupt("message"))?;
        Ok(sha256(&[text.as_bytes()]))
    }
}

/// The chain with only those proofs that are signed as they say. One that has lost any hangs together no more, and is believed
/// by nobody.
fn proven(region: &Region, custody: CustodyId, chain: &Chain) -> Chain {
    chain.links().iter().fold(Chain::default(), |chain, link| {
        let mut link = link.clone();
        link.proofs.retain(|proof| Stated::of_proof(custody, proof).is_signed(region, &proof.jws));
        chain.extended(link)
    })
}

fn unproven(pointer: &str) -> RegisterError {
    RegisterError::Rule { pointer: pointer.into(), code: "unproven", detail: "send what was signed by the authority's region".into() }
}

/// The message with nothing in it that is not proven.
///
/// # Errors
/// A broken rule, when what it rests on is not proven.
fn sifted(region: &Region, carried: &Carried) -> Result<Message, RegisterError> {
    let custody = carried.custody;
    if let Some(stated) = Stated::of(custody, &carried.from, &carried.to, &carried.message) {
        let statement = carried.statement.as_deref().ok_or_else(|| unproven("/statement"))?;
        if !stated.is_signed(region, statement) {
            return Err(unproven("/statement"));
        }
    }
    let mut message = carried.message.clone();
    match &mut message {
        Message::Offer(offer) => offer.chain = proven(region, custody, &offer.chain),
        Message::Complete(completion) => {
            if !Stated::of_proof(custody, &completion.offer).is_signed(region, &completion.offer.jws) {
                return Err(unproven("/message/offer"));
            }
            completion.chain = proven(region, custody, &completion.chain);
        }
        Message::Conflict { chain, .. } | Message::Claim(Claim::Lead { chain, .. } | Claim::EndedToYou { chain, .. }) => {
            *chain = proven(region, custody, chain);
        }
        _ => {}
    }
    Ok(message)
}

/// Takes a message in: its effect and the note that it came are one. One that came before changes nothing.
///
/// # Errors
/// A broken rule when it cannot be believed; [`RegisterError::Stale`] when another step came first; or the database fails.
pub fn receive(tx: &mut Tx<'_>, region: &Region, sender: &RegionCode, carried: &Carried) -> Result<(), RegisterError> {
    let rule = |pointer: &str, code| RegisterError::Rule {
        pointer: pointer.into(),
        code,
        detail: "address it to an authority of the region".into(),
    };
    if !region.authorities().iter().any(|own| own.gss == carried.to.as_str()) {
        return Err(rule("/to", "unknown-authority"));
    }
    if region.authority(carried.from.as_str()).is_none_or(|(home, _)| home.code != *sender) {
        return Err(rule("/from", "unknown-authority"));
    }
    let message = sifted(region, carried)?;
    if !take_in(tx, sender.as_str(), carried.id.into(), carried.custody.into(), &carried.digest()?)? {
        tx.audit().detail("status", "came-before");
        let before = came_in(tx.connection, sender.as_str(), carried.id.into())?;
        return if before == Some(carried.digest()?) { Ok(()) } else { Err(rule("/id", "altered-duplicate")) };
    }
    tx.audit().detail("message", carried.id);
    tx.audit().detail("kind", message.as_str());
    let mut held = match Held::find(tx.connection, carried.custody.into(), carried.to.as_str())? {
        Some(held) => held,
        None => {
            // The other authority of this region knows the child.
            let known = CustodyRow::of_custody(tx.connection, carried.custody.into())?;
            let child = known.into_iter().find_map(|row| row.child_id);
            Held { row: None, custody: Custody::unknown(carried.custody, carried.to.clone()), child, categories: Vec::new() }
        }
    };
    let ends = matches!(message, Message::CompleteAck { .. });
    let known = held.child;
    if let Some(packet) = carried.packet.as_ref().filter(|_| !ends) {
        held.categories = packet.categories();
        if held.child.is_none() {
            let new = packet.child(region, carried.to.as_str());
            let (child, _) = children::add(tx, region, &new, BY)?;
            held.child = Some(child.into());
        }
    }
    let jws = carried.statement.as_deref().unwrap_or_default();
    let transfer = message.transfer();
    let outcome = held.custody.receive(&carried.from, message, jws, tx.now());
    // What nobody here takes part in teaches nothing.
    let is_open = transfer.is_none_or(|transfer| held.custody.incoming(transfer).is_some_and(Incoming::is_open));
    let takes_part = if ends { held.custody.standing.leads().is_some() } else { is_open };
    if let (Some(packet), Some(child), true) = (&carried.packet, known, takes_part) {
        let told = children::facts_as(children::id_of(child)?, &packet.child(region, carried.to.as_str()), tx.now(), BY)?;
        learned::add(tx, region, child, told, BY)?;
    }
    keep(tx, region, held, &outcome, BY)
}

/// Delivers a message between two authorities of this region: taking it out of the outbox and taking it in are one.
///
/// # Errors
/// As [`receive`].
pub async fn deliver_here(store: &Store, region: &Arc<Region>, row: &OutboxRow) -> Result<(), RegisterError> {
    let carried: Carried = serde_json::from_str(&row.body).map_err(|_| StoreError::Corrupt("message"))?;
    let (region, id) = (Arc::clone(region), row.id);
    let permit = program_permit::<DeliverCustody>("custody", region.code().as_str());
    store
        .run_alone::<_, _, _, RegisterError>(
            permit,
            |_| Ok(()),
            move |tx, ()| {
                let at = tx.wall().into();
                if OutboxRow::delivered(tx.connection, id, at)? {
                    receive(tx, &region, region.code(), &carried)?;
                }
                Ok(())
            },
        )
        .await
}
