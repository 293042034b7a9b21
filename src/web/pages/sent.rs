//! Forms that were sent: from whom, what the API says to what stands in them, and beside which box.

use std::future::Future;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};

use super::ask::typed;
use super::form::{Mistake, said_of};
use super::session::{SignedIn, Visit};
use super::steps::StepForm;
use crate::api::gate::Gate;
use crate::api::problem::{FieldError, Kind, Problem};
use crate::authz::Action;
use crate::words::{self, Language};

/// A form that somebody sent who is signed in.
pub(super) struct Sent {
    pub(super) visit: Visit,
    pub(super) somebody: SignedIn,
    pub(super) form: StepForm,
}

/// What came of it.
pub(super) enum Came {
    /// It is done: what the API answered.
    Done(HttpResponse),
    /// The form is to be shown again, with what is wrong.
    Again(StatusCode, Vec<Mistake>),
    /// There is nothing to be mended.
    Sorry(Problem),
}

/// Which box each item that the API may refuse was typed into.
#[derive(Clone, Copy)]
pub(super) struct Boxes {
    /// The start of a pointer, the box, and the message that names the box. The first one that fits counts.
    pub(super) boxes: &'static [(&'static str, &'static str, &'static str)],
    /// The message that says it better than the API does, by pointer and code.
    pub(super) instead: fn(&str, &str) -> Option<&'static str>,
}

impl Boxes {
    /// The box of an item, and the message that names it.
    pub(super) fn box_of(&self, pointer: &str) -> (&'static str, &'static str) {
        self.boxes.iter().find(|(start, ..)| pointer.starts_with(start)).map_or(("", ""), |(_, field, label)| (*field, *label))
    }

    /// What is wrong with an item, beside its box. In a summary it must say by itself what it is about.
    fn mistake(&self, error: &FieldError, language: Language) -> Mistake {
        let (field, label) = self.box_of(&error.pointer);
        if let Some(message) = (self.instead)(&error.pointer, &error.code) {
            return Mistake { field, text: words::say(language, message, &[]) };
        }
        let said = error.clone().said(language).detail;
        Mistake {
            field,
            text: if label.is_empty() { said } else { format!("{}: {said}", words::say(language, label, &[]).trim_end_matches('?')) },
        }
    }
}

impl Sent {
    /// Reads what was sent; or says where whoever is not signed in goes first.
    ///
    /// # Errors
    /// When the session cannot be read.
    pub(super) async fn read(
        request: &HttpRequest,
        payload: Payload,
        sign_in: impl FnOnce(Visit) -> HttpResponse,
    ) -> Result<Result<Self, HttpResponse>, Problem> {
        let visit = Visit::of(request).await?;
        let Some(somebody) = visit.somebody.clone() else { return Ok(Err(sign_in(visit))) };
        let form = StepForm { values: typed(request, payload, visit.app.body_limit).await.unwrap_or_default() };
        Ok(Ok(Self { visit, somebody, form }))
    }

    /// Has the API do what the form says, when the form is one of this session. `id` names the resource, `act` says the rest.
    pub(super) async fn ask<A, F>(&self, request: &HttpRequest, boxes: Boxes, id: Option<&str>, act: impl FnOnce(Gate<A>) -> F) -> Came
    where
        A: Action,
        F: Future<Output = Result<HttpResponse, Problem>>,
    {
        let language = self.visit.language;
        let is_own = match self.somebody.sent(&self.visit, request, self.form.value("mark"), A::OPERATION).await {
            Ok(is_own) => is_own,
            Err(problem) => return Came::Sorry(problem),
        };
        if !is_own {
            let text = words::say(language, "ask-error-mark", &[]);
            return Came::Again(StatusCode::FORBIDDEN, vec![Mistake { field: "", text }]);
        }
        let done = match Gate::<A>::through_a_page(request, &self.somebody.credentials, id, "", language).await {
            Ok(gate) => act(gate).await,
            Err(problem) => Err(problem),
        };
        match done {
            Ok(made) => Came::Done(made),
            Err(problem) if !problem.errors.is_empty() => {
                Came::Again(problem.kind.status(), problem.errors.iter().map(|error| boxes.mistake(error, language)).collect())
            }
            Err(problem) if [Kind::OutOfTurn, Kind::NotInForce, Kind::PreconditionFailed].contains(&problem.kind) => {
                Came::Again(problem.kind.status(), said_of(&problem, "", language))
            }
            Err(problem) => Came::Sorry(problem),
        }
    }
}
