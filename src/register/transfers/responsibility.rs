//! What keeps responsibility for a child here whatever the address: a court order, or that the child is with an authority or in a country
//! that is no member of the federation. Both are recorded by hand, with who says so and why.
//!
//! A child outside stays on this register: no message can come that accepts them. Their entry ends by its own ground and evidence, the
//! written acceptance or the confirmation of the heads of service, and by nothing else.
//!
//! # Source
//! SUSSEX-MOVE-OLD (orders), SUSSEX-TRANSFER (abroad), WSP-4.9; federation notes, E4; invariant I1, scenario S30 of the procedures.

use super::acts::{Actor, rule};
use super::{Held, LEAD, custody_of, keep, out_of_turn};
use crate::domain::custody::{Action, Custody, Outcome, Outside};
use crate::domain::text::{Line, Note};
use crate::register::registrations::Registration;
use crate::register::{Region, RegisterError, amendments, children, tasks};
use crate::store::Tx;
use crate::store::connection::AnyConnection;
use crate::store::custody::{CustodyRow, TransferRow};

/// What is so from now on: all of it.
#[derive(Debug, Clone)]
pub struct NewResponsibility {
    /// The order that keeps responsibility here.
    pub court_order: Option<Line>,
    /// Where the child is, outside the federation.
    pub outside: Option<Outside>,
    /// Why.
    pub reason: Note,
}

/// What the authority of an entry holds of the child's custody; nothing while nobody has acted on it. What it held under an earlier
/// entry, of a custody that was closed or passed on, says nothing of one that is in force.
///
/// # Errors
/// When the database fails.
pub fn of(connection: &mut AnyConnection, entry: &Registration) -> Result<Option<Custody>, RegisterError> {
    let mut own = CustodyRow::of_children(connection, &[entry.row.child_id])?;
    own.retain(|row| row.authority == entry.row.authority);
    let leads = own.iter().rposition(|row| row.standing == LEAD);
    let is_ended = entry.state.kind != "temporary" && entry.state.removed_on.is_some();
    let speaks = leads.or_else(|| own.iter().rposition(|row| is_ended || row.is_open));
    Ok(speaks.map(|place| Held::read(own.swap_remove(place))).transpose()?.map(|held| held.custody))
}

/// Whether it is recorded that the child of an entry is outside the federation.
///
/// # Errors
/// When the database fails.
pub fn is_outside(connection: &mut AnyConnection, entry: &Registration) -> Result<bool, RegisterError> {
    Ok(of(connection, entry)?.is_some_and(|custody| custody.outside.is_some()))
}

/// Records what keeps responsibility here, or that nothing does any more.
///
/// # Errors
/// [`RegisterError::NotInForce`] for an entry under which this authority does not lead; [`RegisterError::OutOfTurn`] while a move is
/// offered; a broken rule; [`RegisterError::Stale`].
pub fn change(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewResponsibility, by: &Actor) -> Result<(), RegisterError> {
    if entry.state.kind == "temporary" {
        return Err(RegisterError::NotInForce);
    }
    if new.outside.as_ref().is_some_and(|outside| outside.since > children::today(tx.now())) {
        return Err(rule("/outside/since", "in-the-future", "give the day since which the child has been there"));
    }
    amendments::advance(tx, entry)?;
    crate::store::children::claim(tx.connection, entry.row.child_id)?;
    let mut held = custody_of(tx, entry)?;
    let signature = by.signature(tx.now());
    let actions = [Action::KeepByOrder { order: new.court_order.clone() }, Action::PlaceOutside { outside: new.outside.clone() }];
    for action in actions {
        if let Err(refused) = held.custody.act(action, &signature) {
            let open = held.custody.open_transfer().map(|open| TransferRow::find(tx.connection, open.into())).transpose()?.flatten();
            return Err(out_of_turn(&refused, open.as_ref()));
        }
    }
    held.custody.give_reason(signature, new.reason.clone());
    keep(tx, region, held, &Outcome::default(), &by.key)?;
    tx.audit().detail("court-order", if new.court_order.is_some() { "in-force" } else { "none" });
    tx.audit().detail("outside", if new.outside.is_some() { "yes" } else { "no" });
    // Nobody there answers by a message: a person writes, and rings.
    let kind = tasks::Kind::ChildOutside;
    match new.outside {
        Some(_) => tasks::raise_once(tx, kind, &entry.row.authority, entry.row.child_id, entry.row.id),
        None => tasks::settle(tx, entry.row.id, &[kind], &by.key, "The child is not outside the federation any more."),
    }
}
