//! `/v1/messages`: what authorities and regions have to say to each other and could not yet. For whoever keeps the machine: nothing
//! here names a child.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::gate::Gate;
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::{Kind, Problem};
use super::respond::{created, kept, list};
use crate::authz::policy::action;
use crate::domain::ids::MessageId;
use crate::register::transfers::messages::{self, Undelivered};
use crate::store::custody::{OutboxRow, PARKED};

/// Which messages to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// Only those that are `parked`, or only those that are `waiting`; left out, both.
    #[param(example = "parked")]
    state: Option<String>,
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// Nothing needs to be said.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageReplayRequest {}

/// A message that has not been delivered. It names nobody.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// Identifier.
    id: String,
    /// `waiting`: it is sent again and again. `parked`: the other side refused it for good, and a person looks at it.
    #[schema(example = "parked")]
    state: String,
    /// What it says, as a code: that of a message about custody, `alert…`, or `check-read`.
    #[schema(example = "offer")]
    kind: String,
    /// Whose it is: an authority (GSS code), or of an alert or a check a region.
    #[schema(example = "W06000022")]
    from: String,
    /// For whom it is: an authority (GSS code), or of an alert or a check a region.
    #[schema(example = "E06000051")]
    to: String,
    /// The region of the receiver.
    #[schema(example = "west-midlands")]
    region: String,
    /// How often it was tried.
    #[schema(example = 7)]
    attempts: i64,
    /// How often it was refused.
    #[schema(example = 5)]
    refused: i64,
    /// Why it could not be delivered when it was last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "unproven")]
    problem: Option<String>,
    /// Since when it is on its way.
    created_at: DateTime<Utc>,
    /// When it is tried next; absent for one that is parked.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<DateTime<Utc>>,
}

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageList {
    /// The messages, newest first.
    items: Vec<MessageView>,
    /// Where the next page is.
    links: Links,
}

impl MessageView {
    fn new(row: &OutboxRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            state: row.state.clone(),
            kind: row.kind.clone(),
            from: row.from_authority.clone(),
            to: row.to_authority.clone(),
            region: row.region.clone(),
            attempts: row.attempts,
            refused: row.refused,
            problem: row.problem.clone(),
            created_at: row.created_at.get(),
            next_at: (row.state != PARKED).then(|| row.next_at.get()),
        }
    }
}

/// List messages that are not delivered
///
/// What authorities of this region, and the region itself, have to say to others about moves and alerts and could not yet. Those that
/// were refused for good are `parked`: they are mended by people, and sent again by `replay`.
#[utoipa::path(
    get, path = "/v1/messages", operation_id = "listMessages", tag = "Messages", params(MessageQuery),
    responses((status = 200, description = "A page of messages, newest first", body = MessageList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListMessages>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: MessageQuery = incoming.query()?;
            let state: Option<Undelivered> = query.state.as_deref().map(str::parse).transpose().map_err(|_| Kind::MalformedQuery)?;
            let stated = state.map(|state| ("state", state.as_str().to_owned()));
            let page = Page::new(query.cursor.as_deref(), query.limit, stated)?;
            let found = messages::list(snapshot.connection, (&principal, &region), state, page.before(), page.fetch())?;
            let (found, links) = page.cut(snapshot, found, "/v1/messages", |row| row.id.0);
            list(&MessageList { items: found.iter().map(MessageView::new).collect(), links })
        })
        .await
        .map(kept)
}

/// Send a message again
///
/// At once, from the beginning, whether it was parked or waits for its next turn. The other side stores a message once however often
/// it comes. One that has been delivered meanwhile is 409.
#[utoipa::path(
    post, path = "/v1/messages/{id}/replay", operation_id = "replayMessage", tag = "Messages",
    params(super::openapi::IdempotencyKey, ("id" = String, Path, description = "Identifier of the message")),
    request_body = MessageReplayRequest,
    responses((status = 201, description = "The message, on its way again", body = MessageView), super::openapi::AddProblems),
)]
pub async fn replay(gate: Gate<action::ReplayMessage>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                let row = messages::find(snapshot.connection, incoming.id::<MessageId>()?, &principal, &region)?;
                Once::read(snapshot, incoming.creation::<MessageReplayRequest>()?, |_, _| Ok(row))
            },
            |tx, once| once.make(tx, |tx, row| created(None, None, &MessageView::new(&messages::send_again(tx, row)?))),
        )
        .await
        .map(kept)
}
