//! Steps that people take with what lies open, a move or a missing child: which the API offers to this person now, and a page with
//! boxes for each.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::ask::value;
use super::form::Mistake;
use super::page::see;
use super::reading::reach;
use super::session::{SignedIn, Visit};
use crate::authz::Operation;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Duty {
    pub(super) code: String,
    pub(super) due_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) action: String,
    pub(super) by: By,
    pub(super) note: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct By {
    pub(super) name: String,
    pub(super) at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Possible {
    action: String,
    authority: String,
    roles: Vec<String>,
}

/// The steps that somebody may take now, of all that are possible.
pub(super) fn steps_of(possible: &[Possible], operation: Operation, somebody: &SignedIn) -> Vec<String> {
    let principal = &somebody.principal;
    let allowed = reach(operation, somebody).is_some();
    let own = |step: &&Possible| {
        allowed && step.roles.iter().any(|role| role == principal.role.as_str()) && principal.scope.covers(&step.authority)
    };
    let mut steps: Vec<String> = Vec::new();
    for step in possible.iter().filter(own) {
        if !steps.contains(&step.action) {
            steps.push(step.action.clone());
        }
    }
    steps
}

/// What is wrong with a box.
pub(super) fn error_at<'a>(errors: &'a [Mistake], field: &str) -> Option<&'a str> {
    errors.iter().find(|error| error.field == field).map(|error| error.text.as_str())
}

/// The texts that describe a box: its hint, and what is wrong with it.
pub(super) fn described_by(errors: &[Mistake], field: &str, hint: &str) -> Option<String> {
    let hint = (!hint.is_empty()).then(|| format!("{field}-hint"));
    let error = error_at(errors, field).map(|_| format!("{field}-error"));
    match (hint, error) {
        (Some(hint), Some(error)) => Some(format!("{hint} {error}")),
        (one, other) => one.or(other),
    }
}

/// What is typed with a step.
#[derive(Default)]
pub(super) struct StepForm {
    pub(super) values: Vec<(String, String)>,
}

impl StepForm {
    pub(super) fn value(&self, name: impl AsRef<str>) -> &str {
        value(&self.values, name.as_ref()).trim()
    }

    pub(super) fn has(&self, name: &str, wanted: &str) -> bool {
        self.values.iter().any(|(found, value)| found == name && value == wanted)
    }

    /// Once for each form: of one that comes back the same, so that it does once what it says however often it is sent.
    pub(super) fn key(&self) -> String {
        Some(self.value("key")).filter(|key| !key.is_empty()).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
    }
}

/// Where whoever is not signed in goes first.
pub(super) fn to_sign_in(visit: Visit) -> HttpResponse {
    see(visit, "/sign-in?next=/work")
}
