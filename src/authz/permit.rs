//! The decision: a permit or a refusal.
//!
//! [`decide`] is the only way to a permit for what people do, and a permit is good for one operation, once:
//!
//! ```
//! use cofrestr::authz::policy::action::AskCheck;
//! use cofrestr::authz::{Context, Permit, Principal, Scope, decide};
//! use cofrestr::domain::roles::Role;
//! # use std::sync::Arc;
//! # fn somebody(role: Role) -> Arc<Principal> {
//! #     Arc::new(Principal { issuer: "i".into(), subject: "s".into(), name: None, client: None, role, sector: None,
//! #         scope: Scope::Region("gwent".into()), organisation: None, family_name: None, postcode: None,
//! #         signed_in_at: None })
//! # }
//!
//! let context = Context { request_id: uuid::Uuid::now_v7(), correlation_id: uuid::Uuid::now_v7() };
//! let permit: Permit<AskCheck> = decide(&somebody(Role::Custodian), context).expect("a custodian may ask");
//! assert_eq!(decide::<AskCheck>(&somebody(Role::Auditor), context).expect_err("an auditor may not").code, "operation-not-allowed");
//! ```
//!
//! It cannot be made by hand:
//!
//! ```compile_fail,E0451
//! use cofrestr::authz::policy::action::AskCheck;
//! use cofrestr::authz::{Access, Permit, Principal, Reach};
//! # use std::sync::Arc;
//! fn forged(access: Access, principal: Arc<Principal>) -> Permit<AskCheck> {
//!     Permit { access, principal, reach: Reach::Scope, action: std::marker::PhantomData }
//! }
//! ```
//!
//! It cannot be copied, and so not be used twice:
//!
//! ```compile_fail,E0599
//! use cofrestr::authz::Permit;
//! use cofrestr::authz::policy::action::AskCheck;
//!
//! fn twice(permit: Permit<AskCheck>) -> [Permit<AskCheck>; 2] {
//!     [permit.clone(), permit]
//! }
//! ```
//!
//! A permit for one operation is none for another:
//!
//! ```compile_fail,E0308
//! use cofrestr::authz::Permit;
//! use cofrestr::authz::policy::action::{AskCheck, ReadChild};
//!
//! fn other(permit: Permit<AskCheck>) -> Permit<ReadChild> {
//!     permit
//! }
//! ```
//!
//! Only the store can spend it, because only the store writes the entry in the audit log:
//!
//! ```compile_fail,E0624
//! use cofrestr::authz::{Access, Permit};
//! use cofrestr::authz::policy::action::AskCheck;
//!
//! fn unseen(permit: Permit<AskCheck>) -> Access {
//!     permit.spend()
//! }
//! ```

use std::marker::PhantomData;
use std::sync::Arc;

use uuid::Uuid;

use super::policy::action::{IssueToken, SignIn, SignOut};
use super::policy::{Operation, Reach, reach};
use super::principal::{Principal, Scope};
use crate::domain::roles::Role;

/// One look at the register, as the audit log will know it.
#[derive(Debug, Clone)]
pub struct Access {
    /// What is being done.
    pub operation: Operation,
    /// By whom; nobody when the token was missing or wrong.
    pub principal: Option<Arc<Principal>>,
    /// The request.
    pub request_id: Uuid,
    /// The thread of requests that it belongs to, across regions.
    pub correlation_id: Uuid,
}

/// What identifies a request, before anybody is known.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The request.
    pub request_id: Uuid,
    /// The thread of requests that it belongs to.
    pub correlation_id: Uuid,
}

/// An operation as a type.
pub trait Action: Send + Sync + 'static {
    /// The operation.
    const OPERATION: Operation;
}

/// Leave to do one operation, once. Only [`decide`] and [`program_permit`] make one; spending it is the only way to the
/// database, and puts the access into the audit log.
#[must_use = "a permit that is not spent leaves no trace of the access in the audit log"]
#[derive(Debug)]
pub struct Permit<A: Action> {
    access: Access,
    principal: Arc<Principal>,
    reach: Reach,
    action: PhantomData<A>,
}

impl<A: Action> Permit<A> {
    /// Who may.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// How far: what lies outside does not exist for this caller.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The request.
    pub fn context(&self) -> Context {
        Context { request_id: self.access.request_id, correlation_id: self.access.correlation_id }
    }

    /// Spends the permit. Only the store calls this.
    pub(crate) fn spend(self) -> Access {
        self.access
    }
}

/// The access decision when the answer is no. It must be put into the audit log before the caller hears of it.
#[must_use = "a refusal must be recorded"]
#[derive(Debug)]
pub struct Refusal {
    /// The access that was refused.
    pub access: Access,
    /// Why: a stable code.
    pub code: &'static str,
}

/// The code of the refusal of a system that says for nobody that it asks.
pub const NO_PERSON: &str = "acting-person-missing";

/// Decides whether somebody may do an operation.
///
/// # Errors
/// A refusal, when the policy table does not allow it to their role, or it needs a person and a system acts by itself.
pub fn decide<A: Action>(principal: &Arc<Principal>, context: Context) -> Result<Permit<A>, Refusal> {
    let access = Access {
        operation: A::OPERATION,
        principal: Some(Arc::clone(principal)),
        request_id: context.request_id,
        correlation_id: context.correlation_id,
    };
    match reach(A::OPERATION, principal.role) {
        Some(_) if A::OPERATION.needs_a_person() && principal.is_a_system() => Err(Refusal { access, code: NO_PERSON }),
        Some(reach) => Ok(Permit { access, principal: Arc::clone(principal), reach, action: PhantomData }),
        None => Err(Refusal { access, code: "operation-not-allowed" }),
    }
}

/// The refusal of somebody whose token is missing or wrong.
pub fn unauthenticated(operation: Operation, context: Context, code: &'static str) -> Refusal {
    Refusal { access: Access { operation, principal: None, request_id: context.request_id, correlation_id: context.correlation_id }, code }
}

/// Leave for a partner system that has proved who it is to be given a token. No token can be the ground of it: it is how one
/// comes to have a token.
pub fn client_permit(principal: Arc<Principal>, context: Context) -> Permit<IssueToken> {
    let access = Access {
        operation: Operation::IssueToken,
        principal: Some(Arc::clone(&principal)),
        request_id: context.request_id,
        correlation_id: context.correlation_id,
    };
    Permit { access, principal, reach: Reach::Own, action: PhantomData }
}

/// An operation about somebody's own session on the pages.
pub trait SessionAction: Action {}
impl SessionAction for SignIn {}
impl SessionAction for SignOut {}

/// Leave for somebody whose token was verified to begin or end a session of their own on the pages. Every role may: what they may
/// do there is decided each time they do it.
pub fn session_permit<A: SessionAction>(principal: Arc<Principal>, context: Context) -> Permit<A> {
    let access = Access {
        operation: A::OPERATION,
        principal: Some(Arc::clone(&principal)),
        request_id: context.request_id,
        correlation_id: context.correlation_id,
    };
    Permit { access, principal, reach: Reach::Own, action: PhantomData }
}

/// Leave for the program itself, run by `person` on the machine: an import, the matcher's statistics, a sandbox reset. Works
/// only for operations that no role may do through the API.
///
/// # Panics
/// When some role may do the operation: then a person's own permit must be spent.
pub fn program_permit<A: Action>(person: &str, region: &str) -> Permit<A> {
    assert!(A::OPERATION.allowed().is_empty(), "{} is for people, not for the program", A::OPERATION.as_str());
    let principal = Arc::new(Principal {
        issuer: "program".into(),
        subject: person.to_owned(),
        name: None,
        client: Some("cofrestr".into()),
        role: Role::Operator,
        sector: None,
        scope: Scope::Region(region.to_owned()),
        organisation: None,
        family_name: None,
        postcode: None,
        signed_in_at: None,
    });
    let id = Uuid::now_v7();
    let access = Access { operation: A::OPERATION, principal: Some(Arc::clone(&principal)), request_id: id, correlation_id: id };
    Permit { access, principal, reach: Reach::Scope, action: PhantomData }
}
