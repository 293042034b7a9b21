//! Reading what the API says, as one more caller of it inside the program.

use std::future::Future;

use actix_web::body::to_bytes_limited;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::session::SignedIn;
use crate::api::gate::Gate;
use crate::api::problem::{Kind, Problem};
use crate::authz::{Action, Operation, Reach};
use crate::words::Language;

/// The most that an answer of the API weighs here: two hundred items of a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The longest cursor that is passed on.
const CURSOR_MAX: usize = 200;

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
    links: Links,
}

#[derive(Debug, Deserialize)]
struct Links {
    next: Option<String>,
}

impl<T> Listed<T> {
    /// Where the list goes on, as a page here passes it on.
    pub(super) fn after(&self) -> Option<&str> {
        self.links.next.as_deref()?.split(['?', '&']).find_map(|part| part.strip_prefix("cursor="))
    }
}

/// What an answer of the API says.
pub(super) async fn said<T: DeserializeOwned>(response: HttpResponse) -> Result<T, Problem> {
    let defect = || Problem::from(Kind::InternalError);
    let body = to_bytes_limited(response.into_body(), ANSWER_BYTES_MAX).await.map_err(|_| defect())?.map_err(|_| defect())?;
    serde_json::from_slice(&body).map_err(|_| defect())
}

/// Reads as somebody, through the gate like everybody.
pub(super) async fn read<A, T, F>(
    request: &HttpRequest,
    somebody: &SignedIn,
    language: Language,
    (id, query): (Option<&str>, &str),
    ask: impl FnOnce(Gate<A>) -> F,
) -> Result<T, Problem>
where
    A: Action,
    T: DeserializeOwned,
    F: Future<Output = Result<HttpResponse, Problem>>,
{
    Ok(versioned(request, somebody, language, (id, query), ask).await?.0)
}

/// The same with the version that it has, for a change of it.
pub(super) async fn versioned<A, T, F>(
    request: &HttpRequest,
    somebody: &SignedIn,
    language: Language,
    (id, query): (Option<&str>, &str),
    ask: impl FnOnce(Gate<A>) -> F,
) -> Result<(T, String), Problem>
where
    A: Action,
    T: DeserializeOwned,
    F: Future<Output = Result<HttpResponse, Problem>>,
{
    let gate = Gate::<A>::through_a_page(request, &somebody.credentials, id, query, language).await?;
    let answer = ask(gate).await?;
    let version = answer.headers().get(header::ETAG).and_then(|version| version.to_str().ok()).unwrap_or_default().to_owned();
    Ok((said(answer).await?, version))
}

/// How far somebody reaches with an operation; nothing when their role may not do it.
pub(super) fn reach(operation: Operation, somebody: &SignedIn) -> Option<Reach> {
    operation.allowed().iter().find(|(role, _)| *role == somebody.principal.role).map(|(_, reach)| *reach)
}

/// The rest of a query: how many to a page, and where it goes on. A cursor that is none is passed over, so that it names nothing else.
pub(super) fn paged(limit: u32, after: &str) -> String {
    let is_cursor =
        !after.is_empty() && after.len() <= CURSOR_MAX && after.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if is_cursor { format!("limit={limit}&cursor={after}") } else { format!("limit={limit}") }
}

/// The value of a parameter of the query of a page.
pub(super) fn parameter(request: &HttpRequest, name: &str) -> String {
    let query = actix_web::web::Query::<Vec<(String, String)>>::from_query(request.query_string()).map(|query| query.0);
    query.unwrap_or_default().into_iter().find(|(found, _)| found == name).map(|(_, value)| value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_where_it_says_and_a_cursor_names_nothing_else() {
        let listed = |next: &str| Listed::<u8> { items: vec![], links: Links { next: Some(next.to_owned()) } };
        assert_eq!(listed("/v1/tasks?cursor=AZ_-9&limit=10&open=true").after(), Some("AZ_-9"));
        assert_eq!(listed("/v1/tasks?limit=10").after(), None);
        for (after, query) in [
            ("", "limit=10"),
            ("AZ_-9", "limit=10&cursor=AZ_-9"),
            ("AZ&child=x", "limit=10"),
            ("AZ%26", "limit=10"),
            (&"A".repeat(201), "limit=10"),
        ] {
            assert_eq!(paged(10, after), query, "{after}");
        }
    }
}
