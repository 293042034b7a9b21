//! Partner systems: registered, given other keys, suspended and cut off by an operator, and issued access tokens.
//!
//! ```text
//! operator ─▶ add · change_keys · change_status      a system that is cut off loses the tokens it has, too
//! system   ─▶ issue                                  an assertion that was proved becomes a token, once
//! ```

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::keys::Signer;
use super::revocations::{self, NewRevocation};
use super::{Region, RegisterError};
use crate::authz::assertion::{ActingPerson, Assertion, AssertionError, partner};
use crate::authz::{Organisation, Principal, Scope};
use crate::domain::client::ClientStatus;
use crate::domain::identifiers::OdsCode;
use crate::domain::ids::ClientId;
use crate::domain::roles::Sector;
use crate::domain::text::Line;
use crate::store::clients::{self as rows, ClientRow};
use crate::store::connection::AnyConnection;
use crate::store::{Failure, StoreError, Tx};

/// The longest time for which a token that we issue may be good, in seconds.
///
/// # Source
/// ASVS 5.0, 10.3.5 and 10.4.14; contract, part 4.
pub const TOKEN_SECONDS_MAX: u64 = 600;
/// How long it is looked whether a token belongs to a client that was cut off: longer than any is good.
const CUT_OFF_LOOKED_FOR: TimeDelta = TimeDelta::minutes(30);

/// A partner system to be registered.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// What it is called.
    pub name: Line,
    /// The sector of its organisation.
    pub sector: Sector,
    /// Its organisation.
    pub organisation: OdsCode,
    /// The organisation's name, as other agencies know it.
    pub organisation_name: Line,
    /// Its keys.
    pub keys: Keys,
}

/// Where a system's keys are.
#[derive(Debug, Clone)]
pub enum Keys {
    /// A JSON Web Key Set that was read and may be registered.
    Set(String),
    /// The address of one.
    Address(String),
}

impl Keys {
    fn columns(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Set(document) => (Some(document.clone()), None),
            Self::Address(address) => (None, Some(address.clone())),
        }
    }
}

/// Whether somebody sees the region's partner systems: they belong to the region, not to one of its authorities.
fn is_seen(principal: &Principal) -> bool {
    matches!(principal.scope, Scope::Region(_))
}

/// Whether somebody may register one.
///
/// # Errors
/// [`RegisterError::OutsideScope`] when they may not.
pub fn may_add(principal: &Principal) -> Result<(), RegisterError> {
    if is_seen(principal) { Ok(()) } else { Err(RegisterError::OutsideScope) }
}

/// Registers a partner system. `at` is wall time.
///
/// # Errors
/// When the database refuses or fails.
pub fn add(tx: &mut Tx<'_>, new: &NewClient, at: DateTime<Utc>, by: &str) -> Result<ClientRow, RegisterError> {
    add_as(tx, ClientId::new_at(at), new, at, by)
}

/// The same with an identifier that was chosen before.
///
/// # Errors
/// As [`add`].
pub fn add_as(tx: &mut Tx<'_>, id: ClientId, new: &NewClient, at: DateTime<Utc>, by: &str) -> Result<ClientRow, RegisterError> {
    let (jwks, jwks_uri) = new.keys.columns();
    let row = ClientRow {
        id: id.into(),
        version: 1,
        name: new.name.expose().to_owned(),
        sector: new.sector.as_str().to_owned(),
        organisation_code: new.organisation.as_str().to_owned(),
        organisation_name: new.organisation_name.expose().to_owned(),
        jwks,
        jwks_uri,
        status: ClientStatus::Active.as_str().to_owned(),
        status_reason: None,
        status_since: at.into(),
        keys_since: at.into(),
        registered_at: at.into(),
        registered_by: by.to_owned(),
    };
    row.insert(tx.connection)?;
    tx.audit().detail("client", id);
    Ok(row)
}

/// A partner system that somebody may see.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none; or the database fails.
pub fn find(connection: &mut AnyConnection, id: ClientId, principal: &Principal) -> Result<ClientRow, RegisterError> {
    rows::find(connection, id.into())?.filter(|_| is_seen(principal)).ok_or(RegisterError::NotFound)
}

/// A page of the partner systems that somebody may see, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut AnyConnection,
    principal: &Principal,
    before: Option<ClientId>,
    limit: i64,
) -> Result<Vec<ClientRow>, RegisterError> {
    if !is_seen(principal) {
        return Ok(Vec::new());
    }
    Ok(rows::list(connection, before.map(Into::into), limit)?)
}

/// The standing of a partner system.
///
/// # Errors
/// When the row is damaged.
pub fn status(row: &ClientRow) -> Result<ClientStatus, StoreError> {
    row.status.parse().map_err(|_| StoreError::Corrupt("client"))
}

/// Gives a partner system other keys, all at once: whoever rotates names the old and the new one for a while.
///
/// # Errors
/// [`RegisterError::Conflict`] when it is revoked, [`RegisterError::Stale`] when somebody else changed it meanwhile.
pub fn change_keys(tx: &mut Tx<'_>, row: &ClientRow, keys: &Keys, at: DateTime<Utc>) -> Result<ClientRow, RegisterError> {
    if status(row)? == ClientStatus::Revoked {
        return Err(RegisterError::Conflict);
    }
    let (jwks, jwks_uri) = keys.columns();
    keep(tx, ClientRow { jwks, jwks_uri, keys_since: at.into(), ..row.clone() })
}

/// Suspends a partner system, lets it in again, or revokes it. The tokens of one that is cut off are good no more.
///
/// # Errors
/// [`RegisterError::Conflict`] when its standing does not allow it, [`RegisterError::Stale`] when somebody else changed it
/// meanwhile.
pub fn change_status(
    tx: &mut Tx<'_>,
    region: &Region,
    row: &ClientRow,
    to: ClientStatus,
    reason: &str,
    at: DateTime<Utc>,
    by: &str,
) -> Result<ClientRow, RegisterError> {
    if !status(row)?.may_become(to) {
        return Err(RegisterError::Conflict);
    }
    let changed =
        ClientRow { status: to.as_str().to_owned(), status_reason: Some(reason.to_owned()), status_since: at.into(), ..row.clone() };
    let changed = keep(tx, changed)?;
    if to != ClientStatus::Active {
        let cut_off = NewRevocation {
            issuer: region.issuer.clone(),
            token_id: None,
            subject: Some(row.id.0.to_string()),
            reason: "The partner system was cut off".parse().map_err(|_| StoreError::Corrupt("a reason"))?,
            until: Some(at + CUT_OFF_LOOKED_FOR),
        };
        revocations::add(tx, &cut_off, at, by)?;
    }
    Ok(changed)
}

fn keep(tx: &mut Tx<'_>, mut row: ClientRow) -> Result<ClientRow, RegisterError> {
    tx.audit().detail("client", row.id.0);
    if row.change(tx.connection)? { Ok(row) } else { Err(RegisterError::Stale) }
}

/// A partner system as somebody who may ask.
///
/// # Errors
/// When the row is damaged.
pub fn principal(region: &Region, row: &ClientRow, person: Option<&ActingPerson>) -> Result<Principal, StoreError> {
    let sector = row.sector.parse().map_err(|_| StoreError::Corrupt("client"))?;
    let organisation = Organisation { code: row.organisation_code.clone(), name: row.organisation_name.clone() };
    Ok(partner(&region.issuer, &row.id.0.to_string(), sector, organisation, person))
}

/// What an access token of ours says.
///
/// # Source
/// RFC 9068, section 2.2; RFC 8705, section 3.1 for `cnf`.
#[derive(Debug, Serialize)]
pub struct TokenClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    role: &'static str,
    sector: &'a str,
    organisation: TokenOrganisation<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person_role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<TokenConfirmation<'a>>,
}

#[derive(Debug, Serialize)]
struct TokenOrganisation<'a> {
    code: &'a str,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct TokenConfirmation<'a> {
    #[serde(rename = "x5t#S256")]
    certificate: &'a str,
}

/// A token to be issued.
#[derive(Debug)]
pub struct Grant<'a> {
    /// To whom.
    pub client: &'a ClientRow,
    /// As whom: what [`principal`] made of it.
    pub principal: &'a Principal,
    /// For which assertion.
    pub assertion: &'a Assertion,
    /// From when: before the client was looked up, so that cutting it off covers what was under way.
    pub at: DateTime<Utc>,
    /// For how many seconds.
    pub seconds: i64,
    /// The thumbprint of the certificate to whose connections it is bound.
    pub certificate: Option<&'a str>,
}

/// Why a token is not issued after all.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The assertion was used before, or the client has been cut off meanwhile.
    #[error(transparent)]
    Withheld(#[from] AssertionError),
    /// The database failed, or there is no key to sign with.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure for IssueError {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Withheld(_))
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Withheld(error) => error.code(),
            Self::Store(error) => Failure::code(error),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if Failure::is_retryable(error))
    }

    fn is_away(&self) -> bool {
        matches!(self, Self::Store(error) if Failure::is_away(error))
    }
}

/// Issues a token for an assertion, once.
///
/// # Errors
/// When the assertion was used or the client cut off, there is no key to sign with, or the database fails.
pub fn issue(tx: &mut Tx<'_>, signer: &Signer, grant: &Grant<'_>) -> Result<String, IssueError> {
    let Grant { client, principal, assertion, at, seconds, certificate } = grant;
    let now = rows::find(tx.connection, client.id)?;
    if now.is_none_or(|now| now.status != ClientStatus::Active.as_str()) {
        return Err(AssertionError::CutOff.into());
    }
    if !rows::use_assertion(tx.connection, client.id, &assertion.id, assertion.expires, *at)? {
        return Err(AssertionError::Replayed.into());
    }
    let id = uuid::Uuid::now_v7().to_string();
    let claims = TokenClaims {
        iss: &principal.issuer,
        aud: &principal.issuer,
        sub: &principal.subject,
        client_id: client.id.0.to_string(),
        iat: at.timestamp(),
        nbf: at.timestamp(),
        exp: at.timestamp() + seconds,
        jti: id.clone(),
        role: principal.role.as_str(),
        sector: &client.sector,
        organisation: TokenOrganisation { code: &client.organisation_code, name: &client.organisation_name },
        name: principal.name.as_deref(),
        person_role: assertion.person.as_ref().map(|person| person.role.as_str()),
        cnf: certificate.map(|certificate| TokenConfirmation { certificate }),
    };
    let token = signer.sign_at("at+jwt", &claims, *at).map_err(|_| StoreError::Corrupt("the signing key"))?;
    tx.audit().detail("token", id);
    if let Some(person) = &assertion.person {
        tx.audit().detail("personRole", &person.role);
    }
    Ok(token)
}
