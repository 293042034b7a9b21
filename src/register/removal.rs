//! Taking a name off the register, on the grounds of the procedures and on no other; and putting it back when that was
//! recorded in error.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::identities::Groups;
use super::registrations::{Registration, load, restate};
use super::{Region, RegisterError, children, conferences, matcher, notices, refused, registrations, tasks, transfers, unless_broken};
use crate::domain::conference::Decision;
use crate::domain::dates::{BirthDate, BirthRange};
use crate::domain::ids::ConferenceId;
use crate::domain::registration::{ConferenceKind, RemovalGround, Violation};
use crate::domain::removal::{Evidence, ProposedRemoval, RemovalViolation};
use crate::domain::text::Note;
use crate::store::Tx;
use crate::store::children::ParticularsRow;
use crate::store::connection::AnyConnection;
use crate::store::registrations::{self as rows, StateRow};
use crate::store::types::Id;

/// How somebody wants an entry to end.
#[derive(Debug, Clone)]
pub struct NewRemoval {
    /// From which day the child is no longer on the register.
    pub removed_on: NaiveDate,
    /// On which ground.
    pub ground: RemovalGround,
    /// The conference that decided it.
    pub conference: Option<ConferenceId>,
    /// What is held for it: who told of the death, the confirmation of the heads of service, what the home authority said,
    /// the acceptance in writing.
    pub evidence: Option<Note>,
    /// Why.
    pub reasons: Option<Note>,
}

/// What is known of a person's birth.
pub fn birth(row: Option<&ParticularsRow>) -> Option<BirthDate> {
    let row = row?;
    birth_of(&row.birth_kind, row.birth_from, row.birth_to)
}

/// A birth by its kind and its first and last possible day, as the database keeps them.
pub fn birth_of(kind: &str, from: Option<NaiveDate>, to: Option<NaiveDate>) -> Option<BirthDate> {
    let from = from?;
    match kind {
        "exact" => from.try_into().ok().map(BirthDate::Exact),
        "expected" => from.try_into().ok().map(BirthDate::Expected),
        "approximate" => BirthRange::new(from.try_into().ok()?, to?.try_into().ok()?).ok().map(BirthDate::Approximate),
        _ => None,
    }
}

/// The evidence that a text stands for, by the ground it was given for.
const fn evidence_of(ground: RemovalGround) -> Option<Evidence> {
    match ground {
        RemovalGround::Died => Some(Evidence::DeathRecorded),
        RemovalGround::LeftUnitedKingdom => Some(Evidence::HeadsOfServiceConfirmation),
        RemovalGround::Transferred => Some(Evidence::WrittenAcceptance),
        RemovalGround::HomeAuthorityEnded => Some(Evidence::HomeAuthorityStatement),
        RemovalGround::ReviewConferenceDecision | RemovalGround::ReachedEighteen => None,
    }
}

/// The evidence that a recorded conference is: for a removal by review, one of the own authority that decided it for this
/// child; for any other, one that was about this child.
fn evidence_by_conference(connection: &mut AnyConnection, entry: &Registration, conference: Id) -> Result<Option<Evidence>, RegisterError> {
    let Some(held) = conferences::load(connection, conference)?.filter(|held| !held.state.entered_in_error) else { return Ok(None) };
    let Some(decision) = held.decisions.iter().find(|decision| decision.child_id == entry.row.child_id) else { return Ok(None) };
    let own = held.row.authority == entry.row.authority;
    let kind: Option<ConferenceKind> = held.state.kind.parse().ok();
    Ok(match kind {
        Some(ConferenceKind::Review) if own && decision.decision == Decision::ComeOff.as_str() => Some(Evidence::ReviewConference),
        Some(ConferenceKind::TransferIn) if !own && decision.decision == Decision::Register.as_str() => {
            Some(Evidence::TransferInConference)
        }
        // That the child was put on the register says nothing of why they should come off it.
        _ if own && entry.state.conference_id != Some(conference) => Some(Evidence::Conference),
        _ => None,
    })
}

/// Whether letters about an end go to the family.
///
/// # Source
/// SSD-PERSON, scenario S20 of the procedures.
pub const fn letters(ground: RemovalGround) -> bool {
    !matches!(ground, RemovalGround::Died)
}

/// Ends an entry. The child is found as a former one from then on; temporary entries that rest on it end with it.
///
/// # Errors
/// [`RegisterError::Broken`] when a ground, its evidence or its day does not hold; [`RegisterError::Stale`].
///
/// # Source
/// WSP-4.9; invariants I1, I4, I5 and I6 of the procedures.
pub fn remove(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewRemoval, by: &str) -> Result<(), RegisterError> {
    let mut held: BTreeSet<Evidence> = new.evidence.iter().filter_map(|_| evidence_of(new.ground)).collect();
    if let Some(conference) = new.conference {
        held.extend(evidence_by_conference(tx.connection, entry, conference.into())?);
    }
    // Of an authority that no message reaches nothing is recorded here but what it wrote: that it held its conference, and accepts.
    if held.contains(&Evidence::WrittenAcceptance) && transfers::responsibility::is_outside(tx.connection, entry)? {
        held.insert(Evidence::TransferInConference);
    }
    end_with(tx, region, entry, new, &held, by)
}

/// Ends an entry because the review conference that is being recorded decided it.
///
/// # Errors
/// As [`remove`].
///
/// # Source
/// WSP-4.9.
pub fn decided(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewRemoval, by: &str) -> Result<(), RegisterError> {
    end_with(tx, region, entry, new, &[Evidence::ReviewConference].into(), by)
}

fn end_with(
    tx: &mut Tx<'_>,
    region: &Region,
    entry: &Registration,
    new: &NewRemoval,
    held: &BTreeSet<Evidence>,
    by: &str,
) -> Result<(), RegisterError> {
    let today = children::today(tx.now());
    let particulars = ParticularsRow::current(tx.connection, &[entry.row.child_id])?.pop();
    let birth = birth(particulars.as_ref());
    let is_moving = transfers::is_open(tx.connection, entry)?;
    let proposed = ProposedRemoval {
        status: entry.status_on(today, birth.is_some_and(|birth| birth.is_expected())),
        started_on: entry.state.registered_on,
        removed_on: new.removed_on,
        today,
        ground: new.ground,
        held,
        birth: birth.as_ref(),
        transfer_open: is_moving,
    };
    let mut broken = refused(&proposed.breaches(region.procedures));
    // What two registers have agreed between them ends by their messages, not by hand beside them.
    if is_moving && new.ground == RemovalGround::Transferred {
        broken.push(super::Broken::at("/ground", &RemovalViolation::TransferOpen));
    }
    unless_broken(broken)?;
    settled(tx, region, entry, new, by)?;
    transfers::ended(tx, region, entry, new.ground, by)
}

/// Ends an entry because custody has passed to another authority, which has accepted it in writing and signed that.
///
/// # Errors
/// [`RegisterError::Stale`]; or the database fails.
///
/// # Source
/// WSP-4.9; invariant I1: only after the conference and the acceptance.
pub fn handed_over(
    tx: &mut Tx<'_>,
    region: &Region,
    entry: &Registration,
    on: NaiveDate,
    evidence: &str,
    by: &str,
) -> Result<(), RegisterError> {
    let evidence = evidence.parse().ok();
    let new = NewRemoval { removed_on: on, ground: RemovalGround::Transferred, conference: None, evidence, reasons: None };
    settled(tx, region, entry, &new, by)
}

/// Ends an entry and the temporary ones that rest on it. Whether it may end was decided before.
///
/// # Errors
/// [`RegisterError::Stale`]; or the database fails.
pub(super) fn settled(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewRemoval, by: &str) -> Result<(), RegisterError> {
    end(tx, region, entry, new, by)?;
    end_resting(tx, region, entry, &home_ended(entry, new.ground), new.removed_on, by)
}

/// What is held for the end of the temporary entries that rest on one which has ended.
pub(super) fn home_ended(entry: &Registration, ground: RemovalGround) -> String {
    format!("The home registration {} ended: {}.", entry.row.id.0, ground)
}

/// Ends the temporary entries that rest on an entry which has ended, as `evidence` says.
///
/// # Errors
/// [`RegisterError::Stale`]; or the database fails.
pub(super) fn end_resting(
    tx: &mut Tx<'_>,
    region: &Region,
    entry: &Registration,
    evidence: &str,
    on: NaiveDate,
    by: &str,
) -> Result<(), RegisterError> {
    for row in rows::resting_on(tx.connection, entry.row.id)? {
        let resting = load(tx.connection, row.id)?;
        let day_after = resting.state.registered_on.succ_opt().unwrap_or(resting.state.registered_on);
        let ended = NewRemoval {
            removed_on: on.max(day_after),
            ground: RemovalGround::HomeAuthorityEnded,
            conference: None,
            evidence: evidence.parse().ok(),
            reasons: None,
        };
        end(tx, region, &resting, &ended, by)?;
    }
    Ok(())
}

/// The facts of an end, and what goes with it. The rules were checked before.
fn end(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewRemoval, by: &str) -> Result<(), RegisterError> {
    let text = |note: &Option<Note>| note.as_ref().map(|note| note.expose().to_owned());
    let state = StateRow {
        removed_on: Some(new.removed_on),
        removal_ground: Some(new.ground.as_str().into()),
        removal_conference_id: new.conference.map(Id::from),
        removal_evidence: text(&new.evidence),
        removal_reasons: text(&new.reasons),
        ..entry.state.clone()
    };
    restate(tx, entry, state, by)?;
    tx.audit().detail("ground", new.ground);
    use tasks::Kind::{
        AdvocacyUnmet, CategoryMissing, ChildOutside, CoordinatorMissing, ReviewDateMissing, SuspectedMove, TellAgencies,
        TellAgenciesWithoutLetters,
    };
    let obsolete = [CoordinatorMissing, ReviewDateMissing, CategoryMissing, AdvocacyUnmet, ChildOutside, SuspectedMove];
    tasks::settle(tx, entry.row.id, &obsolete, by, "The entry has ended.")?;
    let (task, notice) = if letters(new.ground) {
        (TellAgencies, notices::Kind::Removed)
    } else {
        (TellAgenciesWithoutLetters, notices::Kind::RemovedWithoutLetters)
    };
    tasks::raise_once(tx, task, &entry.row.authority, entry.row.child_id, entry.row.id)?;
    notices::tell(tx, notice, entry, entry.coordinator_person().as_slice())?;
    matcher::reindex(tx, region, entry.row.child_id)
}

/// Ends a temporary entry because a transfer-in conference puts the child on this register for good: the full entry begins
/// on the day on which this one ends.
///
/// # Errors
/// [`RegisterError::Broken`] when it would end on its first day; [`RegisterError::Stale`].
///
/// # Source
/// Invariant I6: a temporary entry ends when home says so or when it becomes a transfer.
pub fn become_transfer(
    tx: &mut Tx<'_>,
    region: &Region,
    entry: &Registration,
    on: NaiveDate,
    conference: Id,
    by: &str,
) -> Result<(), RegisterError> {
    if on <= entry.state.registered_on {
        return Err(RegisterError::Broken(vec![super::Broken::at("/registeredOn", &Violation::StartsAndEndsOnOneDay)]));
    }
    let state = StateRow {
        removed_on: Some(on),
        removal_ground: Some(RemovalGround::Transferred.as_str().into()),
        removal_conference_id: Some(conference),
        ..entry.state.clone()
    };
    restate(tx, entry, state, by)?;
    matcher::reindex(tx, region, entry.row.child_id)
}

/// Puts a name back whose removal was recorded in error: the entry runs on as if it had never ended, and with it the temporary
/// entries that ended because it did – but for those of an authority on whose register the child has come again since.
///
/// # Errors
/// [`RegisterError::Conflict`] when it has not ended; [`RegisterError::OutOfTurn`] when it ended because another authority took the
/// child over, which leads now; [`RegisterError::Broken`] when the child has another entry since; [`RegisterError::Stale`].
///
/// # Source
/// Invariants I2, I8 and I17 of the procedures.
pub fn reinstate(tx: &mut Tx<'_>, region: &Region, entry: &Registration, reason: &str, by: &str) -> Result<(), RegisterError> {
    if entry.state.removed_on.is_none() || entry.state.entered_in_error {
        return Err(RegisterError::Conflict);
    }
    transfers::unless_handed_over(tx.connection, entry)?;
    if would_overlap(tx, entry)? {
        return Err(RegisterError::Broken(vec![super::Broken::at("", &Violation::PeriodOverlaps)]));
    }
    // Before anything is written: what ended together was recorded at one instant.
    let resting = rows::ended_with(tx.connection, entry.row.id, entry.state.recorded_at)?;
    run_on(tx, region, entry, reason, by)?;
    for row in resting {
        let temporary = load(tx.connection, row.id)?;
        if !would_overlap(tx, &temporary)? {
            run_on(tx, region, &temporary, reason, by)?;
            tx.audit().detail("reinstated", row.id.0);
        }
    }
    Ok(())
}

/// Whether an entry that ran on would meet another one of its register.
fn would_overlap(tx: &mut Tx<'_>, entry: &Registration) -> Result<bool, RegisterError> {
    let runs_on = crate::domain::registration::Period { started_on: entry.state.registered_on, ended_on: None };
    // Records that were merged since are one child.
    let members = Groups::around(tx.connection, &[entry.row.child_id])?.members(entry.row.child_id);
    let others = registrations::of(tx.connection, &members)?;
    Ok(others
        .iter()
        .filter(|other| other.row.id != entry.row.id && other.row.authority == entry.row.authority && !other.state.entered_in_error)
        .any(|other| other.period().overlaps(&runs_on)))
}

/// The facts of an entry that runs on, and what goes with it. Whether it may was decided before.
///
/// # Errors
/// [`RegisterError::Stale`]; or the database fails.
pub(super) fn run_on(tx: &mut Tx<'_>, region: &Region, entry: &Registration, reason: &str, by: &str) -> Result<(), RegisterError> {
    let state = StateRow {
        removed_on: None,
        removal_ground: None,
        removal_conference_id: None,
        removal_evidence: None,
        removal_reasons: None,
        error_reason: Some(reason.to_owned()),
        ..entry.state.clone()
    };
    restate(tx, entry, state, by)?;
    let told = [tasks::Kind::TellAgencies, tasks::Kind::TellAgenciesWithoutLetters];
    tasks::settle(tx, entry.row.id, &told, by, reason)?;
    let mut gap = |missing: bool, kind| {
        if missing { tasks::raise_once(tx, kind, &entry.row.authority, entry.row.child_id, entry.row.id) } else { Ok(()) }
    };
    gap(entry.coordinator().is_none(), tasks::Kind::CoordinatorMissing)?;
    gap(entry.state.review_due_on.is_none() && entry.state.kind != "temporary", tasks::Kind::ReviewDateMissing)?;
    notices::tell(tx, notices::Kind::Reinstated, entry, entry.coordinator_person().as_slice())?;
    matcher::reindex(tx, region, entry.row.child_id)
}
