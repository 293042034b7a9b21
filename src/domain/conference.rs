//! What a conference's record must hold: a decision for each child by itself, on a day that can be, with reasons where there
//! was no agreement and next dates within the limits.
//!
//! A missing date or co-ordinator is not a breach: it never blocks a registration and is told as a gap
//! ([`Procedures::gaps`]).

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, Weekday};

use super::calendar::{Calendar, CalendarError};
use super::category::CategorySet;
use super::coded::{closed_set, coded_error};
use super::ids::ChildId;
use super::procedures::{Code, ConferenceRule, Procedures, Stance};
use super::registration::{ConferenceKind, RegistrationStatus};
use super::rule::{Breach, Rule};

closed_set! {
    /// What a conference decided about one child.
    pub enum Decision {
        /// At continuing risk: the name goes on the register.
        Register = "registered",
        /// Not at continuing risk: it does not.
        DoNotRegister = "not-registered",
        /// The name stays on the register.
        StayOn = "continued",
        /// The name comes off.
        ComeOff = "removed",
    }
}

impl Decision {
    /// Whether a conference of this kind can decide it.
    ///
    /// # Source
    ///
    /// WSP-3.2.9, WSP-4.8, WSP-4.10.
    pub const fn is_of(self, kind: ConferenceKind) -> bool {
        match self {
            Self::Register | Self::DoNotRegister => kind.can_register(),
            Self::StayOn | Self::ComeOff => !kind.can_register(),
        }
    }

    /// Whether the child is on the register after it.
    pub const fn is_on_register(self) -> bool {
        match self {
            Self::Register | Self::StayOn => true,
            Self::DoNotRegister | Self::ComeOff => false,
        }
    }
}

/// What was decided about one child, and what the register holds of the child before.
#[derive(Debug, Clone, Copy)]
pub struct ChildDecision<'a> {
    /// The child.
    pub child: ChildId,
    /// Whether the child is not born.
    pub unborn: bool,
    /// The child's entry in force on this authority's register, and its first day.
    pub entry: Option<(RegistrationStatus, NaiveDate)>,
    /// What was decided.
    pub decision: Decision,
    /// Categories: for a review that changes none, none.
    pub categories: Option<&'a CategorySet>,
    /// Whether there was no agreement and the chair decided.
    pub chair_decided: bool,
    /// Whether reasons and evidence are recorded.
    pub reasons: bool,
}

/// A conference as somebody wants to record it.
#[derive(Debug, Clone, Copy)]
pub struct ProposedConference<'a> {
    /// Its kind.
    pub kind: ConferenceKind,
    /// The day.
    pub held_on: NaiveDate,
    /// Today.
    pub today: NaiveDate,
    /// Whether children's social care was there.
    pub social_care_present: bool,
    /// How many other agencies were.
    pub other_agencies_present: u8,
    /// Whether it is said why it went ahead without a quorum.
    pub inquorate_reason: bool,
    /// Decisions.
    pub children: &'a [ChildDecision<'a>],
    /// The next review.
    pub review_on: Option<NaiveDate>,
    /// The next core group.
    pub core_group_on: Option<NaiveDate>,
    /// Whether the senior safeguarding manager has authorised later dates.
    pub departure_authorised: bool,
}

coded_error! {
    /// A rule that a proposed conference would break.
    pub enum ConferenceViolation {
        /// These procedures know no such conference.
        KindNotListed = "conference-kind-not-listed", "use a kind of conference of the procedures";
        /// The day is to come.
        InTheFuture = "conference-in-the-future", "record a conference on the day it is held or later";
        /// The day is a Saturday or Sunday.
        AtWeekend = "conference-at-weekend", "check the date: it is a Saturday or a Sunday";
        /// Too few were there and nothing is said of it.
        NotQuorate = "conference-not-quorate", "record who attended, or why it went ahead without a quorum";
        /// No child.
        NoChild = "no-child", "give the decision for each child";
        /// The same child twice.
        ChildTwice = "child-twice", "give one decision for each child";
        /// A pre-birth conference about nobody unborn.
        NoUnbornChild = "no-unborn-child", "a pre-birth conference is about a child who is not born";
        /// A decision that this kind of conference does not take.
        DecisionNotOfKind = "decision-not-of-kind", "a review keeps a name on or takes it off; the other kinds put it on or do not";
        /// The child's name is on this register already.
        AlreadyRegistered = "already-registered", "the child has an entry in force: hold a review";
        /// A review of a child who has no entry of this authority.
        NotRegistered = "not-registered", "a review needs an entry in force on this register, and not a temporary one";
        /// A review on or before the day of registration.
        ReviewBeforePlan = "review-before-plan", "give a day after the day of registration";
        /// A name on the register without a category.
        NoCategory = "no-category", "give at least one category of abuse";
        /// A category that this nation does not have.
        CategoryNotOfNation = "category-not-of-nation", "use the categories of the nation whose conference decided";
        /// Categories for a child who is not on the register after it.
        CategoryWithoutEntry = "category-without-entry", "leave the categories out when the name is not on the register";
        /// No reasons for taking a name off, or for a decision without agreement.
        NoReasons = "no-reasons", "record the reasons and the evidence";
        /// The next review is not after the conference.
        ReviewNotAfter = "review-not-after", "give a day after the conference";
        /// The next review is later than the limit.
        ReviewTooLate = "review-too-late", "bring the review forward, or record who authorised the later date";
        /// The next core group is not after the conference.
        CoreGroupNotAfter = "core-group-not-after", "give a day on or after the conference";
        /// The next core group is later than the limit.
        CoreGroupTooLate = "core-group-too-late", "bring the core group forward, or record who authorised the later date";
    }
}

impl Rule for ConferenceViolation {
    fn origin(&self) -> &'static str {
        match self {
            Self::KindNotListed | Self::NoChild | Self::ChildTwice | Self::DecisionNotOfKind => "WSP-3.2.9, WSP-4.8",
            Self::InTheFuture | Self::CategoryWithoutEntry | Self::ReviewNotAfter | Self::CoreGroupNotAfter => "DESIGN",
            Self::AtWeekend | Self::ReviewBeforePlan | Self::AlreadyRegistered => "CIN-VAL",
            Self::NotQuorate => "SSD-CPREVIEW",
            Self::NoUnbornChild => "WSP-2.10",
            Self::NotRegistered => "WSP-4.8, WSP-4.12",
            Self::NoCategory => "WSP-3.2.10",
            Self::CategoryNotOfNation => "WSP-3.2.9, CIN-VAL",
            Self::NoReasons => "WSP-4.9",
            Self::ReviewTooLate => "WSP-4.8, WSP-3.2.13",
            Self::CoreGroupTooLate => "WSP-4.4, WSP-3.2.13",
        }
    }
}

type Found = Vec<Breach<ConferenceViolation>>;

fn breach(pointer: impl Into<String>, violation: ConferenceViolation) -> Breach<ConferenceViolation> {
    Breach::refused(pointer, violation)
}

impl ProposedConference<'_> {
    /// Every rule it would break under the procedures of the authority that held it.
    ///
    /// # Errors
    ///
    /// [`CalendarError::YearOutsideTable`] when a limit in working days leaves the table of holidays.
    pub fn breaches(&self, procedures: &Procedures, calendar: &Calendar) -> Result<Found, CalendarError> {
        let Some(rule) = procedures.conference(self.kind) else {
            return Ok(vec![breach("/kind", ConferenceViolation::KindNotListed).by(&procedures.source)]);
        };
        let mut found = self.of_the_day(rule);
        found.extend(self.of_the_quorum(rule));
        if self.children.is_empty() {
            found.push(breach("/children", ConferenceViolation::NoChild));
        } else if self.kind == ConferenceKind::PreBirth && !self.children.iter().any(|child| child.unborn) {
            found.push(breach("/children", ConferenceViolation::NoUnbornChild));
        }
        let mut seen = BTreeSet::new();
        for (index, child) in self.children.iter().enumerate() {
            let twice = (!seen.insert(child.child.to_string())).then_some(("", ConferenceViolation::ChildTwice));
            let broken = twice.into_iter().chain(self.of_a_child(child, procedures));
            found.extend(broken.map(|(item, violation)| breach(format!("/children/{index}{item}"), violation)));
        }
        // Where nobody is on the register after it, nothing comes next.
        if self.children.iter().any(|child| child.decision.is_on_register()) {
            found.extend(self.of_next_dates(rule, procedures, calendar)?);
        }
        Ok(found)
    }

    fn of_the_day(&self, rule: &ConferenceRule) -> Found {
        let mut found = Vec::new();
        if self.held_on > self.today {
            found.push(breach("/heldOn", ConferenceViolation::InTheFuture));
        }
        if matches!(self.held_on.weekday(), Weekday::Sat | Weekday::Sun) && rule.weekend != Stance::Allow {
            found.push(breach("/heldOn", ConferenceViolation::AtWeekend).with_stance(rule.weekend));
        }
        found
    }

    fn of_the_quorum(&self, rule: &ConferenceRule) -> Option<Breach<ConferenceViolation>> {
        if self.social_care_present && self.other_agencies_present >= rule.quorum.other_agencies {
            return None;
        }
        let stance = if self.inquorate_reason { Stance::Doubt } else { Stance::Refuse };
        Some(breach("/attendance", ConferenceViolation::NotQuorate).with_stance(stance).by(&rule.source))
    }

    fn of_a_child(&self, child: &ChildDecision<'_>, procedures: &Procedures) -> Vec<(&'static str, ConferenceViolation)> {
        let mut broken = Vec::new();
        if !child.decision.is_of(self.kind) {
            broken.push(("/decision", ConferenceViolation::DecisionNotOfKind));
        }
        broken.extend(self.of_an_entry(child).map(|violation| ("/child", violation)));
        let nation = procedures.nation;
        match child.categories {
            Some(_) if !child.decision.is_on_register() => broken.push(("/categories", ConferenceViolation::CategoryWithoutEntry)),
            Some(categories) if categories.permitted_in(nation).is_err() => {
                broken.push(("/categories", ConferenceViolation::CategoryNotOfNation));
            }
            None if child.decision == Decision::Register && nation.requires_category() => {
                broken.push(("/categories", ConferenceViolation::NoCategory));
            }
            Some(_) | None => {}
        }
        if (child.chair_decided || child.decision == Decision::ComeOff) && !child.reasons {
            broken.push(("/reasons", ConferenceViolation::NoReasons));
        }
        broken
    }

    /// Whether the child's entry fits the kind of conference. A transfer-in conference may find a temporary entry.
    fn of_an_entry(&self, child: &ChildDecision<'_>) -> Option<ConferenceViolation> {
        let own = child.entry.filter(|(status, _)| status.is_current() && *status != RegistrationStatus::TemporarilyRegistered);
        match (self.kind, own) {
            (ConferenceKind::Review, None) => Some(ConferenceViolation::NotRegistered),
            (ConferenceKind::Review, Some((_, started_on))) => {
                (self.held_on <= started_on).then_some(ConferenceViolation::ReviewBeforePlan)
            }
            // A conference that decides against it changes no entry, and is recorded all the same.
            (ConferenceKind::Initial | ConferenceKind::PreBirth | ConferenceKind::TransferIn, Some(_)) => {
                (child.decision == Decision::Register).then_some(ConferenceViolation::AlreadyRegistered)
            }
            (ConferenceKind::Initial | ConferenceKind::PreBirth | ConferenceKind::TransferIn, None) => None,
        }
    }

    fn of_next_dates(&self, rule: &ConferenceRule, procedures: &Procedures, calendar: &Calendar) -> Result<Found, CalendarError> {
        let mut found = Vec::new();
        let stance = if self.departure_authorised { Stance::Doubt } else { Stance::Refuse };
        if let Some(review_on) = self.review_on {
            if review_on <= self.held_on {
                found.push(breach("/reviewOn", ConferenceViolation::ReviewNotAfter));
            }
            found.extend(
                self.beyond(review_on, &rule.review_clock, procedures, calendar)?
                    .map(|source| breach("/reviewOn", ConferenceViolation::ReviewTooLate).by(source).with_stance(stance)),
            );
        }
        if let Some(core_group_on) = self.core_group_on {
            if core_group_on < self.held_on {
                found.push(breach("/coreGroupOn", ConferenceViolation::CoreGroupNotAfter));
            }
            found.extend(
                self.beyond(core_group_on, &rule.core_group_clock, procedures, calendar)?
                    .map(|source| breach("/coreGroupOn", ConferenceViolation::CoreGroupTooLate).by(source).with_stance(stance)),
            );
        }
        Ok(found)
    }

    /// The source of a clock's limit, when a day lies beyond it.
    fn beyond<'p>(
        &self,
        day: NaiveDate,
        clock: &Code,
        procedures: &'p Procedures,
        calendar: &Calendar,
    ) -> Result<Option<&'p super::procedures::Source>, CalendarError> {
        let Some(clock) = procedures.clock(clock.as_str()) else { return Ok(None) };
        let Some(due) = clock.due else { return Ok(None) };
        Ok((day > due.after(self.held_on, calendar)?).then_some(&clock.source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::Category;
    use crate::domain::dates::parse_date;
    use chrono::DateTime;

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn child<'a>(decision: Decision, categories: Option<&'a CategorySet>) -> ChildDecision<'a> {
        ChildDecision {
            child: ChildId::new_at(DateTime::UNIX_EPOCH),
            unborn: false,
            entry: None,
            decision,
            categories,
            chair_decided: false,
            reasons: false,
        }
    }

    fn held<'a>(kind: ConferenceKind, children: &'a [ChildDecision<'a>]) -> ProposedConference<'a> {
        ProposedConference {
            kind,
            held_on: day("2026-03-03"),
            today: day("2026-03-03"),
            social_care_present: true,
            other_agencies_present: 2,
            inquorate_reason: false,
            children,
            review_on: None,
            core_group_on: None,
            departure_authorised: false,
        }
    }

    fn broken(conference: ProposedConference<'_>, procedures: &str) -> Vec<String> {
        let procedures = Procedures::embedded(procedures).unwrap();
        let calendar = Calendar::for_nation(procedures.nation).unwrap();
        let found = conference.breaches(procedures, calendar).unwrap();
        assert!(found.iter().all(|breach| !breach.source.is_empty()));
        found.iter().map(|breach| format!("{} {}{}", breach.pointer, breach.rule.code(), if breach.refuses() { "" } else { "?" })).collect()
    }

    fn neglect() -> CategorySet {
        CategorySet::new([Category::Neglect]).unwrap()
    }

    #[test]
    fn one_conference_for_three_siblings_is_three_decisions() {
        let (neglect, emotional) = (neglect(), CategorySet::new([Category::Emotional]).unwrap());
        let children =
            [child(Decision::Register, Some(&neglect)), child(Decision::DoNotRegister, None), child(Decision::Register, Some(&emotional))];
        assert_eq!(broken(held(ConferenceKind::Initial, &children), "wales"), [""; 0]);
        let mut second = children;
        second[1].decision = Decision::Register;
        assert_eq!(broken(held(ConferenceKind::Initial, &second), "wales"), ["/children/1/categories no-category"]);
        second[1] = second[0];
        assert_eq!(broken(held(ConferenceKind::Initial, &second), "wales"), ["/children/1 child-twice"]);
        assert_eq!(broken(held(ConferenceKind::Initial, &[]), "wales"), ["/children no-child"]);
    }

    #[test]
    fn the_day_must_be_one_on_which_it_can_have_been_held() {
        let children = [child(Decision::DoNotRegister, None)];
        let on = |held_on, kind| ProposedConference { held_on: day(held_on), ..held(kind, &children) };
        let table = [
            ("2026-03-03", "wales", ConferenceKind::Initial, vec![]),
            ("2026-03-04", "wales", ConferenceKind::Initial, vec!["/heldOn conference-in-the-future"]),
            ("2026-02-28", "wales", ConferenceKind::Initial, vec!["/heldOn conference-at-weekend?"]),
            ("2026-02-28", "england", ConferenceKind::Initial, vec!["/heldOn conference-at-weekend"]),
            ("2026-03-01", "england", ConferenceKind::TransferIn, vec!["/heldOn conference-at-weekend"]),
            ("2026-02-27", "england", ConferenceKind::Initial, vec![]),
            ("2026-03-02", "england", ConferenceKind::Initial, vec![]),
        ];
        for (held_on, procedures, kind, expected) in table {
            assert_eq!(broken(on(held_on, kind), procedures), expected, "{held_on} {procedures} {kind}");
        }
    }

    #[test]
    fn a_conference_without_quorum_says_why() {
        let children = [child(Decision::DoNotRegister, None)];
        for (social_care, others, reason, expected) in [
            (true, 2, false, vec![]),
            (true, 1, false, vec!["/attendance conference-not-quorate"]),
            (false, 5, false, vec!["/attendance conference-not-quorate"]),
            (true, 0, true, vec!["/attendance conference-not-quorate?"]),
        ] {
            let conference = ProposedConference {
                social_care_present: social_care,
                other_agencies_present: others,
                inquorate_reason: reason,
                ..held(ConferenceKind::Initial, &children)
            };
            assert_eq!(broken(conference, "wales"), expected, "{social_care} {others} {reason}");
        }
    }

    #[test]
    fn a_decision_fits_the_conference_and_the_entry() {
        use ConferenceKind::{Initial, PreBirth, Review, TransferIn};
        use Decision::{ComeOff, DoNotRegister, Register, StayOn};
        use RegistrationStatus::{PreviouslyRegistered, Registered, TemporarilyRegistered};
        let set = neglect();
        let entry = |status, on| Some((status, day(on)));
        type Row = (ConferenceKind, Decision, Option<(RegistrationStatus, NaiveDate)>, bool, &'static [&'static str]);
        let table: &[Row] = &[
            (Review, StayOn, entry(Registered, "2026-03-02"), true, &[]),
            (Review, StayOn, entry(Registered, "2026-03-03"), true, &["/children/0/child review-before-plan"]),
            (Review, StayOn, entry(Registered, "2026-03-04"), true, &["/children/0/child review-before-plan"]),
            (Review, StayOn, None, true, &["/children/0/child not-registered"]),
            (Review, StayOn, entry(TemporarilyRegistered, "2026-01-03"), true, &["/children/0/child not-registered"]),
            (Review, ComeOff, entry(PreviouslyRegistered, "2026-01-03"), true, &["/children/0/child not-registered"]),
            (Review, ComeOff, entry(Registered, "2026-01-03"), true, &[]),
            (Review, ComeOff, entry(Registered, "2026-01-03"), false, &["/children/0/reasons no-reasons"]),
            (Review, Register, entry(Registered, "2026-01-03"), true, &["/children/0/decision decision-not-of-kind"]),
            (Initial, Register, entry(Registered, "2026-01-03"), true, &["/children/0/child already-registered"]),
            (Initial, DoNotRegister, entry(Registered, "2026-01-03"), true, &[]),
            (Initial, Register, entry(PreviouslyRegistered, "2026-01-03"), true, &[]),
            (Initial, ComeOff, None, true, &["/children/0/decision decision-not-of-kind"]),
            (TransferIn, Register, entry(TemporarilyRegistered, "2026-01-03"), true, &[]),
            (PreBirth, Register, None, true, &["/children no-unborn-child"]),
        ];
        for (kind, decision, entry, reasons, expected) in table {
            let categories = (*decision == Register).then_some(&set);
            let children = [ChildDecision { entry: *entry, reasons: *reasons, ..child(*decision, categories) }];
            assert_eq!(broken(held(*kind, &children), "wales"), *expected, "{kind} {decision} {entry:?}");
        }
        let unborn = [ChildDecision { unborn: true, ..child(Register, Some(&set)) }, child(DoNotRegister, None)];
        assert_eq!(broken(held(PreBirth, &unborn), "wales"), [""; 0]);
    }

    #[test]
    fn categories_are_of_the_nation_and_of_children_on_the_register() {
        let financial = CategorySet::new([Category::Financial]).unwrap();
        let financial = [child(Decision::Register, Some(&financial))];
        assert_eq!(broken(held(ConferenceKind::Initial, &financial), "wales"), [""; 0]);
        assert_eq!(broken(held(ConferenceKind::Initial, &financial), "england"), ["/children/0/categories category-not-of-nation"]);
        let neglect = neglect();
        let refused = [child(Decision::DoNotRegister, Some(&neglect))];
        assert_eq!(broken(held(ConferenceKind::Initial, &refused), "wales"), ["/children/0/categories category-without-entry"]);
    }

    #[test]
    fn the_chair_who_decides_says_why() {
        let neglect = neglect();
        let decided = |reasons| [ChildDecision { chair_decided: true, reasons, ..child(Decision::Register, Some(&neglect)) }];
        assert_eq!(broken(held(ConferenceKind::Initial, &decided(true)), "wales"), [""; 0]);
        assert_eq!(broken(held(ConferenceKind::Initial, &decided(false)), "wales"), ["/children/0/reasons no-reasons"]);
    }

    #[test]
    fn next_dates_keep_within_the_limits() {
        let neglect = neglect();
        let children = [child(Decision::Register, Some(&neglect))];
        let next = |review: Option<&str>, core_group: Option<&str>, departure_authorised| ProposedConference {
            review_on: review.map(day),
            core_group_on: core_group.map(day),
            departure_authorised,
            ..held(ConferenceKind::Initial, &children)
        };
        let table = [
            (None, None, false, vec![]),
            (Some("2026-06-03"), Some("2026-03-17"), false, vec![]),
            (Some("2026-06-04"), None, false, vec!["/reviewOn review-too-late"]),
            (Some("2026-06-04"), None, true, vec!["/reviewOn review-too-late?"]),
            (Some("2026-03-03"), None, false, vec!["/reviewOn review-not-after"]),
            (None, Some("2026-03-18"), false, vec!["/coreGroupOn core-group-too-late"]),
            (None, Some("2026-03-02"), false, vec!["/coreGroupOn core-group-not-after"]),
            (None, Some("2026-03-03"), false, vec![]),
        ];
        for (review, core_group, departure, expected) in table {
            assert_eq!(broken(next(review, core_group, departure), "wales"), expected, "{review:?} {core_group:?}");
        }
        // A later review has six months.
        let staying = [ChildDecision { entry: Some((RegistrationStatus::Registered, day("2025-12-03"))), ..child(Decision::StayOn, None) }];
        let review = |on| ProposedConference { review_on: Some(day(on)), ..held(ConferenceKind::Review, &staying) };
        assert_eq!(broken(review("2026-09-03"), "wales"), [""; 0]);
        assert_eq!(broken(review("2026-09-04"), "wales"), ["/reviewOn review-too-late"]);
        // Of a conference after which nobody is on the register, no date is asked.
        let nobody = [child(Decision::DoNotRegister, None)];
        let conference = ProposedConference { review_on: Some(day("2030-01-01")), ..held(ConferenceKind::Initial, &nobody) };
        assert_eq!(broken(conference, "wales"), [""; 0]);
    }
}
