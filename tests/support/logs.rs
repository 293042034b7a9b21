//! Everything that the program logs while the tests run, so that they can look for what must not be there.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Memory;

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct ToMemory;

impl MakeWriter<'_> for ToMemory {
    type Writer = Memory;

    fn make_writer(&self) -> Memory {
        Memory
    }
}

/// Begins to keep what is logged, at the most talkative level of our own code.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_env_filter(EnvFilter::new("info,cofrestr=trace,actix_web=debug,actix_http=debug"))
            .with_writer(ToMemory)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("nobody else listens to the log");
    });
}

/// How much has been logged so far: a place to read from.
pub fn mark() -> usize {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// What was logged since a mark, by every test of the process.
pub fn since(mark: usize) -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap_or_else(PoisonError::into_inner)[mark..]).into_owned()
}

/// Whether a text contains a value as a word of its own.
pub fn says(text: &str, value: &str) -> bool {
    text.match_indices(value).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + value.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[test]
fn what_is_logged_is_kept_and_a_name_in_it_is_seen() {
    keep();
    let start = mark();
    tracing::info!(target: "cofrestr::example", "somebody wrote Gwenhwyfar into a log line");
    let log = since(start);
    assert!(says(&log, "Gwenhwyfar"));
    assert!(!says(&log, "Gwenhwy"));
}
