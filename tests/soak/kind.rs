//! What requests are for: what is asked, what the upstream does, and what must be recorded.

use std::sync::LazyLock;

/// One way that an exchange goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Kind {
    Small,
    Big,
    Upload,
    /// Server-sent events, a piece at a time.
    Events,
    /// The body ends with the upstream's side of the connection.
    HalfClosed,
    WebSocket,
    /// After the upgrade come bytes that are no frames.
    BadFrames,
    Refused,
    ResetInHead,
    ResetInBody,
    /// The upstream promises more than it sends.
    Short,
    BadChunks,
    /// The upstream says nothing, until the client has enough.
    Silent,
    /// The client leaves in the middle of the answer.
    LeftInBody,
    /// The client leaves in the middle of what it sends.
    LeftInUpload,
}

pub(crate) const ALL: [Kind; 15] = [
    Kind::Small,
    Kind::Big,
    Kind::Upload,
    Kind::Events,
    Kind::HalfClosed,
    Kind::WebSocket,
    Kind::BadFrames,
    Kind::Refused,
    Kind::ResetInHead,
    Kind::ResetInBody,
    Kind::Short,
    Kind::BadChunks,
    Kind::Silent,
    Kind::LeftInBody,
    Kind::LeftInUpload,
];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Small => "small",
            Kind::Big => "big",
            Kind::Upload => "upload",
            Kind::Events => "events",
            Kind::HalfClosed => "half-closed",
            Kind::WebSocket => "websocket",
            Kind::BadFrames => "bad-frames",
            Kind::Refused => "refused",
            Kind::ResetInHead => "reset-in-head",
            Kind::ResetInBody => "reset-in-body",
            Kind::Short => "short",
            Kind::BadChunks => "bad-chunks",
            Kind::Silent => "silent",
            Kind::LeftInBody => "left-in-body",
            Kind::LeftInUpload => "left-in-upload",
        }
    }

    /// Whether it asks for a connection that speaks WebSocket.
    pub(crate) fn upgrades(self) -> bool {
        matches!(self, Kind::WebSocket | Kind::BadFrames)
    }

    /// Whether the client gets all it asked for.
    pub(crate) fn is_fine(self) -> bool {
        ALL.iter().position(|it| *it == self) < ALL.iter().position(|it| *it == Kind::Refused)
    }

    /// What must be recorded at the tap that stands before the upstream.
    pub(crate) fn recorded(self) -> &'static str {
        match self {
            Kind::WebSocket | Kind::BadFrames => "101",
            Kind::Refused => "refused",
            Kind::ResetInHead => "reset",
            Kind::ResetInBody => "200 reset",
            Kind::Short => "200 closed",
            Kind::BadChunks => "200 malformed",
            Kind::Silent | Kind::LeftInUpload => "aborted",
            Kind::LeftInBody => "200 aborted",
            _ => "200",
        }
    }

    /// And at a tap before that one, to which the failure is handed on as it can be said.
    pub(crate) fn recorded_outside(self) -> &'static str {
        match self {
            Kind::Refused => "closed",
            Kind::BadChunks => "200 closed",
            other => other.recorded(),
        }
    }
}

/// What a request asks for: `/KIND/ID/SIZE`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    /// Bytes of what is sent in either direction.
    pub(crate) size: usize,
}

impl Order {
    pub(crate) fn path(self) -> String {
        format!("/{}/{}/{}", self.kind.name(), self.id, self.size)
    }

    /// From a URL or a path.
    pub(crate) fn parse(url: &str) -> Option<Order> {
        let mut parts = url.rsplit('/');
        let (size, id, name) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = *ALL.iter().find(|it| it.name() == name)?;
        Some(Order { kind, id: id.parse().ok()?, size: size.parse().ok()? })
    }

    /// Its bytes, other ones than those of any other order, and as good as incompressible.
    pub(crate) fn bytes(self) -> &'static [u8] {
        let at = usize::try_from(self.id * 7_919).unwrap() % (NOISE.len() - MOST);
        &NOISE[at..at + self.size]
    }

    /// A frame, and bytes that are none.
    pub(crate) fn bad_frames(self) -> Vec<u8> {
        let at = usize::try_from(self.id).unwrap() % BREACHES.len();
        [b"\x82\x82\0\0\0\0ok", BREACHES[at], self.bytes()].concat()
    }

    /// What goes by before the exchange breaks.
    pub(crate) fn half(self) -> &'static [u8] {
        &self.bytes()[..self.size / 2]
    }
}

/// Heads of frames that no endpoint may send
/// ([RFC 6455 §5.2](https://www.rfc-editor.org/rfc/rfc6455#section-5.2)), and of one that is too
/// long ever to end.
const BREACHES: [&[u8]; 6] = [
    b"\x83\x80\0\0\0\0",
    b"\x09\x80\0\0\0\0",
    b"\x89\xfe\0\xff\0\0\0\0",
    b"\xb2\x80\0\0\0\0",
    b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
];

/// Bytes of the largest body.
pub(crate) const MOST: usize = 1 << 20;

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut dice = Dice::new(42);
    (0..1 << 20).flat_map(|_| dice.random().to_le_bytes()).collect()
});

/// Random numbers that a seed repeats.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// xorshift64*
    pub(crate) fn random(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.random() % n as u64).unwrap()
    }

    /// One by weight.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[(usize, T)]) -> T {
        let mut at = self.below(from.iter().map(|it| it.0).sum());
        for (weight, it) in from {
            if at < *weight {
                return *it;
            }
            at -= weight;
        }
        unreachable!("the weights are all there is")
    }
}
