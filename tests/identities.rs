//! Possible duplicates, merges and distinctions: a person decides, and can undo it.

use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

fn path(child: &str) -> String {
    format!("/v1/children/{child}")
}

/// A child who came off Newport's register before the usual child came on to it.
fn formerly(app: &TestApp, child: &Child) -> Entered {
    let entered = app.enter(child);
    Entered { registration: app.registered_between(&entered.child, "2025-01-14", "2025-12-01"), ..entered }
}

#[track_caller]
fn asked_about(app: &TestApp) -> Vec<Value> {
    let tasks = app.custodian().get("/v1/tasks?open=true").expect(200).list("/items");
    tasks.into_iter().filter(|task| task["kind"] == "possible-duplicate").collect()
}

fn merge(app: &TestApp, kept: &str, other: &str) -> Answer {
    let body = json!({"otherChildId": other, "reason": "The health visitor confirms that there is one child"});
    app.custodian().change(&format!("{}/merges", path(kept)), "*", &body)
}

fn tell_apart(app: &TestApp, one: &str, other: &str) -> Answer {
    app.custodian().change(&format!("{}/distinctions", path(one)), "*", &json!({"otherChildId": other, "reason": "Cousins"}))
}

on_both!(issue_4_a_possible_duplicate_becomes_a_task_once_for_each_pair);
fn issue_4_a_possible_duplicate_becomes_a_task_once_for_each_pair(app: &TestApp) {
    let first = app.register(&Child::usual());
    let second = app.enter(&Child::named("Gwenlian", "Trahaearn").born("2017-05-09").sex("female"));
    let tasks = asked_about(app);
    assert_eq!(tasks.len(), 1);
    assert_eq!((&tasks[0]["childId"], &tasks[0]["otherChildId"]), (&json!(second.child), &json!(first.child)));
    assert_eq!((&tasks[0]["authority"], &tasks[0]["toRole"]), (&json!(NEWPORT), &json!("custodian")));
    let read = app.custodian().get(&format!("/v1/tasks/{}", tasks[0]["id"].as_str().expect("an id"))).expect(200);
    assert_eq!(read.at("/otherChildId"), first.child.as_str());
    // Corrected, they still look alike; nobody is asked twice.
    app.custodian()
        .change(&format!("{}/names", path(&second.child)), "*", &json!({"use": "alias", "given": "Nest", "family": "Trahaearn"}))
        .expect(201);
    assert_eq!(asked_about(app).len(), 1);
    // Two authorities: it stands on the list of the region.
    app.enter(&Child::usual().of(TORFAEN));
    let tasks = asked_about(app);
    assert!(tasks.iter().filter(|task| task["authority"] == "gwent").count() >= 1, "{tasks:?}");
}

on_both!(brothers_sisters_and_twins_are_not_asked_about);
fn brothers_sisters_and_twins_are_not_asked_about(app: &TestApp) {
    let home = |given: &str, born: &str| {
        Child::named(given, "Trahaearn").born(born).living_at(&["14 Stryd y Felin"], "NP20 4QR").mother("Angharad", "Trahaearn")
    };
    for (given, born) in
        [("Gwenllian", "2017-05-09"), ("Gruffydd", "2017-05-09"), ("Heledd", "2019-01-02"), ("Elin", "2021-03-04"), ("Erin", "2021-03-04")]
    {
        app.register(&home(given, born));
    }
    assert_eq!(asked_about(app), Vec::<Value>::new());
}

on_both!(those_whom_an_import_brings_are_looked_for_afterwards);
fn those_whom_an_import_brings_are_looked_for_afterwards(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let common = [
        ("authority", NEWPORT),
        ("status", "registered"),
        ("registeredOn", "2025-01-06"),
        ("categories", "neglect"),
        ("coordinator", "A B"),
    ];
    let row = |more: &[(&'static str, &'static str)]| [&common[..], more].concat();
    let same =
        row(&[("id", "1"), ("given", "Gwenllian"), ("family", "Trahaearn"), ("dateOfBirth", "2017-05-09"), ("nhsNumber", "9990001006")]);
    let other = row(&[("id", "2"), ("given", "Peredur"), ("family", "Tremain"), ("dateOfBirth", "2016-06-21")]);
    app.import(&[&same, &other]);
    assert_eq!(asked_about(app).len(), 0);
    assert_eq!(app.look_for_duplicates(), 2);
    let tasks = asked_about(app);
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0]["otherChildId"], entered.child.as_str());
    assert_eq!(app.look_for_duplicates(), 0, "nobody waits any more");
}

on_both!(merged_records_are_one_person_to_whoever_asks);
fn merged_records_are_one_person_to_whoever_asks(app: &TestApp) {
    // One record has the entry, the other the name by which the family is known at the hospital.
    let kept = app.register(&Child::usual());
    let other = formerly(app, &Child::named("Nest", "Cadwaladr").born("2017-05-19").nhs("9990001014"));
    let question = Question::about("Nest", "Cadwaladr").born("2017-05-19");
    assert_eq!(app.ask(&Caller::health(), &question).at("/outcome"), "not-on-register");
    let decision = merge(app, &kept.child, &other.child).expect(201);
    assert_eq!(
        (decision.at("/kind"), decision.at("/childId"), decision.at("/otherChildId")),
        (json!("same-person"), json!(kept.child), json!(other.child))
    );
    for question in [question, Question::usual(), Question::nobody().nhs("9990001014"), Question::nobody().nhs("9990001006")] {
        let answer = app.ask(&Caller::health(), &question);
        assert_eq!((answer.at("/outcome"), answer.list("/matches").len()), (json!("on-register"), 1), "{}", answer.body);
        assert_eq!((answer.at("/matches/0/status"), answer.at("/matches/0/authority/code")), (json!("registered"), json!(NEWPORT)));
        assert_eq!(answer.at("/matches/0/registeredOn"), "2026-03-03", "the entry in force speaks for the person");
    }
    let (one, two) = (app.custodian().get(&path(&kept.child)).expect(200), app.custodian().get(&path(&other.child)).expect(200));
    assert_eq!((two.at("/mergedInto"), one.at("/mergedFrom")), (json!(kept.child), json!([other.child])));
    for record in [&one, &two] {
        let mut entries: Vec<_> = record.list("/registrationIds").iter().map(|id| id.as_str().expect("an id").to_owned()).collect();
        entries.sort();
        let mut expected = [kept.registration.clone(), other.registration.clone()];
        expected.sort();
        assert_eq!(entries, expected, "reachable from both");
    }
    // The whole person's days count, whichever record is asked.
    let period = app.custodian().get(&format!("{}/history?from=2025-02-01&to=2025-02-28", path(&kept.child))).expect(200);
    assert_eq!((period.at("/period/onRegister"), period.at("/period/days")), (json!(true), json!(28)));
}

on_both!(records_of_one_person_are_no_rivals_after_a_merge);
fn records_of_one_person_are_no_rivals_after_a_merge(app: &TestApp) {
    let newport = app.register(&Child::named("Ffion", "Maddocks").born("2013-10-11").sex("female"));
    let torfaen = app.register(&Child::named("Ffion", "Maddocks").born("2013-10-11").sex("female").of(TORFAEN));
    let question = Question::about("Ffion", "Maddocks").born("2013-10-11");
    assert_eq!(app.ask(&Caller::health(), &question).at("/outcome"), "possible-match", "two people of one name and birthday");
    merge(app, &newport.child, &torfaen.child).expect(201);
    let answer = app.ask(&Caller::health(), &question);
    assert_eq!(
        (answer.at("/outcome"), answer.at("/matches/0/grade"), answer.list("/matches").len()),
        (json!("on-register"), json!("certain"), 1)
    );
    // Both custodians hear of it.
    let told = app.database().texts("SELECT DISTINCT authority AS value FROM notice WHERE kind = 'enquiry' ORDER BY authority");
    assert_eq!(told, [TORFAEN, NEWPORT]);
}

on_both!(undoing_a_merge_restores_every_view_to_the_byte);
fn undoing_a_merge_restores_every_view_to_the_byte(app: &TestApp) {
    let kept = app.register(&Child::usual());
    let other = formerly(app, &Child::named("Nest", "Cadwaladr").born("2017-05-19"));
    let questions = [Question::usual(), Question::about("Nest", "Cadwaladr").born("2017-05-19")];
    let views = || -> Vec<String> {
        let mut views = Vec::new();
        for id in [&kept.child, &other.child] {
            views.push(app.custodian().get(&path(id)).expect(200).body);
            views.push(
                app.custodian().get(&format!("{}/history?from=2024-01-01&to=2026-11-17", path(id))).expect(200).at("/period").to_string(),
            );
        }
        for question in &questions {
            let answer = app.ask(&Caller::police(), question);
            views.push(format!("{} {}", answer.at("/outcome"), answer.at("/matches")));
        }
        views
    };
    let index =
        || app.database().texts("SELECT pid || ' ' || standing || ' ' || coalesce(person, 0) AS value FROM match_record ORDER BY pid");
    let (before, indexed) = (views(), index());
    app.set_clock("2026-11-17T11:00:00Z");
    let decision = merge(app, &kept.child, &other.child).expect(201);
    assert_ne!(views(), before);
    let at = decision.header("location").expect("a place").to_owned();
    assert_eq!(app.custodian().get(&at).expect(200).json(), decision.json());
    let reason = json!({"reason": "They are cousins"});
    app.custodian().change(&format!("{at}/undo"), "\"7\"", &reason).problem(412, "precondition-failed");
    let undone = app.custodian().change(&format!("{at}/undo"), "\"1\"", &reason).expect(200);
    assert_eq!((undone.at("/undone/reason"), undone.at("/undone/by")), (json!("They are cousins"), json!(Caller::custodian().key())));
    assert_eq!(views(), before);
    assert_eq!(index(), indexed);
    app.custodian().change(&format!("{at}/undo"), "\"2\"", &reason).problem(409, "conflict");
    // Then they can be merged the other way round.
    merge(app, &other.child, &kept.child).expect(201);
}

on_both!(i26_an_identity_closed_by_an_adoption_is_never_joined_again);
fn i26_an_identity_closed_by_an_adoption_is_never_joined_again(app: &TestApp) {
    let old = app.enter(&Child::usual());
    app.custodian().change(&format!("{}/adoption", path(&old.child)), "\"1\"", &json!({"reason": "Adoption order of today"})).expect(200);
    // The same child under a new name, with everything else alike.
    let new = app.register(&Child::usual());
    assert_eq!(asked_about(app), Vec::<Value>::new(), "nobody is asked whether they are one");
    let body = |answer: Answer| {
        let mut body = answer.problem(404, "not-found").json();
        body["instance"] = json!("");
        body
    };
    let nobody = "01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35";
    let missing = body(merge(app, &new.child, nobody));
    assert_eq!(body(merge(app, &new.child, &old.child)), missing);
    assert_eq!(body(merge(app, &old.child, &new.child)), missing);
    assert_eq!(body(tell_apart(app, &new.child, &old.child)), body(tell_apart(app, &new.child, nobody)));
    let related = Child::named("Heledd", "Trahaearn").with("household", json!([{"relationship": "sibling", "relatedChildId": old.child}]));
    let refused = app.custodian().post("/v1/children", &related.0).problem(422, "invalid");
    assert_eq!(refused.list("/errors")[0]["code"], "unknown-child");
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).list("/matches").len(), 1);
}

on_both!(an_adoption_closes_every_record_of_the_person);
fn an_adoption_closes_every_record_of_the_person(app: &TestApp) {
    let kept = app.enter(&Child::usual());
    let other = app.enter(&Child::named("Nest", "Cadwaladr").born("2017-05-19").nhs("9990001014"));
    let decision = merge(app, &kept.child, &other.child).expect(201);
    app.custodian().change(&format!("{}/adoption", path(&kept.child)), "*", &json!({"reason": "Adoption order"})).expect(200);
    assert_eq!(app.custodian().get(&path(&other.child)).expect(200).at("/standing"), "closed-by-adoption");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM match_record"), 0, "no question finds any of them");
    app.custodian().get(decision.header("location").expect("a place")).problem(404, "not-found");
}

on_both!(records_told_apart_are_not_asked_about_again_and_not_merged);
fn records_told_apart_are_not_asked_about_again_and_not_merged(app: &TestApp) {
    let one = app.enter(&Child::usual());
    let two = app.enter(&Child::named("Gwenlian", "Trahaearn").born("2017-05-09").sex("female"));
    assert_eq!(asked_about(app).len(), 1);
    let decision = tell_apart(app, &one.child, &two.child).expect(201);
    assert_eq!(decision.at("/kind"), "different-people");
    assert_eq!(asked_about(app).len(), 0, "the question is answered");
    merge(app, &one.child, &two.child).problem(409, "conflict");
    tell_apart(app, &two.child, &one.child).problem(409, "conflict");
    // A third record that looks like both is asked about.
    app.enter(&Child::named("Gwenllian", "Trahaearn").born("2017-05-09"));
    assert!(!asked_about(app).is_empty());
    let at = decision.header("location").expect("a place").to_owned();
    app.custodian().change(&format!("{at}/undo"), "\"1\"", &json!({"reason": "The same after all"})).expect(200);
    merge(app, &one.child, &two.child).expect(201);
}

on_both!(i8_two_entries_on_one_register_at_one_time_are_not_merged);
fn i8_two_entries_on_one_register_at_one_time_are_not_merged(app: &TestApp) {
    let (one, two) = (app.register(&Child::usual()), app.register(&Child::usual()));
    let refused = merge(app, &one.child, &two.child).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/otherChildId both-registered"]);
    let reason = json!({"reason": "Entered twice"});
    app.custodian().change(&format!("/v1/registrations/{}/entered-in-error", two.registration), "\"1\"", &reason).expect(200);
    merge(app, &one.child, &two.child).expect(201);
    // And a merged person gets no second entry there either.
    let entry = Entry::usual().child(&two.child);
    let refused = app.custodian().post("/v1/registrations", &entry.0).problem(422, "invalid");
    assert_eq!(refused.list("/errors")[0]["code"], "period-overlaps");
}

on_both!(a_merge_is_decided_by_a_custodian_who_reaches_both);
fn a_merge_is_decided_by_a_custodian_who_reaches_both(app: &TestApp) {
    let (one, two) = (app.enter(&Child::usual()), app.enter(&Child::named("Nest", "Cadwaladr").of(TORFAEN)));
    let body = json!({"otherChildId": two.child, "reason": "One child"});
    let at = format!("{}/merges", path(&one.child));
    app.as_caller(&Caller::of_authority("custodian", NEWPORT)).change(&at, "*", &body).problem(404, "not-found");
    app.as_caller(&Caller::of_region("team-manager")).change(&at, "*", &body).problem(403, "operation-not-allowed");
    for (body, expected) in [
        (json!({"otherChildId": two.child}), "/reason missing"),
        (json!({"reason": "One child"}), "/otherChildId missing"),
        (json!({"otherChildId": one.child, "reason": "One child"}), "/otherChildId same-record"),
    ] {
        assert_eq!(app.custodian().change(&at, "*", &body).problem(422, "invalid").mistakes(), [expected]);
    }
    let post = |key: &str| app.custodian().request(reqwest::Method::POST, &at).key(key).header("if-match", "\"1\"").json(&body).send();
    let first = post("one").expect(201);
    assert_eq!(post("one").expect(201).body, first.body, "the same key does it once");
    let audit = app.audit_of(&first);
    assert_eq!((audit[0].operation.as_str(), audit[0].outcome.as_str()), ("mergeChildren", "granted"));
    let three = app.enter(&Child::named("Peredur", "Tremain").born("2016-06-21"));
    merge(app, &two.child, &three.child).problem(409, "conflict");
    merge(app, &three.child, &two.child).problem(409, "conflict");
    merge(app, &one.child, &three.child).expect(201);
    assert_eq!(app.custodian().get(&path(&one.child)).expect(200).list("/mergedFrom").len(), 2);
}

on_both!(of_several_merges_at_once_one_is_decided);
fn of_several_merges_at_once_one_is_decided(app: &TestApp) {
    let (one, two) = (app.enter(&Child::usual()), app.enter(&Child::named("Nest", "Cadwaladr").born("2017-05-19")));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ways = [(&one.child, &two.child), (&two.child, &one.child)];
        let merging: Vec<_> = ways.iter().cycle().take(8).map(|(kept, other)| scope.spawn(|| merge(app, kept, other).status)).collect();
        merging.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 409, 412].contains(status)), "{statuses:?}");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM identity_decision"), 1);
}
