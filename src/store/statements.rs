//! How many statements the database is sent for an operation.
//!
//! Time is a poor witness on a busy machine; the number of statements is a sturdy one. A test compares it for what does not
//! exist and for what the caller may not know of, and in operation it tells which requests cost what.

use std::cell::Cell;

use diesel::connection::{Connection, InstrumentationEvent};

use super::connection::{AnyConnection, with};
use crate::authz::Operation;

thread_local! {
    /// Statements sent by this thread. Every piece of work on the database stays on the thread on which it began.
    static SENT: Cell<u64> = const { Cell::new(0) };
}

/// Counts the statements of a connection from now on.
pub(super) fn watch(connection: &mut AnyConnection) {
    with!(connection, |c| c.set_instrumentation(|event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            SENT.set(SENT.get().wrapping_add(1));
        }
    }));
}

/// Does a piece of an operation's work and adds its statements to the operation's count.
pub(super) fn counted<T>(operation: Operation, work: impl FnOnce() -> T) -> T {
    let before = SENT.get();
    let done = work();
    metrics::counter!("cofrestr_database_statements_total", "operation" => operation.as_str()).increment(SENT.get().wrapping_sub(before));
    done
}
