//! `/v1/children`: the people on the register.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, SWANSEA, TORFAEN};

#[track_caller]
fn etag(answer: &Answer) -> String {
    answer.header("etag").expect("a tag").to_owned()
}

on_both!(what_is_entered_is_read_again);
fn what_is_entered_is_read_again(app: &TestApp) {
    let child = Child::usual()
        .also("alias", "Gwenno", "Prydderch")
        .with("preferredLanguage", json!("cy"))
        .with("communicationNeeds", json!("Signs"));
    let made = app.custodian().post("/v1/children", &child.0).expect(201);
    let path = format!("/v1/children/{}", made.text("/id"));
    assert_eq!(made.header("location"), Some(path.as_str()));
    assert_eq!(etag(&made), "\"1\"");
    let read = app.custodian().get(&path).expect(200);
    assert_eq!(read.json(), made.json());
    assert_eq!(etag(&read), "\"1\"");
    for (pointer, value) in [
        ("/authority", json!(NEWPORT)),
        ("/standing", json!("current")),
        ("/shielded", json!(false)),
        ("/names/0/given", json!("Gwenllian")),
        ("/names/0/use", json!("official")),
        ("/names/1/use", json!("alias")),
        ("/dateOfBirth", json!("2017-05-09")),
        ("/sex", json!("female")),
        ("/preferredLanguage", json!("cy")),
        ("/communicationNeeds", json!("Signs")),
        ("/identifiers/0/value", json!("9990001006")),
        ("/addresses/0/postcode", json!("NP20 4QR")),
        ("/addresses/0/lines", json!(["14 Stryd y Felin", "Casnewydd"])),
        ("/household/0/relationship", json!("mother")),
        ("/household/0/name", json!({"given": "Angharad", "family": "Trahaearn"})),
    ] {
        assert_eq!(read.at(pointer), value, "{pointer}");
    }
}

on_both!(a_birth_is_a_day_a_range_or_expected);
fn a_birth_is_a_day_a_range_or_expected(app: &TestApp) {
    let entered = |child: Child| {
        let mut read = app.custodian().post("/v1/children", &child.0).expect(201).json();
        let items = ["dateOfBirth", "dateOfBirthFrom", "dateOfBirthTo", "expectedDeliveryDate"];
        items.map(|item| {
            read.as_object_mut().expect("an object").remove(item).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        })
    };
    let named = || Child::named("Eluned", "Hopcyn");
    assert_eq!(entered(named().born("2015-03-04")), ["2015-03-04", "", "", ""]);
    assert_eq!(entered(named().born("2015-02")), ["", "2015-02-01", "2015-02-28", ""]);
    assert_eq!(entered(named().born("2015")), ["", "2015-01-01", "2015-12-31", ""]);
    let range = named().with("dateOfBirthFrom", json!("2015-06-01")).with("dateOfBirthTo", json!("2016-05-31"));
    assert_eq!(entered(range), ["", "2015-06-01", "2016-05-31", ""]);
    assert_eq!(entered(Child::unborn("2027-01-20").mother("Meinir", "Vaughan")), ["", "", "", "2027-01-20"]);
    assert_eq!(entered(named()), ["", "", "", ""]);
}

on_both!(each_mistake_in_a_child_is_named);
fn each_mistake_in_a_child_is_named(app: &TestApp) {
    let usual = Child::usual;
    for (child, expected) in [
        (usual().with("authority", json!("Newport")), "/authority not-a-gss-code"),
        (usual().with("names", json!([])), "/names missing"),
        (usual().with("names", json!([{"use": "official"}])), "/names/0 empty"),
        (usual().with("names", json!([{"use": "pet", "given": "Gwenno"}])), "/names/0/use unknown-code"),
        (usual().with("names", json!([{"given": "12345", "family": "Trahaearn"}])), "/names/0/given no-letter"),
        (usual().born("2017-02-29"), "/dateOfBirth impossible-date"),
        (usual().born("2026-11-18"), "/dateOfBirth in-the-future"),
        (usual().with("expectedDeliveryDate", json!("2027-01-20")), "/dateOfBirth too-many-dates"),
        (usual().sex("girl"), "/sex unknown-code"),
        (usual().with("identifiers", json!([{"kind": "nhs-number", "value": "9990001007"}])), "/identifiers/0/value wrong-check-digit"),
        (usual().with("identifiers", json!([{"kind": "passport", "value": "1"}])), "/identifiers/0/kind unknown-code"),
        (usual().with("identifiers", json!([{"kind": "nhs-number"}])), "/identifiers/0/value missing"),
        (
            usual().with("addresses", json!([{"lines": ["14 Stryd y Felin"], "postcode": "NP20 4QR or NP20 4QS"}])),
            "/addresses/0/postcode too-long",
        ),
        (usual().with("addresses", json!([{"kind": "home"}])), "/addresses/0 empty"),
        (usual().with("addresses", json!([{"kind": "castle", "postcode": "NP20 4QR"}])), "/addresses/0/kind unknown-code"),
        (
            usual().with("addresses", json!([{"postcode": "NP20 4QR", "from": "2020-01-02", "to": "2020-01-01"}])),
            "/addresses/0/to ends-before-start",
        ),
        (usual().with("household", json!([{"relationship": "mother"}])), "/household/0/name missing"),
        (
            usual().with("household", json!([{"relationship": "cousin", "name": {"given": "Angharad"}}])),
            "/household/0/relationship unknown-code",
        ),
        (usual().with("nickname", json!("Gwenno")), "/nickname unknown-field"),
    ] {
        let refused = app.custodian().post("/v1/children", &child.0).problem(422, "invalid");
        assert_eq!(refused.mistakes(), [expected], "{}", refused.body);
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM child"), 0);
}

on_both!(a_child_is_entered_only_for_an_authority_that_the_token_reaches);
fn a_child_is_entered_only_for_an_authority_that_the_token_reaches(app: &TestApp) {
    let newport = app.as_caller(&Caller::of_authority("custodian", NEWPORT));
    newport.post("/v1/children", &Child::usual().0).expect(201);
    newport.post("/v1/children", &Child::usual().of(TORFAEN).0).problem(403, "authority-outside-scope");
    app.custodian().post("/v1/children", &Child::usual().of(SWANSEA).0).problem(403, "authority-outside-scope");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM child"), 1);
}

on_both!(a_child_of_another_authority_looks_like_none);
fn a_child_of_another_authority_looks_like_none(app: &TestApp) {
    let path = format!("/v1/children/{}", app.register(&Child::usual()).child);
    app.as_caller(&Caller::of_authority("custodian", NEWPORT)).get(&path).expect(200);
    let body = |path: &str| {
        let mut body = app.as_caller(&Caller::of_authority("custodian", TORFAEN)).get(path).problem(404, "not-found").json();
        body["instance"] = json!("");
        body
    };
    let hidden = body(&path);
    assert_eq!(hidden, body("/v1/children/01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"));
    assert_eq!(hidden, body("/v1/children/not-an-id"));
}

on_both!(a_coordinator_reads_their_own_cases_and_no_others);
fn a_coordinator_reads_their_own_cases_and_no_others(app: &TestApp) {
    let coordinator = Caller::coordinator();
    let own = app
        .register_with(&Child::usual(), Entry::usual().with("coordinator", json!({"name": "Carys Mathias", "person": coordinator.key()})));
    let other = app.register(&Child::named("Ffion", "Maddocks").born("2013-10-11"));
    let client = app.as_caller(&coordinator);
    client.get(&format!("/v1/children/{}", own.child)).expect(200);
    client.get(&format!("/v1/registrations/{}", own.registration)).expect(200);
    client.get(&format!("/v1/children/{}", other.child)).problem(404, "not-found");
    client.get(&format!("/v1/registrations/{}", other.registration)).problem(404, "not-found");
    let listed = client.get("/v1/registrations").expect(200).list("/items");
    assert_eq!(listed.iter().map(|item| item["id"].clone()).collect::<Vec<_>>(), [json!(own.registration)]);
}

on_both!(a_fact_that_is_added_is_found_at_once_and_moves_the_version);
fn a_fact_that_is_added_is_found_at_once_and_moves_the_version(app: &TestApp) {
    let entered = app.register(&Child::named("Gwenllian", "Trahaearn").born("2017-05-09"));
    let path = format!("/v1/children/{}", entered.child);
    let outcome = |question: Question| app.ask(&Caller::health(), &question).text("/outcome");
    let alias = || Question::about("Nest", "Cadwaladr").born("2017-05-09");
    assert_ne!(outcome(alias()), "on-register");
    assert_eq!(outcome(Question::nobody().nhs("9990001006")), "not-on-register");
    let mut tag = etag(&app.custodian().get(&path).expect(200));
    for (list, body, item) in [
        ("names", json!({"use": "alias", "given": "Nest", "family": "Cadwaladr"}), "/names/1/given"),
        ("identifiers", json!({"kind": "nhs-number", "value": "9990001006"}), "/identifiers/0/value"),
        ("addresses", json!({"lines": ["5 Rhodfa'r Coed"], "postcode": "NP10 8QQ"}), "/addresses/0/postcode"),
        ("household", json!({"relationship": "father", "name": {"given": "Gruffydd", "family": "Cadwaladr"}}), "/household/0/relationship"),
    ] {
        let added = app.custodian().change(&format!("{path}/{list}"), &tag, &body).expect(201);
        assert_eq!(added.header("location"), Some(path.as_str()));
        assert_ne!(etag(&added), tag, "the person is at a new version");
        app.custodian().change(&format!("{path}/{list}"), &tag, &body).problem(412, "precondition-failed");
        tag = etag(&added);
        let read = app.custodian().get(&path).expect(200);
        assert_eq!(etag(&read), tag);
        assert!(read.at(item).is_string(), "{list}: {}", read.body);
    }
    assert_eq!(outcome(alias()), "on-register");
    assert_eq!(outcome(Question::nobody().nhs("9990001006")), "on-register");
}

on_both!(an_identifier_is_read_under_the_kind_under_which_it_was_entered);
fn an_identifier_is_read_under_the_kind_under_which_it_was_entered(app: &TestApp) {
    for (kind, value) in [("nhs-number", "9990001006"), ("local-authority-child-id", "NPT0012345")] {
        let entered = app.enter(&Child::usual().with("identifiers", json!([{"kind": kind, "value": value}])));
        let read = app.custodian().get(&format!("/v1/children/{}", entered.child)).expect(200);
        assert_eq!((read.text("/identifiers/0/kind"), read.text("/identifiers/0/value")), (kind.to_owned(), value.to_owned()));
    }
}

on_both!(a_fact_needs_a_tag_and_a_key_and_is_added_once);
fn a_fact_needs_a_tag_and_a_key_and_is_added_once(app: &TestApp) {
    let path = format!("/v1/children/{}/names", app.enter(&Child::usual()).child);
    let body = json!({"use": "alias", "given": "Nest", "family": "Cadwaladr"});
    let post = || app.custodian().request(reqwest::Method::POST, &path);
    post().header("if-match", "\"1\"").json(&body).send().problem(400, "idempotency-key-missing");
    post().key("one").json(&body).send().problem(428, "precondition-required");
    let first = post().key("one").header("if-match", "\"1\"").json(&body).send().expect(201);
    let again = post().key("one").header("if-match", "\"1\"").json(&body).send().expect(201);
    assert_eq!((first.body.as_str(), first.header("etag")), (again.body.as_str(), again.header("etag")));
    assert_eq!(app.database().number("SELECT count(*) AS n FROM child_name WHERE name_use = 'alias'"), 1);
    assert_eq!(app.audit_of(&again)[0].outcome, "replayed");
}

on_both!(a_person_with_a_live_entry_is_neither_in_error_nor_adopted_away);
fn a_person_with_a_live_entry_is_neither_in_error_nor_adopted_away(app: &TestApp) {
    let registered = app.register(&Child::usual());
    let entered = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11"));
    for (way, standing) in [("entered-in-error", "entered-in-error"), ("adoption", "closed-by-adoption")] {
        let path = format!("/v1/children/{}/{way}", registered.child);
        app.custodian().change(&path, "\"1\"", &json!({"reason": "A reason"})).problem(409, "still-registered");
        app.custodian().change(&path, "\"1\"", &json!({})).problem(422, "invalid");
        let other = app.enter(&Child::named("Ffion", "Maddocks").born("2013-10-11"));
        let done =
            app.custodian().change(&format!("/v1/children/{}/{way}", other.child), "\"1\"", &json!({"reason": "A reason"})).expect(200);
        assert_eq!((done.at("/standing"), done.header("etag")), (json!(standing), Some("\"2\"")));
    }
    assert_eq!(app.custodian().get(&format!("/v1/children/{}", entered.child)).expect(200).at("/standing"), "current");
}

on_both!(a_relative_on_the_register_must_exist);
fn a_relative_on_the_register_must_exist(app: &TestApp) {
    let sister = app.enter(&Child::named("Heledd", "Trahaearn").born("2019-01-02"));
    let with = |id: &str| Child::usual().with("household", json!([{"relationship": "sibling", "relatedChildId": id}]));
    let made = app.custodian().post("/v1/children", &with(&sister.child).0).expect(201);
    assert_eq!(made.at("/household/0/relatedChildId"), sister.child.as_str());
    let refused = app.custodian().post("/v1/children", &with("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35").0).problem(422, "invalid");
    assert_eq!(refused.list("/errors")[0]["code"], "unknown-child");
    // A child whom the caller may not know of is nobody.
    let elsewhere = app.enter(&Child::named("Mabli", "Trahaearn").of(TORFAEN));
    let newport = app.as_caller(&Caller::of_authority("custodian", NEWPORT));
    let member = |id: &str| json!({"relationship": "sibling", "relatedChildId": id});
    let household = format!("/v1/children/{}/household", sister.child);
    let told = |id: &str| {
        let added = newport.change(&household, "*", &member(id)).problem(422, "invalid");
        let entered = newport.post("/v1/children", &with(id).0).problem(422, "invalid");
        (added.at("/errors"), entered.at("/errors"))
    };
    assert_eq!(told(&elsewhere.child), told("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35"));
    // Whom the record names already may be named again, when what is said of them is corrected.
    let added = app.custodian().change(&household, "*", &member(&elsewhere.child)).expect(201);
    let corrected = json!({"reason": "A half-sister", "member": {"relationship": "half-sibling", "relatedChildId": elsewhere.child}});
    newport.put(&format!("{household}/{}", added.text("/id")), "*", &corrected).expect(200);
    let wrong = json!({"reason": "Somebody else", "member": member("01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35")});
    let current = app.custodian().get(&format!("/v1/children/{}", sister.child)).expect(200).text("/household/0/id");
    let refused = newport.put(&format!("{household}/{current}"), "*", &wrong).problem(422, "invalid");
    assert_eq!(refused.mistakes(), ["/member/relatedChildId unknown-child"]);
}
