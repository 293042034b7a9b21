//! Messages put together by hand, with a member's own keys: what a region must refuse, and what it must understand.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use cofrestr::register::keys::{KeyFolder, Signer, TlsIdentity};
use cofrestr::register::peers::message::{Envelope, MESSAGE_TYPE, kind};
use reqwest::header::CONTENT_TYPE;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::Region;
use crate::support::http::runtime;

/// A hand that writes messages.
#[derive(Clone)]
pub struct Hand {
    code: String,
    to: String,
    path: String,
    kind: &'static str,
    sent_to: &'static str,
    version: String,
    age: i64,
    keys: PathBuf,
    identity: TlsIdentity,
    address: String,
}

impl Hand {
    /// With the keys and the certificate of a region, to another.
    pub fn of(region: &Region, to: &Region) -> Self {
        let keys = region.keys();
        Self {
            code: region.code.into(),
            to: to.code.into(),
            path: "/federation/v1/checks".into(),
            kind: kind::QUESTION,
            sent_to: "/federation/v1/checks",
            version: "1.1".into(),
            age: 0,
            keys: keys.path().to_owned(),
            identity: keys.tls_identity(Utc::now()).expect("a certificate"),
            address: to.peers.clone(),
        }
    }

    /// Addressed to another region.
    pub fn to(&self, code: &str) -> Self {
        Self { to: code.into(), ..self.clone() }
    }

    /// In another region's name.
    pub fn from(&self, code: &str) -> Self {
        Self { code: code.into(), ..self.clone() }
    }

    /// Signed for another path.
    pub fn at(&self, path: &str) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    /// Messages of another kind, at the place for them.
    pub fn speaking(&self, kind: &'static str, place: &'static str) -> Self {
        Self { path: place.into(), kind, sent_to: place, ..self.clone() }
    }

    /// Signed so many seconds ago.
    pub fn aged(&self, seconds: i64) -> Self {
        Self { age: seconds, ..self.clone() }
    }

    /// Of another version of the profile.
    pub fn versed(&self, version: &str) -> Self {
        Self { version: version.into(), ..self.clone() }
    }

    /// Signed with a key that nobody knows.
    pub fn with_new_key(&self) -> Self {
        let keys = self.keys.with_file_name(format!("keys-{}", Uuid::now_v7().simple()));
        KeyFolder::new(&keys).make_missing(Utc::now() - TimeDelta::days(1)).expect("keys");
        Self { keys, ..self.clone() }
    }

    /// Over a connection whose certificate has run out.
    pub fn with_certificate_that_ran_out(&self) -> Self {
        let folder = KeyFolder::new(self.keys.with_file_name(format!("tls-{}", Uuid::now_v7().simple())));
        let now = Utc::now();
        folder.add_tls(&self.code, now, now, -1).expect("a certificate");
        Self { identity: folder.tls_identity(now).expect("a certificate"), ..self.clone() }
    }

    /// A question about nobody.
    pub fn question(&self) -> String {
        let recorded = serde_json::from_str(include_str!("recorded/question-1.0.json")).expect("JSON");
        self.saying(self.afresh(recorded))
    }

    /// The same question, asked anew.
    pub fn afresh(&self, mut question: Value) -> Value {
        question["check"] = json!(Uuid::now_v7());
        question
    }

    /// A message with this body.
    pub fn saying(&self, body: Value) -> String {
        let at = Utc::now() - TimeDelta::seconds(self.age);
        let envelope = Envelope {
            iss: self.code.clone(),
            aud: self.to.clone(),
            jti: Uuid::now_v7(),
            iat: at.timestamp(),
            exp: at.timestamp() + 120,
            htm: Some("POST".into()),
            htu: Some(self.path.clone()),
            ver: self.version.clone(),
            kind: self.kind.into(),
            dirv: 1,
            stm: 1,
            corr: Uuid::now_v7(),
            in_reply_to: None,
            req_sha256: None,
            crit: Vec::new(),
            body,
        };
        Signer::open(KeyFolder::new(&self.keys)).and_then(|signer| signer.sign(MESSAGE_TYPE, &envelope)).expect("a signature")
    }

    /// The same message with another body under the old signature.
    pub fn altered(message: &str) -> String {
        let parts: Vec<&str> = message.split('.').collect();
        let mut envelope: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).expect("base64")).expect("JSON");
        envelope["body"]["reason"] = json!("police-contact");
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(envelope.to_string()), parts[2])
    }

    /// Sends it over a connection with the hand's certificate; answers status and code.
    pub fn send(&self, message: &str) -> (u16, String) {
        let (status, body) = self.send_raw(message);
        let said = if body.starts_with('{') { serde_json::from_str(&body).expect("a problem") } else { self.read(&body) };
        (status, said["code"].as_str().unwrap_or_default().to_owned())
    }

    /// The same; answers status and body.
    pub fn send_raw(&self, message: &str) -> (u16, String) {
        let config = client(&self.identity);
        let (address, message) = (format!("{}{}", self.address, self.sent_to), message.to_owned());
        runtime().block_on(async move {
            let client = reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().expect("a client");
            let response = client.post(address).header(CONTENT_TYPE, "application/jose").body(message).send().await.expect("an answer");
            (response.status().as_u16(), response.text().await.expect("a body"))
        })
    }

    /// What a signed reply says.
    pub fn read(&self, message: &str) -> Value {
        let payload = message.split('.').nth(1).expect("a compact JWS");
        let envelope: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON");
        envelope["body"].clone()
    }
}

/// Takes every server: only what the server makes of us is looked at here.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        unreachable!("only TLS 1.3 is offered")
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn client(identity: &TlsIdentity) -> ClientConfig {
    let chain = vec![CertificateDer::from(identity.certificate.clone())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_client_auth_cert(chain, key)
        .expect("a certificate");
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
