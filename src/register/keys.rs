//! The region's signing keys, in a folder: one Ed25519 key in use, older ones kept so that what they signed can be verified
//! for ever. A key of its own signs the checkpoints of the audit log. Also the matcher's secret.
//!
//! ```text
//! keys/
//!   signing/<kid>.pem     private key, PKCS#8, readable by the server alone
//!   log/<kid>.pem         the same for the audit log
//!   tls/<spki>.pem        certificate and private key with which the region meets other regions
//!   public.json           every public key with the time from which and to which it signed (a JSON Web Key Set; the keys of
//!                         the audit log stand beside it, as `log`)
//!   matcher.secret        sixteen random bytes, hexadecimal
//! ```
//!
//! A key is `next` while it is published and does not sign yet, then `current`, then `retired`. Which it is depends on the
//! time alone: [`KeyFolder::rotate`] publishes the next key some minutes before it signs, so that every server has taken it up
//! and every verifier can have fetched it, and at that time all servers go over to it by themselves. Nothing is restarted.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use super::webhooks::signing::WebhookSecrets;
use crate::store::clock::Clock;
use crate::store::merkle::Hash;
use crate::store::note::{self, Checkpoint};

/// How long a key is published before it signs: servers look into the folder every half minute, and a verifier that keeps a
/// key set for a minute has the new one in time.
pub const PUBLISHED_BEFORE: TimeDelta = TimeDelta::minutes(2);

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{0} does not hold what it should")]
    Damaged(PathBuf),
    /// There is no key to sign with.
    #[error("there is no signing key in {0}; make one with `cofrestr keys make`")]
    None(PathBuf),
    /// There is no key with this identifier.
    #[error("there is no key {0}")]
    Unknown(String),
    /// The key in use cannot be retired, nor the one after it.
    #[error("key {0} is in use, or will be; rotate first")]
    InUse(String),
    /// The next key is published already.
    #[error("key {0} is published and will sign from {1}; rotate again after that")]
    Published(String, String),
    /// The random source or the signature failed.
    #[error("cryptography failed")]
    Cryptography,
}

/// A public key and when it signed.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct PublicKey {
    /// Key type: always `OKP`.
    pub kty: String,
    /// Curve: always `Ed25519`.
    pub crv: String,
    /// Algorithm: always `EdDSA`.
    pub alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Key identifier: the start of the key's thumbprint.
    pub kid: String,
    /// The key.
    pub x: String,
    /// From when it signed (RFC 3339).
    pub nbf: String,
    /// Until when it signed; absent for the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retired: Option<String>,
}

/// What a key is at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Published, and does not sign yet.
    Next,
    /// It signs.
    Current,
    /// It signs no more; what it signed stays verifiable.
    Retired,
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc))
}

impl PublicKey {
    /// From when it signs; nothing when that cannot be read.
    pub fn signs_from(&self) -> Option<DateTime<Utc>> {
        instant(&self.nbf)
    }

    /// Until when it signs; nothing when it is the last one, or that cannot be read.
    pub fn signs_until(&self) -> Option<DateTime<Utc>> {
        self.retired.as_deref().and_then(instant)
    }

    /// What it is at an instant.
    pub fn state(&self, at: DateTime<Utc>) -> KeyState {
        if self.signs_until().is_some_and(|until| until <= at) {
            KeyState::Retired
        } else if self.signs_from().is_none_or(|from| from > at) {
            KeyState::Next
        } else {
            KeyState::Current
        }
    }

    /// The key itself, 32 bytes; nothing when it is damaged.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(&self.x).ok().filter(|bytes| bytes.len() == 32)
    }
}

/// The public keys as a JSON Web Key Set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct PublicKeys {
    /// Newest first.
    pub keys: Vec<PublicKey>,
    /// The keys of the audit log, newest first: they sign checkpoints and nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<PublicKey>,
    /// The keys of the certificates with which the region meets other regions, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tls: Vec<TlsKey>,
}

/// The key of a certificate, as others pin it.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct TlsKey {
    /// SHA-256 of the certificate's public key (SubjectPublicKeyInfo, DER), hexadecimal.
    pub spki: String,
    /// From when it is used (RFC 3339). It is accepted from the moment it is published.
    pub nbf: String,
    /// When the certificate runs out (RFC 3339).
    pub exp: String,
    /// Until when it was used; absent for the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retired: Option<String>,
}

/// How long a key of a certificate is still accepted after another took its place: servers go over within half a minute, and
/// connections that are open are kept for some minutes.
const TLS_OVERLAP: TimeDelta = TimeDelta::minutes(10);

impl TlsKey {
    /// Whether a connection with it is accepted at an instant.
    pub fn is_good_at(&self, at: DateTime<Utc>) -> bool {
        let ended = self.retired.is_some() && self.retired.as_deref().and_then(instant).is_none_or(|until| at > until + TLS_OVERLAP);
        let run_out = instant(&self.exp).is_none_or(|until| at > until);
        !ended && !run_out
    }
}

/// The public key of the directory's keeper, from what regions pin.
pub fn directory_key(x: &str) -> PublicKey {
    PublicKey {
        kty: "OKP".into(),
        crv: "Ed25519".into(),
        alg: "EdDSA".into(),
        usage: "sig".into(),
        kid: thumbprint(x),
        x: x.to_owned(),
        nbf: "1970-01-01T00:00:00Z".into(),
        retired: None,
    }
}

/// A certificate with its private key, both in DER.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// The private key, PKCS#8.
    pub key: Vec<u8>,
    /// SHA-256 of its public key, hexadecimal.
    pub spki: String,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").field("spki", &self.spki).finish_non_exhaustive()
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Signing,
    Log,
}

impl Purpose {
    fn folder(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Log => "log",
        }
    }

    fn of(self, keys: &mut PublicKeys) -> &mut Vec<PublicKey> {
        match self {
            Self::Signing => &mut keys.keys,
            Self::Log => &mut keys.log,
        }
    }
}

/// The key folder.
#[derive(Debug, Clone)]
pub struct KeyFolder(PathBuf);

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> KeyError + '_ {
    move |source| KeyError::File { path: path.to_owned(), source }
}

/// Writes a file whole or not at all; private ones are readable by their owner alone.
fn write_whole(path: &Path, bytes: &[u8], private: bool) -> Result<(), KeyError> {
    let fresh = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&fresh).map_err(file_error(&fresh))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(file_error(&fresh))?;
    fs::rename(&fresh, path).map_err(file_error(path))
}

impl KeyFolder {
    /// The folder at a path; it need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn public_path(&self) -> PathBuf {
        self.0.join("public.json")
    }

    fn private_path(&self, purpose: Purpose, kid: &str) -> PathBuf {
        self.0.join(purpose.folder()).join(format!("{kid}.pem"))
    }

    /// The public keys, newest first; none when the folder is new.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn public_keys(&self) -> Result<PublicKeys, KeyError> {
        let path = self.public_path();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| KeyError::Damaged(path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(PublicKeys::default()),
            Err(error) => Err(file_error(&path)(error)),
        }
    }

    /// Makes what is missing: a signing key, a key of the audit log, the matcher's secret.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn make_missing(&self, now: DateTime<Utc>) -> Result<(), KeyError> {
        let public = self.public_keys()?;
        if public.keys.is_empty() {
            self.add(Purpose::Signing, now)?;
        }
        if public.log.is_empty() {
            self.add(Purpose::Log, now)?;
        }
        let path = self.0.join("matcher.secret");
        if !path.exists() {
            let mut secret = [0; 16];
            SystemRandom::new().fill(&mut secret).map_err(|_| KeyError::Cryptography)?;
            write_whole(&path, hex::encode(secret).as_bytes(), true)?;
        }
        Ok(())
    }

    /// Makes the next signing key and publishes it. In [`PUBLISHED_BEFORE`] it signs and the present one no more; running
    /// servers go over by themselves.
    ///
    /// # Errors
    /// [`KeyError::Published`] while there is a next key already; when the folder cannot be written.
    pub fn rotate(&self, now: DateTime<Utc>) -> Result<PublicKey, KeyError> {
        let first = self.public_keys()?.keys.is_empty();
        self.rotate_from(now, if first { now } else { now + PUBLISHED_BEFORE })
    }

    /// The same with another time from which it signs: at once, for a key that is no longer safe.
    ///
    /// # Errors
    /// As [`Self::rotate`].
    pub fn rotate_from(&self, now: DateTime<Utc>, from: DateTime<Utc>) -> Result<PublicKey, KeyError> {
        self.none_published(&self.public_keys()?.keys, now)?;
        self.add(Purpose::Signing, from)
    }

    /// The same for the key of the audit log.
    ///
    /// # Errors
    /// As [`Self::rotate`].
    pub fn rotate_log(&self, now: DateTime<Utc>) -> Result<PublicKey, KeyError> {
        let keys = self.public_keys()?.log;
        self.none_published(&keys, now)?;
        self.add(Purpose::Log, if keys.is_empty() { now } else { now + PUBLISHED_BEFORE })
    }

    fn none_published(&self, keys: &[PublicKey], now: DateTime<Utc>) -> Result<(), KeyError> {
        match keys.iter().find(|key| key.state(now) == KeyState::Next) {
            Some(next) => Err(KeyError::Published(next.kid.clone(), next.nbf.clone())),
            None => Ok(()),
        }
    }

    fn add(&self, purpose: Purpose, from: DateTime<Utc>) -> Result<PublicKey, KeyError> {
        let folder = self.0.join(purpose.folder());
        fs::create_dir_all(&folder).map_err(file_error(&folder))?;
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Cryptography)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let kid = thumbprint(&x);
        let document = pair.to_pkcs8().map_err(|_| KeyError::Cryptography)?;
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(document.as_ref()));
        write_whole(&self.private_path(purpose, &kid), pem.as_bytes(), true)?;
        let at = from.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut public = self.public_keys()?;
        let keys = purpose.of(&mut public);
        for key in keys.iter_mut() {
            key.retired.get_or_insert_with(|| at.clone());
        }
        let key = PublicKey {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            alg: "EdDSA".into(),
            usage: "sig".into(),
            kid,
            x,
            nbf: at,
            retired: None,
        };
        keys.insert(0, key.clone());
        self.write_public(&public)?;
        Ok(key)
    }

    /// Destroys the private half of a key that is no longer in use. Its public half stays, for what it signed.
    ///
    /// # Errors
    /// When there is no such key, or it is in use.
    pub fn retire(&self, kid: &str) -> Result<(), KeyError> {
        self.retire_at(kid, Clock::default().wall())
    }

    /// The same at an instant.
    ///
    /// # Errors
    /// As [`Self::retire`].
    pub fn retire_at(&self, kid: &str, now: DateTime<Utc>) -> Result<(), KeyError> {
        let public = self.public_keys()?;
        let found = |keys: &[PublicKey], purpose| keys.iter().find(|key| key.kid == kid).map(|key| (purpose, key.state(now)));
        let (purpose, state) = found(&public.keys, Purpose::Signing)
            .or_else(|| found(&public.log, Purpose::Log))
            .ok_or_else(|| KeyError::Unknown(kid.to_owned()))?;
        if state != KeyState::Retired {
            return Err(KeyError::InUse(kid.to_owned()));
        }
        let path = self.private_path(purpose, kid);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error(&path)(error)),
            _ => Ok(()),
        }
    }

    fn write_public(&self, keys: &PublicKeys) -> Result<(), KeyError> {
        let bytes = serde_json::to_vec_pretty(keys).map_err(|_| KeyError::Cryptography)?;
        write_whole(&self.public_path(), &bytes, false)
    }

    fn tls_path(&self, spki: &str) -> PathBuf {
        self.0.join("tls").join(format!("{spki}.pem"))
    }

    /// Makes a certificate for meeting other regions, unless there is one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn make_missing_tls(&self, region: &str, now: DateTime<Utc>) -> Result<(), KeyError> {
        if self.public_keys()?.tls.is_empty() { self.add_tls(region, now, now, CERTIFICATE_DAYS).map(|_| ()) } else { Ok(()) }
    }

    /// Makes the next certificate and publishes its key. It is used some minutes later, when every region can have it; running
    /// servers go over by themselves.
    ///
    /// # Errors
    /// [`KeyError::Published`] while there is a next one already; when the folder cannot be written.
    pub fn rotate_tls(&self, region: &str, now: DateTime<Utc>) -> Result<TlsKey, KeyError> {
        let keys = self.public_keys()?.tls;
        if let Some(next) = keys.iter().find(|key| instant(&key.nbf).is_some_and(|from| from > now)) {
            return Err(KeyError::Published(next.spki.clone(), next.nbf.clone()));
        }
        self.add_tls(region, now, if keys.is_empty() { now } else { now + PUBLISHED_BEFORE }, CERTIFICATE_DAYS)
    }

    /// The same with another validity, in days: a certificate that has run out already, for tests of what others make of it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn add_tls(&self, region: &str, now: DateTime<Utc>, from: DateTime<Utc>, days: i64) -> Result<TlsKey, KeyError> {
        let (certificate, pem) = certificate(region, now, days).ok_or(KeyError::Cryptography)?;
        let folder = self.0.join("tls");
        fs::create_dir_all(&folder).map_err(file_error(&folder))?;
        write_whole(&self.tls_path(&certificate.spki), pem.as_bytes(), true)?;
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut public = self.public_keys()?;
        for key in &mut public.tls {
            key.retired.get_or_insert_with(|| text(from));
        }
        let key = TlsKey { spki: certificate.spki, nbf: text(from), exp: text(midnight(now + TimeDelta::days(days))), retired: None };
        public.tls.insert(0, key.clone());
        self.write_public(&public)?;
        Ok(key)
    }

    /// The certificate in use at an instant.
    ///
    /// # Errors
    /// When there is none or it is damaged.
    pub fn tls_identity(&self, now: DateTime<Utc>) -> Result<TlsIdentity, KeyError> {
        let keys = self.public_keys()?.tls;
        let used = |key: &&TlsKey| instant(&key.nbf).is_some_and(|from| from <= now);
        let key = keys.iter().find(used).ok_or_else(|| KeyError::None(self.0.join("tls")))?;
        let path = self.tls_path(&key.spki);
        let pem = fs::read_to_string(&path).map_err(file_error(&path))?;
        let part = |label: &str| {
            let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
            let (body, _) = rest.split_once("-----END")?;
            STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
        };
        let (Some(certificate), Some(private)) = (part("CERTIFICATE"), part("PRIVATE KEY")) else { return Err(KeyError::Damaged(path)) };
        Ok(TlsIdentity { certificate, key: private, spki: key.spki.clone() })
    }

    /// The matcher's secret.
    ///
    /// # Errors
    /// When there is none or it is damaged.
    pub fn matcher_secret(&self) -> Result<[u8; 16], KeyError> {
        let path = self.0.join("matcher.secret");
        let text = fs::read_to_string(&path).map_err(file_error(&path))?;
        let bytes = hex::decode(text.trim()).map_err(|_| KeyError::Damaged(path.clone()))?;
        bytes.try_into().map_err(|_| KeyError::Damaged(path))
    }

    /// The private keys that are there, each with its public half.
    fn private<T>(&self, purpose: Purpose, keys: &[PublicKey], read: impl Fn(&str) -> Option<T>) -> Result<Vec<(PublicKey, T)>, KeyError> {
        let mut found = Vec::new();
        for key in keys {
            let path = self.private_path(purpose, &key.kid);
            match fs::read_to_string(&path) {
                Ok(pem) => found.push((key.clone(), read(&pem).ok_or(KeyError::Damaged(path))?)),
                // A retired key whose private half was destroyed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(file_error(&path)(error)),
            }
        }
        if found.iter().any(|(key, _)| key.retired.is_none()) { Ok(found) } else { Err(KeyError::None(self.0.clone())) }
    }

    fn signing_keys(&self) -> Result<InUse, KeyError> {
        let public = self.public_keys()?;
        let keys = self.private(Purpose::Signing, &public.keys, |pem| EncodingKey::from_ed_pem(pem.as_bytes()).ok())?;
        Ok(InUse { keys, public })
    }

    fn log_keys(&self) -> Result<Vec<(PublicKey, Ed25519KeyPair)>, KeyError> {
        self.private(Purpose::Log, &self.public_keys()?.log, |pem| {
            let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
            Ed25519KeyPair::from_pkcs8(&STANDARD.decode(base64).ok()?).ok()
        })
    }
}

/// How long a certificate is good for: a verifier takes none for longer than 400 days.
const CERTIFICATE_DAYS: i64 = 395;

/// The midnight at which a day begins: certificates begin and run out then.
fn midnight(at: DateTime<Utc>) -> DateTime<Utc> {
    at.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
}

/// A certificate that vouches for nothing but its own key: the directory says whose it is.
fn certificate(region: &str, now: DateTime<Utc>, days: i64) -> Option<(TlsIdentity, String)> {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).ok()?;
    let mut parameters = rcgen::CertificateParams::new(vec![format!("{region}.cofrestr.invalid")]).ok()?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, format!("cofrestr region {region}"));
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let day = |at: DateTime<Utc>| {
        let date = at.date_naive();
        rcgen::date_time_ymd(chrono::Datelike::year(&date), chrono::Datelike::month(&date) as u8, chrono::Datelike::day(&date) as u8)
    };
    parameters.not_before = day(now - TimeDelta::days(2) + TimeDelta::days(days.min(0)));
    parameters.not_after = day(now + TimeDelta::days(days));
    let certificate = parameters.self_signed(&pair).ok()?;
    let spki = hex::encode(digest::digest(&digest::SHA256, &rcgen::PublicKeyData::subject_public_key_info(&pair)).as_ref());
    let pem = format!("{}{}", certificate.pem(), pair.serialize_pem());
    Some((TlsIdentity { certificate: certificate.der().to_vec(), key: pair.serialize_der(), spki }, pem))
}

/// The key that signs at an instant: the newest that is current.
fn signing<T>(keys: &[(PublicKey, T)], at: DateTime<Utc>) -> Option<&(PublicKey, T)> {
    keys.iter().filter(|(key, _)| key.state(at) == KeyState::Current).max_by_key(|(key, _)| key.signs_from())
}

/// The identifier of a key: the first sixteen characters of its RFC 7638 thumbprint.
fn thumbprint(x: &str) -> String {
    let canonical = format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{x}\"}}");
    let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref()).chars().take(16).collect()
}

struct InUse {
    keys: Vec<(PublicKey, EncodingKey)>,
    public: PublicKeys,
}

/// Signs with the key whose time it is, and takes up a new one when the folder has one.
pub struct Signer {
    folder: KeyFolder,
    in_use: RwLock<InUse>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("folder", &self.folder.0).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer for a key folder.
    ///
    /// # Errors
    /// When there is no usable key.
    pub fn open(folder: KeyFolder) -> Result<Self, KeyError> {
        let in_use = folder.signing_keys()?;
        Ok(Self { folder, in_use: RwLock::new(in_use) })
    }

    /// What follows from the region's secret for those to whom events are sent.
    ///
    /// # Errors
    /// When the folder has no such secret.
    pub fn webhook_secrets(&self) -> Result<WebhookSecrets, KeyError> {
        WebhookSecrets::of(&self.folder.matcher_secret()?).map_err(|_| KeyError::Cryptography)
    }

    /// Looks into the folder again. What cannot be read leaves the present keys in use.
    ///
    /// # Errors
    /// When there is no usable key.
    pub fn refresh(&self) -> Result<(), KeyError> {
        let fresh = self.folder.signing_keys()?;
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The public keys, newest first.
    pub fn public_keys(&self) -> PublicKeys {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).public.clone()
    }

    /// The public keys by which a short-lived token that was signed up to `lifetime` ago may be verified at an instant. Receipts
    /// are verified by every key that ever signed; a token is not: whoever destroys the private half of a key ends its tokens.
    pub fn token_keys(&self, at: DateTime<Utc>, lifetime: TimeDelta) -> PublicKeys {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let signed_lately = |key: &PublicKey| match key.state(at) {
            KeyState::Next => false,
            KeyState::Current => true,
            KeyState::Retired => key.signs_until().is_some_and(|until| at < until + lifetime),
        };
        let keys = in_use.keys.iter().map(|(key, _)| key).filter(|key| signed_lately(key)).cloned().collect();
        PublicKeys { keys, log: Vec::new(), tls: Vec::new() }
    }

    /// Signs claims as a compact JWS of a given type.
    ///
    /// # Errors
    /// When no key signs now, or the claims cannot be written.
    pub fn sign<T: Serialize>(&self, kind: &str, claims: &T) -> Result<String, KeyError> {
        self.sign_at(kind, claims, Clock::default().wall())
    }

    /// The same with the newest of certain keys, if its private half is there: what others must be able to verify who know these
    /// keys only.
    ///
    /// # Errors
    /// When there is none of them.
    pub fn sign_with<T: Serialize>(&self, kind: &str, claims: &T, kids: &[&str]) -> Result<String, KeyError> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let known = in_use.keys.iter().filter(|(public, _)| kids.contains(&public.kid.as_str()));
        let newest = known.max_by_key(|(public, _)| public.signs_from());
        let (public, key) = newest.ok_or_else(|| KeyError::None(self.folder.0.clone()))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(kind.to_owned());
        header.kid = Some(public.kid.clone());
        jsonwebtoken::encode(&header, claims, key).map_err(|_| KeyError::Cryptography)
    }

    /// The same with the key of an instant, which the claims name.
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub fn sign_at<T: Serialize>(&self, kind: &str, claims: &T, at: DateTime<Utc>) -> Result<String, KeyError> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let (public, key) = signing(&in_use.keys, at).ok_or_else(|| KeyError::None(self.folder.0.clone()))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(kind.to_owned());
        header.kid = Some(public.kid.clone());
        jsonwebtoken::encode(&header, claims, key).map_err(|_| KeyError::Cryptography)
    }
}

/// Signs the checkpoints of a region's audit log.
pub struct LogSigner {
    folder: KeyFolder,
    origin: String,
    in_use: RwLock<Vec<(PublicKey, Ed25519KeyPair)>>,
}

impl std::fmt::Debug for LogSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSigner").field("folder", &self.folder.0).field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl LogSigner {
    /// A signer for the log of a region.
    ///
    /// # Errors
    /// When there is no usable key.
    pub fn open(folder: KeyFolder, region_code: &str) -> Result<Self, KeyError> {
        let in_use = RwLock::new(folder.log_keys()?);
        Ok(Self { folder, origin: note::origin(region_code), in_use })
    }

    /// Looks into the folder again. What cannot be read leaves the present keys in use.
    ///
    /// # Errors
    /// When there is no usable key.
    pub fn refresh(&self) -> Result<(), KeyError> {
        let fresh = self.folder.log_keys()?;
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Signs size and root of the log at a time (seconds since 1970); nothing when no key signs then.
    pub fn sign(&self, size: u64, root: &Hash, at: i64) -> Option<String> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let (_, key) = signing(&in_use, DateTime::from_timestamp(at, 0)?)?;
        Some(note::sign(&Checkpoint { origin: self.origin.clone(), size, root: *root, signed_at: at }, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> KeyFolder {
        let path = std::env::temp_dir().join(format!("cofrestr-keys-{}", uuid::Uuid::now_v7()));
        KeyFolder::new(path)
    }

    fn kid_of(receipt: &str) -> String {
        jsonwebtoken::decode_header(receipt).unwrap().kid.unwrap()
    }

    #[test]
    fn the_next_key_is_published_before_it_signs_and_then_takes_over_by_itself() {
        let folder = folder();
        let start = instant("2026-11-22T10:00:00Z").unwrap();
        folder.make_missing(start).unwrap();
        let signer = Signer::open(folder.clone()).unwrap();
        let first = signer.public_keys().keys[0].clone();
        let next = folder.rotate(start).unwrap();
        assert!(matches!(folder.rotate(start), Err(KeyError::Published(..))), "one next key at a time");
        signer.refresh().unwrap();
        assert_eq!(signer.public_keys().keys, folder.public_keys().unwrap().keys);
        let over = start + PUBLISHED_BEFORE;
        let moments = [
            (start, &first, [KeyState::Current, KeyState::Next]),
            (over - TimeDelta::seconds(1), &first, [KeyState::Current, KeyState::Next]),
            (over, &next, [KeyState::Retired, KeyState::Current]),
        ];
        for (at, signs, states) in moments {
            let signed = signer.sign_at("test", &serde_json::json!({}), at).unwrap();
            assert_eq!(kid_of(&signed), signs.kid, "{at}");
            let public = folder.public_keys().unwrap();
            assert_eq!([public.keys[1].state(at), public.keys[0].state(at)], states, "{at}");
        }
        assert!(matches!(folder.retire_at(&first.kid, over - TimeDelta::seconds(1)), Err(KeyError::InUse(_))));
        assert!(matches!(folder.retire_at(&next.kid, over), Err(KeyError::InUse(_))));
        assert!(matches!(folder.retire_at("unknown", over), Err(KeyError::Unknown(_))));
        folder.retire_at(&first.kid, over).unwrap();
        signer.refresh().unwrap();
        assert_eq!(kid_of(&signer.sign_at("test", &serde_json::json!({}), over).unwrap()), next.kid);
        assert_eq!(signer.public_keys().keys.len(), 2, "what it signed stays verifiable");
        fs::remove_dir_all(folder.path()).unwrap();
    }

    #[test]
    fn the_log_has_keys_of_its_own() {
        let folder = folder();
        let start = instant("2026-11-22T10:00:00Z").unwrap();
        folder.make_missing(start).unwrap();
        let signer = LogSigner::open(folder.clone(), "gwent").unwrap();
        let public = folder.public_keys().unwrap();
        assert_ne!(public.keys[0].kid, public.log[0].kid);
        let later = folder.rotate_log(start).unwrap();
        signer.refresh().unwrap();
        let keys: Vec<_> = folder.public_keys().unwrap().log.iter().filter_map(PublicKey::bytes).collect();
        for (at, key) in [(start, &public.log[0]), (start + PUBLISHED_BEFORE, &later)] {
            let signed = signer.sign(3, &[1; 32], at.timestamp()).unwrap();
            assert_eq!(note::open(&signed, &keys).unwrap().origin, "cofrestr/gwent/audit");
            assert!(note::open(&signed, &[key.bytes().unwrap()]).is_ok());
            assert!(note::open(&signed, &[public.keys[0].bytes().unwrap()]).is_err());
        }
        fs::remove_dir_all(folder.path()).unwrap();
    }
}
