//! Requests that the browser stopped itself: they were on no wire, but they tell how a redirect
//! ended.
//!
//! **Invariant:** testimony only. No hop is made up for a request that was never sent.

use std::collections::HashSet;

use url::Url;

use crate::trace::{Hop, Testimony};

/// Let every redirect that leads to one of the `stopped` URLs say so.
pub(super) fn tell(hops: &mut [Hop], stopped: &[String]) {
    if stopped.is_empty() {
        return;
    }
    let stopped: HashSet<Url> = stopped.iter().filter_map(|it| without_fragment(it)).collect();
    for hop in hops {
        if redirect_target(hop).is_some_and(|it| stopped.contains(&it)) {
            hop.testimony.error.get_or_insert_with(|| Testimony::STOPPED.to_owned());
        }
    }
}

/// Where an answer redirects to, as a browser reads it.
fn redirect_target(hop: &Hop) -> Option<Url> {
    let response = hop.response().filter(|it| matches!(it.status, 301 | 302 | 303 | 307 | 308))?;
    let location = response.headers.text("location")?;
    let mut target = Url::parse(&hop.request.url).ok()?.join(&location).ok()?;
    target.set_fragment(None);
    Some(target)
}

fn without_fragment(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    url.set_fragment(None);
    Some(url)
}
