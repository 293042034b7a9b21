//! Towns, streets and postcodes that fit an authority. The houses are invented.

use std::sync::LazyLock;

use super::dice::Dice;
use super::identifiers::{PhoneArea, inward_code};
use super::lists::{Lists, sections};
use super::names::NameTradition;

/// An authority as far as inventing people there needs to know it.
#[derive(Debug)]
pub(super) struct Place {
    /// GSS code.
    pub(super) code: &'static str,
    pub(super) name_en: &'static str,
    pub(super) name_cy: &'static str,
    /// Position in the file; keeps the identifiers of different authorities apart.
    pub(super) slot: u64,
    /// How many children live there, in thousands.
    pub(super) weight: u32,
    /// First three digits of the pupil numbers given by its schools.
    pub(super) school: &'static str,
    pub(super) phone: PhoneArea,
    /// Per cent of families that use Welsh at home.
    pub(super) speakers: f64,
    mix: Vec<(NameTradition, u32)>,
    towns: Vec<Town>,
}

#[derive(Debug)]
struct Town {
    weight: u32,
    name_en: &'static str,
    name_cy: &'static str,
    districts: Vec<&'static str>,
}

/// Where a household lives: lines without the postcode, and the postcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct House {
    pub(super) lines: Vec<String>,
    pub(super) postcode: String,
}

static STREETS: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/streets.txt")));

impl Place {
    /// Every authority in the file.
    pub(super) fn all() -> &'static [Self] {
        static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
            sections(include_str!("../../data/invent/places.txt"))
                .into_iter()
                .enumerate()
                .map(|(slot, (code, lines))| Place::read(slot as u64, code, &lines))
                .collect()
        });
        &PLACES
    }

    /// The authority with that GSS code.
    pub(super) fn of(code: &str) -> Option<&'static Self> {
        Self::all().iter().find(|place| place.code == code)
    }

    fn read(slot: u64, code: &'static str, lines: &[&'static str]) -> Self {
        let mut place = Self {
            code,
            name_en: code,
            name_cy: code,
            slot,
            weight: 1,
            school: "",
            phone: PhoneArea::Nowhere,
            speakers: 0.0,
            mix: Vec::new(),
            towns: Vec::new(),
        };
        for line in lines {
            let Some((key, rest)) = line.split_once(' ') else {
                continue;
            };
            match key {
                "name" => (place.name_en, place.name_cy) = two(rest),
                "weight" => place.weight = rest.parse().unwrap_or(1),
                "school" => place.school = rest,
                "phone" => {
                    place.phone = match rest {
                        "cardiff" => PhoneArea::Cardiff,
                        "birmingham" => PhoneArea::Birmingham,
                        _ => PhoneArea::Nowhere,
                    }
                }
                "speakers" => place.speakers = rest.parse().unwrap_or(0.0),
                "mix" => place.mix = read_mix(rest),
                "town" => place.towns.extend(read_town(rest)),
                _ => {}
            }
        }
        place
    }

    /// Whether Welsh names of streets and towns are in use there.
    pub(super) fn is_in_wales(&self) -> bool {
        self.code.starts_with('W')
    }

    /// The name tradition of a family living there.
    pub(super) fn tradition(&self, dice: &mut Dice) -> NameTradition {
        let weights: Vec<u32> = self.mix.iter().map(|(_, weight)| *weight).collect();
        self.mix.get(dice.weighted(&weights)).map_or(NameTradition::British, |(tradition, _)| *tradition)
    }

    /// A house there; Travellers often live on a site.
    pub(super) fn house(&self, tradition: NameTradition, dice: &mut Dice) -> House {
        let weights: Vec<u32> = self.towns.iter().map(|town| town.weight).collect();
        let Some(town) = self.towns.get(dice.weighted(&weights)) else {
            return House { lines: vec![street(false, dice)], postcode: String::new() };
        };
        let in_welsh = self.is_in_wales() && dice.percent(12.0 + self.speakers);
        let mut lines = Vec::with_capacity(3);
        if tradition == NameTradition::Traveller && dice.percent(55.0) {
            lines.push(format!("Plot {}", 1 + dice.below(24)));
            lines.push(STREETS.draw("sites", dice).to_owned());
        } else {
            self.street_lines(in_welsh, dice, &mut lines);
        }
        lines.push(if in_welsh { town.name_cy } else { town.name_en }.to_owned());
        let district = dice.pick(&town.districts).unwrap_or("");
        House { lines, postcode: format!("{district} {}", inward_code(dice)) }
    }

    fn street_lines(&self, in_welsh: bool, dice: &mut Dice, lines: &mut Vec<String>) {
        let street = street(in_welsh, dice);
        // Low numbers are commoner than high ones, for every street begins with them.
        let number = 1 + dice.below(40).min(dice.below(180));
        match dice.below(100) {
            0..=9 => {
                lines.push(format!("{} {}", if in_welsh { "Fflat" } else { "Flat" }, 1 + dice.below(24)));
                lines.push(format!("{number} {street}"));
            }
            10..=13 => lines.push(format!("{number}{} {street}", ['A', 'B', 'C'][dice.below(3)])),
            14..=17 => {
                lines.push(STREETS.draw(if in_welsh { "houses-welsh" } else { "houses-english" }, dice).to_owned());
                lines.push(street);
            }
            _ => lines.push(format!("{number} {street}")),
        }
    }

    /// The local part of the authority's invented mail domain.
    pub(super) fn domain(&self) -> String {
        let name: String = self.name_en.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{}.example.org", name.to_ascii_lowercase())
    }
}

fn street(in_welsh: bool, dice: &mut Dice) -> String {
    let (whole, fronts, ends) =
        if in_welsh { ("welsh-whole", "welsh-fronts", "welsh-ends") } else { ("english-whole", "english-fronts", "english-ends") };
    if dice.percent(22.0) {
        STREETS.draw(whole, dice).to_owned()
    } else {
        format!("{} {}", STREETS.draw(fronts, dice), STREETS.draw(ends, dice))
    }
}

fn two(text: &'static str) -> (&'static str, &'static str) {
    text.split_once('|').map_or((text, text), |(one, other)| (one.trim(), other.trim()))
}

fn read_mix(text: &'static str) -> Vec<(NameTradition, u32)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .chunks_exact(2)
        .filter_map(|pair| {
            let tradition = NameTradition::ALL.into_iter().find(|tradition| tradition.as_str() == pair[0])?;
            Some((tradition, pair[1].parse().ok()?))
        })
        .collect()
}

fn read_town(text: &'static str) -> Option<Town> {
    let (weight, rest) = text.split_once(' ')?;
    let mut parts = rest.split('|').map(str::trim);
    let (name_en, name_cy, districts) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Town { weight: weight.parse().ok()?, name_en, name_cy, districts: districts.split_whitespace().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_of_the_founding_regions_is_known() {
        let founding = include_str!("../../data/invent/places.txt");
        assert_eq!(Place::all().len(), 31);
        for place in Place::all() {
            assert!(founding.contains(place.name_en));
            assert!(!place.towns.is_empty(), "{} has no towns", place.code);
            assert!(!place.mix.is_empty(), "{} has no name traditions", place.code);
            assert_eq!(place.school.len(), 3, "{}", place.code);
            assert!(place.towns.iter().all(|town| !town.districts.is_empty()), "{}", place.code);
        }
        assert!(Place::of("W06000022").is_some());
        assert!(Place::of("W99999999").is_none());
    }

    #[test]
    fn a_house_has_a_postcode_of_its_town() {
        let mut dice = Dice::new(4, "houses");
        let newport = Place::of("W06000022").unwrap();
        for _ in 0..100 {
            let house = newport.house(NameTradition::British, &mut dice);
            assert!(house.postcode.starts_with("NP"), "{}", house.postcode);
            assert!(house.lines.len() >= 2);
            assert!(house.lines.iter().all(|line| !line.trim().is_empty()));
        }
    }
}
