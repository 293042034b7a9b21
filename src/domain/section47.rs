//! Enquiries under section 47 of the Children Act 1989, with the strategy discussion before them: the dates from which clocks
//! run, and in which order they can stand.

use chrono::NaiveDate;

use super::coded::{closed_set, coded_error};
use super::rule::{Breach, Rule};

closed_set! {
    /// What an enquiry determined.
    ///
    /// # Source
    ///
    /// WSP-3.2.3.
    pub enum Determination {
        /// The concerns are not substantiated.
        NotSubstantiated = "not-substantiated",
        /// They are, but the child is not at continuing risk.
        NoContinuingRisk = "substantiated-no-continuing-risk",
        /// The child is at risk: a conference is to be held.
        Conference = "conference",
    }
}

coded_error! {
    /// A rule that an enquiry would break.
    pub enum Section47Violation {
        /// Two dates stand in an order in which things cannot have happened.
        OutOfOrder = "out-of-order", "correct the dates: this cannot come before what leads to it";
        /// A day that has not come.
        InTheFuture = "in-the-future", "check the date: it has not come yet";
        /// An outcome without its day, or a day without an outcome.
        OutcomeIncomplete = "outcome-incomplete", "give the outcome and the day of it together";
        /// A departure without a reason, or without who approved it.
        DepartureIncomplete = "departure-incomplete", "give the reason for the departure and who approved it";
        /// Another enquiry about this child is open at this authority.
        AlreadyOpen = "section-47-open", "record the outcome of the open enquiry about this child first";
        /// It would begin after the conference that it led to.
        StartsAfterConference = "starts-after-conference", "correct the dates: the enquiry began after its conference";
    }
}

impl Rule for Section47Violation {
    fn origin(&self) -> &'static str {
        match self {
            Self::OutOfOrder | Self::InTheFuture => "DESIGN",
            Self::OutcomeIncomplete => "WSP-3.2.3",
            Self::DepartureIncomplete => "WSP-3.1.8",
            Self::AlreadyOpen | Self::StartsAfterConference => "CIN-VAL",
        }
    }
}

/// An enquiry as somebody wants it to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProposedSection47 {
    /// When the report or referral arrived.
    pub referral_on: Option<NaiveDate>,
    /// When the strategy discussion was held.
    pub strategy_discussion_on: NaiveDate,
    /// When the enquiry was decided on.
    pub decided_on: Option<NaiveDate>,
    /// When it began.
    pub started_on: Option<NaiveDate>,
    /// What it determined.
    pub outcome: Option<Determination>,
    /// When.
    pub outcome_on: Option<NaiveDate>,
    /// When the assessment was completed.
    pub assessment_completed_on: Option<NaiveDate>,
    /// The day of the first conference that was held upon it.
    pub conference_on: Option<NaiveDate>,
    /// Whether another enquiry about the child is open at the same authority.
    pub another_is_open: bool,
}

impl ProposedSection47 {
    /// Whether it is open: it has led neither to a conference nor to the finding that none is needed.
    ///
    /// # Source
    ///
    /// CIN-VAL rules 8839 and 8890, which count an enquiry as open until the conference or the decision to hold none.
    pub fn is_open(&self) -> bool {
        let closing = matches!(self.outcome, Some(Determination::NotSubstantiated | Determination::NoContinuingRisk));
        !closing && self.conference_on.is_none()
    }

    /// Every rule it would break, seen from `today`.
    ///
    /// # Source
    ///
    /// CIN-VAL rules 8615 (it starts no later than its conference), 8839 and 8890 (one open at a time); WSP-3.2.3.
    pub fn breaches(&self, today: NaiveDate) -> Vec<Breach<Section47Violation>> {
        let steps = [
            ("/referralOn", self.referral_on),
            ("/strategyDiscussionOn", Some(self.strategy_discussion_on)),
            ("/decidedOn", self.decided_on),
            ("/startedOn", self.started_on),
            ("/outcomeOn", self.outcome_on),
        ];
        let mut found = Vec::new();
        let mut before = None;
        for (pointer, day) in steps.into_iter().filter_map(|(pointer, day)| Some((pointer, day?))) {
            if before.is_some_and(|before| day < before) {
                found.push(Breach::refused(pointer, Section47Violation::OutOfOrder));
            }
            before = Some(day);
        }
        if self.assessment_completed_on.is_some_and(|done| done < self.strategy_discussion_on) {
            found.push(Breach::refused("/assessmentCompletedOn", Section47Violation::OutOfOrder));
        }
        for (pointer, day) in steps.into_iter().chain([("/assessmentCompletedOn", self.assessment_completed_on)]) {
            if day.is_some_and(|day| day > today) {
                found.push(Breach::refused(pointer, Section47Violation::InTheFuture));
            }
        }
        if self.outcome.is_some() != self.outcome_on.is_some() {
            let pointer = if self.outcome.is_some() { "/outcomeOn" } else { "/outcome" };
            found.push(Breach::refused(pointer, Section47Violation::OutcomeIncomplete));
        }
        let began = self.started_on.unwrap_or(self.strategy_discussion_on);
        if self.conference_on.is_some_and(|conference| began > conference) {
            found.push(Breach::refused("/startedOn", Section47Violation::StartsAfterConference));
        }
        if self.another_is_open && self.is_open() {
            found.push(Breach::refused("/childId", Section47Violation::AlreadyOpen));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dates::parse_date;

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn usual() -> ProposedSection47 {
        ProposedSection47 {
            referral_on: Some(day("2026-02-02")),
            strategy_discussion_on: day("2026-02-03"),
            decided_on: Some(day("2026-02-03")),
            started_on: Some(day("2026-02-04")),
            ..ProposedSection47::default()
        }
    }

    fn codes(proposed: ProposedSection47) -> Vec<String> {
        let found = proposed.breaches(day("2026-03-03"));
        assert!(found.iter().all(|breach| !breach.source.is_empty() && breach.refuses()));
        found.iter().map(|breach| format!("{} {}", breach.pointer, breach.rule.code())).collect()
    }

    #[test]
    fn things_happen_in_their_order() {
        let determined = |outcome, on: &str| ProposedSection47 { outcome: Some(outcome), outcome_on: Some(day(on)), ..usual() };
        let table: [(ProposedSection47, &[&str]); 14] = [
            (usual(), &[]),
            (ProposedSection47 { strategy_discussion_on: day("2026-02-03"), ..ProposedSection47::default() }, &[]),
            (ProposedSection47 { referral_on: Some(day("2026-02-04")), ..usual() }, &["/strategyDiscussionOn out-of-order"]),
            (ProposedSection47 { decided_on: Some(day("2026-02-02")), ..usual() }, &["/decidedOn out-of-order"]),
            (ProposedSection47 { started_on: Some(day("2026-02-02")), ..usual() }, &["/startedOn out-of-order"]),
            (determined(Determination::Conference, "2026-02-13"), &[]),
            (determined(Determination::Conference, "2026-02-03"), &["/outcomeOn out-of-order"]),
            (determined(Determination::Conference, "2026-03-03"), &[]),
            (determined(Determination::Conference, "2026-03-04"), &["/outcomeOn in-the-future"]),
            (ProposedSection47 { outcome: Some(Determination::Conference), ..usual() }, &["/outcomeOn outcome-incomplete"]),
            (ProposedSection47 { outcome_on: Some(day("2026-02-13")), ..usual() }, &["/outcome outcome-incomplete"]),
            (ProposedSection47 { assessment_completed_on: Some(day("2026-02-02")), ..usual() }, &["/assessmentCompletedOn out-of-order"]),
            (ProposedSection47 { conference_on: Some(day("2026-02-04")), ..usual() }, &[]),
            (ProposedSection47 { conference_on: Some(day("2026-02-03")), ..usual() }, &["/startedOn starts-after-conference"]),
        ];
        for (proposed, expected) in table {
            assert_eq!(codes(proposed), expected, "{proposed:?}");
        }
    }

    #[test]
    fn one_enquiry_is_open_at_a_time() {
        let another = ProposedSection47 { another_is_open: true, ..usual() };
        let table = [
            (another, true),
            (ProposedSection47 { outcome: Some(Determination::Conference), outcome_on: Some(day("2026-02-13")), ..another }, true),
            (ProposedSection47 { outcome: Some(Determination::NotSubstantiated), outcome_on: Some(day("2026-02-13")), ..another }, false),
            (ProposedSection47 { outcome: Some(Determination::NoContinuingRisk), outcome_on: Some(day("2026-02-13")), ..another }, false),
            (ProposedSection47 { conference_on: Some(day("2026-02-20")), ..another }, false),
            (usual(), false),
        ];
        for (proposed, refused) in table {
            assert_eq!(codes(proposed) == ["/childId section-47-open"], refused, "{proposed:?}");
        }
    }
}
