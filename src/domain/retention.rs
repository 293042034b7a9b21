//! How long a child's record is kept, and what keeps it longer.
//!
//! There is no national period: rules are each authority's data. The longest that applies wins. No rule lets a record go
//! while it is live, while a legal hold lies on it, or while a child of its household has a live entry, alert or transfer.
//! Where a date that a rule counts from is not known, the record stays: what is missing is told, never guessed.

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

use super::coded::closed_set;
use super::ids::ChildId;
use super::procedures::{Code, Source};
use super::span::{Span, Unit, add_months};

closed_set! {
    /// From when a rule counts.
    pub enum Trigger {
        /// The case was closed.
        Closure = "closure",
        /// Somebody last had to do with it, whether or not the child was registered.
        LastContact = "last-contact",
        /// The child's birth.
        Birth = "birth",
        /// The adoption order.
        Adoption = "adoption",
        /// The child's death.
        Death = "death",
    }
}

closed_set! {
    /// Children to whom a rule applies, if not to all.
    pub enum Standing {
        /// Was looked after at some time.
        LookedAfter = "looked-after",
        /// Was adopted.
        Adopted = "adopted",
    }
}

/// One rule of an authority's retention policy.
///
/// # Source
///
/// Domain notes, part 9: COUNSEL, SCL, BLACKPOOL and NSOM for the examples that come with the program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// Code.
    pub code: Code,
    /// From when it counts.
    pub trigger: Trigger,
    /// To whom it applies; absent: to every child.
    pub only: Option<Standing>,
    /// For how long the record is kept.
    pub length: Span,
    /// Where it comes from.
    pub source: Source,
    /// Whether it is another authority's.
    #[serde(default)]
    pub unconfirmed: bool,
}

/// What is live about a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Live {
    /// An entry in force.
    pub registration: bool,
    /// A missing-child alert.
    pub alert: bool,
    /// A transfer that is not complete.
    pub transfer: bool,
}

impl Live {
    const fn any(self) -> bool {
        self.registration || self.alert || self.transfer
    }
}

/// A child's record, as far as its keeping depends on it.
#[derive(Debug, Clone, Copy)]
pub struct RecordFacts<'a> {
    /// When the case was closed; `None` while it is open.
    pub closed_on: Option<NaiveDate>,
    /// When somebody last had to do with it.
    pub last_contact_on: Option<NaiveDate>,
    /// Birth, the latest day it can have been.
    pub born_on: Option<NaiveDate>,
    /// Date of the adoption order.
    pub adoption_order_on: Option<NaiveDate>,
    /// Death.
    pub died_on: Option<NaiveDate>,
    /// What the child was.
    pub standings: &'a [Standing],
    /// What is live about the child.
    pub live: Live,
    /// Legal holds that lie on the record.
    pub holds: &'a [Code],
    /// Every other child of any household the child was part of, with what is live about them.
    pub household: &'a [(ChildId, Live)],
}

/// Why a record stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The child has an entry, an alert or a transfer that is live.
    Live,
    /// The case is open.
    Open,
    /// A legal hold.
    Held(Code),
    /// A child of the household has an entry, an alert or a transfer that is live.
    Sibling(ChildId),
    /// A rule's time has not run out.
    Until {
        /// The rule.
        rule: Code,
        /// The first day on which it lets the record go.
        day: NaiveDate,
    },
    /// A rule applies, and the date from which it counts is not known.
    DateMissing {
        /// The rule.
        rule: Code,
        /// What is not known.
        trigger: Trigger,
    },
    /// No rule of the policy applies.
    NoRule,
}

impl Kept {
    /// The stable code of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Open => "open",
            Self::Held(_) => "legal-hold",
            Self::Sibling(_) => "sibling-live",
            Self::Until { .. } => "rule-runs",
            Self::DateMissing { .. } => "date-missing",
            Self::NoRule => "no-rule",
        }
    }
}

/// What retention says of a record on a day: for a dry run as for the purge itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionDecision {
    /// Why it stays; empty when it may go.
    pub kept: Vec<Kept>,
    /// The rule whose time ran out last, or will, and the first day on which the record may go by it.
    pub decided_by: Option<(Code, NaiveDate)>,
}

impl RetentionDecision {
    /// Whether the record may go.
    pub fn may_go(&self) -> bool {
        self.kept.is_empty()
    }
}

/// What the policy says of a record on a day.
///
/// # Source
///
/// Domain notes, part 9; invariant I25.
pub fn decide(record: &RecordFacts<'_>, policy: &[RetentionRule], today: NaiveDate) -> RetentionDecision {
    let mut kept = Vec::new();
    if record.live.any() {
        kept.push(Kept::Live);
    }
    if record.closed_on.is_none() {
        kept.push(Kept::Open);
    }
    kept.extend(record.holds.iter().cloned().map(Kept::Held));
    kept.extend(record.household.iter().filter(|(_, live)| live.any()).map(|(child, _)| Kept::Sibling(*child)));
    let mut decided_by: Option<(Code, NaiveDate)> = None;
    let mut applies = false;
    for rule in policy.iter().filter(|rule| record.is_under(rule)) {
        applies = true;
        match record.day_of(rule.trigger).and_then(|from| first_day_after(rule.length, from)) {
            None => kept.push(Kept::DateMissing { rule: rule.code.clone(), trigger: rule.trigger }),
            Some(day) => {
                if decided_by.as_ref().is_none_or(|(_, latest)| day > *latest) {
                    decided_by = Some((rule.code.clone(), day));
                }
            }
        }
    }
    match &decided_by {
        Some((rule, day)) if *day > today => kept.push(Kept::Until { rule: rule.clone(), day: *day }),
        Some(_) => {}
        None if !applies => kept.push(Kept::NoRule),
        None => {}
    }
    RetentionDecision { kept, decided_by }
}

impl RecordFacts<'_> {
    fn is_under(&self, rule: &RetentionRule) -> bool {
        // A rule that counts from a death or an adoption says nothing of children without one.
        let concerns = match rule.trigger {
            Trigger::Death => self.died_on.is_some(),
            Trigger::Adoption => self.adoption_order_on.is_some() || self.standings.contains(&Standing::Adopted),
            Trigger::Closure | Trigger::LastContact | Trigger::Birth => true,
        };
        concerns && rule.only.is_none_or(|standing| self.standings.contains(&standing))
    }

    const fn day_of(&self, trigger: Trigger) -> Option<NaiveDate> {
        match trigger {
            Trigger::Closure => self.closed_on,
            Trigger::LastContact => self.last_contact_on,
            Trigger::Birth => self.born_on,
            Trigger::Adoption => self.adoption_order_on,
            Trigger::Death => self.died_on,
        }
    }
}

/// The first day on which a time that began on `from` has run out. Working days make no sense over decades and count as
/// calendar days would if nobody ever worked: the record stays longer, never shorter.
fn first_day_after(length: Span, from: NaiveDate) -> Option<NaiveDate> {
    let count = u64::from(length.length());
    match length.unit() {
        Unit::Months => {
            let end = add_months(from, u32::from(length.length()))?;
            // 29 February has its anniversary on 1 March: the later day.
            if end.day() == from.day() { Some(end) } else { end.succ_opt() }
        }
        Unit::Weeks => from.checked_add_days(chrono::Days::new(7 * count)),
        Unit::CalendarDays => from.checked_add_days(chrono::Days::new(count)),
        Unit::WorkingDays => from.checked_add_days(chrono::Days::new(2 * count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dates::parse_date;
    use crate::domain::procedures::Procedures;
    use chrono::{DateTime, Days};
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn closed(on: &str) -> RecordFacts<'static> {
        RecordFacts {
            closed_on: Some(day(on)),
            last_contact_on: Some(day(on)),
            born_on: Some(day("1990-05-01")),
            adoption_order_on: None,
            died_on: None,
            standings: &[],
            live: Live::default(),
            holds: &[],
            household: &[],
        }
    }

    fn policy() -> &'static [RetentionRule] {
        &Procedures::embedded("wales").unwrap().retention
    }

    fn kept(record: &RecordFacts<'_>, on: &str) -> Vec<&'static str> {
        decide(record, policy(), day(on)).kept.iter().map(Kept::code).collect()
    }

    #[test]
    fn the_longest_rule_that_applies_wins() {
        let plain = closed("2000-03-03");
        let looked_after = RecordFacts { standings: &[Standing::LookedAfter], ..plain };
        let died = RecordFacts { died_on: Some(day("2000-03-01")), ..looked_after };
        let adopted = RecordFacts { standings: &[Standing::Adopted], adoption_order_on: Some(day("1995-02-28")), ..plain };
        let later_contact = RecordFacts { last_contact_on: Some(day("2005-03-03")), ..plain };
        let table = [
            (plain, "after-closure", "2035-03-03"),
            (later_contact, "last-contact", "2040-03-03"),
            (looked_after, "looked-after", "2065-05-01"),
            (died, "looked-after", "2065-05-01"),
            (adopted, "adopted", "2095-02-28"),
        ];
        for (record, rule, on) in table {
            let decision = decide(&record, policy(), day(on));
            assert_eq!(decision.decided_by.as_ref().map(|(code, day)| (code.as_str(), *day)), Some((rule, day(on))));
            assert!(decision.may_go(), "{rule}");
            assert_eq!(kept(&record, &day(on).pred_opt().unwrap().to_string()), ["rule-runs"], "{rule}");
        }
    }

    #[test]
    fn nothing_goes_while_anything_live_rests_on_it() {
        let id = ChildId::new_at(DateTime::UNIX_EPOCH);
        let live = |registration, alert, transfer| Live { registration, alert, transfer };
        let hold: Code = "inquiry".parse().unwrap();
        let old = closed("1980-03-03");
        assert_eq!(kept(&old, "2026-01-01"), Vec::<&str>::new());
        let holds = [hold];
        for live in [live(true, false, false), live(false, true, false), live(false, false, true)] {
            let household = [(id, Live::default()), (id, live)];
            assert_eq!(kept(&RecordFacts { live, ..old }, "2026-01-01"), ["live"]);
            assert_eq!(kept(&RecordFacts { household: &household, ..old }, "2026-01-01"), ["sibling-live"]);
            assert_eq!(
                kept(&RecordFacts { household: &household, holds: &holds, live, ..old }, "2026-01-01"),
                ["live", "legal-hold", "sibling-live"]
            );
        }
        assert_eq!(kept(&RecordFacts { household: &[(id, Live::default())], ..old }, "2026-01-01"), Vec::<&str>::new());
        assert_eq!(kept(&RecordFacts { holds: &holds, ..old }, "2126-01-01"), ["legal-hold"]);
    }

    #[test]
    fn what_is_not_known_keeps_the_record() {
        let old = closed("1980-03-03");
        let no_birth = RecordFacts { born_on: None, standings: &[Standing::LookedAfter], ..old };
        let no_order = RecordFacts { standings: &[Standing::Adopted], ..old };
        assert_eq!(kept(&RecordFacts { closed_on: None, ..old }, "2126-01-01"), ["open", "date-missing"]);
        assert_eq!(kept(&no_birth, "2126-01-01"), ["date-missing"]);
        assert_eq!(kept(&no_order, "2126-01-01"), ["date-missing"]);
        assert_eq!(decide(&old, &[], day("2126-01-01")).kept, [Kept::NoRule]);
        // Not being known to have died keeps nothing.
        assert_eq!(kept(&RecordFacts { born_on: None, ..old }, "2026-01-01"), Vec::<&str>::new());
    }

    #[test]
    fn a_leap_day_has_its_anniversary_on_the_first_of_march() {
        let table = [("2000-02-29", 420, "2035-03-01"), ("2000-02-29", 480, "2040-02-29"), ("2001-02-28", 420, "2036-02-28")];
        for (from, months, on) in table {
            assert_eq!(first_day_after(Span::new(months, Unit::Months).unwrap(), day(from)), Some(day(on)), "{from}");
        }
    }

    proptest! {
        #[test]
        fn another_rule_or_a_longer_one_never_lets_a_record_go_sooner(
            closed_on in 0_u64..20_000, today in 0_u64..40_000, months in proptest::collection::vec(1_u16..600, 1..6)
        ) {
            let rule = |months: u16| RetentionRule {
                code: format!("r{months}").parse().unwrap(),
                trigger: Trigger::Closure,
                only: None,
                length: Span::new(months, Unit::Months).unwrap(),
                source: "DESIGN".parse().unwrap(),
                unconfirmed: false,
            };
            let epoch = day("1970-01-01");
            let record = RecordFacts { closed_on: Some(epoch + Days::new(closed_on)), ..closed("1980-01-01") };
            let today = epoch + Days::new(today);
            let rules: Vec<_> = months.iter().copied().map(rule).collect();
            let all = decide(&record, &rules, today).may_go();
            let each = rules.iter().all(|one| decide(&record, std::slice::from_ref(one), today).may_go());
            prop_assert_eq!(all, each);
        }
    }
}
