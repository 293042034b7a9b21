//! The register and what is asked of it: invented children, and questions about them with the faults that enquirers make.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;
use chrono::NaiveDate;
use cofrestr::invent::{
    DevelopmentSet, InventedChild, Particulars, Query, SetSize, development_set, write_import, write_queries, write_register,
};
use cofrestr::matching::{self, Birth, Person, PersonAddress, PersonName, enough_to_search};
use serde_json::{Map, Value, json};

use super::load::{Asked, Truth};

/// The authorities of the region in which the children are entered.
const AUTHORITIES: [&str; 5] = ["W06000018", "W06000019", "W06000020", "W06000021", "W06000022"];
/// What is written differently, guessed or wrong in a question. A question without any of these is not asked here.
const FAULTS: [&str; 3] = ["given-", "family-", "birth-"];
/// So many questions are drawn for each child of the register, of which those with a fault are asked.
const DRAWN: usize = 1;

/// A register and what is asked of it.
#[derive(Debug)]
pub struct Register {
    children: Vec<InventedChild>,
    /// Misspelt questions about children who are on it.
    pub questions: Vec<Asked>,
}

impl Register {
    /// Invents a register of this size, the same every time.
    pub fn invent(size: usize) -> Self {
        let on_register = (size * DRAWN).max(20_000);
        let size = SetSize { register: size, on_register, off_register: 0, siblings: 0 };
        let day = NaiveDate::from_ymd_opt(2026, 11, 17).unwrap_or_default();
        let DevelopmentSet { register: mut children, real, .. } = development_set(size, 20_261_122, day);
        for (place, child) in children.iter_mut().enumerate() {
            child.authority = AUTHORITIES[place % AUTHORITIES.len()].to_owned();
        }
        let truths = truths(&children);
        let misspelt = |query: &&Query| query.slices.iter().any(|slice| FAULTS.iter().any(|fault| slice.starts_with(fault)));
        // A slip of the pen may name a day that has not come; whoever hears that looks again.
        let today = day.to_string();
        let has_come = |query: &&Query| query.asked.date_of_birth <= today;
        let questions = real.iter().filter(misspelt).filter(has_come).filter_map(|query| question(query, &truths)).collect();
        Self { children, questions }
    }

    /// Writes it for `cofrestr import`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(write_import(&self.children, std::fs::File::create(path)?)?)
    }

    /// Given name, family name and date of birth of everybody who has all three, as the plain services look them up.
    pub fn plainly(&self) -> Vec<(String, String, String)> {
        self.children
            .iter()
            .map(Particulars::on_register)
            .filter(|child| !child.given.is_empty() && !child.family.is_empty() && child.date_of_birth.len() == 10)
            .map(|child| (child.given, child.family, child.date_of_birth))
            .collect()
    }
}

/// Writes a development set for `cofrestr match-report`: `register.csv`, `real.csv`, `hard.csv` and `siblings.csv`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_sets(folder: &Path, register: usize) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let size = SetSize { register, on_register: 5_000, off_register: 5_000, siblings: 1_500 };
    let day = NaiveDate::from_ymd_opt(2026, 11, 17).unwrap_or_default();
    let set = development_set(size, 7, day);
    let file = |name: &str| std::fs::File::create(folder.join(name));
    write_register(&set.register, file("register.csv")?)?;
    for (name, queries) in [("real.csv", &set.real), ("hard.csv", &set.hard), ("siblings.csv", &set.siblings)] {
        write_queries(queries, file(name)?)?;
    }
    Ok(())
}

/// What is right about everybody whom the import enters as registered now.
fn truths(children: &[InventedChild]) -> HashMap<&str, Truth> {
    children
        .iter()
        .filter_map(|child| {
            let entry = child.registration.as_ref().filter(|entry| entry.removal.is_none() && entry.home_authority.is_none())?;
            Some((child.key.as_str(), Truth { authority: child.authority.clone(), registered_on: entry.registered_on.to_string() }))
        })
        .collect()
}

/// The question, when there is enough in it to search on.
fn question(query: &Query, truths: &HashMap<&str, Truth>) -> Option<Asked> {
    let Particulars {
        given,
        middle,
        family,
        alias_given,
        alias_family,
        date_of_birth,
        sex,
        nhs_number,
        address,
        postcode,
        mother_given,
        mother_family,
        expected_delivery_date,
        ..
    } = &query.asked;
    let mut child = Map::new();
    let names: Vec<Value> = [(given, middle, family), (alias_given, &String::new(), alias_family)]
        .into_iter()
        .filter(|(given, _, family)| !given.is_empty() || !family.is_empty())
        .map(|(given, middle, family)| json!({"given": given, "middle": middle, "family": family}))
        .collect();
    if !names.is_empty() {
        child.insert("names".into(), names.into());
    }
    let number: String = nhs_number.chars().filter(char::is_ascii_digit).collect();
    let plain = [("dateOfBirth", date_of_birth), ("sex", sex), ("expectedDeliveryDate", expected_delivery_date)];
    for (name, text) in plain.into_iter().filter(|(_, text)| !text.is_empty()) {
        child.insert(name.into(), text.as_str().into());
    }
    if is_a_number(&number) {
        child.insert("nhsNumber".into(), number.into());
    }
    let lines: Vec<&str> = address.split(", ").filter(|line| !line.is_empty()).collect();
    let mut place = Map::new();
    if !lines.is_empty() {
        place.insert("lines".into(), lines.into());
    }
    if !postcode.is_empty() {
        place.insert("postcode".into(), postcode.as_str().into());
    }
    if !place.is_empty() {
        child.insert("addresses".into(), json!([place]));
    }
    if !mother_given.is_empty() && !mother_family.is_empty() {
        child.insert("mother".into(), json!({"given": mother_given, "family": mother_family}));
    }
    let body = json!({"reason": "hospital-attendance", "search": "own-region", "child": child}).to_string();
    is_enough(&query.asked).then(|| Asked { body, truth: truths.get(query.truth.as_str()).cloned() })
}

/// Whether the matcher has enough to search on: whoever hears that there is too little finds out more.
fn is_enough(asked: &Particulars) -> bool {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let number: String = asked.nhs_number.chars().filter(char::is_ascii_digit).collect();
    let person = Person {
        names: vec![PersonName { given: text(&asked.given), family: text(&asked.family), ..PersonName::default() }],
        birth: Birth::from_text(&asked.date_of_birth),
        sex: cofrestr::register::matcher::sex(&asked.sex),
        nhs_numbers: Some(number).filter(|number| is_a_number(number)).into_iter().collect(),
        addresses: vec![PersonAddress { postcode: text(&asked.postcode), ..PersonAddress::default() }],
        ..Person::default()
    };
    enough_to_search(&matching::Query::new(&person)).is_ok()
}

/// Whether the check digit is right: a wrong one is refused over HTTP, and whoever reads it out looks again.
fn is_a_number(digits: &str) -> bool {
    digits.len() == 10 && cofrestr::invent::modulus_11_check_digit(&digits[..9]).is_some_and(|check| digits.ends_with(&check.to_string()))
}
