//! A check read again: by whoever asked, by the custodian, and what has become of it meanwhile.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::{StoredAnswer, StoredMatch};
use crate::authz::{Principal, Reach};
use crate::domain::ids::CheckId;
use crate::domain::outcome::Grade;
use crate::domain::short_reference::ShortReference;
use crate::register::{Region, RegisterError, notices, registrations};
use crate::store::StoreError;
use crate::store::children::{IdentifierRow, ParticularsRow};
use crate::store::connection::AnyConnection;
use crate::store::enquiries::{self as rows, EnquiryRow};
use crate::store::federation::ReadingRow;
use crate::store::types::Id;

/// That somebody at an authority has confirmed having read of a check. The office, not the person: whoever asked rings the
/// authority, and a name would tell more of the case than the answer does.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The office whose notice it was.
    pub role: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// An entry of which somebody has read in a check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum EntryRead {
    /// One of this region.
    Here(uuid::Uuid),
    /// One of another region, as that one names it in this check.
    There { region: String, entry: String },
}

/// Who at the authorities has confirmed having read of a check, by entry, the first first.
#[derive(Debug, Default)]
pub struct Readings(Vec<(EntryRead, Reading)>);

impl Readings {
    /// Those about somebody who was found; `None` where the answer says nothing of notices: for former entries, and for those of a
    /// region that does not tell.
    pub fn of(&self, found: &StoredMatch) -> Option<Vec<Reading>> {
        if !found.status.is_current() {
            return None;
        }
        let entry = match (&found.region, &found.entry, found.registration) {
            (None, _, Some(entry)) => EntryRead::Here(entry),
            (Some(region), Some(entry), _) => EntryRead::There { region: region.clone(), entry: entry.clone() },
            _ => return None,
        };
        Some(self.0.iter().filter(|(read, _)| *read == entry).map(|(_, reading)| reading.clone()).collect())
    }
}

/// The numbers that have come in the place of those that were asked for, by child.
#[derive(Default)]
pub struct NumbersInUse(HashMap<uuid::Uuid, String>);

impl std::fmt::Debug for NumbersInUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NumbersInUse").field(&self.0.len()).finish()
    }
}

impl NumbersInUse {
    /// That of somebody who was found by another.
    pub fn of(&self, found: &StoredMatch) -> Option<&String> {
        found.child.filter(|_| found.superseded_number).and_then(|child| self.0.get(&child))
    }
}

/// A check that the caller may read: their own, or any for the region's custodian.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn read(
    connection: &mut AnyConnection,
    id: CheckId,
    principal: &Principal,
    reach: Reach,
) -> Result<(EnquiryRow, StoredAnswer), RegisterError> {
    let row = rows::find(connection, id.into())?.filter(|row| may_read(row, principal, reach)).ok_or(RegisterError::NotFound)?;
    let answer = stored_answer(&row)?;
    Ok((row, answer))
}

fn may_read(row: &EnquiryRow, principal: &Principal, reach: Reach) -> bool {
    row.asked_by == principal.key() || reach == Reach::Scope
}

/// The numbers that have come in the place of those that were asked for, by child: for callers who are told them, of people
/// who were found beyond doubt and are not shielded.
///
/// # Errors
/// When the database fails.
pub fn numbers_in_place(
    connection: &mut AnyConnection,
    region: &Region,
    principal: &Principal,
    shown: &[StoredMatch],
) -> Result<NumbersInUse, RegisterError> {
    if !region.disclosure.superseded_numbers(principal) {
        return Ok(NumbersInUse::default());
    }
    let ids: Vec<Id> = shown
        .iter()
        .filter(|found| found.superseded_number && !found.shielded && found.grade >= Grade::Probable)
        .filter_map(|found| found.child.map(Id))
        .collect();
    let numbers = IdentifierRow::current(connection, &ids)?;
    let is_in_use = |row: &&IdentifierRow| row.valid_to.is_none() && row.kind == "nhs-number";
    Ok(NumbersInUse(numbers.iter().filter(is_in_use).map(|row| (row.child_id.0, row.value.clone())).collect()))
}

/// Who at the authorities has confirmed having read of a check: those of this region, and those of whom other regions have told.
///
/// # Errors
/// When the database fails.
pub fn readings(connection: &mut AnyConnection, id: CheckId) -> Result<Readings, RegisterError> {
    let here = crate::store::notices::read_of(connection, id.into())?.into_iter();
    let here = here.filter(|row| notices::is_told_back(&row.kind)).filter_map(|row| {
        let at = row.acknowledged_at?.get();
        Some((EntryRead::Here(row.registration_id?.0), Reading { role: row.to_role, at }))
    });
    let there = ReadingRow::of_check(connection, id.into())?.into_iter();
    let there =
        there.map(|row| (EntryRead::There { region: row.region, entry: row.entry }, Reading { role: row.role, at: row.read_at.get() }));
    Ok(Readings(here.chain(there).collect()))
}

/// The answer of a kept check.
///
/// # Errors
/// When it cannot be read.
pub fn stored_answer(row: &EnquiryRow) -> Result<StoredAnswer, RegisterError> {
    serde_json::from_str(&row.answer).map_err(|_| StoreError::Corrupt("answer").into())
}

/// When an entry ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The day.
    pub on: NaiveDate,
    /// When the child was expected, of one of whom no birth is known.
    pub due_on: Option<NaiveDate>,
}

/// When each entry that an answer tells of ended; nothing for those in force.
///
/// # Errors
/// When the database fails.
pub fn ends(connection: &mut AnyConnection, answer: &StoredAnswer) -> Result<Vec<Option<End>>, RegisterError> {
    let children: Vec<Id> = answer.own_children().map(Id).collect();
    let entries = registrations::told_in_a_check(connection, &children)?;
    let births = ParticularsRow::current(connection, &children)?;
    let end = |found: &StoredMatch| {
        let entry = entries.iter().find(|entry| Some(entry.row.id.0) == found.registration)?;
        let expected = births.iter().find(|row| Some(row.child_id.0) == found.child).filter(|row| row.birth_kind == "expected");
        Some(End { on: entry.state.removed_on?, due_on: expected.and_then(|row| row.birth_from) })
    };
    Ok(answer.matches.iter().map(end).collect())
}

/// An access to a child's record by a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The check: opaque, and nobody but who asked it can read it.
    pub id: uuid::Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Which agency, when that may be told.
    pub agency: Option<String>,
    /// In which role.
    pub role: String,
    /// Why.
    pub reason: String,
}

/// The latest checks about the children whom a check found certainly or probably, newest first, without the silent ones and
/// without this one. `told` says whether the enquirer may hear of agencies.
///
/// # Errors
/// When the database fails.
pub fn accesses(
    connection: &mut AnyConnection,
    row: &EnquiryRow,
    answer: &StoredAnswer,
    told: bool,
    most: usize,
) -> Result<Vec<Access>, RegisterError> {
    let sure = answer.matches.iter().filter(|found| found.grade >= Grade::Probable);
    let mut children: Vec<Id> = sure.filter_map(|found| found.child.map(Id)).collect();
    children.dedup();
    let found = rows::accesses(connection, &children, row.id, i64::try_from(most).unwrap_or(i64::MAX))?;
    Ok(found
        .into_iter()
        .map(|access| Access {
            id: access.id.0,
            at: access.asked_at.get(),
            agency: told.then_some(access.agency),
            role: access.role,
            reason: access.reason,
        })
        .collect())
}

/// A page of checks, newest first: one's own, or all for the region's custodian.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    principal: &Principal,
    reach: Reach,
    reference: Option<&ShortReference>,
    before: Option<CheckId>,
    limit: i64,
) -> Result<Vec<EnquiryRow>, RegisterError> {
    let own = principal.key();
    let asked_by = match reach {
        Reach::Scope => None,
        Reach::Own => Some(own.as_str()),
    };
    Ok(rows::list(connection, asked_by, reference.map(ShortReference::as_str), before.map(Id::from), limit)?)
}
