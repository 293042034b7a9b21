//! Moves between authorities: how far they have come, and the steps that the API offers to this person now, and no other.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::form::{Mistake, day};
use super::page::{Page, html, see, sorry};
use super::reading::{Listed, reach, read};
use super::sent::{Boxes, Came, Sent};
use super::session::{SignedIn, Visit};
use super::steps::{Duty, Possible, StepForm, Taken, described_by, error_at, steps_of, to_sign_in};
use crate::api::gate::Gate;
use crate::api::problem::Problem;
use crate::api::{conferences, transfers};
use crate::authz::Operation;
use crate::authz::policy::action::{ActOnTransfer, ListConferences, ReadTransfer};
use crate::domain::custody::{Nature, Paper, RefusalReason, WithdrawalReason};
use crate::domain::registration::ConferenceKind;
use crate::register::transfers::Step;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Move {
    id: String,
    child_id: String,
    from: Party,
    to: Party,
    status: String,
    responsible: Option<String>,
    nature: Option<String>,
    practitioner: Option<String>,
    conference_on: Option<NaiveDate>,
    papers: Vec<String>,
    missing_papers: Vec<String>,
    duties: Vec<Duty>,
    steps: Vec<Taken>,
    possible: Vec<Possible>,
}

#[derive(Debug, Deserialize)]
struct Party {
    code: String,
    name: String,
}

impl Move {
    /// The name of the responsible authority.
    fn leads(&self) -> Option<&str> {
        let code = self.responsible.as_deref()?;
        Some([&self.from, &self.to].into_iter().find(|party| party.code == code).map_or(code, |party| party.name.as_str()))
    }
}

#[derive(Template)]
#[template(path = "move.html")]
struct MovePage {
    page: Page,
    shown: Move,
    steps: Vec<String>,
    children: bool,
}

/// `GET /moves/{id}`.
pub(super) async fn show(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(to_sign_in(visit)) };
    match read::<ReadTransfer, Move, _>(&request, &somebody, visit.language, (Some(&id), ""), transfers::read).await {
        Ok(shown) => {
            let steps = steps_of(&shown.possible, Operation::ActOnTransfer, &somebody);
            let children = reach(Operation::ReadChild, &somebody).is_some();
            let page = Page::new(&mut visit)?;
            html(visit, StatusCode::OK, &MovePage { page, shown, steps, children })
        }
        Err(problem) => sorry(visit, &problem),
    }
}

/// What the API is asked. Each step is asked with what belongs to it; what is missing the API says.
fn body(form: &StepForm, step: &str) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            body.insert(name.to_owned(), json!(value));
        }
    };
    put("note", form.value("note"));
    match step {
        "notify" => put("nature", form.value("nature")),
        "agree" => {
            put("nature", form.value("nature"));
            put("practitioner", form.value("practitioner"));
        }
        "book-conference" | "contact" => put("on", &day(form.value("on-day"), form.value("on-month"), form.value("on-year"))),
        "extend" => {
            put("expectedTo", &day(form.value("on-day"), form.value("on-month"), form.value("on-year")));
            put("supervision", form.value("supervision"));
        }
        "convert" => put("nature", form.value("nature")),
        "hold-conference" => put("conferenceId", form.value("conference")),
        "refuse" | "withdraw" => put("reason", form.value("reason")),
        "papers" | "return" => {
            let name = if step == "papers" { "papers" } else { "missing" };
            let chosen: Vec<&str> = form.values.iter().filter(|(name, _)| name == "paper").map(|(_, value)| value.as_str()).collect();
            if !chosen.is_empty() {
                body.insert(name.to_owned(), json!(chosen));
            }
        }
        _ => {}
    }
    Value::Object(body)
}

/// The box that each item of a step was typed into.
const BOXES: Boxes = Boxes {
    boxes: &[
        ("/expectedTo", "on-day", "move-expected-to"),
        ("/supervision", "supervision", "move-supervision"),
        ("/nature", "nature", "move-nature"),
        ("/practitioner", "practitioner", "move-practitioner"),
        ("/on", "on-day", "ask-day"),
        ("/conferenceId", "conference", "move-conference"),
        ("/reason", "reason", "move-reason"),
        ("/papers", "paper", "move-papers"),
        ("/missing", "paper", "move-missing-papers"),
        ("/note", "note", "move-note"),
    ],
    instead: |_, _| None,
};

/// A conference, as people know it: which kind, and on which day.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conference {
    id: String,
    kind: String,
    status: String,
    held_on: NaiveDate,
}

/// What a step is about beside the move itself.
#[derive(Default)]
struct About {
    child: String,
    /// Transfer-in conferences about the child, the latest recorded first; nothing for a step, or a person, that needs or sees none.
    conferences: Option<Vec<Conference>>,
}

impl About {
    /// What the form of a step needs to know.
    async fn of(request: &HttpRequest, visit: &Visit, somebody: &SignedIn, step: &str, child: &str) -> Self {
        let child = child.to_owned();
        let is_shown = reach(Operation::ListConferences, somebody).is_some() && child.parse::<Uuid>().is_ok();
        if step != Step::HoldConference.as_str() || !is_shown {
            return Self { child, conferences: None };
        }
        let query = format!("child={child}&limit=200");
        let found = read::<ListConferences, Listed<Conference>, _>(request, somebody, visit.language, (None, &query), conferences::index);
        let is_one = |held: &Conference| held.kind == ConferenceKind::TransferIn.as_str() && held.status == "held";
        // Whoever cannot be shown any types what the register gave when it was recorded.
        let conferences = found.await.ok().map(|found| found.items.into_iter().filter(is_one).collect());
        Self { child, conferences }
    }
}

#[derive(Template)]
#[template(path = "step.html")]
struct StepPage {
    page: Page,
    id: String,
    step: String,
    form: StepForm,
    errors: Vec<Mistake>,
    about: About,
}

impl StepPage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        error_at(&self.errors, field.as_ref())
    }

    fn described(&self, field: impl AsRef<str>, hint: impl AsRef<str>) -> Option<String> {
        described_by(&self.errors, field.as_ref(), hint.as_ref())
    }

    /// What the day that is typed with this step is.
    fn day_label(&self) -> &'static str {
        match self.step.as_str() {
            "contact" => "move-seen-on",
            "extend" => "move-expected-to",
            _ => "move-conference-on",
        }
    }

    /// The reasons, natures or papers that a person may choose with this step.
    fn choices(&self) -> Vec<&'static str> {
        match self.step.as_str() {
            "refuse" => RefusalReason::ALL.iter().filter(|reason| reason.is_a_persons()).map(|reason| reason.as_str()).collect(),
            "withdraw" => WithdrawalReason::CODES.to_vec(),
            "notify" | "convert" => Nature::CODES.to_vec(),
            "agree" => vec!["permanent", "temporary"],
            "papers" | "return" => Paper::CODES.to_vec(),
            _ => Vec::new(),
        }
    }
}

fn step_page(
    mut visit: Visit,
    (id, step): (&str, &str),
    status: StatusCode,
    (form, about): (StepForm, About),
    errors: Vec<Mistake>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    html(visit, status, &StepPage { page, id: id.to_owned(), step: step.to_owned(), form, errors, about })
}

/// `GET /moves/{id}/{step}`: the form of a step that may be taken now.
pub(super) async fn step(request: HttpRequest, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (id, step) = path.into_inner();
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(to_sign_in(visit)) };
    match read::<ReadTransfer, Move, _>(&request, &somebody, visit.language, (Some(&id), ""), transfers::read).await {
        Ok(shown) if steps_of(&shown.possible, Operation::ActOnTransfer, &somebody).contains(&step) => {
            let about = About::of(&request, &visit, &somebody, &step, &shown.child_id).await;
            step_page(visit, (&shown.id, &step), StatusCode::OK, (StepForm::default(), about), Vec::new())
        }
        // It was possible when the page before was made, or it never was: that page says what is possible now.
        Ok(shown) => Ok(see(visit, &format!("/moves/{}", shown.id))),
        Err(problem) => sorry(visit, &problem),
    }
}

/// `POST /moves/{id}/{step}`.
pub(super) async fn take(request: HttpRequest, path: Path<(String, String)>, payload: Payload) -> Result<HttpResponse, Problem> {
    let (id, step) = path.into_inner();
    let sent = match Sent::read(&request, payload, to_sign_in).await? {
        Ok(sent) => sent,
        Err(elsewhere) => return Ok(elsewhere),
    };
    // Whatever came from the other side meanwhile: whether the step is still its turn is decided there.
    let act = |gate: Gate<ActOnTransfer>| transfers::act(gate.saying(&body(&sent.form, &step).to_string(), "*").about(&step));
    let came = sent.ask(&request, BOXES, Some(&id), act).await;
    let Sent { visit, somebody, form } = sent;
    match came {
        Came::Done(_) => Ok(see(visit, &format!("/moves/{id}"))),
        Came::Again(status, errors) => {
            let about = About::of(&request, &visit, &somebody, &step, form.value("child")).await;
            step_page(visit, (&id, &step), status, (form, about), errors)
        }
        Came::Sorry(problem) => sorry(visit, &problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_asked_with_what_belongs_to_it() {
        let form = |pairs: &[(&str, &str)]| StepForm { values: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect() };
        let all = form(&[
            ("nature", "permanent"),
            ("practitioner", " Gwen Powell "),
            ("on-day", "8"),
            ("on-month", "12"),
            ("on-year", "2026"),
            ("conference", "c"),
            ("reason", "not-resident"),
            ("supervision", "S"),
            ("paper", "plan"),
            ("paper", "chronology"),
            ("note", "N"),
        ]);
        for (step, body) in [
            ("acknowledge", json!({"note": "N"})),
            ("agree", json!({"nature": "permanent", "practitioner": "Gwen Powell", "note": "N"})),
            ("notify", json!({"nature": "permanent", "note": "N"})),
            ("book-conference", json!({"on": "2026-12-08", "note": "N"})),
            ("hold-conference", json!({"conferenceId": "c", "note": "N"})),
            ("contact", json!({"on": "2026-12-08", "note": "N"})),
            ("extend", json!({"expectedTo": "2026-12-08", "supervision": "S", "note": "N"})),
            ("convert", json!({"nature": "permanent", "note": "N"})),
            ("end", json!({"note": "N"})),
            ("refuse", json!({"reason": "not-resident", "note": "N"})),
            ("papers", json!({"papers": ["plan", "chronology"], "note": "N"})),
            ("return", json!({"missing": ["plan", "chronology"], "note": "N"})),
        ] {
            assert_eq!(super::body(&all, step), body, "{step}");
        }
        assert_eq!(body(&form(&[]), "return"), json!({}));
        assert_eq!((BOXES.box_of("/papers/0").0, BOXES.box_of("/else").0), ("paper", ""));
    }
}
