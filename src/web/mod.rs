//! The assembly of the server: from a configuration to something that listens.

mod middleware;
mod pages;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App as Application, HttpServer};
use chrono::TimeDelta;
use rustls::pki_types::UnixTime;

use crate::api::app::{App, Federated, Turns};
use crate::api::deprecation::{DECLARED, Ending};
use crate::api::gate;
use crate::api::limits::{self, Limits};
use crate::api::oauth::Issuing;
use crate::api::{events, operational, routes};
use crate::authz::Operation;
use crate::authz::assertion::FetchedKeys;
use crate::authz::pages::IdTokens;
use crate::authz::token::{Fetch, Home, KeySource, OwnKeys, TrustedIssuer, Verifier};
use crate::config::Config;
use crate::federation::members::{LearnError, Members};
use crate::federation::peers::Peers;
use crate::federation::sign_in::{Proof, Provider, Settings as SignInSettings};
use crate::federation::tls::PeerCertificate;
use crate::federation::{self, background as federation_work, tls as peer_tls};
use crate::matching::Keyer;
use crate::register::keys::{KeyError, KeyFolder, LogSigner, Signer};
use crate::register::matcher::{self, Budget, Matcher};
use crate::register::peers::statement::{Descent, Statement};
use crate::register::{Region, RegionError, RegisterError, clocks, duplicates, imports, patterns, sandbox};
use crate::store::clock::Clock;
use crate::store::connection::DatabaseUrl;
use crate::store::{Sizes, Store, StoreError, migrations};
use crate::upkeep::unending;
use pages::Pages;

/// How often the server looks whether an import brought people who have still to be looked for among the others.
const DUPLICATES_EVERY: Duration = Duration::from_secs(60);
/// How often the key folder is looked into for a new key.
const KEYS_EVERY: Duration = Duration::from_secs(30);
/// How often entries of the audit log that wait get their places (PostgreSQL).
const SEQUENCE_EVERY: Duration = Duration::from_millis(200);
/// How often it is looked whether tokens were revoked on another server.
const REVOCATIONS_EVERY: Duration = Duration::from_secs(1);
/// How often the samples of the metrics are counted: until then they are kept one by one.
const METRICS_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether a file was sent to be imported.
const IMPORTS_EVERY: Duration = Duration::from_millis(500);
/// How long imports rest after the database failed.
const IMPORTS_REST: Duration = Duration::from_secs(5);
/// How often what is left of old imports is cleared away.
const IMPORTS_TIDIED_EVERY: Duration = Duration::from_secs(600);
/// How long to leave the audit log alone after its upkeep failed.
const LOG_REST: Duration = Duration::from_secs(5);

/// Why a server does not start. The text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The region cannot be set up.
    #[error(transparent)]
    Region(#[from] RegionError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    /// The matcher's index cannot be made.
    #[error("the matcher's index cannot be brought up to date")]
    Index(#[source] RegisterError),
    /// The sandbox's clock cannot be read.
    #[error("the sandbox cannot be taken up")]
    Sandbox(#[source] RegisterError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// `sandbox.deprecated` names something that is no operation.
    #[error("sandbox.deprecated: {0} is no operation; use an operationId of the OpenAPI document")]
    UnknownOperation(String),
    /// The certificate or key for HTTPS cannot be used.
    #[error("the certificate for HTTPS cannot be used: {0}")]
    Certificate(String),
    /// The client by which events are sent cannot be made.
    #[error("events cannot be sent: {0}")]
    Sending(String),
    /// What is known of the other regions cannot be used.
    #[error("the members of the federation cannot be read: {0}")]
    Members(#[source] LearnError),
    /// The identity provider for the pages cannot be used as it is configured.
    #[error("sign_in: {0}")]
    SignIn(String),
    /// An issuer's key file cannot be read, or the HTTP client cannot be made.
    #[error("issuer {issuer}: {problem}")]
    Issuer {
        /// Which.
        issuer: String,
        /// What is wrong.
        problem: String,
    },
}

/// A server that listens. Await `server` to let it run to its end.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The server; a future.
    pub server: ServerFuture,
    /// Stops it.
    pub handle: ServerHandle,
    /// What its handlers use.
    pub app: App,
}

/// The server, with a `Debug` that says nothing.
pub struct ServerFuture(pub Server);

impl std::fmt::Debug for ServerFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerFuture")
    }
}

/// Opens everything that handlers use: keys, region, database, token verifier.
///
/// # Errors
/// When any of it cannot be used.
pub async fn open(config: &Config) -> Result<App, StartError> {
    let folder = KeyFolder::new(&config.keys.folder);
    let clock = Arc::new(Clock::default());
    folder.make_missing(clock.wall())?;
    let signer = Arc::new(Signer::open(folder.clone())?);
    let matcher = Matcher::new(Keyer::new(folder.matcher_secret()?), Budget::of(&config.matching));
    let region = Arc::new(Region::new(config, matcher, signer)?);
    let url = DatabaseUrl::parse(&config.database.url)?;
    if config.database.migrate_at_start {
        let applied = migrations::run(&url)?;
        if !applied.is_empty() {
            tracing::info!(migrations = applied.len(), "brought the database to this version");
        }
    }
    let cores = u32::try_from(std::thread::available_parallelism().map_or(2, std::num::NonZero::get)).unwrap_or(2);
    let connections = match (config.database.connections, &url) {
        (0, DatabaseUrl::Sqlite(_)) => cores.max(2),
        (0, DatabaseUrl::Postgres(_)) => (cores * 4).max(8),
        (stated, _) => stated,
    };
    let store = Store::open(&url, Sizes { connections, wait: Duration::from_millis(config.database.wait_ms) }, clock)?;
    if region.sandbox {
        sandbox::load_clock(&store, region.code().as_str()).await.map_err(StartError::Sandbox)?;
    }
    matcher::bring_up_to_date(&store, &region).await.map_err(StartError::Index)?;
    let fetch = federation::key_sets().map_err(|error| StartError::Issuer { issuer: "all".into(), problem: error.to_string() })?;
    let lifetime = TimeDelta::seconds(i64::from(config.tokens.lifetime_seconds));
    let verifier = Arc::new(verifier(config, &region, lifetime, Arc::clone(&fetch))?);
    let federation = federated(&store, &region, folder).await?;
    let app = App {
        store,
        federation,
        verifier,
        tokens: Arc::new(Issuing { seconds: lifetime.num_seconds(), keys: FetchedKeys::default(), fetch }),
        region,
        turns: Turns::default(),
        limits: Limits::new(&config.limits, config.federation.requests_per_minute),
        body_limit: config.server.body_limit_bytes,
        import_limit: config.imports.body_limit_bytes,
        endings: Arc::new(endings(config)?),
    };
    app.refresh_revocations().await?;
    Ok(app)
}

/// What of the contract is going to end, and what an integrator rehearses the end of.
fn endings(config: &Config) -> Result<Vec<Ending>, StartError> {
    let today = Clock::default().wall().date_naive();
    let named = config.sandbox.deprecated.iter().map(|name| {
        let known = Operation::ALL.iter().find(|operation| operation.as_str() == name);
        known.map(|operation| Ending::rehearsed(*operation, today)).ok_or_else(|| StartError::UnknownOperation(name.clone()))
    });
    DECLARED.iter().copied().map(Ok).chain(named).collect()
}

/// Takes up what is known of the other regions; for a region that stands alone, only what it says of itself.
async fn federated(store: &Store, region: &Arc<Region>, folder: KeyFolder) -> Result<Option<Federated>, StartError> {
    if !region.is_federated() && region.federation.directory_keys.is_empty() {
        let now = store.clock().wall();
        let own = Statement::sign(region.said(), region.code().as_str(), now.timestamp_millis(), &region.signer, now)?;
        region.take_up_alone(Arc::new(Descent::of(own)));
        return Ok(None);
    }
    let peers = if region.is_federated() { Some(Peers::new(Arc::clone(region), folder, Arc::clone(store.clock()))?) } else { None };
    let members = Members::new(store.clone(), Arc::clone(region));
    members.refresh().await.map_err(StartError::Members)?;
    if let Err(error) = members.read_file().await {
        // What the database holds is in use; a region without any directory says that nobody else answered.
        tracing::error!(error = %error, "the directory file was not taken up");
    }
    Ok(Some(Federated { members, peers }))
}

fn verifier(config: &Config, region: &Region, lifetime: TimeDelta, fetch: Fetch) -> Result<Verifier, StartError> {
    let problem = |issuer: &str, problem: String| StartError::Issuer { issuer: issuer.to_owned(), problem };
    let mut issuers = Vec::new();
    for issuer in &config.issuers {
        let keys = match (&issuer.jwks_file, &issuer.jwks_url) {
            (Some(file), _) => KeySource::Document(
                std::fs::read_to_string(file).map_err(|error| problem(&issuer.issuer, format!("{}: {error}", file.display())))?,
            ),
            (None, Some(url)) => KeySource::Address(url.clone()),
            (None, None) => return Err(problem(&issuer.issuer, "needs jwks_url or jwks_file".into())),
        };
        issuers.push(TrustedIssuer { issuer: issuer.issuer.clone(), audience: issuer.audience.clone(), keys });
    }
    // What the region itself issues to partner systems.
    let signer = Arc::clone(&region.signer);
    let keys = OwnKeys(Arc::new(move || serde_json::to_string(&signer.token_keys(Clock::default().wall(), lifetime)).unwrap_or_default()));
    issuers.push(TrustedIssuer { issuer: region.issuer.clone(), audience: region.issuer.clone(), keys: KeySource::Own(keys) });
    let home = Home {
        region: region.code().to_string(),
        authorities: region.authorities().iter().map(|authority| authority.gss.clone()).collect(),
    };
    let settings = &config.sign_in;
    let id_tokens = (!settings.issuer.is_empty()).then(|| IdTokens {
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        role_claim: settings.role_claim.clone(),
        roles: settings.roles.clone(),
    });
    Ok(Verifier::new(home, issuers, fetch).with_id_tokens(id_tokens))
}

/// The identity provider through which people sign in to the pages.
fn provider(config: &Config) -> Result<Option<Provider>, StartError> {
    let settings = &config.sign_in;
    if settings.issuer.is_empty() {
        return Ok(None);
    }
    let read = |file: &str| std::fs::read_to_string(file).map_err(|error| StartError::SignIn(format!("{file}: {error}")));
    let proof = if settings.client_key_file.is_empty() {
        Proof::Secret(read(&settings.client_secret_file)?.trim().to_owned().into())
    } else {
        let file = &settings.client_key_file;
        let refused = || StartError::SignIn(format!("{file}: needs a private key (PKCS #8 in PEM): RSA, P-256 or Ed25519"));
        Proof::read_key(&read(file)?, &settings.client_key_id).ok_or_else(refused)?
    };
    let own = config.server.public_url.trim_end_matches('/');
    let reached = SignInSettings {
        issuer: settings.issuer.clone(),
        client_id: settings.client_id.clone(),
        scopes: settings.scopes.clone(),
        back: format!("{own}/sign-in/return"),
        after: format!("{own}/signed-out"),
    };
    Provider::new(reached, proof).map(Some).map_err(StartError::SignIn)
}

/// Starts a server. Must be called inside an actix (tokio) runtime.
///
/// # Errors
/// When something it needs cannot be used, or the address cannot be listened on.
pub async fn start(config: &Config) -> Result<Running, StartError> {
    let app = open(config).await?;
    let log = Arc::new(LogSigner::open(KeyFolder::new(&config.keys.folder), app.region.code().as_str())?);
    let checkpoint_every = Duration::from_millis(config.audit.checkpoint_ms);
    // From the first request on there is a checkpoint to be read.
    advance_log(&app.store, &log, checkpoint_every).await?;
    operational::recorder();
    let listen_error = |source| StartError::Listen { address: config.server.bind.clone(), source };
    let listener = TcpListener::bind(&config.server.bind).map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let data = Data::new(app.clone());
    let with_sandbox = config.sandbox.enabled;
    let pages = Pages::new(config, provider(config)?);
    let mut server = HttpServer::new(move || {
        Application::new()
            .app_data(data.clone())
            .wrap(from_fn(middleware::around))
            .configure(|routes| {
                if let Some(pages) = &pages {
                    pages.configure(routes);
                }
            })
            .configure(|routes| routes::configure(routes, with_sandbox))
    })
    .shutdown_timeout(config.server.shutdown_seconds)
    .tcp_nodelay(true)
    .server_hostname(config.server.public_url.clone());
    if config.server.workers > 0 {
        server = server.workers(config.server.workers);
    }
    let server = if config.server.tls_certificate.is_empty() {
        server.listen(listener)
    } else {
        let tls = tls(&config.server)?;
        server.on_connect(note_certificate).listen_rustls_0_23(listener, tls)
    }
    .map_err(listen_error)?
    .run();
    if let Some(Federated { members, peers: Some(peers) }) = &app.federation {
        listen_for_peers(config, &app, peers)?;
        federation_work::start(&app.store, members, peers);
    }
    federation::custody::start(&app.store, &app.region, app.federation.as_ref().and_then(|federated| federated.peers.as_ref()));
    federation::webhooks::start(&app.store, &app.region, events::document).map_err(|error| StartError::Sending(error.to_string()))?;
    background(&app, Duration::from_secs(config.matching.refresh_minutes * 60));
    keep_clocks(&app, Duration::from_millis(config.escalation.interval_ms));
    keep_log(&app, log, checkpoint_every);
    look_for_patterns(&app, Duration::from_millis(config.fishing.every_ms));
    take_in_files(&app, TimeDelta::days(i64::from(config.imports.results_days)));
    Ok(Running { address, handle: server.handle(), server: ServerFuture(server), app })
}

/// Opens the face for other regions: mutual TLS, threads of its own, so that a flood there takes nothing from the people here. It
/// ends with the program.
fn listen_for_peers(config: &Config, app: &App, peers: &Peers) -> Result<(), StartError> {
    let bind = &config.federation.bind;
    let listen_error = |source| StartError::Listen { address: bind.clone(), source };
    let listener = TcpListener::bind(bind).map_err(listen_error)?;
    let tls = peer_tls::server(peers).map_err(|error| StartError::Certificate(error.to_string()))?;
    let data = Data::new(app.clone());
    let server = HttpServer::new(move || {
        Application::new().app_data(data.clone()).wrap(from_fn(middleware::around)).configure(routes::configure_peers)
    })
    .on_connect(|connection, extensions| {
        if let Some(stream) = connection.downcast_ref::<TlsStream<actix_web::rt::net::TcpStream>>() {
            let (_, session) = stream.get_ref();
            let shown = session.peer_certificates().and_then(<[_]>::first);
            if let Some(shown) = shown.and_then(|der| PeerCertificate::read(der, UnixTime::now())) {
                extensions.insert(shown);
            }
        }
    })
    .workers(config.federation.workers.max(1))
    .shutdown_timeout(config.server.shutdown_seconds)
    .tcp_nodelay(true)
    .disable_signals()
    .listen_rustls_0_23(listener, tls)
    .map_err(listen_error)?
    .run();
    actix_web::rt::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(error = %error, "the face for other regions has ended");
        }
    });
    Ok(())
}

/// Starts a server and runs it to its end: SIGINT or SIGTERM, after which requests under way are finished.
///
/// # Errors
/// As [`start`]; or the server broke off.
pub fn run(config: &Config) -> Result<(), StartError> {
    actix_web::rt::System::new().block_on(async move {
        let running = start(config).await?;
        tracing::info!(
            address = %running.address,
            region.code = %config.region.code,
            database = running.app.store.kind(),
            version = env!("CARGO_PKG_VERSION"),
            "listening"
        );
        running.server.0.await.map_err(|source| StartError::Listen { address: config.server.bind.clone(), source })?;
        tracing::info!("stopped");
        Ok(())
    })
}

async fn advance_log(store: &Store, log: &Arc<LogSigner>, every: Duration) -> Result<(), StoreError> {
    let log = Arc::clone(log);
    store.advance_log(every, Arc::new(move |size, root, at| log.sign(size, root, at))).await
}

/// Keeps the audit log sequenced and signed.
fn keep_log(app: &App, log: Arc<LogSigner>, checkpoint_every: Duration) {
    let store = app.store.clone();
    let signer = Arc::clone(&log);
    actix_web::rt::spawn(unending("reading the keys of the log", move || {
        let signer = Arc::clone(&signer);
        async move {
            loop {
                tokio::time::sleep(KEYS_EVERY).await;
                if let Err(error) = signer.refresh() {
                    tracing::error!(error = %error, "the audit log's keys cannot be read; the present ones stay in use");
                }
            }
        }
    }));
    actix_web::rt::spawn(unending("keeping the audit log", move || {
        let (store, log) = (store.clone(), Arc::clone(&log));
        async move {
            loop {
                tokio::time::sleep(SEQUENCE_EVERY.min(checkpoint_every)).await;
                if let Err(error) = advance_log(&store, &log, checkpoint_every).await {
                    tracing::error!(error = %error, "the audit log could not be brought forward; entries wait and nothing is lost");
                    tokio::time::sleep(LOG_REST).await;
                }
            }
        }
    }));
}

/// Work that goes on beside the requests: looking for new keys, for revocations and for records of one person among those that an
/// import brought, refreshing the matcher's statistics.
fn background(app: &App, refresh_every: Duration) {
    let signer = Arc::clone(&app.region.signer);
    actix_web::rt::spawn(unending("reading the keys", move || {
        let signer = Arc::clone(&signer);
        async move {
            loop {
                tokio::time::sleep(KEYS_EVERY).await;
                if let Err(error) = signer.refresh() {
                    tracing::error!(error = %error, "the key folder cannot be read; the present key stays in use");
                }
            }
        }
    }));
    let verifying = app.clone();
    actix_web::rt::spawn(unending("reading the revocations", move || {
        let verifying = verifying.clone();
        async move {
            let mut is_away = false;
            loop {
                tokio::time::sleep(REVOCATIONS_EVERY).await;
                let refreshed = verifying.refresh_revocations().await;
                // Said once: the database says the rest itself, and a line a second would hide it.
                if let (Err(error), false) = (&refreshed, is_away) {
                    tracing::error!(error = %error, "the revocations cannot be read; after a minute no token is believed until they are");
                }
                is_away = refreshed.is_err();
            }
        }
    }));
    let limits = app.limits.clone();
    actix_web::rt::spawn(unending("forgetting budgets", move || {
        let limits = limits.clone();
        async move {
            loop {
                tokio::time::sleep(limits::PRUNE_EVERY).await;
                limits.prune();
            }
        }
    }));
    actix_web::rt::spawn(unending("keeping the metrics", move || async move {
        loop {
            tokio::time::sleep(METRICS_EVERY).await;
            operational::recorder().run_upkeep();
        }
    }));
    let (store, region) = (app.store.clone(), Arc::clone(&app.region));
    actix_web::rt::spawn(unending("looking for duplicates", move || {
        let (store, region) = (store.clone(), Arc::clone(&region));
        async move {
            loop {
                tokio::time::sleep(DUPLICATES_EVERY).await;
                if let Err(error) = duplicates::work_off(&store, &region).await {
                    tracing::error!(error = %error, "imported people could not be looked for among the others; they still wait");
                }
            }
        }
    }));
    let (store, region) = (app.store.clone(), Arc::clone(&app.region));
    actix_web::rt::spawn(unending("counting names", move || {
        let (store, region) = (store.clone(), Arc::clone(&region));
        async move {
            loop {
                tokio::time::sleep(refresh_every).await;
                if let Err(error) = matcher::refresh(&store, region.code().as_str(), &region.matcher).await {
                    tracing::error!(error = %error, "the matcher's statistics could not be refreshed");
                }
            }
        }
    }));
}

/// Works out clocks and tells of them. Any number of servers may do so; one at a time does the work.
fn keep_clocks(app: &App, every: Duration) {
    let (store, region) = (app.store.clone(), Arc::clone(&app.region));
    actix_web::rt::spawn(unending("keeping the clocks", move || {
        let (store, region) = (store.clone(), Arc::clone(&region));
        async move {
            loop {
                tokio::time::sleep(every).await;
                if let Err(error) = clocks::keeper::keep(&store, &region).await {
                    tracing::error!(error = %error, "the clocks could not be worked out; what is waiting is taken up again");
                }
            }
        }
    }));
}

/// Looks through the enquiry log for what looks like fishing.
fn look_for_patterns(app: &App, every: Duration) {
    let (store, region) = (app.store.clone(), Arc::clone(&app.region));
    actix_web::rt::spawn(unending("looking for patterns", move || {
        let (store, region) = (store.clone(), Arc::clone(&region));
        async move {
            loop {
                tokio::time::sleep(every).await;
                match patterns::look(&store, &region).await {
                    Ok(0) => {}
                    Ok(tasks) => tracing::info!(tasks, "enquiries look like fishing; a custodian was told"),
                    Err(error) => {
                        tracing::error!(error = %error, "the enquiry log could not be looked through for patterns; the next look will see the same");
                    }
                }
            }
        }
    }));
}

/// Takes in files that were sent, and forgets what became of their rows after `results` have passed.
fn take_in_files(app: &App, results: TimeDelta) {
    let (store, region) = (app.store.clone(), Arc::clone(&app.region));
    actix_web::rt::spawn(unending("taking in files", move || {
        let (store, region) = (store.clone(), Arc::clone(&region));
        async move {
            loop {
                tokio::time::sleep(IMPORTS_EVERY).await;
                if let Err(error) = imports::work_off(&store, &region).await {
                    tracing::error!(error = %error, "a file could not be taken in; it is gone on with from the row at which it stopped");
                    tokio::time::sleep(IMPORTS_REST).await;
                }
            }
        }
    }));
    let store = app.store.clone();
    actix_web::rt::spawn(unending("clearing away imports", move || {
        let store = store.clone();
        async move {
            loop {
                tokio::time::sleep(IMPORTS_TIDIED_EVERY).await;
                if let Err(error) = store.tidy_imports(store.clock().wall() - results).await {
                    tracing::error!(error = %error, "what is left of old imports could not be cleared away");
                }
            }
        }
    }));
}

/// Notes which certificate a partner system shows, if any: its tokens are bound to it.
fn note_certificate(connection: &dyn std::any::Any, extensions: &mut actix_web::dev::Extensions) {
    let session = connection.downcast_ref::<TlsStream<actix_web::rt::net::TcpStream>>().map(|stream| stream.get_ref().1);
    let shown = session.and_then(|session| session.peer_certificates()).and_then(<[_]>::first);
    if let Some(der) = shown {
        extensions.insert(gate::PeerCertificate(peer_tls::thumbprint(der)));
    }
}

fn tls(server: &crate::config::Server) -> Result<rustls::ServerConfig, StartError> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let (certificate, key) = (Path::new(&server.tls_certificate), Path::new(&server.tls_key));
    let problem = |error: &dyn std::fmt::Display| StartError::Certificate(error.to_string());
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| problem(&format!("{}: {error}", certificate.display())))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| problem(&format!("{}: {error}", key.display())))?;
    let builder = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| problem(&error))?;
    let builder = if server.ask_client_certificates {
        builder.with_client_cert_verifier(peer_tls::partner_certificates())
    } else {
        builder.with_no_client_auth()
    };
    builder.with_single_cert(chain, key).map_err(|error| problem(&error))
}
