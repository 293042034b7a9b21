//! What people and programs hear of an alert: notices, tasks, events. An exercise is called one, and nobody is rung for it.

use super::Held;
use crate::domain::custody::DutyKind;
use crate::domain::custody::alert::{AlertMatter, AlertStatus};
use crate::domain::notify::Notify;
use crate::domain::roles::Role;
use crate::register::{Region, RegisterError, events, notices, tasks};
use crate::store::notices::NoticeRow;
use crate::store::tasks::{self as task_rows, TaskRow};
use crate::store::{Tx, alerts as rows};

use Role::{Custodian, EmergencyDuty, SeniorSafeguardingManager, TeamManager};

/// Gives a notice about an alert to people of an authority, or of the whole region.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn give(
    tx: &mut Tx<'_>,
    held: &Held,
    kind: notices::Kind,
    urgency: Notify,
    authority: &str,
    roles: &[Role],
) -> Result<(), RegisterError> {
    let (kind, urgency) = if held.is_exercise() { (notices::Kind::AlertExercise, Notify::Normal) } else { (kind, urgency) };
    for role in roles {
        let row = NoticeRow {
            child_id: held.child.filter(|_| held.alert.is_mine()),
            registration_id: held.registration,
            alert_id: Some(held.alert.id.into()),
            ..notices::row(tx.now(), kind, urgency, (role.as_str(), None), authority)
        };
        events::give_notice(tx, row)?;
    }
    Ok(())
}

/// Raises a task about an alert unless one of its kind is open.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn raise(tx: &mut Tx<'_>, held: &Held, kind: tasks::Kind, authority: &str) -> Result<(), RegisterError> {
    let open = rows::open_tasks(tx.connection, held.alert.id.into())?;
    if held.is_exercise() || open.iter().any(|(_, _, open)| open == kind.as_str()) {
        return Ok(());
    }
    let child_id = held.child.filter(|_| held.alert.is_mine());
    let row = TaskRow { child_id, alert_id: Some(held.alert.id.into()), ..tasks::row(tx.now(), kind, authority, None, None, None) };
    // At once: it may be settled in the same commit.
    Ok(TaskRow::insert_all(tx.connection, std::slice::from_ref(&row))?)
}

/// Tells of what has come of a step.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn tell(
    tx: &mut Tx<'_>,
    region: &Region,
    held: &Held,
    matters: &[AlertMatter],
    status_before: Option<&str>,
) -> Result<(), RegisterError> {
    use notices::Kind;
    let (own, everywhere) = (held.authority().to_owned(), region.code().to_string());
    let is_new = status_before.is_none_or(|status| status == "unknown");
    for matter in matters {
        match matter {
            // A renewal is to be opened too, but nobody is fetched for it.
            AlertMatter::Received => {
                let urgency = if is_new { Notify::Urgent } else { Notify::Normal };
                give(tx, held, Kind::AlertReceived, urgency, &everywhere, &[Custodian, EmergencyDuty])?;
            }
            AlertMatter::StoodDown => give(tx, held, Kind::AlertStoodDown, Notify::Normal, &everywhere, &[Custodian, EmergencyDuty])?,
            AlertMatter::Report => {
                give(tx, held, Kind::AlertHit, Notify::Urgent, &own, &[EmergencyDuty, Custodian])?;
                raise(tx, held, tasks::Kind::AlertHit, &own)?;
                events::of_alert(tx, "alert.hit", &own, held.alert.id.into(), held.child)?;
            }
            AlertMatter::TakenOver => give(tx, held, Kind::AlertTakenOver, Notify::Urgent, &own, &[Custodian, EmergencyDuty])?,
            AlertMatter::PassedOn => give(tx, held, Kind::AlertPassedOn, Notify::Normal, &everywhere, &[Custodian])?,
            // Told by the keeper, to those whom the procedures name.
            AlertMatter::Escalated => {}
        }
    }
    let status = held.status().map(AlertStatus::as_str);
    if status != status_before
        && let Some(status) = held.status()
    {
        changed(tx, held, status, &own, &everywhere)?;
    }
    Ok(())
}

/// Tells that an alert stands otherwise than before.
fn changed(tx: &mut Tx<'_>, held: &Held, status: AlertStatus, own: &str, everywhere: &str) -> Result<(), RegisterError> {
    use notices::Kind;
    let (mine, was_circulated) = (held.alert.is_mine(), !held.kept.particulars.audience.is_empty() || !held.alert.recipients.is_empty());
    let (kind, audience) = match status {
        AlertStatus::Raised => {
            give(tx, held, Kind::AlertRaised, Notify::Urgent, own, &[Custodian, TeamManager, SeniorSafeguardingManager])?;
            raise(tx, held, tasks::Kind::AlertDecision, own)?;
            ("alert.raised", own)
        }
        AlertStatus::NotCirculated => {
            give(tx, held, Kind::AlertDecided, Notify::Normal, own, &[TeamManager, SeniorSafeguardingManager])?;
            ("alert.not-circulated", own)
        }
        AlertStatus::Active if mine => {
            give(tx, held, Kind::AlertDecided, Notify::Normal, own, &[TeamManager, SeniorSafeguardingManager])?;
            // The other authorities of the region look out for the child like everybody else.
            give(tx, held, Kind::AlertReceived, Notify::Urgent, everywhere, &[Custodian, EmergencyDuty])?;
            ("alert.circulated", everywhere)
        }
        AlertStatus::Active => ("alert.received", everywhere),
        AlertStatus::Closed if mine => {
            let to = if was_circulated { everywhere } else { own };
            give(tx, held, Kind::AlertStoodDown, Notify::Normal, to, &[Custodian, EmergencyDuty])?;
            ("alert.stood-down", to)
        }
        AlertStatus::Closed => ("alert.stood-down", everywhere),
    };
    events::of_alert(tx, kind, audience, held.alert.id.into(), held.child.filter(|_| mine))
}

/// Closes the tasks of what has been done.
///
/// # Errors
/// When the database fails.
pub(super) fn settle(tx: &mut Tx<'_>, held: &Held, by: &str) -> Result<(), RegisterError> {
    let runs = |kind: DutyKind| held.alert.duties.iter().any(|duty| duty.kind == kind);
    let now = tx.now();
    for (task, version, kind) in rows::open_tasks(tx.connection, held.alert.id.into())? {
        let (done, reason) = match kind.parse() {
            Ok(tasks::Kind::AlertDecision) => (!runs(DutyKind::AlertDecision), "decided"),
            Ok(tasks::Kind::AlertHit) => (!runs(DutyKind::SightingRead), "read"),
            Ok(tasks::Kind::AlertRenewal) => {
                let overdue = held.alert.is_stale(now)
                    || held
                        .alert
                        .bulletin
                        .as_ref()
                        .is_some_and(|bulletin| bulletin.status == AlertStatus::NotCirculated && bulletin.reconfirm_by < now);
                (!overdue, "renewed")
            }
            _ => (false, ""),
        };
        if done {
            task_rows::close(tx.connection, task, version, by, reason, now.into())?;
        }
    }
    Ok(())
}
