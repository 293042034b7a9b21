//! `/v1/directory`: who is in the federation, and whom to ring there.

use std::sync::Arc;

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::Gate;
use super::problem::Problem;
use super::respond::{kept, list};
use super::shapes::ContactView;
use crate::authz::policy::action;

/// The members of the federation.
#[derive(Debug, Serialize, ToSchema)]
pub struct DirectoryView {
    /// Every region.
    items: Vec<RegionView>,
}

/// A region.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegionView {
    /// Its code.
    #[schema(example = "gwent")]
    code: String,
    /// Its name in the language of the answer.
    #[schema(example = "Gwent")]
    name: String,
    /// Its nation.
    #[schema(example = "wales")]
    nation: String,
    /// Its authorities.
    authorities: Vec<MemberAuthorityView>,
}

/// An authority of a region.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberAuthorityView {
    /// GSS code.
    #[schema(example = "W06000022")]
    code: String,
    /// Its name in the language of the answer.
    #[schema(example = "Newport")]
    name: String,
    /// The number to ring at this minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<ContactView>,
    /// In office hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    office: Option<ContactView>,
    /// At all other times.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_hours: Option<ContactView>,
}

/// Read the directory
///
/// The regions of the federation, their authorities, and whom to ring there at this minute.
#[utoipa::path(
    get, path = "/v1/directory", operation_id = "readDirectory", tag = "Directory",
    responses((status = 200, description = "The members", body = DirectoryView), super::openapi::OnlyProblems),
)]
pub async fn read(gate: Gate<action::ReadDirectory>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let now = snapshot.now();
            let items = region
                .members()
                .map(|member| RegionView {
                    code: member.code.to_string(),
                    name: member.name(language).to_owned(),
                    nation: member.nation.as_str().to_owned(),
                    authorities: member
                        .authorities
                        .iter()
                        .map(|authority| MemberAuthorityView {
                            code: authority.gss.clone(),
                            name: authority.name(language).to_owned(),
                            now: authority.contact_now(member.nation, now).map(ContactView::new),
                            office: authority.contacts.as_ref().map(|contacts| ContactView::new(&contacts.office)),
                            out_of_hours: authority.contacts.as_ref().map(|contacts| ContactView::new(&contacts.out_of_hours)),
                        })
                        .collect(),
                })
                .collect();
            list(&DirectoryView { items })
        })
        .await
        .map(kept)
}
