//! The authority's two files.
//!
//! **Invariant:** the private file appears whole or not at all, and is never readable by
//! others, not even for a moment.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{Issuer, KeyPair};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::New;
use crate::tls::Error;

type Found = (CertificateDer<'static>, Issuer<'static, KeyPair>);

pub(super) fn private(folder: &Path) -> PathBuf {
    folder.join("authority.pem")
}

pub(super) fn public(folder: &Path) -> PathBuf {
    folder.join("ca.pem")
}

/// What is there, or nothing.
pub(super) fn read(folder: &Path) -> Result<Option<Found>, Error> {
    let path = private(folder);
    let failed = |source| Error::ReadAuthority { path: path.clone(), source };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = fs::metadata(&path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::OpenToOthers { path });
    }
    let used = |source| Error::UseAuthority { path: path.clone(), source };
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| used(rcgen::Error::CouldNotParseKeyPair))?;
    let key = KeyPair::try_from(&key).map_err(used)?;
    let certificate = CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|_| used(rcgen::Error::CouldNotParseCertificate))?;
    let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(used)?;
    Ok(Some((certificate, issuer)))
}

/// Write a new authority, unless another process was quicker; what is there in the end.
pub(super) fn write(folder: &Path, new: &New) -> Result<Found, Error> {
    put(folder, new, Over::Nothing)?;
    let gone =
        || Error::ReadAuthority { path: private(folder), source: io::ErrorKind::NotFound.into() };
    read(folder)?.ok_or_else(gone)
}

/// Write a new authority over the one that is there.
pub(super) fn replace(folder: &Path, new: &New) -> Result<(), Error> {
    put(folder, new, Over::Anything)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Over {
    Nothing,
    Anything,
}

fn put(folder: &Path, new: &New, over: Over) -> Result<(), Error> {
    let failed = |path: &Path, source| Error::WriteAuthority { path: path.to_owned(), source };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).map_err(|it| failed(folder, it))?;
    let path = private(folder);
    let certificate = pem(&new.certificate);
    let text = format!("{certificate}{}", new.key.serialize_pem());
    let number = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    let draft = folder.join(format!(".authority-{number:x}"));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut it| it.write_all(text.as_bytes()));
    let placed = written.and_then(|()| match over {
        // Linking, unlike renaming, leaves alone what another process has put there.
        Over::Nothing => fs::hard_link(&draft, &path),
        Over::Anything => fs::rename(&draft, &path),
    });
    let _ = fs::remove_file(&draft);
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        placed => placed.map_err(|it| failed(&path, it))?,
    }
    let path = public(folder);
    fs::write(&path, certificate).map_err(|it| failed(&path, it))
}

pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", certificate.to_vec()), config)
}
