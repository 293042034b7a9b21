//! Rows of entries on the register.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::children::{ROWS_PER_STATEMENT, fact_rows};
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::fixed::among;
use super::schema::{core_group_member, registration, registration_category, registration_coordinator, registration_state};
use super::types::{Id, Instant};

/// An entry.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = registration, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct RegistrationRow {
    pub id: Id,
    pub child_id: Id,
    pub authority: String,
    pub version: i64,
    pub created_at: Instant,
    pub changed_at: Instant,
}

fact_rows! {
    /// What holds of an entry.
    StateRow, registration_state, registration_id {
        kind: String,
        registered_on: NaiveDate,
        removed_on: Option<NaiveDate>,
        removal_ground: Option<String>,
        entered_in_error: bool,
        error_reason: Option<String>,
        legal_status: Option<String>,
        review_due_on: Option<NaiveDate>,
        conference_held_on: Option<NaiveDate>,
        conference_kind: Option<String>,
        conference_authority: Option<String>,
        home_region: Option<String>,
        home_authority: Option<String>,
        home_registration_id: Option<Id>,
        conference_id: Option<Id>,
        removal_conference_id: Option<Id>,
        removal_evidence: Option<String>,
        removal_reasons: Option<String>,
    }
    /// A category of an entry.
    CategoryRow, registration_category, registration_id {
        category: String,
        code_set: String,
    }
    /// A co-ordinator of an entry.
    CoordinatorRow, registration_coordinator, registration_id {
        name: String,
        person: Option<String>,
        phone: Option<String>,
        email: Option<String>,
    }
    /// A member of the core group.
    CoreGroupRow, core_group_member, registration_id {
        name: String,
        agency: Option<String>,
        role: Option<String>,
        phone: Option<String>,
    }
}

impl RegistrationRow {
    /// Adds the entry.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(registration::table).values(self).execute(c))?;
        Ok(())
    }

    /// Adds many entries.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert_all(connection: &mut AnyConnection, rows: &[Self]) -> Result<(), StoreError> {
        if let [row] = rows {
            return row.insert(connection);
        }
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            with!(&mut *connection, |c| diesel::insert_into(registration::table).values(chunk).execute(c))?;
        }
        Ok(())
    }
}

/// The entry with this identifier.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<RegistrationRow>, StoreError> {
    Ok(with!(connection, |c| registration::table.filter(registration::id.eq(id)).select(RegistrationRow::as_select()).first(c).optional())?)
}

/// Those of these entries that exist, oldest first.
///
/// # Errors
/// When the database fails.
pub fn by_ids(connection: &mut AnyConnection, ids: &[Id]) -> Result<Vec<RegistrationRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with!(connection, |c| registration::table
        .filter(registration::id.eq_any(ids))
        .order(registration::id)
        .select(RegistrationRow::as_select())
        .load(c))?)
}

/// The entries of these people, oldest first.
///
/// # Errors
/// When the database fails.
pub fn of_children(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<RegistrationRow>, StoreError> {
    if children.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with!(connection, |c| registration::table
        .filter(among(registration::child_id, children))
        .order(registration::id)
        .select(RegistrationRow::as_select())
        .load(c))?)
}

/// An entry with what holds of it and a co-ordinator, if there is one: a row for each co-ordinator.
pub type ToldRow = (RegistrationRow, Option<StateRow>, Option<CoordinatorRow>);

/// The entries of these people with what a check tells of them, oldest first: in one statement.
///
/// # Errors
/// When the database fails.
pub fn told_of_children(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<ToldRow>, StoreError> {
    if children.is_empty() {
        return Ok(Vec::new());
    }
    let state = registration_state::registration_id.eq(registration::id).and(registration_state::superseded_at.is_null());
    let coordinator = registration_coordinator::registration_id.eq(registration::id).and(registration_coordinator::superseded_at.is_null());
    Ok(with!(connection, |c| registration::table
        .left_join(registration_state::table.on(state))
        .left_join(registration_coordinator::table.on(coordinator))
        .filter(among(registration::child_id, children))
        .order((registration::id, registration_state::id, registration_coordinator::id))
        .select((RegistrationRow::as_select(), Option::<StateRow>::as_select(), Option::<CoordinatorRow>::as_select()))
        .load(c))?)
}

/// Whose entries a list shows.
#[derive(Debug, Clone)]
pub enum Whose {
    /// Those of these authorities.
    Authorities(Vec<String>),
    /// Those that this person co-ordinates now.
    Coordinator(String),
}

/// A page of entries, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut AnyConnection, whose: &Whose, before: Option<Id>, limit: i64) -> Result<Vec<RegistrationRow>, StoreError> {
    with!(connection, |c| {
        let mut query = registration::table.select(RegistrationRow::as_select()).order(registration::id.desc()).limit(limit).into_boxed();
        match whose {
            Whose::Authorities(authorities) => query = query.filter(registration::authority.eq_any(authorities)),
            Whose::Coordinator(person) => {
                query = query.filter(
                    registration::id.eq_any(
                        registration_coordinator::table
                            .filter(registration_coordinator::person.eq(person))
                            .filter(registration_coordinator::superseded_at.is_null())
                            .filter(registration_coordinator::valid_to.is_null())
                            .select(registration_coordinator::registration_id),
                    ),
                );
            }
        }
        if let Some(before) = before {
            query = query.filter(registration::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// Whether a person co-ordinates any entry of a child now.
///
/// # Errors
/// When the database fails.
pub fn coordinates(connection: &mut AnyConnection, person: &str, child: Id) -> Result<bool, StoreError> {
    let found: Option<Id> = with!(connection, |c| registration_coordinator::table
        .inner_join(registration::table.on(registration::id.eq(registration_coordinator::registration_id)))
        .filter(registration_coordinator::person.eq(person))
        .filter(registration_coordinator::superseded_at.is_null())
        .filter(registration_coordinator::valid_to.is_null())
        .filter(registration::child_id.eq(child))
        .select(registration::id)
        .first(c)
        .optional())?;
    Ok(found.is_some())
}

/// The temporary entries that rest on an entry of this region and have not ended, oldest first.
///
/// # Errors
/// When the database fails.
pub fn resting_on(connection: &mut AnyConnection, home: Id) -> Result<Vec<RegistrationRow>, StoreError> {
    let resting = registration_state::table
        .filter(registration_state::home_registration_id.eq(home))
        .filter(registration_state::superseded_at.is_null())
        .filter(registration_state::removed_on.is_null())
        .filter(registration_state::entered_in_error.eq(false))
        .select(registration_state::registration_id);
    Ok(with!(connection, |c| registration::table
        .filter(registration::id.eq_any(resting))
        .order(registration::id)
        .select(RegistrationRow::as_select())
        .load(c))?)
}

/// The temporary entries that ended because the entry of this region on which they rest did, recorded at the same instant.
///
/// # Errors
/// When the database fails.
pub fn ended_with(connection: &mut AnyConnection, home: Id, recorded_at: Instant) -> Result<Vec<RegistrationRow>, StoreError> {
    let ended = registration_state::table
        .filter(registration_state::home_registration_id.eq(home))
        .filter(registration_state::superseded_at.is_null())
        .filter(registration_state::removal_ground.eq("home-authority-ended"))
        .filter(registration_state::recorded_at.eq(recorded_at))
        .filter(registration_state::entered_in_error.eq(false))
        .select(registration_state::registration_id);
    Ok(with!(connection, |c| registration::table
        .filter(registration::id.eq_any(ended))
        .order(registration::id)
        .select(RegistrationRow::as_select())
        .load(c))?)
}

/// The authorities of whose entries of a child a person is the co-ordinator now.
///
/// # Errors
/// When the database fails.
pub fn coordinated(connection: &mut AnyConnection, person: &str, child: Id) -> Result<Vec<String>, StoreError> {
    Ok(with!(connection, |c| registration_coordinator::table
        .inner_join(registration::table.on(registration::id.eq(registration_coordinator::registration_id)))
        .filter(registration_coordinator::person.eq(person))
        .filter(registration_coordinator::superseded_at.is_null())
        .filter(registration_coordinator::valid_to.is_null())
        .filter(registration::child_id.eq(child))
        .select(registration::authority)
        .load(c))?)
}

/// Moves an entry from one version to the next. Says whether it was still at that version.
///
/// # Errors
/// When the database fails.
pub fn advance(connection: &mut AnyConnection, id: Id, version: i64, at: Instant) -> Result<bool, StoreError> {
    let target = registration::table.filter(registration::id.eq(id)).filter(registration::version.eq(version));
    let changed = with!(connection, |c| diesel::update(target)
        .set((registration::version.eq(version + 1), registration::changed_at.eq(at)))
        .execute(c))?;
    Ok(changed == 1)
}

/// Marks the present state of an entry as superseded, before a new one is added.
///
/// # Errors
/// When the database fails.
pub fn supersede_state(connection: &mut AnyConnection, state: Id, at: Instant) -> Result<(), StoreError> {
    let target = registration_state::table.filter(registration_state::id.eq(state));
    with!(connection, |c| diesel::update(target).set(registration_state::superseded_at.eq(at)).execute(c))?;
    Ok(())
}
