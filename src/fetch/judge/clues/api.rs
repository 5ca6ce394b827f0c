//! Which api made the request, as far as its hops tell.
//!
//! **Invariant:** what a script can do as well is no sign of another api.

use crate::fetch::Api;
use crate::trace::{Chain, Hop, Request};

/// By what the browser says of it, or by the fields that only one api sends.
pub(super) fn told(chain: &Chain, preflight: Option<&Hop>, request: Option<&Hop>) -> Option<Api> {
    let said = chain.hops.iter().find_map(|it| it.hop.testimony.api.clone());
    if let Some(api) = said.and_then(|it| Api::parse(&it)) {
        return Some(api);
    }
    let request = request?;
    if preflight.is_none() && is_event_source(&request.request) {
        return Some(Api::EventSource);
    }
    match request.request.headers.text("sec-fetch-dest")?.as_str() {
        "image" => Some(Api::Img),
        "style" => Some(Api::Style),
        "font" => Some(Api::Font),
        // A script fetched with CORS may be a module or have `crossorigin`: worded alike.
        "script" => Some(Api::Script),
        _ => None,
    }
}

/// An `EventSource` reads past the cache
/// ([HTML](https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface)).
/// Scripts that ask for a stream with `fetch` set `Accept` alone, and often POST.
fn is_event_source(request: &Request) -> bool {
    let says = |name: &str, value: &str| request.headers.text(name).is_some_and(|it| it == value);
    request.method == "GET"
        && says("accept", "text/event-stream")
        && says("cache-control", "no-cache")
}

#[cfg(test)]
mod tests {
    use super::is_event_source;
    use crate::trace::Request;

    #[test]
    fn a_stream_that_a_script_asks_for_is_no_event_source() {
        let accept = ("accept", "text/event-stream");
        let past_the_cache = ("cache-control", "no-cache");
        for (method, headers, is) in [
            ("GET", &[accept, past_the_cache][..], true),
            ("GET", &[accept], false),
            ("POST", &[accept, past_the_cache], false),
            ("GET", &[past_the_cache], false),
        ] {
            let headers = headers.iter().copied().collect();
            let request = Request { method: method.to_owned(), headers, ..Request::default() };
            assert_eq!(
                is_event_source(&request),
                is,
                "{method} {headers:?}",
                headers = request.headers
            );
        }
    }
}
