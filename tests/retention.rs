//! Retention: what has run its time goes, one record at a time, and nothing live, held or in the household of what is live ever
//! does (domain notes, part 9; invariants I17 and I25).

use cofrestr::register::RegisterError;
use cofrestr::register::retention::{erase, erase_checks, plan};
use cofrestr::store::types::Id;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::http::{self, Answer};
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// The day after every rule of the Wales examples has let go of a record that was last touched on the day tests begin.
const MUCH_LATER: &str = "2061-11-18T10:00:00Z";

fn id(child: &str) -> Id {
    Id(child.parse().unwrap())
}

/// What retention says of a child.
fn said(app: &TestApp, child: &str) -> Value {
    let all = app.custodian().get("/v1/retention?limit=200").expect(200).list("/items");
    all.into_iter().find(|item| item["childId"] == child).expect("the child")
}

fn reasons(app: &TestApp, child: &str) -> Vec<String> {
    said(app, child)["kept"].as_array().unwrap().iter().map(|kept| kept["code"].as_str().unwrap().to_owned()).collect()
}

fn try_to_erase(app: &TestApp, child: &str) -> Result<(), RegisterError> {
    let (store, region) = app.inside();
    http::runtime().block_on(erase(&store, &region, id(child), "test"))
}

fn hold(app: &TestApp, body: &Value) -> Answer {
    app.as_caller(&Caller::of_region("senior-safeguarding-manager")).post("/v1/legal-holds", body).expect(201)
}

on_both!(a_record_that_has_run_its_time_goes_and_leaves_a_tombstone);
fn a_record_that_has_run_its_time_goes_and_leaves_a_tombstone(app: &TestApp) {
    let gone = app.register_formerly(&Child::usual()).child;
    let other = app.register_formerly(&Child::named("Guto", "Penllyn").born("2014-02-03")).child;
    app.ask(&Caller::health(), &Question::usual());
    app.ask(&Caller::health(), &Question::about("Nobody", "Whatsoever").born("2019-01-01"));
    let first = said(app, &gone);
    assert_eq!(
        (first["goes"].clone(), first["rule"].clone(), first["kept"][0]["code"].clone()),
        (json!(false), json!("last-contact"), json!("rule-runs"))
    );
    assert_eq!(first["kept"][0]["until"], "2061-11-17");
    assert!(matches!(try_to_erase(app, &gone), Err(RegisterError::Kept)));

    app.set_clock(MUCH_LATER);
    assert_eq!(said(app, &gone)["goes"], true);
    let (store, region) = app.inside();
    let (decided, checks) = http::runtime().block_on(plan(&store, &region, "test")).unwrap();
    assert_eq!((decided.len(), checks), (2, 1), "a dry run changes nothing");
    app.custodian().get(&format!("/v1/children/{gone}")).expect(200);
    try_to_erase(app, &gone).unwrap();

    app.custodian().get(&format!("/v1/children/{gone}")).problem(404, "not-found");
    app.custodian().get(&format!("/v1/children/{other}")).expect(200);
    assert!(matches!(try_to_erase(app, &gone), Err(RegisterError::NotFound)));
    let asked = app.ask(&Caller::health(), &Question::usual());
    assert_eq!(asked.list("/matches").len(), 0, "nobody finds who is not there");
    let left = |sql: &str| app.database().number(sql);
    for table in ["child", "child_name", "child_particulars", "registration", "registration_state", "registration_category", "match_record"]
    {
        assert_eq!(left(&format!("SELECT count(*) AS n FROM {table}")), 1, "{table}: the other child's");
    }
    for table in ["child_identifier", "child_address", "household_member", "enquiry_match"] {
        assert_eq!(left(&format!("SELECT count(*) AS n FROM {table}")), 0, "{table}");
    }
    // Two checks of nobody and the one that was asked just now; the one that found the child went with the record.
    assert_eq!(left("SELECT count(*) AS n FROM enquiry"), 2);
    let tombstone =
        app.audit().into_iter().rfind(|entry| entry.operation == "eraseRecord" && entry.outcome == "granted").expect("a tombstone");
    for part in [gone.as_str(), "last-contact", "2061-11-17", "child:1", NEWPORT] {
        assert!(tombstone.record.contains(part), "{part}: {}", tombstone.record);
    }
    let of_child = app.as_caller(&Caller::of_region("auditor")).get(&format!("/v1/audit?child={gone}")).expect(200).list("/items");
    assert!(of_child.len() >= 5, "the audit log keeps every entry about the child");
    // Checks of nobody have a shorter time of their own.
    assert_eq!(http::runtime().block_on(erase_checks(&store, &region, "test")).unwrap(), 1);
    assert_eq!(left("SELECT count(*) AS n FROM enquiry"), 1);
    // That the log verifies is looked at when the server stops, as after every test.
}

on_both!(nothing_live_and_nobody_of_the_household_of_what_is_live_goes);
fn nothing_live_and_nobody_of_the_household_of_what_is_live_goes(app: &TestApp) {
    let sister = app.register(&Child::named("Nest", "Penllyn").born("2016-02-03"));
    let tied = json!([{"relationship": "sibling", "relatedChildId": sister.child}]);
    let former = app.register_formerly(&Child::named("Guto", "Penllyn").born("2014-02-03").with("household", tied)).child;
    // A brother of the brother: nothing on his own record says a word of the sister.
    let tied = json!([{"relationship": "half-sibling", "relatedChildId": former}]);
    let third = app.register_formerly(&Child::named("Idwal", "Penllyn").born("2012-02-03").with("household", tied)).child;
    app.set_clock(MUCH_LATER);
    assert_eq!(reasons(app, &sister.child), ["live", "open", "date-missing"]);
    for child in [&former, &third] {
        assert_eq!(reasons(app, child), ["sibling-live"]);
        assert_eq!(said(app, child)["kept"][0]["childId"], sister.child.as_str());
    }
    for child in [&sister.child, &former, &third] {
        assert!(matches!(try_to_erase(app, child), Err(RegisterError::Kept)), "I25");
        app.custodian().get(&format!("/v1/children/{child}")).expect(200);
    }
    let refused = app.audit().into_iter().rfind(|entry| entry.operation == "eraseRecord").expect("an entry");
    assert_eq!((refused.outcome.as_str(), refused.code.as_deref()), ("failed", Some("conflict")));
}

on_both!(a_hold_stops_erasing_until_it_is_lifted);
fn a_hold_stops_erasing_until_it_is_lifted(app: &TestApp) {
    let child = app.register_formerly(&Child::usual()).child;
    app.set_clock(MUCH_LATER);
    let on_child = hold(app, &json!({"authority": NEWPORT, "childId": child, "reason": "Proceedings are expected"}));
    let on_all = hold(app, &json!({"authority": NEWPORT, "reason": "The inquiry's instruction not to destroy"}));
    hold(app, &json!({"authority": TORFAEN, "reason": "Another authority's"}));
    assert_eq!(reasons(app, &child), ["legal-hold", "legal-hold"]);
    assert!(matches!(try_to_erase(app, &child), Err(RegisterError::Kept)));
    let reason = json!({"reason": "The proceedings are over"});
    for (number, placed) in [&on_child, &on_all].into_iter().enumerate() {
        let path = format!("/v1/legal-holds/{}", placed.text("/id"));
        app.custodian().change(&format!("{path}/lifting"), "\"7\"", &reason).problem(412, "precondition-failed");
        let lifted = app.custodian().change(&format!("{path}/lifting"), "\"1\"", &reason).expect(200);
        assert_eq!((lifted.text("/liftReason"), lifted.text("/liftedBy")), ("The proceedings are over".into(), Caller::custodian().key()));
        app.custodian().change(&format!("{path}/lifting"), "\"2\"", &reason).problem(409, "already-lifted");
        assert_eq!(reasons(app, &child).len(), 1 - number);
    }
    try_to_erase(app, &child).unwrap();
    app.custodian().get(&format!("/v1/legal-holds/{}", on_child.text("/id"))).problem(404, "not-found");
    app.custodian().get(&format!("/v1/legal-holds/{}", on_all.text("/id"))).expect(200);
}

on_both!(holds_are_placed_and_seen_within_an_authority);
fn holds_are_placed_and_seen_within_an_authority(app: &TestApp) {
    let child = app.register(&Child::usual()).child;
    let of_torfaen = app.as_caller(&Caller::of_authority("custodian", TORFAEN));
    let placed = hold(app, &json!({"authority": NEWPORT, "childId": child, "reason": "Proceedings are expected"}));
    of_torfaen.get(placed.header("location").unwrap()).problem(404, "not-found");
    assert_eq!(of_torfaen.get("/v1/legal-holds").expect(200).list("/items").len(), 0);
    let listed = app.custodian().get("/v1/legal-holds").expect(200);
    let children: Vec<String> = listed.list("/items").iter().filter_map(|hold| hold["childId"].as_str().map(str::to_owned)).collect();
    let entry = &app.audit_of(&listed)[0].record;
    assert!(children.iter().all(|child| entry.contains(child)), "whose records are kept for whom is read, and that is in the log");
    assert_eq!(app.custodian().get("/v1/legal-holds").expect(200).list("/items").len(), 1);
    assert_eq!(of_torfaen.get("/v1/retention").expect(200).list("/items").len(), 0);
    of_torfaen.post("/v1/legal-holds", &json!({"authority": NEWPORT, "reason": "r"})).problem(403, "authority-outside-scope");
    let mistakes = |body: Value| app.custodian().post("/v1/legal-holds", &body).problem(422, "invalid").mistakes();
    assert_eq!(mistakes(json!({})), ["/authority missing", "/reason missing"]);
    assert_eq!(mistakes(json!({"authority": "Newport", "reason": " "})), ["/authority not-a-gss-code", "/reason empty"]);
    assert_eq!(mistakes(json!({"authority": TORFAEN, "childId": child, "reason": "r"})), ["/childId unknown-child"]);
    let nobody = uuid::Uuid::now_v7().to_string();
    assert_eq!(mistakes(json!({"authority": NEWPORT, "childId": nobody, "reason": "r"})), ["/childId unknown-child"]);
    // What an outsider is told of a child who is there is what they are told of one who is not.
    let of_torfaen = |child: &str| of_torfaen.post("/v1/legal-holds", &json!({"authority": TORFAEN, "childId": child, "reason": "r"}));
    assert_eq!(of_torfaen(&child).problem(422, "invalid").mistakes(), of_torfaen(&nobody).problem(422, "invalid").mistakes());
}

/// Newport keeps records for two years after the last contact.
const SHORT: &str = "[[retention.authorities.W06000022]]\ncode = \"two-years\"\ntrigger = \"last-contact\"\nlength = { length = 24, unit = \"months\" }\nsource = \"NEWPORT-SCHEDULE\"";

on_both!(each_authority_has_rules_of_its_own, super::SHORT);
fn each_authority_has_rules_of_its_own(app: &TestApp) {
    let child = app.register_formerly(&Child::usual()).child;
    let elsewhere = app.enter(&Child::named("Guto", "Penllyn").of(TORFAEN)).child;
    app.set_clock("2028-11-16T10:00:00Z");
    assert_eq!(reasons(app, &child), ["rule-runs"]);
    app.set_clock("2028-11-17T10:00:00Z");
    assert_eq!((said(app, &child)["goes"].clone(), said(app, &child)["rule"].clone()), (json!(true), json!("two-years")));
    assert_eq!(reasons(app, &elsewhere), ["rule-runs"], "Torfaen follows the examples of the procedures");
}

on_both!(records_of_one_person_stay_or_go_together);
fn records_of_one_person_stay_or_go_together(app: &TestApp) {
    let former = app.register_formerly(&Child::usual()).child;
    let live = app.enter(&Child::named("Gwenlian", "Trahaearn").born("2017-05-09").sex("female")).child;
    app.custodian().post("/v1/registrations", &Entry::usual().with("registeredOn", json!("2026-06-16")).child(&live).0).expect(201);
    let one_child = json!({"otherChildId": former, "reason": "The health visitor confirms that there is one child"});
    let merged = app.custodian().change(&format!("/v1/children/{live}/merges"), "*", &one_child).expect(201);
    app.set_clock(MUCH_LATER);
    assert!(reasons(app, &former).contains(&"live".to_owned()), "the other record's entry is this child's");
    assert!(matches!(try_to_erase(app, &former), Err(RegisterError::Kept)));
    // Two people after all: the former one's record goes, and with it what was decided and asked about the two.
    let undo = format!("/v1/identity-decisions/{}/undo", merged.text("/id"));
    app.custodian().change(&undo, "*", &json!({"reason": "They are cousins"})).expect(200);
    app.set_clock("2097-11-18T10:00:00Z");
    try_to_erase(app, &former).unwrap();
    assert_eq!((app.count("identity_decision"), app.count("possible_duplicate")), (0, 0));
    app.custodian().get(&format!("/v1/children/{live}")).expect(200);
}
