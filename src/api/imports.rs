//! `/v1/imports`: whole registers from other systems, as files of rows.

use std::io::Cursor;
use std::sync::Arc;

use actix_web::HttpResponse;
use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::gate::{Gate, Upload, etag};
use super::paging::{Links, Page};
use super::problem::{FieldError, Kind, Problem};
use super::respond::{created, item, kept, list};
use crate::authz::policy::action;
use crate::authz::{Action, Permit};
use crate::domain::ids::ImportId;
use crate::register::idempotency::{self, Answer};
use crate::register::imports::{self, Format, NewRun, Sheet};
use crate::store::Store;
use crate::store::import_runs::{ResultRow, RunRow};

/// What is kept in one row while a file comes, in bytes: few commits, and no statement that holds others up.
const CHUNK: usize = 256 << 10;
/// The longest name of a source, in characters.
const SOURCE_LONGEST: usize = 60;
/// The longest code that is looked for, in characters.
const CODE_LONGEST: usize = 60;

/// The forms in which a file may come.
const KINDS: [&str; 2] = ["text/csv", "application/x-ndjson"];

/// Rows, as they stand in a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)] // read piece by piece; here for the document
pub struct ImportFile(Vec<u8>);

/// An import.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportView {
    /// Identifier.
    id: String,
    /// How far it is. `failed`: what was sent cannot be read to its end; the rows before are answered.
    status: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "line-too-long")]
    failure: Option<String>,
    /// Under which name its rows are known: that of the request, for a custodian of one authority with its code before it.
    #[schema(example = "W06000022/nightly")]
    source: String,
    /// The authority (GSS code) for which it is, or the region's code.
    #[schema(example = "W06000022")]
    authority: String,
    /// How its rows are written down.
    format: String,
    /// How long the file is, in bytes.
    #[schema(example = 15_204_211)]
    bytes: i64,
    /// SHA-256 of the file, in hexadecimal.
    digest: String,
    /// How far it is.
    progress: ImportProgressView,
    /// How many rows of which code.
    counts: Vec<ImportCountView>,
    /// When it was sent.
    asked_at: DateTime<Utc>,
    /// By whom.
    #[schema(example = "https://idp.example#custodian-1")]
    asked_by: String,
    /// When the first row was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    begun_at: Option<DateTime<Utc>>,
    /// When every row was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<DateTime<Utc>>,
}

/// How far an import is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportProgressView {
    /// Rows that are answered.
    #[schema(example = 2_000)]
    rows: i64,
    /// How many there are at most: lines, some of which may be empty or part of a text in quotation marks.
    #[schema(example = 60_001)]
    lines: i64,
}

/// How many rows have a code.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportCountView {
    /// The code.
    #[schema(example = "unmatched")]
    code: String,
    /// How many rows.
    #[schema(example = 12)]
    rows: u64,
}

/// A page of imports.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportList {
    /// The imports, newest first.
    items: Vec<ImportView>,
    /// Where the next page is.
    links: Links,
}

/// What became of a row.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportRowView {
    /// Its place in the file, from 1; a header does not count.
    #[schema(example = 17)]
    row: i64,
    /// Its identifier in the source, if the file gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "8841207")]
    id: Option<String>,
    /// What became of it.
    outcome: String,
    /// All that there is to say, in codes: `matched` (it came before), `unmatched` (entered now), `invalid` (not taken);
    /// `sensitive`; and the code of every remark.
    #[schema(example = json!(["matched", "changed", "superseded-number"]))]
    codes: Vec<String>,
    /// The child.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_id: Option<String>,
    /// What was left out, missed or wrong, and what would help. Repeats nothing of what the row says.
    remarks: Vec<ImportRemarkView>,
}

/// Something odd about a row, or wrong with it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportRemarkView {
    /// The column.
    #[schema(example = "nhsNumber")]
    column: String,
    /// Stable code.
    #[schema(example = "superseded-number")]
    code: String,
    /// What would help.
    #[schema(example = "this register knows that the number was replaced by another; it was not put in its place")]
    detail: String,
}

/// A page of rows.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportRowList {
    /// The rows, in the order of the file.
    items: Vec<ImportRowView>,
    /// Where the next page is.
    links: Links,
}

/// Which file it is.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// The name of the source, the same one each time it is sent: letters, digits, `.`, `_`, `-`. A row is known by its source
    /// and its `id`.
    #[param(example = "nightly", min_length = 1, max_length = 60, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    source: String,
}

/// Which page of imports.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportListQuery {
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportRowQuery {
    /// Only those of which this was said.
    #[param(example = "invalid", min_length = 1, max_length = 60, pattern = "^[a-z0-9-]+$")]
    code: Option<String>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

impl ImportQuery {
    fn read(self) -> Result<String, Problem> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let begins = self.source.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if begins && self.source.len() <= SOURCE_LONGEST && self.source.bytes().all(is_plain) {
            Ok(self.source)
        } else {
            Err(Kind::MalformedQuery.into())
        }
    }
}

impl ImportView {
    fn new(row: &RunRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            status: row.status.clone(),
            failure: row.failure.clone(),
            source: row.source.clone(),
            authority: row.authority.clone(),
            format: row.format.clone(),
            bytes: row.bytes,
            digest: row.digest.clone(),
            progress: ImportProgressView { rows: row.rows_done, lines: row.lines },
            counts: imports::counts(row).into_iter().map(|(code, rows)| ImportCountView { code, rows }).collect(),
            asked_at: row.asked_at.get(),
            asked_by: row.asked_by.clone(),
            begun_at: row.begun_at.map(|at| at.get()),
            ended_at: row.ended_at.map(|at| at.get()),
        }
    }
}

impl ImportRowView {
    fn new(row: ResultRow) -> Self {
        Self {
            row: row.number,
            id: row.external_id,
            outcome: row.outcome,
            codes: row.codes.split_whitespace().map(str::to_owned).collect(),
            child_id: row.child_id.map(|id| id.0.to_string()),
            remarks: serde_json::from_str(&row.remarks).unwrap_or_default(),
        }
    }
}

/// What has come of a file, chunk by chunk in the database.
struct Receiving {
    store: Store,
    id: ImportId,
    format: Format,
    limit: usize,
    digest: digest::Context,
    bytes: usize,
    lines: u64,
    chunks: i64,
    waiting: Vec<u8>,
    ends_in_a_line: bool,
}

impl Receiving {
    fn new(store: &Store, format: Format, limit: usize) -> Self {
        Self {
            store: store.clone(),
            id: ImportId::new_at(store.clock().wall()),
            format,
            limit,
            digest: digest::Context::new(&digest::SHA256),
            bytes: 0,
            lines: 0,
            chunks: 0,
            waiting: Vec::with_capacity(CHUNK),
            ends_in_a_line: false,
        }
    }

    /// Takes a piece.
    async fn take(&mut self, piece: &[u8]) -> Result<(), Problem> {
        self.bytes += piece.len();
        if self.bytes > self.limit {
            return Err(Kind::BodyTooLarge.into());
        }
        self.digest.update(piece);
        self.lines += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.ends_in_a_line = piece.last().is_some_and(|byte| *byte != b'\n');
        let mut rest = piece;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(CHUNK - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            rest = later;
            if self.waiting.len() == CHUNK {
                self.keep().await?;
            }
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), Problem> {
        let chunk = std::mem::replace(&mut self.waiting, Vec::with_capacity(CHUNK));
        if self.chunks == 0 {
            // The header stands in the first of them: a file that names no columns is refused before it is kept.
            let head = Sheet::new(self.format, Box::new(Cursor::new(chunk.clone())));
            head.and_then(|sheet| sheet.check_columns())
                .map_err(|error| Problem::invalid(vec![FieldError::worded("", error.code(), error.to_string())]))?;
        }
        self.store.keep_chunk(self.id.into(), self.chunks, chunk).await?;
        self.chunks += 1;
        Ok(())
    }

    /// Takes everything, and keeps it.
    async fn all<A: Action>(&mut self, payload: &mut actix_web::web::Payload) -> Result<(), Problem> {
        while let Some(piece) = Upload::<A>::piece(payload).await? {
            self.take(&piece).await?;
        }
        if self.chunks == 0 || !self.waiting.is_empty() {
            self.keep().await?;
        }
        Ok(())
    }

    fn end(self, source: String) -> NewRun {
        NewRun {
            id: self.id,
            source,
            format: self.format,
            digest: hex::encode(self.digest.finish()),
            bytes: self.bytes as u64,
            lines: self.lines + u64::from(self.ends_in_a_line),
        }
    }
}

/// Puts into the audit log that a file was not taken, and answers why.
async fn refused<A: Action>(store: &Store, permit: Permit<A>, problem: Problem) -> Problem {
    match store.read::<A, (), Problem>(permit, move |_| Err(problem)).await {
        Err(problem) => problem,
        Ok(()) => Kind::InternalError.into(),
    }
}

enum Sending {
    Before(Answer),
    New { key: idempotency::Key, run: NewRun },
}

/// Send a file to be imported
///
/// Children and their registrations, a row each, with the columns of `cofrestr import`: CSV with a header, or one JSON object to a
/// line. The file is kept before the answer, and taken in behind it: read the import to see how far it is. Rows are known by
/// `source` and `id`: the same row again changes nothing, so a whole register can be sent every night. A row that cannot be an
/// entry is not taken and costs no other; where file and register differ, a custodian gets a task with ways to put it right.
#[utoipa::path(
    post, path = "/v1/imports", operation_id = "addImport", tag = "Imports",
    params(super::openapi::IdempotencyKey, ImportQuery),
    request_body(description = "The rows", content(
        (ImportFile = "text/csv", example = "id,given,family,dateOfBirth,authority,status,registeredOn,categories\n1,Mair,Enghraifft,2019-03-04,W06000022,registered,2025-01-06,neglect\n"),
        (ImportFile = "application/x-ndjson", example = "{\"id\":\"1\",\"given\":\"Mair\",\"family\":\"Enghraifft\",\"dateOfBirth\":\"2019-03-04\",\"authority\":\"W06000022\",\"status\":\"registered\",\"registeredOn\":\"2025-01-06\",\"categories\":[\"neglect\"]}\n"),
    )),
    responses((status = 201, description = "The import, kept and not yet begun", body = ImportView,
        headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::UploadProblems),
)]
pub async fn add(upload: Upload<action::AddImport>) -> Result<HttpResponse, Problem> {
    let stated = upload.stated;
    let (Gate { permit, incoming, app, .. }, mut payload) = upload.open();
    let checked = incoming.upload(&KINDS, stated, app.import_limit).and_then(|found| {
        let query: ImportQuery = incoming.query()?;
        Ok((found, query.read()?))
    });
    let ((kind, key, _turn), source) = match checked {
        Ok(found) => found,
        Err(problem) => return Err(refused(&app.store, permit, problem).await),
    };
    let format = if kind == KINDS[0] { Format::Csv } else { Format::Ndjson };
    let mut receiving = Receiving::new(&app.store, format, app.import_limit);
    let (id, came) = (receiving.id, receiving.all::<action::AddImport>(&mut payload).await);
    if let Err(problem) = came {
        app.store.forget_chunks(id.into()).await?;
        return Err(refused(&app.store, permit, problem).await);
    }
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    let run = receiving.end(source);
    // The same key for another source is another request.
    let key = idempotency::Key { digest: format!("{}:{}:{}", run.format, run.source, run.digest), ..key };
    let answer = app
        .store
        .run(
            permit,
            move |snapshot| match idempotency::before(snapshot, &key)? {
                Some(answer) => Ok(Sending::Before(answer)),
                None => Ok(Sending::New { key, run }),
            },
            move |tx, sending: &Sending| match sending {
                Sending::Before(answer) => Ok(answer.clone()),
                Sending::New { key, run } => idempotency::once(tx, key, |tx| {
                    let row = imports::accept(tx, &region, run, &principal)?;
                    created::<ImportView>(Some(format!("/v1/imports/{}", run.id)), Some(etag(row.version)), &ImportView::new(&row))
                }),
            },
        )
        .await;
    let is_of_another = match &answer {
        Ok(answer) => answer.location.as_deref().is_none_or(|at| !at.ends_with(&id.to_string())),
        // Where the database failed it may have kept the run all the same: what nobody asked for goes by itself, later.
        Err(problem) => problem.kind.status().is_client_error(),
    };
    if is_of_another {
        app.store.forget_chunks(id.into()).await?;
    }
    answer.map(kept)
}

/// List imports
///
/// Those of the caller's authority; those of the region for a custodian of the region.
#[utoipa::path(
    get, path = "/v1/imports", operation_id = "listImports", tag = "Imports", params(ImportListQuery),
    responses((status = 200, description = "A page of imports, newest first", body = ImportList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListImports>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: ImportListQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
            let found = imports::list(snapshot.connection, &region, &principal, page.before(), page.fetch())?;
            let (found, links) = page.cut(snapshot, found, "/v1/imports", |row| row.id.0);
            list(&ImportList { items: found.iter().map(ImportView::new).collect(), links })
        })
        .await
        .map(kept)
}

/// Read how far an import is
///
/// With how many rows of which code.
#[utoipa::path(
    get, path = "/v1/imports/{id}", operation_id = "readImport", tag = "Imports",
    params(("id" = String, Path, description = "Identifier of the import")),
    responses((status = 200, description = "The import", body = ImportView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadImport>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let row = imports::find(snapshot.connection, &region, incoming.id::<ImportId>()?, &principal)?;
            incoming.reading()?;
            item::<ImportView>(row.version, &ImportView::new(&row))
        })
        .await
        .map(kept)
}

/// Read what became of the rows
///
/// In the order of the file, as far as it is taken in. What became of rows is kept for a while; the counts stay.
#[utoipa::path(
    get, path = "/v1/imports/{id}/rows", operation_id = "listImportRows", tag = "Imports",
    params(("id" = String, Path, description = "Identifier of the import"), ImportRowQuery),
    responses((status = 200, description = "A page of rows", body = ImportRowList), super::openapi::BelowProblems),
)]
pub async fn rows(gate: Gate<action::ListImportRows>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let row = imports::find(snapshot.connection, &region, incoming.id::<ImportId>()?, &principal)?;
            incoming.reading()?;
            let query: ImportRowQuery = incoming.query()?;
            let is_code = |code: &String| {
                (1..=CODE_LONGEST).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if query.code.as_ref().is_some_and(|code| !is_code(code)) {
                return Err(Kind::MalformedQuery.into());
            }
            let page = Page::new(query.cursor.as_deref(), query.limit, query.code.clone().map(|code| ("code", code)))?;
            let after = page.before::<Uuid>().map_or(0, |place| i64::try_from(place.as_u128()).unwrap_or(i64::MAX));
            let found = imports::results(snapshot.connection, &row, query.code.as_deref(), after, page.fetch())?;
            // A place in the file instead of an identifier.
            let place = |row: &ResultRow| Uuid::from_u128(u128::try_from(row.number).unwrap_or(0));
            let (found, links) = page.cut(snapshot, found, &format!("/v1/imports/{}/rows", row.id.0), place);
            for child in found.iter().filter_map(|row| row.child_id) {
                snapshot.audit().child(child);
            }
            list(&ImportRowList { items: found.into_iter().map(ImportRowView::new).collect(), links })
        })
        .await
        .map(kept)
}
