//! Outside `/v1`: health, metrics, the document and its pages, the public keys.

use std::sync::{Arc, OnceLock};

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, ResponseError};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::app::App;
use super::openapi::Document;
use super::problem::{Kind, Problem};

/// That the process runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveView {
    /// Always `live`.
    #[schema(example = "live")]
    status: &'static str,
}

/// That the server can answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadyView {
    /// Always `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// The region.
    #[schema(example = "gwent")]
    region: String,
    /// The database behind it: `sqlite` or `postgres`.
    #[schema(example = "sqlite")]
    database: &'static str,
    /// The version of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Whether the process runs
///
/// Says nothing about the database.
#[utoipa::path(
    get, path = "/health/live", operation_id = "live", tag = "Health", security(()),
    responses((status = 200, description = "The process runs", body = LiveView)),
)]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(LiveView { status: "live" })
}

/// Whether the server can answer
///
/// Ready when its database answers and takes what is written, and its matching index was made by this version of the program.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "ready", tag = "Health", security(()),
    responses((status = 200, description = "The server can answer", body = ReadyView),
        (status = 503, description = "The database does not answer, or is kept from being written, or was taken over by another version of the program", body = super::problem::ProblemDocument, content_type = "application/problem+json")),
)]
pub async fn ready(app: Data<App>) -> Result<HttpResponse, Problem> {
    app.store.ready(app.region.matcher.index).await?;
    Ok(HttpResponse::Ok().json(ReadyView {
        status: "ready",
        region: app.region.code().to_string(),
        database: app.store.kind(),
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// The metrics of the process; one recorder for all servers in it.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let seconds = [0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let counts = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("seconds".into()), &seconds)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("units".into()), &counts))
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("candidates".into()), &counts))
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        let handle = recorder.handle();
        // Somebody else's recorder may be installed already, in a program that embeds this one; then ours stays empty.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

/// The metrics in Prometheus' text form. No label ever holds a personal value.
pub async fn metrics() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(recorder().render())
}

/// The OpenAPI document as JSON.
pub async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(Document::openapi().to_json().unwrap_or_default())
}

/// The OpenAPI document as YAML.
pub async fn openapi_yaml() -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(super::openapi::yaml().unwrap_or_default())
}

/// The public keys of this region (JSON Web Key Set), also those that sign no more: what they signed stays verifiable.
pub async fn jwks(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/jwk-set+json").json(app.region.signer.public_keys())
}

/// `/docs` leads to `/docs/`.
pub async fn docs_root() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// The pages that show the document: Swagger UI from inside the program, with no network.
pub async fn docs(path: Path<String>) -> HttpResponse {
    static CONFIG: OnceLock<Arc<utoipa_swagger_ui::Config<'static>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| Arc::new(utoipa_swagger_ui::Config::from("/openapi.json").try_it_out_enabled(true)));
    let tail = path.into_inner();
    match utoipa_swagger_ui::serve(&tail, Arc::clone(config)) {
        Ok(Some(file)) => HttpResponse::Ok().content_type(file.content_type).body(file.bytes.into_owned()),
        _ => Problem::from(Kind::NotFound).error_response(),
    }
}
