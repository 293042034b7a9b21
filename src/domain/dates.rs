//! Dates of birth as people know them: exactly, about, or still expected.
//!
//! Dates are calendar dates (`YYYY-MM-DD`), without a time or a zone. "Today" is handed in.

use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::coded::coded_error;
use super::sensitive::Personal;

coded_error! {
    /// Why a date, an age or what is known of a birth was not taken.
    pub enum DateError {
        /// Nothing in it.
        Empty = "empty", "leave the date out, or write it as YYYY-MM-DD";
        /// Not digits and hyphens in the right places.
        WrongShape = "wrong-date-shape", "write the date as YYYY-MM-DD; where less is known, YYYY-MM or YYYY";
        /// Digits in the right places, but no such day or month.
        ImpossibleDate = "impossible-date", "check day and month: there is no such date";
        /// A year before [`YEAR_MIN`] or after [`YEAR_MAX`].
        YearOutOfRange = "year-out-of-range", "check the year: it must be from 1850 to 2199";
        /// A birth later than today.
        InTheFuture = "in-the-future", "check the date: it has not come yet. For an unborn child give the expected date of delivery";
        /// A birth so long ago that the person cannot be whom the date is for.
        TooLongAgo = "too-long-ago", "check the year: the person would be too old";
        /// A range that ends before it begins.
        FromAfterTo = "from-after-to", "swap the two dates, or correct one: the range ends before it begins";
        /// A range so wide that it says nothing.
        RangeTooWide = "range-too-wide", "give a narrower range: at most 26 years";
        /// Only one end of a range.
        HalfRange = "half-range", "give both ends of the range, or leave both out";
        /// Several different ways of saying when the person was born.
        TooMany = "too-many-dates", "give one of: the date of birth, a range, an age, or the expected date of delivery";
        /// An age above [`AGE_YEARS_MAX`].
        AgeOutOfRange = "age-out-of-range", "give the age in whole years, 0 to 25";
        /// An expected date of delivery further away than a pregnancy lasts.
        ExpectedTooLate = "expected-date-too-late", "check the expected date of delivery: it is further away than a pregnancy lasts";
        /// An expected date of delivery so long past that the child is born.
        ExpectedTooEarly = "expected-date-too-early", "give the date of birth: the expected date of delivery is long past";
    }
}

/// First year any date may have: the oldest person alive was not born before it.
pub const YEAR_MIN: i32 = 1850;

/// Last year any date may have: far enough for every clock, near enough to catch a slipped digit.
pub const YEAR_MAX: i32 = 2199;

/// Highest age that may be asked about, in years: support for care leavers ends at 25.
pub const AGE_YEARS_MAX: u8 = 25;

/// Widest range of birth dates, in years: all ages from 0 to [`AGE_YEARS_MAX`].
pub const RANGE_YEARS_MAX: u32 = 26;

/// Highest plausible age of a parent or carer, in years: nobody on record in these islands lived longer.
pub const ADULT_AGE_YEARS_MAX: u32 = 120;

/// How far ahead an expected date of delivery may lie, in days: 40 weeks, and two for a pregnancy dated late.
///
/// # Source
///
/// CIN-VAL rule 8606: a referral is not more than 40 weeks before the expected date of birth.
pub const EXPECTED_DAYS_AHEAD_MAX: u64 = 42 * 7;

/// How far in the past an expected date of delivery may lie, in days: a child can be born and registered under it for
/// months while nobody has told the register.
pub const EXPECTED_DAYS_PAST_MAX: u64 = 365;

/// Age at which a child leaves the register, in years.
///
/// # Source
///
/// WSP-4.9.
pub const ADULT_YEARS: u32 = 18;

fn in_bounds(date: NaiveDate) -> Result<NaiveDate, DateError> {
    if (YEAR_MIN..=YEAR_MAX).contains(&date.year()) { Ok(date) } else { Err(DateError::YearOutOfRange) }
}

/// The calendar date `years` after `date`.
///
/// Somebody born on 29 February has birthdays on 1 March in common years: an age is attained at the start of the
/// anniversary, and a year without 29 February has none before 1 March. It is also the later of the two possible days,
/// so that no child leaves the register early.
///
/// # Source
///
/// Family Law Reform Act 1969, section 9 (an age is attained at the start of the anniversary); WSP-4.9 with invariant I5
/// (not before the birthday).
pub fn anniversary(date: NaiveDate, years: u32) -> NaiveDate {
    let year = i32::try_from(years).ok().and_then(|years| date.year().checked_add(years)).unwrap_or(i32::MAX);
    NaiveDate::from_ymd_opt(year, date.month(), date.day()).or_else(|| NaiveDate::from_ymd_opt(year, 3, 1)).unwrap_or(NaiveDate::MAX)
}

/// The calendar date `years` before `date`, the day before 1 March standing in for a 29 February that does not exist.
fn years_before(date: NaiveDate, years: u32) -> NaiveDate {
    let year = i32::try_from(years).ok().and_then(|years| date.year().checked_sub(years)).unwrap_or(i32::MIN);
    NaiveDate::from_ymd_opt(year, date.month(), date.day()).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28)).unwrap_or(NaiveDate::MIN)
}

/// Whole years from `born` to `on`, by [`anniversary`]. `None` when `on` is before `born`.
pub fn age_on(born: NaiveDate, on: NaiveDate) -> Option<u32> {
    let years = u32::try_from(on.year() - born.year()).ok()?;
    if on >= anniversary(born, years) { Some(years) } else { years.checked_sub(1) }
}

/// Reads `YYYY-MM-DD` and nothing else.
///
/// # Errors
///
/// `empty`, `wrong-date-shape`, `impossible-date`, `year-out-of-range`.
pub fn parse_date(text: &str) -> Result<NaiveDate, DateError> {
    match text.parse::<PartialDate>()?.expose_precision() {
        Precision::Day(date) => Ok(date),
        Precision::Month { .. } | Precision::Year(_) => Err(DateError::WrongShape),
    }
}

/// A date of which the day, or the month too, may not be known: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartialDate(Personal<Precision>);

/// How much of a [`PartialDate`] is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// The year only.
    Year(i32),
    /// Year and month (1–12).
    Month {
        /// The year.
        year: i32,
        /// The month, 1–12.
        month: u32,
    },
    /// The day.
    Day(NaiveDate),
}

impl PartialDate {
    /// Reads what is known.
    pub const fn expose_precision(&self) -> Precision {
        *self.0.expose()
    }

    /// The first day it can mean.
    pub fn first_day(&self) -> NaiveDate {
        let first = match self.expose_precision() {
            Precision::Year(year) => NaiveDate::from_ymd_opt(year, 1, 1),
            Precision::Month { year, month } => NaiveDate::from_ymd_opt(year, month, 1),
            Precision::Day(date) => Some(date),
        };
        // Always a date: the parser has checked year and month.
        first.unwrap_or(NaiveDate::MIN)
    }

    /// The last day it can mean.
    pub fn last_day(&self) -> NaiveDate {
        let after = match self.expose_precision() {
            Precision::Year(year) => NaiveDate::from_ymd_opt(year + 1, 1, 1),
            Precision::Month { year, month: 12 } => NaiveDate::from_ymd_opt(year + 1, 1, 1),
            Precision::Month { year, month } => NaiveDate::from_ymd_opt(year, month + 1, 1),
            Precision::Day(date) => date.succ_opt(),
        };
        after.and_then(|day| day.pred_opt()).unwrap_or(NaiveDate::MAX)
    }

    /// Reads the text in its canonical form.
    pub fn expose(&self) -> String {
        match self.expose_precision() {
            Precision::Year(year) => format!("{year:04}"),
            Precision::Month { year, month } => format!("{year:04}-{month:02}"),
            Precision::Day(date) => date.format("%Y-%m-%d").to_string(),
        }
    }
}

impl std::str::FromStr for PartialDate {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(DateError::Empty);
        }
        let number = |digits: &str, length: usize| -> Result<u32, DateError> {
            if digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                digits.parse().map_err(|_| DateError::WrongShape)
            } else {
                Err(DateError::WrongShape)
            }
        };
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(DateError::WrongShape);
        }
        let year = i32::try_from(number(year, 4)?).map_err(|_| DateError::WrongShape)?;
        let month = month.map(|month| number(month, 2)).transpose()?;
        let day = day.map(|day| number(day, 2)).transpose()?;
        let precision = match (month, day) {
            (None, _) => Precision::Year(year),
            (Some(month), None) if (1..=12).contains(&month) => Precision::Month { year, month },
            (Some(_), None) => return Err(DateError::ImpossibleDate),
            (Some(month), Some(day)) => Precision::Day(NaiveDate::from_ymd_opt(year, month, day).ok_or(DateError::ImpossibleDate)?),
        };
        if (YEAR_MIN..=YEAR_MAX).contains(&year) { Ok(Self(Personal::new(precision))) } else { Err(DateError::YearOutOfRange) }
    }
}

/// `TryFrom<String>` and serde by text for a type whose text is made on demand.
macro_rules! date_conversions {
    ($Name:ident) => {
        impl TryFrom<String> for $Name {
            type Error = DateError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<&str> for $Name {
            type Error = DateError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$Name> for String {
            fn from(date: $Name) -> Self {
                date.expose().to_string()
            }
        }

        impl Serialize for $Name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.expose())
            }
        }

        impl<'de> Deserialize<'de> for $Name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
date_conversions!(PartialDate);

/// A day on which a person was born. Says only that the date exists; see [`DateOfBirth::plausible_for_child`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DateOfBirth(Personal<NaiveDate>);

impl DateOfBirth {
    /// Reads the date.
    pub const fn expose(&self) -> NaiveDate {
        *self.0.expose()
    }

    /// Whether a child can have been born on this day, as seen from `today`.
    ///
    /// # Errors
    ///
    /// * [`DateError::InTheFuture`] after `today`.
    /// * [`DateError::TooLongAgo`] when the person is older than [`AGE_YEARS_MAX`].
    pub fn plausible_for_child(&self, today: NaiveDate) -> Result<(), DateError> {
        self.plausible(today, u32::from(AGE_YEARS_MAX))
    }

    /// Whether a parent or carer can have been born on this day, as seen from `today`.
    ///
    /// # Errors
    ///
    /// * [`DateError::InTheFuture`] after `today`.
    /// * [`DateError::TooLongAgo`] when the person is older than [`ADULT_AGE_YEARS_MAX`].
    pub fn plausible_for_adult(&self, today: NaiveDate) -> Result<(), DateError> {
        self.plausible(today, ADULT_AGE_YEARS_MAX)
    }

    fn plausible(&self, today: NaiveDate, years_max: u32) -> Result<(), DateError> {
        match self.age_on(today) {
            None => Err(DateError::InTheFuture),
            Some(years) if years > years_max => Err(DateError::TooLongAgo),
            Some(_) => Ok(()),
        }
    }

    /// Whole years of age on a day; `None` before birth. See [`anniversary`] for 29 February.
    pub fn age_on(&self, day: NaiveDate) -> Option<u32> {
        age_on(self.expose(), day)
    }

    /// The day on which the person turns 18: the first day on which they are no child.
    pub fn eighteenth_birthday(&self) -> NaiveDate {
        anniversary(self.expose(), ADULT_YEARS)
    }

    /// Whether the person has turned 18 on or before a day.
    pub fn is_adult_on(&self, day: NaiveDate) -> bool {
        day >= self.eighteenth_birthday()
    }
}

impl TryFrom<NaiveDate> for DateOfBirth {
    type Error = DateError;

    fn try_from(date: NaiveDate) -> Result<Self, Self::Error> {
        in_bounds(date).map(|date| Self(Personal::new(date)))
    }
}

impl From<DateOfBirth> for NaiveDate {
    fn from(date: DateOfBirth) -> Self {
        date.expose()
    }
}

impl std::str::FromStr for DateOfBirth {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_date(text).map(|date| Self(Personal::new(date)))
    }
}
date_conversions!(DateOfBirth);

/// The day on which a child is expected to be born.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExpectedDeliveryDate(Personal<NaiveDate>);

impl ExpectedDeliveryDate {
    /// Reads the date.
    pub const fn expose(&self) -> NaiveDate {
        *self.0.expose()
    }

    /// Whether an unborn child can be expected on this day, as seen from `today`.
    ///
    /// # Errors
    ///
    /// * [`DateError::ExpectedTooLate`] more than [`EXPECTED_DAYS_AHEAD_MAX`] days ahead.
    /// * [`DateError::ExpectedTooEarly`] more than [`EXPECTED_DAYS_PAST_MAX`] days past.
    pub fn plausible(&self, today: NaiveDate) -> Result<(), DateError> {
        let date = self.expose();
        if today.checked_add_days(Days::new(EXPECTED_DAYS_AHEAD_MAX)).is_some_and(|latest| date > latest) {
            Err(DateError::ExpectedTooLate)
        } else if today.checked_sub_days(Days::new(EXPECTED_DAYS_PAST_MAX)).is_some_and(|earliest| date < earliest) {
            Err(DateError::ExpectedTooEarly)
        } else {
            Ok(())
        }
    }
}

impl TryFrom<NaiveDate> for ExpectedDeliveryDate {
    type Error = DateError;

    fn try_from(date: NaiveDate) -> Result<Self, Self::Error> {
        in_bounds(date).map(|date| Self(Personal::new(date)))
    }
}

impl From<ExpectedDeliveryDate> for NaiveDate {
    fn from(date: ExpectedDeliveryDate) -> Self {
        date.expose()
    }
}

impl std::str::FromStr for ExpectedDeliveryDate {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_date(text).map(|date| Self(Personal::new(date)))
    }
}
date_conversions!(ExpectedDeliveryDate);

/// A range of days on one of which a person was born, both ends included, at most [`RANGE_YEARS_MAX`] years wide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BirthRange {
    from: DateOfBirth,
    to: DateOfBirth,
}

impl BirthRange {
    /// A range from its ends.
    ///
    /// # Errors
    ///
    /// * [`DateError::FromAfterTo`] when it ends before it begins.
    /// * [`DateError::RangeTooWide`] above [`RANGE_YEARS_MAX`] years.
    pub fn new(from: DateOfBirth, to: DateOfBirth) -> Result<Self, DateError> {
        if from > to {
            Err(DateError::FromAfterTo)
        } else if to.expose() > anniversary(from.expose(), RANGE_YEARS_MAX) {
            Err(DateError::RangeTooWide)
        } else {
            Ok(Self { from, to })
        }
    }

    /// The first day.
    pub const fn from(&self) -> DateOfBirth {
        self.from
    }

    /// The last day.
    pub const fn to(&self) -> DateOfBirth {
        self.to
    }

    /// Whether a day lies in the range.
    pub fn contains(&self, day: NaiveDate) -> bool {
        (self.from.expose()..=self.to.expose()).contains(&day)
    }
}

/// An age in whole years, 0–25, as somebody guessed or was told it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AgeYears(Personal<u8>);

impl AgeYears {
    /// An age.
    ///
    /// # Errors
    ///
    /// [`DateError::AgeOutOfRange`] above [`AGE_YEARS_MAX`].
    pub const fn new(years: u8) -> Result<Self, DateError> {
        if years <= AGE_YEARS_MAX { Ok(Self(Personal::new(years))) } else { Err(DateError::AgeOutOfRange) }
    }

    /// Reads the age.
    pub const fn expose(&self) -> u8 {
        *self.0.expose()
    }

    /// The days on which a person can have been born who is said to be of this age on `asked`, one year either way.
    ///
    /// # Errors
    ///
    /// [`DateError::YearOutOfRange`] when `asked` is near either end of the calendar.
    ///
    /// # Source
    ///
    /// Contract, part 1: `ageYears` is the age at `askedAt`, ±1.
    pub fn born_between(&self, asked: NaiveDate) -> Result<BirthRange, DateError> {
        let years = u32::from(self.expose());
        // Of age at most years + 1: the birthday after that is still to come, so the birth is after this day. Somebody
        // born on 29 February has that birthday on 1 March, hence a day that may be one too early in a leap year.
        let from = years_before(asked, years + 2).succ_opt().ok_or(DateError::YearOutOfRange)?;
        let from = if age_on(from, asked).is_some_and(|age| age > years + 1) { from.succ_opt().unwrap_or(from) } else { from };
        let to = years.checked_sub(1).map_or(asked, |years| years_before(asked, years));
        BirthRange::new(from.try_into()?, to.try_into()?)
    }
}

impl TryFrom<u8> for AgeYears {
    type Error = DateError;

    fn try_from(years: u8) -> Result<Self, Self::Error> {
        Self::new(years)
    }
}

impl Serialize for AgeYears {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.expose())
    }
}

impl<'de> Deserialize<'de> for AgeYears {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What is known of a person's birth.
///
/// On the wire these are sibling fields of the person, so flatten it: `dateOfBirth`; or `dateOfBirthFrom` and
/// `dateOfBirthTo`; or `expectedDeliveryDate`. Where it may be absent, read the four fields and use [`Self::from_parts`]:
/// serde takes every fault in a flattened `Option` for absence.
///
/// # Source
///
/// Contract, part 1; CIN-VAL rule 8525Q: never both a date of birth and an expected one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "BirthFields", into = "BirthFields")]
pub enum BirthDate {
    /// The day is known.
    Exact(DateOfBirth),
    /// The day lies in a range.
    Approximate(BirthRange),
    /// The child is not born, or nobody has said yet that it is.
    Expected(ExpectedDeliveryDate),
}

/// The wire shape of [`BirthDate`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BirthFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<DateOfBirth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date_of_birth_from: Option<DateOfBirth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date_of_birth_to: Option<DateOfBirth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected_delivery_date: Option<ExpectedDeliveryDate>,
}

impl TryFrom<BirthFields> for BirthDate {
    type Error = DateError;

    fn try_from(fields: BirthFields) -> Result<Self, Self::Error> {
        Self::from_parts(fields.date_of_birth, fields.date_of_birth_from, fields.date_of_birth_to, fields.expected_delivery_date)?
            .ok_or(DateError::Empty)
    }
}

impl From<BirthDate> for BirthFields {
    fn from(birth: BirthDate) -> Self {
        let (date_of_birth, range, expected_delivery_date) = match birth {
            BirthDate::Exact(date) => (Some(date), None, None),
            BirthDate::Approximate(range) => (None, Some(range), None),
            BirthDate::Expected(date) => (None, None, Some(date)),
        };
        Self {
            date_of_birth,
            date_of_birth_from: range.map(|range| range.from()),
            date_of_birth_to: range.map(|range| range.to()),
            expected_delivery_date,
        }
    }
}

impl BirthDate {
    /// What four optional fields say, if they say anything.
    ///
    /// # Errors
    ///
    /// * [`DateError::HalfRange`] for one end of a range.
    /// * [`DateError::TooMany`] for more than one way of saying it.
    /// * As [`BirthRange::new`].
    pub fn from_parts(
        exact: Option<DateOfBirth>,
        from: Option<DateOfBirth>,
        to: Option<DateOfBirth>,
        expected: Option<ExpectedDeliveryDate>,
    ) -> Result<Option<Self>, DateError> {
        let range = match (from, to) {
            (Some(from), Some(to)) => Some(BirthRange::new(from, to)?),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(DateError::HalfRange),
        };
        match (exact, range, expected) {
            (Some(date), None, None) => Ok(Some(Self::Exact(date))),
            (None, Some(range), None) => Ok(Some(Self::Approximate(range))),
            (None, None, Some(date)) => Ok(Some(Self::Expected(date))),
            (None, None, None) => Ok(None),
            _ => Err(DateError::TooMany),
        }
    }

    /// What a partial date of birth says: a day, or the range of its month or year.
    ///
    /// # Errors
    ///
    /// None in practice: a year is narrower than any range allowed.
    pub fn from_partial(date: PartialDate) -> Result<Self, DateError> {
        match date.expose_precision() {
            Precision::Day(day) => DateOfBirth::try_from(day).map(Self::Exact),
            Precision::Month { .. } | Precision::Year(_) => {
                BirthRange::new(date.first_day().try_into()?, date.last_day().try_into()?).map(Self::Approximate)
            }
        }
    }

    /// The exact date of birth, when it is known.
    pub const fn exact(&self) -> Option<DateOfBirth> {
        match self {
            Self::Exact(date) => Some(*date),
            Self::Approximate(_) | Self::Expected(_) => None,
        }
    }

    /// Whether the child is recorded as unborn.
    pub const fn is_expected(&self) -> bool {
        matches!(self, Self::Expected(_))
    }

    /// First and last day of birth this allows. For an unborn child both are the expected date.
    pub const fn expose_bounds(&self) -> (NaiveDate, NaiveDate) {
        match self {
            Self::Exact(date) => (date.expose(), date.expose()),
            Self::Approximate(range) => (range.from.expose(), range.to.expose()),
            Self::Expected(date) => (date.expose(), date.expose()),
        }
    }

    /// Whether the person has certainly turned 18 on a day: the latest birth allowed decides, so that no child leaves
    /// the register early. Never for an unborn child.
    ///
    /// # Source
    ///
    /// WSP-4.9, invariant I5.
    pub fn is_certainly_adult_on(&self, day: NaiveDate) -> bool {
        match self {
            Self::Exact(date) => date.is_adult_on(day),
            Self::Approximate(range) => range.to.is_adult_on(day),
            Self::Expected(_) => false,
        }
    }

    /// Whether this can be what is known of a child's birth, as seen from `today`.
    ///
    /// # Errors
    ///
    /// As [`DateOfBirth::plausible_for_child`] and [`ExpectedDeliveryDate::plausible`]. A range may end in the future (a
    /// child born "this year"), but may not begin there, and may not end too long ago.
    pub fn plausible_for_child(&self, today: NaiveDate) -> Result<(), DateError> {
        match self {
            Self::Exact(date) => date.plausible_for_child(today),
            Self::Approximate(range) if range.from.expose() > today => Err(DateError::InTheFuture),
            Self::Approximate(range) if range.to.expose() > today => Ok(()),
            Self::Approximate(range) => range.to.plausible_for_child(today),
            Self::Expected(date) => date.plausible(today),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn born(text: &str) -> DateOfBirth {
        text.parse().unwrap()
    }

    #[test]
    fn dates_are_read_as_far_as_they_are_known() {
        let table = [
            ("2015", "2015-01-01", "2015-12-31"),
            ("2016-02", "2016-02-01", "2016-02-29"),
            ("2015-02", "2015-02-01", "2015-02-28"),
            ("2015-12", "2015-12-01", "2015-12-31"),
            ("2015-06-07", "2015-06-07", "2015-06-07"),
            (" 2015-06-07 ", "2015-06-07", "2015-06-07"),
            ("1850", "1850-01-01", "1850-12-31"),
            ("2199-12-31", "2199-12-31", "2199-12-31"),
        ];
        for (text, first, last) in table {
            let date: PartialDate = text.parse().unwrap();
            assert_eq!((date.first_day(), date.last_day()), (day(first), day(last)), "{text}");
            assert_eq!(date.expose(), text.trim());
        }
    }

    #[test]
    fn what_is_no_date_is_refused_with_a_reason() {
        let table = [
            ("", DateError::Empty),
            ("  ", DateError::Empty),
            ("15", DateError::WrongShape),
            ("02015", DateError::WrongShape),
            ("+2015", DateError::WrongShape),
            ("2015-6-7", DateError::WrongShape),
            ("2015/06/07", DateError::WrongShape),
            ("07-06-2015", DateError::WrongShape),
            ("2015-06-07T00:00:00Z", DateError::WrongShape),
            ("2015-06-07-01", DateError::WrongShape),
            ("2015-", DateError::WrongShape),
            ("２０１５", DateError::WrongShape),
            ("2015-00", DateError::ImpossibleDate),
            ("2015-13", DateError::ImpossibleDate),
            ("2015-02-29", DateError::ImpossibleDate),
            ("2015-04-31", DateError::ImpossibleDate),
            ("2015-04-00", DateError::ImpossibleDate),
            ("1849-12-31", DateError::YearOutOfRange),
            ("2200", DateError::YearOutOfRange),
            ("0000", DateError::YearOutOfRange),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<PartialDate>(), Err(error), "{text}");
        }
        assert_eq!("2016-02-29".parse::<DateOfBirth>().map(|_| ()), Ok(()));
        assert_eq!("2016-02".parse::<DateOfBirth>(), Err(DateError::WrongShape));
    }

    #[test]
    fn an_age_is_counted_by_birthdays() {
        let table = [
            ("2008-06-15", "2026-06-14", Some(17)),
            ("2008-06-15", "2026-06-15", Some(18)),
            ("2008-06-15", "2008-06-15", Some(0)),
            ("2008-06-15", "2008-06-14", None),
            ("2008-06-15", "2007-06-16", None),
            ("2008-02-29", "2026-02-28", Some(17)),
            ("2008-02-29", "2026-03-01", Some(18)),
            ("2008-02-29", "2012-02-28", Some(3)),
            ("2008-02-29", "2012-02-29", Some(4)),
        ];
        for (birth, on, age) in table {
            assert_eq!(born(birth).age_on(day(on)), age, "{birth} {on}");
        }
        assert_eq!(born("2008-02-29").eighteenth_birthday(), day("2026-03-01"));
        assert_eq!(born("2008-03-01").eighteenth_birthday(), day("2026-03-01"));
        assert!(!born("2008-02-29").is_adult_on(day("2026-02-28")));
        assert!(born("2008-02-29").is_adult_on(day("2026-03-01")));
    }

    #[test]
    fn a_birth_is_plausible_between_its_bounds() {
        let today = day("2026-06-15");
        let child = |text: &str| born(text).plausible_for_child(today);
        assert_eq!(child("2026-06-15"), Ok(()));
        assert_eq!(child("2026-06-16"), Err(DateError::InTheFuture));
        assert_eq!(child("2000-06-16"), Ok(()));
        assert_eq!(child("2000-06-15"), Err(DateError::TooLongAgo));
        assert_eq!(born("1905-06-16").plausible_for_adult(today), Ok(()));
        assert_eq!(born("1905-06-15").plausible_for_adult(today), Err(DateError::TooLongAgo));

        let expected = |text: &str| text.parse::<ExpectedDeliveryDate>().unwrap().plausible(today);
        assert_eq!(expected("2027-04-05"), Ok(()));
        assert_eq!(expected("2027-04-06"), Err(DateError::ExpectedTooLate));
        assert_eq!(expected("2025-06-15"), Ok(()));
        assert_eq!(expected("2025-06-14"), Err(DateError::ExpectedTooEarly));

        let partial = |text: &str| BirthDate::from_partial(text.parse().unwrap()).unwrap().plausible_for_child(today);
        assert_eq!(partial("2026"), Ok(()));
        assert_eq!(partial("2027"), Err(DateError::InTheFuture));
        assert_eq!(partial("2000"), Ok(()));
        assert_eq!(partial("1999"), Err(DateError::TooLongAgo));
    }

    #[test]
    fn an_age_stands_for_a_range_of_births() {
        let table = [
            (0, "2026-06-15", "2024-06-16", "2026-06-15"),
            (1, "2026-06-15", "2023-06-16", "2026-06-15"),
            (7, "2026-06-15", "2017-06-16", "2020-06-15"),
            (25, "2026-06-15", "1999-06-16", "2002-06-15"),
            (1, "2024-02-29", "2021-03-01", "2024-02-29"),
            (2, "2026-03-01", "2022-03-02", "2025-03-01"),
            (2, "2028-02-28", "2024-02-29", "2027-02-28"),
            (2, "2028-02-29", "2024-03-01", "2027-02-28"),
        ];
        for (years, asked, from, to) in table {
            let range = AgeYears::new(years).unwrap().born_between(day(asked)).unwrap();
            assert_eq!((range.from(), range.to()), (born(from), born(to)), "{years} on {asked}");
        }
        assert_eq!(AgeYears::new(26), Err(DateError::AgeOutOfRange));
        assert!(serde_json::from_str::<AgeYears>("26").is_err());
        assert!(serde_json::from_str::<AgeYears>("-1").is_err());
        assert_eq!(serde_json::to_string(&AgeYears::new(7).unwrap()).unwrap(), "7");
    }

    #[test]
    fn a_range_has_an_order_and_a_width() {
        assert!(BirthRange::new(born("2015-01-01"), born("2015-01-01")).is_ok());
        assert_eq!(BirthRange::new(born("2015-01-02"), born("2015-01-01")), Err(DateError::FromAfterTo));
        assert!(BirthRange::new(born("2000-01-01"), born("2026-01-01")).is_ok());
        assert_eq!(BirthRange::new(born("2000-01-01"), born("2026-01-02")), Err(DateError::RangeTooWide));
    }

    #[test]
    fn what_is_known_of_a_birth_is_said_in_one_way() {
        let table = [
            (r#"{"dateOfBirth":"2015-06-07"}"#, true),
            (r#"{"dateOfBirthFrom":"2015-01-01","dateOfBirthTo":"2015-12-31"}"#, true),
            (r#"{"expectedDeliveryDate":"2026-06-07"}"#, true),
            (r#"{}"#, false),
            (r#"{"dateOfBirthFrom":"2015-01-01"}"#, false),
            (r#"{"dateOfBirthTo":"2015-01-01"}"#, false),
            (r#"{"dateOfBirth":"2015-06-07","expectedDeliveryDate":"2026-06-07"}"#, false),
            (r#"{"dateOfBirth":"2015-06-07","dateOfBirthFrom":"2015-01-01","dateOfBirthTo":"2015-12-31"}"#, false),
        ];
        for (json, taken) in table {
            match serde_json::from_str::<BirthDate>(json) {
                Ok(birth) => assert_eq!((taken, serde_json::to_string(&birth).unwrap().as_str()), (true, json)),
                Err(_) => assert!(!taken, "{json}"),
            }
        }
    }

    #[test]
    fn only_a_certain_eighteenth_birthday_counts() {
        let approximate = BirthDate::from_partial("2008".parse().unwrap()).unwrap();
        assert!(!approximate.is_certainly_adult_on(day("2026-12-30")));
        assert!(approximate.is_certainly_adult_on(day("2026-12-31")));
        assert!(!BirthDate::Expected("2008-01-01".parse().unwrap()).is_certainly_adult_on(day("2030-01-01")));
    }

    #[test]
    fn a_birth_prints_nothing_of_itself() {
        let birth = BirthDate::from_partial("2015".parse().unwrap()).unwrap();
        let printed = format!("{birth:?} {:?} {:?}", "2015".parse::<PartialDate>(), AgeYears::new(7));
        assert!(!printed.contains("2015") && !printed.contains('7'), "{printed}");
    }

    proptest! {
        #[test]
        fn everyone_of_about_that_age_is_in_the_range_and_nobody_else(years in 0_u8..=25, asked in 0_u64..20_000, birth in 0_u64..20_000) {
            let origin = day("1990-01-01");
            let asked = origin + Days::new(asked);
            let birth = origin + Days::new(birth);
            let range = AgeYears::new(years).unwrap().born_between(asked).unwrap();
            let of_that_age = age_on(birth, asked).is_some_and(|age| age.abs_diff(u32::from(years)) <= 1);
            prop_assert_eq!(range.contains(birth), of_that_age, "{} {} {}", years, asked, birth);
        }

        #[test]
        fn no_text_makes_the_date_parser_panic(text in ".{0,20}") {
            let _ = text.parse::<PartialDate>();
        }
    }
}
