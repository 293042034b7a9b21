//! Responsibility that stays whatever the address, and families who move in one act.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Conference, Entry, Question, full};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// How long a message between two authorities of one region may take.
const DELIVERED_WITHIN: Duration = Duration::from_secs(20);

fn origin() -> Caller {
    Caller::of_authority("custodian", NEWPORT).with("name", json!("Nia Pritchard"))
}

fn place(entered: &Entered) -> String {
    format!("/v1/registrations/{}/responsibility", entered.registration)
}

fn record(app: &TestApp, entered: &Entered, body: &Value) -> Answer {
    app.as_caller(&origin()).put(&place(entered), "*", body)
}

fn tasks(app: &TestApp, kind: &str, open: bool) -> usize {
    let all = app.as_caller(&origin()).get(&format!("/v1/tasks?open={open}")).expect(200).list("/items");
    all.iter().filter(|task| task["kind"] == kind).count()
}

on_both!(a_court_order_keeps_responsibility_until_it_is_lifted);
fn a_court_order_keeps_responsibility_until_it_is_lifted(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let before = app.as_caller(&origin()).get(&place(&entered)).expect(200);
    assert_eq!((before.text("/responsible"), before.at("/courtOrder")), (NEWPORT.into(), Value::Null));
    let missing = record(app, &entered, &json!({"courtOrder": "Interim care order of 3 November"})).problem(422, "invalid");
    assert_eq!(missing.mistakes(), ["/reason missing"]);
    let ordered = json!({"courtOrder": "Interim care order of 3 November", "reason": "Served today"});
    let seen = record(app, &entered, &ordered).expect(200);
    assert_eq!((seen.text("/courtOrder"), seen.text("/by/name")), ("Interim care order of 3 November".into(), "Nia Pritchard".into()));
    let moves = |nature: Value, starts: Value| {
        let body = json!({"registrationId": entered.registration, "to": TORFAEN, "nature": nature, "startsOn": starts});
        app.as_caller(&origin()).post("/v1/transfers", &body)
    };
    let refused = moves(json!("permanent"), Value::Null).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "court-order");
    // The child may be elsewhere for a time, and this authority stays responsible.
    moves(json!("temporary"), json!("2026-11-16")).expect(201);

    let seen = record(app, &entered, &json!({"reason": "Discharged on 14 November"})).expect(200);
    assert_eq!((seen.at("/courtOrder"), seen.text("/reason")), (Value::Null, "Discharged on 14 November".into()));
    moves(json!("permanent"), Value::Null).expect(201);
    let late = record(app, &entered, &ordered).problem(409, "out-of-turn");
    assert_eq!(late.text("/errors/0/code"), "transfer-open", "what is offered could be completed all the same");
    assert!(late.list("/possible").iter().any(|turn| turn["action"] == "withdraw" && turn["authority"] == NEWPORT), "{}", late.body);
    let manager = Caller::of_authority("team-manager", NEWPORT);
    app.as_caller(&manager).put(&place(&entered), "*", &ordered).problem(403, "operation-not-allowed");
    app.as_caller(&Caller::of_authority("custodian", TORFAEN)).get(&place(&entered)).problem(404, "not-found");
}

on_both!(s30_a_child_outside_the_federation_stays_on_the_register_until_it_is_accepted_in_writing);
fn s30_a_child_outside_the_federation_stays_on_the_register_until_it_is_accepted_in_writing(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let outside = |since: &str, evidence: Value| {
        let outside = json!({"place": "Dublin, Tusla", "abroad": true, "since": since, "evidence": evidence});
        record(app, &entered, &json!({"outside": outside, "reason": "The aunt rang from Dublin"}))
    };
    assert_eq!(outside("2026-11-10", json!([])).problem(422, "invalid").mistakes(), ["/outside/evidence missing"]);
    let future = outside("2026-12-24", json!(["Call of the aunt, note 12"])).problem(422, "invalid");
    assert_eq!(future.mistakes(), ["/outside/since in-the-future"]);
    assert_eq!(tasks(app, "child-outside", true), 0);
    let seen = outside("2026-11-10", json!(["Call of the aunt, note 12"])).expect(200);
    assert_eq!((seen.text("/outside/place"), seen.at("/outside/abroad")), ("Dublin, Tusla".into(), json!(true)));
    assert_eq!(seen.text("/responsible"), NEWPORT);
    assert_eq!(tasks(app, "child-outside", true), 1, "nobody there answers by a message: a person writes and rings");
    let answer = |app: &TestApp| app.ask(&Caller::health(), &Question::usual());
    let found = answer(app);
    assert_eq!((found.text("/outcome"), found.text("/matches/0/authority/code")), ("on-register".into(), NEWPORT.into()));
    assert!(!found.body.contains("Dublin"), "an enquirer is told the minimum: {}", found.body);

    // Back again, and gone again, with more evidence; asked once.
    record(app, &entered, &json!({"reason": "They were on holiday"})).expect(200);
    assert_eq!((tasks(app, "child-outside", true), tasks(app, "child-outside", false)), (0, 1));
    outside("2026-11-12", json!(["Call of the aunt, note 12", "Letter of Tusla of 13 November, file 118"])).expect(200);
    let seen = app.as_caller(&origin()).get(&place(&entered)).expect(200);
    assert_eq!((seen.list("/outside/evidence").len(), seen.text("/outside/since")), (2, "2026-11-12".into()));
    assert_eq!(answer(app).text("/outcome"), "on-register");

    // It ends on the written acceptance, and where the child went stays known. Of a child who is not recorded outside no letter is enough.
    let at_home = app.register(&Child::named("Macsen", "Prydderch").born("2016-01-09"));
    let removal = json!({"removedOn": "2026-11-16", "ground": "transferred", "evidence": "Tusla accepts in writing, file 121", "reasons": "Plan made there"});
    let path = format!("/v1/registrations/{}/removal", entered.registration);
    let unproven = json!({"removedOn": "2026-11-16", "ground": "transferred", "reasons": "They are away"});
    app.as_caller(&origin()).change(&path, "*", &unproven).problem(422, "invalid");
    let of_another = format!("/v1/registrations/{}/removal", at_home.registration);
    let refused = app.as_caller(&origin()).change(&of_another, "*", &removal).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/ground transfer-not-accepted"]);
    assert_eq!(answer(app).text("/outcome"), "on-register");
    app.as_caller(&origin()).change(&path, "*", &removal).expect(201);
    assert_eq!(answer(app).text("/matches/0/status"), "previously-registered");
    assert_eq!(tasks(app, "child-outside", true), 0);
    assert_eq!(app.as_caller(&origin()).get(&place(&entered)).expect(200).text("/outside/place"), "Dublin, Tusla");
}

on_both!(the_children_of_a_family_move_in_one_act_or_none_does);
fn the_children_of_a_family_move_in_one_act_or_none_does(app: &TestApp) {
    let child = |given: &str, nhs: &str| app.register(&Child::named(given, "Maddocks").born("2018-03-02").nhs(nhs));
    let siblings = [child("Ffion", "9990001014"), child("Macsen", "9990001022"), child("Tegan", "9990001030")];
    let ids: Vec<&str> = siblings.iter().map(|entered| entered.registration.as_str()).collect();
    let moves = |entries: Value, to: &str| {
        let body = json!({"registrationIds": entries, "to": to, "nature": "permanent", "note": "A tenancy in Pontypool"});
        app.as_caller(&origin()).post("/v1/family-moves", &body)
    };
    for (entries, mistakes) in [
        (json!([]), vec!["/registrationIds missing"]),
        (json!([ids[0], ids[0]]), vec!["/registrationIds/1 twice"]),
        (json!([ids[0], "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11"]), vec!["/registrationIds/1 unknown-registration"]),
    ] {
        assert_eq!(moves(entries, TORFAEN).problem(422, "invalid").mistakes(), mistakes);
    }
    let open = || app.as_caller(&origin()).get("/v1/transfers?open=true").expect(200).list("/items");
    // One of them cannot be offered: nobody is.
    record(app, &siblings[2], &json!({"courtOrder": "Care order of 2 November", "reason": "Served"})).expect(200);
    let refused = moves(json!(ids), TORFAEN).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "court-order");
    assert_eq!(open().len(), 0, "all or none");

    let made = moves(json!(ids[..2]), TORFAEN).expect(201);
    let family = made.text("/familyMoveId");
    assert_eq!(made.list("/items").len(), 2, "{}", made.body);
    let begun = Instant::now();
    let delivered = || {
        let all = open();
        assert!(all.iter().all(|one| one["familyMoveId"] == family.as_str() && one["responsible"] == NEWPORT), "{all:?}");
        all.len() == 2 && all.iter().all(|one| one["delivered"] == true)
    };
    while !delivered() {
        assert!(begun.elapsed() < DELIVERED_WITHIN, "{:?}", open());
        std::thread::sleep(Duration::from_millis(50));
    }
    // What becomes of one changes nothing for the other (invariant I10).
    let first = made.text("/items/0/id");
    let receiver = Caller::of_authority("custodian", TORFAEN);
    let refuse = json!({"reason": "other-authority"});
    app.as_caller(&receiver).change(&format!("/v1/transfers/{first}/refuse"), "*", &refuse).expect(200);
    let other = app.as_caller(&receiver).get(&format!("/v1/transfers/{}", made.text("/items/1/id"))).expect(200);
    assert_eq!((other.text("/status"), other.at("/open")), ("notified".into(), json!(true)));
}

fn transfer(app: &TestApp, entered: &Entered) -> String {
    let body = json!({"registrationId": entered.registration, "to": TORFAEN, "nature": "permanent"});
    app.as_caller(&origin()).post("/v1/transfers", &body).expect(201).header("location").expect("a location").to_owned()
}

fn receiver() -> Caller {
    Caller::of_authority("custodian", TORFAEN).named("torfaen-custodian").with("name", json!("Gwen Powell"))
}

on_both!(no_second_custody_begins_beside_one_that_is_on_its_way);
fn no_second_custody_begins_beside_one_that_is_on_its_way(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = transfer(app, &entered);
    let begun = Instant::now();
    while app.as_caller(&origin()).get(&path).expect(200).at("/delivered") != json!(true) {
        assert!(begun.elapsed() < DELIVERED_WITHIN, "the move does not arrive");
        std::thread::sleep(Duration::from_millis(50));
    }
    let step = |action: &str, body: Value| app.as_caller(&receiver()).change(&format!("{path}/{action}"), "*", &body).expect(200);
    step("agree", json!({"nature": "permanent", "practitioner": "Elin Gwynne"}));
    app.set_clock("2026-11-24T10:00:00Z");
    let held = Conference::of(TORFAEN, "transfer-in", "2026-11-24").decides(&entered.child, "registered", full(json!(["neglect"])));
    let held = app.custodian().post("/v1/conferences", &held.0).expect(201).text("/id");
    step("hold-conference", json!({"conferenceId": held}));
    let there = app.as_caller(&receiver()).get("/v1/registrations").expect(200).list("/items");
    let there = there.iter().find(|entry| entry["authority"] == TORFAEN && entry["status"] == "registered").expect("their own entry");
    let there = there["id"].as_str().expect("an id").to_owned();

    // Torfaen has the child on its register and does not lead yet: whatever it would lead now would be a second custody.
    let own = format!("/v1/registrations/{there}/responsibility");
    app.as_caller(&receiver()).put(&own, "*", &json!({"reason": "She is ours now"})).problem(409, "not-in-force");
    let onward = json!({"registrationId": there, "to": "W06000020", "nature": "permanent"});
    app.as_caller(&receiver()).post("/v1/transfers", &onward);
    assert_eq!(app.count("custody WHERE standing = 'lead'"), 1);
    let seen = app.as_caller(&receiver()).get(&own).expect(200);
    assert_eq!(seen.text("/responsible"), NEWPORT, "one authority is responsible until the other has accepted");

    step("accept", json!({"note": "Accepted in writing"}));
    let begun = Instant::now();
    while app.count("custody WHERE standing = 'lead'") != 1 || app.count("custody WHERE standing = 'ended'") != 1 {
        assert!(begun.elapsed() < DELIVERED_WITHIN, "the move does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    let seen = app.as_caller(&receiver()).put(&own, "*", &json!({"reason": "She is ours now"})).expect(200);
    assert_eq!(seen.text("/responsible"), TORFAEN);
}

on_both!(what_was_recorded_under_an_earlier_entry_says_nothing_of_the_next);
fn what_was_recorded_under_an_earlier_entry_says_nothing_of_the_next(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let outside = json!({"place": "Dublin, Tusla", "abroad": true, "since": "2026-11-10", "evidence": ["Call of the aunt, note 12"]});
    record(app, &entered, &json!({"outside": outside, "courtOrder": "Interim care order", "reason": "The aunt rang"})).expect(200);
    let removal = json!({"removedOn": "2026-11-16", "ground": "transferred", "evidence": "Tusla accepts in writing, file 121", "reasons": "Plan made there"});
    app.as_caller(&origin()).change(&format!("/v1/registrations/{}/removal", entered.registration), "*", &removal).expect(201);
    assert_eq!(app.as_caller(&origin()).get(&place(&entered)).expect(200).text("/outside/place"), "Dublin, Tusla");

    // The child comes back, and is registered anew.
    app.set_clock("2026-11-20T10:00:00Z");
    let held = json!({"heldOn": "2026-11-19", "kind": "initial", "authority": NEWPORT});
    let entry = Entry::usual().child(&entered.child).with("registeredOn", json!("2026-11-19")).with("conference", held);
    let again = app.custodian().post("/v1/registrations", &entry.0).expect(201).text("/id");
    let again = Entered { registration: again, ..entered };
    let seen = app.as_caller(&origin()).get(&place(&again)).expect(200);
    assert_eq!((seen.text("/responsible"), seen.at("/outside"), seen.at("/courtOrder")), (NEWPORT.into(), Value::Null, Value::Null));
}
