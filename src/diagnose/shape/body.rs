//! Bodies in a shape: what anybody looks for in them.
//!
//! Errors are read word by word, and so is what stands beside one. Of other answers only the
//! beginning counts, and the links of one that two taps saw; fingerprints have read them already.
//!
//! **Invariant:** a body that is too long for a shape makes the chain one without a shape; it is
//! never cut.

use std::borrow::Cow;

use memchr::memmem;

use super::{Look, Misfit, Packing, address};
use crate::content;
use crate::fetch::orb;
use crate::trace::Response;

impl<'c> Packing<'_, 'c> {
    pub(super) fn body(
        &mut self,
        response: &'c Response,
        look: Look,
        coded: bool,
    ) -> Result<(), Misfit> {
        let body = &response.body;
        let bytes = &body.bytes;
        if !look.body {
            self.number(1);
            self.number(0);
            return self.whole(b"");
        }
        self.number(usize::from(body.complete));
        self.number(usize::from(body.is_cut()));
        if look.words {
            let plain = bytes.is_empty() || !look.links;
            return if plain || links(response).is_none() {
                self.whole(bytes)
            } else {
                Err(Misfit::Rare)
            };
        }
        let mut text = std::mem::take(&mut self.packer.text);
        text.clear();
        let begins = if coded {
            content::decode(body, &response.headers, BEGINNING).bytes
        } else {
            Cow::Borrowed(bytes.get(..BEGINNING).unwrap_or(bytes))
        };
        let start = begins.trim_ascii_start();
        text.extend_from_slice(match start.first() {
            Some(b'<') => start.get(..MARKUP).unwrap_or(start),
            Some(_) => orb::no_script(&begins).or(start.get(..1)).unwrap_or_default(),
            // White space alone is a body, too.
            None if begins.len() < BEGINNING => bytes.get(..1).unwrap_or_default(),
            None => return Err(Misfit::Rare),
        });
        if let Some(json) = look.links.then(|| links(response)).flatten() {
            if json.starts_with("http") {
                return Err(Misfit::Rare);
            }
            let urls = json
                .split('"')
                .filter(|it| it.starts_with("http://") || it.starts_with("https://"));
            for url in urls.take(LINKS) {
                text.push(b'"');
                address::shape(url, self.paths, |it| self.tokens.text_of(it), &mut text)?;
            }
            text.push(b'"');
            if text.len() > LONGEST || !text.is_ascii() {
                return Err(Misfit::Rare);
            }
        }
        self.bytes(&text);
        self.packer.text = text;
        Ok(())
    }

    fn whole(&mut self, bytes: &[u8]) -> Result<(), Misfit> {
        if bytes.len() > LONGEST {
            return Err(Misfit::Rare);
        }
        self.bytes(bytes);
        Ok(())
    }
}

/// The text of a body that has links in it.
fn links(response: &Response) -> Option<Cow<'_, str>> {
    let headers = &response.headers;
    let as_it_is = !headers.has("content-encoding")
        && headers.text("content-type").is_none_or(|it| !it.contains("charset"));
    let bytes = &response.body.bytes;
    if as_it_is && !bytes.starts_with(b"http") && memmem::find(bytes, b"\"http").is_none() {
        return None;
    }
    let text = content::of_response(response);
    (text.starts_with("http") || text.contains("\"http")).then_some(text)
}

/// Enough to see past white space.
const BEGINNING: usize = 64;
/// Enough to tell what markup begins with.
const MARKUP: usize = 16;
/// Nobody looks at more links of one body.
const LINKS: usize = 200;
/// Longer ones are not worth keeping.
const LONGEST: usize = 4096;
