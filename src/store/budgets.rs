//! Rows of the check budgets: how many checks somebody asked in an hour.
//!
//! A shared row would make transactions that run at the same time wait for each other and, on PostgreSQL, fail with 40001.
//! Therefore each adds to a row of its own: on PostgreSQL the slot is the number of the server process that serves the
//! connection, which runs one transaction at a time; SQLite has one writer and needs one slot. A reader adds up a few rows.

use std::collections::BTreeMap;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Text};
use diesel::upsert::excluded;

use super::Tx;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::fixed::among;
use super::schema::check_budget;
use super::types::{DbInstant, Instant};

/// What was used in one hour, in one slot.
#[derive(Debug, Clone, Queryable)]
pub struct UseRow {
    /// Who used it.
    pub subject: String,
    /// When the hour began.
    pub window_start: Instant,
    /// Checks.
    pub checks: i64,
    /// Checks that named nobody.
    pub empty_answers: i64,
}

/// What somebody used in the hours since an instant, one row for each hour and slot.
///
/// # Errors
/// When the database fails.
pub fn used(connection: &mut AnyConnection, subjects: &[String], since: Instant) -> Result<Vec<UseRow>, StoreError> {
    Ok(with!(connection, |c| check_budget::table
        .filter(among(check_budget::subject, subjects))
        .filter(check_budget::window_start.ge(since))
        .select((check_budget::subject, check_budget::window_start, check_budget::checks, check_budget::empty_answers))
        .load(c))?)
}

/// Adds to what everybody in `subjects` used.
///
/// # Errors
/// When the database refuses or fails.
pub fn add(tx: &mut Tx<'_>, subjects: &[String], hour: Instant, checks: i64, empty: i64) -> Result<(), StoreError> {
    let mut spent = Spent::default();
    for subject in subjects {
        spent.add(subject, hour, checks, empty);
    }
    match &mut tx.sheaf {
        Some(sheaf) => {
            sheaf.spent.add_all(spent);
            Ok(())
        }
        None => spent.write(tx.connection),
    }
}

/// What was used, to be added to the rows: once for each subject and hour, however many units of work used it.
#[derive(Debug, Default)]
pub(super) struct Spent(BTreeMap<(String, Instant), (i64, i64)>);

impl Spent {
    fn add(&mut self, subject: &str, hour: Instant, checks: i64, empty: i64) {
        let sum = self.0.entry((subject.to_owned(), hour)).or_default();
        sum.0 += checks;
        sum.1 += empty;
    }

    fn add_all(&mut self, other: Self) {
        for ((subject, hour), (checks, empty)) in other.0 {
            self.add(&subject, hour, checks, empty);
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub(super) fn write(self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        match connection {
            AnyConnection::Sqlite(c) => {
                let key = (check_budget::subject, check_budget::window_start, check_budget::slot);
                let sums = (
                    check_budget::checks.eq(check_budget::checks + excluded(check_budget::checks)),
                    check_budget::empty_answers.eq(check_budget::empty_answers + excluded(check_budget::empty_answers)),
                );
                for ((subject, hour), (checks, empty)) in self.0 {
                    let row = (
                        check_budget::subject.eq(subject),
                        check_budget::window_start.eq(hour),
                        check_budget::checks.eq(checks),
                        check_budget::empty_answers.eq(empty),
                        check_budget::slot.eq(0),
                    );
                    diesel::insert_into(check_budget::table).values(row).on_conflict(key).do_update().set(sums).execute(c)?;
                }
            }
            AnyConnection::Pg(c) => {
                SpentRows::of(self).execute(c)?;
            }
        }
        Ok(())
    }
}

/// The rows of PostgreSQL, by column, in one statement that is prepared once.
#[derive(Default)]
struct SpentRows {
    subjects: Vec<String>,
    hours: Vec<Instant>,
    checks: Vec<i64>,
    empty: Vec<i64>,
}

impl SpentRows {
    fn of(spent: Spent) -> Self {
        let mut rows = Self::default();
        for ((subject, hour), (checks, empty)) in spent.0 {
            rows.subjects.push(subject);
            rows.hours.push(hour);
            rows.checks.push(checks);
            rows.empty.push(empty);
        }
        rows
    }
}

impl QueryId for SpentRows {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for SpentRows {}

impl QueryFragment<Pg> for SpentRows {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO check_budget (subject, window_start, checks, empty_answers, slot) SELECT *, pg_backend_pid()::bigint FROM unnest(",
        );
        out.push_bind_param::<Array<Text>, _>(&self.subjects)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<DbInstant>, _>(&self.hours)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.checks)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.empty)?;
        out.push_sql(
            ") ON CONFLICT (subject, window_start, slot) DO UPDATE SET checks = check_budget.checks + excluded.checks, \
             empty_answers = check_budget.empty_answers + excluded.empty_answers",
        );
        Ok(())
    }
}

/// Forgets hours that began before an instant: they count no more.
///
/// # Errors
/// When the database fails.
pub fn prune(connection: &mut AnyConnection, before: Instant) -> Result<(), StoreError> {
    with!(connection, |c| diesel::delete(check_budget::table.filter(check_budget::window_start.lt(before))).execute(c))?;
    Ok(())
}
