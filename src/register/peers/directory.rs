//! The directory of members: one signed, versioned document. Every region keeps the newest, hands it to every other, and refuses
//! one that does not follow from what it has.
//!
//! It says who is a member and with which standing; what a member says of itself stands in it as the member signed it. So its
//! keeper can let in and shut out, but not speak for anybody.
//!
//! # Source
//! The design of trust: one signed, versioned, pinned directory; thresholds of several keepers are a later option.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::message::Parts;
use super::statement::Believed;
use crate::domain::coded::coded_error;
use crate::domain::search_set::{REGIONS_MAX, Standing};
use crate::register::keys::{KeyError, PublicKey, directory_key};
use crate::register::receipts::sha256;

/// The `typ` of a directory.
pub const DIRECTORY_TYPE: &str = "cofrestr-directory+jwt";
/// No directory is longer, in bytes: 256 members with long statements.
pub const LONGEST: usize = 32 << 20;
/// How far in the future a directory may be signed.
const SKEW: TimeDelta = TimeDelta::minutes(3);

/// The members of the federation at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Grows by one with every change.
    pub version: i64,
    /// When it was signed (seconds since 1970).
    pub iat: i64,
    /// SHA-256 of the version before as it was signed, hexadecimal; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// What was changed, in a word and a region: `added gwent`.
    pub change: String,
    /// The members.
    pub members: Vec<Listed>,
}

/// A member in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The region.
    pub region: String,
    /// Its standing.
    pub standing: Standing,
    /// Its statement, as it signed it.
    pub statement: String,
    /// Those over which it follows from the one in the directory before, oldest first; none when it follows directly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
    /// The version in which the keeper vouched for the statement although no key of the one before signed it: the keys were
    /// lost or stolen, and the region's people proved themselves otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched_in: Option<i64>,
}

coded_error! {
    /// Why a directory is not taken up.
    pub enum DirectoryError {
        /// It is no directory.
        Form = "malformed-directory", "give the directory as `cofrestr members` writes it";
        /// No pinned key signed it.
        Signature = "unsigned-directory", "sign it with the key that the regions pin (federation.directory_keys)";
        /// It was signed in the future.
        Time = "mistimed-directory", "keep the clock right";
        /// It is older than the one in use, or the same.
        Old = "old-directory", "give a version that is newer than the one in use";
        /// It is another document under the version in use, or does not follow from it: two keepers, or a stolen key.
        Fork = "forked-directory", "find out who signed two different directories before anything else is changed";
        /// A statement in it is not believed.
        Statement = "unusable-statement-in-directory", "give every member's statement as the member published it";
        /// A member's keys changed, and no key of the statement before signed the new one.
        Continuity = "keys-without-continuity", "let the region sign its new statement with its old key, or vouch for it";
        /// A region or an authority stands in it twice, or there are too many.
        Members = "contradictory-members", "name every region and every authority once";
    }
}

/// A directory that is believed, with the text that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What it says.
    pub directory: Directory,
    /// The compact JWS.
    pub text: String,
    /// The members' statements, in its order.
    pub statements: Vec<Believed>,
}

impl Known {
    /// Reads a directory that a pinned key signed.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn read(text: &str, keys: &[PublicKey], now: DateTime<Utc>) -> Result<Self, DirectoryError> {
        if text.len() > LONGEST {
            return Err(DirectoryError::Form);
        }
        let parts = Parts::of(text, DIRECTORY_TYPE).ok_or(DirectoryError::Form)?;
        if !keys.iter().any(|key| parts.is_signed_by(key)) {
            return Err(DirectoryError::Signature);
        }
        let directory: Directory = parts.claims().ok_or(DirectoryError::Form)?;
        let signed_at = DateTime::from_timestamp(directory.iat, 0).ok_or(DirectoryError::Form)?;
        if signed_at > now + SKEW {
            return Err(DirectoryError::Time);
        }
        let mut statements = Vec::with_capacity(directory.members.len());
        let (mut regions, mut authorities) = (BTreeSet::new(), BTreeSet::new());
        for member in &directory.members {
            let believed = Believed::on_its_own_word(&member.statement, now).map_err(|_| DirectoryError::Statement)?;
            if believed.statement.iss != member.region {
                return Err(DirectoryError::Statement);
            }
            let has_left = member.standing == Standing::Left;
            let mut own = believed.statement.said.authorities.iter().map(|authority| authority.code.clone());
            if !regions.insert(member.region.clone()) || (!has_left && !own.all(|code| authorities.insert(code))) {
                return Err(DirectoryError::Members);
            }
            statements.push(believed);
        }
        if directory.version < 1 || regions.is_empty() || regions.len() > REGIONS_MAX {
            return Err(DirectoryError::Members);
        }
        Ok(Self { directory, text: text.to_owned(), statements })
    }

    /// Reads a directory that follows this one, by one version or several.
    ///
    /// # Errors
    /// Why it is not taken up.
    pub fn followed_by(&self, text: &str, keys: &[PublicKey], now: DateTime<Utc>) -> Result<Self, DirectoryError> {
        let next = Self::read(text, keys, now)?;
        let (old, new) = (self.directory.version, next.directory.version);
        if new < old || text == self.text {
            return Err(DirectoryError::Old);
        }
        if new == old || (new == old + 1 && next.directory.previous.as_deref() != Some(self.digest().as_str())) {
            return Err(DirectoryError::Fork);
        }
        for (member, statement) in next.directory.members.iter().zip(&next.statements) {
            let Some(known) = self.statement(&member.region) else { continue };
            let is_vouched_for = member.vouched_in.is_some_and(|version| version > old);
            let follows = || {
                let texts: Vec<String> = member.earlier.iter().chain([&statement.text]).cloned().collect();
                known.descent(&texts, now).newest.text == statement.text
            };
            if known.text != statement.text && !is_vouched_for && !follows() {
                // A version that we missed may have led from one to the other; only a key of the new one can say so.
                let shares_key = statement
                    .statement
                    .said
                    .keys
                    .iter()
                    .any(|key| known.statement.said.keys.iter().any(|one| one == key || one.kid == key.kid));
                if new == old + 1 || !shares_key {
                    return Err(DirectoryError::Continuity);
                }
            }
        }
        Ok(next)
    }

    /// The statement of a member in this directory.
    pub fn statement(&self, region: &str) -> Option<&Believed> {
        self.statements.iter().find(|statement| statement.statement.iss == region)
    }

    /// SHA-256 of the signed text, hexadecimal.
    pub fn digest(&self) -> String {
        sha256(&[self.text.as_bytes()])
    }
}

/// The key of the directory's keeper.
pub struct Keeper(Ed25519KeyPair);

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeper")
    }
}

impl Keeper {
    /// Makes a new key: the keeper, and the private key as PKCS#8 in base64.
    ///
    /// # Errors
    /// When the random source fails.
    pub fn generate() -> Result<(Self, String), KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Cryptography)?;
        let document = pair.to_pkcs8().map_err(|_| KeyError::Cryptography)?;
        let text = base64::engine::general_purpose::STANDARD.encode(document.as_ref());
        Ok((Self(pair), text))
    }

    /// Reads a private key: PKCS#8 in base64, with or without PEM lines.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let base64: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(base64).map_err(|_| KeyError::Cryptography)?;
        Ed25519KeyPair::from_pkcs8(&bytes).map(Self).map_err(|_| KeyError::Cryptography)
    }

    /// The public key, as regions pin it.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref())
    }

    /// Signs a directory.
    ///
    /// # Errors
    /// When it cannot be written as JSON: a defect.
    pub fn sign(&self, directory: &Directory) -> Result<String, KeyError> {
        let key = directory_key(&self.public_key());
        let header = serde_json::json!({ "alg": "EdDSA", "typ": DIRECTORY_TYPE, "kid": key.kid });
        let part = |value: &dyn erased::Json| value.json().map(|json| URL_SAFE_NO_PAD.encode(json)).ok_or(KeyError::Cryptography);
        let signed = format!("{}.{}", part(&header)?, part(directory)?);
        let signature = self.0.sign(signed.as_bytes());
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

mod erased {
    /// Something that can be written as JSON.
    pub trait Json {
        /// The JSON.
        fn json(&self) -> Option<String>;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> Option<String> {
            serde_json::to_string(self).ok()
        }
    }
}

impl Directory {
    /// The next version of a directory, with one change.
    pub fn next(known: Option<&Known>, change: String, now: DateTime<Utc>) -> Self {
        match known {
            None => Self { version: 1, iat: now.timestamp(), previous: None, change, members: Vec::new() },
            Some(known) => Self {
                version: known.directory.version + 1,
                iat: now.timestamp(),
                previous: Some(known.digest()),
                change,
                members: known.directory.members.clone(),
            },
        }
    }

    /// The member of a region.
    pub fn member(&mut self, region: &str) -> Option<&mut Listed> {
        self.members.iter_mut().find(|member| member.region == region)
    }
}
