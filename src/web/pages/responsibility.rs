//! Who is responsible for a child, and what keeps it so whatever the address: read and recorded by whoever may do so by the API.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::children::{Child, sign_in};
use super::entries::{choices, in_force};
use super::form::{Mistake, day};
use super::page::{Page, html, see, sorry};
use super::reading::{parameter, reach, read, versioned};
use super::sent::{Boxes, Came, Sent};
use super::session::{SignedIn, Visit};
use super::steps::{By, StepForm, described_by, error_at};
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::api::{children, responsibility};
use crate::authz::Operation;
use crate::authz::policy::action::{ChangeResponsibility, ReadChild, ReadResponsibility};

/// Whether somebody may read who is responsible.
pub(super) fn may(somebody: &SignedIn) -> bool {
    reach(Operation::ReadResponsibility, somebody).is_some()
}

/// What is recorded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    responsible: Option<String>,
    court_order: Option<String>,
    outside: Option<Outside>,
    by: Option<By>,
    reason: Option<String>,
}

/// Where the child is, outside the federation.
#[derive(Debug, Deserialize)]
struct Outside {
    place: String,
    abroad: bool,
    since: NaiveDate,
    evidence: Vec<String>,
}

impl Recorded {
    /// A form with what is recorded in it. Why it changes is said anew each time.
    fn form(&self) -> StepForm {
        let mut values = vec![("court-order".to_owned(), self.court_order.clone().unwrap_or_default())];
        if let Some(outside) = &self.outside {
            let (day, month, year) = (outside.since.format("%-d"), outside.since.format("%-m"), outside.since.format("%Y"));
            values.extend([
                ("place".to_owned(), outside.place.clone()),
                ("abroad".to_owned(), if outside.abroad { "yes" } else { "" }.to_owned()),
                ("since-day".to_owned(), day.to_string()),
                ("since-month".to_owned(), month.to_string()),
                ("since-year".to_owned(), year.to_string()),
                ("evidence".to_owned(), outside.evidence.join("\n")),
            ]);
        }
        StepForm { values }
    }

    /// Whether it is what a form says already, which was sent twice.
    fn is(&self, form: &StepForm) -> bool {
        let mut own = self.form();
        own.values.push(("reason".to_owned(), self.reason.clone().unwrap_or_default()));
        body(&own) == body(form)
    }
}

/// An entry, and what is recorded under it.
struct Shown {
    entry: String,
    version: String,
    recorded: Recorded,
    /// The name of the responsible authority.
    leads: Option<String>,
}

#[derive(Template)]
#[template(path = "responsibility.html")]
struct ResponsibilityPage {
    page: Page,
    child: Child,
    shown: Option<Shown>,
    /// The child's entries in force, when there are several.
    entries: Vec<(String, String)>,
    /// Whether this person may record it.
    records: bool,
    form: StepForm,
    errors: Vec<Mistake>,
}

impl ResponsibilityPage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        error_at(&self.errors, field.as_ref())
    }

    fn described(&self, field: impl AsRef<str>, hint: impl AsRef<str>) -> Option<String> {
        described_by(&self.errors, field.as_ref(), hint.as_ref())
    }
}

/// What the API is asked: all of it. What is left out is so no more.
fn body(form: &StepForm) -> Value {
    let mut body = Map::new();
    for (item, field) in [("courtOrder", "court-order"), ("reason", "reason")] {
        if !form.value(field).is_empty() {
            body.insert(item.to_owned(), json!(form.value(field)));
        }
    }
    let mut outside = Map::new();
    let since = day(form.value("since-day"), form.value("since-month"), form.value("since-year"));
    for (item, value) in [("place", form.value("place")), ("since", &since)] {
        if !value.is_empty() {
            outside.insert(item.to_owned(), json!(value));
        }
    }
    let evidence: Vec<&str> = form.value("evidence").lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if !evidence.is_empty() {
        outside.insert("evidence".to_owned(), json!(evidence));
    }
    if form.has("abroad", "yes") {
        outside.insert("abroad".to_owned(), json!(true));
    }
    if !outside.is_empty() {
        body.insert("outside".to_owned(), Value::Object(outside));
    }
    Value::Object(body)
}

/// The box that each item was typed into.
const BOXES: Boxes = Boxes {
    boxes: &[
        ("/courtOrder", "court-order", "work-responsible-order"),
        ("/outside/place", "place", "work-responsible-place"),
        ("/outside/since", "since-day", "work-responsible-since"),
        ("/outside/evidence", "evidence", "work-responsible-evidence"),
        ("/reason", "reason", "work-responsible-reason"),
    ],
    instead: |_, _| None,
};

/// The page, about a child whom the person may see. Without `form`, what is recorded stands in the boxes.
async fn page(
    request: &HttpRequest,
    mut visit: Visit,
    somebody: &SignedIn,
    (id, wanted): (&str, &str),
    (status, form, errors): (StatusCode, Option<StepForm>, Vec<Mistake>),
) -> Result<HttpResponse, Problem> {
    if !may(somebody) {
        return sorry(visit, &Kind::OperationNotAllowed.into());
    }
    let language = visit.language;
    let child = match read::<ReadChild, Child, _>(request, somebody, language, (Some(id), ""), children::read).await {
        Ok(child) => child,
        Err(problem) => return sorry(visit, &problem),
    };
    let entries = in_force(request, &visit, somebody, &child).await?;
    let entry = entries.iter().find(|entry| entry.id == wanted).or(entries.first()).map(|entry| entry.id.clone());
    let mut shown = None;
    if let Some(entry) = entry {
        let about = (Some(entry.as_str()), "");
        let (recorded, version) =
            match versioned::<ReadResponsibility, Recorded, _>(request, somebody, language, about, responsibility::read).await {
                Ok(found) => found,
                Err(problem) => return sorry(visit, &problem),
            };
        let leads = recorded
            .responsible
            .as_deref()
            .map(|gss| visit.app.region.authority(gss).map_or_else(|| gss.to_owned(), |(_, found)| found.name(language).to_owned()));
        // Of a form that comes back because something else was wrong: what its writer had seen, and not what has come since.
        let seen = form
            .as_ref()
            .map(|form| form.value("version").to_owned())
            .filter(|seen| !seen.is_empty() && status != StatusCode::PRECONDITION_FAILED);
        shown = Some(Shown { entry, version: seen.unwrap_or(version), recorded, leads });
    }
    if let (StatusCode::PRECONDITION_FAILED, Some(shown), Some(form)) = (status, &shown, &form)
        && shown.recorded.is(form)
    {
        return Ok(see(visit, &place(id, &shown.entry)));
    }
    let form = form.or_else(|| shown.as_ref().map(|shown| shown.recorded.form())).unwrap_or_default();
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    let entries = if entries.len() > 1 { choices(&entries, &visit, &page) } else { Vec::new() };
    let records = reach(Operation::ChangeResponsibility, somebody).is_some();
    html(visit, status, &ResponsibilityPage { page, child, shown, entries, records, form, errors })
}

fn place(id: &str, entry: &str) -> String {
    match entry.parse::<Uuid>() {
        Ok(entry) => format!("/children/{id}/responsibility?entry={entry}"),
        Err(_) => format!("/children/{id}/responsibility"),
    }
}

/// `GET /children/{id}/responsibility`.
pub(super) async fn show(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(sign_in(visit, &id)) };
    let wanted = parameter(&request, "entry");
    page(&request, visit, &somebody, (&id, &wanted), (StatusCode::OK, None, Vec::new())).await
}

/// `POST /children/{id}/responsibility`.
pub(super) async fn send(request: HttpRequest, id: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let sent = match Sent::read(&request, payload, |visit| sign_in(visit, &id)).await? {
        Ok(sent) => sent,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let entry = sent.form.value("entry").to_owned();
    let change =
        |gate: Gate<ChangeResponsibility>| responsibility::change(gate.saying(&body(&sent.form).to_string(), sent.form.value("version")));
    let came = sent.ask(&request, BOXES, Some(&entry), change).await;
    let Sent { visit, somebody, form } = sent;
    match came {
        Came::Done(_) => Ok(see(visit, &place(&id, &entry))),
        Came::Again(status, errors) => page(&request, visit, &somebody, (&id, &entry), (status, Some(form), errors)).await,
        Came::Sorry(problem) => sorry(visit, &problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_asked_for_all_that_is_so_from_now_on() {
        let form = |pairs: &[(&str, &str)]| StepForm { values: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect() };
        assert_eq!(body(&form(&[("reason", "Discharged"), ("entry", "e")])), json!({"reason": "Discharged"}));
        let all = [
            ("court-order", "Care order"),
            ("place", " Dublin, Tusla "),
            ("abroad", "yes"),
            ("since-day", "9"),
            ("since-month", "11"),
            ("since-year", "2026"),
            ("evidence", "Letter, file 118\r\n\r\nCall, note 12"),
            ("reason", "The aunt rang"),
        ];
        let outside =
            json!({"place": "Dublin, Tusla", "abroad": true, "since": "2026-11-09", "evidence": ["Letter, file 118", "Call, note 12"]});
        assert_eq!(body(&form(&all)), json!({"courtOrder": "Care order", "outside": outside, "reason": "The aunt rang"}));
        let recorded = |reason: &str| -> Recorded {
            serde_json::from_value(json!({"courtOrder": "Care order", "outside": outside, "reason": reason})).unwrap()
        };
        assert!(recorded("The aunt rang").is(&form(&all)) && !recorded("The uncle rang").is(&form(&all)));
    }
}
