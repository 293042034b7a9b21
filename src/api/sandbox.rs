//! `/sandbox/*`: moving the clock, putting the invented children back, misbehaving towards other regions. Absent on a real
//! register.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::app::App;
use super::problem::{FieldError, Kind, Problem};
use crate::federation::faults::Mode;
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRequest {
    mode: Mode,
    #[serde(default)]
    ms: Option<u64>,
}

/// The longest that a sandbox answers late, or its clock is off: an hour.
const FAULT_MS: u64 = 3_600_000;
/// How late it answers, and how far its clock is off, when nothing is said.
const FAULT_MS_USUAL: [(Mode, u64); 2] = [(Mode::Slow, 1_000), (Mode::Clock, 600_000)];

/// Makes the region misbehave towards other regions; `none` ends it. A restart ends it too.
pub async fn faults(app: Data<App>, body: Bytes) -> Result<HttpResponse, Problem> {
    let value: serde_json::Value = serde_json::from_slice(&body).map_err(|_| Problem::from(Kind::MalformedJson))?;
    let request: FaultRequest = serde_json::from_value(value).map_err(|_| {
        let modes = "use none, down, slow, hung, garbage, wrong-question or clock, and ms for slow and clock";
        Problem::invalid(vec![FieldError::worded("/mode", "unknown-fault", modes)])
    })?;
    let usual = FAULT_MS_USUAL.iter().find(|(mode, _)| *mode == request.mode).map_or(0, |(_, ms)| *ms);
    let ms = request.ms.unwrap_or(usual);
    if ms > FAULT_MS {
        return Err(Problem::invalid(vec![FieldError::worded("/ms", "out-of-range", "give at most 3600000 milliseconds")]));
    }
    if let Some(peers) = app.federation.as_ref().and_then(|federated| federated.peers.as_ref()) {
        peers.faults().set(request.mode, ms);
    }
    Ok(HttpResponse::NoContent().finish())
}
