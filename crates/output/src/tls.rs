//! Certificates for outputs that go over TLS, from files as Falco's `http_output` names them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Whom to trust, and who to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Trust any certificate. Whoever is on the way then reads and changes everything.
    pub insecure: bool,
    /// A file with the certificate of the authority.
    pub ca_cert: Option<PathBuf>,
    /// A file with certificates of authorities; used if there is no `ca_cert`.
    pub ca_bundle: Option<PathBuf>,
    /// A directory of such files; used if there is neither. Without any, the system's are used.
    pub ca_path: Option<PathBuf>,
    /// Files with the own certificate (and what is between it and its authority), and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// The own certificate with its chain, and its key.
pub(crate) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl TlsOptions {
    /// The certificates of the authorities to trust.
    ///
    /// # Errors
    /// A file cannot be read, or there is no certificate.
    pub(crate) fn authorities(&self) -> io::Result<Vec<CertificateDer<'static>>> {
        if let Some(file) = self.ca_cert.as_ref().or(self.ca_bundle.as_ref()) {
            return certificates(file);
        }
        let Some(directory) = &self.ca_path else {
            let found = rustls_native_certs::load_native_certs();
            return match (found.certs, found.errors.into_iter().next()) {
                (certs, Some(error)) if certs.is_empty() => Err(io::Error::other(error)),
                (certs, _) => Ok(certs),
            };
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(|error| at(directory, error))? {
            let path = entry?.path();
            // A directory of authorities may hold other files.
            if path.is_file() {
                found.extend(certificates(&path).unwrap_or_default());
            }
        }
        match found.is_empty() {
            true => Err(at(directory, io::Error::other("there is no certificate in it"))),
            false => Ok(found),
        }
    }

    /// The own certificate and key, if there is one.
    ///
    /// # Errors
    /// A file cannot be read or has nothing of the kind.
    pub(crate) fn identity(&self) -> io::Result<Option<Identity>> {
        let Some((cert, key)) = &self.client else { return Ok(None) };
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, error))?;
        Ok(Some((certificates(cert)?, key)))
    }

    /// A configuration for rustls.
    ///
    /// # Errors
    /// As above, or the key does not fit the certificate.
    pub(crate) fn client_config(&self) -> io::Result<Arc<ClientConfig>> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let builder = if self.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAnybody(provider)))
        } else {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self.authorities()?);
            builder.with_root_certificates(roots)
        };
        let config = match self.identity()? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key),
            None => return Ok(Arc::new(builder.with_no_client_auth())),
        };
        Ok(Arc::new(config.map_err(io::Error::other)?))
    }
}

/// The cryptography, named where it is used: a process-wide default would be a hidden input.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let fail = |error| pem(path, error);
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(fail)?.collect();
    match all.map_err(fail)? {
        none if none.is_empty() => Err(at(path, io::Error::other("there is no certificate in it"))),
        found => Ok(found),
    }
}

fn pem(path: &Path, error: rustls::pki_types::pem::Error) -> io::Error {
    at(path, io::Error::other(error))
}

fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// For those who asked for it with `insecure`.
#[derive(Debug)]
struct TrustAnybody(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
