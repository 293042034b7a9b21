//! Who is looking at a page: their cookies, their session, their language.
//!
//! A session is touched by what people do, not by a page that looks again by itself: a terminal that was left is signed out although
//! an answer stands on it that is not complete.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::Data;
use chrono::{DateTime, TimeDelta, Utc};

use super::Pages;
use crate::api::app::App;
use crate::api::gate::facts;
use crate::api::problem::{Kind, Problem};
use crate::authz::pages::Credentials;
use crate::authz::token::TokenError;
use crate::authz::{Operation, Principal, unauthenticated};
use crate::register::sessions::{self, Secret};
use crate::store::StoreError;
use crate::words::Language;

/// The cookie with the language somebody chose.
const LANGUAGE: &str = "cofrestr-language";
/// How long a chosen language is remembered.
const LANGUAGE_DAYS: i64 = 365;
/// What stands in the query of a page that looks again by itself.
pub(super) const BY_ITSELF: &str = "look=again";
/// A session is not touched again before so long: what it rests less is not worth a write.
const TOUCHED: TimeDelta = TimeDelta::seconds(30);

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    /// The secret of their session.
    pub(super) secret: Secret,
    /// What is used for them.
    pub(super) credentials: Credentials,
    /// Who they are.
    pub(super) principal: Arc<Principal>,
    /// What they typed when the session before ended, as it is kept.
    pub(super) kept: Option<String>,
    /// When the session began.
    pub(super) began_at: Option<DateTime<Utc>>,
}

/// A request for a page.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) app: Data<App>,
    pub(super) pages: Data<Pages>,
    /// The language of the page.
    pub(super) language: Language,
    /// Who is signed in.
    pub(super) somebody: Option<SignedIn>,
    /// The secret of a form for somebody who is not signed in yet.
    form: Option<Secret>,
    /// Cookies to be set with the page.
    pub(super) cookies: Vec<Cookie<'static>>,
}

impl SignedIn {
    /// Whether a form that somebody sent is one of their session. That it is not stands in the audit log: somebody else's page
    /// may have sent it.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn sent(&self, visit: &Visit, request: &HttpRequest, mark: &str, wanted: Operation) -> Result<bool, Problem> {
        let is_own = self.secret.marked(mark);
        if !is_own {
            let mut refusal = unauthenticated(wanted, facts(request).context, "form-of-another-session");
            refusal.access.principal = Some(Arc::clone(&self.principal));
            visit.app.store.record(&refusal).await?;
        }
        Ok(is_own)
    }
}

impl Visit {
    /// Reads who comes.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let app = request.app_data::<Data<App>>().ok_or(Kind::InternalError)?.clone();
        let pages = request.app_data::<Data<Pages>>().ok_or(Kind::InternalError)?.clone();
        let cookie = |name: &str| request.cookie(name).map(|cookie| cookie.value().to_owned());
        let chosen = cookie(LANGUAGE).and_then(|language| language.parse().ok());
        let form = cookie(&pages.name("form")).and_then(|text| Secret::read(&text));
        let secret = cookie(&pages.name("session")).and_then(|text| Secret::read(&text));
        let somebody = match secret {
            Some(secret) => {
                let by_itself = request.query_string().split('&').any(|part| part == BY_ITSELF);
                signed_in(&app, secret, (!by_itself).then_some(pages.lasts.idle)).await?
            }
            None => None,
        };
        let mut visit = Self { app, pages, language: chosen.unwrap_or(facts(request).language), somebody, form, cookies: Vec::new() };
        let query = actix_web::web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok();
        let asked = query.and_then(|query| query.0.into_iter().find(|(name, _)| name == "language"));
        if let Some(language) = asked.and_then(|(_, language)| language.parse().ok()) {
            visit.choose(language);
        }
        Ok(visit)
    }

    /// Who is signed in. That somebody wanted something who is not is a refusal like that of a request without a token, and stands
    /// in the audit log before they are sent to sign in.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn expect_somebody(&self, request: &HttpRequest, wanted: Operation) -> Result<Option<SignedIn>, Problem> {
        if self.somebody.is_none() {
            let context = facts(request).context;
            let code = match self.app.limits.stranger(request.peer_addr().map(|address| address.ip())) {
                Ok(()) => Some(TokenError::Missing.code()),
                Err(over) => over.record.then(|| Kind::RateLimited.slug()),
            };
            if let Some(code) = code {
                self.app.store.record(&unauthenticated(wanted, context, code)).await?;
            }
        }
        Ok(self.somebody.clone())
    }

    /// Goes on in another language, and remembers it.
    pub(super) fn choose(&mut self, language: Language) {
        self.language = language;
        let cookie = self.pages.cookie(LANGUAGE.to_owned(), language.as_str().to_owned());
        self.cookies.push(cookie.max_age(Duration::days(LANGUAGE_DAYS)).finish());
    }

    /// The mark for the forms of the page: of the session, or of this browser before anybody has signed in.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn mark(&mut self) -> Result<String, StoreError> {
        if let Some(somebody) = &self.somebody {
            return Ok(somebody.secret.mark());
        }
        Ok(self.browser()?.mark())
    }

    /// The secret of this browser, whoever uses it; it gets one when it has none.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn browser(&mut self) -> Result<Secret, StoreError> {
        if let Some(form) = &self.form {
            return Ok(form.clone());
        }
        let secret = Secret::new()?;
        self.cookies.push(self.pages.cookie(self.pages.name("form"), secret.expose()).finish());
        self.form = Some(secret.clone());
        Ok(secret)
    }

    /// The secret that this browser has.
    pub(super) fn browser_known(&self) -> Option<Secret> {
        self.form.clone()
    }

    /// Whether a form of somebody who is not signed in yet comes from this browser.
    pub(super) fn form_marked(&self, mark: &str) -> bool {
        self.form.as_ref().is_some_and(|form| form.marked(mark))
    }

    /// Goes on as somebody who has just signed in, or as nobody.
    pub(super) fn become_(&mut self, somebody: Option<SignedIn>) {
        let name = self.pages.name("session");
        let mut cookie = match &somebody {
            Some(somebody) => self.pages.cookie(name, somebody.secret.expose()).finish(),
            None => self.pages.cookie(name, String::new()).finish(),
        };
        if somebody.is_none() {
            cookie.make_removal();
        }
        self.cookies.push(cookie);
        self.somebody = somebody;
    }
}

impl SignedIn {
    /// What they typed when the session before ended.
    pub(super) fn kept_pairs(&self) -> Vec<(String, String)> {
        self.kept.as_ref().and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default()
    }

    /// What they typed into one box then.
    pub(super) fn kept_value(&self, name: &str) -> Option<String> {
        self.kept_pairs().into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// When they last showed who they are: the provider says so, or says nothing; whoever chose who they are did so when the session
    /// began.
    fn shown_at(&self) -> Option<DateTime<Utc>> {
        match self.credentials {
            Credentials::IdToken(_) => self.principal.signed_in_at,
            Credentials::AccessToken(_) => self.began_at,
        }
    }
}

impl Visit {
    /// Whether somebody showed who they are a moment ago.
    pub(super) fn recently(&self, somebody: &SignedIn) -> bool {
        let now = self.app.store.clock().wall();
        somebody.shown_at().is_some_and(|at| now.signed_duration_since(at) <= self.pages.recent)
    }
}

impl Pages {
    fn name(&self, of: &str) -> String {
        format!("{}-{of}", self.cookie)
    }

    /// A cookie that no script reads and no other site sends along with a form. Not `Strict`: whoever follows a link to an answer is
    /// still signed in there, and every POST needs the mark of the session besides.
    fn cookie(&self, name: String, value: String) -> actix_web::cookie::CookieBuilder<'static> {
        Cookie::build(name, value).path("/").http_only(true).secure(self.secure).same_site(SameSite::Lax)
    }
}

/// Whose session a secret opens. A session of somebody who is believed no more is none. `idle` is how long it may rest from now on;
/// nothing for a request that nobody made.
async fn signed_in(app: &App, secret: Secret, idle: Option<TimeDelta>) -> Result<Option<SignedIn>, Problem> {
    let now = app.store.clock().wall();
    let row = app.store.session(secret.digest()).await?;
    let Some(open) = row.and_then(|row| sessions::open(&row, &secret, now)) else { return Ok(None) };
    if app.verifier.revocations_stale() {
        app.refresh_revocations().await?;
    }
    let credentials = Credentials::read(&open.token);
    let Ok(principal) = app.verifier.signed_in(&credentials, now).await else { return Ok(None) };
    if let Some(idle_ends) = idle.map(|idle| now + idle)
        && open.idle_ends_at.is_none_or(|before| idle_ends - before >= TOUCHED)
    {
        app.store.touch_session(secret.digest(), idle_ends).await?;
    }
    Ok(Some(SignedIn { secret, credentials, principal, kept: open.kept, began_at: open.began_at }))
}
