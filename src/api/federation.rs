//! The face for other regions (`/federation/v1/*`, over mutual TLS) and what a region says of itself (`/.well-known/cofrestr`).
//!
//! ```text
//!  connection ─▶ certificate (proved, not yet believed)
//!  message    ─▶ member? key? signature? certificate of the member? active? for us, for here, now? not come before?
//!             ─▶ permit of the peer ─▶ the register ─▶ audit entry ─▶ signed reply
//! ```
//!
//! Every refusal is in the audit log before it leaves, and is signed when its receiver is known: both sides can show it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::App;
use super::checks::question_of_peer;
use super::gate::AsIs;
use super::problem::{Kind, Problem};
use crate::authz::policy::action::{AnswerComparison, AnswerPeer, ExchangeDirectory, ReceiveAlert, ReceiveCustody, ReceiveReading};
use crate::authz::{Access, Action, Context, Permit, Principal, Refusal, Scope, decide};
use crate::domain::identifiers::RegionCode;
use crate::domain::roles::Role;
use crate::domain::search_set::Standing;
use crate::federation::faults::Mode;
use crate::federation::members::Members;
use crate::federation::peers::JOSE;
use crate::federation::peers::Peers;
use crate::federation::tls::PeerCertificate;
use crate::register::alerts::post;
use crate::register::comparisons;
use crate::register::peers::answering;
use crate::register::peers::message::{LONGEST, MessageError, Received, claimed_sender, kind, verify, verify_signature};
use crate::register::peers::readings;
use crate::register::peers::wire::{
    ALERT_PATH, COMPARISON_PATH, CUSTODY_PATH, DIRECTORY_PATH, PeerComparison, PeerDirectory, PeerQuestion, PeerReading, QUESTION_PATH,
    READING_PATH,
};
use crate::register::transfers::delivery::{self, Carried};
use crate::register::{Region, RegisterError};
use crate::store::types::Id;
use crate::store::{Failure, Tx};

/// How long a hung region of a sandbox keeps a connection.
const HUNG: Duration = Duration::from_secs(600);

/// The face for other regions, as it is there when it is asked.
struct Federated {
    members: Members,
    peers: Peers,
}

fn federated(app: &App) -> Result<Federated, Problem> {
    let federated = app.federation.clone().ok_or(Kind::NotFound)?;
    Ok(Federated { members: federated.members, peers: federated.peers.ok_or(Kind::NotFound)? })
}

/// A refusal of a message: why, and to whom it can be signed.
struct Refused {
    status: StatusCode,
    code: &'static str,
    to: Option<Sender>,
}

impl Refused {
    fn of(error: MessageError, to: Option<Sender>) -> Self {
        Self { status: status_of(error), code: error.code(), to }
    }
}

/// A sender whose signature was verified.
#[derive(Debug, Clone)]
struct Sender {
    region: RegionCode,
    correlation: Uuid,
    reply_to: (Uuid, String),
}

impl Sender {
    fn of(region: &RegionCode, received: &Received) -> Self {
        Self { region: region.clone(), correlation: received.envelope.corr, reply_to: (received.envelope.jti, received.digest.clone()) }
    }

    fn context(&self) -> Context {
        Context { request_id: self.reply_to.0, correlation_id: self.correlation }
    }

    /// The region as one who may: nobody of that region's people has a right here.
    fn principal(&self, own: &RegionCode) -> Arc<Principal> {
        Arc::new(Principal {
            issuer: "federation".into(),
            subject: self.region.to_string(),
            name: None,
            client: None,
            role: Role::Peer,
            sector: None,
            scope: Scope::Region(own.to_string()),
            organisation: None,
            family_name: None,
            postcode: None,
            signed_in_at: None,
        })
    }
}

fn status_of(error: MessageError) -> StatusCode {
    match error {
        MessageError::Form | MessageError::Body => StatusCode::BAD_REQUEST,
        MessageError::UnknownSender | MessageError::Certificate | MessageError::Key | MessageError::Signature | MessageError::Stale => {
            StatusCode::UNAUTHORIZED
        }
        MessageError::Suspended => StatusCode::FORBIDDEN,
        MessageError::WrongReceiver | MessageError::WrongPlace => StatusCode::MISDIRECTED_REQUEST,
        MessageError::Replayed => StatusCode::CONFLICT,
        MessageError::Unsupported | MessageError::NotInReply => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// Signs a reply; without a key to sign with nothing is said.
fn reply(federated: &Federated, sender: &Sender, status: StatusCode, kind: &'static str, body: Value) -> HttpResponse {
    let wrong = federated.peers.faults().mode() == Mode::WrongQuestion && kind == kind::ANSWER;
    let reply_to = if wrong { (Uuid::now_v7(), sender.reply_to.1.clone()) } else { sender.reply_to.clone() };
    match federated.peers.sign(sender.region.as_str(), kind, None, sender.correlation, Some(reply_to), body) {
        Ok(signed) => HttpResponse::build(status).content_type(JOSE).body(signed.text),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// Puts a refusal into the audit log and answers with it.
async fn refuse(app: &App, federated: &Federated, action: crate::authz::Operation, refused: Refused) -> Result<HttpResponse, Problem> {
    let context = refused.to.as_ref().map_or_else(
        || {
            let id = Uuid::now_v7();
            Context { request_id: id, correlation_id: id }
        },
        Sender::context,
    );
    let principal = refused.to.as_ref().map(|sender| sender.principal(app.region.code()));
    let access = Access { operation: action, principal, request_id: context.request_id, correlation_id: context.correlation_id };
    app.store.record(&Refusal { access, code: refused.code }).await?;
    metrics::counter!("cofrestr_peer_refusals", "code" => refused.code).increment(1);
    Ok(match &refused.to {
        Some(sender) => reply(federated, sender, refused.status, kind::PROBLEM, json!({ "code": refused.code })),
        None => {
            // Read by programs of other regions: the code matters, and there is nobody to speak a language to.
            let mut response = HttpResponse::build(refused.status).content_type("application/problem+json").body(
                json!({
                    "type": format!("urn:cofrestr:problem:{}", refused.code),
                    "title": refused.code,
                    "status": refused.status.as_u16(),
                    "code": refused.code,
                })
                .to_string(),
            );
            response.extensions_mut().insert(AsIs);
            response
        }
    })
}

/// The fault that this sandbox shows instead of an answer, if any.
async fn fault(federated: &Federated) -> Option<HttpResponse> {
    let faults = federated.peers.faults();
    match faults.mode() {
        Mode::Down => Some(HttpResponse::ServiceUnavailable().force_close().finish()),
        Mode::Hung => {
            tokio::time::sleep(HUNG).await;
            Some(HttpResponse::ServiceUnavailable().finish())
        }
        Mode::Slow => {
            tokio::time::sleep(faults.delay()).await;
            None
        }
        Mode::Garbage => Some(HttpResponse::Ok().content_type(JOSE).body("\u{1f}garbage.that.is-no-message\u{0}")),
        Mode::None | Mode::WrongQuestion | Mode::Clock => None,
    }
}

/// Believes a message, or says why not. What is found out comes in the order in which it can be: who sent it is known only once
/// its signature is verified.
async fn receive(
    app: &App,
    federated: &Federated,
    request: &HttpRequest,
    body: &Bytes,
    path: &'static str,
) -> Result<(Received, Sender), Refused> {
    let unsigned = |error: MessageError| Refused::of(error, None);
    let is_message = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == JOSE.as_bytes());
    let text = std::str::from_utf8(body).ok().filter(|text| is_message && text.len() <= LONGEST).ok_or(unsigned(MessageError::Form))?;
    let (sender, kid) = claimed_sender(text).ok_or(unsigned(MessageError::Form))?;
    let region: RegionCode = sender.parse().map_err(|_| unsigned(MessageError::UnknownSender))?;
    let known = |region: &RegionCode| app.region.membership().peers.get(region).cloned();
    let mut peer = known(&region).filter(|peer| peer.standing != Standing::Left).ok_or(unsigned(MessageError::UnknownSender))?;
    if !peer.statement().said.keys.iter().any(|key| key.kid == kid) && peer.standing == Standing::Active {
        // A key that was published since: its owner says so over a connection that is known to be the owner's.
        federated.members.compare_with(&federated.peers, &region).await;
        peer = known(&region).ok_or(unsigned(MessageError::UnknownSender))?;
    }
    let now = federated.peers.wall();
    let verified = verify(text, app.region.code().as_str(), &peer.statement().said.keys, now);
    let received = match verified {
        Ok(received) => received,
        Err(error) => {
            // Signed by the member all the same: then the member can be told, in its own words' sight.
            let signed = verify_signature(text, &peer.statement().said.keys).ok();
            let to = signed.map(|(received, _)| Sender::of(&region, &received));
            return Err(Refused::of(error, to));
        }
    };
    let sender = Sender::of(&region, &received);
    let signed = |error: MessageError| Refused::of(error, Some(sender.clone()));
    let certificate = request.conn_data::<PeerCertificate>();
    if !certificate.is_some_and(|shown| shown.in_time && peer.statement().pins(&shown.spki, now)) {
        return Err(signed(MessageError::Certificate));
    }
    if peer.standing == Standing::Suspended {
        return Err(signed(MessageError::Suspended));
    }
    received.for_place("POST", path).map_err(signed)?;
    if !app.limits.peer(region.as_str()) {
        return Err(Refused { status: StatusCode::TOO_MANY_REQUESTS, code: Kind::RateLimited.slug(), to: Some(sender) });
    }
    Ok((received, sender))
}

/// A message that was believed and is of its place's kind.
struct Heard<B> {
    federated: Federated,
    sender: Sender,
    message: Uuid,
    body: B,
}

/// Hears a message out. What ends here has its answer: the fault that a sandbox shows, or a refusal, which is in the audit log.
///
/// # Errors
/// 404 when this region meets no others; 503 when a refusal could not be recorded.
async fn hear<A: Action, B: DeserializeOwned>(
    app: &App,
    request: &HttpRequest,
    body: &Bytes,
    path: &'static str,
    kind: &'static str,
) -> Result<ControlFlow<HttpResponse, Heard<B>>, Problem> {
    let federated = federated(app)?;
    if let Some(fault) = fault(&federated).await {
        return Ok(ControlFlow::Break(fault));
    }
    let received = receive(app, &federated, request, body, path).await;
    let read = received.and_then(|(received, sender)| match received.body::<B>() {
        Ok(body) if received.envelope.kind == kind => Ok((sender, received.envelope.jti, body)),
        _ => Err(Refused::of(MessageError::Body, Some(sender))),
    });
    match read {
        Ok((sender, message, body)) => Ok(ControlFlow::Continue(Heard { federated, sender, message, body })),
        Err(refused) => refuse(app, &federated, A::OPERATION, refused).await.map(ControlFlow::Break),
    }
}

/// The same where nothing else is kept of a message: one that comes again is of another moment, and is refused.
///
/// # Errors
/// As [`hear`]; 503 when it cannot be known whether it came before.
async fn hear_once<A: Action, B: DeserializeOwned>(
    app: &App,
    request: &HttpRequest,
    body: &Bytes,
    path: &'static str,
    kind: &'static str,
) -> Result<ControlFlow<HttpResponse, Heard<B>>, Problem> {
    let heard = match hear::<A, B>(app, request, body, path, kind).await? {
        ControlFlow::Continue(heard) => heard,
        ended => return Ok(ended),
    };
    if app.store.note_message(heard.sender.region.to_string(), Id(heard.message)).await? {
        return Ok(ControlFlow::Continue(heard));
    }
    let refused = Refused::of(MessageError::Replayed, Some(heard.sender));
    refuse(app, &heard.federated, A::OPERATION, refused).await.map(ControlFlow::Break)
}

/// The region's leave to do the work; a refusal is in the audit log.
///
/// # Errors
/// 403; 503 when the refusal could not be recorded.
async fn permit<A: Action>(app: &App, sender: &Sender) -> Result<Permit<A>, Problem> {
    match decide::<A>(&sender.principal(app.region.code()), sender.context()) {
        Ok(permit) => Ok(permit),
        Err(refusal) => {
            app.store.record(&refusal).await?;
            Err(Kind::OperationNotAllowed.into())
        }
    }
}

/// The problem of a failure, as the other region is told of it.
fn problem_of(error: &RegisterError) -> (StatusCode, &'static str) {
    match error {
        RegisterError::Replayed => (status_of(MessageError::Replayed), MessageError::Replayed.code()),
        RegisterError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily-unavailable"),
        RegisterError::Insufficient => (StatusCode::UNPROCESSABLE_ENTITY, "insufficient"),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
    }
}

/// Another region asks: is this child on our register?
pub async fn answer(request: HttpRequest, body: Bytes, app: Data<App>) -> Result<HttpResponse, Problem> {
    let Heard { federated, sender, message, body: asked } =
        match hear::<AnswerPeer, PeerQuestion>(&app, &request, &body, QUESTION_PATH, kind::QUESTION).await? {
            ControlFlow::Continue(heard) => heard,
            ControlFlow::Break(response) => return Ok(response),
        };
    let permit = permit::<AnswerPeer>(&app, &sender).await?;
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    let from = sender.region.to_string();
    let answered = app
        .store
        .run::<_, _, _, RegisterError>(
            permit,
            move |snapshot| {
                let question = question_of_peer(&asked, &reader, snapshot.now()).map_err(|problem| RegisterError::Rule {
                    pointer: problem.errors.first().map(|error| error.pointer.clone()).unwrap_or_default(),
                    code: "invalid",
                    detail: String::new(),
                })?;
                answering::answer(snapshot, &reader, &asked, question, &from, message)
            },
            move |tx, answered| {
                answering::record(tx, &writer, answered)?;
                Ok(answered.answer.clone())
            },
        )
        .await;
    match answered {
        Ok(answer) => {
            let body = serde_json::to_value(&answer).map_err(|_| Problem::from(Kind::InternalError))?;
            Ok(reply(&federated, &sender, StatusCode::OK, kind::ANSWER, body))
        }
        Err(error) => {
            let (status, code) = problem_of(&error);
            tracing::debug!(code = error.code(), "another region's question was not answered");
            Ok(reply(&federated, &sender, status, kind::PROBLEM, json!({ "code": code })))
        }
    }
}

/// A kind of message that is stored here: how it is read, what its receipt says, and how it is taken in.
struct Stored<C> {
    path: &'static str,
    kind: &'static str,
    receipt: fn(&C) -> Value,
    take: fn(&mut Tx<'_>, &Region, &RegionCode, &C) -> Result<(), RegisterError>,
}

/// Takes in a message that is stored. That it is is answered; what people make of it comes by messages of its own.
async fn store<A, C>(request: HttpRequest, body: Bytes, app: Data<App>, of: Stored<C>) -> Result<HttpResponse, Problem>
where
    A: Action,
    C: DeserializeOwned + Send + Sync + 'static,
{
    let Heard { federated, sender, body: carried, .. } = match hear::<A, C>(&app, &request, &body, of.path, of.kind).await? {
        ControlFlow::Continue(heard) => heard,
        ControlFlow::Break(response) => return Ok(response),
    };
    let permit = permit::<A>(&app, &sender).await?;
    let (receipt, take) = ((of.receipt)(&carried), of.take);
    let (region, from) = (Arc::clone(&app.region), sender.region.clone());
    let taken = app.store.run_alone::<_, _, _, RegisterError>(permit, |_| Ok(()), move |tx, ()| take(tx, &region, &from, &carried)).await;
    match taken {
        Ok(()) => Ok(reply(&federated, &sender, StatusCode::OK, kind::STORED, receipt)),
        Err(error) => {
            let (status, code) = match &error {
                // Another step came first: the same message, sent again, finds what it is about as it is then.
                RegisterError::Stale => (StatusCode::SERVICE_UNAVAILABLE, "temporarily-unavailable"),
                RegisterError::Rule { code: code @ ("unproven" | "unknown-authority" | "altered-duplicate"), .. } => {
                    (StatusCode::UNPROCESSABLE_ENTITY, *code)
                }
                error => problem_of(error),
            };
            tracing::warn!(code = error.code(), kind = of.kind, "another region's message was not taken in");
            Ok(reply(&federated, &sender, status, kind::PROBLEM, json!({ "code": code })))
        }
    }
}

/// An authority of another region says something of a child's custody.
pub async fn custody(request: HttpRequest, body: Bytes, app: Data<App>) -> Result<HttpResponse, Problem> {
    let receipt = |carried: &Carried| json!({ "message": carried.id, "digest": carried.digest().unwrap_or_default() });
    store::<ReceiveCustody, _>(request, body, app, Stored { path: CUSTODY_PATH, kind: kind::CUSTODY, receipt, take: delivery::receive })
        .await
}

/// Another region says something of an alert for a missing child.
pub async fn alert(request: HttpRequest, body: Bytes, app: Data<App>) -> Result<HttpResponse, Problem> {
    let receipt = |carried: &post::Carried| json!({ "message": carried.id, "digest": carried.digest().unwrap_or_default() });
    store::<ReceiveAlert, _>(request, body, app, Stored { path: ALERT_PATH, kind: kind::ALERT, receipt, take: post::receive }).await
}

/// Another region says that a person there has read of a check that was asked here.
pub async fn reading(request: HttpRequest, body: Bytes, app: Data<App>) -> Result<HttpResponse, Problem> {
    let receipt = |told: &PeerReading| json!({ "message": told.id });
    store::<ReceiveReading, _>(request, body, app, Stored { path: READING_PATH, kind: kind::READING, receipt, take: readings::receive })
        .await
}

/// Another region compares what is open between it and this one.
pub async fn compare(request: HttpRequest, body: Bytes, app: Data<App>) -> Result<HttpResponse, Problem> {
    let Heard { federated, sender, body: asked, .. } =
        match hear_once::<AnswerComparison, PeerComparison>(&app, &request, &body, COMPARISON_PATH, kind::COMPARISON).await? {
            ControlFlow::Continue(heard) => heard,
            ControlFlow::Break(response) => return Ok(response),
        };
    let permit = permit::<AnswerComparison>(&app, &sender).await?;
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    let (from, with) = (sender.region.clone(), sender.region.clone());
    let told = app
        .store
        .run_alone::<_, _, _, RegisterError>(
            permit,
            move |snapshot| comparisons::digest(snapshot.connection, &reader, &from),
            move |tx, digest| comparisons::answer(tx, &writer, &with, digest, &asked),
        )
        .await;
    match told {
        Ok(told) => {
            let body = serde_json::to_value(&told).map_err(|_| Problem::from(Kind::InternalError))?;
            Ok(reply(&federated, &sender, StatusCode::OK, kind::COMPARISON, body))
        }
        Err(error) => {
            let (status, code) = problem_of(&error);
            Ok(reply(&federated, &sender, status, kind::PROBLEM, json!({ "code": code })))
        }
    }
}

/// Another region compares what it knows of the members.
pub async fn exchange(request: HttpRequest, body: Bytes, app: Data<App>) -> Result<HttpResponse, Problem> {
    let Heard { federated, sender, body: said, .. } =
        match hear_once::<ExchangeDirectory, PeerDirectory>(&app, &request, &body, DIRECTORY_PATH, kind::ASK_DIRECTORY).await? {
            ControlFlow::Continue(heard) => heard,
            ControlFlow::Break(response) => return Ok(response),
        };
    // What is learnt has its entry in the audit log; that two servers found nothing new has none.
    federated.members.hear(&sender.region, &said).await;
    let told = federated.members.told(&sender.region, said.version, said.knows_serial);
    let body = serde_json::to_value(&told).map_err(|_| Problem::from(Kind::InternalError))?;
    Ok(reply(&federated, &sender, StatusCode::OK, kind::DIRECTORY, body))
}

/// What this region says of itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementView {
    /// The region's code.
    code: String,
    /// Its name in both languages.
    name: Value,
    /// Its nation.
    nation: String,
    /// Grows with every statement.
    serial: i64,
    /// The version of the directory of members in use; 0 for a region that stands alone.
    directory_version: i64,
    /// Where it answers other regions; empty for a region that stands alone.
    address: String,
    /// Where it answers people and partner systems.
    public_address: String,
    /// Its authorities, with whom to ring there by day and by night.
    authorities: Value,
    /// The keys with which it signs, newest first.
    keys: Value,
    /// The keys of its certificates.
    tls: Value,
    /// The versions of the wire profile that it speaks.
    versions: Vec<String>,
    /// What it can do beyond the first version.
    capabilities: Vec<String>,
    /// All of it as it was signed: a compact JWS of type `cofrestr-member+jwt`.
    statement: String,
    /// The statements over which it follows from the one in the directory of members, as they were signed, oldest first: each is
    /// signed with a key of the one before it. Empty when it follows directly.
    earlier: Vec<String>,
}

/// What this region says of itself: names, authorities, 24-hour contacts, addresses and public keys, signed by the region. Whether
/// it is a member of the federation is for the directory to say.
///
/// # Errors
/// 503 when there is none yet.
pub async fn statement(app: Data<App>) -> Result<HttpResponse, Problem> {
    let membership = app.region.membership();
    let descent = membership.own.as_ref().ok_or(Kind::TemporarilyUnavailable)?;
    let own = &descent.newest;
    let said = &own.statement.said;
    let value = |part: serde_json::Result<Value>| part.map_err(|_| Problem::from(Kind::InternalError));
    Ok(HttpResponse::Ok().json(StatementView {
        code: own.statement.iss.clone(),
        name: value(serde_json::to_value(&said.name))?,
        nation: said.nation.clone(),
        serial: own.statement.serial,
        directory_version: membership.version(),
        address: said.address.clone(),
        public_address: said.public_address.clone(),
        authorities: value(serde_json::to_value(&said.authorities))?,
        keys: value(serde_json::to_value(&said.keys))?,
        tls: value(serde_json::to_value(&said.tls))?,
        versions: said.versions.clone(),
        capabilities: said.capabilities.clone(),
        statement: own.text.clone(),
        earlier: descent.earlier.clone(),
    }))
}

/// The directory of members in use, as its keeper signed it.
///
/// # Errors
/// 404 for a region that stands alone.
pub async fn directory(app: Data<App>) -> Result<HttpResponse, Problem> {
    let membership = app.region.membership();
    let known = membership.known.as_ref().ok_or(Kind::NotFound)?;
    Ok(HttpResponse::Ok().content_type(JOSE).body(known.text.clone()))
}
