//! The local certificate authority, and the certificates that it makes for hosts.
//!
//! ```text
//! $XDG_DATA_HOME/hopscope/           mode 0700
//!   authority.pem                    certificate and private key, mode 0600
//!   ca.pem                           the certificate alone, to be given to clients
//! ```
//!
//! **Invariant:** its private key is in one file that nobody else may read, and in memory.

mod files;

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{Datelike as _, Days, NaiveDate, Utc};
use lru::LruCache;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Error, key_log};

/// Signs certificates for the hosts whose traffic a tap reads. Clones share it.
#[derive(Clone)]
pub struct Authority(Arc<Inner>);

/// By host and protocols.
type Made = LruCache<(String, Vec<u8>), Arc<ServerConfig>>;

struct Inner {
    folder: PathBuf,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    /// One key for all hosts of this process: it is never written down.
    leaf_key: KeyPair,
    /// What hosts are served with.
    made: Mutex<Made>,
}

impl Authority {
    /// The authority in `folder`, made now if there is none.
    ///
    /// # Errors
    ///
    /// When the files cannot be read, written or used, or others may read the key.
    pub fn open(folder: &Path) -> Result<Authority, Error> {
        let (certificate, issuer) = match files::read(folder)? {
            Some(found) => found,
            None => files::write(folder, &make()?)?,
        };
        let leaf_key = key().map_err(|source| Error::MakeAuthority { source })?;
        let made = Mutex::new(LruCache::new(KEPT));
        let folder = folder.to_owned();
        Ok(Authority(Arc::new(Inner { folder, certificate, issuer, leaf_key, made })))
    }

    /// A new authority in `folder`, in place of the one that is there. Clients that trusted the
    /// old one do not trust it.
    ///
    /// # Errors
    ///
    /// When the files cannot be written.
    pub fn rotate(folder: &Path) -> Result<Authority, Error> {
        files::replace(folder, &make()?)?;
        Authority::open(folder)
    }

    /// Whether `folder` has an authority.
    pub fn exists(folder: &Path) -> bool {
        files::private(folder).exists()
    }

    /// Where the user's authority belongs: `hopscope` in `$XDG_DATA_HOME`, else in
    /// `~/.local/share`.
    ///
    /// # Errors
    ///
    /// When neither that nor `$HOME` is set.
    pub fn folder() -> Result<PathBuf, Error> {
        let set = |name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let data = set("XDG_DATA_HOME").filter(|it| it.is_absolute());
        let data = data.or_else(|| Some(set("HOME")?.join(".local/share")));
        data.map(|it| it.join("hopscope")).ok_or(Error::NoFolder)
    }

    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.0.certificate
    }

    /// The certificate alone, in PEM form, as a file that clients can be given.
    pub fn file(&self) -> PathBuf {
        files::public(&self.0.folder)
    }

    /// The certificate in PEM form.
    pub fn pem(&self) -> String {
        files::pem(&self.0.certificate)
    }

    /// How to serve `host` (a name or an address), with these protocols to choose from.
    ///
    /// # Errors
    ///
    /// When the host's name cannot stand in a certificate.
    pub fn serve(&self, host: &str, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, Error> {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let key = (host, protocols.join(&b','));
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = made.get(&key) {
            return Ok(Arc::clone(config));
        }
        let host = &key.0;
        let leaf = leaf(host).and_then(|it| it.signed_by(&self.0.leaf_key, &self.0.issuer));
        let leaf = leaf.map_err(|source| Error::MakeLeaf { host: host.clone(), source })?;
        let private = PrivatePkcs8KeyDer::from(self.0.leaf_key.serialize_der());
        let chain = vec![leaf.der().clone(), self.0.certificate.clone()];
        let config = served_with(chain, private.into(), protocols);
        let config = config.map_err(|source| Error::UseLeaf { host: host.clone(), source })?;
        let config = Arc::new(config);
        made.put(key, Arc::clone(&config));
        Ok(config)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}

/// A certificate with its chain and its private key, of the user's own.
pub struct Identity {
    pub(super) path: PathBuf,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM files, which may be one and the same.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or lacks what it should hold.
    pub fn read(certificate: &Path, key: &Path) -> Result<Identity, Error> {
        let failed = |path: &Path, source| Error::ReadIdentity { path: path.to_owned(), source };
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let chain: Vec<_> = chain.map_err(|it| failed(certificate, it))?;
        if chain.is_empty() {
            return Err(failed(certificate, pem::Error::NoItemsFound));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|it| failed(key, it))?;
        Ok(Identity { path: certificate.to_owned(), chain, key: private })
    }

    /// How to serve with it, with these protocols to choose from.
    ///
    /// # Errors
    ///
    /// When certificate and key do not belong together.
    pub fn serve(&self, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, Error> {
        let config = served_with(self.chain.clone(), self.key.clone_key(), protocols);
        config
            .map(Arc::new)
            .map_err(|source| Error::UseIdentity { path: self.path.clone(), source })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("path", &self.path).finish_non_exhaustive()
    }
}

fn served_with(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    protocols: &[&[u8]],
) -> Result<ServerConfig, tokio_rustls::rustls::Error> {
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    config.key_log = key_log();
    Ok(config)
}

/// A certificate that signs others, with its key.
struct New {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn make() -> Result<New, Error> {
    let failed = |source| Error::MakeAuthority { source };
    let key = key().map_err(failed)?;
    let certificate = authority().and_then(|it| it.self_signed(&key)).map_err(failed)?;
    Ok(New { certificate: certificate.der().clone(), key })
}

/// ECDSA with P-256: every client knows it, and it is quick.
fn key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
}

fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    // Each authority has a name of its own: a client that knows two must not mix them up.
    let serial = serial()?;
    let mark = serial.as_ref().iter().take(3).fold(0, |mark, it| mark << 8 | u32::from(*it));
    params.distinguished_name = named(&format!("hopscope local CA {mark:06x}"));
    params.serial_number = Some(serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, 3650);
    Ok(params)
}

fn leaf(host: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.subject_alt_names = vec![match host.parse::<IpAddr>() {
        Ok(ip) => SanType::IpAddress(ip),
        Err(_) => SanType::DnsName(host.try_into()?),
    }];
    // X.509 has no room for a longer one (RFC 5280, ub-common-name), and clients read the other.
    params.distinguished_name = named(if host.len() <= 64 { host } else { "hopscope" });
    params.serial_number = Some(serial()?);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    // Browsers take 398 days at most.
    valid_for(&mut params, 396);
    Ok(params)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "hopscope");
    name.push(DnType::CommonName, common_name);
    name
}

/// Random, because browsers refuse two certificates of one issuer with the same number.
fn serial() -> Result<SerialNumber, rcgen::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Valid for so many days from yesterday: a client's clock may be behind.
fn valid_for(params: &mut CertificateParams, days: u64) {
    let today = Utc::now().date_naive();
    let from = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let to = from.checked_add_days(Days::new(days)).unwrap_or(today);
    let midnight = |it: NaiveDate| {
        let small = |it: u32| u8::try_from(it).unwrap_or(1);
        date_time_ymd(it.year(), small(it.month()), small(it.day()))
    };
    (params.not_before, params.not_after) = (midnight(from), midnight(to));
}

/// Hosts whose certificates are kept in memory.
const KEPT: NonZeroUsize = NonZeroUsize::new(512).expect("more than none");

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::tls::certificate;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn is_made_once_and_kept_from_others() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("data/hopscope");
        assert!(!Authority::exists(&folder));
        let made = Authority::open(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("authority.pem")), 0o600);
        let again = Authority::open(&folder).unwrap();
        assert_eq!(made.certificate(), again.certificate());
        assert_eq!(std::fs::read_to_string(again.file()).unwrap(), again.pem());
        assert!(!again.pem().contains("PRIVATE"));
        let new = Authority::rotate(&folder).unwrap();
        let [old, new] = [made, new].map(|it| certificate(it.certificate()).shown);
        assert_ne!(old.subject, new.subject);
        assert_eq!(mode(&folder.join("authority.pem")), 0o600);
    }

    #[test]
    fn is_not_used_when_others_may_read_its_key() {
        let home = tempfile::tempdir().unwrap();
        Authority::open(home.path()).unwrap();
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(home.path().join("authority.pem"), open).unwrap();
        let error = Authority::open(home.path()).unwrap_err();
        assert!(error.to_string().contains("others may read"), "{error}");
        assert!(error.hint().unwrap().contains("chmod 600"));
    }

    #[test]
    fn two_processes_at_once_agree_on_one() {
        let home = tempfile::tempdir().unwrap();
        let open = || Authority::open(home.path()).unwrap().certificate().clone();
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(all.iter().all(|it| *it == all[0]));
    }

    #[test]
    fn certificates_are_what_browsers_accept() {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::open(home.path()).unwrap();
        let now = Utc::now().timestamp();
        let mut serials = std::collections::BTreeSet::new();
        for (host, name) in [
            ("api.test", "DNSName(api.test)"),
            ("API.test.", "DNSName(api.test)"),
            ("127.0.0.1", "IPAddress(127.0.0.1)"),
            ("[::1]", "IPAddress(::1)"),
        ] {
            let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
            let leaf = leaf(&host).unwrap();
            let leaf = leaf.signed_by(&authority.0.leaf_key, &authority.0.issuer).unwrap();
            let facts = certificate(leaf.der());
            let days = (facts.shown.not_after - facts.not_before) / 86_400;
            assert!(days <= 397, "{days}");
            assert!(facts.not_before < now - 3600 && facts.shown.not_after > now);
            assert_eq!(facts.shown.issuer, certificate(authority.certificate()).shown.subject);
            let (_, read) = x509_parser::parse_x509_certificate(leaf.der()).unwrap();
            let names = read.subject_alternative_name().unwrap().unwrap();
            let written: Vec<_> = names.value.general_names.iter().map(san).collect();
            assert_eq!(written, [name]);
            serials.insert(read.raw_serial().to_vec());
        }
        assert_eq!(serials.len(), 4, "browsers refuse a number used twice");
        let made = authority.serve("api.test", &[b"h2"]).unwrap();
        assert!(Arc::ptr_eq(&made, &authority.serve("API.test", &[b"h2"]).unwrap()));
        assert!(!Arc::ptr_eq(&made, &authority.serve("api.test", &[]).unwrap()));
        assert!(authority.serve("ü", &[]).is_err());
    }

    fn san(name: &x509_parser::extensions::GeneralName<'_>) -> String {
        use x509_parser::extensions::GeneralName;
        match name {
            GeneralName::DNSName(it) => format!("DNSName({it})"),
            GeneralName::IPAddress([a, b, c, d]) => format!("IPAddress({a}.{b}.{c}.{d})"),
            GeneralName::IPAddress(it) => {
                let bytes: [u8; 16] = (*it).try_into().unwrap();
                format!("IPAddress({})", std::net::Ipv6Addr::from(bytes))
            }
            other => format!("{other:?}"),
        }
    }
}
