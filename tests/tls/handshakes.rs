//! Clients that stop, or leave, in the middle of a TLS handshake; and one that says nothing.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::pki_types::ServerName;

use super::*;

/// What a client says first that asks for `gw.test`.
fn hello(rig: &Rig) -> Vec<u8> {
    let connector = client(&[rig.authority.certificate()], &["http/1.1"]);
    let name = ServerName::try_from("gw.test").unwrap();
    let mut client = ClientConnection::new(connector.config().clone(), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

const LIMIT: Duration = Duration::from_secs(1);
const OVERDUE: &str =
    "the client's TLS handshake was not complete after 1 s (--limit head-time=SECONDS)";

#[tokio::test]
async fn who_stops_in_a_handshake_is_let_go_and_who_says_nothing_may_stay() {
    let server = secure::plain(false).await;
    let spec = format!("edge=reverse:127.0.0.1:0=http://{},tls", server.address);
    let rig = Rig::of(World::new(), &spec, |options, _| options.limits.head_time = LIMIT).await;
    let idle = TcpStream::connect(rig.tap()).await.unwrap();
    let hello = hello(&rig);
    let url = |name: &str| format!("https://{name}:{}/", rig.tap().port());
    let cases = [
        (&hello[..1], url("127.0.0.1")),
        (&hello[..hello.len() - 1], url("127.0.0.1")),
        // Our answer comes, and the client says no more.
        (&hello[..], url("gw.test")),
    ];
    for (n, (said, url)) in cases.into_iter().enumerate() {
        let mut wire = Wire::to(rig.tap()).await;
        wire.send(said).await;
        let (answer, end) = wire.rest().await;
        assert_eq!((answer.is_empty(), end), (said != hello, End::Clean));
        let hop = rig.notebook.ended(n + 1).await.remove(n);
        let failure = hop.failure().unwrap();
        assert_eq!(
            (failure.kind, failure.detail.as_str()),
            (FailureKind::RefusedByTap, OVERDUE),
            "{} of {} bytes",
            said.len(),
            hello.len()
        );
        assert_eq!(hop.request.url, url);
    }
    let connector = client(&[rig.authority.certificate()], &["http/1.1"]);
    let stream = shake(&connector, "gw.test", idle).await.unwrap();
    assert!(ask(stream, "gw.test", "").await.contains("GET /items"), "an idle one may begin");
    assert_eq!(rig.notebook.ended(4).await.len(), 4);
}

#[tokio::test]
async fn who_stops_in_a_tunnel_is_let_go() {
    let rig = Rig::with(|options, _| options.limits.head_time = LIMIT).await;
    let server = rig.world.serve(&["http/1.1"], Wants::Nothing).await;
    let host = format!("localhost:{}", server.address.port());
    let hello = hello(&rig);
    for (n, said) in [&hello[..9], &hello].into_iter().enumerate() {
        let mut wire = Wire::over(tunnel(rig.tap(), &host, "test").await);
        wire.send(said).await;
        assert_eq!(wire.rest().await.1, End::Clean);
        let hop = rig.notebook.ended(n + 1).await.remove(n);
        assert_eq!(hop.failure().unwrap().detail, OVERDUE);
        assert_eq!((hop.request.method.as_str(), hop.request.url.as_str()), ("CONNECT", &*host));
    }
}

#[tokio::test]
async fn who_leaves_in_a_hello_stands_in_the_trace_and_who_said_nothing_does_not() {
    let server = secure::plain(false).await;
    let spec = format!("edge=reverse:127.0.0.1:0=http://{},tls", server.address);
    let rig = Rig::of(World::new(), &spec, |_, _| {}).await;
    drop(Wire::to(rig.tap()).await);
    let mut wire = Wire::to(rig.tap()).await;
    wire.send(&hello(&rig)[..50]).await;
    drop(wire);
    let hops = rig.notebook.ended(1).await;
    let failure = hops[0].failure().unwrap();
    assert_eq!(failure.kind, FailureKind::Aborted);
    assert!(failure.detail.contains("in the middle of its TLS handshake"), "{failure:?}");
    assert_eq!(hops.len(), 1);
}
