//! [Typed netstrings](https://tnetstrings.info/), with mitmproxy's own type for text (`;`).
//!
//! ```text
//! LENGTH ':' PAYLOAD TYPE
//! ```
//!
//! **Invariant:** any bytes at all give a value or none, in linear time, and nesting is bounded.

/// A value; bytes stay where they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Bytes or text: which of both, differs from version to version.
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Dict(Vec<(&'a [u8], Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The value under a key; null where there is none.
    pub(super) fn get(&self, key: &str) -> &Value<'a> {
        let Value::Dict(pairs) = self else { return &Value::Null };
        let found = pairs.iter().find(|(name, _)| *name == key.as_bytes());
        found.map_or(&Value::Null, |(_, value)| value)
    }

    pub(super) fn items(&self) -> &[Value<'a>] {
        if let Value::List(items) = self { items } else { &[] }
    }

    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(super) fn text(&self) -> Option<String> {
        self.bytes().map(|it| String::from_utf8_lossy(it).into_owned())
    }

    pub(super) fn int(&self) -> Option<i64> {
        if let Value::Int(int) = self { Some(*int) } else { None }
    }

    pub(super) fn is_true(&self) -> bool {
        *self == Value::Bool(true)
    }

    /// Seconds, however they are written.
    #[expect(clippy::cast_precision_loss, reason = "a time in whole seconds is small")]
    pub(super) fn seconds(&self) -> Option<f64> {
        match self {
            Value::Float(it) => Some(*it),
            Value::Int(it) => Some(*it as f64),
            _ => None,
        }
        .filter(|it| it.is_finite() && *it > 0.0)
    }
}

/// The next value, and what is behind it; `None` when it is cut off or none.
pub(super) fn take(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    nested(bytes, 0)
}

fn nested(bytes: &[u8], depth: usize) -> Option<(Value<'_>, &[u8])> {
    let colon = bytes.iter().take(LONGEST_NUMBER).position(|it| *it == b':')?;
    let (length, rest) = bytes.split_at(colon);
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    let (payload, rest) = rest.get(1..)?.split_at_checked(length)?;
    let (kind, rest) = rest.split_first()?;
    let text = || std::str::from_utf8(payload).ok();
    let value = match kind {
        b',' | b';' => Value::Bytes(payload),
        b'#' => Value::Int(text()?.parse().ok()?),
        b'^' => Value::Float(text()?.parse().ok()?),
        b'!' => Value::Bool(payload == b"true"),
        b'~' => Value::Null,
        b']' if depth < DEEPEST => Value::List(all(payload, depth)?),
        b'}' if depth < DEEPEST => {
            let mut pairs = Vec::new();
            let mut all = all(payload, depth)?.into_iter();
            while let (Some(Value::Bytes(key)), Some(value)) = (all.next(), all.next()) {
                pairs.push((key, value));
            }
            Value::Dict(pairs)
        }
        _ => return None,
    };
    Some((value, rest))
}

fn all(mut payload: &[u8], depth: usize) -> Option<Vec<Value<'_>>> {
    let mut values = Vec::new();
    while !payload.is_empty() {
        let (value, rest) = nested(payload, depth + 1)?;
        values.push(value);
        payload = rest;
    }
    Some(values)
}

/// Digits of a length, and its colon.
const LONGEST_NUMBER: usize = 13;
const DEEPEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_type() {
        for (written, value) in [
            ("5:hello,", Value::Bytes(b"hello")),
            ("5:hello;", Value::Bytes(b"hello")),
            ("2:42#", Value::Int(42)),
            ("3:1.5^", Value::Float(1.5)),
            ("4:true!", Value::Bool(true)),
            ("5:false!", Value::Bool(false)),
            ("0:~", Value::Null),
            ("8:1:1#1:2#]", Value::List(vec![Value::Int(1), Value::Int(2)])),
            ("8:1:a,1:2#}", Value::Dict(vec![(b"a", Value::Int(2))])),
        ] {
            let (read, rest) = take(written.as_bytes()).unwrap();
            assert_eq!((read, rest.len()), (value, 0), "{written}");
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for written in
            ["", ":", "5", "x:a,", "9:short,", "2:ab?", "99999999999999999999:a,", "-1:,"]
        {
            assert_eq!(take(written.as_bytes()), None, "{written}");
        }
        let deep = (0..10_000).fold("0:]".to_owned(), |it, _| format!("{}:{it}]", it.len()));
        assert_eq!(take(deep.as_bytes()), None);
    }
}
