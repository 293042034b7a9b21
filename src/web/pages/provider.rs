//! Signing in through the region's identity provider.
//!
//! ```text
//! POST /sign-in ─▶ 200, and on to the provider        a redirect would be stopped: a form here may lead nowhere but here
//!                        │   state, nonce and verifier are sealed for this browser, with what was typed
//! GET /sign-in/return ◀──┘─▶ once, in time, to the same browser ─▶ a session ─▶ 303 to where one wanted to go
//! ```

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use super::ask::value;
use super::form::Mistake;
use super::page::{message, see, sorry};
use super::session::Visit;
use super::sign_in::{self, begin, place, shown};
use crate::api::gate::{Shown, believe, facts};
use crate::api::problem::{Kind, Problem};
use crate::authz::pages::Credentials;
use crate::authz::{Operation, unauthenticated};
use crate::federation::sign_in::{Kept, Provider, SignInError};
use crate::register::sessions;
use crate::words;

/// What waits, sealed, for somebody to come back.
#[derive(Serialize, Deserialize)]
struct Away {
    kept: Kept,
    next: String,
    /// What was typed when the session ended.
    typed: Vec<(String, String)>,
    /// Who is to show anew who they are.
    person: Option<String>,
}

/// Goes on to a place that is not ours, at once, and with a link for whoever is not taken there.
fn onwards(visit: Visit, address: &str, name: &str) -> Result<HttpResponse, Problem> {
    let (title, text) = (format!("{name}-title"), format!("{name}-text"));
    let mut response = message(visit, StatusCode::OK, &title, &text, (address, "sign-in-onwards"))?;
    let there = header::HeaderValue::try_from(format!("0; url={address}")).map_err(|_| Problem::from(Kind::InternalError))?;
    response.headers_mut().insert(header::HeaderName::from_static("refresh"), there);
    Ok(response)
}

/// Sends somebody to the provider; `anew`, to show who they are although it knows them from a moment ago.
pub(super) async fn depart(
    request: &HttpRequest,
    mut visit: Visit,
    next: &str,
    typed: &[(String, String)],
    anew: bool,
) -> Result<HttpResponse, Problem> {
    let Some(provider) = visit.pages.provider.clone() else { return sorry(visit, &Kind::NotFound.into()) };
    if visit.somebody.is_none() {
        // Nobody is known yet, and something is kept for everybody who sets out.
        if let Err(over) = visit.app.limits.stranger(request.peer_addr().map(|address| address.ip())) {
            return sorry(visit, &over.into());
        }
    }
    let departure = match provider.depart(visit.language.as_str(), anew).await {
        Ok(departure) => departure,
        Err(error) => return failed(request, visit, &error, next, typed).await,
    };
    let person = visit.somebody.as_ref().filter(|_| anew).map(|somebody| somebody.principal.key());
    let away = Away { kept: departure.kept, next: place(next).to_owned(), typed: typed.to_vec(), person };
    let away = serde_json::to_string(&away).map_err(|_| Problem::from(Kind::InternalError))?;
    let secret = visit.browser()?;
    sessions::go_away(&visit.app.store, &secret, &departure.state, &away).await?;
    onwards(visit, &departure.address, "sign-in-away")
}

/// `GET /sign-in/return`.
pub(super) async fn back(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(provider) = visit.pages.provider.clone() else { return sorry(visit, &Kind::NotFound.into()) };
    let query = actix_web::web::Query::<Vec<(String, String)>>::from_query(request.query_string()).map(|query| query.0);
    let query = query.unwrap_or_default();
    let kept = match visit.browser_known() {
        Some(secret) => sessions::come_back(&visit.app.store, &secret, value(&query, "state")).await?,
        None => None,
    };
    let Some(away) = kept.and_then(|kept| serde_json::from_str::<Away>(&kept).ok()) else {
        return refused(&request, visit, "provider-unknown-state", "sign-in-error-back", "/ask", &[]).await;
    };
    let credentials = match arrived(&request, &visit, &provider, &query, &away).await {
        Ok(credentials) => credentials,
        Err(error) => return failed(&request, visit, &error, &away.next, &away.typed).await,
    };
    let context = facts(&request).context;
    let principal = match believe(&visit.app, &request, Shown::OnPages(&credentials), Operation::SignIn, context).await {
        Ok(principal) => principal,
        // That entry is in the audit log already, with what is wrong.
        Err(problem) if problem.kind == Kind::Unauthenticated => {
            let text = words::say(visit.language, "sign-in-error-role", &[]);
            return shown(visit, StatusCode::FORBIDDEN, &away.next, &away.typed, vec![Mistake { field: "", text }]);
        }
        Err(problem) => return sorry(visit, &problem),
    };
    if away.person.as_ref().is_some_and(|person| *person != principal.key()) {
        return refused(&request, visit, "provider-somebody-else", "sign-in-error-somebody-else", &away.next, &[]).await;
    }
    let somebody = begin(&request, &visit, credentials, principal, &away.typed).await?;
    visit.become_(Some(somebody));
    Ok(see(visit, place(&away.next)))
}

/// What the provider says of somebody who came back.
async fn arrived(
    request: &HttpRequest,
    visit: &Visit,
    provider: &Provider,
    query: &[(String, String)],
    away: &Away,
) -> Result<Credentials, SignInError> {
    let (issuer, error, code) = (value(query, "iss"), value(query, "error"), value(query, "code"));
    if !issuer.is_empty() && !provider.is_issuer(issuer) {
        return Err(SignInError::Unbelievable("provider-wrong-issuer"));
    }
    if !error.is_empty() || code.is_empty() {
        tracing::info!(request.id = %facts(request).context.request_id, "the identity provider did not sign somebody in");
        return Err(SignInError::Unbelievable("provider-not-done"));
    }
    let now = visit.app.store.clock().wall();
    let token = provider.arrive(code.to_owned(), &away.kept, visit.pages.recent, now).await?;
    Ok(Credentials::IdToken(token))
}

/// The page to sign in again, when it did not work: what was typed is still there.
async fn failed(
    request: &HttpRequest,
    visit: Visit,
    error: &SignInError,
    next: &str,
    typed: &[(String, String)],
) -> Result<HttpResponse, Problem> {
    let text = match error {
        SignInError::Away(_) => "sign-in-error-away",
        SignInError::Unbelievable("provider-not-done") => "sign-in-error-not-done",
        SignInError::Unbelievable("provider-not-anew") => "sign-in-error-not-anew",
        SignInError::Refused(_) => "sign-in-error-back",
        SignInError::Unbelievable(_) => "sign-in-error-unbelievable",
    };
    if !matches!(text, "sign-in-error-not-done" | "sign-in-error-back") {
        tracing::error!(request.id = %facts(request).context.request_id, error = %error, "nobody could be signed in");
    }
    refused(request, visit, error.code(), text, next, typed).await
}

/// The same, with its entry in the audit log.
async fn refused(
    request: &HttpRequest,
    visit: Visit,
    code: &'static str,
    text: &str,
    next: &str,
    typed: &[(String, String)],
) -> Result<HttpResponse, Problem> {
    visit.app.store.record(&unauthenticated(Operation::SignIn, facts(request).context, code)).await?;
    let status = if text == "sign-in-error-away" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::FORBIDDEN };
    let text = words::say(visit.language, text, &[]);
    shown(visit, status, next, typed, vec![Mistake { field: "", text }])
}

/// Where somebody goes who has signed out here: to sign out at the provider too.
pub(super) fn farewell(visit: Visit) -> Result<HttpResponse, Problem> {
    let there = visit.pages.provider.as_ref().and_then(|provider| provider.farewell(visit.language.as_str()));
    match there {
        Some(address) => onwards(visit, &address, "sign-in-farewell"),
        None => Ok(see(visit, "/signed-out")),
    }
}

/// `GET /signed-out`.
pub(super) async fn signed_out(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    if visit.somebody.is_some() {
        return Ok(see(visit, "/ask"));
    }
    message(visit, StatusCode::OK, "sign-in-out-title", "sign-in-out-text", (sign_in::PATH, "sign-in-button"))
}
