//! Who may act: the roles of the access token, and the sectors partners belong to. What each may do is decided elsewhere.

use super::coded::closed_set;

closed_set! {
    /// A role, as the access token names it.
    ///
    /// # Source
    ///
    /// Contract, part 4; WSP-4.12 for the custodian, WSP-4.3 for the co-ordinator, WSP-2.6 for emergency duty.
    pub enum Role {
        /// Keeps an authority's register.
        Custodian = "custodian",
        /// Out-of-hours social work.
        EmergencyDuty = "emergency-duty",
        /// Co-ordinates a child's care and support protection plan.
        Coordinator = "coordinator",
        /// Leads a social work team.
        TeamManager = "team-manager",
        /// Chairs child protection conferences.
        ConferenceChair = "conference-chair",
        /// Answers for safeguarding in an authority.
        SeniorSafeguardingManager = "senior-safeguarding-manager",
        /// Works for another agency of the safeguarding board; see [`Sector`].
        Partner = "partner",
        /// Produces returns from counts.
        Statistics = "statistics",
        /// Reads the audit log.
        Auditor = "auditor",
        /// Keeps keys and members in order; sees no case data.
        Operator = "operator",
        /// Another region of the federation.
        Peer = "peer",
    }
}

impl Role {
    /// Whether people in this role ask for a caller, whose identity they must have checked.
    ///
    /// # Source
    ///
    /// Contract, part 1 (`onBehalfOf`); MK-REC.
    pub const fn asks_for_callers(self) -> bool {
        match self {
            Self::Custodian | Self::EmergencyDuty => true,
            Self::Coordinator
            | Self::TeamManager
            | Self::ConferenceChair
            | Self::SeniorSafeguardingManager
            | Self::Partner
            | Self::Statistics
            | Self::Auditor
            | Self::Operator
            | Self::Peer => false,
        }
    }
}

closed_set! {
    /// The sector a partner works in.
    pub enum Sector {
        /// Health: hospitals, practices, health visiting, maternity.
        Health = "health",
        /// Police.
        Police = "police",
        /// Ambulance services.
        Ambulance = "ambulance",
        /// Schools, nurseries and education services.
        Education = "education",
        /// Probation.
        Probation = "probation",
        /// Youth justice and youth offending teams.
        YouthJustice = "youth-justice",
        /// Cafcass and Cafcass Cymru: formal checks in private-law proceedings.
        Cafcass = "cafcass",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_contract() {
        assert_eq!(
            Role::CODES.join(" "),
            "custodian emergency-duty coordinator team-manager conference-chair senior-safeguarding-manager partner \
             statistics auditor operator peer"
        );
        assert_eq!(Sector::CODES.join(" "), "health police ambulance education probation youth-justice cafcass");
    }
}
