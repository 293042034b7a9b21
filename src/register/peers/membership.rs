//! The members as they are now: the directory in use, and each member's newest statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::directory::Known;
use super::statement::{Descent, Statement};
use crate::domain::identifiers::RegionCode;
use crate::domain::search_set::{Member, Standing};
use crate::register::region::RegionEntry;

/// Another region, as it is known here.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its standing in the directory.
    pub standing: Standing,
    /// Its newest statement that is believed, and how that follows from the directory's.
    pub believed: Descent,
}

impl Peer {
    /// What it says of itself.
    pub fn statement(&self) -> &Statement {
        &self.believed.newest.statement
    }

    /// Whether it says that it can do something.
    pub fn can(&self, capability: &str) -> bool {
        self.statement().said.capabilities.iter().any(|stated| stated == capability)
    }
}

/// The members as they are now.
#[derive(Debug, Clone, Default)]
pub struct Membership {
    /// The directory in use; nothing for a region that stands alone.
    pub known: Option<Arc<Known>>,
    /// Every region that has not left, the own one included: names, authorities, whom to ring.
    pub regions: BTreeMap<RegionCode, Arc<RegionEntry>>,
    /// Every region of the directory, those that have left included: what they signed stays verifiable.
    pub peers: BTreeMap<RegionCode, Arc<Peer>>,
    /// This region's own statement, and how it follows from the directory's.
    pub own: Option<Arc<Descent>>,
}

impl Membership {
    /// A region that stands alone, with what the members file says of the others.
    pub fn alone(regions: BTreeMap<RegionCode, Arc<RegionEntry>>) -> Self {
        Self { known: None, regions, peers: BTreeMap::new(), own: None }
    }

    /// The members of a directory, each with the newest of its statements that follows from the directory's. A member of whom
    /// nothing can be used is left as it was in the members file. `newer` has each member's statements, oldest first.
    pub fn of(
        known: Arc<Known>,
        newer: &BTreeMap<String, Vec<String>>,
        own: Option<(Arc<RegionEntry>, Arc<Descent>)>,
        file: &BTreeMap<RegionCode, Arc<RegionEntry>>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut membership = Self { known: None, regions: BTreeMap::new(), peers: BTreeMap::new(), own: None };
        for (member, stated) in known.directory.members.iter().zip(&known.statements) {
            let Ok(code) = member.region.parse::<RegionCode>() else { continue };
            let believed = stated.descent(newer.get(&member.region).map_or(&[], Vec::as_slice), now);
            if member.standing != Standing::Left {
                let entry = believed.newest.statement.region().ok().map(Arc::new).or_else(|| file.get(&code).cloned());
                membership.regions.extend(entry.map(|entry| (code.clone(), entry)));
            }
            membership.peers.insert(code, Arc::new(Peer { standing: member.standing, believed }));
        }
        if let Some((entry, believed)) = own {
            membership.peers.remove(&entry.code);
            membership.regions.insert(entry.code.clone(), entry);
            membership.own = Some(believed);
        }
        membership.known = Some(known);
        membership
    }

    /// The directory's version; 0 for a region that stands alone.
    pub fn version(&self) -> i64 {
        self.known.as_ref().map_or(0, |known| known.directory.version)
    }

    /// The serial of the own statement; 0 for a region that stands alone.
    pub fn own_serial(&self) -> i64 {
        self.own.as_ref().map_or(0, |own| own.newest.statement.serial)
    }

    /// The members with their standing, as searches need them.
    pub fn standings(&self) -> Vec<Member> {
        self.regions
            .keys()
            .map(|region| Member {
                region: region.clone(),
                standing: self.peers.get(region).map_or(Standing::Active, |peer| peer.standing),
            })
            .collect()
    }

    /// The standing of this region itself, as the directory has it.
    pub fn own_standing(&self, own: &RegionCode) -> Option<Standing> {
        let known = self.known.as_ref()?;
        known.directory.members.iter().find(|member| member.region == own.as_str()).map(|member| member.standing)
    }
}
