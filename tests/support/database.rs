//! A database for each test, of either kind: a copy of one that was migrated once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cofrestr::store::connection::{AnyConnection, DatabaseUrl};
use cofrestr::store::migrations;
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use uuid::Uuid;

use super::postgres;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, embedded.
    Sqlite,
    /// PostgreSQL, a server.
    Postgres,
}

/// Runs the same diesel code on whichever database the connection has.
macro_rules! with {
    ($connection:expr, |$inner:ident| $body:expr) => {
        match $connection {
            AnyConnection::Pg($inner) => $body,
            AnyConnection::Sqlite($inner) => $body,
        }
    };
}

/// A folder that goes when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty folder.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("cofrestr-test-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&path).expect("a folder for a test");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A database of a test's own; it goes when it is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    kind: Backend,
    /// Whether it stands on the server that all tests share.
    shared: bool,
    folder: Option<Folder>,
}

/// One row of the audit log, as the checks on it need it.
#[derive(Debug, diesel::QueryableByName)]
pub struct AuditRow {
    /// What was done.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub operation: String,
    /// How it ended.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub outcome: String,
    /// The code of a refusal or failure.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub code: Option<String>,
    /// By whom.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub subject: Option<String>,
    /// The stated purpose.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub reason: Option<String>,
    /// The check.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    pub enquiry_id: Option<String>,
    /// The request.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub request_id: String,
    /// The thread of requests.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub correlation_id: String,
    /// What was hashed.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub record: String,
    /// Its hash.
    #[diesel(sql_type = diesel::sql_types::Binary)]
    pub leaf_hash: Vec<u8>,
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

impl TestDatabase {
    /// A database without anything.
    pub fn empty(kind: Backend) -> Self {
        match kind {
            Backend::Sqlite => {
                let folder = Folder::new();
                Self {
                    url: format!("sqlite:{}", folder.path().join("register.sqlite").display()),
                    kind,
                    shared: true,
                    folder: Some(folder),
                }
            }
            Backend::Postgres => Self { url: postgres::server().create_database(), kind, shared: true, folder: None },
        }
    }

    /// A database with the program's tables.
    pub fn migrated(kind: Backend) -> Self {
        match kind {
            Backend::Sqlite => {
                let database = Self::empty(kind);
                std::fs::copy(sqlite_template(), database.url.trim_start_matches("sqlite:")).expect("a copy of the migrated file");
                database
            }
            Backend::Postgres => {
                Self { url: postgres::server().create_database_from(postgres_template()), kind, shared: true, folder: None }
            }
        }
    }

    /// A database on a PostgreSQL server of the test's own, which goes with that server.
    pub fn of(url: &str) -> Self {
        Self { url: url.to_owned(), kind: Backend::Postgres, shared: false, folder: None }
    }

    /// Which kind it is.
    pub fn kind(&self) -> Backend {
        self.kind
    }

    /// Its URL, as the configuration wants it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of an embedded one.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(Folder::path)
    }

    /// Its URL, parsed.
    pub fn parsed(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&self.url).expect("a usable URL")
    }

    fn open(&self) -> AnyConnection {
        AnyConnection::open(&self.parsed()).expect("an open database")
    }

    /// Runs statements behind the program's back; answers what the database said against it.
    pub fn execute(&self, sql: &str) -> Result<(), String> {
        with!(&mut self.open(), |c| c.batch_execute(sql)).map_err(|error| error.to_string())
    }

    /// The number that a query answers; it calls it `n`.
    pub fn number(&self, sql: &str) -> i64 {
        with!(&mut self.open(), |c| diesel::sql_query(sql).get_result::<Number>(c)).expect(sql).n
    }

    /// Asks for the number over and over, on one connection: each call answers the present one.
    pub fn watch(&self, sql: &str) -> impl FnMut() -> i64 + use<> {
        let (mut connection, sql) = (self.open(), sql.to_owned());
        move || with!(&mut connection, |c| diesel::sql_query(&sql).get_result::<Number>(c)).expect("a number").n
    }

    /// Keeps everybody else from writing until what is answered is dropped.
    pub fn hold(&self) -> Box<dyn std::any::Any> {
        let mut connection = self.open();
        with!(&mut connection, |c| c.batch_execute("BEGIN EXCLUSIVE")).expect("an exclusive transaction");
        Box::new(connection)
    }

    /// Keeps what a statement locks until what is answered is dropped.
    pub fn hold_with(&self, sql: &str) -> Box<dyn std::any::Any> {
        let mut connection = self.open();
        with!(&mut connection, |c| c.batch_execute(&format!("BEGIN; {sql}"))).expect("a transaction");
        Box::new(connection)
    }

    /// The texts that a query answers; it calls them `value`.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let rows: Vec<Text> = with!(&mut self.open(), |c| diesel::sql_query(sql).load(c)).expect(sql);
        rows.into_iter().map(|row| row.value).collect()
    }

    /// The audit log, oldest entry first.
    pub fn audit(&self) -> Vec<AuditRow> {
        self.audit_where("1 = 1")
    }

    /// The entries of one request.
    pub fn audit_of_request(&self, id: &str) -> Vec<AuditRow> {
        self.audit_where(&format!("CAST(request_id AS TEXT) = '{id}'"))
    }

    fn audit_where(&self, condition: &str) -> Vec<AuditRow> {
        let sql = format!(
            "SELECT operation, outcome, code, subject, reason, CAST(enquiry_id AS TEXT) AS enquiry_id,
                    CAST(request_id AS TEXT) AS request_id, CAST(correlation_id AS TEXT) AS correlation_id, record, leaf_hash
             FROM audit_entry WHERE {condition} ORDER BY recorded_at, id"
        );
        with!(&mut self.open(), |c| diesel::sql_query(sql).load(c)).expect("the audit log")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.kind == Backend::Postgres && self.shared && !std::thread::panicking() {
            postgres::server().drop_database(&self.url);
        }
    }
}

/// A migrated SQLite file that nobody has open.
fn sqlite_template() -> &'static Path {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    &TEMPLATE
        .get_or_init(|| {
            let path = std::env::temp_dir().join(format!("cofrestr-template-{}.sqlite", Uuid::now_v7().simple()));
            migrations::run(&DatabaseUrl::Sqlite(path.display().to_string())).expect("a migrated template");
            remove_at_exit(&path);
            Template(path)
        })
        .0
}

struct Template(PathBuf);

/// A static is never dropped: the file is removed by the exit handler of the process.
#[allow(unsafe_code, reason = "atexit has no safe interface in std")]
fn remove_at_exit(path: &Path) {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    extern "C" fn remove() {
        if let Some(path) = PATH.get() {
            let _ = std::fs::remove_file(path);
        }
    }
    if PATH.set(path.to_owned()).is_ok() {
        // SAFETY: `remove` is an `extern "C"` function without arguments and does not unwind.
        unsafe { libc::atexit(remove) };
    }
}

/// A migrated PostgreSQL database to which nobody is connected.
fn postgres_template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let url = postgres::server().create_database();
        migrations::run(&DatabaseUrl::parse(&url).expect("a usable URL")).expect("a migrated template");
        url
    })
}
