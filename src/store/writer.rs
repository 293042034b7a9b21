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

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Stopwatch};

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

/// How long everybody waits for a file that another process has locked, once somebody has waited in vain: there may be thousands.
const STILL_LOCKED: Duration = Duration::from_millis(20);

/// The handle to the writer's thread. The thread ends, with its queue drained, when the handle is dropped.
pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    is_locked: Arc<AtomicBool>,
}

/// The writer's connection, and how it got on with the file.
struct Pen {
    connection: AnyConnection,
    /// How long to wait for a file that another process has locked.
    wait: Duration,
    /// Whether the last wait was in vain.
    is_locked: Arc<AtomicBool>,
}

impl Writer {
    /// Starts the thread. It waits so long at most when another process has locked the file.
    pub(super) fn start(mut connection: AnyConnection, wait: Duration) -> Result<Self, StoreError> {
        let (queue, units) = sync_channel(QUEUE);
        connection.wait_for_locks(wait)?;
        let is_locked = Arc::new(AtomicBool::new(false));
        let pen = Pen { connection, wait, is_locked: Arc::clone(&is_locked) };
        let thread =
            std::thread::Builder::new().name("writer".into()).spawn(move || write(pen, &units)).map_err(|_| StoreError::Stopped)?;
        Ok(Self { queue: Some(queue), thread: Some(thread), is_locked })
    }

    /// Whether the writer last waited in vain for a file that another process had locked.
    pub(super) fn is_locked(&self) -> bool {
        self.is_locked.load(Ordering::Relaxed)
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

fn write(mut pen: Pen, jobs: &Receiver<Job>) {
    let mut left = None;
    while let Some(job) = left.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Upkeep(work) => upkeep(&mut pen, work),
            Job::Long(unit) => units(&mut pen, vec![unit], None),
            Job::Unit(first) => {
                let mut group = vec![first];
                while group.len() < GROUP && left.is_none() {
                    match jobs.try_recv() {
                        Ok(Job::Unit(next)) => group.push(next),
                        Ok(other) => left = Some(other),
                        Err(_) => break,
                    }
                }
                units(&mut pen, group, Some(Sheaf::default()));
            }
        }
    }
}

impl Pen {
    /// Begins a transaction.
    fn begin(&mut self) -> Result<(), StoreError> {
        let begun = self.connection.execute("BEGIN IMMEDIATE");
        if begun.is_err() != self.is_locked.swap(begun.is_err(), Ordering::Relaxed) {
            // The first who waited in vain waited as long as they could bear. Those behind them have waited as long.
            let _ = self.connection.wait_for_locks(if begun.is_err() { STILL_LOCKED } else { self.wait });
        }
        begun.map_err(|error| {
            tracing::error!(%error, "the writer could not begin a transaction; another process may have locked the database");
            StoreError::Overloaded
        })
    }

    fn commit(&mut self, works: usize) -> Result<(), StoreError> {
        let watch = Stopwatch::now();
        let committed = self.connection.execute("COMMIT");
        metrics::histogram!("cofrestr_commit_seconds").record(watch.elapsed().as_secs_f64());
        committed.map_err(|error| {
            tracing::error!(%error, works, "a commit failed; nothing of it was acknowledged");
            let _ = self.connection.execute("ROLLBACK");
            StoreError::Overloaded
        })
    }
}

fn upkeep(pen: &mut Pen, work: Upkeep) {
    // Without a transaction what was to be done in it is dropped: whoever waits for it hears that, and it is due again.
    if pen.begin().is_ok() {
        let answer = work(&mut pen.connection);
        answer(pen.commit(1));
    }
}

fn units(pen: &mut Pen, mut group: Vec<Box<dyn Unit>>, sheaf: Option<Sheaf>) {
    metrics::histogram!("cofrestr_writer_group_units").record(group.len() as f64);
    let watch = Stopwatch::now();
    let kept = pen.begin().and_then(|()| {
        if hopefully(&mut pen.connection, &mut group, sheaf).is_err() {
            metrics::counter!("cofrestr_writer_groups_undone_total").increment(1);
            if let Err(error) = pen.connection.execute("ROLLBACK") {
                tracing::warn!(%error, "SQLite had ended the transaction already");
            }
            pen.begin()?;
            for unit in &mut group {
                unit.attempt_apart(&mut pen.connection);
            }
        }
        metrics::histogram!("cofrestr_write_seconds").record(watch.elapsed().as_secs_f64());
        pen.commit(group.len())
    });
    let is_kept = kept.is_ok();
    group.into_iter().for_each(|unit| unit.answer(if is_kept { Ok(()) } else { Err(StoreError::Overloaded) }));
}

/// All units, without savepoints.
fn hopefully(connection: &mut AnyConnection, group: &mut [Box<dyn Unit>], mut sheaf: Option<Sheaf>) -> Result<(), Broken> {
    for unit in group {
        unit.attempt(connection, sheaf.as_mut())?;
    }
    Ok(sheaf.map_or(Ok(()), |sheaf| sheaf.write(connection))?)
}
