//! `GET metadata`: what this face can do.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::{OWN, PATH, respond};
use crate::api::app::App;

/// What follows FHIR itself and no profile of UK Core.
const PLAIN: [&str; 2] = ["Communication", "Subscription"];

fn resource(kind: &str, interactions: &[&str], searches: &[(&str, &str, &str)], operations: &Value) -> Value {
    let mut resource = json!({
        "type": kind,
        "versioning": "versioned",
        "interaction": interactions.iter().map(|code| json!({"code": code})).collect::<Vec<_>>(),
    });
    if !PLAIN.contains(&kind) {
        resource["supportedProfile"] = json!([format!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-{kind}")]);
    }
    if !searches.is_empty() {
        let parameters = searches.iter().map(|(name, kind, says)| json!({"name": name, "type": kind, "documentation": says}));
        resource["searchParam"] = parameters.collect();
    }
    if operations.is_array() {
        resource["operation"] = operations.clone();
    }
    resource
}

/// The CapabilityStatement. Open: it says nothing of anybody.
pub async fn metadata(app: Data<App>) -> HttpResponse {
    let issuer = &app.region.issuer;
    let person = "POST _search only: an identifier of a person does not stand in a URL";
    let opaque = "the identifier of a resource that an earlier search answered";
    let matching = json!([{"name": "match", "definition": "http://hl7.org/fhir/OperationDefinition/Patient-match"}]);
    let cp_is = "An NHS number, as in NHS England's CP-IS: the only search with one in a URL";
    respond(&json!({
        "resourceType": "CapabilityStatement",
        "id": "cofrestr",
        "url": format!("{OWN}/CapabilityStatement/cofrestr"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "Cofrestr",
        "title": "Child protection register of a safeguarding region",
        "status": "active",
        "date": "2026-11-22",
        "kind": "instance",
        "software": {"name": "Cofrestr", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": app.region.own().name(crate::words::Language::English), "url": format!("{issuer}{PATH}")},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{
            "mode": "server",
            "documentation": "Every search for a person is a check: it is recorded, told to those responsible and receipted. X-Check-Reason says why it is asked.",
            "security": {
                "service": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}]}],
                "extension": [{
                    "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                    "extension": [{"url": "token", "valueUri": format!("{issuer}/oauth2/token")}],
                }],
            },
            "resource": [
                resource("Patient", &["read"], &[], &matching),
                resource("Flag", &["read", "search-type"], &[
                    ("patient:identifier", "token", person), ("patient.birthdate", "date", person), ("patient.family", "string", person),
                    ("patient.given", "string", person), ("patient", "reference", opaque), ("_id", "token", opaque), ("status", "token", "active or inactive"),
                ], &Value::Null),
                resource("CarePlan", &["read"], &[], &Value::Null),
                resource("CareTeam", &["read", "search-type"], &[("patient:identifier", "token", cp_is)], &Value::Null),
                resource("Task", &["read", "search-type"], &[("status", "token", "of moves: requested, in-progress, on-hold, completed, rejected or cancelled")], &Value::Null),
                resource("Communication", &["read", "search-type"], &[("status", "token", "of alerts: preparation, not-done, in-progress or completed")], &Value::Null),
                resource("Subscription", &["create", "read", "update", "delete", "search-type"], &[], &Value::Null),
                resource("AuditEvent", &["search-type"], &[("patient:identifier", "token", cp_is)], &Value::Null),
            ],
        }],
    }))
}
