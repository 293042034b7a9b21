//! Answering another region: is this child on our register? The answer is the minimum that the enquirer's role may have by this
//! region's own rules; whoever is responsible for a child that may be meant hears of it; the look is in this region's audit log.
//!
//! Of a question about nobody on this register nothing is kept but the audit entry with its keyed commitment: so "was this child
//! ever asked about" can be answered later by whoever has the child's particulars, and by nobody else.

use crate::domain::coded::Coded;
use crate::domain::ids::CheckId;
use crate::domain::outcome::{Grade, OutcomeCode, Reply};
use crate::domain::roles::{Role, Sector};
use crate::register::checks::{self, Checked, Enquirer, OF_ANOTHER_REGION, Question, Searched, StoredMatch};
use crate::register::receipts::sha256;
use crate::register::transfers::suspected;
use crate::register::{Region, RegisterError};
use crate::store::alerts::ReportRow;
use crate::store::types::Id;
use crate::store::{Snapshot, StoreError, Tx, enquiries, federation as rows};

use super::readings;
use super::wire::{PeerAnswer, PeerEarlier, PeerMatch, PeerQuestion};

/// What nothing found is called: only the region that asked everybody may say more.
pub const NOTHING_FOUND: &str = "nothing-found";

/// What a region that asks is answered, and what is kept of it.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: PeerAnswer,
    sender: String,
    message: Id,
    keep: Option<Checked>,
    sightings: Vec<ReportRow>,
}

fn rule(pointer: &str, error: &dyn Coded) -> RegisterError {
    RegisterError::Rule { pointer: pointer.to_owned(), code: error.code(), detail: error.to_string() }
}

/// The person who asks, as their region vouches for them. What they may be told goes by their role; it gives them no right here.
///
/// # Errors
/// A broken rule, for a role or sector that is not known.
pub fn enquirer(asked: &PeerQuestion, from: &str) -> Result<Enquirer, RegisterError> {
    let stated = &asked.enquirer;
    let role: Role = stated.role.parse().map_err(|error: crate::domain::coded::CodeError| rule("/enquirer/role", &error))?;
    let sector: Option<Sector> = stated
        .sector
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error: crate::domain::coded::CodeError| rule("/enquirer/sector", &error))?;
    let short = |text: &str, most: usize| text.chars().filter(|character| !character.is_control()).take(most).collect::<String>();
    Ok(Enquirer {
        key: format!("{OF_ANOTHER_REGION}{from}#{}", short(&stated.person, 400)),
        client: None,
        organisation: stated.organisation.as_deref().map(|code| short(code, 40)),
        agency: short(&stated.agency, 200),
        role,
        sector,
    })
}

/// Sixteen bytes in hexadecimal.
///
/// # Errors
/// A broken rule.
pub fn sixteen(pointer: &str, text: &str) -> Result<[u8; 16], RegisterError> {
    let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| RegisterError::Rule {
        pointer: pointer.to_owned(),
        code: "not-sixteen-bytes",
        detail: "give sixteen bytes in hexadecimal".into(),
    })
}

/// Answers from this region's register.
///
/// # Errors
/// [`RegisterError::Replayed`] when the message came already; [`RegisterError::Insufficient`] when there is too little to search
/// on; or the database fails.
pub fn answer(
    snapshot: &mut Snapshot<'_>,
    region: &Region,
    asked: &PeerQuestion,
    question: Question,
    from: &str,
    message: uuid::Uuid,
) -> Result<Answered, RegisterError> {
    if rows::came_already(snapshot, from, Id(message))? {
        return Err(RegisterError::Replayed);
    }
    let enquirer = enquirer(asked, from)?;
    let salt = hex::decode(&asked.salt).unwrap_or_default();
    let digest = sha256(&[&salt, asked.child.as_bytes()]);
    let id = CheckId::try_from(asked.check).map_err(|_| RegisterError::NotFound)?;
    snapshot.audit().enquiry(Id::from(id));
    snapshot.audit().commit_to_question(id, &question.document)?;
    snapshot.audit().detail("enquirer-role", enquirer.role.as_str());
    snapshot.audit().detail("enquirer", &enquirer.key);
    let (role, sector) = (enquirer.role, enquirer.sector);
    let searched = checks::search(snapshot, region, question, enquirer, id, sixteen("/tagKey", &asked.tag_key)?, asked.asked_at)?;
    // A region that searches nobody, or only some of those who may be meant, must not say that it found nobody.
    if searched.is_narrowed() {
        return Err(RegisterError::Insufficient);
    }
    let Reply::Answered(own) = &searched.own().reply else {
        return Err(StoreError::Overloaded.into());
    };
    let former = region.disclosure.former_registrations(role, sector);
    let shown: Vec<&StoredMatch> = own.findings.iter().filter(|found| former || found.status.is_current()).collect();
    let (outcome, _, _) = checks::judge(
        crate::domain::search_set::SearchSet::choose(&crate::domain::search_set::Search::OwnRegion, region.code(), &[])
            .map_err(|_| StoreError::Corrupt("the search set"))?,
        std::slice::from_ref(searched.own()),
    )?;
    let outcome = match outcome.code() {
        OutcomeCode::OnRegister => OutcomeCode::OnRegister.as_str(),
        OutcomeCode::PossibleMatch => OutcomeCode::PossibleMatch.as_str(),
        OutcomeCode::NotOnRegister => NOTHING_FOUND,
        OutcomeCode::Indeterminate => return Err(StoreError::Overloaded.into()),
    };
    let agencies = region.disclosure.earlier_agencies_of(role, sector);
    let earlier = searched.own().earlier.as_ref().map(|earlier| PeerEarlier {
        count: earlier.count,
        agencies: if agencies { earlier.agencies.clone() } else { Vec::new() },
        since: earlier.since,
    });
    let matches: Vec<PeerMatch> = shown.iter().map(|found| told(found, asked.check)).collect();
    for child in own.findings.iter().filter_map(|found| found.child) {
        snapshot.audit().child(Id(child));
    }
    if matches.is_empty() {
        snapshot.audit().empty();
    }
    snapshot.audit().detail("outcome", outcome);
    snapshot.audit().detail("matches", matches.len());
    let as_of = own.as_of;
    let alerts = searched.hits().to_vec();
    // Whoever holds the alert reports who asked, here too: where it was asked the alert may be on its way just now, and the owner away.
    // However many tell of it, it is one report.
    let sightings = searched.sightings(region)?;
    let keep = kept(snapshot, region, searched, id)?;
    let promise = snapshot.promise()?;
    Ok(Answered {
        answer: PeerAnswer {
            check: asked.check,
            question: digest,
            as_of,
            outcome: outcome.to_owned(),
            matches,
            earlier,
            audit: Some(promise.entry),
            leaf: Some(hex::encode(promise.leaf_hash)),
            alerts,
        },
        sightings,
        sender: from.to_owned(),
        message: Id(message),
        keep,
    })
}

/// What is kept: nothing when it concerns nobody here, or was kept when it was asked before.
fn kept(snapshot: &mut Snapshot<'_>, region: &Region, searched: Searched, id: CheckId) -> Result<Option<Checked>, RegisterError> {
    if !searched.concerns_somebody() || enquiries::find(snapshot.connection, id.into())?.is_some() {
        return Ok(None);
    }
    checks::kept_for_peer(region, searched).map(Some)
}

fn told(found: &StoredMatch, check: uuid::Uuid) -> PeerMatch {
    PeerMatch {
        grade: found.grade,
        score: found.score,
        bits: found.bits,
        person: found.person,
        tags: if found.grade >= Grade::Probable { found.tags.clone() } else { Vec::new() },
        reasons: found.reasons.clone(),
        flags: found.flags.clone(),
        status: found.status,
        authority: found.authority.clone(),
        held_by: found.held_by.clone(),
        epoch: found.epoch.filter(|_| found.status.is_current()),
        registered_on: found.registered_on,
        coordinator: found.coordinator.clone(),
        shielded: found.shielded,
        alert: found.alert.as_ref().map(|alert| alert.id),
        entry: found.registration.filter(|_| found.status.is_current()).map(|entry| readings::name(check, entry)),
    }
}

/// Keeps the question's message, and the check with its notices when it concerns a child of this region.
///
/// # Errors
/// [`RegisterError::Replayed`] when the message came already; or the database fails.
pub fn record(tx: &mut Tx<'_>, region: &Region, answered: &Answered) -> Result<(), RegisterError> {
    if !rows::remember_message(tx, &answered.sender, answered.message)? {
        return Err(RegisterError::Replayed);
    }
    for sighting in &answered.sightings {
        sighting.add(tx.connection)?;
    }
    match &answered.keep {
        Some(checked) => {
            checks::record(tx, region, checked)?;
            suspected::by_check(tx, checked.id()?, &checked.found())
        }
        None => Ok(()),
    }
}
