//! The answer to a check, and the rule that may never break.
//!
//! *Not on the register* is the one answer that can cost a child's life when it is wrong. It may be given only when every
//! region asked has answered and none of them holds a current entry at or above the possible-match threshold. Here that
//! is not a check somebody must remember but a matter of types:
//!
//! ```text
//! SearchSet::choose ──▶ Coverage::begin ──record──▶ Coverage::judge ──▶ Outcome
//!  who must be asked     who answered what              │
//!                                                       └─ Coverage::prove_absence ──▶ CompleteAnswer
//! ```
//!
//! [`Outcome`] is opaque. The code `not-on-register` comes out of it only through [`Outcome::not_on_register`], which
//! consumes a [`CompleteAnswer`]; and a [`CompleteAnswer`] comes only out of a [`Coverage`] in which every region of its
//! [`SearchSet`] answered and nothing current was found.
//!
//! ```
//! use chrono::DateTime;
//! use cofrestr::domain::outcome::*;
//! use cofrestr::domain::search_set::{Search, SearchSet};
//!
//! # struct Nobody;
//! # impl Finding for Nobody {
//! #     fn grade(&self) -> Grade { Grade::Possible }
//! #     fn status(&self) -> MatchStatus { MatchStatus::Registered }
//! #     fn bits(&self) -> f64 { 0.0 }
//! #     fn is_same_person_as(&self, _: &Self) -> bool { false }
//! # }
//! let gwent = "gwent".parse()?;
//! let set = SearchSet::choose(&Search::OwnRegion, &gwent, &[])?;
//! let mut coverage = Coverage::<Nobody>::begin(set);
//! assert_eq!(coverage.judge().code(), OutcomeCode::Indeterminate);
//!
//! let as_of = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
//! coverage.record(&gwent, Reply::Answered(Answer { as_of, findings: vec![] }), 12)?;
//! assert_eq!(coverage.judge().code(), OutcomeCode::NotOnRegister);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! None of these compile: the field is private,
//!
//! ```compile_fail,E0423
//! use cofrestr::domain::outcome::{Outcome, OutcomeCode};
//!
//! let outcome = Outcome(OutcomeCode::NotOnRegister);
//! ```
//!
//! a proof cannot be written down,
//!
//! ```compile_fail,E0451
//! use cofrestr::domain::outcome::CompleteAnswer;
//!
//! let proof = CompleteAnswer { regions: 7, as_of: chrono::DateTime::UNIX_EPOCH };
//! ```
//!
//! nor used twice,
//!
//! ```compile_fail,E0382
//! use cofrestr::domain::outcome::{CompleteAnswer, Outcome};
//!
//! fn twice(proof: CompleteAnswer) -> [Outcome; 2] {
//!     [Outcome::not_on_register(proof), Outcome::not_on_register(proof)]
//! }
//! ```
//!
//! a code is not an outcome,
//!
//! ```compile_fail,E0277
//! use cofrestr::domain::outcome::{Outcome, OutcomeCode};
//!
//! let outcome: Outcome = OutcomeCode::NotOnRegister.into();
//! ```
//!
//! an outcome cannot be read from a text,
//!
//! ```compile_fail,E0277
//! use cofrestr::domain::outcome::Outcome;
//!
//! let outcome: Outcome = serde_json::from_str("\"not-on-register\"").expect("an outcome");
//! ```
//!
//! and there is none by default.
//!
//! ```compile_fail,E0277
//! use cofrestr::domain::outcome::Outcome;
//!
//! fn default<T: Default>() {}
//! default::<Outcome>();
//! ```

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::coded::{closed_set, coded_error};
use super::identifiers::RegionCode;
use super::search_set::{SearchSet, Standing};

closed_set! {
    /// How sure a match is. Anything weaker than possible is no match and is not reported.
    pub enum Grade {
        /// At or above the possible threshold: a person must look.
        Possible = "possible",
        /// More likely this child than not.
        Probable = "probable",
        /// This child.
        Certain = "certain",
    }
}

closed_set! {
    /// The standing of a matched entry, as an enquirer is told it.
    pub enum MatchStatus {
        /// On the register by a conference's decision.
        Registered = "registered",
        /// Living here for a time; on another authority's register.
        TemporarilyRegistered = "temporarily-registered",
        /// Moving between authorities; still on the origin's register.
        TransferPending = "transfer-pending",
        /// On the register once, not now.
        PreviouslyRegistered = "previously-registered",
        /// Registered before birth.
        UnbornRegistered = "unborn-registered",
    }
}

impl MatchStatus {
    /// Whether the entry is in force. Former entries never change an outcome.
    pub const fn is_current(self) -> bool {
        match self {
            Self::Registered | Self::TemporarilyRegistered | Self::TransferPending | Self::UnbornRegistered => true,
            Self::PreviouslyRegistered => false,
        }
    }
}

closed_set! {
    /// What became of asking one region.
    pub enum CoverageStatus {
        /// It answered, and the answer is genuine.
        Answered = "answered",
        /// It did not answer in time, or has not yet.
        TimedOut = "timed-out",
        /// It could not be reached.
        Unreachable = "unreachable",
        /// It would not answer us, or is suspended and was not asked.
        Refused = "refused",
        /// It sent something that is not a genuine answer to this question.
        Invalid = "invalid",
    }
}

closed_set! {
    /// The code of an outcome, as it stands in answers, in the database and in receipts.
    ///
    /// Having a code is not having an outcome: use this to read what was recorded, and [`Outcome`] to answer.
    pub enum OutcomeCode {
        /// The best current match is certain or probable, and nobody else comes close.
        OnRegister = "on-register",
        /// Something current was found that a person must look at.
        PossibleMatch = "possible-match",
        /// Everybody asked has answered, and there is no current entry.
        NotOnRegister = "not-on-register",
        /// Nothing was found, but somebody has not answered.
        Indeterminate = "indeterminate",
    }
}

/// What a match must say of itself to be judged. The match itself may carry much more.
pub trait Finding {
    /// How sure the match is.
    fn grade(&self) -> Grade;

    /// The standing of the entry.
    fn status(&self) -> MatchStatus;

    /// How strong the match is: posterior log-odds, in bits.
    fn bits(&self) -> f64;

    /// Whether both matches are the same person: entries of one child in two authorities are not rivals.
    fn is_same_person_as(&self, other: &Self) -> bool;
}

/// Lead over the next person, in bits, below which nobody can say which of the two is meant: odds of 8 to 1.
///
/// # Source
///
/// Contract, part 1 (from grade to outcome).
pub const RIVAL_BITS: f64 = 3.0;

/// One region's genuine answer. No findings means it found nothing at or above the possible threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<F> {
    /// The instant as of which it is true.
    pub as_of: DateTime<Utc>,
    /// Everything found at or above the possible threshold, former entries too.
    pub findings: Vec<F>,
}

/// What came back from one region.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply<F> {
    /// A genuine answer.
    Answered(Answer<F>),
    /// Nothing in time.
    TimedOut,
    /// It could not be reached.
    Unreachable,
    /// It would not answer.
    Refused,
    /// Something that is not a genuine answer to this question.
    Invalid,
}

impl<F> Reply<F> {
    /// The status it gives its region.
    pub const fn status(&self) -> CoverageStatus {
        match self {
            Self::Answered(_) => CoverageStatus::Answered,
            Self::TimedOut => CoverageStatus::TimedOut,
            Self::Unreachable => CoverageStatus::Unreachable,
            Self::Refused => CoverageStatus::Refused,
            Self::Invalid => CoverageStatus::Invalid,
        }
    }
}

coded_error! {
    /// Why a reply was not recorded.
    pub enum CoverageError {
        /// The region is not in the search set.
        NotAsked = "region-not-asked", "record only replies of the regions that were asked";
        /// The region is suspended: its answer does not count.
        Suspended = "region-suspended", "a suspended region's answer does not count: start a new check when it is active again";
        /// The region has answered; an answer is never replaced.
        AlreadyAnswered = "already-answered", "an answer stands: start a new check to ask again";
    }
}

/// One row of the coverage of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow<'a> {
    /// The region.
    pub region: &'a RegionCode,
    /// What became of asking it.
    pub status: CoverageStatus,
    /// The instant as of which its answer is true, if it answered.
    pub as_of: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds, if it was asked.
    pub duration_ms: Option<u32>,
}

/// What every region of a search set has replied so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage<F> {
    set: SearchSet,
    replies: BTreeMap<RegionCode, (Reply<F>, u32)>,
}

impl<F: Finding> Coverage<F> {
    /// The coverage of a search in which nobody has replied yet.
    pub const fn begin(set: SearchSet) -> Self {
        Self { set, replies: BTreeMap::new() }
    }

    /// Records a region's reply and how long it took, in milliseconds. A later reply takes the place of a failure.
    ///
    /// # Errors
    ///
    /// * [`CoverageError::NotAsked`] for a region outside the search set.
    /// * [`CoverageError::Suspended`] for a suspended one, which stays `refused`.
    /// * [`CoverageError::AlreadyAnswered`] for one that has answered.
    pub fn record(&mut self, region: &RegionCode, reply: Reply<F>, duration_ms: u32) -> Result<(), CoverageError> {
        match self.set.standing(region) {
            Some(Standing::Active) => {}
            Some(Standing::Suspended) => return Err(CoverageError::Suspended),
            Some(Standing::Left) | None => return Err(CoverageError::NotAsked),
        }
        if matches!(self.replies.get(region), Some((Reply::Answered(_), _))) {
            return Err(CoverageError::AlreadyAnswered);
        }
        self.replies.insert(region.clone(), (reply, duration_ms));
        Ok(())
    }

    /// The search set.
    pub const fn set(&self) -> &SearchSet {
        &self.set
    }

    /// One row for every region of the set, in the order of their codes.
    pub fn rows(&self) -> impl Iterator<Item = CoverageRow<'_>> {
        self.set.regions().map(|(region, standing)| match (standing, self.replies.get(region)) {
            (Standing::Active, Some((reply, duration_ms))) => CoverageRow {
                region,
                status: reply.status(),
                as_of: match reply {
                    Reply::Answered(answer) => Some(answer.as_of),
                    Reply::TimedOut | Reply::Unreachable | Reply::Refused | Reply::Invalid => None,
                },
                duration_ms: Some(*duration_ms),
            },
            (Standing::Active, None) => CoverageRow { region, status: CoverageStatus::TimedOut, as_of: None, duration_ms: None },
            (Standing::Suspended | Standing::Left, _) => {
                CoverageRow { region, status: CoverageStatus::Refused, as_of: None, duration_ms: None }
            }
        })
    }

    /// The regions that are still to answer and may be asked again. Suspended ones are not among them.
    pub fn silent(&self) -> impl Iterator<Item = &RegionCode> {
        self.set.to_ask().filter(|region| !matches!(self.replies.get(*region), Some((Reply::Answered(_), _))))
    }

    /// Every finding with the region it came from, best first: by grade, then by bits.
    pub fn findings(&self) -> Vec<(&RegionCode, &F)> {
        let mut findings: Vec<(&RegionCode, &F)> = self
            .replies
            .iter()
            .flat_map(|(region, (reply, _))| {
                let findings: &[F] = match reply {
                    Reply::Answered(answer) => &answer.findings,
                    Reply::TimedOut | Reply::Unreachable | Reply::Refused | Reply::Invalid => &[],
                };
                findings.iter().map(move |finding| (region, finding))
            })
            .collect();
        findings.sort_by(|(_, one), (_, other)| better_first(*one, *other));
        findings
    }

    /// Proof that the child has no current entry in any region of the set.
    ///
    /// # Errors
    ///
    /// What stands in the way: [`NoProof::Found`] before [`NoProof::Silent`].
    pub fn prove_absence(&self) -> Result<CompleteAnswer, NoProof> {
        if self.findings().iter().any(|(_, finding)| finding.status().is_current()) {
            return Err(NoProof::Found);
        }
        // Every region of the set, not every reply received: a region without a row would otherwise count as answered.
        let mut as_of: Option<DateTime<Utc>> = None;
        for row in self.rows() {
            match (row.status, row.as_of) {
                (CoverageStatus::Answered, Some(answered)) => as_of = Some(as_of.map_or(answered, |oldest| oldest.min(answered))),
                _ => return Err(NoProof::Silent),
            }
        }
        as_of.map(|as_of| CompleteAnswer { regions: self.set.len(), as_of }).ok_or(NoProof::Silent)
    }

    /// The outcome of what is known so far.
    ///
    /// * Something current found: `on-register` when the best is certain or probable and no different person stands
    ///   within [`RIVAL_BITS`] of it; otherwise `possible-match`. Whoever is silent does not change that.
    /// * Nothing current found: `not-on-register` with proof, otherwise `indeterminate`.
    ///
    /// # Source
    ///
    /// Contract, part 1 (the rule that may never break); invariant I13.
    pub fn judge(&self) -> Outcome {
        let current: Vec<&F> =
            self.findings().into_iter().map(|(_, finding)| finding).filter(|finding| finding.status().is_current()).collect();
        match current.split_first() {
            Some((best, others)) => {
                // A lead that is not a number is no lead.
                let leads = |other: &F| best.bits() - other.bits() >= RIVAL_BITS;
                let rivalled = others.iter().any(|other| !best.is_same_person_as(other) && !leads(other));
                match best.grade() {
                    Grade::Certain | Grade::Probable if !rivalled => Outcome(OutcomeCode::OnRegister),
                    Grade::Certain | Grade::Probable | Grade::Possible => Outcome(OutcomeCode::PossibleMatch),
                }
            }
            None => self.prove_absence().map_or(Outcome(OutcomeCode::Indeterminate), Outcome::not_on_register),
        }
    }
}

fn better_first<F: Finding>(one: &F, other: &F) -> Ordering {
    other.grade().cmp(&one.grade()).then_with(|| other.bits().total_cmp(&one.bits()))
}

coded_error! {
    /// Why absence is not proven.
    pub enum NoProof {
        /// A current entry was found.
        Found = "found", "a current entry was found: answer on-register or possible-match";
        /// A region of the search set has not answered.
        Silent = "silent", "a region has not answered: answer indeterminate and ask it again";
    }
}

/// Proof that every region of a search set answered and none has a current entry. Made only by
/// [`Coverage::prove_absence`]; spent by [`Outcome::not_on_register`].
#[derive(Debug)]
#[must_use = "a proof of absence is spent by Outcome::not_on_register"]
pub struct CompleteAnswer {
    regions: usize,
    as_of: DateTime<Utc>,
}

impl CompleteAnswer {
    /// How many regions answered: all that were in the search.
    pub const fn regions(&self) -> usize {
        self.regions
    }

    /// The oldest instant as of which a region answered.
    pub const fn as_of(&self) -> DateTime<Utc> {
        self.as_of
    }
}

/// The outcome of a check. Made only by [`Coverage::judge`] and [`Outcome::not_on_register`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome(OutcomeCode);

impl Outcome {
    /// The child is on no register asked: only against proof.
    pub fn not_on_register(proof: CompleteAnswer) -> Self {
        let CompleteAnswer { regions: _, as_of: _ } = proof;
        Self(OutcomeCode::NotOnRegister)
    }

    /// The code.
    pub const fn code(self) -> OutcomeCode {
        self.0
    }

    /// The code as text.
    pub const fn as_str(self) -> &'static str {
        self.0.as_str()
    }
}

impl From<Outcome> for OutcomeCode {
    fn from(outcome: Outcome) -> Self {
        outcome.0
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::search_set::{Member, Search};
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Found {
        person: u32,
        grade: Grade,
        status: MatchStatus,
        bits: f64,
    }

    impl Finding for Found {
        fn grade(&self) -> Grade {
            self.grade
        }

        fn status(&self) -> MatchStatus {
            self.status
        }

        fn bits(&self) -> f64 {
            self.bits
        }

        fn is_same_person_as(&self, other: &Self) -> bool {
            self.person == other.person
        }
    }

    fn found(person: u32, grade: Grade, bits: f64) -> Found {
        Found { person, grade, status: MatchStatus::Registered, bits }
    }

    fn region(text: &str) -> RegionCode {
        text.parse().unwrap()
    }

    fn member(text: &str, standing: Standing) -> Member {
        Member { region: region(text), standing }
    }

    fn answered(findings: Vec<Found>) -> Reply<Found> {
        Reply::Answered(Answer { as_of: DateTime::from_timestamp(1_800_000_000, 0).unwrap(), findings })
    }

    /// A coverage of regions `a`, `b`, `c` … with these replies; `None` is a region that has not replied.
    fn coverage(replies: Vec<Option<Reply<Found>>>) -> Coverage<Found> {
        let codes: Vec<RegionCode> = (0..replies.len()).map(|place| region(&format!("r{place}"))).collect();
        let set = SearchSet::restore(codes.iter().map(|code| (code.clone(), Standing::Active))).unwrap();
        let mut coverage = Coverage::begin(set);
        for (code, reply) in codes.iter().zip(replies) {
            if let Some(reply) = reply {
                coverage.record(code, reply, 5).unwrap();
            }
        }
        coverage
    }

    fn judged(replies: Vec<Option<Reply<Found>>>) -> OutcomeCode {
        coverage(replies).judge().code()
    }

    #[test]
    fn absence_needs_every_region_of_the_set() {
        let nothing = || Some(answered(vec![]));
        assert_eq!(judged(vec![nothing()]), OutcomeCode::NotOnRegister);
        assert_eq!(judged(vec![nothing(), nothing(), nothing()]), OutcomeCode::NotOnRegister);
        for silence in [None, Some(Reply::TimedOut), Some(Reply::Unreachable), Some(Reply::Refused), Some(Reply::Invalid)] {
            assert_eq!(judged(vec![nothing(), silence.clone()]), OutcomeCode::Indeterminate, "{silence:?}");
            assert_eq!(judged(vec![silence.clone()]), OutcomeCode::Indeterminate, "{silence:?}");
        }
    }

    #[test]
    fn anything_found_wins_over_silence() {
        let certain = || Some(answered(vec![found(1, Grade::Certain, 20.0)]));
        let possible = || Some(answered(vec![found(1, Grade::Possible, -2.0)]));
        assert_eq!(judged(vec![certain(), None]), OutcomeCode::OnRegister);
        assert_eq!(judged(vec![possible(), Some(Reply::Unreachable)]), OutcomeCode::PossibleMatch);
    }

    #[test]
    fn the_grade_of_the_best_current_match_decides() {
        let table = [
            (Grade::Certain, OutcomeCode::OnRegister),
            (Grade::Probable, OutcomeCode::OnRegister),
            (Grade::Possible, OutcomeCode::PossibleMatch),
        ];
        for (grade, expected) in table {
            assert_eq!(judged(vec![Some(answered(vec![found(1, grade, 4.0)]))]), expected, "{grade}");
        }
    }

    #[test]
    fn two_people_close_together_are_a_possible_match() {
        let table = [
            (2, Grade::Certain, 17.1, OutcomeCode::PossibleMatch),
            (2, Grade::Certain, 17.0, OutcomeCode::OnRegister),
            (2, Grade::Probable, 20.0, OutcomeCode::PossibleMatch),
            (2, Grade::Possible, 25.0, OutcomeCode::PossibleMatch),
            (2, Grade::Possible, f64::NAN, OutcomeCode::PossibleMatch),
            // The same person in two authorities is no rival.
            (1, Grade::Certain, 19.0, OutcomeCode::OnRegister),
        ];
        for (person, grade, bits, expected) in table {
            let replies = vec![Some(answered(vec![found(1, Grade::Certain, 20.0)])), Some(answered(vec![found(person, grade, bits)]))];
            assert_eq!(judged(replies), expected, "{person} {grade} {bits}");
        }
    }

    #[test]
    fn a_former_entry_never_changes_the_outcome() {
        let former = |grade, bits| Found { status: MatchStatus::PreviouslyRegistered, ..found(2, grade, bits) };
        assert_eq!(judged(vec![Some(answered(vec![former(Grade::Certain, 30.0)]))]), OutcomeCode::NotOnRegister);
        assert_eq!(judged(vec![Some(answered(vec![former(Grade::Certain, 30.0)])), None]), OutcomeCode::Indeterminate);
        assert_eq!(
            judged(vec![Some(answered(vec![former(Grade::Certain, 30.0), found(1, Grade::Probable, 29.0)]))]),
            OutcomeCode::OnRegister
        );
        for status in MatchStatus::ALL {
            let replies = vec![Some(answered(vec![Found { status, ..found(1, Grade::Possible, 0.0) }]))];
            assert_eq!(judged(replies) == OutcomeCode::NotOnRegister, !status.is_current(), "{status}");
        }
    }

    #[test]
    fn a_suspended_member_is_refused_and_prevents_absence() {
        let members = [member("gwent", Standing::Active), member("north-wales", Standing::Suspended)];
        let gwent = region("gwent");
        let set = SearchSet::choose(&Search::Federation, &gwent, &members).unwrap();
        assert_eq!(set.to_ask().collect::<Vec<_>>(), [&gwent]);
        let mut coverage = Coverage::begin(set);
        coverage.record(&gwent, answered(vec![]), 5).unwrap();
        assert_eq!(coverage.record(&region("north-wales"), answered(vec![]), 5), Err(CoverageError::Suspended));
        assert_eq!(coverage.judge().code(), OutcomeCode::Indeterminate);
        let statuses: Vec<_> = coverage.rows().map(|row| (row.region.as_str(), row.status)).collect();
        assert_eq!(statuses, [("gwent", CoverageStatus::Answered), ("north-wales", CoverageStatus::Refused)]);
        assert_eq!(coverage.silent().count(), 0);
    }

    #[test]
    fn an_answer_stands_and_a_failure_may_be_mended() {
        let mut coverage = coverage(vec![Some(Reply::TimedOut), Some(answered(vec![]))]);
        assert_eq!(coverage.silent().map(RegionCode::as_str).collect::<Vec<_>>(), ["r0"]);
        assert_eq!(coverage.record(&region("r1"), Reply::TimedOut, 5), Err(CoverageError::AlreadyAnswered));
        assert_eq!(coverage.record(&region("r2"), answered(vec![]), 5), Err(CoverageError::NotAsked));
        coverage.record(&region("r0"), answered(vec![]), 5).unwrap();
        assert_eq!(coverage.judge().code(), OutcomeCode::NotOnRegister);
        assert_eq!(coverage.prove_absence().map(|proof| proof.regions()), Ok(2));
    }

    fn a_reply() -> impl Strategy<Value = Option<Reply<Found>>> {
        let a_finding = (0_u32..4, 0_usize..3, 0_usize..5, -4.0_f64..40.0).prop_map(|(person, grade, status, bits)| Found {
            person,
            grade: Grade::ALL[grade],
            status: MatchStatus::ALL[status],
            bits,
        });
        prop_oneof![
            4 => prop::collection::vec(a_finding, 0..3).prop_map(|findings| Some(answered(findings))),
            1 => Just(None),
            1 => Just(Some(Reply::TimedOut)),
            1 => Just(Some(Reply::Unreachable)),
            1 => Just(Some(Reply::Refused)),
            1 => Just(Some(Reply::Invalid)),
        ]
    }

    proptest! {
        #[test]
        fn the_rule_that_may_never_break(replies in prop::collection::vec(a_reply(), 1..6)) {
            let all_answered = replies.iter().all(|reply| matches!(reply, Some(Reply::Answered(_))));
            let current_found = replies.iter().flatten().any(|reply| {
                matches!(reply, Reply::Answered(answer) if answer.findings.iter().any(|finding| finding.status.is_current()))
            });
            let coverage = coverage(replies);
            let code = coverage.judge().code();
            prop_assert_eq!(code == OutcomeCode::NotOnRegister, all_answered && !current_found);
            prop_assert_eq!(code == OutcomeCode::Indeterminate, !all_answered && !current_found);
            prop_assert_eq!(coverage.prove_absence().is_ok(), code == OutcomeCode::NotOnRegister);
            prop_assert_eq!(coverage.rows().count(), coverage.set().regions().count());
        }
    }
}
