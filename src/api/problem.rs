//! Every error body: `application/problem+json` (RFC 9457), from one table.

use std::borrow::Cow;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::register::budgets::WINDOW_SECONDS;
use crate::register::transfers::Turn;
use crate::register::{Broken, RegisterError, alerts};
use crate::store::{Failure, StoreError};
use crate::words::{self, Language};

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $slug:literal;)+) => {
        /// The kinds of problem. The slug is the stable `code` and the end of the `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $name,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                let code: u16 = match self { $(Self::$name => $status,)+ };
                StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The stable code.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)+ }
            }
        }
    };
}

problems! {
    /// The token is missing or not believed.
    Unauthenticated = 401, "unauthenticated";
    /// The caller signed in too long ago for this (RFC 9470).
    RecentSignInRequired = 401, "recent-sign-in-required";
    /// The role may not do this.
    OperationNotAllowed = 403, "operation-not-allowed";
    /// A system asks about a child and says for nobody that it does.
    ActingPersonMissing = 403, "acting-person-missing";
    /// The caller on whose behalf was asked is not verified.
    CallerNotVerified = 403, "caller-not-verified";
    /// The role may not ask on behalf of a caller.
    OnBehalfNotAllowed = 403, "on-behalf-not-allowed";
    /// The authority in the request is not reached by the token.
    AuthorityOutsideScope = 403, "authority-outside-scope";
    /// There is nothing, or nothing that the caller may know of.
    NotFound = 404, "not-found";
    /// The path has no such method.
    MethodNotAllowed = 405, "method-not-allowed";
    /// No form of answer that the caller accepts.
    NotAcceptable = 406, "not-acceptable";
    /// Another request with this idempotency key is under way.
    IdempotencyInProgress = 409, "idempotency-in-progress";
    /// The notice is acknowledged already.
    AlreadyAcknowledged = 409, "already-acknowledged";
    /// The task is closed already.
    AlreadyClosed = 409, "already-closed";
    /// The hold is lifted already.
    AlreadyLifted = 409, "already-lifted";
    /// The child still has a live entry.
    StillRegistered = 409, "still-registered";
    /// The entry has ended, or never was.
    NotInForce = 409, "not-in-force";
    /// The child is not one who was entered before birth and is not born yet.
    NotUnborn = 409, "not-unborn";
    /// This is not to be done about the move or the alert now, or by others.
    OutOfTurn = 409, "out-of-turn";
    /// The state of the resource does not allow this.
    Conflict = 409, "conflict";
    /// The resource is not at the version in `If-Match`.
    PreconditionFailed = 412, "precondition-failed";
    /// The body is too large.
    BodyTooLarge = 413, "body-too-large";
    /// The body is not `application/json`.
    UnsupportedMediaType = 415, "unsupported-media-type";
    /// The body is not JSON.
    MalformedJson = 400, "malformed-json";
    /// The query is not understood.
    MalformedQuery = 400, "malformed-query";
    /// Something personal stands in the query.
    PersonalInUrl = 400, "personal-in-url";
    /// The search has no usable NHS number.
    InvalidSearchData = 400, "invalid-search-data";
    /// A header that the search knows has an impossible value.
    InvalidHeader = 400, "invalid-header";
    /// A request that creates has no usable `Idempotency-Key`.
    IdempotencyKeyMissing = 400, "idempotency-key-missing";
    /// The idempotency key was used with another body.
    IdempotencyKeyReused = 422, "idempotency-key-reused";
    /// There is too little to search on.
    Insufficient = 422, "insufficient";
    /// Items of the request are wrong.
    Invalid = 422, "invalid";
    /// A change has no `If-Match`.
    PreconditionRequired = 428, "precondition-required";
    /// Too many requests.
    RateLimited = 429, "rate-limited";
    /// Too many checks in an hour.
    TooManyChecks = 429, "too-many-checks";
    /// Too many checks that named nobody in an hour.
    TooManyEmptyAnswers = 429, "too-many-empty-answers";
    /// A defect on our side.
    InternalError = 500, "internal-error";
    /// The database does not answer.
    TemporarilyUnavailable = 503, "temporarily-unavailable";
}

/// A mistake in one item of a request: where it is, what it is, what would help. Never what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the item in the request body.
    #[schema(example = "/child/nhsNumber")]
    pub pointer: String,
    /// Stable code of the mistake.
    #[schema(example = "wrong-check-digit")]
    pub code: String,
    /// What would help, in the language of the answer.
    pub detail: String,
    /// Where the rule comes from, for rules of the procedures: keys of the sources, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "WSP-4.12")]
    pub source: Option<String>,
}

impl From<Broken> for FieldError {
    fn from(broken: Broken) -> Self {
        Self { pointer: broken.pointer, code: broken.code.to_owned(), detail: broken.detail, source: Some(broken.source) }
    }
}

impl FieldError {
    /// A mistake whose words come from the translations (`field-CODE`).
    pub fn named(pointer: impl Into<String>, code: &'static str) -> Self {
        Self { pointer: pointer.into(), code: code.to_owned(), detail: String::new(), source: None }
    }

    /// The same in the words of a language.
    #[must_use]
    pub fn said(self, language: Language) -> Self {
        // The codes that are allowed follow the colon in the English words; they are the same in every language.
        let allowed = self.detail.split_once(": ").map_or("", |(_, allowed)| allowed);
        let said = words::find(language, &format!("field-{}", self.code), &[("allowed", allowed)]);
        Self { detail: said.unwrap_or_else(|| self.detail.clone()), ..self }
    }

    /// A mistake with English words of its own, used where the translations have none.
    pub fn worded(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.to_owned(), detail: detail.into(), source: None }
    }
}

/// A problem on its way to the caller. The words, the language and the request id are put in where it becomes a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind.
    pub kind: Kind,
    /// The items that are wrong.
    pub errors: Vec<FieldError>,
    /// The methods that exist (405).
    pub allow: Option<Cow<'static, str>>,
    /// Seconds to wait (409 while a request is under way, 429, 503).
    pub retry_after: Option<u64>,
    /// What may be done instead, and by whom (409 about a move or an alert).
    pub possible: Vec<PossibleStep>,
    /// Whether another transaction was in the way, so that running the same work again may succeed.
    again: bool,
    /// Whether the database does not answer at all, so that not even the failure can be kept.
    away: bool,
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Self {
        let retry_after = match kind {
            Kind::TemporarilyUnavailable => Some(2),
            Kind::IdempotencyInProgress | Kind::RateLimited => Some(1),
            Kind::TooManyChecks | Kind::TooManyEmptyAnswers => Some(WINDOW_SECONDS),
            _ => None,
        };
        Self { kind, errors: Vec::new(), allow: None, retry_after, possible: Vec::new(), again: false, away: false }
    }
}

impl Problem {
    /// The problem of items that are wrong.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Kind::Invalid.into() }
    }

    /// A problem that goes away after some seconds.
    pub fn for_seconds(kind: Kind, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..kind.into() }
    }

    /// The problem of a method that a path does not have.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self { allow: Some(allow.into()), ..Kind::MethodNotAllowed.into() }
    }

    /// The body in a language.
    pub fn document(&self, language: Language, request_id: Uuid) -> ProblemDocument {
        let slug = self.kind.slug();
        ProblemDocument {
            r#type: format!("urn:cofrestr:problem:{slug}"),
            title: words::say(language, &format!("problem-{slug}"), &[]),
            status: self.kind.status().as_u16(),
            detail: words::say(language, &format!("problem-{slug}-detail"), &[]),
            instance: format!("urn:uuid:{request_id}"),
            code: slug.to_owned(),
            errors: self.errors.iter().map(|error| error.clone().said(language)).collect(),
            possible: self.possible.clone(),
        }
    }
}

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// A URN that names the kind of problem.
    #[schema(example = "urn:cofrestr:problem:invalid")]
    r#type: String,
    /// The kind of problem in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What to do about it.
    detail: String,
    /// A URN of this request, by which we find it in our records.
    #[schema(example = "urn:uuid:01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    instance: String,
    /// The stable code: the end of `type`.
    #[schema(example = "invalid")]
    code: String,
    /// The items that are wrong, for status 422.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// What may be done instead, for status 409 about a move or an alert.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    possible: Vec<PossibleStep>,
}

/// A step that may be taken now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PossibleStep {
    /// The step: the last part of the path of `POST /v1/transfers/{id}/{action}` or `POST /v1/alerts/{id}/{action}`.
    #[schema(example = "acknowledge")]
    pub action: String,
    /// The authority at which it is taken (GSS code).
    #[schema(example = "E06000051")]
    pub authority: String,
    /// Who may take it there.
    pub roles: Vec<String>,
}

impl From<&Turn> for PossibleStep {
    fn from(turn: &Turn) -> Self {
        Self {
            action: turn.action.as_str().to_owned(),
            authority: turn.authority.clone(),
            roles: turn.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        }
    }
}

impl From<&alerts::Turn> for PossibleStep {
    fn from(turn: &alerts::Turn) -> Self {
        Self {
            action: turn.action.as_str().to_owned(),
            authority: turn.authority.clone(),
            roles: turn.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.slug())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    /// Status and headers only: the middleware, which knows the language and the request id, writes the body.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_ref()));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.kind == Kind::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if self.kind == Kind::RecentSignInRequired {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"insufficient_user_authentication\""));
        }
        response.finish()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // Logged once, here, where it becomes an answer.
        if Failure::is_retryable(&error) {
            tracing::debug!("another transaction was in the way");
            Self { again: true, ..Kind::TemporarilyUnavailable.into() }
        } else if error.is_temporary() {
            tracing::error!(error = %error, cause = ?std::error::Error::source(&error).map(redacted), "the database did not do its part");
            Self { away: Failure::is_away(&error), ..Kind::TemporarilyUnavailable.into() }
        } else {
            let cause = std::error::Error::source(&error).map(redacted);
            tracing::error!(error = %error, ?cause, constraint = error.constraint(), "a defect or a damaged database");
            Kind::InternalError.into()
        }
    }
}

/// A database's message may quote a row; only its first words are kept, up to the first quotation mark, bracket or colon.
fn redacted(error: &dyn std::error::Error) -> String {
    error.to_string().split(['"', '(', ':', '\'', '\n']).next().unwrap_or_default().trim().to_owned()
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Store(store) => store.into(),
            RegisterError::NotFound => Kind::NotFound.into(),
            RegisterError::Stale => Kind::PreconditionFailed.into(),
            RegisterError::AlreadyAcknowledged => Kind::AlreadyAcknowledged.into(),
            RegisterError::AlreadyClosed => Kind::AlreadyClosed.into(),
            RegisterError::AlreadyLifted => Kind::AlreadyLifted.into(),
            RegisterError::Kept => Kind::Conflict.into(),
            RegisterError::StillRegistered => Kind::StillRegistered.into(),
            RegisterError::NotInForce => Kind::NotInForce.into(),
            RegisterError::NotUnborn => Kind::NotUnborn.into(),
            RegisterError::OutOfTurn(refused) => Self {
                errors: vec![FieldError::worded("", refused.why.code(), refused.why.to_string())],
                possible: refused.possible.iter().map(PossibleStep::from).collect(),
                ..Kind::OutOfTurn.into()
            },
            RegisterError::AlertOutOfTurn(refused) => Self {
                errors: vec![FieldError::worded("", refused.why.code(), refused.why.to_string())],
                possible: refused.possible.iter().map(PossibleStep::from).collect(),
                ..Kind::OutOfTurn.into()
            },
            RegisterError::Conflict | RegisterError::Replayed => Kind::Conflict.into(),
            RegisterError::SignInAgain => Kind::RecentSignInRequired.into(),
            RegisterError::OutsideScope => Kind::AuthorityOutsideScope.into(),
            RegisterError::KeyReused => Kind::IdempotencyKeyReused.into(),
            RegisterError::CallerNotVerified => Kind::CallerNotVerified.into(),
            RegisterError::OnBehalfNotAllowed => Kind::OnBehalfNotAllowed.into(),
            RegisterError::TooManyChecks { seconds } => Self::for_seconds(Kind::TooManyChecks, seconds),
            RegisterError::TooManyEmptyAnswers { seconds } => Self::for_seconds(Kind::TooManyEmptyAnswers, seconds),
            RegisterError::Insufficient => Kind::Insufficient.into(),
            RegisterError::Rule { pointer, code, detail } => Self::invalid(vec![FieldError::worded(pointer, code, detail)]),
            RegisterError::Broken(broken) => Self::invalid(broken.into_iter().map(FieldError::from).collect()),
        }
    }
}

impl Failure for Problem {
    fn is_refusal(&self) -> bool {
        matches!(self.kind.status().as_u16(), 401 | 403 | 404 | 429)
    }

    fn code(&self) -> &'static str {
        self.kind.slug()
    }

    fn is_retryable(&self) -> bool {
        self.again
    }

    fn is_away(&self) -> bool {
        self.away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_explained_in_both_languages() {
        for kind in Kind::ALL {
            for language in [Language::English, Language::Welsh] {
                for name in [format!("problem-{}", kind.slug()), format!("problem-{}-detail", kind.slug())] {
                    assert!(words::find(language, &name, &[]).is_some(), "{name}");
                }
            }
        }
    }

    #[test]
    fn every_rule_of_the_procedures_is_explained_in_both_languages() {
        use crate::domain::conference::ConferenceViolation;
        use crate::domain::registration::Violation;
        use crate::domain::removal::RemovalViolation;
        use crate::domain::section47::Section47Violation;
        use crate::register::amendments::AmendmentViolation;
        use crate::register::conferences::RecordViolation;
        let codes = Violation::ALL.iter().map(Violation::code);
        let codes = codes.chain(ConferenceViolation::ALL.iter().map(ConferenceViolation::code));
        let codes = codes.chain(RemovalViolation::ALL.iter().map(RemovalViolation::code));
        let codes = codes.chain(Section47Violation::ALL.iter().map(Section47Violation::code));
        let codes = codes.chain(AmendmentViolation::ALL.iter().map(AmendmentViolation::code));
        for code in codes.chain(RecordViolation::ALL.iter().map(RecordViolation::code)) {
            for language in [Language::English, Language::Welsh] {
                assert!(words::find(language, &format!("field-{code}"), &[]).is_some(), "field-{code}");
            }
        }
    }
}
