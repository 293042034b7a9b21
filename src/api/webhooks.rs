//! `/v1/webhooks`: subscriptions by which events are sent to programs, signed as Standard Webhooks has it.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::fields::Fields;
use super::gate::{Gate, Incoming, etag};
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{created, item, kept, list};
use crate::authz::Action;
use crate::authz::policy::action;
use crate::domain::ids::{EventId, WebhookId};
use crate::domain::webhook::{DeliveryStatus, EventFilter, WebhookAddress, WebhookSigning, WebhookStatus};
use crate::register::idempotency::Answer;
use crate::register::webhooks::{self, Wanted};
use crate::register::{Region, RegisterError};
use crate::store::connection::AnyConnection;
use crate::store::events::EventRow;
use crate::store::types::Id;
use crate::store::webhooks::{Again, DeliveryRow, WebhookRow, standing};
use crate::store::{StoreError, Tx};

/// The most types of event that a subscription names, and the most events whose delivery is asked for again at once.
const KINDS_MOST: usize = 50;
const AGAIN_MOST: usize = 200;

/// A subscription to events.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookRequest {
    /// The `https` address to which events are sent. It must be one that the internet reaches; no redirect is followed.
    #[schema(example = "https://events.hospital.example/cofrestr", min_length = 1, max_length = 500)]
    url: Option<String>,
    /// Which types of event, each whole or the beginning with an asterisk; left out, all.
    #[schema(example = json!(["cofrestr.notice.*", "cofrestr.check.read-by-authority"]), max_items = 50)]
    event_types: Option<Vec<String>>,
    /// How what is sent is signed. It stays so.
    #[schema(example = "hmac-sha256", default = "hmac-sha256")]
    signing: Option<String>,
}

/// What a subscription is to be from now on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookChangeRequest {
    /// The `https` address to which events are sent.
    #[schema(example = "https://events.hospital.example/cofrestr", min_length = 1, max_length = 500)]
    url: Option<String>,
    /// Which types of event; left out, all.
    #[schema(example = json!(["cofrestr.notice.*"]), max_items = 50)]
    event_types: Option<Vec<String>>,
    /// `active`, `paused` (events wait) or `ended` (for good; what waits is dropped).
    #[schema(example = "paused")]
    status: Option<String>,
}

/// Nothing needs to be said.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookActRequest {}

/// Which deliveries are to be made again: of these events, or of all since a time; left out both, those that failed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Identifiers of events.
    #[schema(example = json!(["01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11"]), min_items = 1, max_items = 200)]
    events: Option<Vec<String>>,
    /// Of everything that happened since then, taken or not.
    #[schema(example = "2026-11-17T02:00:00Z")]
    since: Option<String>,
}

/// A subscription.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookView {
    /// Identifier.
    id: String,
    /// Where events are sent.
    #[schema(example = "https://events.hospital.example/cofrestr")]
    url: String,
    /// Which types of event; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["cofrestr.notice.*"]))]
    event_types: Option<Vec<String>>,
    /// How what is sent is signed.
    signing: String,
    /// How it stands; `disabled` when the receiver answered 410.
    status: String,
    /// Why it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the receiver answered 410: it is gone")]
    status_reason: Option<String>,
    /// How many deliveries stand how.
    deliveries: DeliveryCountsView,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When its owner changed it last.
    changed_at: DateTime<Utc>,
}

/// How many deliveries stand how; those taken are counted for as long as they are kept.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct DeliveryCountsView {
    /// They are sent when they are due, or again.
    #[schema(example = 0)]
    waiting: i64,
    /// The receiver took them.
    #[schema(example = 12)]
    delivered: i64,
    /// They were given up after the last attempt.
    #[schema(example = 0)]
    failed: i64,
}

/// What a receiver needs to verify signatures.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSecretView {
    /// The shared secret (`whsec_` and base64), or the public key (`whpk_` and base64).
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")]
    secret: String,
    /// The one before, while it signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDC2FVsBQIhrs=")]
    previous_secret: Option<String>,
    /// Until when the one before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_until: Option<DateTime<Utc>>,
}

/// A page of subscriptions.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookList {
    /// The subscriptions, newest first.
    items: Vec<WebhookView>,
    /// Where the next page is.
    links: Links,
}

/// The delivery of an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// The event; `webhook-id` of what is sent.
    event_id: String,
    /// What happened.
    #[schema(example = "cofrestr.notice.enquiry")]
    event_type: String,
    /// When it happened.
    happened_at: DateTime<Utc>,
    /// How it stands.
    status: String,
    /// How often it was tried.
    #[schema(example = 2)]
    attempts: i64,
    /// When it was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempted_at: Option<DateTime<Utc>>,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<DateTime<Utc>>,
    /// The status that the receiver gave last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 503)]
    answered: Option<i64>,
    /// Why it was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries, the latest events first.
    items: Vec<DeliveryView>,
    /// Where the next page is.
    links: Links,
}

/// Which page of subscriptions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhookQuery {
    /// Where to go on: `links.next` of the page before.
    pub cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    pub limit: Option<i64>,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Only those that stand so: `waiting`, `delivered` or `failed`.
    #[param(example = "failed")]
    status: Option<String>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

fn wanted(url: Option<&str>, kinds: Option<&[String]>, sandbox: bool, fields: &mut Fields) -> Option<Wanted> {
    let address = match url {
        Some(url) => fields.keep("/url", WebhookAddress::read(url, sandbox)),
        None => {
            fields.missing("/url");
            None
        }
    };
    let kinds = kinds.map(|kinds| {
        if kinds.is_empty() {
            fields.note("/eventTypes", "empty", "name a type of event, or leave the field out to get all");
        }
        let kinds = fields.bounded("/eventTypes", kinds, KINDS_MOST).to_vec();
        (0..)
            .zip(kinds)
            .filter_map(|(index, kind): (usize, String)| fields.keep(&format!("/eventTypes/{index}"), kind.parse::<EventFilter>()))
            .collect()
    });
    address.map(|address| Wanted { address, kinds })
}

impl WebhookRequest {
    fn read(&self, sandbox: bool) -> Result<(Wanted, WebhookSigning), Problem> {
        let mut fields = Fields::default();
        let wanted = wanted(self.url.as_deref(), self.event_types.as_deref(), sandbox, &mut fields);
        let signing = match &self.signing {
            Some(_) => fields.required("/signing", self.signing.as_deref()),
            None => Some(WebhookSigning::Hmac),
        };
        fields.finish(wanted.zip(signing))
    }
}

impl WebhookChangeRequest {
    fn read(&self, sandbox: bool) -> Result<(Wanted, WebhookStatus), Problem> {
        let mut fields = Fields::default();
        let wanted = wanted(self.url.as_deref(), self.event_types.as_deref(), sandbox, &mut fields);
        let status: Option<WebhookStatus> = fields.required("/status", self.status.as_deref());
        if status == Some(WebhookStatus::Disabled) {
            fields.note("/status", "unknown-code", "one of: active, paused, ended");
        }
        fields.finish(wanted.zip(status))
    }
}

impl ReplayRequest {
    fn read(&self) -> Result<Again, Problem> {
        let mut fields = Fields::default();
        let again = match (&self.events, &self.since) {
            (Some(_), Some(_)) => {
                fields.note("/since", "events-or-since", "name events or a time, not both");
                None
            }
            (None, None) => Some(Again::Failed),
            (None, Some(since)) => match DateTime::parse_from_rfc3339(since) {
                Ok(since) => Some(Again::Since(since.to_utc())),
                Err(_) => {
                    fields.note("/since", "not-an-instant", "give a date and time with its offset, such as 2026-11-17T02:00:00Z");
                    None
                }
            },
            (Some(events), None) => {
                let events = fields.bounded("/events", events, AGAIN_MOST).to_vec();
                let read = (0..).zip(&events).filter_map(|(index, event): (usize, &String)| {
                    fields.required::<EventId>(&format!("/events/{index}"), Some(event)).map(|id| Id(Uuid::from(id)))
                });
                Some(Again::Events(read.collect()))
            }
        };
        fields.finish(again)
    }
}

impl WebhookView {
    fn new(connection: &mut AnyConnection, row: &WebhookRow) -> Result<Self, StoreError> {
        let mut deliveries = DeliveryCountsView::default();
        for (status, count) in standing(connection, row.id)? {
            match status.parse().map_err(|_| StoreError::Corrupt("webhook delivery"))? {
                DeliveryStatus::Waiting => deliveries.waiting = count,
                DeliveryStatus::Delivered => deliveries.delivered = count,
                DeliveryStatus::Failed => deliveries.failed = count,
            }
        }
        Ok(Self {
            id: row.id.0.to_string(),
            url: row.url.clone(),
            event_types: webhooks::kinds(row),
            signing: row.signing.clone(),
            status: row.status.clone(),
            status_reason: row.status_reason.clone(),
            deliveries,
            created_at: row.created_at.get(),
            changed_at: row.changed_at.get(),
        })
    }
}

impl DeliveryView {
    fn new((row, event): &(DeliveryRow, EventRow)) -> Self {
        let waits = row.status == DeliveryStatus::Waiting.as_str();
        Self {
            event_id: row.event_id.0.to_string(),
            event_type: format!("cofrestr.{}", event.kind),
            happened_at: event.happened_at.get(),
            status: row.status.clone(),
            attempts: row.attempts,
            attempted_at: row.attempted_at.map(|at| at.get()),
            next_attempt_at: waits.then(|| row.next_at.get()),
            answered: row.answered,
            problem: row.problem.clone(),
        }
    }
}

/// Subscribe to events
///
/// From the answer on the caller's events are sent to the address: a partner system's own, or those of an authority or region. Each
/// is a CloudEvent, signed as Standard Webhooks has it, and sent until it is taken: at least once, those about one child in order.
#[utoipa::path(
    post, path = "/v1/webhooks", operation_id = "addWebhook", tag = "Events",
    params(super::openapi::IdempotencyKey), request_body = WebhookRequest,
    responses((status = 201, description = "The subscription", body = WebhookView,
        headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddWebhook>) -> Result<HttpResponse, Problem> {
    put(gate).await.map(kept)
}

/// Subscribes, whichever face of the API asks.
///
/// # Errors
/// As the operation documents them.
pub async fn put(gate: Gate<action::AddWebhook>) -> Result<Answer, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let (reader, writer, owner) = (Arc::clone(&app.region), Arc::clone(&app.region), Arc::clone(&principal));
    app.store
        .run(
            permit,
            move |snapshot| {
                webhooks::may_add(&principal)?;
                Once::read(snapshot, incoming.creation::<WebhookRequest>()?, |_, body| body.read(reader.sandbox))
            },
            move |tx, once| {
                once.make(tx, |tx, (wanted, signing)| {
                    let row = webhooks::add(tx, &writer, &owner, wanted, *signing)?;
                    let location = format!("/v1/webhooks/{}", row.id.0);
                    created(Some(location), Some(etag(row.version)), &WebhookView::new(tx.connection, &row)?)
                })
            },
        )
        .await
}

/// List one's subscriptions
///
/// Also those that are over.
#[utoipa::path(
    get, path = "/v1/webhooks", operation_id = "listWebhooks", tag = "Events", params(WebhookQuery),
    responses((status = 200, description = "A page of subscriptions, newest first", body = WebhookList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListWebhooks>) -> Result<HttpResponse, Problem> {
    let asked = |incoming: &Incoming| {
        incoming.reading()?;
        incoming.query()
    };
    some(gate, asked).await.map(kept)
}

/// Lists subscriptions, whichever face of the API asks; `asked` reads which page.
///
/// # Errors
/// As the operation documents them.
pub async fn some(
    gate: Gate<action::ListWebhooks>,
    asked: impl FnOnce(&Incoming) -> Result<WebhookQuery, Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    app.store
        .read(permit, move |snapshot| {
            let query = asked(&incoming)?;
            let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
            let found = webhooks::list(snapshot.connection, &principal, page.before(), page.fetch())?;
            let (found, links) = page.cut(snapshot, found, "/v1/webhooks", |row| row.id.0);
            let items = found.iter().map(|row| WebhookView::new(snapshot.connection, row)).collect::<Result<_, _>>()?;
            list(&WebhookList { items, links })
        })
        .await
}

/// Read a subscription
///
/// Where events go, how it stands, and how many deliveries wait or failed.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", operation_id = "readWebhook", tag = "Events",
    params(("id" = String, Path, description = "Identifier of the subscription")),
    responses((status = 200, description = "The subscription", body = WebhookView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadWebhook>) -> Result<HttpResponse, Problem> {
    again(gate, |incoming, _| incoming.reading()).await.map(kept)
}

/// Reads a subscription, whichever face of the API asks; `accepted` says whether the caller takes the answer's form, and whether
/// there is such a subscription on that face.
///
/// # Errors
/// As the operation documents them.
pub async fn again(
    gate: Gate<action::ReadWebhook>,
    accepted: impl FnOnce(&Incoming, &WebhookRow) -> Result<(), Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    app.store
        .read(permit, move |snapshot| {
            let row = webhooks::find(snapshot.connection, incoming.id::<WebhookId>()?, &principal)?;
            accepted(&incoming, &row)?;
            item(row.version, &WebhookView::new(snapshot.connection, &row)?)
        })
        .await
}

/// Read what verifies the signatures of a subscription
///
/// The shared secret or the public key, and the one before while it signs too.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/secret", operation_id = "readWebhookSecret", tag = "Events",
    params(("id" = String, Path, description = "Identifier of the subscription")),
    responses((status = 200, description = "What verifies the signatures", body = WebhookSecretView,
        headers(("ETag" = String, description = "The version of the subscription"))), super::openapi::ReadProblems),
)]
pub async fn read_secret(gate: Gate<action::ReadWebhookSecret>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let row = webhooks::find(snapshot.connection, incoming.id::<WebhookId>()?, &principal)?;
            incoming.reading()?;
            snapshot.audit().detail("webhook", row.id.0);
            let signing = webhooks::signing_of(&row)?;
            let secret = |generation| {
                let secret = region.webhooks.for_receiver(row.id.0, generation, signing);
                secret.map(|secret| secret.expose_secret().to_owned()).map_err(|_| Problem::from(Kind::InternalError))
            };
            let previous_until = webhooks::overlap_until(&row, &region.sending, snapshot.wall());
            let previous_secret = previous_until.map(|_| secret(row.generation - 1)).transpose()?;
            item(row.version, &WebhookSecretView { secret: secret(row.generation)?, previous_secret, previous_until })
        })
        .await
        .map(kept)
}

/// What every change of a subscription does: find it, read what is wanted, do it, show it.
async fn changing<A, W>(
    gate: Gate<A>,
    read: impl FnOnce(&Incoming, &Region, &WebhookRow) -> Result<W, Problem> + Send + 'static,
    act: impl Fn(&mut Tx<'_>, &WebhookRow, &W) -> Result<WebhookRow, RegisterError> + Send + Sync + 'static,
) -> Result<Answer, Problem>
where
    A: Action,
    W: Send + Sync + 'static,
{
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                let row = webhooks::find(snapshot.connection, incoming.id::<WebhookId>()?, &principal)?;
                let wanted = read(&incoming, &region, &row)?;
                Ok::<_, Problem>((row, wanted))
            },
            move |tx, (row, wanted): &(WebhookRow, W)| {
                let row = act(tx, row, wanted)?;
                item::<WebhookView>(row.version, &WebhookView::new(tx.connection, &row)?)
            },
        )
        .await
}

/// Change a subscription
///
/// Another address, other events; paused, on again, or over.
#[utoipa::path(
    put, path = "/v1/webhooks/{id}", operation_id = "changeWebhook", tag = "Events",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the subscription")),
    request_body = WebhookChangeRequest,
    responses((status = 200, description = "The subscription", body = WebhookView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn change(gate: Gate<action::ChangeWebhook>) -> Result<HttpResponse, Problem> {
    alter(gate).await.map(kept)
}

/// Changes a subscription, whichever face of the API asks.
///
/// # Errors
/// As the operation documents them.
pub async fn alter(gate: Gate<action::ChangeWebhook>) -> Result<Answer, Problem> {
    let read =
        |incoming: &Incoming, region: &Region, row: &WebhookRow| incoming.change::<WebhookChangeRequest>(row.version)?.read(region.sandbox);
    changing(gate, read, |tx, row, (wanted, status)| webhooks::change(tx, row, wanted, *status)).await
}

/// Ends a subscription, as a face of the API does that has a request for it: nobody needs to have read it before, and one that is over
/// stays so.
///
/// # Errors
/// As a change, but for what a body and a precondition that is not there would be refused for.
pub async fn end(gate: Gate<action::ChangeWebhook>) -> Result<Answer, Problem> {
    let read = |incoming: &Incoming, _: &Region, row: &WebhookRow| {
        incoming.reading()?;
        incoming.unless_changed(row.version)
    };
    changing(gate, read, |tx, row, ()| webhooks::end(tx, row)).await
}

fn nothing(incoming: &Incoming, _: &Region, row: &WebhookRow) -> Result<(), Problem> {
    incoming.change::<WebhookActRequest>(row.version).map(|_| ())
}

/// Give a subscription another secret
///
/// What is sent from now on is signed by both for a while, so that the receiver can change over and misses nothing.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotation", operation_id = "rotateWebhookSecret", tag = "Events",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the subscription")),
    request_body = WebhookActRequest,
    responses((status = 200, description = "The subscription", body = WebhookView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn rotate(gate: Gate<action::RotateWebhookSecret>) -> Result<HttpResponse, Problem> {
    changing(gate, nothing, |tx, row, ()| webhooks::rotate(tx, row)).await.map(kept)
}

/// Try a subscription
///
/// Sends it an event of the type `cofrestr.webhook.test`, which says nothing.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", operation_id = "testWebhook", tag = "Events",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the subscription")),
    request_body = WebhookActRequest,
    responses((status = 200, description = "The subscription", body = WebhookView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn test(gate: Gate<action::TestWebhook>) -> Result<HttpResponse, Problem> {
    changing(gate, nothing, |tx, row, ()| webhooks::test(tx, row)).await.map(kept)
}

/// Have events sent again
///
/// Those whose delivery failed, those named, or everything since a time, as far as deliveries are kept.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", operation_id = "replayWebhook", tag = "Events",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the subscription")),
    request_body = ReplayRequest,
    responses((status = 200, description = "The subscription", body = WebhookView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn replay(gate: Gate<action::ReplayWebhook>) -> Result<HttpResponse, Problem> {
    let read = |incoming: &Incoming, _: &Region, row: &WebhookRow| incoming.change::<ReplayRequest>(row.version)?.read();
    changing(gate, read, |tx, row, again| webhooks::replay(tx, row, again).map(|(row, _)| row)).await.map(kept)
}

/// List the deliveries of a subscription
///
/// What was sent, what waits and what failed, with the reason. What the receiver said is not kept.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", operation_id = "listWebhookDeliveries", tag = "Events",
    params(("id" = String, Path, description = "Identifier of the subscription"), DeliveryQuery),
    responses((status = 200, description = "A page of deliveries, the latest events first", body = DeliveryList),
        super::openapi::BelowProblems),
)]
pub async fn deliveries(gate: Gate<action::ListWebhookDeliveries>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    app.store
        .read(permit, move |snapshot| {
            let row = webhooks::find(snapshot.connection, incoming.id::<WebhookId>()?, &principal)?;
            incoming.reading()?;
            let query: DeliveryQuery = incoming.query()?;
            let status: Option<DeliveryStatus> =
                query.status.as_deref().map(|status| status.parse().map_err(|_| Kind::MalformedQuery)).transpose()?;
            let stated = status.map(|status| ("status", status.as_str().to_owned()));
            let page = Page::new(query.cursor.as_deref(), query.limit, stated)?;
            let before = page.before::<Uuid>();
            let found = webhooks::deliveries(snapshot.connection, &row, status, before, page.fetch())?;
            let (found, links) = page.cut(snapshot, found, &format!("/v1/webhooks/{}/deliveries", row.id.0), |(row, _)| row.event_id.0);
            list(&DeliveryList { items: found.iter().map(DeliveryView::new).collect(), links })
        })
        .await
        .map(kept)
}
