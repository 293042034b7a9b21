//! Temporary stays among the moves: the child is elsewhere for a time, and home goes on being responsible.
//!
//! A stay stands in the list of moves under its own identifier, with home where a move has its origin and the host where it has its
//! receiver. Nothing but home ends one; when its weeks or its last day have passed, people on both sides have a task.
//!
//! # Source
//! WSP-4.10 (the twelve weeks), WSP-4.12 (the temporary entry), MK-MOVE; invariant I6, scenario S23 of the procedures.

use super::acts::{Act, Actor, NewStay, note as note_step, rule, unless_ordered};
use super::{OutOfTurn, Region, RegisterError, Step, Transfer, Turn, keep, out_of_turn, region_of};
use crate::domain::custody::{Action, Custody, Hosted, Stay, StayChange, StayState, StayTerms, Why};
use crate::domain::identifiers::GssCode;
use crate::domain::ids::{StayId, TransferId};
use crate::domain::text::Note;
use crate::register::{children, registrations};
use crate::store::custody::{STAY, TransferRow};
use crate::store::types::{Id, Instant};
use crate::store::{StoreError, Tx};

/// What a stay is called where a move has its nature.
pub const TEMPORARY: &str = "temporary";

/// A stay as the two sides hold it, as far as they are of this region.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// At home.
    pub home: Option<&'a Stay>,
    /// At the host.
    pub host: Option<&'a Hosted>,
}

impl Sides<'_> {
    /// What is agreed, as home has it, else as the host heard it last.
    pub fn terms(&self) -> Option<&StayTerms> {
        self.home.map(|stay| &stay.terms).or_else(|| self.host.map(|hosted| &hosted.terms))
    }
}

/// Both sides of a stay.
pub fn sides(transfer: &Transfer) -> Sides<'_> {
    let id = StayId::try_from(transfer.row.id.0).ok();
    Sides {
        home: id.and_then(|id| transfer.origin.as_ref()?.custody.stay(id)),
        host: id.and_then(|id| transfer.receiver.as_ref()?.custody.hosted(id)),
    }
}

/// What may be done about a stay now.
pub(super) fn possible(transfer: &Transfer) -> Vec<Turn> {
    let sides = sides(transfer);
    if sides.terms().is_none_or(|terms| terms.state != StayState::Open) {
        return Vec::new();
    }
    let is_acknowledged = match (sides.host, sides.home) {
        (Some(hosted), _) => hosted.is_acknowledged(),
        (None, Some(stay)) => stay.acknowledged >= stay.terms.version,
        (None, None) => true,
    };
    let is_converted = sides.home.is_some_and(|stay| stay.transfer.is_some());
    let (home, host) = (&transfer.row.from_authority, &transfer.row.to_authority);
    let mut steps = vec![(Step::Extend, home), (Step::Keep, home), (Step::End, home)];
    if !is_converted {
        steps.push((Step::Convert, home));
    }
    if !is_acknowledged {
        steps.push((Step::Acknowledge, host));
    }
    steps.push((Step::Contact, host));
    steps.into_iter().map(|(action, authority)| Turn { action, authority: authority.clone(), roles: action.roles() }).collect()
}

/// The act with which a stay begins.
///
/// # Errors
/// A broken rule of the request.
pub(super) fn begin(tx: &Tx<'_>, id: TransferId, host: &GssCode, new: &NewStay) -> Result<Action, RegisterError> {
    let stay = StayId::try_from(uuid::Uuid::from(id)).map_err(|_| StoreError::Corrupt("stay id"))?;
    if new.from > children::today(tx.now()) {
        return Err(rule("/startsOn", "in-the-future", "give the day on which it began: announce a move that may come"));
    }
    if new.expected_to.is_some_and(|day| day < new.from) {
        return Err(rule("/expectedTo", "ends-before-start", "give a day that is not before the first"));
    }
    let terms = StayTerms {
        stay,
        version: 1,
        state: StayState::Open,
        from: new.from,
        expected_to: new.expected_to,
        supervision: new.supervision.clone(),
        kept_on: None,
    };
    Ok(Action::BeginStay { host: host.clone(), terms })
}

/// Does something about a stay.
///
/// # Errors
/// [`RegisterError::OutOfTurn`] with what may be done now and by whom; or a broken rule of the request.
pub(super) fn act(
    tx: &mut Tx<'_>,
    region: &Region,
    whole: Transfer,
    (act, words): (&Act, Option<&Note>),
    by: &Actor,
    covers: &dyn Fn(&str) -> bool,
) -> Result<(), RegisterError> {
    let stay = StayId::try_from(whole.row.id.0).map_err(|_| StoreError::Corrupt("stay id"))?;
    let today = children::today(tx.now());
    let terms = sides(&whole).terms().cloned().ok_or(StoreError::Corrupt("a stay has no terms"))?;
    let refuse = |why: Why| RegisterError::OutOfTurn(Box::new(OutOfTurn { why, possible: whole.possible() }));
    let not_before = |pointer: &str, day: Option<chrono::NaiveDate>| match day {
        Some(day) if day < terms.from => Err(rule(pointer, "ends-before-start", "give a day that is not before the first")),
        _ => Ok(()),
    };
    let action = match act {
        Act::Extend { expected_to, supervision } => {
            not_before("/expectedTo", *expected_to)?;
            // Of what is not named what was agreed before goes on.
            let change = StayChange::Extend { expected_to: expected_to.or(terms.expected_to), supervision: supervision.clone() };
            Action::ChangeStay { stay, change }
        }
        Act::Keep => Action::ChangeStay { stay, change: StayChange::Keep },
        Act::End => Action::ChangeStay { stay, change: StayChange::End },
        Act::Acknowledge => Action::AcknowledgeStay { stay },
        Act::Contact(on) => {
            not_before("/on", Some(*on))?;
            if *on > today {
                return Err(rule("/on", "in-the-future", "give the day on which it was"));
            }
            Action::ReportContact { stay, on: *on, words: words.cloned() }
        }
        Act::Convert(nature) => {
            let to = whole.row.to_authority.parse().map_err(|_| StoreError::Corrupt("authority"))?;
            let transfer = TransferId::new_at(tx.wall());
            Action::Offer { transfer, to, nature: *nature, family_move: None, stay: Some(stay), forced_by: None }
        }
        _ => return Err(refuse(Why::NotNow)),
    };
    let at_home = !matches!(act, Act::Acknowledge | Act::Contact(_));
    let (held, authority) =
        if at_home { (whole.origin.clone(), &whole.row.from_authority) } else { (whole.receiver.clone(), &whole.row.to_authority) };
    let Some(mut held) = held.filter(|_| covers(authority)) else { return Err(refuse(Why::OtherSide)) };
    if matches!(act, Act::Convert(_)) {
        let entries = registrations::of(tx.connection, &[whole.row.child_id])?;
        let entry =
            entries.iter().find(|entry| entry.row.authority == *authority && entry.state.kind != "temporary" && entry.is_live_on(today));
        unless_ordered(region, entry.ok_or(RegisterError::NotInForce)?)?;
    }
    if terms.state != StayState::Open && !matches!(act, Act::Acknowledge) {
        return Err(refuse(Why::StayEnded));
    }
    let outcome = held.custody.act(action, &by.signature(tx.now())).map_err(|refused| out_of_turn(&refused, None))?;
    let transfer = held.custody.stay(stay).and_then(|held| held.transfer);
    keep(tx, region, held, &outcome, &by.key)?;
    note_step(tx, &whole.row, authority, (act.step().as_str(), act.reason(), None), words, by)?;
    // The move that it becomes says where it comes from.
    if let (Act::Convert(nature), Some(id)) = (act, transfer)
        && let Some(row) = TransferRow::find(tx.connection, id.into())?
    {
        note_step(tx, &row, authority, (Step::Notify.as_str(), Some(nature.as_str()), None), words, by)?;
    }
    Ok(())
}

/// Brings the stays' rows up to date: a new one for each that began, the next version for each that changed.
///
/// # Errors
/// When the database fails.
pub(super) fn note(tx: &mut Tx<'_>, region: &Region, before: Option<&Custody>, after: &Custody, child: Id) -> Result<(), RegisterError> {
    let here = after.me.as_str();
    let at_home = after.stays.iter().filter(|stay| before.is_none_or(|before| before.stay(stay.terms.stay) != Some(*stay)));
    let at_home = at_home.map(|stay| (&stay.terms, here, stay.host.as_str()));
    let hosted = after.hosted.iter().filter(|hosted| before.is_none_or(|before| before.hosted(hosted.terms.stay) != Some(*hosted)));
    let hosted = hosted.map(|hosted| (&hosted.terms, hosted.home.as_str(), here));
    let at = Instant::new(tx.now());
    for (terms, home, host) in at_home.chain(hosted) {
        let is_open = terms.state == StayState::Open;
        if TransferRow::find(tx.connection, terms.stay.into())?.is_some() {
            TransferRow::touch(tx.connection, terms.stay.into(), is_open, at)?;
        } else {
            TransferRow {
                id: terms.stay.into(),
                custody_id: after.id.into(),
                child_id: child,
                from_authority: home.to_owned(),
                from_region: region_of(region, home),
                to_authority: host.to_owned(),
                to_region: region_of(region, host),
                version: 1,
                is_open,
                created_at: at,
                changed_at: at,
                kind: STAY.to_owned(),
            }
            .insert(tx.connection)?;
        }
        tx.audit().detail("stay", terms.stay);
    }
    Ok(())
}
