//! The case: all that a rule may read, and the questions that several rules ask of it.
//!
//! **Invariant:** a question that the recording does not answer is answered with "no".

use super::{Answered, Evidence, Servers};
use crate::content;
use crate::fetch::{Judgement, Mode, VerdictOutcome};
use crate::lineage::{Actor, Actors, Lineage, Route, State, What, path};
use crate::trace::{Chain, ChainHop, Hop, HopKind, LinkWhy, Tap, TapId, Target};

/// One chain, with everything concluded of it so far.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub chain: &'a Chain,
    pub taps: &'a [Tap],
    pub judgement: &'a Judgement,
    pub answered: &'a [Answered],
    pub actors: &'a Actors,
    pub route: Option<&'a Route>,
    pub lineage: &'a [Lineage],
    /// Every product recognised in the chain, and what it is.
    pub products: &'a [(&'a str, Actor)],
    pub servers: &'a Servers,
}

impl<'a> Case<'a> {
    /// The hops, with their index.
    pub fn hops(&self) -> impl DoubleEndedIterator<Item = (usize, &'a ChainHop)> + use<'a> {
        self.chain.hops.iter().enumerate()
    }

    /// The redirects, with their index and where they lead.
    pub fn redirects(&self) -> impl Iterator<Item = (usize, &'a ChainHop, String)> + use<'a> {
        self.hops().filter_map(|(idx, it)| Some((idx, it, path::redirect_target(&it.hop)?)))
    }

    /// Whether the hop at `idx` broke and was sent again at once, with an answer: a connection
    /// that was closed while nobody used it, as both sides may at any time.
    pub fn is_made_good(&self, idx: usize) -> bool {
        self.chain.hops.get(idx + 1).is_some_and(|it| {
            let is_retry = it.link.as_ref().is_some_and(|it| it.why == LinkWhy::RetryOf);
            is_retry && it.hop.response().is_some()
        })
    }

    /// The first request that is no preflight after the hop at `idx`.
    pub fn next_request(&self, idx: usize) -> Option<(usize, &'a ChainHop)> {
        self.hops().skip(idx + 1).find(|(_, it)| it.kind != HopKind::Preflight)
    }

    /// The path that the redirect `to` at the hop `idx` means, as the page has to ask for it: with
    /// the prefix that a gateway takes away, of which the app does not know.
    pub fn public_path(&self, idx: usize, to: &str) -> String {
        let target = Target::parse(to);
        let from =
            self.chain.hops.get(idx).map_or("", |it| Target::parse(&it.hop.request.url).path);
        let works = || {
            let next = self.next_request(idx).and_then(|(_, it)| it.hop.status());
            next.is_some_and(|it| it < 400)
        };
        let for_slash = path::has_trailing_slash(from) != path::has_trailing_slash(target.path);
        let is_lost = (for_slash || self.route.is_some()) && !works();
        let prefix = path::lost_head(from, target.path).filter(|_| is_lost);
        format!("{}{}", prefix.unwrap_or_default(), target.path_and_query())
    }

    pub fn lineage(&self, what: &What) -> Option<&'a Lineage> {
        self.lineage.iter().find(|it| it.what == *what)
    }

    /// Whether `state` happened to `what` between two taps at this hop.
    pub fn on_the_way(&self, what: &What, idx: usize, state: State) -> bool {
        let changes = self.lineage(what).into_iter().flat_map(|it| &it.changes);
        changes.into_iter().any(|it| it.hop == idx && it.state == state && it.between.is_some())
    }

    pub fn by(&self, idx: usize) -> Actor {
        self.actors.answered(idx)
    }

    /// Whether what answers behind this tap is the app.
    pub fn stands_before_app(&self, tap: TapId) -> bool {
        super::answered::stands_before_app(self.taps, tap)
    }

    /// Whether the answer to this hop is known to be no app's.
    pub fn is_made_on_the_way(&self, idx: usize) -> bool {
        matches!(self.by(idx), Actor::Gateway | Actor::Proxy | Actor::Cdn | Actor::Cache)
    }

    /// What a product is that was recognised anywhere in the chain, by the beginning of its
    /// name.
    pub fn known(&self, product: &str) -> Option<Actor> {
        let begins = |name: &str| {
            let same = name.get(..product.len()).is_some_and(|it| it.eq_ignore_ascii_case(product));
            // Other servers are of the same maker.
            let is_other = match product {
                "Apache" => name.starts_with("Apache Traffic"),
                // It answers in Flask's words, and has other settings.
                "Werkzeug" | "Flask" => self.products.iter().any(|(it, _)| *it == "Quart"),
                _ => false,
            };
            same && !is_other
        };
        let named = self.products.iter().find(|(it, _)| begins(it)).map(|(_, actor)| *actor);
        // Most of what runs there is made with it, as far as nothing else is recognised.
        let apps = || self.products.iter().filter(|(_, actor)| *actor == Actor::App);
        let on_uvicorn = || apps().all(|(it, _)| *it == "uvicorn") && apps().next().is_some();
        named.or_else(|| (product == "Starlette" && on_uvicorn()).then_some(Actor::App))
    }

    /// The product that answered a hop, for a sentence.
    pub fn name_of(&self, idx: usize) -> String {
        let product = self.answered.get(idx).and_then(|it| it.product.clone());
        match (product, self.by(idx).as_str()) {
            (Some(product), _) => product,
            (None, Some(word)) => format!("the {word}"),
            (None, None) => "the server".to_owned(),
        }
    }

    /// [`Case::name_of`] at the beginning of a sentence. A product's name stays as it is written.
    pub fn name_at_start(&self, idx: usize) -> String {
        let name = self.name_of(idx);
        name.strip_prefix("the ").map_or_else(|| name.clone(), |it| format!("The {it}"))
    }

    /// Whether the page's origin differs from this hop's server, in a request whose answer
    /// the page wants to read.
    pub fn is_cross_origin(&self, hop: &Hop) -> bool {
        let Some(origin) = hop.request.headers.text("origin") else { return false };
        let mode = hop.request.headers.text("sec-fetch-mode");
        let is_cors = match mode.as_deref() {
            Some(mode) => mode == "cors",
            None => self.judgement.request.mode == Mode::Cors,
        };
        // The browser knows its own scheme, where TLS ends before the tap.
        let says_same =
            hop.request.headers.text("sec-fetch-site").is_some_and(|it| it == "same-origin");
        is_cors
            && !says_same
            && (origin == "null" || path::server_of(&origin) != path::server_of(&hop.request.url))
    }

    /// Whether a browser reports a CORS error because of the hop at `idx`.
    pub fn is_blocked_at(&self, idx: usize) -> bool {
        self.is_blocked() && self.judgement.verdict.hop == Some(idx)
    }

    pub fn is_blocked(&self) -> bool {
        self.judgement.verdict.outcome == VerdictOutcome::Blocked
    }

    /// Whether the page gets what it asked for: a readable answer that is no error.
    pub fn is_fine(&self) -> bool {
        !matches!(self.judgement.verdict.outcome, VerdictOutcome::Blocked | VerdictOutcome::Failed)
            && self.chain.hops.last().and_then(|it| it.hop.status()).is_some_and(|it| it < 400)
    }

    /// The status of the answer that the browser really got at this hop.
    pub fn status(&self, idx: usize) -> Option<u16> {
        self.chain.hops.get(idx)?.hop.status()
    }

    /// Whether a redirect led off the public paths: what is answered there is a symptom.
    pub fn is_off_the_route(&self, idx: usize) -> bool {
        let changes = self.lineage(&What::Prefix).into_iter().flat_map(|it| &it.changes);
        changes.into_iter().any(|it| it.hop < idx)
    }

    /// The hop that a browser stopped at because of CORS, with its index and its status; nothing
    /// where none was answered.
    pub fn blocked_hops(&self) -> impl Iterator<Item = (usize, &'a ChainHop, u16)> + use<'a> {
        let blocked = self.is_blocked().then_some(self.judgement.verdict.hop).flatten();
        let hops = self.hops().filter(move |(idx, _)| Some(*idx) == blocked);
        hops.filter_map(|(idx, it)| Some((idx, it, it.hop.status()?)))
    }

    /// [`Case::blocked_hops`] whose answer has this status and was made before the app, with the
    /// lines that show it.
    pub fn refused_on_the_way(&self, status: u16) -> Option<(usize, &'a ChainHop, Vec<Evidence>)> {
        let (idx, it, _) = self.blocked_hops().find(|(idx, it, found)| {
            *found == status && it.sightings.is_empty() && self.is_made_on_the_way(*idx)
        })?;
        let mut evidence = vec![request_line(idx, &it.hop)];
        evidence.extend(status_line(idx, &it.hop));
        evidence.extend(body(idx, &it.hop, "message"));
        Some((idx, it, evidence))
    }

    /// Who wrote a response header: who changed it on the way, or else who answered.
    pub fn author(&self, name: &str, idx: usize) -> Actor {
        let lineage = self.lineage(&What::Header(name.to_owned()));
        let changes = lineage.into_iter().flat_map(|it| &it.changes);
        let on_the_way = changes.into_iter().find(|it| it.hop == idx && it.between.is_some());
        on_the_way.map_or_else(|| self.by(idx), |it| it.by)
    }

    /// [`Case::author`] of a header that a layer on the way may well have put there, as far as
    /// it was seen: what an answer looks like tells who made it, not who added to it.
    pub fn known_author(&self, name: &str, idx: usize) -> Actor {
        let answered = self.answered.get(idx);
        // Such a product is recognised by these very headers.
        let by_cors = answered
            .and_then(|it| it.product.as_deref())
            .is_some_and(|it| it == "django-cors-headers" || it == "Starlette");
        let seen = answered.is_some_and(|it| it.sure) || by_cors && self.is_preflight(idx);
        if seen { self.author(name, idx) } else { Actor::Unknown }
    }

    fn is_preflight(&self, idx: usize) -> bool {
        self.chain.hops.get(idx).is_some_and(|it| it.kind == HopKind::Preflight)
    }

    /// Whether this hop was only seen behind the gateway: what it adds before the answer
    /// reaches the browser, and what it answers itself, stays unseen.
    pub fn is_only_seen_inside(&self, hop: &Hop) -> bool {
        self.stands_before_app(hop.tap)
    }

    /// Whether a missing CORS header may have been added where nobody looked. Not when the app
    /// is seen to send it itself.
    pub fn may_be_added_outside(&self, hop: &Hop) -> bool {
        let server = path::server_of(&hop.request.url);
        let sends = |it: &Hop| {
            it.response().is_some_and(|it| it.headers.has("access-control-allow-origin"))
        };
        let app_sends = self.hops().any(|(_, it)| sends(&it.hop))
            || self.servers.get(&server).is_some_and(|it| it.fine.with > 0);
        self.is_only_seen_inside(hop) && !app_sends
    }

    /// Whether the page sent its credentials along: seen as a cookie, or told.
    pub fn has_credentials(&self, hop: &Hop) -> bool {
        hop.request.headers.has("cookie")
            || self.judgement.request.credentials == crate::fetch::Credentials::Include
    }

    /// The authority by which the gateway speaks to the app, as the innermost tap saw it.
    pub fn app_authority(&self) -> Option<&'a str> {
        let seen = self.hops().find(|(_, it)| !it.sightings.is_empty())?.1;
        Some(Target::parse(&seen.innermost().request.url).authority)
    }
}

/// Quote a response header, from the innermost tap that saw it.
pub(super) fn response_header(idx: usize, hop: &ChainHop, name: &str) -> Option<Evidence> {
    let seen = hop.seen().rev().find(|it| it.response().is_some_and(|it| it.headers.has(name)))?;
    let text = seen.response()?.headers.text(name)?;
    Some(Evidence { hop: idx, tap: seen.tap, place: format!("response {name}"), text })
}

/// Quote a response header as the outermost tap saw it.
pub(super) fn outer_header(idx: usize, hop: &ChainHop, name: &str) -> Option<Evidence> {
    let text = hop.hop.response()?.headers.text(name)?;
    Some(Evidence { hop: idx, tap: hop.hop.tap, place: format!("response {name}"), text })
}

/// Quote a request header as one tap saw it.
pub(super) fn request_header(idx: usize, hop: &Hop, name: &str) -> Option<Evidence> {
    let text = hop.request.headers.text(name)?;
    Some(Evidence { hop: idx, tap: hop.tap, place: format!("request {name}"), text })
}

/// Quote the request line as one tap saw it.
pub(super) fn request_line(idx: usize, hop: &Hop) -> Evidence {
    let text =
        format!("{} {}", hop.request.method, Target::parse(&hop.request.url).path_and_query());
    Evidence { hop: idx, tap: hop.tap, place: "request line".to_owned(), text }
}

/// Quote the status line as one tap saw it; the failure where there is no answer.
pub(super) fn status_line(idx: usize, hop: &Hop) -> Option<Evidence> {
    let (place, text) = match (hop.response(), hop.failure()) {
        (Some(it), _) => {
            let reason = String::from_utf8_lossy(&it.reason);
            ("response status", format!("{} {reason}", it.status).trim_end().to_owned())
        }
        (None, Some(failure)) => {
            let text = format!("{}: {}", failure.kind.as_str(), failure.detail);
            ("no response", text.trim_end_matches(": ").to_owned())
        }
        (None, None) => return None,
    };
    Some(Evidence { hop: idx, tap: hop.tap, place: place.to_owned(), text })
}

/// Quote the beginning of a response's body, or the line of it that has `needle`.
pub(super) fn body(idx: usize, hop: &Hop, needle: &str) -> Option<Evidence> {
    let response = hop.response().filter(|it| !it.body.bytes.is_empty())?;
    let whole = content::of_response(response);
    // nginx pads its pages with comments.
    let mut said = whole.lines().filter(|it| !it.starts_with("<!--"));
    let line = said.find(|it| it.contains(needle)).or_else(|| whole.lines().next())?;
    let text = excerpt(line.trim(), needle);
    Some(Evidence { hop: idx, tap: hop.tap, place: "response body".to_owned(), text })
}

/// At most some 200 characters of a line, around `needle`, cut between words.
fn excerpt(line: &str, needle: &str) -> String {
    const LONG: usize = 200;
    if line.chars().count() <= LONG {
        return line.to_owned();
    }
    let words: Vec<&str> = line.split(' ').collect();
    let at = line.find(needle).unwrap_or_default();
    let mut offset = 0;
    let before = words.iter().take_while(|it| {
        offset += it.len() + 1;
        offset + LONG / 2 < at
    });
    let first = before.count();
    let mut length = 0;
    let kept = words.get(first..).unwrap_or_default().iter().take_while(|it| {
        length += it.chars().count() + 1;
        length <= LONG
    });
    let kept: Vec<&str> = kept.copied().collect();
    if kept.is_empty() {
        // One endless word.
        return line.chars().take(LONG).chain(['…']).collect();
    }
    let (head, tail) = (first > 0, first + kept.len() < words.len());
    let mark = |cut: bool, text: &'static str| if cut { text } else { "" };
    format!("{}{}{}", mark(head, "… "), kept.join(" "), mark(tail, " …"))
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn long_lines_are_cut_between_words() {
        let long = format!("{}have APPEND_SLASH set {}", "word ".repeat(80), "more ".repeat(80));
        let text = excerpt(&long, "APPEND_SLASH");
        assert!(text.starts_with("… word") && text.ends_with("more …"), "{text}");
        assert!(text.contains("have APPEND_SLASH set") && text.chars().count() < 210, "{text}");
        assert_eq!(excerpt("short", "x"), "short");
        assert_eq!(excerpt(&"x".repeat(300), "y").chars().count(), 201);
    }
}
