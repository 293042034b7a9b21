//! Completing a check: what a region that was silent answers later is put to what is known. The outcome, the coverage, the entity
//! tag and the receipt change; the time at which it was asked does not. The enquirer is told of every later hit, and when
//! everybody has answered.

use chrono::TimeDelta;

use crate::domain::identifiers::{GssCode, RegionCode};
use crate::domain::ids::CheckId;
use crate::domain::notify::Notify;
use crate::domain::outcome::{Answer, CoverageStatus, OutcomeCode, Reply};
use crate::domain::search_set::{SearchSet, Standing};
use crate::domain::text::{NOTE_CHARACTERS_MAX, lines};
use crate::register::alerts::hits::ToldAlert;
use crate::register::checks::{self, PeerReply, StoredAnswer, StoredEarlier, StoredMatch};
use crate::register::receipts::sha256;
use crate::register::{Region, RegisterError, notices, tasks};
use crate::store::enquiries::{self as rows, EnquiryRow};
use crate::store::federation as waiting_rows;
use crate::store::{Snapshot, StoreError, Tx};

use super::answering::NOTHING_FOUND;
use super::message::MessageError;
use super::readings;
use super::wire::{PeerAnswer, PeerMatch, PeerQuestion};

/// What another region says: who may be meant there, earlier enquiries, and alerts.
pub type Told = (Answer<StoredMatch>, Option<StoredEarlier>, Vec<ToldAlert>);

/// What a region's genuine answer says, as it is kept here.
///
/// # Errors
/// [`MessageError::NotInReply`] for the answer to another question; [`MessageError::Body`] for one that contradicts itself.
pub fn read_answer(region: &Region, from: &RegionCode, asked: &PeerQuestion, answer: PeerAnswer) -> Result<Told, MessageError> {
    let salt = hex::decode(&asked.salt).unwrap_or_default();
    if answer.check != asked.check || answer.question != sha256(&[&salt, asked.child.as_bytes()]) {
        return Err(MessageError::NotInReply);
    }
    let is_current = answer.matches.iter().any(|found| found.status.is_current());
    if is_current == (answer.outcome == NOTHING_FOUND) || answer.matches.iter().any(|found| !is_sound(region, found)) {
        return Err(MessageError::Body);
    }
    let alerts: Vec<ToldAlert> =
        answer.alerts.into_iter().filter(|alert| region.authority(&alert.authority).is_some()).map(sound).collect();
    let findings = answer
        .matches
        .into_iter()
        .map(|found| StoredMatch {
            region: Some(from.to_string()),
            child: None,
            registration: None,
            entry: found.entry.filter(|entry| readings::is_name(entry)),
            tags: found.tags,
            grade: found.grade,
            score: found.score,
            bits: found.bits,
            person: found.person,
            reasons: found.reasons,
            flags: found.flags,
            status: found.status,
            held_by: found.held_by.filter(|_| region.authority(&found.authority).is_none()),
            authority: found.authority,
            epoch: found.epoch,
            registered_on: found.registered_on,
            coordinator: found.coordinator,
            shielded: found.shielded,
            superseded_number: false,
            alert: found.alert.and_then(|id| alerts.iter().find(|alert| alert.id == id).cloned()),
        })
        .collect();
    let earlier = answer.earlier.map(|earlier| StoredEarlier { count: earlier.count, agencies: earlier.agencies, since: earlier.since });
    Ok((Answer { as_of: answer.as_of, findings }, earlier, alerts))
}

/// An alert as another region tells of it, without what no text of a person is.
fn sound(alert: ToldAlert) -> ToldAlert {
    ToldAlert { instructions: alert.instructions.and_then(|text| lines(&text, NOTE_CHARACTERS_MAX).ok()), ..alert }
}

/// Whether a match can be told: numbers within their bounds, and an authority whose number can be rung. Of a child whose home is in
/// no region of the federation it is the one where they stay.
fn is_sound(region: &Region, found: &PeerMatch) -> bool {
    let can_be_rung = |authority: &str| region.authority(authority).is_some();
    let holder = found.held_by.as_deref().filter(|_| found.authority.parse::<GssCode>().is_ok());
    (0.0..=1.0).contains(&found.score) && found.bits.is_finite() && (can_be_rung(&found.authority) || holder.is_some_and(can_be_rung))
}

/// A check with one more answer.
#[derive(Debug)]
pub struct Completed {
    row: EnquiryRow,
    region: String,
    /// Whether a hit came late.
    hit: bool,
    /// Whether everybody has answered now.
    complete: bool,
    repeat: bool,
    /// Whether the region is off the list: it answered, or the check has expired.
    done: bool,
    /// Whether it answered.
    changed: bool,
}

/// What is known so far, as replies.
fn replies(region: &Region, answer: &StoredAnswer) -> Result<(SearchSet, Vec<PeerReply>), RegisterError> {
    let membership = region.membership();
    let mut set = Vec::new();
    let mut replies = Vec::new();
    for row in &answer.coverage {
        let code: RegionCode = row.region.parse().map_err(|_| StoreError::Corrupt("coverage"))?;
        let suspended = membership.peers.get(&code).is_some_and(|peer| peer.standing == Standing::Suspended);
        let reply = match (row.status, row.as_of) {
            (CoverageStatus::Answered, Some(as_of)) => {
                let is_own = code == *region.code();
                let of = |found: &&StoredMatch| found.region.as_deref() == (!is_own).then_some(row.region.as_str());
                Some(Reply::Answered(Answer { as_of, findings: answer.matches.iter().filter(of).cloned().collect() }))
            }
            (CoverageStatus::Unreachable, _) => Some(Reply::Unreachable),
            (CoverageStatus::Refused, _) if suspended => None,
            (CoverageStatus::Refused, _) => Some(Reply::Refused),
            (CoverageStatus::Invalid, _) => Some(Reply::Invalid),
            (CoverageStatus::TimedOut | CoverageStatus::Answered, _) => Some(Reply::TimedOut),
        };
        let standing = if reply.is_none() { Standing::Suspended } else { Standing::Active };
        set.push((code.clone(), standing));
        replies.extend(reply.map(|reply| PeerReply {
            region: code,
            reply,
            duration_ms: row.duration_ms.unwrap_or(0),
            earlier: None,
            signed: None,
            code: None,
            alerts: Vec::new(),
        }));
    }
    Ok((SearchSet::restore(set).map_err(|_| StoreError::Corrupt("the search set"))?, replies))
}

/// Puts a region's answer to a kept check.
///
/// # Errors
/// [`RegisterError::NotFound`] when the check or the region's place on the list is gone; or the database fails.
pub fn complete(snapshot: &mut Snapshot<'_>, region: &Region, check: CheckId, reply: PeerReply) -> Result<Completed, RegisterError> {
    snapshot.audit().enquiry(check);
    snapshot.audit().detail("region", &reply.region);
    let mut row = rows::find(snapshot.connection, check.into())?.ok_or(RegisterError::NotFound)?;
    let waiting = waiting_rows::waiting(snapshot.connection, check.into(), reply.region.as_str())?.ok_or(RegisterError::NotFound)?;
    let asked: PeerQuestion = serde_json::from_str(&waiting.question).map_err(|_| StoreError::Corrupt("question"))?;
    let mut answer = checks::stored_answer(&row)?;
    let code = reply.region.to_string();
    snapshot.audit().detail("status", reply.reply.status().as_str());
    let answered = matches!(reply.reply, Reply::Answered(_));
    let has_expired = snapshot.now() > row.valid_until.get();
    if !answered {
        snapshot.audit().empty();
        if let Some(code) = reply.code {
            snapshot.audit().detail("code", code);
        }
        return Ok(Completed { row, region: code, hit: false, complete: false, repeat: false, done: has_expired, changed: false });
    }
    let (set, mut all) = replies(region, &answer)?;
    all.retain(|one| one.region != reply.region);
    all.push(reply.clone());
    let (outcome, matches, coverage) = checks::judge(set, &all)?;
    let current = |matches: &[StoredMatch]| matches.iter().filter(|found| found.status.is_current()).count();
    let hit = current(&matches) > current(&answer.matches);
    if let Some(earlier) = reply.earlier {
        answer.earlier_parts.insert(code.clone(), earlier);
    }
    answer.signed.extend(reply.signed.map(|text| (code.clone(), text)));
    answer.earlier = checks::together(&answer.earlier_parts);
    let narrowed = answer.advice.iter().any(|advice| advice == "search-narrowed");
    let known = answer.alerts.len() + answer.matches.iter().filter(|found| found.alert.is_some()).count();
    let mut alerts = std::mem::take(&mut answer.alerts);
    alerts.extend(reply.alerts);
    answer.alerts = checks::not_carried(alerts, &matches);
    let hit = hit || answer.alerts.len() + matches.iter().filter(|found| found.alert.is_some()).count() > known;
    answer.advice = checks::advice(region, &outcome, (&matches, &answer.alerts), &answer.earlier, narrowed);
    answer.matches = matches;
    answer.coverage = coverage;
    let was_repeat = checks::is_repeat(region, &checks::stored_answer(&row)?);
    let repeat = checks::is_repeat(region, &answer) && !was_repeat;
    let complete = answer.coverage.iter().all(|row| row.status == CoverageStatus::Answered);
    row.version += 1;
    row.outcome = outcome.as_str().into();
    row.answer = serde_json::to_string(&answer).map_err(|_| StoreError::Corrupt("answer"))?;
    snapshot.audit().detail("outcome", outcome.as_str());
    snapshot.audit().detail("matches", answer.matches.len());
    let promise = snapshot.promise()?;
    let digest = hex::decode(&asked.salt).map(|salt| sha256(&[&salt, asked.child.as_bytes()])).ok();
    row.receipt = checks::receipt(region, &row, &answer, asked.salt, digest, &promise)?;
    Ok(Completed { row, region: code, hit, complete, repeat, done: true, changed: true })
}

/// Keeps it, and tells the enquirer.
///
/// # Errors
/// [`RegisterError::Stale`] when another region's answer was put to it meanwhile: to be done again.
pub fn record(tx: &mut Tx<'_>, region: &Region, completed: &Completed) -> Result<(), RegisterError> {
    let row = &completed.row;
    if completed.done {
        waiting_rows::wait_no_more(tx, row.id, &completed.region)?;
    }
    if !completed.changed {
        return Ok(());
    }
    if !rows::complete(tx.connection, row)? {
        return Err(RegisterError::Stale);
    }
    let kind = if completed.hit { Some(notices::Kind::LateHit) } else { completed.complete.then_some(notices::Kind::CheckComplete) };
    if let Some(kind) = kind {
        let urgency = if completed.hit { Notify::Urgent } else { Notify::Normal };
        notices::to_enquirer(tx, kind, urgency, region.code().as_str(), row)?;
    }
    if completed.repeat {
        let id = CheckId::try_from(row.id.0).map_err(|_| StoreError::Corrupt("check id"))?;
        tasks::raise(tx, tasks::Kind::RepeatEnquiry, region.code().as_str(), None, None, Some(id))?;
    }
    Ok(())
}

impl Completed {
    /// The outcome now.
    pub fn outcome(&self) -> Option<OutcomeCode> {
        self.row.outcome.parse().ok()
    }
}

/// After how long a region is asked again that did not answer so many times: twice as long each time, with some jitter, so that
/// not everybody asks at once.
pub fn pause(region: &Region, attempts: i64, jitter: f64) -> TimeDelta {
    let first = i64::try_from(region.federation.retry_first_ms).unwrap_or(i64::MAX);
    let last = i64::try_from(region.federation.retry_last_ms).unwrap_or(i64::MAX);
    let doubled = first.saturating_mul(1 << attempts.clamp(0, 20)).min(last);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "milliseconds, up to an hour")]
    let spread = (doubled as f64 * (0.8 + 0.4 * jitter.clamp(0.0, 1.0))) as i64;
    TimeDelta::milliseconds(spread)
}
