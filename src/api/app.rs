//! What every handler can reach.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::deprecation::Ending;
use super::limits::Limits;
use super::oauth::Issuing;
use crate::authz::token::Verifier;
use crate::federation::members::Members;
use crate::federation::peers::Peers;
use crate::register::{Region, revocations};
use crate::store::{Store, StoreError};

/// The parts of a running server that handlers use.
#[derive(Debug, Clone)]
pub struct App {
    /// The database; reached only with a permit.
    pub store: Store,
    /// Verifies tokens.
    pub verifier: Arc<Verifier>,
    /// This region: its settings, contacts, matcher and signing key.
    pub region: Arc<Region>,
    /// Requests with an idempotency key that are under way on this server.
    pub turns: Turns,
    /// Issues tokens to partner systems.
    pub tokens: Arc<Issuing>,
    /// How many requests callers may send.
    pub limits: Limits,
    /// Longest body, in bytes.
    pub body_limit: usize,
    /// Longest file to be imported, in bytes.
    pub import_limit: usize,
    /// What of the contract is going to end.
    pub endings: Arc<Vec<Ending>>,
    /// The other regions; nothing for a region that believes nobody's directory.
    pub federation: Option<Federated>,
}

/// What a server of a federation has besides.
#[derive(Debug, Clone)]
pub struct Federated {
    /// What is known of the other regions.
    pub members: Members,
    /// The lines to them; nothing for a region that does not meet others.
    pub peers: Option<Peers>,
}

impl App {
    /// Reads which tokens are revoked, if there are any new ones.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_revocations(&self) -> Result<(), StoreError> {
        let read = Instant::now();
        let new = self.store.revocations(self.verifier.revocations_known()).await?;
        self.verifier.learn_revocations(new.map(revocations::arranged), read);
        Ok(())
    }

    /// The same after one was made here, so that it holds from the answer on.
    pub async fn learn_revocations(&self) {
        if let Err(error) = self.refresh_revocations().await {
            // It is kept; the next refresh, a second later, reads it.
            tracing::error!(error = %error, "a revocation was kept and could not be read back at once");
        }
    }
}

/// Who is at work under which idempotency key. Across servers the database decides; on one server this answers at once.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashSet<String>>>);

/// A turn; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    key: String,
}

impl Turns {
    /// Takes the turn for a key, unless somebody has it.
    pub fn take(&self, key: String) -> Option<Turn> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(key.clone()).then(|| Turn { turns: self.clone(), key })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
