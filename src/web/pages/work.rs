//! The morning: notices to be acknowledged, and tasks with their reasons. Everybody sees what the API shows their role, and is asked
//! for nothing else.

use actix_web::body::to_bytes_limited;
use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ask::{typed, value};
use super::page::{Page, html, see, sorry};
use super::session::{SignedIn, Visit};
use crate::api::gate::Gate;
use crate::api::notices;
use crate::api::problem::{Kind, Problem};
use crate::authz::policy::action::{AcknowledgeNotice, ListNotices, ListTasks};
use crate::authz::{Operation, Reach};

/// The most that a list of the API weighs: two hundred items of a few hundred bytes, with room.
const LIST_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Deserialize)]
struct Listed<T> {
    items: Vec<T>,
    links: Links,
}

#[derive(Debug, Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notice {
    id: String,
    text: String,
    urgency: String,
    check_id: Option<String>,
    created_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    text: String,
    #[serde(default)]
    reasons: Vec<Reason>,
    created_at: DateTime<Utc>,
    due_on: Option<NaiveDate>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    text: String,
}

#[derive(Template)]
#[template(path = "work.html")]
struct WorkPage {
    page: Page,
    notices: Listed<Notice>,
    /// The tasks, for roles that have any.
    tasks: Option<Listed<Task>>,
    /// Whether the checks that notices are about are ones that this person may read.
    own_checks: bool,
}

/// What an answer of the API says.
async fn said<T: DeserializeOwned>(response: HttpResponse) -> Result<T, Problem> {
    let defect = || Problem::from(Kind::InternalError);
    let body = to_bytes_limited(response.into_body(), LIST_BYTES_MAX).await.map_err(|_| defect())?.map_err(|_| defect())?;
    serde_json::from_slice(&body).map_err(|_| defect())
}

fn reach(operation: Operation, somebody: &SignedIn) -> Option<Reach> {
    operation.allowed().iter().find(|(role, _)| *role == somebody.principal.role).map(|(_, reach)| *reach)
}

async fn read(request: &HttpRequest, visit: &Visit, somebody: &SignedIn) -> Result<(Listed<Notice>, Option<Listed<Task>>), Problem> {
    let (token, language) = (&somebody.token, visit.language);
    let gate = Gate::<ListNotices>::through_a_page(request, token, None, "acknowledged=false", language).await?;
    let unread = said(notices::list_notices(gate).await?).await?;
    let tasks = match reach(Operation::ListTasks, somebody) {
        None => None,
        Some(_) => {
            let gate = Gate::<ListTasks>::through_a_page(request, token, None, "open=true", language).await?;
            Some(said(notices::list_tasks(gate).await?).await?)
        }
    };
    Ok((unread, tasks))
}

/// `GET /work`.
pub(super) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(see(visit, "/sign-in?next=/work")) };
    let (notices, tasks) = match read(&request, &visit, &somebody).await {
        Ok(found) => found,
        Err(problem) => return sorry(visit, &problem),
    };
    let own_checks = match reach(Operation::ListNotices, &somebody) {
        // What is told to oneself alone is about checks that one asked; what is told to a custodian they may read.
        Some(Reach::Own) => reach(Operation::ListTasks, &somebody).is_none(),
        Some(Reach::Scope) => reach(Operation::ReadCheck, &somebody) == Some(Reach::Scope),
        None => false,
    };
    let page = Page::new(&mut visit)?;
    html(visit, StatusCode::OK, &WorkPage { page, notices, tasks, own_checks })
}

/// `POST /work/notices/{id}`: somebody confirms having read a notice.
pub(super) async fn acknowledge(request: HttpRequest, id: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.somebody.clone() else { return Ok(see(visit, "/sign-in?next=/work")) };
    let typed = typed(&request, payload, visit.app.body_limit).await.unwrap_or_default();
    if !somebody.secret.marked(value(&typed, "mark")) {
        return Ok(see(visit, "/work"));
    }
    let gate = Gate::<AcknowledgeNotice>::through_a_page(&request, &somebody.token, Some(&id), "", visit.language).await;
    let done = match gate {
        Ok(gate) => notices::acknowledge(gate.saying("{}", "*")).await,
        Err(problem) => Err(problem),
    };
    match done {
        // A double click, or a colleague who was quicker: it is acknowledged.
        Ok(_) => Ok(see(visit, "/work")),
        Err(problem) if problem.kind == Kind::AlreadyAcknowledged => Ok(see(visit, "/work")),
        Err(problem) => sorry(visit, &problem),
    }
}
