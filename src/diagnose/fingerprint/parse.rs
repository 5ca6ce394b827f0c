//! Reading fingerprints from TOML, with errors that name file, line and reason.
//!
//! **Invariant:** one bad entry costs itself only; a file that is no TOML costs the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Fingerprint, Role, StatusIs, When};
use crate::lineage::Actor;

/// What is wrong with a fingerprint file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("cannot use the fingerprint at {file}:{line}: {what}")]
pub struct FingerprintError {
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub what: String,
}

impl FingerprintError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        "the built-in fingerprints still work; see assets/fingerprints.toml for the format".into()
    }
}

/// The fingerprints of a file and what is wrong with the others.
pub(super) fn parse(text: &str, file: &str) -> (Vec<Fingerprint>, Vec<FingerprintError>) {
    let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let error = |at: usize, what: String| FingerprintError {
        file: file.to_owned(),
        line: 1 + lines.partition_point(|it| *it < at),
        what,
    };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(err) => {
            let at = err.span().map_or(0, |it| it.start);
            return (Vec::new(), vec![error(at, err.message().to_owned())]);
        }
    };
    let (mut prints, mut errors) = (Vec::new(), Vec::new());
    for (key, value) in table.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("fingerprint", DeValue::Array(entries)) => {
                for entry in entries {
                    match fingerprint(entry) {
                        Ok(print) => prints.push(print),
                        Err((at, what)) => errors.push(error(at, what)),
                    }
                }
            }
            ("fingerprint", _) => {
                errors.push(error(value.span().start, "expected [[fingerprint]] tables".into()));
            }
            (other, _) => {
                errors.push(error(key.span().start, format!("unknown key `{other}`")));
            }
        }
    }
    (prints, errors)
}

/// Where in the text, and what is wrong there.
type Wrong = (usize, String);
type Value<'a> = Spanned<DeValue<'a>>;

fn fingerprint(entry: &Value<'_>) -> Result<Fingerprint, Wrong> {
    let start = entry.span().start;
    let DeValue::Table(table) = entry.get_ref() else {
        return Err((start, "expected a table".to_owned()));
    };
    let mut product = None;
    let mut actor = None;
    let mut role = Role::Answered;
    let mut confidence = 50;
    let mut source = String::new();
    let mut when = When::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "product" => product = Some(text(value)?),
            "actor" => actor = Some(actor_of(value)?),
            "role" => role = role_of(value)?,
            "confidence" => confidence = confidence_of(value)?,
            "source" => source = text(value)?,
            "status" => when.status = each(value, status_of)?,
            "method" => when.method = each(value, text)?,
            "host" => when.host = each(value, text)?,
            "headers" => when.headers = pairs(value)?,
            "absent" => when.absent = each(value, text)?,
            "body" => when.body = each(value, text)?,
            "reason" => when.reason = Some(text(value)?),
            "request" => when.request = pairs(value)?,
            other => return Err((key.span().start, format!("unknown key `{other}`"))),
        }
    }
    let product = product.ok_or((start, "`product` is missing".to_owned()))?;
    let actor = actor.ok_or((start, "`actor` is missing".to_owned()))?;
    if when == When::default() {
        return Err((start, format!("`{product}` has no condition and would fit every answer")));
    }
    Ok(Fingerprint { product, actor, role, confidence, source, when })
}

fn text(value: &Value<'_>) -> Result<String, Wrong> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        _ => Err((value.span().start, "expected a text in quotes".to_owned())),
    }
}

/// One value, or a list of them.
fn each<T>(
    value: &Value<'_>,
    read: impl Fn(&Value<'_>) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    match value.get_ref() {
        DeValue::Array(values) => values.iter().map(read).collect(),
        _ => Ok(vec![read(value)?]),
    }
}

fn pairs(value: &Value<'_>) -> Result<Vec<(String, String)>, Wrong> {
    let DeValue::Table(table) = value.get_ref() else {
        return Err((value.span().start, "expected { name = \"value\" }".to_owned()));
    };
    table.iter().map(|(name, value)| Ok((name.get_ref().to_string(), text(value)?))).collect()
}

fn status_of(value: &Value<'_>) -> Result<StatusIs, Wrong> {
    let written = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        _ => String::new(),
    };
    let class = written.strip_suffix("xx").and_then(|it| it.parse().ok());
    let class = class.filter(|it| (1..=5).contains(it)).map(StatusIs::Class);
    let code = written.parse().ok().filter(|it| (100..1000).contains(it)).map(StatusIs::Code);
    class.or(code).ok_or_else(|| {
        (value.span().start, format!("`{written}` is no status; write 404 or \"4xx\""))
    })
}

fn actor_of(value: &Value<'_>) -> Result<Actor, Wrong> {
    let word = text(value)?;
    [Actor::App, Actor::Gateway, Actor::Proxy, Actor::Cdn, Actor::Cache]
        .into_iter()
        .find(|it| it.as_str() == Some(&word))
        .ok_or_else(|| one_of(value, &word, "app, gateway, proxy, cdn, cache"))
}

fn role_of(value: &Value<'_>) -> Result<Role, Wrong> {
    match text(value)?.as_str() {
        "answered" => Ok(Role::Answered),
        "passed" => Ok(Role::Passed),
        "seen" => Ok(Role::Seen),
        other => Err(one_of(value, other, "answered, passed, seen")),
    }
}

fn confidence_of(value: &Value<'_>) -> Result<u8, Wrong> {
    let number = match value.get_ref() {
        DeValue::Integer(number) => number.as_str().parse().ok(),
        _ => None,
    };
    number
        .filter(|it| (1..=100).contains(it))
        .ok_or((value.span().start, "`confidence` must be a number in 1..100".to_owned()))
}

fn one_of(value: &Value<'_>, word: &str, words: &str) -> Wrong {
    (value.span().start, format!("`{word}` is none of {words}"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_file_line_and_reason() {
        let good = "[[fingerprint]]\nproduct = \"x\"\nactor = \"app\"\nstatus = 404\n";
        for (text, error) in [
            ("\nnonsense", "f.toml:2"),
            ("[[other]]\na = 1", "f.toml:1: unknown key `other`"),
            ("fingerprint = 1", "f.toml:1: expected [[fingerprint]] tables"),
            ("[[fingerprint]]\nactor = \"app\"\nstatus = 1xx", "f.toml:3"),
            ("[[fingerprint]]\nactor = \"app\"\nstatus = 404", "`product` is missing"),
            ("[[fingerprint]]\nproduct = \"x\"\nstatus = 404", "`actor` is missing"),
            ("[[fingerprint]]\nproduct = \"x\"\nactor = \"app\"", "`x` has no condition"),
            ("[[fingerprint]]\nproduct = \"x\"\nactor = \"ap\"", "f.toml:3: `ap` is none of app"),
            ("[[fingerprint]]\nproduct = \"x\"\nrole = \"r\"", "f.toml:3: `r` is none of answered"),
            ("[[fingerprint]]\nproduct = 7", "f.toml:2: expected a text in quotes"),
            ("[[fingerprint]]\nstatus = \"4x\"", "`4x` is no status"),
            ("[[fingerprint]]\nstatus = [404, 70000]", "`70000` is no status"),
            ("[[fingerprint]]\nconfidence = 101", "`confidence` must be a number in 1..100"),
            ("[[fingerprint]]\nheaders = \"server\"", "expected { name = \"value\" }"),
            ("[[fingerprint]]\nheader = { a = \"b\" }", "unknown key `header`"),
        ] {
            let (prints, errors) = parse(text, "f.toml");
            assert!(prints.is_empty(), "{text}");
            let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert!(messages.iter().any(|it| it.contains(error)), "{text}: {messages:?}");
        }
        let (prints, errors) = parse(&format!("{good}[[fingerprint]]\nbad = 1\n{good}"), "f.toml");
        assert_eq!((prints.len(), errors.len()), (2, 1));
    }
}
