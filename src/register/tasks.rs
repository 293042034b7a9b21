//! Tasks: what a named person must do and close with a reason.

use chrono::{DateTime, Utc};

use super::{Region, RegisterError, work_lists};
use crate::authz::Principal;
use crate::domain::ids::{CheckId, ChildId, RegistrationId, TaskId};
use crate::store::connection::AnyConnection;
use crate::store::tasks::{self as rows, TaskRow};
use crate::store::types::Id;
use crate::store::{StoreError, Tx};

crate::domain::coded::closed_set! {
    /// What is to be done.
    pub enum Kind {
        /// A second agency asked about a child on no register (MK-REC; switchable).
        RepeatEnquiry = "repeat-enquiry",
        /// An entry has no co-ordinator (WSP-4.3).
        CoordinatorMissing = "coordinator-missing",
        /// An entry has no review date (WSP-4.8).
        ReviewDateMissing = "review-date-missing",
        /// An entry taken over from an earlier register has no category (WSP-3.2.10).
        CategoryMissing = "category-missing",
        /// Somebody's enquiries look like fishing.
        EnquiryPattern = "enquiry-pattern",
    }
}

/// Raises a task for the custodian of an authority, or of the whole region.
///
/// # Errors
/// When the database refuses or fails.
pub fn raise(
    tx: &mut Tx<'_>,
    kind: Kind,
    authority: &str,
    child: Option<ChildId>,
    registration: Option<RegistrationId>,
    enquiry: Option<CheckId>,
) -> Result<TaskId, RegisterError> {
    let row = row(tx.now(), kind, authority, child, registration, enquiry);
    let id = row.id.0;
    row.insert(tx)?;
    TaskId::try_from(id).map_err(|_| StoreError::Corrupt("task id").into())
}

/// A task as it will be raised.
pub fn row(
    at: DateTime<Utc>,
    kind: Kind,
    authority: &str,
    child: Option<ChildId>,
    registration: Option<RegistrationId>,
    enquiry: Option<CheckId>,
) -> TaskRow {
    TaskRow {
        id: TaskId::new_at(at).into(),
        version: 1,
        kind: kind.as_str().into(),
        authority: authority.to_owned(),
        to_role: "custodian".into(),
        child_id: child.map(Id::from),
        registration_id: registration.map(Id::from),
        enquiry_id: enquiry.map(Id::from),
        reasons: format!("[\"{}\"]", kind.as_str()),
        created_at: at.into(),
        closed_at: None,
        closed_by: None,
        close_reason: None,
        about: None,
    }
}

/// A task that the caller may see. Whom a task is about may not.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, region: &Region, id: TaskId, principal: &Principal) -> Result<TaskRow, RegisterError> {
    let lists = work_lists(principal, region);
    let about_them = |task: &TaskRow| task.about.as_ref() == Some(&principal.key());
    rows::find(connection, id.into())?.filter(|task| lists.contains(&task.authority) && !about_them(task)).ok_or(RegisterError::NotFound)
}

/// Closes a task with a reason.
///
/// # Errors
/// [`RegisterError::AlreadyClosed`], [`RegisterError::Stale`].
pub fn close(tx: &mut Tx<'_>, task: &TaskRow, by: &str, reason: &str) -> Result<TaskRow, RegisterError> {
    if task.closed_at.is_some() {
        return Err(RegisterError::AlreadyClosed);
    }
    let now = tx.now();
    if !rows::close(tx.connection, task.id, task.version, by, reason, now.into())? {
        return Err(RegisterError::Stale);
    }
    if let Some(child) = task.child_id {
        tx.audit().child(child);
    }
    rows::find(tx.connection, task.id)?.ok_or(RegisterError::NotFound)
}
