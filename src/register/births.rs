//! The end of a pregnancy whose child was entered before birth.
//!
//! A birth turns the entry into the child's: the same person, the same entry, the same start and review date. Twins become two,
//! each with an entry of their own that began when the first did. When no child is born alive the entry is closed, the expected
//! date is kept, and nobody writes to the parents.
//!
//! # Source
//! Invariant I21, scenario S20; CIN-VAL 8525Q (no date of birth beside an expected one), 8750 (no sex before birth); SSD-PERSON
//! (a pregnancy that ends without a living child closes as "died", with the expected date kept and no date of birth).

use chrono::NaiveDate;

use super::bulk::Bulk;
use super::children::{self, Child, NewIdentifier, NewName, changed_after_claim, identifier_row, name_row, today, typed};
use super::registrations::Registration;
use super::removal::{self, NewRemoval};
use super::{Broken, Region, RegisterError, duplicates, identities, notices, registrations};
use crate::domain::ids::{AddressId, ChildId, HouseholdMemberId, RegistrationId};
use crate::domain::registration::RemovalGround;
use crate::domain::sex::Sex;
use crate::store::census::ReferralRow;
use crate::store::children::{AddressRow, ChildRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow, PregnancyRow};
use crate::store::conferences::DecisionRow;
use crate::store::plans::{CoreGroupMeetingRow, DepartureRow, MilestoneRow, VisitRow};
use crate::store::registrations::{CategoryRow, CoordinatorRow, CoreGroupRow, RegistrationRow, StateRow};
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// A birth earlier than this many days before the expected date, or later than that many after it, is probably a slip of the
/// pen: 18 weeks early is before 22 weeks of pregnancy, three weeks late is past 43.
pub const EARLY_DAYS: i64 = 126;
/// See [`EARLY_DAYS`].
pub const LATE_DAYS: i64 = 21;

crate::domain::coded::closed_set! {
    /// How a pregnancy ended.
    pub enum Outcome {
        /// A child was born alive.
        LiveBirth = "live-birth",
        /// A child was born dead.
        Stillbirth = "stillbirth",
        /// It ended by itself before that.
        Miscarriage = "miscarriage",
        /// It was ended.
        Termination = "termination",
    }
}

/// A child who was born.
#[derive(Debug, Clone)]
pub struct Newborn {
    /// When.
    pub born_on: NaiveDate,
    /// Names.
    pub names: Vec<NewName>,
    /// Sex.
    pub sex: Sex,
    /// Numbers of the child's own.
    pub identifiers: Vec<NewIdentifier>,
}

/// How a pregnancy ended.
#[derive(Debug, Clone)]
pub enum Ending {
    /// With living children: the first takes over the record.
    Born(Vec<Newborn>),
    /// Without.
    Lost {
        /// How.
        outcome: Outcome,
        /// When.
        on: NaiveDate,
    },
}

/// What became of a pregnancy.
#[derive(Debug)]
pub struct Ended {
    /// The children; the first is the one who was entered before birth.
    pub children: Vec<ChildId>,
    /// Whether a birth was so far from the expected date that somebody should look again.
    pub far_from_expected: bool,
}

/// Records how the pregnancy of an unborn child's record ended.
///
/// # Errors
/// [`RegisterError::NotUnborn`]; a broken rule; [`RegisterError::Stale`]; or the database fails.
pub fn record(tx: &mut Tx<'_>, region: &Region, row: &ChildRow, ending: &Ending, by: &str) -> Result<Ended, RegisterError> {
    children::claim(tx, typed(row.id)?, row.version)?;
    let child = children::load(tx.connection, row.clone())?;
    let expected_on = child
        .particulars
        .as_ref()
        .filter(|particulars| particulars.birth_kind == "expected" && row.standing == "current")
        .and_then(|particulars| particulars.birth_from)
        .ok_or(RegisterError::NotUnborn)?;
    if !PregnancyRow::current(tx.connection, &[row.id])?.is_empty() {
        return Err(RegisterError::NotUnborn);
    }
    let day = today(tx.now());
    let entries: Vec<Registration> =
        registrations::of(tx.connection, &[row.id])?.into_iter().filter(|entry| entry.is_live_on(day)).collect();
    match ending {
        Ending::Born(born) => birth(tx, region, &child, &entries, expected_on, born, by),
        Ending::Lost { outcome, on } => {
            lost(tx, region, &child, &entries, expected_on, *outcome, *on, by)?;
            Ok(Ended { children: vec![typed(row.id)?], far_from_expected: false })
        }
    }
}

fn pregnancy(
    tx: &mut Tx<'_>,
    child: Id,
    expected_on: NaiveDate,
    outcome: Outcome,
    ended_on: NaiveDate,
    by: &str,
) -> Result<(), RegisterError> {
    PregnancyRow {
        id: Id(uuid::Uuid::now_v7()),
        child_id: child,
        expected_on,
        outcome: outcome.as_str().into(),
        ended_on,
        valid_from: Some(ended_on),
        valid_to: None,
        recorded_at: tx.now().into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
    .insert(tx.connection)?;
    Ok(())
}

fn particulars(child: Id, before: Option<&ParticularsRow>, born: &Newborn, at: Instant, by: &str) -> ParticularsRow {
    ParticularsRow {
        id: Id(uuid::Uuid::now_v7()),
        child_id: child,
        birth_kind: "exact".into(),
        birth_from: Some(born.born_on),
        birth_to: Some(born.born_on),
        sex: born.sex.as_str().into(),
        preferred_language: before.and_then(|row| row.preferred_language.clone()),
        communication_needs: before.and_then(|row| row.communication_needs.clone()),
        // Before that day the child was expected: the pregnancy says for when.
        valid_from: Some(born.born_on),
        valid_to: None,
        recorded_at: at,
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

fn birth(
    tx: &mut Tx<'_>,
    region: &Region,
    child: &Child,
    entries: &[Registration],
    expected_on: NaiveDate,
    born: &[Newborn],
    by: &str,
) -> Result<Ended, RegisterError> {
    let Some((first, others)) = born.split_first() else { return Err(RegisterError::NotUnborn) };
    let (at, id) = (Instant::new(tx.now()), typed::<ChildId>(child.row.id)?);
    if let Some(before) = &child.particulars {
        ParticularsRow::supersede(tx.connection, &[before.id], at)?;
    }
    particulars(child.row.id, child.particulars.as_ref(), first, at, by).insert(tx.connection)?;
    former_names(tx, child, first.born_on, by)?;
    for name in &first.names {
        name_row(id, name, tx.now(), by).insert(tx.connection)?;
    }
    for identifier in &first.identifiers {
        identifier_row(id, identifier, tx.now(), by).insert(tx.connection)?;
    }
    pregnancy(tx, child.row.id, expected_on, Outcome::LiveBirth, first.born_on, by)?;
    let mut children = vec![id];
    for twin in others {
        let twin_id = another(tx, region, child, entries, twin, by)?;
        pregnancy(tx, twin_id.into(), expected_on, Outcome::LiveBirth, twin.born_on, by)?;
        children.push(twin_id);
    }
    related(tx, &children, by)?;
    let ids: Vec<Id> = children.iter().map(|id| Id::from(*id)).collect();
    identities::born_together(tx, &ids, by)?;
    changed_after_claim(tx, region, id)?;
    for twin in &children[1..] {
        tx.audit().child(*twin);
        duplicates::check(tx, region, (*twin).into())?;
    }
    tell_of_birth(tx, &children)?;
    let far_from_expected = born.iter().any(|born| {
        let late = (born.born_on - expected_on).num_days();
        !(-EARLY_DAYS..=LATE_DAYS).contains(&late)
    });
    Ok(Ended { children, far_from_expected })
}

/// What the child was called before birth, if anything, goes on finding them.
fn former_names(tx: &mut Tx<'_>, child: &Child, born_on: NaiveDate, by: &str) -> Result<(), RegisterError> {
    let at = Instant::new(tx.now());
    for name in child.names.iter().filter(|name| name.name_use == "official" && name.valid_to.is_none()) {
        NameRow::supersede(tx.connection, &[name.id], at)?;
        NameRow {
            id: Id(uuid::Uuid::now_v7()),
            name_use: "former".into(),
            valid_to: Some(name.valid_from.map_or(born_on, |from| born_on.max(from))),
            recorded_at: at,
            recorded_by: by.to_owned(),
            ..name.clone()
        }
        .insert(tx.connection)?;
    }
    Ok(())
}

/// Another child of the same birth: with the addresses and carers of the first, and entries that began when theirs did.
fn another(
    tx: &mut Tx<'_>,
    region: &Region,
    first: &Child,
    entries: &[Registration],
    born: &Newborn,
    by: &str,
) -> Result<ChildId, RegisterError> {
    let now = tx.now();
    let (at, id) = (Instant::new(now), ChildId::new_at(now));
    let by_whom = || by.to_owned();
    let child = Child {
        row: ChildRow { pid: 0, id: id.into(), version: 1, created_at: at, changed_at: at, ..first.row.clone() },
        particulars: Some(particulars(id.into(), first.particulars.as_ref(), born, at, by)),
        names: born.names.iter().map(|name| name_row(id, name, now, by)).collect(),
        identifiers: born.identifiers.iter().map(|identifier| identifier_row(id, identifier, now, by)).collect::<Vec<IdentifierRow>>(),
        addresses: first
            .addresses
            .iter()
            .map(|row| AddressRow {
                id: AddressId::new_at(now).into(),
                child_id: id.into(),
                recorded_at: at,
                recorded_by: by_whom(),
                ..row.clone()
            })
            .collect(),
        // With which practice is stated of each.
        practices: Vec::new(),
        household: first
            .household
            .iter()
            .map(|row| HouseholdRow {
                id: HouseholdMemberId::new_at(now).into(),
                child_id: id.into(),
                recorded_at: at,
                recorded_by: by_whom(),
                ..row.clone()
            })
            .collect(),
        // What the census asks of a child is asked of each; how the family was referred is the same.
        census: None,
        referrals: first
            .referrals
            .iter()
            .map(|row| ReferralRow {
                id: Id(uuid::Uuid::now_v7()),
                child_id: id.into(),
                recorded_at: at,
                recorded_by: by_whom(),
                ..row.clone()
            })
            .collect(),
    };
    let copies: Vec<(Id, Registration)> = entries.iter().map(|entry| (entry.row.id, copy(entry, id, tx, by))).collect();
    let decisions = decisions(tx, id, &copies, by)?;
    let pairs: Vec<(Id, Id)> = copies.iter().map(|(original, copy)| (*original, copy.row.id)).collect();
    let mut bulk = Bulk::default();
    bulk.enter(&region.matcher.keyer, child, copies.into_iter().map(|(_, entry)| entry).collect(), today(now));
    bulk.without_conferences().write(tx.connection, region.matcher.index)?;
    DecisionRow::insert_all(tx.connection, &decisions)?;
    done(tx, &pairs, by)?;
    Ok(id)
}

/// What was done under the plan of the unborn child was done for each child who was born: their clocks stand alike.
fn done(tx: &mut Tx<'_>, copies: &[(Id, Id)], by: &str) -> Result<(), RegisterError> {
    let at = Instant::new(tx.now());
    let originals: Vec<Id> = copies.iter().map(|(original, _)| *original).collect();
    macro_rules! copied {
        ($($row:ident),+) => {
            $(
                let rows: Vec<$row> = $row::current(tx.connection, &originals)?
                    .into_iter()
                    .filter_map(|row| {
                        let (_, copy) = copies.iter().find(|(original, _)| *original == row.registration_id)?;
                        let (id, registration_id) = (Id(uuid::Uuid::now_v7()), *copy);
                        Some($row { id, registration_id, recorded_at: at, recorded_by: by.to_owned(), ..row })
                    })
                    .collect();
                $row::insert_all(tx.connection, &rows)?;
            )+
        };
    }
    copied!(VisitRow, CoreGroupMeetingRow, MilestoneRow, DepartureRow);
    Ok(())
}

/// An entry as it is for another child: with the same start, review date, categories, co-ordinator and core group.
fn copy(entry: &Registration, child: ChildId, tx: &Tx<'_>, by: &str) -> Registration {
    let at = Instant::new(tx.now());
    let id = Id::from(RegistrationId::new_at(tx.now()));
    macro_rules! copied {
        ($rows:expr, $row:ident) => {
            $rows
                .iter()
                .map(|row| $row {
                    id: Id(uuid::Uuid::now_v7()),
                    registration_id: id,
                    recorded_at: at,
                    recorded_by: by.to_owned(),
                    ..row.clone()
                })
                .collect()
        };
    }
    Registration {
        row: RegistrationRow {
            id,
            child_id: child.into(),
            authority: entry.row.authority.clone(),
            version: 1,
            created_at: at,
            changed_at: at,
        },
        state: StateRow {
            id: Id(uuid::Uuid::now_v7()),
            registration_id: id,
            recorded_at: at,
            recorded_by: by.to_owned(),
            ..entry.state.clone()
        },
        categories: copied!(entry.categories, CategoryRow),
        coordinators: copied!(entry.coordinators, CoordinatorRow),
        core_group: copied!(entry.core_group, CoreGroupRow),
    }
}

/// What conferences decided for the unborn child they decided for each child who was born (I10: a decision of each one's own).
fn decisions(tx: &mut Tx<'_>, child: ChildId, copies: &[(Id, Registration)], by: &str) -> Result<Vec<DecisionRow>, RegisterError> {
    let at = Instant::new(tx.now());
    let originals: Vec<Id> = copies.iter().map(|(original, _)| *original).collect();
    let decided = DecisionRow::of_registrations(tx.connection, &originals)?;
    Ok(decided
        .into_iter()
        .map(|row| DecisionRow {
            id: Id(uuid::Uuid::now_v7()),
            child_id: child.into(),
            registration_id: copies.iter().find(|(original, _)| Some(*original) == row.registration_id).map(|(_, copy)| copy.row.id),
            recorded_at: at,
            recorded_by: by.to_owned(),
            ..row
        })
        .collect())
}

/// Brothers and sisters of one birth know of each other.
fn related(tx: &mut Tx<'_>, children: &[ChildId], by: &str) -> Result<(), RegisterError> {
    for child in children {
        for sibling in children.iter().filter(|sibling| *sibling != child) {
            HouseholdRow {
                id: HouseholdMemberId::new_at(tx.now()).into(),
                child_id: (*child).into(),
                relationship: "sibling".into(),
                carer: false,
                parental_responsibility: false,
                in_household: true,
                given: None,
                family: None,
                date_of_birth: None,
                related_child_id: Some((*sibling).into()),
                confidential: false,
                nhs_number: None,
                valid_from: None,
                valid_to: None,
                recorded_at: tx.now().into(),
                recorded_by: by.to_owned(),
                superseded_at: None,
            }
            .insert(tx.connection)?;
        }
    }
    Ok(())
}

/// Tells custodian and co-ordinator of every entry of these children.
fn tell_of_birth(tx: &mut Tx<'_>, children: &[ChildId]) -> Result<(), RegisterError> {
    let ids: Vec<Id> = children.iter().map(|id| Id::from(*id)).collect();
    for entry in registrations::of(tx.connection, &ids)?.iter().filter(|entry| !entry.state.entered_in_error) {
        notices::tell(tx, notices::Kind::Birth, entry, entry.coordinator_person().as_slice())?;
    }
    Ok(())
}

#[allow(clippy::too_many_arguments)] // what is known of one pregnancy
fn lost(
    tx: &mut Tx<'_>,
    region: &Region,
    child: &Child,
    entries: &[Registration],
    expected_on: NaiveDate,
    outcome: Outcome,
    on: NaiveDate,
    by: &str,
) -> Result<(), RegisterError> {
    // As every end by death: with the same checks, and nobody writes to the parents.
    let evidence = outcome.as_str().parse().map_err(|_| StoreError::Corrupt("an outcome that is no text"))?;
    let removal = NewRemoval { removed_on: on, ground: RemovalGround::Died, conference: None, evidence: Some(evidence), reasons: None };
    for entry in entries {
        removal::remove(tx, region, entry, &removal, by).map_err(|error| at_day(error, "/on"))?;
        tx.audit().detail("registration", entry.row.id.0);
    }
    pregnancy(tx, child.row.id, expected_on, outcome, on, by)?;
    changed_after_claim(tx, region, typed(child.row.id)?)
}

/// A broken rule about the day of removal, said of the field that gave the day.
fn at_day(error: RegisterError, pointer: &str) -> RegisterError {
    match error {
        RegisterError::Broken(broken) => RegisterError::Broken(
            broken
                .into_iter()
                .map(|broken| if broken.pointer == "/removedOn" { Broken { pointer: pointer.into(), ..broken } } else { broken })
                .collect(),
        ),
        other => other,
    }
}
