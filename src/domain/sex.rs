//! A person's sex, as a search compares it and the returns count it.

use super::coded::closed_set;

closed_set! {
    /// Sex, as it was told. An unborn child's is [`Sex::Unknown`].
    ///
    /// # Source
    ///
    /// Contract, part 1 (shapes); CIN-VAL rule 8750 for the unborn.
    pub enum Sex {
        /// Female.
        Female = "female",
        /// Male.
        Male = "male",
        /// Cannot be said to be one or the other.
        Indeterminate = "indeterminate",
        /// Not known or not told.
        Unknown = "unknown",
    }
}

impl Sex {
    /// Whether it says something to compare.
    pub const fn is_known(self) -> bool {
        match self {
            Self::Female | Self::Male | Self::Indeterminate => true,
            Self::Unknown => false,
        }
    }

    /// The code of the England children-in-need return.
    ///
    /// # Source
    ///
    /// CIN-VAL: M, F and U.
    pub const fn cin_code(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
            Self::Indeterminate | Self::Unknown => "U",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_contract_and_of_the_return() {
        assert_eq!(Sex::ALL.map(Sex::as_str), ["female", "male", "indeterminate", "unknown"]);
        assert_eq!(Sex::ALL.map(Sex::cin_code), ["F", "M", "U", "U"]);
        assert_eq!(Sex::ALL.map(Sex::is_known), [true, true, true, false]);
    }
}
