//! Invented histories for the tests of returns.

use chrono::{Days, NaiveDate};
use proptest::prelude::*;

use super::{Entry, History, Referral};
use crate::domain::category::{Category, CategorySet};
use crate::domain::dates::BirthDate;
use crate::domain::registration::{Period, RemovalGround};
use crate::domain::sex::Sex;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An entry that a conference of its first day decided.
pub fn entry(started_on: &str, ended_on: Option<&str>, categories: &[Category]) -> Entry {
    let started_on = day(started_on);
    Entry {
        period: Period { started_on, ended_on: ended_on.map(day) },
        categories: vec![(started_on, CategorySet::new(categories.iter().copied()).unwrap())],
        ground: ended_on.map(|_| RemovalGround::ReviewConferenceDecision),
        reviews: Vec::new(),
        previous_plans: 0,
        legal_status: None,
        referral: Some(Referral { on: started_on - Days::new(30), source: "1D".parse().unwrap(), primary_need: "N1".parse().unwrap() }),
        enquiry: Some((started_on - Days::new(14), None)),
        conference_on: Some(started_on),
    }
}

/// A child without entries.
pub fn history(id: &str, authority: &str, born: Option<&str>, sex: Sex) -> History {
    History {
        id: id.parse().unwrap(),
        authority: authority.parse().unwrap(),
        sex,
        birth: born.map(|born| BirthDate::Exact(born.parse().unwrap())),
        died_on: None,
        upn: None,
        upn_unknown: None,
        ethnicity: Some("WBRI".parse().unwrap()),
        disabilities: Some([].into()),
        entries: Vec::new(),
    }
}

/// In Newport or not, sex, age in days, start in days, length in days, categories as bits.
type Child = (bool, usize, u64, u64, Option<u64>, usize);

/// Children of two Gwent authorities, each with an entry around the year to March 2026.
pub fn histories() -> impl Strategy<Value = Vec<History>> {
    let one = (any::<bool>(), 0..4_usize, 0_u64..6_500, 0_u64..1_400, proptest::option::of(1_u64..900), 1_usize..32);
    proptest::collection::vec(one, 0..40).prop_map(|children| {
        let made = |(index, child): (usize, Child)| {
            let (newport, sex, age, start, length, categories) = child;
            let started_on = day("2022-06-01") + Days::new(start);
            let chosen: Vec<Category> = Category::ALL
                .into_iter()
                .enumerate()
                .filter(|(bit, _)| categories & (1 << bit) != 0)
                .map(|(_, category)| category)
                .collect();
            let mut one = entry("2025-01-01", None, &chosen);
            one.period = Period { started_on, ended_on: length.map(|length| started_on + Days::new(length)) };
            one.categories[0].0 = started_on;
            let authority = if newport { "W06000022" } else { "W06000021" };
            let mut child = history(&format!("C{index}"), authority, None, Sex::ALL[sex]);
            let born = day("2026-06-01") - Days::new(age);
            child.birth = Some(BirthDate::Exact(born.to_string().parse().unwrap()));
            child.entries = vec![one];
            child
        };
        children.into_iter().enumerate().map(made).collect()
    })
}
