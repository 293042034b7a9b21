//! The child, as one region tells another with what begins a move: as much as it takes to know the child again and to show them.
//!
//! What is confidential stays behind: addresses and household members that are, and every address of a restricted record
//! (invariants I16, scenario S42).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::category::Category;
use crate::domain::census::CensusItems;
use crate::domain::identifiers::Identifier;
use crate::domain::names::{NamePart, PersonName};
use crate::domain::postcode::Address;
use crate::domain::sex::Sex;
use crate::register::children::{self, NewAddress, NewChild, NewHouseholdMember, NewName, Validity};
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
        let names = NameRow::current(connection, &ids)?.into_iter().filter(|row| row.valid_to.is_none());
        let identifiers = IdentifierRow::current(connection, &ids)?.into_iter().filter(|row| row.valid_to.is_none());
        let addresses = AddressRow::current(connection, &ids)?;
        let addresses = addresses.into_iter().filter(|place| !row.shielded && !place.confidential && place.valid_to.is_none());
        let household = HouseholdRow::current(connection, &ids)?;
        let household = household.into_iter().filter(|member| !member.confidential && member.valid_to.is_none());
        let entry = registrations::of(connection, &ids)?
            .into_iter()
            .find(|entry| entry.row.authority == authority && entry.state.kind != "temporary" && entry.is_live_on(today));
        Ok(Some(Self {
            shielded: row.shielded,
            names: names.map(|row| Name { name_use: row.name_use, given: row.given, middle: row.middle, family: row.family }).collect(),
            birth_kind: particulars.as_ref().map_or_else(|| "unknown".to_owned(), |row| row.birth_kind.clone()),
            birth_from: particulars.as_ref().and_then(|row| row.birth_from),
            birth_to: particulars.as_ref().and_then(|row| row.birth_to),
            sex: particulars.map_or_else(|| Sex::Unknown.as_str().to_owned(), |row| row.sex),
            identifiers: identifiers.map(|row| (row.kind, row.value)).collect(),
            addresses: addresses
                .map(|row| Place {
                    kind: row.kind,
                    lines: serde_json::from_str(&row.lines).unwrap_or_default(),
                    postcode: row.postcode,
                    uprn: row.uprn,
                })
                .collect(),
            household: household
                .map(|row| Member {
                    relationship: row.relationship,
                    carer: row.carer,
                    parental_responsibility: row.parental_responsibility,
                    in_household: row.in_household,
                    given: row.given,
                    family: row.family,
                    date_of_birth: row.date_of_birth,
                })
                .collect(),
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
        let names = self.names.iter().filter_map(|stated| {
            Some(NewName {
                name_use: stated.name_use.parse().ok()?,
                name: name(&stated.given, &stated.family)?,
                middle: part(&stated.middle),
                validity: Validity::default(),
            })
        });
        let identifiers = self
            .identifiers
            .iter()
            .filter_map(|(kind, value)| Identifier::parse(kind.parse().ok()?, value, region.ranges()).ok().map(Into::into));
        let addresses = self.addresses.iter().filter_map(|stated| {
            let lines = stated.lines.iter().filter_map(|line| line.parse().ok()).collect();
            let read = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
            let uprn = stated.uprn.as_deref().and_then(|text| text.parse().ok());
            Some(NewAddress {
                kind: stated.kind.parse().ok()?,
                address: Address::new(lines, read(&stated.postcode), uprn).ok()?,
                source: None,
                confidential: false,
                validity: Validity::default(),
            })
        });
        let household = self.household.iter().filter_map(|stated| {
            Some(NewHouseholdMember {
                relationship: stated.relationship.parse().ok()?,
                carer: stated.carer,
                parental_responsibility: stated.parental_responsibility,
                in_household: stated.in_household,
                name: Some(name(&stated.given, &stated.family)?),
                date_of_birth: stated.date_of_birth,
                nhs_number: None,
                related_child: None,
                confidential: false,
                validity: Validity::default(),
            })
        });
        NewChild {
            authority: authority.to_owned(),
            shielded: self.shielded,
            names: names.collect(),
            birth: removal::birth_of(&self.birth_kind, self.birth_from, self.birth_to),
            sex: self.sex.parse().unwrap_or(Sex::Unknown),
            preferred_language: None,
            communication_needs: None,
            identifiers: identifiers.collect(),
            addresses: addresses.collect(),
            household: household.collect(),
            census: CensusItems::default(),
        }
    }
}
