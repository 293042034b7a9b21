//! `Subscription`: the subscriptions of `/v1/webhooks` in the words of FHIR. What is sent is the same, by the same sender and signed
//! in the same way: thin CloudEvents, from which a program reads on. Secrets and deliveries are there. One that is over is not here.
//!
//! # Source
//! HL7 FHIR 4.0.1, Subscription.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::{MEDIA, OWN, PATH, Parameters, accepts, native, page, respond, respond_with_version, text};
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::api::webhooks::{self, WebhookQuery};
use crate::authz::policy::action;
use crate::domain::webhook::WebhookStatus;
use crate::store::webhooks::WebhookRow;

/// What a program may subscribe to, and the types of event that it gets.
const CRITERIA: [(&str, &[&str]); 3] = [
    ("AuditEvent", &["cofrestr.notice.enquiry*", "cofrestr.check.*"]),
    ("Communication", &["cofrestr.alert.*", "cofrestr.notice.alert-*"]),
    ("Task", &["cofrestr.notice.transfer-*"]),
];
/// What is sent.
const PAYLOAD: &str = "application/cloudevents+json";
/// The FHIR items that have a place in a subscription of ours.
const KNOWN: [&str; 10] = ["resourceType", "id", "meta", "status", "error", "reason", "criteria", "contact", "text", "language"];

fn signing_url() -> String {
    format!("{OWN}/StructureDefinition/webhook-signing")
}

/// The native request. What FHIR can ask and we cannot do is handed on as it stands: it is refused where every request is read.
fn request(subscription: &Value, changing: bool) -> Value {
    let mut request = Map::new();
    let mut say = |name: &str, value: &Value| {
        if !value.is_null() {
            request.insert(name.to_owned(), value.clone());
        }
    };
    let criteria = text(subscription, "/criteria").trim_end_matches('?');
    let kinds = match CRITERIA.iter().find(|(known, _)| *known == criteria) {
        Some((_, kinds)) => json!(kinds),
        None if criteria.is_empty() => json!([]),
        None => json!(criteria.split(',').collect::<Vec<_>>()),
    };
    say("eventTypes", &kinds);
    let channel = &subscription["channel"];
    say("url", &channel["endpoint"]);
    if channel["type"] != "rest-hook" {
        say("channelType", &channel["type"]);
    }
    if channel["payload"] != PAYLOAD {
        say("payload", &channel["payload"]);
    }
    say("header", &channel["header"]);
    for (name, value) in subscription.as_object().into_iter().flatten() {
        if !KNOWN.contains(&name.as_str()) && name != "channel" && name != "extension" {
            say(name, value);
        }
    }
    let extensions = subscription["extension"].as_array().into_iter().flatten();
    let signing = extensions.into_iter().find(|extension| extension["url"] == signing_url().as_str());
    match (changing, signing) {
        (false, Some(signing)) => say("signing", &signing["valueCode"]),
        (false, None) => {}
        (true, _) => {
            let status = match text(subscription, "/status") {
                "requested" | "active" => "active",
                "off" => "paused",
                other => other,
            };
            say("status", &json!(status));
        }
    }
    Value::Object(request)
}

fn subscription(webhook: &Value, version: Option<&str>) -> Value {
    let kinds: Vec<&str> = webhook["eventTypes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let criteria = CRITERIA
        .iter()
        .find(|(_, known)| *known == kinds)
        .map_or_else(|| if kinds.is_empty() { "cofrestr.*".to_owned() } else { kinds.join(",") }, |(criteria, _)| (*criteria).to_owned());
    let mut subscription = json!({
        "resourceType": "Subscription",
        "id": webhook["id"],
        "meta": {"lastUpdated": webhook["changedAt"]},
        "extension": [{"url": signing_url(), "valueCode": webhook["signing"]}],
        "status": match text(webhook, "/status") {
            "active" => "active",
            "disabled" => "error",
            _ => "off",
        },
        "reason": "Events of the child protection register",
        "criteria": criteria,
        "channel": {"type": "rest-hook", "endpoint": webhook["url"], "payload": PAYLOAD},
    });
    if let Some(version) = version {
        subscription["meta"]["versionId"] = version.into();
    }
    if let Some(reason) = webhook["statusReason"].as_str() {
        subscription["error"] = reason.into();
    }
    subscription
}

fn is_accepted(request: &HttpRequest) -> bool {
    Parameters::of_query(request).and_then(|query| accepts(request, &query)).is_ok()
}

/// `POST Subscription`.
///
/// # Errors
/// As `POST /v1/webhooks`.
pub async fn create(gate: Gate<action::AddWebhook>, incoming: HttpRequest) -> Result<HttpResponse, Problem> {
    let issuer = gate.app.region.issuer.clone();
    let answer = webhooks::put(gate.in_own_words(is_accepted(&incoming), |body| request(body, false))).await?;
    let native = native(&answer)?;
    let version = answer.etag.as_deref().unwrap_or_default().trim_matches('"').to_owned();
    let mut response = HttpResponse::build(StatusCode::CREATED);
    response
        .content_type(MEDIA)
        .insert_header(("location", format!("{issuer}{PATH}/Subscription/{}", text(&native, "/id"))))
        .insert_header(("etag", format!("W/\"{version}\"")));
    Ok(response.body(subscription(&native, Some(&version)).to_string()))
}

/// `GET Subscription/{id}`.
///
/// # Errors
/// As `GET /v1/webhooks/{id}`.
pub async fn read(gate: Gate<action::ReadWebhook>, incoming: HttpRequest) -> Result<HttpResponse, Problem> {
    let accepted = Parameters::of_query(&incoming).and_then(|query| accepts(&incoming, &query));
    let is_here = |row: &WebhookRow| if row.status == WebhookStatus::Ended.as_str() { Err(Kind::NotFound.into()) } else { Ok(()) };
    let answer = webhooks::again(gate, move |_, row| is_here(row).and(accepted)).await?;
    let version = answer.etag.as_deref().unwrap_or_default().trim_matches('"').to_owned();
    Ok(respond_with_version(&subscription(&native(&answer)?, Some(&version)), &answer))
}

/// `PUT Subscription/{id}`: another address or other events; `off`, or on again.
///
/// # Errors
/// As `PUT /v1/webhooks/{id}`.
pub async fn update(gate: Gate<action::ChangeWebhook>, incoming: HttpRequest) -> Result<HttpResponse, Problem> {
    let answer = webhooks::alter(gate.in_own_words(is_accepted(&incoming), |body| request(body, true))).await?;
    let version = answer.etag.as_deref().unwrap_or_default().trim_matches('"').to_owned();
    Ok(respond_with_version(&subscription(&native(&answer)?, Some(&version)), &answer))
}

/// `DELETE Subscription/{id}`: nothing more is sent, and what waits is dropped. Once more changes nothing.
///
/// # Errors
/// 404, 406; 412 when `If-Match` names another version.
pub async fn end(gate: Gate<action::ChangeWebhook>, incoming: HttpRequest) -> Result<HttpResponse, Problem> {
    webhooks::end(gate.without_words(is_accepted(&incoming))).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET Subscription`: one's own, newest first, without those that are over.
///
/// # Errors
/// As `GET /v1/webhooks`.
pub async fn search(gate: Gate<action::ListWebhooks>, incoming: HttpRequest) -> Result<HttpResponse, Problem> {
    let issuer = gate.app.region.issuer.clone();
    let wanted = Parameters::of_query(&incoming).and_then(|query| {
        accepts(&incoming, &query)?;
        query.check(&incoming, &["cursor"])?;
        let limit = query.one("_count").map(|count| count.parse().map_err(|_| Kind::MalformedQuery)).transpose()?;
        Ok(WebhookQuery { cursor: query.one("cursor").map(str::to_owned), limit })
    });
    let answer = native(&webhooks::some(gate, move |_| wanted).await?)?;
    let entry = |webhook: &Value| {
        let url = format!("{issuer}{PATH}/Subscription/{}", text(webhook, "/id"));
        json!({"fullUrl": url, "resource": subscription(webhook, None), "search": {"mode": "match"}})
    };
    let is_here = |webhook: &&Value| webhook["status"] != WebhookStatus::Ended.as_str();
    let entries = answer["items"].as_array().into_iter().flatten().filter(is_here).map(entry).collect();
    Ok(respond(&page(&format!("{issuer}{PATH}/Subscription"), text(&answer, "/links/next"), "", entries)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fhir_can_ask_and_nobody_here_can_do_is_not_dropped() {
        let asked = json!({
            "resourceType": "Subscription", "status": "requested", "reason": "Sightings", "criteria": "Communication?", "end": "2027-01-01T00:00:00Z",
            "channel": {"type": "email", "endpoint": "https://events.hospital.example/", "payload": "application/fhir+json", "header": ["X: y"]},
        });
        let expected = json!({
            "eventTypes": ["cofrestr.alert.*", "cofrestr.notice.alert-*"], "url": "https://events.hospital.example/", "channelType": "email",
            "payload": "application/fhir+json", "header": ["X: y"], "end": "2027-01-01T00:00:00Z",
        });
        assert_eq!(request(&asked, false), expected);
    }

    #[test]
    fn a_subscription_is_the_same_there_and_back() {
        for (criteria, kinds) in CRITERIA {
            let webhook = json!({"id": "1", "url": "https://events.hospital.example/", "eventTypes": kinds, "status": "active", "signing": "ed25519"});
            let shown = subscription(&webhook, Some("1"));
            assert_eq!(shown["criteria"], criteria);
            let again = json!({"eventTypes": kinds, "url": webhook["url"], "status": "active"});
            assert_eq!(request(&shown, true), again);
        }
    }
}
