//! The owner's side: raising, deciding, publishing, taking over.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{
    Alert, AlertMatter, AlertMessage, AlertOutcome, AlertStatus, Beside, Bulletin, ClosureReason, Lead, Leads, MissingPath, Recipient,
    Version,
};
use crate::domain::custody::Epoch;
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::{AlertId, CustodyId};

impl Alert {
    /// Whereabouts unknown: raised by the region whose authority leads, and nobody is told yet but those who decide.
    pub fn raised(id: AlertId, me: RegionCode, custody: (CustodyId, Epoch), path: MissingPath, exercise: bool, now: DateTime<Utc>) -> Self {
        let mut alert = Self::unknown(id, me.clone());
        let (custody, epoch) = custody;
        let version = Version { epoch, number: 0 };
        let status = AlertStatus::Raised;
        let (closure, contains) = (None, BTreeSet::new());
        alert.bulletin = Some(Bulletin { custody, owner: me, version, status, path, exercise, closure, reconfirm_by: now, contains });
        alert.settle_duties(now);
        alert
    }

    pub(super) fn decide(&mut self, audience: Option<BTreeSet<RegionCode>>, reconfirm_by: DateTime<Utc>, outcome: &mut AlertOutcome) {
        let status = if audience.is_some() { AlertStatus::Active } else { AlertStatus::NotCirculated };
        self.address(audience.unwrap_or_default());
        self.publish(outcome, |bulletin| {
            bulletin.status = status;
            bulletin.reconfirm_by = reconfirm_by;
        });
    }

    /// Sets the recipients, without this region and without forgetting how far any of them has come.
    pub(super) fn address(&mut self, audience: BTreeSet<RegionCode>) {
        let me = self.me.clone();
        for region in audience.into_iter().filter(|region| *region != me) {
            self.recipients.entry(region).or_default();
        }
    }

    /// Closes it at every recipient.
    pub(super) fn close(&mut self, reason: Option<ClosureReason>, outcome: &mut AlertOutcome) {
        self.publish(outcome, |bulletin| {
            bulletin.status = AlertStatus::Closed;
            bulletin.closure = reason;
        });
    }

    /// What a former owner published before it heard that the alert had been taken over goes into a version of its own.
    pub(super) fn add(&mut self, earlier: &Bulletin, outcome: &mut AlertOutcome) {
        self.publish(outcome, |bulletin| {
            bulletin.add(earlier.version);
            bulletin.reconfirm_by = bulletin.reconfirm_by.max(earlier.reconfirm_by);
        });
        outcome.beside = Beside::Added;
        outcome.matters.push(AlertMatter::Received);
    }

    /// A new version, to every recipient.
    pub(super) fn publish(&mut self, outcome: &mut AlertOutcome, change: impl FnOnce(&mut Bulletin)) {
        let Some(bulletin) = &mut self.bulletin else { return };
        change(bulletin);
        bulletin.version = bulletin.version.next();
        // What was renewed has its time anew.
        self.duties.retain(|duty| duty.kind != super::DutyKind::AlertRenewal);
        for (region, recipient) in &mut self.recipients {
            // Each version is opened anew; what was searched has been searched.
            recipient.acknowledged = false;
            outcome.send.push((region.clone(), AlertMessage::Circulate(bulletin.clone())));
        }
    }

    /// Custody of the child has moved. Where it has come to takes an open alert over, and the old owner goes on until it has heard so;
    /// where it has passed on from, the owner sends it after the child.
    pub fn follow(&mut self, lead: Lead<'_>, now: DateTime<Utc>) -> AlertOutcome {
        let mut outcome = AlertOutcome::default();
        match lead {
            Lead::Here(leads) => self.take_over(leads, &mut outcome),
            Lead::PassedTo(region) => self.send_after(Some(region), &mut outcome),
            Lead::Elsewhere => {}
        }
        self.settle_duties(now);
        outcome
    }

    /// Whoever leads must hold the alert, whomever it was meant for: only then can they take it over.
    pub(super) fn send_after(&mut self, region: Option<&RegionCode>, outcome: &mut AlertOutcome) {
        let is_new = |region: &&RegionCode| **region != self.me && !self.recipients.contains_key(*region);
        let is_open = self.is_mine() && self.is_shown();
        if let (Some(region), Some(bulletin)) = (region.filter(is_new), self.bulletin.clone().filter(|_| is_open)) {
            self.address([region.clone()].into());
            outcome.send.push((region.clone(), AlertMessage::Circulate(bulletin)));
        }
    }

    pub(super) fn take_over(&mut self, leads: Leads<'_>, outcome: &mut AlertOutcome) {
        let me = self.me.clone();
        let Some(bulletin) =
            self.bulletin.as_mut().filter(|bulletin| bulletin.status == AlertStatus::Active && bulletin.version.epoch < leads.epoch)
        else {
            return;
        };
        let before = std::mem::replace(&mut bulletin.owner, me);
        bulletin.add(bulletin.version);
        bulletin.version = Version { epoch: leads.epoch, number: 0 };
        let bulletin = bulletin.clone();
        self.recipients.clear();
        self.address(leads.audience.clone());
        self.address([before].into());
        outcome.send.extend(self.recipients.keys().map(|region| (region.clone(), AlertMessage::Circulate(bulletin.clone()))));
        outcome.matters.push(AlertMatter::TakenOver);
    }

    pub(super) fn on_receipt(&mut self, from: &RegionCode, version: Version, acknowledged: bool, searched: Option<bool>) {
        let mine = self.is_mine();
        let Some(bulletin) = self.bulletin.as_ref().filter(|_| mine) else { return };
        let current = bulletin.version;
        let Some(recipient) = self.recipients.get_mut(from) else { return };
        // A higher version is of another owner, and whoever has it may not know yet that this one closed the alert.
        if version > current && bulletin.status == AlertStatus::Closed {
            return;
        }
        let delivered = version.min(current);
        if recipient.delivered < Some(delivered) {
            *recipient = Recipient { delivered: Some(delivered), acknowledged: false, ..std::mem::take(recipient) };
        }
        if version == current {
            recipient.acknowledged |= acknowledged;
        }
        recipient.searched = recipient.searched.max(searched);
    }
}
