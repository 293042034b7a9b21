//! A request that creates something: answered as before when it comes again, and otherwise worked on once.

use super::app::Turn;
use super::gate::Creation;
use super::problem::Problem;
use crate::register::idempotency::{self, Answer, Key};
use crate::store::{Snapshot, Tx};

/// What reading such a request found: the answer that it was given before, or what is to be made of it.
pub(super) enum Once<T> {
    /// It came before, under the same key.
    Before(Answer),
    /// It is new.
    Now {
        /// Under which its answer is kept.
        key: Key,
        /// What its body asks for.
        what: Box<T>,
        /// Nobody else works under the key meanwhile.
        _turn: Turn,
    },
}

impl<T> Once<T> {
    /// The answer kept for the same request, whose body is then not looked at again; or what `read` makes of the body.
    ///
    /// # Errors
    /// 422 when the key was used with another request; what `read` answers.
    pub(super) fn read<B>(
        snapshot: &mut Snapshot<'_>,
        creation: Creation<B>,
        read: impl FnOnce(&mut Snapshot<'_>, B) -> Result<T, Problem>,
    ) -> Result<Self, Problem> {
        let Creation { body, key, turn } = creation;
        if let Some(answer) = idempotency::before(snapshot, &key)? {
            return Ok(Self::Before(answer));
        }
        Ok(Self::Now { key, what: Box::new(read(snapshot, body)?), _turn: turn })
    }

    /// The answer of before, or that of `make`, which is kept with what it does; when the unit of work is run again, `make` is.
    ///
    /// # Errors
    /// What `make` answers; 422 when the key was used with another request meanwhile.
    pub(super) fn make(&self, tx: &mut Tx<'_>, make: impl FnOnce(&mut Tx<'_>, &T) -> Result<Answer, Problem>) -> Result<Answer, Problem> {
        match self {
            Self::Before(answer) => Ok(answer.clone()),
            Self::Now { key, what, .. } => idempotency::once(tx, key, |tx| make(tx, what)),
        }
    }
}
