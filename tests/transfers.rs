//! `/v1/transfers`: a child moves from one authority to another and is never on no register meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cofrestr::domain::custody::Why;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::database::{Backend, TestDatabase};
use crate::support::http::Answer;
use crate::support::people::{Child, Conference, Entry, Question, full};
use crate::support::program::Program;
use crate::support::tokens::{Caller, NEWPORT, SWANSEA, TORFAEN};
use crate::support::{on_both, on_both_databases};

/// How long a message between two authorities of one region may take.
const DELIVERED_WITHIN: Duration = Duration::from_secs(20);

fn origin() -> Caller {
    Caller::of_authority("custodian", NEWPORT).with("name", json!("Nia Pritchard"))
}

fn receiver() -> Caller {
    Caller::of_authority("custodian", TORFAEN).named("torfaen-custodian").with("name", json!("Gwen Powell"))
}

/// Waits until a move stands so, as somebody sees it.
#[track_caller]
fn wait(app: &TestApp, caller: &Caller, path: &str, is: impl Fn(&Answer) -> bool) -> Answer {
    let begun = Instant::now();
    loop {
        let seen = app.as_caller(caller).get(path).expect(200);
        if is(&seen) {
            return seen;
        }
        assert!(begun.elapsed() < DELIVERED_WITHIN, "{}", seen.body);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn until(app: &TestApp, path: &str, status: &str) -> Answer {
    wait(app, &Caller::custodian(), path, |seen| seen.text("/status") == status)
}

/// Sends a step at whichever version the move is at: messages raise it meanwhile.
fn step(app: &TestApp, caller: &Caller, path: &str, action: &str, body: &Value) -> Answer {
    loop {
        let seen = app.as_caller(caller).get(path).expect(200);
        let etag = seen.header("etag").expect("a tag").to_owned();
        let answer = app.as_caller(caller).change(&format!("{path}/{action}"), &etag, body);
        if answer.status != 412 {
            return answer;
        }
    }
}

fn begin(app: &TestApp, entered: &Entered, nature: Option<&str>) -> String {
    let mut body = json!({"registrationId": entered.registration, "to": TORFAEN});
    if let Some(nature) = nature {
        body["nature"] = json!(nature);
    }
    let made = app.as_caller(&origin()).post("/v1/transfers", &body).expect(201);
    made.header("location").expect("a location").to_owned()
}

/// What a check tells: outcome, and of the one match status and authority.
fn checked(app: &TestApp) -> (String, String, String) {
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!(answer.list("/matches").len(), 1, "one person: {}", answer.body);
    (answer.text("/outcome"), answer.text("/matches/0/status"), answer.text("/matches/0/authority/code"))
}

fn on_register(status: &str, authority: &str) -> (String, String, String) {
    ("on-register".into(), status.into(), authority.into())
}

fn entries(app: &TestApp, child: &str) -> Vec<(String, String)> {
    let all = app.custodian().get("/v1/registrations").expect(200).list("/items");
    let mut all: Vec<_> = all
        .iter()
        .filter(|entry| entry["childId"] == child)
        .map(|entry| {
            (entry["authority"].as_str().expect("an authority").to_owned(), entry["status"].as_str().expect("a status").to_owned())
        })
        .collect();
    all.sort();
    all
}

/// Holds the transfer-in conference of Torfaen on a day.
fn conference(app: &TestApp, child: &str, on: &str, decision: &str) -> String {
    let more = if decision == "registered" { full(json!(["neglect"])) } else { json!({"reasons": "Safe where they are now"}) };
    let held = Conference::of(TORFAEN, "transfer-in", on).decides(child, decision, more);
    app.custodian().post("/v1/conferences", &held.0).expect(201).text("/id")
}

on_both!(a_child_moves_to_another_authority_of_the_region_and_is_on_a_register_throughout);
fn a_child_moves_to_another_authority_of_the_region_and_is_on_a_register_throughout(app: &TestApp) {
    let entered = app.register(&Child::usual());
    assert_eq!(checked(app), on_register("registered", NEWPORT));
    let path = begin(app, &entered, Some("permanent"));
    assert_eq!(checked(app), on_register("transfer-pending", NEWPORT));
    let seen = wait(app, &receiver(), &path, |seen| seen.at("/delivered") == json!(true));
    assert_eq!((seen.text("/status"), seen.text("/responsible")), ("notified".into(), NEWPORT.into()), "stored is not acknowledged");
    assert_eq!(seen.at("/acknowledged"), Value::Null);
    assert_eq!(seen.list("/missingPapers").len(), 4, "{}", seen.body);
    assert_eq!(
        entries(app, &entered.child),
        [(TORFAEN.to_owned(), "temporarily-registered".to_owned()), (NEWPORT.to_owned(), "transfer-pending".to_owned())]
    );
    assert_eq!(checked(app), on_register("transfer-pending", NEWPORT), "the child is found once, with one who is responsible");
    // The duty desk and the custodian hear of it on the same day.
    let told = app.as_caller(&receiver()).get("/v1/notices").expect(200).list("/items");
    assert!(told.iter().any(|notice| notice["kind"] == "transfer-incoming" && notice["urgency"] == "urgent"), "{told:?}");
    let tasks = |open: bool| {
        let all = app.as_caller(&receiver()).get(&format!("/v1/tasks?open={open}")).expect(200).list("/items");
        all.iter().filter(|task| task["kind"] == "transfer-incoming").count()
    };
    assert_eq!((tasks(true), tasks(false)), (1, 0));

    let step = |caller: &Caller, action: &str, body: Value| step(app, caller, &path, action, &body);
    let seen = step(&receiver(), "acknowledge", json!({})).expect(200);
    assert_eq!((seen.text("/status"), seen.text("/acknowledged/name")), ("acknowledged".into(), "Gwen Powell".into()));
    assert_eq!((tasks(true), tasks(false)), (0, 1), "acknowledged by a named person");
    let seen = step(&origin(), "papers", json!({"papers": ["chronology", "plan"]})).expect(200);
    assert_eq!(seen.at("/missingPapers"), json!(["assessment", "conference-minutes"]), "missing papers are named");
    let seen = step(&receiver(), "return", json!({"missing": ["assessment"], "note": "We cannot plan without it"})).expect(200);
    assert_eq!(seen.at("/returnedFor"), json!(["assessment"]));
    step(&origin(), "papers", json!({"papers": ["assessment", "conference-minutes"]})).expect(200);
    let seen = wait(app, &origin(), &path, |seen| seen.text("/status") == "acknowledged");
    assert_eq!(seen.at("/missingPapers"), json!([]));
    step(&receiver(), "agree", json!({"nature": "permanent", "practitioner": "Elin Gwynne"})).expect(200);
    step(&receiver(), "book-conference", json!({"on": "2026-11-24"})).expect(200);
    assert_eq!(until(app, &path, "conference-booked").text("/conferenceOn"), "2026-11-24");

    // Nothing is accepted before the conference.
    let early = step(&receiver(), "accept", json!({"note": "Accepted"})).problem(409, "out-of-turn");
    assert_eq!(early.text("/errors/0/code"), "no-conference");
    assert!(
        early.list("/possible").iter().any(|turn| turn["action"] == "hold-conference" && turn["authority"] == TORFAEN),
        "{}",
        early.body
    );
    // And nobody takes the name off while the move is open.
    let removal = json!({"removedOn": "2026-11-17", "ground": "transferred", "evidence": "A letter", "reasons": "They have moved"});
    let etag = app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
    let etag = etag.header("etag").expect("a tag").to_owned();
    let refused = app.custodian().change(&format!("/v1/registrations/{}/removal", entered.registration), &etag, &removal);
    assert!(refused.problem(422, "invalid").mistakes().contains(&"/ground transfer-open".to_owned()));

    app.set_clock("2026-11-24T15:00:00Z");
    let held = conference(app, &entered.child, "2026-11-24", "registered");
    assert_eq!(checked(app), on_register("transfer-pending", NEWPORT), "registered there, responsible here");
    step(&receiver(), "hold-conference", json!({"conferenceId": held})).expect(200);
    let seen = step(&receiver(), "accept", json!({"note": "Accepted; the plan of 24 November replaces the earlier one"})).expect(200);
    assert_eq!(seen.text("/responsible"), TORFAEN);
    assert_eq!(checked(app), on_register("registered", TORFAEN));
    until(app, &path, "closed");
    // The receiver hears by a message of its own that the origin knows.
    let seen = wait(app, &Caller::custodian(), &path, |seen| seen.at("/open") == json!(false));
    assert_eq!(seen.at("/possible"), json!([]));
    wait(app, &Caller::custodian(), &path, |_| entries(app, &entered.child).contains(&(NEWPORT.into(), "previously-registered".into())));
    assert_eq!(
        entries(app, &entered.child),
        [
            (TORFAEN.to_owned(), "previously-registered".to_owned()),
            (TORFAEN.to_owned(), "registered".to_owned()),
            (NEWPORT.to_owned(), "previously-registered".to_owned()),
        ]
    );
    let ended = app.custodian().get(&format!("/v1/registrations/{}/removal", entered.registration)).expect(200);
    assert_eq!(ended.text("/ground"), "transferred");
    assert_eq!(checked(app), on_register("registered", TORFAEN));
    // Everything that was done stands there by name.
    let steps: Vec<_> = seen.list("/steps").iter().map(|step| step["action"].as_str().expect("an action").to_owned()).collect();
    assert_eq!(steps, ["notify", "acknowledge", "papers", "return", "papers", "agree", "book-conference", "hold-conference", "accept"]);
    // Nobody takes either end back by hand: the child would be on no register, or two authorities would be responsible.
    let mistake = json!({"reason": "The wrong child"});
    let all = app.custodian().get("/v1/registrations?limit=200").expect(200).list("/items");
    let there = all
        .iter()
        .find(|entry| entry["status"] == "registered" && entry["childId"] == entered.child.as_str())
        .expect("the entry there")["id"]
        .as_str()
        .expect("an id");
    let refused = app.as_caller(&Caller::of_authority("custodian", TORFAEN));
    let refused = refused.change(&format!("/v1/registrations/{there}/entered-in-error"), "*", &mistake).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "taken-over");
    let undo = format!("/v1/registrations/{}/removal/entered-in-error", entered.registration);
    let refused = app.custodian().change(&undo, "*", &mistake).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "handed-over");
    assert_eq!(checked(app), on_register("registered", TORFAEN));
    // A closed move takes no step.
    let closed = step(&origin(), "withdraw", json!({"reason": "mistake"})).problem(409, "out-of-turn");
    assert_eq!(closed.text("/errors/0/code"), "transfer-ended");
}

on_both!(what_is_refused_withdrawn_or_not_registered_stays_with_the_origin);
fn what_is_refused_withdrawn_or_not_registered_stays_with_the_origin(app: &TestApp) {
    let child = |given: &str, nhs: &str| app.register(&Child::named(given, "Maddocks").born("2018-03-02").nhs(nhs));
    let (refused, withdrawn, unregistered) = (child("Ffion", "9990001014"), child("Macsen", "9990001022"), child("Tegan", "9990001030"));
    let delivered = |path: &str| wait(app, &receiver(), path, |seen| seen.at("/delivered") == json!(true));

    let path = begin(app, &refused, Some("not-said"));
    delivered(&path);
    let missing = step(app, &receiver(), &path, "refuse", &json!({})).problem(422, "invalid");
    assert_eq!(missing.mistakes(), ["/reason missing"], "refusal needs a reason (I23)");
    let not_theirs = step(app, &receiver(), &path, "refuse", &json!({"reason": "not-registered"})).problem(422, "invalid");
    assert_eq!(not_theirs.mistakes(), ["/reason not-a-persons-reason"]);
    step(app, &receiver(), &path, "refuse", &json!({"reason": "not-resident", "note": "They have no tenancy yet"})).expect(200);
    assert_eq!(until(app, &path, "refused").text("/responsible"), NEWPORT);
    wait(app, &origin(), &path, |seen| seen.at("/open") == json!(false));
    let tasks = app.as_caller(&origin()).get("/v1/tasks?open=true").expect(200).list("/items");
    assert!(tasks.iter().any(|task| task["kind"] == "transfer-who-is-responsible"), "{tasks:?}");
    let disputed = step(app, &origin(), &path, "dispute", &json!({"note": "The school has them since Monday"})).expect(200);
    assert_eq!(disputed.at("/steps/2/action"), json!("dispute"));
    let disputed_there = || {
        let told = app.as_caller(&receiver()).get("/v1/notices").expect(200).list("/items");
        told.iter().filter(|notice| notice["kind"] == "transfer-disputed" && notice["authority"] == TORFAEN).count()
    };
    let begun = Instant::now();
    while disputed_there() == 0 {
        assert!(begun.elapsed() < DELIVERED_WITHIN, "the other side hears of it by its own message");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(disputed_there(), 2, "the custodian and the senior manager");

    let path = begin(app, &withdrawn, None);
    assert_eq!(delivered(&path).text("/status"), "expected", "not certain yet");
    let second = json!({"registrationId": withdrawn.registration, "to": SWANSEA, "nature": "permanent"});
    step(app, &origin(), &path, "notify", &json!({"nature": "permanent"})).expect(200);
    let refused_second = app.as_caller(&origin()).post("/v1/transfers", &second).problem(409, "out-of-turn");
    assert_eq!(refused_second.text("/errors/0/code"), "transfer-open");
    assert!(refused_second.list("/possible").iter().any(|turn| turn["action"] == "withdraw"), "{}", refused_second.body);
    until(app, &path, "notified");
    step(app, &origin(), &path, "withdraw", &json!({"reason": "came-back"})).expect(200);
    until(app, &path, "withdrawn");
    wait(app, &origin(), &path, |seen| seen.at("/open") == json!(false));

    let path = begin(app, &unregistered, Some("permanent"));
    delivered(&path);
    step(app, &receiver(), &path, "agree", &json!({"practitioner": "Elin Gwynne"})).expect(200);
    app.set_clock("2026-11-24T15:00:00Z");
    let held = conference(app, &unregistered.child, "2026-11-24", "not-registered");
    step(app, &receiver(), &path, "hold-conference", &json!({"conferenceId": held})).expect(200);
    assert_eq!(until(app, &path, "not-registered").text("/responsible"), NEWPORT);
    wait(app, &origin(), &path, |seen| seen.at("/open") == json!(false));

    for entered in [&refused, &withdrawn, &unregistered] {
        let begun = Instant::now();
        let expected = [(TORFAEN.to_owned(), "previously-registered".to_owned()), (NEWPORT.to_owned(), "registered".to_owned())];
        while entries(app, &entered.child) != expected {
            assert!(begun.elapsed() < DELIVERED_WITHIN, "{:?}", entries(app, &entered.child));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

on_both!(who_is_refused_and_offered_again_on_one_day_is_still_shown_there_on_the_next);
fn who_is_refused_and_offered_again_on_one_day_is_still_shown_there_on_the_next(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let shown = [(TORFAEN.to_owned(), "temporarily-registered".to_owned()), (NEWPORT.to_owned(), "transfer-pending".to_owned())];
    for round in 0..3 {
        let path = begin(app, &entered, Some("permanent"));
        wait(app, &receiver(), &path, |seen| seen.at("/delivered") == json!(true));
        assert_eq!(entries(app, &entered.child), shown, "round {round}");
        if round < 2 {
            step(app, &receiver(), &path, "refuse", &json!({"reason": "not-resident"})).expect(200);
            wait(app, &origin(), &path, |seen| seen.at("/open") == json!(false));
        }
    }
    app.set_clock("2026-11-17T10:00:00Z");
    assert_eq!(entries(app, &entered.child), shown, "its end was for what had ended");
    assert_eq!(checked(app), on_register("transfer-pending", NEWPORT));
    app.set_clock("2026-11-30T10:00:00Z");
    assert_eq!(entries(app, &entered.child), shown);
}

on_both!(out_of_turn_on_anothers_end_or_without_a_reason_is_refused_with_what_may_be_done);
fn out_of_turn_on_anothers_end_or_without_a_reason_is_refused_with_what_may_be_done(app: &TestApp) {
    let entered = app.register(&Child::usual());
    for (body, mistakes) in [
        (json!({}), vec!["/registrationId missing", "/to missing"]),
        (json!({"registrationId": entered.registration, "to": "W99999999"}), vec!["/to unknown-authority"]),
        (json!({"registrationId": entered.registration, "to": TORFAEN, "nature": "perhaps"}), vec!["/nature unknown-code"]),
        (json!({"registrationId": "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11", "to": TORFAEN}), vec!["/registrationId unknown-registration"]),
    ] {
        let refused = app.as_caller(&origin()).post("/v1/transfers", &body).problem(422, "invalid");
        assert_eq!(refused.mistakes(), mistakes, "{body}");
    }
    let same = json!({"registrationId": entered.registration, "to": NEWPORT, "nature": "permanent"});
    let same = app.as_caller(&origin()).post("/v1/transfers", &same).problem(409, "out-of-turn");
    assert_eq!(same.text("/errors/0/code"), Why::SameAuthority.code());
    let path = begin(app, &entered, Some("permanent"));
    wait(app, &receiver(), &path, |seen| seen.at("/delivered") == json!(true));

    for (caller, action, body, why, may) in [
        (origin(), "acknowledge", json!({}), "other-side", ("acknowledge", TORFAEN)),
        (origin(), "accept", json!({"note": "Yes"}), "other-side", ("acknowledge", TORFAEN)),
        (receiver(), "withdraw", json!({"reason": "mistake"}), "other-side", ("withdraw", NEWPORT)),
        (receiver(), "papers", json!({"papers": ["plan"]}), "other-side", ("papers", NEWPORT)),
        (receiver(), "book-conference", json!({"on": "2026-12-01"}), "not-now", ("agree", TORFAEN)),
        (receiver(), "accept", json!({"note": "Yes"}), "no-conference", ("hold-conference", TORFAEN)),
    ] {
        let refused = step(app, &caller, &path, action, &body).problem(409, "out-of-turn");
        assert_eq!(refused.text("/errors/0/code"), why, "{action}");
        let possible = refused.list("/possible");
        let named = possible.iter().find(|turn| turn["action"] == may.0 && turn["authority"] == may.1);
        assert!(named.is_some_and(|turn| turn["roles"].as_array().is_some_and(|roles| !roles.is_empty())), "{action}: {possible:?}");
    }
    for (action, body, mistakes) in [
        ("agree", json!({}), vec!["/practitioner missing"]),
        ("return", json!({"missing": []}), vec!["/missing missing"]),
        ("return", json!({"missing": ["diary"]}), vec!["/missing/0 unknown-code"]),
        ("accept", json!({}), vec!["/note missing"]),
        ("refuse", json!({"reason": "other"}), vec!["/note missing"]),
        ("acknowledge", json!({"papers": ["plan"]}), vec!["/papers not-of-this-step"]),
    ] {
        let refused = step(app, &receiver(), &path, action, &body).problem(422, "invalid");
        assert_eq!(refused.mistakes(), mistakes, "{action} {body}");
    }
    let duty = Caller::of_authority("emergency-duty", TORFAEN);
    step(app, &duty, &path, "accept", &json!({"note": "Yes"})).problem(403, "operation-not-allowed");
    step(app, &duty, &path, "acknowledge", &json!({})).expect(200);
    let custodian = app.as_caller(&receiver());
    custodian.change(&format!("{path}/juggle"), "\"1\"", &json!({})).problem(404, "not-found");
    custodian.change(&format!("{path}/agree"), "\"0\"", &json!({"practitioner": "Elin Gwynne"})).problem(412, "precondition-failed");
    custodian.request(Method::POST, &format!("{path}/agree")).json(&json!({})).send().problem(428, "precondition-required");
    app.as_caller(&Caller::of_authority("custodian", "W06000018")).get(&path).problem(404, "not-found");
}

on_both!(what_is_not_acknowledged_in_time_is_told_to_more_and_more_people);
fn what_is_not_acknowledged_in_time_is_told_to_more_and_more_people(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = begin(app, &entered, Some("permanent"));
    // Both sides count from when the receipt is there too.
    wait(app, &Caller::custodian(), &path, |seen| {
        let duties = seen.list("/duties");
        ["origin", "receiver"].iter().all(|side| duties.iter().any(|duty| duty["code"] == "transfer-seen" && duty["side"] == *side))
    });
    let level = || {
        let duties = app.custodian().get(&path).expect(200).list("/duties");
        let of = |side: &str| duties.iter().find(|duty| duty["code"] == "transfer-seen" && duty["side"] == side).cloned();
        (of("receiver").expect("a duty"), of("origin").expect("a duty"))
    };
    let (receiver_side, _) = level();
    let due: chrono::DateTime<chrono::Utc> = receiver_side["dueAt"].as_str().expect("a time").parse().expect("a time");
    let since: chrono::DateTime<chrono::Utc> = receiver_side["since"].as_str().expect("a time").parse().expect("a time");
    let time = due - since;
    let escalated = || {
        let all = app.custodian().get("/v1/notices").expect(200).list("/items");
        all.iter().filter(|notice| notice["kind"] == "transfer-escalated").count()
    };
    assert_eq!(escalated(), 0);
    let mut before = 0;
    for (at, expected) in [(since + time / 2, "first"), (due, "second"), (due + time / 2, "third")] {
        app.set_clock(&(at + chrono::TimeDelta::seconds(1)).to_rfc3339());
        let begun = Instant::now();
        while level().0["level"] != expected || level().1["level"] != expected {
            assert!(begun.elapsed() < DELIVERED_WITHIN, "{expected}: {:?}", level());
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(escalated() > before, "{expected}: people are told");
        before = escalated();
        assert_eq!(checked(app), on_register("transfer-pending", NEWPORT), "lateness changes nobody's custody");
    }
    step(app, &receiver(), &path, "acknowledge", &json!({})).expect(200);
    let duties = app.custodian().get(&path).expect(200).list("/duties");
    assert!(!duties.iter().any(|duty| duty["code"] == "transfer-seen" && duty["side"] == "receiver"), "{duties:?}");
}

on_both_databases!(what_is_parked_is_listed_on_the_command_line_and_sent_again_when_a_person_says_so);
fn what_is_parked_is_listed_on_the_command_line_and_sent_again_when_a_person_says_so(backend: Backend) {
    let program = Program::start(Arc::new(TestDatabase::migrated(backend)), "[log]\nlevel = \"info\"");
    let custodian = Caller::custodian();
    let child = program.post("/v1/children", Some(&custodian), &Child::usual().0).expect(201).text("/id");
    let entry = program.post("/v1/registrations", Some(&custodian), &Entry::usual().child(&child).0).expect(201).text("/id");
    // To a region that is not there: it waits.
    let moves = json!({"registrationId": entry, "to": SWANSEA, "nature": "permanent"});
    program.post("/v1/transfers", Some(&custodian), &moves).expect(201);
    let config = program.folder().join("region.toml").display().to_string();
    let messages = |arguments: &[&str]| {
        let all = [&["messages"], arguments, &["--config", &config]].concat();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_cofrestr")).args(all).current_dir(program.folder()).output();
        let output = output.expect("the program");
        let lines = String::from_utf8(output.stdout).expect("text");
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        (output.status.success(), lines, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (listed, lines, _) = messages(&["list"]);
    assert!(listed && lines.len() == 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!((&line["state"], &line["kind"], &line["to"]), (&json!("waiting"), &json!("offer"), &json!(SWANSEA)));
    assert!(!lines[0].to_string().contains("Trahaearn"), "it names nobody");
    let id = line["id"].as_str().expect("an id").to_owned();
    let (replayed, _, said) = messages(&["replay", &uuid::Uuid::now_v7().to_string()]);
    assert!(!replayed && said.contains("no message with this identifier waits or is parked"), "{said}");

    // The other side does not believe it.
    let park = "UPDATE custody_outbox SET state = 'parked', refused = 5, problem = 'unproven'";
    program.database().execute(park).expect("a change");
    let (_, lines, _) = messages(&["list"]);
    assert_eq!((&lines[0]["state"], &lines[0]["problem"], &lines[0]["refused"]), (&json!("parked"), &json!("unproven"), &json!(5)));
    let (replayed, _, said) = messages(&["replay", &id]);
    assert!(replayed, "{said}");
    let (_, lines, _) = messages(&["list"]);
    assert_eq!((&lines[0]["state"], &lines[0]["refused"]), (&json!("waiting"), &json!(0)), "it is on its way again");
    let who = program.database().audit().into_iter().filter(|row| row.operation == "tendMessages").count();
    assert_eq!(who, 8, "each look is in the log: at the parked ones and at those that wait");
}

on_both!(an_operator_sees_what_is_not_delivered_and_nobody_in_it_and_sends_it_again);
fn an_operator_sees_what_is_not_delivered_and_nobody_in_it_and_sends_it_again(app: &TestApp) {
    let operator = app.as_caller(&Caller::of_region("operator"));
    assert_eq!(operator.get("/v1/messages").expect(200).at("/items"), json!([]));
    let entered = app.register(&Child::usual());
    // To a region that is not there: it waits.
    let moves = json!({"registrationId": entered.registration, "to": SWANSEA, "nature": "permanent"});
    let made = app.as_caller(&origin()).post("/v1/transfers", &moves).expect(201);
    let listed = operator.get("/v1/messages").expect(200);
    let seen = listed.list("/items");
    assert_eq!(seen.len(), 1, "{}", listed.body);
    let told = |name: &str| seen[0][name].as_str().unwrap_or_default().to_owned();
    assert_eq!((told("state"), told("kind"), told("from"), told("to")), ("waiting".into(), "offer".into(), NEWPORT.into(), SWANSEA.into()));
    for secret in [&entered.child, &entered.registration, &made.text("/id")] {
        assert!(!listed.body.contains(secret.as_str()), "no case data: {}", listed.body);
    }
    app.custodian().get("/v1/messages").problem(403, "operation-not-allowed");
    operator.get("/v1/messages?state=lost").problem(400, "malformed-query");
    let elsewhere = app.as_caller(&Caller::of_authority("operator", TORFAEN));
    assert_eq!(elsewhere.get("/v1/messages").expect(200).at("/items"), json!([]), "another authority's");
    let path = format!("/v1/messages/{}/replay", told("id"));
    elsewhere.post(&path, &json!({})).problem(404, "not-found");
    app.custodian().post(&path, &json!({})).problem(403, "operation-not-allowed");

    let set = |to: &str| app.database().execute(&format!("UPDATE custody_outbox SET {to}")).expect("a change");
    set("state = 'parked', refused = 5, problem = 'unproven'");
    let parked = operator.get("/v1/messages?state=parked").expect(200);
    assert_eq!((parked.text("/items/0/problem"), parked.at("/items/0/refused")), ("unproven".into(), json!(5)), "{}", parked.body);
    assert_eq!(parked.at("/items/0/nextAt"), Value::Null);
    assert_eq!(operator.get("/v1/messages?state=waiting").expect(200).at("/items"), json!([]));
    let again = operator.request(Method::POST, &path).key("once").json(&json!({})).send().expect(201);
    assert_eq!((again.text("/state"), again.at("/refused")), ("waiting".into(), json!(0)));
    set("state = 'delivered'");
    let before = operator.request(Method::POST, &path).key("once").json(&json!({})).send().expect(201);
    assert_eq!(before.body, again.body, "the same key, the same answer");
    operator.post(&path, &json!({})).problem(409, "conflict");
    assert_eq!(operator.get("/v1/messages").expect(200).at("/items"), json!([]));
    let entries = app.audit_of(&again);
    assert_eq!((entries.len(), entries[0].operation.as_str()), (1, "replayMessage"));
}

on_both!(a_child_who_moved_on_is_offered_elsewhere_by_two_people_and_a_dispute_ends_by_giving_way);
fn a_child_who_moved_on_is_offered_elsewhere_by_two_people_and_a_dispute_ends_by_giving_way(app: &TestApp) {
    let entered = app.register(&Child::usual());
    // To a region that does not answer, and then on to another authority of this one.
    let first = json!({"registrationId": entered.registration, "to": SWANSEA, "nature": "permanent"});
    let first = app.as_caller(&origin()).post("/v1/transfers", &first).expect(201).header("location").expect("one").to_owned();
    step(app, &origin(), &first, "withdraw", &json!({"reason": "moved-on"})).expect(200);
    let second = |more: &str, by: Value| {
        let mut body = json!({"registrationId": entered.registration, "to": TORFAEN, "nature": "permanent"});
        body[more] = by;
        app.as_caller(&origin()).post("/v1/transfers", &body)
    };
    let refused = second("note", json!("They went on to Torfaen")).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "transfer-open");
    let refused = second("approvedBy", json!("Nia Pritchard")).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "second-person", "nobody approves what they do themselves");
    let path = second("approvedBy", json!("Siân Parry")).expect(201).header("location").expect("one").to_owned();
    wait(app, &receiver(), &path, |seen| seen.at("/delivered") == json!(true));
    // No dispute: there is nothing to give way in.
    let refused = step(app, &origin(), &path, "give-way", &json!({"note": "We agree"})).problem(409, "out-of-turn");
    assert!(["no-dispute", "other-side"].contains(&refused.text("/errors/0/code").as_str()), "{}", refused.body);
}

on_both!(an_address_where_no_child_of_the_register_lives_asks_whether_the_child_has_moved);
fn an_address_where_no_child_of_the_register_lives_asks_whether_the_child_has_moved(app: &TestApp) {
    let at = |child: Child, postcode: &str| child.living_at(&["14 Stryd y Felin"], postcode);
    let child = app.register(&at(Child::named("Ffion", "Maddocks").born("2018-03-02").nhs("9990001014"), "NP20 4QR"));
    let neighbour = app.register(&at(Child::named("Macsen", "Maddocks").born("2016-03-02").nhs("9990001022"), "NP19 7AB"));
    let suspected = |open: bool| {
        let all = app.as_caller(&origin()).get(&format!("/v1/tasks?open={open}")).expect(200).list("/items");
        all.into_iter().filter(|task| task["kind"] == "suspected-move").collect::<Vec<_>>()
    };
    let lives = |child: &str, kind: &str, postcode: &str, to: Value| {
        let body = json!({"kind": kind, "lines": ["2 Heol Newydd"], "postcode": postcode, "to": to});
        app.custodian().request(Method::POST, &format!("/v1/children/{child}/addresses")).header("if-match", "*").json(&body)
    };
    let moves = |child: &str, kind: &str, postcode: &str, to: Value| {
        lives(child, kind, postcode, to).key(&uuid::Uuid::now_v7().to_string()).send().expect(201);
    };
    // Where another child of the register lives, and where this one lived before this.
    moves(&child.child, "home", "NP19 8BD", Value::Null);
    moves(&neighbour.child, "home", "NP19 9ZZ", Value::Null);
    // Somebody whose stay there has ended.
    moves(&child.child, "temporary", "SY1 1AA", json!("2026-10-01"));
    assert_eq!(suspected(true), Vec::<Value>::new());
    moves(&child.child, "home", "SY1 1AB", Value::Null);
    let raised = suspected(true);
    assert_eq!(raised.len(), 1, "{raised:?}");
    let of = |name: &str| raised[0][name].as_str().unwrap_or_default().to_owned();
    assert_eq!((of("childId"), of("authority"), of("toRole")), (child.child.clone(), NEWPORT.to_owned(), "team-manager".to_owned()));
    assert!(!raised[0].to_string().contains("SY1"), "a task tells no address: {raised:?}");
    // Asked once, however often the address changes; answered when somebody says that the child moves.
    moves(&child.child, "temporary", "B1 1AA", Value::Null);
    assert_eq!(suspected(true).len(), 1);
    let path = begin(app, &child, Some("permanent"));
    assert_eq!((suspected(true).len(), suspected(false).len()), (0, 1));
    moves(&child.child, "temporary", "LS1 4AA", Value::Null);
    assert_eq!(suspected(true).len(), 0, "it is known that the child moves");
    step(app, &origin(), &path, "withdraw", &json!({"reason": "not-moving"})).expect(200);

    // A correction asks as well; of a child who is on no register nobody does.
    let fact = app.custodian().get(&format!("/v1/children/{}", neighbour.child)).expect(200).text("/addresses/0/id");
    let corrected = json!({"reason": "Misheard", "address": {"kind": "home", "lines": ["1 Heol Newydd"], "postcode": "CF10 1AA"}});
    app.custodian().put(&format!("/v1/children/{}/addresses/{fact}", neighbour.child), "*", &corrected).expect(200);
    assert_eq!(suspected(true).len(), 1);
    let nobody = app.enter(&Child::named("Tegan", "Maddocks").born("2015-03-02").nhs("9990001030")).child;
    moves(&nobody, "home", "LS1 4AB", Value::Null);
    assert_eq!(suspected(true).len(), 1);
}

on_both!(another_practice_asks_whether_the_child_has_moved_and_says_so);
fn another_practice_asks_whether_the_child_has_moved_and_says_so(app: &TestApp) {
    let child = app.register(&Child::named("Ffion", "Maddocks").born("2018-03-02").nhs("9990001014")).child;
    let suspected = |open: bool| {
        let all = app.as_caller(&origin()).get(&format!("/v1/tasks?open={open}")).expect(200).list("/items");
        all.into_iter().filter(|task| task["kind"] == "suspected-move").collect::<Vec<_>>()
    };
    let path = format!("/v1/children/{child}/practice");
    let state = |name: &str, code: Value, more: Value| {
        let mut body = json!({"name": name, "odsCode": code});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        app.custodian().put(&path, "*", &body)
    };
    let with = |code: &str| state("Meddygfa", json!(code), json!({}));
    for (body, mistakes) in [
        (json!({}), vec!["/name missing"]),
        (json!({"name": "M", "odsCode": "W9", "from": "2027-01-01"}), vec!["/odsCode not-an-ods-code", "/from in-the-future"]),
    ] {
        assert_eq!(app.custodian().put(&path, "*", &body).problem(422, "invalid").mistakes(), mistakes, "{body}");
    }
    // The first that is heard of, the same once more, and one that was mistyped, are no signs.
    with("W93001").expect(200);
    state("Meddygfa Glan-yr-afon", json!("w93001"), json!({"from": "2026-03-02"})).expect(200);
    let corrected = state("Meddygfa Glan-yr-afon", json!("W93010"), json!({"from": "2026-03-02", "correction": true})).expect(200);
    assert_eq!((corrected.list("/practices").len(), corrected.text("/practices/0/odsCode")), (1, "W93010".into()));
    assert_eq!(suspected(true), Vec::<Value>::new());
    // Another one is: asked once, with the reason by its code and in both languages.
    let refused = state("Riverside", json!("B84001"), json!({"from": "2026-03-02"})).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/from before-the-former"]);
    let moved = state("Riverside", json!("B84001"), json!({"from": "2026-11-02"})).expect(200);
    let days: Vec<_> = moved.list("/practices").iter().map(|one| (one["from"].clone(), one["to"].clone())).collect();
    assert_eq!(days, [(json!("2026-03-02"), json!("2026-11-01")), (json!("2026-11-02"), Value::Null)]);
    let raised = suspected(true);
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!(
        (&raised[0]["childId"], &raised[0]["authority"], &raised[0]["reasons"][0]["code"]),
        (&json!(child), &json!(NEWPORT), &json!("other-practice"))
    );
    assert!(!raised[0].to_string().contains("B84001") && !raised[0].to_string().contains("Riverside"), "a task tells no place: {raised:?}");
    let task = format!("/v1/tasks/{}", raised[0]["id"].as_str().expect("an id"));
    for (language, words) in [("en", "another GP practice"), ("cy", "phractis meddyg teulu gwahanol")] {
        let read = app.as_caller(&origin()).request(Method::GET, &task).header("accept-language", language).send().expect(200);
        assert!(read.text("/reasons/0/text").contains(words), "{}", read.body);
    }
    // Settled, it is not asked again of the same practice.
    app.as_caller(&origin()).change(&format!("{task}/closure"), "*", &json!({"reason": "They live on the border"})).expect(200);
    with("B84001").expect(200);
    let open = suspected(true).len();
    // What was true on a day, and what was known then.
    let then = app.custodian().get(&format!("/v1/children/{child}/history?on=2026-10-01")).expect(200);
    assert_eq!((then.list("/day/practices").len(), then.text("/day/practices/0/odsCode")), (1, "W93010".into()));
    assert_eq!(open, 0, "asked once");
}
