//! Dates of birth: normal form and comparison.

use super::compare::Level;
use super::person::Birth;
use super::similarity::one_edit_apart;
use super::weights as w;
use chrono::{Datelike, NaiveDate};

/// A date of birth in normal form. Days are counted from the common era.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum BirthForm {
    #[default]
    Unknown,
    /// Full, though perhaps no date.
    Full { year: u16, month: u8, day: u8 },
    /// Somewhere between two days.
    Span { from: i32, to: i32 },
    /// Expected on a day.
    Expected { day: i32 },
}

const DAYS_PER_YEAR: f64 = 365.25;
/// A stand-in for "unknown" in old systems.
const STAND_IN_YEAR: u16 = 1900;

impl From<Birth> for BirthForm {
    fn from(birth: Birth) -> Self {
        let span = |from: Option<NaiveDate>, to: Option<NaiveDate>| match (from, to) {
            (Some(from), Some(to)) => Self::Span { from: from.num_days_from_ce(), to: to.num_days_from_ce() },
            _ => Self::Unknown,
        };
        match birth {
            Birth::Unknown => Self::Unknown,
            Birth::Exact(date) => match u16::try_from(date.year()) {
                Ok(STAND_IN_YEAR) if date.ordinal() == 1 => Self::Unknown,
                #[expect(clippy::cast_possible_truncation, reason = "months and days")]
                Ok(year) => Self::Full { year, month: date.month() as u8, day: date.day() as u8 },
                Err(_) => Self::Unknown,
            },
            Birth::Impossible { year, month, day } => Self::Full { year, month, day },
            Birth::Month { year, month } => {
                let from = NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), 1);
                span(from, from.and_then(|d| d.checked_add_months(chrono::Months::new(1))).and_then(|d| d.pred_opt()))
            }
            Birth::Year(STAND_IN_YEAR) => Self::Unknown,
            Birth::Year(year) => span(NaiveDate::from_ymd_opt(i32::from(year), 1, 1), NaiveDate::from_ymd_opt(i32::from(year), 12, 31)),
            Birth::Range { from, to } => span(Some(from.min(to)), Some(from.max(to))),
            Birth::Expected(date) => Self::Expected { day: date.num_days_from_ce() },
        }
    }
}

impl BirthForm {
    /// First and last possible day.
    fn span(self) -> Option<(i32, i32)> {
        match self {
            Self::Full { year, month, day } => {
                let day = NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day))?.num_days_from_ce();
                Some((day, day))
            }
            Self::Span { from, to } => Some((from, to)),
            Self::Unknown | Self::Expected { .. } => None,
        }
    }

    /// The years of birth this allows, at most four.
    pub(super) fn years(self) -> Vec<u16> {
        let year_of = |day| NaiveDate::from_num_days_from_ce_opt(day).and_then(|date| u16::try_from(date.year()).ok());
        match self {
            Self::Full { year, .. } => vec![year],
            Self::Span { from, to } => match (year_of(from), year_of(to)) {
                (Some(from), Some(to)) if to - from < 4 => (from..=to).collect(),
                _ => Vec::new(),
            },
            Self::Expected { day } => year_of(day).into_iter().collect(),
            Self::Unknown => Vec::new(),
        }
    }

    pub(super) fn is_known(self) -> bool {
        self != Self::Unknown
    }
}

/// Weights that depend on how many years of birth the register covers, worked out once a question.
#[derive(Clone, Copy)]
pub(super) struct BirthWeights {
    exact: f32,
    swapped: f32,
    one_digit: f32,
    near: f32,
    /// Days the register covers, log2.
    days: f64,
}

impl BirthWeights {
    #[expect(clippy::cast_possible_truncation, reason = "weights need no more")]
    pub(super) fn new(years: u16) -> Self {
        let days = DAYS_PER_YEAR * f64::from(years.max(1));
        Self {
            exact: (w::BIRTH_EXACT * days).log2() as f32,
            swapped: (w::BIRTH_SWAPPED * days).log2() as f32,
            one_digit: (w::BIRTH_ONE_DIGIT * days / w::BIRTH_ONE_DIGIT_WAYS).log2() as f32,
            near: (w::BIRTH_NEAR * days / f64::from(2 * w::BIRTH_NEAR_DAYS)).log2() as f32,
            days: days.log2(),
        }
    }
}

/// Two real dates a few days apart.
fn near(a: BirthForm, b: BirthForm) -> bool {
    matches!((a.span(), b.span()), (Some((a, _)), Some((b, _))) if (a - b).abs() <= w::BIRTH_NEAR_DAYS)
}

fn digits(year: u16, month: u8, day: u8) -> [u8; 8] {
    let y = year.min(9999);
    let two = |n: u16| [b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
    let [a, b] = two(y / 100);
    let [c, d] = two(y % 100);
    let [e, f] = two(u16::from(month));
    let [g, h] = two(u16::from(day));
    [a, b, c, d, e, f, g, h]
}

/// Compares what was asked with what is registered.
pub(super) fn compare_birth(query: BirthForm, record: BirthForm, weights: &BirthWeights) -> (Level, f32) {
    use BirthForm::{Expected, Full, Unknown};
    match (query, record) {
        (Unknown, _) | (_, Unknown) => (Level::Missing, 0.0),
        (Full { year: y1, month: m1, day: d1 }, Full { year: y2, month: m2, day: d2 }) => {
            let january = (m1 == 1 && d1 == 1) || (m2 == 1 && d2 == 1);
            if (y1, m1, d1) == (y2, m2, d2) {
                (Level::Exact, weights.exact + if january { w::BIRTH_BOTH_JANUARY } else { 0.0 })
            } else if y1 == y2 && m1 == d2 && d1 == m2 {
                (Level::DayMonthSwapped, weights.swapped)
            } else if one_edit_apart(&digits(y1, m1, d1), &digits(y2, m2, d2)) {
                (Level::OneDigit, weights.one_digit)
            } else if near(query, record) {
                (Level::NearDays, weights.near)
            } else if january && y1 == y2 {
                (Level::YearOnly, w::BIRTH_JANUARY)
            } else {
                match u8::from(y1 == y2) + u8::from(m1 == m2) + u8::from(d1 == d2) {
                    2 => (Level::TwoParts, w::BIRTH_TWO_PARTS),
                    1 if y1 == y2 => (Level::SameYear, w::BIRTH_YEAR_ONLY),
                    _ => (Level::Differs, w::BIRTH_DIFFERS),
                }
            }
        }
        (Expected { day: a }, Expected { day: b }) => match i64::from(a - b).abs() {
            days if days <= w::EXPECTED_SAME_DAYS => (Level::Exact, w::EXPECTED_SAME),
            days if days <= w::EXPECTED_DAYS => (Level::ExpectedNear, w::EXPECTED_NEAR),
            days if days <= 2 * w::EXPECTED_DAYS => (Level::ExpectedNear, w::EXPECTED_EARLY),
            _ => (Level::Differs, w::EXPECTED_DIFFERS),
        },
        (Expected { day }, other) | (other, Expected { day }) => {
            let Some((from, to)) = other.span() else { return (Level::Missing, 0.0) };
            let late = i64::from(from - day);
            let early = i64::from(day - to);
            if late <= w::EXPECTED_DAYS && early <= w::EXPECTED_DAYS {
                (Level::ExpectedNear, w::EXPECTED_NEAR)
            } else if late <= w::EXPECTED_DAYS && early <= w::EXPECTED_EARLY_DAYS {
                (Level::ExpectedNear, w::EXPECTED_EARLY)
            } else {
                (Level::Differs, w::EXPECTED_DIFFERS)
            }
        }
        (a, b) => {
            let (Some((a_from, a_to)), Some((b_from, b_to))) = (a.span(), b.span()) else { return (Level::Missing, 0.0) };
            let width = f64::from((a_to - a_from).max(b_to - b_from) + 1);
            let (level, holds, near) = if width <= 31.0 {
                (Level::MonthOnly, w::BIRTH_MONTH, w::BIRTH_YEAR_ONLY)
            } else if width <= 366.0 {
                (Level::YearOnly, w::BIRTH_YEAR, ((w::BIRTH_YEAR_NEAR / DAYS_PER_YEAR).log2() + weights.days) as f32)
            } else {
                (Level::InRange, w::BIRTH_RANGE, w::BIRTH_RANGE_NEAR)
            };
            let gap = (a_from - b_to).max(b_from - a_to);
            if gap <= 0 {
                (level, ((holds / width).log2() + weights.days) as f32)
            } else if gap <= 366 {
                (Level::YearNear, near)
            } else {
                (Level::Differs, w::BIRTH_DIFFERS)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_agreement() {
        let weights = BirthWeights::new(18);
        let form = |text: &str| BirthForm::from(Birth::from_text(text));
        let table = [
            ("2015-03-04", "2015-03-04", Level::Exact),
            ("2015-03-04", "2015-04-03", Level::DayMonthSwapped),
            ("2015-03-04", "2015-03-14", Level::OneDigit),
            ("2015-03-12", "2015-03-21", Level::OneDigit),
            ("2015-13-04", "2015-12-04", Level::OneDigit),
            ("2015-03-04", "2015-03-29", Level::TwoParts),
            ("2015-07-31", "2015-08-01", Level::NearDays),
            ("2015-03-04", "2015-01-01", Level::YearOnly),
            ("2015-03-04", "2015-11-28", Level::SameYear),
            ("2015-03-04", "2011-11-28", Level::Differs),
            ("2015-03", "2015-03-28", Level::MonthOnly),
            ("2015", "2015-03-28", Level::YearOnly),
            ("2015", "2016-03-28", Level::YearNear),
            ("2015", "2018-03-28", Level::Differs),
            ("1900-01-01", "2018-03-28", Level::Missing),
            ("", "2018-03-28", Level::Missing),
        ];
        for (a, b, level) in table {
            assert_eq!(compare_birth(form(a), form(b), &weights).0, level, "{a} {b}");
            assert_eq!(compare_birth(form(b), form(a), &weights).0, level, "{b} {a}");
        }
        let (_, exact) = compare_birth(form("2015-03-04"), form("2015-03-04"), &weights);
        assert!((12.5..12.7).contains(&exact), "{exact}");
    }

    #[test]
    fn an_expected_child_may_be_born_early() {
        let weights = BirthWeights::new(18);
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let expected = BirthForm::from(Birth::Expected(day("2024-06-01")));
        for (born, level) in [
            ("2024-06-10", Level::ExpectedNear),
            ("2024-03-01", Level::ExpectedNear),
            ("2024-08-01", Level::Differs),
            ("2023-12-01", Level::Differs),
        ] {
            let born = BirthForm::from(Birth::Exact(day(born)));
            assert_eq!(compare_birth(expected, born, &weights).0, level);
        }
    }
}
