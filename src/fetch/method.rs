//! Request methods: which exist for scripts, and which need asking.
//!
//! **Invariant:** methods are compared case-sensitively everywhere but in normalisation.

/// [Forbidden method](https://fetch.spec.whatwg.org/#forbidden-method)
pub fn is_forbidden(method: &[u8]) -> bool {
    ["CONNECT", "TRACE", "TRACK"].iter().any(|it| method.eq_ignore_ascii_case(it.as_bytes()))
}

/// [CORS-safelisted method](https://fetch.spec.whatwg.org/#cors-safelisted-method)
pub fn is_safelisted(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "POST")
}

/// [Normalise](https://fetch.spec.whatwg.org/#concept-method-normalize): six methods become
/// upper case. `patch` is none of them and stays as it is.
pub fn normalise(method: &str) -> String {
    ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]
        .iter()
        .find(|it| method.eq_ignore_ascii_case(it))
        .map_or_else(|| method.to_owned(), |it| (*it).to_owned())
}

/// Whether `text` is a [method](https://fetch.spec.whatwg.org/#concept-method) at all.
pub fn is_method(text: &str) -> bool {
    is_token(text.as_bytes())
}

/// A [token](https://www.rfc-editor.org/rfc/rfc9110#name-tokens) of HTTP.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|it| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_is_not_normalised() {
        for (method, normal) in
            [("put", "PUT"), ("patch", "patch"), ("Delete", "DELETE"), ("FOO", "FOO")]
        {
            assert_eq!(normalise(method), normal);
        }
        assert!(is_forbidden(b"Trace") && !is_forbidden(b"PATCH"));
        assert!(is_method("PATCH") && !is_method("A B") && !is_method(""));
    }
}
