//! Rows of what is done under a plan: visits, core-group meetings, milestones, departures from a clock, and what was already
//! said about a clock.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::children::fact_rows;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{clock_departure, clock_escalation, core_group_meeting, plan_milestone, visit};
use super::types::{Id, Instant};

fact_rows! {
    /// A visit to the child.
    VisitRow, visit, registration_id {
        visited_on: NaiveDate,
        visited_by: Option<String>,
        seen: bool,
        seen_alone: bool,
        at_home: bool,
        bedroom_seen: bool,
        note: Option<String>,
    }
    /// A meeting of the core group.
    CoreGroupMeetingRow, core_group_meeting, registration_id {
        held_on: NaiveDate,
        note: Option<String>,
    }
    /// Something that is done once under a plan.
    MilestoneRow, plan_milestone, registration_id {
        kind: String,
        reached_on: NaiveDate,
        note: Option<String>,
    }
    /// A departure from a clock's time.
    DepartureRow, clock_departure, registration_id {
        clock: String,
        was_due_on: NaiveDate,
        due_on: NaiveDate,
        reason: String,
        approved_by: String,
    }
}

/// A step of a clock's escalation that was raised.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = clock_escalation)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct EscalationRow {
    pub registration_id: Id,
    pub clock: String,
    pub due_on: NaiveDate,
    pub level: i64,
    pub raised_at: Instant,
}

impl EscalationRow {
    /// Notes the step. Says whether it was not noted before: only then is it raised.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn note(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let added = with!(connection, |c| diesel::insert_into(clock_escalation::table).values(self).on_conflict_do_nothing().execute(c))?;
        Ok(added == 1)
    }

    /// The steps that were raised for these entries.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, registrations: &[Id]) -> Result<Vec<Self>, StoreError> {
        if registrations.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| clock_escalation::table
            .filter(clock_escalation::registration_id.eq_any(registrations))
            .select(Self::as_select())
            .load(c))?)
    }
}
