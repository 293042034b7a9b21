//! How common names are in the population, for registers too small to know.

use super::normalise::{Word, fold};
use super::weights::UNLISTED_FREQUENCY;
use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) const TABLE: &str = include_str!("../../data/matching/names.tsv");

/// Which names a frequency is among.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    Given,
    Family,
}

/// Per person, as the table has it in persons per 100,000.
static NATIONAL: LazyLock<[HashMap<Word, f32>; 2]> = LazyLock::new(|| {
    let mut tables = [HashMap::new(), HashMap::new()];
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        if let (Some(role), Some(name), Some(rate)) = (cells.next(), cells.next(), cells.next()) {
            let table = &mut tables[usize::from(role == "family")];
            let word = Word::new(fold(name).split_whitespace().collect::<String>().as_bytes());
            let rate = rate.trim().parse::<f32>().unwrap_or_default() / 100_000.0;
            let known: &mut f32 = table.entry(word).or_default();
            *known = known.max(rate);
        }
    }
    tables
});

/// The share of people who bear the name.
pub(super) fn national_frequency(word: &Word, among: Among) -> f64 {
    let table = &NATIONAL[usize::from(among == Among::Family)];
    table.get(word).map_or(UNLISTED_FREQUENCY, |rate| f64::from(*rate).max(UNLISTED_FREQUENCY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_sound() {
        for (number, line) in TABLE.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), 3, "line {}", number + 1);
            assert!(matches!(cells[0], "given" | "family"), "line {}", number + 1);
            let rate: f32 = cells[2].parse().unwrap_or(-1.0);
            assert!((0.1..10_000.0).contains(&rate), "line {}", number + 1);
        }
    }

    #[test]
    fn common_names_are_common() {
        let jones = Word::new(b"JONES");
        assert!(national_frequency(&jones, Among::Family) > 0.01);
        assert!(national_frequency(&jones, Among::Given) < 0.001);
        assert!(national_frequency(&Word::new(b"LLYFNWY"), Among::Given) < 0.0001);
    }
}
