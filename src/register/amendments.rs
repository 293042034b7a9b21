//! What of an entry changes while it is in force: its co-ordinator, its categories, its core group. Each change is a new fact;
//! what held before stays with the day on which it ended.

use chrono::NaiveDate;

use super::registrations::{NewCoordinator, NewCoreGroupMember, Registration, coordinator_row, member_row};
use super::{Broken, RegisterError, children, notices, tasks, unless_broken};
use crate::domain::category::{Category, CategorySet};
use crate::domain::coded::coded_error;
use crate::domain::nation::Nation;
use crate::domain::rule::Rule;
use crate::store::Tx;
use crate::store::registrations::{self as rows, CategoryRow, CoordinatorRow, CoreGroupRow};
use crate::store::types::{Id, Instant};

coded_error! {
    /// A rule that a change of an entry would break.
    pub enum AmendmentViolation {
        /// It would hold from a day that has not come.
        InTheFuture = "in-the-future", "check the date: it has not come yet";
        /// It would hold from a day before the entry.
        BeforeRegistration = "before-registration", "give a day on or after the day of registration";
        /// It would hold from a day before what it takes the place of.
        BeforePresent = "before-present", "give a day on or after the one from which the present one holds";
        /// It would replace what the conference decided on the first day.
        OnRegistration = "on-registration", "give a day after the day of registration: what was decided then stays";
        /// There is nobody to end.
        NoCoordinator = "no-coordinator", "name the new co-ordinator: there is none who could end";
        /// No category.
        NoCategory = "no-category", "give at least one category of abuse";
        /// The same category twice.
        DuplicateCategory = "duplicate-category", "give each category once";
        /// A category that the nation whose conference decided does not have.
        CategoryNotOfNation = "category-not-of-nation", "use the categories of the nation whose conference decided";
        /// The home authority decides about a temporary entry.
        HomeDecides = "home-authority-decides", "a temporary entry carries what the home authority decided";
    }
}

impl Rule for AmendmentViolation {
    fn origin(&self) -> &'static str {
        match self {
            Self::InTheFuture | Self::BeforeRegistration | Self::BeforePresent => "DESIGN",
            Self::OnRegistration => "CIN-VAL, WSP-3.2.10",
            Self::NoCoordinator => "WSP-4.3",
            Self::NoCategory | Self::DuplicateCategory => "WSP-3.2.10",
            Self::CategoryNotOfNation => "WSP-3.2.9, CIN-VAL",
            Self::HomeDecides => "WSP-4.12",
        }
    }
}

fn broken(pointer: &str, violation: AmendmentViolation) -> RegisterError {
    RegisterError::Broken(vec![Broken::at(pointer, &violation)])
}

/// Moves an entry that is in force to its next version.
///
/// # Errors
/// [`RegisterError::NotInForce`], [`RegisterError::Stale`].
pub(super) fn advance(tx: &mut Tx<'_>, entry: &Registration) -> Result<Instant, RegisterError> {
    if !entry.is_live_on(children::today(tx.now())) {
        return Err(RegisterError::NotInForce);
    }
    let at = Instant::new(tx.now());
    if !rows::advance(tx.connection, entry.row.id, entry.row.version, at)? {
        return Err(RegisterError::Stale);
    }
    tx.audit().child(entry.row.child_id);
    tx.audit().detail("registration", entry.row.id.0);
    Ok(at)
}

/// From when a change can hold: neither before the entry or what it replaces, nor in the future.
fn check_from(from: NaiveDate, entry: &Registration, present: Option<NaiveDate>, today: NaiveDate) -> Result<(), RegisterError> {
    if from > today {
        Err(broken("/from", AmendmentViolation::InTheFuture))
    } else if from < entry.state.registered_on {
        Err(broken("/from", AmendmentViolation::BeforeRegistration))
    } else if present.is_some_and(|present| from < present) {
        Err(broken("/from", AmendmentViolation::BeforePresent))
    } else {
        Ok(())
    }
}

/// Puts another co-ordinator in the place of the present one, or ends the present one. The register shows it at once; a child
/// without a co-ordinator is told to the senior safeguarding manager the same day.
///
/// # Errors
/// [`RegisterError::NotInForce`], [`RegisterError::Stale`], [`RegisterError::Broken`].
///
/// # Source
/// WSP-4.3, scenario S13 of the procedures.
pub fn coordinate(
    tx: &mut Tx<'_>,
    entry: &Registration,
    new: Option<&NewCoordinator>,
    from: NaiveDate,
    by: &str,
) -> Result<(), RegisterError> {
    let at = advance(tx, entry)?;
    let present = entry.coordinator();
    check_from(from, entry, present.and_then(|row| row.valid_from), children::today(tx.now()))?;
    if new.is_none() && present.is_none() {
        return Err(broken("/coordinator", AmendmentViolation::NoCoordinator));
    }
    replace_coordinator(tx, entry, new, from, at, by)?;
    let mut people: Vec<&str> = present.and_then(|row| row.person.as_deref()).into_iter().collect();
    people.extend(new.and_then(|new| new.person.as_deref()));
    people.dedup();
    let kind = if new.is_some() { notices::Kind::CoordinatorChanged } else { notices::Kind::CoordinatorEnded };
    notices::tell(tx, kind, entry, &people)
}

/// The facts of a change of co-ordinator and the task that comes or goes with it. The caller moved the entry on.
///
/// # Errors
/// When the database refuses or fails.
pub fn replace_coordinator(
    tx: &mut Tx<'_>,
    entry: &Registration,
    new: Option<&NewCoordinator>,
    from: NaiveDate,
    at: Instant,
    by: &str,
) -> Result<(), RegisterError> {
    let running: Vec<_> = entry.coordinators.iter().filter(|row| row.valid_to.is_none()).cloned().collect();
    let ids: Vec<Id> = running.iter().map(|row| row.id).collect();
    CoordinatorRow::supersede(tx.connection, &ids, at)?;
    for row in running {
        CoordinatorRow { id: Id(uuid::Uuid::now_v7()), valid_to: Some(from), recorded_at: at, recorded_by: by.to_owned(), ..row }
            .insert(tx.connection)?;
    }
    match new {
        Some(new) => {
            coordinator_row(entry.row.id, new, from, at, by).insert(tx.connection)?;
            tasks::settle(tx, entry.row.id, &[tasks::Kind::CoordinatorMissing], by, "A co-ordinator was named.")
        }
        None => tasks::raise_once(tx, tasks::Kind::CoordinatorMissing, &entry.row.authority, entry.row.child_id, entry.row.id),
    }
}

/// The categories of an entry on a day, as codes in alphabetical order.
pub fn categories_on(entry: &Registration, day: NaiveDate) -> Vec<&str> {
    let holds = |row: &&CategoryRow| row.valid_from.is_none_or(|from| from <= day) && row.valid_to.is_none_or(|to| day < to);
    let mut codes: Vec<&str> = entry.categories.iter().filter(holds).map(|row| row.category.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The categories of an entry now.
pub fn present_categories(entry: &Registration) -> Vec<&str> {
    let mut codes: Vec<&str> = entry.categories.iter().filter(|row| row.valid_to.is_none()).map(|row| row.category.as_str()).collect();
    codes.sort_unstable();
    codes
}

/// Sets other categories from a day on. The first ones stay readable for ever, beside the latest.
///
/// # Errors
/// [`RegisterError::NotInForce`], [`RegisterError::Stale`], [`RegisterError::Broken`].
///
/// # Source
/// WSP-3.2.10, WSP-4.8, invariant I9: one or more at all times, history never overwritten.
pub fn categorise(
    tx: &mut Tx<'_>,
    entry: &Registration,
    categories: &[Category],
    nation: Nation,
    from: NaiveDate,
    by: &str,
) -> Result<(), RegisterError> {
    let at = advance(tx, entry)?;
    if entry.state.kind == "temporary" {
        return Err(broken("/categories", AmendmentViolation::HomeDecides));
    }
    let set = CategorySet::new(categories.iter().copied()).map_err(|error| {
        let violation = match error.code() {
            "duplicate-category" => AmendmentViolation::DuplicateCategory,
            _ => AmendmentViolation::NoCategory,
        };
        broken("/categories", violation)
    })?;
    let mut found = Vec::new();
    if set.permitted_in(nation).is_err() {
        found.push(Broken::at("/categories", &AmendmentViolation::CategoryNotOfNation));
    }
    if !entry.categories.is_empty() && from <= entry.state.registered_on {
        found.push(Broken::at("/from", &AmendmentViolation::OnRegistration));
    }
    unless_broken(found)?;
    let running = entry.categories.iter().filter(|row| row.valid_to.is_none());
    let latest = running.filter_map(|row| row.valid_from).max();
    check_from(from, entry, latest, children::today(tx.now()))?;
    replace_categories(tx, entry, &set, nation, from, at, by)?;
    tasks::settle(tx, entry.row.id, &[tasks::Kind::CategoryMissing], by, "Categories were entered.")
}

/// The facts of a change of categories: what stays runs on, what goes ends, what comes begins. The caller moved the entry on.
///
/// # Errors
/// When the database refuses or fails.
pub fn replace_categories(
    tx: &mut Tx<'_>,
    entry: &Registration,
    set: &CategorySet,
    nation: Nation,
    from: NaiveDate,
    at: Instant,
    by: &str,
) -> Result<(), RegisterError> {
    let stays = |row: &CategoryRow| row.code_set == nation.as_str() && set.iter().any(|category| category.as_str() == row.category);
    let ending: Vec<_> = entry.categories.iter().filter(|row| row.valid_to.is_none() && !stays(row)).cloned().collect();
    let ids: Vec<Id> = ending.iter().map(|row| row.id).collect();
    CategoryRow::supersede(tx.connection, &ids, at)?;
    let mut added: Vec<CategoryRow> = ending
        .into_iter()
        .map(|row| CategoryRow { id: Id(uuid::Uuid::now_v7()), valid_to: Some(from), recorded_at: at, recorded_by: by.to_owned(), ..row })
        .collect();
    let runs = |category: Category| {
        entry.categories.iter().any(|row| row.valid_to.is_none() && row.code_set == nation.as_str() && row.category == category.as_str())
    };
    added.extend(set.iter().filter(|category| !runs(*category)).map(|category| CategoryRow {
        id: Id(uuid::Uuid::now_v7()),
        registration_id: entry.row.id,
        category: category.as_str().into(),
        code_set: nation.as_str().into(),
        valid_from: Some(from),
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    }));
    CategoryRow::insert_all(tx.connection, &added)?;
    Ok(())
}

/// Sets the members of the core group from a day on.
///
/// # Errors
/// [`RegisterError::NotInForce`], [`RegisterError::Stale`], [`RegisterError::Broken`].
///
/// # Source
/// WSP-4.4, WSP-4.8.
pub fn regroup(
    tx: &mut Tx<'_>,
    entry: &Registration,
    members: &[NewCoreGroupMember],
    from: NaiveDate,
    by: &str,
) -> Result<(), RegisterError> {
    let at = advance(tx, entry)?;
    check_from(from, entry, None, children::today(tx.now()))?;
    replace_members(tx, entry, members, from, at, by)
}

/// The facts of a change of the core group: who stays runs on. The caller moved the entry on.
///
/// # Errors
/// When the database refuses or fails.
pub fn replace_members(
    tx: &mut Tx<'_>,
    entry: &Registration,
    members: &[NewCoreGroupMember],
    from: NaiveDate,
    at: Instant,
    by: &str,
) -> Result<(), RegisterError> {
    let mut wanted: Vec<CoreGroupRow> = members.iter().map(|member| member_row(entry.row.id, member, from, at, by)).collect();
    let same = |one: &CoreGroupRow, other: &CoreGroupRow| {
        (&one.name, &one.agency, &one.role, &one.phone) == (&other.name, &other.agency, &other.role, &other.phone)
    };
    let mut ended = Vec::new();
    for row in entry.members() {
        match wanted.iter().position(|new| same(new, row)) {
            Some(stays) => drop(wanted.remove(stays)),
            None => ended.push(row.clone()),
        }
    }
    let ids: Vec<Id> = ended.iter().map(|row| row.id).collect();
    CoreGroupRow::supersede(tx.connection, &ids, at)?;
    wanted.extend(ended.into_iter().map(|row| CoreGroupRow {
        id: Id(uuid::Uuid::now_v7()),
        // Somebody who was named for a later day ends before they began: for no day at all.
        valid_to: Some(row.valid_from.map_or(from, |began| began.max(from))),
        recorded_at: at,
        recorded_by: by.to_owned(),
        ..row
    }));
    CoreGroupRow::insert_all(tx.connection, &wanted)?;
    Ok(())
}
