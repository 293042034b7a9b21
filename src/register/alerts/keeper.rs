//! The keeper of alerts: puts hits to the state machine, tells of duties that are not done in time, and sends again what has no
//! answer. That time passes never closes or hides an alert.

use std::sync::Arc;

use super::{Held, keep_raised, matters, post};
use crate::authz::policy::action::KeepAlerts;
use crate::authz::program_permit;
use crate::domain::custody::alert::{AlertAction, AlertOutcome};
use crate::domain::custody::{DutyKind, Level, Timetable};
use crate::domain::ids::{AlertId, SightingId};
use crate::domain::notify::Notify;
use crate::domain::roles::Role;
use crate::register::{Region, RegisterError, notices, tasks, transfers};
use crate::store::alerts::{AlertRow, ReportRow};
use crate::store::custody::OutboxRow;
use crate::store::types::Instant;
use crate::store::{Store, Tx, clocks};

/// Alerts, and reports, in one unit of work.
const BATCH: i64 = 50;

/// Does everything that waits.
///
/// # Errors
/// When the database fails. What was done before stays done.
pub async fn keep(store: &Store, region: &Arc<Region>) -> Result<(), RegisterError> {
    while store.alerts_wait().await? {
        let keeper = Arc::clone(region);
        let permit = program_permit::<KeepAlerts>("alerts", region.code().as_str());
        let is_ours = store
            .run_alone::<_, _, _, RegisterError>(
                permit,
                |_| Ok(()),
                move |tx, ()| {
                    if !clocks::lease(tx.connection)? {
                        return Ok(false);
                    }
                    for row in ReportRow::to_take(tx.connection, BATCH)? {
                        take(tx, &keeper, &row)?;
                    }
                    let (raise_by, drive_by) = (tx.now(), tx.wall());
                    for row in AlertRow::due(tx.connection, raise_by, drive_by, BATCH)? {
                        tend(tx, &keeper, row)?;
                    }
                    Ok(true)
                },
            )
            .await?;
        if !is_ours {
            break;
        }
    }
    Ok(())
}

/// Puts a report to the state machine: at the owner a person is rung, elsewhere it goes to the owner.
fn take(tx: &mut Tx<'_>, region: &Region, row: &ReportRow) -> Result<(), RegisterError> {
    row.taken(tx.connection)?;
    let (Ok(alert), Ok(sighting)) = (AlertId::try_from(row.alert_id.0), SightingId::try_from(row.sighting_id.0)) else { return Ok(()) };
    let Some(mut held) = Held::find(tx.connection, alert)? else { return Ok(()) };
    let signature = transfers::acts::program(post::BY, tx.now());
    if let Ok(outcome) = held.alert.act(AlertAction::Report { sighting }, &signature) {
        super::keep(tx, region, held, &outcome, post::BY)?;
    }
    Ok(())
}

/// Raises what is late of one alert, and sends again what is due to those for whom nothing of it waits to be sent.
fn tend(tx: &mut Tx<'_>, region: &Region, row: AlertRow) -> Result<(), RegisterError> {
    let raised_before = row.raised_at.map(Instant::get);
    let drives = row.drive_at.is_some_and(|at| at.get() <= tx.wall());
    let custody = row.custody_id;
    let mut held = Held::read(row)?;
    let now = tx.now();
    let late: Vec<_> = held
        .duties()
        .into_iter()
        .filter(|(_, duty)| held.due_at(region, duty).is_some_and(|due| Timetable::raised_at(duty, due, raised_before) <= now))
        .collect();
    let mut outcome = AlertOutcome::default();
    // A recipient that everybody is late at is told of once.
    let mut told: Vec<Role> = Vec::new();
    for (recipient, duty) in &late {
        outcome.matters.extend(held.alert.escalate(recipient.as_ref(), duty.kind).matters);
        tx.audit().detail("duty", duty.kind);
        let level = duty.level.next();
        let Some(rule) = region.procedures.duty(duty.kind) else { continue };
        told.extend(rule.told_at(level));
        if duty.kind == DutyKind::AlertRenewal && level >= Level::Second {
            matters::raise(tx, &held, tasks::Kind::AlertRenewal, held.authority())?;
        }
    }
    told.sort_unstable();
    told.dedup();
    let to = if held.alert.is_mine() { held.authority().to_owned() } else { region.code().to_string() };
    matters::give(tx, &held, notices::Kind::AlertEscalated, Notify::Urgent, &to, &told)?;
    if drives {
        let awaited = OutboxRow::awaited_by(tx.connection, custody, region.code().as_str())?;
        outcome.send = held.alert.due_messages();
        outcome.send.retain(|(to, _)| awaited.iter().all(|(_, region)| region != to.as_str()));
    }
    let raised_at = (!late.is_empty()).then_some(now);
    keep_raised(tx, region, held, &outcome, post::BY, raised_at).map(|_| ())
}
