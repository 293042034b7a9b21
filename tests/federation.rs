//! The federation over real sockets: regions as processes of their own, on both databases, with mutual TLS between them.
//!
//! What is tried everywhere: absence is told only when every register answered; the deadline holds; nothing breaks; and what was
//! disturbed mends itself without a restart.

mod alerts;
mod comparisons;
mod elder;
mod hand;
mod moves;
mod readings;
mod support;
mod trials;
mod wire;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use cofrestr::store::connection::DatabaseUrl;
use cofrestr::store::migrations;

use crate::support::browser::Browser;
use crate::support::database::{Backend, TestDatabase};
use crate::support::on_both_databases;
use crate::support::people::{Child, Entry};
use crate::support::postgres::PostgresServer;
use crate::support::tokens::{Caller, NEWPORT};
use hand::Hand;
use support::{BIRMINGHAM, Federation, Region, WREXHAM, cofrestr, nobody, status_of, wait};

/// What an answer may take longer than its deadline: leave for a machine on which other tests run, and far less than what a region
/// that is slow or hangs would add.
const LATE: Duration = Duration::from_secs(1);

/// Enters a child with an entry, as the custodian of a region does.
fn register(region: &Region, child: Child, entry: Entry) -> String {
    let custodian = region.person(Caller::custodian());
    let id = region.program.post("/v1/children", Some(&custodian), &child.0).expect(201).text("/id");
    region.program.post("/v1/registrations", Some(&custodian), &entry.child(&id).0).expect(201);
    id
}

fn amara() -> Child {
    Child::named("Amara", "Osei").born("2018-04-11").sex("female").of(BIRMINGHAM)
}

fn about_amara() -> Value {
    json!({"reason": "hospital-attendance", "caseReference": "ED-1", "child": {"names": [{"given": "Amarah", "family": "Osei"}], "dateOfBirth": "2018-04-11"}})
}

fn notices(region: &Region, caller: &Caller) -> Vec<Value> {
    region.program.get("/v1/notices", caller).expect(200).list("/items")
}

/// Asks, and holds the answer to its deadline.
fn in_time(region: &Region, question: &Value, deadline_ms: u64) -> Value {
    let mut question = question.clone();
    question["deadlineMs"] = deadline_ms.into();
    let begun = Instant::now();
    let answer = region.ask(&region.person(Caller::health()), &question).json();
    assert!(begun.elapsed() < Duration::from_millis(deadline_ms) + LATE, "{:?} for {deadline_ms} ms", begun.elapsed());
    answer
}

on_both_databases!(a_child_of_another_region_is_found_and_both_sides_know_it);
fn a_child_of_another_region_is_found_and_both_sides_know_it(backend: Backend) {
    let federation = Federation::start(backend);
    let (gwent, midlands) = (federation.region("gwent"), federation.region("west-midlands"));
    let coordinator = midlands.person(Caller::coordinator());
    let entry = Entry::of(BIRMINGHAM).with("coordinator", json!({"name": "Ruth Adeyemi", "person": coordinator.key()}));
    let child = register(midlands, amara(), entry);
    let nurse = gwent.person(Caller::health());
    let answer = gwent.ask(&nurse, &about_amara());
    let check = answer.json();
    assert_eq!(check["outcome"], "on-register");
    let found = &check["matches"][0];
    assert_eq!((&found["authority"]["code"], &found["authority"]["region"]), (&json!(BIRMINGHAM), &json!("west-midlands")));
    assert_eq!(found["coordinator"]["name"], "Ruth Adeyemi");
    assert_eq!(found["contact"]["office"]["name"], "Birmingham children's services");
    assert!(found["contact"]["now"]["phone"].is_string() && !found["why"].as_array().unwrap().is_empty());
    for region in ["gwent", "north-wales", "west-midlands"] {
        assert_eq!(status_of(&check, region), "answered");
    }
    let advice = check["advice"].as_array().unwrap();
    assert!(advice.iter().any(|advice| advice["code"] == "another-nation"), "a plan in England is a registration in Wales: {advice:?}");

    // Whoever is responsible hears of it, and custodian and auditors there see who asked.
    let custodian = midlands.person(Caller::custodian());
    let told = notices(midlands, &custodian);
    assert_eq!(told.len(), 2, "custodian and co-ordinator: {told:?}");
    assert!(told.iter().all(|notice| notice["kind"] == "enquiry" && notice["childId"] == child.as_str()));
    let there = midlands.read(&custodian, check["id"].as_str().unwrap());
    assert_eq!((&there["outcome"], &there["enquirer"]["agency"]), (&json!("on-register"), &json!("Children's services of gwent")));
    assert_eq!(there["question"]["child"]["names"][0]["given"], "Amarah");

    // The same thread of requests stands in both logs.
    let correlation = answer.header("x-correlation-id").expect("a correlation id").to_owned();
    for region in &federation.regions {
        let of_thread = region.audit().into_iter().filter(|row| row.correlation_id == correlation).collect::<Vec<_>>();
        let operation = if region.code == "gwent" { "askCheck" } else { "answerPeer" };
        assert_eq!(of_thread.iter().filter(|row| row.operation == operation).count(), 1, "{}", region.code);
        let outcome = if region.code == "north-wales" { "empty" } else { "granted" };
        assert!(of_thread.iter().all(|row| row.outcome == outcome), "{}: {of_thread:?}", region.code);
    }
    // Who holds nothing keeps nothing but the entry.
    let elsewhere = federation.region("north-wales");
    let custodian = elsewhere.person(Caller::custodian());
    assert!(elsewhere.program.get("/v1/checks", &custodian).expect(200).list("/items").is_empty());

    proofs(&federation, &check);
}

/// What the receipt proves, by the command line alone.
fn proofs(federation: &Federation, check: &Value) {
    let path = |name: &str| federation.folder.path().join(name).display().to_string();
    let keys = format!("http://{}", federation.region("gwent").program.address());
    let (answer, question, members) = (path("check.json"), path("question.json"), federation.directory().display().to_string());
    std::fs::write(&answer, check.to_string()).unwrap();
    std::fs::write(&question, about_amara().to_string()).unwrap();
    let verify = |answer: &str, question: &str, members: &str| {
        cofrestr(&["receipt", "verify", answer, "--keys", &keys, "--members", members, "--question", question])
    };
    let proved = verify(&answer, &question, &members).expect("a proof");
    assert!(
        proved.contains("2 other regions answered this question") && proved.contains("west-midlands answered: on-register"),
        "{proved}"
    );
    // Another question, another answer, a directory without the region: nothing of it is proved.
    let other = path("other.json");
    std::fs::write(&other, nobody().to_string()).unwrap();
    verify(&answer, &other, &members).expect_err("another question");
    let mut changed = check.clone();
    changed["outcome"] = json!("not-on-register");
    std::fs::write(&other, changed.to_string()).unwrap();
    verify(&other, &question, &members).expect_err("another answer");
    let own = path("own.jws");
    std::fs::write(&own, &federation.known().statement("gwent").unwrap().text).unwrap();
    let error = verify(&answer, &question, &own).expect_err("unknown keys");
    assert!(error.contains("north-wales"), "{error}");
}

on_both_databases!(a_child_whose_home_is_outside_the_federation_is_told_to_every_region_in_it);
fn a_child_whose_home_is_outside_the_federation_is_told_to_every_region_in_it(backend: Backend) {
    let federation = Federation::of(backend, &["gwent", "west-midlands"]);
    // Leeds is in no region: Birmingham keeps the child for a time, and answers for them.
    register(federation.region("west-midlands"), amara(), Entry::temporary("leeds", "E08000035").with("authority", json!(BIRMINGHAM)));
    let gwent = federation.region("gwent");
    federation.until_all_answer(gwent);
    let answer = in_time(gwent, &about_amara(), 2_000);
    assert_eq!((&answer["outcome"], status_of(&answer, "west-midlands").as_str()), (&json!("on-register"), "answered"));
    let found = &answer["matches"][0];
    assert_eq!((&found["authority"]["code"], &found["heldBy"]["code"]), (&json!("E08000035"), &json!(BIRMINGHAM)));
    assert_eq!(found["heldBy"]["region"], "west-midlands");
    assert!(found["contact"]["now"]["phone"].is_string(), "whom to ring: {found}");
}

on_both_databases!(a_killed_region_makes_a_clean_answer_indeterminate_and_completes_it_when_it_is_back);
fn a_killed_region_makes_a_clean_answer_indeterminate_and_completes_it_when_it_is_back(backend: Backend) {
    let mut federation = Federation::start(backend);
    register(federation.region("west-midlands"), amara(), Entry::of(BIRMINGHAM));
    federation.until_all_answer(federation.region("gwent"));
    federation.region_mut("west-midlands").program.kill();

    let gwent = federation.region("gwent");
    let nurse = gwent.person(Caller::health());
    let clean = in_time(gwent, &nobody(), 1_000);
    assert_eq!((&clean["outcome"], status_of(&clean, "west-midlands").as_str()), (&json!("indeterminate"), "unreachable"));
    let row = clean["coverage"].as_array().unwrap().iter().find(|row| row["region"] == "west-midlands").unwrap();
    assert!(row["contact"]["phone"].is_string(), "whom to ring there: {row}");
    let hit = in_time(gwent, &about_amara(), 1_000);
    assert_eq!(hit["outcome"], "indeterminate");

    // The region that asked is restarted too: nothing of it is forgotten.
    let gwent = federation.region_mut("gwent");
    gwent.program.kill();
    gwent.program.start_again();
    federation.region_mut("west-midlands").program.start_again();
    let gwent = federation.region("gwent");
    let id = |check: &Value| check["id"].as_str().unwrap().to_owned();
    let completed = wait("the clean answer", || Some(gwent.read(&nurse, &id(&clean))).filter(|check| check["outcome"] != "indeterminate"));
    assert_eq!((&completed["outcome"], &completed["askedAt"]), (&json!("not-on-register"), &clean["askedAt"]));
    assert_ne!(completed["receipt"], clean["receipt"]);
    let late = wait("the late hit", || Some(gwent.read(&nurse, &id(&hit))).filter(|check| check["outcome"] != "indeterminate"));
    assert_eq!((&late["outcome"], &late["matches"][0]["authority"]["code"]), (&json!("on-register"), &json!(BIRMINGHAM)));
    // On her page it cannot be overlooked, and what only became complete is not announced as a hit.
    federation.lets_in("partner-health", &nurse);
    let browser = Browser::at(format!("http://{}", gwent.program.address()));
    browser.sign_in("partner-health");
    let page = browser.get(&format!("/answers/{}", id(&hit))).expect(200);
    assert!(
        page.body.contains("<title>New answer") && page.body.contains("role=\"alert\" aria-labelledby=\"late-title\""),
        "{}",
        page.body
    );
    assert!(page.body.contains("cofrestr-outcome--on-register") && page.body.contains("Ring now: Birmingham"), "{}", page.body);
    assert_eq!(page.header("refresh"), None, "what is complete does not look again");
    let told = notices(gwent, &nurse);
    let of = |check: &Value| {
        told.iter().find(|notice| notice["checkId"] == check["id"]).map(|notice| (notice["kind"].clone(), notice["urgency"].clone()))
    };
    assert_eq!(of(&hit), Some((json!("late-hit"), json!("urgent"))));
    assert_eq!(of(&clean), Some((json!("check-complete"), json!("normal"))));
    // So does the program through which she asked.
    let events =
        wait("both events", || Some(gwent.program.get("/v1/events", &nurse).expect(200).list("/items")).filter(|events| events.len() >= 2));
    let mut heard: Vec<_> = events.iter().map(|event| (event["type"].to_string(), event["subject"].to_string())).collect();
    heard.sort();
    let told_of = |kind: &str, check: &Value| (format!("\"cofrestr.notice.{kind}\""), format!("\"/v1/checks/{}\"", id(check)));
    assert_eq!(heard, [told_of("check-complete", &clean), told_of("late-hit", &hit)]);
    // Nobody else hears of the answer to this nurse.
    assert!(notices(gwent, &gwent.person(Caller::police())).is_empty());
    // Answered once, told once, however often it was asked.
    let midlands = federation.region("west-midlands");
    let told = notices(midlands, &midlands.person(Caller::custodian()));
    assert_eq!(told.iter().filter(|notice| notice["checkId"] == hit["id"]).count(), 1);
}

on_both_databases!(whatever_a_region_does_instead_of_answering_the_deadline_and_the_rule_hold);
fn whatever_a_region_does_instead_of_answering_the_deadline_and_the_rule_hold(backend: Backend) {
    let federation = Federation::start(backend);
    let (gwent, midlands) = (federation.region("gwent"), federation.region("west-midlands"));
    federation.until_all_answer(gwent);
    for (mode, ms, status) in [
        ("down", None, "unreachable"),
        ("slow", Some(5_000), "timed-out"),
        ("hung", None, "timed-out"),
        ("garbage", None, "invalid"),
        ("wrong-question", None, "invalid"),
        ("clock", Some(600_000), "invalid"),
    ] {
        midlands.fault(mode, ms);
        let answer = in_time(gwent, &nobody(), 600);
        assert_eq!(
            (answer["outcome"].as_str().unwrap(), status_of(&answer, "west-midlands").as_str()),
            ("indeterminate", status),
            "{mode}"
        );
        assert_eq!(status_of(&answer, "north-wales"), "answered", "{mode}: the others are not disturbed");
        midlands.fault("none", None);
        federation.until_all_answer(gwent);
        // What was left open closes by itself.
        let check = answer["id"].as_str().unwrap();
        wait("the check to complete", || {
            (gwent.read(&gwent.person(Caller::health()), check)["outcome"] == "not-on-register").then_some(())
        });
    }
    // A process that stands still takes connections and says nothing.
    midlands.program.signal(libc::SIGSTOP);
    let answer = in_time(gwent, &nobody(), 600);
    assert_eq!((answer["outcome"].as_str().unwrap(), status_of(&answer, "west-midlands").as_str()), ("indeterminate", "timed-out"));
    // Left alone after a while, and nobody waits for it any more.
    for _ in 0..6 {
        in_time(gwent, &nobody(), 300);
    }
    midlands.program.signal(libc::SIGCONT);
    federation.until_all_answer(gwent);
    // A refusal and a wrong answer stand in the log of whoever asked.
    let refused: Vec<_> = gwent.audit().into_iter().filter(|row| row.operation == "askPeer").collect();
    assert!(
        refused
            .iter()
            .any(|row| row.code.as_deref() == Some("answer-to-another-question") && row.subject.as_deref() == Some("west-midlands"))
    );
}

on_both_databases!(half_of_the_regions_gone_and_one_lost_while_it_is_asked);
fn half_of_the_regions_gone_and_one_lost_while_it_is_asked(backend: Backend) {
    let mut federation = Federation::of(backend, &["gwent", "north-wales", "west-midlands", "cardiff-and-vale"]);
    federation.until_all_answer(federation.region("gwent"));
    federation.region_mut("north-wales").program.kill();
    federation.region_mut("west-midlands").program.kill();
    let gwent = federation.region("gwent");
    let answer = in_time(gwent, &nobody(), 800);
    assert_eq!(answer["outcome"], "indeterminate");
    assert_eq!((status_of(&answer, "cardiff-and-vale").as_str(), status_of(&answer, "north-wales").as_str()), ("answered", "unreachable"));
    federation.region_mut("north-wales").program.start_again();
    federation.region_mut("west-midlands").program.start_again();
    let gwent = federation.region("gwent");
    federation.until_all_answer(gwent);

    // One dies between the question and its answer.
    federation.region("cardiff-and-vale").fault("slow", Some(700));
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| in_time(federation.region("gwent"), &nobody(), 2_000));
        std::thread::sleep(Duration::from_millis(300));
        federation.region("cardiff-and-vale").program.signal(libc::SIGKILL);
        asking.join().unwrap()
    });
    assert_eq!((asked["outcome"].as_str().unwrap(), status_of(&asked, "cardiff-and-vale").as_str()), ("indeterminate", "unreachable"));
    let lost = federation.region_mut("cardiff-and-vale");
    lost.program.kill();
    lost.program.start_again();
    let gwent = federation.region("gwent");
    let check = asked["id"].as_str().unwrap();
    wait("the check to complete", || (gwent.read(&gwent.person(Caller::health()), check)["outcome"] == "not-on-register").then_some(()));
}

/// A check of a health worker is completed: what it says then.
fn completed(region: &Region, check: &Value) -> Value {
    let (nurse, id) = (region.person(Caller::health()), check["id"].as_str().unwrap());
    wait("the check to complete", || Some(region.read(&nurse, id)).filter(|check| check["outcome"] != "indeterminate"))
}

on_both_databases!(half_of_the_regions_behind_cut_lines_are_silent_and_come_back_by_themselves);
fn half_of_the_regions_behind_cut_lines_are_silent_and_come_back_by_themselves(backend: Backend) {
    let federation = Federation::of(backend, &["gwent", "north-wales", "west-midlands", "cardiff-and-vale"]);
    let gwent = federation.region("gwent");
    register(federation.region("west-midlands"), amara(), Entry::of(BIRMINGHAM));
    federation.until_all_answer(gwent);
    let gone = ["north-wales", "west-midlands"];
    gone.iter().for_each(|code| federation.region(code).wire.cut());
    let clean = in_time(gwent, &nobody(), 600);
    let hit = in_time(gwent, &about_amara(), 600);
    for answer in [&clean, &hit] {
        assert_eq!(answer["outcome"], "indeterminate");
        assert_eq!(gone.map(|code| status_of(answer, code)), ["timed-out", "timed-out"]);
        assert_eq!(status_of(answer, "cardiff-and-vale"), "answered");
    }
    gone.iter().for_each(|code| federation.region(code).wire.mend());
    assert_eq!(completed(gwent, &clean)["outcome"], "not-on-register");
    assert_eq!(completed(gwent, &hit)["outcome"], "on-register");
    federation.until_all_answer(gwent);
}

on_both_databases!(a_region_whose_database_is_away_has_not_answered_and_comes_back_by_itself);
fn a_region_whose_database_is_away_has_not_answered_and_comes_back_by_itself(backend: Backend) {
    let server = (backend == Backend::Postgres).then(PostgresServer::private);
    let federation = Federation::on(&["gwent", "west-midlands"], |code| match &server {
        Some(server) if code == "west-midlands" => {
            let url = server.create_database();
            migrations::run(&DatabaseUrl::parse(&url).unwrap()).unwrap();
            TestDatabase::of(&url)
        }
        _ => TestDatabase::migrated(backend),
    });
    let (gwent, midlands) = (federation.region("gwent"), federation.region("west-midlands"));
    register(midlands, amara(), Entry::of(BIRMINGHAM));
    federation.until_all_answer(gwent);
    // A server that is gone; a file that somebody else holds: what cannot be recorded is not answered.
    let held = match &server {
        Some(server) => {
            server.stop();
            None
        }
        None => Some(midlands.database.hold()),
    };
    let clean = in_time(gwent, &nobody(), 1_000);
    let hit = in_time(gwent, &about_amara(), 1_000);
    for answer in [&clean, &hit] {
        assert_eq!(answer["outcome"], "indeterminate");
        assert_ne!(status_of(answer, "west-midlands"), "answered");
    }
    drop(held);
    if let Some(server) = &server {
        server.start();
    }
    assert_eq!(completed(gwent, &clean)["outcome"], "not-on-register");
    assert_eq!(completed(gwent, &hit)["outcome"], "on-register");
    // The processes and their databases go before the server does.
    drop(federation);
}

on_both_databases!(what_is_not_a_members_own_fresh_message_to_us_is_refused_and_recorded);
fn what_is_not_a_members_own_fresh_message_to_us_is_refused_and_recorded(backend: Backend) {
    let federation = Federation::start(backend);
    let midlands = federation.region("west-midlands");
    let hand = Hand::of(federation.region("north-wales"), midlands);
    let good = hand.question();
    assert_eq!(hand.send(&good).0, 200);
    let refused = |what: &str, (status, code): (u16, String), expected: (u16, &str)| {
        assert_eq!((status, code.as_str()), expected, "{what}");
        let recorded = midlands.audit().into_iter().filter(|row| row.operation == "answerPeer" && row.outcome == "refused");
        assert!(recorded.into_iter().any(|row| row.code.as_deref() == Some(expected.1)), "{what} is in the audit log");
    };
    refused("a replay", hand.send(&good), (409, "replayed-message"));
    refused("for another region", hand.send(&hand.to("gwent").question()), (421, "wrong-receiver"));
    refused("for another path", hand.send(&hand.at("/federation/v1/directory").question()), (421, "wrong-place"));
    refused("ten minutes old", hand.send(&hand.aged(600).question()), (401, "stale-message"));
    refused("from the future", hand.send(&hand.aged(-600).question()), (401, "stale-message"));
    refused("of another version", hand.send(&hand.versed("2.0").question()), (422, "unsupported-message"));
    refused("an unknown key", hand.send(&hand.with_new_key().question()), (401, "unknown-key"));
    refused("somebody else's name", hand.send(&hand.from("gwent").question()), (401, "unknown-key"));
    refused("a stranger", hand.send(&hand.from("powys").question()), (401, "unknown-member"));
    refused("altered", hand.send(&Hand::altered(&hand.question())), (401, "altered-message"));
    refused("no message", hand.send("hello"), (400, "malformed-message"));
    refused("no question", hand.send(&hand.saying(json!({"check": 7}))), (400, "malformed-body"));
    let other = Hand::of(federation.region("gwent"), midlands);
    refused("over another's connection", other.send(&hand.question()), (401, "unknown-certificate"));
    let expired = hand.with_certificate_that_ran_out();
    refused("a certificate that ran out", expired.send(&hand.question()), (401, "unknown-certificate"));

    federation.members(&["suspend", "north-wales"]).expect("suspended");
    federation.publish_to(midlands);
    refused("suspended", hand.send(&hand.question()), (403, "member-suspended"));
    // The one who is refused hears why, signed, and nothing more.
    let (status, body) = hand.send_raw(&hand.question());
    assert_eq!(status, 403);
    assert_eq!(hand.read(&body), json!({"code": "member-suspended"}));
}

on_both_databases!(an_older_and_a_newer_region_are_understood);
fn an_older_and_a_newer_region_are_understood(backend: Backend) {
    let federation = Federation::start(backend);
    let midlands = federation.region("west-midlands");
    register(midlands, amara(), Entry::of(BIRMINGHAM));
    let hand = Hand::of(federation.region("north-wales"), midlands);
    // As version 1.0 asked: recorded, without what came later.
    let recorded: Value = serde_json::from_str(include_str!("federation/recorded/question-1.0.json")).unwrap();
    let (status, body) = hand.versed("1.0").send_raw(&hand.versed("1.0").saying(hand.afresh(recorded.clone())));
    assert_eq!(status, 200);
    assert_eq!(hand.read(&body)["outcome"], "on-register");
    // As a later version may ask: with more than this one knows, on every level.
    let mut newer = hand.afresh(recorded);
    newer["urgency"] = json!("later");
    let mut child: Value = serde_json::from_str(newer["child"].as_str().unwrap()).unwrap();
    child["eyeColour"] = json!("brown");
    child["names"][0]["script"] = json!("latin");
    newer["child"] = child.to_string().into();
    let (status, body) = hand.versed("1.9").send_raw(&hand.versed("1.9").saying(newer));
    assert_eq!((status, &hand.read(&body)["outcome"]), (200, &json!("on-register")));
}

on_both_databases!(a_region_that_answers_as_the_first_version_did_is_understood);
fn a_region_that_answers_as_the_first_version_did_is_understood(backend: Backend) {
    let mut federation = Federation::of(backend, &["gwent", "north-wales"]);
    federation.until_all_answer(federation.region("gwent"));
    federation.region_mut("north-wales").program.kill();
    elder::answer_in_place_of(federation.region("north-wales"));
    let gwent = federation.region("gwent");
    let answer = wait("an answer", || Some(in_time(gwent, &about_amara(), 2_000)).filter(|answer| answer["outcome"] != "indeterminate"));
    assert_eq!((&answer["outcome"], status_of(&answer, "north-wales").as_str()), (&json!("on-register"), "answered"));
    let found = &answer["matches"][0];
    assert_eq!(
        (&found["authority"]["code"], &found["status"], &found["grade"]),
        (&json!(WREXHAM), &json!("registered"), &json!("certain"))
    );
    // What that version did not say is not there, and nothing is made up in its place.
    assert!(found["coordinator"].is_null() || found["coordinator"]["name"].is_null(), "{found}");
}

on_both_databases!(a_region_that_could_not_compare_everybody_does_not_say_that_it_found_nobody);
fn a_region_that_could_not_compare_everybody_does_not_say_that_it_found_nobody(backend: Backend) {
    let mut federation = Federation::of(backend, &["gwent", "west-midlands"]);
    // Twenty people with the postcode in the question, and sixty near by with the name in it: more than are compared there.
    let mut rows = String::from("id,given,family,dateOfBirth,postcode,authority,status,registeredOn,categories,coordinator\n");
    for number in 0..80 {
        let (given, family, postcode) = if number < 20 { ("Idris", "Wogan", "B8 1QR") } else { ("Amara", "Osei", "B8 1QX") };
        let born = format!("20{:02}-{:02}-{:02}", 10 + number % 14, 1 + number % 12, 1 + number % 28);
        rows += &format!("m{number},{given},{family},{born},{postcode},{BIRMINGHAM},registered,2026-03-03,neglect,Alex Sample\n");
    }
    let midlands = federation.region_mut("west-midlands");
    let (file, config) = (midlands.program.folder().join("children.csv"), midlands.program.folder().join("region.toml"));
    std::fs::write(&file, rows).unwrap();
    cofrestr(&["import", "--config", config.to_str().unwrap(), file.to_str().unwrap()]).expect("an import");
    let narrow = "\n[matching]\ncandidate_budget = 50\ncandidate_limit = 60\n";
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + narrow).unwrap();
    midlands.program.kill();
    midlands.program.start_again();

    let gwent = federation.region("gwent");
    federation.until_all_answer(gwent);
    let question = json!({"reason": "hospital-attendance", "child": {"names": [{"given": "Amara", "family": "Osei"}], "addresses": [{"postcode": "B8 1QR"}]}});
    let answer = gwent.ask(&gwent.person(Caller::health()), &question).json();
    assert_eq!((&answer["outcome"], status_of(&answer, "west-midlands").as_str()), (&json!("indeterminate"), "refused"), "{answer}");
    assert!(answer["coverage"][1]["contact"]["phone"].is_string(), "{answer}");
}

on_both_databases!(members_come_are_cut_off_and_go_by_a_signed_change);
fn members_come_are_cut_off_and_go_by_a_signed_change(backend: Backend) {
    let federation = Federation::start(backend);
    let gwent = federation.region("gwent");
    federation.until_all_answer(gwent);
    let before = std::fs::read_to_string(federation.directory()).unwrap();

    federation.members(&["suspend", "west-midlands"]).expect("suspended");
    federation.publish_to(federation.region("north-wales"));
    let cut_off = wait("the suspension to be in force in Gwent", || {
        let answer = gwent.ask(&gwent.person(Caller::health()), &nobody()).json();
        (status_of(&answer, "west-midlands") == "refused").then_some(answer)
    });
    assert_eq!(cut_off["outcome"], "indeterminate", "its register was not asked");
    let listed = gwent.program.get("/v1/directory", &gwent.person(Caller::custodian())).expect(200);
    let of = |code: &str| listed.list("/items").into_iter().find(|member| member["code"] == code).unwrap()["standing"].clone();
    assert_eq!((of("west-midlands"), of("gwent"), listed.at("/version")), (json!("suspended"), json!("active"), json!(4)));

    // An earlier version does not come back, nor does another one under the same number, nor one that its keeper did not sign.
    let operator = gwent.person(Caller::of_region("operator"));
    let publish = |text: &str| gwent.program.post("/v1/directory", Some(&operator), &json!({"directory": text}));
    assert_eq!(publish(before.trim()).expect(422).text("/errors/0/code"), "old-directory");
    let known = federation.known();
    let mut forked = known.directory.clone();
    forked.change = "another history".into();
    assert_eq!(publish(&federation.keeper().sign(&forked).unwrap()).expect(422).text("/errors/0/code"), "forked-directory");
    let (stranger, _) = cofrestr::register::peers::directory::Keeper::generate().unwrap();
    forked.version += 1;
    assert_eq!(publish(&stranger.sign(&forked).unwrap()).expect(422).text("/errors/0/code"), "unsigned-directory");

    federation.members(&["resume", "west-midlands"]).expect("resumed");
    federation.publish_to(gwent);
    federation.until_all_answer(gwent);
    federation.members(&["remove", "west-midlands"]).expect("removed");
    federation.publish_to(gwent);
    let answer = federation.until_all_answer(gwent);
    assert_eq!(answer["coverage"].as_array().unwrap().len(), 2, "who has left is not waited for");
    let mut gone = nobody();
    gone["search"] = json!(["west-midlands"]);
    gwent.program.post("/v1/checks", Some(&gwent.person(Caller::health())), &gone).problem(422, "invalid");
}

/// With which key West Midlands signed its answer to a region that asks it now.
fn key_of_the_answer(asking: &Region) -> Option<String> {
    let receipt = asking.ask(&asking.person(Caller::health()), &nobody()).text("/receipt");
    let part = |text: &str, number: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split('.').nth(number).unwrap()).unwrap()).unwrap()
    };
    let claims = part(&receipt, 1);
    claims["answers"]["west-midlands"].as_str().map(|signed| part(signed, 0)["kid"].as_str().unwrap().to_owned())
}

on_both_databases!(keys_and_certificates_change_without_a_gap);
fn keys_and_certificates_change_without_a_gap(backend: Backend) {
    let federation = Federation::start(backend);
    let (gwent, midlands) = (federation.region("gwent"), federation.region("west-midlands"));
    federation.until_all_answer(gwent);
    let now = chrono::Utc::now();
    let keys = midlands.keys();
    // Published some seconds before they are used, as `cofrestr keys rotate` does it minutes before.
    let from = now + chrono::TimeDelta::seconds(12);
    let signing = keys.rotate_from(now, from).expect("a key");
    let certificate = keys.add_tls("west-midlands", now, from, 30).expect("a certificate");
    let statement = || midlands.program.send(&reqwest::Method::GET, "/.well-known/cofrestr", &Default::default(), None).expect(200);
    wait("the new keys to be published", || {
        let said = statement();
        (said.text("/keys/0/kid") == signing.kid && said.text("/tls/0/spki") == certificate.spki).then_some(())
    });
    assert!(chrono::Utc::now() < from, "this machine is too slow to see what happens before the keys are used");
    // Before, while and after they take their place nobody is refused and nothing is unreadable. (A machine with other work may be late.)
    while chrono::Utc::now() < from + chrono::TimeDelta::seconds(4) {
        let answer = gwent.ask(&gwent.person(Caller::health()), &nobody()).json();
        let status = status_of(&answer, "west-midlands");
        assert!(["answered", "timed-out"].contains(&status.as_str()), "{}", answer["coverage"]);
        std::thread::sleep(Duration::from_millis(100));
    }
    wait("the new key to sign", || (key_of_the_answer(gwent)? == signing.kid).then_some(()));
}

on_both_databases!(keys_that_change_again_and_again_are_followed_from_the_directory);
fn keys_that_change_again_and_again_are_followed_from_the_directory(backend: Backend) {
    let mut federation = Federation::start(backend);
    federation.until_all_answer(federation.region("gwent"));
    let keys = federation.region("west-midlands").keys();
    let earlier = |federation: &Federation| {
        let path = "/.well-known/cofrestr";
        let midlands = &federation.region("west-midlands").program;
        midlands.send(&reqwest::Method::GET, path, &Default::default(), None).expect(200).list("/earlier").len()
    };
    assert_eq!(earlier(&federation), 0, "the directory has the statement of today");
    // A key that is no longer safe is replaced at once: the others learn of it from a statement that the one before signed, and of
    // the next from one that this one signed, although the directory knows of neither.
    let replace = |federation: &Federation| {
        let now = chrono::Utc::now();
        let key = keys.rotate_from(now, now).expect("a key");
        wait("the new key to sign", || (key_of_the_answer(federation.region("gwent"))? == key.kid).then_some(()));
    };
    replace(&federation);
    // Whoever is away meanwhile can follow all the same.
    federation.region_mut("north-wales").program.kill();
    replace(&federation);
    replace(&federation);
    assert_eq!(earlier(&federation), 2, "each of the keys signed the next");
    federation.region_mut("north-wales").program.start_again();
    federation.until_all_answer(federation.region("north-wales"));
    // And so can a server that starts from what the database has.
    federation.region_mut("gwent").program.kill();
    federation.region_mut("gwent").program.start_again();
    federation.until_all_answer(federation.region("gwent"));
    // The directory takes up the last of them; nothing is needed between any more.
    let url = format!("http://{}", federation.region("west-midlands").program.address());
    federation.members(&["add", "--statement", &url]).expect("the way from the statement before can be followed");
    federation.publish_to(federation.region("gwent"));
    wait("the directory to be in use", || (earlier(&federation) == 0).then_some(()));
    federation.until_all_answer(federation.region("north-wales"));
}

on_both_databases!(what_agencies_of_other_regions_asked_is_told_and_a_repeat_raises_a_task);
fn what_agencies_of_other_regions_asked_is_told_and_a_repeat_raises_a_task(backend: Backend) {
    let federation = Federation::start(backend);
    let (gwent, north, midlands) = (federation.region("gwent"), federation.region("north-wales"), federation.region("west-midlands"));
    federation.until_all_answer(midlands);
    let child = json!({"reason": "hospital-attendance", "child": {"names": [{"given": "Victoria", "family": "Kouao"}], "dateOfBirth": "2018-11-02"}});
    let hospital = |region: &Region, name: &str| {
        region.person(Caller::health()).named(name).with("organisation", json!({"code": name, "name": format!("Hospital of {name}")}))
    };
    let first = midlands.ask(&hospital(midlands, "Birmingham"), &child).json();
    assert_eq!((&first["outcome"], &first["earlierEnquiries"]["count"]), (&json!("not-on-register"), &json!(0)));
    let second = north.ask(&hospital(north, "Bangor"), &child).json();
    assert_eq!((&second["outcome"], &second["earlierEnquiries"]["count"]), (&json!("not-on-register"), &json!(1)));
    let third = gwent.ask(&gwent.person(Caller::emergency_duty()), &child).json();
    assert_eq!(third["outcome"], "not-on-register");
    assert_eq!(third["earlierEnquiries"]["count"], 2);
    assert_eq!(third["earlierEnquiries"]["agencies"], json!(["Hospital of Bangor", "Hospital of Birmingham"]));
    assert!(third["advice"].as_array().unwrap().iter().any(|advice| advice["code"] == "earlier-enquiries"));
    // As their policy allows: a school is told how many, not who.
    let school = gwent.person(Caller::partner("education")).with("organisation", json!({"code": "SCH", "name": "A school"}));
    let school = gwent.ask(&school, &child).json();
    assert_eq!((school["earlierEnquiries"]["count"].as_u64(), &school["earlierEnquiries"]["agencies"]), (Some(3), &json!([])));
    for region in [gwent, north] {
        let tasks = region.program.get("/v1/tasks", &region.person(Caller::custodian())).expect(200).list("/items");
        assert!(tasks.iter().any(|task| task["kind"] == "repeat-enquiry"), "{}: {tasks:?}", region.code);
    }
}

on_both_databases!(a_child_with_entries_in_two_regions_is_one_child_with_one_responsible_authority);
fn a_child_with_entries_in_two_regions_is_one_child_with_one_responsible_authority(backend: Backend) {
    let federation = Federation::start(backend);
    let (gwent, midlands) = (federation.region("gwent"), federation.region("west-midlands"));
    let jakub = || Child::named("Jakub", "Kowalczyk").born("2013-03-04").sex("male");
    register(gwent, jakub().of(NEWPORT), Entry::of(NEWPORT));
    register(midlands, jakub().of(BIRMINGHAM), Entry::temporary("gwent", NEWPORT).with("authority", json!(BIRMINGHAM)));
    for region in &federation.regions {
        let question = json!({"reason": "police-contact", "child": {"names": [{"given": "Jakub", "family": "Kowalczyk"}], "dateOfBirth": "2013-03-04"}});
        let answer = region.ask(&region.person(Caller::police()), &question).json();
        assert_eq!(answer["outcome"], "on-register", "{}: two entries of one child are no rivals", region.code);
        let authorities: Vec<_> = answer["matches"].as_array().unwrap().iter().map(|found| &found["authority"]["code"]).collect();
        assert_eq!(authorities, [&json!(NEWPORT); 2], "{}", region.code);
    }
}

on_both_databases!(two_servers_over_one_database_are_one_region);
fn two_servers_over_one_database_are_one_region(backend: Backend) {
    if backend == Backend::Sqlite {
        // An embedded database has one server; PostgreSQL shows what several do.
        return;
    }
    let mut federation = Federation::start(backend);
    federation.until_all_answer(federation.region("gwent"));
    federation.region_mut("west-midlands").program.kill();
    let gwent = federation.region("gwent");
    let nurse = gwent.person(Caller::health());
    let checks: Vec<String> = (0..4).map(|_| gwent.ask(&nurse, &nobody()).text("/id")).collect();
    let other = gwent.beside();
    federation.region_mut("west-midlands").program.start_again();
    let gwent = federation.region("gwent");
    for check in &checks {
        wait("each check to complete", || {
            let read = other.get(&format!("/v1/checks/{check}"), &nurse).expect(200).json();
            (read["outcome"] == "not-on-register").then_some(())
        });
    }
    let told = notices(gwent, &nurse);
    assert_eq!(told.iter().filter(|notice| notice["kind"] == "check-complete").count(), checks.len(), "each completion is told once");
}
