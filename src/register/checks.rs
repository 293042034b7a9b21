//! The check: is this child on a child protection register, and whom to ring?
//!
//! ```text
//! question ──▶ find   on a reader's snapshot: candidates, entries, earlier enquiries, the outcome, the signed receipt
//!          └─▶ record the unit of work: the check, its notices and tasks – inserts only
//! ```
//!
//! What is kept of an answer are codes and opaque identifiers ([`StoredAnswer`]); words, telephone numbers "at this minute" and
//! names of authorities are put in when somebody reads it.

use std::time::Instant as Stopwatch;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::children::today;
use super::matcher::Found;
use super::notices::{self, Notice};
use super::receipts::{RECEIPT_TYPE, ReceiptClaims, answer_document, sha256};
use super::registrations::{self, Registration};
use super::{Region, RegisterError, patterns, tasks};
use crate::authz::{Principal, Reach};
use crate::domain::ids::CheckId;
use crate::domain::notify::Notify;
use crate::domain::outcome::{Answer, Coverage, CoverageStatus, Finding, Grade, MatchStatus, Outcome, OutcomeCode, Reply};
use crate::domain::reason::Reason;
use crate::domain::registration::RegistrationStatus;
use crate::domain::search_set::SearchSet;
use crate::domain::short_reference::ShortReference;
use crate::matching::{self, Candidate, Flag, KeyKind, Person, Query, Record, Verdict, enough_to_search};
use crate::store::children as child_rows;
use crate::store::connection::AnyConnection;
use crate::store::enquiries::{self as rows, EarlierRow, EnquiryMatchRow, EnquiryRow};
use crate::store::patterns::MarkRow;
use crate::store::types::{Id, Instant};
use crate::store::{Snapshot, StoreError, Tx};

/// A question, checked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Why.
    pub reason: Reason,
    /// The enquirer's own reference.
    pub case_reference: Option<String>,
    /// The child, as the matcher reads it.
    pub person: Person,
    /// The question as it was asked, in canonical JSON, for the enquiry log and the digest.
    pub document: String,
    /// How those who must know are told.
    pub notify: Notify,
    /// Which regions must have answered before absence may be told.
    pub search: SearchSet,
    /// The agency on whose behalf emergency duty staff ask; else the caller's own.
    pub on_behalf_of: Option<String>,
    /// The language in which it was asked.
    pub language: &'static str,
}

/// One person who may be meant, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredMatch {
    /// The person.
    pub child: uuid::Uuid,
    /// The entry.
    pub registration: uuid::Uuid,
    /// How sure.
    pub grade: Grade,
    /// Posterior probability, 0–1.
    pub score: f64,
    /// Posterior log-odds, bits.
    pub bits: f64,
    /// Whether entries with the same value are of one person.
    pub person: Option<i64>,
    /// What agreed, differed or was missing.
    pub reasons: Vec<matching::Reason>,
    /// Labels.
    pub flags: Vec<Flag>,
    /// The standing of the entry.
    pub status: MatchStatus,
    /// The one responsible authority (GSS code).
    pub authority: String,
    /// From when.
    pub registered_on: NaiveDate,
    /// The co-ordinator.
    pub coordinator: Option<String>,
    /// Whether the record is shielded.
    pub shielded: bool,
}

impl Finding for StoredMatch {
    fn grade(&self) -> Grade {
        self.grade
    }

    fn status(&self) -> MatchStatus {
        self.status
    }

    fn bits(&self) -> f64 {
        self.bits
    }

    fn is_same_person_as(&self, other: &Self) -> bool {
        self.child == other.child || (self.person.is_some() && self.person == other.person)
    }
}

/// What became of asking a region, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredCoverage {
    /// The region.
    pub region: String,
    /// What became of it.
    pub status: CoverageStatus,
    /// When its register was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
}

/// Earlier enquiries by others, as they are kept.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StoredEarlier {
    /// How many.
    pub count: u64,
    /// Which agencies.
    pub agencies: Vec<String>,
    /// When the first of them was.
    pub since: Option<DateTime<Utc>>,
}

/// An answer, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredAnswer {
    /// Who may be meant, best first.
    pub matches: Vec<StoredMatch>,
    /// Every region in the search.
    pub coverage: Vec<StoredCoverage>,
    /// Earlier enquiries by others.
    pub earlier: StoredEarlier,
    /// Codes of the advice.
    pub advice: Vec<String>,
}

/// What was found, complete but for its receipt and for being kept.
#[derive(Debug)]
pub struct Checked {
    /// The check.
    pub row: EnquiryRow,
    /// Its answer.
    pub answer: StoredAnswer,
    matches: Vec<EnquiryMatchRow>,
    keys: Vec<i64>,
    notices: Vec<Notice>,
    repeat: bool,
    salt: [u8; 16],
    mark: MarkRow,
}

fn grade(grade: matching::Grade) -> Grade {
    match grade {
        matching::Grade::Possible => Grade::Possible,
        matching::Grade::Probable => Grade::Probable,
        matching::Grade::Certain => Grade::Certain,
    }
}

fn status(status: RegistrationStatus) -> Option<MatchStatus> {
    status.match_status()
}

/// The entry that speaks for a person: the one in force by a decision, else one in force for a time, else the latest former
/// one. It names the one responsible authority.
fn speaking(entries: &[&Registration], day: NaiveDate, unborn: bool) -> Option<(usize, MatchStatus)> {
    let rank = |status: MatchStatus| match status {
        MatchStatus::Registered | MatchStatus::UnbornRegistered | MatchStatus::TransferPending => 2,
        MatchStatus::TemporarilyRegistered => 1,
        MatchStatus::PreviouslyRegistered => 0,
    };
    entries
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| status(entry.status_on(day, unborn)).map(|status| (index, status)))
        .max_by_key(|(index, status)| (rank(*status), entries[*index].state.registered_on))
}

/// Everything that is known of the people whom a search named.
struct Known {
    people: Vec<child_rows::ChildRow>,
    entries: Vec<Registration>,
    unborn: Vec<Id>,
}

impl Known {
    fn of(connection: &mut AnyConnection, pids: &[i64]) -> Result<Self, RegisterError> {
        let mut known = Self { people: Vec::new(), entries: Vec::new(), unborn: Vec::new() };
        for (person, birth_kind) in child_rows::by_numbers(connection, pids)? {
            if birth_kind.as_deref() == Some("expected") {
                known.unborn.push(person.id);
            }
            known.people.push(person);
        }
        let ids: Vec<Id> = known.people.iter().map(|person| person.id).collect();
        known.entries = registrations::told_in_a_check(connection, &ids)?;
        Ok(known)
    }

    /// The person, the entry that speaks for them, and its standing.
    fn entry(&self, pid: i64, day: NaiveDate) -> Option<(&child_rows::ChildRow, &Registration, MatchStatus)> {
        let person = self.people.iter().find(|person| person.pid == pid)?;
        let unborn = self.unborn.contains(&person.id);
        let entries: Vec<_> = self.entries.iter().filter(|entry| entry.row.child_id == person.id).collect();
        let (index, status) = speaking(&entries, day, unborn)?;
        Some((person, entries[index], status))
    }
}

/// Answers a question from the snapshot: everything but keeping it.
///
/// # Errors
/// [`RegisterError::Insufficient`] when there is too little to search on; or the database fails.
pub fn find(snapshot: &mut Snapshot<'_>, region: &Region, question: &Question, principal: &Principal) -> Result<Checked, RegisterError> {
    let watch = Stopwatch::now();
    let as_of = snapshot.now();
    let day = today(as_of);
    snapshot.audit().reason(question.reason.as_str());
    let query = Query::new(&question.person);
    if enough_to_search(&query).is_err() {
        return Err(RegisterError::Insufficient);
    }
    let found = if region.matching { region.matcher.search(snapshot.connection, &query)? } else { Found::unsearched() };
    metrics::histogram!("cofrestr_match_seconds").record(watch.elapsed().as_secs_f64());
    metrics::histogram!("cofrestr_match_candidates").record(found.compared as f64);

    let named: Vec<i64> = found
        .current
        .candidates
        .iter()
        .chain(&found.former.candidates)
        .map(|candidate| candidate.id)
        .chain(found.same_address.iter().copied())
        .collect();
    let known = Known::of(snapshot.connection, &named)?;
    let shown = matches(&found, &known, day);
    let earlier_by_others = earlier(snapshot.connection, region, question, principal, &query, &shown, as_of)?;

    let mut coverage = Coverage::begin(question.search.clone());
    let elapsed = u32::try_from(watch.elapsed().as_millis()).unwrap_or(u32::MAX);
    for code in question.search.to_ask() {
        let reply = if code == region.code() && region.matching {
            Reply::Answered(Answer { as_of, findings: shown.clone() })
        } else {
            // Asking other regions is the federation's work; until it is built, none of them can be reached. A region that
            // searched nobody did not answer.
            Reply::Unreachable
        };
        let elapsed = if code == region.code() { elapsed } else { 0 };
        coverage.record(code, reply, elapsed).map_err(|_| StoreError::Corrupt("the search set"))?;
    }
    let outcome = coverage.judge();
    let mut ordered: Vec<StoredMatch> = coverage.findings().into_iter().map(|(_, found)| found.clone()).collect();
    if !region.disclosure.former_registrations(principal) {
        ordered.retain(|found| found.status.is_current());
    }
    let rows = coverage
        .rows()
        .map(|row| StoredCoverage {
            region: row.region.to_string(),
            status: row.status,
            as_of: row.as_of,
            duration_ms: row.duration_ms.filter(|_| row.status == CoverageStatus::Answered),
        })
        .collect();
    // With a number or a full date of birth the rare keys lead to the child; without, a narrowed search must say so.
    let strong = region.matcher.keyer.query_keys(&query).iter().any(|key| matches!(key.kind, KeyKind::Identifier | KeyKind::Birth));
    let answer = StoredAnswer {
        advice: advice(&outcome, &ordered, &earlier_by_others, &found, strong),
        matches: ordered,
        coverage: rows,
        earlier: earlier_by_others,
    };
    for found in &answer.matches {
        snapshot.audit().child(Id(found.child));
    }
    if answer.matches.is_empty() {
        snapshot.audit().empty();
    }
    finish(snapshot, region, question, principal, outcome, answer, &query, &known, &shown, &found, as_of)
}

/// The people who may be meant, with the entry that speaks for each.
fn matches(found: &Found, known: &Known, day: NaiveDate) -> Vec<StoredMatch> {
    let one = |candidate: &Candidate<i64>| {
        let (person, entry, status) = known.entry(candidate.id, day)?;
        // A child who is here for a time remains the responsibility of the authority at home.
        let authority = match (&entry.state.home_authority, status) {
            (Some(home), MatchStatus::TemporarilyRegistered) => home.clone(),
            _ => entry.row.authority.clone(),
        };
        Some(StoredMatch {
            child: person.id.0,
            registration: entry.row.id.0,
            grade: grade(candidate.grade),
            score: (candidate.score * 10_000.0).round() / 10_000.0,
            bits: candidate.log_odds,
            person: None,
            reasons: candidate.reasons.clone(),
            flags: candidate.flags.clone(),
            status,
            authority,
            registered_on: entry.state.registered_on,
            coordinator: entry.coordinator().map(|coordinator| coordinator.name.clone()),
            shielded: person.shielded,
        })
    };
    let mut shown: Vec<StoredMatch> = found.current.candidates.iter().chain(&found.former.candidates).filter_map(one).collect();
    for shown in &mut shown {
        let pid = known.people.iter().find(|person| person.id.0 == shown.child).map(|person| person.pid);
        shown.person = pid.and_then(|pid| found.persons.get(&pid).copied());
    }
    shown
}

/// Enquiries by other organisations about the same child within the look-back: those that matched the same person, and
/// those whose question is about the same child, on a register or not.
fn earlier(
    connection: &mut AnyConnection,
    region: &Region,
    question: &Question,
    principal: &Principal,
    query: &Query,
    shown: &[StoredMatch],
    now: DateTime<Utc>,
) -> Result<StoredEarlier, RegisterError> {
    let since = now - TimeDelta::days(region.look_back_days);
    let mut found: Vec<EarlierRow> = Vec::new();
    if let Some(best) = shown.first().filter(|best| best.grade >= Grade::Probable) {
        found.extend(rows::that_matched(connection, Id(best.child), since)?);
    }
    let under_keys = rows::under_keys(connection, &enquiry_keys(region, query), since)?;
    if !under_keys.is_empty() {
        let context = region.matcher.context(connection, query)?;
        for row in under_keys {
            if found.iter().any(|known| known.id == row.id) {
                continue;
            }
            let record = Record::decode(&row.packed).map_err(|_| StoreError::Corrupt("enquiry"))?;
            if matching::same_child(query, &record, &context).is_some_and(|grade| grade >= matching::Grade::Probable) {
                found.push(row);
            }
        }
    }
    let own = agency(question, principal);
    found.retain(|row| row.agency != own && row.asked_by != principal.key());
    let mut agencies: Vec<String> = found.iter().map(|row| row.agency.clone()).collect();
    agencies.sort();
    agencies.dedup();
    Ok(StoredEarlier { count: found.len() as u64, agencies, since: found.iter().map(|row| row.asked_at.get()).min() })
}

/// The few strong keys under which a question can be found again: number, full date of birth, both names, the mother's names.
fn enquiry_keys(region: &Region, query: &Query) -> Vec<i64> {
    region
        .matcher
        .keyer
        .query_keys(query)
        .into_iter()
        .filter(|key| matches!(key.kind, KeyKind::Identifier | KeyKind::Birth | KeyKind::NamePair | KeyKind::MotherPair))
        .map(|key| key.key)
        .collect()
}

fn agency(question: &Question, principal: &Principal) -> String {
    question.on_behalf_of.clone().unwrap_or_else(|| principal.agency())
}

fn advice(outcome: &Outcome, shown: &[StoredMatch], earlier: &StoredEarlier, found: &Found, strong: bool) -> Vec<String> {
    let mut codes = vec![outcome.as_str()];
    let current: Vec<_> = shown.iter().filter(|found| found.status.is_current()).collect();
    if current.iter().any(|found| found.flags.contains(&Flag::PossibleSiblingOrTwin)) {
        codes.push("possible-sibling");
    }
    if current.len() > 1 && outcome.code() == OutcomeCode::PossibleMatch && found.current.verdict == Verdict::Ambiguous {
        codes.push("several-people");
    }
    if current.first().is_some_and(|found| found.status == MatchStatus::UnbornRegistered) {
        codes.push("unborn");
    }
    if current.first().is_some_and(|found| found.status == MatchStatus::TemporarilyRegistered) {
        codes.push("temporary");
    }
    if shown.iter().any(|found| found.shielded) {
        codes.push("shielded");
    }
    if shown.iter().any(|found| !found.status.is_current()) {
        codes.push("previously-registered");
    }
    if earlier.count > 0 {
        codes.push("earlier-enquiries");
    }
    if current.is_empty() && found.truncated && !strong {
        codes.push("search-narrowed");
    }
    codes.push("report-anyway");
    codes.into_iter().map(str::to_owned).collect()
}

#[allow(clippy::too_many_arguments)] // the parts of one answer, put together once
fn finish(
    snapshot: &mut Snapshot<'_>,
    region: &Region,
    question: &Question,
    principal: &Principal,
    outcome: Outcome,
    answer: StoredAnswer,
    query: &Query,
    known: &Known,
    shown: &[StoredMatch],
    found: &Found,
    as_of: DateTime<Utc>,
) -> Result<Checked, RegisterError> {
    let day = today(as_of);
    let id = CheckId::new_at(as_of);
    let valid_until = as_of + TimeDelta::minutes(region.valid_minutes);
    let (mut reference, mut salt) = ([0_u8; 5], [0_u8; 16]);
    for random in [&mut reference[..], &mut salt[..]] {
        SystemRandom::new().fill(random).map_err(|_| StoreError::Corrupt("the random source"))?;
    }
    let reference = ShortReference::from_bytes(reference);
    let kept = serde_json::to_string(&answer).map_err(|_| StoreError::Corrupt("answer"))?;
    let question_digest = sha256(&[&salt, question.document.as_bytes()]);
    let row = EnquiryRow {
        id: id.into(),
        reference: reference.as_str().to_owned(),
        version: 1,
        asked_at: as_of.into(),
        as_of: as_of.into(),
        valid_until: valid_until.into(),
        asked_by: principal.key(),
        client: principal.client.clone(),
        organisation: principal.organisation.as_ref().map(|organisation| organisation.code.clone()),
        agency: agency(question, principal),
        role: principal.role.as_str().into(),
        sector: principal.sector.map(|sector| sector.as_str().to_owned()),
        reason: question.reason.as_str().into(),
        case_reference: question.case_reference.clone(),
        notify: question.notify.as_str().into(),
        language: question.language.into(),
        outcome: outcome.as_str().into(),
        question: question.document.clone(),
        packed: query.as_record().encode(),
        question_digest,
        answer: kept,
        receipt: String::new(),
    };
    snapshot.audit().enquiry(Id::from(id));
    snapshot.audit().commit_to_question(id, &question.document)?;
    snapshot.audit().detail("outcome", outcome.as_str());
    snapshot.audit().detail("matches", answer.matches.len());
    let matches = shown
        .iter()
        .map(|found| EnquiryMatchRow {
            child_id: Id(found.child),
            enquiry_id: id.into(),
            asked_at: row.asked_at,
            grade: found.grade.as_str().into(),
        })
        .collect();
    let repeat = region.repeat_raises_task
        && answer.earlier.count > 0
        && !shown.iter().any(|found| found.status.is_current() && found.grade >= Grade::Probable);
    Ok(Checked {
        notices: whom_to_tell(question, known, shown, found, id, day),
        keys: enquiry_keys(region, query),
        row,
        answer,
        matches,
        repeat,
        salt,
        mark: patterns::mark(snapshot, region, principal, query, shown, id)?,
    })
}

/// Signs the receipts of what was found: the last step before it is kept. The audit entry is final from here on, because the
/// receipts name its hash.
///
/// # Errors
/// When there is no key to sign with: nothing is answered then.
pub fn sign(snapshot: &mut Snapshot<'_>, region: &Region, checked: &mut [Checked]) -> Result<(), RegisterError> {
    let watch = Stopwatch::now();
    let promise = snapshot.promise()?;
    let text = |at: Instant| at.get().to_rfc3339_opts(SecondsFormat::Micros, true);
    for checked in checked {
        let Checked { row, answer, salt, .. } = checked;
        let document = answer_document(&row.outcome, answer).ok_or(StoreError::Corrupt("answer"))?;
        let claims = ReceiptClaims {
            iss: region.code().to_string(),
            jti: row.id.0.to_string(),
            iat: promise.recorded_at.timestamp(),
            asked_at: text(row.asked_at),
            as_of: text(row.as_of),
            valid_until: text(row.valid_until),
            question: row.question_digest.clone(),
            salt: hex::encode(salt),
            outcome: row.outcome.clone(),
            answer: sha256(&[document.as_bytes()]),
            coverage: answer.coverage.clone(),
            audit: promise.entry.to_string(),
            leaf: hex::encode(promise.leaf_hash),
        };
        row.receipt =
            region.signer.sign_at(RECEIPT_TYPE, &claims, promise.recorded_at).map_err(|_| StoreError::Corrupt("the signing key"))?;
    }
    metrics::histogram!("cofrestr_sign_seconds").record(watch.elapsed().as_secs_f64());
    Ok(())
}

/// Who must hear of the enquiry: custodian and co-ordinator of every person who may be meant, and of every child who lives at
/// the address asked about.
fn whom_to_tell(question: &Question, known: &Known, shown: &[StoredMatch], found: &Found, id: CheckId, day: NaiveDate) -> Vec<Notice> {
    let notice = |kind: notices::Kind, child: Id, entry: &Registration| Notice {
        kind,
        urgency: question.notify,
        authority: entry.row.authority.clone(),
        coordinator: entry.coordinator().and_then(|coordinator| coordinator.person.clone()),
        child,
        registration: entry.row.id,
        enquiry: id.into(),
    };
    let mut told = Vec::new();
    for found in shown {
        let kind = match (found.status.is_current(), found.grade) {
            (false, _) => notices::Kind::Former,
            (true, Grade::Possible) => notices::Kind::PossibleMatch,
            (true, Grade::Probable | Grade::Certain) => notices::Kind::Enquiry,
        };
        // Every entry in force is told, also a temporary one beside that of the home authority.
        for entry in known
            .entries
            .iter()
            .filter(|entry| entry.row.child_id.0 == found.child && (entry.row.id.0 == found.registration || entry.is_live_on(day)))
        {
            told.push(notice(kind, Id(found.child), entry));
        }
    }
    for pid in &found.same_address {
        if let Some((person, entry, status)) = known.entry(*pid, day)
            && status.is_current()
            && !shown.iter().any(|shown| shown.child == person.id.0)
        {
            told.push(notice(notices::Kind::SameAddress, person.id, entry));
        }
    }
    told
}

/// Keeps the check with its notices and tasks.
///
/// # Errors
/// When the database refuses or fails.
pub fn record(tx: &mut Tx<'_>, region: &Region, checked: &Checked) -> Result<(), RegisterError> {
    rows::insert(tx, &checked.row, &checked.matches, &checked.keys)?;
    checked.mark.insert(tx)?;
    for notice in &checked.notices {
        notices::give(tx, notice)?;
    }
    if checked.repeat {
        let id = CheckId::try_from(checked.row.id.0).map_err(|_| StoreError::Corrupt("check id"))?;
        tasks::raise(tx, tasks::Kind::RepeatEnquiry, region.code().as_str(), None, None, Some(id))?;
    }
    Ok(())
}

/// A check that the caller may read: their own, or any for the region's custodian.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn read(
    connection: &mut AnyConnection,
    id: CheckId,
    principal: &Principal,
    reach: Reach,
) -> Result<(EnquiryRow, StoredAnswer), RegisterError> {
    let row = rows::find(connection, id.into())?.filter(|row| may_read(row, principal, reach)).ok_or(RegisterError::NotFound)?;
    let answer = stored_answer(&row)?;
    Ok((row, answer))
}

fn may_read(row: &EnquiryRow, principal: &Principal, reach: Reach) -> bool {
    row.asked_by == principal.key() || reach == Reach::Scope
}

/// The answer of a kept check.
///
/// # Errors
/// When it cannot be read.
pub fn stored_answer(row: &EnquiryRow) -> Result<StoredAnswer, RegisterError> {
    serde_json::from_str(&row.answer).map_err(|_| StoreError::Corrupt("answer").into())
}

/// On which day each entry that an answer tells of ended; nothing for those in force.
///
/// # Errors
/// When the database fails.
pub fn ends(connection: &mut AnyConnection, answer: &StoredAnswer) -> Result<Vec<Option<NaiveDate>>, RegisterError> {
    let children: Vec<Id> = answer.matches.iter().map(|found| Id(found.child)).collect();
    let entries = registrations::told_in_a_check(connection, &children)?;
    let end =
        |found: &StoredMatch| entries.iter().find(|entry| entry.row.id.0 == found.registration).and_then(|entry| entry.state.removed_on);
    Ok(answer.matches.iter().map(end).collect())
}

/// An access to a child's record by a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The check: opaque, and nobody but who asked it can read it.
    pub id: uuid::Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Which agency, when that may be told.
    pub agency: Option<String>,
    /// In which role.
    pub role: String,
    /// Why.
    pub reason: String,
}

/// The latest checks about the children whom a check found certainly or probably, newest first, without the silent ones and
/// without this one. `told` says whether the enquirer may hear of agencies.
///
/// # Errors
/// When the database fails.
pub fn accesses(
    connection: &mut AnyConnection,
    row: &EnquiryRow,
    answer: &StoredAnswer,
    told: bool,
    most: usize,
) -> Result<Vec<Access>, RegisterError> {
    let sure = answer.matches.iter().filter(|found| found.grade >= Grade::Probable);
    let mut children: Vec<Id> = sure.map(|found| Id(found.child)).collect();
    children.dedup();
    let found = rows::accesses(connection, &children, row.id, i64::try_from(most).unwrap_or(i64::MAX))?;
    Ok(found
        .into_iter()
        .map(|access| Access {
            id: access.id.0,
            at: access.asked_at.get(),
            agency: told.then_some(access.agency),
            role: access.role,
            reason: access.reason,
        })
        .collect())
}

/// A page of checks, newest first: one's own, or all for the region's custodian.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    principal: &Principal,
    reach: Reach,
    reference: Option<&ShortReference>,
    before: Option<CheckId>,
    limit: i64,
) -> Result<Vec<EnquiryRow>, RegisterError> {
    let own = principal.key();
    let asked_by = match reach {
        Reach::Scope => None,
        Reach::Own => Some(own.as_str()),
    };
    Ok(rows::list(connection, asked_by, reference.map(ShortReference::as_str), before.map(Id::from), limit)?)
}
