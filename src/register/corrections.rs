//! Corrections of what is known of a person. A correction is a new fact: the old one stays where it is, held to be true no
//! longer, and beside it stands who corrected it, when and why.
//!
//! # Source
//! Invariants I17 and I18.

use super::children::{
    NewAddress, NewHouseholdMember, NewIdentifier, NewName, address_row, birth_columns, changed_after_claim, check_related, claim,
    household_row, identifier_row, name_row, typed,
};
use super::identities::Groups;
use super::transfers::suspected;
use super::{Region, RegisterError, registrations, removal};
use crate::domain::dates::BirthDate;
use crate::domain::ids::ChildId;
use crate::domain::language::PreferredLanguage;
use crate::domain::registration::RemovalGround;
use crate::domain::sex::Sex;
use crate::domain::text::Note;
use crate::store::Tx;
use crate::store::children::{AddressRow, ChildRow, CorrectionRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow};
use crate::store::types::{Id, Instant};

crate::domain::coded::closed_set! {
    /// What kind of fact was corrected.
    pub enum Subject {
        /// A name.
        Name = "name",
        /// An address.
        Address = "address",
        /// An identifier.
        Identifier = "identifier",
        /// A household member or carer.
        HouseholdMember = "household-member",
        /// Birth, sex, language and needs.
        Particulars = "particulars",
    }
}

/// Notes why a fact is no longer held to be true, and what came in its place.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn note(
    tx: &mut Tx<'_>,
    child: Id,
    subject: Subject,
    fact: Id,
    replaced_by: Option<Id>,
    reason: &str,
    by: &str,
) -> Result<(), RegisterError> {
    CorrectionRow {
        fact_id: fact,
        child_id: child,
        subject: subject.as_str().into(),
        action: if replaced_by.is_some() { "corrected" } else { "entered-in-error" }.into(),
        replaced_by,
        reason: reason.to_owned(),
        corrected_at: tx.now().into(),
        corrected_by: by.to_owned(),
    }
    .insert(tx.connection)?;
    Ok(())
}

macro_rules! corrections {
    ($($(#[$doc:meta])* $correct:ident, $withdraw:ident, $row:ident, $new:ty, $subject:ident, |$tx:ident, $child:ident, $fresh:ident, $by:ident| $make:expr;)+) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// [`RegisterError::Stale`] when somebody else changed the person; a broken rule; or the database fails.
            pub fn $correct(
                $tx: &mut Tx<'_>,
                region: &Region,
                row: &ChildRow,
                fact: Id,
                $fresh: &$new,
                reason: &Note,
                $by: &str,
            ) -> Result<$row, RegisterError> {
                let $child: ChildId = typed(row.id)?;
                claim($tx, $child, row.version)?;
                let made: $row = $make;
                $row::supersede($tx.connection, &[fact], Instant::new($tx.now()))?;
                made.insert($tx.connection)?;
                note($tx, row.id, Subject::$subject, fact, Some(made.id), reason.expose(), $by)?;
                changed_after_claim($tx, region, $child)?;
                Ok(made)
            }

            /// Takes such a fact back: it never was true.
            ///
            /// # Errors
            /// [`RegisterError::Stale`] when somebody else changed the person; or the database fails.
            pub fn $withdraw(
                tx: &mut Tx<'_>,
                region: &Region,
                row: &ChildRow,
                fact: Id,
                reason: &Note,
                by: &str,
            ) -> Result<(), RegisterError> {
                claim(tx, typed(row.id)?, row.version)?;
                $row::supersede(tx.connection, &[fact], Instant::new(tx.now()))?;
                note(tx, row.id, Subject::$subject, fact, None, reason.expose(), by)?;
                changed_after_claim(tx, region, typed(row.id)?)
            }
        )+
    };
}

corrections! {
    /// Puts another name in the place of one, or ends it.
    correct_name, withdraw_name, NameRow, NewName, Name, |tx, child, new, by| name_row(child, new, tx.now(), by);
    /// Puts another address in the place of one, or ends it.
    correct_address, withdraw_address, AddressRow, NewAddress, Address, |tx, child, new, by| {
        suspected::by_address(tx, child, new)?;
        address_row(child, new, tx.now(), by)?
    };
    /// Puts another identifier in the place of one, or ends it.
    correct_identifier, withdraw_identifier, IdentifierRow, NewIdentifier, Identifier,
        |tx, child, new, by| identifier_row(child, new, tx.now(), by);
    /// Puts another household member in the place of one, or ends their stay.
    correct_household_member, withdraw_household_member, HouseholdRow, NewHouseholdMember, HouseholdMember, |tx, child, new, by| {
        check_related(tx, new)?;
        household_row(child, new, tx.now(), by)
    };
}

/// What is to be held of a person's birth, sex, language and needs from now on: all of it.
#[derive(Debug, Clone)]
pub struct NewParticulars {
    /// What is known of the birth.
    pub birth: Option<BirthDate>,
    /// Sex.
    pub sex: Sex,
    /// The language the child prefers.
    pub preferred_language: Option<PreferredLanguage>,
    /// How to communicate with the child.
    pub communication_needs: Option<Note>,
}

/// Corrects birth, sex, language and needs. That a child was born is no correction: it is recorded as a birth.
///
/// # Errors
/// A broken rule; [`RegisterError::Stale`]; or the database fails.
pub fn correct_particulars(
    tx: &mut Tx<'_>,
    region: &Region,
    row: &ChildRow,
    new: &NewParticulars,
    reason: &Note,
    by: &str,
) -> Result<(), RegisterError> {
    claim(tx, typed(row.id)?, row.version)?;
    let old = ParticularsRow::current(tx.connection, &[row.id])?.pop();
    let unborn = old.as_ref().is_some_and(|old| old.birth_kind == "expected");
    let (kind, from, to) = birth_columns(new.birth.as_ref());
    let rule = |pointer: &str, code, detail: &str| RegisterError::Rule { pointer: pointer.into(), code, detail: detail.into() };
    if unborn && kind != "expected" {
        return Err(rule(
            "/expectedDeliveryDate",
            "birth-not-recorded",
            "give the expected date; when the child is born, record the birth",
        ));
    }
    if !unborn && kind == "expected" {
        return Err(rule("/expectedDeliveryDate", "born-already", "give the date of birth: this child was born"));
    }
    let made = ParticularsRow {
        id: Id(uuid::Uuid::now_v7()),
        child_id: row.id,
        birth_kind: kind.into(),
        birth_from: from,
        birth_to: to,
        sex: new.sex.as_str().into(),
        preferred_language: new.preferred_language.as_ref().map(|language| language.as_str().to_owned()),
        communication_needs: new.communication_needs.as_ref().map(|needs| needs.expose().to_owned()),
        // From birth on, for a child who was entered before it.
        valid_from: old.as_ref().and_then(|old| old.valid_from).and(from),
        valid_to: None,
        recorded_at: tx.now().into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    };
    if let Some(old) = old {
        ParticularsRow::supersede(tx.connection, &[old.id], Instant::new(tx.now()))?;
        note(tx, row.id, Subject::Particulars, old.id, Some(made.id), reason.expose(), by)?;
    }
    made.insert(tx.connection)?;
    put_back_the_young(tx, region, row.id, new.birth.as_ref(), reason, by)?;
    changed_after_claim(tx, region, typed(row.id)?)
}

/// Puts a child back on the register who came off it because of an age that they did not have: the register ends such an entry by
/// itself, and a slip in a date must not take anybody's protection away for good.
///
/// # Source
/// WSP-4.9, invariants I4 and I17 of the procedures.
fn put_back_the_young(
    tx: &mut Tx<'_>,
    region: &Region,
    child: Id,
    birth: Option<&BirthDate>,
    reason: &Note,
    by: &str,
) -> Result<(), RegisterError> {
    let members = Groups::around(tx.connection, &[child])?.members(child);
    for entry in registrations::of(tx.connection, &members)? {
        let by_age = entry.state.removal_ground.as_deref() == Some(RemovalGround::ReachedEighteen.as_str());
        let Some(removed_on) = entry.state.removed_on.filter(|_| by_age && !entry.state.entered_in_error) else { continue };
        if birth.and_then(BirthDate::exact).is_some_and(|birth| birth.is_adult_on(removed_on)) {
            continue;
        }
        match removal::reinstate(tx, region, &entry, reason.expose(), by) {
            Ok(()) => tx.audit().detail("reinstated", entry.row.id.0),
            // There is another entry since: the child is on the register.
            Err(RegisterError::Broken(_) | RegisterError::OutOfTurn(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
