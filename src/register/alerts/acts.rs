//! What people do about an alert.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::particulars::{Details, Kept, Located, Particulars, ReportDetails, Sought};
use super::{Held, OutOfTurn, Step, hits, keep, others};
use crate::domain::custody::alert::{
    Alert, AlertAction, AlertActionKind, AlertOutcome, AlertRefused, AlertStatus, AlertWhy, ClosureReason, MissingPath, ReportKey,
};
use crate::domain::custody::{DutyKind, Nature};
use crate::domain::identifiers::{GssCode, RegionCode};
use crate::domain::ids::{AlertId, SightingId};
use crate::domain::text::Note;
use crate::register::registrations::{self, Registration};
use crate::register::transfers::{self, Actor, NewTransfer, Whereabouts};
use crate::register::{Region, RegisterError, children, notices, tasks};
use crate::store::Tx;
use crate::store::alerts::{AlertRow, AlertStepRow, ReportRow, read_notices};
use crate::store::children as child_rows;
use crate::store::notices::NoticeRow;
use crate::store::types::{Id, Instant};

/// How long an alert goes without being confirmed when the procedures say nothing.
const RENEWED_WITHIN: TimeDelta = TimeDelta::days(7);

/// An alert, as it is raised.
#[derive(Debug, Clone)]
pub struct NewAlert {
    /// What is missing.
    pub path: MissingPath,
    /// Whether it is an exercise.
    pub exercise: bool,
    /// What is said of the matter.
    pub details: Details,
    /// What happened.
    pub words: Option<Note>,
}

/// The child was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Who saw the child.
    pub seen_by: String,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// In the area of which authority; `None`: of the own.
    pub found_in: Option<GssCode>,
    /// Whether the family has moved there for good; `None` while that is not certain.
    pub nature: Option<Nature>,
}

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Approves.
    Authorise,
    /// Circulates.
    Circulate {
        /// To which regions; `None`: to every other one.
        regions: Option<BTreeSet<RegionCode>>,
        /// When it has to be confirmed.
        review_by: Option<DateTime<Utc>>,
        /// What else is said.
        details: Details,
    },
    /// Does not circulate.
    Decline {
        /// When the decision is looked at again.
        review_by: Option<DateTime<Utc>>,
    },
    /// Says more.
    Update(Details),
    /// Confirms.
    Renew {
        /// When it has to be confirmed again.
        review_by: Option<DateTime<Utc>>,
    },
    /// The child was located and seen.
    Locate(Found),
    /// Closes for another reason.
    StandDown(ClosureReason),
    /// Has read a report.
    Read(SightingId),
    /// Has opened it.
    Acknowledge,
    /// Searches anew.
    Search,
    /// The child was seen.
    Sighting(Box<ReportDetails>),
}

impl Act {
    /// Which step it is.
    pub const fn step(&self) -> Step {
        match self {
            Self::Authorise => Step::Authorise,
            Self::Circulate { .. } => Step::Circulate,
            Self::Decline { .. } => Step::Decline,
            Self::Update(_) => Step::Update,
            Self::Renew { .. } => Step::Renew,
            Self::Locate(_) => Step::Locate,
            Self::StandDown(_) => Step::StandDown,
            Self::Read(_) => Step::Read,
            Self::Acknowledge => Step::Acknowledge,
            Self::Search => Step::Search,
            Self::Sighting(_) => Step::Sighting,
        }
    }

    const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::StandDown(reason) => Some(reason.as_str()),
            Self::Locate(_) => Some(ClosureReason::LocatedAndSeen.as_str()),
            _ => None,
        }
    }
}

fn rule(pointer: &str, code: &'static str, detail: &str) -> RegisterError {
    RegisterError::Rule { pointer: pointer.into(), code, detail: detail.into() }
}

/// Whereabouts unknown: the custodian is asked whether to circulate an alert, managers hear of it.
///
/// # Errors
/// [`RegisterError::NotInForce`] for an entry of an authority that does not lead; [`RegisterError::AlertOutOfTurn`] when one is open;
/// or a broken rule of the request.
///
/// # Source
/// WSP-4.11, WM-2.20; scenarios S33, S36.
pub fn raise(tx: &mut Tx<'_>, region: &Region, entry: &Registration, new: &NewAlert, by: &Actor) -> Result<AlertRow, RegisterError> {
    let today = children::today(tx.now());
    if !entry.is_live_on(today) || entry.state.kind == "temporary" {
        return Err(RegisterError::NotInForce);
    }
    child_rows::claim(tx.connection, entry.row.child_id)?;
    let custody = transfers::led_by(tx, region, entry, &by.key)?;
    for row in AlertRow::of_custody(tx.connection, custody.0.into())? {
        let open = Held::read(row)?;
        if open.alert.is_mine() && open.status() != Some(AlertStatus::Closed) && open.is_exercise() == new.exercise {
            return Err(open.refuse(region, AlertWhy::AlreadyRaised));
        }
    }
    unless_confidential(tx, entry.row.child_id, &new.details)?;
    let id = AlertId::new_at(tx.wall());
    let particulars = Particulars {
        authority: entry.row.authority.clone(),
        child: sought(tx, entry.row.child_id)?,
        details: new.details.clone(),
        audience: Vec::new(),
    };
    let held = Held {
        row: None,
        alert: Alert::raised(id, region.code().clone(), custody, new.path, new.exercise, tx.now()),
        kept: Kept { particulars, ..Kept::default() },
        child: Some(entry.row.child_id),
        registration: Some(entry.row.id),
    };
    let row = keep(tx, region, held, &AlertOutcome::default(), &by.key)?;
    note(tx, row.id, &entry.row.authority, ("raise", Some(new.path.as_str())), new.words.as_ref(), by)?;
    Ok(row)
}

/// The child as the register has them now.
fn sought(tx: &mut Tx<'_>, child: Id) -> Result<Sought, RegisterError> {
    let row = child_rows::find(tx.connection, child)?.ok_or(RegisterError::NotFound)?;
    Ok(Sought::of(&children::load(tx.connection, row)?))
}

/// Letters and digits alone, as addresses are compared.
fn squeezed(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Refuses words in which a confidential address of the child stands: an alert goes out to many.
///
/// # Source
/// Invariant I16; scenario S42.
fn unless_confidential(tx: &mut Tx<'_>, child: Id, details: &Details) -> Result<(), RegisterError> {
    let texts = details.texts();
    if texts.is_empty() {
        return Ok(());
    }
    let row = child_rows::find(tx.connection, child)?.ok_or(RegisterError::NotFound)?;
    let shielded = row.shielded;
    let addresses = child_rows::AddressRow::current(tx.connection, &[child])?;
    let hidden = addresses.iter().filter(|address| address.confidential || (shielded && !address.is_over()));
    let mut sought = Vec::new();
    for address in hidden {
        let lines: Vec<String> = serde_json::from_str(&address.lines).unwrap_or_default();
        // A first line says where; "The Flat" alone would be in half of all texts.
        sought.extend(lines.first().map(|line| squeezed(line)).filter(|line| line.chars().count() >= 8));
        sought.extend(address.postcode.as_deref().map(squeezed).filter(|postcode| !postcode.is_empty()));
    }
    for (pointer, text) in texts {
        let text = squeezed(text);
        if sought.iter().any(|hidden| text.contains(hidden.as_str())) {
            return Err(rule(pointer, "confidential-address", "leave out the confidential address: an alert goes to many people"));
        }
    }
    Ok(())
}

fn note(
    tx: &mut Tx<'_>,
    alert: Id,
    authority: &str,
    (action, reason): (&str, Option<&str>),
    words: Option<&Note>,
    by: &Actor,
) -> Result<(), RegisterError> {
    AlertStepRow {
        id: Id(uuid::Uuid::now_v7()),
        alert_id: alert,
        authority: authority.to_owned(),
        action: action.to_owned(),
        role: by.role.as_str().to_owned(),
        name: by.name.expose().to_owned(),
        reason: reason.map(str::to_owned),
        words: words.map(|words| words.expose().to_owned()),
        recorded_at: Instant::new(tx.now()),
        recorded_by: by.key.clone(),
    }
    .insert(tx.connection)?;
    tx.audit().detail("action", action);
    Ok(())
}

/// By when an alert has to be confirmed: as its custodian says, but never later than the procedures allow.
fn review_by(region: &Region, stated: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<DateTime<Utc>, RegisterError> {
    let rule_of = region.procedures.duty(DutyKind::AlertRenewal);
    let span = rule_of.and_then(|rule| rule.within);
    let calendar = crate::domain::calendar::Calendar::for_nation(region.procedures.nation).ok();
    let latest = span.zip(calendar).and_then(|(span, calendar)| span.after(children::today(now), calendar).ok());
    let latest = latest.and_then(|day| day.succ_opt()).map_or(now + RENEWED_WITHIN, |day| day.and_time(chrono::NaiveTime::MIN).and_utc());
    match stated {
        Some(at) if at <= now => Err(rule("/reviewBy", "in-the-past", "give a time that is still to come")),
        Some(at) if at > latest => {
            Err(rule("/reviewBy", "review-too-late", "give a time within a week: an open alert is confirmed at least as often"))
        }
        stated => Ok(stated.unwrap_or(now + RENEWED_WITHIN).min(latest)),
    }
}

/// Does something about an alert.
///
/// # Errors
/// [`RegisterError::AlertOutOfTurn`] with what may be done now and by whom; or a broken rule of the request.
pub fn act(
    tx: &mut Tx<'_>,
    region: &Region,
    row: &AlertRow,
    (act, words): (&Act, Option<&Note>),
    by: &Actor,
    covers: &dyn Fn(&str) -> bool,
) -> Result<(), RegisterError> {
    // What was read and found at the right version must still be so, whoever acts or whatever arrives at the same time.
    if AlertRow::find(tx.connection, row.id)?.is_none_or(|now| now.version != row.version) {
        return Err(RegisterError::Stale);
    }
    let held = Held::read(row.clone())?;
    let step = act.step();
    if held.alert.is_mine() && step.kind().is_the_owners() && !covers(held.authority()) {
        return Err(held.refuse(region, AlertWhy::OtherAuthority));
    }
    let own = region.authorities().iter().map(|own| own.gss.as_str());
    let mine = held.alert.is_mine();
    let at = own.into_iter().find(|gss| covers(gss) && (!mine || *gss == held.authority()));
    let authority = at.unwrap_or_else(|| region.code().as_str()).to_owned();
    let authority = if by.role == crate::domain::roles::Role::Coordinator && mine { held.authority().to_owned() } else { authority };
    take_step(tx, region, held, act, by)?;
    note(tx, row.id, &authority, (step.as_str(), act.reason()), words, by)
}

fn take_step(tx: &mut Tx<'_>, region: &Region, mut held: Held, act: &Act, by: &Actor) -> Result<(), RegisterError> {
    let now = tx.now();
    let signature = by.signature(now);
    let possible = held.possible(region);
    let out_of_turn =
        |refused: AlertRefused| RegisterError::AlertOutOfTurn(Box::new(OutOfTurn { why: refused.why, possible: possible.clone() }));
    let action = match act {
        Act::Authorise => {
            // The decision itself is still to come: nothing changes but that it is recorded.
            let probe = AlertAction::Decide { audience: None, reconfirm_by: now };
            held.alert.clone().act(probe, &signature).map_err(out_of_turn)?;
            return keep(tx, region, held, &AlertOutcome::default(), &by.key).map(|_| ());
        }
        Act::Circulate { regions, review_by: stated, details } => {
            let mut audience = audience(region, regions.as_ref())?;
            if let Some(Whereabouts::PassedTo(there)) = held.whereabouts(tx.connection, region)? {
                audience.insert(there);
            }
            publishing(tx, &mut held, details)?;
            AlertAction::Decide { audience: Some(audience), reconfirm_by: review_by(region, *stated, now)? }
        }
        Act::Decline { review_by: stated } => AlertAction::Decide { audience: None, reconfirm_by: review_by(region, *stated, now)? },
        Act::Update(details) => {
            if held.alert.is_mine() {
                publishing(tx, &mut held, details)?;
            }
            AlertAction::Update
        }
        Act::Renew { review_by: stated } => {
            held.kept.said = Details::default();
            AlertAction::Renew { reconfirm_by: review_by(region, *stated, now)? }
        }
        Act::Locate(_) => AlertAction::Close { reason: ClosureReason::LocatedAndSeen },
        Act::StandDown(ClosureReason::ExerciseOver) if !held.is_exercise() => {
            return Err(rule("/reason", "not-an-exercise", "give the reason for which the alert ends: it is no exercise"));
        }
        Act::StandDown(reason) => AlertAction::Close { reason: *reason },
        Act::Read(sighting) => AlertAction::Read { key: ReportKey::Sighting(*sighting) },
        Act::Acknowledge => AlertAction::Acknowledge,
        Act::Search => {
            if held.alert.possible().iter().all(|(kind, _)| *kind != AlertActionKind::Search) {
                let refused = held.alert.act(AlertAction::Search { found: false }, &signature);
                return refused.map(|_| ()).map_err(out_of_turn);
            }
            return hits::search(tx, region, held, &by.key);
        }
        Act::Sighting(details) => {
            let sighting = SightingId::new_at(tx.wall());
            let told = ReportRow { is_taken: true, ..hits::reported(held.alert.id.into(), sighting, details, now)? };
            told.add(tx.connection)?;
            AlertAction::Report { sighting }
        }
    };
    let outcome = held.alert.act(action, &signature).map_err(out_of_turn)?;
    if held.alert.is_mine() && outcome.send.iter().any(|(_, message)| message.as_str() == "alert") {
        // Each version is opened anew.
        held.kept.acknowledged_by.clear();
    }
    if matches!(act, Act::Acknowledge) {
        let kind = if held.is_exercise() { notices::Kind::AlertExercise } else { notices::Kind::AlertReceived };
        read_notices(tx, held.alert.id.into(), kind.as_str(), &by.key)?;
    }
    if let Act::Locate(found) = act {
        let found_in = found.found_in.as_ref().map(|gss| gss.as_str().to_owned());
        held.kept.located = Some(Located { seen_by: found.seen_by.clone(), at: found.at.unwrap_or(now), found_in });
        if !held.is_exercise() {
            held.kept.transfer = begin_move(tx, region, &held, found, by)?;
        }
    }
    keep(tx, region, held, &outcome, &by.key).map(|_| ())
}

/// The regions that are named, or every other one.
fn audience(region: &Region, named: Option<&BTreeSet<RegionCode>>) -> Result<BTreeSet<RegionCode>, RegisterError> {
    let others = others(region);
    match named {
        None => Ok(others),
        Some(named) if named.iter().any(|code| code != region.code() && !others.contains(code)) => {
            Err(rule("/regions", "unknown-region", "use region codes from the directory"))
        }
        Some(named) => Ok(named.iter().filter(|code| *code != region.code()).cloned().collect()),
    }
}

/// What is said besides, and the child as the register has them now.
fn publishing(tx: &mut Tx<'_>, held: &mut Held, details: &Details) -> Result<(), RegisterError> {
    let Some(child) = held.child else { return Ok(()) };
    unless_confidential(tx, child, details)?;
    held.kept.say(details);
    held.kept.particulars.child = sought(tx, child)?;
    Ok(())
}

/// A child who was found in another authority's area: the move is begun, as an announcement while nobody knows whether the family
/// stays there. Where that cannot be done now a custodian is asked to see to it.
///
/// # Source
/// WSP-4.11: the social worker follows the transfer procedure if the family has settled elsewhere.
fn begin_move(tx: &mut Tx<'_>, region: &Region, held: &Held, found: &Found, by: &Actor) -> Result<Option<uuid::Uuid>, RegisterError> {
    let Some(to) = found.found_in.as_ref().filter(|to| to.as_str() != held.authority()) else { return Ok(None) };
    if region.authority(to.as_str()).is_none() {
        return Err(rule("/foundIn", "unknown-authority", "give the GSS code of an authority of a region of the federation"));
    }
    let today = children::today(tx.now());
    let entries = registrations::of(tx.connection, held.child.as_slice())?;
    let led = entries
        .into_iter()
        .find(|entry| entry.row.authority == held.authority() && entry.state.kind != "temporary" && entry.is_live_on(today));
    let new = NewTransfer { to: to.clone(), nature: found.nature, family_move: None, approved_by: None, stay: None, words: None };
    let begun = match &led {
        Some(entry) => transfers::begin(tx, region, entry, &new, by).map(Some),
        None => Ok(None),
    };
    match begun {
        Ok(Some(row)) => Ok(Some(row.id.0)),
        // Another move is open, a court order keeps the child here, or they are on that register already: a person sees to it.
        Ok(None) | Err(RegisterError::OutOfTurn(_) | RegisterError::Rule { .. } | RegisterError::NotInForce) => {
            super::matters::raise(tx, held, tasks::Kind::AlertFoundElsewhere, held.authority())?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Somebody has acknowledged the notice of another region's alert: that person has opened the alert.
///
/// # Errors
/// [`RegisterError::Stale`] when a message came at the same time; or the database fails.
pub fn opened(tx: &mut Tx<'_>, region: &Region, notice: &NoticeRow, by: &Actor) -> Result<(), RegisterError> {
    let tells = [notices::Kind::AlertReceived, notices::Kind::AlertExercise].iter().any(|kind| kind.as_str() == notice.kind);
    let Some(row) = notice.alert_id.filter(|_| tells).map(|id| AlertRow::find(tx.connection, id)).transpose()?.flatten() else {
        return Ok(());
    };
    let held = Held::read(row)?;
    let waits = held.alert.acknowledged.is_none() && held.alert.possible().iter().any(|(kind, _)| *kind == AlertActionKind::Acknowledge);
    if !waits || !Step::Acknowledge.roles().contains(&by.role) {
        return Ok(());
    }
    let alert = held.alert.id.into();
    take_step(tx, region, held, &Act::Acknowledge, by)?;
    note(tx, alert, region.code().as_str(), (Step::Acknowledge.as_str(), None), None, by)
}
