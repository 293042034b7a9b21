//! The region's signing keys, in a folder: one Ed25519 key in use, older ones kept so that what they signed can be verified
//! for ever. Also the matcher's secret.
//!
//! ```text
//! keys/
//!   signing/<kid>.pem     private key, PKCS#8, readable by the server alone
//!   public.json           every public key with the time from which and to which it signed (a JSON Web Key Set)
//!   matcher.secret        sixteen random bytes, hexadecimal
//! ```

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

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
    /// The key in use cannot be retired.
    #[error("key {0} is in use; rotate first")]
    InUse(String),
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
    /// Until when it signed; absent for the key in use.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retired: Option<String>,
}

/// The public keys as a JSON Web Key Set.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct PublicKeys {
    /// Newest first.
    pub keys: Vec<PublicKey>,
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

    fn private_path(&self, kid: &str) -> PathBuf {
        self.0.join("signing").join(format!("{kid}.pem"))
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

    /// Makes what is missing: a signing key, the matcher's secret.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn make_missing(&self, now: DateTime<Utc>) -> Result<(), KeyError> {
        if self.public_keys()?.keys.is_empty() {
            self.rotate(now)?;
        }
        let path = self.0.join("matcher.secret");
        if !path.exists() {
            let mut secret = [0; 16];
            SystemRandom::new().fill(&mut secret).map_err(|_| KeyError::Cryptography)?;
            write_whole(&path, hex::encode(secret).as_bytes(), true)?;
        }
        Ok(())
    }

    /// Makes a new signing key and puts it in use; the one before signs no more and goes on verifying. Running servers take
    /// it up by themselves.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn rotate(&self, now: DateTime<Utc>) -> Result<PublicKey, KeyError> {
        let signing = self.0.join("signing");
        fs::create_dir_all(&signing).map_err(file_error(&signing))?;
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Cryptography)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let kid = thumbprint(&x);
        let document = pair.to_pkcs8().map_err(|_| KeyError::Cryptography)?;
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(document.as_ref()));
        write_whole(&self.private_path(&kid), pem.as_bytes(), true)?;
        let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut keys = self.public_keys()?;
        for key in &mut keys.keys {
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
        keys.keys.insert(0, key.clone());
        self.write_public(&keys)?;
        Ok(key)
    }

    /// Destroys the private half of a key that is no longer in use. Its public half stays, for what it signed.
    ///
    /// # Errors
    /// When there is no such key, or it is in use.
    pub fn retire(&self, kid: &str) -> Result<(), KeyError> {
        let keys = self.public_keys()?;
        let key = keys.keys.iter().find(|key| key.kid == kid).ok_or_else(|| KeyError::Unknown(kid.to_owned()))?;
        if key.retired.is_none() {
            return Err(KeyError::InUse(kid.to_owned()));
        }
        let path = self.private_path(kid);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error(&path)(error)),
            _ => Ok(()),
        }
    }

    fn write_public(&self, keys: &PublicKeys) -> Result<(), KeyError> {
        let bytes = serde_json::to_vec_pretty(keys).map_err(|_| KeyError::Cryptography)?;
        write_whole(&self.public_path(), &bytes, false)
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

    fn signing_key(&self) -> Result<(String, EncodingKey, PublicKeys), KeyError> {
        let keys = self.public_keys()?;
        let current = keys.keys.iter().find(|key| key.retired.is_none()).ok_or_else(|| KeyError::None(self.0.clone()))?;
        let path = self.private_path(&current.kid);
        let pem = fs::read(&path).map_err(file_error(&path))?;
        let key = EncodingKey::from_ed_pem(&pem).map_err(|_| KeyError::Damaged(path))?;
        Ok((current.kid.clone(), key, keys))
    }
}

/// The identifier of a key: the first sixteen characters of its RFC 7638 thumbprint.
fn thumbprint(x: &str) -> String {
    let canonical = format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{x}\"}}");
    let digest = digest::digest(&digest::SHA256, canonical.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref()).chars().take(16).collect()
}

struct InUse {
    kid: String,
    key: EncodingKey,
    public: PublicKeys,
}

/// Signs with the key in use, and takes up a new one when the folder has one.
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
        let (kid, key, public) = folder.signing_key()?;
        Ok(Self { folder, in_use: RwLock::new(InUse { kid, key, public }) })
    }

    /// Looks into the folder again. What cannot be read leaves the present key in use.
    ///
    /// # Errors
    /// When there is no usable key.
    pub fn refresh(&self) -> Result<(), KeyError> {
        let (kid, key, public) = self.folder.signing_key()?;
        let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
        *in_use = InUse { kid, key, public };
        Ok(())
    }

    /// The public keys, newest first.
    pub fn public_keys(&self) -> PublicKeys {
        self.in_use.read().unwrap_or_else(PoisonError::into_inner).public.clone()
    }

    /// Signs claims as a compact JWS of a given type.
    ///
    /// # Errors
    /// When the claims cannot be written or signed.
    pub fn sign<T: Serialize>(&self, kind: &str, claims: &T) -> Result<String, KeyError> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(kind.to_owned());
        header.kid = Some(in_use.kid.clone());
        jsonwebtoken::encode(&header, claims, &in_use.key).map_err(|_| KeyError::Cryptography)
    }
}
