//! Rows of revocations: tokens that are believed no more.

use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::revocation;
use super::types::{Id, Instant};

/// A revocation.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = revocation, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct RevocationRow {
    pub id: Id,
    pub issuer: String,
    pub token_id: Option<String>,
    pub subject: Option<String>,
    pub reason: String,
    pub revoked_at: Instant,
    pub revoked_by: String,
    pub ends_at: Option<Instant>,
}

impl RevocationRow {
    /// Adds the revocation.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(revocation::table).values(self).execute(c))?;
        Ok(())
    }
}

/// A page of revocations, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut AnyConnection, before: Option<Id>, limit: i64) -> Result<Vec<RevocationRow>, StoreError> {
    with!(connection, |c| {
        let mut query = revocation::table.select(RevocationRow::as_select()).order(revocation::id.desc()).limit(limit).into_boxed();
        if let Some(before) = before {
            query = query.filter(revocation::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// All revocations, unless there are as many as are `known` already: none ever goes or changes.
///
/// # Errors
/// When the database fails.
pub(super) fn beyond(connection: &mut AnyConnection, known: Option<usize>) -> Result<Option<Vec<RevocationRow>>, StoreError> {
    let count: i64 = with!(&mut *connection, |c| revocation::table.count().get_result(c))?;
    if known.is_some_and(|known| i64::try_from(known) == Ok(count)) {
        return Ok(None);
    }
    Ok(Some(with!(connection, |c| revocation::table.select(RevocationRow::as_select()).load(c))?))
}
