//! Moves of children between authorities: the state machines of [`crate::domain::custody`], run on the register.
//!
//! ```text
//! a person acts ─┐                                                       ┌─▶ custody row, version + 1
//! a message came ┼─▶ Custody::act / receive / escalate ─▶ Outcome ─▶ keep ┼─▶ messages in the outbox
//! a duty is late ─┘        (pure, model-checked)                          ├─▶ entries: temporary, full, ended
//!                                                                        └─▶ notices, tasks, the moves' versions
//! ```
//!
//! Every step is one transaction. Nothing here decides who leads: what an entry on the register shows follows from the custody,
//! never the other way round.
//!
//! # Source
//! WSP-4.9, WSP-4.10, MK-MOVE; invariants I1, I2, I6, I23, I27, I28 of the procedures.

pub(in crate::register) mod acts;
pub(in crate::register) mod again;
pub mod delivery;
mod entries;
pub mod keeper;
mod learned;
mod matters;
pub mod messages;
mod packet;
pub mod responsibility;
mod stays;
pub mod suspected;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::acts::{Act, Actor, NewStay, NewTransfer, act, begin};
pub use self::stays::{Sides, TEMPORARY, sides};

use super::{Region, RegisterError, alerts, registrations};
use crate::authz::policy::Operation;
use crate::authz::{Principal, Reach};
use crate::domain::calendar::Calendar;
use crate::domain::category::Category;
use crate::domain::custody::alert::{Lead, Leads};
use crate::domain::custody::{
    ActionKind, Custody, Duty, DutyKind, DutyOf, Envelope, Epoch, Outcome, Possible, Refused, Standing, StayTerms, Timetable, Why,
};
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::{CustodyId, MessageId, TransferId};
use crate::domain::procedures::{EventKind, Side};
use crate::domain::registration::RemovalGround;
use crate::domain::roles::Role;
use crate::store::connection::AnyConnection;
use crate::store::custody::{CustodyRow, MOVE, OutboxRow, STAY, TransferRow};
use crate::store::registrations as registration_rows;
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// After how long without an answer what is due is sent again: the other side may have put it off, or have been put back from a
/// backup.
const DRIVE_AGAIN: TimeDelta = TimeDelta::minutes(5);

crate::domain::coded::closed_set! {
    /// A step of a move, as the path of its request names it.
    pub enum Step {
        /// Origin: offers custody.
        Notify = "notify",
        /// Origin: sends papers.
        Papers = "papers",
        /// Origin: asks for the cancellation.
        Withdraw = "withdraw",
        /// Receiver: a named person has opened it.
        Acknowledge = "acknowledge",
        /// Receiver: agrees that the move is permanent, or that it is not.
        Agree = "agree",
        /// Receiver: returns it for papers.
        Return = "return",
        /// Receiver: books the transfer-in conference.
        BookConference = "book-conference",
        /// Receiver: records which conference it was.
        HoldConference = "hold-conference",
        /// Receiver: accepts custody in writing.
        Accept = "accept",
        /// Receiver: refuses.
        Refuse = "refuse",
        /// Either side: puts it before the senior managers of both.
        Dispute = "dispute",
        /// Of two that say that they lead, the one that has to: gives way.
        GiveWay = "give-way",
        /// Home: a stay lasts longer or shorter, or is supervised otherwise.
        Extend = "extend",
        /// Home: a stay goes on beyond its weeks without a conference, for reasons.
        Keep = "keep",
        /// Home: a stay has ended.
        End = "end",
        /// Home: a stay becomes a move.
        Convert = "convert",
        /// Host: what was seen of the child.
        Contact = "contact",
    }
}

impl Step {
    /// The step that a person's act is; `None` for the announcement, with which a move begins.
    pub const fn of(kind: ActionKind) -> Option<Self> {
        match kind {
            ActionKind::Announce => None,
            ActionKind::Offer => Some(Self::Notify),
            ActionKind::SendPapers => Some(Self::Papers),
            ActionKind::Withdraw => Some(Self::Withdraw),
            ActionKind::Acknowledge => Some(Self::Acknowledge),
            ActionKind::Agree => Some(Self::Agree),
            ActionKind::Return => Some(Self::Return),
            ActionKind::Book => Some(Self::BookConference),
            ActionKind::Hold => Some(Self::HoldConference),
            ActionKind::Accept => Some(Self::Accept),
            ActionKind::Refuse => Some(Self::Refuse),
        }
    }

    const fn kind(self) -> Option<ActionKind> {
        match self {
            Self::Notify => Some(ActionKind::Offer),
            Self::Papers => Some(ActionKind::SendPapers),
            Self::Withdraw => Some(ActionKind::Withdraw),
            Self::Acknowledge => Some(ActionKind::Acknowledge),
            Self::Agree => Some(ActionKind::Agree),
            Self::Return => Some(ActionKind::Return),
            Self::BookConference => Some(ActionKind::Book),
            Self::HoldConference => Some(ActionKind::Hold),
            Self::Accept => Some(ActionKind::Accept),
            Self::Refuse => Some(ActionKind::Refuse),
            Self::Dispute | Self::GiveWay | Self::Extend | Self::Keep | Self::End | Self::Convert | Self::Contact => None,
        }
    }

    /// Whether it is one of a stay only.
    pub const fn is_of_a_stay(self) -> bool {
        matches!(self, Self::Extend | Self::Keep | Self::End | Self::Convert | Self::Contact)
    }

    /// Who may take it: of those whom the state machine names, those whom the policy lets in.
    pub fn roles(self) -> Vec<Role> {
        let named = self.kind().map_or(
            match self {
                // Who visits the child there, at any hour.
                Self::Contact => &[Role::Custodian, Role::TeamManager, Role::Coordinator, Role::EmergencyDuty][..],
                Self::GiveWay => &[Role::Custodian, Role::SeniorSafeguardingManager],
                Self::Extend | Self::End => &[Role::Custodian, Role::TeamManager, Role::Coordinator],
                _ => &[Role::Custodian, Role::TeamManager, Role::SeniorSafeguardingManager],
            },
            ActionKind::roles,
        );
        let allowed = Operation::ActOnTransfer.allowed();
        named.iter().copied().filter(|role| allowed.iter().any(|(let_in, _)| let_in == role)).collect()
    }
}

/// A step that may be taken now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which.
    pub action: Step,
    /// At which authority.
    pub authority: String,
    /// By whom.
    pub roles: Vec<Role>,
}

/// A refusal that says what may be done instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfTurn {
    /// Why.
    pub why: Why,
    /// What may be done now.
    pub possible: Vec<Turn>,
}

/// The turns that the state machine names, at the two authorities of a move.
fn turns(possible: &[Possible], transfer: &TransferRow) -> Vec<Turn> {
    possible
        .iter()
        .filter_map(|possible| {
            let action = Step::of(possible.action)?;
            let authority = match possible.side {
                Side::Holder => &transfer.from_authority,
                Side::Receiver => &transfer.to_authority,
            };
            Some(Turn { action, authority: authority.clone(), roles: action.roles() })
        })
        .collect()
}

fn out_of_turn(refused: &Refused, transfer: Option<&TransferRow>) -> RegisterError {
    let possible = transfer.map(|transfer| turns(&refused.possible, transfer)).unwrap_or_default();
    RegisterError::OutOfTurn(Box::new(OutOfTurn { why: refused.why, possible }))
}

/// The standing of an authority that leads, as its row has it.
const LEAD: &str = "lead";

/// What an authority holds of a custody, with its row.
#[derive(Debug, Clone)]
pub struct Held {
    /// As it stands in the database; `None` while it is new.
    pub row: Option<CustodyRow>,
    /// What it says.
    pub custody: Custody,
    /// The child, when known.
    pub child: Option<Id>,
    /// The categories under which the child is registered at home, when another region has told them.
    categories: Vec<Category>,
}

impl Held {
    fn read(row: CustodyRow) -> Result<Self, RegisterError> {
        let custody = serde_json::from_str(&row.state).map_err(|_| StoreError::Corrupt("custody"))?;
        Ok(Self { child: row.child_id, row: Some(row), custody, categories: Vec::new() })
    }

    fn find(connection: &mut AnyConnection, id: Id, authority: &str) -> Result<Option<Self>, RegisterError> {
        CustodyRow::find(connection, id, authority)?.map(Self::read).transpose()
    }

    /// The custody that an authority leads of any of these records of a child.
    fn led(connection: &mut AnyConnection, records: &[Id], authority: &str) -> Result<Option<Self>, RegisterError> {
        let rows = CustodyRow::of_children(connection, records)?;
        rows.into_iter().rfind(|row| row.authority == authority && row.standing == LEAD).map(Self::read).transpose()
    }
}

/// A move with what the authorities of this region hold of it.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// The move.
    pub row: TransferRow,
    /// What its origin holds, if it is of this region.
    pub origin: Option<Held>,
    /// What its receiver holds, if it is of this region.
    pub receiver: Option<Held>,
}

/// A move that the caller may see: a person of either authority, or whoever co-ordinates the child's case.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, id: TransferId, principal: &Principal, reach: Reach) -> Result<TransferRow, RegisterError> {
    let row = TransferRow::find(connection, id.into())?;
    // The same statements run whether there is no move or one that the caller may not know of.
    let child = row.as_ref().map_or_else(|| id.into(), |row| row.child_id);
    let coordinates = registration_rows::coordinates(connection, &principal.key(), child)?;
    row.filter(|row| match reach {
        Reach::Scope => principal.scope.covers(&row.from_authority) || principal.scope.covers(&row.to_authority),
        Reach::Own => coordinates,
    })
    .ok_or(RegisterError::NotFound)
}

/// Puts a move together with what is held of it.
///
/// # Errors
/// When the database fails.
pub fn assemble(connection: &mut AnyConnection, row: TransferRow) -> Result<Transfer, RegisterError> {
    let held = CustodyRow::of_custody(connection, row.custody_id)?.into_iter().map(Held::read).collect::<Result<Vec<_>, _>>()?;
    let of = |authority: &str| held.iter().find(|held| held.custody.me.as_str() == authority).cloned();
    Ok(Transfer { origin: of(&row.from_authority), receiver: of(&row.to_authority), row })
}

impl Transfer {
    fn id(&self) -> Option<TransferId> {
        TransferId::try_from(self.row.id.0).ok()
    }

    /// What may be done now, at either side; as the side that knows best sees it.
    pub fn possible(&self) -> Vec<Turn> {
        let Some(id) = self.id() else { return Vec::new() };
        if self.row.kind == STAY {
            return stays::possible(self);
        }
        let of = |held: &Option<Held>| held.as_ref().map(|held| held.custody.possible(id)).unwrap_or_default();
        let (origin, receiver) = (of(&self.origin), of(&self.receiver));
        // Of its own side each knows best.
        let own = |possible: &[Possible], side: Side| -> Vec<Possible> {
            possible.iter().filter(|possible| possible.side == side).copied().collect()
        };
        let mut all = own(if self.origin.is_some() { &origin } else { &receiver }, Side::Holder);
        all.extend(own(if self.receiver.is_some() { &receiver } else { &origin }, Side::Receiver));
        turns(&all, &self.row)
    }
}

/// When a duty of a custody is due, by this region's procedures; `None` while what it counts from has not happened.
pub fn due_at(region: &Region, custody: &Custody, of: DutyOf, duty: &Duty) -> Option<DateTime<Utc>> {
    let calendar = Calendar::for_nation(region.procedures.nation).ok()?;
    let timetable = Timetable { procedures: region.procedures, calendar };
    let happened = |kind: EventKind| match of {
        DutyOf::Transfer(id) => {
            let incoming = || custody.incoming(id).and_then(|incoming| incoming.happened(kind));
            custody.outgoing(id).map_or_else(incoming, |outgoing| outgoing.happened(kind))
        }
        DutyOf::Stay(id) => custody.stay_terms(id).and_then(|terms| terms.happened(kind)),
        DutyOf::Custody => None,
    };
    timetable.due_at(&counted(custody, of, duty), happened).unwrap_or_else(|error| {
        tracing::error!(error = %error, "the date of a duty cannot be worked out");
        None
    })
}

/// The duty from the day from which it counts: the end of a stay from its last day, its review from the day on which its weeks began.
fn counted(custody: &Custody, of: DutyOf, duty: &Duty) -> Duty {
    let DutyOf::Stay(stay) = of else { return *duty };
    let terms = custody.stay_terms(stay);
    let day = match duty.kind {
        DutyKind::StayEnd => terms.and_then(|terms| terms.expected_to),
        DutyKind::StayReview => terms.map(StayTerms::counts_from),
        _ => None,
    };
    Duty { since: day.map_or(duty.since, |day| day.and_time(chrono::NaiveTime::MIN).and_utc()), ..*duty }
}

/// Every duty that runs, with what it belongs to.
fn duties(custody: &Custody) -> Vec<(DutyOf, Duty)> {
    let mut all = Vec::new();
    let mut add = |of: DutyOf, duties: &[Duty]| all.extend(duties.iter().map(|duty| (of, *duty)));
    custody.outgoing.iter().for_each(|outgoing| add(DutyOf::Transfer(outgoing.transfer), &outgoing.duties));
    custody.incoming.iter().for_each(|incoming| add(DutyOf::Transfer(incoming.transfer), &incoming.duties));
    custody.stays.iter().for_each(|stay| add(DutyOf::Stay(stay.terms.stay), &stay.duties));
    custody.hosted.iter().for_each(|hosted| add(DutyOf::Stay(hosted.terms.stay), &hosted.duties));
    add(DutyOf::Custody, &custody.duties);
    all
}

fn raise_at(region: &Region, custody: &Custody, raised_at: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    duties(custody)
        .into_iter()
        .filter_map(|(of, duty)| Some(Timetable::raised_at(&counted(custody, of, &duty), due_at(region, custody, of, &duty)?, raised_at)))
        .min()
}

/// Keeps a step: the custody, its messages, what it changes of entries, and what people hear of it.
///
/// # Errors
/// [`RegisterError::Stale`] when another step came first; or the database fails.
fn keep(tx: &mut Tx<'_>, region: &Region, held: Held, outcome: &Outcome, by: &str) -> Result<(), RegisterError> {
    keep_raised(tx, region, held, outcome, by, None)
}

fn keep_raised(
    tx: &mut Tx<'_>,
    region: &Region,
    held: Held,
    outcome: &Outcome,
    by: &str,
    raised_at: Option<DateTime<Utc>>,
) -> Result<(), RegisterError> {
    let Held { row: before, custody, child, categories } = held;
    let at = Instant::new(tx.now());
    let raised_at = raised_at.or_else(|| before.as_ref().and_then(|row| row.raised_at).map(Instant::get));
    let standing = custody.standing.as_str().to_owned();
    let is_pending = custody.outgoing.iter().any(|outgoing| outgoing.state.is_open());
    let row = CustodyRow {
        id: before.as_ref().map_or_else(|| Id(uuid::Uuid::now_v7()), |row| row.id),
        custody_id: custody.id.into(),
        authority: custody.me.as_str().to_owned(),
        child_id: child,
        version: before.as_ref().map_or(1, |row| row.version + 1),
        standing,
        is_open: custody.transfer_open() || custody.is_provisional() || custody.dispute.is_some(),
        is_pending,
        leader: custody.leader().map(|leader| leader.as_str().to_owned()),
        epoch: custody.led_by().and_then(|(_, epoch)| epoch).map(|epoch| i64::from(epoch.number())),
        state: serde_json::to_string(&custody).map_err(|_| StoreError::Corrupt("custody"))?,
        raise_at: raise_at(region, &custody, raised_at).map(Instant::new),
        raised_at: raised_at.map(Instant::new),
        drive_at: (!custody.due_messages().is_empty()).then(|| Instant::new(tx.wall() + DRIVE_AGAIN)),
        created_at: before.as_ref().map_or(at, |row| row.created_at),
        changed_at: at,
    };
    match &before {
        None => row.insert(tx.connection)?,
        Some(_) if row.replace(tx.connection)? => {}
        Some(_) => return Err(RegisterError::Stale),
    }
    if let Some(child) = child {
        tx.audit().child(child);
    }
    tx.audit().detail("custody", custody.id);
    let earlier = before.map(Held::read).transpose()?.map(|held| held.custody);
    if let Some(child) = child {
        note_transfers(tx, region, earlier.as_ref(), &custody, child)?;
        stays::note(tx, region, earlier.as_ref(), &custody, child)?;
        entries::follow(tx, region, earlier.as_ref(), (&custody, &categories), child, by)?;
    }
    send(tx, region, &custody, child, &outcome.send)?;
    matters::tell(tx, &custody, child, &outcome.matters)?;
    matters::settle(tx, earlier.as_ref(), &custody, child, by)?;
    alerts::follow(tx, region, earlier.as_ref(), &custody, child, by)
}

/// The code of the region of an authority.
fn region_of(region: &Region, gss: &str) -> String {
    region.authority(gss).map_or_else(|| region.code().to_string(), |(region, _)| region.code.to_string())
}

/// Brings the moves' rows up to date: a new one for each that came, the next version for each that changed.
fn note_transfers(tx: &mut Tx<'_>, region: &Region, before: Option<&Custody>, after: &Custody, child: Id) -> Result<(), RegisterError> {
    let mut changed: BTreeSet<TransferId> = BTreeSet::new();
    changed.extend(after.outgoing.iter().map(|outgoing| outgoing.transfer));
    changed.extend(after.incoming.iter().map(|incoming| incoming.transfer));
    changed.extend(after.contests.iter().map(|contest| contest.transfer));
    changed.retain(|id| {
        before.is_none_or(|before| {
            before.outgoing(*id) != after.outgoing(*id)
                || before.incoming(*id) != after.incoming(*id)
                || before.contests_about(*id).ne(after.contests_about(*id))
        })
    });
    let at = Instant::new(tx.now());
    for id in changed {
        match TransferRow::find(tx.connection, id.into())? {
            Some(row) => {
                let sides = CustodyRow::of_custody(tx.connection, row.custody_id)?;
                let sides = sides.into_iter().map(Held::read).collect::<Result<Vec<_>, _>>()?;
                let is_open = sides.iter().any(|held| {
                    held.custody.outgoing(id).is_some_and(|outgoing| outgoing.state.is_open())
                        || held.custody.incoming(id).is_some_and(crate::domain::custody::Incoming::is_open)
                });
                TransferRow::touch(tx.connection, row.id, is_open, at)?;
            }
            None => {
                let (from, to) = match (after.outgoing(id), after.incoming(id)) {
                    (Some(outgoing), _) => (after.me.as_str(), outgoing.to.as_str()),
                    (None, Some(incoming)) => (incoming.from.as_str(), after.me.as_str()),
                    (None, None) => continue,
                };
                TransferRow {
                    id: id.into(),
                    custody_id: after.id.into(),
                    child_id: child,
                    from_authority: from.to_owned(),
                    from_region: region_of(region, from),
                    to_authority: to.to_owned(),
                    to_region: region_of(region, to),
                    version: 1,
                    is_open: after.transfer_open(),
                    created_at: at,
                    changed_at: at,
                    kind: MOVE.to_owned(),
                }
                .insert(tx.connection)?;
            }
        }
        tx.audit().detail("transfer", id);
    }
    Ok(())
}

/// Puts messages into the outbox.
fn send(tx: &mut Tx<'_>, region: &Region, custody: &Custody, child: Option<Id>, messages: &[Envelope]) -> Result<(), RegisterError> {
    for Envelope { to, message } in messages {
        let Some((to_region, _)) = region.authority(to.as_str()) else {
            tracing::error!("a message about custody is for an authority that is in no region");
            continue;
        };
        let id = MessageId::new_at(tx.wall());
        let carried = delivery::Carried::new(tx, region, custody, child, (id, to, &to_region.code), message)?;
        let body = serde_json::to_string(&carried).map_err(|_| StoreError::Corrupt("message"))?;
        let way = (custody.me.as_str(), to.as_str(), to_region.code.as_str());
        OutboxRow {
            transfer_id: message.transfer().map(Id::from),
            ..OutboxRow::waiting(id.into(), custody.id.into(), way, message.as_str(), body, tx.wall().into())
        }
        .insert(tx.connection)?;
    }
    Ok(())
}

/// Whether a move of the child of an entry is open at its authority: then no name comes off but by what no agreement can undo.
///
/// # Errors
/// When the database fails.
pub fn is_open(connection: &mut AnyConnection, entry: &registrations::Registration) -> Result<bool, RegisterError> {
    let held = Held::led(connection, &[entry.row.child_id], &entry.row.authority)?;
    Ok(held.is_some_and(|held| held.custody.transfer_open()))
}

/// The children whose cases a person co-ordinates and who move or have moved.
///
/// # Errors
/// When the database fails.
pub fn coordinated(connection: &mut AnyConnection, person: &str) -> Result<Vec<Id>, RegisterError> {
    let whose = registration_rows::Whose::Coordinator(person.to_owned());
    let entries = registration_rows::list(connection, &whose, None, i64::from(u16::MAX))?;
    Ok(entries.into_iter().map(|entry| entry.child_id).collect())
}

/// Refuses what may not be done to an entry while a move of its child is open.
///
/// # Errors
/// [`RegisterError::OutOfTurn`] with what may be done about the move.
pub fn unless_moving(connection: &mut AnyConnection, entry: &registrations::Registration) -> Result<(), RegisterError> {
    let Some(held) = Held::led(connection, &[entry.row.child_id], &entry.row.authority)? else { return Ok(()) };
    let Some(open) = held.custody.open_transfer() else { return Ok(()) };
    let transfer = TransferRow::find(connection, open.into())?;
    Err(out_of_turn(&Refused { why: Why::TransferOpen, possible: held.custody.possible(open) }, transfer.as_ref()))
}

/// Refuses to take an entry for one that never was, when another register has ended its own for it: the child would be on none.
///
/// # Errors
/// [`RegisterError::OutOfTurn`]; or the database fails.
///
/// # Source
/// Invariant I1 of the procedures.
pub fn unless_taken_over(connection: &mut AnyConnection, entry: &registrations::Registration) -> Result<(), RegisterError> {
    if entry.state.kind == "temporary" || entry.state.removed_on.is_some() {
        return Ok(());
    }
    let Some(held) = Held::led(connection, &[entry.row.child_id], &entry.row.authority)? else { return Ok(()) };
    match held.custody.standing.leads() {
        Some(epoch) if epoch > Epoch::FIRST => Err(out_of_turn(&Refused { why: Why::TakenOver, possible: Vec::new() }, None)),
        _ => Ok(()),
    }
}

/// Refuses to let an entry run on that ended because another authority took the child over: two would be responsible.
///
/// # Errors
/// [`RegisterError::OutOfTurn`]; or the database fails.
///
/// # Source
/// Invariant I2 of the procedures.
pub fn unless_handed_over(connection: &mut AnyConnection, entry: &registrations::Registration) -> Result<(), RegisterError> {
    if entry.state.removal_ground.as_deref() != Some(RemovalGround::Transferred.as_str()) {
        return Ok(());
    }
    for row in CustodyRow::of_children(connection, &[entry.row.child_id])? {
        let is_own = row.authority == entry.row.authority;
        if is_own && matches!(Held::read(row)?.custody.standing, Standing::Ended { .. }) {
            return Err(out_of_turn(&Refused { why: Why::HandedOver, possible: Vec::new() }, None));
        }
    }
    Ok(())
}

/// Whether the child of an entry is being moved away from its authority.
///
/// # Errors
/// When the database fails.
pub fn is_pending(connection: &mut AnyConnection, child: Id, authority: &str) -> Result<bool, RegisterError> {
    let rows = crate::store::custody::LeadRow::of(connection, &[child])?;
    Ok(rows.iter().any(|row| row.is_pending && row.authority == authority))
}

/// An entry has ended on a ground: the authority leads no more, and what is still open is asked back.
///
/// # Errors
/// [`RegisterError::OutOfTurn`] when custody does not allow it; or the database fails.
pub fn ended(
    tx: &mut Tx<'_>,
    region: &Region,
    entry: &registrations::Registration,
    ground: RemovalGround,
    by: &str,
) -> Result<(), RegisterError> {
    if entry.state.kind == "temporary" {
        return Ok(());
    }
    let Some(mut held) = Held::led(tx.connection, &[entry.row.child_id], &entry.row.authority)? else { return Ok(()) };
    let signature = acts::program(by, tx.now());
    let action = crate::domain::custody::Action::Close { ground };
    let outcome = held.custody.act(action, &signature).map_err(|refused| out_of_turn(&refused, None))?;
    keep(tx, region, held, &outcome, by)
}

/// What a check tells of who leads, by the rows of a child's custody: the authority with the highest epoch seen, and the epoch.
pub fn leader(rows: &[crate::store::custody::LeadRow]) -> Option<(&str, Option<Epoch>)> {
    let row = rows.iter().filter(|row| row.leader.is_some()).max_by_key(|row| (row.epoch, row.leader.as_ref() == Some(&row.authority)))?;
    let epoch = row.epoch.and_then(|epoch| u32::try_from(epoch).ok()).and_then(Epoch::new);
    Some((row.leader.as_deref()?, epoch))
}

/// The custody that an entry's authority leads, and its epoch: what else belongs to a child's protection refers to it.
///
/// # Errors
/// [`RegisterError::NotInForce`] when the authority does not lead; or the database fails.
pub fn led_by(
    tx: &mut Tx<'_>,
    region: &Region,
    entry: &registrations::Registration,
    by: &str,
) -> Result<(CustodyId, Epoch), RegisterError> {
    let held = custody_of(tx, entry)?;
    let (id, epoch) = (held.custody.id, held.custody.standing.leads().ok_or(RegisterError::NotInForce)?);
    if held.row.is_none() {
        keep(tx, region, held, &Outcome::default(), by)?;
    }
    Ok((id, epoch))
}

/// Where a child's custody is, for all that this region knows.
#[derive(Debug)]
pub enum Whereabouts {
    /// With an authority of this region.
    Here {
        /// Since this epoch.
        epoch: Epoch,
        /// Which (GSS code).
        authority: String,
        /// The child, of this register.
        child: Option<Id>,
    },
    /// It was here, and has passed on to an authority of that region.
    PassedTo(RegionCode),
    /// It has never been here, or has ended here.
    Elsewhere,
}

impl Whereabouts {
    /// Of a custody.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of(connection: &mut AnyConnection, region: &Region, custody: CustodyId) -> Result<Self, RegisterError> {
        let held = CustodyRow::of_custody(connection, custody.into())?.into_iter().map(Held::read).collect::<Result<Vec<_>, _>>()?;
        let last = held.into_iter().max_by_key(|held| (held.custody.standing.leads(), held.custody.standing.epoch()));
        let Some(Held { custody, child, .. }) = last else { return Ok(Self::Elsewhere) };
        Ok(match &custody.standing {
            Standing::Lead { epoch } => Self::Here { epoch: *epoch, authority: custody.me.as_str().to_owned(), child },
            Standing::Ended { to, .. } => {
                let there = region.authority(to.as_str()).map(|(there, _)| there.code.clone());
                there.filter(|there| there != region.code()).map_or(Self::Elsewhere, Self::PassedTo)
            }
            Standing::None | Standing::Closed { .. } => Self::Elsewhere,
        })
    }

    /// The same, as alerts follow it; `audience` is every other region.
    pub const fn lead<'a>(&'a self, audience: &'a BTreeSet<RegionCode>) -> Lead<'a> {
        match self {
            Self::Here { epoch, .. } => Lead::Here(Leads { epoch: *epoch, audience }),
            Self::PassedTo(region) => Lead::PassedTo(region),
            Self::Elsewhere => Lead::Elsewhere,
        }
    }
}

/// The custody of a child that an authority registered: the one it leads already, or a new one. None begins beside one that is on its
/// way to this authority, is in dispute or is held for a stay, nor under an entry that is ending: then another authority leads.
///
/// # Errors
/// [`RegisterError::NotInForce`] when this authority does not lead; or the database fails.
fn custody_of(tx: &mut Tx<'_>, entry: &registrations::Registration) -> Result<Held, RegisterError> {
    let mut own = CustodyRow::of_children(tx.connection, &[entry.row.child_id])?;
    own.retain(|row| row.authority == entry.row.authority);
    if let Some(row) = own.iter().rfind(|row| row.standing == LEAD) {
        return Held::read(row.clone());
    }
    if own.iter().any(|row| row.is_open) || entry.state.removed_on.is_some() {
        return Err(RegisterError::NotInForce);
    }
    let me = entry.row.authority.parse().map_err(|_| StoreError::Corrupt("authority"))?;
    let custody = Custody::begun(CustodyId::new_at(tx.wall()), me);
    debug_assert!(matches!(custody.standing, Standing::Lead { .. }));
    Ok(Held { row: None, custody, child: Some(entry.row.child_id), categories: Vec::new() })
}
