//! Tasks: what a named person must do and close with a reason.

use chrono::{DateTime, Utc};

use super::{Region, RegisterError, work_lists};
use crate::authz::{Principal, Reach};
use crate::domain::ids::{CheckId, ChildId, RegistrationId, TaskId};
use crate::domain::roles::Role;
use crate::store::connection::AnyConnection;
use crate::store::tasks::{self as rows, TaskRow};
use crate::store::types::Id;
use crate::store::{StoreError, Tx};

crate::domain::coded::closed_set! {
    /// What is to be done.
    pub enum Kind {
        /// A second agency asked about a child on no register (MK-REC; switchable).
        RepeatEnquiry = "repeat-enquiry",
        /// An entry has no co-ordinator (WSP-4.3).
        CoordinatorMissing = "coordinator-missing",
        /// An entry has no review date (WSP-4.8).
        ReviewDateMissing = "review-date-missing",
        /// An entry taken over from an earlier register has no category (WSP-3.2.10).
        CategoryMissing = "category-missing",
        /// Somebody's enquiries look like fishing.
        EnquiryPattern = "enquiry-pattern",
        /// A child entitled to an active offer of an advocate has had none (WG-ADV).
        AdvocacyUnmet = "advocacy-unmet",
        /// The agencies are to be told what was decided (WSP-4.9).
        TellAgencies = "tell-agencies",
        /// The same after a death or stillbirth: no letter goes to the parents.
        TellAgenciesWithoutLetters = "tell-agencies-without-letters",
        /// A date of the plan is near.
        ClockDueSoon = "clock-due-soon",
        /// A date of the plan has passed.
        ClockOverdue = "clock-overdue",
        /// Two records may be of one person: a person decides.
        PossibleDuplicate = "possible-duplicate",
        /// A restricted record was opened in an emergency: see within a working day whether that was right.
        BreakGlassReview = "break-glass-review",
        /// A child moves, or may move, to this authority: acknowledge it (WSP-4.10).
        TransferIncoming = "transfer-incoming",
        /// A move has ended without a hand-over: settle who is responsible (invariant I23).
        TransferWhoIsResponsible = "transfer-who-is-responsible",
        /// The other authority's conference did not register the child: only the own review conference ends the entry (I1).
        TransferNotRegistered = "transfer-not-registered",
        /// There are signs that the child has moved away, and nobody has said so (WSP-4.10).
        SuspectedMove = "suspected-move",
        /// A child is with an authority or in a country that no message reaches: write and ring until it is accepted in writing
        /// (federation notes, E4).
        ChildOutside = "child-outside",
        /// A stay has lasted so long that a transfer-in conference has to be asked for.
        StayReview = "stay-review",
        /// The last day of a stay has passed.
        StayEnd = "stay-end",
        /// Two authorities say that they lead: settle who does.
        CustodyDispute = "custody-dispute",
        /// The register learned from others what it should have known: find out why.
        CustodyIncident = "custody-incident",
        /// Another region refuses what this authority has to say of a child: settle with it why (federation notes, D1).
        MessageParked = "message-parked",
        /// What this region and another hold of a child's move, stay or alert differs although it was told again (federation notes, D1).
        RegistersDiffer = "registers-differ",
        /// A child is missing: decide whether to circulate an alert (WSP-4.11).
        AlertDecision = "alert-decision",
        /// Somebody asked about a missing child, or saw them: ring them now (scenario S34).
        AlertHit = "alert-hit",
        /// The date by which an alert was to be confirmed has passed (invariant I20).
        AlertRenewal = "alert-renewal",
        /// A missing child was found in another area: see whether the family has settled there, and begin the move (WSP-4.11).
        AlertFoundElsewhere = "alert-found-elsewhere",
        /// A file that is imported and the register say different things: decide which is right.
        ImportMismatch = "import-mismatch",
    }
}

impl Kind {
    /// Who is to do it.
    ///
    /// # Source
    ///
    /// WSP-4.3 and MK-REC for the co-ordinator; the required items of the procedures for the others.
    pub const fn to_role(self) -> Role {
        match self {
            Self::CoordinatorMissing | Self::ReviewDateMissing => Role::SeniorSafeguardingManager,
            Self::AdvocacyUnmet => Role::Coordinator,
            // Each step of a clock names its own; this is where a task without one goes.
            Self::ClockDueSoon | Self::ClockOverdue => Role::TeamManager,
            Self::RepeatEnquiry
            | Self::CategoryMissing
            | Self::EnquiryPattern
            | Self::TellAgencies
            | Self::TellAgenciesWithoutLetters
            | Self::PossibleDuplicate
            | Self::BreakGlassReview
            | Self::TransferWhoIsResponsible
            | Self::TransferNotRegistered
            | Self::CustodyIncident
            | Self::ChildOutside
            | Self::MessageParked
            | Self::RegistersDiffer
            | Self::AlertDecision
            | Self::AlertRenewal
            | Self::AlertFoundElsewhere
            | Self::ImportMismatch => Role::Custodian,
            Self::AlertHit => Role::EmergencyDuty,
            Self::TransferIncoming | Self::SuspectedMove | Self::StayReview | Self::StayEnd => Role::TeamManager,
            Self::CustodyDispute => Role::SeniorSafeguardingManager,
        }
    }

    /// For what tells of an end: whether letters go to the family. `None` for everything else.
    ///
    /// # Source
    ///
    /// SSD-PERSON and scenario S20 of the procedures.
    pub const fn letters(self) -> Option<bool> {
        match self {
            Self::TellAgencies => Some(true),
            Self::TellAgenciesWithoutLetters => Some(false),
            Self::RepeatEnquiry
            | Self::CoordinatorMissing
            | Self::ReviewDateMissing
            | Self::CategoryMissing
            | Self::EnquiryPattern
            | Self::ClockDueSoon
            | Self::ClockOverdue
            | Self::AdvocacyUnmet
            | Self::PossibleDuplicate
            | Self::BreakGlassReview
            | Self::TransferIncoming
            | Self::TransferWhoIsResponsible
            | Self::TransferNotRegistered
            | Self::SuspectedMove
            | Self::ChildOutside
            | Self::StayReview
            | Self::StayEnd
            | Self::CustodyDispute
            | Self::CustodyIncident
            | Self::MessageParked
            | Self::RegistersDiffer
            | Self::AlertDecision
            | Self::AlertHit
            | Self::AlertRenewal
            | Self::AlertFoundElsewhere
            | Self::ImportMismatch => None,
        }
    }
}

/// Closes the open tasks of these kinds about an entry.
///
/// # Errors
/// When the database fails.
pub fn settle(tx: &mut Tx<'_>, registration: Id, kinds: &[Kind], by: &str, reason: &str) -> Result<(), RegisterError> {
    let now = tx.now();
    for task in rows::open_of(tx.connection, registration)? {
        if kinds.iter().any(|kind| kind.as_str() == task.kind) {
            rows::close(tx.connection, task.id, task.version, by, reason, now.into())?;
        }
    }
    Ok(())
}

/// Closes the open tasks of a kind about a child, of one authority.
///
/// # Errors
/// When the database fails.
pub fn settle_about(tx: &mut Tx<'_>, child: Id, authority: &str, kind: Kind, by: &str, reason: &str) -> Result<(), RegisterError> {
    let now = tx.now();
    for task in rows::open_about(tx.connection, child)? {
        if task.kind == kind.as_str() && task.authority == authority {
            rows::close(tx.connection, task.id, task.version, by, reason, now.into())?;
        }
    }
    Ok(())
}

/// Raises a task about an entry unless one of its kind is open.
///
/// # Errors
/// When the database refuses or fails.
pub fn raise_once(tx: &mut Tx<'_>, kind: Kind, authority: &str, child: Id, registration: Id) -> Result<(), RegisterError> {
    if rows::open_of(tx.connection, registration)?.iter().any(|task| task.kind == kind.as_str()) {
        return Ok(());
    }
    let task = TaskRow { child_id: Some(child), registration_id: Some(registration), ..row(tx.now(), kind, authority, None, None, None) };
    task.insert(tx)?;
    Ok(())
}

/// Raises a task for an authority, or for the whole region.
///
/// # Errors
/// When the database refuses or fails.
pub fn raise(
    tx: &mut Tx<'_>,
    kind: Kind,
    authority: &str,
    child: Option<ChildId>,
    registration: Option<RegistrationId>,
    enquiry: Option<CheckId>,
) -> Result<TaskId, RegisterError> {
    let row = row(tx.now(), kind, authority, child, registration, enquiry);
    let id = row.id.0;
    row.insert(tx)?;
    TaskId::try_from(id).map_err(|_| StoreError::Corrupt("task id").into())
}

/// A task as it will be raised.
pub fn row(
    at: DateTime<Utc>,
    kind: Kind,
    authority: &str,
    child: Option<ChildId>,
    registration: Option<RegistrationId>,
    enquiry: Option<CheckId>,
) -> TaskRow {
    TaskRow {
        id: TaskId::new_at(at).into(),
        version: 1,
        kind: kind.as_str().into(),
        authority: authority.to_owned(),
        to_role: kind.to_role().as_str().into(),
        child_id: child.map(Id::from),
        registration_id: registration.map(Id::from),
        enquiry_id: enquiry.map(Id::from),
        reasons: format!("[\"{}\"]", kind.as_str()),
        created_at: at.into(),
        closed_at: None,
        closed_by: None,
        close_reason: None,
        about: None,
        clock: None,
        due_on: None,
        alert_id: None,
    }
}

/// The role whose tasks alone a person sees; `None` for whoever sees those of everybody.
pub fn own_role(principal: &Principal, reach: Reach) -> Option<&'static str> {
    match reach {
        Reach::Scope => None,
        Reach::Own => Some(principal.role.as_str()),
    }
}

/// A task that the caller may see. Whom a task is about may not.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(
    connection: &mut AnyConnection,
    region: &Region,
    id: TaskId,
    principal: &Principal,
    reach: Reach,
) -> Result<TaskRow, RegisterError> {
    let lists = work_lists(principal, region);
    let about_them = |task: &TaskRow| task.about.as_ref() == Some(&principal.key());
    let is_theirs = |task: &TaskRow| own_role(principal, reach).is_none_or(|role| task.to_role == role);
    rows::find(connection, id.into())?
        .filter(|task| lists.contains(&task.authority) && is_theirs(task) && !about_them(task))
        .ok_or(RegisterError::NotFound)
}

/// Closes a task with a reason.
///
/// # Errors
/// [`RegisterError::AlreadyClosed`], [`RegisterError::Stale`].
pub fn close(tx: &mut Tx<'_>, task: &TaskRow, by: &str, reason: &str) -> Result<TaskRow, RegisterError> {
    if task.closed_at.is_some() {
        return Err(RegisterError::AlreadyClosed);
    }
    let now = tx.now();
    if !rows::close(tx.connection, task.id, task.version, by, reason, now.into())? {
        return Err(RegisterError::Stale);
    }
    if let Some(child) = task.child_id {
        tx.audit().child(child);
    }
    rows::find(tx.connection, task.id)?.ok_or(RegisterError::NotFound)
}
