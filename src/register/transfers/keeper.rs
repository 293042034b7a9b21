//! The keeper of custody: tells of duties that are not done in time, and sends again what has no answer.
//!
//! A duty that is late changes nobody's custody: its level goes up and people are told, on both sides, each by its own procedures.

use std::sync::Arc;

use super::{Held, counted, due_at, duties, keep_raised, send};
use crate::authz::policy::action::KeepCustody;
use crate::authz::program_permit;
use crate::domain::custody::{Level, Outcome, Timetable};
use crate::domain::notify::Notify;
use crate::register::{Region, RegisterError, notices, tasks};
use crate::store::custody::{CustodyRow, OutboxRow};
use crate::store::tasks::TaskRow;
use crate::store::types::Id;
use crate::store::{Store, Tx, clocks};

/// Custodies in one unit of work.
const BATCH: i64 = 50;
/// By whom the keeper acts.
const BY: &str = "program#custody";

/// Does everything that waits.
///
/// # Errors
/// When the database fails. What was done before stays done.
pub async fn keep(store: &Store, region: &Arc<Region>) -> Result<(), RegisterError> {
    while store.custody_waits().await? {
        let keeper = Arc::clone(region);
        let permit = program_permit::<KeepCustody>("custody", region.code().as_str());
        let is_ours = store
            .run_alone::<_, _, _, RegisterError>(
                permit,
                |_| Ok(()),
                move |tx, ()| {
                    if !clocks::lease(tx.connection)? {
                        return Ok(false);
                    }
                    let (raise_by, drive_by) = (tx.now(), tx.wall());
                    for row in CustodyRow::due(tx.connection, raise_by, drive_by, BATCH)? {
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

/// Raises what is late of one custody, and sends again what is due to those for whom nothing of it waits to be sent.
fn tend(tx: &mut Tx<'_>, region: &Region, row: CustodyRow) -> Result<(), RegisterError> {
    let raised_before = row.raised_at.map(crate::store::types::Instant::get);
    let mut held = Held::read(row)?;
    let now = tx.now();
    let late: Vec<_> = duties(&held.custody)
        .into_iter()
        .filter(|(of, duty)| {
            let duty_counted = counted(&held.custody, *of, duty);
            due_at(region, &held.custody, *of, duty).is_some_and(|due| Timetable::raised_at(&duty_counted, due, raised_before) <= now)
        })
        .collect();
    let mut outcome = Outcome::default();
    for (of, duty) in &late {
        outcome.matters.extend(held.custody.escalate(*of, duty.kind).matters);
        let Some(rule) = region.procedures.duty(duty.kind) else { continue };
        for role in rule.told_at(duty.level.next()) {
            let kind = notices::Kind::TransferEscalated;
            let to = (role, None);
            let mut notice = notices::about(now, kind, Notify::Urgent, to, held.custody.me.as_str(), Id(uuid::Uuid::nil()), None);
            notice.child_id = held.child;
            notice.insert(tx)?;
        }
        tx.audit().detail("duty", duty.kind);
        // It is due: somebody has to decide, here and on the other side.
        if let (Some(task), Level::Second) = (super::matters::task_of(duty.kind), duty.level.next()) {
            let task = TaskRow { child_id: held.child, ..tasks::row(now, task, held.custody.me.as_str(), None, None, None) };
            TaskRow::insert_all(tx.connection, std::slice::from_ref(&task))?;
        }
    }
    if held.row.as_ref().is_some_and(|row| row.drive_at.is_some_and(|at| at.get() <= tx.wall())) {
        let awaited = OutboxRow::awaited_by(tx.connection, held.custody.id.into(), held.custody.me.as_str())?;
        let mut due = held.custody.due_messages();
        due.retain(|envelope| awaited.iter().all(|(authority, _)| authority != envelope.to.as_str()));
        send(tx, region, &held.custody, held.child, &due)?;
    }
    let raised_at = (!late.is_empty()).then_some(now);
    keep_raised(tx, region, held, &outcome, BY, raised_at)
}
