//! Partner systems: how they are registered and cut off, how they get tokens, and what no token is issued for.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::{Client, TestApp};
use crate::support::assertions::{System, SystemKey, TYPE, nurse};
use crate::support::database::{Backend, TestDatabase};
use crate::support::http::{self, Answer};
use crate::support::on_both;
use crate::support::operations::client;
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, TORFAEN};

fn operator(app: &TestApp) -> Client<'_> {
    app.as_caller(&Caller::of_region("operator"))
}

/// Checks that a token was refused, with which error, and that the audit log says why.
#[track_caller]
fn refused(app: &TestApp, answer: &Answer, status: u16, error: &str, code: &str) {
    assert_eq!((answer.status, answer.text("/error").as_str()), (status, error), "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!answer.text("/error_description").is_empty());
    let audit = app.audit_of(answer);
    assert_eq!(audit.len(), 1, "{}", answer.body);
    let entry = &audit[0];
    assert_eq!((entry.operation.as_str(), entry.outcome.as_str(), entry.code.as_deref()), ("issueToken", "refused", Some(code)));
}

// -- Tokens -----------------------------------------------------------------------------------------------------------

on_both!(a_system_gets_a_token_with_each_algorithm_and_asks_for_a_person);
fn a_system_gets_a_token_with_each_algorithm_and_asks_for_a_person(app: &TestApp) {
    app.register(&Child::usual());
    let keys = [
        SystemKey::ed25519("ed"),
        SystemKey::p384("ec"),
        SystemKey::rsa("rsa-384", Algorithm::RS384),
        SystemKey::rsa("rsa-512", Algorithm::RS512),
    ];
    let system = System::register(app, keys.into());
    for key in &system.keys {
        let claims = system.claims_with(json!({"acting_person": nurse()}));
        let answer = app.ask_for_token(&key.sign(&claims)).expect(200);
        assert_eq!((answer.text("/token_type").as_str(), answer.at("/expires_in")), ("Bearer", json!(300)), "{}", key.kid());
        for (name, value) in [("content-type", "application/json"), ("cache-control", "no-store"), ("pragma", "no-cache")] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
        let audit = app.audit_of(&answer);
        assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].outcome.as_str()), (1, "issueToken", "granted"));
        assert_eq!(audit[0].subject.as_deref(), Some(format!("{}/nurse-17", system.id).as_str()));
        assert!(audit[0].record.contains("S0010:G0020:R8001"), "the role of the person: {}", audit[0].record);

        let asked = app.with_token(Some(answer.text("/access_token"))).post("/v1/checks", &Question::usual().0).expect(201);
        assert_eq!(asked.text("/outcome"), "on-register");
        let asked = app.audit_of(&asked);
        assert_eq!(asked[0].subject.as_deref(), Some(format!("{}/nurse-17", system.id).as_str()));
        let record: Value = serde_json::from_str(&asked[0].record).expect("a record");
        assert_eq!((&record["client"], &record["organisation"]), (&json!(system.id), &json!("7A6")));
    }
}

on_both!(a_token_of_ours_says_what_an_access_token_says);
fn a_token_of_ours_says_what_an_access_token_says(app: &TestApp) {
    let system = System::usual(app);
    let token = system.token(Some(nurse()));
    let header = jsonwebtoken::decode_header(&token).expect("a header");
    let keys = app.anonymous().get("/.well-known/jwks.json").expect(200).json();
    let published = keys["keys"].as_array().expect("keys").iter().map(|key| key["kid"].as_str().expect("a kid")).collect::<Vec<_>>();
    assert_eq!((header.typ.as_deref(), header.alg), (Some("at+jwt"), Algorithm::EdDSA));
    assert!(published.contains(&header.kid.as_deref().expect("a kid")));
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&token).expect("claims");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(app.issuer()), &json!(app.issuer())));
    assert_eq!((&claims["client_id"], &claims["sub"]), (&json!(system.id), &json!(format!("{}/nurse-17", system.id))));
    assert_eq!((&claims["role"], &claims["sector"], &claims["organisation"]["code"]), (&json!("partner"), &json!("health"), &json!("7A6")));
    assert_eq!((&claims["name"], &claims["person_role"]), (&json!("Ann Price"), &json!("S0010:G0020:R8001")));
    assert_eq!(claims["exp"].as_i64().expect("exp") - claims["iat"].as_i64().expect("iat"), 300);
    assert_eq!(claims.get("cnf"), None, "the connection had no certificate");
    let other: Value = jsonwebtoken::dangerous::insecure_decode_claims(system.token(None)).expect("claims");
    assert_eq!((&other["sub"], other.get("person_role")), (&json!(system.id), None));
    assert_ne!(other["jti"], claims["jti"]);
}

on_both!(no_system_asks_about_a_child_by_itself);
fn no_system_asks_about_a_child_by_itself(app: &TestApp) {
    let system = System::usual(app);
    let itself = app.with_token(Some(system.token(None)));
    for (path, body) in [("/v1/checks", Question::usual().0), ("/v1/checks/batch", json!({"checks": [Question::usual().0]}))] {
        let answer = itself.post(path, &body).problem(403, "acting-person-missing");
        let audit = app.audit_of(&answer);
        assert_eq!((audit.len(), audit[0].outcome.as_str(), audit[0].code.as_deref()), (1, "refused", Some("acting-person-missing")));
    }
    itself.get("/v1/directory").expect(200);
    // The same holds for systems of other issuers, whose tokens say so (RFC 9068).
    app.as_caller(&Caller::health().named("tests")).post("/v1/checks", &Question::usual().0).problem(403, "acting-person-missing");
    assert_eq!(app.count("enquiry"), 0);
    app.with_token(Some(system.token(Some(nurse())))).post("/v1/checks", &Question::usual().0).expect(201);
}

on_both!(a_person_is_known_through_their_own_system_alone);
fn a_person_is_known_through_their_own_system_alone(app: &TestApp) {
    let (one, other) = (System::usual(app), System::usual(app));
    let asked = app.with_token(Some(one.token(Some(nurse())))).post("/v1/checks", &Question::usual().0).expect(201);
    let path = asked.header("location").expect("a location");
    app.with_token(Some(one.token(Some(nurse())))).get(path).expect(200);
    app.with_token(Some(other.token(Some(nurse())))).get(path).problem(404, "not-found");
    app.with_token(Some(one.token(Some(json!({"id": "nurse-18", "role": "nurse"}))))).get(path).problem(404, "not-found");
}

on_both!(no_wrong_assertion_gets_a_token, "[limits]\nrequests_per_minute = 1000");
fn no_wrong_assertion_gets_a_token(app: &TestApp) {
    let system = System::usual(app);
    let stranger = System::register(app, vec![SystemKey::ed25519("one")]);
    let unregistered = SystemKey::ed25519("two");
    let rsa = SystemKey::rsa("one", Algorithm::RS384);
    let key = &system.keys[0];
    let now = Utc::now().timestamp();
    let with = |more: Value| key.sign(&system.claims_with(more));
    let nobody = Uuid::now_v7().to_string();
    let good = key.sign(&system.claims());
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    let alone = Header { kid: Some("one".into()), ..Header::default() };
    for (what, assertion, code) in [
        ("an unknown client", with(json!({"iss": nobody, "sub": nobody})), "assertion-unknown-client"),
        ("a client that is no identifier", with(json!({"iss": "ed", "sub": "ed"})), "assertion-unknown-client"),
        ("another client's key", stranger.keys[0].sign(&system.claims()), "assertion-wrong-signature"),
        ("an unknown key", unregistered.sign(&system.claims()), "assertion-unknown-key"),
        ("another algorithm than the key's", rsa.sign(&system.claims()), "assertion-unknown-key"),
        ("iss that is not sub", with(json!({"iss": stranger.id})), "assertion-not-the-client"),
        ("sub that is not iss", with(json!({"sub": stranger.id})), "assertion-not-the-client"),
        ("for somebody else", with(json!({"aud": "https://powys.example.test"})), "assertion-wrong-audience"),
        ("for several", with(json!({"aud": [app.issuer(), "https://powys.example.test"]})), "assertion-wrong-audience"),
        ("for us in a list", with(json!({"aud": [app.issuer()]})), "assertion-wrong-audience"),
        ("nearly for us", with(json!({"aud": format!("{}/", app.issuer())})), "assertion-wrong-audience"),
        ("without an audience", with(json!({"aud": null})), "assertion-wrong-audience"),
        ("expired", with(json!({"iat": now - 200, "exp": now - 1})), "assertion-not-now"),
        ("not yet valid", with(json!({"nbf": now + 60})), "assertion-not-now"),
        ("issued in the future", with(json!({"iat": now + 60, "exp": now + 120})), "assertion-not-now"),
        ("good for too long", with(json!({"exp": now + 360})), "assertion-too-long"),
        ("good for too long from when it was issued", with(json!({"iat": now - 200, "exp": now + 101})), "assertion-too-long"),
        ("good for ever", with(json!({"exp": now + 10_000_000_000_i64})), "assertion-too-long"),
        ("without an expiry", with(json!({"exp": null})), "assertion-malformed"),
        ("without an identifier", with(json!({"jti": null})), "assertion-malformed"),
        ("with an empty identifier", with(json!({"jti": ""})), "assertion-malformed"),
        ("with a person who is nobody", with(json!({"acting_person": {"id": "", "role": "nurse"}})), "assertion-person"),
        ("with a person without a role", with(json!({"acting_person": {"id": "nurse-17"}})), "assertion-person"),
        ("with a person of elsewhere", with(json!({"acting_person": {"id": "n", "role": "r", "organisation": "RQ3"}})), "assertion-person"),
        ("without a signature", format!("{signed}."), "assertion-wrong-signature"),
        ("cut off", good[..good.len() - 4].to_owned(), "assertion-wrong-signature"),
        ("of two parts", signed.to_owned(), "assertion-malformed"),
        ("of another kind", key.sign_as(&system.claims(), |header| header.typ = Some("at+jwt".into())), "assertion-malformed"),
        ("without a key identifier", key.sign_as(&system.claims(), |header| header.kid = None), "assertion-malformed"),
        (
            "signed with a shared secret",
            jsonwebtoken::encode(&alone, &system.claims(), &EncodingKey::from_secret(b"one")).unwrap(),
            "assertion-algorithm",
        ),
        ("an access token", system.token(None), "assertion-malformed"),
        ("nothing of the kind", "nothing".into(), "assertion-malformed"),
        ("far too long", format!("{good}{}", "A".repeat(9000)), "assertion-malformed"),
    ] {
        let answer = app.ask_for_token(&assertion);
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        refused(app, &answer, 401, "invalid_client", code);
        // Whoever has not shown that they hold a key is not told which of the three was wrong.
        if ["assertion-unknown-client", "assertion-unknown-key", "assertion-wrong-signature"].contains(&code) {
            assert_eq!(answer.text("/error_description"), "client, key and signature were not accepted together", "{what}");
        }
    }
    app.ask_for_token(&good).expect(200);
    app.ask_for_token(&with(json!({"aud": format!("{}/oauth2/token", app.issuer())}))).expect(200);
    app.ask_for_token(&with(json!({"iat": null}))).expect(200);
}

on_both!(a_request_that_is_not_for_client_credentials_is_refused_in_the_words_of_oauth);
fn a_request_that_is_not_for_client_credentials_is_refused_in_the_words_of_oauth(app: &TestApp) {
    let system = System::usual(app);
    let assertion = system.keys[0].sign(&system.claims());
    let good = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
    let but = |name: &str, value: Option<&str>| {
        let mut fields: Vec<(&str, &str)> = good.iter().copied().filter(|(field, _)| *field != name).collect();
        let name: &'static str = match name {
            "grant_type" => "grant_type",
            "client_assertion_type" => "client_assertion_type",
            "client_assertion" => "client_assertion",
            "client_id" => "client_id",
            "client_secret" => "client_secret",
            _ => "scope",
        };
        fields.extend(value.map(|value| (name, value)));
        app.send_form(&fields)
    };
    for (answer, error) in [
        (but("grant_type", None), "invalid_request"),
        (but("grant_type", Some("authorization_code")), "unsupported_grant_type"),
        (but("client_assertion_type", None), "invalid_request"),
        (but("client_assertion_type", Some("jwt")), "invalid_request"),
        (but("client_assertion", None), "invalid_request"),
        (but("client_secret", Some("secret")), "invalid_request"),
        (but("scope", Some("patient/*.write")), "invalid_scope"),
        (but("scope", Some("system/*.rs offline_access")), "invalid_scope"),
        (app.send_form(&[good[0], good[1], good[2], good[2]]), "invalid_request"),
        (app.send_form(&[]), "invalid_request"),
    ] {
        refused(app, &answer, 400, error, "token-request");
    }
    refused(app, &but("client_id", Some("another")), 401, "invalid_client", "assertion-not-the-client");
    let post = || app.anonymous().request(Method::POST, "/oauth2/token");
    refused(app, &post().json(&json!({"grant_type": "client_credentials"})).send(), 400, "invalid_request", "token-request");
    let basic = post().header("content-type", "application/x-www-form-urlencoded").header("authorization", "Basic YTpi");
    refused(app, &basic.body("grant_type=client_credentials").send(), 400, "invalid_request", "token-request");
    let large = post().header("content-type", "application/x-www-form-urlencoded").body(vec![b'a'; 20_000]).send();
    refused(app, &large, 413, "invalid_request", "token-request");
    let get = app.anonymous().get("/oauth2/token").problem(405, "method-not-allowed");
    assert_eq!(get.header("allow"), Some("POST"));
    assert_eq!(app.count("client_assertion"), 0);
    let answer = app.send_form(&[good[0], good[1], good[2], ("scope", "system/*.rs"), ("client_id", &system.id), ("resource", "x")]);
    assert_eq!(answer.expect(200).text("/scope"), "system/*.rs");
}

#[test]
fn an_assertion_is_good_once_on_every_server_and_after_a_restart() {
    for kind in [Backend::Sqlite, Backend::Postgres] {
        let mut app = TestApp::start(kind, "");
        let assertion = {
            let system = System::usual(&app);
            system.keys[0].sign(&system.claims())
        };
        app.ask_for_token(&assertion).expect(200);
        refused(&app, &app.ask_for_token(&assertion), 401, "invalid_client", "assertion-replayed");
        app.restart();
        refused(&app, &app.ask_for_token(&assertion), 401, "invalid_client", "assertion-replayed");
        app.turn_to_the_other();
        refused(&app, &app.ask_for_token(&assertion), 401, "invalid_client", "assertion-replayed");
        app.anonymous().post("/sandbox/reset", &json!({}));
        refused(&app, &app.ask_for_token(&assertion), 401, "invalid_client", "assertion-replayed");
    }
}

on_both!(of_many_requests_with_one_assertion_one_gets_a_token);
fn of_many_requests_with_one_assertion_one_gets_a_token(app: &TestApp) {
    let system = System::usual(app);
    let assertion = &system.keys[0].sign(&system.claims());
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..12).map(|_| scope.spawn(move || app.ask_for_token(assertion))).collect();
        asking.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[..2], [200, 401], "{statuses:?}");
    assert!(statuses[1..].iter().all(|status| *status == 401), "{statuses:?}");
}

on_both!(an_expired_assertion_is_forgotten_and_still_not_believed);
fn an_expired_assertion_is_forgotten_and_still_not_believed(app: &TestApp) {
    let system = System::usual(app);
    system.token(None);
    let past = match app.database().kind() {
        Backend::Sqlite => "UPDATE client_assertion SET expires_at = '2026-01-01T00:00:00.000000Z'",
        Backend::Postgres => "UPDATE client_assertion SET expires_at = '2026-01-01T00:00:00Z'",
    };
    app.database().execute(past).expect("an older row");
    system.token(None);
    assert_eq!(app.count("client_assertion"), 1);
}

// -- Registration -----------------------------------------------------------------------------------------------------

on_both!(a_system_is_registered_rotated_suspended_and_cut_off);
fn a_system_is_registered_rotated_suspended_and_cut_off(app: &TestApp) {
    let system = System::usual(app);
    let (operator, path) = (operator(app), format!("/v1/clients/{}", system.id));
    let read = operator.get(&path).expect(200);
    assert_eq!(read.text("/status"), "active");
    assert_eq!(read.at("/keys"), json!([{"kid": "one", "algorithms": ["EdDSA"]}]));
    assert_eq!(read.text("/tokenEndpoint"), format!("{}/oauth2/token", app.issuer()));

    let next = SystemKey::ed25519("two");
    let both = json!({"jwks": {"keys": [system.keys[0].jwk, next.jwk]}});
    let rotated = operator.put(&format!("{path}/keys"), "\"1\"", &both).expect(200);
    assert_eq!(rotated.header("etag"), Some("\"2\""));
    app.ask_for_token(&next.sign(&system.claims())).expect(200);
    let before = app.with_token(Some(system.token(Some(nurse()))));
    operator.put(&format!("{path}/keys"), "\"2\"", &json!({"jwks": {"keys": [next.jwk]}})).expect(200);
    refused(app, &system.ask(&system.claims()), 401, "invalid_client", "assertion-unknown-key");
    before.get("/v1/checks").expect(200);

    let because = json!({"reason": "A laptop with the key was lost"});
    operator.change(&format!("{path}/suspension"), "\"3\"", &because).expect(200);
    before.get("/v1/checks").problem(401, "unauthenticated");
    refused(app, &app.ask_for_token(&next.sign(&system.claims())), 401, "invalid_client", "client-cut-off");
    operator.change(&format!("{path}/suspension"), "\"4\"", &because).problem(409, "conflict");
    operator.change(&format!("{path}/resumption"), "\"4\"", &because).expect(200);
    // Of the same second as the suspension nothing is believed.
    std::thread::sleep(Duration::from_millis(1100));
    let token = app.ask_for_token(&next.sign(&system.claims())).expect(200).text("/access_token");
    before.get("/v1/checks").problem(401, "unauthenticated");
    let after = app.with_token(Some(token));
    after.get("/v1/checks").expect(200);

    let revoked = operator.change(&format!("{path}/revocation"), "\"5\"", &because).expect(200);
    assert_eq!((revoked.text("/status"), revoked.text("/statusReason")), ("revoked".into(), "A laptop with the key was lost".into()));
    after.get("/v1/checks").problem(401, "unauthenticated");
    for (what, body) in [("resumption", &because), ("suspension", &because), ("revocation", &because)] {
        operator.change(&format!("{path}/{what}"), "\"6\"", body).problem(409, "conflict");
    }
    operator.put(&format!("{path}/keys"), "\"6\"", &both).problem(409, "conflict");
    refused(app, &app.ask_for_token(&next.sign(&system.claims())), 401, "invalid_client", "client-cut-off");
}

#[test]
fn a_system_is_cut_off_on_every_server_over_the_database() {
    let mut app = TestApp::start(Backend::Postgres, "");
    let (token, path) = {
        let system = System::usual(&app);
        (system.token(Some(nurse())), format!("/v1/clients/{}", system.id))
    };
    app.turn_to_the_other();
    app.with_token(Some(token.clone())).get("/v1/checks").expect(200);
    app.turn_to_the_other();
    operator(&app).change(&format!("{path}/revocation"), "*", &json!({"reason": "Left"})).expect(200);
    app.turn_to_the_other();
    let told = std::time::Instant::now();
    while app.with_token(Some(token.clone())).get("/v1/checks").status != 401 {
        assert!(told.elapsed() < Duration::from_secs(10), "the other server still believes the token");
        std::thread::sleep(Duration::from_millis(50));
    }
}

on_both!(a_registration_that_cannot_be_meant_is_named_with_its_mistakes);
fn a_registration_that_cannot_be_meant_is_named_with_its_mistakes(app: &TestApp) {
    let operator = operator(app);
    let mistakes = |body: &Value| operator.post("/v1/clients", body).problem(422, "invalid").mistakes();
    let with = |name: &str, value: Value| {
        let mut body = client();
        body[name] = value;
        body
    };
    assert_eq!(mistakes(&json!({})), ["/name missing", "/sector missing", "/organisation missing", "/jwks missing"]);
    assert_eq!(mistakes(&with("sector", json!("plumbing"))), ["/sector unknown-code"]);
    assert_eq!(
        mistakes(&with("organisation", json!({"code": "?", "name": ""}))),
        ["/organisation/code not-an-ods-code", "/organisation/name empty"]
    );
    assert_eq!(mistakes(&with("jwksUri", json!("https://x.example/jwks"))), ["/jwksUri keys-or-address"]);
    assert_eq!(mistakes(&with("jwks", json!({"keys": []}))), ["/jwks/keys wrong-number-of-keys"]);
    let mut private = client();
    private["jwks"]["keys"][0]["d"] = json!("c2VjcmV0");
    assert_eq!(mistakes(&private), ["/jwks/keys/0 private-key"]);
    for address in ["http://ed.example/jwks", "ftp://ed.example", "https:// ed", "ed", ""] {
        let mut body = with("jwksUri", json!(address));
        body.as_object_mut().expect("an object").remove("jwks");
        assert_eq!(mistakes(&body), ["/jwksUri not-an-address"], "{address}");
    }
    assert_eq!(app.count("client"), 0);
}

on_both!(partner_systems_belong_to_the_region);
fn partner_systems_belong_to_the_region(app: &TestApp) {
    let system = System::usual(app);
    let elsewhere = app.as_caller(&Caller::of_authority("operator", TORFAEN));
    elsewhere.post("/v1/clients", &client()).problem(403, "authority-outside-scope");
    elsewhere.get(&format!("/v1/clients/{}", system.id)).problem(404, "not-found");
    assert_eq!(elsewhere.get("/v1/clients").expect(200).list("/items").len(), 0);
    assert_eq!(operator(app).get("/v1/clients").expect(200).list("/items").len(), 1);
    // Whoever keeps systems sees nothing of what they ask.
    app.with_token(Some(system.token(Some(nurse())))).post("/v1/checks", &Question::usual().0).expect(201);
    operator(app).get("/v1/checks").problem(403, "operation-not-allowed");
}

// -- Keys at an address -----------------------------------------------------------------------------------------------

#[test]
fn a_system_may_publish_its_keys_at_an_address() {
    let app = TestApp::on(Arc::new(TestDatabase::migrated(Backend::Sqlite)), "");
    let key = SystemKey::ed25519("one");
    let served = crate::support::assertions::serve(json!({"keys": [key.jwk]}).to_string());
    let mut body = client();
    body.as_object_mut().expect("an object").remove("jwks");
    body["jwksUri"] = json!(served);
    let id = operator(&app).post("/v1/clients", &body).expect(201).text("/id");
    let system = System { app: &app, id, keys: vec![key] };
    system.token(Some(nurse()));
    system.token(None);
    let unknown = SystemKey::ed25519("two");
    refused(&app, &app.ask_for_token(&unknown.sign(&system.claims())), 401, "invalid_client", "assertion-unknown-key");
    // An address at which nobody answers.
    body["jwksUri"] = json!("http://127.0.0.1:9/jwks.json");
    let away = operator(&app).post("/v1/clients", &body).expect(201).text("/id");
    let system = System { id: away, ..system };
    refused(&app, &system.ask(&system.claims()), 401, "invalid_client", "assertion-unknown-key");
}

on_both!(where_and_how_tokens_are_to_be_had_is_published);
fn where_and_how_tokens_are_to_be_had_is_published(app: &TestApp) {
    for path in ["/.well-known/smart-configuration", "/.well-known/oauth-authorization-server"] {
        let said = app.anonymous().get(path).expect(200);
        assert_eq!(said.header("content-type"), Some("application/json"));
        let issuer = said.text("/issuer");
        assert_eq!(said.text("/token_endpoint"), format!("{issuer}/oauth2/token"));
        assert_eq!(said.text("/jwks_uri"), format!("{issuer}/.well-known/jwks.json"));
        assert_eq!(said.at("/token_endpoint_auth_methods_supported"), json!(["private_key_jwt"]));
    }
}

// -- Certificates ------------------------------------------------------------------------------------------------------

/// Somebody who speaks HTTPS, with a certificate of their own or without one.
fn https(certificate: Option<&rcgen::CertifiedKey<rcgen::KeyPair>>) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true);
    let identity = certificate.map(|own| {
        let pem = own.cert.pem() + &own.signing_key.serialize_pem();
        reqwest::Identity::from_pem(pem.as_bytes()).unwrap()
    });
    match identity {
        Some(identity) => builder.identity(identity).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

fn status(client: &reqwest::Client, url: &str, token: &str) -> u16 {
    http::runtime().block_on(async { client.get(url).bearer_auth(token).send().await.unwrap().status().as_u16() })
}

on_both!(a_token_is_bound_to_the_certificate_of_the_connection_on_which_it_was_issued);
fn a_token_is_bound_to_the_certificate_of_the_connection_on_which_it_was_issued(app: &TestApp) {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (app.folder().join("tls.pem"), app.folder().join("tls.key"));
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let mut server = toml::Table::new();
    server.insert("tls_certificate".into(), certificate.display().to_string().into());
    server.insert("tls_key".into(), key.display().to_string().into());
    server.insert("ask_client_certificates".into(), true.into());
    let second = app.second_with(toml::Table::from_iter([("server".to_owned(), server.into())]));
    let base = format!("https://localhost:{}", second.address().port());
    let system = System::usual(app);
    let of_system = rcgen::generate_simple_self_signed(vec!["ward".to_owned()]).unwrap();
    let of_thief = rcgen::generate_simple_self_signed(vec!["ward".to_owned()]).unwrap();
    let (client, thief, nobody) = (https(Some(&of_system)), https(Some(&of_thief)), https(None));
    let issued = |client: &reqwest::Client| -> String {
        let assertion = system.keys[0].sign(&system.claims());
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let body = format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}");
        http::runtime().block_on(async {
            let sent = client.post(format!("{base}/oauth2/token")).header("content-type", "application/x-www-form-urlencoded").body(body);
            let answer: Value = sent.send().await.unwrap().json().await.unwrap();
            answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
        })
    };
    let bound = issued(&client);
    let notices = format!("{base}/v1/notices");
    assert_eq!(status(&client, &notices, &bound), 200);
    assert_eq!(status(&thief, &notices, &bound), 401, "another certificate");
    assert_eq!(status(&nobody, &notices, &bound), 401, "no certificate");
    app.with_token(Some(bound)).get("/v1/notices").problem(401, "unauthenticated");
    // Whoever shows none gets a token that is bound to nothing.
    let free = issued(&nobody);
    assert_eq!((status(&nobody, &notices, &free), status(&client, &notices, &free)), (200, 200));
}
