//! `/v1/missed-appointments`: a child did not come, or was not brought.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::checks::ChildQuestion;
use super::children::note_break_glass;
use super::fields::Fields;
use super::gate::Gate;
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::Problem;
use super::respond::{created, kept, list};
use crate::authz::policy::action;
use crate::domain::dates::parse_date;
use crate::domain::ids::ChildId;
use crate::domain::text::Line;
use crate::register::Region;
use crate::register::children::{self, today};
use crate::register::missed::{self, Missed, Report};
use crate::store::missed::MissedRow;
use crate::store::types::Id;

/// An appointment that a child missed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MissedAppointmentRequest {
    /// How it was missed.
    kind: Option<String>,
    /// Which service the child was to see.
    #[schema(example = "Paediatric outpatients, Royal Gwent Hospital")]
    service: Option<String>,
    /// The day of the appointment.
    missed_on: Option<String>,
    /// The child, as in a check.
    child: Option<ChildQuestion>,
}

/// That a report was received; the same for every child.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissedAppointmentReceipt {
    /// Identifier of the report.
    id: String,
    /// When it was received.
    received_at: DateTime<Utc>,
}

/// An appointment that a child missed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissedAppointmentView {
    /// Identifier of the report.
    id: String,
    /// How it was missed.
    kind: String,
    /// Which service the child was to see.
    #[schema(example = "Paediatric outpatients, Royal Gwent Hospital")]
    service: String,
    /// The day of the appointment.
    missed_on: NaiveDate,
    /// Who reported it.
    #[schema(example = "Aneurin Bevan University Health Board")]
    agency: String,
    /// When it was received.
    received_at: DateTime<Utc>,
}

/// A page of missed appointments.
#[derive(Debug, Serialize, ToSchema)]
pub struct MissedAppointmentList {
    /// The missed appointments, newest first.
    items: Vec<MissedAppointmentView>,
    /// Where the next page is.
    links: Links,
}

/// Which page of missed appointments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MissedAppointmentQuery {
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

impl MissedAppointmentRequest {
    fn read(self, region: &Region, now: DateTime<Utc>) -> Result<Report, Problem> {
        let mut fields = Fields::default();
        let kind: Option<Missed> = fields.required("/kind", self.kind.as_deref());
        let service: Option<Line> = fields.required("/service", self.service.as_deref());
        let missed_on = match self.missed_on.as_deref() {
            None => {
                fields.missing("/missedOn");
                None
            }
            Some(text) => fields.keep("/missedOn", parse_date(text)),
        };
        if missed_on.is_some_and(|day| day > today(now)) {
            fields.note("/missedOn", "in-the-future", "report an appointment when it has been missed, not before");
        }
        let child = match &self.child {
            None => {
                fields.missing("/child");
                None
            }
            Some(child) => Some(child.person("/child", region, now, &mut fields)),
        };
        let read = kind.zip(service).zip(missed_on).zip(child);
        fields.finish(read.map(|(((kind, service), missed_on), child)| Report { kind, service, missed_on, child }))
    }
}

impl MissedAppointmentView {
    fn new(row: MissedRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            kind: row.kind,
            service: row.service,
            missed_on: row.missed_on,
            agency: row.agency,
            received_at: row.received_at.get(),
        }
    }
}

/// Report that a child missed an appointment
///
/// The child is looked for on this region's register as in a check. If they are there, certainly or probably, the custodian and
/// the co-ordinator get a notice; the answer is the same whoever the child is, and says only that the report was received. To
/// learn whether a child is on a register, ask: that is a check.
#[utoipa::path(
    post, path = "/v1/missed-appointments", operation_id = "reportMissedAppointment", tag = "Missed appointments",
    params(super::openapi::IdempotencyKey), request_body = MissedAppointmentRequest,
    responses((status = 201, description = "The report was received", body = MissedAppointmentReceipt), super::openapi::CreateProblems),
)]
pub async fn report(gate: Gate<action::ReportMissedAppointment>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .run(
            permit,
            move |snapshot| {
                Once::read(snapshot, incoming.creation::<MissedAppointmentRequest>()?, |snapshot, body| {
                    let report = body.read(&region, snapshot.now())?;
                    Ok(missed::look(snapshot, &region, report, &principal)?)
                })
            },
            move |tx, once| {
                once.make(tx, |tx, found| {
                    let id = Uuid::now_v7();
                    missed::keep(tx, Id(id), found)?;
                    created::<MissedAppointmentReceipt>(None, None, &MissedAppointmentReceipt { id: id.to_string(), received_at: tx.now() })
                })
            },
        )
        .await
        .map(kept)
}

/// List the appointments that a child missed
///
/// As partners reported them.
#[utoipa::path(
    get, path = "/v1/children/{id}/missed-appointments", operation_id = "listMissedAppointments", tag = "Missed appointments",
    params(("id" = String, Path, description = "Identifier of the child"), MissedAppointmentQuery),
    responses((status = 200, description = "A page of missed appointments, newest first", body = MissedAppointmentList),
        super::openapi::BelowProblems),
)]
pub async fn of_child(gate: Gate<action::ListMissedAppointments>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let reach = permit.reach();
    app.store
        .read(permit, move |snapshot| {
            let id: ChildId = incoming.id()?;
            let (row, sight) = children::look(snapshot.connection, id, &principal, reach, snapshot.now())?;
            incoming.reading()?;
            let query: MissedAppointmentQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
            snapshot.audit().child(id);
            note_break_glass(snapshot, &sight);
            let found = MissedRow::list(snapshot.connection, row.id, page.before::<Uuid>().map(Id), page.fetch())?;
            let (found, links) = page.cut(snapshot, found, &format!("/v1/children/{id}/missed-appointments"), |row| row.id.0);
            list(&MissedAppointmentList { items: found.into_iter().map(MissedAppointmentView::new).collect(), links })
        })
        .await
        .map(kept)
}
