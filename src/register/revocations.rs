//! Revocations: what an operator does about a token or a person that must not be believed any more.

use chrono::{DateTime, Utc};

use super::RegisterError;
use crate::authz::revocation::{Revocation, Revocations, Revoked};
use crate::domain::ids::RevocationId;
use crate::domain::text::Line;
use crate::store::Tx;
use crate::store::revocations::RevocationRow;

/// A revocation to be made.
#[derive(Debug, Clone)]
pub struct NewRevocation {
    /// Whose tokens they are.
    pub issuer: String,
    /// The token, by its `jti`; or else
    pub token_id: Option<String>,
    /// the person, by their `sub`.
    pub subject: Option<String>,
    /// Why.
    pub reason: Line,
    /// From when on it need not be looked for.
    pub until: Option<DateTime<Utc>>,
}

/// Revokes a token or a person. `at` is wall time, as the times in tokens are, wherever a sandbox's clock stands.
///
/// # Errors
/// When the database refuses or fails.
pub fn add(tx: &mut Tx<'_>, new: &NewRevocation, at: DateTime<Utc>, by: &str) -> Result<RevocationRow, RegisterError> {
    let id = RevocationId::new_at(at);
    let row = RevocationRow {
        id: id.into(),
        issuer: new.issuer.clone(),
        token_id: new.token_id.clone(),
        subject: new.subject.clone(),
        reason: new.reason.expose().to_owned(),
        revoked_at: at.into(),
        revoked_by: by.to_owned(),
        ends_at: new.until.map(Into::into),
    };
    row.insert(tx.connection)?;
    tx.audit().detail("revocation", id);
    Ok(row)
}

/// What the rows say, for those who verify tokens.
pub fn arranged(rows: Vec<RevocationRow>) -> Revocations {
    Revocations::new(rows.into_iter().filter_map(|row| {
        let revoked = match (row.token_id, row.subject) {
            (Some(token), _) => Revoked::Token(token),
            (None, Some(subject)) => Revoked::Subject(subject, row.revoked_at.get()),
            // The database refuses such a row.
            (None, None) => return None,
        };
        Some(Revocation { issuer: row.issuer, revoked, until: row.ends_at.map(|at| at.get()) })
    }))
}
