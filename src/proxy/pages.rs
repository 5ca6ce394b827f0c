//! hopscope's own pages on a forward tap: the authority's certificate, and what to do with it.
//!
//! ```text
//! http://hopscope.local/          through the tap
//! http://127.0.0.1:8080/          the tap itself, addressed like a server
//! ```
//!
//! **Invariant:** a page is only served to who asked for it by hopscope's own name or by the
//! tap's address: another name that leads here is an attempt to read it from elsewhere (DNS
//! rebinding).

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, SERVER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

use super::body::Passing;
use crate::tls::{Authority, certificate};
use crate::trace::Recorder;

/// Which of the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Page {
    Home,
    /// The certificate in PEM form.
    Pem,
    /// The certificate in DER form.
    Der,
}

/// The page at this path, if there is one.
pub(super) fn find(head: &Parts) -> Option<Page> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return None;
    }
    match head.uri.path() {
        "/" => Some(Page::Home),
        "/ca.pem" => Some(Page::Pem),
        "/ca.crt" | "/ca.der" => Some(Page::Der),
        _ => None,
    }
}

/// Whether this is hopscope's own name.
pub(super) fn is_own_name(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case(NAME)
}

/// Whether this is the tap's own address. No other name counts: it would be somebody else's.
pub(super) fn is_own_address(host: &str, tap: &str) -> bool {
    let Ok(tap) = tap.parse::<SocketAddr>() else { return host == tap };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, port.parse().unwrap_or(0)),
        _ => (host, 80),
    };
    let ip = name.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_loopback = tap.ip().is_loopback() || tap.ip().is_unspecified();
    let is_here = match ip {
        Ok(ip) => ip == tap.ip() || tap.ip().is_unspecified(),
        Err(_) => name.eq_ignore_ascii_case("localhost") && is_loopback,
    };
    is_here && port == tap.port()
}

/// The page as an answer.
pub(super) fn answer<R: Recorder>(
    page: Page,
    head: &Parts,
    tap: &str,
    address: &str,
    authority: Option<&Authority>,
) -> Response<Passing<R>> {
    let wants_html =
        head.headers.get(ACCEPT).is_some_and(|it| it.as_bytes().starts_with(b"text/html"));
    let (kind, body) = match (page, authority) {
        (Page::Pem, Some(it)) => ("application/x-pem-file", Bytes::from(it.pem())),
        (Page::Der, Some(it)) => {
            ("application/x-x509-ca-cert", Bytes::copy_from_slice(it.certificate()))
        }
        (Page::Home, authority) if wants_html => {
            ("text/html; charset=utf-8", Bytes::from(html(tap, address, authority)))
        }
        (_, authority) => {
            ("text/plain; charset=utf-8", Bytes::from(text(tap, address, authority.is_some())))
        }
    };
    let mut response = Response::new(Passing::own(body));
    if page != Page::Home && authority.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(SERVER, HeaderValue::from_static("hopscope"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if page == Page::Der {
        let file = HeaderValue::from_static("attachment; filename=\"hopscope-ca.crt\"");
        headers.insert(CONTENT_DISPOSITION, file);
    }
    response
}

fn text(tap: &str, address: &str, reads_tls: bool) -> String {
    let how = if reads_tls {
        format!(
            "\nTo let a program trust it, so that https can be read:\n\
             \n  hopscope ca install                                 this machine and its browsers\
             \n  curl --proxy http://{address} http://{NAME}/ca.pem    the certificate, for others\n"
        )
    } else {
        "\nhttps passes through unread: this tap has no certificate authority.\n".to_owned()
    };
    format!(
        "hopscope: this is the forward tap {tap} on {address}; what your client asks through it \
         is recorded\n{how}"
    )
}

fn html(tap: &str, address: &str, authority: Option<&Authority>) -> String {
    let how = match authority {
        None => "<p>https passes through unread: this tap has no certificate authority.".to_owned(),
        Some(it) => {
            let facts = certificate(it.certificate()).shown;
            format!(
                "<p>To read https, it shows certificates of its own. Let this browser trust them \
                 only on a machine that is yours:\n\
                 <p><a href=\"/ca.crt\">hopscope-ca.crt</a> (DER), <a href=\"/ca.pem\">ca.pem</a> \
                 (PEM)\n<p>{}<br>SHA-256 <code>{}</code>\n<ul>\n\
                 <li>All at once, on the machine that hopscope runs on: \
                 <code>hopscope ca install</code>\n\
                 <li>Firefox: Settings, Certificates, View Certificates, Authorities, Import, \
                 \u{201c}Trust this CA to identify websites\u{201d}\n\
                 <li>Chromium: Settings, Security, Manage certificates, Custom, Import\n\
                 <li>macOS: open the file, find it in Keychain Access, Trust, Always Trust\n\
                 <li>Android: Settings, Security, Encryption, Install a certificate, CA \
                 certificate\n\
                 <li>iOS: install the profile, then Settings, General, About, Certificate Trust \
                 Settings\n</ul>\n<p>To take it away again: <code>hopscope ca remove</code>",
                escaped(&facts.subject),
                facts.fingerprint,
            )
        }
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>hopscope</title>\n\
         <style>body{{font:1rem/1.5 system-ui;max-width:44rem;margin:3rem auto;padding:0 1rem}}\
         code{{overflow-wrap:anywhere}}</style>\n<h1>hopscope</h1>\n\
         <p>This is the forward tap {} on {}; what is asked through it is recorded.\n{how}\n",
        escaped(tap),
        escaped(address),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// hopscope's own name, which only a tap resolves.
pub(super) const NAME: &str = "hopscope.local";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_address_is_its_own() {
        for (host, tap, own) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", true),
            ("localhost:8080", "127.0.0.1:8080", true),
            ("[::1]:8080", "[::1]:8080", true),
            ("127.0.0.1", "127.0.0.1:80", true),
            ("127.0.0.1", "127.0.0.1:8080", false),
            ("127.0.0.1:81", "127.0.0.1:8080", false),
            ("evil.test:8080", "127.0.0.1:8080", false),
            ("evil.test:8080", "0.0.0.0:8080", false),
            ("10.0.0.7:8080", "0.0.0.0:8080", true),
            ("localhost:8080", "10.0.0.7:8080", false),
            ("", "127.0.0.1:8080", false),
        ] {
            assert_eq!(is_own_address(host, tap), own, "{host} {tap}");
        }
        assert!(is_own_name("Hopscope.Local:80") && !is_own_name("hopscope.local.evil.test"));
    }
}
