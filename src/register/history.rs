//! What was true of a person on a day, and what this register knew of it at an instant.
//!
//! # Source
//! Invariant I18; NWSB-CPR and WSI-2012-1712: a child practice review is an extended one when the child was on the register on
//! any date in the six months before.

use chrono::NaiveDate;

use super::RegisterError;
use super::children::Child;
use super::identities::Groups;
use super::registrations::Registration;
use crate::domain::facts::{Days, Fact, days_between};
use crate::store::children::{
    AddressRow, Bitemporal, ChildRow, CorrectionRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow, PracticeRow, PregnancyRow,
};
use crate::store::connection::AnyConnection;
use crate::store::registrations::{self as entry_rows, CategoryRow, CoordinatorRow, CoreGroupRow, RegistrationRow, StateRow};
use crate::store::types::{Id, Instant};

/// A person as they were on a day, as far as was known at an instant.
#[derive(Debug)]
pub struct Past {
    /// The person, with the facts that say something of the day.
    pub child: Child,
    /// For when the child was expected, on a day before birth.
    pub expected_on: Option<NaiveDate>,
    /// The entries that had begun.
    pub entries: Vec<Registration>,
    /// The corrections made by then.
    pub corrections: Vec<CorrectionRow>,
}

impl Past {
    /// Whether the child was not yet born that day.
    pub fn is_unborn(&self) -> bool {
        self.expected_on.is_some()
    }
}

/// One entry and the days of it that lie between two others.
#[derive(Debug)]
pub struct Spell {
    /// The entry.
    pub row: RegistrationRow,
    /// The days, as runs.
    pub days: Vec<Days>,
}

fn as_known<T: Bitemporal>(mut rows: Vec<T>, on: NaiveDate, known: Instant) -> Vec<T> {
    rows.retain(|row| row.was_known_at(known) && row.covers(on));
    rows
}

/// The entries of a person, whichever of their records they rest on, that were known at an instant; with everything ever held
/// to be true of them.
fn entries(connection: &mut AnyConnection, child: Id, known: Instant) -> Result<(Vec<RegistrationRow>, Vec<StateRow>), RegisterError> {
    let members = Groups::around_as_known(connection, &[child], known)?.members(child);
    let rows = entry_rows::of_children(connection, &members)?;
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let states = StateRow::ever(connection, &ids)?;
    Ok((rows, states))
}

/// A fact that may be confidential.
trait Confided: Bitemporal {
    /// Which it is.
    fn id(&self) -> Id;
    /// Whether it is confidential, to be changed.
    fn confidential(&mut self) -> &mut bool;
    /// Whether another says the same of the person.
    fn says_what(&self, other: &Self) -> bool;
}

fn alike(one: Option<&String>, other: Option<&String>) -> bool {
    let bare = |text: &String| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    one.zip(other).is_some_and(|(one, other)| bare(one) == bare(other))
}

impl Confided for AddressRow {
    fn id(&self) -> Id {
        self.id
    }

    fn confidential(&mut self) -> &mut bool {
        &mut self.confidential
    }

    fn says_what(&self, other: &Self) -> bool {
        alike(self.postcode.as_ref(), other.postcode.as_ref()) || alike(Some(&self.lines), Some(&other.lines))
    }
}

impl Confided for HouseholdRow {
    fn id(&self) -> Id {
        self.id
    }

    fn confidential(&mut self) -> &mut bool {
        &mut self.confidential
    }

    fn says_what(&self, other: &Self) -> bool {
        let is_same = |one: &Option<Id>, other: &Option<Id>| one.is_some() && one == other;
        alike(self.given.as_ref(), other.given.as_ref()) && alike(self.family.as_ref(), other.family.as_ref())
            || is_same(&self.related_child_id, &other.related_child_id)
    }
}

/// Takes for confidential what is confidential now, by whatever it was replaced and however it was known before: an earlier
/// version of a fact tells as much as the fact.
fn confide<T: Confided>(rows: &mut [T], corrections: &[CorrectionRow]) {
    let is_secret = |row: &mut T| *row.confidential() && row.recorded().3.is_none();
    let secret: Vec<usize> = (0..rows.len()).filter(|at| is_secret(&mut rows[*at])).collect();
    let secret_ids: Vec<Id> = secret.iter().map(|at| rows[*at].id()).collect();
    let became_secret = |id: Id| {
        let next = |id: &Id| corrections.iter().find(|correction| correction.fact_id == *id).and_then(|correction| correction.replaced_by);
        // A fact is replaced by one that was recorded later: the chain ends, and is no longer than there are corrections.
        std::iter::successors(Some(id), next).take(corrections.len() + 1).any(|id| secret_ids.contains(&id))
    };
    let hidden: Vec<usize> = (0..rows.len())
        .filter(|at| became_secret(rows[*at].id()) || secret.iter().any(|other| rows[*at].says_what(&rows[*other])))
        .collect();
    for at in hidden {
        *rows[at].confidential() = true;
    }
}

/// A person on a day, as known at an instant; of what is confidential now all versions are, unless the reader sees it.
///
/// # Errors
/// When the database fails.
pub fn on_day(
    connection: &mut AnyConnection,
    row: ChildRow,
    on: NaiveDate,
    known: Instant,
    sees_confidential: bool,
) -> Result<Past, RegisterError> {
    let of = [row.id];
    let (rows, states) = entries(connection, row.id, known)?;
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let categories = as_known(CategoryRow::ever(connection, &ids)?, on, known);
    let coordinators = as_known(CoordinatorRow::ever(connection, &ids)?, on, known);
    let core_group = as_known(CoreGroupRow::ever(connection, &ids)?, on, known);
    let entries = rows
        .into_iter()
        .filter_map(|entry| {
            let state = states.iter().find(|state| state.registration_id == entry.id && state.was_known_at(known))?.clone();
            let begun = state.registered_on <= on && !state.entered_in_error;
            begun.then(|| Registration {
                categories: categories.iter().filter(|fact| fact.registration_id == entry.id).cloned().collect(),
                coordinators: coordinators.iter().filter(|fact| fact.registration_id == entry.id).cloned().collect(),
                core_group: core_group.iter().filter(|fact| fact.registration_id == entry.id).cloned().collect(),
                state,
                row: entry,
            })
        })
        .collect();
    let particulars = as_known(ParticularsRow::ever(connection, &of)?, on, known).pop();
    let mut pregnancies = PregnancyRow::ever(connection, &of)?;
    pregnancies.retain(|fact| fact.was_known_at(known) && on < fact.ended_on);
    let expected_on = match &particulars {
        Some(row) => row.birth_from.filter(|_| row.birth_kind == "expected"),
        None => pregnancies.pop().map(|fact| fact.expected_on),
    };
    let mut corrections = CorrectionRow::of_children(connection, &of)?;
    let (mut addresses, mut household) = (AddressRow::ever(connection, &of)?, HouseholdRow::ever(connection, &of)?);
    if !sees_confidential {
        confide(&mut addresses, &corrections);
        confide(&mut household, &corrections);
    }
    corrections.retain(|correction| correction.corrected_at <= known);
    let child = Child {
        particulars,
        names: as_known(NameRow::ever(connection, &of)?, on, known),
        identifiers: as_known(IdentifierRow::ever(connection, &of)?, on, known),
        addresses: as_known(addresses, on, known),
        practices: as_known(PracticeRow::ever(connection, &of)?, on, known),
        household: as_known(household, on, known),
        // What the census asks is shown with the record alone.
        census: None,
        referrals: Vec::new(),
        row,
    };
    Ok(Past { child, expected_on, entries, corrections })
}

/// On which days from `from` to `to`, both included, a person was on a register of this region, as known at an instant: all
/// days together, and entry by entry.
///
/// # Errors
/// When the database fails.
pub fn between(
    connection: &mut AnyConnection,
    child: Id,
    from: NaiveDate,
    to: NaiveDate,
    known: Instant,
) -> Result<(Vec<Days>, Vec<Spell>), RegisterError> {
    let (rows, states) = entries(connection, child, known)?;
    let fact = |state: &StateRow| Fact {
        value: !state.entered_in_error,
        valid_from: state.registered_on,
        valid_to: state.removed_on,
        recorded_at: state.recorded_at.get(),
        superseded_at: state.superseded_at.map(Instant::get),
    };
    let facts: Vec<Fact<bool>> = states.iter().map(fact).collect();
    let all = days_between(&facts, from, to, known.get(), |counts| *counts);
    let spells = rows
        .into_iter()
        .map(|row| {
            let own: Vec<Fact<bool>> = states.iter().filter(|state| state.registration_id == row.id).map(fact).collect();
            Spell { days: days_between(&own, from, to, known.get(), |counts| *counts), row }
        })
        .filter(|spell| !spell.days.is_empty())
        .collect();
    Ok((all, spells))
}
