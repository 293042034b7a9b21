//! Missed appointments: the authority of a child on the register hears of it, and whoever reports it hears nothing.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

fn report(app: &TestApp, child: &Value) -> Answer {
    let body = json!({"kind": "was-not-brought", "service": "Outpatients", "missedOn": "2026-11-16", "child": child});
    app.health().post("/v1/missed-appointments", &body)
}

fn notices(app: &TestApp, caller: &Caller) -> Vec<Value> {
    let all = app.as_caller(caller).get("/v1/notices?limit=200").expect(200).list("/items");
    all.into_iter().filter(|notice| notice["kind"] == "missed-appointment").collect()
}

fn of_child(app: &TestApp, child: &str) -> Vec<Value> {
    app.custodian().get(&format!("/v1/children/{child}/missed-appointments")).expect(200).list("/items")
}

on_both!(the_authority_hears_of_it_and_the_partner_hears_nothing);
fn the_authority_hears_of_it_and_the_partner_hears_nothing(app: &TestApp) {
    let here = app.register(&Child::usual()).child;
    let former = app.register_formerly(&Child::named("Guto", "Penllyn").born("2014-02-03")).child;
    let known = report(app, &Question::usual().0["child"]).expect(201);
    let unknown = report(app, &Question::about("Nobody", "Whatsoever").born("2019-01-01").0["child"]).expect(201);
    let past = report(app, &Question::about("Guto", "Penllyn").born("2014-02-03").0["child"]).expect(201);
    for answer in [&known, &unknown, &past] {
        let fields: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["id", "receivedAt"], "the same for everybody");
        // An instant at a whole millisecond is written with fewer digits.
        let length = |answer: &Answer| answer.body.len() - answer.text("/receivedAt").len();
        assert_eq!((answer.header("location"), length(answer)), (None, length(&known)));
    }
    let told = notices(app, &Caller::of_authority("custodian", NEWPORT));
    assert_eq!(told.len(), 1, "one child is on the register");
    assert_eq!((told[0]["childId"].as_str(), told[0]["urgency"].as_str()), (Some(here.as_str()), Some("normal")));
    assert_eq!(notices(app, &Caller::of_authority("custodian", TORFAEN)), Vec::<Value>::new());
    let listed = of_child(app, &here);
    assert_eq!(
        (listed.len(), listed[0]["kind"].as_str(), listed[0]["service"].as_str()),
        (1, Some("was-not-brought"), Some("Outpatients"))
    );
    assert_eq!((listed[0]["missedOn"].as_str(), listed[0]["id"].clone()), (Some("2026-11-16"), known.at("/id")));
    assert_eq!(of_child(app, &former), Vec::<Value>::new());
    assert_eq!((app.count("missed_appointment"), app.count("missed_appointment WHERE child_id IS NULL")), (3, 2), "the same work");
    app.health().get(&format!("/v1/children/{here}/missed-appointments")).problem(403, "operation-not-allowed");
}

on_both!(a_report_says_what_it_must_and_no_more);
fn a_report_says_what_it_must_and_no_more(app: &TestApp) {
    app.register(&Child::usual());
    let child = &Question::usual().0["child"];
    let empty = app.health().post("/v1/missed-appointments", &json!({})).problem(422, "invalid");
    assert_eq!(empty.mistakes().len(), 4, "{}", empty.body);
    let mut late = json!({"kind": "no-access", "service": "Health visitor", "missedOn": "2026-11-18", "child": child});
    let refused = app.health().post("/v1/missed-appointments", &late).problem(422, "invalid");
    assert_eq!(refused.at("/errors/0/code"), "in-the-future");
    late["missedOn"] = json!("2026-11-17");
    late["child"] = json!({"names": [{"given": "Siân"}]});
    app.health().post("/v1/missed-appointments", &late).problem(422, "insufficient");
    assert_eq!(app.count("missed_appointment"), 0);
    late["child"] = child.clone();
    let send = || app.health().request(reqwest::Method::POST, "/v1/missed-appointments").key("one").json(&late).send().expect(201);
    assert_eq!(send().text("/id"), send().text("/id"), "the same request is the same report");
    assert_eq!(app.count("missed_appointment"), 1);
}
