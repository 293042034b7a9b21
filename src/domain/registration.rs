//! The life of an entry on a register, and what may not happen to it.
//!
//! The rules are pure functions over what is proposed. They return every violation, each with a code, so that a person
//! can mend all of them at once.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::category::CategorySet;
use super::coded::{closed_set, coded_error};
use super::ids::{ConferenceId, RegistrationId};
use super::nation::Nation;
use super::outcome::MatchStatus;
use super::rule::Rule;
use super::text::Line;

closed_set! {
    /// The standing of an entry on an authority's register.
    pub enum RegistrationStatus {
        /// On the register by a conference's decision.
        Registered = "registered",
        /// Living here for a time; on another authority's register.
        TemporarilyRegistered = "temporarily-registered",
        /// Moving to another authority; on this register until that one has accepted.
        TransferPending = "transfer-pending",
        /// Taken off the register on one of the grounds for it.
        PreviouslyRegistered = "previously-registered",
        /// Registered before birth.
        UnbornRegistered = "unborn-registered",
        /// Never a registration: entered by mistake. Kept for the history, told to nobody.
        EnteredInError = "entered-in-error",
    }
}

impl RegistrationStatus {
    /// Whether the child is on the register now.
    pub const fn is_current(self) -> bool {
        match self.match_status() {
            Some(status) => status.is_current(),
            None => false,
        }
    }

    /// What an enquirer may be told of it; `None` when nothing.
    pub const fn match_status(self) -> Option<MatchStatus> {
        match self {
            Self::Registered => Some(MatchStatus::Registered),
            Self::TemporarilyRegistered => Some(MatchStatus::TemporarilyRegistered),
            Self::TransferPending => Some(MatchStatus::TransferPending),
            Self::PreviouslyRegistered => Some(MatchStatus::PreviouslyRegistered),
            Self::UnbornRegistered => Some(MatchStatus::UnbornRegistered),
            Self::EnteredInError => None,
        }
    }
}

closed_set! {
    /// The kinds of child protection conference.
    pub enum ConferenceKind {
        /// The first conference about a child.
        Initial = "initial",
        /// A later one, which decides whether the child stays on the register.
        Review = "review",
        /// Held by the authority a registered child has moved to.
        TransferIn = "transfer-in",
        /// The first conference about a child who is not born.
        PreBirth = "pre-birth",
    }
}

impl ConferenceKind {
    /// Whether it can put a name on the register.
    ///
    /// # Source
    ///
    /// WSP-3.2.9 (initial), WSP-2.10 (pre-birth), WSP-4.10 (transfer in).
    pub const fn can_register(self) -> bool {
        match self {
            Self::Initial | Self::TransferIn | Self::PreBirth => true,
            Self::Review => false,
        }
    }
}

closed_set! {
    /// The grounds on which a name comes off the register. There are no others.
    ///
    /// # Source
    ///
    /// WSP-4.9; the last one is invariant I6.
    pub enum RemovalGround {
        /// A review conference decided that the child is no longer at continuing risk.
        ReviewConferenceDecision = "review-conference-decision",
        /// The child has turned 18.
        ReachedEighteen = "reached-eighteen",
        /// The child has died, or was not born alive.
        Died = "died",
        /// The child has left the United Kingdom for good.
        LeftUnitedKingdom = "left-united-kingdom",
        /// Another authority has held its transfer conference and accepted responsibility.
        Transferred = "transferred",
        /// A temporary entry whose home authority has said that it ends.
        HomeAuthorityEnded = "home-authority-ended",
    }
}

closed_set! {
    /// The legal standing of a child, as far as it decides who is responsible.
    ///
    /// # Source
    ///
    /// SUSSEX-MOVE-OLD for the orders that keep responsibility where it is; NSPCC-W and SSD-LEGAL for voluntary
    /// accommodation. A short list: whatever is not on it is [`LegalStatusCode::Other`] with words.
    pub enum LegalStatusCode {
        /// No order.
        NoOrder = "no-order",
        /// Care order (Children Act 1989, section 31).
        CareOrder = "care-order",
        /// Interim care order (section 38).
        InterimCareOrder = "interim-care-order",
        /// Supervision order (section 35).
        SupervisionOrder = "supervision-order",
        /// Interim supervision order (section 38).
        InterimSupervisionOrder = "interim-supervision-order",
        /// Family assistance order (section 16).
        FamilyAssistanceOrder = "family-assistance-order",
        /// Child assessment order (section 43).
        ChildAssessmentOrder = "child-assessment-order",
        /// Emergency protection order (section 44).
        EmergencyProtectionOrder = "emergency-protection-order",
        /// Police protection (section 46).
        PoliceProtection = "police-protection",
        /// Accommodated by agreement: section 76 of the Social Services and Well-being (Wales) Act 2014, section 20 of the
        /// Children Act 1989 in England.
        Accommodated = "accommodated",
        /// Child arrangements order (section 8).
        ChildArrangementsOrder = "child-arrangements-order",
        /// Special guardianship order (section 14A).
        SpecialGuardianshipOrder = "special-guardianship-order",
        /// Placement order (Adoption and Children Act 2002, section 21).
        PlacementOrder = "placement-order",
        /// Something else, said in words.
        Other = "other",
    }
}

impl LegalStatusCode {
    /// Whether responsibility stays with the original authority wherever the child lives.
    ///
    /// # Source
    ///
    /// SUSSEX-MOVE-OLD.
    pub const fn keeps_responsibility(self) -> bool {
        match self {
            Self::CareOrder
            | Self::InterimCareOrder
            | Self::SupervisionOrder
            | Self::InterimSupervisionOrder
            | Self::FamilyAssistanceOrder
            | Self::ChildAssessmentOrder
            | Self::EmergencyProtectionOrder
            | Self::PoliceProtection => true,
            Self::NoOrder
            | Self::Accommodated
            | Self::ChildArrangementsOrder
            | Self::SpecialGuardianshipOrder
            | Self::PlacementOrder
            | Self::Other => false,
        }
    }
}

coded_error! {
    /// Why a legal status was not taken.
    pub enum LegalStatusError {
        /// `other` says nothing by itself.
        TextRequired = "legal-status-text-required", "say in words what the legal status is";
    }
}

/// A child's legal status, with the words it needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "LegalStatusFields", into = "LegalStatusFields")]
pub struct LegalStatus {
    code: LegalStatusCode,
    text: Option<Line>,
}

/// The wire shape of a legal status.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LegalStatusFields {
    code: LegalStatusCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Line>,
}

impl TryFrom<LegalStatusFields> for LegalStatus {
    type Error = LegalStatusError;

    fn try_from(fields: LegalStatusFields) -> Result<Self, Self::Error> {
        Self::new(fields.code, fields.text)
    }
}

impl From<LegalStatus> for LegalStatusFields {
    fn from(status: LegalStatus) -> Self {
        Self { code: status.code, text: status.text }
    }
}

impl LegalStatus {
    /// A legal status.
    ///
    /// # Errors
    ///
    /// [`LegalStatusError::TextRequired`] for [`LegalStatusCode::Other`] without words.
    pub fn new(code: LegalStatusCode, text: Option<Line>) -> Result<Self, LegalStatusError> {
        if code == LegalStatusCode::Other && text.is_none() { Err(LegalStatusError::TextRequired) } else { Ok(Self { code, text }) }
    }

    /// The code.
    pub const fn code(&self) -> LegalStatusCode {
        self.code
    }

    /// The words, if any.
    pub const fn text(&self) -> Option<&Line> {
        self.text.as_ref()
    }
}

/// A period on a register: from its first day to the day it ended, or still running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// The first day.
    pub started_on: NaiveDate,
    /// The day it ended, on which the child was no longer on the register; `None` while it runs.
    pub ended_on: Option<NaiveDate>,
}

impl Period {
    /// Whether two periods have a day in common. One may begin on the day the other ends.
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_before_end = |one: &Self, other: &Self| other.ended_on.is_none_or(|end| one.started_on < end);
        begins_before_end(self, other) && begins_before_end(other, self)
    }

    /// Whether the child was on the register on a day.
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.started_on <= day && self.ended_on.is_none_or(|end| day < end)
    }
}

/// What puts a name on a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A conference decided it.
    Conference {
        /// The conference.
        id: ConferenceId,
        /// Its kind.
        kind: ConferenceKind,
    },
    /// The child is on another authority's register and is here for a time.
    Home {
        /// The entry there, in its own region's ids; `None` when that register gives no ids to other regions.
        registration: Option<RegistrationId>,
        /// The nation of that register.
        nation: Nation,
        /// Whether that entry is in force.
        is_current: bool,
    },
    /// The entry was taken over from the authority's earlier register, which holds the decision.
    EarlierRegister,
}

/// An entry as somebody wants it to be.
#[derive(Debug, Clone, Copy)]
pub struct ProposedRegistration<'a> {
    /// The nation of the authority whose register it is.
    pub nation: Nation,
    /// Its standing.
    pub status: RegistrationStatus,
    /// When it is in force.
    pub period: Period,
    /// What puts the name on the register.
    pub basis: Option<Basis>,
    /// The categories, if any are set.
    pub categories: Option<&'a CategorySet>,
    /// Every other period of this child on this authority's register, without entries made in error.
    pub other_periods: &'a [Period],
}

coded_error! {
    /// A rule that a proposed registration would break.
    pub enum Violation {
        /// I3: nothing puts the name on the register.
        NoConferenceDecision = "no-conference-decision", "name the conference that decided to register the child";
        /// I3: a conference of this kind puts no name on the register.
        ConferenceCannotRegister = "conference-cannot-register", "name an initial, pre-birth or transfer-in conference";
        /// I3: a temporary entry points to no entry in force elsewhere.
        NoHomeRegistration = "no-home-registration", "name the home authority's entry that is in force";
        /// I8: another period of this child on this register has days in common with this one.
        PeriodOverlaps = "period-overlaps", "end the other period first, or correct the dates";
        /// I8: it would end on the day it starts.
        StartsAndEndsOnOneDay = "starts-and-ends-on-one-day", "correct the dates: if there never was a registration, mark it as entered in error";
        /// It would end before it starts.
        EndsBeforeStart = "ends-before-start", "correct the dates";
        /// The standing says it has ended, the dates do not; or the reverse.
        EndDoesNotFitStatus = "end-does-not-fit-status", "give the day it ended for a former entry, and none for a current one";
        /// I9: a nation that has categories needs at least one.
        NoCategory = "no-category", "give at least one category of abuse";
        /// I9: a category that this nation does not have.
        CategoryNotOfNation = "category-not-of-nation", "use the categories of the nation whose conference decided";
    }
}

impl ProposedRegistration<'_> {
    /// Every rule of I3, I8 and I9 that it would break; none for an entry made in error, which claims nothing.
    ///
    /// # Source
    ///
    /// I3: WSP-4.12 (a name is added only by conference decision, except a temporary entry for a child on another
    /// authority's register). I8: CIN-VAL rules 8840, 8925, 8935 and 8940. I9: WSP-3.2.10, CIN-VAL; SCOT-26 for children
    /// who arrive without a category.
    pub fn violations(&self) -> Vec<Violation> {
        if self.status == RegistrationStatus::EnteredInError {
            return Vec::new();
        }
        [self.basis_violation(), self.date_violation(), self.status_violation(), self.overlap_violation(), self.category_violation()]
            .into_iter()
            .flatten()
            .collect()
    }

    fn basis_violation(&self) -> Option<Violation> {
        let temporary = self.status == RegistrationStatus::TemporarilyRegistered;
        match self.basis {
            Some(Basis::Home { is_current, .. }) => match self.status {
                RegistrationStatus::TemporarilyRegistered if !is_current => Some(Violation::NoHomeRegistration),
                // A temporary entry keeps its basis when it ends; every other standing needs a decision of its own.
                RegistrationStatus::TemporarilyRegistered | RegistrationStatus::PreviouslyRegistered => None,
                RegistrationStatus::Registered
                | RegistrationStatus::TransferPending
                | RegistrationStatus::UnbornRegistered
                | RegistrationStatus::EnteredInError => Some(Violation::NoConferenceDecision),
            },
            _ if temporary => Some(Violation::NoHomeRegistration),
            Some(Basis::Conference { kind, .. }) if !kind.can_register() => Some(Violation::ConferenceCannotRegister),
            Some(Basis::Conference { .. } | Basis::EarlierRegister) => None,
            None => Some(Violation::NoConferenceDecision),
        }
    }

    fn date_violation(&self) -> Option<Violation> {
        let Period { started_on, ended_on } = self.period;
        ended_on.and_then(|ended_on| match ended_on.cmp(&started_on) {
            std::cmp::Ordering::Less => Some(Violation::EndsBeforeStart),
            std::cmp::Ordering::Equal => Some(Violation::StartsAndEndsOnOneDay),
            std::cmp::Ordering::Greater => None,
        })
    }

    fn status_violation(&self) -> Option<Violation> {
        (self.status.is_current() == self.period.ended_on.is_some()).then_some(Violation::EndDoesNotFitStatus)
    }

    fn overlap_violation(&self) -> Option<Violation> {
        self.other_periods.iter().any(|other| self.period.overlaps(other)).then_some(Violation::PeriodOverlaps)
    }

    fn category_violation(&self) -> Option<Violation> {
        // A temporary entry carries the home register's categories as they were decided there, or none if there are none.
        let deciding = match self.basis {
            Some(Basis::Home { nation, .. }) => nation,
            Some(Basis::Conference { .. } | Basis::EarlierRegister) | None => self.nation,
        };
        match self.categories {
            Some(categories) => categories.permitted_in(deciding).is_err().then_some(Violation::CategoryNotOfNation),
            // What an earlier register decided is taken over as it stands there: a gap in old data must not take a child off
            // the register. Whoever takes it over raises a task for the gap.
            None if self.basis == Some(Basis::EarlierRegister) => None,
            None => deciding.requires_category().then_some(Violation::NoCategory),
        }
    }
}

impl Rule for Violation {
    fn origin(&self) -> &'static str {
        match self {
            Self::NoConferenceDecision | Self::ConferenceCannotRegister | Self::NoHomeRegistration => "WSP-4.12",
            Self::PeriodOverlaps | Self::StartsAndEndsOnOneDay | Self::EndsBeforeStart => "CIN-VAL",
            Self::EndDoesNotFitStatus => "DESIGN",
            Self::NoCategory => "WSP-3.2.10",
            Self::CategoryNotOfNation => "WSP-3.2.9, CIN-VAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::category::Category;
    use crate::domain::dates::parse_date;
    use chrono::DateTime;

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn period(started_on: &str, ended_on: Option<&str>) -> Period {
        Period { started_on: day(started_on), ended_on: ended_on.map(day) }
    }

    fn conference(kind: ConferenceKind) -> Option<Basis> {
        Some(Basis::Conference { id: ConferenceId::new_at(DateTime::UNIX_EPOCH), kind })
    }

    fn home(nation: Nation, is_current: bool) -> Option<Basis> {
        Some(Basis::Home { registration: None, nation, is_current })
    }

    fn proposed<'a>(categories: Option<&'a CategorySet>) -> ProposedRegistration<'a> {
        ProposedRegistration {
            nation: Nation::Wales,
            status: RegistrationStatus::Registered,
            period: period("2026-03-03", None),
            basis: conference(ConferenceKind::Initial),
            categories,
            other_periods: &[],
        }
    }

    #[test]
    fn a_name_needs_a_conference_or_a_home_registration() {
        use RegistrationStatus::{PreviouslyRegistered, Registered, TemporarilyRegistered, TransferPending, UnbornRegistered};
        let neglect = CategorySet::new([Category::Neglect]).unwrap();
        let table = [
            (Registered, conference(ConferenceKind::Initial), None),
            (Registered, conference(ConferenceKind::TransferIn), None),
            (UnbornRegistered, conference(ConferenceKind::PreBirth), None),
            (TransferPending, conference(ConferenceKind::Initial), None),
            (Registered, Some(Basis::EarlierRegister), None),
            (Registered, conference(ConferenceKind::Review), Some(Violation::ConferenceCannotRegister)),
            (Registered, None, Some(Violation::NoConferenceDecision)),
            (Registered, home(Nation::Wales, true), Some(Violation::NoConferenceDecision)),
            (TemporarilyRegistered, home(Nation::Wales, true), None),
            (TemporarilyRegistered, home(Nation::Wales, false), Some(Violation::NoHomeRegistration)),
            (TemporarilyRegistered, conference(ConferenceKind::Initial), Some(Violation::NoHomeRegistration)),
            (TemporarilyRegistered, None, Some(Violation::NoHomeRegistration)),
            (PreviouslyRegistered, home(Nation::Wales, false), None),
        ];
        for (status, basis, violation) in table {
            let ended_on = (status == PreviouslyRegistered).then_some("2026-06-03");
            let entry = ProposedRegistration { status, basis, period: period("2026-03-03", ended_on), ..proposed(Some(&neglect)) };
            assert_eq!(entry.violations(), Vec::from_iter(violation), "{status} {basis:?}");
        }
    }

    #[test]
    fn periods_on_one_register_do_not_overlap() {
        let neglect = CategorySet::new([Category::Neglect]).unwrap();
        let table = [
            ("2025-01-01", Some("2025-06-01"), false),
            ("2025-01-01", Some("2026-03-03"), false),
            ("2025-01-01", Some("2026-03-04"), true),
            ("2025-01-01", None, true),
            ("2026-03-03", None, true),
            ("2026-05-01", None, true),
        ];
        for (from, to, overlaps) in table {
            let others = [period(from, to)];
            let entry = ProposedRegistration { other_periods: &others, ..proposed(Some(&neglect)) };
            assert_eq!(entry.violations(), if overlaps { vec![Violation::PeriodOverlaps] } else { vec![] }, "{from} {to:?}");
        }
        let former = |from: &str, to: &str| ProposedRegistration {
            status: RegistrationStatus::PreviouslyRegistered,
            period: period(from, Some(to)),
            ..proposed(Some(&neglect))
        };
        assert_eq!(former("2026-03-03", "2026-03-04").violations(), []);
        assert_eq!(former("2026-03-03", "2026-03-03").violations(), [Violation::StartsAndEndsOnOneDay]);
        assert_eq!(former("2026-03-03", "2026-03-02").violations(), [Violation::EndsBeforeStart]);
    }

    #[test]
    fn the_end_fits_the_standing() {
        let neglect = CategorySet::new([Category::Neglect]).unwrap();
        let ended = ProposedRegistration { period: period("2026-03-03", Some("2026-06-03")), ..proposed(Some(&neglect)) };
        assert_eq!(ended.violations(), [Violation::EndDoesNotFitStatus]);
        let running = ProposedRegistration { status: RegistrationStatus::PreviouslyRegistered, ..proposed(Some(&neglect)) };
        assert_eq!(running.violations(), [Violation::EndDoesNotFitStatus]);
    }

    #[test]
    fn a_gap_in_an_earlier_register_loses_nobody() {
        let entry = ProposedRegistration { basis: Some(Basis::EarlierRegister), ..proposed(None) };
        assert_eq!(entry.violations(), []);
        let invented = ProposedRegistration { basis: None, ..proposed(None) };
        assert_eq!(invented.violations(), [Violation::NoConferenceDecision, Violation::NoCategory]);
    }

    #[test]
    fn categories_are_those_of_the_nation_that_decided() {
        let neglect = CategorySet::new([Category::Neglect]).unwrap();
        let financial = CategorySet::new([Category::Financial]).unwrap();
        let table = [
            (Nation::Wales, None, None, Some(Violation::NoCategory)),
            (Nation::England, None, None, Some(Violation::NoCategory)),
            (Nation::Wales, None, Some(&financial), None),
            (Nation::England, None, Some(&financial), Some(Violation::CategoryNotOfNation)),
            // Arriving from Scotland without a category: none is invented.
            (Nation::Wales, home(Nation::Scotland, true), None, None),
            (Nation::Wales, home(Nation::England, true), None, Some(Violation::NoCategory)),
            (Nation::England, home(Nation::Wales, true), Some(&financial), None),
            (Nation::Wales, home(Nation::England, true), Some(&neglect), None),
        ];
        for (nation, basis, categories, violation) in table {
            let status = if basis.is_some() { RegistrationStatus::TemporarilyRegistered } else { RegistrationStatus::Registered };
            let entry =
                ProposedRegistration { nation, status, basis: basis.or(conference(ConferenceKind::Initial)), ..proposed(categories) };
            assert_eq!(entry.violations(), Vec::from_iter(violation), "{nation} {basis:?} {categories:?}");
        }
    }

    #[test]
    fn every_violation_is_told_and_an_error_claims_nothing() {
        let others = [period("2025-01-01", None)];
        let entry = ProposedRegistration {
            basis: None,
            period: period("2026-03-03", Some("2026-03-03")),
            other_periods: &others,
            ..proposed(None)
        };
        assert_eq!(
            entry.violations(),
            [
                Violation::NoConferenceDecision,
                Violation::StartsAndEndsOnOneDay,
                Violation::EndDoesNotFitStatus,
                Violation::PeriodOverlaps,
                Violation::NoCategory
            ]
        );
        assert_eq!(ProposedRegistration { status: RegistrationStatus::EnteredInError, ..entry }.violations(), []);
    }

    #[test]
    fn a_status_in_error_is_told_to_nobody() {
        for status in RegistrationStatus::ALL {
            assert_eq!(
                status.match_status().map(MatchStatus::as_str),
                (status != RegistrationStatus::EnteredInError).then_some(status.as_str())
            );
        }
        assert!(!RegistrationStatus::EnteredInError.is_current());
        assert!(RegistrationStatus::UnbornRegistered.is_current());
    }

    #[test]
    fn another_legal_status_is_said_in_words() {
        assert_eq!(LegalStatus::new(LegalStatusCode::Other, None), Err(LegalStatusError::TextRequired));
        assert!(serde_json::from_str::<LegalStatus>(r#"{"code":"other"}"#).is_err());
        assert!(serde_json::from_str::<LegalStatus>(r#"{"code":"care-order"}"#).is_ok());
        assert!(LegalStatusCode::CareOrder.keeps_responsibility());
        assert!(!LegalStatusCode::Accommodated.keeps_responsibility());
    }
}
