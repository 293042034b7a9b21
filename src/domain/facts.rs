//! Facts with two times: when they were true, and when the register held them to be true.
//!
//! A correction is a new fact that supersedes another, so both questions stay exact for ever: *was this child on the
//! register on any day between A and B*, and *what did we know on D*.
//!
//! # Source
//!
//! Invariant I18: NWSB-CPR and WSI-2012-1712 (an extended review when the child was on the register on any date in the six
//! months before).

use chrono::{DateTime, NaiveDate, Utc};

/// A value with the days on which it was true and the time during which the register held it to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact<T> {
    /// What was true.
    pub value: T,
    /// The first day.
    pub valid_from: NaiveDate,
    /// The day on which it was no longer true; `None` while it is.
    pub valid_to: Option<NaiveDate>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// When another fact took its place; `None` while it stands.
    pub superseded_at: Option<DateTime<Utc>>,
}

impl<T> Fact<T> {
    /// Whether the register held it to be true at an instant.
    pub fn was_known_at(&self, at: DateTime<Utc>) -> bool {
        self.recorded_at <= at && self.superseded_at.is_none_or(|superseded| at < superseded)
    }

    /// Whether it says something of a day.
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.valid_from <= day && self.valid_to.is_none_or(|end| day < end)
    }
}

/// What the register held at `known_at` to be true of a day: `known_at` now tells what was true, an earlier one what was
/// known then.
pub fn on_day<T>(facts: &[Fact<T>], day: NaiveDate, known_at: DateTime<Utc>) -> impl Iterator<Item = &Fact<T>> {
    facts.iter().filter(move |fact| fact.was_known_at(known_at) && fact.covers(day))
}

/// A run of days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days {
    /// The first.
    pub first: NaiveDate,
    /// The last.
    pub last: NaiveDate,
}

impl Days {
    /// How many days.
    pub fn count(self) -> u64 {
        u64::try_from((self.last - self.first).num_days() + 1).unwrap_or(0)
    }
}

/// The days from `from` to `to`, both included, of which a fact that `counts` was held to be true at `known_at`: as runs
/// that neither touch nor overlap, in order. Empty: on none of them. Empty too when `to` is before `from`.
pub fn days_between<T>(
    facts: &[Fact<T>],
    from: NaiveDate,
    to: NaiveDate,
    known_at: DateTime<Utc>,
    counts: impl Fn(&T) -> bool,
) -> Vec<Days> {
    let mut runs: Vec<Days> = facts
        .iter()
        .filter(|fact| fact.was_known_at(known_at) && counts(&fact.value))
        .filter_map(|fact| {
            let last = match fact.valid_to {
                Some(end) => end.pred_opt()?.min(to),
                None => to,
            };
            let first = fact.valid_from.max(from);
            (first <= last).then_some(Days { first, last })
        })
        .collect();
    runs.sort_unstable();
    let mut merged: Vec<Days> = Vec::with_capacity(runs.len());
    for run in runs {
        match merged.last_mut() {
            Some(before) if before.last.succ_opt().is_none_or(|next| run.first <= next) => before.last = before.last.max(run.last),
            _ => merged.push(run),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dates::parse_date;
    use crate::domain::registration::RegistrationStatus::{self, EnteredInError, Registered};
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn fact(from: &str, to: Option<&str>, recorded: &str, superseded: Option<&str>) -> Fact<RegistrationStatus> {
        Fact {
            value: Registered,
            valid_from: day(from),
            valid_to: to.map(day),
            recorded_at: at(recorded),
            superseded_at: superseded.map(at),
        }
    }

    fn on_register(facts: &[Fact<RegistrationStatus>], from: &str, to: &str, known: &str) -> bool {
        !days_between(facts, day(from), day(to), at(known), |status| status.is_current()).is_empty()
    }

    #[test]
    fn the_ends_of_a_period_decide_to_the_day() {
        let facts = [fact("2026-01-10", Some("2026-03-10"), "2026-01-10T12:00:00Z", None)];
        let now = "2026-06-01T00:00:00Z";
        let table = [
            ("2026-01-01", "2026-01-09", false),
            ("2026-01-01", "2026-01-10", true),
            ("2026-03-09", "2026-03-09", true),
            // The day it ended is the first on which the child was no longer on it.
            ("2026-03-10", "2026-09-10", false),
            ("2026-01-20", "2026-01-19", false),
        ];
        for (from, to, expected) in table {
            assert_eq!(on_register(&facts, from, to, now), expected, "{from} {to}");
        }
    }

    #[test]
    fn what_was_true_and_what_was_known_are_two_answers() {
        // Entered on 5 March for 3 March; on 20 March found to have ended on the 10th.
        let facts = [
            fact("2026-03-03", None, "2026-03-05T09:00:00Z", Some("2026-03-20T09:00:00Z")),
            fact("2026-03-03", Some("2026-03-10"), "2026-03-20T09:00:00Z", None),
        ];
        let table = [
            ("2026-03-04", "2026-03-04T23:59:59Z", false),
            ("2026-03-04", "2026-03-05T09:00:00Z", true),
            ("2026-03-15", "2026-03-15T12:00:00Z", true),
            ("2026-03-15", "2026-03-20T08:59:59Z", true),
            ("2026-03-15", "2026-03-20T09:00:00Z", false),
            ("2026-03-09", "2026-06-01T00:00:00Z", true),
        ];
        for (asked, known, expected) in table {
            assert_eq!(on_register(&facts, asked, asked, known), expected, "{asked} {known}");
            assert_eq!(on_day(&facts, day(asked), at(known)).count(), usize::from(expected), "{asked} {known}");
        }
    }

    #[test]
    fn runs_that_touch_are_one() {
        let facts = [
            fact("2026-03-10", Some("2026-03-20"), "2026-01-01T00:00:00Z", None),
            fact("2026-03-03", Some("2026-03-10"), "2026-01-01T00:00:00Z", None),
            fact("2026-03-22", None, "2026-01-01T00:00:00Z", None),
            Fact { value: EnteredInError, ..fact("2026-03-20", Some("2026-03-22"), "2026-01-01T00:00:00Z", None) },
        ];
        let runs = days_between(&facts, day("2026-03-01"), day("2026-03-31"), at("2026-04-01T00:00:00Z"), |status| status.is_current());
        let expected = [("2026-03-03", "2026-03-19", 17), ("2026-03-22", "2026-03-31", 10)];
        assert_eq!(runs.len(), expected.len());
        for (run, (first, last, count)) in runs.iter().zip(expected) {
            assert_eq!((run.first, run.last, run.count()), (day(first), day(last), count));
        }
    }

    fn facts() -> impl Strategy<Value = Vec<Fact<bool>>> {
        let one = (any::<bool>(), 0_u64..60, proptest::option::of(0_u64..70), 0_i64..60, proptest::option::of(0_i64..60));
        proptest::collection::vec(
            one.prop_map(|(value, from, length, recorded, stood)| {
                let instant = |days: i64| at("2026-01-01T00:00:00Z") + chrono::Duration::hours(12 * days);
                let first = day("2026-01-01") + chrono::Days::new(from);
                Fact {
                    value,
                    valid_from: first,
                    valid_to: length.map(|length| first + chrono::Days::new(length)),
                    recorded_at: instant(recorded),
                    superseded_at: stood.map(|stood| instant(recorded + stood)),
                }
            }),
            0..8,
        )
    }

    proptest! {
        #[test]
        fn the_days_are_those_one_finds_by_asking_each(facts in facts(), from in 0_u64..80, length in 0_u64..80, known in 0_i64..150) {
            let from = day("2026-01-01") + chrono::Days::new(from);
            let to = from + chrono::Days::new(length);
            let known = at("2026-01-01T00:00:00Z") + chrono::Duration::hours(12 * known);
            let naive: Vec<NaiveDate> = from
                .iter_days()
                .take_while(|day| *day <= to)
                .filter(|day| facts.iter().any(|fact| {
                    fact.value
                        && fact.recorded_at <= known
                        && fact.superseded_at.is_none_or(|superseded| known < superseded)
                        && fact.valid_from <= *day
                        && fact.valid_to.is_none_or(|end| *day < end)
                }))
                .collect();
            let runs = days_between(&facts, from, to, known, |value| *value);
            let told: Vec<NaiveDate> = runs.iter().flat_map(|run| run.first.iter_days().take_while(|day| *day <= run.last)).collect();
            prop_assert_eq!(&told, &naive);
            prop_assert_eq!(runs.iter().map(|run| run.count()).sum::<u64>(), naive.len() as u64);
            prop_assert!(runs.windows(2).all(|pair| pair[0].last.succ_opt().unwrap() < pair[1].first));
            for day in from.iter_days().take_while(|day| *day <= to) {
                prop_assert_eq!(on_day(&facts, day, known).any(|fact| fact.value), naive.contains(&day));
            }
        }
    }
}
