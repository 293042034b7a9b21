//! Sending what authorities say to each other of a child's custody: from the outbox to the other authority of this region, or to
//! the other region, until it is stored there.
//!
//! ```text
//! outbox ──▶ of each custody and pair of authorities the oldest that waits ──▶ here: one transaction ──▶ delivered
//!                    ▲                                                    └──▶ there: signed, over mutual TLS
//!                    └── again, later each time (1 s … 5 min, with jitter) ◀── silence        │
//!                                     parked after five refusals: a person looks ◀── refusal ◀┴▶ stored ──▶ delivered
//! ```
//!
//! There is no last attempt: what a safeguarding message is about does not go away, and duties escalate it by time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rand::RngExt;
use serde_json::Value;

use super::peers::{Failure, Peers};
use crate::domain::identifiers::RegionCode;
use crate::register::peers::message::kind;
use crate::register::peers::wire::CUSTODY_PATH;
use crate::register::transfers::{delivery, keeper};
use crate::register::{Region, RegisterError};
use crate::store::custody::OutboxRow;
use crate::store::{Failure as _, Store, StoreError};

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
    tokio::task::spawn_local(async move {
        let mut is_away = false;
        loop {
            let sent = send_due(&store_here, &region_here, peers.as_ref()).await;
            if let (Err(error), false) = (&sent, is_away) {
                tracing::error!(error = %error, "messages about custody cannot be read; they wait on");
            }
            is_away = sent.is_err();
            // A whole handful: there may be more.
            if !matches!(sent, Ok(count) if count > 0) {
                tokio::time::sleep(SEND_EVERY).await;
            }
        }
    });
    let (store, region) = (store.clone(), Arc::clone(region));
    tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(KEEP_EVERY).await;
            if let Err(error) = keeper::keep(&store, &region).await {
                tracing::error!(error = %error, "duties about moves could not be looked after; what is late is told later");
            }
        }
    });
}

/// Sends what is due; answers how many were taken.
async fn send_due(store: &Store, region: &Arc<Region>, peers: Option<&Peers>) -> Result<usize, StoreError> {
    let taken = store.take_outbox(AT_ONCE, LEASE).await?;
    let count = taken.len();
    let sending = taken.into_iter().map(|row| send(store, region, peers, row));
    futures_util::future::join_all(sending).await;
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
    if again_at.is_none() {
        tracing::error!(message = %row.id.0, peer = %row.region, kind = %row.kind, problem, "a message about custody is refused and parked: a person must look at it");
    }
    if let Err(error) = store.put_off(row.id, again_at, refused, problem.to_owned()).await {
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
    match peers.send(&to, CUSTODY_PATH, kind::CUSTODY, body, row.id.0, WITHIN).await {
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
