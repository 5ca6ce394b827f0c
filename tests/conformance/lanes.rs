//! The ways through a tap: who speaks what on either side of it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{RecvStream, client, server};
use hopscope::proxy::{Options, Proxy};
use hopscope::tls::{Authority, Tls, Trust};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::message::{Content, Message, bytes, latin1};
use crate::secure::{self, World};
use crate::wire::{DEADLINE, Notebook};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Lane {
    Reverse,
    Forward,
    /// TLS, read inside a `CONNECT`.
    Connect,
    H1ToH2,
    H2ToH1,
    H2ToH2,
}

pub(crate) const LANES: [Lane; 6] =
    [Lane::Reverse, Lane::Forward, Lane::Connect, Lane::H1ToH2, Lane::H2ToH1, Lane::H2ToH2];

/// Who signs for whom.
pub(crate) struct Ground {
    world: World,
    authority: Authority,
    tls: Tls,
}

impl Ground {
    pub(crate) fn new() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        let (world, authority) = (World::new(), Authority::open(folder.path()).unwrap());
        let ca = vec![world.write(folder.path())];
        let tls = Tls::with(&Trust { ca, ..Trust::default() }).unwrap();
        Ground { world, authority, tls }
    }
}

/// What went in and came out.
pub(crate) struct Passed {
    /// As the client sent it.
    pub(crate) asked: Message,
    /// As the upstream got it; `None` when the tap kept it.
    pub(crate) heard: Option<Message>,
    /// As the upstream said it.
    pub(crate) said: Message,
    /// As the client got it.
    pub(crate) got: Message,
}

impl Lane {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lane::Reverse => "reverse",
            Lane::Forward => "forward",
            Lane::Connect => "connect",
            Lane::H1ToH2 => "1.1 to 2",
            Lane::H2ToH1 => "2 to 1.1",
            Lane::H2ToH2 => "2 to 2",
        }
    }

    /// Both sides speak HTTP/1, so that every byte can be compared.
    pub(crate) fn is_http1(self) -> bool {
        matches!(self, Lane::Reverse | Lane::Forward | Lane::Connect)
    }

    fn is_h2_client(self) -> bool {
        matches!(self, Lane::H2ToH1 | Lane::H2ToH2)
    }

    fn is_h2_upstream(self) -> bool {
        matches!(self, Lane::H1ToH2 | Lane::H2ToH2)
    }

    /// Send `request` through a tap of its own, and answer with `response`.
    pub(crate) async fn pass(self, ground: &Ground, request: &str, response: &str) -> Passed {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let host = format!("localhost:{}", upstream.port());
        let request = request.replace("{host}", &host);
        let asked = Message::parsed(&request).sent_in(self.is_h2_client());
        let said = Message::parsed(response).sent_in(self.is_h2_upstream());
        let (tell, heard) = oneshot::channel();
        let acceptor = (self == Lane::Connect).then(|| ground.world.acceptor("localhost", &[]));
        let serving = tokio::spawn(self.upstream(listener, acceptor, said.clone(), tell));
        let (authority, tls) = (Some(ground.authority.clone()), Some(ground.tls.clone()));
        let options = Options { authority, tls, ..Options::default() };
        let spec = match self {
            Lane::Forward | Lane::Connect => "edge=forward:127.0.0.1:0".to_owned(),
            _ if self.is_h2_upstream() => {
                format!("edge=reverse:127.0.0.1:0=http://{upstream},http=2")
            }
            _ => format!("edge=reverse:127.0.0.1:0=http://{upstream},http=1.1"),
        };
        let specs = vec![spec.parse().unwrap()];
        let proxy = Proxy::start(specs, &Notebook::new(), options).await.unwrap();
        let tap = proxy.addresses()[0];
        let got = match self {
            _ if self.is_h2_client() => ask_h2(tap, &asked).await,
            Lane::Connect => {
                let tunnel = secure::tunnel(tap, &host, "test").await;
                let connector = secure::client(&[ground.authority.certificate()], &["http/1.1"]);
                let stream = secure::shake(&connector, "localhost", tunnel).await.unwrap();
                ask_h1(stream, &request).await
            }
            Lane::Forward => {
                let stream = TcpStream::connect(tap).await.unwrap();
                let (method, target) = request.split_once(' ').unwrap();
                let absolute = format!("{method} http://{host}{target}");
                let is_origin = target.starts_with('/');
                ask_h1(stream, if is_origin { &absolute } else { &request }).await
            }
            _ => ask_h1(TcpStream::connect(tap).await.unwrap(), &request).await,
        };
        // Who was asked has told by now; who was not never will.
        serving.abort();
        let heard = heard.await.ok();
        proxy.kill().await;
        Passed { asked, heard, said, got }
    }

    async fn upstream(
        self,
        listener: TcpListener,
        acceptor: Option<TlsAcceptor>,
        says: Message,
        tell: oneshot::Sender<Message>,
    ) {
        let (socket, _) = listener.accept().await.unwrap();
        match acceptor {
            Some(acceptor) => serve_h1(acceptor.accept(socket).await.unwrap(), says, tell).await,
            None if self.is_h2_upstream() => serve_h2(socket, says, tell).await,
            None => serve_h1(socket, says, tell).await,
        }
    }
}

async fn ask_h1<S>(mut stream: S, request: &str) -> Message
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&bytes(request)).await.unwrap();
    let content = if request.starts_with("HEAD ") { Content::Never } else { Content::Maybe };
    Message::read(&mut stream, content).await.unwrap_or_default()
}

async fn serve_h1<S>(mut stream: S, says: Message, tell: oneshot::Sender<Message>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (interim, answer) = says.raw.split_at(says.interim);
    let mut wants = Wants { stream: &mut stream, seen: Vec::new(), says: bytes(interim) };
    let Some(heard) = Message::read(&mut wants, Content::Maybe).await else { return };
    let rest = std::mem::take(&mut wants.says);
    let _gone = tell.send(heard);
    stream.write_all(&rest).await.unwrap();
    stream.write_all(&bytes(answer)).await.unwrap();
    let is_framed =
        ["content-length", "transfer-encoding"].iter().any(|it| says.field(it).is_some());
    if is_framed || matches!(says.status(), 101 | 204 | 304) {
        // The client ends it.
        std::future::pending::<()>().await;
    }
    stream.shutdown().await.unwrap();
}

/// A server that says something between head and body to who waits for it.
struct Wants<'a, S> {
    stream: &'a mut S,
    seen: Vec<u8>,
    says: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wants<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let waits = || latin1(&this.seen).to_ascii_lowercase().contains("expect: 100-continue");
        if this.seen.ends_with(b"\r\n\r\n") && waits() {
            let says = std::mem::take(&mut this.says);
            let said = Pin::new(&mut *this.stream).poll_write(cx, &says);
            assert!(matches!(said, Poll::Ready(Ok(n)) if n == says.len()));
            this.seen.clear();
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut *this.stream).poll_read(cx, buf);
        this.seen.extend_from_slice(&buf.filled()[before..]);
        polled
    }
}

async fn ask_h2(tap: SocketAddr, asked: &Message) -> Message {
    let stream = TcpStream::connect(tap).await.unwrap();
    let (sender, driver) = client::handshake(stream).await.unwrap();
    // How it ends is seen in the answer.
    tokio::spawn(async move { drop(driver.await) });
    let mut words = asked.line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let host = asked.field("host").unwrap();
    let mut request = Request::new(());
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = format!("http://{host}{target}").parse().unwrap();
    *request.headers_mut() = map(&asked.fields);
    let mut sender = sender.ready().await.unwrap();
    let (is_bare, is_last) = (asked.body.is_empty(), asked.trailers.is_empty());
    let (answer, mut stream) = sender.send_request(request, is_bare && is_last).unwrap();
    if !is_bare {
        stream.send_data(bytes(&asked.body).into(), is_last).unwrap();
    }
    if !is_last {
        stream.send_trailers(map(&asked.trailers)).unwrap();
    }
    let answer = tokio::time::timeout(DEADLINE, answer).await.unwrap().unwrap();
    let (head, body) = answer.into_parts();
    let line = format!("HTTP/2 {}", head.status.as_u16());
    whole(line, fields(&head.headers), body).await
}

async fn serve_h2(socket: TcpStream, says: Message, tell: oneshot::Sender<Message>) {
    let mut connection = server::handshake(socket).await.unwrap();
    let Some(Ok((request, mut respond))) = connection.accept().await else { return };
    let answering = async move {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().map_or("*", |it| it.as_str());
        let line = format!("{} {target} HTTP/2", head.method);
        let mut all = vec![("host".to_owned(), head.uri.authority().unwrap().to_string())];
        all.extend(fields(&head.headers));
        let _gone = tell.send(whole(line, all, body).await);
        let mut response = Response::new(());
        *response.status_mut() = says.status().try_into().unwrap();
        *response.headers_mut() = map(&says.fields);
        let (is_bare, is_last) = (says.body.is_empty(), says.trailers.is_empty());
        let mut stream = respond.send_response(response, is_bare && is_last).unwrap();
        if !is_bare {
            stream.send_data(Bytes::from(bytes(&says.body)), is_last).unwrap();
        }
        if !is_last {
            stream.send_trailers(map(&says.trailers)).unwrap();
        }
    };
    tokio::join!(answering, async { while connection.accept().await.is_some() {} });
}

/// What HTTP/2 says of a message, with its end.
async fn whole(line: String, fields_: Vec<(String, String)>, mut body: RecvStream) -> Message {
    let mut message = Message { line, fields: fields_, ..Message::default() };
    while let Some(data) = body.data().await {
        message.body += &latin1(&data.unwrap());
    }
    if let Some(trailers) = body.trailers().await.unwrap() {
        message.trailers = fields(&trailers);
    }
    message
}

fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let all = headers.iter();
    all.map(|(name, value)| (name.as_str().to_owned(), latin1(value.as_bytes()))).collect()
}

/// Without what HTTP/2 says elsewhere or not at all.
fn map(fields: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        let is_of_http1 = ["host", "connection", "transfer-encoding", "keep-alive"];
        if !is_of_http1.contains(&name.as_str()) {
            map.append(name, HeaderValue::from_bytes(&bytes(value)).unwrap());
        }
    }
    map
}
