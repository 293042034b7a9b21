//! What a server does beside the requests, for the federation: knowing the members, and asking silent regions again.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rand::RngExt;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::members::Members;
use super::peers::Peers;
use crate::authz::policy::action::CompleteCheck;
use crate::authz::program_permit;
use crate::domain::ids::CheckId;
use crate::domain::outcome::Reply;
use crate::register::RegisterError;
use crate::register::peers::completion;
use crate::register::peers::wire::PeerQuestion;
use crate::store::Store;
use crate::store::federation::{self as rows, WaitingRow};
use crate::upkeep::unending;

/// How often it is looked whether another server of this region learnt something about the members.
const NEWS_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether a region is to be asked again.
const WAITING_EVERY: Duration = Duration::from_millis(500);
/// How long a region may take to answer when nobody waits.
const PATIENT: Duration = Duration::from_secs(10);
/// How long no other server asks again: longer than asking and keeping the answer take.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How many are asked again at once.
const AT_ONCE: usize = 16;
/// How often another server's answer to the same check may come first.
const ATTEMPTS: usize = 20;
/// How often messages that are too old to be believed again are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Starts the work; it goes on until the program ends.
pub fn start(store: &Store, members: &Members, peers: &Peers) {
    let Some(runtime) = peers.runtime() else { return };
    keep_members(&runtime, members, peers);
    ask_again(&runtime, store, peers);
    super::comparisons::start(&runtime, store, peers);
    let store = store.clone();
    runtime.spawn(unending("forgetting old messages", move || {
        let store = store.clone();
        async move {
            loop {
                tokio::time::sleep(FORGET_EVERY).await;
                if let Err(error) = store.forget_messages().await {
                    tracing::error!(error = %error, "old messages could not be forgotten; they do no harm");
                }
            }
        }
    }));
}

fn keep_members(runtime: &Handle, members: &Members, peers: &Peers) {
    let known = members.clone();
    runtime.spawn(unending("knowing the members", move || {
        let known = known.clone();
        async move {
            let mut is_away = false;
            loop {
                let refreshed = known.refresh().await;
                if let (Err(error), false) = (&refreshed, is_away) {
                    tracing::error!(error = %error, "the members of the federation cannot be read; those in use stay in use");
                }
                is_away = refreshed.is_err();
                tokio::time::sleep(NEWS_EVERY).await;
            }
        }
    }));
    let (members, peers) = (members.clone(), peers.clone());
    let every = Duration::from_millis(members_every(&peers));
    runtime.spawn(unending("comparing the members", move || {
        let (members, peers) = (members.clone(), peers.clone());
        async move {
            loop {
                if let Err(error) = peers.region().signer.refresh() {
                    tracing::error!(error = %error, "the key folder cannot be read; the present key stays in use");
                }
                if let Err(error) = peers.refresh_identity() {
                    tracing::error!(error = %error, "the certificate for other regions cannot be read; the present one stays in use");
                }
                if let Err(error) = members.read_file().await {
                    tracing::error!(error = %error, "the directory file was not taken up; the directory in use stays in use");
                }
                members.compare(&peers, false).await;
                let pause = every.mul_f64(rand::rng().random_range(0.8..1.2));
                tokio::time::sleep(pause).await;
            }
        }
    }));
}

fn members_every(peers: &Peers) -> u64 {
    peers.region().federation.refresh_ms
}

fn ask_again(runtime: &Handle, store: &Store, peers: &Peers) {
    let (here, store, peers) = (runtime.clone(), store.clone(), peers.clone());
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    runtime.spawn(unending("asking silent regions again", move || {
        let (here, store, peers, turns) = (here.clone(), store.clone(), peers.clone(), Arc::clone(&turns));
        async move {
            let mut is_away = false;
            loop {
                tokio::select! {
                    () = tokio::time::sleep(WAITING_EVERY) => {}
                    () = peers.returned() => hurry(&store, &peers).await,
                }
                let free = i64::try_from(turns.available_permits()).unwrap_or(0);
                if free == 0 {
                    continue;
                }
                let taken = store.take_waiting(free, LEASE).await;
                if let (Err(error), false) = (&taken, is_away) {
                    tracing::error!(error = %error, "the checks that wait for other regions cannot be read; they wait on");
                }
                is_away = taken.is_err();
                for waiting in taken.unwrap_or_default() {
                    let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
                    let (store, peers) = (store.clone(), peers.clone());
                    here.spawn(async move {
                        ask_once(&store, &peers, waiting).await;
                        drop(turn);
                    });
                }
            }
        }
    }));
}

/// A region answers that did not: whatever waits for it need not wait longer. Which region it was does not matter; asking early
/// is harmless.
async fn hurry(store: &Store, peers: &Peers) {
    for region in peers.answering() {
        let hurried = store.hurry_waiting(region.to_string()).await;
        let hurried = hurried.and(store.hurry_outbox(region.to_string()).await).and(store.hurry_comparison(region.to_string()).await);
        if let Err(error) = hurried {
            tracing::debug!(error = %error, "what waits for a region that answers again waits a little longer");
        }
    }
}

/// Asks a region once more, and puts what it says to the check.
async fn ask_once(store: &Store, peers: &Peers, waiting: WaitingRow) {
    let Ok(question) = serde_json::from_str::<PeerQuestion>(&waiting.question) else { return };
    let (Ok(to), Some(check)) = (waiting.region.parse(), CheckId::try_from(waiting.enquiry_id.0).ok()) else { return };
    let reply = peers.ask(&to, &question, Uuid::now_v7(), PATIENT).await;
    let answered = matches!(reply.reply, Reply::Answered(_));
    let region = Arc::clone(peers.region());
    for _ in 0..ATTEMPTS {
        let (reader, writer, reply, code) = (Arc::clone(&region), Arc::clone(&region), reply.clone(), waiting.region.clone());
        let pause = completion::pause(&region, waiting.attempts, rand::rng().random());
        let enquiry = waiting.enquiry_id;
        let kept = store
            .run::<_, _, _, RegisterError>(
                program_permit::<CompleteCheck>("federation", region.code().as_str()),
                move |snapshot| completion::complete(snapshot, &reader, check, reply),
                move |tx, completed| {
                    completion::record(tx, &writer, completed)?;
                    if !answered {
                        let at = tx.wall() + pause;
                        rows::ask_again(tx, enquiry, &code, at)?;
                    }
                    Ok(())
                },
            )
            .await;
        match kept {
            // Another region's answer was put to it meanwhile.
            Err(RegisterError::Stale) => {}
            Err(RegisterError::NotFound) | Ok(()) => return,
            Err(error) => {
                tracing::error!(error = %error, "a later answer could not be put to its check; the region will be asked again");
                return;
            }
        }
    }
}
