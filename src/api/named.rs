//! The entry or the person that a request names, in its path or in its body.
//!
//! What the caller may not know of is as if it were not there, with the same work: in a path 404, in a body an item that names
//! nothing.

use super::fields::Fields;
use super::gate::Incoming;
use super::problem::Problem;
use crate::authz::{Principal, Reach};
use crate::domain::ids::{ChildId, RegistrationId};
use crate::register::children::{NewAddress, NewHouseholdMember, NewIdentifier, NewName};
use crate::register::registrations::{self, Registration};
use crate::register::{RegisterError, children};
use crate::store::Snapshot;
use crate::store::children::{ChildRow, HouseholdRow};
use crate::store::types::Id;

/// The entry in the path. From here on the audit entry says whose it is, whatever comes of the request.
///
/// # Errors
/// 404.
pub(super) fn entry_in_path(
    snapshot: &mut Snapshot<'_>,
    incoming: &Incoming,
    principal: &Principal,
    reach: Reach,
) -> Result<Registration, Problem> {
    let entry = registrations::find(snapshot.connection, incoming.id::<RegistrationId>()?, principal, reach)?;
    snapshot.audit().child(entry.row.child_id);
    Ok(entry)
}

/// The same for a request that does nothing but show it: of somebody who takes no form of the answer, the audit entry does not say
/// that they read of this child.
///
/// # Errors
/// 404; 406.
pub(super) fn entry_to_show(
    snapshot: &mut Snapshot<'_>,
    incoming: &Incoming,
    principal: &Principal,
    reach: Reach,
) -> Result<Registration, Problem> {
    let entry = registrations::find(snapshot.connection, incoming.id::<RegistrationId>()?, principal, reach)?;
    incoming.reading()?;
    snapshot.audit().child(entry.row.child_id);
    Ok(entry)
}

/// The entry that a body names at `pointer`; nothing, and a mistake in `fields`, when the caller knows of none.
///
/// # Errors
/// When the database fails.
pub(super) fn entry_in_body(
    snapshot: &mut Snapshot<'_>,
    id: RegistrationId,
    principal: &Principal,
    reach: Reach,
    pointer: &str,
    fields: &mut Fields,
) -> Result<Option<Registration>, Problem> {
    match registrations::find(snapshot.connection, id, principal, reach) {
        Ok(entry) => {
            snapshot.audit().child(entry.row.child_id);
            Ok(Some(entry))
        }
        Err(RegisterError::NotFound) => {
            fields.note(pointer, "unknown-registration", "give the id of an entry on this register");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The person in the path. From here on the audit entry names them, whatever comes of the request.
///
/// # Errors
/// 404.
pub(super) fn child_in_path(
    snapshot: &mut Snapshot<'_>,
    incoming: &Incoming,
    principal: &Principal,
    reach: Reach,
) -> Result<ChildRow, Problem> {
    let row = children::find(snapshot.connection, incoming.id::<ChildId>()?, principal, reach)?;
    snapshot.audit().child(row.id);
    Ok(row)
}

/// Refuses a body whose `/childId` names, for the caller, nobody, or a record that is in error or closed.
///
/// # Errors
/// 422.
pub(super) fn child_in_body(snapshot: &mut Snapshot<'_>, id: ChildId, principal: &Principal, reach: Reach) -> Result<(), Problem> {
    match children::find(snapshot.connection, id, principal, reach) {
        Ok(row) if row.standing == "current" => Ok(()),
        Ok(_) | Err(RegisterError::NotFound) => {
            let mut fields = Fields::default();
            fields.note("/childId", "unknown-child", "give the id of a person on this register");
            fields.finish(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a body says of a person that may name another.
pub(super) trait Relates {
    /// The other person's record on this register.
    fn related(&self) -> Option<ChildId> {
        None
    }
}

impl Relates for NewName {}
impl Relates for NewAddress {}
impl Relates for NewIdentifier {}

impl Relates for NewHouseholdMember {
    fn related(&self) -> Option<ChildId> {
        self.related_child
    }
}

/// Refuses a relation to somebody whom the caller may not know of, as one to nobody. Whom the record names already is known to
/// whoever may change it.
///
/// # Errors
/// 422.
pub(super) fn related_in_body(
    snapshot: &mut Snapshot<'_>,
    record: Option<Id>,
    said: &impl Relates,
    principal: &Principal,
    reach: Reach,
    pointer: &str,
) -> Result<(), Problem> {
    let Some(related) = said.related() else { return Ok(()) };
    if let Some(record) = record {
        let named = HouseholdRow::current(snapshot.connection, &[record])?;
        if named.iter().any(|member| member.related_child_id == Some(related.into())) {
            return Ok(());
        }
    }
    match children::find(snapshot.connection, related, principal, reach) {
        Ok(_) => Ok(()),
        Err(RegisterError::NotFound) => {
            let mut fields = Fields::default();
            fields.note(pointer, "unknown-child", "give the id of a person on this register, or their name");
            fields.finish(None)
        }
        Err(error) => Err(error.into()),
    }
}
