//! The trial of a missing child: an alert is raised and circulated, and people in every region take whichever steps they may, and now
//! and then one that they may not. Some children are found in another area, and move there; of some, custody passes on while they are
//! sought; some go missing again.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::moves::{self, Ended, why};
use super::sought::{Sought, Word};
use super::world::{At, World};
use super::{Dice, child, chosen};
use crate::support::http::Answer;

/// Steps that people try about one alert.
const STEPS: usize = 70;
/// How long people care about one alert; what is open then stays open.
const CARE: Duration = Duration::from_secs(30);

const PATHS: [&str; 2] = ["child-missing", "family-not-where-expected"];
const RISKS: [&str; 3] = ["high", "medium", "low"];
/// Every step, with how gladly it is taken when it may be.
const STEP_WEIGHTS: [(&str, u32); 11] = [
    ("authorise", 6),
    ("circulate", 80),
    ("decline", 8),
    ("update", 8),
    ("renew", 8),
    ("locate", 3),
    ("stand-down", 3),
    ("read-sighting", 12),
    ("acknowledge", 40),
    ("search", 5),
    ("sighting", 10),
];

pub fn live(world: &World, dice: &mut Dice, number: u64, may_move: bool) {
    let sought = Arc::new(Sought::default());
    let child = child::enter(world, dice, number, Some(Arc::clone(&sought)));
    let (mut home, mut record) = (child.at, child.id);
    let mut left_open = false;
    for nth in 1..=dice.random_range(1..=2) {
        let token = format!("[alert {number}-{nth}]");
        if !raise(world, dice, &sought, (&record, home), token, left_open) {
            break;
        }
        let moves = may_move && dice.random_bool(0.5);
        let mut search = Search { world, sought: &sought, home, record, may_move, moves, left_open, said: 0, begun: Instant::now() };
        search.go(dice);
        (home, record, left_open) = (search.home, search.record, search.left_open);
        if !sought.last().was_closed {
            world.count("alerts left open");
            break;
        }
    }
}

/// Raises an alert, when the register lets it. Custody may be about to pass on, when a move was left open.
fn raise(world: &World, dice: &mut Dice, sought: &Sought, (child, at): (&str, At), token: String, may_have_moved: bool) -> bool {
    let Some(entry) = child::entry_of(world, child, at) else { return false };
    let is_exercise = dice.random_bool(0.1);
    let instructions = format!("Keep the child with you, and ring us {token}");
    let (path, risk) = (PATHS.choose(dice), RISKS.choose(dice));
    let body = json!({
        "registrationId": entry,
        "path": path,
        "exercise": is_exercise,
        "details": {
            "risk": risk,
            "instructions": instructions,
            "lastSeen": {"at": "2026-11-15T15:40:00Z", "place": "Outside the leisure centre"},
        },
        "note": "The house is empty",
    });
    let answer = world.post(at.place, "/v1/alerts", &body);
    match answer.status {
        201 => {
            let path = answer.header("location").expect("a location").to_owned();
            sought.add(Word { path, token, instructions, is_exercise, may_have_moved, ..Word::default() });
            world.count(if is_exercise { "alerts raised, exercises" } else { "alerts raised" });
            if dice.random_bool(0.1) && !may_have_moved {
                let again = world.post(at.place, "/v1/alerts", &body).problem(409, "out-of-turn");
                assert_eq!(again.text("/errors/0/code"), "already-raised");
                examine_refusal(&again);
            }
            true
        }
        409 | 422 => {
            world.count(&format!("alerts not raised: {}", why(&answer)));
            false
        }
        _ => panic!("an alert is answered {}: {}", answer.status, answer.body),
    }
}

/// Whoever acts out of turn is told what may be done now, where and by whom.
fn examine_refusal(answer: &Answer) {
    let possible = answer.list("/possible");
    let is_told = |turn: &Value| turn["action"].is_string() && turn["authority"].is_string() && turn["roles"].is_array();
    assert!(!possible.is_empty() && possible.iter().all(is_told), "a refusal does not say what may be done: {}", answer.body);
}

struct Search<'w> {
    world: &'w World,
    sought: &'w Sought,
    /// Where custody of the child is, for all that people know.
    home: At,
    /// The child's record there.
    record: String,
    /// Whether the child may be found elsewhere.
    may_move: bool,
    /// Whether the child is to move while they are sought.
    moves: bool,
    /// Whether people have left a move open: it may still come about when messages arrive.
    left_open: bool,
    /// How often something was said in words of its own.
    said: usize,
    begun: Instant,
}

impl Search<'_> {
    fn go(&mut self, dice: &mut Dice) {
        for _ in 0..STEPS {
            if self.world.has_failed() || self.begun.elapsed() > CARE {
                return;
            }
            let place = if dice.random_bool(0.4) { self.home.place } else { dice.random_range(0..self.world.places.len()) };
            let word = self.sought.last();
            let seen = self.world.get(place, &word.path);
            if seen.status == 404 {
                let was_here = word.active_at.contains(&place) || word.closed_at.contains(&place);
                assert!(!was_here, "region {place} has lost an alert: {}", seen.body);
                sleep(Duration::from_millis(dice.random_range(50..200)));
                continue;
            }
            let seen = seen.expect(200);
            self.look(place, &seen);
            if word.was_closed && dice.random_bool(0.2) {
                return;
            }
            if self.moves && word.was_circulated && !word.is_exercise && !word.was_closed && dice.random_bool(0.2) {
                self.moves = false;
                self.pass_on(dice);
                continue;
            }
            self.step(dice, place, &seen);
        }
    }

    /// What is closed stays closed, and nobody closes it but people; what has not been circulated is nobody else's to know.
    fn look(&self, place: usize, seen: &Answer) {
        let status = seen.text("/status");
        let own = seen.at("/own") == json!(true);
        self.sought.note(|word| match status.as_str() {
            "active" => {
                let is_back = word.closed_at.contains(&place);
                assert!(word.may_be_circulated && !is_back, "an alert is active: {word:?} {}", seen.body);
                word.active_at.insert(place);
            }
            "closed" => {
                assert!(word.may_be_closed, "an alert that nobody has closed is closed: {word:?} {}", seen.body);
                word.closed_at.insert(place);
            }
            _ => assert!(own && !word.was_circulated, "an alert is {status}: {word:?} {}", seen.body),
        });
    }

    /// Custody of the child is offered to another authority, and may pass to it.
    fn pass_on(&mut self, dice: &mut Dice) {
        let to = World::another(dice, Some(self.home));
        self.sought.may_move();
        if let Some(path) = moves::begin(self.world, dice, &self.record, self.home, to) {
            self.world.count("alerts for a child who moves");
            self.follow(dice, to, path);
        }
    }

    fn follow(&mut self, dice: &mut Dice, to: At, path: String) {
        // Whoever comes to lead may do so before they have heard that it is over.
        self.sought.may_move();
        match moves::follow(self.world, dice, self.home, to, path) {
            Ended::Passed(there) => (self.home, self.record) = (to, there),
            Ended::LeftOpen => self.left_open = true,
            Ended::Stays => {}
        }
        self.begun = Instant::now();
    }

    /// Somebody of a region does something that is possible there, or tries something else.
    fn step(&mut self, dice: &mut Dice, place: usize, seen: &Answer) {
        let possible = seen.list("/possible");
        let here: Vec<&str> = possible.iter().filter_map(|turn| turn["action"].as_str()).collect();
        let Some(action) = chosen(dice, &STEP_WEIGHTS, &here) else { return };
        match action {
            "sighting" => self.sight(dice, place),
            "acknowledge" if here.contains(&"acknowledge") && dice.random_bool(0.4) => self.confirm(place),
            _ => self.take(dice, place, action, seen),
        }
    }

    fn take(&mut self, dice: &mut Dice, place: usize, action: &str, seen: &Answer) {
        let body = self.body(dice, action, seen);
        self.sought.note(|word| match action {
            "circulate" => {
                let regions = body["regions"].as_array().map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>());
                let others = (0..self.world.places.len()).filter(|other| *other != self.home.place);
                let named = others.filter(|other| regions.as_ref().is_none_or(|all| all.contains(&self.world.places[*other].code)));
                if !word.was_circulated {
                    word.audience = named.collect();
                }
                word.may_be_circulated = true;
            }
            "locate" | "stand-down" => word.may_be_closed = true,
            _ => {}
        });
        let answer = self.world.post(place, &format!("{}/{action}", self.sought.last().path), &body);
        match answer.status {
            200 => {
                self.world.count(&format!("alerts: step {action}"));
                self.taken(dice, place, action, &body, &answer);
            }
            409 | 412 | 422 => {
                self.world.count(&format!("alerts: step refused: {}", why(&answer)));
                if answer.at("/code") == json!("out-of-turn") {
                    examine_refusal(&answer);
                }
                // The first of several attempts may have been taken although nobody heard so; if it was, it is seen.
                let now = self.world.get(place, &self.sought.last().path).expect(200);
                let (status, own) = (now.text("/status"), now.at("/own") == json!(true));
                self.sought.note(|word| {
                    word.was_circulated |= own && status == "active";
                    word.was_closed |= own && status == "closed";
                    word.may_be_closed = word.was_closed || !word.closed_at.is_empty();
                });
            }
            _ => panic!("{action} at region {place} is answered {}: {}", answer.status, answer.body),
        }
    }

    /// What follows from a step that was taken.
    fn taken(&mut self, dice: &mut Dice, place: usize, action: &str, body: &Value, answer: &Answer) {
        self.sought.note(|word| match action {
            "circulate" => word.was_circulated = true,
            "update" => body["details"]["instructions"].as_str().expect("instructions").clone_into(&mut word.instructions),
            "locate" | "stand-down" => word.was_closed = true,
            _ => {}
        });
        if let ("locate", Some(found_in), Some(transfer)) = (action, body["foundIn"].as_str(), answer.at("/transferId").as_str()) {
            self.world.count("alerts: found elsewhere, and a move begun");
            let (to, path) = (World::at(found_in), format!("/v1/transfers/{transfer}"));
            // A move that people had left open may have come about since: whoever may say that the child is found leads now.
            let begun = self.world.get(place, &path).expect(200);
            (self.home, self.record) = (World::at(&begun.text("/from/code")), begun.text("/childId"));
            if to != self.home {
                self.follow(dice, to, path);
            }
        }
    }

    /// What is said with a step.
    fn body(&mut self, dice: &mut Dice, action: &str, seen: &Answer) -> Value {
        match action {
            "circulate" if dice.random_bool(0.15) => {
                let others = self.world.places.iter().enumerate().filter(|(place, _)| *place != self.home.place);
                let one = others.map(|(_, place)| place.code).choose(dice);
                json!({"note": "They are thought to be there", "regions": [one]})
            }
            "circulate" => json!({"note": "Serious harm is likely"}),
            "decline" => json!({"note": "An aunt is being asked first"}),
            "update" => {
                self.said += 1;
                let token = self.sought.last().token;
                json!({"details": {"instructions": format!("Ring us at once: {} times now {token}", self.said)}})
            }
            "locate" => {
                let mut body = json!({"seenBy": "Sister Ruth Adeyemi", "note": "Safe and well"});
                if self.may_move && dice.random_bool(0.6) {
                    body["foundIn"] = json!(World::another(dice, None).authority);
                    if dice.random_bool(0.5) {
                        body["nature"] = json!("permanent");
                    }
                }
                body
            }
            "stand-down" => json!({"reason": if self.sought.last().is_exercise { "exercise-over" } else { "raised-by-mistake" }}),
            "read-sighting" => {
                let unread = seen.list("/reports").into_iter().filter(|report| report["id"].is_string() && report["read"].is_null());
                let one = unread.map(|report| report["id"].clone()).choose(dice);
                json!({"sightingId": one.unwrap_or_else(|| json!(Uuid::now_v7()))})
            }
            _ => json!({}),
        }
    }

    /// Somebody has seen the child. It is said once, and whoever does not hear that it was taken says it again in other words.
    fn sight(&mut self, dice: &mut Dice, place: usize) {
        let word = self.sought.last();
        for _ in 0..5 {
            self.said += 1;
            let note = format!("Seen by the station, {} {}", self.said, word.token);
            let body = json!({"place": "On platform 4", "note": note});
            self.sought.note(|word| word.sightings.insert(note.clone(), false));
            let (path, custodian) = (format!("{}/sighting", word.path), self.world.custodian(place));
            match self.world.try_send(place, &Method::POST, &path, Some(&custodian), Some((&body, "sighting"))) {
                Ok(answer) if answer.status == 412 => self.world.count("alerts: step refused: overtaken"),
                Ok(answer) => {
                    drop(answer.expect(200));
                    self.sought.note(|word| word.sightings.insert(note, true));
                    return self.world.count("alerts: step sighting");
                }
                Err(_) => self.world.count("requests that were not answered"),
            }
            sleep(Duration::from_millis(dice.random_range(50..300)));
        }
    }

    /// Somebody confirms the notice of the alert, and so the alert.
    fn confirm(&self, place: usize) {
        let alert = self.sought.last().path.rsplit('/').next().expect("an identifier").to_owned();
        let sql = format!(
            "SELECT CAST(id AS TEXT) AS value FROM notice WHERE CAST(alert_id AS TEXT) = '{alert}' AND acknowledged_at IS NULL
             AND kind IN ('alert-received', 'alert-exercise') AND to_role = 'custodian'"
        );
        let Some(notice) = self.world.places[place].database.texts(&sql).into_iter().next() else { return };
        let body = json!({"note": "Passed on to both hospitals"});
        let answer = self.world.post(place, &format!("/v1/notices/{notice}/acknowledgement"), &body);
        match answer.status {
            200 => self.world.count("alerts: notices acknowledged"),
            // The first of two attempts was taken, or a newer version has come meanwhile.
            409 | 412 => self.world.count(&format!("alerts: notices not acknowledged: {}", why(&answer))),
            _ => panic!("an acknowledgement is answered {}: {}", answer.status, answer.body),
        }
    }
}
