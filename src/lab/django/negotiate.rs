//! Django REST Framework's content negotiation between JSON and its browsable page.
//!
//! The most specific media range of `Accept` wins, then the order of the renderers; weights
//! (`q=`) are not looked at, as in the original.

/// How an answer is rendered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Renderer {
    Json,
    Html,
}

impl Renderer {
    const ALL: [Renderer; 2] = [Renderer::Json, Renderer::Html];

    fn media_type(self) -> &'static str {
        match self {
            Renderer::Json => "application/json",
            Renderer::Html => "text/html",
        }
    }
}

/// The renderer for this `Accept`; `None` when it takes neither.
pub(super) fn renderer(accept: Option<&str>) -> Option<Renderer> {
    let ranges: Vec<&str> = accept
        .unwrap_or("*/*")
        .split(',')
        .map(|it| it.split(';').next().unwrap_or(it).trim())
        .collect();
    // From `type/subtype` to `*/*`.
    (0..3).find_map(|wildcards| {
        let ranges = ranges.iter().filter(|it| it.matches('*').count() == wildcards);
        let ranges: Vec<&str> = ranges.copied().collect();
        Renderer::ALL.into_iter().find(|it| ranges.iter().any(|range| covers(range, *it)))
    })
}

fn covers(range: &str, renderer: Renderer) -> bool {
    let media_type = renderer.media_type();
    match range.strip_suffix("/*") {
        Some("*") => true,
        Some(family) => media_type.split('/').next() == Some(family),
        None => range.eq_ignore_ascii_case(media_type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_wins() {
        let table = [
            (None, Some(Renderer::Json)),
            (Some("*/*"), Some(Renderer::Json)),
            (Some("text/html"), Some(Renderer::Html)),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), Some(Renderer::Html)),
            (Some("application/json, text/plain, */*"), Some(Renderer::Json)),
            (Some("text/*"), Some(Renderer::Html)),
            (Some("application/xml"), None),
            (Some(""), None),
        ];
        for (accept, expected) in table {
            assert_eq!(renderer(accept), expected, "{accept:?}");
        }
    }
}
