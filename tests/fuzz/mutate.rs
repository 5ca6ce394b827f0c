//! Inputs made from a corpus: small changes, joints of two, words that parsers know.

/// Changes a corpus at random, the same way for the same seed.
pub(crate) struct Mutator {
    corpus: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    pub(crate) fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Mutator {
        Mutator { corpus, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// The next input.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut input = self.pick();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(32)).min(input.len());
        match self.below(9) {
            0 => input.insert(at, self.byte()),
            1 if at < input.len() => input[at] ^= 1 << self.below(8),
            2 if at < input.len() => input[at] = self.byte(),
            3 => drop(input.drain(at..end)),
            4 => input.truncate(at),
            5 => {
                let piece = input[at..end].repeat(1 + self.below(20));
                input.splice(at..at, piece);
            }
            6 => {
                let other = self.pick();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            7 => {
                let (_, word) = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.bytes());
            }
            _ => {
                let digits = ["0", "-1", "65536", "4294967296", "18446744073709551616", "1e999"];
                let number = digits[self.below(digits.len())];
                input.splice(at..end, number.bytes());
            }
        }
    }

    fn pick(&mut self) -> Vec<u8> {
        let n = self.below(self.corpus.len());
        self.corpus[n].clone()
    }

    fn byte(&mut self) -> u8 {
        const TELLING: &[u8] = b"\0\r\n\t :;,/\\\"'%#?&=@[]{}<>\x1b\x1e\x1f\x7f\x80\xff";
        match self.below(3) {
            0 => self.random().to_le_bytes()[3],
            _ => TELLING[self.below(TELLING.len())],
        }
    }

    fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).unwrap_or(1);
        usize::try_from(self.random() % n).unwrap_or_default()
    }

    /// xorshift64*
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// What stands before a long input, and what it is made of.
pub(crate) const WORDS: &[(&str, &str)] = &[
    ("", "a"),
    ("", " "),
    ("", "\r\n"),
    ("\u{1}", "\n"),
    ("", "\0"),
    ("", "\u{1b}[31m"),
    ("", "é"),
    ("\u{1}HTTP/1.1 200 OK\r\n", "a: b\r\n"),
    ("\u{1}HTTP/1.1 200 OK\r\n", "a: b\r\n c\r\n"),
    ("\u{1}HTTP/1.1 200 OK\r\nx: ", "y"),
    ("\u{1}", "HTTP/1.1 100 C\r\n\r\n"),
    ("", "1\r\na\r\n"),
    ("", "1;a=b\r\na\r\n"),
    ("0\r\n", "a: b\r\n"),
    ("http://a.test/", "../"),
    ("http://a.test/", "%2e/"),
    ("http://a.test/?", "a=b&"),
    ("http://a.test/\n", "/a"),
    ("http://", "a."),
    ("http://", "@"),
    ("", "a=b; "),
    ("", "default-src 'self' https://a.test; "),
    ("", "a=b\n"),
    ("{\"log\":{\"entries\":", "["),
    ("{\"log\":{\"entries\":[", "{\"request\":{\"url\":\"http://a.test/\"}},"),
    ("{\"log\":{\"entries\":[{\"request\":{\"url\":\"http://a.test/", "\\u0041"),
    ("", "{\"a\":"),
    ("", "\"\\"),
    ("", "[["),
    ("", "[[fingerprint]]\n"),
    ("a = ", "["),
    ("", "a.b.c.d = 1\n"),
    ("GET http://a.test/", "a/"),
    ("GET http://a.test/\n", "origin: http://b.test\n"),
    ("GET http://a.test/\u{1f}HTTP/1.1 200 OK\r\n", "access-control-allow-origin: *\r\n"),
    ("GET http://a.test/\u{1f}HTTP/1.1 200 OK\r\n", "set-cookie: a=b\r\n"),
    ("GET http://a.test/\u{1f}HTTP/1.1 302 F\r\nlocation: /", "a/"),
    ("", "eyJhbGciOiJIUzI1NiJ9.eyJ.a "),
    ("", "Bearer "),
    ("/", "?a=/"),
    ("", "http://a.test/?a="),
    ("a=", "%25"),
    ("", "ey"),
    ("", "eyeyeyey."),
    ("{\"", "\\\""),
    ("", "\"a\":"),
    ("GET http://a.test/\u{1f}HTTP/1.1 200 OK\r\n", "vary: a, b, c\r\n"),
    ("GET http://a.test/\ncookie: ", "a=b; "),
    ("GET http://a.test/\n", "via: 1.1 a\n"),
    (
        "OPTIONS http://a.test/\naccess-control-request-method: GET\norigin: http://b.test\naccess-control-request-headers: ",
        "a,",
    ),
    (
        "OPTIONS http://a.test/\naccess-control-request-method: GET\norigin: http://b.test\u{1f}HTTP/1.1 200 OK\r\naccess-control-allow-headers: ",
        "a,",
    ),
    ("edge=reverse:1=http://", "a."),
    ("edge=forward:1", ",open"),
];

/// Small inputs are tried more often in the same time.
const LONGEST: usize = 1 << 16;
