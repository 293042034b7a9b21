//! An identity provider of the tests: tokens for every role and scope, and tokens that must not be believed.

use std::sync::OnceLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

/// What tokens say in `iss`.
pub const ISSUER: &str = "https://login.example.test";
/// What tokens say in `aud`.
pub const AUDIENCE: &str = "https://gwent.example.test";
/// The key identifier.
const KID: &str = "tests";

/// Newport, an authority of the region under test.
pub const NEWPORT: &str = "W06000022";
/// Torfaen, another one.
pub const TORFAEN: &str = "W06000020";
/// Swansea, of another region.
pub const SWANSEA: &str = "W06000011";
/// The region under test.
pub const GWENT: &str = "gwent";

/// A signing key.
pub struct Key {
    encoding: EncodingKey,
    public: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let document = pair.to_pkcs8().expect("a key document");
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(document.as_ref()));
        Self { encoding: EncodingKey::from_ed_pem(pem.as_bytes()).expect("a key"), public: pair.public_key().as_ref().to_vec() }
    }

    fn issuer() -> &'static Self {
        static KEY: OnceLock<Key> = OnceLock::new();
        KEY.get_or_init(Key::new)
    }

    fn stranger() -> &'static Self {
        static KEY: OnceLock<Key> = OnceLock::new();
        KEY.get_or_init(Key::new)
    }
}

/// The issuer's key set.
pub fn key_set() -> String {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KID, "x": URL_SAFE_NO_PAD.encode(&Key::issuer().public)}]})
        .to_string()
}

/// Somebody who acts, as their token describes them.
#[derive(Debug, Clone)]
pub struct Caller {
    claims: Map<String, Value>,
}

impl Caller {
    fn new(subject: &str, role: &str, more: Value) -> Self {
        let now = Utc::now().timestamp();
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 3600, "role": role, "client_id": "tests",
        });
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        Self { claims: claims.as_object().expect("an object").clone() }
    }

    /// Somebody of the region in a role, reaching every authority of the region.
    pub fn of_region(role: &str) -> Self {
        Self::new(
            &format!("{role}-1"),
            role,
            json!({"region": GWENT, "organisation": {"code": NEWPORT, "name": "Gwent children's services"}}),
        )
    }

    /// Somebody of one authority in a role.
    pub fn of_authority(role: &str, authority: &str) -> Self {
        Self::new(
            &format!("{role}-{authority}"),
            role,
            json!({"authority": authority, "organisation": {"code": authority, "name": format!("Authority {authority}")}}),
        )
    }

    /// A partner of a sector; the organisation is named after it.
    pub fn partner(sector: &str) -> Self {
        let organisation = json!({"code": format!("ODS-{sector}"), "name": format!("Gwent {sector} service")});
        Self::new(&format!("partner-{sector}"), "partner", json!({"sector": sector, "organisation": organisation}))
    }

    /// The custodian of the whole region.
    pub fn custodian() -> Self {
        Self::of_region("custodian")
    }

    /// An out-of-hours social worker.
    pub fn emergency_duty() -> Self {
        Self::of_region("emergency-duty")
    }

    /// A nurse in an emergency department.
    pub fn health() -> Self {
        Self::partner("health")
    }

    /// A police officer.
    pub fn police() -> Self {
        Self::partner("police")
    }

    /// A plan co-ordinator of Newport.
    pub fn coordinator() -> Self {
        Self::of_authority("coordinator", NEWPORT)
    }

    /// Another person of the same kind and organisation.
    pub fn named(mut self, subject: &str) -> Self {
        self.claims.insert("sub".into(), json!(subject));
        self
    }

    /// What the token says of something.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// The same with another claim.
    pub fn with(mut self, claim: &str, value: Value) -> Self {
        if value.is_null() {
            self.claims.remove(claim);
        } else {
            self.claims.insert(claim.into(), value);
        }
        self
    }

    /// Who they are, as a co-ordinator's entry names them: issuer and subject.
    pub fn key(&self) -> String {
        format!("{}#{}", ISSUER, self.subject())
    }

    /// The role in which they act.
    pub fn role(&self) -> &str {
        self.claims["role"].as_str().expect("a role")
    }

    /// Their subject.
    pub fn subject(&self) -> &str {
        self.claims["sub"].as_str().expect("a subject")
    }

    fn header() -> Header {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".into());
        header.kid = Some(KID.into());
        header
    }

    fn signed(&self, header: &Header, key: &EncodingKey) -> String {
        jsonwebtoken::encode(header, &self.claims, key).expect("a token")
    }

    /// Their access token.
    pub fn token(&self) -> String {
        self.signed(&Self::header(), &Key::issuer().encoding)
    }

    /// Genuinely signed, with a claim that stands once more: which of the two counts would depend on who reads them.
    fn twice(&self, claim: &str, value: Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Self::header()).expect("a header"));
        let once = Value::Object(self.claims.clone()).to_string();
        let payload = URL_SAFE_NO_PAD.encode(format!("{},{}:{}}}", once.strip_suffix('}').expect("an object"), json!(claim), value));
        let signed = format!("{header}.{payload}");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &Key::issuer().encoding, Algorithm::EdDSA).expect("a signature");
        format!("{signed}.{signature}")
    }

    /// The same claims in tokens that must not be believed, each with what is wrong with it.
    pub fn forged_tokens(&self) -> Vec<(&'static str, String)> {
        let issuer = &Key::issuer().encoding;
        let now = Utc::now().timestamp();
        let other = |change: &dyn Fn(&mut Header)| {
            let mut header = Self::header();
            change(&mut header);
            self.signed(&header, issuer)
        };
        let genuine = self.token();
        let (signed_part, signature) = genuine.rsplit_once('.').expect("three parts");
        let (head, payload) = signed_part.split_once('.').expect("two parts");
        let promoted = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&self.clone().with("role", json!("custodian")).claims).expect("claims"));
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "at+jwt", "kid": KID}).to_string());
        let mut symmetric = Header::new(Algorithm::HS256);
        symmetric.typ = Some("at+jwt".into());
        symmetric.kid = Some(KID.into());
        vec![
            ("truncated", genuine[..genuine.len() - 8].to_owned()),
            ("truncated in its claims", format!("{head}.{}.{signature}", &payload[..payload.len() - 4])),
            ("without its last part", signed_part.to_owned()),
            ("a claim that stands twice", self.twice("role", json!("custodian"))),
            ("an issuer that stands twice", self.twice("iss", json!(ISSUER))),
            ("an expiry that stands twice", self.twice("exp", json!(now + 3600))),
            ("an audience that stands twice", self.twice("aud", json!(AUDIENCE))),
            ("an identifier that stands twice", self.clone().with("jti", json!("one")).twice("jti", json!("two"))),
            ("issued in the future", self.clone().with("iat", json!(now + 600)).token()),
            ("signed by a stranger under the issuer's key identifier", self.signed(&Self::header(), &Key::stranger().encoding)),
            ("claims changed after signing", format!("{head}.{promoted}x.{signature}")),
            ("no signature", format!("{head}.{payload}.")),
            ("algorithm none", format!("{none}.{payload}.")),
            ("signed with the public key as a shared secret", self.signed(&symmetric, &EncodingKey::from_secret(&Key::issuer().public))),
            ("unknown key", other(&|header| header.kid = Some("another".into()))),
            ("no key identifier", other(&|header| header.kid = None)),
            ("an identity token, not an access token", other(&|header| header.typ = Some("JWT".into()))),
            ("no type", other(&|header| header.typ = None)),
            ("something critical that nobody here knows", other(&|header| header.crit = Some(vec!["exp-in-days".into()]))),
            ("expired", self.clone().with("exp", json!(now - 1)).token()),
            ("no expiry", self.clone().with("exp", Value::Null).token()),
            ("not yet valid", self.clone().with("nbf", json!(now + 600)).token()),
            ("for somebody else", self.clone().with("aud", json!("https://powys.example.test")).token()),
            ("for several audiences", self.clone().with("aud", json!([AUDIENCE, "https://powys.example.test"])).token()),
            ("from an unknown issuer", self.clone().with("iss", json!("https://elsewhere.example.test")).token()),
            ("nobody", self.clone().with("sub", json!("")).token()),
            ("an unknown role", self.clone().with("role", json!("headteacher")).token()),
            ("no role", self.clone().with("role", Value::Null).token()),
            ("a partner without a sector", Self::health().with("sector", Value::Null).token()),
            ("a sector without being a partner", Self::custodian().with("sector", json!("health")).token()),
            ("a partner with an authority", Self::health().with("authority", json!(NEWPORT)).token()),
            ("of another region", Self::custodian().with("region", json!("north-wales")).token()),
            ("of an authority of another region", Self::of_authority("custodian", SWANSEA).token()),
            ("without any scope", Self::custodian().with("region", Value::Null).token()),
            ("with two scopes", Self::custodian().with("authority", json!(NEWPORT)).token()),
            ("not a token", "nothing.of.the.kind".into()),
            ("far too long", format!("{genuine}{}", "A".repeat(9000))),
        ]
    }
}
