//! Column types that both databases share: identifiers and instants.
//!
//! SQLite has neither, so each is one SQL type here with a fixed text form there: an identifier is 36 characters, an
//! instant is RFC 3339 in UTC with exactly six decimals, which sorts as time.

use std::io::Write;

use chrono::{DateTime, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{SqlType, Text};
use diesel::sqlite::{Sqlite, SqliteValue};
use uuid::Uuid;

/// `UUID` on PostgreSQL, 36 characters of text on SQLite.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Text"))]
pub struct DbUuid;

/// `TIMESTAMPTZ` on PostgreSQL, fixed-width RFC 3339 text on SQLite.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
pub struct DbInstant;

/// An identifier in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = DbUuid)]
pub struct Id(pub Uuid);

/// `Debug` of a row that holds what must be in no log and no panic: these columns, and nothing of the others.
macro_rules! shows_only {
    ($row:ident: $($column:ident),+) => {
        impl std::fmt::Debug for $row {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($row))$(.field(stringify!($column), &self.$column))+.finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use shows_only;

macro_rules! from_typed {
    ($($name:ident),+) => {$(
        impl From<crate::domain::ids::$name> for Id {
            fn from(id: crate::domain::ids::$name) -> Self {
                Self(id.into())
            }
        }
    )+};
}
from_typed!(
    ChildId,
    NameId,
    AddressId,
    IdentifierId,
    HouseholdMemberId,
    RegistrationId,
    CheckId,
    NoticeId,
    TaskId,
    ConferenceId,
    Section47Id,
    RevocationId,
    HoldId,
    ClientId,
    WebhookId,
    ImportId,
    IdentityDecisionId,
    BreakGlassId,
    EventId,
    CustodyId,
    TransferId,
    StayId,
    MessageId,
    AlertId,
    SightingId
);

impl ToSql<DbUuid, Pg> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<DbUuid, Pg> for Id {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}

impl ToSql<DbUuid, Sqlite> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.hyphenated().to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<DbUuid, Sqlite> for Id {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(Self(Uuid::parse_str(&text)?))
    }
}

/// An instant in a row, cut to microseconds, so that what is read equals what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = DbInstant)]
pub struct Instant(DateTime<Utc>);

impl Instant {
    /// The instant, cut to microseconds.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self(DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at))
    }

    /// The instant as the rest of the program knows it.
    pub fn get(self) -> DateTime<Utc> {
        self.0
    }

    /// The fixed-width text form that SQLite stores.
    fn text(self) -> String {
        self.0.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(at: DateTime<Utc>) -> Self {
        Self::new(at)
    }
}

impl ToSql<DbInstant, Pg> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <DateTime<Utc> as ToSql<diesel::sql_types::Timestamptz, Pg>>::to_sql(&self.0, &mut out.reborrow())
    }
}

impl FromSql<DbInstant, Pg> for Instant {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <DateTime<Utc> as FromSql<diesel::sql_types::Timestamptz, Pg>>::from_sql(value).map(Self)
    }
}

impl ToSql<DbInstant, Sqlite> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.text());
        Ok(IsNull::No)
    }
}

impl FromSql<DbInstant, Sqlite> for Instant {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(Self(DateTime::parse_from_rfc3339(&text)?.with_timezone(&Utc)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_a_fixed_width_and_lose_only_what_no_database_keeps() {
        for (given, text) in [
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000Z"),
            ("2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00.123456Z"),
            ("2026-11-22T11:00:00.5+01:00", "2026-11-22T10:00:00.500000Z"),
        ] {
            let at = DateTime::parse_from_rfc3339(given).expect("a valid instant").with_timezone(&Utc);
            assert_eq!(Instant::new(at).text(), text);
        }
    }
}
