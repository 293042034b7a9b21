//! Rows of imports: where each row of a file went.

use diesel::prelude::*;

use super::children::ROWS_PER_STATEMENT;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::import_record;
use super::types::{Id, Instant};

/// Where a row of a source went.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = import_record, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct ImportRow {
    pub source: String,
    pub external_id: String,
    pub row_digest: String,
    pub child_id: Id,
    pub imported_at: Instant,
}

/// What is known of these rows of a source.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, source: &str, external_ids: &[&str]) -> Result<Vec<ImportRow>, StoreError> {
    let mut found = Vec::new();
    for chunk in external_ids.chunks(ROWS_PER_STATEMENT) {
        found.extend(with!(&mut *connection, |c| import_record::table
            .filter(import_record::source.eq(source))
            .filter(import_record::external_id.eq_any(chunk))
            .select(ImportRow::as_select())
            .load(c))?);
    }
    Ok(found)
}

/// Remembers where rows went.
///
/// # Errors
/// When one of them went somewhere already, or the database fails.
pub fn insert_all(connection: &mut AnyConnection, rows: &[ImportRow]) -> Result<(), StoreError> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        with!(&mut *connection, |c| diesel::insert_into(import_record::table).values(chunk).execute(c))?;
    }
    Ok(())
}

/// Remembers that a row went in again, changed.
///
/// # Errors
/// When the database fails.
pub fn update(connection: &mut AnyConnection, row: &ImportRow) -> Result<(), StoreError> {
    let target = import_record::table.find((&row.source, &row.external_id));
    with!(connection, |c| diesel::update(target)
        .set((import_record::row_digest.eq(&row.row_digest), import_record::imported_at.eq(row.imported_at)))
        .execute(c))?;
    Ok(())
}
