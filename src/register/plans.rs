//! What is done under a plan: visits, meetings of the core group, milestones. Each is a fact of its own; one that was entered
//! in error is withdrawn with a reason and stays readable. Clocks are met by what is left.

use chrono::NaiveDate;

use super::registrations::Registration;
use super::{Region, RegisterError, children, clocks};
use crate::domain::coded::{closed_set, coded_error};
use crate::domain::procedures::EventKind;
use crate::domain::text::{Line, Note};
use crate::store::Tx;
use crate::store::children::ParticularsRow;
use crate::store::connection::AnyConnection;
use crate::store::plans::{CoreGroupMeetingRow, MilestoneRow, VisitRow, WithdrawalRow};
use crate::store::types::{Id, Instant};

closed_set! {
    /// Something that is done once under a plan.
    ///
    /// # Source
    ///
    /// WSP-3.2.11 (outline plan), WSP-3.2.13 (assessment), WSP-3.2.9 (parents told of the decision), WSP-4.9 (agencies told),
    /// BIRTHPLAN (birth plan to the midwife); WSP-3.1.4 for the decisions before a conference.
    pub enum MilestoneKind {
        /// What to do about the referral was decided.
        NextStepDecided = "next-step-decided",
        /// A strategy discussion was decided on.
        StrategyDiscussionDecided = "strategy-discussion-decided",
        /// The outline plan and the summary of decisions were circulated.
        PlanCirculated = "plan-circulated",
        /// The assessment was completed.
        AssessmentCompleted = "assessment-completed",
        /// The parents were told of the decision.
        ParentsTold = "parents-told",
        /// Telling the parents was put off, for the reason in the note.
        ParentsNotTold = "parents-not-told",
        /// The agencies were told.
        AgenciesTold = "agencies-told",
        /// The birth plan went to the named midwife.
        BirthPlanSent = "birth-plan-sent",
    }
}

impl MilestoneKind {
    /// The event of the procedures that it is, if clocks depend on it.
    pub const fn event(self) -> Option<EventKind> {
        match self {
            Self::NextStepDecided => Some(EventKind::NextStepDecided),
            Self::StrategyDiscussionDecided => Some(EventKind::StrategyDiscussionDecided),
            Self::PlanCirculated => Some(EventKind::PlanCirculated),
            Self::AssessmentCompleted => Some(EventKind::AssessmentCompleted),
            Self::ParentsTold | Self::ParentsNotTold | Self::AgenciesTold | Self::BirthPlanSent => None,
        }
    }

    /// Whether it can lie before registration: what belongs to the enquiry.
    const fn may_precede_registration(self) -> bool {
        match self {
            Self::NextStepDecided | Self::StrategyDiscussionDecided | Self::AssessmentCompleted => true,
            Self::PlanCirculated | Self::ParentsTold | Self::ParentsNotTold | Self::AgenciesTold | Self::BirthPlanSent => false,
        }
    }
}

closed_set! {
    /// What kind of fact was withdrawn.
    pub enum FactKind {
        /// A visit.
        Visit = "visit",
        /// A meeting of the core group.
        CoreGroupMeeting = "core-group-meeting",
        /// A milestone.
        Milestone = "milestone",
    }
}

coded_error! {
    /// A rule that a fact of a plan would break.
    pub enum PlanViolation {
        /// It has not happened yet.
        InTheFuture = "in-the-future", "check the date: it has not come yet";
        /// It lies before the entry.
        BeforeRegistration = "before-registration", "give a day on or after the day of registration";
        /// It lies after the end of the entry.
        AfterRemoval = "after-removal", "give a day on or before the day on which the entry ended";
        /// Nobody can be seen alone without being seen.
        AloneButNotSeen = "alone-but-not-seen", "a child who was seen alone was seen: correct one of the two";
        /// The bedroom is at home.
        BedroomButNotAtHome = "bedroom-but-not-at-home", "the bedroom is seen at home: correct one of the two";
        /// The child was not born on that day.
        NotYetBorn = "not-yet-born", "a child who was not born could not be seen: say that it was not";
        /// A delay needs its reason.
        ReasonMissing = "missing", "say why the parents were not told";
    }
}

/// A visit to be recorded.
#[derive(Debug, Clone)]
pub struct NewVisit {
    /// When.
    pub visited_on: NaiveDate,
    /// By whom.
    pub visited_by: Option<Line>,
    /// Whether the child was seen.
    pub seen: bool,
    /// Whether without parents or carers.
    pub seen_alone: bool,
    /// Whether at home.
    pub at_home: bool,
    /// Whether the child's bedroom was seen.
    pub bedroom_seen: bool,
    /// What there is to say.
    pub note: Option<Note>,
}

/// A meeting of the core group to be recorded.
#[derive(Debug, Clone)]
pub struct NewCoreGroupMeeting {
    /// When.
    pub held_on: NaiveDate,
    /// What there is to say.
    pub note: Option<Note>,
}

/// A milestone to be recorded.
#[derive(Debug, Clone)]
pub struct NewMilestone {
    /// Which.
    pub kind: MilestoneKind,
    /// When.
    pub reached_on: NaiveDate,
    /// What there is to say.
    pub note: Option<Note>,
}

fn broken(pointer: &str, violation: PlanViolation) -> RegisterError {
    RegisterError::Rule { pointer: pointer.into(), code: violation.code(), detail: violation.to_string() }
}

/// Whether something of an entry can have happened on a day.
fn check_day(entry: &Registration, pointer: &str, on: NaiveDate, today: NaiveDate, from_registration: bool) -> Result<(), RegisterError> {
    if on > today {
        Err(broken(pointer, PlanViolation::InTheFuture))
    } else if from_registration && on < entry.state.registered_on {
        Err(broken(pointer, PlanViolation::BeforeRegistration))
    } else if entry.state.removed_on.is_some_and(|removed_on| on > removed_on) {
        Err(broken(pointer, PlanViolation::AfterRemoval))
    } else {
        Ok(())
    }
}

/// What is the same for every fact of a plan.
macro_rules! fact {
    ($row:ident, $entry:expr, $at:expr, $by:expr, $on:expr, { $($field:ident: $value:expr),* $(,)? }) => {
        $row {
            id: Id(uuid::Uuid::now_v7()),
            registration_id: $entry.row.id,
            $($field: $value,)*
            valid_from: Some($on),
            valid_to: Some($on),
            recorded_at: Instant::new($at),
            recorded_by: $by.to_owned(),
            superseded_at: None,
        }
    };
}

fn text(note: Option<&Note>) -> Option<String> {
    note.map(|note| note.expose().to_owned())
}

/// The end of every change of a plan: the audit entry names child and entry, and the clocks are worked out anew.
fn changed(tx: &mut Tx<'_>, region: &Region, entry: &Registration) -> Result<(), RegisterError> {
    tx.audit().child(entry.row.child_id);
    tx.audit().detail("registration", entry.row.id.0);
    clocks::keeper::refresh(tx, region, entry.row.id)
}

/// Records a visit.
///
/// # Errors
/// A broken rule, each with its code; or when the database fails.
///
/// # Source
/// WSP-4.3: seen, seen alone, at home and the bedroom are four things.
pub fn visit(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewVisit, by: &str) -> Result<VisitRow, RegisterError> {
    check_day(entry, "/visitedOn", new.visited_on, children::today(tx.now()), true)?;
    if new.seen_alone && !new.seen {
        return Err(broken("/seenAlone", PlanViolation::AloneButNotSeen));
    }
    if new.bedroom_seen && !new.at_home {
        return Err(broken("/bedroomSeen", PlanViolation::BedroomButNotAtHome));
    }
    let particulars = ParticularsRow::current(tx.connection, &[entry.row.child_id])?.pop();
    let unborn = particulars.is_some_and(|row| match row.birth_kind.as_str() {
        "expected" => true,
        "exact" => row.birth_from.is_some_and(|born| new.visited_on < born),
        _ => false,
    });
    if unborn && new.seen {
        return Err(broken("/seen", PlanViolation::NotYetBorn));
    }
    let row = fact!(VisitRow, entry, tx.now(), by, new.visited_on, {
        visited_on: new.visited_on,
        visited_by: new.visited_by.as_ref().map(|name| name.expose().to_owned()),
        seen: new.seen,
        seen_alone: new.seen_alone,
        at_home: new.at_home,
        bedroom_seen: new.bedroom_seen,
        note: text(new.note.as_ref()),
    });
    row.insert(tx.connection)?;
    changed(tx, region, entry)?;
    Ok(row)
}

/// Records a meeting of the core group.
///
/// # Errors
/// A broken rule, each with its code; or when the database fails.
///
/// # Source
/// WSP-4.4, WSP-3.2.13.
pub fn meet(
    tx: &mut Tx<'_>,
    region: &Region,
    entry: &Registration,
    new: &NewCoreGroupMeeting,
    by: &str,
) -> Result<CoreGroupMeetingRow, RegisterError> {
    check_day(entry, "/heldOn", new.held_on, children::today(tx.now()), true)?;
    let row = fact!(CoreGroupMeetingRow, entry, tx.now(), by, new.held_on, { held_on: new.held_on, note: text(new.note.as_ref()) });
    row.insert(tx.connection)?;
    changed(tx, region, entry)?;
    Ok(row)
}

/// Records a milestone.
///
/// # Errors
/// A broken rule, each with its code; or when the database fails.
pub fn reach(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewMilestone, by: &str) -> Result<MilestoneRow, RegisterError> {
    check_day(entry, "/reachedOn", new.reached_on, children::today(tx.now()), !new.kind.may_precede_registration())?;
    if new.kind == MilestoneKind::ParentsNotTold && new.note.is_none() {
        return Err(broken("/note", PlanViolation::ReasonMissing));
    }
    let row = fact!(MilestoneRow, entry, tx.now(), by, new.reached_on, {
        kind: new.kind.as_str().to_owned(),
        reached_on: new.reached_on,
        note: text(new.note.as_ref()),
    });
    row.insert(tx.connection)?;
    changed(tx, region, entry)?;
    Ok(row)
}

/// Withdraws a fact that was entered in error. It stays readable, with who withdrew it and why.
///
/// # Errors
/// [`RegisterError::Stale`] when somebody else was quicker.
///
/// # Source
/// Invariant I17: a correction is a new fact naming who and why.
pub fn withdraw(
    tx: &mut Tx<'_>,
    region: &Region,
    entry: &Registration,
    fact: (FactKind, Id),
    reason: &str,
    by: &str,
) -> Result<WithdrawalRow, RegisterError> {
    let (kind, id) = fact;
    let at = Instant::new(tx.now());
    let row = WithdrawalRow {
        fact_id: id,
        registration_id: entry.row.id,
        kind: kind.as_str().to_owned(),
        reason: reason.to_owned(),
        recorded_at: at,
        recorded_by: by.to_owned(),
    };
    if !row.insert(tx.connection)? {
        return Err(RegisterError::Stale);
    }
    match kind {
        FactKind::Visit => VisitRow::supersede(tx.connection, &[id], at)?,
        FactKind::CoreGroupMeeting => CoreGroupMeetingRow::supersede(tx.connection, &[id], at)?,
        FactKind::Milestone => MilestoneRow::supersede(tx.connection, &[id], at)?,
    }
    tx.audit().detail("withdrawn", kind);
    changed(tx, region, entry)?;
    Ok(row)
}

/// That a fact was entered in error, if it was.
///
/// # Errors
/// When the database fails.
pub fn withdrawal(connection: &mut AnyConnection, id: Id) -> Result<Option<WithdrawalRow>, RegisterError> {
    Ok(WithdrawalRow::of(connection, &[id])?.pop())
}
