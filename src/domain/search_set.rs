//! Who must be asked: the regions of a search.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::coded::{closed_set, coded_error};
use super::identifiers::{IdentifierError, RegionCode};

closed_set! {
    /// The standing of a member of the federation.
    pub enum Standing {
        /// It is asked and counts.
        Active = "active",
        /// It counts, but is not asked: while it is suspended nobody can say "not on the register".
        Suspended = "suspended",
        /// It has left and holds no register any more.
        Left = "left",
    }
}

/// A region of the federation and its standing, as the directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The region.
    pub region: RegionCode,
    /// Its standing.
    pub standing: Standing,
}

/// Most regions in one search: the United Kingdom has 212 bodies that hold registers, should each join by itself.
pub const REGIONS_MAX: usize = 256;

coded_error! {
    /// Why a search was refused.
    pub enum SearchError {
        /// An empty list of regions.
        NoRegion = "no-region", "name at least one region, or ask for own-region or federation";
        /// A region that is no member, or has left.
        UnknownRegion = "unknown-region", "use region codes from the directory";
        /// More than [`REGIONS_MAX`] regions.
        TooManyRegions = "too-many-regions", "name at most 256 regions, or ask for federation";
    }
}

/// Which regions an enquirer wants asked. On the wire `"own-region"`, `"federation"` or a list of region codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// This region only.
    OwnRegion,
    /// Every member that has not left.
    Federation,
    /// These regions.
    Regions(Vec<RegionCode>),
}

impl Serialize for Search {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::OwnRegion => serializer.serialize_str("own-region"),
            Self::Federation => serializer.serialize_str("federation"),
            Self::Regions(regions) => regions.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Search {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "own-region, federation or a list of region codes")]
        enum Shape {
            Word(String),
            List(Vec<String>),
        }
        match Shape::deserialize(deserializer)? {
            Shape::Word(word) if word == "own-region" => Ok(Self::OwnRegion),
            Shape::Word(word) if word == "federation" => Ok(Self::Federation),
            Shape::Word(_) => Err(serde::de::Error::custom("use own-region, federation or a list of region codes")),
            Shape::List(codes) => {
                let regions: Result<Vec<_>, IdentifierError> = codes.into_iter().map(RegionCode::try_from).collect();
                regions.map(Self::Regions).map_err(serde::de::Error::custom)
            }
        }
    }
}

/// Every region that must have answered before absence may be told. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchSet(BTreeMap<RegionCode, Standing>);

impl SearchSet {
    /// The regions a search asks, from the directory.
    ///
    /// The own region always counts as active in its own searches: it needs nobody's leave to read its own register.
    ///
    /// # Errors
    ///
    /// * [`SearchError::NoRegion`] for an empty list.
    /// * [`SearchError::UnknownRegion`] for a listed region that is no member or has left.
    /// * [`SearchError::TooManyRegions`] above [`REGIONS_MAX`].
    ///
    /// # Source
    ///
    /// Contract, part 1 (the search set).
    pub fn choose(search: &Search, own: &RegionCode, members: &[Member]) -> Result<Self, SearchError> {
        let mut known: BTreeMap<RegionCode, Standing> = BTreeMap::new();
        for member in members.iter().filter(|member| member.standing != Standing::Left) {
            let standing = known.entry(member.region.clone()).or_insert(member.standing);
            if member.standing == Standing::Suspended {
                *standing = Standing::Suspended;
            }
        }
        known.insert(own.clone(), Standing::Active);
        match search {
            Search::OwnRegion => Self::restore([(own.clone(), Standing::Active)]),
            Search::Federation => Self::restore(known),
            Search::Regions(regions) => {
                if regions.len() > REGIONS_MAX {
                    return Err(SearchError::TooManyRegions);
                }
                let chosen: Result<Vec<_>, _> = regions
                    .iter()
                    .map(|region| {
                        known.get_key_value(region).map(|(region, standing)| (region.clone(), *standing)).ok_or(SearchError::UnknownRegion)
                    })
                    .collect();
                Self::restore(chosen?)
            }
        }
    }

    /// The set of an earlier search, as it was stored with the check. A new search is [`Self::choose`].
    ///
    /// # Errors
    ///
    /// * [`SearchError::NoRegion`] for none.
    /// * [`SearchError::UnknownRegion`] for one that had left.
    /// * [`SearchError::TooManyRegions`] above [`REGIONS_MAX`].
    pub fn restore(regions: impl IntoIterator<Item = (RegionCode, Standing)>) -> Result<Self, SearchError> {
        let regions: BTreeMap<RegionCode, Standing> = regions.into_iter().collect();
        if regions.is_empty() {
            Err(SearchError::NoRegion)
        } else if regions.len() > REGIONS_MAX {
            Err(SearchError::TooManyRegions)
        } else if regions.values().any(|standing| *standing == Standing::Left) {
            Err(SearchError::UnknownRegion)
        } else {
            Ok(Self(regions))
        }
    }

    /// Every region of the set and its standing, in the order of their codes.
    pub fn regions(&self) -> impl Iterator<Item = (&RegionCode, Standing)> {
        self.0.iter().map(|(region, standing)| (region, *standing))
    }

    /// The regions to be asked: those that are not suspended.
    pub fn to_ask(&self) -> impl Iterator<Item = &RegionCode> {
        self.regions().filter(|(_, standing)| *standing == Standing::Active).map(|(region, _)| region)
    }

    /// The standing of a region of the set; `None` outside it.
    pub fn standing(&self, region: &RegionCode) -> Option<Standing> {
        self.0.get(region).copied()
    }

    /// Whether a region is in the set.
    pub fn contains(&self, region: &RegionCode) -> bool {
        self.0.contains_key(region)
    }

    /// How many regions are in the set: at least one.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(text: &str) -> RegionCode {
        text.parse().unwrap()
    }

    fn member(text: &str, standing: Standing) -> Member {
        Member { region: region(text), standing }
    }

    #[test]
    fn the_search_set_is_every_member_that_has_not_left() {
        let gwent = region("gwent");
        let members = [
            member("gwent", Standing::Suspended),
            member("north-wales", Standing::Suspended),
            member("west-midlands", Standing::Active),
            member("dyfed", Standing::Left),
        ];
        let chosen = |search: Search| {
            SearchSet::choose(&search, &gwent, &members)
                .map(|set| set.regions().map(|(region, standing)| format!("{region}:{standing}")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(chosen(Search::OwnRegion).as_deref(), Ok("gwent:active"));
        assert_eq!(chosen(Search::Federation).as_deref(), Ok("gwent:active north-wales:suspended west-midlands:active"));
        let list = |codes: &[&str]| Search::Regions(codes.iter().map(|code| region(code)).collect());
        assert_eq!(
            chosen(list(&["west-midlands", "north-wales", "west-midlands"])).as_deref(),
            Ok("north-wales:suspended west-midlands:active")
        );
        assert_eq!(chosen(list(&[])), Err(SearchError::NoRegion));
        assert_eq!(chosen(list(&["dyfed"])), Err(SearchError::UnknownRegion));
        assert_eq!(chosen(list(&["gwent", "atlantis"])), Err(SearchError::UnknownRegion));
        assert_eq!(chosen(list(&vec!["gwent"; REGIONS_MAX + 1])), Err(SearchError::TooManyRegions));
        assert_eq!(chosen(list(&vec!["gwent"; REGIONS_MAX])).as_deref(), Ok("gwent:active"));
    }

    #[test]
    fn a_search_is_a_word_or_a_list() {
        let table = [
            (r#""own-region""#, Some(Search::OwnRegion)),
            (r#""federation""#, Some(Search::Federation)),
            (r#"["gwent"]"#, Some(Search::Regions(vec![region("gwent")]))),
            (r#""gwent""#, None),
            (r#"["Gwent"]"#, None),
            ("7", None),
            ("null", None),
        ];
        for (json, expected) in table {
            let search = serde_json::from_str::<Search>(json).ok();
            assert_eq!(search, expected, "{json}");
            if let Some(search) = search {
                assert_eq!(serde_json::to_string(&search).unwrap(), json);
            }
        }
    }
}
