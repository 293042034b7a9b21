//! Rows of notices: what a person must read and confirm.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::Tx;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{notice, notice_escalation};
use super::types::{Id, Instant};

/// A notice.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
// The same statement whatever is absent, so that it is prepared once.
#[diesel(table_name = notice, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct NoticeRow {
    pub id: Id,
    pub version: i64,
    pub kind: String,
    pub urgency: String,
    pub to_role: String,
    pub to_person: Option<String>,
    pub authority: String,
    pub child_id: Option<Id>,
    pub registration_id: Option<Id>,
    pub enquiry_id: Option<Id>,
    pub created_at: Instant,
    pub acknowledged_at: Option<Instant>,
    pub acknowledged_by: Option<String>,
    pub acknowledgement_note: Option<String>,
    pub clock: Option<String>,
    pub due_on: Option<NaiveDate>,
    pub alert_id: Option<Id>,
    pub together_id: Option<Id>,
}

impl NoticeRow {
    /// Adds the notice.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if let Some(sheaf) = &mut tx.sheaf {
            sheaf.notices.push(self);
            return Ok(());
        }
        with!(&mut *tx.connection, |c| diesel::insert_into(notice::table).values(&self).execute(c))?;
        Ok(())
    }
}

/// Whose notices (or tasks) are shown.
#[derive(Debug, Clone)]
pub enum Addressee {
    /// Those of these authorities.
    Authorities(Vec<String>),
    /// Those to this person.
    Person(String),
}

/// The notice with this identifier.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<NoticeRow>, StoreError> {
    Ok(with!(connection, |c| notice::table.find(id).select(NoticeRow::as_select()).first(c).optional())?)
}

/// A page of notices, newest first: of those that are put together the first, or all of them one by one.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    to: &Addressee,
    acknowledged: Option<bool>,
    together_with: Option<Id>,
    before: Option<Id>,
    limit: i64,
) -> Result<Vec<NoticeRow>, StoreError> {
    with!(connection, |c| {
        let mut query = notice::table.select(NoticeRow::as_select()).order(notice::id.desc()).limit(limit).into_boxed();
        match together_with {
            Some(first) => query = query.filter(notice::together_id.eq(first)),
            None => query = query.filter(notice::together_id.is_null().or(notice::together_id.eq(notice::id.nullable()))),
        }
        match to {
            Addressee::Authorities(authorities) => query = query.filter(notice::authority.eq_any(authorities)),
            Addressee::Person(person) => query = query.filter(notice::to_person.eq(person)),
        }
        match acknowledged {
            Some(true) => query = query.filter(notice::acknowledged_at.is_not_null()),
            Some(false) => query = query.filter(notice::acknowledged_at.is_null()),
            None => {}
        }
        if let Some(before) = before {
            query = query.filter(notice::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// Acknowledges a notice that is at `version` and not yet acknowledged. Says whether it was.
///
/// # Errors
/// When the database fails.
pub fn acknowledge(
    connection: &mut AnyConnection,
    id: Id,
    version: i64,
    by: &str,
    note: Option<&str>,
    at: Instant,
) -> Result<bool, StoreError> {
    let target = notice::table.filter(notice::id.eq(id)).filter(notice::version.eq(version)).filter(notice::acknowledged_at.is_null());
    let changed = with!(connection, |c| diesel::update(target)
        .set((
            notice::version.eq(version + 1),
            notice::acknowledged_at.eq(at),
            notice::acknowledged_by.eq(by),
            notice::acknowledgement_note.eq(note),
        ))
        .execute(c))?;
    Ok(changed == 1)
}

/// The most notices that are put together: more than anybody would look through one by one.
const TOGETHER_MOST: i64 = 200;

/// Puts a notice together with the first one like it – about the same child, to the same reader, of the same kind – that was given
/// at or after `since`, can be added to, and that nobody has read. Answers which that is; nothing when there is none.
///
/// Whoever confirms the first one at a version confirms what was put together in it up to then: a notice that comes to it
/// changes its version.
///
/// # Errors
/// When the database refuses or fails.
pub fn put_together(connection: &mut AnyConnection, new: &NoticeRow, since: Instant) -> Result<Option<Id>, StoreError> {
    let first: Option<(Id, i64)> = with!(&mut *connection, |c| {
        let mut query = notice::table
            .filter(notice::child_id.eq(new.child_id))
            .filter(notice::acknowledged_at.is_null())
            .filter(notice::together_id.eq(notice::id.nullable()))
            .filter(notice::kind.eq(&new.kind))
            .filter(notice::urgency.eq(&new.urgency))
            .filter(notice::authority.eq(&new.authority))
            .filter(notice::to_role.eq(&new.to_role))
            .filter(notice::registration_id.eq(new.registration_id))
            .filter(notice::created_at.ge(since))
            .filter(notice::version.lt(TOGETHER_MOST))
            .order(notice::id.desc())
            .select((notice::id, notice::version))
            .into_boxed();
        query = match &new.to_person {
            Some(person) => query.filter(notice::to_person.eq(person)),
            None => query.filter(notice::to_person.is_null()),
        };
        query.first(c).optional()
    })?;
    let Some((first, version)) = first else { return Ok(None) };
    let target = notice::table.filter(notice::id.eq(first)).filter(notice::version.eq(version)).filter(notice::acknowledged_at.is_null());
    let advanced = with!(connection, |c| diesel::update(target).set(notice::version.eq(version + 1)).execute(c))?;
    Ok((advanced == 1).then_some(first))
}

/// How many are put together in each of these notices, those themselves included.
///
/// # Errors
/// When the database fails.
pub fn counts_together(connection: &mut AnyConnection, firsts: &[Id]) -> Result<Vec<(Option<Id>, i64)>, StoreError> {
    if firsts.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with!(connection, |c| notice::table
        .filter(notice::together_id.eq_any(firsts))
        .group_by(notice::together_id)
        .select((notice::together_id, diesel::dsl::count_star()))
        .load(c))?)
}

/// Those that are put together in a notice and that nobody has read, but for the notice itself.
///
/// # Errors
/// When the database fails.
pub fn unread_together(connection: &mut AnyConnection, first: Id) -> Result<Vec<NoticeRow>, StoreError> {
    Ok(with!(connection, |c| notice::table
        .filter(notice::together_id.eq(first))
        .filter(notice::id.ne(first))
        .filter(notice::acknowledged_at.is_null())
        .order(notice::id)
        .select(NoticeRow::as_select())
        .load(c))?)
}

/// The notices of a check that somebody has acknowledged, the first first.
///
/// # Errors
/// When the database fails.
pub fn read_of(connection: &mut AnyConnection, enquiry: Id) -> Result<Vec<NoticeRow>, StoreError> {
    Ok(with!(connection, |c| notice::table
        .filter(notice::enquiry_id.eq(enquiry))
        .filter(notice::acknowledged_at.is_not_null())
        .order((notice::acknowledged_at, notice::id))
        .select(NoticeRow::as_select())
        .load(c))?)
}

/// The kind of a notice that tells of another one: it is not told of in its turn.
pub const UNREAD: &str = "unread";

/// Urgent notices given at or before an instant that nobody has acknowledged, and of which this level has not been told: oldest
/// first. Those about a clock lead on by the steps of its procedures.
///
/// # Errors
/// When the database fails.
pub fn unread_since(connection: &mut AnyConnection, since: Instant, level: i64, limit: i64) -> Result<Vec<NoticeRow>, StoreError> {
    let told = notice_escalation::table.filter(notice_escalation::level.eq(level)).select(notice_escalation::notice_id);
    Ok(with!(connection, |c| notice::table
        .filter(notice::urgency.eq("urgent"))
        .filter(notice::acknowledged_at.is_null())
        .filter(notice::created_at.le(since))
        .filter(notice::kind.ne(UNREAD))
        .filter(notice::clock.is_null())
        .filter(notice::id.ne_all(told))
        .order(notice::created_at)
        .limit(limit)
        .select(NoticeRow::as_select())
        .load(c))?)
}

/// Notes that a level was told of an unread notice. Says whether it was not before: only then is it told.
///
/// # Errors
/// When the database refuses or fails.
pub fn note_unread(connection: &mut AnyConnection, notice: Id, level: i64, at: Instant) -> Result<bool, StoreError> {
    let row = (notice_escalation::notice_id.eq(notice), notice_escalation::level.eq(level), notice_escalation::raised_at.eq(at));
    let added = with!(connection, |c| diesel::insert_into(notice_escalation::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(added == 1)
}
