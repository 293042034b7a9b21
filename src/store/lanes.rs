//! PostgreSQL's writers: a few threads over one queue, and one commit for all units of work that wait.
//!
//! ```text
//!  unit ─┐            ┌─ lane ─ BEGIN ─ unit, unit, unit ─ the sheaf ─ COMMIT ─▶ answers
//!  unit ─┼─▶ queue ───┤                       │
//!  unit ─┘            └─ lane ─ …             └ broke ─▶ queue ─▶ aside ─ BEGIN ─ unit ─ COMMIT ─▶ answer
//!                        while one waits for the disk, the other works
//! ```
//!
//! A group is hopeful: its units run one after the other without savepoints, what they insert is bound in a [`Sheaf`], and
//! one commit keeps all of it. When anything goes wrong – a unit fails, a key exists already, another transaction was in the
//! way – the whole group is rolled back. The unit that broke it is done again aside, in a transaction of its own that is
//! retried, and the rest try once more. So a failing unit fails alone, and nobody is answered before a commit. The group is
//! complete before it begins: its snapshot is younger than every request in it.
//!
//! Whoever holds a lock for long – another server's import, somebody at a console – must not hold up those who want something
//! else: a group waits [`HOPEFUL`]'s half second for it, and the threads aside are others than the lanes.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant as Stopwatch;

use super::Database;
use super::connection::AnyConnection;
use super::error::StoreError;
use super::sheaf::Sheaf;

/// Threads that write. With two, one works while the other waits for its commit; more would only make smaller groups.
pub(super) const LANES: u32 = 2;
/// Units of work in one commit: bounds how long the first of them waits for the last, and how much is done again when one fails.
const GROUP: usize = 64;
/// Units of work that may wait. More than this means that the database does not keep up: then it is better to say so at once.
const QUEUE: usize = 4096;

/// Threads for units that broke their group.
pub(super) const ASIDE: u32 = 6;
/// How often a group is tried again without the unit that broke it, before all of them go aside.
const ROUNDS: usize = 8;

/// How a group begins.
const HOPEFUL: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '500ms'";
/// How it begins once more, after one in it has broken it: whoever holds one lock for long may hold others, too.
const ONCE_MORE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '50ms'";
/// How a unit of work alone begins, if others wait for it to end.
pub(super) const SINGLE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL lock_timeout = '3s'";

/// What went wrong in a group.
pub(super) enum Broken {
    /// Something that concerns one unit, or goes away with another snapshot: each is done again alone.
    Again,
    /// The database does not answer; what became of the commit is not known. Nobody waits for it one after the other.
    Away,
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        if error.is_away() { Self::Away } else { Self::Again }
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

/// Where units of work wait, and whoever takes them out takes all that it will do.
type Units = Arc<Mutex<Receiver<Box<dyn Unit>>>>;

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new().name(name).spawn(work).map_err(|_| StoreError::Stopped)
}

impl Lanes {
    /// Starts the threads.
    pub(super) fn start(database: &Arc<Database>) -> Result<Self, StoreError> {
        let channel = || {
            let (queue, units) = sync_channel::<Box<dyn Unit>>(QUEUE);
            (queue, Units::new(Mutex::new(units)))
        };
        let ((queue, units), (put_aside, aside)) = (channel(), channel());
        let mut threads = Vec::new();
        for number in 0..LANES {
            let (database, units, put_aside) = (Arc::clone(database), Arc::clone(&units), put_aside.clone());
            threads.push(spawn(format!("writer-{number}"), move || {
                while let Some(group) = next_group(&units) {
                    write(&database, &put_aside, group);
                }
            })?);
        }
        for number in 0..ASIDE {
            let (database, aside) = (Arc::clone(database), Arc::clone(&aside));
            threads.push(spawn(format!("aside-{number}"), move || {
                while let Some(unit) = next(&aside) {
                    unit.alone(&database);
                }
            })?);
        }
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

/// What waits longest; nothing when there will never be more.
fn next(units: &Units) -> Option<Box<dyn Unit>> {
    units.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Everything that waits, up to a group; nothing when there will never be more.
fn next_group(units: &Units) -> Option<Vec<Box<dyn Unit>>> {
    let units = units.lock().unwrap_or_else(PoisonError::into_inner);
    let mut group = vec![units.recv().ok()?];
    while group.len() < GROUP {
        let Ok(next) = units.try_recv() else { break };
        group.push(next);
    }
    Some(group)
}

fn write(database: &Database, aside: &SyncSender<Box<dyn Unit>>, mut group: Vec<Box<dyn Unit>>) {
    metrics::histogram!("cofrestr_writer_group_units").record(group.len() as f64);
    for round in 0..ROUNDS {
        let mut at = None;
        match hopefully(database, if round == 0 { HOPEFUL } else { ONCE_MORE }, &mut group, &mut at) {
            Ok(()) => {
                group.into_iter().for_each(|unit| unit.answer(Ok(())));
                return;
            }
            Err(Broken::Away) => {
                tracing::error!(units = group.len(), "the database does not answer; nothing of a commit was acknowledged");
                group.into_iter().for_each(|unit| unit.answer(Err(StoreError::Overloaded)));
                return;
            }
            Err(Broken::Again) => {
                metrics::counter!("cofrestr_writer_groups_undone_total").increment(1);
                let Some(at) = at else { break };
                put_aside(aside, group.remove(at));
                if group.is_empty() {
                    return;
                }
            }
        }
    }
    group.into_iter().for_each(|unit| put_aside(aside, unit));
}

/// All units in one transaction. `at` is the place of the one that broke it, if it was one of them.
fn hopefully(database: &Database, begin: &str, group: &mut [Box<dyn Unit>], at: &mut Option<usize>) -> Result<(), Broken> {
    let watch = Stopwatch::now();
    let mut worked = watch.elapsed();
    database.with_transaction(begin, |connection| {
        let mut sheaf = Sheaf::default();
        for (place, unit) in group.iter_mut().enumerate() {
            *at = Some(place);
            unit.attempt(connection, Some(&mut sheaf))?;
        }
        *at = None;
        sheaf.write(connection)?;
        worked = watch.elapsed();
        Ok::<_, Broken>(())
    })?;
    metrics::histogram!("cofrestr_write_seconds").record(worked.as_secs_f64());
    metrics::histogram!("cofrestr_commit_seconds").record(watch.elapsed().saturating_sub(worked).as_secs_f64());
    Ok(())
}

fn put_aside(aside: &SyncSender<Box<dyn Unit>>, unit: Box<dyn Unit>) {
    if let Err(TrySendError::Full(unit) | TrySendError::Disconnected(unit)) = aside.try_send(unit) {
        unit.answer(Err(StoreError::Overloaded));
    }
}
