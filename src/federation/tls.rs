//! Meeting another region: TLS 1.3 with a certificate on both sides, each known by the digest of its public key from the member's
//! signed statement. No public authority is trusted, and no name is looked at: the pin says whose key it is.
//!
//! The server takes every certificate that proves possession of its key, and refuses later, with a reason and an entry in the
//! audit log, one that is not the sender's. The client refuses in the handshake: a question never reaches a stranger.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::domain::identifiers::RegionCode;
use crate::register::Region;
use crate::register::keys::TlsIdentity;

/// The certificate that a peer showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// SHA-256 of its public key, hexadecimal.
    pub spki: String,
    /// Whether its time has come and has not run out.
    pub in_time: bool,
}

impl PeerCertificate {
    /// Reads a certificate; nothing when it is none.
    pub fn read(der: &CertificateDer<'_>, now: UnixTime) -> Option<Self> {
        let certificate = EndEntityCert::try_from(der).ok()?;
        let spki = hex::encode(digest::digest(&digest::SHA256, certificate.subject_public_key_info().as_ref()).as_ref());
        Some(Self { spki, in_time: is_in_time(der, &certificate, now, KeyUsage::client_auth()).is_ok() })
    }
}

/// Whether a certificate that vouches for itself is well formed and in its time.
fn is_in_time(der: &CertificateDer<'_>, certificate: &EndEntityCert<'_>, now: UnixTime, usage: KeyUsage) -> Result<(), webpki::Error> {
    let anchor = anchor_from_trusted_cert(der)?;
    certificate.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &[anchor], &[], now, usage, None, None)?;
    Ok(())
}

fn crypto() -> Arc<CryptoProvider> {
    Arc::new(provider::default_provider())
}

fn schemes() -> Vec<SignatureScheme> {
    provider::default_provider().signature_verification_algorithms.supported_schemes()
}

fn signed(message: &[u8], certificate: &CertificateDer<'_>, signature: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature(message, certificate, signature, &provider::default_provider().signature_verification_algorithms)
}

fn old_protocol() -> Error {
    Error::General("only TLS 1.3 is spoken between regions".into())
}

/// Takes the certificate of one member only.
struct OfMember {
    region: Arc<Region>,
    member: RegionCode,
}

impl std::fmt::Debug for OfMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfMember").field("member", &self.member).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for OfMember {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadEncoding);
        let certificate = EndEntityCert::try_from(end_entity).map_err(|_| bad())?;
        is_in_time(end_entity, &certificate, now, KeyUsage::server_auth()).map_err(|error| match error {
            webpki::Error::CertExpired { .. } => Error::InvalidCertificate(CertificateError::Expired),
            webpki::Error::CertNotValidYet { .. } => Error::InvalidCertificate(CertificateError::NotValidYet),
            _ => bad(),
        })?;
        let spki = hex::encode(digest::digest(&digest::SHA256, certificate.subject_public_key_info().as_ref()).as_ref());
        let at = i64::try_from(now.as_secs()).ok().and_then(|seconds| DateTime::<Utc>::from_timestamp(seconds, 0)).ok_or_else(bad)?;
        let is_pinned = self.region.membership().peers.get(&self.member).is_some_and(|peer| peer.statement().pins(&spki, at));
        if is_pinned { Ok(ServerCertVerified::assertion()) } else { Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(old_protocol())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signed(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

/// Takes every certificate whose key its bearer has.
#[derive(Debug)]
struct AnyBearer {
    /// Whether one must be shown: another region always shows one, and speaks TLS 1.3.
    is_needed: bool,
}

/// For the face for partners: whoever shows a certificate proves that they have its key, and whoever shows none comes in as well.
/// Who issued it is not looked at: it makes nobody known, but keeps a token to the connections of whoever it was issued to.
///
/// # Source
/// RFC 8705, section 3; section 6.2 for certificates of no public authority.
pub fn partner_certificates() -> Arc<dyn ClientCertVerifier> {
    Arc::new(AnyBearer { is_needed: false })
}

/// The thumbprint of a certificate, as tokens say it in `cnf`.
///
/// # Source
/// RFC 8705, section 3.1 (`x5t#S256`).
pub fn thumbprint(der: &CertificateDer<'_>) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, der).as_ref())
}

impl ClientCertVerifier for AnyBearer {
    fn client_auth_mandatory(&self) -> bool {
        self.is_needed
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        EndEntityCert::try_from(end_entity)
            .map(|_| ClientCertVerified::assertion())
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.is_needed {
            return Err(old_protocol());
        }
        verify_tls12_signature(message, certificate, signature, &provider::default_provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signed(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        schemes()
    }
}

fn chain(identity: &TlsIdentity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
    (vec![CertificateDer::from(identity.certificate.clone())], key)
}

/// How this region meets one member.
///
/// # Errors
/// When the own certificate cannot be used.
pub fn client(region: &Arc<Region>, member: &RegionCode, identity: &TlsIdentity) -> Result<ClientConfig, Error> {
    let (chain, key) = chain(identity);
    let verifier = Arc::new(OfMember { region: Arc::clone(region), member: member.clone() });
    let mut config = ClientConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// The certificate that a server shows: that of the moment, so that a new one is used without a restart.
#[derive(Debug)]
struct Current(super::peers::Peers);

impl rustls::server::ResolvesServerCert for Current {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        let identity = self.0.identity();
        let (chain, key) = chain(&identity);
        rustls::sign::CertifiedKey::from_der(chain, key, &provider::default_provider()).ok().map(Arc::new)
    }
}

/// How other regions meet this one.
///
/// # Errors
/// When the protocol cannot be set up: a defect.
pub fn server(peers: &super::peers::Peers) -> Result<ServerConfig, Error> {
    Ok(ServerConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(AnyBearer { is_needed: true }))
        .with_cert_resolver(Arc::new(Current(peers.clone()))))
}
