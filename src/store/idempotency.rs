//! Rows of answers that are given again when a request is repeated.

use diesel::prelude::*;

use super::Tx;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::idempotency;
use super::types::{Instant, shows_only};

/// A kept answer.
#[derive(Clone, Queryable, Selectable, Insertable)]
// The same statement whatever is absent, so that it is prepared once.
#[diesel(table_name = idempotency, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct KeptRow {
    pub caller: String,
    pub operation: String,
    pub idempotency_key: String,
    pub request_digest: String,
    pub status: i64,
    pub location: Option<String>,
    pub etag: Option<String>,
    pub body: String,
    pub created_at: Instant,
}

shows_only!(KeptRow: operation);

/// The answer kept for a caller's key.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, caller: &str, operation: &str, key: &str) -> Result<Option<KeptRow>, StoreError> {
    Ok(with!(connection, |c| idempotency::table.find((caller, operation, key)).select(KeptRow::as_select()).first(c).optional())?)
}

/// Keeps an answer.
///
/// # Errors
/// [`StoreError::Conflict`] when another transaction kept one for the same key meanwhile: run the unit of work again, and it
/// will find that one.
pub fn keep(tx: &mut Tx<'_>, row: KeptRow) -> Result<(), StoreError> {
    if let Some(sheaf) = &mut tx.sheaf {
        sheaf.kept.push(row);
        return Ok(());
    }
    let kept = with!(&mut *tx.connection, |c| diesel::insert_into(idempotency::table).values(&row).execute(c));
    match kept.map_err(StoreError::from) {
        Ok(_) => Ok(()),
        Err(StoreError::Exists(error)) => Err(StoreError::Conflict(error)),
        Err(error) => Err(error),
    }
}
