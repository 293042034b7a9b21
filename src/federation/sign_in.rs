//! The region's identity provider, through which people sign in to the pages.
//!
//! ```text
//! depart ─▶ the provider's address, with state, nonce and the challenge (PKCE)      what must come back is kept by the caller
//! arrive ─▶ the code is exchanged by us, not by the browser ─▶ the ID token, verified ─▶ word for word
//! ```
//!
//! Metadata and keys are read anew at every departure, so that a provider that is away is noticed while the person is still here, and
//! again when an ID token names a key that is not among them: the provider itself handed us that token, nobody else can make us ask.
//!
//! # Source
//! OpenID Connect Core 1.0, section 3.1; RFC 7636 (PKCE, S256); RFC 7523 (`private_key_jwt`); RFC 9207 (`iss` in the answer); OpenID
//! Connect RP-Initiated Logout 1.0; RFC 9700 (best practice).

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
    CoreTokenResponse,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IssuerUrl, LanguageTag, LogoutRequest, Nonce, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// An answer larger than this is none of a provider: key sets are the largest, with some kilobytes.
const ANSWER_BYTES: usize = 256 * 1024;
/// How long the provider may take for one answer.
const WAIT: Duration = Duration::from_secs(5);
/// For how long the assertion is good with which we say who we are.
const ASSERTION_SECONDS: i64 = 60;
/// Difference of clocks that is tolerated.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// Why somebody could not be sent to the provider, or could not be signed in when they came back.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// It does not answer, or not as a provider does.
    #[error("the identity provider cannot be used: {0}")]
    Away(String),
    /// It does not exchange the code: used, expired, or of somebody else.
    #[error("the identity provider refused the code: {0}")]
    Refused(String),
    /// What it says of the person cannot be believed.
    #[error("the ID token cannot be believed: {0}")]
    Unbelievable(&'static str),
}

impl SignInError {
    /// The code for the audit log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Away(_) => "provider-away",
            Self::Refused(_) => "provider-code-refused",
            Self::Unbelievable(code) => code,
        }
    }
}

/// How the provider is reached, and who we are there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its issuer, exactly.
    pub issuer: String,
    /// Under which it knows us.
    pub client_id: String,
    /// What is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// Where people come back to.
    pub back: String,
    /// Where they come back to after signing out.
    pub after: String,
}

/// How we say who we are.
pub enum Proof {
    /// A secret that both know.
    Secret(SecretString),
    /// A key of ours whose public half the provider has.
    Key {
        /// The key.
        key: EncodingKey,
        /// What it signs with.
        algorithm: Algorithm,
        /// Under which the provider knows it.
        id: Option<String>,
    },
}

impl Proof {
    /// A private key (PKCS #8 in PEM): RSA, P-256 or Ed25519.
    pub fn read_key(pem: &str, id: &str) -> Option<Self> {
        let pem = pem.as_bytes();
        let (key, algorithm) = EncodingKey::from_ec_pem(pem)
            .map(|key| (key, Algorithm::ES256))
            .or_else(|_| EncodingKey::from_ed_pem(pem).map(|key| (key, Algorithm::EdDSA)))
            .or_else(|_| EncodingKey::from_rsa_pem(pem).map(|key| (key, Algorithm::RS256)))
            .ok()?;
        Some(Self::Key { key, algorithm, id: (!id.is_empty()).then(|| id.to_owned()) })
    }
}

/// What must be the same when somebody comes back.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    nonce: String,
    verifier: String,
    /// Whether they were to show anew who they are.
    anew: bool,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept([secret])")
    }
}

/// Somebody is sent to the provider.
#[derive(Debug)]
pub struct Departure {
    /// Where to.
    pub address: String,
    /// What they bring back.
    pub state: String,
    /// What must be the same then.
    pub kept: Kept,
}

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The region's identity provider.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: Settings,
    proof: Proof,
    http: reqwest::Client,
    /// As it last said of itself.
    known: RwLock<Option<ProviderMetadataWithLogout>>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoAnswer(String);

impl Provider {
    /// A provider; it is asked for the first time when somebody signs in.
    ///
    /// # Errors
    /// When the HTTP client cannot be made, or an address is none.
    pub fn new(settings: Settings, proof: Proof) -> Result<Self, String> {
        for address in [&settings.issuer, &settings.back, &settings.after] {
            RedirectUrl::new(address.clone()).map_err(|error| format!("{address}: {error}"))?;
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(WAIT)
            .user_agent(concat!("cofrestr/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(Inner { settings, proof, http, known: RwLock::default() })))
    }

    /// Sends somebody to sign in. `anew`: they show who they are although the provider knows them from a moment ago.
    ///
    /// # Errors
    /// When the provider is away.
    pub async fn depart(&self, language: &str, anew: bool) -> Result<Departure, SignInError> {
        let client = self.client(self.read().await?)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .set_pkce_challenge(challenge)
            .add_scopes(self.0.settings.scopes.iter().cloned().map(Scope::new))
            .add_ui_locale(LanguageTag::new(language.to_owned()));
        if anew {
            // Both: a provider that does not know the one may know the other, and what comes back is looked at in any case.
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        }
        let (address, state, nonce) = request.url();
        let kept = Kept { nonce: nonce.secret().clone(), verifier: verifier.into_secret(), anew };
        Ok(Departure { address: address.into(), state: state.into_secret(), kept })
    }

    /// Signs somebody in who came back with a code: answers the ID token. `recent` is how long ago they may have shown who they are
    /// if they were to do so anew.
    ///
    /// # Errors
    /// When the provider is away or refuses, or what it says cannot be believed.
    pub async fn arrive(&self, code: String, kept: &Kept, recent: TimeDelta, now: DateTime<Utc>) -> Result<String, SignInError> {
        let known = match self.known() {
            Some(known) => known,
            None => self.read().await?,
        };
        let token = self.exchange(&known, code, kept, now).await?;
        let verified = match self.verify(&token, &known, kept, recent, now) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                self.verify(&token, &self.read().await?, kept, recent, now)
            }
            verified => verified,
        };
        verified.map_err(|error| SignInError::Unbelievable(reason(&error)))?;
        Ok(token.to_string())
    }

    /// Where people sign out of the provider too, when it has such a place. It is not told in the address who they are: it asks
    /// their browser.
    pub fn farewell(&self, language: &str) -> Option<String> {
        let place = self.known()?.additional_metadata().end_session_endpoint.clone()?;
        let after = PostLogoutRedirectUrl::new(self.0.settings.after.clone()).ok()?;
        let request = LogoutRequest::from(place)
            .set_client_id(ClientId::new(self.0.settings.client_id.clone()))
            .set_post_logout_redirect_uri(after)
            .add_ui_locale(LanguageTag::new(language.to_owned()));
        Some(request.http_get_url().into())
    }

    /// Whether an answer that names its issuer comes from this one.
    pub fn is_issuer(&self, named: &str) -> bool {
        self.0.settings.issuer == named
    }

    fn known(&self) -> Option<ProviderMetadataWithLogout> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads what the provider says of itself, and its keys.
    async fn read(&self) -> Result<ProviderMetadataWithLogout, SignInError> {
        let away = |error: &dyn std::error::Error| SignInError::Away(chain(error));
        let issuer = IssuerUrl::new(self.0.settings.issuer.clone()).map_err(|error| away(&error))?;
        let http = |request| self.send(request);
        let read = ProviderMetadataWithLogout::discover_async(issuer, &http).await.map_err(|error| away(&error))?;
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Some(read.clone());
        Ok(read)
    }

    fn client(&self, known: ProviderMetadataWithLogout) -> Result<Client, SignInError> {
        let Settings { client_id, back, .. } = &self.0.settings;
        let secret = match &self.0.proof {
            Proof::Secret(secret) => Some(ClientSecret::new(secret.expose_secret().to_owned())),
            Proof::Key { .. } => None,
        };
        // OpenID Connect Discovery 1.0, section 3: without a list, HTTP Basic.
        let methods = known.token_endpoint_auth_methods_supported().cloned().unwrap_or_default();
        let basic = methods.is_empty() || methods.contains(&CoreClientAuthMethod::ClientSecretBasic);
        let back = RedirectUrl::new(back.clone()).map_err(|error| SignInError::Away(error.to_string()))?;
        Ok(CoreClient::from_provider_metadata(known, ClientId::new(client_id.clone()), secret)
            .set_auth_type(if basic && matches!(self.0.proof, Proof::Secret(_)) { AuthType::BasicAuth } else { AuthType::RequestBody })
            .set_redirect_uri(back))
    }

    async fn exchange(
        &self,
        known: &ProviderMetadataWithLogout,
        code: String,
        kept: &Kept,
        now: DateTime<Utc>,
    ) -> Result<CoreIdToken, SignInError> {
        let client = self.client(known.clone())?;
        let away = |error: &dyn std::error::Error| SignInError::Away(chain(error));
        let mut request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| away(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(kept.verifier.clone()));
        if let Proof::Key { key, algorithm, id } = &self.0.proof {
            let audience = known.token_endpoint().map(|place| place.as_str()).unwrap_or_default();
            let assertion = self.assertion(key, *algorithm, id.clone(), audience, now).map_err(|error| away(&error))?;
            request = request
                .add_extra_param("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                .add_extra_param("client_assertion", assertion);
        }
        let http = |request| self.send(request);
        let answer: CoreTokenResponse = request.request_async(&http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(said) => SignInError::Refused(said.error().to_string()),
            // What it said instead may be anything, a token too.
            RequestTokenError::Parse(..) => SignInError::Away("its answer is not that of a token endpoint".to_owned()),
            other => away(&other),
        })?;
        answer.id_token().cloned().ok_or(SignInError::Unbelievable("provider-no-id-token"))
    }

    fn assertion(
        &self,
        key: &EncodingKey,
        algorithm: Algorithm,
        id: Option<String>,
        audience: &str,
        now: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let (own, second) = (&self.0.settings.client_id, now.timestamp());
        let mut header = Header::new(algorithm);
        header.kid = id;
        let claims = json!({
            "iss": own, "sub": own, "aud": audience, "jti": Uuid::now_v7(), "iat": second, "exp": second + ASSERTION_SECONDS,
        });
        jsonwebtoken::encode(&header, &claims, key)
    }

    fn verify(
        &self,
        token: &CoreIdToken,
        known: &ProviderMetadataWithLogout,
        kept: &Kept,
        recent: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<(), ClaimsVerificationError> {
        let keys: CoreJsonWebKeySet = known.jwks().clone();
        let client_id = ClientId::new(self.0.settings.client_id.clone());
        let anew = kept.anew;
        // A public client's verifier believes no signature made with a shared secret, whoever shares it.
        let verifier = openidconnect::IdTokenVerifier::new_public_client(client_id, known.issuer().clone(), keys)
            .set_allowed_algs([
                CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
                CoreJwsSigningAlgorithm::EcdsaP256Sha256,
                CoreJwsSigningAlgorithm::EdDsa,
            ])
            .set_time_fn(move || now)
            .set_issue_time_verifier_fn(move |at| if at > now + LEEWAY { Err("issued in the future".into()) } else { Ok(()) })
            .set_auth_time_verifier_fn(move |at| match at {
                Some(at) if !anew || now.signed_duration_since(at) <= recent => Ok(()),
                None if !anew => Ok(()),
                _ => Err("shown too long ago, or not said when".into()),
            });
        token.claims(&verifier, &Nonce::new(kept.nonce.clone())).map(|_| ())
    }

    /// Sends a request of the library's: over TLS, with a time limit and a size limit, following no redirect.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let no_answer = |error: reqwest::Error| NoAnswer(error.without_url().to_string());
        let request = reqwest::Request::try_from(request).map_err(no_answer)?;
        let mut response = self.0.http.execute(request).await.map_err(no_answer)?;
        let mut answer = HttpResponse::default();
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        let body = answer.body_mut();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES {
                return Err(NoAnswer("its answer is too large".to_owned()));
            }
        }
        Ok(answer)
    }
}

/// The code of what is wrong with an ID token. What it says itself is not repeated.
fn reason(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "id-token-expired",
        ClaimsVerificationError::InvalidAudience(_) => "id-token-wrong-audience",
        ClaimsVerificationError::InvalidAuthTime(_) => "provider-not-anew",
        ClaimsVerificationError::InvalidIssuer(_) => "id-token-wrong-issuer",
        ClaimsVerificationError::InvalidNonce(_) => "id-token-wrong-nonce",
        ClaimsVerificationError::SignatureVerification(_) => "id-token-wrong-signature",
        _ => "id-token-unusable",
    }
}

/// An error with what lies under it, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(under) = source {
        said = format!("{said}: {under}");
        source = under.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn settings() -> Settings {
        Settings {
            issuer: "http://127.0.0.1:9/".into(),
            client_id: "pages".into(),
            scopes: vec!["profile".into()],
            back: "https://gwent.example.wales/sign-in/return".into(),
            after: "https://gwent.example.wales/signed-out".into(),
        }
    }

    #[test]
    fn a_key_signs_with_the_algorithm_of_its_kind() {
        let pem = |der: &[u8]| format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let ec: aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_> = ec.private_key().as_der().expect("a document");
        let ed = Ed25519KeyPair::generate().expect("a key").to_pkcs8().expect("a document");
        let algorithm = |text: &str| match Proof::read_key(text, "") {
            Some(Proof::Key { algorithm, id: None, .. }) => Some(algorithm),
            _ => None,
        };
        assert_eq!(algorithm(&pem(ed.as_ref())), Some(Algorithm::EdDSA));
        assert_eq!(algorithm("nonsense"), None);
        // SEC 1 is not PKCS #8: said at start, not when the first person signs in.
        assert_eq!(algorithm(&pem(ec.as_ref())), None);
    }

    #[tokio::test]
    async fn a_provider_that_is_away_is_noticed_before_anybody_is_sent_there() {
        let provider = Provider::new(settings(), Proof::Secret("secret".into())).expect("a provider");
        let error = provider.depart("cy", false).await.expect_err("nobody is there");
        assert_eq!(error.code(), "provider-away");
        assert_eq!(provider.farewell("cy"), None);
        assert!(!format!("{provider:?}").contains("secret"));
        assert!(Provider::new(Settings { issuer: "not an address".into(), ..settings() }, Proof::Secret("s".into())).is_err());
    }
}
