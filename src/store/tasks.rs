//! Rows of tasks: what a person must do.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Tx;
use super::children::ROWS_PER_STATEMENT;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::task;
use super::types::{Id, Instant};

/// A task.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = task, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct TaskRow {
    pub id: Id,
    pub version: i64,
    pub kind: String,
    pub authority: String,
    pub to_role: String,
    pub child_id: Option<Id>,
    pub registration_id: Option<Id>,
    pub enquiry_id: Option<Id>,
    pub reasons: String,
    pub created_at: Instant,
    pub closed_at: Option<Instant>,
    pub closed_by: Option<String>,
    pub close_reason: Option<String>,
    pub about: Option<String>,
    pub clock: Option<String>,
    pub due_on: Option<NaiveDate>,
    pub alert_id: Option<Id>,
}

impl TaskRow {
    /// Adds the task.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if let Some(sheaf) = &mut tx.sheaf {
            sheaf.tasks.push(self);
            return Ok(());
        }
        with!(&mut *tx.connection, |c| diesel::insert_into(task::table).values(&self).execute(c))?;
        Ok(())
    }

    /// Adds many tasks.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert_all(connection: &mut AnyConnection, rows: &[Self]) -> Result<(), StoreError> {
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            with!(&mut *connection, |c| diesel::insert_into(task::table).values(chunk).execute(c))?;
        }
        Ok(())
    }
}

/// The task with this identifier.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<TaskRow>, StoreError> {
    Ok(with!(connection, |c| task::table.find(id).select(TaskRow::as_select()).first(c).optional())?)
}

/// The open tasks about an entry, oldest first.
///
/// # Errors
/// When the database fails.
pub fn open_of(connection: &mut AnyConnection, registration: Id) -> Result<Vec<TaskRow>, StoreError> {
    Ok(with!(connection, |c| task::table
        .filter(task::registration_id.eq(registration))
        .filter(task::closed_at.is_null())
        .order(task::id)
        .select(TaskRow::as_select())
        .load(c))?)
}

/// The open tasks about a child, oldest first.
///
/// # Errors
/// When the database fails.
pub fn open_about(connection: &mut AnyConnection, child: Id) -> Result<Vec<TaskRow>, StoreError> {
    Ok(with!(connection, |c| task::table
        .filter(task::child_id.eq(child))
        .filter(task::closed_at.is_null())
        .order(task::id)
        .select(TaskRow::as_select())
        .load(c))?)
}

/// The open tasks about clocks of these entries, oldest first.
///
/// # Errors
/// When the database fails.
pub fn open_about_clocks(connection: &mut AnyConnection, registrations: &[Id]) -> Result<Vec<TaskRow>, StoreError> {
    if registrations.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with!(connection, |c| task::table
        .filter(task::registration_id.eq_any(registrations))
        .filter(task::clock.is_not_null())
        .filter(task::closed_at.is_null())
        .order(task::id)
        .select(TaskRow::as_select())
        .load(c))?)
}

/// A page of tasks, newest first, without those about `reader`.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    authorities: &[String],
    reader: &str,
    to_role: Option<&str>,
    open: Option<bool>,
    before: Option<Id>,
    limit: i64,
) -> Result<Vec<TaskRow>, StoreError> {
    with!(connection, |c| {
        let mut query = task::table
            .filter(task::authority.eq_any(authorities))
            .filter(task::about.is_null().or(task::about.ne(reader)))
            .select(TaskRow::as_select())
            .order(task::id.desc())
            .limit(limit)
            .into_boxed();
        if let Some(role) = to_role {
            query = query.filter(task::to_role.eq(role));
        }
        match open {
            Some(true) => query = query.filter(task::closed_at.is_null()),
            Some(false) => query = query.filter(task::closed_at.is_not_null()),
            None => {}
        }
        if let Some(before) = before {
            query = query.filter(task::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// Closes a task that is at `version` and open. Says whether it was.
///
/// # Errors
/// When the database fails.
pub fn close(connection: &mut AnyConnection, id: Id, version: i64, by: &str, reason: &str, at: Instant) -> Result<bool, StoreError> {
    let target = task::table.filter(task::id.eq(id)).filter(task::version.eq(version)).filter(task::closed_at.is_null());
    let changed = with!(connection, |c| diesel::update(target)
        .set((task::version.eq(version + 1), task::closed_at.eq(at), task::closed_by.eq(by), task::close_reason.eq(reason)))
        .execute(c))?;
    Ok(changed == 1)
}
