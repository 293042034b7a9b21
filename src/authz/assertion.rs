//! How a partner system proves who it is when it asks for an access token: an assertion signed with its own key, good once.
//!
//! # Source
//! RFC 7523 (assertions for client authentication), RFC 6749 (errors), SMART Backend Services 2.2 (algorithms, five minutes);
//! that the audience is one string and only ours: the audience-injection attack behind draft-ietf-oauth-rfc7523bis.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::Value;

use super::key_set::{Fetch, Fetched, Keys};
use super::principal::{Organisation, Principal, Scope};
use crate::domain::coded::coded_error;
use crate::domain::roles::{Role, Sector};

/// The longest time for which an assertion may be good, in seconds.
pub const LIFETIME_MAX: i64 = 300;
/// Difference of clocks that is tolerated, in seconds.
const LEEWAY: i64 = 5;
/// Assertions longer than this are refused unread.
const LONGEST: usize = 8 * 1024;
/// The longest `jti`, in bytes.
const ID_LONGEST: usize = 255;
/// The longest identity of an acting person, and the longest code of their role, in bytes: with the client before it the
/// identity is a `sub`, which has 255.
pub const PERSON_LONGEST: usize = 128;
/// The most keys in a set: a present one, a next one, and some for other machines.
pub const KEYS_MAX: usize = 10;
/// The shortest RSA modulus, in bytes (2,048 bits).
const RSA_SHORTEST: usize = 256;
/// Members of a JSON Web Key that only its owner may know.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What is wrong with an assertion. The words are for those who integrate a system; until a signature has shown that the
/// caller holds a registered key, they hear only that it was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// It is no signed JSON Web Token of the kind we take.
    #[error("the assertion is not a signed JSON Web Token with alg, kid, iss, sub, aud, exp and jti")]
    Malformed,
    /// `iss` and `sub` are not both the client.
    #[error("iss and sub must both be the client's identifier")]
    NotTheClient,
    /// It is signed with an algorithm that we do not take.
    #[error("sign with RS384, RS512, ES384 or EdDSA")]
    Algorithm,
    /// There is no such client.
    #[error("client, key and signature were not accepted together")]
    UnknownClient,
    /// The client has no such key, or not for this algorithm.
    #[error("client, key and signature were not accepted together")]
    UnknownKey,
    /// The signature is wrong.
    #[error("client, key and signature were not accepted together")]
    WrongSignature,
    /// It is for somebody else.
    #[error("aud must be this region's issuer or the address of its token endpoint: one of them, as one string")]
    WrongAudience,
    /// It is not valid now.
    #[error("the assertion has expired, or is not valid yet")]
    NotNow,
    /// It is good for too long.
    #[error("an assertion may be good for 300 seconds at most")]
    TooLong,
    /// What it says of the acting person cannot be used.
    #[error("acting_person must have id and role, each 1 to 128 visible ASCII characters, and may have name and the organisation's code")]
    Person,
    /// It was used before.
    #[error("this assertion was used before; make a new one with a new jti for every token")]
    Replayed,
    /// The client is suspended or revoked.
    #[error("the client is suspended or revoked")]
    CutOff,
}

impl AssertionError {
    /// The code for the audit log.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "assertion-malformed",
            Self::NotTheClient => "assertion-not-the-client",
            Self::Algorithm => "assertion-algorithm",
            Self::UnknownClient => "assertion-unknown-client",
            Self::UnknownKey => "assertion-unknown-key",
            Self::WrongSignature => "assertion-wrong-signature",
            Self::WrongAudience => "assertion-wrong-audience",
            Self::NotNow => "assertion-not-now",
            Self::TooLong => "assertion-too-long",
            Self::Person => "assertion-person",
            Self::Replayed => "assertion-replayed",
            Self::CutOff => "client-cut-off",
        }
    }
}

coded_error! {
    /// Why a key set cannot be registered.
    pub enum KeySetError {
        /// No JSON Web Key Set.
        NotAKeySet = "not-a-key-set", "give a JSON Web Key Set: an object with an array keys";
        /// Too few or too many keys.
        WrongNumber = "wrong-number-of-keys", "give one to ten keys";
        /// A private or shared key.
        Private = "private-key", "give public keys only; whoever has seen this one must make a new one";
        /// A key without an identifier, or two with the same.
        Unnamed = "key-without-identifier", "give every key a kid of its own";
        /// A key that no algorithm we take can use.
        Unusable = "key-unusable", "use RSA of 2048 bits or more (RS384, RS512), EC P-384 (ES384) or Ed25519 (EdDSA)";
    }
}

/// A key of a client and the algorithms that it may be used with.
type ClientKey = (Vec<Algorithm>, DecodingKey);

/// What an assertion says before anything of it is verified: only good for finding out whose keys to verify with.
#[derive(Debug, Clone)]
pub struct Unproved {
    /// Who it says it is.
    pub client: String,
    kid: String,
    algorithm: Algorithm,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Parties {
    iss: String,
    sub: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
    jti: String,
    acting_person: Option<Value>,
}

/// The person on whose work a partner system asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActingPerson {
    /// Their identity in their organisation.
    pub id: String,
    /// The code of their role there, as the organisation has it.
    pub role: String,
    /// Their name, for those who read what they did.
    pub name: Option<String>,
    /// Their organisation, when the system says it: it must be that of the client.
    pub organisation: Option<String>,
}

/// A proved assertion.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// Its `jti`.
    pub id: String,
    /// When it expires.
    pub expires: DateTime<Utc>,
    /// For whom the system acts; nobody when it acts by itself.
    pub person: Option<ActingPerson>,
}

impl Unproved {
    /// Reads whose assertion this says it is.
    ///
    /// # Errors
    /// When it is malformed, names two clients or is signed with an algorithm that we do not take.
    pub fn read(assertion: &str) -> Result<Self, AssertionError> {
        if assertion.len() > LONGEST {
            return Err(AssertionError::Malformed);
        }
        let head = assertion.split('.').next().unwrap_or_default();
        let header: Header =
            URL_SAFE_NO_PAD.decode(head).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(AssertionError::Malformed)?;
        let is_assertion = header.typ.as_deref().is_none_or(|typ| {
            // draft-ietf-oauth-rfc7523bis names the type; others write what RFC 7519 has. No other kind of token is an assertion.
            ["jwt", "client-authentication+jwt", "application/client-authentication+jwt"].contains(&typ.to_ascii_lowercase().as_str())
        });
        // What is critical to somebody and unknown to us cannot be passed over (RFC 7515, 4.1.11).
        if !is_assertion || header.crit.is_some() {
            return Err(AssertionError::Malformed);
        }
        let algorithm = match header.alg.as_str() {
            "RS384" => Algorithm::RS384,
            "RS512" => Algorithm::RS512,
            "ES384" => Algorithm::ES384,
            "EdDSA" => Algorithm::EdDSA,
            _ => return Err(AssertionError::Algorithm),
        };
        let kid = header.kid.filter(|kid| !kid.is_empty()).ok_or(AssertionError::Malformed)?;
        let parties: Parties = jsonwebtoken::dangerous::insecure_decode_claims(assertion).map_err(|_| AssertionError::Malformed)?;
        if parties.iss != parties.sub || parties.iss.is_empty() {
            return Err(AssertionError::NotTheClient);
        }
        Ok(Self { client: parties.iss, kid, algorithm })
    }

    /// Verifies the assertion with the client's keys, for one of our own `audiences`, at an instant (wall time).
    ///
    /// # Errors
    /// When it may not be believed.
    pub async fn prove(
        &self,
        assertion: &str,
        keys: &ClientKeys,
        audiences: &[&str],
        fetch: &Fetch,
        now: DateTime<Utc>,
    ) -> Result<Assertion, AssertionError> {
        let (algorithms, key) = keys.key(&self.client, &self.kid, fetch).await.ok_or(AssertionError::UnknownKey)?;
        if !algorithms.contains(&self.algorithm) {
            return Err(AssertionError::UnknownKey);
        }
        let mut validation = Validation::new(self.algorithm);
        validation.algorithms = vec![self.algorithm];
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = decode::<Claims>(assertion, &key, &validation)
            .map_err(|error| match error.kind() {
                // Only then the claims are read.
                jsonwebtoken::errors::ErrorKind::Json(_) => AssertionError::Malformed,
                _ => AssertionError::WrongSignature,
            })?
            .claims;
        judge(claims, &self.client, audiences, now)
    }
}

/// Whether proved claims may be believed.
fn judge(claims: Claims, client: &str, audiences: &[&str], now: DateTime<Utc>) -> Result<Assertion, AssertionError> {
    if claims.iss != client || claims.sub != client {
        return Err(AssertionError::NotTheClient);
    }
    if !claims.aud.as_str().is_some_and(|audience| audiences.contains(&audience)) {
        return Err(AssertionError::WrongAudience);
    }
    let second = now.timestamp();
    if claims.exp <= second || [claims.nbf, claims.iat].into_iter().flatten().any(|start| start > second + LEEWAY) {
        return Err(AssertionError::NotNow);
    }
    let issued = claims.iat.unwrap_or(second).max(second - LEEWAY);
    if claims.exp - issued > LIFETIME_MAX + LEEWAY || claims.iat.is_some_and(|issued| claims.exp - issued > LIFETIME_MAX) {
        return Err(AssertionError::TooLong);
    }
    if claims.jti.is_empty() || claims.jti.len() > ID_LONGEST || claims.jti.chars().any(char::is_control) {
        return Err(AssertionError::Malformed);
    }
    let expires = DateTime::from_timestamp(claims.exp, 0).ok_or(AssertionError::TooLong)?;
    let person = claims.acting_person.map(person).transpose()?;
    Ok(Assertion { id: claims.jti, expires, person })
}

fn person(claim: Value) -> Result<ActingPerson, AssertionError> {
    let person: ActingPerson = serde_json::from_value(claim).map_err(|_| AssertionError::Person)?;
    // A code and an identity, not a description: neither has a place for a story about somebody.
    let is_code = |text: &str| (1..=PERSON_LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_name = |name: &String| (1..=PERSON_LONGEST).contains(&name.len()) && !name.chars().any(char::is_control);
    if is_code(&person.id) && is_code(&person.role) && person.name.as_ref().is_none_or(is_name) {
        Ok(person)
    } else {
        Err(AssertionError::Person)
    }
}

/// A partner system as somebody who may ask: it acts for a person, or by itself. Its person is theirs alone: the same identity
/// at another client is somebody else.
pub fn partner(issuer: &str, client: &str, sector: Sector, organisation: Organisation, person: Option<&ActingPerson>) -> Principal {
    Principal {
        issuer: issuer.to_owned(),
        subject: person.map_or_else(|| client.to_owned(), |person| format!("{client}/{}", person.id)),
        name: person.and_then(|person| person.name.clone()),
        client: Some(client.to_owned()),
        role: Role::Partner,
        sector: Some(sector),
        scope: Scope::Organisation(organisation.code.clone()),
        organisation: Some(organisation),
        family_name: None,
        postcode: None,
        signed_in_at: None,
    }
}

/// The keys of a client.
#[derive(Clone)]
pub struct ClientKeys(Source);

#[derive(Clone)]
enum Source {
    Known(Arc<Keys<ClientKey>>),
    Fetched(Arc<Fetched<ClientKey>>),
}

impl std::fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKeys")
    }
}

impl ClientKeys {
    /// The keys of a set that is here.
    pub fn known(document: &str) -> Self {
        Self(Source::Known(Arc::new(usable(document))))
    }

    async fn key(&self, client: &str, kid: &str, fetch: &Fetch) -> Option<ClientKey> {
        match &self.0 {
            Source::Known(keys) => keys.get(kid).cloned(),
            Source::Fetched(keys) => keys.key(kid, client, fetch, usable).await,
        }
    }
}

/// Clients whose keys are at an address, each with what was fetched from there. As many as there are such clients.
#[derive(Debug, Default)]
pub struct FetchedKeys(Mutex<HashMap<String, Arc<Fetched<ClientKey>>>>);

impl FetchedKeys {
    /// The keys of a client at an address.
    pub fn of(&self, client: &str, address: &str) -> ClientKeys {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = match known.get(client) {
            Some(keys) if keys.address() == address => Arc::clone(keys),
            // New, or the client has moved.
            _ => {
                let keys = Arc::new(Fetched::at(address.to_owned()));
                known.insert(client.to_owned(), Arc::clone(&keys));
                keys
            }
        };
        ClientKeys(Source::Fetched(keys))
    }
}

/// The keys of a document that we would use; the others are passed over.
fn usable(document: &str) -> Keys<ClientKey> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let Ok(set) = serde_json::from_str::<Set>(document) else { return HashMap::new() };
    set.keys.iter().take(KEYS_MAX).filter_map(|key| read(key).ok()).map(|key| (key.kid, (key.algorithms, key.key))).collect()
}

struct ReadKey {
    kid: String,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

fn read(key: &Value) -> Result<ReadKey, KeySetError> {
    let object = key.as_object().ok_or(KeySetError::NotAKeySet)?;
    if PRIVATE.iter().any(|member| object.contains_key(*member)) {
        return Err(KeySetError::Private);
    }
    let kid = object.get("kid").and_then(Value::as_str).filter(|kid| (1..=ID_LONGEST).contains(&kid.len()));
    let kid = kid.ok_or(KeySetError::Unnamed)?.to_owned();
    let jwk: Jwk = serde_json::from_value(key.clone()).map_err(|_| KeySetError::Unusable)?;
    let fits: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) if modulus_length(&rsa.n) >= RSA_SHORTEST => &[Algorithm::RS384, Algorithm::RS512],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P384 => &[Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => return Err(KeySetError::Unusable),
    };
    let stated = jwk.common.key_algorithm.map(|stated| stated.to_string());
    let algorithms: Vec<_> =
        fits.iter().copied().filter(|fit| stated.as_ref().is_none_or(|stated| *stated == format!("{fit:?}"))).collect();
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    if algorithms.is_empty() || !signs {
        return Err(KeySetError::Unusable);
    }
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| KeySetError::Unusable)?;
    Ok(ReadKey { kid, algorithms, key })
}

fn modulus_length(n: &str) -> usize {
    URL_SAFE_NO_PAD.decode(n).map_or(0, |bytes| bytes.iter().skip_while(|byte| **byte == 0).count())
}

/// A registered key as it is shown: what it is called and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    /// Its `kid`.
    pub kid: String,
    /// The algorithms that it may be used with.
    pub algorithms: Vec<String>,
}

/// Reads a key set that is to be registered: every key of it must be one that we would use. Answers how the keys are shown.
///
/// # Errors
/// The first mistake and, when it is one of a key, which.
pub fn read_key_set(set: &Value) -> Result<Vec<NamedKey>, (Option<usize>, KeySetError)> {
    let keys = set.get("keys").and_then(Value::as_array).ok_or((None, KeySetError::NotAKeySet))?;
    if !(1..=KEYS_MAX).contains(&keys.len()) {
        return Err((None, KeySetError::WrongNumber));
    }
    let mut named: Vec<NamedKey> = Vec::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        let read = read(key).map_err(|error| (Some(index), error))?;
        if named.iter().any(|known| known.kid == read.kid) {
            return Err((Some(index), KeySetError::Unnamed));
        }
        named.push(NamedKey { kid: read.kid, algorithms: read.algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect() });
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CLIENT: &str = "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11";
    const NOW: i64 = 1_800_000_000;

    fn claims(change: impl FnOnce(&mut Value)) -> Claims {
        let mut claims = json!({"iss": CLIENT, "sub": CLIENT, "aud": "https://here", "exp": NOW + 300, "iat": NOW, "jti": "one"});
        change(&mut claims);
        serde_json::from_value(claims).unwrap()
    }

    fn judged(change: impl FnOnce(&mut Value)) -> Result<Assertion, AssertionError> {
        judge(claims(change), CLIENT, &["https://here", "https://here/oauth2/token"], DateTime::from_timestamp(NOW, 0).unwrap())
    }

    #[test]
    fn claims_are_believed_up_to_their_bounds_and_not_beyond() {
        assert!(judged(|_| ()).is_ok());
        let table: [(&str, Value, Option<AssertionError>); 18] = [
            ("aud", json!("https://here/oauth2/token"), None),
            ("aud", json!(["https://here"]), Some(AssertionError::WrongAudience)),
            ("aud", json!("https://here/"), Some(AssertionError::WrongAudience)),
            ("aud", json!(""), Some(AssertionError::WrongAudience)),
            ("sub", json!("another"), Some(AssertionError::NotTheClient)),
            ("exp", json!(NOW), Some(AssertionError::NotNow)),
            ("exp", json!(NOW + 1), None),
            ("exp", json!(NOW + 301), Some(AssertionError::TooLong)),
            ("exp", json!(i64::MAX / 2), Some(AssertionError::TooLong)),
            ("iat", json!(NOW + 5), None),
            ("iat", json!(NOW + 6), Some(AssertionError::NotNow)),
            ("iat", json!(NOW - 1), Some(AssertionError::TooLong)),
            ("iat", Value::Null, None),
            ("nbf", json!(NOW + 6), Some(AssertionError::NotNow)),
            ("jti", json!(""), Some(AssertionError::Malformed)),
            ("jti", json!("j".repeat(255)), None),
            ("jti", json!("j".repeat(256)), Some(AssertionError::Malformed)),
            ("acting_person", json!("nurse-1"), Some(AssertionError::Person)),
        ];
        for (name, value, expected) in table {
            let what = format!("{name} {value}");
            assert_eq!(judged(|claims| claims[name] = value).err(), expected, "{what}");
        }
        let late = judged(|claims| {
            claims["iat"] = Value::Null;
            claims["exp"] = json!(NOW + 306);
        });
        assert_eq!(late.err(), Some(AssertionError::TooLong), "without iat it is counted from now, clocks differing by five seconds");
    }

    #[test]
    fn the_acting_person_has_an_identity_and_a_role_and_nothing_unknown() {
        let of = |person: Value| judged(|claims| claims["acting_person"] = person).map(|assertion| assertion.person.unwrap().id);
        assert_eq!(of(json!({"id": "nurse-1", "role": "S0010:G0020:R8001"})), Ok("nurse-1".into()));
        assert_eq!(of(json!({"id": "nurse-1", "role": "nurse", "name": "Ann Price", "organisation": "7A6"})), Ok("nurse-1".into()));
        for wrong in [
            json!({"id": "nurse-1"}),
            json!({"role": "nurse"}),
            json!({"id": "", "role": "nurse"}),
            json!({"id": "nurse 1", "role": "nurse"}),
            json!({"id": "nurse-1", "role": "a nurse"}),
            json!({"id": "n".repeat(129), "role": "nurse"}),
            json!({"id": "nurse-1", "role": "nurse", "name": "A\nB"}),
            json!({"id": "nurse-1", "role": "nurse", "dob": "1990-01-01"}),
        ] {
            assert_eq!(of(wrong.clone()), Err(AssertionError::Person), "{wrong}");
        }
    }

    #[test]
    fn a_key_set_to_be_registered_has_only_keys_that_we_would_use() {
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let set = |key: Value| json!({"keys": [key]});
        let with = |name: &str, value: Value| {
            let mut key = ed.clone();
            key[name] = value;
            key
        };
        assert_eq!(read_key_set(&set(ed.clone())).unwrap(), [NamedKey { kid: "a".into(), algorithms: vec!["EdDSA".into()] }]);
        assert!(read_key_set(&set(with("use", json!("sig")))).is_ok());
        let small = URL_SAFE_NO_PAD.encode([0xff; 255]);
        for (key, expected) in [
            (with("d", json!("secret")), KeySetError::Private),
            (json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"}), KeySetError::Private),
            (with("kid", Value::Null), KeySetError::Unnamed),
            (with("use", json!("enc")), KeySetError::Unusable),
            (with("alg", json!("RS384")), KeySetError::Unusable),
            (with("crv", json!("X25519")), KeySetError::Unusable),
            (json!({"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA", "y": "AA"}), KeySetError::Unusable),
            (json!({"kty": "RSA", "kid": "a", "n": small, "e": "AQAB"}), KeySetError::Unusable),
            (json!("a key"), KeySetError::NotAKeySet),
        ] {
            assert_eq!(read_key_set(&set(key.clone())), Err((Some(0), expected)), "{key}");
        }
        let long = URL_SAFE_NO_PAD.encode([0xff; 256]);
        let rsa = read_key_set(&set(json!({"kty": "RSA", "kid": "a", "n": long, "e": "AQAB"}))).unwrap();
        assert_eq!(rsa[0].algorithms, ["RS384", "RS512"]);
        assert_eq!(read_key_set(&json!({"keys": [ed, with("x", ed["x"].clone())]})), Err((Some(1), KeySetError::Unnamed)));
        assert_eq!(read_key_set(&json!({"keys": []})), Err((None, KeySetError::WrongNumber)));
        assert_eq!(read_key_set(&json!([])), Err((None, KeySetError::NotAKeySet)));
    }

    #[test]
    fn an_assertion_of_another_kind_is_not_looked_at() {
        let head = |header: Value| {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.AAAA", part(&header), part(&json!({"iss": CLIENT, "sub": CLIENT})))
        };
        let read = |header: Value| Unproved::read(&head(header)).map(|read| read.client);
        assert_eq!(read(json!({"alg": "RS384", "kid": "a"})), Ok(CLIENT.into()));
        assert_eq!(read(json!({"alg": "EdDSA", "kid": "a", "typ": "JWT"})), Ok(CLIENT.into()));
        for algorithm in ["none", "None", "HS256", "HS384", "RS256", "PS384", "ES256", ""] {
            assert_eq!(read(json!({"alg": algorithm, "kid": "a"})), Err(AssertionError::Algorithm), "{algorithm}");
        }
        for header in [
            json!({"alg": "RS384"}),
            json!({"alg": "RS384", "kid": ""}),
            json!({"alg": "RS384", "kid": "a", "typ": "at+jwt"}),
            json!({"alg": "RS384", "kid": "a", "crit": ["b64"]}),
            json!({"kid": "a"}),
        ] {
            assert_eq!(read(header.clone()), Err(AssertionError::Malformed), "{header}");
        }
        for text in ["", "a.b.c", "nothing", &"A".repeat(9000)] {
            assert_eq!(Unproved::read(text).err(), Some(AssertionError::Malformed));
        }
    }
}
