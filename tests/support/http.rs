//! A small blocking HTTP client: tests read better without `await`.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// A request that takes longer than this is a fault.
const LIMIT: Duration = Duration::from_secs(120);

/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(2);

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// The runtime of the client.
pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime for the client")
    })
}

fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([])
            .timeout(LIMIT)
            // Shorter than a server keeps a connection that nobody uses: a request must not meet one that is just being closed.
            .pool_idle_timeout(IDLE)
            .build()
            .expect("a client")
    })
}

/// Sends a request and waits for the answer.
pub fn send(method: &Method, url: &str, headers: &HeaderMap, body: Option<Vec<u8>>) -> Answer {
    try_send(method, url, headers, body).unwrap_or_else(|error| panic!("{method} {url} was not answered: {error}"))
}

/// Sends a request; says why there was no answer.
pub fn try_send(method: &Method, url: &str, headers: &HeaderMap, body: Option<Vec<u8>>) -> Result<Answer, String> {
    runtime().block_on(async {
        let mut request = client().request(method.clone(), url).headers(headers.clone());
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.map_err(|error| error.to_string())?;
        Ok(Answer { status, headers, body: String::from_utf8(body.to_vec()).map_err(|error| error.to_string())? })
    })
}

/// A header's name and value.
pub fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (name.parse().expect("a header name"), value.parse().expect("a header value"))
}

impl Answer {
    /// The answer, which has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "unexpected answer: {}", self.body);
        self
    }

    /// A header, if it is there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().expect("a readable header"));
        assert!(values.next().is_none(), "{name} stands more than once");
        first
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.body))
    }

    /// An item of the body by its JSON pointer; null when it is absent.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> Value {
        self.json().pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    /// An item that is a text.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("no text at {pointer}: {}", self.body)).to_owned()
    }

    /// An item that is a list.
    #[track_caller]
    pub fn list(&self, pointer: &str) -> Vec<Value> {
        self.at(pointer).as_array().unwrap_or_else(|| panic!("no list at {pointer}: {}", self.body)).clone()
    }

    /// Checks that this is a problem of a kind (RFC 9457) and answers it.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status, status, "unexpected answer: {}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.body);
        let body = self.json();
        assert_eq!(body["code"], code, "{}", self.body);
        assert_eq!(body["status"], status);
        for name in ["type", "title", "detail", "instance"] {
            assert!(body[name].as_str().is_some_and(|text| !text.is_empty()), "a problem needs {name}: {}", self.body);
        }
        self
    }

    /// The mistakes that a 422 names, as `pointer code`.
    #[track_caller]
    pub fn mistakes(&self) -> Vec<String> {
        self.list("/errors")
            .iter()
            .map(|error| format!("{} {}", error["pointer"].as_str().unwrap_or("?"), error["code"].as_str().unwrap_or("?")))
            .collect()
    }
}
