//! What the people of a trial know of the alerts for a child, and what checks must show and must not show of them at every moment.
//!
//! A step is noted before it is sent: from then on it may have been taken, whether an answer comes or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// What is known of one alert.
#[derive(Debug, Clone, Default)]
pub struct Word {
    /// Its path; empty until it is raised.
    pub path: String,
    /// Stands in every version of its instructions, and in those of no other alert.
    pub token: String,
    /// The instructions in force.
    pub instructions: String,
    pub is_exercise: bool,
    /// The other regions to which it goes.
    pub audience: BTreeSet<usize>,
    pub may_be_circulated: bool,
    pub was_circulated: bool,
    pub may_be_closed: bool,
    pub was_closed: bool,
    /// Custody of the child may have passed on since it was raised: then another region owns it, and it goes to all others.
    pub may_have_moved: bool,
    /// Regions whose register has said that it is active, and that it is closed.
    pub active_at: BTreeSet<usize>,
    pub closed_at: BTreeSet<usize>,
    /// By its words, every sighting that was reported, and whether the register has said that it has it.
    pub sightings: BTreeMap<String, bool>,
    /// The checks that told of it while it was open: somebody asked about the child.
    pub asked: BTreeSet<String>,
}

/// The alerts for one child, oldest first.
#[derive(Debug, Default)]
pub struct Sought(Mutex<Vec<Word>>);

impl Sought {
    pub fn words(&self) -> Vec<Word> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes another alert.
    pub fn add(&self, word: Word) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(word);
    }

    /// Notes something of the latest one.
    pub fn note<T>(&self, change: impl FnOnce(&mut Word) -> T) -> T {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).last_mut().expect("an alert"))
    }

    /// Custody of the child may pass on from now on: with all of them.
    pub fn may_move(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().for_each(|word| word.may_have_moved = true);
    }

    pub fn last(&self) -> Word {
        self.note(|word| word.clone())
    }

    /// Looks whether an answer tells of what it must tell of, and of nothing else. `before` is what was known when it was asked.
    /// Answers how many alerts it told of.
    pub fn examine(&self, before: &[Word], place: usize, is_own_region: bool, answer: &Value) -> usize {
        let told = told(answer);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, word) in all.iter_mut().enumerate() {
            let is_told = told.iter().any(|text| text.contains(&word.token));
            assert!(!is_told || word.may_be_circulated, "an alert is told of that nobody has circulated: {word:?}");
            let Some(before) = before.get(number) else { continue };
            // At the top of an answer stands one alert; of somebody who is like the child a real one comes before an exercise.
            let is_hidden = word.is_exercise && !told.is_empty();
            if before.active_at.contains(&place) && !word.may_be_closed {
                assert!(is_told || is_hidden, "an alert that is open at region {place} is not told of: {word:?} {answer}");
            }
            // Other regions may still tell of it: all to whom it went, and its owner.
            let is_over = |place: &usize| before.closed_at.contains(place);
            let everywhere = before.audience.iter().all(is_over) && before.closed_at.len() > before.audience.len() && !word.may_have_moved;
            if is_over(&place) && (is_own_region || everywhere) {
                assert!(!is_told, "an alert that was stood down at region {place} is told of: {word:?} {answer}");
            }
            if is_told && !word.may_be_closed {
                word.asked.insert(answer["id"].as_str().expect("an id").to_owned());
            }
        }
        told.len()
    }
}

/// The instructions of every alert that an answer tells of.
pub fn told(answer: &Value) -> Vec<&str> {
    let of_matches = answer["matches"].as_array().expect("matches").iter().map(|found| &found["missingAlert"]);
    let all = of_matches.chain([&answer["missingAlert"]]);
    all.filter(|alert| !alert.is_null()).map(|alert| alert["instructions"].as_str().expect("instructions")).collect()
}
