//! Alerts for missing children: the state machine of [`crate::domain::custody::alert`], run on the register.
//!
//! ```text
//! a person acts ──┐                                                         ┌─▶ alert row, version + 1
//! a message came ─┼─▶ Alert::act / receive / lead_here / escalate ─▶ keep ──┼─▶ messages in the outbox
//! a duty is late ─┤        (pure, model-checked)                            └─▶ notices, tasks, events
//! somebody asked ─┘ a check adds a row; the keeper puts it to the machine within a second
//! ```
//!
//! A check only reads the few alerts that are live and adds a row for a hit, so that no alert can ever stand in the way of an
//! answer.
//!
//! # Source
//! WSP-4.11; domain notes, part 6; invariants I19, I20, I27, I28; scenarios S33, S34, S36.

pub mod acts;
pub(in crate::register) mod again;
pub mod hits;
pub mod keeper;
mod matters;
pub mod particulars;
pub mod post;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::acts::{Act, NewAlert, act, raise};
use self::particulars::Kept;
use super::transfers::Whereabouts;
use super::{Region, RegisterError};
use crate::authz::policy::Operation;
use crate::authz::{Principal, Reach};
use crate::domain::calendar::Calendar;
use crate::domain::custody::alert::{Alert, AlertAction, AlertActionKind, AlertMatter, AlertOutcome, AlertStatus, AlertWhy, ClosureReason};
use crate::domain::custody::{Custody, Duty, DutyKind, Standing, Timetable};
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::AlertId;
use crate::domain::registration::RemovalGround;
use crate::domain::roles::Role;
use crate::matching::Record;
use crate::store::alerts::AlertRow;
use crate::store::connection::AnyConnection;
use crate::store::registrations as registration_rows;
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// After how long without an answer what is due is sent again.
const DRIVE_AGAIN: TimeDelta = TimeDelta::minutes(5);

crate::domain::coded::closed_set! {
    /// A step about an alert, as the path of its request names it.
    pub enum Step {
        /// Owner: a manager approves that it is circulated.
        Authorise = "authorise",
        /// Owner: circulates it.
        Circulate = "circulate",
        /// Owner: decides not to.
        Decline = "decline",
        /// Owner: something about it has changed.
        Update = "update",
        /// Owner: it is still open.
        Renew = "renew",
        /// Owner: the child was located and seen.
        Locate = "locate",
        /// Owner: closed for another reason.
        StandDown = "stand-down",
        /// Owner: a person has read a report.
        Read = "read-sighting",
        /// Recipient: a named person has opened it.
        Acknowledge = "acknowledge",
        /// Recipient: searches the own register and enquiries anew.
        Search = "search",
        /// Either: the child was seen.
        Sighting = "sighting",
    }
}

impl Step {
    /// The steps that a person's act is.
    const fn of(kind: AlertActionKind) -> &'static [Self] {
        match kind {
            AlertActionKind::Decide => &[Self::Authorise, Self::Circulate, Self::Decline],
            AlertActionKind::Update => &[Self::Update],
            AlertActionKind::Renew => &[Self::Renew],
            AlertActionKind::Close => &[Self::Locate, Self::StandDown],
            AlertActionKind::Read => &[Self::Read],
            AlertActionKind::Acknowledge => &[Self::Acknowledge],
            AlertActionKind::Search => &[Self::Search],
            AlertActionKind::Report => &[Self::Sighting],
        }
    }

    const fn kind(self) -> AlertActionKind {
        match self {
            Self::Authorise | Self::Circulate | Self::Decline => AlertActionKind::Decide,
            Self::Update => AlertActionKind::Update,
            Self::Renew => AlertActionKind::Renew,
            Self::Locate | Self::StandDown => AlertActionKind::Close,
            Self::Read => AlertActionKind::Read,
            Self::Acknowledge => AlertActionKind::Acknowledge,
            Self::Search => AlertActionKind::Search,
            Self::Sighting => AlertActionKind::Report,
        }
    }

    /// Who may take it: of those whom the state machine names, those whom the policy lets in. A manager approves and leaves the
    /// decision to the custodian.
    ///
    /// # Source
    /// Domain notes, part 7.1: the team manager approves, the custodian circulates, the senior manager may do so UK-wide.
    pub fn roles(self) -> Vec<Role> {
        let approves = (self == Self::Authorise).then_some(Role::TeamManager);
        let named = self.kind().roles().iter().copied().chain(approves);
        let allowed = Operation::ActOnAlert.allowed();
        named.filter(|role| allowed.iter().any(|(let_in, _)| let_in == role)).collect()
    }
}

/// A step that may be taken now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which.
    pub action: Step,
    /// At which authority.
    pub authority: String,
    /// By whom.
    pub roles: Vec<Role>,
}

/// A refusal that says what may be done instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfTurn {
    /// Why.
    pub why: AlertWhy,
    /// What may be done now.
    pub possible: Vec<Turn>,
}

/// What this region holds of an alert, with its row.
#[derive(Debug, Clone)]
pub struct Held {
    /// As it stands in the database; `None` while it is new.
    pub row: Option<AlertRow>,
    /// What the state machine holds.
    pub alert: Alert,
    /// What stands beside it.
    pub kept: Kept,
    /// The child, of this register.
    pub child: Option<Id>,
    /// The entry under which it was raised.
    pub registration: Option<Id>,
}

impl Held {
    /// Reads a row.
    ///
    /// # Errors
    /// When it cannot be read: a defect.
    pub fn read(row: AlertRow) -> Result<Self, RegisterError> {
        let alert = serde_json::from_str(&row.state).map_err(|_| StoreError::Corrupt("alert"))?;
        let kept = serde_json::from_str(&row.kept).map_err(|_| StoreError::Corrupt("alert"))?;
        Ok(Self { child: row.child_id, registration: row.registration_id, alert, kept, row: Some(row) })
    }

    fn find(connection: &mut AnyConnection, id: AlertId) -> Result<Option<Self>, RegisterError> {
        AlertRow::find(connection, id.into())?.map(Self::read).transpose()
    }

    fn status(&self) -> Option<AlertStatus> {
        self.alert.bulletin.as_ref().map(|bulletin| bulletin.status)
    }

    fn is_exercise(&self) -> bool {
        self.alert.bulletin.as_ref().is_some_and(|bulletin| bulletin.exercise)
    }

    /// The authority that leads.
    pub fn authority(&self) -> &str {
        &self.kept.particulars.authority
    }

    fn whereabouts(&self, connection: &mut AnyConnection, region: &Region) -> Result<Option<Whereabouts>, RegisterError> {
        let custody = self.alert.bulletin.as_ref().map(|bulletin| bulletin.custody);
        custody.map(|custody| Whereabouts::of(connection, region, custody)).transpose()
    }

    /// An authority of this region has come to lead, and with it the alert has come here.
    fn note_take_over(&mut self, outcome: &AlertOutcome, whereabouts: &Whereabouts) {
        if let (Whereabouts::Here { authority, child, .. }, true) = (whereabouts, outcome.matters.contains(&AlertMatter::TakenOver)) {
            self.kept.taken_over(authority.clone());
            self.child = child.or(self.child);
            self.registration = None;
        }
    }

    /// What may be done now, and where: at the owner what is the owner's, at the authorities of this region what anybody who holds
    /// it does.
    pub fn possible(&self, region: &Region) -> Vec<Turn> {
        let mine = self.alert.is_mine();
        let mut turns = Vec::new();
        for (kind, _) in self.alert.possible() {
            let at: Vec<String> = if mine && kind.is_the_owners() {
                vec![self.authority().to_owned()]
            } else {
                region.authorities().iter().map(|authority| authority.gss.clone()).collect()
            };
            for action in Step::of(kind) {
                turns.extend(at.iter().map(|authority| Turn { action: *action, authority: authority.clone(), roles: action.roles() }));
            }
        }
        turns
    }

    fn refuse(&self, region: &Region, why: AlertWhy) -> RegisterError {
        RegisterError::AlertOutOfTurn(Box::new(OutOfTurn { why, possible: self.possible(region) }))
    }

    /// Every duty that runs, with the recipient whose it is.
    pub fn duties(&self) -> Vec<(Option<RegionCode>, Duty)> {
        let of_recipients = self
            .alert
            .recipients
            .iter()
            .flat_map(|(region, recipient)| recipient.duties.iter().map(move |duty| (Some(region.clone()), *duty)));
        self.alert.duties.iter().map(|duty| (None, *duty)).chain(of_recipients).collect()
    }

    /// When a duty is due, by this region's procedures; a renewal when its owner said.
    pub fn due_at(&self, region: &Region, duty: &Duty) -> Option<DateTime<Utc>> {
        if duty.kind == DutyKind::AlertRenewal {
            return self.alert.bulletin.as_ref().map(|bulletin| bulletin.reconfirm_by);
        }
        let calendar = Calendar::for_nation(region.procedures.nation).ok()?;
        let timetable = Timetable { procedures: region.procedures, calendar };
        timetable.due_at(duty, |_| None).unwrap_or_else(|error| {
            tracing::error!(error = %error, "the date of a duty cannot be worked out");
            None
        })
    }

    fn raise_at(&self, region: &Region, raised_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let of = |duty: &Duty| Some(Timetable::raised_at(duty, self.due_at(region, duty)?, raised_at));
        self.duties().iter().filter_map(|(_, duty)| of(duty)).min()
    }
}

/// An alert that the caller may see: one of their authorities, one that was circulated, or – for whoever co-ordinates – one of a
/// child whose case they co-ordinate.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, id: AlertId, principal: &Principal, reach: Reach) -> Result<AlertRow, RegisterError> {
    let row = AlertRow::find(connection, id.into())?;
    // The same statements run whether there is no alert or one that the caller may not know of.
    let child = row.as_ref().and_then(|row| row.child_id).unwrap_or_else(|| id.into());
    let coordinates = registration_rows::coordinates(connection, &principal.key(), child)?;
    row.filter(|row| match reach {
        Reach::Scope => row.is_told_to(|authority| principal.scope.covers(authority)),
        Reach::Own => coordinates && row.is_told_to(|_| true),
    })
    .ok_or(RegisterError::NotFound)
}

/// Every other region of the federation.
fn others(region: &Region) -> BTreeSet<RegionCode> {
    region.membership().regions.keys().filter(|code| *code != region.code()).cloned().collect()
}

/// Keeps a step: the alert, its messages, and what people and programs hear of it.
///
/// # Errors
/// [`RegisterError::Stale`] when another step came first; or the database fails.
fn keep(tx: &mut Tx<'_>, region: &Region, held: Held, outcome: &AlertOutcome, by: &str) -> Result<AlertRow, RegisterError> {
    keep_raised(tx, region, held, outcome, by, None)
}

fn keep_raised(
    tx: &mut Tx<'_>,
    region: &Region,
    mut held: Held,
    outcome: &AlertOutcome,
    by: &str,
    raised_at: Option<DateTime<Utc>>,
) -> Result<AlertRow, RegisterError> {
    let before = held.row.take();
    if held.alert.is_mine() {
        held.kept.particulars.audience = held.alert.recipients.keys().map(ToString::to_string).collect();
    }
    let at = Instant::new(tx.now());
    let raised_at = raised_at.or_else(|| before.as_ref().and_then(|row| row.raised_at).map(Instant::get));
    let bulletin = held.alert.bulletin.as_ref();
    let text = |value: serde_json::Result<String>| value.map_err(|_| StoreError::Corrupt("alert"));
    let custody = bulletin.map(|bulletin| bulletin.custody.into()).or_else(|| before.as_ref().map(|row| row.custody_id));
    let row = AlertRow {
        id: held.alert.id.into(),
        custody_id: custody.unwrap_or_else(|| held.alert.id.into()),
        child_id: held.child,
        registration_id: held.registration,
        authority: held.authority().to_owned(),
        owner: bulletin.map_or_else(String::new, |bulletin| bulletin.owner.to_string()),
        version: before.as_ref().map_or(1, |row| row.version + 1),
        status: held.status().map_or("unknown", AlertStatus::as_str).to_owned(),
        is_shown: held.alert.is_shown(),
        is_exercise: held.is_exercise(),
        state: text(serde_json::to_string(&held.alert))?,
        kept: text(serde_json::to_string(&held.kept))?,
        body: Record::new(&held.kept.particulars.child.person()).encode(),
        raise_at: held.raise_at(region, raised_at).map(Instant::new),
        raised_at: raised_at.map(Instant::new),
        drive_at: (!held.alert.due_messages().is_empty()).then(|| Instant::new(tx.wall() + DRIVE_AGAIN)),
        created_at: before.as_ref().map_or(at, |row| row.created_at),
        changed_at: at,
    };
    match &before {
        None => row.insert(tx.connection)?,
        Some(_) if row.replace(tx.connection)? => {}
        Some(_) => return Err(RegisterError::Stale),
    }
    if let Some(child) = held.child {
        tx.audit().child(child);
    }
    tx.audit().detail("alert", held.alert.id);
    post::send(tx, region, &held, &outcome.send)?;
    let status_before = before.as_ref().map(|row| row.status.clone());
    matters::tell(tx, region, &held, &outcome.matters, status_before.as_deref())?;
    matters::settle(tx, &held, by)?;
    held.row = Some(row.clone());
    Ok(row)
}

/// What a step in the child's custody does to alerts: who comes to lead takes an open one over, who passed custody on sends it after
/// the child; the end of the registration closes it with its reason.
///
/// # Errors
/// When the database fails.
///
/// # Source
/// Domain notes, part 6.5 (de-registering, 18 or death closes the alert with that reason); federation notes, E6 (take-over).
pub(super) fn follow(
    tx: &mut Tx<'_>,
    region: &Region,
    before: Option<&Custody>,
    after: &Custody,
    child: Option<Id>,
    by: &str,
) -> Result<(), RegisterError> {
    let is_known = |standing: &Standing| before.is_some_and(|before| before.standing == *standing);
    let was_without_child = child.is_some() && before.is_none();
    if is_known(&after.standing) && !was_without_child {
        return Ok(());
    }
    let (whereabouts, audience) = (Whereabouts::of(tx.connection, region, after.id)?, others(region));
    for row in AlertRow::of_custody(tx.connection, after.id.into())? {
        let mut held = Held::read(row)?;
        let now = tx.now();
        let outcome = match after.standing {
            Standing::Lead { .. } | Standing::Ended { .. } => held.alert.follow(whereabouts.lead(&audience), now),
            Standing::Closed { ground, .. } if held.alert.is_mine() && held.authority() == after.me.as_str() => {
                let action = AlertAction::Close { reason: closure_of(ground) };
                // It may be closed already.
                held.alert.act(action, &super::transfers::acts::program(by, now)).unwrap_or_default()
            }
            Standing::Closed { .. } | Standing::None => AlertOutcome::default(),
        };
        held.note_take_over(&outcome, &whereabouts);
        if outcome == AlertOutcome::default() && (held.child.is_some() || child.is_none()) {
            continue;
        }
        held.child = held.child.or(child);
        keep(tx, region, held, &outcome, by)?;
    }
    Ok(())
}

const fn closure_of(ground: RemovalGround) -> ClosureReason {
    match ground {
        RemovalGround::Died => ClosureReason::Died,
        RemovalGround::ReachedEighteen => ClosureReason::ReachedEighteen,
        RemovalGround::ReviewConferenceDecision
        | RemovalGround::LeftUnitedKingdom
        | RemovalGround::Transferred
        | RemovalGround::HomeAuthorityEnded => ClosureReason::Removed,
    }
}

/// Those of these children who are sought.
///
/// # Errors
/// When the database fails.
pub fn sought(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<Id>, RegisterError> {
    Ok(AlertRow::sought(connection, children)?)
}
