//! Who answers now: the office in working hours, the emergency duty team at every other minute.
//!
//! Hours are those of the clock on the wall in London, summer time included. Bank holidays and weekends are out of hours.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Europe::London;
use serde::{Deserialize, Serialize};

use super::calendar::{Calendar, CalendarError};
use super::coded::{closed_set, coded_error};
use super::contact::Contact;
use super::text::string_conversions;

closed_set! {
    /// Which shift is on.
    pub enum Shift {
        /// The office.
        Office = "office",
        /// The emergency duty team.
        OutOfHours = "out-of-hours",
    }
}

coded_error! {
    /// Why opening hours were not taken.
    pub enum HoursError {
        /// Not `HH:MM-HH:MM`.
        WrongShape = "wrong-hours-shape", "write the hours as 08:30-17:00";
        /// Closes at or before the time it opens.
        ClosesBeforeOpening = "closes-before-opening", "give a closing time later on the same day";
    }
}

/// The hours of one day, `08:30-17:00`: open from the first minute, closed from the last. Never over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DayHours {
    opens: NaiveTime,
    closes: NaiveTime,
    text: String,
}

impl DayHours {
    /// Hours from a time to a time, to the minute.
    ///
    /// # Errors
    ///
    /// [`HoursError::ClosesBeforeOpening`] unless it closes after it opens.
    pub fn new(opens: NaiveTime, closes: NaiveTime) -> Result<Self, HoursError> {
        let text = format!("{}-{}", opens.format("%H:%M"), closes.format("%H:%M"));
        if closes > opens { Ok(Self { opens, closes, text }) } else { Err(HoursError::ClosesBeforeOpening) }
    }

    /// The hours as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is open at a time of day.
    pub fn contains(&self, time: NaiveTime) -> bool {
        self.opens <= time && time < self.closes
    }
}

impl std::str::FromStr for DayHours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = |text: &str| {
            let fits = text.len() == 5
                && text.bytes().enumerate().all(|(place, byte)| if place == 2 { byte == b':' } else { byte.is_ascii_digit() });
            fits.then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten().ok_or(HoursError::WrongShape)
        };
        let (opens, closes) = text.split_once('-').ok_or(HoursError::WrongShape)?;
        Self::new(time(opens)?, time(closes)?)
    }
}

string_conversions!(DayHours, HoursError, |value: &DayHours| value.as_str());

/// The hours of a week. A day that is absent is closed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyHours {
    /// Monday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monday: Option<DayHours>,
    /// Tuesday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuesday: Option<DayHours>,
    /// Wednesday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wednesday: Option<DayHours>,
    /// Thursday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thursday: Option<DayHours>,
    /// Friday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friday: Option<DayHours>,
    /// Saturday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saturday: Option<DayHours>,
    /// Sunday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sunday: Option<DayHours>,
}

impl WeeklyHours {
    /// The hours most council offices keep: Monday to Thursday 08:30–17:00, Friday 08:30–16:30.
    pub fn usual() -> Self {
        let hours = |text: &str| text.parse().ok();
        let long = hours("08:30-17:00");
        Self {
            monday: long.clone(),
            tuesday: long.clone(),
            wednesday: long.clone(),
            thursday: long,
            friday: hours("08:30-16:30"),
            saturday: None,
            sunday: None,
        }
    }

    /// The hours of a day of the week; `None` when closed.
    pub const fn on(&self, weekday: Weekday) -> Option<&DayHours> {
        match weekday {
            Weekday::Mon => self.monday.as_ref(),
            Weekday::Tue => self.tuesday.as_ref(),
            Weekday::Wed => self.wednesday.as_ref(),
            Weekday::Thu => self.thursday.as_ref(),
            Weekday::Fri => self.friday.as_ref(),
            Weekday::Sat => self.saturday.as_ref(),
            Weekday::Sun => self.sunday.as_ref(),
        }
    }
}

/// Whom to ring at an authority.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorityContacts {
    /// The office, in working hours.
    pub office: Contact,
    /// When the office answers.
    #[serde(default = "WeeklyHours::usual")]
    pub office_hours: WeeklyHours,
    /// The emergency duty team, at every other minute.
    ///
    /// # Source
    ///
    /// WSP-2.6: somebody must answer round the clock.
    pub out_of_hours: Contact,
}

/// The calendar date it is in London.
///
/// Procedures count in these dates: an instant late in a summer evening (UTC) is already the next day there.
pub fn london_date(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&London).date_naive()
}

impl AuthorityContacts {
    /// Which shift is on at an instant.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] for a year whose holidays are not known. Show both numbers then.
    pub fn shift_at(&self, at: DateTime<Utc>, calendar: &Calendar) -> Result<Shift, CalendarError> {
        let local = at.with_timezone(&London).naive_local();
        // A bank holiday closes the office whatever its hours; a Saturday only if it has none.
        let holiday = calendar.is_bank_holiday(local.date())?;
        let open = self.office_hours.on(local.weekday()).is_some_and(|hours| hours.contains(local.time()));
        Ok(if open && !holiday { Shift::Office } else { Shift::OutOfHours })
    }

    /// The contact of a shift.
    pub const fn contact(&self, shift: Shift) -> &Contact {
        match shift {
            Shift::Office => &self.office,
            Shift::OutOfHours => &self.out_of_hours,
        }
    }

    /// Whom to ring at an instant.
    ///
    /// # Errors
    ///
    /// As [`Self::shift_at`].
    pub fn contact_now(&self, at: DateTime<Utc>, calendar: &Calendar) -> Result<&Contact, CalendarError> {
        self.shift_at(at, calendar).map(|shift| self.contact(shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::nation::Nation;

    fn contacts() -> AuthorityContacts {
        serde_json::from_str(
            r#"{"office":{"name":"Duty desk","phone":"01632 960001"},"outOfHours":{"name":"Emergency duty team","phone":"01632 960002"}}"#,
        )
        .unwrap()
    }

    #[test]
    fn the_shift_follows_clock_calendar_and_summer_time() {
        let wales = Calendar::for_nation(Nation::Wales).unwrap();
        let table = [
            // Winter: London is UTC. Tuesday 3 March 2026.
            ("2026-03-03T08:29:59Z", Shift::OutOfHours),
            ("2026-03-03T08:30:00Z", Shift::Office),
            ("2026-03-03T16:59:59Z", Shift::Office),
            ("2026-03-03T17:00:00Z", Shift::OutOfHours),
            // Friday closes half an hour earlier.
            ("2026-03-06T16:29:59Z", Shift::Office),
            ("2026-03-06T16:30:00Z", Shift::OutOfHours),
            // Summer: London is an hour ahead. Tuesday 2 June 2026.
            ("2026-06-02T07:29:59Z", Shift::OutOfHours),
            ("2026-06-02T07:30:00Z", Shift::Office),
            ("2026-06-02T15:59:59Z", Shift::Office),
            ("2026-06-02T16:00:00Z", Shift::OutOfHours),
            // The last working days before and the first after the clocks change (29 March and 25 October 2026).
            ("2026-03-27T08:30:00Z", Shift::Office),
            ("2026-03-30T07:30:00Z", Shift::Office),
            ("2026-10-23T07:30:00Z", Shift::Office),
            ("2026-10-26T07:30:00Z", Shift::OutOfHours),
            ("2026-10-26T08:30:00Z", Shift::Office),
            // Weekend, bank holiday, the night of a registration.
            ("2026-03-07T12:00:00Z", Shift::OutOfHours),
            ("2026-03-08T12:00:00Z", Shift::OutOfHours),
            ("2026-04-03T12:00:00Z", Shift::OutOfHours),
            ("2026-04-06T12:00:00Z", Shift::OutOfHours),
            ("2026-12-28T12:00:00Z", Shift::OutOfHours),
            ("2026-03-04T02:10:00Z", Shift::OutOfHours),
        ];
        let contacts = contacts();
        for (at, shift) in table {
            let at: DateTime<Utc> = at.parse().unwrap();
            assert_eq!(contacts.shift_at(at, wales), Ok(shift), "{at}");
            assert_eq!(contacts.contact_now(at, wales), Ok(contacts.contact(shift)));
        }
        let scotland = Calendar::for_nation(Nation::Scotland).unwrap();
        assert_eq!(contacts.shift_at("2026-04-06T12:00:00Z".parse().unwrap(), scotland), Ok(Shift::Office));
        assert_eq!(contacts.shift_at("2036-01-02T12:00:00Z".parse().unwrap(), wales), Err(CalendarError::YearOutsideTable));
    }

    #[test]
    fn the_date_is_that_of_london() {
        let table = [
            ("2026-06-14T22:59:59Z", "2026-06-14"),
            ("2026-06-14T23:00:00Z", "2026-06-15"),
            ("2026-01-14T23:59:59Z", "2026-01-14"),
            ("2026-01-15T00:00:00Z", "2026-01-15"),
        ];
        for (at, date) in table {
            assert_eq!(london_date(at.parse().unwrap()).to_string(), date, "{at}");
        }
    }

    #[test]
    fn hours_open_before_they_close() {
        assert_eq!("08:30-17:00".parse::<DayHours>().map(|hours| hours.as_str().to_owned()).as_deref(), Ok("08:30-17:00"));
        assert!("00:00-23:59".parse::<DayHours>().is_ok());
        for text in ["", "08:30", "8:30-17:00", "08:30-24:00", "08:60-17:00", "08:30 - 17:00", "08:30–17:00", "0830-1700"] {
            assert_eq!(text.parse::<DayHours>(), Err(HoursError::WrongShape), "{text}");
        }
        assert_eq!("17:00-08:30".parse::<DayHours>(), Err(HoursError::ClosesBeforeOpening));
        assert_eq!("17:00-17:00".parse::<DayHours>(), Err(HoursError::ClosesBeforeOpening));
    }

    #[test]
    fn usual_hours_are_kept_unless_others_are_given() {
        let usual = contacts().office_hours;
        assert_eq!(usual.on(Weekday::Mon).map(DayHours::as_str), Some("08:30-17:00"));
        assert_eq!(usual.on(Weekday::Fri).map(DayHours::as_str), Some("08:30-16:30"));
        assert_eq!(usual.on(Weekday::Sun), None);
        let saturday: WeeklyHours = serde_json::from_str(r#"{"saturday":"10:00-12:00"}"#).unwrap();
        assert_eq!(serde_json::to_string(&saturday).unwrap(), r#"{"saturday":"10:00-12:00"}"#);
        assert!(serde_json::from_str::<WeeklyHours>(r#"{"caturday":"10:00-12:00"}"#).is_err());
    }
}
