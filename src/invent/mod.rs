//! Invented people: for the demo, for tests and benchmarks, and for the work on matching.
//!
//! Everybody here is made up from lists of names and places; nobody's particulars went in, and nothing that comes out can
//! reach anybody: NHS numbers are from the test range, telephone numbers from the ranges kept for drama, mail addresses at
//! a domain kept for examples, property references from where none are given out. Towns, districts and how common a name is
//! are real, because matching depends on them.
//!
//! The same seed gives the same people on every machine. What is pure here stays pure: no clock and no files; the caller
//! says what day it is.
//!
//! - [`region_children`] makes the children of a region with their families and entries; the [`stable`] ones come first.
//! - [`development_set`] makes a register and queries with known answers, and [`write_register`], [`write_queries`] and
//!   [`write_import`] write them as CSV.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that fails may panic"))]

pub mod census;
mod child;
mod development;
mod dice;
mod entry;
mod family;
mod faults;
mod identifiers;
mod lists;
mod names;
mod places;
mod sheets;
pub mod stable;

use chrono::NaiveDate;

pub use child::{
    AddressKind, Birth, Category, InventedAddress, InventedCarer, InventedChild, InventedName, InventedRegistration, LegalStatus, NameKind,
    Region, Removal, RemovalGround, Sex, Standing, Worker,
};
pub use development::{DevelopmentSet, ErrorMix, Particulars, Query, SetSize, development_set};
pub use identifiers::{is_drama_number, modulus_11_check_digit, pupil_number_check_letter};
pub use names::NameTradition;
pub use sheets::{IMPORT_COLUMNS, QUERY_COLUMNS, REGISTER_COLUMNS, write_import, write_queries, write_register};

use family::Families;

/// The children of a region as of `today`: `count` of them with an entry on the register, present or former, and besides
/// their brothers and sisters without one.
///
/// The [`stable`] children of the region come first and are counted; they are there even when `count` is smaller. The
/// same region, count, seed and day give the same children; a larger count gives the same ones and more, but for the last
/// family, of whom fewer may have an entry.
pub fn region_children(region: &Region<'_>, count: usize, seed: u64, today: NaiveDate) -> Vec<InventedChild> {
    let mut children = stable::stable_children(region.code, today);
    let mut with_entry = children.iter().filter(|child| child.registration.is_some()).count();
    let mut families = Families::of_region(region, seed, today);
    while with_entry < count {
        let Some(family) = families.next_family(count - with_entry) else {
            break;
        };
        with_entry += family.iter().filter(|child| child.registration.is_some()).count();
        children.extend(family);
    }
    children
}

#[cfg(test)]
mod tests;
