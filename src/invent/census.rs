//! What a children-in-need census would find recorded of an invented child. Drawn with dice of its own, so that nothing else of
//! the child depends on it.

use chrono::{Duration, NaiveDate};

use super::child::{Birth, InventedChild, weekday};
use super::dice::Dice;

/// What is recorded of a child for the census.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventedCensus {
    /// Ethnicity, a code of the census.
    pub ethnicity: &'static str,
    /// Disabilities, codes of the census; mostly none.
    pub disabilities: Vec<&'static str>,
    /// Why there is no pupil number, for whoever has none.
    pub upn_unknown: Option<&'static str>,
    /// When the child was referred.
    pub referred_on: NaiveDate,
    /// From whom, a code of the census.
    pub referral_source: &'static str,
    /// The primary need, a code of the census.
    pub primary_need: &'static str,
    /// Review conferences that were held.
    pub reviews: Vec<NaiveDate>,
}

const ETHNICITIES: [(&str, u32); 12] = [
    ("WBRI", 60),
    ("APKN", 9),
    ("AIND", 5),
    ("BCRB", 4),
    ("BAFR", 4),
    ("MWBC", 5),
    ("MWAS", 3),
    ("WOTH", 3),
    ("WROM", 1),
    ("ABAN", 2),
    ("OOTH", 2),
    ("NOBT", 2),
];
const SOURCES: [(&str, u32); 8] = [("6", 30), ("2A", 22), ("3E", 8), ("3B", 10), ("5A", 14), ("1A", 8), ("4", 4), ("9", 4)];
const DISABILITIES: [&str; 5] = ["AUT", "LD", "COMM", "BEH", "MOB"];

/// The census items of a child with an entry that a conference decided; `None` for whoever has none. The same child and
/// seed give the same items.
pub fn census(child: &InventedChild, seed: u64, today: NaiveDate) -> Option<InventedCensus> {
    let entry = child.registration.as_ref()?;
    let registered_on = entry.conference_on?;
    let mut dice = Dice::new(seed, &format!("census {}", child.key));
    let mut draw = |list: &[(&'static str, u32)]| {
        let weights: Vec<u32> = list.iter().map(|(_, weight)| *weight).collect();
        list.get(dice.weighted(&weights)).map_or("", |(code, _)| *code)
    };
    let (ethnicity, referral_source) = (draw(&ETHNICITIES), draw(&SOURCES));
    let disabilities =
        if dice.percent(12.0) { DISABILITIES.get(dice.below(DISABILITIES.len())).copied().into_iter().collect() } else { vec![] };
    let unborn = matches!(child.birth, Birth::Expected(_));
    let born = child.birth.earliest();
    let asked = weekday(registered_on - Duration::days(dice.between(16, 40)));
    let until = entry.removal.map_or(today, |removal| removal.on);
    let mut reviews = Vec::new();
    let mut next = weekday(registered_on + Duration::days(dice.between(70, 88)));
    while next < until {
        reviews.push(next);
        next = weekday(next + Duration::days(dice.between(150, 178)));
    }
    Some(InventedCensus {
        ethnicity,
        disabilities,
        upn_unknown: child.upn.is_none().then_some(if unborn || born > today - Duration::days(5 * 365) { "UN1" } else { "UN2" }),
        // A child who was born meanwhile was referred once born.
        referred_on: if unborn { asked } else { asked.max(born).min(registered_on) },
        referral_source,
        primary_need: "N1",
        reviews,
    })
}
