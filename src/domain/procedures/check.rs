//! What must hold of a procedures file as a whole, beyond the shape of each rule.

use std::collections::BTreeSet;

use super::{ClockRule, Code, Procedures};
use crate::domain::custody::DutyKind;
use crate::domain::registration::{ConferenceKind, RemovalGround};

/// Why procedures were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProceduresError {
    /// Not TOML, or a key or value that is not known.
    #[error("the procedures cannot be read: {0}")]
    Unreadable(String),
    /// A rule does not fit the others.
    #[error("{place}: {problem}")]
    Invalid {
        /// The rule.
        place: String,
        /// What is wrong with it and what would be right.
        problem: &'static str,
    },
    /// No procedures of this code come with the program.
    #[error("no procedures of that code come with the program: use wales or england, or name a file")]
    Unknown,
}

type Checked = Result<(), ProceduresError>;

fn invalid(place: impl Into<String>, problem: &'static str) -> ProceduresError {
    ProceduresError::Invalid { place: place.into(), problem }
}

fn require(holds: bool, place: impl FnOnce() -> String, problem: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(invalid(place(), problem)) }
}

fn once<'a>(list: &str, codes: impl Iterator<Item = &'a str>) -> Checked {
    let mut seen = BTreeSet::new();
    for code in codes {
        require(seen.insert(code), || format!("{list}.{code}"), "is given twice")?;
    }
    Ok(())
}

fn ascending<T: PartialOrd>(values: &[T]) -> bool {
    values.windows(2).all(|pair| pair[0] < pair[1])
}

impl Procedures {
    pub(super) fn check(&self) -> Checked {
        once("category", self.categories.iter().map(|rule| rule.code.as_str()))?;
        once("clock", self.clocks.iter().map(|rule| rule.code.as_str()))?;
        once("duty", self.duties.iter().map(|rule| rule.code.as_str()))?;
        once("ground", self.grounds.iter().map(|rule| rule.code.as_str()))?;
        once("required", self.required.iter().map(|rule| rule.code.as_str()))?;
        once("conference", self.conferences.iter().map(|rule| rule.kind.as_str()))?;
        once("retention", self.retention.iter().map(|rule| rule.code.as_str()))?;
        once("advocacy", self.advocacy.iter().map(|rule| rule.code.as_str()))?;
        once("participation", self.participation.iter().map(|rule| rule.code.as_str()))?;
        once("marker", self.markers.iter().map(|rule| rule.code.as_str()))?;
        self.check_categories()?;
        self.clocks.iter().try_for_each(|clock| self.check_clock(clock))?;
        self.check_duties()?;
        self.check_grounds()?;
        self.check_conferences()?;
        self.check_bands()
    }

    fn check_categories(&self) -> Checked {
        for rule in &self.categories {
            let place = || format!("category.{}", rule.code);
            require(rule.code.is_used_in(self.nation), place, "is not a category of this nation")?;
        }
        require(!self.nation.requires_category() || !self.categories.is_empty(), || "category".into(), "this nation needs categories")
    }

    fn check_clock(&self, clock: &ClockRule) -> Checked {
        let place = || format!("clock.{}", clock.code);
        require(!clock.starts.is_empty() && !clock.met_by.is_empty(), place, "needs an event in starts and one in met_by")?;
        require(clock.due.is_some() == clock.with.is_empty(), place, "needs either due or with")?;
        // One step only, so that no clock can hang on itself.
        let hangs_on_a_span = |code: &Code| self.clock(code.as_str()).is_some_and(|other| other.due.is_some());
        require(clock.with.iter().all(hangs_on_a_span), place, "with must name clocks that have a due of their own")?;
        require(!clock.escalation.is_empty(), place, "must escalate to somebody")?;
        let days: Vec<_> = clock.escalation.iter().map(|step| step.day).collect();
        require(ascending(&days), place, "escalation must be in the order of its days")
    }

    fn check_duties(&self) -> Checked {
        for kind in DutyKind::ALL {
            let place = || format!("duty.{kind}");
            let Some(rule) = self.duty(kind) else { return Err(invalid(place(), "is needed everywhere")) };
            let counted = rule.within_minutes.is_some() != (rule.clock.is_some() || rule.within.is_some());
            require(counted && rule.within_minutes != Some(0), place, "needs either within_minutes, or a clock or within")?;
            let clock = rule.clock.as_ref().map(|code| self.clock(code.as_str()));
            require(clock.is_none_or(|clock| clock.is_some_and(|clock| clock.due.is_some())), place, "names a clock that has no due here")?;
            require(rule.told.iter().all(|roles| !roles.is_empty()), place, "must tell somebody at each level")?;
        }
        Ok(())
    }

    fn check_grounds(&self) -> Checked {
        for rule in &self.grounds {
            let eighteen = rule.code == RemovalGround::ReachedEighteen;
            require(!rule.computed || eighteen, || format!("ground.{}", rule.code), "only the age of 18 may be computed")?;
        }
        let has = |code| self.ground(code).is_some();
        require(
            has(RemovalGround::ReviewConferenceDecision) && has(RemovalGround::ReachedEighteen) && has(RemovalGround::Died),
            || "ground".into(),
            "review-conference-decision, reached-eighteen and died are needed everywhere",
        )
    }

    fn check_conferences(&self) -> Checked {
        for rule in &self.conferences {
            let known = |code: &Code| self.clock(code.as_str()).is_some_and(|clock| clock.due.is_some());
            let place = || format!("conference.{}", rule.kind);
            require(known(&rule.review_clock) && known(&rule.core_group_clock), place, "names a clock that has no due here")?;
        }
        let has = |kind| self.conference(kind).is_some();
        require(has(ConferenceKind::Initial) && has(ConferenceKind::Review), || "conference".into(), "needs initial and review")
    }

    fn check_bands(&self) -> Checked {
        let bands = |values: &[u32]| values.first() == Some(&0) && ascending(values);
        let rules = &self.returns;
        require(
            bands(&rules.age_bands_from_years) && bands(&rules.time_bands_from_months),
            || "returns".into(),
            "bands must begin at 0 and ascend",
        )
    }
}
