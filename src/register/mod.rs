//! The use cases of a register: entering people, asking about them, telling those who must know.
//!
//! Synchronous functions on a snapshot or a transaction. None of them decides who may call it: that was decided when the
//! permit was made. What lies outside the caller's reach is [`RegisterError::NotFound`], like what does not exist.

pub mod alerts;
pub mod amendments;
pub mod audit;
pub mod births;
pub mod budgets;
pub mod bulk;
pub mod checks;
pub mod children;
pub mod clients;
pub mod clocks;
pub mod comparisons;
pub mod conferences;
pub mod corrections;
pub mod duplicates;
pub mod events;
pub mod history;
pub mod holds;
pub mod idempotency;
pub mod identities;
pub mod imports;
pub mod keys;
pub mod matcher;
pub mod missed;
pub mod notices;
pub mod patterns;
pub mod peers;
pub mod plans;
pub mod practices;
pub mod receipts;
mod region;
pub mod registrations;
pub mod removal;
pub mod retention;
pub mod revocations;
pub mod sandbox;
pub mod section47;
pub mod sessions;
pub mod shielding;
pub mod statistics;
pub mod tasks;
pub mod transfers;
pub mod webhooks;

pub use region::{AuthorityEntry, Disclosure, Region, RegionEntry, RegionError};

use crate::authz::{Principal, Scope};
use crate::domain::rule::{Breach, Rule};
use crate::store::{Failure, StoreError};

/// Why a use case did not do its work. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// There is nothing, or nothing that the caller may know of.
    #[error("not found")]
    NotFound,
    /// The resource is at another version.
    #[error("the resource has changed meanwhile")]
    Stale,
    /// The notice is acknowledged already.
    #[error("acknowledged already")]
    AlreadyAcknowledged,
    /// The task is closed already.
    #[error("closed already")]
    AlreadyClosed,
    /// The hold is lifted already.
    #[error("lifted already")]
    AlreadyLifted,
    /// Something keeps the record: it is not erased.
    #[error("something keeps the record")]
    Kept,
    /// The child still has a live entry.
    #[error("the child still has a live entry")]
    StillRegistered,
    /// The entry has ended, or never was.
    #[error("the entry is not in force")]
    NotInForce,
    /// What was to be done about a move is not to be done now, or by others.
    #[error("this is not to be done about the move now: {}", .0.why.code())]
    OutOfTurn(Box<transfers::OutOfTurn>),
    /// What was to be done about an alert is not to be done now, or by others.
    #[error("this is not to be done about the alert now: {}", .0.why.code())]
    AlertOutOfTurn(Box<alerts::OutOfTurn>),
    /// It was marked as entered in error before, or there is nothing that could be.
    #[error("the present state does not allow this")]
    Conflict,
    /// Another region's message came before.
    #[error("the message came before")]
    Replayed,
    /// The child is not one who was entered before birth and is not born yet.
    #[error("the child is not unborn")]
    NotUnborn,
    /// The caller signed in too long ago for this.
    #[error("the caller signed in too long ago")]
    SignInAgain,
    /// The authority in the request is not reached by the token.
    #[error("the authority is outside the caller's scope")]
    OutsideScope,
    /// The idempotency key was used with another request.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    /// The caller on whose behalf was asked is not verified.
    #[error("the caller is not verified")]
    CallerNotVerified,
    /// The role may not ask on behalf of a caller.
    #[error("this role may not ask on behalf of a caller")]
    OnBehalfNotAllowed,
    /// The caller, or all of their client or organisation, asked about too many children.
    #[error("too many checks")]
    TooManyChecks {
        /// When to try again, in seconds.
        seconds: u64,
    },
    /// The caller's checks named nobody too often.
    #[error("too many checks that named nobody")]
    TooManyEmptyAnswers {
        /// When to try again, in seconds.
        seconds: u64,
    },
    /// There is too little to search on.
    #[error("too little to search on")]
    Insufficient,
    /// A rule of the register is broken.
    #[error("a rule of the register is broken: {code}")]
    Rule {
        /// JSON pointer to the item.
        pointer: String,
        /// Stable code of the rule.
        code: &'static str,
        /// What would help.
        detail: String,
    },
    /// Rules of the procedures are broken: each with its place and source.
    #[error("rules of the procedures are broken")]
    Broken(Vec<Broken>),
}

impl RegisterError {
    /// The first rule that was broken, if that is what is wrong: where, which, and what would help.
    pub fn rule(&self) -> Option<(&str, &'static str, &str)> {
        match self {
            Self::Rule { pointer, code, detail } => Some((pointer, code, detail)),
            Self::Broken(broken) => broken.first().map(|broken| (broken.pointer.as_str(), broken.code, broken.detail.as_str())),
            _ => None,
        }
    }
}

/// A rule of the procedures that a request would break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// JSON pointer to the item.
    pub pointer: String,
    /// Stable code of the rule.
    pub code: &'static str,
    /// What would help.
    pub detail: String,
    /// Where the rule comes from.
    pub source: String,
}

impl Broken {
    /// A rule broken at a place.
    pub fn at(pointer: impl Into<String>, rule: &impl Rule) -> Self {
        Self { pointer: pointer.into(), code: rule.code(), detail: rule.to_string(), source: rule.origin().to_owned() }
    }

    /// The same at another place.
    #[must_use]
    pub fn moved(self, pointer: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), ..self }
    }
}

impl<R: Rule> From<&Breach<R>> for Broken {
    fn from(breach: &Breach<R>) -> Self {
        Self { source: breach.source.clone(), ..Self::at(breach.pointer.clone(), &breach.rule) }
    }
}

/// Refuses when anything was broken.
///
/// # Errors
/// [`RegisterError::Broken`] with all of it.
pub fn unless_broken(broken: Vec<Broken>) -> Result<(), RegisterError> {
    if broken.is_empty() { Ok(()) } else { Err(RegisterError::Broken(broken)) }
}

/// What of a request is refused, of all that was found.
pub fn refused<R: Rule>(breaches: &[Breach<R>]) -> Vec<Broken> {
    breaches.iter().filter(|breach| breach.refuses()).map(Broken::from).collect()
}

impl Failure for RegisterError {
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::Replayed
                | Self::OutsideScope
                | Self::SignInAgain
                | Self::CallerNotVerified
                | Self::OnBehalfNotAllowed
                | Self::TooManyChecks { .. }
                | Self::TooManyEmptyAnswers { .. }
        )
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => Failure::code(error),
            Self::NotFound => "not-found",
            Self::Stale => "precondition-failed",
            Self::AlreadyAcknowledged => "already-acknowledged",
            Self::AlreadyClosed => "already-closed",
            Self::AlreadyLifted => "already-lifted",
            Self::Kept => "conflict",
            Self::StillRegistered => "still-registered",
            Self::NotInForce => "not-in-force",
            Self::OutOfTurn(refused) => refused.why.code(),
            Self::AlertOutOfTurn(refused) => refused.why.code(),
            Self::Conflict => "conflict",
            Self::Replayed => "replayed-message",
            Self::NotUnborn => "not-unborn",
            Self::SignInAgain => "recent-sign-in-required",
            Self::OutsideScope => "authority-outside-scope",
            Self::KeyReused => "idempotency-key-reused",
            Self::CallerNotVerified => "caller-not-verified",
            Self::OnBehalfNotAllowed => "on-behalf-not-allowed",
            Self::TooManyChecks { .. } => "too-many-checks",
            Self::TooManyEmptyAnswers { .. } => "too-many-empty-answers",
            Self::Insufficient => "insufficient",
            Self::Rule { code, .. } => code,
            Self::Broken(broken) => broken.first().map_or("invalid", |broken| broken.code),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if Failure::is_retryable(error))
    }

    fn is_away(&self) -> bool {
        matches!(self, Self::Store(error) if Failure::is_away(error))
    }
}

/// The authorities whose work-lists a person sees: those of the region that the token covers, and the region itself, for
/// what concerns no single authority.
pub fn work_lists(principal: &Principal, region: &Region) -> Vec<String> {
    let mut lists: Vec<_> =
        region.authorities().iter().map(|authority| authority.gss.clone()).filter(|gss| principal.scope.covers(gss)).collect();
    if matches!(principal.scope, Scope::Region(_) | Scope::Authority(_)) {
        lists.push(region.code().to_string());
    }
    lists
}
