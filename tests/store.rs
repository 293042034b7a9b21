//! The store: what is acknowledged is kept, a unit of work that fails undoes only itself, and nothing happens without an entry
//! in the audit log.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cofrestr::authz::policy::action::{AskCheck, ReadDirectory};
use cofrestr::authz::{Action, Context, Permit, Principal, Scope, decide};
use cofrestr::domain::ids::TaskId;
use cofrestr::domain::roles::Role;
use cofrestr::register::RegisterError;
use cofrestr::register::idempotency::{self, Answer, Key};
use cofrestr::register::tasks::{self, Kind};
use cofrestr::store::{Sizes, Snapshot, Store, StoreError, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::support::app::TestApp;
use crate::support::database::{Backend, TestDatabase};
use crate::support::people::{Child, Question};
use crate::support::tokens::Caller;
use crate::support::{http, logs, on_both_databases};

fn open(database: &TestDatabase) -> Store {
    logs::keep();
    Store::open(&database.parsed(), Sizes { connections: 4, wait: Duration::from_secs(20) }, Arc::default()).expect("an open store")
}

fn principal(role: Role) -> Arc<Principal> {
    Arc::new(Principal {
        issuer: "https://login.example.test".into(),
        subject: "somebody".into(),
        name: None,
        client: None,
        role,
        sector: None,
        scope: Scope::Region("gwent".into()),
        organisation: None,
        family_name: None,
        postcode: None,
        signed_in_at: None,
    })
}

fn permit<A: Action>() -> Permit<A> {
    let id = Uuid::now_v7();
    decide::<A>(&principal(Role::Custodian), Context { request_id: id, correlation_id: id }).expect("a permit")
}

/// A unit of work that leaves something behind.
fn raise(tx: &mut Tx<'_>) -> Result<TaskId, RegisterError> {
    tasks::raise(tx, Kind::RepeatEnquiry, "gwent", None, None, None)
}

async fn raise_one(store: &Store) -> Result<TaskId, RegisterError> {
    store.run(permit::<AskCheck>(), |_| Ok(()), |tx, ()| raise(tx)).await
}

fn kept(database: &TestDatabase) -> Vec<String> {
    let mut kept = database.texts("SELECT CAST(id AS TEXT) AS value FROM task");
    kept.sort();
    kept
}

on_both_databases!(a_failing_unit_undoes_only_itself);
fn a_failing_unit_undoes_only_itself(kind: Backend) {
    const UNITS: usize = 60;
    let database = TestDatabase::migrated(kind);
    let store = open(&database);
    let (mut acknowledged, failed) = http::runtime().block_on(async {
        // All at once, so that on SQLite they share commits.
        let units: Vec<_> = (0..UNITS)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    let fail = number % 3 == 0;
                    let work = move |tx: &mut Tx<'_>, (): &()| {
                        let id = raise(tx)?;
                        if fail { Err(RegisterError::StillRegistered) } else { Ok(id) }
                    };
                    store.run(permit::<AskCheck>(), |_| Ok(()), work).await
                })
            })
            .collect();
        let (mut acknowledged, mut failed) = (Vec::new(), 0);
        for unit in units {
            match unit.await.expect("a unit that ends") {
                Ok(id) => acknowledged.push(id.to_string()),
                Err(RegisterError::StillRegistered) => failed += 1,
                Err(other) => panic!("another failure: {other}"),
            }
        }
        (acknowledged, failed)
    });
    acknowledged.sort();
    assert_eq!((acknowledged.len(), failed), (40, 20));
    assert_eq!(kept(&database), acknowledged);
    let audit = database.audit();
    assert_eq!(audit.len(), UNITS, "an entry for each, whether it succeeded or not");
    assert_eq!(audit.iter().filter(|entry| entry.outcome == "granted" && entry.code.is_none()).count(), 40);
    assert_eq!(audit.iter().filter(|entry| entry.outcome == "failed" && entry.code.as_deref() == Some("still-registered")).count(), 20);
}

on_both_databases!(a_panic_in_a_unit_undoes_only_itself_and_the_store_goes_on);
fn a_panic_in_a_unit_undoes_only_itself_and_the_store_goes_on(kind: Backend) {
    let database = TestDatabase::migrated(kind);
    let store = open(&database);
    let kept_ids = http::runtime().block_on(async {
        let before = raise_one(&store).await.expect("kept");
        let panicking = |tx: &mut Tx<'_>, (): &()| -> Result<TaskId, RegisterError> {
            raise(tx)?;
            panic!("a defect, on purpose")
        };
        let result = store.run(permit::<AskCheck>(), |_| Ok(()), panicking).await;
        assert!(matches!(result, Err(RegisterError::Store(StoreError::Panicked))), "{result:?}");
        let reading = store.read(permit::<AskCheck>(), |_| -> Result<(), RegisterError> { panic!("a defect, on purpose") }).await;
        assert!(matches!(reading, Err(RegisterError::Store(StoreError::Panicked))), "{reading:?}");
        let after = raise_one(&store).await.expect("kept");
        vec![before.to_string(), after.to_string()]
    });
    assert_eq!(kept(&database), kept_ids);
    let outcomes: Vec<_> = database.audit().into_iter().map(|entry| (entry.outcome, entry.code)).collect();
    let defect = ("failed".to_owned(), Some("internal-error".to_owned()));
    assert_eq!(outcomes, [("granted".to_owned(), None), defect.clone(), defect, ("granted".to_owned(), None)]);
}

on_both_databases!(nothing_is_acknowledged_before_its_commit);
fn nothing_is_acknowledged_before_its_commit(kind: Backend) {
    let database = TestDatabase::migrated(kind);
    let store = open(&database);
    let database = &database;
    let store = &store;
    // Another connection sees only what is committed.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..10 {
                    let id = http::runtime().block_on(raise_one(store)).expect("acknowledged");
                    assert_eq!(database.number(&format!("SELECT count(*) AS n FROM task WHERE CAST(id AS TEXT) = '{id}'")), 1);
                }
            });
        }
    });
    assert_eq!(database.number("SELECT count(*) AS n FROM audit_entry"), 40);
}

on_both_databases!(a_reading_is_in_the_audit_log_before_it_is_answered);
fn a_reading_is_in_the_audit_log_before_it_is_answered(kind: Backend) {
    let database = TestDatabase::migrated(kind);
    let store = open(&database);
    for expected in 1..=3 {
        http::runtime()
            .block_on(store.read(permit::<ReadDirectory>(), |snapshot| {
                snapshot.audit().empty();
                Ok::<_, StoreError>(())
            }))
            .expect("an answer");
        assert_eq!(
            database.number("SELECT count(*) AS n FROM audit_entry WHERE operation = 'readDirectory' AND outcome = 'empty'"),
            expected
        );
    }
}

on_both_databases!(a_reading_that_fails_is_in_the_audit_log_with_its_code);
fn a_reading_that_fails_is_in_the_audit_log_with_its_code(kind: Backend) {
    let database = TestDatabase::migrated(kind);
    let store = open(&database);
    let answer = http::runtime().block_on(store.read(permit::<AskCheck>(), |_| Err::<(), _>(RegisterError::NotFound)));
    assert!(matches!(answer, Err(RegisterError::NotFound)));
    let audit = database.audit();
    assert_eq!((audit.len(), audit[0].outcome.as_str(), audit[0].code.as_deref()), (1, "refused", Some("not-found")));
}

on_both_databases!(a_refusal_is_put_into_the_audit_log_with_who_was_refused);
fn a_refusal_is_put_into_the_audit_log_with_who_was_refused(kind: Backend) {
    let database = TestDatabase::migrated(kind);
    let store = open(&database);
    let context = Context { request_id: Uuid::now_v7(), correlation_id: Uuid::now_v7() };
    let refusal = decide::<AskCheck>(&principal(Role::Auditor), context).expect_err("an auditor may not ask");
    http::runtime().block_on(store.record(&refusal)).expect("recorded");
    let audit = database.audit();
    assert_eq!(audit.len(), 1);
    assert_eq!((audit[0].outcome.as_str(), audit[0].code.as_deref()), ("refused", Some("operation-not-allowed")));
    assert_eq!(audit[0].subject.as_deref(), Some("somebody"));
    assert_eq!(audit[0].request_id, context.request_id.to_string());
    assert_eq!(audit[0].correlation_id, context.correlation_id.to_string());
}

/// In the environment of the process that is to be killed: the database on which it works.
const VICTIM: &str = "COFRESTR_TEST_VICTIM_DATABASE";
/// What the victim prints before the identifier of each task that was acknowledged.
const ACKNOWLEDGED: &str = "acknowledged ";

on_both_databases!(a_process_killed_under_load_loses_nothing_that_it_acknowledged);
fn a_process_killed_under_load_loses_nothing_that_it_acknowledged(kind: Backend) {
    if let Ok(url) = std::env::var(VICTIM) {
        work_until_killed(&url);
    }
    let database = TestDatabase::migrated(kind);
    let this_test = format!(
        "store::a_process_killed_under_load_loses_nothing_that_it_acknowledged::{}",
        match kind {
            Backend::Sqlite => "on_sqlite",
            Backend::Postgres => "on_postgres",
        }
    );
    let mut victim = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", &this_test, "--nocapture", "--test-threads", "1"])
        .env(VICTIM, database.url())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process to kill");
    let mut lines = BufReader::new(victim.stdout.take().expect("its output")).lines();
    let mut acknowledged = Vec::new();
    let mut read = |line: String| {
        // A line that the kill cut off names nothing that was acknowledged in full.
        if let Some(id) = line.rsplit_once(ACKNOWLEDGED).map(|(_, id)| id.to_owned()).filter(|id| id.len() == 36) {
            acknowledged.push(id);
        }
        acknowledged.len()
    };
    for line in lines.by_ref() {
        if read(line.expect("a readable line")) >= 300 {
            break;
        }
    }
    victim.kill().expect("SIGKILL");
    for line in lines {
        read(line.expect("a readable line"));
    }
    let ended = victim.wait().expect("its end");
    assert!(std::os::unix::process::ExitStatusExt::signal(&ended) == Some(libc::SIGKILL), "it ended by itself: {ended}");
    assert!(acknowledged.len() >= 300, "only {} were acknowledged", acknowledged.len());

    // Whoever comes next finds everything, each with its entry, and can go on.
    let store = open(&database);
    let kept = kept(&database);
    for id in &acknowledged {
        assert!(kept.binary_search(id).is_ok(), "{id} was acknowledged and is lost");
    }
    assert_eq!(
        database.number("SELECT count(*) AS n FROM audit_entry"),
        i64::try_from(kept.len()).expect("a count"),
        "an entry for each task"
    );
    http::runtime().block_on(raise_one(&store)).expect("the store goes on");
}

/// Works as hard as it can and says what was acknowledged, until the process is killed.
fn work_until_killed(url: &str) -> ! {
    let url = cofrestr::store::connection::DatabaseUrl::parse(url).expect("a usable URL");
    let store = Store::open(&url, Sizes { connections: 4, wait: Duration::from_secs(20) }, Arc::default()).expect("an open store");
    let store = &store;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(move || {
                loop {
                    let id = http::runtime().block_on(raise_one(store)).expect("acknowledged");
                    let mut out = std::io::stdout().lock();
                    let _ = writeln!(out, "{ACKNOWLEDGED}{id}").and_then(|()| out.flush());
                }
            });
        }
    });
    unreachable!("the threads above end only with the process")
}

/// `sslmode=verify-full` refuses a server without TLS, or one whose certificate is not for its name.
#[test]
fn a_database_on_a_server_is_reached_over_tls() {
    use crate::support::postgres;
    use cofrestr::store::connection::DatabaseUrl;
    use cofrestr::store::migrations;

    let server = postgres::server();
    let plain = server.create_database();
    let secure = server.tls_url(&plain).expect("a certificate for the test server (hint: install openssl, which makes it)");
    assert!(secure.contains("sslmode=verify-full"));
    let applied = migrations::run(&DatabaseUrl::parse(&secure).expect("a URL")).expect("migrations over TLS");
    assert!(!applied.is_empty());
    server.drop_database(&plain);
}

fn key(number: usize) -> Key {
    Key { caller: "somebody".into(), operation: "askCheck", key: format!("key-{number}"), digest: "the same".into() }
}

/// Raises a task once for a key, as a request with an idempotency key does; answers which task.
async fn raise_once(store: Store, key: Key) -> Result<String, RegisterError> {
    let looked = key.clone();
    let found = move |snapshot: &mut Snapshot<'_>| idempotency::before(snapshot, &looked);
    let work = move |tx: &mut Tx<'_>, before: &Option<Answer>| match before {
        Some(answer) => Ok(answer.body.clone()),
        None => {
            let raised = idempotency::once(tx, &key, |tx| {
                let body = raise(tx)?.to_string();
                Ok::<_, RegisterError>(Answer { status: 201, location: None, etag: None, body })
            });
            raised.map(|answer| answer.body)
        }
    };
    store.run(permit::<AskCheck>(), found, work).await
}

on_both_databases!(a_key_used_at_once_on_two_servers_does_its_work_once);
fn a_key_used_at_once_on_two_servers_does_its_work_once(kind: Backend) {
    const KEYS: usize = 30;
    const TIMES: usize = 4;
    let database = TestDatabase::migrated(kind);
    let servers = [open(&database), open(&database)];
    let answers: Vec<(usize, String)> = http::runtime().block_on(async {
        // All at once: on each server they share commits, and meet the other server's.
        let requests: Vec<_> = (0..KEYS * TIMES)
            .map(|number| {
                let server = servers[number / KEYS % 2].clone();
                (number % KEYS, tokio::spawn(raise_once(server, key(number % KEYS))))
            })
            .collect();
        let mut answers = Vec::new();
        for (number, request) in requests {
            answers.push((number, request.await.expect("a request that ends").expect("an answer")));
        }
        answers
    });
    let mut once: Vec<String> = (0..KEYS)
        .map(|number| {
            let mut of_key: Vec<_> = answers.iter().filter(|(other, _)| *other == number).map(|(_, task)| task.clone()).collect();
            assert_eq!(of_key.len(), TIMES);
            of_key.dedup();
            assert_eq!(of_key.len(), 1, "one answer for key {number}, however often it was asked: {of_key:?}");
            of_key.remove(0)
        })
        .collect();
    once.sort();
    assert_eq!(kept(&database), once, "nothing was kept twice, and nothing of what was undone");
    let outcomes: Vec<_> = database.audit().into_iter().map(|entry| entry.outcome).collect();
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "granted").count(), KEYS);
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "replayed").count(), KEYS * (TIMES - 1));
}

#[test]
fn a_file_that_another_process_locks_is_waited_for_once_and_not_by_each() {
    const UNITS: usize = 40;
    let database = TestDatabase::migrated(Backend::Sqlite);
    let sizes = Sizes { connections: 4, wait: Duration::from_secs(1) };
    logs::keep();
    let store = Store::open(&database.parsed(), sizes, Arc::default()).expect("an open store");
    http::runtime().block_on(async {
        raise_one(&store).await.expect("kept");
        let held = database.hold();
        // Units that go alone, one after the other: had each to wait for itself, the last would wait for most of a minute.
        let units: Vec<_> = (0..UNITS)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.run_alone(permit::<AskCheck>(), |_| Ok(()), |tx, ()| raise(tx)).await })
            })
            .collect();
        let begun = std::time::Instant::now();
        for unit in units {
            let refused = unit.await.expect("a unit that ends");
            assert!(matches!(refused, Err(RegisterError::Store(StoreError::Overloaded))), "{refused:?}");
        }
        assert!(begun.elapsed() < Duration::from_secs(UNITS as u64 / 2), "each waited for itself");
        assert!(store.is_written().await.is_err(), "not ready while nothing can be written");
        drop(held);
        store.is_written().await.expect("ready again");
        raise_one(&store).await.expect("kept");
    });
    assert_eq!(kept(&database).len(), 2);
}

#[test]
fn a_row_that_somebody_keeps_locked_holds_up_nobody_who_does_not_want_it() {
    let app = &TestApp::start(Backend::Postgres, "");
    let (child, other) = (app.register(&Child::usual()).child, app.register(&Child::named("Ffion", "Maddocks")).child);
    let name = json!({"use": "alias", "given": "Gwen", "family": "Morys"});
    let add = |child: &str| app.custodian().change(&format!("/v1/children/{child}/names"), "*", &name);
    let held = app.database().hold_with(&format!("SELECT 1 FROM child WHERE id = '{child}' FOR NO KEY UPDATE"));
    let (is_refused, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        // Eight who want the row, and whoever comes between: more than there are threads that write.
        for _ in 0..8 {
            scope.spawn(|| {
                add(&child).problem(503, "temporarily-unavailable");
                is_refused.store(true, Ordering::SeqCst);
            });
        }
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    app.ask(&Caller::health(), &Question::usual());
                    if !is_refused.load(Ordering::SeqCst) {
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        add(&other).expect(201);
    });
    assert_eq!(done.into_inner(), 12, "the others were done before those who wait for the row gave up");
    drop(held);
    add(&child).expect(201);
    let refused = app.audit().into_iter().filter(|entry| entry.outcome == "failed").collect::<Vec<_>>();
    assert_eq!(refused.len(), 8, "who failed is in the log");
}
