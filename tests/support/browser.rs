//! A browser without scripts, for the pages: it keeps cookies and follows nothing by itself.

use std::cell::RefCell;
use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::HeaderMap;

use super::app::TestApp;
use super::http::{self, Answer};

/// The browser of somebody who uses the pages of a server.
pub struct Browser<'a> {
    /// The address of the server.
    base: String,
    /// Where what is typed about people is remembered: it may stand in no log line.
    app: Option<&'a TestApp>,
    /// Its cookies.
    pub cookies: RefCell<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    /// A new one, for a server of a test.
    pub fn of(app: &'a TestApp) -> Self {
        Self::with(app, BTreeMap::new())
    }

    /// One that has cookies.
    pub fn with(app: &'a TestApp, cookies: BTreeMap<String, String>) -> Self {
        Self { base: app.url(""), app: Some(app), cookies: RefCell::new(cookies) }
    }

    /// A new one, for a server at an address.
    pub fn at(base: String) -> Self {
        Self { base, app: None, cookies: RefCell::default() }
    }

    fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let cookies = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut headers = HeaderMap::new();
        if !cookies.is_empty() {
            headers.extend([http::header("cookie", &cookies)]);
        }
        if body.is_some() {
            headers.extend([http::header("content-type", "application/x-www-form-urlencoded")]);
        }
        let answer = http::send(&method, &format!("{}{path}", self.base), &headers, body.map(String::into_bytes));
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("a cookie");
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{cookie}");
            let (name, value) = cookie.split(';').next().expect("a value").split_once('=').expect("a name");
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Goes to a page.
    pub fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None)
    }

    /// Sends a form.
    pub fn post(&self, path: &str, typed: &[(&str, &str)]) -> Answer {
        const PERSONAL: [&str; 10] =
            ["given", "family", "others", "postcode", "number", "caller-number", "address", "carers", "reason", "practitioner"];
        for (name, value) in typed {
            if let Some(app) = self.app.filter(|_| PERSONAL.contains(name) && value.len() >= 4 && !is_code(value)) {
                app.remember_typed(value);
            }
        }
        let body = reqwest::Url::parse_with_params("http://x/", typed).expect("a form").query().unwrap_or_default().to_owned();
        self.send(Method::POST, path, Some(body))
    }

    /// Signs in by choosing.
    #[track_caller]
    pub fn sign_in(&self, person: &str) {
        let form = self.get("/sign-in").expect(200);
        self.post("/sign-in", &[("mark", &hidden(&form, "mark")), ("person", person)]).expect(303);
    }

    /// Fills a fresh form with a question and sends it.
    pub fn ask(&self, typed: &[(&str, &str)]) -> Answer {
        let form = self.get("/ask").expect(200);
        let (mark, key) = (hidden(&form, "mark"), hidden(&form, "key"));
        self.post("/ask", &[&[("mark", mark.as_str()), ("key", key.as_str())], typed].concat())
    }
}

/// Whether something that was chosen, not typed.
fn is_code(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit())
}

/// The value of a hidden item of a form.
#[track_caller]
pub fn hidden(page: &Answer, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.body.split_once(&start).unwrap_or_else(|| panic!("no {name} in {}", page.body)).1;
    rest.split('"').next().expect("a value").to_owned()
}

/// Where an answer sends one on.
#[track_caller]
pub fn place(answer: &Answer) -> String {
    answer.clone().expect(303).header("location").expect("a place").to_owned()
}
