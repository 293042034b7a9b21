//! The matcher at work on the database: indexing people, and finding who may be meant by a question.
//!
//! Keys and records are written in the transaction that changes the person, so that a child registered a second ago – by
//! another server, too – is found.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant as Stopwatch};

use chrono::NaiveDate;

use crate::authz::policy::action::RefreshStatistics;
use crate::authz::program_permit;
use crate::matching::{
    Birth, Candidate, Context, Flag, Grade, KeyKind, Keyer, NameKind, Person, PersonAddress, PersonCarer, PersonName, Query, Ranker,
    Ranking, Record, Register, Sex, Verdict, enough_to_search, plan,
};
use crate::store::children::{self as child_rows};
use crate::store::connection::AnyConnection;
use crate::store::matching::{self as rows, AtHand, Indexed, Mark, Standing, Statistics};
use crate::store::settings;
use crate::store::types::Id;
use crate::store::{Store, StoreError, Tx};

use super::children::{Child, load, today};
use super::identities::Groups;
use super::registrations::Registration;
use super::{Region, RegisterError, registrations};

/// How often is looked whether somebody has counted anew. No answer depends on the counts being exact.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Records decoded at once while statistics are counted.
const PAGE: i64 = 2_000;

/// About how many people are compared for one question.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Those who share its rarest particulars.
    pub usual: usize,
    /// Those who share any, when nobody was found among the others.
    pub most: usize,
}

impl Budget {
    /// As a region is set up.
    pub fn of(settings: &crate::config::Matching) -> Self {
        Self { usual: settings.candidate_budget, most: settings.candidate_limit }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { usual: 600, most: 20_000 }
    }
}

/// The matcher of a region.
#[derive(Clone)]
pub struct Matcher {
    /// Makes keys under the region's secret.
    pub keyer: Keyer,
    /// What marks an index that this version made.
    pub index: Mark,
    budget: Budget,
    /// Over how many years the people were born, when they are no children: only for measuring on public data. A register
    /// that answers checks is always one of children.
    all_ages: Option<u16>,
    /// How common keys and names were at the last look, and when that was.
    statistics: Arc<RwLock<(Arc<Statistics>, Option<Stopwatch>)>>,
    at_hand: Arc<AtHand>,
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher").field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// What a question found. Numbers are people of this database.
#[derive(Debug)]
pub struct Found {
    /// People with a live entry, best first.
    pub current: Ranking<i64>,
    /// People with former entries only, best first.
    pub former: Ranking<i64>,
    /// People with a live entry at the address in the question.
    pub same_address: Vec<i64>,
    /// The keyed hash of the health number of each person compared who has one.
    pub persons: HashMap<i64, i64>,
    /// Whether so many share what the question says that not all of them were compared, and none of those who were compared
    /// has a live entry that may be meant: nobody can say then that nobody is meant.
    pub incomplete: bool,
    /// How many people were compared.
    pub compared: usize,
}

impl Found {
    /// Nobody, because nobody was searched: for measuring what a check costs without matching.
    pub fn unsearched() -> Self {
        let nobody = || Ranking { verdict: Verdict::None, candidates: Vec::new() };
        Self { current: nobody(), former: nobody(), same_address: Vec::new(), persons: HashMap::new(), incomplete: false, compared: 0 }
    }
}

/// A person as the matcher reads them. Hidden addresses and carers say so; the matcher makes nothing of them.
///
/// A child who has no health number – every unborn child – is found by the mother's: it is what a midwife has in front of her.
pub fn person(child: &Child) -> Person {
    let mut person = own_person(child);
    if person.nhs_numbers.is_empty() {
        person.nhs_numbers = child
            .household
            .iter()
            .filter(|member| member.relationship == "mother" && !member.confidential && member.valid_to.is_none())
            .filter_map(|member| member.nhs_number.clone())
            .collect();
    }
    person
}

/// The same without what belongs to somebody else: brothers and sisters have the mother's number in common.
pub fn own_person(child: &Child) -> Person {
    let shielded = child.row.shielded;
    let particulars = child.particulars.as_ref();
    let birth = match particulars {
        None => Birth::Unknown,
        Some(row) => match (row.birth_kind.as_str(), row.birth_from, row.birth_to) {
            ("exact", Some(on), _) => Birth::Exact(on),
            ("approximate", Some(from), Some(to)) => Birth::Range { from, to },
            ("expected", Some(on), _) => Birth::Expected(on),
            _ => Birth::Unknown,
        },
    };
    Person {
        names: child
            .names
            .iter()
            .map(|name| PersonName {
                given: name.given.clone(),
                middle: name.middle.clone(),
                family: name.family.clone(),
                kind: match name.name_use.as_str() {
                    "official" if name.valid_to.is_none() => NameKind::Current,
                    "alias" | "preferred" => NameKind::Alias,
                    _ => NameKind::Former,
                },
            })
            .collect(),
        birth,
        sex: particulars.map_or(Sex::Unknown, |row| sex(&row.sex)),
        nhs_numbers: child
            .identifiers
            .iter()
            .filter(|identifier| matches!(identifier.kind.as_str(), "nhs-number" | "chi-number" | "hc-number"))
            .map(|identifier| identifier.value.clone())
            .collect(),
        addresses: child
            .addresses
            .iter()
            .map(|address| PersonAddress {
                lines: serde_json::from_str(&address.lines).unwrap_or_default(),
                postcode: address.postcode.clone(),
                current: !address.is_over(),
                // Of a shielded record, the places it lived at openly before stay findable: the enquirer could see those.
                hidden: address.confidential || (shielded && !address.is_over()),
            })
            .collect(),
        carers: child
            .household
            .iter()
            .filter(|member| member.carer || member.relationship == "mother")
            .map(|member| PersonCarer {
                given: member.given.clone(),
                family: member.family.clone(),
                is_mother: member.relationship == "mother",
                hidden: member.confidential,
            })
            .collect(),
    }
}

/// Sex as the matcher knows it.
pub fn sex(code: &str) -> Sex {
    match code {
        "female" => Sex::Female,
        "male" => Sex::Male,
        "indeterminate" => Sex::Indeterminate,
        _ => Sex::Unknown,
    }
}

/// Writes the index of a person anew, as the transaction now sees them.
///
/// # Errors
/// [`StoreError::OtherIndex`] when another version of the program has made the index; or when the database fails.
///
/// Records that were merged are one person: each of them stands as the person stands, and they are no rivals.
pub fn reindex(tx: &mut Tx<'_>, region: &Region, id: Id) -> Result<(), RegisterError> {
    region.matcher.index.hold(tx.connection)?;
    let members = Groups::around(tx.connection, &[id])?.members(id);
    let people = child_rows::by_ids(tx.connection, &members)?;
    if people.len() != members.len() {
        return Err(StoreError::Corrupt("an indexed person is missing").into());
    }
    let keyer = &region.matcher.keyer;
    for row in &people {
        if let Some(body) = rows::body(tx.connection, row.pid)? {
            let old = Record::decode(&body).map_err(|_| StoreError::Corrupt("match record"))?;
            rows::remove(tx.connection, row.pid, &keyer.record_keys(&old))?;
        }
    }
    // Identities closed by an adoption and people entered in error get no keys: nobody finds them by a question (I26).
    let people: Vec<_> = people.into_iter().filter(|row| row.standing == "current").collect();
    let ids: Vec<Id> = people.iter().map(|row| row.id).collect();
    let standing = standing(&registrations::of(tx.connection, &ids)?, today(tx.now()));
    let mut records = Vec::with_capacity(people.len());
    for row in people {
        let child = load(tx.connection, row)?;
        records.push((child.row.pid, indexed(keyer, &child, &person(&child), standing)));
    }
    if records.len() > 1 {
        let number = records.iter().find_map(|(_, record)| record.person);
        // Without any number, 64 bits that only these records share: those of the first one's identifier that are random.
        let shared = number.or_else(|| members.first().map(|id| id.0.as_u64_pair().1.cast_signed()));
        for (_, record) in &mut records {
            record.person = shared;
        }
    }
    rows::insert_all(tx.connection, records.iter().map(|(pid, record)| (*pid, record)))?;
    Ok(())
}

/// What the index keeps of a child, whom the matcher shall read as `person`.
pub fn indexed(keyer: &Keyer, child: &Child, person: &Person, standing: Standing) -> Indexed {
    let record = Record::new(person);
    // A number that is the mother's says nothing of who the child is.
    let own = own_person(child).nhs_numbers;
    let numbers = Query::new(&Person { nhs_numbers: own, ..Person::default() });
    let number = keyer.query_keys(&numbers).into_iter().find(|key| key.kind == KeyKind::Identifier).map(|key| key.key);
    Indexed { standing, person: number, body: record.encode(), keys: keyer.record_keys(&record) }
}

/// How the matcher ranks somebody with these entries.
pub fn standing(entries: &[Registration], day: NaiveDate) -> Standing {
    if entries.iter().any(|entry| entry.is_live_on(day)) {
        Standing::Current
    } else if entries.iter().any(|entry| !entry.state.entered_in_error) {
        Standing::Former
    } else {
        Standing::None
    }
}

impl Matcher {
    /// The matcher of a register of children.
    pub fn new(keyer: Keyer, budget: Budget) -> Self {
        Self { keyer, index: Mark::of(&index_version()), budget, all_ages: None, statistics: Arc::default(), at_hand: Arc::default() }
    }

    /// The same over people of all ages, born over so many years: the rule that protects brothers, sisters and twins from
    /// being taken for each other makes no sense there. For measuring only.
    #[must_use]
    pub fn over_all_ages(self, birth_years: u16) -> Self {
        Self { all_ages: Some(birth_years), ..self }
    }

    /// How common keys and names are, as they were counted last; another server may have counted [`LOOK_EVERY`] ago at most.
    pub(super) fn statistics(&self, connection: &mut AnyConnection) -> Result<Arc<Statistics>, StoreError> {
        let (known, looked) = self.statistics.read().unwrap_or_else(PoisonError::into_inner).clone();
        if looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(known);
        }
        let now = rows::statistics(connection, &known)?;
        *self.statistics.write().unwrap_or_else(PoisonError::into_inner) = (Arc::clone(&now), Some(Stopwatch::now()));
        Ok(now)
    }

    /// Puts the question's context together: how large the register is and how common its names are.
    ///
    /// # Errors
    /// When the database fails.
    pub fn context(&self, connection: &mut AnyConnection, query: &Query) -> Result<Context, RegisterError> {
        let statistics = self.statistics(connection)?;
        Ok(self.context_of(&statistics, query))
    }

    fn context_of(&self, statistics: &Statistics, query: &Query) -> Context {
        let people = u64::try_from(statistics.people).unwrap_or(0).max(1);
        let register = self.all_ages.map_or_else(|| Register::of_children(people), |years| Register::of_all_ages(people, years));
        Context::new(query, &self.keyer, register, |counter| statistics.tokens.get(counter).map_or(0, u64::from))
    }

    /// Finds who may be meant. The rarest particulars lead; when those who share them are not meant and the question has neither
    /// a number nor a full date of birth, everybody who shares the common ones is compared too.
    ///
    /// # Errors
    /// [`StoreError::OtherIndex`] when another version of the program has made the index: nobody can say then that nobody is meant.
    /// Or when the database fails.
    pub fn search(&self, connection: &mut AnyConnection, query: &Query) -> Result<Found, RegisterError> {
        let statistics = self.statistics(connection)?;
        let keys = self.keyer.query_keys(query);
        let count = |key| statistics.keys.get(key).unwrap_or(1);
        let context = self.context_of(&statistics, query);
        let first = plan(&keys, count, self.budget.usual);
        let found = self.compare(connection, query, &context, &first.keys)?;
        // With a number or a full date of birth the rare keys lead to the child, also past faults: measured, see `match-report`.
        let leads = keys.iter().any(|key| matches!(key.kind, KeyKind::Identifier | KeyKind::Birth));
        if !first.truncated || leads || !found.current.candidates.is_empty() {
            return Ok(found);
        }
        let whole = plan(&keys, count, self.budget.most);
        let found = self.compare(connection, query, &context, &whole.keys)?;
        Ok(Found { incomplete: whole.truncated && found.current.candidates.is_empty(), ..found })
    }

    /// Compares everybody behind some keys with a question.
    fn compare(&self, connection: &mut AnyConnection, query: &Query, context: &Context, keys: &[i64]) -> Result<Found, RegisterError> {
        let mut current = Ranker::new(query, context);
        let mut former = Ranker::new(query, context);
        let mut same_address = Vec::new();
        let mut persons = HashMap::new();
        let candidates = rows::candidates(connection, &self.at_hand, self.index, keys)?;
        let compared = candidates.len();
        for packed in candidates {
            let ranker = match packed.standing {
                Standing::Current => &mut current,
                Standing::Former => &mut former,
                Standing::None => continue,
            };
            if let Some(person) = packed.person {
                persons.insert(packed.pid, person);
            }
            let comparison = ranker
                .consider_encoded(packed.pid, packed.person.map(i64::cast_unsigned), &packed.body)
                .map_err(|_| StoreError::Corrupt("match record"))?;
            if packed.standing == Standing::Current && comparison.same_address() {
                same_address.push(packed.pid);
            }
        }
        Ok(Found { current: current.finish(), former: former.finish(), same_address, persons, incomplete: false, compared })
    }

    /// The other people who are probably the same person, best first: whether they have an entry or not, and without brothers,
    /// sisters and twins.
    ///
    /// # Errors
    /// When the database fails.
    pub fn alike(&self, connection: &mut AnyConnection, person: &Person, own: i64) -> Result<Vec<(i64, Grade)>, RegisterError> {
        let query = Query::new(person);
        if enough_to_search(&query).is_err() {
            return Ok(Vec::new());
        }
        let statistics = self.statistics(connection)?;
        let plan = plan(&self.keyer.query_keys(&query), |key| statistics.keys.get(key).unwrap_or(1), self.budget.usual);
        let context = self.context_of(&statistics, &query);
        let mut ranker = Ranker::new(&query, &context);
        for packed in rows::candidates(connection, &self.at_hand, self.index, &plan.keys)?.into_iter().filter(|packed| packed.pid != own) {
            ranker
                .consider_encoded(packed.pid, packed.person.map(i64::cast_unsigned), &packed.body)
                .map_err(|_| StoreError::Corrupt("match record"))?;
        }
        let is_same =
            |candidate: &Candidate<i64>| candidate.grade >= Grade::Probable && !candidate.flags.contains(&Flag::PossibleSiblingOrTwin);
        Ok(ranker.finish().candidates.into_iter().filter(is_same).map(|candidate| (candidate.id, candidate.grade)).collect())
    }
}

/// Counts anew how common keys and names are. Nothing depends on the counts being exact; they only say what to ask first and
/// how much a name is worth.
///
/// # Errors
/// When the database fails.
pub async fn refresh(store: &Store, region_code: &str, matcher: &Matcher) -> Result<(), StoreError> {
    let keyer = matcher.keyer.clone();
    store
        .run_alone::<_, _, _, StoreError>(
            program_permit::<RefreshStatistics>("cofrestr", region_code),
            move |snapshot| {
                let keys = rows::count_keys(snapshot.connection)?;
                let mut tokens: HashMap<i64, i64> = HashMap::new();
                let mut people = 0;
                let mut after = 0;
                loop {
                    let page = rows::page(snapshot.connection, after, PAGE)?;
                    let Some((last, _)) = page.last() else { break };
                    after = *last;
                    for (_, body) in &page {
                        let record = Record::decode(body).map_err(|_| StoreError::Corrupt("match record"))?;
                        people += 1;
                        for counter in keyer.record_counters(&record) {
                            *tokens.entry(counter).or_default() += 1;
                        }
                    }
                }
                Ok((keys, tokens.into_iter().collect::<Vec<_>>(), people))
            },
            |tx, (keys, tokens, people)| {
                let now = tx.now();
                tx.audit().detail("people", people);
                rows::replace_counts(tx.connection, keys, tokens, *people, now)
            },
        )
        .await?;
    matcher.statistics.write().unwrap_or_else(PoisonError::into_inner).1 = None;
    Ok(())
}

/// The setting that says for which version of the matcher the index was made.
const INDEX_VERSION: &str = "matching.index-version";

/// Counts what this module reads of a child ([`person`]) when that changes. What the matcher makes of it has a version of its own.
const READING: u32 = 2;

/// For which version an index is made by this program.
fn index_version() -> String {
    format!("{}.{READING}", crate::matching::version())
}

/// The setting that says under which secret the index was made.
const SECRET_FINGERPRINT: &str = "matching.secret-fingerprint";

/// What tells one secret from another without giving it away: a key that the secret makes of a name that nobody bears.
fn fingerprint(keyer: &Keyer) -> String {
    let nobody = PersonName { given: Some("Cofrestr".into()), family: Some("Fingerprint".into()), ..PersonName::default() };
    let query = Query::new(&Person { names: vec![nobody], ..Person::default() });
    keyer.query_keys(&query).iter().map(|key| format!("{:x}.", key.key)).take(4).collect()
}

/// Refuses a secret other than the one under which the index was made: with it every question would find nobody, and every
/// child on the register would seem not to be there.
fn same_secret(stored: Option<&str>, own: &str) -> Result<(), StoreError> {
    match stored {
        Some(stored) if stored != own => Err(StoreError::OtherSecret),
        _ => Ok(()),
    }
}

/// Makes the index anew when it was made for another version of the matcher, in one transaction: nobody ever searches half an
/// index. To be called before the server listens.
///
/// # Errors
/// When the database fails.
pub async fn bring_up_to_date(store: &Store, region: &Arc<Region>) -> Result<(), RegisterError> {
    let version = index_version();
    let code = region.code().to_string();
    let wanted = version.clone();
    let own = fingerprint(&region.matcher.keyer);
    let kept = own.clone();
    let writer = Arc::clone(region);
    let rebuilt = store
        .run_alone::<_, _, _, RegisterError>(
            program_permit::<RefreshStatistics>("cofrestr", &code),
            move |snapshot| {
                same_secret(settings::get(snapshot.connection, SECRET_FINGERPRINT)?.as_deref(), &own)?;
                Ok(settings::get(snapshot.connection, INDEX_VERSION)?.as_deref() == Some(wanted.as_str()))
            },
            move |tx, current| {
                if !*current {
                    rows::take_over(tx.connection)?;
                }
                // Looked at again here: another server may have made the index a moment ago.
                let stored = settings::get(tx.connection, SECRET_FINGERPRINT)?;
                same_secret(stored.as_deref(), &kept)?;
                if *current || settings::get(tx.connection, INDEX_VERSION)?.as_deref() == Some(version.as_str()) && stored.is_some() {
                    return Ok(false);
                }
                rows::clear(tx.connection, writer.matcher.index)?;
                let mut after = 0;
                loop {
                    let page = child_rows::page(tx.connection, after, PAGE)?;
                    let Some(last) = page.last() else { break };
                    after = last.pid;
                    for row in page {
                        reindex(tx, &writer, row.id)?;
                    }
                }
                settings::set(tx.connection, INDEX_VERSION, &version)?;
                settings::set(tx.connection, SECRET_FINGERPRINT, &kept)?;
                Ok(true)
            },
        )
        .await?;
    if rebuilt {
        refresh(store, &code, &region.matcher).await?;
        tracing::info!("made the matcher's index anew");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_from_another_and_only_the_same_one_is_taken() {
        let (one, other) = (fingerprint(&Keyer::new([1; 16])), fingerprint(&Keyer::new([2; 16])));
        assert_eq!(one, fingerprint(&Keyer::new([1; 16])));
        assert_ne!(one, other);
        assert!(same_secret(None, &one).is_ok());
        assert!(same_secret(Some(&one), &one).is_ok());
        assert!(matches!(same_secret(Some(&other), &one), Err(StoreError::OtherSecret)));
    }
}
