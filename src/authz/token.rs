//! Access tokens: from a bearer string to a [`Principal`].
//!
//! The region trusts the issuers named in its configuration and nobody else. Each issuer's keys come from its key set, each
//! key is good for one algorithm, and `none` and the HMAC family are never among them.
//!
//! # Source
//! RFC 9068 (profile of access tokens), RFC 8725 (best practice for JSON Web Tokens).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

pub use super::key_set::Fetch;
use super::key_set::{Fetched, Keys};
use super::pages::IdTokens;
use super::principal::{Organisation, Principal, Scope};
use super::revocation::{Revocations, Stamp};
use crate::domain::roles::{Role, Sector};
use crate::domain::sensitive::Personal;

/// A verified token is remembered for this long at most: a key that its issuer withdrew is not believed longer than that. A
/// revocation is looked for each time, remembered or not.
const REMEMBER: Duration = Duration::from_secs(60);
/// Verified tokens remembered at once; beyond it the memory is emptied. 20,000 people at once is more than a region has.
const REMEMBERED: usize = 20_000;
/// Tokens longer than this are refused unread.
const LONGEST: usize = 8 * 1024;
/// Difference of clocks that is tolerated, in seconds.
const LEEWAY: u64 = 5;
/// When the revocations were not read for this long, no token is believed until they are.
const REVOCATIONS_STALE: Duration = Duration::from_secs(60);

/// Why a token was not accepted. The caller is told only that it was not; the code goes into the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none, or it is not a bearer token.
    #[error("no bearer token")]
    Missing,
    /// It is not a JSON Web Token of the kind we accept.
    #[error("not an access token")]
    Malformed,
    /// Its issuer is not trusted.
    #[error("unknown issuer")]
    UnknownIssuer,
    /// Its key is not among the issuer's, or not for this algorithm.
    #[error("unknown key")]
    UnknownKey,
    /// The signature is wrong.
    #[error("wrong signature")]
    WrongSignature,
    /// It is for somebody else.
    #[error("wrong audience")]
    WrongAudience,
    /// It is not valid now.
    #[error("expired or not yet valid")]
    NotNow,
    /// Its claims do not say who acts in which role for whom, or say it for another region.
    #[error("unusable claims")]
    UnusableClaims,
    /// It is bound to a certificate that the connection does not have.
    #[error("bound to another certificate")]
    Unbound,
    /// It, or the person or client for whom it stands, was revoked.
    #[error("revoked")]
    Revoked,
}

impl TokenError {
    /// The code for the audit log.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token-missing",
            Self::Malformed => "token-malformed",
            Self::UnknownIssuer => "token-unknown-issuer",
            Self::UnknownKey => "token-unknown-key",
            Self::WrongSignature => "token-wrong-signature",
            Self::WrongAudience => "token-wrong-audience",
            Self::NotNow => "token-not-now",
            Self::UnusableClaims => "token-unusable-claims",
            Self::Unbound => "token-unbound",
            Self::Revoked => "token-revoked",
        }
    }
}

/// Where an issuer's keys are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A document that is already here.
    Document(String),
    /// An address in the configuration (never one from a token).
    Address(String),
    /// The region's own keys, as they are at this moment.
    Own(OwnKeys),
}

/// Answers the region's own public keys, those that tokens may be signed with now, as a JSON Web Key Set.
#[derive(Clone)]
pub struct OwnKeys(pub Arc<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnKeys")
    }
}

/// An identity provider that the region trusts.
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    /// Exactly what its tokens say in `iss`.
    pub issuer: String,
    /// Exactly what its tokens must say in `aud`.
    pub audience: String,
    /// Its keys.
    pub keys: KeySource,
}

/// Who this region is: tokens for other regions are not for us.
#[derive(Debug, Clone)]
pub struct Home {
    /// The region's code.
    pub region: String,
    /// GSS codes of its authorities.
    pub authorities: Vec<String>,
}

/// A key and the one algorithm that it is for.
type IssuerKey = (Algorithm, DecodingKey);

enum IssuerKeys {
    Known(Keys<IssuerKey>),
    Fetched(Fetched<IssuerKey>),
    Own(OwnKeys),
}

struct Issuer {
    trusted: TrustedIssuer,
    keys: IssuerKeys,
}

/// A token that was verified.
#[derive(Clone)]
struct Verified {
    principal: Arc<Principal>,
    stamp: Arc<Stamp>,
    expires: DateTime<Utc>,
    /// The thumbprint of the only certificate over whose connections it is believed.
    bound_to: Option<Arc<str>>,
}

/// Verifies access tokens.
pub struct Verifier {
    home: Home,
    issuers: Vec<Issuer>,
    fetch: Fetch,
    /// Verified tokens by their digest, and until when each is remembered.
    remembered: Mutex<HashMap<[u8; 32], (Verified, Instant)>>,
    revocations: RwLock<(Arc<Revocations>, Option<Instant>)>,
    /// How ID tokens of people on the pages are read.
    pub(super) id_tokens: Option<IdTokens>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("issuers", &self.issuers.iter().map(|i| &i.trusted.issuer).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The claims we read. A claim that stands twice is an error of the parser.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    pub(super) iat: Option<u64>,
    nbf: Option<u64>,
    pub(super) jti: Option<String>,
    auth_time: Option<u64>,
    name: Option<String>,
    client_id: Option<String>,
    role: String,
    sector: Option<String>,
    region: Option<String>,
    authority: Option<String>,
    organisation: Option<OrganisationClaim>,
    cnf: Option<Confirmation>,
    // Whatever shape an identity provider gives them: nobody is locked out because of them.
    family_name: Option<serde_json::Value>,
    address: Option<serde_json::Value>,
}

/// To what a token is bound. A binding that we cannot check is none that we may pass over.
///
/// # Source
/// RFC 7800; RFC 8705, section 3.1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    #[serde(rename = "x5t#S256")]
    certificate: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganisationClaim {
    code: String,
    name: String,
}

/// The issuer, read before anything is verified, only to choose whose keys to verify with.
#[derive(Deserialize)]
struct Unverified {
    iss: String,
}

impl Verifier {
    /// A verifier for the issuers that the region trusts.
    pub fn new(home: Home, issuers: Vec<TrustedIssuer>, fetch: Fetch) -> Self {
        let issuers = issuers
            .into_iter()
            .map(|trusted| {
                let keys = match &trusted.keys {
                    KeySource::Document(document) => IssuerKeys::Known(read_keys(document)),
                    KeySource::Address(address) => IssuerKeys::Fetched(Fetched::at(address.clone())),
                    KeySource::Own(keys) => IssuerKeys::Own(keys.clone()),
                };
                Issuer { trusted, keys }
            })
            .collect();
        Self { home, issuers, fetch, remembered: Mutex::default(), revocations: RwLock::default(), id_tokens: None }
    }

    /// Whether an issuer is one of those that the region trusts.
    pub fn trusts(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|known| known.trusted.issuer == issuer)
    }

    /// How many revocations are known; nothing before they were read for the first time.
    pub fn revocations_known(&self) -> Option<usize> {
        let known = self.revocations.read().unwrap_or_else(PoisonError::into_inner);
        known.1.map(|_| known.0.count())
    }

    /// Whether the revocations were read so long ago that no token may be believed by them.
    pub fn revocations_stale(&self) -> bool {
        let known = self.revocations.read().unwrap_or_else(PoisonError::into_inner);
        known.1.is_some_and(|read| read.elapsed() >= REVOCATIONS_STALE)
    }

    /// Takes note that the revocations were read at `read`: there are no others than those known, or these. None ever goes, so
    /// of two readings that overtook each other the one with more of them is the later one.
    pub fn learn_revocations(&self, all: Option<Revocations>, read: Instant) {
        let mut known = self.revocations.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = all.filter(|all| all.count() >= known.0.count()) {
            known.0 = Arc::new(all);
        }
        known.1 = known.1.max(Some(read));
    }

    /// Verifies the value of an `Authorization` header at an instant (wall time). `certificate` is the thumbprint of the
    /// client's certificate (SHA-256, base64url), when the connection has one.
    ///
    /// # Errors
    /// When there is no token, or it may not be believed.
    pub async fn verify(&self, header: Option<&str>, certificate: Option<&str>, now: DateTime<Utc>) -> Result<Arc<Principal>, TokenError> {
        let token = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| !token.is_empty())
            .ok_or(TokenError::Missing)?;
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(verified) = self.recall(&fingerprint, now) {
            return self.admit(verified, certificate, now);
        }
        let verified = self.check(token, now).await?;
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(fingerprint, (verified.clone(), Instant::now() + REMEMBER));
        drop(remembered);
        self.admit(verified, certificate, now)
    }

    /// What is looked at each time, however well a token is remembered.
    fn admit(&self, verified: Verified, certificate: Option<&str>, now: DateTime<Utc>) -> Result<Arc<Principal>, TokenError> {
        if verified.bound_to.as_deref().is_some_and(|bound| certificate != Some(bound)) {
            return Err(TokenError::Unbound);
        }
        let Verified { principal, stamp, .. } = verified;
        if self.is_revoked(&principal, &stamp, now) { Err(TokenError::Revoked) } else { Ok(principal) }
    }

    pub(super) fn is_revoked(&self, principal: &Principal, stamp: &Stamp, now: DateTime<Utc>) -> bool {
        let revocations = Arc::clone(&self.revocations.read().unwrap_or_else(PoisonError::into_inner).0);
        revocations.cover(&principal.issuer, &principal.subject, stamp, now)
    }

    fn recall(&self, fingerprint: &[u8; 32], now: DateTime<Utc>) -> Option<Verified> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (verified, until) = remembered.get(fingerprint)?;
        if Instant::now() < *until && now < verified.expires {
            return Some(verified.clone());
        }
        remembered.remove(fingerprint);
        None
    }

    async fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Verified, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        // RFC 7515 §4.1.11: what the sender calls critical and the receiver does not know is a reason to refuse. None is known here.
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let kind = header.typ.as_deref().unwrap_or_default();
        if !kind.eq_ignore_ascii_case("at+jwt") && !kind.eq_ignore_ascii_case("application/at+jwt") {
            return Err(TokenError::Malformed);
        }
        let kid = header.kid.ok_or(TokenError::Malformed)?;
        let unverified: Unverified = jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Malformed)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.trusted.issuer == unverified.iss).ok_or(TokenError::UnknownIssuer)?;
        let (algorithm, key) = self.key(issuer, &kid).await.ok_or(TokenError::UnknownKey)?;
        if algorithm != header.alg {
            return Err(TokenError::UnknownKey);
        }
        // Times are checked below against the injected clock; audience and issuer are compared exactly.
        let mut validation = Validation::new(algorithm);
        validation.algorithms = vec![algorithm];
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = decode::<Claims>(token, &key, &validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => TokenError::WrongSignature,
                _ => TokenError::Malformed,
            })?
            .claims;
        if claims.iss != issuer.trusted.issuer {
            return Err(TokenError::UnknownIssuer);
        }
        let audience = match &claims.aud {
            Audience::One(audience) => Some(audience),
            Audience::Several(several) if several.len() == 1 => several.first(),
            Audience::Several(_) => None,
        };
        if audience != Some(&issuer.trusted.audience) {
            return Err(TokenError::WrongAudience);
        }
        let second = u64::try_from(now.timestamp()).map_err(|_| TokenError::NotNow)?;
        if claims.exp <= second || [claims.nbf, claims.iat].into_iter().flatten().any(|start| start > second + LEEWAY) {
            return Err(TokenError::NotNow);
        }
        let expires = i64::try_from(claims.exp).ok().and_then(|exp| DateTime::from_timestamp(exp, 0)).ok_or(TokenError::NotNow)?;
        let stamp = Stamp {
            token_id: claims.jti.clone(),
            issued_at: claims.iat.and_then(|issued| i64::try_from(issued).ok()),
            // Whoever registered a client with us may cut it off; what other issuers mean by one is theirs.
            client: claims.client_id.clone().filter(|_| matches!(issuer.keys, IssuerKeys::Own(_))),
        };
        let bound_to = claims.cnf.as_ref().map(|cnf| cnf.certificate.as_str().into());
        Ok(Verified { principal: Arc::new(self.principal(claims)?), stamp: Arc::new(stamp), expires, bound_to })
    }

    /// Reads who acts, in which role, for whom.
    pub(super) fn principal(&self, claims: Claims) -> Result<Principal, TokenError> {
        let unusable = TokenError::UnusableClaims;
        if claims.sub.is_empty() || claims.sub.len() > 255 || claims.jti.as_ref().is_some_and(|id| id.is_empty() || id.len() > 255) {
            return Err(unusable);
        }
        let role: Role = claims.role.parse().map_err(|_| unusable)?;
        let sector = claims.sector.map(|sector| sector.parse::<Sector>()).transpose().map_err(|_| unusable)?;
        if (role == Role::Partner) != sector.is_some() {
            return Err(unusable);
        }
        // OpenID Connect Core 1.0, 5.1: family_name, address.postal_code.
        let own = |value: &serde_json::Value| value.as_str().map(|text| Personal::new(text.to_owned()));
        let organisation = claims.organisation.map(|claim| Organisation { code: claim.code, name: claim.name });
        let scope = match (claims.region, claims.authority, &organisation) {
            (Some(region), None, _) if region == self.home.region && role != Role::Partner => Scope::Region(region),
            (None, Some(authority), _) if self.home.authorities.contains(&authority) && role != Role::Partner => {
                Scope::Authority(authority)
            }
            (None, None, Some(organisation)) if role == Role::Partner => Scope::Organisation(organisation.code.clone()),
            _ => return Err(unusable),
        };
        Ok(Principal {
            issuer: claims.iss,
            subject: claims.sub,
            name: claims.name,
            client: claims.client_id,
            role,
            sector,
            scope,
            organisation,
            family_name: claims.family_name.as_ref().and_then(own),
            postcode: claims.address.as_ref().and_then(|address| own(&address["postal_code"])),
            signed_in_at: claims.auth_time.and_then(|at| i64::try_from(at).ok()).and_then(|at| DateTime::from_timestamp(at, 0)),
        })
    }

    /// The key with this identifier.
    async fn key(&self, issuer: &Issuer, kid: &str) -> Option<IssuerKey> {
        match &issuer.keys {
            IssuerKeys::Known(keys) => keys.get(kid).cloned(),
            IssuerKeys::Fetched(keys) => keys.key(kid, &issuer.trusted.issuer, &self.fetch, read_keys).await,
            IssuerKeys::Own(keys) => read_keys(&(keys.0)()).remove(kid),
        }
    }
}

/// Reads a key set: keys with a `kid`, for signatures, each with the one algorithm that its kind allows.
fn read_keys(document: &str) -> Keys<IssuerKey> {
    let Ok(set) = serde_json::from_str::<JwkSet>(document) else { return HashMap::new() };
    set.keys
        .iter()
        .filter_map(|jwk| {
            let algorithm = match &jwk.algorithm {
                AlgorithmParameters::RSA(_) => Algorithm::RS256,
                AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
                AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
                _ => return None,
            };
            if jwk.common.key_algorithm.is_some_and(|stated| stated.to_string() != format!("{algorithm:?}")) {
                return None;
            }
            Some((jwk.common.key_id.clone()?, (algorithm, DecodingKey::from_jwk(jwk).ok()?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    use super::*;

    struct Key {
        kid: &'static str,
        pair: Ed25519KeyPair,
    }

    impl Key {
        fn new(kid: &'static str) -> Self {
            Self { kid, pair: Ed25519KeyPair::generate().unwrap() }
        }

        fn set(keys: &[&Self]) -> String {
            let key = |key: &&Self| json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": key.kid, "x": URL_SAFE_NO_PAD.encode(key.pair.public_key().as_ref())});
            json!({"keys": keys.iter().map(key).collect::<Vec<_>>()}).to_string()
        }

        fn bearer(&self, subject: &str, now: DateTime<Utc>) -> String {
            self.bearer_with(subject, now, json!({}))
        }

        fn bearer_with(&self, subject: &str, now: DateTime<Utc>, more: serde_json::Value) -> String {
            let mut header = Header::new(Algorithm::EdDSA);
            header.typ = Some("at+jwt".into());
            header.kid = Some(self.kid.into());
            let at = now.timestamp();
            let mut claims = json!({"iss": "https://id", "aud": "here", "sub": subject, "role": "custodian", "region": "gwent", "iat": at, "exp": at + 300});
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let pem = format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                STANDARD.encode(self.pair.to_pkcs8().unwrap().as_ref())
            );
            let key = EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
            format!("Bearer {}", jsonwebtoken::encode(&header, &claims, &key).unwrap())
        }
    }

    /// A verifier whose issuer's address answers what `answer` holds, and how often it was asked.
    fn verifier(answer: &Arc<Mutex<Result<String, String>>>) -> (Verifier, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, answer) = (Arc::clone(&asked), Arc::clone(answer));
        let fetch: Fetch = Arc::new(move |address| {
            assert_eq!(address, "https://id/keys", "only the configured address is ever asked");
            count.fetch_add(1, Ordering::SeqCst);
            let answer = answer.lock().unwrap().clone();
            Box::pin(async move { answer })
        });
        let home = Home { region: "gwent".into(), authorities: vec!["W06000022".into()] };
        let issuer =
            TrustedIssuer { issuer: "https://id".into(), audience: "here".into(), keys: KeySource::Address("https://id/keys".into()) };
        (Verifier::new(home, vec![issuer], fetch), asked)
    }

    #[tokio::test]
    async fn keys_are_fetched_once_and_an_unknown_key_does_not_make_us_ask_again_and_again() {
        let (known, stranger) = (Key::new("known"), Key::new("stranger"));
        let (verifier, asked) = verifier(&Arc::new(Mutex::new(Ok(Key::set(&[&known])))));
        let now = Utc::now();
        for person in ["a", "b", "c"] {
            assert_eq!(verifier.verify(Some(&known.bearer(person, now)), None, now).await.unwrap().subject, person);
        }
        for _ in 0..20 {
            assert_eq!(verifier.verify(Some(&stranger.bearer("x", now)), None, now).await, Err(TokenError::UnknownKey));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn known_keys_stay_in_use_when_their_issuer_is_away_or_answers_nonsense() {
        let known = Key::new("known");
        let answer = Arc::new(Mutex::new(Ok(Key::set(&[&known]))));
        let (verifier, asked) = verifier(&answer);
        let now = Utc::now();
        assert!(verifier.verify(Some(&known.bearer("a", now)), None, now).await.is_ok());
        for (person, broken) in [("b", Err("away".to_owned())), ("c", Ok("<html>".to_owned())), ("d", Ok("{\"keys\": []}".to_owned()))] {
            *answer.lock().unwrap() = broken;
            let IssuerKeys::Fetched(keys) = &verifier.issuers[0].keys else { panic!("keys at an address") };
            keys.grow_old();
            assert!(verifier.verify(Some(&known.bearer(person, now)), None, now).await.is_ok(), "{person}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 4, "each time it was asked anew");
    }

    #[tokio::test]
    async fn a_remembered_token_is_forgotten_when_it_expires() {
        let known = Key::new("known");
        let (verifier, _) = verifier(&Arc::new(Mutex::new(Ok(Key::set(&[&known])))));
        let now = Utc::now();
        let bearer = known.bearer("a", now);
        assert!(verifier.verify(Some(&bearer), None, now).await.is_ok());
        assert!(verifier.verify(Some(&bearer), None, now + chrono::TimeDelta::seconds(299)).await.is_ok());
        assert_eq!(verifier.verify(Some(&bearer), None, now + chrono::TimeDelta::seconds(301)).await, Err(TokenError::NotNow));
    }

    #[tokio::test]
    async fn a_remembered_token_is_refused_from_its_revocation_on() {
        use crate::authz::revocation::{Revocation, Revoked};

        let known = Key::new("known");
        let (verifier, _) = verifier(&Arc::new(Mutex::new(Ok(Key::set(&[&known])))));
        let now = Utc::now();
        let (bearer, read) = (known.bearer("a", now), Instant::now());
        let revoke = |subjects: &[&str]| {
            let revocation =
                |subject: &&str| Revocation { issuer: "https://id".into(), revoked: Revoked::Subject((*subject).into(), now), until: None };
            verifier.learn_revocations(Some(Revocations::new(subjects.iter().map(revocation))), read);
        };
        assert!(verifier.verify(Some(&bearer), None, now).await.is_ok());
        revoke(&["b", "a"]);
        assert_eq!(verifier.verify(Some(&bearer), None, now).await, Err(TokenError::Revoked));
        assert_eq!(verifier.revocations_known(), Some(2));
        // A reading that was overtaken by a later one does not bring it back.
        revoke(&["b"]);
        assert_eq!(verifier.verify(Some(&bearer), None, now).await, Err(TokenError::Revoked));
        assert!(verifier.verify(Some(&known.bearer("c", now)), None, now).await.is_ok());
    }

    #[tokio::test]
    async fn a_bound_token_is_believed_on_its_own_connections_alone() {
        let known = Key::new("known");
        let (verifier, _) = verifier(&Arc::new(Mutex::new(Ok(Key::set(&[&known])))));
        let now = Utc::now();
        let bound = known.bearer_with("a", now, json!({"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}));
        let thumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
        // Twice: the second time it is remembered.
        for _ in 0..2 {
            assert!(verifier.verify(Some(&bound), Some(thumbprint), now).await.is_ok());
            assert_eq!(verifier.verify(Some(&bound), None, now).await, Err(TokenError::Unbound));
            assert_eq!(verifier.verify(Some(&bound), Some("another"), now).await, Err(TokenError::Unbound));
        }
        let free = known.bearer("b", now);
        assert!(verifier.verify(Some(&free), Some(thumbprint), now).await.is_ok(), "a token that is not bound");
        for other in
            [json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}), json!({}), json!("x"), json!({"x5t#S256": "a", "jkt": "b"})]
        {
            let token = known.bearer_with("c", now, json!({"cnf": other}));
            assert_eq!(verifier.verify(Some(&token), Some(thumbprint), now).await, Err(TokenError::Malformed), "{other}");
        }
    }

    #[tokio::test]
    async fn revocations_that_were_not_read_for_a_minute_are_stale() {
        let (verifier, _) = verifier(&Arc::new(Mutex::new(Err("away".into()))));
        assert!(!verifier.revocations_stale(), "nobody promised to read any");
        let earlier = Instant::now().checked_sub(REVOCATIONS_STALE).unwrap();
        verifier.learn_revocations(None, earlier);
        assert!(verifier.revocations_stale());
        verifier.learn_revocations(None, Instant::now());
        assert!(!verifier.revocations_stale());
    }

    #[test]
    fn a_key_set_gives_only_keys_that_we_would_use() {
        let good = Key::new("good");
        let mut set: serde_json::Value = serde_json::from_str(&Key::set(&[&good])).unwrap();
        let keys = set["keys"].as_array_mut().unwrap();
        keys.push(json!({"kty": "oct", "kid": "secret", "k": "AAAA"}));
        keys.push(json!({"kty": "OKP", "crv": "Ed25519", "x": keys[0]["x"]}));
        keys.push(json!({"kty": "OKP", "crv": "Ed25519", "kid": "lying", "alg": "RS256", "x": keys[0]["x"]}));
        let read = read_keys(&set.to_string());
        assert_eq!(read.keys().collect::<Vec<_>>(), ["good"]);
        assert_eq!(read["good"].0, Algorithm::EdDSA);
        assert!(read_keys("not JSON").is_empty());
    }
}
