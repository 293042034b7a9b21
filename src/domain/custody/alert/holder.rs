//! The holder's side: storing versions, reporting, and passing reports on.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Alert, AlertMatter, AlertMessage, AlertOutcome, AlertStatus, Beside, Bulletin, Lead, Report, ReportKey};
use crate::domain::identifiers::RegionCode;

impl Alert {
    pub(super) fn on_circulated(&mut self, from: &RegionCode, bulletin: Bulletin, lead: Lead<'_>, outcome: &mut AlertOutcome) {
        let mine = self.is_mine();
        match &self.bulletin {
            // This region took the alert over before it heard that the former owner had closed it.
            Some(held) if mine && held.is_before(&bulletin) && bulletin.version < held.version => {
                self.address([from.clone()].into());
                self.close(bulletin.closure, outcome);
            }
            Some(held) if !held.is_before(&bulletin) => {
                let is_taken_over = bulletin.owner != self.me && held.version < bulletin.version;
                let is_late = mine && held.status == AlertStatus::Active && held.lacks(&bulletin);
                if mine && is_taken_over {
                    // The other way round: closed here, and taken over by one that does not know it.
                    let closed = AlertMessage::Circulate(held.clone());
                    self.address([from.clone()].into());
                    outcome.send.push((from.clone(), closed));
                } else if is_late {
                    self.add(&bulletin, outcome);
                }
            }
            _ => self.replace(bulletin, outcome),
        }
        let passed_to = match lead {
            Lead::PassedTo(region) => Some(region),
            Lead::Here(_) | Lead::Elsewhere => None,
        };
        self.say_receipt_to(from, passed_to, outcome);
        // It may have been on its way for so long that custody has come here meanwhile.
        if let Lead::Here(leads) = lead {
            self.take_over(leads, outcome);
        }
    }

    fn replace(&mut self, bulletin: Bulletin, outcome: &mut AlertOutcome) {
        let was_mine = self.is_mine();
        let was_closed = self.bulletin.as_ref().is_some_and(|before| before.status == AlertStatus::Closed);
        outcome.matters.extend(match (bulletin.status, was_mine) {
            // Only a later closure replaces one, and people have been told.
            (AlertStatus::Closed, _) => (!was_closed).then_some(AlertMatter::StoodDown),
            (_, true) => Some(AlertMatter::PassedOn),
            (_, false) => Some(AlertMatter::Received),
        });
        outcome.beside = Beside::Replaces;
        self.bulletin = Some(bulletin);
        self.acknowledged = None;
        self.recipients.clear();
        // Whatever receipt an earlier owner gave for it: what nobody has read here is now the new owner's to have.
        if was_mine {
            self.reports.iter_mut().for_each(|report| report.receipt_from = None);
        }
        self.pass_on(None, outcome);
    }

    pub(super) fn say_receipt(&self, outcome: &mut AlertOutcome) {
        if let Some(owner) = self.bulletin.as_ref().map(|bulletin| bulletin.owner.clone()) {
            self.say_receipt_to(&owner, None, outcome);
        }
    }

    fn say_receipt_to(&self, to: &RegionCode, passed_to: Option<&RegionCode>, outcome: &mut AlertOutcome) {
        if let Some(bulletin) = &self.bulletin {
            let (acknowledged, passed_to) = (self.acknowledged.is_some(), passed_to.cloned());
            let receipt = AlertMessage::Receipt { version: bulletin.version, acknowledged, searched: self.searched, passed_to };
            outcome.send.push((to.clone(), receipt));
        }
    }

    /// Stores a report made in this region, and sends it towards the owner.
    pub(super) fn report(&mut self, key: ReportKey, now: DateTime<Utc>, outcome: &mut AlertOutcome) {
        let reporter = self.me.clone();
        let new = self.store(key, reporter, None, now);
        // One enquiry may be noted here and told by the region where it was made: people hear of it once.
        if new && self.is_mine() {
            outcome.matters.push(AlertMatter::Report);
        }
        self.pass_on(Some(key), outcome);
    }

    fn store(&mut self, key: ReportKey, reporter: RegionCode, hop: Option<RegionCode>, now: DateTime<Utc>) -> bool {
        let mine = self.is_mine();
        match self.reports.iter_mut().find(|report| report.key == key) {
            Some(report) => {
                report.hops.extend(hop);
                // It has come back to the owner: nobody else has it to read any more.
                if mine {
                    report.receipt_from = None;
                }
                false
            }
            None => {
                let hops = hop.into_iter().collect::<BTreeSet<_>>();
                self.reports.push(Report { key, reporter, hops, stored_at: now, receipt_from: None, read: None });
                true
            }
        }
    }

    /// Sends what nobody has read and no owner has a receipt for towards the owner: one report, or, to a new owner, all of them. The
    /// others are on their way already; to send them with each new one would make the more messages the longer the owner is away.
    fn pass_on(&self, only: Option<ReportKey>, outcome: &mut AlertOutcome) {
        let reports = self.to_pass_on().filter(|(_, report)| only.is_none_or(|key| report.key == key));
        outcome.send.extend(reports.map(|(owner, report)| (owner.clone(), report.message())));
    }

    /// What waits for the receipt of the owner, and who that is.
    pub(super) fn to_pass_on(&self) -> impl Iterator<Item = (&RegionCode, &Report)> {
        let owner = self.bulletin.as_ref().map(|bulletin| &bulletin.owner).filter(|owner| **owner != self.me);
        let waits = |report: &&Report| report.read.is_none() && report.receipt_from.is_none();
        owner.into_iter().flat_map(move |owner| self.reports.iter().filter(waits).map(move |report| (owner, report)))
    }

    pub(super) fn on_report(
        &mut self,
        from: &RegionCode,
        key: ReportKey,
        reporter: RegionCode,
        now: DateTime<Utc>,
        outcome: &mut AlertOutcome,
    ) {
        let new = self.store(key, reporter.clone(), Some(from.clone()), now);
        if !self.is_mine() {
            // Already with a later owner: whoever asks again is told so.
            if let Some(report) =
                self.reports.iter().find(|report| report.key == key && (report.receipt_from.is_some() || report.read.is_some()))
            {
                outcome.send.push((from.clone(), AlertMessage::ReportReceipt { key: report.key }));
            }
            return self.pass_on(Some(key), outcome);
        }
        if new {
            outcome.matters.push(AlertMatter::Report);
        }
        // To the one that sent it, and to the one that made it: neither sends it again.
        let to: BTreeSet<RegionCode> = [from.clone(), reporter].into();
        let others = to.into_iter().filter(|region| *region != self.me);
        outcome.send.extend(others.map(|region| (region, AlertMessage::ReportReceipt { key })));
    }

    pub(super) fn on_report_receipt(&mut self, from: &RegionCode, key: ReportKey, outcome: &mut AlertOutcome) {
        // Only the owner, as known here, can take a report off this region's hands; one that owned it once may have passed the
        // alert on since.
        let owner = self.bulletin.as_ref().map(|bulletin| &bulletin.owner);
        if owner != Some(from) {
            return;
        }
        let Some(report) = self.reports.iter_mut().find(|report| report.key == key) else { return };
        report.receipt_from = Some(from.clone());
        outcome.send.extend(report.hops.iter().map(|hop| (hop.clone(), AlertMessage::ReportReceipt { key })));
    }
}
