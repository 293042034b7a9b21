//! Partner systems of the tests: their keys, and the assertions by which they get tokens.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::TestApp;
use super::http::Answer;
use super::tokens::Caller;

/// What a token endpoint is asked for.
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A private key, with its public half as a JSON Web Key.
pub struct SystemKey {
    /// The algorithm with which it signs.
    pub algorithm: Algorithm,
    /// The public half, with its `kid`.
    pub jwk: Value,
    encoding: EncodingKey,
}

fn pem(kind: &str, document: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(document))
}

impl SystemKey {
    /// An Ed25519 key.
    pub fn ed25519(kid: &str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let document = pair.to_pkcs8().expect("a document");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Self {
            algorithm: Algorithm::EdDSA,
            jwk: json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}),
            encoding: EncodingKey::from_ed_pem(pem("PRIVATE KEY", document.as_ref()).as_bytes()).expect("a key"),
        }
    }

    /// A P-384 key.
    pub fn p384(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
        let document = pair.to_pkcs8v1().expect("a document");
        // 0x04, then the two coordinates of 48 bytes.
        let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Self {
            algorithm: Algorithm::ES384,
            jwk: json!({"kty": "EC", "crv": "P-384", "kid": kid, "x": x, "y": y}),
            encoding: EncodingKey::from_ec_pem(pem("PRIVATE KEY", document.as_ref()).as_bytes()).expect("a key"),
        }
    }

    /// An RSA key of 2048 bits, which signs with RS384 or RS512.
    pub fn rsa(kid: &str, algorithm: Algorithm) -> Self {
        static PAIR: OnceLock<RsaPair> = OnceLock::new();
        let pair = PAIR.get_or_init(|| RsaPair::generate(KeySize::Rsa2048).expect("a key"));
        let document = AsDer::<Pkcs8V1Der<'_>>::as_der(pair).expect("a document");
        let public = pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) =
            (number(public.modulus().big_endian_without_leading_zero()), number(public.exponent().big_endian_without_leading_zero()));
        Self {
            algorithm,
            jwk: json!({"kty": "RSA", "kid": kid, "n": n, "e": e}),
            encoding: EncodingKey::from_rsa_pem(pem("PRIVATE KEY", document.as_ref()).as_bytes()).expect("a key"),
        }
    }

    /// Its identifier.
    pub fn kid(&self) -> &str {
        self.jwk["kid"].as_str().expect("a kid")
    }

    /// Signs claims as an assertion.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(claims, |_| ())
    }

    /// The same with another header.
    pub fn sign_as(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid().to_owned());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, &self.encoding).expect("an assertion")
    }
}

/// A registered partner system.
pub struct System<'a> {
    /// Where it is registered.
    pub app: &'a TestApp,
    /// Its identifier.
    pub id: String,
    /// The keys with which it is registered.
    pub keys: Vec<SystemKey>,
}

/// A person for whom a system acts.
pub fn nurse() -> Value {
    json!({"id": "nurse-17", "role": "S0010:G0020:R8001", "name": "Ann Price"})
}

impl<'a> System<'a> {
    /// Registers a system of a health board.
    pub fn register(app: &'a TestApp, keys: Vec<SystemKey>) -> Self {
        let jwks: Vec<_> = keys.iter().map(|key| key.jwk.clone()).collect();
        let mut body = super::operations::client();
        body["jwks"] = json!({"keys": jwks});
        let id = app.as_caller(&Caller::of_region("operator")).post("/v1/clients", &body).expect(201).text("/id");
        Self { app, id, keys }
    }

    /// The same with one Ed25519 key.
    pub fn usual(app: &'a TestApp) -> Self {
        Self::register(app, vec![SystemKey::ed25519("one")])
    }

    /// The claims of a good assertion, new each time, that names no person.
    pub fn claims(&self) -> Value {
        let now = Utc::now().timestamp();
        json!({
            "iss": self.id, "sub": self.id, "aud": self.app.issuer(), "iat": now, "exp": now + 240, "jti": Uuid::now_v7().to_string(),
        })
    }

    /// The same with other claims.
    pub fn claims_with(&self, more: Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims
    }

    /// Asks for a token with claims, signed by its first key.
    #[track_caller]
    pub fn ask(&self, claims: &Value) -> Answer {
        self.app.ask_for_token(&self.keys[0].sign(claims))
    }

    /// A token for a person, or for the system itself.
    #[track_caller]
    pub fn token(&self, person: Option<Value>) -> String {
        let claims = person.map_or_else(|| self.claims(), |person| self.claims_with(json!({"acting_person": person})));
        self.ask(&claims).expect(200).text("/access_token")
    }
}

impl TestApp {
    /// What the region's own tokens say in `iss`, and the audience of assertions.
    pub fn issuer(&self) -> String {
        self.anonymous().get("/.well-known/smart-configuration").expect(200).text("/issuer")
    }

    /// Sends an assertion to the token endpoint.
    #[track_caller]
    pub fn ask_for_token(&self, assertion: &str) -> Answer {
        self.send_form(&[("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)])
    }

    /// Sends a form to the token endpoint.
    #[track_caller]
    pub fn send_form(&self, fields: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| -> String {
            text.bytes()
                .map(|byte| {
                    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                        char::from(byte).to_string()
                    } else {
                        format!("%{byte:02X}")
                    }
                })
                .collect()
        };
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = self.anonymous().request(reqwest::Method::POST, "/oauth2/token");
        request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&")).send()
    }
}

/// Serves a key set on this machine for as long as the tests run; answers its address.
pub fn serve(document: String) -> String {
    use std::io::{Read as _, Write as _};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                document.len()
            );
            let _ = stream.write_all(format!("{head}{document}").as_bytes());
        }
    });
    format!("http://{address}/jwks.json")
}
