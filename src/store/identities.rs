//! Rows of what people decided of two records (one person, or two), of pairs that may be one person, and of those who have
//! still to be looked for.

use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{duplicate_check, identity_decision, possible_duplicate};
use super::types::{Id, Instant, shows_only};

/// Records that one statement adds.
const ROWS_PER_STATEMENT: usize = 1_000;

/// What a person decided of two records.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = identity_decision)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct DecisionRow {
    pub id: Id,
    pub version: i64,
    pub kind: String,
    pub kept_id: Id,
    pub other_id: Id,
    pub reason: String,
    pub decided_at: Instant,
    pub decided_by: String,
    pub undone_at: Option<Instant>,
    pub undone_by: Option<String>,
    pub undo_reason: Option<String>,
}

shows_only!(DecisionRow: id);

impl DecisionRow {
    /// Adds the decision.
    ///
    /// # Errors
    /// When the database refuses – a record is merged into one other at most – or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(identity_decision::table).values(self).execute(c))?;
        Ok(())
    }

    /// The decision with this identifier.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| identity_decision::table.find(id).select(Self::as_select()).first(c).optional())?)
    }

    /// Every decision about any of these people, undone ones too, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn about(connection: &mut AnyConnection, people: &[Id]) -> Result<Vec<Self>, StoreError> {
        if people.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| identity_decision::table
            .filter(identity_decision::kept_id.eq_any(people).or(identity_decision::other_id.eq_any(people)))
            .order(identity_decision::id)
            .select(Self::as_select())
            .load(c))?)
    }

    /// The merges in force of any of these people.
    ///
    /// # Errors
    /// When the database fails.
    pub fn merges(connection: &mut AnyConnection, people: &[Id]) -> Result<Vec<Self>, StoreError> {
        if people.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| identity_decision::table
            .filter(identity_decision::kept_id.eq_any(people).or(identity_decision::other_id.eq_any(people)))
            .filter(identity_decision::kind.eq("same-person"))
            .filter(identity_decision::undone_at.is_null())
            .order(identity_decision::id)
            .select(Self::as_select())
            .load(c))?)
    }

    /// Every merge that was in force at an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub fn merged_at(connection: &mut AnyConnection, at: Instant) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| identity_decision::table
            .filter(identity_decision::kind.eq("same-person"))
            .filter(identity_decision::decided_at.le(at))
            .filter(identity_decision::undone_at.is_null().or(identity_decision::undone_at.gt(at)))
            .order(identity_decision::id)
            .select(Self::as_select())
            .load(c))?)
    }

    /// Undoes a decision that is at `version` and in force. Says whether it was.
    ///
    /// # Errors
    /// When the database fails.
    pub fn undo(&self, connection: &mut AnyConnection, by: &str, reason: &str, at: Instant) -> Result<bool, StoreError> {
        let target = identity_decision::table
            .filter(identity_decision::id.eq(self.id))
            .filter(identity_decision::version.eq(self.version))
            .filter(identity_decision::undone_at.is_null());
        let changed = with!(connection, |c| diesel::update(target)
            .set((
                identity_decision::version.eq(self.version + 1),
                identity_decision::undone_at.eq(at),
                identity_decision::undone_by.eq(by),
                identity_decision::undo_reason.eq(reason),
            ))
            .execute(c))?;
        Ok(changed == 1)
    }
}

/// A pair of records that may be of one person.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = possible_duplicate)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct PairRow {
    pub one_id: Id,
    pub other_id: Id,
    pub task_id: Id,
    pub grade: String,
    pub found_at: Instant,
}

impl PairRow {
    /// Adds the pair.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(possible_duplicate::table).values(self).execute(c))?;
        Ok(())
    }

    /// The pairs of a person.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, person: Id) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| possible_duplicate::table
            .filter(possible_duplicate::one_id.eq(person).or(possible_duplicate::other_id.eq(person)))
            .select(Self::as_select())
            .load(c))?)
    }

    /// The pairs of which these tasks speak.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_tasks(connection: &mut AnyConnection, tasks: &[Id]) -> Result<Vec<Self>, StoreError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| possible_duplicate::table
            .filter(possible_duplicate::task_id.eq_any(tasks))
            .select(Self::as_select())
            .load(c))?)
    }
}

/// Remembers people who have still to be looked for among the others; one who is remembered already stays so.
///
/// # Errors
/// When the database refuses or fails.
pub fn queue(connection: &mut AnyConnection, people: &[Id], at: Instant) -> Result<(), StoreError> {
    for chunk in people.chunks(ROWS_PER_STATEMENT) {
        let rows: Vec<_> = chunk.iter().map(|id| (duplicate_check::child_id.eq(*id), duplicate_check::queued_at.eq(at))).collect();
        match &mut *connection {
            AnyConnection::Sqlite(c) => diesel::insert_or_ignore_into(duplicate_check::table).values(&rows).execute(c),
            AnyConnection::Pg(c) => diesel::insert_into(duplicate_check::table).values(&rows).on_conflict_do_nothing().execute(c),
        }?;
    }
    Ok(())
}

/// Some of those who have still to be looked for.
///
/// # Errors
/// When the database fails.
pub fn queued(connection: &mut AnyConnection, limit: i64) -> Result<Vec<Id>, StoreError> {
    Ok(with!(connection, |c| duplicate_check::table
        .order(duplicate_check::child_id)
        .limit(limit)
        .select(duplicate_check::child_id)
        .load(c))?)
}

/// Forgets people who have been looked for.
///
/// # Errors
/// When the database fails.
pub fn unqueue(connection: &mut AnyConnection, people: &[Id]) -> Result<(), StoreError> {
    if !people.is_empty() {
        with!(connection, |c| diesel::delete(duplicate_check::table.filter(duplicate_check::child_id.eq_any(people))).execute(c))?;
    }
    Ok(())
}
