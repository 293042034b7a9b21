//! Small facts about this installation that must survive a restart.

use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::setting;

/// Reads a fact.
///
/// # Errors
/// When the database fails.
pub fn get(connection: &mut AnyConnection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(with!(connection, |c| setting::table.find(name).select(setting::value).first(c).optional())?)
}

/// Writes a fact.
///
/// # Errors
/// When the database fails.
pub fn set(connection: &mut AnyConnection, name: &str, value: &str) -> Result<(), StoreError> {
    let row = (setting::name.eq(name), setting::value.eq(value));
    with!(connection, |c| diesel::insert_into(setting::table)
        .values(row)
        .on_conflict(setting::name)
        .do_update()
        .set(setting::value.eq(value))
        .execute(c))?;
    Ok(())
}
