//! Reading the audit log: who may see which entries, and the proofs that they stand in the log.

use super::RegisterError;
use crate::authz::{Principal, Reach, Scope};
use crate::store::Snapshot;
use crate::store::audit::{self as rows, EntryRow, Filter, Sight};
use crate::store::connection::AnyConnection;
use crate::store::log::{self, CheckpointRow};
use crate::store::merkle::{self, Hash};
use crate::store::types::Id;

/// Which entries somebody may see: with the whole region in their token all, with one authority those about its children and
/// those of what its people did, a co-ordinator those about their own cases.
pub fn sight(principal: &Principal, reach: Reach) -> Sight {
    match (reach, &principal.scope) {
        (Reach::Own, _) => Sight::CasesOf(principal.key()),
        (Reach::Scope, Scope::Region(_)) => Sight::All,
        (Reach::Scope, Scope::Authority(authority)) => Sight::Authorities(vec![authority.clone()]),
        (Reach::Scope, Scope::Organisation(_)) => Sight::Authorities(Vec::new()),
    }
}

/// The entry with this identifier.
///
/// # Errors
/// [`RegisterError::NotFound`] when there is none, or none for this caller.
pub fn find(connection: &mut AnyConnection, sight: &Sight, entry: uuid::Uuid) -> Result<EntryRow, RegisterError> {
    let filter = Filter { entry: Some(entry), ..Filter::default() };
    rows::list(connection, sight, &filter, None, 1)?.pop().ok_or(RegisterError::NotFound)
}

/// That an entry stands in the log, as of a checkpoint.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The place of the entry.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Hash,
    /// The inclusion proof.
    pub path: Vec<Hash>,
    /// The checkpoint to which it leads.
    pub checkpoint: CheckpointRow,
}

/// The proof for an entry; nothing while no checkpoint covers it yet.
///
/// # Errors
/// When the database fails.
pub fn proof(connection: &mut AnyConnection, entry: Id) -> Result<Option<Proof>, RegisterError> {
    let (Some((index, leaf)), Some(checkpoint)) = (log::place_in(connection, entry)?, log::latest(connection)?) else {
        return Ok(None);
    };
    let size = u64::try_from(checkpoint.size).unwrap_or(0);
    if index >= size {
        return Ok(None);
    }
    let path = merkle::inclusion(&mut log::Kept(connection), index, size)?;
    Ok(Some(Proof { index, leaf, path, checkpoint }))
}

/// That the log at one size is the beginning of the log at another.
#[derive(Debug, Clone)]
pub struct Consistency {
    /// The smaller size.
    pub from: u64,
    /// The root at that size.
    pub from_root: Hash,
    /// The larger size.
    pub to: u64,
    /// The root at that size.
    pub to_root: Hash,
    /// The consistency proof.
    pub path: Vec<Hash>,
    /// The latest checkpoint.
    pub checkpoint: CheckpointRow,
}

/// The consistency of the log between two sizes; nothing when they are in the wrong order or no checkpoint covers them.
///
/// # Errors
/// When the database fails.
pub fn consistency(snapshot: &mut Snapshot<'_>, from: u64, to: Option<u64>) -> Result<Option<Consistency>, RegisterError> {
    let Some(checkpoint) = log::latest(snapshot.connection)? else { return Ok(None) };
    let size = u64::try_from(checkpoint.size).unwrap_or(0);
    let to = to.unwrap_or(size);
    if from > to || to > size {
        return Ok(None);
    }
    let mut kept = log::Kept(snapshot.connection);
    let (from_root, to_root) = (merkle::root(&mut kept, from)?, merkle::root(&mut kept, to)?);
    let path = merkle::consistency(&mut kept, from, to)?;
    Ok(Some(Consistency { from, from_root, to, to_root, path, checkpoint }))
}
