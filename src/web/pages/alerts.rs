//! Missing children: who is sought, what is known, who has been reached, and the steps that the API offers to this person now.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::form::Mistake;
use super::page::{Page, authorities, html, see, sorry};
use super::reading::{reach, read};
use super::sent::{Boxes, Came, Sent};
use super::session::Visit;
use super::steps::{Duty, Possible, StepForm, Taken, described_by, error_at, steps_of, to_sign_in};
use crate::api::alerts;
use crate::api::gate::Gate;
use crate::api::problem::Problem;
use crate::authz::Operation;
use crate::authz::policy::action::{ActOnAlert, ReadAlert};
use crate::domain::custody::alert::{ClosureReason, RiskLevel};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    pub(super) id: String,
    pub(super) status: String,
    path: String,
    pub(super) exercise: bool,
    pub(super) owner: Owner,
    child_id: Option<String>,
    child: Sought,
    details: Details,
    missing: Vec<String>,
    review_by: Option<DateTime<Utc>>,
    pub(super) stale: bool,
    closure: Option<String>,
    transfer_id: Option<String>,
    recipients: Vec<Recipient>,
    reports: Vec<Report>,
    duties: Vec<Duty>,
    steps: Vec<Taken>,
    possible: Vec<Possible>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Owner {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sought {
    names: Vec<Name>,
    born_from: Option<NaiveDate>,
    born_to: Option<NaiveDate>,
    expected_on: Option<NaiveDate>,
    mother: Option<Name>,
}

#[derive(Debug, Deserialize)]
struct Name {
    given: Option<String>,
    middle: Option<String>,
    family: Option<String>,
}

impl Name {
    fn whole(&self) -> String {
        let parts = [&self.given, &self.middle, &self.family];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    last_seen: Option<Seen>,
    risk: Option<String>,
    risk_note: Option<String>,
    companions: Option<String>,
    instructions: Option<String>,
    police: Option<Told>,
    manager: Option<Told>,
}

#[derive(Debug, Deserialize)]
struct Seen {
    at: DateTime<Utc>,
    place: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Told {
    at: DateTime<Utc>,
    name: String,
    reference: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Recipient {
    region: String,
    delivered: bool,
    acknowledged: bool,
    searched: bool,
    found: Option<bool>,
}

impl Recipient {
    /// How far it has come with the alert.
    fn stage(&self) -> &'static str {
        match (self.delivered, self.acknowledged, self.searched, self.found) {
            (_, _, true, Some(true)) => "found",
            (_, true, true, _) => "searched-and-seen",
            (_, _, true, _) => "searched",
            (_, true, _, _) => "seen",
            (true, ..) => "delivered",
            _ => "waiting",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    id: Option<String>,
    kind: String,
    region: String,
    at: Option<DateTime<Utc>>,
    agency: Option<String>,
    call_back: Option<String>,
    place: Option<String>,
    seen_by: Option<String>,
    note: Option<String>,
    stored_at: DateTime<Utc>,
    read: Option<Value>,
}

impl Report {
    /// What is said in it, a line each.
    fn said(&self) -> Vec<&str> {
        [&self.agency, &self.place, &self.seen_by, &self.note].into_iter().flatten().map(String::as_str).collect()
    }

    /// When it happened, or was stored where that is not said.
    fn happened(&self) -> &DateTime<Utc> {
        self.at.as_ref().unwrap_or(&self.stored_at)
    }
}

impl Alert {
    /// The names of the child, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.child.names.iter().map(Name::whole).filter(|name| !name.is_empty()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// By which the child is called in a heading.
    pub(super) fn name(&self) -> String {
        self.names().into_iter().next().or_else(|| self.child.mother.as_ref().map(Name::whole)).unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertPage {
    page: Page,
    shown: Alert,
    /// Steps with a page of their own.
    steps: Vec<String>,
    /// Whether this person may say that they have read a report.
    reads: bool,
    children: bool,
    moves: bool,
}

/// `GET /alerts/{id}`.
pub(super) async fn show(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(to_sign_in(visit)) };
    match read::<ReadAlert, Alert, _>(&request, &somebody, visit.language, (Some(&id), ""), alerts::read).await {
        Ok(shown) => {
            let mut steps = steps_of(&shown.possible, Operation::ActOnAlert, &somebody);
            let reads = steps.iter().any(|step| step == "read-sighting");
            // A report is read where it stands.
            steps.retain(|step| step != "read-sighting");
            let children = reach(Operation::ReadChild, &somebody).is_some();
            let moves = reach(Operation::ReadTransfer, &somebody).is_some();
            let page = Page::new(&mut visit)?;
            html(visit, StatusCode::OK, &AlertPage { page, shown, steps, reads, children, moves })
        }
        Err(problem) => sorry(visit, &problem),
    }
}

/// What the API is asked. Each step is asked with what belongs to it; what is missing the API says.
fn body(form: &StepForm, step: &str, now: DateTime<Utc>) -> Value {
    let own: &[(&str, &str)] = match step {
        "locate" => &[("note", "note"), ("seenBy", "seen-by"), ("foundIn", "found-in")],
        "sighting" => &[("note", "note"), ("seenBy", "seen-by"), ("place", "place")],
        "stand-down" => &[("note", "note"), ("reason", "reason")],
        "read-sighting" => &[("sightingId", "sighting")],
        _ => &[("note", "note")],
    };
    let mut body = some(form, own);
    if ["circulate", "update"].contains(&step) {
        let details = details(form, now);
        if !details.is_empty() {
            body.insert("details".to_owned(), Value::Object(details));
        }
    }
    Value::Object(body)
}

/// The items of the API's request that were typed into boxes.
fn some(form: &StepForm, pairs: &[(&str, &str)]) -> Map<String, Value> {
    let given = |name: &str| Some(form.value(name)).filter(|text| !text.is_empty()).map(|text| json!(text));
    pairs.iter().filter_map(|(item, field)| Some(((*item).to_owned(), given(field)?))).collect()
}

/// What is said of the matter. Whoever was told is told now.
pub(super) fn details(form: &StepForm, now: DateTime<Utc>) -> Map<String, Value> {
    let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    let plain = [("risk", "risk"), ("riskNote", "risk-note"), ("companions", "companions"), ("instructions", "instructions")];
    let mut details = some(form, &plain);
    for (item, fields) in
        [("police", [("name", "police"), ("reference", "police-reference")].as_slice()), ("manager", [("name", "manager")].as_slice())]
    {
        let mut told = some(form, fields);
        if !told.is_empty() {
            told.insert("at".to_owned(), json!(at));
            details.insert(item.to_owned(), Value::Object(told));
        }
    }
    details
}

/// The box that each item of a step, or of what begins an alert, was typed into.
pub(super) const BOXES: Boxes = Boxes {
    boxes: &[
        ("/path", "path", "alert-path"),
        ("/details/lastSeen/place", "seen-place", "alert-place"),
        ("/details/lastSeen", "seen-day", "alert-last-seen"),
        ("/note", "note", "move-note"),
        ("/seenBy", "seen-by", "alert-seen-by"),
        ("/foundIn", "found-in", "alert-found-in"),
        ("/place", "place", "alert-place"),
        ("/reason", "reason", "move-reason"),
        ("/details/riskNote", "risk-note", "alert-risk-note"),
        ("/details/risk", "risk", "alert-risk"),
        ("/details/companions", "companions", "alert-companions"),
        ("/details/instructions", "instructions", "alert-what-to-do"),
        ("/details/police/reference", "police-reference", "alert-police-reference"),
        ("/details/police", "police", "alert-police"),
        ("/details/manager", "manager", "alert-manager"),
    ],
    instead: |_, _| None,
};

#[derive(Template)]
#[template(path = "alert_step.html")]
struct StepPage {
    page: Page,
    id: String,
    step: String,
    form: StepForm,
    errors: Vec<Mistake>,
    /// Every authority of the federation: code and name.
    authorities: Vec<(String, String)>,
}

impl StepPage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        error_at(&self.errors, field.as_ref())
    }

    fn described(&self, field: impl AsRef<str>, hint: impl AsRef<str>) -> Option<String> {
        described_by(&self.errors, field.as_ref(), hint.as_ref())
    }

    fn choices(&self) -> Vec<&'static str> {
        match self.step.as_str() {
            // A child who was found is located.
            "stand-down" => ClosureReason::CODES.into_iter().filter(|code| *code != ClosureReason::LocatedAndSeen.as_str()).collect(),
            _ => RiskLevel::CODES.to_vec(),
        }
    }
}

fn step_page(
    mut visit: Visit,
    (id, step): (&str, &str),
    status: StatusCode,
    form: StepForm,
    errors: Vec<Mistake>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    let authorities = authorities(&visit);
    html(visit, status, &StepPage { page, id: id.to_owned(), step: step.to_owned(), form, errors, authorities })
}

/// `GET /alerts/{id}/{step}`: the form of a step that may be taken now.
pub(super) async fn step(request: HttpRequest, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (id, step) = path.into_inner();
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(to_sign_in(visit)) };
    match read::<ReadAlert, Alert, _>(&request, &somebody, visit.language, (Some(&id), ""), alerts::read).await {
        Ok(shown) => {
            if steps_of(&shown.possible, Operation::ActOnAlert, &somebody).contains(&step) && step != "read-sighting" {
                return step_page(visit, (&shown.id, &step), StatusCode::OK, StepForm::default(), Vec::new());
            }
            // It was possible when the page before was made, or it never was: that page says what is possible now.
            Ok(see(visit, &format!("/alerts/{}", shown.id)))
        }
        Err(problem) => sorry(visit, &problem),
    }
}

/// `POST /alerts/{id}/{step}`.
pub(super) async fn take(request: HttpRequest, path: Path<(String, String)>, payload: Payload) -> Result<HttpResponse, Problem> {
    let (id, step) = path.into_inner();
    let sent = match Sent::read(&request, payload, to_sign_in).await? {
        Ok(sent) => sent,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let now = sent.visit.app.store.clock().now();
    // Whatever came from elsewhere meanwhile: whether the step is still possible is decided there.
    let act = |gate: Gate<ActOnAlert>| alerts::act(gate.saying(&body(&sent.form, &step, now).to_string(), "*").about(&step));
    let came = sent.ask(&request, BOXES, Some(&id), act).await;
    let Sent { visit, form, .. } = sent;
    match came {
        Came::Done(_) => Ok(see(visit, &format!("/alerts/{id}"))),
        Came::Again(status, errors) => step_page(visit, (&id, &step), status, form, errors),
        Came::Sorry(problem) => sorry(visit, &problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_asked_with_what_belongs_to_it() {
        let pairs = [
            ("note", "N"),
            ("seen-by", " Sister Adeyemi "),
            ("found-in", "E08000025"),
            ("place", "Platform 4"),
            ("reason", "died"),
            ("sighting", "s"),
            ("risk", "high"),
            ("instructions", "Keep her with you"),
            ("police", "PC Rees"),
            ("police-reference", "GP-1"),
        ];
        let form = StepForm { values: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect() };
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let police = json!({"at": "2026-11-18T11:06:40Z", "name": "PC Rees", "reference": "GP-1"});
        let details = json!({"risk": "high", "instructions": "Keep her with you", "police": police});
        for (step, expected) in [
            ("acknowledge", json!({"note": "N"})),
            ("locate", json!({"note": "N", "seenBy": "Sister Adeyemi", "foundIn": "E08000025"})),
            ("sighting", json!({"note": "N", "seenBy": "Sister Adeyemi", "place": "Platform 4"})),
            ("stand-down", json!({"note": "N", "reason": "died"})),
            ("read-sighting", json!({"sightingId": "s"})),
            ("circulate", json!({"note": "N", "details": details})),
        ] {
            assert_eq!(body(&form, step, now), expected, "{step}");
        }
        assert_eq!(body(&StepForm::default(), "update", now), json!({}));
        let boxes = ["/details/riskNote", "/details/police/name", "/else"].map(|pointer| BOXES.box_of(pointer).0);
        assert_eq!(boxes, ["risk-note", "police", ""]);
    }

    #[test]
    fn how_far_a_region_has_come_is_said_in_one_word() {
        for (delivered, acknowledged, searched, found, stage) in [
            (false, false, false, None, "waiting"),
            (true, false, false, None, "delivered"),
            (true, true, false, None, "seen"),
            (true, false, true, Some(false), "searched"),
            (true, true, true, Some(false), "searched-and-seen"),
            (true, false, true, Some(true), "found"),
        ] {
            let recipient = Recipient { region: "gwent".into(), delivered, acknowledged, searched, found };
            assert_eq!(recipient.stage(), stage);
        }
    }
}
