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

#[cfg(test)]
mod tests {
    use super::super::compare::{Field, Qualifier, Register};
    use super::super::keys::Keyer;
    use super::super::person::{Birth, NameKind, Person, PersonAddress, PersonCarer, PersonName, Sex};
    use super::*;

    /// `given|family|birth|sex|number|address|postcode|mother`; a family name after `=` is a former one.
    fn person(text: &str) -> Person {
        let cells: Vec<&str> = text.split('|').chain(std::iter::repeat("")).take(8).collect();
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let (family, former) = cells[1].split_once('=').unwrap_or((cells[1], ""));
        let mut names = vec![PersonName { given: some(cells[0]), middle: None, family: some(family), kind: NameKind::Current }];
        if !former.is_empty() {
            names.push(PersonName { given: some(cells[0]), middle: None, family: some(former), kind: NameKind::Former });
        }
        let birth = cells[2].strip_prefix('e').map_or_else(|| Birth::from_text(cells[2]), |day| Birth::Expected(day.parse().unwrap()));
        let mother = cells[7].split_once(' ').unwrap_or(("", ""));
        Person {
            names,
            birth,
            sex: match cells[3] {
                "F" => Sex::Female,
                "M" => Sex::Male,
                _ => Sex::Unknown,
            },
            nhs_numbers: some(cells[4]).into_iter().collect(),
            addresses: vec![PersonAddress {
                lines: some(cells[5]).into_iter().collect(),
                postcode: some(cells[6]),
                current: true,
                hidden: false,
            }],
            carers: vec![PersonCarer { given: some(mother.0), family: some(mother.1), is_mother: true, hidden: false }],
        }
    }

    fn ask(question: &str, register: &[&str]) -> Ranking<usize> {
        let query = Query::new(&person(question));
        let keyer = Keyer::new([1; 16]);
        let context = Context::new(&query, &keyer, Register::of_children(3000), |_| 3);
        let records: Vec<_> = register.iter().enumerate().map(|(id, text)| (id, None, Record::new(&person(text)))).collect();
        rank(&query, &records, &context)
    }

    const SIAN: &str = "Siân|Evans|2015-03-04|F|9434765919|12 Heol y Bont, Caerdydd|CF10 3AT|Mair Evans";

    #[test]
    fn grades() {
        use Grade::{Certain, Possible, Probable};
        let table = [
            (SIAN, Some(Certain)),
            ("Sian|Evans|2015-03-04", Some(Certain)),
            ("Shan|Evans|2015-04-03|F", Some(Certain)),
            ("Shan|Ifans|2015-04-03|F", Some(Probable)),
            ("Evans|Siân|2015-03-04|F", Some(Certain)),
            ("|||F|943 476 5919", Some(Probable)),
            ("Siân|Evans|2015|F||12 Heol y Bont|CF10 3AT", Some(Probable)),
            // A brother, a twin and a half-sister, who are on no register.
            ("Rhodri|Evans|2017-09-28|M||12 Heol y Bont, Caerdydd|CF10 3AT|Mair Evans", Some(Possible)),
            ("Rhodri|Evans|2015-03-04|||12 Heol y Bont, Caerdydd|CF10 3AT|Mair Evans", Some(Possible)),
            // The number of somebody else.
            ("Piotr|Nowak|2011-12-24|M|9434765919", Some(Possible)),
            // Strangers.
            ("Piotr|Nowak|2011-12-24|M", None),
            ("Siân|Kowalska|2011-12-24|F", None),
        ];
        for (question, grade) in table {
            let ranking = ask(question, &[SIAN]);
            assert_eq!(ranking.candidates.first().map(|candidate| candidate.grade), grade, "{question}");
            assert_eq!(ranking.verdict == Verdict::None, grade.is_none(), "{question}");
        }
    }

    #[test]
    fn a_sibling_is_labelled_and_below_half() {
        let ranking = ask("Rhodri|Evans|2015-03-04|||12 Heol y Bont, Caerdydd|CF10 3AT|Mair Evans", &[SIAN]);
        let twin = &ranking.candidates[0];
        assert_eq!(twin.flags, [Flag::PossibleSiblingOrTwin]);
        assert!(twin.score < 0.5);
        let ranking = ask("Piotr|Nowak|2011-12-24|M|9434765919", &[SIAN]);
        assert_eq!(ranking.candidates[0].flags, [Flag::IdentifierConflict]);
    }

    #[test]
    fn among_people_of_all_ages_a_home_makes_up_for_a_forename() {
        let query = Query::new(&person("Rhodri|Evans|2015-03-04|||12 Heol y Bont, Caerdydd|CF10 3AT"));
        let keyer = Keyer::new([1; 16]);
        let context = Context::new(&query, &keyer, Register::of_all_ages(3000, 100), |_| 3);
        let ranking = rank(&query, &[(0, None, Record::new(&person(SIAN)))], &context);
        assert_eq!(ranking.candidates[0].grade, Grade::Probable);
    }

    #[test]
    fn two_persons_close_together_are_ambiguous_unless_they_are_one() {
        let question = "Siân|Evans|2015-03-04|F";
        let ranking = ask(question, &[SIAN, "Siân|Evans|2015-03-04|F|||NP20 1AA"]);
        assert_eq!((ranking.verdict, ranking.candidates[0].grade), (Verdict::Ambiguous, Grade::Probable));
        let query = Query::new(&person(question));
        let keyer = Keyer::new([1; 16]);
        let context = Context::new(&query, &keyer, Register::of_children(3000), |_| 3);
        let mut ranker = Ranker::new(&query, &context);
        ranker.consider("cardiff", Some(7), &Record::new(&person(SIAN)));
        ranker.consider_encoded("gwent", Some(7), &Record::new(&person(SIAN)).encode()).unwrap();
        let ranking = ranker.finish();
        assert_eq!((ranking.verdict, ranking.candidates[1].grade), (Verdict::Match, Grade::Certain));
    }

    #[test]
    fn the_twin_who_is_meant_comes_first() {
        let twin = "Carys|Evans|2015-03-04|F||12 Heol y Bont, Caerdydd|CF10 3AT|Mair Evans";
        let ranking = ask("Carys|Evans|2015-03-04|F||12 Heol y Bont, Caerdydd|CF10 3AT", &[SIAN, twin]);
        assert_eq!((ranking.verdict, ranking.candidates[0].id, ranking.candidates[1].grade), (Verdict::Match, 1, Grade::Possible));
    }

    #[test]
    fn an_unborn_child_is_found_by_the_mother() {
        let unborn = "Baby|Evans|e2024-06-01|||||Mair Evans";
        for (question, found) in [
            ("||e2024-06-10|||||Mair Evans", true),
            ("||e2024-06-01||||CF10 3AT|Mari Evens", true),
            ("Non|Evans|2024-05-28|F||||Mair Evans", true),
            ("||e2024-06-01|||||Agnieszka Nowak", false),
        ] {
            assert_eq!(ask(question, &[unborn]).verdict != Verdict::None, found, "{question}");
        }
        // Her elder child is not the one expected.
        let ranking = ask("||e2024-06-01|||||Mair Evans", &[SIAN]);
        assert!(ranking.candidates.iter().all(|candidate| candidate.grade == Grade::Possible));
    }

    #[test]
    fn reasons_are_codes() {
        let ranking = ask("Sian|Price|2015-03-14|F|||CF10 3AX", &["Siân|Evans=Price|2015-03-04|F|||CF10 3AT"]);
        let reasons = &ranking.candidates[0].reasons;
        let level = |field: Field| reasons.iter().find(|reason| reason.field == field).map(|reason| (reason.level, reason.qualifier));
        assert_eq!(level(Field::GivenName), Some((Level::Exact, None)));
        assert_eq!(level(Field::FamilyName), Some((Level::Exact, Some(Qualifier::Alias))));
        assert_eq!(level(Field::BirthDate), Some((Level::OneDigit, None)));
        assert_eq!(level(Field::Postcode), Some((Level::OneDigit, None)));
        let sum: f32 = reasons.iter().map(|reason| reason.bits).sum();
        assert!((f64::from(sum) - 3000f64.log2() + w::ON_REGISTER - ranking.candidates[0].log_odds).abs() < 0.01);
        let json = serde_json::to_string(&reasons[0]).unwrap();
        assert!(json.starts_with(r#"{"field":"given-name","level":"exact","bits":"#), "{json}");
    }
}
