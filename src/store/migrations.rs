//! Bringing a database to this version of the program, and proving that the way up and down is whole.

use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{AnyConnection, DatabaseUrl, with};
use super::error::StoreError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Applies what is missing; answers the names of what was applied, oldest first.
///
/// # Errors
/// When the database cannot be reached, or a migration fails; then it is left at the last one that succeeded.
pub fn run(url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
    let mut connection = AnyConnection::open(url)?;
    let applied = match &mut connection {
        AnyConnection::Pg(c) => c.run_pending_migrations(POSTGRES).map(|versions| versions.iter().map(ToString::to_string).collect()),
        AnyConnection::Sqlite(c) => c.run_pending_migrations(SQLITE).map(|versions| versions.iter().map(ToString::to_string).collect()),
    };
    applied.map_err(|error| StoreError::Migrations(error.to_string()))
}

/// Reverts every migration.
///
/// # Errors
/// When the database cannot be reached or a migration cannot be reverted.
pub fn revert_all(url: &DatabaseUrl) -> Result<(), StoreError> {
    let mut connection = AnyConnection::open(url)?;
    match &mut connection {
        AnyConnection::Pg(c) => c.revert_all_migrations(POSTGRES).map(|_| ()),
        AnyConnection::Sqlite(c) => c.revert_all_migrations(SQLITE).map(|_| ()),
    }
    .map_err(|error| StoreError::Migrations(error.to_string()))
}

/// Whether the database has exactly the migrations that this program knows.
///
/// # Errors
/// When the database cannot be reached.
pub fn pending(url: &DatabaseUrl) -> Result<bool, StoreError> {
    let mut connection = AnyConnection::open(url)?;
    match &mut connection {
        AnyConnection::Pg(c) => c.has_pending_migration(POSTGRES),
        AnyConnection::Sqlite(c) => c.has_pending_migration(SQLITE),
    }
    .map_err(|error| StoreError::Migrations(error.to_string()))
}

/// A PostgreSQL database made for a proof, and dropped with the value.
#[derive(Debug)]
pub struct ScratchDatabase {
    server: DatabaseUrl,
    name: String,
    url: DatabaseUrl,
}

impl ScratchDatabase {
    /// Makes one on the server of another database.
    ///
    /// # Errors
    /// When the server cannot be reached, or the role may not create databases.
    pub fn create(url: &str) -> Result<Self, StoreError> {
        let (base, parameters) = url.split_once('?').map_or((url, ""), |(base, parameters)| (base, parameters));
        let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
        let host = base.len() - rest.len() + rest.find('/').unwrap_or(rest.len());
        let name = format!("cofrestr_check_{}", uuid::Uuid::now_v7().simple());
        let parameters = if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
        let scratch = DatabaseUrl::Postgres(format!("{}/{name}{parameters}", &base[..host]));
        let server = DatabaseUrl::Postgres(url.to_owned());
        AnyConnection::open(&server)?.execute(&format!("CREATE DATABASE {name}"))?;
        Ok(Self { server, name, url: scratch })
    }

    /// Its URL.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        let dropped = AnyConnection::open(&self.server)
            .and_then(|mut connection| Ok(connection.execute(&format!("DROP DATABASE IF EXISTS {}", self.name))?));
        if let Err(error) = dropped {
            tracing::warn!(error = %error, database = %self.name, "a scratch database could not be dropped");
        }
    }
}

/// One column as the catalogue knows it: table, name, whether it may be null, its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CatalogueColumn {
    /// The table.
    pub table: String,
    /// Its place in the table, from 1.
    pub position: i64,
    /// Its name.
    pub column: String,
    /// The meaning that both dialects map to: `id`, `instant`, `day`, `yesno`, `number`, `text`, `bytes` or, on SQLite,
    /// where several meanings share one type, `text` and `number`.
    pub kind: String,
    /// Whether it may be null.
    pub nullable: bool,
    /// Its place in the primary key, from 1; 0 when it is not part of it.
    pub key: i64,
}

#[derive(diesel::QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    table_name: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    position: i64,
    #[diesel(sql_type = diesel::sql_types::Text)]
    column_name: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    kind: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    nullable: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    key: i64,
}

/// The database's own catalogue: its columns, and the names of its indexes and triggers. For proofs, not for work.
///
/// # Errors
/// When the database cannot be read.
pub fn catalogue(url: &DatabaseUrl) -> Result<(Vec<CatalogueColumn>, Vec<String>), StoreError> {
    use diesel::RunQueryDsl;

    #[derive(diesel::QueryableByName)]
    struct NameRow {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }

    let mut connection = AnyConnection::open(url)?;
    let (columns, names) = match &connection {
        AnyConnection::Sqlite(_) => (
            "SELECT m.name AS table_name, CAST(p.cid + 1 AS INTEGER) AS position, p.name AS column_name,
                    CASE p.type WHEN 'TEXT' THEN 'text' WHEN 'INTEGER' THEN 'number' WHEN 'BLOB' THEN 'bytes' ELSE p.type END AS kind,
                    CAST(CASE WHEN p.\"notnull\" = 1 OR p.pk > 0 THEN 0 ELSE 1 END AS INTEGER) AS nullable, CAST(p.pk AS INTEGER) AS key
             FROM sqlite_master m JOIN pragma_table_info(m.name) p
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'
             ORDER BY 1, 2",
            "SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger') AND name NOT LIKE 'sqlite_%' ORDER BY 1",
        ),
        AnyConnection::Pg(_) => (
            "SELECT c.table_name::text, c.ordinal_position::bigint AS position, c.column_name::text,
                    CASE c.data_type WHEN 'uuid' THEN 'text' WHEN 'timestamp with time zone' THEN 'text' WHEN 'date' THEN 'text'
                        WHEN 'boolean' THEN 'number' WHEN 'bigint' THEN 'number' WHEN 'bytea' THEN 'bytes' ELSE c.data_type::text END AS kind,
                    CASE c.is_nullable WHEN 'YES' THEN 1 ELSE 0 END::bigint AS nullable,
                    COALESCE((SELECT k.ordinal_position FROM information_schema.table_constraints t
                        JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
                        WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_schema = c.table_schema
                          AND t.table_name = c.table_name AND k.column_name = c.column_name), 0)::bigint AS key
             FROM information_schema.columns c
             WHERE c.table_schema = 'public' AND c.table_name NOT LIKE '\\_\\_diesel%'
             ORDER BY 1, 2",
            "SELECT name FROM (
                 SELECT indexname::text AS name FROM pg_indexes WHERE schemaname = 'public'
                     AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_key' AND tablename NOT LIKE '\\_\\_diesel%'
                 UNION SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgname NOT LIKE '%\\_no\\_truncate'
             ) AS names ORDER BY name COLLATE \"C\"",
        ),
    };
    let rows: Vec<ColumnRow> = with!(&mut connection, |c| diesel::sql_query(columns).load(c))?;
    let names: Vec<NameRow> = with!(&mut connection, |c| diesel::sql_query(names).load(c))?;
    let mut columns: Vec<_> = rows
        .into_iter()
        .map(|row| CatalogueColumn {
            table: row.table_name,
            position: row.position,
            column: row.column_name,
            kind: row.kind,
            nullable: row.nullable == 1,
            key: row.key,
        })
        .collect();
    columns.sort();
    Ok((columns, names.into_iter().map(|row| row.name).collect()))
}
