//! `/v1/conferences`: a decision for each child by itself, and what follows from it.

use serde_json::{Value, json};

use crate::support::app::{Client, TestApp};
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Conference, Entry, Question, full};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

/// Tables that a conference and its effects write to.
const TABLES: [&str; 10] = [
    "conference",
    "conference_state",
    "conference_attendee",
    "conference_decision",
    "registration",
    "registration_state",
    "registration_category",
    "registration_coordinator",
    "task",
    "notice",
];

fn siblings(app: &TestApp) -> [String; 3] {
    ["Gwenllian", "Ffion", "Macsen"].map(|given| app.enter(&Child::named(given, "Trahaearn").born("2016-05-09")).child)
}

#[track_caller]
fn entry(app: &TestApp, conference: &Answer, index: usize) -> Answer {
    let id = conference.text(&format!("/decisions/{index}/registrationId"));
    app.custodian().get(&format!("/v1/registrations/{id}")).expect(200)
}

#[track_caller]
fn open_tasks(client: &Client<'_>) -> Vec<(String, String)> {
    let tasks = client.get("/v1/tasks?open=true").expect(200).list("/items");
    let text = |task: &Value, item: &str| task[item].as_str().expect("a text").to_owned();
    let mut tasks: Vec<_> = tasks.iter().map(|task| (text(task, "kind"), text(task, "toRole"))).collect();
    tasks.sort();
    tasks
}

/// Who is told of what, without enquiries.
fn told(client: &Client<'_>) -> Vec<String> {
    let notices = client.get("/v1/notices").expect(200).list("/items");
    let mut told: Vec<_> = notices.iter().map(|notice| format!("{} {}", notice["toRole"], notice["kind"]).replace('"', "")).collect();
    told.sort();
    told
}

#[track_caller]
fn refused(app: &TestApp, conference: &Conference) -> Vec<String> {
    let before = TABLES.map(|table| app.count(table));
    let refused = app.custodian().post("/v1/conferences", &conference.0).problem(422, "invalid");
    for error in refused.list("/errors") {
        let explained = error["detail"].as_str().is_some_and(|text| !text.is_empty());
        assert!(explained, "every mistake says what would help: {error}");
    }
    assert_eq!(TABLES.map(|table| app.count(table)), before, "what is refused writes nothing");
    refused.mistakes()
}

on_both!(i10_s11_one_conference_for_three_siblings_is_three_decisions_and_only_the_registered_are_entries);
fn i10_s11_one_conference_for_three_siblings_is_three_decisions_and_only_the_registered_are_entries(app: &TestApp) {
    let [first, second, third] = siblings(app);
    let conference = Conference::held("initial", "2026-03-03")
        .with("language", json!("cy"))
        .with("attendance", json!([{"name": "Ann Price", "agency": "Health", "attendance": "attended", "directContact": true}]))
        .decides(&first, "registered", full(json!(["neglect"])))
        .decides(&second, "not-registered", json!({"reasons": "Lives with Nain and is safe there"}))
        .decides(&third, "registered", full(json!(["emotional", "physical"])));
    let held = app.hold(&conference);
    let path = format!("/v1/conferences/{}", held.text("/id"));
    assert_eq!((held.header("location"), held.header("etag")), (Some(path.as_str()), Some("\"1\"")));
    assert_eq!(app.custodian().get(&path).expect(200).json(), held.json());
    assert_eq!((app.count("conference_decision"), app.count("registration")), (3, 2));
    let decided = |index: usize, item: &str| held.at(&format!("/decisions/{index}/{item}"));
    assert_eq!([0, 1, 2].map(|index| decided(index, "childId")), [json!(first), json!(second), json!(third)]);
    assert_eq!([0, 1, 2].map(|index| decided(index, "decision")), ["registered", "not-registered", "registered"].map(|code| json!(code)));
    assert_eq!(decided(1, "registrationId"), Value::Null);
    for (index, categories) in [(0, vec!["neglect"]), (2, vec!["emotional", "physical"])] {
        let entry = entry(app, &held, index);
        let named: Vec<_> =
            entry.list("/categories").iter().map(|category| category["category"].as_str().expect("a code").to_owned()).collect();
        assert_eq!(named, categories);
        // I3: the entry names the conference whose decision put the name there.
        assert_eq!((entry.at("/conference/id"), entry.at("/registeredOn")), (held.at("/id"), json!("2026-03-03")));
        assert_eq!((entry.at("/status"), entry.at("/coreGroup/0/name")), (json!("registered"), json!("Ann Price")));
    }
    assert_eq!(told(&app.custodian()), ["custodian registered", "custodian registered"]);
    let outcome = |given: &str| app.ask(&Caller::health(), &Question::about(given, "Trahaearn").born("2016-05-09")).text("/outcome");
    assert_eq!((outcome("Gwenllian"), outcome("Macsen")), ("on-register".into(), "on-register".into()));
}

on_both!(i10_a_rule_that_one_childs_decision_breaks_refuses_the_whole);
fn i10_a_rule_that_one_childs_decision_breaks_refuses_the_whole(app: &TestApp) {
    let [first, second, third] = siblings(app);
    let with = |more: Value| Conference::held("initial", "2026-03-03").registers(&first).decides(&second, "registered", more);
    assert_eq!(refused(app, &with(json!({}))), ["/decisions/1/categories no-category"]);
    assert_eq!(
        refused(app, &with(json!({"categories": ["neglect", "neglect"]}))),
        ["/decisions/1/categories duplicate-category", "/decisions/1/categories no-category"]
    );
    assert_eq!(refused(app, &with(json!({"categories": ["unkindness"]}))), ["/decisions/1/categories/0 unknown-code"]);
    let twice = Conference::held("initial", "2026-03-03").registers(&first).registers(&first);
    assert_eq!(refused(app, &twice), ["/decisions/1/childId child-twice"]);
    let stranger = Conference::held("initial", "2026-03-03").registers(&first).registers("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35");
    assert_eq!(refused(app, &stranger), ["/decisions/1/childId unknown-child"]);
    // A rule that only shows when the entry is made: the third child has an overlapping period.
    app.custodian().post("/v1/registrations", &Entry::usual().child(&third).0).expect(201);
    let overlapping = Conference::held("initial", "2026-03-10").registers(&first).registers(&third);
    assert_eq!(refused(app, &overlapping), ["/decisions/1/childId already-registered"]);
}

on_both!(each_rule_of_a_conference_is_named_with_its_source);
fn each_rule_of_a_conference_is_named_with_its_source(app: &TestApp) {
    let [child, ..] = siblings(app);
    let usual = |on: &str| Conference::held("initial", on).registers(&child);
    let decides = |decision: &str, more: Value| Conference::held("initial", "2026-03-03").decides(&child, decision, more);
    let with = |more: Value| {
        let mut all = full(json!(["neglect"]));
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        decides("registered", all)
    };
    for (conference, expected, source) in [
        (usual("2026-11-18"), "/heldOn conference-in-the-future", Some("DESIGN")),
        (
            usual("2026-03-03").with("quorate", json!(false)),
            "/attendance conference-not-quorate",
            Some("WSP-3.2.9, WSP-3.2.13, SSD-CPREVIEW"),
        ),
        (
            usual("2026-03-03").with("quorate", Value::Null),
            "/attendance conference-not-quorate",
            Some("WSP-3.2.9, WSP-3.2.13, SSD-CPREVIEW"),
        ),
        (Conference::held("initial", "2026-03-03"), "/decisions no-child", Some("WSP-3.2.9, WSP-4.8")),
        (Conference::held("pre-birth", "2026-03-03").registers(&child), "/decisions no-unborn-child", Some("WSP-2.10")),
        (decides("continued", json!({})), "/decisions/0/decision decision-not-of-kind", Some("WSP-3.2.9, WSP-4.8")),
        (decides("not-registered", json!({"categories": ["neglect"]})), "/decisions/0/categories category-without-entry", Some("DESIGN")),
        (decides("not-registered", json!({"nextReviewOn": "2026-05-03"})), "/decisions/0/nextReviewOn without-entry", Some("WSP-3.2.13")),
        (decides("not-registered", json!({"consensus": false})), "/decisions/0/reasons no-reasons", Some("WSP-4.9")),
        (decides("not-registered", json!({"consensus": null})), "/decisions/0/consensus missing", None),
        (with(json!({"nextReviewOn": "2026-03-03"})), "/decisions/0/nextReviewOn review-not-after", Some("DESIGN")),
        (with(json!({"nextReviewOn": "2026-06-04"})), "/decisions/0/nextReviewOn review-too-late", Some("WSP-4.8, WSP-3.2.13")),
        (with(json!({"coreGroupOn": "2026-03-18"})), "/decisions/0/coreGroupOn core-group-too-late", Some("WSP-4.4, WSP-3.2.13")),
        (with(json!({"registeredOn": "2026-03-02"})), "/decisions/0/registeredOn before-conference", Some("WSP-4.12")),
        (with(json!({"registeredOn": "2026-11-18"})), "/decisions/0/registeredOn in-the-future", None),
        (with(json!({"advocacy": {"response": "perhaps"}})), "/decisions/0/advocacy/response unknown-advocacy-response", Some("WG-ADV")),
        (with(json!({"participation": "PN8"})), "/decisions/0/participation unknown-participation", Some("SSD-CPREVIEW")),
        (
            with(json!({"section47Id": "01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"})),
            "/decisions/0/section47Id unknown-section-47",
            Some("DESIGN"),
        ),
        (usual("2026-03-03").with("departure", json!({"reason": "Snow"})), "/departure/approvedBy departure-incomplete", Some("WSP-3.1.8")),
        (
            Conference::held("review", "2026-03-03").decides(&child, "continued", json!({})),
            "/decisions/0/childId not-registered",
            Some("WSP-4.8, WSP-4.12"),
        ),
        (usual("2026-03-03").with("kind", json!("tea")), "/kind unknown-code", None),
        (usual("2026-03-03").with("heldOn", Value::Null), "/heldOn missing", None),
    ] {
        let before = TABLES.map(|table| app.count(table));
        let answer = app.custodian().post("/v1/conferences", &conference.0).problem(422, "invalid");
        assert_eq!(answer.mistakes(), [expected], "{}", answer.body);
        assert_eq!(answer.at("/errors/0/source"), source.map_or(Value::Null, Value::from), "{expected}");
        assert_eq!(TABLES.map(|table| app.count(table)), before, "{expected}");
    }
}

on_both!(s12_the_dates_of_a_conference_keep_within_the_limits);
fn s12_the_dates_of_a_conference_keep_within_the_limits(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let mut more = full(json!(["neglect"]));
    (more["nextReviewOn"], more["coreGroupOn"]) = (json!("2026-06-03"), json!("2026-03-17"));
    let held = app.hold(&Conference::held("initial", "2026-03-03").decides(&child, "registered", more));
    assert_eq!((held.at("/decisions/0/nextReviewOn"), held.at("/decisions/0/coreGroupOn")), (json!("2026-06-03"), json!("2026-03-17")));
    assert_eq!(held.at("/doubts"), json!([]));
    let made = entry(app, &held, 0);
    assert_eq!((made.at("/registeredOn"), made.at("/reviewDueOn")), (json!("2026-03-03"), json!("2026-06-03")));
    assert_eq!(open_tasks(&app.custodian()), []);
    // Later than the limit: with the senior safeguarding manager's authority it is taken, and doubted aloud.
    let other = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11")).child;
    let mut late = full(json!(["neglect"]));
    late["nextReviewOn"] = json!("2026-06-10");
    let conference = Conference::held("initial", "2026-03-03").decides(&other, "registered", late);
    assert_eq!(refused(app, &conference), ["/decisions/0/nextReviewOn review-too-late"]);
    let departure = json!({"reason": "The court sits on the 9th", "approvedBy": "Nia Pritchard"});
    let held = app.hold(&conference.with("departure", departure.clone()));
    assert_eq!(held.at("/departure"), departure);
    assert_eq!((held.at("/doubts/0/pointer"), held.at("/doubts/0/code")), (json!("/decisions/0/nextReviewOn"), json!("review-too-late")));
}

on_both!(i7_a_gap_never_blocks_a_decision_and_raises_a_task_for_the_senior_manager);
fn i7_a_gap_never_blocks_a_decision_and_raises_a_task_for_the_senior_manager(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let held = app.hold(&Conference::held("initial", "2026-03-03").decides(&child, "registered", json!({"categories": ["neglect"]})));
    assert_eq!(entry(app, &held, 0).text("/status"), "registered");
    let role = |kind: &str, role: &str| (kind.to_owned(), role.to_owned());
    assert_eq!(
        open_tasks(&app.custodian()),
        [
            role("advocacy-unmet", "coordinator"),
            role("coordinator-missing", "senior-safeguarding-manager"),
            role("review-date-missing", "senior-safeguarding-manager"),
        ]
    );
}

on_both!(an_unmet_offer_of_an_advocate_is_shown_and_never_blocks);
fn an_unmet_offer_of_an_advocate_is_shown_and_never_blocks(app: &TestApp) {
    let [first, second, third] = siblings(app);
    let mut offered = full(json!(["neglect"]));
    offered["advocacy"] = json!({"offeredOn": "2026-02-05", "offeredBy": "Elin Gwynne", "response": "not-possible"});
    let held = app.hold(&Conference::held("initial", "2026-03-03").registers(&first).decides(&second, "registered", offered).decides(
        &third,
        "not-registered",
        json!({}),
    ));
    let unmet = |answer: &Answer| [0, 1, 2].map(|index| answer.at(&format!("/decisions/{index}/advocacy/unmet")));
    assert_eq!(unmet(&held), [json!(false), json!(true), json!(true)]);
    let kinds = |app: &TestApp| open_tasks(&app.custodian()).into_iter().filter(|(kind, _)| kind == "advocacy-unmet").count();
    assert_eq!(kinds(app), 2);
    // The offer is made later: a correction of what is harmless, and the task is done.
    let later = json!({"offeredOn": "2026-03-04", "offeredBy": "Elin Gwynne", "response": "accepted"});
    let correction = json!({
        "chair": "Mair Bowen",
        "quorate": true,
        "children": [{"childId": third, "participation": "PN7", "advocacy": later, "views": {"child": "Wants to be told", "childHow": "by telephone", "language": "cy"}}],
    });
    let path = format!("/v1/conferences/{}", held.text("/id"));
    let corrected = app.custodian().put(&path, "\"1\"", &correction).expect(200);
    assert_eq!(corrected.header("etag"), Some("\"2\""));
    let third_of =
        |answer: &Answer| answer.list("/decisions").into_iter().find(|decision| decision["childId"] == third.as_str()).expect("a decision");
    assert_eq!(third_of(&corrected)["advocacy"]["unmet"], false);
    assert_eq!(third_of(&corrected)["views"], json!({"child": "Wants to be told", "childHow": "by telephone", "language": "cy"}));
    assert_eq!(third_of(&corrected)["participation"], "PN7");
    assert_eq!(kinds(app), 1);
    assert_eq!(app.custodian().get(&path).expect(200).json(), corrected.json());
    assert_eq!(app.count("conference_decision"), 4, "what was said before stays beside what is said now");
}

on_both!(what_is_harmless_is_corrected_and_what_was_decided_is_not);
fn what_is_harmless_is_corrected_and_what_was_decided_is_not(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let held = app.hold(&Conference::held("initial", "2026-03-03").registers(&child));
    let path = format!("/v1/conferences/{}", held.text("/id"));
    let attendance = json!([{"name": "Huw Rees", "agency": "School", "role": "teacher", "attendance": "apologies"}]);
    let said = json!({"chair": "Rhodri Ellis", "language": "en", "quorate": false, "quorumReason": "Snow", "attendance": attendance});
    app.custodian().put(&path, "\"7\"", &said).problem(412, "precondition-failed");
    let corrected = app.custodian().put(&path, "\"1\"", &said).expect(200);
    assert_eq!((corrected.at("/chair"), corrected.at("/attendance")), (json!("Rhodri Ellis"), attendance));
    assert_eq!(
        (corrected.at("/doubts/0/code"), corrected.at("/doubts/0/pointer")),
        (json!("conference-not-quorate"), json!("/attendance"))
    );
    assert_eq!(corrected.at("/decisions"), held.at("/decisions"), "what was decided stays");
    app.custodian().put(&path, "\"1\"", &said).problem(412, "precondition-failed");
    let wrong = |body: Value| app.custodian().put(&path, "\"2\"", &body).problem(422, "invalid").mistakes();
    assert_eq!(wrong(json!({"quorate": true, "heldOn": "2026-03-04"})), ["/heldOn unknown-field"]);
    assert_eq!(wrong(json!({"quorate": true, "decisions": []})), ["/decisions unknown-field"]);
    assert_eq!(wrong(json!({"quorate": false})), ["/attendance conference-not-quorate"]);
    let stranger = json!({"quorate": true, "children": [{"childId": "01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"}]});
    assert_eq!(wrong(stranger), ["/children/0/childId unknown-child"]);
    assert_eq!(app.count("conference_state"), 2);
}

on_both!(i9_a_review_keeps_a_child_on_and_the_first_categories_stay_readable);
fn i9_a_review_keeps_a_child_on_and_the_first_categories_stay_readable(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let first = app.hold(&Conference::held("initial", "2026-03-03").registers(&child));
    let id = first.text("/decisions/0/registrationId");
    let more = json!({
        "categories": ["neglect", "emotional"], "nextReviewOn": "2026-11-30", "legalStatus": "supervision-order",
        "coreGroup": [{"name": "Huw Rees"}], "coordinator": {"name": "Dafydd Puw"},
    });
    let review = app.hold(&Conference::held("review", "2026-06-02").decides(&child, "continued", more));
    assert_eq!(review.text("/decisions/0/registrationId"), id, "the entry that is kept is found by the child");
    let kept = app.custodian().get(&format!("/v1/registrations/{id}")).expect(200);
    for (item, value) in [
        ("/status", json!("registered")),
        ("/registeredOn", json!("2026-03-03")),
        ("/reviewDueOn", json!("2026-11-30")),
        ("/legalStatus", json!("supervision-order")),
        ("/coordinator/name", json!("Dafydd Puw")),
        ("/coreGroup", json!([{"name": "Huw Rees", "from": "2026-06-02"}])),
        ("/conference/id", first.at("/id")),
    ] {
        assert_eq!(kept.at(item), value, "{item}");
    }
    let categories = app.custodian().get(&format!("/v1/registrations/{id}/categories")).expect(200);
    assert_eq!((categories.at("/initial"), categories.at("/latest")), (json!(["neglect"]), json!(["emotional", "neglect"])));
    // A review that leaves the categories as they are, and sets no date.
    let path = format!("/v1/registrations/{id}");
    app.hold(&Conference::held("review", "2026-11-16").decides(&child, "continued", json!({})));
    let kept = app.custodian().get(&path).expect(200);
    assert_eq!((kept.at("/reviewDueOn"), kept.list("/categories").len()), (Value::Null, 2));
    assert_eq!(open_tasks(&app.custodian()), [("review-date-missing".to_owned(), "senior-safeguarding-manager".to_owned())]);
    assert_eq!(
        refused(app, &Conference::held("review", "2026-03-03").decides(&child, "continued", json!({}))),
        ["/decisions/0/childId review-before-plan"]
    );
}

on_both!(s15_a_split_review_is_decided_by_the_chair_with_reasons);
fn s15_a_split_review_is_decided_by_the_chair_with_reasons(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let first = app.hold(&Conference::held("initial", "2026-03-03").registers(&child));
    let id = first.text("/decisions/0/registrationId");
    let split = |more: Value| Conference::held("review", "2026-06-02").decides(&child, "removed", more);
    assert_eq!(refused(app, &split(json!({"consensus": false}))), ["/decisions/0/reasons no-reasons"]);
    assert_eq!(refused(app, &split(json!({}))), ["/decisions/0/reasons no-reasons"]);
    let said = json!({
        "consensus": false,
        "dissent": "The school thought that the plan should go on",
        "reasons": "Safe and warm for four months",
        "evidence": "Eleven visits",
    });
    let review = app.hold(&split(said.clone()));
    for item in ["consensus", "dissent", "reasons", "evidence"] {
        assert_eq!(review.at(&format!("/decisions/0/{item}")), said[item], "{item}");
    }
    let entry = app.custodian().get(&format!("/v1/registrations/{id}")).expect(200);
    assert_eq!((entry.at("/status"), entry.at("/removedOn")), (json!("previously-registered"), json!("2026-06-02")));
    assert_eq!(entry.at("/removalGround"), "review-conference-decision");
    let removal = app.custodian().get(&format!("/v1/registrations/{id}/removal")).expect(200);
    assert_eq!((removal.at("/conferenceId"), removal.at("/evidence")), (review.at("/id"), json!("Eleven visits")));
    assert_eq!((removal.at("/reasons"), removal.at("/letters")), (json!("Safe and warm for four months"), json!(true)));
    // The agencies are to be told.
    assert_eq!(open_tasks(&app.custodian()), [("tell-agencies".to_owned(), "custodian".to_owned())]);
    assert_eq!(told(&app.custodian()), ["custodian registered", "custodian removed"]);
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!((answer.text("/outcome"), answer.text("/matches/0/status")), ("not-on-register".into(), "previously-registered".into()));
}

on_both!(i10_what_a_review_decides_for_one_child_changes_nothing_for_another);
fn i10_what_a_review_decides_for_one_child_changes_nothing_for_another(app: &TestApp) {
    let [first, second, _] = siblings(app);
    let held = app.hold(&Conference::held("initial", "2026-03-03").registers(&first).registers(&second));
    let before = entry(app, &held, 1).json();
    app.hold(&Conference::held("review", "2026-06-02").decides(&first, "removed", json!({"reasons": "Safe", "evidence": "Visits"})));
    assert_eq!(entry(app, &held, 1).json(), before);
    assert_eq!(entry(app, &held, 0).text("/status"), "previously-registered");
}

on_both!(i8_of_two_conferences_at_once_that_register_one_child_one_makes_the_entry);
fn i8_of_two_conferences_at_once_that_register_one_child_one_makes_the_entry(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let conference = &Conference::held("initial", "2026-03-03").registers(&child).0;
    let mut statuses: Vec<_> = std::thread::scope(|scope| {
        let holding: Vec<_> = (0..6).map(|_| scope.spawn(move || app.custodian().post("/v1/conferences", conference).status)).collect();
        holding.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![422; 5]].concat());
    assert_eq!((app.count("registration"), app.count("conference"), app.count("conference_decision")), (1, 1, 1));
}

on_both!(a_conference_sent_twice_under_one_key_is_recorded_once);
fn a_conference_sent_twice_under_one_key_is_recorded_once(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let conference = Conference::held("initial", "2026-03-03").registers(&child);
    let send = |body: &Value| app.custodian().request(reqwest::Method::POST, "/v1/conferences").key("conference-1").json(body).send();
    let first = send(&conference.0).expect(201);
    let again = send(&conference.0).expect(201);
    assert_eq!((first.json(), first.header("etag")), (again.json(), again.header("etag")));
    assert_eq!(app.audit_of(&again)[0].outcome, "replayed");
    send(&conference.with("chair", json!("Somebody else")).0).problem(422, "idempotency-key-reused");
    assert_eq!((app.count("conference"), app.count("registration")), (1, 1));
}

on_both!(i3_an_entry_rests_on_a_recorded_conference_once);
fn i3_an_entry_rests_on_a_recorded_conference_once(app: &TestApp) {
    let [first, second, third] = siblings(app);
    let held = app.hold(&Conference::held("initial", "2026-03-03").registers(&first).decides(&second, "not-registered", json!({})));
    let rests = |child: &str| {
        Entry::usual().with("conference", Value::Null).with("categories", json!([])).with("conferenceId", held.at("/id")).child(child)
    };
    let refused = |entry: Entry| app.custodian().post("/v1/registrations", &entry.0).problem(422, "invalid").mistakes();
    assert_eq!(refused(rests(&first)), ["/conferenceId decision-used"]);
    assert_eq!(refused(rests(&second)), ["/conferenceId no-conference-decision"]);
    assert_eq!(refused(rests(&third)), ["/conferenceId unknown-conference"]);
    assert_eq!(refused(rests(&first).with("authority", json!(TORFAEN))), ["/conferenceId unknown-conference"]);
    assert_eq!(
        refused(rests(&first).with("conferenceId", json!("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"))),
        ["/conferenceId unknown-conference"]
    );
    // The entry was made in error, the decision was not: another entry may rest on it.
    let made = held.text("/decisions/0/registrationId");
    app.custodian().change(&format!("/v1/registrations/{made}/entered-in-error"), "\"1\"", &json!({"reason": "Wrong day"})).expect(200);
    assert_eq!(refused(rests(&first).with("registeredOn", json!("2026-03-02"))), ["/registeredOn before-conference"]);
    assert_eq!(refused(rests(&first).with("categories", json!(["sexual"]))), ["/categories categories-differ"]);
    let anew = app.custodian().post("/v1/registrations", &rests(&first).with("registeredOn", json!("2026-03-04")).0).expect(201);
    assert_eq!((anew.at("/conference/id"), anew.at("/categories/0/category")), (held.at("/id"), json!("neglect")));
    let read = app.custodian().get(&format!("/v1/conferences/{}", held.text("/id"))).expect(200);
    let rested: Vec<_> =
        read.list("/decisions").iter().filter_map(|decision| decision["registrationId"].as_str().map(str::to_owned)).collect();
    assert_eq!((rested, read.header("etag")), (vec![anew.text("/id")], Some("\"2\"")));
    assert_eq!(refused(rests(&first)), ["/conferenceId decision-used"]);
}

on_both!(i3_a_conference_named_by_its_date_is_recorded_with_the_entry);
fn i3_a_conference_named_by_its_date_is_recorded_with_the_entry(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let entry = app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
    let held = app.custodian().get(&format!("/v1/conferences/{}", entry.text("/conference/id"))).expect(200);
    assert_eq!((held.at("/kind"), held.at("/heldOn"), held.at("/authority")), (json!("initial"), json!("2026-03-03"), json!(NEWPORT)));
    let decision = held.at("/decisions/0");
    assert_eq!((&decision["decision"], &decision["registrationId"]), (&json!("registered"), &json!(entered.registration)));
    assert_eq!(decision["consensus"], Value::Null, "nobody said whether all agreed");
    let unnamed = "SELECT count(*) AS n FROM registration_state WHERE kind = 'full' AND conference_id IS NULL";
    assert_eq!(app.database().number(unnamed), 0);
}

on_both!(a_conference_in_error_takes_back_what_it_decided);
fn a_conference_in_error_takes_back_what_it_decided(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let first = app.hold(&Conference::held("initial", "2026-03-03").registers(&child));
    let id = first.text("/decisions/0/registrationId");
    let mark = |conference: &Answer, etag: &str| {
        let path = format!("/v1/conferences/{}/entered-in-error", conference.text("/id"));
        app.custodian().change(&path, etag, &json!({"reason": "Another child was meant"}))
    };
    mark(&first, "\"1\"").problem(409, "still-registered");
    let review = app.hold(&Conference::held("review", "2026-06-02").decides(
        &child,
        "removed",
        json!({"reasons": "Safe", "evidence": "Eleven visits"}),
    ));
    mark(&review, "\"7\"").problem(412, "precondition-failed");
    let marked = mark(&review, "\"1\"").expect(200);
    assert_eq!((marked.at("/status"), marked.header("etag")), (json!("entered-in-error"), Some("\"2\"")));
    mark(&review, "\"2\"").problem(409, "conflict");
    let entry = app.custodian().get(&format!("/v1/registrations/{id}")).expect(200);
    assert_eq!((entry.at("/status"), entry.at("/removedOn")), (json!("registered"), Value::Null));
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/outcome"), "on-register", "the child is found again at once");
    let corrected = app.custodian().put(&format!("/v1/conferences/{}", review.text("/id")), "\"2\"", &json!({"quorate": true}));
    corrected.problem(409, "conflict");
}

on_both!(a_transfer_in_conference_makes_a_temporary_entry_a_full_one);
fn a_transfer_in_conference_makes_a_temporary_entry_a_full_one(app: &TestApp) {
    let entered =
        app.register_with(&Child::usual(), Entry::temporary("west-glamorgan", "W06000011").with("registeredOn", json!("2026-09-01")));
    let conference = |on: &str| Conference::held("transfer-in", on).registers(&entered.child);
    assert_eq!(refused(app, &conference("2026-09-01")), ["/decisions/0/registeredOn starts-and-ends-on-one-day"]);
    let held = app.hold(&conference("2026-09-15"));
    assert_eq!(entry(app, &held, 0).text("/status"), "registered");
    let before = app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
    assert_eq!((before.at("/status"), before.at("/removedOn")), (json!("previously-registered"), json!("2026-09-15")));
    assert_eq!(before.at("/removalGround"), "transferred");
}

on_both!(a_chair_sees_the_conferences_they_chaired_and_nothing_else);
fn a_chair_sees_the_conferences_they_chaired_and_nothing_else(app: &TestApp) {
    let [first, second, _] = siblings(app);
    let chair = Caller::of_authority("conference-chair", NEWPORT);
    let as_chair = app.as_caller(&chair);
    let own = as_chair.post("/v1/conferences", &Conference::held("initial", "2026-03-03").registers(&first).0).expect(201);
    assert_eq!(own.at("/chairPerson"), chair.key());
    let other = app.hold(&Conference::held("initial", "2026-03-03").registers(&second));
    let path = |answer: &Answer| format!("/v1/conferences/{}", answer.text("/id"));
    assert_eq!(as_chair.get(&path(&own)).expect(200).json(), own.json());
    as_chair.get(&path(&other)).problem(404, "not-found");
    as_chair.put(&path(&other), "\"1\"", &json!({"quorate": true})).problem(404, "not-found");
    let listed = |client: &Client<'_>| client.get("/v1/conferences").expect(200).list("/items").len();
    assert_eq!((listed(&as_chair), listed(&app.custodian())), (1, 2));
    as_chair.get(&format!("/v1/registrations/{}", own.text("/decisions/0/registrationId"))).problem(403, "operation-not-allowed");
    let body =
        Conference::held("initial", "2026-03-03").with("chairPerson", json!("https://login.example.test#another")).registers(&second);
    let refused = as_chair.post("/v1/conferences", &body.0).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/chairPerson not-the-chair"]);
    let torfaen = Conference::of(TORFAEN, "initial", "2026-03-03").registers(&second);
    as_chair.post("/v1/conferences", &torfaen.0).problem(403, "authority-outside-scope");
    // What the custodian records for a chair is the chair's.
    let third = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11")).child;
    app.hold(&Conference::held("initial", "2026-03-03").with("chairPerson", json!(chair.key())).registers(&third));
    assert_eq!(listed(&as_chair), 2);
}

on_both!(a_coordinator_sees_only_the_decisions_about_their_own_children);
fn a_coordinator_sees_only_the_decisions_about_their_own_children(app: &TestApp) {
    let [first, second, third] = siblings(app);
    let mut theirs = full(json!(["neglect"]));
    theirs["coordinator"] = json!({"name": "Carys Mathias", "person": Caller::coordinator().key()});
    let held = app.hold(&Conference::held("initial", "2026-03-03").decides(&first, "registered", theirs).registers(&second).decides(
        &third,
        "not-registered",
        json!({}),
    ));
    let coordinator = app.as_caller(&Caller::coordinator());
    let seen = coordinator.get(&format!("/v1/conferences/{}", held.text("/id"))).expect(200);
    assert_eq!(seen.list("/decisions").iter().map(|decision| decision["childId"].clone()).collect::<Vec<_>>(), [json!(first)]);
    assert_eq!(coordinator.get("/v1/conferences").expect(200).at("/items/0/decisions"), seen.at("/decisions"));
    let stranger = app.as_caller(&Caller::coordinator().named("another-coordinator"));
    stranger.get(&format!("/v1/conferences/{}", held.text("/id"))).problem(404, "not-found");
    assert_eq!(stranger.get("/v1/conferences").expect(200).list("/items"), Vec::<Value>::new());
    assert_eq!(told(&coordinator), ["coordinator registered"], "the co-ordinator is told of the new case");
}

on_both!(conferences_are_listed_by_child_and_page_by_page);
fn conferences_are_listed_by_child_and_page_by_page(app: &TestApp) {
    let [first, second, _] = siblings(app);
    let one = app.hold(&Conference::held("initial", "2026-03-03").registers(&first).decides(&second, "not-registered", json!({})));
    let two = app.hold(&Conference::held("initial", "2026-04-07").registers(&second));
    let ids =
        |path: &str| -> Vec<Value> { app.custodian().get(path).expect(200).list("/items").iter().map(|item| item["id"].clone()).collect() };
    assert_eq!(ids("/v1/conferences"), [two.at("/id"), one.at("/id")]);
    assert_eq!(ids(&format!("/v1/conferences?child={first}")), [one.at("/id")]);
    let page = app.custodian().get(&format!("/v1/conferences?child={second}&limit=1")).expect(200);
    assert_eq!(page.at("/items/0/id"), two.at("/id"));
    assert_eq!(ids(&page.text("/links/next")), [one.at("/id")]);
    app.custodian().get("/v1/conferences?child=somebody").problem(400, "malformed-query");
}

on_both!(england_holds_no_initial_conference_at_a_weekend_and_knows_no_financial_abuse, "[region]\ncode = \"west-midlands\"");
fn england_holds_no_initial_conference_at_a_weekend_and_knows_no_financial_abuse(app: &TestApp) {
    const SHROPSHIRE: &str = "E06000051";
    let custodian = app.as_caller(&Caller::custodian().with("region", json!("west-midlands")));
    let child = custodian.post("/v1/children", &Child::usual().of(SHROPSHIRE).0).expect(201).text("/id");
    let send = |on: &str, categories: Value| {
        let conference = Conference::of(SHROPSHIRE, "initial", on).decides(&child, "registered", full(categories));
        custodian.post("/v1/conferences", &conference.0)
    };
    let weekend = send("2026-02-28", json!(["neglect"])).problem(422, "invalid");
    assert_eq!(
        (weekend.mistakes(), weekend.text("/errors/0/source")),
        (vec!["/heldOn conference-at-weekend".to_owned()], "CIN-VAL".into())
    );
    let financial = send("2026-03-03", json!(["financial"])).problem(422, "invalid");
    assert_eq!(financial.mistakes(), ["/decisions/0/categories category-not-of-nation"]);
    assert_eq!(financial.text("/errors/0/source"), "WSP-3.2.9, CIN-VAL");
    let inline = Entry::of(SHROPSHIRE).with("conference", json!({"heldOn": "2026-02-28", "kind": "initial", "authority": SHROPSHIRE}));
    let refused = custodian.post("/v1/registrations", &inline.child(&child).0).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/conference/heldOn conference-at-weekend"]);
    assert_eq!((app.count("conference"), app.count("registration")), (0, 0));
    let held = send("2026-03-03", json!(["neglect", "physical"])).expect(201);
    // No entitlement to an active offer here.
    assert_eq!(held.at("/decisions/0/advocacy/unmet"), Value::Null);
    let id = held.text("/decisions/0/registrationId");
    let categories = custodian.get(&format!("/v1/registrations/{id}/categories")).expect(200);
    assert_eq!(categories.at("/derived/0"), json!({"codeSet": "england-cin", "code": "MUL", "derived": false, "lossy": false}));
}
