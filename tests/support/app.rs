//! A real server on a real database, and people who send it requests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use aws_lc_rs::digest;
use cofrestr::api::app::App;
use cofrestr::authz::policy::action::AddRegistration;
use cofrestr::authz::{Context, Principal, Scope, decide};
use cofrestr::config::{Config, DEMO};
use cofrestr::domain::registration::RemovalGround;
use cofrestr::domain::roles::Role;
use cofrestr::register::keys::{KeyFolder, PublicKey};
use cofrestr::register::registrations::{self, NewBasis, NewRegistration};
use cofrestr::register::{Region, RegisterError};
use cofrestr::store::verify::{Means, walk};
use cofrestr::store::{Store, note};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::database::{AuditRow, Backend, Folder, TestDatabase};
use super::http::{self, Answer};
use super::logs;
use super::people::{Child, Conference, Entry, Question};
use super::tokens::{self, AUDIENCE, Caller, GWENT, ISSUER};

/// Where procedure time stands when a test begins: a Tuesday in term time, in office hours.
pub const TUESDAY: &str = "2026-11-17T10:00:00Z";

/// A running server with everything under it.
pub struct TestApp {
    server: Option<Server>,
    /// A second server over the same database, with the same keys.
    other: Option<Server>,
    configuration: String,
    database: Arc<TestDatabase>,
    /// Keys and key set; gone when this is dropped.
    folder: Folder,
    log_mark: usize,
    /// What was said about people in requests: it may stand in no log line.
    personal: Mutex<BTreeSet<String>>,
    /// Requests under `/v1` that were answered, and with what.
    answered: Mutex<BTreeMap<String, u16>>,
}

struct Server {
    address: SocketAddr,
    handle: actix_web::dev::ServerHandle,
    app: App,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts a server in a thread of its own and waits until it listens.
    fn start(configuration: &str) -> Result<Self, String> {
        let config = Config::from_text(configuration).map_err(|error| error.to_string())?;
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                match cofrestr::web::start(&config).await {
                    Ok(running) => {
                        let _ = tell.send(Ok((running.address, running.handle.clone(), running.app.clone())));
                        let server = running.server.0;
                        // What is kept beside the server must not outlive it here.
                        drop(running.app);
                        server.await.expect("the server ends in order");
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error.to_string()));
                    }
                }
            });
        });
        let (address, handle, app) = told.recv_timeout(Duration::from_secs(60)).map_err(|error| error.to_string())??;
        Ok(Self { address, handle, app, thread })
    }

    fn stop(self) {
        http::runtime().block_on(self.handle.stop(false));
        assert!(self.thread.join().is_ok(), "the server panicked");
    }
}

/// Another server over the database of a [`TestApp`]. It ends when this is dropped.
pub struct Second(Option<Server>);

impl Second {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.as_ref().expect("a running server").address
    }

    /// Moves its procedure time: each server has its own clock.
    #[track_caller]
    pub fn set_clock(&self, now: &str) {
        let (name, value) = http::header("content-type", "application/json");
        let url = format!("http://{}/sandbox/clock", self.0.as_ref().expect("a running server").address);
        http::send(&Method::POST, &url, &HeaderMap::from_iter([(name, value)]), Some(json!({"now": now}).to_string().into_bytes()))
            .expect(204);
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        self.0.take().expect("a running server").stop();
    }
}

/// Somebody who was entered, or an entry that was made.
#[derive(Debug, Clone)]
pub struct Entered {
    /// Identifier of the child.
    pub child: String,
    /// Identifier of the entry; empty while there is none.
    pub registration: String,
}

impl TestApp {
    /// Starts a server; `configuration` is laid over that of the demo.
    pub fn start(kind: Backend, configuration: &str) -> Self {
        Self::on(Arc::new(TestDatabase::migrated(kind)), configuration)
    }

    /// Starts a server on a database that the test has.
    pub fn on(database: Arc<TestDatabase>, configuration: &str) -> Self {
        logs::keep();
        let folder = Folder::new();
        let key_set = folder.path().join("jwks.json");
        std::fs::write(&key_set, tokens::key_set()).expect("a key set");
        let configuration = configuration_text(&folder, database.url(), &key_set.display().to_string(), configuration);
        let log_mark = logs::mark();
        let server = Server::start(&configuration).unwrap_or_else(|error| panic!("the server did not start: {error}"));
        let app = Self {
            server: Some(server),
            other: None,
            configuration,
            database,
            folder,
            log_mark,
            personal: Mutex::default(),
            answered: Mutex::default(),
        };
        if Config::from_text(&app.configuration).expect("a configuration").sandbox.enabled {
            app.set_clock(TUESDAY);
        }
        app
    }

    /// Stops the server and starts it again on the same database, keys and configuration.
    pub fn restart(&mut self) {
        self.server.take().expect("a running server").stop();
        self.server = Some(Server::start(&self.configuration).unwrap_or_else(|error| panic!("the server did not start again: {error}")));
    }

    /// Sends the requests that follow to another server over the same database; the first time it is started.
    pub fn turn_to_the_other(&mut self) {
        let other = self.other.take().map_or_else(|| Server::start(&self.configuration), Ok);
        self.other = self.server.replace(other.unwrap_or_else(|error| panic!("the other server did not start: {error}")));
    }

    /// Starts another server over the same database and keys.
    pub fn second(&self) -> Second {
        Second(Some(Server::start(&self.configuration).unwrap_or_else(|error| panic!("the second server did not start: {error}"))))
    }

    /// Starts another server over the same database and keys, with settings laid over this one's.
    pub fn second_with(&self, settings: toml::Table) -> Second {
        let text =
            toml::to_string(&merge(toml::from_str(&self.configuration).expect("a configuration"), settings)).expect("a configuration");
        Second(Some(Server::start(&text).unwrap_or_else(|error| panic!("the second server did not start: {error}"))))
    }

    /// The folder of its keys; gone with it.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The address under which it listens.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.as_ref().expect("a running server").address)
    }

    /// Its keys.
    pub fn keys(&self) -> KeyFolder {
        KeyFolder::new(self.folder.path().join("keys"))
    }

    /// The database behind it.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// Sends as somebody.
    pub fn as_caller(&self, caller: &Caller) -> Client<'_> {
        self.with_token(Some(caller.token()))
    }

    /// Sends with a token, or without one.
    pub fn with_token(&self, token: Option<String>) -> Client<'_> {
        Client { app: self, token }
    }

    /// Sends without a token.
    pub fn anonymous(&self) -> Client<'_> {
        self.with_token(None)
    }

    /// Sends as the custodian of the region.
    pub fn custodian(&self) -> Client<'_> {
        self.as_caller(&Caller::custodian())
    }

    /// Sends as a nurse.
    pub fn health(&self) -> Client<'_> {
        self.as_caller(&Caller::health())
    }

    /// Sends as a police officer.
    pub fn police(&self) -> Client<'_> {
        self.as_caller(&Caller::police())
    }

    /// Moves procedure time.
    #[track_caller]
    pub fn set_clock(&self, now: &str) {
        self.anonymous().post("/sandbox/clock", &json!({"now": now})).expect(204);
    }

    /// Enters a child as the region's custodian.
    #[track_caller]
    pub fn enter(&self, child: &Child) -> Entered {
        let answer = self.custodian().post("/v1/children", &child.0).expect(201);
        Entered { child: answer.text("/id"), registration: String::new() }
    }

    /// Records a conference as the region's custodian.
    #[track_caller]
    pub fn hold(&self, conference: &Conference) -> Answer {
        self.custodian().post("/v1/conferences", &conference.0).expect(201)
    }

    /// How many rows a table holds.
    pub fn count(&self, table: &str) -> i64 {
        self.database().number(&format!("SELECT count(*) AS n FROM {table}"))
    }

    /// Enters a child and an entry for them.
    #[track_caller]
    pub fn register_with(&self, child: &Child, entry: Entry) -> Entered {
        let entered = self.enter(child);
        let answer = self.custodian().post("/v1/registrations", &entry.child(&entered.child).0).expect(201);
        Entered { registration: answer.text("/id"), ..entered }
    }

    /// Enters a child and an entry of the authority that keeps their record.
    #[track_caller]
    pub fn register(&self, child: &Child) -> Entered {
        self.register_with(child, Entry::of(child.0["authority"].as_str().expect("an authority")))
    }

    /// Enters a child who was on Newport's register and is not any more. The API of this version cannot end an entry; an
    /// import can bring a former one, and this uses what an import uses.
    pub fn register_formerly(&self, child: &Child) -> Entered {
        self.take_over(child, "2025-01-14", Some("2026-06-16"), None)
    }

    /// Enters a child with an entry from Newport's earlier register, as an import does.
    pub fn take_over(&self, child: &Child, from: &str, to: Option<&str>, review_due_on: Option<&str>) -> Entered {
        let entered = self.enter(child);
        let registration = self.imported(&entered.child, from, to, review_due_on);
        Entered { registration, ..entered }
    }

    /// Makes a former entry on Newport's register for a child, as an import makes it.
    pub fn registered_between(&self, child: &str, from: &str, to: &str) -> String {
        self.imported(child, from, Some(to), None)
    }

    fn imported(&self, child: &str, from: &str, to: Option<&str>, review_due_on: Option<&str>) -> String {
        let App { store, region, .. } = &self.server.as_ref().expect("a running server").app;
        let region = Arc::clone(region);
        let custodian = Arc::new(Principal {
            issuer: ISSUER.into(),
            subject: "importer".into(),
            name: None,
            client: None,
            role: Role::Custodian,
            sector: None,
            scope: Scope::Region(GWENT.into()),
            organisation: None,
            family_name: None,
            postcode: None,
            signed_in_at: None,
        });
        let id = Uuid::now_v7();
        let permit = decide::<AddRegistration>(&custodian, Context { request_id: id, correlation_id: id }).expect("a permit");
        let child_id = child.parse().expect("an identifier");
        let day = |text: &str| text.parse().expect("a day");
        let new = NewRegistration {
            authority: tokens::NEWPORT.into(),
            registered_on: day(from),
            removed: to.map(|to| (day(to), RemovalGround::ReviewConferenceDecision)),
            basis: NewBasis::EarlierRegister,
            categories: vec!["neglect".parse().expect("a category")],
            coordinator: None,
            core_group: vec![],
            review_due_on: review_due_on.map(day),
            legal_status: None,
        };
        let registration = http::runtime()
            .block_on(store.run::<_, _, _, RegisterError>(
                permit,
                |_| Ok(()),
                move |tx, ()| registrations::add(tx, &region, child_id, &new, "importer"),
            ))
            .expect("an entry");
        registration.to_string()
    }

    /// The store and the region behind the server: for what only the program itself does.
    pub fn inside(&self) -> (Store, Arc<Region>) {
        let App { store, region, .. } = &self.server.as_ref().expect("a running server").app;
        (store.clone(), Arc::clone(region))
    }

    /// Asks, and gets an answer.
    #[track_caller]
    pub fn ask(&self, caller: &Caller, question: &Question) -> Answer {
        self.as_caller(caller).post("/v1/checks", &question.0).expect(201)
    }

    /// Counts how common names and keys are, as the server does now and then.
    pub fn count_names(&self) {
        let App { store, region, .. } = &self.server.as_ref().expect("a running server").app;
        let counted = cofrestr::register::matcher::refresh(store, region.code().as_str(), &region.matcher);
        http::runtime().block_on(counted).expect("a count of names");
    }

    /// Looks for records of one person among those that an import brought, as the server does once a minute.
    pub fn look_for_duplicates(&self) -> usize {
        let App { store, region, .. } = &self.server.as_ref().expect("a running server").app;
        http::runtime().block_on(cofrestr::register::duplicates::work_off(store, region)).expect("a look among the others")
    }

    /// Takes rows in, as `cofrestr import` does.
    pub fn import(&self, rows: &[&[(&str, &str)]]) {
        use cofrestr::register::imports::{self, Cells, Importer, Rules};
        let App { store, region, .. } = &self.server.as_ref().expect("a running server").app;
        let importer = Importer {
            store: store.clone(),
            region: Arc::clone(region),
            user: "tester".into(),
            source: "old-register".into(),
            dry_run: false,
            run: None,
        };
        let rules = Rules::of(region, store.clock().now().date_naive());
        let rows = rows.iter().zip(1..).map(|(row, number)| {
            let cells: Cells = row.iter().copied().collect();
            imports::read(&rules, number, &cells)
        });
        for done in http::runtime().block_on(importer.take(rows.collect())).expect("an import") {
            assert!(done.errors.is_empty(), "row {}: {:?}", done.number, done.errors);
        }
    }

    /// The audit log, oldest entry first.
    pub fn audit(&self) -> Vec<AuditRow> {
        self.database.audit()
    }

    /// The entries of one request.
    pub fn audit_of(&self, answer: &Answer) -> Vec<AuditRow> {
        self.database.audit_of_request(answer.header("x-request-id").expect("a request id"))
    }

    /// Takes note of what is typed about people into a form: it may stand in no log line either.
    pub fn remember_typed(&self, typed: &str) {
        self.personal.lock().unwrap_or_else(PoisonError::into_inner).insert(typed.to_owned());
    }

    /// What may have been said about people, taken from a body that is sent.
    fn remember(&self, body: &Value) {
        const PERSONAL: &[&str] =
            &["given", "middle", "family", "postcode", "nhsNumber", "chiNumber", "hcNumber", "value", "uprn", "callBackNumber"];
        match body {
            Value::Object(items) => {
                for (name, item) in items {
                    match item {
                        Value::String(text) if PERSONAL.contains(&name.as_str()) && text.trim().len() >= 4 => {
                            self.personal.lock().unwrap_or_else(PoisonError::into_inner).insert(text.trim().to_owned());
                        }
                        Value::Array(lines) if name == "lines" => {
                            let mut personal = self.personal.lock().unwrap_or_else(PoisonError::into_inner);
                            personal.extend(lines.iter().filter_map(Value::as_str).filter(|line| line.len() >= 8).map(str::to_owned));
                        }
                        item => self.remember(item),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.remember(item)),
            _ => {}
        }
    }

    /// What holds after every test.
    fn check_what_is_left(&self) {
        let log = logs::since(self.log_mark);
        let audit = self.audit();
        for entry in &audit {
            let mut hashed = vec![0];
            hashed.extend_from_slice(entry.record.as_bytes());
            assert_eq!(digest::digest(&digest::SHA256, &hashed).as_ref(), entry.leaf_hash, "the hash of an audit entry: {}", entry.record);
            let record: Value = serde_json::from_str(&entry.record).expect("a record is JSON");
            assert_eq!(record["operation"], entry.operation.as_str());
            assert_eq!(record["outcome"], entry.outcome.as_str());
            assert_eq!(record["request"], entry.request_id.as_str());
        }
        let keys: Vec<_> = self.keys().public_keys().expect("keys").log.iter().filter_map(PublicKey::bytes).collect();
        let region = Config::from_text(&self.configuration).expect("a configuration").region.code;
        let mut means = Means { origin: Some(note::origin(&region)), keys: &keys, held: &[], progress: &mut |_, _| {} };
        let walk = walk(&self.database.parsed(), &mut means).expect("a readable audit log");
        assert_eq!(walk.fault, None, "the audit log verifies");
        assert_eq!(walk.entries + walk.waiting, audit.len() as u64, "every entry is in the log");
        for value in self.personal.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            assert!(!logs::says(&log, value), "a personal value stands in the log: {value}");
            assert!(!audit.iter().any(|entry| logs::says(&entry.record, value)), "a personal value stands in the audit log: {value}");
        }
        let audited: BTreeSet<_> = audit.iter().map(|entry| entry.request_id.as_str()).collect();
        for (request, status) in self.answered.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Only a database that did not answer may leave a request without its entry, and a flood without valid tokens.
            assert!(
                [503, 429].contains(status) || audited.contains(request.as_str()),
                "the request {request} ({status}) left no entry in the audit log"
            );
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test has failed already; a second panic would only hide why.
            for server in [self.server.take(), self.other.take()].into_iter().flatten() {
                http::runtime().block_on(server.handle.stop(false));
            }
            return;
        }
        self.server.take().expect("a running server").stop();
        if let Some(other) = self.other.take() {
            other.stop();
        }
        self.check_what_is_left();
    }
}

/// The configuration of a test: the demo's, then what every test needs, then what this one wants otherwise.
pub(super) fn configuration_text(folder: &Folder, database: &str, key_set: &str, more: &str) -> String {
    let base: toml::Table = toml::from_str(DEMO).expect("the demo's settings");
    let ours = toml::toml! {
        [region]
        code = "gwent"

        [server]
        bind = "127.0.0.1:0"
        workers = 1
        shutdown_seconds = 2

        [database]
        connections = 4
        wait_ms = 20000

        // The walks over all operations subscribe more often than anybody would.
        [webhooks]
        most = 1000

        // The keeper of the clocks acts only in tests that ask for it.
        [escalation]
        interval_ms = 3600000
    };
    let mut ours = merge(base, ours);
    let table = |ours: &mut toml::Table, name: &str| {
        ours.entry(name).or_insert_with(|| toml::Table::new().into()).as_table_mut().expect("a table").clone()
    };
    let mut keys = table(&mut ours, "keys");
    keys.insert("folder".into(), folder.path().join("keys").display().to_string().into());
    ours.insert("keys".into(), keys.into());
    let mut of_database = table(&mut ours, "database");
    of_database.insert("url".into(), database.into());
    ours.insert("database".into(), of_database.into());
    let mut federation = table(&mut ours, "federation");
    federation.insert("directory_keys".into(), vec![toml::Value::from(super::keeper().public_key())].into());
    ours.insert("federation".into(), federation.into());
    let issuer: toml::Table = [("issuer", ISSUER), ("audience", AUDIENCE), ("jwks_file", key_set)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), toml::Value::from(value)))
        .collect();
    ours.insert("issuers".into(), vec![toml::Value::from(issuer)].into());
    toml::to_string(&merge(ours, toml::from_str(more).expect("settings of a test"))).expect("a configuration")
}

fn merge(mut below: toml::Table, above: toml::Table) -> toml::Table {
    for (name, value) in above {
        let merged = match (below.remove(&name), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above).into(),
            (_, value) => value,
        };
        below.insert(name, merged);
    }
    below
}

/// Somebody who sends requests to a server.
#[derive(Clone)]
pub struct Client<'a> {
    app: &'a TestApp,
    token: Option<String>,
}

impl<'a> Client<'a> {
    /// Reads.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).send()
    }

    /// Creates, with a new idempotency key.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path).key(&Uuid::now_v7().to_string()).json(body).send()
    }

    /// Puts another state in the place of one that was read with an entity tag.
    #[track_caller]
    pub fn put(&self, path: &str, etag: &str, body: &Value) -> Answer {
        self.request(Method::PUT, path).header("if-match", etag).json(body).send()
    }

    /// Changes a resource that was read with an entity tag.
    #[track_caller]
    pub fn change(&self, path: &str, etag: &str, body: &Value) -> Answer {
        self.request(Method::POST, path).key(&Uuid::now_v7().to_string()).header("if-match", etag).json(body).send()
    }

    /// A request to be put together by hand.
    pub fn request(&self, method: Method, path: &str) -> Request<'a> {
        let request =
            Request { app: self.app, method, path: path.to_owned(), headers: HeaderMap::new(), body: None, id: Uuid::now_v7().to_string() };
        match &self.token {
            Some(token) => request.header("authorization", &format!("Bearer {token}")),
            None => request,
        }
    }
}

/// A request.
pub struct Request<'a> {
    app: &'a TestApp,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    id: String,
}

impl Request<'_> {
    /// With another header; one that stands already stands twice then.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let (name, value) = http::header(name, value);
        self.headers.append(name, value);
        self
    }

    /// With an idempotency key.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With a JSON body.
    pub fn json(mut self, body: &Value) -> Self {
        if let (Value::String(rows), true) = (body, self.path.starts_with("/v1/imports")) {
            return self.body(rows.as_str()).header("content-type", "text/csv");
        }
        self.app.remember(body);
        self.body = Some(body.to_string().into_bytes());
        self.header("content-type", "application/json")
    }

    /// With a body that need not be JSON.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends it and waits for the answer. Each request has an identifier of its own unless the test gives one.
    #[track_caller]
    pub fn send(mut self) -> Answer {
        if !self.headers.contains_key("x-request-id") {
            let (name, value) = http::header("x-request-id", &self.id);
            self.headers.insert(name, value);
        }
        let known = self.headers.contains_key("authorization");
        let answer = http::send(&self.method, &self.app.url(&self.path), &self.headers, self.body);
        if self.path.starts_with("/v1") {
            for name in ["ratelimit-policy", "ratelimit"] {
                let said = answer.header(name).is_some_and(|value| value.starts_with("\"requests\";"));
                let over = answer.status == 429;
                // Whoever has only to sign in again is known.
                let again = answer.header("www-authenticate").is_some_and(|header| header.contains("insufficient_user_authentication"));
                assert!(over || said == (known && (again || answer.status != 401)), "{name} of {} ({})", self.path, answer.status);
            }
        }
        check_what_every_answer_has(&self.path, &answer);
        if self.path == "/v1" || self.path.starts_with("/v1/") || self.path.starts_with("/v1?") {
            let id = answer.header("x-request-id").expect("an identifier").to_owned();
            self.app.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer.status);
        }
        answer
    }
}

/// What holds for every answer, whatever was asked.
#[track_caller]
fn check_what_every_answer_has(path: &str, answer: &Answer) {
    for (name, value) in [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")] {
        assert_eq!(answer.header(name), Some(value), "{name} of {path}");
    }
    assert!(answer.header("strict-transport-security").is_some_and(|value| value.starts_with("max-age=")), "{path}");
    assert!(answer.header("content-security-policy").is_some_and(|value| value.starts_with("default-src 'none'")), "{path}");
    assert_eq!(answer.header("server"), None, "{path}");
    for name in ["x-request-id", "x-correlation-id"] {
        assert!(answer.header(name).is_some_and(|id| Uuid::parse_str(id).is_ok()), "{name} of {path}");
    }
    if path.starts_with("/v1") {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert!(matches!(answer.header("content-language"), Some("en" | "cy")), "{path}");
        // Returns have other forms too, which their own tests look at.
        if path.starts_with("/v1/statistics/")
            && matches!(answer.header("content-type"), Some("text/csv; charset=utf-8" | "application/xml"))
        {
            return;
        }
        let kind = if answer.status < 400 { "application/json" } else { "application/problem+json" };
        assert_eq!(answer.header("content-type"), Some(kind), "{path}: {}", answer.body);
        assert!(!has_null(&answer.json()), "an absent value is absent, never null: {}", answer.body);
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(items) => items.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
