//! Pages of lists: newest first, an opaque cursor to the next.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::{Kind, Problem};
use crate::store::Snapshot;

/// Items on a page when the caller names no number.
const USUAL: i64 = 50;
/// The most items on a page.
const MOST: i64 = 200;

/// Where other pages are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Links {
    /// The next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/v1/checks?cursor=AZOPCnw-ewKdC28vD28LEQ")]
    next: Option<String>,
}

impl Links {
    /// Of a list that is always whole.
    pub const fn none() -> Self {
        Self { next: None }
    }
}

impl Links {
    /// Links with the next page at an address; none on the last.
    pub fn to(next: Option<String>) -> Self {
        Self { next }
    }
}

/// Which page is asked for.
#[derive(Debug, Clone)]
pub struct Page {
    before: Option<Uuid>,
    limit: i64,
    stated_limit: Option<i64>,
    filters: Vec<(&'static str, String)>,
}

impl Page {
    /// The page that a cursor, a limit and the filters of the list name.
    ///
    /// # Errors
    /// 400 when the cursor is not one of ours or the limit is out of range.
    pub fn new(
        cursor: Option<&str>,
        limit: Option<i64>,
        filters: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, Problem> {
        let before = cursor
            .map(|text| URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok()).ok_or(Kind::MalformedQuery))
            .transpose()?;
        if limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
            return Err(Kind::MalformedQuery.into());
        }
        Ok(Self { before, limit: limit.unwrap_or(USUAL), stated_limit: limit, filters: filters.into_iter().collect() })
    }

    /// The item after which the page begins.
    pub fn before<T: TryFrom<Uuid>>(&self) -> Option<T> {
        self.before.and_then(|id| T::try_from(id).ok())
    }

    /// How many to fetch: one more than is shown, to know whether there is a next page.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// What is shown of what was fetched, and where the next page is; that there is nothing stands in the audit entry.
    pub fn cut<T>(&self, snapshot: &mut Snapshot<'_>, mut fetched: Vec<T>, path: &str, id: impl Fn(&T) -> Uuid) -> (Vec<T>, Links) {
        if fetched.is_empty() {
            snapshot.audit().empty();
        }
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = fetched.len() > limit;
        fetched.truncate(limit);
        let next = fetched.last().filter(|_| more).map(|last| {
            let mut link = format!("{path}?cursor={}", URL_SAFE_NO_PAD.encode(id(last).as_bytes()));
            if let Some(limit) = self.stated_limit {
                link.push_str(&format!("&limit={limit}"));
            }
            for (name, value) in &self.filters {
                link.push_str(&format!("&{name}={value}"));
            }
            link
        });
        (fetched, Links { next })
    }
}
