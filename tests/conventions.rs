//! What holds for every operation: idempotency, entity tags, the order of refusal, identifiers, media, headers.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::{Request, TestApp};
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::operations::{Example, Ground, documented};
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, NEWPORT};

fn post<'a>(app: &'a TestApp, caller: &Caller) -> Request<'a> {
    app.as_caller(caller).request(Method::POST, "/v1/checks")
}

// -- Idempotency ------------------------------------------------------------------------------------------------------

on_both!(the_same_key_and_body_give_the_first_answer_and_do_the_work_once);
fn the_same_key_and_body_give_the_first_answer_and_do_the_work_once(app: &TestApp) {
    app.register(&Child::usual());
    let question = Question::usual().0;
    let first = post(app, &Caller::health()).key("one").json(&question).send().expect(201);
    app.set_clock("2026-11-18T02:10:00Z");
    for _ in 0..2 {
        let again = post(app, &Caller::health()).key("one").json(&question).send().expect(201);
        assert_eq!(again.body, first.body, "the stored answer, to the byte");
        for name in ["location", "etag", "content-type"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
        let audit = app.audit_of(&again);
        assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].outcome.as_str()), (1, "askCheck", "replayed"));
    }
    for table in ["enquiry", "notice"] {
        assert_eq!(app.database().number(&format!("SELECT count(*) AS n FROM {table}")), 1, "{table}");
    }
    let child = Child::named("Ffion", "Maddocks").0;
    // Also when it comes as soon as the first answer is there: nothing is under way any more.
    for key in 1..=20 {
        let enter = || app.custodian().request(Method::POST, "/v1/children").key(&key.to_string()).json(&child).send().expect(201);
        assert_eq!(enter().body, enter().body);
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM child"), 21);
}

on_both!(the_same_key_with_another_body_is_refused);
fn the_same_key_with_another_body_is_refused(app: &TestApp) {
    post(app, &Caller::health()).key("one").json(&Question::usual().0).send().expect(201);
    let other = Question::about("Peredur", "Tremain").born("2016-06-21").0;
    post(app, &Caller::health()).key("one").json(&other).send().problem(422, "idempotency-key-reused");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 1);
}

on_both!(a_key_belongs_to_one_person_and_one_operation);
fn a_key_belongs_to_one_person_and_one_operation(app: &TestApp) {
    let question = Question::usual().0;
    let mut ids = BTreeSet::new();
    for caller in [Caller::health(), Caller::police(), Caller::health().named("another-nurse")] {
        ids.insert(post(app, &caller).key("one").json(&question).send().expect(201).text("/id"));
    }
    let batch = json!({"checks": [question]});
    let several = app.health().request(Method::POST, "/v1/checks/batch").key("one").json(&batch).send().expect(201);
    ids.insert(several.text("/items/0/id"));
    assert_eq!(ids.len(), 4);
}

on_both!(the_same_key_and_body_to_another_resource_is_refused);
fn the_same_key_and_body_to_another_resource_is_refused(app: &TestApp) {
    let children = ["Ffion", "Mabli"].map(|given| app.register(&Child::named(given, "Maddocks")).child);
    let name = json!({"use": "alias", "given": "Gwen", "family": "Morys"});
    let add = |child: &str, key: &str| {
        let request = app.custodian().request(Method::POST, &format!("/v1/children/{child}/names"));
        request.key(key).header("if-match", "*").json(&name).send()
    };
    let first = add(&children[0], "one").expect(201);
    // What was done to one child is no answer to whoever wanted it done to another.
    add(&children[1], "one").problem(422, "idempotency-key-reused");
    add(&children[1], "two").expect(201);
    assert_eq!(add(&children[0], "one").expect(201).body, first.body);
    assert_eq!(app.database().number("SELECT count(*) AS n FROM child_name WHERE family = 'Morys'"), 2);
}

on_both!(a_creation_without_a_usable_key_is_refused);
fn a_creation_without_a_usable_key_is_refused(app: &TestApp) {
    let question = Question::usual().0;
    post(app, &Caller::health()).json(&question).send().problem(400, "idempotency-key-missing");
    for key in ["", "  ", "two words", &"k".repeat(129)] {
        post(app, &Caller::health()).key(key).json(&question).send().problem(400, "idempotency-key-missing");
    }
    for (path, body) in [("/v1/children", Child::usual().0), ("/v1/checks/batch", json!({"checks": []})), ("/v1/registrations", json!({}))]
    {
        app.custodian().request(Method::POST, path).json(&body).send().problem(400, "idempotency-key-missing");
    }
    post(app, &Caller::health()).key(&"k".repeat(128)).json(&question).send().expect(201);
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 1);
}

on_both!(of_many_requests_with_one_key_one_does_the_work);
fn of_many_requests_with_one_key_one_does_the_work(app: &TestApp) {
    let question = &Question::usual().0;
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..12).map(|_| scope.spawn(move || post(app, &Caller::health()).key("one").json(question).send())).collect();
        asking.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    let mut bodies = BTreeSet::new();
    for answer in answers {
        if answer.status == 201 {
            bodies.insert(answer.body);
        } else {
            let busy = answer.problem(409, "idempotency-in-progress");
            assert!(busy.header("retry-after").is_some());
        }
    }
    assert_eq!(bodies.len(), 1, "everybody who is answered gets the same answer");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 1);
}

on_both!(a_request_that_failed_may_be_corrected_under_its_key);
fn a_request_that_failed_may_be_corrected_under_its_key(app: &TestApp) {
    let wrong = Question::usual().because("curiosity").0;
    post(app, &Caller::health()).key("one").json(&wrong).send().problem(422, "invalid");
    post(app, &Caller::health()).key("one").json(&Question::usual().0).send().expect(201);
}

// -- Entity tags ------------------------------------------------------------------------------------------------------

on_both!(a_change_needs_the_tag_of_the_version_that_was_read);
fn a_change_needs_the_tag_of_the_version_that_was_read(app: &TestApp) {
    let path = format!("/v1/children/{}/entered-in-error", app.enter(&Child::usual()).child);
    let change = |tag: Option<&str>| {
        let request = app.custodian().request(Method::POST, &path).json(&json!({"reason": "A reason"}));
        match tag {
            Some(tag) => request.header("if-match", tag).send(),
            None => request.send(),
        }
    };
    change(None).problem(428, "precondition-required");
    for stale in ["\"2\"", "\"0\"", "1", "W/\"1\"", "\"\"", "\"01\"", "nonsense"] {
        change(Some(stale)).problem(412, "precondition-failed");
    }
    change(Some("\"9\", \"1\"")).expect(200);
    change(Some("\"1\"")).problem(412, "precondition-failed");
}

on_both!(any_version_will_do_for_a_star);
fn any_version_will_do_for_a_star(app: &TestApp) {
    let path = format!("/v1/children/{}/entered-in-error", app.enter(&Child::usual()).child);
    app.custodian().change(&path, "*", &json!({"reason": "A reason"})).expect(200);
}

/// Changes of one resource that are sent at once.
const AT_ONCE: usize = 50;

on_both!(of_fifty_changes_with_one_tag_one_wins);
fn of_fifty_changes_with_one_tag_one_wins(app: &TestApp) {
    let send = |caller: &Caller, path: &str, body: Option<&Value>| match body {
        Some(body) => app.as_caller(caller).change(path, "*", body),
        None => app.as_caller(caller).get(path),
    };
    let child = |_| Child::usual().0;
    let question = |_| Question::usual().0;
    let ground = Ground::new(&send, &child, &question);
    let document = app.anonymous().get("/openapi.json").expect(200).json();
    let mut tried = 0;
    for (operation, documented) in documented(&document).into_iter().filter(|(_, operation)| operation.changes) {
        let caller = if operation.contains("Client") { Caller::of_region("operator") } else { Caller::custodian() };
        let Example { method, path, body, etag } = ground.example(&operation, &caller);
        let caller = &caller;
        let (method, path, body) = (&method, &path, &body.expect("a body"));
        let start = &std::sync::Barrier::new(AT_ONCE);
        let mut answers: Vec<(u16, String)> = std::thread::scope(|scope| {
            let change = || {
                start.wait();
                let request = app.as_caller(caller).request(method.clone(), path).key(&Uuid::now_v7().to_string());
                let answer = request.header("if-match", etag).json(body).send();
                (answer.status, answer.at("/code").as_str().unwrap_or_default().to_owned())
            };
            let changing: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(change)).collect();
            changing.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        answers.sort();
        assert!(matches!(answers[0].0, 200 | 201), "{operation}: nobody won: {answers:?}");
        for (status, code) in &answers[1..] {
            // A fact that was corrected is gone, and that is said before its version is looked at.
            let is_gone = documented.path.contains("{fact}") && (*status, code.as_str()) == (404, "not-found");
            assert!(is_gone || (*status, code.as_str()) == (412, "precondition-failed"), "{operation}: {status} {code}");
        }
        tried += 1;
    }
    assert!(tried >= 9, "only {tried} operations change something");
}

// -- The order of refusal ---------------------------------------------------------------------------------------------

/// A request of which everything is wrong, and the steps that put it right one after the other.
struct Wrong<'a> {
    app: &'a TestApp,
    path: String,
    good_path: String,
    token: bool,
    role: Caller,
    accept: bool,
    length: bool,
    media: bool,
    json: bool,
    key: bool,
    tag: Option<&'static str>,
    body: Option<Value>,
}

impl Wrong<'_> {
    #[track_caller]
    fn is(&self, status: u16, code: &str) {
        let client = if self.token { self.app.as_caller(&self.role) } else { self.app.anonymous() };
        let mut request = client.request(Method::POST, &self.path);
        request = request.header("accept", if self.accept { "application/json" } else { "text/html" });
        request = request.header("content-type", if self.media { "application/json; charset=utf-8" } else { "text/plain" });
        if self.key {
            request = request.key(&Uuid::now_v7().to_string());
        }
        if let Some(tag) = self.tag {
            request = request.header("if-match", tag);
        }
        let body = match (&self.body, self.json, self.length) {
            (_, _, false) => vec![b'{'; 300_000],
            (_, false, true) => b"{\"reason\": ".to_vec(),
            (None, true, true) => b"{\"nonsense\": 1}".to_vec(),
            (Some(body), true, true) => body.to_string().into_bytes(),
        };
        request.body(body).send().problem(status, code);
    }
}

on_both!(a_creation_is_refused_for_the_first_thing_that_is_wrong);
fn a_creation_is_refused_for_the_first_thing_that_is_wrong(app: &TestApp) {
    let path = "/v1/checks".to_owned();
    let mut wrong = Wrong {
        app,
        good_path: path.clone(),
        path,
        token: false,
        role: Caller::of_region("auditor"),
        accept: false,
        length: false,
        media: false,
        json: false,
        key: false,
        tag: None,
        body: None,
    };
    wrong.is(401, "unauthenticated");
    wrong.token = true;
    wrong.is(403, "operation-not-allowed");
    wrong.role = Caller::health();
    wrong.is(406, "not-acceptable");
    wrong.accept = true;
    wrong.is(413, "body-too-large");
    wrong.length = true;
    wrong.is(415, "unsupported-media-type");
    wrong.media = true;
    wrong.is(400, "malformed-json");
    wrong.json = true;
    wrong.is(400, "idempotency-key-missing");
    wrong.key = true;
    wrong.is(422, "invalid");
    assert_eq!(wrong.path, wrong.good_path);
}

on_both!(a_change_is_refused_for_the_first_thing_that_is_wrong);
fn a_change_is_refused_for_the_first_thing_that_is_wrong(app: &TestApp) {
    let child = app.enter(&Child::usual()).child;
    let mut wrong = Wrong {
        app,
        path: format!("/v1/children/{}/names", Uuid::now_v7()),
        good_path: format!("/v1/children/{child}/names"),
        token: false,
        role: Caller::health(),
        accept: false,
        length: false,
        media: false,
        json: false,
        key: false,
        tag: None,
        body: None,
    };
    wrong.is(401, "unauthenticated");
    wrong.token = true;
    wrong.is(403, "operation-not-allowed");
    wrong.role = Caller::of_authority("custodian", NEWPORT);
    wrong.is(404, "not-found");
    wrong.path.clone_from(&wrong.good_path);
    wrong.is(406, "not-acceptable");
    wrong.accept = true;
    wrong.is(413, "body-too-large");
    wrong.length = true;
    wrong.is(415, "unsupported-media-type");
    wrong.media = true;
    wrong.is(400, "malformed-json");
    wrong.json = true;
    wrong.is(400, "idempotency-key-missing");
    wrong.key = true;
    wrong.is(428, "precondition-required");
    wrong.tag = Some("\"7\"");
    wrong.is(412, "precondition-failed");
    wrong.tag = Some("\"1\"");
    wrong.is(422, "invalid");
}

// -- Media ------------------------------------------------------------------------------------------------------------

on_both!(a_body_is_plain_json_in_utf_8);
fn a_body_is_plain_json_in_utf_8(app: &TestApp) {
    let body = || Question::usual().0.to_string();
    let sent = |kind: &str| post(app, &Caller::health()).key(&Uuid::now_v7().to_string()).header("content-type", kind).body(body()).send();
    for kind in ["application/json", "application/json;charset=UTF-8", "APPLICATION/JSON; charset=\"utf-8\""] {
        sent(kind).expect(201);
    }
    for kind in ["text/json", "application/x-www-form-urlencoded", "application/json; charset=iso-8859-1", "application/fhir+json"] {
        sent(kind).problem(415, "unsupported-media-type");
    }
    post(app, &Caller::health()).key("a").body(body()).send().problem(415, "unsupported-media-type");
    let encoded = post(app, &Caller::health()).key("b").header("content-type", "application/json").header("content-encoding", "gzip");
    encoded.body(body()).send().problem(415, "unsupported-media-type");
    let depth = "[".repeat(100_000);
    for broken in ["", "{", "nonsense", "{\"a\":1}{\"b\":2}", "{\"reason\":\"\u{fffd}", depth.as_str()] {
        let request = post(app, &Caller::health()).key("c").header("content-type", "application/json");
        request.body(broken).send().problem(400, "malformed-json");
    }
    let invalid_text = post(app, &Caller::health()).key("d").header("content-type", "application/json");
    invalid_text.body(b"{\"reason\":\"\xff\"}".to_vec()).send().problem(400, "malformed-json");
}

on_both!(an_answer_is_json_or_there_is_none);
fn an_answer_is_json_or_there_is_none(app: &TestApp) {
    let read = |accept: &str| app.health().request(Method::GET, "/v1/checks").header("accept", accept).send();
    for accept in
        ["application/json", "*/*", "application/*", "text/html, application/json;q=0.1", "application/problem+json, application/json"]
    {
        read(accept).expect(200);
    }
    for accept in ["text/html", "application/xml", "application/json;q=0", "application/json;q=0, */*", "image/*"] {
        read(accept).problem(406, "not-acceptable");
    }
}

on_both!(a_method_that_a_path_does_not_have_names_those_it_has);
fn a_method_that_a_path_does_not_have_names_those_it_has(app: &TestApp) {
    let allowed = |method: Method, path: &str| {
        let refused = app.health().request(method, path).send().problem(405, "method-not-allowed");
        refused.header("allow").expect("what is allowed").to_owned()
    };
    assert_eq!(allowed(Method::DELETE, "/v1/checks"), "GET, POST");
    assert_eq!(allowed(Method::POST, "/v1/notices"), "GET");
    assert_eq!(allowed(Method::GET, "/v1/checks/batch"), "POST");
    assert_eq!(allowed(Method::PATCH, &format!("/v1/tasks/{}/closure", Uuid::now_v7())), "POST");
    assert_eq!(allowed(Method::POST, "/health/live"), "GET, HEAD");
    assert_eq!(allowed(Method::PUT, "/openapi.json"), "GET, HEAD");
    assert_eq!(allowed(Method::OPTIONS, "/metrics"), "GET, HEAD");
}

on_both!(what_is_public_answers_head_and_what_is_recorded_does_not);
fn what_is_public_answers_head_and_what_is_recorded_does_not(app: &TestApp) {
    for path in ["/health/live", "/health/ready", "/metrics", "/openapi.json", "/openapi.yaml", "/.well-known/jwks.json", "/docs/", "/docs"]
    {
        let (get, head) = (app.anonymous().get(path), app.anonymous().request(Method::HEAD, path).send());
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        for name in ["content-type", "cache-control", "location"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
        if path != "/metrics" {
            assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        }
    }
    assert_eq!(app.anonymous().request(Method::HEAD, "/docs/nothing.js").send().status, 404);
    // A look at what is kept about people is recorded, so there is none that shows nothing.
    let id = app.enter(&Child::usual()).child;
    for (path, allow) in [("/v1/checks".to_owned(), "GET, POST"), (format!("/v1/children/{id}"), "GET"), ("/v1/audit".to_owned(), "GET")] {
        let id = Uuid::now_v7().to_string();
        let headers = crate::support::program::headers(Some(&Caller::custodian()), &[("x-request-id", &id)]);
        let refused = crate::support::http::send(&Method::HEAD, &app.url(&path), &headers, None);
        assert_eq!((refused.status, refused.header("allow")), (405, Some(allow)), "{path}");
        let audit = app.database().audit_of_request(&id);
        assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].outcome.as_str()), (1, "unknown", "refused"), "{path}");
    }
}

on_both!(every_problem_is_said_in_the_language_of_the_caller);
fn every_problem_is_said_in_the_language_of_the_caller(app: &TestApp) {
    let said = |language: &str, path: &str| {
        let refused = app.health().request(Method::GET, path).header("accept-language", language).send();
        assert_eq!(refused.header("content-language"), Some(language));
        (refused.text("/title"), refused.text("/detail"), refused.text("/code"))
    };
    for path in ["/v1/nothing", "/v1/checks?limit=0", "/v1/tasks"] {
        let (english, welsh) = (said("en", path), said("cy", path));
        assert_ne!(english.0, welsh.0);
        assert_ne!(english.1, welsh.1);
        assert_eq!(english.2, welsh.2);
    }
}

// -- Identifiers of a request -----------------------------------------------------------------------------------------

on_both!(request_and_correlation_ids_are_echoed_also_on_errors);
fn request_and_correlation_ids_are_echoed_also_on_errors(app: &TestApp) {
    for (path, token, status) in [
        ("/v1/checks", true, 200),
        ("/v1/checks", false, 401),
        ("/v1/tasks", true, 403),
        ("/v1/nothing", true, 404),
        ("/v1/checks?limit=0", true, 400),
        ("/nothing", true, 404),
        ("/health/live", false, 200),
    ] {
        let client = if token { app.health() } else { app.anonymous() };
        let (request_id, correlation_id) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let answer = client
            .request(Method::GET, path)
            .header("x-request-id", &request_id)
            .header("x-correlation-id", &correlation_id)
            .header("traceparent", trace)
            .send()
            .expect(status);
        assert_eq!(answer.header("x-request-id"), Some(request_id.as_str()), "{path}");
        assert_eq!(answer.header("x-correlation-id"), Some(correlation_id.as_str()), "{path}");
        assert_eq!(answer.header("traceparent"), Some(trace), "{path}");
        if path.starts_with("/v1") {
            assert_eq!(app.audit_of(&answer)[0].correlation_id, correlation_id, "{path}");
            assert!(app.audit_of(&answer)[0].record.contains(&correlation_id));
        }
        if status >= 400 {
            assert_eq!(answer.text("/instance"), format!("urn:uuid:{request_id}"));
        }
    }
}

on_both!(ids_are_made_where_there_are_none_or_unusable_ones);
fn ids_are_made_where_there_are_none_or_unusable_ones(app: &TestApp) {
    let alone = app.health().request(Method::GET, "/v1/checks").header("x-correlation-id", "not a uuid").send().expect(200);
    assert_eq!(alone.header("x-correlation-id"), alone.header("x-request-id"));
    for unusable in ["", "not a uuid", "00000000-0000-0000-0000-000000000000", "Siân"] {
        let answer = app.health().request(Method::GET, "/v1/checks").header("x-request-id", unusable).send().expect(200);
        let made = Uuid::parse_str(answer.header("x-request-id").expect("an id")).expect("a UUID");
        assert_eq!(made.get_version_num(), 7);
    }
}
