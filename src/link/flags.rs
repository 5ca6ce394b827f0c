//! A set of small truths about a hop, and its `Sec-Fetch-*` words, in 32 bits.
//!
//! **Invariant:** a flag that is not set says that it does not hold or is not on record,
//! never more.

/// See the constants.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags(u32);

impl Flags {
    pub(crate) const PREFLIGHT: u32 = 1;
    /// The method on the wire is `OPTIONS`.
    pub(crate) const OPTIONS: u32 = 1 << 1;
    pub(crate) const TUNNEL: u32 = 1 << 2;
    pub(crate) const WEBSOCKET: u32 = 1 << 3;
    /// Request headers were recorded at all.
    pub(crate) const HEADERS: u32 = 1 << 4;
    pub(crate) const BROWSER: u32 = 1 << 5;
    pub(crate) const FIREFOX: u32 = 1 << 6;
    pub(crate) const NULL_ORIGIN: u32 = 1 << 7;
    /// `Origin` is the URL's own.
    pub(crate) const SAME_ORIGIN: u32 = 1 << 8;
    /// `GET` or `HEAD`.
    pub(crate) const READ: u32 = 1 << 9;
    pub(crate) const POST: u32 = 1 << 10;
    pub(crate) const AUTHORIZED: u32 = 1 << 11;
    /// By method or headers.
    pub(crate) const NEEDS_PREFLIGHT: u32 = 1 << 12;
    pub(crate) const OPEN: u32 = 1 << 13;
    /// No proper answer came.
    pub(crate) const FAILED: u32 = 1 << 14;
    /// … because the connection closed or was reset.
    pub(crate) const CLOSED: u32 = 1 << 15;
    /// The answer lets a page of this `Origin` go on.
    pub(crate) const PASSED: u32 = 1 << 16;
    /// The answer asks to send the request again, with credentials or on another connection.
    pub(crate) const CHALLENGED: u32 = 1 << 17;
    /// A redirect that a cache may keep, or an answer that it may validate.
    pub(crate) const PERMANENT: u32 = 1 << 18;
    /// An HTML page that a browser navigated to.
    pub(crate) const DOCUMENT: u32 = 1 << 19;
    /// The trace symbol is the mark of a tap.
    pub(crate) const MARKED: u32 = 1 << 20;
    const GRANTS_PUT: u32 = 1 << 21;
    const GRANTS_PATCH: u32 = 1 << 22;
    const GRANTS_DELETE: u32 = 1 << 23;
    const GRANTS_ANY: u32 = 1 << 24;
    const MODE_SHIFT: u32 = 25;
    const DEST_SHIFT: u32 = 28;

    pub(crate) fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    pub(crate) fn set(&mut self, flag: u32) {
        self.0 |= flag;
    }

    pub(crate) fn note(&mut self, flag: u32, holds: bool) {
        if holds {
            self.set(flag);
        }
    }

    /// Keep `Sec-Fetch-Mode` and `Sec-Fetch-Dest`.
    pub(crate) fn set_words(&mut self, mode: Option<&[u8]>, dest: Option<&[u8]>) {
        let index = |value: Option<&[u8]>, words: &[&str]| {
            let at = words.iter().position(|it| Some(it.as_bytes()) == value);
            at.and_then(|it| u32::try_from(it + 1).ok()).unwrap_or(0)
        };
        self.0 |= index(mode, MODES) << Flags::MODE_SHIFT;
        self.0 |= index(dest, DESTS) << Flags::DEST_SHIFT;
    }

    /// Whether both have a `Sec-Fetch-Mode` or `-Dest`, and it differs.
    pub(crate) fn words_differ(self, other: Flags) -> bool {
        let differ = |a: u32, b: u32| a != 0 && b != 0 && a != b;
        differ(self.mode(), other.mode()) || differ(self.dest(), other.dest())
    }

    pub(crate) fn has_words(self) -> bool {
        self.mode() != 0
    }

    pub(crate) fn is_navigation(self) -> bool {
        self.mode() == NAVIGATE
    }

    pub(crate) fn is_cors(self) -> bool {
        self.mode() == CORS
    }

    fn mode(self) -> u32 {
        (self.0 >> Flags::MODE_SHIFT) & 0b111
    }

    fn dest(self) -> u32 {
        (self.0 >> Flags::DEST_SHIFT) & 0b1111
    }

    /// Keep which methods a preflight's answer grants.
    pub(crate) fn set_granted(&mut self, list: &[u8]) {
        for method in list.split(|it| *it == b',') {
            match method.trim_ascii() {
                b"PUT" => self.set(Flags::GRANTS_PUT),
                b"PATCH" => self.set(Flags::GRANTS_PATCH),
                b"DELETE" => self.set(Flags::GRANTS_DELETE),
                b"*" => self.set(Flags::GRANTS_ANY),
                _ => {}
            }
        }
    }

    /// Note the method, so that [`Flags::grants_method_of`] can tell.
    pub(crate) fn set_method(&mut self, method: &str) {
        match method {
            "PUT" => self.set(Flags::GRANTS_PUT),
            "PATCH" => self.set(Flags::GRANTS_PATCH),
            "DELETE" => self.set(Flags::GRANTS_DELETE),
            _ => {}
        }
    }

    /// Whether this preflight's answer lists the method of that `request`, one of the usual
    /// three.
    pub(crate) fn grants_method_of(self, request: Flags) -> bool {
        const USUAL: u32 = Flags::GRANTS_PUT | Flags::GRANTS_PATCH | Flags::GRANTS_DELETE;
        self.has(Flags::GRANTS_ANY) || self.0 & request.0 & USUAL != 0
    }
}

const MODES: &[&str] = &["cors", "no-cors", "same-origin", "navigate", "websocket"];
const CORS: u32 = 1;
const NAVIGATE: u32 = 4;

const DESTS: &[&str] = &[
    "empty", "document", "script", "image", "style", "font", "iframe", "frame", "manifest",
    "audio", "video", "track", "worker", "report", "object",
];
