//! The shape of a head: all names, and the values that somebody reads.

use memchr::memmem;

use super::address::has_ids;
use super::names::{self, Reading};
use super::{Misfit, Packing};
use crate::trace::Headers;
use crate::trace::packed::put;

/// What the headers told of the message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub(super) json: bool,
    /// The body may be coded.
    pub(super) coded: bool,
    /// It was asked for by an element, not by a script.
    pub(super) element: bool,
}

impl<'c> Packing<'_, 'c> {
    /// Names, and the values that somebody reads.
    pub(super) fn headers(
        &mut self,
        headers: &'c Headers,
        reading: fn(&[u8]) -> Reading,
    ) -> Result<Head, Misfit> {
        let mut head = Head::default();
        let mut block = std::mem::take(&mut self.packer.field);
        block.clear();
        for (at, (name, value)) in headers.pairs().enumerate() {
            // Only sources that are no wire have such names, and they are cleaned before they are
            // looked at.
            if name.is_empty() || !is_tidy(name) || !is_tidy(value) {
                return Err(Misfit::Rare);
            }
            put(&mut block, name);
            match reading(name) {
                Reading::Nothing => put(&mut block, b""),
                Reading::Coding if !self.coded => {
                    head.coded = true;
                    put(&mut block, b"");
                }
                Reading::Length if !self.lengths => put(&mut block, b""),
                Reading::Policy if self.paths => return Err(Misfit::Paths),
                Reading::Prefix
                    if self.paths && std::str::from_utf8(value).map_or(true, has_ids) =>
                {
                    return Err(Misfit::Paths);
                }
                Reading::All
                | Reading::Coding
                | Reading::Length
                | Reading::Policy
                | Reading::Prefix => {
                    put(&mut block, value);
                }
                Reading::Kind => {
                    head.json |= value.windows(4).any(|it| it == b"json");
                    put(&mut block, value);
                }
                Reading::Destination => {
                    head.element |= !names::is_no_element(value);
                    put(&mut block, value);
                }
                Reading::Same => {
                    let mut before = headers.pairs().take(at);
                    self.joined |= before.any(|it| it.0.eq_ignore_ascii_case(name));
                    self.looks_joined |= memmem::find(value, b", ").is_some();
                    match value {
                        b"" => put(&mut block, b""),
                        _ => put(&mut block, &self.text(value)?),
                    }
                }
                Reading::Amount => {
                    if is_amount(value) {
                        put(&mut block, &self.text(value)?);
                    } else {
                        put(&mut block, value);
                    }
                }
                Reading::Address => {
                    let text = std::str::from_utf8(value).map_err(|_| Misfit::Rare)?;
                    self.address(text)?;
                    put(&mut block, &self.packer.text);
                }
            }
        }
        put(&mut self.packer.out, &block);
        self.packer.field = block;
        Ok(head)
    }
}

/// Whether no white space stands around it.
fn is_tidy(bytes: &[u8]) -> bool {
    let ends = bytes.first().zip(bytes.last());
    ends.is_none_or(|(a, b)| !a.is_ascii_whitespace() && !b.is_ascii_whitespace())
}

/// Whether this is a number above 0, as numbers are written.
fn is_amount(value: &[u8]) -> bool {
    (1..=15).contains(&value.len())
        && value.first() != Some(&b'0')
        && value.iter().all(u8::is_ascii_digit)
}
