//! Where a request is meant to go, by its request line and its tap.
//!
//! **Invariant:** deciding does no I/O, and the URL that is recorded is what the client asked
//! for, not normalised.

use std::borrow::Cow;

use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Uri};

use super::leg::Leg;
use super::pages::{self, Page};
use super::spec::{Mode, Scheme, Upstream};
use super::{answer, scheme};

/// Where a request goes.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Route {
    /// To an upstream.
    Http { to: Upstream },
    /// Through to this place, unread.
    Tunnel { to: Upstream },
    /// To hopscope itself.
    OwnPage(Page),
    /// Nowhere, and why.
    Refused { why: String },
}

/// The route, and the URL as the client meant it.
pub(super) fn find(leg: &Leg, tap_address: &str, head: &Parts) -> (Route, String) {
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let host = match (head.uri.authority(), head.headers.get(HOST)) {
        (Some(authority), _) => Cow::Borrowed(authority.as_str()),
        (None, Some(host)) => String::from_utf8_lossy(host.as_bytes()),
        (None, None) => Cow::Borrowed(tap_address),
    };
    // Whoever ends TLS here, or in a tunnel through here, needs nobody to tell; and behind another
    // tap the URL is that of this connection.
    let is_reverse = matches!(leg.mode, Mode::Reverse { .. });
    let is_told = is_reverse && leg.outermost && !leg.tunnelled && leg.tls.is_none();
    let told = is_told.then(|| scheme::told(head, &host)).flatten();
    let scheme = told.or_else(|| head.uri.scheme_str()).unwrap_or(leg.scheme.as_str());
    let url = match (&head.method, path) {
        (&Method::CONNECT, _) => host.clone().into_owned(),
        // Every request passes here, and joining takes a fraction of the time of formatting.
        (_, "*") => [scheme, "://", &host, "/*"].concat(),
        _ => [scheme, "://", &host, path].concat(),
    };
    let route = match &leg.mode {
        Mode::Reverse { .. } if head.method == Method::CONNECT => refused(if leg.tunnelled {
            "a tunnel leads to one upstream, and opens no tunnels"
        } else {
            "a reverse tap stands in front of one upstream and opens no tunnels"
        }),
        Mode::Reverse { upstream, .. } => Route::Http { to: upstream.clone() },
        Mode::Forward { .. } if head.method == Method::CONNECT => {
            match Upstream::from_authority(Scheme::Https, &host) {
                Some(to) => Route::Tunnel { to },
                None => refused("the tunnel's target is no HOST:PORT"),
            }
        }
        Mode::Forward { .. } if pages::is_own_name(&host) => {
            Route::OwnPage(pages::find(head).unwrap_or(Page::Home))
        }
        Mode::Forward { .. } => forward(head, &host, tap_address),
    };
    (route, url)
}

fn forward(head: &Parts, host: &str, tap_address: &str) -> Route {
    let scheme = match head.uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        Some(other) => return refused(&format!("a tap does not speak {other}")),
        None => {
            let page = pages::find(head).filter(|_| pages::is_own_address(host, tap_address));
            let refused = Route::Refused { why: answer::not_a_server(tap_address) };
            return page.map_or(refused, Route::OwnPage);
        }
    };
    match Upstream::from_authority(scheme, host) {
        Some(to) => Route::Http { to },
        None => refused("the request line names no host"),
    }
}

/// What the request line to an upstream names: the target without its place.
pub(super) fn target(uri: Uri) -> Uri {
    if uri.authority().is_none() {
        return uri;
    }
    uri.into_parts().path_and_query.map(Uri::from).unwrap_or_default()
}

fn refused(why: &str) -> Route {
    Route::Refused { why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::TapSpec;
    use crate::proxy::leg::Protocol;

    #[test]
    fn finds_the_way() {
        let forward = TapSpec::forward("f", ([127, 0, 0, 1], 0).into()).mode;
        let upstream: Upstream = "http://up:8000".parse().unwrap();
        let reverse = TapSpec::reverse("r", ([127, 0, 0, 1], 0).into(), upstream).mode;
        let [forward, reverse] =
            [forward, reverse].map(|it| Leg::of_tap(&it, Protocol::Http1, None));
        let tunnel = Leg::of_tunnel("https://up".parse().unwrap(), Protocol::Http1);
        for (leg, line, host, url, route) in [
            (&reverse, "GET /a?b", "h:1", "http://h:1/a?b", "http://up:8000 /a?b"),
            (&reverse, "GET /a", "", "http://tap:1/a", "http://up:8000 /a"),
            (&reverse, "OPTIONS *", "h", "http://h/*", "http://up:8000 *"),
            (&reverse, "GET http://x/a//../b", "h", "http://x/a//../b", "http://up:8000 /a//../b"),
            (&reverse, "CONNECT a:1", "h", "a:1", "refused"),
            (&forward, "GET http://x/a?b", "x", "http://x/a?b", "http://x /a?b"),
            (&forward, "GET http://x:81", "x", "http://x:81/", "http://x:81 /"),
            (&forward, "GET https://x/a", "x", "https://x/a", "https://x /a"),
            (&forward, "GET ftp://x/a", "x", "ftp://x/a", "refused"),
            (&forward, "GET /a", "tap:1", "http://tap:1/a", "refused"),
            (&forward, "GET /", "hopscope.local", "http://hopscope.local/", "own Home"),
            (&forward, "GET /", "localhost:1", "http://localhost:1/", "refused"),
            (
                &forward,
                "GET http://Hopscope.Local:80/",
                "x",
                "http://Hopscope.Local:80/",
                "own Home",
            ),
            (
                &forward,
                "GET http://hopscope.local/ca.pem",
                "x",
                "http://hopscope.local/ca.pem",
                "own Pem",
            ),
            (&tunnel, "GET /a", "h", "https://h/a", "https://up /a"),
            (&tunnel, "CONNECT a:1", "h", "a:1", "refused"),
            (&forward, "CONNECT x:443", "", "x:443", "tunnel https://x"),
            (&forward, "CONNECT [::1]:80", "", "[::1]:80", "tunnel https://[::1]:80"),
        ] {
            let (method, uri) = line.split_once(' ').unwrap();
            let mut request = http::Request::builder().method(method).uri(uri);
            if !host.is_empty() {
                request = request.header("host", host);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            let (found, found_url) = find(leg, "tap:1", &head);
            let found = match found {
                Route::Http { to } => format!("{to} {}", target(head.uri.clone())),
                Route::Tunnel { to } => format!("tunnel {to}"),
                Route::OwnPage(page) => format!("own {page:?}"),
                Route::Refused { .. } => "refused".to_owned(),
            };
            assert_eq!((found_url.as_str(), found.as_str()), (url, route), "{line}");
        }
    }

    #[test]
    fn a_layer_before_a_reverse_tap_tells_the_scheme() {
        let upstream: Upstream = "http://up:8000".parse().unwrap();
        let reverse = TapSpec::reverse("r", ([127, 0, 0, 1], 0).into(), upstream).mode;
        let forward = TapSpec::forward("f", ([127, 0, 0, 1], 0).into()).mode;
        let [forward, reverse] =
            [forward, reverse].map(|it| Leg::of_tap(&it, Protocol::Http1, None));
        let inner = Leg { outermost: false, ..reverse.clone() };
        for (leg, told, scheme) in [
            (&inner, "https", "http"),
            (&reverse, "https", "https"),
            (&reverse, "http", "http"),
            (&forward, "https", "http"),
        ] {
            let request = http::Request::get("http://h/a").header("x-forwarded-proto", told);
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(find(leg, "tap:1", &head).1, format!("{scheme}://h/a"), "{told}");
        }
    }
}
