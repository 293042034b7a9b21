//! The check: is this child on a child protection register, and whom to ring?
//!
//! ```text
//! question ──▶ find     on a reader's snapshot: candidates, entries, earlier enquiries of this region
//!          ├─▶ …        the other regions are asked meanwhile, by somebody else ([`PeerReply`])
//!          ├─▶ conclude the outcome of what everybody answered, the signed receipt
//!          └─▶ record   the unit of work: the check, its notices and tasks, who is still to answer – inserts only
//! ```
//!
//! What is kept of an answer are codes and opaque identifiers ([`StoredAnswer`]); words, telephone numbers "at this minute" and
//! names of authorities are put in when somebody reads it.

mod kept;
mod naming;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant as Stopwatch;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};

pub use self::kept::{Access, End, NumbersInUse, Reading, Readings, accesses, ends, list, numbers_in_place, read, readings, stored_answer};
pub use self::stored::{StoredAnswer, StoredCoverage, StoredEarlier, StoredMatch};
use super::alerts::hits::{self, ToldAlert};
use super::alerts::particulars::ReportDetails;
use super::children::today;
use super::identities::Groups;
use super::matcher::Found;
use super::notices::{self, Notice};
use super::peers::wire::{PeerEnquirer, PeerQuestion};
use super::receipts::{RECEIPT_TYPE, ReceiptClaims, answer_document, sha256};
use super::registrations::{self, Registration};
use super::{Region, RegisterError, patterns, tasks, transfers};
use crate::authz::Principal;
use crate::domain::custody::Epoch;
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::{CheckId, SightingId};
use crate::domain::notify::Notify;
use crate::domain::outcome::{Answer, Coverage, CoverageStatus, Finding, Grade, MatchStatus, Outcome, OutcomeCode, Reply};
use crate::domain::reason::Reason;
use crate::domain::registration::{RegistrationStatus, RemovalGround};
use crate::domain::roles::{Role, Sector};
use crate::domain::search_set::SearchSet;
use crate::domain::short_reference::ShortReference;
use crate::matching::{self, Candidate, DecodeError, Flag, KeyKind, Person, Query, QueryKey, Record, enough_to_search};
use crate::store::alerts::ReportRow;
use crate::store::audit::AuditPromise;
use crate::store::children as child_rows;
use crate::store::children::{IdentifierRow, ParticularsRow};
use crate::store::connection::AnyConnection;
use crate::store::custody::LeadRow;
use crate::store::enquiries::{self as rows, EarlierRow, EnquiryMatchRow, EnquiryRow};
use crate::store::federation::{self as waiting_rows, WaitingRow};
use crate::store::patterns::MarkRow;
use crate::store::types::{Id, Instant};
use crate::store::{Ending, Snapshot, StoreError, Tx};

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
    /// The part of it that says who the child is, in canonical JSON: what other regions are asked.
    pub child: String,
    /// Time budget, in milliseconds.
    pub deadline_ms: u64,
    /// How those who must know are told.
    pub notify: Notify,
    /// Which regions must have answered before absence may be told.
    pub search: SearchSet,
    /// The agency on whose behalf emergency duty staff ask; else the caller's own.
    pub on_behalf_of: Option<String>,
    /// The number on which that caller was rung back.
    pub call_back: Option<String>,
    /// The language in which it was asked.
    pub language: &'static str,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Enquirer {
    /// A stable key for the person: of another region's it begins with [`OF_ANOTHER_REGION`].
    pub key: String,
    /// The client program that acts for them.
    pub client: Option<String>,
    /// Their organisation (a code).
    pub organisation: Option<String>,
    /// Their agency, or that of the caller for whom they ask.
    pub agency: String,
    /// Their role.
    pub role: Role,
    /// The sector of a partner.
    pub sector: Option<Sector>,
}

/// What the key of an enquirer of another region begins with; the region's code and `#` follow.
pub const OF_ANOTHER_REGION: &str = "region:";

impl Enquirer {
    /// A person of this region.
    pub fn of(principal: &Principal, question: &Question) -> Self {
        Self {
            key: principal.key(),
            client: principal.client.clone(),
            organisation: principal.organisation.as_ref().map(|organisation| organisation.code.clone()),
            agency: question.on_behalf_of.clone().unwrap_or_else(|| principal.agency()),
            role: principal.role,
            sector: principal.sector,
        }
    }

    /// The same as other regions are told. Emergency duty teams are called alike everywhere: whoever has no organisation gets the
    /// region's name beside it.
    pub fn told(&self, region: &str) -> PeerEnquirer {
        let agency = if self.organisation.is_some() { self.agency.clone() } else { format!("{} ({region})", self.agency) };
        PeerEnquirer {
            person: self.key.clone(),
            agency,
            role: self.role.as_str().to_owned(),
            sector: self.sector.map(|sector| sector.as_str().to_owned()),
            organisation: self.organisation.clone(),
        }
    }
}

/// The other region whose person asked a kept check.
pub fn other_region(asked_by: &str) -> Option<&str> {
    asked_by.strip_prefix(OF_ANOTHER_REGION)?.split('#').next()
}

/// What came back from a region.
#[derive(Debug, Clone)]
pub struct PeerReply {
    /// The region.
    pub region: RegionCode,
    /// What it said.
    pub reply: Reply<StoredMatch>,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// What it says of earlier enquiries.
    pub earlier: Option<StoredEarlier>,
    /// Its answer as it signed it.
    pub signed: Option<String>,
    /// Why it did not answer (a code), for the audit log.
    pub code: Option<&'static str>,
    /// The live alerts that the question is about, as it holds them.
    pub alerts: Vec<ToldAlert>,
}

/// What this region's own register holds, before anybody else answered.
#[derive(Debug)]
pub struct Searched {
    id: CheckId,
    question: Question,
    enquirer: Enquirer,
    query: Query,
    as_of: DateTime<Utc>,
    own: PeerReply,
    /// Earlier enquiries by people of other regions that this one knows of: told while their own region is silent.
    elsewhere: BTreeMap<String, StoredEarlier>,
    narrowed: bool,
    salt: [u8; 16],
    tag_key: [u8; 16],
    notices: Vec<Notice>,
    mark: Option<MarkRow>,
    numbers: NumbersInUse,
    hits: Vec<ToldAlert>,
}

impl Searched {
    /// Everybody found on this region's register, former entries too.
    pub fn shown(&self) -> &[StoredMatch] {
        match &self.own.reply {
            Reply::Answered(answer) => &answer.findings,
            _ => &[],
        }
    }

    /// What this region's register says.
    pub fn own(&self) -> &PeerReply {
        &self.own
    }

    /// Whether too many resemble what the question says to compare them all, and nobody was found among the others.
    pub fn is_narrowed(&self) -> bool {
        self.narrowed
    }

    /// The question, packed for the matcher.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The check.
    pub fn id(&self) -> CheckId {
        self.id
    }

    /// The other regions that are to be asked, and what.
    pub fn to_ask(&self, region: &Region) -> Option<(Vec<RegionCode>, PeerQuestion)> {
        let others: Vec<_> = self.question.search.to_ask().filter(|code| *code != region.code()).cloned().collect();
        let question = PeerQuestion {
            check: self.id.into(),
            asked_at: self.as_of,
            reason: self.question.reason.as_str().to_owned(),
            notify: self.question.notify.as_str().to_owned(),
            case_reference: self.question.case_reference.clone(),
            child: self.question.child.clone(),
            salt: hex::encode(self.salt),
            tag_key: hex::encode(self.tag_key),
            enquirer: self.enquirer.told(&region.own().name[0]),
        };
        (!others.is_empty()).then_some((others, question))
    }

    /// Whether anybody on this region's register may be meant, or lives at the address asked about.
    pub fn concerns_somebody(&self) -> bool {
        !self.shown().is_empty() || !self.notices.is_empty()
    }

    /// What is reported to the alerts that the question is about. The check's own identifier makes it one report, whichever regions
    /// tell of it.
    ///
    /// # Errors
    /// When it cannot be written: a defect.
    pub fn sightings(&self, region: &Region) -> Result<Vec<ReportRow>, RegisterError> {
        let Ok(sighting) = SightingId::try_from(uuid::Uuid::from(self.id)) else { return Ok(Vec::new()) };
        let details = |told: &ToldAlert| ReportDetails {
            kind: "enquiry".into(),
            region: other_region(&self.enquirer.key).unwrap_or_else(|| region.code().as_str()).to_owned(),
            at: self.as_of,
            grade: Some(told.grade.as_str().into()),
            agency: Some(self.enquirer.agency.clone()),
            role: Some(self.enquirer.role.as_str().to_owned()),
            reason: Some(self.question.reason.as_str().to_owned()),
            call_back: self.question.call_back.clone(),
            place: None,
            seen_by: None,
            note: None,
        };
        self.hits.iter().map(|told| hits::reported(Id(told.id), sighting, &details(told), self.as_of)).collect()
    }

    /// The live alerts that the question is about.
    pub fn hits(&self) -> &[ToldAlert] {
        &self.hits
    }

    /// The time budget, in milliseconds.
    pub fn deadline_ms(&self) -> u64 {
        self.question.deadline_ms
    }
}

/// What was found, complete but for its receipt and for being kept.
#[derive(Debug)]
pub struct Checked {
    /// The check.
    pub row: EnquiryRow,
    /// Its answer.
    pub answer: StoredAnswer,
    /// What is told of numbers that are in use now.
    pub numbers: NumbersInUse,
    matches: Vec<EnquiryMatchRow>,
    keys: Vec<i64>,
    notices: Vec<Notice>,
    repeat: bool,
    salt: [u8; 16],
    asked: Option<String>,
    mark: Option<MarkRow>,
    waiting: Vec<WaitingRow>,
    sightings: Vec<ReportRow>,
}

impl Checked {
    /// Which check it is.
    ///
    /// # Errors
    /// When its identifier is none: a defect.
    pub fn id(&self) -> Result<CheckId, RegisterError> {
        Ok(CheckId::try_from(self.row.id.0).map_err(|_| StoreError::Corrupt("check id"))?)
    }

    /// The children on this register who were found beyond a mere possibility.
    pub fn found(&self) -> BTreeSet<Id> {
        self.notices.iter().filter(|notice| notice.kind == notices::Kind::Enquiry).map(|notice| notice.child).collect()
    }
}

/// A grade of the matcher, as an answer tells it.
pub fn grade(grade: matching::Grade) -> Grade {
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
fn speaking(entries: &[&Registration], day: NaiveDate, unborn: bool, leader: Option<&str>) -> Option<(usize, MatchStatus)> {
    let rank = |status: MatchStatus| match status {
        MatchStatus::Registered | MatchStatus::UnbornRegistered | MatchStatus::TransferPending => 2,
        MatchStatus::TemporarilyRegistered => 1,
        MatchStatus::PreviouslyRegistered => 0,
    };
    entries.iter().enumerate().filter_map(|(index, entry)| status(entry.status_on(day, unborn)).map(|status| (index, status))).max_by_key(
        |(index, status)| {
            let entry = entries[*index];
            // While a child moves there may be two: the one of the authority that leads speaks.
            (rank(*status), leader == Some(entry.row.authority.as_str()), entry.state.registered_on)
        },
    )
}

/// A person who was found, and the entry that speaks for them.
struct Speaking<'a> {
    person: &'a child_rows::ChildRow,
    entry: &'a Registration,
    status: MatchStatus,
    /// The one responsible authority.
    authority: String,
    /// The epoch in which it leads.
    epoch: Option<Epoch>,
}

/// Everything that is known of the people whom a search named.
struct Known {
    people: Vec<child_rows::ChildRow>,
    entries: Vec<Registration>,
    /// Of whom a birth is known or expected, and whether it is still expected.
    births: Vec<(Id, bool)>,
    groups: Groups,
    /// Who leads, of those who move or have moved.
    leads: Vec<LeadRow>,
    /// When it was asked: a region that was silent may answer much later.
    asked_at: DateTime<Utc>,
}

impl Known {
    fn of(connection: &mut AnyConnection, pids: &[i64], asked_at: DateTime<Utc>) -> Result<Self, RegisterError> {
        let (people, entries, births, leads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut known = Self { people, entries, births, groups: Groups::default(), leads, asked_at };
        let (mut is_merged, mut moves) = (false, false);
        for found in child_rows::by_numbers(connection, pids)? {
            known.births.extend(found.birth_kind.map(|kind| (found.person.id, kind == "expected")));
            is_merged |= found.is_merged;
            moves |= found.moves;
            known.people.push(found.person);
        }
        if is_merged {
            known.add_merged(connection)?;
        }
        known.people.retain(|person| person.standing == "current");
        let ids: Vec<Id> = known.people.iter().map(|person| person.id).collect();
        known.entries = registrations::told_in_a_check(connection, &ids)?;
        // Whether the other records of a person move was not read with them.
        if moves || is_merged {
            known.leads = LeadRow::of(connection, &ids)?;
        }
        Ok(known)
    }

    /// The other records of the people, when somebody decided that there are any: few people have more than one.
    fn add_merged(&mut self, connection: &mut AnyConnection) -> Result<(), RegisterError> {
        let found: Vec<Id> = self.people.iter().map(|person| person.id).collect();
        self.groups = Groups::around(connection, &found)?;
        let more: Vec<Id> = self.groups.all().filter(|id| !found.contains(id)).collect();
        self.people.extend(child_rows::by_ids(connection, &more)?);
        let births = ParticularsRow::current(connection, &more)?;
        self.births.extend(births.into_iter().map(|row| (row.child_id, row.birth_kind == "expected")));
        Ok(())
    }

    /// Whether two records are of one person, as somebody decided.
    fn is_same_person(&self, one: Id, other: Id) -> bool {
        self.groups.root(one) == self.groups.root(other)
    }

    /// The entries of a person, whichever of their records they rest on.
    fn entries_of(&self, child: Id) -> Vec<&Registration> {
        self.entries.iter().filter(|entry| self.is_same_person(entry.row.child_id, child)).collect()
    }

    /// Whether another authority took the child over after it was asked.
    fn was_handed_over_since(&self, entry: &Registration) -> bool {
        let ground = entry.state.removal_ground.as_deref();
        ground == Some(RemovalGround::Transferred.as_str()) && entry.row.changed_at.get() > self.asked_at
    }

    /// The person, the entry that speaks for them, its standing, and the one authority that is responsible.
    fn entry(&self, pid: i64, day: NaiveDate) -> Option<Speaking<'_>> {
        let person = self.people.iter().find(|person| person.pid == pid)?;
        // A person of whom one record knows the birth is born.
        let mut births = self.births.iter().filter(|(record, _)| self.is_same_person(*record, person.id)).peekable();
        let unborn = births.peek().is_some() && births.all(|(_, expected)| *expected);
        let entries = self.entries_of(person.id);
        let mut leads = self.leads.clone();
        let full = |authority: &str| {
            let by_decision = |entry: &&&Registration| entry.state.kind != "temporary" && entry.is_live_on(day);
            entries.iter().filter(by_decision).any(|entry| entry.row.authority == authority)
        };
        // An entry does not end on its first day: until the next its authority knows already that another leads.
        let is_ending = |authority: &str| {
            let ending = |entry: &&&Registration| entry.state.removed_on.is_some() && entry.is_live_on(day);
            entries.iter().filter(ending).any(|entry| entry.row.authority == authority)
        };
        // Whoever says here that it leads has the child on its register.
        leads.retain(|row| {
            row.child_id.is_some_and(|child| self.is_same_person(child, person.id))
                && (row.leader.as_ref() != Some(&row.authority) || full(&row.authority))
                && (row.standing != "ended" || row.is_open || is_ending(&row.authority))
        });
        let leads_by = transfers::leader(&leads);
        let leader = leads_by.map(|(leader, _)| leader);
        let (index, status) = speaking(&entries, day, unborn, leader)?;
        let entry = entries[index];
        // The authority that took the child over meanwhile may have answered before it did: then nobody else tells of the child.
        if status == MatchStatus::PreviouslyRegistered && self.was_handed_over_since(entry) {
            let of_person = |row: &LeadRow| row.child_id.is_some_and(|child| self.is_same_person(child, person.id));
            let all: Vec<LeadRow> = self.leads.iter().filter(|row| of_person(row)).cloned().collect();
            let (leader, epoch) = transfers::leader(&all).unwrap_or((&entry.row.authority, None));
            return Some(Speaking { person, entry, status: MatchStatus::TransferPending, authority: leader.to_owned(), epoch });
        }
        let is_led_elsewhere = leader.is_some_and(|leader| leader != entry.row.authority);
        let moves = is_led_elsewhere || leads.iter().any(|row| row.is_pending && row.authority == entry.row.authority);
        let status = match status {
            MatchStatus::Registered | MatchStatus::UnbornRegistered if moves => MatchStatus::TransferPending,
            status => status,
        };
        let authority = match (&entry.state.home_authority, leader) {
            // A child who was here for a time, or was here before: whoever leads now is told by the entry there.
            _ if !status.is_current() => entry.row.authority.clone(),
            // A child who is here for a time remains the responsibility of the authority that leads.
            (_, Some(leader)) => leader.to_owned(),
            (Some(home), None) if status == MatchStatus::TemporarilyRegistered => home.clone(),
            _ => entry.row.authority.clone(),
        };
        let epoch = leads_by.filter(|(leader, _)| *leader == authority).and_then(|(_, epoch)| epoch);
        Some(Speaking { person, entry, status, authority, epoch })
    }
}

/// Answers a question from this region's own register.
///
/// # Errors
/// [`RegisterError::Insufficient`] when there is too little to search on; or the database fails.
pub fn find(snapshot: &mut Snapshot<'_>, region: &Region, question: Question, principal: &Principal) -> Result<Searched, RegisterError> {
    let enquirer = Enquirer::of(principal, &question);
    let asked_at = snapshot.now();
    let id = CheckId::new_at(asked_at);
    let mut tag_key = [0_u8; 16];
    SystemRandom::new().fill(&mut tag_key).map_err(|_| StoreError::Corrupt("the random source"))?;
    let mut searched = search(snapshot, region, question, enquirer, id, tag_key, asked_at)?;
    searched.numbers = numbers_in_place(snapshot.connection, region, principal, searched.shown())?;
    searched.mark = Some(patterns::mark(snapshot, region, principal, &searched.query, searched.shown(), id)?);
    Ok(searched)
}

/// The same for whoever asks: a person of this region, or of another. Under `tag_key` likely matches get their tags, when
/// there are other regions to compare them with. A child whom another authority took over since `asked_at` is told of as one who
/// moves.
///
/// # Errors
/// As [`find`].
pub fn search(
    snapshot: &mut Snapshot<'_>,
    region: &Region,
    question: Question,
    enquirer: Enquirer,
    id: CheckId,
    tag_key: [u8; 16],
    asked_at: DateTime<Utc>,
) -> Result<Searched, RegisterError> {
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
    let known = Known::of(snapshot.connection, &named, asked_at)?;
    let mut shown = matches(&found, &known, region, day);
    mark_superseded(snapshot.connection, &question.person, &mut shown)?;
    let mut salt = [0_u8; 16];
    SystemRandom::new().fill(&mut salt).map_err(|_| StoreError::Corrupt("the random source"))?;
    if question.search.len() > 1 || other_region(&enquirer.key).is_some() {
        tag(snapshot.connection, &known, &mut shown, &query, tag_key)?;
    }
    let is_same = |one: Id, other: Id| known.is_same_person(one, other);
    let hits = if region.matching { hits::look(snapshot.connection, region, &query, &mut shown, is_same)? } else { Vec::new() };
    let (earlier, elsewhere) = earlier(snapshot.connection, region, &enquirer, &query, &shown, &known, as_of)?;
    // A region that searched nobody did not answer.
    let notices = whom_to_tell(&question, &known, &shown, &found, id, day);
    let reply = if !region.matching {
        Reply::Unreachable
    } else if found.incomplete {
        // Nor did one that compared only some of those who may be meant, and found nobody among them.
        Reply::Refused
    } else {
        Reply::Answered(Answer { as_of, findings: shown })
    };
    Ok(Searched {
        id,
        as_of,
        own: PeerReply {
            region: region.code().clone(),
            reply,
            duration_ms: u32::try_from(watch.elapsed().as_millis()).unwrap_or(u32::MAX),
            earlier: Some(earlier),
            signed: None,
            code: None,
            alerts: hits.clone(),
        },
        elsewhere,
        hits,
        narrowed: found.incomplete,
        notices,
        salt,
        tag_key,
        numbers: NumbersInUse::default(),
        question,
        enquirer,
        query,
        mark: None,
    })
}

/// Gives the likely matches their tags under a key: what another region's entry of the same child has too.
///
/// # Errors
/// When the database fails.
fn tag(
    connection: &mut AnyConnection,
    known: &Known,
    shown: &mut [StoredMatch],
    query: &Query,
    key: [u8; 16],
) -> Result<(), RegisterError> {
    let keyer = matching::Keyer::new(key);
    for found in shown.iter_mut().filter(|found| found.grade >= Grade::Probable) {
        let Some(pid) = known.people.iter().find(|person| Some(person.id.0) == found.child).map(|person| person.pid) else { continue };
        if let Some(body) = crate::store::matching::body(connection, pid)? {
            let record = Record::decode(&body).map_err(|_| StoreError::Corrupt("match record"))?;
            found.tags = keyer.person_tags(&record, query).into_iter().map(|tag| format!("{tag:012x}")).collect();
        }
    }
    Ok(())
}

/// What everybody's answers come to: the outcome, who may be meant, and a row for every region.
///
/// # Errors
/// When a reply is of a region that is not in the search: a defect.
pub fn judge(search: SearchSet, replies: &[PeerReply]) -> Result<(Outcome, Vec<StoredMatch>, Vec<StoredCoverage>), RegisterError> {
    let mut coverage = Coverage::begin(search);
    for reply in replies {
        coverage.record(&reply.region, reply.reply.clone(), reply.duration_ms).map_err(|_| StoreError::Corrupt("the search set"))?;
    }
    let outcome = coverage.judge();
    let mut ordered: Vec<StoredMatch> = coverage.findings().into_iter().map(|(_, found)| found.clone()).collect();
    naming::name_one(&mut ordered);
    let rows = coverage
        .rows()
        .map(|row| StoredCoverage {
            region: row.region.to_string(),
            status: row.status,
            as_of: row.as_of,
            duration_ms: row.duration_ms.filter(|_| row.status == CoverageStatus::Answered),
        })
        .collect();
    Ok((outcome, ordered, rows))
}

/// Earlier enquiries of all regions together.
pub fn together(parts: &BTreeMap<String, StoredEarlier>) -> StoredEarlier {
    let mut agencies: Vec<String> = parts.values().flat_map(|part| part.agencies.iter().cloned()).collect();
    agencies.sort();
    agencies.dedup();
    StoredEarlier {
        count: parts.values().map(|part| part.count).sum(),
        agencies,
        since: parts.values().filter_map(|part| part.since).min(),
    }
}

/// Puts the answers together, once those who answer in time have answered.
///
/// # Errors
/// When a reply is of a region that was not asked: a defect.
pub fn conclude(ending: &mut Ending<'_>, region: &Region, searched: Searched, others: Vec<PeerReply>) -> Result<Checked, RegisterError> {
    let own = region.code().as_str();
    let asked = searched.to_ask(region).map(|(_, question)| question);
    let sightings = searched.sightings(region)?;
    let Searched { id, question, enquirer, query, as_of, own: own_reply, elsewhere, narrowed, salt, notices, mark, numbers, .. } = searched;
    // What this region holds is told whichever regions are asked.
    let mut alerts = own_reply.alerts.clone();
    let shown: Vec<StoredMatch> = match &own_reply.reply {
        Reply::Answered(answer) => answer.findings.clone(),
        _ => Vec::new(),
    };
    let mut earlier_parts = elsewhere;
    let mut signed = BTreeMap::new();
    let mut silent = Vec::new();
    // A search may be of other regions only.
    let mut replies: Vec<PeerReply> = question.search.standing(region.code()).map(|_| own_reply).into_iter().collect();
    replies.extend(others);
    for reply in &replies {
        if let Some(earlier) = &reply.earlier {
            earlier_parts.insert(reply.region.to_string(), earlier.clone());
        }
        if let Some(text) = &reply.signed {
            signed.insert(reply.region.to_string(), text.clone());
        }
        if !matches!(reply.reply, Reply::Answered(_)) {
            silent.push(format!("{}:{}", reply.region, reply.code.unwrap_or(reply.reply.status().as_str())));
        }
    }
    let waiting_for: Vec<String> = question
        .search
        .to_ask()
        .filter(|code| code.as_str() != own)
        .filter(|code| !replies.iter().any(|reply| reply.region == **code && matches!(reply.reply, Reply::Answered(_))))
        .map(ToString::to_string)
        .collect();
    let (outcome, mut ordered, coverage) = judge(question.search.clone(), &replies)?;
    if !region.disclosure.former_registrations(enquirer.role, enquirer.sector) {
        // Whether another region's former entries are told is for that region to say.
        ordered.retain(|found| found.status.is_current() || found.region.is_some());
    }
    let earlier = together(&earlier_parts);
    for reply in &replies {
        alerts.extend(reply.alerts.iter().cloned());
    }
    let alerts = not_carried(alerts, &ordered);
    let answer = StoredAnswer {
        advice: advice(region, &outcome, (&ordered, &alerts), &earlier, narrowed),
        matches: ordered,
        coverage,
        earlier,
        earlier_parts,
        signed,
        alerts,
    };
    let audit = ending.audit();
    for child in answer.own_children() {
        audit.child(Id(child));
    }
    if answer.matches.is_empty() {
        audit.empty();
    }
    audit.enquiry(Id::from(id));
    audit.commit_to_question(id, &question.document)?;
    audit.detail("outcome", outcome.as_str());
    audit.detail("matches", answer.matches.len());
    if !sightings.is_empty() {
        audit.detail("alerts", sightings.len());
    }
    if !silent.is_empty() {
        audit.detail("silent", silent.join(" "));
    }
    let row = row(region, &question, &enquirer, &query, id, as_of, &outcome, &answer, &salt)?;
    let matches = matched(&shown, id, row.asked_at);
    let repeat = is_repeat(region, &answer);
    let waiting = match &asked {
        Some(asked) if !waiting_for.is_empty() => {
            let text = serde_json::to_string(asked).map_err(|_| StoreError::Corrupt("question"))?;
            let next_at = ending.wall() + TimeDelta::milliseconds(i64::try_from(region.federation.retry_first_ms).unwrap_or(i64::MAX));
            let row = |code: String| WaitingRow {
                enquiry_id: id.into(),
                region: code,
                question: text.clone(),
                attempts: 0,
                next_at: next_at.into(),
            };
            if region.is_federated() { waiting_for.into_iter().map(row).collect() } else { Vec::new() }
        }
        _ => Vec::new(),
    };
    Ok(Checked {
        notices,
        keys: strong(region.matcher.keyer.kept_keys(&query)),
        row,
        matches,
        repeat,
        salt,
        asked: asked.map(|asked| sha256(&[&salt, asked.child.as_bytes()])),
        mark,
        waiting,
        sightings,
        answer,
        numbers,
    })
}

/// Whether a second agency's enquiry about a child on no register is to raise a task.
pub fn is_repeat(region: &Region, answer: &StoredAnswer) -> bool {
    region.repeat_raises_task
        && answer.earlier.count > 0
        && !answer.matches.iter().any(|found| found.status.is_current() && found.grade >= Grade::Probable)
}

/// The people of this region whom an enquiry matched.
pub fn matched(shown: &[StoredMatch], id: CheckId, asked_at: Instant) -> Vec<EnquiryMatchRow> {
    shown
        .iter()
        .filter_map(|found| {
            Some(EnquiryMatchRow { child_id: Id(found.child?), enquiry_id: id.into(), asked_at, grade: found.grade.as_str().into() })
        })
        .collect()
}

#[allow(clippy::too_many_arguments)] // the columns of one row
fn row(
    region: &Region,
    question: &Question,
    enquirer: &Enquirer,
    query: &Query,
    id: CheckId,
    as_of: DateTime<Utc>,
    outcome: &Outcome,
    answer: &StoredAnswer,
    salt: &[u8; 16],
) -> Result<EnquiryRow, RegisterError> {
    let mut reference = [0_u8; 5];
    SystemRandom::new().fill(&mut reference).map_err(|_| StoreError::Corrupt("the random source"))?;
    Ok(EnquiryRow {
        id: id.into(),
        reference: ShortReference::from_bytes(reference).as_str().to_owned(),
        version: 1,
        asked_at: as_of.into(),
        as_of: as_of.into(),
        valid_until: (as_of + TimeDelta::minutes(region.valid_minutes)).into(),
        asked_by: enquirer.key.clone(),
        client: enquirer.client.clone(),
        organisation: enquirer.organisation.clone(),
        agency: enquirer.agency.clone(),
        role: enquirer.role.as_str().into(),
        sector: enquirer.sector.map(|sector| sector.as_str().to_owned()),
        reason: question.reason.as_str().into(),
        case_reference: question.case_reference.clone(),
        notify: question.notify.as_str().into(),
        language: question.language.into(),
        outcome: outcome.as_str().into(),
        question: question.document.clone(),
        packed: query.as_record().encode(),
        question_digest: sha256(&[salt, question.document.as_bytes()]),
        answer: serde_json::to_string(answer).map_err(|_| StoreError::Corrupt("answer"))?,
        receipt: String::new(),
    })
}

/// What is kept of another region's question about children of this one: the check under the asking region's own identifier, so
/// that it is kept and told once however often it is asked.
///
/// # Errors
/// When it cannot be written: a defect.
pub fn kept_for_peer(region: &Region, searched: Searched) -> Result<Checked, RegisterError> {
    let Searched { id, question, enquirer, query, as_of, own, notices, salt, .. } = searched;
    let shown: Vec<StoredMatch> = match &own.reply {
        Reply::Answered(answer) => answer.findings.clone(),
        _ => Vec::new(),
    };
    let (outcome, matches, coverage) = judge(question.search.clone(), std::slice::from_ref(&own))?;
    let answer = StoredAnswer {
        advice: Vec::new(),
        matches,
        coverage,
        earlier: own.earlier.unwrap_or_else(|| together(&BTreeMap::new())),
        earlier_parts: BTreeMap::new(),
        signed: BTreeMap::new(),
        alerts: Vec::new(),
    };
    let row = row(region, &question, &enquirer, &query, id, as_of, &outcome, &answer, &salt)?;
    let matches = matched(&shown, id, row.asked_at);
    Ok(Checked {
        notices,
        keys: strong(region.matcher.keyer.kept_keys(&query)),
        row,
        matches,
        repeat: false,
        salt,
        asked: None,
        mark: None,
        waiting: Vec::new(),
        sightings: Vec::new(),
        answer,
        numbers: NumbersInUse::default(),
    })
}

/// The people who may be meant, with the entry that speaks for each.
fn matches(found: &Found, known: &Known, region: &Region, day: NaiveDate) -> Vec<StoredMatch> {
    let one = |candidate: &Candidate<i64>| {
        let Speaking { person, entry, status, authority, epoch } = known.entry(candidate.id, day)?;
        Some(StoredMatch {
            region: None,
            child: Some(person.id.0),
            registration: Some(entry.row.id.0),
            entry: None,
            tags: Vec::new(),
            grade: grade(candidate.grade),
            score: (candidate.score * 10_000.0).round() / 10_000.0,
            bits: candidate.log_odds,
            person: None,
            reasons: candidate.reasons.clone(),
            flags: candidate.flags.clone(),
            status,
            held_by: region.authority(&authority).is_none().then(|| entry.row.authority.clone()),
            authority,
            epoch,
            registered_on: entry.state.registered_on,
            coordinator: entry.coordinator().map(|coordinator| coordinator.name.clone()),
            shielded: person.shielded,
            superseded_number: false,
            alert: None,
        })
    };
    let mut shown: Vec<StoredMatch> = found.current.candidates.iter().chain(&found.former.candidates).filter_map(one).collect();
    for shown in &mut shown {
        let pid = known.people.iter().find(|person| Some(person.id.0) == shown.child).map(|person| person.pid);
        shown.person = pid.and_then(|pid| found.persons.get(&pid).copied());
    }
    // Records that were merged are one person, who is shown once: as the one that fits best.
    let mut people = BTreeSet::new();
    shown.retain(|shown| shown.child.is_none_or(|child| people.insert(known.groups.root(Id(child)))));
    shown
}

/// Marks the people who were found by a number that they do not have any more.
fn mark_superseded(connection: &mut AnyConnection, asked: &Person, shown: &mut [StoredMatch]) -> Result<(), RegisterError> {
    let numbered = |found: &StoredMatch| {
        found.reasons.iter().any(|reason| reason.field == matching::Field::Identifier && reason.level == matching::Level::Exact)
    };
    let ids: Vec<Id> = shown.iter().filter(|found| numbered(found)).filter_map(|found| found.child.map(Id)).collect();
    let numbers = IdentifierRow::current(connection, &ids)?;
    for found in shown.iter_mut() {
        let known = |current: bool| {
            numbers
                .iter()
                .filter(|row| Some(row.child_id.0) == found.child && row.valid_to.is_none() == current)
                .any(|row| asked.nhs_numbers.contains(&row.value))
        };
        found.superseded_number = known(false) && !known(true);
    }
    Ok(())
}

/// Enquiries by other organisations about the same child within the look-back: those that matched the same person, and
/// those whose question is about the same child, on a register or not. First those of this region's people, then those of other
/// regions' that this one knows of, by region.
fn earlier(
    connection: &mut AnyConnection,
    region: &Region,
    enquirer: &Enquirer,
    query: &Query,
    shown: &[StoredMatch],
    known: &Known,
    now: DateTime<Utc>,
) -> Result<(StoredEarlier, BTreeMap<String, StoredEarlier>), RegisterError> {
    let since = now - TimeDelta::days(region.look_back_days);
    let mut found: Vec<EarlierRow> = Vec::new();
    if let Some(child) = shown.first().filter(|best| best.grade >= Grade::Probable).and_then(|best| best.child) {
        for record in known.groups.members(Id(child)) {
            found.extend(rows::that_matched(connection, record, since)?);
        }
        found.sort_by_key(|row| row.id);
        found.dedup_by_key(|row| row.id);
    }
    for (row, _) in about_same_child(connection, region, query, since)? {
        if !found.iter().any(|known| known.id == row.id) {
            found.push(row);
        }
    }
    found.retain(|row| row.agency != enquirer.agency && row.asked_by != enquirer.key);
    let told = |rows: Vec<&EarlierRow>| {
        let mut agencies: Vec<String> = rows.iter().map(|row| row.agency.clone()).collect();
        agencies.sort();
        agencies.dedup();
        StoredEarlier { count: rows.len() as u64, agencies, since: rows.iter().map(|row| row.asked_at.get()).min() }
    };
    let mut elsewhere: BTreeMap<String, Vec<&EarlierRow>> = BTreeMap::new();
    let mut own = Vec::new();
    for row in &found {
        match other_region(&row.asked_by) {
            Some(code) => elsewhere.entry(code.to_owned()).or_default().push(row),
            None => own.push(row),
        }
    }
    Ok((told(own), elsewhere.into_iter().map(|(code, rows)| (code, told(rows))).collect()))
}

/// The questions since an instant that are probably about the same child, on a register or not, newest first.
///
/// # Errors
/// When the database fails.
pub fn about_same_child(
    connection: &mut AnyConnection,
    region: &Region,
    query: &Query,
    since: DateTime<Utc>,
) -> Result<Vec<(EarlierRow, Grade)>, RegisterError> {
    let under_keys = rows::under_keys(connection, &strong(region.matcher.keyer.query_keys(query)), since)?;
    if under_keys.is_empty() {
        return Ok(Vec::new());
    }
    let context = region.matcher.context(connection, query)?;
    let mut found = Vec::new();
    for row in under_keys {
        let record = match Record::decode(&row.packed) {
            Ok(record) => record,
            // Asked of a program with another matcher, before an update. Whether it was about the same child cannot be told, and
            // that must not keep anybody from an answer.
            Err(DecodeError::OtherVersion) => {
                tracing::warn!("an earlier enquiry was packed by another version of the matching, and is not counted");
                continue;
            }
            Err(DecodeError::Damaged) => return Err(StoreError::Corrupt("enquiry").into()),
        };
        if let Some(likely) = matching::same_child(query, &record, &context).filter(|grade| *grade >= matching::Grade::Probable) {
            found.push((row, grade(likely)));
        }
    }
    Ok(found)
}

/// The few strong keys under which a question can be found again: number, full date of birth, both names, the mother's names.
fn strong(keys: Vec<QueryKey>) -> Vec<i64> {
    let is_strong = |kind| matches!(kind, KeyKind::Identifier | KeyKind::Birth | KeyKind::NamePair | KeyKind::MotherPair);
    keys.into_iter().filter(|key| is_strong(key.kind)).map(|key| key.key).collect()
}

/// What an answer means and does not mean, in codes.
pub fn advice(
    region: &Region,
    outcome: &Outcome,
    (shown, alerts): (&[StoredMatch], &[ToldAlert]),
    earlier: &StoredEarlier,
    narrowed: bool,
) -> Vec<String> {
    let mut codes = vec![outcome.as_str()];
    let live = || shown.iter().filter_map(|found| found.alert.as_ref()).chain(alerts);
    if live().any(|alert| !alert.exercise) {
        codes.push("missing-alert");
    } else if live().next().is_some() {
        codes.push("missing-alert-exercise");
    }
    let current: Vec<_> = shown.iter().filter(|found| found.status.is_current()).collect();
    if current.iter().any(|found| found.flags.contains(&Flag::PossibleSiblingOrTwin)) {
        codes.push("possible-sibling");
    }
    if outcome.code() == OutcomeCode::PossibleMatch && rivals(&current) {
        codes.push("several-people");
    }
    if current.first().is_some_and(|found| found.status == MatchStatus::UnbornRegistered) {
        codes.push("unborn");
    }
    if current.first().is_some_and(|found| found.status == MatchStatus::TemporarilyRegistered) {
        codes.push("temporary");
    }
    if shown.iter().any(|found| found.superseded_number) {
        codes.push("superseded-number");
    }
    if shown.iter().any(|found| found.shielded) {
        codes.push("shielded");
    }
    // The same protection goes by other names, codes and dates there; what the other region said is told as it said it.
    let is_abroad = |found: &&StoredMatch| region.authority(&found.authority).is_some_and(|(home, _)| home.nation != region.own().nation);
    if shown.iter().any(|found| is_abroad(&found)) {
        codes.push("another-nation");
    }
    if shown.iter().any(|found| !found.status.is_current()) {
        codes.push("previously-registered");
    }
    if earlier.count > 0 {
        codes.push("earlier-enquiries");
    }
    if narrowed {
        codes.push("search-narrowed");
    }
    codes.push("report-anyway");
    codes.into_iter().map(str::to_owned).collect()
}

/// The alerts that no match carries, each once, surest first, and of those that are equally sure the latest: a region that has not
/// heard yet that an earlier one is over still tells of it.
pub fn not_carried(alerts: Vec<ToldAlert>, matches: &[StoredMatch]) -> Vec<ToldAlert> {
    let carried = |id| matches.iter().filter_map(|found| found.alert.as_ref()).any(|alert| alert.id == id);
    let mut left: BTreeMap<uuid::Uuid, ToldAlert> = BTreeMap::new();
    for alert in alerts.into_iter().filter(|alert| !carried(alert.id)) {
        match left.get(&alert.id) {
            Some(known) if known.grade >= alert.grade => {}
            _ => drop(left.insert(alert.id, alert)),
        }
    }
    let mut left: Vec<_> = left.into_values().collect();
    // A real one before an exercise, whatever the grade.
    left.sort_by_key(|alert| (alert.exercise, std::cmp::Reverse(alert.grade), std::cmp::Reverse(alert.id)));
    left
}

/// Whether two different persons stand so close that nobody can say which is meant.
fn rivals(current: &[&StoredMatch]) -> bool {
    let Some((best, others)) = current.split_first() else { return false };
    others.iter().any(|other| !best.is_same_person_as(other) && best.bits - other.bits < crate::domain::outcome::RIVAL_BITS)
}

/// Signs the receipts of what was found: the last step before it is kept. The audit entry is final from here on, because the
/// receipts name its hash.
///
/// # Errors
/// When there is no key to sign with: nothing is answered then.
pub fn sign(ending: &mut Ending<'_>, region: &Region, checked: &mut [Checked]) -> Result<(), RegisterError> {
    let watch = Stopwatch::now();
    let promise = ending.promise()?;
    for checked in checked {
        let Checked { row, answer, salt, asked, .. } = checked;
        row.receipt = receipt(region, row, answer, hex::encode(salt), asked.clone(), &promise)?;
    }
    metrics::histogram!("cofrestr_sign_seconds").record(watch.elapsed().as_secs_f64());
    Ok(())
}

/// The receipt of a check whose audit entry is promised.
///
/// # Errors
/// When there is no key to sign with.
pub fn receipt(
    region: &Region,
    row: &EnquiryRow,
    answer: &StoredAnswer,
    salt: String,
    asked: Option<String>,
    promise: &AuditPromise,
) -> Result<String, RegisterError> {
    let text = |at: Instant| at.get().to_rfc3339_opts(SecondsFormat::Micros, true);
    let document = answer_document(&row.outcome, answer).ok_or(StoreError::Corrupt("answer"))?;
    let claims = ReceiptClaims {
        iss: region.code().to_string(),
        jti: row.id.0.to_string(),
        iat: promise.recorded_at.timestamp(),
        asked_at: text(row.asked_at),
        as_of: text(row.as_of),
        valid_until: text(row.valid_until),
        question: row.question_digest.clone(),
        salt,
        asked,
        outcome: row.outcome.clone(),
        answer: sha256(&[document.as_bytes()]),
        coverage: answer.coverage.clone(),
        answers: answer.signed.clone(),
        audit: promise.entry.to_string(),
        leaf: hex::encode(promise.leaf_hash),
    };
    Ok(region.signer.sign_at(RECEIPT_TYPE, &claims, promise.recorded_at).map_err(|_| StoreError::Corrupt("the signing key"))?)
}

/// A child who is meant, and an entry of theirs in force.
#[derive(Debug)]
pub struct Concerned {
    /// The child.
    pub child: Id,
    /// The entry.
    pub registration: Id,
    /// The authority whose entry it is.
    pub authority: String,
    /// The co-ordinator, if the entry names one with an identity.
    pub coordinator: Option<String>,
}

/// Whose entries in force are concerned by what is said of somebody: those of everybody who is meant certainly or probably. What
/// is only possible is no ground to tell anybody of somebody else's child.
///
/// # Errors
/// [`RegisterError::Insufficient`] when there is too little to search on; or the database fails.
pub fn concerned(
    connection: &mut AnyConnection,
    region: &Region,
    person: &matching::Person,
    now: DateTime<Utc>,
) -> Result<Vec<Concerned>, RegisterError> {
    let day = today(now);
    let query = Query::new(person);
    if enough_to_search(&query).is_err() {
        return Err(RegisterError::Insufficient);
    }
    let found = if region.matching { region.matcher.search(connection, &query)? } else { Found::unsearched() };
    let named: Vec<i64> = found.current.candidates.iter().map(|candidate| candidate.id).collect();
    let known = Known::of(connection, &named, now)?;
    let meant =
        matches(&found, &known, region, day).into_iter().filter(|found| found.status.is_current() && found.grade >= Grade::Probable);
    let entries = meant.filter_map(|found| found.child).flat_map(|child| {
        let live = known.entries_of(Id(child)).into_iter().filter(|entry| entry.is_live_on(day));
        live.map(move |entry| Concerned {
            child: Id(child),
            registration: entry.row.id,
            authority: entry.row.authority.clone(),
            coordinator: entry.coordinator().and_then(|coordinator| coordinator.person.clone()),
        })
        .collect::<Vec<_>>()
    });
    Ok(entries.collect())
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
        routine: question.reason.allows_silent(),
    };
    let mut told = Vec::new();
    for found in shown {
        let kind = match (found.status.is_current(), found.grade) {
            (false, _) => notices::Kind::Former,
            (true, Grade::Possible) => notices::Kind::PossibleMatch,
            (true, Grade::Probable | Grade::Certain) => notices::Kind::Enquiry,
        };
        // Every entry in force is told, also a temporary one beside that of the home authority.
        let Some(child) = found.child.map(Id) else { continue };
        let told_of = |entry: &&Registration| Some(entry.row.id.0) == found.registration || entry.is_live_on(day);
        for entry in known.entries_of(child).into_iter().filter(told_of) {
            told.push(notice(kind, child, entry));
        }
    }
    for pid in &found.same_address {
        if let Some(Speaking { person, entry, status, .. }) = known.entry(*pid, day)
            && status.is_current()
            && !shown.iter().filter_map(|shown| shown.child).any(|child| known.is_same_person(Id(child), person.id))
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
    if let Some(mark) = &checked.mark {
        mark.insert(tx)?;
    }
    waiting_rows::wait_for(tx, &checked.waiting)?;
    for sighting in &checked.sightings {
        sighting.add(tx.connection)?;
    }
    for notice in &checked.notices {
        notices::give(tx, notice, region.together)?;
    }
    if checked.repeat {
        tasks::raise(tx, tasks::Kind::RepeatEnquiry, region.code().as_str(), None, None, Some(checked.id()?))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_real_is_told_first_then_what_is_surest_then_what_is_latest() {
        let told = |number: u128, grade: Grade, exercise: bool| ToldAlert {
            id: uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number),
            grade,
            authority: "W06000011".into(),
            exercise,
            reconfirm_by: DateTime::UNIX_EPOCH,
            instructions: None,
        };
        let all = vec![
            told(5, Grade::Certain, true),
            told(1, Grade::Certain, false),
            told(2, Grade::Certain, false),
            told(4, Grade::Possible, false),
            // Another region is less sure of the same one.
            told(2, Grade::Possible, false),
        ];
        let order: Vec<u128> = not_carried(all, &[]).iter().map(|alert| alert.id.as_u128() & 0xff).collect();
        assert_eq!(order, [2, 1, 4, 5]);
    }
}
