//! `hopscope fetch`: do what a browser would do, for real, and explain it.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;

use super::analyst::Analyst;
use super::print::Printer;
use super::{Console, Error, driven};
use crate::cli::{Certificates, Fetch};
use crate::drive::{self, Options, Via, page_file};
use crate::fetch::safelist::is_forbidden_request_header;
use crate::fetch::{Api, Browser, Known, Page, PageRequest};
use crate::proxy::UpstreamProxy;
use crate::store::Store;
use crate::tls::{Authority, Tls, Trust};
use crate::trace::{Headers, Tap, TapKind, Target};

/// Drive, record, explain.
pub(crate) fn run(options: &Fetch, mut console: Console) -> Result<u8, Error> {
    let page = match &options.page {
        Some(path) => read_page(path)?,
        None => page_of(options)?,
    };
    let proxy = options.via.clone().map(|it| it.or_credentials(options.auth.clone()));
    let drive_options = Options {
        browser: options.browser.unwrap_or(Browser::Chromium),
        via: proxy.as_ref().map(via).transpose()?,
        cookies: cookies(options),
        tls: tls(options)?,
        ..Options::default()
    };
    for (name, value) in &options.headers {
        if is_forbidden_request_header(name, value.as_bytes(), drive_options.browser) {
            console.warn(&not_sent(name));
        }
    }
    let runtime = super::runtime()?;
    if let (Some(proxy), Some(via)) = (&proxy, &drive_options.via) {
        runtime.block_on(is_there(&proxy.url(), via.address))?;
    }
    let chains = runtime.block_on(drive::run(&page, &drive_options));
    let taps = vec![Tap {
        name: "direct".to_owned(),
        kind: TapKind::Direct,
        address: proxy.as_ref().map(UpstreamProxy::url).unwrap_or_default(),
        upstream: None,
    }];
    if let Some(path) = &options.output {
        let hops = chains.iter().flat_map(|it| it.hops().chain(&it.unsent)).cloned();
        let hops: Vec<_> = hops.collect();
        Store::import(path, &taps, hops)?;
    }
    let analyses = driven::analyse(chains, &taps, &Analyst::new(Known::default(), &mut console));
    let places = crate::formats::json::places(analyses.iter().map(|it| Arc::as_ref(&it.chain)));
    let secrets = super::secrets(options.print.reveal);
    let mut printer = Printer::begin(&mut console, &options.print, &taps, &[], &places, &secrets)?;
    for (idx, analysis) in analyses.iter().enumerate() {
        printer.chain(idx + 1, None, analysis)?;
    }
    printer.end("the page asks for nothing")
}

fn read_page(path: &Path) -> Result<Page, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    page_file::parse(&text).map_err(|source| Error::Page { path: path.to_owned(), source })
}

/// The page that the command line describes: one request.
fn page_of(options: &Fetch) -> Result<Page, Error> {
    let url = options.url.clone().unwrap_or_default();
    let origin = options.origin.clone().unwrap_or_default();
    let body = options.data.as_deref().map(body).transpose()?;
    let mut request = PageRequest::get(absolute(&url)?);
    if let Some(method) = &options.method {
        request.method.clone_from(method);
    } else if body.is_some() {
        "POST".clone_into(&mut request.method);
    }
    request.body = body;
    request.headers = options.headers.iter().cloned().collect::<Headers>();
    request.api = options.api.unwrap_or(Api::Fetch);
    request.mode = options.mode.unwrap_or(request.mode);
    request.credentials = options.credentials.unwrap_or(request.credentials);
    request.redirect = options.redirect.unwrap_or(request.redirect);
    request.crossorigin.clone_from(&options.crossorigin);
    request.timeout_ms = options.timeout_ms;
    request.cache = options.cache.unwrap_or(request.cache);
    Ok(Page {
        origin: serialised_origin(&origin)?,
        address_space: options.address_space,
        requests: vec![request],
        ..Page::default()
    })
}

/// `@file` or the text itself.
fn body(data: &str) -> Result<String, Error> {
    match data.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.into(), source }),
        None => Ok(data.to_owned()),
    }
}

/// A URL with a scheme: `localhost:8000/x` is what people type.
fn absolute(url: &str) -> Result<String, Error> {
    let with_scheme = if url.contains("://") || has_other_scheme(url) {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    match url::Url::parse(&with_scheme) {
        Ok(_) => Ok(with_scheme),
        Err(why) => Err(Error::Usage {
            message: format!("`{url}` is no URL: {why}"),
            hint: "for example https://api.example.com/prod/items".to_owned(),
        }),
    }
}

/// `data:…`, `mailto:…`; but `localhost:8000` is a host and a port.
fn has_other_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, rest)| {
        ["data", "blob", "about", "javascript", "mailto", "file"].contains(&scheme)
            && !rest.starts_with(|it: char| it.is_ascii_digit())
    })
}

/// The origin as a browser writes it: a trailing slash or a path that somebody copied along is
/// not part of it.
fn serialised_origin(origin: &str) -> Result<String, Error> {
    if origin == "null" {
        return Ok(origin.to_owned());
    }
    let parsed = url::Url::parse(origin).ok().filter(|it| it.origin().is_tuple());
    parsed.map(|it| it.origin().ascii_serialization()).ok_or_else(|| Error::Usage {
        message: format!("`{origin}` is no origin"),
        hint: "a scheme and a host, for example https://my.front-end.com".to_owned(),
    })
}

/// The proxy to send through.
fn via(proxy: &UpstreamProxy) -> Result<Via, Error> {
    let unusable = |why: &str| Error::Usage {
        message: format!("cannot send through `{}`: {why}", proxy.url()),
        hint: "the address of a forward tap, for example http://127.0.0.1:8080".to_owned(),
    };
    let place = proxy.plain_http().ok_or_else(|| unusable("it does not speak plain HTTP"))?;
    let mut addresses = place.to_socket_addrs().map_err(|it| unusable(&it.to_string()))?;
    let address = addresses.next().ok_or_else(|| unusable("the name has no address"))?;
    Ok(Via { address, authorization: proxy.authorization() })
}

/// Beside the platform's roots the user's own authority is trusted, where there is one: what taps
/// show is of interest, not that it is theirs.
fn tls(options: &Fetch) -> Result<Option<Tls>, Error> {
    let Certificates { ca, insecure } = &options.certificates;
    let folder = Authority::folder().ok().filter(|it| Authority::exists(it));
    let own = folder.and_then(|it| Authority::open(&it).ok()).map(|it| it.file());
    if options.certificates.is_usual() && own.is_none() {
        return Ok(None);
    }
    let ca = ca.iter().cloned().chain(own).collect();
    Ok(Some(Tls::with(&Trust { ca, insecure: insecure.clone(), ..Trust::default() })?))
}

/// What a user of other clients may not expect: no script decides about these fields.
fn not_sent(name: &str) -> String {
    let instead = match name.to_ascii_lowercase().as_str() {
        "host" => "; a tap can send another: --tap edge=reverse:ADDR=URL,host=NAME",
        "cookie" => "; --cookie NAME=VALUE is what the browser holds",
        "origin" => "; --origin says it",
        _ => "",
    };
    format!("-H {name} is not sent: browsers do not let a page's script set it{instead}")
}

/// Whether somebody listens on the way: a proxy that is not there says nothing about the URL.
async fn is_there(url: &str, via: SocketAddr) -> Result<(), Error> {
    match tokio::net::TcpStream::connect(via).await {
        Ok(_) => Ok(()),
        Err(why) => Err(Error::Usage {
            message: format!("cannot send through {url}: {why}"),
            hint: format!("start the tap first: hopscope record --tap edge=forward:{via}"),
        }),
    }
}

/// Cookies for the host that is asked.
fn cookies(options: &Fetch) -> Vec<(String, String)> {
    let url = options.url.as_deref().unwrap_or_default();
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let host = Target::parse(&url).host().to_owned();
    options.cookie.iter().map(|it| (host.clone(), it.clone())).collect()
}
