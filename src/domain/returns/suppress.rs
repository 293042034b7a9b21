//! Public versions of tables: no count of one to five children, and nothing from which one could be worked out.
//!
//! 1. Every count from 1 to 5, and every mean over 1 to 5 children, is hidden. A 0 is told: it is nobody's.
//! 2. Then the reader is played who knows these rules and every sum: a hidden cell is at least 1, parts add up to their total
//!    (or, where a child may be in several parts, cover it). While a small count can be pinned to one number, the smallest
//!    visible count of a line through what can be pinned is hidden too, totals last.
//! 3. Tables that count the same children share their totals: one that is hidden in one of them is hidden in all.
//!
//! # Source
//!
//! DFE-2020-GUIDE (counts 1 to 5 suppressed). The second and third step are our own rule for what the guide leaves to the
//! publisher.

use std::collections::BTreeMap;

use super::table::{ALL, Adds, Table, Value};

/// The largest count that is hidden.
pub const SMALL_MAX: u64 = 5;

/// The public versions of tables that are published together.
#[must_use]
pub fn public(mut tables: Vec<Table>) -> Vec<Table> {
    for table in &mut tables {
        for value in table.cells.values_mut() {
            let children = match *value {
                Value::Count(count) => count,
                Value::Mean { of, .. } => of,
                Value::Hidden => 0,
            };
            if (1..=SMALL_MAX).contains(&children) {
                *value = Value::Hidden;
            }
        }
    }
    // Each round hides at least one more cell, or is the last.
    loop {
        let before = hidden(&tables);
        tables.iter_mut().for_each(hide_what_can_be_worked_out);
        share_hidden_totals(&mut tables);
        if hidden(&tables) == before {
            return tables;
        }
    }
}

fn hidden(tables: &[Table]) -> usize {
    tables.iter().flat_map(|table| table.cells.values()).filter(|value| **value == Value::Hidden).count()
}

fn share_hidden_totals(tables: &mut [Table]) {
    let is_total = |place: &[String]| place.iter().skip(1).all(|label| label == ALL);
    let shared: Vec<(&'static str, String)> = tables
        .iter()
        .flat_map(|table| {
            table
                .cells
                .iter()
                .filter(|(place, value)| **value == Value::Hidden && is_total(place))
                .map(|(place, _)| (table.population, place[0].clone()))
        })
        .collect();
    for table in tables {
        let population = table.population;
        for (place, value) in &mut table.cells {
            if *value != Value::Hidden
                && *value != Value::Count(0)
                && is_total(place)
                && shared.iter().any(|(of, authority)| *of == population && *authority == place[0])
            {
                *value = Value::Hidden;
            }
        }
    }
}

/// Cells that differ in one dimension only: the total first, then its parts.
struct Line {
    adds: Adds,
    cells: Vec<usize>,
}

/// The least a cell can be and, if there is a bound, the most.
type Bound = (u64, Option<u64>);

/// A table as the reader sees it: cells numbered, each with the least and the most it can be.
struct Reader {
    lines: Vec<Line>,
    bounds: Vec<Bound>,
}

impl Reader {
    fn of(table: &Table) -> Self {
        let numbers: BTreeMap<&Vec<String>, usize> = table.cells.keys().enumerate().map(|(number, place)| (place, number)).collect();
        let mut lines = Vec::new();
        for (index, dimension) in table.dimensions.iter().enumerate().filter(|(_, dimension)| dimension.adds != Adds::No) {
            for place in table.cells.keys().filter(|place| place[index] == ALL) {
                let at = |label: &String| {
                    let mut place = place.clone();
                    place[index].clone_from(label);
                    numbers.get(&place).copied()
                };
                lines.push(Line { adds: dimension.adds, cells: dimension.with_total().iter().filter_map(at).collect() });
            }
        }
        let bound = |value: &Value| match value {
            Value::Count(count) => (*count, Some(*count)),
            Value::Hidden | Value::Mean { .. } => (1, None),
        };
        Self { lines, bounds: table.cells.values().map(bound).collect() }
    }

    /// Narrows the bounds by every line until none narrows further.
    fn work_out(&mut self) {
        loop {
            let before = self.bounds.clone();
            for line in &self.lines {
                let [total, parts @ ..] = line.cells.as_slice() else { continue };
                narrow(&mut self.bounds, line.adds, *total, parts);
            }
            if self.bounds == before {
                return;
            }
        }
    }
}

fn narrow(bounds: &mut [Bound], adds: Adds, total: usize, parts: &[usize]) {
    let (least, most) = together(parts.iter().map(|part| bounds[*part]));
    let least = match adds {
        Adds::Once => least,
        Adds::Union | Adds::No => parts.iter().map(|part| bounds[*part].0).max().unwrap_or(0),
    };
    tighten(&mut bounds[total], least, most);
    for part in parts {
        let (least_others, most_others) = together(parts.iter().filter(|other| *other != part).map(|other| bounds[*other]));
        let least = most_others.map_or(0, |others| bounds[total].0.saturating_sub(others));
        let most = bounds[total].1.map(|total| match adds {
            Adds::Once => total.saturating_sub(least_others),
            Adds::Union | Adds::No => total,
        });
        tighten(&mut bounds[*part], least, most);
    }
}

/// The least and the most that cells are together.
fn together(cells: impl Iterator<Item = Bound>) -> Bound {
    cells.fold((0, Some(0)), |(least, most), (one_least, one_most)| (least + one_least, most.zip(one_most).map(|(most, one)| most + one)))
}

fn tighten(bound: &mut Bound, least: u64, most: Option<u64>) {
    bound.0 = bound.0.max(least);
    bound.1 = match (bound.1, most) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
}

fn hide_what_can_be_worked_out(table: &mut Table) {
    loop {
        let mut reader = Reader::of(table);
        reader.work_out();
        let values: Vec<Value> = table.cells.values().copied().collect();
        let pinned = |cell: &usize| values[*cell] == Value::Hidden && reader.bounds[*cell].1 == Some(reader.bounds[*cell].0);
        // A larger count that was hidden for another's sake may be worked out: it gives nobody away.
        if !(0..values.len()).any(|cell| pinned(&cell) && reader.bounds[cell].0 <= SMALL_MAX) {
            return;
        }
        let touches = |line: &&Line| line.cells.iter().any(pinned);
        let near = smallest_visible(reader.lines.iter().filter(touches), &values);
        let any_hidden = |line: &&Line| line.cells.iter().any(|cell| values[*cell] == Value::Hidden);
        let Some(next) = near.or_else(|| smallest_visible(reader.lines.iter().filter(any_hidden), &values)) else { return };
        if let Some(value) = table.cells.values_mut().nth(next) {
            *value = Value::Hidden;
        }
    }
}

/// The visible count to hide next: a part before a total, the smallest first, and no 0.
fn smallest_visible<'a>(lines: impl Iterator<Item = &'a Line>, values: &[Value]) -> Option<usize> {
    lines
        .flat_map(|line| line.cells.iter().enumerate())
        .filter_map(|(index, cell)| match values[*cell] {
            Value::Count(count) if count > 0 => Some((index == 0, count, *cell)),
            Value::Count(_) | Value::Mean { .. } | Value::Hidden => None,
        })
        .min()
        .map(|(_, _, cell)| cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::returns::table::Dimension;
    use proptest::prelude::*;

    /// A table of two authorities and as many columns as given.
    fn table(rows: &[Vec<u64>], adds: Adds) -> Table {
        let columns: Vec<String> = (0..rows[0].len()).map(|column| format!("c{column}")).collect();
        let authorities: Vec<String> = (0..rows.len()).map(|row| format!("a{row}")).collect();
        let dimensions =
            vec![Dimension::new("authority", authorities.clone(), Adds::Once), Dimension::new("column", columns.clone(), adds)];
        let mut table = Table::counts("t", "p", (None, "2026-03-31".parse().unwrap()), dimensions);
        for (authority, row) in authorities.iter().zip(rows) {
            for (column, count) in columns.iter().zip(row) {
                for _ in 0..*count {
                    table.count(&[vec![authority.clone()], vec![column.clone()]]);
                }
            }
        }
        table
    }

    fn shown(tables: Vec<Table>) -> Vec<String> {
        public(tables).iter().map(|table| table.rows().map(|(_, value)| value.text()).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn small_counts_are_hidden_and_nothing_gives_them_away() {
        let table: &[(&[Vec<u64>], &str)] = &[
            // all: all c0 c1, a0: all c0 c1, a1: all c0 c1
            (&[vec![6, 7], vec![8, 9]], "30 14 16 13 6 7 17 8 9"),
            (&[vec![0, 7], vec![8, 9]], "24 8 16 7 0 7 17 8 9"),
            (&[vec![5, 7], vec![8, 9]], "29 13 16 12 c c 17 c c"),
            (&[vec![5, 0], vec![8, 9]], "22 13 9 c c 0 c c c"),
        ];
        for (rows, expected) in table {
            assert_eq!(shown(vec![self::table(rows, Adds::Once)]), [*expected], "{rows:?}");
        }
    }

    #[test]
    fn one_category_alone_is_not_given_away_by_the_total() {
        // Where the parts cover the total, a single part that is not 0 is the total.
        let text = shown(vec![table(&[vec![4, 0], vec![20, 30]], Adds::Union)]);
        assert!(text[0].split(' ').nth(3) == Some("c"), "{text:?}");
    }

    #[test]
    fn a_total_hidden_in_one_table_is_hidden_in_its_sisters() {
        let first = table(&[vec![5, 0], vec![8, 9]], Adds::Once);
        let second = Table { code: "u", ..table(&[vec![5], vec![17]], Adds::Once) };
        let shown = public(vec![first, second]);
        let total = |table: &Table, authority: &str| table.cells[&vec![authority.to_owned(), ALL.to_owned()]];
        for authority in ["all", "a0", "a1"] {
            assert_eq!(total(&shown[0], authority) == Value::Hidden, total(&shown[1], authority) == Value::Hidden, "{authority}");
        }
    }

    #[test]
    fn a_mean_of_few_children_is_hidden() {
        let mut means = table(&[vec![0]], Adds::No);
        for (of, expected) in [(0, false), (1, true), (5, true), (6, false)] {
            means.cells.values_mut().for_each(|value| *value = Value::Mean { sum: 100, of });
            assert_eq!(public(vec![means.clone()])[0].cells.values().any(|value| *value == Value::Hidden), expected, "{of}");
        }
    }

    /// Every table of two by two that fits what is shown, by trying all.
    fn fitting(shown: &Table) -> Vec<[u64; 9]> {
        let values: Vec<Value> = shown.cells.values().copied().collect();
        let mut found = Vec::new();
        for a in 0..=14_u64 {
            for b in 0..=14 {
                for c in 0..=14 {
                    for d in 0..=14 {
                        // In the order of the labels: a0 (all, c0, c1), a1, all – as BTreeMap has them.
                        let cells = [a + b, a, b, c + d, c, d, a + b + c + d, a + c, b + d];
                        let fits = values.iter().zip(cells).all(|(value, cell)| match value {
                            Value::Count(count) => *count == cell,
                            Value::Hidden | Value::Mean { .. } => cell > 0,
                        });
                        if fits {
                            found.push(cells);
                        }
                    }
                }
            }
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_small_count_can_be_worked_out(cells in proptest::array::uniform4(0_u64..12)) {
            let [a, b, c, d] = cells;
            let shown = public(vec![table(&[vec![a, b], vec![c, d]], Adds::Once)]).remove(0);
            let fitting = fitting(&shown);
            prop_assert!(fitting.contains(&[a + b, a, b, c + d, c, d, a + b + c + d, a + c, b + d]));
            for (index, (place, value)) in shown.cells.iter().enumerate() {
                if *value == Value::Hidden && fitting.iter().any(|cells| cells[index] <= SMALL_MAX) {
                    let mut possible: Vec<u64> = fitting.iter().map(|cells| cells[index]).collect();
                    possible.sort_unstable();
                    possible.dedup();
                    prop_assert!(possible.len() > 1, "{:?} can only be {:?}", place, possible);
                } else if let Value::Count(count) = value {
                    prop_assert!(*count == 0 || *count > SMALL_MAX);
                }
            }
        }
    }
}
