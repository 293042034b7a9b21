//! A row that went in before and says something else now.
//!
//! Nothing is deleted, and an empty cell takes nothing back: it means "not known". A name or an address that is no longer
//! given stays as a former one, because enquirers go on using it; a date of birth, a sex, a number or a mother that is given
//! otherwise is a correction. Only facts that the same source put in are touched: what somebody entered here by hand since
//! is left alone. An import hides, and never un-hides: a confidential address or a shielded child stays so until a person
//! decides otherwise here.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Entry, Remark};
use crate::domain::ids::ChildId;
use crate::domain::registration::RemovalGround;
use crate::register::children::{self, Child};
use crate::register::registrations::{self, Registration};
use crate::register::{Region, RegisterError, matcher, removal, transfers};
use crate::store::children::{self as child_rows, AddressRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow};
use crate::store::connection::AnyConnection;
use crate::store::imports::{self as import_rows, ImportRow};
use crate::store::registrations::{self as rows, CategoryRow, CoordinatorRow, CoreGroupRow, StateRow};
use crate::store::tasks::TaskRow;
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// Facts to be added, and those in whose place they come.
struct Facts<T> {
    added: Vec<T>,
    superseded: Vec<Id>,
}

impl<T> Default for Facts<T> {
    fn default() -> Self {
        Self { added: Vec::new(), superseded: Vec::new() }
    }
}

impl<T> Facts<T> {
    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.superseded.is_empty()
    }

    fn replace(&mut self, old: Id, new: T) {
        self.superseded.push(old);
        self.added.push(new);
    }
}

/// What a changed row changes.
pub(super) struct Change {
    child: ChildId,
    /// The version of the child that was looked at.
    version: i64,
    /// Who takes it in.
    by: String,
    shielded: Option<bool>,
    particulars: Facts<ParticularsRow>,
    names: Facts<NameRow>,
    identifiers: Facts<IdentifierRow>,
    addresses: Facts<AddressRow>,
    household: Facts<HouseholdRow>,
    /// The entry and its version, when something of it changes.
    entry: Option<(Id, i64)>,
    state: Facts<StateRow>,
    categories: Facts<CategoryRow>,
    coordinators: Facts<CoordinatorRow>,
    /// The entry that ends by the row, on which ground and day.
    ends: Option<(Box<Registration>, RemovalGround, NaiveDate)>,
    /// A new entry of a child whose earlier one has ended.
    new_entry: Option<(Registration, Vec<TaskRow>)>,
    record: ImportRow,
}

/// Puts together what a changed row changes, and what it says that is left alone.
///
/// # Errors
/// [`RegisterError::Rule`] when it cannot be applied at all; or the database fails.
#[allow(clippy::too_many_arguments)] // the two sides of one comparison
pub(super) fn plan(
    connection: &mut AnyConnection,
    region: &Region,
    id: ChildId,
    new: &Entry,
    number: u64,
    record: ImportRow,
    at: DateTime<Utc>,
    by: &str,
) -> Result<(Change, Vec<Remark>), RegisterError> {
    let row = child_rows::find(connection, id.into())?.ok_or(StoreError::Corrupt("an imported child is missing"))?;
    let impossible = |detail: &str| RegisterError::Rule { pointer: String::new(), code: "changed-not-applied", detail: detail.to_owned() };
    if row.standing != "current" {
        return Err(impossible("the child was entered in error here, or the identity is closed"));
    }
    if row.authority != new.child.authority {
        return Err(impossible("a child moves to another authority by a transfer, not by an import"));
    }
    let old = children::load(connection, row)?;
    let entries = registrations::of(connection, &[id.into()])?;
    let (_, facts) = children::facts(&new.child, at, by)?;
    let mut change = Change {
        child: id,
        version: old.row.version,
        by: by.to_owned(),
        shielded: (new.child.shielded && !old.row.shielded).then_some(true),
        particulars: Facts::default(),
        names: Facts::default(),
        identifiers: Facts::default(),
        addresses: Facts::default(),
        household: Facts::default(),
        entry: None,
        state: Facts::default(),
        categories: Facts::default(),
        coordinators: Facts::default(),
        ends: None,
        new_entry: None,
        record,
    };
    let mut left_alone = change.take_child(&old, facts, at, by);
    let mut moving = Vec::new();
    for entry in &entries {
        if transfers::is_open(connection, entry)? {
            moving.push(entry.row.id);
        }
    }
    left_alone.extend(change.take_entry(region, &entries, &moving, new, at, by)?);
    let remark = |column| Remark {
        row: number,
        column,
        code: "changed-here",
        detail: "this was changed on this register since; what the file says of it was not taken".into(),
    };
    Ok((change, left_alone.into_iter().map(remark).collect()))
}

impl Change {
    /// Compares the facts of the child; answers the columns that are left alone.
    fn take_child(&mut self, old: &Child, new: Child, at: DateTime<Utc>, by: &str) -> Vec<&'static str> {
        let id = Id::from(self.child);
        let today = children::today(at);
        let mut left_alone = Vec::new();
        if let (Some(old), Some(mut new)) = (&old.particulars, new.particulars) {
            if new.birth_kind == "unknown" {
                (new.birth_kind, new.birth_from, new.birth_to) = (old.birth_kind.clone(), old.birth_from, old.birth_to);
            }
            if new.sex == "unknown" {
                new.sex.clone_from(&old.sex);
            }
            let told = |row: &ParticularsRow| (row.birth_kind.clone(), row.birth_from, row.birth_to, row.sex.clone());
            if told(old) != told(&new) {
                if old.recorded_by == by {
                    (new.preferred_language, new.communication_needs) = (old.preferred_language.clone(), old.communication_needs.clone());
                    new.child_id = id;
                    self.particulars.replace(old.id, new);
                } else {
                    left_alone.push("dateOfBirth");
                }
            }
        }
        for mut new in new.names {
            let told = |row: &NameRow| (row.given.clone(), row.middle.clone(), row.family.clone());
            if old.names.iter().any(|old| old.name_use == new.name_use && old.valid_to.is_none() && told(old) == told(&new)) {
                continue;
            }
            for old in old.names.iter().filter(|old| old.name_use == new.name_use && old.recorded_by == by && old.valid_to.is_none()) {
                let former = NameRow {
                    id: Id(uuid::Uuid::now_v7()),
                    name_use: if old.name_use == "official" { "former".into() } else { old.name_use.clone() },
                    valid_to: Some(old.valid_from.map_or(today, |from| today.max(from))),
                    recorded_at: at.into(),
                    ..old.clone()
                };
                self.names.replace(old.id, former);
            }
            new.child_id = id;
            self.names.added.push(new);
        }
        for mut new in new.identifiers {
            if old.identifiers.iter().any(|old| (&old.kind, &old.value) == (&new.kind, &new.value)) {
                continue;
            }
            let wrong = old.identifiers.iter().filter(|old| old.kind == new.kind && old.recorded_by == by);
            self.identifiers.superseded.extend(wrong.map(|old| old.id));
            new.child_id = id;
            self.identifiers.added.push(new);
        }
        self.take_addresses(old, new.addresses, at, by);
        for mut new in new.household {
            let told = |row: &HouseholdRow| (row.given.clone(), row.family.clone());
            let same = |old: &&HouseholdRow| old.relationship == new.relationship && old.valid_to.is_none();
            if old.household.iter().filter(same).any(|old| told(old) == told(&new)) {
                continue;
            }
            self.household.superseded.extend(old.household.iter().filter(same).filter(|old| old.recorded_by == by).map(|old| old.id));
            new.child_id = id;
            self.household.added.push(new);
        }
        left_alone
    }

    fn take_addresses(&mut self, old: &Child, new: Vec<AddressRow>, at: DateTime<Utc>, by: &str) {
        let today = children::today(at);
        let place = |row: &AddressRow| (row.lines.clone(), row.postcode.clone());
        let open = |old: &&AddressRow| old.valid_to.is_none();
        let added: Vec<AddressRow> = new
            .iter()
            .filter(|new| !old.addresses.iter().filter(open).any(|old| place(old) == place(new) && (old.confidential || !new.confidential)))
            .cloned()
            .collect();
        if added.is_empty() {
            return;
        }
        for old in old.addresses.iter().filter(open) {
            if added.iter().any(|new| place(old) == place(new)) {
                // The same place, now confidential: no open copy of it stays, whoever entered it.
                self.addresses.superseded.push(old.id);
            } else if old.recorded_by == by && !new.iter().any(|new| place(old) == place(new)) {
                let former = AddressRow {
                    id: Id(uuid::Uuid::now_v7()),
                    valid_to: Some(old.valid_from.map_or(today, |from| today.max(from))),
                    recorded_at: at.into(),
                    ..old.clone()
                };
                self.addresses.replace(old.id, former);
            }
        }
        self.addresses.added.extend(added.into_iter().map(|row| AddressRow { child_id: self.child.into(), ..row }));
    }

    /// Compares the entry; answers the columns that are left alone. What two authorities have agreed between them ends by their messages,
    /// not by a row beside them: the end of one that is `moving` is left alone.
    fn take_entry(
        &mut self,
        region: &Region,
        entries: &[Registration],
        moving: &[Id],
        new: &Entry,
        at: DateTime<Utc>,
        by: &str,
    ) -> Result<Vec<&'static str>, RegisterError> {
        let nation = region.own().nation;
        let new = &new.registration;
        let (id, mut facts) = registrations::facts(nation, self.child, new, at, by);
        let mut own: Vec<&Registration> = entries.iter().filter(|entry| entry.row.authority == new.authority).collect();
        own.sort_by_key(|entry| entry.state.registered_on);
        let Some(old) = own.iter().rev().find(|entry| !entry.state.entered_in_error) else {
            return Ok(vec!["status"]);
        };
        let told = |state: &StateRow| (state.registered_on, state.removed_on, state.removal_ground.clone());
        let begins_again = old.state.removed_on.is_some_and(|removed| new.registered_on >= removed);
        if begins_again {
            let periods: Vec<_> = own.iter().filter(|entry| !entry.state.entered_in_error).map(|entry| entry.period()).collect();
            registrations::check(new, nation, &periods, children::today(at))?;
            self.new_entry = Some((facts, registrations::gaps(self.child, id, new, at)));
            return Ok(Vec::new());
        }
        let mut left_alone = Vec::new();
        if told(&old.state) != told(&facts.state) {
            let ends = facts.state.removed_on.filter(|_| old.state.removed_on.is_none());
            if old.state.recorded_by == by && !(ends.is_some() && moving.contains(&old.row.id)) {
                if let Some(on) = ends {
                    let ground = facts.state.removal_ground.as_deref().and_then(|ground| ground.parse().ok());
                    self.ends = ground.map(|ground| (Box::new((*old).clone()), ground, on));
                }
                let state = StateRow {
                    id: facts.state.id,
                    registered_on: new.registered_on,
                    removed_on: facts.state.removed_on,
                    removal_ground: facts.state.removal_ground,
                    conference_held_on: facts.state.conference_held_on,
                    review_due_on: facts.state.review_due_on.or(old.state.review_due_on),
                    valid_from: facts.state.valid_from,
                    recorded_at: facts.state.recorded_at,
                    ..old.state.clone()
                };
                self.state.replace(old.state.id, state);
            } else {
                left_alone.push("status");
            }
        }
        let codes = |rows: &[CategoryRow]| {
            let mut codes: Vec<String> = rows.iter().filter(|row| row.valid_to.is_none()).map(|row| row.category.clone()).collect();
            codes.sort();
            codes
        };
        if !facts.categories.is_empty() && codes(&old.categories) != codes(&facts.categories) {
            if old.categories.iter().all(|row| row.recorded_by == by) {
                self.categories.superseded = old.categories.iter().map(|row| row.id).collect();
                for row in &mut facts.categories {
                    row.registration_id = old.row.id;
                }
                self.categories.added = facts.categories;
            } else {
                left_alone.push("categories");
            }
        }
        if let Some(mut coordinator) = facts.coordinators.pop()
            && old.coordinator().is_none_or(|old| old.name != coordinator.name)
        {
            match old.coordinator() {
                Some(before) if before.recorded_by != by => left_alone.push("coordinator"),
                before => {
                    let today = children::today(at);
                    if let Some(before) = before {
                        let until = before.valid_from.map_or(today, |from| today.max(from));
                        let ended = CoordinatorRow {
                            id: Id(uuid::Uuid::now_v7()),
                            valid_to: Some(until),
                            recorded_at: at.into(),
                            ..before.clone()
                        };
                        self.coordinators.replace(before.id, ended);
                        coordinator.valid_from = Some(today);
                    }
                    coordinator.registration_id = old.row.id;
                    self.coordinators.added.push(coordinator);
                }
            }
        }
        if !(self.state.is_empty() && self.categories.is_empty() && self.coordinators.is_empty()) {
            self.entry = Some((old.row.id, old.row.version));
        }
        Ok(left_alone)
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`RegisterError::Stale`] when somebody else changed the child or the entry meanwhile; or the database fails.
    pub(super) fn apply(&self, tx: &mut Tx<'_>, region: &Region) -> Result<(), RegisterError> {
        let at = Instant::new(tx.now());
        let connection = &mut *tx.connection;
        macro_rules! apply {
            ($($facts:ident: $row:ident),+) => {$(
                $row::supersede(connection, &self.$facts.superseded, at)?;
                $row::insert_all(connection, &self.$facts.added)?;
            )+};
        }
        apply!(
            particulars: ParticularsRow, names: NameRow, identifiers: IdentifierRow, addresses: AddressRow, household: HouseholdRow,
            state: StateRow, categories: CategoryRow, coordinators: CoordinatorRow
        );
        if let Some(shielded) = self.shielded {
            child_rows::set_shielded(connection, self.child.into(), shielded)?;
        }
        if let Some((entry, version)) = self.entry
            && !rows::advance(connection, entry, version, at)?
        {
            return Err(RegisterError::Stale);
        }
        if let Some((entry, ground, on)) = &self.ends {
            removal::end_resting(tx, region, entry, &removal::home_ended(entry, *ground), *on, &self.by)?;
            match transfers::ended(tx, region, entry, *ground, &self.by) {
                // A move began since it was looked at.
                Err(RegisterError::OutOfTurn(_)) => return Err(RegisterError::Stale),
                done => done?,
            }
        }
        let connection = &mut *tx.connection;
        if let Some((entry, tasks)) = &self.new_entry {
            entry.row.insert(connection)?;
            entry.state.insert(connection)?;
            CategoryRow::insert_all(connection, &entry.categories)?;
            CoordinatorRow::insert_all(connection, &entry.coordinators)?;
            CoreGroupRow::insert_all(connection, &entry.core_group)?;
            TaskRow::insert_all(connection, tasks)?;
        }
        import_rows::update(connection, &self.record)?;
        if !child_rows::advance(connection, self.child.into(), self.version, None, at)? {
            return Err(RegisterError::Stale);
        }
        matcher::reindex(tx, region, self.child.into())
    }
}
