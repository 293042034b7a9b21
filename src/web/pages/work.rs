//! The morning: notices to be acknowledged, tasks with their reasons, clocks, and moves. Everybody sees what the API shows their role,
//! and is asked for nothing else.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::json;

use super::alerts::Alert;
use super::ask::{typed, value};
use super::departure;
use super::form::{Mistake, said_of};
use super::page::{Page, html, see, sorry};
use super::reading::{Listed, paged, parameter, reach, read};
use super::session::{SignedIn, Visit};
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::api::{self, clocks, notices, transfers};
use crate::authz::policy::action::{AcknowledgeNotice, CloseTask, ListAlerts, ListClocks, ListNotices, ListTasks, ListTransfers, ReadTask};
use crate::authz::{Operation, Reach};
use crate::words;

/// How many of each list stand on the page with all of them, and how many where one stands alone.
const FEW: u32 = 10;
const MANY: u32 = 25;

/// The lists that can stand alone.
const LISTS: [&str; 5] = ["alerts", "notices", "tasks", "clocks", "moves"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notice {
    id: String,
    text: String,
    urgency: String,
    child_id: Option<String>,
    check_id: Option<String>,
    created_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
    /// How many are put together in it.
    together: Option<i64>,
}

impl Notice {
    /// How many whoever looks at the page sees put together in it.
    fn seen(&self) -> i64 {
        self.together.unwrap_or(1)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    id: String,
    text: String,
    #[serde(default)]
    reasons: Vec<Reason>,
    #[serde(default)]
    checks: Vec<AskedCheck>,
    status: String,
    child_id: Option<String>,
    other_child_id: Option<String>,
    created_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AskedCheck {
    id: String,
    asked_at: DateTime<Utc>,
    person: String,
    agency: String,
    reason: String,
    reason_text: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Clock {
    registration_id: String,
    child_id: String,
    clock: String,
    text: String,
    state: String,
    due_on: NaiveDate,
}

/// A move, as a list shows it.
#[derive(Debug, Deserialize)]
struct Move {
    id: String,
    from: Party,
    to: Party,
    status: String,
}

#[derive(Debug, Deserialize)]
struct Party {
    name: String,
}

#[derive(Template)]
#[template(path = "work.html")]
struct WorkPage {
    page: Page,
    /// The list that stands alone.
    alone: Option<String>,
    alerts: Option<Listed<Alert>>,
    notices: Option<Listed<Notice>>,
    tasks: Option<Listed<Task>>,
    clocks: Option<Listed<Clock>>,
    moves: Option<Listed<Move>>,
    /// Whether the checks that notices are about are ones that this person may read.
    own_checks: bool,
    /// Whether this person may read what the register holds of a child.
    children: bool,
    /// Whether this person may authorise another date for a clock.
    departs: bool,
}

impl WorkPage {
    /// Where a list goes on: on its own page, and there on the next.
    fn more(&self, list: &str, after: Option<&str>) -> Option<String> {
        let after = after?;
        Some(if self.alone.is_some() { format!("/work/{list}?after={after}") } else { format!("/work/{list}") })
    }
}

/// Reads the lists: all, or the one that stands alone.
async fn lists(request: &HttpRequest, visit: &mut Visit, somebody: &SignedIn, alone: Option<String>) -> Result<WorkPage, Problem> {
    let language = visit.language;
    let rest = paged(if alone.is_some() { MANY } else { FEW }, &parameter(request, "after"));
    let wanted =
        |list: &str, operation: Operation| alone.as_deref().is_none_or(|alone| alone == list) && reach(operation, somebody).is_some();
    let with = |filter: &str| if filter.is_empty() { rest.clone() } else { format!("{filter}&{rest}") };
    let alerts = match wanted("alerts", Operation::ListAlerts) {
        true => Some(read::<ListAlerts, _, _>(request, somebody, language, (None, &with("")), api::alerts::index).await?),
        false => None,
    };
    let notices = match wanted("notices", Operation::ListNotices) {
        true => {
            Some(read::<ListNotices, _, _>(request, somebody, language, (None, &with("acknowledged=false")), notices::list_notices).await?)
        }
        false => None,
    };
    let tasks = match wanted("tasks", Operation::ListTasks) {
        true => Some(read::<ListTasks, _, _>(request, somebody, language, (None, &with("open=true")), notices::list_tasks).await?),
        false => None,
    };
    let clocks = match wanted("clocks", Operation::ListClocks) {
        true => Some(read::<ListClocks, _, _>(request, somebody, language, (None, &with("")), clocks::index).await?),
        false => None,
    };
    let moves = match wanted("moves", Operation::ListTransfers) {
        true => Some(read::<ListTransfers, _, _>(request, somebody, language, (None, &with("open=true")), transfers::index).await?),
        false => None,
    };
    let own_checks = match reach(Operation::ListNotices, somebody) {
        // What is told to oneself alone is about checks that one asked; what is told to a custodian they may read.
        Some(Reach::Own) => reach(Operation::ListTasks, somebody).is_none(),
        Some(Reach::Scope) => reach(Operation::ReadCheck, somebody) == Some(Reach::Scope),
        None => false,
    };
    let children = reach(Operation::ReadChild, somebody).is_some();
    Ok(WorkPage {
        page: Page::new(visit)?,
        alone,
        alerts,
        notices,
        tasks,
        clocks,
        moves,
        own_checks,
        children,
        departs: departure::may(somebody),
    })
}

async fn page(request: &HttpRequest, alone: Option<String>) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(see(visit, "/sign-in?next=/work")) };
    match lists(request, &mut visit, &somebody, alone).await {
        Ok(found) => html(visit, StatusCode::OK, &found),
        Err(problem) => sorry(visit, &problem),
    }
}

/// `GET /work`.
pub(super) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    page(&request, None).await
}

/// `GET /work/{list}`.
pub(super) async fn one(request: HttpRequest, list: Path<String>) -> Result<HttpResponse, Problem> {
    match LISTS.iter().find(|known| **known == list.as_str()) {
        Some(list) => page(&request, Some((*list).to_owned())).await,
        None => sorry(Visit::of(&request).await?, &Kind::NotFound.into()),
    }
}

/// `POST /work/notices/{id}`: somebody confirms having read a notice.
pub(super) async fn acknowledge(request: HttpRequest, id: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(see(visit, "/sign-in?next=/work")) };
    let typed = typed(&request, payload, visit.app.body_limit).await.unwrap_or_default();
    if !somebody.sent(&visit, &request, value(&typed, "mark"), Operation::AcknowledgeNotice).await? {
        return Ok(see(visit, "/work"));
    }
    let gate = Gate::<AcknowledgeNotice>::through_a_page(&request, &somebody.credentials, Some(&id), "", visit.language).await;
    let done = match gate {
        Ok(gate) => {
            // Without a number, or with one that is none: that of a notice that stands alone.
            let seen: i64 = value(&typed, "together").parse().unwrap_or(1);
            notices::acknowledge(gate.saying(&format!("{{\"together\":{seen}}}"), "*")).await
        }
        Err(problem) => Err(problem),
    };
    match done {
        // A double click, or a colleague who was quicker: it is acknowledged.
        Ok(_) => Ok(see(visit, "/work")),
        Err(problem) if problem.kind == Kind::AlreadyAcknowledged => Ok(see(visit, "/work")),
        // More has come to it since the page was made: the list says how much.
        Err(problem) if problem.kind == Kind::PreconditionFailed => Ok(see(visit, "/work")),
        Err(problem) => sorry(visit, &problem),
    }
}

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage {
    page: Page,
    task: Task,
    errors: Vec<Mistake>,
    /// What was typed as the reason.
    reason: String,
    children: bool,
    checks: bool,
}

impl TaskPage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field.as_ref()).map(|error| error.text.as_str())
    }
}

async fn task_page(
    request: &HttpRequest,
    mut visit: Visit,
    somebody: &SignedIn,
    id: &str,
    (status, reason, errors): (StatusCode, String, Vec<Mistake>),
) -> Result<HttpResponse, Problem> {
    let task = match read::<ReadTask, Task, _>(request, somebody, visit.language, (Some(id), ""), notices::read_task).await {
        Ok(task) => task,
        Err(problem) => return sorry(visit, &problem),
    };
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    let children = reach(Operation::ReadChild, somebody).is_some();
    let checks = reach(Operation::ReadCheck, somebody) == Some(Reach::Scope);
    html(visit, status, &TaskPage { page, task, errors, reason, children, checks })
}

/// `GET /tasks/{id}`.
pub(super) async fn task(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(see(visit, "/sign-in?next=/work")) };
    task_page(&request, visit, &somebody, &id, (StatusCode::OK, String::new(), Vec::new())).await
}

/// `POST /tasks/{id}`: somebody closes a task, with a reason.
pub(super) async fn close(request: HttpRequest, id: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(see(visit, "/sign-in?next=/work")) };
    let typed = typed(&request, payload, visit.app.body_limit).await.unwrap_or_default();
    let reason = value(&typed, "reason").trim().to_owned();
    if !somebody.sent(&visit, &request, value(&typed, "mark"), Operation::CloseTask).await? {
        let errors = vec![Mistake { field: "", text: words::say(visit.language, "ask-error-mark", &[]) }];
        return task_page(&request, visit, &somebody, &id, (StatusCode::FORBIDDEN, reason, errors)).await;
    }
    let body = if reason.is_empty() { json!({}) } else { json!({ "reason": reason }) }.to_string();
    let gate = Gate::<CloseTask>::through_a_page(&request, &somebody.credentials, Some(&id), "", visit.language).await;
    let done = match gate {
        Ok(gate) => notices::close_task(gate.saying(&body, "*")).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Ok(see(visit, "/work")),
        Err(problem) if problem.kind == Kind::AlreadyClosed => Ok(see(visit, "/work")),
        Err(problem) if !problem.errors.is_empty() => {
            let errors = said_of(&problem, "reason", visit.language);
            task_page(&request, visit, &somebody, &id, (problem.kind.status(), reason, errors)).await
        }
        Err(problem) => sorry(visit, &problem),
    }
}
