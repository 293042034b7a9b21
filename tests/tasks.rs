//! `/v1/tasks`: what somebody must do, and who closed it why.

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::on_both;
use crate::support::people::{Child, Entry};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

#[track_caller]
fn tasks(client: &Client<'_>, query: &str) -> Vec<Value> {
    client.get(&format!("/v1/tasks{query}")).expect(200).list("/items")
}

on_both!(a_gap_in_an_entry_never_blocks_it_and_raises_a_task);
fn a_gap_in_an_entry_never_blocks_it_and_raises_a_task(app: &TestApp) {
    let entered = app.register_with(&Child::usual(), Entry::usual().with("coordinator", Value::Null).with("reviewDueOn", Value::Null));
    let tasks = tasks(&app.custodian(), "");
    let mut kinds: Vec<_> = tasks.iter().map(|task| task["kind"].as_str().expect("a kind")).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["coordinator-missing", "review-date-missing"]);
    for task in &tasks {
        assert_eq!((&task["childId"], &task["registrationId"]), (&json!(entered.child), &json!(entered.registration)));
        assert_eq!(
            (&task["authority"], &task["status"], &task["toRole"]),
            (&json!(NEWPORT), &json!("open"), &json!("senior-safeguarding-manager"))
        );
        assert!(task["text"].as_str().is_some_and(|text| !text.is_empty()));
    }
}

on_both!(a_complete_entry_raises_no_task);
fn a_complete_entry_raises_no_task(app: &TestApp) {
    app.register(&Child::usual());
    assert_eq!(tasks(&app.custodian(), ""), Vec::<Value>::new());
}

on_both!(a_task_is_closed_once_with_a_reason);
fn a_task_is_closed_once_with_a_reason(app: &TestApp) {
    app.register_with(&Child::usual(), Entry::usual().with("coordinator", Value::Null));
    let id = tasks(&app.custodian(), "?open=true")[0]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/tasks/{id}");
    assert_eq!(app.custodian().get(&path).expect(200).header("etag"), Some("\"1\""));
    let close = format!("{path}/closure");
    let refused = app.custodian().change(&close, "\"1\"", &json!({})).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/reason missing"]);
    let closed = app.custodian().change(&close, "\"1\"", &json!({"reason": "A co-ordinator was named today"})).expect(200);
    assert_eq!((closed.at("/status"), closed.at("/closure/by")), (json!("closed"), json!(Caller::custodian().key())));
    assert_eq!(closed.at("/closure/reason"), "A co-ordinator was named today");
    assert_eq!(closed.header("etag"), Some("\"2\""));
    app.custodian().change(&close, "\"1\"", &json!({"reason": "again"})).problem(412, "precondition-failed");
    app.custodian().change(&close, "\"2\"", &json!({"reason": "again"})).problem(409, "already-closed");
    assert_eq!((tasks(&app.custodian(), "?open=true").len(), tasks(&app.custodian(), "?open=false").len()), (0, 1));
}

on_both!(a_task_is_nothing_to_another_authority);
fn a_task_is_nothing_to_another_authority(app: &TestApp) {
    app.register_with(&Child::usual(), Entry::usual().with("coordinator", Value::Null));
    let id = tasks(&app.custodian(), "")[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(tasks(&app.as_caller(&Caller::of_authority("custodian", NEWPORT)), "").len(), 1);
    let torfaen = app.as_caller(&Caller::of_authority("custodian", TORFAEN));
    assert_eq!(tasks(&torfaen, ""), Vec::<Value>::new());
    torfaen.get(&format!("/v1/tasks/{id}")).problem(404, "not-found");
    torfaen.change(&format!("/v1/tasks/{id}/closure"), "\"1\"", &json!({"reason": "not ours"})).problem(404, "not-found");
    app.as_caller(&Caller::coordinator()).get("/v1/tasks").problem(403, "operation-not-allowed");
}
