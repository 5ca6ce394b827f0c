//! The hop view: facts, timing, headers beside those of another hop or sighting, bodies.

use ratatui::text::{Line, Span};

use super::cells::{pad, wrap};
use super::panel::Content;
use super::{bodies, headers, messages};
use super::{timing, tls};
use crate::diagnose::{Analysis, Answered};
use crate::lineage::Actor;
use crate::trace::{ChainHop, Failure, Hop, HopId, Note, Outcome, Response, Tap, visible};
use crate::tui::compare::{self, Later, With};
use crate::tui::theme::Look;

/// What the hop view is drawn from.
pub(super) struct Shown<'a> {
    pub(super) analysis: &'a Analysis,
    pub(super) hop: usize,
    pub(super) compare: usize,
    /// Levels of a body that are shown.
    pub(super) fold: Option<usize>,
    pub(super) taps: &'a [Tap],
    /// What was pinned to the hop or to a sighting of it.
    pub(super) notes: &'a [Note],
    pub(super) zone: chrono::FixedOffset,
}

/// Parts of the title.
pub(super) fn title(it: &Shown<'_>, look: &Look) -> Vec<Line<'static>> {
    let theme = &look.theme;
    let hops = &it.analysis.chain.hops;
    let Some(shown) = hops.get(it.hop) else { return Vec::new() };
    let request = &shown.hop.request;
    vec![
        Line::styled(format!("hop {} of {}", it.hop + 1, hops.len()), theme.title),
        Line::styled(format!("{} {}", visible(&request.method), visible(&request.url)), theme.text),
        Line::styled(shown.kind.as_str(), theme.dim),
    ]
}

pub(super) fn content(it: &Shown<'_>, cells: usize, look: &Look) -> Content {
    let mut content = Content::default();
    let Some(shown) = it.analysis.chain.hops.get(it.hop) else { return content };
    let hop = shown.hop.as_ref();
    facts(it, shown, cells, look, &mut content);
    content.blank();
    let choices = compare::choices(&it.analysis.chain, it.hop);
    let with = choices.get(it.compare).copied();
    let other = with.and_then(|it_with| compare::find(&it.analysis.chain, it_with.id()));
    let names = [place_name(it, hop.tap), with.map_or(String::new(), |with| with_name(it, with))];

    let all = [Some(hop), other].into_iter().flatten();
    let lists = all.flat_map(|it| [Some(&it.request.headers), it.response().map(|it| &it.headers)]);
    let sides = headers::Sides::new(names, lists);

    content.heading("Request headers", look);
    // A request goes inwards, its answer comes back out; a hop follows the one before it.
    let [request_later, answer_later] = match with {
        Some(With::Sighting(_)) => [Later::There, Later::Here],
        Some(With::Previous(_)) | None => [Later::Here, Later::Here],
    };
    let theirs = other.map(|it| (&it.request.headers, request_later));
    headers::table(&hop.request.headers, theirs, &sides, cells, look, &mut content);
    content.blank();
    let is_running = hop.ended.is_none();
    let room = bodies::Room { cells, fold: it.fold, is_running, look };
    response(hop, other.map(|it| (it, answer_later)), &sides, cells, look, &mut content);
    messages::section(hop, it.zone, &room, &mut content);
    bodies::section("Request body", &hop.request.body, &hop.request.headers, &room, &mut content);
    if let Outcome::Answered(response) = &hop.outcome {
        let headers = &response.headers;
        bodies::section("Response body", &response.body, headers, &room, &mut content);
    }
    content
}

/// Where, when, on which connection, why it belongs to the chain, who answered.
fn facts(it: &Shown<'_>, shown: &ChainHop, cells: usize, look: &Look, content: &mut Content) {
    let hop = shown.hop.as_ref();
    content.sections.push(0);
    let mut fact = |word: &str, text: &str| {
        for (n, line) in wrap(text, cells.saturating_sub(FACT)).into_iter().enumerate() {
            content.push(Line::from(vec![
                Span::styled(pad(if n == 0 { word } else { "" }, FACT), look.theme.dim),
                Span::styled(line, look.theme.text),
            ]));
        }
    };
    fact("seen", &seen(it, hop));
    for sighting in &shown.sightings {
        let request = &sighting.hop.request;
        let also = format!(
            "at {} as {} {} ({})",
            place_name(it, sighting.hop.tap),
            visible(&request.method),
            visible(&request.url),
            clue(&sighting.link.clue)
        );
        fact("also seen", &also);
    }
    if let Some(link) = &shown.link {
        let to = number(it, link.to).map_or(String::new(), |it| format!(" hop {it}"));
        fact("link", &format!("{}{to} ({})", link.why.as_str(), clue(&link.clue)));
    }
    if let Some(text) = it.analysis.answered.get(it.hop).and_then(answered) {
        fact("answered by", &text);
    }
    for change in &hop.own_changes {
        let value = |it: &Option<String>| {
            it.as_deref().map_or("nothing".to_owned(), |it| visible(it).into_owned())
        };
        let text = format!(
            "hopscope itself changed {} from {} to {}",
            visible(&change.place),
            value(&change.from),
            value(&change.to)
        );
        fact("changed", &text);
    }
    for interim in &hop.interim {
        let fields = interim.headers.iter();
        let fields: Vec<_> =
            fields.map(|it| visible(&format!("{}: {}", it.name, it.text())).into_owned()).collect();
        let after = interim.at.since(hop.started).max(0);
        let text = format!("{} after {}.{} ms", interim.status, after / 1000, after / 100 % 10);
        fact("before", &[vec![text], fields].concat().join(", "));
    }
    for (word, text) in hop.trailers.iter().flat_map(|it| tls::trailers(it)) {
        fact(word, &text);
    }
    for (word, text) in hop.tls.iter().flat_map(|it| tls::facts(it)) {
        fact(word, &text);
    }
    testimony(hop, &mut fact);
    for note in it.notes {
        let by = if note.author.is_empty() {
            String::new()
        } else {
            format!("{}: ", visible(&note.author))
        };
        fact("note", &format!("{by}{}", visible(&note.text)));
    }
    timing::lines(hop, cells, FACT, look, content);
}

fn seen(it: &Shown<'_>, hop: &Hop) -> String {
    let time = hop.started.utc().with_timezone(&it.zone).format("%H:%M:%S%.3f");
    let connection = hop.connection.map(|it| format!(", connection {}", it.0)).unwrap_or_default();
    let version = hop.request.version.as_str();
    format!("at {}, {time}, {version}{connection}", place_name(it, hop.tap))
}

/// `app, django-cors-headers (seen at tap origin)`.
fn answered(it: &Answered) -> Option<String> {
    let by = it.by.and_then(Actor::as_str)?;
    let product = it.product.as_deref().map(|it| format!(", {}", visible(it)));
    let sure = if it.sure { "" } else { ", recognised by its answer" };
    Some(format!("{by}{} ({}{sure})", product.unwrap_or_default(), visible(&it.why)))
}

/// What a source other than the wire says.
fn testimony(hop: &Hop, fact: &mut impl FnMut(&str, &str)) {
    let it = &hop.testimony;
    let mut said = Vec::new();
    for (word, value) in [
        ("api", &it.api),
        ("mode", &it.mode),
        ("credentials", &it.credentials),
        ("redirect", &it.redirect),
        ("error", &it.error),
        ("initiator", &it.initiator),
    ] {
        if let Some(value) = value {
            said.push(format!("{word} {}", visible(value)));
        }
    }
    if it.from_cache {
        said.push("answered from its cache".to_owned());
    }
    if !said.is_empty() {
        fact("testimony", &said.join(", "));
    }
}

fn clue(clue: &crate::trace::Clue) -> String {
    let sure = if clue.certain { "certain" } else { "inferred" };
    format!("{sure}: {}", visible(&clue.text))
}

fn number(it: &Shown<'_>, id: HopId) -> Option<usize> {
    let hops = &it.analysis.chain.hops;
    hops.iter().position(|hop| hop.seen().any(|it| it.id == id)).map(|it| it + 1)
}

fn place_name(it: &Shown<'_>, tap: crate::trace::TapId) -> String {
    match it.taps.get(usize::from(tap.0)) {
        Some(tap) => visible(&tap.name).into_owned(),
        None => format!("tap {}", tap.0 + 1),
    }
}

fn with_name(it: &Shown<'_>, with: With) -> String {
    let other = compare::find(&it.analysis.chain, with.id());
    match with {
        With::Sighting(_) => other.map_or(String::new(), |hop| place_name(it, hop.tap)),
        With::Previous(id) => number(it, id).map_or(String::new(), |it| format!("hop {it}")),
    }
}

/// The answer's head, or what came instead of one.
fn response(
    hop: &Hop,
    other: Option<(&Hop, Later)>,
    sides: &headers::Sides,
    cells: usize,
    look: &Look,
    content: &mut Content,
) {
    let theme = &look.theme;
    match &hop.outcome {
        Outcome::Pending => {
            content.heading("Response", look);
            content.paragraph("No answer yet.", 0, cells, theme.dim);
            content.blank();
        }
        Outcome::Failed(failure) => {
            content.heading("Response", look);
            let text = format!("No answer: {}", why(failure));
            content.paragraph(&text, 0, cells, theme.failed);
            content.blank();
        }
        Outcome::Answered(response) => {
            content.heading(&response_heading(response), look);
            let theirs = other.and_then(|(it, later)| Some((&it.response()?.headers, later)));
            headers::table(&response.headers, theirs, sides, cells, look, content);
            if let Some(failure) = &response.truncated {
                let text = format!("The body stopped short: {}", why(failure));
                content.paragraph(&text, 0, cells, theme.failed);
            }
            content.blank();
        }
    }
}

/// `refused (Connection refused (os error 111))`.
fn why(failure: &Failure) -> String {
    let (kind, detail) = (failure.kind.as_str(), visible(&failure.detail));
    if detail.is_empty() { kind.to_owned() } else { format!("{kind} ({detail})") }
}

fn response_heading(response: &Response) -> String {
    let reason = crate::trace::visible_bytes(&response.reason).into_owned();
    let line = format!("{} {} {reason}", response.version.as_str(), response.status);
    format!("Response headers  {}", line.trim_end())
}

/// Cells of the words before facts.
const FACT: usize = 13;
