//! Rows of enquiries under section 47 and of conferences with their decisions.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::children::{ROWS_PER_STATEMENT, fact_rows};
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{
    conference, conference_attendee, conference_decision, conference_state, registration, registration_coordinator, section47,
    section47_state,
};
use super::types::{Id, Instant};

/// An enquiry under section 47.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = section47, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct Section47Row {
    pub id: Id,
    pub child_id: Id,
    pub authority: String,
    pub version: i64,
    pub created_at: Instant,
    pub changed_at: Instant,
}

/// A conference.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = conference, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct ConferenceRow {
    pub id: Id,
    pub authority: String,
    pub version: i64,
    pub created_at: Instant,
    pub changed_at: Instant,
}

/// Whose conferences a list shows.
#[derive(Debug, Clone)]
pub enum Whose {
    /// Those of these authorities.
    Authorities(Vec<String>),
    /// Those that this person chaired.
    Chair(String),
    /// Those about a child whose case this person co-ordinates.
    Coordinator(String),
}

fact_rows! {
    /// What holds of an enquiry under section 47.
    Section47StateRow, section47_state, section47_id {
        referral_on: Option<NaiveDate>,
        strategy_discussion_on: NaiveDate,
        decided_on: Option<NaiveDate>,
        started_on: Option<NaiveDate>,
        outcome: Option<String>,
        outcome_on: Option<NaiveDate>,
        assessment_completed_on: Option<NaiveDate>,
        departure_reason: Option<String>,
        departure_approved_by: Option<String>,
        entered_in_error: bool,
        error_reason: Option<String>,
    }
    /// What holds of a conference.
    ConferenceStateRow, conference_state, conference_id {
        kind: String,
        held_on: NaiveDate,
        chair: Option<String>,
        chair_person: Option<String>,
        language: Option<String>,
        quorate: Option<bool>,
        quorum_reason: Option<String>,
        departure_reason: Option<String>,
        departure_approved_by: Option<String>,
        entered_in_error: bool,
        error_reason: Option<String>,
    }
    /// Somebody who was at a conference, or should have been.
    AttendeeRow, conference_attendee, conference_id {
        name: String,
        agency: Option<String>,
        role: Option<String>,
        attendance: String,
        direct_contact: Option<bool>,
    }
    /// What a conference decided for one child.
    DecisionRow, conference_decision, conference_id {
        child_id: Id,
        section47_id: Option<Id>,
        registration_id: Option<Id>,
        decision: String,
        categories: String,
        consensus: Option<bool>,
        dissent: Option<String>,
        reasons: Option<String>,
        evidence: Option<String>,
        child_views: Option<String>,
        child_views_how: Option<String>,
        child_participation: Option<String>,
        parent_views: Option<String>,
        parent_views_how: Option<String>,
        views_language: Option<String>,
        advocacy_offered_on: Option<NaiveDate>,
        advocacy_offered_by: Option<String>,
        advocacy_response: Option<String>,
        review_due_on: Option<NaiveDate>,
        core_group_due_on: Option<NaiveDate>,
    }
}

impl Section47Row {
    /// Adds the enquiry.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(section47::table).values(self).execute(c))?;
        Ok(())
    }

    /// The enquiry with this identifier.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| section47::table.find(id).select(Self::as_select()).first(c).optional())?)
    }

    /// The enquiries about these people, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_children(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<Self>, StoreError> {
        if children.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| section47::table
            .filter(section47::child_id.eq_any(children))
            .order(section47::id)
            .select(Self::as_select())
            .load(c))?)
    }

    /// A page of the enquiries of these authorities, newest first; about one child, or about all.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(
        connection: &mut AnyConnection,
        whose: &Whose,
        child: Option<Id>,
        before: Option<Id>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = section47::table.select(Self::as_select()).order(section47::id.desc()).limit(limit).into_boxed();
            match whose {
                Whose::Authorities(authorities) => query = query.filter(section47::authority.eq_any(authorities)),
                // No chair sees an enquiry: only what it led to.
                Whose::Chair(_) => return Ok(Vec::new()),
                Whose::Coordinator(person) => {
                    query = query.filter(
                        section47::child_id.eq_any(
                            registration::table
                                .inner_join(
                                    registration_coordinator::table.on(registration_coordinator::registration_id.eq(registration::id)),
                                )
                                .filter(registration_coordinator::person.eq(person))
                                .filter(registration_coordinator::superseded_at.is_null())
                                .filter(registration_coordinator::valid_to.is_null())
                                .select(registration::child_id),
                        ),
                    );
                }
            }
            if let Some(child) = child {
                query = query.filter(section47::child_id.eq(child));
            }
            if let Some(before) = before {
                query = query.filter(section47::id.lt(before));
            }
            Ok(query.load(c)?)
        })
    }

    /// Moves it from one version to the next. Says whether it was still at that version.
    ///
    /// # Errors
    /// When the database fails.
    pub fn advance(connection: &mut AnyConnection, id: Id, version: i64, at: Instant) -> Result<bool, StoreError> {
        let target = section47::table.filter(section47::id.eq(id)).filter(section47::version.eq(version));
        let changed = with!(connection, |c| diesel::update(target)
            .set((section47::version.eq(version + 1), section47::changed_at.eq(at)))
            .execute(c))?;
        Ok(changed == 1)
    }
}

impl ConferenceRow {
    /// Adds many conferences.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert_all(connection: &mut AnyConnection, rows: &[Self]) -> Result<(), StoreError> {
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            with!(&mut *connection, |c| diesel::insert_into(conference::table).values(chunk).execute(c))?;
        }
        Ok(())
    }

    /// Adds the conference.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(conference::table).values(self).execute(c))?;
        Ok(())
    }

    /// The conference with this identifier.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| conference::table.find(id).select(Self::as_select()).first(c).optional())?)
    }

    /// Those of these conferences that exist, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn by_ids(connection: &mut AnyConnection, ids: &[Id]) -> Result<Vec<Self>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| conference::table
            .filter(conference::id.eq_any(ids))
            .order(conference::id)
            .select(Self::as_select())
            .load(c))?)
    }

    /// The conference with this identifier, if it is one of these.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find_of(connection: &mut AnyConnection, id: Id, whose: &Whose) -> Result<Option<Self>, StoreError> {
        Ok(Self::select(connection, whose, Some(id), None, None, 1)?.pop())
    }

    /// A page of conferences, newest first; of one child, or of all.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(
        connection: &mut AnyConnection,
        whose: &Whose,
        child: Option<Id>,
        before: Option<Id>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        Self::select(connection, whose, None, child, before, limit)
    }

    fn select(
        connection: &mut AnyConnection,
        whose: &Whose,
        id: Option<Id>,
        child: Option<Id>,
        before: Option<Id>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = conference::table.select(Self::as_select()).order(conference::id.desc()).limit(limit).into_boxed();
            match whose {
                Whose::Authorities(authorities) => query = query.filter(conference::authority.eq_any(authorities)),
                Whose::Chair(person) => {
                    query = query.filter(
                        conference::id.eq_any(
                            conference_state::table
                                .filter(conference_state::chair_person.eq(person))
                                .filter(conference_state::superseded_at.is_null())
                                .select(conference_state::conference_id),
                        ),
                    );
                }
                Whose::Coordinator(person) => {
                    query = query.filter(
                        conference::id.eq_any(
                            conference_decision::table
                                .inner_join(registration::table.on(registration::child_id.eq(conference_decision::child_id)))
                                .inner_join(
                                    registration_coordinator::table.on(registration_coordinator::registration_id.eq(registration::id)),
                                )
                                .filter(conference_decision::superseded_at.is_null())
                                .filter(registration_coordinator::person.eq(person))
                                .filter(registration_coordinator::superseded_at.is_null())
                                .filter(registration_coordinator::valid_to.is_null())
                                .select(conference_decision::conference_id),
                        ),
                    );
                }
            }
            if let Some(id) = id {
                query = query.filter(conference::id.eq(id));
            }
            if let Some(child) = child {
                query = query.filter(
                    conference::id.eq_any(
                        conference_decision::table
                            .filter(conference_decision::child_id.eq(child))
                            .filter(conference_decision::superseded_at.is_null())
                            .select(conference_decision::conference_id),
                    ),
                );
            }
            if let Some(before) = before {
                query = query.filter(conference::id.lt(before));
            }
            Ok(query.load(c)?)
        })
    }

    /// Moves it from one version to the next. Says whether it was still at that version.
    ///
    /// # Errors
    /// When the database fails.
    pub fn advance(connection: &mut AnyConnection, id: Id, version: i64, at: Instant) -> Result<bool, StoreError> {
        let target = conference::table.filter(conference::id.eq(id)).filter(conference::version.eq(version));
        let changed = with!(connection, |c| diesel::update(target)
            .set((conference::version.eq(version + 1), conference::changed_at.eq(at)))
            .execute(c))?;
        Ok(changed == 1)
    }
}

impl ConferenceStateRow {
    /// What holds of a conference of which no more than its kind and its day was said.
    pub fn bare(conference: Id, kind: &str, held_on: NaiveDate, at: Instant, by: &str) -> Self {
        Self {
            id: Id(uuid::Uuid::now_v7()),
            conference_id: conference,
            kind: kind.to_owned(),
            held_on,
            chair: None,
            chair_person: None,
            language: None,
            quorate: None,
            quorum_reason: None,
            departure_reason: None,
            departure_approved_by: None,
            entered_in_error: false,
            error_reason: None,
            valid_from: None,
            valid_to: None,
            recorded_at: at,
            recorded_by: by.to_owned(),
            superseded_at: None,
        }
    }
}

impl DecisionRow {
    /// A decision for a child of which no more than the categories was said.
    pub fn bare(conference: Id, child: Id, decision: &str, categories: String, at: Instant, by: &str) -> Self {
        Self {
            id: Id(uuid::Uuid::now_v7()),
            conference_id: conference,
            child_id: child,
            section47_id: None,
            registration_id: None,
            decision: decision.to_owned(),
            categories,
            consensus: None,
            dissent: None,
            reasons: None,
            evidence: None,
            child_views: None,
            child_views_how: None,
            child_participation: None,
            parent_views: None,
            parent_views_how: None,
            views_language: None,
            advocacy_offered_on: None,
            advocacy_offered_by: None,
            advocacy_response: None,
            review_due_on: None,
            core_group_due_on: None,
            valid_from: None,
            valid_to: None,
            recorded_at: at,
            recorded_by: by.to_owned(),
            superseded_at: None,
        }
    }

    /// The decisions about these people that are held to be true now, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_children(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<Self>, StoreError> {
        if children.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| conference_decision::table
            .filter(conference_decision::child_id.eq_any(children))
            .filter(conference_decision::superseded_at.is_null())
            .order(conference_decision::id)
            .select(Self::as_select())
            .load(c))?)
    }

    /// The decisions about these entries that are held to be true now, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_registrations(connection: &mut AnyConnection, registrations: &[Id]) -> Result<Vec<Self>, StoreError> {
        if registrations.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| conference_decision::table
            .filter(conference_decision::registration_id.eq_any(registrations))
            .filter(conference_decision::superseded_at.is_null())
            .order(conference_decision::id)
            .select(Self::as_select())
            .load(c))?)
    }
}
