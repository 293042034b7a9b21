//! The readers of checks: a few threads over one queue, and one snapshot for all looks that wait.
//!
//! ```text
//!  look ─┐            ┌─ reader ─ BEGIN ─ look ▶ answer, look ▶ answer ─ COMMIT
//!  look ─┼─▶ queue ───┤
//!  look ─┘            └─ reader ─ …
//! ```
//!
//! SQLite forgets the pages that a connection has read whenever another has committed, so under load every look of its own reads
//! the upper pages of every index again; on PostgreSQL each costs a begin and an end. Looks that share a snapshot share that. The
//! snapshot is younger than every look in it: they are taken from the queue before it begins.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::Database;
use super::connection::AnyConnection;
use super::error::StoreError;

/// Looks on one snapshot: bounds how long the last of them waits for the first.
const GROUP: usize = 8;
/// Looks that may wait. More than this means that the database does not keep up: then it is better to say so at once.
const QUEUE: usize = 4096;

/// A look that waits for its turn. It answers its caller itself, and says whether others may go on with the connection as it is:
/// a statement that failed may have ended the transaction for all.
pub(super) type Look = Box<dyn FnOnce(Result<&mut AnyConnection, StoreError>) -> bool + Send>;

#[derive(Default)]
struct Waiting {
    looks: VecDeque<Look>,
    is_over: bool,
}

struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    readers: usize,
}

/// The handle to the threads. They end, with their queue drained, when the handle is dropped.
pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts so many threads.
    pub(super) fn start(database: &Arc<Database>, readers: usize) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue { waiting: Mutex::default(), changed: Condvar::new(), readers });
        let reader = |number| {
            let (database, queue) = (Arc::clone(database), Arc::clone(&queue));
            std::thread::Builder::new()
                .name(format!("reader-{number}"))
                .spawn(move || {
                    while let Some(group) = queue.next_group() {
                        look(&database, group);
                    }
                })
                .map_err(|_| StoreError::Stopped)
        };
        let threads = (0..readers).map(reader).collect::<Result<_, _>>()?;
        Ok(Self { queue, threads })
    }

    /// Queues a look.
    pub(super) fn submit(&self, look: Look) -> Result<(), StoreError> {
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.looks.len() >= QUEUE {
            return Err(StoreError::Overloaded);
        }
        waiting.looks.push_back(look);
        drop(waiting);
        self.queue.changed.notify_one();
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.queue.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Queue {
    /// This reader's share of what waits, up to a group; nothing when there will never be more.
    fn next_group(&self) -> Option<Vec<Look>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.looks.is_empty() {
            if waiting.is_over {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let share = waiting.looks.len().div_ceil(self.readers).min(GROUP);
        Some(waiting.looks.drain(..share).collect())
    }
}

fn look(database: &Database, group: Vec<Look>) {
    metrics::histogram!("cofrestr_reader_group_looks").record(group.len() as f64);
    let mut looks = group.into_iter();
    while !looks.as_slice().is_empty() {
        match database.begin(database.begin_looking()) {
            Ok(mut pooled) => {
                let is_sound = looks.by_ref().all(|look| look(Ok(&mut pooled.any)));
                // Nothing was written: how it ends says nothing about what was read.
                pooled.open_transaction = pooled.any.execute(if is_sound { "COMMIT" } else { "ROLLBACK" }).is_err();
            }
            Err(error) => {
                // The database is away for all of them.
                tracing::warn!(%error, "no connection to read on");
                for look in looks.by_ref() {
                    look(Err(StoreError::Overloaded));
                }
            }
        }
    }
}
