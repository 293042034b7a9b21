//! The sandbox: invented children put in and put back, and a clock that is kept. Through the library, on both databases.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use cofrestr::config::{Config, DEMO};
use cofrestr::invent::stable;
use cofrestr::matching::Keyer;
use cofrestr::register::keys::{KeyFolder, Signer};
use cofrestr::register::matcher::{Budget, Matcher};
use cofrestr::register::sandbox::{self, Seed};
use cofrestr::register::{Region, RegisterError};
use cofrestr::store::{Sizes, Store};

use crate::support::database::{Backend, Folder, TestDatabase};
use crate::support::{http, logs, on_both_databases};

fn open(database: &TestDatabase) -> Store {
    logs::keep();
    Store::open(&database.parsed(), Sizes { connections: 2, wait: Duration::from_secs(20) }, Arc::default()).expect("an open store")
}

fn gwent(folder: &Folder, is_sandbox: bool) -> Arc<Region> {
    let keys = KeyFolder::new(folder.path().join("keys"));
    keys.make_missing(Utc::now()).unwrap();
    let matcher = Matcher::new(Keyer::new(keys.matcher_secret().unwrap()), Budget::default());
    let settings = if is_sandbox { DEMO.to_owned() } else { DEMO.replace("enabled = true", "enabled = false") };
    let text = format!("{settings}\n[region]\ncode = \"gwent\"\n[[issuers]]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"k\"\n");
    Arc::new(Region::new(&Config::from_text(&text).unwrap(), matcher, Arc::new(Signer::open(keys).unwrap())).unwrap())
}

fn seed(children: usize) -> Seed {
    Seed { children, seed: 1, began_at: "2026-11-22T10:00:00Z".parse().unwrap(), coordinator: "issuer#coordinator".into() }
}

/// Everybody on the register, in the order in which they were entered.
fn everybody(database: &TestDatabase) -> Vec<String> {
    database.texts("SELECT CAST(id AS TEXT) AS value FROM child ORDER BY pid")
}

on_both_databases!(a_reset_puts_the_same_children_back_wherever_the_clock_is);
fn a_reset_puts_the_same_children_back_wherever_the_clock_is(kind: Backend) {
    let (database, folder) = (TestDatabase::migrated(kind), Folder::new());
    let (store, region) = (open(&database), gwent(&folder, true));
    let run = http::runtime();
    let early = run.block_on(sandbox::reset(&store, &region));
    assert!(matches!(early, Err(RegisterError::NotFound)), "there is nothing to put back yet");

    run.block_on(sandbox::begin(&store, &region, seed(60))).expect("invented children");
    let first = everybody(&database);
    assert_eq!(first.len(), 60);
    let (found, _) = sandbox::invented(&region, &seed(60)).into_iter().find(|(_, child)| child.key == stable::FOUND).unwrap();
    assert!(first.contains(&found.to_string()));
    let kept_of_all = database.number("SELECT COUNT(*) AS n FROM match_record WHERE standing <> 'none'");
    assert_eq!(kept_of_all, 60, "everybody can be found");
    assert!(database.number("SELECT COUNT(*) AS n FROM household_member WHERE related_child_id IS NOT NULL") > 0);
    let entries = database.audit().len();

    for now in ["2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z"] {
        // Somebody asked about a child and was told, and a child was taken off the register in between.
        database
            .execute(&format!(
                "INSERT INTO notice (id, version, kind, urgency, to_role, authority, child_id, created_at)
                 VALUES ('{found}', 1, 'enquiry', 'normal', 'custodian', 'W06000022', '{found}', '{now}');
                 UPDATE registration_state SET removed_on = '2027-01-01', removal_ground = 'died' WHERE removed_on IS NULL"
            ))
            .expect("changes behind the program's back");
        run.block_on(sandbox::move_clock(&store, "gwent", now.parse().unwrap())).expect("a moved clock");
        run.block_on(sandbox::reset(&store, &region)).expect("a reset");
        assert_eq!(everybody(&database), first);
        assert_eq!(database.number("SELECT COUNT(*) AS n FROM notice"), 0);
        assert_eq!(
            database.number("SELECT COUNT(*) AS n FROM registration_state WHERE removal_ground = 'died' AND removed_on = '2027-01-01'"),
            0
        );
    }
    assert_eq!(run.block_on(sandbox::seed(&store, "gwent")).expect("the seed"), Some(seed(60)));
    assert!(database.audit().len() > entries, "the audit log only grows");
}

on_both_databases!(the_clock_goes_on_where_it_was_after_a_restart);
fn the_clock_goes_on_where_it_was_after_a_restart(kind: Backend) {
    let database = TestDatabase::migrated(kind);
    let now: DateTime<Utc> = "2030-05-06T07:08:09Z".parse().unwrap();
    let run = http::runtime();
    let store = open(&database);
    run.block_on(sandbox::move_clock(&store, "gwent", now)).expect("a moved clock");
    drop(store);
    let store = open(&database);
    run.block_on(sandbox::load_clock(&store, "gwent")).expect("the clock");
    let since = store.clock().now() - now;
    assert!(since >= TimeDelta::zero() && since < TimeDelta::minutes(5), "{since}");
}

on_both_databases!(only_what_was_invented_is_ever_emptied);
fn only_what_was_invented_is_ever_emptied(kind: Backend) {
    let (database, folder) = (TestDatabase::migrated(kind), Folder::new());
    let (store, region, real) = (open(&database), gwent(&folder, true), gwent(&folder, false));
    let run = http::runtime();
    let outcome = run.block_on(sandbox::begin(&store, &real, seed(10)));
    assert!(matches!(outcome, Err(RegisterError::NotFound)), "a region that is no sandbox");
    run.block_on(sandbox::begin(&store, &region, seed(10))).expect("invented children");
    let outcome = run.block_on(sandbox::reset(&store, &real));
    assert!(matches!(outcome, Err(RegisterError::NotFound)), "a region that is no sandbox any more");
    database.execute("DELETE FROM setting").expect("a register that does not say it was invented");
    let outcome = run.block_on(sandbox::begin(&store, &region, seed(10)));
    assert!(matches!(outcome, Err(RegisterError::Rule { code: "not-a-sandbox", .. })), "people who were not invented");
    assert_eq!(everybody(&database).len(), 10);
}
