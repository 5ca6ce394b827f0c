//! Header fields as they came: bytes, in order, with every repeat.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use super::packed;

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
///
/// A recorder makes it packed, as one string of bytes, and nobody takes it apart until somebody
/// looks: most recorded headers are written down and never looked at.
#[derive(Clone, Default)]
pub struct Headers {
    packed: Option<Vec<u8>>,
    /// The packed fields taken apart, or all there is when nothing is packed.
    fields: OnceLock<Vec<Header>>,
}

impl Headers {
    pub fn new() -> Headers {
        Headers::default()
    }

    /// From names and values, without taking memory for each.
    pub fn pack<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Headers {
        Headers::pack_within(512, fields)
    }

    /// The same for who knows how many bytes they will take, roughly: many recorded headers wait
    /// to be written down, and room to spare is memory that is always cold.
    pub(crate) fn pack_within<'a>(
        room: usize,
        fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Headers {
        let mut packed = Vec::with_capacity(room);
        for (name, value) in fields {
            packed::put(&mut packed, name.as_bytes());
            packed::put(&mut packed, value);
        }
        Headers::from_packed(packed)
    }

    /// From what [`Headers::packed`] gave.
    pub fn from_packed(packed: impl Into<Vec<u8>>) -> Headers {
        Headers { packed: Some(packed.into()), fields: OnceLock::new() }
    }

    /// All fields as one string of bytes, lengths in front.
    pub fn packed(&self) -> Cow<'_, [u8]> {
        if let Some(packed) = &self.packed {
            return Cow::Borrowed(packed);
        }
        let mut packed = Vec::new();
        for field in self.iter() {
            packed::put(&mut packed, field.name.as_bytes());
            packed::put(&mut packed, &field.value);
        }
        Cow::Owned(packed)
    }

    fn fields(&self) -> &[Header] {
        self.fields.get_or_init(|| {
            let packed = packed::fields(self.packed.as_deref().unwrap_or_default());
            packed
                .map(|(name, value)| Header {
                    name: String::from_utf8_lossy(name).into_owned(),
                    value: value.to_vec(),
                })
                .collect()
        })
    }

    /// Change the fields; what is packed would be stale afterwards.
    fn change(&mut self, act: impl FnOnce(&mut Vec<Header>)) {
        self.fields();
        let mut fields = self.fields.take().unwrap_or_default();
        act(&mut fields);
        *self = Headers { packed: None, fields: OnceLock::from(fields) };
    }

    /// Append one field; an earlier one of the same name stays.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let field = Header { name: name.into(), value: value.into() };
        self.change(|it| it.push(field));
    }

    /// Every field, in the order received.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.fields().iter()
    }

    /// Name and value of every field, as [`Headers::iter`], but without taking apart what is
    /// packed: for whoever looks once and keeps nothing.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let packed = self.packed.as_deref().unwrap_or_default();
        // What was taken apart may be all there is.
        let fields = if self.packed.is_some() { None } else { self.fields.get() };
        let fields = fields.into_iter().flatten();
        packed::fields(packed).chain(fields.map(|it| (it.name.as_bytes(), it.value.as_slice())))
    }

    /// Bytes of all names and values, roughly: what they hold in memory.
    pub(crate) fn bytes(&self) -> usize {
        match &self.packed {
            Some(packed) => packed.len(),
            None => self.pairs().map(|(name, value)| name.len() + value.len()).sum(),
        }
    }

    /// How many fields there are, repeats counted.
    pub fn len(&self) -> usize {
        self.fields().len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs().next().is_none()
    }

    /// Every value sent under `name` (compared without case), in wire order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.pairs()
            .filter(move |it| it.0.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
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
        self.change(|fields| fields.retain(|it| !it.name.eq_ignore_ascii_case(name)));
    }

    /// Replace every field called `name` by one.
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.remove(name);
        self.push(name, value);
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Headers) -> bool {
        self.fields() == other.fields()
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|it| (&it.name, it.text()))).finish()
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Headers {
        let fields = fields.into_iter();
        let fields: Vec<Header> =
            fields.map(|(n, v)| Header { name: n.into(), value: v.into() }).collect();
        Headers { packed: None, fields: OnceLock::from(fields) }
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
    #[test]
    fn packed_or_not_it_is_the_same_list() {
        let mut plain: Headers = [("a", "1"), ("b", ""), ("a", "2")].into_iter().collect();
        let mut packed = Headers::pack([("a", b"1".as_slice()), ("b", b""), ("a", b"2")]);
        assert_eq!(plain, packed);
        assert_eq!(plain.packed(), packed.packed());
        assert!(plain.pairs().eq(packed.pairs()) && plain.pairs().count() == 3);
        plain.push("c", vec![0xff; 300]);
        packed.push("c", vec![0xff; 300]);
        assert_eq!(plain, packed);
        packed.set("a", "3");
        assert_eq!(packed, Headers::from_packed(packed.packed().into_owned()));
        assert_eq!(packed.text("a").as_deref(), Some("3"));
        for end in 0..packed.packed().len() {
            assert!(Headers::from_packed(&packed.packed()[..end]).len() <= 3);
        }
    }
}
