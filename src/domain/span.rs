//! Lengths of time as procedures state them: so many working days, calendar days, weeks or months.
//!
//! Working days skip weekends and the bank holidays of the authority that owes the action; the other units never skip a
//! day (invariant I22). The day of the event does not count, and the day it falls due is the last on which it is in time.

use chrono::{Days, Months, NaiveDate};
use serde::Deserialize;

use super::calendar::{Calendar, CalendarError};
use super::coded::{closed_set, coded_error};

closed_set! {
    /// The unit in which a rule counts.
    pub enum Unit {
        /// Mondays to Fridays without bank holidays.
        WorkingDays = "working-days",
        /// Every day.
        CalendarDays = "calendar-days",
        /// Seven days.
        Weeks = "weeks",
        /// Calendar months.
        Months = "months",
    }
}

coded_error! {
    /// Why a length of time was not taken.
    pub enum SpanError {
        /// Nothing, or longer than any rule.
        LengthOutOfRange = "length-out-of-range", "give a length between 1 and 1200";
    }
}

/// Longest length, in its unit: a hundred years of months, the longest that retention rules know.
pub const SPAN_LENGTH_MAX: u16 = 1200;

/// A length of time in one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "SpanFields")]
pub struct Span {
    length: u16,
    unit: Unit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpanFields {
    length: u16,
    unit: Unit,
}

impl TryFrom<SpanFields> for Span {
    type Error = SpanError;

    fn try_from(fields: SpanFields) -> Result<Self, Self::Error> {
        Self::new(fields.length, fields.unit)
    }
}

impl Span {
    /// A length of time.
    ///
    /// # Errors
    ///
    /// [`SpanError::LengthOutOfRange`] for 0 and above [`SPAN_LENGTH_MAX`].
    pub const fn new(length: u16, unit: Unit) -> Result<Self, SpanError> {
        if length == 0 || length > SPAN_LENGTH_MAX { Err(SpanError::LengthOutOfRange) } else { Ok(Self { length, unit }) }
    }

    /// How many.
    pub const fn length(self) -> u16 {
        self.length
    }

    /// Of what.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// The last day that is still in time when the count starts with an event on `from`.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] when counting working days leaves the table of holidays, or any count the years a
    /// date can have.
    pub fn after(self, from: NaiveDate, calendar: &Calendar) -> Result<NaiveDate, CalendarError> {
        let length = u32::from(self.length);
        match self.unit {
            Unit::WorkingDays => calendar.add_working_days(from, length),
            Unit::CalendarDays => from.checked_add_days(Days::new(u64::from(length))).ok_or(CalendarError::YearOutsideTable),
            Unit::Weeks => from.checked_add_days(Days::new(7 * u64::from(length))).ok_or(CalendarError::YearOutsideTable),
            Unit::Months => add_months(from, length).ok_or(CalendarError::YearOutsideTable),
        }
    }
}

/// The day that is `months` calendar months after a day: the day of the same number, or the last of its month where that
/// month has no such day. 31 January and one month is 28 February (29 in a leap year), so is 30 November and three.
///
/// # Source
///
/// Interpretation Act 1978, Schedule 1 (a month is a calendar month); Dodds v Walker \[1981\] 1 WLR 1027 (the corresponding
/// date, else the last day of the month).
pub fn add_months(day: NaiveDate, months: u32) -> Option<NaiveDate> {
    day.checked_add_months(Months::new(months))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dates::parse_date;
    use crate::domain::nation::Nation;
    use chrono::{Datelike, Weekday};
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn span(length: u16, unit: Unit) -> Span {
        Span::new(length, unit).unwrap()
    }

    #[test]
    fn spans_end_where_the_procedures_say() {
        use Unit::{CalendarDays, Months, Weeks, WorkingDays};
        let table = [
            // S12: registration on 3 March.
            ("2026-03-03", 10, WorkingDays, "2026-03-17"),
            ("2026-03-03", 5, WorkingDays, "2026-03-10"),
            ("2026-03-03", 3, Months, "2026-06-03"),
            ("2026-01-31", 1, Months, "2026-02-28"),
            ("2028-01-31", 1, Months, "2028-02-29"),
            ("2026-11-30", 3, Months, "2027-02-28"),
            ("2027-11-30", 3, Months, "2028-02-29"),
            ("2026-02-28", 1, Months, "2026-03-28"),
            ("2026-08-31", 6, Months, "2027-02-28"),
            ("2026-12-31", 6, Months, "2027-06-30"),
            ("2026-03-03", 4, Weeks, "2026-03-31"),
            ("2026-03-27", 3, CalendarDays, "2026-03-30"),
            // Calendar days fall due on holidays too; working days do not.
            ("2026-12-22", 3, CalendarDays, "2026-12-25"),
            ("2026-12-22", 3, WorkingDays, "2026-12-29"),
        ];
        let calendar = Calendar::for_nation(Nation::Wales).unwrap();
        for (from, length, unit, due) in table {
            assert_eq!(span(length, unit).after(day(from), calendar), Ok(day(due)), "{from} {length} {unit}");
        }
    }

    #[test]
    fn working_days_are_those_of_the_calendar_given() {
        let due = |nation| span(21, Unit::WorkingDays).after(day("2026-06-01"), Calendar::for_nation(nation).unwrap()).unwrap();
        assert_eq!(due(Nation::Wales), day("2026-06-30"));
        // 15 June 2026 was a bank holiday in Scotland alone.
        assert_eq!(due(Nation::Scotland), day("2026-07-01"));
    }

    #[test]
    fn a_length_has_bounds() {
        for (length, taken) in [(0, false), (1, true), (SPAN_LENGTH_MAX, true), (SPAN_LENGTH_MAX + 1, false)] {
            assert_eq!(Span::new(length, Unit::Months).is_ok(), taken, "{length}");
        }
        for text in ["length = 0\nunit = \"weeks\"", "length = 1\nunit = \"hours\"", "length = 1", "length = 1\nunit = \"weeks\"\nx = 1"] {
            assert!(toml::from_str::<Span>(text).is_err(), "{text}");
        }
        let calendar = Calendar::for_nation(Nation::Wales).unwrap();
        assert!(span(1, Unit::WorkingDays).after(day("2035-12-31"), calendar).is_err());
        assert!(span(1, Unit::Months).after(day("2035-12-31"), calendar).is_ok());
    }

    /// One day after another, by the definition of each unit.
    fn naive(from: NaiveDate, length: u16, unit: Unit, calendar: &Calendar) -> NaiveDate {
        let next = |day: NaiveDate| day.succ_opt().unwrap();
        let mut day = from;
        match unit {
            Unit::WorkingDays => {
                for _ in 0..length {
                    day = next(day);
                    while matches!(day.weekday(), Weekday::Sat | Weekday::Sun) || calendar.is_bank_holiday(day).unwrap() {
                        day = next(day);
                    }
                }
            }
            Unit::CalendarDays => (0..length).for_each(|_| day = next(day)),
            Unit::Weeks => (0..7 * length).for_each(|_| day = next(day)),
            Unit::Months => {
                let month_of = |day: NaiveDate| day.year() * 12 + i32::try_from(day.month0()).unwrap();
                let wanted = month_of(from) + i32::from(length);
                while month_of(day) < wanted {
                    day = next(day);
                }
                while day.day() < from.day() && month_of(next(day)) == wanted {
                    day = next(day);
                }
            }
        }
        day
    }

    proptest! {
        #[test]
        fn a_span_ends_where_counting_day_by_day_ends(start in 0_u64..4_500, length in 1_u16..40, unit in 0..4_usize, nation in 0..4_usize) {
            let calendar = Calendar::for_nation(Nation::ALL[nation]).unwrap();
            let from = day("2020-01-01") + Days::new(start);
            let unit = Unit::ALL[unit];
            prop_assert_eq!(span(length, unit).after(from, calendar), Ok(naive(from, length, unit, calendar)));
        }

        #[test]
        fn working_days_between_are_those_one_passes(start in 0_u64..5_000, length in 0_u64..400, nation in 0..4_usize) {
            let calendar = Calendar::for_nation(Nation::ALL[nation]).unwrap();
            let (from, to) = (day("2020-01-01") + Days::new(start), day("2020-01-01") + Days::new(start + length));
            let passed = (1..=length).filter(|days| {
                let day = from + Days::new(*days);
                !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !calendar.is_bank_holiday(day).unwrap()
            });
            let passed = i32::try_from(passed.count()).unwrap();
            prop_assert_eq!(calendar.working_days_between(from, to), Ok(passed));
            prop_assert_eq!(calendar.working_days_between(to, from), Ok(-passed));
        }
    }
}
