//! Sessions of people who use the pages: a secret in a cookie, everything else in the database.
//!
//! ```text
//! secret (cookie) ─▶ digest ─▶ the row          whoever reads the table has no secret
//!                └─▶ key ────▶ the sealed token  and no token
//!                └─▶ mark ───▶ in every form     and whoever makes a form elsewhere does not know the mark
//! ```

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};

use super::RegisterError;
use crate::store::sessions::{self as rows, SessionRow, SignInRow};
use crate::store::{Store, StoreError, Tx};

/// How long somebody may stay away at the identity provider, in minutes: time to find the telephone with the second factor.
const AWAY: TimeDelta = TimeDelta::minutes(15);
/// How many ended sessions are taken away when one begins, and how many who never came back.
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

    fn key(&self, sealed: Sealed) -> Result<RandomizedNonceKey, StoreError> {
        let purpose = match sealed {
            Sealed::Token => "cofrestr token",
            Sealed::Kept => "cofrestr kept",
            Sealed::SignIn => "cofrestr sign-in",
        };
        RandomizedNonceKey::new(&AES_256_GCM, self.derived(purpose).as_ref()).map_err(|_| StoreError::Corrupt("session"))
    }

    fn seal(&self, what: Sealed, text: &str) -> Result<String, StoreError> {
        let mut sealed = text.as_bytes().to_vec();
        let nonce = self.key(what)?.seal_in_place_append_tag(Aad::empty(), &mut sealed).map_err(|_| StoreError::Corrupt("session"))?;
        Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(nonce.as_ref()), URL_SAFE_NO_PAD.encode(sealed)))
    }

    fn open(&self, what: Sealed, sealed: &str) -> Option<String> {
        let (nonce, sealed) = sealed.split_once('.')?;
        let nonce = Nonce::try_assume_unique_for_key(&URL_SAFE_NO_PAD.decode(nonce).ok()?).ok()?;
        let mut sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let text = self.key(what).ok()?.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

/// What is sealed with a secret: each with a key of its own.
#[derive(Debug, Clone, Copy)]
enum Sealed {
    /// What is used for somebody who is signed in.
    Token,
    /// What was typed when the session before ended.
    Kept,
    /// What must be the same when somebody comes back from the identity provider.
    SignIn,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct Lasts {
    /// However much is done in it.
    pub longest: TimeDelta,
    /// While nobody does anything.
    pub idle: TimeDelta,
}

/// Begins a session in which `token` is used, in the place of `before`. `kept` is what was typed when that one ended.
///
/// # Errors
/// When the database fails.
pub fn begin(
    tx: &mut Tx<'_>,
    secret: &Secret,
    token: &str,
    lasts: Lasts,
    kept: Option<&str>,
    before: Option<&Secret>,
) -> Result<(), RegisterError> {
    let now = tx.wall();
    if let Some(before) = before {
        end(tx, before)?;
    }
    rows::forget_ended(tx.connection, now, FORGOTTEN_AT_ONCE)?;
    let row = SessionRow {
        digest: secret.digest(),
        sealed_token: secret.seal(Sealed::Token, token)?,
        ends_at: (now + lasts.longest).into(),
        began_at: Some(now.into()),
        idle_ends_at: Some((now + lasts.idle).into()),
        sealed_kept: kept.map(|kept| secret.seal(Sealed::Kept, kept)).transpose()?,
    };
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

/// A session that has not ended.
pub struct Open {
    /// The token that is used in it.
    pub token: String,
    /// What was typed when the one before ended.
    pub kept: Option<String>,
    /// When it began.
    pub began_at: Option<DateTime<Utc>>,
    /// Until when it may rest.
    pub idle_ends_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Open([secret])")
    }
}

/// Opens a session that has not ended.
pub fn open(row: &SessionRow, secret: &Secret, now: DateTime<Utc>) -> Option<Open> {
    let idle_ends_at = row.idle_ends_at.map(|at| at.get());
    if now >= row.ends_at.get() || idle_ends_at.is_some_and(|at| now >= at) {
        return None;
    }
    Some(Open {
        token: secret.open(Sealed::Token, &row.sealed_token)?,
        kept: row.sealed_kept.as_ref().and_then(|kept| secret.open(Sealed::Kept, kept)),
        began_at: row.began_at.map(|at| at.get()),
        idle_ends_at,
    })
}

/// Keeps what must be the same when somebody comes back with `state`, for the browser that holds `secret` alone.
///
/// # Errors
/// When the database fails.
pub async fn go_away(store: &Store, secret: &Secret, state: &str, what: &str) -> Result<(), StoreError> {
    let ends_at = (store.clock().wall() + AWAY).into();
    let row = SignInRow { digest: digest_of_state(state), sealed: secret.seal(Sealed::SignIn, what)?, ends_at };
    store.keep_sign_in(row, FORGOTTEN_AT_ONCE).await
}

/// What was kept for whoever comes back with `state`: once, in time, and to the same browser.
///
/// # Errors
/// When the database fails.
pub async fn come_back(store: &Store, secret: &Secret, state: &str) -> Result<Option<String>, StoreError> {
    let now = store.clock().wall();
    let row = store.take_sign_in(digest_of_state(state)).await?;
    Ok(row.filter(|row| now < row.ends_at.get()).and_then(|row| secret.open(Sealed::SignIn, &row.sealed)))
}

fn digest_of_state(state: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, state.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_opens_what_it_sealed_and_what_is_made_of_it_differs() {
        let (secret, other) = (Secret::new().expect("a secret"), Secret::new().expect("a secret"));
        let sealed = secret.seal(Sealed::Token, "a token").expect("sealed");
        assert!(!sealed.contains("token") && secret.seal(Sealed::Token, "a token").expect("sealed") != sealed);
        assert_eq!(secret.open(Sealed::Token, &sealed).as_deref(), Some("a token"));
        assert_eq!(other.open(Sealed::Token, &sealed), None);
        assert_eq!(secret.open(Sealed::Kept, &sealed), None, "what is sealed for one purpose opens for no other");
        assert_eq!(secret.open(Sealed::Token, "nonsense"), None);
        assert_eq!(Secret::read(&secret.expose()), Some(secret.clone()));
        assert_eq!(Secret::read("too short"), None);
        assert!(secret.marked(&secret.mark()) && !secret.marked(&other.mark()) && !secret.marked(""));
        assert!(secret.mark() != secret.digest() && secret.mark() != secret.expose());
    }

    #[test]
    fn a_session_opens_until_its_end_or_until_nobody_is_at_it() {
        let secret = Secret::new().expect("a secret");
        let end: DateTime<Utc> = "2026-11-22T03:10:00Z".parse().expect("an instant");
        let moment = TimeDelta::microseconds(1);
        let row = |idle: Option<DateTime<Utc>>| SessionRow {
            digest: secret.digest(),
            sealed_token: secret.seal(Sealed::Token, "t").expect("sealed"),
            ends_at: end.into(),
            began_at: None,
            idle_ends_at: idle.map(Into::into),
            sealed_kept: Some(secret.seal(Sealed::Kept, "k").expect("sealed")),
        };
        let opened = |row: &SessionRow, at| open(row, &secret, at).map(|open| (open.token, open.kept));
        let both = Some(("t".to_owned(), Some("k".to_owned())));
        for (idle, at, expected) in [
            (None, end - moment, both.clone()),
            (None, end, None),
            (Some(end - TimeDelta::minutes(5)), end - TimeDelta::minutes(5) - moment, both.clone()),
            (Some(end - TimeDelta::minutes(5)), end - TimeDelta::minutes(5), None),
            (Some(end + TimeDelta::minutes(5)), end, None),
        ] {
            assert_eq!(opened(&row(idle), at), expected, "{idle:?} {at}");
        }
    }
}
