//! What few hops have beside their messages, as blobs: TLS sessions, which all hops of a
//! connection share, and trailers.

use std::sync::Arc;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::dictionary::Dictionary;
use super::stored::Blobs;
use crate::trace::{Headers, Hop, HopTls, TlsSession, Trailers};

/// The ids of the blobs.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Asides {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_tls: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_tls: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_trailers: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_trailers: Option<i64>,
}

impl Asides {
    /// Store the blobs of `hop` that are new.
    pub(super) fn write(
        db: &Connection,
        dictionary: &mut Dictionary,
        hop: &Hop,
    ) -> rusqlite::Result<Asides> {
        let mut asides = Asides::default();
        if let Some(it) = &hop.tls {
            let mut put = |side: Option<&Arc<TlsSession>>| {
                side.map(|it| dictionary.session(db, it)).transpose()
            };
            asides.client_tls = put(it.client.as_ref())?;
            asides.upstream_tls = put(it.upstream.as_ref())?;
        }
        if let Some(it) = &hop.trailers {
            asides.request_trailers = Some(dictionary.intern(db, &it.request.packed())?);
            asides.response_trailers = Some(dictionary.intern(db, &it.response.packed())?);
        }
        Ok(asides)
    }

    pub(super) fn tls(
        self,
        passed: Option<String>,
        blobs: &impl Blobs,
    ) -> rusqlite::Result<Option<Arc<HopTls>>> {
        let session = |id: Option<i64>| match id {
            Some(id) => blobs.tls(id),
            None => Ok(None),
        };
        let (client, upstream) = (session(self.client_tls)?, session(self.upstream_tls)?);
        let any = client.is_some() || upstream.is_some() || passed.is_some();
        Ok(any.then(|| Arc::new(HopTls { client, upstream, passed })))
    }

    pub(super) fn trailers(self, blobs: &impl Blobs) -> rusqlite::Result<Option<Box<Trailers>>> {
        let (Some(request), Some(response)) = (self.request_trailers, self.response_trailers)
        else {
            return Ok(None);
        };
        let [request, response] = [blobs.blob(request)?, blobs.blob(response)?];
        let [request, response] = [request, response].map(|it| Headers::from_packed(&*it));
        Ok(Some(Box::new(Trailers { request, response })))
    }
}
