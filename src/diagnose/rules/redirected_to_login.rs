//! A script's request is redirected to a login page: the session is over, or never came along.
//!
//! What a browser reports is CORS: the login page allows no origin, and after two origins the
//! request's is `null` ([Fetch](https://fetch.spec.whatwg.org/#concept-request-tainted-origin)).
//! No header makes a login page of use to a script.

use super::Rule;
use crate::diagnose::Finding;
use crate::diagnose::case::{Case, outer_header, request_line, status_line};
use crate::diagnose::fix::{Draft, Fix};
use crate::trace::{HopKind, Target};

pub(super) const RULE: Rule =
    Rule { code: "redirected-to-login", find: redirected_to_login, causes: &[] };

const FIXES: &[Fix] = &[
    Fix {
        product: "AWS ALB",
        text: "`OnUnauthenticatedRequest: deny` in the listener rule of the API, which then answers 401; and let the page log in again (AWS ALB)",
        source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html",
    },
    Fix {
        product: "Google IAP",
        text: "send `X-Requested-With: XMLHttpRequest`, to which IAP answers 401, and let the page log in again (Google IAP)",
        source: "https://cloud.google.com/iap/docs/sessions-howto",
    },
    Fix {
        product: "Azure App Service",
        text: "let App Service authentication answer 401 (`unauthenticatedClientAction: Return401`), and let the page log in again (Azure App Service)",
        source: "https://learn.microsoft.com/en-us/azure/app-service/overview-authentication-authorization",
    },
    Fix {
        product: "Spring",
        text: "`http.exceptionHandling(it -> it.authenticationEntryPoint(new HttpStatusEntryPoint(HttpStatus.UNAUTHORIZED)));` for the API, and let the page log in again (Spring)",
        source: "https://docs.spring.io/spring-security/reference/servlet/architecture.html",
    },
    Fix {
        product: "ASP.NET Core",
        text: "`options.Events.OnRedirectToLogin = it => { it.Response.StatusCode = 401; return Task.CompletedTask; };` of the cookie authentication, and let the page log in again (ASP.NET Core)",
        source: "https://learn.microsoft.com/en-us/aspnet/core/security/authentication/cookie",
    },
    Fix {
        product: "",
        text: "let the server answer scripts with 401 instead of a redirect, and let the page log in again; when it is logged in, see that the session's cookie comes along (credentials: \"include\", SameSite=None; Secure)",
        source: "https://www.rfc-editor.org/rfc/rfc9110#name-401-unauthorized",
    },
];

const PREFLIGHT: &[Fix] = &[Fix {
    product: "",
    text: "let OPTIONS with Access-Control-Request-Method pass without a login, for a preflight never has one; and let other requests be answered with 401 instead of a redirect",
    source: "https://fetch.spec.whatwg.org/#cors-protocol-and-credentials",
}];

fn redirected_to_login(case: &Case<'_>) -> Vec<Finding> {
    let stopped_at = case.judgement.verdict.hop.filter(|_| case.is_blocked());
    let mut found = case.redirects().filter(|(idx, it, to)| {
        let after = stopped_at.is_some_and(|at| *idx <= at);
        after && leads_to_login(&it.hop.request.url, to) && case.is_cross_origin(&it.hop)
    });
    let Some((idx, it, to)) = found.next() else { return Vec::new() };
    let mut evidence = vec![request_line(idx, &it.hop)];
    evidence.extend(status_line(idx, &it.hop));
    evidence.extend(outer_header(idx, it, "location"));
    let to = Target::parse(&to);
    let page = format!("{}{}", to.origin(), to.path);
    let is_preflight = it.kind == HopKind::Preflight;
    let what = if is_preflight { "preflight" } else { "request" };
    let title = format!(
        "{} sent the {what} to a login page, {page}, which no script can use: it holds the caller for not logged in.",
        case.name_at_start(idx)
    );
    let fixes = if is_preflight { PREFLIGHT } else { FIXES };
    let by = case.by(idx);
    vec![Draft { code: RULE.code, hop: idx, by, title, evidence, fixes, words: &[] }.finding(case)]
}

/// Whether a redirect leads to where people log in, from where they do not.
fn leads_to_login(from: &str, to: &str) -> bool {
    let is_login = |url: &str| {
        let target = Target::parse(url);
        let first = target.host().split('.').next().unwrap_or_default().to_ascii_lowercase();
        let mut segments = target.path.split('/').map(str::to_ascii_lowercase);
        HOSTS.contains(&&*first) || segments.any(|it| SEGMENTS.contains(&&*it))
    };
    is_login(to) && !is_login(from)
}

/// First labels of the hosts of identity providers.
const HOSTS: &[&str] = &["accounts", "auth", "idp", "login", "signin", "sso"];

/// Path segments of login pages and of what OAuth 2.0, `OpenID` Connect and SAML begin with.
const SEGMENTS: &[&str] = &[
    "adfs",
    "authorize",
    "log-in",
    "login",
    "logon",
    "oauth",
    "oauth2",
    "openid-connect",
    "saml",
    "saml2",
    "sign-in",
    "sign_in",
    "signin",
    "sso",
];

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::{analysed, check};

    #[test]
    fn fires_where_a_script_is_sent_to_log_in() {
        for (lines, found) in [
            // The redirect itself cannot be read, nor could the page behind it.
            (
                &[
                    "edge GET http://gw.test/items 302 location=https://sso.test/oauth2/authorize?client_id=1",
                ][..],
                Some((1, "?")),
            ),
            (
                &[
                    "edge GET http://gw.test/items 302 server=awselb/2.0 location=https://id.test/login access-control-allow-origin=http://page.test",
                    "edge GET https://id.test/login 200 >origin=null",
                ],
                Some((1, "proxy")),
            ),
            (&["edge OPTIONS http://gw.test/items 302 location=/users/sign_in"], Some((1, "?"))),
            // The page may read all of it.
            (
                &[
                    "edge GET http://gw.test/items 302 location=/login access-control-allow-origin=http://page.test",
                    "edge GET http://gw.test/login 200 access-control-allow-origin=http://page.test",
                ],
                None,
            ),
            // A person goes there; a login answers with a redirect of its own; another place.
            (&["edge GET http://gw.test/items 302 location=/login >origin=-"], None),
            (&["edge POST http://gw.test/login 302 location=/login/"], None),
            (&["edge GET http://gw.test/items 301 location=/items/"], None),
        ] {
            check("redirected-to-login", lines, found);
        }
    }

    #[test]
    fn it_is_the_headline() {
        let lines = [
            "edge GET http://gw.test/items 302 location=https://id.test/login access-control-allow-origin=http://page.test",
            "edge GET https://id.test/login 200 >origin=null",
        ];
        let findings = analysed(&lines).findings;
        assert_eq!(findings[0].code, "redirected-to-login");
        let because: Vec<_> = findings[1..].iter().map(|it| it.because).collect();
        assert!(because.iter().all(|it| *it == Some("redirected-to-login")), "{because:?}");
    }
}
