//! Sending events to the programs that subscribed to them: over TLS, to addresses that the internet reaches, following no redirect.
//!
//! A name is looked up for each connection, and the connection goes to an address that was looked at: a name that turns to another
//! network afterwards leads nowhere.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};

use crate::domain::webhook::{DeliveryProblem, DeliveryStatus, WebhookAddress, is_public};
use crate::register::Region;
use crate::register::webhooks::{self, Tastes};
use crate::store::events::{EventRow, Place};
use crate::store::webhooks::{Attempted, Due};
use crate::store::{Store, StoreError};
use crate::upkeep::unending;

/// How often it is looked whether anything is to be sent.
const SEND_EVERY: Duration = Duration::from_millis(400);
/// How often deliveries that were taken long ago are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// How many events are turned into deliveries in one transaction.
const AT_A_TIME: i64 = 500;
/// How many are sent at once.
const AT_ONCE: i64 = 32;
/// How much longer than sending takes no other server sends the same event.
const LEASE_LONGER: TimeDelta = TimeDelta::seconds(15);
/// What a receiver may have us wait at most when it says for how long.
const RETRY_AFTER_MOST: i64 = 86_400;

/// The document of an event, as the feed shows it.
pub type Document = fn(Place, &EventRow, &str) -> String;

/// Looks names up, and leaves out the addresses to which nothing is sent.
#[derive(Debug, Clone, Copy)]
struct Lookup {
    sandbox: bool,
}

impl Lookup {
    fn allows(self, address: IpAddr) -> bool {
        is_public(address) || (self.sandbox && address.is_loopback())
    }
}

/// The name leads to no address that the internet reaches.
#[derive(Debug, thiserror::Error)]
#[error("no public address")]
struct NotPublic;

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = *self;
        Box::pin(async move {
            let all: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One that leads to both is not believed by halves.
            if all.is_empty() || !all.iter().all(|address| lookup.allows(address.ip())) {
                return Err(io::Error::other(NotPublic).into());
            }
            Ok(Box::new(all.into_iter()) as Addrs)
        })
    }
}

struct Sender {
    store: Store,
    region: Arc<Region>,
    client: reqwest::Client,
    document: Document,
}

/// Starts the work; it goes on until the program ends.
///
/// # Errors
/// When the HTTP client cannot be made.
pub fn start(store: &Store, region: &Arc<Region>, document: Document) -> Result<(), reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Lookup { sandbox: region.sandbox })
        .timeout(region.sending.timeout)
        .user_agent(concat!("cofrestr/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let sender = Arc::new(Sender { store: store.clone(), region: Arc::clone(region), client, document });
    let forgetting = Arc::clone(&sender);
    tokio::task::spawn_local(unending("sending events", move || {
        let sender = Arc::clone(&sender);
        async move {
            let mut is_away = false;
            loop {
                let sent = sender.send_due().await;
                if let (Err(error), false) = (&sent, is_away) {
                    tracing::error!(error = %error, "events that are to be sent cannot be read; they wait on");
                }
                is_away = sent.is_err();
                if !matches!(sent, Ok(true)) {
                    tokio::time::sleep(SEND_EVERY).await;
                }
            }
        }
    }));
    tokio::task::spawn_local(unending("forgetting deliveries", move || {
        let forgetting = Arc::clone(&forgetting);
        async move {
            loop {
                tokio::time::sleep(FORGET_EVERY).await;
                let before = forgetting.store.clock().wall() - forgetting.region.sending.keep;
                if let Err(error) = forgetting.store.forget_deliveries(before).await {
                    tracing::error!(error = %error, "deliveries of events that are long done could not be forgotten; it is tried again");
                }
            }
        }
    }));
    Ok(())
}

/// What a receiver made of an event.
enum Answer {
    Taken(u16),
    /// Not yet: with its status, if it gave one, and for how long it wants to be left alone.
    Refused {
        status: Option<u16>,
        problem: DeliveryProblem,
        wait: Option<TimeDelta>,
    },
    /// It is there no more.
    Gone,
}

impl Sender {
    /// Turns the feed into deliveries, and sends those that are due. Answers whether there may be more at once.
    async fn send_due(&self) -> Result<bool, StoreError> {
        let more = self.store.spread_events(Arc::new(Tastes(Arc::clone(&self.region))), AT_A_TIME).await?;
        let lease = TimeDelta::from_std(self.region.sending.timeout).unwrap_or(LEASE_LONGER) + LEASE_LONGER;
        let due = self.store.take_deliveries(AT_ONCE, lease).await?;
        let any = !due.is_empty();
        futures_util::future::join_all(due.iter().map(|due| self.send(due))).await;
        Ok(more || any)
    }

    async fn send(&self, due: &Due) {
        let answer = self.attempt(due).await;
        let now = self.store.clock().wall();
        let (attempted, gone) = self.judge(due, &answer, now);
        metrics::counter!("cofrestr_webhook_deliveries", "status" => attempted.status.as_str()).increment(1);
        if let Err(error) = self.store.note_attempt(due, attempted, gone).await {
            tracing::error!(error = %error, "what became of an event that was sent could not be noted; it is sent again");
        }
    }

    fn judge(&self, due: &Due, answer: &Answer, now: DateTime<Utc>) -> (Attempted, bool) {
        let (answered, problem, wait) = match answer {
            Answer::Taken(status) => {
                let taken = Attempted { status: DeliveryStatus::Delivered, next_at: None, answered: Some(*status), problem: None };
                return (taken, false);
            }
            Answer::Refused { status, problem, wait } => (*status, *problem, *wait),
            Answer::Gone => (Some(410), DeliveryProblem::Gone, None),
        };
        let gone = matches!(answer, Answer::Gone);
        let pauses = &self.region.sending.pauses;
        let next = usize::try_from(due.delivery.attempts - 1).ok().and_then(|made| pauses.get(made)).map(|pause| {
            let pause = TimeDelta::milliseconds(pause.num_milliseconds() * rand::rng().random_range(100..120) / 100);
            now + wait.map_or(pause, |wait| wait.max(pause))
        });
        // What waits for a receiver that is gone is not failed: its owner may turn the subscription on again.
        let (status, next_at) = match next {
            Some(next) => (DeliveryStatus::Waiting, Some(next)),
            None if gone => (DeliveryStatus::Waiting, Some(now)),
            None => (DeliveryStatus::Failed, None),
        };
        (Attempted { status, next_at, answered, problem: Some(problem) }, gone)
    }

    async fn attempt(&self, due: &Due) -> Answer {
        let refused = |problem| Answer::Refused { status: None, problem, wait: None };
        if let Some(client) = webhooks::owning_client(&self.region, &due.webhook) {
            match self.store.client_is_active(client.into()).await {
                Ok(true) => {}
                Ok(false) => return refused(DeliveryProblem::OwnerCutOff),
                Err(_) => return refused(DeliveryProblem::TemporarilyUnavailable),
            }
        }
        // An address that was good once is looked at again: rules may have changed, and a name is looked up anew.
        let Ok(address) = WebhookAddress::read(&due.webhook.url, self.region.sandbox) else {
            return refused(DeliveryProblem::AddressRefused);
        };
        let body = (self.document)(due.delivery.place(), &due.event, &self.region.issuer);
        let Some((id, seconds, signatures)) = self.sign(due, &body) else { return refused(DeliveryProblem::TemporarilyUnavailable) };
        let request = self
            .client
            .post(address.as_str())
            .header(CONTENT_TYPE, "application/cloudevents+json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signatures)
            .body(body);
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                let wait =
                    response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<i64>().ok());
                let wait = wait.map(|seconds| TimeDelta::seconds(seconds.clamp(0, RETRY_AFTER_MOST)));
                let refused = |problem| Answer::Refused { status: Some(status.as_u16()), problem, wait };
                match status.as_u16() {
                    200..300 => Answer::Taken(status.as_u16()),
                    410 => Answer::Gone,
                    300..400 => refused(DeliveryProblem::Redirected),
                    400..500 => refused(DeliveryProblem::Refused),
                    _ => refused(DeliveryProblem::ReceiverFailed),
                }
            }
            Err(error) if error.is_timeout() => refused(DeliveryProblem::TimedOut),
            Err(error) if is_not_public(&error) => refused(DeliveryProblem::AddressRefused),
            Err(_) => refused(DeliveryProblem::Unreachable),
        }
    }

    /// Identifier, time and signatures: by the present secret, and by the one before while both are good.
    fn sign(&self, due: &Due, body: &str) -> Option<(String, i64, String)> {
        let now = self.store.clock().wall();
        let (webhook, generation) = (due.webhook.id.0, due.webhook.generation);
        let signing = webhooks::signing_of(&due.webhook).ok()?;
        let (id, seconds) = (due.event.id.0.to_string(), now.timestamp());
        let sign = |generation| self.region.webhooks.sign(webhook, generation, signing, (&id, seconds, body)).ok();
        let mut signatures = sign(generation)?;
        if generation > 1 && webhooks::overlap_until(&due.webhook, &self.region.sending, now).is_some() {
            signatures = format!("{signatures} {}", sign(generation - 1)?);
        }
        Some((id, seconds, signatures))
    }
}

fn is_not_public(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<NotPublic>()
            || cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<NotPublic>())
        {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_into_a_private_network_leads_nowhere() {
        for (name, sandbox, expected) in [("localhost", false, false), ("localhost", true, true), ("127.0.0.1", false, false)] {
            let found = Lookup { sandbox }.resolve(name.parse().unwrap()).await;
            assert_eq!(found.is_ok(), expected, "{name} {sandbox}");
        }
    }

    #[tokio::test]
    async fn it_is_known_why_a_name_led_nowhere() {
        let client = reqwest::Client::builder().no_proxy().dns_resolver(Lookup { sandbox: false }).build().unwrap();
        let error = client.get("https://localhost:9/").send().await.unwrap_err();
        assert!(is_not_public(&error), "{error:?}");
    }
}
