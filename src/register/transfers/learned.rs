//! What the other region has come to know of a child whom this one knows already: a child who comes back, or something that was
//! recorded at the origin after the move was offered. It is added to what is held here; nothing that is held is taken away, but what is
//! known more exactly or is over there.
//!
//! # Source
//! WSP-4.10 (the receiver is to have what the sender has); invariants I16 and I17.

use super::RegisterError;
use crate::domain::text::Note;
use crate::register::births::Outcome;
use crate::register::children::{self, Child};
use crate::register::{Region, shielding};
use crate::store::children::{self as rows, AddressRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow, PregnancyRow};
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// Why a record is shielded that another authority has shielded.
const SHIELDED_THERE: &str = "Shielded by the authority that told of the child";

/// Adds to a record what `told` says besides.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn add(tx: &mut Tx<'_>, region: &Region, child: Id, told: Child, by: &str) -> Result<(), RegisterError> {
    let Some(row) = rows::find(tx.connection, child)? else { return Ok(()) };
    let (version, was_shielded) = (row.version, row.shielded);
    let held = children::load(tx.connection, row)?;
    let is_shielded = told.row.shielded;
    let mut changes = birth(tx, &held, told.particulars, by)?;
    changes |= names(tx, &held, told.names)?;
    changes |= numbers(tx, &held, told.identifiers)?;
    changes |= places(tx, &held, told.addresses)?;
    changes |= household(tx, &held, told.household)?;
    if changes {
        children::changed(tx, region, children::id_of(child)?, version)?;
        tx.audit().detail("learned", "facts");
    }
    // Whoever hides a child is heard; that a child is hidden no longer is decided by the people of each authority.
    if is_shielded && !was_shielded {
        let reason: Note = SHIELDED_THERE.parse().map_err(|_| StoreError::Corrupt("a reason"))?;
        let Some(row) = rows::find(tx.connection, child)? else { return Ok(()) };
        shielding::set(tx, region, &row, true, &reason, by)?;
    }
    Ok(())
}

/// A child who was expected has been born, or more is known of a birth than was. What is known exactly here is for people to correct.
fn birth(tx: &mut Tx<'_>, held: &Child, told: Option<ParticularsRow>, by: &str) -> Result<bool, RegisterError> {
    let Some(told) = told else { return Ok(false) };
    let at = Instant::new(tx.now());
    let before = held.particulars.as_ref();
    let known = before.map_or("unknown", |row| row.birth_kind.as_str());
    let is_better = match (known, told.birth_kind.as_str()) {
        ("unknown", "exact" | "approximate" | "expected") | ("expected" | "approximate", "exact") | ("expected", "approximate") => true,
        (held, there) => held == there && before.is_some_and(|row| row.sex == "unknown" && told.sex != "unknown"),
    };
    if !is_better {
        return Ok(false);
    }
    if let Some(before) = before {
        ParticularsRow::supersede(tx.connection, &[before.id], at)?;
    }
    let born_on = told.birth_from.filter(|_| known == "expected" && told.birth_kind == "exact");
    if let (Some(expected_on), Some(ended_on)) = (before.and_then(|row| row.birth_from), born_on) {
        PregnancyRow {
            id: Id(uuid::Uuid::now_v7()),
            child_id: held.row.id,
            expected_on,
            outcome: Outcome::LiveBirth.as_str().into(),
            ended_on,
            valid_from: Some(ended_on),
            valid_to: None,
            recorded_at: at,
            recorded_by: by.to_owned(),
            superseded_at: None,
        }
        .insert(tx.connection)?;
    }
    let mut made = ParticularsRow { child_id: held.row.id, valid_from: born_on, ..told };
    if let Some(before) = before {
        made.preferred_language = before.preferred_language.clone().or(made.preferred_language);
        made.communication_needs = before.communication_needs.clone().or(made.communication_needs);
    }
    made.insert(tx.connection)?;
    Ok(true)
}

fn names(tx: &mut Tx<'_>, held: &Child, told: Vec<NameRow>) -> Result<bool, RegisterError> {
    let said = |row: &NameRow| (row.given.clone(), row.middle.clone(), row.family.clone());
    let mut new: Vec<NameRow> = told.into_iter().filter(|told| held.names.iter().all(|known| said(known) != said(told))).collect();
    new.iter_mut().for_each(|row| row.child_id = held.row.id);
    NameRow::insert_all(tx.connection, &new)?;
    Ok(!new.is_empty())
}

/// A number that was replaced there is one that was replaced.
fn numbers(tx: &mut Tx<'_>, held: &Child, told: Vec<IdentifierRow>) -> Result<bool, RegisterError> {
    let at = Instant::new(tx.now());
    let mut new = Vec::new();
    for told in told {
        match held.identifiers.iter().find(|known| (&known.kind, &known.value) == (&told.kind, &told.value)) {
            Some(known) if known.valid_to.is_none() && told.valid_to.is_some() => {
                IdentifierRow::supersede(tx.connection, &[known.id], at)?;
                new.push(IdentifierRow { child_id: held.row.id, valid_from: known.valid_from, ..told });
            }
            Some(_) => {}
            None => new.push(IdentifierRow { child_id: held.row.id, ..told }),
        }
    }
    IdentifierRow::insert_all(tx.connection, &new)?;
    Ok(!new.is_empty())
}

fn places(tx: &mut Tx<'_>, held: &Child, told: Vec<AddressRow>) -> Result<bool, RegisterError> {
    let said = |row: &AddressRow| (row.lines.clone(), row.postcode.clone());
    let mut new: Vec<AddressRow> = told.into_iter().filter(|told| held.addresses.iter().all(|known| said(known) != said(told))).collect();
    new.iter_mut().for_each(|row| row.child_id = held.row.id);
    AddressRow::insert_all(tx.connection, &new)?;
    Ok(!new.is_empty())
}

fn household(tx: &mut Tx<'_>, held: &Child, told: Vec<HouseholdRow>) -> Result<bool, RegisterError> {
    let said = |row: &HouseholdRow| (row.relationship.clone(), row.given.clone(), row.family.clone());
    let mut new: Vec<HouseholdRow> = told.into_iter().filter(|told| held.household.iter().all(|known| said(known) != said(told))).collect();
    new.iter_mut().for_each(|row| row.child_id = held.row.id);
    HouseholdRow::insert_all(tx.connection, &new)?;
    Ok(!new.is_empty())
}
