//! A child of one region is sought in others, over real sockets, while regions are away and die.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{BIRMINGHAM, Federation, Region, nobody, status_of, wait};
use super::{moves, register};
use crate::support::database::Backend;
use crate::support::http::Answer;
use crate::support::on_both_databases;
use crate::support::people::{Child, Entry};
use crate::support::program::headers;
use crate::support::tokens::Caller;

const SWANSEA: &str = "W06000011";
const MONDAY: &str = "2026-11-16T18:00:00Z";
const INSTRUCTIONS: &str = "Keep her with you. Tell nobody who is with her that you have rung.";
/// Issue 6 and scenario S34: the searching authority's duty team is told within the minute.
const PAGED_WITHIN: Duration = Duration::from_secs(60);

fn lowri() -> Child {
    let child = Child::named("Lowri", "Beynon").also("alias", "Mia", "Hartley").born("2012-05-14").sex("female").nhs("9990001065");
    child.of(SWANSEA).hidden_at(&["12 Heol Ddirgel"], "SA1 9ZZ")
}

fn about(given: &str, family: &str) -> Value {
    let mut name = json!({ "given": given });
    if !family.is_empty() {
        name["family"] = json!(family);
    }
    json!({"reason": "hospital-attendance", "child": {"names": [name], "dateOfBirth": "2012-05-14", "sex": "female"}})
}

fn custodian(region: &Region) -> Caller {
    region.person(Caller::custodian().with("name", json!("Nia Pritchard")))
}

fn read(region: &Region, path: &str) -> Answer {
    region.program.get(path, &custodian(region)).expect(200)
}

/// Sends a step at whichever version the alert is at.
fn step(region: &Region, path: &str, action: &str, body: &Value) -> Answer {
    let caller = custodian(region);
    let more = [("if-match", "*"), ("content-type", "application/json")];
    let headers = headers(Some(&caller), &more);
    region.program.send(&Method::POST, &format!("{path}/{action}"), &headers, Some(body.to_string().into_bytes()))
}

fn recipient(alert: &Answer, region: &str) -> Value {
    let all = alert.list("/recipients");
    all.into_iter().find(|one| one["region"] == region).unwrap_or_else(|| panic!("{region}: {}", alert.body))
}

fn notices(region: &Region, kind: &str) -> Vec<Value> {
    let all = read(region, "/v1/notices?limit=200").list("/items");
    all.into_iter().filter(|notice| notice["kind"] == kind).collect()
}

/// The alert as a region holds it, once it does so.
fn held(region: &Region, path: &str, status: &str) -> Answer {
    wait(&format!("{} to hold the alert as {status}", region.code), || {
        let seen = region.program.get(path, &custodian(region));
        (seen.status == 200 && seen.text("/status") == status).then_some(seen)
    })
}

fn set_clocks(federation: &Federation) {
    for region in &federation.regions {
        region.program.post("/sandbox/clock", None, &json!({ "now": MONDAY })).expect(204);
    }
}

fn ask(region: &Region, caller: &Caller, question: &Value, search: Value) -> Value {
    let mut question = question.clone();
    question["search"] = search;
    region.ask(&region.person(caller.clone()), &question).json()
}

fn advised(answer: &Value, code: &str) -> bool {
    answer["advice"].as_array().expect("advice").iter().any(|advice| advice["code"] == code)
}

on_both_databases!(a_missing_child_is_looked_out_for_while_regions_are_away_and_everybody_is_stood_down);
fn a_missing_child_is_looked_out_for_while_regions_are_away_and_everybody_is_stood_down(backend: Backend) {
    let mut federation = Federation::of(backend, &["west-glamorgan", "north-wales", "west-midlands"]);
    set_clocks(&federation);
    let child = register(federation.region("west-glamorgan"), lowri(), Entry::of(SWANSEA));
    federation.until_all_answer(federation.region("west-glamorgan"));
    // A hospital in the north has asked already, for its own register alone.
    let early = ask(federation.region("north-wales"), &Caller::health(), &about("Lowri", "Beynon"), json!("own-region"));
    assert_eq!((&early["outcome"], &early["missingAlert"]), (&json!("not-on-register"), &Value::Null));

    // Circulated while one region is away.
    federation.region_mut("west-midlands").program.kill();
    let (swansea, north) = (federation.region("west-glamorgan"), federation.region("north-wales"));
    let entry = read(swansea, "/v1/registrations").text("/items/0/id");
    let raised = json!({"registrationId": entry, "path": "child-missing", "details": {"risk": "high", "instructions": INSTRUCTIONS,
        "lastSeen": {"at": "2026-11-15T15:40:00Z", "place": "Outside the leisure centre"}}});
    let path = swansea.program.post("/v1/alerts", Some(&custodian(swansea)), &raised).expect(201);
    let path = path.header("location").expect("a location").to_owned();
    north.program.get(&path, &custodian(north)).problem(404, "not-found");
    step(swansea, &path, "circulate", &json!({"note": "Serious harm is likely"})).expect(200);
    let there = held(north, &path, "active");
    assert_eq!((there.at("/own"), there.text("/owner/region"), there.at("/childId")), (json!(false), "west-glamorgan".into(), Value::Null));
    assert!(!there.body.contains("SA1 9ZZ") && !there.body.contains("Heol Ddirgel"), "a confidential address never leaves its authority");
    // It searched at once, and found who had asked; stored and searched is not acknowledged.
    let seen = wait("the search", || {
        let seen = read(swansea, &path);
        (recipient(&seen, "north-wales")["searched"] == json!(true) && !seen.list("/reports").is_empty()).then_some(seen)
    });
    let one = recipient(&seen, "north-wales");
    assert_eq!((&one["delivered"], &one["acknowledged"], &one["found"]), (&json!(true), &json!(false), &json!(true)), "{one}");
    assert_eq!(recipient(&seen, "west-midlands")["delivered"], json!(false));
    let report = &seen.list("/reports")[0];
    assert_eq!(
        (&report["kind"], &report["region"], &report["agency"]),
        (&json!("enquiry"), &json!("north-wales"), &json!("Children's services of north-wales"))
    );
    // A named person there confirms the notice, and so the alert.
    let told = notices(north, "alert-received");
    let told = told.iter().find(|notice| notice["toRole"] == "custodian" && notice["urgency"] == "urgent").expect("a notice").clone();
    let notice = format!("/v1/notices/{}", told["id"].as_str().expect("an id"));
    step(north, &notice, "acknowledgement", &json!({"note": "Passed on to both hospitals"})).expect(200);
    wait("the acknowledgement", || {
        let one = recipient(&read(swansea, &path), "north-wales");
        (one["acknowledgedBy"]["name"] == "Nia Pritchard").then_some(())
    });
    for (action, body) in [("stand-down", json!({"reason": "raised-by-mistake"})), ("renew", json!({}))] {
        let refused = step(north, &path, action, &body).problem(409, "out-of-turn");
        assert_eq!(refused.text("/errors/0/code"), "not-owner", "{action}");
        assert!(refused.list("/possible").iter().any(|turn| turn["action"] == "sighting"), "{}", refused.body);
    }

    // The region that was away gets it when it is back, and has it after it dies once more.
    federation.region_mut("west-midlands").program.start_again();
    held(federation.region("west-midlands"), &path, "active");
    federation.region_mut("west-midlands").program.kill();
    federation.region_mut("west-midlands").program.start_again();
    held(federation.region("west-midlands"), &path, "active");

    // The issuer goes away. Birmingham's hospitals are told all the same, by her name, her alias, or with her forename alone.
    federation.until_all_answer(federation.region("west-midlands"));
    federation.region_mut("west-glamorgan").program.kill();
    let midlands = federation.region("west-midlands");
    for question in [about("Lowri", "Beynon"), about("Lowry", "Bynon"), about("Mia", "Hartley"), about("Mia", "")] {
        let answer = ask(midlands, &Caller::health(), &question, json!("federation"));
        assert_eq!(answer["outcome"], "indeterminate", "an alert makes no absence of silence");
        assert_ne!(status_of(&answer, "west-glamorgan"), "answered");
        let alert = &answer["missingAlert"];
        assert_eq!((&alert["instructions"], &alert["exercise"]), (&json!(INSTRUCTIONS), &json!(false)), "{question} {answer}");
        assert!(alert["contact"]["phone"].is_string() && alert["contact"]["name"].as_str().unwrap().contains("Swansea"), "{alert}");
        assert!(advised(&answer, "missing-alert"));
    }
    let own = ask(midlands, &Caller::police(), &about("Lowri", "Beynon"), json!("own-region"));
    assert_eq!((&own["outcome"], &own["missingAlert"]["grade"]), (&json!("not-on-register"), &json!("certain")), "{own}");
    assert_eq!(ask(midlands, &Caller::police(), &nobody(), json!("own-region"))["missingAlert"], Value::Null);
    let waiting = read(midlands, &path).list("/reports");
    assert!(waiting.iter().all(|report| report["withOwner"] == json!(false)), "{waiting:?}");

    // Back again, its duty team is rung at once; every hop has a receipt.
    federation.region_mut("west-glamorgan").program.start_again();
    set_clocks(&federation);
    let (swansea, midlands) = (federation.region("west-glamorgan"), federation.region("west-midlands"));
    wait("all hits at the issuer", || (read(swansea, &path).list("/reports").len() >= 6).then_some(()));
    wait("the receipts", || read(midlands, &path).list("/reports").iter().all(|report| report["withOwner"] == json!(true)).then_some(()));
    let before = notices(swansea, "alert-hit").len();
    let begun = Instant::now();
    let answer = ask(midlands, &Caller::health(), &about("Mia", "Hartley"), json!("federation"));
    assert_eq!(answer["outcome"], "on-register");
    assert_eq!((&answer["matches"][0]["missingAlert"]["instructions"], &answer["missingAlert"]), (&json!(INSTRUCTIONS), &Value::Null));
    wait("the page", || {
        let all = notices(swansea, "alert-hit");
        (all.len() > before && all.iter().any(|notice| notice["toRole"] == "emergency-duty" && notice["urgency"] == "urgent")).then_some(())
    });
    assert!(begun.elapsed() < PAGED_WITHIN);
    // The issuer was asked, and the asking region holds the alert: it is one report all the same.
    let (asked, reports) = (answer["id"].as_str().expect("an id"), read(swansea, &path).list("/reports"));
    let of_check: Vec<_> = reports.iter().filter(|report| report["id"] == asked).collect();
    assert_eq!(of_check.len(), 1, "{reports:?}");
    assert_eq!((&of_check[0]["agency"], &of_check[0]["region"]), (&json!("Children's services of west-midlands"), &json!("west-midlands")));

    // Found in Birmingham while the north is away: a move is begun, and everybody is stood down, whoever was away when they are back.
    federation.region_mut("north-wales").program.kill();
    let (swansea, midlands) = (federation.region("west-glamorgan"), federation.region("west-midlands"));
    let body = json!({"seenBy": "Sister Ruth Adeyemi", "foundIn": BIRMINGHAM, "note": "On the ward"});
    let found = step(swansea, &path, "locate", &body).expect(200);
    assert_eq!((found.text("/status"), found.text("/childId")), ("closed".into(), child));
    let closed = held(midlands, &path, "closed");
    assert!(!closed.body.contains("Beynon") && !closed.body.contains("Hartley"), "what is over is forgotten: {}", closed.body);
    let transfer = format!("/v1/transfers/{}", found.text("/transferId"));
    wait("the move", || {
        let seen = midlands.program.get(&transfer, &custodian(midlands));
        (seen.status == 200 && seen.text("/status") == "expected").then_some(())
    });
    assert_eq!(ask(midlands, &Caller::health(), &about("Mia", "Hartley"), json!("own-region"))["missingAlert"], Value::Null);
    assert_eq!(recipient(&read(swansea, &path), "north-wales")["delivered"], json!(false));
    federation.region_mut("north-wales").program.start_again();
    let (swansea, north) = (federation.region("west-glamorgan"), federation.region("north-wales"));
    held(north, &path, "closed");
    wait("every stand-down", || read(swansea, &path).list("/recipients").iter().all(|one| one["delivered"] == json!(true)).then_some(()));
    let late = ask(north, &Caller::health(), &about("Lowri", "Beynon"), json!("own-region"));
    assert_eq!((&late["missingAlert"], advised(&late, "missing-alert")), (&Value::Null, false), "a closed alert flags nothing");
    assert!(!notices(north, "alert-stood-down").is_empty());
}

const THREE: [&str; 3] = ["mid-and-west-wales", "west-midlands", "gwent"];

/// A child on the register of Powys, on a Monday everywhere.
fn seren_of_powys(federation: &Federation) -> String {
    for code in THREE {
        moves::set_clock(federation.region(code), moves::MONDAY);
    }
    let powys = federation.region(THREE[0]);
    let child = register(powys, moves::seren(), Entry::of(moves::POWYS));
    federation.until_all_answer(powys);
    child
}

/// An alert for the only child of a region.
fn circulated(region: &Region, exercise: bool, to: &Value) -> String {
    let entry = read(region, "/v1/registrations").text("/items/0/id");
    let raised = json!({"registrationId": entry, "path": "child-missing", "exercise": exercise, "details": {"risk": "high",
        "instructions": INSTRUCTIONS, "lastSeen": {"at": "2026-11-15T15:40:00Z", "place": "Outside the leisure centre"}}});
    let raised = region.program.post("/v1/alerts", Some(&custodian(region)), &raised).expect(201);
    let path = raised.header("location").expect("a location").to_owned();
    step(region, &path, "circulate", to).expect(200);
    path
}

on_both_databases!(an_alert_goes_where_the_child_goes_whomever_it_was_circulated_to);
fn an_alert_goes_where_the_child_goes_whomever_it_was_circulated_to(backend: Backend) {
    let federation = Federation::of(backend, &THREE);
    let [powys, shropshire, gwent] = THREE.map(|code| federation.region(code));
    let child = seren_of_powys(&federation);
    let alert = circulated(powys, false, &json!({"note": "They are thought to be there", "regions": ["gwent"]}));
    held(gwent, &alert, "active");
    let transfer = moves::begin(powys, &child, moves::SHROPSHIRE);
    moves::until(shropshire, &transfer, "notified");
    assert_eq!(shropshire.program.get(&alert, &custodian(shropshire)).status, 404, "it was not circulated there");
    moves::set_clock(powys, "2026-11-24T10:00:00Z");
    moves::take_over(shropshire, &transfer, moves::SHROPSHIRE, "2026-11-24");
    for region in [shropshire, powys, gwent] {
        wait("the new owner", || {
            let seen = region.program.get(&alert, &custodian(region));
            (seen.status == 200 && seen.text("/owner/region") == "west-midlands").then_some(())
        });
    }
    let taken = held(shropshire, &alert, "active");
    assert_eq!((taken.at("/own"), taken.text("/details/instructions")), (json!(true), INSTRUCTIONS.into()));
}

on_both_databases!(what_a_former_owner_said_and_did_counts_although_the_alert_has_passed_on_meanwhile);
fn what_a_former_owner_said_and_did_counts_although_the_alert_has_passed_on_meanwhile(backend: Backend) {
    let federation = Federation::of(backend, &THREE);
    let all @ [powys, shropshire, gwent] = THREE.map(|code| federation.region(code));
    let child = seren_of_powys(&federation);
    let [real, drill] = [false, true].map(|exercise| {
        let path = circulated(powys, exercise, &json!({"note": "Serious harm is likely"}));
        for region in [shropshire, gwent] {
            held(region, &path, "active");
        }
        path
    });
    let transfer = moves::begin(powys, &child, moves::SHROPSHIRE);
    moves::until(shropshire, &transfer, "notified");

    // Shropshire cannot be reached: it takes custody, and both alerts, without knowing what Powys has said and ended.
    shropshire.wire.cut();
    step(powys, &real, "update", &json!({"details": {"companions": "An uncle", "riskNote": "He has a van"}})).expect(200);
    step(powys, &drill, "stand-down", &json!({"reason": "exercise-over"})).expect(200);
    held(gwent, &drill, "closed");
    moves::set_clock(powys, "2026-11-24T10:00:00Z");
    moves::take_over(shropshire, &transfer, moves::SHROPSHIRE, "2026-11-24");
    for alert in [&real, &drill] {
        let taken = held(shropshire, alert, "active");
        assert_eq!((taken.at("/own"), taken.text("/owner/region")), (json!(true), "west-midlands".into()));
    }
    step(shropshire, &real, "update", &json!({"details": {"riskNote": "The van was found", "instructions": "Ring Shropshire"}}))
        .expect(200);
    for region in [powys, gwent] {
        wait("the new owner", || {
            let seen = read(region, &real);
            (seen.text("/owner/region") == "west-midlands" && seen.text("/details/instructions") == "Ring Shropshire").then_some(())
        });
        assert_eq!(read(region, &drill).text("/status"), "closed", "what was stood down does not come back at {}", region.code);
    }

    // When it can be reached, what was ended ends there too, and what was said stands beside what is said there.
    shropshire.wire.mend();
    let closed = wait("the stand-down", || {
        let seen = held(shropshire, &drill, "closed");
        let all = seen.list("/recipients");
        (all.len() == 2 && all.iter().all(|one| one["delivered"] == json!(true))).then_some(seen)
    });
    assert_eq!(closed.text("/owner/region"), "west-midlands");
    for region in all {
        assert_eq!(read(region, &drill).text("/status"), "closed", "{}", region.code);
        wait("what both have said", || {
            let said = read(region, &real).at("/details");
            let of = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            let expected = ["An uncle", "The van was found", "Ring Shropshire"];
            (["companions", "riskNote", "instructions"].map(of) == expected).then_some(())
        });
    }
}
