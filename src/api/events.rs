//! `/v1/events`: the feed that programs pull, in the order in which things were done.

use std::sync::Arc;

use actix_web::HttpResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::fields::Fields;
use super::gate::Gate;
use super::once::Once;
use super::paging::Links;
use super::problem::{Kind, Problem};
use super::respond::{created, kept, list};
use crate::authz::policy::action;
use crate::register::events;
use crate::store::events::{EventRow, Place};
use crate::store::types::Id;

/// Events on a page when the caller names no number, and the most.
const USUAL: i64 = 50;
const MOST: i64 = 200;

/// An event: CloudEvents 1.0 in JSON. Opaque identifiers and links; more is read where `subject` leads, by whoever may.
#[derive(Debug, Serialize, ToSchema)]
pub struct CloudEventView {
    /// Always `1.0`.
    #[schema(example = "1.0")]
    specversion: &'static str,
    /// Identifier: the same event has the same, however often it is delivered.
    id: String,
    /// The region that tells it.
    #[schema(example = "https://gwent.example.wales")]
    source: String,
    /// What happened: `cofrestr.notice.` and the kind of the notice, `cofrestr.alert.` and what became of the alert, or
    /// `cofrestr.check.read-by-authority`.
    #[serde(rename = "type")]
    #[schema(example = "cofrestr.notice.enquiry")]
    kind: String,
    /// Where more can be read.
    #[schema(example = "/v1/notices/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    subject: String,
    /// When it happened.
    time: DateTime<Utc>,
    /// Always `application/json`.
    #[schema(example = "application/json")]
    datacontenttype: &'static str,
    /// The place in the feed, to be acknowledged or gone on after.
    #[schema(example = "AAAAAAAAAAcBk48KfD57Ap0Lby8PbwsR")]
    sequence: String,
    /// The child, when whoever gets the event may know of them: events about one child are in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    partitionkey: Option<String>,
    /// What goes with it.
    data: CloudEventData,
}

/// What goes with an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloudEventData {
    /// Where more can be read.
    #[schema(example = "/v1/notices/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    link: String,
    /// The child.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_id: Option<String>,
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct CloudEventList {
    /// The events, oldest first.
    items: Vec<CloudEventView>,
    /// The place of the last of them, to be acknowledged; absent on an empty page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "AAAAAAAAAAcBk48KfD57Ap0Lby8PbwsR")]
    cursor: Option<String>,
    /// Where the next page is.
    links: Links,
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// After which: a `sequence` or `cursor` of the feed. Without it, after what was acknowledged.
    #[param(example = "AAAAAAAAAAcBk48KfD57Ap0Lby8PbwsR", pattern = "^[A-Za-z0-9_-]{32}$")]
    after: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// How far the feed was worked through.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventAcknowledgementRequest {
    /// The place of the last event that was worked through.
    #[schema(example = "AAAAAAAAAAcBk48KfD57Ap0Lby8PbwsR", pattern = "^[A-Za-z0-9_-]{32}$")]
    cursor: Option<String>,
}

/// How far the feed is acknowledged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventAcknowledgementView {
    /// The place up to which it is acknowledged.
    #[schema(example = "AAAAAAAAAAcBk48KfD57Ap0Lby8PbwsR")]
    cursor: String,
    /// Where the feed goes on.
    #[schema(example = "/v1/events?after=AAAAAAAAAAcBk48KfD57Ap0Lby8PbwsR")]
    next: String,
}

/// A place as a text: opaque to callers.
fn cursor(place: Place) -> String {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&place.leaf_index.to_be_bytes());
    bytes[8..].copy_from_slice(place.event.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn place(text: &str) -> Option<Place> {
    let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    let (leaf_index, event) = bytes.split_at(8);
    let leaf_index = i64::from_be_bytes(leaf_index.try_into().ok()?);
    (leaf_index >= 0).then_some(Place { leaf_index, event: Id(Uuid::from_slice(event).ok()?) })
}

/// An event as it is sent to a subscription: the same document that the feed shows.
pub fn document(place: Place, row: &EventRow, issuer: &str) -> String {
    serde_json::to_string(&CloudEventView::new(place, row, issuer)).unwrap_or_default()
}

impl CloudEventView {
    fn new(place: Place, row: &EventRow, issuer: &str) -> Self {
        let child = row.child_id.map(|child| child.0.to_string());
        Self {
            specversion: "1.0",
            id: row.id.0.to_string(),
            source: issuer.to_owned(),
            kind: format!("cofrestr.{}", row.kind),
            subject: row.subject.clone(),
            time: row.happened_at.get(),
            datacontenttype: "application/json",
            sequence: cursor(place),
            partitionkey: child.clone(),
            data: CloudEventData { link: row.subject.clone(), child_id: child },
        }
    }
}

/// Follow what happens
///
/// Events about the caller's authorities or, for partner systems, about what they asked, oldest first. Each is shown until it is
/// acknowledged: at least once, none lost, those about one child in their order. Delivery is not reading: notices are
/// acknowledged by people.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "listEvents", tag = "Events", params(EventQuery),
    responses((status = 200, description = "A page of events, oldest first", body = CloudEventList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListEvents>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: EventQuery = incoming.query()?;
            let after = query.after.as_deref().map(|text| place(text).ok_or(Kind::MalformedQuery)).transpose()?;
            if query.limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
                return Err(Kind::MalformedQuery.into());
            }
            let limit = query.limit.unwrap_or(USUAL);
            let mut found = events::list(snapshot.connection, &principal, &region, after, limit + 1)?;
            let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            if found.is_empty() {
                snapshot.audit().empty();
            }
            found.iter().filter_map(|(_, row)| row.child_id).for_each(|child| snapshot.audit().child(child));
            let last = found.last().map(|(place, _)| cursor(*place));
            let stated = query.limit.map(|limit| format!("&limit={limit}")).unwrap_or_default();
            let next = last.as_ref().filter(|_| more).map(|last| format!("/v1/events?after={last}{stated}"));
            let items = found.iter().map(|(place, row)| CloudEventView::new(*place, row, &region.issuer)).collect();
            list(&CloudEventList { items, cursor: last, links: Links::to(next) })
        })
        .await
        .map(kept)
}

/// Acknowledge events
///
/// Up to the one at `cursor`: without `after` the feed goes on behind it. It never goes back.
#[utoipa::path(
    post, path = "/v1/events/acknowledgement", operation_id = "acknowledgeEvents", tag = "Events",
    params(super::openapi::IdempotencyKey), request_body = EventAcknowledgementRequest,
    responses((status = 201, description = "How far the feed is acknowledged", body = EventAcknowledgementView),
        super::openapi::CreateProblems),
)]
pub async fn acknowledge(gate: Gate<action::AcknowledgeEvents>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<EventAcknowledgementRequest>()?, |_, body| {
                    let mut fields = Fields::default();
                    let read = body.cursor.as_deref().and_then(place);
                    match (&body.cursor, read) {
                        (None, _) => fields.missing("/cursor"),
                        (Some(_), None) => fields.note("/cursor", "unknown-cursor", "give the cursor of an event that you were shown"),
                        _ => {}
                    }
                    fields.finish(read)
                })
            },
            move |tx, once| {
                once.make(tx, |tx, place| {
                    let cursor = cursor(events::acknowledge(tx, &principal, &region, *place)?);
                    let next = format!("/v1/events?after={cursor}");
                    created(None, None, &EventAcknowledgementView { cursor, next })
                })
            },
        )
        .await
        .map(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let somewhere = Place { leaf_index: 7, event: Id(Uuid::now_v7()) };
        assert_eq!(place(&cursor(somewhere)), Some(somewhere));
        assert_eq!(cursor(somewhere).len(), 32);
        for text in ["", "AAAA", "not a cursor", &"_".repeat(32), &"A".repeat(33)] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
