//! Taking a name off a register: on the grounds of the procedures, with what each needs, and on no other.
//!
//! Age 18 is the only ground the register may compute (invariant I5): from an exact date of birth, on the birthday and not
//! before. Somebody born on 29 February has it on 1 March of a common year, see [`anniversary`].
//!
//! [`anniversary`]: super::dates::anniversary

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::coded::{closed_set, coded_error};
use super::dates::BirthDate;
use super::procedures::{GroundRule, Procedures};
use super::registration::{RegistrationStatus, RemovalGround};
use super::rule::{Breach, Rule};

closed_set! {
    /// What can be held for a removal, beside its ground.
    pub enum Evidence {
        /// The decision of a review conference of this authority.
        ReviewConference = "review-conference",
        /// The receiving authority's transfer-in conference.
        TransferInConference = "transfer-in-conference",
        /// The decision of a conference of any kind.
        Conference = "conference",
        /// The receiving authority's acceptance in writing.
        WrittenAcceptance = "written-acceptance",
        /// The confirmation of the heads of service.
        HeadsOfServiceConfirmation = "heads-of-service-confirmation",
        /// The day of death, or that the child was not born alive, and who told it.
        DeathRecorded = "death-recorded",
        /// What the home authority of a temporary entry said.
        HomeAuthorityStatement = "home-authority-statement",
        /// A date of birth known to the day.
        ExactDateOfBirth = "exact-date-of-birth",
    }
}

coded_error! {
    /// A rule that a proposed removal would break.
    pub enum RemovalViolation {
        /// I4: these procedures have no such ground.
        GroundNotListed = "ground-not-listed", "use a ground of the procedures: there are no others";
        /// The entry is not in force.
        NotCurrent = "not-current", "only an entry in force can be removed";
        /// It would end on or before the day it started.
        EndsTooSoon = "ends-too-soon", "give a day after the day of registration";
        /// It would end on a day to come.
        InTheFuture = "removal-in-the-future", "record the removal on the day it takes effect or later";
        /// The ground needs a review conference of this authority.
        NoReviewConference = "no-review-conference", "name the review conference that decided it";
        /// The ground needs a conference.
        NoConference = "no-conference", "name the conference that decided it";
        /// The heads of service have not confirmed it.
        NotConfirmed = "not-confirmed", "record the confirmation of the heads of service";
        /// Nobody has recorded the death.
        DeathNotRecorded = "death-not-recorded", "record the day of death and who told it";
        /// The home authority has said nothing.
        NoHomeStatement = "no-home-statement", "record what the home authority said, and when";
        /// The day of birth is not known exactly.
        BirthDateNotExact = "birth-date-not-exact", "record the exact date of birth first, or use another ground";
        /// The child is not 18 on that day.
        NotEighteen = "not-eighteen", "give a day on or after the eighteenth birthday";
        /// I1: the other authority has not held its conference or not accepted in writing.
        NotAccepted = "transfer-not-accepted", "wait for the transfer-in conference and the other authority's written acceptance";
        /// A transfer of the child is open.
        TransferOpen = "transfer-open", "complete or withdraw the transfer first";
        /// I6: the ground is for temporary entries.
        NotTemporary = "not-temporary", "this ground is only for temporary entries";
        /// I6: a temporary entry ends with its home registration.
        HomeDecides = "home-authority-decides", "a temporary entry ends when the home authority says so";
    }
}

impl Rule for RemovalViolation {
    fn origin(&self) -> &'static str {
        match self {
            Self::GroundNotListed
            | Self::NoReviewConference
            | Self::NoConference
            | Self::DeathNotRecorded
            | Self::BirthDateNotExact
            | Self::NotEighteen => "WSP-4.9",
            Self::NotCurrent | Self::InTheFuture | Self::TransferOpen => "DESIGN",
            Self::EndsTooSoon => "CIN-VAL",
            Self::NotConfirmed => "SUSSEX-TRANSFER",
            Self::NotAccepted => "WSP-4.9, MK-MOVE",
            Self::NoHomeStatement | Self::NotTemporary | Self::HomeDecides => "WSP-4.12, DESIGN",
        }
    }
}

impl RemovalViolation {
    const fn missing(evidence: Evidence) -> Self {
        match evidence {
            Evidence::ReviewConference => Self::NoReviewConference,
            Evidence::TransferInConference | Evidence::WrittenAcceptance => Self::NotAccepted,
            Evidence::Conference => Self::NoConference,
            Evidence::HeadsOfServiceConfirmation => Self::NotConfirmed,
            Evidence::DeathRecorded => Self::DeathNotRecorded,
            Evidence::HomeAuthorityStatement => Self::NoHomeStatement,
            Evidence::ExactDateOfBirth => Self::BirthDateNotExact,
        }
    }
}

/// Taking a name off a register, as somebody wants to do it.
#[derive(Debug, Clone, Copy)]
pub struct ProposedRemoval<'a> {
    /// The entry's standing before.
    pub status: RegistrationStatus,
    /// The first day of the entry.
    pub started_on: NaiveDate,
    /// The day it is to end.
    pub removed_on: NaiveDate,
    /// Today.
    pub today: NaiveDate,
    /// The ground.
    pub ground: RemovalGround,
    /// What is held for it; an exact date of birth is seen from `birth`.
    pub held: &'a BTreeSet<Evidence>,
    /// What is known of the child's birth.
    pub birth: Option<&'a BirthDate>,
    /// Whether a transfer of the child is open on either side.
    pub transfer_open: bool,
}

impl ProposedRemoval<'_> {
    /// Every rule it would break.
    ///
    /// While a transfer is open a name comes off only by what no agreement can undo, age and death, or by the transfer's own
    /// end: otherwise a late acceptance would bring back a registration that had ended.
    ///
    /// # Source
    ///
    /// I4, I5: WSP-4.9. I1: WSP-4.9, MK-MOVE. I6: WSP-4.12. What each ground needs: the procedures given.
    pub fn breaches(&self, procedures: &Procedures) -> Vec<Breach<RemovalViolation>> {
        let mut found = Vec::new();
        if !self.status.is_current() {
            found.push(Breach::refused("/status", RemovalViolation::NotCurrent));
        }
        if self.removed_on <= self.started_on {
            found.push(Breach::refused("/removedOn", RemovalViolation::EndsTooSoon));
        }
        if self.removed_on > self.today {
            found.push(Breach::refused("/removedOn", RemovalViolation::InTheFuture));
        }
        match procedures.ground(self.ground) {
            None => found.push(Breach::refused("/ground", RemovalViolation::GroundNotListed).by(&procedures.source)),
            Some(rule) => found.extend(self.against(rule)),
        }
        found
    }

    fn against(&self, rule: &GroundRule) -> Vec<Breach<RemovalViolation>> {
        let mut violations = Vec::new();
        let temporary = self.status == RegistrationStatus::TemporarilyRegistered;
        if rule.temporary_only && !temporary {
            violations.push(RemovalViolation::NotTemporary);
        }
        // Death and age are facts about the child; every other end of a temporary entry is the home authority's to say.
        let is_fact = matches!(self.ground, RemovalGround::Died | RemovalGround::ReachedEighteen);
        if temporary && !rule.temporary_only && !is_fact {
            violations.push(RemovalViolation::HomeDecides);
        } else {
            violations.extend(rule.needs.iter().filter(|need| !self.holds(**need)).map(|need| RemovalViolation::missing(*need)));
        }
        if self.ground == RemovalGround::ReachedEighteen
            && self.birth.and_then(BirthDate::exact).is_some_and(|birth| !birth.is_adult_on(self.removed_on))
        {
            violations.push(RemovalViolation::NotEighteen);
        }
        if self.transfer_open && !rule.while_transfer_open {
            violations.push(RemovalViolation::TransferOpen);
        }
        violations.dedup();
        violations.into_iter().map(|violation| Breach::refused("/ground", violation).by(&rule.source)).collect()
    }

    fn holds(&self, need: Evidence) -> bool {
        match need {
            Evidence::ExactDateOfBirth => self.birth.is_some_and(|birth| birth.exact().is_some()),
            Evidence::Conference => [Evidence::Conference, Evidence::ReviewConference, Evidence::TransferInConference]
                .iter()
                .any(|conference| self.held.contains(conference)),
            Evidence::ReviewConference
            | Evidence::TransferInConference
            | Evidence::WrittenAcceptance
            | Evidence::HeadsOfServiceConfirmation
            | Evidence::DeathRecorded
            | Evidence::HomeAuthorityStatement => self.held.contains(&need),
        }
    }
}

/// The day on which the register ends an entry by itself: the eighteenth birthday, when the day of birth is known exactly
/// and the procedures compute that ground.
///
/// # Source
///
/// WSP-4.9, invariant I5.
pub fn computed_end(birth: Option<&BirthDate>, procedures: &Procedures) -> Option<NaiveDate> {
    let computed = procedures.ground(RemovalGround::ReachedEighteen)?.computed;
    let birth = birth.and_then(BirthDate::exact)?;
    computed.then(|| birth.eighteenth_birthday())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dates::{BirthRange, parse_date};
    use Evidence::{Conference, DeathRecorded, HeadsOfServiceConfirmation, HomeAuthorityStatement, ReviewConference};
    use Evidence::{TransferInConference, WrittenAcceptance};
    use RegistrationStatus::{PreviouslyRegistered, Registered, TemporarilyRegistered, TransferPending, UnbornRegistered};
    use RemovalGround::{Died, HomeAuthorityEnded, LeftUnitedKingdom, ReachedEighteen, ReviewConferenceDecision, Transferred};

    fn day(text: &str) -> NaiveDate {
        parse_date(text).unwrap()
    }

    fn born(text: &str) -> BirthDate {
        BirthDate::Exact(text.parse().unwrap())
    }

    fn codes(removal: ProposedRemoval<'_>, procedures: &str) -> Vec<&'static str> {
        let found = removal.breaches(Procedures::embedded(procedures).unwrap());
        assert!(found.iter().all(|breach| !breach.source.is_empty() && breach.pointer.starts_with('/') && breach.refuses()));
        found.iter().map(|breach| breach.rule.code()).collect()
    }

    #[test]
    fn a_name_comes_off_on_its_grounds_only_and_with_what_each_needs() {
        type Row = (RegistrationStatus, RemovalGround, &'static [Evidence], &'static str, bool, &'static [&'static str]);
        let table: &[Row] = &[
            (Registered, ReviewConferenceDecision, &[ReviewConference], "2026-03-04", false, &[]),
            (Registered, ReviewConferenceDecision, &[], "2026-03-04", false, &["no-review-conference"]),
            (
                Registered,
                ReviewConferenceDecision,
                &[TransferInConference, WrittenAcceptance],
                "2026-03-04",
                false,
                &["no-review-conference"],
            ),
            (Registered, ReviewConferenceDecision, &[ReviewConference], "2026-03-04", true, &["transfer-open"]),
            (UnbornRegistered, ReviewConferenceDecision, &[ReviewConference], "2026-03-04", false, &[]),
            (Registered, ReachedEighteen, &[], "2026-06-15", false, &[]),
            (TransferPending, ReachedEighteen, &[], "2026-06-15", true, &[]),
            (Registered, ReachedEighteen, &[], "2026-06-14", false, &["not-eighteen"]),
            (Registered, ReachedEighteen, &[ReviewConference], "2026-06-14", false, &["not-eighteen"]),
            (TemporarilyRegistered, ReachedEighteen, &[], "2026-06-15", false, &[]),
            (Registered, Died, &[DeathRecorded], "2026-03-04", false, &[]),
            (TransferPending, Died, &[DeathRecorded], "2026-03-04", true, &[]),
            (Registered, Died, &[], "2026-03-04", false, &["death-not-recorded"]),
            (Registered, Died, &[DeathRecorded], "2026-03-03", false, &["ends-too-soon"]),
            (Registered, Died, &[DeathRecorded], "2026-07-02", false, &["removal-in-the-future"]),
            (Registered, Died, &[DeathRecorded], "2026-07-01", false, &[]),
            (Registered, LeftUnitedKingdom, &[], "2026-03-04", false, &["no-conference", "not-confirmed"]),
            (Registered, LeftUnitedKingdom, &[Conference], "2026-03-04", false, &["not-confirmed"]),
            (Registered, LeftUnitedKingdom, &[HeadsOfServiceConfirmation], "2026-03-04", false, &["no-conference"]),
            (Registered, LeftUnitedKingdom, &[ReviewConference, HeadsOfServiceConfirmation], "2026-03-04", false, &[]),
            (TransferPending, LeftUnitedKingdom, &[Conference, HeadsOfServiceConfirmation], "2026-03-04", true, &["transfer-open"]),
            (TransferPending, Transferred, &[TransferInConference, WrittenAcceptance], "2026-03-04", true, &[]),
            (TransferPending, Transferred, &[TransferInConference], "2026-03-04", true, &["transfer-not-accepted"]),
            (TransferPending, Transferred, &[WrittenAcceptance], "2026-03-04", true, &["transfer-not-accepted"]),
            (TransferPending, Transferred, &[], "2026-03-04", true, &["transfer-not-accepted"]),
            (Registered, HomeAuthorityEnded, &[HomeAuthorityStatement], "2026-03-04", false, &["not-temporary"]),
            (TemporarilyRegistered, HomeAuthorityEnded, &[HomeAuthorityStatement], "2026-03-04", true, &[]),
            (TemporarilyRegistered, HomeAuthorityEnded, &[], "2026-03-04", false, &["no-home-statement"]),
            (TemporarilyRegistered, ReviewConferenceDecision, &[ReviewConference], "2026-03-04", false, &["home-authority-decides"]),
            (TemporarilyRegistered, Transferred, &[], "2026-03-04", true, &["home-authority-decides"]),
            (PreviouslyRegistered, Died, &[DeathRecorded], "2026-03-04", false, &["not-current"]),
        ];
        let birth = born("2008-06-15");
        for (status, ground, held, removed_on, transfer_open, expected) in table {
            let held = held.iter().copied().collect();
            let removal = ProposedRemoval {
                status: *status,
                started_on: day("2026-03-03"),
                removed_on: day(removed_on),
                today: day("2026-07-01"),
                ground: *ground,
                held: &held,
                birth: Some(&birth),
                transfer_open: *transfer_open,
            };
            for procedures in ["wales", "england"] {
                assert_eq!(codes(removal, procedures), *expected, "{procedures} {status} {ground} {held:?} {removed_on}");
            }
        }
    }

    #[test]
    fn eighteen_is_computed_on_the_birthday_and_from_an_exact_date_only() {
        let wales = Procedures::embedded("wales").unwrap();
        let range = BirthRange::new("2008-01-01".parse().unwrap(), "2008-12-31".parse().unwrap()).unwrap();
        let table = [
            (Some(born("2008-06-15")), Some("2026-06-15")),
            (Some(born("2008-02-29")), Some("2026-03-01")),
            (Some(born("2006-02-28")), Some("2024-02-28")),
            (Some(BirthDate::Approximate(range)), None),
            (Some(BirthDate::Expected("2026-06-15".parse().unwrap())), None),
            (None, None),
        ];
        for (birth, end) in table {
            assert_eq!(computed_end(birth.as_ref(), wales), end.map(day));
            let removal = |removed_on| {
                ProposedRemoval {
                    status: Registered,
                    started_on: day("2020-03-03"),
                    removed_on,
                    today: day("2030-01-01"),
                    ground: ReachedEighteen,
                    held: &BTreeSet::new(),
                    birth: birth.as_ref(),
                    transfer_open: false,
                }
                .breaches(wales)
                .len()
            };
            match end.map(day) {
                Some(end) => assert_eq!((removal(end), removal(end.pred_opt().unwrap())), (0, 1)),
                None => assert_eq!(removal(day("2029-12-31")), 1),
            }
        }
    }

    #[test]
    fn a_ground_of_other_procedures_is_none_here() {
        let scotland = Procedures::read(include_str!("../../tests/procedures/scotland.toml")).unwrap();
        let held = [TransferInConference, WrittenAcceptance].into();
        let removal = ProposedRemoval {
            status: TransferPending,
            started_on: day("2026-03-03"),
            removed_on: day("2026-03-04"),
            today: day("2026-07-01"),
            ground: Transferred,
            held: &held,
            birth: None,
            transfer_open: true,
        };
        let found = removal.breaches(&scotland);
        assert_eq!(found.iter().map(|breach| breach.rule).collect::<Vec<_>>(), [RemovalViolation::GroundNotListed]);
        assert_eq!(found[0].source, "SCOT-27, SCOT-26");
    }
}
