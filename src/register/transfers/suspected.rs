//! Signs that a child on the register has moved away although nobody has said so: an address elsewhere, another general practice, somebody
//! who asks from another region. Each raises a task at home that says which; none says of itself that the child has moved.
//!
//! Which authority an address belongs to is in no table that this program has. What it knows is where the children of the register live:
//! a postcode district in which none of them does is one to ask about.
//!
//! # Source
//! WSP-4.10 (whoever learns of a move tells it), KNOWSLEY (signs of a move); domain notes, part 5.

use std::collections::BTreeSet;

use super::Held;
use crate::domain::custody::StayState;
use crate::domain::ids::{CheckId, ChildId};
use crate::domain::postcode::Postcode;
use crate::register::children::NewAddress;
use crate::register::registrations::{self, Registration};
use crate::register::{RegisterError, alerts, children, tasks};
use crate::store::Tx;
use crate::store::children::{AddressRow, postcodes};
use crate::store::tasks::{self as rows, TaskRow};
use crate::store::types::Id;

crate::domain::coded::closed_set! {
    /// What makes somebody think that a child has moved.
    pub enum Sign {
        /// An address where no child of this register lives.
        Address = "other-address",
        /// Another general practice than before.
        Practice = "other-practice",
        /// Somebody in another region asked about the child.
        Check = "asked-elsewhere",
    }
}

/// An address is about to be recorded, before it stands there.
///
/// # Errors
/// When the database refuses or fails.
pub(in crate::register) fn by_address(tx: &mut Tx<'_>, child: ChildId, new: &NewAddress) -> Result<(), RegisterError> {
    let Some(postcode) = new.address.postcode().filter(|_| new.validity.to.is_none()) else { return Ok(()) };
    let child = Id::from(child);
    let known = AddressRow::current(tx.connection, &[child])?;
    let own: Vec<String> = known.into_iter().filter(|row| row.valid_to.is_none()).filter_map(|row| row.postcode).collect();
    for entry in led(tx, child)? {
        let others = postcodes(tx.connection, &entry.row.authority, child)?;
        let districts: BTreeSet<String> = own.iter().chain(&others).filter_map(|text| district(text)).collect();
        // Where nobody is known to live, nothing is near and nothing far. Another country's postcode has no district here.
        let is_near = postcode.outward().is_some_and(|outward| districts.contains(outward));
        if !districts.is_empty() && !is_near {
            raise_once(tx, &entry, Sign::Address, None)?;
        }
    }
    Ok(())
}

fn district(text: &str) -> Option<String> {
    text.parse::<Postcode>().ok()?.outward().map(str::to_owned)
}

/// Another practice than before is about to be recorded. Which practice lies where is in no table either: any other is asked about.
///
/// # Errors
/// When the database refuses or fails.
pub(in crate::register) fn by_practice(tx: &mut Tx<'_>, child: Id) -> Result<(), RegisterError> {
    for entry in led(tx, child)? {
        raise_once(tx, &entry, Sign::Practice, None)?;
    }
    Ok(())
}

/// Somebody of another region has asked about children who are on this register.
///
/// # Errors
/// When the database refuses or fails.
pub(in crate::register) fn by_check(tx: &mut Tx<'_>, check: CheckId, children: &BTreeSet<Id>) -> Result<(), RegisterError> {
    for child in children {
        // Who asks about a missing child is heard of by the alert.
        if !alerts::sought(tx.connection, &[*child])?.is_empty() {
            continue;
        }
        for entry in led(tx, *child)? {
            raise_once(tx, &entry, Sign::Check, Some(check))?;
        }
    }
    Ok(())
}

/// The entries of a child under which an authority here leads, and from which nobody has said that the child moves or stays elsewhere.
fn led(tx: &mut Tx<'_>, child: Id) -> Result<Vec<Registration>, RegisterError> {
    let today = children::today(tx.now());
    let mut led = Vec::new();
    for entry in registrations::of(tx.connection, &[child])? {
        if entry.state.kind == "temporary" || !entry.is_live_on(today) {
            continue;
        }
        let held = Held::led(tx.connection, &[child], &entry.row.authority)?;
        let is_told = held.is_some_and(|held| {
            held.custody.open_transfer().is_some() || held.custody.stays.iter().any(|stay| stay.terms.state == StayState::Open)
        });
        if !is_told {
            led.push(entry);
        }
    }
    Ok(led)
}

fn raise_once(tx: &mut Tx<'_>, entry: &Registration, sign: Sign, check: Option<CheckId>) -> Result<(), RegisterError> {
    let kind = tasks::Kind::SuspectedMove;
    let authority = &entry.row.authority;
    let is_open = |task: &TaskRow| task.kind == kind.as_str() && task.authority == *authority;
    if rows::open_about(tx.connection, entry.row.child_id)?.iter().any(is_open) {
        return Ok(());
    }
    let task = TaskRow {
        child_id: Some(entry.row.child_id),
        registration_id: Some(entry.row.id),
        reasons: format!("[{{\"code\":\"{sign}\",\"count\":1}}]"),
        ..tasks::row(tx.now(), kind, authority, None, None, check)
    };
    Ok(task.insert(tx)?)
}
