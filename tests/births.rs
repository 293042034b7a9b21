//! `/v1/children/{id}/birth`: an unborn child is found by the mother, and becomes a child without losing anything.

use serde_json::{Value, json};

use crate::support::app::{Entered, TestApp};
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};

const MOTHERS_NUMBER: &str = "9990001014";

fn unborn() -> Child {
    let mother = json!({
        "relationship": "mother", "carer": true, "parentalResponsibility": true, "name": {"given": "Meinir", "family": "Vaughan"},
        "nhsNumber": MOTHERS_NUMBER,
    });
    Child::unborn("2026-11-30").living_at(&["8 Clos y Wennol"], "NP10 8QQ").with("household", json!([mother]))
}

fn registered(app: &TestApp) -> Entered {
    let coordinator = json!({"name": "Carys Mathias", "person": Caller::coordinator().key()});
    let conference = json!({"heldOn": "2026-09-01", "kind": "pre-birth", "authority": NEWPORT});
    let entry = Entry::usual().with("registeredOn", json!("2026-09-01")).with("conference", conference);
    app.register_with(&unborn(), entry.with("coordinator", coordinator).with("categories", json!(["neglect", "emotional"])))
}

fn by_mother() -> Question {
    Question::nobody()
        .because("maternity-booking")
        .child("mother", json!({"given": "Meinir", "family": "Vaughan"}))
        .child("expectedDeliveryDate", json!("2026-12-02"))
}

fn birth() -> Value {
    json!({
        "bornOn": "2026-11-16", "names": [{"given": "Gwenllian", "family": "Vaughan"}], "sex": "female", "nhsNumber": "9990001006",
    })
}

#[track_caller]
fn found(app: &TestApp, question: &Question) -> (Value, Value) {
    let answer = app.ask(&Caller::health(), question);
    (answer.at("/outcome"), answer.at("/matches/0/status"))
}

on_both!(issue_4_an_unborn_child_is_found_by_the_mothers_details_and_by_her_number_alone);
fn issue_4_an_unborn_child_is_found_by_the_mothers_details_and_by_her_number_alone(app: &TestApp) {
    registered(app);
    let unborn = (json!("on-register"), json!("unborn-registered"));
    assert_eq!(found(app, &by_mother()), unborn);
    assert_eq!(found(app, &by_mother().nhs(MOTHERS_NUMBER)), unborn);
    assert_eq!(found(app, &Question::nobody().because("maternity-booking").nhs(MOTHERS_NUMBER)), unborn);
    let answer = app.ask(&Caller::health(), &Question::nobody().nhs(MOTHERS_NUMBER));
    assert!(answer.list("/advice").iter().any(|advice| advice["code"] == "unborn"), "{}", answer.body);
    assert_eq!(found(app, &Question::nobody().nhs("9990001022")).0, "not-on-register");
}

on_both!(a_mothers_number_makes_no_brothers_and_sisters_one_person);
fn a_mothers_number_makes_no_brothers_and_sisters_one_person(app: &TestApp) {
    for (given, born) in [("Heledd", "2019-01-02"), ("Ifan", "2021-05-06")] {
        app.register(
            &unborn().with("expectedDeliveryDate", Value::Null).with("names", json!([{"given": given, "family": "Vaughan"}])).born(born),
        );
    }
    let answer = app.ask(&Caller::health(), &Question::nobody().nhs(MOTHERS_NUMBER));
    assert_eq!((answer.at("/outcome"), answer.list("/matches").len()), (json!("possible-match"), 2));
    let one = app.ask(&Caller::health(), &Question::about("Heledd", "Vaughan").born("2019-01-02"));
    assert_eq!((one.at("/outcome"), one.at("/matches/0/grade")), (json!("on-register"), json!("certain")));
    assert_eq!(app.database().number("SELECT count(*) AS n FROM possible_duplicate"), 0, "and nobody is asked whether they are");
}

on_both!(i21_an_unborn_registration_survives_birth_with_its_ids_start_and_review_date);
fn i21_an_unborn_registration_survives_birth_with_its_ids_start_and_review_date(app: &TestApp) {
    let entered = registered(app);
    let path = format!("/v1/children/{}", entered.child);
    let before = app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
    assert_eq!(before.at("/status"), "unborn-registered");
    let born = app.custodian().change(&format!("{path}/birth"), "\"1\"", &birth()).expect(201);
    assert_eq!((born.header("location"), born.header("etag")), (Some(path.as_str()), Some("\"2\"")));
    assert_eq!((born.list("/children").len(), born.list("/warnings").len()), (1, 0));
    let read = app.custodian().get(&path).expect(200);
    for (pointer, value) in [
        ("/id", json!(entered.child)),
        ("/registrationIds", json!([entered.registration])),
        ("/dateOfBirth", json!("2026-11-16")),
        ("/expectedDeliveryDate", Value::Null),
        ("/pregnancy", json!({"outcome": "live-birth", "on": "2026-11-16", "expectedDeliveryDate": "2026-11-30", "noLetters": false})),
        ("/sex", json!("female")),
        ("/names/0/given", json!("Gwenllian")),
        ("/identifiers/0/value", json!("9990001006")),
    ] {
        assert_eq!(read.at(pointer), value, "{pointer}");
    }
    let mut after = app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200).json();
    assert_eq!(after["status"], "registered");
    after["status"] = json!("unborn-registered");
    assert_eq!(after, before.json(), "of the entry nothing else changed");
    // Found at once by the child's name, and still by the mother.
    let registered = (json!("on-register"), json!("registered"));
    assert_eq!(found(app, &Question::about("Gwenllian", "Vaughan").born("2026-11-16")), registered);
    assert_eq!(found(app, &by_mother()), registered);
    // What was true before birth stays true of then.
    let past = app.custodian().get(&format!("{path}/history?on=2026-11-15")).expect(200);
    assert_eq!((past.at("/day/expectedDeliveryDate"), past.at("/day/dateOfBirth")), (json!("2026-11-30"), Value::Null));
    assert_eq!(past.at("/day/registrations/0/status"), "unborn-registered");
    let told = app.database().texts("SELECT to_role AS value FROM notice WHERE kind = 'birth-recorded' ORDER BY to_role");
    assert_eq!(told, ["coordinator", "custodian"]);
}

on_both!(issue_4_twins_become_two_each_with_an_entry_that_began_when_the_first_did);
fn issue_4_twins_become_two_each_with_an_entry_that_began_when_the_first_did(app: &TestApp) {
    let entered = registered(app);
    let mut birth = birth();
    birth["others"] = json!([{"names": [{"given": "Heledd", "family": "Vaughan"}], "sex": "female", "nhsNumber": "9990001022"}]);
    let born = app.custodian().change(&format!("/v1/children/{}/birth", entered.child), "\"1\"", &birth).expect(201);
    let twin = born.text("/children/1/id");
    assert_eq!(born.at("/children/0/id"), entered.child.as_str());
    let ids = [born.text("/children/0/registrationIds/0"), born.text("/children/1/registrationIds/0")];
    assert_eq!(ids[0], entered.registration);
    let entries = ids.clone().map(|id| {
        let mut entry = app.custodian().get(&format!("/v1/registrations/{id}")).expect(200).json();
        for own in ["id", "childId", "recordedAt"] {
            entry[own] = Value::Null;
        }
        entry
    });
    assert_eq!(entries[0], entries[1], "start, categories, co-ordinator, core group, conference and review date are inherited");
    assert_eq!(entries[1]["registeredOn"], "2026-09-01");
    assert_eq!(entries[1]["categories"].as_array().map(Vec::len), Some(2));
    for (child, sibling) in [(&entered.child, &twin), (&twin, &entered.child)] {
        let read = app.custodian().get(&format!("/v1/children/{child}")).expect(200);
        assert_eq!(read.at("/pregnancy/expectedDeliveryDate"), "2026-11-30");
        assert_eq!(read.at("/addresses/0/postcode"), "NP10 8QQ");
        let members = read.list("/household");
        assert!(members.iter().any(|member| member["relationship"] == "mother"));
        assert!(members.iter().any(|member| member["relationship"] == "sibling" && member["relatedChildId"] == sibling.as_str()));
    }
    for given in ["Gwenllian", "Heledd"] {
        assert_eq!(found(app, &Question::about(given, "Vaughan").born("2026-11-16")).0, "on-register");
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM task"), 0, "twins are not taken for one person");
    // Invariant I10: what happens to one is nothing to the other.
    let wrong = json!({"reason": "Entered for the wrong twin"});
    app.custodian().change(&format!("/v1/registrations/{}/entered-in-error", ids[1]), "\"1\"", &wrong).expect(200);
    assert_eq!(app.custodian().get(&format!("/v1/registrations/{}", ids[0])).expect(200).at("/status"), "registered");
}

on_both!(s20_a_stillbirth_closes_the_entry_keeps_the_expected_date_and_sends_no_letters);
fn s20_a_stillbirth_closes_the_entry_keeps_the_expected_date_and_sends_no_letters(app: &TestApp) {
    for (outcome, on) in [("stillbirth", "2026-11-16"), ("miscarriage", "2026-09-02"), ("termination", "2026-10-01")] {
        let entered = registered(app);
        let path = format!("/v1/children/{}", entered.child);
        let ended = app.custodian().change(&format!("{path}/birth"), "\"1\"", &json!({"outcome": outcome, "on": on})).expect(201);
        assert_eq!(ended.at("/outcome"), outcome);
        let read = app.custodian().get(&path).expect(200);
        assert_eq!((read.at("/dateOfBirth"), read.at("/expectedDeliveryDate")), (Value::Null, json!("2026-11-30")), "{outcome}");
        assert_eq!(read.at("/pregnancy"), json!({"outcome": outcome, "on": on, "expectedDeliveryDate": "2026-11-30", "noLetters": true}));
        let entry = app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).expect(200);
        assert_eq!(
            (entry.at("/status"), entry.at("/removedOn"), entry.at("/removalGround")),
            (json!("previously-registered"), json!(on), json!("died"))
        );
        let notices = app.custodian().get("/v1/notices").expect(200).list("/items");
        let told: Vec<_> = notices.iter().filter(|notice| notice["childId"] == entered.child.as_str()).collect();
        assert_eq!(told.len(), 2, "custodian and co-ordinator");
        assert!(told.iter().all(|notice| notice["kind"] == "removed-without-letters" && notice["letters"] == false), "{told:?}");
        app.custodian().change(&format!("{path}/birth"), "\"2\"", &birth()).problem(409, "not-unborn");
    }
    assert_eq!(found(app, &by_mother()).0, "not-on-register");
}

on_both!(a_birth_is_recorded_once_and_only_of_an_unborn_child);
fn a_birth_is_recorded_once_and_only_of_an_unborn_child(app: &TestApp) {
    let entered = registered(app);
    let path = format!("/v1/children/{}/birth", entered.child);
    let post = |key: &str| app.custodian().request(reqwest::Method::POST, &path).key(key).json(&birth());
    post("one").send().problem(428, "precondition-required");
    post("one").header("if-match", "\"7\"").send().problem(412, "precondition-failed");
    let first = post("one").header("if-match", "\"1\"").send().expect(201);
    let again = post("one").header("if-match", "\"1\"").send().expect(201);
    assert_eq!(first.body, again.body);
    assert_eq!(app.audit_of(&again)[0].outcome, "replayed");
    post("two").header("if-match", "\"1\"").send().problem(412, "precondition-failed");
    post("two").header("if-match", "\"2\"").send().problem(409, "not-unborn");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM pregnancy"), 1);
    let audit = app.audit_of(&first);
    assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].outcome.as_str()), (1, "recordBirth", "granted"));
    let born = app.enter(&Child::usual());
    app.custodian().change(&format!("/v1/children/{}/birth", born.child), "*", &birth()).problem(409, "not-unborn");
    let torfaen = app.as_caller(&Caller::of_authority("custodian", TORFAEN));
    torfaen.change(&path, "\"2\"", &birth()).problem(404, "not-found");
    app.as_caller(&Caller::coordinator()).change(&path, "\"2\"", &birth()).problem(403, "operation-not-allowed");
}

on_both!(an_impossible_birth_is_refused_and_an_unlikely_one_is_said_to_be_so);
fn an_impossible_birth_is_refused_and_an_unlikely_one_is_said_to_be_so(app: &TestApp) {
    let entered = registered(app);
    let path = format!("/v1/children/{}/birth", entered.child);
    let with = |name: &str, value: Value| {
        let mut birth = birth();
        birth[name] = value;
        birth
    };
    for (body, expected) in [
        (with("bornOn", json!("2026-11-18")), "/bornOn in-the-future"),
        (with("bornOn", json!("2026-02-30")), "/bornOn impossible-date"),
        (with("bornOn", Value::Null), "/bornOn missing"),
        (with("names", json!([])), "/names missing"),
        (with("sex", json!("girl")), "/sex unknown-code"),
        (with("nhsNumber", json!("9990001007")), "/nhsNumber wrong-check-digit"),
        (with("outcome", json!("twins")), "/outcome unknown-code"),
        (with("on", json!("2026-11-16")), "/on not-of-this-outcome"),
        (with("others", json!([{"names": [], "sex": "male"}])), "/others/0/names missing"),
        (json!({"outcome": "stillbirth"}), "/on missing"),
        (json!({"outcome": "stillbirth", "on": "2026-11-18"}), "/on in-the-future"),
        (json!({"outcome": "stillbirth", "on": "2026-11-16", "bornOn": "2026-11-16"}), "/bornOn not-of-this-outcome"),
        (json!({"outcome": "stillbirth", "on": "2026-09-01"}), "/on ends-too-soon"),
        (json!({"outcome": "stillbirth", "on": "2026-08-31"}), "/on ends-too-soon"),
    ] {
        let refused = app.custodian().change(&path, "\"1\"", &body).problem(422, "invalid");
        assert_eq!(refused.mistakes(), [expected], "{}", refused.body);
    }
    assert_eq!(
        app.custodian().get(&format!("/v1/children/{}", entered.child)).expect(200).header("etag"),
        Some("\"1\""),
        "nothing was written"
    );
    let early = app.custodian().change(&path, "\"1\"", &with("bornOn", json!("2026-07-10"))).expect(201);
    assert_eq!(early.at("/warnings/0/code"), "far-from-expected-date");
    assert!(early.text("/warnings/0/detail").contains("expected"));
}

on_both!(nobodys_sex_is_known_before_birth);
fn nobodys_sex_is_known_before_birth(app: &TestApp) {
    // CIN-VAL 8750.
    let refused = app.custodian().post("/v1/children", &unborn().sex("female").0).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/sex sex-before-birth"]);
}
