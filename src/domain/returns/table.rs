//! A table of a return: one typed form, from which JSON and CSV are written.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Map, Value as Json, json};

/// The label of a total.
pub const ALL: &str = "all";

/// How the cells of a dimension add up to its total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adds {
    /// Every child is in one cell: they add up.
    Once,
    /// A child may be in several: their union is the total.
    Union,
    /// There is no total.
    No,
}

/// One dimension of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// Its name.
    pub name: &'static str,
    /// Its labels, without the total.
    pub labels: Vec<String>,
    /// How they add up.
    pub adds: Adds,
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A count of children.
    Count(u64),
    /// A mean: so much over so many children.
    Mean {
        /// The sum.
        sum: u64,
        /// Over how many children.
        of: u64,
    },
    /// Not told, so that nobody can be recognised.
    Hidden,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its code.
    pub code: &'static str,
    /// Whom it counts; tables that count the same children have the same totals.
    pub population: &'static str,
    /// The first day it is about, if it is about more than one.
    pub from: Option<NaiveDate>,
    /// The day, or the last day, it is about.
    pub to: NaiveDate,
    /// Dimensions; the first is the authority.
    pub dimensions: Vec<Dimension>,
    /// Cells by their labels.
    pub cells: BTreeMap<Vec<String>, Value>,
}

impl Dimension {
    /// A dimension.
    pub fn new(name: &'static str, labels: impl IntoIterator<Item = impl Into<String>>, adds: Adds) -> Self {
        Self { name, labels: labels.into_iter().map(Into::into).collect(), adds }
    }

    /// Labels, the total first.
    pub fn with_total(&self) -> Vec<String> {
        let total = (self.adds != Adds::No).then(|| ALL.to_owned());
        total.into_iter().chain(self.labels.iter().cloned()).collect()
    }
}

impl Table {
    /// A table of counts, all of them 0.
    pub fn counts(
        code: &'static str,
        population: &'static str,
        (from, to): (Option<NaiveDate>, NaiveDate),
        dimensions: Vec<Dimension>,
    ) -> Self {
        let mut places = vec![Vec::new()];
        for dimension in &dimensions {
            let labels = dimension.with_total();
            places = places
                .iter()
                .flat_map(|place: &Vec<String>| labels.iter().map(|label| [place.as_slice(), std::slice::from_ref(label)].concat()))
                .collect();
        }
        let cells = places.into_iter().map(|place| (place, Value::Count(0))).collect();
        Self { code, population, from, to, dimensions, cells }
    }

    /// Counts one child under the labels of each dimension, and once in each total.
    pub fn count(&mut self, labels: &[Vec<String>]) {
        let mut places = vec![Vec::new()];
        for (dimension, labels) in self.dimensions.iter().zip(labels) {
            let total = (dimension.adds != Adds::No).then(|| ALL.to_owned());
            let labels: Vec<String> = total.into_iter().chain(labels.iter().cloned()).collect();
            places = places
                .iter()
                .flat_map(|place: &Vec<String>| labels.iter().map(|label| [place.as_slice(), std::slice::from_ref(label)].concat()))
                .collect();
        }
        for place in places {
            if let Value::Count(count) = self.cells.entry(place).or_insert(Value::Count(0)) {
                *count += 1;
            }
        }
    }

    /// Cells in the order of their dimensions' labels, totals first.
    pub fn rows(&self) -> impl Iterator<Item = (&Vec<String>, Value)> {
        let rank = |place: &Vec<String>| -> Vec<usize> {
            let index = |(dimension, label): (&Dimension, &String)| {
                dimension
                    .labels
                    .iter()
                    .position(|known| known == label)
                    .map_or(if label == ALL { 0 } else { usize::MAX }, |index| index + 1)
            };
            self.dimensions.iter().zip(place).map(index).collect()
        };
        let mut rows: Vec<_> = self.cells.iter().map(|(place, value)| (place, *value)).collect();
        rows.sort_by_cached_key(|(place, _)| rank(place));
        rows.into_iter()
    }

    /// As JSON: each row an object of labels and a value, `"c"` where it is not told; a mean over nobody has none.
    pub fn to_json(&self) -> Json {
        let row = |(place, value): (&Vec<String>, Value)| {
            let mut row: Map<String, Json> =
                self.dimensions.iter().zip(place).map(|(dimension, label)| (dimension.name.to_owned(), json!(label))).collect();
            let value = match value {
                Value::Count(count) => Some(json!(count)),
                Value::Mean { .. } => value.text().parse::<f64>().ok().map(Json::from),
                Value::Hidden => Some(json!(HIDDEN)),
            };
            row.extend(value.map(|value| ("value".to_owned(), value)));
            Json::Object(row)
        };
        let mut table = json!({"code": self.code, "to": self.to.to_string(), "rows": self.rows().map(row).collect::<Vec<_>>()});
        if let (Some(from), Some(table)) = (self.from, table.as_object_mut()) {
            table.insert("from".to_owned(), json!(from.to_string()));
        }
        table
    }

    /// As CSV (RFC 4180): a line of names, then a line for each cell.
    pub fn to_csv(&self) -> String {
        let names = self.dimensions.iter().map(|dimension| dimension.name).chain(["value"]).collect::<Vec<_>>().join(",");
        let mut text = format!("{names}\r\n");
        for (place, value) in self.rows() {
            // Labels are codes and bands: none holds a comma or a quotation mark.
            text.push_str(&place.join(","));
            text.push(',');
            text.push_str(&value.text());
            text.push_str("\r\n");
        }
        text
    }

    /// Tables together as CSV (RFC 4180), a line for each cell: which table, the labels of the authority and of up to two
    /// dimensions with their names, the value.
    pub fn all_to_csv(tables: &[Self]) -> String {
        let mut text = String::from("table,authority,dimension,label,dimension2,label2,value\r\n");
        for table in tables {
            for (place, value) in table.rows() {
                let labels = table.dimensions.iter().zip(place).skip(1).flat_map(|(dimension, label)| [dimension.name, label.as_str()]);
                let mut cells = vec![table.code, place.first().map_or("", String::as_str)];
                cells.extend(labels.chain(std::iter::repeat("")).take(4));
                text.push_str(&cells.join(","));
                text.push(',');
                text.push_str(&value.text());
                text.push_str("\r\n");
            }
        }
        text
    }

    /// The same table with every visible count of all authorities together rounded to the nearest ten, halves up.
    ///
    /// # Source
    ///
    /// DFE-2020-GUIDE.
    #[must_use]
    pub fn with_rounded_totals(mut self) -> Self {
        for (place, value) in &mut self.cells {
            if let (Some(ALL), Value::Count(count)) = (place.first().map(String::as_str), value) {
                *count = (*count + 5) / 10 * 10;
            }
        }
        self
    }
}

/// What stands in the place of a value that is not told.
///
/// # Source
///
/// DFE-2020-GUIDE for the rule; the letter is the one English releases use for it (unconfirmed).
pub const HIDDEN: &str = "c";

impl Value {
    /// As text: a mean with one decimal, and nothing of nobody.
    pub fn text(self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Mean { of: 0, .. } => String::new(),
            Self::Mean { sum, of } => {
                let tenths = (sum * 20 + of) / (2 * of);
                format!("{}.{}", tenths / 10, tenths % 10)
            }
            Self::Hidden => HIDDEN.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let dimensions = vec![
            Dimension::new("authority", ["W06000022", "W06000021"], Adds::Once),
            Dimension::new("category", ["neglect", "physical"], Adds::Union),
            Dimension::new("measure", ["stock"], Adds::No),
        ];
        Table::counts("t", "p", (None, "2026-03-31".parse().unwrap()), dimensions)
    }

    fn labels(labels: &[&[&str]]) -> Vec<Vec<String>> {
        labels.iter().map(|labels| labels.iter().map(|label| (*label).to_owned()).collect()).collect()
    }

    #[test]
    fn a_child_with_two_categories_is_one_child_in_the_total() {
        let mut table = table();
        table.count(&labels(&[&["W06000022"], &["neglect", "physical"], &["stock"]]));
        table.count(&labels(&[&["W06000021"], &["neglect"], &["stock"]]));
        assert_eq!(
            table.to_csv(),
            "authority,category,measure,value\r\nall,all,stock,2\r\nall,neglect,stock,2\r\nall,physical,stock,1\r\nW06000022,all,stock,1\r\n\
             W06000022,neglect,stock,1\r\nW06000022,physical,stock,1\r\nW06000021,all,stock,1\r\nW06000021,neglect,stock,1\r\n\
             W06000021,physical,stock,0\r\n"
        );
        let together = Table::all_to_csv(&[table.clone()]);
        assert!(
            together.starts_with("table,authority,dimension,label,dimension2,label2,value\r\nt,all,category,all,measure,stock,2\r\n"),
            "{together}"
        );
        let json = table.to_json();
        assert_eq!(json["rows"].as_array().unwrap().len(), 9);
        assert_eq!(json["rows"][0], json!({"authority": "all", "category": "all", "measure": "stock", "value": 2}));
    }

    #[test]
    fn means_have_one_decimal_and_totals_are_rounded_to_ten() {
        let table = [((0, 0), ""), ((1, 3), "0.3"), ((2, 3), "0.7"), ((5, 100), "0.1"), ((4, 100), "0.0"), ((365, 1), "365.0")];
        for ((sum, of), text) in table {
            assert_eq!(Value::Mean { sum, of }.text(), text, "{sum} {of}");
        }
        for (count, rounded) in [(0, 0), (4, 0), (5, 10), (14, 10), (15, 20), (2936, 2940)] {
            let mut table = self::table();
            table.cells.values_mut().for_each(|value| *value = Value::Count(count));
            let cells = table.with_rounded_totals().cells;
            assert_eq!(cells[&["all", "neglect", "stock"].map(String::from).to_vec()], Value::Count(rounded), "{count}");
            assert_eq!(cells[&["W06000022", "neglect", "stock"].map(String::from).to_vec()], Value::Count(count), "{count}");
        }
    }
}
