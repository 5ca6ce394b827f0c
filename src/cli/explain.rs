//! `hopscope explain`

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{Assume, Input, browser};
use crate::diagnose;
use crate::fetch::Browser;
use crate::trace::Filter;

/// Say what a browser concludes from recorded hops, who caused it, what to change.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  hopscope explain incident.hops
  hopscope explain edge=browser.har origin=backend.har
  hopscope explain page.har --json --assume credentials=include
  hopscope explain incident.hops --chain 7 --markdown >> ticket.md")]
pub struct Explain {
    /// A trace, a HAR, mitmproxy flows, or - for stdin; several as NAME=FILE are taps of one story, outermost first
    #[arg(required = true, value_name = "FILE | NAME=FILE")]
    pub inputs: Vec<Input>,

    #[command(flatten)]
    pub print: Print,

    /// Only the chain with this number
    #[arg(long, value_name = "N")]
    pub chain: Option<usize>,

    /// Only chains with all these words in method, URL, status, verdict or finding
    #[arg(long, value_name = "WORDS")]
    pub filter: Option<Filter>,

    /// What the recording does not show: api, mode, credentials, redirect, crossorigin
    #[arg(long, value_name = "KEY=VALUE")]
    pub assume: Vec<Assume>,

    /// Whose behaviour to judge by: chromium or firefox [default: by User-Agent, else chromium]
    #[arg(long = "as", value_name = "BROWSER", value_parser = browser)]
    pub browser: Option<Browser>,
}

/// How chains are printed, and what that means for the exit code. Shared by `explain`,
/// `fetch` and `demo`.
#[derive(Args, Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Print {
    /// Print JSON (schema 1)
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,

    /// Print Markdown, for a ticket
    #[arg(long)]
    pub markdown: bool,

    /// Exit with 1 when a finding has this code, or `any`
    #[arg(long, value_name = "CODE", value_parser = fail_on(), hide_possible_values = true)]
    pub fail_on: Vec<FailOn>,

    /// Count a verdict that depends on something unseen as blocked
    #[arg(long)]
    pub strict: bool,

    /// Print secrets as recorded instead of redacting them
    #[arg(long)]
    pub reveal: bool,

    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,
}

/// A finding's code that shall fail the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FailOn {
    Any,
    Code(String),
}

/// Knows the codes, because one that is misspelt would never fail anything.
fn fail_on() -> impl TypedValueParser<Value = FailOn> {
    let codes = std::iter::once(ANY).chain(diagnose::codes());
    PossibleValuesParser::new(codes).map(|it| match it.as_str() {
        ANY => FailOn::Any,
        _ => FailOn::Code(it),
    })
}

const ANY: &str = "any";
