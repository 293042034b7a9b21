//! Signing in and out. In a sandbox one signs in by choosing a person: their token is read from the sandbox's folder, and believed
//! or not like any other.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use uuid::Uuid;

use super::Pages;
use super::ask::{self, typed, value};
use super::form::{AskForm, Mistake};
use super::page::{Page, html, see, sorry};
use super::session::{SignedIn, Visit};
use crate::api::gate::{believe, facts};
use crate::api::problem::{Kind, Problem};
use crate::authz::policy::action::{SignIn, SignOut};
use crate::authz::{Operation, session_permit};
use crate::register::sessions::{self, Secret};
use crate::words;

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
    errors: Vec<Mistake>,
    /// Where to go on.
    next: String,
    /// What was typed when the session ended.
    kept: Vec<(&'static str, String)>,
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
        let token = std::fs::read_to_string(self.people.join(format!("{person}.token"))).ok()?;
        Some(token.trim().to_owned())
    }

    fn offered(&self) -> Vec<Person> {
        let has_token = |code: &&&str| self.people.join(format!("{code}.token")).is_file();
        PEOPLE.iter().filter(has_token).map(|code| Person { code, label: format!("sign-in-as-{code}") }).collect()
    }
}

/// A place within these pages; anything else becomes the form.
fn place(next: &str) -> &str {
    let is_answer = next.strip_prefix("/answers/").is_some_and(|id| id.parse::<Uuid>().is_ok());
    if is_answer || next == "/work" { next } else { "/ask" }
}

fn shown(mut visit: Visit, status: StatusCode, next: &str, form: Option<&AskForm>, errors: Vec<Mistake>) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    let kept = form.map(AskForm::pairs).unwrap_or_default();
    let kept = kept.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.to_owned())).collect();
    let people = visit.pages.offered();
    html(visit, status, &SignInPage { page, people, errors, next: place(next).to_owned(), kept })
}

/// The page when a session ended while somebody was typing: what they typed comes back once they have signed in.
///
/// # Errors
/// When it cannot be filled: a defect.
pub(super) fn keeping(visit: Visit, form: AskForm) -> Result<HttpResponse, Problem> {
    shown(visit, StatusCode::OK, "/ask", Some(&form), Vec::new())
}

/// `GET /sign-in`.
pub(super) async fn blank(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let query = actix_web::web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok();
    let next = query.map(|query| value(&query, "next").to_owned()).unwrap_or_default();
    shown(visit, StatusCode::OK, &next, None, Vec::new())
}

/// `POST /sign-in`.
pub(super) async fn send(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(typed) = typed(&request, payload, visit.app.body_limit).await else {
        return sorry(visit, &Kind::BodyTooLarge.into());
    };
    let kept = typed.iter().any(|(name, _)| name.starts_with("kept-")).then(|| AskForm::read(&typed, "kept-"));
    let next = value(&typed, "next");
    if let Ok(language) = value(&typed, "language").parse() {
        visit.choose(language);
        return shown(visit, StatusCode::OK, next, kept.as_ref(), Vec::new());
    }
    let language = visit.language;
    let mistake = |field, message: &str| vec![Mistake { field, text: words::say(language, message, &[]) }];
    let mark = value(&typed, "mark");
    let marked = visit.form_marked(mark) || visit.somebody.as_ref().is_some_and(|somebody| somebody.secret.marked(mark));
    if !marked {
        return shown(visit, StatusCode::FORBIDDEN, next, kept.as_ref(), mistake("", "sign-in-error-mark"));
    }
    let Some(token) = visit.pages.token_of(value(&typed, "person")) else {
        return shown(visit, StatusCode::UNPROCESSABLE_ENTITY, next, kept.as_ref(), mistake("person", "sign-in-error-person"));
    };
    match begin(&request, &visit, token).await {
        Ok(somebody) => {
            visit.become_(Some(somebody));
            match kept {
                Some(form) => ask::shown(visit, StatusCode::OK, form, Vec::new()),
                None => Ok(see(visit, place(next))),
            }
        }
        Err(problem) => sorry(visit, &problem),
    }
}

/// Begins a session. That somebody signed in stands in the audit log.
async fn begin(request: &HttpRequest, visit: &Visit, token: String) -> Result<SignedIn, Problem> {
    let context = facts(request).context;
    let principal = believe(&visit.app, request, Some(&format!("Bearer {token}")), Operation::SignIn, context).await?;
    let secret = Secret::new()?;
    let (kept, used) = (secret.clone(), token.clone());
    let permit = session_permit::<SignIn>(principal.clone(), context);
    visit.app.store.run(permit, |_| Ok::<_, Problem>(()), move |tx, ()| Ok(sessions::begin(tx, &kept, &used)?)).await?;
    Ok(SignedIn { secret, token, principal })
}

/// `POST /sign-out`.
pub(super) async fn out(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let typed = typed(&request, payload, visit.app.body_limit).await.unwrap_or_default();
    if let Some(somebody) = visit.somebody.clone() {
        if !somebody.secret.marked(value(&typed, "mark")) {
            return Ok(see(visit, "/ask"));
        }
        let permit = session_permit::<SignOut>(somebody.principal, facts(&request).context);
        let secret = somebody.secret;
        visit.app.store.run(permit, |_| Ok::<_, Problem>(()), move |tx, ()| Ok(sessions::end(tx, &secret)?)).await?;
    }
    visit.become_(None);
    Ok(see(visit, "/sign-in"))
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
            ("", "/ask"),
            ("//evil.example", "/ask"),
            ("https://evil.example/answers/01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11", "/ask"),
            ("/answers/Gwenllian", "/ask"),
        ] {
            assert_eq!(place(next), place_, "{next}");
        }
    }
}
