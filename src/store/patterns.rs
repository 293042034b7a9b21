//! Rows of the search for suspicious patterns: marks of checks, and the checks on which a task rests.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::select;

use super::Tx;
use super::children::ROWS_PER_STATEMENT;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{audit_entry, enquiry, enquiry_mark, task_evidence};
use super::types::{Id, Instant, shows_only};

/// What is noted of a check when it is kept.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = enquiry_mark, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct MarkRow {
    pub enquiry_id: Id,
    pub marked_at: Instant,
    pub work_list: String,
    pub own_name: bool,
    pub own_address: bool,
    pub out_of_hours: bool,
}

impl MarkRow {
    /// Adds the mark.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if let Some(sheaf) = &mut tx.sheaf {
            sheaf.marks.push(self.clone());
            return Ok(());
        }
        with!(&mut *tx.connection, |c| diesel::insert_into(enquiry_mark::table).values(self).execute(c))?;
        Ok(())
    }
}

/// A check as the search for patterns sees it.
#[derive(Clone, Queryable)]
#[allow(missing_docs)] // the columns are explained in the migrations
pub struct SeenRow {
    pub id: Id,
    pub marked_at: Instant,
    pub work_list: String,
    pub own_name: bool,
    pub own_address: bool,
    pub out_of_hours: bool,
    pub asked_by: String,
    pub organisation: Option<String>,
    pub case_reference: Option<String>,
    pub packed: Vec<u8>,
}

shows_only!(SeenRow: id);

/// The checks since an instant of the wall clock, newest first.
///
/// # Errors
/// When the database fails.
pub fn seen(connection: &mut AnyConnection, since: Instant, limit: i64) -> Result<Vec<SeenRow>, StoreError> {
    Ok(with!(connection, |c| enquiry_mark::table
        .inner_join(enquiry::table)
        .filter(enquiry_mark::marked_at.ge(since))
        .order((enquiry_mark::marked_at.desc(), enquiry_mark::enquiry_id.desc()))
        .limit(limit)
        .select((
            enquiry_mark::enquiry_id,
            enquiry_mark::marked_at,
            enquiry_mark::work_list,
            enquiry_mark::own_name,
            enquiry_mark::own_address,
            enquiry_mark::out_of_hours,
            enquiry::asked_by,
            enquiry::organisation,
            enquiry::case_reference,
            enquiry::packed,
        ))
        .load(c))?)
}

/// Which of the checks since an instant are evidence already, and for which pattern.
///
/// # Errors
/// When the database fails.
pub fn used_since(connection: &mut AnyConnection, since: Instant) -> Result<Vec<(String, Id)>, StoreError> {
    let marks = enquiry_mark::table.filter(enquiry_mark::marked_at.ge(since)).select(enquiry_mark::enquiry_id);
    Ok(with!(connection, |c| task_evidence::table
        .filter(task_evidence::enquiry_id.eq_any(marks))
        .select((task_evidence::pattern, task_evidence::enquiry_id))
        .load(c))?)
}

/// Whether any of these checks is evidence for a pattern already.
///
/// # Errors
/// When the database fails.
pub fn is_used(connection: &mut AnyConnection, pattern: &str, checks: &[Id]) -> Result<bool, StoreError> {
    for checks in checks.chunks(ROWS_PER_STATEMENT) {
        let rows = task_evidence::table.filter(task_evidence::pattern.eq(pattern)).filter(task_evidence::enquiry_id.eq_any(checks));
        if with!(&mut *connection, |c| select(exists(rows)).get_result(c))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes checks the evidence of a task.
///
/// # Errors
/// [`StoreError::Conflict`] when another transaction used one of them meanwhile: run the unit of work again, and it will see.
pub fn use_up(connection: &mut AnyConnection, pattern: &str, checks: &[Id], task: Id) -> Result<(), StoreError> {
    for checks in checks.chunks(ROWS_PER_STATEMENT) {
        let row = |check: &Id| (task_evidence::pattern.eq(pattern), task_evidence::enquiry_id.eq(*check), task_evidence::task_id.eq(task));
        let rows: Vec<_> = checks.iter().map(row).collect();
        let kept = with!(&mut *connection, |c| diesel::insert_into(task_evidence::table).values(rows).execute(c));
        match kept.map_err(StoreError::from) {
            Ok(_) => {}
            Err(StoreError::Exists(error)) => return Err(StoreError::Conflict(error)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The checks on which a task rests, oldest first.
///
/// # Errors
/// When the database fails.
pub fn evidence(connection: &mut AnyConnection, task: Id, limit: i64) -> Result<Vec<super::enquiries::EnquiryRow>, StoreError> {
    Ok(with!(connection, |c| task_evidence::table
        .inner_join(enquiry::table)
        .filter(task_evidence::task_id.eq(task))
        .order(enquiry::id.asc())
        .limit(limit)
        .select(super::enquiries::EnquiryRow::as_select())
        .load(c))?)
}

/// Whether somebody (the subject of their token) did anything but `asking` between two instants of the wall clock.
///
/// # Errors
/// When the database fails.
pub fn was_active(connection: &mut AnyConnection, subject: &str, from: Instant, to: Instant, asking: &[&str]) -> Result<bool, StoreError> {
    // Identifiers of entries begin with the millisecond they were made in; the index is over them.
    let first = |at: Instant, last: u8| {
        let millis = u64::try_from(at.get().timestamp_millis()).unwrap_or(0);
        Id(uuid::Builder::from_unix_timestamp_millis(millis, &[last; 10]).into_uuid())
    };
    let rows = audit_entry::table
        .filter(audit_entry::subject.eq(subject))
        .filter(audit_entry::id.ge(first(from, 0)))
        .filter(audit_entry::id.le(first(to, 0xff)))
        .filter(audit_entry::recorded_at.gt(from))
        .filter(audit_entry::outcome.eq("granted"))
        .filter(audit_entry::operation.ne_all(asking));
    Ok(with!(connection, |c| select(exists(rows)).get_result(c))?)
}

/// Forgets the marks of checks before an instant.
///
/// # Errors
/// When the database fails.
pub fn prune(connection: &mut AnyConnection, before: Instant) -> Result<(), StoreError> {
    with!(connection, |c| diesel::delete(enquiry_mark::table.filter(enquiry_mark::marked_at.lt(before))).execute(c))?;
    Ok(())
}
