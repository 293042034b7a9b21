//! From invented children to what is entered on the register: the same types, and so the same rules, as for any other.

use std::collections::HashMap;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};

use super::plans::plan;
use super::{BY, Seed, invented};
use crate::domain::category::Category;
use crate::domain::census::{CensusItems, Referral};
use crate::domain::dates::{BirthDate, BirthRange};
use crate::domain::identifiers::{Identifier, IdentifierKind, Ranges};
use crate::domain::ids::{ChildId, ConferenceId, RegistrationId};
use crate::domain::names::{NameUse, PersonName};
use crate::domain::nation::Nation;
use crate::domain::postcode::Address;
use crate::domain::registration::{ConferenceKind, LegalStatusCode, RemovalGround};
use crate::domain::sex::Sex;
use crate::invent::census::InventedCensus;
use crate::invent::{
    self, Birth, InventedAddress, InventedCarer, InventedChild, InventedName, InventedRegistration, NameKind, Standing, Worker,
};
use crate::register::bulk::Bulk;
use crate::register::children::{
    self, AddressKind, Child, NewAddress, NewChild, NewHouseholdMember, NewIdentifier, NewName, Relationship, Validity, today,
};
use crate::register::registrations::{self, NewBasis, NewCoordinator, NewCoreGroupMember, NewRegistration};
use crate::register::{Region, RegisterError};
use crate::store::StoreError;
use crate::store::conferences::{ConferenceRow, ConferenceStateRow, DecisionRow};
use crate::store::types::{Id, Instant};

/// The region of a home authority outside the federation. No member has this code, so nobody is asked there.
const OUTSIDE: &str = "outside-the-federation";

/// The children of a region who have an entry, as they are entered when the sandbox begins. The rules of the register hold for
/// them as for anybody.
///
/// # Errors
/// When an invented child does not fit the register: a defect of either.
pub(super) fn bulk(region: &Region, seed: &Seed) -> Result<Bulk, RegisterError> {
    let invented = invented(region, seed);
    let by_key: HashMap<&str, &(ChildId, InventedChild)> = invented.iter().map(|pair| (pair.1.key.as_str(), pair)).collect();
    let (nation, at) = (region.own().nation, seed.began_at);
    let mut bulk = Bulk::default();
    for (id, child) in &invented {
        let Some(registration) = &child.registration else { continue };
        let mut new = person(child)?;
        // England's census asks what a register does not need; Wales asks nothing of the kind.
        let census = invent::census::census(child, seed.seed, today(at)).filter(|_| nation == Nation::England);
        if let Some(census) = &census {
            new.census = census_items(census)?;
        }
        for brother_or_sister in child.siblings.iter().filter_map(|key| by_key.get(key.as_str())) {
            new.household.extend(sibling(brother_or_sister)?);
        }
        let registration = entry(region, seed, child, registration)?;
        registrations::check(&registration, nation, &[], today(at))?;
        let (entry, facts) = registrations::facts(nation, *id, &registration, at, BY);
        let child = children::facts_as(*id, &new, at, BY)?;
        bulk.work(plan(&facts, seen_from(&child), today(at), at));
        bulk.enter(&region.matcher.keyer, child, vec![facts], today(at));
        bulk.raise(registrations::gaps(*id, entry, &registration, at));
        for held_on in census.iter().flat_map(|census| &census.reviews) {
            let (conference, state, decision) = review(*id, entry, &registration, *held_on, at);
            bulk.hold(conference, state, decision);
        }
    }
    Ok(bulk)
}

/// The day from which a child can have been seen: nothing while it is not born.
fn seen_from(child: &Child) -> Option<NaiveDate> {
    let particulars = child.particulars.as_ref()?;
    if particulars.birth_kind == "expected" { None } else { particulars.birth_to.or(Some(NaiveDate::MIN)) }
}

/// A part of an invented child as the register takes it.
fn take<T: FromStr>(text: &str, what: &'static str) -> Result<T, RegisterError> {
    text.parse().map_err(|_| defect(what))
}

fn defect(what: &'static str) -> RegisterError {
    RegisterError::Store(StoreError::Corrupt(what))
}

fn person(child: &InventedChild) -> Result<NewChild, RegisterError> {
    let unborn = matches!(child.birth, Birth::Expected(_));
    Ok(NewChild {
        authority: child.authority.clone(),
        shielded: child.shielded,
        names: child.names.iter().map(name).collect::<Result<_, _>>()?,
        birth: Some(birth(child.birth)?),
        sex: match child.sex {
            invent::Sex::Female => Sex::Female,
            invent::Sex::Male => Sex::Male,
            invent::Sex::Indeterminate => Sex::Indeterminate,
            invent::Sex::Unknown => Sex::Unknown,
        },
        preferred_language: Some(take(child.language, "an invented language")?),
        communication_needs: child.communication_needs.as_deref().map(|needs| take(needs, "invented needs")).transpose()?,
        identifiers: identifiers(child)?,
        addresses: child.addresses.iter().map(address).collect::<Result<_, _>>()?,
        // With whom a shielded child lives is as confidential as where. Not before birth: then there is nothing but the
        // mother to find the child by.
        household: child.carers.iter().map(|one| carer(one, child.shielded && !unborn)).collect::<Result<_, _>>()?,
        census: CensusItems::default(),
    })
}

fn census_items(invented: &InventedCensus) -> Result<CensusItems, RegisterError> {
    let disabilities = invented.disabilities.iter().map(|code| take(code, "an invented disability")).collect::<Result<_, _>>()?;
    Ok(CensusItems {
        ethnicity: Some(take(invented.ethnicity, "an invented ethnicity")?),
        disabilities: Some(disabilities),
        upn_unknown: invented.upn_unknown.map(|code| take(code, "an invented reason")).transpose()?,
        referral: Some(Referral {
            on: invented.referred_on,
            source: take(invented.referral_source, "an invented source")?,
            primary_need: take(invented.primary_need, "an invented need")?,
        }),
    })
}

/// A review conference that left a child on the register.
fn review(
    child: ChildId,
    entry: RegistrationId,
    registration: &NewRegistration,
    held_on: NaiveDate,
    at: DateTime<Utc>,
) -> (ConferenceRow, ConferenceStateRow, DecisionRow) {
    let (conference, at) = (Id::from(ConferenceId::new_at(at)), Instant::new(at));
    let row = ConferenceRow { id: conference, authority: registration.authority.clone(), version: 1, created_at: at, changed_at: at };
    let state = ConferenceStateRow {
        quorate: Some(true),
        valid_from: Some(held_on),
        ..ConferenceStateRow::bare(conference, ConferenceKind::Review.as_str(), held_on, at, BY)
    };
    let categories: Vec<&str> = registration.categories.iter().map(|category| category.as_str()).collect();
    let categories = serde_json::json!(categories).to_string();
    let decision = DecisionRow {
        registration_id: Some(entry.into()),
        consensus: Some(true),
        valid_from: Some(held_on),
        ..DecisionRow::bare(conference, child.into(), "continued", categories, at, BY)
    };
    (row, state, decision)
}

fn name(invented: &InventedName) -> Result<NewName, RegisterError> {
    let part = |text: &Option<String>| text.as_deref().map(|text| take(text, "an invented name")).transpose();
    Ok(NewName {
        name_use: match invented.kind {
            NameKind::Official => NameUse::Official,
            NameKind::Preferred => NameUse::Preferred,
            NameKind::Alias => NameUse::Alias,
            NameKind::Former => NameUse::Former,
        },
        name: PersonName::new(part(&invented.given)?, part(&invented.family)?).map_err(|_| defect("an invented name"))?,
        middle: part(&invented.middle)?,
        validity: Validity::default(),
    })
}

fn birth(birth: Birth) -> Result<BirthDate, RegisterError> {
    let wrong = |_| defect("an invented birth");
    Ok(match birth {
        Birth::Exact(on) => BirthDate::Exact(on.try_into().map_err(wrong)?),
        Birth::Approximate { from, to } => {
            let (from, to) = (from.try_into().map_err(wrong)?, to.try_into().map_err(wrong)?);
            BirthDate::Approximate(BirthRange::new(from, to).map_err(wrong)?)
        }
        Birth::Expected(on) => BirthDate::Expected(on.try_into().map_err(wrong)?),
    })
}

/// The present numbers, and a superseded one, which goes on finding the child.
fn identifiers(child: &InventedChild) -> Result<Vec<NewIdentifier>, RegisterError> {
    let (_, born) = birth(child.birth)?.expose_bounds();
    [
        (IdentifierKind::NhsNumber, &child.nhs_number, None),
        (IdentifierKind::NhsNumber, &child.superseded_nhs_number, Some(born)),
        (IdentifierKind::ChiNumber, &child.chi_number, None),
        (IdentifierKind::HcNumber, &child.hc_number, None),
        (IdentifierKind::Upn, &child.upn, None),
    ]
    .into_iter()
    .filter_map(|(kind, text, to)| Some((kind, text.as_deref()?, to)))
    .map(|(kind, text, to)| {
        let identifier = Identifier::parse(kind, text, Ranges::Sandbox).map_err(|_| defect("an invented number"))?;
        Ok(NewIdentifier { validity: Validity { from: None, to }, ..identifier.into() })
    })
    .collect()
}

fn address(invented: &InventedAddress) -> Result<NewAddress, RegisterError> {
    let lines = invented.lines.iter().map(|line| take(line, "an invented address")).collect::<Result<_, _>>()?;
    let postcode = Some(take(&invented.postcode, "an invented postcode")?);
    let uprn = invented.uprn.as_deref().map(|uprn| take(uprn, "an invented property number")).transpose()?;
    Ok(NewAddress {
        kind: match invented.kind {
            invent::AddressKind::Home | invent::AddressKind::Site => AddressKind::Home,
            // Invented children are with relatives for a stay, not for good.
            invent::AddressKind::Temporary | invent::AddressKind::Relative => AddressKind::Temporary,
            invent::AddressKind::Refuge => AddressKind::Refuge,
        },
        address: Address::new(lines, postcode, uprn).map_err(|_| defect("an invented address"))?,
        source: None,
        confidential: invented.confidential,
        validity: Validity { from: invented.from, to: invented.to },
    })
}

fn carer(invented: &InventedCarer, confidential: bool) -> Result<NewHouseholdMember, RegisterError> {
    Ok(NewHouseholdMember {
        relationship: match invented.relationship {
            "mother" => Relationship::Mother,
            "father" => Relationship::Father,
            "step-father" => Relationship::StepParent,
            "grandmother" => Relationship::Grandparent,
            _ => Relationship::Carer,
        },
        carer: true,
        parental_responsibility: invented.parental_responsibility,
        in_household: true,
        name: Some(PersonName::from_texts(&invented.given, &invented.family).map_err(|_| defect("an invented carer"))?),
        date_of_birth: invented.birth,
        nhs_number: invented
            .nhs_number
            .as_deref()
            .map(|text| Identifier::parse(IdentifierKind::NhsNumber, text, Ranges::Sandbox).map_err(|_| defect("a carer's number")))
            .transpose()?,
        related_child: None,
        confidential,
        validity: Validity::default(),
    })
}

/// A brother or sister: by their record when they have one, else by name; nothing when they are not yet born and have no
/// name, because there is nothing to say.
fn sibling((id, child): &(ChildId, InventedChild)) -> Result<Option<NewHouseholdMember>, RegisterError> {
    let registered = child.registration.is_some();
    let name = match child.names.first() {
        Some(invented) if !registered => Some(name(invented)?.name),
        _ => None,
    };
    if !registered && name.is_none() {
        return Ok(None);
    }
    Ok(Some(NewHouseholdMember {
        relationship: Relationship::Sibling,
        carer: false,
        parental_responsibility: false,
        in_household: true,
        name,
        date_of_birth: match child.birth {
            Birth::Exact(on) if !registered => Some(on),
            _ => None,
        },
        nhs_number: None,
        related_child: registered.then_some(*id),
        confidential: child.shielded,
        validity: Validity::default(),
    }))
}

fn entry(region: &Region, seed: &Seed, child: &InventedChild, invented: &InventedRegistration) -> Result<NewRegistration, RegisterError> {
    let basis = basis(region, child, invented)?;
    Ok(NewRegistration {
        authority: child.authority.clone(),
        registered_on: invented.registered_on,
        removed: invented.removal.map(|removal| (removal.on, ground(removal.ground))),
        categories: categories(region, &basis, &invented.categories),
        basis,
        coordinator: Some(coordinator(&invented.coordinator, seed)?),
        core_group: invented.core_group.iter().map(core_group_member).collect::<Result<_, _>>()?,
        review_due_on: invented.next_review_on,
        legal_status: Some(legal_status(invented.legal_status)),
    })
}

fn basis(region: &Region, child: &InventedChild, invented: &InventedRegistration) -> Result<NewBasis, RegisterError> {
    if invented.standing == Standing::TemporarilyRegistered {
        let home = invented.home_authority.as_deref().ok_or(defect("an invented home authority"))?;
        return Ok(NewBasis::Home {
            region: match region.authority(home) {
                Some((home, _)) => home.code.clone(),
                None => take(OUTSIDE, "the region outside")?,
            },
            authority: take(home, "an invented home authority")?,
            registration: None,
        });
    }
    Ok(NewBasis::Conference {
        id: None,
        held_on: invented.conference_on.unwrap_or(invented.registered_on),
        kind: if matches!(child.birth, Birth::Expected(_)) { ConferenceKind::PreBirth } else { ConferenceKind::Initial },
        authority: take(&child.authority, "an invented authority")?,
    })
}

/// The categories as the nation that decided has them: Scotland has none, and financial abuse is one in Wales alone.
fn categories(region: &Region, basis: &NewBasis, invented: &[invent::Category]) -> Vec<Category> {
    let nation = match basis {
        NewBasis::Home { authority, .. } => authority.nation().unwrap_or(region.own().nation),
        NewBasis::Conference { .. } | NewBasis::Recorded(_) | NewBasis::EarlierRegister => region.own().nation,
    };
    let known = invented.iter().map(|category| match category {
        invent::Category::Neglect => Category::Neglect,
        invent::Category::Physical => Category::Physical,
        invent::Category::Sexual => Category::Sexual,
        invent::Category::Emotional => Category::Emotional,
        invent::Category::Financial => Category::Financial,
    });
    let mut categories: Vec<Category> = known.filter(|category| category.is_used_in(nation)).collect();
    if categories.is_empty() && nation.requires_category() {
        categories.push(Category::Neglect);
    }
    categories
}

fn ground(ground: invent::RemovalGround) -> RemovalGround {
    match ground {
        invent::RemovalGround::NoLongerAtRisk => RemovalGround::ReviewConferenceDecision,
        invent::RemovalGround::ReachedEighteen => RemovalGround::ReachedEighteen,
        invent::RemovalGround::Died => RemovalGround::Died,
        invent::RemovalGround::LeftUnitedKingdom => RemovalGround::LeftUnitedKingdom,
        invent::RemovalGround::Transferred => RemovalGround::Transferred,
    }
}

fn legal_status(status: invent::LegalStatus) -> LegalStatusCode {
    match status {
        invent::LegalStatus::None => LegalStatusCode::NoOrder,
        invent::LegalStatus::VoluntaryAccommodation => LegalStatusCode::Accommodated,
        invent::LegalStatus::InterimCareOrder => LegalStatusCode::InterimCareOrder,
        invent::LegalStatus::CareOrder => LegalStatusCode::CareOrder,
        invent::LegalStatus::SupervisionOrder => LegalStatusCode::SupervisionOrder,
        invent::LegalStatus::EmergencyProtectionOrder => LegalStatusCode::EmergencyProtectionOrder,
        invent::LegalStatus::PoliceProtection => LegalStatusCode::PoliceProtection,
    }
}

/// Every co-ordinator keeps an invented name, and all of them are the one person whom the sandbox lets sign in as
/// co-ordinator: there is one token for them all.
fn coordinator(worker: &Worker, seed: &Seed) -> Result<NewCoordinator, RegisterError> {
    Ok(NewCoordinator {
        name: take(&worker.name, "an invented co-ordinator")?,
        person: Some(seed.coordinator.clone()),
        phone: Some(take(&worker.phone, "an invented telephone number")?),
        email: Some(take(&worker.email, "an invented address")?),
    })
}

fn core_group_member(worker: &Worker) -> Result<NewCoreGroupMember, RegisterError> {
    Ok(NewCoreGroupMember {
        name: take(&worker.name, "an invented worker")?,
        agency: None,
        role: Some(take(worker.role, "an invented role")?),
        phone: Some(take(&worker.phone, "an invented telephone number")?),
    })
}
