//! Whether what is printed shows secrets: redacted, unless the user asked to see them.

use crate::redact::Redactor;

/// How recorded text leaves the machine.
pub enum Secrets {
    /// Replaced by keyed tokens.
    Redacted(Redactor),
    /// As recorded (`--reveal`).
    Revealed,
}

impl Secrets {
    /// A URL, absolute or not.
    pub fn url(&self, url: &str) -> String {
        self.passed(url, Redactor::url)
    }

    /// A sentence that may quote recorded text.
    pub fn text(&self, text: &str) -> String {
        self.passed(text, Redactor::text)
    }

    /// Advice: our own words, in which only addresses are recorded.
    pub fn advice(&self, text: &str) -> String {
        self.passed(text, Redactor::advice)
    }

    /// A header's value, by the header's name.
    pub fn header(&self, name: &str, value: &str) -> String {
        self.passed(value, |it, value| {
            String::from_utf8_lossy(&it.header(name, value.as_bytes())).into_owned()
        })
    }

    /// A query without its `?`.
    pub fn query(&self, query: &str) -> String {
        let url = self.url(&format!("?{query}"));
        url.strip_prefix('?').map(ToOwned::to_owned).unwrap_or(url)
    }

    /// The text of a WebSocket message.
    pub fn message(&self, text: &str) -> String {
        self.passed(text, Redactor::message)
    }

    /// A quotation, by the place it was taken from.
    pub fn quoted(&self, place: &str, text: &str) -> String {
        self.passed(text, |it, text| it.quoted(place, text))
    }

    fn passed(&self, text: &str, redact: impl Fn(&Redactor, &str) -> String) -> String {
        match self {
            Secrets::Redacted(redactor) => redact(redactor, text),
            Secrets::Revealed => text.to_owned(),
        }
    }
}
