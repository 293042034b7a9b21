//! The face for other regions (`/federation/v1/*`, over mutual TLS) and what a region says of itself (`/.well-known/cofrestr`).
//!
//! ```text
//!  connection ─▶ certificate (proved, not yet believed)
//!  message    ─▶ member? key? signature? certificate of the member? active? for us, for here, now? not come before?
//!             ─▶ permit of the peer ─▶ the register ─▶ audit entry ─▶ signed reply
//! ```
//!
//! Every refusal is in the audit log before it leaves, and is signed when its receiver is known: both sides can show it.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::App;
use super::checks::question_of_peer;
use super::gate::AsIs;
use super::problem::{Kind, Problem};
use crate::authz::policy::action::{AnswerPeer, ExchangeDirectory, ReceiveCustody};
use crate::authz::{Access, Action, Context, Permit, Principal, Refusal, Scope, decide};
use crate::domain::identifiers::RegionCode;
use crate::domain::roles::Role;
use crate::domain::search_set::Standing;
use crate::federation::faults::Mode;
use crate::federation::members::Members;
use crate::federation::peers::JOSE;
use crate::federation::peers::Peers;
use crate::federation::tls::PeerCertificate;
use crate::register::RegisterError;
use crate::register::peers::answering;
use crate::register::peers::message::{LONGEST, MessageError, Received, claimed_sender, kind, verify, verify_signature};
use crate::register::peers::wire::{CUSTODY_PATH, DIRECTORY_PATH, PeerDirectory, PeerQuestion, QUESTION_PATH};
use crate::register::transfers::delivery::{self, Carried};
use crate::store::Failure;
use crate::store::types::Id;

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
    let unsigned = |error: MessageError| Refused { status: status_of(error), code: error.code(), to: None };
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
            return Err(Refused { status: status_of(error), code: error.code(), to });
        }
    };
    let sender = Sender::of(&region, &received);
    let signed = |error: MessageError| Refused { status: status_of(error), code: error.code(), to: Some(sender.clone()) };
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

fn permit<A: Action>(app: &App, sender: &Sender) -> Result<Permit<A>, Refusal> {
    decide::<A>(&sender.principal(app.region.code()), sender.context())
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
    let federated = federated(&app)?;
    if let Some(fault) = fault(&federated).await {
        return Ok(fault);
    }
    let operation = AnswerPeer::OPERATION;
    let (received, sender) = match receive(&app, &federated, &request, &body, QUESTION_PATH).await {
        Ok(received) => received,
        Err(refused) => return refuse(&app, &federated, operation, refused).await,
    };
    let asked = received.body::<PeerQuestion>().ok().filter(|_| received.envelope.kind == kind::QUESTION);
    let Some(asked) = asked else {
        let refused = Refused { status: StatusCode::BAD_REQUEST, code: MessageError::Body.code(), to: Some(sender) };
        return refuse(&app, &federated, operation, refused).await;
    };
    let permit = match permit::<AnswerPeer>(&app, &sender) {
        Ok(permit) => permit,
        Err(refusal) => {
            app.store.record(&refusal).await?;
            return Err(Kind::OperationNotAllowed.into());
        }
    };
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    let (from, message) = (sender.region.to_string(), received.envelope.jti);
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

/// An authority of another region says something of a child's custody. That it is stored is answered; what people make of it
/// comes by messages of its own.
pub async fn custody(request: HttpRequest, body: Bytes, app: Data<App>) -> Result<HttpResponse, Problem> {
    let federated = federated(&app)?;
    if let Some(fault) = fault(&federated).await {
        return Ok(fault);
    }
    let operation = ReceiveCustody::OPERATION;
    let (received, sender) = match receive(&app, &federated, &request, &body, CUSTODY_PATH).await {
        Ok(received) => received,
        Err(refused) => return refuse(&app, &federated, operation, refused).await,
    };
    let carried = received.body::<Carried>().ok().filter(|_| received.envelope.kind == kind::CUSTODY);
    let Some(carried) = carried else {
        let refused = Refused { status: StatusCode::BAD_REQUEST, code: MessageError::Body.code(), to: Some(sender) };
        return refuse(&app, &federated, operation, refused).await;
    };
    let permit = match permit::<ReceiveCustody>(&app, &sender) {
        Ok(permit) => permit,
        Err(refusal) => {
            app.store.record(&refusal).await?;
            return Err(Kind::OperationNotAllowed.into());
        }
    };
    let stored = json!({ "message": carried.id, "digest": carried.digest().unwrap_or_default() });
    let (region, from) = (Arc::clone(&app.region), sender.region.clone());
    let taken = app
        .store
        .run_alone::<_, _, _, RegisterError>(permit, |_| Ok(()), move |tx, ()| delivery::receive(tx, &region, &from, &carried))
        .await;
    match taken {
        Ok(()) => Ok(reply(&federated, &sender, StatusCode::OK, kind::STORED, stored)),
        Err(error) => {
            let (status, code) = match &error {
                // Another step came first: the same message, sent again, finds the custody as it is then.
                RegisterError::Stale => (StatusCode::SERVICE_UNAVAILABLE, "temporarily-unavailable"),
                RegisterError::Rule { code: code @ ("unproven" | "unknown-authority" | "altered-duplicate"), .. } => {
                    (StatusCode::UNPROCESSABLE_ENTITY, *code)
                }
                error => problem_of(error),
            };
            tracing::warn!(code = error.code(), "another region's message about custody was not taken in");
            Ok(reply(&federated, &sender, status, kind::PROBLEM, json!({ "code": code })))
        }
    }
}

/// Another region compares what it knows of the members.
pub async fn exchange(request: HttpRequest, body: Bytes, app: Data<App>) -> Result<HttpResponse, Problem> {
    let federated = federated(&app)?;
    if let Some(fault) = fault(&federated).await {
        return Ok(fault);
    }
    let operation = ExchangeDirectory::OPERATION;
    let (received, sender) = match receive(&app, &federated, &request, &body, DIRECTORY_PATH).await {
        Ok(received) => received,
        Err(refused) => return refuse(&app, &federated, operation, refused).await,
    };
    let said = received.body::<PeerDirectory>().ok().filter(|_| received.envelope.kind == kind::ASK_DIRECTORY);
    let Some(said) = said else {
        let refused = Refused { status: StatusCode::BAD_REQUEST, code: MessageError::Body.code(), to: Some(sender) };
        return refuse(&app, &federated, operation, refused).await;
    };
    let (region, message) = (sender.region.to_string(), Id(received.envelope.jti));
    let first = app.store.note_message(region, message).await?;
    if !first {
        let refused = Refused { status: status_of(MessageError::Replayed), code: MessageError::Replayed.code(), to: Some(sender) };
        return refuse(&app, &federated, operation, refused).await;
    }
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
}

/// What this region says of itself: names, authorities, 24-hour contacts, addresses and public keys, signed by the region. Whether
/// it is a member of the federation is for the directory to say.
///
/// # Errors
/// 503 when there is none yet.
pub async fn statement(app: Data<App>) -> Result<HttpResponse, Problem> {
    let membership = app.region.membership();
    let own = membership.own.as_ref().ok_or(Kind::TemporarilyUnavailable)?;
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
