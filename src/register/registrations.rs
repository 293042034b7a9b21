//! Entries on the register: made by a conference's decision, or temporary and resting on another authority's entry.

use chrono::{DateTime, NaiveDate, Utc};

use super::identities::Groups;
use super::{Broken, Region, RegisterError, children, conferences, matcher, notices, removal, tasks, transfers};
use crate::authz::{Principal, Reach};
use crate::domain::category::{Category, CategorySet};
use crate::domain::contact::{EmailAddress, PhoneNumber};
use crate::domain::identifiers::{GssCode, RegionCode};
use crate::domain::ids::{ChildId, ConferenceId, RegistrationId};
use crate::domain::nation::Nation;
use crate::domain::registration::{
    Basis, ConferenceKind, LegalStatusCode, Period, ProposedRegistration, RegistrationStatus, RemovalGround, Violation,
};
use crate::domain::roles::Role;
use crate::domain::text::Line;
use crate::store::break_glass::BreakGlassRow;
use crate::store::children as child_rows;
use crate::store::connection::AnyConnection;
use crate::store::registrations::{self as rows, CategoryRow, CoordinatorRow, CoreGroupRow, RegistrationRow, StateRow};
use crate::store::tasks::TaskRow;
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// Stands in the place of a conference's kind when an entry was taken over from an earlier register.
pub const EARLIER_REGISTER: &str = "earlier-register";

/// The co-ordinator of an entry.
#[derive(Debug, Clone)]
pub struct NewCoordinator {
    /// Their name, as it is told to enquirers.
    pub name: Line,
    /// Who they are at the identity provider: what makes the case theirs.
    pub person: Option<String>,
    /// Their number.
    pub phone: Option<PhoneNumber>,
    /// Their address.
    pub email: Option<EmailAddress>,
}

/// A member of the core group.
#[derive(Debug, Clone)]
pub struct NewCoreGroupMember {
    /// Name.
    pub name: Line,
    /// Agency.
    pub agency: Option<Line>,
    /// What they are there.
    pub role: Option<Line>,
    /// Number.
    pub phone: Option<PhoneNumber>,
}

/// What an entry rests on.
#[derive(Debug, Clone)]
pub enum NewBasis {
    /// A conference's decision.
    Conference {
        /// Under which it is recorded; `None` while it is not, and is recorded with the entry.
        id: Option<ConferenceId>,
        /// When it was held.
        held_on: NaiveDate,
        /// What kind it was.
        kind: ConferenceKind,
        /// Whose it was (GSS code).
        authority: GssCode,
    },
    /// A conference that is recorded, with a decision about this child on which no entry rests yet.
    Recorded(ConferenceId),
    /// The authority's earlier register, which holds the decision: for imports only.
    EarlierRegister,
    /// The entry of the authority from which the child came for a time.
    Home {
        /// The region.
        region: RegionCode,
        /// The authority (GSS code).
        authority: GssCode,
        /// The entry there, if its identifier is known.
        registration: Option<RegistrationId>,
    },
}

/// An entry to be made.
#[derive(Debug, Clone)]
pub struct NewRegistration {
    /// Whose register (GSS code).
    pub authority: String,
    /// From when.
    pub registered_on: NaiveDate,
    /// Until when and why, for a former entry.
    pub removed: Option<(NaiveDate, RemovalGround)>,
    /// What it rests on.
    pub basis: NewBasis,
    /// Categories; may be none only for a temporary entry whose home has none (Scotland).
    pub categories: Vec<Category>,
    /// The plan co-ordinator. Missing: the entry is made all the same, and somebody is told.
    pub coordinator: Option<NewCoordinator>,
    /// The core group.
    pub core_group: Vec<NewCoreGroupMember>,
    /// When the next review is due. Missing: the entry is made all the same, and somebody is told.
    pub review_due_on: Option<NaiveDate>,
    /// Legal status.
    pub legal_status: Option<LegalStatusCode>,
}

/// An entry with what is held to be true of it now.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The entry.
    pub row: RegistrationRow,
    /// What holds of it.
    pub state: StateRow,
    /// Categories, oldest first.
    pub categories: Vec<CategoryRow>,
    /// Co-ordinators, oldest first.
    pub coordinators: Vec<CoordinatorRow>,
    /// Core group.
    pub core_group: Vec<CoreGroupRow>,
}

impl Registration {
    /// Whether the entry is in force on a day.
    pub fn is_live_on(&self, day: NaiveDate) -> bool {
        !self.state.entered_in_error && self.state.removed_on.is_none_or(|removed| day < removed)
    }

    /// The standing of the entry on a day. An unborn child's entry is told by the child, not by the entry.
    pub fn status_on(&self, day: NaiveDate, unborn: bool) -> RegistrationStatus {
        if self.state.entered_in_error {
            RegistrationStatus::EnteredInError
        } else if !self.is_live_on(day) {
            RegistrationStatus::PreviouslyRegistered
        } else if self.state.kind == "temporary" {
            RegistrationStatus::TemporarilyRegistered
        } else if unborn {
            RegistrationStatus::UnbornRegistered
        } else {
            RegistrationStatus::Registered
        }
    }

    /// The co-ordinator now.
    pub fn coordinator(&self) -> Option<&CoordinatorRow> {
        self.coordinators.iter().rev().find(|coordinator| coordinator.valid_to.is_none())
    }

    /// The core group now.
    pub fn members(&self) -> impl Iterator<Item = &CoreGroupRow> {
        self.core_group.iter().filter(|member| member.valid_to.is_none())
    }

    /// Who is told personally of what happens to the entry: the co-ordinator, when it is known who they are.
    pub fn coordinator_person(&self) -> Option<&str> {
        self.coordinator().and_then(|coordinator| coordinator.person.as_deref())
    }

    /// When it began and ended.
    pub fn period(&self) -> Period {
        Period { started_on: self.state.registered_on, ended_on: self.state.removed_on }
    }
}

/// Reads the entries of people with what holds of them.
///
/// # Errors
/// When the database fails.
pub fn of(connection: &mut AnyConnection, people: &[Id]) -> Result<Vec<Registration>, RegisterError> {
    let entries = rows::of_children(connection, people)?;
    assemble(connection, entries)
}

/// Reads the entries of people with what a check tells of them: without their categories and core groups.
///
/// # Errors
/// When the database fails, or an entry has no state.
pub fn told_in_a_check(connection: &mut AnyConnection, people: &[Id]) -> Result<Vec<Registration>, RegisterError> {
    let mut entries: Vec<Registration> = Vec::new();
    for (row, state, coordinator) in rows::told_of_children(connection, people)? {
        // An entry that could not be told must never go missing from an answer.
        let state = state.ok_or(StoreError::Corrupt("an entry has no state"))?;
        match entries.last_mut().filter(|last| last.row.id == row.id) {
            Some(last) => last.coordinators.extend(coordinator),
            None => {
                let coordinators = coordinator.into_iter().collect();
                entries.push(Registration { row, state, coordinators, categories: Vec::new(), core_group: Vec::new() });
            }
        }
    }
    Ok(entries)
}

/// Puts entries together with what holds of them.
///
/// # Errors
/// When the database fails, or an entry has no state.
pub fn assemble(connection: &mut AnyConnection, entries: Vec<RegistrationRow>) -> Result<Vec<Registration>, RegisterError> {
    let ids: Vec<Id> = entries.iter().map(|entry| entry.id).collect();
    let states = StateRow::current(connection, &ids)?;
    let categories = CategoryRow::current(connection, &ids)?;
    let coordinators = CoordinatorRow::current(connection, &ids)?;
    let core_group = CoreGroupRow::current(connection, &ids)?;
    entries
        .into_iter()
        .map(|row| {
            let state =
                states.iter().find(|state| state.registration_id == row.id).cloned().ok_or(StoreError::Corrupt("an entry has no state"))?;
            Ok(Registration {
                categories: categories.iter().filter(|category| category.registration_id == row.id).cloned().collect(),
                coordinators: coordinators.iter().filter(|coordinator| coordinator.registration_id == row.id).cloned().collect(),
                core_group: core_group.iter().filter(|member| member.registration_id == row.id).cloned().collect(),
                state,
                row,
            })
        })
        .collect()
}

/// An entry that the caller may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(
    connection: &mut AnyConnection,
    id: RegistrationId,
    principal: &Principal,
    reach: Reach,
) -> Result<Registration, RegisterError> {
    let row = rows::find(connection, id.into())?;
    // The same statements run whether there is no entry or one that the caller may not know of; what holds of it is read last.
    let child = row.as_ref().map_or_else(|| id.into(), |row| row.child_id);
    let coordinates = rows::coordinates(connection, &principal.key(), child)?;
    let visible = |row: &RegistrationRow| match reach {
        Reach::Scope => principal.scope.covers(&row.authority),
        Reach::Own => coordinates,
    };
    let row = row.filter(visible).ok_or(RegisterError::NotFound)?;
    assemble(connection, vec![row])?.pop().ok_or(RegisterError::NotFound)
}

/// The entry of a child that is in force by a decision, of those that the caller may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when the caller may see none of the child; [`RegisterError::NotInForce`] when none of those is in force;
/// a broken rule when several are: then one is to be named.
pub fn find_in_force(
    connection: &mut AnyConnection,
    child: ChildId,
    principal: &Principal,
    reach: Reach,
    today: NaiveDate,
) -> Result<Registration, RegisterError> {
    let coordinates = rows::coordinates(connection, &principal.key(), child.into())?;
    let mut entries = of(connection, &[child.into()])?;
    entries.retain(|entry| match reach {
        Reach::Scope => principal.scope.covers(&entry.row.authority),
        Reach::Own => coordinates,
    });
    if entries.is_empty() {
        return Err(RegisterError::NotFound);
    }
    entries.retain(|entry| entry.is_live_on(today) && entry.state.kind != "temporary");
    let entry = entries.pop().ok_or(RegisterError::NotInForce)?;
    if entries.is_empty() {
        return Ok(entry);
    }
    let detail = "name the entry: the child has several in force".into();
    Err(RegisterError::Rule { pointer: "/childId".into(), code: "several-entries", detail })
}

/// Takes the core group out of entries whose children's records are restricted, unless the reader may read those: who is in it
/// says where a child goes to school and to the doctor.
///
/// # Errors
/// When the database fails.
///
/// # Source
/// Invariant I16 and scenario S42 of the procedures.
pub fn veil(
    connection: &mut AnyConnection,
    entries: &mut [Registration],
    principal: &Principal,
    reach: Reach,
    now: DateTime<Utc>,
) -> Result<(), RegisterError> {
    let children: Vec<Id> = entries.iter().map(|entry| entry.row.child_id).collect();
    for child in restricted(connection, &children, principal, reach, now)? {
        entries.iter_mut().filter(|entry| entry.row.child_id == child).for_each(|entry| entry.core_group.clear());
    }
    Ok(())
}

/// Those of the people whose records are restricted and not to be read by somebody who may read their entries.
///
/// # Errors
/// When the database fails.
///
/// # Source
/// Invariant I16 and scenario S42 of the procedures.
pub fn restricted(
    connection: &mut AnyConnection,
    children: &[Id],
    principal: &Principal,
    reach: Reach,
    now: DateTime<Utc>,
) -> Result<Vec<Id>, RegisterError> {
    let mut restricted = Vec::new();
    if principal.role == Role::Custodian || reach == Reach::Own {
        return Ok(restricted);
    }
    for child in child_rows::by_ids(connection, children)?.into_iter().filter(|child| child.shielded) {
        if BreakGlassRow::open(connection, child.id, &principal.key(), now.into())?.is_none() {
            restricted.push(child.id);
        }
    }
    Ok(restricted)
}

/// An entry with what holds of it.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none.
pub fn load(connection: &mut AnyConnection, id: Id) -> Result<Registration, RegisterError> {
    let found = rows::find(connection, id)?.into_iter().collect();
    assemble(connection, found)?.pop().ok_or(RegisterError::NotFound)
}

fn rule(violation: Violation) -> RegisterError {
    RegisterError::Broken(vec![Broken::at(pointer_of(violation), &violation)])
}

/// The item of a request that a broken rule speaks of.
fn pointer_of(violation: Violation) -> &'static str {
    match violation {
        Violation::NoConferenceDecision | Violation::ConferenceCannotRegister => "/conference",
        Violation::NoHomeRegistration => "/home",
        Violation::NoCategory | Violation::CategoryNotOfNation => "/categories",
        Violation::StartsAndEndsOnOneDay | Violation::EndsBeforeStart | Violation::EndDoesNotFitStatus => "/removedOn",
        Violation::PeriodOverlaps => "/registeredOn",
    }
}

/// Makes an entry for a person. A conference that is named by its date only is recorded with its decision.
///
/// # Errors
/// When a rule of the register is broken (each with its code), or the database fails.
///
/// # Source
/// WSP-4.12 and invariants I3, I7, I8, I9 of the procedures.
pub fn add(tx: &mut Tx<'_>, region: &Region, child: ChildId, new: &NewRegistration, by: &str) -> Result<RegistrationId, RegisterError> {
    let new = match &new.basis {
        NewBasis::Recorded(conference) => conferences::resting_on(tx, child, *conference, new)?,
        NewBasis::Home { region: home, .. } if home == region.code() => resting_at_home(tx, child, new)?,
        NewBasis::Conference { id: None, held_on, kind, .. } => {
            conferences::check_day(region, *kind, *held_on, new.registered_on, children::today(tx.now()))?;
            new.clone()
        }
        NewBasis::Conference { id: Some(_), .. } | NewBasis::Home { .. } | NewBasis::EarlierRegister => new.clone(),
    };
    let (id, entry) = insert(tx, region, child, &new, by)?;
    match new.basis {
        NewBasis::Conference { id: None, .. } => {
            if let Some(held) = conferences::Held::with(&entry) {
                held.insert(tx.connection)?;
            }
        }
        NewBasis::Conference { id: Some(conference), .. } => conferences::used(tx, conference, &entry, by)?,
        NewBasis::Recorded(_) | NewBasis::Home { .. } | NewBasis::EarlierRegister => {}
    }
    matcher::reindex(tx, region, child.into())?;
    Ok(id)
}

/// Writes an entry with its gaps. The caller re-indexes the person.
///
/// # Errors
/// As [`add`].
pub fn insert(
    tx: &mut Tx<'_>,
    region: &Region,
    child: ChildId,
    new: &NewRegistration,
    by: &str,
) -> Result<(RegistrationId, Registration), RegisterError> {
    let (entry_region, _) = region.authority(&new.authority).ok_or(RegisterError::OutsideScope)?;
    let nation: Nation = entry_region.nation;
    // The periods of the whole person, whichever of their merged records they rest on.
    let records = Groups::around(tx.connection, &[child.into()])?.members(child.into());
    let others: Vec<Period> = of(tx.connection, &records)?
        .iter()
        .filter(|entry| entry.row.authority == new.authority && !entry.state.entered_in_error)
        .map(Registration::period)
        .collect();
    check(new, nation, &others, children::today(tx.now()))?;
    let (id, entry) = facts(region.own().nation, child, new, tx.now(), by);
    let tasks = gaps(child, id, new, tx.now());
    entry.row.insert(tx.connection)?;
    entry.state.insert(tx.connection)?;
    CategoryRow::insert_all(tx.connection, &entry.categories)?;
    CoordinatorRow::insert_all(tx.connection, &entry.coordinators)?;
    CoreGroupRow::insert_all(tx.connection, &entry.core_group)?;
    TaskRow::insert_all(tx.connection, &tasks)?;
    tx.audit().child(child);
    tx.audit().detail("registration", id);
    Ok((id, entry))
}

/// What a temporary entry rests on when home is in this region: the entry there, which must be in force.
///
/// # Source
/// WSP-4.12, invariants I3 and I6.
fn resting_at_home(tx: &mut Tx<'_>, child: ChildId, new: &NewRegistration) -> Result<NewRegistration, RegisterError> {
    let NewBasis::Home { region, authority, registration } = &new.basis else { return Ok(new.clone()) };
    let today = children::today(tx.now());
    let members = Groups::around(tx.connection, &[child.into()])?.members(child.into());
    let candidates = match registration {
        Some(id) => {
            let found = rows::find(tx.connection, Id::from(*id))?.into_iter().collect();
            assemble(tx.connection, found)?
        }
        None => of(tx.connection, &members)?,
    };
    let home = candidates.into_iter().find(|entry| {
        members.contains(&entry.row.child_id)
            && entry.row.authority == authority.as_str()
            && entry.row.authority != new.authority
            && entry.state.kind != "temporary"
            && entry.is_live_on(today)
    });
    let home = home.ok_or_else(|| rule(Violation::NoHomeRegistration))?;
    let registration = RegistrationId::try_from(home.row.id.0).map_err(|_| StoreError::Corrupt("registration id"))?;
    Ok(NewRegistration {
        basis: NewBasis::Home { region: region.clone(), authority: authority.clone(), registration: Some(registration) },
        ..new.clone()
    })
}

/// Whether an entry may be made: every rule of the register, seen from `today`. `others` are the child's other periods on
/// the same register.
///
/// # Errors
/// The first rule that it would break, with its code.
///
/// # Source
/// WSP-4.12 and invariants I3, I8, I9 of the procedures.
pub fn check(new: &NewRegistration, nation: Nation, others: &[Period], today: NaiveDate) -> Result<(), RegisterError> {
    let categories = if new.categories.is_empty() {
        None
    } else {
        Some(CategorySet::new(new.categories.iter().copied()).map_err(|error| RegisterError::Rule {
            pointer: "/categories".into(),
            code: error.code(),
            detail: error.to_string(),
        })?)
    };
    let (status, basis) = match &new.basis {
        NewBasis::Conference { kind, .. } => {
            // The rules look at the kind; which conference it was does not matter to them.
            let id = ConferenceId::new_at(DateTime::<Utc>::UNIX_EPOCH);
            (RegistrationStatus::Registered, Basis::Conference { id, kind: *kind })
        }
        // Which kind it was is known once the conference was looked up.
        NewBasis::Recorded(_) => return Err(rule(Violation::NoConferenceDecision)),
        NewBasis::Home { authority, registration, .. } => {
            let nation = authority.nation().unwrap_or(nation);
            (RegistrationStatus::TemporarilyRegistered, Basis::Home { registration: *registration, nation, is_current: true })
        }
        NewBasis::EarlierRegister => (RegistrationStatus::Registered, Basis::EarlierRegister),
    };
    let status = if new.removed.is_some() { RegistrationStatus::PreviouslyRegistered } else { status };
    let proposed = ProposedRegistration {
        nation,
        status,
        period: Period { started_on: new.registered_on, ended_on: new.removed.map(|(on, _)| on) },
        basis: Some(basis),
        categories: categories.as_ref(),
        other_periods: others,
    };
    if let Some(violation) = proposed.violations().into_iter().next() {
        return Err(rule(violation));
    }
    if new.registered_on > today {
        return Err(RegisterError::Rule {
            pointer: "/registeredOn".into(),
            code: "in-the-future",
            detail: "give the day on which the conference decided, not a later one".into(),
        });
    }
    Ok(())
}

/// An entry with what holds of it, as it will be made; `nation` is the one whose categories it uses. Reads and writes nothing.
pub fn facts(nation: Nation, child: ChildId, new: &NewRegistration, at: DateTime<Utc>, by: &str) -> (RegistrationId, Registration) {
    let id = RegistrationId::new_at(at);
    let at = Instant::new(at);
    let row = RegistrationRow {
        id: id.into(),
        child_id: child.into(),
        authority: new.authority.clone(),
        version: 1,
        created_at: at,
        changed_at: at,
    };
    // The codes stay those of the nation whose conference decided.
    let nation = match &new.basis {
        NewBasis::Home { authority, .. } => authority.nation().unwrap_or(nation),
        NewBasis::Conference { .. } | NewBasis::Recorded(_) | NewBasis::EarlierRegister => nation,
    };
    let category = |category: &Category| CategoryRow {
        id: Id(uuid::Uuid::now_v7()),
        registration_id: id.into(),
        category: category.as_str().into(),
        code_set: nation.as_str().into(),
        valid_from: Some(new.registered_on),
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    };
    let entry = Registration {
        state: state(id, new, at, by),
        categories: new.categories.iter().map(category).collect(),
        coordinators: new.coordinator.iter().map(|one| coordinator_row(id.into(), one, new.registered_on, at, by)).collect(),
        core_group: new.core_group.iter().map(|one| member_row(id.into(), one, new.registered_on, at, by)).collect(),
        row,
    };
    (id, entry)
}

/// A co-ordinator from a day on.
pub fn coordinator_row(entry: Id, new: &NewCoordinator, from: NaiveDate, at: Instant, by: &str) -> CoordinatorRow {
    CoordinatorRow {
        id: Id(uuid::Uuid::now_v7()),
        registration_id: entry,
        name: new.name.expose().to_owned(),
        person: new.person.clone(),
        phone: new.phone.as_ref().map(|phone| phone.expose().to_owned()),
        email: new.email.as_ref().map(|email| email.expose().to_owned()),
        valid_from: Some(from),
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

/// A member of the core group from a day on.
pub fn member_row(entry: Id, new: &NewCoreGroupMember, from: NaiveDate, at: Instant, by: &str) -> CoreGroupRow {
    CoreGroupRow {
        id: Id(uuid::Uuid::now_v7()),
        registration_id: entry,
        name: new.name.expose().to_owned(),
        agency: new.agency.as_ref().map(|agency| agency.expose().to_owned()),
        role: new.role.as_ref().map(|role| role.expose().to_owned()),
        phone: new.phone.as_ref().map(|phone| phone.expose().to_owned()),
        valid_from: Some(from),
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

fn state(id: RegistrationId, new: &NewRegistration, at: Instant, by: &str) -> StateRow {
    let mut state = StateRow {
        id: Id(uuid::Uuid::now_v7()),
        registration_id: id.into(),
        kind: "full".into(),
        registered_on: new.registered_on,
        removed_on: new.removed.map(|(on, _)| on),
        removal_ground: new.removed.map(|(_, ground)| ground.as_str().to_owned()),
        entered_in_error: false,
        error_reason: None,
        legal_status: new.legal_status.map(|status| status.as_str().to_owned()),
        review_due_on: new.review_due_on,
        conference_held_on: None,
        conference_kind: None,
        conference_authority: None,
        home_region: None,
        home_authority: None,
        home_registration_id: None,
        conference_id: None,
        removal_conference_id: None,
        removal_evidence: None,
        removal_reasons: None,
        valid_from: Some(new.registered_on),
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    };
    match &new.basis {
        NewBasis::Conference { id, held_on, kind, authority } => {
            let conference = id.unwrap_or_else(|| ConferenceId::new_at(at.get()));
            state.conference_id = Some(conference.into());
            state.conference_held_on = Some(*held_on);
            state.conference_kind = Some(kind.as_str().into());
            state.conference_authority = Some(authority.as_str().to_owned());
        }
        NewBasis::Recorded(conference) => state.conference_id = Some((*conference).into()),
        NewBasis::EarlierRegister => {
            state.conference_held_on = Some(new.registered_on);
            state.conference_kind = Some(EARLIER_REGISTER.into());
            state.conference_authority = Some(new.authority.clone());
        }
        NewBasis::Home { region, authority, registration } => {
            state.kind = "temporary".into();
            state.home_region = Some(region.as_str().to_owned());
            state.home_authority = Some(authority.as_str().to_owned());
            state.home_registration_id = registration.map(Id::from);
        }
    }
    state
}

/// The tasks that a new entry raises. A gap never blocks the entry; it raises a task the same day.
///
/// # Source
/// Invariant I7, WSP-4.3.
pub fn gaps(child: ChildId, id: RegistrationId, new: &NewRegistration, at: DateTime<Utc>) -> Vec<TaskRow> {
    let mut kinds = Vec::new();
    if new.removed.is_none() && new.coordinator.is_none() {
        kinds.push(tasks::Kind::CoordinatorMissing);
    }
    // A temporary entry is reviewed at home.
    if new.removed.is_none() && new.review_due_on.is_none() && !matches!(new.basis, NewBasis::Home { .. }) {
        kinds.push(tasks::Kind::ReviewDateMissing);
    }
    if new.removed.is_none() && new.categories.is_empty() && matches!(new.basis, NewBasis::EarlierRegister) {
        kinds.push(tasks::Kind::CategoryMissing);
    }
    kinds.into_iter().map(|kind| tasks::row(at, kind, &new.authority, Some(child), Some(id), None)).collect()
}

/// Moves an entry to its next version, with another state in the place of the present one.
///
/// # Errors
/// [`RegisterError::Stale`] when somebody else was quicker.
pub fn restate(tx: &mut Tx<'_>, entry: &Registration, state: StateRow, by: &str) -> Result<(), RegisterError> {
    let at = Instant::new(tx.now());
    if !rows::advance(tx.connection, entry.row.id, entry.row.version, at)? {
        return Err(RegisterError::Stale);
    }
    rows::supersede_state(tx.connection, entry.state.id, at)?;
    StateRow { id: Id(uuid::Uuid::now_v7()), recorded_at: at, recorded_by: by.to_owned(), superseded_at: None, ..state }
        .insert(tx.connection)?;
    tx.audit().child(entry.row.child_id);
    tx.audit().detail("registration", entry.row.id.0);
    Ok(())
}

/// Marks an entry as entered in error: it never was a registration. Nothing is deleted. Temporary entries that rest on it end, and
/// those who keep the child's case are told.
///
/// # Errors
/// [`RegisterError::OutOfTurn`] while a move of the child is open, and of an entry for which another register has ended its own: the
/// child would be on none;
/// [`RegisterError::Stale`] when somebody else was quicker.
///
/// # Source
/// Invariant I1 of the procedures.
pub fn mark_in_error(tx: &mut Tx<'_>, region: &Region, entry: &Registration, reason: &str, by: &str) -> Result<(), RegisterError> {
    transfers::unless_moving(tx.connection, entry)?;
    transfers::unless_taken_over(tx.connection, entry)?;
    let today = children::today(tx.now());
    if entry.is_live_on(today) {
        let evidence = format!("The home registration {} was entered in error.", entry.row.id.0);
        removal::end_resting(tx, region, entry, &evidence, today, by)?;
        notices::tell(tx, notices::Kind::InError, entry, entry.coordinator_person().as_slice())?;
    }
    let state = StateRow { entered_in_error: true, error_reason: Some(reason.to_owned()), ..entry.state.clone() };
    restate(tx, entry, state, by)?;
    tasks::settle(tx, entry.row.id, tasks::Kind::ALL.as_slice(), by, reason)?;
    matcher::reindex(tx, region, entry.row.child_id)
}
