//! `Task`: the moves of one's own cases, as far as FHIR has words for them. A view of `/v1/transfers`, which says more and takes
//! the steps.
//!
//! # Source
//! HL7 FHIR 4.0.1, Task; UK Core Task.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::resources::GSS;
use super::{OWN, PATH, Parameters, accepts, native, own_coding, page, respond, respond_with_version, text};
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::api::transfers::{self, TransferQuery};
use crate::authz::policy::action;

/// What FHIR calls the states of a move.
const STATUSES: [(&str, &str); 6] = [
    ("requested", "told, and no person there has opened it yet"),
    ("in-progress", "acknowledged, and on its way"),
    ("on-hold", "disputed"),
    ("completed", "accepted in writing"),
    ("rejected", "refused"),
    ("cancelled", "withdrawn"),
];

/// The state of a move in FHIR.
fn status(transfer: &Value) -> &'static str {
    match text(transfer, "/status") {
        "expected" | "notified" | "staying" => "requested",
        "disputed" => "on-hold",
        "accepted" | "closed" | "stay-ended" => "completed",
        "withdrawing" | "withdrawn" => "cancelled",
        "refused" | "not-registered" => "rejected",
        _ => "in-progress",
    }
}

pub(super) fn authority(party: &Value) -> Value {
    json!({"type": "Organization", "identifier": {"system": GSS, "value": party["code"]}, "display": party["name"]})
}

/// A move, or a stay, as a task for the authority to which the child comes.
fn task(transfer: &Value, version: &str) -> Value {
    let (code, what) = if text(transfer, "/status").starts_with("stay") {
        ("stay", "Temporary stay of a child on the child protection register")
    } else {
        ("transfer", "Move of a child on the child protection register")
    };
    let mut task = json!({
        "resourceType": "Task",
        "id": transfer["id"],
        "meta": {
            "versionId": version,
            "lastUpdated": transfer["changedAt"],
            "profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Task"],
        },
        "status": status(transfer),
        "businessStatus": {"coding": [own_coding("transfer-status", text(transfer, "/status"))]},
        "intent": "order",
        "code": {"coding": [own_coding("task", code)], "text": what},
        "for": {"type": "Patient", "identifier": {"system": format!("{OWN}/Id/child"), "value": transfer["childId"]}},
        "authoredOn": transfer["createdAt"],
        "lastModified": transfer["changedAt"],
        "requester": authority(&transfer["from"]),
        "owner": authority(&transfer["to"]),
    });
    if let Some(reason) = transfer["refusal"].as_str() {
        task["statusReason"] = json!({"coding": [own_coding("transfer-refusal", reason)]});
    }
    task
}

/// `GET Task/{id}`.
///
/// # Errors
/// As `GET /v1/transfers/{id}`.
pub async fn read(gate: Gate<action::ReadTransfer>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let accepted = Parameters::of_query(&request).and_then(|query| accepts(&request, &query));
    let answer = transfers::again(gate, move |_| accepted).await?;
    let version = answer.etag.as_deref().unwrap_or_default().trim_matches('"').to_owned();
    Ok(respond_with_version(&task(&native(&answer)?, &version), &answer))
}

/// `GET Task`: the moves of one's own cases, newest first; of a page of moves those in the states that are asked for.
///
/// # Errors
/// As `GET /v1/transfers`; 400 for a state that FHIR has and a move never is in.
pub async fn search(gate: Gate<action::ListTransfers>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let issuer = gate.app.region.issuer.clone();
    let query = Parameters::of_query(&request);
    let wanted = query.clone().and_then(|query| {
        accepts(&request, &query)?;
        query.check(&request, &["status", "cursor"])?;
        let states: Vec<String> = query.one("status").into_iter().flat_map(|states| states.split(',')).map(str::to_owned).collect();
        if states.iter().any(|state| STATUSES.iter().all(|(known, _)| known != state)) {
            return Err(Kind::MalformedQuery.into());
        }
        let limit = query.one("_count").map(|count| count.parse().map_err(|_| Kind::MalformedQuery)).transpose()?;
        Ok((states, TransferQuery { child: None, open: None, cursor: query.one("cursor").map(str::to_owned), limit }))
    });
    let (states, asked) = wanted.map_or_else(|problem| (Vec::new(), Err(problem)), |(states, query)| (states, Ok(query)));
    let answer = native(&transfers::some(gate, move |_| asked).await?)?;
    let moves = answer["items"].as_array().cloned().unwrap_or_default();
    let shown = moves.iter().filter(|transfer| states.is_empty() || states.iter().any(|state| state == status(transfer)));
    let entries: Vec<Value> = shown
        .map(|transfer| {
            let url = format!("{issuer}{PATH}/Task/{}", text(transfer, "/id"));
            json!({"fullUrl": url, "resource": task(transfer, "1"), "search": {"mode": "match"}})
        })
        .collect();
    let status = if states.is_empty() { String::new() } else { format!("&status={}", states.join(",")) };
    Ok(respond(&page(&format!("{issuer}{PATH}/Task"), text(&answer, "/links/next"), &status, entries)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_move_has_a_word_in_fhir() {
        for (native, expected) in [
            ("notified", "requested"),
            ("acknowledged", "in-progress"),
            ("conference-booked", "in-progress"),
            ("disputed", "on-hold"),
            ("closed", "completed"),
            ("refused", "rejected"),
            ("not-registered", "rejected"),
            ("withdrawn", "cancelled"),
            ("staying", "requested"),
            ("stay-acknowledged", "in-progress"),
            ("stay-ended", "completed"),
        ] {
            assert_eq!(status(&json!({"status": native})), expected, "{native}");
            assert!(STATUSES.iter().any(|(known, _)| *known == expected));
        }
    }

    #[test]
    fn a_stay_is_no_move() {
        for (native, code) in [("staying", "stay"), ("stay-ended", "stay"), ("notified", "transfer")] {
            assert_eq!(task(&json!({"status": native}), "1")["code"]["coding"][0]["code"], code, "{native}");
        }
    }
}
