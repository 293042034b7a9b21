//! `/v1/revocations`: tokens and people that are believed no more.

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fields::Fields;
use super::gate::Gate;
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::Problem;
use super::respond::{created, kept, list};
use crate::authz::policy::action;
use crate::authz::token::Verifier;
use crate::domain::text::{Line, TextError};
use crate::register::revocations::{self, NewRevocation};
use crate::store::revocations::{self as rows, RevocationRow};
use crate::store::types::Id;

/// The longest `jti` or `sub` that a token may have, in bytes.
pub const CLAIM_LONGEST: usize = 255;

/// A revocation to be made: of one token, or of a person.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevocationRequest {
    /// What the tokens say in `iss`: one of the issuers that this region trusts.
    #[schema(example = "https://login.example.wales")]
    issuer: Option<String>,
    /// The `jti` of the one token.
    #[schema(example = "01938f0a-7c3e-7b02-9d0b-6f2f0f6f0b11")]
    token_id: Option<String>,
    /// Instead of `tokenId`: the `sub` of a person, of whom every token issued until now is revoked. A token that they are
    /// issued later is believed.
    #[schema(example = "a.price")]
    subject: Option<String>,
    /// Why. Nothing personal: it is for those who keep the server.
    #[schema(example = "The device was lost")]
    reason: Option<String>,
    /// From when on the revocation need not be looked for: not before the last of the tokens has expired.
    until: Option<String>,
}

/// A revocation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevocationView {
    /// Identifier.
    id: String,
    /// Whose tokens they are.
    #[schema(example = "https://login.example.wales")]
    issuer: String,
    /// The `jti` of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    /// The `sub` of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// Why.
    #[schema(example = "The device was lost")]
    reason: String,
    /// Since when. Tokens of the person that were issued later are believed.
    revoked_at: DateTime<Utc>,
    /// By whom.
    #[schema(example = "https://idp.example#operator-1")]
    revoked_by: String,
    /// From when on it is not looked for any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
}

/// A page of revocations.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevocationList {
    /// The revocations, newest first.
    items: Vec<RevocationView>,
    /// Where the next page is.
    links: Links,
}

/// Which page of revocations.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RevocationQuery {
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// A claim as it stands in tokens: compared to the byte, therefore taken as it is.
fn claim(pointer: &str, text: Option<String>, fields: &mut Fields) -> Option<String> {
    let text = text?;
    let wrong = if text.is_empty() {
        TextError::Empty
    } else if text.len() > CLAIM_LONGEST {
        TextError::TooLong
    } else if text.chars().any(char::is_control) {
        TextError::ForbiddenCharacter
    } else {
        return Some(text);
    };
    fields.wrong(pointer, &wrong);
    None
}

impl RevocationRequest {
    fn read(self, verifier: &Verifier, now: DateTime<Utc>) -> Result<NewRevocation, Problem> {
        let mut fields = Fields::default();
        let issuer = self.issuer.filter(|issuer| {
            let trusted = verifier.trusts(issuer);
            if !trusted {
                fields.note("/issuer", "unknown-issuer", "name an issuer that this region trusts, as its tokens do in iss");
            }
            trusted
        });
        if issuer.is_none() && !fields.any() {
            fields.missing("/issuer");
        }
        match (&self.token_id, &self.subject) {
            (None, None) => fields.missing("/tokenId"),
            (Some(_), Some(_)) => fields.note("/subject", "token-or-subject", "give the token or the person, not both"),
            _ => {}
        }
        let token_id = claim("/tokenId", self.token_id, &mut fields);
        let subject = claim("/subject", self.subject, &mut fields);
        let reason: Option<Line> = fields.required("/reason", self.reason.as_deref());
        let until = self.until.and_then(|text| match DateTime::parse_from_rfc3339(&text).map(|until| until.with_timezone(&Utc)) {
            Ok(until) if until > now => Some(until),
            Ok(_) => {
                fields.note("/until", "in-the-past", "give a time that has not passed");
                None
            }
            Err(_) => {
                fields.note("/until", "not-an-instant", "write date and time with the zone, as 2026-11-22T02:08:00Z");
                None
            }
        });
        fields.finish(issuer.zip(reason).map(|(issuer, reason)| NewRevocation { issuer, token_id, subject, reason, until }))
    }
}

impl RevocationView {
    fn new(row: &RevocationRow) -> Self {
        Self {
            id: row.id.0.to_string(),
            issuer: row.issuer.clone(),
            token_id: row.token_id.clone(),
            subject: row.subject.clone(),
            reason: row.reason.clone(),
            revoked_at: row.revoked_at.get(),
            revoked_by: row.revoked_by.clone(),
            until: row.ends_at.map(|at| at.get()),
        }
    }
}

/// Revoke a token or a person
///
/// From the answer on this server believes the token no more, and every other server over the same database within seconds.
/// A person's later tokens are believed: to keep somebody out, their identity provider must stop issuing them.
#[utoipa::path(
    post, path = "/v1/revocations", operation_id = "addRevocation", tag = "Revocations",
    params(super::openapi::IdempotencyKey), request_body = RevocationRequest,
    responses((status = 201, description = "The revocation", body = RevocationView), super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddRevocation>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let by = permit.principal().key();
    let at = app.store.clock().wall();
    let verifier = app.verifier.clone();
    let answer = app
        .store
        .run(
            permit,
            move |snapshot| Once::read(snapshot, incoming.creation::<RevocationRequest>()?, |_, body| body.read(&verifier, at)),
            move |tx, once| once.make(tx, |tx, what| created(None, None, &RevocationView::new(&revocations::add(tx, what, at, &by)?))),
        )
        .await?;
    app.learn_revocations().await;
    Ok(kept(answer))
}

/// List revocations
///
/// Which tokens and people are or were believed no more, since when, and why.
#[utoipa::path(
    get, path = "/v1/revocations", operation_id = "listRevocations", tag = "Revocations", params(RevocationQuery),
    responses((status = 200, description = "A page of revocations, newest first", body = RevocationList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListRevocations>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: RevocationQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
            let found = rows::list(snapshot.connection, page.before::<uuid::Uuid>().map(Id), page.fetch())?;
            let (found, links) = page.cut(snapshot, found, "/v1/revocations", |row| row.id.0);
            list(&RevocationList { items: found.iter().map(RevocationView::new).collect(), links })
        })
        .await
        .map(kept)
}
