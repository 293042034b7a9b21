//! How alike two short words are. Own code, since it runs some thousands of times a check: words are at
//! most sixteen letters, so flags fit a machine word and nothing is allocated.

/// At most one insertion, deletion, substitution or transposition of neighbours apart.
pub(super) fn one_edit_apart(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if b.len() - a.len() > 1 {
        return false;
    }
    let front = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[front..], &b[front..]);
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);
    match (a, b) {
        ([], [] | [_]) | ([_], [_]) => true,
        ([a0, a1], [b0, b1]) => a0 == b1 && a1 == b0,
        _ => false,
    }
}

/// Jaro and Winkler's similarity, 0–1, as `strsim` computes it. Words of at most 32 bytes.
pub(super) fn jaro_winkler(a: &[u8], b: &[u8]) -> f32 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let (mut a_flags, mut b_flags) = (0u32, 0u32);
    let mut matches = 0u32;
    for (i, x) in a.iter().enumerate() {
        let low = i.saturating_sub(window);
        let high = (i + window + 1).min(b.len());
        for (j, y) in b.iter().enumerate().take(high).skip(low) {
            if b_flags >> j & 1 == 0 && x == y {
                a_flags |= 1 << i;
                b_flags |= 1 << j;
                matches += 1;
                break;
            }
        }
    }
    if matches == 0 {
        return 0.0;
    }
    let mut out_of_order = 0u32;
    let mut rest = b_flags;
    for (i, x) in a.iter().enumerate() {
        if a_flags >> i & 1 == 1 {
            let j = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            out_of_order += u32::from(*x != b[j]);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "lengths of at most 32")]
    let (m, t, la, lb) = (matches as f32, (out_of_order / 2) as f32, a.len() as f32, b.len() as f32);
    let jaro = (m / la + m / lb + (m - t) / m) / 3.0;
    #[expect(clippy::cast_precision_loss, reason = "at most 4")]
    let prefix = a.iter().zip(b).take(4).take_while(|(x, y)| x == y).count() as f32;
    if jaro > 0.7 { jaro + 0.1 * prefix * (1.0 - jaro) } else { jaro }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_edit_means_one() {
        let table = [
            ("JONES", "JONES", true),
            ("JONES", "JONSE", true),
            ("JONES", "JONE", true),
            ("JONES", "JOHNES", true),
            ("JONES", "JANES", true),
            ("JONES", "JANSE", false),
            ("JONES", "JON", false),
            ("", "A", true),
            ("", "AB", false),
        ];
        for (a, b, expected) in table {
            assert_eq!(one_edit_apart(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
            assert_eq!(one_edit_apart(b.as_bytes(), a.as_bytes()), expected, "{b} {a}");
        }
    }

    proptest! {
        #[test]
        fn similarity_agrees_with_the_library(a in "[A-E]{1,16}", b in "[A-E]{1,16}") {
            let ours = f64::from(jaro_winkler(a.as_bytes(), b.as_bytes()));
            let jaro = strsim::jaro(&a, &b);
            prop_assume!((jaro - 0.7).abs() > 1e-4); // the bonus sets in there, and we compute in single precision
            let theirs = if jaro > 0.7 { strsim::jaro_winkler(&a, &b) } else { jaro };
            prop_assert!((ours - theirs).abs() < 1e-4, "{} {}", ours, theirs);
        }

        #[test]
        fn one_edit_agrees_with_the_library(a in "[A-C]{0,6}", b in "[A-C]{0,6}") {
            prop_assert_eq!(one_edit_apart(a.as_bytes(), b.as_bytes()), strsim::osa_distance(&a, &b) <= 1);
        }
    }
}
