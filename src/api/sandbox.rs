//! `/sandbox/*`: moving the clock and putting the invented children back. Absent on a real register.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::app::App;
use super::problem::{FieldError, Kind, Problem};
use crate::register::sandbox;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockRequest {
    now: DateTime<Utc>,
}

/// Moves procedure time; it runs on from there, also after a restart.
pub async fn clock(app: Data<App>, body: Bytes) -> Result<HttpResponse, Problem> {
    let value: serde_json::Value = serde_json::from_slice(&body).map_err(|_| Problem::from(Kind::MalformedJson))?;
    let request: ClockRequest = serde_json::from_value(value).map_err(|_| {
        Problem::invalid(vec![FieldError::worded("/now", "not-an-instant", "write date and time with the zone, as 2026-11-22T02:10:00Z")])
    })?;
    sandbox::move_clock(&app.store, app.region.code().as_str(), request.now).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Puts the invented children back, as they were at the start.
pub async fn reset(app: Data<App>) -> Result<HttpResponse, Problem> {
    sandbox::reset(&app.store, &app.region).await.map_err(Problem::from)?;
    Ok(HttpResponse::NoContent().finish())
}
