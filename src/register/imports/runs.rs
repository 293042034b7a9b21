//! Files that are sent through the API: kept first, answered, and taken in behind the answer by whichever server is free.
//!
//! ```text
//! POST ──▶ chunks in the database ──▶ accept: the run and its audit entry       nothing is acknowledged before
//!          take_run (a lease) ──▶ rows of the chunks ──▶ Importer ──▶ results and rows_done, with the children, in one commit
//!          the end: status, one task for what could not be taken, the chunks go
//! ```
//!
//! A run whose server died is taken up by the next when its lease has run out, after the row at which it stopped.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::mismatch::{self, Mismatch};
use super::{Difference, Done, Format, Importer, Outcome, Row, Rows, Rules, Sheet, SheetError};
use crate::authz::policy::action::Import;
use crate::authz::{Principal, Scope, program_permit};
use crate::domain::ids::ImportId;
use crate::register::{Region, RegisterError, children, matcher, work_lists};
use crate::store::connection::AnyConnection;
use crate::store::import_runs::{self as rows, ResultRow, RunRow, chunk_bytes};
use crate::store::types::Id;
use crate::store::{Store, StoreError, Tx};

/// How long a server that says nothing may keep a run: a unit of work takes a second or two.
const LEASE: TimeDelta = TimeDelta::seconds(15);

crate::domain::coded::closed_set! {
    /// How far a run is.
    pub enum Status {
        /// Not begun.
        Waiting = "waiting",
        /// At work, or waiting for a server to go on with it.
        Running = "running",
        /// Every row is answered.
        Finished = "finished",
        /// What was sent cannot be read to its end; the rows before are answered.
        Failed = "failed",
    }
}

/// A file that was sent.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The run, under which its chunks are kept.
    pub id: ImportId,
    /// The name of the source.
    pub source: String,
    /// How its rows are written down.
    pub format: Format,
    /// SHA-256 of all of it, in hexadecimal.
    pub digest: String,
    /// How long it is.
    pub bytes: u64,
    /// How many lines it has: at least as many as rows.
    pub lines: u64,
}

/// For whom somebody imports: an authority, or the whole region.
fn scope(principal: &Principal, region: &Region) -> String {
    match &principal.scope {
        Scope::Authority(gss) => gss.clone(),
        Scope::Region(_) | Scope::Organisation(_) => region.code().to_string(),
    }
}

/// The name under which the rows of a source are known: two authorities that call theirs the same do not meet.
pub fn source_of(principal: &Principal, name: &str) -> String {
    match &principal.scope {
        Scope::Authority(gss) => format!("{gss}/{name}"),
        Scope::Region(_) | Scope::Organisation(_) => name.to_owned(),
    }
}

/// Accepts a file whose chunks are kept.
///
/// # Errors
/// When not all of it is there any more, because it was sent for so long: it is to be sent again. When the database refuses or fails.
pub fn accept(tx: &mut Tx<'_>, region: &Region, new: &NewRun, principal: &Principal) -> Result<RunRow, RegisterError> {
    if u64::try_from(chunk_bytes(tx.connection, new.id.into())?).ok() != Some(new.bytes) {
        return Err(StoreError::Overloaded.into());
    }
    let row = RunRow {
        id: new.id.into(),
        version: 1,
        authority: scope(principal, region),
        source: source_of(principal, &new.source),
        format: new.format.as_str().into(),
        digest: new.digest.clone(),
        bytes: i64::try_from(new.bytes).unwrap_or(i64::MAX),
        lines: i64::try_from(new.lines).unwrap_or(i64::MAX),
        status: Status::Waiting.as_str().into(),
        failure: None,
        rows_done: 0,
        counts: "{}".into(),
        asked_at: tx.wall().into(),
        asked_by: principal.key(),
        begun_at: None,
        ended_at: None,
        leased_until: None,
    };
    row.insert(tx.connection)?;
    tx.audit().detail("import", new.id);
    tx.audit().detail("source", &row.source);
    tx.audit().detail("bytes", new.bytes);
    Ok(row)
}

/// Whose runs somebody sees: those of their authorities; those of the whole region only whoever has all of it.
fn seen(principal: &Principal, region: &Region) -> Vec<String> {
    let mut lists = work_lists(principal, region);
    if !matches!(principal.scope, Scope::Region(_)) {
        lists.retain(|list| list != region.code().as_str());
    }
    lists
}

/// A run that somebody may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none; or the database fails.
pub fn find(connection: &mut AnyConnection, region: &Region, id: ImportId, principal: &Principal) -> Result<RunRow, RegisterError> {
    let lists = seen(principal, region);
    RunRow::find(connection, id.into())?.filter(|row| lists.contains(&row.authority)).ok_or(RegisterError::NotFound)
}

/// A page of the runs that somebody may see, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    region: &Region,
    principal: &Principal,
    before: Option<ImportId>,
    limit: i64,
) -> Result<Vec<RunRow>, RegisterError> {
    Ok(RunRow::list(connection, &seen(principal, region), before.map(Into::into), limit)?)
}

/// A page of what became of the rows of a run, after the row `after`; `code` names those of which it was said.
///
/// # Errors
/// When the database fails.
pub fn results(
    connection: &mut AnyConnection,
    run: &RunRow,
    code: Option<&str>,
    after: i64,
    limit: i64,
) -> Result<Vec<ResultRow>, RegisterError> {
    Ok(ResultRow::list(connection, run.id, code, after, limit)?)
}

/// How many rows of which code.
pub fn counts(run: &RunRow) -> BTreeMap<String, u64> {
    serde_json::from_str(&run.counts).unwrap_or_default()
}

/// A run at work.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub(super) id: ImportId,
}

impl Run {
    /// Keeps what became of rows, with the rows themselves.
    ///
    /// # Errors
    /// [`RegisterError::Conflict`] when the run is not where it was left: another server has taken it over, or it is gone.
    pub(super) fn answered(self, tx: &mut Tx<'_>, done: &[Done]) -> Result<(), RegisterError> {
        let Some(first) = done.first() else { return Ok(()) };
        let mut run = RunRow::find(tx.connection, self.id.into())?.ok_or(RegisterError::Conflict)?;
        let next = u64::try_from(run.rows_done).unwrap_or(0) + 1;
        if run.status != Status::Running.as_str() || next != first.number {
            return Err(RegisterError::Conflict);
        }
        let mut counts = counts(&run);
        for code in done.iter().flat_map(Done::codes) {
            *counts.entry(code.to_owned()).or_default() += 1;
        }
        run.counts = serde_json::to_string(&counts).map_err(|_| StoreError::Corrupt("counts"))?;
        run.rows_done += i64::try_from(done.len()).unwrap_or(0);
        run.leased_until = Some((tx.wall() + LEASE).into());
        let results: Vec<ResultRow> = done.iter().map(|done| self.result(done)).collect::<Result<_, _>>()?;
        ResultRow::insert_all(tx.connection, &results)?;
        tx.audit().detail("import", self.id);
        if run.change(tx.connection)? { Ok(()) } else { Err(RegisterError::Conflict) }
    }

    fn result(self, done: &Done) -> Result<ResultRow, StoreError> {
        let remarks: Vec<_> = done.errors.iter().chain(&done.warnings).collect();
        Ok(ResultRow {
            run_id: self.id.into(),
            number: i64::try_from(done.number).unwrap_or(i64::MAX),
            external_id: done.id.clone(),
            outcome: done.outcome.as_str().into(),
            codes: format!(" {} ", done.codes().join(" ")),
            remarks: serde_json::to_string(&remarks).map_err(|_| StoreError::Corrupt("remarks"))?,
            child_id: done.child.filter(|_| done.outcome != Outcome::Rejected).map(Id::from),
        })
    }
}

/// The chunks of a run, one after another, on a thread that may wait.
struct Chunks {
    store: Store,
    runtime: Handle,
    run: Id,
    next: i64,
    /// What is still to come.
    left: u64,
    chunk: io::Cursor<Vec<u8>>,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.chunk.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            match self.runtime.block_on(self.store.chunk(self.run, self.next)).map_err(io::Error::other)? {
                None if self.left == 0 => return Ok(0),
                // The end of what is there is not the end of what was accepted.
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(chunk) => {
                    self.next += 1;
                    self.left = self.left.saturating_sub(chunk.len() as u64);
                    self.chunk = io::Cursor::new(chunk);
                }
            }
        }
    }
}

/// Takes in what waits, one file after another; answers how many. Any number of servers may do this, one at a time does.
///
/// # Errors
/// When the database fails; what is under way is gone on with later.
pub async fn work_off(store: &Store, region: &Arc<Region>) -> Result<usize, RegisterError> {
    let mut ended = 0;
    while let Some(run) = store.take_run(LEASE).await? {
        match take_in(store, region, &run).await {
            Ok(()) => ended += 1,
            // Somebody else has it, or it is gone.
            Err(RegisterError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(ended)
}

async fn take_in(store: &Store, region: &Arc<Region>, row: &RunRow) -> Result<(), RegisterError> {
    let run = Run { id: ImportId::try_from(row.id.0).map_err(|_| StoreError::Corrupt("import id"))? };
    let importer = Importer {
        store: store.clone(),
        region: Arc::clone(region),
        user: row.asked_by.clone(),
        source: row.source.clone(),
        dry_run: false,
        run: Some(run),
    };
    let mut units = read(store, region, row)?;
    let mut failure = None;
    while let Some(unit) = units.recv().await {
        match unit {
            Ok(unit) => {
                importer.take(unit).await?;
            }
            // The database, not the file: another time. What is not all there any more never will be.
            Err(SheetError::Broken(error)) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(StoreError::Overloaded.into()),
            Err(error) => failure = Some(error.code()),
        }
    }
    let changed = finish(&importer, run, failure).await?;
    if changed {
        matcher::refresh(store, region.code().as_str(), &region.matcher).await?;
    }
    Ok(())
}

type Units = mpsc::Receiver<Result<Vec<Row>, SheetError>>;

/// Reads the rows that are not answered yet, unit by unit, while the unit before is taken in.
fn read(store: &Store, region: &Arc<Region>, row: &RunRow) -> Result<Units, RegisterError> {
    let format: Format = row.format.parse().map_err(|_| StoreError::Corrupt("format"))?;
    let mut rules = Rules::of(region, children::today(store.clock().now()));
    if row.authority != region.code().as_str() {
        rules = rules.within(&row.authority);
    }
    let chunks = Chunks {
        store: store.clone(),
        runtime: Handle::current(),
        run: row.id,
        next: 0,
        left: u64::try_from(row.bytes).unwrap_or(0),
        chunk: io::Cursor::default(),
    };
    let answered = u64::try_from(row.rows_done).unwrap_or(0);
    let (tell, units) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let each = |tell: &mpsc::Sender<_>| -> Result<(), SheetError> {
            let sheet = Sheet::new(format, Box::new(chunks))?;
            sheet.check_columns()?;
            let mut rows = Rows::new(sheet, rules);
            loop {
                let mut unit = rows.unit()?;
                if unit.is_empty() {
                    return Ok(());
                }
                unit.retain(|row| row.number > answered);
                // Nobody listens any more when the run was given up.
                if !unit.is_empty() && tell.blocking_send(Ok(unit)).is_err() {
                    return Ok(());
                }
            }
        };
        if let Err(error) = each(&tell) {
            let _ = tell.blocking_send(Err(error));
        }
    });
    Ok(units)
}

/// Ends a run; answers whether anything on the register is other than before.
async fn finish(importer: &Importer, run: Run, failure: Option<&'static str>) -> Result<bool, RegisterError> {
    let permit = program_permit::<Import>(&importer.user, importer.region.code().as_str());
    let source = importer.source.clone();
    let end = move |tx: &mut Tx<'_>, (): &()| {
        let mut row = RunRow::find(tx.connection, run.id.into())?.ok_or(RegisterError::Conflict)?;
        if row.status != Status::Running.as_str() {
            return Err(RegisterError::Conflict);
        }
        let status = if failure.is_some() { Status::Failed } else { Status::Finished };
        row.status = status.as_str().into();
        row.failure = failure.map(str::to_owned);
        row.ended_at = Some(tx.wall().into());
        row.leased_until = None;
        if !row.change(tx.connection)? {
            return Err(RegisterError::Conflict);
        }
        let counts = counts(&row);
        let count = |code: &str| counts.get(code).copied().unwrap_or(0);
        if count("rejected") > 0 || failure.is_some() {
            let rejected = Mismatch {
                difference: Difference::RowsRejected,
                external_id: String::new(),
                said: row.digest.clone(),
                authority: row.authority.clone(),
                child: None,
                other: None,
            };
            mismatch::raise(tx, &source, Some(row.id), &[""], &[rejected])?;
        }
        rows::forget_chunks(tx.connection, row.id)?;
        tx.audit().detail("import", run.id);
        tx.audit().detail("status", status);
        Ok(count("added") + count("changed") > 0)
    };
    importer.store.run_alone(permit, |_| Ok(()), end).await
}
