//! From a view to a response.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde::Serialize;

use super::gate::etag;
use super::problem::{Kind, Problem};
use crate::register::idempotency::Answer;

fn body<T: Serialize>(view: &T) -> Result<String, Problem> {
    serde_json::to_string(view).map_err(|_| Kind::InternalError.into())
}

/// 201 with where the new resource is and its version.
///
/// # Errors
/// When the view cannot be written: a defect.
pub fn created<T: Serialize>(location: Option<String>, etag: Option<String>, view: &T) -> Result<Answer, Problem> {
    Ok(Answer { status: 201, location, etag, body: body(view)? })
}

/// 200 with a resource and its version.
///
/// # Errors
/// When the view cannot be written: a defect.
pub fn item<T: Serialize>(version: i64, view: &T) -> Result<Answer, Problem> {
    Ok(Answer { status: 200, location: None, etag: Some(etag(version)), body: body(view)? })
}

/// 200 with a list.
///
/// # Errors
/// When the view cannot be written: a defect.
pub fn list<T: Serialize>(view: &T) -> Result<Answer, Problem> {
    Ok(Answer { status: 200, location: None, etag: None, body: body(view)? })
}

/// The response of an answer.
pub fn kept(answer: Answer) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK));
    response.content_type("application/json");
    if let Some(location) = answer.location {
        response.insert_header((header::LOCATION, location));
    }
    if let Some(etag) = answer.etag {
        response.insert_header((header::ETAG, etag));
    }
    response.body(answer.body)
}
