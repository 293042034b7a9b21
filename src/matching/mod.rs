//! Is this child on the register? Recognising one person from partial, misspelt, partly wrong particulars.
//!
//! The floor is pure: no database, no network, no clock. It turns a [`Person`] as written by people into
//! a [`Record`] (the register's side) or a [`Query`] (an enquirer's side), and then works in three steps:
//!
//! 1. **Find.** A [`Keyer`] makes some dozens of 48-bit keys from each record ("this forename, this birth
//!    month and year"). A question makes the same keys; [`plan`] picks the rarest of them, and every
//!    record behind a planned key is a candidate.
//! 2. **Weigh.** [`compare`] gives each candidate its evidence in bits (Fellegi and Sunter's weights with
//!    the frequency of the very name asked for) and a posterior: the sum of the bits less `log2` of the
//!    number of people on the register.
//! 3. **Grade.** [`Ranker`] keeps the best five, grades them `certain`, `probable` or `possible`, says
//!    whether two different persons stand too close together, and explains each in [`Reason`]s: codes
//!    and levels only, never a value.
//!
//! Missing a child is the harm; crying wolf at night is the cost. Placeholders and blanks are missing, not
//! values; what is missing weighs nothing. Hidden addresses and carers make no key and no evidence.
//!
//! Every constant is in [`weights`] with its source; names that are one name are in
//! `data/matching/variants.tsv`, which anybody may extend; how common names are is in
//! `data/matching/names.tsv`.

mod address;
mod birth;
mod compare;
mod identifier;
mod keys;
mod likeness;
mod names;
mod normalise;
mod person;
mod phonetic;
mod rank;
mod record;
mod similarity;
mod sufficiency;
mod variants;
pub mod weights;

pub use compare::{Comparison, Context, Evidence, Field, Level, Qualifier, Reason, Register, compare, same_child};
pub use keys::{KeyKind, Keyer, Plan, QueryKey, plan};
pub use likeness::{Likeness, SharedName, shares_postcode};
pub use person::{Birth, NameKind, Person, PersonAddress, PersonCarer, PersonName, Sex};
pub use rank::{Candidate, Flag, Grade, Ranker, Ranking, Verdict, rank};
pub use record::{DecodeError, Query, Record, version};
pub use sufficiency::{Missing, SearchItem, enough_to_search};
