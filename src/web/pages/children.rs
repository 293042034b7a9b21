//! What the register holds of a child, who looked at it, and opening a restricted record in an emergency.
//!
//! A record that somebody may not see is as one that is not there; whoever may open one in an emergency is offered that for both, and
//! must have shown who they are a moment ago.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::ask::{typed, value};
use super::begin;
use super::form::{Mistake, said_of};
use super::page::{Page, html, see, sorry};
use super::raise;
use super::reading::{Listed, paged, parameter, reach, read};
use super::responsibility;
use super::session::{SignedIn, Visit};
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::api::{audit, children, shielding};
use crate::authz::Operation;
use crate::authz::policy::action::{BreakGlass, ListAudit, ReadChild};
use crate::words;

/// Entries of the log on one page.
const ENTRIES: u32 = 50;
/// What is done with a record that has words of its own; other work is named by its code.
pub(super) const SAID: [&str; 6] = ["askCheck", "readCheck", "answerPeer", "readChild", "breakGlass", "readHistory"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Child {
    pub(super) id: String,
    shielded: bool,
    pub(super) names: Vec<Name>,
    pub(super) date_of_birth: Option<NaiveDate>,
    date_of_birth_from: Option<NaiveDate>,
    date_of_birth_to: Option<NaiveDate>,
    pub(super) expected_delivery_date: Option<NaiveDate>,
    sex: String,
    identifiers: Vec<Identifier>,
    addresses: Vec<Address>,
    #[serde(default)]
    practices: Vec<Practice>,
    pub(super) household: Vec<Member>,
    /// Their entries, oldest first.
    pub(super) registration_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Name {
    given: Option<String>,
    middle: Option<String>,
    family: Option<String>,
}

impl Name {
    pub(super) fn whole(&self) -> String {
        [&self.given, &self.middle, &self.family].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
    }
}

#[derive(Debug, Deserialize)]
struct Identifier {
    kind: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Practice {
    name: String,
    to: Option<NaiveDate>,
}

#[derive(Debug, Deserialize)]
struct Address {
    lines: Vec<String>,
    postcode: Option<String>,
    confidential: bool,
    to: Option<NaiveDate>,
}

impl Address {
    fn whole(&self) -> String {
        self.lines.iter().chain(&self.postcode).cloned().collect::<Vec<_>>().join(", ")
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    name: Option<Name>,
    carer: bool,
    to: Option<NaiveDate>,
    related_child_id: Option<String>,
}

impl Member {
    /// The record of their own of somebody who is in the household now.
    pub(super) fn related(&self) -> Option<&str> {
        self.related_child_id.as_deref().filter(|_| self.to.is_none())
    }
}

#[derive(Template)]
#[template(path = "child.html")]
struct ChildPage {
    page: Page,
    child: Child,
    log: bool,
    /// Whether this person may raise an alert.
    raise: bool,
    /// Whether this person may begin a move.
    begin: bool,
    /// Whether this person may read who is responsible.
    responsible: bool,
}

#[derive(Template)]
#[template(path = "open.html")]
struct OpenPage {
    page: Page,
    id: String,
    reason: String,
    key: String,
    errors: Vec<Mistake>,
    /// Whether the person has to show first who they are.
    anew: bool,
    /// What is kept meanwhile.
    kept: Vec<(String, String)>,
    /// Whether they do that at the region's identity provider.
    provider: bool,
}

impl OpenPage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field.as_ref()).map(|error| error.text.as_str())
    }
}

/// `GET /children/{id}`.
pub(super) async fn show(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(somebody) = visit.expect_somebody(&request, Operation::ReadChild).await? else { return Ok(sign_in(visit, &id)) };
    match read::<ReadChild, Child, _>(&request, &somebody, visit.language, (Some(&id), ""), children::read).await {
        Ok(child) => {
            let log = reach(Operation::ListAudit, &somebody).is_some();
            let raise = raise::may(&somebody);
            let begin = begin::may(&somebody) && !child.registration_ids.is_empty();
            let responsible = responsibility::may(&somebody) && !child.registration_ids.is_empty();
            let page = Page::new(&mut visit)?;
            html(visit, StatusCode::OK, &ChildPage { page, child, log, raise, begin, responsible })
        }
        // Nothing, or nothing that they may see: the same page, so that neither can be told from the other.
        Err(problem) if problem.kind == Kind::NotFound && reach(Operation::BreakGlass, &somebody).is_some() && is_id(&id) => {
            opening(visit, &somebody, &id, StatusCode::NOT_FOUND, None, Vec::new())
        }
        Err(problem) => sorry(visit, &problem),
    }
}

fn is_id(id: &str) -> bool {
    id.parse::<Uuid>().is_ok()
}

pub(super) fn sign_in(visit: Visit, id: &str) -> HttpResponse {
    let next = if is_id(id) { format!("/sign-in?next=/children/{id}") } else { "/sign-in".to_owned() };
    see(visit, &next)
}

/// The form to open a restricted record, or first to show anew who one is. `reason` is what was typed, unless the session kept it.
fn opening(
    mut visit: Visit,
    somebody: &SignedIn,
    id: &str,
    status: StatusCode,
    reason: Option<String>,
    errors: Vec<Mistake>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    let anew = !visit.recently(somebody);
    let reason = reason.or_else(|| somebody.kept_value("open-reason")).unwrap_or_default();
    let kept = if reason.is_empty() { Vec::new() } else { vec![("open-reason".to_owned(), reason.clone())] };
    let provider = visit.pages.provider.is_some();
    let key = Uuid::now_v7().to_string();
    html(visit, status, &OpenPage { page, id: id.to_owned(), reason, key, errors, anew, kept, provider })
}

/// `POST /children/{id}/open`: somebody opens a restricted record in an emergency.
pub(super) async fn open(request: HttpRequest, id: Path<String>, payload: Payload) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = visit.expect_somebody(&request, Operation::BreakGlass).await? else { return Ok(sign_in(visit, &id)) };
    let typed = typed(&request, payload, visit.app.body_limit).await.unwrap_or_default();
    let (language, reason) = (visit.language, value(&typed, "reason").trim().to_owned());
    let again = |visit: Visit, status: StatusCode, text: &str| {
        let errors = vec![Mistake { field: "", text: words::say(language, text, &[]) }];
        opening(visit, &somebody, &id, status, Some(reason.clone()), errors)
    };
    if !is_id(&id) {
        return sorry(visit, &Kind::NotFound.into());
    }
    if !somebody.sent(&visit, &request, value(&typed, "mark"), Operation::BreakGlass).await? {
        return again(visit, StatusCode::FORBIDDEN, "ask-error-mark");
    }
    if !visit.recently(&somebody) {
        return again(visit, StatusCode::FORBIDDEN, "work-open-anew");
    }
    let body = if reason.is_empty() { json!({}) } else { json!({ "reason": reason }) }.to_string();
    let gate = Gate::<BreakGlass>::through_a_page(&request, &somebody.credentials, Some(&id), "", language).await;
    let done = match gate {
        Ok(gate) => shielding::break_glass(gate.saying(&body, "*").once(value(&typed, "key"))).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => {
            if somebody.kept.is_some() {
                visit.app.store.forget_kept(somebody.secret.digest()).await?;
            }
            Ok(see(visit, &format!("/children/{}", id.as_str())))
        }
        Err(problem) if problem.kind == Kind::RecentSignInRequired => again(visit, StatusCode::FORBIDDEN, "work-open-anew"),
        Err(problem) if !problem.errors.is_empty() => {
            let errors = said_of(&problem, "reason", language);
            opening(visit, &somebody, &id, problem.kind.status(), Some(reason), errors)
        }
        Err(problem) => sorry(visit, &problem),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    recorded_at: DateTime<Utc>,
    operation: String,
    outcome: String,
    actor: Option<Actor>,
    reason: Option<String>,
}

impl Entry {
    /// The name of the message that says what was done.
    fn done(&self) -> String {
        if SAID.contains(&self.operation.as_str()) { format!("work-log-{}", kebab(&self.operation)) } else { "work-log-other".to_owned() }
    }
}

/// The code of an operation as messages are named.
pub(super) fn kebab(code: &str) -> String {
    let one = |c: char| if c.is_ascii_uppercase() { format!("-{}", c.to_ascii_lowercase()) } else { c.to_string() };
    code.chars().map(one).collect()
}

#[derive(Debug, Deserialize)]
struct Actor {
    subject: Option<String>,
    role: Option<String>,
    organisation: Option<String>,
}

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    page: Page,
    id: String,
    entries: Listed<Entry>,
}

/// `GET /children/{id}/log`: who asked about a child, and who looked.
pub(super) async fn log(request: HttpRequest, id: Path<String>) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(somebody) = visit.expect_somebody(&request, Operation::ListAudit).await? else { return Ok(sign_in(visit, &id)) };
    if !is_id(&id) {
        return sorry(visit, &Kind::NotFound.into());
    }
    let query = format!("child={}&{}", id.as_str(), paged(ENTRIES, &parameter(&request, "after")));
    match read::<ListAudit, Listed<Entry>, _>(&request, &somebody, visit.language, (None, &query), audit::index).await {
        Ok(entries) => {
            let page = Page::new(&mut visit)?;
            html(visit, StatusCode::OK, &LogPage { page, id: id.to_string(), entries })
        }
        Err(problem) => sorry(visit, &problem),
    }
}
