//! A region that still runs the first version of the profile: it answers with what was in an answer then.

use std::sync::Arc;

use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Data, post};
use actix_web::{App, HttpResponse, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use cofrestr::register::keys::{KeyFolder, Signer};
use cofrestr::register::peers::message::{Envelope, MESSAGE_TYPE, kind};
use cofrestr::register::receipts::sha256;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::Region;

struct Elder {
    code: &'static str,
    signer: Signer,
}

/// Answers in a region's place, at its address and with its keys, until the test process ends. The region's own process has ended.
pub fn answer_in_place_of(region: &Region) {
    let keys = region.keys();
    let identity = keys.tls_identity(Utc::now()).expect("a certificate");
    let chain = vec![CertificateDer::from(identity.certificate.clone())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    let signer = Signer::open(KeyFolder::new(keys.path())).expect("keys");
    let elder = Data::new(Elder { code: region.code, signer });
    let address = region.peers.trim_start_matches("https://").to_owned();
    std::thread::spawn(move || {
        let server = HttpServer::new(move || App::new().app_data(elder.clone()).route("/federation/v1/checks", post().to(checks)))
            .workers(1)
            .disable_signals()
            .bind_rustls_0_23(address, tls)
            .expect("the region's port");
        actix_web::rt::System::new().block_on(server.run())
    });
}

async fn checks(elder: Data<Elder>, question: Bytes) -> HttpResponse {
    let text = String::from_utf8(question.to_vec()).expect("a compact JWS");
    let payload = URL_SAFE_NO_PAD.decode(text.split('.').nth(1).expect("a compact JWS")).expect("base64");
    let asked: Value = serde_json::from_slice(&payload).expect("an envelope");
    let body = &asked["body"];
    let mut answer: Value = serde_json::from_str(include_str!("recorded/answer-1.0.json")).expect("JSON");
    answer["check"] = body["check"].clone();
    let salt = hex::decode(body["salt"].as_str().expect("a salt")).expect("hexadecimal");
    answer["question"] = json!(sha256(&[&salt, body["child"].as_str().expect("a child").as_bytes()]));
    let now = Utc::now();
    let envelope = Envelope {
        iss: elder.code.into(),
        aud: asked["iss"].as_str().expect("a sender").into(),
        jti: Uuid::now_v7(),
        iat: now.timestamp(),
        exp: now.timestamp() + 120,
        htm: None,
        htu: None,
        ver: "1.0".into(),
        kind: kind::ANSWER.into(),
        dirv: 1,
        stm: 1,
        corr: asked["corr"].as_str().and_then(|id| id.parse().ok()).expect("an id"),
        in_reply_to: asked["jti"].as_str().and_then(|id| id.parse().ok()),
        req_sha256: Some(sha256(&[text.as_bytes()])),
        crit: Vec::new(),
        body: answer,
    };
    let signed = elder.signer.sign(MESSAGE_TYPE, &envelope).expect("a signature");
    HttpResponse::Ok().insert_header(ContentType("application/jose".parse().expect("a media type"))).body(signed)
}
