//! `/v1/comparisons`: whether this register and those of other regions hold the same of what is open between them.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::Fields;
use super::gate::Gate;
use super::once::Once;
use super::paging::Links;
use super::problem::Problem;
use super::respond::{created, kept, list};
use crate::authz::policy::action;
use crate::domain::identifiers::RegionCode;
use crate::register::comparisons::{self, Standing};
use crate::store::connection::AnyConnection;

/// With whom to compare.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparisonRequest {
    /// The code of a region; left out, every other one.
    #[schema(example = "west-midlands")]
    region: Option<String>,
}

/// What came of comparing with another region.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonView {
    /// The other region.
    #[schema(example = "west-midlands")]
    region: String,
    /// `agrees`, `differs` (what differed was told again) or `unreachable`; absent before the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "agrees")]
    status: Option<String>,
    /// When both last compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_at: Option<DateTime<Utc>>,
    /// When they do next.
    next_at: DateTime<Utc>,
    /// How many moves, stays and alerts differed.
    #[schema(example = 0)]
    differing: i64,
    /// How many still differ although they were told again: custodians have a task.
    #[schema(example = 0)]
    reported: usize,
}

/// The regions with which this one compares.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparisonList {
    /// Every region, by its code.
    items: Vec<ComparisonView>,
    /// The list is always whole.
    links: Links,
}

impl ComparisonView {
    fn new(Standing { row, reported }: &Standing) -> Self {
        Self {
            region: row.region.clone(),
            status: row.status.clone(),
            compared_at: row.compared_at.map(|at| at.get()),
            next_at: row.next_at.get(),
            differing: row.differing,
            reported: *reported,
        }
    }
}

fn view(connection: &mut AnyConnection) -> Result<ComparisonList, Problem> {
    let items = comparisons::standings(connection)?.iter().map(ComparisonView::new).collect();
    Ok(ComparisonList { items, links: Links::none() })
}

/// See how comparing with other regions stands
///
/// What is open between two regions – moves, stays, alerts – is compared daily by digest. What differs is told again; what still
/// differs then is a task for the custodian.
#[utoipa::path(
    get, path = "/v1/comparisons", operation_id = "listComparisons", tag = "Messages",
    responses((status = 200, description = "Every region", body = ComparisonList), super::openapi::OnlyProblems),
)]
pub async fn index(gate: Gate<action::ListComparisons>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            list(&view(snapshot.connection)?)
        })
        .await
        .map(kept)
}

/// Compare with other regions now
///
/// After a register was put back from a backup, or when something looks wrong: it is done within seconds, and the list tells the
/// result.
#[utoipa::path(
    post, path = "/v1/comparisons", operation_id = "addComparison", tag = "Messages",
    params(super::openapi::IdempotencyKey), request_body = ComparisonRequest,
    responses((status = 201, description = "Every region", body = ComparisonList), super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddComparison>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<ComparisonRequest>()?, |_, body| {
                    let mut fields = Fields::default();
                    let with: Option<RegionCode> = fields.optional("/region", body.region.as_deref());
                    fields.finish(Some(with))
                })
            },
            move |tx, once| {
                once.make(tx, |tx, with| {
                    comparisons::call(tx, &region, with.as_ref())?;
                    created(None, None, &view(tx.connection)?)
                })
            },
        )
        .await
        .map(kept)
}
