//! Grades and the verdict.

use super::compare::{Comparison, Context, Level, Reason, compare};
use super::record::{DecodeError, Query, Record};
use super::weights as w;
use serde::{Deserialize, Serialize};

/// How sure a candidate is, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// May be the child; a person must decide.
    Possible,
    /// More likely the child than not.
    Probable,
    /// The child, 99 in 100, and nobody else near.
    Certain,
}

/// What a candidate must be labelled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Family name, birth date or home agree but the forename does not.
    PossibleSiblingOrTwin,
    /// The number says one thing, name or birth date another.
    IdentifierConflict,
}

/// What the search found as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The best candidate is certain or probable, and alone.
    Match,
    /// Two different persons stand too near to each other.
    Ambiguous,
    /// The best candidate is only possible.
    Possible,
    /// Nobody is above the threshold.
    None,
}

/// One person who may be meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate<Id> {
    /// Whose record.
    pub id: Id,
    /// How sure.
    pub grade: Grade,
    /// Posterior probability, 0–1.
    pub score: f64,
    /// Posterior log-odds, bits.
    pub log_odds: f64,
    /// The evidence, field by field: codes only.
    pub reasons: Vec<Reason>,
    /// Labels.
    pub flags: Vec<Flag>,
}

/// The answer to a question, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking<Id> {
    /// What was found as a whole.
    pub verdict: Verdict,
    /// At most [`w::SHOWN`], those of one person counting separately.
    pub candidates: Vec<Candidate<Id>>,
}

/// Weighs candidates one by one and keeps the best.
pub struct Ranker<'a, Id> {
    query: &'a Query,
    context: &'a Context,
    scratch: Record,
    near: Vec<Near<Id>>,
}

struct Near<Id> {
    id: Id,
    person: Option<u64>,
    comparison: Comparison,
}

impl<'a, Id: Clone + Ord> Ranker<'a, Id> {
    /// For one question.
    #[must_use]
    pub fn new(query: &'a Query, context: &'a Context) -> Self {
        Self { query, context, scratch: Record::default(), near: Vec::new() }
    }

    /// Weighs an encoded record and answers how it compares. Entries with the same `person` are one person and no rivals of each other.
    ///
    /// # Errors
    /// As [`Record::decode`].
    pub fn consider_encoded(&mut self, id: Id, person: Option<u64>, bytes: &[u8]) -> Result<Comparison, DecodeError> {
        self.scratch.decode_from(bytes)?;
        let comparison = compare(self.query, &self.scratch, self.context);
        self.keep(id, person, comparison);
        Ok(comparison)
    }

    /// Weighs a record.
    pub fn consider(&mut self, id: Id, person: Option<u64>, record: &Record) {
        let comparison = compare(self.query, record, self.context);
        self.keep(id, person, comparison);
    }

    fn keep(&mut self, id: Id, person: Option<u64>, comparison: Comparison) {
        // Below the threshold a candidate matters only as a rival.
        if f64::from(comparison.log_odds) >= w::POSSIBLE - w::LEAD {
            self.near.push(Near { id, person, comparison });
        }
    }

    /// Grades what was kept.
    #[must_use]
    pub fn finish(mut self) -> Ranking<Id> {
        self.near.sort_by(|a, b| {
            let (a_is, b_is) = (&a.comparison, &b.comparison);
            (b_is.log_odds.total_cmp(&a_is.log_odds)).then(b_is.unheld.total_cmp(&a_is.unheld)).then_with(|| a.id.cmp(&b.id))
        });
        let rival_of = |near: &Near<Id>| {
            self.near
                .iter()
                .filter(|other| other.id != near.id && (near.person.is_none() || other.person != near.person))
                .map(|other| f64::from(other.comparison.log_odds))
                .fold(f64::NEG_INFINITY, f64::max)
        };
        let mut candidates = Vec::new();
        let mut verdict = Verdict::None;
        for (place, near) in self.near.iter().enumerate().take(w::SHOWN) {
            let Some(mut grade) = alone(&near.comparison) else { break };
            let log_odds = f64::from(near.comparison.log_odds);
            let clear = log_odds - rival_of(near) >= w::LEAD;
            if grade == Grade::Certain && !clear {
                grade = Grade::Probable;
            }
            if place == 0 {
                verdict = match (grade, clear) {
                    (Grade::Possible, _) => Verdict::Possible,
                    (_, false) => Verdict::Ambiguous,
                    (_, true) => Verdict::Match,
                };
            }
            let mut flags = Vec::new();
            if near.comparison.identifier_conflict() || (near.comparison.identifier.level == Level::Differs && grade >= Grade::Probable) {
                flags.push(Flag::IdentifierConflict);
            } else if near.comparison.forename_contradicted() {
                flags.push(Flag::PossibleSiblingOrTwin);
            }
            candidates.push(Candidate {
                id: near.id.clone(),
                grade,
                score: near.comparison.score(),
                log_odds,
                reasons: near.comparison.reasons(),
                flags,
            });
        }
        Ranking { verdict, candidates }
    }
}

/// The grade of a comparison if no other candidate stood near; none below the threshold.
pub(super) fn alone(comparison: &Comparison) -> Option<Grade> {
    let log_odds = f64::from(comparison.log_odds);
    if log_odds < w::POSSIBLE {
        None
    } else if log_odds < w::PROBABLE {
        Some(Grade::Possible)
    } else if log_odds >= w::CERTAIN
        && comparison.forename_agrees()
        && comparison.identifier.level != Level::Differs
        && (comparison.identifier.level == Level::Exact || comparison.birth_agrees())
    {
        Some(Grade::Certain)
    } else {
        Some(Grade::Probable)
    }
}

/// Weighs and grades all candidates at once; the second of each is the person, where several entries may be of one.
#[must_use]
pub fn rank<Id: Clone + Ord>(query: &Query, candidates: &[(Id, Option<u64>, Record)], context: &Context) -> Ranking<Id> {
    let mut ranker = Ranker::new(query, context);
    for (id, person, record) in candidates {
        ranker.consider(id.clone(), *person, record);
    }
    ranker.finish()
}
