//! A client of a region's own face, for people at a terminal: one question, one answer.

use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use uuid::Uuid;

/// An answer larger than this is none.
const ANSWER_BYTES: usize = 4 << 20;
/// The longest time budget of a check is ten seconds; the rest is for the way.
const WAIT: Duration = Duration::from_secs(20);
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// A question whose answer was lost on the way is sent again under the same key, so that it is asked once all the same.
const ATTEMPTS: u32 = 2;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be used.
    #[error("{0} is no address of a region")]
    Address(String),
    /// A token would travel unprotected.
    #[error("the address is neither https:// nor on this machine: the token and the child's particulars would travel in the clear")]
    InTheClear,
    /// The server could not be reached, or its answer was lost.
    #[error("the region could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// What came back is no answer of a region.
    #[error("what came back is not an answer of a region (status {0})")]
    NotAnAnswer(u16),
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// After how many seconds to try again, when the server says so.
    pub retry_after: Option<u64>,
    /// The body: the answer, or a problem.
    pub body: Value,
}

/// Asks a region a question: `POST /v1/checks`.
///
/// # Errors
/// When the address cannot be used or nothing usable comes back. A refusal by the region is a [`Reply`].
pub async fn check(address: &str, token: &SecretString, language: &str, question: &Value) -> Result<Reply, ClientError> {
    post(address, "/v1/checks", token, language, question).await
}

/// Sends something that creates, under one idempotency key however often it must be sent.
///
/// # Errors
/// As [`check`].
pub async fn post(address: &str, path: &str, token: &SecretString, language: &str, body: &Value) -> Result<Reply, ClientError> {
    let unusable = || ClientError::Address(address.to_owned());
    let url = reqwest::Url::parse(&format!("{}{path}", address.trim_end_matches('/'))).map_err(|_| unusable())?;
    let loopback = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|host| host.is_loopback()),
        None => return Err(unusable()),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return Err(ClientError::InTheClear),
        _ => return Err(unusable()),
    }
    let mut client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_WAIT)
        .timeout(WAIT)
        .user_agent(concat!("cofrestr/", env!("CARGO_PKG_VERSION")));
    if loopback {
        client = client.no_proxy();
    }
    let client = client.build().map_err(ClientError::Unreachable)?;
    let key = Uuid::now_v7().to_string();
    let mut attempt = 1;
    let mut response = loop {
        let sent = client
            .post(url.clone())
            .bearer_auth(token.expose_secret())
            .header("Idempotency-Key", &key)
            .header("X-Request-ID", Uuid::now_v7().to_string())
            .header(ACCEPT, "application/json, application/problem+json")
            .header(ACCEPT_LANGUAGE, language)
            .json(body)
            .send()
            .await;
        match sent {
            Ok(response) => break response,
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(ClientError::Unreachable(error.without_url())),
        }
    };
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| ClientError::Unreachable(error.without_url()))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_BYTES {
            return Err(ClientError::NotAnAnswer(status));
        }
    }
    match serde_json::from_slice(&bytes) {
        Ok(body @ Value::Object(_)) => Ok(Reply { status, retry_after, body }),
        _ => Err(ClientError::NotAnAnswer(status)),
    }
}
