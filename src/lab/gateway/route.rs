//! Which resource of which stage a request means. Pure.

use crate::lab::knobs::{Knobs, Methods, OptionsBy, Slash};
use crate::lab::message::Request;

/// What the gateway does with a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Route {
    /// The first segment names no stage of this API.
    NoStage,
    /// The stage is there, but no resource or method for the rest.
    NoMethod,
    /// An `OPTIONS` that the gateway answers itself.
    Mock,
    /// To the app, with this for `{proxy}`.
    Proxy(String),
}

/// Find the route. A stage matches a whole segment: `/prod` serves `/prod/items`, not
/// `/products`.
pub(super) fn route(knobs: &Knobs, request: &Request) -> Route {
    let Some(rest) = below_stage(&request.path, &knobs.stage) else { return Route::NoStage };
    let proxy = match knobs.slash {
        Slash::Strip => rest.trim_end_matches('/'),
        Slash::Keep => rest,
    };
    // `/{proxy+}` wants at least one segment: the stage's own root has no method.
    if proxy.trim_matches('/').is_empty() {
        return Route::NoMethod;
    }
    match &knobs.methods {
        _ if request.method == "OPTIONS" && knobs.options == OptionsBy::Gateway => Route::Mock,
        Methods::These(methods) if !methods.contains(&request.method) => Route::NoMethod,
        Methods::Any | Methods::These(_) => Route::Proxy(proxy.to_owned()),
    }
}

/// What stands behind `/stage/`. One more leading slash is dropped, slashes inside stay.
fn below_stage<'a>(path: &'a str, stage: &str) -> Option<&'a str> {
    let rest = path.strip_prefix('/')?.strip_prefix(stage)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let rest = rest.strip_prefix('/')?;
    Some(rest.strip_prefix('/').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(knobs: &[(&str, &str)], method: &str, path: &str, expected: &Route) {
        let mut set = Knobs::default();
        for (name, value) in knobs {
            set.set(name, value).unwrap();
        }
        let request =
            Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() };
        assert_eq!(&route(&set, &request), expected, "{knobs:?} {method} {path}");
    }

    #[test]
    fn stage_resource_and_method() {
        let proxy = |it: &str| Route::Proxy(it.to_owned());
        let keep = [("slash", "keep")];
        let mock = [("options", "gateway")];
        let few = [("methods", "GET,POST")];
        let table: [(&[_], _, _, _); 19] = [
            (&[], "GET", "/prod/items", proxy("items")),
            (&[], "GET", "/prod/items/", proxy("items")),
            (&[], "GET", "/prod/items//", proxy("items")),
            (&keep, "GET", "/prod/items/", proxy("items/")),
            (&[], "GET", "/prod/a/b%2Fc", proxy("a/b%2Fc")),
            (&[], "GET", "/prod/a//b", proxy("a//b")),
            (&[], "GET", "/prod//items", proxy("items")),
            (&[], "GET", "/prod", Route::NoMethod),
            (&[], "GET", "/prod/", Route::NoMethod),
            (&keep, "GET", "/prod//", Route::NoMethod),
            (&[], "GET", "/products", Route::NoStage),
            (&[], "GET", "/items/", Route::NoStage),
            (&[], "GET", "/", Route::NoStage),
            (&[], "OPTIONS", "*", Route::NoStage),
            (&[], "OPTIONS", "/prod/items", proxy("items")),
            (&mock, "OPTIONS", "/prod/items", Route::Mock),
            (&mock, "OPTIONS", "/items/", Route::NoStage),
            (&few, "OPTIONS", "/prod/items", Route::NoMethod),
            (&few, "GET", "/prod/items", proxy("items")),
        ];
        for (knobs, method, path, expected) in &table {
            check(knobs, method, path, expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_goes_to_the_app_holds_neither_the_stage_nor_a_slash_at_its_ends(
            path in "/?(prod|items|%2F|[a-z]{0,3})(/(prod|items|[a-z%/]{0,4})){0,4}/{0,2}",
        ) {
            let request = Request { path: path.clone(), ..Request::default() };
            if let Route::Proxy(proxy) = route(&Knobs::default(), &request) {
                proptest::prop_assert!(!proxy.is_empty() && !proxy.ends_with('/'), "{proxy}");
                let kept = path.trim_end_matches('/');
                proptest::prop_assert!(kept.starts_with("/prod/") && kept.ends_with(&proxy));
                proptest::prop_assert!(kept.len() - proxy.len() <= "/prod//".len());
            }
        }
    }
}
