//! A repeated request gets the answer of the first, and does its work once: the answer is kept in the transaction of the
//! work.

use super::RegisterError;
use crate::store::connection::AnyConnection;
use crate::store::idempotency::{self as rows, KeptRow};
use crate::store::{Snapshot, Tx};

/// Under which an answer is kept.
#[derive(Debug, Clone)]
pub struct Key {
    /// Whose key it is.
    pub caller: String,
    /// For which operation.
    pub operation: &'static str,
    /// The key.
    pub key: String,
    /// Digest of the request body.
    pub digest: String,
}

/// An answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Where the new resource is.
    pub location: Option<String>,
    /// Its entity tag.
    pub etag: Option<String>,
    /// The body (JSON).
    pub body: String,
}

fn kept(connection: &mut AnyConnection, key: &Key) -> Result<Option<Answer>, RegisterError> {
    match rows::find(connection, &key.caller, key.operation, &key.key)? {
        None => Ok(None),
        Some(row) if row.request_digest != key.digest => Err(RegisterError::KeyReused),
        Some(row) => {
            Ok(Some(Answer { status: u16::try_from(row.status).unwrap_or(200), location: row.location, etag: row.etag, body: row.body }))
        }
    }
}

/// The answer kept for a key, if there is one; the audit entry says so.
///
/// # Errors
/// [`RegisterError::KeyReused`] when the key was used with another request.
pub fn before(snapshot: &mut Snapshot<'_>, key: &Key) -> Result<Option<Answer>, RegisterError> {
    let found = kept(snapshot.connection, key)?;
    if found.is_some() {
        snapshot.audit().replayed();
    }
    Ok(found)
}

/// Does the work unless an answer is kept already, and keeps the answer.
///
/// # Errors
/// What the work answers; [`RegisterError::KeyReused`].
pub fn once<E: From<RegisterError>>(tx: &mut Tx<'_>, key: &Key, work: impl FnOnce(&mut Tx<'_>) -> Result<Answer, E>) -> Result<Answer, E> {
    // In company this was looked at a moment ago on the reader's snapshot, and the key itself notices who was quicker.
    if !tx.is_hopeful()
        && let Some(answer) = kept(tx.connection, key)?
    {
        tx.audit().replayed();
        return Ok(answer);
    }
    let answer = work(tx)?;
    let row = KeptRow {
        caller: key.caller.clone(),
        operation: key.operation.to_owned(),
        idempotency_key: key.key.clone(),
        request_digest: key.digest.clone(),
        status: i64::from(answer.status),
        location: answer.location.clone(),
        etag: answer.etag.clone(),
        body: answer.body.clone(),
        created_at: tx.now().into(),
    };
    rows::keep(tx, row).map_err(RegisterError::from)?;
    Ok(answer)
}
