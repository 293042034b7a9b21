//! Asking: one form with the fewest boxes that can be answered from.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::form::{AskForm, Mistake, mistakes};
use super::page::{Page, html, see, sorry};
use super::session::{SignedIn, Visit};
use super::sign_in;
use crate::api::app::Turn;
use crate::api::checks::{self, CheckRequest, Posed};
use crate::api::gate::{Gate, read_body};
use crate::api::problem::{Kind, Problem};
use crate::authz::policy::action::AskCheck;
use crate::authz::{Action, Operation, Principal};
use crate::domain::reason::Reason;
use crate::domain::sex::Sex;
use crate::domain::verification::VerificationMethod;
use crate::register::idempotency::{self, Answer, Key};
use crate::words;

/// How long a repeated question waits for the answer of the first: the longest that regions are asked, and a little more.
const TURN_WAIT: Duration = Duration::from_secs(12);
/// How often it is looked whether it is there.
const TURN_LOOK: Duration = Duration::from_millis(50);

/// A choice in a list: its code, and the name of its label.
struct Choice {
    code: &'static str,
    label: String,
}

fn choices(codes: impl IntoIterator<Item = &'static str>, prefix: &str) -> Vec<Choice> {
    codes.into_iter().map(|code| Choice { code, label: format!("{prefix}-{code}") }).collect()
}

#[derive(Template)]
#[template(path = "ask.html")]
struct AskPage {
    page: Page,
    form: AskForm,
    errors: Vec<Mistake>,
    /// Whether the person must say for whom they ask.
    callers: bool,
}

impl AskPage {
    fn error(&self, field: impl AsRef<str>) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field.as_ref()).map(|error| error.text.as_str())
    }

    /// What describes a box: its hint and its mistake.
    fn described(&self, field: impl AsRef<str>, hint: impl AsRef<str>) -> Option<String> {
        let field = field.as_ref();
        let hint = (!hint.as_ref().is_empty()).then(|| format!("{field}-hint"));
        let error = self.error(field).map(|_| format!("{field}-error"));
        match (hint, error) {
            (Some(hint), Some(error)) => Some(format!("{hint} {error}")),
            (one, other) => one.or(other),
        }
    }

    fn sexes(&self) -> Vec<Choice> {
        choices(Sex::CODES.iter().copied(), "ask-sex")
    }

    fn reasons(&self) -> Vec<Choice> {
        choices(Reason::CODES.iter().copied(), "ask-reason")
    }

    fn methods(&self) -> Vec<Choice> {
        choices(VerificationMethod::CODES.iter().copied(), "ask-method")
    }
}

/// The page with a form.
///
/// # Errors
/// When it cannot be filled: a defect.
pub(super) fn shown(mut visit: Visit, status: StatusCode, form: AskForm, errors: Vec<Mistake>) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(&mut visit)?;
    page.wrong = !errors.is_empty();
    let callers = visit.somebody.as_ref().is_some_and(|somebody| somebody.principal.role.asks_for_callers());
    html(visit, status, &AskPage { page, form, errors, callers })
}

/// `/`.
pub(super) async fn home(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    Ok(see(visit, "/ask"))
}

/// `GET /ask`.
pub(super) async fn blank(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::of(&request).await?;
    let Some(somebody) = &visit.somebody else { return Ok(see(visit, "/sign-in")) };
    // What was typed when the session before ended waits until it is sent.
    let kept = somebody.kept_pairs();
    let form = if kept.is_empty() { AskForm::blank() } else { AskForm::read(&kept, "") };
    shown(visit, StatusCode::OK, form, Vec::new())
}

/// What was typed into the form of a request; nothing when it is too large or no form.
pub(super) async fn typed(request: &HttpRequest, payload: Payload, limit: usize) -> Option<Vec<(String, String)>> {
    let body = read_body(request, payload.into_inner(), limit).await?;
    let text = std::str::from_utf8(&body).ok()?;
    actix_web::web::Query::<Vec<(String, String)>>::from_query(text).ok().map(actix_web::web::Query::into_inner)
}

/// The value of a hidden item of a form.
pub(super) fn value<'a>(typed: &'a [(String, String)], name: &str) -> &'a str {
    typed.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
}

/// `POST /ask`.
pub(super) async fn send(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::of(&request).await?;
    let Some(typed) = typed(&request, payload, visit.app.body_limit).await else {
        return sorry(visit, &Kind::BodyTooLarge.into());
    };
    let form = AskForm::read(&typed, "");
    if let Ok(language) = value(&typed, "language").parse() {
        visit.choose(language);
        if visit.somebody.is_some() {
            return shown(visit, StatusCode::OK, form, Vec::new());
        }
    }
    let Some(somebody) = visit.expect_somebody(&request, Operation::AskCheck).await? else { return sign_in::keeping(visit, form) };
    if !somebody.sent(&visit, &request, value(&typed, "mark"), Operation::AskCheck).await? {
        // From a session before this one, or from elsewhere: nothing is asked until the person has seen it.
        return again(visit, form, StatusCode::FORBIDDEN, &[("", "ask-error-mark")]);
    }
    let question = match form.question(&somebody.principal, visit.app.store.clock().now()) {
        Ok(question) => question,
        Err(noticed) => return again(visit, form, StatusCode::UNPROCESSABLE_ENTITY, &noticed),
    };
    match put(&request, &visit, &somebody, question, &form).await {
        Ok(answer) => {
            if somebody.kept.is_some() {
                visit.app.store.forget_kept(somebody.secret.digest()).await?;
            }
            let id = answer_id(&answer).ok_or(Kind::InternalError)?;
            Ok(see(visit, &format!("/answers/{id}")))
        }
        Err(problem) => explained(visit, form, &problem),
    }
}

/// The form again with what was noticed in it.
fn again(visit: Visit, form: AskForm, status: StatusCode, noticed: &[(&'static str, &'static str)]) -> Result<HttpResponse, Problem> {
    let language = visit.language;
    let errors = noticed.iter().map(|(field, message)| Mistake { field, text: words::say(language, message, &[]) }).collect();
    shown(visit, status, form, errors)
}

/// The form again with what the API said of it.
fn explained(mut visit: Visit, form: AskForm, problem: &Problem) -> Result<HttpResponse, Problem> {
    if problem.kind == Kind::Unauthenticated {
        visit.somebody = None;
        return sign_in::keeping(visit, form);
    }
    let language = visit.language;
    let errors = if problem.errors.is_empty() {
        let field = match problem.kind {
            Kind::CallerNotVerified => "caller-method",
            Kind::Insufficient => "given",
            _ => "",
        };
        vec![Mistake { field, text: words::say(language, &format!("problem-{}-detail", problem.kind.slug()), &[]) }]
    } else {
        mistakes(&problem.errors, language)
    };
    shown(visit, problem.kind.status(), form, errors)
}

/// Puts the question as the API does. The same form sent twice is one question: the second waits for the first.
async fn put(request: &HttpRequest, visit: &Visit, somebody: &SignedIn, question: CheckRequest, form: &AskForm) -> Result<Answer, Problem> {
    let key = key(&somebody.principal, form);
    let turn = turn(visit, &key).await?;
    let gate = Gate::<AskCheck>::through_a_page(request, &somebody.credentials, None, "", visit.language).await?;
    checks::put(gate, move |_, snapshot| {
        Ok(match idempotency::before(snapshot, &key)? {
            Some(answer) => Posed::Before(answer),
            None => Posed::New(Box::new(question), Some((key, turn))),
        })
    })
    .await
}

/// The key of a question. What was changed and sent again has another one, although the form is the same.
fn key(principal: &Principal, form: &AskForm) -> Key {
    let digest = form.digest();
    Key { caller: principal.key(), operation: AskCheck::OPERATION.as_str(), key: format!("page-{}-{}", form.key, &digest[..32]), digest }
}

/// The turn of a question, once nobody is at work on the same one.
async fn turn(visit: &Visit, key: &Key) -> Result<Turn, Problem> {
    let name = format!("{}\u{0}{}\u{0}{}", key.caller, key.operation, key.key);
    let looks = TURN_WAIT.as_millis() / TURN_LOOK.as_millis();
    for _ in 0..looks {
        if let Some(turn) = visit.app.turns.take(name.clone()) {
            return Ok(turn);
        }
        actix_web::rt::time::sleep(TURN_LOOK).await;
    }
    Err(Kind::IdempotencyInProgress.into())
}

fn answer_id(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Identified {
        id: uuid::Uuid,
    }
    serde_json::from_str::<Identified>(&answer.body).ok().map(|found| found.id.to_string())
}
