//! Is there enough to search on?

use super::birth::BirthForm;
use super::person::Sex;
use super::record::{Query, Role};
use serde::Serialize;
use thiserror::Error;

/// A particular that a question may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchItem {
    /// Forename.
    GivenName,
    /// Family name.
    FamilyName,
    /// A full date of birth.
    FullDateOfBirth,
    /// A date, a range or an age.
    DateOrAge,
    /// Sex.
    Sex,
    /// Postcode.
    Postcode,
    /// Both names of the mother.
    MotherNames,
    /// Expected date of delivery.
    ExpectedDate,
}

/// There is not enough to search on.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize)]
#[error("not enough to search on")]
pub struct Missing {
    /// Ways to make it enough: in each, every item named is still missing and any one of the inner
    /// choices will do. Shortest first. An NHS number is always enough.
    pub ways: Vec<Vec<Vec<SearchItem>>>,
}

/// The rule: an identifier; or both names and any date, range, age or postcode; or one name, a full date and
/// sex or postcode; or the mother's two names and an expected date or postcode. Placeholders are not names.
///
/// # Errors
/// [`Missing`], with what would make it enough.
pub fn enough_to_search(query: &Query) -> Result<(), Missing> {
    use SearchItem::{DateOrAge, ExpectedDate, FamilyName, FullDateOfBirth, GivenName, MotherNames, Postcode};
    let p = &query.0;
    if !p.identifiers.is_empty() {
        return Ok(());
    }
    let given = !p.run(Role::Given).is_empty();
    let family = !p.run(Role::Family).is_empty();
    let postcode = p.addresses.iter().any(|address| address.postcode.is_some());
    let full = matches!(p.birth, BirthForm::Full { .. });
    let mother = p.run(Role::CarerGiven).iter().any(|token| !token.other) && p.run(Role::CarerFamily).iter().any(|token| !token.other);
    let sex = p.sex != Sex::Unknown;

    let mut ways: Vec<Vec<Vec<SearchItem>>> = Vec::new();
    let mut way = |needs: &[(bool, &[SearchItem])]| {
        ways.push(needs.iter().filter(|(present, _)| !present).map(|(_, items)| items.to_vec()).collect());
    };
    way(&[(given, &[GivenName]), (family, &[FamilyName]), (p.birth.is_known() || postcode, &[DateOrAge, Postcode])]);
    way(&[(given || family, &[GivenName, FamilyName]), (full, &[FullDateOfBirth]), (sex || postcode, &[SearchItem::Sex, Postcode])]);
    way(&[(mother, &[MotherNames]), (p.is_unborn() || postcode, &[ExpectedDate, Postcode])]);
    if ways.iter().any(Vec::is_empty) {
        return Ok(());
    }
    ways.sort_by_key(Vec::len);
    Err(Missing { ways })
}

#[cfg(test)]
mod tests {
    use super::super::person::{Birth, Person, PersonAddress, PersonCarer, PersonName};
    use super::*;

    #[test]
    fn the_rule() {
        let words = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        // given, family, birth, sex, postcode, mother (two names), expected, NHS number → enough
        let table = [
            ("", "", "", "", "", "", "", "9434765919", true),
            ("Siân", "Evans", "2015-03-04", "", "", "", "", "", true),
            ("Siân", "Evans", "2015", "", "", "", "", "", true),
            ("Siân", "Evans", "", "", "CF10 3AT", "", "", "", true),
            ("Siân", "Evans", "", "", "ZZ99 3VZ", "", "", "", false),
            ("Siân", "Evans", "", "F", "", "", "", "", false),
            ("Baby", "Evans", "2015", "", "", "", "", "", false),
            ("Siân", "", "2015-03-04", "F", "", "", "", "", true),
            ("", "Evans", "2015-03-04", "", "CF10 3AT", "", "", "", true),
            ("", "Evans", "2015-03-04", "", "", "", "", "", false),
            ("", "Evans", "2015-03", "F", "CF10 3AT", "", "", "", false),
            ("", "", "", "", "", "Mair Evans", "2024-06-01", "", true),
            ("", "", "", "", "CF10 3AT", "Mair Evans", "", "", true),
            ("", "", "", "", "", "Mair Evans", "", "", false),
            ("", "", "", "", "", "Mair", "2024-06-01", "", false),
            ("", "", "", "", "", "", "", "", false),
        ];
        for (given, family, birth, sex, postcode, mother, expected, number, enough) in table {
            let mut mother = mother.split_whitespace().map(str::to_owned);
            let person = Person {
                names: vec![PersonName { given: words(given), family: words(family), ..PersonName::default() }],
                birth: expected.parse().map_or(Birth::from_text(birth), Birth::Expected),
                sex: if sex == "F" { Sex::Female } else { Sex::Unknown },
                nhs_numbers: words(number).into_iter().collect(),
                addresses: vec![PersonAddress { postcode: words(postcode), current: true, ..PersonAddress::default() }],
                carers: vec![PersonCarer { given: mother.next(), family: mother.next(), is_mother: true, hidden: false }],
            };
            assert_eq!(enough_to_search(&Query::new(&person)).is_ok(), enough, "{given} {family} {birth} {mother:?}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let person = Person {
            names: vec![PersonName { given: Some("Siân".into()), family: Some("Evans".into()), ..PersonName::default() }],
            ..Person::default()
        };
        let missing = enough_to_search(&Query::new(&person)).unwrap_err();
        assert_eq!(missing.ways[0], vec![vec![SearchItem::DateOrAge, SearchItem::Postcode]]);
    }
}
