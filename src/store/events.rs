//! Rows of events: what happened, for programs that follow the register.
//!
//! An event is written in the transaction of the work. Its place in the feed is that of the transaction's audit entry in the
//! audit log, so the feed has the order of the log: a program that went as far as a place has missed nothing before it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::Tx;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{audit_leaf, event, event_acknowledgement};
use super::types::{Id, Instant};
use crate::domain::ids::EventId;

/// An event.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = event, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct EventRow {
    pub id: Id,
    pub entry_id: Id,
    pub kind: String,
    pub audience: String,
    pub subject: String,
    pub child_id: Option<Id>,
    pub happened_at: Instant,
}

/// An event to be told.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What happened: a code.
    pub kind: String,
    /// Whom it is for.
    pub audience: String,
    /// Where more can be read: a path of the API with an opaque identifier.
    pub subject: String,
    /// The child, when whom it is for may know of them.
    pub child: Option<Id>,
}

/// Tells of something that this transaction does.
///
/// # Errors
/// When the database refuses or fails.
pub fn tell(tx: &mut Tx<'_>, new: NewEvent) -> Result<(), StoreError> {
    let row = EventRow {
        id: EventId::new_at(tx.now()).into(),
        entry_id: Id(tx.audit.id),
        kind: new.kind,
        audience: new.audience,
        subject: new.subject,
        child_id: new.child,
        happened_at: tx.now().into(),
    };
    if let Some(sheaf) = &mut tx.sheaf {
        sheaf.events.push(row);
        return Ok(());
    }
    with!(&mut *tx.connection, |c| diesel::insert_into(event::table).values(&row).execute(c))?;
    Ok(())
}

/// A place in the feed: in the audit log, and the event there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The place of the entry in the log.
    pub leaf_index: i64,
    /// The event.
    pub event: Id,
}

/// Events for any of these, after a place, oldest first, each with its own place.
///
/// # Errors
/// When the database fails.
pub fn after(
    connection: &mut AnyConnection,
    audiences: &[String],
    place: Option<Place>,
    limit: i64,
) -> Result<Vec<(Place, EventRow)>, StoreError> {
    with!(connection, |c| {
        let mut query = event::table
            .inner_join(audit_leaf::table.on(audit_leaf::entry_id.eq(event::entry_id)))
            .filter(event::audience.eq_any(audiences))
            .order((audit_leaf::leaf_index, event::id))
            .limit(limit)
            .select((audit_leaf::leaf_index, EventRow::as_select()))
            .into_boxed();
        if let Some(Place { leaf_index, event: after }) = place {
            let later = audit_leaf::leaf_index.eq(leaf_index).and(event::id.gt(after));
            query = query.filter(audit_leaf::leaf_index.gt(leaf_index).or(later));
        }
        let found: Vec<(i64, EventRow)> = query.load(c)?;
        Ok(found.into_iter().map(|(leaf_index, row)| (Place { leaf_index, event: row.id }, row)).collect())
    })
}

/// Whether there is an event for any of these at a place.
///
/// # Errors
/// When the database fails.
pub fn is_at(connection: &mut AnyConnection, audiences: &[String], place: Place) -> Result<bool, StoreError> {
    let found: i64 = with!(connection, |c| event::table
        .inner_join(audit_leaf::table.on(audit_leaf::entry_id.eq(event::entry_id)))
        .filter(event::id.eq(place.event))
        .filter(audit_leaf::leaf_index.eq(place.leaf_index))
        .filter(event::audience.eq_any(audiences))
        .count()
        .get_result(c))?;
    Ok(found > 0)
}

/// How far a consumer has acknowledged the feed.
///
/// # Errors
/// When the database fails.
pub fn acknowledged(connection: &mut AnyConnection, consumer: &str) -> Result<Option<Place>, StoreError> {
    let found: Option<(i64, Id)> = with!(connection, |c| event_acknowledgement::table
        .find(consumer)
        .select((event_acknowledgement::leaf_index, event_acknowledgement::event_id))
        .first(c)
        .optional())?;
    Ok(found.map(|(leaf_index, event)| Place { leaf_index, event }))
}

/// Notes how far a consumer has acknowledged the feed.
///
/// # Errors
/// [`StoreError::Conflict`] when another transaction noted it meanwhile; or the database fails.
pub fn acknowledge(connection: &mut AnyConnection, consumer: &str, place: Place, at: DateTime<Utc>) -> Result<(), StoreError> {
    let values = (
        event_acknowledgement::leaf_index.eq(place.leaf_index),
        event_acknowledgement::event_id.eq(place.event),
        event_acknowledgement::acknowledged_at.eq(Instant::new(at)),
    );
    let changed = with!(&mut *connection, |c| diesel::update(event_acknowledgement::table.find(consumer)).set(values).execute(c))?;
    if changed == 0 {
        let added = with!(connection, |c| diesel::insert_into(event_acknowledgement::table)
            .values((event_acknowledgement::consumer.eq(consumer), values))
            .execute(c));
        match added.map_err(StoreError::from) {
            Ok(_) => {}
            Err(StoreError::Exists(error)) => return Err(StoreError::Conflict(error)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
