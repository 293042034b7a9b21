//! What regions ask each other about a child, and what they answer: never more than the minimum answer.
//!
//! Items may be added in a minor version; a receiver ignores what it does not know. Codes of the answering region are passed on
//! as they are; what they mean in the enquirer's nation is in [`crate::domain::nation`] and the vocabulary.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::custody::{Epoch, Hash256, Leaf};
use crate::domain::ids::MessageId;
use crate::domain::outcome::{Grade, MatchStatus};
use crate::matching::{Flag, Reason};
use crate::register::alerts::hits::ToldAlert;

/// Where questions are sent.
pub const QUESTION_PATH: &str = "/federation/v1/checks";
/// Where directories and statements are exchanged.
pub const DIRECTORY_PATH: &str = "/federation/v1/directory";

/// Where regions speak of alerts for missing children.
pub const ALERT_PATH: &str = "/federation/v1/alerts";
/// Where authorities speak of a child's custody.
pub const CUSTODY_PATH: &str = "/federation/v1/custody";

/// Where regions say that a person has read of a check.
pub const READING_PATH: &str = "/federation/v1/readings";

/// Where regions compare what is open between them.
pub const COMPARISON_PATH: &str = "/federation/v1/comparisons";

/// What a region has open with another. Asked with the root alone it is answered with the buckets' hashes, where roots differ; asked with
/// rows, with the rows of the same buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerComparison {
    /// The hash over everything, hexadecimal.
    pub root: String,
    /// The hash of each bucket, hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<String>,
    /// The rows of buckets that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<PeerBucket>,
}

/// The rows of one bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerBucket {
    /// Which.
    pub bucket: u8,
    /// Its rows: identifiers of moves, stays and alerts, and how they stand.
    pub rows: Vec<Leaf>,
}

impl PeerComparison {
    /// The buckets' hashes. One that is none differs from every other.
    pub fn hashes(&self) -> Vec<Hash256> {
        let read = |text: &String| {
            let mut hash = Hash256::default();
            hex::decode_to_slice(text, &mut hash).map(|()| hash).unwrap_or_default()
        };
        self.buckets.iter().map(read).collect()
    }
}

/// Is this child on your register?
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerQuestion {
    /// The check, in the asking region. Asked again, it is the same question.
    pub check: Uuid,
    /// When it was asked, in the asking region's procedure time: an age is an age then.
    pub asked_at: DateTime<Utc>,
    /// Why (a code).
    pub reason: String,
    /// How those who must know are told (a code).
    pub notify: String,
    /// The enquirer's own reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_reference: Option<String>,
    /// What is known of the child: JSON, in the shape of `child` in `POST /v1/checks`, as a text, so that its digest is the same
    /// for everybody.
    pub child: String,
    /// Sixteen random bytes, hexadecimal: the digest of the question is SHA-256 of them and the child's text. They stand in the
    /// receipt.
    pub salt: String,
    /// Sixteen other random bytes, hexadecimal, under which a person is given a tag ([`PeerMatch::tags`]). They are forgotten
    /// when the check is complete.
    pub tag_key: String,
    /// Who asks.
    pub enquirer: PeerEnquirer,
}

impl std::fmt::Debug for PeerQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerQuestion").field("check", &self.check).finish_non_exhaustive()
    }
}

/// The person who asks, as their own region vouches for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerEnquirer {
    /// The person, as their region's identity provider knows them.
    pub person: String,
    /// Their agency, or that of the caller for whom they ask.
    pub agency: String,
    /// Their role (a code).
    pub role: String,
    /// The sector of a partner (a code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector: Option<String>,
    /// Their organisation (a code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
}

/// What a region's register holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerAnswer {
    /// The check, in the asking region.
    pub check: Uuid,
    /// SHA-256 of salt and child as they were received, hexadecimal.
    pub question: String,
    /// When the register was read, in the answering region's procedure time.
    pub as_of: DateTime<Utc>,
    /// `on-register`, `possible-match` or `nothing-found`.
    pub outcome: String,
    /// Who may be meant, best first.
    pub matches: Vec<PeerMatch>,
    /// Enquiries of other agencies about this child; absent when the region does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<PeerEarlier>,
    /// The entry in the answering region's audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Uuid>,
    /// Its leaf hash, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<String>,
    /// The live alerts for missing children that the question is about, as the answering region holds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<ToldAlert>,
}

/// One person who may be meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerMatch {
    /// How sure.
    pub grade: Grade,
    /// Posterior probability, 0–1.
    pub score: f64,
    /// Posterior log-odds, bits.
    pub bits: f64,
    /// Matches of one answer with the same number are of one person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<i64>,
    /// What two regions' entries of one child have in common, as keyed hashes: names and date of birth, or the number that was
    /// asked with. Given for probable and certain matches only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What agreed, differed or was missing.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// Labels.
    #[serde(default)]
    pub flags: Vec<Flag>,
    /// The standing of the entry.
    pub status: MatchStatus,
    /// The one responsible authority (GSS code).
    pub authority: String,
    /// The authority of the answering region where the child stays, when the responsible one is in no region of the federation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// The epoch of custody in which it leads, as far as the answering region knows: of two regions that name different
    /// authorities while a child moves, the one with the higher epoch has it right. Absent when the child never moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// From when.
    pub registered_on: NaiveDate,
    /// The co-ordinator's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinator: Option<String>,
    /// Whether the record is shielded.
    #[serde(default)]
    pub shielded: bool,
    /// The live alert for this child, of those in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Uuid>,
    /// How the entry is named when it is told that somebody has read of this check: opaque, and another in every check. Absent for a
    /// former entry, and from a region that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

/// A person at an authority has read of a check: the office and the time, never the name, and nothing of the child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerReading {
    /// The message: the same however often it is sent.
    pub id: MessageId,
    /// The check, in the region that asked.
    pub check: Uuid,
    /// The entry, as it is named in the answer ([`PeerMatch::entry`]).
    pub entry: String,
    /// The office whose notice it was (a code).
    pub role: String,
    /// When it was confirmed, in the procedure time of the region that says so.
    pub at: DateTime<Utc>,
}

/// Enquiries of other agencies about a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerEarlier {
    /// How many.
    pub count: u64,
    /// Which agencies, when the enquirer may be told.
    #[serde(default)]
    pub agencies: Vec<String>,
    /// When the first of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerProblem {
    /// The stable code of the problem.
    pub code: String,
}

/// The directory in use, and the sender's own statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerDirectory {
    /// The directory, signed; absent when the other side has this version already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The version of the directory that the sender uses.
    #[serde(default)]
    pub version: i64,
    /// The sender's own statement, signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Those over which it follows from the directory's, oldest first: for a receiver that missed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
    /// The serial of the receiver's statement that the sender knows.
    #[serde(default)]
    pub knows_serial: i64,
}
