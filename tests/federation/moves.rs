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

const POWYS: &str = "W06000023";
const SHROPSHIRE: &str = "E06000051";
/// The first of the days on which it happens.
const MONDAY: &str = "2026-11-16T10:00:00Z";

fn seren() -> Child {
    Child::named("Seren", "Bevan").born("2019-02-07").sex("female").nhs("9990001049").of(POWYS).hidden_at(&["3 Heol Gudd"], "LD1 5AA")
}

fn about_seren() -> Value {
    json!({"reason": "hospital-attendance", "child": {"names": [{"given": "Seren", "family": "Bevan"}], "dateOfBirth": "2019-02-07"}})
}

fn custodian(region: &Region) -> Caller {
    region.person(Caller::custodian())
}

fn set_clock(region: &Region, now: &str) {
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

fn until(region: &Region, path: &str, status: &str) -> Answer {
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

fn begin(from: &Region, child: &str, to: &str) -> String {
    let all = read(from, "/v1/registrations").list("/items");
    let entry = all.iter().find(|entry| entry["childId"] == child && entry["status"] == "registered").expect("an entry");
    let body = json!({"registrationId": entry["id"], "to": to, "nature": "permanent"});
    from.program.post("/v1/transfers", Some(&custodian(from)), &body).expect(201).header("location").expect("a location").to_owned()
}

/// What the people of the receiver do, from the acknowledgement to the acceptance.
fn take_over(to: &Region, path: &str, authority: &str, on: &str) -> String {
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
