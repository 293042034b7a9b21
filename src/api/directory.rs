//! `/v1/directory`: who is in the federation, and whom to ring there.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::{Federated, Turn};
use super::gate::Gate;
use super::problem::{FieldError, Kind, Problem};
use super::respond::{created, kept, list};
use super::shapes::ContactView;
use crate::authz::policy::action;
use crate::domain::search_set::Standing;
use crate::federation::members::LearnError;
use crate::register::idempotency::{self, Answer, Key};
use crate::register::peers::directory::DirectoryError;
use crate::register::{Region, RegisterError};
use crate::store::{Ending, Snapshot};
use crate::words::Language;

/// The members of the federation.
#[derive(Debug, Serialize, ToSchema)]
pub struct DirectoryView {
    /// The version of the signed directory in use; 0 for a region that stands alone.
    #[schema(example = 7)]
    version: i64,
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
    /// Its standing: `active`, or `suspended`, and then nobody can be told `not-on-register` by a search of the federation.
    #[schema(value_type = String, example = "active")]
    standing: Standing,
    /// Its authorities.
    authorities: Vec<MemberAuthorityView>,
}

/// A new version of the directory.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicationRequest {
    /// The directory as its keeper signed it: what `cofrestr members` writes.
    #[schema(example = "eyJhbGciOiJFZERTQSJ9.eyJ2ZXJzaW9uIjoyfQ.c2lnbmF0dXJl")]
    directory: String,
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
            list(&DirectoryView::new(&region, snapshot.now(), language))
        })
        .await
        .map(kept)
}

impl DirectoryView {
    fn new(region: &Region, now: DateTime<Utc>, language: Language) -> Self {
        let membership = region.membership();
        let standing = |code| membership.peers.get(code).map_or(Standing::Active, |peer| peer.standing);
        let items = membership
            .regions
            .values()
            .map(|member| RegionView {
                code: member.code.to_string(),
                name: member.name(language).to_owned(),
                nation: member.nation.as_str().to_owned(),
                standing: if member.code == *region.code() {
                    membership.own_standing(region.code()).unwrap_or(Standing::Active)
                } else {
                    standing(&member.code)
                },
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
        Self { version: membership.version(), items }
    }
}

/// Under which key a new version was taken up, or the answer of the request before.
type Learnt = (Option<(Key, Turn)>, Option<Answer>);

/// Publish a new version of the directory
///
/// Takes up a directory that its keeper signed, when it follows from the one in use, and hands it to every other region: a member
/// is added, suspended or removed everywhere within seconds. Whoever publishes cannot change what the keeper signed.
#[utoipa::path(
    post, path = "/v1/directory", operation_id = "publishDirectory", tag = "Directory",
    params(super::openapi::IdempotencyKey), request_body = PublicationRequest,
    responses((status = 201, description = "The members now", body = DirectoryView), super::openapi::CreateProblems),
)]
pub async fn publish(gate: Gate<action::PublishDirectory>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, language, app, .. } = gate;
    let region = Arc::clone(&app.region);
    let federated = app.federation.clone();
    let work = async move {
        let read = move |snapshot: &mut Snapshot<'_>| {
            let creation = incoming.creation::<PublicationRequest>()?;
            Ok(match idempotency::before(snapshot, &creation.key)? {
                Some(answer) => (None, Some(answer)),
                None => (Some((creation.key, creation.turn, creation.body.directory)), None),
            })
        };
        let learnt = |(new, before): (Option<(Key, Turn, String)>, Option<Answer>)| async move {
            let Some((key, turn, text)) = new else { return Ok((None, before)) };
            let taken_up = match &federated {
                Some(Federated { members, .. }) => members.learn_directory(text.trim()).await,
                // Whoever pins no keeper's key believes nobody's directory.
                None => Err(DirectoryError::Signature.into()),
            };
            match taken_up {
                Ok(true) => Ok((Some((key, turn)), None)),
                Ok(false) => Err(Problem::invalid(vec![FieldError::worded(
                    "/directory",
                    DirectoryError::Old.code(),
                    DirectoryError::Old.to_string(),
                )])),
                Err(LearnError::Directory(error)) => {
                    Err(Problem::invalid(vec![FieldError::worded("/directory", error.code(), error.to_string())]))
                }
                Err(LearnError::Statement(error)) => {
                    Err(Problem::invalid(vec![FieldError::worded("/directory", error.code(), error.to_string())]))
                }
                Err(LearnError::Register(error)) => Err(error.into()),
            }
        };
        let end = |ending: &mut Ending<'_>, learnt: Result<Learnt, Problem>| {
            let (new, before) = learnt?;
            ending.audit().detail("directory", region.membership().version());
            let answer = match before {
                Some(answer) => answer,
                None => created(None, None, &DirectoryView::new(&region, ending.now(), language))?,
            };
            Ok::<_, Problem>((new, answer))
        };
        let answer = app
            .store
            .run_asking(permit, read, learnt, end, |tx, (new, answer): &(Option<(Key, Turn)>, Answer)| match new {
                Some((key, _)) => Ok(idempotency::once(tx, key, |_| Ok::<_, RegisterError>(answer.clone()))?),
                None => Ok(answer.clone()),
            })
            .await?;
        if let Some(Federated { members, peers: Some(peers) }) = &app.federation {
            members.compare(peers, true).await;
        }
        Ok::<_, Problem>(answer)
    };
    actix_web::rt::spawn(work).await.map_err(|_| Problem::from(Kind::InternalError))?.map(kept)
}
