//! Sessions of people who use the pages: a secret in a cookie, everything else in the database.
//!
//! ```text
//! secret (cookie) ─▶ digest ─▶ the row          whoever reads the table has no secret
//!                └─▶ key ────▶ the sealed token  and no token
//!                └─▶ mark ───▶ in every form     and whoever makes a form elsewhere does not know the mark
//! ```

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};

use super::RegisterError;
use crate::store::sessions::{self as rows, SessionRow};
use crate::store::{StoreError, Tx};

/// How long a session lasts: an hour. Long enough for a call with everything that follows from it, short enough for a terminal
/// that was left; what is typed when it ends is kept.
pub const LASTS: TimeDelta = TimeDelta::minutes(60);
/// How many ended sessions are taken away when one begins.
const FORGOTTEN_AT_ONCE: i64 = 100;
/// Bytes of a secret: nobody guesses 256 bits.
const SECRET_BYTES: usize = 32;

/// What the cookie of a session holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([secret])")
    }
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers: a defect.
    pub fn new() -> Result<Self, StoreError> {
        let mut bytes = [0; SECRET_BYTES];
        rand::fill(&mut bytes).map_err(|_| StoreError::Corrupt("random numbers"))?;
        Ok(Self(bytes))
    }

    /// The secret in a cookie; nothing when it is none.
    pub fn read(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// As the cookie holds it.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// One of the values that are made from it; none of them tells of another.
    fn derived(&self, purpose: &str) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), purpose.as_bytes())
    }

    /// Under which its session is found.
    pub fn digest(&self) -> String {
        hex::encode(self.derived("cofrestr session"))
    }

    /// What stands in every form of the session, so that a form from elsewhere is noticed.
    pub fn mark(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.derived("cofrestr form"))
    }

    /// Whether a form has the mark of this session.
    pub fn marked(&self, mark: &str) -> bool {
        constant_time::verify_slices_are_equal(self.mark().as_bytes(), mark.as_bytes()).is_ok()
    }

    fn key(&self) -> Result<RandomizedNonceKey, StoreError> {
        RandomizedNonceKey::new(&AES_256_GCM, self.derived("cofrestr token").as_ref()).map_err(|_| StoreError::Corrupt("session"))
    }

    fn seal(&self, token: &str) -> Result<String, StoreError> {
        let mut sealed = token.as_bytes().to_vec();
        let nonce = self.key()?.seal_in_place_append_tag(Aad::empty(), &mut sealed).map_err(|_| StoreError::Corrupt("session"))?;
        Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(nonce.as_ref()), URL_SAFE_NO_PAD.encode(sealed)))
    }

    fn open(&self, sealed: &str) -> Option<String> {
        let (nonce, sealed) = sealed.split_once('.')?;
        let nonce = Nonce::try_assume_unique_for_key(&URL_SAFE_NO_PAD.decode(nonce).ok()?).ok()?;
        let mut sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let token = self.key().ok()?.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        String::from_utf8(token.to_vec()).ok()
    }
}

/// Begins a session in which `token` is used.
///
/// # Errors
/// When the database fails.
pub fn begin(tx: &mut Tx<'_>, secret: &Secret, token: &str) -> Result<(), RegisterError> {
    let now = tx.wall();
    rows::forget_ended(tx.connection, now, FORGOTTEN_AT_ONCE)?;
    let row = SessionRow { digest: secret.digest(), sealed_token: secret.seal(token)?, ends_at: (now + LASTS).into() };
    row.insert(tx.connection)?;
    Ok(())
}

/// Ends a session: its cookie opens nothing any more.
///
/// # Errors
/// When the database fails.
pub fn end(tx: &mut Tx<'_>, secret: &Secret) -> Result<(), RegisterError> {
    Ok(rows::remove(tx.connection, &secret.digest())?)
}

/// The token of a session that has not ended.
pub fn token(row: &SessionRow, secret: &Secret, now: DateTime<Utc>) -> Option<String> {
    if now < row.ends_at.get() { secret.open(&row.sealed_token) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_opens_what_it_sealed_and_what_is_made_of_it_differs() {
        let (secret, other) = (Secret::new().expect("a secret"), Secret::new().expect("a secret"));
        let sealed = secret.seal("a token").expect("sealed");
        assert!(!sealed.contains("token") && secret.seal("a token").expect("sealed") != sealed);
        assert_eq!(secret.open(&sealed).as_deref(), Some("a token"));
        assert_eq!(other.open(&sealed), None);
        assert_eq!(secret.open("nonsense"), None);
        assert_eq!(Secret::read(&secret.expose()), Some(secret.clone()));
        assert_eq!(Secret::read("too short"), None);
        assert!(secret.marked(&secret.mark()) && !secret.marked(&other.mark()) && !secret.marked(""));
        assert!(secret.mark() != secret.digest() && secret.mark() != secret.expose());
    }

    #[test]
    fn a_session_opens_until_its_end() {
        let secret = Secret::new().expect("a secret");
        let end: DateTime<Utc> = "2026-11-22T03:10:00Z".parse().expect("an instant");
        let row = SessionRow { digest: secret.digest(), sealed_token: secret.seal("t").expect("sealed"), ends_at: end.into() };
        assert_eq!(token(&row, &secret, end - TimeDelta::microseconds(1)).as_deref(), Some("t"));
        assert_eq!(token(&row, &secret, end), None);
    }
}
