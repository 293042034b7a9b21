//! Who may do what.
//!
//! A token becomes a [`Principal`], the policy table decides, and the decision is a [`Permit`] for one operation – the only
//! thing that the store accepts – or a [`Refusal`], which goes into the audit log before the caller hears of it.

pub mod assertion;
mod key_set;
pub mod pages;
mod permit;
pub mod policy;
mod principal;
pub mod revocation;
pub mod token;

pub use permit::{
    Access, Action, Context, NO_PERSON, Permit, Refusal, SessionAction, client_permit, decide, program_permit, session_permit,
    unauthenticated,
};
pub use policy::{Operation, Reach};
pub use principal::{Organisation, Principal, Scope};
