//! What can go wrong between the register and its database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the store. One variant per thing a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database URL cannot be used. Correct the configuration.
    #[error("the database URL cannot be used: {0}")]
    Url(&'static str),
    /// The database did not answer. Try again later.
    #[error("the database could not be reached")]
    Connect(#[source] diesel::ConnectionError),
    /// No connection became free in time. Try again later.
    #[error("no database connection became free in time")]
    Busy(#[source] diesel::r2d2::PoolError),
    /// Another transaction was in the way, even after several tries. Try again.
    #[error("another transaction was in the way")]
    Conflict(#[source] DieselError),
    /// Somebody held a lock for too long, or a statement took too long. Nothing was kept. Try again later.
    #[error("the database did not do the work in time")]
    TimedOut(#[source] DieselError),
    /// The matcher's index was made by another version of this program: with this one's keys nobody would be found in it. This server
    /// must give way to one of the newer version.
    #[error(
        "the matching index was made by another version of this program, and would be read wrongly; \
         stop this server, or start it again if it is of the newest version"
    )]
    OtherIndex,
    /// A row with this key exists already. The author of the query decides what that means.
    #[error("a row with this key exists already")]
    Exists(#[source] DieselError),
    /// The database refused or failed: a defect here or a fault there.
    #[error("the database refused or failed")]
    Database(#[source] DieselError),
    /// A stored value does not read back as what it should be.
    #[error("a stored value cannot be read: {0}")]
    Corrupt(&'static str),
    /// The matcher's secret is not the one under which this database was indexed. Correct the configuration.
    #[error(
        "the matcher's secret is not the one under which this database was indexed, and would find nobody; \
         let keys.folder name the folder that the database was made with"
    )]
    OtherSecret,
    /// The migrations failed or do not fit this program.
    #[error("the migrations failed: {0}")]
    Migrations(String),
    /// More work waits than the disk can take, or a commit failed. Nothing was kept. Try again later.
    #[error("the work could not be committed in time")]
    Overloaded,
    /// The writer has stopped; the server is shutting down.
    #[error("the writer has stopped")]
    Stopped,
    /// A unit of work panicked; nothing of it was kept.
    #[error("the work was abandoned because of a defect")]
    Panicked,
}

impl StoreError {
    /// Whether trying later may help (503) rather than being a defect (500).
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Connect(_)
            | Self::Busy(_)
            | Self::Conflict(_)
            | Self::TimedOut(_)
            | Self::OtherIndex
            | Self::Stopped
            | Self::Overloaded => true,
            Self::Database(error) => lost_connection(error) || is_full_or_locked(error),
            Self::Url(_) | Self::Exists(_) | Self::Corrupt(_) | Self::OtherSecret | Self::Migrations(_) | Self::Panicked => false,
        }
    }

    /// The name of the constraint that a row was against, or on SQLite of the columns that may be there once only. Names of the schema:
    /// never a value.
    pub fn constraint(&self) -> Option<String> {
        let (Self::Exists(DieselError::DatabaseError(_, information)) | Self::Database(DieselError::DatabaseError(_, information))) = self
        else {
            return None;
        };
        let is_name = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_., ".contains(c));
        let columns = || information.message().strip_prefix("UNIQUE constraint failed: ").filter(is_name);
        information.constraint_name().or_else(columns).map(ToOwned::to_owned)
    }

    /// Whether the database does not answer at all, so that not even the failure can be kept.
    pub(super) fn is_away(&self) -> bool {
        self.is_temporary() && !matches!(self, Self::Conflict(_) | Self::TimedOut(_) | Self::OtherIndex)
    }

    /// Whether the same transaction, run again, may succeed: PostgreSQL's 40001 and 40P01.
    pub(super) fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Conflict(error),
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Exists(error),
            DieselError::DatabaseError(_, information) if information.message().contains("deadlock detected") => Self::Conflict(error),
            DieselError::DatabaseError(_, information) if took_too_long(information.message()) => Self::TimedOut(error),
            _ => Self::Database(error),
        }
    }
}

/// PostgreSQL's words for a lock that did not come free (55P03) and a statement that was cut off (57014).
fn took_too_long(message: &str) -> bool {
    ["lock timeout", "statement timeout", "could not obtain lock"].iter().any(|words| message.contains(words))
}

/// Whether the connection itself is gone.
pub(super) fn lost_connection(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _) => true,
        DieselError::DatabaseError(_, information) => {
            let message = information.message();
            [
                "server closed the connection",
                "terminating connection",
                "connection to server",
                "no connection to the server",
                "shutting down",
                "starting up",
            ]
            .iter()
            .any(|part| message.contains(part))
        }
        DieselError::BrokenTransactionManager => true,
        _ => false,
    }
}

/// SQLite's words for a full disk and for a lock that did not come free.
fn is_full_or_locked(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(_, information) => {
            let message = information.message();
            message.contains("database is locked") || message.contains("disk is full") || message.contains("disk I/O error")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_was_against_is_named_by_the_schema_alone() {
        let against = |message: &str| {
            let error = DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, Box::new(message.to_owned()));
            StoreError::from(error).constraint()
        };
        let table = [
            ("UNIQUE constraint failed: enquiry.id", Some("enquiry.id")),
            ("UNIQUE constraint failed: match_key.k, match_key.pid", Some("match_key.k, match_key.pid")),
            ("UNIQUE constraint failed: index 'Seren'", None),
            ("a row says Seren", None),
        ];
        for (message, expected) in table {
            assert_eq!(against(message).as_deref(), expected, "{message}");
        }
    }
}
