//! `POST /v1/checks`: what a question must say, and for whom it may be asked.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::people::{Child, Question};
use crate::support::tokens::Caller;

fn caller_details() -> Value {
    json!({
        "name": "Ann Prosser",
        "agency": "Royal Gwent Hospital",
        "role": "staff nurse",
        "callBackNumber": "01632 960123",
        "verifiedBy": {"method": "switchboard-call-back", "at": "2026-11-17T09:55:00Z", "by": "Huw Rees"},
    })
}

fn without(mut value: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    value.pointer_mut(parent).expect("a parent").as_object_mut().expect("an object").remove(name).expect("it was there");
    value
}

fn replaced(mut value: Value, pointer: &str, by: Value) -> Value {
    *value.pointer_mut(pointer).expect("a place") = by;
    value
}

on_both!(each_mistake_is_named_by_its_place_and_code);
fn each_mistake_is_named_by_its_place_and_code(app: &TestApp) {
    let usual = Question::usual;
    let named = || Question::about("Gwenllian", "Trahaearn");
    let born = |date: &str| named().born(date);
    for (question, expected) in [
        (usual().with("reason", Value::Null), "/reason missing"),
        (usual().because("curiosity"), "/reason unknown-code"),
        (usual().because(""), "/reason unknown-code"),
        (usual().because("other"), "/reasonText reason-text-required"),
        (usual().with("reasonText", json!("")), "/reasonText empty"),
        (usual().with("notify", json!("silent")), "/notify silent-not-allowed"),
        (usual().with("notify", json!("loud")), "/notify unknown-code"),
        (usual().with("deadlineMs", json!(199)), "/deadlineMs out-of-range"),
        (usual().with("deadlineMs", json!(10_001)), "/deadlineMs out-of-range"),
        (usual().with("deadlineMs", json!(-1)), "/deadlineMs wrong-type"),
        (usual().with("search", json!("everywhere")), "/search unknown-search"),
        (usual().with("search", json!(["gwent", "atlantis"])), "/search unknown-region"),
        (usual().with("search", json!(["gwent", "No Such"])), "/search/1 unknown-region"),
        (usual().with("search", json!([])), "/search no-region"),
        (usual().with("urgency", json!("high")), "/urgency unknown-field"),
        (usual().child("surname", json!("Trahaearn")), "/child/surname unknown-field"),
        (usual().child("names", json!([{"given": "Gwenllian", "surname": "Trahaearn"}])), "/child/names/0/surname unknown-field"),
        (usual().child("names", json!("Gwenllian Trahaearn")), "/child/names wrong-type"),
        (usual().child("sex", json!("girl")), "/child/sex unknown-code"),
        (born("2017-02-30"), "/child/dateOfBirth impossible-date"),
        (born("2015-02-29"), "/child/dateOfBirth impossible-date"),
        (born("09/05/2017"), "/child/dateOfBirth wrong-date-shape"),
        (born("2026-11-18"), "/child/dateOfBirth in-the-future"),
        (born("1849-12-31"), "/child/dateOfBirth year-out-of-range"),
        (usual().child("nhsNumber", json!("9990001007")), "/child/nhsNumber wrong-check-digit"),
        (usual().child("nhsNumber", json!("999000100")), "/child/nhsNumber not-ten-digits"),
        (usual().child("chiNumber", json!("4505577104")), "/child/chiNumber number-out-of-range"),
        (
            usual().child("addresses", json!([{"lines": ["14 Stryd y Felin"], "postcode": "NP20 4QR or NP20 4QS"}])),
            "/child/addresses/0/postcode too-long",
        ),
        (usual().child("chiNumber", json!("3102010008")), "/child/chiNumber impossible-date"),
        (usual().child("addresses", json!([{"postcode": "NP20 4QR", "uprn": "1234567890123"}])), "/child/addresses/0/uprn not-a-uprn"),
        (usual().child("ageYears", json!(9)), "/child/dateOfBirth too-many-dates"),
        (named().child("ageYears", json!(200)), "/child/ageYears age-out-of-range"),
        (
            named().child("dateOfBirthFrom", json!("2018-01-01")).child("dateOfBirthTo", json!("2016-01-01")),
            "/child/dateOfBirthFrom from-after-to",
        ),
        (named().child("expectedDeliveryDate", json!("2029-01-01")), "/child/expectedDeliveryDate expected-date-too-late"),
    ] {
        let refused = app.health().post("/v1/checks", &question.0);
        assert_eq!(refused.status, 422, "{expected} was not noticed");
        let refused = refused.problem(422, "invalid");
        assert_eq!(refused.mistakes(), [expected], "{}", refused.body);
        for error in refused.list("/errors") {
            assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "what would help? {error}");
        }
        let audit = app.audit_of(&refused);
        assert_eq!((audit.len(), audit[0].outcome.as_str(), audit[0].code.as_deref()), (1, "failed", Some("invalid")), "{expected}");
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 0);
}

on_both!(all_mistakes_are_named_at_once);
fn all_mistakes_are_named_at_once(app: &TestApp) {
    let question = Question::usual().because("curiosity").with("deadlineMs", json!(1)).born("2017-02-30").child("nhsNumber", json!("1"));
    let mut mistakes = app.health().post("/v1/checks", &question.0).problem(422, "invalid").mistakes();
    mistakes.sort();
    let expected =
        ["/child/dateOfBirth impossible-date", "/child/nhsNumber not-ten-digits", "/deadlineMs out-of-range", "/reason unknown-code"];
    assert_eq!(mistakes, expected);
}

on_both!(no_problem_repeats_what_was_sent);
fn no_problem_repeats_what_was_sent(app: &TestApp) {
    let canary = "Xantippe";
    for body in [
        json!({"reason": canary, "child": {"names": [{"given": canary, "family": canary}], "dateOfBirth": canary, "sex": canary, "nhsNumber": canary}}),
        json!({"reason": "referral", "child": {"names": canary}}),
        json!({"reason": "referral", "search": [canary], "child": {}}),
        json!({"reason": "referral", "child": {"names": [{"given": {"first": canary}}]}}),
        json!({"reason": [canary], "child": canary}),
    ] {
        let refused = app.health().post("/v1/checks", &body).problem(422, "invalid");
        assert!(!refused.body.contains(canary), "{}", refused.body);
    }
    let named_field = json!({"reason": "referral", "child": {}, "Xantippe the unknown field with spaces": 1});
    let refused = app.health().post("/v1/checks", &named_field).problem(422, "invalid");
    assert!(!refused.body.contains(canary), "{}", refused.body);
}

on_both!(there_must_be_enough_to_search_on);
fn there_must_be_enough_to_search_on(app: &TestApp) {
    let only = |part: &str, name: &str| Question::nobody().child("names", json!([{part: name}]));
    let mother = |name: Value| Question::nobody().child("mother", name);
    for (known, question) in [
        ("nothing", Question::nobody()),
        ("a name alone", Question::about("Gwenllian", "Trahaearn")),
        ("a date alone", Question::nobody().born("2017-05-09")),
        ("a postcode alone", Question::nobody().living_at(&[], "NP20 4QR")),
        ("one name and a date", only("given", "Gwenllian").born("2017-05-09")),
        ("one name, a year and sex", only("given", "Gwenllian").born("2017").sex("female")),
        ("placeholders", Question::about("Baby", "Unknown").born("2017-05-09")),
        ("one name of the mother", mother(json!({"family": "Vaughan"})).child("expectedDeliveryDate", json!("2027-01-20"))),
        ("the mother's names alone", mother(json!({"given": "Meinir", "family": "Vaughan"}))),
    ] {
        let refused = app.health().post("/v1/checks", &question.0);
        assert_eq!(refused.status, 422, "{known}: {}", refused.body);
        refused.problem(422, "insufficient");
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 0);
}

on_both!(silence_is_allowed_for_routine_reasons);
fn silence_is_allowed_for_routine_reasons(app: &TestApp) {
    app.register(&Child::usual());
    for reason in ["scheduled-care", "maternity-booking", "school-admission"] {
        app.ask(&Caller::health(), &Question::usual().because(reason).with("notify", json!("silent")));
    }
    let urgencies = app.database().texts("SELECT urgency AS value FROM notice");
    assert_eq!(urgencies, ["silent"; 3], "a notice is written all the same");
}

on_both!(every_reason_of_the_contract_is_taken);
fn every_reason_of_the_contract_is_taken(app: &TestApp) {
    for reason in [
        "emergency-duty",
        "hospital-attendance",
        "ambulance-attendance",
        "police-contact",
        "police-protection",
        "strategy-discussion",
        "section-47-enquiry",
        "referral",
        "private-law-proceedings",
        "scheduled-care",
        "maternity-booking",
        "school-admission",
        "transfer-in",
        "missing-child",
    ] {
        assert_eq!(app.ask(&Caller::health(), &Question::usual().because(reason)).at("/reason"), reason);
    }
    let other = Question::usual().because("other").with("reasonText", json!("A neighbour rang about crying at night"));
    assert_eq!(app.ask(&Caller::health(), &other).at("/reason"), "other");
}

on_both!(cafcass_gets_the_formal_answer_and_must_say_why);
fn cafcass_gets_the_formal_answer_and_must_say_why(app: &TestApp) {
    // Scenario S7 of the procedures.
    app.register(&Child::usual());
    let cafcass = Caller::partner("cafcass");
    let answer = app.ask(&cafcass, &Question::usual().because("private-law-proceedings"));
    assert_eq!(answer.at("/outcome"), "on-register");
    assert_eq!(app.database().texts("SELECT reason AS value FROM enquiry"), ["private-law-proceedings"]);
    let blank = app.as_caller(&cafcass).post("/v1/checks", &Question::usual().with("reason", Value::Null).0).problem(422, "invalid");
    assert_eq!(blank.mistakes(), ["/reason missing"]);
}

on_both!(test_numbers_are_refused_outside_a_sandbox, "[sandbox]\nenabled = false");
fn test_numbers_are_refused_outside_a_sandbox(app: &TestApp) {
    let refused = app.health().post("/v1/checks", &Question::nobody().nhs("9990001006").0).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/child/nhsNumber test-number"]);
    let child = Child::usual();
    let refused = app.custodian().post("/v1/children", &child.0).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/identifiers/0/value test-number"]);
    assert_eq!(app.ask(&Caller::health(), &Question::nobody().nhs("4010232137")).at("/outcome"), "not-on-register");
}

// -- For a caller -----------------------------------------------------------------------------------------------------

on_both!(emergency_duty_asks_for_a_caller_whom_it_verified);
fn emergency_duty_asks_for_a_caller_whom_it_verified(app: &TestApp) {
    // Scenario S1 of the procedures.
    app.register(&Child::usual());
    app.set_clock("2026-11-18T02:10:00Z");
    let caller = replaced(caller_details(), "/verifiedBy/at", json!("2026-11-18T02:08:00Z"));
    for asker in [Caller::emergency_duty(), Caller::custodian()] {
        let answer = app.ask(&asker, &Question::usual().with("onBehalfOf", caller.clone()));
        assert_eq!(answer.at("/outcome"), "on-register");
        assert_eq!(answer.at("/matches/0/coordinator/name"), "Carys Mathias");
        assert_eq!(answer.at("/matches/0/contact/now/name"), "Newport emergency duty team");
    }
    // Others hear of the caller's agency, not of the desk that took the call.
    let later = app.ask(&Caller::police(), &Question::usual());
    assert_eq!(later.at("/earlierEnquiries/agencies"), json!(["Royal Gwent Hospital"]));
    assert_eq!(later.at("/earlierEnquiries/count"), 2);
}

on_both!(nothing_is_told_for_a_caller_who_is_not_verified);
fn nothing_is_told_for_a_caller_who_is_not_verified(app: &TestApp) {
    // Scenario S2 of the procedures: not even whether there is a match.
    app.register(&Child::usual());
    let unverified = without(caller_details(), "/verifiedBy");
    let mut bodies = Vec::new();
    for question in [Question::usual(), Question::about("Peredur", "Tremain").born("2016-06-21")] {
        let question = question.with("onBehalfOf", unverified.clone());
        let refused = app.as_caller(&Caller::emergency_duty()).post("/v1/checks", &question.0).problem(403, "caller-not-verified");
        let audit = app.audit_of(&refused);
        assert_eq!((audit.len(), audit[0].outcome.as_str(), audit[0].code.as_deref()), (1, "refused", Some("caller-not-verified")));
        assert_eq!(audit[0].operation, "askCheck");
        bodies.push(replaced(refused.json(), "/instance", json!("")));
    }
    assert_eq!(bodies[0], bodies[1], "the refusal is the same whether the child is known or not");
    for table in ["enquiry", "notice"] {
        assert_eq!(app.database().number(&format!("SELECT count(*) AS n FROM {table}")), 0);
    }
}

on_both!(a_partner_asks_for_itself_only);
fn a_partner_asks_for_itself_only(app: &TestApp) {
    for caller in [Caller::health(), Caller::of_region("team-manager"), Caller::coordinator()] {
        let question = Question::usual().with("onBehalfOf", caller_details());
        let refused = app.as_caller(&caller).post("/v1/checks", &question.0).problem(403, "on-behalf-not-allowed");
        assert_eq!(app.audit_of(&refused)[0].outcome, "refused");
    }
}

on_both!(a_caller_is_described_in_full);
fn a_caller_is_described_in_full(app: &TestApp) {
    let details = caller_details;
    for (caller, expected) in [
        (without(details(), "/name"), "/onBehalfOf/name missing"),
        (without(details(), "/agency"), "/onBehalfOf/agency missing"),
        (without(details(), "/role"), "/onBehalfOf/role missing"),
        (without(details(), "/callBackNumber"), "/onBehalfOf/callBackNumber missing"),
        (without(details(), "/verifiedBy/method"), "/onBehalfOf/verifiedBy/method missing"),
        (without(details(), "/verifiedBy/at"), "/onBehalfOf/verifiedBy/at missing"),
        (without(details(), "/verifiedBy/by"), "/onBehalfOf/verifiedBy/by missing"),
        (replaced(details(), "/verifiedBy/method", json!("sounded-right")), "/onBehalfOf/verifiedBy/method unknown-code"),
        (replaced(details(), "/verifiedBy/at", json!("last night")), "/onBehalfOf/verifiedBy/at not-an-instant"),
        (replaced(details(), "/verifiedBy/at", json!("2026-11-17T10:30:00Z")), "/onBehalfOf/verifiedBy/at verified-in-the-future"),
        (replaced(details(), "/verifiedBy/at", json!("2026-11-16T09:00:00Z")), "/onBehalfOf/verifiedBy/at verified-too-long-ago"),
    ] {
        let question = Question::usual().with("onBehalfOf", caller);
        let refused = app.as_caller(&Caller::emergency_duty()).post("/v1/checks", &question.0).problem(422, "invalid");
        assert_eq!(refused.mistakes(), [expected]);
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 0);
}
