//! A tap: a place where hopscope stands and records.

/// A tap's number within one trace, in the order of the story: 0 is the outermost
/// (nearest to the browser).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TapId(pub u16);

/// A named place where hops were seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tap {
    /// `edge` and `origin` are the usual names.
    pub name: String,
    pub kind: TapKind,
    /// Where it listened, `127.0.0.1:8080`; the file's name for a file.
    pub address: String,
    /// Where a reverse tap forwards to, `http://127.0.0.1:8000`.
    pub upstream: Option<String>,
}

impl Tap {
    /// The last of `taps`; the first where there are none.
    pub fn innermost(taps: &[Tap]) -> TapId {
        TapId(u16::try_from(taps.len().saturating_sub(1)).unwrap_or(u16::MAX))
    }
}

/// How a tap sees traffic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TapKind {
    /// A client's HTTP proxy: any upstream.
    Forward,
    /// Stands in front of one fixed upstream.
    Reverse,
    /// Hops read from a file of another tool.
    File,
    /// hopscope's own requests (`hopscope fetch`).
    Direct,
}

impl TapKind {
    /// The word used on the command line, in files and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            TapKind::Forward => "forward",
            TapKind::Reverse => "reverse",
            TapKind::File => "file",
            TapKind::Direct => "direct",
        }
    }

    pub fn parse(text: &str) -> Option<TapKind> {
        [TapKind::Forward, TapKind::Reverse, TapKind::File, TapKind::Direct]
            .into_iter()
            .find(|it| it.as_str() == text)
    }
}
