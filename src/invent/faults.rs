//! How particulars go wrong between a child and an enquirer: misheard, misread, mistyped, half known, out of date.

use chrono::{Datelike, Duration, NaiveDate};

use super::dice::Dice;
use super::names::Variants;

/// One letter too many, too few, wrong, or out of order; wrong letters are mostly neighbours on the keyboard.
pub(super) fn typo(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let places: Vec<usize> = (0..letters.len()).filter(|&at| letters[at].is_alphanumeric()).collect();
    if places.len() < 2 {
        return text.to_owned();
    }
    let at = places[dice.below(places.len())];
    match dice.below(10) {
        0..=1 => letters.insert(at, neighbour(letters[at], dice)),
        2..=4 => {
            letters.remove(at);
        }
        5..=6 => letters[at] = neighbour(letters[at], dice),
        7 => letters.insert(at, letters[at].to_ascii_lowercase()),
        _ => {
            let next = if at + 1 < letters.len() { at + 1 } else { at - 1 };
            letters.swap(at, next);
        }
    }
    let changed: String = letters.into_iter().collect();
    if changed == text { typo(text, dice) } else { changed }
}

/// A letter beside this one on the keyboard, in the same case.
fn neighbour(letter: char, dice: &mut Dice) -> char {
    const ROWS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
    let plain = letter.to_ascii_lowercase();
    let mut near: Vec<&u8> = Vec::new();
    for (index, row) in ROWS.iter().enumerate() {
        if let Some(at) = row.find(plain) {
            near.extend(row.as_bytes().get(at + 1));
            near.extend(at.checked_sub(1).and_then(|before| row.as_bytes().get(before)));
            if !plain.is_ascii_digit() {
                near.extend(ROWS.get(index + 1).and_then(|below| below.as_bytes().get(at)));
            }
        }
    }
    let chosen = near.get(dice.below(near.len())).map_or('e', |byte| char::from(**byte));
    if letter.is_uppercase() { chosen.to_ascii_uppercase() } else { chosen }
}

/// What somebody writes who only heard the name.
pub(super) fn respelt(text: &str, dice: &mut Dice) -> String {
    const SOUNDS: &[(&str, &str)] = &[
        ("ph", "f"),
        ("ff", "f"),
        ("ff", "ph"),
        ("ll", "l"),
        ("ll", "thl"),
        ("dd", "th"),
        ("dd", "d"),
        ("th", "dd"),
        ("w", "oo"),
        ("y", "i"),
        ("i", "y"),
        ("ie", "y"),
        ("ey", "y"),
        ("y", "ey"),
        ("c", "k"),
        ("k", "c"),
        ("ck", "k"),
        ("x", "cks"),
        ("s", "z"),
        ("z", "s"),
        ("ae", "ai"),
        ("ai", "ay"),
        ("ei", "ie"),
        ("ou", "u"),
        ("oo", "u"),
        ("u", "oo"),
        ("rh", "r"),
        ("wh", "w"),
        ("gh", "g"),
        ("kh", "k"),
        ("sh", "s"),
        ("si", "sh"),
        ("cz", "ch"),
        ("sz", "sh"),
        ("rz", "z"),
        ("w", "v"),
        ("j", "y"),
        ("gw", "gu"),
        ("ee", "i"),
        ("ea", "ee"),
        ("a", "e"),
        ("e", "a"),
        ("nn", "n"),
        ("n", "nn"),
        ("tt", "t"),
        ("ss", "s"),
        ("rr", "r"),
        ("mm", "m"),
        ("h", ""),
        ("ch", "k"),
        ("f", "v"),
        ("aa", "a"),
        ("q", "k"),
        ("o", "u"),
        ("er", "a"),
        ("ian", "yan"),
        ("wyn", "win"),
        ("ys", "is"),
        ("es", "s"),
    ];
    let plain = without_diacritics(text).to_lowercase();
    let fitting: Vec<&(&str, &str)> = SOUNDS.iter().filter(|(from, _)| plain.len() > 2 && plain.contains(from)).collect();
    let Some((from, to)) = dice.pick(&fitting) else {
        return format!("{text}e");
    };
    let places: Vec<usize> = plain.match_indices(from).map(|(at, _)| at).collect();
    let at = places[dice.below(places.len())];
    capitalised(&format!("{}{to}{}", &plain[..at], &plain[at + from.len()..]))
}

/// What a scanner makes of the name.
pub(super) fn misread(text: &str, dice: &mut Dice) -> String {
    const SHAPES: &[(&str, &str)] = &[
        ("rn", "m"),
        ("m", "rn"),
        ("l", "I"),
        ("i", "l"),
        ("cl", "d"),
        ("d", "cl"),
        ("u", "n"),
        ("n", "u"),
        ("e", "c"),
        ("h", "b"),
        ("vv", "w"),
        ("w", "vv"),
        ("ri", "n"),
        ("t", "f"),
        ("a", "o"),
        ("o", "a"),
        ("S", "5"),
        ("O", "0"),
        ("B", "8"),
        ("G", "C"),
        ("y", "v"),
        ("g", "q"),
        ("I", "l"),
        ("D", "O"),
        ("E", "F"),
    ];
    let fitting: Vec<&(&str, &str)> = SHAPES.iter().filter(|(from, _)| text.contains(from)).collect();
    let Some((from, to)) = dice.pick(&fitting) else {
        return typo(text, dice);
    };
    let places: Vec<usize> = text.match_indices(from).map(|(at, _)| at).collect();
    let at = places[dice.below(places.len())];
    format!("{}{to}{}", &text[..at], &text[at + from.len()..])
}

/// Another form of a forename, in place of one of its parts.
pub(super) fn given_variant(text: &str, dice: &mut Dice) -> Option<String> {
    part_replaced(text, |part| Variants::shared().of_given(part, dice))
}

/// Another form of a family name, in place of one of its parts.
pub(super) fn family_variant(text: &str, dice: &mut Dice) -> Option<String> {
    part_replaced(text, |part| Variants::shared().of_family(part, dice))
}

fn part_replaced(text: &str, mut other: impl FnMut(&str) -> Option<&'static str>) -> Option<String> {
    if let Some(whole) = other(text) {
        return Some(whole.to_owned());
    }
    for part in text.split([' ', '-']) {
        if let Some(form) = other(part) {
            return Some(text.replacen(part, form, 1));
        }
    }
    None
}

/// One half of a name of two parts.
pub(super) fn half(text: &str, dice: &mut Dice) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    if parts.len() != 2 || parts.iter().any(|part| part.len() < 3) {
        return None;
    }
    Some(parts[dice.below(2)].to_owned())
}

/// The name with its accents lost, as systems that know only the letters of English write it.
pub(super) fn without_diacritics(text: &str) -> String {
    text.chars().map(plain_letter).collect()
}

fn plain_letter(letter: char) -> char {
    const PLAIN: &[(&str, char)] = &[
        ("âáàäąăå", 'a'),
        ("ÂÁÀÄĂ", 'A'),
        ("ćčç", 'c'),
        ("Ć", 'C'),
        ("êéèëę", 'e'),
        ("ÊÉÈ", 'E'),
        ("îíìï", 'i'),
        ("ÎÍ", 'I'),
        ("ł", 'l'),
        ("Ł", 'L'),
        ("ńñ", 'n'),
        ("ôóòöő", 'o'),
        ("ÔÓÖ", 'O'),
        ("șśšş", 's'),
        ("ȘŚŠ", 'S'),
        ("țţ", 't'),
        ("ȚŢ", 'T'),
        ("ûúùü", 'u'),
        ("ÛÚÜ", 'U'),
        ("ŵẃẁẅ", 'w'),
        ("Ŵ", 'W'),
        ("ŷýỳÿ", 'y'),
        ("ŶÝ", 'Y'),
        ("źżž", 'z'),
        ("ŹŻŽ", 'Z'),
    ];
    PLAIN.iter().find(|(letters, _)| letters.contains(letter)).map_or(letter, |(_, plain)| *plain)
}

fn capitalised(text: &str) -> String {
    let mut up = true;
    text.chars()
        .map(|letter| {
            let out = if up { letter.to_uppercase().next().unwrap_or(letter) } else { letter };
            up = matches!(letter, ' ' | '-' | '\'');
            out
        })
        .collect()
}

/// Day and month the other way round; `None` when that is no other date.
pub(super) fn day_and_month_swapped(date: NaiveDate) -> Option<NaiveDate> {
    let swapped = NaiveDate::from_ymd_opt(date.year(), date.day(), date.month())?;
    (swapped != date).then_some(swapped)
}

/// A date with one digit wrong that is still a date.
pub(super) fn one_digit_off(date: NaiveDate, dice: &mut Dice) -> NaiveDate {
    let text = date.format("%Y%m%d").to_string();
    for _ in 0..40 {
        let mut digits: Vec<char> = text.chars().collect();
        // The century is not what people get wrong.
        let at = 2 + dice.below(6);
        digits[at] = char::from(b'0' + dice.below(10) as u8);
        let changed: String = digits.into_iter().collect();
        if let Ok(other) = NaiveDate::parse_from_str(&changed, "%Y%m%d")
            && other != date
            && (other.year() - date.year()).abs() < 20
        {
            return other;
        }
    }
    date + Duration::days(1)
}

/// A date near the right one: the day before or after, or the same day of another month or year.
pub(super) fn near(date: NaiveDate, dice: &mut Dice) -> NaiveDate {
    match dice.below(5) {
        0 => date + Duration::days(1),
        1 => date - Duration::days(1),
        2 => date.with_month(if date.month() == 12 { 11 } else { date.month() + 1 }).unwrap_or(date - Duration::days(1)),
        3 => date.with_year(date.year() + 1).unwrap_or(date + Duration::days(1)),
        _ => date.with_year(date.year() - 1).unwrap_or(date - Duration::days(1)),
    }
}

/// An identifier with one digit wrong, so that its check digit no longer fits.
pub(super) fn digit_wrong(number: &str, dice: &mut Dice) -> String {
    let mut digits: Vec<char> = number.chars().collect();
    let at = dice.below(digits.len());
    if let Some(digit) = digits.get_mut(at) {
        let old = digit.to_digit(10).unwrap_or(0);
        *digit = char::from_digit((old + 1 + dice.below(9) as u32) % 10, 10).unwrap_or('0');
    }
    digits.into_iter().collect()
}

/// An identifier with two neighbouring digits the other way round.
pub(super) fn digits_swapped(number: &str, dice: &mut Dice) -> String {
    let mut digits: Vec<char> = number.chars().collect();
    let different: Vec<usize> = (1..digits.len()).filter(|&at| digits[at] != digits[at - 1]).collect();
    if let Some(&at) = different.get(dice.below(different.len())) {
        digits.swap(at - 1, at);
    }
    digits.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_changes_the_text_and_leaves_most_of_it() {
        let mut dice = Dice::new(6, "faults");
        for name in ["Siân", "Llŷr", "Griffiths", "O'Brien", "Li", "Małgorzata", "Al-Hassan"] {
            for _ in 0..200 {
                let mistyped = typo(name, &mut dice);
                assert_ne!(mistyped, name);
                assert!(mistyped.chars().count().abs_diff(name.chars().count()) <= 1);
                assert!(!respelt(name, &mut dice).is_empty());
                assert!(!misread(name, &mut dice).is_empty());
            }
        }
        assert_eq!(typo("J", &mut dice), "J");
        assert_eq!(typo("", &mut dice), "");
    }

    #[test]
    fn diacritics_are_lost_and_nothing_else() {
        for (text, plain) in
            [("Siân", "Sian"), ("Llŷr", "Llyr"), ("Łucja Wójcik", "Lucja Wojcik"), ("Ștefan", "Stefan"), ("O'Brien", "O'Brien")]
        {
            assert_eq!(without_diacritics(text), plain);
        }
    }

    #[test]
    fn a_half_is_one_side_of_a_double_barrelled_name() {
        let mut dice = Dice::new(6, "halves");
        assert!(["Jones", "Davies"].contains(&half("Jones-Davies", &mut dice).unwrap().as_str()));
        assert_eq!(half("Jones", &mut dice), None);
        assert_eq!(half("Al-Hassan", &mut dice), None, "a particle is not half a name");
    }

    #[test]
    fn wrong_dates_are_dates() {
        let mut dice = Dice::new(6, "dates");
        let date = NaiveDate::from_ymd_opt(2016, 2, 29).unwrap();
        assert_eq!(day_and_month_swapped(date), None);
        assert_eq!(day_and_month_swapped(NaiveDate::from_ymd_opt(2016, 7, 7).unwrap()), None);
        assert_eq!(day_and_month_swapped(NaiveDate::from_ymd_opt(2016, 7, 8).unwrap()), NaiveDate::from_ymd_opt(2016, 8, 7));
        for _ in 0..200 {
            assert_ne!(one_digit_off(date, &mut dice), date);
            assert_ne!(near(date, &mut dice), date);
        }
    }

    #[test]
    fn a_wrong_identifier_differs_in_one_place() {
        let mut dice = Dice::new(6, "numbers");
        for _ in 0..100 {
            let wrong = digit_wrong("9434765919", &mut dice);
            assert_eq!(wrong.chars().zip("9434765919".chars()).filter(|(one, other)| one != other).count(), 1);
            assert_ne!(digits_swapped("9434765919", &mut dice), "9434765919");
        }
    }
}
