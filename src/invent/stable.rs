//! Children who are the same in every demo, whatever the seed, so that documents can name them.
//!
//! Their names, birth dates and numbers never change. The dates of their entries move with the day the demo begins, so
//! that a review is always due and a former entry is always recent.

use chrono::{Duration, NaiveDate};

use super::child::{
    AddressKind, Birth, Category, InventedAddress, InventedCarer, InventedChild, InventedName, InventedRegistration, LegalStatus, NameKind,
    Removal, RemovalGround, Sex, Standing, weekday,
};
use super::dice::Dice;
use super::entry::{coordinator_role, worker};
use super::names::NameTradition;
use super::places::Place;

/// Key of the child who is simply found: Siân Llewellyn, born 9 May 2017, Newport.
pub const FOUND: &str = "stable-found";
/// NHS number of the child who is simply found.
pub const FOUND_NHS_NUMBER: &str = "9990001006";
/// Key of the brother of the child who is found; he lives with her and is not on the register.
pub const FOUND_BROTHER: &str = "stable-found-brother";
/// NHS number of the brother of the child who is found.
pub const FOUND_BROTHER_NHS_NUMBER: &str = "9990010099";
/// Key of the child in a refuge whose address may never leave Cardiff: Mariam Haddad, born 23 October 2019.
pub const RESTRICTED: &str = "stable-restricted";
/// NHS number of the restricted child.
pub const RESTRICTED_NHS_NUMBER: &str = "9990002010";
/// Key of the child of whom only the forename and roughly the age are known: Eluned, born 2015 or 2016, Blaenau Gwent.
pub const SPARSE: &str = "stable-sparse";
/// Key of the child who is not yet born: the mother is Chloe Vaughan of Cwmbran.
pub const UNBORN: &str = "stable-unborn";
/// NHS number of the mother of the child who is not yet born.
pub const UNBORN_MOTHER_NHS_NUMBER: &str = "9990009082";
/// Key of the child who was on the register until a year ago: Tomos Bevan, born 28 January 2014, Caerphilly.
pub const FORMER: &str = "stable-former";
/// NHS number of the child who was on the register.
pub const FORMER_NHS_NUMBER: &str = "9990003025";
/// Key of one twin: Elin Parry-Jones, born 16 August 2020, Abergavenny.
pub const TWIN: &str = "stable-twin";
/// NHS number of one twin.
pub const TWIN_NHS_NUMBER: &str = "9990005044";
/// Key of the other twin: Erin Parry-Jones.
pub const OTHER_TWIN: &str = "stable-other-twin";
/// NHS number of the other twin.
pub const OTHER_TWIN_NHS_NUMBER: &str = "9990006059";
/// Key of the home entry of the child in two regions: Jakub Kowalczyk, born 4 March 2013, Newport.
pub const TWO_REGIONS: &str = "stable-two-regions";
/// Key of the temporary entry, in Birmingham, of the child in two regions.
pub const TWO_REGIONS_STAY: &str = "stable-two-regions-stay";
/// NHS number of the child in two regions.
pub const TWO_REGIONS_NHS_NUMBER: &str = "9990007063";
/// Key of the child of another nation's region: Amara Osei, born 11 April 2018, Birmingham.
pub const ELSEWHERE: &str = "stable-elsewhere";
/// NHS number of the child of another nation's region.
pub const ELSEWHERE_NHS_NUMBER: &str = "9990907072";
/// Key of the person who is on no register: Peredur Tremain, born 21 June 2016.
pub const NONE: &str = "stable-none";
/// NHS number of the person who is on no register.
pub const NONE_NHS_NUMBER: &str = "9990008078";

const NEWPORT: &str = "W06000022";
const BIRMINGHAM: &str = "E08000025";

/// The children of a region who are the same in every run; they come first among its children.
pub fn stable_children(region_code: &str, today: NaiveDate) -> Vec<InventedChild> {
    match region_code {
        "gwent" => {
            let (twin, other_twin) = twins(today);
            let mut children = found(today);
            children.extend([sparse(today), unborn(today), former(today), twin, other_twin, two_regions(today)]);
            children
        }
        "cardiff-and-vale" => vec![restricted(today)],
        "west-midlands" => vec![two_regions_stay(today), elsewhere(today)],
        _ => Vec::new(),
    }
}

/// Somebody who is on no register: the answer to a check about him is that he is not.
pub fn stable_nobody() -> InventedChild {
    InventedChild {
        names: official("Peredur", None, "Tremain"),
        birth: Birth::Exact(date(2016, 6, 21)),
        sex: Sex::Male,
        nhs_number: Some(NONE_NHS_NUMBER.to_owned()),
        addresses: vec![home(&["5 Trinity Walk", "Newport"], "NP19 8DL", date(2016, 6, 21))],
        carers: vec![mother("Bethan", "Tremain", date(1989, 9, 2))],
        ..blank(NONE, NEWPORT)
    }
}

fn found(today: NaiveDate) -> Vec<InventedChild> {
    let moved_in = date(2020, 2, 1);
    let address = || vec![home(&["14 Stryd y Felin", "Casnewydd"], "NP20 4QR", moved_in)];
    let carers = || vec![mother("Rhiannon", "Llewellyn", date(1990, 2, 17)), carer("Gareth", "Pryce", date(1987, 11, 3), "father")];
    let girl = InventedChild {
        tradition: NameTradition::Welsh,
        names: vec![name(NameKind::Official, "Siân", Some("Haf"), "Llewellyn"), name(NameKind::Alias, "Shan", None, "Pryce")],
        birth: Birth::Exact(date(2017, 5, 9)),
        sex: Sex::Female,
        nhs_number: Some(FOUND_NHS_NUMBER.to_owned()),
        addresses: address(),
        carers: carers(),
        siblings: vec![FOUND_BROTHER.to_owned()],
        language: "cy",
        registration: Some(entry(
            NEWPORT,
            Standing::Registered,
            &[Category::Neglect, Category::Emotional],
            today - Duration::days(120),
            today,
        )),
        ..blank(FOUND, NEWPORT)
    };
    let brother = InventedChild {
        tradition: NameTradition::Welsh,
        names: official("Macsen", Some("Wyn"), "Llewellyn"),
        birth: Birth::Exact(date(2014, 11, 30)),
        sex: Sex::Male,
        nhs_number: Some(FOUND_BROTHER_NHS_NUMBER.to_owned()),
        addresses: address(),
        carers: carers(),
        siblings: vec![FOUND.to_owned()],
        language: "cy",
        ..blank(FOUND_BROTHER, NEWPORT)
    };
    vec![girl, brother].into_iter().map(|child| InventedChild { family_key: FOUND.to_owned(), ..child }).collect()
}

fn restricted(today: NaiveDate) -> InventedChild {
    const CARDIFF: &str = "W06000015";
    let moved_in = weekday(today - Duration::days(50));
    InventedChild {
        tradition: NameTradition::Arabic,
        names: official("Mariam", None, "Haddad"),
        birth: Birth::Exact(date(2019, 10, 23)),
        sex: Sex::Female,
        nhs_number: Some(RESTRICTED_NHS_NUMBER.to_owned()),
        addresses: vec![
            InventedAddress { kind: AddressKind::Refuge, confidential: true, ..home(&["3 Clos Heulog", "Caerdydd"], "CF24 3WX", moved_in) },
            InventedAddress { to: Some(moved_in), ..home(&["27 Albany Place", "Cardiff"], "CF11 6TT", date(2019, 10, 23)) },
        ],
        carers: vec![mother("Lina", "Haddad", date(1994, 4, 12))],
        language: "ar",
        communication_needs: Some("Interpreter needed".to_owned()),
        shielded: true,
        registration: Some(entry(CARDIFF, Standing::Registered, &[Category::Physical], moved_in, today)),
        ..blank(RESTRICTED, CARDIFF)
    }
}

fn sparse(today: NaiveDate) -> InventedChild {
    const BLAENAU_GWENT: &str = "W06000019";
    InventedChild {
        tradition: NameTradition::Welsh,
        names: vec![InventedName { kind: NameKind::Official, given: Some("Eluned".to_owned()), middle: None, family: None }],
        birth: Birth::Approximate { from: date(2015, 1, 1), to: date(2016, 12, 31) },
        sex: Sex::Female,
        registration: Some(entry(BLAENAU_GWENT, Standing::Registered, &[Category::Neglect], today - Duration::days(20), today)),
        ..blank(SPARSE, BLAENAU_GWENT)
    }
}

fn unborn(today: NaiveDate) -> InventedChild {
    const TORFAEN: &str = "W06000020";
    InventedChild {
        birth: Birth::Expected(today + Duration::days(56)),
        addresses: vec![home(&["8 Bramble Close", "Cwmbran"], "NP44 2RT", date(2024, 3, 11))],
        carers: vec![InventedCarer {
            nhs_number: Some(UNBORN_MOTHER_NHS_NUMBER.to_owned()),
            ..mother("Chloe", "Vaughan", date(2001, 7, 12))
        }],
        registration: Some(entry(TORFAEN, Standing::UnbornRegistered, &[Category::Neglect], today - Duration::days(40), today)),
        ..blank(UNBORN, TORFAEN)
    }
}

fn former(today: NaiveDate) -> InventedChild {
    const CAERPHILLY: &str = "W06000018";
    let mut entry = entry(CAERPHILLY, Standing::PreviouslyRegistered, &[Category::Emotional], today - Duration::days(760), today);
    entry.next_review_on = None;
    entry.removal = Some(Removal { on: weekday(today - Duration::days(400)), ground: RemovalGround::NoLongerAtRisk });
    InventedChild {
        tradition: NameTradition::Welsh,
        names: official("Tomos", Some("Wyn"), "Bevan"),
        birth: Birth::Exact(date(2014, 1, 28)),
        sex: Sex::Male,
        nhs_number: Some(FORMER_NHS_NUMBER.to_owned()),
        addresses: vec![home(&["31 Heol y Capel", "Caerffili"], "CF83 1HD", date(2018, 8, 20))],
        carers: vec![mother("Ceri", "Bevan", date(1985, 12, 9)), carer("Darren", "Bevan", date(1983, 5, 25), "father")],
        registration: Some(entry),
        ..blank(FORMER, CAERPHILLY)
    }
}

fn twins(today: NaiveDate) -> (InventedChild, InventedChild) {
    const MONMOUTHSHIRE: &str = "W06000021";
    let twin = |key: &str, other: &str, given: &str, middle: &str, nhs_number: &str| InventedChild {
        family_key: TWIN.to_owned(),
        tradition: NameTradition::Welsh,
        names: official(given, Some(middle), "Parry-Jones"),
        birth: Birth::Exact(date(2020, 8, 16)),
        sex: Sex::Female,
        nhs_number: Some(nhs_number.to_owned()),
        addresses: vec![home(&["2 Maes yr Haf", "Y Fenni"], "NP7 5EW", date(2021, 6, 4))],
        carers: vec![mother("Nia", "Parry", date(1995, 1, 30)), carer("Huw", "Jones", date(1993, 10, 14), "father")],
        siblings: vec![other.to_owned()],
        twin_of: Some(other.to_owned()),
        registration: Some(entry(
            MONMOUTHSHIRE,
            Standing::Registered,
            &[Category::Physical, Category::Neglect],
            today - Duration::days(210),
            today,
        )),
        ..blank(key, MONMOUTHSHIRE)
    };
    (twin(TWIN, OTHER_TWIN, "Elin", "Mair", TWIN_NHS_NUMBER), twin(OTHER_TWIN, TWIN, "Erin", "Mai", OTHER_TWIN_NHS_NUMBER))
}

fn two_regions(today: NaiveDate) -> InventedChild {
    InventedChild {
        tradition: NameTradition::Polish,
        names: vec![name(NameKind::Official, "Jakub", Some("Jan"), "Kowalczyk"), name(NameKind::Preferred, "Kuba", None, "Kowalczyk")],
        birth: Birth::Exact(date(2013, 3, 4)),
        sex: Sex::Male,
        nhs_number: Some(TWO_REGIONS_NHS_NUMBER.to_owned()),
        addresses: vec![home(&["60 Corporation Road", "Newport"], "NP19 0BQ", date(2019, 9, 2))],
        carers: vec![mother("Agnieszka", "Kowalczyk", date(1988, 6, 6))],
        language: "pl",
        registration: Some(entry(NEWPORT, Standing::Registered, &[Category::Emotional], today - Duration::days(300), today)),
        ..blank(TWO_REGIONS, NEWPORT)
    }
}

fn two_regions_stay(today: NaiveDate) -> InventedChild {
    let arrived = weekday(today - Duration::days(18));
    let mut entry = entry(BIRMINGHAM, Standing::TemporarilyRegistered, &[Category::Emotional], arrived, today);
    entry.conference_on = None;
    entry.next_review_on = None;
    entry.home_authority = Some(NEWPORT.to_owned());
    InventedChild {
        key: TWO_REGIONS_STAY.to_owned(),
        family_key: TWO_REGIONS_STAY.to_owned(),
        authority: BIRMINGHAM.to_owned(),
        addresses: vec![InventedAddress { kind: AddressKind::Relative, ..home(&["112 Alexandra Road", "Birmingham"], "B21 0PD", arrived) }],
        registration: Some(entry),
        ..two_regions(today)
    }
}

fn elsewhere(today: NaiveDate) -> InventedChild {
    InventedChild {
        names: official("Amara", Some("Efua"), "Osei"),
        birth: Birth::Exact(date(2018, 4, 11)),
        sex: Sex::Female,
        nhs_number: Some(ELSEWHERE_NHS_NUMBER.to_owned()),
        addresses: vec![home(&["41 Selly Park Road", "Birmingham"], "B29 7QX", date(2021, 8, 30))],
        carers: vec![mother("Adwoa", "Osei", date(1992, 1, 8))],
        registration: Some(entry(BIRMINGHAM, Standing::Registered, &[Category::Neglect], today - Duration::days(75), today)),
        ..blank(ELSEWHERE, BIRMINGHAM)
    }
}

/// A child of whom nothing is known yet.
fn blank(key: &str, authority: &str) -> InventedChild {
    InventedChild {
        key: key.to_owned(),
        family_key: key.to_owned(),
        authority: authority.to_owned(),
        tradition: NameTradition::British,
        names: Vec::new(),
        birth: Birth::Exact(NaiveDate::MIN),
        sex: Sex::Unknown,
        nhs_number: None,
        superseded_nhs_number: None,
        chi_number: None,
        hc_number: None,
        upn: None,
        addresses: Vec::new(),
        carers: Vec::new(),
        siblings: Vec::new(),
        twin_of: None,
        language: "en",
        communication_needs: None,
        shielded: false,
        registration: None,
    }
}

fn entry(authority: &str, standing: Standing, categories: &[Category], registered_on: NaiveDate, today: NaiveDate) -> InventedRegistration {
    let registered_on = weekday(registered_on);
    let first_review = weekday(registered_on + Duration::days(84));
    let next_review = if first_review > today { first_review } else { weekday(first_review + Duration::days(168)) };
    let mut dice = Dice::new(0, "stable");
    let place = Place::of(authority).unwrap_or(&Place::all()[0]);
    let coordinator = worker(coordinator_role(place), place, &mut dice);
    let core_group = ["health visitor", "class teacher"].map(|role| worker(role, place, &mut dice)).to_vec();
    InventedRegistration {
        standing,
        categories: categories.to_vec(),
        registered_on,
        conference_on: Some(registered_on),
        removal: None,
        next_review_on: Some(next_review),
        coordinator,
        core_group,
        legal_status: LegalStatus::None,
        home_authority: None,
    }
}

fn official(given: &str, middle: Option<&str>, family: &str) -> Vec<InventedName> {
    vec![name(NameKind::Official, given, middle, family)]
}

fn name(kind: NameKind, given: &str, middle: Option<&str>, family: &str) -> InventedName {
    InventedName { kind, given: Some(given.to_owned()), middle: middle.map(str::to_owned), family: Some(family.to_owned()) }
}

fn home(lines: &[&str], postcode: &str, from: NaiveDate) -> InventedAddress {
    InventedAddress {
        kind: AddressKind::Home,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        postcode: postcode.to_owned(),
        uprn: None,
        from: Some(from),
        to: None,
        confidential: false,
    }
}

fn mother(given: &str, family: &str, birth: NaiveDate) -> InventedCarer {
    carer(given, family, birth, "mother")
}

fn carer(given: &str, family: &str, birth: NaiveDate, relationship: &'static str) -> InventedCarer {
    InventedCarer {
        given: given.to_owned(),
        family: family.to_owned(),
        birth: Some(birth),
        relationship,
        is_mother: relationship == "mother",
        parental_responsibility: true,
        nhs_number: None,
    }
}

/// A date written here, and so known to exist; the tests would see one that does not.
fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or(NaiveDate::MIN)
}

#[cfg(test)]
mod tests {
    use super::super::identifiers::modulus_11_check_digit;
    use super::*;

    const REGIONS: [&str; 3] = ["gwent", "cardiff-and-vale", "west-midlands"];

    fn all(today: NaiveDate) -> Vec<InventedChild> {
        let mut children: Vec<InventedChild> = REGIONS.iter().flat_map(|region| stable_children(region, today)).collect();
        children.push(stable_nobody());
        children
    }

    #[test]
    fn every_promised_child_is_there_and_has_its_own_key() {
        let children = all(date(2026, 3, 2));
        for key in
            [FOUND, FOUND_BROTHER, RESTRICTED, SPARSE, UNBORN, FORMER, TWIN, OTHER_TWIN, TWO_REGIONS, TWO_REGIONS_STAY, ELSEWHERE, NONE]
        {
            assert_eq!(children.iter().filter(|child| child.key == key).count(), 1, "{key}");
        }
        assert_eq!(children.len(), 12);
        assert!(stable_children("north-wales", date(2026, 3, 2)).is_empty());
    }

    #[test]
    fn particulars_do_not_move_with_the_day() {
        let (one, other) = (all(date(2026, 3, 2)), all(date(2027, 8, 9)));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one.names, other.names);
            assert_eq!(one.nhs_number, other.nhs_number);
            assert_eq!(one.carers, other.carers);
            if one.key != UNBORN {
                assert_eq!(one.birth, other.birth);
            }
        }
    }

    #[test]
    fn the_numbers_are_test_numbers_and_no_date_is_missing() {
        for child in all(date(2026, 3, 2)) {
            for number in child.nhs_number.iter().chain(child.carers.iter().filter_map(|carer| carer.nhs_number.as_ref())) {
                assert!(number.starts_with("999"));
                assert_eq!(modulus_11_check_digit(&number[..9]), number[9..].parse().ok(), "{number}");
            }
            assert_ne!(child.birth.earliest(), NaiveDate::MIN, "{}", child.key);
            assert!(child.carers.iter().all(|carer| carer.birth != Some(NaiveDate::MIN)));
            assert!(child.addresses.iter().all(|address| address.from != Some(NaiveDate::MIN)));
            if let Some(entry) = &child.registration {
                assert!(!entry.coordinator.name.is_empty());
                assert_eq!(entry.core_group.len(), 2);
            }
        }
    }

    #[test]
    fn the_child_in_two_regions_is_one_child() {
        let today = date(2026, 3, 2);
        let (home, stay) = (two_regions(today), two_regions_stay(today));
        assert_eq!((&home.names, home.birth, &home.nhs_number), (&stay.names, stay.birth, &stay.nhs_number));
        assert_eq!(stay.registration.and_then(|entry| entry.home_authority).as_deref(), Some(home.authority.as_str()));
        assert_eq!(stay.authority, BIRMINGHAM);
    }
}
