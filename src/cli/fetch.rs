//! `hopscope fetch`

use std::path::PathBuf;

use clap::Args;

use super::explain::Print;
use super::{Certificates, browser};
use crate::fetch::{AddressSpace, Api, Browser, CacheMode, Mode, RedirectMode};
use crate::proxy::{Credentials, UpstreamProxy};

/// Do what a browser would do for a page at ORIGIN, hop by hop, for real, and explain it.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  hopscope fetch https://api.example.com/prod/items --origin https://my.front-end.com
  hopscope fetch http://localhost:8000/items -X POST -H 'Content-Type: application/json' -d '{}' \\
      --origin http://localhost:3000 --credentials include
  hopscope fetch --page page.json --json -o try.hops")]
pub struct Fetch {
    /// What the page asks for
    #[arg(required_unless_present = "page", conflicts_with = "page")]
    pub url: Option<String>,

    /// The page's origin, for example `https://my.front-end.com`
    #[arg(long, value_name = "ORIGIN", required_unless_present = "page", conflicts_with = "page")]
    pub origin: Option<String>,

    /// The page and its requests as JSON
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,

    /// Request method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD", conflicts_with = "page")]
    pub method: Option<String>,

    /// Request header that the page's script sets; of those that browsers keep to themselves (Host,
    /// Cookie, Origin) it is said that they are not sent
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header, conflicts_with = "page")]
    pub headers: Vec<(String, String)>,

    /// Request body; @FILE reads a file
    #[arg(short = 'd', long = "data", value_name = "BODY", conflicts_with = "page")]
    pub data: Option<String>,

    /// What in the page asks: fetch, xhr, img, script, module, style, font, beacon, eventsource
    #[arg(long, value_name = "API", value_parser = api, conflicts_with = "page")]
    pub api: Option<Api>,

    /// same-origin, include or omit
    #[arg(long, value_name = "MODE", value_parser = credentials, conflicts_with = "page")]
    pub credentials: Option<crate::fetch::Credentials>,

    /// cors, no-cors, same-origin or navigate
    #[arg(long, value_name = "MODE", value_parser = mode, conflicts_with = "page")]
    pub mode: Option<Mode>,

    /// follow, error or manual
    #[arg(long, value_name = "MODE", value_parser = redirect, conflicts_with = "page")]
    pub redirect: Option<RedirectMode>,

    /// The fetch's cache mode: default, no-store, reload, no-cache, force-cache, only-if-cached
    #[arg(long, value_name = "MODE", value_parser = cache, conflicts_with = "page")]
    pub cache: Option<CacheMode>,

    /// The crossorigin attribute of an element: anonymous or use-credentials
    #[arg(long, value_name = "VALUE", conflicts_with = "page")]
    pub crossorigin: Option<String>,

    /// A cookie that the browser holds for the URL's host
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "page")]
    pub cookie: Vec<String>,

    /// Address space of the page: public, local or loopback
    #[arg(long, value_name = "SPACE", value_parser = address_space, conflicts_with = "page")]
    pub address_space: Option<AddressSpace>,

    /// Give up after so many milliseconds
    #[arg(long, value_name = "MS", conflicts_with = "page")]
    pub timeout_ms: Option<u64>,

    /// Send through this proxy (a forward tap), USER:PASSWORD@ in front if it wants them
    #[arg(long, value_name = "URL", value_parser = via)]
    pub via: Option<UpstreamProxy>,

    /// What the proxy wants, where the URL of --via does not say it; in the environment it is not
    /// shown to other users of this machine
    #[arg(long, value_name = "USER:PASSWORD", env = "HOPSCOPE_AUTH", hide_env_values = true)]
    pub auth: Option<Credentials>,

    #[command(flatten)]
    pub certificates: Certificates,

    /// Whose behaviour: chromium or firefox
    #[arg(long = "as", value_name = "BROWSER", value_parser = browser)]
    pub browser: Option<Browser>,

    /// Record the hops into a trace
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub print: Print,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    if name.trim().is_empty() {
        return Err("expected `Name: value`".to_owned());
    }
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn via(text: &str) -> Result<UpstreamProxy, String> {
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let proxy: UpstreamProxy = url.parse()?;
    match proxy.plain_http() {
        Some(_) => Ok(proxy),
        None => Err("fetch speaks plain HTTP to its proxy: expected http://HOST:PORT".to_owned()),
    }
}

macro_rules! word_parser {
    ($name:ident, $type:ty) => {
        fn $name(word: &str) -> Result<$type, String> {
            <$type>::parse(word).ok_or_else(|| {
                let words: Vec<&str> = <$type>::ALL.iter().map(|it| it.as_str()).collect();
                format!("`{word}` is not one of {}", words.join(", "))
            })
        }
    };
}

word_parser!(api, Api);
word_parser!(credentials, crate::fetch::Credentials);
word_parser!(mode, Mode);
word_parser!(redirect, RedirectMode);
word_parser!(address_space, AddressSpace);
word_parser!(cache, CacheMode);
