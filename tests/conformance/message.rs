//! Messages as they stand on a wire, one character a byte, and what differs between two of them.

use std::fmt::Write as _;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::wire::DEADLINE;

/// One request or one answer, with the interim answers before it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Message {
    /// Request line or status line.
    pub(crate) line: String,
    pub(crate) fields: Vec<(String, String)>,
    /// Without chunks.
    pub(crate) body: String,
    pub(crate) trailers: Vec<(String, String)>,
    /// All of it, as it was read.
    pub(crate) raw: String,
    /// How much of that are the answers before the answer.
    pub(crate) interim: usize,
}

/// Whether an answer has content, which only its request tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    Maybe,
    Never,
}

impl Message {
    /// Read one from a stream. `None` when it ends before a head does.
    pub(crate) async fn read<S>(stream: &mut S, content: Content) -> Option<Message>
    where
        S: AsyncRead + Unpin,
    {
        let mut message = Message::default();
        loop {
            let head = until(stream, "\r\n\r\n").await?;
            message.raw += &head;
            (message.line, message.fields) = parse(&head);
            let status = message.status();
            if !(100..200).contains(&status) || status == 101 {
                break;
            }
        }
        let is_answer = message.status() != 0;
        let bare = content == Content::Never || matches!(message.status(), 101 | 204 | 304);
        if bare {
            return Some(message);
        }
        let length = message.field("content-length").and_then(|it| it.parse().ok());
        let body = if message.field("transfer-encoding").is_some_and(|it| it.contains("chunked")) {
            message.read_chunks(stream).await
        } else if let Some(length) = length {
            let mut body = vec![0; length];
            tokio::time::timeout(DEADLINE, stream.read_exact(&mut body)).await.unwrap().unwrap();
            latin1(&body)
        } else if is_answer {
            let mut body = Vec::new();
            // A reset ends it, too.
            let _ended =
                tokio::time::timeout(DEADLINE, stream.read_to_end(&mut body)).await.unwrap();
            latin1(&body)
        } else {
            String::new()
        };
        if message.body.is_empty() {
            message.body.clone_from(&body);
        }
        message.raw += &body;
        Some(message)
    }

    /// As it was written in a table, in one piece.
    pub(crate) fn parsed(text: &str) -> Message {
        let whole = text.rsplit("HTTP/1.").next().unwrap_or_default();
        let start = if text.starts_with("HTTP/") { text.len() - whole.len() - 7 } else { 0 };
        let (head, rest) = text[start..].split_once("\r\n\r\n").unwrap_or((&text[start..], ""));
        let (line, fields) = parse(head);
        let raw = text.to_owned();
        let mut message = Message { line, fields, raw, interim: start, ..Message::default() };
        if message.field("transfer-encoding").is_none() {
            rest.clone_into(&mut message.body);
            return message;
        }
        let mut lines = rest.split("\r\n");
        while let Some(size) = lines.next().filter(|it| !it.is_empty() && *it != "0") {
            let data = lines.next().unwrap_or_default();
            assert_eq!(usize::from_str_radix(size.split(';').next().unwrap(), 16), Ok(data.len()));
            message.body += data;
        }
        message.trailers = fields_of(lines);
        message
    }

    /// In HTTP/2 nobody says that there are chunks.
    pub(crate) fn sent_in(mut self, is_h2: bool) -> Message {
        self.fields.retain(|it| !is_h2 || !it.0.eq_ignore_ascii_case("transfer-encoding"));
        self
    }

    async fn read_chunks<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> String {
        let mut raw = String::new();
        loop {
            let size = until(stream, "\r\n").await.unwrap();
            raw += &size;
            let digits = size.trim().split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).unwrap();
            if length == 0 {
                break;
            }
            let mut data = vec![0; length + 2];
            tokio::time::timeout(DEADLINE, stream.read_exact(&mut data)).await.unwrap().unwrap();
            raw += &latin1(&data);
            self.body += &latin1(&data[..length]);
        }
        loop {
            let line = until(stream, "\r\n").await.unwrap();
            raw += &line;
            if line == "\r\n" {
                return raw;
            }
            self.trailers.extend(fields_of([line.trim_end()].into_iter()));
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|it| it.0.eq_ignore_ascii_case(name));
        found.map(|it| it.1.as_str())
    }

    /// 0 for a request.
    pub(crate) fn status(&self) -> u16 {
        let status = self.line.strip_prefix("HTTP/").and_then(|it| it.split(' ').nth(1));
        status.and_then(|it| it.parse().ok()).unwrap_or(0)
    }

    /// What both versions of HTTP can say: no version, no reason, names in lower case.
    pub(crate) fn common(&self) -> Vec<String> {
        let line = match self.status() {
            0 => self.line.rsplit_once(" HTTP/").map_or(self.line.as_str(), |it| it.0).to_owned(),
            status => status.to_string(),
        };
        let field = |it: &(String, String)| format!("{}: {}", it.0.to_ascii_lowercase(), it.1);
        let mut lines = vec![line];
        lines.extend(self.fields.iter().map(field));
        lines.push(format!("body {:?}", self.body));
        lines.extend(self.trailers.iter().map(|it| format!("trailer {}", field(it))));
        lines
    }

    /// Every line as it was.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.raw.split("\r\n").map(str::to_owned).collect()
    }
}

/// What `out` has and `came` has not (`+ LINE`), and the other way round (`- LINE`).
pub(crate) fn differences(came: &[String], out: &[String]) -> Vec<String> {
    let mut left = out.to_vec();
    let mut found = Vec::new();
    for line in came {
        match left.iter().position(|it| it == line) {
            Some(at) => drop(left.remove(at)),
            None => found.push(format!("- {}", short(line))),
        }
    }
    found.extend(left.iter().map(|it| format!("+ {}", short(it))));
    let common = |lines: &[String], others: &[String]| -> Vec<String> {
        lines.iter().filter(|it| others.contains(it)).cloned().collect()
    };
    if found.is_empty() && common(came, out) != common(out, came) {
        found.push("order".to_owned());
    }
    found
}

fn short(line: &str) -> String {
    let mut shown = String::new();
    for it in line.chars().take(60) {
        let _written = if it.is_control() {
            write!(shown, "{}", it.escape_default())
        } else {
            write!(shown, "{it}")
        };
    }
    shown
}

fn parse(head: &str) -> (String, Vec<(String, String)>) {
    let mut lines = head.split("\r\n").flat_map(|it| it.split('\n'));
    (lines.next().unwrap_or_default().to_owned(), fields_of(lines))
}

fn fields_of<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let fields = lines.filter_map(|it| it.split_once(':'));
    fields.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

async fn until<S: AsyncRead + Unpin>(stream: &mut S, end: &str) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let byte = tokio::time::timeout(DEADLINE, stream.read_u8());
        read.push(byte.await.expect("nothing more came").ok()?);
    }
    Some(latin1(&read))
}

/// Every byte as one character.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|it| char::from(*it)).collect()
}

/// Every character as one byte.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect()
}
