//! The ready file: where the regions are, how to sign in, and whom to ask about.

use std::path::PathBuf;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::{Map, Value};

use super::client::DemoClient;
use crate::domain::ids::ChildId;
use crate::invent::{Birth, InventedAddress, InventedChild};

/// The whole file.
///
/// # Source
/// Contract, part 5.
#[derive(Debug, Serialize)]
pub(super) struct Ready<'a> {
    pub(super) regions: Vec<ReadyRegion<'a>>,
    pub(super) children: Vec<&'a ReadyChild>,
}

/// A region that answers.
#[derive(Debug, Serialize)]
pub(super) struct ReadyRegion<'a> {
    pub(super) code: &'a str,
    pub(super) url: String,
    pub(super) pid: u32,
    pub(super) database: String,
    pub(super) config: PathBuf,
    pub(super) tokens: &'a Map<String, Value>,
    /// The hospital's system, for getting tokens at `/oauth2/token`.
    pub(super) client: &'a DemoClient,
}

/// A name as the interface has it.
#[derive(Debug, Serialize)]
pub(super) struct ReadyName {
    #[serde(skip_serializing_if = "Option::is_none")]
    given: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<String>,
}

/// An invented child with an entry: what an enquirer might know of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadyChild {
    /// What the README calls them, for those who are the same in every demo; otherwise a number.
    key: String,
    region: &'static str,
    authority: String,
    id: ChildId,
    #[serde(flatten)]
    name: ReadyName,
    /// Only where the day is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth_from: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth_to: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_delivery_date: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nhs_number: Option<String>,
    /// Of an address that may be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    postcode: Option<String>,
    status: &'static str,
    aliases: Vec<ReadyName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mother: Option<ReadyName>,
    shielded: bool,
}

impl ReadyChild {
    /// A child of a region; nothing for brothers and sisters without an entry.
    pub(super) fn new(region: &'static str, id: ChildId, child: InventedChild) -> Option<Self> {
        let status = child.registration.as_ref()?.standing.as_str();
        let mother = child.mother().map(|mother| ReadyName { given: Some(mother.given.clone()), family: Some(mother.family.clone()) });
        // Where a shielded child lives now is as hidden as a refuge; where they lived openly before is not.
        let is_hidden = |address: &InventedAddress| address.confidential || (child.shielded && address.to.is_none());
        let open = child.addresses.iter().find(|address| !is_hidden(address));
        let postcode = open.map(|address| address.postcode.clone());
        let mut names = child.names.into_iter().map(|name| ReadyName { given: name.given, family: name.family });
        let (exact, range, expected) = match child.birth {
            Birth::Exact(on) => (Some(on), None, None),
            Birth::Approximate { from, to } => (None, Some((from, to)), None),
            Birth::Expected(on) => (None, None, Some(on)),
        };
        Some(Self {
            key: child.key,
            region,
            authority: child.authority,
            id,
            name: names.next().unwrap_or(ReadyName { given: None, family: None }),
            date_of_birth: exact,
            date_of_birth_from: range.map(|(from, _)| from),
            date_of_birth_to: range.map(|(_, to)| to),
            expected_delivery_date: expected,
            nhs_number: child.nhs_number,
            postcode,
            status,
            aliases: names.collect(),
            mother,
            shielded: child.shielded,
        })
    }
}
