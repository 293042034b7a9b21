//! Sending what authorities say to each other of a child's custody, and regions of alerts and of checks: from the outbox to the other
//! authority of this region, or to the other region, until it is stored there.
//!
//! ```text
//! outbox ──▶ of each custody and pair of authorities the oldest that waits ──▶ here: one transaction ──▶ delivered
//!                    ▲                                                    └──▶ there: signed, over mutual TLS
//!                    └── again, later each time (1 s … 5 min, with jitter) ◀── silence        │
//!                                     parked after five refusals: a person looks ◀── refusal ◀┴▶ stored ──▶ delivered
//! ```
//!
//! There is no last attempt: what a safeguarding message is about does not go away, and duties escalate it by time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use rand::RngExt;
use serde_json::Value;
use tokio::sync::Notify;

use super::peers::{Failure, Peers};
use crate::domain::identifiers::RegionCode;
use crate::register::peers::message::kind;
use crate::register::peers::wire::{ALERT_PATH, CUSTODY_PATH, READING_PATH};
use crate::register::transfers::{delivery, keeper, messages};
use crate::register::{Region, RegisterError, alerts};
use crate::store::custody::OutboxRow;
use crate::store::{Failure as _, Store, StoreError};
use crate::upkeep::unending;

/// How often it is looked whether anything is to be sent.
const SEND_EVERY: Duration = Duration::from_millis(400);
/// How often it is looked whether a duty is late.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How long the other region may take to store a message.
const WITHIN: Duration = Duration::from_secs(10);
/// How long no other server sends the same message: longer than sending it takes.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How many are sent at once.
const AT_ONCE: i64 = 16;
/// After how many refusals a message is parked.
const REFUSALS: i64 = 5;
/// How long is waited before each further attempt, in seconds; the last is for every one after it.
///
/// # Source
/// DESIGN: quick at first, since most silences are short; never more than five minutes, since a child moves meanwhile.
const PAUSES: [i64; 7] = [1, 2, 5, 15, 30, 60, 300];

/// Starts the work; it goes on until the program ends. Without peers only what stays in this region is delivered.
pub fn start(store: &Store, region: &Arc<Region>, peers: Option<&Peers>) {
    let (store_here, region_here, peers) = (store.clone(), Arc::clone(region), peers.cloned());
    tokio::task::spawn_local(unending("sending messages", move || {
        let (store_here, region_here, peers) = (store_here.clone(), Arc::clone(&region_here), peers.clone());
        async move {
            let mut is_away = false;
            let busy = Busy::default();
            loop {
                let taken = send_due(&store_here, &region_here, peers.as_ref(), &busy).await;
                if let (Err(error), false) = (&taken, is_away) {
                    tracing::error!(error = %error, "messages about custody cannot be read; they wait on");
                }
                is_away = taken.is_err();
                // There may be more to send as soon as somebody is free.
                if matches!(taken, Ok(count) if count > 0) {
                    let _ = tokio::time::timeout(SEND_EVERY, busy.freed.notified()).await;
                } else {
                    tokio::time::sleep(SEND_EVERY).await;
                }
            }
        }
    }));
    let (store, region) = (store.clone(), Arc::clone(region));
    tokio::task::spawn_local(unending("looking after moves", move || {
        let (store, region) = (store.clone(), Arc::clone(&region));
        async move {
            loop {
                tokio::time::sleep(KEEP_EVERY).await;
                if let Err(error) = keeper::keep(&store, &region).await {
                    tracing::error!(error = %error, "duties about moves could not be looked after; what is late is told later");
                }
                if let Err(error) = alerts::keeper::keep(&store, &region).await {
                    tracing::error!(error = %error, "alerts could not be looked after; hits and what is late are told later");
                }
            }
        }
    }));
}

/// The regions to which something is on its way: each has a sender of its own, so that one that is slow or gone keeps nothing from
/// the others, nor from the authorities of this region.
#[derive(Default)]
struct Busy {
    regions: Rc<RefCell<BTreeSet<String>>>,
    freed: Rc<Notify>,
}

/// Begins to send what is due to those that are free; answers how many messages were taken.
async fn send_due(store: &Store, region: &Arc<Region>, peers: Option<&Peers>, busy: &Busy) -> Result<usize, StoreError> {
    let but: Vec<String> = busy.regions.borrow().iter().cloned().collect();
    let taken = store.take_outbox(AT_ONCE, LEASE, but).await?;
    let count = taken.len();
    let mut by_region: BTreeMap<String, Vec<OutboxRow>> = BTreeMap::new();
    for row in taken {
        by_region.entry(row.region.clone()).or_default().push(row);
    }
    for (to, rows) in by_region {
        busy.regions.borrow_mut().insert(to.clone());
        let (store, region, peers) = (store.clone(), Arc::clone(region), peers.cloned());
        let (regions, freed) = (Rc::clone(&busy.regions), Rc::clone(&busy.freed));
        tokio::task::spawn_local(async move {
            let sending = rows.into_iter().map(|row| send(&store, &region, peers.as_ref(), row));
            // Else nothing would be sent to that region again; what was not sent is taken up when its lease is over.
            if AssertUnwindSafe(futures_util::future::join_all(sending)).catch_unwind().await.is_err() {
                tracing::error!("a defect stopped messages on their way; they are sent later");
            }
            regions.borrow_mut().remove(&to);
            freed.notify_one();
        });
    }
    Ok(count)
}

/// What became of an attempt.
enum Attempt {
    Delivered,
    /// Nobody answered, or somebody was in the way.
    Later(&'static str),
    /// The other side does not believe it.
    Refused(&'static str),
}

async fn send(store: &Store, region: &Arc<Region>, peers: Option<&Peers>, row: OutboxRow) {
    let attempt = if row.region == region.code().as_str() {
        here(store, region, &row).await
    } else {
        match peers {
            Some(peers) => there(store, peers, &row).await,
            None => Attempt::Later("no-federation"),
        }
    };
    let (problem, refused) = match attempt {
        Attempt::Delivered => {
            metrics::counter!("cofrestr_custody_messages", "status" => "delivered").increment(1);
            return;
        }
        Attempt::Later(problem) => (problem, row.refused),
        Attempt::Refused(problem) => (problem, row.refused + 1),
    };
    let again_at = (refused < REFUSALS).then(|| store.clock().wall() + pause(row.attempts));
    let status = if again_at.is_some() { "again" } else { "parked" };
    metrics::counter!("cofrestr_custody_messages", "status" => status).increment(1);
    let noted = match again_at {
        Some(at) => store.put_off(row.id, at, refused, problem.to_owned()).await.map_err(RegisterError::from),
        None => {
            tracing::error!(message = %row.id.0, peer = %row.region, kind = %row.kind, problem, "a message about custody is refused and parked: a person must look at it");
            messages::park(store, region, row, refused, problem).await
        }
    };
    if let Err(error) = noted {
        tracing::error!(error = %error, "what became of a message about custody could not be noted; it is sent again");
    }
}

fn pause(attempts: i64) -> TimeDelta {
    let index = usize::try_from(attempts.max(1) - 1).unwrap_or(0).min(PAUSES.len() - 1);
    let seconds = PAUSES.get(index).copied().unwrap_or(300);
    TimeDelta::milliseconds(seconds * rand::rng().random_range(800..1200))
}

/// Between two authorities of this region.
async fn here(store: &Store, region: &Arc<Region>, row: &OutboxRow) -> Attempt {
    match delivery::deliver_here(store, region, row).await {
        Ok(()) => Attempt::Delivered,
        Err(RegisterError::Stale) => Attempt::Later("overtaken"),
        Err(error @ RegisterError::Store(_)) => {
            tracing::error!(error = %error, "a message about custody could not be taken in; it is tried again");
            Attempt::Later("temporarily-unavailable")
        }
        Err(error) => Attempt::Refused(error.code()),
    }
}

/// To another region.
async fn there(store: &Store, peers: &Peers, row: &OutboxRow) -> Attempt {
    let (Ok(to), Ok(body)) = (row.region.parse::<RegionCode>(), serde_json::from_str::<Value>(&row.body)) else {
        return Attempt::Refused("malformed-body");
    };
    let (path, kind_of) = match row {
        row if row.is_of_an_alert() => (ALERT_PATH, kind::ALERT),
        row if row.is_of_a_check() => (READING_PATH, kind::READING),
        _ => (CUSTODY_PATH, kind::CUSTODY),
    };
    match peers.send(&to, path, kind_of, body, row.id.0, WITHIN).await {
        Ok(genuine) if genuine.received.envelope.kind == kind::STORED => match store.mark_delivered(row.id).await {
            Ok(()) => Attempt::Delivered,
            // It is sent again, and answered again.
            Err(_) => Attempt::Later("temporarily-unavailable"),
        },
        Ok(_) => Attempt::Refused("malformed-body"),
        Err(Failure::TimedOut) => Attempt::Later("timed-out"),
        Err(Failure::Unreachable) => Attempt::Later("unreachable"),
        Err(Failure::Refused(code) | Failure::Invalid(code)) if is_final(code) => Attempt::Refused(code),
        Err(Failure::Refused(code) | Failure::Invalid(code)) => Attempt::Later(code),
    }
}

/// Whether a refusal is about the message itself; every other goes away: a clock that is set right, a key that becomes known, a
/// member that is let in again.
fn is_final(code: &str) -> bool {
    matches!(code, "malformed-body" | "unproven" | "unknown-authority" | "invalid" | "altered-duplicate" | "wrong-place")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_minutes_and_no_further() {
        for (attempts, least, most) in [(0, 800, 1200), (1, 800, 1200), (3, 4_000, 6_000), (7, 240_000, 360_000), (1_000, 240_000, 360_000)]
        {
            let pause = pause(attempts).num_milliseconds();
            assert!((least..=most).contains(&pause), "{attempts}: {pause}");
        }
    }
}
