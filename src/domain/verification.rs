//! How the identity of a caller was checked, before anything was told to them.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::coded::{closed_set, coded_error};
use super::contact::PhoneNumber;
use super::text::Line;

closed_set! {
    /// How a member of staff made sure who is asking.
    ///
    /// # Source
    ///
    /// MK-REC and WSP-4.12-OLD require the check; the methods are practice (domain notes, part 1.2).
    pub enum VerificationMethod {
        /// Rang back through the organisation's switchboard.
        SwitchboardCallBack = "switchboard-call-back",
        /// Rang back on a number held in the directory, not one the caller gave.
        DirectoryCallBack = "directory-call-back",
        /// Knows the caller and recognised them.
        KnownColleague = "known-colleague",
        /// Saw the caller and their identity card.
        InPerson = "in-person",
        /// Saw the caller and their identity card over video.
        VideoCall = "video-call",
        /// Answered to an organisation's secure e-mail address.
        SecureEmail = "secure-email",
        /// Found the caller on the organisation's duty rota and rang the number there.
        DutyRota = "duty-rota",
    }
}

coded_error! {
    /// Why a verification does not count.
    pub enum VerificationError {
        /// It is said to have happened later than now.
        InTheFuture = "verified-in-the-future", "check the time at which the caller was verified: it has not come yet";
    }
}

/// How far a verifier's clock may run ahead of the register's.
pub const CLOCK_DIFFERENCE_MAX: TimeDelta = TimeDelta::minutes(5);

/// The check of a caller's identity: how, when, by whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// How it was checked.
    pub method: VerificationMethod,
    /// When it was checked.
    pub at: DateTime<Utc>,
    /// Who checked it.
    pub by: Line,
}

impl Verification {
    /// Whether the check can have happened, as seen from `now`.
    ///
    /// # Errors
    ///
    /// [`VerificationError::InTheFuture`] when it is said to be more than [`CLOCK_DIFFERENCE_MAX`] ahead.
    pub fn happened_by(&self, now: DateTime<Utc>) -> Result<(), VerificationError> {
        if self.at.signed_duration_since(now) > CLOCK_DIFFERENCE_MAX { Err(VerificationError::InTheFuture) } else { Ok(()) }
    }
}

/// The caller for whom emergency-duty or custodian staff ask. Without one nothing is disclosed.
///
/// # Source
///
/// Contract, part 1; ISCP-ENQ for what is recorded of an enquirer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnBehalfOf {
    /// The caller's name.
    pub name: Line,
    /// The agency the caller works for.
    pub agency: Line,
    /// What the caller does there.
    pub role: Line,
    /// The number on which the caller was rung back.
    pub call_back_number: PhoneNumber,
    /// How the caller's identity was checked.
    pub verified_by: Verification,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_complete_or_refused() {
        let json = r#"{"name":"Ann Price","agency":"Royal Gwent Hospital","role":"staff nurse","callBackNumber":"01632 960123",
            "verifiedBy":{"method":"switchboard-call-back","at":"2026-06-15T02:10:00Z","by":"Huw Rees"}}"#;
        let caller: OnBehalfOf = serde_json::from_str(json).unwrap();
        assert_eq!(caller.verified_by.method, VerificationMethod::SwitchboardCallBack);
        assert!(!format!("{caller:?}").contains("Price"));
        for (wrong, instead) in [(r#""role":"staff nurse","#, ""), ("switchboard-call-back", "crystal-ball"), ("Ann Price", " ")] {
            assert!(serde_json::from_str::<OnBehalfOf>(&json.replace(wrong, instead)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_check_of_identity_lies_in_the_past() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let check = Verification { method: VerificationMethod::InPerson, at, by: "Huw Rees".parse().unwrap() };
        assert_eq!(check.happened_by(at - CLOCK_DIFFERENCE_MAX), Ok(()));
        assert_eq!(check.happened_by(at - CLOCK_DIFFERENCE_MAX - TimeDelta::seconds(1)), Err(VerificationError::InTheFuture));
    }
}
