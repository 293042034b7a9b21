//! The gate: the one extractor through which every handler gets its permit and its request.
//!
//! It keeps the order of refusal: 401 (no valid token), 429 (too many requests by this caller), 403 (not for this role), then – inside the work, after the object was
//! looked up (404) – 406, 413, 415, 400, for changes 428 and 412, and at last 422. A body can never win over a missing token,
//! because nothing of it is looked at here.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use aws_lc_rs::digest;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::app::{App, Turn};
use super::limits::Told;
use super::problem::{FieldError, Kind, Problem};
use crate::authz::pages::Credentials;
use crate::authz::{Action, Context, NO_PERSON, Operation, Permit, Principal, decide, unauthenticated};
use crate::register::idempotency::Key;
use crate::words::Language;

/// The longest idempotency key, in characters (a UUID has 36).
const KEY_LONGEST: usize = 128;
/// How long a body may take to arrive: a few kilobytes over a bad mobile connection.
const BODY_WAIT: std::time::Duration = std::time::Duration::from_secs(15);

/// Marks a refusal that has its own form already: the middleware leaves its body alone.
#[derive(Debug, Clone, Copy)]
pub struct AsIs;

/// The client's certificate on a connection with mutual TLS: its SHA-256 thumbprint in base64url.
#[derive(Debug, Clone)]
pub struct PeerCertificate(pub String);

/// Identifiers and language of a request; the middleware puts it there before anything else.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts {
    /// Request and correlation ids.
    pub context: Context,
    /// The language of the answer.
    pub language: Language,
}

/// The facts of a request.
pub fn facts(request: &HttpRequest) -> RequestFacts {
    request.extensions().get::<RequestFacts>().copied().unwrap_or_else(|| {
        let id = Uuid::now_v7();
        RequestFacts { context: Context { request_id: id, correlation_id: id }, language: Language::English }
    })
}

/// A request that was let in.
#[derive(Debug)]
pub struct Gate<A: Action> {
    /// Leave to do the operation.
    pub permit: Permit<A>,
    /// The rest of the request, unread.
    pub incoming: Incoming,
    /// The language of the answer.
    pub language: Language,
    /// What the answer will say of limits.
    pub told: Told,
    /// What handlers use.
    pub app: Data<App>,
}

/// The parts of a request that are looked at only once the object is known to exist.
#[derive(Debug, Clone)]
pub struct Incoming {
    accepted: bool,
    accept: Vec<String>,
    body: Option<Bytes>,
    content_type: Option<String>,
    encoded: bool,
    idempotency_key: Option<String>,
    if_match: Option<String>,
    id: Option<String>,
    item: Option<String>,
    query: String,
    operation: Operation,
    caller: String,
    app: Data<App>,
}

/// A request that creates something, read.
#[derive(Debug)]
pub struct Creation<T> {
    /// The body.
    pub body: T,
    /// Under which the answer is kept.
    pub key: Key,
    /// Held until the work is done.
    pub turn: Turn,
}

impl<A: Action> FromRequest for Gate<A> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let mut gate = Self::enter(&request).await?;
            gate.incoming.body = read_body(&request, payload, gate.app.body_limit).await;
            Ok(gate)
        })
    }
}

/// A request that was let in with more than a body's worth: what is sent is taken piece by piece.
#[allow(missing_debug_implementations)] // holds what is sent
pub struct Upload<A: Action> {
    /// Everything but the body.
    pub gate: Gate<A>,
    /// How long the sender says that it is.
    pub stated: Option<usize>,
    payload: actix_web::web::Payload,
}

impl<A: Action> FromRequest for Upload<A> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let gate = Gate::enter(&request).await?;
            let payload = actix_web::web::Payload::from_request(&request, &mut payload).await.map_err(|_| Kind::InternalError)?;
            Ok(Self { gate, stated: stated_length(&request), payload })
        })
    }
}

impl<A: Action> Upload<A> {
    /// The next piece, as it comes off the line; nothing at the end.
    ///
    /// # Errors
    /// 413 when it does not come: whoever sends it has gone, or is too slow to be waited for.
    pub async fn piece(payload: &mut actix_web::web::Payload) -> Result<Option<Bytes>, Problem> {
        match actix_web::rt::time::timeout(BODY_WAIT, payload.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => Ok(Some(piece)),
            Ok(Some(Err(_))) | Err(_) => Err(Kind::BodyTooLarge.into()),
        }
    }

    /// The request and what it brings.
    pub fn open(self) -> (Gate<A>, actix_web::web::Payload) {
        (self.gate, self.payload)
    }
}

impl<A: Action> Gate<A> {
    /// Lets a request in; of its body nothing is read.
    async fn enter(request: &HttpRequest) -> Result<Self, Problem> {
        let facts = facts(request);
        // The middleware says of it whether it is going to end.
        request.extensions_mut().insert(A::OPERATION);
        let app = request.app_data::<Data<App>>().ok_or(Kind::InternalError)?.clone();
        let principal = authenticate(&app, request, A::OPERATION, facts.context).await?;
        let permit = admit::<A>(&app, &principal, facts.context).await?;
        let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let accept = request.headers().get_all(header::ACCEPT);
        let incoming = Incoming {
            accepted: accepts_json(request),
            accept: accept.filter_map(|value| value.to_str().ok().map(str::to_ascii_lowercase)).collect(),
            body: None,
            content_type: text("content-type"),
            encoded: request.headers().contains_key(header::CONTENT_ENCODING),
            idempotency_key: text("idempotency-key"),
            if_match: text("if-match"),
            id: request.match_info().get("id").map(str::to_owned),
            item: ["item", "fact", "return", "action"].iter().find_map(|name| request.match_info().get(name)).map(str::to_owned),
            query: request.query_string().to_owned(),
            operation: A::OPERATION,
            caller: principal.key(),
            app: app.clone(),
        };
        let told = told(request);
        Ok(Self { permit, incoming, language: facts.language, told, app })
    }

    /// The same for somebody who comes through a page: the credentials are those of their session, and everything else – revocations,
    /// limits, policy, the audit log – is as for a request of their own. `id` names the resource; a page makes the body itself.
    ///
    /// # Errors
    /// 401, 429 and 403, as for any request.
    pub async fn through_a_page(
        request: &HttpRequest,
        credentials: &Credentials,
        id: Option<&str>,
        query: &str,
        language: Language,
    ) -> Result<Self, Problem> {
        let app = request.app_data::<Data<App>>().ok_or(Kind::InternalError)?.clone();
        let context = facts(request).context;
        let principal = believe(&app, request, Shown::OnPages(credentials), A::OPERATION, context).await?;
        let permit = admit::<A>(&app, &principal, context).await?;
        let incoming = Incoming {
            accepted: true,
            accept: Vec::new(),
            body: None,
            content_type: None,
            encoded: false,
            idempotency_key: None,
            if_match: None,
            id: id.map(str::to_owned),
            item: None,
            query: query.to_owned(),
            operation: A::OPERATION,
            caller: principal.key(),
            app: app.clone(),
        };
        Ok(Self { permit, incoming, language, told: told(request), app })
    }

    /// The same with a JSON body that the page made, for a change of the version that `if_match` names.
    #[must_use]
    pub fn saying(mut self, body: &str, if_match: &str) -> Self {
        self.incoming.body = Some(Bytes::copy_from_slice(body.as_bytes()));
        self.incoming.content_type = Some("application/json".to_owned());
        self.incoming.if_match = Some(if_match.to_owned());
        self
    }

    /// The same for a request of another face of the API: its body in the words of this one, which are read where every request
    /// is read. `accepted` says whether the caller takes the answer's form. Versions are the same on both faces, weak there.
    #[must_use]
    pub fn in_own_words(mut self, accepted: bool, translate: impl FnOnce(&serde_json::Value) -> serde_json::Value) -> Self {
        self = self.without_words(accepted);
        let incoming = &mut self.incoming;
        match incoming.fhir() {
            Ok(value) => {
                incoming.body = Some(Bytes::from(translate(&value).to_string()));
                incoming.content_type = Some("application/json".to_owned());
            }
            // What is no JSON is found where every body is read.
            Err(problem) if problem.kind == Kind::MalformedJson => incoming.content_type = Some("application/json".to_owned()),
            Err(_) => incoming.content_type = None,
        }
        self
    }

    /// The same for one without a body.
    #[must_use]
    pub fn without_words(mut self, accepted: bool) -> Self {
        self.incoming.accepted = accepted;
        self.incoming.if_match = self.incoming.if_match.take().map(|tags| tags.replace("W/\"", "\""));
        self
    }

    /// The same for something that is made once: a form that is sent twice has the same key.
    #[must_use]
    pub fn once(mut self, key: &str) -> Self {
        self.incoming.idempotency_key = Some(key.to_owned());
        self
    }

    /// The same for a part of the resource, or a step.
    #[must_use]
    pub fn about(mut self, item: &str) -> Self {
        self.incoming.item = Some(item.to_owned());
        self
    }
}

/// The access decision; a refusal is in the audit log before the caller hears of it.
async fn admit<A: Action>(app: &App, principal: &Arc<Principal>, context: Context) -> Result<Permit<A>, Problem> {
    match decide::<A>(principal, context) {
        Ok(permit) => Ok(permit),
        Err(refusal) => {
            app.store.record(&refusal).await?;
            Err(if refusal.code == NO_PERSON { Kind::ActingPersonMissing } else { Kind::OperationNotAllowed }.into())
        }
    }
}

/// What the answer to a request will say of limits; the same for everybody who asks.
pub fn told(request: &HttpRequest) -> Told {
    request.extensions_mut().get_or_insert_with(Told::default).clone()
}

/// Verifies the token and counts the request; a refusal is in the audit log before the caller hears of it. Of refusals of
/// somebody unknown because of too many bad tokens, the first in each minute is.
///
/// # Errors
/// 401 when there is no valid token; 429 when there were too many requests; 503 when it cannot be known whether the token was
/// revoked, or the refusal could not be recorded.
pub async fn authenticate(app: &App, request: &HttpRequest, operation: Operation, context: Context) -> Result<Arc<Principal>, Problem> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let first = headers.next().and_then(|value| value.to_str().ok());
    // Two Authorization headers: which one counts would depend on who reads them.
    let only = if headers.next().is_some() { None } else { first };
    believe(app, request, Shown::InHeader(only), operation, context).await
}

/// What somebody shows to say who they are.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// What stands in the `Authorization` header.
    InHeader(Option<&'a str>),
    /// What their session on the pages holds.
    OnPages(&'a Credentials),
}

/// The same for whatever somebody shows.
///
/// # Errors
/// As [`authenticate`].
pub async fn believe(
    app: &App,
    request: &HttpRequest,
    shown: Shown<'_>,
    operation: Operation,
    context: Context,
) -> Result<Arc<Principal>, Problem> {
    if app.verifier.revocations_stale() {
        // The upkeep could not read them for a minute: a token may have been revoked since, on another server.
        app.refresh_revocations().await?;
    }
    let watch = std::time::Instant::now();
    let certificate = request.conn_data::<PeerCertificate>().map(|certificate| certificate.0.as_str());
    let now = app.store.clock().wall();
    let verified = match shown {
        Shown::InHeader(value) => app.verifier.verify(value, certificate, now).await,
        Shown::OnPages(credentials) => app.verifier.signed_in(credentials, now).await,
    };
    metrics::histogram!("cofrestr_token_seconds").record(watch.elapsed().as_secs_f64());
    match verified {
        Ok(principal) => match app.limits.caller(&principal, &told(request)) {
            Ok(()) => Ok(principal),
            Err(over) => {
                if over.record {
                    let mut refusal = unauthenticated(operation, context, Kind::RateLimited.slug());
                    refusal.access.principal = Some(principal);
                    app.store.record(&refusal).await?;
                }
                Err(over.into())
            }
        },
        Err(error) => match app.limits.stranger(request.peer_addr().map(|address| address.ip())) {
            Ok(()) => {
                app.store.record(&unauthenticated(operation, context, error.code())).await?;
                Err(Kind::Unauthenticated.into())
            }
            Err(over) => {
                if over.record {
                    app.store.record(&unauthenticated(operation, context, Kind::RateLimited.slug())).await?;
                }
                Err(over.into())
            }
        },
    }
}

/// Whether the caller takes JSON (an absent header takes anything).
fn accepts_json(request: &HttpRequest) -> bool {
    let ranges: Vec<String> =
        request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok()).map(str::to_ascii_lowercase).collect();
    wanted(&ranges, "application/json") > 0
}

/// How much the caller wants a form of answer, from 0 (not at all) to 1000: the quality of the most specific range that it
/// falls into (RFC 9110, 12.5.1). Without any range, every form will do.
fn wanted(accept: &[String], media: &str) -> u16 {
    if accept.is_empty() {
        return 1000;
    }
    let kind = media.split('/').next().unwrap_or_default();
    let specific = |range: &str| match range {
        "*/*" => Some(0),
        range if range.strip_suffix("/*") == Some(kind) => Some(1),
        range if range == media => Some(2),
        _ => None,
    };
    let ranges = accept.iter().flat_map(|value| value.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(|part| part.trim().replace(' ', ""));
        let rank = specific(&parts.next()?)?;
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        // Qualities have three decimals at most.
        Some((rank, (quality.clamp(0.0, 1.0) * 1000.0).round() as u16))
    });
    ranges.max().map_or(0, |(_, quality)| quality)
}

/// How long the sender says that the body is.
fn stated_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the body up to the limit; nothing when it is longer or does not come.
pub async fn read_body(request: &HttpRequest, mut payload: Payload, limit: usize) -> Option<Bytes> {
    if stated_length(request).is_some_and(|length| length > limit) {
        return None;
    }
    let payload = actix_web::web::Payload::from_request(request, &mut payload).await.ok()?;
    match actix_web::rt::time::timeout(BODY_WAIT, payload.to_bytes_limited(limit)).await {
        Ok(Ok(Ok(body))) => Some(body),
        _ => None,
    }
}

impl Incoming {
    /// For a request that only reads: 406 when no form of answer is accepted.
    ///
    /// # Errors
    /// 406.
    pub fn reading(&self) -> Result<(), Problem> {
        if self.accepted { Ok(()) } else { Err(Kind::NotAcceptable.into()) }
    }

    /// The form of answer that the caller wants most; of equals, the first that is offered.
    ///
    /// # Errors
    /// 406.
    pub fn preferred(&self, offered: &[&'static str]) -> Result<&'static str, Problem> {
        let mut best: Option<(u16, &'static str)> = None;
        for media in offered {
            let quality = wanted(&self.accept, media);
            if quality > best.map_or(0, |(quality, _)| quality) {
                best = Some((quality, media));
            }
        }
        best.map(|(_, media)| media).ok_or_else(|| Kind::NotAcceptable.into())
    }

    /// The identifier in the path. A malformed one names nothing, like a new one: the same work is done for it, so that its 404
    /// is no sooner there than another.
    ///
    /// # Errors
    /// 404.
    pub fn id<T: std::str::FromStr + TryFrom<Uuid>>(&self) -> Result<T, Problem> {
        let stated = self.id.as_deref().and_then(|id| id.parse().ok());
        stated.or_else(|| T::try_from(Uuid::now_v7()).ok()).ok_or_else(|| Kind::NotFound.into())
    }

    /// The identifier in the path of something that belongs to the resource. A malformed one names nothing, like a new one.
    ///
    /// # Errors
    /// 404.
    pub fn item<T: std::str::FromStr + TryFrom<Uuid>>(&self) -> Result<T, Problem> {
        let stated = self.item.as_deref().and_then(|item| item.parse().ok());
        stated.or_else(|| T::try_from(Uuid::now_v7()).ok()).ok_or_else(|| Kind::NotFound.into())
    }

    /// The code in the path that names a report, or a part of the resource. A malformed one names nothing.
    ///
    /// # Errors
    /// 404.
    pub fn word<T: std::str::FromStr>(&self) -> Result<T, Problem> {
        self.item.as_deref().and_then(|item| item.parse().ok()).ok_or_else(|| Kind::NotFound.into())
    }

    /// The parameters of the query.
    ///
    /// # Errors
    /// 400 when one is unknown, stands twice or has an impossible value.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        actix_web::web::Query::<T>::from_query(&self.query).map(actix_web::web::Query::into_inner).map_err(|_| Kind::MalformedQuery.into())
    }

    /// Reads a request that creates something.
    ///
    /// # Errors
    /// 406, 413, 415, 400 (not JSON, no idempotency key), 409 (the same key is under way), 422 (not of this shape).
    pub fn creation<T: DeserializeOwned>(&self) -> Result<Creation<T>, Problem> {
        let Creation { body, key, turn } = self.creation_unshaped()?;
        Ok(Creation { body: shape(body)?, key, turn })
    }

    /// The same before the body is given its shape: for a request that creates and changes at once, whose `If-Match` comes
    /// before the shape.
    ///
    /// # Errors
    /// 406, 413, 415, 400, 409.
    pub fn creation_unshaped(&self) -> Result<Creation<serde_json::Value>, Problem> {
        let (value, digest) = self.json()?;
        let (key, turn) = self.turn()?;
        Ok(Creation { body: value, key: Key { digest: self.of_its_place(digest), ..key }, turn })
    }

    /// The digest of a body together with the resource that it was sent to: the same words to another resource are another request,
    /// and must not be answered as if they had been done there.
    fn of_its_place(&self, body: String) -> String {
        let Some(id) = &self.id else { return body };
        let place = format!("{id}\n{}\n{body}", self.item.as_deref().unwrap_or_default());
        hex::encode(digest::digest(&digest::SHA256, place.as_bytes()))
    }

    /// The idempotency key, still without the digest of what it stands for, and the turn to work under it.
    fn turn(&self) -> Result<(Key, Turn), Problem> {
        let is_usable = |key: &&str| (1..=KEY_LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        let key = self.idempotency_key.as_deref().map(str::trim).filter(is_usable);
        let key = Key {
            caller: self.caller.clone(),
            operation: self.operation.as_str(),
            key: key.ok_or(Kind::IdempotencyKeyMissing)?.to_owned(),
            digest: String::new(),
        };
        let turn =
            self.app.turns.take(format!("{}\u{0}{}\u{0}{}", key.caller, key.operation, key.key)).ok_or(Kind::IdempotencyInProgress)?;
        Ok((key, turn))
    }

    /// For what is sent in one of these kinds and read piece by piece, `stated` bytes long of `limit` at most: which kind it is,
    /// and the key, whose digest is known only at the end.
    ///
    /// # Errors
    /// 406, 413, 415, 400, 409.
    pub fn upload(&self, kinds: &[&'static str], stated: Option<usize>, limit: usize) -> Result<(&'static str, Key, Turn), Problem> {
        self.reading()?;
        if stated.is_some_and(|length| length > limit) {
            return Err(Kind::BodyTooLarge.into());
        }
        let kind = self.media_type();
        let kind = kinds.iter().find(|known| **known == kind).filter(|_| !self.encoded).ok_or(Kind::UnsupportedMediaType)?;
        let (key, turn) = self.turn()?;
        Ok((kind, key, turn))
    }

    /// The type of the body without its parameters.
    fn media_type(&self) -> String {
        self.content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Reads a request that changes a resource which is at `version` now.
    ///
    /// # Errors
    /// 406, 413, 415, 400, 428 (no `If-Match`), 412 (another version), 422 (not of this shape).
    pub fn change<T: DeserializeOwned>(&self, version: i64) -> Result<T, Problem> {
        let (value, _) = self.json()?;
        if self.if_match.is_none() {
            return Err(Kind::PreconditionRequired.into());
        }
        self.unless_changed(version)?;
        shape(value)
    }

    /// Whether what is at `version` now is what the caller means, if they say which version they mean.
    ///
    /// # Errors
    /// 412.
    pub fn unless_changed(&self, version: i64) -> Result<(), Problem> {
        let current = etag(version);
        let is_meant = |stated: &str| stated == "*" || stated.split(',').any(|tag| tag.trim() == current);
        if self.if_match.as_deref().map(str::trim).is_none_or(is_meant) { Ok(()) } else { Err(Kind::PreconditionFailed.into()) }
    }

    /// Whether a change is meant for whatever version there is when it is made (`If-Match: *`).
    pub fn takes_any_version(&self) -> bool {
        self.if_match.as_deref().is_some_and(|stated| stated.trim() == "*")
    }

    /// The body of a request on the FHIR face: FHIR in JSON, or plain JSON.
    ///
    /// # Errors
    /// 413, 415, 400.
    pub fn fhir(&self) -> Result<serde_json::Value, Problem> {
        let body = self.body_as(&["application/fhir+json", "application/json"])?;
        serde_json::from_slice(body).map_err(|_| Kind::MalformedJson.into())
    }

    /// The body of a form, still encoded.
    ///
    /// # Errors
    /// 413, 415, 400.
    pub fn form(&self) -> Result<String, Problem> {
        let body = self.body_as(&["application/x-www-form-urlencoded"])?;
        std::str::from_utf8(body).map(str::to_owned).map_err(|_| Kind::MalformedQuery.into())
    }

    fn body_as(&self, kinds: &[&str]) -> Result<&Bytes, Problem> {
        let body = self.body.as_ref().ok_or(Kind::BodyTooLarge)?;
        if !kinds.contains(&self.media_type().as_str()) || self.encoded {
            return Err(Kind::UnsupportedMediaType.into());
        }
        Ok(body)
    }

    fn json(&self) -> Result<(serde_json::Value, String), Problem> {
        self.reading()?;
        let body = self.body.as_ref().ok_or(Kind::BodyTooLarge)?;
        let kind = self.content_type.as_deref().unwrap_or_default();
        let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
        let is_json = parts.next().as_deref() == Some("application/json");
        let is_utf8 =
            parts.all(|part| !part.starts_with("charset=") || part.trim_matches('"') == "charset=utf-8" || part == "charset=\"utf-8\"");
        if !is_json || !is_utf8 || self.encoded {
            return Err(Kind::UnsupportedMediaType.into());
        }
        let value = serde_json::from_slice(body).map_err(|_| Kind::MalformedJson)?;
        Ok((value, hex::encode(digest::digest(&digest::SHA256, body))))
    }
}

/// The strong entity tag of a version.
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Words that people use for a field that is called otherwise.
const MISNOMERS: [&str; 18] = [
    "address",
    "birthDate",
    "comment",
    "dob",
    "firstName",
    "forename",
    "gender",
    "lastName",
    "middleName",
    "nhs",
    "nickname",
    "notes",
    "postal",
    "remark",
    "street",
    "surname",
    "telephone",
    "town",
];

/// Whether the name of an item is one of this API's words, or another word for one, so that it may be repeated. Anything else was
/// made up by the caller, and may be somebody's name.
fn is_word(name: &str) -> bool {
    static WORDS: OnceLock<HashSet<String>> = OnceLock::new();
    let plain = |name: &str| -> String { name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect() };
    let words = WORDS.get_or_init(|| super::openapi::field_names().iter().map(String::as_str).chain(MISNOMERS).map(plain).collect());
    words.contains(&plain(name))
}

/// Gives a JSON value its shape; a mistake is named by its place, never by what was sent.
fn shape<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            use serde_path_to_error::Segment;
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } if is_word(key) => pointer.push_str(&format!("/{key}")),
                Segment::Map { .. } => break,
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let message = error.inner().to_string();
        let named = message.split('`').nth(1).unwrap_or_default().to_owned();
        let plain = is_word(&named);
        let code = if message.starts_with("unknown field") {
            "unknown-field"
        } else if message.starts_with("missing field") {
            if plain {
                pointer.push_str(&format!("/{named}"));
            }
            "missing"
        } else {
            "wrong-type"
        };
        if code == "unknown-field" && plain && !pointer.ends_with(&format!("/{named}")) {
            pointer.push_str(&format!("/{named}"));
        }
        Problem::invalid(vec![FieldError::named(pointer, code)])
    })
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn the_most_specific_range_decides_how_much_a_form_is_wanted() {
        let table = [
            (vec![], "text/csv", 1000),
            (vec!["*/*"], "text/csv", 1000),
            (vec!["text/csv"], "text/csv", 1000),
            (vec!["text/csv"], "application/json", 0),
            (vec!["text/*;q=0.5, text/csv"], "text/csv", 1000),
            (vec!["text/*, text/csv;q=0"], "text/csv", 0),
            (vec!["application/json;q=0.2", "*/*; q=0.1"], "application/json", 200),
            (vec!["application/json;q=0.2", "*/*; q=0.1"], "application/xml", 100),
            (vec!["nonsense"], "application/xml", 0),
        ];
        for (accept, media, quality) in table {
            let accept: Vec<String> = accept.into_iter().map(str::to_owned).collect();
            assert_eq!(wanted(&accept, media), quality, "{accept:?} {media}");
        }
    }
}
