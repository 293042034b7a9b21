//! With what somebody acts who is signed in to the pages, and how it becomes the same [`Principal`] that a token of the API becomes.
//!
//! ```text
//! ID token, verified when they came back ─▶ claims ─▶ the role by the region's table ─▶ Principal   one decision, as for a token
//! access token (a sandbox) ──────────────▶ verified each time ─────────────────────▶ Principal
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::principal::Principal;
use super::revocation::Stamp;
use super::token::{Claims, TokenError, Verifier};
use crate::domain::roles::Role;

/// What somebody on the pages acts with.
#[derive(Clone)]
pub enum Credentials {
    /// An access token, as for the API: how one signs in to a sandbox.
    AccessToken(String),
    /// What the region's identity provider said when they signed in, word for word. Its signature, audience, nonce and times were
    /// verified then, and it has not left the server since.
    IdToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessToken(_) => "AccessToken([secret])",
            Self::IdToken(_) => "IdToken([secret])",
        })
    }
}

impl Credentials {
    /// As a session keeps them. An access token stands by itself, as sessions of the version before have it.
    pub fn expose(&self) -> String {
        match self {
            Self::AccessToken(token) => token.clone(),
            Self::IdToken(token) => format!("id:{token}"),
        }
    }

    /// As they were kept.
    pub fn read(kept: &str) -> Self {
        match kept.strip_prefix("id:") {
            Some(token) => Self::IdToken(token.to_owned()),
            None => Self::AccessToken(kept.to_owned()),
        }
    }
}

/// How the region reads the ID tokens of its identity provider.
#[derive(Debug, Clone)]
pub struct IdTokens {
    /// Exactly what they say in `iss`.
    pub issuer: String,
    /// Under which the provider knows the pages: what ID tokens say in `aud`.
    pub client_id: String,
    /// The claim with the role: its name, or a JSON pointer into the claims.
    pub role_claim: String,
    /// What the provider calls the roles; empty: it uses ours.
    pub roles: BTreeMap<String, String>,
}

impl IdTokens {
    /// The one role among what the provider says: a text, or a list of them in which others may stand besides.
    fn role(&self, claims: &Value) -> Option<Role> {
        let said = if self.role_claim.starts_with('/') { claims.pointer(&self.role_claim) } else { claims.get(&self.role_claim) };
        let said: Vec<&str> = match said? {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let ours = |name: &str| if self.roles.is_empty() { Some(name.to_owned()) } else { self.roles.get(name).cloned() };
        let roles: BTreeSet<String> = said.into_iter().filter_map(ours).filter(|role| role.parse::<Role>().is_ok()).collect();
        // Whoever has two acts in neither: which one counts would depend on who reads them.
        let mut roles = roles.into_iter();
        roles.next().filter(|_| roles.next().is_none())?.parse().ok()
    }

    /// The claims of an ID token as those of an access token.
    fn read(&self, token: &str) -> Result<Claims, TokenError> {
        let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).ok_or(TokenError::Malformed)?;
        let mut claims: Value = serde_json::from_slice(&payload).map_err(|_| TokenError::Malformed)?;
        let role = self.role(&claims).ok_or(TokenError::UnusableClaims)?;
        let all = claims.as_object_mut().ok_or(TokenError::Malformed)?;
        all.insert("role".to_owned(), role.as_str().into());
        all.insert("client_id".to_owned(), self.client_id.as_str().into());
        let claims: Claims = serde_json::from_value(claims).map_err(|_| TokenError::UnusableClaims)?;
        if claims.iss != self.issuer { Err(TokenError::UnknownIssuer) } else { Ok(claims) }
    }
}

impl Verifier {
    /// The same verifier for a region whose people sign in to the pages through a provider.
    #[must_use]
    pub fn with_id_tokens(mut self, id_tokens: Option<IdTokens>) -> Self {
        self.id_tokens = id_tokens;
        self
    }

    /// Who acts with these credentials now (wall time). Revocations are looked at each time; how long a session lasts is the
    /// session's affair.
    ///
    /// # Errors
    /// When they may not be believed, or not any more.
    pub async fn signed_in(&self, credentials: &Credentials, now: DateTime<Utc>) -> Result<Arc<Principal>, TokenError> {
        let token = match credentials {
            Credentials::AccessToken(token) => return self.verify(Some(&format!("Bearer {token}")), None, now).await,
            Credentials::IdToken(token) => token,
        };
        let claims = self.id_tokens.as_ref().ok_or(TokenError::UnknownIssuer)?.read(token)?;
        let issued_at = claims.iat.and_then(|issued| i64::try_from(issued).ok());
        let stamp = Stamp { token_id: claims.jti.clone(), issued_at, client: None };
        let principal = Arc::new(self.principal(claims)?);
        if self.is_revoked(&principal, &stamp, now) { Err(TokenError::Revoked) } else { Ok(principal) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::Home;
    use super::*;
    use crate::authz::Scope;
    use crate::authz::revocation::{Revocation, Revocations, Revoked};
    use crate::domain::roles::Sector;
    use serde_json::json;
    use std::time::Instant;

    const ISSUER: &str = "https://login.example.wales";

    fn verifier(role_claim: &str, roles: &[(&str, &str)]) -> Verifier {
        let home = Home { region: "gwent".into(), authorities: vec!["W06000022".into()] };
        let fetch: super::super::token::Fetch = Arc::new(|_| Box::pin(async { Err("nothing is fetched".to_owned()) }));
        Verifier::new(home, Vec::new(), fetch).with_id_tokens(Some(IdTokens {
            issuer: ISSUER.into(),
            client_id: "pages".into(),
            role_claim: role_claim.into(),
            roles: roles.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect(),
        }))
    }

    fn said(more: Value) -> Credentials {
        let mut claims =
            json!({"iss": ISSUER, "aud": "pages", "sub": "p-1", "exp": 1_800_000_300, "iat": 1_800_000_000, "region": "gwent"});
        for (name, value) in more.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        Credentials::IdToken(format!("header.{}.signature", URL_SAFE_NO_PAD.encode(claims.to_string())))
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).expect("an instant")
    }

    #[tokio::test]
    async fn what_the_provider_says_becomes_who_acts() {
        let verifier = verifier("role", &[]);
        let one = verifier.signed_in(&said(json!({"role": "emergency-duty", "name": "Nia", "auth_time": 1_799_999_990})), at(0)).await;
        let one = one.expect("somebody");
        assert_eq!((one.role, one.key(), one.client.as_deref()), (Role::EmergencyDuty, format!("{ISSUER}#p-1"), Some("pages")));
        assert_eq!((&one.scope, one.signed_in_at), (&Scope::Region("gwent".into()), Some(at(-10))));
        let partner = json!({"role": "partner", "sector": "health", "region": null, "organisation": {"code": "7A6", "name": "Ward"}});
        let partner = verifier.signed_in(&said(partner), at(0)).await.expect("a partner");
        assert_eq!((partner.sector, &partner.scope), (Some(Sector::Health), &Scope::Organisation("7A6".into())));
    }

    #[tokio::test]
    async fn there_is_one_role_by_the_regions_table_or_none() {
        let theirs = [("CP-EDT", "emergency-duty"), ("CP-REG", "custodian"), ("CP-OLD", "no-role")];
        for (claim, roles, said_, expected) in [
            ("role", &[][..], json!({"role": "custodian"}), Some(Role::Custodian)),
            ("role", &[], json!({"role": ["staff", "custodian"]}), Some(Role::Custodian)),
            ("role", &[], json!({"role": ["custodian", "auditor"]}), None),
            ("role", &[], json!({"role": "CP-REG"}), None),
            ("role", &[], json!({}), None),
            ("role", &[], json!({"role": {"custodian": true}}), None),
            ("groups", &theirs, json!({"groups": ["All staff", "CP-EDT"]}), Some(Role::EmergencyDuty)),
            ("groups", &theirs, json!({"groups": ["custodian"]}), None),
            ("groups", &theirs, json!({"groups": ["CP-OLD"]}), None),
            ("groups", &theirs, json!({"role": "custodian"}), None),
            ("/realm/roles", &theirs, json!({"realm": {"roles": ["CP-REG"]}}), Some(Role::Custodian)),
        ] {
            let who = verifier(claim, roles).signed_in(&said(said_.clone()), at(0)).await;
            assert_eq!(who.as_ref().ok().map(|who| who.role), expected, "{claim} {said_}");
            assert!(expected.is_some() || who.is_err_and(|error| error == TokenError::UnusableClaims), "{said_}");
        }
    }

    #[tokio::test]
    async fn what_is_not_for_this_region_or_not_believed_any_more_is_nobody() {
        let verifier = verifier("role", &[]);
        let custodian = |more: Value| {
            let mut all = json!({"role": "custodian"});
            all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            said(all)
        };
        for (credentials, error) in [
            (custodian(json!({"region": "north-wales"})), TokenError::UnusableClaims),
            (custodian(json!({"region": null})), TokenError::UnusableClaims),
            (custodian(json!({"iss": "https://elsewhere.example"})), TokenError::UnknownIssuer),
            (Credentials::IdToken("nonsense".into()), TokenError::Malformed),
            (Credentials::AccessToken("nonsense".into()), TokenError::Malformed),
        ] {
            assert_eq!(verifier.signed_in(&credentials, at(0)).await.expect_err("nobody"), error);
        }
        let credentials = custodian(json!({}));
        assert!(verifier.signed_in(&credentials, at(0)).await.is_ok());
        let revoked = Revoked::Subject("p-1".into(), at(10));
        verifier.learn_revocations(Some(Revocations::new([Revocation { issuer: ISSUER.into(), revoked, until: None }])), Instant::now());
        assert_eq!(verifier.signed_in(&credentials, at(11)).await.expect_err("revoked"), TokenError::Revoked);
        assert!(verifier.signed_in(&custodian(json!({"iat": 1_800_000_020})), at(21)).await.is_ok(), "whoever signs in again");
    }

    #[test]
    fn credentials_are_kept_and_read_and_print_nothing() {
        for credentials in [Credentials::AccessToken("a.b.c".into()), Credentials::IdToken("d.e.f".into())] {
            assert_eq!(Credentials::read(&credentials.expose()).expose(), credentials.expose());
            assert!(!format!("{credentials:?}").contains(".b.") && !format!("{credentials:?}").contains(".e."));
        }
        assert!(matches!(Credentials::read("a.b.c"), Credentials::AccessToken(_)));
    }
}
