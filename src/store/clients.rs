//! Rows of partner systems, and of the assertions for which they were issued tokens.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{client, client_assertion};
use super::types::{Id, Instant};

/// How long an expired assertion is remembered all the same: another server's clock may be behind.
const KEPT_LONGER: TimeDelta = TimeDelta::minutes(10);

/// A partner system.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = client, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct ClientRow {
    pub id: Id,
    pub version: i64,
    pub name: String,
    pub sector: String,
    pub organisation_code: String,
    pub organisation_name: String,
    pub jwks: Option<String>,
    pub jwks_uri: Option<String>,
    pub status: String,
    pub status_reason: Option<String>,
    pub status_since: Instant,
    pub keys_since: Instant,
    pub registered_at: Instant,
    pub registered_by: String,
}

impl ClientRow {
    /// Adds the partner system.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(client::table).values(self).execute(c))?;
        Ok(())
    }

    /// Writes its keys and its standing, unless somebody else changed it since it was read: says whether it did. The version
    /// becomes the next one.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn change(&mut self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let changed = with!(connection, |c| diesel::update(client::table.find(self.id).filter(client::version.eq(self.version)))
            .set((
                client::version.eq(self.version + 1),
                client::jwks.eq(&self.jwks),
                client::jwks_uri.eq(&self.jwks_uri),
                client::keys_since.eq(self.keys_since),
                client::status.eq(&self.status),
                client::status_reason.eq(&self.status_reason),
                client::status_since.eq(self.status_since),
            ))
            .execute(c))?;
        self.version += 1;
        Ok(changed == 1)
    }
}

/// A partner system by its identifier.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<ClientRow>, StoreError> {
    Ok(with!(connection, |c| client::table.find(id).select(ClientRow::as_select()).first(c).optional())?)
}

/// A page of partner systems, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut AnyConnection, before: Option<Id>, limit: i64) -> Result<Vec<ClientRow>, StoreError> {
    with!(connection, |c| {
        let mut query = client::table.select(ClientRow::as_select()).order(client::id.desc()).limit(limit).into_boxed();
        if let Some(before) = before {
            query = query.filter(client::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// Notes that a token is issued for an assertion, and forgets those that have expired. Says whether this one is new.
///
/// # Errors
/// [`StoreError::Conflict`] when another transaction noted the same one meanwhile: run the unit of work again, and it is not
/// new; or the database fails.
pub fn use_assertion(
    connection: &mut AnyConnection,
    client: Id,
    assertion: &str,
    expires: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let used: i64 = with!(&mut *connection, |c| client_assertion::table.find((client, assertion)).count().get_result(c))?;
    if used > 0 {
        return Ok(false);
    }
    let row = (
        client_assertion::client_id.eq(client),
        client_assertion::assertion_id.eq(assertion),
        client_assertion::expires_at.eq(Instant::new(expires)),
    );
    let noted = with!(&mut *connection, |c| diesel::insert_into(client_assertion::table).values(row).execute(c));
    match noted.map_err(StoreError::from) {
        Ok(_) => {}
        Err(StoreError::Exists(error)) => return Err(StoreError::Conflict(error)),
        Err(error) => return Err(error),
    }
    // Of this client alone: two transactions never forget the same rows of another.
    let past = client_assertion::table
        .filter(client_assertion::client_id.eq(client))
        .filter(client_assertion::expires_at.lt(Instant::new(now - KEPT_LONGER)));
    with!(connection, |c| diesel::delete(past).execute(c))?;
    Ok(true)
}
