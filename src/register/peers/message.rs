//! A message from one region to another: a compact JWS bound to sender, receiver, place, moment and body; an answer is bound to
//! its question by digest as well. What was signed is kept and passed on as it is, so that it can be verified years later.
//!
//! # Source
//! The wire profile `cofrestr-federation/1`: one signature mechanism, JWS, over the bytes that are kept.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::coded::coded_error;
use crate::register::keys::{KeyError, PublicKey, Signer};
use crate::register::receipts::sha256;

/// The `typ` of a message.
pub const MESSAGE_TYPE: &str = "cofrestr-message+jwt";
/// The version of the profile that this program speaks: the first number must be the receiver's too, the second need not.
pub const VERSION: &str = "1.1";
/// No message is longer, in bytes.
pub const LONGEST: usize = 256 * 1024;
/// How long a message is good for.
///
/// # Source
/// The wire profile: `exp` is `iat` and 120 seconds for a call that waits for its answer.
pub const GOOD_FOR: TimeDelta = TimeDelta::seconds(120);
/// How far two regions' clocks may be apart.
pub const SKEW: TimeDelta = TimeDelta::seconds(60);

/// What a message says around its body.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// The region that sends it.
    pub iss: String,
    /// The one region that it is for.
    pub aud: String,
    /// The message.
    pub jti: Uuid,
    /// When it was signed, by the sender's wall clock (seconds since 1970).
    pub iat: i64,
    /// Until when it is good.
    pub exp: i64,
    /// The method with which it is sent; absent in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub htm: Option<String>,
    /// The path to which it is sent; absent in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub htu: Option<String>,
    /// The version of the profile.
    pub ver: String,
    /// What kind of message it is.
    pub kind: String,
    /// The version of the directory that the sender uses.
    #[serde(default)]
    pub dirv: i64,
    /// The serial of the sender's newest statement.
    #[serde(default)]
    pub stm: i64,
    /// The thread of requests that it belongs to, across regions.
    pub corr: Uuid,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<Uuid>,
    /// SHA-256 of that message as it was received, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub req_sha256: Option<String>,
    /// Names of items that a receiver must understand to act on the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crit: Vec<String>,
    /// What it says.
    pub body: Value,
}

coded_error! {
    /// Why a message is not believed.
    pub enum MessageError {
        /// It is not a message of this profile.
        Form = "malformed-message", "send a compact JWS of type cofrestr-message+jwt, signed with EdDSA";
        /// Its sender is no member of the federation.
        UnknownSender = "unknown-member", "be added to the directory of members first";
        /// The member is suspended.
        Suspended = "member-suspended", "ask the keeper of the directory why";
        /// The certificate of the connection is not one of the sender's.
        Certificate = "unknown-certificate", "connect with a certificate that stands in your member statement and has not run out";
        /// The key that it names is none of the sender's, or does not sign at that time.
        Key = "unknown-key", "sign with a key that stands in your member statement, in its time";
        /// Its signature is wrong.
        Signature = "altered-message", "send the bytes that were signed";
        /// It is for somebody else.
        WrongReceiver = "wrong-receiver", "sign a message for this region";
        /// It was signed for another place or as another kind.
        WrongPlace = "wrong-place", "sign the message for the method and path to which it is sent";
        /// It was signed too long ago, or in the future.
        Stale = "stale-message", "sign at the time of sending, and keep the clock right";
        /// It came before.
        Replayed = "replayed-message", "sign a new message for every request";
        /// It is of another version, or has critical items that are not known here.
        Unsupported = "unsupported-message", "use a version that the member statement names";
        /// It does not answer this question.
        NotInReply = "answer-to-another-question", "answer the question that was asked";
        /// Its body is not of the shape of its kind.
        Body = "malformed-body", "send a body of the shape that the kind of message has";
    }
}

/// What a new message says of itself.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// From whom.
    pub from: &'a str,
    /// To whom.
    pub to: &'a str,
    /// What kind.
    pub kind: &'a str,
    /// Where it is sent; nothing for an answer.
    pub place: Option<(&'a str, &'a str)>,
    /// The thread of requests.
    pub correlation: Uuid,
    /// The message that it answers, and its digest.
    pub reply_to: Option<(Uuid, String)>,
    /// The directory's version and the own statement's serial.
    pub standing: (i64, i64),
}

/// A message that was signed.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Its identifier.
    pub id: Uuid,
    /// The compact JWS.
    pub text: String,
    /// SHA-256 of it, hexadecimal.
    pub digest: String,
}

impl Outgoing<'_> {
    /// Signs the message.
    ///
    /// # Errors
    /// When there is no key to sign with.
    pub fn sign(self, body: Value, signer: &Signer, now: DateTime<Utc>) -> Result<Signed, KeyError> {
        let id = Uuid::now_v7();
        let (in_reply_to, req_sha256) = self.reply_to.map_or((None, None), |(id, digest)| (Some(id), Some(digest)));
        let envelope = Envelope {
            iss: self.from.to_owned(),
            aud: self.to.to_owned(),
            jti: id,
            iat: now.timestamp(),
            exp: (now + GOOD_FOR).timestamp(),
            htm: self.place.map(|(method, _)| method.to_owned()),
            htu: self.place.map(|(_, path)| path.to_owned()),
            ver: VERSION.to_owned(),
            kind: self.kind.to_owned(),
            dirv: self.standing.0,
            stm: self.standing.1,
            corr: self.correlation,
            in_reply_to,
            req_sha256,
            crit: Vec::new(),
            body,
        };
        let text = signer.sign_at(MESSAGE_TYPE, &envelope, now)?;
        let digest = sha256(&[text.as_bytes()]);
        Ok(Signed { id, text, digest })
    }
}

/// The header of a compact JWS, as far as it is looked at.
#[derive(Deserialize)]
struct JwsHeader {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
    #[serde(default)]
    b64: Option<Value>,
}

/// The parts of a compact JWS of a type, before its signature is verified.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    /// The key that it names.
    pub kid: String,
    payload: Vec<u8>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// Takes a compact JWS apart; nothing when it is none of this type, signed with EdDSA.
    pub fn of(text: &'a str, typ: &str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if payload.contains('.') {
            return None;
        }
        let header: JwsHeader = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.alg != "EdDSA" || header.typ.as_deref() != Some(typ) || header.crit.is_some() || header.b64.is_some() {
            return None;
        }
        Some(Self {
            kid: header.kid?,
            payload: URL_SAFE_NO_PAD.decode(payload).ok()?,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// What it says, unverified.
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.payload).ok()
    }

    /// Whether a key signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.kid == self.kid
            && key.kty == "OKP"
            && key.crv == "Ed25519"
            && key
                .bytes()
                .is_some_and(|bytes| UnparsedPublicKey::new(&ED25519, bytes).verify(self.signed.as_bytes(), &self.signature).is_ok())
    }
}

/// Whether a key signed at a time, as far as clocks agree.
pub fn signs_at(key: &PublicKey, at: DateTime<Utc>) -> bool {
    let begun = key.signs_from().is_some_and(|from| at >= from - SKEW);
    // A time that cannot be read must not make a key good for ever.
    let ended = key.retired.is_some() && key.signs_until().is_none_or(|until| at > until + SKEW);
    begun && !ended
}

/// A message that is believed.
#[derive(Debug, Clone)]
pub struct Received {
    /// What it says.
    pub envelope: Envelope,
    /// The key that signed it.
    pub kid: String,
    /// SHA-256 of the compact JWS, hexadecimal.
    pub digest: String,
}

/// The sender that a message claims, before anything is believed: to look up the sender's keys.
pub fn claimed_sender(text: &str) -> Option<(String, String)> {
    let parts = Parts::of(text, MESSAGE_TYPE)?;
    let envelope: Envelope = parts.claims()?;
    Some((envelope.iss, parts.kid))
}

/// Verifies a message with its sender's keys: form, key, signature, receiver, moment, version.
///
/// # Errors
/// Why it is not believed.
pub fn verify(text: &str, own: &str, keys: &[PublicKey], now: DateTime<Utc>) -> Result<Received, MessageError> {
    let (received, key) = verify_signature(text, keys)?;
    let envelope = &received.envelope;
    if envelope.aud != own {
        return Err(MessageError::WrongReceiver);
    }
    let signed_at = DateTime::from_timestamp(envelope.iat, 0).ok_or(MessageError::Form)?;
    let expires = DateTime::from_timestamp(envelope.exp, 0).ok_or(MessageError::Form)?;
    // A moment at the end of time must not be added to: the sums below would overflow.
    let (from, until) = (now - GOOD_FOR - SKEW, now + GOOD_FOR + GOOD_FOR + SKEW);
    if signed_at < from || expires > until {
        return Err(MessageError::Stale);
    }
    if (now - signed_at).abs() > GOOD_FOR + SKEW || now > expires + SKEW || expires > signed_at + GOOD_FOR {
        return Err(MessageError::Stale);
    }
    if !signs_at(key, signed_at) {
        return Err(MessageError::Key);
    }
    if major(&envelope.ver) != major(VERSION) || !envelope.crit.is_empty() {
        return Err(MessageError::Unsupported);
    }
    Ok(received)
}

/// Verifies a message that was kept: form, key, signature, and that the key signed at that time. For evidence, years later.
///
/// # Errors
/// Why it is not believed.
pub fn verify_at_its_time(text: &str, keys: &[PublicKey]) -> Result<Received, MessageError> {
    let (received, key) = verify_signature(text, keys)?;
    let signed_at = DateTime::from_timestamp(received.envelope.iat, 0).ok_or(MessageError::Form)?;
    if signs_at(key, signed_at) { Ok(received) } else { Err(MessageError::Key) }
}

/// Verifies that a key signed a message, whatever it says and whenever that was: so far that its sender can be told what else is
/// wrong with it.
///
/// # Errors
/// [`MessageError::Form`], [`MessageError::Key`], [`MessageError::Signature`].
pub fn verify_signature<'k>(text: &str, keys: &'k [PublicKey]) -> Result<(Received, &'k PublicKey), MessageError> {
    if text.len() > LONGEST {
        return Err(MessageError::Form);
    }
    let parts = Parts::of(text, MESSAGE_TYPE).ok_or(MessageError::Form)?;
    let key = keys.iter().find(|key| key.kid == parts.kid).ok_or(MessageError::Key)?;
    if !parts.is_signed_by(key) {
        return Err(MessageError::Signature);
    }
    let envelope: Envelope = parts.claims().ok_or(MessageError::Form)?;
    Ok((Received { envelope, kid: parts.kid, digest: sha256(&[text.as_bytes()]) }, key))
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

impl Received {
    /// That it was signed for a place.
    ///
    /// # Errors
    /// [`MessageError::WrongPlace`].
    pub fn for_place(&self, method: &str, path: &str) -> Result<(), MessageError> {
        let is_for = self.envelope.htm.as_deref() == Some(method) && self.envelope.htu.as_deref() == Some(path);
        if is_for { Ok(()) } else { Err(MessageError::WrongPlace) }
    }

    /// That it answers a question.
    ///
    /// # Errors
    /// [`MessageError::NotInReply`].
    pub fn answers(&self, question: &Signed) -> Result<(), MessageError> {
        let is_answer =
            self.envelope.in_reply_to == Some(question.id) && self.envelope.req_sha256.as_deref() == Some(question.digest.as_str());
        if is_answer { Ok(()) } else { Err(MessageError::NotInReply) }
    }

    /// The body in its shape. Items that are not known are ignored, and counted in the log: a newer region may say more.
    ///
    /// # Errors
    /// [`MessageError::Body`].
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, MessageError> {
        let mut unknown = 0_usize;
        let body = serde_ignored::deserialize(&self.envelope.body, |_| unknown += 1).map_err(|_| MessageError::Body)?;
        if unknown > 0 {
            tracing::info!(
                peer = %self.envelope.iss,
                kind = %known_kind(&self.envelope.kind),
                items = unknown,
                "ignored items of a message that this version does not know"
            );
        }
        Ok(body)
    }
}

/// Kinds of messages.
pub mod kind {
    /// Is this child on your register?
    pub const QUESTION: &str = "check-question";
    /// What the register holds.
    pub const ANSWER: &str = "check-answer";
    /// Why there is no answer.
    pub const PROBLEM: &str = "problem";
    /// The directory in use.
    pub const DIRECTORY: &str = "directory";
    /// A request for the directory in use, or the sender's newer one.
    pub const ASK_DIRECTORY: &str = "directory-request";
    /// What an authority says of a child's custody to another.
    pub const CUSTODY: &str = "custody";
    /// That it is stored.
    pub const STORED: &str = "custody-stored";
    /// A statement that is kept: that custody was offered or taken over.
    pub const STATEMENT: &str = "custody-statement";
    /// What a region says of an alert to another.
    pub const ALERT: &str = "alert";
    /// What a region has open with another, as digests or rows; and the answer to it.
    pub const COMPARISON: &str = "comparison";
    /// That a person has read of a check.
    pub const READING: &str = "check-read";
    /// Every kind.
    pub const ALL: [&str; 11] =
        [QUESTION, ANSWER, PROBLEM, DIRECTORY, ASK_DIRECTORY, CUSTODY, STORED, STATEMENT, ALERT, COMPARISON, READING];
}

/// A kind as the log may repeat it.
pub fn known_kind(stated: &str) -> &'static str {
    kind::ALL.into_iter().find(|kind| *kind == stated).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::keys::KeyFolder;
    use serde_json::json;

    struct Region {
        folder: KeyFolder,
        signer: Signer,
    }

    impl Region {
        fn new(now: DateTime<Utc>) -> Self {
            let folder = KeyFolder::new(std::env::temp_dir().join(format!("cofrestr-message-{}", Uuid::now_v7())));
            folder.make_missing(now).unwrap();
            Self { signer: Signer::open(folder.clone()).unwrap(), folder }
        }

        fn keys(&self) -> Vec<PublicKey> {
            self.folder.public_keys().unwrap().keys
        }
    }

    impl Drop for Region {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.folder.path());
        }
    }

    fn outgoing<'a>() -> Outgoing<'a> {
        Outgoing {
            from: "gwent",
            to: "north-wales",
            kind: kind::QUESTION,
            place: Some(("POST", "/federation/v1/checks")),
            correlation: Uuid::now_v7(),
            reply_to: None,
            standing: (1, 1),
        }
    }

    #[test]
    fn a_message_is_bound_to_sender_receiver_moment_place_and_body() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let (gwent, other) = (Region::new(now), Region::new(now));
        let signed = outgoing().sign(json!({"a": 1}), &gwent.signer, now).unwrap();
        let read = |text: &str, own, keys: &[PublicKey], at| verify(text, own, keys, at).map(|_| ());
        assert_eq!(read(&signed.text, "north-wales", &gwent.keys(), now), Ok(()));
        let minutes = |minutes| now + TimeDelta::minutes(minutes);
        for (at, expected) in
            [(minutes(3), Ok(())), (minutes(-3), Ok(())), (minutes(4), Err(MessageError::Stale)), (minutes(-10), Err(MessageError::Stale))]
        {
            assert_eq!(read(&signed.text, "north-wales", &gwent.keys(), at), expected, "{at}");
        }
        // However far away a moment is that somebody signs: it is stale, and nothing comes to a stop.
        let envelope = &verify(&signed.text, "north-wales", &gwent.keys(), now).unwrap().envelope;
        let (first, last) = (DateTime::<Utc>::MIN_UTC.timestamp(), DateTime::<Utc>::MAX_UTC.timestamp());
        for (iat, exp) in
            [(first, envelope.exp), (last, envelope.exp), (envelope.iat, first), (envelope.iat, last), (first, last), (last, last)]
        {
            let extreme = gwent.signer.sign_at(MESSAGE_TYPE, &Envelope { iat, exp, ..envelope.clone() }, now).unwrap();
            assert_eq!(read(&extreme, "north-wales", &gwent.keys(), now), Err(MessageError::Stale), "{iat} to {exp}");
        }
        assert_eq!(read(&signed.text, "powys", &gwent.keys(), now), Err(MessageError::WrongReceiver));
        assert_eq!(read(&signed.text, "north-wales", &other.keys(), now), Err(MessageError::Key));
        let mut forged = other.keys();
        forged[0].kid = gwent.keys()[0].kid.clone();
        assert_eq!(read(&signed.text, "north-wales", &forged, now), Err(MessageError::Signature));
        for place in 0..signed.text.len() {
            let mut changed = signed.text.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert!(read(&String::from_utf8(changed).unwrap(), "north-wales", &gwent.keys(), now).is_err(), "character {place}");
        }
        let received = verify(&signed.text, "north-wales", &gwent.keys(), now).unwrap();
        assert_eq!(received.for_place("POST", "/federation/v1/checks"), Ok(()));
        assert_eq!(received.for_place("POST", "/federation/v1/directory"), Err(MessageError::WrongPlace));
    }

    #[test]
    fn an_answer_is_bound_to_its_question() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let region = Region::new(now);
        let one = outgoing().sign(json!({"n": 1}), &region.signer, now).unwrap();
        let two = outgoing().sign(json!({"n": 2}), &region.signer, now).unwrap();
        let answer = Outgoing { place: None, kind: kind::ANSWER, reply_to: Some((one.id, one.digest.clone())), ..outgoing() };
        let answer = answer.sign(json!({}), &region.signer, now).unwrap();
        let received = verify(&answer.text, "north-wales", &region.keys(), now).unwrap();
        assert_eq!(received.answers(&one), Ok(()));
        assert_eq!(received.answers(&two), Err(MessageError::NotInReply));
    }

    #[test]
    fn another_kind_of_token_is_no_message_and_a_newer_version_is_not_guessed_at() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let region = Region::new(now);
        let message = outgoing().sign(json!({"a": 1, "newer": {"b": 2}}), &region.signer, now).unwrap();
        let received = verify(&message.text, "north-wales", &region.keys(), now).unwrap();
        let mut envelope = received.envelope.clone();
        let resign = |envelope: &Envelope, typ| region.signer.sign_at(typ, envelope, now).unwrap();
        let check = |text: &str| verify(text, "north-wales", &region.keys(), now).map(|_| ());
        assert_eq!(check(&resign(&envelope, "cofrestr-receipt+jwt")), Err(MessageError::Form));
        envelope.ver = "1.9".into();
        assert_eq!(check(&resign(&envelope, MESSAGE_TYPE)), Ok(()), "a minor version newer");
        envelope.ver = "2.0".into();
        assert_eq!(check(&resign(&envelope, MESSAGE_TYPE)), Err(MessageError::Unsupported));
        envelope.ver = "1.1".into();
        envelope.crit = vec!["new".into()];
        assert_eq!(check(&resign(&envelope, MESSAGE_TYPE)), Err(MessageError::Unsupported));

        #[derive(Deserialize)]
        struct Body {
            a: u8,
        }
        assert_eq!(received.body::<Body>().unwrap().a, 1, "what is not known is ignored");
    }
}
