//! Names that are forms of one name: Siân, Shân and Jane; ap Rhys, Price and Preece.

use super::names::Among;
use super::normalise::{Word, fold};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) const TABLE: &str = include_str!("../../data/matching/variants.tsv");
/// Most classes one name is in; the first in the file win.
pub(super) const CLASSES: usize = 3;

struct Variants {
    given: HashMap<Word, Vec<u16>>,
    family: HashMap<Word, Vec<u16>>,
}

static VARIANTS: LazyLock<Variants> = LazyLock::new(|| {
    let mut variants = Variants { given: HashMap::new(), family: HashMap::new() };
    let mut class = 0u16;
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let Some((role, names)) = line.split_once('\t') else { continue };
        class += 1;
        for name in names.split_whitespace() {
            let word = Word::new(fold(name).split_whitespace().collect::<String>().as_bytes());
            for (wanted, table) in [("family", &mut variants.given), ("given", &mut variants.family)] {
                if role == wanted {
                    continue; // a class of the other field
                }
                let classes: &mut Vec<u16> = table.entry(word).or_default();
                if classes.len() < CLASSES && !classes.contains(&class) {
                    classes.push(class);
                }
            }
        }
    }
    variants
});

/// The classes of a name, padded with zeros.
pub(super) fn classes(word: &Word, among: Among) -> [u16; CLASSES] {
    let table = match among {
        Among::Given => &VARIANTS.given,
        Among::Family => &VARIANTS.family,
    };
    let mut out = [0; CLASSES];
    for (slot, class) in out.iter_mut().zip(table.get(word).into_iter().flatten()) {
        *slot = *class;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(a: &str, b: &str, among: Among) -> bool {
        let classes_of = |name: &str| classes(&Word::new(name.as_bytes()), among);
        let theirs = classes_of(b);
        classes_of(a).iter().any(|class| *class != 0 && theirs.contains(class))
    }

    #[test]
    fn every_line_of_the_table_is_sound() {
        for (number, line) in TABLE.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let (role, names) = line.split_once('\t').unwrap_or_default();
            assert!(matches!(role, "given" | "family" | "both"), "line {}", number + 1);
            assert!(names.split_whitespace().count() >= 2, "line {} needs two names", number + 1);
            assert!(names.split_whitespace().all(|name| name.len() < 40), "line {}", number + 1);
        }
    }

    #[test]
    fn forms_of_a_name_share_a_class() {
        for (a, b) in [("SIAN", "JANE"), ("DAFYDD", "DAI"), ("MOHAMMED", "MUHAMMAD"), ("GOSIA", "MALGORZATA"), ("KATE", "CATRIN")] {
            assert!(share(a, b, Among::Given), "{a} {b}");
        }
        for (a, b) in [("PRICE", "PREECE"), ("HUGHES", "HUWS"), ("DAVIES", "DAFIS"), ("CHOUDHURY", "CHOWDHURY")] {
            assert!(share(a, b, Among::Family), "{a} {b}");
        }
        assert!(!share("SIAN", "DAFYDD", Among::Given));
        assert!(!share("PRICE", "PREECE", Among::Given));
    }
}
