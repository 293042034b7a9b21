//! What custody changes of the entries on the register. It is worked out from how custody stands, not from what happened: so it is
//! the same whichever way it came about, and nothing is left undone when a step is repeated.

use chrono::NaiveDate;

use crate::domain::category::Category;
use crate::domain::custody::{Custody, Standing};
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::{ChildId, RegistrationId};
use crate::domain::registration::RemovalGround;
use crate::register::registrations::{self, NewBasis, NewRegistration, Registration};
use crate::register::removal::{self, NewRemoval};
use crate::register::{Region, RegisterError, children, matcher};
use crate::store::types::Id;
use crate::store::{StoreError, Tx};

/// Brings an authority's entries of a child into line with what it holds of custody.
///
/// # Errors
/// When a rule of the register stands against it, or the database fails.
///
/// # Source
/// WSP-4.12 (the temporary entry), WSP-4.9 (the end); invariants I1, I6 of the procedures.
pub(super) fn follow(
    tx: &mut Tx<'_>,
    region: &Region,
    before: Option<&Custody>,
    (custody, categories): (&Custody, &[Category]),
    child: Id,
    by: &str,
) -> Result<(), RegisterError> {
    let today = children::today(tx.now());
    let entries = registrations::of(tx.connection, &[child])?;
    let here: Vec<&Registration> =
        entries.iter().filter(|entry| entry.row.authority == custody.me.as_str() && entry.is_live_on(today)).collect();
    let full = here.iter().find(|entry| entry.state.kind != "temporary");
    let temporary = here.iter().find(|entry| entry.state.kind == "temporary");
    // Once, when custody passes on: an entry that is made afterwards is another one.
    let has_passed = before.is_some_and(|before| before.standing.leads().is_some());
    if let (Standing::Ended { to, .. }, Some(entry), true) = (&custody.standing, full, has_passed) {
        let on = day_after_first(entry, today);
        let accepted = custody
            .outgoing
            .iter()
            .rev()
            .find(|outgoing| outgoing.completion.is_some())
            .and_then(|outgoing| outgoing.progress.as_ref()?.accepted.as_ref())
            .map(|accepted| accepted.name.expose().to_owned());
        let gave_way = before.is_some_and(|before| before.dispute.is_some()) && custody.dispute.is_none();
        let evidence = match accepted {
            _ if gave_way => format!("Two authorities led; this one gave way to {to}."),
            Some(name) => format!("Accepted in writing by {to}, signed; responsible there: {name}."),
            None => format!("Accepted in writing by {to}, signed."),
        };
        return removal::handed_over(tx, region, entry, on, &evidence, by);
    }
    if custody.is_provisional() && full.is_none() {
        match temporary {
            None => return show(tx, region, (custody, categories), child, &entries, by),
            // It was to end at midnight with what it was made for; what has begun since would find nothing tomorrow.
            Some(entry) if entry.state.removed_on.is_some() => {
                return removal::run_on(tx, region, entry, "The child comes here again before this entry has ended.", by);
            }
            Some(_) => {}
        }
    }
    // A temporary entry that nobody made by hand goes with what it was made for.
    let shown_for = |entry: &Registration| {
        let home = entry.state.home_authority.as_deref();
        custody.incoming.iter().any(|incoming| home == Some(incoming.from.as_str()))
            || custody.hosted.iter().any(|hosted| home == Some(hosted.home.as_str()))
    };
    if let Some(entry) = temporary.filter(|entry| {
        !custody.is_provisional() && custody.standing.leads().is_none() && shown_for(entry) && entry.state.removed_on.is_none()
    }) {
        let ended = NewRemoval {
            removed_on: day_after_first(entry, today),
            ground: RemovalGround::HomeAuthorityEnded,
            conference: None,
            evidence: "The move or the stay for which this entry was made has ended without a hand-over.".parse().ok(),
            reasons: None,
        };
        removal::settled(tx, region, entry, &ended, by)?;
    }
    // How far a move has come is part of what a check answers.
    matcher::reindex(tx, region, child)
}

/// No entry ends on its first day (invariant I8).
fn day_after_first(entry: &Registration, today: NaiveDate) -> NaiveDate {
    entry.state.registered_on.succ_opt().map_or(today, |next| today.max(next))
}

/// The temporary entry of a child who comes, pointing at the home registration.
fn show(
    tx: &mut Tx<'_>,
    region: &Region,
    (custody, told): (&Custody, &[Category]),
    child: Id,
    entries: &[Registration],
    by: &str,
) -> Result<(), RegisterError> {
    let Some(home) = custody.leader() else { return Ok(()) };
    let Some((home_region, _)) = region.authority(home.as_str()) else { return Ok(()) };
    let code: RegionCode = home_region.code.clone();
    let today = children::today(tx.now());
    let at_home =
        entries.iter().find(|entry| entry.row.authority == home.as_str() && entry.state.kind != "temporary" && entry.is_live_on(today));
    let categories = at_home.map(|entry| {
        let now = entry.categories.iter().filter(|row| row.valid_to.is_none());
        now.filter_map(|row| row.category.parse().ok()).collect::<Vec<_>>()
    });
    let new = NewRegistration {
        authority: custody.me.as_str().to_owned(),
        registered_on: today,
        removed: None,
        basis: NewBasis::Home {
            region: code,
            authority: home.clone(),
            registration: at_home.and_then(|entry| RegistrationId::try_from(entry.row.id.0).ok()),
        },
        categories: categories.unwrap_or_else(|| told.to_vec()),
        coordinator: None,
        core_group: Vec::new(),
        review_due_on: None,
        legal_status: None,
    };
    let child = ChildId::try_from(child.0).map_err(|_| StoreError::Corrupt("child id"))?;
    registrations::insert(tx, region, child, &new, by)?;
    matcher::reindex(tx, region, child.into())
}
