//! Errors as OperationOutcome, with the status of the native face.

use serde_json::{Value, json};
use uuid::Uuid;

use super::own_coding;
use crate::api::problem::{Kind, Problem};
use crate::words::Language;

/// The errors that consumers of NHS England's CP-IS know.
const SPINE: &str = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode";

/// The type of an issue (FHIR 4.0.1, value set issue-type).
fn issue_type(kind: Kind) -> &'static str {
    match kind.status().as_u16() {
        401 => "login",
        403 => "forbidden",
        404 => "not-found",
        405 | 406 | 415 => "not-supported",
        409 | 412 => "conflict",
        413 => "too-long",
        422 if kind == Kind::Insufficient => "required",
        428 => "required",
        429 => "throttled",
        500 => "exception",
        503 => "transient",
        _ => "invalid",
    }
}

/// What CP-IS calls a kind of problem: code and words.
fn spine(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::InvalidSearchData => Some(("INVALID_SEARCH_DATA", "Invalid NHS number")),
        Kind::InvalidHeader => Some(("PRECONDITION_FAILED", "Missing or invalid head parameter")),
        kind if kind.status().as_u16() == 403 => Some(("ACCESS_DENIED", "Access has been denied to process this request")),
        _ => None,
    }
}

/// A problem as an OperationOutcome: one issue, and one for each item that is wrong.
pub fn operation_outcome(problem: &Problem, language: Language, request_id: Uuid) -> Value {
    let document = serde_json::to_value(problem.document(language, request_id)).unwrap_or_default();
    let kind = problem.kind;
    let code = issue_type(kind);
    let mut coding = vec![own_coding("problem", kind.slug())];
    let mut first = json!({"severity": "error", "code": code});
    let mut diagnostics = document["detail"].clone();
    if let Some((spine, words)) = spine(kind) {
        coding.insert(0, json!({"system": SPINE, "code": spine, "display": spine}));
        diagnostics = words.into();
    }
    first["details"] = json!({"coding": coding, "text": document["title"]});
    first["diagnostics"] = diagnostics;
    let items = document["errors"].as_array().into_iter().flatten().map(|error| {
        let code = error["code"].as_str().unwrap_or_default();
        let mut issue = json!({
            "severity": "error",
            "code": if code == "missing" { "required" } else { "value" },
            "details": {"coding": [own_coding("problem", code)], "text": error["detail"]},
        });
        // What is wrong with the whole has no place in it, and a text in FHIR is never empty.
        if let Some(place) = error["pointer"].as_str().filter(|place| !place.is_empty()) {
            issue["diagnostics"] = place.into();
        }
        issue
    });
    json!({
        "resourceType": "OperationOutcome",
        "id": request_id.to_string(),
        "meta": {"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-OperationOutcome"]},
        "issue": std::iter::once(first).chain(items).collect::<Vec<_>>(),
    })
}
