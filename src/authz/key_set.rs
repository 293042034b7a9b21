//! Key sets that are somewhere else: fetched from an address that the configuration or an operator named, kept for a while,
//! and never asked for again and again because somebody names keys that do not exist.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// A key set is fetched again after this long.
pub(super) const KEYS_FRESH: Duration = Duration::from_secs(600);
/// An old key set stays in use for this long when its owner does not answer.
const KEYS_STALE: Duration = Duration::from_secs(24 * 3600);
/// An unknown `kid` makes us fetch at most this often.
pub(super) const REFETCH: Duration = Duration::from_secs(60);

/// Fetches a key set: given its address, answers the document. Injected, because only the federation floor speaks HTTP.
pub type Fetch = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync>;

/// The keys of a set by their `kid`.
pub(super) type Keys<K> = HashMap<String, K>;

/// A key set at an address, as it was last fetched.
pub(super) struct Fetched<K> {
    address: String,
    set: RwLock<Set<K>>,
}

struct Set<K> {
    keys: Keys<K>,
    fetched: Option<Instant>,
    attempted: Option<Instant>,
}

impl<K> fmt::Debug for Fetched<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<K: Clone> Fetched<K> {
    /// The set at an address; it is fetched when a key is first asked for.
    pub(super) fn at(address: String) -> Self {
        Self { address, set: RwLock::new(Set { keys: HashMap::new(), fetched: None, attempted: None }) }
    }

    /// Where it is.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The key with this identifier; the set is fetched when the key is not known and its owner was not asked a moment ago.
    /// `read` takes the usable keys out of a document; `owner` names it in the log.
    pub(super) async fn key(&self, kid: &str, owner: &str, fetch: &Fetch, read: impl Fn(&str) -> Keys<K>) -> Option<K> {
        let (known, due) = {
            let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
            let usable = set.fetched.is_some_and(|at| at.elapsed() < KEYS_STALE);
            let known = set.keys.get(kid).filter(|_| usable).cloned();
            let fresh = set.fetched.is_some_and(|at| at.elapsed() < KEYS_FRESH);
            let rested = set.attempted.is_none_or(|at| at.elapsed() >= REFETCH);
            let due = rested && !(fresh && known.is_some());
            (known, due)
        };
        if !due {
            return known;
        }
        self.set.write().unwrap_or_else(PoisonError::into_inner).attempted = Some(Instant::now());
        match fetch(self.address.clone()).await {
            Ok(document) => {
                let keys = read(&document);
                let found = keys.get(kid).cloned();
                if keys.is_empty() {
                    tracing::warn!(issuer = owner, "the key set of an issuer has no usable key; the old one stays in use");
                    return known;
                }
                let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
                set.keys = keys;
                set.fetched = Some(Instant::now());
                found
            }
            Err(error) => {
                tracing::warn!(issuer = owner, error, "the key set of an issuer could not be fetched");
                known
            }
        }
    }

    /// Makes the set as old as one that is fetched again.
    #[cfg(test)]
    pub(super) fn grow_old(&self) {
        let mut set = self.set.write().unwrap();
        set.fetched = set.fetched.and_then(|at| at.checked_sub(KEYS_FRESH));
        set.attempted = set.attempted.and_then(|at| at.checked_sub(REFETCH));
    }
}
