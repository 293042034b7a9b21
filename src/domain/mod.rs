//! The ground floor: the values, rules and calendars of a child protection register.
//!
//! Everything here is pure. There is no database, no network, no wall clock and no environment: whoever needs "now"
//! hands it in. A value that exists has been checked, because the only ways to make one are its parsers, so the floors
//! above never ask twice.
//!
//! Three habits run through every file:
//!
//! * **Parse, don't validate.** A newtype has a private field and is made by `FromStr`, `TryFrom<String>` or serde. None
//!   has a default: an absent value is an `Option`, never an empty one.
//! * **Closed sets are enums** with `as_str`, `FromStr`, serde and `ALL`; their codes are those of the contract and do not
//!   change with language.
//! * **Personal values hide themselves.** They print as `[personal]` and are read by `.expose()`, so that every reading
//!   can be found by searching for it. See [`sensitive`].
//!
//! Rule sources (`# Source`) are the keys of the project's domain notes, such as `WSP-4.12` for the page of the Wales
//! Safeguarding Procedures about the register.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod calendar;
pub mod category;
pub mod census;
pub mod client;
pub mod clocks;
pub mod coded;
pub mod conference;
pub mod contact;
pub mod custody;
pub mod dates;
pub mod facts;
pub mod identifiers;
pub mod ids;
pub mod language;
pub mod names;
pub mod nation;
pub mod notify;
pub mod outcome;
pub mod postcode;
pub mod procedures;
pub mod reason;
pub mod registration;
pub mod removal;
pub mod retention;
pub mod returns;
pub mod roles;
pub mod rule;
pub mod search_set;
pub mod section47;
pub mod sensitive;
pub mod sex;
pub mod shift;
pub mod short_reference;
pub mod span;
pub mod text;
pub mod verification;
pub mod webhook;
