//! Rows of people: the person, and the facts known of them.

use std::collections::HashMap;

use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::fixed::among;
use super::schema::{
    child, child_address, child_identifier, child_name, child_particulars, child_practice, child_shielding, correction, custody,
    household_member, identity_decision, pregnancy, registration, registration_state,
};
use super::types::{Id, Instant, shows_only};
use crate::domain::shift::london_date;
use chrono::NaiveDate;

/// A person.
#[derive(Debug, Clone, Queryable, Selectable, Identifiable)]
#[diesel(table_name = child, primary_key(pid))]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct ChildRow {
    pub pid: i64,
    pub id: Id,
    pub authority: String,
    pub standing: String,
    pub shielded: bool,
    pub version: i64,
    pub created_at: Instant,
    pub changed_at: Instant,
}

/// Rows that one statement adds: at twenty-odd columns well below the 32,766 values that SQLite takes and the 65,535 of
/// PostgreSQL.
pub(super) const ROWS_PER_STATEMENT: usize = 500;

/// When something was true, and when and by whom it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// First day on which it was true, if known.
    pub valid_from: Option<NaiveDate>,
    /// Last day on which it was true, if it no longer is.
    pub valid_to: Option<NaiveDate>,
    /// When it was recorded.
    pub at: Instant,
    /// By whom (issuer and subject).
    pub by: String,
}

/// A fact with two times.
pub trait Bitemporal {
    /// First and last day on which it was true, when it was recorded, and when it was held to be true no longer.
    fn recorded(&self) -> (Option<NaiveDate>, Option<NaiveDate>, Instant, Option<Instant>);

    /// Whether the register held it to be true at an instant.
    fn was_known_at(&self, at: Instant) -> bool {
        let (_, _, recorded, superseded) = self.recorded();
        recorded <= at && superseded.is_none_or(|superseded| at < superseded)
    }

    /// Whether it says something of a day. Both of its days count.
    fn covers(&self, day: NaiveDate) -> bool {
        let (from, to, _, _) = self.recorded();
        from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
    }
}

macro_rules! fact_rows {
    ($($(#[$doc:meta])* $name:ident, $table:ident, $parent:ident { $($field:ident: $type:ty),* $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Queryable, Selectable, Insertable)]
            // One statement for many rows, on SQLite too: diesel would else write them one by one in a transaction of its own.
            #[diesel(table_name = $table, treat_none_as_default_value = false)]
            #[allow(missing_docs)] // the columns are explained in the migration
            pub struct $name {
                pub id: Id,
                pub $parent: Id,
                $(pub $field: $type,)*
                pub valid_from: Option<NaiveDate>,
                pub valid_to: Option<NaiveDate>,
                pub recorded_at: Instant,
                pub recorded_by: String,
                pub superseded_at: Option<Instant>,
            }

            $crate::store::types::shows_only!($name: id);

            impl $name {
                /// Adds the fact.
                ///
                /// # Errors
                /// When the database refuses or fails.
                pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
                    with!(connection, |c| diesel::insert_into($table::table).values(self).execute(c))?;
                    Ok(())
                }

                /// Adds many facts.
                ///
                /// # Errors
                /// When the database refuses or fails.
                pub fn insert_all(connection: &mut AnyConnection, rows: &[Self]) -> Result<(), StoreError> {
                    if let [row] = rows {
                        return row.insert(connection);
                    }
                    for chunk in rows.chunks(crate::store::children::ROWS_PER_STATEMENT) {
                        with!(&mut *connection, |c| diesel::insert_into($table::table).values(chunk).execute(c))?;
                    }
                    Ok(())
                }

                /// Marks facts as no longer held to be true. Nothing is deleted.
                ///
                /// # Errors
                /// When the database fails.
                pub fn supersede(connection: &mut AnyConnection, ids: &[Id], at: Instant) -> Result<(), StoreError> {
                    if !ids.is_empty() {
                        let target = $table::table.filter($table::id.eq_any(ids)).filter($table::superseded_at.is_null());
                        with!(connection, |c| diesel::update(target).set($table::superseded_at.eq(at)).execute(c))?;
                    }
                    Ok(())
                }

                /// The facts held to be true now, of the given parents, oldest first.
                ///
                /// # Errors
                /// When the database fails.
                pub fn current(connection: &mut AnyConnection, parents: &[Id]) -> Result<Vec<Self>, StoreError> {
                    if parents.is_empty() {
                        return Ok(Vec::new());
                    }
                    Ok(with!(connection, |c| $table::table
                        .filter($crate::store::fixed::among($table::$parent, parents))
                        .filter($table::superseded_at.is_null())
                        .order($table::id)
                        .select(Self::as_select())
                        .load(c))?)
                }

                /// Every fact ever held to be true of the given parents, oldest first: what was known then needs what was
                /// corrected since.
                ///
                /// # Errors
                /// When the database fails.
                pub fn ever(connection: &mut AnyConnection, parents: &[Id]) -> Result<Vec<Self>, StoreError> {
                    if parents.is_empty() {
                        return Ok(Vec::new());
                    }
                    Ok(with!(connection, |c| $table::table
                        .filter($table::$parent.eq_any(parents))
                        .order(($table::recorded_at, $table::id))
                        .select(Self::as_select())
                        .load(c))?)
                }
            }

            impl crate::store::children::Bitemporal for $name {
                fn recorded(&self) -> (Option<NaiveDate>, Option<NaiveDate>, Instant, Option<Instant>) {
                    (self.valid_from, self.valid_to, self.recorded_at, self.superseded_at)
                }
            }
        )+
    };
}
pub(super) use fact_rows;

fact_rows! {
    /// Birth, sex and language.
    ParticularsRow, child_particulars, child_id {
        birth_kind: String,
        birth_from: Option<NaiveDate>,
        birth_to: Option<NaiveDate>,
        sex: String,
        preferred_language: Option<String>,
        communication_needs: Option<String>,
    }
    /// A name.
    NameRow, child_name, child_id {
        name_use: String,
        given: Option<String>,
        middle: Option<String>,
        family: Option<String>,
    }
    /// An identifier.
    IdentifierRow, child_identifier, child_id {
        kind: String,
        value: String,
    }
    /// An address.
    AddressRow, child_address, child_id {
        kind: String,
        lines: String,
        postcode: Option<String>,
        uprn: Option<String>,
        source: Option<String>,
        confidential: bool,
    }
    /// The general practice with which the child is registered.
    PracticeRow, child_practice, child_id {
        name: String,
        ods_code: Option<String>,
    }
    /// A member of the household, or a carer elsewhere.
    HouseholdRow, household_member, child_id {
        relationship: String,
        carer: bool,
        parental_responsibility: bool,
        in_household: bool,
        given: Option<String>,
        family: Option<String>,
        date_of_birth: Option<NaiveDate>,
        related_child_id: Option<Id>,
        confidential: bool,
        nhs_number: Option<String>,
    }
    /// How a pregnancy ended.
    PregnancyRow, pregnancy, child_id {
        expected_on: NaiveDate,
        outcome: String,
        ended_on: NaiveDate,
    }
    /// That a record was shielded, or no longer.
    ShieldingRow, child_shielding, child_id {
        shielded: bool,
        reason: String,
    }
}

impl AddressRow {
    /// Whether the child had left the address when it was recorded. An end that still lay ahead then is no end yet: whoever may not
    /// learn where a child lives may not learn it of a place where it stays until Friday either.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.valid_to.is_some_and(|to| to <= london_date(self.recorded_at.get()))
    }
}

/// Why a fact is no longer held to be true.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = correction)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct CorrectionRow {
    pub fact_id: Id,
    pub child_id: Id,
    pub subject: String,
    pub action: String,
    pub replaced_by: Option<Id>,
    pub reason: String,
    pub corrected_at: Instant,
    pub corrected_by: String,
}

shows_only!(CorrectionRow: fact_id);

impl CorrectionRow {
    /// Adds the correction.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(correction::table).values(self).execute(c))?;
        Ok(())
    }

    /// The corrections of facts about these people, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_children(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<Self>, StoreError> {
        if children.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| correction::table
            .filter(correction::child_id.eq_any(children))
            .order((correction::corrected_at, correction::fact_id))
            .select(Self::as_select())
            .load(c))?)
    }
}

/// Adds a person; answers their number within this database.
///
/// # Errors
/// When the database refuses or fails.
pub fn insert(connection: &mut AnyConnection, id: Id, authority: &str, shielded: bool, at: Instant) -> Result<i64, StoreError> {
    let row = (
        child::id.eq(id),
        child::authority.eq(authority),
        child::standing.eq("current"),
        child::shielded.eq(shielded),
        child::version.eq(1),
        child::created_at.eq(at),
        child::changed_at.eq(at),
    );
    Ok(with!(connection, |c| diesel::insert_into(child::table).values(row).returning(child::pid).get_result(c))?)
}

/// Adds people; answers their numbers, in the same order.
///
/// # Errors
/// When the database refuses or fails.
pub fn insert_all(connection: &mut AnyConnection, people: &[ChildRow]) -> Result<Vec<i64>, StoreError> {
    if let [person] = people {
        return Ok(vec![insert(connection, person.id, &person.authority, person.shielded, person.created_at)?]);
    }
    let mut numbers = HashMap::with_capacity(people.len());
    for chunk in people.chunks(ROWS_PER_STATEMENT) {
        let rows: Vec<_> = chunk
            .iter()
            .map(|person| {
                (
                    child::id.eq(person.id),
                    child::authority.eq(&person.authority),
                    child::standing.eq(&person.standing),
                    child::shielded.eq(person.shielded),
                    child::version.eq(person.version),
                    child::created_at.eq(person.created_at),
                    child::changed_at.eq(person.changed_at),
                )
            })
            .collect();
        let ids: Vec<Id> = chunk.iter().map(|person| person.id).collect();
        let found: Vec<(Id, i64)> = with!(&mut *connection, |c| {
            diesel::insert_into(child::table).values(&rows).execute(c)?;
            child::table.filter(child::id.eq_any(&ids)).select((child::id, child::pid)).load(c)
        })?;
        numbers.extend(found);
    }
    people.iter().map(|person| numbers.get(&person.id).copied().ok_or(StoreError::Corrupt("an added person is missing"))).collect()
}

/// The person with this identifier.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<ChildRow>, StoreError> {
    Ok(with!(connection, |c| child::table.filter(child::id.eq(id)).select(ChildRow::as_select()).first(c).optional())?)
}

/// A person whom a search named, and what else has to be read of them.
#[derive(Debug, Queryable)]
pub struct Numbered {
    /// The person.
    pub person: ChildRow,
    /// The kind of their birth date: `expected` of a child who is not born yet.
    pub birth_kind: Option<String>,
    /// Whether the record was merged with another.
    pub is_merged: bool,
    /// Whether they move, or have moved: a custody of the child is known here.
    pub moves: bool,
}

/// The people with these numbers.
///
/// # Errors
/// When the database fails.
pub fn by_numbers(connection: &mut AnyConnection, pids: &[i64]) -> Result<Vec<Numbered>, StoreError> {
    if pids.is_empty() {
        return Ok(Vec::new());
    }
    let present = child_particulars::child_id.eq(child::id).and(child_particulars::superseded_at.is_null());
    let merged = identity_decision::table
        .filter(identity_decision::kept_id.eq(child::id).or(identity_decision::other_id.eq(child::id)))
        .filter(identity_decision::kind.eq("same-person"))
        .filter(identity_decision::undone_at.is_null());
    let custody = custody::table.filter(custody::child_id.eq(child::id.nullable()));
    Ok(with!(connection, |c| child::table
        .left_join(child_particulars::table.on(present))
        .filter(among(child::pid, pids))
        .select((
            ChildRow::as_select(),
            child_particulars::birth_kind.nullable(),
            diesel::dsl::exists(merged),
            diesel::dsl::exists(custody)
        ))
        .load(c))?)
}

/// Moves a person from one version to the next, with a new standing if one is given. Says whether the person was still at
/// that version.
///
/// # Errors
/// When the database fails.
pub fn advance(connection: &mut AnyConnection, id: Id, version: i64, standing: Option<&str>, at: Instant) -> Result<bool, StoreError> {
    let target = child::table.filter(child::id.eq(id)).filter(child::version.eq(version));
    let changed = match standing {
        Some(standing) => with!(connection, |c| diesel::update(target)
            .set((child::version.eq(version + 1), child::changed_at.eq(at), child::standing.eq(standing)))
            .execute(c)),
        None => with!(connection, |c| diesel::update(target).set((child::version.eq(version + 1), child::changed_at.eq(at))).execute(c)),
    }?;
    Ok(changed == 1)
}

/// Takes part in a race for a person without changing anything: of two transactions that both look at what there is about the
/// person before they add to it, one has to begin again. PostgreSQL would else let both see nothing and both add.
///
/// # Errors
/// When the database fails, or another transaction was first.
pub fn claim(connection: &mut AnyConnection, id: Id) -> Result<(), StoreError> {
    let target = child::table.filter(child::id.eq(id));
    with!(connection, |c| diesel::update(target).set(child::standing.eq(child::standing)).execute(c))?;
    Ok(())
}

/// Moves a person to the next version because of something that is said about their record, while nothing that is known of them
/// changes. Says whether the person was still at that version.
///
/// # Errors
/// When the database fails.
pub fn touch(connection: &mut AnyConnection, id: Id, version: i64) -> Result<bool, StoreError> {
    let target = child::table.filter(child::id.eq(id)).filter(child::version.eq(version));
    let changed = with!(connection, |c| diesel::update(target).set(child::version.eq(version + 1)).execute(c))?;
    Ok(changed == 1)
}

/// The people with these identifiers.
///
/// # Errors
/// When the database fails.
pub fn by_ids(connection: &mut AnyConnection, ids: &[Id]) -> Result<Vec<ChildRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with!(connection, |c| child::table.filter(child::id.eq_any(ids)).order(child::pid).select(ChildRow::as_select()).load(c))?)
}

/// Shields a person, or no longer does.
///
/// # Errors
/// When the database fails.
pub fn set_shielded(connection: &mut AnyConnection, id: Id, shielded: bool) -> Result<(), StoreError> {
    let target = child::table.filter(child::id.eq(id));
    with!(connection, |c| diesel::update(target).set(child::shielded.eq(shielded)).execute(c))?;
    Ok(())
}

/// All people in the order of their numbers, a page at a time, for rebuilding the matcher's index.
///
/// # Errors
/// When the database fails.
pub fn page(connection: &mut AnyConnection, after: i64, limit: i64) -> Result<Vec<ChildRow>, StoreError> {
    Ok(with!(connection, |c| child::table
        .filter(child::pid.gt(after))
        .order(child::pid)
        .limit(limit)
        .select(ChildRow::as_select())
        .load(c))?)
}

/// The postcodes at which the children live whom an authority has on its register by a decision of its own, but for one child.
///
/// # Errors
/// When the database fails.
pub fn postcodes(connection: &mut AnyConnection, authority: &str, but: Id) -> Result<Vec<String>, StoreError> {
    let decided = registration_state::table
        .filter(registration_state::superseded_at.is_null())
        .filter(registration_state::removed_on.is_null())
        .filter(registration_state::kind.ne("temporary"))
        .select(registration_state::registration_id);
    let children = registration::table
        .filter(registration::authority.eq(authority))
        .filter(registration::id.eq_any(decided))
        .select(registration::child_id);
    let found: Vec<Option<String>> = with!(connection, |c| child_address::table
        .filter(child_address::child_id.eq_any(children))
        .filter(child_address::child_id.ne(but))
        .filter(child_address::superseded_at.is_null())
        .filter(child_address::valid_to.is_null())
        .filter(child_address::postcode.is_not_null())
        .select(child_address::postcode)
        .distinct()
        .load(c))?;
    Ok(found.into_iter().flatten().collect())
}
