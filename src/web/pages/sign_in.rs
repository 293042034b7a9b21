//! Signing in and out: through the region's identity provider, and in a sandbox by choosing a person, whose token is read from the
//! sandbox's folder, and believed or not like any other.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::Pages;
use super::ask::{typed, value};
use super::form::{AskForm, Mistake};
use super::page::{Page, html, see, sorry};
use super::provider;
use super::session::{SignedIn, Visit};
use crate::api::gate::{Shown, believe, facts};
use crate::api::problem::{Kind, Problem};
use crate::authz::pages::Credentials;
use crate::authz::policy::action::{SignIn, SignOut};
use crate::authz::{Operation, Principal, session_permit};
use crate::register::sessions::{self, Secret};
use crate::store::Tx;
use crate::words;

/// Where one signs in.
pub(super) const PATH: &str = "/sign-in";

/// The most boxes whose contents are kept: more than any form here has.
const KEPT_MOST: usize = 40;

/// The people of a sandbox for whom there are pages, in the order in which they are offered: those who ask at night first.
pub(super) const PEOPLE: [&str; 7] =
    ["emergency-duty", "partner-health", "partner-police", "custodian", "coordinator", "team-manager", "senior-safeguarding-manager"];

struct Person {
    code: &'static str,
    label: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    page: Page,
    people: Vec<Person>,
    /// Whether one can sign in through the region's identity provider.
    provider: bool,
    errors: Vec<Mistake>,
    /// Where to go on.
    next: String,
    /// What was typed when the session ended.
    kept: Vec<(String, String)>,
}

impl SignInPage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field.as_ref()).map(|error| error.text.as_str())
    }
}

impl Pages {
    /// The token of a person of the sandbox.
    fn token_of(&self, person: &str) -> Option<String> {
        let person = PEOPLE.iter().find(|known| **known == person)?;
        let token = std::fs::read_to_string(self.people.as_ref()?.join(format!("{person}.token"))).ok()?;
        Some(token.trim().to_owned())
    }

    fn offered(&self) -> Vec<Person> {
        let has_token = |code: &&&str| self.people.as_ref().is_some_and(|people| people.join(format!("{code}.token")).is_file());
        PEOPLE.iter().filter(has_token).map(|code| Person { code, label: format!("sign-in-as-{code}") }).collect()
    }
}

/// A place within these pages; anything else becomes the form.
pub(super) fn place(next: &str) -> &str {
    let of = |start: &str| next.strip_prefix(start).is_some_and(|id| id.parse::<Uuid>().is_ok());
    if of("/answers/") || of("/children/") || next == "/work" { next } else { "/ask" }
}

/// The page to sign in.
///
/// # Errors
/// When it cannot be filled: a defect.
pub(super) fn shown(
    mut visit: Visit,
    status: StatusCode,
    next: &str,
    kept: &[(String, String)],
    errors: Vec<Mistake>,
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    let kept = kept.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    let (people, provider) = (visit.pages.offered(), visit.pages.provider.is_some());
    html(visit, status, &SignInPage { page, people, provider, errors, next: place(next).to_owned(), kept })
}

/// The page when a session ended while somebody was typing: what they typed comes back once they have signed in.
///
/// # Errors
/// When it cannot be filled: a defect.
pub(super) fn keeping(visit: Visit, form: AskForm) -> Result<HttpResponse, Problem> {
    let kept: Vec<_> = form.pairs().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    shown(visit, StatusCode::OK, "/ask", &kept, Vec::new())
}

/// `GET /sign-in`.
pub(super) async fn blank(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let query = actix_web::web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok();
    let next = query.map(|query| value(&query, "next").to_owned()).unwrap_or_default();
    shown(visit, StatusCode::OK, &next, &[], Vec::new())
}

/// `POST /sign-in`.
pub(super) async fn send(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(typed) = typed(&request, payload, visit.app.body_limit).await else {
        return sorry(visit, &Kind::BodyTooLarge.into());
    };
    let kept = kept_of(&typed);
    let next = value(&typed, "next");
    if let Ok(language) = value(&typed, "language").parse() {
        visit.choose(language);
        return shown(visit, StatusCode::OK, next, &kept, Vec::new());
    }
    let language = visit.language;
    let mistake = |field, message: &str| vec![Mistake { field, text: words::say(language, message, &[]) }];
    let mark = value(&typed, "mark");
    let marked = visit.form_marked(mark) || visit.somebody.as_ref().is_some_and(|somebody| somebody.secret.marked(mark));
    if !marked {
        return shown(visit, StatusCode::FORBIDDEN, next, &kept, mistake("", "sign-in-error-mark"));
    }
    if value(&typed, "by") == "provider" {
        return provider::depart(&request, visit, next, &kept, value(&typed, "anew") == "yes").await;
    }
    let Some(token) = visit.pages.token_of(value(&typed, "person")) else {
        return shown(visit, StatusCode::UNPROCESSABLE_ENTITY, next, &kept, mistake("person", "sign-in-error-person"));
    };
    match choose(&request, &visit, Credentials::AccessToken(token), &kept).await {
        Ok(somebody) => {
            visit.become_(Some(somebody));
            Ok(see(visit, place(next)))
        }
        Err(problem) => sorry(visit, &problem),
    }
}

/// What is kept of another form: a few boxes, each of a few lines.
fn kept_of(typed: &[(String, String)]) -> Vec<(String, String)> {
    let kept = typed.iter().filter_map(|(name, value)| Some((name.strip_prefix("kept-")?.to_owned(), value.clone())));
    kept.take(KEPT_MOST).collect()
}

/// Signs in whom somebody chose to be.
async fn choose(request: &HttpRequest, visit: &Visit, credentials: Credentials, kept: &[(String, String)]) -> Result<SignedIn, Problem> {
    let context = facts(request).context;
    let principal = believe(&visit.app, request, Shown::OnPages(&credentials), Operation::SignIn, context).await?;
    begin(request, visit, credentials, principal, kept).await
}

/// Begins a session, in the place of the one before. That somebody signed in stands in the audit log.
///
/// # Errors
/// When the database fails.
pub(super) async fn begin(
    request: &HttpRequest,
    visit: &Visit,
    credentials: Credentials,
    principal: Arc<Principal>,
    kept: &[(String, String)],
) -> Result<SignedIn, Problem> {
    let secret = Secret::new()?;
    let kept = if kept.is_empty() { None } else { serde_json::to_string(kept).ok() };
    let (new, used, typed) = (secret.clone(), credentials.expose(), kept.clone());
    let (lasts, before) = (visit.pages.lasts, visit.somebody.as_ref().map(|somebody| somebody.secret.clone()));
    let permit = session_permit::<SignIn>(principal.clone(), facts(request).context);
    let write = move |tx: &mut Tx<'_>, (): &()| Ok(sessions::begin(tx, &new, &used, lasts, typed.as_deref(), before.as_ref())?);
    visit.app.store.run(permit, |_| Ok::<_, Problem>(()), write).await?;
    Ok(SignedIn { secret, credentials, principal, kept, began_at: Some(visit.app.store.clock().wall()) })
}

/// `POST /sign-out`.
pub(super) async fn out(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let typed = typed(&request, payload, visit.app.body_limit).await.unwrap_or_default();
    let mut provided = false;
    if let Some(somebody) = visit.somebody.clone() {
        if !somebody.secret.marked(value(&typed, "mark")) {
            return Ok(see(visit, "/ask"));
        }
        provided = matches!(somebody.credentials, Credentials::IdToken(_));
        let permit = session_permit::<SignOut>(somebody.principal, facts(&request).context);
        let secret = somebody.secret;
        visit.app.store.run(permit, |_| Ok::<_, Problem>(()), move |tx, ()| Ok(sessions::end(tx, &secret)?)).await?;
    }
    visit.become_(None);
    if provided { provider::farewell(visit) } else { Ok(see(visit, PATH)) }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn one_goes_on_within_these_pages_only() {
        let answer = "/answers/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11";
        for (next, place_) in [
            (answer, answer),
            ("/ask", "/ask"),
            ("/work", "/work"),
            ("/children/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11", "/children/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11"),
            ("/children/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11/log", "/ask"),
            ("", "/ask"),
            ("//evil.example", "/ask"),
            ("https://evil.example/answers/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11", "/ask"),
            ("/answers/Gwenllian", "/ask"),
        ] {
            assert_eq!(place(next), place_, "{next}");
        }
    }
}
