//! Rows of sessions on the pages.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{session, sign_in};
use super::types::{Instant, shows_only};

/// A session.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = session)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct SessionRow {
    pub digest: String,
    pub sealed_token: String,
    pub ends_at: Instant,
    pub began_at: Option<Instant>,
    pub idle_ends_at: Option<Instant>,
    pub sealed_kept: Option<String>,
}

shows_only!(SessionRow: ends_at);

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

/// Notes until when a session may rest.
///
/// # Errors
/// When the database fails.
pub fn touch(connection: &mut AnyConnection, digest: &str, idle_ends: DateTime<Utc>) -> Result<(), StoreError> {
    with!(connection, |c| diesel::update(session::table.find(digest))
        .set(session::idle_ends_at.eq(Some(Instant::new(idle_ends))))
        .execute(c))?;
    Ok(())
}

/// Forgets what was kept for a session: it was sent.
///
/// # Errors
/// When the database fails.
pub fn forget_kept(connection: &mut AnyConnection, digest: &str) -> Result<(), StoreError> {
    with!(connection, |c| diesel::update(session::table.find(digest)).set(session::sealed_kept.eq(None::<String>)).execute(c))?;
    Ok(())
}

/// Somebody who went to the identity provider and has not come back.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sign_in)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct SignInRow {
    pub digest: String,
    pub sealed: String,
    pub ends_at: Instant,
}

shows_only!(SignInRow: ends_at);

impl SignInRow {
    /// Adds it, and takes some away whose time is over, the longest over first.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection, now: DateTime<Utc>, most: i64) -> Result<(), StoreError> {
        let over: Vec<String> = with!(&mut *connection, |c| sign_in::table
            .filter(sign_in::ends_at.lt(Instant::new(now)))
            .order(sign_in::ends_at)
            .select(sign_in::digest)
            .limit(most)
            .load(c))?;
        if !over.is_empty() {
            with!(&mut *connection, |c| diesel::delete(sign_in::table.filter(sign_in::digest.eq_any(over))).execute(c))?;
        }
        with!(connection, |c| diesel::insert_into(sign_in::table).values(self).execute(c))?;
        Ok(())
    }
}

/// Takes the row of somebody who comes back. Of two who bring the same state one gets it.
///
/// # Errors
/// When the database fails.
pub fn take_sign_in(connection: &mut AnyConnection, digest: &str) -> Result<Option<SignInRow>, StoreError> {
    let found: Option<SignInRow> =
        with!(&mut *connection, |c| sign_in::table.find(digest).select(SignInRow::as_select()).first(c).optional())?;
    let taken = with!(connection, |c| diesel::delete(sign_in::table.find(digest)).execute(c))?;
    Ok(found.filter(|_| taken == 1))
}
