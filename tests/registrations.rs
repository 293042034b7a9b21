//! `/v1/registrations`: entries on the register.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::people::{Child, Entry};
use crate::support::tokens::{Caller, NEWPORT, SWANSEA, TORFAEN};

on_both!(an_entry_rests_on_a_conference_and_is_read_again);
fn an_entry_rests_on_a_conference_and_is_read_again(app: &TestApp) {
    let child = app.enter(&Child::usual());
    let entry = Entry::usual()
        .with("categories", json!(["neglect", "emotional"]))
        .with("coreGroup", json!([{"name": "Huw Rees", "agency": "Ysgol Gyfun", "role": "teacher", "phone": "01632 960124"}]))
        .with("coordinator", json!({"name": "Carys Mathias", "phone": "01632 960125", "email": "carys@newport.example"}));
    let made = app.custodian().post("/v1/registrations", &entry.child(&child.child).0).expect(201);
    let path = format!("/v1/registrations/{}", made.text("/id"));
    assert_eq!((made.header("location"), made.header("etag")), (Some(path.as_str()), Some("\"1\"")));
    let read = app.custodian().get(&path).expect(200);
    assert_eq!(read.json(), made.json());
    for (pointer, value) in [
        ("/childId", json!(child.child)),
        ("/authority", json!(NEWPORT)),
        ("/status", json!("registered")),
        ("/registeredOn", json!("2026-03-03")),
        ("/reviewDueOn", json!("2026-12-01")),
        ("/conference/heldOn", json!("2026-03-03")),
        ("/conference/kind", json!("initial")),
        ("/conference/authority", json!(NEWPORT)),
        ("/categories/0/category", json!("neglect")),
        ("/categories/0/codeSet", json!("wales")),
        ("/categories/1/category", json!("emotional")),
        ("/coordinator/name", json!("Carys Mathias")),
        ("/coreGroup/0/agency", json!("Ysgol Gyfun")),
    ] {
        assert_eq!(read.at(pointer), value, "{pointer}");
    }
}

on_both!(the_standing_of_an_entry_tells_unborn_and_temporary);
fn the_standing_of_an_entry_tells_unborn_and_temporary(app: &TestApp) {
    let status = |child: &Child, entry: Entry| {
        let entered = app.register_with(child, entry);
        app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200).text("/status")
    };
    assert_eq!(status(&Child::usual(), Entry::usual()), "registered");
    assert_eq!(status(&Child::usual(), Entry::temporary("west-glamorgan", SWANSEA)), "temporarily-registered");
    let pre_birth = Entry::usual().with("conference", json!({"heldOn": "2026-03-03", "kind": "pre-birth", "authority": NEWPORT}));
    assert_eq!(status(&Child::unborn("2027-01-20").mother("Meinir", "Vaughan"), pre_birth), "unborn-registered");
}

on_both!(each_broken_rule_is_named);
fn each_broken_rule_is_named(app: &TestApp) {
    // Invariants I3, I8 and I9 of the procedures.
    let child = app.enter(&Child::usual()).child;
    let usual = || Entry::usual().child(&child);
    let conference = |held_on: &str, kind: &str| json!({"heldOn": held_on, "kind": kind, "authority": NEWPORT});
    for (entry, expected) in [
        (usual().with("childId", Value::Null), "/childId missing"),
        (usual().child("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"), "/childId unknown-child"),
        (usual().child("somebody"), "/childId not-a-uuid"),
        (usual().with("registeredOn", Value::Null), "/registeredOn missing"),
        (usual().with("registeredOn", json!("2026-11-18")), "/registeredOn in-the-future"),
        (usual().with("registeredOn", json!("2026-02-30")), "/registeredOn impossible-date"),
        (usual().with("conference", Value::Null), "/conference no-conference-decision"),
        (usual().with("conference", json!({"kind": "initial", "authority": NEWPORT})), "/conference/heldOn missing"),
        (usual().with("conference", conference("2026-03-03", "review")), "/conference conference-cannot-register"),
        (usual().with("conference", conference("2026-03-03", "tea")), "/conference/kind unknown-code"),
        (usual().with("conference", conference("2026-03-04", "initial")), "/registeredOn before-conference"),
        (usual().with("conferenceId", json!("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35")), "/conferenceId two-bases"),
        (usual().with("home", json!({"region": "west-glamorgan", "authority": SWANSEA})), "/home two-bases"),
        (usual().with("categories", json!([])), "/categories no-category"),
        (usual().with("categories", json!(["neglect", "neglect"])), "/categories duplicate-category"),
        (usual().with("categories", json!(["unkindness"])), "/categories/0 unknown-code"),
        (usual().with("coordinator", json!({"phone": "01632 960125"})), "/coordinator/name missing"),
        (usual().with("coordinator", json!({"name": "Carys Mathias", "email": "nowhere"})), "/coordinator/email not-an-email-address"),
        (usual().with("removedOn", json!("2026-05-05")), "/removedOn unknown-field"),
    ] {
        let refused = app.custodian().post("/v1/registrations", &entry.0).problem(422, "invalid");
        assert_eq!(refused.mistakes(), [expected], "{}", refused.body);
    }
    for table in ["registration", "conference", "conference_decision", "task"] {
        assert_eq!(app.count(table), 0, "{table}: what is refused leaves nothing behind");
    }
}

on_both!(periods_of_one_authority_never_overlap);
fn periods_of_one_authority_never_overlap(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let again = |entry: Entry| app.custodian().post("/v1/registrations", &entry.child(&entered.child).0);
    assert_eq!(again(Entry::usual()).problem(422, "invalid").mistakes(), ["/registeredOn period-overlaps"]);
    again(Entry::of(TORFAEN)).expect(201);
}

on_both!(of_ten_entries_at_once_one_is_made);
fn of_ten_entries_at_once_one_is_made(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let entry = &Entry::usual().child(&child).0;
    let mut statuses: Vec<_> = std::thread::scope(|scope| {
        let making: Vec<_> = (0..10).map(|_| scope.spawn(move || app.custodian().post("/v1/registrations", entry).status)).collect();
        making.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![422; 9]].concat(), "periods of one child never overlap, not even when made at once");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM registration"), 1);
}

on_both!(an_entry_is_made_only_for_an_authority_that_the_token_reaches);
fn an_entry_is_made_only_for_an_authority_that_the_token_reaches(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let newport = app.as_caller(&Caller::of_authority("custodian", NEWPORT));
    let refused = newport.post("/v1/registrations", &Entry::of(TORFAEN).child(&child).0).problem(403, "authority-outside-scope");
    assert_eq!(app.audit_of(&refused)[0].outcome, "refused");
    app.custodian().post("/v1/registrations", &Entry::of(SWANSEA).child(&child).0).problem(403, "authority-outside-scope");
    let torfaen = app.as_caller(&Caller::of_authority("custodian", TORFAEN));
    let hidden = torfaen.post("/v1/registrations", &Entry::of(TORFAEN).child(&child).0).problem(422, "invalid");
    assert_eq!(hidden.mistakes(), ["/childId unknown-child"], "a child whom the caller may not see names nothing");
}

on_both!(entries_are_listed_for_the_authorities_of_the_token);
fn entries_are_listed_for_the_authorities_of_the_token(app: &TestApp) {
    let newport = app.register(&Child::usual());
    let torfaen = app.register(&Child::named("Ffion", "Maddocks").born("2013-10-11").of(TORFAEN));
    let listed = |caller: &Caller| -> Vec<Value> {
        app.as_caller(caller).get("/v1/registrations").expect(200).list("/items").iter().map(|item| item["id"].clone()).collect()
    };
    assert_eq!(listed(&Caller::custodian()), [json!(torfaen.registration), json!(newport.registration)], "newest first");
    assert_eq!(listed(&Caller::of_authority("custodian", NEWPORT)), [json!(newport.registration)]);
    assert_eq!(listed(&Caller::of_authority("team-manager", TORFAEN)), [json!(torfaen.registration)]);
    assert_eq!(listed(&Caller::coordinator()), Vec::<Value>::new());
    let path = format!("/v1/registrations/{}", newport.registration);
    app.as_caller(&Caller::of_authority("custodian", TORFAEN)).get(&path).problem(404, "not-found");
    let first = app.custodian().get("/v1/registrations?limit=1").expect(200);
    let second = app.custodian().get(&first.text("/links/next")).expect(200);
    assert_eq!((first.at("/items/0/id"), second.at("/items/0/id")), (json!(torfaen.registration), json!(newport.registration)));
    assert_eq!(second.at("/links"), json!({}));
}

on_both!(an_entry_in_error_stays_readable_and_can_be_made_anew);
fn an_entry_in_error_stays_readable_and_can_be_made_anew(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = format!("/v1/registrations/{}", entered.registration);
    let mark = format!("{path}/entered-in-error");
    let reason = json!({"reason": "Another child was meant"});
    app.custodian().change(&mark, "\"7\"", &reason).problem(412, "precondition-failed");
    let marked = app.custodian().change(&mark, "\"1\"", &reason).expect(200);
    assert_eq!((marked.at("/status"), marked.header("etag")), (json!("entered-in-error"), Some("\"2\"")));
    app.custodian().change(&mark, "\"2\"", &reason).problem(409, "conflict");
    assert_eq!(app.custodian().get(&path).expect(200).json(), marked.json());
    // Nothing was deleted: what the register held before stands beside what it holds now.
    assert_eq!(app.database().number("SELECT count(*) AS n FROM registration_state"), 2);
    assert_eq!(app.database().number("SELECT count(*) AS n FROM registration_state WHERE superseded_at IS NOT NULL"), 1);
    app.custodian().post("/v1/registrations", &Entry::usual().child(&entered.child).0).expect(201);
}

on_both!(a_temporary_entry_rests_on_an_entry_of_the_same_child);
fn a_temporary_entry_rests_on_an_entry_of_the_same_child(app: &TestApp) {
    let (child, other) = (app.register(&Child::usual()), app.register(&Child::named("Ffion", "Maddocks")));
    let resting = |on: &str| {
        let home = json!({"region": "gwent", "authority": NEWPORT, "registrationId": on});
        Entry::temporary("gwent", NEWPORT).with("home", home).with("authority", json!(TORFAEN)).child(&child.child).0
    };
    let mistakes = |on: &str| app.custodian().post("/v1/registrations", &resting(on)).problem(422, "invalid").mistakes();
    assert_eq!(mistakes(&other.registration), ["/home no-home-registration"]);
    assert_eq!(mistakes(&other.registration), mistakes("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"));
    app.custodian().post("/v1/registrations", &resting(&child.registration)).expect(201);
}
