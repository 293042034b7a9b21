//! People on the register: entering them, adding facts, reading them.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::bulk::Bulk;
use super::identities::Groups;
use super::transfers::suspected;
use super::{Region, RegisterError, corrections, duplicates, matcher};
use crate::authz::{Principal, Reach};
use crate::domain::census::{CensusItems, Disability, Referral};
use crate::domain::dates::BirthDate;
use crate::domain::identifiers::{Identifier, IdentifierKind};
use crate::domain::ids::{AddressId, ChildId, HouseholdMemberId, IdentifierId, NameId};
use crate::domain::language::PreferredLanguage;
use crate::domain::names::{NamePart, NameUse, PersonName};
use crate::domain::postcode::Address;
use crate::domain::roles::Role;
use crate::domain::sex::Sex;
use crate::domain::text::{Line, Note};
use crate::store::break_glass::BreakGlassRow;
use crate::store::census::{CensusRow, ReferralRow, WithdrawalRow};
use crate::store::children::{
    self as rows, AddressRow, ChildRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow, PracticeRow, PregnancyRow,
};
use crate::store::connection::AnyConnection;
use crate::store::registrations as registration_rows;
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// When something was true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validity {
    /// First day, if known.
    pub from: Option<NaiveDate>,
    /// Last day, if it is over.
    pub to: Option<NaiveDate>,
}

/// A name to be entered.
#[derive(Debug, Clone)]
pub struct NewName {
    /// What it is used for.
    pub name_use: NameUse,
    /// Given and family name.
    pub name: PersonName,
    /// Middle names.
    pub middle: Option<NamePart>,
    /// When it was used.
    pub validity: Validity,
}

/// An identifier to be entered.
#[derive(Debug, Clone)]
pub struct NewIdentifier {
    /// The identifier.
    pub identifier: Identifier,
    /// When it was the one in use. One that is over is a superseded number: it goes on finding the child, and the answer says
    /// so.
    pub validity: Validity,
    /// The fact whose number this one supersedes.
    pub supersedes: Option<IdentifierId>,
}

impl From<Identifier> for NewIdentifier {
    fn from(identifier: Identifier) -> Self {
        Self { identifier, validity: Validity::default(), supersedes: None }
    }
}

/// An address to be entered.
#[derive(Debug, Clone)]
pub struct NewAddress {
    /// `home`, `temporary`, `placement`, `refuge` or `other`.
    pub kind: AddressKind,
    /// The address.
    pub address: Address,
    /// Who said so.
    pub source: Option<Line>,
    /// Whether it is confidential: then it never leaves the owning authority.
    pub confidential: bool,
    /// When the child lived there.
    pub validity: Validity,
}

/// A household member or carer to be entered.
#[derive(Debug, Clone)]
pub struct NewHouseholdMember {
    /// What they are to the child.
    pub relationship: Relationship,
    /// Whether they care for the child.
    pub carer: bool,
    /// Whether they have parental responsibility.
    pub parental_responsibility: bool,
    /// Whether they live with the child.
    pub in_household: bool,
    /// Their name; may be absent when they are on the register themselves.
    pub name: Option<PersonName>,
    /// Their date of birth.
    pub date_of_birth: Option<NaiveDate>,
    /// Their health number: by that of the mother her unborn child is found.
    pub nhs_number: Option<Identifier>,
    /// Their own record on this register.
    pub related_child: Option<ChildId>,
    /// Whether that they are here is confidential.
    pub confidential: bool,
    /// When.
    pub validity: Validity,
}

crate::domain::coded::closed_set! {
    /// What kind of address it is.
    pub enum AddressKind {
        /// Where the child lives.
        Home = "home",
        /// Where the child stays for a time.
        Temporary = "temporary",
        /// Where the child is looked after.
        Placement = "placement",
        /// A refuge.
        Refuge = "refuge",
        /// Another address.
        Other = "other",
    }
}

crate::domain::coded::closed_set! {
    /// What a person is to a child.
    pub enum Relationship {
        /// Mother.
        Mother = "mother",
        /// Father.
        Father = "father",
        /// Step-parent.
        StepParent = "step-parent",
        /// Grandparent.
        Grandparent = "grandparent",
        /// Brother or sister.
        Sibling = "sibling",
        /// Half-brother or half-sister.
        HalfSibling = "half-sibling",
        /// Another carer.
        Carer = "carer",
        /// The partner of a parent.
        PartnerOfParent = "partner-of-parent",
        /// Somebody else.
        Other = "other",
    }
}

/// A person to be entered.
#[derive(Debug, Clone)]
pub struct NewChild {
    /// The authority that keeps the record (GSS code).
    pub authority: String,
    /// Whether the record is shielded: matched only on what an enquirer could see of it, and nothing of where the child is
    /// ever told.
    pub shielded: bool,
    /// Names; may be none for an unborn child.
    pub names: Vec<NewName>,
    /// What is known of the birth.
    pub birth: Option<BirthDate>,
    /// Sex.
    pub sex: Sex,
    /// The language the child prefers.
    pub preferred_language: Option<PreferredLanguage>,
    /// How to communicate with the child.
    pub communication_needs: Option<Note>,
    /// Identifiers.
    pub identifiers: Vec<NewIdentifier>,
    /// Addresses.
    pub addresses: Vec<NewAddress>,
    /// Household and carers.
    pub household: Vec<NewHouseholdMember>,
    /// What returns ask.
    pub census: CensusItems,
}

/// A person with the facts held to be true now.
#[derive(Debug, Clone)]
pub struct Child {
    /// The person.
    pub row: ChildRow,
    /// Birth, sex, language.
    pub particulars: Option<ParticularsRow>,
    /// Names.
    pub names: Vec<NameRow>,
    /// Identifiers.
    pub identifiers: Vec<IdentifierRow>,
    /// Addresses.
    pub addresses: Vec<AddressRow>,
    /// General practices, the one that holds now among them.
    pub practices: Vec<PracticeRow>,
    /// Household and carers.
    pub household: Vec<HouseholdRow>,
    /// What returns ask.
    pub census: Option<CensusRow>,
    /// Referrals.
    pub referrals: Vec<ReferralRow>,
}

/// Enters a person, with their keys for the matcher, in one unit of work.
///
/// # Errors
/// When the database refuses or fails.
pub fn add(tx: &mut Tx<'_>, region: &Region, new: &NewChild, by: &str) -> Result<(ChildId, i64), RegisterError> {
    let id = ChildId::new_at(tx.now());
    let pid = add_as(tx, region, id, new, by)?;
    duplicates::check(tx, region, id.into())?;
    Ok((id, pid))
}

/// Enters a person under an identifier that is given: a sandbox gives its invented children the same ones after a reset.
/// Answers their number within this database.
///
/// # Errors
/// When the database refuses or fails.
pub fn add_as(tx: &mut Tx<'_>, region: &Region, id: ChildId, new: &NewChild, by: &str) -> Result<i64, RegisterError> {
    for member in &new.household {
        check_related(tx, member)?;
    }
    let child = facts_as(id, new, tx.now(), by)?;
    let mut bulk = Bulk::default();
    bulk.enter(&region.matcher.keyer, child, Vec::new(), today(tx.now()));
    let pid = bulk.write(tx.connection, region.matcher.index)?.pop().ok_or(StoreError::Corrupt("an added person has no number"))?;
    tx.audit().child(id);
    Ok(pid)
}

/// A person and the facts known of them, as they will be entered. Reads and writes nothing.
///
/// # Errors
/// When an address cannot be written down.
pub fn facts(new: &NewChild, at: DateTime<Utc>, by: &str) -> Result<(ChildId, Child), RegisterError> {
    let id = ChildId::new_at(at);
    Ok((id, facts_as(id, new, at, by)?))
}

/// The same under an identifier that is given.
///
/// # Errors
/// When an address cannot be written down.
pub fn facts_as(id: ChildId, new: &NewChild, at: DateTime<Utc>, by: &str) -> Result<Child, RegisterError> {
    let child = Child {
        row: ChildRow {
            pid: 0,
            id: id.into(),
            authority: new.authority.clone(),
            standing: "current".into(),
            shielded: new.shielded,
            version: 1,
            created_at: at.into(),
            changed_at: at.into(),
        },
        particulars: Some(particulars_row(id, new, at, by)),
        names: new.names.iter().map(|name| name_row(id, name, at, by)).collect(),
        identifiers: new.identifiers.iter().map(|identifier| identifier_row(id, identifier, at, by)).collect(),
        addresses: new.addresses.iter().map(|address| address_row(id, address, at, by)).collect::<Result<_, _>>()?,
        practices: Vec::new(),
        household: new.household.iter().map(|member| household_row(id, member, at, by)).collect(),
        census: new.census.has_particulars().then(|| census_row(id, &new.census, at, by)),
        referrals: new.census.referral.iter().map(|referral| referral_row(id, referral, at, by)).collect(),
    };
    Ok(child)
}

/// What the database keeps of a birth: its kind and its first and last possible day.
pub(super) fn birth_columns(birth: Option<&BirthDate>) -> (&'static str, Option<NaiveDate>, Option<NaiveDate>) {
    match birth {
        None => ("unknown", None, None),
        Some(birth) => {
            let (from, to) = birth.expose_bounds();
            let kind = match birth {
                BirthDate::Exact(_) => "exact",
                BirthDate::Approximate(_) => "approximate",
                BirthDate::Expected(_) => "expected",
            };
            (kind, Some(from), Some(to))
        }
    }
}

fn particulars_row(child: ChildId, new: &NewChild, at: DateTime<Utc>, by: &str) -> ParticularsRow {
    let (kind, from, to) = birth_columns(new.birth.as_ref());
    ParticularsRow {
        id: Id(uuid::Uuid::now_v7()),
        child_id: child.into(),
        birth_kind: kind.into(),
        birth_from: from,
        birth_to: to,
        sex: new.sex.as_str().into(),
        preferred_language: new.preferred_language.as_ref().map(|language| language.as_str().to_owned()),
        communication_needs: new.communication_needs.as_ref().map(|needs| needs.expose().to_owned()),
        valid_from: None,
        valid_to: None,
        recorded_at: at.into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

pub(super) fn name_row(child: ChildId, new: &NewName, at: DateTime<Utc>, by: &str) -> NameRow {
    NameRow {
        id: NameId::new_at(at).into(),
        child_id: child.into(),
        name_use: new.name_use.as_str().into(),
        given: new.name.given().map(|part| part.expose().to_owned()),
        middle: new.middle.as_ref().map(|part| part.expose().to_owned()),
        family: new.name.family().map(|part| part.expose().to_owned()),
        valid_from: new.validity.from,
        valid_to: new.validity.to,
        recorded_at: at.into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

fn census_row(child: ChildId, new: &CensusItems, at: DateTime<Utc>, by: &str) -> CensusRow {
    let codes = |set: &BTreeSet<Disability>| format!("[{}]", set.iter().map(|one| format!("\"{one}\"")).collect::<Vec<_>>().join(","));
    CensusRow {
        id: Id(uuid::Uuid::now_v7()),
        child_id: child.into(),
        ethnicity: new.ethnicity.map(|code| code.as_str().into()),
        disabilities: new.disabilities.as_ref().map(codes),
        upn_unknown: new.upn_unknown.map(|code| code.as_str().into()),
        valid_from: None,
        valid_to: None,
        recorded_at: at.into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

fn referral_row(child: ChildId, new: &Referral, at: DateTime<Utc>, by: &str) -> ReferralRow {
    ReferralRow {
        id: Id(uuid::Uuid::now_v7()),
        child_id: child.into(),
        referred_on: new.on,
        source: new.source.as_str().into(),
        primary_need: new.primary_need.as_str().into(),
        valid_from: Some(new.on),
        valid_to: None,
        recorded_at: at.into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

/// Adds a name. The caller re-indexes the person.
///
/// # Errors
/// When the database refuses or fails.
pub fn insert_name(tx: &mut Tx<'_>, child: ChildId, new: &NewName, by: &str) -> Result<NameId, RegisterError> {
    let row = name_row(child, new, tx.now(), by);
    row.insert(tx.connection)?;
    Ok(typed(row.id)?)
}

pub(super) fn identifier_row(child: ChildId, new: &NewIdentifier, at: DateTime<Utc>, by: &str) -> IdentifierRow {
    IdentifierRow {
        id: IdentifierId::new_at(at).into(),
        child_id: child.into(),
        kind: match new.identifier.kind() {
            IdentifierKind::NhsNumber => "nhs-number",
            IdentifierKind::ChiNumber => "chi-number",
            IdentifierKind::HcNumber => "hc-number",
            IdentifierKind::Upn | IdentifierKind::FormerUpn => "upn",
            IdentifierKind::LocalAuthorityChildId => "local",
        }
        .into(),
        value: new.identifier.expose().to_owned(),
        valid_from: new.validity.from,
        valid_to: new.validity.to,
        recorded_at: at.into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

/// Adds an identifier; the number that it supersedes, if it says so, becomes a former one. The caller re-indexes the person.
///
/// # Errors
/// When the superseded fact is not a number of this kind that the person has now, or the database fails.
pub fn insert_identifier(tx: &mut Tx<'_>, child: ChildId, new: &NewIdentifier, by: &str) -> Result<IdentifierId, RegisterError> {
    let mut row = identifier_row(child, new, tx.now(), by);
    if let Some(old) = new.supersedes {
        let old = IdentifierRow::current(tx.connection, &[child.into()])?
            .into_iter()
            .find(|fact| fact.id == Id::from(old) && fact.kind == row.kind && fact.valid_to.is_none())
            .ok_or_else(|| RegisterError::Rule {
                pointer: "/supersedes".into(),
                code: "unknown-fact",
                detail: "give the id of a number of this kind that the child has now".into(),
            })?;
        let until = new.validity.from.unwrap_or_else(|| today(tx.now()));
        let former = IdentifierRow {
            id: IdentifierId::new_at(tx.now()).into(),
            valid_to: Some(old.valid_from.map_or(until, |from| until.max(from))),
            recorded_at: row.recorded_at,
            recorded_by: by.to_owned(),
            ..old.clone()
        };
        IdentifierRow::supersede(tx.connection, &[old.id], row.recorded_at)?;
        former.insert(tx.connection)?;
        let reason = "superseded by a new number";
        corrections::note(tx, child.into(), corrections::Subject::Identifier, old.id, Some(former.id), reason, by)?;
        // Made anew, so that it is read after the one that it supersedes.
        row = identifier_row(child, new, tx.now(), by);
    }
    row.insert(tx.connection)?;
    Ok(typed(row.id)?)
}

pub(super) fn address_row(child: ChildId, new: &NewAddress, at: DateTime<Utc>, by: &str) -> Result<AddressRow, StoreError> {
    let lines: Vec<&str> = new.address.lines().iter().map(|line| line.expose()).collect();
    Ok(AddressRow {
        id: AddressId::new_at(at).into(),
        child_id: child.into(),
        kind: new.kind.as_str().into(),
        lines: serde_json::to_string(&lines).map_err(|_| StoreError::Corrupt("address lines"))?,
        postcode: new.address.postcode().map(|postcode| postcode.expose().to_owned()),
        uprn: new.address.uprn().map(|uprn| uprn.expose().to_owned()),
        source: new.source.as_ref().map(|source| source.expose().to_owned()),
        confidential: new.confidential,
        valid_from: new.validity.from,
        valid_to: new.validity.to,
        recorded_at: at.into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    })
}

/// Adds an address; one where no child of the register lives raises the question whether the child has moved. The caller re-indexes the
/// person.
///
/// # Errors
/// When the database refuses or fails.
pub fn insert_address(tx: &mut Tx<'_>, child: ChildId, new: &NewAddress, by: &str) -> Result<AddressId, RegisterError> {
    suspected::by_address(tx, child, new)?;
    let row = address_row(child, new, tx.now(), by)?;
    row.insert(tx.connection)?;
    Ok(typed(row.id)?)
}

pub(super) fn check_related(tx: &mut Tx<'_>, new: &NewHouseholdMember) -> Result<(), RegisterError> {
    match new.related_child {
        // An identity that was closed by an adoption is nobody to whom a child can be related: it would join the two again (I26).
        Some(related) if rows::find(tx.connection, related.into())?.is_none_or(|row| row.standing == "closed-by-adoption") => {
            Err(RegisterError::Rule {
                pointer: "/relatedChildId".into(),
                code: "unknown-child",
                detail: "give the id of a person on this register, or their name".into(),
            })
        }
        _ => Ok(()),
    }
}

pub(super) fn household_row(child: ChildId, new: &NewHouseholdMember, at: DateTime<Utc>, by: &str) -> HouseholdRow {
    let part = |part: Option<&NamePart>| part.map(|part| part.expose().to_owned());
    HouseholdRow {
        id: HouseholdMemberId::new_at(at).into(),
        child_id: child.into(),
        relationship: new.relationship.as_str().into(),
        carer: new.carer,
        parental_responsibility: new.parental_responsibility,
        in_household: new.in_household,
        given: part(new.name.as_ref().and_then(PersonName::given)),
        family: part(new.name.as_ref().and_then(PersonName::family)),
        date_of_birth: new.date_of_birth,
        related_child_id: new.related_child.map(Id::from),
        confidential: new.confidential,
        nhs_number: new.nhs_number.as_ref().map(|number| number.expose().to_owned()),
        valid_from: new.validity.from,
        valid_to: new.validity.to,
        recorded_at: at.into(),
        recorded_by: by.to_owned(),
        superseded_at: None,
    }
}

/// Adds a household member or carer. The caller re-indexes the person.
///
/// # Errors
/// When the related child is not on this register, or the database fails.
pub fn insert_household_member(
    tx: &mut Tx<'_>,
    child: ChildId,
    new: &NewHouseholdMember,
    by: &str,
) -> Result<HouseholdMemberId, RegisterError> {
    check_related(tx, new)?;
    let row = household_row(child, new, tx.now(), by);
    row.insert(tx.connection)?;
    Ok(typed(row.id)?)
}

/// The identifier of a person in a row.
///
/// # Errors
/// When it is not one that this register gives out.
pub fn id_of(id: Id) -> Result<ChildId, StoreError> {
    typed(id)
}

/// The identifier of a row that was just made from one.
pub(super) fn typed<T: TryFrom<uuid::Uuid>>(id: Id) -> Result<T, StoreError> {
    T::try_from(id.0).map_err(|_| StoreError::Corrupt("identifier"))
}

/// Moves a person to the next version and re-indexes them: the end of every change of their facts.
///
/// # Errors
/// [`RegisterError::Stale`] when somebody else was quicker.
pub fn changed(tx: &mut Tx<'_>, region: &Region, child: ChildId, version: i64) -> Result<(), RegisterError> {
    claim(tx, child, version)?;
    changed_after_claim(tx, region, child)
}

/// Moves a person to the next version: before anything else of a change that only one may make. Whoever comes second waits here
/// and hears that they were late, instead of meeting what the first one did.
///
/// # Errors
/// [`RegisterError::Stale`] when somebody else was quicker.
pub(super) fn claim(tx: &mut Tx<'_>, child: ChildId, version: i64) -> Result<(), RegisterError> {
    let at = Instant::new(tx.now());
    if !rows::advance(tx.connection, child.into(), version, None, at)? {
        return Err(RegisterError::Stale);
    }
    tx.audit().child(child);
    Ok(())
}

/// Re-indexes a person whose version was moved at the beginning: the end of such a change.
///
/// # Errors
/// When the database fails.
pub(super) fn changed_after_claim(tx: &mut Tx<'_>, region: &Region, child: ChildId) -> Result<(), RegisterError> {
    matcher::reindex(tx, region, child.into())?;
    duplicates::check(tx, region, child.into())
}

/// Reads a person with their facts.
///
/// # Errors
/// When the database fails.
pub fn load(connection: &mut AnyConnection, row: ChildRow) -> Result<Child, RegisterError> {
    let parents = [row.id];
    Ok(Child {
        particulars: ParticularsRow::current(connection, &parents)?.pop(),
        names: NameRow::current(connection, &parents)?,
        identifiers: IdentifierRow::current(connection, &parents)?,
        addresses: AddressRow::current(connection, &parents)?,
        practices: PracticeRow::current(connection, &parents)?,
        household: HouseholdRow::current(connection, &parents)?,
        census: CensusRow::current(connection, &parents)?.pop(),
        referrals: ReferralRow::current(connection, &parents)?,
        row,
    })
}

/// What stands around a record.
#[derive(Debug)]
pub struct Surroundings {
    /// The record into which it was merged.
    pub merged_into: Option<Id>,
    /// The records that were merged into it.
    pub merged_from: Vec<Id>,
    /// The entries of the person, whichever of their records they rest on, oldest first.
    pub registrations: Vec<Id>,
    /// How the pregnancy ended, of a child who was entered before birth.
    pub pregnancy: Option<PregnancyRow>,
}

/// Reads what stands around a record.
///
/// # Errors
/// When the database fails.
pub fn surroundings(connection: &mut AnyConnection, id: Id) -> Result<Surroundings, RegisterError> {
    let groups = Groups::around(connection, &[id])?;
    let entries = registration_rows::of_children(connection, &groups.members(id))?;
    Ok(Surroundings {
        merged_into: groups.merged_into(id),
        merged_from: groups.merged_from(id),
        registrations: entries.iter().map(|entry| entry.id).collect(),
        pregnancy: PregnancyRow::current(connection, &[id])?.pop(),
    })
}

/// A person whom the caller may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, id: ChildId, principal: &Principal, reach: Reach) -> Result<ChildRow, RegisterError> {
    let row = rows::find(connection, id.into())?;
    // The same statements run whether the person exists or not, so that the answer takes the same work.
    let entries = registration_rows::of_children(connection, &[id.into()])?;
    let coordinates = registration_rows::coordinates(connection, &principal.key(), id.into())?;
    let row = row.ok_or(RegisterError::NotFound)?;
    let visible = match reach {
        Reach::Scope => principal.scope.covers(&row.authority) || entries.iter().any(|entry| principal.scope.covers(&entry.authority)),
        Reach::Own => coordinates,
    };
    if visible { Ok(row) } else { Err(RegisterError::NotFound) }
}

/// What somebody may see of a record, beyond that it is there.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Whether they see what is confidential: the custodian of the authority that keeps the record, a co-ordinator of that
    /// authority's entry, or whoever has opened the record in an emergency.
    pub full: bool,
    /// Under which opening of a restricted record they see it.
    pub break_glass: Option<Id>,
}

/// A person whose record the caller may read, and how much of it. A restricted (shielded) record is read by custodians and the
/// child's own co-ordinator; for everybody else it is not there unless they have opened it in an emergency.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn look(
    connection: &mut AnyConnection,
    id: ChildId,
    principal: &Principal,
    reach: Reach,
    now: DateTime<Utc>,
) -> Result<(ChildRow, Sight), RegisterError> {
    let row = rows::find(connection, id.into())?;
    // The same statements run whether the person exists or not, so that the answer takes the same work.
    let entries = registration_rows::of_children(connection, &[id.into()])?;
    let coordinates = registration_rows::coordinated(connection, &principal.key(), id.into())?;
    let opened = BreakGlassRow::open(connection, id.into(), &principal.key(), now.into())?;
    let row = row.ok_or(RegisterError::NotFound)?;
    let in_scope = principal.scope.covers(&row.authority) || entries.iter().any(|entry| principal.scope.covers(&entry.authority));
    let own = match principal.role {
        Role::Custodian => in_scope,
        Role::Coordinator => !coordinates.is_empty(),
        _ => false,
    };
    let keeps = match principal.role {
        Role::Custodian => principal.scope.covers(&row.authority),
        Role::Coordinator => coordinates.contains(&row.authority),
        _ => false,
    };
    let opened = opened.filter(|_| in_scope);
    let visible = match reach {
        Reach::Scope => in_scope && (own || !row.shielded || opened.is_some()),
        Reach::Own => own || opened.is_some(),
    };
    if !visible {
        return Err(RegisterError::NotFound);
    }
    let break_glass = opened.filter(|_| !keeps).map(|opened| opened.id);
    Ok((row, Sight { full: keeps || break_glass.is_some(), break_glass }))
}

/// Marks a person as entered in error, or closes the identity because of an adoption. They are no longer found by any
/// question; nothing is deleted. Records that were merged are one identity: an adoption closes all of them.
///
/// # Errors
/// [`RegisterError::StillRegistered`] while a live entry rests on them; [`RegisterError::Stale`].
///
/// # Source
/// SSD-PERSON: an adopted child has two identities that are never linked.
pub fn withdraw(tx: &mut Tx<'_>, region: &Region, row: &ChildRow, standing: &'static str, by: &str) -> Result<(), RegisterError> {
    let ids = if standing == "closed-by-adoption" { Groups::around(tx.connection, &[row.id])?.members(row.id) } else { vec![row.id] };
    if super::registrations::of(tx.connection, &ids)?.iter().any(|entry| entry.is_live_on(today(tx.now()))) {
        return Err(RegisterError::StillRegistered);
    }
    let at = Instant::new(tx.now());
    for record in rows::by_ids(tx.connection, &ids)? {
        let version = if record.id == row.id { row.version } else { record.version };
        if !rows::advance(tx.connection, record.id, version, Some(standing), at)? {
            return Err(RegisterError::Stale);
        }
        WithdrawalRow {
            id: Id(uuid::Uuid::now_v7()),
            child_id: record.id,
            standing: standing.into(),
            valid_from: None,
            valid_to: None,
            recorded_at: at,
            recorded_by: by.to_owned(),
            superseded_at: None,
        }
        .insert(tx.connection)?;
        tx.audit().child(record.id);
    }
    tx.audit().detail("standing", standing);
    matcher::reindex(tx, region, row.id)
}

/// Today where the register is: dates are counted in London time.
pub fn today(now: DateTime<Utc>) -> NaiveDate {
    crate::domain::shift::london_date(now)
}
