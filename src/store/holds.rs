//! Rows of legal holds.

use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::legal_hold;
use super::types::{Id, Instant, shows_only};

/// A legal hold.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = legal_hold, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct HoldRow {
    pub id: Id,
    pub authority: String,
    pub child_id: Option<Id>,
    pub reason: String,
    pub version: i64,
    pub placed_at: Instant,
    pub placed_by: String,
    pub lifted_at: Option<Instant>,
    pub lifted_by: Option<String>,
    pub lift_reason: Option<String>,
}

shows_only!(HoldRow: id);

impl HoldRow {
    /// Adds the hold.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(legal_hold::table).values(self).execute(c))?;
        Ok(())
    }
}

/// The hold with this identifier.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<HoldRow>, StoreError> {
    Ok(with!(connection, |c| legal_hold::table.find(id).select(HoldRow::as_select()).first(c).optional())?)
}

/// A page of the holds of these authorities, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut AnyConnection, authorities: &[String], before: Option<Id>, limit: i64) -> Result<Vec<HoldRow>, StoreError> {
    with!(connection, |c| {
        let mut query = legal_hold::table
            .filter(legal_hold::authority.eq_any(authorities))
            .select(HoldRow::as_select())
            .order(legal_hold::id.desc())
            .limit(limit)
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(legal_hold::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// The holds that lie on any of these people, or on all records of an authority.
///
/// # Errors
/// When the database fails.
pub fn lying_on(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<HoldRow>, StoreError> {
    Ok(with!(connection, |c| legal_hold::table
        .filter(legal_hold::lifted_at.is_null())
        .filter(legal_hold::child_id.is_null().or(legal_hold::child_id.eq_any(children.iter().copied().map(Some))))
        .order(legal_hold::id)
        .select(HoldRow::as_select())
        .load(c))?)
}

/// Lifts a hold. Says whether it was still at that version.
///
/// # Errors
/// When the database fails.
pub fn lift(connection: &mut AnyConnection, id: Id, version: i64, reason: &str, by: &str, at: Instant) -> Result<bool, StoreError> {
    let target = legal_hold::table.filter(legal_hold::id.eq(id)).filter(legal_hold::version.eq(version));
    let changed = with!(connection, |c| diesel::update(target)
        .set((
            legal_hold::version.eq(version + 1),
            legal_hold::lifted_at.eq(at),
            legal_hold::lifted_by.eq(by),
            legal_hold::lift_reason.eq(reason),
        ))
        .execute(c))?;
    Ok(changed == 1)
}
