//! NHS, CHI and H&C numbers.

use super::normalise::{Word, fold};
use super::similarity::one_edit_apart;

/// Shortest text that can identify anybody.
const SHORTEST: usize = 6;

/// An identifier as written, without blanks and hyphens; none when it is too short or a stand-in
/// such as all zeros. A wrong check digit is kept: most of its digits are right.
pub(super) fn identifier(text: &str) -> Option<Word> {
    let folded: String = fold(text).split_whitespace().collect();
    let bytes = folded.as_bytes();
    let stand_in = bytes.iter().all(|b| Some(b) == bytes.first()) || folded == "1234567890" || folded == "123456789";
    (bytes.len() >= SHORTEST && !stand_in && bytes.iter().any(u8::is_ascii_digit)).then(|| Word::new(bytes))
}

/// How two identifiers stand to each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Agreement {
    Differs,
    Close,
    Same,
}

/// Compares two identifiers.
pub(super) fn agreement(a: &Word, b: &Word) -> Agreement {
    if a.packed() == b.packed() {
        Agreement::Same
    } else if one_edit_apart(a.bytes(), b.bytes()) {
        Agreement::Close
    } else {
        Agreement::Differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_identify_nobody() {
        for (text, kept) in [("943 476 5919", true), ("9434765918", true), ("0000000000", false), ("12345", false), ("unknown", false)] {
            assert_eq!(identifier(text).is_some(), kept, "{text}");
        }
    }
}
