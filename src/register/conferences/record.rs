//! Recording a conference: what is decided for each child, checked together, takes effect for each by itself.

use super::{
    Held, NewConference, NewDecision, RecordViolation, attendee_row, bare, breaches, check_departure, check_voice, codes, place_of,
    state_row, with_voice,
};
use crate::authz::{Principal, Reach};
use crate::domain::category::CategorySet;
use crate::domain::conference::{ChildDecision, Decision};
use crate::domain::ids::{ConferenceId, Section47Id};
use crate::domain::registration::{ConferenceKind, RegistrationStatus, RemovalGround};
use crate::domain::section47::Section47Violation;
use crate::domain::text::Note;
use crate::register::registrations::{self, NewBasis, NewRegistration, Registration};
use crate::register::removal::{self, NewRemoval};
use crate::register::{Broken, Region, RegisterError, amendments, children, matcher, notices, refused, section47, tasks, unless_broken};
use crate::store::Tx;
use crate::store::children::ParticularsRow;
use crate::store::conferences::{ConferenceRow, DecisionRow, Section47Row};
use crate::store::registrations::StateRow;
use crate::store::tasks::TaskRow;
use crate::store::types::{Id, Instant};

/// A decision with what the register holds of the child.
struct Subject<'a> {
    index: usize,
    new: &'a NewDecision,
    unborn: bool,
    /// The child's entry in force here that is not temporary.
    own: Option<Registration>,
    /// The child's temporary entry in force here.
    temporary: Option<Registration>,
    categories: Option<CategorySet>,
}

impl<'a> Subject<'a> {
    /// Looks the child up. What is wrong with the decision by itself is noted.
    fn find(
        tx: &mut Tx<'_>,
        region: &Region,
        conference: &NewConference,
        index: usize,
        new: &'a NewDecision,
        principal: &Principal,
        broken: &mut Vec<Broken>,
    ) -> Result<Self, RegisterError> {
        let today = children::today(tx.now());
        let place = |item: &str| format!("/decisions/{index}{item}");
        match children::find(tx.connection, new.child, principal, Reach::Scope) {
            Ok(row) if row.standing == "current" => {}
            Ok(_) | Err(RegisterError::NotFound) => broken.push(Broken::at(place("/childId"), &RecordViolation::UnknownChild)),
            Err(error) => return Err(error),
        }
        let particulars = ParticularsRow::current(tx.connection, &[new.child.into()])?.pop();
        let entries: Vec<Registration> = registrations::of(tx.connection, &[new.child.into()])?
            .into_iter()
            .filter(|entry| entry.row.authority == conference.authority.as_str())
            .collect();
        if new.registration.is_some_and(|named| !entries.iter().any(|entry| entry.row.id == named.into())) {
            broken.push(Broken::at(place("/registrationId"), &RecordViolation::UnknownRegistration));
        }
        let named = |entry: &&Registration| new.registration.is_none_or(|named| entry.row.id == named.into());
        let in_force = |temporary: bool| {
            entries.iter().find(|entry| entry.is_live_on(today) && (entry.state.kind == "temporary") == temporary).cloned()
        };
        let categories = match CategorySet::new(new.categories.iter().copied()) {
            Ok(set) => Some(set),
            Err(_) if new.categories.is_empty() => None,
            Err(_) => {
                broken.push(Broken::at(place("/categories"), &RecordViolation::DuplicateCategory));
                None
            }
        };
        if let Some(section47) = new.section47 {
            broken.extend(check_section47(tx, conference, new, section47)?.map(|broken| broken.moved(place("/section47Id"))));
        }
        broken.extend(check_voice(region, &place(""), &new.voice, today));
        broken.extend(without_entry(new).map(|item| Broken::at(place(item), &RecordViolation::WithoutEntry)));
        if new.registered_on.is_some_and(|day| day < conference.held_on) {
            broken.push(Broken::at(place("/registeredOn"), &RecordViolation::BeforeConference));
        }
        if new.removed_on.is_some_and(|day| day < conference.held_on) {
            broken.push(Broken::at(place("/removedOn"), &RecordViolation::BeforeConference));
        }
        Ok(Self {
            index,
            new,
            unborn: particulars.is_some_and(|row| row.birth_kind == "expected"),
            own: in_force(false).filter(|entry| named(&entry)),
            temporary: in_force(true),
            categories,
        })
    }

    fn decision(&self) -> ChildDecision<'_> {
        let entry = self.own.as_ref().map(|entry| (RegistrationStatus::Registered, entry));
        let temporary = self.temporary.as_ref().map(|entry| (RegistrationStatus::TemporarilyRegistered, entry));
        ChildDecision {
            child: self.new.child,
            unborn: self.unborn,
            entry: entry.or(temporary).map(|(status, entry)| (status, entry.state.registered_on)),
            decision: self.new.decision,
            categories: self.categories.as_ref(),
            chair_decided: !self.new.consensus,
            reasons: self.new.reasons.is_some(),
        }
    }
}

/// The items that are given although the child is not on the register afterwards.
fn without_entry(new: &NewDecision) -> impl Iterator<Item = &'static str> {
    let on_register = new.decision.is_on_register();
    let removed = new.decision == Decision::ComeOff;
    [
        ("/coordinator", new.coordinator.is_some() && !on_register),
        ("/coreGroup", new.core_group.is_some() && !on_register),
        ("/nextReviewOn", new.next_review_on.is_some() && !on_register),
        ("/coreGroupOn", new.core_group_on.is_some() && !on_register),
        ("/registeredOn", new.registered_on.is_some() && new.decision != Decision::Register),
        ("/removedOn", new.removed_on.is_some() && !removed),
    ]
    .into_iter()
    .filter_map(|(item, wrong)| wrong.then_some(item))
}

/// Whether the enquiry is about this child, of this authority, and began before the conference.
fn check_section47(
    tx: &mut Tx<'_>,
    conference: &NewConference,
    new: &NewDecision,
    id: Section47Id,
) -> Result<Option<Broken>, RegisterError> {
    let rows: Vec<Section47Row> = Section47Row::find(tx.connection, id.into())?.into_iter().collect();
    let enquiry = section47::assemble(tx.connection, rows)?.pop().filter(|enquiry| {
        enquiry.row.child_id == new.child.into()
            && enquiry.row.authority == conference.authority.as_str()
            && !enquiry.state.entered_in_error
    });
    let Some(enquiry) = enquiry else { return Ok(Some(Broken::at("", &RecordViolation::UnknownSection47))) };
    let began = enquiry.state.started_on.unwrap_or(enquiry.state.strategy_discussion_on);
    Ok((began > conference.held_on).then(|| Broken::at("", &Section47Violation::StartsAfterConference)))
}

/// Records a conference. Each child's decision takes effect by itself, all in one transaction: a rule that one of them breaks
/// refuses the whole, naming the decision.
///
/// # Errors
/// [`RegisterError::Broken`] with every rule broken.
///
/// # Source
/// WSP-3.2.9, WSP-4.8, WSP-4.9; invariants I3, I7, I8, I9 and I10 of the procedures.
pub fn record(tx: &mut Tx<'_>, region: &Region, new: &NewConference, principal: &Principal, by: &str) -> Result<Held, RegisterError> {
    let (at, today) = (Instant::new(tx.now()), children::today(tx.now()));
    let id = Id::from(ConferenceId::new_at(tx.now()));
    let mut held = Held {
        row: ConferenceRow { id, authority: new.authority.as_str().to_owned(), version: 1, created_at: at, changed_at: at },
        state: state_row(id, new.kind.as_str(), new.held_on, &new.particulars, at, by),
        attendees: new.particulars.attendance.iter().map(|attendee| attendee_row(id, attendee, at, by)).collect(),
        decisions: Vec::new(),
    };
    let mut broken: Vec<Broken> = check_departure(&new.particulars).into_iter().collect();
    let mut subjects = Vec::new();
    for (index, decision) in new.decisions.iter().enumerate() {
        subjects.push(Subject::find(tx, region, new, index, decision, principal, &mut broken)?);
    }
    let decisions: Vec<ChildDecision<'_>> = subjects.iter().map(Subject::decision).collect();
    let whole = breaches(&held.proposed(new.kind, &decisions, None, None, today), region)?;
    broken.extend(refused(&whole).into_iter().map(|broken| broken.clone().moved(place_of(&broken.pointer, None))));
    for subject in &subjects {
        let child = [bare(subject.new.decision)];
        let dates = held.proposed(new.kind, &child, subject.new.next_review_on, subject.new.core_group_on, today);
        let found = refused(&breaches(&dates, region)?).into_iter();
        let of_dates = found.filter(|broken| matches!(broken.pointer.as_str(), "/reviewOn" | "/coreGroupOn"));
        broken.extend(of_dates.map(|broken| broken.clone().moved(place_of(&broken.pointer, Some(subject.index)))));
    }
    unless_broken(broken)?;
    held.insert(tx.connection)?;
    tx.audit().detail("conference", id.0);
    for subject in &subjects {
        let entry = take_effect(tx, region, &held, new, subject, by).map_err(|error| at_decision(error, subject.index))?;
        let row = decision_row(&held, subject, entry, at, by);
        row.insert(tx.connection)?;
        tx.audit().child(subject.new.child);
        if held.advocacy_unmet(region, &row) == Some(true) {
            raise_advocacy(tx, &held, &row)?;
        }
        held.decisions.push(row);
    }
    let about: Vec<Id> = held.decisions.iter().map(|decision| decision.child_id).collect();
    crate::store::clocks::mark_stale(tx.connection, &about)?;
    Ok(held)
}

/// A rule that the effect of a decision broke, at its place in the request.
fn at_decision(error: RegisterError, index: usize) -> RegisterError {
    let place = |pointer: &str| match pointer {
        "/conference" => "/kind".to_owned(),
        "/ground" => format!("/decisions/{index}/decision"),
        pointer => format!("/decisions/{index}{pointer}"),
    };
    match error {
        RegisterError::Rule { pointer, code, detail } => RegisterError::Rule { pointer: place(&pointer), code, detail },
        RegisterError::Broken(broken) => {
            RegisterError::Broken(broken.into_iter().map(|broken| broken.clone().moved(place(&broken.pointer))).collect())
        }
        error => error,
    }
}

fn raise_advocacy(tx: &mut Tx<'_>, held: &Held, decision: &DecisionRow) -> Result<(), RegisterError> {
    TaskRow {
        child_id: Some(decision.child_id),
        registration_id: decision.registration_id,
        ..tasks::row(tx.now(), tasks::Kind::AdvocacyUnmet, &held.row.authority, None, None, None)
    }
    .insert(tx)?;
    Ok(())
}

fn decision_row(held: &Held, subject: &Subject<'_>, entry: Option<Id>, at: Instant, by: &str) -> DecisionRow {
    let new = subject.new;
    let text = |note: &Option<Note>| note.as_ref().map(|note| note.expose().to_owned());
    let categories = codes(&new.categories.iter().map(|category| category.as_str().to_owned()).collect::<Vec<_>>());
    let row = DecisionRow {
        section47_id: new.section47.map(Id::from),
        registration_id: entry,
        consensus: Some(new.consensus),
        dissent: text(&new.dissent),
        reasons: text(&new.reasons),
        evidence: text(&new.evidence),
        review_due_on: new.next_review_on,
        core_group_due_on: new.core_group_on,
        ..DecisionRow::bare(held.row.id, new.child.into(), new.decision.as_str(), categories, at, by)
    };
    with_voice(row, &new.voice)
}

/// What one decision changes: an entry made, kept or ended. Answers which.
fn take_effect(
    tx: &mut Tx<'_>,
    region: &Region,
    held: &Held,
    conference: &NewConference,
    subject: &Subject<'_>,
    by: &str,
) -> Result<Option<Id>, RegisterError> {
    let new = subject.new;
    let entry = match (new.decision, &subject.own) {
        (Decision::DoNotRegister, _) => return Ok(None),
        (Decision::Register, _) => register(tx, region, held, conference, subject, by)?,
        (Decision::StayOn, Some(entry)) => keep(tx, region, conference, subject, entry, by)?,
        (Decision::ComeOff, Some(entry)) => {
            // The conference must be there for the rules of removal to see it.
            let removal = NewRemoval {
                removed_on: new.removed_on.unwrap_or(conference.held_on),
                ground: RemovalGround::ReviewConferenceDecision,
                conference: ConferenceId::try_from(held.row.id.0).ok(),
                evidence: new.evidence.clone(),
                reasons: new.reasons.clone(),
            };
            removal::decided(tx, region, entry, &removal, by)?;
            entry.row.id
        }
        // The rules of the conference have refused a review of a child without an entry.
        (Decision::StayOn | Decision::ComeOff, None) => return Err(RegisterError::NotInForce),
    };
    if !new.consensus && new.decision != Decision::ComeOff {
        tasks::raise_once(tx, tasks::Kind::TellAgencies, conference.authority.as_str(), new.child.into(), entry)?;
    }
    Ok(Some(entry))
}

/// Puts a name on the register. A temporary entry here becomes a full one when a transfer-in conference decides so.
fn register(
    tx: &mut Tx<'_>,
    region: &Region,
    held: &Held,
    conference: &NewConference,
    subject: &Subject<'_>,
    by: &str,
) -> Result<Id, RegisterError> {
    let new = subject.new;
    let registered_on = new.registered_on.unwrap_or(conference.held_on);
    if let Some(temporary) = subject.temporary.as_ref().filter(|_| conference.kind == ConferenceKind::TransferIn) {
        removal::become_transfer(tx, region, temporary, registered_on, held.row.id, by)?;
    }
    let registration = NewRegistration {
        authority: conference.authority.as_str().to_owned(),
        registered_on,
        removed: None,
        basis: NewBasis::Conference {
            id: ConferenceId::try_from(held.row.id.0).ok(),
            held_on: conference.held_on,
            kind: conference.kind,
            authority: conference.authority.clone(),
        },
        categories: new.categories.clone(),
        coordinator: new.coordinator.clone(),
        core_group: new.core_group.clone().unwrap_or_default(),
        review_due_on: new.next_review_on,
        legal_status: new.legal_status,
    };
    let (_, entry) = registrations::insert(tx, region, new.child, &registration, by)?;
    matcher::reindex(tx, region, entry.row.child_id)?;
    notices::tell(tx, notices::Kind::Registered, &entry, entry.coordinator_person().as_slice())?;
    Ok(entry.row.id)
}

/// Keeps a name on the register: the next review, and whatever else the review changed.
fn keep(
    tx: &mut Tx<'_>,
    region: &Region,
    conference: &NewConference,
    subject: &Subject<'_>,
    entry: &Registration,
    by: &str,
) -> Result<Id, RegisterError> {
    let (new, at, from) = (subject.new, Instant::new(tx.now()), conference.held_on);
    let state = StateRow {
        // A review that sets no date leaves none: the one before has passed.
        review_due_on: new.next_review_on,
        legal_status: new.legal_status.map(|status| status.as_str().to_owned()).or_else(|| entry.state.legal_status.clone()),
        ..entry.state.clone()
    };
    registrations::restate(tx, entry, state, by)?;
    let id = entry.row.id;
    match new.next_review_on {
        Some(_) => tasks::settle(tx, id, &[tasks::Kind::ReviewDateMissing], by, "The review set the date of the next.")?,
        None => tasks::raise_once(tx, tasks::Kind::ReviewDateMissing, &entry.row.authority, entry.row.child_id, id)?,
    }
    if let Some(set) = &subject.categories {
        amendments::replace_categories(tx, entry, set, region.own().nation, from, at, by)?;
    }
    if let Some(members) = &new.core_group {
        amendments::replace_members(tx, entry, members, from, at, by)?;
    }
    if new.coordinator.is_some() {
        amendments::replace_coordinator(tx, entry, new.coordinator.as_ref(), from, at, by)?;
    }
    let mut people: Vec<&str> = entry.coordinator_person().into_iter().collect();
    people.extend(new.coordinator.as_ref().and_then(|one| one.person.as_deref()));
    people.dedup();
    notices::tell(tx, notices::Kind::Continued, entry, &people)?;
    Ok(id)
}
