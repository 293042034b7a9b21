//! Working days: Monday to Friday without bank holidays, by the calendar of the authority that owes the action.
//!
//! The table covers the years 2020 to 2035. A date outside it is an error and not a guess, because a wrong due date looks
//! exactly like a right one.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate, Weekday};

use super::coded::coded_error;
use super::nation::Nation;

coded_error! {
    /// Why the calendar has no answer.
    pub enum CalendarError {
        /// The date lies in a year whose holidays are not in the table.
        YearOutsideTable = "year-outside-table", "add the year's bank holidays to the table: it covers the years 2020 to 2035";
        /// The table itself cannot be read: a fault in the program.
        BrokenTable = "broken-table", "the table of bank holidays in this program cannot be read: report it as a fault";
    }
}

/// The table, as it stands in the program.
const TABLE: &str = include_str!("../../data/bank-holidays.toml");

/// The working days of one nation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    first_year: i32,
    last_year: i32,
    announced_until: NaiveDate,
    holidays: BTreeSet<NaiveDate>,
}

/// Calendars of the three divisions that holidays are published for.
struct Table {
    england_and_wales: Calendar,
    scotland: Calendar,
    northern_ireland: Calendar,
}

static CALENDARS: LazyLock<Result<Table, CalendarError>> = LazyLock::new(|| read(TABLE));

fn read(text: &str) -> Result<Table, CalendarError> {
    let table: toml::Table = text.parse().map_err(|_| CalendarError::BrokenTable)?;
    let year = |key: &str| -> Result<i32, CalendarError> {
        let year = table.get(key).and_then(toml::Value::as_integer).ok_or(CalendarError::BrokenTable)?;
        i32::try_from(year).map_err(|_| CalendarError::BrokenTable)
    };
    let (first_year, last_year) = (year("first-year")?, year("last-year")?);
    let announced_until = table
        .get("announced-until")
        .and_then(|day| NaiveDate::parse_from_str(&day.to_string(), "%Y-%m-%d").ok())
        .ok_or(CalendarError::BrokenTable)?;
    let calendar = |division: &str| -> Result<Calendar, CalendarError> {
        let rows = table.get(division).and_then(toml::Value::as_table).ok_or(CalendarError::BrokenTable)?;
        let holidays: BTreeSet<NaiveDate> = rows
            .keys()
            .map(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").map_err(|_| CalendarError::BrokenTable))
            .collect::<Result<_, _>>()?;
        // Every year has at least seven holidays, so one without any is a gap in the table.
        if (first_year..=last_year).all(|year| holidays.iter().any(|day| day.year() == year)) {
            Ok(Calendar { first_year, last_year, announced_until, holidays })
        } else {
            Err(CalendarError::BrokenTable)
        }
    };
    Ok(Table {
        england_and_wales: calendar("england-and-wales")?,
        scotland: calendar("scotland")?,
        northern_ireland: calendar("northern-ireland")?,
    })
}

impl Calendar {
    /// The calendar of a nation. Wales and England share one.
    ///
    /// # Errors
    ///
    /// [`CalendarError::BrokenTable`] when the table in the program cannot be read; a test makes sure that it can.
    pub fn for_nation(nation: Nation) -> Result<&'static Self, CalendarError> {
        let table = CALENDARS.as_ref().map_err(|error| *error)?;
        Ok(match nation {
            Nation::Wales | Nation::England => &table.england_and_wales,
            Nation::Scotland => &table.scotland,
            Nation::NorthernIreland => &table.northern_ireland,
        })
    }

    /// First and last year of the table.
    pub const fn years(&self) -> (i32, i32) {
        (self.first_year, self.last_year)
    }

    /// The last day for which the holidays were announced; those after it are computed by the rules, and a date that rests on
    /// them may still move.
    pub const fn announced_until(&self) -> NaiveDate {
        self.announced_until
    }

    /// Whether a day is a bank holiday, weekday or not.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] for a year the table does not have.
    pub fn is_bank_holiday(&self, day: NaiveDate) -> Result<bool, CalendarError> {
        if (self.first_year..=self.last_year).contains(&day.year()) {
            Ok(self.holidays.contains(&day))
        } else {
            Err(CalendarError::YearOutsideTable)
        }
    }

    /// Whether a day is a working day.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] for a year the table does not have.
    pub fn is_working_day(&self, day: NaiveDate) -> Result<bool, CalendarError> {
        let holiday = self.is_bank_holiday(day)?;
        Ok(!holiday && !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
    }

    /// The working day that is `days` working days after `from`. The day of the event does not count: one working day
    /// after a Friday, or after a Saturday, is Monday. Zero working days after a day is the day itself, working or not.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] when counting leaves the table.
    pub fn add_working_days(&self, from: NaiveDate, days: u32) -> Result<NaiveDate, CalendarError> {
        self.is_working_day(from)?;
        let mut day = from;
        let mut left = days;
        while left > 0 {
            day = day.succ_opt().ok_or(CalendarError::YearOutsideTable)?;
            if self.is_working_day(day)? {
                left -= 1;
            }
        }
        Ok(day)
    }

    /// The first working day on or after a day.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] when counting leaves the table.
    pub fn next_working_day(&self, on_or_after: NaiveDate) -> Result<NaiveDate, CalendarError> {
        let mut day = on_or_after;
        while !self.is_working_day(day)? {
            day = day.succ_opt().ok_or(CalendarError::YearOutsideTable)?;
        }
        Ok(day)
    }

    /// How many working days lie after `from`, up to and including `to`; negative when `to` is the earlier one.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] when either lies outside the table.
    pub fn working_days_between(&self, from: NaiveDate, to: NaiveDate) -> Result<i32, CalendarError> {
        let (early, late, sign) = if from <= to { (from, to, 1) } else { (to, from, -1) };
        self.is_working_day(early)?;
        self.is_working_day(late)?;
        let mut count = 0;
        let mut day = early;
        while day < late {
            day = day.succ_opt().ok_or(CalendarError::YearOutsideTable)?;
            if self.is_working_day(day)? {
                count += 1;
            }
        }
        Ok(count * sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dates::parse_date;
    use chrono::Days;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn date(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    /// Easter Sunday by Gauss's reckoning, as Lichtenberg put it right.
    fn easter(year: i32) -> NaiveDate {
        let k = year / 100;
        let m = 15 + (3 * k + 3) / 4 - (8 * k + 13) / 25;
        let s = 2 - (3 * k + 3) / 4;
        let a = year % 19;
        let d = (19 * a + m) % 30;
        let r = (d + a / 11) / 29;
        let first_full_moon = 21 + d - r;
        let sunday = 7 - (year + year / 4 + s) % 7;
        let distance = 7 - (first_full_moon - sunday) % 7;
        date(year, 3, 1) + Days::new(u64::try_from(first_full_moon + distance - 1).unwrap())
    }

    fn first_monday(year: i32, month: u32) -> NaiveDate {
        NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Mon, 1).unwrap()
    }

    fn last_monday(year: i32, month: u32) -> NaiveDate {
        NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Mon, 5)
            .or_else(|| NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Mon, 4))
            .unwrap()
    }

    /// Holidays on fixed dates: those on weekdays stay; each at a weekend takes the next weekday nobody has.
    fn observed(days: &[NaiveDate]) -> Vec<NaiveDate> {
        let weekend = |day: &NaiveDate| matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        let mut taken: Vec<NaiveDate> = days.iter().copied().filter(|day| !weekend(day)).collect();
        for holiday in days.iter().filter(|day| weekend(day)) {
            let mut free = *holiday;
            while weekend(&free) || taken.contains(&free) {
                free = free.succ_opt().unwrap();
            }
            taken.push(free);
        }
        taken
    }

    fn computed(nation: Nation, year: i32) -> BTreeSet<NaiveDate> {
        let easter = easter(year);
        let mut days = vec![easter - Days::new(2)];
        days.push(if year == 2020 { date(2020, 5, 8) } else { first_monday(year, 5) });
        days.push(if year == 2022 { date(2022, 6, 2) } else { last_monday(year, 5) });
        days.extend(observed(&[date(year, 12, 25), date(year, 12, 26)]));
        match nation {
            Nation::Scotland => {
                days.extend(observed(&[date(year, 1, 1), date(year, 1, 2)]));
                days.push(first_monday(year, 8));
                days.extend(observed(&[date(year, 11, 30)]));
                days.extend((year == 2026).then(|| date(2026, 6, 15)));
            }
            Nation::Wales | Nation::England | Nation::NorthernIreland => {
                days.extend(observed(&[date(year, 1, 1)]));
                days.push(easter + Days::new(1));
                days.push(last_monday(year, 8));
            }
        }
        if nation == Nation::NorthernIreland {
            days.extend(observed(&[date(year, 3, 17)]));
            days.extend(observed(&[date(year, 7, 12)]));
        }
        match year {
            2022 => days.extend([date(2022, 6, 3), date(2022, 9, 19)]),
            2023 => days.push(date(2023, 5, 8)),
            _ => {}
        }
        days.into_iter().collect()
    }

    #[test]
    fn easter_is_where_it_was_published() {
        for text in
            ["2020-04-12", "2021-04-04", "2022-04-17", "2023-04-09", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25"]
        {
            assert_eq!(easter(day(text).year()), day(text));
        }
    }

    #[test]
    fn the_table_has_every_holiday_and_no_other() {
        for nation in Nation::ALL {
            let calendar = Calendar::for_nation(nation).unwrap();
            assert_eq!((calendar.years(), calendar.announced_until()), ((2020, 2035), day("2027-12-31")));
            for year in 2020..=2035 {
                let table: BTreeSet<NaiveDate> = calendar.holidays.iter().copied().filter(|day| day.year() == year).collect();
                assert_eq!(table, computed(nation, year), "{nation} {year}");
            }
        }
    }

    #[test]
    fn announced_holidays_are_in_the_table() {
        use Nation::{NorthernIreland, Scotland, Wales};
        let table = [
            (Wales, "2020-05-08", true),
            (Wales, "2020-05-04", false),
            (Wales, "2021-12-27", true),
            (Wales, "2021-12-28", true),
            (Wales, "2022-05-30", false),
            (Wales, "2022-06-02", true),
            (Wales, "2022-06-03", true),
            (Wales, "2022-09-19", true),
            (Wales, "2022-12-27", true),
            (Wales, "2023-01-02", true),
            (Wales, "2023-05-01", true),
            (Wales, "2023-05-08", true),
            (Wales, "2026-12-28", true),
            (Wales, "2026-06-15", false),
            (Wales, "2026-03-17", false),
            (Scotland, "2022-01-03", true),
            (Scotland, "2022-01-04", true),
            (Scotland, "2023-01-03", true),
            (Scotland, "2026-06-15", true),
            (Scotland, "2026-04-06", false),
            (Scotland, "2026-08-03", true),
            (Scotland, "2024-12-02", true),
            (Scotland, "2025-12-01", true),
            (NorthernIreland, "2024-03-18", true),
            (NorthernIreland, "2025-07-14", true),
            (NorthernIreland, "2026-07-13", true),
        ];
        for (nation, text, expected) in table {
            assert_eq!(Calendar::for_nation(nation).unwrap().is_bank_holiday(day(text)), Ok(expected), "{nation} {text}");
        }
        assert_eq!(Calendar::for_nation(Nation::Wales), Calendar::for_nation(Nation::England));
    }

    #[test]
    fn working_days_are_counted_from_the_day_after() {
        let wales = Calendar::for_nation(Nation::Wales).unwrap();
        let table = [
            ("2026-03-03", 0, "2026-03-03"),
            ("2026-03-03", 1, "2026-03-04"),
            ("2026-03-03", 5, "2026-03-10"),
            ("2026-03-03", 10, "2026-03-17"),
            ("2026-03-06", 1, "2026-03-09"),
            ("2026-03-07", 1, "2026-03-09"),
            ("2026-03-07", 0, "2026-03-07"),
            // Over Easter: 3 and 6 April 2026 are holidays.
            ("2026-04-01", 15, "2026-04-24"),
            ("2026-12-24", 1, "2026-12-29"),
        ];
        for (from, days, expected) in table {
            assert_eq!(wales.add_working_days(day(from), days), Ok(day(expected)), "{from} {days}");
        }
        assert_eq!(Calendar::for_nation(Nation::Scotland).unwrap().add_working_days(day("2026-04-01"), 15), Ok(day("2026-04-23")));
        assert_eq!(wales.next_working_day(day("2026-04-03")), Ok(day("2026-04-07")));
        assert_eq!(wales.next_working_day(day("2026-04-07")), Ok(day("2026-04-07")));
        assert_eq!(wales.working_days_between(day("2026-04-01"), day("2026-04-24")), Ok(15));
        assert_eq!(wales.working_days_between(day("2026-04-24"), day("2026-04-01")), Ok(-15));
        assert_eq!(wales.working_days_between(day("2026-04-01"), day("2026-04-01")), Ok(0));
    }

    #[test]
    fn a_year_outside_the_table_is_an_error() {
        let wales = Calendar::for_nation(Nation::Wales).unwrap();
        assert!(wales.is_working_day(day("2020-01-01")).is_ok());
        assert!(wales.is_working_day(day("2035-12-31")).is_ok());
        assert_eq!(wales.is_working_day(day("2019-12-31")), Err(CalendarError::YearOutsideTable));
        assert_eq!(wales.is_working_day(day("2036-01-01")), Err(CalendarError::YearOutsideTable));
        assert_eq!(wales.add_working_days(day("2035-12-31"), 1), Err(CalendarError::YearOutsideTable));
        assert_eq!(wales.add_working_days(day("2026-01-01"), u32::MAX), Err(CalendarError::YearOutsideTable));
        assert_eq!(wales.working_days_between(day("2035-12-31"), day("2036-01-02")), Err(CalendarError::YearOutsideTable));
    }

    #[test]
    fn a_table_with_a_fault_is_refused() {
        for text in [
            "",
            "first-year = 2020",
            "first-year = 2020\nlast-year = 2020\nannounced-until = 2020-12-31\n[england-and-wales]\n[scotland]\n[northern-ireland]",
            "first-year = 2020\nlast-year = 2020\nannounced-until = 2020-12-31\n[england-and-wales]\n2020-13-01 = \"x\"",
        ] {
            assert_eq!(read(text).err(), Some(CalendarError::BrokenTable), "{text}");
        }
    }

    proptest! {
        #[test]
        fn counting_forth_and_back_agrees(start in 0_u64..5_000, days in 1_u32..120) {
            let wales = Calendar::for_nation(Nation::Wales).unwrap();
            let from = day("2020-01-01") + Days::new(start);
            let due = wales.add_working_days(from, days).unwrap();
            prop_assert_eq!(wales.is_working_day(due), Ok(true));
            prop_assert_eq!(wales.working_days_between(from, due), Ok(i32::try_from(days).unwrap()));
        }
    }
}
