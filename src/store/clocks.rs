//! Rows of the work-list of clocks, and of which entries' clocks were worked out.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::children::ROWS_PER_STATEMENT;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::registrations::Whose;
use super::schema::{child, clock_due, clock_watch, registration, registration_coordinator, registration_state};
use super::types::Id;

/// That the clocks of an entry were worked out.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = clock_watch, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct WatchRow {
    pub registration_id: Id,
    pub worked_on: NaiveDate,
    pub registration_version: i64,
    pub child_version: i64,
    pub stale: bool,
}

/// A clock that somebody still has to act on.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = clock_due, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct DueRow {
    pub place: Id,
    pub registration_id: Id,
    pub child_id: Id,
    pub authority: String,
    pub clock: String,
    pub started_on: NaiveDate,
    pub due_on: NaiveDate,
    pub soon_on: NaiveDate,
}

impl WatchRow {
    /// Puts rows in the place of what was there of these entries; an entry without a row is watched no more.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn replace(connection: &mut AnyConnection, registrations: &[Id], rows: &[Self]) -> Result<(), StoreError> {
        let old = clock_watch::table.filter(clock_watch::registration_id.eq_any(registrations));
        with!(&mut *connection, |c| diesel::delete(old).execute(c))?;
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            with!(&mut *connection, |c| diesel::insert_into(clock_watch::table).values(chunk).execute(c))?;
        }
        Ok(())
    }
}

impl DueRow {
    /// Puts rows in the place of what was there of these entries.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn replace(connection: &mut AnyConnection, registrations: &[Id], rows: &[Self]) -> Result<(), StoreError> {
        let old = clock_due::table.filter(clock_due::registration_id.eq_any(registrations));
        with!(&mut *connection, |c| diesel::delete(old).execute(c))?;
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            with!(&mut *connection, |c| diesel::insert_into(clock_due::table).values(chunk).execute(c))?;
        }
        Ok(())
    }

    /// A page of the work-list as it stands on a day, by the day on which each is due: what is overdue, what is due soon, or
    /// both.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(
        connection: &mut AnyConnection,
        whose: &Whose,
        authority: Option<&str>,
        (overdue, due_soon): (bool, bool),
        today: NaiveDate,
        after: Option<Id>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = clock_due::table.select(Self::as_select()).order(clock_due::place).limit(limit).into_boxed();
            match whose {
                Whose::Authorities(authorities) => query = query.filter(clock_due::authority.eq_any(authorities)),
                Whose::Coordinator(person) => {
                    query = query.filter(
                        clock_due::registration_id.eq_any(
                            registration_coordinator::table
                                .filter(registration_coordinator::person.eq(person))
                                .filter(registration_coordinator::superseded_at.is_null())
                                .filter(registration_coordinator::valid_to.is_null())
                                .select(registration_coordinator::registration_id),
                        ),
                    );
                }
            }
            query = query.filter(clock_due::soon_on.le(today).or(clock_due::due_on.lt(today)));
            if let Some(authority) = authority {
                query = query.filter(clock_due::authority.eq(authority));
            }
            if !overdue {
                query = query.filter(clock_due::due_on.ge(today));
            }
            if !due_soon {
                query = query.filter(clock_due::due_on.lt(today));
            }
            if let Some(after) = after {
                query = query.filter(clock_due::place.gt(after));
            }
            Ok(query.load(c)?)
        })
    }
}

/// Takes the keeper's lease until the end of the transaction; says whether no other server has it. SQLite's writer needs none.
///
/// # Errors
/// When the database fails.
pub fn lease(connection: &mut AnyConnection) -> Result<bool, StoreError> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(true),
        // The number is arbitrary; nothing else in this database takes advisory locks.
        AnyConnection::Pg(c) => Ok(diesel::select(diesel::dsl::sql::<Bool>("pg_try_advisory_xact_lock(7305820126491)")).get_result(c)?),
    }
}

/// Entries whose clocks are to be worked out for a day, oldest first: those in force that were not yet, or that have changed
/// since; then those that are watched although they have ended.
///
/// # Errors
/// When the database fails.
pub fn waiting(connection: &mut AnyConnection, today: NaiveDate, limit: i64) -> Result<Vec<Id>, StoreError> {
    let watch = clock_watch::registration_id.eq(registration::id);
    let live: Vec<Id> = with!(&mut *connection, |c| registration::table
        .inner_join(registration_state::table.on(registration_state::registration_id.eq(registration::id)))
        .inner_join(child::table.on(child::id.eq(registration::child_id)))
        .left_join(clock_watch::table.on(watch))
        .filter(registration_state::superseded_at.is_null())
        .filter(registration_state::removed_on.is_null())
        .filter(registration_state::entered_in_error.eq(false))
        .filter(
            clock_watch::registration_id
                .nullable()
                .is_null()
                .or(clock_watch::worked_on.nullable().lt(today))
                .or(clock_watch::stale.nullable().eq(true))
                .or(clock_watch::registration_version.nullable().ne(registration::version.nullable()))
                .or(clock_watch::child_version.nullable().ne(child::version.nullable())),
        )
        .order(registration::id)
        .limit(limit)
        .select(registration::id)
        .load(c))?;
    if !live.is_empty() {
        return Ok(live);
    }
    Ok(with!(connection, |c| clock_watch::table
        .inner_join(registration_state::table.on(registration_state::registration_id.eq(clock_watch::registration_id)))
        .filter(registration_state::superseded_at.is_null())
        .filter(registration_state::removed_on.is_not_null().or(registration_state::entered_in_error.eq(true)))
        .order(clock_watch::registration_id)
        .limit(limit)
        .select(clock_watch::registration_id)
        .load(c))?)
}

/// The versions of these entries and of their children.
///
/// # Errors
/// When the database fails.
pub fn versions(connection: &mut AnyConnection, registrations: &[Id]) -> Result<Vec<(Id, i64, i64)>, StoreError> {
    Ok(with!(connection, |c| registration::table
        .inner_join(child::table.on(child::id.eq(registration::child_id)))
        .filter(registration::id.eq_any(registrations))
        .select((registration::id, registration::version, child::version))
        .load(c))?)
}

/// Says that something has changed that the clocks of these children's entries may depend on.
///
/// # Errors
/// When the database fails.
pub fn mark_stale(connection: &mut AnyConnection, children: &[Id]) -> Result<(), StoreError> {
    let theirs = registration::table.filter(registration::child_id.eq_any(children)).select(registration::id);
    let target = clock_watch::table.filter(clock_watch::registration_id.eq_any(theirs));
    with!(connection, |c| diesel::update(target).set(clock_watch::stale.eq(true)).execute(c))?;
    Ok(())
}
