//! Bodies: decoded; JSON, forms and XML that is sent lose their secrets, markup and scripts that
//! are received go, and what cannot be read is left out.
//!
//! **Invariant:** a body that was left out still says how long it was.

use super::{Redactor, json, text, url};
use crate::content::{self, End};
use crate::trace::{Body, Headers};

/// Whose body it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Request,
    Response { status: u16 },
}

pub(super) fn redact(redactor: &Redactor, headers: &Headers, body: &Body, side: Side) -> Body {
    if body.bytes.is_empty() {
        return body.clone();
    }
    let content = content::decode(body, headers, LONGEST);
    let text = if content.is_decoded() { content::as_text(&content.bytes, headers) } else { None };
    let Some(plain) = text.as_deref() else { return left_out(body) };
    let kind = headers.text("content-type").unwrap_or_default().to_ascii_lowercase();
    let redacted = match shape(&kind, plain) {
        Shape::Json => json::redact(redactor, plain),
        Shape::Form => url::pairs(redactor, plain),
        Shape::Multipart => multipart(redactor, plain),
        Shape::Markup => match side {
            Side::Request => elements(redactor, plain),
            // What an error page says of itself is what a diagnosis needs.
            Side::Response { status } if status >= 400 => skeleton(redactor, plain),
            Side::Response { .. } => return left_out(body),
        },
        Shape::Text => text::redact(redactor, plain),
    };
    if redacted.as_bytes() == body.bytes {
        return body.clone();
    }
    let is_all = matches!(content.end, End::Whole | End::DecodedBefore) && !body.is_cut();
    let whole = is_all && (side == Side::Request || shape(&kind, plain) != Shape::Markup);
    // Of what is not whole it must show that something is missing.
    let length =
        if whole { redacted.len() as u64 } else { body.length.max(redacted.len() as u64 + 1) };
    Body { bytes: redacted.into_bytes(), length, complete: body.complete }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    Json,
    Form,
    Multipart,
    /// HTML, XML, scripts, style sheets.
    Markup,
    Text,
}

/// By the declared type first, then by how the text begins: types are missing and wrong.
fn shape(kind: &str, text: &str) -> Shape {
    let start = text.trim_start();
    let has = |it: &str| kind.contains(it);
    if has("json") || start.starts_with(['{', '[']) {
        Shape::Json
    } else if has("x-www-form-urlencoded") {
        Shape::Form
    } else if has("multipart/") {
        Shape::Multipart
    } else if MARKUP.iter().any(|it| has(it)) || start.starts_with('<') {
        Shape::Markup
    } else {
        Shape::Text
    }
}

const MARKUP: &[&str] = &["html", "xml", "javascript", "ecmascript", "css"];

fn left_out(body: &Body) -> Body {
    Body { bytes: Vec::new(), length: body.length, complete: body.complete }
}

/// Decoded bytes that are read; more are left out.
const LONGEST: usize = 4 << 20;

/// The headings of an error page, without what else stands in it.
fn skeleton(redactor: &Redactor, page: &str) -> String {
    let mut out = String::new();
    for (open, close) in HEADINGS {
        for found in page.split(open).skip(1).take(3) {
            let end = found.find(close).unwrap_or(found.len()).min(400);
            let inner: String = found.get(..end).unwrap_or_default().chars().take(300).collect();
            out.push_str(open);
            out.push_str(&text::redact(redactor, &inner));
            out.push_str(close);
            out.push('\n');
        }
    }
    out
}

/// Where Django, nginx, `HAProxy`, Apache and others say what went wrong.
const HEADINGS: &[(&str, &str)] = &[
    ("<!DOCTYPE", ">"),
    ("<title>", "</title>"),
    ("<h1>", "</h1>"),
    ("<hr><center>", "</center>"),
    ("<pre class=\"exception_value\">", "</pre>"),
    ("<pre>", "</pre>"),
    ("</h1>\n", "</body>"),
    ("<p>", "</p>"),
];

/// XML (as SOAP sends it): the contents of elements whose name is secret.
fn elements(redactor: &Redactor, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        let (tag, after) = from.split_at(from.find('>').map_or(from.len(), |it| it + 1));
        out.push_str(&text::redact(redactor, before));
        out.push_str(&text::redact(redactor, tag));
        rest = after;
        let name = tag.trim_start_matches('<');
        let name = name.split(|it: char| it.is_whitespace() || "/>".contains(it)).next();
        let name = name.unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        if super::names::parameter(local).is_some() && !tag.ends_with("/>") {
            let end = after.find(&format!("</{name}")).unwrap_or(after.len());
            let (secret, behind) = after.split_at(end);
            out.push_str(&redactor.token(secret.trim().as_bytes()));
            rest = behind;
        }
    }
    out.push_str(&text::redact(redactor, rest));
    out
}

/// The contents of the parts whose field name is secret.
fn multipart(redactor: &Redactor, text: &str) -> String {
    let boundary = text.lines().next().unwrap_or_default().trim_end();
    if !boundary.starts_with("--") {
        return text::redact(redactor, text);
    }
    let parts = text.split(boundary).map(|part| {
        let gap = ["\r\n\r\n", "\n\n"].iter().find_map(|it| Some(part.find(*it)? + it.len()));
        let Some((head, content)) = gap.map(|it| part.split_at(it)) else { return part.to_owned() };
        let name = head.split("; name=\"").nth(1).and_then(|it| it.split('"').next());
        if name.is_none_or(|it| super::names::parameter(it).is_none()) {
            return format!("{head}{}", text::redact(redactor, content));
        }
        let secret = content.trim_end_matches(['\r', '\n']);
        let end = content.get(secret.len()..).unwrap_or_default();
        format!("{head}{}{end}", redactor.token(secret.as_bytes()))
    });
    parts.collect::<Vec<_>>().join(boundary)
}
