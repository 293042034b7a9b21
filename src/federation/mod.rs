//! Other machines: the key sets of identity providers, a region asked from a terminal, and the other regions.

pub mod background;
pub mod client;
mod comparisons;
pub mod custody;
pub mod faults;
pub mod members;
pub mod peers;
pub mod sign_in;
pub mod tls;
pub mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use crate::authz::token::Fetch;

/// A key set larger than this is not one.
const KEY_SET_BYTES: usize = 256 * 1024;
/// How long an identity provider may take.
const KEY_SET_WAIT: Duration = Duration::from_secs(5);

/// Fetches key sets: over TLS, with a time limit and a size limit, following no redirect.
///
/// # Errors
/// When the HTTP client cannot be made.
pub fn key_sets() -> Result<Fetch, reqwest::Error> {
    texts(KEY_SET_BYTES)
}

/// Fetches texts of so many bytes at most: over TLS, with a time limit, following no redirect.
///
/// # Errors
/// When the HTTP client cannot be made.
pub fn texts(most: usize) -> Result<Fetch, reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(KEY_SET_WAIT)
        .user_agent(concat!("cofrestr/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(Arc::new(move |address: String| {
        let client = client.clone();
        Box::pin(async move {
            let mut response = client.get(&address).send().await.map_err(|error| error.without_url().to_string())?;
            if !response.status().is_success() {
                return Err(format!("status {}", response.status().as_u16()));
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| error.without_url().to_string())? {
                body.extend_from_slice(&chunk);
                if body.len() > most {
                    return Err("it is too large".to_owned());
                }
            }
            String::from_utf8(body).map_err(|_| "it is not text".to_owned())
        })
    }))
}
