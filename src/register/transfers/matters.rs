//! What people hear of a move: notices and tasks.

use crate::domain::custody::{Custody, DutyKind, Level, Matter, ReceiverState};
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
        Matter::Contested => (N::TransferDisputed, Notify::Urgent, &[Custodian, SeniorSafeguardingManager], None),
        Matter::Papers => (N::TransferPapers, Notify::Normal, &[Custodian, TeamManager], None),
        Matter::WhoIsResponsible => {
            (N::TransferWhoIsResponsible, Notify::Urgent, &[Custodian, SeniorSafeguardingManager], Some(T::TransferWhoIsResponsible))
        }
        Matter::NotRegisteredThere => (N::TransferNotRegistered, Notify::Urgent, &[Custodian], Some(T::TransferNotRegistered)),
        Matter::StayAgreed => (N::StayAgreed, Notify::Normal, &[Custodian, TeamManager], None),
        Matter::StayHere => (N::StayHere, Notify::Normal, &[Custodian, TeamManager], None),
        Matter::StayContact => (N::StayContact, Notify::Normal, &[Custodian, TeamManager], None),
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

/// What is to be done when a duty is due, where that is more than hearing of it.
pub(super) const fn task_of(duty: DutyKind) -> Option<tasks::Kind> {
    match duty {
        DutyKind::StayReview => Some(tasks::Kind::StayReview),
        DutyKind::StayEnd => Some(tasks::Kind::StayEnd),
        _ => None,
    }
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
    // A stay whose weeks or days are counted anew, or that has ended: somebody has decided.
    let is_due = |custody: &Custody, kind: DutyKind| {
        let mut all = custody.stays.iter().flat_map(|stay| &stay.duties).chain(custody.hosted.iter().flat_map(|hosted| &hosted.duties));
        all.any(|duty| duty.kind == kind && duty.level >= Level::Second)
    };
    for kind in [DutyKind::StayReview, DutyKind::StayEnd] {
        if let (Some(task), true) = (task_of(kind), before.is_some_and(|before| is_due(before, kind)) && !is_due(after, kind)) {
            tasks::settle_about(tx, child, after.me.as_str(), task, by, "decided")?;
        }
    }
    if before.is_some_and(|before| before.dispute.is_some()) && after.dispute.is_none() {
        tasks::settle_about(tx, child, after.me.as_str(), tasks::Kind::CustodyDispute, by, "settled")?;
    }
    Ok(())
}
