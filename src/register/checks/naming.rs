//! Who is responsible, when several regions answered: one authority for each child, whatever each region has heard so far.

use std::cmp::Reverse;

use super::StoredMatch;
use crate::domain::custody::Epoch;
use crate::domain::outcome::{Finding as _, MatchStatus};

/// Lets every entry of one child name the same authority: the one that leads in the highest epoch that anybody has seen. Between
/// the day on which one authority takes over and the moment when the other hears of it, both have the child on their registers;
/// the entry of the one that will hear of it is then one of a child who moves.
///
/// # Source
/// Invariant I2 of the procedures.
pub(super) fn name_one(found: &mut [StoredMatch]) {
    let leads: Vec<StoredMatch> = found.iter().filter(|found| found.status.is_current() && found.epoch.is_some()).cloned().collect();
    for one in found.iter_mut().filter(|found| found.status.is_current()) {
        let of_child = leads.iter().filter(|lead| lead.is_same_person_as(one));
        let Some(lead) = of_child.max_by(|a, b| precedence(a).cmp(&precedence(b))) else { continue };
        if precedence(lead) <= precedence(one) {
            continue;
        }
        one.epoch = lead.epoch;
        if one.authority == lead.authority {
            continue;
        }
        one.authority.clone_from(&lead.authority);
        // Theirs is not the one to ring any more.
        one.coordinator = None;
        one.status = match one.status {
            MatchStatus::Registered | MatchStatus::UnbornRegistered => MatchStatus::TransferPending,
            status => status,
        };
    }
    // Where a child is for a time, it is known only which home was written down. When home is silent, a register that has the child
    // itself goes before that.
    let registers: Vec<StoredMatch> =
        found.iter().filter(|found| found.status.is_current() && found.status != MatchStatus::TemporarilyRegistered).cloned().collect();
    for one in found.iter_mut().filter(|found| found.status == MatchStatus::TemporarilyRegistered && found.epoch.is_none()) {
        let of_child = || registers.iter().filter(|register| register.is_same_person_as(one));
        if of_child().any(|register| register.authority == one.authority) {
            continue;
        }
        let Some(register) = of_child().max_by(|a, b| precedence(a).cmp(&precedence(b))) else { continue };
        one.authority.clone_from(&register.authority);
        one.coordinator = None;
    }
}

/// Of two that lead in the same epoch, which are in dispute, the one that will not have to give way.
fn precedence(found: &StoredMatch) -> (Option<Epoch>, Reverse<&str>) {
    (found.epoch, Reverse(found.authority.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POWYS: &str = "W06000023";
    const SHROPSHIRE: &str = "E06000051";
    const NEWPORT: &str = "W06000022";

    /// An entry as a region tells it, of the child with this tag.
    fn entry(region: &str, status: &str, authority: &str, epoch: Option<u32>, tag: &str) -> StoredMatch {
        let mut entry = json!({
            "region": region, "tags": [tag], "grade": "certain", "score": 1.0, "bits": 30.0, "person": null, "reasons": [], "flags": [],
            "status": status, "authority": authority, "registeredOn": "2026-03-03", "coordinator": "Carys Mathias", "shielded": false,
        });
        if let Some(epoch) = epoch {
            entry["epoch"] = epoch.into();
        }
        serde_json::from_value(entry).expect("a match")
    }

    /// What is told of each entry: status, authority, and whether the co-ordinator is named.
    fn told(mut found: Vec<StoredMatch>) -> Vec<(&'static str, String, bool)> {
        name_one(&mut found);
        let again = serde_json::to_value(&found).expect("JSON");
        name_one(&mut found);
        assert_eq!(serde_json::to_value(&found).expect("JSON"), again, "said once, it stays so");
        found.into_iter().map(|found| (found.status.as_str(), found.authority, found.coordinator.is_some())).collect()
    }

    #[test]
    fn of_entries_of_one_child_the_highest_epoch_names_the_authority() {
        let at = |authority: &str| authority.to_owned();
        let west = |status, authority, epoch| entry("mid-and-west-wales", status, authority, epoch, "a");
        let east = |status, authority, epoch| entry("west-midlands", status, authority, epoch, "a");
        for (name, found, expected) in [
            (
                "the origin has not heard of the acceptance",
                vec![west("transfer-pending", POWYS, Some(1)), east("registered", SHROPSHIRE, Some(2))],
                vec![("transfer-pending", at(SHROPSHIRE), false), ("registered", at(SHROPSHIRE), true)],
            ),
            (
                "the receiver has the child for a time, and knows who leads",
                vec![east("temporarily-registered", POWYS, Some(1)), west("transfer-pending", POWYS, Some(1))],
                vec![("temporarily-registered", at(POWYS), true), ("transfer-pending", at(POWYS), true)],
            ),
            (
                "registered there by a conference, and never accepted",
                vec![east("registered", SHROPSHIRE, None), west("registered", POWYS, Some(1))],
                vec![("transfer-pending", at(POWYS), false), ("registered", at(POWYS), true)],
            ),
            (
                "a region that does not know of epochs yet",
                vec![west("registered", POWYS, None), east("registered", SHROPSHIRE, Some(2))],
                vec![("transfer-pending", at(SHROPSHIRE), false), ("registered", at(SHROPSHIRE), true)],
            ),
            (
                "two that say that they lead in the same epoch: the one with the higher code will have to give way",
                vec![west("registered", POWYS, Some(2)), east("registered", SHROPSHIRE, Some(2))],
                vec![("transfer-pending", at(SHROPSHIRE), false), ("registered", at(SHROPSHIRE), true)],
            ),
            (
                "here for a time, and home is silent, while another authority has registered the child",
                vec![west("temporarily-registered", NEWPORT, None), east("registered", SHROPSHIRE, None)],
                vec![("temporarily-registered", at(SHROPSHIRE), false), ("registered", at(SHROPSHIRE), true)],
            ),
            (
                "here for a time, and home answers",
                vec![west("temporarily-registered", SHROPSHIRE, None), east("registered", SHROPSHIRE, None)],
                vec![("temporarily-registered", at(SHROPSHIRE), true), ("registered", at(SHROPSHIRE), true)],
            ),
            (
                "here for a time, and nobody else knows the child",
                vec![west("temporarily-registered", NEWPORT, None), east("previously-registered", SHROPSHIRE, None)],
                vec![("temporarily-registered", at(NEWPORT), true), ("previously-registered", at(SHROPSHIRE), true)],
            ),
            (
                "two entries that have nothing to do with a move",
                vec![west("registered", POWYS, None), east("registered", SHROPSHIRE, None)],
                vec![("registered", at(POWYS), true), ("registered", at(SHROPSHIRE), true)],
            ),
            (
                "what was is told by whoever had it",
                vec![west("previously-registered", POWYS, None), east("registered", SHROPSHIRE, Some(2))],
                vec![("previously-registered", at(POWYS), true), ("registered", at(SHROPSHIRE), true)],
            ),
            (
                "another child",
                vec![west("registered", POWYS, None), entry("west-midlands", "registered", SHROPSHIRE, Some(2), "b")],
                vec![("registered", at(POWYS), true), ("registered", at(SHROPSHIRE), true)],
            ),
        ] {
            assert_eq!(told(found), expected, "{name}");
        }
    }
}
