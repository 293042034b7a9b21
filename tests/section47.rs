//! `/v1/section-47-enquiries`: the dates before a conference.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Conference};
use crate::support::tokens::{Caller, NEWPORT, SWANSEA, TORFAEN};

const PATH: &str = "/v1/section-47-enquiries";

fn enquiry(child: &str) -> Value {
    json!({
        "childId": child, "authority": NEWPORT, "referralOn": "2026-02-02", "strategyDiscussionOn": "2026-02-03",
        "decidedOn": "2026-02-03", "startedOn": "2026-02-04",
    })
}

fn with(mut body: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        if value.is_null() {
            body.as_object_mut().expect("an object").remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}

#[track_caller]
fn add(app: &TestApp, body: &Value) -> Answer {
    app.custodian().post(PATH, body).expect(201)
}

on_both!(an_enquiry_is_entered_changed_and_read_again);
fn an_enquiry_is_entered_changed_and_read_again(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let made = add(app, &enquiry(&child));
    let path = format!("{PATH}/{}", made.text("/id"));
    assert_eq!((made.header("location"), made.header("etag")), (Some(path.as_str()), Some("\"1\"")));
    assert_eq!((made.at("/status"), made.at("/startedOn")), (json!("open"), json!("2026-02-04")));
    assert_eq!(app.custodian().get(&path).expect(200).json(), made.json());
    let departure = json!({"reason": "The family was abroad", "approvedBy": "Nia Pritchard"});
    let outcome = with(
        enquiry(&child),
        json!({"outcome": "not-substantiated", "outcomeOn": "2026-02-20", "assessmentCompletedOn": "2026-03-20", "departure": departure}),
    );
    app.custodian().put(&path, "\"3\"", &outcome).problem(412, "precondition-failed");
    let changed = app.custodian().put(&path, "\"1\"", &outcome).expect(200);
    assert_eq!((changed.at("/status"), changed.header("etag")), (json!("closed"), Some("\"2\"")));
    assert_eq!((changed.at("/departure"), changed.at("/outcome")), (departure, json!("not-substantiated")));
    assert_eq!(app.custodian().get(&path).expect(200).json(), changed.json());
    assert_eq!(app.count("section47_state"), 2, "what was held before stays");
    let other = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11")).child;
    let wrong = |body: Value| app.custodian().put(&path, "\"2\"", &body).problem(422, "invalid").mistakes();
    assert_eq!(wrong(enquiry(&other)), ["/childId cannot-change"]);
    assert_eq!(wrong(with(enquiry(&child), json!({"authority": TORFAEN}))), ["/authority cannot-change"]);
}

on_both!(each_rule_of_an_enquiry_is_named_with_its_source);
fn each_rule_of_an_enquiry_is_named_with_its_source(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    for (more, expected, source) in [
        (json!({"strategyDiscussionOn": null}), "/strategyDiscussionOn missing", None),
        (json!({"startedOn": "2026-02-30"}), "/startedOn impossible-date", None),
        (json!({"startedOn": "2026-02-02"}), "/startedOn out-of-order", Some("DESIGN")),
        (json!({"startedOn": "2026-11-18"}), "/startedOn in-the-future", Some("DESIGN")),
        (json!({"outcome": "conference"}), "/outcomeOn outcome-incomplete", Some("WSP-3.2.3")),
        (json!({"outcome": "unsure", "outcomeOn": "2026-02-20"}), "/outcome unknown-code", None),
        (json!({"departure": {"reason": "Snow"}}), "/departure/approvedBy departure-incomplete", Some("WSP-3.1.8")),
        (json!({"childId": "01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"}), "/childId unknown-child", None),
    ] {
        let refused = app.custodian().post(PATH, &with(enquiry(&child), more)).problem(422, "invalid");
        assert_eq!(refused.mistakes(), [expected], "{}", refused.body);
        assert_eq!(refused.at("/errors/0/source"), source.map_or(Value::Null, Value::from), "{expected}");
    }
    app.custodian().post(PATH, &with(enquiry(&child), json!({"authority": SWANSEA}))).problem(403, "authority-outside-scope");
    assert_eq!((app.count("section47"), app.count("section47_state")), (0, 0));
}

on_both!(one_enquiry_about_a_child_is_open_at_an_authority_at_a_time);
fn one_enquiry_about_a_child_is_open_at_an_authority_at_a_time(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let first = add(app, &with(enquiry(&child), json!({"outcome": "conference", "outcomeOn": "2026-02-16"})));
    let again = || {
        app.custodian()
            .post(PATH, &with(enquiry(&child), json!({"strategyDiscussionOn": "2026-04-01", "decidedOn": null, "startedOn": null})))
    };
    let refused = again().problem(422, "invalid");
    assert_eq!((refused.mistakes(), refused.text("/errors/0/source")), (vec!["/childId section-47-open".to_owned()], "CIN-VAL".into()));
    // Another authority's enquiry is its own.
    add(app, &with(enquiry(&child), json!({"authority": TORFAEN})));
    // The conference closes it.
    let mut more = crate::support::people::full(json!(["neglect"]));
    more["section47Id"] = first.at("/id");
    let conference = |on: &str, more: &Value| Conference::held("initial", on).decides(&child, "registered", more.clone());
    let early = app.custodian().post("/v1/conferences", &conference("2026-02-03", &more).0).problem(422, "invalid");
    assert_eq!(early.mistakes(), ["/decisions/0/section47Id starts-after-conference"]);
    let held = app.hold(&conference("2026-03-03", &more));
    assert_eq!(held.at("/decisions/0/section47Id"), first.at("/id"));
    let path = format!("{PATH}/{}", first.text("/id"));
    let read = app.custodian().get(&path).expect(200);
    assert_eq!((read.at("/status"), read.at("/conferenceId")), (json!("closed"), held.at("/id")));
    let late = with(enquiry(&child), json!({"strategyDiscussionOn": "2026-03-04", "decidedOn": null, "startedOn": null}));
    assert_eq!(app.custodian().put(&path, "\"1\"", &late).problem(422, "invalid").mistakes(), ["/startedOn starts-after-conference"]);
    again().expect(201);
    let reason = json!({"reason": "Entered twice"});
    app.custodian().change(&format!("{path}/entered-in-error"), "\"1\"", &reason).problem(409, "conflict");
}

on_both!(of_six_enquiries_at_once_one_is_entered);
fn of_six_enquiries_at_once_one_is_entered(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let body = &enquiry(&child);
    let mut statuses: Vec<_> = std::thread::scope(|scope| {
        let adding: Vec<_> = (0..6).map(|_| scope.spawn(move || app.custodian().post(PATH, body).status)).collect();
        adding.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![422; 5]].concat());
}

on_both!(an_enquiry_in_error_is_no_longer_open);
fn an_enquiry_in_error_is_no_longer_open(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let made = add(app, &enquiry(&child));
    let mark = format!("{PATH}/{}/entered-in-error", made.text("/id"));
    let marked = app.custodian().change(&mark, "\"1\"", &json!({"reason": "Another child was meant"})).expect(200);
    assert_eq!((marked.at("/status"), marked.header("etag")), (json!("entered-in-error"), Some("\"2\"")));
    app.custodian().change(&mark, "\"2\"", &json!({"reason": "again"})).problem(409, "conflict");
    app.custodian().put(&format!("{PATH}/{}", made.text("/id")), "\"2\"", &enquiry(&child)).problem(409, "conflict");
    add(app, &enquiry(&child));
}

on_both!(enquiries_are_listed_for_those_who_may_see_them);
fn enquiries_are_listed_for_those_who_may_see_them(app: &TestApp) {
    let first = app.enter(&Child::usual()).child;
    let second = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11").of(TORFAEN)).child;
    let one = add(app, &enquiry(&first));
    let two = add(app, &with(enquiry(&second), json!({"authority": TORFAEN})));
    let listed = |caller: &Caller, query: &str| -> Vec<Value> {
        app.as_caller(caller).get(&format!("{PATH}{query}")).expect(200).list("/items").iter().map(|item| item["id"].clone()).collect()
    };
    assert_eq!(listed(&Caller::custodian(), ""), [two.at("/id"), one.at("/id")]);
    assert_eq!(listed(&Caller::custodian(), &format!("?child={first}")), [one.at("/id")]);
    assert_eq!(listed(&Caller::of_authority("team-manager", TORFAEN), ""), [two.at("/id")]);
    assert_eq!(listed(&Caller::coordinator(), ""), Vec::<Value>::new());
    let path = format!("{PATH}/{}", one.text("/id"));
    app.as_caller(&Caller::of_authority("custodian", TORFAEN)).get(&path).problem(404, "not-found");
    app.as_caller(&Caller::coordinator()).get(&path).problem(404, "not-found");
    app.as_caller(&Caller::of_region("conference-chair")).get(&path).problem(403, "operation-not-allowed");
    let hidden =
        app.as_caller(&Caller::of_authority("team-manager", TORFAEN)).post(PATH, &with(enquiry(&first), json!({"authority": TORFAEN})));
    assert_eq!(hidden.problem(422, "invalid").mistakes(), ["/childId unknown-child"]);
}
