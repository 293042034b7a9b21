//! Invented names, by tradition: how common each name is, how a family hands its names on, and the short forms in use.

use std::sync::LazyLock;

use super::dice::Dice;
use super::lists::Lists;

/// Where a family's names come from. Errors in names differ by tradition, so recall is reported for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameTradition {
    /// Welsh forenames, often with diacritics.
    Welsh,
    /// Names common in England and English-speaking Wales.
    British,
    /// Pakistani and Bangladeshi names.
    Pakistani,
    /// Punjabi and other Indian names.
    Indian,
    /// Polish names.
    Polish,
    /// Romanian and Roma names.
    Romanian,
    /// Arabic and Kurdish names.
    Arabic,
    /// Names from West, East and southern Africa.
    African,
    /// Irish Traveller and Romany names.
    Traveller,
}

impl NameTradition {
    /// Every tradition, in the order of the lists.
    pub const ALL: [Self; 9] = [
        Self::Welsh,
        Self::British,
        Self::Pakistani,
        Self::Indian,
        Self::Polish,
        Self::Romanian,
        Self::Arabic,
        Self::African,
        Self::Traveller,
    ];

    /// The word for it in data files and slices.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Welsh => "welsh",
            Self::British => "british",
            Self::Pakistani => "pakistani",
            Self::Indian => "indian",
            Self::Polish => "polish",
            Self::Romanian => "romanian",
            Self::Arabic => "arabic",
            Self::African => "african",
            Self::Traveller => "traveller",
        }
    }

    fn lists(self) -> &'static Lists {
        static WELSH: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-welsh.txt")));
        static BRITISH: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-british.txt")));
        static PAKISTANI: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-pakistani.txt")));
        static INDIAN: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-indian.txt")));
        static POLISH: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-polish.txt")));
        static ROMANIAN: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-romanian.txt")));
        static ARABIC: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-arabic.txt")));
        static AFRICAN: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-african.txt")));
        static TRAVELLER: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("../../data/invent/names-traveller.txt")));
        match self {
            Self::Welsh => &WELSH,
            Self::British => &BRITISH,
            Self::Pakistani => &PAKISTANI,
            Self::Indian => &INDIAN,
            Self::Polish => &POLISH,
            Self::Romanian => &ROMANIAN,
            Self::Arabic => &ARABIC,
            Self::African => &AFRICAN,
            Self::Traveller => &TRAVELLER,
        }
    }

    /// A forename for a girl or a boy.
    pub(super) fn given(self, female: bool, dice: &mut Dice) -> String {
        let (list, fronts, backs) = if female { ("girls", "fronts-girls", "backs-girls") } else { ("boys", "fronts-boys", "backs-boys") };
        let lists = self.lists();
        if lists.has(fronts) && dice.percent(5.0) {
            return format!("{}-{}", lists.draw(fronts, dice), lists.draw(backs, dice));
        }
        let ends = if female { "given-ends-girls" } else { "given-ends-boys" };
        if lists.has(ends) && dice.percent(4.0) {
            return format!("{}{}", lists.draw("given-fronts", dice), lists.draw(ends, dice));
        }
        let middles = if female { "middles-girls" } else { "middles-boys" };
        if self == Self::Welsh && dice.percent(2.5) {
            return format!("{} {}", lists.draw(list, dice), lists.draw(middles, dice));
        }
        lists.draw(list, dice).to_owned()
    }

    /// A forename of the parents' generation, where its fashions differ from the children's.
    pub(super) fn given_of_adult(self, female: bool, dice: &mut Dice) -> String {
        let list = if female { "women" } else { "men" };
        if self.lists().has(list) { self.lists().draw(list, dice).to_owned() } else { self.given(female, dice) }
    }

    /// A middle name, for the share of children who have one.
    pub(super) fn middle(self, given: &str, female: bool, dice: &mut Dice) -> Option<String> {
        let share = match self {
            Self::Welsh | Self::British => 78.0,
            Self::Pakistani | Self::Indian => 45.0,
            Self::Polish | Self::Traveller => 55.0,
            Self::Romanian | Self::Arabic | Self::African => 50.0,
        };
        if given.contains([' ', '-']) || !dice.percent(share) {
            return None;
        }
        let middle = self.lists().draw(if female { "middles-girls" } else { "middles-boys" }, dice);
        (middle != given).then(|| middle.to_owned())
    }

    /// A family name, in the form men carry where the forms differ.
    pub(super) fn family(self, wales: bool, dice: &mut Dice) -> String {
        // Most families in Wales whose children have English forenames still have Welsh family names.
        let from = match self {
            Self::British if dice.percent(if wales { 58.0 } else { 7.0 }) => Self::Welsh,
            Self::Welsh if dice.percent(8.0) => Self::British,
            other => other,
        };
        let lists = from.lists();
        let share = if from == Self::Polish { 40.0 } else { 17.0 };
        if lists.has("family-ends") && dice.percent(share) {
            return format!("{}{}", lists.draw("family-fronts", dice), lists.draw("family-ends", dice));
        }
        lists.draw("families", dice).to_owned()
    }

    /// The form of a family name that a girl or a woman carries.
    pub(super) fn family_of(self, family: &str, female: bool) -> String {
        if !female {
            return family.to_owned();
        }
        match self {
            Self::Polish => ["ski", "cki", "dzki"]
                .iter()
                .find_map(|end| family.strip_suffix(end).map(|stem| format!("{stem}{}a", &end[..end.len() - 1])))
                .unwrap_or_else(|| family.to_owned()),
            Self::Indian if family == "Singh" => "Kaur".to_owned(),
            Self::Welsh => family.strip_prefix("Ap ").map_or_else(|| family.to_owned(), |father| format!("Ferch {father}")),
            _ => family.to_owned(),
        }
    }
}

/// Groups of forms of one name that people mix up.
pub(super) struct Variants {
    given: Vec<Vec<&'static str>>,
    family: Vec<Vec<&'static str>>,
    /// Each group begins with the full name.
    short: Vec<Vec<&'static str>>,
}

impl Variants {
    /// The list used for faults and preferred names.
    pub(super) fn shared() -> &'static Self {
        static VARIANTS: LazyLock<Variants> = LazyLock::new(|| {
            let mut variants = Variants { given: Vec::new(), family: Vec::new(), short: Vec::new() };
            for (section, lines) in super::lists::sections(include_str!("../../data/invent/variants.txt")) {
                let groups = lines.iter().map(|line| line.split(',').map(str::trim).collect());
                match section {
                    "given" => variants.given.extend(groups),
                    "family" => variants.family.extend(groups),
                    "short" => variants.short.extend(groups),
                    _ => {}
                }
            }
            variants
        });
        &VARIANTS
    }

    /// Another form of a forename, or `None` when it has none.
    pub(super) fn of_given(&self, name: &str, dice: &mut Dice) -> Option<&'static str> {
        Self::other(&self.given, name, dice)
    }

    /// Another form of a family name, or `None` when it has none.
    pub(super) fn of_family(&self, name: &str, dice: &mut Dice) -> Option<&'static str> {
        Self::other(&self.family, name, dice)
    }

    /// A short form of a forename, or `None` when it has none.
    pub(super) fn short(&self, name: &str, dice: &mut Dice) -> Option<&'static str> {
        let group = self.short.iter().find(|group| group.first() == Some(&name))?;
        dice.pick(group.get(1..)?)
    }

    fn other(groups: &[Vec<&'static str>], name: &str, dice: &mut Dice) -> Option<&'static str> {
        let others: Vec<&'static str> =
            groups.iter().filter(|group| group.contains(&name)).flatten().copied().filter(|other| *other != name).collect();
        dice.pick(&others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tradition_can_name_a_family() {
        let mut dice = Dice::new(2, "names");
        for tradition in NameTradition::ALL {
            for female in [true, false] {
                assert!(!tradition.given(female, &mut dice).is_empty());
                assert!(!tradition.given_of_adult(female, &mut dice).is_empty());
                assert!((0..50).any(|_| tradition.middle("Given", female, &mut dice).is_some()));
            }
            assert!(!tradition.family(true, &mut dice).is_empty());
        }
    }

    #[test]
    fn jones_is_common_in_wales_and_smith_in_england() {
        let mut dice = Dice::new(2, "names");
        let mut count = |wales, name| (0..4000).filter(|_| NameTradition::British.family(wales, &mut dice) == name).count();
        assert!(count(true, "Jones") > count(true, "Smith"));
        assert!(count(false, "Smith") > count(false, "Jones"));
    }

    #[test]
    fn women_carry_their_own_form_of_a_family_name() {
        for (tradition, family, expected) in [
            (NameTradition::Polish, "Kowalski", "Kowalska"),
            (NameTradition::Polish, "Nowak", "Nowak"),
            (NameTradition::Indian, "Singh", "Kaur"),
            (NameTradition::Welsh, "Ap Rhys", "Ferch Rhys"),
            (NameTradition::British, "Tomaszewski", "Tomaszewski"),
        ] {
            assert_eq!(tradition.family_of(family, true), expected);
            assert_eq!(tradition.family_of(family, false), family);
        }
    }

    #[test]
    fn a_variant_is_another_form_of_the_same_name() {
        let mut dice = Dice::new(2, "variants");
        for _ in 0..20 {
            let other = Variants::shared().of_given("Siân", &mut dice).unwrap();
            assert_ne!(other, "Siân");
            assert!(Variants::shared().given[0].contains(&other));
        }
        assert_eq!(Variants::shared().short("Gruffydd", &mut dice).map(|short| short.starts_with('G')), Some(true));
        assert_eq!(Variants::shared().short("Guto", &mut dice), None, "a short form has no shorter one");
        assert_eq!(Variants::shared().of_family("Ashbourne", &mut dice), None);
    }
}
