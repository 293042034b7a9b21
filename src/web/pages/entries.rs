//! A child's entries on the registers, of those that somebody may see.

use actix_web::HttpRequest;
use chrono::NaiveDate;
use serde::{Deserialize, de::IgnoredAny};

use super::children::Child;
use super::page::Page;
use super::reading::read;
use super::session::{SignedIn, Visit};
use crate::api::problem::{Kind, Problem};
use crate::api::registrations;
use crate::authz::policy::action::ReadRegistration;

/// Of the entries of one child, the latest that are looked at: far more than anybody has had.
const ENTRIES_MAX: usize = 20;

/// An entry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) id: String,
    /// Whose register (GSS code).
    pub(super) authority: String,
    status: String,
    registered_on: NaiveDate,
    home: Option<IgnoredAny>,
}

impl Entry {
    /// Whether it is in force by a decision of its own authority.
    fn is_in_force(&self) -> bool {
        self.home.is_none() && ["registered", "transfer-pending", "unborn-registered"].contains(&self.status.as_str())
    }

    /// As people tell it from another.
    fn said(&self, visit: &Visit, page: &Page) -> String {
        let known = visit.app.region.authority(&self.authority);
        let name = known.map_or_else(|| self.authority.clone(), |(_, authority)| authority.name(visit.language).to_owned());
        format!("{name}, {}", page.day(&self.registered_on))
    }
}

/// The entries of a child that are in force, the latest first. What the person may not see of them is as if it were not there.
///
/// # Errors
/// As the operation documents them.
pub(super) async fn in_force(request: &HttpRequest, visit: &Visit, somebody: &SignedIn, child: &Child) -> Result<Vec<Entry>, Problem> {
    let mut found = Vec::new();
    for id in child.registration_ids.iter().rev().take(ENTRIES_MAX) {
        match read::<ReadRegistration, Entry, _>(request, somebody, visit.language, (Some(id), ""), registrations::read).await {
            Ok(entry) => found.push(entry),
            Err(problem) if problem.kind == Kind::NotFound => {}
            Err(problem) => return Err(problem),
        }
    }
    found.retain(Entry::is_in_force);
    Ok(found)
}

/// The entries to choose from: their identifiers, and what they are called.
pub(super) fn choices(entries: &[Entry], visit: &Visit, page: &Page) -> Vec<(String, String)> {
    entries.iter().map(|entry| (entry.id.clone(), entry.said(visit, page))).collect()
}
