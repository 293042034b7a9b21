//! The feed of events: what was done, in its order, until it is acknowledged.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::assertions::{System, nurse};
use crate::support::database::Backend;
use crate::support::on_both;
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// The events that somebody gets, once there are as many as are expected: on PostgreSQL a place in the log takes a moment.
#[track_caller]
fn events(client: &Client<'_>, query: &str, expected: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let found = client.get(&format!("/v1/events{query}")).expect(200).list("/items");
        if found.len() >= expected && (expected > 0 || begun.elapsed() > Duration::from_millis(600)) {
            assert_eq!(found.len(), expected, "{found:?}");
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{} events, not {expected}: {found:?}", found.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

on_both!(an_authority_follows_what_happens_in_order_and_acknowledges_it);
fn an_authority_follows_what_happens_in_order_and_acknowledges_it(app: &TestApp) {
    let entered = app.register(&Child::usual());
    for caller in [Caller::health(), Caller::police(), Caller::emergency_duty()] {
        app.ask(&caller, &Question::usual());
    }
    let custodian = app.custodian();
    let found = events(&custodian, "", 3);
    assert_eq!(kinds(&found), ["cofrestr.notice.enquiry"; 3]);
    for event in &found {
        assert_eq!((&event["specversion"], &event["partitionkey"]), (&json!("1.0"), &json!(entered.child)));
        let notice = custodian.get(event["subject"].as_str().expect("a path")).expect(200);
        assert_eq!((notice.text("/childId"), notice.text("/toRole")), (entered.child.clone(), "custodian".into()));
        for personal in ["Siân", "Llewellyn", "2017-05-09", "9990001006", "NP20"] {
            assert!(!event.to_string().contains(personal), "an event is thin: {event}");
        }
    }
    let ids: BTreeSet<_> = found.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 3);

    // Page by page, and again from the beginning until it is acknowledged.
    let first = custodian.get("/v1/events?limit=2").expect(200);
    assert!(app.audit_of(&first)[0].record.contains(&entered.child), "whose events were read is in the log");
    let second = custodian.get(&first.text("/links/next")).expect(200);
    assert_eq!([first.list("/items"), second.list("/items")].concat(), found);
    assert!(second.at("/links/next").is_null());
    let acknowledge = |event: &Value| custodian.post("/v1/events/acknowledgement", &json!({"cursor": event["sequence"]}));
    acknowledge(&found[1]).expect(201);
    assert_eq!(events(&custodian, "", 1), found[2..]);
    // What was acknowledged stays so, and can be read again all the same.
    assert_eq!(acknowledge(&found[0]).expect(201).at("/cursor"), found[1]["sequence"]);
    assert_eq!(events(&custodian, &format!("?after={}", found[0]["sequence"].as_str().expect("a cursor")), 2), found[1..]);
    acknowledge(&found[2]).expect(201);
    events(&custodian, "", 0);
    // Another consumer has its own place.
    let newport = app.as_caller(&Caller::of_authority("custodian", NEWPORT));
    assert_eq!(events(&newport, "", 3), found);
    events(&app.as_caller(&Caller::of_authority("custodian", TORFAEN)), "", 0);
}

on_both!(a_partner_system_hears_that_a_person_has_read_of_what_it_asked);
fn a_partner_system_hears_that_a_person_has_read_of_what_it_asked(app: &TestApp) {
    app.register(&Child::usual());
    app.register_formerly(&Child::named("Ffion", "Maddocks").born("2016-02-03"));
    let (system, other) = (System::usual(app), System::usual(app));
    let person = app.with_token(Some(system.token(Some(nurse()))));
    let asked = person.post("/v1/checks", &Question::usual().0).expect(201);
    person.post("/v1/checks", &Question::about("Ffion", "Maddocks").born("2016-02-03").0).expect(201);
    events(&app.with_token(Some(system.token(None))), "", 0);
    for notice in app.custodian().get("/v1/notices").expect(200).list("/items") {
        let path = format!("/v1/notices/{}/acknowledgement", notice["id"].as_str().expect("an id"));
        app.custodian().change(&path, "\"1\"", &json!({})).expect(200);
    }
    // Of the former entry nothing is told: the answer may have said nothing of it.
    let found = events(&app.with_token(Some(system.token(None))), "", 1);
    assert_eq!(found[0]["type"], "cofrestr.check.read-by-authority");
    assert_eq!(found[0]["subject"], format!("/v1/checks/{}", asked.text("/id")));
    assert!(
        found[0].get("partitionkey").is_none() && found[0]["data"].get("childId").is_none(),
        "of checks, not of children: {}",
        found[0]
    );
    events(&app.with_token(Some(other.token(None))), "", 0);
    // The person and the system are one consumer.
    person.post("/v1/events/acknowledgement", &json!({"cursor": found[0]["sequence"]})).expect(201);
    events(&app.with_token(Some(system.token(None))), "", 0);
}

on_both!(a_place_that_is_none_is_not_acknowledged);
fn a_place_that_is_none_is_not_acknowledged(app: &TestApp) {
    app.register(&Child::usual());
    app.ask(&Caller::health(), &Question::usual());
    let found = events(&app.custodian(), "", 1);
    let cursor = found[0]["sequence"].as_str().expect("a cursor");
    let acknowledge =
        |client: &Client<'_>, body: Value| client.post("/v1/events/acknowledgement", &body).problem(422, "invalid").mistakes();
    assert_eq!(acknowledge(&app.custodian(), json!({})), ["/cursor missing"]);
    // From the future: whoever acknowledged it would miss what comes until then.
    let ahead = format!("f{}", &cursor[1..]);
    for wrong in ["", "nonsense", ahead.as_str()] {
        assert_eq!(acknowledge(&app.custodian(), json!({"cursor": wrong})), ["/cursor unknown-cursor"], "{wrong}");
    }
    // Somebody else's.
    assert_eq!(acknowledge(&app.health(), json!({"cursor": cursor})), ["/cursor unknown-cursor"]);
    for query in ["?after=nonsense", "?limit=0", "?limit=201", "?before=x"] {
        app.custodian().get(&format!("/v1/events{query}")).problem(400, "malformed-query");
    }
}

#[test]
fn no_event_is_lost_over_a_restart_and_none_comes_of_what_was_not_done() {
    for kind in [Backend::Sqlite, Backend::Postgres] {
        let mut app = TestApp::start(kind, "");
        app.register(&Child::usual());
        app.ask(&Caller::health(), &Question::usual());
        // Work that is undone leaves no event either.
        app.as_caller(&Caller::health()).post("/v1/checks", &Question::usual().because("curiosity").0).problem(422, "invalid");
        app.restart();
        app.ask(&Caller::police(), &Question::usual());
        let found = events(&app.custodian(), "", 2);
        let times: Vec<_> = found.iter().map(|event| event["sequence"].as_str().expect("a cursor").to_owned()).collect();
        assert_ne!(times[0], times[1]);
        assert_eq!(app.count("event"), 2);
    }
}

#[test]
fn events_of_many_at_once_come_each_once_and_in_one_order() {
    for kind in [Backend::Sqlite, Backend::Postgres] {
        let app = TestApp::start(kind, "");
        app.register(&Child::usual());
        let (app, seen) = (&app, std::sync::Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || (0..10).for_each(|_| drop(app.ask(&Caller::health(), &Question::usual()))));
            }
            // A program that follows meanwhile, and never looks back.
            let mut after = String::new();
            let begun = Instant::now();
            let mut got: Vec<Value> = Vec::new();
            while got.len() < 40 {
                assert!(begun.elapsed() < Duration::from_secs(60), "only {} events", got.len());
                let page = app.custodian().get(&format!("/v1/events?limit=7{after}")).expect(200);
                got.extend(page.list("/items"));
                if let Some(cursor) = page.at("/cursor").as_str() {
                    after = format!("&after={cursor}");
                }
            }
            seen.lock().expect("a lock").extend(got);
        });
        let seen = seen.into_inner().expect("what was seen");
        let ids: BTreeSet<_> = seen.iter().map(|event| event["id"].to_string()).collect();
        assert_eq!((seen.len(), ids.len()), (40, 40), "each once");
        assert_eq!(seen, events(&app.custodian(), "", 40), "whoever reads later sees the same order");
    }
}
