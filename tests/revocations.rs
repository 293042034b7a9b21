//! Tokens that are believed no more: at once on the server that was told, within seconds on every other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::TestApp;
use crate::support::database::{Backend, TestDatabase};
use crate::support::people::Question;
use crate::support::program::Program;
use crate::support::tokens::{Caller, ISSUER};
use crate::support::{on_both, on_both_databases};

/// How long another server may take, with room for a machine that builds at the same time.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

fn operator() -> Caller {
    Caller::of_region("operator")
}

fn of_token(id: &str) -> Value {
    json!({"issuer": ISSUER, "tokenId": id, "reason": "The device was lost"})
}

fn of_subject(subject: &str) -> Value {
    json!({"issuer": ISSUER, "subject": subject, "reason": "Left the service"})
}

/// Somebody whose token has an identifier and was issued some seconds ago.
fn holder(token: &str, seconds_ago: i64) -> Caller {
    let issued = chrono::Utc::now().timestamp() - seconds_ago;
    Caller::health().named("nurse-17").with("jti", json!(token)).with("iat", json!(issued))
}

on_both!(a_revoked_token_is_refused_at_once_like_any_bad_one);
fn a_revoked_token_is_refused_at_once_like_any_bad_one(app: &TestApp) {
    let (revoked, other) = (app.as_caller(&holder("token-1", 30)), app.as_caller(&holder("token-2", 30)));
    // Both are remembered now.
    revoked.get("/v1/checks").expect(200);
    other.get("/v1/checks").expect(200);
    let answer = app.as_caller(&operator()).post("/v1/revocations", &of_token("token-1")).expect(201);
    assert_eq!((answer.text("/issuer"), answer.text("/tokenId")), (ISSUER.to_owned(), "token-1".to_owned()));
    assert_eq!(answer.text("/revokedBy"), operator().key());

    let refused = revoked.get("/v1/checks").problem(401, "unauthenticated");
    let missing = app.anonymous().get("/v1/checks").problem(401, "unauthenticated");
    let words = |answer: &crate::support::http::Answer| {
        let mut body = answer.json();
        body["instance"] = json!("");
        body
    };
    assert_eq!(words(&refused), words(&missing), "nobody is told that a token was revoked");
    assert_eq!(refused.header("www-authenticate"), missing.header("www-authenticate"));
    let audit = app.audit_of(&refused);
    assert_eq!((audit.len(), audit[0].outcome.as_str(), audit[0].code.as_deref()), (1, "refused", Some("token-revoked")));
    other.get("/v1/checks").expect(200);
    revoked.post("/v1/checks", &Question::usual().0).problem(401, "unauthenticated");
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 0);
}

on_both!(a_revoked_person_may_sign_in_again);
fn a_revoked_person_may_sign_in_again(app: &TestApp) {
    let before = app.as_caller(&holder("a", 30));
    let undated = app.as_caller(&holder("b", 30).with("iat", Value::Null));
    before.get("/v1/checks").expect(200);
    undated.get("/v1/checks").expect(200);
    // Wherever the sandbox's clock stands: tokens live by the clock on the wall.
    app.set_clock("2020-01-01T00:00:00Z");
    let answer = app.as_caller(&operator()).post("/v1/revocations", &of_subject("nurse-17")).expect(201);
    let at = chrono::DateTime::parse_from_rfc3339(&answer.text("/revokedAt")).expect("an instant");
    assert!((chrono::Utc::now() - at.to_utc()).num_seconds().abs() < 60, "{at}");
    before.get("/v1/checks").problem(401, "unauthenticated");
    undated.get("/v1/checks").problem(401, "unauthenticated");
    app.as_caller(&Caller::health().named("nurse-18")).get("/v1/checks").expect(200);
    // A second later: `iat` counts whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    app.as_caller(&holder("c", 0)).get("/v1/checks").expect(200);
    before.get("/v1/checks").problem(401, "unauthenticated");
}

on_both!(a_revocation_that_ended_is_not_looked_for);
fn a_revocation_that_ended_is_not_looked_for(app: &TestApp) {
    let holder = app.as_caller(&holder("token-1", 30));
    let mut body = of_token("token-1");
    body["until"] = json!((chrono::Utc::now() + chrono::TimeDelta::seconds(3)).to_rfc3339());
    app.as_caller(&operator()).post("/v1/revocations", &body).expect(201);
    holder.get("/v1/checks").problem(401, "unauthenticated");
    std::thread::sleep(Duration::from_millis(3100));
    holder.get("/v1/checks").expect(200);
}

on_both!(revocations_are_made_once_and_listed_newest_first);
fn revocations_are_made_once_and_listed_newest_first(app: &TestApp) {
    let operator = app.as_caller(&operator());
    assert_eq!(operator.get("/v1/revocations").expect(200).list("/items").len(), 0);
    for number in 0..3 {
        let key = Uuid::now_v7().to_string();
        let send = || operator.request(reqwest::Method::POST, "/v1/revocations").key(&key).json(&of_token(&format!("t{number}"))).send();
        assert_eq!(send().expect(201).body, send().expect(201).body);
    }
    let first = app.as_caller(&Caller::of_region("auditor")).get("/v1/revocations?limit=2").expect(200);
    let ids = |answer: &crate::support::http::Answer| -> Vec<String> {
        answer.list("/items").iter().map(|item| item["tokenId"].as_str().expect("a token").to_owned()).collect()
    };
    assert_eq!(ids(&first), ["t2", "t1"]);
    let second = operator.get(&first.text("/links/next")).expect(200);
    assert_eq!(ids(&second), ["t0"]);
    assert!(second.at("/links/next").is_null());
    for query in ["?limit=0", "?cursor=x", "?subject=nurse-17"] {
        operator.get(&format!("/v1/revocations{query}")).problem(400, "malformed-query");
    }
}

on_both!(a_revocation_that_cannot_be_meant_is_named_with_its_mistakes);
fn a_revocation_that_cannot_be_meant_is_named_with_its_mistakes(app: &TestApp) {
    let operator = app.as_caller(&operator());
    let mistakes = |body: &Value| operator.post("/v1/revocations", body).problem(422, "invalid").mistakes();
    let with = |name: &str, value: Value| {
        let mut body = of_token("t");
        body[name] = value;
        body
    };
    assert_eq!(mistakes(&json!({})), ["/issuer missing", "/tokenId missing", "/reason missing"]);
    assert_eq!(mistakes(&with("issuer", json!("https://elsewhere.example.test"))), ["/issuer unknown-issuer"]);
    assert_eq!(mistakes(&with("subject", json!("nurse-17"))), ["/subject token-or-subject"]);
    assert_eq!(mistakes(&with("tokenId", json!(""))), ["/tokenId empty"]);
    assert_eq!(mistakes(&with("tokenId", json!("t".repeat(256)))), ["/tokenId too-long"]);
    assert_eq!(mistakes(&with("tokenId", json!("a\nb"))), ["/tokenId forbidden-character"]);
    assert_eq!(mistakes(&with("reason", json!(" "))), ["/reason empty"]);
    assert_eq!(mistakes(&with("until", json!("tomorrow"))), ["/until not-an-instant"]);
    assert_eq!(mistakes(&with("until", json!("2020-01-01T00:00:00Z"))), ["/until in-the-past"]);
    assert_eq!(mistakes(&with("nonsense", json!(1))), [" unknown-field"], "a name that is none of ours may be anybody's");
    operator.post("/v1/revocations", &with("tokenId", json!("t".repeat(255)))).expect(201);
}

on_both!(revocations_are_never_changed_or_deleted);
fn revocations_are_never_changed_or_deleted(app: &TestApp) {
    app.as_caller(&operator()).post("/v1/revocations", &of_token("t")).expect(201);
    for change in ["UPDATE revocation SET token_id = 'other'", "DELETE FROM revocation"] {
        assert!(app.database().execute(change).is_err_and(|error| error.contains("append-only")), "{change}");
    }
    assert!(app.database().execute("UPDATE revocation SET subject = 'x'").is_err());
}

#[test]
fn a_revocation_is_seen_by_every_server_over_the_database() {
    let one = Program::start(Arc::new(TestDatabase::migrated(Backend::Postgres)), "[log]\nlevel = \"info\"");
    let other = Program::beside(&one);
    let holder = holder("token-1", 30);
    // Remembered on both.
    one.get("/v1/checks", &holder).expect(200);
    other.get("/v1/checks", &holder).expect(200);
    one.post("/v1/revocations", Some(&operator()), &of_token("token-1")).expect(201);
    let told = Instant::now();
    one.get("/v1/checks", &holder).problem(401, "unauthenticated");
    while other.get("/v1/checks", &holder).status != 401 {
        assert!(told.elapsed() < SEEN_WITHIN, "the other server still believes the token");
        std::thread::sleep(Duration::from_millis(50));
    }
    other.get("/v1/checks", &Caller::health()).expect(200);
}

on_both_databases!(a_revocation_outlives_the_server);
fn a_revocation_outlives_the_server(kind: Backend) {
    let mut app = TestApp::start(kind, "");
    app.as_caller(&operator()).post("/v1/revocations", &of_token("token-1")).expect(201);
    app.restart();
    app.as_caller(&holder("token-1", 30)).get("/v1/checks").problem(401, "unauthenticated");
    app.as_caller(&holder("token-2", 30)).get("/v1/checks").expect(200);
}
