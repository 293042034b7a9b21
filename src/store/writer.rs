//! SQLite's one writer: a thread with a queue, and one commit for all units of work that wait.
//!
//! With many writers SQLite's busy handler sleeps, and the slowest waits for seconds. With one writer and group commit each
//! unit runs in a savepoint of a common transaction, the transaction is committed once, and only then are all of them
//! answered: durable like a commit each, at a fraction of the cost.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant as Stopwatch;

use super::connection::AnyConnection;
use super::error::StoreError;

/// Units of work in one commit: bounds how long the first of them waits for the last.
const GROUP: usize = 128;
/// Units of work that may wait. More than this means that the disk does not keep up: then it is better to say so at once.
const QUEUE: usize = 4096;

/// Called after the commit, or after it failed.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Unit = Box<dyn FnOnce(&mut AnyConnection) -> Answer + Send>;

/// The handle to the writer's thread. The thread ends, with its queue drained, when the handle is dropped.
pub(super) struct Writer {
    queue: Option<SyncSender<Unit>>,
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
    pub(super) fn submit(&self, unit: impl FnOnce(&mut AnyConnection) -> Answer + Send + 'static) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Stopped)?;
        queue.try_send(Box::new(unit)).map_err(|error| match error {
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

fn write(mut connection: AnyConnection, units: &Receiver<Unit>) {
    let mut answers = Vec::with_capacity(GROUP);
    while let Ok(first) = units.recv() {
        let begun = connection.execute("BEGIN IMMEDIATE");
        if let Err(error) = begun {
            tracing::error!(error = %error, "the writer could not begin a transaction");
            // The unit is dropped unrun; its caller hears that the writer stopped, and may try again.
            drop(first);
            continue;
        }
        answers.push(first(&mut connection));
        while answers.len() < GROUP {
            let Ok(next) = units.try_recv() else { break };
            answers.push(next(&mut connection));
        }
        metrics::histogram!("cofrestr_writer_group_units").record(answers.len() as f64);
        let watch = Stopwatch::now();
        let committed = connection.execute("COMMIT");
        metrics::histogram!("cofrestr_commit_seconds").record(watch.elapsed().as_secs_f64());
        match committed {
            Ok(()) => answers.drain(..).for_each(|answer| answer(Ok(()))),
            Err(error) => {
                tracing::error!(error = %error, units = answers.len(), "a commit failed; nothing of it was acknowledged");
                let _ = connection.execute("ROLLBACK");
                answers.drain(..).for_each(|answer| answer(Err(StoreError::Overloaded)));
            }
        }
    }
}
