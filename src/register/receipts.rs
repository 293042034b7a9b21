//! The receipt of a check: a signed statement that binds question, answer, coverage, time and the check's place in the audit
//! log. Whoever has it can prove with public keys alone what was asked and answered, years later.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checks::{StoredAnswer, StoredCoverage};
use super::keys::{PublicKey, PublicKeys};
use super::peers::answering::NOTHING_FOUND;
use super::peers::message::{MessageError, kind, verify_at_its_time};
use super::peers::wire::PeerAnswer;
use crate::domain::outcome::{CoverageStatus, OutcomeCode};

/// The `typ` of a receipt.
pub const RECEIPT_TYPE: &str = "cofrestr-receipt+jwt";
/// How far the clocks of two servers of a region may be apart.
const SKEW: TimeDelta = TimeDelta::seconds(60);
/// No receipt is longer, in bytes: one with the answers of every region of the federation fits several times.
const LONGEST: usize = 4 << 20;

/// What a receipt says: who was asked what, what the answer was, and where it stands in the audit log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptClaims {
    /// The region that answered.
    pub iss: String,
    /// The check.
    pub jti: String,
    /// When the receipt was signed, by the wall clock (seconds since 1970).
    pub iat: i64,
    /// When it was asked (RFC 3339).
    pub asked_at: String,
    /// The instant of the register that was read.
    pub as_of: String,
    /// How long the answer may be relied on.
    pub valid_until: String,
    /// SHA-256 of salt and question, hexadecimal.
    pub question: String,
    /// The salt of the question's digest, hexadecimal.
    pub salt: String,
    /// SHA-256 of salt and child: what other regions were asked, and say that they were asked. Absent when none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The outcome.
    pub outcome: String,
    /// SHA-256 of the answer as [`answer_document`] writes it, hexadecimal.
    pub answer: String,
    /// Every region in the search and what became of it.
    pub coverage: Vec<StoredCoverage>,
    /// The answers of other regions as each signed it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
    /// The audit entry of the check.
    pub audit: String,
    /// Its leaf hash in the audit log, hexadecimal: an inclusion proof begins with it.
    pub leaf: String,
}

/// Why a receipt is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is not a receipt.
    #[error("it is not a receipt of a register")]
    Form,
    /// The key that it names is not among the public keys.
    #[error("it names key {0}, which is not among the public keys")]
    Key(String),
    /// Its signature is wrong: it was altered, or another key signed it.
    #[error("its signature is wrong: it was altered, or signed with another key")]
    Signature,
    /// It was signed when its key did not sign.
    #[error("it says that it was signed at {0}, when key {1} did not sign")]
    Time(String, String),
}

/// The digest of parts, in hexadecimal.
pub fn sha256(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    hex::encode(context.finish().as_ref())
}

/// A receipt that was verified.
#[derive(Debug, Clone)]
pub struct Verified {
    /// What it says.
    pub claims: ReceiptClaims,
    /// The key that signed it.
    pub kid: String,
    /// When.
    pub signed_at: DateTime<Utc>,
}

/// Verifies a receipt with public keys alone: form, type, signature, and that its key signed at that time. A key that was
/// retired since goes on verifying what it signed.
///
/// # Errors
/// Why it is not believed.
pub fn verify(receipt: &str, keys: &PublicKeys) -> Result<Verified, ReceiptError> {
    if receipt.len() > LONGEST {
        return Err(ReceiptError::Form);
    }
    let header = jsonwebtoken::decode_header(receipt).map_err(|_| ReceiptError::Form)?;
    if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(RECEIPT_TYPE) {
        return Err(ReceiptError::Form);
    }
    let kid = header.kid.ok_or(ReceiptError::Form)?;
    let key = keys.keys.iter().find(|key| key.kid == kid && key.kty == "OKP" && key.crv == "Ed25519");
    let key = key.ok_or_else(|| ReceiptError::Key(kid.clone()))?;
    let decoding = DecodingKey::from_ed_components(&key.x).map_err(|_| ReceiptError::Key(kid.clone()))?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<ReceiptClaims>(receipt, &decoding, &validation).map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidSignature => ReceiptError::Signature,
        _ => ReceiptError::Form,
    })?;
    let claims = claims.claims;
    let signed_at = DateTime::from_timestamp(claims.iat, 0).ok_or(ReceiptError::Form)?;
    let too_early = key.signs_from().is_none_or(|from| signed_at < from - SKEW);
    // A time that cannot be read must not make a key good for ever.
    let too_late = key.retired.is_some() && key.signs_until().is_none_or(|until| signed_at > until + SKEW);
    if too_early || too_late {
        return Err(ReceiptError::Time(signed_at.to_rfc3339_opts(SecondsFormat::Secs, true), kid));
    }
    Ok(Verified { claims, kid, signed_at })
}

impl ReceiptClaims {
    /// Whether this is the question, in the canonical form in which it is kept.
    pub fn is_about(&self, question: &str) -> bool {
        hex::decode(&self.salt).is_ok_and(|salt| sha256(&[&salt, question.as_bytes()]) == self.question)
    }

    /// Whether this is the child whom other regions were asked about, as `child` stands in the question in its canonical form.
    pub fn asked_about(&self, child: &str) -> bool {
        let Some(asked) = &self.asked else { return true };
        hex::decode(&self.salt).is_ok_and(|salt| sha256(&[&salt, child.as_bytes()]) == *asked)
    }

    /// Whether this is the answer, as the enquirer got it (a check in JSON).
    pub fn is_for(&self, check: &Value) -> bool {
        let text = |name: &str| check.get(name).and_then(Value::as_str);
        text("id") == Some(self.jti.as_str())
            && text("outcome") == Some(self.outcome.as_str())
            && document_of(check).is_some_and(|document| sha256(&[document.as_bytes()]) == self.answer)
    }
}

/// A region's answer inside a receipt, proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The region.
    pub region: String,
    /// The key that signed its answer.
    pub kid: String,
    /// `on-register`, `possible-match` or `nothing-found`.
    pub outcome: String,
    /// When its register was read.
    pub as_of: DateTime<Utc>,
    /// The entry in that region's audit log.
    pub audit: Option<uuid::Uuid>,
}

/// Why an answer inside a receipt is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BranchError {
    /// The region's keys are not known.
    #[error("the keys of {0} are not given: name the directory of members, or the region's own statement")]
    Keys(String),
    /// The answer is not the region's.
    #[error("the answer of {0} does not verify: {1}")]
    Answer(String, MessageError),
    /// It answers something else.
    #[error("the answer of {0} is to another question")]
    Question(String),
    /// The receipt says that a region answered whose answer is not in it, or the other way round.
    #[error("the coverage names {0} otherwise than the answers do")]
    Coverage(String),
    /// The outcome is not what the answers come to.
    #[error("the outcome is {0}, and the answer of {1} says otherwise")]
    Outcome(String, String),
}

/// Proves the answers of other regions inside a receipt, with those regions' public keys: that each is the region's own, answers
/// this question, and that coverage and outcome are what they come to.
///
/// # Errors
/// Which answer is not believed, and why.
pub fn verify_tree(claims: &ReceiptClaims, keys: &BTreeMap<String, Vec<PublicKey>>) -> Result<Vec<Branch>, BranchError> {
    let mut branches = Vec::new();
    for (region, text) in &claims.answers {
        let keys = keys.get(region).ok_or_else(|| BranchError::Keys(region.clone()))?;
        let received = verify_at_its_time(text, keys).map_err(|error| BranchError::Answer(region.clone(), error))?;
        let question = || BranchError::Question(region.clone());
        let envelope = &received.envelope;
        if envelope.iss != *region || envelope.aud != claims.iss || envelope.kind != kind::ANSWER {
            return Err(question());
        }
        let answer: PeerAnswer = received.body().map_err(|error| BranchError::Answer(region.clone(), error))?;
        if answer.check.to_string() != claims.jti || Some(&answer.question) != claims.asked.as_ref() {
            return Err(question());
        }
        if claims.outcome == OutcomeCode::NotOnRegister.as_str() && answer.outcome != NOTHING_FOUND {
            return Err(BranchError::Outcome(claims.outcome.clone(), region.clone()));
        }
        branches.push(Branch {
            region: region.clone(),
            kid: received.kid,
            outcome: answer.outcome,
            as_of: answer.as_of,
            audit: answer.audit,
        });
    }
    for row in claims.coverage.iter().filter(|row| row.region != claims.iss) {
        if claims.answers.contains_key(&row.region) != (row.status == CoverageStatus::Answered) {
            return Err(BranchError::Coverage(row.region.clone()));
        }
        if row.status != CoverageStatus::Answered && claims.outcome == OutcomeCode::NotOnRegister.as_str() {
            return Err(BranchError::Outcome(claims.outcome.clone(), row.region.clone()));
        }
    }
    for region in claims.answers.keys() {
        if !claims.coverage.iter().any(|row| row.region == *region) {
            return Err(BranchError::Coverage(region.clone()));
        }
    }
    Ok(branches)
}

/// What of an answer a receipt binds: what it means, in codes. Words, telephone numbers "at this minute" and what is told to
/// some enquirers only are not part of it, so that the enquirer can put it together from what they were given.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stated {
    outcome: String,
    matches: Vec<StatedMatch>,
    earlier: u64,
    advice: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatedMatch {
    grade: Value,
    score: f64,
    status: Value,
    authority: String,
    registered_on: Value,
    shielded: bool,
}

/// The part of an answer that a receipt binds, in its canonical form.
pub fn answer_document(outcome: &str, answer: &StoredAnswer) -> Option<String> {
    let matches = answer.matches.iter().map(|found| {
        Some(StatedMatch {
            grade: serde_json::to_value(found.grade).ok()?,
            score: found.score,
            status: serde_json::to_value(found.status).ok()?,
            authority: found.authority.clone(),
            registered_on: serde_json::to_value(found.registered_on).ok()?,
            shielded: found.shielded,
        })
    });
    let stated = Stated {
        outcome: outcome.to_owned(),
        matches: matches.collect::<Option<_>>()?,
        earlier: answer.earlier.count,
        advice: answer.advice.clone(),
    };
    serde_json::to_string(&stated).ok()
}

/// The same from a check as the enquirer got it.
fn document_of(check: &Value) -> Option<String> {
    let matches = check.get("matches")?.as_array()?.iter().map(|found| {
        Some(StatedMatch {
            grade: found.get("grade")?.clone(),
            score: found.get("score")?.as_f64()?,
            status: found.get("status")?.clone(),
            authority: found.pointer("/authority/code")?.as_str()?.to_owned(),
            registered_on: found.get("registeredOn")?.clone(),
            shielded: found.get("shielded")?.as_bool()?,
        })
    });
    let advice = check.get("advice")?.as_array()?.iter().map(|advice| Some(advice.get("code")?.as_str()?.to_owned()));
    let stated = Stated {
        outcome: check.get("outcome")?.as_str()?.to_owned(),
        matches: matches.collect::<Option<_>>()?,
        earlier: check.pointer("/earlierEnquiries/count")?.as_u64()?,
        advice: advice.collect::<Option<_>>()?,
    };
    serde_json::to_string(&stated).ok()
}

#[cfg(test)]
mod tests {
    use super::super::keys::{KeyFolder, Signer};
    use super::*;

    fn claims(at: DateTime<Utc>) -> ReceiptClaims {
        let text = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        ReceiptClaims {
            iss: "gwent".into(),
            jti: "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11".into(),
            iat: at.timestamp(),
            asked_at: text.clone(),
            as_of: text.clone(),
            valid_until: text,
            question: sha256(&[&[7; 16], b"{}"]),
            salt: hex::encode([7; 16]),
            asked: None,
            outcome: "indeterminate".into(),
            answer: sha256(&[b""]),
            coverage: vec![],
            answers: BTreeMap::new(),
            audit: "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b12".into(),
            leaf: hex::encode([9; 32]),
        }
    }

    #[test]
    fn receipts_verify_after_two_rotations_and_tampered_ones_never() {
        let folder = KeyFolder::new(std::env::temp_dir().join(format!("cofrestr-receipts-{}", uuid::Uuid::now_v7())));
        let start = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let hours = |hours| start + TimeDelta::hours(hours);
        folder.make_missing(start).unwrap();
        let mut receipts = Vec::new();
        for hour in [0, 2, 4] {
            let signer = Signer::open(folder.clone()).unwrap();
            receipts.push((hours(hour), signer.sign_at(RECEIPT_TYPE, &claims(hours(hour)), hours(hour)).unwrap()));
            let used = folder.public_keys().unwrap().keys[0].kid.clone();
            folder.rotate(hours(hour + 1)).unwrap();
            folder.retire_at(&used, hours(hour + 2)).unwrap();
        }
        let keys = folder.public_keys().unwrap();
        for (at, receipt) in &receipts {
            let verified = verify(receipt, &keys).unwrap();
            assert_eq!(verified.signed_at, *at);
            assert!(verified.claims.is_about("{}") && !verified.claims.is_about("{ }"));
            for place in 0..receipt.len() {
                let mut changed = receipt.clone().into_bytes();
                changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).unwrap();
                assert!(verify(&changed, &keys).is_err(), "character {place}");
            }
        }

        // A key that is no longer in use vouches for nothing new, and none vouches for what was before it.
        let signer = Signer::open(folder.clone()).unwrap();
        for iat in [hours(0), hours(9)] {
            let backdated = signer.sign_at(RECEIPT_TYPE, &claims(iat), hours(5) + TimeDelta::minutes(5)).unwrap();
            let verified = verify(&backdated, &keys);
            assert_eq!(verified.is_ok(), iat == hours(9), "{verified:?}");
        }
        let another = signer.sign_at("at+jwt", &claims(hours(9)), hours(9)).unwrap();
        assert_eq!(verify(&another, &keys).unwrap_err(), ReceiptError::Form, "another kind of token is no receipt");
        let (_, first) = &receipts[0];
        let mut fewer = keys.clone();
        fewer.keys.pop();
        assert!(matches!(verify(first, &fewer), Err(ReceiptError::Key(_))));
        std::fs::remove_dir_all(folder.path()).unwrap();
    }
}
