//! Regions among each other: who is a member, what they say to each other, and how it is proved.
//!
//! ```text
//!  directory (signed by its keeper, versioned) ─▶ members and their standing
//!      └─ statement (signed by the member itself) ─▶ names, authorities, contacts, addresses, public keys
//!           └─ message (signed, for one receiver, one moment, one question) ─▶ question, answer, refusal
//! ```
//!
//! Everything here is signed text and what follows from it; carrying it over the network is the work of
//! [`crate::federation`].

pub mod answering;
pub mod completion;
pub mod directory;
pub mod membership;
pub mod message;
pub mod readings;
pub mod statement;
pub mod wire;

pub use membership::{Membership, Peer};
