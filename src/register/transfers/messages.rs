//! Messages that could not be delivered yet, and those that were refused for good: who keeps the machine sees them, and sends one
//! again when what was wrong is mended.
//!
//! They name nobody: which authority has to say something to which, what kind of thing it is, and why it is not there.

use uuid::Uuid;

use crate::authz::policy::action::TendMessages;
use crate::authz::{Principal, program_permit};
use crate::domain::ids::MessageId;
use crate::register::{Region, RegisterError, tasks, work_lists};
use crate::store::alerts::AlertRow;
use crate::store::connection::AnyConnection;
use crate::store::custody::{CustodyRow, OutboxRow};
use crate::store::tasks::{self as task_rows, TaskRow};
use crate::store::types::{Id, Instant};
use crate::store::{Store, Tx};

/// The most messages that the command line shows of each state.
const LISTED: i64 = 1_000;

crate::domain::coded::closed_set! {
    /// Where a message stands that has not been delivered.
    pub enum Undelivered {
        /// It is sent again and again until the other side has stored it.
        Waiting = "waiting",
        /// The other side refused it for good: a person looks at it.
        Parked = "parked",
    }
}

/// The messages of one state, newest first.
///
/// # Errors
/// When the database fails.
pub async fn outbox(store: &Store, region: &Region, person: &str, state: Undelivered) -> Result<Vec<OutboxRow>, RegisterError> {
    let permit = program_permit::<TendMessages>(person, region.code().as_str());
    store
        .read(permit, move |snapshot| {
            snapshot.audit().detail("state", state);
            Ok(OutboxRow::list(snapshot.connection, &[state.as_str()], None, None, LISTED)?)
        })
        .await
}

/// Sends a message again, at once; false when none with this identifier waits or is parked.
///
/// # Errors
/// When the database fails.
pub async fn replay(store: &Store, region: &Region, person: &str, id: Uuid) -> Result<bool, RegisterError> {
    let permit = program_permit::<TendMessages>(person, region.code().as_str());
    store
        .run_alone(
            permit,
            |_| Ok(()),
            move |tx, ()| {
                tx.audit().detail("message", id);
                let at = tx.wall().into();
                Ok(OutboxRow::replay(tx.connection, Id(id), at)?)
            },
        )
        .await
}

/// A page of the messages of a person's authorities that have not been delivered, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    (principal, region): (&Principal, &Region),
    state: Option<Undelivered>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<OutboxRow>, RegisterError> {
    let from = work_lists(principal, region);
    let states: Vec<&str> =
        Undelivered::ALL.into_iter().filter(|all| state.is_none_or(|one| one == *all)).map(Undelivered::as_str).collect();
    Ok(OutboxRow::list(connection, &states, Some(&from), before.map(Id), limit)?)
}

/// A message of a person's authorities, delivered or not.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, id: MessageId, principal: &Principal, region: &Region) -> Result<OutboxRow, RegisterError> {
    let from = work_lists(principal, region);
    OutboxRow::find(connection, id.into())?.filter(|row| from.contains(&row.from_authority)).ok_or(RegisterError::NotFound)
}

/// Sends a message again, at once.
///
/// # Errors
/// [`RegisterError::Conflict`] when it has been delivered; or the database fails.
pub fn send_again(tx: &mut Tx<'_>, row: &OutboxRow) -> Result<OutboxRow, RegisterError> {
    tx.audit().detail("message", row.id.0);
    let at = tx.wall().into();
    if !OutboxRow::replay(tx.connection, row.id, at)? {
        return Err(RegisterError::Conflict);
    }
    OutboxRow::find(tx.connection, row.id)?.ok_or(RegisterError::NotFound)
}

/// The other side has refused a message for good: it is parked, and the custodian is told that something the authority has said of a
/// child has not been taken.
///
/// # Errors
/// When the database fails.
pub async fn park(store: &Store, region: &Region, row: OutboxRow, refused: i64, problem: &'static str) -> Result<(), RegisterError> {
    let permit = program_permit::<TendMessages>("custody", region.code().as_str());
    store
        .run_alone(
            permit,
            |_| Ok(()),
            move |tx, ()| {
                tx.audit().detail("message", row.id.0);
                tx.audit().detail("problem", problem);
                let at = Instant::new(tx.wall());
                // That a person has read of a check is told to whoever asked: nobody's case rests on it.
                if OutboxRow::park(tx.connection, row.id, at, refused, problem)? && !row.is_of_a_check() {
                    raise_once(tx, &row)?;
                }
                Ok(())
            },
        )
        .await
}

fn raise_once(tx: &mut Tx<'_>, row: &OutboxRow) -> Result<(), RegisterError> {
    let child = if row.is_of_an_alert() {
        AlertRow::of_custody(tx.connection, row.custody_id)?.into_iter().find_map(|alert| alert.child_id)
    } else {
        CustodyRow::find(tx.connection, row.custody_id, &row.from_authority)?.and_then(|held| held.child_id)
    };
    let kind = tasks::Kind::MessageParked;
    let is_open = |task: &TaskRow| task.kind == kind.as_str() && task.authority == row.from_authority;
    if let Some(child) = child
        && task_rows::open_about(tx.connection, child)?.iter().any(is_open)
    {
        return Ok(());
    }
    let task = TaskRow { child_id: child, ..tasks::row(tx.now(), kind, &row.from_authority, None, None, None) };
    Ok(TaskRow::insert_all(tx.connection, std::slice::from_ref(&task))?)
}
