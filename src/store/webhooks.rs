//! Rows of subscriptions to events, and of what is delivered to them.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::events::{self, EventRow, Place};
use super::schema::{audit_leaf, event, webhook, webhook_delivery};
use super::types::{Id, Instant};
use super::{Store, Tx};
use crate::domain::client::ClientStatus;
use crate::domain::webhook::{DeliveryProblem, DeliveryStatus, WebhookStatus};

/// Rows that one statement adds, eleven values each: below the 32,766 that SQLite takes.
const ROWS_PER_STATEMENT: usize = 1_000;

/// A subscription to events.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = webhook, treat_none_as_default_value = false, treat_none_as_null = true)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct WebhookRow {
    pub id: Id,
    pub version: i64,
    pub owner: String,
    pub url: String,
    pub kinds: Option<String>,
    pub signing: String,
    pub generation: i64,
    pub rotated_at: Option<Instant>,
    pub status: String,
    pub status_reason: Option<String>,
    pub after_leaf: i64,
    pub after_event: Id,
    pub created_at: Instant,
    pub created_by: String,
    pub changed_at: Instant,
}

impl WebhookRow {
    /// Adds it.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn insert(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        with!(connection, |c| diesel::insert_into(webhook::table).values(self).execute(c))?;
        Ok(())
    }

    /// Writes what its owner may change, unless somebody else changed it since it was read: says whether it did. The version
    /// becomes the next one.
    ///
    /// # Errors
    /// When the database refuses or fails.
    pub fn change(&mut self, connection: &mut AnyConnection) -> Result<bool, StoreError> {
        let changed = with!(connection, |c| diesel::update(webhook::table.find(self.id).filter(webhook::version.eq(self.version)))
            .set((
                webhook::version.eq(self.version + 1),
                webhook::url.eq(&self.url),
                webhook::kinds.eq(&self.kinds),
                webhook::generation.eq(self.generation),
                webhook::rotated_at.eq(self.rotated_at),
                webhook::status.eq(&self.status),
                webhook::status_reason.eq(&self.status_reason),
                webhook::changed_at.eq(self.changed_at),
            ))
            .execute(c))?;
        self.version += 1;
        Ok(changed == 1)
    }
}

/// A subscription of one of these owners.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut AnyConnection, id: Id, owner: &str) -> Result<Option<WebhookRow>, StoreError> {
    Ok(with!(connection, |c| webhook::table.find(id).filter(webhook::owner.eq(owner)).select(WebhookRow::as_select()).first(c).optional())?)
}

/// A page of an owner's subscriptions, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut AnyConnection, owner: &str, before: Option<Id>, limit: i64) -> Result<Vec<WebhookRow>, StoreError> {
    with!(connection, |c| {
        let mut query = webhook::table
            .filter(webhook::owner.eq(owner))
            .order(webhook::id.desc())
            .limit(limit)
            .select(WebhookRow::as_select())
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(webhook::id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// How many subscriptions an owner has that are not over.
///
/// # Errors
/// When the database fails.
pub fn count(connection: &mut AnyConnection, owner: &str) -> Result<i64, StoreError> {
    let theirs = webhook::table.filter(webhook::owner.eq(owner)).filter(webhook::status.ne(WebhookStatus::Ended.as_str()));
    Ok(with!(connection, |c| theirs.count().get_result(c))?)
}

/// The end of the feed: whoever begins there gets what comes from now on.
///
/// # Errors
/// When the database fails.
pub fn end_of_feed(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let last: Option<i64> = with!(connection, |c| audit_leaf::table.select(diesel::dsl::max(audit_leaf::leaf_index)).get_result(c))?;
    Ok(last.unwrap_or(0))
}

/// The delivery of an event to a subscription.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_delivery, treat_none_as_default_value = false)]
#[allow(missing_docs)] // the columns are explained in the migration
pub struct DeliveryRow {
    pub webhook_id: Id,
    pub event_id: Id,
    pub leaf_index: i64,
    pub child_id: Option<Id>,
    pub status: String,
    pub attempts: i64,
    pub next_at: Instant,
    pub answered: Option<i64>,
    pub problem: Option<String>,
    pub attempted_at: Option<Instant>,
    pub done_at: Option<Instant>,
}

impl DeliveryRow {
    fn new(webhook: Id, place: Place, event: &EventRow, now: DateTime<Utc>) -> Self {
        Self {
            webhook_id: webhook,
            event_id: event.id,
            leaf_index: place.leaf_index,
            child_id: event.child_id,
            status: DeliveryStatus::Waiting.as_str().to_owned(),
            attempts: 0,
            next_at: now.into(),
            answered: None,
            problem: None,
            attempted_at: None,
            done_at: None,
        }
    }

    /// The place of its event in the feed.
    pub fn place(&self) -> Place {
        Place { leaf_index: self.leaf_index, event: self.event_id }
    }
}

/// A page of the deliveries of a subscription, the latest events first.
///
/// # Errors
/// When the database fails.
pub fn deliveries(
    connection: &mut AnyConnection,
    webhook: Id,
    status: Option<DeliveryStatus>,
    before: Option<Id>,
    limit: i64,
) -> Result<Vec<(DeliveryRow, EventRow)>, StoreError> {
    with!(connection, |c| {
        let mut query = webhook_delivery::table
            .inner_join(event::table.on(event::id.eq(webhook_delivery::event_id)))
            .filter(webhook_delivery::webhook_id.eq(webhook))
            .order(webhook_delivery::event_id.desc())
            .limit(limit)
            .select((DeliveryRow::as_select(), EventRow::as_select()))
            .into_boxed();
        if let Some(status) = status {
            query = query.filter(webhook_delivery::status.eq(status.as_str()));
        }
        if let Some(before) = before {
            query = query.filter(webhook_delivery::event_id.lt(before));
        }
        Ok(query.load(c)?)
    })
}

/// How many deliveries of a subscription stand how.
///
/// # Errors
/// When the database fails.
pub fn standing(connection: &mut AnyConnection, webhook: Id) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(with!(connection, |c| webhook_delivery::table
        .filter(webhook_delivery::webhook_id.eq(webhook))
        .group_by(webhook_delivery::status)
        .select((webhook_delivery::status, diesel::dsl::count_star()))
        .load(c))?)
}

/// Which deliveries are to be made again.
#[derive(Debug, Clone)]
pub enum Again {
    /// Those that failed.
    Failed,
    /// Those of events since then, whether they were taken or not.
    Since(DateTime<Utc>),
    /// Those of these events.
    Events(Vec<Id>),
}

/// Makes deliveries wait again, from their first attempt. Answers how many.
///
/// # Errors
/// When the database refuses or fails.
pub fn again(tx: &mut Tx<'_>, webhook: Id, which: &Again) -> Result<usize, StoreError> {
    let now = Instant::new(tx.wall());
    let change = (
        webhook_delivery::status.eq(DeliveryStatus::Waiting.as_str()),
        webhook_delivery::attempts.eq(0),
        webhook_delivery::next_at.eq(now),
        webhook_delivery::done_at.eq(None::<Instant>),
    );
    let of_this = || webhook_delivery::table.filter(webhook_delivery::webhook_id.eq(webhook));
    with!(&mut *tx.connection, |c| Ok(match which {
        Again::Failed =>
            diesel::update(of_this().filter(webhook_delivery::status.eq(DeliveryStatus::Failed.as_str()))).set(change).execute(c)?,
        Again::Events(events) => diesel::update(of_this().filter(webhook_delivery::event_id.eq_any(events))).set(change).execute(c)?,
        Again::Since(since) => {
            let since: Vec<Id> = of_this()
                .inner_join(event::table.on(event::id.eq(webhook_delivery::event_id)))
                .filter(event::happened_at.ge(Instant::new(*since)))
                .select(webhook_delivery::event_id)
                .load(c)?;
            let mut changed = 0;
            for some in since.chunks(ROWS_PER_STATEMENT) {
                changed += diesel::update(of_this().filter(webhook_delivery::event_id.eq_any(some))).set(change).execute(c)?;
            }
            changed
        }
    }))
}

/// Drops what waits for a subscription that is over.
///
/// # Errors
/// When the database refuses or fails.
pub fn drop_deliveries(tx: &mut Tx<'_>, webhook: Id) -> Result<(), StoreError> {
    let theirs = webhook_delivery::table.filter(webhook_delivery::webhook_id.eq(webhook));
    with!(&mut *tx.connection, |c| diesel::delete(theirs).execute(c))?;
    Ok(())
}

/// What to send where.
#[derive(Debug, Clone)]
pub struct Due {
    /// The subscription.
    pub webhook: WebhookRow,
    /// The delivery, with this attempt counted.
    pub delivery: DeliveryRow,
    /// The event.
    pub event: EventRow,
}

/// What became of an attempt.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// How the delivery stands now.
    pub status: DeliveryStatus,
    /// When it is made again, if it waits.
    pub next_at: Option<DateTime<Utc>>,
    /// The status that the receiver gave.
    pub answered: Option<u16>,
    /// Why it was not taken.
    pub problem: Option<DeliveryProblem>,
}

/// Which events a subscription gets, by its row: its audiences, and whether it wants one.
pub trait Taste: Send + Sync + 'static {
    /// Whose events it gets.
    fn audiences(&self, webhook: &WebhookRow) -> Vec<String>;
    /// Whether it wants this one.
    fn wants(&self, webhook: &WebhookRow, event: &EventRow) -> bool;
}

impl Store {
    /// Whether a partner system is let in: none is that is not registered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn client_is_active(&self, id: Id) -> Result<bool, StoreError> {
        self.upkeep_reading(move |connection| {
            Ok(super::clients::find(connection, id)?.is_some_and(|client| client.status == ClientStatus::Active.as_str()))
        })
        .await
    }

    /// Turns the feed into deliveries, for every subscription as far as there is more of it. Answers whether there may be more yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn spread_events(&self, taste: std::sync::Arc<impl Taste>, limit: i64) -> Result<bool, StoreError> {
        let reading = std::sync::Arc::clone(&taste);
        let behind: Vec<Id> = self
            .upkeep_reading(move |connection| {
                let all: Vec<WebhookRow> = with!(&mut *connection, |c| webhook::table
                    .filter(webhook::status.ne(WebhookStatus::Ended.as_str()))
                    .select(WebhookRow::as_select())
                    .load(c))?;
                let mut behind = Vec::new();
                for row in all {
                    if !events::after(connection, &reading.audiences(&row), Some(after(&row)), 1)?.is_empty() {
                        behind.push(row.id);
                    }
                }
                Ok(behind)
            })
            .await?;
        let mut more = false;
        for id in behind {
            let taste = std::sync::Arc::clone(&taste);
            let now = self.clock().wall();
            more |= self.upkeep(move |connection| spread_one(connection, &*taste, id, limit, now)).await?;
        }
        Ok(more)
    }

    /// Takes deliveries that are due: of each subscription that is on and each child the oldest that waits. No other server takes
    /// the same while the lease lasts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_deliveries(&self, limit: i64, lease: TimeDelta) -> Result<Vec<Due>, StoreError> {
        let now = self.clock().wall();
        let is_due = self
            .upkeep_reading(move |connection| {
                let due: i64 = with!(connection, |c| webhook_delivery::table
                    .inner_join(webhook::table.on(webhook::id.eq(webhook_delivery::webhook_id)))
                    .filter(webhook::status.eq(WebhookStatus::Active.as_str()))
                    .filter(webhook_delivery::status.eq(DeliveryStatus::Waiting.as_str()))
                    .filter(webhook_delivery::next_at.le(Instant::new(now)))
                    .limit(1)
                    .count()
                    .get_result(c))?;
                Ok(due > 0)
            })
            .await?;
        if !is_due {
            return Ok(Vec::new());
        }
        self.upkeep(move |connection| take(connection, limit, now, lease)).await
    }

    /// Notes what became of an attempt; a receiver that is gone disables its subscription.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_attempt(&self, due: &Due, attempted: Attempted, gone: bool) -> Result<(), StoreError> {
        let now = Instant::new(self.clock().wall());
        let (webhook, event) = (due.webhook.id, due.delivery.event_id);
        self.upkeep(move |connection| {
            let change = (
                webhook_delivery::status.eq(attempted.status.as_str()),
                webhook_delivery::next_at.eq(attempted.next_at.map_or(now, Instant::new)),
                webhook_delivery::answered.eq(attempted.answered.map(i64::from)),
                webhook_delivery::problem.eq(attempted.problem.map(DeliveryProblem::as_str)),
                webhook_delivery::attempted_at.eq(Some(now)),
                webhook_delivery::done_at.eq((attempted.status != DeliveryStatus::Waiting).then_some(now)),
            );
            with!(&mut *connection, |c| diesel::update(webhook_delivery::table.find((webhook, event))).set(change).execute(c))?;
            if gone {
                let active = webhook::table.find(webhook).filter(webhook::status.eq(WebhookStatus::Active.as_str()));
                let change = (
                    webhook::status.eq(WebhookStatus::Disabled.as_str()),
                    webhook::status_reason.eq(Some("the receiver answered 410: it is gone")),
                    webhook::version.eq(webhook::version + 1),
                    webhook::changed_at.eq(now),
                );
                with!(connection, |c| diesel::update(active).set(change).execute(c))?;
            }
            Ok(())
        })
        .await
    }

    /// Forgets deliveries that were taken before an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_deliveries(&self, before: DateTime<Utc>) -> Result<(), StoreError> {
        self.upkeep(move |connection| {
            let old = webhook_delivery::table
                .filter(webhook_delivery::status.eq(DeliveryStatus::Delivered.as_str()))
                .filter(webhook_delivery::done_at.lt(Instant::new(before)));
            with!(connection, |c| diesel::delete(old).execute(c))?;
            Ok(())
        })
        .await
    }
}

fn after(row: &WebhookRow) -> Place {
    Place { leaf_index: row.after_leaf, event: row.after_event }
}

fn spread_one(connection: &mut AnyConnection, taste: &impl Taste, id: Id, limit: i64, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let row: Option<WebhookRow> = match &mut *connection {
        // Another server may be at it: what it holds is skipped, not waited for.
        AnyConnection::Pg(c) => {
            webhook::table.find(id).select(WebhookRow::as_select()).for_no_key_update().skip_locked().first(c).optional()?
        }
        AnyConnection::Sqlite(c) => webhook::table.find(id).select(WebhookRow::as_select()).first(c).optional()?,
    };
    let Some(row) = row else { return Ok(false) };
    let found = events::after(connection, &taste.audiences(&row), Some(after(&row)), limit)?;
    let Some((last, _)) = found.last() else { return Ok(false) };
    let last = *last;
    let more = i64::try_from(found.len()).unwrap_or(i64::MAX) >= limit;
    let rows: Vec<DeliveryRow> =
        found.iter().filter(|(_, event)| taste.wants(&row, event)).map(|(place, event)| DeliveryRow::new(id, *place, event, now)).collect();
    for some in rows.chunks(ROWS_PER_STATEMENT) {
        with!(&mut *connection, |c| diesel::insert_into(webhook_delivery::table).values(some).execute(c))?;
    }
    let place = (webhook::after_leaf.eq(last.leaf_index), webhook::after_event.eq(last.event));
    with!(connection, |c| diesel::update(webhook::table.find(id)).set(place).execute(c))?;
    Ok(more)
}

fn take(connection: &mut AnyConnection, limit: i64, now: DateTime<Utc>, lease: TimeDelta) -> Result<Vec<Due>, StoreError> {
    let earlier = diesel::alias!(webhook_delivery as earlier);
    let is_before = earlier.field(webhook_delivery::leaf_index).lt(webhook_delivery::leaf_index).or(earlier
        .field(webhook_delivery::leaf_index)
        .eq(webhook_delivery::leaf_index)
        .and(earlier.field(webhook_delivery::event_id).lt(webhook_delivery::event_id)));
    let is_first = diesel::dsl::not(diesel::dsl::exists(
        earlier
            .filter(earlier.field(webhook_delivery::webhook_id).eq(webhook_delivery::webhook_id))
            .filter(earlier.field(webhook_delivery::child_id).eq(webhook_delivery::child_id))
            .filter(earlier.field(webhook_delivery::status).eq(DeliveryStatus::Waiting.as_str()))
            .filter(is_before),
    ));
    macro_rules! due {
        () => {
            webhook_delivery::table
                .filter(webhook_delivery::status.eq(DeliveryStatus::Waiting.as_str()))
                .filter(webhook_delivery::next_at.le(Instant::new(now)))
                .filter(
                    webhook_delivery::webhook_id
                        .eq_any(webhook::table.filter(webhook::status.eq(WebhookStatus::Active.as_str())).select(webhook::id)),
                )
                .filter(is_first)
                .order((webhook_delivery::leaf_index, webhook_delivery::event_id))
                .limit(limit)
                .select(DeliveryRow::as_select())
        };
    }
    let taken: Vec<DeliveryRow> = match &mut *connection {
        AnyConnection::Pg(c) => due!().for_update().skip_locked().load(c)?,
        AnyConnection::Sqlite(c) => due!().load(c)?,
    };
    let mut due = Vec::new();
    for mut delivery in taken {
        delivery.attempts += 1;
        let change = (webhook_delivery::next_at.eq(Instant::new(now + lease)), webhook_delivery::attempts.eq(delivery.attempts));
        let key = (delivery.webhook_id, delivery.event_id);
        let found: Option<(WebhookRow, EventRow)> = with!(&mut *connection, |c| {
            diesel::update(webhook_delivery::table.find(key)).set(change).execute(c)?;
            webhook::table
                .inner_join(event::table.on(event::id.eq(delivery.event_id)))
                .filter(webhook::id.eq(delivery.webhook_id))
                .select((WebhookRow::as_select(), EventRow::as_select()))
                .first(c)
                .optional()
        })?;
        due.extend(found.map(|(webhook, event)| Due { webhook, delivery, event }));
    }
    Ok(due)
}
