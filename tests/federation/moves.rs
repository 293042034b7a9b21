//! A child moves from one region to another and back, over real sockets, while the other side is killed in between.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::register;
use super::support::{Federation, Region, wait};
use crate::support::database::Backend;
use crate::support::http::Answer;
use crate::support::on_both_databases;
use crate::support::people::{Child, Conference, Entry, full};
use crate::support::program::headers;
use crate::support::tokens::Caller;

pub(super) const POWYS: &str = "W06000023";
pub(super) const SHROPSHIRE: &str = "E06000051";
/// The first of the days on which it happens.
pub(super) const MONDAY: &str = "2026-11-16T10:00:00Z";

pub(super) fn seren() -> Child {
    Child::named("Seren", "Bevan").born("2019-02-07").sex("female").nhs("9990001049").of(POWYS).hidden_at(&["3 Heol Gudd"], "LD1 5AA")
}

fn about_seren() -> Value {
    json!({"reason": "hospital-attendance", "child": {"names": [{"given": "Seren", "family": "Bevan"}], "dateOfBirth": "2019-02-07"}})
}

fn custodian(region: &Region) -> Caller {
    region.person(Caller::custodian())
}

pub(super) fn set_clock(region: &Region, now: &str) {
    region.program.post("/sandbox/clock", None, &json!({ "now": now })).expect(204);
}

fn read(region: &Region, path: &str) -> Answer {
    region.program.get(path, &custodian(region)).expect(200)
}

/// Sends a step at whichever version the move is at: messages raise it meanwhile.
#[track_caller]
fn step(region: &Region, path: &str, action: &str, body: &Value) -> Answer {
    let caller = custodian(region);
    loop {
        let etag = read(region, path).header("etag").expect("a tag").to_owned();
        let more = [("if-match", etag.as_str()), ("content-type", "application/json")];
        let answer = region.program.send(
            &Method::POST,
            &format!("{path}/{action}"),
            &headers(Some(&caller), &more),
            Some(body.to_string().into_bytes()),
        );
        if answer.status != 412 {
            return answer.expect(200);
        }
    }
}

pub(super) fn until(region: &Region, path: &str, status: &str) -> Answer {
    wait(&format!("{} to say {status}", region.code), || {
        let seen = region.program.get(path, &custodian(region));
        (seen.status == 200 && seen.text("/status") == status).then_some(seen)
    })
}

/// The authorities that a check of the whole federation names as responsible, and the statuses.
fn responsible(from: &Region) -> (Value, BTreeSet<String>, Vec<String>) {
    let answer = from.ask(&from.person(Caller::health()), &about_seren()).json();
    let current = |found: &&Value| found["status"] != "previously-registered";
    let matches = answer["matches"].as_array().expect("matches");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let named = matches.iter().filter(current).map(|found| text(&found["authority"]["code"])).collect();
    (answer["outcome"].clone(), named, matches.iter().map(|found| text(&found["status"])).collect())
}

fn one(authority: &str) -> BTreeSet<String> {
    BTreeSet::from([authority.to_owned()])
}

/// The child's entries on a region's register: authority and status.
fn entries(region: &Region, child: &str) -> Vec<(String, String)> {
    let all = read(region, "/v1/registrations").list("/items");
    let of = all.iter().filter(|entry| entry["childId"] == child);
    let mut of: Vec<_> = of.map(|entry| (entry["authority"].to_string(), entry["status"].as_str().expect("a status").to_owned())).collect();
    of.sort();
    of
}

/// Adds something to what a region knows of a child.
#[track_caller]
fn add(region: &Region, path: &str, fact: &Value) {
    let key = uuid::Uuid::now_v7().to_string();
    let more = [("if-match", "*"), ("content-type", "application/json"), ("idempotency-key", key.as_str())];
    let headers = headers(Some(&custodian(region)), &more);
    region.program.send(&Method::POST, path, &headers, Some(fact.to_string().into_bytes())).expect(201);
}

pub(super) fn begin(from: &Region, child: &str, to: &str) -> String {
    let all = read(from, "/v1/registrations").list("/items");
    let entry = all.iter().find(|entry| entry["childId"] == child && entry["status"] == "registered").expect("an entry");
    let body = json!({"registrationId": entry["id"], "to": to, "nature": "permanent"});
    from.program.post("/v1/transfers", Some(&custodian(from)), &body).expect(201).header("location").expect("a location").to_owned()
}

/// What the people of the receiver do, from the acknowledgement to the acceptance.
pub(super) fn take_over(to: &Region, path: &str, authority: &str, on: &str) -> String {
    step(to, path, "acknowledge", &json!({}));
    step(to, path, "agree", &json!({"nature": "permanent", "practitioner": "Elin Gwynne"}));
    step(to, path, "book-conference", &json!({"on": on}));
    set_clock(to, &format!("{on}T15:00:00Z"));
    let child = read(to, path).text("/childId");
    let held = Conference::of(authority, "transfer-in", on).decides(&child, "registered", full(json!(["neglect"])));
    let held = to.program.post("/v1/conferences", Some(&custodian(to)), &held.0).expect(201).text("/id");
    step(to, path, "hold-conference", &json!({"conferenceId": held}));
    step(to, path, "accept", &json!({"note": "Accepted in writing"}));
    child
}

on_both_databases!(a_powys_child_moves_to_shropshire_and_back_while_regions_die);
fn a_powys_child_moves_to_shropshire_and_back_while_regions_die(backend: Backend) {
    let mut federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    for region in &federation.regions {
        set_clock(region, MONDAY);
    }
    let child = register(federation.region("mid-and-west-wales"), seren(), Entry::of(POWYS));
    federation.until_all_answer(federation.region("mid-and-west-wales"));

    // The receiver dies before it can be told; the origin goes on being responsible and asks again.
    federation.region_mut("west-midlands").program.kill();
    let path = begin(federation.region("mid-and-west-wales"), &child, SHROPSHIRE);
    let told = read(federation.region("mid-and-west-wales"), &path);
    assert_eq!((told.at("/delivered"), told.text("/responsible")), (json!(false), POWYS.to_owned()));
    std::thread::sleep(Duration::from_millis(1500));
    federation.region_mut("west-midlands").program.start_again();
    set_clock(federation.region("west-midlands"), MONDAY);
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    let seen = until(shropshire, &path, "notified");
    assert_eq!((seen.text("/from/code"), seen.text("/responsible")), (POWYS.into(), POWYS.into()));
    wait("the receipt", || (read(powys, &path).at("/delivered") == json!(true)).then_some(()));
    let there = seen.text("/childId");
    assert_eq!(entries(shropshire, &there), [(format!("\"{SHROPSHIRE}\""), "temporarily-registered".to_owned())]);
    // Found at both ends, with one who is responsible; what is confidential stayed where it was.
    let (outcome, named, statuses) = responsible(shropshire);
    assert_eq!((outcome, named), (json!("on-register"), one(POWYS)), "{statuses:?}");
    assert!(statuses.contains(&"transfer-pending".to_owned()), "{statuses:?}");
    let record = read(shropshire, &format!("/v1/children/{there}"));
    assert!(!record.body.contains("LD1 5AA") && !record.body.contains("Heol Gudd"), "a confidential address never leaves its authority");

    // The origin dies while it sends papers.
    step(powys, &path, "papers", &json!({"papers": ["chronology", "assessment", "conference-minutes", "plan"]}));
    federation.region_mut("mid-and-west-wales").program.kill();
    federation.region_mut("mid-and-west-wales").program.start_again();
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    set_clock(powys, MONDAY);
    wait("the papers", || (read(shropshire, &path).list("/papers").len() == 4).then_some(()));

    // The acceptance is signed while the origin is away: both have the child until it has heard so.
    set_clock(powys, "2026-11-24T10:00:00Z");
    federation.region_mut("mid-and-west-wales").program.kill();
    take_over(federation.region("west-midlands"), &path, SHROPSHIRE, "2026-11-24");
    federation.region_mut("mid-and-west-wales").program.start_again();
    set_clock(federation.region("mid-and-west-wales"), "2026-11-24T16:00:00Z");
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    until(powys, &path, "closed");
    until(shropshire, &path, "closed");
    assert_eq!(entries(powys, &child), [(format!("\"{POWYS}\""), "previously-registered".to_owned())]);
    federation.until_all_answer(powys);
    let (outcome, named, _) = responsible(powys);
    assert_eq!((outcome, named), (json!("on-register"), one(SHROPSHIRE)));

    // And back, by the chain of custody: Powys knows the child again.
    let back = begin(shropshire, &there, POWYS);
    until(powys, &back, "notified");
    assert_eq!(read(powys, &back).text("/childId"), child, "the same record");
    assert_eq!(responsible(powys).1, one(SHROPSHIRE));
    take_over(powys, &back, POWYS, "2026-12-01");
    set_clock(shropshire, "2026-12-01T16:00:00Z");
    until(shropshire, &back, "closed");
    until(powys, &back, "closed");
    let (outcome, named, statuses) = responsible(shropshire);
    assert_eq!((outcome, named), (json!("on-register"), one(POWYS)), "{statuses:?}");
}

on_both_databases!(who_has_moved_is_found_by_everything_by_which_they_were_found_before);
fn who_has_moved_is_found_by_everything_by_which_they_were_found_before(backend: Backend) {
    const MOTHERS_NUMBER: &str = "9990001014";
    const REPLACED_NUMBER: &str = "9990001022";
    let federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    for region in &federation.regions {
        set_clock(region, MONDAY);
    }
    // A child who is not born, and one whose name and number have changed.
    let mother = json!({"relationship": "mother", "carer": true, "parentalResponsibility": true,
        "name": {"given": "Meinir", "family": "Vaughan"}, "nhsNumber": MOTHERS_NUMBER});
    let conference = json!({"heldOn": "2026-09-01", "kind": "pre-birth", "authority": POWYS});
    let before_birth = Entry::of(POWYS).with("registeredOn", json!("2026-09-01")).with("conference", conference);
    let expected = register(powys, Child::unborn("2026-12-30").of(POWYS).with("household", json!([mother])), before_birth);
    let renamed = seren()
        .with(
            "names",
            json!([{"given": "Seren", "family": "Bevan"}, {"use": "former", "given": "Tirion", "family": "Gethin", "to": "2025-05-01"}]),
        )
        .with(
            "identifiers",
            json!([{"kind": "nhs-number", "value": "9990001049"},
            {"kind": "nhs-number", "value": REPLACED_NUMBER, "to": "2025-05-01"}]),
        );
    let renamed = register(powys, renamed, Entry::of(POWYS));
    federation.until_all_answer(powys);
    let questions = [
        json!({"nhsNumber": MOTHERS_NUMBER}),
        json!({"mother": {"given": "Meinir", "family": "Vaughan"}, "expectedDeliveryDate": "2026-12-28"}),
        json!({"nhsNumber": REPLACED_NUMBER}),
        json!({"names": [{"given": "Tirion", "family": "Gethin"}], "dateOfBirth": "2019-02-07"}),
    ];
    let leads = |child: &Value| {
        let question = json!({"reason": "hospital-attendance", "child": child});
        let answer = shropshire.ask(&shropshire.person(Caller::health()), &question).json();
        let current = answer["matches"].as_array().expect("matches").iter().find(|found| found["status"] != "previously-registered");
        (answer["outcome"].clone(), current.map_or(Value::Null, |found| found["authority"]["code"].clone()))
    };
    for question in &questions {
        assert_eq!(leads(question), (json!("on-register"), json!(POWYS)), "{question}");
    }
    let mut there = Vec::new();
    // A temporary entry does not end on the day on which it began.
    for (child, day) in [(&expected, "2026-11-24"), (&renamed, "2026-11-25")] {
        let all = read(powys, "/v1/registrations").list("/items");
        let entry = all.iter().find(|entry| entry["childId"] == child.as_str()).expect("an entry");
        let body = json!({"registrationId": entry["id"], "to": SHROPSHIRE, "nature": "permanent"});
        let path = powys.program.post("/v1/transfers", Some(&custodian(powys)), &body).expect(201);
        let path = path.header("location").expect("a location").to_owned();
        until(shropshire, &path, "notified");
        if *child == renamed {
            // Learned in Powys when the move had been offered already.
            add(powys, &format!("/v1/children/{renamed}/names"), &json!({"use": "alias", "given": "Nanw", "family": "Prosser"}));
        }
        set_clock(powys, &format!("{day}T10:00:00Z"));
        there.push(take_over(shropshire, &path, SHROPSHIRE, day));
        until(powys, &path, "closed");
    }
    for question in &questions {
        assert_eq!(leads(question), (json!("on-register"), json!(SHROPSHIRE)), "{question}");
    }
    let alias = json!({"names": [{"given": "Nanw", "family": "Prosser"}], "dateOfBirth": "2019-02-07"});
    let until_led = |child: &Value, authority: &str| {
        wait("what was learned", || (leads(child) == (json!("on-register"), json!(authority))).then_some(()));
    };
    until_led(&alias, SHROPSHIRE);

    // Born in Shropshire, and back in Powys, where the record was of a child who was expected.
    let born =
        json!({"bornOn": "2026-11-23", "names": [{"given": "Gwenllian", "family": "Vaughan"}], "sex": "female", "nhsNumber": "9990001030"});
    add(shropshire, &format!("/v1/children/{}/birth", there[0]), &born);
    let back = begin(shropshire, &there[0], POWYS);
    until(powys, &back, "notified");
    let record = take_over(powys, &back, POWYS, "2026-12-01");
    assert_eq!(record, expected, "the same record");
    set_clock(shropshire, "2026-12-01T16:00:00Z");
    until(powys, &back, "closed");
    let known = read(powys, &format!("/v1/children/{expected}"));
    assert_eq!(
        (known.text("/dateOfBirth"), known.text("/pregnancy/outcome")),
        ("2026-11-23".into(), "live-birth".into()),
        "{}",
        known.body
    );
    let name = json!({"names": [{"given": "Gwenllian", "family": "Vaughan"}], "dateOfBirth": "2026-11-23"});
    for question in [json!({"nhsNumber": "9990001030"}), name] {
        until_led(&question, POWYS);
    }
}

on_both_databases!(between_the_acceptance_and_its_arrival_every_answer_names_whoever_accepted);
fn between_the_acceptance_and_its_arrival_every_answer_names_whoever_accepted(backend: Backend) {
    let federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    for region in &federation.regions {
        set_clock(region, MONDAY);
    }
    let child = register(powys, seren(), Entry::of(POWYS));
    federation.until_all_answer(powys);
    federation.until_all_answer(shropshire);
    let path = begin(powys, &child, SHROPSHIRE);
    until(shropshire, &path, "notified");
    set_clock(powys, "2026-11-24T10:00:00Z");
    // Nothing reaches Powys any more; what Powys asks is answered.
    powys.wire.cut();
    take_over(shropshire, &path, SHROPSHIRE, "2026-11-24");
    assert_eq!(read(powys, &path).text("/responsible"), POWYS, "it has not heard of it");
    assert_eq!(entries(powys, &child), [(format!("\"{POWYS}\""), "transfer-pending".to_owned())]);
    let (outcome, named, statuses) = responsible(powys);
    assert_eq!((outcome, named), (json!("on-register"), one(SHROPSHIRE)), "{statuses:?}");
    assert_eq!(statuses.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&"registered".to_owned(), &"transfer-pending".to_owned()]));
    let (outcome, named, _) = responsible(shropshire);
    assert_eq!((outcome, named), (json!("on-register"), one(SHROPSHIRE)), "also while Powys is silent");
    powys.wire.mend();
    until(powys, &path, "closed");
    federation.until_all_answer(shropshire);
    assert_eq!(responsible(powys).1, one(SHROPSHIRE));
    assert_eq!(responsible(shropshire).1, one(SHROPSHIRE));
}

on_both_databases!(a_child_who_moves_while_a_region_is_silent_is_not_lost_between_two_answers);
fn a_child_who_moves_while_a_region_is_silent_is_not_lost_between_two_answers(backend: Backend) {
    let mut federation = Federation::of(backend, &["gwent", "mid-and-west-wales", "west-midlands"]);
    for region in &federation.regions {
        set_clock(region, MONDAY);
    }
    let child = register(federation.region("mid-and-west-wales"), seren(), Entry::of(POWYS));
    federation.until_all_answer(federation.region("gwent"));

    // Powys is silent; Shropshire answers that it has no such child, which is true.
    federation.region_mut("mid-and-west-wales").program.kill();
    let gwent = federation.region("gwent");
    let nurse = gwent.person(Caller::health());
    let asked = gwent.ask(&nurse, &about_seren()).json();
    let check = asked["id"].as_str().expect("an id").to_owned();
    assert_eq!(asked["outcome"], "indeterminate", "{asked}");

    // Before Powys can be asked again the child moves to Shropshire.
    federation.region_mut("gwent").program.kill();
    federation.region_mut("mid-and-west-wales").program.start_again();
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    set_clock(powys, "2026-11-16T12:00:00Z");
    let path = begin(powys, &child, SHROPSHIRE);
    until(shropshire, &path, "notified");
    take_over(shropshire, &path, SHROPSHIRE, "2026-11-18");
    wait("the acceptance to arrive", || (read(powys, &path).text("/responsible") == SHROPSHIRE).then_some(()));

    federation.region_mut("gwent").program.start_again();
    let gwent = federation.region("gwent");
    set_clock(gwent, "2026-11-16T10:05:00Z");
    let complete = wait("the answer of Powys", || {
        let seen = gwent.read(&nurse, &check);
        assert_ne!(seen["outcome"], "not-on-register", "{seen}");
        let all = seen["coverage"].as_array().expect("coverage").iter().all(|row| row["status"] == "answered");
        all.then_some(seen)
    });
    assert_eq!(complete["outcome"], "on-register", "{complete}");
    assert_eq!(complete["matches"][0]["authority"]["code"], SHROPSHIRE, "{complete}");
}

on_both_databases!(a_powys_child_stays_in_shropshire_for_a_time_and_both_sides_know_it);
fn a_powys_child_stays_in_shropshire_for_a_time_and_both_sides_know_it(backend: Backend) {
    let mut federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    for region in &federation.regions {
        set_clock(region, MONDAY);
    }
    let child = register(federation.region("mid-and-west-wales"), seren(), Entry::of(POWYS));
    federation.until_all_answer(federation.region("mid-and-west-wales"));
    federation.region_mut("west-midlands").program.kill();
    let powys = federation.region("mid-and-west-wales");
    let all = read(powys, "/v1/registrations").list("/items");
    let entry = all.iter().find(|entry| entry["childId"] == child.as_str()).expect("an entry")["id"].clone();
    let body =
        json!({"registrationId": entry, "to": SHROPSHIRE, "nature": "temporary", "startsOn": "2026-11-16", "expectedTo": "2026-12-18"});
    let path = powys.program.post("/v1/transfers", Some(&custodian(powys)), &body).expect(201).header("location").expect("one").to_owned();
    federation.region_mut("west-midlands").program.start_again();
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    set_clock(shropshire, MONDAY);
    let seen = until(shropshire, &path, "staying");
    assert_eq!(
        (seen.text("/from/code"), seen.text("/responsible"), seen.text("/expectedTo")),
        (POWYS.into(), POWYS.into(), "2026-12-18".into())
    );
    let there = seen.text("/childId");
    assert_eq!(entries(shropshire, &there), [(format!("\"{SHROPSHIRE}\""), "temporarily-registered".to_owned())]);
    federation.until_all_answer(shropshire);
    let (outcome, named, statuses) = responsible(shropshire);
    assert_eq!((outcome, named), (json!("on-register"), one(POWYS)), "{statuses:?}");
    assert!(statuses.contains(&"temporarily-registered".to_owned()), "{statuses:?}");
    let record = read(shropshire, &format!("/v1/children/{there}"));
    assert!(!record.body.contains("LD1 5AA"), "a confidential address never leaves its authority");

    step(shropshire, &path, "acknowledge", &json!({}));
    until(powys, &path, "stay-acknowledged");
    step(shropshire, &path, "contact", &json!({"on": "2026-11-16", "note": "Seen with an aunt"}));
    wait("what the host saw", || (read(powys, &path).list("/contacts").len() == 1).then_some(()));
    assert_eq!(read(powys, &path).text("/contacts/0/note"), "Seen with an aunt");
    step(powys, &path, "end", &json!({"note": "Home again"}));
    until(shropshire, &path, "stay-ended");
    set_clock(shropshire, "2026-11-17T10:00:00Z");
    assert_eq!(entries(shropshire, &there), [(format!("\"{SHROPSHIRE}\""), "previously-registered".to_owned())]);
    assert_eq!(responsible(shropshire).1, one(POWYS));
}

on_both_databases!(what_another_region_refuses_is_parked_a_person_is_told_and_an_operator_sends_it_again);
fn what_another_region_refuses_is_parked_a_person_is_told_and_an_operator_sends_it_again(backend: Backend) {
    let mut federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    let child = register(federation.region("mid-and-west-wales"), seren(), Entry::of(POWYS));
    federation.until_all_answer(federation.region("mid-and-west-wales"));
    federation.region_mut("west-midlands").program.kill();
    let path = begin(federation.region("mid-and-west-wales"), &child, SHROPSHIRE);
    // What is said cannot be read there; it was refused before.
    let powys = federation.region("mid-and-west-wales");
    let set = |to: &str| powys.database.execute(&format!("UPDATE custody_outbox SET {to}")).expect("a change");
    set("refused = 4, body = replace(body, '\"custody\":', '\"custodie\":')");
    federation.region_mut("west-midlands").program.start_again();
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    let operator = powys.person(Caller::of_region("operator"));
    let parked = wait("the message to be parked", || {
        let seen = powys.program.get("/v1/messages?state=parked", &operator).expect(200);
        (!seen.list("/items").is_empty()).then_some(seen)
    });
    assert_eq!(
        (parked.text("/items/0/problem"), parked.text("/items/0/kind")),
        ("malformed-body".into(), "offer".into()),
        "{}",
        parked.body
    );
    let tasks = read(powys, "/v1/tasks?open=true").list("/items");
    let told = |task: &&Value| task["kind"] == "message-parked" && task["childId"] == child.as_str() && task["authority"] == POWYS;
    assert_eq!(tasks.iter().filter(told).count(), 1, "{tasks:?}");
    assert_eq!(read(powys, &path).text("/responsible"), POWYS);

    let set = |to: &str| powys.database.execute(&format!("UPDATE custody_outbox SET {to}")).expect("a change");
    set("body = replace(body, '\"custodie\":', '\"custody\":')");
    let again = format!("/v1/messages/{}/replay", parked.text("/items/0/id"));
    powys.program.post(&again, Some(&operator), &json!({})).expect(201);
    until(shropshire, &path, "notified");
}

on_both_databases!(who_asks_from_another_region_raises_the_question_at_home_whether_the_child_has_moved);
fn who_asks_from_another_region_raises_the_question_at_home_whether_the_child_has_moved(backend: Backend) {
    let federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    let child = register(powys, seren(), Entry::of(POWYS));
    federation.until_all_answer(powys);
    federation.until_all_answer(shropshire);
    let suspected = || {
        let all = read(powys, "/v1/tasks?open=true").list("/items");
        all.into_iter().filter(|task| task["kind"] == "suspected-move").collect::<Vec<_>>()
    };
    // Asked at home, a child has not moved.
    assert_eq!(responsible(powys).0, json!("on-register"));
    assert_eq!(suspected(), Vec::<Value>::new());
    for _ in 0..2 {
        assert_eq!(responsible(shropshire).0, json!("on-register"));
    }
    let raised = suspected();
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!((raised[0]["childId"].as_str(), raised[0]["authority"].as_str()), (Some(child.as_str()), Some(POWYS)));
    assert!(raised[0]["checkId"].is_string(), "what was asked can be opened: {raised:?}");
    // Who is told that the child moves need not ask.
    let path = begin(powys, &child, SHROPSHIRE);
    assert_eq!(suspected(), Vec::<Value>::new());
    until(shropshire, &path, "notified");
    assert_eq!(responsible(shropshire).0, json!("on-register"));
    assert_eq!(suspected(), Vec::<Value>::new());
}

on_both_databases!(s26_a_dispute_across_regions_is_heard_by_the_managers_of_both_sides);
fn s26_a_dispute_across_regions_is_heard_by_the_managers_of_both_sides(backend: Backend) {
    let mut federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    let child = register(federation.region("mid-and-west-wales"), seren(), Entry::of(POWYS));
    federation.until_all_answer(federation.region("mid-and-west-wales"));
    let path = begin(federation.region("mid-and-west-wales"), &child, SHROPSHIRE);
    until(federation.region("west-midlands"), &path, "notified");
    step(federation.region("west-midlands"), &path, "refuse", &json!({"reason": "not-resident"}));
    until(federation.region("mid-and-west-wales"), &path, "refused");
    // Said while the other side is away, and heard when it is back.
    federation.region_mut("west-midlands").program.kill();
    let words = "The school has had her since Monday";
    step(federation.region("mid-and-west-wales"), &path, "dispute", &json!({ "note": words }));
    federation.region_mut("west-midlands").program.start_again();
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    let told = |region: &Region| {
        let all = read(region, "/v1/notices?limit=200").list("/items");
        let disputed = all.iter().filter(|notice| notice["kind"] == "transfer-disputed" && notice["urgency"] == "urgent");
        disputed.map(|notice| notice["toRole"].as_str().expect("a role").to_owned()).collect::<BTreeSet<_>>()
    };
    let managers = BTreeSet::from(["custodian".to_owned(), "senior-safeguarding-manager".to_owned()]);
    assert_eq!(told(powys), managers);
    wait("the managers there to hear of it", || (told(shropshire) == managers).then_some(()));
    let there = read(shropshire, &path);
    assert_eq!((there.text("/disputes/0/note"), there.text("/disputes/0/side")), (words.into(), "origin".into()), "{}", there.body);
    // And the answer: each side has both.
    step(shropshire, &path, "dispute", &json!({"note": "She sleeps in Welshpool"}));
    wait("the answer", || (read(powys, &path).list("/disputes").len() == 2).then_some(()));
    assert_eq!(read(powys, &path).text("/disputes/1/side"), "receiver");
    assert_eq!(read(powys, &path).text("/responsible"), POWYS, "nothing of it changes who is responsible");
}
