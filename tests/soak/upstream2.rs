//! The same upstream in HTTP/2.

use std::sync::Arc;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::gates::Gates;
use crate::kind::{Kind, Order};

/// Its address.
pub(crate) async fn start(gates: &Gates, tls: ServerConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (gates, acceptor) = (gates.clone(), TlsAcceptor::from(Arc::new(tls)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (gates, acceptor) = (gates.clone(), acceptor.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let Ok(mut connection) = server::handshake(stream).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(serve(request, respond, gates.clone()));
                }
            });
        }
    });
    address
}

async fn serve(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    gates: Gates,
) -> Option<()> {
    let order = Order::parse(request.uri().path())?;
    match order.kind {
        Kind::LeftInUpload | Kind::Silent => {
            gates.open(order.id);
            std::future::poll_fn(|cx| respond.poll_reset(cx)).await.ok()?;
            return None;
        }
        Kind::ResetInHead => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return None;
        }
        _ => {}
    }
    let mut body = Vec::new();
    let mut from = request.into_body();
    while let Some(piece) = from.data().await {
        let piece = piece.ok()?;
        from.flow_control().release_capacity(piece.len()).ok()?;
        body.extend_from_slice(&piece);
    }
    let as_sent = body.is_empty() || body == order.bytes();
    let head = Response::builder().status(if as_sent { 200 } else { 500 });
    let head = head.header("content-length", order.size).body(()).unwrap();
    let mut stream = respond.send_response(head, false).ok()?;
    match order.kind {
        Kind::LeftInBody => {
            send(&mut stream, order.half(), false).await?;
            std::future::poll_fn(|cx| stream.poll_reset(cx)).await.ok()?;
        }
        Kind::ResetInBody => {
            send(&mut stream, order.half(), false).await?;
            gates.wait(order.id).await;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        _ => send(&mut stream, order.bytes(), true).await?,
    }
    Some(())
}

/// Send as fast as the other side takes it.
async fn send(stream: &mut SendStream<Bytes>, mut bytes: &'static [u8], end: bool) -> Option<()> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await?.ok()?;
        let (now, rest) = bytes.split_at(room.min(bytes.len()));
        stream.send_data(Bytes::from_static(now), end && rest.is_empty()).ok()?;
        bytes = rest;
    }
    Some(())
}
