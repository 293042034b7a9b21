//! Returns: counts of the register and its entries for governments and for boards.
//!
//! Each is a pure function of histories, so that the same histories give the same bytes, in whatever order they come.
//! Temporary entries are counted by the authority that holds the registration; whoever makes histories leaves them out.
//! What a return needs and nobody recorded is told as a gap, never filled with a guess.

pub mod cin;
pub mod northern_ireland;
pub mod suppress;
pub mod table;
pub mod wales;

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

use super::category::CategorySet;
use super::coded::closed_set;
use super::dates::{BirthDate, age_on};
use super::identifiers::{GssCode, LocalAuthorityChildId, Upn};
use super::procedures::Code;
use super::registration::{LegalStatusCode, Period, RemovalGround};
use super::sex::Sex;
use super::span::add_months;

closed_set! {
    /// A return.
    pub enum ReturnCode {
        /// The register tables of Wales.
        WalesRegister = "wales-register",
        /// The plan module of England's children-in-need census: a record of each child.
        CinPlans = "cin-plans",
        /// The quarterly tables of Northern Ireland.
        NorthernIrelandQuarterly = "northern-ireland-quarterly",
    }
}

impl ReturnCode {
    /// Whether it tells of each child, not only how many there are.
    pub const fn is_record_level(self) -> bool {
        matches!(self, Self::CinPlans)
    }

    /// Whether a day is one on which the return is made: 31 March, or the end of a quarter.
    ///
    /// # Source
    ///
    /// W-STATS-2015, CIN-VAL rule 100 (31 March); NI-STATS-2024 (quarters).
    pub fn is_reference_day(self, day: NaiveDate) -> bool {
        let quarter = matches!((day.month(), day.day()), (3 | 12, 31) | (6 | 9, 30));
        match self {
            Self::WalesRegister | Self::CinPlans => (day.month(), day.day()) == (3, 31),
            Self::NorthernIrelandQuarterly => quarter,
        }
    }

    /// The latest such day that is not after `today`.
    pub fn latest_reference_day(self, today: NaiveDate) -> NaiveDate {
        today.iter_days().rev().take(367).find(|day| self.is_reference_day(*day)).unwrap_or(today)
    }

    /// The first day of the time that a return made for `to` is about.
    pub fn first_day(self, to: NaiveDate) -> NaiveDate {
        match self {
            Self::WalesRegister | Self::CinPlans => year_before(to),
            Self::NorthernIrelandQuarterly => to,
        }
    }
}

/// The first day of the twelve months that end on a day.
fn year_before(to: NaiveDate) -> NaiveDate {
    let first = to.checked_sub_months(chrono::Months::new(12)).and_then(|day| day.succ_opt());
    first.unwrap_or(to)
}

/// A child as one authority's register has known it.
#[derive(Debug, Clone)]
pub struct History {
    /// The child's id in that authority's returns: the same from year to year.
    pub id: LocalAuthorityChildId,
    /// The authority.
    pub authority: GssCode,
    /// Sex.
    pub sex: Sex,
    /// Birth, or the expected day.
    pub birth: Option<BirthDate>,
    /// Death.
    pub died_on: Option<NaiveDate>,
    /// Unique pupil number.
    pub upn: Option<Upn>,
    /// Why there is none, as a code of the England census.
    pub upn_unknown: Option<Code>,
    /// Ethnicity, as a code of the England census.
    pub ethnicity: Option<Code>,
    /// Disabilities, as codes of the England census; empty: recorded as none; `None`: not recorded.
    pub disabilities: Option<BTreeSet<Code>>,
    /// Every period on this register, temporary ones left out.
    pub entries: Vec<Entry>,
}

/// One period on the register.
#[derive(Debug, Clone)]
pub struct Entry {
    /// From when until when.
    pub period: Period,
    /// Categories with the days from which they held; the first are the initial ones.
    pub categories: Vec<(NaiveDate, CategorySet)>,
    /// The ground on which it ended.
    pub ground: Option<RemovalGround>,
    /// Review conferences held.
    pub reviews: Vec<NaiveDate>,
    /// How many plans the child had before this one, in any authority of the nation.
    pub previous_plans: u32,
    /// Legal status.
    pub legal_status: Option<LegalStatusCode>,
    /// The referral.
    pub referral: Option<Referral>,
    /// The section 47 enquiry that led to it: its first day, and the day by which the conference was due.
    pub enquiry: Option<(NaiveDate, Option<NaiveDate>)>,
    /// The initial conference.
    pub conference_on: Option<NaiveDate>,
}

/// The referral that led to an entry.
#[derive(Debug, Clone)]
pub struct Referral {
    /// When.
    pub on: NaiveDate,
    /// From whom, as a code of the England census.
    pub source: Code,
    /// Primary need, as a code of the England census.
    pub primary_need: Code,
}

impl Entry {
    /// The categories that held on a day, or the initial ones before any.
    pub fn categories_on(&self, day: NaiveDate) -> Option<&CategorySet> {
        let latest = self.categories.iter().filter(|(from, _)| *from <= day).max_by_key(|(from, _)| *from);
        latest.or_else(|| self.categories.iter().min_by_key(|(from, _)| *from)).map(|(_, set)| set)
    }

    /// The categories the conference decided first.
    pub fn initial_categories(&self) -> Option<&CategorySet> {
        self.categories.iter().min_by_key(|(from, _)| *from).map(|(_, set)| set)
    }
}

impl History {
    /// The entry that was in force on a day.
    pub fn entry_on(&self, day: NaiveDate) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.period.contains(day))
    }

    /// Whether the child was not born on a day, as far as is known.
    pub fn is_unborn_on(&self, day: NaiveDate) -> bool {
        match &self.birth {
            Some(BirthDate::Expected(_)) => true,
            Some(birth) => birth.expose_bounds().0 > day,
            None => false,
        }
    }

    /// The day of birth a return is given: of a range, its middle. `None` for the unborn and where nothing is known.
    ///
    /// # Source
    ///
    /// SSD-PERSON: where the day is not known, the 15th of the month, which is the middle of a month's range.
    pub fn born_on(&self) -> Option<NaiveDate> {
        match &self.birth {
            Some(BirthDate::Expected(_)) | None => None,
            Some(birth) => {
                let (first, last) = birth.expose_bounds();
                Some(first + (last - first) / 2)
            }
        }
    }

    /// Age in whole years on a day; `None` for the unborn and where it is not known.
    pub fn age_on(&self, day: NaiveDate) -> Option<u32> {
        self.born_on().and_then(|born| age_on(born, day))
    }
}

/// The label of the band a number falls into, of bands that begin at the numbers given: `under 1`, `1 to 4`, `16 and over`.
fn band(number: u32, from: &[u32], unit: &str) -> String {
    bands(from, unit).swap_remove(from.iter().rposition(|start| *start <= number).unwrap_or(0))
}

/// The labels of all bands that begin at the numbers given.
fn bands(from: &[u32], unit: &str) -> Vec<String> {
    let label = |(index, start): (usize, &u32)| match from.get(index + 1) {
        Some(next) if *start == 0 => format!("under {next}{unit}"),
        Some(next) if *next == start + 1 => format!("{start}{unit}"),
        Some(next) => format!("{start} to {}{unit}", next - 1),
        None => format!("{start}{unit} and over"),
    };
    from.iter().enumerate().map(label).collect()
}

/// Whole calendar months from a day to a later one.
fn months_between(from: NaiveDate, to: NaiveDate) -> u32 {
    (1..).take_while(|months| add_months(from, *months).is_some_and(|day| day <= to)).last().unwrap_or(0)
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dates::parse_date;

    #[test]
    fn bands_say_where_they_begin_and_end() {
        assert_eq!(bands(&[0, 1, 5, 12, 16], ""), ["under 1", "1 to 4", "5 to 11", "12 to 15", "16 and over"]);
        for (number, label) in
            [(0, "under 1"), (1, "1 to 4"), (4, "1 to 4"), (5, "5 to 11"), (15, "12 to 15"), (16, "16 and over"), (99, "16 and over")]
        {
            assert_eq!(band(number, &[0, 1, 5, 12, 16], ""), label);
        }
    }

    #[test]
    fn the_reference_day_is_the_latest_that_has_come() {
        let day = |text| parse_date(text).unwrap();
        for (code, today, latest, first) in [
            (ReturnCode::WalesRegister, "2026-03-30", "2025-03-31", "2024-04-01"),
            (ReturnCode::WalesRegister, "2026-03-31", "2026-03-31", "2025-04-01"),
            (ReturnCode::CinPlans, "2024-04-01", "2024-03-31", "2023-04-01"),
            (ReturnCode::NorthernIrelandQuarterly, "2026-06-30", "2026-06-30", "2026-06-30"),
            (ReturnCode::NorthernIrelandQuarterly, "2026-12-30", "2026-09-30", "2026-09-30"),
        ] {
            assert_eq!(code.latest_reference_day(day(today)), day(latest), "{code} {today}");
            assert_eq!(code.first_day(day(latest)), day(first), "{code} {today}");
        }
    }

    #[test]
    fn months_are_whole() {
        let day = |text| parse_date(text).unwrap();
        for (from, to, months) in [
            ("2026-03-03", "2026-06-02", 2),
            ("2026-03-03", "2026-06-03", 3),
            ("2026-01-31", "2026-02-28", 1),
            ("2026-03-03", "2026-03-03", 0),
        ] {
            assert_eq!(months_between(day(from), day(to)), months, "{from} {to}");
        }
    }
}
