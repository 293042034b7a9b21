//! Rows of files that were sent to be imported: the runs, what was sent, what became of each row, and what is to be decided.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::Store;
use super::children::ROWS_PER_STATEMENT;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{child_identifier, import_chunk, import_mismatch, import_result, import_run, task};
use super::types::{Id, Instant};

/// How long a piece may wait for the rest of its file.
const ABANDONED: TimeDelta = TimeDelta::hours(24);

/// A file that was sent, and how far it is.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = import_run, treat_none_as_default_value = false, treat_none_as_null = true)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct RunRow {
    pub id: Id,
    pub version: i64,
    pub authority: String,
    pub source: String,
    pub format: String,
    pub digest: String,
    pub bytes: i64,
    pub lines: i64,
    pub status: String,
    pub failure: Option<String>,
    pub rows_done: i64,
    pub counts: String,
    pub asked_at: Instant,
    pub asked_by: String,
    pub begun_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub leased_until: Option<Instant>,
}

/// What became of a row of a file.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = import_result, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct ResultRow {
    pub run_id: Id,
    pub number: i64,
    pub external_id: Option<String>,
    pub outcome: String,
    pub codes: String,
    pub remarks: String,
    pub child_id: Option<Id>,
}

/// What a file and the register say differently.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = import_mismatch, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct MismatchRow {
    pub source: String,
    pub external_id: String,
    pub code: String,
    pub said_digest: String,
    pub task_id: Id,
    pub run_id: Option<Id>,
    pub child_id: Option<Id>,
    pub other_id: Option<Id>,
}

impl RunRow {
    /// Adds the run.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(import_run::table).values(self).execute(c))?;
        Ok(())
    }

    /// The run with this identifier.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| import_run::table.find(id).select(Self::as_select()).first(c).optional())?)
    }

    /// A page of the runs of these authorities, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(connection: &mut AnyConnection, authorities: &[String], before: Option<Id>, limit: i64) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = import_run::table
                .filter(import_run::authority.eq_any(authorities))
                .select(Self::as_select())
                .order(import_run::id.desc())
                .limit(limit)
                .into_boxed();
            if let Some(before) = before {
                query = query.filter(import_run::id.lt(before));
            }
            Ok(query.load(c)?)
        })
    }

    /// Keeps what changed, unless somebody else changed it meanwhile. Says whether it was kept.
    ///
    /// # Errors
    /// When the database fails.
    pub fn change(&mut self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let before = self.version;
        self.version += 1;
        let target = import_run::table.filter(import_run::id.eq(self.id)).filter(import_run::version.eq(before));
        Ok(with!(connection, |c| diesel::update(target).set(&*self).execute(c))? == 1)
    }
}

impl ResultRow {
    /// Adds what became of rows.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert_all(connection: &mut AnyConnection, rows: &[Self]) -> Result<(), StoreError> {
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            with!(&mut *connection, |c| diesel::insert_into(import_result::table).values(chunk).execute(c))?;
        }
        Ok(())
    }

    /// A page of what became of the rows of a run, in their order; `code` names those of which it was said.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(connection: &mut AnyConnection, run: Id, code: Option<&str>, after: i64, limit: i64) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = import_result::table
                .filter(import_result::run_id.eq(run))
                .filter(import_result::number.gt(after))
                .order(import_result::number)
                .limit(limit)
                .select(Self::as_select())
                .into_boxed();
            if let Some(code) = code {
                // A code holds letters, digits and hyphens only.
                query = query.filter(import_result::codes.like(format!("% {code} %")));
            }
            Ok(query.load(c)?)
        })
    }
}

impl MismatchRow {
    /// What is known of these rows of a source; an empty identifier stands for the rows that could not be taken.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, source: &str, external_ids: &[&str]) -> Result<Vec<Self>, StoreError> {
        let mut found = Vec::new();
        for chunk in external_ids.chunks(ROWS_PER_STATEMENT) {
            found.extend(with!(&mut *connection, |c| import_mismatch::table
                .filter(import_mismatch::source.eq(source))
                .filter(import_mismatch::external_id.eq_any(chunk))
                .select(Self::as_select())
                .load(c))?);
        }
        Ok(found)
    }

    /// Those of which these tasks speak.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_tasks(connection: &mut AnyConnection, tasks: &[Id]) -> Result<Vec<Self>, StoreError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| import_mismatch::table.filter(import_mismatch::task_id.eq_any(tasks)).select(Self::as_select()).load(c))?)
    }

    /// Forgets it: it is so no more.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let row = import_mismatch::table.find((&self.source, &self.external_id, &self.code));
        with!(connection, |c| diesel::delete(row).execute(c))?;
        Ok(())
    }

    /// Keeps it in the place of what was said of the row before.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn put(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let before = import_mismatch::table.find((&self.source, &self.external_id, &self.code));
        with!(connection, |c| {
            diesel::delete(before).execute(c)?;
            diesel::insert_into(import_mismatch::table).values(self).execute(c)
        })?;
        Ok(())
    }
}

/// Which of these tasks are open.
///
/// # Errors
/// When the database fails.
pub fn open(connection: &mut AnyConnection, tasks: &[Id]) -> Result<Vec<Id>, StoreError> {
    Ok(with!(connection, |c| task::table.filter(task::id.eq_any(tasks)).filter(task::closed_at.is_null()).select(task::id).load(c))?)
}

/// Who has, or had, these NHS numbers: number, person, whether it is theirs now.
///
/// # Errors
/// When the database fails.
pub fn bearers(connection: &mut AnyConnection, numbers: &[&str]) -> Result<Vec<(String, Id, bool)>, StoreError> {
    let mut found = Vec::new();
    let is_now = child_identifier::superseded_at.is_null().and(child_identifier::valid_to.is_null());
    for chunk in numbers.chunks(ROWS_PER_STATEMENT) {
        let rows: Vec<(String, Id, bool)> = with!(&mut *connection, |c| child_identifier::table
            .filter(child_identifier::kind.eq("nhs-number"))
            .filter(child_identifier::value.eq_any(chunk))
            .select((child_identifier::value, child_identifier::child_id, is_now))
            .load(c))?;
        found.extend(rows);
    }
    Ok(found)
}

/// How much of what was sent for a run is kept, in bytes.
///
/// # Errors
/// When the database fails.
pub fn chunk_bytes(connection: &mut AnyConnection, run: Id) -> Result<i64, StoreError> {
    let bytes = diesel::dsl::sql::<diesel::sql_types::BigInt>("CAST(COALESCE(SUM(length(content)), 0) AS BIGINT)");
    Ok(with!(connection, |c| import_chunk::table.filter(import_chunk::run_id.eq(run)).select(bytes).first(c))?)
}

/// Forgets what was sent for a run.
///
/// # Errors
/// When the database fails.
pub fn forget_chunks(connection: &mut AnyConnection, run: Id) -> Result<(), StoreError> {
    with!(connection, |c| diesel::delete(import_chunk::table.filter(import_chunk::run_id.eq(run))).execute(c))?;
    Ok(())
}

// What the upkeep of a server does: no access to anybody's record, and so without an entry in the audit log. Acceptance and every
// unit of rows have one.
impl Store {
    /// Keeps a piece of a file that is being sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_chunk(&self, run: Id, number: i64, content: Vec<u8>) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            let row = (import_chunk::run_id.eq(run), import_chunk::number.eq(number), import_chunk::content.eq(content));
            with!(connection, |c| diesel::insert_into(import_chunk::table).values(row).execute(c))?;
            Ok(())
        })
        .await
    }

    /// A piece of a file that was sent; nothing after the last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn chunk(&self, run: Id, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.upkeep_reading(move |connection| {
            Ok(with!(connection, |c| import_chunk::table.find((run, number)).select(import_chunk::content).first(c).optional())?)
        })
        .await
    }

    /// Forgets what was sent for a run that is not accepted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_chunks(&self, run: Id) -> Result<(), StoreError> {
        self.upkeep(move |connection| forget_chunks(connection, run)).await
    }

    /// Takes the run that has waited longest, so that no other server takes it within `lease`; one after another, so that what was
    /// sent first is taken in first. Nothing when there is none, or another server is at work.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_run(&self, lease: TimeDelta) -> Result<Option<RunRow>, StoreError> {
        let now = self.clock().wall();
        let next = self
            .upkeep_reading(move |connection| {
                Ok(with!(connection, |c| import_run::table
                    .filter(import_run::status.eq_any(["waiting", "running"]))
                    .order(import_run::id)
                    .select(RunRow::as_select())
                    .first(c)
                    .optional())?)
            })
            .await?;
        let Some(mut row) = next.filter(|row| row.leased_until.is_none_or(|until| until.get() <= now)) else { return Ok(None) };
        self.upkeep(move |connection| {
            row.status = "running".into();
            row.begun_at = row.begun_at.or(Some(now.into()));
            row.leased_until = Some((now + lease).into());
            Ok(row.change(connection)?.then_some(row))
        })
        .await
    }

    /// Forgets pieces that nobody asked to import within a day, and what became of rows of runs that ended before `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tidy_imports(&self, before: DateTime<Utc>) -> Result<(), StoreError> {
        let oldest = self.clock().wall() - ABANDONED;
        let seconds = u64::try_from(oldest.timestamp()).unwrap_or(0);
        // The first identifier of that second: identifiers sort by the time at which they were made.
        let border = Id(uuid::Builder::from_unix_timestamp_millis(seconds * 1000, &[0; 10]).into_uuid());
        let (chunks, runs) = self
            .upkeep_reading(move |connection| {
                with!(connection, |c| {
                    let known = import_run::table.select(import_run::id);
                    let chunks: Vec<Id> = import_chunk::table
                        .filter(import_chunk::run_id.lt(border))
                        .filter(import_chunk::run_id.ne_all(known))
                        .select(import_chunk::run_id)
                        .distinct()
                        .load(c)?;
                    let runs: Vec<Id> = import_run::table
                        .filter(import_run::ended_at.lt(Instant::new(before)))
                        .filter(diesel::dsl::exists(import_result::table.filter(import_result::run_id.eq(import_run::id))))
                        .select(import_run::id)
                        .load(c)?;
                    Ok((chunks, runs))
                })
            })
            .await?;
        if chunks.is_empty() && runs.is_empty() {
            return Ok(());
        }
        self.upkeep(move |connection| {
            with!(connection, |c| {
                // Somebody may have asked for one meanwhile.
                let known = import_run::table.select(import_run::id);
                let unknown = import_chunk::run_id.eq_any(chunks).and(import_chunk::run_id.ne_all(known));
                diesel::delete(import_chunk::table.filter(unknown)).execute(c)?;
                diesel::delete(import_result::table.filter(import_result::run_id.eq_any(runs))).execute(c)?;
                Ok(())
            })
        })
        .await
    }
}
