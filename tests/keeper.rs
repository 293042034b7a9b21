//! The keeper of the clocks: who is told, once; who is eighteen; what nobody reads.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::database::Backend;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT};
use crate::support::{on_both, on_both_databases};

/// A keeper that looks often.
const OFTEN: &str = "[escalation]\ninterval_ms = 100";

/// Waits until something holds.
#[track_caller]
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Long enough for the keeper to have looked several times.
fn a_while() {
    std::thread::sleep(Duration::from_millis(800));
}

fn coordinated() -> Entry {
    Entry::usual().with("coordinator", json!({"name": "Carys Mathias", "person": Caller::coordinator().key()}))
}

/// `clock level-role` of every step that the clocks say has come, and of every task that was raised.
#[track_caller]
fn told(app: &TestApp, entered: &Entered) -> Vec<String> {
    let clocks = app.custodian().get(&format!("/v1/registrations/{}/clocks", entered.registration)).expect(200).list("/items");
    let steps = clocks.iter().flat_map(|clock| {
        let roles = clock["told"].as_array().cloned().unwrap_or_default();
        roles.into_iter().map(|role| format!("{} {} {role}", clock["code"], clock["dueOn"]))
    });
    let mut steps: Vec<String> = steps.collect();
    steps.sort();
    steps
}

#[track_caller]
fn tasks(app: &TestApp, query: &str) -> Vec<Value> {
    let tasks = app.custodian().get(&format!("/v1/tasks?limit=200{query}")).expect(200).list("/items");
    tasks.into_iter().filter(|task| task["kind"].as_str().is_some_and(|kind| kind.starts_with("clock-"))).collect()
}

#[track_caller]
fn raised(app: &TestApp) -> Vec<String> {
    let mut raised: Vec<String> =
        tasks(app, "").iter().map(|task| format!("{} {} {}", task["clock"], task["dueOn"], task["toRole"])).collect();
    raised.sort();
    raised
}

#[track_caller]
fn notices(app: &TestApp, kind: &str) -> Vec<Value> {
    let notices = app.custodian().get("/v1/notices?limit=200").expect(200).list("/items");
    notices.into_iter().filter(|notice| notice["kind"] == kind).collect()
}

on_both_databases!(each_step_is_taken_once_also_when_time_jumps_and_after_a_restart);
fn each_step_is_taken_once_also_when_time_jumps_and_after_a_restart(kind: Backend) {
    let mut app = TestApp::start(kind, OFTEN);
    app.set_clock("2026-03-03T10:00:00Z");
    let entered = app.register_with(&Child::usual(), coordinated());
    a_while();
    assert_eq!(raised(&app), Vec::<String>::new());
    app.set_clock("2026-03-08T10:00:00Z");
    eventually("the co-ordinator is told that the outline plan is due soon", || raised(&app).len() == 1);
    assert_eq!(raised(&app), told(&app, &entered));
    assert_eq!(tasks(&app, "")[0]["kind"], "clock-due-soon");
    assert_eq!(tasks(&app, "")[0]["text"], "Outline plan and summary of decisions circulated: the date is near.");
    // Fifteen working days after the registration.
    app.set_clock("2026-03-24T10:00:00Z");
    eventually("every step that has come is taken", || raised(&app) == told(&app, &entered));
    assert!(raised(&app).len() >= 9, "{:?}", raised(&app));
    let once: BTreeSet<_> = raised(&app).into_iter().collect();
    assert_eq!(once.len(), raised(&app).len(), "no step twice");
    let all = raised(&app);
    app.restart();
    a_while();
    assert_eq!(raised(&app), all, "a restart tells nothing again");
    let mine = app.as_caller(&Caller::coordinator()).get("/v1/notices?limit=200").expect(200).list("/items");
    assert_eq!(mine.iter().filter(|notice| notice["clock"] == "outline-plan").count(), 1, "the co-ordinator in person");
    let overdue = notices(&app, "clock-overdue");
    assert!(overdue.iter().all(|notice| notice["urgency"] == "urgent" && notice["dueOn"].as_str() < Some("2026-03-24")));
}

#[test]
fn two_servers_take_each_step_once() {
    let app = TestApp::start(Backend::Postgres, OFTEN);
    app.set_clock("2026-03-03T10:00:00Z");
    let entered: Vec<Entered> = (0..5).map(|number| app.register(&Child::named("Nia", &format!("Second{number}")))).collect();
    let second = app.second();
    for now in ["2026-03-08T10:00:00Z", "2026-03-24T10:00:00Z", "2026-06-10T10:00:00Z"] {
        app.set_clock(now);
        second.set_clock(now);
        let expected = || -> usize { entered.iter().map(|entered| told(&app, entered).len()).sum() };
        eventually("every step is taken", || tasks(&app, "&open=true").len() == expected());
        a_while();
        assert_eq!(tasks(&app, "&open=true").len(), expected(), "and none twice");
    }
    let doubled = app.database().number(
        "SELECT count(*) AS n FROM (SELECT 1 AS one FROM task WHERE clock IS NOT NULL
         GROUP BY registration_id, clock, due_on, to_role HAVING count(*) > 1) AS doubled",
    );
    assert_eq!(doubled, 0);
    drop(second);
}

on_both!(what_is_done_closes_its_tasks, super::OFTEN);
fn what_is_done_closes_its_tasks(app: &TestApp) {
    app.set_clock("2026-03-03T10:00:00Z");
    let entered = app.register_with(&Child::usual(), coordinated());
    app.set_clock("2026-03-18T10:00:00Z");
    let open = |clock: &str| tasks(app, "&open=true").iter().filter(|task| task["clock"] == clock).count();
    eventually("somebody is told that the child was not seen alone", || open("seen-alone") == 2);
    let visits = format!("/v1/registrations/{}/visits", entered.registration);
    app.custodian().post(&visits, &json!({"visitedOn": "2026-03-18", "seen": true})).expect(201);
    assert_eq!(open("seen-alone"), 2, "seen is not seen alone");
    app.custodian().post(&visits, &json!({"visitedOn": "2026-03-18", "seen": true, "seenAlone": true})).expect(201);
    assert_eq!(open("seen-alone"), 0);
    let closed: Vec<Value> = tasks(app, "&open=false").into_iter().filter(|task| task["clock"] == "seen-alone").collect();
    assert_eq!(closed.len(), 2);
    assert!(closed.iter().all(|task| task["closure"]["reason"] == "met" && task["closure"]["by"] == "program#clocks"));
    assert!(open("outline-plan") > 0, "the others stay open");
}

on_both!(a_missing_coordinator_or_review_date_is_told_the_same_day, super::OFTEN);
fn a_missing_coordinator_or_review_date_is_told_the_same_day(app: &TestApp) {
    // I7 and S13.
    app.set_clock("2026-03-03T10:00:00Z");
    let entered = app.register_with(&Child::usual(), Entry::usual().with("coordinator", Value::Null).with("reviewDueOn", Value::Null));
    for kind in ["coordinator-missing", "review-date-missing"] {
        eventually(kind, || notices(app, kind).len() == 1);
        let notice = notices(app, kind).remove(0);
        assert_eq!((&notice["toRole"], &notice["urgency"]), (&json!("senior-safeguarding-manager"), &json!("urgent")));
        assert_eq!(notice["registrationId"], entered.registration.as_str());
        assert!(notice["createdAt"].as_str().is_some_and(|at| at.starts_with("2026-03-03")));
    }
    app.set_clock("2026-03-05T10:00:00Z");
    a_while();
    assert_eq!((notices(app, "coordinator-missing").len(), notices(app, "review-date-missing").len()), (1, 1), "once");
}

on_both!(an_entry_ends_on_the_eighteenth_birthday_and_not_before, super::OFTEN);
fn an_entry_ends_on_the_eighteenth_birthday_and_not_before(app: &TestApp) {
    // I5 and S17.
    let child = Child::named("Gwenllian", "Trahaearn").born("2008-11-20");
    let entered = app.register_with(&child, coordinated());
    let roughly = app.register(&Child::named("Nia", "Elsewhere").born("2008-10"));
    let status = |entered: &Entered| app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
    app.set_clock("2026-11-19T23:30:00Z");
    a_while();
    assert_eq!(status(&entered).text("/status"), "registered", "the day before");
    app.set_clock("2026-11-20T00:30:00Z");
    eventually("the entry ends", || status(&entered).text("/status") == "previously-registered");
    let ended = status(&entered);
    assert_eq!((ended.text("/removedOn"), ended.text("/removalGround")), ("2026-11-20".to_owned(), "reached-eighteen".to_owned()));
    app.set_clock("2026-12-24T10:00:00Z");
    a_while();
    assert_eq!(status(&entered).json(), ended.json(), "once");
    assert_eq!(status(&roughly).text("/status"), "registered", "only an exact date of birth counts");
    let told: Vec<_> = notices(app, "removed").iter().map(|notice| notice["toRole"].clone()).collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&json!("custodian")) && told.contains(&json!("coordinator")));
    let open = tasks(app, "&open=true").iter().filter(|task| task["registrationId"] == entered.registration.as_str()).count();
    assert_eq!(open, 0, "nothing is to be done about an entry that has ended");
    let asked = app.ask(&Caller::custodian(), &Question::about("Gwenllian", "Trahaearn").born("2008-11-20"));
    assert_eq!(asked.at("/matches/0/status"), "previously-registered");
}

on_both!(somebody_born_on_a_leap_day_is_eighteen_on_the_first_of_march, super::OFTEN);
fn somebody_born_on_a_leap_day_is_eighteen_on_the_first_of_march(app: &TestApp) {
    app.set_clock("2026-02-10T10:00:00Z");
    let entry = Entry::usual()
        .with("registeredOn", json!("2026-02-10"))
        .with("conference", json!({"heldOn": "2026-02-10", "kind": "initial", "authority": NEWPORT}));
    let entered = app.register_with(&Child::named("Gwenllian", "Trahaearn").born("2008-02-29"), entry);
    let status = || app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
    app.set_clock("2026-02-28T23:30:00Z");
    a_while();
    assert_eq!(status().text("/status"), "registered");
    app.set_clock("2026-03-01T00:30:00Z");
    eventually("the entry ends", || status().text("/status") == "previously-registered");
    assert_eq!(status().text("/removedOn"), "2026-03-01");
}

on_both!(an_urgent_notice_that_nobody_reads_is_told_to_the_next, super::OFTEN);
fn an_urgent_notice_that_nobody_reads_is_told_to_the_next(app: &TestApp) {
    app.register(&Child::usual());
    app.ask(&Caller::police(), &Question::usual().with("notify", json!("urgent")));
    let urgent = notices(app, "enquiry");
    assert_eq!(urgent.len(), 1);
    app.set_clock("2026-11-17T13:30:00Z");
    a_while();
    assert_eq!(notices(app, "unread").len(), 0, "three and a half hours");
    app.set_clock("2026-11-17T14:30:00Z");
    let roles = || notices(app, "unread").iter().map(|notice| notice["toRole"].clone()).collect::<Vec<_>>();
    let about_enquiry = || app.database().number("SELECT count(*) AS n FROM notice WHERE kind = 'unread' AND enquiry_id IS NOT NULL");
    eventually("the team manager is told", || about_enquiry() == 1);
    assert!(roles().contains(&json!("team-manager")));
    a_while();
    assert_eq!(about_enquiry(), 1, "once");
    // Somebody reads it: the next level hears nothing.
    let id = urgent[0]["id"].as_str().expect("an id");
    app.custodian().change(&format!("/v1/notices/{id}/acknowledgement"), "\"1\"", &json!({})).expect(200);
    app.set_clock("2026-11-17T20:30:00Z");
    a_while();
    assert_eq!(about_enquiry(), 1);
}

on_both!(a_register_at_rest_writes_nothing, super::OFTEN);
fn a_register_at_rest_writes_nothing(app: &TestApp) {
    app.register(&Child::usual());
    a_while();
    let entries = app.audit().len();
    a_while();
    assert_eq!(app.audit().len(), entries);
}
