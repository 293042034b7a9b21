//! Nothing personal where it does not belong: a child who is nowhere else goes through every operation, as it should be and in
//! every way in which it can fail, and is then searched for in everything that the program says beside its answers.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;

use cofrestr::domain::roles::Role;
use cofrestr::store::connection::DatabaseUrl;
use cofrestr::store::migrations;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::canary::{self, ESCAPED, NAME, PLAIN, found_in};
use crate::support::database::{Backend, TestDatabase};
use crate::support::http::{self, Answer};
use crate::support::operations::{Documented, Example, FIRST, Ground, allowed, documented};
use crate::support::postgres::PostgresServer;
use crate::support::program::Program;
use crate::support::tokens::Caller;

/// The child in an environment: a server that says all it can, and what it was heard to say.
struct Walk<'a> {
    program: &'a Program,
    /// What may hold nothing personal: where it was found, and what.
    leaks: BTreeMap<String, BTreeSet<String>>,
    /// The statuses with which each operation answered.
    seen: BTreeMap<String, BTreeSet<u16>>,
}

/// A request with the child in every header in which a client can put something.
struct Attempt {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Attempt {
    fn new(caller: Option<&Caller>, example: &Example) -> Self {
        let mut attempt = Self { method: example.method.clone(), path: example.path.clone(), headers: HeaderMap::new(), body: None };
        for name in
            ["user-agent", "referer", "cookie", "from", "x-forwarded-for", "tracestate", "baggage", "traceparent", "x-correlation-id"]
        {
            attempt.headers.insert(name, HeaderValue::from_static(PLAIN));
        }
        attempt = attempt.with("accept-language", PLAIN).with("x-name", NAME);
        if let Some(caller) = caller {
            attempt = attempt.with("authorization", &format!("Bearer {}", caller.token()));
        }
        match &example.body {
            Some(body) => attempt.fresh().with("if-match", example.etag).json(body),
            None => attempt,
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    fn to(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    fn by(mut self, method: &str) -> Self {
        self.method = Method::from_bytes(method.as_bytes()).expect("a method");
        self
    }

    fn fresh(self) -> Self {
        self.with("idempotency-key", &format!("{PLAIN}-{}", Uuid::now_v7()))
    }

    fn json(self, body: &Value) -> Self {
        self.with("content-type", "application/json").body(body.to_string())
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }
}

impl Walk<'_> {
    fn search(&mut self, place: &str, text: &str) {
        let found = found_in(text);
        if !found.is_empty() {
            self.leaks.entry(place.to_owned()).or_default().extend(found);
        }
    }

    /// Sends it; a refusal and every header may say nothing of the child.
    fn send(&mut self, what: &str, attempt: Attempt) -> Answer {
        let answer = self.program.send(&attempt.method, &attempt.path, &attempt.headers, attempt.body);
        for (name, value) in &answer.headers {
            self.search(&format!("{what}: header {name}"), &String::from_utf8_lossy(value.as_bytes()));
        }
        if answer.status >= 400 {
            self.search(&format!("{what}: body of {}", answer.status), &answer.body);
            assert!(answer.body.is_empty() || answer.header("content-type") == Some("application/problem+json"), "{what}: {}", answer.body);
        }
        answer
    }

    fn attempt(&mut self, operation: &str, what: &str, attempt: Attempt) -> Answer {
        let answer = self.send(&format!("{operation}, {what}"), attempt);
        self.seen.entry(operation.to_owned()).or_default().insert(answer.status);
        answer
    }

    /// Everything that can be wrong with a request of one operation; and then that nothing is.
    fn operation(&mut self, operation: &str, documented: &Documented, caller: &Caller, anew: &dyn Fn() -> Example) {
        let example = &anew();
        let good = || Attempt::new(Some(caller), example);
        let query = |path: &str| format!("{path}{}name={ESCAPED}&dateOfBirth=27/02/2018", if path.contains('?') { '&' } else { '?' });
        self.attempt(operation, "nobody", Attempt::new(None, example));
        self.attempt(operation, "a token that is none", good().with("authorization", &format!("Bearer {PLAIN}")));
        self.attempt(operation, "two tokens", good().with("authorization", &format!("Basic {NAME}")));
        let allowed = allowed(operation);
        if let Some(role) = Role::ALL.into_iter().find(|role| !allowed.is_empty() && !allowed.contains(role) && *role != Role::Partner) {
            self.attempt(operation, "another role", Attempt::new(Some(&Caller::of_region(role.as_str())), example));
        }
        if documented.path.contains("{id}") {
            for id in [ESCAPED.to_owned(), PLAIN.to_owned(), Uuid::now_v7().to_string()] {
                self.attempt(operation, "another identifier", good().to(&documented.path.replace("{id}", &id)));
            }
        }
        self.attempt(operation, "another method", good().by("DELETE"));
        self.attempt(operation, "a method that is none", good().by("GWYTHYRWEN"));
        self.attempt(operation, "another form of answer", good().with("accept", "application/vnd.pendragwyllt+json"));
        if documented.method == Method::GET {
            self.attempt(operation, "an unknown parameter", good().to(&query(&example.path)));
            for parameter in
                ["cursor", "limit", "reference", "acknowledged", "open", "child", "person", "from", "to", "outcome", "operation"]
            {
                self.attempt(
                    operation,
                    "a wrong parameter",
                    good().to(&format!("{}?{parameter}={ESCAPED}", documented.path.replace("{id}", PLAIN))),
                );
            }
        }
        if let Some(body) = &example.body {
            self.attempt(operation, "a stale tag", good().with("if-match", "\"7\""));
            self.attempt(operation, "a tag that is none", good().with("if-match", &format!("\"{NAME}\"")));
            self.attempt(operation, "no tag", good().without("if-match"));
            // What needs no key would change the fact, which is then gone.
            if !documented.path.contains("{fact}") {
                self.attempt(operation, "no key", good().without("idempotency-key"));
                self.attempt(operation, "a key that is none", good().with("idempotency-key", NAME));
            }
            self.bodies(operation, &good, body);
        }
        let key = format!("{PLAIN}-{operation}");
        // Some of the mistakes were none, and changed what they were about: now with something new.
        let example = &anew();
        let good = || Attempt::new(Some(caller), example);
        let done = self.attempt(operation, "as it should be", good().with("idempotency-key", &key));
        assert!(matches!(done.status, 200 | 201), "{operation}: {}", done.body);
        if let Some(body) = &example.body {
            self.attempt(operation, "again", good().with("idempotency-key", &key));
            let mut other = body.clone();
            other["reasonText"] = json!(NAME);
            self.attempt(operation, "another body under the same key", good().with("idempotency-key", &key).json(&other));
            self.attempt(operation, "once more", good().with("if-match", "*"));
        }
    }

    /// Bodies that are wrong, with the child in the wrong place.
    fn bodies(&mut self, operation: &str, good: &dyn Fn() -> Attempt, body: &Value) {
        let text = body.to_string();
        self.attempt(operation, "far too much", good().body(NAME.repeat(20_000)));
        self.attempt(operation, "another kind of body", good().with("content-type", "text/plain; name=pendragwyllt"));
        self.attempt(operation, "an encoded body", good().with("content-encoding", "pendragwyllt"));
        self.attempt(operation, "half a body", good().body(&text.as_bytes()[..text.len() / 2]));
        self.attempt(operation, "no JSON", good().body(format!("{NAME}, 27/02/2018")));
        for wrong in [json!(NAME), json!([NAME]), json!({NAME: NAME}), json!({"pendragwyllt": "27/02/2018"})] {
            self.attempt(operation, "another shape", good().fresh().with("if-match", "*").json(&wrong));
        }
        let mut places = Vec::new();
        collect(body, String::new(), &mut places);
        for pointer in places {
            // What was done to something once cannot be done to it again: these texts would be right as they are.
            let corrects =
                (operation.starts_with("correct") || operation == "recordBirth") && body.pointer(&pointer).is_some_and(Value::is_string);
            let is_right = ["/reason", "/note"].contains(&pointer.as_str()) && operation != "askCheck" || corrects;
            for wrong in [json!(NAME), json!({NAME: "27.02.2018"}), json!([NAME]), json!(9_991_234_594_u64), json!(format!("{NAME}\u{7}"))]
                .into_iter()
                .skip(usize::from(is_right))
            {
                let mut other = body.clone();
                *other.pointer_mut(&pointer).expect("a place") = wrong;
                self.attempt(operation, &format!("wrong at {pointer}"), good().fresh().with("if-match", "*").json(&other));
            }
        }
    }

    /// What is outside of the document: unknown paths, pages, the sandbox.
    fn outside(&mut self) {
        let custodian = Caller::custodian();
        for path in ["/", "/v1/", "/v1/children/", "/docs/", "/health/", "/.well-known/", "/sandbox/", "/metrics/", "/v1/checks/batch/"] {
            for method in ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CANARY"] {
                for place in [format!("{path}{ESCAPED}"), format!("{path}{PLAIN}?name={ESCAPED}")] {
                    let example = Example { method: Method::GET, path: place, body: None, etag: FIRST };
                    self.send("an unknown path", Attempt::new(Some(&custodian), &example).by(method));
                }
            }
        }
        for body in [format!("{{\"now\": \"{NAME}\"}}"), NAME.to_owned(), format!("{{\"{NAME}\": 1}}")] {
            let example = Example { method: Method::POST, path: "/sandbox/clock".into(), body: None, etag: FIRST };
            let refused = self.send("the sandbox's clock", Attempt::new(None, &example).body(body));
            assert!(refused.status >= 400);
        }
    }

    /// Searches everything that the program has said and left.
    fn everywhere(&mut self) {
        let printed = self.program.printed();
        assert!(printed.contains("TRACE") || printed.contains("DEBUG"), "the server does not say all it can");
        assert!(printed.contains("answered a request"), "the server's log is not where it is looked for");
        // A log has millions of characters: only when something stands in it, it is asked in which line.
        if !found_in(&printed).is_empty() {
            self.search("the log", &printed);
            printed.lines().for_each(|line| self.search(&format!("the log: {line}"), line));
        }
        let token = printed.lines().find(|line| line.contains("eyJ"));
        assert_eq!(token, None, "a token stands in the log");
        for path in self.program.files() {
            self.search("the name of a file", &path.display().to_string());
        }
        for path in [
            "/metrics",
            "/openapi.json",
            "/openapi.yaml",
            "/docs/",
            "/docs/swagger-initializer.js",
            "/.well-known/jwks.json",
            "/health/ready",
        ] {
            let example = Example { method: Method::GET, path: path.into(), body: None, etag: FIRST };
            let answer = self.send(path, Attempt::new(None, &example));
            self.search(path, &answer.body);
        }
        let auditor = Caller::of_region("auditor");
        let mut next = Some("/v1/audit?limit=200".to_owned());
        let mut exported = 0;
        while let Some(path) = next {
            let page = self.program.get(&path, &auditor).expect(200);
            self.search("the exported audit log", &page.body);
            exported += page.list("/items").len();
            next = page.at("/links/next").as_str().map(str::to_owned);
        }
        assert!(exported > 200, "only {exported} entries");
        for columns in AUDIT {
            for row in self.program.database().texts(columns) {
                self.search(&format!("the audit log: {columns}"), &row);
            }
        }
    }
}

/// The texts of the audit log as they stand in the database.
const AUDIT: [&str; 3] = [
    "SELECT record AS value FROM audit_entry",
    "SELECT operation || outcome || COALESCE(code, '') || COALESCE(subject, '') || COALESCE(client, '') || COALESCE(role, '')
        || COALESCE(organisation, '') || COALESCE(reason, '') AS value FROM audit_entry",
    "SELECT note AS value FROM audit_checkpoint",
];

/// The places of all values in a body.
fn collect(value: &Value, pointer: String, places: &mut Vec<String>) {
    match value {
        Value::Object(items) => items.iter().for_each(|(name, item)| collect(item, format!("{pointer}/{name}"), places)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| collect(item, format!("{pointer}/{index}"), places)),
        _ => {}
    }
    if !pointer.is_empty() {
        places.push(pointer);
    }
}

/// A database, and the server under it when it is one's own.
struct Ours {
    database: Arc<TestDatabase>,
    postgres: Option<PostgresServer>,
}

impl Ours {
    fn new(kind: Backend) -> Self {
        match kind {
            Backend::Sqlite => Self { database: Arc::new(TestDatabase::migrated(kind)), postgres: None },
            Backend::Postgres => {
                let server = PostgresServer::private();
                let url = server.create_database();
                migrations::run(&DatabaseUrl::parse(&url).expect("a usable URL")).expect("a migrated database");
                Self { database: Arc::new(TestDatabase::of(&url)), postgres: Some(server) }
            }
        }
    }
}

fn walk(kind: Backend, format: &str) {
    let ours = Ours::new(kind);
    let settings = format!("[log]\nlevel = \"trace\"\nformat = \"{format}\"\n[audit]\ncheckpoint_ms = 100\n[database]\nwait_ms = 500");
    let program = Program::start(Arc::clone(&ours.database), &settings);
    let send = |caller: &Caller, path: &str, body: Option<&Value>| match body {
        Some(body) => program.post(path, Some(caller), body),
        None => program.get(path, caller),
    };
    let (child, question) = (|_| canary::child(), |_| canary::question());
    // A nurse asks for herself.
    let own_question = |_| {
        let mut question = canary::question();
        question.as_object_mut().expect("an object").remove("onBehalfOf");
        question
    };
    let (ground, asking) = (Ground::new(&send, &child, &own_question), Ground::new(&send, &child, &question));
    let document = program.send(&Method::GET, "/openapi.json", &HeaderMap::new(), None).json();
    let documented = documented(&document);
    let mut walk = Walk { program: &program, leaks: BTreeMap::new(), seen: BTreeMap::new() };

    for (operation, documented) in &documented {
        let caller = match operation.as_str() {
            "publishDirectory" => Caller::of_region("operator"),
            "addDeparture" => Caller::of_region("senior-safeguarding-manager"),
            operation if ["Revocation", "Client", "Message"].iter().any(|what| operation.contains(what)) => Caller::of_region("operator"),
            "breakGlass" => Caller::of_region("team-manager"),
            _ => Caller::custodian(),
        };
        let ground = if operation.starts_with("ask") { &asking } else { &ground };
        // Free texts name the child too: they may stand in the answer, and nowhere else.
        walk.operation(operation, documented, &caller, &|| with_free_texts(operation, ground.example(operation, &caller)));
        let expected: BTreeSet<u16> =
            documented.statuses.iter().copied().filter(|status| ![202, 409, 429, 500, 503].contains(status)).collect();
        let missing: BTreeSet<_> = expected.difference(&walk.seen[operation]).collect();
        assert!(missing.is_empty(), "{operation} was not seen to answer {missing:?}, only {:?}", walk.seen[operation]);
    }
    let seen: BTreeSet<u16> = walk.seen.values().flatten().copied().collect();
    assert!([200, 201, 400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428].iter().all(|status| seen.contains(status)), "{seen:?}");
    walk.outside();

    // The search can find: the record of the child is an answer in which they belong.
    let record = ground.example("readChild", &Caller::custodian());
    let answer = program.get(&record.path, &Caller::custodian()).expect(200);
    assert_eq!(found_in(&answer.body), canary::everything(), "the search misses something of the record: {}", answer.body);

    broken(&mut walk, &ours);
    walk.everywhere();
    assert_eq!(walk.leaks, BTreeMap::new(), "the child stands where they do not belong");
}

/// The example with the child in every text that a person writes.
fn with_free_texts(operation: &str, mut example: Example) -> Example {
    if let Some(body) = &mut example.body {
        for name in ["reason", "note", "evidence", "reasons", "chair"] {
            // Of a check the reason is a code; of a revocation it is nothing about a child.
            if body.get(name).is_some() && !operation.starts_with("ask") && operation != "addRevocation" {
                body[name] = json!(format!("{NAME}, born 27/02/2018, Ysgol Glanyrafon Ddirgel"));
            }
        }
        if operation == "addConference" {
            let said = format!("{NAME} lives at 77 Stryd Dirgelwch");
            body["attendance"] = json!([{"name": "Iolanthyn Brackenshaw", "agency": "Ysgol Glanyrafon Ddirgel", "attendance": "attended"}]);
            body["quorumReason"] = json!(said);
            for name in ["dissent", "reasons", "evidence"] {
                body["decisions"][0][name] = json!(said);
            }
            body["decisions"][0]["views"] = json!({"child": said, "parents": said, "childHow": "Thessalonike Varnhagen asked"});
        }
        if operation == "addRegistration" {
            body["coordinator"]["name"] = json!("Thessalonike Varnhagen");
            body["coordinator"]["phone"] = json!("01632 960977");
            body["coreGroup"] = json!([{"name": "Iolanthyn Brackenshaw", "agency": "Ysgol Glanyrafon Ddirgel", "role": "Teacher"}]);
        }
    }
    example
}

/// A database that refuses, that has lost a table, that is locked or away: the messages of databases quote what they were given.
fn broken(walk: &mut Walk<'_>, ours: &Ours) {
    let custodian = Caller::custodian();
    let post = |path: &str, body: Value| {
        Attempt::new(Some(&custodian), &Example { method: Method::POST, path: path.into(), body: Some(body), etag: FIRST })
    };
    let execute = |sql: &str| ours.database.execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let failed = |walk: &mut Walk<'_>, status: u16| {
        for (path, body) in [("/v1/children", canary::child()), ("/v1/checks", canary::question())] {
            let answer = walk.send("a broken database", post(path, body));
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
        }
    };
    if ours.postgres.is_some() {
        // PostgreSQL quotes the whole row against which it protests.
        execute("ALTER TABLE child_name ADD CONSTRAINT refused CHECK (family <> 'Pendragwyllt') NOT VALID");
        execute("ALTER TABLE enquiry ADD CONSTRAINT refused CHECK (length(question) < 10) NOT VALID");
        failed(walk, 500);
        execute("ALTER TABLE child_name DROP CONSTRAINT refused; ALTER TABLE enquiry DROP CONSTRAINT refused");
    } else {
        execute("CREATE TRIGGER refused_name BEFORE INSERT ON child_name BEGIN SELECT RAISE(ABORT, 'CHECK failed'); END");
        execute("CREATE TRIGGER refused_enquiry BEFORE INSERT ON enquiry BEGIN SELECT RAISE(ABORT, 'CHECK failed'); END");
        failed(walk, 500);
        execute("DROP TRIGGER refused_name; DROP TRIGGER refused_enquiry");
    }
    for (table, away) in [("child_name", "name_away"), ("enquiry", "enquiry_away")] {
        execute(&format!("ALTER TABLE {table} RENAME TO {away}"));
    }
    failed(walk, 500);
    for (table, away) in [("child_name", "name_away"), ("enquiry", "enquiry_away")] {
        execute(&format!("ALTER TABLE {away} RENAME TO {table}"));
    }
    match &ours.postgres {
        Some(server) => {
            server.stop();
            failed(walk, 503);
            server.start();
        }
        None => {
            // SQLite waits ten seconds for a lock, for each request.
            let held = ours.database.hold();
            let refused = walk.send("a locked database", post("/v1/checks", canary::question()));
            assert_eq!(refused.status, 503, "{}", refused.body);
            drop(held);
        }
    }
    failed(walk, 201);
}

// What is said does not depend on how it is written down: each database, and each way of writing.

#[test]
fn a_child_who_goes_through_everything_on_sqlite_stands_in_no_text_log() {
    walk(Backend::Sqlite, "text");
}

#[test]
fn a_child_who_goes_through_everything_on_postgres_stands_in_no_json_log() {
    walk(Backend::Postgres, "json");
}

/// What the process below does: panic with the child in the text.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn panics() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    cofrestr::cli::keep_panics_quiet();
    let defect = std::thread::spawn(|| panic!("{NAME} was not expected here")).join();
    assert!(defect.is_err());
}

#[test]
fn a_panic_says_where_and_nothing_else() {
    let run = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "canary::panics", "--ignored", "--nocapture"])
        .output()
        .expect("a process");
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    assert!(said.contains("a thread panicked") && said.contains("tests/canary.rs"), "{said}");
    assert_eq!(found_in(&said), BTreeSet::new(), "{said}");
}

#[test]
fn a_leak_is_found_where_it_is() {
    let program = Program::start(Arc::new(TestDatabase::migrated(Backend::Sqlite)), "[log]\nlevel = \"info\"");
    let mut walk = Walk { program: &program, leaks: BTreeMap::new(), seen: BTreeMap::new() };
    walk.search("a line", "nothing");
    assert!(walk.leaks.is_empty());
    walk.search("a line", "answered GET /v1/children/Gwythyrw%C3%AAn");
    assert_eq!(walk.leaks["a line"].len(), 1);
    let request = Attempt::new(None, &Example { method: Method::GET, path: "/health/live".into(), body: None, etag: FIRST });
    let sent: Vec<_> = request.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    assert!(sent.iter().filter(|value| !found_in(value).is_empty()).count() >= 9, "the child stands in the headers that are sent");
    assert_eq!(http::send(&Method::GET, &format!("http://{}/health/live", program.address()), &request.headers, None).status, 200);
}
