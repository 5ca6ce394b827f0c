//! Opaque-response blocking: what Chromium keeps from `no-cors` requests, whoever made them.
//!
//! The rules are Chromium's, which leave the standard in many places
//! (`services/network/orb/orb_impl.cc`): it looks at the first bytes, and what is plainly HTML,
//! XML or JSON is no script, image or stylesheet.
//!
//! **Invariant:** what cannot be told without the body is let through.

use crate::content;
use crate::trace::Response;

use super::mime;

/// Whether an opaque answer is withheld.
/// [Opaque-response-safelist check](https://fetch.spec.whatwg.org/#orb).
pub(super) fn blocks(answer: &Response) -> bool {
    let kind = mime::essence(&answer.headers);
    let kind = kind.as_str();
    if is_safelisted(kind) {
        return false;
    }
    if is_never_sniffed(kind) {
        return true;
    }
    let told = kind == "text/html" || mime::is_json(kind) || mime::is_xml(kind);
    let nosniff = answer
        .headers
        .text("x-content-type-options")
        .is_some_and(|it| it.eq_ignore_ascii_case("nosniff"));
    if nosniff && (told || kind == "text/plain") {
        return true;
    }
    // No element ever asked for the beginning, as far as is known here.
    if answer.status == 206 && begins_in_the_middle(answer) {
        return true;
    }
    let start = &*content::decode(&answer.body, &answer.headers, SNIFFED).bytes;
    if kind.is_empty() || is_media(start) {
        return false;
    }
    looks_like_html(start) || trimmed(start).starts_with(b"<?xml") || no_script(start).is_some()
}

/// `net::kMaxBytesToSniff`
const SNIFFED: usize = 1_024;

fn is_safelisted(kind: &str) -> bool {
    kind.starts_with("audio/")
        || kind.starts_with("video/")
        || matches!(
            kind,
            "text/css"
                | "image/svg+xml"
                | "application/ogg"
                | "application/dash+xml"
                | "application/vnd.apple.mpegurl"
                | "text/vtt"
        )
}

/// Types that no element loads.
fn is_never_sniffed(kind: &str) -> bool {
    matches!(
        kind,
        "application/gzip"
            | "application/x-gzip"
            | "application/x-protobuf"
            | "application/zip"
            | "application/msexcel"
            | "application/mspowerpoint"
            | "application/msword"
            | "application/msword-template"
            | "application/pdf"
            | "multipart/byteranges"
            | "multipart/signed"
            | "text/csv"
            | "text/event-stream"
            | "text/pdf"
    ) || ["ces-quick", "ms-excel", "ms-powerpoint", "ms-word", "msword", "openxmlformats-office"]
        .iter()
        .any(|it| kind.strip_prefix("application/vnd.").is_some_and(|kind| kind.starts_with(it)))
}

fn begins_in_the_middle(answer: &Response) -> bool {
    let range = answer.headers.text("content-range").unwrap_or_default();
    let start = range.trim().strip_prefix("bytes ").and_then(|it| it.split_once('-'));
    start.is_some_and(|(start, _)| start.trim().parse::<u64>().is_ok_and(|it| 0 < it))
}

/// Images, sound and film, by their first bytes.
fn is_media(start: &[u8]) -> bool {
    const MAGICS: &[&[u8]] = &[
        b"GIF87a",
        b"GIF89a",
        b"\x89PNG\r\n\x1A\n",
        b"\xFF\xD8\xFF",
        b"BM",
        b"\0\0\x01\0",
        b"ID3",
        b"OggS",
        b"fLaC",
        b".snd",
        b"\x1A\x45\xDF\xA3",
    ];
    MAGICS.iter().any(|it| start.starts_with(it))
        || start.get(4..8) == Some(b"ftyp")
        || (start.starts_with(b"RIFF")
            && matches!(start.get(8..12), Some(b"WEBP" | b"WAVE" | b"AVI ")))
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|it| !b" \t\r\n".contains(it));
    start.and_then(|it| bytes.get(it..)).unwrap_or_default()
}

/// Comments before the first tag are passed over, to the end of their last line.
fn looks_like_html(bytes: &[u8]) -> bool {
    const TAGS: &[&[u8]] = &[
        b"<!doctype html",
        b"<script",
        b"<html",
        b"<head",
        b"<iframe",
        b"<h1",
        b"<div",
        b"<font",
        b"<table",
        b"<a",
        b"<style",
        b"<title",
        b"<b",
        b"<p",
    ];
    let mut rest = trimmed(bytes);
    loop {
        if TAGS.iter().any(|it| rest.get(..it.len()).is_some_and(|at| at.eq_ignore_ascii_case(it)))
        {
            return true;
        }
        let Some(comment) = rest.strip_prefix(b"<!--") else { return false };
        let Some(end) = comment.windows(3).position(|it| it == b"-->") else { return false };
        let after = comment.get(end + 3..).unwrap_or_default();
        let Some(line) = after.iter().position(|it| matches!(it, b'\n' | b'\r')) else {
            return false;
        };
        rest = trimmed(after.get(line..).unwrap_or_default());
    }
}

/// What no script can be: a prefix that breaks parsers, or an object with a quoted name. Gives
/// the shortest body that is withheld like this one.
pub fn no_script(beginning: &[u8]) -> Option<&'static [u8]> {
    const BREAKERS: &[&[u8]] =
        &[b")]}'", b"{}&&", b"{} &&", b"for(;;);", b"while(1);", b"for (;;);", b"while (1);"];
    let breaker = BREAKERS.iter().find(|it| beginning.starts_with(it)).copied();
    breaker.or_else(|| looks_like_json(beginning).then_some(br#"{"":"#))
}

fn looks_like_json(bytes: &[u8]) -> bool {
    let Some(name) = trimmed(bytes).strip_prefix(b"{") else { return false };
    let Some(name) = trimmed(name).strip_prefix(b"\"") else { return false };
    let mut escaped = false;
    let end = name.iter().position(|it| {
        let ends = *it == b'"' && !escaped;
        escaped = *it == b'\\' && !escaped;
        ends
    });
    end.is_some_and(|it| trimmed(name.get(it + 1..).unwrap_or_default()).starts_with(b":"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Body;

    #[test]
    fn what_no_element_loads_is_withheld() {
        for (kind, nosniff, body, blocked) in [
            ("application/json", false, r#"{"a":1}"#, true),
            ("application/json", false, "[1]", false),
            ("application/json", true, "[1]", true),
            ("text/javascript", false, r#" { "a\"" : 1}"#, true),
            ("text/javascript", false, "var a", false),
            ("text/html", false, "<!-- x -->\n<html>", true),
            ("text/html", false, "plain", false),
            ("text/plain", true, "plain", true),
            ("text/css", false, "<html>", false),
            ("image/svg+xml", false, "<?xml version='1.0'?>", false),
            ("text/xml", false, "<?xml version='1.0'?>", true),
            ("image/png", false, "<?xml version='1.0'?>", true),
            ("text/csv", false, "", true),
            ("text/html", false, "GIF89a", false),
            ("", false, "<html>", false),
        ] {
            let mut answer =
                Response { status: 200, body: Body::full(body), ..Response::default() };
            answer.headers.push("Content-Type", kind);
            if nosniff {
                answer.headers.push("X-Content-Type-Options", "nosniff");
            }
            assert_eq!(blocks(&answer), blocked, "{kind} {nosniff} {body}");
        }
    }
}
