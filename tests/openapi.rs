//! The OpenAPI document: it is the contract, so it must say what the server does.

use std::collections::{BTreeMap, BTreeSet};

use cofrestr::authz::Operation;
use cofrestr::domain::roles::Role;
use reqwest::Method;
use serde_json::Value;

use crate::access::{concrete, operations};
use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::tokens::{Caller, SWANSEA};

/// Operations that need no token, and so have no row in the policy.
const OPEN: &[&str] = &["live", "ready"];

/// Operations that add to a resource without changing it: nobody else's change can be in their way. Whoever opens a restricted
/// record cannot have read it before; a message is sent again whatever has become of it meanwhile.
const ADDING: &[&str] = &["addVisit", "addCoreGroupMeeting", "addMilestone", "addDeparture", "breakGlass", "replayMessage"];

/// Parameters of queries that are free text.
const FREE: &[(&str, &str)] = &[("listAudit", "person"), ("listChecks", "reference")];

on_both!(every_operation_has_a_policy_row_and_every_row_an_operation);
fn every_operation_has_a_policy_row_and_every_row_an_operation(app: &TestApp) {
    let documented: BTreeSet<_> = operations(app).into_keys().filter(|id| !OPEN.contains(&id.as_str())).collect();
    // The face for other regions is not for people: the wire profile in docs/federation.md is its contract.
    let for_somebody = |operation: &&Operation| operation.allowed().iter().any(|(role, _)| *role != Role::Peer);
    let for_people: BTreeSet<_> = Operation::ALL.iter().filter(for_somebody).map(|operation| operation.as_str().to_owned()).collect();
    assert_eq!(documented, for_people);
}

on_both!(every_documented_operation_is_served_and_guarded);
fn every_documented_operation_is_served_and_guarded(app: &TestApp) {
    let mut allowed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, (method, path)) in operations(app) {
        let concrete = concrete(&path);
        let answer = app.anonymous().request(method.clone(), &concrete).send();
        assert_eq!(answer.status, if OPEN.contains(&id.as_str()) { 200 } else { 401 }, "{id}");
        let named = app.audit_of(&answer).iter().map(|entry| entry.operation.clone()).collect::<Vec<_>>();
        assert_eq!(named, if OPEN.contains(&id.as_str()) { vec![] } else { vec![id.clone()] }, "the entry names the operation");
        allowed.entry(path).or_default().insert(method.to_string());
    }
    for (path, methods) in allowed {
        let concrete = concrete(&path);
        let refused = app.as_caller(&Caller::custodian()).request(Method::DELETE, &concrete).send().problem(405, "method-not-allowed");
        let mut stated: BTreeSet<_> = refused.header("allow").expect("what is allowed").split(", ").map(str::to_owned).collect();
        // What is public answers HEAD as it answers GET (RFC 9110, 9.3.2), which no document needs to say.
        if path.starts_with("/health") {
            assert!(stated.remove("HEAD"), "{path}");
        }
        assert_eq!(stated, methods, "{path}: Allow and the document");
    }
}

on_both!(every_operation_documents_its_problems_and_headers);
fn every_operation_documents_its_problems_and_headers(app: &TestApp) {
    let document = app.anonymous().get("/openapi.json").expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let id = operation["operationId"].as_str().expect("an operationId");
            if crate::support::operations::speaks_otherwise(operation) {
                assert!(["issueToken", "addImport"].contains(&id), "{id} takes no JSON");
                if id == "issueToken" {
                    assert_eq!(operation["security"], serde_json::json!([{}]));
                    continue;
                }
            }
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{id} has no summary");
            assert!(operation["description"].as_str().is_some_and(|text| !text.is_empty()), "{id} has no description");
            let responses = operation["responses"].as_object().expect("responses");
            for (status, response) in responses {
                assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{id} {status} has no description");
                if status.as_str() >= "400" {
                    assert!(response["content"].get("application/problem+json").is_some(), "{id} {status} is a problem document");
                }
            }
            if OPEN.contains(&id) {
                assert_eq!(operation["security"], serde_json::json!([{}]), "{id} needs no token");
                continue;
            }
            let has = |status: &str| responses.contains_key(status);
            for status in ["401", "403", "406", "429", "500", "503"] {
                assert!(has(status), "{id} does not document {status}");
            }
            for (status, response) in responses {
                // Who signed in too long ago is known, and has limits to be told.
                let known = status != "401" || id == "breakGlass";
                for (name, there) in
                    [("RateLimit-Policy", known), ("RateLimit", known), ("Retry-After", status == "429" || status == "503")]
                {
                    let reference = &response["headers"][name]["$ref"];
                    assert_eq!(reference.is_string(), there, "{id} {status}: {name}");
                    let pointer = reference.as_str().map(|reference| reference.trim_start_matches('#'));
                    assert!(pointer.is_none_or(|pointer| document.pointer(pointer).is_some()), "{id} {status}: {reference}");
                }
            }
            assert!(has("404") || !path.contains('{'), "{id}: 404");
            let parameters: BTreeSet<_> =
                operation["parameters"].as_array().into_iter().flatten().filter_map(|parameter| parameter["name"].as_str()).collect();
            assert_eq!(parameters.contains("id"), path.contains("{id}"), "{id}: id");
            for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().expect("a name");
                assert!(has("400"), "{id}: a query may be wrong ({name})");
                let schema = &parameter["schema"];
                let said = ["pattern", "enum", "format"].iter().any(|word| schema.get(word).is_some());
                assert!(schema["type"] != "string" || said || FREE.contains(&(id, name)), "{id}: what form has {name}?");
            }
            if method == "put" {
                for status in ["400", "404", "409", "412", "413", "415", "422", "428"] {
                    assert!(has(status), "{id} does not document {status}");
                }
                assert!(parameters.contains("If-Match") && !parameters.contains("Idempotency-Key"), "{id}: a change, not a creation");
            }
            if method == "post" {
                for status in ["400", "409", "413", "415", "422"] {
                    assert!(has(status), "{id} does not document {status}");
                }
                assert_eq!(parameters.contains("Idempotency-Key"), has("201"), "{id}: Idempotency-Key on what creates");
                assert_eq!(parameters.contains("If-Match"), has("412") && has("428"), "{id}: If-Match on what changes");
                let changes = path.contains("{id}") && !ADDING.contains(&id);
                assert_eq!(parameters.contains("If-Match"), changes, "{id}: a change of a resource");
            }
        }
    }
}

on_both!(json_and_yaml_say_the_same);
fn json_and_yaml_say_the_same(app: &TestApp) {
    let json = app.anonymous().get("/openapi.json").expect(200);
    let yaml = app.anonymous().get("/openapi.yaml").expect(200);
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(yaml.header("content-type"), Some("application/yaml"));
    for id in operations(app).into_keys() {
        assert!(yaml.body.contains(&format!("operationId: {id}\n")), "{id} is missing in the YAML");
    }
    assert!(json.json()["components"]["securitySchemes"]["bearer"].is_object());
}

on_both!(the_checked_in_document_is_the_one_that_is_served);
fn the_checked_in_document_is_the_one_that_is_served(app: &TestApp) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/cofrestr.yaml");
    let served = app.anonymous().get("/openapi.yaml").expect(200).body;
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &served).expect("a written document");
    }
    let kept = std::fs::read_to_string(&path).expect("openapi/cofrestr.yaml");
    assert!(
        kept == served,
        "openapi/cofrestr.yaml differs from what is served; when the change is meant: UPDATE_OPENAPI=1 cargo test openapi"
    );
}

on_both!(the_documents_examples_and_answers_have_only_fields_that_it_names);
fn the_documents_examples_and_answers_have_only_fields_that_it_names(app: &TestApp) {
    use crate::support::people::{Child, Question};

    let document = app.anonymous().get("/openapi.json").expect(200).json();
    let entered = app.register(&Child::usual());
    let asked = app.ask(&Caller::health(), &Question::usual().everywhere());
    let visits = format!("/v1/registrations/{}/visits", entered.registration);
    let visit = app.custodian().post(&visits, &serde_json::json!({"visitedOn": "2026-03-09", "seen": true})).expect(201);
    let get = |path: String| app.custodian().get(&path).expect(200).json();
    for (schema, value) in [
        ("CheckView", asked.json()),
        ("CheckView", get(format!("/v1/checks/{}", asked.text("/id")))),
        ("CheckList", get("/v1/checks".into())),
        ("ChildView", get(format!("/v1/children/{}", entered.child))),
        ("HistoryView", get(format!("/v1/children/{}/history", entered.child))),
        ("HistoryView", get(format!("/v1/children/{}/history?from=2026-01-01&to=2026-12-31", entered.child))),
        ("RegistrationView", get(format!("/v1/registrations/{}", entered.registration))),
        ("RegistrationList", get("/v1/registrations".into())),
        ("CoordinatorHistoryView", get(format!("/v1/registrations/{}/coordinator", entered.registration))),
        ("CategoriesView", get(format!("/v1/registrations/{}/categories", entered.registration))),
        ("CoreGroupView", get(format!("/v1/registrations/{}/core-group", entered.registration))),
        ("ConferenceList", get("/v1/conferences".into())),
        ("TransferList", get("/v1/transfers".into())),
        ("AlertList", {
            let body = serde_json::json!({"registrationId": entered.registration, "path": "child-missing"});
            app.custodian().post("/v1/alerts", &body).expect(201);
            get("/v1/alerts".into())
        }),
        ("Section47List", get("/v1/section-47-enquiries".into())),
        ("ClockList", get(format!("/v1/registrations/{}/clocks", entered.registration))),
        ("VisitView", visit.json()),
        ("VisitList", get(format!("/v1/registrations/{}/visits", entered.registration))),
        ("DueList", get("/v1/clocks".into())),
        ("NoticeList", get("/v1/notices".into())),
        ("TaskList", get("/v1/tasks".into())),
        ("RevocationList", {
            let operator = app.as_caller(&Caller::of_region("operator"));
            let revocation = serde_json::json!({"issuer": crate::support::tokens::ISSUER, "tokenId": "t", "reason": "A test"});
            operator.post("/v1/revocations", &revocation).expect(201);
            operator.get("/v1/revocations").expect(200).json()
        }),
        ("MessageList", {
            let entry = app.register(&Child::named("Macsen", "Prydderch").born("2016-01-09")).registration;
            let moves = serde_json::json!({"registrationId": entry, "to": SWANSEA, "nature": "permanent"});
            app.custodian().post("/v1/transfers", &moves).expect(201);
            app.as_caller(&Caller::of_region("operator")).get("/v1/messages").expect(200).json()
        }),
        ("RetentionList", get("/v1/retention".into())),
        ("HoldList", {
            let hold = serde_json::json!({"authority": "W06000022", "childId": entered.child, "reason": "A test"});
            app.custodian().post("/v1/legal-holds", &hold).expect(201);
            get("/v1/legal-holds".into())
        }),
        ("CloudEventList", get("/v1/events".into())),
        ("ClientList", {
            let operator = app.as_caller(&Caller::of_region("operator"));
            operator.post("/v1/clients", &crate::support::operations::client()).expect(201);
            operator.get("/v1/clients").expect(200).json()
        }),
        ("DirectoryView", get("/v1/directory".into())),
        ("Problem", app.health().get("/v1/nothing").json()),
    ] {
        fits(&document, &document["components"]["schemas"][schema], &value, schema);
    }
}

on_both!(every_example_of_the_document_is_taken);
fn every_example_of_the_document_is_taken(app: &TestApp) {
    use crate::support::people::Child;

    let document = app.anonymous().get("/openapi.json").expect(200).json();
    for (path, example) in cofrestr::api::openapi::EXAMPLES {
        let pointer = format!("/paths/{}/post/requestBody/content/application~1json/example", path.replace('~', "~0").replace('/', "~1"));
        let mut example: Value = serde_json::from_str(example).expect("an example");
        assert_eq!(document.pointer(&pointer), Some(&example), "{path}: the example stands in the document");
        let decisions = example.get_mut("decisions").and_then(Value::as_array_mut).map(|decisions| decisions.iter_mut());
        let named: Vec<&mut Value> = match decisions {
            Some(decisions) => decisions.filter_map(|decision| decision.get_mut("childId")).collect(),
            None => example.get_mut("childId").into_iter().collect(),
        };
        for child in named {
            *child = app.enter(&Child::named("Gwenllian", "Trahaearn")).child.into();
        }
        if let Some(registration) = example.get_mut("registrationId") {
            *registration = app.register(&Child::usual()).registration.into();
        }
        if let Some(issuer) = example.get_mut("issuer") {
            *issuer = crate::support::tokens::ISSUER.into();
        }
        let role = if ["/v1/revocations", "/v1/clients"].contains(path) { "operator" } else { "custodian" };
        app.as_caller(&Caller::of_region(role)).post(path, &example).expect(201);
    }
}

on_both!(every_example_of_a_change_is_taken);
fn every_example_of_a_change_is_taken(app: &TestApp) {
    use crate::support::people::Child;

    let document = app.anonymous().get("/openapi.json").expect(200).json();
    for (path, example) in cofrestr::api::openapi::EXAMPLES_OF_CHANGES {
        let example: Value = serde_json::from_str(example).expect("an example");
        let (method, operation) = document["paths"][path].as_object().and_then(|methods| methods.iter().next()).expect("an operation");
        assert_eq!(operation["requestBody"]["content"]["application/json"]["example"], example, "{path}: it stands in the document");
        let child = if path.ends_with("/birth") { Child::unborn("2026-11-30").mother("Meinir", "Vaughan") } else { Child::usual() };
        let child = app.enter(&child).child;
        let read = app.custodian().get(&format!("/v1/children/{child}")).expect(200);
        let fact = read.at("/identifiers/0/id").as_str().unwrap_or_default().to_owned();
        let id = if path.starts_with("/v1/transfers") {
            // To a region that does not answer: nothing comes between.
            let entry = app.register(&Child::named("Macsen", "Prydderch").born("2016-01-09")).registration;
            let moves = serde_json::json!({"registrationId": entry, "to": SWANSEA, "nature": "permanent"});
            app.custodian().post("/v1/transfers", &moves).expect(201).text("/id")
        } else {
            child
        };
        let (id, action) = if path.starts_with("/v1/alerts") {
            let entry = app.register(&Child::named("Macsen", "Prydderch").born("2016-01-09")).registration;
            let alert = serde_json::json!({"registrationId": entry, "path": "child-missing"});
            (app.custodian().post("/v1/alerts", &alert).expect(201).text("/id"), "circulate")
        } else {
            (id, "papers")
        };
        let path = path.replace("{id}", &id).replace("{fact}", &fact).replace("{action}", action);
        let answer = match method.as_str() {
            "put" => app.custodian().put(&path, "\"1\"", &example),
            _ => app.custodian().change(&path, "\"1\"", &example),
        };
        assert!([200, 201].contains(&answer.status), "{path}: {}", answer.body);
    }
}

/// Checks a value against the parts of a schema that say which fields there are.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        return fits(document, document.pointer(pointer).unwrap_or_else(|| panic!("{name} is not in the document")), value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        // An optional item of another shape: null, or that shape.
        if let Some(shape) = choices.iter().find(|choice| choice["type"] != "null") {
            return fits(document, shape, value, place);
        }
    }
    match value {
        Value::Object(items) => {
            let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{place}: the document knows no fields: {schema}"));
            for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                assert!(items.contains_key(required), "{place}: {required} is required and missing");
            }
            for (name, item) in items {
                let property = properties.get(name).unwrap_or_else(|| panic!("{place}: {name} is not in the document"));
                fits(document, property, item, &format!("{place}/{name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fits(document, &schema["items"], item, place)),
        _ => {}
    }
}
