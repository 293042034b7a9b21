//! One row of a file: what it says, what of it cannot be used, and whether it can be an entry at all. Pure.
//!
//! A row is kept whenever it can be an entry on the register. An odd item (an impossible date, a wrong check digit, a text
//! that is too long) is dropped and named in a warning; a row is refused only for what no entry can be without:
//!
//! | refused with | because |
//! | --- | --- |
//! | `authority`: `missing`, `not-a-gss-code`, `unknown-authority`, `authority-of-another-region`, `authority-outside-scope` | whose register is it? |
//! | `status`: `missing`, `unknown-code` | whether a child is on the register is never guessed |
//! | `registeredOn`: `missing`, `wrong-date-shape`, `impossible-date`, `in-the-future` … | nor since when |
//! | `removedOn`: `missing`, `in-the-future`, `ends-before-start`, `starts-and-ends-on-one-day`, `end-does-not-fit-status` | nor until when |
//! | `removalGround`: `missing`, `unknown-code` | there are no other grounds than the six |
//! | `given`: `no-name` | no name, and neither mother nor expected date by which an unborn child is known |
//! | `shielded`: `not-yes-or-no` | whether a child is to be hidden is never guessed |
//!
//! An entry without a category is kept (`no-category`): the decision stands in the earlier register, and a child must not
//! fall off a register because old data has a gap. It raises a task instead, as a missing co-ordinator does.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use chrono::NaiveDate;
use serde::Serialize;

use crate::domain::category::Category;
use crate::domain::census::{CensusItems, Disability, PrimaryNeed, Referral, ReferralSource};
use crate::domain::coded::Coded;
use crate::domain::dates::{BirthDate, DateError, ExpectedDeliveryDate, PartialDate, parse_date};
use crate::domain::identifiers::{GssCode, Identifier, IdentifierKind, Ranges};
use crate::domain::names::{NamePart, NameUse, PersonName};
use crate::domain::nation::Nation;
use crate::domain::postcode::{ADDRESS_LINES_MAX, Address, AddressLine, Postcode};
use crate::domain::registration::{RegistrationStatus, RemovalGround};
use crate::domain::sex::Sex;
use crate::domain::text::Line;
use crate::register::children::{AddressKind, NewAddress, NewChild, NewHouseholdMember, NewIdentifier, NewName, Relationship, Validity};
use crate::register::registrations::{self, NewBasis, NewCoordinator, NewRegistration};
use crate::register::{Region, RegisterError};

/// The columns of a file. All but `authority`, `status` and `registeredOn` may be missing.
pub const COLUMNS: [&str; 30] = [
    "id",
    "given",
    "middle",
    "family",
    "aliasGiven",
    "aliasFamily",
    "dateOfBirth",
    "sex",
    "nhsNumber",
    "address",
    "postcode",
    "motherGiven",
    "motherFamily",
    "expectedDeliveryDate",
    "authority",
    "status",
    "registeredOn",
    "removedOn",
    "removalGround",
    "categories",
    "coordinator",
    "confidentialAddress",
    "reviewDueOn",
    "shielded",
    "ethnicity",
    "disabilities",
    "upnUnknown",
    "referredOn",
    "referralSource",
    "primaryNeed",
];

/// The columns without which no row can be an entry.
pub const REQUIRED: [&str; 3] = ["authority", "status", "registeredOn"];

/// Longest identifier of a row, in characters. Those of case systems have at most some twenty.
const ID_CHARACTERS_MAX: usize = 200;

/// What is odd about a row, or wrong with it. Repeats nothing of what the row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The row, from 1; the header does not count.
    pub row: u64,
    /// The column.
    pub column: &'static str,
    /// Stable code.
    pub code: &'static str,
    /// What would help.
    pub detail: String,
}

/// What rows are judged by.
#[derive(Debug, Clone)]
pub struct Rules {
    nation: Nation,
    authorities: Vec<String>,
    /// Those of the region that are not the importer's.
    outside: Vec<String>,
    elsewhere: Vec<String>,
    ranges: Ranges,
    today: NaiveDate,
}

impl Rules {
    /// The rules of a region, seen from `today`.
    pub fn of(region: &Region, today: NaiveDate) -> Self {
        let gss =
            |entry: &crate::register::RegionEntry| entry.authorities.iter().map(|authority| authority.gss.clone()).collect::<Vec<_>>();
        Self {
            nation: region.own().nation,
            authorities: gss(region.own()),
            outside: Vec::new(),
            elsewhere: region.members().iter().filter(|entry| entry.code != *region.code()).flat_map(|entry| gss(entry)).collect(),
            ranges: region.ranges(),
            today,
        }
    }

    /// The same for somebody who may import for one authority only.
    #[must_use]
    pub fn within(mut self, authority: &str) -> Self {
        (self.authorities, self.outside) = self.authorities.into_iter().partition(|own| own == authority);
        self
    }
}

/// The cells of a row: column and text. An empty cell is one that is not there.
#[derive(Clone, Default)]
pub struct Cells(BTreeMap<String, String>);

impl std::fmt::Debug for Cells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cells(…)")
    }
}

impl Cells {
    /// Reads a cell; nothing when it is empty.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str)
    }

    /// Of the columns that an import reads, in one canonical form: the same row again has the same digest, whatever the
    /// order of its columns and the format of its file.
    fn digest(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for column in COLUMNS {
            if let Some(text) = self.get(column) {
                for part in [column, text] {
                    context.update(&(part.len() as u64).to_be_bytes());
                    context.update(part.as_bytes());
                }
            }
        }
        hex::encode(context.finish().as_ref())
    }
}

impl<K: Into<String>, V: AsRef<str>> FromIterator<(K, V)> for Cells {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(cells: T) -> Self {
        let kept = cells.into_iter().filter(|(_, text)| !text.as_ref().trim().is_empty());
        Self(kept.map(|(column, text)| (column.into(), text.as_ref().trim().to_owned())).collect())
    }
}

/// A child and the entry, ready to go in.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The child.
    pub child: NewChild,
    /// The entry.
    pub registration: NewRegistration,
}

/// A row, read.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its place in the file, from 1.
    pub number: u64,
    /// Its identifier in the source.
    pub external_id: String,
    /// Whether that is the file's own, or made from the row's digest because the file gave none.
    pub own_id: bool,
    /// The digest of what it says.
    pub digest: String,
    /// What it says; nothing when it cannot be an entry.
    pub entry: Option<Entry>,
    /// What was dropped or missed.
    pub warnings: Vec<Remark>,
    /// Why it cannot be an entry.
    pub errors: Vec<Remark>,
}

struct Reading<'a> {
    number: u64,
    cells: &'a Cells,
    warnings: Vec<Remark>,
    errors: Vec<Remark>,
}

impl Reading<'_> {
    fn remark(&self, column: &'static str, code: &'static str, detail: impl ToString) -> Remark {
        Remark { row: self.number, column, code, detail: detail.to_string() }
    }

    fn warn(&mut self, column: &'static str, code: &'static str, detail: impl ToString) {
        self.warnings.push(self.remark(column, code, detail));
    }

    fn refuse(&mut self, column: &'static str, code: &'static str, detail: impl ToString) {
        self.errors.push(self.remark(column, code, detail));
    }

    /// An item that is dropped when it cannot be used.
    fn item<T, E: Coded>(&mut self, column: &'static str, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        match read(self.cells.get(column)?) {
            Ok(item) => Some(item),
            Err(error) => {
                self.warn(column, error.code(), &error);
                None
            }
        }
    }

    /// An item without which there is no entry.
    fn needed<T, E: Coded>(&mut self, column: &'static str, help: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let Some(text) = self.cells.get(column) else {
            self.refuse(column, "missing", help);
            return None;
        };
        match read(text) {
            Ok(item) => Some(item),
            Err(error) => {
                self.refuse(column, error.code(), &error);
                None
            }
        }
    }

    fn name(&mut self, given: &'static str, family: &'static str) -> Option<PersonName> {
        let given = self.item(given, str::parse::<NamePart>);
        let family = self.item(family, str::parse::<NamePart>);
        PersonName::new(given, family).ok()
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "ie" | "oes" => Some(true),
        "false" | "no" | "n" | "0" | "na" | "nac oes" => Some(false),
        _ => None,
    }
}

/// Reads a row.
pub fn read(rules: &Rules, number: u64, cells: &Cells) -> Row {
    let digest = cells.digest();
    let mut reading = Reading { number, cells, warnings: Vec::new(), errors: Vec::new() };
    let own_id = cells.get("id").is_some_and(|id| id.chars().count() <= ID_CHARACTERS_MAX);
    let external_id = match cells.get("id") {
        Some(id) if own_id => id.to_owned(),
        id => {
            let code = if id.is_some() { "too-long" } else { "missing" };
            reading.warn("id", code, "give each row an identifier that stays; without one, a changed row becomes another child");
            format!("digest:{digest}")
        }
    };
    let registration = registration(rules, &mut reading);
    let child = child(rules, &mut reading, registration.as_ref());
    let Reading { warnings, errors, .. } = reading;
    let entry = match (child, registration) {
        (Some(child), Some(registration)) if errors.is_empty() => Some(Entry { child, registration }),
        _ => None,
    };
    Row { number, external_id, own_id, digest, entry, warnings, errors }
}

fn authority(rules: &Rules, reading: &mut Reading<'_>) -> Option<String> {
    let code = reading.needed("authority", "name the authority whose register it is by its GSS code", str::parse::<GssCode>)?;
    let code = code.as_str().to_owned();
    if rules.authorities.contains(&code) {
        return Some(code);
    }
    if rules.outside.contains(&code) {
        reading.refuse("authority", "authority-outside-scope", "let somebody of that authority, or of the region, import this row");
    } else if rules.elsewhere.contains(&code) {
        reading.refuse("authority", "authority-of-another-region", "import this row at the region to which the authority belongs");
    } else {
        reading.refuse("authority", "unknown-authority", "use the GSS code of an authority of this region");
    }
    None
}

fn registration(rules: &Rules, reading: &mut Reading<'_>) -> Option<NewRegistration> {
    let authority = authority(rules, reading);
    let status = reading.needed("status", "say registered or previously-registered", |text| text.to_lowercase().parse());
    let registered_on = reading.needed("registeredOn", "give the day on which the conference decided", parse_date);
    let former = match status {
        Some(RegistrationStatus::PreviouslyRegistered) => Some(true),
        Some(RegistrationStatus::Registered | RegistrationStatus::UnbornRegistered) => Some(false),
        // The others rest on another authority's entry, of which a file says nothing.
        Some(RegistrationStatus::TemporarilyRegistered | RegistrationStatus::TransferPending | RegistrationStatus::EnteredInError) => {
            reading.refuse("status", "unknown-code", "use one of: registered, previously-registered");
            None
        }
        None => None,
    };
    let removed = match former {
        Some(true) => {
            let on = reading.needed("removedOn", "give the day on which the name came off the register", parse_date);
            let ground = reading.needed("removalGround", "give the ground on which it came off", str::parse::<RemovalGround>);
            if on.is_some_and(|on| on > rules.today) {
                reading.refuse("removedOn", "in-the-future", "a child is on the register until that day; import the row after it");
            }
            on.zip(ground)
        }
        Some(false) => {
            if reading.cells.get("removedOn").is_some() {
                reading.refuse("removedOn", "end-does-not-fit-status", "leave removedOn empty, or say previously-registered");
            }
            if reading.cells.get("removalGround").is_some() {
                reading.warn("removalGround", "end-does-not-fit-status", "a ground without an end was left out");
            }
            None
        }
        None => None,
    };
    let categories = categories(rules, reading);
    let coordinator =
        reading.item("coordinator", str::parse::<Line>).map(|name| NewCoordinator { name, person: None, phone: None, email: None });
    let review_due_on = reading.item("reviewDueOn", parse_date);
    let new = NewRegistration {
        authority: authority?,
        registered_on: registered_on?,
        removed,
        basis: NewBasis::EarlierRegister,
        categories,
        coordinator,
        core_group: Vec::new(),
        review_due_on,
        legal_status: None,
    };
    let refused = registrations::check(&new, rules.nation, &[], rules.today).err().filter(|_| former.is_some());
    if let Some((pointer, code, detail)) = refused.as_ref().and_then(RegisterError::rule) {
        let column = if pointer == "/removedOn" { "removedOn" } else { "registeredOn" };
        reading.refuse(column, code, detail);
    }
    Some(new)
}

fn categories(rules: &Rules, reading: &mut Reading<'_>) -> Vec<Category> {
    let mut categories: Vec<Category> = Vec::new();
    for text in reading.cells.get("categories").unwrap_or_default().split(';').map(str::trim).filter(|text| !text.is_empty()) {
        match text.to_lowercase().parse::<Category>() {
            Ok(category) if !category.is_used_in(rules.nation) => {
                reading.warn("categories", "category-not-of-nation", "use the categories of the nation whose conference decided");
            }
            Ok(category) if categories.contains(&category) => {}
            Ok(category) => categories.push(category),
            Err(error) => reading.warn("categories", error.code(), error),
        }
    }
    if categories.is_empty() && rules.nation.requires_category() {
        reading.warn("categories", "no-category", "the entry was taken without one, and somebody is told; add what the conference decided");
    }
    categories
}

/// What returns ask, in the codes of the census. Disabilities are separated by `;`, and `NONE` says that there are none. A
/// referral is taken whole or not at all.
fn census(rules: &Rules, reading: &mut Reading<'_>) -> CensusItems {
    let disabilities = reading.item("disabilities", |text| {
        let codes = text.split(';').map(str::trim).filter(|code| !code.is_empty() && !code.eq_ignore_ascii_case("none"));
        codes.map(|code| code.to_uppercase().parse::<Disability>()).collect::<Result<_, _>>()
    });
    let on = reading.item("referredOn", parse_date);
    let source: Option<ReferralSource> = reading.item("referralSource", |text| text.to_uppercase().parse());
    let primary_need: Option<PrimaryNeed> = reading.item("primaryNeed", |text| text.to_uppercase().parse());
    let referral = on.zip(source).zip(primary_need).map(|((on, source), primary_need)| Referral { on, source, primary_need });
    let late = referral.is_some_and(|referral| referral.on > rules.today);
    if late {
        reading.warn("referredOn", "in-the-future", "give the day on which it arrived, not a later one");
    }
    CensusItems {
        ethnicity: reading.item("ethnicity", |text| text.to_uppercase().parse()),
        disabilities,
        upn_unknown: reading.item("upnUnknown", |text| text.to_uppercase().parse()),
        referral: referral.filter(|_| !late),
    }
}

fn child(rules: &Rules, reading: &mut Reading<'_>, registration: Option<&NewRegistration>) -> Option<NewChild> {
    let official = reading.name("given", "family");
    let middle = reading.item("middle", str::parse::<NamePart>);
    let alias = reading.name("aliasGiven", "aliasFamily");
    let mother = reading.name("motherGiven", "motherFamily");
    let birth = birth(rules, reading, registration.map_or(rules.today, |registration| registration.registered_on));
    let unborn = birth.as_ref().is_some_and(BirthDate::is_expected);
    if official.is_none() && alias.is_none() && mother.is_none() && !unborn {
        reading.refuse("given", "no-name", "give a name; of an unborn child the mother's, or the expected date");
    }
    if official.is_none() && middle.is_some() {
        reading.warn("middle", "no-name", "a middle name without any other was left out");
    }
    let sex = reading.item("sex", |text| match text.to_lowercase().as_str() {
        "f" => Ok(Sex::Female),
        "m" => Ok(Sex::Male),
        text => text.parse(),
    });
    // CIN-VAL 8750: nobody's sex is known before birth.
    let sex = sex.filter(|sex| {
        let known = unborn && *sex != Sex::Unknown;
        if known {
            reading.warn("sex", "sex-before-birth", "the sex of an unborn child was left out: it is recorded with the birth");
        }
        !known
    });
    let number = reading.item("nhsNumber", |text| Identifier::parse(IdentifierKind::NhsNumber, text, rules.ranges));
    let addresses = addresses(reading);
    let shielded = match reading.cells.get("shielded").map(yes_or_no) {
        Some(Some(shielded)) => shielded,
        None => false,
        Some(None) => {
            reading.refuse("shielded", "not-yes-or-no", "say yes or no: whether a child is to be hidden is never guessed");
            true
        }
    };
    let name = |name_use, name: Option<PersonName>, middle: Option<NamePart>| {
        name.map(|name| NewName { name_use, name, middle, validity: Validity::default() })
    };
    Some(NewChild {
        authority: registration?.authority.clone(),
        shielded,
        names: name(NameUse::Official, official, middle).into_iter().chain(name(NameUse::Alias, alias, None)).collect(),
        birth,
        sex: sex.unwrap_or(Sex::Unknown),
        preferred_language: None,
        communication_needs: None,
        identifiers: number.into_iter().map(NewIdentifier::from).collect(),
        addresses,
        census: census(rules, reading),
        household: mother
            .map(|name| NewHouseholdMember {
                relationship: Relationship::Mother,
                carer: true,
                parental_responsibility: true,
                in_household: true,
                name: Some(name),
                date_of_birth: None,
                nhs_number: None,
                related_child: None,
                confidential: false,
                validity: Validity::default(),
            })
            .into_iter()
            .collect(),
    })
}

/// What the row says of the birth. A date is judged from the day of the entry: those once registered have grown up. One that
/// would make the person too old for a child is kept, and said to be odd: it may be the year that is wrong, and the rest of
/// it still finds the child.
fn birth(rules: &Rules, reading: &mut Reading<'_>, registered_on: NaiveDate) -> Option<BirthDate> {
    let born = reading.item("dateOfBirth", |text| {
        let birth = text.parse::<PartialDate>().and_then(BirthDate::from_partial)?;
        if birth.plausible_for_child(rules.today) == Err(DateError::InTheFuture) { Err(DateError::InTheFuture) } else { Ok(birth) }
    });
    if born.is_some_and(|birth| birth.plausible_for_child(registered_on) == Err(DateError::TooLongAgo)) {
        reading.warn("dateOfBirth", DateError::TooLongAgo.code(), DateError::TooLongAgo.to_string());
    }
    let expected = reading.item("expectedDeliveryDate", |text| {
        let date = text.parse::<ExpectedDeliveryDate>()?;
        match (date.plausible(rules.today), date.plausible(registered_on)) {
            (Err(DateError::ExpectedTooLate), _) => Err(DateError::ExpectedTooLate),
            (_, Err(DateError::ExpectedTooEarly)) => Err(DateError::ExpectedTooEarly),
            _ => Ok(date),
        }
    });
    match (born, expected) {
        (Some(born), expected) => {
            if expected.is_some() {
                reading.warn("expectedDeliveryDate", DateError::TooMany.code(), "the child is born: the expected date was left out");
            }
            Some(born)
        }
        (None, Some(expected)) => Some(BirthDate::Expected(expected)),
        (None, None) => None,
    }
}

/// The lines of an address written as one text: at line breaks and commas, while that makes no more lines than there may be.
fn lines(text: &str) -> Result<Vec<AddressLine>, crate::domain::postcode::AddressError> {
    let split: Vec<&str> = text.split(['\n', '\r', ',']).map(str::trim).filter(|line| !line.is_empty()).collect();
    if split.len() <= ADDRESS_LINES_MAX { split.into_iter().map(str::parse).collect() } else { Ok(vec![text.parse()?]) }
}

/// The addresses of a row. `confidentialAddress` says either whether the address is confidential, or, as the registers of
/// some authorities have it, the confidential address itself.
fn addresses(reading: &mut Reading<'_>) -> Vec<NewAddress> {
    let written = reading.item("address", lines).unwrap_or_default();
    let postcode = reading.item("postcode", str::parse::<Postcode>);
    let flag = reading.cells.get("confidentialAddress").map(|text| (text, yes_or_no(text)));
    let mut hidden = None;
    let confidential = match flag {
        None => false,
        Some((_, Some(confidential))) => confidential,
        Some((text, None)) if text.contains([',', ' ']) && text.contains(|c: char| c.is_ascii_digit()) => {
            hidden = reading.item("confidentialAddress", lines);
            // What cannot be kept must at least not be told.
            hidden.is_none()
        }
        Some((_, None)) => {
            reading.warn("confidentialAddress", "not-yes-or-no", "the address is kept confidential, to be on the safe side");
            true
        }
    };
    let address = |lines, postcode, confidential| {
        let address = Address::new(lines, postcode, None).ok()?;
        Some(NewAddress { kind: AddressKind::Home, address, source: None, confidential, validity: Validity::default() })
    };
    let open = address(written, postcode, confidential);
    let hidden = hidden.and_then(|mut lines: Vec<AddressLine>| {
        // A postcode at the end is one: the matcher never sees it, but those who may read the address do.
        let postcode = lines.last().and_then(|line| line.expose().parse::<Postcode>().ok()).filter(Postcode::is_united_kingdom);
        if postcode.is_some() {
            lines.pop();
        }
        address(lines, postcode, true)
    });
    open.into_iter().chain(hidden).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 9] = [
        ("id", "r-1"),
        ("given", "Siân"),
        ("family", "Example"),
        ("dateOfBirth", "2019-03-04"),
        ("authority", "W06000022"),
        ("status", "registered"),
        ("registeredOn", "2026-01-05"),
        ("categories", "neglect; emotional"),
        ("coordinator", "Alex Sample"),
    ];

    fn rules() -> Rules {
        Rules {
            nation: Nation::Wales,
            authorities: vec!["W06000022".into()],
            outside: Vec::new(),
            elsewhere: vec!["W06000015".into()],
            ranges: Ranges::Live,
            today: parse_date("2026-11-22").unwrap(),
        }
    }

    fn with(changes: &[(&'static str, &'static str)]) -> Row {
        let mut cells: BTreeMap<&str, &str> = GOOD.into_iter().collect();
        cells.extend(changes.iter().copied());
        read(&rules(), 7, &cells.into_iter().collect())
    }

    fn codes(remarks: &[Remark]) -> Vec<(&'static str, &'static str)> {
        remarks.iter().map(|remark| (remark.column, remark.code)).collect()
    }

    type Changes = &'static [(&'static str, &'static str)];

    #[test]
    fn a_good_row_is_taken_whole() {
        let row = with(&[("aliasGiven", "Sian"), ("motherGiven", "Mair"), ("address", "12 Heol y Bont, Casnewydd"), ("sex", "F")]);
        assert_eq!((codes(&row.warnings), codes(&row.errors)), (vec![], vec![]));
        let Entry { child, registration } = row.entry.unwrap();
        assert_eq!((child.names.len(), child.household.len(), child.sex), (2, 1, Sex::Female));
        assert_eq!(child.addresses[0].address.lines().len(), 2);
        assert!(!child.addresses[0].confidential && !child.shielded);
        assert_eq!(registration.categories, [Category::Neglect, Category::Emotional]);
        assert!(registration.removed.is_none() && registration.coordinator.is_some());
    }

    #[test]
    fn an_odd_item_is_dropped_and_the_row_kept() {
        let table: [(Changes, &[(&str, &str)]); 25] = [
            (&[("id", "")], &[("id", "missing")]),
            (&[("dateOfBirth", "2019-02-30")], &[("dateOfBirth", "impossible-date")]),
            (&[("dateOfBirth", "04/03/2019")], &[("dateOfBirth", "wrong-date-shape")]),
            (&[("dateOfBirth", "2026-11-23")], &[("dateOfBirth", "in-the-future")]),
            (&[("dateOfBirth", "1999-01-01")], &[("dateOfBirth", "too-long-ago")]),
            (&[("dateOfBirth", "2019-03")], &[]),
            (&[("dateOfBirth", "2019")], &[]),
            (&[("nhsNumber", "9434765918")], &[("nhsNumber", "wrong-check-digit")]),
            (&[("nhsNumber", "943476591")], &[("nhsNumber", "not-ten-digits")]),
            (&[("nhsNumber", "9434765919")], &[("nhsNumber", "test-number")]),
            (&[("nhsNumber", "401 023 2137")], &[]),
            (&[("sex", "girl")], &[("sex", "unknown-code")]),
            (&[("middle", "123")], &[("middle", "no-letter")]),
            (&[("given", ""), ("middle", "Mair"), ("family", ""), ("aliasGiven", "Mair")], &[("middle", "no-name")]),
            (&[("categories", "")], &[("categories", "no-category")]),
            (&[("categories", "neglect;grave-concern")], &[("categories", "unknown-code")]),
            (&[("removalGround", "died")], &[("removalGround", "end-does-not-fit-status")]),
            (&[("expectedDeliveryDate", "2026-12-24")], &[("expectedDeliveryDate", "too-many-dates")]),
            (&[("dateOfBirth", ""), ("expectedDeliveryDate", "2028-12-24")], &[("expectedDeliveryDate", "expected-date-too-late")]),
            (&[("dateOfBirth", ""), ("expectedDeliveryDate", "2025-01-01")], &[("expectedDeliveryDate", "expected-date-too-early")]),
            (&[("reviewDueOn", "soon")], &[("reviewDueOn", "wrong-date-shape")]),
            (&[("ethnicity", "white")], &[("ethnicity", "unknown-code")]),
            (&[("disabilities", "AUT;XYZ")], &[("disabilities", "unknown-code")]),
            (&[("referredOn", "2099-01-01"), ("referralSource", "6"), ("primaryNeed", "N1")], &[("referredOn", "in-the-future")]),
            (&[("confidentialAddress", "perhaps")], &[("confidentialAddress", "not-yes-or-no")]),
        ];
        for (changes, warnings) in table {
            let row = with(changes);
            assert_eq!(codes(&row.warnings), warnings, "{changes:?}");
            assert_eq!(codes(&row.errors), [], "{changes:?}");
            assert!(row.entry.is_some(), "{changes:?}");
        }
    }

    #[test]
    fn what_cannot_be_an_entry_is_refused() {
        const FORMER: &str = "previously-registered";
        let table: [(Changes, (&str, &str)); 17] = [
            (&[("authority", "")], ("authority", "missing")),
            (&[("authority", "Newport")], ("authority", "not-a-gss-code")),
            (&[("authority", "W06000015")], ("authority", "authority-of-another-region")),
            (&[("authority", "W06000099")], ("authority", "unknown-authority")),
            (&[("status", "")], ("status", "missing")),
            (&[("status", "active")], ("status", "unknown-code")),
            (&[("status", "temporarily-registered")], ("status", "unknown-code")),
            (&[("registeredOn", "")], ("registeredOn", "missing")),
            (&[("registeredOn", "2026-01")], ("registeredOn", "wrong-date-shape")),
            (&[("registeredOn", "2026-11-23")], ("registeredOn", "in-the-future")),
            (&[("removedOn", "2026-03-01")], ("removedOn", "end-does-not-fit-status")),
            (&[("status", FORMER), ("removalGround", "died")], ("removedOn", "missing")),
            (&[("status", FORMER), ("removedOn", "2026-03-01")], ("removalGround", "missing")),
            (&[("status", FORMER), ("removedOn", "2026-03-01"), ("removalGround", "moved")], ("removalGround", "unknown-code")),
            (&[("status", FORMER), ("removedOn", "2025-03-01"), ("removalGround", "died")], ("removedOn", "ends-before-start")),
            (&[("given", "?"), ("family", "")], ("given", "no-name")),
            (&[("shielded", "perhaps")], ("shielded", "not-yes-or-no")),
        ];
        for (changes, error) in table {
            let row = with(changes);
            assert!(codes(&row.errors).contains(&error), "{changes:?}: {:?}", codes(&row.errors));
            assert!(row.entry.is_none(), "{changes:?}");
        }
    }

    #[test]
    fn an_unborn_child_needs_no_name() {
        for changes in [
            &[("given", ""), ("family", ""), ("dateOfBirth", ""), ("expectedDeliveryDate", "2026-12-24"), ("motherGiven", "Mair")][..],
            &[("given", ""), ("family", ""), ("dateOfBirth", ""), ("expectedDeliveryDate", "2026-12-24")],
            &[("given", ""), ("family", ""), ("motherGiven", "Mair"), ("motherFamily", "Example")],
        ] {
            let row = with(changes);
            assert!(row.entry.is_some_and(|entry| entry.child.names.is_empty()), "{:?}", row.errors);
        }
    }

    #[test]
    fn somebody_who_has_grown_up_keeps_the_date_of_birth() {
        let row = with(&[
            ("dateOfBirth", "1985-03-04"),
            ("registeredOn", "1995-01-05"),
            ("status", "previously-registered"),
            ("removedOn", "1996-01-05"),
            ("removalGround", "review-conference-decision"),
        ]);
        assert_eq!((codes(&row.warnings), codes(&row.errors)), (vec![], vec![]));
        assert!(row.entry.is_some_and(|entry| entry.child.birth.is_some()));
    }

    #[test]
    fn a_confidential_address_is_never_an_open_one() {
        // address, confidentialAddress → whether each address kept is confidential
        let table: [(&str, &str, &[bool]); 7] = [
            ("1 Heol y Bont", "", &[false]),
            ("1 Heol y Bont", "no", &[false]),
            ("1 Heol y Bont", "yes", &[true]),
            ("1 Heol y Bont", "TRUE", &[true]),
            ("1 Heol y Bont", "perhaps", &[true]),
            ("1 Heol y Bont", "Ty Glas, 2 Maes Glas, NP20 1AA", &[false, true]),
            ("", "2 Maes Glas, Casnewydd", &[true]),
        ];
        for (address, confidential, expected) in table {
            let changes: &[(&'static str, &'static str)] = &[("address", address), ("confidentialAddress", confidential)];
            let kept = with(changes).entry.unwrap().child.addresses;
            assert_eq!(kept.iter().map(|address| address.confidential).collect::<Vec<_>>(), expected, "{confidential}");
        }
    }

    /// What is invented to be imported – by the demo's readers, by tests and by measurements – is a register.
    #[test]
    fn an_invented_register_is_taken_whole() {
        use crate::invent::{SetSize, development_set, write_import};
        let day = parse_date("2026-11-17").unwrap();
        let size = SetSize { register: 3_000, on_register: 1, off_register: 0, siblings: 0 };
        let mut children = development_set(size, 20_261_122, day).register;
        for child in &mut children {
            child.authority = "W06000022".to_owned();
        }
        let mut file = Vec::new();
        write_import(&children, &mut file).unwrap();
        let mut sheet = csv::Reader::from_reader(file.as_slice());
        let header = sheet.headers().unwrap().clone();
        let mut refused: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut rows = 0;
        for record in sheet.records() {
            let cells: Cells =
                header.iter().zip(record.unwrap().iter()).map(|(column, text)| (column.to_owned(), text.to_owned())).collect();
            rows += 1;
            for error in read(&rules(), rows, &cells).errors {
                *refused.entry((error.column, error.code)).or_default() += 1;
            }
        }
        assert!(rows > 2_000, "{rows}");
        assert!(refused.is_empty(), "{rows} rows: {refused:?}");
    }

    #[test]
    fn the_digest_is_of_what_the_row_says() {
        let digest = |changes: &[(&'static str, &'static str)]| with(changes).digest;
        assert_eq!(digest(&[]), digest(&[("somethingElse", "x"), ("given", " Siân ")]));
        assert_ne!(digest(&[]), digest(&[("given", "Sian")]));
        assert_ne!(digest(&[("given", "ab"), ("middle", "")]), digest(&[("given", "a"), ("middle", "b")]));
    }
}
