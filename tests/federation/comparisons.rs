//! Registers that have lost something are compared with the others: what can be told again is, and the rest is for people.

use reqwest::Method;
use serde_json::{Value, json};

use super::register;
use super::support::{Federation, Region, wait};
use crate::support::database::Backend;
use crate::support::http::Answer;
use crate::support::on_both_databases;
use crate::support::people::{Child, Entry};
use crate::support::program::headers;
use crate::support::tokens::Caller;

const POWYS: &str = "W06000023";
const SHROPSHIRE: &str = "E06000051";

fn custodian(region: &Region) -> Caller {
    region.person(Caller::custodian())
}

fn operator(region: &Region) -> Caller {
    region.person(Caller::of_region("operator"))
}

fn read(region: &Region, path: &str) -> Answer {
    region.program.get(path, &custodian(region)).expect(200)
}

fn step(region: &Region, path: &str, body: &Value) -> Answer {
    let caller = custodian(region);
    let more = [("if-match", "*"), ("content-type", "application/json")];
    region.program.send(&Method::POST, path, &headers(Some(&caller), &more), Some(body.to_string().into_bytes())).expect(200)
}

fn compare(region: &Region, with: &str) {
    region.program.post("/v1/comparisons", Some(&operator(region)), &json!({ "region": with })).expect(201);
}

/// How comparing with the one other region stands, once it stands so.
fn compared(region: &Region, what: &str, is: impl Fn(&Answer) -> bool) -> Answer {
    wait(&format!("{} to find that the registers {what}", region.code), || {
        let seen = region.program.get("/v1/comparisons", &operator(region)).expect(200);
        (is(&seen)).then_some(seen)
    })
}

fn agrees(region: &Region) -> Answer {
    compared(region, "agree", |seen| seen.at("/items/0/status") == json!("agrees"))
}

fn moving(federation: &Federation) -> (String, String) {
    let powys = federation.region("mid-and-west-wales");
    let seren = Child::named("Seren", "Bevan").born("2019-02-07").sex("female").nhs("9990001049").of(POWYS);
    let child = register(powys, seren, Entry::of(POWYS));
    federation.until_all_answer(powys);
    let entry = read(powys, "/v1/registrations").list("/items").into_iter().find(|entry| entry["childId"] == child.as_str());
    (child, entry.expect("an entry")["id"].as_str().expect("an id").to_owned())
}

fn begin(region: &Region, entry: &str) -> String {
    let body = json!({"registrationId": entry, "to": SHROPSHIRE, "nature": "permanent"});
    region.program.post("/v1/transfers", Some(&custodian(region)), &body).expect(201).header("location").expect("a location").to_owned()
}

fn status(region: &Region, path: &str) -> Option<String> {
    let seen = region.program.get(path, &custodian(region));
    (seen.status == 200).then(|| seen.text("/status"))
}

fn until(region: &Region, path: &str, expected: &str) {
    wait(&format!("{} to say {expected}", region.code), || (status(region, path)? == expected).then_some(()));
}

fn tasks(region: &Region, open: bool) -> usize {
    let all = read(region, &format!("/v1/tasks?open={open}")).list("/items");
    all.iter().filter(|task| task["kind"] == "registers-differ").count()
}

on_both_databases!(what_one_side_does_not_have_is_told_again_when_registers_are_compared);
fn what_one_side_does_not_have_is_told_again_when_registers_are_compared(backend: Backend) {
    let mut federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    let (_, entry) = moving(&federation);
    // They compare by themselves when they meet, and hold the same.
    for region in &federation.regions {
        let seen = agrees(region);
        assert_eq!((seen.at("/items/0/differing"), seen.list("/items").len()), (json!(0), 1), "{}", seen.body);
    }
    // The offer is lost for good: no message waits, and nothing will send it again.
    federation.region_mut("west-midlands").program.kill();
    let powys = federation.region("mid-and-west-wales");
    let path = begin(powys, &entry);
    powys.database.execute("DELETE FROM custody_outbox; UPDATE custody SET drive_at = NULL").expect("a loss");
    powys.program.get("/v1/comparisons", &powys.person(Caller::health())).problem(403, "operation-not-allowed");
    let unknown = powys.program.post("/v1/comparisons", Some(&operator(powys)), &json!({"region": "gwent"})).problem(422, "invalid");
    assert_eq!(unknown.mistakes(), ["/region unknown-region"]);
    federation.region_mut("west-midlands").program.start_again();
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    federation.until_all_answer(powys);
    compare(powys, "west-midlands");
    until(shropshire, &path, "notified");
    let seen = agrees(powys);
    assert_eq!((seen.at("/items/0/differing"), seen.at("/items/0/reported")), (json!(0), json!(0)), "{}", seen.body);
    assert_eq!((tasks(powys, true), tasks(shropshire, true)), (0, 0));

    // An alert that the other side has lost.
    let raised = json!({"registrationId": entry, "path": "child-missing", "details": {"risk": "high", "instructions": "Ring us",
        "lastSeen": {"at": "2026-11-15T15:40:00Z", "place": "Outside the leisure centre"}}});
    let alert = powys.program.post("/v1/alerts", Some(&custodian(powys)), &raised).expect(201);
    let alert = alert.header("location").expect("a location").to_owned();
    step(powys, &format!("{alert}/circulate"), &json!({"note": "Serious harm is likely"}));
    until(shropshire, &alert, "active");
    wait("the receipt", || (read(powys, &alert).at("/recipients/0/delivered") == json!(true)).then_some(()));
    shropshire.database.execute("DELETE FROM alert_report; DELETE FROM alert_step; DELETE FROM alert").expect("a loss");
    assert_eq!(status(shropshire, &alert), None);
    compare(powys, "west-midlands");
    until(shropshire, &alert, "active");
    // And a stand-down that it has forgotten.
    step(powys, &format!("{alert}/stand-down"), &json!({"reason": "raised-by-mistake", "note": "She was at home"}));
    until(shropshire, &alert, "closed");
    agrees(powys);
}

on_both_databases!(a_region_that_is_away_holds_up_no_other);
fn a_region_that_is_away_holds_up_no_other(backend: Backend) {
    let mut federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands", "gwent"]);
    let (_, entry) = moving(&federation);
    federation.region_mut("gwent").program.kill();
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    let raised = json!({"registrationId": entry, "path": "child-missing", "details": {"risk": "high", "instructions": "Ring us",
        "lastSeen": {"at": "2026-11-15T15:40:00Z", "place": "Outside the leisure centre"}}});
    let alert = powys.program.post("/v1/alerts", Some(&custodian(powys)), &raised).expect(201);
    let alert = alert.header("location").expect("a location").to_owned();
    step(powys, &format!("{alert}/circulate"), &json!({"note": "Serious harm is likely"}));
    until(shropshire, &alert, "active");
    wait("the receipt", || {
        let told = read(powys, &alert).list("/recipients");
        let delivered = |region: &str| {
            told.iter().find(|recipient| recipient["region"] == region).map(|recipient| recipient["delivered"] == json!(true))
        };
        (delivered("west-midlands") == Some(true) && delivered("gwent") == Some(false)).then_some(())
    });
    // What waits for Gwent is not on its way to the West Midlands, which have lost the alert.
    shropshire.database.execute("DELETE FROM alert_report; DELETE FROM alert_step; DELETE FROM alert").expect("a loss");
    compare(powys, "west-midlands");
    until(shropshire, &alert, "active");
}

on_both_databases!(what_telling_again_does_not_settle_is_a_task_until_a_person_has_settled_it);
fn what_telling_again_does_not_settle_is_a_task_until_a_person_has_settled_it(backend: Backend) {
    let federation = Federation::of(backend, &["mid-and-west-wales", "west-midlands"]);
    let (powys, shropshire) = (federation.region("mid-and-west-wales"), federation.region("west-midlands"));
    let (_, entry) = moving(&federation);
    let path = begin(powys, &entry);
    until(shropshire, &path, "notified");
    wait("the receipt", || (read(powys, &path).at("/delivered") == json!(true)).then_some(()));
    // Powys is put back from a backup of the day before: it knows nothing of the move.
    let lost = "DELETE FROM custody_outbox; DELETE FROM transfer_step; DELETE FROM transfer; DELETE FROM custody";
    powys.database.execute(lost).expect("a loss");
    compare(powys, "west-midlands");
    let seen = compared(shropshire, "differ", |seen| seen.at("/items/0/reported") == json!(1));
    assert_eq!(seen.text("/items/0/status"), "differs", "{}", seen.body);
    assert_eq!((tasks(shropshire, true), tasks(powys, true)), (1, 0), "whoever knows of it is told");
    assert_eq!(status(shropshire, &path).as_deref(), Some("notified"), "nothing is hidden");

    // A person settles it; then both agree, and the task is done.
    step(shropshire, &format!("{path}/refuse"), &json!({"reason": "other", "note": "Powys offers anew"}));
    compared(shropshire, "agree", |seen| seen.at("/items/0/status") == json!("agrees") && seen.at("/items/0/reported") == json!(0));
    assert_eq!((tasks(shropshire, true), tasks(shropshire, false)), (0, 1));
    let again = begin(powys, &entry);
    until(shropshire, &again, "notified");
}
