//! `/v1/registrations/{id}/removal`: a name comes off on the grounds of the procedures and on no other.

use cofrestr::domain::roles::Role;
use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Conference, Entry, Question, full};
use crate::support::tokens::{Caller, NEWPORT, SWANSEA, TORFAEN};

fn path(entered: &Entered) -> String {
    format!("/v1/registrations/{}/removal", entered.registration)
}

fn died() -> Value {
    json!({"removedOn": "2026-11-10", "ground": "died", "evidence": "Certificate seen by the custodian", "reasons": "The hospital rang on the day"})
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
fn refused(app: &TestApp, entered: &Entered, body: Value) -> Vec<String> {
    let before = ["registration_state", "task", "notice"].map(|table| app.count(table));
    let answer = app.custodian().change(&path(entered), "\"1\"", &body).problem(422, "invalid");
    assert_eq!(["registration_state", "task", "notice"].map(|table| app.count(table)), before, "what is refused writes nothing");
    answer.mistakes()
}

fn status(app: &TestApp, entered: &Entered) -> String {
    app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200).text("/status")
}

on_both!(i4_s18_no_role_removes_a_name_without_ground_and_evidence);
fn i4_s18_no_role_removes_a_name_without_ground_and_evidence(app: &TestApp) {
    let entered = app.register(&Child::usual());
    for role in Role::ALL {
        if role == Role::Partner {
            continue;
        }
        let caller = app.as_caller(&Caller::of_region(role.as_str()));
        for body in
            [json!({}), json!({"removedOn": "2026-11-10"}), json!({"removedOn": "2026-11-10", "ground": "died", "reasons": "said so"})]
        {
            let answer = caller.change(&path(&entered), "\"1\"", &body);
            assert!(matches!(answer.status, 403 | 422), "{}: {}", role.as_str(), answer.body);
        }
        assert_eq!(status(app, &entered), "registered");
    }
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/outcome"), "on-register");
}

on_both!(i4_i5_each_ground_needs_what_it_needs);
fn i4_i5_each_ground_needs_what_it_needs(app: &TestApp) {
    // Eighteen on 15 November 2026.
    let adult = app.register(&Child::named("Ffion", "Maddocks").born("2008-11-15"));
    let minor = app.register(&Child::usual());
    let unknown = app.register(&Child::named("Macsen", "Prydderch").born("2008"));
    let of = |ground: &str| json!({"removedOn": "2026-11-16", "ground": ground, "reasons": "As recorded"});
    for (entered, body, expected, source) in [
        (&minor, json!({}), vec!["/removedOn missing", "/ground missing", "/reasons missing"], None),
        (&minor, of("bored"), vec!["/ground unknown-code"], None),
        (&minor, of("died"), vec!["/ground death-not-recorded"], Some("WSP-4.9, SSD-PERSON")),
        (&minor, with(died(), json!({"reasons": null})), vec!["/reasons missing"], None),
        (&minor, with(died(), json!({"removedOn": "2026-03-03"})), vec!["/removedOn ends-too-soon"], Some("CIN-VAL")),
        (&minor, with(died(), json!({"removedOn": "2026-11-18"})), vec!["/removedOn removal-in-the-future"], Some("DESIGN")),
        (&minor, of("reached-eighteen"), vec!["/ground not-eighteen"], Some("WSP-4.9")),
        (&unknown, of("reached-eighteen"), vec!["/ground birth-date-not-exact"], Some("WSP-4.9")),
        (&adult, with(of("reached-eighteen"), json!({"removedOn": "2026-11-14"})), vec!["/ground not-eighteen"], Some("WSP-4.9")),
        (&minor, of("review-conference-decision"), vec!["/ground no-review-conference"], Some("WSP-4.9")),
        (&minor, of("left-united-kingdom"), vec!["/ground no-conference", "/ground not-confirmed"], None),
        (&minor, with(of("transferred"), json!({"evidence": "Letter"})), vec!["/ground transfer-not-accepted"], None),
        (&minor, with(of("home-authority-ended"), json!({"evidence": "Rang"})), vec!["/ground not-temporary"], None),
    ] {
        assert_eq!(refused(app, entered, body.clone()), expected, "{body}");
        if let Some(source) = source {
            let again = app.custodian().change(&path(entered), "\"1\"", &body).problem(422, "invalid");
            assert_eq!(again.text("/errors/0/source"), source, "{body}");
        }
        app.custodian().get(&path(entered)).problem(404, "not-found");
    }
    // On the birthday, and not before.
    let ended =
        app.custodian().change(&path(&adult), "\"1\"", &with(of("reached-eighteen"), json!({"removedOn": "2026-11-15"}))).expect(201);
    assert_eq!((ended.at("/ground"), ended.at("/letters")), (json!("reached-eighteen"), json!(true)));
    assert_eq!(status(app, &adult), "previously-registered");
}

on_both!(a_removed_child_is_answered_as_a_former_one_and_what_was_to_be_done_is_done);
fn a_removed_child_is_answered_as_a_former_one_and_what_was_to_be_done_is_done(app: &TestApp) {
    let person = Caller::coordinator().key();
    let entered = app.register_with(
        &Child::usual(),
        Entry::usual().with("reviewDueOn", Value::Null).with("coordinator", json!({"name": "Carys Mathias", "person": person})),
    );
    app.custodian().change(&path(&entered), "\"4\"", &died()).problem(412, "precondition-failed");
    let made = app.custodian().change(&path(&entered), "\"1\"", &died()).expect(201);
    assert_eq!((made.header("location"), made.header("etag")), (Some(path(&entered).as_str()), Some("\"2\"")));
    assert_eq!((made.at("/evidence"), made.at("/reasons")), (died()["evidence"].clone(), died()["reasons"].clone()));
    assert_eq!(app.custodian().get(&path(&entered)).expect(200).json(), made.json());
    let detail = app.audit_of(&made);
    assert!(detail[0].record.contains("died") && detail[0].record.contains(&entered.registration), "{}", detail[0].record);
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!((answer.text("/outcome"), answer.text("/matches/0/status")), ("not-on-register".into(), "previously-registered".into()));
    // S20: no letters to the parents, on the notice and on the task.
    let tasks = app.custodian().get("/v1/tasks?open=true").expect(200).list("/items");
    assert_eq!(tasks.len(), 1, "what was to be done about the entry is closed: {tasks:?}");
    assert_eq!((&tasks[0]["kind"], &tasks[0]["letters"]), (&json!("tell-agencies-without-letters"), &json!(false)));
    let notices = app.as_caller(&Caller::coordinator()).get("/v1/notices").expect(200).list("/items");
    let told: Vec<_> = notices.iter().filter(|notice| notice["kind"] == "removed-without-letters").collect();
    assert_eq!((told.len(), &told[0]["letters"]), (1, &json!(false)));
    assert_eq!(
        app.custodian().change(&path(&entered), "\"2\"", &died()).problem(422, "invalid").mistakes(),
        ["/status not-current"],
        "a name comes off once"
    );
}

on_both!(s20_after_a_stillbirth_the_expected_date_stays_and_no_letters_go);
fn s20_after_a_stillbirth_the_expected_date_stays_and_no_letters_go(app: &TestApp) {
    let child = app.enter(&Child::unborn("2027-01-20").mother("Meinir", "Vaughan")).child;
    let held = app.hold(&Conference::held("pre-birth", "2026-10-06").decides(&child, "registered", full(json!(["neglect"]))));
    let entered = Entered { child: child.clone(), registration: held.text("/decisions/0/registrationId") };
    assert_eq!(status(app, &entered), "unborn-registered");
    let stillborn = with(died(), json!({"evidence": "Told by the named midwife on 10 November"}));
    let ended = app.custodian().change(&path(&entered), "\"1\"", &stillborn).expect(201);
    assert_eq!(ended.at("/letters"), json!(false));
    assert_eq!(status(app, &entered), "previously-registered");
    let person = app.custodian().get(&format!("/v1/children/{child}")).expect(200);
    assert_eq!((person.at("/expectedDeliveryDate"), person.at("/dateOfBirth")), (json!("2027-01-20"), Value::Null));
}

on_both!(a_removal_sent_twice_under_one_key_happens_once);
fn a_removal_sent_twice_under_one_key_happens_once(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let send = |body: &Value| {
        let request = app.custodian().request(reqwest::Method::POST, &path(&entered)).key("removal-1");
        request.header("if-match", "\"1\"").json(body).send()
    };
    let first = send(&died()).expect(201);
    let again = send(&died()).expect(201);
    assert_eq!(first.json(), again.json());
    assert_eq!(app.audit_of(&again)[0].outcome, "replayed");
    send(&with(died(), json!({"evidence": "Another"}))).problem(422, "idempotency-key-reused");
    assert_eq!(app.count("registration_state"), 2);
}

on_both!(s30_leaving_the_kingdom_needs_conference_and_heads_of_service_and_history_is_found_at_once);
fn s30_leaving_the_kingdom_needs_conference_and_heads_of_service_and_history_is_found_at_once(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let first = app.hold(&Conference::held("initial", "2026-03-03").registers(&child));
    let entered = Entered { child: child.clone(), registration: first.text("/decisions/0/registrationId") };
    let review = app.hold(&Conference::held("review", "2026-06-02").decides(&child, "continued", json!({"nextReviewOn": "2026-11-30"})));
    let other = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11")).child;
    let stranger = app.hold(&Conference::held("initial", "2026-03-03").registers(&other));
    let left = |conference: &Answer| json!({"removedOn": "2026-11-10", "ground": "left-united-kingdom", "conferenceId": conference.at("/id"), "evidence": "Both heads wrote on 9 November", "reasons": "Moved to Spain for good"});
    let change = |body: &Value| app.custodian().change(&path(&entered), "\"2\"", body);
    assert_eq!(change(&left(&stranger)).problem(422, "invalid").mistakes(), ["/ground no-conference"], "it was about another child");
    assert_eq!(change(&with(left(&review), json!({"evidence": null}))).problem(422, "invalid").mistakes(), ["/ground not-confirmed"]);
    change(&left(&review)).expect(201);
    let answer = app.ask(&Caller::health(), &Question::usual());
    assert_eq!((answer.text("/outcome"), answer.text("/matches/0/status")), ("not-on-register".into(), "previously-registered".into()));
}

on_both!(a_removal_in_error_puts_the_child_back_at_once);
fn a_removal_in_error_puts_the_child_back_at_once(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let mark = format!("{}/entered-in-error", path(&entered));
    let reason = json!({"reason": "A child of the same name died"});
    app.custodian().change(&mark, "\"1\"", &reason).problem(409, "conflict");
    app.custodian().change(&path(&entered), "\"1\"", &died()).expect(201);
    let back = app.custodian().change(&mark, "\"2\"", &reason).expect(200);
    assert_eq!(
        (back.at("/status"), back.at("/registeredOn"), back.header("etag")),
        (json!("registered"), json!("2026-03-03"), Some("\"3\""))
    );
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/outcome"), "on-register");
    app.custodian().get(&path(&entered)).problem(404, "not-found");
    assert_eq!(app.count("registration_state"), 3, "what was recorded stays in the history");
    assert_eq!(
        app.custodian().get("/v1/tasks?open=true").expect(200).list("/items"),
        Vec::<Value>::new(),
        "nobody is to be told of an end"
    );
    // Not beside an entry that was made since.
    app.custodian().change(&path(&entered), "\"3\"", &died()).expect(201);
    app.custodian()
        .post("/v1/registrations", &Entry::usual().with("registeredOn", json!("2026-11-16")).child(&entered.child).0)
        .expect(201);
    assert_eq!(app.custodian().change(&mark, "\"4\"", &reason).problem(422, "invalid").mistakes(), [" period-overlaps"]);
}

on_both!(a_home_entry_that_is_put_back_brings_its_temporary_ones_back);
fn a_home_entry_that_is_put_back_brings_its_temporary_ones_back(app: &TestApp) {
    let home = app.register(&Child::usual());
    let entry = Entry::temporary("gwent", NEWPORT).with("authority", json!(TORFAEN)).with("registeredOn", json!("2026-09-01"));
    let temporary = || {
        let made = app.custodian().post("/v1/registrations", &entry.clone().child(&home.child).0).expect(201);
        Entered { child: home.child.clone(), registration: made.text("/id") }
    };
    let first = temporary();
    let mark = format!("{}/entered-in-error", path(&home));
    let reason = json!({"reason": "A child of the same name died"});
    app.custodian().change(&path(&home), "\"1\"", &died()).expect(201);
    assert_eq!(status(app, &first), "previously-registered");
    app.custodian().change(&mark, "\"2\"", &reason).expect(200);
    assert_eq!((status(app, &home).as_str(), status(app, &first).as_str()), ("registered", "temporarily-registered"));
    // Not one that home had ended before, by itself.
    let said = json!({"removedOn": "2026-11-16", "ground": "home-authority-ended", "evidence": "Newport rang", "reasons": "Home again"});
    app.custodian().change(&path(&first), "\"3\"", &said).expect(201);
    app.custodian().change(&path(&home), "\"3\"", &died()).expect(201);
    app.custodian().change(&mark, "\"4\"", &reason).expect(200);
    assert_eq!((status(app, &home).as_str(), status(app, &first).as_str()), ("registered", "previously-registered"));
}

on_both!(an_entry_in_error_takes_what_rests_on_it_along_and_is_told);
fn an_entry_in_error_takes_what_rests_on_it_along_and_is_told(app: &TestApp) {
    let coordinator = json!({"name": "Carys Mathias", "person": Caller::coordinator().key()});
    let home = app.register_with(&Child::usual(), Entry::usual().with("coordinator", coordinator));
    let entry = Entry::temporary("gwent", NEWPORT).with("authority", json!(TORFAEN)).with("registeredOn", json!("2026-09-01"));
    let made = app.custodian().post("/v1/registrations", &entry.child(&home.child).0).expect(201);
    let stay = Entered { child: home.child.clone(), registration: made.text("/id") };
    let wrong = json!({"reason": "Entered for the wrong child"});
    app.custodian().change(&format!("/v1/registrations/{}/entered-in-error", home.registration), "*", &wrong).expect(200);
    assert_eq!(status(app, &stay), "previously-registered");
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/outcome"), "not-on-register");
    let told = |caller: &Caller, role: &str| {
        let all = app.as_caller(caller).get("/v1/notices?limit=200").expect(200).list("/items");
        let is_told =
            |notice: &Value| notice["kind"] == "registration-in-error" && notice["urgency"] == "urgent" && notice["toRole"] == role;
        all.iter().filter(|notice| is_told(notice)).count()
    };
    assert_eq!(told(&Caller::coordinator(), "coordinator"), 1);
    assert_eq!(told(&Caller::of_authority("custodian", NEWPORT), "custodian"), 1);
}

on_both!(a_removal_is_not_undone_beside_an_entry_of_a_record_that_was_merged_since);
fn a_removal_is_not_undone_beside_an_entry_of_a_record_that_was_merged_since(app: &TestApp) {
    let first = app.register(&Child::usual());
    app.custodian().change(&path(&first), "\"1\"", &died()).expect(201);
    let second = app.register_with(&Child::usual(), Entry::usual().with("registeredOn", json!("2026-11-16")));
    let same = json!({"otherChildId": second.child, "reason": "The health visitor confirms that there is one child"});
    app.custodian().change(&format!("/v1/children/{}/merges", first.child), "*", &same).expect(201);
    let mark = format!("{}/entered-in-error", path(&first));
    let refused = app.custodian().change(&mark, "*", &json!({"reason": "It was not they"})).problem(422, "invalid");
    assert_eq!(refused.mistakes(), [" period-overlaps"]);
}

on_both!(i8_a_period_never_starts_and_ends_on_one_day_and_the_next_may_begin_where_it_ends);
fn i8_a_period_never_starts_and_ends_on_one_day_and_the_next_may_begin_where_it_ends(app: &TestApp) {
    let entered = app.register(&Child::usual());
    assert_eq!(refused(app, &entered, with(died(), json!({"removedOn": "2026-03-03"}))), ["/removedOn ends-too-soon"]);
    app.custodian().change(&path(&entered), "\"1\"", &died()).expect(201);
    let again =
        |on: &str| app.custodian().post("/v1/registrations", &Entry::usual().with("registeredOn", json!(on)).child(&entered.child).0);
    assert_eq!(again("2026-11-09").problem(422, "invalid").mistakes(), ["/registeredOn period-overlaps"]);
    again("2026-11-10").expect(201);
}

on_both!(i3_a_temporary_entry_of_this_region_rests_on_a_live_entry_at_home);
fn i3_a_temporary_entry_of_this_region_rests_on_a_live_entry_at_home(app: &TestApp) {
    let home = app.register(&Child::usual());
    let temporary = |child: &str, home: Value| {
        let entry = Entry::temporary("gwent", NEWPORT)
            .with("authority", json!(TORFAEN))
            .with("home", home)
            .with("registeredOn", json!("2026-09-01"));
        app.custodian().post("/v1/registrations", &entry.child(child).0)
    };
    let at_home = |registration: Option<&str>| {
        let mut home = json!({"region": "gwent", "authority": NEWPORT});
        if let Some(id) = registration {
            home["registrationId"] = json!(id);
        }
        home
    };
    let stranger = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11")).child;
    let code = |answer: Answer| answer.problem(422, "invalid").mistakes();
    assert_eq!(code(temporary(&stranger, at_home(None))), ["/home no-home-registration"]);
    assert_eq!(code(temporary(&home.child, at_home(Some("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35")))), ["/home no-home-registration"]);
    assert_eq!(code(temporary(&home.child, json!({"region": "gwent", "authority": TORFAEN}))), ["/home no-home-registration"]);
    let made = temporary(&home.child, at_home(None)).expect(201);
    assert_eq!((made.at("/status"), made.at("/home/registrationId")), (json!("temporarily-registered"), json!(home.registration)));
    // Elsewhere the statement stands as it was given: that region answers for it.
    let entry = Entry::temporary("west-glamorgan", SWANSEA).with("authority", json!(NEWPORT));
    app.custodian().post("/v1/registrations", &entry.child(&stranger).0).expect(201);
    // An entry that has ended is no home.
    app.custodian().change(&path(&home), "\"1\"", &died()).expect(201);
    let gone = temporary(&home.child, at_home(Some(&home.registration)));
    assert_eq!(code(gone), ["/home no-home-registration"]);
}

on_both!(i6_a_temporary_entry_ends_only_when_home_says_so_and_never_outlives_it);
fn i6_a_temporary_entry_ends_only_when_home_says_so_and_never_outlives_it(app: &TestApp) {
    let home = app.register(&Child::usual());
    let entry = Entry::temporary("gwent", NEWPORT).with("authority", json!(TORFAEN)).with("registeredOn", json!("2026-11-10"));
    let made = app.custodian().post("/v1/registrations", &entry.child(&home.child).0).expect(201);
    let temporary = Entered { child: home.child.clone(), registration: made.text("/id") };
    let ends = |ground: &str, more: Value| with(json!({"removedOn": "2026-11-16", "ground": ground, "reasons": "As told"}), more);
    assert_eq!(refused(app, &temporary, ends("review-conference-decision", json!({}))), ["/ground home-authority-decides"]);
    assert_eq!(refused(app, &temporary, ends("left-united-kingdom", json!({"evidence": "x"}))), ["/ground home-authority-decides"]);
    assert_eq!(refused(app, &temporary, ends("home-authority-ended", json!({}))), ["/ground no-home-statement"]);
    let review = Conference::of(TORFAEN, "review", "2026-11-16").decides(&home.child, "removed", json!({"reasons": "x"}));
    let answer = app.custodian().post("/v1/conferences", &review.0).problem(422, "invalid");
    assert_eq!(answer.mistakes(), ["/decisions/0/childId not-registered"]);
    // Home ends: the temporary entry ends with it, not before its second day.
    app.custodian().change(&path(&home), "\"1\"", &died()).expect(201);
    let ended = app.custodian().get(&path(&temporary)).expect(200);
    assert_eq!((ended.at("/ground"), ended.at("/removedOn")), (json!("home-authority-ended"), json!("2026-11-11")));
    assert!(ended.text("/evidence").contains(&home.registration));
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/outcome"), "not-on-register");
    // The home authority of another region says so in words.
    let away = app.register_with(&Child::named("Ffion", "Maddocks").born("2013-10-11"), Entry::temporary("west-glamorgan", SWANSEA));
    let said = ends("home-authority-ended", json!({"evidence": "Swansea's custodian rang on 16 November: the child is home"}));
    app.custodian().change(&path(&away), "\"1\"", &said).expect(201);
    assert_eq!(status(app, &away), "previously-registered");
}
