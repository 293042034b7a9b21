//! Why someone asks whether a child is on a register. Without a reason there is no answer.

use serde::Serialize;

use super::coded::{closed_set, coded_error};
use super::sensitive::personal_text;
use super::text::{self, TextError};

closed_set! {
    /// The type of enquiry. It must be stated, and is recorded with the check.
    ///
    /// # Source
    ///
    /// WSP-4.12-OLD; contract, part 1.
    pub enum Reason {
        /// A concern reached the out-of-hours social work team.
        EmergencyDuty = "emergency-duty",
        /// The child is at a hospital: emergency department, ward or clinic.
        HospitalAttendance = "hospital-attendance",
        /// An ambulance crew is with the child.
        AmbulanceAttendance = "ambulance-attendance",
        /// Police have met the child or the family.
        PoliceContact = "police-contact",
        /// Police consider or have taken the child into police protection.
        PoliceProtection = "police-protection",
        /// A strategy discussion is being prepared or held.
        StrategyDiscussion = "strategy-discussion",
        /// An enquiry under section 47 of the Children Act 1989 is under way.
        Section47Enquiry = "section-47-enquiry",
        /// A report or referral about the child is being weighed.
        Referral = "referral",
        /// A formal check in private-law family proceedings.
        PrivateLawProceedings = "private-law-proceedings",
        /// Planned health care.
        ScheduledCare = "scheduled-care",
        /// A pregnancy is being booked with a maternity service.
        MaternityBooking = "maternity-booking",
        /// A school or nursery is admitting the child.
        SchoolAdmission = "school-admission",
        /// The child has come, or is coming, to live in the area.
        TransferIn = "transfer-in",
        /// The child is missing, or not where they are expected to be.
        MissingChild = "missing-child",
        /// Something else, which must then be said in words.
        Other = "other",
    }
}

impl Reason {
    /// Whether a check for this reason may be silent: only where the check is routine and nobody fears for the child.
    pub const fn allows_silent(self) -> bool {
        match self {
            Self::ScheduledCare | Self::MaternityBooking | Self::SchoolAdmission => true,
            Self::EmergencyDuty
            | Self::HospitalAttendance
            | Self::AmbulanceAttendance
            | Self::PoliceContact
            | Self::PoliceProtection
            | Self::StrategyDiscussion
            | Self::Section47Enquiry
            | Self::Referral
            | Self::PrivateLawProceedings
            | Self::TransferIn
            | Self::MissingChild
            | Self::Other => false,
        }
    }

    /// Whether the reason must also be said in words.
    pub const fn needs_text(self) -> bool {
        matches!(self, Self::Other)
    }
}

/// Longest reason in words, in characters: two or three sentences.
pub const REASON_TEXT_CHARACTERS_MAX: usize = 500;

personal_text! {
    /// The reason in the enquirer's own words: 1–500 characters. Personal: people write names into it.
    pub struct ReasonText: TextError = |text: &str| text::lines(text, REASON_TEXT_CHARACTERS_MAX);
}

coded_error! {
    /// Why a reason was not taken.
    pub enum ReasonError {
        /// The reason `other` says nothing by itself.
        TextRequired = "reason-text-required", "say in reasonText why you are asking";
    }
}

/// The reason of a check, with the words it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatedReason {
    reason: Reason,
    #[serde(rename = "reasonText", skip_serializing_if = "Option::is_none")]
    text: Option<ReasonText>,
}

impl StatedReason {
    /// A reason and, where it needs them or the enquirer gave them, its words.
    ///
    /// # Errors
    ///
    /// [`ReasonError::TextRequired`] for a reason that needs words and has none.
    pub fn new(reason: Reason, text: Option<ReasonText>) -> Result<Self, ReasonError> {
        if reason.needs_text() && text.is_none() { Err(ReasonError::TextRequired) } else { Ok(Self { reason, text }) }
    }

    /// The type of enquiry.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The words, if any.
    pub const fn text(&self) -> Option<&ReasonText> {
        self.text.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_needs_words() {
        for reason in Reason::ALL {
            let expected = if reason == Reason::Other { Err(ReasonError::TextRequired) } else { Ok(()) };
            assert_eq!(StatedReason::new(reason, None).map(|_| ()), expected, "{reason}");
            assert!(StatedReason::new(reason, "why".parse().ok()).is_ok());
        }
    }

    #[test]
    fn the_codes_are_those_of_the_contract() {
        assert_eq!(
            Reason::CODES.join(" "),
            "emergency-duty hospital-attendance ambulance-attendance police-contact police-protection strategy-discussion \
             section-47-enquiry referral private-law-proceedings scheduled-care maternity-booking school-admission \
             transfer-in missing-child other"
        );
    }
}
