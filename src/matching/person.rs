//! One person as people write them down: the register's entry or an enquirer's question.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// Everything known of one person. All plain text, all optional; nothing is checked or refused here,
/// because a wrong date or an odd number is still evidence.
#[derive(Clone, Default, PartialEq)]
pub struct Person {
    /// Names in use, aliases and former names. An unborn child may have none.
    pub names: Vec<PersonName>,
    /// What is known of the date of birth.
    pub birth: Birth,
    /// Sex as recorded.
    pub sex: Sex,
    /// NHS, CHI or H&C numbers, superseded ones too.
    pub nhs_numbers: Vec<String>,
    /// Present and former addresses.
    pub addresses: Vec<PersonAddress>,
    /// Mother and other carers.
    pub carers: Vec<PersonCarer>,
}

/// One way in which a person is named.
#[derive(Clone, Default, PartialEq)]
pub struct PersonName {
    /// Forename, as written; may hold several.
    pub given: Option<String>,
    /// Middle names.
    pub middle: Option<String>,
    /// Family name; may be double-barrelled.
    pub family: Option<String>,
    /// Whether it is the name in use.
    pub kind: NameKind,
}

/// How a name belongs to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameKind {
    /// The name in use.
    #[default]
    Current,
    /// Another name the person goes by.
    Alias,
    /// A name given up.
    Former,
}

/// What is known of a date of birth.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Birth {
    /// Nothing.
    #[default]
    Unknown,
    /// A full date.
    Exact(NaiveDate),
    /// Digits that are no date, such as 31 April or month 13: evidence, since most digits are right.
    Impossible {
        /// Year as written.
        year: u16,
        /// Month as written.
        month: u8,
        /// Day as written.
        day: u8,
    },
    /// Year and month only.
    Month {
        /// Year.
        year: u16,
        /// Month, 1–12.
        month: u8,
    },
    /// Year only.
    Year(u16),
    /// Born between two dates, both included; also for "about four years old".
    Range {
        /// First possible date.
        from: NaiveDate,
        /// Last possible date.
        to: NaiveDate,
    },
    /// Not yet born: expected on this date.
    Expected(NaiveDate),
}

impl Birth {
    /// The range for an age in years at `on`, allowing one year of error on both sides.
    #[must_use]
    pub fn about_years_old(age: u16, on: NaiveDate) -> Self {
        let age = i32::from(age);
        let back = |years: i32| {
            NaiveDate::from_ymd_opt(on.year() - years, on.month(), on.day())
                .or_else(|| NaiveDate::from_ymd_opt(on.year() - years, on.month(), 28))
                .unwrap_or(on)
        };
        Self::Range { from: back(age + 2).succ_opt().unwrap_or(on), to: back(age - 1).min(on) }
    }

    /// Reads `YYYY-MM-DD`, `YYYY-MM`, `YYYY`, or the same digits without hyphens. Eight digits that are no
    /// date become [`Birth::Impossible`]; anything else is [`Birth::Unknown`].
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        if !text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '/' | '.' | ' ')) {
            return Self::Unknown;
        }
        let mut parts = [0u32; 3];
        let mut count = 0;
        if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
            let digits = text.parse::<u32>().unwrap_or(0);
            parts = [digits / 10_000, digits / 100 % 100, digits % 100];
            count = 3;
        } else {
            for part in text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()) {
                let Ok(number) = part.parse::<u32>() else { return Self::Unknown };
                if count == 3 {
                    return Self::Unknown;
                }
                parts[count] = number;
                count += 1;
            }
        }
        let [mut year, month, mut day] = parts;
        if count == 3 && day > 99 && year <= 99 {
            std::mem::swap(&mut year, &mut day); // written the British way round
        }
        if year > 9999 || month > 99 || day > 99 {
            return Self::Unknown;
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
        let (y, m, d) = (year as u16, month as u8, day as u8);
        match count {
            1 if year > 0 => Self::Year(y),
            2 if (1..=12).contains(&month) => Self::Month { year: y, month: m },
            2 if year > 0 => Self::Year(y),
            3 => match NaiveDate::from_ymd_opt(i32::from(y), month, day) {
                Some(date) => Self::Exact(date),
                None if month == 0 && day == 0 && year > 0 => Self::Year(y),
                None if day == 0 && (1..=12).contains(&month) => Self::Month { year: y, month: m },
                None => Self::Impossible { year: y, month: m, day: d },
            },
            _ => Self::Unknown,
        }
    }
}

/// Sex as recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Recorded as indeterminate.
    Indeterminate,
    /// Not known.
    #[default]
    Unknown,
}

/// One address of a person.
#[derive(Clone, Default, PartialEq)]
pub struct PersonAddress {
    /// Address lines, as written; one long line will do.
    pub lines: Vec<String>,
    /// Postcode, as written.
    pub postcode: Option<String>,
    /// Whether the person lives there now.
    pub current: bool,
    /// Confidential or shielded: makes no key and no evidence.
    pub hidden: bool,
}

/// A mother, father or other carer.
#[derive(Clone, Default, PartialEq)]
pub struct PersonCarer {
    /// Forename.
    pub given: Option<String>,
    /// Family name.
    pub family: Option<String>,
    /// Whether this is the mother.
    pub is_mother: bool,
    /// Confidential or shielded: makes no key and no evidence.
    pub hidden: bool,
}

macro_rules! redacted {
    ($($type:ident),+) => {$(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($type), "(…)"))
            }
        }
    )+};
}
redacted!(Person, PersonName, PersonAddress, PersonCarer, Birth);
pub(super) use redacted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_far_as_they_go() {
        let day = |y, m, d| Birth::Exact(NaiveDate::from_ymd_opt(y, m, d).unwrap());
        let table = [
            ("2019-03-04", day(2019, 3, 4)),
            ("20190304", day(2019, 3, 4)),
            ("04/03/2019", day(2019, 3, 4)),
            ("2019-3-4", day(2019, 3, 4)),
            ("2019-03", Birth::Month { year: 2019, month: 3 }),
            ("2019-00-00", Birth::Year(2019)),
            ("2019-13-04", Birth::Impossible { year: 2019, month: 13, day: 4 }),
            ("2019-04-31", Birth::Impossible { year: 2019, month: 4, day: 31 }),
            ("2019", Birth::Year(2019)),
            ("", Birth::Unknown),
            ("about four", Birth::Unknown),
            ("1-2-3-4", Birth::Unknown),
        ];
        for (text, expected) in table {
            assert!(Birth::from_text(text) == expected, "{text}");
        }
    }

    #[test]
    fn an_age_allows_a_year_either_way() {
        let on = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        let Birth::Range { from, to } = Birth::about_years_old(4, on) else { panic!() };
        assert_eq!(from.to_string(), "2018-03-01");
        assert_eq!(to.to_string(), "2021-02-28");
        let Birth::Range { to, .. } = Birth::about_years_old(0, on) else { panic!() };
        assert_eq!(to, on);
    }
}
