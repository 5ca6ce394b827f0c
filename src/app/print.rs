//! Printing chains as `explain`, `fetch` and `demo` do, and the exit code they share.

use std::io::Write;

use super::{Console, Error};
use crate::cli::{FailOn, Print};
use crate::diagnose::Analysis;
use crate::fetch::{FailedBy, VerdictOutcome};
use crate::formats::Secrets;
use crate::formats::json::{ChainWriter, Place};
use crate::formats::text::{Glyphs, Text};
use crate::trace::{ByHop, Note, Tap};

/// Prints analysed chains one after the other and keeps count for the exit code.
pub(crate) struct Printer<'a> {
    options: &'a Print,
    tally: Tally,
    form: Form<'a>,
}

enum Form<'a> {
    Json(ChainWriter<'a, &'a mut (dyn Write + 'a)>),
    Text { out: &'a mut (dyn Write + 'a), text: Text<'a>, chains: usize, markdown: bool },
}

impl<'a> Printer<'a> {
    /// Begin the output.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub(crate) fn begin(
        console: &'a mut Console,
        options: &'a Print,
        taps: &'a [Tap],
        notes: &'a [Note],
        places: &'a ByHop<Place>,
        secrets: &'a Secrets,
    ) -> Result<Printer<'a>, Error> {
        let width = console.width();
        let glyphs = if options.ascii || !console.utf8() { Glyphs::Ascii } else { Glyphs::Unicode };
        let out: &'a mut (dyn Write + 'a) = console.out.as_mut();
        let form = if options.json {
            Form::Json(ChainWriter::begin(out, taps, notes, places, secrets).map_err(write_error)?)
        } else {
            let text = Text { taps, notes, secrets, glyphs, width };
            Form::Text { out, text, chains: 0, markdown: options.markdown }
        };
        Ok(Printer { options, tally: Tally::default(), form })
    }

    /// Print one chain.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub(crate) fn chain(
        &mut self,
        id: usize,
        title: Option<&str>,
        analysis: &Analysis,
    ) -> Result<(), Error> {
        self.tally.count(analysis, self.options);
        match &mut self.form {
            Form::Json(writer) => writer.chain(id, analysis).map_err(write_error),
            Form::Text { out, text, chains, markdown } => {
                let body = if *markdown {
                    text.markdown(id, title, analysis)
                } else {
                    text.chain(id, title, analysis)
                };
                let gap = if *chains == 0 { "" } else { "\n" };
                *chains += 1;
                write!(out, "{gap}{body}").map_err(write_error)
            }
        }
    }

    /// End the output; the exit code of the contract.
    ///
    /// # Errors
    ///
    /// When the output cannot be written.
    pub(crate) fn end(self, nothing: &str) -> Result<u8, Error> {
        match self.form {
            Form::Json(writer) => writer.end().map_err(write_error)?,
            Form::Text { out, chains, .. } => {
                if chains == 0 {
                    writeln!(out, "{nothing}").map_err(write_error)?;
                }
                out.flush().map_err(write_error)?;
            }
        }
        Ok(self.tally.exit_code())
    }
}

fn write_error(source: std::io::Error) -> Error {
    Error::Write { source }
}

/// What the exit code is made of.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    refused: bool,
    network: bool,
}

impl Tally {
    fn count(&mut self, analysis: &Analysis, options: &Print) {
        let verdict = &analysis.judgement.verdict;
        match verdict.outcome {
            VerdictOutcome::Allowed => {}
            VerdictOutcome::Blocked => self.refused = true,
            VerdictOutcome::Depends => {
                // The code of a verdict that depends is its default branch's.
                self.refused |= options.strict || verdict.chromium.code.is_some();
            }
            VerdictOutcome::Failed => match verdict.failed {
                Some(
                    FailedBy::Csp | FailedBy::Corp | FailedBy::Coep | FailedBy::Url | FailedBy::Api,
                ) => self.refused = true,
                Some(FailedBy::Network | FailedBy::Redirect | FailedBy::Timeout) | None => {
                    self.network = true;
                }
            },
        }
        let fails = |code: &str| {
            options.fail_on.iter().any(|it| match it {
                FailOn::Any => true,
                FailOn::Code(wanted) => wanted == code,
            })
        };
        self.refused |= analysis.findings.iter().any(|it| fails(it.code));
    }

    fn exit_code(self) -> u8 {
        match self {
            Tally { refused: true, .. } => 1,
            Tally { network: true, .. } => 3,
            Tally { .. } => 0,
        }
    }
}
