//! Returns: histories put together from what the register knew at an instant, and counted.
//!
//! The same question about the same instant gives the same answer for ever: facts are superseded, never overwritten (invariant
//! I18, scenario S39). Only erasing a record at the end of retention takes it out of returns that are made later.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::identities::Groups;
use super::{Region, RegisterError};
use crate::domain::calendar::Calendar;
use crate::domain::category::{Category, CategorySet};
use crate::domain::dates::{BirthDate, BirthRange};
use crate::domain::identifiers::{GssCode, LocalAuthorityChildId};
use crate::domain::ids::ChildId;
use crate::domain::registration::{Period, RemovalGround};
use crate::domain::returns::cin::{self, Census, CinReturn};
use crate::domain::returns::suppress::public;
use crate::domain::returns::table::Table;
use crate::domain::returns::{Entry, History, Referral, ReturnCode, northern_ireland, wales};
use crate::domain::sex::Sex;
use crate::store::StoreError;
use crate::store::census::ReferralRow;
use crate::store::children::ParticularsRow;
use crate::store::conferences::Section47StateRow;
use crate::store::connection::AnyConnection;
use crate::store::registrations::{CategoryRow, StateRow};
use crate::store::statistics::Known;
use crate::store::types::{Id, Instant};

/// Working days from the strategy discussion within which the initial conference is due.
///
/// # Source
///
/// CIN-VAL (`InitialCPCtarget`) with the clock of the procedures of both nations.
const CONFERENCE_WITHIN_WORKING_DAYS: u32 = 15;

/// Which return is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The return.
    pub code: ReturnCode,
    /// The first day that it is about.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
    /// Of which authorities, in the order of the tables; of one alone, where each child is told of.
    pub authorities: Vec<GssCode>,
    /// As known when.
    pub known_at: DateTime<Utc>,
    /// Whether it is for the public: then no small number is told.
    pub public: bool,
}

/// What was counted.
#[derive(Debug)]
pub enum Content {
    /// Tables.
    Tables(Vec<Table>),
    /// A record of each child.
    Census {
        /// The document and what it lacks.
        census: CinReturn,
        /// Plans in force on the last day whose reviews were in time, and how many plans there are.
        reviewed: (u64, u64),
    },
}

/// A return that was made.
#[derive(Debug)]
pub struct Made {
    /// What was asked.
    pub question: Question,
    /// What was counted.
    pub content: Content,
    /// How many children of these authorities were looked at.
    pub children: usize,
}

/// Makes a return.
///
/// # Errors
/// [`RegisterError::NotFound`] for a census of an authority that sends none; when the database fails.
pub fn make(connection: &mut AnyConnection, region: &Region, question: Question) -> Result<Made, RegisterError> {
    let histories: Vec<History> = histories(connection, region, question.known_at)?
        .into_iter()
        .filter(|history| question.authorities.contains(&history.authority))
        .collect();
    let Question { code, from, to, authorities, .. } = &question;
    let content = match code {
        ReturnCode::WalesRegister => Content::Tables(wales::tables(&histories, authorities, *from, *to, &region.procedures.returns)),
        ReturnCode::NorthernIrelandQuarterly => Content::Tables(northern_ireland::tables(&histories, authorities, *to)),
        ReturnCode::CinPlans => {
            let only = authorities.first().filter(|_| authorities.len() == 1).ok_or(RegisterError::NotFound)?;
            let lea = region.authority(only.as_str()).and_then(|(_, authority)| authority.lea).ok_or(RegisterError::NotFound)?;
            let census = Census { lea, reference_on: *to, nation: region.own().nation };
            Content::Census { census: cin::cin_return(&histories, &census), reviewed: cin::reviewed_in_time(&histories, *to) }
        }
    };
    let content = match content {
        Content::Tables(tables) if question.public => Content::Tables(public(tables)),
        content => content,
    };
    Ok(Made { question, content, children: histories.len() })
}

/// The histories of everybody on this region's registers, as they were known at an instant: one for each child and authority,
/// whichever records of the child's the entries rest on.
/// Temporary entries are counted by the authority that holds the registration; what was entered in error was never there.
///
/// # Errors
/// When the database fails, or holds what cannot be.
pub fn histories(connection: &mut AnyConnection, region: &Region, known_at: DateTime<Utc>) -> Result<Vec<History>, StoreError> {
    let known = Known::at(connection, Instant::new(known_at))?;
    let sorted = Sorted::new(&known);
    let entries: HashMap<Id, (Id, &str)> = known.entries.iter().map(|row| (row.id, (row.child_id, row.authority.as_str()))).collect();
    let groups = Groups::of(&known.merges);
    // By child: a plan counts the plans before it, whichever authority of the region they were of.
    let mut of_children: BTreeMap<Id, Vec<(Id, &str, &StateRow)>> = BTreeMap::new();
    for state in known.states.iter().filter(|state| state.kind == "full" && !state.entered_in_error) {
        let (child, authority) = entries.get(&state.registration_id).ok_or(StoreError::Corrupt("a state without its entry"))?;
        if !sorted.in_error.contains(child) {
            of_children.entry(groups.root(*child)).or_default().push((*child, authority, state));
        }
    }
    let mut histories = Vec::new();
    for (child, states) in of_children {
        let mut by_authority: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
        for (record, authority, state) in &states {
            let previous = states.iter().filter(|(_, _, other)| other.registered_on < state.registered_on).count();
            let entry = sorted.entry(region, *record, state, u32::try_from(previous).unwrap_or(u32::MAX))?;
            by_authority.entry(authority).or_default().push(entry);
        }
        for (authority, entries) in by_authority {
            let others = states.iter().map(|(record, _, _)| *record).filter(|record| *record != child);
            let records: Vec<Id> = std::iter::once(child).chain(others.collect::<BTreeSet<_>>()).collect();
            histories.push(sorted.history(&records, authority, entries)?);
        }
    }
    Ok(histories)
}

/// Facts by what they are about.
struct Sorted<'a> {
    categories: HashMap<Id, Vec<&'a CategoryRow>>,
    particulars: HashMap<Id, &'a ParticularsRow>,
    identifiers: HashMap<(Id, &'a str), &'a str>,
    census: HashMap<Id, &'a crate::store::census::CensusRow>,
    referrals: HashMap<Id, Vec<&'a ReferralRow>>,
    in_error: HashSet<Id>,
    reviews: HashMap<Id, Vec<NaiveDate>>,
    enquiries: HashMap<Id, &'a Section47StateRow>,
}

fn grouped<T>(rows: &[T], of: impl Fn(&T) -> Id) -> HashMap<Id, Vec<&T>> {
    let mut groups: HashMap<Id, Vec<&T>> = HashMap::new();
    for row in rows {
        groups.entry(of(row)).or_default().push(row);
    }
    groups
}

impl<'a> Sorted<'a> {
    fn new(known: &'a Known) -> Self {
        let held: HashMap<Id, &_> =
            known.conferences.iter().filter(|state| !state.entered_in_error).map(|state| (state.conference_id, state)).collect();
        let enquired: HashMap<Id, &Section47StateRow> =
            known.enquiries.iter().filter(|state| !state.entered_in_error).map(|state| (state.section47_id, state)).collect();
        let mut reviews: HashMap<Id, Vec<NaiveDate>> = HashMap::new();
        let mut enquiries = HashMap::new();
        for decision in &known.decisions {
            let Some(entry) = decision.registration_id else { continue };
            let conference = held.get(&decision.conference_id);
            if let Some(review) = conference.filter(|conference| conference.kind == "review") {
                reviews.entry(entry).or_default().push(review.held_on);
            } else if let Some(enquiry) = decision.section47_id.and_then(|enquiry| enquired.get(&enquiry)) {
                enquiries.insert(entry, *enquiry);
            }
        }
        Self {
            categories: grouped(&known.categories, |row| row.registration_id),
            particulars: known.particulars.iter().map(|row| (row.child_id, row)).collect(),
            identifiers: known.identifiers.iter().map(|row| ((row.child_id, row.kind.as_str()), row.value.as_str())).collect(),
            census: known.census.iter().map(|row| (row.child_id, row)).collect(),
            referrals: grouped(&known.referrals, |row| row.child_id),
            in_error: known.withdrawals.iter().filter(|row| row.standing == "entered-in-error").map(|row| row.child_id).collect(),
            reviews,
            enquiries,
        }
    }

    /// `records` are those of one child; what the first says goes before what others say.
    fn history(&self, records: &[Id], authority: &str, entries: Vec<Entry>) -> Result<History, StoreError> {
        let particulars = records.iter().find_map(|record| self.particulars.get(record));
        let identifier = |kind: &'static str| records.iter().find_map(|record| self.identifiers.get(&(*record, kind)));
        let census = records.iter().find_map(|record| self.census.get(record));
        let own = records.first().and_then(|record| ChildId::try_from(record.0).ok()).and_then(cin::child_id);
        let given: Option<LocalAuthorityChildId> = identifier("local").and_then(|id| id.parse().ok());
        Ok(History {
            id: given.or(own).ok_or(StoreError::Corrupt("a child's id"))?,
            authority: authority.parse().map_err(|_| StoreError::Corrupt("an authority"))?,
            sex: particulars.and_then(|row| row.sex.parse().ok()).unwrap_or(Sex::Unknown),
            birth: particulars.and_then(|row| birth(row)),
            died_on: entries.iter().filter(|entry| entry.ground == Some(RemovalGround::Died)).find_map(|entry| entry.period.ended_on),
            upn: identifier("upn").and_then(|upn| upn.parse().ok()),
            upn_unknown: census.and_then(|row| row.upn_unknown.as_deref()).and_then(|code| code.parse().ok()),
            ethnicity: census.and_then(|row| row.ethnicity.as_deref()).and_then(|code| code.parse().ok()),
            disabilities: census.and_then(|row| row.disabilities.as_deref()).map(codes),
            entries,
        })
    }

    fn entry(&self, region: &Region, child: Id, state: &StateRow, previous_plans: u32) -> Result<Entry, StoreError> {
        let coded =
            |code: &Option<String>| code.as_deref().map(str::parse).transpose().map_err(|_| StoreError::Corrupt("a removal ground"));
        let referrals = self.referrals.get(&child).into_iter().flatten();
        let referral = referrals.filter(|row| row.referred_on <= state.registered_on).max_by_key(|row| (row.referred_on, row.id));
        let conference_on = match state.conference_kind.as_deref() {
            Some("initial" | "pre-birth" | "transfer-in") => state.conference_held_on,
            // What an earlier register had decided is not known to the day.
            _ => None,
        };
        Ok(Entry {
            period: Period { started_on: state.registered_on, ended_on: state.removed_on },
            categories: self.categories.get(&state.registration_id).map_or_else(Vec::new, |rows| sets(rows, state.registered_on)),
            ground: coded(&state.removal_ground)?,
            reviews: self.reviews.get(&state.registration_id).cloned().unwrap_or_default(),
            previous_plans,
            legal_status: state.legal_status.as_deref().and_then(|code| code.parse().ok()),
            referral: referral.and_then(|row| {
                Some(Referral { on: row.referred_on, source: row.source.parse().ok()?, primary_need: row.primary_need.parse().ok()? })
            }),
            enquiry: self.enquiries.get(&state.registration_id).and_then(|row| Some((row.started_on?, target(region, row)))),
            conference_on,
        })
    }
}

/// The day by which the conference was due, where the calendar reaches that far.
fn target(region: &Region, enquiry: &Section47StateRow) -> Option<NaiveDate> {
    let calendar = Calendar::for_nation(region.own().nation).ok()?;
    calendar.add_working_days(enquiry.strategy_discussion_on, CONFERENCE_WITHIN_WORKING_DAYS).ok()
}

fn birth(row: &ParticularsRow) -> Option<BirthDate> {
    match (row.birth_kind.as_str(), row.birth_from?, row.birth_to) {
        ("exact", on, _) => Some(BirthDate::Exact(on.try_into().ok()?)),
        ("approximate", from, Some(to)) => Some(BirthDate::Approximate(BirthRange::new(from.try_into().ok()?, to.try_into().ok()?).ok()?)),
        ("expected", on, _) => Some(BirthDate::Expected(on.try_into().ok()?)),
        _ => None,
    }
}

fn codes<T: std::str::FromStr + Ord>(list: &str) -> BTreeSet<T> {
    let codes: Vec<String> = serde_json::from_str(list).unwrap_or_default();
    codes.iter().filter_map(|code| code.parse().ok()).collect()
}

/// The sets of categories that an entry had, each with the day from which it held. A category ends on the day on which another
/// set takes its place: that day is no day of its own any more.
fn sets(rows: &[&CategoryRow], registered_on: NaiveDate) -> Vec<(NaiveDate, CategorySet)> {
    let from = |row: &CategoryRow| row.valid_from.unwrap_or(registered_on);
    let days: BTreeSet<NaiveDate> = rows.iter().flat_map(|row| [Some(from(row)), row.valid_to]).flatten().collect();
    let set = |day: NaiveDate| {
        let held = rows.iter().filter(|row| from(row) <= day && row.valid_to.is_none_or(|end| day < end));
        let categories: BTreeSet<Category> = held.filter_map(|row| row.category.parse().ok()).collect();
        CategorySet::new(categories).ok()
    };
    days.into_iter().filter_map(|day| Some((day, set(day)?))).collect()
}
