//! One connection, either database.

use diesel::connection::SimpleConnection;
use diesel::r2d2::ManageConnection;
use diesel::{Connection, PgConnection, SqliteConnection};

use super::{StoreError, statements};

/// Where a region's register lives, chosen by URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`: an embedded database in one file.
    Sqlite(String),
    /// `postgres://…` or `postgresql://…`: a server.
    Postgres(String),
}

impl DatabaseUrl {
    /// Reads a database URL.
    ///
    /// # Errors
    /// When the scheme is neither `sqlite:` nor `postgres://`, or the path is empty or an in-memory database: a register
    /// is never kept in memory alone.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains(":memory:") {
                return Err(StoreError::Url("sqlite: needs the path of a file"));
            }
            return Ok(Self::Sqlite(path.to_owned()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        Err(StoreError::Url("expected sqlite:PATH or postgres://USER@HOST/DATABASE"))
    }

    /// `sqlite` or `postgres`: safe to log, unlike the URL.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

/// An open connection to either database.
#[allow(missing_debug_implementations)] // diesel's connections print nothing useful
pub enum AnyConnection {
    /// PostgreSQL.
    Pg(PgConnection),
    /// SQLite.
    Sqlite(SqliteConnection),
}

/// Runs the same diesel code on whichever database the connection has: written once, type-checked for both.
macro_rules! with {
    ($connection:expr, |$inner:ident| $body:expr) => {
        match $connection {
            $crate::store::connection::AnyConnection::Pg($inner) => $body,
            $crate::store::connection::AnyConnection::Sqlite($inner) => $body,
        }
    };
}
pub(crate) use with;

/// Makes the file of a new database one that its owner alone reads: what SQLite puts beside it is as open as the file itself. A file
/// that is there stays as it is, and what cannot be made is for SQLite to say.
fn make_for_owner(path: &str) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

impl AnyConnection {
    /// Opens a connection with the settings that durability and readers need.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let mut opened = match url {
            DatabaseUrl::Sqlite(path) => {
                make_for_owner(path);
                let mut connection = SqliteConnection::establish(path).map_err(StoreError::Connect)?;
                // The busy timeout comes first: switching the journal mode may itself have to wait. Nothing is mapped into memory:
                // SQLite unmaps the file whenever another connection has committed, and a reader under load would spend half of
                // its time on page faults. A megabyte of pages is what a look needs; more only takes longer to be forgotten.
                connection.batch_execute(
                    "PRAGMA busy_timeout = 10000;
                     PRAGMA journal_mode = WAL;
                     PRAGMA synchronous = FULL;
                     PRAGMA foreign_keys = ON;
                     PRAGMA cache_size = -1000;
                     PRAGMA temp_store = MEMORY;",
                )?;
                Self::Sqlite(connection)
            }
            DatabaseUrl::Postgres(url) => {
                let mut connection = PgConnection::establish(url).map_err(StoreError::Connect)?;
                // A plan that was made while a table was empty reads all of it, and a connection keeps such plans, also those of
                // foreign keys, until the tables are analysed: the first checks of a new region would take longer with each.
                connection.batch_execute(
                    "SET TIME ZONE 'UTC'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s';
                     SET client_min_messages = warning; SET jit = off; SET enable_seqscan = off",
                )?;
                Self::Pg(connection)
            }
        };
        statements::watch(&mut opened);
        Ok(opened)
    }

    /// Says how long to wait for what another connection has locked. For SQLite.
    pub(super) fn wait_for_locks(&mut self, wait: std::time::Duration) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(c) => Ok(c.batch_execute(&format!("PRAGMA busy_timeout = {}", wait.as_millis()))?),
            Self::Pg(_) => Ok(()),
        }
    }

    /// Runs statements that return nothing.
    pub(super) fn execute(&mut self, sql: &str) -> Result<(), diesel::result::Error> {
        with!(self, |c| c.batch_execute(sql))
    }
}

/// A connection as the pool keeps it.
#[allow(missing_debug_implementations)] // diesel's connections print nothing useful
pub struct PooledConnection {
    /// The connection itself.
    pub(super) any: AnyConnection,
    /// Set while a transaction is open: a connection that comes back so is thrown away.
    pub(super) open_transaction: bool,
}

/// Lets `r2d2` keep connections of either kind.
#[derive(Debug)]
pub struct Manager(pub DatabaseUrl);

impl ManageConnection for Manager {
    type Connection = PooledConnection;
    type Error = StoreError;

    fn connect(&self) -> Result<PooledConnection, StoreError> {
        Ok(PooledConnection { any: AnyConnection::open(&self.0)?, open_transaction: false })
    }

    fn is_valid(&self, connection: &mut PooledConnection) -> Result<(), StoreError> {
        connection.any.execute("SELECT 1").map_err(StoreError::from)
    }

    fn has_broken(&self, connection: &mut PooledConnection) -> bool {
        connection.open_transaction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = std::env::temp_dir().join(format!("cofrestr-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let url = DatabaseUrl::Sqlite(folder.join("register.sqlite").display().to_string());
        let mut connection = AnyConnection::open(&url).unwrap();
        connection.execute("CREATE TABLE one (id INTEGER)").unwrap();
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap()).collect();
        assert!(files.len() >= 2, "the file and its log");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        }
        drop(connection);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_scheme_chooses_the_database() {
        for (url, expected) in [
            ("sqlite:register.sqlite", Some(DatabaseUrl::Sqlite("register.sqlite".into()))),
            ("sqlite:///var/lib/register.sqlite", Some(DatabaseUrl::Sqlite("/var/lib/register.sqlite".into()))),
            ("postgres://h/d", Some(DatabaseUrl::Postgres("postgres://h/d".into()))),
            ("postgresql://h/d", Some(DatabaseUrl::Postgres("postgresql://h/d".into()))),
            ("sqlite:", None),
            ("sqlite::memory:", None),
            ("mysql://h/d", None),
            ("register.sqlite", None),
        ] {
            assert_eq!(DatabaseUrl::parse(url).ok(), expected, "{url}");
        }
    }
}
