//! Invented identifiers: well formed, and from ranges kept for tests wherever such a range exists.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate};

use super::dice::Dice;

/// Check digit of a nine-digit stem by modulus 11, weights 10 to 2; `None` when it would be 10, for such a number is never issued.
///
/// # Source
/// NHS Data Model and Dictionary, "NHS number"; CHI and Health and Care numbers use the same sum.
pub fn modulus_11_check_digit(stem: &str) -> Option<u32> {
    let mut sum = 0;
    let mut length = 0;
    for (digit, weight) in stem.chars().zip((2..=10).rev()) {
        sum += digit.to_digit(10)? * weight;
        length += 1;
    }
    if length != 9 || stem.len() != 9 {
        return None;
    }
    match 11 - sum % 11 {
        11 => Some(0),
        10 => None,
        digit => Some(digit),
    }
}

/// Check letter of the twelve digits that follow it in a unique pupil number; `None` when they are not twelve digits.
///
/// # Source
/// Department for Education, "Unique pupil numbers", check letter by modulus 23 with weights 2 to 13.
pub fn pupil_number_check_letter(digits: &str) -> Option<char> {
    const LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRTUVWXYZ";
    if digits.len() != 12 {
        return None;
    }
    let mut sum = 0;
    for (digit, weight) in digits.chars().zip(2..) {
        sum += digit.to_digit(10)? * weight;
    }
    Some(char::from(LETTERS[(sum % 23) as usize]))
}

/// A ten-digit number whose tenth digit checks the nine of `stem`, or of the next stem that has a check digit.
pub(super) fn checked_number(stem: u32) -> String {
    let mut stem = stem;
    loop {
        let text = format!("{stem:09}");
        if let Some(digit) = modulus_11_check_digit(&text) {
            return format!("{text}{digit}");
        }
        stem += 1;
    }
}

/// The largest prime below 99,000,000: multiplying by anything modulo a prime never lets two numbers collide.
const NHS_STEMS: u64 = 98_999_987;

/// The NHS number of the `n`-th person: from the test range 900–998, different for every `n` below 8,999,000, and, for
/// one seed, looking as random as the real ones do. 999 is left to the children that are the same in every run.
pub(super) fn nhs_number(seed: u64, n: u64) -> String {
    let offset = seed % NHS_STEMS;
    // Eleven stems are kept for each person, so that stepping over a stem without check digit cannot meet a neighbour.
    let mut step = 0;
    loop {
        let stem = 900_000_000 + ((n * 11 + step) * 48_271_003 + offset) % NHS_STEMS;
        if let Some(digit) = modulus_11_check_digit(&stem.to_string()) {
            return format!("{stem}{digit}");
        }
        step += 1;
    }
}

/// A Scottish CHI number, which holds the date of birth and the sex.
pub(super) fn chi_number(birth: NaiveDate, female: bool, dice: &mut Dice) -> String {
    let date = birth.format("%d%m%y");
    loop {
        let sex = dice.below(5) * 2 + usize::from(!female);
        let stem = format!("{date}{:02}{sex}", dice.below(100));
        if let Some(digit) = modulus_11_check_digit(&stem) {
            return format!("{stem}{digit}");
        }
    }
}

/// A Health and Care number of Northern Ireland (320–399).
pub(super) fn hc_number(dice: &mut Dice) -> String {
    checked_number(320_000_000 + dice.below(79_000_000) as u32)
}

/// A unique pupil number; given on entering school, so only to children who were of age to.
pub(super) fn pupil_number(school_authority: &str, birth: NaiveDate, today: NaiveDate, dice: &mut Dice) -> Option<String> {
    let entered = birth.year() + 4;
    if entered >= today.year() || school_authority.len() != 3 {
        return None;
    }
    let digits = format!("{school_authority}{:04}{:02}{:03}", 2000 + dice.below(2400), entered % 100, 1 + dice.below(999));
    pupil_number_check_letter(&digits).map(|letter| format!("{letter}{digits}"))
}

/// A property reference of twelve digits that begins with 99, where none are given out.
pub(super) fn property_reference(dice: &mut Dice) -> String {
    format!("99{:05}{:05}", dice.below(100_000), dice.below(100_000))
}

/// The second half of a postcode: a sector and two of the letters postcodes use there.
pub(super) fn inward_code(dice: &mut Dice) -> String {
    const LETTERS: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";
    let mut code = String::with_capacity(3);
    let _ = write!(code, "{}", 1 + dice.below(9));
    for _ in 0..2 {
        code.push(char::from(LETTERS[dice.below(20)]));
    }
    code
}

/// Which of the telephone ranges kept for drama suits a place.
///
/// # Source
/// Ofcom, "Telephone numbers for use in TV and radio drama programmes".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PhoneArea {
    /// 029 2018 0000–0999.
    Cardiff,
    /// 0121 496 0000–0999.
    Birmingham,
    /// 01632 960000–960999: no place has 01632.
    Nowhere,
    /// 07700 900000–900999.
    Mobile,
}

/// A telephone number that rings nobody.
pub(super) fn phone(area: PhoneArea, dice: &mut Dice) -> String {
    let last = dice.below(1000);
    match area {
        PhoneArea::Cardiff => format!("029 2018 0{last:03}"),
        PhoneArea::Birmingham => format!("0121 496 0{last:03}"),
        PhoneArea::Nowhere => format!("01632 960{last:03}"),
        PhoneArea::Mobile => format!("07700 900{last:03}"),
    }
}

/// Whether a telephone number lies in one of the ranges kept for drama that this module uses.
pub fn is_drama_number(phone: &str) -> bool {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    digits.len() == 11 && ["02920180", "01214960", "01632960", "07700900", "08081570"].iter().any(|range| digits.starts_with(range))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn check_digits_agree_with_the_published_examples() {
        assert_eq!(modulus_11_check_digit("943476591"), Some(9));
        assert_eq!(modulus_11_check_digit("999000001"), Some(8));
        assert_eq!(modulus_11_check_digit("12345678"), None, "one digit short");
        assert_eq!(modulus_11_check_digit("12345678x"), None);
        assert_eq!(pupil_number_check_letter("801200001001"), Some('H'));
        assert_eq!(pupil_number_check_letter("80120000100"), None);
    }

    #[test]
    fn the_modulus_of_the_nhs_numbers_is_prime() {
        assert!((2..=9950).all(|divisor| !NHS_STEMS.is_multiple_of(divisor)));
    }

    #[test]
    fn nhs_numbers_are_valid_tests_and_never_given_twice() {
        let mut seen = HashSet::new();
        for n in (0..40_000).chain(2_000_000..2_010_000).chain(8_990_000..8_998_999) {
            let number = nhs_number(11, n);
            assert_eq!(number.len(), 10);
            let leading: u32 = number[..3].parse().unwrap();
            assert!((900..=998).contains(&leading), "{number}");
            assert_eq!(modulus_11_check_digit(&number[..9]), number[9..].parse().ok());
            assert!(seen.insert(number));
        }
    }

    #[test]
    fn every_telephone_area_is_kept_for_drama() {
        let mut dice = Dice::new(5, "phones");
        for area in [PhoneArea::Cardiff, PhoneArea::Birmingham, PhoneArea::Nowhere, PhoneArea::Mobile] {
            for _ in 0..100 {
                let number = phone(area, &mut dice);
                assert!(is_drama_number(&number), "{number}");
            }
        }
        assert!(!is_drama_number("029 2087 2087"));
    }

    #[test]
    fn a_chi_number_holds_the_birth_date_and_the_sex() {
        let mut dice = Dice::new(5, "chi");
        let birth = NaiveDate::from_ymd_opt(2015, 3, 9).unwrap();
        let number = chi_number(birth, true, &mut dice);
        assert!(number.starts_with("090315"));
        assert_eq!(number[8..9].parse::<u32>().unwrap() % 2, 0);
        assert_eq!(modulus_11_check_digit(&number[..9]), number[9..].parse().ok());
        assert!(hc_number(&mut dice).starts_with('3'));
    }

    #[test]
    fn only_children_of_school_age_have_a_pupil_number() {
        let mut dice = Dice::new(5, "upn");
        let today = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
        let number = pupil_number("680", NaiveDate::from_ymd_opt(2015, 3, 9).unwrap(), today, &mut dice).unwrap();
        assert_eq!(pupil_number_check_letter(&number[1..]), number.chars().next());
        assert_eq!(pupil_number("680", NaiveDate::from_ymd_opt(2024, 3, 9).unwrap(), today, &mut dice), None);
    }
}
