//! Legal holds: while one lies on a record, nothing of it is erased.

use chrono::{DateTime, Utc};

use super::{RegisterError, children};
use crate::authz::{Principal, Reach};
use crate::domain::ids::{ChildId, HoldId};
use crate::domain::text::Note;
use crate::store::connection::AnyConnection;
use crate::store::holds::{self as rows, HoldRow};
use crate::store::registrations as registration_rows;
use crate::store::types::Instant;
use crate::store::{StoreError, Tx};

/// A hold to be placed.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// The authority whose records it lies on.
    pub authority: String,
    /// The child whose record alone it lies on.
    pub child: Option<ChildId>,
    /// Why.
    pub reason: Note,
}

/// Whether a hold may be placed: on a child whom the caller may know of, and whom the authority has to do with.
///
/// # Errors
/// A mistake in `/childId`; a failure of the database.
pub fn check(connection: &mut AnyConnection, new: &NewHold, principal: &Principal, reach: Reach) -> Result<(), RegisterError> {
    let unknown = || RegisterError::Rule {
        pointer: "/childId".into(),
        code: "unknown-child",
        detail: "give the id of a person whose record this authority keeps, or who is or was on its register".into(),
    };
    let Some(child) = new.child else { return Ok(()) };
    let row = children::find(connection, child, principal, reach).map_err(|error| match error {
        RegisterError::NotFound => unknown(),
        error => error,
    })?;
    let entries = registration_rows::of_children(connection, &[row.id])?;
    let concerned = row.authority == new.authority || entries.iter().any(|entry| entry.authority == new.authority);
    if concerned { Ok(()) } else { Err(unknown()) }
}

/// Places a hold.
///
/// # Errors
/// When the database refuses or fails.
pub fn place(tx: &mut Tx<'_>, new: &NewHold, by: &str) -> Result<HoldRow, RegisterError> {
    let at: DateTime<Utc> = tx.now();
    let id = HoldId::new_at(at);
    let row = HoldRow {
        id: id.into(),
        authority: new.authority.clone(),
        child_id: new.child.map(Into::into),
        reason: new.reason.expose().to_owned(),
        version: 1,
        placed_at: at.into(),
        placed_by: by.to_owned(),
        lifted_at: None,
        lifted_by: None,
        lift_reason: None,
    };
    row.insert(tx.connection)?;
    tx.audit().detail("hold", id);
    if let Some(child) = new.child {
        tx.audit().child(child);
    }
    Ok(row)
}

/// A hold that the caller may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, id: HoldId, principal: &Principal) -> Result<HoldRow, RegisterError> {
    let row = rows::find(connection, id.into())?;
    row.filter(|row| principal.scope.covers(&row.authority)).ok_or(RegisterError::NotFound)
}

/// Lifts a hold.
///
/// # Errors
/// [`RegisterError::AlreadyLifted`]; [`RegisterError::Stale`] when somebody else was quicker.
pub fn lift(tx: &mut Tx<'_>, hold: &HoldRow, reason: &Note, by: &str) -> Result<HoldRow, RegisterError> {
    if hold.lifted_at.is_some() {
        return Err(RegisterError::AlreadyLifted);
    }
    let at = Instant::new(tx.now());
    if !rows::lift(tx.connection, hold.id, hold.version, reason.expose(), by, at)? {
        return Err(RegisterError::Stale);
    }
    tx.audit().detail("hold", hold.id.0);
    if let Some(child) = hold.child_id {
        tx.audit().child(child);
    }
    Ok(rows::find(tx.connection, hold.id)?.ok_or(StoreError::Corrupt("a lifted hold is missing"))?)
}
