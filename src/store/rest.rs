//! What few hops have, as JSON in one column: a failure's detail, own changes, testimony, and
//! the ids of the blobs that hold trailers and TLS sessions.
//!
//! **Invariant:** the column's format is this file's own; unknown fields are skipped, so that an
//! additive change needs no migration.

use serde::{Deserialize, Serialize};

use super::asides::Asides;
use crate::trace::{Hop, Interim, OwnChange, Testimony, Time};

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Rest {
    /// What the operating system or the parser said about the failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    own: Vec<Own>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interim: Vec<Before>,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<Said>,
    /// Why a tunnel was passed on unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) passed: Option<String>,
    #[serde(flatten)]
    pub(super) asides: Asides,
}

/// An answer before the answer.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
struct Before {
    /// Microseconds after the request.
    after: i64,
    status: u16,
    /// Names and values; every byte of a value is one character.
    headers: Vec<(String, String)>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
struct Own {
    place: String,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
struct Said {
    api: Option<String>,
    mode: Option<String>,
    credentials: Option<String>,
    redirect: Option<String>,
    error: Option<String>,
    from_cache: bool,
    initiator: Option<String>,
}

impl Rest {
    /// The column for `hop`; nothing for most.
    pub(super) fn write(hop: &Hop, asides: Asides) -> Option<String> {
        let detail = hop.failure().map(|it| it.detail.as_str()).unwrap_or_default();
        let passed = hop.tls.as_ref().and_then(|it| it.passed.clone());
        let is_plain = detail.is_empty()
            && hop.own_changes.is_empty()
            && hop.interim.is_empty()
            && hop.testimony == Testimony::default();
        if is_plain && passed.is_none() {
            // All hops over TLS have these, and nearly none of them anything else.
            let any = asides != Asides::default();
            return any.then(|| serde_json::to_string(&asides).ok()).flatten();
        }
        let own = hop.own_changes.iter().cloned().map(|it| {
            let OwnChange { place, from, to } = it;
            Own { place, from, to }
        });
        let interim = hop.interim.iter().map(|it| Before {
            after: it.at.since(hop.started),
            status: it.status,
            headers: it.headers.iter().map(|it| (it.name.clone(), characters(&it.value))).collect(),
        });
        let rest = Rest {
            detail: detail.to_owned(),
            own: own.collect(),
            interim: interim.collect(),
            said: said(hop),
            passed,
            asides,
        };
        serde_json::to_string(&rest).ok()
    }

    /// The column again; what cannot be read is treated as absent.
    pub(super) fn read(column: Option<&str>) -> Rest {
        column.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default()
    }

    pub(super) fn own_changes(&mut self) -> Vec<OwnChange> {
        let own = std::mem::take(&mut self.own).into_iter();
        own.map(|Own { place, from, to }| OwnChange { place, from, to }).collect()
    }

    pub(super) fn interim(&mut self, started: Time) -> Vec<Interim> {
        let interim = std::mem::take(&mut self.interim).into_iter();
        let read = |it: Before| Interim {
            at: started.plus(it.after),
            status: it.status,
            headers: it.headers.into_iter().map(|(name, value)| (name, bytes(&value))).collect(),
        };
        interim.map(read).collect()
    }

    pub(super) fn testimony(&mut self) -> Testimony {
        let said = self.said.take().unwrap_or_default();
        let Said { api, mode, credentials, redirect, error, from_cache, initiator } = said;
        Testimony { api, mode, credentials, redirect, error, from_cache, initiator }
    }
}

fn said(hop: &Hop) -> Option<Said> {
    if hop.testimony == Testimony::default() {
        return None;
    }
    let Testimony { api, mode, credentials, redirect, error, from_cache, initiator } =
        hop.testimony.clone();
    Some(Said { api, mode, credentials, redirect, error, from_cache, initiator })
}

/// Bytes as the characters of the same numbers, and back.
fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|it| char::from(*it)).collect()
}

fn bytes(characters: &str) -> Vec<u8> {
    characters.chars().map(|it| u8::try_from(u32::from(it)).unwrap_or(b'?')).collect()
}
