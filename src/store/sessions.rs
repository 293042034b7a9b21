//! Rows of sessions on the pages.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::session;
use super::types::Instant;

/// A session.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = session)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct SessionRow {
    pub digest: String,
    pub sealed_token: String,
    pub ends_at: Instant,
}

impl std::fmt::Debug for SessionRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRow").field("ends_at", &self.ends_at).finish_non_exhaustive()
    }
}

impl SessionRow {
    /// Adds the session.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(session::table).values(self).execute(c))?;
        Ok(())
    }
}

/// A session by the digest of its secret, whether it has ended or not.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, digest: &str) -> Result<Option<SessionRow>, StoreError> {
    Ok(with!(connection, |c| session::table.find(digest).select(SessionRow::as_select()).first(c).optional())?)
}

/// Takes a session away.
///
/// # Errors
/// When the database fails.
pub fn remove(connection: &mut AnyConnection, digest: &str) -> Result<(), StoreError> {
    with!(connection, |c| diesel::delete(session::table.find(digest)).execute(c))?;
    Ok(())
}

/// Takes some of the sessions away that ended before an instant, the longest ended first: a handful each time somebody signs in
/// keeps the table small, and no transaction waits long for another's.
///
/// # Errors
/// When the database fails.
pub fn forget_ended(connection: &mut AnyConnection, before: DateTime<Utc>, most: i64) -> Result<(), StoreError> {
    let ended: Vec<String> = with!(&mut *connection, |c| session::table
        .filter(session::ends_at.lt(Instant::new(before)))
        .order(session::ends_at)
        .select(session::digest)
        .limit(most)
        .load(c))?;
    if !ended.is_empty() {
        with!(connection, |c| diesel::delete(session::table.filter(session::digest.eq_any(ended))).execute(c))?;
    }
    Ok(())
}
