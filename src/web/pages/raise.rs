//! Raising an alert from what the register holds of a child: by whoever may do so by the API.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, NaiveTime, SecondsFormat, TimeZone as _, Utc};
use chrono_tz::Europe::London;
use serde_json::{Map, Value, json};

use super::alerts::{self as shown, details};
use super::children::{Child, sign_in};
use super::form::{Mistake, day};
use super::page::{Page, html, see, sorry};
use super::reading::{reach, read};
use super::sent::{Boxes, Came, Sent};
use super::session::{SignedIn, Visit};
use super::steps::{StepForm, described_by, error_at};
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::api::{alerts, children};
use crate::authz::Operation;
use crate::authz::policy::action::{AddAlert, ReadChild};
use crate::domain::custody::alert::{MissingPath, RiskLevel};
use crate::domain::dates::parse_date;

/// Whether somebody may raise an alert.
pub(super) fn may(somebody: &SignedIn) -> bool {
    reach(Operation::AddAlert, somebody).is_some()
}

#[derive(Template)]
#[template(path = "raise.html")]
struct RaisePage {
    page: Page,
    child: Child,
    form: StepForm,
    key: String,
    errors: Vec<Mistake>,
}

impl RaisePage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        error_at(&self.errors, field.as_ref())
    }

    fn described(&self, field: impl AsRef<str>, hint: impl AsRef<str>) -> Option<String> {
        described_by(&self.errors, field.as_ref(), hint.as_ref())
    }

    fn paths(&self) -> [&'static str; 2] {
        MissingPath::CODES
    }

    fn risks(&self) -> [&'static str; 3] {
        RiskLevel::CODES
    }
}

/// When the child was last seen, by the clocks in the room: nothing when nothing was typed, and what the API refuses when it is no
/// time.
fn seen_at(form: &StepForm) -> String {
    let on = day(form.value("seen-day"), form.value("seen-month"), form.value("seen-year"));
    let time = form.value("seen-time");
    if on.is_empty() && time.is_empty() {
        return String::new();
    }
    // As 15:40, 15.40 or 1540: not every telephone's row of digits has a colon.
    let digits = time.replace([':', '.'], "");
    let at = parse_date(&on).ok().zip(NaiveTime::parse_from_str(&format!("{digits:0>4}"), "%H%M").ok().filter(|_| digits.len() > 2));
    let at = at.and_then(|(on, time)| London.from_local_datetime(&on.and_time(time)).earliest());
    at.map_or_else(|| "-".to_owned(), |at| at.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// What the API is asked.
fn body(child: &str, form: &StepForm, now: DateTime<Utc>) -> Value {
    let mut body = Map::new();
    body.insert("childId".to_owned(), json!(child));
    for name in ["path", "note"] {
        if !form.value(name).is_empty() {
            body.insert(name.to_owned(), json!(form.value(name)));
        }
    }
    if form.has("exercise", "yes") {
        body.insert("exercise".to_owned(), json!(true));
    }
    let mut details = details(form, now);
    let mut seen = Map::new();
    for (name, value) in [("at", seen_at(form)), ("place", form.value("seen-place").to_owned())] {
        if !value.is_empty() {
            seen.insert(name.to_owned(), json!(value));
        }
    }
    if !seen.is_empty() {
        details.insert("lastSeen".to_owned(), Value::Object(seen));
    }
    if !details.is_empty() {
        body.insert("details".to_owned(), Value::Object(details));
    }
    Value::Object(body)
}

/// The boxes of an alert, with words of this form's own.
const BOXES: Boxes = Boxes {
    instead: |pointer, code| match (pointer, code) {
        // What is typed here are a day and a time, not what the API calls an instant.
        ("/details/lastSeen/at", code) if code != "in-the-future" => Some("alert-error-seen"),
        ("/path", _) => Some("alert-error-path"),
        _ => None,
    },
    ..shown::BOXES
};

/// The form, about a child whom the person may see.
async fn blank(
    request: &HttpRequest,
    mut visit: Visit,
    somebody: &SignedIn,
    id: &str,
    (status, form, errors): (StatusCode, StepForm, Vec<Mistake>),
) -> Result<HttpResponse, Problem> {
    if !may(somebody) {
        return sorry(visit, &Kind::OperationNotAllowed.into());
    }
    let child = match read::<ReadChild, Child, _>(request, somebody, visit.language, (Some(id), ""), children::read).await {
        Ok(child) => child,
        Err(problem) => return sorry(visit, &problem),
    };
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    // A form that comes back is the same form: sent twice, it raises one alert.
    let key = form.key();
    html(visit, status, &RaisePage { page, child, form, key, errors })
}

/// `GET /children/{id}/alert`.
pub(super) async fn show(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(sign_in(visit, &id)) };
    blank(&request, visit, &somebody, &id, (StatusCode::OK, StepForm::default(), Vec::new())).await
}

/// `POST /children/{id}/alert`.
pub(super) async fn send(request: HttpRequest, id: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let sent = match Sent::read(&request, payload, |visit| sign_in(visit, &id)).await? {
        Ok(sent) => sent,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let (form, now) = (&sent.form, sent.visit.app.store.clock().now());
    let add = |gate: Gate<AddAlert>| alerts::add(gate.saying(&body(&id, form, now).to_string(), "*").once(form.value("key")));
    let came = sent.ask(&request, BOXES, None, add).await;
    let Sent { visit, somebody, form } = sent;
    match came {
        Came::Done(made) => {
            let place = made.headers().get(header::LOCATION).and_then(|place| place.to_str().ok()).unwrap_or_default();
            Ok(see(visit, place.strip_prefix("/v1").unwrap_or("/work")))
        }
        Came::Again(status, errors) => blank(&request, visit, &somebody, &id, (status, form, errors)).await,
        Came::Sorry(problem) => sorry(visit, &problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> StepForm {
        StepForm { values: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect() }
    }

    #[test]
    fn a_day_and_a_time_are_read_by_the_clocks_in_the_room() {
        for (day, month, year, time, at) in [
            ("", "", "", "", ""),
            ("16", "11", "2026", "15:40", "2026-11-16T15:40:00Z"),
            ("16", "11", "2026", "7.05", "2026-11-16T07:05:00Z"),
            ("16", "11", "2026", "1540", "2026-11-16T15:40:00Z"),
            // In summer the clocks are an hour ahead; the hour that there is twice is the first one.
            ("1", "7", "2026", "00:30", "2026-06-30T23:30:00Z"),
            ("25", "10", "2026", "01:30", "2026-10-25T00:30:00Z"),
            // An hour that there is not, and half of what is needed.
            ("29", "3", "2026", "01:30", "-"),
            ("16", "11", "2026", "", "-"),
            ("", "", "", "15:40", "-"),
            ("31", "2", "2026", "15:40", "-"),
            ("16", "11", "2026", "25:00", "-"),
            ("16", "11", "2026", "15", "-"),
        ] {
            let form = form(&[("seen-day", day), ("seen-month", month), ("seen-year", year), ("seen-time", time)]);
            assert_eq!(seen_at(&form), at, "{day} {month} {year} {time}");
        }
    }

    #[test]
    fn the_api_is_asked_what_was_typed_and_nothing_else() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        assert_eq!(body("c", &form(&[("key", "k"), ("exercise", "")]), now), json!({"childId": "c"}));
        let all = [
            ("path", "child-missing"),
            ("exercise", "yes"),
            ("seen-place", "By the leisure centre"),
            ("seen-time", "15:40"),
            ("risk", "high"),
            ("police", "PC Rees"),
            ("note", " She did not come home "),
        ];
        let seen = json!({"at": "-", "place": "By the leisure centre"});
        let police = json!({"at": "2026-11-18T11:06:40Z", "name": "PC Rees"});
        let expected = json!({
            "childId": "c", "path": "child-missing", "exercise": true, "note": "She did not come home",
            "details": {"lastSeen": seen, "risk": "high", "police": police},
        });
        assert_eq!(body("c", &form(&all), now), expected);
    }
}
