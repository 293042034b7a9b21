//! `Communication`: alerts about missing children, as far as FHIR has words for them. A view of `/v1/alerts`, which says more and
//! takes the steps. Whoever asks about a child who is sought hears of it in the answer to the check: this is for staff.
//!
//! # Source
//! HL7 FHIR 4.0.1, Communication.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::tasks::authority;
use super::{OWN, PATH, Parameters, accepts, native, own_coding, page, respond, respond_with_version, text};
use crate::api::alerts::{self, AlertQuery};
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::authz::policy::action;

/// What FHIR calls the states of an alert. `closed` may have been stood down for any reason: that is in `statusReason`.
const STATUSES: [(&str, &str); 4] =
    [("raised", "preparation"), ("not-circulated", "not-done"), ("active", "in-progress"), ("closed", "completed")];

fn status(alert: &Value) -> &'static str {
    let native = text(alert, "/status");
    STATUSES.iter().find(|(known, _)| *known == native).map_or("unknown", |(_, status)| status)
}

fn communication(alert: &Value, version: Option<&str>) -> Value {
    let exercise = alert["exercise"] == true;
    let regions = alert["regions"].as_array().into_iter().flatten();
    let recipients: Vec<Value> = regions
        .map(|region| json!({"type": "Organization", "identifier": {"system": format!("{OWN}/Id/region"), "value": region}}))
        .collect();
    let mut communication = json!({
        "resourceType": "Communication",
        "id": alert["id"],
        "meta": {"lastUpdated": alert["changedAt"]},
        "status": status(alert),
        "category": [{"coding": [own_coding("alert-path", text(alert, "/path"))], "text": if exercise { "Exercise: nobody is missing" } else { "Missing child" }}],
        "priority": if exercise { "routine" } else { "stat" },
        "sender": authority(&alert["owner"]),
    });
    if let Some(version) = version {
        communication["meta"]["versionId"] = version.into();
    }
    if exercise {
        communication["meta"]["tag"] = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]);
    }
    if let Some(child) = alert["childId"].as_str() {
        let identifier = json!({"system": format!("{OWN}/Id/child"), "value": child});
        communication["subject"] = json!({"type": "Patient", "identifier": identifier});
    }
    if let Some(reason) = alert["closure"].as_str() {
        communication["statusReason"] = json!({"coding": [own_coding("alert-closure", reason)]});
    }
    if !recipients.is_empty() {
        communication["recipient"] = recipients.into();
    }
    if let Some(instructions) = alert["details"]["instructions"].as_str() {
        communication["payload"] = json!([{"contentString": instructions}]);
    }
    communication
}

/// `GET Communication/{id}`.
///
/// # Errors
/// As `GET /v1/alerts/{id}`.
pub async fn read(gate: Gate<action::ReadAlert>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let accepted = Parameters::of_query(&request).and_then(|query| accepts(&request, &query));
    let answer = alerts::again(gate, move |_| accepted).await?;
    let version = answer.etag.as_deref().unwrap_or_default().trim_matches('"').to_owned();
    Ok(respond_with_version(&communication(&native(&answer)?, Some(&version)), &answer))
}

/// `GET Communication`: alerts, newest first; those in one state if it is asked for.
///
/// # Errors
/// As `GET /v1/alerts`; 400 for a state that FHIR has and an alert never is in.
pub async fn search(gate: Gate<action::ListAlerts>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let issuer = gate.app.region.issuer.clone();
    let wanted = Parameters::of_query(&request).and_then(|query| {
        accepts(&request, &query)?;
        query.check(&request, &["status", "cursor"])?;
        let status = query.one("status").map(|wanted| {
            let known = STATUSES.iter().find(|(_, status)| *status == wanted);
            known.map(|(native, _)| (*native).to_owned()).ok_or(Kind::MalformedQuery)
        });
        let limit = query.one("_count").map(|count| count.parse().map_err(|_| Kind::MalformedQuery)).transpose()?;
        Ok(AlertQuery { status: status.transpose()?, child: None, cursor: query.one("cursor").map(str::to_owned), limit })
    });
    // The native list carries its filter on by itself, in its own words.
    let filter = wanted.as_ref().ok().and_then(|query| query.status.clone());
    let answer = native(&alerts::some(gate, move |_| wanted).await?)?;
    let entry = |alert: &Value| {
        let url = format!("{issuer}{PATH}/Communication/{}", text(alert, "/id"));
        json!({"fullUrl": url, "resource": communication(alert, None), "search": {"mode": "match"}})
    };
    let entries = answer["items"].as_array().into_iter().flatten().map(entry).collect();
    let mut next = text(&answer, "/links/next").to_owned();
    if let Some((native, status)) = filter.and_then(|filter| STATUSES.into_iter().find(|(native, _)| *native == filter)) {
        next = next.replace(&format!("status={native}"), &format!("status={status}"));
    }
    Ok(respond(&page(&format!("{issuer}{PATH}/Communication"), &next, "", entries)))
}
