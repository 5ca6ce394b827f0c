//! What a client says first: who it wants to talk to, and which protocols it speaks.

use tokio_rustls::rustls::server::Acceptor;

/// A client's opening words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hello {
    /// The name it asks for ([SNI](https://www.rfc-editor.org/rfc/rfc6066#section-3)).
    pub sni: Option<String>,
    /// The protocols it offers, first choice first.
    pub alpn: Vec<Vec<u8>>,
}

/// Reads a `ClientHello` from bytes as they come, without answering it.
#[derive(Default)]
pub struct HelloReader(Acceptor);

/// The bytes are no `ClientHello`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotTls;

impl HelloReader {
    /// Take more bytes; `None` as long as the hello is not whole.
    ///
    /// # Errors
    ///
    /// When the bytes are no `ClientHello`.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<Option<Hello>, NotTls> {
        while !bytes.is_empty() {
            if self.0.read_tls(&mut bytes).map_err(|_| NotTls)? == 0 {
                break;
            }
            match self.0.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let sni = hello.server_name().map(str::to_owned);
                    let alpn = hello.alpn().map(|it| it.map(<[u8]>::to_vec).collect());
                    return Ok(Some(Hello { sni, alpn: alpn.unwrap_or_default() }));
                }
                Err(_) => return Err(NotTls),
            }
        }
        Ok(None)
    }
}
