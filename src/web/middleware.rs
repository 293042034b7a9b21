//! What every request goes through: identifiers, language, closed headers, problems in words, a log line and a measurement.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};
use uuid::Uuid;

use crate::api::app::App;
use crate::api::deprecation::Ending;
use crate::api::fhir;
use crate::api::gate::{AsIs, RequestFacts};
use crate::api::limits::Told;
use crate::api::problem::{Kind, Problem};
use crate::authz::{Context, Operation};
use crate::words::Language;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// A UUID in a header, if there is a usable one.
fn uuid(request: &ServiceRequest, name: &HeaderName) -> Option<Uuid> {
    request.headers().get(name)?.to_str().ok()?.parse::<Uuid>().ok().filter(|id| !id.is_nil() && !id.is_max())
}

/// Whether this is a `traceparent` of the form that is known: version 00, hexadecimal digits in their places. Anything else may
/// hold anything and is not passed on.
///
/// # Source
/// W3C Trace Context, section 3.2.2.
fn is_traceparent(value: &[u8]) -> bool {
    const FORM: &[u8] = b"00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    value.len() == FORM.len() && FORM.iter().zip(value).all(|(form, byte)| if *form == b'x' { hexadecimal(*byte) } else { form == byte })
}

/// A method as logs and metrics know it: a method that is none may be anything.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    const NAMES: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.iter().position(|known| known == method).map_or("other", |place| NAMES[place])
}

/// What is to be said when the operation of a request is going to end.
fn ending(request: &HttpRequest) -> Vec<(HeaderName, HeaderValue)> {
    let operation = request.extensions().get::<Operation>().copied();
    let app = request.app_data::<Data<App>>();
    let ending = operation.zip(app).and_then(|(operation, app)| app.endings.iter().find(|ending| ending.operation == operation));
    ending.map(Ending::headers).unwrap_or_default()
}

/// The middleware.
///
/// # Errors
/// None of its own: every error becomes a problem document here.
pub async fn around(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let request_id = uuid(&request, &REQUEST_ID).unwrap_or_else(Uuid::now_v7);
    let correlation_id = uuid(&request, &CORRELATION_ID).unwrap_or(request_id);
    let language = request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .map_or(Language::English, Language::from_accept_language);
    request.extensions_mut().insert(RequestFacts { context: Context { request_id, correlation_id }, language });
    let traceparent = request.headers().get("traceparent").filter(|value| is_traceparent(value.as_bytes())).cloned();
    let method = method_name(request.method());

    let response = next.call(request).await?;
    // The route, never the path: a path may hold an identifier, and nobody knows what a caller put there.
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let told = response.request().extensions().get::<Told>().map(Told::fields).unwrap_or_default();
    let ending = ending(response.request());
    let mut response = explained(response, language, request_id);
    let is_docs = route.starts_with("/docs");
    let headers = response.headers_mut();
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in told.into_iter().chain(ending) {
        headers.insert(name, value);
    }
    let policy = if is_docs {
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    } else {
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    };
    // A page brings a policy and a language of its own.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(header::CONTENT_LANGUAGE) {
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.as_str()));
    }
    headers.append(header::VARY, HeaderValue::from_static("Accept-Language, Authorization"));
    for (name, id) in [(REQUEST_ID, request_id), (CORRELATION_ID, correlation_id)] {
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            headers.insert(name, value);
        }
    }
    if let Some(traceparent) = traceparent {
        headers.insert(HeaderName::from_static("traceparent"), traceparent);
    }
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    metrics::histogram!("cofrestr_http_request_seconds", "route" => route.clone(), "method" => method, "status" => status.to_string())
        .record(elapsed.as_secs_f64());
    tracing::info!(
        operation = %format_args!("{method} {route}"),
        request.id = %request_id,
        correlation.id = %correlation_id,
        status,
        duration_ms = elapsed.as_millis() as u64,
        "answered a request"
    );
    Ok(response)
}

/// Puts the words of a problem into an error response. An error that is no problem of ours – a framework's – becomes one by its
/// status, and shows nothing of itself.
fn explained(response: ServiceResponse<impl MessageBody + 'static>, language: Language, request_id: Uuid) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let as_is = response.response().extensions().get::<AsIs>().is_some();
    // A refusal to another region is signed, and stays as it was signed.
    let is_signed =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == crate::federation::peers::JOSE.as_bytes());
    if as_is || is_signed || (!status.is_client_error() && !status.is_server_error()) {
        return response.map_into_boxed_body();
    }
    let known = response.response().error().and_then(|error| error.as_error::<Problem>()).cloned();
    let problem =
        known.unwrap_or_else(|| Kind::ALL.iter().copied().find(|kind| kind.status() == status).unwrap_or(Kind::InternalError).into());
    let (kind, body) = if response.request().path().starts_with(fhir::PATH) {
        ("application/fhir+json", fhir::operation_outcome(&problem, language, request_id).to_string())
    } else {
        ("application/problem+json", serde_json::to_string(&problem.document(language, request_id)).unwrap_or_default())
    };
    let mut response = response.map_body(|_, _| BoxBody::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_traceparent_of_the_known_form_passes() {
        for (value, passes) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-Gwenllian-Trahaearn", false),
            ("", false),
        ] {
            assert_eq!(is_traceparent(value.as_bytes()), passes, "{value}");
        }
    }

    #[test]
    fn a_method_that_is_none_has_no_name() {
        assert_eq!(method_name(&Method::PATCH), "PATCH");
        assert_eq!(method_name(&Method::from_bytes(b"GWENLLIAN").unwrap()), "other");
    }
}
