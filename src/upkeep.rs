//! Work that goes on beside the requests for as long as the program runs.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

/// How long a piece of work rests that a defect has stopped, before it begins again.
const REST: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 1_000 });

/// Keeps a piece of work going: when a defect stops it, that is in the log and in the metrics, and the work begins again. A key that
/// is not refreshed, a message that is not sent or a clock that is not kept would else be missed without anybody noticing.
pub async fn unending<F: Future<Output = ()>>(work: &'static str, begin: impl Fn() -> F) {
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        metrics::counter!("cofrestr_upkeep_panics_total", "work" => work).increment(1);
        tracing::error!(work, "a defect stopped work that goes on beside the requests; it begins again");
        tokio::time::sleep(REST).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_a_defect_stopped_begins_again_until_it_is_done() {
        let begun = AtomicUsize::new(0);
        unending("a test", || async {
            let before = begun.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            assert!(before == 3, "a defect, on purpose");
        })
        .await;
        assert_eq!(begun.into_inner(), 4);
    }
}
