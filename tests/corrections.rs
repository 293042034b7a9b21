//! Corrections: a new fact in the place of one, or none; nothing is overwritten, and the index follows at once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, NEWPORT};

#[track_caller]
fn outcome(app: &TestApp, question: &Question) -> String {
    app.ask(&Caller::health(), question).text("/outcome")
}

#[track_caller]
fn fact(app: &TestApp, path: &str, list: &str) -> String {
    app.custodian().get(path).expect(200).text(&format!("/{list}/0/id"))
}

on_both!(i17_a_correction_is_a_new_fact_with_who_and_why_and_is_found_at_once);
fn i17_a_correction_is_a_new_fact_with_who_and_why_and_is_found_at_once(app: &TestApp) {
    let child =
        Child::named("Gwenllain", "Tryhairn").born("2017-05-09").mother("Angharad", "Trahaearn").living_at(&["3 Heol Las"], "NP18 2XJ");
    let entered = app.register(&child.nhs("9990001014"));
    let path = format!("/v1/children/{}", entered.child);
    let reason = "Misspelt in the referral";
    let mut tag = "\"1\"".to_owned();
    for (list, item, new, pointer, value) in [
        ("names", "name", json!({"given": "Peredur", "family": "Trahaearn"}), "/given", "Peredur"),
        ("addresses", "address", json!({"lines": ["14 Stryd y Felin"], "postcode": "NP20 4QR"}), "/postcode", "NP20 4QR"),
        ("identifiers", "identifier", json!({"kind": "nhs-number", "value": "9990001006"}), "/value", "9990001006"),
        (
            "household",
            "member",
            json!({"relationship": "mother", "carer": true, "name": {"given": "Mererid", "family": "Trahaearn"}, "nhsNumber": "9990001022"}),
            "/name/given",
            "Mererid",
        ),
    ] {
        let old = fact(app, &path, list);
        let at = format!("{path}/{list}/{old}");
        app.custodian().request(Method::PUT, &at).json(&json!({"reason": reason, item: new})).send().problem(428, "precondition-required");
        app.custodian().put(&at, "\"99\"", &json!({"reason": reason, item: new})).problem(412, "precondition-failed");
        let corrected = app.custodian().put(&at, &tag, &json!({"reason": reason, item: new})).expect(200);
        assert_eq!(corrected.at(pointer), value);
        assert_ne!(corrected.text("/id"), old, "a new fact");
        tag = corrected.header("etag").expect("a tag").to_owned();
        let read = app.custodian().get(&path).expect(200);
        assert_eq!(read.header("etag"), Some(tag.as_str()));
        assert_eq!((read.list(&format!("/{list}")).len(), read.at(&format!("/{list}/0{pointer}"))), (1, json!(value)));
        // The old fact is one no more; it cannot be corrected again.
        app.custodian().put(&at, &tag, &json!({"reason": reason, item: new})).problem(404, "not-found");
    }
    assert_eq!(outcome(app, &Question::about("Peredur", "Trahaearn").born("2017-05-09")), "on-register");
    assert_eq!(outcome(app, &Question::nobody().nhs("9990001006")), "on-register");
    assert_eq!(outcome(app, &Question::nobody().nhs("9990001014")), "not-on-register", "a number that was wrong finds nobody");
    let history = app.custodian().get(&format!("{path}/history")).expect(200).list("/day/corrections");
    assert_eq!(history.len(), 4);
    for correction in &history {
        assert_eq!((&correction["action"], &correction["reason"]), (&json!("corrected"), &json!(reason)));
        assert_eq!(correction["by"], Caller::custodian().key());
        assert!(correction["replacedBy"].is_string());
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM child_name"), 2, "nothing was overwritten");
}

on_both!(what_was_entered_in_error_is_taken_back_and_stays_in_the_history);
fn what_was_entered_in_error_is_taken_back_and_stays_in_the_history(app: &TestApp) {
    let child = Child::usual().also("alias", "Nest", "Cadwaladr");
    let entered = app.register(&child);
    let path = format!("/v1/children/{}", entered.child);
    let before = app.custodian().get(&path).expect(200);
    let mut version = 1;
    for (list, index) in [("names", 1), ("addresses", 0), ("identifiers", 0), ("household", 0)] {
        let id = before.text(&format!("/{list}/{index}/id"));
        let at = format!("{path}/{list}/{id}/entered-in-error");
        let refused = app.custodian().change(&at, &format!("\"{version}\""), &json!({})).problem(422, "invalid");
        assert_eq!(refused.mistakes(), ["/reason missing"]);
        let taken = app.custodian().change(&at, &format!("\"{version}\""), &json!({"reason": "Of another child"})).expect(200);
        version += 1;
        assert_eq!(taken.header("etag"), Some(format!("\"{version}\"").as_str()));
        assert_eq!(taken.list(&format!("/{list}")).len(), index, "{list}");
        app.custodian().change(&at, "*", &json!({"reason": "Again"})).problem(404, "not-found");
    }
    assert_eq!(outcome(app, &Question::about("Nest", "Cadwaladr").born("2017-05-09")), "not-on-register");
    assert_eq!(outcome(app, &Question::nobody().nhs("9990001006")), "not-on-register");
    let history = app.custodian().get(&format!("{path}/history")).expect(200).list("/day/corrections");
    assert!(history.iter().all(|correction| correction["action"] == "entered-in-error" && correction["replacedBy"].is_null()));
    let subjects: Vec<_> = history.iter().map(|correction| correction["subject"].clone()).collect();
    assert_eq!(subjects, ["name", "address", "identifier", "household-member"]);
}

on_both!(an_address_that_is_over_is_ended_and_goes_on_finding_the_child);
fn an_address_that_is_over_is_ended_and_goes_on_finding_the_child(app: &TestApp) {
    let entered = app.register(&Child::named("Ffion", "Maddocks").living_at(&["27 Albany Place"], "NP19 8AB"));
    let path = format!("/v1/children/{}", entered.child);
    let at = format!("{path}/addresses/{}", fact(app, &path, "addresses"));
    let address = json!({"lines": ["27 Albany Place"], "postcode": "NP19 8AB", "to": "2026-11-01"});
    let ended = app.custodian().put(&at, "\"1\"", &json!({"reason": "The family moved", "address": address})).expect(200);
    assert_eq!(ended.at("/to"), "2026-11-01");
    let answer = app.ask(&Caller::health(), &Question::about("Ffion", "Maddocks").living_at(&["27 Albany Place"], "NP19 8AB"));
    assert!(answer.body.contains("a former address"), "{}", answer.body);
    let back = json!({"lines": ["27 Albany Place"], "postcode": "NP19 8AB", "from": "2026-11-02", "to": "2026-11-01"});
    let at = format!("{path}/addresses/{}", ended.text("/id"));
    let refused = app.custodian().put(&at, "\"2\"", &json!({"reason": "A slip", "address": back})).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/address/to ends-before-start"]);
}

on_both!(particulars_are_corrected_as_a_whole_and_a_birth_is_no_correction);
fn particulars_are_corrected_as_a_whole_and_a_birth_is_no_correction(app: &TestApp) {
    let entered = app.register(&Child::named("Eluned", "Hopcyn").born("2015").sex("male"));
    let path = format!("/v1/children/{}/particulars", entered.child);
    let new = json!({"reason": "The birth certificate was seen", "dateOfBirth": "2015-03-04", "sex": "female", "preferredLanguage": "cy"});
    let corrected = app.custodian().put(&path, "\"1\"", &new).expect(200);
    assert_eq!(
        (corrected.at("/dateOfBirth"), corrected.at("/sex"), corrected.at("/preferredLanguage"), corrected.header("etag")),
        (json!("2015-03-04"), json!("female"), json!("cy"), Some("\"2\""))
    );
    assert_eq!(app.ask(&Caller::health(), &Question::about("Eluned", "Hopcyn").born("2015-03-04")).at("/matches/0/grade"), "certain");
    app.custodian().put(&path, "\"1\"", &new).problem(412, "precondition-failed");
    for (body, expected) in [
        (json!({"dateOfBirth": "2015-03-04"}), "/reason missing"),
        (json!({"reason": "A slip", "dateOfBirth": "2027-01-01"}), "/dateOfBirth in-the-future"),
        (json!({"reason": "A slip", "expectedDeliveryDate": "2027-01-20"}), "/expectedDeliveryDate born-already"),
    ] {
        assert_eq!(app.custodian().put(&path, "\"2\"", &body).problem(422, "invalid").mistakes(), [expected]);
    }
    let unborn = app.enter(&Child::unborn("2027-01-20").mother("Meinir", "Vaughan"));
    let path = format!("/v1/children/{}/particulars", unborn.child);
    let born = json!({"reason": "Born", "dateOfBirth": "2026-11-16"});
    assert_eq!(app.custodian().put(&path, "\"1\"", &born).problem(422, "invalid").mistakes(), ["/expectedDeliveryDate birth-not-recorded"]);
    let moved = json!({"reason": "The scan says so", "expectedDeliveryDate": "2027-01-12"});
    assert_eq!(app.custodian().put(&path, "\"1\"", &moved).expect(200).at("/expectedDeliveryDate"), "2027-01-12");
}

on_both!(issue_4_a_superseded_number_answers_with_the_new_one_as_policy_allows);
fn issue_4_a_superseded_number_answers_with_the_new_one_as_policy_allows(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = format!("/v1/children/{}", entered.child);
    let new = json!({"kind": "nhs-number", "value": "9990001014", "supersedes": fact(app, &path, "identifiers")});
    app.custodian().change(&format!("{path}/identifiers"), "\"1\"", &new).expect(201);
    let read = app.custodian().get(&path).expect(200);
    let numbers: Vec<_> = read.list("/identifiers").iter().map(|row| (row["value"].clone(), row["to"].clone())).collect();
    assert_eq!(numbers, [(json!("9990001006"), json!("2026-11-17")), (json!("9990001014"), Value::Null)]);
    let superseded = |caller: &Caller, question: &Question| {
        let answer = app.ask(caller, question);
        assert_eq!(answer.at("/outcome"), "on-register");
        let advised = answer.list("/advice").iter().any(|advice| advice["code"] == "superseded-number");
        let why = answer.text("/matches/0/why/0").contains("superseded");
        assert_eq!(advised, why);
        // Read again it says the same.
        let again = app.as_caller(caller).get(answer.header("location").expect("a place")).expect(200);
        assert_eq!(again.at("/matches/0/numberInUse"), answer.at("/matches/0/numberInUse"));
        (advised, answer.at("/matches/0/numberInUse"))
    };
    let old = Question::nobody().nhs("9990001006");
    for caller in [Caller::health(), Caller::emergency_duty(), Caller::custodian()] {
        assert_eq!(superseded(&caller, &old), (true, json!("9990001014")), "{}", caller.subject());
    }
    assert_eq!(superseded(&Caller::police(), &old), (true, Value::Null), "police are told that, not which");
    assert_eq!(superseded(&Caller::health(), &Question::nobody().nhs("9990001014")), (false, Value::Null));
    assert_eq!(superseded(&Caller::health(), &Question::usual()), (false, Value::Null));
    // Of a shielded child nobody is told.
    app.custodian().put(&format!("{path}/shielding"), "*", &json!({"shielded": true, "reason": "In danger"})).expect(200);
    assert_eq!(superseded(&Caller::health(), &old), (true, Value::Null));
    let wrong = json!({"kind": "chi-number", "value": "0101010008", "supersedes": fact(app, &path, "identifiers")});
    let refused = app.custodian().change(&format!("{path}/identifiers"), "*", &wrong).problem(422, "invalid");
    assert_eq!(refused.mistakes().len(), 1, "{}", refused.body);
}

on_both!(a_coordinator_corrects_their_own_cases_and_no_others);
fn a_coordinator_corrects_their_own_cases_and_no_others(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let path = format!("/v1/children/{}", entered.child);
    let at = format!("{path}/names/{}", fact(app, &path, "names"));
    let body = json!({"reason": "A slip", "name": {"given": "Nest", "family": "Trahaearn"}});
    app.as_caller(&Caller::coordinator()).put(&at, "\"1\"", &body).problem(404, "not-found");
    app.as_caller(&Caller::of_authority("team-manager", NEWPORT)).put(&at, "\"1\"", &body).problem(403, "operation-not-allowed");
    let other = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11"));
    let foreign = format!("/v1/children/{}/names/{}", other.child, fact(app, &path, "names"));
    app.custodian().put(&foreign, "\"1\"", &body).problem(404, "not-found");
    app.custodian().put(&format!("{path}/names/not-an-id"), "\"1\"", &body).problem(404, "not-found");
}

on_both!(a_child_who_came_off_by_a_wrong_date_of_birth_comes_back_when_it_is_corrected);
fn a_child_who_came_off_by_a_wrong_date_of_birth_comes_back_when_it_is_corrected(app: &TestApp) {
    let entered = app.register(&Child::named("Gwenllian", "Trahaearn").born("2007-05-09").sex("female"));
    let at = format!("/v1/registrations/{}", entered.registration);
    let ended = json!({"removedOn": "2026-11-10", "ground": "reached-eighteen", "reasons": "The day has come"});
    app.custodian().change(&format!("{at}/removal"), "*", &ended).expect(201);
    let status = || app.custodian().get(&at).expect(200).text("/status");
    assert_eq!(status(), "previously-registered");
    let particulars = |born: &str| {
        let body = json!({"dateOfBirth": born, "sex": "female", "reason": "The year was mistyped"});
        app.custodian().put(&format!("/v1/children/{}/particulars", entered.child), "*", &body).expect(200)
    };
    // Still of age on that day.
    particulars("2007-06-09");
    assert_eq!(status(), "previously-registered");
    particulars("2017-05-09");
    assert_eq!(status(), "registered");
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).text("/outcome"), "on-register");
    let told = app.custodian().get("/v1/notices?limit=200").expect(200).list("/items");
    assert!(told.iter().any(|notice| notice["kind"] == "reinstated" && notice["urgency"] == "urgent"), "{told:?}");
}
