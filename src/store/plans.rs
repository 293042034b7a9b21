//! Rows of what is done under a plan: visits, core-group meetings, milestones, departures from a clock, and what was already
//! said about a clock.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::children::fact_rows;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{clock_departure, clock_escalation, core_group_meeting, plan_milestone, plan_withdrawal, visit};
use super::types::{Id, Instant, shows_only};

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

macro_rules! withdrawable {
    ($($name:ident, $table:ident);+ $(;)?) => {
        $(
            impl $name {
                /// One of an entry, entered in error or not.
                ///
                /// # Errors
                /// When the database fails.
                pub fn find(connection: &mut AnyConnection, registration: Id, id: Id) -> Result<Option<Self>, StoreError> {
                    Ok(with!(connection, |c| $table::table
                        .filter($table::id.eq(id))
                        .filter($table::registration_id.eq(registration))
                        .select(Self::as_select())
                        .first(c)
                        .optional())?)
                }

                /// A page of those of an entry, newest first, with those entered in error.
                ///
                /// # Errors
                /// When the database fails.
                pub fn list(
                    connection: &mut AnyConnection,
                    registration: Id,
                    before: Option<Id>,
                    limit: i64,
                ) -> Result<Vec<Self>, StoreError> {
                    with!(connection, |c| {
                        let mut query = $table::table
                            .filter($table::registration_id.eq(registration))
                            .select(Self::as_select())
                            .order($table::id.desc())
                            .limit(limit)
                            .into_boxed();
                        if let Some(before) = before {
                            query = query.filter($table::id.lt(before));
                        }
                        Ok(query.load(c)?)
                    })
                }
            }
        )+
    };
}

withdrawable! {
    VisitRow, visit;
    CoreGroupMeetingRow, core_group_meeting;
    MilestoneRow, plan_milestone;
}

/// That something was entered in error.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = plan_withdrawal)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct WithdrawalRow {
    pub fact_id: Id,
    pub registration_id: Id,
    pub kind: String,
    pub reason: String,
    pub recorded_at: Instant,
    pub recorded_by: String,
}

shows_only!(WithdrawalRow: fact_id);

impl WithdrawalRow {
    /// Adds it. Says whether nobody was quicker.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let added = with!(connection, |c| diesel::insert_into(plan_withdrawal::table).values(self).on_conflict_do_nothing().execute(c))?;
        Ok(added == 1)
    }

    /// Those of these facts.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, facts: &[Id]) -> Result<Vec<Self>, StoreError> {
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        Ok(with!(connection, |c| plan_withdrawal::table.filter(plan_withdrawal::fact_id.eq_any(facts)).select(Self::as_select()).load(c))?)
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
