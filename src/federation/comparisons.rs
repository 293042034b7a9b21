//! Comparing what is open with every other region, daily, on demand, and when one is back.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rand::RngExt;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::peers::{Failure, Peers};
use crate::authz::policy::action::CompareRegisters;
use crate::authz::program_permit;
use crate::domain::custody::Digest;
use crate::domain::identifiers::RegionCode;
use crate::register::comparisons::{self, Compared};
use crate::register::peers::message::kind;
use crate::register::peers::wire::{COMPARISON_PATH, PeerComparison};
use crate::register::{Region, RegisterError};
use crate::store::Store;
use crate::store::types::Instant;
use crate::upkeep::unending;

/// How often it is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a region may take to answer.
const WITHIN: Duration = Duration::from_secs(10);
/// How long no other server compares with the same region: longer than comparing takes.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Starts the work; it goes on until the program ends.
pub fn start(runtime: &Handle, store: &Store, peers: &Peers) {
    let (store, peers) = (store.clone(), peers.clone());
    runtime.spawn(unending("comparing registers", move || {
        let (store, peers) = (store.clone(), peers.clone());
        async move {
            loop {
                // Servers of one region do not all look at the same moment.
                let pause = LOOK_EVERY.mul_f64(rand::rng().random_range(0.8..1.2));
                tokio::time::sleep(pause).await;
                if let Err(error) = compare_due(&store, &peers).await {
                    tracing::error!(error = %error, "registers could not be compared; they are later");
                }
            }
        }
    }));
}

async fn compare_due(store: &Store, peers: &Peers) -> Result<(), RegisterError> {
    let region = Arc::clone(peers.region());
    let regions = || region.compared_with().iter().map(ToString::to_string).collect::<Vec<_>>();
    while let Some((code, taken)) = store.take_comparison(regions(), LEASE).await? {
        let Ok(with) = code.parse::<RegionCode>() else { continue };
        let digest = digest(store, &region, &with).await?;
        let compared = exchange(peers, &with, &digest).await;
        keep(store, &region, (with, taken), digest, compared).await?;
    }
    Ok(())
}

async fn digest(store: &Store, region: &Arc<Region>, with: &RegionCode) -> Result<Digest, RegisterError> {
    let (region, with) = (Arc::clone(region), with.clone());
    let permit = program_permit::<CompareRegisters>("comparisons", region.code().as_str());
    store.read(permit, move |snapshot| comparisons::digest(snapshot.connection, &region, &with)).await
}

/// What the other region holds of what differs; nothing when both hold the same.
async fn exchange(peers: &Peers, with: &RegionCode, digest: &Digest) -> Result<Option<PeerComparison>, Failure> {
    let asked = PeerComparison { root: hex::encode(digest.root()), ..PeerComparison::default() };
    let told = ask(peers, with, &asked).await?;
    if told.root == asked.root {
        return Ok(None);
    }
    let (rows, _) = comparisons::rows(digest, &digest.differing(&told.hashes()));
    ask(peers, with, &PeerComparison { rows, ..asked }).await.map(Some)
}

async fn ask(peers: &Peers, with: &RegionCode, asked: &PeerComparison) -> Result<PeerComparison, Failure> {
    let body = serde_json::to_value(asked).map_err(|_| Failure::Unreachable)?;
    let genuine = peers.send(with, COMPARISON_PATH, kind::COMPARISON, body, Uuid::now_v7(), WITHIN).await?;
    let received = &genuine.received;
    (received.envelope.kind == kind::COMPARISON).then(|| received.body().ok()).flatten().ok_or(Failure::Invalid("malformed-body"))
}

async fn keep(
    store: &Store,
    region: &Arc<Region>,
    (with, taken): (RegionCode, Instant),
    digest: Digest,
    compared: Result<Option<PeerComparison>, Failure>,
) -> Result<(), RegisterError> {
    let region = Arc::clone(region);
    let permit = program_permit::<CompareRegisters>("comparisons", region.code().as_str());
    let status = store
        .run_alone::<_, _, _, RegisterError>(
            permit,
            |_| Ok(()),
            move |tx, ()| {
                let (outcome, found) = match &compared {
                    Err(_) => (Compared::Unreachable, Vec::new()),
                    Ok(None) => {
                        comparisons::settle(tx, &region, &with, &[], &|_| true)?;
                        (Compared::Agrees, Vec::new())
                    }
                    Ok(Some(told)) => {
                        let found = comparisons::differences(&digest, &told.rows);
                        let within = |bucket| told.rows.iter().any(|rows| rows.bucket == bucket);
                        comparisons::settle(tx, &region, &with, &found, &within)?;
                        (Compared::Differs, found)
                    }
                };
                comparisons::done(tx, &region, &with, (outcome, found.len()), Some(taken))?;
                Ok(outcome)
            },
        )
        .await?;
    metrics::counter!("cofrestr_comparisons", "status" => status.as_str()).increment(1);
    Ok(())
}
