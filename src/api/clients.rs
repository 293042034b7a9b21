//! `/v1/clients`: the partner systems registered with this region. An operator keeps them and sees nothing of a case.

use std::sync::Arc;

use actix_web::HttpResponse;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::children::ReasonRequest;
use super::fields::Fields;
use super::gate::{Gate, etag};
use super::once::Once;
use super::paging::{Links, Page};
use super::problem::Problem;
use super::respond::{created, item, kept, list};
use crate::authz::Action;
use crate::authz::assertion::{KEYS_MAX, read_key_set};
use crate::authz::policy::action;
use crate::domain::client::ClientStatus;
use crate::domain::identifiers::OdsCode;
use crate::domain::ids::ClientId;
use crate::domain::roles::Sector;
use crate::domain::text::Line;
use crate::register::clients::{self, Keys, NewClient};
use crate::store::clients::ClientRow;

/// The longest address of a key set, in characters.
const ADDRESS_LONGEST: usize = 500;

/// A partner system to be registered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientRequest {
    /// What it is called.
    #[schema(example = "Emergency department system")]
    name: Option<String>,
    /// The sector of its organisation.
    #[schema(example = "health")]
    sector: Option<String>,
    /// Its organisation.
    organisation: Option<OrganisationShape>,
    /// Its public keys; or else `jwksUri`.
    jwks: Option<KeySetShape>,
    /// The `https` address at which it publishes them.
    #[schema(example = "https://ed.hospital.example/jwks.json")]
    jwks_uri: Option<String>,
}

/// An organisation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationShape {
    /// ODS code.
    #[schema(example = "7A6")]
    code: Option<String>,
    /// Name, as other agencies know it.
    #[schema(example = "Aneurin Bevan University Health Board")]
    name: Option<String>,
}

/// A JSON Web Key Set (RFC 7517): one to ten public keys, each with a `kid` of its own, RSA of 2048 bits or more (RS384,
/// RS512), EC P-384 (ES384) or Ed25519 (EdDSA).
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct KeySetShape {
    /// The keys.
    #[schema(
        min_items = 1, max_items = 10, value_type = Vec<Object>,
        example = json!([{"kty": "OKP", "crv": "Ed25519", "kid": "2026-11", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}])
    )]
    keys: Vec<Value>,
}

/// Other keys of a partner system, all of them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientKeysRequest {
    /// Its public keys; or else `jwksUri`.
    jwks: Option<KeySetShape>,
    /// The `https` address at which it publishes them.
    #[schema(example = "https://ed.hospital.example/jwks.json")]
    jwks_uri: Option<String>,
}

/// A partner system.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientView {
    /// Identifier: the `client_id`, which its assertions say in `iss` and `sub`.
    id: String,
    /// What it is called.
    #[schema(example = "Emergency department system")]
    name: String,
    /// The sector of its organisation.
    sector: String,
    /// Its organisation.
    organisation: OrganisationView,
    /// Whether it is let in.
    status: String,
    /// Why it is suspended, revoked, or let in again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "A laptop with the key was lost")]
    status_reason: Option<String>,
    /// Since when.
    status_since: DateTime<Utc>,
    /// Its registered keys; none when they are at `jwksUri`.
    keys: Vec<ClientKeyView>,
    /// Where it publishes its keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://ed.hospital.example/jwks.json")]
    jwks_uri: Option<String>,
    /// Since when it has these keys.
    keys_since: DateTime<Utc>,
    /// What its assertions must say in `aud`: this, or `tokenEndpoint`.
    #[schema(example = "https://gwent.example.wales")]
    issuer: String,
    /// Where it gets its tokens.
    #[schema(example = "https://gwent.example.wales/oauth2/token")]
    token_endpoint: String,
    /// When it was registered.
    registered_at: DateTime<Utc>,
    /// By whom.
    #[schema(example = "https://idp.example#operator-1")]
    registered_by: String,
}

/// An organisation.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrganisationView {
    /// ODS code.
    #[schema(example = "7A6")]
    code: String,
    /// Name.
    #[schema(example = "Aneurin Bevan University Health Board")]
    name: String,
}

/// A registered key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientKeyView {
    /// Its `kid`.
    #[schema(example = "2026-11")]
    kid: String,
    /// With which algorithms it may be used.
    #[schema(example = json!(["EdDSA"]))]
    algorithms: Vec<String>,
}

/// A page of partner systems.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientList {
    /// The partner systems, newest first.
    items: Vec<ClientView>,
    /// Where the next page is.
    links: Links,
}

/// Which page of partner systems.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClientQuery {
    /// Where to go on: `links.next` of the page before.
    cursor: Option<String>,
    /// How many to a page, 1 to 200; default 50.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<i64>,
}

/// Reads the keys, which stand in the request or at an address.
fn keys(set: Option<KeySetShape>, address: Option<&str>, sandbox: bool, fields: &mut Fields) -> Option<Keys> {
    match (set, address) {
        (None, None) => fields.missing("/jwks"),
        (Some(_), Some(_)) => fields.note("/jwksUri", "keys-or-address", "give the keys or their address, not both"),
        (Some(set), None) => {
            let document = serde_json::json!({ "keys": set.keys });
            match read_key_set(&document) {
                Ok(_) => return Some(Keys::Set(document.to_string())),
                Err((index, error)) => {
                    fields.wrong(&index.map_or_else(|| "/jwks/keys".to_owned(), |index| format!("/jwks/keys/{index}")), &error);
                }
            }
        }
        (None, Some(address)) => {
            // As for identity providers: a sandbox may have them on its own machine.
            let usable = address.starts_with("https://") || (sandbox && address.starts_with("http://127.0.0.1:"));
            if usable && address.len() <= ADDRESS_LONGEST && address.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Some(Keys::Address(address.to_owned()));
            }
            fields.note("/jwksUri", "not-an-address", "give an address that begins with https://");
        }
    }
    None
}

impl ClientRequest {
    fn read(self, sandbox: bool) -> Result<NewClient, Problem> {
        let mut fields = Fields::default();
        let name: Option<Line> = fields.required("/name", self.name.as_deref());
        let sector: Option<Sector> = fields.required("/sector", self.sector.as_deref());
        let mut organisation = None;
        match &self.organisation {
            None => fields.missing("/organisation"),
            Some(stated) => {
                let code: Option<OdsCode> = fields.required("/organisation/code", stated.code.as_deref());
                organisation = code.zip(fields.required::<Line>("/organisation/name", stated.name.as_deref()));
            }
        }
        let keys = keys(self.jwks, self.jwks_uri.as_deref(), sandbox, &mut fields);
        let read = name.zip(sector).zip(organisation).zip(keys).map(|(((name, sector), (organisation, organisation_name)), keys)| {
            NewClient { name, sector, organisation, organisation_name, keys }
        });
        fields.finish(read)
    }
}

impl ClientView {
    fn new(row: &ClientRow, issuer: &str) -> Self {
        let set = row.jwks.as_deref().and_then(|document| serde_json::from_str::<Value>(document).ok());
        let keys = set.and_then(|set| read_key_set(&set).ok()).unwrap_or_default();
        Self {
            id: row.id.0.to_string(),
            name: row.name.clone(),
            sector: row.sector.clone(),
            organisation: OrganisationView { code: row.organisation_code.clone(), name: row.organisation_name.clone() },
            status: row.status.clone(),
            status_reason: row.status_reason.clone(),
            status_since: row.status_since.get(),
            keys: keys.into_iter().take(KEYS_MAX).map(|key| ClientKeyView { kid: key.kid, algorithms: key.algorithms }).collect(),
            jwks_uri: row.jwks_uri.clone(),
            keys_since: row.keys_since.get(),
            issuer: issuer.to_owned(),
            token_endpoint: super::oauth::endpoint(issuer),
            registered_at: row.registered_at.get(),
            registered_by: row.registered_by.clone(),
        }
    }
}

/// Register a partner system
///
/// With its public keys, or the address at which it publishes them. From the answer on it is issued tokens at `/oauth2/token`.
#[utoipa::path(
    post, path = "/v1/clients", operation_id = "addClient", tag = "Partner systems",
    params(super::openapi::IdempotencyKey), request_body = ClientRequest,
    responses((status = 201, description = "The partner system", body = ClientView,
        headers(("Location" = String, description = "Where it can be read"), ("ETag" = String, description = "Its version"))),
        super::openapi::CreateProblems),
)]
pub async fn add(gate: Gate<action::AddClient>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let at = app.store.clock().wall();
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                clients::may_add(&principal)?;
                Once::read(snapshot, incoming.creation::<ClientRequest>()?, |_, body| body.read(reader.sandbox))
            },
            move |tx, once| {
                once.make(tx, |tx, client| {
                    let row = clients::add(tx, client, at, &by)?;
                    let location = format!("/v1/clients/{}", row.id.0);
                    created(Some(location), Some(etag(row.version)), &ClientView::new(&row, &writer.issuer))
                })
            },
        )
        .await
        .map(kept)
}

/// List the partner systems
///
/// Who may get tokens here, and with which keys.
#[utoipa::path(
    get, path = "/v1/clients", operation_id = "listClients", tag = "Partner systems", params(ClientQuery),
    responses((status = 200, description = "A page of partner systems, newest first", body = ClientList), super::openapi::ListProblems),
)]
pub async fn index(gate: Gate<action::ListClients>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            incoming.reading()?;
            let query: ClientQuery = incoming.query()?;
            let page = Page::new(query.cursor.as_deref(), query.limit, [])?;
            let found = clients::list(snapshot.connection, &principal, page.before(), page.fetch())?;
            let (found, links) = page.cut(snapshot, found, "/v1/clients", |row| row.id.0);
            list(&ClientList { items: found.iter().map(|row| ClientView::new(row, &region.issuer)).collect(), links })
        })
        .await
        .map(kept)
}

/// Read what is registered of a partner system
///
/// Its standing and its keys.
#[utoipa::path(
    get, path = "/v1/clients/{id}", operation_id = "readClient", tag = "Partner systems",
    params(("id" = String, Path, description = "Identifier of the partner system")),
    responses((status = 200, description = "The partner system", body = ClientView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ReadProblems),
)]
pub async fn read(gate: Gate<action::ReadClient>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let region = Arc::clone(&app.region);
    app.store
        .read(permit, move |snapshot| {
            let row = clients::find(snapshot.connection, incoming.id::<ClientId>()?, &principal)?;
            incoming.reading()?;
            item(row.version, &ClientView::new(&row, &region.issuer))
        })
        .await
        .map(kept)
}

/// Change the keys of a partner system
///
/// The keys that it has from now on, all of them: to rotate, name the old and the new one until the system signs with the new.
#[utoipa::path(
    put, path = "/v1/clients/{id}/keys", operation_id = "changeClientKeys", tag = "Partner systems",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the partner system")),
    request_body = ClientKeysRequest,
    responses((status = 200, description = "The partner system", body = ClientView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn change_keys(gate: Gate<action::ChangeClientKeys>) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let at = app.store.clock().wall();
    let (reader, writer) = (Arc::clone(&app.region), Arc::clone(&app.region));
    app.store
        .run(
            permit,
            move |snapshot| {
                let row = clients::find(snapshot.connection, incoming.id::<ClientId>()?, &principal)?;
                let body: ClientKeysRequest = incoming.change(row.version)?;
                let mut fields = Fields::default();
                let read = keys(body.jwks, body.jwks_uri.as_deref(), reader.sandbox, &mut fields);
                Ok((row, fields.finish(read)?))
            },
            move |tx, (row, keys): &(ClientRow, Keys)| {
                let row = clients::change_keys(tx, row, keys, at)?;
                item::<ClientView>(row.version, &ClientView::new(&row, &writer.issuer))
            },
        )
        .await
        .map(kept)
}

/// Suspend a partner system
///
/// It is issued no tokens until it is let in again, and those that it has are refused: at once here, within seconds by every
/// other server over the same database.
#[utoipa::path(
    post, path = "/v1/clients/{id}/suspension", operation_id = "suspendClient", tag = "Partner systems",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the partner system")), request_body = ReasonRequest,
    responses((status = 200, description = "The partner system", body = ClientView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn suspend(gate: Gate<action::SuspendClient>) -> Result<HttpResponse, Problem> {
    change_status(gate, ClientStatus::Suspended).await
}

/// Let a suspended partner system in again
///
/// It is issued tokens again; those it had before stay refused.
#[utoipa::path(
    post, path = "/v1/clients/{id}/resumption", operation_id = "resumeClient", tag = "Partner systems",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the partner system")), request_body = ReasonRequest,
    responses((status = 200, description = "The partner system", body = ClientView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn resume(gate: Gate<action::ResumeClient>) -> Result<HttpResponse, Problem> {
    change_status(gate, ClientStatus::Active).await
}

/// Cut a partner system off for good
///
/// As a suspension that nobody can lift.
#[utoipa::path(
    post, path = "/v1/clients/{id}/revocation", operation_id = "revokeClient", tag = "Partner systems",
    params(super::openapi::IfMatch, ("id" = String, Path, description = "Identifier of the partner system")), request_body = ReasonRequest,
    responses((status = 200, description = "The partner system", body = ClientView,
        headers(("ETag" = String, description = "Its version"))), super::openapi::ChangeProblems),
)]
pub async fn revoke(gate: Gate<action::RevokeClient>) -> Result<HttpResponse, Problem> {
    change_status(gate, ClientStatus::Revoked).await
}

async fn change_status<A: Action>(gate: Gate<A>, to: ClientStatus) -> Result<HttpResponse, Problem> {
    let Gate { permit, incoming, app, .. } = gate;
    let principal = Arc::clone(permit.principal());
    let by = principal.key();
    let at = app.store.clock().wall();
    let region = Arc::clone(&app.region);
    let answer = app
        .store
        .run(
            permit,
            move |snapshot| {
                let row = clients::find(snapshot.connection, incoming.id::<ClientId>()?, &principal)?;
                let body: ReasonRequest = incoming.change(row.version)?;
                Ok((row, body.read()?.expose().to_owned()))
            },
            move |tx, (row, reason): &(ClientRow, String)| {
                let row = clients::change_status(tx, &region, row, to, reason, at, &by)?;
                item::<ClientView>(row.version, &ClientView::new(&row, &region.issuer))
            },
        )
        .await?;
    app.learn_revocations().await;
    Ok(kept(answer))
}
