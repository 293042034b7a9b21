//! Which handler answers which path. The OpenAPI document says the same; a test compares the two.

use actix_web::web::{self, Data, ServiceConfig, delete, get, head, post, put};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route};

use super::app::App;
use super::gate::{authenticate, facts};
use super::problem::{Kind, Problem};
use super::{
    alerts, amendments, audit, births, checks, children, clients, clocks, comparisons, conferences, corrections, directory, events,
    federation, fhir, history, identities, imports, messages, missed, notices, oauth, operational, plans, practices, registrations,
    removal, responsibility, retention, revocations, sandbox, section47, shielding, statistics, transfers, webhooks,
};
use crate::authz::{Operation, unauthenticated};
use crate::register::peers::wire;

/// A resource that answers every other method with 405 and what is allowed.
fn resource(path: &str, allow: &'static str, routes: impl IntoIterator<Item = Route>) -> Resource {
    let mut resource = web::resource(path);
    for route in routes {
        resource = resource.route(route);
    }
    resource.default_service(web::to(move |request: HttpRequest| refuse(request, Some(allow))))
}

/// A resource that is the same for everybody and read by programs: it answers HEAD as well. Under `/v1` HEAD is 405: every look
/// at what is kept about people is recorded, and a look that shows nothing would be recorded for nothing.
fn public<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path, "GET, HEAD", [get().to(handler.clone()), head().to(handler)])
}

/// What no handler answers: 401 without a token, so that nobody learns what exists; then 404 or 405. Both are recorded.
async fn refuse(request: HttpRequest, allow: Option<&'static str>) -> Result<HttpResponse, Problem> {
    let guarded = ["/v1", fhir::PATH]
        .iter()
        .any(|face| request.path().strip_prefix(face).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if guarded {
        let app = request.app_data::<Data<App>>().ok_or(Kind::InternalError)?.clone();
        let facts = facts(&request);
        let principal = authenticate(&app, &request, Operation::Unknown, facts.context).await?;
        let kind = if allow.is_some() { Kind::MethodNotAllowed } else { Kind::NotFound };
        let mut refusal = unauthenticated(Operation::Unknown, facts.context, kind.slug());
        refusal.access.principal = Some(principal);
        app.store.record(&refusal).await?;
    }
    match allow {
        Some(allow) => Err(Problem::method_not_allowed(allow)),
        None => Err(Kind::NotFound.into()),
    }
}

/// The routes for other regions: a face of its own, over mutual TLS.
pub fn configure_peers(config: &mut ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(crate::register::peers::message::LONGEST))
        .service(resource(wire::QUESTION_PATH, "POST", [post().to(federation::answer)]))
        .service(resource(wire::CUSTODY_PATH, "POST", [post().to(federation::custody)]))
        .service(resource(wire::ALERT_PATH, "POST", [post().to(federation::alert)]))
        .service(resource(wire::READING_PATH, "POST", [post().to(federation::reading)]))
        .service(resource(wire::COMPARISON_PATH, "POST", [post().to(federation::compare)]))
        .service(resource(wire::DIRECTORY_PATH, "POST", [post().to(federation::exchange)]))
        .service(public("/.well-known/cofrestr", federation::statement))
        .service(public("/.well-known/cofrestr-directory", federation::directory))
        .service(resource("/health/live", "GET", [get().to(operational::live)]))
        .default_service(web::to(|request: HttpRequest| refuse(request, None)));
}

/// Every route. `with_sandbox` adds those of a sandbox.
pub fn configure(config: &mut ServiceConfig, with_sandbox: bool) {
    config
        .service(resource("/v1/checks", "GET, POST", [get().to(checks::index), post().to(checks::ask)]))
        .service(resource("/v1/checks/batch", "POST", [post().to(checks::ask_several)]))
        .service(resource("/v1/checks/{id}", "GET", [get().to(checks::read)]))
        .service(resource("/v1/children", "POST", [post().to(children::add)]))
        .service(resource("/v1/children/{id}", "GET", [get().to(children::read)]))
        .service(resource("/v1/children/{id}/names", "POST", [post().to(children::add_name)]))
        .service(resource("/v1/children/{id}/addresses", "POST", [post().to(children::add_address)]))
        .service(resource("/v1/children/{id}/identifiers", "POST", [post().to(children::add_identifier)]))
        .service(resource("/v1/children/{id}/household", "POST", [post().to(children::add_household_member)]))
        .service(resource("/v1/children/{id}/names/{fact}", "PUT", [put().to(corrections::correct_name)]))
        .service(resource("/v1/children/{id}/names/{fact}/entered-in-error", "POST", [post().to(corrections::withdraw_name)]))
        .service(resource("/v1/children/{id}/addresses/{fact}", "PUT", [put().to(corrections::correct_address)]))
        .service(resource("/v1/children/{id}/addresses/{fact}/entered-in-error", "POST", [post().to(corrections::withdraw_address)]))
        .service(resource("/v1/children/{id}/identifiers/{fact}", "PUT", [put().to(corrections::correct_identifier)]))
        .service(resource("/v1/children/{id}/identifiers/{fact}/entered-in-error", "POST", [post().to(corrections::withdraw_identifier)]))
        .service(resource("/v1/children/{id}/household/{fact}", "PUT", [put().to(corrections::correct_household_member)]))
        .service(resource(
            "/v1/children/{id}/household/{fact}/entered-in-error",
            "POST",
            [post().to(corrections::withdraw_household_member)],
        ))
        .service(resource("/v1/children/{id}/particulars", "PUT", [put().to(corrections::correct_particulars)]))
        .service(resource("/v1/children/{id}/practice", "PUT", [put().to(practices::state)]))
        .service(resource("/v1/children/{id}/birth", "POST", [post().to(births::record)]))
        .service(resource("/v1/children/{id}/history", "GET", [get().to(history::read)]))
        .service(resource("/v1/children/{id}/shielding", "PUT", [put().to(shielding::shield)]))
        .service(resource("/v1/children/{id}/break-glass", "POST", [post().to(shielding::break_glass)]))
        .service(resource("/v1/children/{id}/merges", "POST", [post().to(identities::merge)]))
        .service(resource("/v1/children/{id}/distinctions", "POST", [post().to(identities::tell_apart)]))
        .service(resource("/v1/identity-decisions/{id}", "GET", [get().to(identities::read)]))
        .service(resource("/v1/identity-decisions/{id}/undo", "POST", [post().to(identities::undo)]))
        .service(resource("/v1/children/{id}/entered-in-error", "POST", [post().to(children::mark_in_error)]))
        .service(resource("/v1/children/{id}/adoption", "POST", [post().to(children::close_identity)]))
        .service(resource("/v1/children/{id}/missed-appointments", "GET", [get().to(missed::of_child)]))
        .service(resource("/v1/missed-appointments", "POST", [post().to(missed::report)]))
        .service(resource("/v1/registrations", "GET, POST", [get().to(registrations::index), post().to(registrations::add)]))
        .service(resource("/v1/registrations/{id}", "GET", [get().to(registrations::read)]))
        .service(resource("/v1/registrations/{id}/entered-in-error", "POST", [post().to(registrations::mark_in_error)]))
        .service(resource(
            "/v1/registrations/{id}/coordinator",
            "GET, PUT",
            [get().to(amendments::coordinator), put().to(amendments::change_coordinator)],
        ))
        .service(resource(
            "/v1/registrations/{id}/categories",
            "GET, PUT",
            [get().to(amendments::categories), put().to(amendments::change_categories)],
        ))
        .service(resource(
            "/v1/registrations/{id}/core-group",
            "GET, PUT",
            [get().to(amendments::core_group), put().to(amendments::change_core_group)],
        ))
        .service(resource("/v1/registrations/{id}/removal", "GET, POST", [get().to(removal::read), post().to(removal::remove)]))
        .service(resource("/v1/registrations/{id}/removal/entered-in-error", "POST", [post().to(removal::mark_in_error)]))
        .service(resource("/v1/transfers", "GET, POST", [get().to(transfers::index), post().to(transfers::add)]))
        .service(resource("/v1/transfers/{id}", "GET", [get().to(transfers::read)]))
        .service(resource("/v1/transfers/{id}/{action}", "POST", [post().to(transfers::act)]))
        .service(resource("/v1/alerts", "GET, POST", [get().to(alerts::index), post().to(alerts::add)]))
        .service(resource("/v1/alerts/{id}", "GET", [get().to(alerts::read)]))
        .service(resource("/v1/alerts/{id}/{action}", "POST", [post().to(alerts::act)]))
        .service(resource("/v1/section-47-enquiries", "GET, POST", [get().to(section47::index), post().to(section47::add)]))
        .service(resource("/v1/section-47-enquiries/{id}", "GET, PUT", [get().to(section47::read), put().to(section47::change)]))
        .service(resource("/v1/section-47-enquiries/{id}/entered-in-error", "POST", [post().to(section47::mark_in_error)]))
        .service(resource("/v1/conferences", "GET, POST", [get().to(conferences::index), post().to(conferences::add)]))
        .service(resource("/v1/conferences/{id}", "GET, PUT", [get().to(conferences::read), put().to(conferences::correct)]))
        .service(resource("/v1/conferences/{id}/entered-in-error", "POST", [post().to(conferences::mark_in_error)]))
        .service(resource("/v1/registrations/{id}/visits", "GET, POST", [get().to(plans::list_visits), post().to(plans::add_visit)]))
        .service(resource("/v1/registrations/{id}/visits/{item}", "GET", [get().to(plans::read_visit)]))
        .service(resource("/v1/registrations/{id}/visits/{item}/entered-in-error", "POST", [post().to(plans::mark_visit_in_error)]))
        .service(resource(
            "/v1/registrations/{id}/core-group/meetings",
            "GET, POST",
            [get().to(plans::list_meetings), post().to(plans::add_meeting)],
        ))
        .service(resource("/v1/registrations/{id}/core-group/meetings/{item}", "GET", [get().to(plans::read_meeting)]))
        .service(resource(
            "/v1/registrations/{id}/core-group/meetings/{item}/entered-in-error",
            "POST",
            [post().to(plans::mark_meeting_in_error)],
        ))
        .service(resource(
            "/v1/registrations/{id}/milestones",
            "GET, POST",
            [get().to(plans::list_milestones), post().to(plans::add_milestone)],
        ))
        .service(resource("/v1/registrations/{id}/milestones/{item}", "GET", [get().to(plans::read_milestone)]))
        .service(resource("/v1/registrations/{id}/milestones/{item}/entered-in-error", "POST", [post().to(plans::mark_milestone_in_error)]))
        .service(resource("/v1/registrations/{id}/clocks", "GET", [get().to(clocks::read)]))
        .service(resource("/v1/registrations/{id}/clocks/{item}/departures", "POST", [post().to(clocks::depart)]))
        .service(resource("/v1/clocks", "GET", [get().to(clocks::index)]))
        .service(resource("/v1/notices", "GET", [get().to(notices::list_notices)]))
        .service(resource("/v1/notices/{id}", "GET", [get().to(notices::read_notice)]))
        .service(resource("/v1/notices/{id}/acknowledgement", "POST", [post().to(notices::acknowledge)]))
        .service(resource("/v1/events", "GET", [get().to(events::index)]))
        .service(resource("/v1/events/acknowledgement", "POST", [post().to(events::acknowledge)]))
        .service(resource("/v1/family-moves", "POST", [post().to(transfers::families::add)]))
        .service(resource(
            "/v1/registrations/{id}/responsibility",
            "GET, PUT",
            [get().to(responsibility::read), put().to(responsibility::change)],
        ))
        .service(resource("/v1/comparisons", "GET, POST", [get().to(comparisons::index), post().to(comparisons::add)]))
        .service(resource("/v1/messages", "GET", [get().to(messages::index)]))
        .service(resource("/v1/messages/{id}/replay", "POST", [post().to(messages::replay)]))
        .service(resource("/v1/webhooks", "GET, POST", [get().to(webhooks::index), post().to(webhooks::add)]))
        .service(resource("/v1/webhooks/{id}", "GET, PUT", [get().to(webhooks::read), put().to(webhooks::change)]))
        .service(resource("/v1/webhooks/{id}/secret", "GET", [get().to(webhooks::read_secret)]))
        .service(resource("/v1/webhooks/{id}/rotation", "POST", [post().to(webhooks::rotate)]))
        .service(resource("/v1/webhooks/{id}/test", "POST", [post().to(webhooks::test)]))
        .service(resource("/v1/webhooks/{id}/deliveries", "GET", [get().to(webhooks::deliveries)]))
        .service(resource("/v1/webhooks/{id}/replay", "POST", [post().to(webhooks::replay)]))
        .service(resource("/v1/tasks", "GET", [get().to(notices::list_tasks)]))
        .service(resource("/v1/tasks/{id}", "GET", [get().to(notices::read_task)]))
        .service(resource("/v1/tasks/{id}/closure", "POST", [post().to(notices::close_task)]))
        .service(resource("/v1/imports", "GET, POST", [get().to(imports::index), post().to(imports::add)]))
        .service(resource("/v1/imports/{id}", "GET", [get().to(imports::read)]))
        .service(resource("/v1/imports/{id}/rows", "GET", [get().to(imports::rows)]))
        .service(resource("/v1/directory", "GET, POST", [get().to(directory::read), post().to(directory::publish)]))
        .service(resource("/v1/audit", "GET", [get().to(audit::index)]))
        .service(resource("/v1/audit/checkpoint", "GET", [get().to(audit::checkpoint)]))
        .service(resource("/v1/audit/consistency", "GET", [get().to(audit::consistency)]))
        .service(resource("/v1/audit/proof/{id}", "GET", [get().to(audit::proof)]))
        .service(resource("/v1/revocations", "GET, POST", [get().to(revocations::index), post().to(revocations::add)]))
        .service(resource("/v1/statistics/{return}", "GET", [get().to(statistics::read)]))
        .service(resource("/v1/retention", "GET", [get().to(retention::read)]))
        .service(resource("/v1/legal-holds", "GET, POST", [get().to(retention::index), post().to(retention::add)]))
        .service(resource("/v1/legal-holds/{id}", "GET", [get().to(retention::read_hold)]))
        .service(resource("/v1/legal-holds/{id}/lifting", "POST", [post().to(retention::lift)]))
        .service(resource("/v1/clients", "GET, POST", [get().to(clients::index), post().to(clients::add)]))
        .service(resource("/v1/clients/{id}", "GET", [get().to(clients::read)]))
        .service(resource("/v1/clients/{id}/keys", "PUT", [put().to(clients::change_keys)]))
        .service(resource("/v1/clients/{id}/suspension", "POST", [post().to(clients::suspend)]))
        .service(resource("/v1/clients/{id}/resumption", "POST", [post().to(clients::resume)]))
        .service(resource("/v1/clients/{id}/revocation", "POST", [post().to(clients::revoke)]))
        .service(resource(oauth::PATH, "POST", [post().to(oauth::token)]))
        .service(public("/.well-known/smart-configuration", oauth::configuration))
        .service(public("/.well-known/oauth-authorization-server", oauth::configuration))
        .service(public("/FHIR/R4/metadata", fhir::capability::metadata))
        .service(public("/FHIR/R4/.well-known/smart-configuration", oauth::configuration))
        .service(resource("/FHIR/R4/Patient/$match", "POST", [post().to(fhir::patient_match)]))
        .service(resource("/FHIR/R4/Patient/{id}", "GET", [get().to(fhir::patient)]))
        .service(resource("/FHIR/R4/Flag", "GET", [get().to(fhir::list_flags)]))
        .service(resource("/FHIR/R4/Flag/_search", "POST", [post().to(fhir::search_flags)]))
        .service(resource("/FHIR/R4/Flag/{id}", "GET", [get().to(fhir::flag)]))
        .service(resource("/FHIR/R4/CarePlan/{id}", "GET", [get().to(fhir::care_plan)]))
        .service(resource("/FHIR/R4/CareTeam", "GET", [get().to(fhir::drop_in::care_teams)]))
        .service(resource("/FHIR/R4/CareTeam/{id}", "GET", [get().to(fhir::care_team)]))
        .service(resource("/FHIR/R4/Task", "GET", [get().to(fhir::tasks::search)]))
        .service(resource("/FHIR/R4/Task/{id}", "GET", [get().to(fhir::tasks::read)]))
        .service(resource("/FHIR/R4/Communication", "GET", [get().to(fhir::communications::search)]))
        .service(resource("/FHIR/R4/Communication/{id}", "GET", [get().to(fhir::communications::read)]))
        .service(resource(
            "/FHIR/R4/Subscription",
            "GET, POST",
            [get().to(fhir::subscriptions::search), post().to(fhir::subscriptions::create)],
        ))
        .service(resource(
            "/FHIR/R4/Subscription/{id}",
            "GET, PUT, DELETE",
            [get().to(fhir::subscriptions::read), put().to(fhir::subscriptions::update), delete().to(fhir::subscriptions::end)],
        ))
        .service(resource("/FHIR/R4/AuditEvent", "GET", [get().to(fhir::drop_in::audit_events)]))
        .service(public("/health/live", operational::live))
        .service(public("/health/ready", operational::ready))
        .service(public("/metrics", operational::metrics))
        .service(public("/openapi.json", operational::openapi_json))
        .service(public("/openapi.yaml", operational::openapi_yaml))
        .service(public("/.well-known/jwks.json", operational::jwks))
        .service(public("/.well-known/cofrestr", federation::statement))
        .service(public("/.well-known/cofrestr-directory", federation::directory))
        .service(public("/docs", operational::docs_root))
        .service(public("/docs/{tail:.*}", operational::docs));
    if with_sandbox {
        config.service(resource("/sandbox/clock", "POST", [post().to(sandbox::clock)])).service(resource(
            "/sandbox/reset",
            "POST",
            [post().to(sandbox::reset)],
        ));
        config.service(resource("/sandbox/faults", "POST", [post().to(sandbox::faults)]));
    }
    config.default_service(web::to(|request: HttpRequest| refuse(request, None)));
}
