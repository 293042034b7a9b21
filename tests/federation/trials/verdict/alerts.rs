//! What must hold of alerts: somebody owns each, whoever it goes to holds the same of it, everything that was reported is with its
//! owner, people were told once, and each region tells of those that are open and of no other.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::scope;

use cofrestr::domain::custody::alert::{Alert, AlertStatus, Bulletin, Report, ReportKey};
use serde_json::Value;

use super::{differing, moves};
use crate::federation::trials::sought::{Word, told};
use crate::federation::trials::watch::ask;
use crate::federation::trials::world::{Known, World};

/// What a region holds of an alert.
struct Held {
    place: usize,
    authority: String,
    alert: Alert,
    /// What people of the region did about it, in order.
    steps: Vec<String>,
    /// What was reported to it there: the identifier, and the words of a person.
    told: Vec<(String, Option<String>)>,
    /// What is said of the matter.
    details: Value,
}

impl Held {
    fn bulletin(&self) -> &Bulletin {
        self.alert.bulletin.as_ref().unwrap_or_else(|| panic!("alert {} has not arrived at region {}", self.alert.id, self.place))
    }
}

/// By alert: what each region holds of it.
type Alerts = BTreeMap<String, Vec<Held>>;

fn alerts(world: &World) -> Alerts {
    let mut all = Alerts::new();
    for (place, at) in world.places.iter().enumerate() {
        let mut steps: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in at.database.texts("SELECT CAST(alert_id AS TEXT) || ' ' || action AS value FROM alert_step ORDER BY id") {
            let (alert, action) = row.split_once(' ').expect("two parts");
            steps.entry(alert.to_owned()).or_default().push(action.to_owned());
        }
        let mut told: BTreeMap<String, Vec<(String, Option<String>)>> = BTreeMap::new();
        let sql = "SELECT CAST(alert_id AS TEXT) || ' ' || CAST(sighting_id AS TEXT) || ' ' || details AS value FROM alert_report";
        for row in at.database.texts(sql) {
            let [alert, id, details] = row.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("three parts: {row}") };
            let details: Value = serde_json::from_str(details).expect("a report");
            told.entry(alert.to_owned()).or_default().push((id.to_owned(), details["note"].as_str().map(str::to_owned)));
        }
        let mut kept: BTreeMap<String, Value> = BTreeMap::new();
        for row in at.database.texts("SELECT CAST(id AS TEXT) || ' ' || kept AS value FROM alert") {
            let (alert, text) = row.split_once(' ').expect("two parts");
            let value: Value = serde_json::from_str(text).expect("what is kept");
            kept.insert(alert.to_owned(), value["particulars"]["details"].clone());
        }
        for row in at.database.texts("SELECT authority || ' ' || state AS value FROM alert") {
            let (authority, state) = row.split_once(' ').expect("two parts");
            let alert: Alert = serde_json::from_str(state).expect("an alert");
            let id = alert.id.to_string();
            let (steps, told) = (steps.remove(&id).unwrap_or_default(), told.remove(&id).unwrap_or_default());
            let details = kept.remove(&id).expect("what is kept");
            all.entry(id).or_default().push(Held { place, authority: authority.to_owned(), alert, steps, told, details });
        }
    }
    all
}

/// What people know of each alert, by its identifier.
fn words(world: &World) -> BTreeMap<String, Word> {
    let all = world.known().into_iter().filter_map(|child| child.sought).flat_map(|sought| sought.words());
    all.map(|word| (word.path.rsplit('/').next().expect("an identifier").to_owned(), word)).collect()
}

/// Everything that must hold of them, by what the registers hold.
pub fn judge(world: &World) {
    let (alerts, words, leaders) = (alerts(world), words(world), leaders(world));
    assert_eq!(alerts.keys().collect::<Vec<_>>(), words.keys().collect::<Vec<_>>(), "the alerts are not those that were raised");
    for (id, held) in &alerts {
        let owner = owner(id, held);
        if owner.bulletin().status == AlertStatus::Active {
            let leader = leaders[&owner.bulletin().custody.to_string()];
            assert_eq!(owner.place, leader, "alert {id} is owned where nobody leads: {:?}", words[id]);
        }
        everybody_holds_the_same(world, id, held, owner);
        it_stands_as_people_left_it(world, owner, &words[id]);
        what_was_reported_is_with_the_owner(world, held, owner, &words[id]);
    }
    stood_down_once(world, &alerts, &words);
    each_notice_once(world, &alerts, &words);
}

/// Where each custody is led.
fn leaders(world: &World) -> BTreeMap<String, usize> {
    let leads = |held: Vec<moves::Held>| held.into_iter().find(|held| held.custody.standing.leads().is_some()).map(|held| held.place);
    moves::custodies(world).into_iter().filter_map(|(id, held)| Some((id, leads(held)?))).collect()
}

/// One region owns it, under the highest version that anybody knows of.
fn owner<'a>(id: &str, held: &'a [Held]) -> &'a Held {
    let owners: Vec<&Held> = held.iter().filter(|held| held.alert.is_mine()).collect();
    let [owner] = owners[..] else {
        panic!("alert {id} is owned by {:?}", owners.iter().map(|held| (held.place, held.bulletin().version)).collect::<Vec<_>>())
    };
    let highest = held.iter().map(|held| held.bulletin().version).max();
    assert_eq!(Some(owner.bulletin().version), highest, "alert {id} is owned in a version that was overtaken");
    owner
}

/// Every recipient holds what its owner holds, and the owner knows how far each has come; nobody else holds anything.
fn everybody_holds_the_same(world: &World, id: &str, held: &[Held], owner: &Held) {
    for other in held.iter().filter(|held| held.place != owner.place) {
        let Some(recipient) = owner.alert.recipients.iter().find(|(code, _)| code.as_str() == world.places[other.place].code) else {
            panic!("alert {id} is held at region {} to which it does not go", other.place)
        };
        let (there, here) = (&other.alert, recipient.1);
        assert_eq!(other.bulletin(), owner.bulletin(), "alert {id} differs at region {}", other.place);
        if there.is_shown() {
            assert_eq!(other.details, owner.details, "what is said of alert {id} differs at region {}", other.place);
        }
        assert_eq!(here.delivered, Some(owner.bulletin().version), "the owner does not know that alert {id} was delivered");
        assert_eq!(here.acknowledged, there.acknowledged.is_some(), "who has opened alert {id} at region {}", other.place);
        assert_eq!(here.searched, there.searched, "whether alert {id} was searched for at region {}", other.place);
        // Whoever closed it owned it until then, and only whoever holds another region's alert searches for it.
        let closed_it = other.steps.iter().any(|step| ["locate", "stand-down"].contains(&step.as_str()));
        assert!(there.searched.is_some() || closed_it, "nobody has searched for alert {id} at region {}", other.place);
        world.count(if there.acknowledged.is_some() { "alerts: opened by a person in the last version" } else { "alerts: stored only" });
    }
    assert_eq!(held.len(), 1 + owner.alert.recipients.len(), "alert {id} has not come to everybody to whom it goes");
    for held in held {
        assert!(held.alert.due_messages().is_empty(), "something of alert {id} is still to be sent by region {}", held.place);
    }
}

/// What people did has come about; what nobody did has not.
fn it_stands_as_people_left_it(world: &World, owner: &Held, word: &Word) {
    let bulletin = owner.bulletin();
    let went_out = !owner.alert.recipients.is_empty();
    assert!(went_out || !word.was_circulated, "nobody got what was circulated: {word:?}");
    assert!(word.may_be_circulated || !went_out, "somebody got what nobody has circulated: {word:?}");
    if word.was_circulated && !word.may_have_moved {
        let to = |place: &usize| owner.alert.recipients.keys().any(|code| code.as_str() == world.places[*place].code);
        assert!(word.audience.iter().all(to) && owner.alert.recipients.len() == word.audience.len(), "{word:?}");
    }
    let is_closed = bulletin.status == AlertStatus::Closed;
    assert!(is_closed || !word.was_closed, "what was closed is open: {word:?} {bulletin:?}");
    assert!(!is_closed || word.may_be_closed, "what nobody has closed is closed: {word:?} {bulletin:?}");
    let how = match (is_closed, went_out) {
        (true, true) => "alerts stood down at every recipient",
        (true, false) => "alerts closed before they were circulated",
        (false, true) => "alerts open at the end, at every recipient",
        (false, false) => "alerts never circulated",
    };
    world.count(how);
    if !bulletin.contains.is_empty() {
        world.count(if is_closed { "alerts stood down that had been taken over" } else { "alerts open that have been taken over" });
    }
}

/// Whatever was recorded anywhere is with the owner, once; or a person has read it at a former owner.
fn what_was_reported_is_with_the_owner(world: &World, held: &[Held], owner: &Held, word: &Word) {
    let keys: BTreeSet<ReportKey> = owner.alert.reports.iter().map(|report| report.key).collect();
    assert_eq!(keys.len(), owner.alert.reports.len(), "something was reported twice: {word:?}");
    let of = |held: &Held| held.alert.reports.iter().map(|report| (held.place, report.clone())).collect::<Vec<(usize, Report)>>();
    for (place, report) in held.iter().flat_map(of) {
        let is_read = || held.iter().flat_map(of).any(|(_, other)| other.key == report.key && other.read.is_some());
        assert!(keys.contains(&report.key) || is_read(), "the owner has not got {report:?}: {word:?}");
        if place != owner.place && report.reporter == held.iter().find(|held| held.place == place).expect("a region").alert.me {
            assert!(report.receipt_from.is_some() || is_read(), "nobody has said that they have {report:?}: {word:?}");
        }
    }
    let known = |id: &str| {
        let of_key = |key: &ReportKey| matches!(key, ReportKey::Sighting(sighting) if sighting.to_string() == id);
        held.iter().any(|held| held.alert.reports.iter().any(|report| of_key(&report.key)))
    };
    for check in &word.asked {
        assert!(known(check), "nobody has heard that somebody asked about the child, {check}: {word:?}");
        world.count("enquiries about missing children, with the owner once");
    }
    for (note, was_taken) in &word.sightings {
        let told = held.iter().flat_map(|held| &held.told).filter(|(_, said)| said.as_ref() == Some(note));
        let ids: BTreeSet<&String> = told.map(|(id, _)| id).collect();
        assert!(ids.len() <= 1 && (ids.len() == 1 || !was_taken), "{note}: kept {} times: {word:?}", ids.len());
        for id in ids {
            assert!(known(id), "a sighting has not been told: {note}: {word:?}");
            world.count("sightings with the owner, once");
        }
    }
    if !word.may_have_moved {
        let described: BTreeSet<&String> = owner.told.iter().map(|(id, _)| id).collect();
        for key in &keys {
            let ReportKey::Sighting(sighting) = key else { panic!("nothing was overtaken: {word:?}") };
            assert!(described.contains(&sighting.to_string()), "the owner does not know what {sighting} is: {word:?}");
        }
    }
}

/// In every region people were told once that it is over, whoever ended it and in whatever order messages came.
fn stood_down_once(world: &World, alerts: &Alerts, words: &BTreeMap<String, Word>) {
    for (id, held) in alerts.iter().filter(|(id, _)| !words[*id].is_exercise) {
        for held in held {
            let sql = format!("SELECT to_role AS value FROM notice WHERE CAST(alert_id AS TEXT) = '{id}' AND kind = 'alert-stood-down'");
            let mut told = world.places[held.place].database.texts(&sql);
            told.sort();
            let expected: &[&str] = if held.bulletin().status == AlertStatus::Closed { &["custodian", "emergency-duty"] } else { &[] };
            assert_eq!(told, expected, "who was told at region {} that alert {id} is over", held.place);
        }
    }
}

/// People were told of each thing once: as often as it happened, by what was done and reported. Exercises are left out, and alerts
/// whose owner may have changed: what happened to those follows from the order in which messages came.
fn each_notice_once(world: &World, alerts: &Alerts, words: &BTreeMap<String, Word>) {
    const DUTY: &[&str] = &["custodian", "emergency-duty"];
    const MANAGERS: &[&str] = &["team-manager", "senior-safeguarding-manager"];
    let is_counted = |alert: &str| words.get(alert).is_some_and(|word| !word.is_exercise && !word.may_have_moved);
    let mut expected: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new(); world.places.len()];
    for (id, held) in alerts.iter().filter(|(id, _)| is_counted(id)) {
        let owner = owner(id, held);
        let mut expect = |place: usize, kind: &str, authority: &str, roles: &[&str], times: usize| {
            for role in roles {
                *expected[place].entry(format!("{kind} {role} {authority} {id}")).or_default() += times;
            }
        };
        let (here, own, region) = (owner.place, owner.authority.as_str(), world.places[owner.place].code);
        expect(here, "alert-raised", own, &["custodian", "team-manager", "senior-safeguarding-manager"], 1);
        // How many versions went out, and whether the last of them closed it.
        let (mut status, mut versions) = ("raised", 0);
        for step in &owner.steps {
            match (step.as_str(), status) {
                ("decline", "raised") => {
                    expect(here, "alert-decided", own, MANAGERS, 1);
                    status = "not-circulated";
                }
                ("circulate", _) => {
                    expect(here, "alert-decided", own, MANAGERS, 1);
                    expect(here, "alert-received", region, DUTY, 1);
                    (status, versions) = ("active", 1);
                }
                ("update" | "renew", "active") => versions += 1,
                ("locate" | "stand-down", _) => {
                    expect(here, "alert-stood-down", if status == "active" { region } else { own }, DUTY, 1);
                    status = "closed";
                }
                _ => {}
            }
        }
        expect(here, "alert-hit", own, DUTY, owner.alert.reports.len());
        for other in held.iter().filter(|held| held.place != here) {
            let region = world.places[other.place].code;
            expect(other.place, "alert-received", region, DUTY, versions);
            expect(other.place, "alert-stood-down", region, DUTY, usize::from(status == "closed"));
        }
    }
    let sql = "SELECT kind || ' ' || to_role || ' ' || authority || ' ' || CAST(alert_id AS TEXT) AS value FROM notice
               WHERE alert_id IS NOT NULL AND kind IN
               ('alert-raised', 'alert-decided', 'alert-received', 'alert-stood-down', 'alert-hit', 'alert-taken-over', 'alert-passed-on')";
    for (place, mut expected) in expected.into_iter().enumerate() {
        expected.retain(|_, times| *times > 0);
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for row in world.places[place].database.texts(sql) {
            if is_counted(row.rsplit(' ').next().expect("an alert")) {
                *told.entry(row).or_default() += 1;
                world.count("notices of alerts");
            }
        }
        assert_eq!(differing(&told, &expected), differing(&expected, &told), "people were not told as often as it happened at {place}");
    }
}

/// Each region, asked alone, tells of the alerts that are open there, and of no other.
pub fn each_is_told_of(world: &World) {
    let (alerts, children) = (alerts(world), world.known());
    scope(|threads| {
        for place in 0..world.places.len() {
            let (alerts, children) = (&alerts, &children);
            threads.spawn(move || world.guard("asking one region", || told_of_at(world, place, alerts, children)));
        }
    });
}

fn told_of_at(world: &World, place: usize, alerts: &Alerts, children: &[Known]) {
    for child in children {
        let words = child.sought.as_ref().map(|sought| sought.words()).unwrap_or_default();
        if words.is_empty() {
            continue;
        }
        let answer = ask(world, place, child, 5_000, "own-region").expect("an answer");
        let told = told(&answer);
        for word in words {
            let id = word.path.rsplit('/').next().expect("an identifier");
            let shown = alerts[id].iter().any(|held| held.place == place && held.alert.is_shown());
            let text = told.iter().find(|text| text.contains(&word.token));
            let is_hidden = word.is_exercise && !told.is_empty();
            assert!(text.is_some() == shown || is_hidden, "an alert is told of, or not, at region {place}: {word:?} {answer}");
            if let Some(text) = text.filter(|_| !word.may_have_moved) {
                assert_eq!(**text, *word.instructions, "the instructions at region {place} are not those in force: {word:?}");
            }
            world.count(if shown { "alerts told of after healing" } else { "alerts not told of after healing" });
        }
    }
}
