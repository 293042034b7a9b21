//! `/v1/notices` and `/v1/tasks`: what a person must read and confirm, and what a person must do.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::clocks::clock_words;
use super::fields::Fields;
use super::gate::Gate;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{item, kept, list};
use crate::authz::policy::action;
use crate::domain::ids::{NoticeId, TaskId};
use crate::domain::text::Note;
use crate::register::{Region, notices, patterns, tasks, work_lists};
use crate::store::connection::AnyConnection;
use crate::store::enquiries::EnquiryRow;
use crate::store::identities::PairRow;
use crate::store::notices::NoticeRow;
use crate::store::tasks::TaskRow;
use crate::store::types::Id;
use crate::words::{Language, say};

/// A notice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoticeView {
    /// Identifier.
    id: String,
    /// What happened: an enquiry, a decision about the child's entry, a change of co-ordinator.
    #[schema(example = "enquiry")]
    kind: String,
    /// What happened, in the language of the answer.
    #[schema(example = "Somebody asked about a child on your register.")]
    text: String,
    /// `urgent`, `normal` or `silent`.
    #[schema(example = "normal")]
    urgency: String,
    /// The role that is to read it.
    #[schema(example = "custodian")]
    to_role: String,
    /// The authority.
    #[schema(example = "W06000022")]
    authority: String,
    /// The child.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_id: Option<String>,
    /// The entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
    /// The check.
    #[serde(skip_serializing_if = "Option::is_none")]
    check_id: Option<String>,
    /// For the end of an entry: whether letters go to the family. None go after a death or a stillbirth.
    #[serde(skip_serializing_if = "Option::is_none")]
    letters: Option<bool>,
    /// When it was given.
    created_at: DateTime<Utc>,
    /// Who confirmed having read it, and when; absent while nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgement: Option<AcknowledgementView>,
    /// The clock that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "seen-alone")]
    clock: Option<String>,
    /// The day on which that clock is or was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_on: Option<NaiveDate>,
}

/// That a named person read a notice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcknowledgementView {
    /// When.
    at: DateTime<Utc>,
    /// Who.
    #[schema(example = "https://idp.example#custodian-1")]
    by: String,
    /// What they noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Rang the ward at 02:25")]
    note: Option<String>,
}

/// A page of notices.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoticeList {
    /// The notices, newest first.
    items: Vec<NoticeView>,
    /// Where the next page is.
    links: Links,
}

/// Which notices to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NoticeQuery {
    /// Only those that are (true) or are not (false) acknowledged.
    #[param(example = false)]
    acknowledged: Option<bool>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// A confirmation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgementRequest {
    /// What was done, if there is something to say.
    #[schema(example = "Rang the ward at 02:25")]
    note: Option<String>,
}

/// A task.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// Identifier.
    id: String,
    /// What is to be done.
    #[schema(example = "repeat-enquiry")]
    kind: String,
    /// What is to be done, in the language of the answer.
    #[schema(example = "Name a co-ordinator for this entry.")]
    text: String,
    /// Why, where the kind does not say it all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    reasons: Vec<TaskReasonView>,
    /// The checks on which it rests, oldest first, at most 100; only for a custodian who reads this one task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    checks: Vec<TaskCheckView>,
    /// `open` or `closed`.
    #[schema(example = "open")]
    status: String,
    /// The role that is to do it.
    to_role: String,
    /// The authority (GSS code), or the region's code for what concerns no single authority.
    #[schema(example = "W06000022")]
    authority: String,
    /// The child.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_id: Option<String>,
    /// The other record, where two may be of one person.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_child_id: Option<String>,
    /// The entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
    /// The check.
    #[serde(skip_serializing_if = "Option::is_none")]
    check_id: Option<String>,
    /// For the end of an entry: whether letters go to the family. None go after a death or a stillbirth.
    #[serde(skip_serializing_if = "Option::is_none")]
    letters: Option<bool>,
    /// When it was raised.
    created_at: DateTime<Utc>,
    /// Who closed it, when and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    closure: Option<ClosureView>,
    /// The clock that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "seen-alone")]
    clock: Option<String>,
    /// The day on which that clock is or was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_on: Option<NaiveDate>,
}

/// Why a task was raised.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskReasonView {
    /// Stable code.
    #[schema(example = "name-sweep")]
    code: String,
    /// How many children, names, dates or checks.
    #[schema(example = 9)]
    count: usize,
    /// In words, in the language of the answer.
    #[schema(example = "One person asked about 9 differently named children with the same family name.")]
    text: String,
}

/// A check on which a task rests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskCheckView {
    /// Identifier.
    id: String,
    /// When it was asked.
    asked_at: DateTime<Utc>,
    /// Who asked.
    #[schema(example = "https://idp.example#nurse-1")]
    person: String,
    /// For which agency.
    #[schema(example = "Royal Gwent Hospital")]
    agency: String,
    /// The reason that the enquirer gave.
    #[schema(example = "other")]
    reason: String,
    /// The same in the enquirer's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Seen alone at the bus station")]
    reason_text: Option<String>,
    /// The enquirer's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ED-2026-11843")]
    case_reference: Option<String>,
}

/// The most checks shown with a task.
const CHECKS_SHOWN: i64 = 100;

/// The part of a question that a task shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnWords {
    reason_text: Option<String>,
}

impl TaskCheckView {
    fn new(row: EnquiryRow) -> Self {
        let own: Option<OwnWords> = serde_json::from_str(&row.question).ok();
        Self {
            id: row.id.0.to_string(),
            asked_at: row.asked_at.get(),
            person: row.asked_by,
            agency: row.agency,
            reason: row.reason,
            reason_text: own.and_then(|own| own.reason_text),
            case_reference: row.case_reference,
        }
    }
}

/// That a named person closed a task.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClosureView {
    /// When.
    at: DateTime<Utc>,
    /// Who.
    #[schema(example = "https://idp.example#custodian-1")]
    by: String,
    /// Why.
    #[schema(example = "Named a co-ordinator")]
    reason: String,
}

/// A page of tasks.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskList {
    /// The tasks, newest first.
    items: Vec<TaskView>,
    /// Where the next page is.
    links: Links,
}

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskQuery {
    /// Only those that are open (true) or closed (false).
    #[param(example = true)]
    open: Option<bool>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// The words for a kind; those about a clock name it as the region's procedures do.
fn said(what: &str, kind: &str, clock: Option<&str>, region: &Region, language: Language) -> String {
    let clock = clock.map(|code| clock_words(region, code, language)).unwrap_or_default();
    say(language, &format!("{what}-{kind}"), &[("clock", &clock)])
}

fn text(id: Option<Id>) -> Option<String> {
    id.map(|id| id.0.to_string())
}

impl NoticeView {
    fn new(row: &NoticeRow, region: &Region, language: Language) -> Self {
        let acknowledgement = row.acknowledged_at.zip(row.acknowledged_by.clone()).map(|(at, by)| AcknowledgementView {
            at: at.get(),
            by,
            note: row.acknowledgement_note.clone(),
        });
        Self {
            id: row.id.0.to_string(),
            kind: row.kind.clone(),
            text: said("notice", &row.kind, row.clock.as_deref(), region, language),
            urgency: row.urgency.clone(),
            to_role: row.to_role.clone(),
            authority: row.authority.clone(),
            child_id: text(row.child_id),
            registration_id: text(row.registration_id),
            check_id: text(row.enquiry_id),
            letters: row.kind.parse().ok().and_then(notices::Kind::letters),
            created_at: row.created_at.get(),
            acknowledgement,
            clock: row.clock.clone(),
            due_on: row.due_on,
        }
    }
}

impl TaskView {
    /// What is shown of a task; `pair` names the two records of which it speaks, if it speaks of two.
    fn new(row: &TaskRow, pair: Option<&PairRow>, region: &Region, language: Language) -> Self {
        let closure = row.closed_at.zip(row.closed_by.clone()).map(|(at, by)| ClosureView {
            at: at.get(),
            by,
            reason: row.close_reason.clone().unwrap_or_default(),
        });
        Self {
            id: row.id.0.to_string(),
            kind: row.kind.clone(),
            text: said("task", &row.kind, row.clock.as_deref(), region, language),
            reasons: patterns::reasons(&row.reasons)
                .into_iter()
                .map(|reason| TaskReasonView {
                    text: say(language, &format!("pattern-{}", reason.code), &[("count", &reason.count.to_string())]),
                    code: reason.code,
                    count: reason.count,
                })
                .collect(),
            checks: Vec::new(),
            status: if closure.is_some() { "closed" } else { "open" }.to_owned(),
            to_role: row.to_role.clone(),
            authority: row.authority.clone(),
            child_id: text(row.child_id),
            other_child_id: pair
                .map(|pair| if row.child_id == Some(pair.one_id) { pair.other_id } else { pair.one_id })
                .map(|id| id.0.to_string()),
            registration_id: text(row.registration_id),
            check_id: text(row.enquiry_id),
            letters: row.kind.parse().ok().and_then(tasks::Kind::letters),
            created_at: row.created_at.get(),
            closure,
            clock: row.clock.clone(),
            due_on: row.due_on,
        }
    }
}

/// Views of tasks; the pairs of which some of them speak are looked up for all of them at once.
fn task_views(connection: &mut AnyConnection, rows: &[TaskRow], region: &Region, language: Language) -> Result<Vec<TaskView>, Problem> {
    let ids: Vec<Id> = rows.iter().filter(|row| row.kind == tasks::Kind::PossibleDuplicate.as_str()).map(|row| row.id).collect();
    let pairs = PairRow::of_tasks(connection, &ids)?;
    Ok(rows.iter().map(|row| TaskView::new(row, pairs.iter().find(|pair| pair.task_id == row.id), region, language)).collect())
}

fn task_view(connection: &mut AnyConnection, row: &TaskRow, region: &Region, language: Language) -> Result<TaskView, Problem> {
    task_views(connection, std::slice::from_ref(row), region, language)?.pop().ok_or_else(|| Kind::InternalError.into())
}

/// List notices
///
/// Those of the caller's authorities, or to the caller personally.
#[utoipa::path(
    get, path = "/v1/notices", operation_id = "listNotices", tag = "Notices", params(NoticeQuery),
    responses((status = 200, description = "A page of notices, newest first", body = NoticeList), super::openapi::ListProblems),
)]
pub async fn list_notices(gate: Gate<action::ListNotices>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let to = notices::addressee(permit.principal(), permit.reach(), &app.region);
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: NoticeQuery = incoming.query()?;
            let filter = query.acknowledged.map(|acknowledged| ("acknowledged", acknowledged.to_string()));
            let page = Page::new(query.cursor.as_deref(), query.limit, filter)?;
            let before = page.before::<uuid::Uuid>().map(Id);
            let rows = crate::store::notices::list(snapshot.connection, &to, query.acknowledged, before, page.fetch())?;
            let (rows, links) = page.cut(rows, "/v1/notices", |row| row.id.0);
            if rows.is_empty() {
                snapshot.audit().empty();
            }
            for child in rows.iter().filter_map(|row| row.child_id) {
                snapshot.audit().child(child);
            }
            list(&NoticeList { items: rows.iter().map(|row| NoticeView::new(row, &region, language)).collect(), links })
        })
        .await
        .map(kept)
}

/// Read a notice
///
/// Reading a notice is not confirming it: that is an acknowledgement.
#[utoipa::path(
    get, path = "/v1/notices/{id}", operation_id = "readNotice", tag = "Notices",
    params(("id" = String, Path, description = "Identifier of the notice")),
    responses((status = 200, description = "The notice", body = NoticeView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read_notice(gate: Gate<action::ReadNotice>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let id: NoticeId = incoming.id()?;
            let row = notices::find(snapshot.connection, &region, id, &principal, reach)?;
            incoming.reading()?;
            if let Some(child) = row.child_id {
                snapshot.audit().child(child);
            }
            item(row.version, &NoticeView::new(&row, &region, language))
        })
        .await
        .map(kept)
}

/// Acknowledge a notice
///
/// A named person confirms having read it. Until then it counts as unread.
#[utoipa::path(
    post, path = "/v1/notices/{id}/acknowledgement", operation_id = "acknowledgeNotice", tag = "Notices",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the notice")), request_body = AcknowledgementRequest,
    responses((status = 200, description = "The notice", body = NoticeView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn acknowledge(gate: Gate<action::AcknowledgeNotice>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let reach = permit.reach();
    let (reader, region) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                let id: NoticeId = incoming.id()?;
                let row = notices::find(snapshot.connection, &reader, id, &principal, reach)?;
                let body: AcknowledgementRequest = incoming.change(row.version)?;
                let mut fields = Fields::default();
                let note: Option<Note> = fields.optional("/note", body.note.as_deref());
                fields.finish(Some((row, note.map(|note| note.expose().to_owned()))))
            },
            move |tx, (row, note): &(NoticeRow, Option<String>)| {
                let row = notices::acknowledge(tx, row, &by, note.as_deref())?;
                item::<NoticeView>(row.version, &NoticeView::new(&row, &region, language))
            },
        )
        .await
        .map(kept)
}

/// List tasks
///
/// The work-lists of the caller's authorities.
#[utoipa::path(
    get, path = "/v1/tasks", operation_id = "listTasks", tag = "Tasks", params(TaskQuery),
    responses((status = 200, description = "A page of tasks, newest first", body = TaskList), super::openapi::ListProblems),
)]
pub async fn list_tasks(gate: Gate<action::ListTasks>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let lists = work_lists(permit.principal(), &app.region);
    let reader = permit.principal().key();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: TaskQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, query.open.map(|open| ("open", open.to_string())))?;
            let before = page.before::<uuid::Uuid>().map(Id);
            let rows = crate::store::tasks::list(snapshot.connection, &lists, &reader, query.open, before, page.fetch())?;
            let (rows, links) = page.cut(rows, "/v1/tasks", |row| row.id.0);
            if rows.is_empty() {
                snapshot.audit().empty();
            }
            for child in rows.iter().filter_map(|row| row.child_id) {
                snapshot.audit().child(child);
            }
            list(&TaskList { items: task_views(snapshot.connection, &rows, &region, language)?, links })
        })
        .await
        .map(kept)
}

/// Read a task
///
/// What is to be done, about which child or check, and who closed it why.
#[utoipa::path(
    get, path = "/v1/tasks/{id}", operation_id = "readTask", tag = "Tasks",
    params(("id" = String, Path, description = "Identifier of the task")),
    responses((status = 200, description = "The task", body = TaskView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read_task(gate: Gate<action::ReadTask>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let id: TaskId = incoming.id()?;
            let row = tasks::find(snapshot.connection, &region, id, &principal)?;
            incoming.reading()?;
            if let Some(child) = row.child_id {
                snapshot.audit().child(child);
            }
            let mut view = task_view(snapshot.connection, &row, &region, language)?;
            // What enquirers wrote may name a child: it is for whom the task is.
            if principal.role.as_str() == row.to_role {
                let checks = crate::store::patterns::evidence(snapshot.connection, row.id, CHECKS_SHOWN)?;
                snapshot.audit().detail("checks", checks.len());
                view.checks = checks.into_iter().map(TaskCheckView::new).collect();
            }
            item(row.version, &view)
        })
        .await
        .map(kept)
}

/// Close a task
///
/// By a named person, with a reason.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/closure", operation_id = "closeTask", tag = "Tasks",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the task")),
    request_body = super::children::ReasonRequest,
    responses((status = 200, description = "The task", body = TaskView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn close_task(gate: Gate<action::CloseTask>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let (reader, region) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                let id: TaskId = incoming.id()?;
                let row = tasks::find(snapshot.connection, &reader, id, &principal)?;
                let body: super::children::ReasonRequest = incoming.change(row.version)?;
                Ok((row, body.read()?.expose().to_owned()))
            },
            move |tx, (row, reason): &(TaskRow, String)| {
                let row = tasks::close(tx, row, &by, reason)?;
                item::<TaskView>(row.version, &task_view(tx.connection, &row, &region, language)?)
            },
        )
        .await
        .map(kept)
}
