//! The proxies that the environment names, as other programs use them: `http_proxy`,
//! `https_proxy`, `all_proxy` and `no_proxy`, in lower case or else in upper case.
//!
//! **Invariant:** this machine is reached straight, and no tap becomes its own proxy: whoever lets
//! programs use a tap sets these variables to the tap's address.

use std::net::SocketAddr;

use super::{NoProxy, UpstreamProxy, Via};
use crate::proxy::own;

/// What the environment wants.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub via: Via,
    /// What is used, and what is not and why; one sentence each.
    pub remarks: Vec<String>,
}

impl Environment {
    /// What the variables say, for taps that will listen here.
    pub fn read(variable: impl Fn(&str) -> Option<String>, taps: &[SocketAddr]) -> Environment {
        let find = |names: &[&str]| {
            let spellings = names.iter().flat_map(|it| [(*it).to_owned(), it.to_uppercase()]);
            let mut set = spellings.filter_map(|it| Some((variable(&it)?, it)));
            set.find(|(value, _)| !value.is_empty())
        };
        let mut remarks = Vec::new();
        let mut proxy = |scheme: &str, name: &str| {
            let (value, name) = find(&[name, "all_proxy"])?;
            let (proxy, remark) = match parse(&value) {
                Err(why) => (None, format!("{name} is not used for {scheme}: {why}")),
                Ok(proxy) if taps.iter().any(|it| own::names(&proxy.at, *it)) => {
                    (None, format!("{name} names the tap itself, so {scheme} goes straight"))
                }
                Ok(proxy) => {
                    let at = proxy.at.authority();
                    let straight = "--upstream-proxy none: straight";
                    let remark =
                        format!("{scheme} goes through the proxy {at} of {name} ({straight})");
                    (Some(proxy), remark)
                }
            };
            remarks.push(remark);
            proxy
        };
        let (http, https) = (proxy("http", "http_proxy"), proxy("https", "https_proxy"));
        let listed = find(&["no_proxy"]).map(|it| it.0).unwrap_or_default();
        let Ok(without) = format!("{HERE},{listed}").parse::<NoProxy>();
        Environment { via: Via { http, https, without }, remarks }
    }
}

/// Many write no scheme.
fn parse(value: &str) -> Result<UpstreamProxy, String> {
    if value.contains("://") { value.parse() } else { format!("http://{value}").parse() }
}

const HERE: &str = "localhost,127.0.0.0/8,::1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Upstream;

    fn through(set: &[(&str, &str)]) -> (Vec<String>, String) {
        let variable =
            |name: &str| set.iter().find(|it| it.0 == name).map(|(_, value)| (*value).to_owned());
        let found = Environment::read(variable, &[([127, 0, 0, 1], 8080).into()]);
        let ways = ["http://a.test", "https://a.test", "http://127.0.0.7:1", "https://in.corp"];
        let ways = ways.map(|it| {
            let to: Upstream = it.parse().unwrap();
            found.via.proxy(&to).map_or("straight".to_owned(), |it| it.at.authority())
        });
        (ways.to_vec(), found.remarks.join("; "))
    }

    #[test]
    fn uses_what_other_programs_use() {
        for (set, ways, remark) in [
            (&[][..], ["straight", "straight", "straight", "straight"], ""),
            (
                &[("HTTP_PROXY", "http://p.test:3128"), ("https_proxy", "q.test:1")],
                ["p.test:3128", "q.test:1", "straight", "q.test:1"],
                "https goes through the proxy q.test:1 of https_proxy",
            ),
            (
                &[("ALL_PROXY", "socks5h://u:secret@s.test"), ("NO_PROXY", "x,.corp")],
                ["s.test:1080", "s.test:1080", "straight", "straight"],
                "http goes through the proxy s.test:1080 of ALL_PROXY",
            ),
            (
                &[("http_proxy", "http://localhost:8080"), ("HTTPS_PROXY", "127.0.0.1:8080")],
                ["straight", "straight", "straight", "straight"],
                "http_proxy names the tap itself",
            ),
            (
                &[("HTTPS_PROXY", "ftp://u:secret@x"), ("http_proxy", "")],
                ["straight", "straight", "straight", "straight"],
                "HTTPS_PROXY is not used for https: `x` is not a proxy",
            ),
        ] {
            let (found, remarks) = through(set);
            assert_eq!(found, ways, "{set:?}");
            assert!(remarks.contains(remark) && !remarks.contains("secret"), "{remarks}");
        }
    }
}
