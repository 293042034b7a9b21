//! Subscriptions to events: a program names an address, and what happens is sent there, signed, in order for each child, until it
//! is taken.
//!
//! ```text
//! the feed ─▶ deliveries of each subscription ─▶ sent, signed ─▶ taken (2xx)
//!                       ▲                            │
//!                       ├── again, later each time ◀─┤ silence, refusal, redirect
//!                       └── when its owner says so ◀─ failed, after the last attempt;  410: the subscription is disabled
//! ```

pub mod signing;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Region, RegisterError, events};
use crate::authz::{Principal, Scope};
use crate::domain::ids::{ClientId, WebhookId};
use crate::domain::webhook::{DeliveryStatus, EventFilter, WebhookAddress, WebhookSigning, WebhookStatus};
use crate::store::connection::AnyConnection;
use crate::store::events::{EventRow, NewEvent};
use crate::store::types::Id;
use crate::store::webhooks::{self as rows, Again, DeliveryRow, Taste, WebhookRow};
use crate::store::{StoreError, Tx};

/// The event by which an owner tries a subscription.
pub const TEST: &str = "webhook.test";

/// How events are sent.
#[derive(Debug, Clone)]
pub struct Sending {
    /// How long a receiver may take.
    pub timeout: std::time::Duration,
    /// The pauses before each further attempt.
    pub pauses: Vec<TimeDelta>,
    /// For how long the secret before signs too.
    pub overlap: TimeDelta,
    /// For how long deliveries that were taken are kept.
    pub keep: TimeDelta,
    /// The most subscriptions of one owner.
    pub most: i64,
}

impl Sending {
    /// As a region is set up.
    pub fn of(settings: &crate::config::Webhooks) -> Self {
        Self {
            timeout: std::time::Duration::from_millis(settings.timeout_ms),
            pauses: settings.retry_seconds.iter().map(|seconds| TimeDelta::seconds(i64::from(*seconds))).collect(),
            overlap: TimeDelta::hours(i64::from(settings.overlap_hours)),
            keep: TimeDelta::days(i64::from(settings.keep_days)),
            most: settings.most,
        }
    }
}

/// What an owner says of a subscription.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where events are sent.
    pub address: WebhookAddress,
    /// Which; none names all.
    pub kinds: Option<Vec<EventFilter>>,
}

/// Whose subscriptions somebody keeps: a partner system its own, the people of an authority or a region those of it.
///
/// # Errors
/// [`RegisterError::OutsideScope`] for somebody of a partner organisation who comes through no system.
fn owner(principal: &Principal) -> Result<String, RegisterError> {
    match (&principal.scope, &principal.client) {
        (Scope::Authority(code), _) => Ok(format!("authority:{code}")),
        (Scope::Region(code), _) => Ok(format!("region:{code}")),
        (Scope::Organisation(_), Some(_)) => Ok(events::consumer(principal)),
        (Scope::Organisation(_), None) => Err(RegisterError::OutsideScope),
    }
}

/// Whether somebody may keep subscriptions at all.
///
/// # Errors
/// [`RegisterError::OutsideScope`] when they may not.
pub fn may_add(principal: &Principal) -> Result<(), RegisterError> {
    owner(principal).map(|_| ())
}

/// Adds a subscription: it gets what happens from now on.
///
/// # Errors
/// A broken rule when its owner has as many as may be; or the database fails.
pub fn add(
    tx: &mut Tx<'_>,
    region: &Region,
    principal: &Principal,
    wanted: &Wanted,
    signing: WebhookSigning,
) -> Result<WebhookRow, RegisterError> {
    let owner = owner(principal)?;
    if rows::count(tx.connection, &owner)? >= region.sending.most {
        return Err(RegisterError::Rule {
            pointer: String::new(),
            code: "too-many-webhooks",
            detail: format!("end one first: an owner has {} at most", region.sending.most),
        });
    }
    let now = tx.wall();
    let row = WebhookRow {
        id: WebhookId::new_at(now).into(),
        version: 1,
        owner,
        url: wanted.address.as_str().to_owned(),
        kinds: written(wanted)?,
        signing: signing.as_str().to_owned(),
        generation: 1,
        rotated_at: None,
        status: WebhookStatus::Active.as_str().to_owned(),
        status_reason: None,
        after_leaf: rows::end_of_feed(tx.connection)?,
        after_event: Id(Uuid::max()),
        created_at: now.into(),
        created_by: principal.key(),
        changed_at: now.into(),
    };
    row.insert(tx.connection)?;
    tx.audit().detail("webhook", row.id.0);
    Ok(row)
}

fn written(wanted: &Wanted) -> Result<Option<String>, StoreError> {
    let kinds = wanted.kinds.as_ref().map(|kinds| kinds.iter().map(EventFilter::as_str).collect::<Vec<_>>());
    kinds.map(|kinds| serde_json::to_string(&kinds).map_err(|_| StoreError::Corrupt("event types"))).transpose()
}

/// Which events a subscription gets; none for all.
pub fn kinds(row: &WebhookRow) -> Option<Vec<String>> {
    row.kinds.as_deref().and_then(|kinds| serde_json::from_str(kinds).ok())
}

/// How a subscription stands.
///
/// # Errors
/// When the row is damaged.
pub fn status(row: &WebhookRow) -> Result<WebhookStatus, StoreError> {
    row.status.parse().map_err(|_| StoreError::Corrupt("webhook"))
}

/// How what is sent to a subscription is signed.
///
/// # Errors
/// When the row is damaged.
pub fn signing_of(row: &WebhookRow) -> Result<WebhookSigning, StoreError> {
    row.signing.parse().map_err(|_| StoreError::Corrupt("webhook"))
}

/// A subscription of somebody's.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none; or the database fails.
pub fn find(connection: &mut AnyConnection, id: WebhookId, principal: &Principal) -> Result<WebhookRow, RegisterError> {
    // For somebody who can have none the same work is done.
    let owner = owner(principal).unwrap_or_default();
    rows::find(connection, id.into(), &owner)?.ok_or(RegisterError::NotFound)
}

/// A page of somebody's subscriptions, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    principal: &Principal,
    before: Option<WebhookId>,
    limit: i64,
) -> Result<Vec<WebhookRow>, RegisterError> {
    Ok(rows::list(connection, &owner(principal).unwrap_or_default(), before.map(Into::into), limit)?)
}

/// Changes where events are sent, which, and whether. What waits for a subscription that is ended is dropped.
///
/// # Errors
/// [`RegisterError::Conflict`] when it is over, [`RegisterError::Stale`] when somebody else changed it meanwhile.
pub fn change(tx: &mut Tx<'_>, row: &WebhookRow, wanted: &Wanted, to: WebhookStatus) -> Result<WebhookRow, RegisterError> {
    if !status(row)?.may_become(to) {
        return Err(RegisterError::Conflict);
    }
    let changed = WebhookRow {
        url: wanted.address.as_str().to_owned(),
        kinds: written(wanted)?,
        status: to.as_str().to_owned(),
        status_reason: None,
        ..row.clone()
    };
    let changed = keep(tx, changed)?;
    if to == WebhookStatus::Ended {
        rows::drop_deliveries(tx, changed.id)?;
    }
    Ok(changed)
}

/// Ends a subscription as it is; one that is over stays so.
///
/// # Errors
/// [`RegisterError::Stale`] when somebody else changed it meanwhile.
pub fn end(tx: &mut Tx<'_>, row: &WebhookRow) -> Result<WebhookRow, RegisterError> {
    if status(row)? == WebhookStatus::Ended {
        return Ok(row.clone());
    }
    let ended = keep(tx, WebhookRow { status: WebhookStatus::Ended.as_str().to_owned(), status_reason: None, ..row.clone() })?;
    rows::drop_deliveries(tx, ended.id)?;
    Ok(ended)
}

/// Gives a subscription another secret. The one before signs too for a while, so that the receiver misses nothing meanwhile.
///
/// # Errors
/// [`RegisterError::Conflict`] when it is over, [`RegisterError::Stale`] when somebody else changed it meanwhile.
pub fn rotate(tx: &mut Tx<'_>, row: &WebhookRow) -> Result<WebhookRow, RegisterError> {
    if status(row)? == WebhookStatus::Ended {
        return Err(RegisterError::Conflict);
    }
    let now = tx.wall();
    keep(tx, WebhookRow { generation: row.generation + 1, rotated_at: Some(now.into()), ..row.clone() })
}

fn keep(tx: &mut Tx<'_>, mut row: WebhookRow) -> Result<WebhookRow, RegisterError> {
    row.changed_at = tx.wall().into();
    tx.audit().detail("webhook", row.id.0);
    if row.change(tx.connection)? { Ok(row) } else { Err(RegisterError::Stale) }
}

/// Sends an event that says nothing to a subscription, to try it.
///
/// # Errors
/// [`RegisterError::Conflict`] when it is not on, [`RegisterError::Stale`] when somebody else changed it meanwhile.
pub fn test(tx: &mut Tx<'_>, row: &WebhookRow) -> Result<WebhookRow, RegisterError> {
    if status(row)? != WebhookStatus::Active {
        return Err(RegisterError::Conflict);
    }
    let row = keep(tx, row.clone())?;
    let (audience, subject) = (of_webhook(row.id), format!("/v1/webhooks/{}", row.id.0));
    crate::store::events::tell(tx, NewEvent { kind: TEST.to_owned(), audience, subject, child: None })?;
    Ok(row)
}

/// Has deliveries made again. Answers how many.
///
/// # Errors
/// [`RegisterError::Conflict`] when the subscription is over, [`RegisterError::Stale`] when somebody else changed it meanwhile.
pub fn replay(tx: &mut Tx<'_>, row: &WebhookRow, which: &Again) -> Result<(WebhookRow, usize), RegisterError> {
    if status(row)? == WebhookStatus::Ended {
        return Err(RegisterError::Conflict);
    }
    let row = keep(tx, row.clone())?;
    let count = rows::again(tx, row.id, which)?;
    tx.audit().detail("deliveries", count);
    Ok((row, count))
}

/// A page of the deliveries of a subscription, the latest events first.
///
/// # Errors
/// When the database fails.
pub fn deliveries(
    connection: &mut AnyConnection,
    row: &WebhookRow,
    status: Option<DeliveryStatus>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<(DeliveryRow, EventRow)>, RegisterError> {
    Ok(rows::deliveries(connection, row.id, status, before.map(Id), limit)?)
}

fn of_webhook(id: Id) -> String {
    format!("webhook:{}", id.0)
}

/// Which events the subscriptions of a region get.
#[derive(Debug)]
pub struct Tastes(pub Arc<Region>);

impl Taste for Tastes {
    fn audiences(&self, webhook: &WebhookRow) -> Vec<String> {
        let mut audiences = vec![of_webhook(webhook.id)];
        if webhook.owner == format!("region:{}", self.0.code()) {
            audiences.extend(self.0.own().authorities.iter().map(|authority| events::of_authority(&authority.gss)));
        } else {
            audiences.push(webhook.owner.clone());
        }
        audiences
    }

    fn wants(&self, webhook: &WebhookRow, event: &EventRow) -> bool {
        let kind = format!("cofrestr.{}", event.kind);
        event.kind == TEST
            || kinds(webhook)
                .is_none_or(|wanted| wanted.iter().any(|filter| filter.parse::<EventFilter>().is_ok_and(|filter| filter.names(&kind))))
    }
}

/// The partner system registered here that owns a subscription: nothing is sent when it was cut off.
pub fn owning_client(region: &Region, row: &WebhookRow) -> Option<ClientId> {
    let key = row.owner.strip_prefix("client:")?;
    key.split_once('#').filter(|(issuer, _)| *issuer == region.issuer)?.1.parse().ok()
}

/// When the secret before signs no more; nothing when there is none that does.
pub fn overlap_until(row: &WebhookRow, sending: &Sending, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    row.rotated_at.map(|at| at.get() + sending.overlap).filter(|until| *until > now)
}
