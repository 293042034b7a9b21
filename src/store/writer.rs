//! SQLite's one writer: a thread with a queue, and one commit for all units of work that wait.
//!
//! With many writers SQLite's busy handler sleeps, and the slowest waits for seconds. With one writer and group commit the units
//! share a transaction, which is committed once, and only then are all of them answered: durable like a commit each, at a
//! fraction of the cost.
//!
//! A group is hopeful, as it is on PostgreSQL ([`super::lanes`]): its units run one after the other without savepoints. When one
//! fails, the group is rolled back and done again with a savepoint for each, so that a failing unit fails alone. A savepoint
//! copies every page that is changed after it, and walks through those copies with every statement: the longer a unit is, the more
//! each of its statements costs in one.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant as Stopwatch;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::lanes::{Broken, Unit};
use super::sheaf::Sheaf;

/// Units of work in one commit: bounds how long the first of them waits for the last.
const GROUP: usize = 128;
/// Units of work that may wait. More than this means that the disk does not keep up: then it is better to say so at once.
const QUEUE: usize = 4096;

/// Called after the commit, or after it failed.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Upkeep = Box<dyn FnOnce(&mut AnyConnection) -> Answer + Send>;

/// What waits for the thread.
enum Job {
    Unit(Box<dyn Unit>),
    /// A unit that is long, and reads again what it wrote.
    Long(Box<dyn Unit>),
    /// Work that cannot be done a second time: it goes alone.
    Upkeep(Upkeep),
}

/// The handle to the writer's thread. The thread ends, with its queue drained, when the handle is dropped.
pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: AnyConnection) -> Result<Self, StoreError> {
        let (queue, units) = sync_channel(QUEUE);
        let thread =
            std::thread::Builder::new().name("writer".into()).spawn(move || write(connection, &units)).map_err(|_| StoreError::Stopped)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a unit of work.
    pub(super) fn submit(&self, unit: Box<dyn Unit>) -> Result<(), StoreError> {
        self.queue(Job::Unit(unit))
    }

    /// Queues a unit of work that goes alone.
    pub(super) fn submit_long(&self, unit: Box<dyn Unit>) -> Result<(), StoreError> {
        self.queue(Job::Long(unit))
    }

    /// Queues upkeep.
    pub(super) fn upkeep(&self, work: impl FnOnce(&mut AnyConnection) -> Answer + Send + 'static) -> Result<(), StoreError> {
        self.queue(Job::Upkeep(Box::new(work)))
    }

    fn queue(&self, job: Job) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Stopped)?;
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::Stopped,
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(mut connection: AnyConnection, jobs: &Receiver<Job>) {
    let mut left = None;
    while let Some(job) = left.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Upkeep(work) => upkeep(&mut connection, work),
            Job::Long(unit) => units(&mut connection, vec![unit], None),
            Job::Unit(first) => {
                let mut group = vec![first];
                while group.len() < GROUP && left.is_none() {
                    match jobs.try_recv() {
                        Ok(Job::Unit(next)) => group.push(next),
                        Ok(other) => left = Some(other),
                        Err(_) => break,
                    }
                }
                units(&mut connection, group, Some(Sheaf::default()));
            }
        }
    }
}

/// Whether a transaction began. When it did not, what was to be done in it is dropped; its callers hear that the writer stopped,
/// and may try again.
fn begin(connection: &mut AnyConnection) -> bool {
    let begun = connection.execute("BEGIN IMMEDIATE");
    if let Err(error) = &begun {
        tracing::error!(%error, "the writer could not begin a transaction");
    }
    begun.is_ok()
}

fn commit(connection: &mut AnyConnection, works: usize) -> bool {
    let watch = Stopwatch::now();
    let committed = connection.execute("COMMIT");
    metrics::histogram!("cofrestr_commit_seconds").record(watch.elapsed().as_secs_f64());
    if let Err(error) = &committed {
        tracing::error!(%error, works, "a commit failed; nothing of it was acknowledged");
        let _ = connection.execute("ROLLBACK");
    }
    committed.is_ok()
}

fn upkeep(connection: &mut AnyConnection, work: Upkeep) {
    if begin(connection) {
        let answer = work(connection);
        answer(if commit(connection, 1) { Ok(()) } else { Err(StoreError::Overloaded) });
    }
}

fn units(connection: &mut AnyConnection, mut group: Vec<Box<dyn Unit>>, sheaf: Option<Sheaf>) {
    metrics::histogram!("cofrestr_writer_group_units").record(group.len() as f64);
    let watch = Stopwatch::now();
    if !begin(connection) {
        return;
    }
    if hopefully(connection, &mut group, sheaf).is_err() {
        metrics::counter!("cofrestr_writer_groups_undone_total").increment(1);
        if let Err(error) = connection.execute("ROLLBACK") {
            tracing::warn!(%error, "SQLite had ended the transaction already");
        }
        if !begin(connection) {
            return;
        }
        for unit in &mut group {
            unit.attempt_apart(connection);
        }
    }
    metrics::histogram!("cofrestr_write_seconds").record(watch.elapsed().as_secs_f64());
    let is_kept = commit(connection, group.len());
    group.into_iter().for_each(|unit| unit.answer(if is_kept { Ok(()) } else { Err(StoreError::Overloaded) }));
}

/// All units, without savepoints.
fn hopefully(connection: &mut AnyConnection, group: &mut [Box<dyn Unit>], mut sheaf: Option<Sheaf>) -> Result<(), Broken> {
    for unit in group {
        unit.attempt(connection, sheaf.as_mut())?;
    }
    Ok(sheaf.map_or(Ok(()), |sheaf| sheaf.write(connection))?)
}
