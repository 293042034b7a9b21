//! Who is looking at a page: their cookies, their session, their language.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::Data;

use super::Pages;
use crate::api::app::App;
use crate::api::gate::facts;
use crate::api::problem::{Kind, Problem};
use crate::authz::Principal;
use crate::register::sessions::{self, Secret};
use crate::store::StoreError;
use crate::words::Language;

/// The cookie with the language somebody chose.
const LANGUAGE: &str = "cofrestr-language";
/// How long a chosen language is remembered.
const LANGUAGE_DAYS: i64 = 365;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    /// The secret of their session.
    pub(super) secret: Secret,
    /// The token that is used for them.
    pub(super) token: String,
    /// Who they are.
    pub(super) principal: Arc<Principal>,
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
            Some(secret) => signed_in(&app, secret).await?,
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
        if let Some(form) = &self.form {
            return Ok(form.mark());
        }
        let secret = Secret::new()?;
        self.cookies.push(self.pages.cookie(self.pages.name("form"), secret.expose()).finish());
        let mark = secret.mark();
        self.form = Some(secret);
        Ok(mark)
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

/// Whose session a secret opens. A session whose token is believed no more is none.
async fn signed_in(app: &App, secret: Secret) -> Result<Option<SignedIn>, Problem> {
    let now = app.store.clock().wall();
    let row = app.store.session(secret.digest()).await?;
    let Some(token) = row.and_then(|row| sessions::token(&row, &secret, now)) else { return Ok(None) };
    if app.verifier.revocations_stale() {
        app.refresh_revocations().await?;
    }
    let principal = app.verifier.verify(Some(&format!("Bearer {token}")), None, now).await.ok();
    Ok(principal.map(|principal| SignedIn { secret, token, principal }))
}
