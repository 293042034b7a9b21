//! Imports: the same row again changes nothing, a changed one changes what it put in, and one that fails costs no other.

use std::sync::Arc;
use std::time::Duration;

use cofrestr::config::{Config, DEMO};
use cofrestr::matching::Keyer;
use cofrestr::register::Region;
use cofrestr::register::imports::{self, Cells, Done, Importer, Outcome, Rules};
use cofrestr::register::keys::{KeyFolder, Signer};
use cofrestr::register::matcher::{self, Budget, Matcher};
use cofrestr::store::{Sizes, Store};

use crate::support::database::{Backend, Folder, TestDatabase};
use crate::support::{http, logs, on_both_databases};

type Row<'a> = &'a [(&'static str, &'static str)];

const SIAN: Row = &[
    ("id", "1"),
    ("given", "Siân"),
    ("family", "Example"),
    ("dateOfBirth", "2019-03-04"),
    ("address", "1 Heol y Bont"),
    ("postcode", "NP20 1AA"),
    ("motherGiven", "Mair"),
    ("authority", "W06000022"),
    ("status", "registered"),
    ("registeredOn", "2025-01-06"),
    ("categories", "neglect"),
    ("coordinator", "Alex Sample"),
];

struct Taken {
    database: TestDatabase,
    importer: Importer,
    _keys: Folder,
}

impl Taken {
    fn new(kind: Backend) -> Self {
        logs::keep();
        let database = TestDatabase::migrated(kind);
        let folder = Folder::new();
        let keys = KeyFolder::new(folder.path());
        keys.make_missing(chrono::Utc::now()).unwrap();
        let text = format!("{DEMO}\n[region]\ncode = \"gwent\"\n[[issuers]]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"k\"\n");
        let matcher = Matcher::new(Keyer::new(keys.matcher_secret().unwrap()), Budget::default());
        let region = Region::new(&Config::from_text(&text).unwrap(), matcher, Arc::new(Signer::open(keys).unwrap())).unwrap();
        let store = Store::open(&database.parsed(), Sizes { connections: 2, wait: Duration::from_secs(20) }, Arc::default()).unwrap();
        let region = Arc::new(region);
        http::runtime().block_on(matcher::bring_up_to_date(&store, &region)).unwrap();
        let importer = Importer { store, region, user: "tester".into(), source: "old-register".into(), dry_run: false, run: None };
        Self { database, importer, _keys: folder }
    }

    /// Takes in rows: each is the first with changes laid over it.
    fn take(&self, rows: &[Row]) -> Vec<Done> {
        let rules = Rules::of(&self.importer.region, "2026-11-22".parse().unwrap());
        let cells = |changes: &Row| -> Cells {
            let mut cells: std::collections::BTreeMap<&str, &str> = SIAN.iter().copied().collect();
            cells.extend(changes.iter().copied());
            cells.into_iter().collect()
        };
        let rows = (1..).zip(rows).map(|(number, row)| imports::read(&rules, number, &cells(row))).collect();
        http::runtime().block_on(self.importer.take(rows)).unwrap()
    }

    fn outcomes(&self, rows: &[Row]) -> Vec<Outcome> {
        self.take(rows).iter().map(|done| done.outcome).collect()
    }

    fn count(&self, what: &str) -> i64 {
        self.database.number(&format!("SELECT COUNT(*) AS n FROM {what}"))
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        self.database.texts(sql)
    }
}

on_both_databases!(the_same_row_again_changes_nothing);
fn the_same_row_again_changes_nothing(kind: Backend) {
    let taken = Taken::new(kind);
    let rows: [Row; 2] = [&[], &[("id", "2"), ("given", "Huw")]];
    assert_eq!(taken.outcomes(&rows), [Outcome::Added, Outcome::Added]);
    let before = (taken.count("child"), taken.count("child_name"), taken.count("match_key"), taken.count("task"));
    assert_eq!(taken.outcomes(&rows), [Outcome::Unchanged, Outcome::Unchanged]);
    assert_eq!((taken.count("child"), taken.count("child_name"), taken.count("match_key"), taken.count("task")), before);
    assert_eq!(taken.count("audit_child"), 2, "both children stand in the audit log once");
}

on_both_databases!(a_dry_run_writes_nothing_but_that_somebody_looked);
fn a_dry_run_writes_nothing_but_that_somebody_looked(kind: Backend) {
    let mut taken = Taken::new(kind);
    taken.importer.dry_run = true;
    let tables = ["child", "child_name", "registration", "match_record", "match_key", "import_record", "task", "audit_entry"];
    let counts = |taken: &Taken| tables.map(|table| taken.count(table));
    let mut expected = counts(&taken);
    expected[tables.len() - 1] += 1;
    assert_eq!(taken.outcomes(&[&[], &[("id", "2"), ("authority", "")]]), [Outcome::Added, Outcome::Rejected]);
    assert_eq!(counts(&taken), expected);
}

on_both_databases!(a_row_that_fails_costs_no_other);
fn a_row_that_fails_costs_no_other(kind: Backend) {
    let taken = Taken::new(kind);
    // Two rows under one identifier: the database refuses the second, whatever order the unit is tried in.
    let done = taken.outcomes(&[&[], &[("given", "Huw")], &[("id", "3"), ("given", "Nia")]]);
    assert_eq!(done, [Outcome::Added, Outcome::Changed, Outcome::Added]);
    assert_eq!((taken.count("child"), taken.count("import_record")), (2, 2));
}

on_both_databases!(a_changed_row_changes_what_it_put_in_and_deletes_nothing);
fn a_changed_row_changes_what_it_put_in_and_deletes_nothing(kind: Backend) {
    let taken = Taken::new(kind);
    taken.take(&[&[]]);
    let changed: Row = &[
        ("family", "Sample"),
        ("dateOfBirth", "2019-03-05"),
        ("address", "2 Maes Glas"),
        ("motherGiven", ""),
        ("coordinator", "Bryn Sample"),
        ("categories", "neglect;physical"),
    ];
    assert_eq!(taken.outcomes(&[changed]), [Outcome::Changed]);
    assert_eq!(taken.outcomes(&[changed]), [Outcome::Unchanged]);
    let names = taken.texts("SELECT name_use || ' ' || family AS value FROM child_name WHERE superseded_at IS NULL ORDER BY 1");
    assert_eq!(names, ["former Example", "official Sample"]);
    assert_eq!(taken.count("child_name WHERE superseded_at IS NOT NULL"), 1);
    assert_eq!(taken.count("child_address WHERE superseded_at IS NULL AND valid_to IS NOT NULL"), 1, "the old home is a former one");
    assert_eq!(taken.count("household_member WHERE superseded_at IS NULL"), 1, "an empty cell takes nothing back");
    let births = taken.texts("SELECT CAST(birth_from AS TEXT) AS value FROM child_particulars WHERE superseded_at IS NULL");
    assert_eq!(births, ["2019-03-05"]);
    assert_eq!(taken.count("registration_category WHERE superseded_at IS NULL"), 2);
    let coordinators = taken.texts("SELECT name AS value FROM registration_coordinator WHERE superseded_at IS NULL AND valid_to IS NULL");
    assert_eq!(coordinators, ["Bryn Sample"]);
    assert_eq!(taken.count("registration"), 1);
}

on_both_databases!(an_entry_that_ended_and_begins_again_is_a_second_entry);
fn an_entry_that_ended_and_begins_again_is_a_second_entry(kind: Backend) {
    let taken = Taken::new(kind);
    taken.take(&[&[]]);
    let ended: Row = &[("status", "previously-registered"), ("removedOn", "2025-09-01"), ("removalGround", "review-conference-decision")];
    assert_eq!(taken.outcomes(&[ended]), [Outcome::Changed]);
    assert_eq!(taken.texts("SELECT standing AS value FROM match_record"), ["former"]);
    assert_eq!(taken.outcomes(&[&[("registeredOn", "2026-02-02")]]), [Outcome::Changed]);
    assert_eq!(taken.texts("SELECT standing AS value FROM match_record"), ["current"]);
    assert_eq!((taken.count("registration"), taken.count("child")), (2, 1));
}

on_both_databases!(an_import_hides_and_never_unhides);
fn an_import_hides_and_never_unhides(kind: Backend) {
    let taken = Taken::new(kind);
    let open = "child_address WHERE superseded_at IS NULL AND NOT CAST(confidential AS BOOLEAN)";
    taken.take(&[&[]]);
    assert_eq!(taken.count(open), 1);
    assert_eq!(taken.outcomes(&[&[("confidentialAddress", "yes"), ("shielded", "yes")]]), [Outcome::Changed]);
    assert_eq!((taken.count(open), taken.count("child WHERE CAST(shielded AS BOOLEAN)")), (0, 1));
    assert_eq!(taken.outcomes(&[&[("confidentialAddress", "no"), ("shielded", "no")]]), [Outcome::Changed]);
    assert_eq!((taken.count(open), taken.count("child WHERE CAST(shielded AS BOOLEAN)")), (0, 1));
}

on_both_databases!(a_move_to_another_authority_is_no_change);
fn a_move_to_another_authority_is_no_change(kind: Backend) {
    let taken = Taken::new(kind);
    taken.take(&[&[]]);
    let done = taken.take(&[&[("authority", "W06000020")]]);
    assert_eq!((done[0].outcome, done[0].errors[0].code), (Outcome::Rejected, "changed-not-applied"));
}
