//! Fixes: what to change, for the products that are known in the chain.
//!
//! What stands between backquotes in a fix is the setting itself, to be applied as printed; all
//! of one product's settings belong together. The words around it say where it goes.
//!
//! **Invariant:** a fix is data beside its rule, and names where it is documented.

pub(super) mod allow_origin;

use super::{Case, Evidence, Finding};
use crate::lineage::Actor;

/// What to change in one product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fix {
    /// The beginning of a product's name as the fingerprints have it; empty for a fix that
    /// needs no product.
    pub(super) product: &'static str,
    /// May have `{words}` that the rule fills in.
    pub(super) text: &'static str,
    pub(super) source: &'static str,
}

/// The words and sources of the fixes that apply.
pub(super) struct Advice {
    pub(super) text: String,
    pub(super) sources: Vec<&'static str>,
}

/// The fixes for the products known in this chain, on either side; those for any product when
/// there are none. At most two, so that a reader knows where to begin.
pub(super) fn advise(case: &Case<'_>, fixes: &[Fix], words: &[(&str, &str)]) -> Advice {
    advise_layer(case, fixes, words, Actor::Unknown)
}

/// The same, for products of the layer that made the mistake: who adds a header twice in a
/// gateway is not helped by a setting of the app.
pub(super) fn advise_layer(
    case: &Case<'_>,
    fixes: &[Fix],
    words: &[(&str, &str)],
    by: Actor,
) -> Advice {
    let mut chosen = of_known(case, fixes, by);
    if chosen.is_empty() {
        chosen.extend(of_any(fixes));
    }
    Advice::of(&chosen, words)
}

/// The same where nobody knows which layer made the mistake: one that is only seen to stand in
/// the way need not have made it.
fn advise_unknown(case: &Case<'_>, fixes: &[Fix], words: &[(&str, &str)]) -> Advice {
    let mut chosen = of_known(case, fixes, Actor::Unknown);
    let in_the_way = |it: &&Fix| case.known(it.product) != Some(Actor::App);
    if chosen.len() < 2 && chosen.iter().all(in_the_way) {
        chosen.extend(of_any(fixes));
    }
    Advice::of(&chosen, words)
}

/// Those for the products of the layer `by` that are known in this chain.
fn of_known<'f>(case: &Case<'_>, fixes: &'f [Fix], by: Actor) -> Vec<&'f Fix> {
    let applies = |it: Actor| match by {
        Actor::App => it == Actor::App,
        Actor::Gateway | Actor::Proxy | Actor::Cdn | Actor::Cache => it != Actor::App,
        _ => true,
    };
    let known = |it: &&Fix| !it.product.is_empty() && case.known(it.product).is_some_and(applies);
    let mut chosen: Vec<&Fix> = Vec::new();
    for fix in fixes.iter().filter(known) {
        // FastAPI is Starlette: the same words once.
        if chosen.len() < 2 && !chosen.iter().any(|it| it.text == fix.text) {
            chosen.push(fix);
        }
    }
    chosen
}

/// The one that needs no product.
fn of_any(fixes: &[Fix]) -> Option<&Fix> {
    fixes.iter().find(|it| it.product.is_empty())
}

impl Advice {
    fn of(chosen: &[&Fix], words: &[(&str, &str)]) -> Advice {
        let mut text = chosen.iter().map(|it| it.text).collect::<Vec<_>>().join("; or ");
        for (word, value) in words {
            // What was on the wire ends no setting.
            text = text.replace(&format!("{{{word}}}"), &value.replace('`', "'"));
        }
        Advice { text, sources: chosen.iter().map(|it| it.source).collect() }
    }
}

impl Finding {
    /// An error is to be mended first; that nobody can read it comes after.
    pub(super) fn after_mending(mut self, status: u16) -> Finding {
        let where_to_look = match status {
            401 => "did the session or the token come along, and is it still good?",
            403 => "who refuses it: the app, or a firewall before it?",
            404 => "is there a route for this path, in the gateway and in the app?",
            405 => "does the route for this path take this method, in the gateway and in the app?",
            413 => "which layer takes no body as long as this one?",
            429 => "which layer counts requests? ask less often",
            400.. => "the server's log tells",
            _ => return self,
        };
        self.fix = format!(
            "mend what the {status} is about ({where_to_look}); to make such errors readable: {}",
            self.fix
        );
        self
    }
}

/// A finding in the making: the rule's words, and the fixes to choose from.
pub(super) struct Draft<'f> {
    pub(super) code: &'static str,
    pub(super) hop: usize,
    pub(super) by: Actor,
    pub(super) title: String,
    pub(super) evidence: Vec<Evidence>,
    pub(super) fixes: &'f [Fix],
    pub(super) words: &'f [(&'f str, &'f str)],
}

impl Draft<'_> {
    /// With the fixes of the layer that made the mistake.
    pub(super) fn finding(self, case: &Case<'_>) -> Finding {
        let advice = match self.by {
            Actor::Unknown => advise_unknown(case, self.fixes, self.words),
            by => advise_layer(case, self.fixes, self.words, by),
        };
        self.with(advice)
    }

    /// With fixes on either side: what one layer does wrong, another can put right.
    pub(super) fn finding_on_either_side(self, case: &Case<'_>) -> Finding {
        let advice = advise(case, self.fixes, self.words);
        self.with(advice)
    }

    fn with(self, advice: Advice) -> Finding {
        Finding {
            code: self.code,
            hop: self.hop,
            by: self.by,
            because: None,
            title: self.title,
            evidence: self.evidence,
            fix: advice.text,
            sources: advice.sources,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::analysed;

    /// A fix is of the product that is there and of the answer that is wrong.
    #[test]
    fn the_headline_has_the_products_own_fix() {
        let ok = "access-control-allow-origin=http://page.test";
        for (lines, fix) in [
            (
                &[
                    "edge OPTIONS http://gw.test/a 404 apigw-requestid=1 body='{\"message\":\"Not Found\"}'",
                ][..],
                "HTTP API's CORS settings",
            ),
            (
                &["edge OPTIONS http://gw.test/a 204 apigw-requestid=1"],
                "put http://page.test into AllowOrigins of the HTTP API",
            ),
            (
                &["edge GET http://gw.test/a 200 x-amz-apigw-id=1"],
                "with a proxy integration the app or function itself",
            ),
            (
                &["edge GET http://gw.test/a 502 x-amzn-errortype=InternalServerErrorException"],
                "see the function's log",
            ),
            (&["edge GET http://gw.test/a 504 server=nginx"], "raise proxy_read_timeout"),
            (
                &[
                    "edge GET https://x.lambda-url.eu-west-1.on.aws/a 200 x-amzn-requestid=1 access-control-allow-origin=a,b",
                ],
                "let the function send none itself",
            ),
            (
                &["edge OPTIONS http://gw.test/a 403 server=AmazonS3"],
                "in the bucket's CORS configuration",
            ),
            (
                &[
                    "edge OPTIONS http://gw.test/a 403 server=CloudFront x-cache='Error from cloudfront'",
                ],
                "allow the methods",
            ),
            (
                &["edge OPTIONS http://gw.test/a 301 location=https://gw.test/a"],
                "ask for `https://gw.test/a` itself",
            ),
            (&["edge OPTIONS http://gw.test/a 301 location=/a/"], "ask for `/a/` itself"),
            (
                &["edge GET http://gw.test/a 200 >origin=null"],
                "serve the page from an http or https address",
            ),
            (&["edge GET http://gw.test/a 200 server=uvicorn"], "CORSMiddleware"),
            (&["edge GET http://gw.test/a 500 server=nginx"], "mend what the 500 is about"),
            (
                &["edge GET http://gw.test/a 404 x-powered-by=Express"],
                "is there a route for this path",
            ),
            (
                &["edge GET http://gw.test:81/g/a 308 server=Apache location=http://gw.test:82/a/"],
                "`ProxyPassReverse /g/ http://gw.test:82/`",
            ),
            (
                &["edge PUT http://gw.test/a 413 server=nginx content-type=text/html"],
                "client_max_body_size 65536k",
            ),
        ] {
            assert_printed(lines, fix);
        }
        let refused = analysed(&["edge GET http://gw.test/a 403 body='Invalid CORS request'"]);
        let printed = &refused.findings[0].fix;
        assert!(printed.starts_with("`registry.addMapping"), "{printed}");
        // The stage is there, for its preflight was answered: the caller is refused.
        let lines = [
            &*format!("edge OPTIONS http://gw.test/prod/a 200 {ok}"),
            "edge GET http://gw.test/prod/a 403 x-amzn-errortype=ForbiddenException body='{\"message\":\"Forbidden\"}'",
        ];
        let title = &analysed(&lines).findings[0].title;
        assert!(title.contains("an API key, a resource policy or the firewall"), "{title}");
    }

    /// The fix of the headline has these words.
    fn assert_printed(lines: &[&str], fix: &str) {
        let findings = analysed(lines).findings;
        let printed = findings.first().map(|it| it.fix.as_str()).unwrap_or_default();
        assert!(printed.contains(fix), "{lines:?}: {findings:?}");
    }

    /// A fix is for who can make it, and leads where the page may go.
    #[test]
    fn the_fix_is_for_the_layer_that_answered() {
        for (lines, fix) in [
            // What leads there is no public address.
            (&["edge OPTIONS http://gw.test/g/a 301 location=/a/"][..], "ask for `/g/a/` itself"),
            (
                &[
                    "edge OPTIONS http://gw.test/g/a 204 access-control-allow-origin=http://page.test",
                    "origin OPTIONS http://app.test/a 204 access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/g/a 502",
                    "origin GET http://app.test/a closed",
                ],
                "see the app's log: it was reached and broke off",
            ),
            (
                &["edge GET http://gw.test/a 502 server=nginx"],
                "if it runs, its log tells whether it broke off",
            ),
            (
                &[
                    "edge GET http://gw.test/a 502 body='{\"errorMessage\":\"x\",\"errorType\":\"Error\"}'",
                ],
                "see the function's log",
            ),
            (
                &["edge OPTIONS http://gw.test/a 405", "origin OPTIONS http://app.test/a 405"],
                "let the app answer OPTIONS here",
            ),
            (
                &["edge OPTIONS http://gw.test/a 404 body='Serverless-offline: route not found.'"],
                "see that the gateway has a route for this path",
            ),
            // Express hands on what another answers.
            (
                &[
                    "edge GET http://gw.test/a 200 x-powered-by=Express server=uvicorn >cookie=a access-control-allow-origin=http://page.test",
                    "origin GET http://app.test/a 200 server=uvicorn >cookie=a access-control-allow-origin=http://page.test",
                ],
                "allow_credentials=True",
            ),
            // The app's answer was none to be replaced.
            (
                &["edge GET http://gw.test/a 502 server=nginx", "origin GET http://app.test/a 200"],
                "proxy_buffer_size",
            ),
            // Nobody knows that it is nginx who should send it.
            (
                &["edge GET http://gw.test/a 200 server=nginx"],
                "(nginx); or answer with `Access-Control-Allow-Origin",
            ),
        ] {
            assert_printed(lines, fix);
        }
    }
}
