//! `/v1/registrations/{id}/coordinator`, `/categories` and `/core-group`: what changes while an entry is in force.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

fn coordinated_by(subject: &str) -> Entry {
    let person = Caller::coordinator().named(subject).key();
    Entry::usual().with("coordinator", json!({"name": "Carys Mathias", "phone": "01632 960125", "person": person}))
}

on_both!(s13_another_coordinator_is_shown_at_once_and_both_are_told);
fn s13_another_coordinator_is_shown_at_once_and_both_are_told(app: &TestApp) {
    let entered = app.register_with(&Child::usual(), coordinated_by("first"));
    let path = format!("/v1/registrations/{}/coordinator", entered.registration);
    let (first, second) = (Caller::coordinator().named("first"), Caller::coordinator().named("second"));
    let change = json!({"coordinator": {"name": "Dafydd Puw", "person": second.key()}, "from": "2026-11-16"});
    app.custodian().put(&path, "\"9\"", &change).problem(412, "precondition-failed");
    app.custodian().request(reqwest::Method::PUT, &path).json(&change).send().problem(428, "precondition-required");
    let changed = app.custodian().put(&path, "\"1\"", &change).expect(200);
    assert_eq!((changed.text("/coordinator/name"), changed.header("etag")), ("Dafydd Puw".into(), Some("\"2\"")));
    let history = json!([
        {"name": "Carys Mathias", "phone": "01632 960125", "from": "2026-03-03", "to": "2026-11-16"},
        {"name": "Dafydd Puw", "from": "2026-11-16"},
    ]);
    assert_eq!(changed.at("/history"), history);
    assert_eq!(app.custodian().get(&path).expect(200).json(), changed.json());
    app.custodian().put(&path, "\"1\"", &change).problem(412, "precondition-failed");
    // The register names the new one to an enquirer in the same minute.
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/matches/0/coordinator/name"), "Dafydd Puw");
    // The case is the new one's, and no longer the old one's.
    let entry = format!("/v1/registrations/{}", entered.registration);
    app.as_caller(&second).get(&entry).expect(200);
    app.as_caller(&first).get(&entry).problem(404, "not-found");
    for caller in [Caller::custodian(), first, second] {
        let notices = app.as_caller(&caller).get("/v1/notices").expect(200).list("/items");
        let told: Vec<_> = notices.iter().filter(|notice| notice["kind"] == "coordinator-changed").collect();
        assert!(!told.is_empty(), "{} is told", caller.subject());
    }
}

on_both!(s13_a_coordinator_who_leaves_without_a_successor_is_told_to_the_senior_manager_the_same_day);
fn s13_a_coordinator_who_leaves_without_a_successor_is_told_to_the_senior_manager_the_same_day(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = format!("/v1/registrations/{}/coordinator", entered.registration);
    let ended = app.custodian().put(&path, "\"1\"", &json!({})).expect(200);
    assert_eq!(ended.at("/coordinator"), Value::Null);
    assert_eq!((ended.at("/history/0/name"), ended.at("/history/0/to")), (json!("Carys Mathias"), json!("2026-11-17")));
    let manager = app.as_caller(&Caller::of_authority("senior-safeguarding-manager", NEWPORT));
    let tasks = manager.get("/v1/tasks?open=true").expect(200).list("/items");
    assert_eq!(
        (tasks.len(), &tasks[0]["kind"], &tasks[0]["toRole"]),
        (1, &json!("coordinator-missing"), &json!("senior-safeguarding-manager"))
    );
    assert!(tasks[0]["createdAt"].as_str().is_some_and(|at| at.starts_with("2026-11-17")), "the same day");
    let notices = manager.get("/v1/notices").expect(200).list("/items");
    assert!(notices.iter().any(|notice| notice["kind"] == "coordinator-ended" && notice["urgency"] == "urgent"));
    // Nobody can end twice, and the child stays on the register.
    assert_eq!(app.custodian().put(&path, "\"2\"", &json!({})).problem(422, "invalid").mistakes(), ["/coordinator no-coordinator"]);
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/outcome"), "on-register");
    // A successor settles the task.
    app.custodian().put(&path, "\"2\"", &json!({"coordinator": {"name": "Dafydd Puw"}})).expect(200);
    assert_eq!(manager.get("/v1/tasks?open=true").expect(200).list("/items"), Vec::<Value>::new());
    let closed = manager.get("/v1/tasks?open=false").expect(200);
    assert_eq!(closed.at("/items/0/closure/by"), Caller::custodian().key());
}

on_both!(i9_categories_change_from_a_day_on_and_the_first_ones_stay_readable);
fn i9_categories_change_from_a_day_on_and_the_first_ones_stay_readable(app: &TestApp) {
    let entered = app.register_with(&Child::usual(), Entry::usual().with("categories", json!(["neglect", "financial"])));
    let path = format!("/v1/registrations/{}/categories", entered.registration);
    let first = app.custodian().get(&path).expect(200);
    assert_eq!((first.at("/initial"), first.at("/latest")), (json!(["financial", "neglect"]), json!(["financial", "neglect"])));
    assert_eq!(first.at("/derived/0"), json!({"codeSet": "england-cin", "code": "MUL", "derived": true, "lossy": true}));
    let changed = app.custodian().put(&path, "\"1\"", &json!({"categories": ["emotional", "neglect"], "from": "2026-06-02"})).expect(200);
    assert_eq!((changed.at("/initial"), changed.at("/latest")), (json!(["financial", "neglect"]), json!(["emotional", "neglect"])));
    let fact = |category: &str, from: &str, to: Option<&str>| {
        let mut fact = json!({"category": category, "codeSet": "wales", "from": from});
        if let Some(to) = to {
            fact["to"] = json!(to);
        }
        fact
    };
    let mut history = changed.list("/history");
    history.sort_by_key(|fact| fact["category"].to_string());
    assert_eq!(
        history,
        [fact("emotional", "2026-06-02", None), fact("financial", "2026-03-03", Some("2026-06-02")), fact("neglect", "2026-03-03", None),]
    );
    assert_eq!(changed.at("/derived/0"), json!({"codeSet": "england-cin", "code": "MUL", "derived": true, "lossy": false}));
    let only = app.custodian().put(&path, "\"2\"", &json!({"categories": ["financial"]})).expect(200);
    assert_eq!((only.at("/initial"), only.at("/latest")), (json!(["financial", "neglect"]), json!(["financial"])));
    assert_eq!(only.at("/derived/0"), json!({"codeSet": "england-cin", "derived": true, "lossy": true}), "none is invented");
    assert_eq!(app.custodian().get(&path).expect(200).json(), only.json());
    let wrong = |body: Value| app.custodian().put(&path, "\"3\"", &body).problem(422, "invalid").mistakes();
    for (body, expected) in [
        (json!({"categories": []}), "/categories no-category"),
        (json!({"categories": ["neglect", "neglect"]}), "/categories duplicate-category"),
        (json!({"categories": ["unkindness"]}), "/categories/0 unknown-code"),
        (json!({"categories": ["neglect"], "from": "2026-03-03"}), "/from on-registration"),
        (json!({"categories": ["neglect"], "from": "2026-06-01"}), "/from before-present"),
        (json!({"categories": ["neglect"], "from": "2026-11-18"}), "/from in-the-future"),
    ] {
        assert_eq!(wrong(body), [expected]);
    }
    assert_eq!(app.custodian().get(&path).expect(200).json(), only.json(), "what is refused changes nothing");
}

on_both!(a_core_group_changes_member_by_member);
fn a_core_group_changes_member_by_member(app: &TestApp) {
    let member = |name: &str, agency: &str| json!({"name": name, "agency": agency});
    let both = json!([member("Ann Price", "Health"), member("Huw Rees", "School")]);
    let entered = app.register_with(&Child::usual(), coordinated_by("first").with("coreGroup", both));
    let path = format!("/v1/registrations/{}/core-group", entered.registration);
    let change = json!({"members": [member("Huw Rees", "School"), member("Non Ifans", "Police")], "from": "2026-11-10"});
    // The co-ordinator keeps the core group of their own case, and of no other.
    let coordinator = app.as_caller(&Caller::coordinator().named("first"));
    app.as_caller(&Caller::coordinator().named("second")).put(&path, "\"1\"", &change).problem(404, "not-found");
    let changed = coordinator.put(&path, "\"1\"", &change).expect(200);
    let mut members = changed.list("/members");
    members.sort_by_key(|member| member["name"].to_string());
    assert_eq!(
        members,
        [
            json!({"name": "Huw Rees", "agency": "School", "from": "2026-03-03"}),
            json!({"name": "Non Ifans", "agency": "Police", "from": "2026-11-10"}),
        ]
    );
    let ended: Vec<_> = changed.list("/history").into_iter().filter(|member| member["to"] == "2026-11-10").collect();
    assert_eq!(ended, [json!({"name": "Ann Price", "agency": "Health", "from": "2026-03-03", "to": "2026-11-10"})]);
    let entry = app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
    assert_eq!(entry.list("/coreGroup").len(), 2, "who left is not shown as a member");
    assert_eq!(coordinator.put(&path, "\"2\"", &json!({"members": [{}]})).problem(422, "invalid").mistakes(), ["/members/0/name missing"]);
}

on_both!(only_an_entry_in_force_changes_and_only_for_those_who_may);
fn only_an_entry_in_force_changes_and_only_for_those_who_may(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let base = format!("/v1/registrations/{}", entered.registration);
    let changes = [
        ("coordinator", json!({"coordinator": {"name": "Dafydd Puw"}})),
        ("categories", json!({"categories": ["sexual"]})),
        ("core-group", json!({"members": []})),
    ];
    for (part, body) in &changes {
        let path = format!("{base}/{part}");
        app.as_caller(&Caller::of_authority("custodian", TORFAEN)).put(&path, "\"1\"", body).problem(404, "not-found");
        app.as_caller(&Caller::of_authority("custodian", TORFAEN)).get(&path).problem(404, "not-found");
        app.health().put(&path, "\"1\"", body).problem(403, "operation-not-allowed");
    }
    app.as_caller(&Caller::of_region("team-manager"))
        .put(&format!("{base}/categories"), "\"1\"", &changes[1].1)
        .problem(403, "operation-not-allowed");
    app.custodian().change(&format!("{base}/entered-in-error"), "\"1\"", &json!({"reason": "Another child"})).expect(200);
    for (part, body) in &changes {
        app.custodian().put(&format!("{base}/{part}"), "\"2\"", body).problem(409, "not-in-force");
    }
    // A temporary entry carries what the home authority decided.
    let temporary =
        app.register_with(&Child::named("Ffion", "Maddocks").born("2013-10-11"), Entry::temporary("west-glamorgan", "W06000011"));
    let path = format!("/v1/registrations/{}/categories", temporary.registration);
    assert_eq!(
        app.custodian().put(&path, "\"1\"", &changes[1].1).problem(422, "invalid").mistakes(),
        ["/categories home-authority-decides"]
    );
}
