//! What linking knows of a hop: under a hundred bytes, taken once from the recorded hop.
//!
//! **Invariant:** every comparison of two hops is a comparison of these facts, so that a
//! million hops link without their header blocks.

use super::address::Address;
use super::flags::Flags;
use super::heads::{Answered, Asked};
use super::interner::{Interner, Symbol, fingerprint, small};
use super::location::{Client, is_stored, next_url};
use super::names::{self, Names};
use crate::trace::{Exchange, FailureKind, Hop, HopId, Outcome, Response, TapId, Time};

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
        let head = Asked::of(&hop.request.headers, &mut interner.fields);
        let mut facts = HopFacts::asked(hop, &head, interner);
        match &hop.outcome {
            Outcome::Pending => facts.flags.set(Flags::OPEN),
            Outcome::Failed(failure) => {
                facts.flags.set(Flags::FAILED);
                if matches!(failure.kind, FailureKind::Closed | FailureKind::Reset) {
                    facts.flags.set(Flags::CLOSED);
                }
            }
            Outcome::Answered(response) => {
                facts.answer(hop, head.origin, response, interner);
            }
        }
        facts.answered = answered_after(hop);
        facts
    }

    /// What the request tells.
    fn asked(hop: &Hop, head: &Asked<'_>, interner: &mut Interner) -> HopFacts {
        let request = &hop.request;
        let mut flags = Flags::default();
        // The page's method is in the preflight's own header.
        let preflight = request.method == "OPTIONS" && head.origin.is_some();
        let acrm = head.method.filter(|_| preflight);
        let names = match acrm {
            Some(_) => {
                let list = head.headers.unwrap_or_default();
                Names::asked_by_preflight(list, &mut interner.fields)
            }
            None => head.names,
        };
        flags.note(Flags::PREFLIGHT, acrm.is_some());
        flags.note(Flags::HEADERS, !request.headers.is_empty());
        flags.note(Flags::NULL_ORIGIN, head.origin == Some(b"null"));
        flags.note(Flags::AUTHORIZED, head.authorization.is_some());
        flags.note(
            Flags::NEEDS_PREFLIGHT,
            names.order != 0 || !names::is_safe_method(&request.method),
        );
        note_method(hop, acrm.is_none(), &mut flags);
        note_client(head, &mut flags, interner);
        let address = interner.address(&request.url);
        let same_origin =
            address.origin.is_some() && head.origin.map(fingerprint) == address.origin;
        flags.note(Flags::SAME_ORIGIN, same_origin);
        let trace = trace_of(hop, head, &mut flags);
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
            method: interner.symbol(acrm.unwrap_or(request.method.as_bytes())),
            url: address.url,
            next: Symbol::NONE,
            origin: interner.maybe(head.origin),
            agent: interner.maybe(head.agent),
            body: body_symbol(hop, interner),
            page: page_of(head, interner),
            trace: interner.maybe(trace),
            flags,
            tap: hop.tap,
            status: 0,
            tail: address.tail,
            tails: address.tails,
            query: address.query,
            answer: 0,
            asked: names.order,
            extra: head.authorization.map_or(0, small),
        }
    }

    /// What the answer tells.
    fn answer(
        &mut self,
        hop: &Hop,
        origin: Option<&[u8]>,
        response: &Response,
        interner: &mut Interner,
    ) {
        let head = Answered::of(&response.headers, &mut interner.fields);
        let body = &response.body;
        self.status = response.status;
        if let Some(location) = head.location {
            self.answer = small(location);
        } else if 0 < body.length && !body.is_cut() {
            self.answer = small(&body.bytes);
        }
        let allows = allows(origin, head.allow_origin);
        if self.is_preflight() {
            let ok = (200..300).contains(&response.status);
            self.flags.note(Flags::PASSED, ok && allows);
            self.flags.set_granted(head.allow_methods.unwrap_or_default());
            let list = head.allow_headers.unwrap_or_default();
            self.lot = Names::granted(list, &mut interner.fields);
            self.extra = max_age(head.max_age, self.flags.has(Flags::FIREFOX));
            // It carries no credentials, so that nobody can ask for others.
            self.flags.note(Flags::CHALLENGED, matches!(response.status, 408 | 421));
            return;
        }
        self.flags.note(Flags::PASSED, allows);
        self.flags.note(Flags::CHALLENGED, matches!(response.status, 401 | 407 | 408 | 421 | 425));
        let firefox = self.flags.has(Flags::FIREFOX);
        let client = if firefox { Client::Firefox } else { Client::Other };
        let url = &hop.request.url;
        self.next = next_url(url, response.status, head.location, client, interner);
        if self.next.is_some() {
            let control = head.cache_control.unwrap_or_default();
            self.flags.note(Flags::PERMANENT, is_stored(response.status, control, head.expires));
        }
        let validates = response.status == 200 && self.flags.has(Flags::READ);
        self.flags.note(Flags::PERMANENT, validates && head.validator.is_some());
        let html = head.content_type.is_some_and(|it| has_prefix(it, b"text/html"));
        let fetched_by_script = self.origin.is_some() && !self.flags.is_navigation();
        if html && response.status < 400 && self.next.is_none() && !fetched_by_script {
            self.flags.set(Flags::DOCUMENT);
            if let Some(address) = Address::of(&hop.request.url) {
                self.page = interner.joined(&[address.origin.as_bytes(), b"/"]);
            }
        }
    }
}

/// Whether `Access-Control-Allow-Origin` lets `origin` pass, as far as it can be told without
/// the credentials mode ([CORS check](https://fetch.spec.whatwg.org/#concept-cors-check)).
/// Deciding is `fetch`'s business; here it only tells whether a browser may have gone on.
fn allows(origin: Option<&[u8]>, allowed: Option<&[u8]>) -> bool {
    allowed.is_some_and(|it| it == b"*" || origin == Some(it))
}

fn note_method(hop: &Hop, is_request: bool, flags: &mut Flags) {
    let method = hop.request.method.as_str();
    flags.note(Flags::OPTIONS, method == "OPTIONS");
    flags.note(Flags::READ, matches!(method, "GET" | "HEAD"));
    flags.note(Flags::POST, method == "POST");
    flags.note(Flags::TUNNEL, hop.exchange == Exchange::Tunnel);
    flags.note(Flags::WEBSOCKET, hop.exchange == Exchange::WebSocket);
    if is_request {
        flags.set_method(method);
    }
}

fn note_client(head: &Asked<'_>, flags: &mut Flags, interner: &mut Interner) {
    let agent = head.agent.unwrap_or_default();
    let browser = agent.starts_with(b"Mozilla/") || head.mode.is_some() || head.dest.is_some();
    flags.note(Flags::BROWSER, browser);
    flags.note(Flags::FIREFOX, browser && interner.is_firefox(agent));
    flags.set_words(head.mode, head.dest);
}

/// The page that asks: its URL where `Referer` gives it, else its origin with a slash, which is
/// what a `Referer` cut down to the origin looks like.
fn page_of(head: &Asked<'_>, interner: &mut Interner) -> Symbol {
    let referer = head.referer.and_then(|it| std::str::from_utf8(it).ok());
    if let Some(address) = referer.map(|it| interner.address(it)).filter(|it| it.origin.is_some()) {
        return address.url;
    }
    match head.origin {
        Some(origin) => interner.joined(&[origin, b"/"]),
        None => Symbol::NONE,
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

    /// Whether it ended without the app's answer, which may come later: the client went, or a
    /// gateway answered by itself.
    pub(crate) fn gave_up(&self) -> bool {
        500 <= self.status || self.flags.has(Flags::FAILED)
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

/// [Preflight cache](https://fetch.spec.whatwg.org/#concept-cache-max-age): 5 seconds unless
/// said, and never longer than the browser's cap (Chromium 2 hours, Firefox a day).
fn max_age(value: Option<&[u8]>, firefox: bool) -> u16 {
    let cap = if firefox { u16::MAX } else { 7200 };
    let text = value.and_then(|it| std::str::from_utf8(it).ok());
    match text.and_then(|it| it.trim().parse::<i64>().ok()) {
        Some(seconds) => u16::try_from(seconds.max(0)).unwrap_or(cap).min(cap),
        None => DEFAULT_MAX_AGE,
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
    let print = fingerprint(&body.bytes).to_le_bytes();
    interner.joined(&[&print, &body.length.to_le_bytes()])
}

/// What names this very request: the mark of a tap before all, else a trace identifier that
/// travels through gateways.
fn trace_of<'a>(hop: &'a Hop, head: &Asked<'a>, flags: &mut Flags) -> Option<&'a [u8]> {
    let change = || hop.own_changes.iter().find(|it| it.place.ends_with(MARK));
    let own = || change().and_then(|it| it.to.as_deref().or(it.from.as_deref()));
    if let Some(mark) = head.mark.or_else(|| own().map(str::as_bytes)) {
        flags.set(Flags::MARKED);
        return Some(mark);
    }
    // The middle of a traceparent is the trace; a gateway may set its own span.
    let trace = head.parent.and_then(|it| it.split(|it| *it == b'-').nth(1));
    trace.or(head.number)
}

/// The header that `--mark` adds at the edge and removes at the origin.
pub(crate) const MARK: &str = "hopscope-hop";

fn has_prefix(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix))
}
