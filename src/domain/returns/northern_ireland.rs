//! The quarterly tables of Northern Ireland: children on each Trust's register on the last day of a quarter.

use chrono::NaiveDate;

use super::table::{Adds, Dimension, Table};
use super::wales::{UNBORN, UNKNOWN};
use super::{Entry, History, band, bands, months_between};
use crate::domain::category::Category;
use crate::domain::identifiers::GssCode;
use crate::domain::registration::LegalStatusCode;

/// Where the age bands begin, in years.
///
/// # Source
///
/// NI-STATS-2024: under 1, 1 to 4, 5 to 11, 12 to 15, 16 and over.
pub const AGES_FROM_YEARS: [u32; 5] = [0, 1, 5, 12, 16];

/// Where the bands of time on the register begin, in months. Unconfirmed: the bands of the release were not seen.
///
/// # Source
///
/// NI-STATS-2024 (that time on the register is counted).
pub const TIMES_FROM_MONTHS: [u32; 5] = [0, 3, 6, 12, 24];

/// The label of more than one category.
///
/// # Source
///
/// NI-NORTHERN: neglect, physical, sexual, emotional, or combinations.
pub const COMBINATION: &str = "combination";

/// The tables of a day, for authorities in the order given: by age, category, time on the register and legal status. Every
/// child stands once in each, so that they add up.
///
/// # Source
///
/// NI-STATS-2024.
pub fn tables(histories: &[History], authorities: &[GssCode], on: NaiveDate) -> Vec<Table> {
    let ages = [UNBORN.to_owned()].into_iter().chain(bands(&AGES_FROM_YEARS, "")).chain([UNKNOWN.to_owned()]);
    let categories = Category::CODES.into_iter().chain([COMBINATION, UNKNOWN]);
    let legal = LegalStatusCode::CODES.into_iter().chain([UNKNOWN]);
    let table = |code, dimension| {
        let authority = Dimension::new("authority", authorities.iter().map(GssCode::as_str), Adds::Once);
        Table::counts(code, "on-register", (None, on), vec![authority, dimension])
    };
    let mut tables = [
        table("quarter-by-age", Dimension::new("age", ages, Adds::Once)),
        table("quarter-by-category", Dimension::new("category", categories, Adds::Once)),
        table("quarter-by-time", Dimension::new("time", bands(&TIMES_FROM_MONTHS, " months"), Adds::Once)),
        table("quarter-by-legal-status", Dimension::new("legalStatus", legal, Adds::Once)),
    ];
    for history in histories.iter().filter(|history| authorities.contains(&history.authority)) {
        let Some(entry) = history.entry_on(on) else { continue };
        let labels = [
            age_of(history, on),
            category_of(entry, on),
            band(months_between(entry.period.started_on, on), &TIMES_FROM_MONTHS, " months"),
            entry.legal_status.map_or(UNKNOWN, LegalStatusCode::as_str).to_owned(),
        ];
        for (table, label) in tables.iter_mut().zip(labels) {
            table.count(&[vec![history.authority.as_str().to_owned()], vec![label]]);
        }
    }
    tables.into()
}

fn age_of(history: &History, on: NaiveDate) -> String {
    if history.is_unborn_on(on) {
        return UNBORN.to_owned();
    }
    history.age_on(on).map_or_else(|| UNKNOWN.to_owned(), |age| band(age, &AGES_FROM_YEARS, ""))
}

fn category_of(entry: &Entry, on: NaiveDate) -> String {
    let set: Vec<_> = entry.categories_on(on).into_iter().flat_map(|set| set.iter()).collect();
    match set.as_slice() {
        [] => UNKNOWN.to_owned(),
        [one] => one.as_str().to_owned(),
        _ => COMBINATION.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, entry, history};
    use super::*;
    use crate::domain::sex::Sex;
    use proptest::prelude::*;

    fn authorities() -> Vec<GssCode> {
        ["W06000021", "W06000022"].map(|code| code.parse().unwrap()).to_vec()
    }

    #[test]
    fn every_child_stands_once_in_every_table() {
        let on: NaiveDate = "2026-03-31".parse().unwrap();
        let mut care = entry("2025-12-31", None, &[Category::Neglect, Category::Physical]);
        care.legal_status = Some(LegalStatusCode::InterimCareOrder);
        let histories = [
            History { entries: vec![care], ..history("A1", "W06000022", Some("2010-03-31"), Sex::Male) },
            History {
                entries: vec![entry("2026-01-01", None, &[Category::Sexual])],
                ..history("A2", "W06000022", Some("2025-04-01"), Sex::Male)
            },
            History { entries: vec![entry("2026-01-01", None, &[Category::Sexual])], ..history("A3", "W06000021", None, Sex::Male) },
        ];
        let tables = tables(&histories, &authorities(), on);
        let cell = |code: &str, authority: &str, label: &str| {
            let table = tables.iter().find(|table| table.code == code).unwrap();
            table.cells[&vec![authority.to_owned(), label.to_owned()]].text()
        };
        for (code, authority, label, count) in [
            ("quarter-by-age", "W06000022", "16 and over", "1"),
            ("quarter-by-age", "W06000022", "under 1", "1"),
            ("quarter-by-age", "all", "unknown", "1"),
            ("quarter-by-category", "all", "combination", "1"),
            ("quarter-by-category", "all", "sexual", "2"),
            ("quarter-by-category", "all", "neglect", "0"),
            ("quarter-by-time", "all", "3 to 5 months", "1"),
            ("quarter-by-time", "all", "under 3 months", "2"),
            ("quarter-by-legal-status", "W06000022", "interim-care-order", "1"),
            ("quarter-by-legal-status", "all", "unknown", "2"),
        ] {
            assert_eq!(cell(code, authority, label), count, "{code} {authority} {label}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_parts_of_each_table_add_up_in_any_order(histories in samples::histories()) {
            let on: NaiveDate = "2026-03-31".parse().unwrap();
            let on_register = histories.iter().filter(|history| history.entry_on(on).is_some()).count();
            let mut turned = histories.clone();
            turned.reverse();
            let made = tables(&histories, &authorities(), on);
            prop_assert_eq!(&made, &tables(&turned, &authorities(), on));
            for table in made {
                let of_all: u64 = table.rows().filter(|(place, _)| place[0] == "all" && place[1] != "all").map(|(_, value)| value.text().parse::<u64>().unwrap()).sum();
                prop_assert_eq!(of_all, on_register as u64, "{}", table.code);
            }
        }
    }
}
