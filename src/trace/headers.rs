//! Header fields as they came: bytes, in order, with every repeat.

use std::borrow::Cow;

/// One header field line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The field name. Lower case where the recorder was an HTTP library that hides the
    /// case on the wire, as written where the source (a HAR) shows it.
    pub name: String,
    /// The field value's bytes, without the surrounding white space.
    pub value: Vec<u8>,
}

impl Header {
    /// The value for a person or a comparison of text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

/// A [header list](https://fetch.spec.whatwg.org/#concept-header-list): order as received,
/// repeats kept, values as bytes.
///
/// Typed headers would turn a malformed or repeated field into "absent" and lose the
/// evidence, so every check reads this list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(Vec<Header>);

impl Headers {
    pub fn new() -> Headers {
        Headers::default()
    }

    /// Append one field; an earlier one of the same name stays.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push(Header { name: name.into(), value: value.into() });
    }

    /// Every field, in the order received.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// How many fields there are, repeats counted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every value sent under `name` (compared without case), in wire order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0
            .iter()
            .filter(move |it| it.name.eq_ignore_ascii_case(name))
            .map(|it| it.value.as_slice())
    }

    /// [Get](https://fetch.spec.whatwg.org/#concept-header-list-get): all values of `name`
    /// joined with `, `, or `None` when it was never sent.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let mut all = self.all(name);
        let mut joined = all.next()?.to_vec();
        for value in all {
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(value);
        }
        Some(joined)
    }

    /// [`Headers::get`] as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|it| String::from_utf8_lossy(&it).into_owned())
    }

    /// Whether `name` was sent at all, even with an empty value.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Remove every field called `name`.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|it| !it.name.eq_ignore_ascii_case(name));
    }

    /// Replace every field called `name` by one.
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.remove(name);
        self.push(name, value);
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Headers {
        let fields = fields.into_iter();
        Headers(fields.map(|(n, v)| Header { name: n.into(), value: v.into() }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_repeats_and_joins_them_as_the_standard_says() {
        let headers: Headers = [("Vary", "a"), ("X", ""), ("vary", "b")].into_iter().collect();
        assert_eq!(headers.text("VARY").as_deref(), Some("a, b"));
        assert_eq!(headers.text("x").as_deref(), Some(""));
        assert_eq!(headers.text("y"), None);
        assert_eq!(headers.len(), 3);
    }
}
