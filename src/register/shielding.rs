//! Restricted records: shielding a child, and opening a shielded record in an emergency.

use chrono::{DateTime, TimeDelta, Utc};

use super::children::{changed_after_claim, claim, typed};
use super::{Region, RegisterError, notices, tasks};
use crate::authz::Principal;
use crate::domain::ids::BreakGlassId;
use crate::domain::notify::Notify;
use crate::domain::roles::Role;
use crate::domain::text::Note;
use crate::store::Tx;
use crate::store::break_glass::BreakGlassRow;
use crate::store::children::{self as rows, ChildRow, ShieldingRow};
use crate::store::types::{Id, Instant};

/// Shields a record, or no longer does. Who decided it, when and why stays.
///
/// # Errors
/// [`RegisterError::Stale`]; or the database fails.
pub fn set(tx: &mut Tx<'_>, region: &Region, row: &ChildRow, shielded: bool, reason: &Note, by: &str) -> Result<(), RegisterError> {
    claim(tx, typed(row.id)?, row.version)?;
    let at = Instant::new(tx.now());
    let before: Vec<Id> = ShieldingRow::current(tx.connection, &[row.id])?.iter().map(|fact| fact.id).collect();
    ShieldingRow::supersede(tx.connection, &before, at)?;
    ShieldingRow {
        id: Id(uuid::Uuid::now_v7()),
        child_id: row.id,
        shielded,
        reason: reason.expose().to_owned(),
        valid_from: None,
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
    .insert(tx.connection)?;
    rows::set_shielded(tx.connection, row.id, shielded)?;
    tx.audit().detail("shielded", shielded);
    changed_after_claim(tx, region, typed(row.id)?)
}

/// Whether somebody signed in recently enough to open a restricted record. `wall` is the time by the clock on the wall, by
/// which tokens are judged.
///
/// # Errors
/// [`RegisterError::SignInAgain`] when they did not, or their identity provider does not say.
pub fn signed_in_recently(region: &Region, principal: &Principal, wall: DateTime<Utc>) -> Result<(), RegisterError> {
    let Some(minutes) = region.recent_sign_in_minutes else { return Ok(()) };
    match principal.signed_in_at {
        Some(at) if wall.signed_duration_since(at) <= TimeDelta::minutes(minutes) => Ok(()),
        _ => Err(RegisterError::SignInAgain),
    }
}

/// Opens a restricted record for one person. It ends by itself. The custodian is told at once, in the same unit of work, and has
/// to see whether it was right.
///
/// # Errors
/// When the database refuses or fails.
pub fn open(
    tx: &mut Tx<'_>,
    region: &Region,
    row: &ChildRow,
    reason: &Note,
    principal: &Principal,
) -> Result<BreakGlassRow, RegisterError> {
    let now = tx.now();
    let opened = BreakGlassRow {
        id: BreakGlassId::new_at(now).into(),
        child_id: row.id,
        person: principal.key(),
        role: principal.role.as_str().into(),
        reason: reason.expose().to_owned(),
        opened_at: now.into(),
        ends_at: (now + TimeDelta::minutes(region.break_glass_minutes)).into(),
    };
    opened.insert(tx.connection)?;
    let custodian = (Role::Custodian, None);
    notices::about(tx.now(), notices::Kind::BreakGlass, Notify::Urgent, custodian, &row.authority, row.id, None).insert(tx)?;
    tasks::raise(tx, tasks::Kind::BreakGlassReview, &row.authority, Some(typed(row.id)?), None, None)?;
    tx.audit().child(row.id);
    tx.audit().detail("break-glass", opened.id.0);
    Ok(opened)
}
