//! What in the enquiry log looks like fishing, and who is told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::database::Backend;
use crate::support::on_both;
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// The log is looked through all the time.
const OFTEN: &str = "[fishing]\nevery_ms = 200\nchildren_in_one_case = 4\nnames_in_a_sweep = 4\ndates_in_a_sweep = 4\n\
                     out_of_hours_checks = 2\n[limits]\nperson_checks_noted_per_hour = 6";

/// Names that no two of which sound alike.
const GIVEN: [&str; 8] = ["Mared", "Owain", "Lowri", "Tudur", "Ffion", "Brychan", "Esyllt", "Iolo"];
const FAMILY: [&str; 8] = ["Trahaearn", "Bebb", "Cadwaladr", "Gethin", "Nanney", "Puleston", "Mostyn", "Wynn"];

/// Waits until the log was looked through from beginning to end after this moment, by every server.
#[track_caller]
fn looked_through(app: &TestApp) {
    let looks =
        || app.database().number("SELECT count(*) AS n FROM audit_entry WHERE operation = 'detectPatterns' AND outcome = 'granted'");
    let (before, began) = (looks(), Instant::now());
    // The first to end may have begun before; of two servers the other may be the one.
    while looks() < before + 4 {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody looks through the log");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The tasks about patterns that a custodian has.
#[track_caller]
fn tasks(app: &TestApp, custodian: &Caller) -> Vec<Value> {
    let all = app.as_caller(custodian).get("/v1/tasks?limit=200").expect(200).list("/items");
    all.into_iter().filter(|task| task["kind"] == "enquiry-pattern").collect()
}

/// The patterns found so far, and how often each was counted.
#[track_caller]
fn found(app: &TestApp) -> Vec<(String, u64)> {
    looked_through(app);
    let mut found: Vec<_> = tasks(app, &Caller::custodian())
        .iter()
        .map(|task| {
            let reasons = task["reasons"].as_array().expect("reasons");
            assert_eq!(reasons.len(), 1, "{task}");
            assert!(task.get("checks").is_none(), "a list shows no checks: {task}");
            let text = reasons[0]["text"].as_str().expect("words");
            let count = reasons[0]["count"].as_u64().expect("a count");
            assert!(text.contains(&count.to_string()) && !text.starts_with("pattern-"), "{text}");
            (reasons[0]["code"].as_str().expect("a code").to_owned(), count)
        })
        .collect();
    found.sort();
    found
}

fn pattern(code: &str, count: u64) -> Vec<(String, u64)> {
    vec![(code.to_owned(), count)]
}

fn child(number: usize) -> Question {
    Question::about(GIVEN[number], FAMILY[number]).born(&format!("201{number}-0{}-15", number + 1))
}

on_both!(many_children_under_one_case_reference_raise_one_task, super::OFTEN);
fn many_children_under_one_case_reference_raise_one_task(app: &TestApp) {
    let in_case = |number: usize, case: &str| child(number).with("caseReference", json!(case));
    // A family of three, one of them misspelt and asked about again, and children under references of their own.
    for question in [in_case(0, "C-1"), in_case(1, "C-1"), in_case(2, "C-1"), in_case(3, "C-2")] {
        app.ask(&Caller::health(), &question);
    }
    app.ask(&Caller::health().named("ben"), &Question::about("Marred", "Trahaern").born("2010-01-15").with("caseReference", json!("C-1")));
    assert_eq!(found(app), []);
    app.ask(&Caller::health().named("ben"), &in_case(4, "C-1").because("other").with("reasonText", json!("A list from the school")));
    assert_eq!(found(app), pattern("many-children-in-one-case", 4));
    looked_through(app);
    let [task] = &tasks(app, &Caller::custodian())[..] else { panic!("one task, however often the log is looked through") };
    assert_eq!((&task["authority"], &task["toRole"], &task["status"]), (&json!("gwent"), &json!("custodian"), &json!("open")));
    // The custodian sees the checks with what the enquirers said; others who see the task do not.
    let path = format!("/v1/tasks/{}", task["id"].as_str().expect("an id"));
    let read = app.custodian().get(&path).expect(200);
    let checks = read.list("/checks");
    assert_eq!(checks.len(), 5);
    assert_eq!((&checks[4]["reason"], &checks[4]["reasonText"]), (&json!("other"), &json!("A list from the school")));
    assert_eq!((&checks[4]["person"], &checks[4]["caseReference"]), (&json!(Caller::health().named("ben").key()), &json!("C-1")));
    app.custodian().get(&format!("/v1/checks/{}", checks[4]["id"].as_str().expect("an id"))).expect(200);
    let manager = app.as_caller(&Caller::of_region("team-manager")).get(&path).expect(200);
    assert_eq!((manager.at("/checks"), manager.at("/reasons/0/code")), (Value::Null, json!("many-children-in-one-case")));
    let welsh = app.custodian().request(reqwest::Method::GET, &path).header("accept-language", "cy").send().expect(200);
    assert_eq!(welsh.at("/reasons/0/text"), "Nifer y plant ag enwau gwahanol yr holwyd amdanynt dan un cyfeirnod achos: 4.");
    app.custodian().change(&format!("{path}/closure"), "\"1\"", &json!({"reason": "A class that was at one place"})).expect(200);
    assert_eq!(found(app).len(), 1, "a task that is closed is not raised again");
}

on_both!(going_through_names_raises_one_task, super::OFTEN);
fn going_through_names_raises_one_task(app: &TestApp) {
    // Brothers and sisters, and the same family by another person.
    for given in &GIVEN[..3] {
        app.ask(&Caller::health(), &Question::about(given, "Trahaearn").born("2017-05-09"));
        app.ask(&Caller::police(), &Question::about(given, "Trahaearn").born("2017-05-09"));
    }
    assert_eq!(found(app), []);
    app.ask(&Caller::health(), &Question::about(GIVEN[3], "Trahaern").born("2017-05-09"));
    assert_eq!(found(app), pattern("name-sweep", 4));
}

on_both!(going_through_dates_raises_one_task, super::OFTEN);
fn going_through_dates_raises_one_task(app: &TestApp) {
    for year in [2014, 2015, 2016, 2016] {
        app.ask(&Caller::health(), &Question::about("Mared", "Trahaearn").born(&format!("{year}-05-09")));
    }
    assert_eq!(found(app), []);
    app.ask(&Caller::health(), &Question::about("Mared", "Trahaearn").born("2017-05-09"));
    assert_eq!(found(app), pattern("date-sweep", 4));
}

on_both!(ones_own_family_is_noticed_and_a_common_name_is_not, super::OFTEN);
fn ones_own_family_is_noticed_and_a_common_name_is_not(app: &TestApp) {
    let living_at = |question: Question, postcode: &str| question.living_at(&["14 Stryd y Felin"], postcode);
    let jones = Caller::health().named("jones").with("family_name", json!("Jones")).with("address", json!({"postal_code": "NP20 4QR"}));
    app.ask(&jones, &Question::about("Mared", "Jones").born("2017-05-09"));
    app.ask(&jones, &living_at(Question::about("Mared", "Bebb").born("2017-05-09"), "NP20 4QS"));
    // Whatever an identity provider says there, its people are let in.
    app.ask(&Caller::health().with("family_name", json!(["Trahaearn"])).with("address", json!("Newport")), &child(0));
    app.ask(&Caller::health().named("bebb").with("family_name", json!("Bebb")), &child(0));
    assert_eq!(found(app), []);
    app.ask(&Caller::health().named("trahaearn").with("family_name", json!("TRAHAEARN")), &child(0));
    assert_eq!(found(app), pattern("own-name", 1));
    app.ask(&jones, &living_at(Question::about("Mared", "Gethin").born("2017-05-09"), "np204qr"));
    assert_eq!(found(app), [("own-address".to_owned(), 1), ("own-name".to_owned(), 1)]);
}

/// Lets the checks out of hours be a day old, so that all that was done until now was done in time, and nothing from now on.
fn a_day_passes(app: &TestApp) {
    let nearly_a_day_ago = match app.database().kind() {
        Backend::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-86399 seconds')",
        Backend::Postgres => "now() - interval '86399 seconds'",
    };
    app.database().execute(&format!("UPDATE enquiry_mark SET marked_at = {nearly_a_day_ago} WHERE out_of_hours")).expect("older marks");
    std::thread::sleep(Duration::from_millis(1100));
}

on_both!(checks_at_night_without_anything_done_raise_one_task, super::OFTEN);
fn checks_at_night_without_anything_done_raise_one_task(app: &TestApp) {
    let entered = app.register(&Child::usual());
    app.set_clock("2026-11-17T22:10:00Z");
    let newport = |name: &str| Caller::of_authority("team-manager", NEWPORT).named(name);
    // Who works at every hour, and who asks once.
    for caller in [Caller::emergency_duty(), Caller::health(), Caller::police(), newport("once")] {
        app.ask(&caller, &child(0));
        if caller.subject() != "once" {
            app.ask(&caller, &child(1));
        }
    }
    for name in ["idle", "busy", "handing-over"] {
        for number in 0..2 {
            app.ask(&newport(name), &child(number).with("caseReference", json!(format!("{name}-{number}"))));
        }
    }
    assert_eq!(found(app), [], "something may still be done");
    // One looks into the register; for another a colleague goes on in the morning.
    app.as_caller(&newport("busy")).get(&format!("/v1/children/{}", entered.child)).expect(200);
    app.as_caller(&newport("idle")).get("/v1/checks").expect(200);
    app.set_clock("2026-11-18T10:10:00Z");
    for number in 0..2 {
        app.ask(&newport("colleague"), &child(number).with("caseReference", json!(format!("handing-over-{number}"))));
    }
    a_day_passes(app);
    assert_eq!(found(app), pattern("out-of-hours-without-follow-up", 2));
    let [task] = &tasks(app, &Caller::of_authority("custodian", NEWPORT))[..] else { panic!("one task for the enquirer's authority") };
    assert_eq!(task["authority"], NEWPORT);
    assert_eq!(tasks(app, &Caller::of_authority("custodian", TORFAEN)), Vec::<Value>::new());
    let path = format!("/v1/tasks/{}", task["id"].as_str().expect("an id"));
    let checks = app.custodian().get(&path).expect(200).list("/checks");
    assert!(checks.iter().all(|check| check["person"] == newport("idle").key().as_str()), "{checks:?}");
    // Whom a task is about does not see it.
    assert_eq!(tasks(app, &newport("idle")), Vec::<Value>::new());
    assert_eq!(tasks(app, &newport("busy")).len(), 1);
    app.as_caller(&newport("idle")).get(&path).problem(404, "not-found");
    app.as_caller(&newport("idle")).change(&format!("{path}/closure"), "\"1\"", &json!({"reason": "all well"})).problem(404, "not-found");
}

on_both!(a_partners_finding_goes_to_the_authority_of_the_child, super::OFTEN);
fn a_partners_finding_goes_to_the_authority_of_the_child(app: &TestApp) {
    app.register(&Child::usual().of(TORFAEN));
    app.ask(&Caller::health().with("family_name", json!("Trahaearn")), &Question::usual());
    assert_eq!(found(app), pattern("own-name", 1));
    assert_eq!(tasks(app, &Caller::of_authority("custodian", TORFAEN)).len(), 1);
    assert_eq!(tasks(app, &Caller::of_authority("custodian", NEWPORT)).len(), 0);
}

on_both!(many_checks_in_an_hour_are_told_and_not_refused, super::OFTEN);
fn many_checks_in_an_hour_are_told_and_not_refused(app: &TestApp) {
    for number in 0..6 {
        app.ask(&Caller::health(), &child(number));
        app.ask(&Caller::police(), &child(number));
    }
    assert_eq!(found(app), []);
    app.ask(&Caller::health(), &child(6));
    assert_eq!(found(app), pattern("many-checks", 7));
    app.ask(&Caller::health(), &child(7));
    assert_eq!(found(app), pattern("many-checks", 7), "the next task needs as many new checks");
}

/// Only PostgreSQL has several servers over one database.
#[test]
fn servers_that_look_at_the_same_time_raise_one_task() {
    let mut app = TestApp::start(Backend::Postgres, &OFTEN.replace("every_ms = 200", "every_ms = 100"));
    app.turn_to_the_other();
    for (round, family) in FAMILY.iter().enumerate().take(4) {
        for given in &GIVEN[..4] {
            app.ask(&Caller::health().named(&format!("nurse-{round}")), &Question::about(given, family).born("2017-05-09"));
        }
    }
    let expected = vec![("name-sweep".to_owned(), 4); 4];
    assert_eq!(found(&app), expected);
    looked_through(&app);
    assert_eq!(found(&app), expected);
    assert_eq!(app.database().number("SELECT count(*) AS n FROM task_evidence"), 16);
}
