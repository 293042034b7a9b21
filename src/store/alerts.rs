//! Rows of alerts for missing children: what this region holds of each, what people did about it, and what was reported to it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{alert, alert_report, alert_step, notice, task};
use super::types::{Id, Instant, shows_only};
use super::{Store, Tx};

/// What this region holds of an alert.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = alert, treat_none_as_default_value = false, treat_none_as_null = true)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct AlertRow {
    pub id: Id,
    pub custody_id: Id,
    pub child_id: Option<Id>,
    pub registration_id: Option<Id>,
    pub authority: String,
    pub owner: String,
    pub version: i64,
    pub status: String,
    pub is_shown: bool,
    pub is_exercise: bool,
    pub state: String,
    pub kept: String,
    pub body: Vec<u8>,
    pub raise_at: Option<Instant>,
    pub raised_at: Option<Instant>,
    pub drive_at: Option<Instant>,
    pub created_at: Instant,
    pub changed_at: Instant,
}

shows_only!(AlertRow: id, status);

/// As much of a live alert as a question is held against.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = alert)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct LiveRow {
    pub id: Id,
    pub child_id: Option<Id>,
    pub body: Vec<u8>,
}

shows_only!(LiveRow: id);

/// Whose alerts a list shows.
#[derive(Debug, Clone)]
pub enum Whose {
    /// Those of these authorities, and those that went out to everybody.
    Authorities(Vec<String>),
    /// Those of these children.
    Children(Vec<Id>),
}

/// The statuses that only the own authority knows of.
const INTERNAL: [&str; 2] = ["raised", "not-circulated"];

impl AlertRow {
    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(alert::table).values(self).execute(c))?;
        Ok(())
    }

    /// Puts it in the place of what was there at the version before. Says whether it was there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn replace(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let here = alert::table.filter(alert::id.eq(self.id)).filter(alert::version.eq(self.version - 1));
        Ok(with!(connection, |c| diesel::update(here).set(self).execute(c))? == 1)
    }

    /// The alert with this identifier.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, id: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| alert::table.find(id).select(Self::as_select()).first(c).optional())?)
    }

    /// The alerts of a custody, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_custody(connection: &mut AnyConnection, custody: Id) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| alert::table.filter(alert::custody_id.eq(custody)).order(alert::id).select(Self::as_select()).load(c))?)
    }

    /// Those of these children for whom an alert is not closed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn sought(connection: &mut AnyConnection, children: &[Id]) -> Result<Vec<Id>, StoreError> {
        let found: Vec<Option<Id>> = with!(connection, |c| alert::table
            .filter(alert::child_id.eq_any(children.iter().copied().map(Some)))
            .filter(alert::status.ne("closed"))
            .select(alert::child_id)
            .load(c))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Those of which a duty goes up, or which are sent again, by an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub fn due(
        connection: &mut AnyConnection,
        raise_by: DateTime<Utc>,
        drive_by: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        let due = alert::raise_at.le(Instant::new(raise_by)).or(alert::drive_at.le(Instant::new(drive_by)));
        Ok(with!(connection, |c| alert::table.filter(due).order(alert::id).limit(limit).select(Self::as_select()).load(c))?)
    }

    /// A page of alerts, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn list(
        connection: &mut AnyConnection,
        whose: &Whose,
        child: Option<Id>,
        status: Option<&str>,
        before: Option<Id>,
        limit: i64,
    ) -> Result<Vec<Self>, StoreError> {
        with!(connection, |c| {
            let mut query = alert::table
                .filter(alert::status.ne("unknown"))
                .select(Self::as_select())
                .order(alert::id.desc())
                .limit(limit)
                .into_boxed();
            query = match whose {
                Whose::Authorities(authorities) => query.filter(alert::authority.eq_any(authorities).or(alert::status.ne_all(INTERNAL))),
                Whose::Children(children) => query.filter(alert::child_id.eq_any(children.iter().copied().map(Some))),
            };
            if let Some(child) = child {
                query = query.filter(alert::child_id.eq(child));
            }
            if let Some(status) = status {
                query = query.filter(alert::status.eq(status));
            }
            if let Some(before) = before {
                query = query.filter(alert::id.lt(before));
            }
            Ok(query.load(c)?)
        })
    }

    /// Those that are live, and those of which something is still to be told.
    ///
    /// # Errors
    /// When the database fails.
    pub fn unfinished(connection: &mut AnyConnection) -> Result<Vec<Self>, StoreError> {
        let unfinished = alert::status.eq("active").or(alert::drive_at.is_not_null());
        Ok(with!(connection, |c| alert::table.filter(unfinished).order(alert::id).select(Self::as_select()).load(c))?)
    }

    /// Whether somebody whose authorities these are may know of it.
    pub fn is_told_to(&self, covers: impl Fn(&str) -> bool) -> bool {
        self.status != "unknown" && (covers(&self.authority) || !INTERNAL.contains(&self.status.as_str()))
    }
}

impl LiveRow {
    /// Every alert that questions are held against: there are few.
    ///
    /// # Errors
    /// When the database fails.
    pub fn all(connection: &mut AnyConnection) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| alert::table.filter(alert::is_shown.eq(true)).order(alert::id).select(Self::as_select()).load(c))?)
    }
}

/// What a named person did about an alert.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = alert_step, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct AlertStepRow {
    pub id: Id,
    pub alert_id: Id,
    pub authority: String,
    pub action: String,
    pub role: String,
    pub name: String,
    pub reason: Option<String>,
    pub words: Option<String>,
    pub recorded_at: Instant,
    pub recorded_by: String,
}

shows_only!(AlertStepRow: id, action);

impl AlertStepRow {
    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(alert_step::table).values(self).execute(c))?;
        Ok(())
    }

    /// What was done about an alert, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, alert: Id) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| alert_step::table
            .filter(alert_step::alert_id.eq(alert))
            .order(alert_step::id)
            .select(Self::as_select())
            .load(c))?)
    }
}

/// Particulars of what was reported to an alert.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = alert_report)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct ReportRow {
    pub alert_id: Id,
    pub sighting_id: Id,
    pub details: String,
    pub is_taken: bool,
    pub created_at: Instant,
}

shows_only!(ReportRow: alert_id, sighting_id);

impl ReportRow {
    /// Adds it; what was reported before stays as it is. Says whether it is new.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn add(&self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        Ok(with!(connection, |c| diesel::insert_into(alert_report::table).values(self).on_conflict_do_nothing().execute(c))? == 1)
    }

    /// Says more of what was reported before.
    ///
    /// # Errors
    /// When the database fails.
    pub fn tell_more(connection: &mut AnyConnection, alert: Id, sighting: Id, details: &str) -> Result<(), StoreError> {
        let here = alert_report::table.find((alert, sighting));
        with!(connection, |c| diesel::update(here).set(alert_report::details.eq(details)).execute(c))?;
        Ok(())
    }

    /// The particulars of a report.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(connection: &mut AnyConnection, alert: Id, sighting: Id) -> Result<Option<Self>, StoreError> {
        Ok(with!(connection, |c| alert_report::table.find((alert, sighting)).select(Self::as_select()).first(c).optional())?)
    }

    /// What was reported to an alert, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, alert: Id) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| alert_report::table
            .filter(alert_report::alert_id.eq(alert))
            .order((alert_report::created_at, alert_report::sighting_id))
            .select(Self::as_select())
            .load(c))?)
    }

    /// Those that are to be put to the state machine.
    ///
    /// # Errors
    /// When the database fails.
    pub fn to_take(connection: &mut AnyConnection, limit: i64) -> Result<Vec<Self>, StoreError> {
        Ok(with!(connection, |c| alert_report::table
            .filter(alert_report::is_taken.eq(false))
            .order(alert_report::sighting_id)
            .limit(limit)
            .select(Self::as_select())
            .load(c))?)
    }

    /// It has been put to the state machine.
    ///
    /// # Errors
    /// When the database fails.
    pub fn taken(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let here = alert_report::table.find((self.alert_id, self.sighting_id));
        with!(connection, |c| diesel::update(here).set(alert_report::is_taken.eq(true)).execute(c))?;
        Ok(())
    }
}

/// The open tasks about an alert: identifier, version and kind.
///
/// # Errors
/// When the database fails.
pub fn open_tasks(connection: &mut AnyConnection, alert: Id) -> Result<Vec<(Id, i64, String)>, StoreError> {
    Ok(with!(connection, |c| task::table
        .filter(task::alert_id.eq(alert))
        .filter(task::closed_at.is_null())
        .select((task::id, task::version, task::kind))
        .load(c))?)
}

/// Acknowledges the notices of a kind about an alert that nobody has read: the person has acknowledged the alert itself.
///
/// # Errors
/// When the database fails.
pub fn read_notices(tx: &mut Tx<'_>, alert: Id, kind: &str, by: &str) -> Result<(), StoreError> {
    let at = Instant::new(tx.now());
    let unread = notice::table.filter(notice::alert_id.eq(alert)).filter(notice::kind.eq(kind)).filter(notice::acknowledged_at.is_null());
    let change = (notice::version.eq(notice::version + 1), notice::acknowledged_at.eq(at), notice::acknowledged_by.eq(by));
    with!(&mut *tx.connection, |c| diesel::update(unread).set(change).execute(c))?;
    Ok(())
}

// What the upkeep of a server does: no access to anybody's record, and so without an entry in the audit log. What it leads to has
// one.
impl Store {
    /// Whether a duty of any alert goes up now, anything of one is to be sent again, or anything was reported to one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn alerts_wait(&self) -> Result<bool, StoreError> {
        let (raise_by, drive_by) = (self.clock().now(), self.clock().wall());
        self.upkeep_reading(move |connection| {
            Ok(!ReportRow::to_take(connection, 1)?.is_empty() || !AlertRow::due(connection, raise_by, drive_by, 1)?.is_empty())
        })
        .await
    }
}
