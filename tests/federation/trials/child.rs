//! The child of a trial: on the register of a random authority, and like no other.

use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use rand::seq::IndexedRandom as _;

use super::Dice;
use super::sought::Sought;
use super::world::{At, Known, World};
use crate::support::people::{Child, Entry};

const SYLLABLES: [&str; 24] = [
    "Ser", "Mac", "Ffi", "Osi", "Teg", "Ioa", "Cad", "Emr", "Low", "Geth", "Mal", "Rhod", "Bev", "Tra", "Pry", "Mad", "Gwil", "Par", "Tud",
    "Bow", "Mer", "How", "Lly", "Dwy",
];

/// A test number with its check digit: a different one for each trial.
fn nhs_number(number: u64) -> String {
    let mut nth = 0;
    for base in 999_200_000_u64.. {
        let digits: Vec<u64> = base.to_string().bytes().map(|byte| u64::from(byte - b'0')).collect();
        let sum: u64 = digits.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
        let check = (11 - sum % 11) % 11;
        if check == 10 {
            continue;
        }
        if nth == number {
            return format!("{base}{check}");
        }
        nth += 1;
    }
    unreachable!("there are enough numbers")
}

/// Enters the child of a trial.
pub fn enter(world: &World, dice: &mut Dice, number: u64, sought: Option<Arc<Sought>>) -> Known {
    let at = World::another(dice, None);
    let name = |dice: &mut Dice| (0..3).map(|_| *SYLLABLES.choose(dice).expect("one")).collect::<String>();
    let (given, family) = (name(dice), name(dice));
    let days = i64::try_from(number * 37 % 3_000).expect("a day");
    let born = (NaiveDate::from_ymd_opt(2014, 1, 1).expect("a day") + TimeDelta::days(days)).to_string();
    let nhs = nhs_number(number);
    let child = Child::named(&given, &family).born(&born).sex("female").nhs(&nhs).of(at.authority);
    let id = world.post(at.place, "/v1/children", &child.0).expect(201).text("/id");
    world.post(at.place, "/v1/registrations", &Entry::of(at.authority).child(&id).0).expect(201);
    let known = Known { given, family, born, nhs, at, id, sought };
    world.add(known.clone());
    known
}

/// The child's latest entry at an authority, as its database has it.
pub fn entry_of(world: &World, child: &str, at: At) -> Option<String> {
    let sql = format!(
        "SELECT CAST(id AS TEXT) AS value FROM registration WHERE CAST(child_id AS TEXT) = '{child}' AND authority = '{}' ORDER BY id DESC",
        at.authority
    );
    world.places[at.place].database.texts(&sql).into_iter().next()
}
