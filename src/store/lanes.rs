//! PostgreSQL's writers: a few threads over one queue, and one commit for all units of work that wait.
//!
//! ```text
//!  unit ─┐            ┌─ lane ─ BEGIN ─ unit, unit, unit ─ the sheaf ─ COMMIT ─▶ answers
//!  unit ─┼─▶ queue ───┤
//!  unit ─┘            └─ lane ─ …      while one waits for the disk, the other works
//! ```
//!
//! A group is hopeful: its units run one after the other without savepoints, what they insert is bound in a [`Sheaf`], and
//! one commit keeps all of it. When anything goes wrong – a unit fails, a key exists already, another transaction was in the
//! way – the whole group is rolled back, and each of its units is done again alone, in a transaction of its own that is
//! retried. So a failing unit fails alone, and nobody is answered before a commit. The group is complete before it begins:
//! its snapshot is younger than every request in it.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant as Stopwatch;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::sheaf::Sheaf;
use super::{Database, REPEATABLE_READ};

/// Threads that write. With two, one works while the other waits for its commit; more would only make smaller groups.
pub(super) const LANES: u32 = 2;
/// Units of work in one commit: bounds how long the first of them waits for the last, and how much is done again when one fails.
const GROUP: usize = 64;
/// Units of work that may wait. More than this means that the database does not keep up: then it is better to say so at once.
const QUEUE: usize = 4096;

/// What went wrong in a group.
pub(super) enum Broken {
    /// Something that concerns one unit, or goes away with another snapshot: each is done again alone.
    Again,
    /// The database does not answer; what became of the commit is not known. Nobody waits for it one after the other.
    Away,
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        if error.is_temporary() && !error.is_retryable() { Self::Away } else { Self::Again }
    }
}

/// A unit of work that waits for its turn.
pub(super) trait Unit: Send {
    /// Does the work: as one of a group what nobody reads again goes into the sheaf.
    fn attempt(&mut self, connection: &mut AnyConnection, sheaf: Option<&mut Sheaf>) -> Result<(), Broken>;
    /// Does the work in a savepoint of the transaction, so that it fails alone; the answer keeps how it went. For SQLite.
    fn attempt_apart(&mut self, connection: &mut AnyConnection);
    /// Answers, after the commit of the group or instead of it.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
    /// Does the work in a transaction of its own, and answers. For PostgreSQL.
    fn alone(self: Box<Self>, database: &Database);
}

/// The handle to the threads. They end, with their queue drained, when the handle is dropped.
pub(super) struct Lanes {
    queue: Option<SyncSender<Box<dyn Unit>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Lanes {
    /// Starts the threads.
    pub(super) fn start(database: &Arc<Database>) -> Result<Self, StoreError> {
        let (queue, units) = sync_channel(QUEUE);
        let units = Arc::new(Mutex::new(units));
        let lane = |number| {
            let (database, units) = (Arc::clone(database), Arc::clone(&units));
            std::thread::Builder::new()
                .name(format!("writer-{number}"))
                .spawn(move || {
                    while let Some(group) = next_group(&units) {
                        write(&database, group);
                    }
                })
                .map_err(|_| StoreError::Stopped)
        };
        let threads = (0..LANES).map(lane).collect::<Result<_, _>>()?;
        Ok(Self { queue: Some(queue), threads })
    }

    /// Queues a unit of work.
    pub(super) fn submit(&self, unit: Box<dyn Unit>) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Stopped)?;
        queue.try_send(unit).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::Stopped,
        })
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Everything that waits, up to a group; nothing when there will never be more.
fn next_group(units: &Mutex<Receiver<Box<dyn Unit>>>) -> Option<Vec<Box<dyn Unit>>> {
    let units = units.lock().unwrap_or_else(PoisonError::into_inner);
    let mut group = vec![units.recv().ok()?];
    while group.len() < GROUP {
        let Ok(next) = units.try_recv() else { break };
        group.push(next);
    }
    Some(group)
}

fn write(database: &Database, mut group: Vec<Box<dyn Unit>>) {
    metrics::histogram!("cofrestr_writer_group_units").record(group.len() as f64);
    let watch = Stopwatch::now();
    let mut worked = watch.elapsed();
    let committed = database.with_transaction(REPEATABLE_READ, |connection| {
        let mut sheaf = Sheaf::default();
        for unit in &mut group {
            unit.attempt(connection, Some(&mut sheaf))?;
        }
        sheaf.write(connection)?;
        worked = watch.elapsed();
        Ok::<_, Broken>(())
    });
    match committed {
        Ok(()) => {
            metrics::histogram!("cofrestr_write_seconds").record(worked.as_secs_f64());
            metrics::histogram!("cofrestr_commit_seconds").record(watch.elapsed().saturating_sub(worked).as_secs_f64());
            group.into_iter().for_each(|unit| unit.answer(Ok(())));
        }
        Err(Broken::Away) => {
            tracing::error!(units = group.len(), "the database does not answer; nothing of a commit was acknowledged");
            group.into_iter().for_each(|unit| unit.answer(Err(StoreError::Overloaded)));
        }
        Err(Broken::Again) => {
            metrics::counter!("cofrestr_writer_groups_undone_total").increment(1);
            group.into_iter().for_each(|unit| unit.alone(database));
        }
    }
}
