//! Notices: what a named person must read and confirm. That it was delivered is not that somebody read it.

use chrono::{DateTime, Utc};

use super::registrations::Registration;
use super::{Region, RegisterError, events, work_lists};
use crate::authz::{Principal, Reach};
use crate::domain::ids::NoticeId;
use crate::domain::notify::Notify;
use crate::domain::roles::Role;
use crate::store::Tx;
use crate::store::connection::AnyConnection;
use crate::store::enquiries::EnquiryRow;
use crate::store::notices::{self as rows, Addressee, NoticeRow};
use crate::store::types::Id;

crate::domain::coded::closed_set! {
    /// What happened.
    pub enum Kind {
        /// Somebody asked about a child on the register.
        Enquiry = "enquiry",
        /// Somebody asked about a child who may be one on the register.
        PossibleMatch = "enquiry-possible-match",
        /// Somebody asked about another person at the address of a child on the register.
        SameAddress = "enquiry-same-address",
        /// Somebody asked about a child who was on the register before.
        Former = "enquiry-former",
        /// A conference put the child on the register.
        Registered = "registered",
        /// A review conference kept the child on the register.
        Continued = "continued",
        /// The child came off the register.
        Removed = "removed",
        /// The same after a death or stillbirth: no letter goes to the parents.
        RemovedWithoutLetters = "removed-without-letters",
        /// An end was recorded in error: the child is on the register.
        Reinstated = "reinstated",
        /// The child has another co-ordinator.
        CoordinatorChanged = "coordinator-changed",
        /// The child has no co-ordinator any more.
        CoordinatorEnded = "coordinator-ended",
        /// A date of the plan is near.
        ClockDueSoon = "clock-due-soon",
        /// A date of the plan has passed.
        ClockOverdue = "clock-overdue",
        /// A child on the register has no co-ordinator.
        CoordinatorMissing = "coordinator-missing",
        /// An entry has no date for its next review.
        ReviewDateMissing = "review-date-missing",
        /// An urgent notice has gone unread for too long.
        Unread = "unread",
        /// A region that was silent has answered a check: the child may be on its register.
        LateHit = "late-hit",
        /// Every region has answered a check, and nothing more was found.
        CheckComplete = "check-complete",
        /// A child who was entered before birth was born.
        Birth = "birth-recorded",
        /// Somebody opened a restricted record in an emergency.
        BreakGlass = "break-glass",
        /// A child moves, or may move, to this authority.
        TransferIncoming = "transfer-incoming",
        /// Papers of a move have arrived.
        TransferPapers = "transfer-papers",
        /// A move has ended without a hand-over, and the child may have moved.
        TransferWhoIsResponsible = "transfer-who-is-responsible",
        /// The other authority's conference did not register the child.
        TransferNotRegistered = "transfer-not-registered",
        /// The other authority takes no offer yet.
        TransferDeferred = "transfer-deferred",
        /// Something about a move was not done in time.
        TransferEscalated = "transfer-escalated",
        /// A move is disputed.
        TransferDisputed = "transfer-disputed",
        /// A move is a temporary stay.
        StayAgreed = "stay-agreed",
        /// Two authorities say that they lead.
        CustodyDispute = "custody-dispute",
        /// The register learned from others what it should have known.
        CustodyIncident = "custody-incident",
        /// This authority leads.
        CustodyTaken = "custody-taken",
        /// Another authority leads.
        CustodyPassed = "custody-passed",
    }
}

impl Kind {
    /// For what tells of an end: whether letters go to the family. `None` for everything else.
    ///
    /// # Source
    ///
    /// SSD-PERSON and scenario S20 of the procedures.
    pub const fn letters(self) -> Option<bool> {
        match self {
            Self::Removed => Some(true),
            Self::RemovedWithoutLetters => Some(false),
            Self::Enquiry
            | Self::PossibleMatch
            | Self::SameAddress
            | Self::Former
            | Self::Registered
            | Self::Continued
            | Self::Reinstated
            | Self::CoordinatorChanged
            | Self::CoordinatorEnded
            | Self::ClockDueSoon
            | Self::ClockOverdue
            | Self::CoordinatorMissing
            | Self::ReviewDateMissing
            | Self::Unread
            | Self::LateHit
            | Self::CheckComplete
            | Self::Birth
            | Self::BreakGlass
            | Self::TransferIncoming
            | Self::TransferPapers
            | Self::TransferWhoIsResponsible
            | Self::TransferNotRegistered
            | Self::TransferDeferred
            | Self::TransferEscalated
            | Self::TransferDisputed
            | Self::StayAgreed
            | Self::CustodyDispute
            | Self::CustodyIncident
            | Self::CustodyTaken
            | Self::CustodyPassed => None,
        }
    }
}

/// Tells of what happened to an entry: its custodian, the co-ordinators named, and for a child without a co-ordinator the
/// senior safeguarding manager.
///
/// # Errors
/// When the database refuses or fails.
///
/// # Source
/// WSP-4.3 (change of co-ordinator), WSP-4.9 (removal).
pub fn tell(tx: &mut Tx<'_>, kind: Kind, entry: &Registration, people: &[&str]) -> Result<(), RegisterError> {
    let manager = (kind == Kind::CoordinatorEnded).then_some((Role::SeniorSafeguardingManager, None));
    let people = people.iter().map(|person| (Role::Coordinator, Some((*person).to_owned())));
    for (role, person) in std::iter::once((Role::Custodian, None)).chain(manager).chain(people) {
        let urgency = if matches!(kind, Kind::CoordinatorEnded | Kind::Reinstated) { Notify::Urgent } else { Notify::Normal };
        let row = NoticeRow {
            id: NoticeId::new_at(tx.now()).into(),
            version: 1,
            kind: kind.as_str().into(),
            urgency: urgency.as_str().into(),
            to_role: role.as_str().into(),
            to_person: person,
            authority: entry.row.authority.clone(),
            child_id: Some(entry.row.child_id),
            registration_id: Some(entry.row.id),
            enquiry_id: None,
            created_at: tx.now().into(),
            acknowledged_at: None,
            acknowledged_by: None,
            acknowledgement_note: None,
            clock: None,
            due_on: None,
        };
        events::give_notice(tx, row)?;
    }
    Ok(())
}

/// Tells whoever asked a check what became of it later.
///
/// # Errors
/// When the database refuses or fails.
pub fn to_enquirer(tx: &mut Tx<'_>, kind: Kind, urgency: Notify, region: &str, check: &EnquiryRow) -> Result<(), RegisterError> {
    NoticeRow {
        id: NoticeId::new_at(tx.now()).into(),
        version: 1,
        kind: kind.as_str().into(),
        urgency: urgency.as_str().into(),
        to_role: check.role.clone(),
        to_person: Some(check.asked_by.clone()),
        authority: region.to_owned(),
        child_id: None,
        registration_id: None,
        enquiry_id: Some(check.id),
        created_at: tx.now().into(),
        acknowledged_at: None,
        acknowledged_by: None,
        acknowledgement_note: None,
        clock: None,
        due_on: None,
    }
    .insert(tx)?;
    events::to_enquirer(tx, format!("notice.{}", kind.as_str()), check)
}

/// Whom a notice concerns.
#[derive(Debug, Clone)]
pub struct Notice {
    /// What happened.
    pub kind: Kind,
    /// How urgent it is.
    pub urgency: Notify,
    /// The authority whose custodian is told.
    pub authority: String,
    /// The co-ordinator who is told, if the entry names one with an identity.
    pub coordinator: Option<String>,
    /// The child.
    pub child: Id,
    /// The entry.
    pub registration: Id,
    /// The check.
    pub enquiry: Id,
}

/// Tells the custodian and, if known, the co-ordinator: a notice each, so that each confirms for themselves.
///
/// # Errors
/// When the database refuses or fails.
///
/// # Source
/// Invariant I14 (MK-REC, WSP-4.12).
pub fn give(tx: &mut Tx<'_>, notice: &Notice) -> Result<(), RegisterError> {
    let coordinator = notice.coordinator.as_ref().map(|person| ("coordinator", Some(person.clone())));
    for (role, person) in std::iter::once(("custodian", None)).chain(coordinator) {
        let row = NoticeRow {
            id: NoticeId::new_at(tx.now()).into(),
            version: 1,
            kind: notice.kind.as_str().into(),
            urgency: notice.urgency.as_str().into(),
            to_role: role.into(),
            to_person: person,
            authority: notice.authority.clone(),
            child_id: Some(notice.child),
            registration_id: Some(notice.registration),
            enquiry_id: Some(notice.enquiry),
            created_at: tx.now().into(),
            acknowledged_at: None,
            acknowledged_by: None,
            acknowledgement_note: None,
            clock: None,
            due_on: None,
        };
        events::give_notice(tx, row)?;
    }
    Ok(())
}

/// A notice about a child, or about an entry, to a role, or to one person in it, as it will be given.
pub fn about(
    at: DateTime<Utc>,
    kind: Kind,
    urgency: Notify,
    to: (Role, Option<String>),
    authority: &str,
    child: Id,
    registration: impl Into<Option<Id>>,
) -> NoticeRow {
    NoticeRow {
        id: NoticeId::new_at(at).into(),
        version: 1,
        kind: kind.as_str().into(),
        urgency: urgency.as_str().into(),
        to_role: to.0.as_str().into(),
        to_person: to.1,
        authority: authority.to_owned(),
        child_id: Some(child),
        registration_id: registration.into(),
        enquiry_id: None,
        created_at: at.into(),
        acknowledged_at: None,
        acknowledged_by: None,
        acknowledgement_note: None,
        clock: None,
        due_on: None,
    }
}

/// Whose notices a person sees.
pub fn addressee(principal: &Principal, reach: Reach, region: &Region) -> Addressee {
    match reach {
        Reach::Scope => Addressee::Authorities(work_lists(principal, region)),
        Reach::Own => Addressee::Person(principal.key()),
    }
}

/// A notice that the caller may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(
    connection: &mut AnyConnection,
    region: &Region,
    id: NoticeId,
    principal: &Principal,
    reach: Reach,
) -> Result<NoticeRow, RegisterError> {
    let to = addressee(principal, reach, region);
    rows::find(connection, id.into())?
        .filter(|notice| match &to {
            Addressee::Authorities(authorities) => authorities.contains(&notice.authority),
            Addressee::Person(person) => notice.to_person.as_ref() == Some(person),
        })
        .ok_or(RegisterError::NotFound)
}

/// Acknowledges a notice: a named person read it.
///
/// # Errors
/// [`RegisterError::AlreadyAcknowledged`], [`RegisterError::Stale`].
pub fn acknowledge(tx: &mut Tx<'_>, notice: &NoticeRow, by: &str, note: Option<&str>) -> Result<NoticeRow, RegisterError> {
    if notice.acknowledged_at.is_some() {
        return Err(RegisterError::AlreadyAcknowledged);
    }
    let now = tx.now();
    if !rows::acknowledge(tx.connection, notice.id, notice.version, by, note, now.into())? {
        return Err(RegisterError::Stale);
    }
    if let Some(child) = notice.child_id {
        tx.audit().child(child);
    }
    events::notice_read(tx, notice)?;
    rows::find(tx.connection, notice.id)?.ok_or(RegisterError::NotFound)
}
