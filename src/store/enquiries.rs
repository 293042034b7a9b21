//! Rows of the enquiry log.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};

use super::Tx;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::fixed::{ByNumbers, fixed};
use super::schema::{enquiry, enquiry_key, enquiry_match};
use super::types::{DbInstant, DbUuid, Id, Instant, shows_only};

/// A check that was asked.
#[derive(Clone, Queryable, Selectable, Insertable)]
// The same statement whatever is absent, so that it is prepared once.
#[diesel(table_name = enquiry, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct EnquiryRow {
    pub id: Id,
    pub reference: String,
    pub version: i64,
    pub asked_at: Instant,
    pub as_of: Instant,
    pub valid_until: Instant,
    pub asked_by: String,
    pub client: Option<String>,
    pub organisation: Option<String>,
    pub agency: String,
    pub role: String,
    pub sector: Option<String>,
    pub reason: String,
    pub case_reference: Option<String>,
    pub notify: String,
    pub language: String,
    pub outcome: String,
    pub question: String,
    pub packed: Vec<u8>,
    pub question_digest: String,
    pub answer: String,
    pub receipt: String,
}

shows_only!(EnquiryRow: id);

/// A person whom an enquiry matched.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = enquiry_match)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct EnquiryMatchRow {
    pub child_id: Id,
    pub enquiry_id: Id,
    pub asked_at: Instant,
    pub grade: String,
}

/// Adds a check with the people whom it matched and the keys under which it can be found again.
///
/// # Errors
/// When the database refuses or fails.
pub fn insert(tx: &mut Tx<'_>, row: &EnquiryRow, matches: &[EnquiryMatchRow], keys: &[i64]) -> Result<(), StoreError> {
    if let Some(sheaf) = &mut tx.sheaf {
        sheaf.enquiries.push(row.clone());
        sheaf.matches.extend_from_slice(matches);
        sheaf.keys.extend(keys.iter().map(|key| (*key, row.asked_at, row.id)));
        return Ok(());
    }
    let keys: Vec<_> =
        keys.iter().map(|k| (enquiry_key::k.eq(*k), enquiry_key::asked_at.eq(row.asked_at), enquiry_key::enquiry_id.eq(row.id))).collect();
    with!(&mut *tx.connection, |c| {
        diesel::insert_into(enquiry::table).values(row).execute(c)?;
        for found in matches {
            diesel::insert_into(enquiry_match::table).values(found).execute(c)?;
        }
        if !keys.is_empty() {
            diesel::insert_into(enquiry_key::table).values(keys).execute(c)?;
        }
        Ok::<_, diesel::result::Error>(())
    })?;
    Ok(())
}

/// The check with this identifier.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<EnquiryRow>, StoreError> {
    Ok(with!(connection, |c| enquiry::table.find(id).select(EnquiryRow::as_select()).first(c).optional())?)
}

/// Puts a later answer in the place of the one before; false when somebody else did so meanwhile.
///
/// # Errors
/// When the database refuses or fails.
pub fn complete(connection: &mut AnyConnection, row: &EnquiryRow) -> Result<bool, StoreError> {
    let before = enquiry::table.filter(enquiry::id.eq(row.id)).filter(enquiry::version.eq(row.version - 1));
    let change = (
        enquiry::version.eq(row.version),
        enquiry::outcome.eq(&row.outcome),
        enquiry::answer.eq(&row.answer),
        enquiry::receipt.eq(&row.receipt),
    );
    Ok(with!(connection, |c| diesel::update(before).set(change).execute(c))? == 1)
}

/// Notes that something is told of a check that was not before: its version goes on.
///
/// # Errors
/// When the database refuses or fails.
pub fn advance(connection: &mut AnyConnection, id: Id) -> Result<(), StoreError> {
    let check = enquiry::table.filter(enquiry::id.eq(id));
    with!(connection, |c| diesel::update(check).set(enquiry::version.eq(enquiry::version + 1)).execute(c))?;
    Ok(())
}

/// A page of checks, newest first; of one asker, or of all.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    asked_by: Option<&str>,
    reference: Option<&str>,
    before: Option<Id>,
    limit: i64,
) -> Result<Vec<EnquiryRow>, StoreError> {
    with!(connection, |c| {
        let mut query = enquiry::table.select(EnquiryRow::as_select()).order(enquiry::id.desc()).limit(limit).into_boxed();
        if let Some(asked_by) = asked_by {
            query = query.filter(enquiry::asked_by.eq(asked_by));
        }
        if let Some(reference) = reference {
            query = query.filter(enquiry::reference.eq(reference));
        }
        if let Some(before) = before {
            query = query.filter(enquiry::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// The most earlier enquiries that are looked at for one question.
pub const LOOKED_AT: i64 = 200;

/// What is told of an earlier check.
#[derive(Clone, Queryable)]
pub struct EarlierRow {
    /// The check.
    pub id: Id,
    /// When it was asked.
    pub asked_at: Instant,
    /// Who asked.
    pub agency: String,
    /// The person who asked.
    pub asked_by: String,
    /// The question, packed for the matcher.
    pub packed: Vec<u8>,
}

shows_only!(EarlierRow: id);

/// What is told of an access to a child's record by a check.
#[derive(Debug, Clone, Queryable)]
pub struct AccessRow {
    /// The check.
    pub id: Id,
    /// When it was asked.
    pub asked_at: Instant,
    /// Which agency asked.
    pub agency: String,
    /// In which role.
    pub role: String,
    /// Why.
    pub reason: String,
}

/// The latest checks but one that matched people certainly or probably and were not silent, newest first.
///
/// # Errors
/// When the database fails.
pub fn accesses(connection: &mut AnyConnection, children: &[Id], but: Id, limit: i64) -> Result<Vec<AccessRow>, StoreError> {
    if children.is_empty() {
        return Ok(Vec::new());
    }
    let about =
        |children| enquiry_match::table.filter(enquiry_match::child_id.eq_any(children)).filter(enquiry_match::grade.ne("possible"));
    Ok(with!(connection, |c| enquiry::table
        .filter(enquiry::id.eq_any(about(children).select(enquiry_match::enquiry_id)))
        .filter(enquiry::id.ne(but))
        .filter(enquiry::notify.ne("silent"))
        .order(enquiry::id.desc())
        .limit(limit)
        .select((enquiry::id, enquiry::asked_at, enquiry::agency, enquiry::role, enquiry::reason))
        .load(c))?)
}

/// Checks since an instant that matched a person certainly or probably, newest first: at most [`LOOKED_AT`].
///
/// # Errors
/// When the database fails.
pub fn that_matched(connection: &mut AnyConnection, child: Id, since: DateTime<Utc>) -> Result<Vec<EarlierRow>, StoreError> {
    Ok(with!(connection, |c| enquiry_match::table
        .inner_join(enquiry::table)
        .filter(enquiry_match::child_id.eq(child))
        .filter(enquiry_match::asked_at.ge(Instant::new(since)))
        .filter(enquiry_match::grade.ne("possible"))
        .order(enquiry::id.desc())
        .limit(LOOKED_AT)
        .select((enquiry::id, enquiry::asked_at, enquiry::agency, enquiry::asked_by, enquiry::packed))
        .load(c))?)
}

fixed! {
    /// The newest [`LOOKED_AT`]. `LATERAL` with a limit: a plan made while few checks were kept must not read all of them later.
    UnderKeys -> (DbUuid, DbInstant, Text, Text, Binary),
    "SELECT e.id, e.asked_at, e.agency, e.asked_by, e.packed FROM enquiry e
        WHERE e.id IN (SELECT y.enquiry_id FROM json_each(?) j CROSS JOIN enquiry_key y ON y.k = j.value AND y.asked_at >= ?)
        ORDER BY e.id DESC LIMIT 200",
    "SELECT e.id, e.asked_at, e.agency, e.asked_by, e.packed FROM
        (SELECT DISTINCT y.enquiry_id AS id FROM enquiry_key y WHERE y.k = ANY(?) AND y.asked_at >= ? ORDER BY 1 DESC LIMIT 200) y
        CROSS JOIN LATERAL (SELECT * FROM enquiry WHERE enquiry.id = y.id LIMIT 1) e
        ORDER BY e.id DESC"
}

/// Checks since an instant that stand under any of the keys, newest first: at most [`LOOKED_AT`].
///
/// # Errors
/// When the database fails.
pub fn under_keys(connection: &mut AnyConnection, keys: &[i64], since: DateTime<Utc>) -> Result<Vec<EarlierRow>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with!(connection, |c| ByNumbers::<UnderKeys>::new(keys).since(Instant::new(since)).load(c))?)
}
