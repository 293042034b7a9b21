//! `/v1/checks`: ask, read back, list, ask about several.

mod answer;
mod question;

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub use self::answer::CheckView;
pub(super) use self::question::question_of_peer;
pub use self::question::{BatchRequest, CheckRequest, ChildQuestion};
use super::fields::Fields;
use super::gate::{Gate, Incoming, etag};
use super::limits::Told;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{created, item, kept, list};
use crate::api::app::{Federated, Turn};
use crate::authz::policy::action;
use crate::authz::{Context, Principal, Reach};
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::CheckId;
use crate::domain::outcome::Reply;
use crate::domain::short_reference::ShortReference;
use crate::register::budgets::{self, Hold, Reckoning};
use crate::register::checks::{self, Checked, PeerReply, Readings, Searched};
use crate::register::idempotency::{self, Answer, Key};
use crate::register::{Region, RegisterError};
use crate::store::{Ending, Snapshot, Store};
use crate::words::{Language, say};

/// A check in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckSummary {
    /// Identifier.
    id: String,
    /// Short reference.
    #[schema(example = "K7QF-3M9T-T")]
    reference: String,
    /// When it was asked.
    asked_at: DateTime<Utc>,
    /// Outcome.
    outcome: String,
    /// Reason.
    reason: String,
    /// The agency that asked.
    #[schema(example = "Royal Gwent Hospital")]
    agency: String,
    /// The enquirer's own reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    case_reference: Option<String>,
}

/// A page of checks.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckList {
    /// The checks, newest first.
    items: Vec<CheckSummary>,
    /// Where the next page is.
    links: Links,
}

/// The answers of a batch, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    /// The answers.
    items: Vec<CheckView>,
}

/// Which checks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CheckQuery {
    /// Only the check with this short reference.
    #[param(example = "K7QF-3M9T-T")]
    reference: Option<String>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// What the reading part of a request found: an answer given before, or what this region's register holds.
enum Read {
    Before(Answer),
    New {
        key: Option<Key>,
        searched: Vec<Searched>,
        replies: Vec<Vec<PeerReply>>,
        reckoning: Reckoning,
        turn: Option<Turn>,
        hold: Arc<Hold>,
    },
}

/// Asks the other regions of every question at once, each until its deadline.
async fn ask_others(
    federation: Option<Federated>,
    store: &Store,
    region: &Region,
    context: Context,
    asked_at: Stopwatch,
    read: Read,
) -> Read {
    let Read::New { key, searched, reckoning, turn, hold, .. } = read else { return read };
    let silent = |regions: Vec<RegionCode>| -> Vec<PeerReply> {
        let one = |region| PeerReply {
            region,
            reply: Reply::Unreachable,
            duration_ms: 0,
            earlier: None,
            signed: None,
            code: None,
            alerts: Vec::new(),
        };
        regions.into_iter().map(one).collect()
    };
    let asked = searched.iter().map(|searched| {
        let federation = federation.clone();
        async move {
            let Some((regions, question)) = searched.to_ask(region) else { return Vec::new() };
            let Some(peers) = federation.and_then(|federated| federated.peers) else { return silent(regions) };
            let budget = Duration::from_millis(searched.deadline_ms()).saturating_sub(RESERVE);
            peers.ask_all(regions, question, context.correlation_id, asked_at + budget).await
        }
    });
    let replies = join_all(asked).await;
    if let Some(peers) = federation.as_ref().and_then(|federated| federated.peers.as_ref()) {
        let refused = replies.iter().flatten().filter_map(|reply| Some((reply.region.to_string(), reply.code?)));
        join_all(refused.map(|(of, code)| peers.note_refusal(store, of, code, context))).await;
    }
    Read::New { key, searched, replies, reckoning, turn, hold }
}

/// Of the deadline, what is kept for putting the answers together and keeping them.
const RESERVE: Duration = Duration::from_millis(30);

/// The parts of a new answer, or one given before.
enum Asked {
    Before(Answer),
    New { key: Option<Key>, checked: Vec<Checked>, answer: Answer, subjects: Vec<String>, _turn: Option<Turn>, _hold: Arc<Hold> },
}

/// A question as a face of the API, or a page, read it.
#[derive(Debug)]
pub enum Posed {
    /// It was answered before, under the same idempotency key.
    Before(Answer),
    /// It is new; without a key a repetition would be another question.
    New(Box<CheckRequest>, Option<(Key, Turn)>),
}

/// Refuses when the caller asked about too many children already; what is left is told either way.
fn admit(
    snapshot: &mut Snapshot<'_>,
    region: &Region,
    principal: &Principal,
    children: usize,
    hold: &Hold,
    told: &Told,
) -> Result<Reckoning, RegisterError> {
    let reckoning = region.budgets.reckon(snapshot, principal)?;
    let admitted = region.budgets.admit(&reckoning, children as u64, hold);
    told.standing(region.budgets.standing(&reckoning, 0));
    admitted.map(|()| reckoning)
}

/// How many of these checks named nobody.
fn empty(checked: &[Checked]) -> u64 {
    checked.iter().filter(|checked| checked.answer.matches.is_empty()).count() as u64
}

/// The unit of work of one or several new checks.
fn keep(region: &Region, tx: &mut crate::store::Tx<'_>, asked: &Asked) -> Result<Answer, Problem> {
    match asked {
        Asked::Before(answer) => Ok(answer.clone()),
        Asked::New { key, checked, answer, subjects, .. } => {
            let work = |tx: &mut crate::store::Tx<'_>| {
                budgets::spend(tx, subjects, checked.len() as u64, empty(checked))?;
                for checked in checked {
                    checks::record(tx, region, checked)?;
                }
                Ok::<_, RegisterError>(answer.clone())
            };
            match key {
                Some(key) => idempotency::once(tx, key, work),
                None => work(tx),
            }
            .map_err(Problem::from)
        }
    }
}

/// Ask whether a child is on a register
///
/// Asks the registers of the search and answers in words that cannot be misread: `not-on-register` only when every register
/// answered and nobody on them may be the child. The enquiry is recorded and told to those responsible. A child who is sought
/// carries `missingAlert`: on the match, or at the top when nobody on a register matched; those who seek the child are rung.
#[utoipa::path(
    post, path = "/v1/checks", operation_id = "askCheck", tag = "Checks",
    params(super::openapi::IdempotencyKey), request_body = CheckRequest,
    responses((status = 201, description = "The answer", body = CheckView,
        headers(("Location" = String, description = "Where the check can be read again"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn ask(gate: Gate<action::AskCheck>) -> Result<HttpResponse, Problem> {
    let read = |incoming: &Incoming, snapshot: &mut Snapshot<'_>| {
        let creation = incoming.creation::<CheckRequest>()?;
        match idempotency::before(snapshot, &creation.key)? {
            Some(answer) => Ok(Posed::Before(answer)),
            None => Ok(Posed::New(Box::new(creation.body), Some((creation.key, creation.turn)))),
        }
    };
    put(gate, read).await.map(kept)
}

/// Puts a question to the register, whichever face of the API, or page, `read` it: the one way in which a check comes about.
///
/// # Errors
/// As the operation documents them.
pub async fn put(
    gate: Gate<action::AskCheck>,
    read: impl FnOnce(&Incoming, &mut Snapshot<'_>) -> Result<Posed, Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let asked_at = Stopwatch::now();
    let Gate { permit, incoming, language, told, app } = gate;
    let principal = Arc::clone(permit.principal());
    let context = permit.context();
    // Held until the answer is on its way, and until the unit of work has ended although the caller has gone.
    let held = Arc::new(app.region.budgets.hold());
    let (hold, told_then) = (Arc::clone(&held), told.clone());
    let (reader, teller, writer) = (Arc::clone(&app.region), Arc::clone(&principal), Arc::clone(&app.region));
    let look = move |snapshot: &mut Snapshot<'_>| {
        let (request, key) = match read(&incoming, snapshot)? {
            Posed::Before(answer) => return Ok(Read::Before(answer)),
            Posed::New(request, key) => (request, key),
        };
        let (key, turn) = key.unzip();
        let question = request.question("", &reader, &principal, snapshot.now(), language)?;
        let reckoning = admit(snapshot, &reader, &principal, 1, &hold, &told)?;
        let searched = vec![checks::find(snapshot, &reader, question, &principal)?];
        Ok(Read::New { key, searched, replies: Vec::new(), reckoning, turn, hold })
    };
    let work = async move {
        let region = Arc::clone(&app.region);
        let ask = |read| ask_others(app.federation.clone(), &app.store, &region, context, asked_at, read);
        let end = |ending: &mut Ending<'_>, read| {
            put_together(
                ending,
                &region,
                &teller,
                &told_then,
                read,
                |mut views| {
                    let (version, view) = views.pop().ok_or(Kind::InternalError)?;
                    created(Some(format!("/v1/checks/{}", view.id)), Some(etag(version)), &view)
                },
                language,
            )
        };
        let answer = app.store.run_asking(permit, look, ask, end, move |tx, asked: &Asked| keep(&writer, tx, asked)).await;
        drop(held);
        answer
    };
    to_its_end(work).await
}

/// Goes on although the caller has gone: other regions were asked, and that must not be forgotten.
async fn to_its_end(work: impl Future<Output = Result<Answer, Problem>> + 'static) -> Result<Answer, Problem> {
    actix_web::rt::spawn(work).await.map_err(|_| Problem::from(Kind::InternalError))?
}

/// Puts the answers of all regions together, signs the receipts and writes the reply.
fn put_together(
    ending: &mut Ending<'_>,
    region: &Region,
    principal: &Principal,
    told: &Told,
    read: Read,
    write: impl FnOnce(Vec<(i64, CheckView)>) -> Result<Answer, Problem>,
    language: Language,
) -> Result<Asked, Problem> {
    let (key, searched, replies, reckoning, turn, hold) = match read {
        Read::Before(answer) => return Ok(Asked::Before(answer)),
        Read::New { key, searched, replies, reckoning, turn, hold } => (key, searched, replies, reckoning, turn, hold),
    };
    let mut checked = Vec::with_capacity(searched.len());
    for (one, replies) in searched.into_iter().zip(replies) {
        checked.push(checks::conclude(ending, region, one, replies)?);
    }
    checks::sign(ending, region, &mut checked)?;
    let now = ending.now();
    let views = checked
        .iter()
        .map(|one| {
            // Nobody can have read of it yet.
            let none = Readings::default();
            (one.row.version, CheckView::new(&one.row, &one.answer, &one.numbers, &none, region, principal, Reach::Own, language, now))
        })
        .collect();
    let answer = write(views)?;
    told.standing(region.budgets.standing(&reckoning, empty(&checked)));
    let subjects = budgets::subjects(principal);
    Ok(Asked::New { key, checked, answer, subjects, _turn: turn, _hold: hold })
}

/// Ask about several children at once
///
/// Each question is a check of its own, kept and told like any other; all are answered, or none when one of them cannot be
/// read.
#[utoipa::path(
    post, path = "/v1/checks/batch", operation_id = "askChecks", tag = "Checks",
    params(super::openapi::IdempotencyKey), request_body = BatchRequest,
    responses((status = 201, description = "The answers, in the order of the questions", body = BatchView), super::openapi::CreateProblems),
)]
pub async fn ask_several(gate: Gate<action::AskChecks>) -> Result<HttpResponse, Problem> {
    let asked_at = Stopwatch::now();
    let Gate { permit, incoming, language, told, app } = gate;
    let principal = Arc::clone(permit.principal());
    let context = permit.context();
    // Held until the answer is on its way, and until the unit of work has ended although the caller has gone.
    let held = Arc::new(app.region.budgets.hold());
    let (hold, told_then) = (Arc::clone(&held), told.clone());
    let (reader, teller, writer) = (Arc::clone(&app.region), Arc::clone(&principal), Arc::clone(&app.region));
    let read = move |snapshot: &mut Snapshot<'_>| {
        let creation = incoming.creation::<BatchRequest>()?;
        if let Some(answer) = idempotency::before(snapshot, &creation.key)? {
            return Ok(Read::Before(answer));
        }
        let questions = creation.body.questions(&reader, &principal, snapshot.now(), language)?;
        let reckoning = admit(snapshot, &reader, &principal, questions.len(), &hold, &told)?;
        let mut searched = Vec::new();
        for (index, question) in questions.into_iter().enumerate() {
            let one = checks::find(snapshot, &reader, question, &principal).map_err(|error| match error {
                RegisterError::Insufficient => {
                    let mut fields = Fields::default();
                    fields.note(&format!("/checks/{index}/child"), "insufficient", &say(language, "problem-insufficient-detail", &[]));
                    fields.finish::<()>(None).err().unwrap_or_else(|| Kind::Insufficient.into())
                }
                other => other.into(),
            })?;
            searched.push(one);
        }
        Ok(Read::New { key: Some(creation.key), searched, replies: Vec::new(), reckoning, turn: Some(creation.turn), hold })
    };
    let work = async move {
        let region = Arc::clone(&app.region);
        let ask = |read| ask_others(app.federation.clone(), &app.store, &region, context, asked_at, read);
        let end = |ending: &mut Ending<'_>, read| {
            put_together(
                ending,
                &region,
                &teller,
                &told_then,
                read,
                |views| created(None, None, &BatchView { items: views.into_iter().map(|(_, view)| view).collect() }),
                language,
            )
        };
        let answer = app.store.run_asking(permit, read, ask, end, move |tx, asked: &Asked| keep(&writer, tx, asked)).await;
        drop(held);
        answer
    };
    to_its_end(work).await.map(kept)
}

/// Read a check again
///
/// For the asker and the region's custodian. The numbers to ring are those of this minute.
#[utoipa::path(
    get, path = "/v1/checks/{id}", operation_id = "readCheck", tag = "Checks",
    params(("id" = String, Path, description = "Identifier of the check")),
    responses((status = 200, description = "The check", body = CheckView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadCheck>) -> Result<HttpResponse, Problem> {
    let id = gate.incoming.id()?;
    let accepted = gate.incoming.reading();
    again(gate, id, Ok(()), accepted).await.map(kept)
}

/// Reads a check again, for whichever face of the API. `sound` says whether the request can be understood at all, `accepted`
/// whether the caller takes the answer: that is looked at once the check is known to exist.
pub async fn again(
    gate: Gate<action::ReadCheck>,
    id: CheckId,
    sound: Result<(), Problem>,
    accepted: Result<(), Problem>,
) -> Result<Answer, Problem> {
    let Gate { permit, language, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            sound?;
            snapshot.audit().enquiry(id);
            let (row, answer) = checks::read(snapshot.connection, id, &principal, reach)?;
            accepted?;
            for child in answer.own_children() {
                snapshot.audit().child(crate::store::types::Id(child));
            }
            let numbers = checks::numbers_in_place(snapshot.connection, &region, &principal, &answer.matches)?;
            let readings = checks::readings(snapshot.connection, id)?;
            let view = CheckView::new(&row, &answer, &numbers, &readings, &region, &principal, reach, language, snapshot.now());
            item(row.version, &view)
        })
        .await
}

/// List checks
///
/// One's own; for the region's custodian all of the region: the enquiry log.
#[utoipa::path(
    get, path = "/v1/checks", operation_id = "listChecks", tag = "Checks", params(CheckQuery),
    responses((status = 200, description = "A page of checks, newest first", body = CheckList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListChecks>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let (page, reference) = query(&incoming)?;
            let rows = checks::list(snapshot.connection, &principal, reach, reference.as_ref(), page.before(), page.fetch())?;
            let (rows, links) = page.cut(snapshot, rows, "/v1/checks", |row| row.id.0);
            let items = rows
                .into_iter()
                .map(|row| CheckSummary {
                    id: row.id.0.to_string(),
                    reference: row.reference,
                    asked_at: row.asked_at.get(),
                    outcome: row.outcome,
                    reason: row.reason,
                    agency: row.agency,
                    case_reference: row.case_reference,
                })
                .collect();
            list(&CheckList { items, links })
        })
        .await
        .map(kept)
}

fn query(incoming: &Incoming) -> Result<(Page, Option<ShortReference>), Problem> {
    incoming.reading()?;
    let query: CheckQuery = incoming.query()?;
    let reference = query.reference.map(|text| text.parse::<ShortReference>()).transpose().map_err(|_| Kind::MalformedQuery)?;
    Ok((
        Page::new(query.cursor.as_deref(), query.limit, reference.as_ref().map(|reference| ("reference", reference.as_str().to_owned())))?,
        reference,
    ))
}
