//! What people hear of a move: notices and tasks.

use crate::domain::custody::{Custody, Matter, ReceiverState};
use crate::domain::ids::TransferId;
use crate::domain::notify::Notify;
use crate::domain::roles::Role;
use crate::register::{RegisterError, notices, tasks};
use crate::store::Tx;
use crate::store::tasks::TaskRow;
use crate::store::types::Id;

/// What is told of a matter: how, how urgently, to whom, and what is to be done about it.
struct Told {
    notice: notices::Kind,
    urgency: Notify,
    roles: &'static [Role],
    task: Option<tasks::Kind>,
}

const fn told(matter: Matter) -> Told {
    use Role::{Custodian, EmergencyDuty, SeniorSafeguardingManager, TeamManager};
    use notices::Kind as N;
    use tasks::Kind as T;
    let (notice, urgency, roles, task): (_, _, &'static [Role], _) = match matter {
        // The duty desk and the designated manager hear of it on the same day (scenario S21).
        Matter::Incoming => (N::TransferIncoming, Notify::Urgent, &[Custodian, TeamManager, EmergencyDuty], Some(T::TransferIncoming)),
        Matter::Papers => (N::TransferPapers, Notify::Normal, &[Custodian, TeamManager], None),
        Matter::WhoIsResponsible => {
            (N::TransferWhoIsResponsible, Notify::Urgent, &[Custodian, SeniorSafeguardingManager], Some(T::TransferWhoIsResponsible))
        }
        Matter::NotRegisteredThere => (N::TransferNotRegistered, Notify::Urgent, &[Custodian], Some(T::TransferNotRegistered)),
        Matter::StayAgreed | Matter::StayHere => (N::StayAgreed, Notify::Normal, &[Custodian, TeamManager], None),
        Matter::Dispute => (N::CustodyDispute, Notify::Urgent, &[Custodian, SeniorSafeguardingManager], Some(T::CustodyDispute)),
        Matter::Incident | Matter::LeadRegained => (N::CustodyIncident, Notify::Urgent, &[Custodian], Some(T::CustodyIncident)),
        Matter::LeadTaken => (N::CustodyTaken, Notify::Normal, &[Custodian], None),
        Matter::LeadPassed => (N::CustodyPassed, Notify::Normal, &[Custodian], None),
        Matter::Deferred => (N::TransferDeferred, Notify::Normal, &[Custodian], None),
        // Told by the keeper, to those whom the procedures name.
        Matter::Escalated => (N::TransferEscalated, Notify::Urgent, &[], None),
    };
    Told { notice, urgency, roles, task }
}

/// Tells people what has come of a step.
///
/// # Errors
/// When the database refuses or fails.
pub(super) fn tell(
    tx: &mut Tx<'_>,
    custody: &Custody,
    child: Option<Id>,
    matters: &[(Matter, Option<TransferId>)],
) -> Result<(), RegisterError> {
    let authority = custody.me.as_str();
    for (matter, _) in matters {
        let told = told(*matter);
        for role in told.roles {
            let mut notice = notices::about(tx.now(), told.notice, told.urgency, (*role, None), authority, Id(uuid::Uuid::nil()), None);
            notice.child_id = child;
            notice.insert(tx)?;
        }
        if let Some(task) = told.task {
            let task = TaskRow { child_id: child, ..tasks::row(tx.now(), task, authority, None, None, None) };
            // At once: it may be settled in the same commit.
            TaskRow::insert_all(tx.connection, std::slice::from_ref(&task))?;
        }
    }
    Ok(())
}

/// Closes the tasks of what has been done.
///
/// # Errors
/// When the database fails.
pub(super) fn settle(tx: &mut Tx<'_>, before: Option<&Custody>, after: &Custody, child: Option<Id>, by: &str) -> Result<(), RegisterError> {
    let Some(child) = child else { return Ok(()) };
    let waits = |custody: &Custody| {
        custody.incoming.iter().any(|incoming| {
            let unseen = incoming.progress.seen.is_none();
            unseen && matches!(incoming.state, ReceiverState::Expected | ReceiverState::Received)
        })
    };
    if before.is_some_and(waits) && !waits(after) {
        tasks::settle_about(tx, child, after.me.as_str(), tasks::Kind::TransferIncoming, by, "acknowledged")?;
    }
    if before.is_some_and(|before| before.dispute.is_some()) && after.dispute.is_none() {
        tasks::settle_about(tx, child, after.me.as_str(), tasks::Kind::CustodyDispute, by, "settled")?;
    }
    Ok(())
}
