//! Messages about alerts: what goes into the outbox, and what is done with one that arrives.

use serde::{Deserialize, Serialize};

use super::particulars::{Details, Kept, Particulars, ReportDetails};
use super::{Held, hits, keep, others};
use crate::domain::custody::Signature;
use crate::domain::custody::alert::{Alert, AlertMessage, AlertStatus, Beside, ReportKey};
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::{AlertId, CustodyId, MessageId};
use crate::register::receipts::sha256;
use crate::register::transfers::Whereabouts;
use crate::register::{Region, RegisterError};
use crate::store::alerts::ReportRow;
use crate::store::custody::{CustodyRow, OutboxRow, came_in, take_in};
use crate::store::types::Id;
use crate::store::{StoreError, Tx};

/// By whom messages are taken in.
pub(super) const BY: &str = "program#alerts";

/// A message on its way, as it stands in the outbox and in the body of what is signed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    /// The message: the same however often it is sent.
    pub id: MessageId,
    /// Which alert.
    pub alert: AlertId,
    /// The child's custody.
    pub custody: CustodyId,
    /// What it says.
    pub message: AlertMessage,
    /// With what is circulated: who is sought, and what is said of the matter. A stand-down has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub particulars: Option<Particulars>,
    /// Beside them: what is said anew in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Details>,
    /// With a report: what was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportDetails>,
    /// With a receipt of what a person has opened: who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Signature>,
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carried").field("id", &self.id).field("kind", &self.message.as_str()).finish_non_exhaustive()
    }
}

impl Carried {
    /// The digest by which it is known again.
    ///
    /// # Errors
    /// When it cannot be written: a defect.
    pub fn digest(&self) -> Result<String, RegisterError> {
        let text = serde_json::to_string(self).map_err(|_| StoreError::Corrupt("message"))?;
        Ok(sha256(&[text.as_bytes()]))
    }
}

/// Puts messages into the outbox. One region's messages to another about a child go in their order.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn send(tx: &mut Tx<'_>, region: &Region, held: &Held, messages: &[(RegionCode, AlertMessage)]) -> Result<(), RegisterError> {
    let Some(bulletin) = &held.alert.bulletin else { return Ok(()) };
    for (to, message) in messages {
        let id = MessageId::new_at(tx.wall());
        let report = match message {
            AlertMessage::Report { key: ReportKey::Sighting(sighting), .. } => {
                let row = ReportRow::find(tx.connection, held.alert.id.into(), (*sighting).into())?;
                row.and_then(|row| serde_json::from_str(&row.details).ok())
            }
            _ => None,
        };
        let is_told = matches!(message, AlertMessage::Circulate(_)) && bulletin.status != AlertStatus::Closed;
        let carried = Carried {
            id,
            alert: held.alert.id,
            custody: bulletin.custody,
            message: message.clone(),
            particulars: is_told.then(|| held.kept.particulars.clone()),
            said: (is_told && held.kept.said != Details::default()).then(|| held.kept.said.clone()),
            report,
            by: held.alert.acknowledged.clone().filter(|_| matches!(message, AlertMessage::Receipt { acknowledged: true, .. })),
        };
        let body = serde_json::to_string(&carried).map_err(|_| StoreError::Corrupt("message"))?;
        let way = (region.code().as_str(), to.as_str(), to.as_str());
        OutboxRow::waiting(id.into(), bulletin.custody.into(), way, message.as_str(), body, tx.wall().into()).insert(tx.connection)?;
    }
    Ok(())
}

/// Takes a message in: its effect and the note that it came are one. One that came before changes nothing.
///
/// # Errors
/// A broken rule when it cannot be believed; [`RegisterError::Stale`] when another step came first; or the database fails.
pub fn receive(tx: &mut Tx<'_>, region: &Region, sender: &RegionCode, carried: &Carried) -> Result<(), RegisterError> {
    let rule = |pointer: &str, code, detail: &str| RegisterError::Rule { pointer: pointer.into(), code, detail: detail.into() };
    // Only its owner says what an alert is.
    if matches!(&carried.message, AlertMessage::Circulate(bulletin) if bulletin.owner != *sender || bulletin.custody != carried.custody) {
        return Err(rule("/message/owner", "unproven", "send what the owner of the alert says"));
    }
    if !take_in(tx, sender.as_str(), carried.id.into(), carried.custody.into(), &carried.digest()?)? {
        tx.audit().detail("status", "came-before");
        let before = came_in(tx.connection, sender.as_str(), carried.id.into())?;
        let is_same = before == Some(carried.digest()?);
        return if is_same { Ok(()) } else { Err(rule("/id", "altered-duplicate", "send what was sent before")) };
    }
    tx.audit().detail("message", carried.id);
    tx.audit().detail("kind", carried.message.as_str());
    let known = CustodyRow::of_custody(tx.connection, carried.custody.into())?;
    let mut held = match Held::find(tx.connection, carried.alert)? {
        Some(held) => held,
        None => Held {
            row: None,
            alert: Alert::unknown(carried.alert, region.code().clone()),
            kept: Kept::default(),
            child: known.into_iter().find_map(|row| row.child_id),
            registration: None,
        },
    };
    let audience = others(region);
    let whereabouts = Whereabouts::of(tx.connection, region, carried.custody)?;
    let version = held.alert.bulletin.as_ref().map(|bulletin| bulletin.version);
    let mine = held.alert.is_mine();
    let outcome = held.alert.receive(sender, carried.message.clone(), whereabouts.lead(&audience), tx.now());
    if held.alert.bulletin.as_ref().map(|bulletin| bulletin.version) != version {
        // Each version is opened anew.
        held.kept.acknowledged_by.clear();
    }
    match &carried.message {
        AlertMessage::Circulate(bulletin) if outcome.beside == Beside::Replaces => {
            held.kept.particulars = match carried.particulars.clone() {
                Some(particulars) if bulletin.status != AlertStatus::Closed => particulars.sound(),
                _ => held.kept.particulars.forgotten(),
            };
        }
        AlertMessage::Circulate(_) if outcome.beside == Beside::Added => {
            held.kept.add(carried.said.clone().unwrap_or_default().sound());
        }
        AlertMessage::Receipt { version: stored, acknowledged: true, .. } if Some(*stored) == version && mine => {
            held.kept.acknowledged_by.extend(carried.by.clone().map(|by| (sender.to_string(), by)));
        }
        _ => {}
    }
    held.note_take_over(&outcome, &whereabouts);
    let (alert, is_held) = (Id::from(carried.alert), held.alert.is_shown() && !held.alert.is_mine());
    let version = held.alert.bulletin.as_ref().map(|bulletin| bulletin.version).filter(|now| is_held && Some(*now) != version);
    let row = keep(tx, region, held, &outcome, BY)?;
    if let (AlertMessage::Report { key: ReportKey::Sighting(sighting), .. }, Some(report)) = (&carried.message, &carried.report) {
        let details = serde_json::to_string(&report.clone().sound()).map_err(|_| StoreError::Corrupt("message"))?;
        let told = ReportRow { alert_id: alert, sighting_id: (*sighting).into(), details, is_taken: true, created_at: tx.now().into() };
        // Whoever was asked knows more of who asked than whoever was not.
        if !told.add(tx.connection)? && report.call_back.is_some() {
            ReportRow::tell_more(tx.connection, alert, told.sighting_id, &told.details)?;
        }
    }
    // Each new version is searched for at once: names and aliases may have been added.
    if version.is_some() { hits::search(tx, region, Held::read(row)?, BY) } else { Ok(()) }
}
