//! Other machines: for now the key sets of identity providers, and a region asked from a terminal.

pub mod client;

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
                if body.len() > KEY_SET_BYTES {
                    return Err("the key set is too large".to_owned());
                }
            }
            String::from_utf8(body).map_err(|_| "the key set is not text".to_owned())
        })
    }))
}
