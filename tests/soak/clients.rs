//! Clients that ask for one thing after the other, know what must come, and check that it did.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, once, pending};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::gates::Gates;
use crate::kind::{Dice, Kind, MOST, Order};
use crate::ledger::Ledger;
use crate::secure;

/// How a request reaches its upstream, and which taps see it.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) name: &'static str,
    /// Where the client connects to.
    pub(crate) connect: String,
    /// Whom it asks.
    pub(crate) host: String,
    pub(crate) how: How,
    /// The taps, outermost first, by their numbers.
    pub(crate) taps: &'static [u16],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum How {
    /// The tap is a proxy, or not, and speaks HTTP/1.1.
    Proxy,
    Direct,
    /// Through a tunnel, with TLS in it.
    Tunnel {
        h2: bool,
    },
    /// TLS with the tap itself, and HTTP/2.
    Front,
}

/// What all clients share.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) gates: Gates,
    /// Trusts the tap's authority and offers HTTP/1.1, or HTTP/2.
    pub(crate) tls: [TlsConnector; 2],
    /// Where nobody listens.
    pub(crate) nobody: String,
    pub(crate) over: AtomicBool,
    /// Between two requests of one client.
    pub(crate) pause: Duration,
}

type Outgoing = BoxBody<Bytes, Infallible>;

enum Sender {
    One(http1::SendRequest<Outgoing>),
    Two(http2::SendRequest<Outgoing>),
}

/// A connection; it ends with this.
struct Connection {
    sender: Sender,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    async fn open(route: &Route, world: &World) -> std::io::Result<Connection> {
        let host = &route.host;
        match route.how {
            How::Proxy | How::Direct => one(TcpStream::connect(&route.connect).await?).await,
            How::Tunnel { h2 } => {
                let tap = route.connect.parse().unwrap();
                let stream = secure::tunnel(tap, host, "soak").await;
                let stream = secure::shake(&world.tls[usize::from(h2)], "localhost", stream);
                if h2 { two(stream.await?).await } else { one(stream.await?).await }
            }
            How::Front => {
                let stream = TcpStream::connect(&route.connect).await?;
                two(secure::shake(&world.tls[1], "localhost", stream).await?).await
            }
        }
    }

    async fn send(&mut self, request: Request<Outgoing>) -> hyper::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

async fn one<S>(stream: S) -> std::io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, driver) =
        http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    let driver = tokio::spawn(async move { drop(driver.with_upgrades().await) });
    Ok(Connection { sender: Sender::One(sender), driver })
}

async fn two<S>(stream: S) -> std::io::Result<Connection>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(std::io::Error::other)?;
    let driver = tokio::spawn(async move { drop(driver.await) });
    Ok(Connection { sender: Sender::Two(sender), driver })
}

/// Ask along one route until it is over.
pub(crate) async fn client(route: Route, world: Arc<World>, seed: u64) {
    let mut dice = Dice::new(seed);
    let mut connection = None;
    while !world.over.load(Ordering::Relaxed) {
        let kind = loop {
            let kind = dice.pick(MIX);
            if route.can(kind) {
                break kind;
            }
        };
        let size = match kind {
            Kind::Big => 1 + dice.below(MOST),
            Kind::WebSocket => 2 + dice.below(120),
            _ => 2 + dice.below(20_000),
        };
        let order = Order { kind, id: world.ledger.next_id(), size };
        let open = match connection.take() {
            Some(it) => it,
            None => match Connection::open(&route, &world).await {
                Ok(it) => it,
                Err(error) => {
                    world.ledger.wrong(format!("{}: no connection: {error}", route.name));
                    return;
                }
            },
        };
        let exchange = exchange(open, order, &route, &world);
        match tokio::time::timeout(secure::DEADLINE, exchange).await {
            Ok(Ok(left)) => connection = left.filter(|_| dice.below(20) > 0),
            Ok(Err(what)) => {
                world.ledger.wrong(format!("{} {}: {what}", route.name, order.path()));
            }
            Err(_) => {
                world.ledger.wrong(format!("{} {}: never ended", route.name, order.path()));
            }
        }
        world.ledger.ended(order, route.taps);
        tokio::time::sleep(world.pause).await;
    }
}

/// Ask, check what comes, and give the connection back if it can be used again.
async fn exchange(
    mut connection: Connection,
    order: Order,
    route: &Route,
    world: &World,
) -> Result<Option<Connection>, String> {
    let kind = order.kind;
    let request = route.request(order, world);
    if matches!(kind, Kind::Silent | Kind::LeftInUpload) {
        tokio::select! {
            answered = connection.send(request) => {
                return Err(format!("answered: {answered:?}"));
            }
            () = world.gates.wait(order.id) => {}
        }
        // Of HTTP/2 only the stream is gone.
        return Ok(Some(connection).filter(|it| matches!(it.sender, Sender::Two(_))));
    }
    let answer = match connection.send(request).await {
        Ok(answer) => answer,
        Err(_) if matches!(kind, Kind::Refused | Kind::ResetInHead) => return Ok(None),
        // An HTTP/2 stream that is reset may lose the head that was sent before.
        Err(_) if route.how == How::Front && !kind.is_fine() => return Ok(None),
        Err(error) => return Err(format!("no answer: {error:?}")),
    };
    let status = answer.status().as_u16();
    match (kind, status) {
        (Kind::WebSocket, 101) => return talk(answer, order).await.map(|()| None),
        (Kind::BadFrames, 101) => return babble(answer, order).await.map(|()| None),
        // What is no browser is told so.
        (Kind::Refused | Kind::ResetInHead, 502) => {
            let read = answer.into_body().collect().await;
            return read.map(|_| Some(connection)).map_err(|it| it.to_string());
        }
        (_, 200) => {}
        _ => return Err(format!("answered with {status}")),
    }
    let mut body = answer.into_body();
    let (mut got, mut end) = (0, Ok(()));
    let wanted = if kind.is_fine() { order.bytes() } else { order.half() };
    loop {
        if got == wanted.len() && !kind.is_fine() {
            match kind {
                Kind::LeftInBody => {
                    drop(body);
                    return Ok(Some(connection).filter(|it| matches!(it.sender, Sender::Two(_))));
                }
                Kind::ResetInBody => world.gates.open(order.id),
                _ => {}
            }
        }
        match body.frame().await {
            None => break,
            Some(Err(error)) => {
                end = Err(error);
                break;
            }
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                if wanted.get(got..got + data.len()) != Some(&data[..]) {
                    return Err(format!("other bytes after {got}"));
                }
                got += data.len();
            }
        }
    }
    match (kind.is_fine(), end) {
        (true, Ok(())) if got == wanted.len() => Ok(Some(connection)),
        (false, Err(_)) if got == wanted.len() => Ok(None),
        (_, end) => Err(format!("{got} bytes of {}, then {end:?}", wanted.len())),
    }
}

/// Say something, have it said back, and say goodbye.
async fn talk(answer: Response<Incoming>, order: Order) -> Result<(), String> {
    let upgraded = hyper::upgrade::on(answer).await.map_err(|it| it.to_string())?;
    let mut stream = TokioIo::new(upgraded);
    let broken = |it: std::io::Error| format!("broke off: {it}");
    let length = u8::try_from(order.size).unwrap();
    for opcode in [0x82, 0x82, 0x88] {
        let frame = [&[opcode, 0x80 | length, 0, 0, 0, 0], order.bytes()].concat();
        stream.write_all(&frame).await.map_err(broken)?;
        let mut said = vec![0; order.size + 2];
        stream.read_exact(&mut said).await.map_err(broken)?;
        if said != [&[opcode, length], order.bytes()].concat() {
            return Err("another frame came back".to_owned());
        }
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map_err(broken)?;
    if rest.is_empty() { Ok(()) } else { Err("more came than was asked for".to_owned()) }
}

/// Send what is no frame, have it sent back, and leave.
async fn babble(answer: Response<Incoming>, order: Order) -> Result<(), String> {
    let upgraded = hyper::upgrade::on(answer).await.map_err(|it| it.to_string())?;
    let mut stream = TokioIo::new(upgraded);
    let broken = |it: std::io::Error| format!("broke off: {it}");
    let sent = order.bad_frames();
    stream.write_all(&sent).await.map_err(broken)?;
    let mut back = vec![0; sent.len()];
    stream.read_exact(&mut back).await.map_err(broken)?;
    stream.shutdown().await.map_err(broken)?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map_err(broken)?;
    if back == sent && rest.is_empty() { Ok(()) } else { Err("other bytes came back".to_owned()) }
}

impl Route {
    /// Whether this can happen here.
    fn can(&self, kind: Kind) -> bool {
        let speaks_h2 = matches!(self.how, How::Tunnel { h2: true } | How::Front);
        match kind {
            Kind::Refused => self.how == How::Proxy && self.taps.len() == 1,
            Kind::WebSocket | Kind::BadFrames => !speaks_h2,
            Kind::HalfClosed | Kind::Short | Kind::BadChunks | Kind::Events => {
                self.how != How::Tunnel { h2: true }
            }
            _ => true,
        }
    }

    fn request(&self, order: Order, world: &World) -> Request<Outgoing> {
        let Order { kind, id, size } = order;
        let host = if kind == Kind::Refused { &world.nobody } else { &self.host };
        let path = order.path();
        let uri = match self.how {
            How::Proxy => format!("http://{host}{path}"),
            How::Front | How::Tunnel { h2: true } => format!("https://{host}{path}"),
            How::Direct | How::Tunnel { .. } => path,
        };
        let mut request = Request::builder().uri(uri);
        if matches!(self.how, How::Proxy | How::Direct | How::Tunnel { h2: false }) {
            request = request.header("host", host);
        }
        // Before two taps only a browser has the failure itself handed on; else every second.
        if self.taps.len() > 1 || id % 2 == 0 {
            request = request.header("origin", "http://page.test");
        }
        if kind.upgrades() {
            request = request
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        }
        let body = match kind {
            Kind::Upload => Full::new(Bytes::from_static(order.bytes())).boxed(),
            Kind::LeftInUpload => {
                let half = Ok(Frame::data(Bytes::from_static(order.half())));
                StreamBody::new(stream::select(once(async { half }), pending())).boxed()
            }
            _ => return request.body(Full::default().boxed()).unwrap(),
        };
        request.method("POST").header("content-length", size).body(body).unwrap()
    }
}

/// How often each kind comes.
const MIX: &[(usize, Kind)] = &[
    (40, Kind::Small),
    (4, Kind::Big),
    (10, Kind::Upload),
    (4, Kind::Events),
    (4, Kind::HalfClosed),
    (4, Kind::WebSocket),
    (4, Kind::BadFrames),
    (2, Kind::Refused),
    (3, Kind::ResetInHead),
    (3, Kind::ResetInBody),
    (3, Kind::Short),
    (3, Kind::BadChunks),
    (3, Kind::Silent),
    (4, Kind::LeftInBody),
    (3, Kind::LeftInUpload),
];
