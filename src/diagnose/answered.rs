//! Who answered each hop.
//!
//! Where we stood outranks what an answer looks like: an answer that was seen at an inner tap
//! came from behind it, and a request that never arrived there was answered before it.
//! Fingerprints name the product, and decide alone when there is only one tap.
//!
//! **Invariant:** when nothing tells, nobody is named.

use super::fingerprint::{Fingerprint, Fingerprints, Role};
use super::{Answered, Server, Servers};
use crate::content;
use crate::lineage::Actor;
use crate::trace::{Chain, ChainHop, FailureKind, Hop, Response, Tap, TapId, TapKind};

/// Who answered, and who was seen to stand in the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Who<'a> {
    /// One entry a hop.
    pub(super) answered: Vec<Answered>,
    /// Who stands between the outermost and the innermost tap (or, with one tap, behind it).
    pub(super) between: Option<Actor>,
    /// Every product that was recognised anywhere in the chain, and what it is.
    pub(super) products: Vec<(&'a str, Actor)>,
}

pub(super) fn who_answered<'a>(
    chain: &Chain,
    taps: &[Tap],
    fits: &[Fits<'a>],
    servers: &Servers,
) -> Who<'a> {
    let in_the_way = fits.iter().find_map(Fits::in_the_way);
    let between = in_the_way.map(|it| it.actor);
    let scene = Scene { chain, taps, servers, in_the_way };
    let mut answered: Vec<Answered> =
        chain.hops.iter().zip(fits).map(|(hop, fits)| scene.answered(hop, fits)).collect();
    tell_layers_apart(&mut answered, &scene);
    let mut products: Vec<(&str, Actor)> = Vec::new();
    for (fits, print) in fits.iter().flat_map(|it| it.all().map(move |print| (it, print))) {
        if !products.iter().any(|(it, _)| *it == print.product) {
            let actor = if fits.is_mark(print) { Actor::Gateway } else { print.actor };
            products.push((&print.product, actor));
        }
    }
    let two_taps = chain.hops.iter().any(|it| !it.sightings.is_empty());
    let between = between.or(two_taps.then_some(Actor::Gateway));
    Who { answered, between, products }
}

/// What some frameworks answer, gateways that are made of them answer as well: it is a gateway
/// where the app is seen to be something else, the app where another gateway stands before it,
/// and nobody knows where nothing else tells.
fn tell_layers_apart(answered: &mut [Answered], scene: &Scene<'_, '_>) {
    let serves_both = |it: &Answered| it.product.as_deref().is_some_and(serves_both);
    let by_app = |it: &&Answered| it.by == Some(Actor::App);
    let other = answered.iter().filter(by_app).any(|it| it.product.is_some() && !serves_both(it));
    // Behind a CDN there may be a gateway, too.
    let is_behind =
        scene.in_the_way.is_some_and(|it| matches!(it.actor, Actor::Gateway | Actor::Proxy));
    for (it, hop) in answered.iter_mut().zip(&scene.chain.hops) {
        if it.by != Some(Actor::App) || it.sure || !serves_both(it) {
            continue;
        }
        let is_own = || hop.hop.status().is_some_and(|it| it >= 300) && !is_behind;
        if other || is_own() && scene.stands_before_another(&hop.hop) {
            it.by = Some(Actor::Gateway);
            it.why.push_str(", while the app is another");
        } else if it.product.as_deref().is_some_and(|it| UNDECIDED.contains(&it)) || is_own() {
            it.by = None;
            it.why.push_str(", which gateways answer as well as apps");
        }
    }
}

/// Most gateways that are written in Go have no other words than its standard library's, and
/// Spring Cloud Gateway has those of `WebFlux`.
const UNDECIDED: &[&str] = &["Go net/http", "WebFlux (Spring)"];

/// Whether gateways are made of this framework, too.
pub(super) fn serves_both(product: &str) -> bool {
    BOTH.iter().any(|it| product.starts_with(it))
}

/// See [`serves_both`].
const BOTH: &[&str] = &[
    "Go ",
    "gin",
    "Express",
    "serve-static",
    "NestJS",
    "Fastify",
    "Koa",
    "Hono",
    "hapi",
    "h3",
    "JDK HttpServer",
    "Next.js",
    "ASP.NET Core",
    "WebFlux",
];

/// The fingerprints that fit one hop's answer, outside and inside.
pub(super) struct Fits<'a> {
    outer: Vec<&'a Fingerprint>,
    inner: Vec<&'a Fingerprint>,
}

impl<'a> Fits<'a> {
    /// By their numbers.
    pub(super) fn numbered([outer, inner]: &[Vec<usize>; 2], prints: &'a Fingerprints) -> Fits<'a> {
        let named = |it: &[usize]| it.iter().filter_map(|it| prints.get(*it)).collect();
        Fits { outer: named(outer), inner: named(inner) }
    }

    pub(super) fn of(hop: &ChainHop, prints: &'a Fingerprints) -> Fits<'a> {
        let outer = prints.recognise(&hop.hop).collect();
        let inner = hop.sightings.last().map(|it| prints.recognise(&it.hop).collect());
        Fits { outer, inner: inner.unwrap_or_default() }
    }

    /// A product between the taps: it shows outside and not inside.
    fn in_the_way(&self) -> Option<&'a Fingerprint> {
        self.outer.iter().copied().find(|it| it.actor != Actor::App && !self.is_inside(it))
    }

    fn all(&self) -> impl Iterator<Item = &'a Fingerprint> {
        self.outer.iter().chain(&self.inner).copied()
    }

    /// Whether a framework only left its mark on what another app answered.
    fn is_mark(&self, print: &Fingerprint) -> bool {
        let is_other = |it: &&Fingerprint| it.actor == Actor::App && !serves_both(&it.product);
        let other = self.all().any(|it| is_other(&it));
        print.actor == Actor::App && serves_both(&print.product) && other && !self.is_inside(print)
    }

    fn is_inside(&self, print: &Fingerprint) -> bool {
        self.inner.iter().any(|it| it.product == print.product)
    }

    /// Whether a product between the taps is recognised by an answer that it makes itself.
    fn is_made_outside(&self) -> bool {
        let made = |it: &&&Fingerprint| it.role == Role::Answered && it.actor != Actor::App;
        self.outer.iter().find(made).is_some_and(|it| it.has_text() && !self.is_inside(it))
    }

    fn made_by(&self, is_it: impl Fn(&Fingerprint) -> bool) -> Option<&'a Fingerprint> {
        let made = |it: &&Fingerprint| it.role == Role::Answered && is_it(it);
        self.inner.iter().copied().find(made).or_else(|| self.outer.iter().copied().find(made))
    }
}

struct Scene<'a, 'b> {
    chain: &'b Chain,
    taps: &'b [Tap],
    servers: &'b Servers,
    in_the_way: Option<&'a Fingerprint>,
}

impl Scene<'_, '_> {
    fn answered(&self, hop: &ChainHop, fits: &Fits<'_>) -> Answered {
        let Some(response) = hop.hop.response() else { return no_answer(&hop.hop) };
        if hop.hop.testimony.from_cache {
            return Answered {
                by: Some(Actor::Cache),
                product: None,
                why: "the browser says it came from its cache".to_owned(),
                sure: true,
            };
        }
        match seen_inside(hop, response, fits) {
            Some(Inside::SameAnswer(tap)) => self.by_app(tap, fits),
            Some(Inside::OtherAnswer(tap, status)) => {
                let why = match status {
                    Some(status) => {
                        format!("tap {} saw another answer ({status})", self.name(tap))
                    }
                    None => format!("tap {} saw no answer", self.name(tap)),
                };
                self.by_between(hop, why, fits)
            }
            None if stands_before_app(self.taps, hop.hop.tap) => self.by_app(hop.hop.tap, fits),
            None => match self.should_have_arrived(hop) {
                Some(tap) => {
                    let why = format!("the request never reached tap {}", self.name(tap));
                    self.by_between(hop, why, fits)
                }
                None => recognised(response, fits),
            },
        }
    }

    /// The inner tap that this request would have passed, had anybody sent it on: one that
    /// stands behind the same server.
    fn should_have_arrived(&self, hop: &ChainHop) -> Option<TapId> {
        let outer = hop.hop.tap;
        let inner = self.taps.iter().enumerate().skip(usize::from(outer.0) + 1).next_back();
        let (idx, _) = inner?;
        let tap = TapId(u16::try_from(idx).ok()?);
        let is_reverse =
            self.taps.get(usize::from(outer.0)).is_some_and(|it| it.kind == TapKind::Reverse);
        let server = crate::lineage::path::server_of(&hop.hop.request.url);
        let same_server = |it: &ChainHop| {
            !it.sightings.is_empty()
                && crate::lineage::path::server_of(&it.hop.request.url) == server
        };
        let known = is_reverse
            || self.chain.hops.iter().any(same_server)
            || self.servers.get(&server).is_some_and(Server::arrives_inside);
        known.then_some(tap)
    }

    /// Whether what leaves its mark on this answer leaves the same on what an app server behind
    /// it answered, which has put no name of its own here.
    fn stands_before_another(&self, hop: &Hop) -> bool {
        let headers = hop.response().map(|it| &it.headers).filter(|it| !it.has("server"));
        let mark = headers.and_then(|it| it.text("x-powered-by"));
        let server = self.servers.of(&hop.request.url);
        mark.zip(server).is_some_and(|(mark, server)| server.hands_on(&mark))
    }

    fn by_app(&self, tap: TapId, fits: &Fits<'_>) -> Answered {
        let product = fits.made_by(|it| it.actor == Actor::App);
        Answered {
            by: Some(Actor::App),
            product: product.map(|it| it.product.clone()),
            why: format!("seen at tap {}", self.name(tap)),
            sure: true,
        }
    }

    fn by_between(&self, hop: &ChainHop, why: String, fits: &Fits<'_>) -> Answered {
        let sure = true;
        let mut outside = fits.outer.iter().copied().filter(|it| it.actor != Actor::App);
        if let Some(print) = outside.next().or(self.in_the_way) {
            let product = Some(print.product.clone());
            return Answered { by: Some(print.actor), product, why, sure };
        }
        // A framework of which the gateway is made, or else what it calls itself.
        let made = fits.outer.iter().find(|it| it.role == Role::Answered && !fits.is_inside(it));
        let product = made.map(|it| it.product.clone()).or_else(|| own_name(hop));
        Answered { by: Some(Actor::Gateway), product, why, sure }
    }

    fn name(&self, tap: TapId) -> &str {
        self.taps.get(usize::from(tap.0)).map_or("?", |it| it.name.as_str())
    }
}

/// What the maker of an answer calls itself ([`Server`](https://www.rfc-editor.org/rfc/rfc9110#name-server)),
/// where no inner tap saw the same field: `tinyproxy` of `tinyproxy/1.11.1`.
fn own_name(hop: &ChainHop) -> Option<String> {
    let server = |it: &Hop| it.response().and_then(|it| it.headers.text("server"));
    let said = server(&hop.hop)?;
    if hop.sightings.last().and_then(|it| server(&it.hop)).as_ref() == Some(&said) {
        return None;
    }
    let name = said.split(['/', ' ', '(']).next().unwrap_or_default();
    let is_name = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    (!name.is_empty() && name.len() <= 40 && name.bytes().all(is_name)).then(|| name.to_owned())
}

/// Compare the answer with what the innermost tap saw of the same request.
fn seen_inside(hop: &ChainHop, response: &Response, fits: &Fits<'_>) -> Option<Inside> {
    // A page of the gateway's own is no app's, whatever else is alike.
    let is_own = response.status >= 400 && fits.is_made_outside();
    let same = |it: &Response| !is_own && is_same_answer(it, response);
    if let Some(it) = hop.sightings.iter().rev().find(|it| it.hop.response().is_some_and(same)) {
        return Some(Inside::SameAnswer(it.hop.tap));
    }
    let last = &hop.sightings.last()?.hop;
    Some(Inside::OtherAnswer(last.tap, last.status()))
}

/// What an inner tap saw of the same request.
enum Inside {
    SameAnswer(TapId),
    OtherAnswer(TapId, Option<u16>),
}

/// Whether a tap stands right before the app: the last of several, or one that says so.
pub(super) fn stands_before_app(taps: &[Tap], tap: TapId) -> bool {
    let Some(it) = taps.get(usize::from(tap.0)) else { return false };
    let is_last = usize::from(tap.0) + 1 == taps.len() && taps.len() > 1;
    is_origin_name(&it.name) || is_last && it.kind != TapKind::Direct && it.name != "edge"
}

/// The usual names of a tap that stands before the app.
fn is_origin_name(name: &str) -> bool {
    ["origin", "app", "backend", "back-end", "upstream"].contains(&name)
}

/// Whether a gateway handed this answer on, rather than made one of its own. Status and, for an
/// error, the kind of body decide; gateways do rewrite headers.
fn is_same_answer(inner: &Response, outer: &Response) -> bool {
    if inner.status != outer.status {
        // Conditions and ranges may be answered on the way from what the app sent.
        return inner.status == 200 && matches!(outer.status, 304 | 206);
    }
    let (a, b) = (&inner.body, &outer.body);
    let comparable = outer.status >= 400
        && a.complete
        && b.complete
        && !a.is_cut()
        && !b.is_cut()
        && !a.is_empty()
        && !b.is_empty();
    let kind = |it: &Response| it.headers.text("content-type");
    if comparable {
        // A gateway may compress what it hands on.
        return kind(inner) == kind(outer)
            || content::decode(a, &inner.headers, content::READ).bytes
                == content::decode(b, &outer.headers, content::READ).bytes;
    }
    // A gateway that replaces an answer may stop reading it: then what was read of it, its length
    // and its type can tell.
    let encoding = |it: &Response| it.headers.text("content-encoding");
    let is_error = outer.status >= 400 && encoding(inner) == encoding(outer);
    let length = |it: &Response| it.headers.text("content-length");
    let lengths = length(inner).zip(length(outer));
    let is_whole = b.complete && !b.is_cut();
    if is_error
        && (lengths.is_some_and(|(a, b)| a != b) || is_whole && !b.bytes.starts_with(&a.bytes))
    {
        return false;
    }
    let essence = |it: &Response| {
        let has_none = it.headers.text("content-length").is_some_and(|it| it == "0");
        let kind = kind(it).filter(|_| !has_none)?;
        kind.split(';').next().map(|it| it.trim().to_ascii_lowercase())
    };
    let (a, b) = (essence(inner), essence(outer));
    outer.status < 400 || a.is_none() || b.is_none() || a == b
}

fn no_answer(hop: &Hop) -> Answered {
    let Some(failure) = hop.failure() else {
        return Answered { why: "no answer yet".to_owned(), ..Answered::default() };
    };
    if failure.kind == FailureKind::RefusedByTap {
        let why = "the tap refused the request".to_owned();
        return Answered { by: Some(Actor::Hopscope), product: None, why, sure: true };
    }
    Answered { why: format!("no answer: {}", failure.kind.as_str()), ..Answered::default() }
}

/// Nothing but the answer itself tells.
fn recognised(response: &Response, fits: &Fits<'_>) -> Answered {
    let Some(first) = fits.outer.iter().find(|it| it.role != Role::Seen) else {
        // https://www.rfc-editor.org/rfc/rfc9110#name-502-bad-gateway
        if !matches!(response.status, 502 | 504) {
            return Answered { why: "nothing tells".to_owned(), ..Answered::default() };
        }
        let seen = fits.outer.iter().find(|it| it.actor != Actor::App);
        return Answered {
            by: Some(seen.map_or(Actor::Gateway, |it| it.actor)),
            product: seen.map(|it| it.product.clone()),
            why: format!("recognised by status {}, which is a gateway's", response.status),
            sure: false,
        };
    };
    let why = format!("recognised by {}", first.why(response));
    let is_app = |it: &&&Fingerprint| it.role == Role::Answered && it.actor == Actor::App;
    if is_app(&first) && serves_both(&first.product) {
        // It leaves its mark on what it hands on, too.
        let mut others = fits.outer.iter().filter(is_app);
        if let Some(made) = others.find(|it| !serves_both(&it.product)) {
            let product = Some(made.product.clone());
            let why =
                format!("recognised by {}, handed on by {}", made.why(response), first.product);
            return Answered { by: Some(Actor::App), product, why, sure: false };
        }
    }
    if first.role == Role::Answered {
        let product = Some(first.product.clone());
        let is_gateway = matches!(response.status, 502 | 504) && serves_both(&first.product);
        let by = if is_gateway { Actor::Gateway } else { first.actor };
        return Answered { by: Some(by), product, why, sure: false };
    }
    // Somebody handed it on: whoever is recognised behind it, or else the app.
    let made = fits.outer.iter().find(is_app);
    Answered {
        by: Some(Actor::App),
        product: made.map(|it| it.product.clone()),
        why: format!("handed on by {} ({})", first.product, first.why(response)),
        sure: false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_answer;
    use crate::trace::{Body, Failure, FailureKind, Headers, Response};

    #[test]
    fn an_answer_that_was_not_read_to_its_end_is_told_by_its_type() {
        let answer = |status, kind: &str, cut: bool| {
            let headers = Headers::from_iter([("content-type", kind)]);
            let body = Body { complete: !cut, ..Body::full("x") };
            let closed = Failure { kind: FailureKind::Aborted, detail: String::new() };
            Response { status, headers, body, truncated: cut.then_some(closed), ..<_>::default() }
        };
        for (inner, outer, same) in [
            (answer(401, "text/html", true), answer(401, "text/plain", false), false),
            (answer(401, "text/html", true), answer(401, "text/html; charset=utf-8", false), true),
            (answer(200, "text/html", true), answer(200, "text/plain", false), true),
            (answer(401, "text/html", false), answer(401, "text/html", false), true),
        ] {
            assert_eq!(is_same_answer(&inner, &outer), same, "{inner:?} {outer:?}");
        }
    }
}
