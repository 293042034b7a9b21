//! What people do about a move.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Held, OutOfTurn, Step, Transfer, Turn, assemble, custody_of, keep, out_of_turn, stays};
use crate::authz::Principal;
use crate::domain::conference::Decision;
use crate::domain::custody::{Action, Nature, Paper, RefusalReason, Signature, Why, WithdrawalReason};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{ConferenceId, FamilyMoveId, TransferId};
use crate::domain::notify::Notify;
use crate::domain::registration::{ConferenceKind, LegalStatusCode};
use crate::domain::roles::Role;
use crate::domain::text::{Line, Note};
use crate::register::registrations::{self, Registration};
use crate::register::{Region, RegisterError, children, conferences, notices, tasks};
use crate::store::connection::AnyConnection;
use crate::store::custody::{STAY, StepRow, TransferRow};
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// A named person who acts.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who: issuer and subject.
    pub key: String,
    /// In which role.
    pub role: Role,
    /// By which name the other side knows them.
    pub name: Line,
}

impl Actor {
    /// The person of a token. One whose identity provider tells no name is known by their identifier.
    pub fn of(principal: &Principal) -> Self {
        let name = principal.name.as_deref().and_then(|name| name.parse().ok());
        let name = name.or_else(|| principal.subject.parse().ok()).unwrap_or_else(unnamed);
        Self { key: principal.key(), role: principal.role, name }
    }

    /// Their signature at an instant.
    pub fn signature(&self, at: DateTime<Utc>) -> Signature {
        Signature { role: self.role, name: self.name.clone(), at }
    }
}

#[allow(clippy::expect_used, reason = "a constant that is a line")]
fn unnamed() -> Line {
    "?".parse().expect("a line")
}

/// The signature of what follows from something else that a person did, or from the calendar.
pub(in crate::register) fn program(by: &str, at: DateTime<Utc>) -> Signature {
    Signature { role: Role::Custodian, name: by.parse().unwrap_or_else(|_| unnamed()), at }
}

/// A move, as its origin begins it.
#[derive(Debug, Clone)]
pub struct NewTransfer {
    /// Where to (GSS code).
    pub to: GssCode,
    /// Whether it is for good; `None` while it is not certain that the family moves.
    pub nature: Option<Nature>,
    /// The move of the family of which it is a part.
    pub family_move: Option<FamilyMoveId>,
    /// What the receiver should know.
    pub words: Option<Note>,
    /// The second person who approves that it is offered although an earlier receiver has not answered the request to cancel.
    pub approved_by: Option<Line>,
    /// Not a move: the child stays there for a time.
    pub stay: Option<NewStay>,
}

/// A temporary stay, as home begins it.
#[derive(Debug, Clone)]
pub struct NewStay {
    /// The first day.
    pub from: NaiveDate,
    /// The day on which it is to end, as far as anybody knows.
    pub expected_to: Option<NaiveDate>,
    /// Who visits, and what else was agreed.
    pub supervision: Option<Line>,
}

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Offers what was announced.
    Notify {
        /// Whether it is for good.
        nature: Nature,
        /// The move of the family.
        family_move: Option<FamilyMoveId>,
    },
    /// Sends papers.
    Papers(BTreeSet<Paper>),
    /// Withdraws.
    Withdraw(WithdrawalReason),
    /// Acknowledges.
    Acknowledge,
    /// Agrees that it is permanent.
    Agree {
        /// Who will lead the work.
        practitioner: Line,
    },
    /// Agrees that it is a temporary stay: the transfer ends, the origin leads on.
    AgreeTemporary,
    /// Returns it for papers.
    Return(BTreeSet<Paper>),
    /// Books the conference.
    Book(NaiveDate),
    /// Names the conference that was held.
    Hold(ConferenceId),
    /// Accepts in writing.
    Accept,
    /// Refuses.
    Refuse(RefusalReason),
    /// Puts it before the senior managers.
    Dispute,
    /// Gives way in a dispute about who leads.
    GiveWay,
    /// Changes a stay.
    Extend {
        /// The new last day.
        expected_to: Option<NaiveDate>,
        /// What was agreed.
        supervision: Option<Line>,
    },
    /// Lets a stay go on without a conference.
    Keep,
    /// Ends a stay.
    End,
    /// Makes a stay a move.
    Convert(Nature),
    /// Tells what the host saw of the child.
    Contact(NaiveDate),
}

impl Act {
    /// Which step it is.
    pub const fn step(&self) -> Step {
        match self {
            Self::Notify { .. } => Step::Notify,
            Self::Papers(_) => Step::Papers,
            Self::Withdraw(_) => Step::Withdraw,
            Self::Acknowledge => Step::Acknowledge,
            Self::Agree { .. } | Self::AgreeTemporary => Step::Agree,
            Self::Return(_) => Step::Return,
            Self::Book(_) => Step::BookConference,
            Self::Hold(_) => Step::HoldConference,
            Self::Accept => Step::Accept,
            Self::Refuse(_) => Step::Refuse,
            Self::Dispute => Step::Dispute,
            Self::GiveWay => Step::GiveWay,
            Self::Extend { .. } => Step::Extend,
            Self::Keep => Step::Keep,
            Self::End => Step::End,
            Self::Convert(_) => Step::Convert,
            Self::Contact(_) => Step::Contact,
        }
    }

    pub(super) const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Withdraw(reason) => Some(reason.as_str()),
            Self::Refuse(reason) => Some(reason.as_str()),
            Self::AgreeTemporary => Some(RefusalReason::Temporary.as_str()),
            Self::Notify { nature, .. } | Self::Convert(nature) => Some(nature.as_str()),
            _ => None,
        }
    }
}

pub(super) fn rule(pointer: &str, code: &'static str, detail: &str) -> RegisterError {
    RegisterError::Rule { pointer: pointer.into(), code, detail: detail.into() }
}

/// Begins a move: announces one that is not certain, or offers custody.
///
/// # Errors
/// [`RegisterError::OutOfTurn`], or a broken rule of the request.
///
/// # Source
/// WSP-4.10, SWCPP (parents who will not say), SUSSEX-MOVE-OLD (court orders).
pub fn begin(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewTransfer, by: &Actor) -> Result<TransferRow, RegisterError> {
    let today = children::today(tx.now());
    if !entry.is_live_on(today) || entry.state.kind == "temporary" {
        return Err(RegisterError::NotInForce);
    }
    if region.authority(new.to.as_str()).is_none() {
        return Err(rule("/to", "unknown-authority", "give the GSS code of an authority of a region of the federation"));
    }
    let id = TransferId::new_at(tx.wall());
    crate::store::children::claim(tx.connection, entry.row.child_id)?;
    let others = registrations::of(tx.connection, &[entry.row.child_id])?;
    // Somebody may have ended it since it was looked at.
    if !others.iter().any(|other| other.row.id == entry.row.id && other.row.version == entry.row.version) {
        return Err(RegisterError::Stale);
    }
    let is_there = |other: &Registration| {
        other.row.authority == new.to.as_str() && other.state.kind != "temporary" && other.is_live_on(today) && other.row.id != entry.row.id
    };
    if others.iter().any(is_there) {
        return Err(rule(
            "/to",
            "already-registered-there",
            "the child is on that authority's register already: end one of the entries by its ground",
        ));
    }
    if new.nature.is_some() {
        unless_ordered(region, entry)?;
    }
    let mut held = custody_of(tx, entry)?;
    let action = match (&new.stay, new.nature) {
        (Some(stay), _) => stays::begin(tx, id, &new.to, stay)?,
        (None, None) => Action::Announce { transfer: id, to: new.to.clone() },
        (None, Some(nature)) => {
            // Two authorities may then complete it, which is shown and settled; no child is without one.
            let second = |name: &Line| Signature { role: Role::SeniorSafeguardingManager, name: name.clone(), at: tx.now() };
            let forced_by = new.approved_by.as_ref().map(second);
            Action::Offer { transfer: id, to: new.to.clone(), nature, family_move: new.family_move, stay: None, forced_by }
        }
    };
    let open = held.custody.open_transfer();
    let outcome = match held.custody.act(action, &by.signature(tx.now())) {
        Ok(outcome) => outcome,
        Err(mut refused) => {
            // What may be done is to be done about the move that is open.
            let in_the_way = open.map(|open| TransferRow::find(tx.connection, open.into())).transpose()?.flatten();
            if let Some(open) = open {
                refused.possible = held.custody.possible(open);
            }
            return Err(out_of_turn(&refused, in_the_way.as_ref()));
        }
    };
    keep(tx, region, held, &outcome, &by.key)?;
    let row = TransferRow::find(tx.connection, id.into())?.ok_or(StoreError::Corrupt("a move has no row"))?;
    tasks::settle_about(tx, row.child_id, &row.from_authority, tasks::Kind::SuspectedMove, &by.key, "told")?;
    let (action, reason) = match (&new.stay, new.nature) {
        (Some(_), _) => (Step::Notify.as_str(), Some(stays::TEMPORARY)),
        (None, Some(nature)) => (Step::Notify.as_str(), Some(nature.as_str())),
        (None, None) => ("announce", None),
    };
    note(tx, &row, &row.from_authority, (action, reason, None), new.words.as_ref(), by)?;
    Ok(row)
}

/// Refuses to offer a child whom a court order keeps with the authority, whatever the address.
///
/// # Source
/// SUSSEX-MOVE-OLD.
pub(super) fn unless_ordered(region: &Region, entry: &Registration) -> Result<(), RegisterError> {
    let status: Option<LegalStatusCode> = entry.state.legal_status.as_deref().and_then(|code| code.parse().ok());
    if region.procedures.moves.court_order_keeps && status.is_some_and(LegalStatusCode::keeps_responsibility) {
        return Err(RegisterError::OutOfTurn(Box::new(OutOfTurn { why: Why::CourtOrder, possible: Vec::new() })));
    }
    Ok(())
}

pub(super) fn note(
    tx: &mut Tx<'_>,
    transfer: &TransferRow,
    authority: &str,
    (action, reason, conference): (&str, Option<&str>, Option<Id>),
    words: Option<&Note>,
    by: &Actor,
) -> Result<(), RegisterError> {
    StepRow {
        id: Id(uuid::Uuid::now_v7()),
        transfer_id: transfer.id,
        authority: authority.to_owned(),
        action: action.to_owned(),
        role: by.role.as_str().to_owned(),
        name: by.name.expose().to_owned(),
        reason: reason.map(str::to_owned),
        words: words.map(|words| words.expose().to_owned()),
        conference_id: conference,
        recorded_at: Instant::new(tx.now()),
        recorded_by: by.key.clone(),
    }
    .insert(tx.connection)?;
    tx.audit().detail("action", action);
    Ok(())
}

/// The transfer-in conference of a receiver about a child: its day, and whether it registered the child.
fn conference(connection: &mut AnyConnection, transfer: &TransferRow, id: ConferenceId) -> Result<(NaiveDate, bool), RegisterError> {
    let unknown = || {
        let detail = "give a transfer-in conference of the receiving authority that decided about this child";
        rule("/conferenceId", "no-transfer-conference", detail)
    };
    let held = conferences::load(connection, id.into())?.filter(|held| !held.state.entered_in_error).ok_or_else(unknown)?;
    if held.row.authority != transfer.to_authority || held.kind()? != ConferenceKind::TransferIn {
        return Err(unknown());
    }
    let decision = held.decisions.iter().find(|decision| decision.child_id == transfer.child_id).ok_or_else(unknown)?;
    Ok((held.state.held_on, decision.decision == Decision::Register.as_str()))
}

/// Does something about a move, at the authority whose turn it is.
///
/// # Errors
/// [`RegisterError::OutOfTurn`] with what may be done now and by whom; or a broken rule of the request.
pub fn act(
    tx: &mut Tx<'_>,
    region: &Region,
    transfer: &TransferRow,
    (act, words): (&Act, Option<&Note>),
    by: &Actor,
    covers: &dyn Fn(&str) -> bool,
) -> Result<(), RegisterError> {
    let id = TransferId::try_from(transfer.id.0).map_err(|_| StoreError::Corrupt("transfer id"))?;
    // What was read and found at the right version must still be so, whoever acts or whatever arrives at the same time.
    if TransferRow::find(tx.connection, transfer.id)?.is_none_or(|now| now.version != transfer.version) {
        return Err(RegisterError::Stale);
    }
    let whole = assemble(tx.connection, transfer.clone())?;
    let step = act.step();
    if transfer.kind == STAY {
        return stays::act(tx, region, whole, (act, words), by, covers);
    }
    if step == Step::Dispute {
        return dispute(tx, region, (transfer, whole), words, by, covers);
    }
    if step.is_of_a_stay() {
        return Err(RegisterError::OutOfTurn(Box::new(OutOfTurn { why: Why::NotNow, possible: whole.possible() })));
    }
    // Whichever side of this region has to: the dispute is about the custody, not about a step of the move.
    let gives_way =
        |held: &Option<Held>| step == Step::GiveWay && held.as_ref().is_some_and(|held| held.custody.gives_way() == Some(&held.custody.me));
    let at_origin = matches!(step, Step::Notify | Step::Papers | Step::Withdraw) || gives_way(&whole.origin);
    let (held, authority) =
        if at_origin { (whole.origin.clone(), &transfer.from_authority) } else { (whole.receiver.clone(), &transfer.to_authority) };
    let elsewhere = || RegisterError::OutOfTurn(Box::new(OutOfTurn { why: Why::OtherSide, possible: whole.possible() }));
    let Some(mut held) = held.filter(|_| covers(authority)) else {
        return Err(elsewhere());
    };
    let mut conference_id = None;
    let action = match act {
        Act::Notify { nature, family_move } => Action::Offer {
            transfer: id,
            to: transfer.to_authority.parse().map_err(|_| StoreError::Corrupt("authority"))?,
            nature: *nature,
            family_move: *family_move,
            stay: None,
            forced_by: None,
        },
        Act::Papers(papers) => Action::SendPapers { transfer: id, papers: papers.clone() },
        Act::Withdraw(reason) => Action::Withdraw { transfer: id, reason: *reason },
        Act::Acknowledge => Action::Acknowledge { transfer: id },
        Act::Agree { practitioner } => Action::Agree { transfer: id, practitioner: practitioner.clone() },
        Act::AgreeTemporary => Action::Refuse { transfer: id, reason: RefusalReason::Temporary },
        Act::Return(missing) => Action::Return { transfer: id, missing: missing.clone() },
        Act::Book(on) => Action::Book { transfer: id, on: *on },
        Act::Hold(conference_held) => {
            let (on, registers) = conference(tx.connection, transfer, *conference_held)?;
            conference_id = Some(Id::from(*conference_held));
            Action::Hold { transfer: id, on, registers }
        }
        Act::Accept => Action::Accept { transfer: id },
        Act::Refuse(reason) => Action::Refuse { transfer: id, reason: *reason },
        Act::GiveWay => Action::GiveWay,
        Act::Dispute | Act::Extend { .. } | Act::Keep | Act::End | Act::Convert(_) | Act::Contact(_) => {
            return Err(RegisterError::Conflict);
        }
    };
    if matches!(act, Act::Accept) {
        must_be_registered(tx, transfer)?;
    }
    let outcome = held
        .custody
        .act(action, &by.signature(tx.now()))
        .map_err(|refused| RegisterError::OutOfTurn(Box::new(OutOfTurn { why: refused.why, possible: whole.possible() })))?;
    keep(tx, region, held, &outcome, &by.key)?;
    note(tx, transfer, authority, (step.as_str(), act.reason(), conference_id), words, by)
}

/// Custody is taken over by whoever has the child on the register, and by nobody else: otherwise the origin's entry would end and
/// none would be left.
///
/// # Source
/// Invariant I1 of the procedures.
fn must_be_registered(tx: &mut Tx<'_>, transfer: &TransferRow) -> Result<(), RegisterError> {
    let today = children::today(tx.now());
    crate::store::children::claim(tx.connection, transfer.child_id)?;
    let entries = registrations::of(tx.connection, &[transfer.child_id])?;
    let here =
        |entry: &Registration| entry.row.authority == transfer.to_authority && entry.state.kind != "temporary" && entry.is_live_on(today);
    if entries.iter().any(here) {
        return Ok(());
    }
    Err(RegisterError::OutOfTurn(Box::new(OutOfTurn {
        why: Why::NoConference,
        possible: vec![Turn {
            action: Step::HoldConference,
            authority: transfer.to_authority.clone(),
            roles: Step::HoldConference.roles(),
        }],
    })))
}

/// Puts a move before the senior managers of both sides. Those of the other side hear of it by a message.
///
/// # Source
/// Scenario S26 of the procedures; invariant I23.
fn dispute(
    tx: &mut Tx<'_>,
    region: &Region,
    (transfer, whole): (&TransferRow, Transfer),
    words: Option<&Note>,
    by: &Actor,
    covers: &dyn Fn(&str) -> bool,
) -> Result<(), RegisterError> {
    let possible = whole.possible();
    let sides = [(whole.origin, &transfer.from_authority), (whole.receiver, &transfer.to_authority)];
    let own = sides.into_iter().find_map(|(held, authority)| Some((held?, authority)).filter(|_| covers(authority)));
    let Some((mut held, authority)) = own else {
        return Err(RegisterError::OutOfTurn(Box::new(OutOfTurn { why: Why::OtherSide, possible })));
    };
    let id = TransferId::try_from(transfer.id.0).map_err(|_| StoreError::Corrupt("transfer id"))?;
    let contest = Action::Contest { transfer: id, words: words.cloned() };
    let outcome = held
        .custody
        .act(contest, &by.signature(tx.now()))
        .map_err(|refused| RegisterError::OutOfTurn(Box::new(OutOfTurn { why: refused.why, possible })))?;
    for role in [Role::Custodian, Role::SeniorSafeguardingManager] {
        let kind = notices::Kind::TransferDisputed;
        notices::about(tx.now(), kind, Notify::Urgent, (role, None), authority, transfer.child_id, None).insert(tx)?;
    }
    keep(tx, region, held, &outcome, &by.key)?;
    note(tx, transfer, authority, (Step::Dispute.as_str(), None, None), words, by)
}
