//! In the place of NHS England's CP-IS: a consumer of its FHIR API works by changing the base URL.
//!
//! ```text
//! GET CareTeam?patient:identifier=https://fhir.nhs.uk/Id/nhs-number|…     the plans, and whom to ring
//! GET AuditEvent?patient:identifier=…                                     the 25 latest accesses, newest first
//!     TraceID: …    IsUnscheduledAccessEvent: true | false                false: planned care, silent; absent: unplanned
//! ```
//!
//! These two searches carry an NHS number in the query, which nothing else here does: the interface is theirs, and changing it
//! would be no drop-in. What the search finds is a check like any other.
//!
//! # Source
//! NHS England, CP-IS FHIR R4 API, guide for consumers: requests, headers and error handling.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::question::Asked;
use super::resources::{Match, searchset};
use super::{NHS_NUMBER, PATH, Parameters, accepts, ask, check_of, native, own_coding, respond};
use crate::api::gate::{Gate, facts};
use crate::api::problem::{Kind, Problem};
use crate::authz::decide;
use crate::authz::policy::action;
use crate::domain::ids::CheckId;
use crate::register::checks::{self, Access, End};

/// The header that says whether care is planned.
const UNSCHEDULED: &str = "isunscheduledaccessevent";
/// The caller's own reference, which is sent back.
const TRACE: &str = "traceid";
/// The longest of these that is taken.
const TRACE_LONGEST: usize = 128;
/// For how long a plan is shown after it ended, in days.
const SHOWN_AFTER_DAYS: i64 = 365;
/// For how long one that ended is shown after the day on which the child was expected, in days, when no birth is known.
const UNBORN_SHOWN_AFTER_DAYS: i64 = 28;
/// The accesses that are shown.
const ACCESSES: usize = 25;

/// What a request of CP-IS says.
#[derive(Clone)]
struct Said {
    number: String,
    trace: Option<String>,
    unscheduled: bool,
}

impl Said {
    fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let query = Parameters::of_query(request)?;
        accepts(request, &query)?;
        query.check(request, &["patient:identifier"])?;
        let header = |name: &str| {
            let mut values = request.headers().get_all(name);
            match (values.next(), values.next()) {
                (None, _) => Ok(None),
                (Some(one), None) => one.to_str().map(|text| Some(text.trim().to_owned())).map_err(|_| Kind::InvalidHeader),
                _ => Err(Kind::InvalidHeader),
            }
        };
        let trace = header(TRACE)?;
        if trace.as_ref().is_some_and(|trace| trace.is_empty() || trace.len() > TRACE_LONGEST) {
            return Err(Kind::InvalidHeader.into());
        }
        let unscheduled = match header(UNSCHEDULED)?.as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(_) => return Err(Kind::InvalidHeader.into()),
        };
        // Their own examples end with a semicolon.
        let token = query.one("patient:identifier").ok_or(Kind::InvalidSearchData)?.trim_end_matches(';');
        let number = token.strip_prefix(NHS_NUMBER).and_then(|rest| rest.strip_prefix('|')).ok_or(Kind::InvalidSearchData)?;
        Ok(Self { number: number.to_owned(), trace, unscheduled })
    }

    fn question(&self) -> Asked {
        // Their "silent read": whoever answers for the child is not called because of planned care.
        let (reason, notify) = if self.unscheduled { ("hospital-attendance", "normal") } else { ("scheduled-care", "silent") };
        Asked(json!({"reason": reason, "notify": notify, "child": {"nhsNumber": self.number}}))
    }

    /// The caller's reference goes back only if it is an identifier: anything else may be anything.
    fn traced(&self, mut response: HttpResponse) -> HttpResponse {
        let trace = self.trace.as_ref().filter(|trace| uuid::Uuid::parse_str(trace).is_ok());
        if let Some(Ok(value)) = trace.map(|trace| actix_web::http::header::HeaderValue::from_str(trace)) {
            response.headers_mut().insert(actix_web::http::header::HeaderName::from_static(TRACE), value);
        }
        response
    }
}

/// What was asked and found, and what is told of it here alone.
struct Found {
    native: Value,
    ends: Vec<Option<End>>,
    accesses: Vec<Access>,
    today: NaiveDate,
}

/// Asks, then reads what the native answer does not say, with a permit of its own.
async fn find(gate: Gate<action::AskCheck>, request: &HttpRequest, said: Result<Said, Problem>) -> Result<Found, Problem> {
    let (app, principal) = (gate.app.clone(), Arc::clone(gate.permit.principal()));
    let answer = ask(gate, move |_| Ok(said?.question())).await.map_err(|problem| match problem.kind {
        // The only thing that can be wrong with the question is its number.
        Kind::Invalid | Kind::Insufficient => Kind::InvalidSearchData.into(),
        _ => problem,
    })?;
    let native = native(&answer)?;
    let id: CheckId = native["id"].as_str().and_then(check_of).ok_or(Kind::InternalError)?;
    let permit = match decide::<action::ReadCheck>(&principal, facts(request).context) {
        Ok(permit) => permit,
        Err(refusal) => {
            app.store.record(&refusal).await?;
            return Err(Kind::OperationNotAllowed.into());
        }
    };
    let region = Arc::clone(&app.region);
    let (ends, accesses, today) = app
        .store
        .read(permit, move |snapshot| {
            snapshot.audit().enquiry(id);
            let (row, answer) = checks::read(snapshot.connection, id, &principal, crate::authz::Reach::Own)?;
            let ends = checks::ends(snapshot.connection, &answer)?;
            let told = region.disclosure.earlier_agencies(&principal);
            let accesses = checks::accesses(snapshot.connection, &row, &answer, told, ACCESSES)?;
            Ok::<_, Problem>((ends, accesses, crate::register::children::today(snapshot.now())))
        })
        .await?;
    Ok(Found { native, ends, accesses, today })
}

/// Whether a plan that ended is still shown: one in force is, however long ago the child was expected.
fn is_shown(end: &End, today: NaiveDate) -> bool {
    match end.due_on {
        Some(due) => (today - due).num_days() <= UNBORN_SHOWN_AFTER_DAYS,
        None => (today - end.on).num_days() <= SHOWN_AFTER_DAYS,
    }
}

fn self_link(issuer: &str, kind: &str) -> Value {
    // Without the number: what is answered may be kept by whoever asked, in a log of theirs.
    json!({"relation": "self", "url": format!("{issuer}{PATH}/{kind}")})
}

/// `GET CareTeam?patient:identifier=…`: the plans of a child, those that ended within a year too, and whom to ring. By a mother's number
/// those of the child whom she expects.
///
/// # Errors
/// CP-IS's three, and those of every check.
pub async fn care_teams(gate: Gate<action::AskCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let issuer = gate.app.region.issuer.clone();
    let said = Said::read(&request);
    let found = find(gate, &request, said.clone()).await?;
    let mut entries = Vec::new();
    for (place, end) in found.ends.iter().enumerate() {
        let Some(one) = Match::of(&issuer, &found.native, place) else { break };
        if one.is_current() || end.is_some_and(|end| is_shown(&end, found.today)) {
            let mut more = Map::new();
            if let Some(End { on, due_on }) = end {
                let start = found.native["matches"][place]["registeredOn"].clone();
                more.insert("period".into(), json!({"start": start, "end": on}));
                more.insert("category".into(), json!([Match::plan(due_on.is_some())]));
            }
            entries.push(one.entry("CareTeam", one.care_team_with(more), json!({"mode": "match"})));
        }
    }
    let bundle = searchset(&issuer, &found.native, vec![self_link(&issuer, "CareTeam")], entries.len(), entries);
    Ok(said?.traced(respond(&bundle)))
}

/// `GET AuditEvent?patient:identifier=…`: who else asked about the child, newest first.
///
/// # Errors
/// CP-IS's three, and those of every check.
pub async fn audit_events(gate: Gate<action::AskCheck>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let issuer = gate.app.region.issuer.clone();
    let said = Said::read(&request);
    let found = find(gate, &request, said.clone()).await?;
    let entries: Vec<_> = found
        .accesses
        .iter()
        .map(|access| json!({"fullUrl": format!("urn:uuid:{}", access.id), "resource": audit_event(access), "search": {"mode": "match"}}))
        .collect();
    let bundle = searchset(&issuer, &found.native, vec![self_link(&issuer, "AuditEvent")], entries.len(), entries);
    Ok(said?.traced(respond(&bundle)))
}

/// An access: when, which organisation, in which role, and why. Never the person.
fn audit_event(access: &Access) -> Value {
    let agency = access.agency.as_deref().unwrap_or("Not told to this enquirer");
    json!({
        "resourceType": "AuditEvent",
        "id": access.id.to_string(),
        "meta": {"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-AuditEvent"]},
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "search", "display": "search"}],
        "action": "E",
        "recorded": access.at,
        "outcome": "0",
        "purposeOfEvent": [{"coding": [own_coding("reason", &access.reason)]}],
        "agent": [{
            "role": [{"coding": [own_coding("role", &access.role)]}],
            "who": {"type": "Organization", "display": agency},
            "requestor": true,
        }],
        "source": {"observer": {"type": "Organization", "display": "Cofrestr"}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_as_their_examples_have_it() {
        assert_eq!(super::super::question::number("https://fhir.nhs.uk/Id/nhs-number|9990001006"), Some(("nhsNumber", "9990001006")));
        let planned = Said { number: "9990001006".into(), trace: None, unscheduled: false };
        let Asked(asked) = planned.question();
        assert_eq!((&asked["reason"], &asked["notify"]), (&json!("scheduled-care"), &json!("silent")));
    }
}
