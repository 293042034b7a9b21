//! The FHIR R4 face: the same checks in other words, and no second way to the register.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::{Client, TestApp};
use crate::support::database::{Backend, TestDatabase};
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::program::{Program, headers};
use crate::support::tokens::{Caller, NEWPORT};

const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
const NUMBER: &str = "9990001006";

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "name": [{"family": "Llewellyn", "given": ["Siân"]}],
        "birthDate": "2017-05-09",
        "identifier": [{"system": NHS, "value": NUMBER}],
    })
}

fn parameters(patient: &Value) -> Value {
    let word = |name: &str, value: &str| json!({"name": name, "valueCode": value});
    let resource = json!({"name": "resource", "resource": patient});
    json!({"resourceType": "Parameters", "parameter": [resource, word("reason", "hospital-attendance"), word("search", "own-region")]})
}

fn matched(client: &Client<'_>, body: &Value) -> Answer {
    client.request(Method::POST, "/FHIR/R4/Patient/$match").json(body).header("accept", "application/fhir+json").send()
}

fn form(client: &Client<'_>, path: &str, body: &str) -> Answer {
    let request = client.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
    request.header("x-check-reason", "hospital-attendance").body(body.to_owned()).send()
}

fn resources<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let entries = bundle["entry"].as_array().expect("entries").iter();
    entries.map(|entry| &entry["resource"]).filter(|resource| resource["resourceType"] == kind).collect()
}

fn part<'a>(bundle: &'a Value, name: &str) -> &'a Value {
    let parts = bundle["meta"]["extension"][0]["extension"].as_array().expect("parts of the answer");
    parts.iter().find(|part| part["url"] == name).unwrap_or_else(|| panic!("no {name}: {bundle}"))
}

/// Checks that an error is an OperationOutcome with the code of the native face.
#[track_caller]
fn outcome(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
    let body = answer.json();
    assert_eq!(body["resourceType"], "OperationOutcome");
    let codings = body["issue"][0]["details"]["coding"].as_array().expect("codings");
    assert!(codings.iter().any(|coding| coding["code"] == code), "{}", answer.body);
    body
}

on_both!(a_match_is_a_check_like_any_other);
fn a_match_is_a_check_like_any_other(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let answer = matched(&app.health(), &parameters(&patient())).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("ratelimit").is_some_and(|left| left.contains("\"checks\"")), "it costs what a check costs");
    let bundle = answer.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"], &bundle["total"]), (&json!("Bundle"), &json!("searchset"), &json!(1)));
    assert_eq!(part(&bundle, "outcome")["valueCode"], "on-register");
    let search = &bundle["entry"][0]["search"];
    assert_eq!(search["mode"], "match");
    assert!(search["score"].as_f64().is_some_and(|score| score > 0.9));
    let found = resources(&bundle, "Patient")[0];
    assert_eq!(found["managingOrganization"]["identifier"]["value"], NEWPORT);
    for secret in ["name", "birthDate", "address", "identifier"] {
        assert!(found.get(secret).is_none(), "no more than the native answer says: {found}");
    }

    // The same enquiry, notice, audit entry and receipt as a native check.
    let id = part(&bundle, "check")["valueString"].as_str().expect("an id").to_owned();
    let native = app.health().get(&format!("/v1/checks/{id}")).expect(200);
    assert_eq!(native.text("/outcome"), "on-register");
    assert_eq!(search["extension"][0]["valueCode"], native.at("/matches/0/grade"));
    assert_eq!(json!(native.text("/receipt")), part(&bundle, "receipt")["valueString"]);
    let audit = app.audit_of(&answer);
    assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].outcome.as_str()), (1, "askCheck", "granted"));
    let notices = app.custodian().get("/v1/notices").expect(200).list("/items");
    assert!(notices.iter().any(|notice| notice["checkId"] == id.as_str() && notice["childId"] == entered.child.as_str()));
    // Asked again it is another question: there is no idempotency key.
    matched(&app.health(), &parameters(&patient())).expect(200);
    assert_eq!(app.count("enquiry"), 2);
}

on_both!(an_empty_bundle_is_no_answer_when_a_region_was_silent);
fn an_empty_bundle_is_no_answer_when_a_region_was_silent(app: &TestApp) {
    let nobody = json!({"resourceType": "Patient", "name": [{"family": "Tremain", "given": ["Peredur"]}], "birthDate": "2016-06-21"});
    let mut everywhere = parameters(&nobody);
    everywhere["parameter"][2]["valueCode"] = json!("federation");
    let bundle = matched(&app.health(), &everywhere).expect(200).json();
    assert_eq!(part(&bundle, "outcome")["valueCode"], "indeterminate");
    assert!(bundle.get("total").is_none(), "nobody knows how many there are: {bundle}");
    let said = resources(&bundle, "OperationOutcome")[0];
    let incomplete = said["issue"].as_array().expect("issues").iter().filter(|issue| issue["code"] == "incomplete").count();
    assert_eq!(incomplete, 7, "the outcome and six silent regions: {said}");

    let bundle = matched(&app.health(), &parameters(&nobody)).expect(200).json();
    assert_eq!((part(&bundle, "outcome")["valueCode"].as_str(), &bundle["total"]), (Some("not-on-register"), &json!(0)));
    assert_eq!(resources(&bundle, "OperationOutcome").len(), 1);
    assert!(resources(&bundle, "Patient").is_empty());
}

on_both!(flags_are_searched_by_form_and_read_by_opaque_identifiers);
fn flags_are_searched_by_form_and_read_by_opaque_identifiers(app: &TestApp) {
    app.register(&Child::usual());
    let bundle =
        form(&app.health(), "/FHIR/R4/Flag/_search", &format!("patient:identifier={NHS}%7C{NUMBER}&status=active")).expect(200).json();
    for kind in ["Flag", "Patient", "CarePlan", "CareTeam", "OperationOutcome"] {
        assert_eq!(resources(&bundle, kind).len(), 1, "{kind}: {bundle}");
    }
    let flag = resources(&bundle, "Flag")[0];
    assert_eq!((&flag["status"], &flag["code"]["coding"][0]["code"]), (&json!("active"), &json!("342191000000101")));
    let team = resources(&bundle, "CareTeam")[0];
    assert_eq!(team["telecom"].as_array().expect("telephones").len(), 2);
    assert_eq!(team["participant"][0]["member"]["display"], "Carys Mathias");

    let id = flag["id"].as_str().expect("an id");
    for kind in ["Flag", "Patient", "CarePlan", "CareTeam"] {
        let path = format!("/FHIR/R4/{kind}/{id}");
        let read = app.health().get(&path).expect(200);
        assert_eq!(read.header("etag"), Some("W/\"1\""), "{kind}");
        assert_eq!(&read.json(), resources(&bundle, kind)[0], "{kind}: the same, read again");
        assert_eq!(app.audit_of(&read)[0].operation, "readCheck");
        outcome(&app.police().get(&path), 404, "not-found");
        outcome(&app.anonymous().get(&path), 401, "unauthenticated");
    }
    let again = app.health().get(&format!("/FHIR/R4/Flag?patient=Patient/{id}")).expect(200).json();
    assert_eq!(resources(&again, "Flag"), [flag]);
    assert_eq!(app.count("enquiry"), 1, "what was asked before is no new check");
    for id in [format!("{}-1", Uuid::now_v7()), format!("{}-2", &id[..36]), id[..36].to_owned(), "Gwenllian".into()] {
        outcome(&app.health().get(&format!("/FHIR/R4/Flag/{id}")), 404, "not-found");
    }
}

on_both!(nothing_personal_is_searched_for_in_a_url);
fn nothing_personal_is_searched_for_in_a_url(app: &TestApp) {
    for query in
        [format!("patient:identifier={NHS}%7C{NUMBER}"), format!("patient.identifier={NUMBER}"), "patient.birthdate=2017-05-09".into()]
    {
        let refused = app.health().get(&format!("/FHIR/R4/Flag?{query}"));
        let said = outcome(&refused, 400, "personal-in-url").to_string();
        assert!(!said.contains(NUMBER) && !said.contains("2017-05-09"), "{said}");
        assert_eq!(app.audit_of(&refused)[0].code.as_deref(), Some("personal-in-url"));
    }
    assert_eq!(app.count("enquiry"), 0);
}

on_both!(pages_lead_on_and_strict_handling_refuses_what_is_unknown);
fn pages_lead_on_and_strict_handling_refuses_what_is_unknown(app: &TestApp) {
    app.register(&Child::usual());
    app.register(&Child::named("Siân", "Llewellyn").born("2017-05-09"));
    let ask = |more: &str| {
        form(
            &app.health(),
            "/FHIR/R4/Flag/_search",
            &format!("patient.identifier={NUMBER}&patient.family=Llewellyn&patient.given=Si%C3%A2n&patient.birthdate=2017-05-09{more}"),
        )
    };
    let first = ask("&_count=1").expect(200).json();
    assert_eq!((resources(&first, "Flag").len(), &first["link"][1]["relation"]), (1, &json!("next")), "{first}");
    let next = first["link"][1]["url"].as_str().expect("an address");
    let second = app.health().get(&next[next.find("/FHIR").expect("a path")..]).expect(200).json();
    assert_eq!(resources(&second, "Flag").len(), 1);
    assert_ne!(resources(&second, "Flag"), resources(&first, "Flag"));
    assert_eq!(second["link"].as_array().expect("links").len(), 1);
    for link in [&first["link"][0]["url"], &first["link"][1]["url"]] {
        assert!(!link.as_str().expect("an address").contains(NUMBER), "{link}");
    }

    ask("&colour=red").expect(200);
    let strict = app.health().request(Method::POST, "/FHIR/R4/Flag/_search").header("content-type", "application/x-www-form-urlencoded");
    let strict = strict.header("prefer", "handling=strict").header("x-check-reason", "hospital-attendance");
    outcome(&strict.body(format!("patient.identifier={NUMBER}&colour=red")).send(), 400, "malformed-query");
    outcome(&ask("&status=active&status=inactive"), 400, "malformed-query");
    outcome(&ask("&_count=x"), 400, "malformed-query");
}

on_both!(errors_have_the_status_of_the_native_face);
fn errors_have_the_status_of_the_native_face(app: &TestApp) {
    let match_path = "/FHIR/R4/Patient/$match";
    outcome(&matched(&app.anonymous(), &parameters(&patient())), 401, "unauthenticated");
    let denied = outcome(&matched(&app.as_caller(&Caller::of_region("auditor")), &parameters(&patient())), 403, "operation-not-allowed");
    assert_eq!(denied["issue"][0]["details"]["coding"][0]["code"], "ACCESS_DENIED");
    outcome(&app.health().get("/FHIR/R4/Observation"), 404, "not-found");
    outcome(&app.health().request(Method::DELETE, "/FHIR/R4/Flag/x").send(), 405, "method-not-allowed");
    let xml = app.health().request(Method::POST, match_path).json(&parameters(&patient())).header("accept", "application/fhir+xml").send();
    outcome(&xml, 406, "not-acceptable");
    let large =
        app.health().request(Method::POST, match_path).header("content-type", "application/fhir+json").body(vec![b' '; 300_000]).send();
    outcome(&large, 413, "body-too-large");
    let text = app.health().request(Method::POST, match_path).header("content-type", "text/plain").body("{}").send();
    outcome(&text, 415, "unsupported-media-type");
    let broken = app.health().request(Method::POST, match_path).header("content-type", "application/fhir+json").body("{").send();
    outcome(&broken, 400, "malformed-json");
    let mut unreasoned = parameters(&patient());
    unreasoned["parameter"].as_array_mut().expect("parameters").remove(1);
    outcome(&matched(&app.health(), &unreasoned), 422, "invalid");
    let mut wrong = parameters(&patient());
    wrong["parameter"][0]["resource"]["identifier"][0]["value"] = json!("9990001007");
    let said = outcome(&matched(&app.health(), &wrong), 422, "invalid");
    assert_eq!(said["issue"][1]["details"]["coding"][0]["code"], "wrong-check-digit");
    outcome(&matched(&app.health(), &parameters(&json!({"resourceType": "Patient", "gender": "female"}))), 422, "insufficient");
    assert_eq!(app.count("enquiry"), 0);
    // In Welsh as in English; the codes are the same.
    let welsh = app.health().request(Method::GET, "/FHIR/R4/Observation").header("accept-language", "cy").send();
    assert_eq!(outcome(&welsh, 404, "not-found")["issue"][0]["details"]["text"], "Heb ei ganfod");
}

on_both!(what_the_face_can_do_is_open_to_all);
fn what_the_face_can_do_is_open_to_all(app: &TestApp) {
    let said = app.anonymous().get("/FHIR/R4/metadata").expect(200);
    assert_eq!(said.header("content-type"), Some("application/fhir+json"));
    assert_eq!((said.text("/resourceType"), said.text("/fhirVersion")), ("CapabilityStatement".into(), "4.0.1".into()));
    app.anonymous().get("/FHIR/R4/.well-known/smart-configuration").expect(200);
}

// -- In the place of CP-IS --------------------------------------------------------------------------------------------

fn cp_is(client: &Client<'_>, kind: &str, number: &str, more: &[(&str, &str)]) -> Answer {
    let request = client.request(Method::GET, &format!("/FHIR/R4/{kind}?patient:identifier={NHS}|{number}"));
    more.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
}

on_both!(a_consumer_of_cp_is_gets_plans_and_telephones);
fn a_consumer_of_cp_is_gets_plans_and_telephones(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let trace = "6ede3b9d-a81b-4c75-9d77-e1d64d85c323";
    let answer = cp_is(&app.health(), "CareTeam", NUMBER, &[("TraceID", trace), ("IsUnscheduledAccessEvent", "true")]).expect(200);
    assert_eq!((answer.header("content-type"), answer.header("traceid")), (Some("application/fhir+json"), Some(trace)));
    let bundle = answer.json();
    let team = resources(&bundle, "CareTeam")[0];
    assert_eq!((&team["status"], &team["category"][0]["coding"][0]["code"]), (&json!("active"), &json!("342191000000101")));
    assert_eq!(team["period"]["start"], app.custodian().get(&format!("/v1/registrations/{}", entered.registration)).at("/registeredOn"));
    let comments: Vec<_> =
        team["telecom"].as_array().expect("telephones").iter().map(|one| one["extension"][0]["valueString"].to_string()).collect();
    assert!(comments[0].contains("Office hours") && comments[1].contains("Out of hours"), "{comments:?}");
    // The authority hears of unplanned care, and of planned care nobody is called.
    let urgencies = || -> Vec<String> {
        let notices = app.custodian().get("/v1/notices").expect(200).list("/items");
        notices
            .iter()
            .filter(|notice| notice["childId"] == entered.child.as_str())
            .map(|notice| notice["urgency"].as_str().expect("an urgency").to_owned())
            .collect()
    };
    assert!(urgencies().iter().all(|urgency| urgency == "normal") && !urgencies().is_empty());
    cp_is(&app.health(), "CareTeam", NUMBER, &[("IsUnscheduledAccessEvent", "false")]).expect(200);
    assert!(urgencies().iter().any(|urgency| urgency == "silent"), "{:?}", urgencies());
    // Without the header it is unplanned, and a semicolon at the end is theirs.
    cp_is(&app.health(), "CareTeam", &format!("{NUMBER};"), &[]).expect(200);
    assert_eq!(app.count("enquiry"), 3);
}

on_both!(a_plan_is_shown_to_consumers_of_cp_is_for_a_year_after_it_ended);
fn a_plan_is_shown_to_consumers_of_cp_is_for_a_year_after_it_ended(app: &TestApp) {
    app.register_formerly(&Child::usual());
    let teams = || {
        let bundle = cp_is(&app.health(), "CareTeam", NUMBER, &[]).expect(200).json();
        resources(&bundle, "CareTeam").into_iter().cloned().collect::<Vec<_>>()
    };
    let found = teams();
    assert_eq!((found.len(), &found[0]["status"], &found[0]["period"]["end"]), (1, &json!("inactive"), &json!("2026-06-16")));
    app.set_clock("2027-06-16T12:00:00Z");
    assert_eq!(teams().len(), 1, "365 days");
    app.set_clock("2027-06-17T12:00:00Z");
    assert!(teams().is_empty(), "366 days");
}

on_both!(an_unborn_childs_plan_is_found_by_the_mothers_number);
fn an_unborn_childs_plan_is_found_by_the_mothers_number(app: &TestApp) {
    let expected = |given: &str, number: &str| {
        let name = json!({"given": given, "family": "Vaughan"});
        let mother = json!({"relationship": "mother", "carer": true, "parentalResponsibility": true, "name": name, "nhsNumber": number});
        Child::unborn("2026-11-30").with("household", json!([mother]))
    };
    app.register(&expected("Meinir", "9990001014"));
    app.take_over(&expected("Rhiannon", "9990001022"), "2026-05-01", Some("2026-06-16"), None);
    let plans = |number: &str| {
        let bundle = cp_is(&app.health(), "CareTeam", number, &[]).expect(200).json();
        resources(&bundle, "CareTeam")
            .into_iter()
            .map(|team| (team["status"].clone(), team["category"][0]["coding"][0]["code"].clone()))
            .collect::<Vec<_>>()
    };
    let unborn = |status: &str| vec![(json!(status), json!("818901000000100"))];
    // Four weeks after the expected date one that ended is shown no more; one in force always is.
    for (now, ended) in [("2026-11-18", true), ("2026-12-28", true), ("2026-12-29", false), ("2027-03-01", false)] {
        app.set_clock(&format!("{now}T12:00:00Z"));
        assert_eq!(plans("9990001014"), unborn("active"), "{now}");
        assert_eq!(plans("9990001022"), if ended { unborn("inactive") } else { vec![] }, "{now}");
    }
}

on_both!(the_latest_accesses_are_shown_newest_first_without_planned_care_and_persons);
fn the_latest_accesses_are_shown_newest_first_without_planned_care_and_persons(app: &TestApp) {
    app.register(&Child::usual());
    let events = |client: &Client<'_>| {
        let bundle = cp_is(client, "AuditEvent", NUMBER, &[]).expect(200).json();
        resources(&bundle, "AuditEvent").into_iter().cloned().collect::<Vec<_>>()
    };
    assert!(events(&app.health()).is_empty(), "nobody asked before");
    for number in 0..26 {
        app.set_clock(&format!("2026-11-18T10:{number:02}:00Z"));
        app.ask(&Caller::police(), &Question::usual());
    }
    cp_is(&app.health(), "CareTeam", NUMBER, &[("IsUnscheduledAccessEvent", "false")]).expect(200);
    let found = events(&app.health());
    assert_eq!(found.len(), 25);
    assert!(found[0]["recorded"].as_str().expect("a time").starts_with("2026-11-18T10:25"), "{}", found[0]);
    assert_eq!(found[0]["agent"][0]["who"]["display"], "Gwent police service");
    assert!(found.iter().all(|event| event["purposeOfEvent"][0]["coding"][0]["code"] != "scheduled-care"));
    assert!(!found[0].to_string().contains("partner-police"), "never the person");
    // Who is not told of agencies learns when and how often.
    let schools = events(&app.as_caller(&Caller::partner("education")));
    assert_eq!(schools[0]["agent"][0]["who"]["display"], "Not told to this enquirer");
}

on_both!(a_consumer_of_cp_is_hears_its_three_errors);
fn a_consumer_of_cp_is_hears_its_three_errors(app: &TestApp) {
    for kind in ["CareTeam", "AuditEvent"] {
        for number in ["9990001007", "12345", "", "abcdefghij"] {
            let said = outcome(&cp_is(&app.health(), kind, number, &[]), 400, "INVALID_SEARCH_DATA");
            assert_eq!((&said["issue"][0]["code"], &said["issue"][0]["diagnostics"]), (&json!("invalid"), &json!("Invalid NHS number")));
        }
        outcome(&app.health().get(&format!("/FHIR/R4/{kind}")), 400, "INVALID_SEARCH_DATA");
        let other = app.health().get(&format!("/FHIR/R4/{kind}?patient:identifier=https://ward.example|{NUMBER}"));
        outcome(&other, 400, "INVALID_SEARCH_DATA");
        for (name, value) in [("IsUnscheduledAccessEvent", "yes"), ("TraceID", "")] {
            let said = outcome(&cp_is(&app.health(), kind, NUMBER, &[(name, value)]), 400, "PRECONDITION_FAILED");
            assert_eq!(said["issue"][0]["diagnostics"], "Missing or invalid head parameter");
        }
        let said = outcome(&cp_is(&app.as_caller(&Caller::of_region("statistics")), kind, NUMBER, &[]), 403, "ACCESS_DENIED");
        assert_eq!(said["issue"][0]["code"], "forbidden");
    }
    assert_eq!(app.count("enquiry"), 0);
}

#[test]
fn a_number_in_the_query_stands_in_no_log_and_no_metric() {
    let program = Program::start(Arc::new(TestDatabase::migrated(Backend::Sqlite)), "[log]\nlevel = \"trace\"");
    let custodian = Caller::custodian();
    let child = program.post("/v1/children", Some(&custodian), &Child::usual().0).expect(201).text("/id");
    program.post("/v1/registrations", Some(&custodian), &Entry::of(NEWPORT).child(&child).0).expect(201);
    for kind in ["CareTeam", "AuditEvent", "Flag"] {
        for token in [Some(&Caller::health()), None] {
            let path = format!("/FHIR/R4/{kind}?patient:identifier={NHS}|{NUMBER}");
            program.send(&Method::GET, &path, &headers(token, &[("TraceID", NUMBER)]), None);
        }
    }
    let metrics = program.send(&Method::GET, "/metrics", &headers(None, &[]), None).body;
    let records = program.database().texts("SELECT record AS value FROM audit_entry").join("\n");
    for (what, text) in [("the log", program.printed()), ("the metrics", metrics), ("the audit log", records)] {
        assert!(!text.contains(NUMBER) && !text.contains("fhir.nhs.uk"), "{what}");
        assert!(!text.is_empty(), "{what}");
    }
}

on_both!(an_alert_is_a_communication_to_the_regions_that_look_out_for_the_child);
fn an_alert_is_a_communication_to_the_regions_that_look_out_for_the_child(app: &TestApp) {
    let entry = app.register(&Child::usual());
    let raise = |exercise: bool| {
        let details = json!({"instructions": "Keep the child with you if you can do so safely."});
        let alert = json!({"registrationId": entry.registration, "path": "child-missing", "exercise": exercise, "details": details, "note": "Not at school"});
        app.custodian().post("/v1/alerts", &alert).expect(201).text("/id")
    };
    let (exercise, real) = (raise(true), raise(false));
    let native = app.custodian().get(&format!("/v1/alerts/{real}")).expect(200);
    let shown = app.custodian().get(&format!("/FHIR/R4/Communication/{real}")).expect(200);
    assert_eq!(shown.header("etag"), Some(format!("W/{}", native.header("etag").unwrap()).as_str()));
    assert_eq!((shown.text("/status"), shown.text("/priority")), ("preparation".into(), "stat".into()));
    assert_eq!((shown.text("/sender/identifier/value"), shown.text("/subject/identifier/value")), (NEWPORT.into(), entry.child.clone()));
    assert_eq!(shown.text("/payload/0/contentString"), "Keep the child with you if you can do so safely.");
    let drill = app.custodian().get(&format!("/FHIR/R4/Communication/{exercise}")).expect(200);
    assert_eq!((drill.text("/priority"), drill.text("/meta/tag/0/code")), ("routine".into(), "HTEST".into()));

    let all = |query: &str| app.custodian().get(&format!("/FHIR/R4/Communication{query}")).expect(200).json();
    assert_eq!(resources(&all(""), "Communication").len(), 2);
    assert_eq!(resources(&all("?status=preparation"), "Communication").len(), 2);
    assert!(all("?status=completed").get("entry").is_none(), "an absent value is absent");
    let first = all("?status=preparation&_count=1");
    let next = first["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").expect("a next page");
    let next = next["url"].as_str().unwrap().split_once("/FHIR/R4/Communication").unwrap().1.to_owned();
    let second = all(&next);
    let (one, other) = (resources(&first, "Communication"), resources(&second, "Communication"));
    assert_eq!((one.len(), other.len()), (1, 1));
    assert_ne!(one[0]["id"], other[0]["id"]);
    outcome(&app.custodian().get("/FHIR/R4/Communication?status=stopped"), 400, "malformed-query");
    outcome(
        &app.as_caller(&Caller::of_authority("custodian", "W06000019")).get(&format!("/FHIR/R4/Communication/{real}")),
        404,
        "not-found",
    );
    outcome(&app.health().get("/FHIR/R4/Communication"), 403, "operation-not-allowed");
}

on_both!(a_subscription_in_fhir_is_the_subscription_of_the_native_face);
fn a_subscription_in_fhir_is_the_subscription_of_the_native_face(app: &TestApp) {
    let wanted = |criteria: &str| {
        json!({"resourceType": "Subscription", "status": "requested", "reason": "Our children", "criteria": criteria,
            "channel": {"type": "rest-hook", "endpoint": "https://events.hospital.example/cofrestr", "payload": "application/cloudevents+json"}})
    };
    let send = |method: reqwest::Method, path: &str, body: &Value| {
        app.custodian().request(method, path).header("content-type", "application/fhir+json").body(body.to_string())
    };
    let create = |key: &str, body: &Value| send(reqwest::Method::POST, "/FHIR/R4/Subscription", body).key(key).send();
    let made = create("one", &wanted("Communication")).expect(201);
    let id = made.text("/id");
    assert_eq!(
        (made.text("/status"), made.text("/criteria"), made.header("etag")),
        ("active".into(), "Communication".into(), Some("W/\"1\""))
    );
    assert!(made.header("location").is_some_and(|at| at.ends_with(&format!("/FHIR/R4/Subscription/{id}"))));
    assert_eq!(create("one", &wanted("Communication")).expect(201).text("/id"), id, "the same request is the same subscription");
    outcome(&create("one", &wanted("Task")), 422, "idempotency-key-reused");
    let native = app.custodian().get(&format!("/v1/webhooks/{id}")).expect(200);
    assert_eq!(native.at("/eventTypes"), json!(["cofrestr.alert.*", "cofrestr.notice.alert-*"]));
    assert_eq!((native.text("/url"), native.text("/signing")), ("https://events.hospital.example/cofrestr".into(), "hmac-sha256".into()));

    let path = format!("/FHIR/R4/Subscription/{id}");
    let mut off = wanted("Task?");
    off["status"] = json!("off");
    outcome(&send(reqwest::Method::PUT, &path, &off).send(), 428, "precondition-required");
    outcome(&send(reqwest::Method::PUT, &path, &off).header("if-match", "W/\"7\"").send(), 412, "precondition-failed");
    let changed = send(reqwest::Method::PUT, &path, &off).header("if-match", "W/\"1\"").send().expect(200);
    assert_eq!(
        (changed.text("/status"), changed.text("/criteria"), changed.header("etag")),
        ("off".into(), "Task".into(), Some("W/\"2\""))
    );
    assert_eq!(app.custodian().get(&format!("/v1/webhooks/{id}")).expect(200).text("/status"), "paused");
    assert_eq!(app.custodian().get(&path).expect(200).body, changed.body);
    assert_eq!(resources(&app.custodian().get("/FHIR/R4/Subscription").expect(200).json(), "Subscription").len(), 1);

    // What cannot be done is refused, not dropped.
    for (pointer, value) in [
        ("/channel/type", json!("email")),
        ("/channel/payload", json!("application/fhir+json")),
        ("/channel/header", json!(["Authorization: Bearer secret"])),
        ("/channel/endpoint", json!("http://events.hospital.example/")),
        ("/end", json!("2027-01-01T00:00:00Z")),
        ("/criteria", json!("Observation?code=1")),
    ] {
        let mut body = wanted("Task");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        assert_eq!(create("two", &body).status, 422, "{pointer}");
    }
    outcome(&send(reqwest::Method::POST, "/FHIR/R4/Subscription", &wanted("Task")).send(), 400, "idempotency-key-missing");
    outcome(
        &app.custodian()
            .request(reqwest::Method::POST, "/FHIR/R4/Subscription")
            .key("t")
            .body("<x/>")
            .header("content-type", "application/xml")
            .send(),
        415,
        "unsupported-media-type",
    );
    let stranger = app.as_caller(&Caller::of_authority("custodian", "W06000019"));
    outcome(&stranger.get(&path), 404, "not-found");
    assert_eq!(app.count("webhook"), 1);

    // The end, for good: not by anybody else, not of another version, and as often as somebody says so.
    let end = |client: &Client<'_>, version: Option<&str>| {
        let request = client.request(reqwest::Method::DELETE, &path);
        version.into_iter().fold(request, |request, version| request.header("if-match", version)).send()
    };
    outcome(&end(&stranger, None), 404, "not-found");
    outcome(&end(&app.custodian(), Some("W/\"1\"")), 412, "precondition-failed");
    for version in [Some("W/\"2\""), None] {
        let ended = end(&app.custodian(), version).expect(204);
        assert_eq!((ended.body.as_str(), ended.header("cache-control")), ("", Some("no-store")));
    }
    outcome(&app.custodian().get(&path), 404, "not-found");
    assert!(app.custodian().get("/FHIR/R4/Subscription").expect(200).json().get("entry").is_none());
    let native = app.custodian().get(&format!("/v1/webhooks/{id}")).expect(200);
    assert_eq!((native.text("/status"), native.header("etag")), ("ended".into(), Some("\"3\"")));
    outcome(&send(reqwest::Method::PUT, &path, &wanted("Task")).header("if-match", "*").send(), 409, "conflict");
    let metadata = app.anonymous().get("/FHIR/R4/metadata").expect(200).json();
    let resources = metadata["rest"][0]["resource"].as_array().unwrap();
    let can = resources.iter().find(|resource| resource["type"] == "Subscription").unwrap();
    assert!(can["interaction"].as_array().unwrap().contains(&json!({"code": "delete"})), "{can}");
}

on_both!(a_move_is_a_task_for_the_authority_to_which_the_child_moves);
fn a_move_is_a_task_for_the_authority_to_which_the_child_moves(app: &TestApp) {
    let entry = app.register(&Child::usual()).registration;
    let moves = json!({"registrationId": entry, "to": "W06000018", "nature": "permanent", "note": "A tenancy"});
    let made = app.custodian().post("/v1/transfers", &moves).expect(201).text("/id");
    // The notification is on its way meanwhile: both are read until nothing came between.
    let read = || app.custodian().get(&format!("/v1/transfers/{made}")).expect(200);
    let (native, task) = loop {
        let native = read();
        let task = app.custodian().get(&format!("/FHIR/R4/Task/{made}")).expect(200);
        if read().header("etag") == native.header("etag") {
            break (native, task);
        }
    };
    assert_eq!(task.header("etag"), Some(format!("W/{}", native.header("etag").unwrap()).as_str()));
    assert_eq!(
        (task.text("/resourceType"), task.text("/intent"), task.text("/status")),
        ("Task".into(), "order".into(), "requested".into())
    );
    assert_eq!((task.text("/requester/identifier/value"), task.text("/owner/identifier/value")), (NEWPORT.into(), "W06000018".into()));
    assert_eq!(task.text("/businessStatus/coding/0/code"), native.text("/status"));

    let all = |query: &str| app.custodian().get(&format!("/FHIR/R4/Task{query}")).expect(200).json();
    assert_eq!(resources(&all(""), "Task").len(), 1);
    assert_eq!(resources(&all("?status=requested,on-hold"), "Task").len(), 1);
    assert!(all("?status=completed").get("entry").is_none(), "an absent value is absent");
    outcome(&app.custodian().get("/FHIR/R4/Task?status=draft"), 400, "malformed-query");
    outcome(&app.as_caller(&Caller::of_authority("custodian", "W06000019")).get(&format!("/FHIR/R4/Task/{made}")), 404, "not-found");
    outcome(&app.health().get("/FHIR/R4/Task"), 403, "operation-not-allowed");
}
