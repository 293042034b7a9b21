//! Checkpoints of the audit log as signed notes. Pure.
//!
//! ```text
//! cofrestr/gwent/audit                                     origin
//! 1234                                                     entries in the log
//! tWlPgcQkn0gw9O2CkLWHGGmXXuQRFyv+HmWnQNSSZTM=             root of the tree
//!
//! — cofrestr/gwent/audit qzLc…                             Ed25519 over the three lines
//! — cofrestr/gwent/audit 5hZr…                             the same key over the time and the three lines
//! ```
//!
//! The second signature tells when: a checkpoint of its own has no time, and a column beside it would prove nothing.
//!
//! # Source
//! <https://c2sp.org/signed-note>, <https://c2sp.org/tlog-checkpoint>, <https://c2sp.org/tlog-cosignature>.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::merkle::Hash;

/// Signature type of C2SP signed-note: Ed25519 over the text.
const PLAIN: u8 = 1;
/// Signature type of C2SP tlog-cosignature: Ed25519 over time and text.
const TIMED: u8 = 4;
/// No note of ours is longer, in bytes.
const LONGEST: usize = 4096;

/// What a checkpoint states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// When it was signed, in seconds since 1970.
    pub signed_at: i64,
}

/// Why a note is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It does not have the form of our checkpoints.
    #[error("it does not have the form of a checkpoint")]
    Form,
    /// It was signed by none of the keys.
    #[error("it was signed by none of the known keys")]
    Key,
    /// A signature is wrong.
    #[error("its signature is wrong")]
    Signature,
}

/// The origin of a region's audit log.
pub fn origin(region: &str) -> String {
    format!("cofrestr/{region}/audit")
}

fn text(origin: &str, size: u64, root: &Hash) -> String {
    format!("{origin}\n{size}\n{}\n", STANDARD.encode(root))
}

fn timed(text: &str, at: i64) -> String {
    format!("cosignature/v1\ntime {at}\n{text}")
}

/// The first four bytes of the hash of a key's name, type and bytes.
fn key_id(name: &str, kind: u8, public: &[u8]) -> [u8; 4] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(name.as_bytes());
    context.update(&[b'\n', kind]);
    context.update(public);
    let hash = context.finish();
    let mut id = [0; 4];
    id.copy_from_slice(&hash.as_ref()[..4]);
    id
}

/// A public key in the text form in which signed notes name it.
pub fn verifier_key(name: &str, public: &[u8]) -> String {
    let mut bytes = vec![PLAIN];
    bytes.extend_from_slice(public);
    format!("{name}+{}+{}", hex::encode(key_id(name, PLAIN, public)), STANDARD.encode(bytes))
}

/// Signs a checkpoint.
pub fn sign(checkpoint: &Checkpoint, key: &Ed25519KeyPair) -> String {
    let Checkpoint { origin, size, root, signed_at } = checkpoint;
    let public = key.public_key().as_ref();
    let text = text(origin, *size, root);
    let mut plain = key_id(origin, PLAIN, public).to_vec();
    plain.extend_from_slice(key.sign(text.as_bytes()).as_ref());
    let mut with_time = key_id(origin, TIMED, public).to_vec();
    with_time.extend_from_slice(&signed_at.to_be_bytes());
    with_time.extend_from_slice(key.sign(timed(&text, *signed_at).as_bytes()).as_ref());
    format!("{text}\n\u{2014} {origin} {}\n\u{2014} {origin} {}\n", STANDARD.encode(plain), STANDARD.encode(with_time))
}

/// Reads a note and believes it when one of the keys signed both its lines.
///
/// # Errors
/// When the note is not to the byte what [`sign`] makes, or no key signed it.
pub fn open<K: AsRef<[u8]>>(note: &str, keys: &[K]) -> Result<Checkpoint, NoteError> {
    if note.len() > LONGEST {
        return Err(NoteError::Form);
    }
    let (head, signatures) = note.split_once("\n\n").ok_or(NoteError::Form)?;
    let mut lines = head.split('\n');
    let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next()) else {
        return Err(NoteError::Form);
    };
    let size: u64 = size.parse().map_err(|_| NoteError::Form)?;
    let root: Hash = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or(NoteError::Form)?;
    let body = text(origin, size, &root);
    if body.strip_suffix('\n') != Some(head) {
        return Err(NoteError::Form);
    }
    let mut blobs = Vec::new();
    for line in signatures.strip_suffix('\n').ok_or(NoteError::Form)?.split('\n') {
        let blob = line.strip_prefix("\u{2014} ").and_then(|line| line.strip_prefix(origin)).and_then(|line| line.strip_prefix(' '));
        blobs.push(blob.and_then(|blob| STANDARD.decode(blob).ok()).ok_or(NoteError::Form)?);
    }
    let [plain, with_time] = blobs.try_into().map_err(|_| NoteError::Form)?;
    if plain.len() != 4 + 64 || with_time.len() != 4 + 8 + 64 {
        return Err(NoteError::Form);
    }
    let signed_by =
        |public: &&K| plain[..4] == key_id(origin, PLAIN, public.as_ref()) && with_time[..4] == key_id(origin, TIMED, public.as_ref());
    let key = UnparsedPublicKey::new(&ED25519, keys.iter().find(signed_by).ok_or(NoteError::Key)?);
    let mut seconds = [0; 8];
    seconds.copy_from_slice(&with_time[4..12]);
    let signed_at = i64::from_be_bytes(seconds);
    key.verify(body.as_bytes(), &plain[4..]).map_err(|_| NoteError::Signature)?;
    key.verify(timed(&body, signed_at).as_bytes(), &with_time[12..]).map_err(|_| NoteError::Signature)?;
    Ok(Checkpoint { origin: origin.to_owned(), size, root, signed_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: origin("gwent"), size: 1234, root: [7; 32], signed_at: 1_795_000_000 }
    }

    #[test]
    fn a_checkpoint_comes_back_and_no_changed_byte_of_it_does() {
        let (key, other) = (Ed25519KeyPair::generate().unwrap(), Ed25519KeyPair::generate().unwrap());
        let keys = [other.public_key().as_ref().to_vec(), key.public_key().as_ref().to_vec()];
        let note = sign(&checkpoint(), &key);
        assert_eq!(open(&note, &keys), Ok(checkpoint()));
        assert_eq!(open(&note, &keys[..1]), Err(NoteError::Key));
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert!(open(&changed, &keys).is_err(), "byte {at} bit {bit}: {changed}");
                }
            }
        }
        for changed in [
            format!("{note}\n"),
            note[..note.len() - 1].to_owned(),
            note.replace("1234", "01234"),
            note.replace("1234\n", "1234\r\n"),
            String::new(),
        ] {
            assert!(open(&changed, &keys).is_err(), "{changed}");
        }
    }

    /// The example of the signed-note specification (golang.org/x/mod/sumdb/note).
    #[test]
    fn key_identifiers_are_those_of_signed_notes() {
        let key = STANDARD.decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        assert_eq!(verifier_key("PeterNeumann", &key[1..]), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    }
}
