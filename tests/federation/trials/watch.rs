//! Asking about the children all the time: a child who is on a register is never told to be on none, an answer never names two
//! authorities, and whoever asks about a child who is sought is told so, in every region that has heard of it, until it is over there.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::support::nobody;
use super::Dice;
use super::world::{Known, World};
use crate::support::tokens::Caller;

/// Asks until the trials are over.
pub fn watch(world: &World, dice: &mut Dice) {
    while !world.is_over() {
        sleep(Duration::from_millis(dice.random_range(10..120)));
        let Some(child) = world.somebody(dice) else { continue };
        let place = dice.random_range(0..world.places.len());
        let before = child.sought.as_ref().map(|sought| sought.words()).unwrap_or_default();
        // What a region shows by itself is seen when it is asked alone.
        let search = if before.is_empty() || dice.random_bool(0.6) { "federation" } else { "own-region" };
        if let Some(answer) = ask(world, place, &child, 800, search) {
            world.count(&format!("checks meanwhile, {search}: {}", answer["outcome"].as_str().unwrap_or("?")));
            if search == "federation" {
                examine(&answer);
            }
            if let Some(sought) = &child.sought
                && sought.examine(&before, place, search == "own-region", &answer) > 0
            {
                world.count(&format!("checks meanwhile, {search}, that told of an alert"));
            }
        }
    }
}

/// Asks the `federation`, or the `own-region` alone, about a child; nothing when the region is away.
pub fn ask(world: &World, place: usize, child: &Known, deadline_ms: u64, search: &str) -> Option<Value> {
    let caller = world.person(place, Caller::health());
    let question = json!({
        "reason": "hospital-attendance",
        "deadlineMs": deadline_ms,
        "search": search,
        "child": {"names": [{"given": child.given, "family": child.family}], "dateOfBirth": child.born, "nhsNumber": child.nhs},
    });
    let key = Uuid::now_v7().to_string();
    let answer = world.try_send(place, &Method::POST, "/v1/checks", Some(&caller), Some((&question, &key))).ok()?;
    Some(answer.expect(201).json())
}

/// Asks about somebody who is on no register.
pub fn ask_for_nobody(world: &World, place: usize) {
    let caller = world.person(place, Caller::health());
    let key = Uuid::now_v7().to_string();
    let _ = world.try_send(place, &Method::POST, "/v1/checks", Some(&caller), Some((&nobody(), &key)));
}

/// The authorities that an answer names as responsible for this very child. Another one may look like them: a possible match.
pub fn named(answer: &Value) -> BTreeSet<String> {
    let matches = answer["matches"].as_array().expect("matches");
    let current = matches.iter().filter(|found| found["status"] != "previously-registered" && found["grade"] == "certain");
    current.map(|found| found["authority"]["code"].as_str().expect("an authority").to_owned()).collect()
}

/// What must hold of every answer, whoever is away.
pub fn examine(answer: &Value) {
    let coverage = answer["coverage"].as_array().expect("coverage");
    let complete = coverage.iter().all(|row| row["status"] == "answered");
    match answer["outcome"].as_str().expect("an outcome") {
        "on-register" => assert_eq!(named(answer).len(), 1, "not one responsible authority: {}", told(answer)),
        "indeterminate" => assert!(!complete, "all answered, and nobody knows: {}", told(answer)),
        _ => panic!("a child on the register is not told to be: {}", told(answer)),
    }
}

/// What matters of an answer, for whoever has to find out what went wrong.
pub fn told(answer: &Value) -> String {
    let of = |found: &Value| json!({"status": found["status"], "authority": found["authority"]["code"], "grade": found["grade"], "score": found["score"]});
    let matches: Vec<Value> = answer["matches"].as_array().expect("matches").iter().map(of).collect();
    json!({"outcome": answer["outcome"], "askedAt": answer["askedAt"], "matches": matches, "coverage": answer["coverage"]}).to_string()
}
