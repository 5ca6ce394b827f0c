//! What linking knows of a hop: under a hundred bytes, taken once from the recorded hop.
//!
//! **Invariant:** every comparison of two hops is a comparison of these facts, so that a
//! million hops link without their header blocks.

use url::Url;

use super::flags::Flags;
use super::interner::{Interner, Symbol, fingerprint};
use super::location::{Client, as_asked, is_stored, redirect_target};
use super::names::{self, Names};
use crate::trace::{Exchange, FailureKind, Headers, Hop, HopId, Outcome, Response, TapId, Time};

/// The facts of one hop. Symbols and hashes are comparable within one [`Interner`] only.
#[derive(Clone, Copy, Debug)]
pub struct HopFacts {
    pub id: HopId,
    pub started: Time,
    /// Header names, as a set that may say yes wrongly: those sent with a request, or those
    /// that a preflight asks for.
    pub(crate) names: u64,
    /// Microseconds from the start to the answer's head or to the failure; `u32::MAX` while open.
    pub(crate) answered: u32,
    /// See [`HopFacts::needs`] and [`HopFacts::grants`].
    lot: u32,
    pub(crate) connection: u32,
    /// What the page asks for: a preflight has the method of its request.
    pub(crate) method: Symbol,
    /// Normalised, without the fragment.
    pub(crate) url: Symbol,
    /// Where its redirect leads, normalised, without the fragment.
    pub(crate) next: Symbol,
    /// The `Origin` header.
    pub(crate) origin: Symbol,
    /// The `User-Agent` header.
    pub(crate) agent: Symbol,
    /// The request's body; none when it is empty.
    pub(crate) body: Symbol,
    /// The page's URL or origin (`Referer`, else `Origin`); of a document, its own origin.
    pub(crate) page: Symbol,
    /// A mark or identifier that names this very request.
    pub(crate) trace: Symbol,
    pub(crate) flags: Flags,
    pub(crate) tap: TapId,
    /// 0 without an answer.
    pub(crate) status: u16,
    /// A hash of the path's last segment that is not empty; 0 for the root.
    pub(crate) tail: u16,
    /// A hash of the last two.
    pub(crate) tails: u16,
    pub(crate) query: u16,
    /// A hash of the answer: its redirect or its body.
    pub(crate) answer: u16,
    /// A hash of the names that need a preflight, in order.
    pub(crate) asked: u16,
    /// See [`HopFacts::credential`] and [`HopFacts::max_age`].
    extra: u16,
}

const _: () = assert!(size_of::<HopFacts>() <= 100, "facts are kept by the hundred thousand");

impl HopFacts {
    /// The facts of `hop` as far as it has come.
    pub fn of(hop: &Hop, interner: &mut Interner) -> HopFacts {
        let mut facts = HopFacts::asked(hop, interner);
        match &hop.outcome {
            Outcome::Pending => facts.flags.set(Flags::OPEN),
            Outcome::Failed(failure) => {
                facts.flags.set(Flags::FAILED);
                if matches!(failure.kind, FailureKind::Closed | FailureKind::Reset) {
                    facts.flags.set(Flags::CLOSED);
                }
            }
            Outcome::Answered(response) => facts.answer(hop, response, interner),
        }
        facts.answered = answered_after(hop);
        facts
    }

    /// What the request tells.
    fn asked(hop: &Hop, interner: &mut Interner) -> HopFacts {
        let headers = &hop.request.headers;
        let mut flags = Flags::default();
        let preflight = hop.is_preflight();
        let acrm = headers.get("access-control-request-method");
        let method = match &acrm {
            Some(method) if preflight => interner.symbol(method),
            _ => interner.symbol(hop.request.method.as_bytes()),
        };
        let url = parse(&hop.request.url);
        let names =
            if preflight { Names::asked_by_preflight(headers) } else { Names::sent(headers) };
        let agent = headers.get("user-agent");
        let origin = headers.get("origin");
        let referer = headers.text("referer").filter(|it| !it.is_empty());
        flags.note(Flags::PREFLIGHT, preflight);
        flags.note(Flags::OPTIONS, hop.request.method == "OPTIONS");
        flags.note(Flags::TUNNEL, hop.exchange == Exchange::Tunnel);
        flags.note(Flags::WEBSOCKET, hop.exchange == Exchange::WebSocket);
        flags.note(Flags::HEADERS, !headers.is_empty());
        flags.note(Flags::FIREFOX, agent.as_deref().is_some_and(|it| contains(it, b"Firefox/")));
        flags.note(
            Flags::BROWSER,
            agent.as_deref().is_some_and(|it| it.starts_with(b"Mozilla/"))
                || headers.iter().any(|it| has_prefix(&it.name, "sec-fetch-")),
        );
        flags.note(Flags::NULL_ORIGIN, origin.as_deref() == Some(b"null"));
        flags.note(Flags::READ, matches!(hop.request.method.as_str(), "GET" | "HEAD"));
        flags.note(Flags::POST, hop.request.method == "POST");
        flags.note(Flags::AUTHORIZED, headers.has("authorization"));
        flags.set_words(headers);
        if !preflight {
            flags.set_method(&hop.request.method);
        }
        flags.note(
            Flags::NEEDS_PREFLIGHT,
            names.order != 0 || !names::is_safe_method(&hop.request.method),
        );

        let (mut tail, mut tails, mut query) = (0, 0, 0);
        let own_origin = url.as_ref().map(|it| it.origin().ascii_serialization());
        if let Some(url) = &url {
            (tail, tails) = tails_of(url);
            query = url.query().map_or(0, |it| small(it.as_bytes()));
        }
        flags.note(
            Flags::SAME_ORIGIN,
            own_origin.is_some() && origin.as_deref() == own_origin.as_deref().map(str::as_bytes),
        );
        let trace = trace_of(hop, &mut flags);
        let page = referer.as_deref().and_then(parse).map(as_asked);
        HopFacts {
            id: hop.id,
            started: hop.started,
            names: names.all,
            answered: u32::MAX,
            lot: names.needed,
            // Folded to 32 bits; 0 says that it is not known.
            connection: hop
                .connection
                .map_or(0, |it| u32::try_from((it.0 ^ (it.0 >> 32)) & 0xffff_ffff).unwrap_or(0)),
            method,
            url: match url {
                Some(url) => interner.symbol(as_asked(url).as_bytes()),
                None => interner.symbol(hop.request.url.as_bytes()),
            },
            next: Symbol::NONE,
            origin: interner.maybe(origin.as_deref()),
            agent: interner.maybe(agent.as_deref()),
            body: body_symbol(hop, interner),
            page: match page {
                Some(page) => interner.symbol(page.as_bytes()),
                None => match &origin {
                    Some(origin) => interner.symbol(&[origin.as_slice(), b"/"].concat()),
                    None => Symbol::NONE,
                },
            },
            trace: interner.maybe(trace.as_deref()),
            flags,
            tap: hop.tap,
            status: 0,
            tail,
            tails,
            query,
            answer: 0,
            asked: names.order,
            extra: headers.get("authorization").map_or(0, |it| small(&it)),
        }
    }

    /// What the answer tells.
    fn answer(&mut self, hop: &Hop, response: &Response, interner: &mut Interner) {
        let headers = &response.headers;
        self.status = response.status;
        if let Some(location) = headers.all("location").next() {
            self.answer = small(location);
        } else if 0 < response.body.length
            && response.body.length <= response.body.bytes.len() as u64
        {
            self.answer = small(&response.body.bytes);
        }
        let origin = hop.request.headers.get("origin");
        let allows = allows(headers, origin.as_deref());
        if self.is_preflight() {
            let ok = (200..300).contains(&response.status);
            self.flags.note(Flags::PASSED, ok && allows);
            self.flags.set_granted(headers);
            self.lot = Names::granted(headers);
            self.extra = max_age(headers, self.flags.has(Flags::FIREFOX));
            return;
        }
        self.flags.note(Flags::PASSED, allows);
        self.flags.note(Flags::CHALLENGED, matches!(response.status, 401 | 407 | 408 | 421 | 425));
        let firefox = self.flags.has(Flags::FIREFOX);
        let client = if firefox { Client::Firefox } else { Client::Other };
        if let Some(next) = redirect_target(hop, response, client) {
            self.next = interner.symbol(next.as_bytes());
            self.flags.note(Flags::PERMANENT, is_stored(response));
        }
        let html =
            headers.get("content-type").is_some_and(|it| has_prefix_bytes(&it, b"text/html"));
        let fetched_by_script = self.origin.is_some() && !self.flags.is_navigation();
        if html && response.status < 400 && self.next.is_none() && !fetched_by_script {
            self.flags.set(Flags::DOCUMENT);
            if let Some(url) = parse(&hop.request.url) {
                self.page =
                    interner.symbol(format!("{}/", url.origin().ascii_serialization()).as_bytes());
            }
        }
    }
}

/// Questions that more than one clue asks.
impl HopFacts {
    pub(crate) fn is_preflight(&self) -> bool {
        self.flags.has(Flags::PREFLIGHT)
    }

    /// Whether it is a request and an answer, rather than a tunnel or an upgrade.
    pub(crate) fn is_http(&self) -> bool {
        !self.flags.has(Flags::TUNNEL) && !self.flags.has(Flags::WEBSOCKET)
    }

    /// When the answer's head was there, or the failure was known.
    pub(crate) fn answered_at(&self) -> Option<Time> {
        (self.answered != u32::MAX).then(|| self.started.plus(i64::from(self.answered)))
    }

    /// Of a request: the header names that need a preflight.
    pub(crate) fn needs(&self) -> u32 {
        self.lot
    }

    /// Of a preflight: the header names that its answer grants.
    pub(crate) fn grants(&self) -> u32 {
        self.lot
    }

    /// A hash of `Authorization`; 0 without. A preflight has none.
    pub(crate) fn credential(&self) -> u16 {
        if self.is_preflight() { 0 } else { self.extra }
    }

    /// Of a preflight: how many seconds its grant lasts.
    pub(crate) fn max_age(&self) -> u16 {
        self.extra
    }

    /// Whether both were sent with the same method on the wire, as far as both tell.
    pub(crate) fn same_wire_method(&self, other: &HopFacts) -> bool {
        match (self.flags.has(Flags::OPTIONS), other.flags.has(Flags::OPTIONS)) {
            (true, true) => {
                self.method == other.method || !self.is_preflight() || !other.is_preflight()
            }
            (false, false) => self.method == other.method,
            _ => false,
        }
    }
}

/// Whether `Access-Control-Allow-Origin` lets `origin` pass, as far as it can be told without
/// the credentials mode ([CORS check](https://fetch.spec.whatwg.org/#concept-cors-check)).
/// Deciding is `fetch`'s business; here it only tells whether a browser may have gone on.
fn allows(headers: &Headers, origin: Option<&[u8]>) -> bool {
    let allowed = headers.get("access-control-allow-origin");
    allowed.is_some_and(|it| it == b"*" || Some(it.as_slice()) == origin)
}

/// [Preflight cache](https://fetch.spec.whatwg.org/#concept-cache-max-age): 5 seconds unless
/// said, and never longer than the browser's cap (Chromium 2 hours, Firefox a day).
fn max_age(headers: &Headers, firefox: bool) -> u16 {
    let cap = if firefox { u16::MAX } else { 7200 };
    let Some(text) = headers.text("access-control-max-age") else { return DEFAULT_MAX_AGE };
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(seconds) => u16::try_from(seconds.max(0)).unwrap_or(cap).min(cap),
        Err(_) => DEFAULT_MAX_AGE,
    }
}

const DEFAULT_MAX_AGE: u16 = 5;

fn answered_after(hop: &Hop) -> u32 {
    let took = match (&hop.outcome, hop.timing.wait, hop.ended) {
        (Outcome::Pending, ..) => return u32::MAX,
        (Outcome::Answered(_), Some(wait), _) => Some(wait),
        (_, _, Some(ended)) => Some(u64::try_from(ended.since(hop.started)).unwrap_or(0)),
        _ => None,
    };
    // An answer whose time nobody noted counts as given at once: order alone decides.
    took.map_or(0, |it| u32::try_from(it).unwrap_or(u32::MAX - 1).min(u32::MAX - 1))
}

fn body_symbol(hop: &Hop, interner: &mut Interner) -> Symbol {
    let body = &hop.request.body;
    if body.is_empty() {
        return Symbol::NONE;
    }
    let key = [fingerprint(&body.bytes).to_le_bytes(), body.length.to_le_bytes()].concat();
    interner.symbol(&key)
}

/// What names this very request: the mark of a tap before all, else a trace identifier that
/// travels through gateways.
fn trace_of(hop: &Hop, flags: &mut Flags) -> Option<Vec<u8>> {
    let headers = &hop.request.headers;
    let marked = headers.get(MARK).or_else(|| {
        let change = hop.own_changes.iter().find(|it| it.place.ends_with(MARK))?;
        change.to.as_ref().or(change.from.as_ref()).map(|it| it.as_bytes().to_vec())
    });
    if let Some(mark) = marked {
        flags.set(Flags::MARKED);
        return Some(mark);
    }
    // The middle of a traceparent is the trace; a gateway may set its own span.
    let parent = headers.text("traceparent").unwrap_or_default();
    if let Some(trace) = parent.split('-').nth(1) {
        return Some(trace.as_bytes().to_vec());
    }
    ["x-request-id", "x-correlation-id"].iter().find_map(|it| headers.get(it))
}

/// The header that `--mark` adds at the edge and removes at the origin.
const MARK: &str = "hopscope-hop";

fn parse(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(Url::has_host)
}

fn tails_of(url: &Url) -> (u16, u16) {
    let mut segments = url.path().rsplit('/').filter(|it| !it.is_empty());
    let Some(last) = segments.next() else { return (0, 0) };
    match segments.next() {
        Some(before) => (small(last.as_bytes()), small(&[before, "/", last].concat().into_bytes())),
        None => (small(last.as_bytes()), 0),
    }
}

/// A hash in 16 bits that is never 0: a clue among a few candidates, never proof.
fn small(bytes: &[u8]) -> u16 {
    let folded = fingerprint(bytes);
    u16::try_from((folded ^ (folded >> 16) ^ (folded >> 32)) & 0xffff).unwrap_or(0).max(1)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|it| it == part)
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    has_prefix_bytes(name.as_bytes(), prefix.as_bytes())
}

fn has_prefix_bytes(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix))
}
