//! Shapes that several resources share: names, addresses, contacts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::Fields;
use crate::domain::contact::Contact;
use crate::domain::identifiers::Uprn;
use crate::domain::names::{NamePart, PersonName};
use crate::domain::postcode::{Address, AddressLine, Postcode};

/// A name; a part that is not known is absent.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NameShape {
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Siân")]
    pub given: Option<String>,
    /// Middle names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Haf")]
    pub middle: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Llewellyn")]
    pub family: Option<String>,
}

impl std::fmt::Debug for NameShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameShape([personal])")
    }
}

/// Parts of a name as the matcher takes them: given, middle, family.
pub type NameParts = (Option<String>, Option<String>, Option<String>);

impl NameShape {
    fn part(text: Option<&String>, pointer: &str, fields: &mut Fields) -> Option<NamePart> {
        // An empty box in a form is a name that is not known.
        text.filter(|text| !text.trim().is_empty()).and_then(|text| fields.keep(pointer, text.parse::<NamePart>()))
    }

    /// The parts, when there is at least one.
    pub fn parts(&self, pointer: &str, fields: &mut Fields) -> Option<NameParts> {
        let part = |part: Option<NamePart>| part.map(|part| part.expose().to_owned());
        let given = part(Self::part(self.given.as_ref(), &format!("{pointer}/given"), fields));
        let middle = part(Self::part(self.middle.as_ref(), &format!("{pointer}/middle"), fields));
        let family = part(Self::part(self.family.as_ref(), &format!("{pointer}/family"), fields));
        (given.is_some() || family.is_some()).then_some((given, middle, family))
    }

    /// The name, when there is at least one part of it; an empty one is a mistake.
    pub fn name(&self, pointer: &str, fields: &mut Fields) -> Option<(PersonName, Option<NamePart>)> {
        let given = Self::part(self.given.as_ref(), &format!("{pointer}/given"), fields);
        let middle = Self::part(self.middle.as_ref(), &format!("{pointer}/middle"), fields);
        let family = Self::part(self.family.as_ref(), &format!("{pointer}/family"), fields);
        fields.keep(pointer, PersonName::new(given, family)).map(|name| (name, middle))
    }
}

/// An address.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressShape {
    /// Lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["14 Stryd y Felin", "Casnewydd"]))]
    pub lines: Vec<String>,
    /// Postcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "NP20 4QR")]
    pub postcode: Option<String>,
    /// Unique property reference number, 1 to 12 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "100100812345")]
    pub uprn: Option<String>,
}

impl std::fmt::Debug for AddressShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AddressShape([personal])")
    }
}

impl AddressShape {
    /// The address; an empty one is a mistake.
    pub fn read(&self, pointer: &str, fields: &mut Fields) -> Option<Address> {
        let lines: Vec<AddressLine> = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .filter_map(|(index, line)| fields.keep(&format!("{pointer}/lines/{index}"), line.parse()))
            .collect();
        let postcode: Option<Postcode> =
            fields.optional(&format!("{pointer}/postcode"), self.postcode.as_deref().filter(|text| !text.trim().is_empty()));
        let uprn: Option<Uprn> = fields.optional(&format!("{pointer}/uprn"), self.uprn.as_deref());
        fields.keep(pointer, Address::new(lines, postcode, uprn))
    }
}

/// Whom to ring.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactView {
    /// Who answers.
    #[schema(example = "Newport emergency duty team")]
    name: String,
    /// The number.
    #[schema(example = "029 2018 0043")]
    phone: String,
    /// E-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// When they are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    hours: Option<String>,
}

impl ContactView {
    /// What is shown of a contact.
    pub fn new(contact: &Contact) -> Self {
        Self {
            name: contact.name.expose().to_owned(),
            phone: contact.phone.expose().to_owned(),
            email: contact.email.as_ref().map(|email| email.expose().to_owned()),
            hours: contact.hours.as_ref().map(|hours| hours.expose().to_owned()),
        }
    }
}
