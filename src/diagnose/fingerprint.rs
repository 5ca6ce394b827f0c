//! Fingerprints: how products are recognised by what they answer. Data, not code.
//!
//! The built-in set is `assets/fingerprints.toml`; a user's own file has the same format and
//! is asked first. An entry names a product and the conditions that must all hold:
//!
//! ```toml
//! [[fingerprint]]
//! product = "Kong"
//! actor = "gateway"        # app, gateway, proxy, cdn, cache
//! role = "answered"        # answered: made it; passed: handed it on; seen: either
//! confidence = 95          # 1 to 100; of several, the highest counts
//! source = "https://docs.konghq.com/"
//! status = ["404", "5xx"]  # any of these
//! method = ["OPTIONS"]     # any of these
//! host = ["*.example.net"] # any of these, of the URL
//! headers = { server = "kong/*" }    # all of these; "*" stands for any text
//! absent = ["x-kong-upstream-latency"]   # none of these
//! body = ["no Route matched"]        # any of these texts
//! reason = "Bad Gateway"
//! request = { user-agent = "AmazonAPIGateway_*" }   # request headers
//! ```
//!
//! **Invariant:** an entry with an error is left out and reported with file, line and reason;
//! the others still work.

mod index;
mod parse;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::{LazyLock, OnceLock};

use index::Index;
pub use parse::FingerprintError;

use super::answered::serves_both;
use crate::content;
use crate::lineage::Actor;
use crate::trace::{Headers, Hop, Response, Target};

/// A set of fingerprints, the most trusted first.
#[derive(Clone, Debug, Default)]
pub struct Fingerprints {
    prints: Vec<Fingerprint>,
    index: Index,
}

/// How one product is recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct Fingerprint {
    pub product: String,
    pub actor: Actor,
    pub role: Role,
    /// 1 to 100.
    pub confidence: u8,
    /// Where this was read or measured.
    pub source: String,
    when: When,
}

/// What a match says about the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The product made this answer.
    Answered,
    /// It handed on what somebody behind it answered.
    Passed,
    /// It stands in the way; who answered stays open.
    Seen,
}

/// The conditions; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct When {
    status: Vec<StatusIs>,
    method: Vec<String>,
    host: Vec<String>,
    headers: Vec<(String, String)>,
    absent: Vec<String>,
    body: Vec<String>,
    reason: Option<String>,
    request: Vec<(String, String)>,
}

/// One status, or a class of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum StatusIs {
    Code(u16),
    /// `5` for `5xx`.
    Class(u16),
}

impl Fingerprints {
    /// The set that comes with the program.
    pub fn builtin() -> &'static Fingerprints {
        static BUILTIN: OnceLock<Fingerprints> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Fingerprints::parse(include_str!("../../assets/fingerprints.toml"), "built-in").0
        })
    }

    /// Read a set from `text`; `file` is what errors call it.
    pub fn parse(text: &str, file: &str) -> (Fingerprints, Vec<FingerprintError>) {
        let (prints, errors) = parse::parse(text, file);
        (Fingerprints::of(prints), errors)
    }

    /// The built-in set with a user's own in front of it: at equal confidence, the user's wins.
    pub fn with_user_file(text: &str, file: &str) -> (Fingerprints, Vec<FingerprintError>) {
        let (mut prints, errors) = parse::parse(text, file);
        prints.extend(Fingerprints::builtin().iter().cloned());
        (Fingerprints::of(prints), errors)
    }

    fn of(mut prints: Vec<Fingerprint>) -> Fingerprints {
        prints.sort_by_key(|it| std::cmp::Reverse(it.confidence));
        let index = Index::of(&prints);
        Fingerprints { prints, index }
    }

    /// Whether this is what an app server calls itself, in the built-in set: one of which no
    /// gateways are made.
    pub(super) fn names_app_server(server: &str) -> bool {
        static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
            let is_app = |it: &&Fingerprint| {
                it.actor == Actor::App && it.role == Role::Answered && !serves_both(&it.product)
            };
            let fields =
                Fingerprints::builtin().iter().filter(is_app).flat_map(|it| &it.when.headers);
            fields.filter(|it| it.0 == "server").map(|it| it.1.as_str()).collect()
        });
        NAMES.iter().any(|it| glob_bytes(it.as_bytes(), server.as_bytes()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Fingerprint> {
        self.prints.iter()
    }

    /// Every fingerprint that fits this hop's answer, the most trusted first.
    pub fn recognise<'a, 'h>(
        &'a self,
        hop: &'h Hop,
    ) -> impl Iterator<Item = &'a Fingerprint> + use<'a, 'h> {
        self.fitting(hop).map(|(_, it)| it)
    }

    /// The same, each by its number.
    pub(super) fn recognise_numbers(&self, hop: &Hop, mut tell: impl FnMut(usize)) {
        self.fitting(hop).for_each(|(number, _)| tell(number));
    }

    /// The fingerprint of this number.
    pub(super) fn get(&self, number: usize) -> Option<&Fingerprint> {
        self.prints.get(number)
    }

    fn fitting<'a, 'h>(
        &'a self,
        hop: &'h Hop,
    ) -> impl Iterator<Item = (usize, &'a Fingerprint)> + use<'a, 'h> {
        let body = OnceCell::new();
        let likely = hop.response().into_iter().flat_map(|it| self.index.likely(it));
        likely.filter_map(|number| Some((number, self.prints.get(number)?))).filter(
            move |(number, it)| {
                let fields = self.index.knows_fields_of(*number) || it.when.has_fields(hop);
                fields && it.when.suits(hop, &body)
            },
        )
    }
}

impl Fingerprint {
    /// Whether it goes by the words of a body, which nobody else writes.
    pub(super) fn has_text(&self) -> bool {
        !self.when.body.is_empty()
    }

    /// The conditions in words, for a person: `header x-amzn-errortype, body …`. Of several
    /// texts, the one that this answer has.
    pub fn why(&self, response: &Response) -> String {
        let when = &self.when;
        let mut parts: Vec<String> = Vec::new();
        parts.extend(when.headers.iter().map(|(name, value)| match value.as_str() {
            "*" => format!("header {name}"),
            value => format!("header {name}: {value}"),
        }));
        parts.extend(when.absent.iter().map(|it| format!("no {it}")));
        parts.extend(when.request.iter().map(|(name, value)| format!("request {name}: {value}")));
        parts.extend(when.host.first().map(|it| format!("host {it}")));
        if let Some(text) = when.text_of(response) {
            parts.push(format!("body `{text}`"));
        }
        if let Some(reason) = &when.reason {
            parts.push(format!("reason `{reason}`"));
        }
        if parts.is_empty() {
            parts.push("status".to_owned());
        }
        parts.join(", ")
    }
}

impl When {
    fn suits_status(&self, status: u16) -> bool {
        let is = |it: &StatusIs| match it {
            StatusIs::Code(code) => *code == status,
            StatusIs::Class(class) => *class == status / 100,
        };
        self.status.is_empty() || self.status.iter().any(is)
    }

    /// The text that fits an answer, of those that are asked for. The first, where only a part
    /// of its body is at hand.
    fn text_of(&self, response: &Response) -> Option<&String> {
        let [_, _, ..] = self.body.as_slice() else { return self.body.first() };
        let whole = if response.status < 400 { "".into() } else { content::of_response(response) };
        self.body.iter().find(|it| whole.contains(it.as_str())).or(self.body.first())
    }

    /// Whether the answer has the fields that are asked for.
    fn has_fields(&self, hop: &Hop) -> bool {
        let all =
            |it: &Response| self.headers.iter().all(|(name, value)| has(&it.headers, name, value));
        hop.response().is_some_and(all)
    }

    /// Whether all else does for this hop; `body` keeps the text of its answer, once it was
    /// wanted.
    fn suits<'a>(&self, hop: &'a Hop, body: &OnceCell<Cow<'a, str>>) -> bool {
        let Some(response) = hop.response() else { return false };
        self.suits_status(response.status)
            && (self.method.is_empty() || self.method.contains(&hop.request.method))
            && !self.absent.iter().any(|it| has(&response.headers, it, "*"))
            && self.request.iter().all(|(name, value)| has(&hop.request.headers, name, value))
            && (self.host.is_empty() || is_any_host(&self.host, &hop.request.url))
            && self.reason.as_ref().is_none_or(|it| glob_bytes(it.as_bytes(), &response.reason))
            && (self.body.is_empty() || {
                let body = body.get_or_init(|| content::of_response(response));
                self.body.iter().any(|it| body.contains(it.as_str()))
            })
    }
}

/// Whether the host of `url` fits one of `patterns`.
fn is_any_host(patterns: &[String], url: &str) -> bool {
    let host = Target::parse(url).host();
    patterns.iter().any(|it| glob_bytes(it.as_bytes(), host.as_bytes()))
}

fn has(headers: &Headers, name: &str, value: &str) -> bool {
    let fits = |it: &[u8]| value == "*" || glob_bytes(value.as_bytes(), it);
    if name.contains('*') {
        let mut pairs = headers.pairs();
        return pairs.any(|it| glob_bytes(name.as_bytes(), it.0) && fits(it.1));
    }
    headers.all(name).any(fits)
}

/// Whether `text` fits `pattern`, in which `*` stands for any text; case does not count.
fn glob_bytes(pattern: &[u8], text: &[u8]) -> bool {
    // The usual two-pointer walk: on a mismatch, let the last star take one byte more.
    let (mut at, mut here) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(here) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(it) if it.eq_ignore_ascii_case(byte) => {
                at += 1;
                here += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    here = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|it| it.iter().all(|it| *it == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_set_has_no_error() {
        let text = include_str!("../../assets/fingerprints.toml");
        let (prints, errors) = Fingerprints::parse(text, "assets/fingerprints.toml");
        assert_eq!(errors, []);
        assert!(prints.iter().count() > 40);
        assert!(prints.iter().all(|it| !it.source.is_empty()));
    }

    /// The quick look at names must never rule out what the conditions would find.
    #[test]
    fn names_are_found_in_any_case() {
        for name in ["Server", "SERVER", "server"] {
            let (chain, _) = crate::diagnose::testing::story(&[&format!(
                "edge GET http://a/ 500 {name}=awselb/2.0"
            )]);
            let hop = &chain.hops[0].hop;
            let found: Vec<&str> =
                Fingerprints::builtin().recognise(hop).map(|it| it.product.as_str()).collect();
            assert_eq!(found, ["AWS ALB"]);
        }
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, fits) in [
            ("nginx*", "nginx/1.22.1", true),
            ("nginx*", "openresty", false),
            ("*x*", "axb", true),
            ("kong/*", "KONG/3", true),
            ("a*b*c", "aXbYc", true),
            ("a*b", "aXbY", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(glob_bytes(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }
}
