//! Rows of appointments that a child missed.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Tx;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::missed_appointment;
use super::types::{Id, Instant};

/// A missed appointment.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = missed_appointment, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct MissedRow {
    pub id: Id,
    pub child_id: Option<Id>,
    pub registration_id: Option<Id>,
    pub kind: String,
    pub service: String,
    pub missed_on: NaiveDate,
    pub agency: String,
    pub reported_by: String,
    pub received_at: Instant,
}

impl MissedRow {
    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        with!(&mut *tx.connection, |c| diesel::insert_into(missed_appointment::table).values(self).execute(c))?;
        Ok(())
    }

    /// A page of those of a child, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(connection: &mut AnyConnection, child: Id, before: Option<Id>, limit: i64) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = missed_appointment::table
                .filter(missed_appointment::child_id.eq(child))
                .select(Self::as_select())
                .order(missed_appointment::id.desc())
                .limit(limit)
                .into_boxed();
            if let Some(before) = before {
                query = query.filter(missed_appointment::id.lt(before));
            }
            Ok(query.load(c)?)
        })
    }
}
