//! What this region has open with another about moves and stays, and saying it again when the two differ.

use super::{Held, region_of, send};
use crate::domain::custody::{Envelope, Leaf};
use crate::domain::identifiers::{GssCode, RegionCode};
use crate::register::{Region, RegisterError};
use crate::store::Tx;
use crate::store::connection::AnyConnection;
use crate::store::custody::{CustodyRow, OutboxRow, TransferRow};
use crate::store::types::Id;

fn held_of(connection: &mut AnyConnection, custody: Id) -> Result<Vec<Held>, RegisterError> {
    CustodyRow::of_custody(connection, custody)?.into_iter().map(Held::read).collect()
}

/// The rows about what is open between the authorities of this region and those of another.
///
/// # Errors
/// When the database fails.
pub fn leaves(connection: &mut AnyConnection, region: &Region, with: &RegionCode) -> Result<Vec<Leaf>, RegisterError> {
    let Some(other) = region.member(with) else { return Ok(Vec::new()) };
    let theirs: Vec<GssCode> = other.authorities.iter().filter_map(|authority| authority.gss.parse().ok()).collect();
    let mut leaves = Vec::new();
    for custody in TransferRow::open_with(connection, with.as_str())? {
        for held in held_of(connection, custody)? {
            theirs.iter().for_each(|authority| leaves.extend(held.custody.leaves_with(authority)));
        }
    }
    Ok(leaves)
}

/// Says again to a region what is to be said of a move or a stay. Says whether anything of it is on its way there already: then nothing
/// more is sent. What waits for another region, because nobody answers there, holds up nothing.
///
/// # Errors
/// When the database refuses or fails.
pub fn tell(tx: &mut Tx<'_>, region: &Region, item: Id, with: &RegionCode) -> Result<bool, RegisterError> {
    let Some(transfer) = TransferRow::find(tx.connection, item)? else { return Ok(false) };
    for held in held_of(tx.connection, transfer.custody_id)? {
        let awaited = OutboxRow::awaited_by(tx.connection, transfer.custody_id, held.custody.me.as_str())?;
        if awaited.iter().any(|(_, region)| region == with.as_str()) {
            return Ok(true);
        }
        let is_theirs = |envelope: &Envelope| region_of(region, envelope.to.as_str()) == with.as_str();
        let told: Vec<Envelope> = held.custody.told_again(&item.0).into_iter().filter(is_theirs).collect();
        send(tx, region, &held.custody, held.child, &told)?;
    }
    Ok(false)
}

/// The authority of this region that a move or a stay concerns, and the child.
///
/// # Errors
/// When the database fails.
pub fn about(connection: &mut AnyConnection, region: &Region, item: Id) -> Result<Option<(String, Option<Id>)>, RegisterError> {
    let found = TransferRow::find(connection, item)?;
    Ok(found.map(|row| {
        let authority = if row.from_region == region.code().as_str() { row.from_authority } else { row.to_authority };
        (authority, Some(row.child_id))
    }))
}
