//! Notices: what a named person must read and confirm. That it was delivered is not that somebody read it.

use chrono::{DateTime, TimeDelta, Utc};

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
        /// An entry was made in error: the child was never on the register by it.
        InError = "registration-in-error",
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
        /// A child of another authority stays here for a time: the stay has begun, changed or ended.
        StayHere = "stay-here",
        /// The host of a stay has told what it saw of the child.
        StayContact = "stay-contact",
        /// Two authorities say that they lead.
        CustodyDispute = "custody-dispute",
        /// The register learned from others what it should have known.
        CustodyIncident = "custody-incident",
        /// This authority leads.
        CustodyTaken = "custody-taken",
        /// Another authority leads.
        CustodyPassed = "custody-passed",
        /// A child of this authority is missing, or a family is not where it is expected: whether to circulate is to be decided.
        AlertRaised = "alert-raised",
        /// Whether an alert is circulated was decided.
        AlertDecided = "alert-decided",
        /// A child is missing: an alert is circulated, or there is more to it.
        AlertReceived = "alert-received",
        /// An alert was stood down.
        AlertStoodDown = "alert-stood-down",
        /// Somebody asked about a missing child, saw them, or has a record that may be theirs.
        AlertHit = "alert-hit",
        /// An alert has come here with the responsibility for the child.
        AlertTakenOver = "alert-taken-over",
        /// An alert has passed to another authority.
        AlertPassedOn = "alert-passed-on",
        /// Something about an alert was not done in time.
        AlertEscalated = "alert-escalated",
        /// Whatever concerns an alert that is an exercise.
        AlertExercise = "alert-exercise",
        /// A partner reported that a child on the register missed an appointment.
        MissedAppointment = "missed-appointment",
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
            | Self::InError
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
            | Self::StayHere
            | Self::StayContact
            | Self::StayAgreed
            | Self::CustodyDispute
            | Self::CustodyIncident
            | Self::CustodyTaken
            | Self::CustodyPassed
            | Self::AlertRaised
            | Self::AlertDecided
            | Self::AlertReceived
            | Self::AlertStoodDown
            | Self::AlertHit
            | Self::AlertTakenOver
            | Self::AlertPassedOn
            | Self::AlertEscalated
            | Self::AlertExercise
            | Self::MissedAppointment => None,
        }
    }
}

/// Whether whoever asked may know that a notice of this kind was given and read: the answer says of whom it is.
pub fn is_told_back(kind: &str) -> bool {
    [Kind::Enquiry, Kind::PossibleMatch].iter().any(|told| told.as_str() == kind)
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
        let urgency =
            if matches!(kind, Kind::CoordinatorEnded | Kind::InError | Kind::Reinstated) { Notify::Urgent } else { Notify::Normal };
        let row = about(tx.now(), kind, urgency, (role, person), &entry.row.authority, entry.row.child_id, entry.row.id);
        events::give_notice(tx, row)?;
    }
    Ok(())
}

/// Tells whoever asked a check what became of it later.
///
/// # Errors
/// When the database refuses or fails.
pub fn to_enquirer(tx: &mut Tx<'_>, kind: Kind, urgency: Notify, region: &str, check: &EnquiryRow) -> Result<(), RegisterError> {
    let to = (check.role.as_str(), Some(check.asked_by.clone()));
    NoticeRow { enquiry_id: Some(check.id), ..row(tx.now(), kind, urgency, to, region) }.insert(tx)?;
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
    /// Whether the check is routine: nobody fears for the child.
    pub routine: bool,
}

/// Tells the custodian and, if known, the co-ordinator: a notice each, so that each confirms for themselves. What is told of
/// routine checks is put together with what the same reader has not read yet of the last while, `together`: whoever confirms the
/// same every hour soon reads nothing. Each is kept, and an event, all the same; what is urgent always stands alone.
///
/// # Errors
/// When the database refuses or fails.
///
/// # Source
/// Invariant I14 (MK-REC, WSP-4.12).
pub fn give(tx: &mut Tx<'_>, notice: &Notice, together: TimeDelta) -> Result<(), RegisterError> {
    let coordinator = notice.coordinator.as_ref().map(|person| (Role::Coordinator, Some(person.clone())));
    for to in std::iter::once((Role::Custodian, None)).chain(coordinator) {
        let mut row = NoticeRow {
            enquiry_id: Some(notice.enquiry),
            ..about(tx.now(), notice.kind, notice.urgency, to, &notice.authority, notice.child, notice.registration)
        };
        if notice.routine && notice.urgency == Notify::Normal && together > TimeDelta::zero() {
            let since = tx.now() - together;
            row.together_id = rows::put_together(tx.connection, &row, since.into())?.or(Some(row.id));
        }
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
    NoticeRow { child_id: Some(child), registration_id: registration.into(), ..row(at, kind, urgency, (to.0.as_str(), to.1), authority) }
}

/// A notice to a role, or to one person in it, that is about nothing yet.
pub(super) fn row(at: DateTime<Utc>, kind: Kind, urgency: Notify, to: (&str, Option<String>), authority: &str) -> NoticeRow {
    NoticeRow {
        id: NoticeId::new_at(at).into(),
        version: 1,
        kind: kind.as_str().into(),
        urgency: urgency.as_str().into(),
        to_role: to.0.to_owned(),
        to_person: to.1,
        authority: authority.to_owned(),
        child_id: None,
        registration_id: None,
        enquiry_id: None,
        created_at: at.into(),
        acknowledged_at: None,
        acknowledged_by: None,
        acknowledgement_note: None,
        clock: None,
        due_on: None,
        alert_id: None,
        together_id: None,
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

/// Acknowledges a notice: a named person read it, and what was put together in it.
///
/// # Errors
/// [`RegisterError::AlreadyAcknowledged`], [`RegisterError::Stale`].
pub fn acknowledge(tx: &mut Tx<'_>, region: &Region, notice: &NoticeRow, by: &str, note: Option<&str>) -> Result<NoticeRow, RegisterError> {
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
    events::notice_read(tx, region, notice)?;
    if notice.together_id == Some(notice.id) {
        for other in rows::unread_together(tx.connection, notice.id)? {
            // Whoever was quicker has confirmed it by itself.
            if rows::acknowledge(tx.connection, other.id, other.version, by, note, now.into())? {
                events::notice_read(tx, region, &other)?;
            }
        }
    }
    rows::find(tx.connection, notice.id)?.ok_or(RegisterError::NotFound)
}
