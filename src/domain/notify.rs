//! How loudly the responsible authority is told that someone asked about a child.

use super::coded::{closed_set, coded_error};
use super::reason::Reason;

closed_set! {
    /// How the notice of a check reaches the co-ordinator and the custodian. A notice is always written.
    pub enum Notify {
        /// At once, to whoever is on duty.
        Urgent = "urgent",
        /// On the work-list, in working hours.
        Normal = "normal",
        /// Written and countable, but nobody is called or reminded. Only for reasons that allow it.
        Silent = "silent",
    }
}

coded_error! {
    /// Why a way of notifying was refused.
    pub enum NotifyError {
        /// The reason given for the check does not allow silence.
        SilentNotAllowed = "silent-not-allowed", "choose urgent or normal: this reason for asking does not allow a silent check";
    }
}

impl Notify {
    /// Whether this may be chosen for a check with this reason.
    ///
    /// # Errors
    ///
    /// [`NotifyError::SilentNotAllowed`] for [`Notify::Silent`] with a reason that does not allow it.
    pub const fn permitted_for(self, reason: Reason) -> Result<(), NotifyError> {
        match self {
            Self::Urgent | Self::Normal => Ok(()),
            Self::Silent => {
                if reason.allows_silent() {
                    Ok(())
                } else {
                    Err(NotifyError::SilentNotAllowed)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_for_routine_reasons_only() {
        assert_eq!(Notify::Silent.permitted_for(Reason::ScheduledCare), Ok(()));
        assert_eq!(Notify::Silent.permitted_for(Reason::EmergencyDuty), Err(NotifyError::SilentNotAllowed));
        for reason in Reason::ALL {
            assert_eq!(Notify::Normal.permitted_for(reason), Ok(()));
            assert_eq!(Notify::Urgent.permitted_for(reason), Ok(()));
            assert_eq!(Notify::Silent.permitted_for(reason).is_ok(), reason.allows_silent());
        }
    }
}
