//! Entering people, one or thousands, in one unit of work: their facts, their entries and their place in the matcher's index.
//!
//! Everything is put together first, with no database at hand; then each table is written once.

use chrono::NaiveDate;

use super::children::Child;
use super::conferences::Held;
use super::matcher;
use super::registrations::Registration;
use crate::matching::{Keyer, Person};
use crate::store::StoreError;
use crate::store::census::{CensusRow, ReferralRow};
use crate::store::children::{self as rows, AddressRow, ChildRow, HouseholdRow, IdentifierRow, NameRow, ParticularsRow};
use crate::store::conferences::{ConferenceRow, ConferenceStateRow, DecisionRow};
use crate::store::connection::AnyConnection;
use crate::store::matching::{self as index_rows, Indexed};
use crate::store::plans::{CoreGroupMeetingRow, MilestoneRow, VisitRow};
use crate::store::registrations::{CategoryRow, CoordinatorRow, CoreGroupRow, RegistrationRow, StateRow};
use crate::store::tasks::TaskRow;

/// The rows of people who are to be entered together.
#[derive(Debug, Default)]
pub struct Bulk {
    people: Vec<ChildRow>,
    particulars: Vec<ParticularsRow>,
    names: Vec<NameRow>,
    identifiers: Vec<IdentifierRow>,
    addresses: Vec<AddressRow>,
    household: Vec<HouseholdRow>,
    census: Vec<CensusRow>,
    referrals: Vec<ReferralRow>,
    entries: Vec<RegistrationRow>,
    states: Vec<StateRow>,
    categories: Vec<CategoryRow>,
    coordinators: Vec<CoordinatorRow>,
    core_group: Vec<CoreGroupRow>,
    conferences: Vec<ConferenceRow>,
    conference_states: Vec<ConferenceStateRow>,
    decisions: Vec<DecisionRow>,
    visits: Vec<VisitRow>,
    meetings: Vec<CoreGroupMeetingRow>,
    milestones: Vec<MilestoneRow>,
    tasks: Vec<TaskRow>,
    index: Vec<Indexed>,
}

/// What was done under the plan of an entry.
#[derive(Debug, Default)]
pub struct Plan {
    /// Visits.
    pub visits: Vec<VisitRow>,
    /// Meetings of the core group.
    pub meetings: Vec<CoreGroupMeetingRow>,
    /// Milestones.
    pub milestones: Vec<MilestoneRow>,
    /// Reviews.
    pub reviews: Vec<Held>,
}

impl Bulk {
    /// Puts in a person with their entries, as they stand on `day`.
    pub fn enter(&mut self, keyer: &Keyer, child: Child, entries: Vec<Registration>, day: NaiveDate) {
        let person = matcher::person(&child);
        self.enter_as(keyer, child, entries, &person, day);
    }

    /// Puts in a person whom the matcher shall read as `person`: for measurements, where even an impossible date of birth is
    /// evidence that no fact table can hold.
    pub fn enter_as(&mut self, keyer: &Keyer, child: Child, entries: Vec<Registration>, person: &Person, day: NaiveDate) {
        self.index.push(matcher::indexed(keyer, &child, person, matcher::standing(&entries, day)));
        self.people.push(child.row);
        self.particulars.extend(child.particulars);
        self.names.extend(child.names);
        self.identifiers.extend(child.identifiers);
        self.addresses.extend(child.addresses);
        self.household.extend(child.household);
        self.census.extend(child.census);
        self.referrals.extend(child.referrals);
        for entry in entries {
            if let Some(held) = Held::with(&entry) {
                self.conferences.push(held.row);
                self.conference_states.push(held.state);
                self.decisions.extend(held.decisions);
            }
            self.entries.push(entry.row);
            self.states.push(entry.state);
            self.categories.extend(entry.categories);
            self.coordinators.extend(entry.coordinators);
            self.core_group.extend(entry.core_group);
        }
    }

    /// Leaves out the conferences of the entries: they were recorded before, and stand for more than these.
    #[must_use]
    pub fn without_conferences(self) -> Self {
        Self { conferences: Vec::new(), conference_states: Vec::new(), decisions: Vec::new(), ..self }
    }

    /// Puts in what was done under the plan of an entry that was put in.
    pub fn work(&mut self, plan: Plan) {
        self.visits.extend(plan.visits);
        self.meetings.extend(plan.meetings);
        self.milestones.extend(plan.milestones);
        for held in plan.reviews {
            self.conferences.push(held.row);
            self.conference_states.push(held.state);
            self.decisions.extend(held.decisions);
        }
    }

    /// Puts in tasks.
    pub fn raise(&mut self, tasks: Vec<TaskRow>) {
        self.tasks.extend(tasks);
    }

    /// Puts in a conference about one person.
    pub fn hold(&mut self, conference: ConferenceRow, state: ConferenceStateRow, decision: DecisionRow) {
        self.conferences.push(conference);
        self.conference_states.push(state);
        self.decisions.push(decision);
    }

    /// How many people there are.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Writes everything; answers the people's numbers, in the order in which they were put in.
    ///
    /// # Errors
    /// [`StoreError::OtherIndex`] when another version of the program has made the index; or when the database refuses or fails.
    pub fn write(&self, connection: &mut AnyConnection, index: index_rows::Mark) -> Result<Vec<i64>, StoreError> {
        index.hold(connection)?;
        let numbers = rows::insert_all(connection, &self.people)?;
        ParticularsRow::insert_all(connection, &self.particulars)?;
        NameRow::insert_all(connection, &self.names)?;
        IdentifierRow::insert_all(connection, &self.identifiers)?;
        AddressRow::insert_all(connection, &self.addresses)?;
        HouseholdRow::insert_all(connection, &self.household)?;
        RegistrationRow::insert_all(connection, &self.entries)?;
        StateRow::insert_all(connection, &self.states)?;
        CategoryRow::insert_all(connection, &self.categories)?;
        CoordinatorRow::insert_all(connection, &self.coordinators)?;
        CoreGroupRow::insert_all(connection, &self.core_group)?;
        ConferenceRow::insert_all(connection, &self.conferences)?;
        ConferenceStateRow::insert_all(connection, &self.conference_states)?;
        DecisionRow::insert_all(connection, &self.decisions)?;
        VisitRow::insert_all(connection, &self.visits)?;
        CoreGroupMeetingRow::insert_all(connection, &self.meetings)?;
        MilestoneRow::insert_all(connection, &self.milestones)?;
        CensusRow::insert_all(connection, &self.census)?;
        ReferralRow::insert_all(connection, &self.referrals)?;
        TaskRow::insert_all(connection, &self.tasks)?;
        index_rows::insert_all(connection, numbers.iter().copied().zip(&self.index))?;
        Ok(numbers)
    }
}
