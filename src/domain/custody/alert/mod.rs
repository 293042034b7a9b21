//! Alerts for missing children: raised by the region whose authority leads, held and looked out for by every other.
//!
//! ```text
//! owner    raised ─▶ active (epoch, n) ──renew, update──▶ (epoch, n+1) ──located and seen──▶ closed (epoch, n+2)
//!             └▶ not circulated, with reasons      │ to every recipient, until each has stored it     │ stand-down, likewise
//! holder                                   delivered · acknowledged · searched                      delivered
//!
//! custody moves: the new lead publishes (epoch+1, 0) naming itself; the old owner stays owner until it has that version
//! ```
//!
//! The rules that carry it, each held up by the model in `tests/model`:
//!
//! * **Versions.** A higher [`Version`] replaces a lower one whole, wherever and in whatever order they arrive; a closure that
//!   comes before the alert it closes is remembered.
//! * **A stand-down wins.** What an owner has closed is closed, also when another took it over meanwhile and published a higher
//!   version: whoever hears of both holds it closed, and the one that took over closes it at everybody to whom it goes.
//! * **Words are added.** What a former owner published before it heard of the take-over is taken into the next version.
//! * **Never hidden by time.** An alert that has not been renewed is shown as stale, with its age, and never disappears.
//! * **Somebody always owns it.** The new owner takes over; the old one does not resign.
//! * **It follows the child.** Wherever custody has passed on to, the owner sends it there, whomever else it goes to; a region from
//!   which custody has gone on says in its receipt where to.
//! * **A sighting is never lost.** Its reporter sends it until the owner's receipt; every region it went through has a receipt
//!   as well; an owner that has been overtaken passes on what nobody has read; and one that arrives after the closure is stored
//!   for a person all the same.
//!
//! # Source
//!
//! WSP-4.11; domain notes, part 6 (KENT-ALERT, SCOT-27, EMID, SESLIP for what goes wrong without rules); invariants I19, I20.

mod holder;
mod owner;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::duties::{Duty, DutyKind, refreshed};
use super::{Epoch, Leaf, Phase, Signature};
use crate::domain::coded::{closed_set, coded_error};
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::{AlertId, CustodyId, SightingId};
use crate::domain::roles::Role;

use Role::{Coordinator, Custodian, EmergencyDuty, SeniorSafeguardingManager, TeamManager};

/// Which state of an alert: the epoch of the custody under which it was published, and a number that counts within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The epoch of the custody.
    pub epoch: Epoch,
    /// The number in it.
    pub number: u32,
}

impl Version {
    const fn next(self) -> Self {
        Self { epoch: self.epoch, number: self.number.saturating_add(1) }
    }
}

closed_set! {
    /// What is missing.
    ///
    /// # Source
    ///
    /// WM-2.20: two different events with different first steps.
    pub enum MissingPath {
        /// The child, while others are at home; or from care.
        Child = "child-missing",
        /// The family is not where it is expected to be.
        Family = "family-not-where-expected",
    }
}

closed_set! {
    /// How an alert stands.
    pub enum AlertStatus {
        /// Whereabouts are unknown; the custodian has not decided yet.
        Raised = "raised",
        /// The custodian decided not to circulate it, with reasons.
        NotCirculated = "not-circulated",
        /// Circulated.
        Active = "active",
        /// Closed by a named person.
        Closed = "closed",
    }
}

closed_set! {
    /// How great the risk to the child is, as the police grade it.
    ///
    /// # Source
    ///
    /// Domain notes, part 6; College of Policing, missing persons.
    pub enum RiskLevel {
        /// Serious harm is likely, or very likely.
        High = "high",
        /// Harm is likely, but not serious.
        Medium = "medium",
        /// Harm is possible, and minimal.
        Low = "low",
    }
}

closed_set! {
    /// Why an alert was closed.
    pub enum ClosureReason {
        /// The child was found, and seen by a named person.
        LocatedAndSeen = "located-and-seen",
        /// It was raised by mistake.
        Mistake = "raised-by-mistake",
        /// The child's name came off the register.
        Removed = "removed",
        /// The child reached the age of 18.
        ReachedEighteen = "reached-eighteen",
        /// The child died.
        Died = "died",
        /// The exercise is over.
        ExerciseOver = "exercise-over",
    }
}

closed_set! {
    /// What a person does about an alert.
    pub enum AlertActionKind {
        /// Owner: decides to circulate it, or not.
        Decide = "authorise",
        /// Owner: something about it has changed.
        Update = "update",
        /// Owner: it is still open.
        Renew = "renew",
        /// Owner: located and seen, or closed for another reason: every recipient is stood down.
        Close = "stand-down",
        /// Owner: a person has read a sighting.
        Read = "read-sighting",
        /// Holder: a person has opened it.
        Acknowledge = "acknowledge",
        /// Holder: the own records have been searched.
        Search = "search",
        /// Anybody: the child was seen, or asked about.
        Report = "sighting",
    }
}

coded_error! {
    /// Why an act about an alert is refused now.
    pub enum AlertWhy {
        /// No such alert here.
        UnknownAlert = "unknown-alert", "use an alert that this region holds";
        /// Another region owns it.
        NotOwner = "not-owner", "this is for the region that owns the alert";
        /// The own region owns it.
        Owner = "own-alert", "this is for the regions that received the alert";
        /// Not in this state.
        NotNow = "not-now", "see what may be done now, and by whom";
        /// Another authority of the region leads.
        OtherAuthority = "other-authority", "this is for the authority that raised the alert";
        /// One is open for this child.
        AlreadyRaised = "already-raised", "an alert for this child is open: update or renew that one";
        /// It is closed.
        Closed = "alert-closed", "the alert is closed: raise a new one";
        /// No such sighting.
        UnknownSighting = "unknown-sighting", "use a sighting of this alert";
    }
}

/// What an alert is, as its owner publishes it. The particulars of the child travel beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bulletin {
    /// The child's custody.
    pub custody: CustodyId,
    /// Who owns it.
    pub owner: RegionCode,
    /// Which state of it.
    pub version: Version,
    /// How it stands.
    pub status: AlertStatus,
    /// What is missing.
    pub path: MissingPath,
    /// Whether it is an exercise: shown as one everywhere, and nobody is rung.
    pub exercise: bool,
    /// Why it was closed.
    pub closure: Option<ClosureReason>,
    /// When it has to be renewed.
    pub reconfirm_by: DateTime<Utc>,
    /// The last version of each earlier epoch that it contains: what a former owner published after that is still to be added.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub contains: BTreeSet<Version>,
}

impl Bulletin {
    /// Which of two is to be held: the one that closes the alert, or else the later one.
    fn is_before(&self, other: &Self) -> bool {
        let rank = |bulletin: &Self| (bulletin.status == AlertStatus::Closed, bulletin.version);
        rank(self) < rank(other)
    }

    /// Whether another owner published this in an earlier epoch and the present one does not know it yet.
    fn lacks(&self, earlier: &Self) -> bool {
        let (epoch, version) = (earlier.version.epoch, earlier.version);
        epoch < self.version.epoch && self.contains.iter().all(|known| known.epoch != epoch || *known < version)
    }

    fn add(&mut self, version: Version) {
        self.contains.retain(|known| known.epoch != version.epoch);
        self.contains.insert(version);
    }
}

/// What has been reported to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "report", content = "id", rename_all = "kebab-case")]
pub enum ReportKey {
    /// A sighting, or an enquiry about the child.
    Sighting(SightingId),
    /// An owner had closed the alert in this version when another took it over. Reported by regions in which the closure did not
    /// win yet.
    Closure(Version),
}

/// A report, at one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Report {
    /// Which.
    pub key: ReportKey,
    /// The region where it was made.
    pub reporter: RegionCode,
    /// The regions that sent it here: each has a receipt.
    pub hops: BTreeSet<RegionCode>,
    /// When it was stored here.
    pub stored_at: DateTime<Utc>,
    /// The owner that has it, by its receipt.
    pub receipt_from: Option<RegionCode>,
    /// Who read it here.
    pub read: Option<Signature>,
}

/// How far a recipient has come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Recipient {
    /// The version it has stored.
    pub delivered: Option<Version>,
    /// Whether a person there has opened that version.
    pub acknowledged: bool,
    /// Whether its records have been searched, and whether anything was found.
    pub searched: Option<bool>,
    /// What is to be done and by when.
    pub duties: Vec<Duty>,
}

/// A message between regions about one alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum AlertMessage {
    /// Owner → recipient.
    Circulate(Bulletin),
    /// Recipient → owner: what it has, and how far people have come with it.
    Receipt {
        /// The version that is stored.
        version: Version,
        /// A person has opened it.
        acknowledged: bool,
        /// The own records have been searched, and whether anything was found.
        searched: Option<bool>,
        /// Custody of the child has passed on from there, to an authority of this region.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passed_to: Option<RegionCode>,
    },
    /// Towards the owner.
    Report {
        /// Which.
        key: ReportKey,
        /// Where it was made.
        reporter: RegionCode,
    },
    /// From the owner, to the reporter and to each hop.
    ReportReceipt {
        /// Which.
        key: ReportKey,
    },
}

impl AlertMessage {
    /// Its code, as it stands in the outbox and in the type of the signed message.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Circulate(_) => "alert",
            Self::Receipt { .. } => "alert-receipt",
            Self::Report { .. } => "alert-report",
            Self::ReportReceipt { .. } => "alert-report-receipt",
        }
    }
}

closed_set! {
    /// Something people have to look at.
    pub enum AlertMatter {
        /// An alert has come, or changed.
        Received = "alert-received",
        /// It was stood down.
        StoodDown = "alert-stood-down",
        /// A report is there to be read.
        Report = "alert-report",
        /// The alert has come here with the custody.
        TakenOver = "alert-taken-over",
        /// The alert has passed to another owner.
        PassedOn = "alert-passed-on",
        /// A duty was not done in time.
        Escalated = "alert-escalated",
    }
}

/// What becomes of the particulars that came beside a bulletin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Beside {
    /// Nothing: what is held is later.
    #[default]
    Left,
    /// They replace those that are held.
    Replaces,
    /// What they say anew is added to those that are held, and goes to every recipient.
    Added,
}

/// What comes of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AlertOutcome {
    /// Messages to send.
    pub send: Vec<(RegionCode, AlertMessage)>,
    /// What people have to look at.
    pub matters: Vec<AlertMatter>,
    /// What becomes of the particulars that came with a message.
    pub beside: Beside,
}

/// A refusal, with what may be done instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRefused {
    /// Why.
    pub why: AlertWhy,
    /// What may be done now in this region, and by whom.
    pub possible: Vec<(AlertActionKind, &'static [Role])>,
}

/// What a person wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AlertAction {
    /// Decides about circulating it; the reasons stand beside it.
    Decide {
        /// To whom; `None`: to nobody.
        audience: Option<BTreeSet<RegionCode>>,
        /// When it has to be renewed, or the decision looked at again.
        reconfirm_by: DateTime<Utc>,
    },
    /// Publishes what has changed.
    Update,
    /// Says that it is still open.
    Renew {
        /// When it has to be renewed again.
        reconfirm_by: DateTime<Utc>,
    },
    /// Closes it.
    Close {
        /// Why.
        reason: ClosureReason,
    },
    /// Has read a report.
    Read {
        /// Which.
        key: ReportKey,
    },
    /// Has opened it.
    Acknowledge,
    /// Has had the own records searched.
    Search {
        /// Whether anything was found.
        found: bool,
    },
    /// Reports that the child was seen or asked about.
    Report {
        /// Its id.
        sighting: SightingId,
    },
}

/// What one region holds about one alert.
///
/// The fields are open so that they can be stored and read back; only the steps of this module change them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Alert {
    /// Which.
    pub id: AlertId,
    /// The region that holds this.
    pub me: RegionCode,
    /// What it is, as last published; `None` while nothing has arrived.
    pub bulletin: Option<Bulletin>,
    /// The regions it goes to; empty unless this region owns it.
    pub recipients: BTreeMap<RegionCode, Recipient>,
    /// Who opened the present version here.
    pub acknowledged: Option<Signature>,
    /// The own records were searched, and whether anything was found.
    pub searched: Option<bool>,
    /// What was reported.
    pub reports: Vec<Report>,
    /// Other alerts for the same child, raised elsewhere. Each stays; the region that leads owns the one of record.
    pub linked: BTreeSet<AlertId>,
    /// What is to be done and by when.
    pub duties: Vec<Duty>,
}

impl AlertActionKind {
    /// Whether it is the owner's to do.
    pub const fn is_the_owners(self) -> bool {
        match self {
            Self::Decide | Self::Update | Self::Renew | Self::Close | Self::Read => true,
            Self::Acknowledge | Self::Search | Self::Report => false,
        }
    }

    /// Who may do it.
    ///
    /// # Source
    ///
    /// Domain notes, part 7.1: WSP-4.11, KENT-ALERT (custodian to custodian, a judged act), CAMDEN.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Decide | Self::Renew | Self::Close => &[Custodian, SeniorSafeguardingManager],
            Self::Update | Self::Report => &[Custodian, EmergencyDuty, Coordinator, TeamManager],
            Self::Read | Self::Acknowledge | Self::Search => &[Custodian, EmergencyDuty],
        }
    }
}

impl Alert {
    /// An alert of which nothing has arrived yet.
    pub const fn unknown(id: AlertId, me: RegionCode) -> Self {
        Self {
            id,
            me,
            bulletin: None,
            recipients: BTreeMap::new(),
            acknowledged: None,
            searched: None,
            reports: Vec::new(),
            linked: BTreeSet::new(),
            duties: Vec::new(),
        }
    }

    /// Whether this region owns it.
    pub fn is_mine(&self) -> bool {
        self.bulletin.as_ref().is_some_and(|bulletin| bulletin.owner == self.me)
    }

    /// Whether enquirers and new records are matched against it: for as long as it is not closed, however old it is.
    pub fn is_shown(&self) -> bool {
        self.bulletin.as_ref().is_some_and(|bulletin| bulletin.status == AlertStatus::Active)
    }

    /// Whether its owner should have renewed it by now. A stale alert is shown like any other, with its age.
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.is_shown() && self.bulletin.as_ref().is_some_and(|bulletin| bulletin.reconfirm_by < now)
    }

    /// Reports that a person here has to read.
    pub fn unread(&self) -> impl Iterator<Item = &Report> {
        let mine = self.is_mine();
        self.reports.iter().filter(move |report| mine && report.read.is_none())
    }

    /// What may be done now in this region, and by whom.
    pub fn possible(&self) -> Vec<(AlertActionKind, &'static [Role])> {
        AlertActionKind::ALL.into_iter().filter(|action| self.why_not(*action).is_none()).map(|action| (action, action.roles())).collect()
    }

    /// Why a person may not act so now.
    fn why_not(&self, action: AlertActionKind) -> Option<AlertWhy> {
        use AlertActionKind as Kind;
        let Some(bulletin) = &self.bulletin else { return Some(AlertWhy::UnknownAlert) };
        let open = matches!(bulletin.status, AlertStatus::Raised | AlertStatus::NotCirculated | AlertStatus::Active);
        match (action, self.is_mine()) {
            // What is seen is taken whatever has become of the alert: a closure may be wrong.
            (Kind::Report, _) => None,
            (Kind::Read, true) => self.unread().next().is_none().then_some(AlertWhy::NotNow),
            (_, true) if !action.is_the_owners() => Some(AlertWhy::Owner),
            (_, false) if action.is_the_owners() => Some(AlertWhy::NotOwner),
            (_, _) if !open => Some(AlertWhy::Closed),
            (Kind::Decide, _) => (bulletin.status == AlertStatus::Active).then_some(AlertWhy::NotNow),
            (Kind::Renew, _) => (bulletin.status == AlertStatus::Raised).then_some(AlertWhy::NotNow),
            // What becomes known while the custodian decides is what the decision rests on.
            (Kind::Update | Kind::Close | Kind::Read | Kind::Acknowledge | Kind::Search, _) => None,
        }
    }

    fn refuse(&self, why: AlertWhy) -> AlertRefused {
        AlertRefused { why, possible: self.possible() }
    }

    /// A person acts; its instant is now.
    ///
    /// # Errors
    ///
    /// [`AlertRefused`] with the reason and what may be done instead; nothing has changed then.
    pub fn act(&mut self, action: AlertAction, by: &Signature) -> Result<AlertOutcome, AlertRefused> {
        if let Some(why) = self.why_not(action.kind()) {
            return Err(self.refuse(why));
        }
        let mut outcome = AlertOutcome::default();
        match action {
            AlertAction::Decide { audience, reconfirm_by } => self.decide(audience, reconfirm_by, &mut outcome),
            AlertAction::Update => self.publish(&mut outcome, |_| {}),
            AlertAction::Renew { reconfirm_by } => self.publish(&mut outcome, |bulletin| bulletin.reconfirm_by = reconfirm_by),
            AlertAction::Close { reason } => self.close(Some(reason), &mut outcome),
            AlertAction::Read { key } => match self.reports.iter_mut().find(|report| report.key == key) {
                Some(report) => {
                    report.read.get_or_insert_with(|| by.clone());
                }
                None => return Err(self.refuse(AlertWhy::UnknownSighting)),
            },
            AlertAction::Acknowledge => {
                self.acknowledged = Some(by.clone());
                self.say_receipt(&mut outcome);
            }
            AlertAction::Search { found } => {
                // What was found stays found, whatever a later search comes to: the owner may hear of the two in either order.
                self.searched = self.searched.max(Some(found));
                self.say_receipt(&mut outcome);
            }
            AlertAction::Report { sighting } => self.report(ReportKey::Sighting(sighting), by.at, &mut outcome),
        }
        self.settle_duties(by.at);
        Ok(outcome)
    }

    /// A message arrives from a region. `lead` is where custody of the child is.
    pub fn receive(&mut self, from: &RegionCode, message: AlertMessage, lead: Lead<'_>, now: DateTime<Utc>) -> AlertOutcome {
        let mut outcome = AlertOutcome::default();
        match message {
            AlertMessage::Circulate(bulletin) => self.on_circulated(from, bulletin, lead, &mut outcome),
            AlertMessage::Receipt { version, acknowledged, searched, passed_to } => {
                self.on_receipt(from, version, acknowledged, searched);
                self.send_after(passed_to.as_ref(), &mut outcome);
            }
            AlertMessage::Report { key, reporter } => self.on_report(from, key, reporter, now, &mut outcome),
            AlertMessage::ReportReceipt { key } => self.on_report_receipt(from, key, &mut outcome),
        }
        self.settle_duties(now);
        outcome
    }

    /// What this region has to keep sending for as long as it stands so.
    pub fn due_messages(&self) -> Vec<(RegionCode, AlertMessage)> {
        let mut due = Vec::new();
        let Some(bulletin) = &self.bulletin else { return due };
        let behind = self.recipients.iter().filter(|(_, recipient)| recipient.delivered < Some(bulletin.version));
        due.extend(behind.map(|(region, _)| (region.clone(), AlertMessage::Circulate(bulletin.clone()))));
        due.extend(self.to_pass_on().map(|(owner, report)| (owner.clone(), report.message())));
        due
    }

    /// A duty was not done in time. `recipient` where it is a recipient's.
    pub fn escalate(&mut self, recipient: Option<&RegionCode>, kind: DutyKind) -> AlertOutcome {
        let duties = match recipient {
            Some(region) => self.recipients.get_mut(region).map(|recipient| &mut recipient.duties),
            None => Some(&mut self.duties),
        };
        let mut outcome = AlertOutcome::default();
        if let Some(duty) = duties.into_iter().flatten().find(|duty| duty.kind == kind) {
            duty.level = duty.level.next();
            outcome.matters.push(AlertMatter::Escalated);
        }
        outcome
    }

    fn settle_duties(&mut self, now: DateTime<Utc>) {
        let Some(bulletin) = &self.bulletin else { return };
        let (version, active) = (bulletin.version, bulletin.status == AlertStatus::Active);
        for recipient in self.recipients.values_mut() {
            let wanted = match recipient {
                Recipient { delivered, .. } if *delivered < Some(version) => vec![DutyKind::AlertReceipt],
                Recipient { acknowledged, searched, .. } if active => {
                    let seen = (!*acknowledged).then_some(DutyKind::AlertSeen);
                    seen.into_iter().chain(searched.is_none().then_some(DutyKind::AlertSearch)).collect()
                }
                Recipient { .. } => Vec::new(),
            };
            recipient.duties = refreshed(&recipient.duties, &wanted, now);
        }
        let mut wanted = Vec::new();
        match (bulletin.status, self.is_mine()) {
            (AlertStatus::Raised, true) => wanted.push(DutyKind::AlertDecision),
            (AlertStatus::Active | AlertStatus::NotCirculated, true) => wanted.push(DutyKind::AlertRenewal),
            (AlertStatus::Active, false) => {
                if self.acknowledged.is_none() {
                    wanted.push(DutyKind::AlertSeen);
                }
                if self.searched.is_none() {
                    wanted.push(DutyKind::AlertSearch);
                }
            }
            (AlertStatus::Closed, _) | (AlertStatus::Raised | AlertStatus::NotCirculated, false) => {}
        }
        if self.unread().next().is_some() {
            wanted.push(DutyKind::SightingRead);
        }
        self.duties = refreshed(&self.duties, &wanted, now);
    }

    /// The row that this region and another compare: their common knowledge of one alert.
    pub fn leaf(&self) -> Option<Leaf> {
        let bulletin = self.bulletin.as_ref()?;
        let phase = match bulletin.status {
            AlertStatus::Active => Phase::Active,
            AlertStatus::Closed => Phase::Closed,
            AlertStatus::Raised | AlertStatus::NotCirculated => return None,
        };
        Some(Leaf { id: *self.id.as_uuid(), phase, version: (bulletin.version.epoch.number(), bulletin.version.number) })
    }
}

/// Where custody of the child is, for all that this region knows.
#[derive(Debug, Clone, Copy)]
pub enum Lead<'a> {
    /// With an authority of this region.
    Here(Leads<'a>),
    /// It was here, and has passed on to an authority of that region.
    PassedTo(&'a RegionCode),
    /// It has never been here, or has ended here.
    Elsewhere,
}

/// An authority of this region leads the child's custody.
#[derive(Debug, Clone, Copy)]
pub struct Leads<'a> {
    /// In this epoch.
    pub epoch: Epoch,
    /// To whom an alert that is taken over goes: every other region of the federation.
    pub audience: &'a BTreeSet<RegionCode>,
}

impl AlertAction {
    /// Its kind.
    pub const fn kind(&self) -> AlertActionKind {
        match self {
            Self::Decide { .. } => AlertActionKind::Decide,
            Self::Update => AlertActionKind::Update,
            Self::Renew { .. } => AlertActionKind::Renew,
            Self::Close { .. } => AlertActionKind::Close,
            Self::Read { .. } => AlertActionKind::Read,
            Self::Acknowledge => AlertActionKind::Acknowledge,
            Self::Search { .. } => AlertActionKind::Search,
            Self::Report { .. } => AlertActionKind::Report,
        }
    }
}

impl Report {
    fn message(&self) -> AlertMessage {
        AlertMessage::Report { key: self.key, reporter: self.reporter.clone() }
    }
}

/// Which of several alerts for one child is the one of record: that of the region that leads. `None` while it has raised
/// none; every other one stays open beside it.
///
/// # Source
///
/// The practice of alerts for one person from several states (SIRENE manual): both stay, linked, and one has priority.
pub fn of_record<'a>(alerts: impl IntoIterator<Item = &'a Alert>, lead: &RegionCode) -> Option<&'a Alert> {
    let open =
        |alert: &&Alert| alert.bulletin.as_ref().is_some_and(|bulletin| bulletin.owner == *lead && bulletin.status != AlertStatus::Closed);
    alerts.into_iter().filter(open).max_by_key(|alert| alert.bulletin.as_ref().map(|bulletin| (bulletin.version, alert.id)))
}
