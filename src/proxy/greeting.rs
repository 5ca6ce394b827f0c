//! What an HTTP/2 server says of itself first: its settings
//! ([RFC 9113 §3.4](https://www.rfc-editor.org/rfc/rfc9113#section-3.4)).
//!
//! The HTTP library reads them too, but tells nobody when it has.

use tokio::sync::watch;

use super::overheard::Ear;

/// Hears whether a server takes WebSocket
/// ([RFC 8441 §3](https://www.rfc-editor.org/rfc/rfc8441#section-3)).
#[derive(Debug)]
pub(super) struct Greeting {
    /// The first frame, so far; `None` once it was read.
    first: Option<Vec<u8>>,
    tell: watch::Sender<Option<bool>>,
}

/// What was heard of it.
#[derive(Clone, Debug)]
pub(super) struct Greeted(watch::Receiver<Option<bool>>);

impl Greeting {
    pub(super) fn new() -> (Greeting, Greeted) {
        let (tell, told) = watch::channel(None);
        (Greeting { first: Some(Vec::new()), tell }, Greeted(told))
    }
}

impl Ear for Greeting {
    fn hear(&mut self, bytes: &[u8]) {
        let Some(first) = &mut self.first else { return };
        first.extend_from_slice(bytes);
        if let Some(takes) = takes_websocket(first) {
            self.first = None;
            self.tell.send_replace(Some(takes));
        }
    }
}

impl Greeted {
    /// As far as it is known by now.
    pub(super) fn takes_websocket(&self) -> bool {
        *self.0.borrow() == Some(true)
    }

    /// Once it is known. A connection that ends before takes nothing.
    pub(super) async fn will_take_websocket(&self) -> bool {
        let mut told = self.0.clone();
        told.wait_for(Option::is_some).await.is_ok_and(|it| *it == Some(true))
    }
}

/// Whether `SETTINGS_ENABLE_CONNECT_PROTOCOL` is on in a server's first frame, once all of it is
/// there.
fn takes_websocket(bytes: &[u8]) -> Option<bool> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let [a, b, c, kind, ..] = *head;
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
    if kind != SETTINGS || length > LONGEST {
        return Some(false);
    }
    // Of a setting that is given twice the last one holds.
    let mut given = rest.get(..length)?.chunks_exact(6).rev();
    Some(given.find_map(|it| it.strip_prefix(ENABLE_CONNECT_PROTOCOL)) == Some(&[0, 0, 0, 1]))
}

/// Bytes of a frame's head.
const HEAD: usize = 9;
const SETTINGS: u8 = 4;
const ENABLE_CONNECT_PROTOCOL: &[u8] = &[0, 8];
/// What a frame may have without our leave.
const LONGEST: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bytes: &[u8], size: usize) -> Option<bool> {
        let (mut greeting, greeted) = Greeting::new();
        bytes.chunks(size).for_each(|it| greeting.hear(it));
        greeted.0.borrow().as_ref().copied()
    }

    #[test]
    fn hears_it_in_the_first_frame_however_it_is_cut() {
        let empty = b"\0\0\0\x04\0\0\0\0\0".as_slice();
        let on = b"\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x08\0\0\0\x01\0\0\0\x04".as_slice();
        for (bytes, wanted) in [
            (b"".as_slice(), None),
            (empty, Some(false)),
            (on, Some(true)),
            (&on[..20], None),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\0", Some(false)),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x07\0\0\0\x01", Some(false)),
            (b"\0\0\x0c\x04\0\0\0\0\0\0\x08\0\0\0\x01\0\x08\0\0\0\0", Some(false)),
            (b"\xff\xff\xff\x04\0\0\0\0\0", Some(false)),
            (b"HTTP/1.1 400 Bad Request", Some(false)),
        ] {
            for size in [1, 4, 100] {
                assert_eq!(heard(bytes, size), wanted, "{bytes:?}");
            }
        }
    }

    #[tokio::test]
    async fn who_leaves_before_takes_nothing() {
        let (greeting, greeted) = Greeting::new();
        drop(greeting);
        assert!(!greeted.will_take_websocket().await);
    }
}
