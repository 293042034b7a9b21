//! Rows of what the returns ask of a child beside what the register needs itself.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::children::fact_rows;
use super::connection::{AnyConnection, with};
use super::error::StoreError;
use super::schema::{child_census, child_withdrawal, referral};
use super::types::{Id, Instant};

fact_rows! {
    /// Ethnicity, disabilities (a JSON list) and why there is no pupil number.
    CensusRow, child_census, child_id {
        ethnicity: Option<String>,
        disabilities: Option<String>,
        upn_unknown: Option<String>,
    }
    /// A referral.
    ReferralRow, referral, child_id {
        referred_on: NaiveDate,
        source: String,
        primary_need: String,
    }
    /// When a record was withdrawn, and as what.
    WithdrawalRow, child_withdrawal, child_id {
        standing: String,
    }
}
