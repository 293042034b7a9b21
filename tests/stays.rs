//! A child stays in another authority's area for a time: home goes on being responsible, and nothing ends it but home.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// How long a message between two authorities of one region may take.
const DELIVERED_WITHIN: Duration = Duration::from_secs(20);

fn home() -> Caller {
    Caller::of_authority("custodian", NEWPORT).with("name", json!("Nia Pritchard"))
}

fn host() -> Caller {
    Caller::of_authority("team-manager", TORFAEN).with("name", json!("Gwen Powell"))
}

fn begin(app: &TestApp, entered: &Entered, expected_to: &str) -> String {
    let body = json!({
        "registrationId": entered.registration, "to": TORFAEN, "nature": "temporary", "startsOn": "2026-11-16", "expectedTo": expected_to,
        "supervision": "Torfaen visits every week", "note": "With the grandmother",
    });
    app.as_caller(&home()).post("/v1/transfers", &body).expect(201).header("location").expect("a location").to_owned()
}

#[track_caller]
fn wait(app: &TestApp, path: &str, is: impl Fn(&Answer) -> bool) -> Answer {
    let begun = Instant::now();
    loop {
        let seen = app.custodian().get(path).expect(200);
        if is(&seen) {
            return seen;
        }
        assert!(begun.elapsed() < DELIVERED_WITHIN, "{}", seen.body);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn step(app: &TestApp, caller: &Caller, path: &str, action: &str, body: &Value) -> Answer {
    app.as_caller(caller).change(&format!("{path}/{action}"), "*", body)
}

fn statuses(app: &TestApp, child: &str) -> Vec<(String, String)> {
    let all = app.custodian().get("/v1/registrations").expect(200).list("/items");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let of = all.iter().filter(|entry| entry["childId"] == child);
    let mut of: Vec<_> = of.map(|entry| (text(&entry["authority"]), text(&entry["status"]))).collect();
    of.sort();
    of
}

fn tasks(app: &TestApp, caller: &Caller, kind: &str) -> usize {
    let all = app.as_caller(caller).get("/v1/tasks?open=true").expect(200).list("/items");
    all.iter().filter(|task| task["kind"] == kind).count()
}

fn pair(authority: &str, status: &str) -> (String, String) {
    (authority.to_owned(), status.to_owned())
}

on_both!(a_stay_is_shown_at_the_host_until_home_ends_it_and_home_is_responsible_throughout);
fn a_stay_is_shown_at_the_host_until_home_ends_it_and_home_is_responsible_throughout(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = begin(app, &entered, "2026-12-18");
    let seen = wait(app, &path, |seen| seen.at("/delivered") == json!(true));
    assert_eq!(
        (seen.text("/status"), seen.text("/nature"), seen.text("/responsible")),
        ("staying".into(), "temporary".into(), NEWPORT.into())
    );
    wait(app, &path, |_| statuses(app, &entered.child).contains(&pair(TORFAEN, "temporarily-registered")));
    assert!(statuses(app, &entered.child).contains(&pair(NEWPORT, "registered")), "no move: home keeps the child");
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!((answer.text("/outcome"), answer.text("/matches/0/authority/code")), ("on-register".into(), NEWPORT.into()));
    let told = app.as_caller(&host()).get("/v1/notices").expect(200).list("/items");
    assert!(told.iter().any(|notice| notice["kind"] == "stay-here"), "{told:?}");

    // A person at the host acknowledges what is agreed now; another version is acknowledged anew.
    let seen = step(app, &host(), &path, "acknowledge", &json!({})).expect(200);
    assert_eq!((seen.text("/status"), seen.text("/acknowledged/name")), ("stay-acknowledged".into(), "Gwen Powell".into()));
    step(app, &home(), &path, "extend", &json!({"expectedTo": "2027-01-08", "note": "The grandmother is ill"})).expect(200);
    let seen = wait(app, &path, |seen| seen.text("/status") == "staying");
    assert_eq!((seen.text("/expectedTo"), seen.text("/supervision")), ("2027-01-08".into(), "Torfaen visits every week".into()));
    step(app, &host(), &path, "acknowledge", &json!({})).expect(200);

    // What the host saw is told to home.
    step(app, &host(), &path, "contact", &json!({"on": "2026-11-17", "note": "Seen at the grandmother's; well"})).expect(200);
    let begun = Instant::now();
    let heard =
        || app.as_caller(&home()).get("/v1/notices").expect(200).list("/items").iter().any(|notice| notice["kind"] == "stay-contact");
    while !heard() {
        assert!(begun.elapsed() < DELIVERED_WITHIN, "home hears of it");
        std::thread::sleep(Duration::from_millis(50));
    }
    let seen = app.as_caller(&home()).get(&path).expect(200);
    assert_eq!((seen.text("/contacts/0/on"), seen.text("/contacts/0/by/name")), ("2026-11-17".into(), "Gwen Powell".into()));

    // Who may do what, and when.
    for (caller, action, body, why) in [
        (host(), "end", json!({}), "other-side"),
        (home(), "contact", json!({"on": "2026-11-17"}), "other-side"),
        (home(), "papers", json!({"papers": ["plan"]}), "not-now"),
    ] {
        let refused = step(app, &caller, &path, action, &body).problem(409, "out-of-turn");
        assert_eq!(refused.text("/errors/0/code"), why, "{action}");
        assert!(refused.list("/possible").iter().any(|turn| turn["action"] == "end" && turn["authority"] == NEWPORT), "{}", refused.body);
    }
    for (action, body, mistakes) in [
        ("keep", json!({}), vec!["/note missing"]),
        ("extend", json!({}), vec!["/expectedTo missing"]),
        ("extend", json!({"expectedTo": "2026-11-01"}), vec!["/expectedTo ends-before-start"]),
        ("end", json!({"expectedTo": "2026-12-01"}), vec!["/expectedTo not-of-this-step"]),
    ] {
        assert_eq!(step(app, &home(), &path, action, &body).problem(422, "invalid").mistakes(), mistakes, "{action} {body}");
    }
    for (on, mistake) in [("2026-11-30", "/on in-the-future"), ("2026-11-01", "/on ends-before-start")] {
        assert_eq!(step(app, &host(), &path, "contact", &json!({ "on": on })).problem(422, "invalid").mistakes(), [mistake]);
    }

    // Home ends it, and nobody else.
    let seen = step(app, &home(), &path, "end", &json!({"note": "Back home"})).expect(200);
    assert_eq!(seen.text("/status"), "stay-ended");
    app.set_clock("2026-11-18T10:00:00Z");
    wait(app, &path, |_| statuses(app, &entered.child) == [pair(TORFAEN, "previously-registered"), pair(NEWPORT, "registered")]);
    let refused = step(app, &home(), &path, "extend", &json!({"expectedTo": "2027-02-01"})).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "stay-ended");
}

on_both!(a_stay_never_lapses_and_both_sides_have_a_task_when_its_day_or_its_weeks_have_passed);
fn a_stay_never_lapses_and_both_sides_have_a_task_when_its_day_or_its_weeks_have_passed(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = begin(app, &entered, "2026-12-18");
    wait(app, &path, |seen| seen.at("/delivered") == json!(true));
    step(app, &host(), &path, "acknowledge", &json!({})).expect(200);
    let both = |kind: &str| (tasks(app, &home(), kind), tasks(app, &host(), kind));
    let until = |kind: &str, count: usize| {
        let begun = Instant::now();
        while both(kind) != (count, count) {
            assert!(begun.elapsed() < DELIVERED_WITHIN, "{kind}: {:?}", both(kind));
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    assert_eq!((both("stay-end"), both("stay-review")), ((0, 0), (0, 0)));
    // The day after its last day.
    app.set_clock("2026-12-20T09:00:00Z");
    until("stay-end", 1);
    assert!(statuses(app, &entered.child).contains(&pair(TORFAEN, "temporarily-registered")), "it lapses for nobody");
    step(app, &home(), &path, "extend", &json!({"expectedTo": "2027-06-30"})).expect(200);
    until("stay-end", 0);

    // Twelve weeks (scenario S23): a conference, or reasons why not; the weeks count anew then.
    assert_eq!(both("stay-review"), (0, 0));
    app.set_clock("2027-02-09T09:00:00Z");
    until("stay-review", 1);
    assert!(statuses(app, &entered.child).contains(&pair(TORFAEN, "temporarily-registered")));
    let seen = step(app, &home(), &path, "keep", &json!({"note": "Home by Easter; both managers agree"})).expect(200);
    assert_eq!(seen.text("/keptOn"), "2027-02-09");
    until("stay-review", 0);
    app.set_clock("2027-05-05T09:00:00Z");
    until("stay-review", 1);

    // It becomes a move, and the temporary entry goes on until that closes.
    let seen = step(app, &home(), &path, "convert", &json!({"note": "They stay"})).expect(200);
    let transfer = format!("/v1/transfers/{}", seen.text("/transferId"));
    let moved = wait(app, &transfer, |seen| seen.at("/delivered") == json!(true));
    assert_eq!((moved.text("/nature"), moved.text("/stayId")), ("long-stay".into(), seen.text("/id")));
    assert_eq!(tasks(app, &home(), "stay-review"), 0, "a conference is asked for");
    assert!(statuses(app, &entered.child).contains(&pair(TORFAEN, "temporarily-registered")));
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/matches/0/authority/code"), NEWPORT);
    let again = step(app, &home(), &path, "convert", &json!({})).problem(409, "out-of-turn");
    assert_eq!(again.text("/errors/0/code"), "transfer-open");
}

on_both!(what_is_said_of_a_stay_is_said_of_nothing_else);
fn what_is_said_of_a_stay_is_said_of_nothing_else(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let of = |more: Value| {
        let mut body = json!({"registrationId": entered.registration, "to": TORFAEN});
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        body
    };
    for (body, mistakes) in [
        (of(json!({"nature": "temporary"})), vec!["/startsOn missing"]),
        (of(json!({"nature": "temporary", "startsOn": "2026-12-24"})), vec!["/startsOn in-the-future"]),
        (of(json!({"nature": "temporary", "startsOn": "2026-11-16", "expectedTo": "2026-11-15"})), vec!["/expectedTo ends-before-start"]),
        (of(json!({"nature": "permanent", "startsOn": "2026-11-16"})), vec!["/startsOn not-of-this-step"]),
        (of(json!({"supervision": "Weekly"})), vec!["/supervision not-of-this-step"]),
    ] {
        let refused = app.as_caller(&home()).post("/v1/transfers", &body).problem(422, "invalid");
        assert_eq!(refused.mistakes(), mistakes, "{body}");
    }
    // A move takes no step of a stay.
    let moves = app.as_caller(&home()).post("/v1/transfers", &of(json!({"nature": "permanent"}))).expect(201);
    let path = moves.header("location").expect("a location").to_owned();
    let refused = step(app, &home(), &path, "end", &json!({})).problem(409, "out-of-turn");
    assert_eq!(refused.text("/errors/0/code"), "not-now");
}
