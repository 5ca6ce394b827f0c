//! An upstream that does what it is asked for, byte by byte, in HTTP/1.1.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::gates::Gates;
use crate::kind::{Kind, Order};

/// A connection that can be reset.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Its address; with TLS if it has a certificate.
pub(crate) async fn start(gates: &Gates, tls: Option<ServerConfig>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let acceptor = tls.map(|it| TlsAcceptor::from(Arc::new(it)));
    let gates = gates.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (gates, acceptor) = (gates.clone(), acceptor.clone());
            tokio::spawn(async move {
                match acceptor {
                    None => serve(stream, &gates).await,
                    // A client that goes away here has not asked for anything.
                    Some(it) => {
                        let Ok(stream) = it.accept(stream).await else { return None };
                        serve(stream, &gates).await
                    }
                }
            });
        }
    });
    address
}

/// Answer until the connection ends, or has to.
async fn serve<S: Socket>(mut stream: S, gates: &Gates) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = read.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
            more(&mut stream, &mut read).await?;
        };
        let head = String::from_utf8(read.drain(..end).collect()).unwrap();
        let order = Order::parse(head.split(' ').nth(1)?)?;
        if order.kind == Kind::LeftInUpload {
            gates.open(order.id);
        }
        let fields = head.to_ascii_lowercase();
        let length = fields.lines().find_map(|it| it.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |it| it.parse().unwrap());
        while read.len() < length {
            more(&mut stream, &mut read).await?;
        }
        let body: Vec<u8> = read.drain(..length).collect();
        let as_sent = length == 0 || body == order.bytes();
        if !as_sent {
            say(&mut stream, "HTTP/1.1 500 Spoilt\r\nContent-Length: 0\r\n\r\n", b"").await?;
            continue;
        }
        answer(&mut stream, order, gates).await?;
        if fields.contains("connection: close") {
            let _gone = stream.shutdown().await;
            return None;
        }
    }
}

/// `None` when the connection is over.
async fn more<S: Socket>(stream: &mut S, read: &mut Vec<u8>) -> Option<()> {
    let n = stream.read_buf(read).await.ok()?;
    (n > 0).then_some(())
}

async fn say<S: Socket>(stream: &mut S, head: &str, body: &[u8]) -> Option<()> {
    stream.write_all(&[head.as_bytes(), body].concat()).await.ok()?;
    stream.flush().await.ok()
}

/// Do what was asked for; `None` when that ends the connection.
async fn answer<S: Socket>(stream: &mut S, order: Order, gates: &Gates) -> Option<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", order.size);
    match order.kind {
        Kind::Small | Kind::Big | Kind::Upload => {
            return say(stream, &head, order.bytes()).await;
        }
        Kind::Events => return events(stream, order).await,
        Kind::WebSocket => return echo(stream).await,
        Kind::BadFrames => return parrot(stream).await,
        Kind::HalfClosed => {
            say(stream, "HTTP/1.1 200 OK\r\n\r\n", order.bytes()).await?;
            stream.shutdown().await.ok()?;
            while more(stream, &mut Vec::new()).await.is_some() {}
        }
        Kind::ResetInHead => {
            say(stream, "HTTP/1.1 200 OK\r\nA: ", b"").await?;
            reset(stream);
        }
        Kind::ResetInBody => {
            say(stream, &head, order.half()).await?;
            // When the client has what was said, the reset cannot overtake it.
            gates.wait(order.id).await;
            reset(stream);
        }
        Kind::Short => {
            say(stream, &head, order.half()).await?;
            stream.shutdown().await.ok()?;
        }
        Kind::BadChunks => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
                order.half().len()
            );
            say(stream, &head, &[order.half(), b"\r\nzz\r\n"].concat()).await?;
        }
        Kind::Silent => {
            gates.open(order.id);
            while more(stream, &mut Vec::new()).await.is_some() {}
        }
        Kind::LeftInBody => {
            say(stream, &head, order.half()).await?;
            while more(stream, &mut Vec::new()).await.is_some() {}
        }
        // The client is gone already; and nobody listens where requests are refused.
        Kind::LeftInUpload | Kind::Refused => {}
    }
    None
}

fn reset<S: Socket>(stream: &S) {
    let _gone = stream.tcp().set_zero_linger();
}

async fn events<S: Socket>(stream: &mut S, order: Order) -> Option<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    say(stream, head, b"").await?;
    for piece in order.bytes().chunks(order.size.div_ceil(4).max(1)) {
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        say(stream, "", &chunk).await?;
        tokio::time::sleep(PACE).await;
    }
    say(stream, "0\r\n\r\n", b"").await
}

/// Agree to WebSocket, and send every byte back, whatever it is.
async fn parrot<S: Socket>(stream: &mut S) -> Option<()> {
    say(stream, AGREED, b"").await?;
    let mut read = Vec::new();
    while more(stream, &mut read).await.is_some() {
        say(stream, "", &std::mem::take(&mut read)).await?;
    }
    let _gone = stream.shutdown().await;
    None
}

/// Agree to WebSocket, and send every short frame back until one says goodbye.
async fn echo<S: Socket>(stream: &mut S) -> Option<()> {
    say(stream, AGREED, b"").await?;
    loop {
        let mut head = [0; 6];
        stream.read_exact(&mut head).await.ok()?;
        let mut text = vec![0; usize::from(head[1] & 0x7f)];
        stream.read_exact(&mut text).await.ok()?;
        for (byte, mask) in text.iter_mut().zip(head[2..].iter().cycle()) {
            *byte ^= mask;
        }
        let length = u8::try_from(text.len()).unwrap();
        say(stream, "", &[&[head[0], length], &text[..]].concat()).await?;
        if head[0] == 0x88 {
            let _gone = stream.shutdown().await;
            return None;
        }
    }
}

const AGREED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// Between two events.
const PACE: Duration = Duration::from_millis(3);
