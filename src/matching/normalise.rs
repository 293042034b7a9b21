//! Folding: from what people write to short words of `A`–`Z` and `0`–`9`.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word kept; longer ones are cut. Six letters tell most names apart, sixteen all but a few.
pub(super) const WORD: usize = 16;
/// Most words taken from one field: more is not a name but a note.
pub(super) const WORDS_PER_FIELD: usize = 6;
/// Longest text looked at, in characters.
const TEXT: usize = 200;

/// One folded word.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Word {
    /// Letters, padded with zeros.
    pub(super) text: [u8; WORD],
    /// How many.
    pub(super) len: u8,
    /// Which letters occur, one bit each.
    pub(super) letters: u32,
}

impl Word {
    /// From folded bytes, cut at [`WORD`].
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut text = [0; WORD];
        let len = bytes.len().min(WORD);
        text[..len].copy_from_slice(&bytes[..len]);
        let letters = text[..len].iter().fold(0, |set, byte| set | 1 << (byte & 31));
        #[expect(clippy::cast_possible_truncation, reason = "at most WORD")]
        Self { text, len: len as u8, letters }
    }

    /// The letters alone.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.text[..self.len as usize]
    }

    /// One number for equality.
    pub(super) fn packed(&self) -> u128 {
        u128::from_le_bytes(self.text)
    }

    /// Whether it begins with a digit.
    pub(super) fn is_number(&self) -> bool {
        self.text[0].is_ascii_digit()
    }
}

/// Folds case, marks, scripts and punctuation: apostrophes and dots vanish, everything else that is no letter
/// or digit parts words.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(TEXT).nfd().filter(|c| !is_combining_mark(*c)) {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_uppercase());
        } else if matches!(c, '\'' | '’' | '‘' | 'ʼ' | '`' | '´' | '.') {
            // O'Brien, St. Clair
        } else if c.is_ascii() {
            out.push(' ');
        } else {
            for d in deunicode::deunicode_char(c).unwrap_or(" ").chars() {
                if d.is_ascii_alphanumeric() {
                    out.push(d.to_ascii_uppercase());
                } else if d != '\'' && d != '`' {
                    out.push(' ');
                }
            }
        }
    }
    out
}

const TITLES: [&str; 14] = ["MR", "MRS", "MISS", "MS", "MX", "MASTER", "DR", "SIR", "LADY", "PROF", "REV", "MSTR", "BABYBOY", "BABYGIRL"];
const PARTICLES: [&str; 26] = [
    "AP", "AB", "FERCH", "VERCH", "AL", "EL", "BIN", "BINT", "BEN", "IBN", "DE", "DA", "DI", "DO", "DOS", "DEL", "LA", "LE", "VAN", "VON",
    "DER", "DEN", "UL", "UR", "OF", "Y",
];
const PLACEHOLDERS: [&str; 30] = [
    "BABY", "INFANT", "UNBORN", "NEWBORN", "TWIN", "TRIPLET", "BOY", "GIRL", "UNKNOWN", "UNK", "NOT", "KNOWN", "NK", "NFN", "NA", "XX",
    "XXX", "XXXX", "TEST", "NONE", "NAMED", "STATED", "GIVEN", "FEMALE", "MALE", "FOETUS", "FETUS", "TBC", "BABAN", "ANHYSBYS",
];
/// Words that count twins and stand for nothing unless a placeholder is beside them.
const COUNTERS: [&str; 11] = ["1", "2", "3", "ONE", "TWO", "THREE", "I", "II", "A", "B", "OF"];

/// The parts of a name field, and the fused whole when there are several.
#[derive(Default)]
pub(super) struct NameWords {
    pub(super) parts: Vec<Word>,
    pub(super) fused: Option<Word>,
}

/// Splits a name field. Titles and placeholders are dropped, particles are dropped beside another part but kept
/// in the fused whole, so that `ap Rhys` is both `RHYS` and `APRHYS`.
pub(super) fn name_words(text: &str, given: bool) -> NameWords {
    let folded = fold(text);
    let mut words: Vec<&str> = folded.split_whitespace().take(WORDS_PER_FIELD).collect();
    if words.iter().any(|word| PLACEHOLDERS.contains(word)) {
        words.retain(|word| !PLACEHOLDERS.contains(word) && !COUNTERS.contains(word));
    }
    if given && matches!(words[..], ["CHILD" | "PLENTYN"]) {
        words.clear(); // a family name too, but no forename
    }
    words.retain(|word| !word.bytes().all(|b| b.is_ascii_digit()) && !word.bytes().all(|b| b == b'X'));
    if words.len() > 1 {
        let titled: Vec<&str> = words.iter().copied().filter(|word| !TITLES.contains(word)).collect();
        if !titled.is_empty() {
            words = titled;
        }
    }
    let whole: String = words.concat();
    let several = words.len() > 1;
    if several {
        let plain: Vec<&str> = words.iter().copied().filter(|word| !PARTICLES.contains(word)).collect();
        if !plain.is_empty() {
            words = plain;
        }
    }
    NameWords { parts: words.iter().map(|word| Word::new(word.as_bytes())).collect(), fused: several.then(|| Word::new(whole.as_bytes())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn letters_are_folded() {
        let table = [
            ("Siân", "SIAN"),
            ("Łukasz", "LUKASZ"),
            ("Đặng", "DANG"),
            ("Strauß", "STRAUSS"),
            ("Ægir", "AEGIR"),
            ("Þór", "THOR"),
            ("Işık", "ISIK"),
            ("O’Brien", "OBRIEN"),
            ("St. Clair", "ST CLAIR"),
            ("Llywelyn-Jones", "LLYWELYN JONES"),
            ("Олена", "OLENA"),
        ];
        for (text, expected) in table {
            assert_eq!(fold(text), expected);
        }
    }

    #[test]
    fn names_come_apart_and_placeholders_vanish() {
        let parts = |text: &str| {
            let words = name_words(text, true);
            let mut all: Vec<String> = words.parts.iter().map(|w| String::from_utf8(w.bytes().to_vec()).unwrap()).collect();
            all.extend(words.fused.map(|w| format!("={}", std::str::from_utf8(w.bytes()).unwrap())));
            all.join(" ")
        };
        let table = [
            ("Jones", "JONES"),
            ("Llywelyn-Jones", "LLYWELYN JONES =LLYWELYNJONES"),
            ("ap Rhys", "RHYS =APRHYS"),
            ("Mac Donald", "MAC DONALD =MACDONALD"),
            ("Baby", ""),
            ("Twin 2", ""),
            ("Baby Boy", ""),
            ("Baby Angharad", "ANGHARAD"),
            ("Not known", ""),
            ("Child", ""),
            ("xx", ""),
            ("Miss Carys", "CARYS"),
            ("Miss", "MISS"),
            ("Van", "VAN"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,60}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once.chars().take(TEXT).collect::<String>()), once.chars().take(TEXT).collect::<String>());
            prop_assert!(once.bytes().all(|b| b == b' ' || b.is_ascii_uppercase() || b.is_ascii_digit()));
        }
    }
}
