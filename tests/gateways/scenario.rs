//! Scenarios as they stand in `mistakes.toml` and `healthy.toml`.

use std::net::SocketAddr;

use hopscope::fetch::{Credentials, Page, PageRequest};
use serde::Deserialize;

/// One pair of gateway and framework, with one mistake, or with none.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) gateway: String,
    /// The name of a file in `apps`; `down`: nobody listens there; `silent`: nobody
    /// answers there.
    pub(crate) app: String,
    #[serde(default)]
    pub(crate) options: String,
    #[serde(default)]
    pub(crate) config: String,
    /// What the page asks for: `GET /api/items X-Token=a`, with `body=…`, `length=…` (a body
    /// of so many bytes), `credentials=…` and `origin=…` (`same`: the edge's own).
    pub(crate) requests: Vec<String>,
    /// Scheme and name in the URL, where they are not the edge tap's own. `https`: as if TLS
    /// ended right before the edge tap.
    pub(crate) host: Option<String>,
    /// What ends TLS before the edge does not say so.
    #[serde(default)]
    pub(crate) quiet: bool,
    /// Who answered each hop, and every finding, with both taps.
    #[serde(default)]
    pub(crate) answered: String,
    #[serde(default)]
    pub(crate) findings: Vec<String>,
    /// The findings with the edge tap alone, and with the origin tap alone.
    #[serde(default)]
    pub(crate) edge: Vec<String>,
    #[serde(default)]
    pub(crate) origin: Vec<String>,
    /// What of it is changed, so that all is well: one way, or several.
    #[serde(default)]
    pub(crate) fix: OneOrMany,
    /// Lines that the app runs among its settings.
    #[serde(skip)]
    pub(crate) code: String,
}

/// A fix as hopscope printed it, or one that is written here, or both.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fix {
    /// The product whose setting is taken from the finding's own text: `nginx`, or `any` for
    /// what it advises whatever the product is.
    pub(crate) printed: Option<String>,
    /// Where that setting goes: `config` (in the place of `<<…>>`, which may be empty), `app`
    /// (among its lines) or `request` (in the place of `<<…>>`).
    #[serde(default)]
    pub(crate) into: Into,
    /// The finding that prints it, where it is not the first.
    pub(crate) of: Option<String>,
    /// The findings that are still there then.
    #[serde(default)]
    pub(crate) leaves: Vec<String>,
    pub(crate) config: Option<String>,
    pub(crate) options: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) requests: Option<Vec<String>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Into {
    #[default]
    Config,
    App,
    Request,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    Many(Vec<Fix>),
    One(Box<Fix>),
}

impl Default for OneOrMany {
    fn default() -> OneOrMany {
        OneOrMany::Many(Vec::new())
    }
}

impl OneOrMany {
    pub(crate) fn all(&self) -> Vec<&Fix> {
        match self {
            OneOrMany::One(fix) => vec![fix.as_ref()],
            OneOrMany::Many(fixes) => fixes.iter().collect(),
        }
    }
}

impl Fix {
    /// Whose fix it is, for the table.
    pub(crate) fn name(&self) -> &str {
        self.printed.as_deref().unwrap_or("by hand")
    }

    /// The settings that the text of a fix has for this product, joined to lines.
    fn setting(product: &str, text: &str) -> Option<String> {
        let piece = match product {
            "any" => text,
            _ => text.split("; or ").find(|it| {
                let whose = it.rsplit_once('(').map(|(_, it)| it.trim_end_matches(')'));
                whose.is_some_and(|it| it.split(", ").any(|it| it == product))
            })?,
        };
        let settings: Vec<&str> = piece.split('`').skip(1).step_by(2).collect();
        (!settings.is_empty()).then(|| settings.join("\n"))
    }
}

impl Scenario {
    /// The scenario after a fix, for which the text of the finding that prints it may be asked.
    pub(crate) fn fixed(
        &self,
        fix: &Fix,
        text: impl FnOnce() -> String,
    ) -> Result<Scenario, String> {
        let mut fixed = self.clone();
        fixed.config = fix.config.clone().unwrap_or(fixed.config);
        fixed.options = fix.options.clone().unwrap_or(fixed.options);
        fixed.app = fix.app.clone().unwrap_or(fixed.app);
        fixed.requests = fix.requests.clone().unwrap_or(fixed.requests);
        if let Some(product) = &fix.printed {
            let text = text();
            let setting = Fix::setting(product, &text);
            let setting = setting.ok_or_else(|| format!("no setting of {product} in: {text}"))?;
            match fix.into {
                Into::App => fixed.code = setting,
                Into::Config => fixed.config = filled(&fixed.config, Some(&setting)),
                Into::Request => {
                    for request in &mut fixed.requests {
                        *request = filled(request, Some(&setting));
                    }
                }
            }
        }
        Ok(fixed)
    }

    /// The gateway's configuration, without the marks of where a setting goes.
    pub(crate) fn config(&self) -> String {
        filled(&self.config, None)
    }

    /// The page that asks for all this at the edge.
    pub(crate) fn page(&self, edge: SocketAddr) -> Page {
        let host = self.host.clone().unwrap_or_else(|| format!("http://{edge}"));
        let requests = self.requests.iter().map(|it| request(&filled(it, None), &host)).collect();
        Page { origin: "http://page.test".to_owned(), requests, ..Page::default() }
    }
}

/// `<<old>>` replaced by `new`, or by what stands in it.
fn filled(text: &str, new: Option<&str>) -> String {
    let Some((before, rest)) = text.split_once("<<") else { return text.to_owned() };
    let (old, after) = rest.split_once(">>").unwrap();
    format!("{before}{}{}", new.unwrap_or(old), filled(after, new))
}

fn request(text: &str, host: &str) -> PageRequest {
    let mut words = text.split_whitespace();
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let mut request = PageRequest::get(format!("{host}{target}"));
    method.clone_into(&mut request.method);
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        let value = &value.replace("%20", " ");
        match name {
            "body" => request.body = Some(value.clone()),
            "length" => request.body = Some("x".repeat(value.parse().unwrap())),
            "credentials" => request.credentials = Credentials::parse(value).unwrap(),
            "origin" if value == "same" => request.page_origin = Some(host.to_owned()),
            "origin" => request.page_origin = Some(value.clone()),
            _ => request.headers.push(name, value.as_str()),
        }
    }
    request
}
