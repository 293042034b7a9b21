//! The FHIR R4 face at `/FHIR/R4`: the same checks in the words of hospital systems.
//!
//! ```text
//! Patient, Parameters or a search ─▶ question: the native request ─▶ checks::put, as POST /v1/checks
//!                                                                            │ the native answer
//! searchset Bundle ◀─ resources: Patient, Flag, CarePlan, CareTeam for each match, and an OperationOutcome ◀┘
//! ```
//!
//! A check is a check: enquiry, notices, budgets, receipt and audit entry come about in one place. Every resource is a view of
//! a check: its identifier is the check's and the place of the match in it, it is shown to whoever asked, and it says no more
//! than the native answer.
//!
//! Nothing personal stands in a URL: identifiers of people are searched for by `POST …/_search`. The two searches of the CP-IS
//! drop-in ([`drop_in`]) take an NHS number in the query because their callers cannot be changed; no log, metric or trace of
//! ours ever holds a query.
//!
//! # Source
//! HL7 FHIR 4.0.1; UK Core.

pub mod capability;
pub mod communications;
pub mod drop_in;
mod outcome;
mod question;
mod resources;
pub mod subscriptions;
pub mod tasks;

use std::collections::HashMap;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

pub use outcome::operation_outcome;
use question::Asked;
use resources::{Match, Page};

use super::checks::{self, Posed};
use super::gate::{Gate, Incoming};
use super::problem::{Kind, Problem};
use crate::authz::policy::action;
use crate::domain::ids::CheckId;
use crate::register::idempotency::Answer;

/// Under which path the face is.
pub const PATH: &str = "/FHIR/R4";
/// The media type of FHIR in JSON.
const MEDIA: &str = "application/fhir+json";
/// Whose extensions and codes these are.
pub(super) const OWN: &str = "https://cofrestr.example/fhir";
/// NHS numbers.
pub(super) const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// CHI numbers.
const CHI_NUMBER: &str = "https://fhir.scot.nhs.uk/Id/chi-number";
/// Health and Care numbers.
const HC_NUMBER: &str = "https://fhir.hscni.net/Id/hcn";
/// Says why a check is asked, where the resource has no place for it: one of the reasons of a check.
const REASON_HEADER: &str = "x-check-reason";

/// An answer in FHIR.
fn respond(resource: &Value) -> HttpResponse {
    HttpResponse::Ok().content_type(MEDIA).body(resource.to_string())
}

fn respond_with_version(resource: &Value, answer: &Answer) -> HttpResponse {
    let mut response = respond(resource);
    // The same version as on the native face, weak: the resource is a view of it (FHIR 4.0.1, 3.1.0.1.3).
    if let Some(Ok(value)) = answer.etag.as_ref().map(|etag| header::HeaderValue::from_str(&format!("W/{etag}"))) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Whether the caller takes FHIR in JSON. `_format` wins over `Accept`.
fn accepts(request: &HttpRequest, parameters: &Parameters) -> Result<(), Problem> {
    let fhir = |kind: &str| matches!(kind, "application/fhir+json" | "application/json" | "json" | "text/json" | "*/*" | "application/*");
    let stated: Vec<String> = match parameters.one("_format") {
        Some(format) => vec![format.to_owned()],
        None => request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok()).map(str::to_owned).collect(),
    };
    let kinds = stated.iter().flat_map(|value| value.split(','));
    let mut kinds = kinds.map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()).peekable();
    // A plus sign in a query is a space there.
    if kinds.peek().is_none() || kinds.any(|kind| fhir(&kind.replace(' ', "+"))) { Ok(()) } else { Err(Kind::NotAcceptable.into()) }
}

/// The parameters of a search or an operation.
#[derive(Default, Clone)]
struct Parameters(Vec<(String, String)>);

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parameters([personal])")
    }
}

impl Parameters {
    fn read(text: &str) -> Result<Self, Problem> {
        let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(text).map_err(|_| Kind::MalformedQuery)?;
        Ok(Self(pairs.into_inner()))
    }

    fn of_query(request: &HttpRequest) -> Result<Self, Problem> {
        Self::read(request.query_string())
    }

    /// The one value of a parameter; nothing when it is absent.
    fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(stated, _)| stated == name).map(|(_, value)| value.as_str())
    }

    fn first_of(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.one(name))
    }

    /// Refuses what is not known when the caller wants that (`Prefer: handling=strict`), and what stands twice always: which of
    /// the two counted, nobody could tell.
    fn check(&self, request: &HttpRequest, known: &[&str]) -> Result<(), Problem> {
        let mut seen = HashMap::new();
        let repeated = self.0.iter().any(|(name, _)| name != "_include" && seen.insert(name.as_str(), ()).is_some());
        let common = ["_format", "_pretty", "_count", "_include", "_include:iterate", "_revinclude"];
        let unknown = self.0.iter().any(|(name, _)| !known.contains(&name.as_str()) && !common.contains(&name.as_str()));
        let strict = request
            .headers()
            .get_all("prefer")
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.to_ascii_lowercase().replace(' ', "").contains("handling=strict"));
        if repeated || (unknown && strict) { Err(Kind::MalformedQuery.into()) } else { Ok(()) }
    }

    fn page(&self) -> Result<Page, Problem> {
        let number = |name: &str| self.one(name).map(|text| text.parse::<usize>().map_err(|_| Kind::MalformedQuery)).transpose();
        Ok(Page { count: number("_count")?, offset: number("_offset")?.unwrap_or(0) })
    }
}

/// The native answer of a check, as JSON.
fn native(answer: &Answer) -> Result<Value, Problem> {
    serde_json::from_str(&answer.body).map_err(|_| Kind::InternalError.into())
}

/// Asks what a request in FHIR asks.
async fn ask(
    gate: Gate<action::AskCheck>,
    read: impl FnOnce(&Incoming) -> Result<Asked, Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    checks::put(gate, move |incoming, _| {
        let Asked(question) = read(incoming)?;
        // What can be wrong with the question is found where every question is read.
        let request = serde_json::from_value(question).map_err(|_| Kind::Invalid)?;
        Ok(Posed::New(Box::new(request), None))
    })
    .await
}

/// `Patient/$match`: is this child on a register?
///
/// # Errors
/// As `POST /v1/checks`, but for the idempotency key.
pub async fn patient_match(gate: Gate<action::AskCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (issuer, reason) = (gate.app.region.issuer.clone(), stated_reason(&request));
    let taken = Parameters::of_query(&request).and_then(|query| accepts(&request, &query));
    let body = gate.incoming.clone();
    let answer = ask(gate, move |incoming| {
        taken?;
        question::of_match(&incoming.fhir()?, reason.as_deref())
    })
    .await?;
    let wanted = question::Wanted::of_match(&body.fhir()?);
    Ok(respond(&resources::matches(&issuer, &native(&answer)?, &wanted)))
}

/// The parameters that a search for flags knows.
const FLAG_SEARCH: [&str; 9] = [
    "patient:identifier",
    "subject:identifier",
    "patient.identifier",
    "subject.identifier",
    "patient.birthdate",
    "patient.family",
    "patient.given",
    "status",
    "reason",
];

/// `POST Flag/_search`: the flags of the child with an identifier. It is a check.
///
/// # Errors
/// As `POST /v1/checks`, but for the idempotency key.
pub async fn search_flags(gate: Gate<action::AskCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (issuer, reason) = (gate.app.region.issuer.clone(), stated_reason(&request));
    let body = gate.incoming.clone();
    let strict = request.clone();
    let checked = parameters_of_form(&body).and_then(|parameters| {
        accepts(&strict, &parameters)?;
        parameters.check(&strict, &FLAG_SEARCH)?;
        Ok((parameters.page()?, parameters))
    });
    let asked = checked.clone();
    let answer = ask(gate, move |_| question::of_search(&asked?.1, reason.as_deref())).await?;
    let (page, parameters) = checked?;
    Ok(respond(&resources::flags(&issuer, &native(&answer)?, page, parameters.one("status"))))
}

fn parameters_of_form(incoming: &Incoming) -> Result<Parameters, Problem> {
    Parameters::read(&incoming.form()?)
}

/// `GET Flag`: the flags of a check that was asked before, by its opaque identifiers. A person's identifier is refused here: it
/// would stand in a URL.
///
/// # Errors
/// 400 for a person's identifier or an unknown parameter in a strict search; 404 for a check that is not the caller's.
pub async fn list_flags(gate: Gate<action::ReadCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let issuer = gate.app.region.issuer.clone();
    let query = Parameters::of_query(&request);
    let looked = query.clone().and_then(|query| {
        let is_personal = |name: &str| ["identifier", "birthdate", "family", "given"].iter().any(|part| name.contains(part));
        if query.0.iter().any(|(name, _)| is_personal(name)) {
            return Err(Kind::PersonalInUrl.into());
        }
        query.check(&request, &["check", "_id", "patient", "subject", "status", "_offset"])?;
        let named = query.first_of(&["check", "_id", "patient", "subject"]).ok_or(Kind::MalformedQuery)?;
        // A malformed identifier names nothing, like a new one: the same work is done for it.
        let check = check_of(named).unwrap_or_else(|| CheckId::new_at(gate.app.store.clock().wall()));
        let only = query.first_of(&["_id", "patient", "subject"]).and_then(place_of);
        Ok((check, only, query.page()?, query.one("status").map(str::to_owned)))
    });
    let accepted = query.and_then(|query| accepts(&request, &query));
    let id = looked.as_ref().map_or_else(|_| CheckId::new_at(gate.app.store.clock().wall()), |(check, ..)| *check);
    let answer = checks::again(gate, id, looked.clone().map(|_| ()), accepted).await?;
    let (_, only, page, status) = looked?;
    Ok(respond(&resources::some_flags(&issuer, &native(&answer)?, page, status.as_deref(), only)))
}

/// Why a check is asked, as the request's header says.
fn stated_reason(request: &HttpRequest) -> Option<String> {
    request.headers().get(REASON_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The check in the identifier of one of its resources, with or without the type before it.
fn check_of(id: &str) -> Option<CheckId> {
    id.rsplit('/').next()?.get(..36)?.parse().ok()
}

/// The place of the match in the identifier of one of its resources, from 0.
fn place_of(id: &str) -> Option<usize> {
    id.rsplit('/').next()?.get(36..)?.strip_prefix('-')?.parse::<usize>().ok()?.checked_sub(1)
}

/// One resource of a match, read again.
async fn one(gate: Gate<action::ReadCheck>, request: HttpRequest, show: impl FnOnce(&Match<'_>) -> Value) -> Result<HttpResponse, Problem> {
    let issuer = gate.app.region.issuer.clone();
    let stated = request.match_info().get("id").unwrap_or_default().to_owned();
    // A malformed identifier names nothing, like a new one: the same work is done for it.
    let id = check_of(&stated).filter(|_| place_of(&stated).is_some());
    let id = id.unwrap_or_else(|| CheckId::new_at(gate.app.store.clock().wall()));
    let accepted = Parameters::of_query(&request).and_then(|query| accepts(&request, &query));
    let answer = checks::again(gate, id, Ok(()), accepted).await?;
    let native = native(&answer)?;
    let found = place_of(&stated).and_then(|place| Match::of(&issuer, &native, place)).ok_or(Kind::NotFound)?;
    Ok(respond_with_version(&show(&found), &answer))
}

/// `GET Patient/{id}`.
///
/// # Errors
/// 404 when there is none for this caller.
pub async fn patient(gate: Gate<action::ReadCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    one(gate, request, |found| found.patient()).await
}

/// `GET Flag/{id}`.
///
/// # Errors
/// As [`patient`].
pub async fn flag(gate: Gate<action::ReadCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    one(gate, request, |found| found.flag()).await
}

/// `GET CarePlan/{id}`.
///
/// # Errors
/// As [`patient`].
pub async fn care_plan(gate: Gate<action::ReadCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    one(gate, request, |found| found.care_plan()).await
}

/// `GET CareTeam/{id}`.
///
/// # Errors
/// As [`patient`].
pub async fn care_team(gate: Gate<action::ReadCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    one(gate, request, |found| found.care_team()).await
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A page of a list as a Bundle; `next` is where the native list goes on, `filters` what was asked for besides.
fn page(url: &str, next: &str, filters: &str, entries: Vec<Value>) -> Value {
    let mut links = vec![json!({"relation": "self", "url": url})];
    if let Some((_, cursor)) = next.split_once('?') {
        let cursor = cursor.replace("limit=", "_count=");
        links.push(json!({"relation": "next", "url": format!("{url}?{cursor}{filters}")}));
    }
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "link": links});
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    bundle
}

/// A coding of ours.
fn own_coding(system: &str, code: &str) -> Value {
    json!({"system": format!("{OWN}/CodeSystem/{system}"), "code": code})
}
