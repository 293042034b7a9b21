//! What returns are counted from: the facts of a whole register as they were known at an instant, one statement for each kind.

use diesel::prelude::*;

use super::census::{CensusRow, ReferralRow, WithdrawalRow};
use super::children::{IdentifierRow, ParticularsRow};
use super::conferences::{ConferenceStateRow, DecisionRow, Section47StateRow};
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::identities::DecisionRow as IdentityRow;
use super::registrations::{CategoryRow, RegistrationRow, StateRow};
use super::schema::{
    child_census, child_identifier, child_particulars, child_withdrawal, conference_decision, conference_state, referral, registration,
    registration_category, registration_state, section47_state,
};
use super::types::Instant;

macro_rules! known_rows {
    ($($(#[$doc:meta])* $name:ident: $row:ident, $table:ident $(, $more:expr)?;)+) => {
        /// The facts that were held to be true at an instant, each kind oldest first.
        #[derive(Debug)]
        pub struct Known {
            /// Every entry that there ever was.
            pub entries: Vec<RegistrationRow>,
            /// Records that were held to be of one person.
            pub merges: Vec<IdentityRow>,
            $($(#[$doc])* pub $name: Vec<$row>,)+
        }

        impl Known {
            /// Reads them.
            ///
            /// # Errors
            /// When the database fails.
            pub fn at(connection: &mut AnyConnection, at: Instant) -> Result<Self, StoreError> {
                Ok(Self {
                    entries: with!(&mut *connection, |c| registration::table
                        .order(registration::id)
                        .select(RegistrationRow::as_select())
                        .load(c))?,
                    merges: IdentityRow::merged_at(&mut *connection, at)?,
                    $($name: with!(&mut *connection, |c| $table::table
                        .filter($table::recorded_at.le(at))
                        .filter($table::superseded_at.is_null().or($table::superseded_at.gt(at)))
                        $(.filter($more))?
                        .order($table::id)
                        .select($row::as_select())
                        .load(c))?,)+
                })
            }
        }
    };
}

known_rows! {
    /// What holds of entries.
    states: StateRow, registration_state;
    /// Categories of entries.
    categories: CategoryRow, registration_category;
    /// Birth and sex.
    particulars: ParticularsRow, child_particulars;
    /// Pupil numbers and ids of the case system.
    identifiers: IdentifierRow, child_identifier, child_identifier::kind.eq_any(["upn", "local"]);
    /// What the census asks.
    census: CensusRow, child_census;
    /// Referrals.
    referrals: ReferralRow, referral;
    /// Records that were withdrawn.
    withdrawals: WithdrawalRow, child_withdrawal;
    /// Conferences.
    conferences: ConferenceStateRow, conference_state;
    /// Their decisions.
    decisions: DecisionRow, conference_decision;
    /// Enquiries under section 47.
    enquiries: Section47StateRow, section47_state;
}
