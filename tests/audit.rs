//! The audit log and receipts: everything is in the log and provable, and nobody changes it unnoticed.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cofrestr::authz::policy::action::AskCheck;
use cofrestr::authz::{Context, Principal, Scope, decide};
use cofrestr::domain::roles::Role;
use cofrestr::register::RegisterError;
use cofrestr::register::keys::{KeyFolder, LogSigner, PublicKey, PublicKeys};
use cofrestr::register::receipts;
use cofrestr::register::tasks::{self, Kind};
use cofrestr::store::merkle::{self, Hash};
use cofrestr::store::verify::{Fault, Means, Tampering, Walk, walk};
use cofrestr::store::{Sizes, Store, note};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::TestApp;
use crate::support::database::{Backend, Folder, TestDatabase};
use crate::support::http::Answer;
use crate::support::people::{Child, Entry, Question};
use crate::support::tokens::{Caller, NEWPORT, TORFAEN};
use crate::support::{http, logs, on_both, on_both_databases};

/// Checkpoints as often as they may be, so that tests do not wait.
pub const SOON: &str = "[audit]\ncheckpoint_ms = 100";

/// A question about a child who is on no register.
fn nobody() -> Question {
    Question::about("Osgar", "Ffowcs").born("2012-01-05").sex("male")
}

fn log_keys(keys: &PublicKeys) -> Vec<Vec<u8>> {
    keys.log.iter().filter_map(PublicKey::bytes).collect()
}

fn published(app: &TestApp) -> PublicKeys {
    serde_json::from_str(&app.anonymous().get("/.well-known/jwks.json").expect(200).body).expect("a key set")
}

#[track_caller]
fn walked(database: &TestDatabase, keys: &[Vec<u8>], held: &[String]) -> Walk {
    let mut means = Means { origin: Some(note::origin("gwent")), keys, held, progress: &mut |_, _| {} };
    walk(&database.parsed(), &mut means).expect("a readable log")
}

#[track_caller]
fn fault(database: &TestDatabase, keys: &[Vec<u8>]) -> Fault {
    walked(database, keys, &[]).fault.expect("a fault")
}

/// The proof of an entry, once a checkpoint covers it.
#[track_caller]
fn proof(app: &TestApp, entry: &str) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = app.as_caller(&Caller::of_region("auditor")).get(&format!("/v1/audit/proof/{entry}"));
        if answer.status != 202 {
            return answer.expect(200);
        }
        assert_eq!(answer.text("/status"), "pending");
        assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok()));
        assert!(begun.elapsed() < Duration::from_secs(30), "no checkpoint comes to cover {entry}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn hash(value: &Value) -> Hash {
    hex::decode(value.as_str().expect("a hash")).expect("hexadecimal").try_into().expect("32 bytes")
}

fn hashes(answer: &Answer) -> Vec<Hash> {
    answer.list("/hashes").iter().map(hash).collect()
}

on_both!(every_access_is_in_the_log_and_provable_however_it_ended, crate::audit::SOON);
fn every_access_is_in_the_log_and_provable_however_it_ended(app: &TestApp) {
    app.register(&Child::usual());
    let question = Question::usual();
    let granted = app.ask(&Caller::health(), &question);
    let empty = app.ask(&Caller::health(), &nobody());
    let refused = app.as_caller(&Caller::of_region("statistics")).post("/v1/checks", &question.0).problem(403, "operation-not-allowed");
    let anonymous = app.anonymous().get("/v1/audit").problem(401, "unauthenticated");
    let failed = app.health().post("/v1/checks", &json!({"reason": "referral", "child": {}})).expect(422);
    let unknown = app.health().get(&format!("/v1/checks/{}", Uuid::now_v7())).problem(404, "not-found");

    let keys = published(app);
    let auditor = app.as_caller(&Caller::of_region("auditor"));
    let all = auditor.get("/v1/audit?limit=200").expect(200);
    for (answer, outcome) in [
        (&granted, "granted"),
        (&empty, "empty"),
        (&refused, "refused"),
        (&anonymous, "refused"),
        (&failed, "failed"),
        (&unknown, "refused"),
    ] {
        let request = answer.header("x-request-id").expect("a request id");
        let entries = all.list("/items");
        let entry = entries.iter().find(|entry| entry["requestId"] == request).expect("an entry");
        assert_eq!(entry["outcome"], outcome, "{entry}");
        assert_eq!(entry.get("actor").is_some(), request != anonymous.header("x-request-id").unwrap());

        // From the record to the signed checkpoint, with nothing but what was given out.
        let leaf = merkle::leaf(entry["record"].as_str().expect("a record").as_bytes());
        assert_eq!(hash(&entry["leafHash"]), leaf);
        let proof = proof(app, entry["id"].as_str().unwrap());
        let checkpoint = note::open(&proof.text("/checkpoint/note"), &log_keys(&keys)).expect("a signed checkpoint");
        assert_eq!(checkpoint.origin, "cofrestr/gwent/audit");
        assert_eq!(hash(&proof.at("/checkpoint/rootHash")), checkpoint.root);
        let index = proof.at("/leafIndex").as_u64().unwrap();
        assert!(merkle::includes(&leaf, index, checkpoint.size, &hashes(&proof), &checkpoint.root));
        assert!(!merkle::includes(&merkle::leaf(b"{}"), index, checkpoint.size, &hashes(&proof), &checkpoint.root));
    }
    let walk = walked(app.database(), &log_keys(&keys), &[]);
    assert_eq!(walk.fault, None);
    assert!(walk.checkpoints > 0 && walk.questions == 2 && walk.forgotten == 0, "{walk:?}");
}

on_both!(the_log_is_searched_by_child_person_period_outcome_and_operation, crate::audit::SOON);
fn the_log_is_searched_by_child_person_period_outcome_and_operation(app: &TestApp) {
    let entered = app.register(&Child::usual());
    let other = app.register(&Child::named("Osian", "Llywelyn").born("2015-02-03").of(TORFAEN));
    app.ask(&Caller::health(), &Question::usual());
    let odd = Caller::police().named("officer 7+/#&=?%");
    app.ask(&odd, &nobody());
    let auditor = app.as_caller(&Caller::of_region("auditor"));
    let get = |query: &str| auditor.get(&format!("/v1/audit?limit=200{query}")).expect(200).list("/items");

    let about = get(&format!("&child={}", entered.child));
    assert!(about.len() >= 3, "entered, registered, asked about");
    assert!(about.iter().all(|entry| entry["childIds"].as_array().unwrap().contains(&json!(entered.child))));
    assert!(about.iter().any(|entry| entry["operation"] == "askCheck" && entry["reason"].is_string() && entry["checkId"].is_string()));
    assert!(!about.iter().any(|entry| entry["childIds"].as_array().unwrap().contains(&json!(other.child))));

    let by_person = get("&person=officer%207%2B%2F%23%26%3D%3F%25");
    assert_eq!(by_person.len(), 1);
    assert_eq!(by_person[0]["actor"]["subject"], odd.subject());
    assert_eq!(get("&outcome=empty&operation=askCheck").len(), 1);

    let first = get("").pop().expect("entries");
    let at = first["recordedAt"].as_str().unwrap();
    assert!(get(&format!("&to={at}")).is_empty(), "`to` is not included");
    assert!(get(&format!("&from={at}")).iter().any(|entry| entry["id"] == first["id"]), "`from` is included");
    assert!(get("&from=2999-01-01T00:00:00Z").is_empty());
    for wrong in ["outcome=maybe", "operation=x", "child=1", "from=yesterday", "to=2026", "limit=0", "name=Gwenllian", "cursor=x"] {
        auditor.get(&format!("/v1/audit?{wrong}")).problem(400, "malformed-query");
    }

    // The pages join, with their filters.
    let mut path = "/v1/audit?limit=1&person=officer%207%2B%2F%23%26%3D%3F%25".to_owned();
    app.ask(&odd, &nobody());
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let page = auditor.get(&path).expect(200);
        assert_eq!(page.text("/items/0/actor/subject"), odd.subject());
        assert!(seen.insert(page.text("/items/0/id")), "an entry stands on two pages");
        path = page.at("/links/next").as_str().unwrap_or_default().to_owned();
    }
    assert_eq!(path, "", "the last page has no next");

    let looked = app.audit().into_iter().filter(|entry| entry.operation == "listAudit").count();
    assert!(looked > 8, "looking at the log is in the log");
}

on_both!(of_the_log_everybody_sees_their_own_area, crate::audit::SOON);
fn of_the_log_everybody_sees_their_own_area(app: &TestApp) {
    let coordinator = Caller::coordinator();
    let mut entry = Entry::of(NEWPORT);
    entry.0["coordinator"] = json!({"name": "Carys Mathias", "person": coordinator.key()});
    let case = app.register_with(&Child::usual(), entry);
    let newport = app.register(&Child::named("Osian", "Llywelyn").born("2015-02-03"));
    let torfaen = app.register(&Child::named("Mali", "Cadwaladr").born("2014-07-08").of(TORFAEN));
    let children = |caller: &Caller| -> BTreeSet<String> {
        let items = app.as_caller(caller).get("/v1/audit?limit=200").expect(200).list("/items");
        items.iter().flat_map(|entry| entry["childIds"].as_array().unwrap().clone()).map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    let all = set(&[&case.child, &newport.child, &torfaen.child]);
    assert_eq!(children(&Caller::of_region("auditor")), all);
    assert_eq!(children(&Caller::custodian()), all);
    assert_eq!(children(&Caller::of_authority("custodian", TORFAEN)), set(&[&torfaen.child]));
    assert_eq!(children(&Caller::of_authority("custodian", NEWPORT)), set(&[&case.child, &newport.child]));
    assert_eq!(children(&coordinator), set(&[&case.child]));

    let entries =
        app.as_caller(&Caller::of_region("auditor")).get(&format!("/v1/audit?child={}", torfaen.child)).expect(200).list("/items");
    let foreign =
        entries.iter().find(|entry| entry["operation"] == "addRegistration").expect("an entry")["id"].as_str().unwrap().to_owned();
    for caller in [&coordinator, &Caller::of_authority("custodian", "W06000018")] {
        app.as_caller(caller).get(&format!("/v1/audit/proof/{foreign}")).problem(404, "not-found");
    }
    for caller in [Caller::health(), Caller::emergency_duty(), Caller::of_region("operator"), Caller::of_region("team-manager")] {
        for path in ["/v1/audit", "/v1/audit/checkpoint", "/v1/audit/consistency?from=0"] {
            app.as_caller(&caller).get(path).problem(403, "operation-not-allowed");
        }
    }
    let seen = app.as_caller(&coordinator).get("/v1/audit").expect(200).list("/items");
    assert!(seen.iter().all(|entry| entry.get("record").is_none()), "a record names other children too");
}

on_both!(two_checkpoints_are_proved_to_be_of_one_growing_log, crate::audit::SOON);
fn two_checkpoints_are_proved_to_be_of_one_growing_log(app: &TestApp) {
    let auditor = app.as_caller(&Caller::of_region("auditor"));
    let keys = log_keys(&published(app));
    let latest = || note::open(&auditor.get("/v1/audit/checkpoint").expect(200).text("/note"), &keys).expect("a checkpoint");
    let mut checkpoints = vec![latest()];
    while checkpoints.len() < 4 {
        for _ in 0..3 {
            app.ask(&Caller::health(), &nobody());
        }
        std::thread::sleep(Duration::from_millis(300));
        let next = latest();
        if next.size > checkpoints.last().unwrap().size {
            checkpoints.push(next);
        }
    }
    for (number, from) in checkpoints.iter().enumerate() {
        for to in &checkpoints[number..] {
            let proof = auditor.get(&format!("/v1/audit/consistency?from={}&to={}", from.size, to.size)).expect(200);
            assert_eq!((hash(&proof.at("/fromRootHash")), hash(&proof.at("/toRootHash"))), (from.root, to.root));
            assert!(merkle::extends((from.size, &from.root), (to.size, &to.root), &hashes(&proof)));
            if from.size > 0 && from.size < to.size {
                assert!(!merkle::extends((from.size, &[0; 32]), (to.size, &to.root), &hashes(&proof)));
            }
        }
    }
    for wrong in ["", "?from=x", "?from=2&to=1", "?from=0&to=999999", "?from=-1", "?to=1"] {
        auditor.get(&format!("/v1/audit/consistency{wrong}")).problem(400, "malformed-query");
    }
}

fn program(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cofrestr")).args(arguments).output().expect("the program");
    (output.status.success(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

on_both!(a_receipt_proves_with_public_keys_alone_what_was_asked_and_answered, crate::audit::SOON);
fn a_receipt_proves_with_public_keys_alone_what_was_asked_and_answered(app: &TestApp) {
    app.register(&Child::usual());
    let question = Question::usual();
    let check = app.ask(&Caller::health(), &question);
    let receipt = check.text("/receipt");
    // Two rotations later: the keys that the region publishes still prove it.
    let folder = app.keys();
    let now = chrono::Utc::now();
    for _ in 0..2 {
        let used = folder.public_keys().expect("keys").keys[0].kid.clone();
        folder.rotate_from(now, now).expect("a new key");
        folder.retire_at(&used, now + chrono::TimeDelta::seconds(1)).expect("the old key goes");
    }
    let keys = folder.public_keys().expect("keys");
    assert_eq!(keys.keys.len(), 3);
    let verified = receipts::verify(&receipt, &keys).expect("a receipt");
    assert!(verified.claims.is_for(&check.json()));
    let entry = app.audit_of(&check).pop().expect("the entry");
    assert_eq!(verified.claims.leaf, hex::encode(&entry.leaf_hash), "the receipt names the hash of the entry");
    let proof = proof(app, &verified.claims.audit);
    assert_eq!(proof.text("/leafHash"), verified.claims.leaf);

    let files = Folder::new();
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let (whole, bare) = (file("check.json", &check.body), file("receipt.jws", &receipt));
    let (asked, proved) = (file("question.json", &question.0.to_string()), file("proof.json", &proof.body));
    let published = file("keys.json", &serde_json::to_string(&keys).unwrap());
    for receipt in [&whole, &bare] {
        let (verifies, said) = program(&["receipt", "verify", receipt, "--keys", &published, "--question", &asked, "--proof", &proved]);
        assert!(verifies, "{said}");
        assert!(said.contains("the question is the one that was asked") && said.contains("of the audit log"), "{said}");
    }
    let mut other = check.json();
    other["outcome"] = json!("not-on-register");
    let mut fewer = check.json();
    fewer["matches"] = json!([]);
    let foreign = app.ask(&Caller::police(), &nobody());
    let mut exchanged = check.json();
    exchanged["receipt"] = json!(foreign.text("/receipt"));
    for changed in [other, fewer, exchanged] {
        let (verifies, said) = program(&["receipt", "verify", &file("changed.json", &changed.to_string()), "--keys", &published]);
        assert!(!verifies && said.contains("is not the one that was given"), "{said}");
    }
    let another = file("another.json", &nobody().0.to_string());
    assert!(!program(&["receipt", "verify", &bare, "--keys", &published, "--question", &another]).0);
    let theirs = file("theirs.jws", &foreign.text("/receipt"));
    assert!(!program(&["receipt", "verify", &theirs, "--keys", &published, "--proof", &proved]).0, "the proof of another check");
    let mut cut = receipt.clone();
    cut.replace_range(cut.len() - 6..cut.len() - 4, "AA");
    assert!(!program(&["receipt", "verify", &file("cut.jws", &cut), "--keys", &published]).0);

    let (verifies, said) = program(&["audit", "verify", "--database", app.database().url(), "--keys", &published]);
    assert!(verifies && said.contains("the audit log verifies"), "{said}");
}

on_both!(a_commitments_key_can_be_destroyed_and_the_log_stays_whole, crate::audit::SOON);
fn a_commitments_key_can_be_destroyed_and_the_log_stays_whole(app: &TestApp) {
    let check = app.ask(&Caller::health(), &nobody());
    let other = app.ask(&Caller::police(), &nobody());
    let record = |answer: &Answer| app.audit_of(answer).pop().expect("an entry").record;
    let commitment = |answer: &Answer| -> String {
        let record: Value = serde_json::from_str(&record(answer)).unwrap();
        let found = record["detail"].as_array().unwrap().iter().find(|detail| detail[0] == "question").expect("a commitment").clone();
        found[1].as_str().unwrap().rsplit_once(':').unwrap().1.to_owned()
    };
    assert_ne!(commitment(&check), commitment(&other), "the same question is committed to with another key");
    let keys = log_keys(&published(app));
    assert_eq!(walked(app.database(), &keys, &[]).questions, 2);
    app.database().execute("UPDATE audit_commitment SET key = key").expect_err("a key is never changed");
    // It goes with the question, as what is kept no longer does. One without the other is somebody's work.
    let entry = |answer: &Answer| -> String {
        let record: Value = serde_json::from_str(&record(answer)).unwrap();
        record["id"].as_str().expect("an identifier").to_owned()
    };
    let fault = || walked(app.database(), &keys, &[]).fault.map(|fault| (fault.tampering, fault.entry));
    let destroy = |answer: &Answer| format!("DELETE FROM audit_commitment WHERE CAST(entry_id AS TEXT) = '{}'", entry(answer));
    app.database().execute(&destroy(&check)).expect("it may be destroyed");
    assert_eq!(fault(), Some((Tampering::Removed, Some(entry(&check)))), "the question without its key");
    let forget = |answer: &Answer| {
        app.database().execute("DELETE FROM task_evidence; DELETE FROM task").expect("tasks go");
        for table in ["enquiry_mark", "enquiry_key", "enquiry_match", "check_waiting", "notice", "enquiry"] {
            let column = if table == "enquiry" { "id" } else { "enquiry_id" };
            let gone = format!("DELETE FROM {table} WHERE CAST({column} AS TEXT) = '{}'", answer.text("/id"));
            app.database().execute(&gone).unwrap_or_else(|error| panic!("{table}: {error}"));
        }
    };
    forget(&check);
    let walk = walked(app.database(), &keys, &[]);
    assert_eq!((walk.fault, walk.questions, walk.forgotten), (None, 1, 1));
    forget(&other);
    assert_eq!(fault(), Some((Tampering::Removed, Some(entry(&other)))), "the key without its question");
    app.database().execute(&destroy(&other)).expect("it may be destroyed");
    let walk = walked(app.database(), &keys, &[]);
    assert_eq!((walk.fault, walk.questions, walk.forgotten), (None, 0, 2));
}

// What follows does to the database what only its administrator could.

/// A log with something of everything: granted, empty, refused and failed entries, children, commitments, more than one
/// checkpoint, and on PostgreSQL one entry that waits for its place.
fn a_log(kind: Backend) -> (Arc<TestDatabase>, PublicKeys) {
    let database = Arc::new(TestDatabase::migrated(kind));
    let app = TestApp::on(Arc::clone(&database), SOON);
    app.register(&Child::usual());
    app.ask(&Caller::health(), &Question::usual());
    std::thread::sleep(Duration::from_millis(400));
    app.ask(&Caller::police(), &nobody());
    app.health().get("/v1/audit").problem(403, "operation-not-allowed");
    app.health().post("/v1/checks", &json!({})).expect(422);
    let last = app.ask(&Caller::health(), &Question::usual());
    let record: Value = serde_json::from_str(&app.audit_of(&last).pop().expect("an entry").record).expect("JSON");
    proof(&app, record["id"].as_str().expect("an identifier"));
    let keys = published(&app);
    // Until a checkpoint covers what was looked at on the way, too.
    std::thread::sleep(Duration::from_millis(600));
    drop(app);
    if kind == Backend::Postgres {
        // Nobody sequences any more: this one waits.
        http::runtime().block_on(raise(&open(&database))).expect("kept");
    }
    let walk = walked(&database, &log_keys(&keys), &[]);
    assert_eq!(walk.fault, None);
    assert!(walk.entries > 8 && walk.checkpoints > 1 && walk.questions == 3, "{walk:?}");
    assert_eq!((walk.waiting, walk.uncovered), (u64::from(kind == Backend::Postgres), 0));
    lay_open(&database, kind);
    (database, keys)
}

fn open(database: &TestDatabase) -> Store {
    logs::keep();
    Store::open(&database.parsed(), Sizes { connections: 6, wait: Duration::from_secs(30) }, Arc::default()).expect("an open store")
}

async fn raise(store: &Store) -> Result<(), RegisterError> {
    let somebody = Arc::new(Principal {
        issuer: "https://login.example.test".into(),
        subject: "somebody".into(),
        name: None,
        client: None,
        role: Role::Custodian,
        sector: None,
        scope: Scope::Region("gwent".into()),
        organisation: None,
        family_name: None,
        postcode: None,
        signed_in_at: None,
    });
    let id = Uuid::now_v7();
    let permit = decide::<AskCheck>(&somebody, Context { request_id: id, correlation_id: id }).expect("a permit");
    store.run(permit, |_| Ok(()), |tx, ()| tasks::raise(tx, Kind::RepeatEnquiry, "gwent", None, None, None).map(|_| ())).await
}

const TABLES: &[(&str, &[&str])] = &[
    (
        "audit_entry",
        &[
            "id",
            "recorded_at",
            "operation",
            "outcome",
            "code",
            "subject",
            "client",
            "role",
            "organisation",
            "reason",
            "enquiry_id",
            "request_id",
            "correlation_id",
            "record",
            "leaf_hash",
        ],
    ),
    ("audit_child", &["child_id", "entry_id"]),
    ("audit_pending", &["entry_id"]),
    ("audit_leaf", &["leaf_index", "entry_id", "leaf_hash", "chain"]),
    ("audit_node", &["level", "position", "hash"]),
    ("audit_checkpoint", &["size", "root", "signed_at", "note"]),
    ("audit_commitment", &["entry_id", "key"]),
    ("enquiry", &["question"]),
];

/// Takes away what keeps the tables from being changed.
fn lay_open(database: &TestDatabase, kind: Backend) {
    match kind {
        Backend::Sqlite => {
            let triggers = database.texts("SELECT name AS value FROM sqlite_master WHERE type = 'trigger'");
            for trigger in triggers {
                database.execute(&format!("DROP TRIGGER {trigger}")).expect("an open table");
            }
        }
        Backend::Postgres => {
            let checks = database.texts(
                "SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', conrelid::regclass, conname) AS value FROM pg_constraint
                 WHERE contype IN ('c', 'f') AND conrelid::regclass::text LIKE 'audit%' AND connamespace = 'public'::regnamespace",
            );
            for check in checks {
                database.execute(&check).expect("an open table");
            }
        }
    }
}

/// Runs a statement against which nothing protects the log.
fn tamper(database: &TestDatabase, kind: Backend, sql: &str) -> Result<(), String> {
    match kind {
        Backend::Sqlite => database.execute(&format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {sql}")),
        Backend::Postgres => database.execute(&format!("SET session_replication_role = replica; {sql}")),
    }
}

/// One value in the store: its place, its kind (`text`, `bytes` or `number`), its bytes.
struct Cell {
    /// What addresses the row: the values of its key.
    row: String,
    kind: String,
    bytes: Vec<u8>,
}

fn cells(database: &TestDatabase, kind: Backend, table: &'static str, column: &'static str) -> Vec<Cell> {
    let key: &[&str] = match table {
        "audit_child" => &["child_id", "entry_id"],
        "audit_node" => &["level", "position"],
        "audit_entry" | "enquiry" => &["id"],
        "audit_leaf" => &["leaf_index"],
        "audit_checkpoint" => &["size"],
        _ => &["entry_id"],
    };
    let sql = match kind {
        Backend::Sqlite => {
            let row: Vec<_> = key.iter().map(|key| format!("'{key} = ' || quote({key})")).collect();
            format!(
                "SELECT typeof({column}) || '|' || hex(CAST({column} AS BLOB)) || '|' || {} AS value FROM {table} WHERE {column} IS NOT NULL",
                row.join(" || ' AND ' || ")
            )
        }
        Backend::Postgres => {
            let row: Vec<_> = key.iter().map(|key| format!("'{key} = ' || quote_literal({key})")).collect();
            format!(
                "SELECT pg_typeof({column})::text || '|' || CASE WHEN pg_typeof({column})::text = 'bytea' THEN substr({column}::text, 3)
                        ELSE encode(convert_to({column}::text, 'UTF8'), 'hex') END || '|' || {} AS value FROM {table} WHERE {column} IS NOT NULL",
                row.join(" || ' AND ' || ")
            )
        }
    };
    database
        .texts(&sql)
        .into_iter()
        .map(|text| {
            let mut parts = text.splitn(3, '|');
            let (kind, bytes, row) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            Cell { row: row.to_owned(), kind: kind.to_owned(), bytes: hex::decode(bytes).expect("hexadecimal") }
        })
        .collect()
}

impl Cell {
    /// A value as SQL; nothing when the column cannot hold it.
    fn literal(&self, kind: Backend, bytes: &[u8]) -> Option<String> {
        let hex = hex::encode(bytes);
        match (kind, self.kind.as_str()) {
            (Backend::Sqlite, "text") => Some(format!("CAST(x'{hex}' AS TEXT)")),
            (Backend::Sqlite, "blob") => Some(format!("x'{hex}'")),
            (Backend::Postgres, "bytea") => Some(format!("'\\x{hex}'::bytea")),
            (Backend::Postgres, "text" | "uuid" | "timestamp with time zone") => {
                let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
                Some(format!("'{}'::{}", text.replace('\'', "''"), self.kind))
            }
            (_, "integer" | "bigint") => std::str::from_utf8(bytes).ok().map(str::to_owned),
            (_, other) => panic!("a column of the unknown kind {other}"),
        }
    }

    /// The values to which this one is changed: bits flipped in about so many places, and the value gone or emptied.
    fn changes(&self, places: usize) -> Vec<Vec<u8>> {
        if matches!(self.kind.as_str(), "integer" | "bigint") {
            let number: i64 = std::str::from_utf8(&self.bytes).unwrap().parse().unwrap();
            return [0, 1, 3, 9, 20, 40, 62].iter().map(|bit| (number ^ (1 << bit)).to_string().into_bytes()).collect();
        }
        let all = self.bytes.len();
        let step = (all / places).max(1);
        let places = (0..all).step_by(step).chain(all.checked_sub(1));
        let mut changed: Vec<Vec<u8>> = places
            .map(|place| {
                let mut bytes = self.bytes.clone();
                bytes[place] ^= 1 << (place % 7);
                bytes
            })
            .collect();
        changed.push(Vec::new());
        changed.push([&self.bytes[..], b"0"].concat());
        changed
    }
}

on_both_databases!(no_changed_byte_of_the_log_goes_unnoticed);
fn no_changed_byte_of_the_log_goes_unnoticed(kind: Backend) {
    let (database, keys) = a_log(kind);
    let keys = log_keys(&keys);
    let (mut made, mut refused) = (0, 0);
    // The walk is the same for both; on PostgreSQL each takes longer.
    let (all_over, some, least) = if kind == Backend::Sqlite { (100, 4, 900) } else { (25, 1, 400) };
    for (table, columns) in TABLES {
        for column in *columns {
            let cells = cells(&database, kind, table, column);
            // Nothing waits on SQLite, and a tree of a few entries has no kept node above them.
            let none = *table == "audit_node" || (*table == "audit_pending" && kind == Backend::Sqlite);
            assert_eq!(cells.is_empty(), none || *column == "code" && cells.is_empty(), "{table}.{column}");
            for (number, cell) in cells.iter().enumerate() {
                // Bytes all over one value of each column, some bytes of every value.
                for change in cell.changes(if number == 1 { all_over } else { some }) {
                    // Capitals do not change an identifier.
                    if change == cell.bytes || cell.kind == "uuid" && change.eq_ignore_ascii_case(&cell.bytes) {
                        continue;
                    }
                    let Some(literal) = cell.literal(kind, &change) else { continue };
                    let own = cell.literal(kind, &cell.bytes).unwrap();
                    if tamper(&database, kind, &format!("UPDATE {table} SET {column} = {literal} WHERE {}", cell.row)).is_err() {
                        // What the database cannot hold (not a date, the same key twice) cannot be in it.
                        refused += 1;
                        continue;
                    }
                    // Some texts are the same time.
                    let same = format!("SELECT count(*) AS n FROM {table} WHERE {} AND {column} = {own}", cell.row);
                    if cell.kind.starts_with("timestamp") && database.number(&same) == 1 {
                        continue;
                    }
                    made += 1;
                    let walk = walked(&database, &keys, &[]);
                    assert!(walk.fault.is_some(), "{table}.{column} of {} changed to {literal} was not noticed", cell.row);
                    // The row is where it was, or under its changed key.
                    let moved = cell.row.contains(&format!("{column} = "));
                    let row = if moved { moved_row(cell, column, &literal) } else { cell.row.clone() };
                    tamper(&database, kind, &format!("UPDATE {table} SET {column} = {own} WHERE {row}")).expect("put back");
                }
            }
        }
    }
    assert_eq!(walked(&database, &keys, &[]).fault, None, "everything was put back");
    assert!(made > least, "only {made} changes were made, {refused} could not be");
}

fn moved_row(cell: &Cell, column: &str, literal: &str) -> String {
    let parts = cell
        .row
        .split(" AND ")
        .map(|part| if part.starts_with(&format!("{column} = ")) { format!("{column} = {literal}") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join(" AND ")
}

on_both_databases!(what_was_removed_inserted_or_reordered_is_named);
fn what_was_removed_inserted_or_reordered_is_named(kind: Backend) {
    let (database, keys) = a_log(kind);
    let public = log_keys(&keys);
    let database = &*database;
    let size = database.number("SELECT count(*) AS n FROM audit_leaf");
    let at = |index: i64| format!("(SELECT entry_id FROM audit_leaf WHERE leaf_index = {index})");
    // Only the last checkpoint: where the others fall depends on the machine, and one that ends beside a place tells an entry
    // put in there as one that was altered.
    tamper(database, kind, "DELETE FROM audit_checkpoint WHERE size < (SELECT max(size) FROM audit_checkpoint)").expect("one checkpoint");
    // A copy of the tables, to put everything back from.
    let tables = ["audit_entry", "audit_child", "audit_pending", "audit_leaf", "audit_checkpoint"];
    for table in tables {
        tamper(database, kind, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).expect("a copy");
    }
    let id = "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11";
    let bytes = |bytes: &[u8]| {
        let hex = hex::encode(bytes);
        if kind == Backend::Sqlite { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") }
    };
    let chain_at = |index: i64| {
        let sql = match kind {
            Backend::Sqlite => format!("SELECT hex(chain) AS value FROM audit_leaf WHERE leaf_index = {index}"),
            Backend::Postgres => format!("SELECT encode(chain, 'hex') AS value FROM audit_leaf WHERE leaf_index = {index}"),
        };
        hex::decode(&database.texts(&sql)[0]).unwrap()
    };
    let record = format!(
        r#"{{"v":1,"id":"{id}","recordedAt":"2026-11-22T10:00:00.000000Z","operation":"askCheck","outcome":"granted","code":null,"issuer":null,"subject":null,"client":null,"role":null,"scope":null,"organisation":null,"reason":null,"enquiry":null,"children":[],"request":"{id}","correlation":"{id}","detail":[]}}"#
    );
    let leaf = merkle::leaf(record.as_bytes());
    let forged = format!(
        "INSERT INTO audit_entry (id, recorded_at, operation, outcome, request_id, correlation_id, record, leaf_hash)
         VALUES ('{id}', '2026-11-22T10:00:00.000000Z', 'askCheck', 'granted', '{id}', '{id}', '{record}', {})",
        bytes(&leaf)
    );
    let shift = |from: i64, by: i64| {
        format!(
            "UPDATE audit_leaf SET leaf_index = leaf_index + 100000 WHERE leaf_index >= {from};
             UPDATE audit_leaf SET leaf_index = leaf_index - 100000 + {by} WHERE leaf_index >= 100000"
        )
    };
    let remove = |index: i64| {
        let of = at(index);
        format!(
            "DELETE FROM audit_child WHERE entry_id = {of}; DELETE FROM audit_commitment WHERE entry_id = {of};
             DELETE FROM audit_entry WHERE id = {of}; DELETE FROM audit_leaf WHERE leaf_index = {index}"
        )
    };
    let swap = |left: i64, right: i64| {
        format!(
            "UPDATE audit_leaf SET leaf_index = -1 WHERE leaf_index = {left}; UPDATE audit_leaf SET leaf_index = {left} WHERE leaf_index = {right};
             UPDATE audit_leaf SET leaf_index = {right} WHERE leaf_index = -1"
        )
    };
    let contents = |left: i64, right: i64| {
        format!(
            "UPDATE audit_leaf SET leaf_index = -1 WHERE leaf_index = {left};
             UPDATE audit_leaf SET entry_id = '{id}' WHERE leaf_index = -1;
             UPDATE audit_leaf SET entry_id = (SELECT entry_id FROM kept_audit_leaf WHERE leaf_index = {left}),
                leaf_hash = (SELECT leaf_hash FROM kept_audit_leaf WHERE leaf_index = {left}) WHERE leaf_index = {right};
             UPDATE audit_leaf SET entry_id = (SELECT entry_id FROM kept_audit_leaf WHERE leaf_index = {right}),
                leaf_hash = (SELECT leaf_hash FROM kept_audit_leaf WHERE leaf_index = {right}), leaf_index = {left} WHERE leaf_index = -1"
        )
    };
    let with_place =
        |index: i64, chain: &[u8]| format!("{forged}; INSERT INTO audit_leaf VALUES ({index}, '{id}', {}, {})", bytes(&leaf), bytes(chain));
    let some = |index: i64| Some(u64::try_from(index).unwrap());
    let cases = [
        ("an entry and its place", remove(3), Tampering::Removed, some(3)),
        ("an entry, and the rest moved up", format!("{}; {}", remove(3), shift(4, -1)), Tampering::Removed, some(3)),
        ("the first entry", remove(0), Tampering::Removed, some(0)),
        ("the last entry", remove(size - 1), Tampering::Removed, some(size - 1)),
        ("an entry without its place", format!("DELETE FROM audit_entry WHERE id = {}", at(5)), Tampering::Removed, some(5)),
        ("a place without its entry", "DELETE FROM audit_leaf WHERE leaf_index = 2".into(), Tampering::Removed, some(2)),
        ("the children of an entry", "DELETE FROM audit_child".into(), Tampering::Removed, None),
        ("two neighbours", swap(2, 3), Tampering::Reordered, some(2)),
        ("two entries far apart", swap(1, 6), Tampering::Reordered, some(1)),
        ("what stands at two places", contents(2, 6), Tampering::Reordered, some(2)),
        ("the first and the last", swap(0, size - 1), Tampering::Reordered, some(0)),
        ("an entry without a place", forged.clone(), Tampering::Inserted, None),
        (
            "an entry in the middle",
            format!("{}; {}", shift(3, 1), with_place(3, &merkle::link(&chain_at(2), &leaf))),
            Tampering::Inserted,
            some(3),
        ),
        ("an entry with any chain", format!("{}; {}", shift(3, 1), with_place(3, &[7; 32])), Tampering::Inserted, some(3)),
        (
            "a child",
            format!("INSERT INTO audit_child SELECT '{id}', entry_id FROM audit_leaf WHERE leaf_index = 4"),
            Tampering::Inserted,
            some(4),
        ),
    ];
    for (what, sql, tampering, index) in cases {
        let sql = if kind == Backend::Postgres { sql.replace(&format!("SELECT '{id}'"), &format!("SELECT '{id}'::uuid")) } else { sql };
        tamper(database, kind, &sql).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = fault(database, &public);
        assert_eq!(found.tampering, tampering, "{what}: {found:?}");
        if index.is_some() {
            assert_eq!(found.index, index, "{what}: {found:?}");
        }
        for table in tables {
            tamper(database, kind, &format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")).expect("put back");
        }
        // The keys of commitments that went with their entries are not put back: they may be missing.
        assert_eq!(walked(database, &public, &[]).fault, None, "after {what}");
    }

    // An entry is altered, and everything that rests on it made anew but for the signature.
    let held = database.texts("SELECT note AS value FROM audit_checkpoint ORDER BY size DESC LIMIT 1");
    rewrite(database, kind, 4);
    let found = fault(database, &public);
    assert_eq!(found.tampering, Tampering::Altered, "{found:?}");
    assert!(found.index.is_some_and(|index| index <= 4) && found.what.contains("signed"), "{found:?}");
    // Without any checkpoint left the database agrees with itself; one that was kept elsewhere does not agree with it.
    tamper(database, kind, "DELETE FROM audit_checkpoint").unwrap();
    assert_eq!(walked(database, &public, &[]).fault, None);
    assert!(walked(database, &public, &held).fault.is_some());
    // So does one that saw more than what is left.
    for table in tables {
        tamper(database, kind, &format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")).expect("put back");
    }
    assert_eq!(walked(database, &public, &held).fault, None);
    tamper(database, kind, &format!("{}; DELETE FROM audit_checkpoint WHERE size >= {size}", remove(size - 1))).unwrap();
    assert_eq!(walked(database, &public, &[]).fault, None);
    let found = walked(database, &public, &held).fault.expect("a fault");
    assert_eq!((found.tampering, found.index), (Tampering::Removed, some(size - 1)));

    // The command says the same, and fails.
    let files = Folder::new();
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let (key_file, held) = (file("keys.json", &serde_json::to_string(&keys).unwrap()), file("held", &held[0]));
    let (verifies, said) = program(&["audit", "verify", "--database", database.url(), "--keys", &key_file, "--checkpoint", &held]);
    assert!(!verifies && said.contains(&format!("entry {} was removed", size - 1)), "{said}");
}

/// Changes a record and makes hashes and chain anew from there on, as somebody would who has the database and no key.
fn rewrite(database: &TestDatabase, kind: Backend, index: i64) {
    let bytes = |bytes: &[u8]| {
        let hex = hex::encode(bytes);
        if kind == Backend::Sqlite { format!("x'{hex}'") } else { format!("'\\x{hex}'::bytea") }
    };
    let records =
        database.texts("SELECT e.record AS value FROM audit_leaf l JOIN audit_entry e ON e.id = l.entry_id ORDER BY l.leaf_index");
    let mut chain = merkle::empty();
    for (number, record) in records.iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        let record = if number == index { record.replace("\"correlation\":\"0", "\"correlation\":\"1") } else { record.clone() };
        let leaf = merkle::leaf(record.as_bytes());
        chain = merkle::link(&chain, &leaf);
        if number >= index {
            let of = format!("(SELECT entry_id FROM audit_leaf WHERE leaf_index = {number})");
            let mut sql =
                format!("UPDATE audit_leaf SET leaf_hash = {}, chain = {} WHERE leaf_index = {number};", bytes(&leaf), bytes(&chain));
            if number == index {
                let said: Value = serde_json::from_str(&record).unwrap();
                let correlation = said["correlation"].as_str().unwrap();
                sql.push_str(&format!(
                    "UPDATE audit_entry SET record = '{}', leaf_hash = {}, correlation_id = '{correlation}' WHERE id = {of}",
                    record.replace('\'', "''"),
                    bytes(&leaf)
                ));
            }
            tamper(database, kind, &sql).expect("rewritten");
        }
    }
}

/// A signer for tests without a server.
fn signer(folder: &Folder) -> (Arc<LogSigner>, Vec<Vec<u8>>) {
    let keys = KeyFolder::new(folder.path().join("keys"));
    keys.make_missing(chrono::Utc::now()).expect("keys");
    let public = log_keys(&keys.public_keys().expect("keys"));
    (Arc::new(LogSigner::open(keys, "gwent").expect("a signer")), public)
}

async fn advance(store: &Store, signer: &Arc<LogSigner>) {
    let signer = Arc::clone(signer);
    store
        .advance_log(Duration::from_millis(1), Arc::new(move |size, root, at| signer.sign(size, root, at)))
        .await
        .expect("the log goes on");
}

on_both_databases!(many_writers_and_several_sequencers_leave_one_dense_log);
fn many_writers_and_several_sequencers_leave_one_dense_log(kind: Backend) {
    const WRITERS: usize = 12;
    const EACH: usize = 60;
    let database = TestDatabase::migrated(kind);
    let folder = Folder::new();
    let (signer, keys) = signer(&folder);
    // Two servers over one database; SQLite has one.
    let stores: Vec<Store> = (0..if kind == Backend::Postgres { 2 } else { 1 }).map(|_| open(&database)).collect();
    let running = Arc::new(AtomicBool::new(true));
    http::runtime().block_on(async {
        let sequencers: Vec<_> = (0..4)
            .map(|number| {
                let (store, signer, running) = (stores[number % stores.len()].clone(), Arc::clone(&signer), Arc::clone(&running));
                tokio::spawn(async move {
                    while running.load(Ordering::Relaxed) {
                        advance(&store, &signer).await;
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let store = stores[number % stores.len()].clone();
                tokio::spawn(async move {
                    for _ in 0..EACH {
                        raise(&store).await.expect("kept");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.expect("a writer that ends");
        }
        running.store(false, Ordering::Relaxed);
        for sequencer in sequencers {
            sequencer.await.expect("a sequencer that ends");
        }
        // Signing times have whole seconds: at most one checkpoint is told apart from the last by size alone.
        tokio::time::sleep(Duration::from_millis(5)).await;
        advance(&stores[0], &signer).await;
    });
    let all = u64::try_from(WRITERS * EACH).unwrap();
    let walk = walked(&database, &keys, &[]);
    assert_eq!((walk.fault, walk.entries, walk.waiting, walk.uncovered), (None, all, 0, 0));
    assert!(database.number("SELECT count(*) AS n FROM audit_node") == 2, "the nodes of 256 entries each");
    assert_eq!(database.number("SELECT max(leaf_index) + 1 AS n FROM audit_leaf"), i64::try_from(all).unwrap());
    // A changed node of the tree is noticed too.
    lay_open(&database, kind);
    let cell = &cells(&database, kind, "audit_node", "hash")[1];
    for change in cell.changes(4) {
        let literal = cell.literal(kind, &change).unwrap();
        tamper(&database, kind, &format!("UPDATE audit_node SET hash = {literal} WHERE {}", cell.row)).expect("changed");
        assert!(walked(&database, &keys, &[]).fault.is_some());
    }
}

#[test]
fn nobody_waits_for_the_sequencer_and_a_crashed_one_loses_nothing() {
    let database = TestDatabase::migrated(Backend::Postgres);
    let folder = Folder::new();
    let (signer, keys) = signer(&folder);
    let store = open(&database);
    // Somebody holds the lease and does not let go.
    let mut holder = {
        use cofrestr::store::connection::AnyConnection;
        match AnyConnection::open(&database.parsed()).expect("a connection") {
            AnyConnection::Pg(connection) => connection,
            AnyConnection::Sqlite(_) => unreachable!("PostgreSQL"),
        }
    };
    use diesel::connection::SimpleConnection as _;
    holder
        .batch_execute(
            "BEGIN; SELECT 1 FROM setting WHERE name = 'audit.sequencer' FOR UPDATE;
             DELETE FROM audit_pending",
        )
        .expect("the lease");
    let begun = Instant::now();
    http::runtime().block_on(async {
        for _ in 0..20 {
            raise(&store).await.expect("kept");
        }
        advance(&store, &signer).await;
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "requests waited for the sequencer");
    let waiting = walked(&database, &keys, &[]);
    assert_eq!((waiting.fault, waiting.entries, waiting.waiting), (None, 0, 20), "the holder of the lease does the work, and nobody else");
    // It dies in the middle of its work.
    drop(holder);
    http::runtime().block_on(async {
        let begun = Instant::now();
        while walked(&database, &keys, &[]).entries < 20 {
            assert!(begun.elapsed() < Duration::from_secs(20), "the lease does not come free");
            advance(&store, &signer).await;
        }
    });
    assert_eq!(walked(&database, &keys, &[]).fault, None);
}
