//! Rows of restricted records that were opened in an emergency.

use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::break_glass;
use super::types::{Id, Instant, shows_only};

/// A restricted record opened for one person, for a time.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = break_glass)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct BreakGlassRow {
    pub id: Id,
    pub child_id: Id,
    pub person: String,
    pub role: String,
    pub reason: String,
    pub opened_at: Instant,
    pub ends_at: Instant,
}

shows_only!(BreakGlassRow: id);

impl BreakGlassRow {
    /// Adds the opening.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(break_glass::table).values(self).execute(c))?;
        Ok(())
    }

    /// What a person has open of a child's record at an instant, the longest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn open(connection: &mut AnyConnection, child: Id, person: &str, at: Instant) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| break_glass::table
            .filter(break_glass::child_id.eq(child))
            .filter(break_glass::person.eq(person))
            .filter(break_glass::opened_at.le(at))
            .filter(break_glass::ends_at.gt(at))
            .order(break_glass::ends_at.desc())
            .select(Self::as_select())
            .first(c)
            .optional())?)
    }
}
