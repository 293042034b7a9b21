//! Signatures of what is sent to subscriptions, as Standard Webhooks has them. No secret is kept in the database: each follows from
//! the region's own, the subscription and the generation of its secret.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use uuid::Uuid;

use crate::domain::webhook::WebhookSigning;

/// Sets these secrets apart from whatever else is derived from the region's own.
const PURPOSE: &[u8] = b"cofrestr webhooks 1";

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

/// That from which the secrets of all subscriptions of a region follow.
#[derive(Debug)]
pub struct WebhookSecrets(SecretBox<[u8; 32]>);

impl WebhookSecrets {
    /// From a secret of the region that is in no database.
    ///
    /// # Errors
    /// When it cannot be derived: a defect.
    pub fn of(region_secret: &[u8]) -> Result<Self, aws_lc_rs::error::Unspecified> {
        derive(PURPOSE, region_secret, b"root").map(|root| Self(SecretBox::new(Box::new(root))))
    }

    fn seed(&self, webhook: Uuid, generation: i64) -> Result<[u8; 32], aws_lc_rs::error::Unspecified> {
        let mut info = webhook.as_bytes().to_vec();
        info.extend(generation.to_be_bytes());
        derive(PURPOSE, self.0.expose_secret(), &info)
    }

    /// What the receiver needs to verify signatures: the shared secret (`whsec_…`), or the public key (`whpk_…`).
    ///
    /// # Errors
    /// When it cannot be derived: a defect.
    pub fn for_receiver(
        &self,
        webhook: Uuid,
        generation: i64,
        signing: WebhookSigning,
    ) -> Result<SecretString, aws_lc_rs::error::Unspecified> {
        let seed = self.seed(webhook, generation)?;
        Ok(match signing {
            WebhookSigning::Hmac => format!("whsec_{}", STANDARD.encode(seed)),
            WebhookSigning::Ed25519 => {
                format!("whpk_{}", STANDARD.encode(Ed25519KeyPair::from_seed_unchecked(&seed)?.public_key().as_ref()))
            }
        }
        .into())
    }

    /// One signature over what is sent: identifier, time in seconds since 1970, and body.
    ///
    /// # Source
    /// Standard Webhooks 1.0.0, "Signature scheme": `id.timestamp.body`, in base64, after `v1,` or `v1a,`.
    ///
    /// # Errors
    /// When the key cannot be derived: a defect.
    pub fn sign(
        &self,
        webhook: Uuid,
        generation: i64,
        signing: WebhookSigning,
        (id, seconds, body): (&str, i64, &str),
    ) -> Result<String, aws_lc_rs::error::Unspecified> {
        let seed = self.seed(webhook, generation)?;
        let signed = format!("{id}.{seconds}.{body}");
        Ok(match signing {
            WebhookSigning::Hmac => {
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &seed), signed.as_bytes());
                format!("v1,{}", STANDARD.encode(tag))
            }
            WebhookSigning::Ed25519 => {
                format!("v1a,{}", STANDARD.encode(Ed25519KeyPair::from_seed_unchecked(&seed)?.sign(signed.as_bytes())))
            }
        })
    }
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<[u8; 32], aws_lc_rs::error::Unspecified> {
    let mut out = [0; 32];
    Salt::new(HKDF_SHA256, salt).extract(secret).expand(&[info], Length)?.fill(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    fn secrets() -> WebhookSecrets {
        WebhookSecrets::of(&[7; 16]).unwrap()
    }

    #[test]
    fn a_receiver_verifies_with_what_it_was_given() {
        let (webhook, sent) = (Uuid::now_v7(), ("msg_1", 1_763_370_000, r#"{"id":"1"}"#));
        let signed = b"msg_1.1763370000.{\"id\":\"1\"}";

        let shared = secrets().for_receiver(webhook, 1, WebhookSigning::Hmac).unwrap();
        let key = STANDARD.decode(shared.expose_secret().strip_prefix("whsec_").unwrap()).unwrap();
        let signature = secrets().sign(webhook, 1, WebhookSigning::Hmac, sent).unwrap();
        let tag = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed, &tag).unwrap();

        let public = secrets().for_receiver(webhook, 1, WebhookSigning::Ed25519).unwrap();
        let key = STANDARD.decode(public.expose_secret().strip_prefix("whpk_").unwrap()).unwrap();
        let signature = secrets().sign(webhook, 1, WebhookSigning::Ed25519, sent).unwrap();
        let signature = STANDARD.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
        UnparsedPublicKey::new(&ED25519, key).verify(signed, &signature).unwrap();
    }

    #[test]
    fn no_two_subscriptions_generations_or_regions_share_a_secret() {
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let secret = |secrets: &WebhookSecrets, webhook, generation| {
            secrets.for_receiver(webhook, generation, WebhookSigning::Hmac).unwrap().expose_secret().to_owned()
        };
        let first = secret(&secrets(), one, 1);
        assert_eq!(first, secret(&secrets(), one, 1), "it follows from the same things");
        for another in [secret(&secrets(), one, 2), secret(&secrets(), other, 1), secret(&WebhookSecrets::of(&[8; 16]).unwrap(), one, 1)] {
            assert_ne!(first, another);
        }
    }
}
