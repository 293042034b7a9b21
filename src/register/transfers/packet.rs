//! The child, as one region tells another with what begins a move: as much as it takes to know the child again and to show them.
//!
//! What is confidential stays behind: addresses and household members that are, and every address of a restricted record
//! (invariants I16, scenario S42).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::category::Category;
use crate::domain::census::CensusItems;
use crate::domain::identifiers::{Identifier, IdentifierKind};
use crate::domain::names::{NamePart, PersonName};
use crate::domain::postcode::Address;
use crate::domain::sex::Sex;
use crate::register::children::{self, NewAddress, NewChild, NewHouseholdMember, NewIdentifier, NewName, Validity};
use crate::register::registrations;
use crate::register::{Region, RegisterError, removal};
use crate::store::Tx;
use crate::store::children::{self as rows, AddressRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow};
use crate::store::types::Id;

/// A name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    #[serde(rename = "use")]
    name_use: String,
    given: Option<String>,
    middle: Option<String>,
    family: Option<String>,
}

/// An address.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    kind: String,
    lines: Vec<String>,
    postcode: Option<String>,
    uprn: Option<String>,
}

/// A member of the household.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    relationship: String,
    carer: bool,
    parental_responsibility: bool,
    in_household: bool,
    given: Option<String>,
    family: Option<String>,
    date_of_birth: Option<NaiveDate>,
    /// By that of the mother a child is found who has no number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nhs_number: Option<String>,
}

/// What is over, and by which the child is found all the same: a former name, a number that was replaced, an address before this one.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Earlier {
    names: Vec<(Name, NaiveDate)>,
    identifiers: Vec<(String, String, NaiveDate)>,
    addresses: Vec<(Place, NaiveDate)>,
    household: Vec<(Member, NaiveDate)>,
}

impl Earlier {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.identifiers.is_empty() && self.addresses.is_empty() && self.household.is_empty()
    }
}

/// The child.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Packet {
    shielded: bool,
    names: Vec<Name>,
    birth_kind: String,
    birth_from: Option<NaiveDate>,
    birth_to: Option<NaiveDate>,
    sex: String,
    identifiers: Vec<(String, String)>,
    addresses: Vec<Place>,
    household: Vec<Member>,
    // Left out when there is none: what was stored before there was such a thing is known again by the same digest.
    #[serde(default, skip_serializing_if = "Earlier::is_empty")]
    earlier: Earlier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preferred_language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    communication_needs: Option<String>,
    /// Since when the child is on the register at home.
    registered_on: Option<NaiveDate>,
    /// Under which categories.
    categories: Vec<String>,
    /// Who co-ordinates there.
    coordinator: Option<String>,
}

impl Packet {
    /// What is told of a child of an authority.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) fn of(tx: &mut Tx<'_>, child: Id, authority: &str) -> Result<Option<Self>, RegisterError> {
        let today = children::today(tx.now());
        let connection = &mut *tx.connection;
        let Some(row) = rows::find(connection, child)? else { return Ok(None) };
        let ids = [child];
        let particulars = ParticularsRow::current(connection, &ids)?.pop();
        let (mut names, mut identifiers, mut addresses, mut household) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut earlier = Earlier::default();
        for fact in NameRow::current(connection, &ids)? {
            let name = Name { name_use: fact.name_use, given: fact.given, middle: fact.middle, family: fact.family };
            match fact.valid_to {
                None => names.push(name),
                Some(to) => earlier.names.push((name, to)),
            }
        }
        for fact in IdentifierRow::current(connection, &ids)? {
            match fact.valid_to {
                None => identifiers.push((fact.kind, fact.value)),
                Some(to) => earlier.identifiers.push((fact.kind, fact.value, to)),
            }
        }
        for fact in AddressRow::current(connection, &ids)?.into_iter().filter(|fact| !row.shielded && !fact.confidential) {
            let lines = serde_json::from_str(&fact.lines).unwrap_or_default();
            let place = Place { kind: fact.kind, lines, postcode: fact.postcode, uprn: fact.uprn };
            match fact.valid_to {
                None => addresses.push(place),
                Some(to) => earlier.addresses.push((place, to)),
            }
        }
        for fact in HouseholdRow::current(connection, &ids)?.into_iter().filter(|fact| !fact.confidential) {
            let member = Member {
                relationship: fact.relationship,
                carer: fact.carer,
                parental_responsibility: fact.parental_responsibility,
                in_household: fact.in_household,
                given: fact.given,
                family: fact.family,
                date_of_birth: fact.date_of_birth,
                nhs_number: fact.nhs_number,
            };
            match fact.valid_to {
                None => household.push(member),
                Some(to) => earlier.household.push((member, to)),
            }
        }
        let entry = registrations::of(connection, &ids)?
            .into_iter()
            .find(|entry| entry.row.authority == authority && entry.state.kind != "temporary" && entry.is_live_on(today));
        let born = particulars.as_ref();
        Ok(Some(Self {
            shielded: row.shielded,
            names,
            birth_kind: born.map_or_else(|| "unknown".to_owned(), |row| row.birth_kind.clone()),
            birth_from: born.and_then(|row| row.birth_from),
            birth_to: born.and_then(|row| row.birth_to),
            sex: born.map_or_else(|| Sex::Unknown.as_str().to_owned(), |row| row.sex.clone()),
            identifiers,
            addresses,
            household,
            earlier,
            preferred_language: born.and_then(|row| row.preferred_language.clone()),
            communication_needs: born.and_then(|row| row.communication_needs.clone()),
            registered_on: entry.as_ref().map(|entry| entry.state.registered_on),
            categories: entry
                .iter()
                .flat_map(|entry| &entry.categories)
                .filter(|row| row.valid_to.is_none())
                .map(|row| row.category.clone())
                .collect(),
            coordinator: entry.as_ref().and_then(|entry| entry.coordinator()).map(|row| row.name.clone()),
        }))
    }

    /// The categories at home, those that are known here.
    pub(super) fn categories(&self) -> Vec<Category> {
        self.categories.iter().filter_map(|code| code.parse().ok()).collect()
    }

    /// The child as they are entered here. What cannot be read is left out: the child must be found all the same.
    pub(super) fn child(&self, region: &Region, authority: &str) -> NewChild {
        let part = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<NamePart>().ok());
        let name = |given: &Option<String>, family: &Option<String>| PersonName::new(part(given), part(family)).ok();
        let until = |to: Option<NaiveDate>| Validity { from: None, to };
        let names = self.names.iter().map(|stated| (stated, None));
        let names = names.chain(self.earlier.names.iter().map(|(stated, to)| (stated, Some(*to)))).filter_map(|(stated, to)| {
            Some(NewName {
                name_use: stated.name_use.parse().ok()?,
                name: name(&stated.given, &stated.family)?,
                middle: part(&stated.middle),
                validity: until(to),
            })
        });
        let identifiers = self.identifiers.iter().map(|(kind, value)| (kind, value, None));
        let replaced = self.earlier.identifiers.iter().map(|(kind, value, to)| (kind, value, Some(*to)));
        let identifiers = identifiers.chain(replaced).filter_map(|(kind, value, to)| {
            let identifier = Identifier::parse(kind.parse().ok()?, value, region.ranges()).ok()?;
            Some(NewIdentifier { validity: until(to), ..identifier.into() })
        });
        let addresses = self.addresses.iter().map(|stated| (stated, None));
        let addresses = addresses.chain(self.earlier.addresses.iter().map(|(stated, to)| (stated, Some(*to))));
        let addresses = addresses.filter_map(|(stated, to)| {
            let lines = stated.lines.iter().filter_map(|line| line.parse().ok()).collect();
            let postcode = stated.postcode.as_deref().and_then(|text| text.parse().ok());
            let uprn = stated.uprn.as_deref().and_then(|text| text.parse().ok());
            Some(NewAddress {
                kind: stated.kind.parse().ok()?,
                address: Address::new(lines, postcode, uprn).ok()?,
                source: None,
                confidential: false,
                validity: until(to),
            })
        });
        let household = self.household.iter().map(|stated| (stated, None));
        let household = household.chain(self.earlier.household.iter().map(|(stated, to)| (stated, Some(*to))));
        let household = household.filter_map(|(stated, to)| {
            let number = |text: &String| Identifier::parse(IdentifierKind::NhsNumber, text, region.ranges()).ok();
            Some(NewHouseholdMember {
                relationship: stated.relationship.parse().ok()?,
                carer: stated.carer,
                parental_responsibility: stated.parental_responsibility,
                in_household: stated.in_household,
                name: Some(name(&stated.given, &stated.family)?),
                date_of_birth: stated.date_of_birth,
                nhs_number: stated.nhs_number.as_ref().and_then(number),
                related_child: None,
                confidential: false,
                validity: until(to),
            })
        });
        NewChild {
            authority: authority.to_owned(),
            shielded: self.shielded,
            names: names.collect(),
            birth: removal::birth_of(&self.birth_kind, self.birth_from, self.birth_to),
            sex: self.sex.parse().unwrap_or(Sex::Unknown),
            preferred_language: self.preferred_language.as_deref().and_then(|text| text.parse().ok()),
            communication_needs: self.communication_needs.as_deref().and_then(|text| text.parse().ok()),
            identifiers: identifiers.collect(),
            addresses: addresses.collect(),
            household: household.collect(),
            census: CensusItems::default(),
        }
    }
}
