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
use crate::register::imports::{Difference, Fix};
use crate::register::transfers::Actor;
use crate::register::{Region, alerts, notices, patterns, tasks, work_lists};
use crate::store::StoreError;
use crate::store::connection::AnyConnection;
use crate::store::enquiries::EnquiryRow;
use crate::store::identities::PairRow;
use crate::store::import_runs::MismatchRow;
use crate::store::notices::{NoticeRow, counts_together};
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
    /// The alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_id: Option<String>,
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
    /// How many notices of routine checks about the child are put together in this one, itself included: whoever confirms it
    /// confirms them. One by one they are at `/v1/notices?togetherWith=` and its identifier. Absent when there are no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 3)]
    together: Option<i64>,
    /// The notice in which this one is put together with others.
    #[serde(skip_serializing_if = "Option::is_none")]
    together_with: Option<String>,
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
    /// Those that are put together in this notice, one by one. Without it, each group is shown by its first.
    #[param(example = "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    together_with: Option<String>,
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
    /// How many were put together in it when you read it (`together`). Should more have come meanwhile, nothing is confirmed: 412.
    #[schema(example = 3)]
    together: Option<i64>,
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
    /// The alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_id: Option<String>,
    /// The import, where a file and the register say different things.
    #[serde(skip_serializing_if = "Option::is_none")]
    import_id: Option<String>,
    /// How it can be put right, what is most often right first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    fixes: Vec<TaskFixView>,
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

/// A way to put right what a file and the register say differently.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskFixView {
    /// Stable code.
    code: String,
    /// In words, in the language of the answer.
    #[schema(example = "Correct the system from which the file comes.")]
    text: String,
    /// Where to begin.
    #[schema(example = "/v1/children/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    href: String,
}

/// The ways that are proposed for a mismatch.
fn fixes(mismatch: &MismatchRow, language: Language) -> Vec<TaskFixView> {
    let Ok(difference) = mismatch.code.parse::<Difference>() else { return Vec::new() };
    let child = mismatch.child_id.map(|id| format!("/v1/children/{}", id.0)).unwrap_or_default();
    let import = mismatch.run_id.map_or_else(|| "/v1/imports".to_owned(), |id| format!("/v1/imports/{}/rows?code=", id.0));
    let fix = |fix: &Fix| TaskFixView {
        code: fix.as_str().to_owned(),
        text: say(language, &format!("fix-{fix}"), &[]),
        href: match fix {
            Fix::CorrectTheSource if mismatch.run_id.is_some() => format!("{import}{difference}"),
            Fix::CorrectTheRows if mismatch.run_id.is_some() => format!("{import}invalid"),
            Fix::CorrectTheSource | Fix::CorrectTheRows => import.clone(),
            Fix::CorrectTheRegister => child.clone(),
            Fix::CompareTheRecords => format!("{child}/merges"),
        },
    };
    difference.fixes().iter().map(fix).collect()
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

/// How many notices are put together in each of these.
fn together(connection: &mut AnyConnection, rows: &[NoticeRow]) -> Result<Vec<(Option<Id>, i64)>, StoreError> {
    let firsts: Vec<Id> = rows.iter().filter(|row| row.together_id == Some(row.id)).map(|row| row.id).collect();
    counts_together(connection, &firsts)
}

/// How many are put together in this one, itself included.
fn count_of(row: &NoticeRow, counts: &[(Option<Id>, i64)]) -> i64 {
    counts.iter().find(|(first, _)| *first == Some(row.id)).map_or(1, |(_, count)| *count)
}

/// Views of notices; what is put together in them is counted for all of them at once.
fn notice_views(
    connection: &mut AnyConnection,
    rows: &[NoticeRow],
    region: &Region,
    language: Language,
) -> Result<Vec<NoticeView>, Problem> {
    let counts = together(connection, rows)?;
    Ok(rows.iter().map(|row| NoticeView::new(row, count_of(row, &counts), region, language)).collect())
}

fn notice_view(connection: &mut AnyConnection, row: &NoticeRow, region: &Region, language: Language) -> Result<NoticeView, Problem> {
    notice_views(connection, std::slice::from_ref(row), region, language)?.pop().ok_or_else(|| Kind::InternalError.into())
}

impl NoticeView {
    fn new(row: &NoticeRow, together: i64, region: &Region, language: Language) -> Self {
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
            alert_id: text(row.alert_id),
            letters: row.kind.parse().ok().and_then(notices::Kind::letters),
            created_at: row.created_at.get(),
            acknowledgement,
            clock: row.clock.clone(),
            due_on: row.due_on,
            together: (together > 1).then_some(together),
            together_with: text(row.together_id.filter(|first| *first != row.id)),
        }
    }
}

impl TaskView {
    /// What is shown of a task; `pair` names the two records of which it speaks, if it speaks of two, `mismatch` what a file and
    /// the register say differently.
    fn new(row: &TaskRow, pair: Option<&PairRow>, mismatch: Option<&MismatchRow>, region: &Region, language: Language) -> Self {
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
                .or(mismatch.and_then(|mismatch| mismatch.other_id))
                .map(|id| id.0.to_string()),
            registration_id: text(row.registration_id),
            check_id: text(row.enquiry_id),
            alert_id: text(row.alert_id),
            import_id: text(mismatch.and_then(|mismatch| mismatch.run_id)),
            fixes: mismatch.map(|mismatch| fixes(mismatch, language)).unwrap_or_default(),
            letters: row.kind.parse().ok().and_then(tasks::Kind::letters),
            created_at: row.created_at.get(),
            closure,
            clock: row.clock.clone(),
            due_on: row.due_on,
        }
    }
}

/// Views of tasks; the pairs and differences of which some of them speak are looked up for all of them at once.
fn task_views(connection: &mut AnyConnection, rows: &[TaskRow], region: &Region, language: Language) -> Result<Vec<TaskView>, Problem> {
    let of = |kind: tasks::Kind| -> Vec<Id> { rows.iter().filter(|row| row.kind == kind.as_str()).map(|row| row.id).collect() };
    let pairs = PairRow::of_tasks(connection, &of(tasks::Kind::PossibleDuplicate))?;
    let mismatches = MismatchRow::of_tasks(connection, &of(tasks::Kind::ImportMismatch))?;
    let view = |row: &TaskRow| {
        let pair = pairs.iter().find(|pair| pair.task_id == row.id);
        let mismatch = mismatches.iter().find(|mismatch| mismatch.task_id == row.id);
        TaskView::new(row, pair, mismatch, region, language)
    };
    Ok(rows.iter().map(view).collect())
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
            let first: Option<uuid::Uuid> = query.together_with.as_deref().map(str::parse).transpose().map_err(|_| Kind::MalformedQuery)?;
            let filters = query.acknowledged.map(|acknowledged| ("acknowledged", acknowledged.to_string())).into_iter();
            let filters = filters.chain(first.map(|first| ("togetherWith", first.to_string())));
            let page = Page::new(query.cursor.as_deref(), query.limit, filters)?;
            let before = page.before::<uuid::Uuid>().map(Id);
            let rows = crate::store::notices::list(snapshot.connection, &to, query.acknowledged, first.map(Id), before, page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/notices", |row| row.id.0);
            for child in rows.iter().filter_map(|row| row.child_id) {
                snapshot.audit().child(child);
            }
            list(&NoticeList { items: notice_views(snapshot.connection, &rows, &region, language)?, links })
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
            item(row.version, &notice_view(snapshot.connection, &row, &region, language)?)
        })
        .await
        .map(kept)
}

/// Acknowledge a notice
///
/// A named person confirms having read it. Until then it counts as unread. Of a notice of another region's alert, the person has
/// acknowledged the alert.
#[utoipa::path(
    post, path = "/v1/notices/{id}/acknowledgement", operation_id = "acknowledgeNotice", tag = "Notices",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the notice")), request_body = AcknowledgementRequest,
    responses((status = 200, description = "The notice", body = NoticeView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn acknowledge(gate: Gate<action::AcknowledgeNotice>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = Actor::of(&principal);
    let reach = permit.reach();
    let (reader, region) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                let id: NoticeId = incoming.id()?;
                let row = notices::find(snapshot.connection, &reader, id, &principal, reach)?;
                let body: AcknowledgementRequest = incoming.change(row.version)?;
                if let Some(seen) = body.together
                    && seen != count_of(&row, &together(snapshot.connection, std::slice::from_ref(&row))?)
                {
                    return Err(Kind::PreconditionFailed.into());
                }
                let mut fields = Fields::default();
                let note: Option<Note> = fields.optional("/note", body.note.as_deref());
                fields.finish(Some((row, note.map(|note| note.expose().to_owned()))))
            },
            move |tx, (row, note): &(NoticeRow, Option<String>)| {
                let row = notices::acknowledge(tx, &region, row, &by.key, note.as_deref())?;
                alerts::acts::opened(tx, &region, &row, &by)?;
                item::<NoticeView>(row.version, &notice_view(tx.connection, &row, &region, language)?)
            },
        )
        .await
        .map(kept)
}

/// List tasks
///
/// The work-lists of the caller's authorities; the emergency duty team sees what is its own to do.
#[utoipa::path(
    get, path = "/v1/tasks", operation_id = "listTasks", tag = "Tasks", params(TaskQuery),
    responses((status = 200, description = "A page of tasks, newest first", body = TaskList), super::openapi::ListProblems),
)]
pub async fn list_tasks(gate: Gate<action::ListTasks>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let lists = work_lists(permit.principal(), &app.region);
    let reader = permit.principal().key();
    let to_role = tasks::own_role(permit.principal(), permit.reach());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: TaskQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, query.open.map(|open| ("open", open.to_string())))?;
            let before = page.before::<uuid::Uuid>().map(Id);
            let rows = crate::store::tasks::list(snapshot.connection, &lists, &reader, to_role, query.open, before, page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/tasks", |row| row.id.0);
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
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let id: TaskId = incoming.id()?;
            let row = tasks::find(snapshot.connection, &region, id, &principal, reach)?;
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
    let reach = permit.reach();
    let by = principal.key();
    let (reader, region) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                let id: TaskId = incoming.id()?;
                let row = tasks::find(snapshot.connection, &reader, id, &principal, reach)?;
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
