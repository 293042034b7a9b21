//! Outside `/v1`: health, metrics, keys, pages, the sandbox; and what happens when the database is away.

use std::sync::Arc;

use cofrestr::store::connection::DatabaseUrl;
use cofrestr::store::migrations;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::database::{Backend, TestDatabase};
use crate::support::people::{Child, Question};
use crate::support::postgres::PostgresServer;
use crate::support::tokens::Caller;
use crate::support::{on_both, on_both_databases};

on_both!(a_server_says_that_it_lives_and_is_ready);
fn a_server_says_that_it_lives_and_is_ready(app: &TestApp) {
    let before = app.audit().len();
    assert_eq!(app.anonymous().get("/health/live").expect(200).json(), json!({"status": "live"}));
    let ready = app.anonymous().get("/health/ready").expect(200);
    assert_eq!((ready.at("/status"), ready.at("/region")), (json!("ready"), json!("gwent")));
    let kind = if app.database().url().starts_with("sqlite:") { "sqlite" } else { "postgres" };
    assert_eq!(ready.at("/database"), kind);
    assert_eq!(app.audit().len(), before, "a probe reads nothing of anybody");
}

on_both!(metrics_name_routes_and_nobody);
fn metrics_name_routes_and_nobody(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let asked = app.ask(&Caller::health(), &Question::usual());
    app.custodian().get(&format!("/v1/children/{}", entered.child)).expect(200);
    app.custodian().get("/v1/children/Trahaearn").problem(404, "not-found");
    app.custodian().get("/v1/Trahaearn?name=Trahaearn").problem(404, "not-found");
    let metrics = app.anonymous().get("/metrics").expect(200);
    assert!(metrics.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    assert!(metrics.body.contains("cofrestr_http_request_seconds"), "{}", metrics.body);
    assert!(metrics.body.contains("route=\"/v1/children/{id}\""), "{}", metrics.body);
    for never in [entered.child.as_str(), &asked.text("/id"), "Trahaearn", "partner-health", "9990001006"] {
        assert!(!metrics.body.contains(never), "{never} stands in a label");
    }
}

on_both!(the_public_keys_are_public_and_only_they);
fn the_public_keys_are_public_and_only_they(app: &TestApp) {
    let keys = app.anonymous().get("/.well-known/jwks.json").expect(200);
    let listed = keys.list("/keys");
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["kty"], &listed[0]["crv"]), (&json!("OKP"), &json!("Ed25519")));
    for secret in ["d", "k", "p", "q"] {
        assert!(listed[0].get(secret).is_none(), "a private part is published");
    }
}

on_both!(the_pages_of_the_document_need_no_network);
fn the_pages_of_the_document_need_no_network(app: &TestApp) {
    assert_eq!(app.anonymous().get("/docs").expect(308).header("location"), Some("/docs/"));
    let page = app.anonymous().get("/docs/").expect(200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    let mut loaded = 0;
    for part in page.body.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
        assert!(!part.contains("//"), "{part} comes from somewhere else");
        app.anonymous().get(&format!("/docs/{}", part.trim_start_matches("./"))).expect(200);
        loaded += 1;
    }
    assert!(loaded >= 3, "{}", page.body);
    app.anonymous().get("/docs/nothing.js").expect(404);
}

on_both!(what_is_nowhere_is_a_problem_document);
fn what_is_nowhere_is_a_problem_document(app: &TestApp) {
    for path in ["/", "/nothing", "/.env", "/v2/checks", "/docs/../etc/passwd", "/health"] {
        app.anonymous().get(path).problem(404, "not-found");
    }
}

on_both!(a_real_register_has_no_sandbox, "[sandbox]\nenabled = false");
fn a_real_register_has_no_sandbox(app: &TestApp) {
    for path in ["/sandbox/clock", "/sandbox/reset", "/sandbox/faults"] {
        app.anonymous().post(path, &json!({"now": "2030-01-01T00:00:00Z"})).problem(404, "not-found");
    }
}

on_both!(the_sandbox_clock_moves_to_an_instant_and_nowhere_else);
fn the_sandbox_clock_moves_to_an_instant_and_nowhere_else(app: &TestApp) {
    app.set_clock("2027-06-01T09:00:00+01:00");
    assert!(app.ask(&Caller::health(), &Question::usual()).text("/askedAt").starts_with("2027-06-01T08:00:0"));
    for body in [json!({"now": "tomorrow"}), json!({}), json!({"now": "2027-06-01"}), json!({"now": "2027-06-01T09:00:00Z", "zone": "x"})] {
        app.anonymous().post("/sandbox/clock", &body).expect(422);
    }
    app.anonymous().request(Method::POST, "/sandbox/clock").body("{").send().problem(400, "malformed-json");
    assert!(app.ask(&Caller::health(), &Question::usual()).text("/askedAt").starts_with("2027-06-01T08:0"));
}

on_both_databases!(what_was_kept_is_there_after_a_restart);
fn what_was_kept_is_there_after_a_restart(kind: Backend) {
    let mut app = TestApp::start(kind, "");
    app.register(&Child::usual());
    app.set_clock("2026-11-18T02:10:00Z");
    let asked =
        app.as_caller(&Caller::health()).request(Method::POST, "/v1/checks").key("one").json(&Question::usual().0).send().expect(201);
    app.restart();
    assert_eq!(app.health().get(&format!("/v1/checks/{}", asked.text("/id"))).expect(200).json(), asked.json());
    let replayed = app.health().request(Method::POST, "/v1/checks").key("one").json(&Question::usual().0).send().expect(201);
    assert_eq!(replayed.body, asked.body);
    let anew = app.ask(&Caller::health(), &Question::usual());
    assert_eq!(anew.at("/outcome"), "on-register", "the matcher's secret is the same");
    assert!(anew.text("/askedAt").starts_with("2026-11-18T02:1"), "the clock runs on where it was");
    assert_eq!(anew.at("/matches/0/contact/now/name"), "Newport emergency duty team");
}

/// A request waits for a connection no longer than this: these tests wait for it often.
const WAIT: &str = "[database]\nwait_ms = 500";

#[test]
fn a_database_that_is_away_is_503_and_never_an_answer() {
    let server = PostgresServer::private();
    let url = server.create_database();
    migrations::run(&DatabaseUrl::parse(&url).expect("a usable URL")).expect("a migrated database");
    let app = TestApp::on(Arc::new(TestDatabase::of(&url)), WAIT);
    app.register(&Child::usual());
    let stranger = Question::about("Peredur", "Tremain").born("2016-06-21");
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).at("/outcome"), "on-register");

    server.stop();
    let asked = |question: &Question| app.health().request(Method::POST, "/v1/checks").key("while-away").json(&question.0).send();
    for question in [&Question::usual(), &stranger] {
        let refused = asked(question).problem(503, "temporarily-unavailable");
        assert!(refused.header("retry-after").is_some());
        for word in ["on-register", "outcome", "127.0.0.1", "postgres", "SQL"] {
            assert!(!refused.body.contains(word), "{word}: {}", refused.body);
        }
    }
    app.health().get("/v1/checks").problem(503, "temporarily-unavailable");
    app.anonymous().get("/v1/checks").problem(503, "temporarily-unavailable");
    app.anonymous().get("/health/ready").problem(503, "temporarily-unavailable");
    app.anonymous().get("/health/live").expect(200);

    server.start();
    app.anonymous().get("/health/ready").expect(200);
    let after = asked(&stranger).expect(201);
    assert_eq!(after.at("/outcome"), "not-on-register", "nothing was kept under the key of a request that failed");
    assert_eq!(app.ask(&Caller::health(), &Question::usual()).at("/outcome"), "on-register");
    assert_eq!(app.health().get("/v1/checks").expect(200).at("/items/0/outcome"), Value::from("on-register"));
    drop(app);
}

#[test]
fn a_request_is_not_lost_in_the_crowd_when_the_database_restarts() {
    let server = PostgresServer::private();
    let url = server.create_database();
    migrations::run(&DatabaseUrl::parse(&url).expect("a usable URL")).expect("a migrated database");
    let app = TestApp::on(Arc::new(TestDatabase::of(&url)), WAIT);
    app.register(&Child::usual());
    // Every pooled connection is in use once, then all of them are cut.
    let crowd = |app: &TestApp| -> Vec<u16> {
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| app.health().get("/v1/checks").status)).collect();
            asking.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        })
    };
    assert_eq!(crowd(&app), [200; 8]);
    server.restart();
    assert_eq!(crowd(&app), [200; 8], "connections that died in the pool are replaced, not handed out");
    drop(app);
}
