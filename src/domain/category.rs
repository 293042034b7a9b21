//! Categories of abuse, and what becomes of them across a border.
//!
//! The set a conference decided is kept as it was; codes of other nations and returns are derived from it, and say so.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::coded::{closed_set, coded_error};
use super::nation::Nation;

closed_set! {
    /// A category of abuse under which a child is registered.
    ///
    /// # Source
    ///
    /// WSP-3.2.9, NSPCC-W and PEMBS for Wales; CIN-VAL for England; NI-NORTHERN for Northern Ireland.
    pub enum Category {
        /// Neglect.
        Neglect = "neglect",
        /// Physical abuse.
        Physical = "physical",
        /// Sexual abuse.
        Sexual = "sexual",
        /// Emotional or psychological abuse.
        Emotional = "emotional",
        /// Financial abuse. Wales only.
        Financial = "financial",
    }
}

impl Category {
    /// Whether a conference of this nation can register a child under it.
    ///
    /// Scotland has had no categories since 2021 (SCOT-26) and records areas of concern, so none is a Scottish one.
    pub const fn is_used_in(self, nation: Nation) -> bool {
        match (nation, self) {
            (Nation::Wales, _) => true,
            (Nation::England | Nation::NorthernIreland, Self::Financial) | (Nation::Scotland, _) => false,
            (Nation::England | Nation::NorthernIreland, Self::Neglect | Self::Physical | Self::Sexual | Self::Emotional) => true,
        }
    }
}

coded_error! {
    /// Why a set of categories was not taken.
    pub enum CategoryError {
        /// No category.
        NoCategory = "no-category", "give at least one category of abuse";
        /// The same category twice.
        Duplicate = "duplicate-category", "give each category once";
        /// A category this nation does not have.
        NotOfNation = "category-not-of-nation", "use the categories of the nation whose conference decided";
    }
}

/// The categories of one registration: one or more, each once. On the wire a list of codes.
///
/// # Source
///
/// WSP-3.2.10, invariant I9: one or more at all times, specific to each child.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Category>", into = "Vec<Category>")]
pub struct CategorySet(BTreeSet<Category>);

impl CategorySet {
    /// A set of categories, whatever the nation; see [`Self::permitted_in`].
    ///
    /// # Errors
    ///
    /// * [`CategoryError::NoCategory`] for none.
    /// * [`CategoryError::Duplicate`] for one given twice.
    pub fn new(categories: impl IntoIterator<Item = Category>) -> Result<Self, CategoryError> {
        let mut set = BTreeSet::new();
        for category in categories {
            if !set.insert(category) {
                return Err(CategoryError::Duplicate);
            }
        }
        if set.is_empty() { Err(CategoryError::NoCategory) } else { Ok(Self(set)) }
    }

    /// The categories, in the order of [`Category::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Category> + '_ {
        self.0.iter().copied()
    }

    /// Whether a category is in the set.
    pub fn contains(&self, category: Category) -> bool {
        self.0.contains(&category)
    }

    /// Whether a conference of this nation can decide this set.
    ///
    /// # Errors
    ///
    /// [`CategoryError::NotOfNation`] when one of them is not a category there.
    pub fn permitted_in(&self, nation: Nation) -> Result<(), CategoryError> {
        if self.iter().all(|category| category.is_used_in(nation)) { Ok(()) } else { Err(CategoryError::NotOfNation) }
    }

    /// The one code of the England children-in-need return that stands for this set, decided in `nation`.
    ///
    /// Two or more categories are `MUL`. Financial abuse has no code of its own: by itself it derives to none, and any
    /// set with it derives with loss.
    ///
    /// # Source
    ///
    /// CIN-VAL rules 8905 and 8910; domain notes, part 3 (mapping hazards).
    pub fn cin_code(&self, nation: Nation) -> Derived<Option<CinCategory>> {
        let mut categories = self.iter();
        let code = match (categories.next(), categories.next()) {
            (Some(_), Some(_)) => Some(CinCategory::Multiple),
            (Some(Category::Neglect), None) => Some(CinCategory::Neglect),
            (Some(Category::Physical), None) => Some(CinCategory::Physical),
            (Some(Category::Sexual), None) => Some(CinCategory::Sexual),
            (Some(Category::Emotional), None) => Some(CinCategory::Emotional),
            (Some(Category::Financial), None) | (None, _) => None,
        };
        self.derived(code, nation)
    }

    /// The codes of the NHS data dictionary (England) that stand for this set, decided in `nation`.
    ///
    /// # Source
    ///
    /// NHS-DD: 01 neglect, 02 physical, 03 emotional, 04 sexual.
    pub fn nhs_codes(&self, nation: Nation) -> Derived<Vec<&'static str>> {
        let mut codes: Vec<&'static str> = self
            .iter()
            .filter_map(|category| match category {
                Category::Neglect => Some("01"),
                Category::Physical => Some("02"),
                Category::Emotional => Some("03"),
                Category::Sexual => Some("04"),
                Category::Financial => None,
            })
            .collect();
        codes.sort_unstable();
        self.derived(codes, nation)
    }

    fn derived<T>(&self, code: T, nation: Nation) -> Derived<T> {
        Derived { code, derived: nation != Nation::England, lossy: self.contains(Category::Financial) }
    }
}

impl TryFrom<Vec<Category>> for CategorySet {
    type Error = CategoryError;

    fn try_from(categories: Vec<Category>) -> Result<Self, Self::Error> {
        Self::new(categories)
    }
}

impl From<CategorySet> for Vec<Category> {
    fn from(set: CategorySet) -> Self {
        set.0.into_iter().collect()
    }
}

closed_set! {
    /// The category codes of the England children-in-need return.
    ///
    /// # Source
    ///
    /// CIN-VAL rules 8905 and 8910.
    pub enum CinCategory {
        /// Neglect.
        Neglect = "NEG",
        /// Physical abuse.
        Physical = "PHY",
        /// Sexual abuse.
        Sexual = "SAB",
        /// Emotional abuse.
        Emotional = "EMO",
        /// More than one category.
        Multiple = "MUL",
    }
}

/// A code of another nation or return, worked out from the original.
///
/// # Source
///
/// Invariant I24: the original survives; a derived code says it is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Derived<T> {
    /// The code worked out.
    pub code: T,
    /// Whether the decision was made in another nation's terms.
    pub derived: bool,
    /// Whether something in the original has no code here. `MUL` for several English categories is no loss: it is how
    /// England writes them.
    pub lossy: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use Category::{Emotional, Financial, Neglect, Physical, Sexual};

    fn set(categories: &[Category]) -> CategorySet {
        CategorySet::new(categories.iter().copied()).unwrap()
    }

    #[test]
    fn a_set_has_one_or_more_each_once() {
        assert_eq!(CategorySet::new([]), Err(CategoryError::NoCategory));
        assert_eq!(CategorySet::new([Neglect, Neglect]), Err(CategoryError::Duplicate));
        assert_eq!(serde_json::to_string(&set(&[Sexual, Neglect])).unwrap(), r#"["neglect","sexual"]"#);
        for json in ["[]", r#"["neglect","neglect"]"#, r#"["Neglect"]"#, r#"["grave-concern"]"#] {
            assert!(serde_json::from_str::<CategorySet>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn financial_abuse_is_a_welsh_category_only() {
        for nation in Nation::ALL {
            assert_eq!(set(&[Financial]).permitted_in(nation).is_ok(), nation == Nation::Wales, "{nation}");
            assert_eq!(set(&[Neglect, Sexual]).permitted_in(nation).is_ok(), nation != Nation::Scotland, "{nation}");
        }
    }

    #[test]
    fn a_set_derives_to_one_english_code() {
        let table: [(&[Category], Option<CinCategory>, bool); 8] = [
            (&[Neglect], Some(CinCategory::Neglect), false),
            (&[Physical], Some(CinCategory::Physical), false),
            (&[Sexual], Some(CinCategory::Sexual), false),
            (&[Emotional], Some(CinCategory::Emotional), false),
            (&[Financial], None, true),
            (&[Neglect, Physical], Some(CinCategory::Multiple), false),
            (&[Neglect, Financial], Some(CinCategory::Multiple), true),
            (&[Neglect, Physical, Sexual, Emotional, Financial], Some(CinCategory::Multiple), true),
        ];
        for (categories, code, lossy) in table {
            assert_eq!(set(categories).cin_code(Nation::Wales), Derived { code, derived: true, lossy }, "{categories:?}");
        }
        assert!(!set(&[Neglect]).cin_code(Nation::England).derived);
    }

    #[test]
    fn a_set_derives_to_nhs_codes() {
        assert_eq!(
            set(&[Neglect, Sexual, Emotional]).nhs_codes(Nation::England),
            Derived { code: vec!["01", "03", "04"], derived: false, lossy: false }
        );
        assert_eq!(set(&[Financial]).nhs_codes(Nation::Wales), Derived { code: vec![], derived: true, lossy: true });
    }
}
