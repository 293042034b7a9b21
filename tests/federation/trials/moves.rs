//! The trial of a move: a child is registered, and people at both ends take whichever steps they may, and now and then one that
//! they may not.

use std::thread::sleep;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use super::world::{At, World};
use super::{Dice, child, chosen};
use crate::support::http::Answer;
use crate::support::people::{Conference, full};

/// Steps that people try about one move.
const STEPS: usize = 80;
/// How long people care about one move; what is open then stays open.
const CARE: Duration = Duration::from_secs(40);
/// A move takes longer than asking all regions does, as moves do: who asks meanwhile must not miss the child at both ends.
const LEAST: Duration = Duration::from_millis(2_500);

const PAPERS: [&str; 4] = ["chronology", "assessment", "conference-minutes", "plan"];
const WITHDRAWALS: [&str; 4] = ["mistake", "not-moving", "came-back", "moved-on"];
const REFUSALS: [&str; 3] = ["not-resident", "other-authority", "temporary"];
/// Every step, with how gladly it is taken when it may be.
const STEP_WEIGHTS: [(&str, u32); 11] = [
    ("notify", 40),
    ("papers", 10),
    ("withdraw", 1),
    ("acknowledge", 40),
    ("agree", 60),
    ("return", 3),
    ("book-conference", 30),
    ("hold-conference", 80),
    ("accept", 100),
    ("refuse", 1),
    ("dispute", 3),
];

pub fn live(world: &World, dice: &mut Dice, number: u64) {
    let child = child::enter(world, dice, number, None);
    let (mut at, mut record) = (child.at, child.id);
    for _ in 0..dice.random_range(1..=3) {
        let to = World::another(dice, Some(at));
        let Some(path) = begin(world, dice, &record, at, to) else { break };
        match follow(world, dice, at, to, path) {
            Ended::Passed(there) => (at, record) = (to, there),
            Ended::Stays => {}
            Ended::LeftOpen => break,
        }
    }
}

/// Has people at both ends of a move take their steps until it has ended, or they no longer care.
pub fn follow(world: &World, dice: &mut Dice, from: At, to: At, path: String) -> Ended {
    Walk { world, from, to, path, conference: None, begun: Instant::now() }.go(dice)
}

/// Begins a move, when the register lets it.
pub fn begin(world: &World, dice: &mut Dice, child: &str, from: At, to: At) -> Option<String> {
    let entry = child::entry_of(world, child, from)?;
    let mut body = json!({"registrationId": entry, "to": to.authority});
    let nature = *["permanent", "permanent", "permanent", "permanent", "not-said", "long-stay", ""].choose(dice).expect("one");
    if !nature.is_empty() {
        body["nature"] = json!(nature);
    }
    let answer = world.post(from.place, "/v1/transfers", &body);
    match answer.status {
        201 => {
            let within = if from.place == to.place { "within a region" } else { "between regions" };
            world.count(&format!("moves begun {within}"));
            Some(answer.header("location").expect("a location").to_owned())
        }
        409 | 422 => {
            world.count(&format!("moves not begun: {}", why(&answer)));
            None
        }
        _ => panic!("a move is answered {}: {}", answer.status, answer.body),
    }
}

/// Why something was refused.
pub fn why(answer: &Answer) -> String {
    let code = answer.at("/errors/0/code");
    code.as_str().map_or_else(|| answer.text("/code"), str::to_owned)
}

/// What has come of a move.
pub enum Ended {
    /// Custody has passed; the child's record there.
    Passed(String),
    /// It has ended otherwise.
    Stays,
    LeftOpen,
}

struct Walk<'w> {
    world: &'w World,
    from: At,
    to: At,
    path: String,
    /// The transfer-in conference that was held.
    conference: Option<String>,
    begun: Instant,
}

impl Walk<'_> {
    fn go(&mut self, dice: &mut Dice) -> Ended {
        for _ in 0..STEPS {
            if self.world.has_failed() || self.begun.elapsed() > CARE {
                break;
            }
            let at = if dice.random_bool(0.35) { self.from } else { self.to };
            let seen = self.world.get(at.place, &self.path);
            if seen.status == 404 {
                assert!(at.place == self.to.place && at.place != self.from.place, "the origin has lost a move: {}", seen.body);
                sleep(Duration::from_millis(dice.random_range(100..400)));
                continue;
            }
            let seen = seen.expect(200);
            if at == self.from
                && !["expected", "notified"].contains(&seen.text("/status").as_str())
                && let Some(ended) = self.ended(&seen)
            {
                return ended;
            }
            self.step(dice, at, &seen);
        }
        self.world.count("moves left open");
        Ended::LeftOpen
    }

    fn ended(&self, seen: &Answer) -> Option<Ended> {
        match seen.text("/status").as_str() {
            "closed" => {
                self.world.count("moves closed");
                let there = self.world.get(self.to.place, &self.path).expect(200).text("/childId");
                Some(Ended::Passed(there))
            }
            status @ ("refused" | "not-registered" | "withdrawn") => {
                self.world.count(&format!("moves {status}"));
                Some(Ended::Stays)
            }
            _ => None,
        }
    }

    /// Somebody at an authority does something that is possible there, or tries something else.
    fn step(&mut self, dice: &mut Dice, at: At, seen: &Answer) {
        let possible = seen.list("/possible");
        let here: Vec<&str> =
            possible.iter().filter(|turn| turn["authority"] == at.authority).filter_map(|turn| turn["action"].as_str()).collect();
        let Some(action) = chosen(dice, &STEP_WEIGHTS, &here) else { return };
        let Some(body) = self.body(dice, action, at, seen) else { return };
        let answer = self.world.post(at.place, &format!("{}/{action}", self.path), &body);
        match answer.status {
            200 => self.world.count(&format!("moves: step {action}")),
            409 => self.world.count(&format!("moves: step refused: {}", why(&answer))),
            422 => self.world.count(&format!("moves: step not understood: {}", why(&answer))),
            _ => panic!("{action} at {} is answered {}: {}", at.authority, answer.status, answer.body),
        }
    }

    /// What is said with a step; nothing when it cannot be taken yet.
    fn body(&mut self, dice: &mut Dice, action: &str, at: At, seen: &Answer) -> Option<Value> {
        let some = |dice: &mut Dice| -> Vec<&str> {
            let wanted = dice.random_range(1..=PAPERS.len());
            PAPERS.sample(dice, wanted).copied().collect()
        };
        Some(match action {
            "notify" => json!({"nature": "permanent"}),
            "papers" => json!({"papers": some(dice)}),
            "return" => json!({"missing": some(dice)}),
            "withdraw" => json!({"reason": WITHDRAWALS.choose(dice)}),
            "refuse" => json!({"reason": REFUSALS.choose(dice)}),
            "agree" if dice.random_bool(0.04) => json!({"nature": "temporary"}),
            "agree" => json!({"nature": "permanent", "practitioner": "Elin Gwynne"}),
            "book-conference" => json!({"on": (self.world.today(at.place) + TimeDelta::days(7)).to_string()}),
            "hold-conference" => json!({"conferenceId": self.held(dice, seen)?}),
            "accept" => {
                sleep(LEAST.saturating_sub(self.begun.elapsed()));
                json!({"note": "Accepted in writing"})
            }
            "dispute" => json!({"note": "The school has had the child since Monday"}),
            _ => json!({}),
        })
    }

    /// The conference of the receiver: held when it has not been.
    fn held(&mut self, dice: &mut Dice, seen: &Answer) -> Option<String> {
        if self.conference.is_some() {
            return self.conference.clone();
        }
        let seen = if self.from.place == self.to.place { seen.clone() } else { self.world.get(self.to.place, &self.path) };
        if seen.status != 200 {
            return None;
        }
        let on = self.world.today(self.to.place).to_string();
        let registers = dice.random_bool(0.88);
        let (decision, more) = if registers {
            ("registered", full(json!(["neglect"])))
        } else {
            ("not-registered", json!({"reasons": "Safe where they are now"}))
        };
        let held = Conference::of(self.to.authority, "transfer-in", &on).decides(&seen.text("/childId"), decision, more);
        let answer = self.world.post(self.to.place, "/v1/conferences", &held.0);
        if answer.status == 201 {
            self.world.count("conferences held");
            self.conference = Some(answer.text("/id"));
            return self.conference.clone();
        }
        assert!([409, 422].contains(&answer.status), "a conference is answered {}: {}", answer.status, answer.body);
        self.world.count(&format!("conferences refused: {}", why(&answer)));
        // On the next working day it can be held: no entry ends on the day on which it began (invariant I8).
        self.world.next_day(self.to.place);
        sleep(Duration::from_millis(dice.random_range(50..300)));
        None
    }
}
