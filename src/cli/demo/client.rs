//! The partner system of a demo region: the hospital's, with a key in the region's folder, so that whoever integrates one can
//! get tokens as in real life.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::json;

use super::folder::{RegionFolder, write_whole};
use super::people::Place;
use crate::domain::ids::ClientId;
use crate::domain::roles::Sector;
use crate::register::clients::{Keys, NewClient};
use crate::register::sandbox;

/// The `kid` of the one key.
const KID: &str = "demo";

/// How to get tokens as the partner system, in the ready file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DemoClient {
    id: ClientId,
    key_id: &'static str,
    algorithm: &'static str,
    /// The private key, PKCS#8 in PEM.
    key_file: PathBuf,
}

/// The partner system of a region and what is registered of it. Its key is made when there is none.
///
/// # Errors
/// When the folder cannot be read or written.
pub(super) fn client(place: &Place, folder: &RegionFolder) -> Result<(DemoClient, NewClient)> {
    let path = folder.path().join("partner-client.pem");
    let pair = match fs::read_to_string(&path) {
        Ok(pem) => {
            let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
            let document = STANDARD.decode(base64).ok();
            let pair = document.and_then(|document| KeyPair::from_pkcs8(&document).ok());
            pair.ok_or_else(|| anyhow!("{} holds no RSA key", path.display()))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // RSA, because every openssl can sign with it.
            let pair = KeyPair::generate(KeySize::Rsa2048).context("no key could be made")?;
            let document = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).context("no key could be made")?;
            let lines: Vec<_> =
                STANDARD.encode(document.as_ref()).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
            write_whole(&path, pem.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
            pair
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let public = pair.public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let n = number(public.modulus().big_endian_without_leading_zero());
    let e = number(public.exponent().big_endian_without_leading_zero());
    let jwks = json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS384", "kid": KID, "n": n, "e": e}]});
    let id = sandbox::client_id(place.code).ok_or_else(|| anyhow!("no identifier for the partner system"))?;
    // A shell reads it more easily here than in the ready file.
    let id_file = folder.path().join("partner-client.id");
    write_whole(&id_file, id.to_string().as_bytes()).with_context(|| format!("cannot write {}", id_file.display()))?;
    let (code, name) = place.health();
    let new = NewClient {
        name: "Emergency department system".parse()?,
        sector: Sector::Health,
        organisation: code.parse()?,
        organisation_name: name.parse()?,
        keys: Keys::Set(jwks.to_string()),
    };
    Ok((DemoClient { id, key_id: KID, algorithm: "RS384", key_file: path }, new))
}
