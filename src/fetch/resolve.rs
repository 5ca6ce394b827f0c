//! A relative reference made a URL, as browsers do it.
//!
//! The [`url`] crate follows the URL standard but in two places, which stand here.
//!
//! **Invariant:** what is no URL stays none; nothing is guessed.

use url::{ParseError, Url};

use super::Browser;

/// [URL parser](https://url.spec.whatwg.org/#concept-url-parser) with a base.
pub(super) fn resolve(base: &Url, text: &str, browser: Browser) -> Option<Url> {
    let mut url = match base.join(text) {
        Ok(url) => url,
        // However many slashes stand before a host, they are two.
        Err(ParseError::EmptyHost) => {
            let host = text.trim().strip_prefix(['/', '\\'])?.trim_start_matches(['/', '\\']);
            base.join(&format!("//{host}")).ok()?
        }
        Err(_) => return None,
    };
    // Chromium escapes these in paths, which the crate does not.
    if browser == Browser::Chromium && url.path().contains(['|', '^']) {
        let path = url.path().replace('|', "%7C").replace('^', "%5E");
        url.set_path(&path);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_as_chromium_does() {
        let base = Url::parse("http://a.test/x").unwrap();
        for (text, url) in [
            ("///b.test/y", Some("http://b.test/y")),
            ("////b.test", Some("http://b.test/")),
            ("/x|y?a|b", Some("http://a.test/x%7Cy?a|b")),
            ("/x^y", Some("http://a.test/x%5Ey")),
            ("http://", None),
            ("//", None),
        ] {
            let resolved = resolve(&base, text, Browser::Chromium);
            assert_eq!(resolved.as_ref().map(Url::as_str), url, "{text}");
        }
    }
}
