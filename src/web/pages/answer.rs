//! The answer: the outcome first, then whom to ring, then everything else.

use actix_web::http::{StatusCode, header};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use super::page::{Page, dial, html, see, sorry};
use super::session::{BY_ITSELF, Visit};
use crate::api::checks;
use crate::api::gate::{Gate, etag};
use crate::api::problem::{Kind, Problem};
use crate::authz::policy::action::ReadCheck;
use crate::register::idempotency::Answer;
use crate::words;

/// How often an incomplete answer is looked at again, in seconds: soon enough for somebody who waits, and slow enough for a screen
/// reader to say what stands there.
const LOOK_AGAIN_SECONDS: u32 = 10;

/// What the API answers, as far as the page shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    id: String,
    reference: String,
    asked_at: DateTime<Utc>,
    as_of: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    outcome: String,
    missing_alert: Option<Alert>,
    matches: Vec<Found>,
    coverage: Vec<Region>,
    earlier_enquiries: Earlier,
    advice: Vec<Advice>,
    receipt: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    grade: String,
    why: Vec<String>,
    status: String,
    authority: Authority,
    /// Whose contact it is, of a child whose home is outside the federation.
    held_by: Option<Authority>,
    registered_on: NaiveDate,
    coordinator: Option<Coordinator>,
    contact: Option<Contacts>,
    shielded: bool,
    missing_alert: Option<Alert>,
    number_in_use: Option<String>,
    /// Who at the authority has read that somebody asked.
    #[serde(default)]
    read_by: Vec<Reading>,
}

/// An office whose notice of the check was read, and when.
#[derive(Debug, Deserialize)]
struct Reading {
    role: String,
    at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    exercise: bool,
    stale: bool,
    instructions: String,
    contact: Option<Contact>,
}

#[derive(Debug, Deserialize)]
struct Authority {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Coordinator {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contacts {
    now: Contact,
    office: Contact,
    out_of_hours: Contact,
}

#[derive(Debug, Deserialize)]
struct Contact {
    name: String,
    phone: String,
    hours: Option<String>,
}

impl Contact {
    /// The number as a telephone dials it.
    fn dial(&self) -> String {
        dial(&self.phone)
    }
}

#[derive(Debug, Deserialize)]
struct Region {
    region: String,
    status: String,
    contact: Option<Contact>,
}

#[derive(Debug, Deserialize)]
struct Earlier {
    count: u64,
    agencies: Vec<String>,
    since: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
struct Advice {
    code: String,
    text: String,
}

/// A number to ring now.
struct Ring<'a> {
    authority: &'a str,
    contact: &'a Contact,
}

/// A register that was asked.
struct Asked<'a> {
    name: String,
    answered: bool,
    status: String,
    contact: Option<&'a Contact>,
}

#[derive(Template)]
#[template(path = "answer.html")]
struct AnswerPage {
    page: Page,
    check: Check,
    /// The names of the regions in the coverage, in its order.
    names: Vec<String>,
    /// Whether the answer changed after it was first given.
    late: bool,
    /// Whether the page looks again by itself.
    watching: bool,
}

impl AnswerPage {
    fn outcome(&self) -> String {
        format!("answer-outcome-{}", self.check.outcome)
    }

    /// The missing-child alerts, each once: they stand before the outcome.
    fn alerts(&self) -> Vec<&Alert> {
        let of_matches = self.check.matches.iter().filter_map(|found| found.missing_alert.as_ref());
        let mut alerts: Vec<&Alert> = Vec::new();
        for alert in self.check.missing_alert.iter().chain(of_matches) {
            let phone = |alert: &Alert| alert.contact.as_ref().map(|contact| contact.phone.clone());
            if alerts.iter().all(|known| known.instructions != alert.instructions || phone(known) != phone(alert)) {
                alerts.push(alert);
            }
        }
        alerts
    }

    /// What the outcome means, in the API's words.
    fn meaning(&self) -> &str {
        self.check.advice.iter().find(|advice| advice.code == self.check.outcome).map_or("", |advice| advice.text.as_str())
    }

    /// What else there is to say.
    fn further_advice(&self) -> Vec<&Advice> {
        self.check.advice.iter().filter(|advice| advice.code != self.check.outcome).collect()
    }

    /// Whom to ring now, each number once: for people found in the order in which they stand, for an incomplete answer the regions
    /// that are silent.
    fn rings(&self) -> Vec<Ring<'_>> {
        let found = self.check.matches.iter().filter(|found| found.status != "previously-registered");
        let found = found.filter_map(|found| {
            let whose = found.held_by.as_ref().unwrap_or(&found.authority);
            Some(Ring { authority: &whose.name, contact: &found.contact.as_ref()?.now })
        });
        let silent = self.check.coverage.iter().zip(&self.names);
        let silent = silent.filter_map(|(row, name)| Some(Ring { authority: name, contact: row.contact.as_ref()? }));
        let all: Vec<Ring<'_>> = match self.check.outcome.as_str() {
            "on-register" | "possible-match" => found.collect(),
            "indeterminate" => silent.collect(),
            _ => Vec::new(),
        };
        let mut rings: Vec<Ring<'_>> = Vec::new();
        for ring in all {
            if rings.iter().all(|other| other.contact.phone != ring.contact.phone) {
                rings.push(ring);
            }
        }
        rings
    }

    fn coverage(&self) -> Vec<Asked<'_>> {
        let one = |(row, name): (&'_ Region, &String)| (row.status.clone(), name.clone());
        let mut rows: Vec<Asked<'_>> = self
            .check
            .coverage
            .iter()
            .zip(&self.names)
            .map(|(row, name)| {
                let (status, name) = one((row, name));
                Asked { name, answered: status == "answered", status: format!("answer-coverage-{status}"), contact: row.contact.as_ref() }
            })
            .collect();
        // Those who did not answer stand first: they are what is still to be done.
        rows.sort_by_key(|row| row.answered);
        rows
    }

    fn registers(&self) -> String {
        let silent = self.check.coverage.iter().filter(|row| row.status != "answered").count();
        let (asked, silent) = (self.check.coverage.len().to_string(), silent.to_string());
        let name = if silent == "0" { "answer-all-answered" } else { "answer-some-silent" };
        words::say(self.page.language, name, &[("asked", &asked), ("silent", &silent)])
    }

    fn earlier(&self) -> String {
        let earlier = &self.check.earlier_enquiries;
        let since = earlier.since.map(|since| self.page.day(&since.date_naive())).unwrap_or_default();
        let said = words::say(self.page.language, "answer-earlier", &[("count", &earlier.count.to_string()), ("since", &since)]);
        if earlier.agencies.is_empty() { said } else { format!("{said} ({})", earlier.agencies.join(", ")) }
    }

    fn asked(&self) -> String {
        let time = |at| self.page.time(at);
        let (asked, read, until) = (time(&self.check.asked_at), time(&self.check.as_of), time(&self.check.valid_until));
        words::say(self.page.language, "answer-asked", &[("asked", &asked), ("read", &read), ("until", &until)])
    }
}

/// Reads the check as `GET /v1/checks/{id}` does, with its entry in the audit log.
async fn read(request: &HttpRequest, visit: &Visit, id: &str) -> Result<Option<(Check, Answer)>, Problem> {
    let Some(somebody) = &visit.somebody else { return Ok(None) };
    let gate = Gate::<ReadCheck>::through_a_page(request, &somebody.credentials, Some(id), "", visit.language).await?;
    let id = gate.incoming.id()?;
    let answer = checks::again(gate, id, Ok(()), Ok(())).await?;
    let check = serde_json::from_str(&answer.body).map_err(|_| Problem::from(Kind::InternalError))?;
    Ok(Some((check, answer)))
}

/// Where to sign in and come back from.
fn sign_in(visit: Visit, id: &str) -> HttpResponse {
    let next = id.parse::<uuid::Uuid>().map(|id| format!("/sign-in?next=/answers/{id}"));
    see(visit, next.as_deref().unwrap_or("/sign-in"))
}

/// `GET /answers/{id}`.
pub(super) async fn show(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let (check, answer) = match read(&request, &visit, &id).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(sign_in(visit, &id)),
        Err(problem) if problem.kind == Kind::Unauthenticated => return Ok(sign_in(visit, &id)),
        Err(problem) => return sorry(visit, &problem),
    };
    let page = Page::new(&mut visit)?;
    let watching = check.outcome == "indeterminate" && !request.query_string().contains("watch=no");
    // An answer begins at its first version, and has another one only because a silent region answered later.
    let late = check.outcome != "indeterminate" && answer.etag.as_deref() != Some(etag(1).as_str());
    let names = check
        .coverage
        .iter()
        .map(|row| {
            let member = row.region.parse().ok().and_then(|code| visit.app.region.member(&code));
            member.map_or_else(|| row.region.clone(), |member| member.name(visit.language).to_owned())
        })
        .collect();
    let known = check.id.clone();
    let mut response = html(visit, StatusCode::OK, &AnswerPage { page, check, names, late, watching })?;
    if watching {
        // A header and not a `meta` element: it does the same, without JavaScript, and the link beside it stops it (WCAG 2.2.1).
        // Its address says that nobody looks, so that a session does not last because of it.
        let again = header::HeaderValue::try_from(format!("{LOOK_AGAIN_SECONDS}; url=/answers/{known}?{BY_ITSELF}"));
        let again = again.map_err(|_| Problem::from(Kind::InternalError))?;
        response.headers_mut().insert(header::HeaderName::from_static("refresh"), again);
    }
    Ok(response)
}

/// `GET /answers/{id}/receipt`: the signed receipt as a file, for `cofrestr receipt verify`.
pub(super) async fn receipt(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    match read(&request, &visit, &id).await {
        Ok(Some((check, _))) => Ok(HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "application/jose"))
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.jws\"", check.reference)))
            .body(check.receipt)),
        Ok(None) => Ok(sign_in(visit, &id)),
        Err(problem) if problem.kind == Kind::Unauthenticated => Ok(sign_in(visit, &id)),
        Err(problem) => sorry(visit, &problem),
    }
}
