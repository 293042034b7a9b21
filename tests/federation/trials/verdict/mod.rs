//! Healing, and what must hold then: of every child, of every message, of every notice.

pub mod alerts;
pub mod moves;

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cofrestr::register::keys::{KeyFolder, PublicKey};
use cofrestr::store::note;
use cofrestr::store::verify::{Means, walk};
use serde_json::Value;

use self::moves::Custodies;
use super::watch::{ask, ask_for_nobody, examine, named, told};
use super::world::World;

/// How long everything may take to arrive once nothing is in its way: the longest pause before a message is sent again is five
/// minutes, but a region that answers again is told at once.
const HEALED_WITHIN: Duration = Duration::from_secs(360);

/// How often nothing may be found to wait before it counts as nothing: what is between two registers stands in neither.
const QUIET: usize = 3;

/// Waits until every message has arrived, and everything that was reported has been told.
pub fn heal(world: &World) {
    let begun = Instant::now();
    let mut quiet = 0;
    loop {
        let count = |sql: &str| -> i64 { world.places.iter().map(|place| place.database.number(sql)).sum() };
        let reports = count("SELECT count(*) AS n FROM alert_report WHERE NOT is_taken");
        let waiting = count("SELECT count(*) AS n FROM custody_outbox WHERE state = 'waiting'");
        quiet = if reports + waiting == 0 { quiet + 1 } else { 0 };
        if quiet == QUIET {
            return;
        }
        // People go on asking: so each region notices that the others answer again.
        for place in 0..world.places.len() {
            ask_for_nobody(world, place);
        }
        assert!(begun.elapsed() < HEALED_WITHIN, "{waiting} messages do not arrive, {reports} reports are not told: {}", stuck(world));
        sleep(Duration::from_millis(200));
    }
}

fn stuck(world: &World) -> String {
    let sql = "SELECT kind || ' to ' || region || ' after ' || CAST(attempts AS TEXT) || ': ' || COALESCE(problem, '-') AS value
               FROM custody_outbox WHERE state = 'waiting' ORDER BY attempts DESC";
    let all: Vec<String> = world.places.iter().flat_map(|place| place.database.texts(sql)).collect();
    all.into_iter().take(10).collect::<Vec<_>>().join("; ")
}

/// Everything that must hold whatever people did.
pub fn judge(world: &World) {
    each_message_once(world);
    each_child_is_found(world, &moves::custodies(world));
    alerts::each_is_told_of(world);
}

/// What is in one and not, or otherwise, in the other.
fn differing(one: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>) -> Vec<String> {
    let differs = one.iter().filter(|(what, count)| other.get(*what) != Some(*count));
    differs.map(|(what, count)| format!("{count} × {what}")).collect()
}

/// What was said has arrived, was taken in once, and nothing else was.
fn each_message_once(world: &World) {
    let mut sent: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for place in &world.places {
        for row in place.database.texts("SELECT CAST(id AS TEXT) || ' ' || region || ' ' || state || ' ' || kind || ' ' || COALESCE(problem, '-') AS value FROM custody_outbox") {
            let parts: Vec<&str> = row.split(' ').collect();
            assert_eq!(parts[2], "delivered", "a message is {row}");
            let to = world.places.iter().find(|place| place.code == parts[1]).expect("a region");
            sent.entry(to.code).or_default().insert((place.code.to_owned(), parts[0].to_owned()));
            world.count("messages");
        }
    }
    for place in &world.places {
        let taken = place.database.texts("SELECT sender || ' ' || CAST(message_id AS TEXT) AS value FROM custody_inbox");
        let taken: BTreeSet<_> =
            taken.iter().map(|row| row.split_once(' ').expect("two")).map(|(sender, id)| (sender.to_owned(), id.to_owned())).collect();
        assert_eq!(sent.remove(place.code).unwrap_or_default(), taken, "what was said to {} is not what it took in", place.code);
        let mut effects: BTreeMap<String, u64> = BTreeMap::new();
        for entry in place.database.audit() {
            let record: Value = serde_json::from_str(&entry.record).expect("a record");
            let pairs: Vec<(String, String)> = serde_json::from_value(record["detail"].clone()).expect("details");
            let detail: BTreeMap<&str, &str> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            if detail.get("status") == Some(&"came-before") {
                world.count("messages that came again and changed nothing");
            } else if let (Some(id), "granted") = (detail.get("message"), entry.outcome.as_str()) {
                *effects.entry((*id).to_owned()).or_default() += 1;
            }
        }
        for (_, id) in taken {
            assert_eq!(effects.get(&id), Some(&1), "message {id} took effect at {} some other number of times", place.code);
        }
    }
}

/// Every child is found, from every region, under the one authority that leads.
fn each_child_is_found(world: &World, custodies: &Custodies) {
    let mut leaders: BTreeMap<(usize, &str), &str> = BTreeMap::new();
    for held in custodies.values() {
        let leader = held.iter().find(|held| held.custody.standing.leads().is_some()).expect("one leads").custody.me.as_str();
        for held in held {
            leaders.extend(held.child.as_deref().map(|child| ((held.place, child), leader)));
        }
    }
    for (number, child) in world.known().iter().enumerate() {
        let (begun, place) = (Instant::now(), number % world.places.len());
        let known = child.sought.as_ref().map(|sought| sought.words()).unwrap_or_default();
        let answer = loop {
            let answer = ask(world, place, child, 5_000, "federation").expect("an answer");
            // A region may still rest from having been asked in vain.
            if answer["coverage"].as_array().expect("coverage").iter().all(|row| row["status"] == "answered") {
                break answer;
            }
            assert!(begun.elapsed() < HEALED_WITHIN, "a region stays silent: {}", answer["coverage"]);
            sleep(Duration::from_millis(100));
        };
        examine(&answer);
        if let Some(sought) = &child.sought {
            sought.examine(&known, place, false, &answer);
        }
        let leader = leaders.get(&(child.at.place, child.id.as_str())).copied().unwrap_or(child.at.authority);
        assert_eq!(named(&answer), BTreeSet::from([leader.to_owned()]), "child {}: {}", child.id, told(&answer));
        world.count("checks after healing");
    }
}

/// The audit log of each region verifies, and no process panicked. The processes have ended.
pub fn logs(world: &World) {
    for place in 0..world.places.len() {
        let region = world.region(place);
        assert!(!region.program.printed().contains("panicked"), "a process panicked:\n{}", region.program.printed());
        let keys = KeyFolder::new(region.program.folder().join("keys")).public_keys().expect("keys");
        let keys: Vec<_> = keys.log.iter().filter_map(PublicKey::bytes).collect();
        let mut means = Means { origin: Some(note::origin(region.code)), keys: &keys, held: &[], progress: &mut |_, _| {} };
        let walk = walk(&region.database.parsed(), &mut means).expect("a readable audit log");
        assert_eq!(walk.fault, None, "the audit log of {} verifies", region.code);
    }
}
