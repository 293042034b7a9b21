//! Which alerts this region and another hold between them, and saying again what an owner has to say when the two differ.

use super::{Held, post};
use crate::domain::custody::Leaf;
use crate::domain::custody::alert::{Alert, AlertMessage, AlertStatus};
use crate::domain::identifiers::RegionCode;
use crate::domain::ids::AlertId;
use crate::register::{Region, RegisterError};
use crate::store::Tx;
use crate::store::alerts::AlertRow;
use crate::store::connection::AnyConnection;
use crate::store::custody::OutboxRow;
use crate::store::types::Id;

/// The row of an alert that is open between this region and another: owned here and circulated there, or the other way round. One that
/// has been closed and stood down is none.
fn leaf(alert: &Alert, with: &RegionCode) -> Option<Leaf> {
    let bulletin = alert.bulletin.as_ref()?;
    let is_between = match alert.is_mine() {
        true => alert
            .recipients
            .get(with)
            .is_some_and(|recipient| bulletin.status == AlertStatus::Active || recipient.delivered < Some(bulletin.version)),
        false => bulletin.owner == *with && bulletin.status == AlertStatus::Active,
    };
    is_between.then(|| alert.leaf()).flatten()
}

/// The rows about alerts between this region and another.
///
/// # Errors
/// When the database fails.
pub fn leaves(connection: &mut AnyConnection, with: &RegionCode) -> Result<Vec<Leaf>, RegisterError> {
    let held = AlertRow::unfinished(connection)?.into_iter().map(Held::read).collect::<Result<Vec<_>, _>>()?;
    Ok(held.iter().filter_map(|held| leaf(&held.alert, with)).collect())
}

/// The owner says again to a region how an alert stands. Says whether anything of it is on its way there already: then nothing more is
/// sent. What waits for another region holds up nothing.
///
/// # Errors
/// When the database refuses or fails.
pub fn tell(tx: &mut Tx<'_>, region: &Region, item: Id, with: &RegionCode) -> Result<bool, RegisterError> {
    let Some(held) = AlertId::try_from(item.0).ok().map(|id| Held::find(tx.connection, id)).transpose()?.flatten() else {
        return Ok(false);
    };
    let Some(bulletin) = &held.alert.bulletin else { return Ok(false) };
    let awaited = OutboxRow::awaited_by(tx.connection, bulletin.custody.into(), region.code().as_str())?;
    if awaited.iter().any(|(_, region)| region == with.as_str()) {
        return Ok(true);
    }
    let was_told = held.alert.recipients.contains_key(with);
    let is_public = matches!(bulletin.status, AlertStatus::Active | AlertStatus::Closed);
    if held.alert.is_mine() && was_told && is_public {
        post::send(tx, region, &held, &[(with.clone(), AlertMessage::Circulate(bulletin.clone()))])?;
    }
    Ok(false)
}

/// The authority of this region that an alert concerns, or the region itself where another owns it; and the child.
///
/// # Errors
/// When the database fails.
pub fn about(connection: &mut AnyConnection, region: &Region, item: Id) -> Result<Option<(String, Option<Id>)>, RegisterError> {
    let Some(held) = AlertRow::find(connection, item)?.map(Held::read).transpose()? else { return Ok(None) };
    let authority = if held.alert.is_mine() { held.authority().to_owned() } else { region.code().to_string() };
    Ok(Some((authority, held.child)))
}
