//! An answer as it is kept: codes and opaque identifiers, no words.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::custody::Epoch;
use crate::domain::outcome::{CoverageStatus, Finding, Grade, MatchStatus};
use crate::matching::{self, Flag};
use crate::register::alerts::hits::ToldAlert;

/// One person who may be meant, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredMatch {
    /// The region on whose register the person is; absent for the own one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The person; absent for other regions'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<uuid::Uuid>,
    /// The entry; absent for other regions'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<uuid::Uuid>,
    /// How another region names the entry when it tells that somebody there has read of the check; absent for the own one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What entries of one child in two regions have in common, as keyed hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How sure.
    pub grade: Grade,
    /// Posterior probability, 0–1.
    pub score: f64,
    /// Posterior log-odds, bits.
    pub bits: f64,
    /// Whether entries with the same value are of one person.
    pub person: Option<i64>,
    /// What agreed, differed or was missing.
    pub reasons: Vec<matching::Reason>,
    /// Labels.
    pub flags: Vec<Flag>,
    /// The standing of the entry.
    pub status: MatchStatus,
    /// The one responsible authority (GSS code).
    pub authority: String,
    /// The authority where the child stays, of a temporary entry whose home is in no region of the federation: whom to ring, because
    /// of the one that is responsible no number is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// The epoch of custody in which it leads; absent when the child never moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// From when.
    pub registered_on: NaiveDate,
    /// The co-ordinator.
    pub coordinator: Option<String>,
    /// Whether the record is shielded.
    pub shielded: bool,
    /// Whether the number that was asked for is one that this person had before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded_number: bool,
    /// The live alert for this child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<ToldAlert>,
}

impl Finding for StoredMatch {
    fn grade(&self) -> Grade {
        self.grade
    }

    fn status(&self) -> MatchStatus {
        self.status
    }

    fn bits(&self) -> f64 {
        self.bits
    }

    fn is_same_person_as(&self, other: &Self) -> bool {
        if self.region == other.region {
            (self.child.is_some() && self.child == other.child) || (self.person.is_some() && self.person == other.person)
        } else {
            self.tags.iter().any(|tag| other.tags.contains(tag))
        }
    }
}

/// What became of asking a region, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredCoverage {
    /// The region.
    pub region: String,
    /// What became of it.
    pub status: CoverageStatus,
    /// When its register was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
}

/// Earlier enquiries by others, as they are kept.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StoredEarlier {
    /// How many.
    pub count: u64,
    /// Which agencies.
    pub agencies: Vec<String>,
    /// When the first of them was.
    pub since: Option<DateTime<Utc>>,
}

/// An answer, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredAnswer {
    /// Who may be meant, best first.
    pub matches: Vec<StoredMatch>,
    /// Every region in the search.
    pub coverage: Vec<StoredCoverage>,
    /// Earlier enquiries by others.
    pub earlier: StoredEarlier,
    /// Codes of the advice.
    pub advice: Vec<String>,
    /// What each region says of earlier enquiries: the parts of `earlier`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier_parts: BTreeMap<String, StoredEarlier>,
    /// Other regions' answers as they signed them: the receipt embeds them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signed: BTreeMap<String, String>,
    /// Live alerts that the question is about and that no match carries, surest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<ToldAlert>,
}

impl StoredAnswer {
    /// The children of this region who may be meant.
    pub fn own_children(&self) -> impl Iterator<Item = uuid::Uuid> {
        self.matches.iter().filter_map(|found| found.child)
    }
}
