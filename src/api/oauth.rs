//! `/oauth2/token`: a partner system proves who it is with a signed assertion and gets an access token for some minutes.
//!
//! ```text
//! form ─▶ assertion: whose? ─▶ the client's keys ─▶ proved, for us, now, not for long ─▶ one unit of work: its jti is new,
//!                                                                                         the client still active; the entry
//! ```
//!
//! Answers and errors are those of OAuth 2.0, in its own JSON: the libraries of partners read them. Each is in the audit log
//! before it is heard.
//!
//! # Source
//! RFC 6749, sections 4.4 and 5; RFC 7523; SMART App Launch 2.2 (backend services).

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::app::App;
use super::gate::{AsIs, PeerCertificate, facts, read_body, told};
use super::problem::Kind;
use crate::authz::assertion::{Assertion, AssertionError, ClientKeys, FetchedKeys, Unproved};
use crate::authz::token::Fetch;
use crate::authz::{Context, Operation, Principal, client_permit, unauthenticated};
use crate::domain::client::ClientStatus;
use crate::domain::ids::ClientId;
use crate::register::clients::{self, Grant, IssueError};
use crate::store::StoreError;
use crate::store::clients::ClientRow;

/// The path of the token endpoint.
pub const PATH: &str = "/oauth2/token";
/// The longest request, in bytes: an assertion has 8,192 at most.
const LONGEST: usize = 16 * 1024;
/// The kind of assertion that is taken.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What a token is good for, in SMART's words: reading and searching as the policy allows a partner, no more.
const SCOPE: &str = "system/*.rs";
/// The same in the words of SMART 1.
const SCOPE_OLD: &str = "system/*.read";

/// The address of the token endpoint of an issuer.
pub fn endpoint(issuer: &str) -> String {
    format!("{issuer}{PATH}")
}

/// What issuing tokens needs.
pub struct Issuing {
    /// For how many seconds a token is good.
    pub seconds: i64,
    /// The keys of clients that publish them.
    pub keys: FetchedKeys,
    /// Fetches them.
    pub fetch: Fetch,
}

impl std::fmt::Debug for Issuing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuing").field("seconds", &self.seconds).finish_non_exhaustive()
    }
}

/// What a partner system asks for, as a form.
#[derive(Debug, ToSchema)]
#[allow(dead_code)] // read as a form; here for the document
pub struct TokenRequest {
    /// Always `client_credentials`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Always `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    #[schema(example = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]
    client_assertion_type: String,
    /// A JSON Web Token signed with a registered key (RS384, RS512, ES384 or EdDSA; `kid` in its header). `iss` and `sub` are
    /// the client's identifier, `aud` is this region's issuer or this address, `exp` is at most 300 seconds away, `jti` was never
    /// used. To ask about children it names the `acting_person`: `id`, `role`, and optionally `name` and `organisation`.
    #[schema(example = "eyJhbGciOiJSUzM4NCIsImtpZCI6IjIwMjYtMTEifQ.eyJpc3MiOiIwMTkzOGYwYSJ9.c2lnbmF0dXJl")]
    client_assertion: String,
    /// Optional: `system/*.rs`, which is what is granted.
    #[schema(example = "system/*.rs")]
    scope: Option<String>,
}

/// An access token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// The token.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2d3ZW50In0.c2lnbmF0dXJl")]
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// For how many seconds it is good.
    #[schema(example = 300)]
    expires_in: i64,
    /// What it is good for.
    #[schema(example = "system/*.rs")]
    scope: &'static str,
}

/// An error of OAuth 2.0.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenErrorView {
    /// `invalid_request`, `invalid_client`, `unsupported_grant_type`, `invalid_scope`, or `temporarily_unavailable`.
    #[schema(example = "invalid_client")]
    error: &'static str,
    /// What would help.
    #[schema(example = "an assertion may be good for 300 seconds at most")]
    error_description: String,
}

/// A request that gets no token.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: String,
    /// The code for the audit log.
    code: &'static str,
    /// Who asked, once that is proved.
    principal: Option<Arc<Principal>>,
    /// Whether it stands in the audit log already.
    recorded: bool,
    retry_after: Option<u64>,
}

impl Refused {
    fn request(error: &'static str, description: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: description.to_owned(),
            code: "token-request",
            principal: None,
            recorded: false,
            retry_after: None,
        }
    }

    fn later(status: StatusCode, code: &'static str, seconds: u64) -> Self {
        let description = "try again later; Retry-After says when".to_owned();
        Self { status, error: "temporarily_unavailable", description, code, principal: None, recorded: true, retry_after: Some(seconds) }
    }
}

impl From<AssertionError> for Refused {
    fn from(error: AssertionError) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: error.to_string(),
            code: error.code(),
            principal: None,
            recorded: false,
            retry_after: None,
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        if error.is_temporary() {
            return Self::later(StatusCode::SERVICE_UNAVAILABLE, Kind::TemporarilyUnavailable.slug(), 2);
        }
        tracing::error!(error = %error, "a token could not be issued");
        let unable = Self::later(StatusCode::INTERNAL_SERVER_ERROR, Kind::InternalError.slug(), 2);
        Self { error: "server_error", description: "a defect on our side".to_owned(), retry_after: None, ..unable }
    }
}

impl Refused {
    fn answer(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        let mut response = plain(&mut response).json(TokenErrorView { error: self.error, error_description: self.description.clone() });
        response.extensions_mut().insert(AsIs);
        response
    }
}

fn plain(response: &mut actix_web::HttpResponseBuilder) -> &mut actix_web::HttpResponseBuilder {
    response.insert_header((header::CACHE_CONTROL, "no-store")).insert_header((header::PRAGMA, "no-cache"))
}

/// Get an access token
///
/// For partner systems: client credentials, with an assertion signed by a registered key (`private_key_jwt`). Answers and errors
/// are those of OAuth 2.0 (RFC 6749). A token is good for some minutes; for another one make another assertion.
#[utoipa::path(
    post, path = "/oauth2/token", operation_id = "issueToken", tag = "Partner systems", security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "An access token", body = TokenView),
        (status = 400, description = "The request is not one for client credentials", body = TokenErrorView),
        (status = 401, description = "The assertion was not accepted", body = TokenErrorView),
        (status = 413, description = "The request is too large", body = TokenErrorView),
        (status = 429, description = "Too many requests; Retry-After says how long to wait", body = TokenErrorView),
        (status = 500, description = "A defect on our side", body = TokenErrorView),
        (status = 503, description = "The register cannot answer at the moment; try later", body = TokenErrorView),
    ),
)]
pub async fn token(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let context = facts(&request).context;
    let body = read_body(&request, payload.into_inner(), LONGEST).await;
    match grant(&app, &request, body.as_deref(), context).await {
        Ok(view) => plain(&mut HttpResponse::Ok()).json(view),
        Err(refused) => match record(&app, &request, &refused, context).await {
            Ok(()) => refused.answer(),
            Err(instead) => instead.answer(),
        },
    }
}

/// Puts a refusal into the audit log, unless it is there already. Of floods from one address only the first in each minute is.
async fn record(app: &App, request: &HttpRequest, refused: &Refused, context: Context) -> Result<(), Refused> {
    if refused.recorded {
        return Ok(());
    }
    let mut refusal = unauthenticated(Operation::IssueToken, context, refused.code);
    refusal.access.principal.clone_from(&refused.principal);
    if let Err(over) = app.limits.stranger(request.peer_addr().map(|address| address.ip())) {
        if over.record {
            refusal.code = Kind::RateLimited.slug();
            app.store.record(&refusal).await?;
        }
        return Err(Refused::later(StatusCode::TOO_MANY_REQUESTS, Kind::RateLimited.slug(), over.seconds));
    }
    Ok(app.store.record(&refusal).await?)
}

async fn grant(app: &App, request: &HttpRequest, body: Option<&[u8]>, context: Context) -> Result<TokenView, Refused> {
    let assertion = assertion(request, body)?;
    // From before the client is looked up: whoever is cut off meanwhile has no token that is younger than that.
    let at = app.store.clock().wall();
    let unproved = Unproved::read(&assertion)?;
    let id: ClientId = unproved.client.parse().map_err(|_| AssertionError::UnknownClient)?;
    let client = app.store.client(id.into()).await?.ok_or(AssertionError::UnknownClient)?;
    let keys = match (&client.jwks, &client.jwks_uri) {
        (Some(document), _) => ClientKeys::known(document),
        (None, Some(address)) => app.tokens.keys.of(&unproved.client, address),
        (None, None) => return Err(StoreError::Corrupt("client").into()),
    };
    let issuer = &app.region.issuer;
    let proved = unproved.prove(&assertion, &keys, &[issuer, &endpoint(issuer)], &app.tokens.fetch, at).await?;
    let principal = Arc::new(clients::principal(&app.region, &client, proved.person.as_ref())?);
    let known = |refused: Refused| Refused { principal: Some(Arc::clone(&principal)), ..refused };
    let elsewhere = |organisation: &String| !organisation.eq_ignore_ascii_case(&client.organisation_code);
    if proved.person.as_ref().and_then(|person| person.organisation.as_ref()).is_some_and(elsewhere) {
        return Err(known(AssertionError::Person.into()));
    }
    if clients::status(&client)? != ClientStatus::Active {
        return Err(known(AssertionError::CutOff.into()));
    }
    if let Err(over) = app.limits.caller(&principal, &told(request)) {
        let code = Kind::RateLimited.slug();
        let mut refusal = unauthenticated(Operation::IssueToken, context, code);
        refusal.access.principal = Some(principal);
        app.store.record(&refusal).await?;
        return Err(Refused::later(StatusCode::TOO_MANY_REQUESTS, code, over.seconds));
    }
    let certificate = request.conn_data::<PeerCertificate>().map(|certificate| certificate.0.clone());
    issue(app, client, principal, proved, certificate, at, context).await
}

async fn issue(
    app: &App,
    client: ClientRow,
    principal: Arc<Principal>,
    assertion: Assertion,
    certificate: Option<String>,
    at: chrono::DateTime<chrono::Utc>,
    context: Context,
) -> Result<TokenView, Refused> {
    let seconds = app.tokens.seconds;
    let signer = Arc::clone(&app.region.signer);
    let permit = client_permit(Arc::clone(&principal), context);
    let issued = app
        .store
        .run(
            permit,
            |_| Ok(()),
            move |tx, ()| {
                let certificate = certificate.as_deref();
                clients::issue(
                    tx,
                    &signer,
                    &Grant { client: &client, principal: &principal, assertion: &assertion, at, seconds, certificate },
                )
            },
        )
        .await;
    match issued {
        Ok(access_token) => Ok(TokenView { access_token, token_type: "Bearer", expires_in: seconds, scope: SCOPE }),
        Err(IssueError::Withheld(error)) => Err(Refused { recorded: true, ..error.into() }),
        Err(IssueError::Store(error)) => Err(error.into()),
    }
}

/// The assertion of a request for client credentials.
fn assertion(request: &HttpRequest, body: Option<&[u8]>) -> Result<String, Refused> {
    let invalid = |description| Refused::request("invalid_request", description);
    let too_large = || Refused { status: StatusCode::PAYLOAD_TOO_LARGE, ..invalid("the request is too large") };
    let body = body.ok_or_else(too_large)?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(invalid("send the parameters as application/x-www-form-urlencoded"));
    }
    let fields = form(body).ok_or_else(|| invalid("every parameter may stand once"))?;
    let field = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
    match field("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(Refused::request("unsupported_grant_type", "the only grant_type is client_credentials")),
        None => return Err(invalid("grant_type is missing")),
    }
    // Two ways of saying who one is in one request (RFC 6749, 2.3).
    if request.headers().contains_key(header::AUTHORIZATION) || field("client_secret").is_some() {
        return Err(invalid("authenticate with client_assertion alone"));
    }
    if field("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(invalid("client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    }
    let assertion = field("client_assertion").ok_or_else(|| invalid("client_assertion is missing"))?;
    if field("scope").is_some_and(|scope| scope.split(' ').any(|scope| scope != SCOPE && scope != SCOPE_OLD)) {
        return Err(Refused::request("invalid_scope", "the only scope is system/*.rs"));
    }
    if let Some(client) = field("client_id")
        && !Unproved::read(assertion).is_ok_and(|unproved| unproved.client == client)
    {
        return Err(AssertionError::NotTheClient.into());
    }
    Ok(assertion.to_owned())
}

/// The parameters of a form; nothing when one stands twice or the form is none.
pub fn form(body: &[u8]) -> Option<HashMap<String, String>> {
    let text = std::str::from_utf8(body).ok()?;
    let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(text).ok()?.into_inner();
    let stated = pairs.len();
    let fields: HashMap<_, _> = pairs.into_iter().collect();
    (fields.len() == stated).then_some(fields)
}

/// Where and how tokens are to be had: SMART's document, which is also the metadata of the authorisation server (RFC 8414).
pub async fn configuration(app: Data<App>) -> impl Responder {
    let issuer = &app.region.issuer;
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": endpoint(issuer),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "RS512", "ES384", "EdDSA"],
        "scopes_supported": [SCOPE],
        "response_types_supported": [],
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
    }))
}
