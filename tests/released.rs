//! The contract that was released: whoever built on it goes on working until the version says otherwise.
//!
//! `openapi/released/VERSION.json` is the shape of the document as it was released – what programs rest on, without words and
//! examples. A change that would break them fails here unless the version of the document has moved: the first number, or the
//! second while the first is 0. A release is kept with `RELEASE_OPENAPI=1 cargo test --test all -- released`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cofrestr::api::openapi::Document;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::support::app::TestApp;
use crate::support::on_both;
use crate::support::tokens::Caller;

/// What is read by people only.
const WORDS: [&str; 7] = ["description", "summary", "example", "examples", "title", "externalDocs", "tags"];
/// Where names stand for something of the caller's, and none of them is a word of the document.
const NAMES: [&str; 3] = ["properties", "schemas", "paths"];

/// The shape of a document, without what is read by people only.
fn shape(value: &Value, holds_names: bool) -> Value {
    match value {
        Value::Object(items) => items
            .iter()
            .filter(|(name, _)| holds_names || !WORDS.contains(&name.as_str()))
            .map(|(name, item)| (name.clone(), shape(item, !holds_names && NAMES.contains(&name.as_str()))))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| shape(item, false)).collect(),
        other => other.clone(),
    }
}

fn current() -> Value {
    shape(&serde_json::to_value(Document::openapi()).unwrap(), false)
}

/// Which side a schema is read from: what a program sends, or what it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Answer,
}

/// What would break a program that was built on `old`.
struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Shapes that are being compared: some hold themselves.
    seen: BTreeSet<(String, String, bool)>,
    found: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn of(old: &'a Value, new: &'a Value) -> Vec<String> {
        let mut comparison = Self { old, new, seen: BTreeSet::new(), found: Vec::new() };
        comparison.paths();
        comparison.found
    }

    fn broken(&mut self, place: &str, what: &str) {
        self.found.push(format!("{place}: {what}"));
    }

    fn paths(&mut self) {
        for (path, methods) in self.old["paths"].as_object().unwrap() {
            for (method, old) in methods.as_object().unwrap() {
                let place = format!("{} {path}", method.to_uppercase());
                match self.new["paths"][path].get(method) {
                    Some(new) => self.operation(&place, old, new),
                    None => self.broken(&place, "is gone"),
                }
            }
        }
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        self.parameters(place, old, new);
        let (before, now) = (&old["requestBody"], &new["requestBody"]);
        if before["required"] != json!(true) && now["required"] == json!(true) {
            self.broken(place, "needs a body now");
        }
        self.media(&format!("{place} request"), &before["content"], &now["content"], Side::Request);
        for (status, before) in old["responses"].as_object().unwrap() {
            match new["responses"].get(status) {
                Some(now) => self.media(&format!("{place} {status}"), &before["content"], &now["content"], Side::Answer),
                // A problem that can no longer happen breaks nobody.
                None if status.as_str() >= "400" => {}
                None => self.broken(place, &format!("does not answer {status} any more")),
            }
        }
    }

    fn parameters(&mut self, place: &str, old: &Value, new: &Value) {
        let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        let (old, new) = (array(old, "parameters"), array(new, "parameters"));
        for before in &old {
            let place = format!("{place} parameter {}", before["name"].as_str().unwrap_or_default());
            match new.iter().find(|now| same(before, now)) {
                None => self.broken(&place, "is gone"),
                Some(now) => {
                    if before["required"] != json!(true) && now["required"] == json!(true) {
                        self.broken(&place, "is required now");
                    }
                    self.schema(&place, &before["schema"], &now["schema"], Side::Request);
                }
            }
        }
        for now in new.iter().filter(|now| now["required"] == json!(true) && !old.iter().any(|before| same(before, now))) {
            self.broken(place, &format!("needs a new parameter, {}", now["name"].as_str().unwrap_or_default()));
        }
    }

    fn media(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        for (kind, before) in old.as_object().into_iter().flatten() {
            match new.get(kind) {
                Some(now) => self.schema(&format!("{place} {kind}"), &before["schema"], &now["schema"], side),
                None => self.broken(place, &format!("has no {kind} any more")),
            }
        }
    }

    fn schema(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let names = (old["$ref"].as_str().unwrap_or_default().to_owned(), new["$ref"].as_str().unwrap_or_default().to_owned());
        if !names.0.is_empty() && !names.1.is_empty() && !self.seen.insert((names.0, names.1, side == Side::Request)) {
            return;
        }
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        self.types(place, &old, &new, side);
        self.limits(place, &old, &new, side);
        let word = |value: &Value| value.to_string();
        let (before, now) = (array(&old, "enum"), array(&new, "enum"));
        let gone: Vec<String> = before.iter().filter(|code| !now.is_empty() && !now.contains(code)).map(word).collect();
        if !gone.is_empty() {
            self.broken(place, &format!("knows {} no more", gone.join(", ")));
        }
        if side == Side::Request && before.is_empty() && !now.is_empty() {
            self.broken(place, "is a closed list now");
        }
        self.fields(place, &old, &new, side);
        if old.get("items").is_some() {
            self.schema(&format!("{place}[]"), &old["items"], &new["items"], side);
        }
        for choice in ["oneOf", "anyOf", "allOf"] {
            let (before, now) = (array(&old, choice), array(&new, choice));
            if now.len() < before.len() {
                self.broken(place, &format!("has fewer forms ({choice})"));
            }
            for (index, (before, now)) in before.iter().zip(&now).enumerate() {
                self.schema(&format!("{place}({index})"), before, now, side);
            }
        }
    }

    fn types(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let kinds = |schema: &Value| -> BTreeSet<String> {
            match &schema["type"] {
                Value::String(kind) => BTreeSet::from([kind.clone()]),
                Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => BTreeSet::new(),
            }
        };
        let (before, now) = (kinds(old), kinds(new));
        let still = match side {
            Side::Request => now.is_empty() || (!before.is_empty() && before.is_subset(&now)),
            Side::Answer => before.is_empty() || (!now.is_empty() && now.is_subset(&before)),
        };
        if !still {
            self.broken(place, &format!("was {before:?} and is {now:?}"));
        }
    }

    /// A request that was good must stay good.
    fn limits(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        if side == Side::Answer {
            return;
        }
        for (name, is_upper) in
            [("maxLength", true), ("maximum", true), ("maxItems", true), ("minLength", false), ("minimum", false), ("minItems", false)]
        {
            let Some(now) = new[name].as_f64() else { continue };
            let is_narrower = old[name].as_f64().is_none_or(|before| if is_upper { now < before } else { now > before });
            if is_narrower {
                self.broken(place, &format!("{name} is narrower"));
            }
        }
    }

    fn fields(&mut self, place: &str, old: &Value, new: &Value, side: Side) {
        let required = |schema: &Value, name: &str| array(schema, "required").contains(&json!(name));
        for (name, before) in old["properties"].as_object().into_iter().flatten() {
            let place = format!("{place}/{name}");
            match new["properties"].get(name) {
                None => self.broken(&place, "is gone"),
                Some(now) => {
                    if side == Side::Answer && required(old, name) && !required(new, name) {
                        self.broken(&place, "may be absent now");
                    }
                    self.schema(&place, before, now, side);
                }
            }
        }
        if side == Side::Request {
            for name in array(new, "required").iter().filter_map(Value::as_str).filter(|name| !required(old, name)) {
                self.broken(&format!("{place}/{name}"), "is required now");
            }
        }
    }
}

fn array(value: &Value, name: &str) -> Vec<Value> {
    value[name].as_array().cloned().unwrap_or_default()
}

fn resolved(document: &Value, schema: &Value) -> Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default(),
        None => schema.clone(),
    }
}

/// A version as numbers.
fn numbers(version: &str) -> [u64; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap());
    [parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap()]
}

/// Whether a version may break what was built on another.
fn may_break(now: [u64; 3], then: [u64; 3]) -> bool {
    if then[0] == 0 { now[..2] > then[..2] } else { now[0] > then[0] }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi/released")
}

fn released() -> Vec<([u64; 3], PathBuf)> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut versions: Vec<_> = files.map(|file| (numbers(file.file_stem().unwrap().to_str().unwrap()), file)).collect();
    versions.sort();
    versions
}

#[test]
fn what_was_released_is_kept_until_the_version_moves() {
    let now = current();
    let version = now["info"]["version"].as_str().unwrap().to_owned();
    if std::env::var_os("RELEASE_OPENAPI").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(folder().join(format!("{version}.json")), serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
    let (last, file) = released().pop().expect("a release: RELEASE_OPENAPI=1");
    assert!(numbers(&version) >= last, "the version of the document has gone back");
    let old: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let broken = Comparison::of(&old, &now);
    assert!(
        broken.is_empty() || may_break(numbers(&version), last),
        "whoever built on {last:?} would break; keep it, deprecate it, or move the version:\n{}",
        broken.join("\n")
    );
}

#[test]
fn a_breaking_change_is_seen_and_an_addition_is_none() {
    let old = current();
    assert_eq!(Comparison::of(&old, &old), Vec::<String>::new());
    type Change = fn(&mut Value);
    let breaking: [(&str, Change); 9] = [
        ("an operation", |new| drop(new.pointer_mut("/paths/~1v1~1checks").unwrap().as_object_mut().unwrap().remove("get"))),
        ("a field of an answer", |new| drop(properties(new, "CheckView").remove("outcome"))),
        ("a field of a request", |new| drop(properties(new, "CheckRequest").remove("caseReference"))),
        ("a value of a list", |new| drop(properties(new, "CheckView")["outcome"]["enum"].as_array_mut().unwrap().pop())),
        ("the type of a field", |new| properties(new, "CheckView")["outcome"]["type"] = json!("integer")),
        ("a new required field", |new| {
            properties(new, "CheckRequest").insert("shift".into(), json!({"type": "string"}));
            new.pointer_mut("/components/schemas/CheckRequest/required").unwrap().as_array_mut().unwrap().push(json!("shift"));
        }),
        ("a field that may be absent", |new| {
            new.pointer_mut("/components/schemas/CheckView/required").unwrap().as_array_mut().unwrap().retain(|name| name != "outcome");
        }),
        ("a parameter", |new| {
            new.pointer_mut("/paths/~1v1~1checks/get/parameters").unwrap().as_array_mut().unwrap().retain(|one| one["name"] != "limit");
        }),
        ("a kind of body", |new| {
            drop(new.pointer_mut("/paths/~1v1~1imports/post/requestBody/content").unwrap().as_object_mut().unwrap().remove("text/csv"));
        }),
    ];
    for (what, change) in breaking {
        let mut new = old.clone();
        change(&mut new);
        assert!(!Comparison::of(&old, &new).is_empty(), "{what} is gone and nobody notices");
    }
    let mut new = old.clone();
    properties(&mut new, "CheckView").insert("more".into(), json!({"type": "string"}));
    properties(&mut new, "CheckRequest").insert("more".into(), json!({"type": "string"}));
    properties(&mut new, "CheckView")["outcome"]["enum"].as_array_mut().unwrap().push(json!("more"));
    new["paths"]["/v1/more"] = old["paths"]["/v1/checks"].clone();
    assert_eq!(Comparison::of(&old, &new), Vec::<String>::new());
    assert!(may_break([0, 2, 0], [0, 1, 9]) && !may_break([0, 1, 9], [0, 1, 0]));
    assert!(may_break([2, 0, 0], [1, 4, 0]) && !may_break([1, 5, 0], [1, 4, 0]));
}

on_both!(what_is_going_to_end_says_so_on_every_answer, "[sandbox]\nenabled = true\ndeprecated = [\"listChecks\"]");
fn what_is_going_to_end_says_so_on_every_answer(app: &TestApp) {
    let answers = [
        app.health().get("/v1/checks").expect(200),
        app.health().get("/v1/checks?limit=0").expect(400),
        app.anonymous().get("/v1/checks").expect(401),
        app.as_caller(&Caller::of_region("statistics")).get("/v1/checks").expect(403),
    ];
    for answer in answers {
        let since: i64 = answer.header("deprecation").and_then(|since| since.strip_prefix('@')).unwrap().parse().unwrap();
        let sunset = chrono::DateTime::parse_from_rfc2822(answer.header("sunset").unwrap()).unwrap();
        assert!(sunset.timestamp() - since >= 180 * 86_400, "{since} {sunset}");
        assert_eq!(answer.header("link"), Some("</docs>; rel=\"successor-version\""));
    }
    let other = app.health().get("/v1/notices").expect(200);
    assert_eq!((other.header("deprecation"), other.header("sunset")), (None, None));
}

fn properties<'a>(document: &'a mut Value, schema: &str) -> &'a mut Map<String, Value> {
    document.pointer_mut(&format!("/components/schemas/{schema}/properties")).unwrap().as_object_mut().unwrap()
}
