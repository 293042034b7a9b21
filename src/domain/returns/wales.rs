//! The register tables of Wales: who was on the register on a day, and who came and went in a year.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::table::{Adds, Dimension, Table, Value};
use super::{Entry, History, band, bands, months_between};
use crate::domain::category::Category;
use crate::domain::identifiers::GssCode;
use crate::domain::procedures::ReturnRules;
use crate::domain::sex::Sex;
use crate::domain::span::add_months;

/// The label of children who are not born: counted, and in no age band.
pub const UNBORN: &str = "unborn";

/// The label of what is not recorded.
pub const UNKNOWN: &str = "unknown";

/// The tables of a year that ends on `to`, for authorities in the order given: on the register on that day by category and
/// sex, by age and by time on the register; added, removed and re-registered in the year; average days on the register.
///
/// A child added counts as re-registered when an earlier entry on the same authority's register ended within the look-back of
/// the procedures before. Average days are those from each child's first day on the register to the end of the year, or to
/// the removal, over every entry that was in force in the year.
///
/// # Source
///
/// STATSWALES-CPR, W-STATS-2015 (register on 31 March; unborn counted separately), W-PM, W-PM-LIST (PM27, PM28; how exactly
/// they count is unconfirmed).
pub fn tables(histories: &[History], authorities: &[GssCode], from: NaiveDate, to: NaiveDate, rules: &ReturnRules) -> Vec<Table> {
    let authority = || Dimension::new("authority", authorities.iter().map(GssCode::as_str), Adds::Once);
    let stock = |code, dimensions: Vec<Dimension>| {
        Table::counts(code, "on-register", (None, to), std::iter::once(authority()).chain(dimensions).collect())
    };
    let categories = Category::CODES.iter().copied().chain([UNKNOWN]);
    let mut by_category = stock(
        "on-register-by-category-and-sex",
        vec![Dimension::new("category", categories, Adds::Union), Dimension::new("sex", Sex::CODES, Adds::Once)],
    );
    let age_bands = [UNBORN.to_owned()].into_iter().chain(bands(&rules.age_bands_from_years, "")).chain([UNKNOWN.to_owned()]);
    let mut by_age = stock("on-register-by-age", vec![Dimension::new("age", age_bands, Adds::Once)]);
    let mut by_time =
        stock("on-register-by-time", vec![Dimension::new("time", bands(&rules.time_bands_from_months, " months"), Adds::Once)]);
    for history in histories.iter().filter(|history| authorities.contains(&history.authority)) {
        let Some(entry) = history.entry_on(to) else { continue };
        let of = || vec![history.authority.as_str().to_owned()];
        by_category.count(&[of(), categories_of(entry, to), vec![history.sex.as_str().to_owned()]]);
        by_age.count(&[of(), vec![age_band(history, to, rules)]]);
        by_time.count(&[of(), vec![band(months_between(entry.period.started_on, to), &rules.time_bands_from_months, " months")]]);
    }
    vec![by_category, by_age, by_time, movement(histories, authorities, from, to, rules), average_days(histories, authorities, from, to)]
}

fn categories_of(entry: &Entry, day: NaiveDate) -> Vec<String> {
    entry
        .categories_on(day)
        .map_or_else(|| vec![UNKNOWN.to_owned()], |set| set.iter().map(|category| category.as_str().to_owned()).collect())
}

fn age_band(history: &History, day: NaiveDate, rules: &ReturnRules) -> String {
    if history.is_unborn_on(day) {
        return UNBORN.to_owned();
    }
    history.age_on(day).map_or_else(|| UNKNOWN.to_owned(), |age| band(age, &rules.age_bands_from_years, ""))
}

/// Entries that began and ended in the year. Each entry counts once: a child added twice was added twice.
fn movement(histories: &[History], authorities: &[GssCode], from: NaiveDate, to: NaiveDate, rules: &ReturnRules) -> Table {
    let dimensions = vec![
        Dimension::new("authority", authorities.iter().map(GssCode::as_str), Adds::Once),
        Dimension::new("movement", ["added", "re-registered", "removed"], Adds::No),
    ];
    let mut table = Table::counts("movement", "movement", (Some(from), to), dimensions);
    let in_year = |day: NaiveDate| from <= day && day <= to;
    for history in histories.iter().filter(|history| authorities.contains(&history.authority)) {
        for entry in &history.entries {
            let mut count = |movement: &str| table.count(&[vec![history.authority.as_str().to_owned()], vec![movement.to_owned()]]);
            if in_year(entry.period.started_on) {
                count("added");
                if came_back(history, entry, rules) {
                    count("re-registered");
                }
            }
            if entry.period.ended_on.is_some_and(in_year) {
                count("removed");
            }
        }
    }
    table
}

fn came_back(history: &History, entry: &Entry, rules: &ReturnRules) -> bool {
    let started_on = entry.period.started_on;
    let within = u32::from(rules.reregistration_within.length());
    let mut ends = history.entries.iter().filter_map(|other| other.period.ended_on).filter(|ended_on| *ended_on <= started_on);
    ends.any(|ended_on| add_months(ended_on, within).is_none_or(|limit| started_on <= limit))
}

fn average_days(histories: &[History], authorities: &[GssCode], from: NaiveDate, to: NaiveDate) -> Table {
    let dimensions = vec![Dimension::new("authority", authorities.iter().map(GssCode::as_str), Adds::Once)];
    let mut table = Table::counts("average-days", "average-days", (Some(from), to), dimensions);
    let places: BTreeSet<Vec<String>> = table.cells.keys().cloned().collect();
    for place in places {
        let of_place = |history: &&History| place[0] == super::table::ALL || history.authority.as_str() == place[0];
        let known = |history: &&History| authorities.contains(&history.authority);
        let days: Vec<u64> = histories
            .iter()
            .filter(of_place)
            .filter(known)
            .flat_map(|history| &history.entries)
            .filter(|entry| entry.period.started_on <= to && entry.period.ended_on.is_none_or(|ended_on| ended_on > from))
            .map(|entry| {
                // Up to the end of the year the last day counts; the day of removal is no day on the register.
                let end = entry.period.ended_on.filter(|ended_on| *ended_on <= to).or_else(|| to.succ_opt()).unwrap_or(to);
                u64::try_from((end - entry.period.started_on).num_days()).unwrap_or(0)
            })
            .collect();
        table.cells.insert(place, Value::Mean { sum: days.iter().sum(), of: days.len() as u64 });
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, entry, history};
    use super::*;
    use crate::domain::procedures::Procedures;
    use crate::domain::registration::RemovalGround;
    use crate::domain::returns::suppress::public;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rules() -> &'static ReturnRules {
        &Procedures::embedded("wales").unwrap().returns
    }

    fn authorities() -> Vec<GssCode> {
        ["W06000021", "W06000022"].map(|code| code.parse().unwrap()).to_vec()
    }

    fn made(histories: &[History]) -> Vec<Table> {
        tables(histories, &authorities(), day("2025-04-01"), day("2026-03-31"), rules())
    }

    fn cell(tables: &[Table], code: &str, place: &[&str]) -> String {
        let table = tables.iter().find(|table| table.code == code).unwrap();
        table.cells[&place.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>()].text()
    }

    #[test]
    fn the_tables_count_what_they_say() {
        let came = |on, to: Option<&str>| entry(on, to, &[Category::Neglect]);
        let both = entry("2026-01-05", None, &[Category::Neglect, Category::Financial]);
        let histories = [
            History { entries: vec![both], ..history("A1", "W06000022", Some("2020-06-15"), Sex::Female) },
            // Registered before birth, and born after the reference day.
            History { entries: vec![came("2026-02-01", None)], ..history("A2", "W06000022", Some("2026-04-20"), Sex::Unknown) },
            // Off for eleven months, and back.
            History {
                entries: vec![came("2024-01-10", Some("2025-03-10")), came("2026-02-09", None)],
                ..history("A3", "W06000021", Some("2025-03-31"), Sex::Male)
            },
            // The last day counts; the day of removal does not.
            History { entries: vec![came("2025-01-10", Some("2026-03-31"))], ..history("A4", "W06000021", None, Sex::Indeterminate) },
            History { entries: vec![came("2023-01-10", Some("2025-04-01"))], ..history("A5", "W06000021", None, Sex::Male) },
            // Of another region.
            History { entries: vec![came("2025-01-10", None)], ..history("A6", "W06000001", None, Sex::Male) },
        ];
        let tables = made(&histories);
        let table: &[(&str, &[&str], &str)] = &[
            ("on-register-by-category-and-sex", &["all", "all", "all"], "3"),
            ("on-register-by-category-and-sex", &["W06000022", "all", "all"], "2"),
            ("on-register-by-category-and-sex", &["W06000022", "neglect", "all"], "2"),
            ("on-register-by-category-and-sex", &["W06000022", "financial", "female"], "1"),
            ("on-register-by-category-and-sex", &["W06000021", "neglect", "indeterminate"], "0"),
            ("on-register-by-age", &["W06000022", "unborn"], "1"),
            ("on-register-by-age", &["W06000022", "5 to 9"], "1"),
            ("on-register-by-age", &["W06000021", "1 to 4"], "1"),
            ("on-register-by-age", &["all", "all"], "3"),
            ("on-register-by-time", &["all", "under 3 months"], "3"),
            ("movement", &["all", "added"], "3"),
            ("movement", &["W06000021", "re-registered"], "1"),
            ("movement", &["W06000022", "re-registered"], "0"),
            ("movement", &["all", "removed"], "2"),
            // 9 Feb to 31 March and 10 January 2025 to 30 March 2026: 51 and 445 days.
            ("average-days", &["W06000021"], "248.0"),
        ];
        for (code, place, expected) in table {
            assert_eq!(cell(&tables, code, place), *expected, "{code} {place:?}");
        }
    }

    #[test]
    fn coming_back_counts_within_twelve_months_to_the_day() {
        let mut rules = rules().clone();
        let again = |on: &str| History {
            entries: vec![entry("2024-01-10", Some("2024-06-10"), &[Category::Neglect]), entry(on, None, &[Category::Neglect])],
            ..history("A1", "W06000022", Some("2020-06-15"), Sex::Male)
        };
        for (on, months, expected) in [("2025-06-10", 12, "1"), ("2025-06-11", 12, "0"), ("2025-06-11", 24, "1")] {
            rules.reregistration_within = crate::domain::span::Span::new(months, crate::domain::span::Unit::Months).unwrap();
            let tables = tables(&[again(on)], &authorities(), day("2025-04-01"), day("2026-03-31"), &rules);
            assert_eq!(cell(&tables, "movement", &["W06000022", "re-registered"]), expected, "{on} {months}");
        }
    }

    #[test]
    fn a_change_of_category_counts_from_its_day() {
        let mut changed = entry("2025-06-01", None, &[Category::Neglect]);
        changed.categories.push((day("2026-04-01"), crate::domain::category::CategorySet::new([Category::Sexual]).unwrap()));
        changed.ground = None::<RemovalGround>;
        let histories = [History { entries: vec![changed], ..history("A1", "W06000022", Some("2020-06-15"), Sex::Male) }];
        assert_eq!(cell(&made(&histories), "on-register-by-category-and-sex", &["W06000022", "neglect", "all"]), "1");
        let later = tables(&histories, &authorities(), day("2026-04-01"), day("2027-03-31"), rules());
        assert_eq!(cell(&later, "on-register-by-category-and-sex", &["W06000022", "sexual", "male"]), "1");
        assert_eq!(cell(&later, "on-register-by-category-and-sex", &["W06000022", "neglect", "all"]), "0");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_order_of_histories_changes_no_byte(histories in samples::histories()) {
            let text = |histories: &[History]| -> String {
                let tables = made(histories);
                let shown = public(tables.clone());
                tables.iter().chain(&shown).map(|table| format!("{}{}", table.to_json(), table.to_csv())).collect()
            };
            let mut turned = histories.clone();
            turned.reverse();
            prop_assert_eq!(text(&histories), text(&histories));
            prop_assert_eq!(text(&histories), text(&turned));
        }

        #[test]
        fn parts_add_up_and_no_small_count_is_shown(histories in samples::histories()) {
            let tables = made(&histories);
            let on_register = histories.iter().filter(|history| history.entry_on(day("2026-03-31")).is_some()).count().to_string();
            for code in ["on-register-by-age", "on-register-by-time"] {
                prop_assert_eq!(cell(&tables, code, &["all", "all"]), on_register.clone());
            }
            for table in public(tables) {
                for value in table.cells.values() {
                    if let Value::Count(count) = value {
                        prop_assert!(*count == 0 || *count > 5);
                    }
                }
            }
        }
    }
}
