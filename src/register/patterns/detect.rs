//! Which checks look like fishing. Pure: what the questions have in common comes as keyed hashes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Fishing;
use crate::matching::Likeness;
use crate::store::types::Id;

crate::domain::coded::closed_set! {
    /// What looks like fishing.
    pub enum Pattern {
        /// Many differently named children under one case reference.
        ManyChildrenInOneCase = "many-children-in-one-case",
        /// Many differently named children with one family name, asked by one person.
        NameSweep = "name-sweep",
        /// Many dates of birth with the same name, asked by one person.
        DateSweep = "date-sweep",
        /// The enquirer's own family name, and it is a rare one.
        OwnName = "own-name",
        /// The enquirer's own postcode.
        OwnAddress = "own-address",
        /// Outside office hours, by somebody who keeps them, and nothing was done afterwards.
        OutOfHours = "out-of-hours-without-follow-up",
        /// More checks in an hour than the custodian is to be told of.
        ManyChecks = "many-checks",
    }
}

/// A check, as it is looked at.
#[derive(Debug, Clone)]
pub struct Look {
    /// The check.
    pub id: Id,
    /// When it was asked, by the clock on the wall.
    pub at: DateTime<Utc>,
    /// Who asked.
    pub person: String,
    /// For which organisation.
    pub organisation: Option<String>,
    /// Under which case reference.
    pub case_reference: Option<String>,
    /// Whose custodian would hear of it.
    pub work_list: String,
    /// Whether it has the enquirer's own family name, and a rare one.
    pub own_name: bool,
    /// Whether it has the enquirer's own postcode.
    pub own_address: bool,
    /// Whether it was asked outside the office hours that the enquirer keeps.
    pub out_of_hours: bool,
    /// What the question has in common with others.
    pub likeness: Likeness,
}

/// Something that a custodian is to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub pattern: Pattern,
    /// How many children, names, dates or checks.
    pub count: usize,
    /// The checks.
    pub evidence: Vec<Id>,
}

/// Checks that are evidence already, each for a pattern.
pub type Used = HashSet<(Pattern, Id)>;

/// How many times more than chance would bring makes many people of a common name suspicious.
const ABOVE_CHANCE: f64 = 3.0;

fn finding(pattern: Pattern, count: usize, checks: &[&Look]) -> Finding {
    Finding { pattern, count, evidence: checks.iter().map(|look| look.id).collect() }
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<BTreeSet<_>>().len()
}

/// The checks in groups; those that are evidence for the pattern already are left out.
fn groups<'a, K: Ord>(looks: &'a [Look], used: &Used, pattern: Pattern, key: impl Fn(&'a Look) -> Option<K>) -> BTreeMap<K, Vec<&'a Look>> {
    let mut groups: BTreeMap<K, Vec<&Look>> = BTreeMap::new();
    for look in looks.iter().filter(|look| !used.contains(&(pattern, look.id))) {
        if let Some(key) = key(look) {
            groups.entry(key).or_default().push(look);
        }
    }
    groups
}

/// Everything but checks out of hours, which need to know what was done afterwards. `looks` are of one window.
pub fn findings(looks: &[Look], used: &Used, fishing: &Fishing, noted_per_hour: usize) -> Vec<Finding> {
    let mut found = many_children_in_one_case(looks, used, fishing.children_in_one_case);
    found.extend(name_sweeps(looks, used, fishing.names_in_a_sweep));
    found.extend(date_sweeps(looks, used, fishing.dates_in_a_sweep));
    for (pattern, is_own) in
        [(Pattern::OwnName, (|look: &Look| look.own_name) as fn(&Look) -> bool), (Pattern::OwnAddress, |look| look.own_address)]
    {
        let own = groups(looks, used, pattern, |look| is_own(look).then_some(&look.person));
        found.extend(own.values().map(|checks| finding(pattern, checks.len(), checks)));
    }
    found.extend(many_checks(looks, used, noted_per_hour));
    found
}

fn many_children_in_one_case(looks: &[Look], used: &Used, threshold: usize) -> Vec<Finding> {
    let pattern = Pattern::ManyChildrenInOneCase;
    let key = |look: &Look| {
        let asker = look.organisation.clone().unwrap_or_else(|| look.person.clone());
        look.case_reference.as_ref().map(|case| (asker, case.trim().to_lowercase()))
    };
    let cases = groups(looks, used, pattern, key);
    cases
        .values()
        .map(|checks| finding(pattern, distinct(checks.iter().map(|look| look.likeness.child)), checks))
        .filter(|found| found.count >= threshold)
        .collect()
}

fn name_sweeps(looks: &[Look], used: &Used, threshold: usize) -> Vec<Finding> {
    let pattern = Pattern::NameSweep;
    let mut found = Vec::new();
    for checks in groups(looks, used, pattern, |look| Some(&look.person)).values() {
        let total = distinct(checks.iter().map(|look| (look.likeness.name, look.likeness.child)));
        let mut families: BTreeMap<i64, (f32, Vec<&Look>)> = BTreeMap::new();
        for look in checks {
            for (family, national) in &look.likeness.families {
                let (known, bearers) = families.entry(*family).or_insert((*national, Vec::new()));
                *known = known.max(*national);
                bearers.push(look);
            }
        }
        for (national, bearers) in families.into_values() {
            let count = distinct(bearers.iter().map(|look| look.likeness.child));
            let by_chance = total as f64 * f64::from(national).exp2();
            if count as f64 >= threshold as f64 + ABOVE_CHANCE * by_chance.floor() {
                found.push(finding(pattern, count, &bearers));
            }
        }
    }
    found
}

fn date_sweeps(looks: &[Look], used: &Used, threshold: usize) -> Vec<Finding> {
    let pattern = Pattern::DateSweep;
    let key = |look: &Look| look.likeness.name.zip(look.likeness.birth).map(|(name, _)| (look.person.clone(), name));
    let names = groups(looks, used, pattern, key);
    names
        .values()
        .map(|checks| finding(pattern, distinct(checks.iter().map(|look| look.likeness.birth)), checks))
        .filter(|found| found.count >= threshold)
        .collect()
}

/// More than `noted` checks by one person within sixty minutes; all of those sixty minutes are the evidence.
fn many_checks(looks: &[Look], used: &Used, noted: usize) -> Vec<Finding> {
    let pattern = Pattern::ManyChecks;
    let mut found = Vec::new();
    for mut checks in groups(looks, used, pattern, |look| Some(&look.person)).into_values() {
        checks.sort_by_key(|look| look.at);
        let hour = |first: &Look| first.at + TimeDelta::hours(1);
        let busiest = checks.windows(noted + 1).position(|run| run.last().is_some_and(|last| last.at <= hour(run[0])));
        if let Some(from) = busiest {
            let until = hour(checks[from]);
            let run: Vec<&Look> = checks[from..].iter().take_while(|look| look.at <= until).copied().collect();
            found.push(finding(pattern, run.len(), &run));
        }
    }
    found
}

/// The checks out of hours of each person, so far as nobody asked about the same case in office hours afterwards: those of which
/// it remains to be seen whether their enquirer did anything else.
pub fn out_of_hours<'a>(looks: &'a [Look], used: &Used, until: DateTime<Utc>, follow_up: TimeDelta) -> Vec<Vec<&'a Look>> {
    let mut in_hours: BTreeMap<&str, Vec<&Look>> = BTreeMap::new();
    for look in looks.iter().filter(|look| !look.out_of_hours) {
        if let Some(case) = &look.case_reference {
            in_hours.entry(case).or_default().push(look);
        }
    }
    let followed = |look: &Look| {
        let of_case = look.case_reference.as_ref().and_then(|case| in_hours.get(case.as_str()));
        of_case.into_iter().flatten().any(|later| {
            later.at > look.at
                && later.at <= look.at + follow_up
                && (later.organisation == look.organisation || later.person == look.person)
        })
    };
    let key = |look: &'a Look| (look.out_of_hours && look.at <= until).then_some(&look.person);
    let mut people: Vec<Vec<&Look>> = groups(looks, used, Pattern::OutOfHours, key).into_values().collect();
    for checks in &mut people {
        checks.retain(|look| !followed(look));
    }
    people
}

/// The finding that checks out of hours had no follow-up.
pub fn without_follow_up(checks: &[&Look], threshold: usize) -> Option<Finding> {
    (checks.len() >= threshold).then(|| finding(Pattern::OutOfHours, checks.len(), checks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, DEMO};

    fn fishing() -> Fishing {
        let more = "[region]\ncode = \"gwent\"\n[[issuers]]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"k\"\n";
        Config::from_text(&format!("{DEMO}\n{more}")).unwrap().fishing
    }

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    /// A check by `person` about child number `child` of family number `family`, which a share of 2^`national` bears.
    fn look(person: &str, minutes: i64, child: i64, family: i64, national: f32) -> Look {
        Look {
            id: Id(uuid::Uuid::now_v7()),
            at: at(minutes),
            person: person.into(),
            organisation: Some("hospital".into()),
            case_reference: None,
            work_list: "gwent".into(),
            own_name: false,
            own_address: false,
            out_of_hours: false,
            likeness: Likeness { child, families: vec![(family, national)], name: Some(1000 * family + child), birth: Some(1) },
        }
    }

    fn found(looks: &[Look], noted: usize) -> Vec<(Pattern, usize)> {
        findings(looks, &Used::new(), &fishing(), noted).into_iter().map(|found| (found.pattern, found.count)).collect()
    }

    #[test]
    fn a_case_of_a_family_is_innocent_and_a_case_of_a_class_is_not() {
        let case = |children: i64, times: i64| -> Vec<Look> {
            let one = |n| Look { case_reference: Some("C-1".into()), ..look("ann", n, n % children, n % children, -12.0) };
            (0..times).map(one).collect()
        };
        assert_eq!(found(&case(7, 20), 30), []);
        assert_eq!(found(&case(8, 8), 30), [(Pattern::ManyChildrenInOneCase, 8)]);
        let mut elsewhere = case(8, 8);
        elsewhere[0].organisation = Some("police".into());
        assert_eq!(found(&elsewhere, 30), [], "the same text of another organisation is another case");
    }

    #[test]
    fn a_rare_family_name_is_swept_sooner_than_a_common_one() {
        let sweep = |names: i64, national: f32, others: i64| -> Vec<Look> {
            let swept = (0..names).map(|n| look("ann", n, n, 1, national));
            swept.chain((0..others).map(|n| look("ann", n, n, 2 + n, -12.0))).collect()
        };
        assert_eq!(found(&sweep(7, -12.0, 0), 1000), []);
        assert_eq!(found(&sweep(8, -12.0, 0), 1000), [(Pattern::NameSweep, 8)]);
        assert_eq!(found(&sweep(8, -4.3, 152), 1000), [], "eight Joneses among 160 children are to be expected");
        assert_eq!(found(&sweep(60, -4.3, 100), 1000), [(Pattern::NameSweep, 60)]);
        let two: Vec<Look> = (0..8).map(|n| look(if n % 2 == 0 { "ann" } else { "ben" }, n, n, 1, -12.0)).collect();
        assert_eq!(found(&two, 1000), [], "two people with four each");
    }

    #[test]
    fn running_dates_of_birth_are_a_sweep_and_a_misread_one_is_not() {
        let dates = |dates: i64| -> Vec<Look> {
            let one = |n| {
                let mut look = look("ann", n, 1, 1, -12.0);
                look.likeness.birth = Some(n);
                look
            };
            (0..dates).map(one).collect()
        };
        assert_eq!(found(&dates(5), 30), []);
        assert_eq!(found(&dates(6), 30), [(Pattern::DateSweep, 6)]);
        let mut undated = dates(6);
        undated[0].likeness.birth = None;
        assert_eq!(found(&undated, 30), []);
    }

    #[test]
    fn many_checks_are_those_within_sixty_minutes() {
        let spread = |minutes: i64| -> Vec<Look> { (0..4).map(|n| look("ann", n * minutes, 1, 1, -12.0)).collect() };
        assert_eq!(found(&spread(20), 3), [(Pattern::ManyChecks, 4)]);
        assert_eq!(found(&spread(21), 3), []);
        assert_eq!(found(&spread(20), 4), []);
    }

    #[test]
    fn what_is_evidence_already_is_not_counted_again() {
        let looks: Vec<Look> = (0..9).map(|n| look("ann", n, n, 1, -12.0)).collect();
        let first = findings(&looks, &Used::new(), &fishing(), 1000);
        let used: Used = first.iter().flat_map(|found| found.evidence.iter().map(|id| (found.pattern, *id))).collect();
        assert_eq!((first.len(), used.len()), (1, 9));
        assert_eq!(findings(&looks, &used, &fishing(), 1000), []);
    }

    #[test]
    fn a_night_check_is_followed_by_asking_about_the_case_in_office_hours() {
        let night =
            |n, case: Option<&str>| Look { out_of_hours: true, case_reference: case.map(str::to_owned), ..look("ann", n, 1, 1, -12.0) };
        let later = |n, case: &str| Look { person: "ben".into(), case_reference: Some(case.into()), ..look("ann", n, 1, 1, -12.0) };
        let day = TimeDelta::hours(24);
        let open = |looks: &[Look]| out_of_hours(looks, &Used::new(), at(60), day).iter().map(Vec::len).sum::<usize>();
        assert_eq!(open(&[night(0, Some("C")), night(1, None), night(61, Some("C"))]), 2, "the last may still be followed up");
        assert_eq!(open(&[night(0, Some("C")), night(1, None), later(300, "C")]), 1);
        assert_eq!(open(&[night(0, Some("C")), later(300, "D")]), 1);
        assert_eq!(open(&[night(0, Some("C")), later(1441, "C")]), 1, "too late");
        assert!(without_follow_up(&[&night(0, None), &night(1, None)], 3).is_none());
    }
}
