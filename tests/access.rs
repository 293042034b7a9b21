//! Who may do what, and that every refusal is recorded before it is heard of.

use std::collections::BTreeMap;

use cofrestr::domain::roles::{Role, Sector};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::TestApp;
use crate::support::http::Answer;
use crate::support::on_both;
use crate::support::operations::{Example, Ground, allowed, documented, speaks_otherwise};
use crate::support::people::{Child, Question};
use crate::support::tokens::{Caller, TORFAEN};

/// Method and path of each operation, from the document that the server gives out.
pub fn operations(app: &TestApp) -> BTreeMap<String, (Method, String)> {
    let document = app.anonymous().get("/openapi.json").expect(200).json();
    let mut operations = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let method = method.to_uppercase().parse().expect("a method");
            let id = operation["operationId"].as_str().expect("an operationId").to_owned();
            if speaks_otherwise(operation) && operation["security"].is_array() {
                continue;
            }
            assert!(operations.insert(id.clone(), (method, path.clone())).is_none(), "{id} stands twice");
        }
    }
    operations
}

/// A path of the document with identifiers that name nothing.
pub fn concrete(path: &str) -> String {
    path.replace("{id}", &Uuid::now_v7().to_string()).replace("{item}", &Uuid::now_v7().to_string())
}

fn callers() -> Vec<(Role, Caller)> {
    let mut callers = Vec::new();
    for role in Role::ALL {
        if role == Role::Partner {
            callers.extend(Sector::ALL.into_iter().map(|sector| (role, Caller::partner(sector.as_str()))));
        } else {
            callers.push((role, Caller::of_region(role.as_str())));
        }
    }
    callers
}

/// Somebody in the same role who reaches nothing of Newport and asked nothing.
fn stranger(role: Role, caller: &Caller) -> Caller {
    match role {
        Role::Partner => caller.clone().named("another-partner"),
        _ => Caller::of_authority(role.as_str(), TORFAEN),
    }
}

/// A child of whom nothing is like the one before, so that a question finds one alone.
pub fn somebody(number: usize) -> Child {
    const SYLLABLES: [&str; 10] = ["bran", "cel", "dwy", "fron", "gwen", "hyw", "llin", "mor", "pen", "tud"];
    let word = |number: usize| -> String { [number / 100, number / 10, number].iter().map(|digit| SYLLABLES[digit % 10]).collect() };
    Child::named(&word(number), &word(number * 7 + 13))
        .born(&format!("20{:02}-{:02}-{:02}", 10 + number % 14, 1 + number % 12, 1 + number % 28))
        .nhs("9990001006")
        .living_at(&["14 Stryd y Felin", "Casnewydd"], "NP20 4QR")
        .mother("Angharad", "Trahaearn")
}

/// A question that finds them.
pub fn question_about(number: usize) -> Value {
    let child = somebody(number).0;
    Question::nobody().child("names", child["names"].clone()).child("dateOfBirth", child["dateOfBirth"].clone()).0
}

fn tried(app: &TestApp, caller: Option<&Caller>, example: &Example) -> Answer {
    let client = caller.map_or_else(|| app.anonymous(), |caller| app.as_caller(caller));
    match &example.body {
        Some(body) => {
            let request = client.request(example.method.clone(), &example.path).key(&Uuid::now_v7().to_string());
            request.header("if-match", example.etag).json(body).send()
        }
        None => client.get(&example.path),
    }
}

/// Whoever may not do something hears only that, and it stands in the audit log.
fn refused(app: &TestApp, operation: &str, caller: &Caller, answer: &Answer) {
    assert!(answer.body.contains("operation-not-allowed"), "{operation} as {}: {}", caller.subject(), answer.body);
    let audit = app.audit_of(answer);
    assert_eq!(audit.len(), 1, "{operation} as {}", caller.subject());
    let entry = &audit[0];
    assert_eq!((entry.operation.as_str(), entry.outcome.as_str()), (operation, "refused"));
    assert_eq!((entry.code.as_deref(), entry.subject.as_deref()), (Some("operation-not-allowed"), Some(caller.subject())));
}

on_both!(the_access_table_is_the_one_that_was_reviewed, "[audit]\ncheckpoint_ms = 100");
fn the_access_table_is_the_one_that_was_reviewed(app: &TestApp) {
    let send = |caller: &Caller, path: &str, body: Option<&Value>| match body {
        Some(body) => app.as_caller(caller).change(path, "*", body),
        None => app.as_caller(caller).get(path),
    };
    let child = |number: usize| somebody(number).0;
    let ground = Ground::new(&send, &child, &question_about);
    let document = app.anonymous().get("/openapi.json").expect(200).json();
    let mut refusals = 0;
    let mut table = String::from("# Every operation, tried as every role: within its scope, outside of it, and as nobody.\n");
    for operation in documented(&document).keys() {
        let shared = ground.example(operation, &Caller::custodian());
        let allowed = allowed(operation);
        table.push_str(&format!("{operation:<24} {:<28} {}\n", "nobody", tried(app, None, &shared).status));
        for (role, caller) in callers() {
            // Whoever is let in changes what they are let in to: they get something of their own.
            let own = if allowed.contains(&role) { ground.example(operation, &caller) } else { shared.clone() };
            let answer = tried(app, Some(&caller), &own);
            let within = answer.status;
            let outside = tried(app, Some(&stranger(role, &caller)), &shared).status;
            let name = if role == Role::Partner { caller.subject() } else { role.as_str() };
            table.push_str(&format!("{operation:<24} {name:<28} {within} {outside}\n"));
            assert_eq!(within != 403, allowed.contains(&role) || !document_guards(operation), "{operation} as {name}: {within}");
            if within == 403 {
                refused(app, operation, &caller, &answer);
                refusals += 1;
            }
        }
    }
    assert!(refusals > 150, "{refusals} refused");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/access.txt");
    if std::env::var_os("UPDATE_ACCESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &table).expect("a written table");
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<_> = table.lines().filter(|line| !reviewed.lines().any(|other| other == *line)).collect();
    assert!(
        reviewed == table,
        "who may do what has changed; these lines are new:\n{}\nWhen that is meant: UPDATE_ACCESS=1 cargo test access, and say why in the commit",
        changed.join("\n")
    );
}

/// Whether an operation needs a token.
fn document_guards(operation: &str) -> bool {
    !matches!(operation, "live" | "ready")
}

on_both!(no_forged_token_is_believed);
fn no_forged_token_is_believed(app: &TestApp) {
    app.register(&Child::usual());
    let body = |mut problem: Value| {
        problem["instance"] = json!("");
        problem
    };
    let none = app.anonymous().post("/v1/checks", &Question::usual().0).problem(401, "unauthenticated");
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    for (what, token) in Caller::health().forged_tokens() {
        let refused = app.with_token(Some(token)).post("/v1/checks", &Question::usual().0);
        assert_eq!(refused.status, 401, "{what}: {}", refused.body);
        let refused = refused.problem(401, "unauthenticated");
        assert_eq!(body(refused.json()), body(none.json()), "{what}: nobody is told what was wrong with a token");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        let audit = app.audit_of(&refused);
        assert_eq!((audit.len(), audit[0].outcome.as_str(), audit[0].subject.as_deref()), (1, "refused", None), "{what}");
        assert!(audit[0].code.as_deref().is_some_and(|code| code.starts_with("token-")), "{what}: {:?}", audit[0].code);
    }
    assert_eq!(app.database().number("SELECT count(*) AS n FROM enquiry"), 0);
    // The same person with a genuine token is let in.
    app.ask(&Caller::health(), &Question::usual());
}

on_both!(an_authorization_header_is_one_bearer_token);
fn an_authorization_header_is_one_bearer_token(app: &TestApp) {
    let token = Caller::health().token();
    let with = |values: &[String]| {
        let request = app.anonymous().request(Method::GET, "/v1/checks");
        values.iter().fold(request, |request, value| request.header("authorization", value)).send().status
    };
    assert_eq!(with(&[format!("Bearer {token}")]), 200);
    assert_eq!(with(&[format!("bearer {token}")]), 200);
    for values in [
        vec![token.clone()],
        vec![format!("Basic {token}")],
        vec!["Bearer".into()],
        vec!["Bearer ".into()],
        vec![format!("Bearer {token}"), format!("Bearer {token}")],
        vec![format!("Bearer {token}, Bearer {token}")],
    ] {
        assert_eq!(with(&values), 401, "{} header(s)", values.len());
    }
    assert_eq!(app.anonymous().get(&format!("/v1/checks?access_token={token}")).status, 401, "never in a URL");
}

on_both!(a_token_that_expires_is_not_believed_any_more);
fn a_token_that_expires_is_not_believed_any_more(app: &TestApp) {
    // Tokens are judged by the clock on the wall, whatever the sandbox's says.
    let client = app.health();
    client.get("/v1/checks").expect(200);
    app.set_clock("2036-11-18T02:10:00Z");
    client.get("/v1/checks").expect(200);
    app.set_clock("2020-01-01T00:00:00Z");
    client.get("/v1/checks").expect(200);
}

on_both!(what_is_no_operation_is_401_without_a_token_and_recorded);
fn what_is_no_operation_is_401_without_a_token_and_recorded(app: &TestApp) {
    for (method, path, status) in [
        (Method::GET, "/v1/secrets", 404),
        (Method::GET, "/v1", 404),
        (Method::GET, "/v1/", 404),
        (Method::GET, "/v1/checks/", 404),
        (Method::POST, "/v1/audit/checkpoint", 405),
        (Method::DELETE, "/v1/checks", 405),
        (Method::PUT, "/v1/children/01a1e8f2-fa50-7e51-9fb7-d2fb999b0a35", 405),
        (Method::PATCH, "/v1/registrations", 405),
    ] {
        app.anonymous().request(method.clone(), path).send().problem(401, "unauthenticated");
        let code = if status == 404 { "not-found" } else { "method-not-allowed" };
        let refused = app.health().request(method.clone(), path).send().problem(status, code);
        let audit = app.audit_of(&refused);
        assert_eq!((audit.len(), audit[0].operation.as_str(), audit[0].outcome.as_str()), (1, "unknown", "refused"), "{method} {path}");
        assert_eq!(audit[0].subject.as_deref(), Some("partner-health"));
    }
}
