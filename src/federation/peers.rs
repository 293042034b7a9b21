//! Asking other regions: one client for each, with its own connections, turns and circuit, so that one that is slow or gone costs
//! the others nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use super::faults::Faults;
use super::tls;
use crate::authz::policy::action::AskPeer;
use crate::authz::{Access, Action, Context, Principal, Refusal, Scope};
use crate::domain::identifiers::RegionCode;
use crate::domain::outcome::{Answer, Reply};
use crate::domain::roles::Role;
use crate::domain::search_set::Standing;
use crate::register::Region;
use crate::register::alerts::hits::ToldAlert;
use crate::register::checks::{PeerReply, StoredEarlier, StoredMatch};
use crate::register::keys::{KeyError, KeyFolder, TlsIdentity};
use crate::register::peers::completion::read_answer;
use crate::register::peers::message::{LONGEST, MessageError, Outgoing, Received, Signed, kind, verify};
use crate::register::peers::statement::PublishedStatement;
use crate::register::peers::wire::{PeerAnswer, PeerProblem, PeerQuestion, QUESTION_PATH};
use crate::store::Store;
use crate::store::clock::Clock;

/// The media type of a signed message.
pub const JOSE: &str = "application/jose";
/// How long a connection may take to be made.
const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// A statement with what is shown around it is no longer, in bytes.
const STATEMENT_VIEW: usize = 1 << 20;
/// How often an idle connection is tried.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long an answer to that may take.
const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(5);

/// Why a region did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing in time.
    TimedOut,
    /// It could not be reached, or cannot answer now.
    Unreachable,
    /// It refuses: a code.
    Refused(&'static str),
    /// What came is no genuine answer: a code.
    Invalid(&'static str),
}

impl Failure {
    /// As a search records it.
    pub fn reply<F>(self) -> Reply<F> {
        match self {
            Self::TimedOut => Reply::TimedOut,
            Self::Unreachable => Reply::Unreachable,
            Self::Refused(_) => Reply::Refused,
            Self::Invalid(_) => Reply::Invalid,
        }
    }

    /// Its code, where it says more than its kind.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::TimedOut | Self::Unreachable => None,
            Self::Refused(code) | Self::Invalid(code) => Some(code),
        }
    }
}

/// What a region answered.
struct Answered {
    answer: Answer<StoredMatch>,
    earlier: Option<StoredEarlier>,
    alerts: Vec<ToldAlert>,
    signed: String,
}

/// What is remembered of a region's silence.
#[derive(Debug, Default)]
struct Circuit {
    /// Questions in a row that ran out of time.
    silent: u32,
    /// Until when it is left alone, after too many.
    rests_until: Option<Instant>,
    /// Whether its last answer, of whatever kind, was missing.
    away: bool,
}

/// The line to one region.
struct Line {
    /// The statement for which it was made: another one may name another address or another certificate.
    statement: String,
    address: String,
    client: reqwest::Client,
    turns: Semaphore,
    circuit: Mutex<Circuit>,
}

/// The other regions, as this server meets them.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    region: Arc<Region>,
    folder: KeyFolder,
    clock: Arc<Clock>,
    identity: RwLock<Arc<TlsIdentity>>,
    lines: RwLock<BTreeMap<RegionCode, Arc<Line>>>,
    faults: Faults,
    /// Woken when a region answers that did not.
    returned: Notify,
    runtime: Option<Runtime>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A runtime must not wait for its tasks inside another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peers").field("region", self.0.region.code()).finish_non_exhaustive()
    }
}

/// A genuine reply.
#[derive(Debug, Clone)]
pub struct Genuine {
    /// The message.
    pub received: Received,
    /// As it was signed.
    pub text: String,
}

impl Peers {
    /// The lines to the other regions; nothing is connected yet.
    ///
    /// # Errors
    /// When there is no certificate, or no thread.
    pub fn new(region: Arc<Region>, folder: KeyFolder, clock: Arc<Clock>) -> Result<Self, KeyError> {
        folder.make_missing_tls(region.code().as_str(), clock.wall())?;
        region.signer.refresh()?;
        let identity = folder.tls_identity(clock.wall())?;
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
        let runtime = Builder::new_multi_thread().worker_threads(threads).thread_name("peers").enable_all().build();
        Ok(Self(Arc::new(Inner {
            region,
            folder,
            clock,
            identity: RwLock::new(Arc::new(identity)),
            lines: RwLock::default(),
            faults: Faults::default(),
            returned: Notify::new(),
            runtime: Some(runtime.map_err(|_| KeyError::Cryptography)?),
        })))
    }

    /// The region that asks.
    pub fn region(&self) -> &Arc<Region> {
        &self.0.region
    }

    /// The certificate in use.
    pub fn identity(&self) -> Arc<TlsIdentity> {
        Arc::clone(&self.0.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The faults that a sandbox was told to show.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// The clock on the wall as this region's messages state it.
    pub fn wall(&self) -> DateTime<Utc> {
        self.0.clock.wall() + self.0.faults.clock_off()
    }

    /// Where work for other regions runs: apart from the threads that answer people.
    pub fn runtime(&self) -> Option<Handle> {
        self.0.runtime.as_ref().map(|runtime| runtime.handle().clone())
    }

    /// Waits until a region answers that did not.
    pub async fn returned(&self) {
        self.0.returned.notified().await;
    }

    /// The regions that answered last time.
    pub fn answering(&self) -> Vec<RegionCode> {
        let lines = self.0.lines.read().unwrap_or_else(PoisonError::into_inner);
        let answers = |line: &Line| !line.circuit.lock().unwrap_or_else(PoisonError::into_inner).away;
        lines.iter().filter(|(_, line)| answers(line)).map(|(code, _)| code.clone()).collect()
    }

    /// Takes up a certificate whose time has come; lines are made anew with it.
    ///
    /// # Errors
    /// When the folder cannot be read; the present one stays in use.
    pub fn refresh_identity(&self) -> Result<(), KeyError> {
        let fresh = self.0.folder.tls_identity(self.0.clock.wall())?;
        if fresh.spki != self.identity().spki {
            *self.0.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
            self.0.lines.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(())
    }

    fn line(&self, to: &RegionCode) -> Result<Arc<Line>, Failure> {
        let membership = self.0.region.membership();
        let peer = membership.peers.get(to).ok_or(Failure::Unreachable)?;
        if peer.standing != Standing::Active {
            return Err(Failure::Refused(MessageError::Suspended.code()));
        }
        let statement = peer.believed.newest.digest();
        let known = self.0.lines.read().unwrap_or_else(PoisonError::into_inner).get(to).cloned();
        if let Some(line) = known.filter(|line| line.statement == statement) {
            return Ok(line);
        }
        let unusable = |error: &dyn std::fmt::Display| {
            tracing::error!(peer = %to, error = %error, "no line to this region can be made");
            Failure::Unreachable
        };
        let config = tls::client(&self.0.region, to, &self.identity()).map_err(|error| unusable(&error))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(true)
            .connect_timeout(CONNECT_WAIT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE_WAIT)
            .http2_keep_alive_while_idle(true)
            .pool_idle_timeout(None)
            .user_agent(concat!("cofrestr/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| unusable(&error))?;
        let line = Arc::new(Line {
            statement,
            address: peer.statement().said.address.trim_end_matches('/').to_owned(),
            client,
            turns: Semaphore::new(self.0.region.federation.at_once),
            circuit: Mutex::default(),
        });
        self.0.lines.write().unwrap_or_else(PoisonError::into_inner).insert(to.clone(), Arc::clone(&line));
        Ok(line)
    }

    /// Signs a message for a region.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn sign(
        &self,
        to: &str,
        kind: &str,
        place: Option<(&str, &str)>,
        correlation: Uuid,
        reply_to: Option<(Uuid, String)>,
        body: Value,
    ) -> Result<Signed, KeyError> {
        let membership = self.0.region.membership();
        let standing = (membership.version(), membership.own_serial());
        Outgoing { from: self.0.region.code().as_str(), to, kind, place, correlation, reply_to, standing }.sign(
            body,
            &self.0.region.signer,
            self.wall(),
        )
    }

    /// Sends a message to a region and waits for its reply: within `within`, waiting for a turn included.
    ///
    /// # Errors
    /// Why there is no genuine reply.
    pub async fn send(
        &self,
        to: &RegionCode,
        path: &'static str,
        kind: &'static str,
        body: Value,
        correlation: Uuid,
        within: Duration,
    ) -> Result<Genuine, Failure> {
        let line = self.line(to)?;
        let may_try = {
            let mut circuit = line.circuit.lock().unwrap_or_else(PoisonError::into_inner);
            match circuit.rests_until {
                Some(until) if Instant::now() < until => false,
                Some(_) => {
                    // One tries; the others wait for what becomes of it.
                    circuit.rests_until = Some(Instant::now() + Duration::from_millis(self.0.region.federation.rest_ms));
                    true
                }
                None => true,
            }
        };
        if !may_try {
            return Err(Failure::TimedOut);
        }
        let reply = tokio::time::timeout(within, self.exchange(&line, to, path, kind, body, correlation)).await;
        let reply = reply.unwrap_or(Err(Failure::TimedOut));
        self.note(&line, to, &reply);
        reply
    }

    /// Remembers what became of a message: silence opens the circuit, whatever answers closes it.
    fn note(&self, line: &Line, to: &RegionCode, reply: &Result<Genuine, Failure>) {
        let status = match reply {
            Ok(_) => "answered",
            Err(failure) => failure.reply::<crate::register::checks::StoredMatch>().status().as_str(),
        };
        metrics::counter!("cofrestr_peer_messages", "peer" => to.to_string(), "status" => status).increment(1);
        let mut circuit = line.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        let was_away = circuit.away;
        match reply {
            Err(Failure::TimedOut) => {
                circuit.silent += 1;
                circuit.away = true;
                if circuit.silent >= self.0.region.federation.rest_after {
                    circuit.rests_until = Some(Instant::now() + Duration::from_millis(self.0.region.federation.rest_ms));
                }
            }
            Err(Failure::Unreachable | Failure::Invalid(_) | Failure::Refused(_)) => {
                circuit.silent = 0;
                circuit.rests_until = None;
                circuit.away = true;
            }
            Ok(_) => *circuit = Circuit::default(),
        }
        if was_away != circuit.away {
            tracing::warn!(peer = %to, status, "a region {}", if circuit.away { "does not answer" } else { "answers again" });
            metrics::gauge!("cofrestr_peer_away", "peer" => to.to_string()).set(if circuit.away { 1.0 } else { 0.0 });
        }
        if was_away && !circuit.away {
            self.0.returned.notify_one();
        }
    }

    async fn exchange(
        &self,
        line: &Line,
        to: &RegionCode,
        path: &'static str,
        kind: &'static str,
        body: Value,
        correlation: Uuid,
    ) -> Result<Genuine, Failure> {
        let _turn = line.turns.acquire().await.map_err(|_| Failure::Unreachable)?;
        let address = format!("{}{path}", line.address);
        let mut again = true;
        loop {
            let sign = || self.sign(to.as_str(), kind, Some(("POST", path)), correlation, None, body.clone());
            let question = sign().map_err(|_| Failure::Unreachable)?;
            let sent = line
                .client
                .post(&address)
                .header(CONTENT_TYPE, HeaderValue::from_static(JOSE))
                .header("X-Request-ID", question.id.to_string())
                .header("X-Correlation-ID", correlation.to_string())
                .body(question.text.clone())
                .send()
                .await;
            match sent {
                Ok(response) => return self.read(response, to, &question).await,
                // A connection that was closed while it was idle: the same question again is safe, it has the same check.
                Err(error) if again && !error.is_connect() && !error.is_timeout() => again = false,
                Err(error) => {
                    tracing::debug!(peer = %to, error = %Reason(&error.without_url()), "no connection");
                    return Err(Failure::Unreachable);
                }
            }
        }
    }

    async fn read(&self, mut response: reqwest::Response, to: &RegionCode, question: &Signed) -> Result<Genuine, Failure> {
        let status = response.status();
        if status.is_server_error() {
            return Err(Failure::Unreachable);
        }
        let is_message = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == JOSE.as_bytes());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| Failure::Unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST {
                return Err(Failure::Invalid(MessageError::Form.code()));
            }
        }
        if !is_message {
            // Unsigned, but over a connection to this region: a refusal that could not be signed for us.
            let refused = status.is_client_error();
            return Err(if refused { Failure::Refused("refused") } else { Failure::Invalid(MessageError::Form.code()) });
        }
        let text = String::from_utf8(bytes).map_err(|_| Failure::Invalid(MessageError::Form.code()))?;
        let invalid = |error: MessageError| Failure::Invalid(error.code());
        let keys = self.0.region.membership().peers.get(to).map(|peer| peer.statement().said.keys.clone()).unwrap_or_default();
        let received = verify(&text, self.0.region.code().as_str(), &keys, self.wall()).map_err(invalid)?;
        if received.envelope.iss != to.as_str() {
            return Err(invalid(MessageError::UnknownSender));
        }
        received.answers(question).map_err(invalid)?;
        if received.envelope.kind == kind::PROBLEM {
            let problem: PeerProblem = received.body().map_err(invalid)?;
            return Err(Failure::Refused(known_code(&problem.code)));
        }
        if status != StatusCode::OK {
            return Err(invalid(MessageError::Body));
        }
        Ok(Genuine { received, text })
    }

    /// What a region says of itself, signed, over a connection that is known to be its own.
    pub async fn statement_of(&self, to: &RegionCode) -> Option<Vec<String>> {
        let line = self.line(to).ok()?;
        let ask = async {
            let mut response = line.client.get(format!("{}/.well-known/cofrestr", line.address)).send().await.ok()?;
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.ok()? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > STATEMENT_VIEW {
                    return None;
                }
            }
            serde_json::from_slice::<PublishedStatement>(&bytes).ok().map(PublishedStatement::texts)
        };
        tokio::time::timeout(CONNECT_WAIT, ask).await.ok().flatten()
    }

    /// Asks one region whether a child is on its register.
    pub async fn ask(&self, to: &RegionCode, question: &PeerQuestion, correlation: Uuid, within: Duration) -> PeerReply {
        let begun = Instant::now();
        let reply = self.ask_for_answer(to, question, correlation, within).await;
        let duration_ms = u32::try_from((begun.elapsed().as_micros() + 500) / 1_000).unwrap_or(u32::MAX);
        match reply {
            Ok(answered) => {
                let Answered { answer, earlier, alerts, signed } = answered;
                PeerReply {
                    region: to.clone(),
                    reply: Reply::Answered(answer),
                    duration_ms,
                    earlier,
                    signed: Some(signed),
                    code: None,
                    alerts,
                }
            }
            Err(failure) => PeerReply {
                region: to.clone(),
                reply: failure.reply(),
                duration_ms,
                earlier: None,
                signed: None,
                code: failure.code(),
                alerts: Vec::new(),
            },
        }
    }

    async fn ask_for_answer(
        &self,
        to: &RegionCode,
        question: &PeerQuestion,
        correlation: Uuid,
        within: Duration,
    ) -> Result<Answered, Failure> {
        let body = serde_json::to_value(question).map_err(|_| Failure::Unreachable)?;
        let genuine = self.send(to, QUESTION_PATH, kind::QUESTION, body, correlation, within).await?;
        if genuine.received.envelope.kind != kind::ANSWER {
            return Err(Failure::Invalid(MessageError::Body.code()));
        }
        let answer: PeerAnswer = genuine.received.body().map_err(|error| Failure::Invalid(error.code()))?;
        let (answer, earlier, alerts) =
            read_answer(&self.0.region, to, question, answer).map_err(|error| Failure::Invalid(error.code()))?;
        Ok(Answered { answer, earlier, alerts, signed: genuine.text })
    }

    /// Puts into the audit log that a region refused, or sent something that is no answer: under the thread of requests under which
    /// that region's own log has it.
    pub async fn note_refusal(&self, store: &Store, of: String, code: &'static str, context: Context) {
        let principal = Principal {
            issuer: "federation".into(),
            subject: of,
            name: None,
            client: None,
            role: Role::Peer,
            sector: None,
            scope: Scope::Region(self.0.region.code().to_string()),
            organisation: None,
            family_name: None,
            postcode: None,
            signed_in_at: None,
        };
        let access = Access {
            operation: AskPeer::OPERATION,
            principal: Some(Arc::new(principal)),
            request_id: context.request_id,
            correlation_id: context.correlation_id,
        };
        if let Err(error) = store.record(&Refusal { access, code }).await {
            // The entry of the check itself says the same; without that one nothing is answered.
            tracing::error!(error = %error, "the refusal of another region has no entry of its own in the audit log");
        }
    }

    /// Asks several regions at once; whoever has not answered by the deadline has not answered.
    pub async fn ask_all(&self, regions: Vec<RegionCode>, question: PeerQuestion, correlation: Uuid, deadline: Instant) -> Vec<PeerReply> {
        let question = Arc::new(question);
        let Some(runtime) = self.runtime() else { return Vec::new() };
        let within = deadline.saturating_duration_since(Instant::now());
        let asked: Vec<_> = regions
            .into_iter()
            .map(|region| {
                let (peers, question, to) = (self.clone(), Arc::clone(&question), region.clone());
                (region, runtime.spawn(async move { peers.ask(&to, &question, correlation, within).await }))
            })
            .collect();
        let mut replies = Vec::with_capacity(asked.len());
        for (region, task) in asked {
            // Each keeps to the time; this is for a thread that is late.
            let late = deadline + Duration::from_millis(20);
            let abort = task.abort_handle();
            let reply = tokio::time::timeout_at(late.into(), task).await;
            abort.abort();
            replies.push(match reply {
                Ok(Ok(reply)) => reply,
                _ => PeerReply {
                    region,
                    reply: Reply::TimedOut,
                    duration_ms: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
                    earlier: None,
                    signed: None,
                    code: None,
                    alerts: Vec::new(),
                },
            });
        }
        replies
    }
}

/// An error with what caused it, in one line.
struct Reason<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// A code of another region's problem, if it is one of ours: anything else is not repeated.
fn known_code(stated: &str) -> &'static str {
    const OTHERS: [&str; 8] = [
        "rate-limited",
        "invalid",
        "insufficient",
        "operation-not-allowed",
        "temporarily-unavailable",
        "unproven",
        "unknown-authority",
        "altered-duplicate",
    ];
    MessageError::ALL.iter().map(MessageError::code).chain(OTHERS).find(|code| *code == stated).unwrap_or("refused")
}
