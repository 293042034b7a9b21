//! The Merkle tree of RFC 6962 over the audit log: roots, proofs and their verification. Pure.
//!
//! ```text
//!  level 16   one node for each 65,536 entries          kept
//!  level  8   one node for each 256 entries             kept
//!  level  0   the hash of each entry                    kept
//! ```
//!
//! Only nodes of these levels are kept; what lies between is worked out from at most 256 of them. That is one kept node for
//! about 255 entries, and a proof reads a handful of short, contiguous ranges.
//!
//! # Source
//! RFC 6962 section 2.1 (hashing and proofs), RFC 9162 section 2.1 (verification), C2SP tlog-tiles (levels of eight).

use aws_lc_rs::digest;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// How many levels of the tree lie between two kept ones.
pub const LEVELS: u32 = 8;
/// How many nodes of one kept level make one node of the next.
pub const WIDTH: u64 = 1 << LEVELS;

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The hash of an entry.
pub fn leaf(record: &[u8]) -> Hash {
    sha256(&[&[0], record])
}

/// The hash over two neighbours.
pub fn parent(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The next link of the chain beside the tree: over the chain so far and the hash of an entry.
pub fn link(chain: &[u8], entry: &[u8]) -> Hash {
    sha256(&[&[2], chain, entry])
}

/// The root of a tree without entries; the chain begins with it too.
pub fn empty() -> Hash {
    sha256(&[])
}

/// Where kept nodes come from.
pub trait Nodes {
    /// Why they could not be read.
    type Error;

    /// `count` nodes of a kept level (0, 8, 16, …) from a position on.
    ///
    /// # Errors
    /// When they cannot be read, or are fewer.
    fn nodes(&mut self, level: u32, from: u64, count: u64) -> Result<Vec<Hash>, Self::Error>;
}

/// The hash over neighbours whose number is a power of two.
fn fold(mut row: Vec<Hash>) -> Hash {
    debug_assert!(row.len().is_power_of_two());
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| parent(&pair[0], &pair[1])).collect();
    }
    row[0]
}

/// The largest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The hash over the entries from `low` to before `high`, which stand together under one node of the tree.
fn subtree<N: Nodes>(nodes: &mut N, low: u64, high: u64) -> Result<Hash, N::Error> {
    let size = high - low;
    if size == 0 {
        return Ok(empty());
    }
    if size.is_power_of_two() {
        let exponent = size.trailing_zeros();
        let level = exponent - exponent % LEVELS;
        return Ok(fold(nodes.nodes(level, low >> level, size >> level)?));
    }
    let middle = low + split(size);
    Ok(parent(&subtree(nodes, low, middle)?, &subtree(nodes, middle, high)?))
}

/// The root of the tree of the first `size` entries.
///
/// # Errors
/// When nodes cannot be read.
pub fn root<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    subtree(nodes, 0, size)
}

/// The kept node at a position of a level above 0, from the kept nodes below it.
///
/// # Errors
/// When nodes cannot be read.
pub fn node<N: Nodes>(nodes: &mut N, level: u32, position: u64) -> Result<Hash, N::Error> {
    Ok(fold(nodes.nodes(level - LEVELS, position << LEVELS, WIDTH)?))
}

/// The proof that the entry at `index` stands in the tree of the first `size` entries; `index` is below `size`.
///
/// # Errors
/// When nodes cannot be read.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(subtree(nodes, middle, high)?);
            high = middle;
        } else {
            path.push(subtree(nodes, low, middle)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of the first `from` entries is the beginning of that of the first `to`; `from` is at most `to`.
///
/// # Errors
/// When nodes cannot be read.
pub fn consistency<N: Nodes>(nodes: &mut N, from: u64, to: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if from == 0 || from == to {
        return Ok(path);
    }
    let (mut low, mut high, mut whole) = (0, to, true);
    while from != high {
        let middle = low + split(high - low);
        if from <= middle {
            path.push(subtree(nodes, middle, high)?);
            high = middle;
        } else {
            path.push(subtree(nodes, low, middle)?);
            low = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(subtree(nodes, low, high)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether a proof shows that the entry with this hash stands at `index` of the tree with this size and root.
pub fn includes(entry: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *entry);
    for other in proof {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = parent(other, &hash);
            while at.is_multiple_of(2) && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = parent(&hash, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether a proof shows that the tree `from` (size and root) is the beginning of the tree `to`.
pub fn extends(from: (u64, &Hash), to: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((size, root), (later, later_root)) = (from, to);
    if size == 0 || size == later {
        let same = if size == later { root == later_root } else { *root == empty() };
        return proof.is_empty() && same;
    }
    if size > later {
        return false;
    }
    let (first, rest) = if size.is_power_of_two() {
        (*root, proof)
    } else {
        match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return false,
        }
    };
    let (mut at, mut last) = (size - 1, later - 1);
    while at % 2 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (first, first);
    for other in rest {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            old = parent(other, &old);
            new = parent(other, &new);
            while at.is_multiple_of(2) && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = parent(&new, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old == *root && new == *later_root
}

/// A tree that grows entry by entry and remembers only its right edge: enough to tell its root at every size.
#[derive(Debug, Clone, Default)]
pub struct Growing {
    size: u64,
    /// The roots of the whole subtrees on the right edge, largest first, with their exponents.
    edge: Vec<(u32, Hash)>,
}

impl Growing {
    /// How many entries it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry. Every node that must be kept and is whole now is told: level, position, hash.
    pub fn push(&mut self, entry: Hash, mut whole: impl FnMut(u32, u64, Hash)) {
        let (mut exponent, mut hash) = (0, entry);
        while let Some((_, left)) = self.edge.pop_if(|(last, _)| *last == exponent) {
            hash = parent(&left, &hash);
            exponent += 1;
            if exponent % LEVELS == 0 {
                whole(exponent, self.size >> exponent, hash);
            }
        }
        self.edge.push((exponent, hash));
        self.size += 1;
    }

    /// Its root.
    pub fn root(&self) -> Hash {
        self.edge.iter().rev().map(|(_, hash)| *hash).reduce(|right, left| parent(&left, &right)).unwrap_or_else(empty)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A tree in memory that keeps what the database keeps.
    #[derive(Default)]
    struct Kept(Vec<Vec<Hash>>);

    impl Kept {
        fn of(entries: &[Hash]) -> Self {
            let mut levels = vec![entries.to_vec()];
            let mut growing = Growing::default();
            for entry in entries {
                growing.push(*entry, |level, position, hash| {
                    let kept = (level / LEVELS) as usize;
                    levels.resize(levels.len().max(kept + 1), Vec::new());
                    assert_eq!(levels[kept].len() as u64, position);
                    levels[kept].push(hash);
                });
            }
            Self(levels)
        }
    }

    impl Nodes for Kept {
        type Error = ();

        fn nodes(&mut self, level: u32, from: u64, count: u64) -> Result<Vec<Hash>, ()> {
            assert!(level.is_multiple_of(LEVELS) && count <= WIDTH / 2 || count == WIDTH);
            let row = self.0.get((level / LEVELS) as usize).ok_or(())?;
            row.get(from as usize..(from + count) as usize).map(<[Hash]>::to_vec).ok_or(())
        }
    }

    /// The definitions of RFC 6962, word for word.
    mod naive {
        use super::super::{Hash, empty, parent, split};

        pub fn root(entries: &[Hash]) -> Hash {
            match entries {
                [] => empty(),
                [one] => *one,
                _ => {
                    let (left, right) = entries.split_at(split(entries.len() as u64) as usize);
                    parent(&root(left), &root(right))
                }
            }
        }

        pub fn path(index: usize, entries: &[Hash]) -> Vec<Hash> {
            if entries.len() == 1 {
                return vec![];
            }
            let k = split(entries.len() as u64) as usize;
            let (left, right) = entries.split_at(k);
            let (mut path, other) = if index < k { (path(index, left), root(right)) } else { (path(index - k, right), root(left)) };
            path.push(other);
            path
        }

        pub fn proof(from: usize, entries: &[Hash], whole: bool) -> Vec<Hash> {
            if from == entries.len() {
                return if whole { vec![] } else { vec![root(entries)] };
            }
            let k = split(entries.len() as u64) as usize;
            let (left, right) = entries.split_at(k);
            let (mut path, other) =
                if from <= k { (proof(from, left, whole), root(right)) } else { (proof(from - k, right, false), root(left)) };
            path.push(other);
            path
        }
    }

    fn entries(count: usize) -> Vec<Hash> {
        (0..count).map(|number| leaf(&number.to_be_bytes())).collect()
    }

    /// The inputs and roots that the reference implementation of RFC 6962 is tested with.
    #[test]
    fn the_roots_of_the_reference_implementation_come_out() {
        let inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        assert_eq!(hex::encode(empty()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let mut growing = Growing::default();
        assert_eq!(growing.root(), empty());
        for (input, root) in inputs.iter().zip(roots) {
            growing.push(leaf(&hex::decode(input).unwrap()), |_, _, _| {});
            assert_eq!(hex::encode(growing.root()), root);
        }
    }

    #[test]
    fn every_proof_of_small_trees_is_that_of_the_rfc_and_verifies() {
        let all = entries(40);
        for size in 0..=all.len() {
            let known = &all[..size];
            let mut kept = Kept::of(known);
            let root_now = root(&mut kept, size as u64).unwrap();
            assert_eq!(root_now, naive::root(known), "{size}");
            for index in 0..size {
                let path = inclusion(&mut kept, index as u64, size as u64).unwrap();
                assert_eq!(path, naive::path(index, known), "{index} of {size}");
                assert!(includes(&known[index], index as u64, size as u64, &path, &root_now));
                for other in (0..size).filter(|other| *other != index) {
                    assert!(!includes(&known[index], other as u64, size as u64, &path, &root_now));
                }
            }
            for from in 0..=size {
                let path = consistency(&mut kept, from as u64, size as u64).unwrap();
                if from > 0 {
                    assert_eq!(path, naive::proof(from, known, true), "{from} to {size}");
                }
                let before = naive::root(&known[..from]);
                assert!(extends((from as u64, &before), (size as u64, &root_now), &path), "{from} to {size}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn large_trees_agree_with_the_definition(size in 1_usize..70_000, at in any::<prop::sample::Index>(), earlier in any::<prop::sample::Index>()) {
            let all = entries(size);
            let mut kept = Kept::of(&all);
            let (index, from) = (at.index(size), earlier.index(size) + 1);
            let now = naive::root(&all);
            prop_assert_eq!(root(&mut kept, size as u64).unwrap(), now);
            let path = inclusion(&mut kept, index as u64, size as u64).unwrap();
            prop_assert_eq!(&path, &naive::path(index, &all));
            prop_assert!(includes(&all[index], index as u64, size as u64, &path, &now));
            let proof = consistency(&mut kept, from as u64, size as u64).unwrap();
            prop_assert_eq!(&proof, &naive::proof(from, &all, true));
            prop_assert!(extends((from as u64, &naive::root(&all[..from])), (size as u64, &now), &proof));
        }

        #[test]
        fn a_changed_proof_is_refused(size in 2_usize..3_000, at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let all = entries(size);
            let mut kept = Kept::of(&all);
            let now = naive::root(&all);
            let index = at.index(size);
            let path = inclusion(&mut kept, index as u64, size as u64).unwrap();
            let change = |path: &[Hash]| {
                let mut changed = path.to_vec();
                let byte = byte.index(changed.len() * 32);
                changed[byte / 32][byte % 32] ^= 1 << bit;
                changed
            };
            prop_assert!(!includes(&all[index], index as u64, size as u64, &change(&path), &now));
            prop_assert!(!includes(&all[index], index as u64, size as u64, &path[1..], &now));
            let proof = consistency(&mut kept, index as u64, size as u64).unwrap();
            let before = naive::root(&all[..index]);
            if !proof.is_empty() {
                prop_assert!(!extends((index as u64, &before), (size as u64, &now), &change(&proof)));
                prop_assert!(!extends((index as u64, &before), (size as u64, &now), &proof[1..]));
            }
            prop_assert!(!extends((index as u64 + 1, &before), (size as u64, &now), &proof));
        }
    }
}
