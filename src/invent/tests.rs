use std::collections::{HashMap, HashSet};

use chrono::Duration;

use super::child::birthday;
use super::*;

const GWENT: Region<'_> = Region {
    code: "gwent",
    authorities: &[
        ("W06000018", "Caerphilly"),
        ("W06000019", "Blaenau Gwent"),
        ("W06000020", "Torfaen"),
        ("W06000021", "Monmouthshire"),
        ("W06000022", "Newport"),
    ],
    nation: "wales",
};

const WEST_MIDLANDS: Region<'_> = Region {
    code: "west-midlands",
    authorities: &[("E08000025", "Birmingham"), ("E08000027", "Dudley"), ("E08000031", "Wolverhampton")],
    nation: "england",
};

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, 2).unwrap()
}

fn gwent(count: usize, seed: u64) -> Vec<InventedChild> {
    region_children(&GWENT, count, seed, today())
}

#[test]
fn the_same_seed_gives_the_same_children() {
    assert_eq!(gwent(200, 42), gwent(200, 42));
    assert_ne!(gwent(200, 42), gwent(200, 43));
}

#[test]
fn more_children_are_the_same_ones_and_others() {
    let (few, many) = (gwent(100, 42), gwent(300, 42));
    // The last family of the shorter list may have fewer entries.
    let whole = few.iter().rposition(|child| child.family_key != few[few.len() - 1].family_key).unwrap();
    assert_eq!(few[..=whole], many[..=whole]);
}

#[test]
fn as_many_children_as_asked_for_have_an_entry() {
    for count in [8, 9, 50, 333] {
        assert_eq!(gwent(count, 1).iter().filter(|child| child.registration.is_some()).count(), count);
    }
    assert_eq!(gwent(0, 1), stable::stable_children("gwent", today()));
    let nowhere = Region { authorities: &[], ..GWENT };
    assert_eq!(region_children(&nowhere, 50, 1, today()), stable::stable_children("gwent", today()));
}

#[test]
fn an_authority_without_a_list_of_its_own_is_still_peopled() {
    let region = Region { code: "elsewhere", authorities: &[("S12000049", "Glasgow City")], nation: "scotland" };
    let children = region_children(&region, 20, 1, today());
    assert!(children.iter().all(|child| child.authority == "S12000049"));
}

#[test]
fn keys_and_numbers_are_one_childs_alone_across_regions() {
    let mut keys = HashSet::new();
    let mut numbers = HashMap::new();
    for child in gwent(2000, 7).into_iter().chain(region_children(&WEST_MIDLANDS, 2000, 7, today())) {
        assert!(keys.insert(child.key.clone()), "{}", child.key);
        for number in [child.nhs_number, child.superseded_nhs_number].into_iter().flatten() {
            assert_eq!(modulus_11_check_digit(&number[..9]), number[9..].parse().ok());
            assert!(number.starts_with('9'));
            let other = numbers.insert(number.clone(), child.key.clone());
            assert!(other.is_none() || number == stable::TWO_REGIONS_NHS_NUMBER, "{number} twice");
        }
    }
}

#[test]
fn every_entry_makes_sense_on_the_day() {
    for child in gwent(3000, 5).into_iter().chain(region_children(&WEST_MIDLANDS, 1000, 5, today())) {
        let Some(entry) = &child.registration else {
            continue;
        };
        let key = &child.key;
        assert!(entry.registered_on <= today(), "{key} registered in the future");
        assert!(!entry.categories.is_empty());
        assert!(child.authority.starts_with('W') || !entry.categories.contains(&Category::Financial), "{key}");
        match child.birth {
            Birth::Expected(expected) => {
                assert_eq!(entry.standing, Standing::UnbornRegistered);
                assert!(expected >= today() - Duration::days(14), "{key} long since born");
                assert!((expected - entry.registered_on).num_days() < 280, "{key} registered before conception");
                assert_eq!(child.sex, Sex::Unknown);
                assert_eq!(child.nhs_number, None);
                assert!(child.mother().is_some_and(|mother| mother.nhs_number.is_some()));
            }
            Birth::Exact(_) | Birth::Approximate { .. } => {
                let born = child.birth.earliest();
                assert!(born <= entry.registered_on, "{key} registered before birth");
                assert!(entry.registered_on < birthday(born, 18), "{key} registered as an adult");
                assert!(entry.removal.is_some() || today() < birthday(born, 18), "{key} is an adult");
            }
        }
        match entry.removal {
            Some(removal) => {
                assert_eq!(entry.standing, Standing::PreviouslyRegistered);
                assert!(removal.on > entry.registered_on && removal.on <= today(), "{key}");
                assert!(removal.on >= today() - Duration::days(1826), "{key} came off too long ago");
                assert_eq!(entry.next_review_on, None);
            }
            None if entry.standing == Standing::TemporarilyRegistered => {
                assert!(entry.home_authority.is_some());
                assert_eq!(entry.conference_on, None);
            }
            None => {
                let review = entry.next_review_on.unwrap();
                assert!(review > entry.registered_on, "{key} reviewed before registration");
                assert!(review <= today() + Duration::days(184), "{key} reviewed too late");
            }
        }
    }
}

#[test]
fn every_kind_of_child_is_among_a_few_hundred() {
    let children = gwent(400, 3);
    let some = |what: &str, test: &dyn Fn(&InventedChild) -> bool| {
        assert!(children.iter().skip(9).any(test), "no child {what}");
    };
    for standing in [
        Standing::Registered,
        Standing::TemporarilyRegistered,
        Standing::PreviouslyRegistered,
        Standing::UnbornRegistered,
        Standing::Unregistered,
    ] {
        some(standing.as_str(), &|child| child.standing() == standing);
    }
    some("with a twin", &|child| child.twin_of.is_some());
    some("shielded", &|child| child.shielded && child.addresses.iter().any(|address| address.confidential));
    some("without NHS number", &|child| child.nhs_number.is_none());
    some("of roughly known age", &|child| matches!(child.birth, Birth::Approximate { .. }));
    some("with an overdue review", &|child| {
        child.registration.as_ref().and_then(|entry| entry.next_review_on).is_some_and(|review| review < today())
    });
    for kind in [NameKind::Alias, NameKind::Former, NameKind::Preferred] {
        some("with another name", &|child| child.name(kind).is_some());
    }
    some("who speaks Welsh", &|child| child.language == "cy");
    some("with diacritics", &|child| {
        child.name(NameKind::Official).and_then(|name| name.given.as_deref()).is_some_and(|given| !given.is_ascii())
    });
    some("with two family names", &|child| {
        child.name(NameKind::Official).and_then(|name| name.family.as_deref()).is_some_and(|family| family.contains('-'))
    });
}

#[test]
fn twins_share_birth_family_and_address() {
    let children = gwent(3000, 9);
    let by_key: HashMap<&str, &InventedChild> = children.iter().map(|child| (child.key.as_str(), child)).collect();
    let mut pairs = 0;
    for child in &children {
        for sibling in &child.siblings {
            assert_eq!(by_key[sibling.as_str()].family_key, child.family_key);
        }
        let Some(twin) = child.twin_of.as_deref().map(|key| by_key[key]) else {
            continue;
        };
        pairs += 1;
        assert_eq!(twin.twin_of.as_ref(), Some(&child.key));
        assert_eq!(twin.birth, child.birth);
        assert_eq!(twin.addresses.first().map(|address| &address.postcode), child.addresses.first().map(|address| &address.postcode));
        assert_ne!(twin.names[0].given, child.names[0].given);
    }
    assert!(pairs > 20);
}

#[test]
fn nothing_invented_can_reach_anybody() {
    for child in gwent(1000, 11).into_iter().chain(region_children(&WEST_MIDLANDS, 500, 11, today())) {
        for worker in child.registration.iter().flat_map(|entry| entry.core_group.iter().chain([&entry.coordinator])) {
            assert!(is_drama_number(&worker.phone), "{}", worker.phone);
            assert!(worker.email.ends_with(".example.org"), "{}", worker.email);
            assert!(worker.email.is_ascii());
        }
        for address in &child.addresses {
            assert!(address.uprn.as_ref().is_none_or(|uprn| uprn.len() == 12 && uprn.starts_with("99")));
        }
        if let Some(upn) = &child.upn {
            assert_eq!(pupil_number_check_letter(&upn[1..]), upn.chars().next());
        }
    }
}

#[test]
fn a_shielded_address_is_not_written_into_a_register() {
    let children = gwent(1500, 13);
    let mut sheet = Vec::new();
    write_register(&children, &mut sheet).unwrap();
    let sheet = String::from_utf8(sheet).unwrap();
    let mut shielded = 0;
    for address in children.iter().flat_map(|child| &child.addresses).filter(|address| address.confidential) {
        shielded += 1;
        assert!(!sheet.contains(&format!("\"{}\",{}", address.lines.join(", "), address.postcode)));
    }
    assert!(shielded > 5);
}

const SMALL: SetSize = SetSize { register: 1500, on_register: 2000, off_register: 2000, siblings: 300 };

#[test]
fn a_development_set_is_the_same_for_the_same_seed() {
    assert_eq!(development_set(SMALL, 1, today()), development_set(SMALL, 1, today()));
}

#[test]
fn queries_have_their_truth_on_the_register_or_none() {
    let set = development_set(SMALL, 1, today());
    let ids: HashSet<&str> = set.register.iter().map(|child| child.key.as_str()).collect();
    let numbers: HashSet<&str> = set.register.iter().filter_map(|child| child.nhs_number.as_deref()).collect();
    assert_eq!(ids.len(), SMALL.register);
    for queries in [&set.real, &set.hard] {
        assert_eq!(queries.len(), SMALL.on_register + SMALL.off_register);
        assert_eq!(queries.iter().filter(|query| !query.truth.is_empty()).count(), SMALL.on_register);
    }
    assert_eq!(set.siblings.len(), SMALL.siblings);
    for query in set.real.iter().chain(&set.hard).chain(&set.siblings) {
        assert!(query.truth.is_empty() || ids.contains(query.truth.as_str()));
        assert!(!query.slices.is_empty());
        assert!(development::is_enough(&query.asked), "{:?} would be refused", query.asked);
        let spelt = query.asked.nhs_number.replace(' ', "");
        assert!(!query.truth.is_empty() || !numbers.contains(spelt.as_str()), "a stranger has a registered child's number");
    }
}

#[test]
fn the_mixes_are_as_bad_as_they_say() {
    let set = development_set(SMALL, 2, today());
    let share = |queries: &[Query], test: &dyn Fn(&Particulars) -> bool| {
        queries.iter().filter(|query| test(&query.asked)).count() as f64 / queries.len() as f64
    };
    let full = |asked: &Particulars| !asked.given.is_empty() && !asked.family.is_empty() && asked.date_of_birth.len() == 10;
    let number = |asked: &Particulars| !asked.nhs_number.is_empty();
    assert!((0.93..0.98).contains(&share(&set.real, &full)));
    assert!((0.80..0.90).contains(&share(&set.hard, &full)));
    assert!((0.45..0.55).contains(&share(&set.real, &number)));
    assert!((0.10..0.16).contains(&share(&set.hard, &number)));
}

#[test]
fn sheets_have_the_promised_columns() {
    let set = development_set(SetSize { register: 50, on_register: 20, off_register: 20, siblings: 5 }, 1, today());
    let columns = |bytes: Vec<u8>| -> (Vec<String>, usize) {
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
        (header, reader.records().map(Result::unwrap).count())
    };
    let (mut register, mut queries, mut import) = (Vec::new(), Vec::new(), Vec::new());
    write_register(&set.register, &mut register).unwrap();
    write_queries(&set.real, &mut queries).unwrap();
    write_import(&set.register, &mut import).unwrap();
    let (header, rows) = columns(register);
    assert_eq!((header.as_slice(), rows), (REGISTER_COLUMNS.map(str::to_owned).as_slice(), 50));
    let (header, rows) = columns(queries);
    assert_eq!(header.last().map(String::as_str), Some("slice"));
    assert_eq!((header.len(), rows), (16, 40));
    let (header, _) = columns(import);
    assert_eq!(header[14..], IMPORT_COLUMNS.map(str::to_owned));
}
