//! `/v1/children/{id}/practice`: the general practice with which a child is registered.

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::children::{ChildView, change};
use super::fields::Fields;
use super::gate::Gate;
use super::problem::Problem;
use crate::authz::policy::action;
use crate::domain::dates::parse_date;
use crate::domain::identifiers::OdsCode;
use crate::domain::text::Line;
use crate::register::children::today;
use crate::register::practices::{self, NewPractice};
use crate::store::children::PracticeRow;

/// The practice with which a child is registered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PracticeRequest {
    /// Its name.
    #[schema(example = "Meddygfa Glan-yr-afon")]
    name: Option<String>,
    /// Its ODS code.
    #[schema(example = "W93001")]
    ods_code: Option<String>,
    /// Since when the child is known to be with it; since today when left out.
    #[schema(example = "2026-11-02")]
    from: Option<String>,
    /// Whether the child never was with the practice that is held so far: it is put right, and nobody is asked whether the child
    /// has moved.
    #[serde(default)]
    #[schema(example = false)]
    correction: bool,
}

/// A practice with which a child is or was registered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PracticeView {
    /// Its name.
    #[schema(example = "Meddygfa Glan-yr-afon")]
    name: String,
    /// Its ODS code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "W93001")]
    ods_code: Option<String>,
    /// Since when the child is known to be with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<NaiveDate>,
    /// The last day, of a former one.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<NaiveDate>,
    /// When it was recorded.
    recorded_at: DateTime<Utc>,
}

impl PracticeView {
    pub(super) fn new(row: &PracticeRow) -> Self {
        Self {
            name: row.name.clone(),
            ods_code: row.ods_code.clone(),
            from: row.valid_from,
            to: row.valid_to,
            recorded_at: row.recorded_at.get(),
        }
    }
}

impl PracticeRequest {
    fn read(&self, today: NaiveDate) -> Result<NewPractice, Problem> {
        let mut fields = Fields::default();
        let name: Option<Line> = fields.required("/name", self.name.as_deref());
        let code: Option<OdsCode> = fields.optional("/odsCode", self.ods_code.as_deref());
        let from = self.from.as_deref().and_then(|day| fields.keep("/from", parse_date(day)));
        if from.is_some_and(|from| from > today) {
            fields.note("/from", "in-the-future", "give a day that has come");
        }
        let new = name.map(|name| NewPractice { name, code, from, is_correction: self.correction });
        fields.finish(new)
    }
}

/// State with which general practice a child is registered
///
/// The practice before was the one until the day before, unless this is a correction. Another practice than before is a sign that the
/// family may have moved: the authority that is responsible is asked to see whether it has.
#[utoipa::path(
    put, path = "/v1/children/{id}/practice", operation_id = "statePractice", tag = "Children",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the person")),
    request_body = PracticeRequest,
    responses((status = 200, description = "The person", body = ChildView, headers(("ETag" = String, description = "Its version"))),
        super::openapi::ChangeProblems),
)]
pub async fn state(gate: Gate<action::StatePractice>) -> Result<HttpResponse, Problem> {
    change(gate, |body: &PracticeRequest, now| body.read(today(now)), practices::state).await
}
