//! The app's HTML: error pages as far as people and programs recognise them, the browsable API.

use serde_json::Value;

use super::slash::path_info;
use crate::lab::knobs::{Knobs, Switch};
use crate::lab::message::{Request, Response};

const HTML: &str = "text/html; charset=utf-8";

/// What Django says when it refuses to redirect a write. Developers search for these words.
pub(super) fn append_slash_words(request: &Request) -> String {
    let path = path_info(request);
    let host = request.header("host").unwrap_or_default();
    let method = &request.method;
    format!(
        "You called this URL via {method}, but the URL doesn't end in a slash and you have \
         APPEND_SLASH set. Django can't redirect to the slash URL while maintaining {method} \
         data. Change your form to point to {host}{path}/{query} (note the trailing slash), or \
         set APPEND_SLASH=False in your Django settings.",
        query = request.query_suffix()
    )
}

/// The debug page of the refused redirect.
pub(super) fn append_slash_error(request: &Request) -> Response {
    let path = path_info(request);
    let said = append_slash_words(request);
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n  \
         <meta http-equiv=\"content-type\" content=\"text/html; charset=utf-8\">\n  \
         <meta name=\"robots\" content=\"NONE,NOARCHIVE\">\n  \
         <title>RuntimeError\n          at {path}</title>\n</head>\n<body>\n\
         <header id=\"summary\">\n  <h1>RuntimeError\n       at {path}</h1>\n  \
         <pre class=\"exception_value\">{said}</pre>\n</header>\n</body>\n</html>\n",
        path = escape(&path),
        said = escape(&said),
    );
    let mut response = Response::new(500, HTML, body);
    response.headers.push("Connection", "close");
    response
}

pub(super) fn not_found(knobs: &Knobs, request: &Request) -> Response {
    let body = match knobs.debug {
        Switch::On => {
            let path = escape(&path_info(request));
            format!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n  <title>Page not found at \
                 {path}</title>\n</head>\n<body>\n  <h1>Page not found <small>(404)</small></h1>\n  \
                 <p>The current path, <code>{path}</code>, didn\u{2019}t match any of these: \
                 <code>items/</code></p>\n</body>\n</html>\n"
            )
        }
        Switch::Off => {
            "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Not Found</title>\n\
             </head>\n<body>\n  <h1>Not Found</h1><p>The requested resource was not found on this \
             server.</p>\n</body>\n</html>\n"
                .to_owned()
        }
    };
    Response::new(404, HTML, body)
}

/// What a person sees who opens the API in a browser.
pub(super) fn browsable(status: u16, content: &Value) -> Response {
    let json = serde_json::to_string_pretty(content).unwrap_or_else(|_| content.to_string());
    let body = format!(
        "<!DOCTYPE html>\n<html>\n<head><title>Items \u{2013} Django REST framework</title></head>\n\
         <body>\n<h1>Items</h1>\n<pre>HTTP {status}\n\n{}</pre>\n</body>\n</html>\n",
        escape(&json)
    );
    Response::new(status, HTML, body)
}

/// As Django escapes text for HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#x27;")
}
