//! The OpenAPI document, made from the handlers.

use utoipa::openapi::example::Example;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn, PathItem, Paths};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Object, Ref, RefOr, Required};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi};

use super::deprecation::DECLARED;
use super::problem::{FieldError, Kind, Problem, ProblemDocument};
use super::{
    alerts, amendments, audit, births, checks, children, clients, clocks, comparisons, conferences, corrections, directory, events,
    history, identities, imports, messages, missed, notices, oauth, operational, plans, practices, registrations, removal, responsibility,
    retention, revocations, section47, shielding, statistics, transfers, vocabulary, webhooks,
};
use crate::words::Language;

/// The header that makes a repeated request harmless.
#[derive(IntoParams)]
#[into_params(parameter_in = Header, names("Idempotency-Key"))]
#[allow(dead_code)] // read by the gate; here for the document
pub struct IdempotencyKey(
    /// One new, unguessable key (a UUID) for each thing to be done; the same key when you try again.
    #[param(value_type = String, example = "0f0c3f8e-5f55-4a4e-9f7e-2f0c8c0b8f11", min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    String,
);

/// The header that keeps two people from overwriting each other.
#[derive(IntoParams)]
#[into_params(parameter_in = Header, names("If-Match"))]
#[allow(dead_code)] // read by the gate; here for the document
pub struct IfMatch(
    /// The ETag of the resource as you read it; `*` for whichever it is at.
    #[param(value_type = String, example = "\"1\"", pattern = "^(\\*|\"[1-9][0-9]*\")$")]
    String,
);

macro_rules! problem_sets {
    ($($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $status:literal, $description:literal;)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(IntoResponses)]
            #[allow(dead_code)] // for the document
            pub enum $name {
                $(
                    #[doc = $description]
                    #[response(status = $status, description = $description, content_type = "application/problem+json")]
                    $variant(ProblemDocument),
                )+
            }
        )+
    };
}

problem_sets! {
    /// Problems of requests that read one resource.
    ReadProblems {
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this";
        NotFound = 404, "There is nothing here that the caller may know of";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests that read the one thing of its kind, and take no parameter.
    OnlyProblems {
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests that list.
    ListProblems {
        BadRequest = 400, "The query is not understood";
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests that list what belongs to a resource.
    BelowProblems {
        BadRequest = 400, "The query is not understood";
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this";
        NotFound = 404, "There is nothing here that the caller may know of";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests that add to a resource without changing it.
    AddProblems {
        BadRequest = 400, "The body is not JSON, or there is no Idempotency-Key";
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this";
        NotFound = 404, "There is nothing here that the caller may know of";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        Conflict = 409, "The same request is still under way";
        TooLarge = 413, "The body is too large";
        UnsupportedMediaType = 415, "The body is not application/json";
        Unprocessable = 422, "Items of the request are wrong; each is named with its place and what would help";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests that open a restricted record.
    EmergencyProblems {
        BadRequest = 400, "The body is not JSON, or there is no Idempotency-Key";
        Unauthenticated = 401, "There is no valid token, or you signed in too long ago";
        Forbidden = 403, "The role may not do this";
        NotFound = 404, "There is nothing here that the caller may know of";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        Conflict = 409, "The same request is still under way";
        TooLarge = 413, "The body is too large";
        UnsupportedMediaType = 415, "The body is not application/json";
        Unprocessable = 422, "Items of the request are wrong; each is named with its place and what would help";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests for a report, which a path names and a query describes.
    ReportProblems {
        BadRequest = 400, "The query is not understood, or asks what this return cannot say";
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this, or not get this return in this form";
        NotFound = 404, "There is no such return, or no authority that the caller may know of and that makes it";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests that create something.
    CreateProblems {
        BadRequest = 400, "The body is not JSON, or there is no Idempotency-Key";
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this, the authority is not the caller's, or a caller is not verified";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        Conflict = 409, "The same request is still under way";
        TooLarge = 413, "The body is too large";
        UnsupportedMediaType = 415, "The body is not application/json";
        Unprocessable = 422, "Items of the request are wrong; each is named with its place and what would help";
        TooMany = 429, "Too many requests, or about too many children; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests that send a file.
    UploadProblems {
        BadRequest = 400, "The query is not understood, or there is no Idempotency-Key";
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        Conflict = 409, "The same request is still under way";
        TooLarge = 413, "The file is too large, or stopped coming";
        UnsupportedMediaType = 415, "The body is neither text/csv nor application/x-ndjson";
        Unprocessable = 422, "The file has no usable header, or the key stands for another file";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
    /// Problems of requests that change something.
    ChangeProblems {
        BadRequest = 400, "The body is not JSON, or a needed Idempotency-Key is missing";
        Unauthenticated = 401, "There is no valid token";
        Forbidden = 403, "The role may not do this";
        NotFound = 404, "There is nothing here that the caller may know of";
        NotAcceptable = 406, "No form of answer that the caller accepts";
        Conflict = 409, "The state of the resource does not allow this";
        PreconditionFailed = 412, "Somebody else changed the resource meanwhile";
        TooLarge = 413, "The body is too large";
        UnsupportedMediaType = 415, "The body is not application/json";
        Unprocessable = 422, "Items of the request are wrong; each is named with its place and what would help";
        PreconditionRequired = 428, "There is no If-Match";
        TooMany = 429, "Too many requests; Retry-After says how long to wait";
        InternalError = 500, "A defect on our side";
        Unavailable = 503, "The register cannot answer at the moment; try later";
    }
}

const RETRY_AFTER: &str = "Retry-After";

/// Header fields that many answers have: name, what it says, an example; a number or a text.
const HEADERS: &[(&str, &str, &str, Type)] = &[
    (
        "RateLimit-Policy",
        "The limits on this caller (draft-ietf-httpapi-ratelimit-headers-10): `q` in `w` seconds. `requests` are of any kind, \
         `checks` count every child asked about, `empty-answers` those checks that named nobody",
        "\"requests\";q=600;w=60, \"checks\";q=100;w=3600, \"empty-answers\";q=40;w=3600",
        Type::String,
    ),
    (
        "RateLimit",
        "What is left: `r` more, and seconds `t` until there will be more. `checks` and `empty-answers` stand on answers to checks",
        "\"requests\";r=599;t=1, \"checks\";r=70;t=1234, \"empty-answers\";r=33;t=1234",
        Type::String,
    ),
    (RETRY_AFTER, "Seconds to wait before the request is sent again", "2", Type::Integer),
];

/// Bodies that stand in the document as examples; the tests send every one of them.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("/v1/checks", include_str!("../../openapi/examples/check-request.json")),
    ("/v1/checks/batch", include_str!("../../openapi/examples/batch-request.json")),
    ("/v1/children", include_str!("../../openapi/examples/child-request.json")),
    ("/v1/registrations", include_str!("../../openapi/examples/registration-request.json")),
    ("/v1/revocations", include_str!("../../openapi/examples/revocation-request.json")),
    ("/v1/comparisons", include_str!("../../openapi/examples/comparison-request.json")),
    ("/v1/clients", include_str!("../../openapi/examples/client-request.json")),
    ("/v1/missed-appointments", include_str!("../../openapi/examples/missed-appointment-request.json")),
    ("/v1/section-47-enquiries", include_str!("../../openapi/examples/section47-request.json")),
    ("/v1/transfers", include_str!("../../openapi/examples/transfer-request.json")),
    ("/v1/alerts", include_str!("../../openapi/examples/alert-request.json")),
    ("/v1/conferences", include_str!("../../openapi/examples/conference-request.json")),
    ("/v1/legal-holds", include_str!("../../openapi/examples/legal-hold-request.json")),
];

/// The same for requests about a resource that is there already: put together from the examples of their fields they would say
/// what goes together in no request.
pub const EXAMPLES_OF_CHANGES: &[(&str, &str)] = &[
    ("/v1/transfers/{id}/{action}", include_str!("../../openapi/examples/transfer-step-request.json")),
    ("/v1/alerts/{id}/{action}", include_str!("../../openapi/examples/alert-step-request.json")),
    ("/v1/children/{id}/birth", include_str!("../../openapi/examples/birth-request.json")),
    ("/v1/children/{id}/identifiers", include_str!("../../openapi/examples/identifier-request.json")),
    ("/v1/children/{id}/identifiers/{fact}", include_str!("../../openapi/examples/identifier-correction-request.json")),
    ("/v1/children/{id}/particulars", include_str!("../../openapi/examples/particulars-request.json")),
    ("/v1/children/{id}/practice", include_str!("../../openapi/examples/practice-request.json")),
];

struct Finishing;

impl Modify for Finishing {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.bearer_format = Some("JWT".into());
        bearer.description = Some("An access token (RFC 9068) of an identity provider that the region trusts.".into());
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        vocabulary::fields(components);
        for (name, says, example, kind) in HEADERS {
            let mut text = Object::with_type(kind.clone());
            text.example = Some(match example.parse::<u64>() {
                Ok(number) => number.into(),
                Err(_) => (*example).into(),
            });
            let mut header = Header::new(text);
            header.description = Some((*says).to_owned());
            components.headers.insert((*name).to_owned(), RefOr::T(header));
        }
        let described = components.clone();
        let mut named = Vec::new();
        for (path, item) in &mut document.paths.paths {
            let PathItem { get, post, put, .. } = item;
            for operation in [get, post, put].into_iter().flatten() {
                finish(path, operation, &described, &mut named);
            }
        }
        document.webhooks = Some(sent_to_subscribers());
        for kind in named {
            let mut example = Example::new();
            example.value = serde_json::to_value(problem(kind)).ok();
            components.examples.insert(kind.slug().to_owned(), RefOr::T(example));
        }
    }
}

/// What is sent to subscriptions.
fn sent_to_subscribers() -> Paths {
    use utoipa::openapi::path::{OperationBuilder, ParameterBuilder};
    use utoipa::openapi::request_body::RequestBodyBuilder;
    use utoipa::openapi::{ContentBuilder, ResponseBuilder};

    let text = |name: &str, says: &str, example: &str| {
        let mut schema = Object::with_type(Type::String);
        schema.example = Some(example.into());
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(says))
            .schema(Some(schema))
            .build()
    };
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("CloudEventView"))).build();
    let answer = |says: &str| ResponseBuilder::new().description(says).build();
    let operation = OperationBuilder::new()
        .operation_id(Some("receiveEvent"))
        .tag("Events")
        .summary(Some("Take an event"))
        .description(Some(
            "Sent to the address of a subscription, signed as Standard Webhooks 1.0.0 has it. It is sent again, with the same \
             `webhook-id`, until it is answered with a status of 200 to 299; those about one child come in order.",
        ))
        .parameter(text("webhook-id", "The event: the same however often it is sent.", "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11"))
        .parameter(text("webhook-timestamp", "When it was sent: seconds since 1970.", "1763370000"))
        .parameter(text(
            "webhook-signature",
            "One or more signatures, with a space between: `v1,` (HMAC-SHA256) or `v1a,` (Ed25519) and base64, over \
             `webhook-id.webhook-timestamp.body`.",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        ))
        .request_body(Some(
            RequestBodyBuilder::new()
                .description(Some("The event"))
                .content("application/cloudevents+json", body)
                .required(Some(Required::True))
                .build(),
        ))
        .response("204", answer("It was taken. Any status of 200 to 299 means so."))
        .response("410", answer("Nobody is there any more: the subscription is disabled."))
        .response("default", answer("It was not taken: it is sent again later. No redirect is followed."))
        .security(utoipa::openapi::security::SecurityRequirement::default())
        .build();
    let item = PathItem::new(HttpMethod::Post, operation);
    let mut sent = Paths::new();
    sent.paths.insert("event".to_owned(), item);
    sent
}

/// A problem as it may look.
fn problem(kind: Kind) -> ProblemDocument {
    let mut problem = Problem::from(kind);
    if kind == Kind::Invalid {
        problem.errors.push(FieldError::named("/child/nhsNumber", "wrong-check-digit"));
    }
    problem.document(Language::English, uuid::uuid!("01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11"))
}

/// Puts into an operation what does not stand at its handler: the form of its parameters, its examples, the kinds of problem
/// (which are `named`).
fn finish(path: &str, operation: &mut Operation, components: &Components, named: &mut Vec<Kind>) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let mut headers = Vec::new();
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        if parameter.parameter_in == ParameterIn::Header {
            headers.push(parameter.name.clone());
        }
        if let Some(schema) = &mut parameter.schema {
            vocabulary::parameter(&id, &parameter.name, schema);
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body
        && let Some(RefOr::T(content)) = body.content.get_mut("application/json")
    {
        let written = EXAMPLES
            .iter()
            .chain(EXAMPLES_OF_CHANGES)
            .find(|(of, _)| *of == path)
            .and_then(|(_, example)| serde_json::from_str(example).ok());
        content.example = written.or_else(|| vocabulary::example(components, content.schema.as_ref()?));
    }
    if let Some(ending) = DECLARED.iter().find(|ending| ending.operation.as_str() == id) {
        ending.document(operation);
    }
    let has = |header: &str| headers.iter().any(|name| name == header);
    let guarded = operation.responses.responses.contains_key("401") && operation.security.is_none();
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        // Whoever is not known has no limits to be told; who signed in too long ago is known.
        let known = status != "401" || answers(Kind::RecentSignInRequired, &id, has("Idempotency-Key"), has("If-Match"));
        let limited = guarded && known;
        for (name, ..) in HEADERS {
            let is_there = if *name == RETRY_AFTER { guarded && (status == "429" || status == "503") } else { limited };
            if is_there {
                response.headers.insert((*name).to_owned(), RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))));
            }
        }
        for (media, content) in &mut response.content {
            let RefOr::T(content) = content else { continue };
            if media != "application/problem+json" {
                content.example = content.schema.as_ref().and_then(|schema| vocabulary::example(components, schema));
                continue;
            }
            for kind in Kind::ALL.iter().copied().filter(|kind| kind.status().as_str() == status) {
                if answers(kind, &id, has("Idempotency-Key"), has("If-Match")) {
                    let slug = kind.slug();
                    named.push(kind);
                    content.examples.insert(slug.to_owned(), RefOr::Ref(Ref::new(format!("#/components/examples/{slug}"))));
                }
            }
        }
    }
}

/// Whether an operation that documents the status of a problem can answer with this kind of it.
fn answers(kind: Kind, operation: &str, creates: bool, changes: bool) -> bool {
    let asks = matches!(operation, "askCheck" | "askChecks");
    match kind {
        Kind::MalformedQuery => (!creates && !changes) || operation == "addImport",
        // Of the FHIR face, which says in its own document what it can do.
        Kind::PersonalInUrl | Kind::InvalidSearchData | Kind::InvalidHeader => false,
        Kind::MalformedJson => (creates || changes) && operation != "addImport",
        Kind::IdempotencyKeyMissing | Kind::IdempotencyKeyReused | Kind::IdempotencyInProgress => creates,
        Kind::ActingPersonMissing
        | Kind::CallerNotVerified
        | Kind::OnBehalfNotAllowed
        | Kind::TooManyChecks
        | Kind::TooManyEmptyAnswers => asks,
        Kind::Insufficient => asks || operation == "reportMissedAppointment",
        Kind::AuthorityOutsideScope => {
            matches!(operation, "addChild" | "addRegistration" | "addSection47Enquiry" | "addConference" | "addLegalHold" | "addClient")
        }
        Kind::AlreadyAcknowledged => operation == "acknowledgeNotice",
        Kind::AlreadyLifted => operation == "liftLegalHold",
        Kind::AlreadyClosed => operation == "closeTask",
        Kind::StillRegistered => matches!(operation, "markChildInError" | "closeIdentity" | "markConferenceInError"),
        Kind::NotInForce => matches!(operation, "changeCoordinator" | "changeCategories" | "changeCoreGroup" | "addTransfer" | "addAlert"),
        Kind::OutOfTurn => {
            let of_moves =
                matches!(operation, "addTransfer" | "actOnTransfer" | "markRegistrationInError" | "removeRegistration" | "addConference");
            of_moves || matches!(operation, "addAlert" | "actOnAlert")
        }
        Kind::NotUnborn => operation == "recordBirth",
        Kind::RecentSignInRequired => operation == "breakGlass",
        Kind::Conflict => matches!(
            operation,
            "markRegistrationInError"
                | "markRemovalInError"
                | "changeSection47Enquiry"
                | "markSection47EnquiryInError"
                | "correctConference"
                | "markConferenceInError"
                | "markVisitInError"
                | "markCoreGroupMeetingInError"
                | "markMilestoneInError"
                | "changeClientKeys"
                | "suspendClient"
                | "resumeClient"
                | "revokeClient"
                | "mergeChildren"
                | "tellChildrenApart"
                | "undoIdentityDecision"
        ),
        _ => true,
    }
}

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Cofrestr",
        description = "The child protection register of a safeguarding region: is this child on a register, and whom to ring?\n\n\
            Every answer is JSON; every error is `application/problem+json` (RFC 9457) with a stable `code`. \
            `X-Request-ID` and `X-Correlation-ID` are echoed. `Accept-Language: cy` or `en` chooses the words; codes never change. \
            Nothing personal ever stands in a URL. What a caller may not know of looks exactly like what does not exist.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
        contact(name = "The region's register team")
    ),
    servers((url = "/", description = "This region")),
    paths(
        checks::ask, checks::ask_several, checks::index, checks::read,
        children::add, children::read, children::add_name, children::add_address, children::add_identifier,
        children::add_household_member, children::mark_in_error, children::close_identity,
        corrections::correct_name, corrections::correct_address, corrections::correct_identifier, corrections::correct_household_member,
        corrections::withdraw_name, corrections::withdraw_address, corrections::withdraw_identifier,
        corrections::withdraw_household_member, corrections::correct_particulars, practices::state,
        births::record, history::read, shielding::shield, shielding::break_glass,
        identities::merge, identities::tell_apart, identities::read, identities::undo,
        registrations::add, registrations::index, registrations::read, registrations::mark_in_error,
        amendments::coordinator, amendments::change_coordinator, amendments::categories, amendments::change_categories,
        amendments::core_group, amendments::change_core_group,
        removal::read, removal::remove, removal::mark_in_error,
        section47::add, section47::index, section47::read, section47::change, section47::mark_in_error,
        conferences::add, conferences::index, conferences::read, conferences::correct, conferences::mark_in_error,
        transfers::families::add, responsibility::read, responsibility::change,
        transfers::add, transfers::index, transfers::read, transfers::act,
        alerts::add, alerts::index, alerts::read, alerts::act,
        plans::add_visit, plans::list_visits, plans::read_visit, plans::mark_visit_in_error,
        plans::add_meeting, plans::list_meetings, plans::read_meeting, plans::mark_meeting_in_error,
        plans::add_milestone, plans::list_milestones, plans::read_milestone, plans::mark_milestone_in_error,
        clocks::read, clocks::depart, clocks::index,
        notices::list_notices, notices::read_notice, notices::acknowledge,
        notices::list_tasks, notices::read_task, notices::close_task,
        events::index, events::acknowledge,
        webhooks::add, webhooks::index, webhooks::read, webhooks::change, webhooks::read_secret, webhooks::rotate, webhooks::test,
        webhooks::deliveries, webhooks::replay,
        missed::report, missed::of_child,
        imports::add, imports::index, imports::read, imports::rows,
        directory::read, directory::publish,
        messages::index, messages::replay,
        comparisons::index, comparisons::add,
        audit::index, audit::checkpoint, audit::proof, audit::consistency,
        revocations::add, revocations::index,
        statistics::read,
        retention::read, retention::add, retention::index, retention::read_hold, retention::lift,
        clients::add, clients::index, clients::read, clients::change_keys, clients::suspend, clients::resume, clients::revoke,
        oauth::token,
        operational::live, operational::ready,
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Finishing),
    security(("bearer" = [])),
    tags(
        (name = "Checks", description = "Is this child on a register?"),
        (name = "Children", description = "The people on the register"),
        (name = "Registrations", description = "Entries on the register"),
        (name = "Conferences", description = "What led to an entry, kept it and ended it"),
        (name = "Transfers", description = "Moves of children between authorities, and who is responsible meanwhile"),
        (name = "Alerts", description = "Missing children, and everybody who looks out for them"),
        (name = "Plans", description = "What is done under a plan, and what is due"),
        (name = "Notices", description = "What a person must read and confirm"),
        (name = "Missed appointments", description = "A child did not come, or was not brought"),
        (name = "Events", description = "What happened, for programs"),
        (name = "Tasks", description = "What a person must do"),
        (name = "Imports", description = "Whole registers from other systems, row by row"),
        (name = "Directory", description = "Who is in the federation, and whom to ring there"),
        (name = "Messages", description = "What could not be told to other authorities and regions yet, and whether registers agree"),
        (name = "Audit", description = "Who looked, at what, with what result; and the proof that nothing of it was changed"),
        (name = "Revocations", description = "Tokens and people that are believed no more"),
        (name = "Statistics", description = "Returns to governments and figures for boards"),
        (name = "Retention", description = "What is erased when, and what keeps it from it"),
        (name = "Partner systems", description = "Which systems may ask for whom, and how they get their tokens"),
        (name = "Health", description = "For those who keep the server running"),
    )
)]
pub struct Document;

/// The names of all fields of requests and answers.
pub fn field_names() -> Vec<String> {
    let components = Document::openapi().components.unwrap_or_default();
    let schemas = components.schemas.into_values().filter_map(|schema| match schema {
        RefOr::T(utoipa::openapi::Schema::Object(object)) => Some(object.properties.into_keys()),
        _ => None,
    });
    schemas.flatten().collect()
}

/// The document as YAML, as it stands in `openapi/cofrestr.yaml`.
///
/// # Errors
/// When it cannot be written: a defect.
pub fn yaml() -> Result<String, String> {
    let text = Document::openapi().to_yaml().map_err(|error| error.to_string())?;
    Ok(text.lines().map(|line| unmistakable(line) + "\n").collect())
}

/// `on` is a word in YAML 1.2 and the value true in YAML 1.1, which many readers still speak: as a name or a value it is quoted.
fn unmistakable(line: &str) -> String {
    let word = line.trim_start_matches([' ', '-']);
    if let Some(rest) = word.strip_prefix("on:") {
        return format!("{}'on':{rest}", &line[..line.len() - word.len()]);
    }
    match line.strip_suffix(" on") {
        Some(before) if before.ends_with([':', '-']) => format!("{before} 'on'"),
        _ => line.to_owned(),
    }
}
