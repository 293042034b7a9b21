//! Another date for a clock, from the list of those that are due: by whoever may authorise it by the API.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::form::{Mistake, day};
use super::page::{Page, html, see, sorry};
use super::reading::{Listed, reach, read};
use super::sent::{Boxes, Came, Sent};
use super::session::{SignedIn, Visit};
use super::steps::{StepForm, described_by, error_at, to_sign_in};
use crate::api::clocks;
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::authz::Operation;
use crate::authz::policy::action::{AddDeparture, ReadClocks};
use crate::domain::clocks::ClockState;

/// Whether somebody may authorise another date.
pub(super) fn may(somebody: &SignedIn) -> bool {
    reach(Operation::AddDeparture, somebody).is_some()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Clock {
    code: String,
    text: String,
    state: String,
    due_on: Option<NaiveDate>,
    /// By the procedures, where another date holds.
    limit_on: Option<NaiveDate>,
    departure: Option<Departure>,
}

/// The departure that set the date that holds.
#[derive(Debug, Deserialize)]
struct Departure {
    reason: String,
}

impl Clock {
    fn is_open(&self) -> bool {
        self.due_on.is_some() && self.state.parse::<ClockState>().is_ok_and(ClockState::is_open)
    }
}

#[derive(Template)]
#[template(path = "departure.html")]
struct DeparturePage {
    page: Page,
    registration: String,
    clock: Clock,
    form: StepForm,
    key: String,
    errors: Vec<Mistake>,
}

impl DeparturePage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        error_at(&self.errors, field.as_ref())
    }

    fn described(&self, field: impl AsRef<str>, hint: impl AsRef<str>) -> Option<String> {
        described_by(&self.errors, field.as_ref(), hint.as_ref())
    }
}

/// What the API is asked.
fn body(form: &StepForm) -> Value {
    let on = day(form.value("on-day"), form.value("on-month"), form.value("on-year"));
    let given = [("dueOn", on.as_str()), ("reason", form.value("reason"))];
    let given = given.into_iter().filter(|(_, value)| !value.is_empty());
    Value::Object(given.map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<_, _>>())
}

/// The box that each item was typed into.
const BOXES: Boxes =
    Boxes { boxes: &[("/dueOn", "on-day", "work-depart-on"), ("/reason", "reason", "work-depart-reason")], instead: |_, _| None };

/// The form, about the clock of its code that is due first.
async fn blank(
    request: &HttpRequest,
    mut visit: Visit,
    somebody: &SignedIn,
    (registration, code): (&str, &str),
    (status, form, errors): (StatusCode, StepForm, Vec<Mistake>),
) -> Result<HttpResponse, Problem> {
    if !may(somebody) {
        return sorry(visit, &Kind::OperationNotAllowed.into());
    }
    let clocks = read::<ReadClocks, Listed<Clock>, _>(request, somebody, visit.language, (Some(registration), ""), clocks::read).await;
    let clock = match clocks {
        Ok(clocks) => clocks.items.into_iter().find(|clock| clock.code == code && clock.is_open()),
        Err(problem) => return sorry(visit, &problem),
    };
    // It was open when the list was made, or there never was one: the list says which are.
    let Some(clock) = clock else { return Ok(see(visit, "/work/clocks")) };
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    let key = form.key();
    html(visit, status, &DeparturePage { page, registration: registration.to_owned(), clock, form, key, errors })
}

/// `GET /registrations/{id}/clocks/{item}/departure`.
pub(super) async fn show(request: HttpRequest, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (id, code) = path.into_inner();
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(to_sign_in(visit)) };
    blank(&request, visit, &somebody, (&id, &code), (StatusCode::OK, StepForm::default(), Vec::new())).await
}

/// `POST /registrations/{id}/clocks/{item}/departure`.
pub(super) async fn send(request: HttpRequest, path: Path<(String, String)>, payload: Payload) -> Result<HttpResponse, Problem> {
    let (id, code) = path.into_inner();
    let sent = match Sent::read(&request, payload, to_sign_in).await? {
        Ok(sent) => sent,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let form = &sent.form;
    let depart = |gate: Gate<AddDeparture>| clocks::depart(gate.saying(&body(form).to_string(), "*").once(form.value("key")).about(&code));
    let came = sent.ask(&request, BOXES, Some(&id), depart).await;
    let Sent { visit, somebody, form } = sent;
    match came {
        Came::Done(_) => Ok(see(visit, "/work/clocks")),
        Came::Again(status, errors) => blank(&request, visit, &somebody, (&id, &code), (status, form, errors)).await,
        Came::Sorry(problem) => sorry(visit, &problem),
    }
}
