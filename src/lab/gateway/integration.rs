//! The HTTP proxy integration: one request to the endpoint, its answer passed back.
//!
//! **Invariant:** status and `Location` of the app are passed back as they are. The gateway
//! knows its stage and does not put it back.

use std::net::IpAddr;

use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::answer::{self, Refusal};
use crate::lab::knobs::Knobs;
use crate::lab::message::{Request, Response, header_map, http_date};
use crate::trace::Headers;

/// What is needed to call the app.
pub(super) struct Call<'a> {
    pub(super) api_id: &'a str,
    pub(super) client: IpAddr,
    /// `host:port`, for an endpoint without a host of its own.
    pub(super) backend: String,
    /// What stands for `{proxy}`.
    pub(super) path: &'a str,
    pub(super) request: &'a Request,
}

/// Call the endpoint and make the gateway's answer of the app's.
pub(super) async fn integrate(knobs: &Knobs, call: Call<'_>) -> Result<Response, Refusal> {
    let (authority, target) = endpoint(&knobs.endpoint, &call);
    let exchange = exchange(&authority, &target, &call);
    match tokio::time::timeout(knobs.timeout, exchange).await {
        Ok(answered) => answered.map(pass_back),
        Err(_elapsed) => Err(Refusal::TimedOut),
    }
}

/// Fill the endpoint's template; the query is appended as it came.
fn endpoint(template: &str, call: &Call<'_>) -> (String, String) {
    let filled = template.replacen("{proxy}", call.path, 1);
    let (authority, path) = match filled.strip_prefix("http://") {
        Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
        None => (call.backend.as_str(), filled.trim_start_matches('/')),
    };
    (authority.to_owned(), format!("/{path}{}", call.request.query_suffix()))
}

/// One connection for one request: a pooled one that went stale would be a failure of the
/// lab's own making.
async fn exchange(authority: &str, target: &str, call: &Call<'_>) -> Result<Response, Refusal> {
    let broken = |_| Refusal::NetworkError;
    let address =
        if has_port(authority) { authority.to_owned() } else { format!("{authority}:80") };
    let stream = TcpStream::connect(address).await.map_err(|_| Refusal::NetworkError)?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let request = outgoing(authority, target, call).ok_or(Refusal::NetworkError)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let response = Response::read(response).await.ok_or(Refusal::NetworkError)?;
        // A REST API has no way to pass an upgrade on.
        if response.status < 200 { Err(Refusal::NetworkError) } else { Ok(response) }
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        answered = &mut exchange => answered,
        // The connection's end may be seen first; the answer is complete all the same.
        _ended = &mut connection => exchange.await,
    }
}

fn has_port(authority: &str) -> bool {
    authority.parse::<http::uri::Authority>().is_ok_and(|it| it.port_u16().is_some())
}

fn outgoing(
    authority: &str,
    target: &str,
    call: &Call<'_>,
) -> Option<http::Request<Full<bytes::Bytes>>> {
    let headers = headers_to_app(authority, call);
    let mut request = http::Request::builder()
        .method(call.request.method.as_str())
        .uri(target)
        .body(Full::new(call.request.body.clone()))
        .ok()?;
    *request.headers_mut() = header_map(&headers);
    Some(request)
}

/// The endpoint's own host instead of the client's, no field that belongs to the connection,
/// and what the service adds.
fn headers_to_app(authority: &str, call: &Call<'_>) -> Headers {
    let received = &call.request.headers;
    let mut headers = Headers::new();
    headers.push("Host", authority);
    for field in received.iter() {
        if !matches_any(&field.name, OF_THE_CONNECTION) && !matches_any(&field.name, ADDED) {
            headers.push(field.name.clone(), field.value.clone());
        }
    }
    if !received.has("user-agent") {
        headers.push("User-Agent", format!("AmazonAPIGateway_{}", call.api_id));
    }
    let client = call.client.to_string();
    let path = received.text("x-forwarded-for").map(|it| format!("{it}, {client}"));
    headers.push("X-Forwarded-For", path.unwrap_or(client));
    // The service speaks TLS alone. The lab's gateway is plain, and says what the real one says.
    headers.push("X-Forwarded-Proto", "https");
    headers.push("X-Forwarded-Port", "443");
    headers.push("X-Amzn-Trace-Id", answer::trace_id());
    headers.push("x-amzn-apigateway-api-id", call.api_id);
    if !call.request.body.is_empty() || received.has("content-length") {
        headers.push("Content-Length", call.request.body.len().to_string());
    }
    headers
}

/// The app's answer as the gateway's: what the gateway says itself is kept under another name.
fn pass_back(answer: Response) -> Response {
    let mut response =
        Response { status: answer.status, headers: Headers::new(), body: answer.body };
    response.headers.push("Date", http_date());
    let (renamed, plain): (Vec<_>, Vec<_>) =
        answer.headers.iter().partition(|it| matches_any(&it.name, REMAPPED));
    for field in plain {
        if !matches_any(&field.name, &["transfer-encoding", "keep-alive"]) {
            response.headers.push(field.name.clone(), field.value.clone());
        }
    }
    for field in renamed {
        response.headers.push(format!("x-amzn-remapped-{}", field.name), field.value.clone());
    }
    answer::sign(&mut response);
    response
}

fn matches_any(name: &str, names: &[&str]) -> bool {
    names.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// Not sent to the app.
const OF_THE_CONNECTION: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
];

/// Set anew by the service.
const ADDED: &[&str] = &[
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-amzn-trace-id",
    "x-amzn-apigateway-api-id",
];

/// Passed back as `x-amzn-Remapped-…`
/// ([list](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html)).
const REMAPPED: &[&str] = &[
    "age",
    "authorization",
    "connection",
    "content-length",
    "content-md5",
    "date",
    "expect",
    "host",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "upgrade",
    "user-agent",
    "via",
    "warn",
    "www-authenticate",
    "x-amzn-requestid",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(request: &'a Request, path: &'a str) -> Call<'a> {
        Call {
            api_id: "abc",
            client: IpAddr::from([127, 0, 0, 1]),
            backend: "b:1".to_owned(),
            path,
            request,
        }
    }

    #[test]
    fn an_endpoint_template_becomes_address_and_target() {
        let table = [
            ("{proxy}", "items", None, "b:1", "/items"),
            ("{proxy}/", "items", None, "b:1", "/items/"),
            ("/{proxy}/", "a/b", Some("q=1&r"), "b:1", "/a/b/?q=1&r"),
            ("/api/{proxy}", "items", None, "b:1", "/api/items"),
            ("http://h:2/{proxy}/", "items", Some(""), "h:2", "/items/?"),
        ];
        for (template, path, query, authority, target) in table {
            let request = Request { query: query.map(str::to_owned), ..Request::default() };
            let expected = (authority.to_owned(), target.to_owned());
            assert_eq!(endpoint(template, &call(&request, path)), expected, "{template}");
        }
    }

    #[test]
    fn the_app_sees_its_own_host_and_what_the_service_adds() {
        let headers = [("host", "gw"), ("connection", "keep-alive"), ("x-token", "a")];
        let headers = headers.into_iter().chain([("x-forwarded-for", "9.9.9.9"), ("expect", "x")]);
        let request = Request { headers: headers.collect(), ..Request::default() };
        let sent = headers_to_app("b:1", &call(&request, "items"));
        assert_eq!(sent.text("host").as_deref(), Some("b:1"));
        assert_eq!(sent.text("x-token").as_deref(), Some("a"));
        assert_eq!(sent.text("x-forwarded-for").as_deref(), Some("9.9.9.9, 127.0.0.1"));
        assert_eq!(sent.text("user-agent").as_deref(), Some("AmazonAPIGateway_abc"));
        assert!(!sent.has("connection") && !sent.has("expect") && !sent.has("content-length"));
    }

    #[test]
    fn the_apps_own_words_come_back_renamed_and_the_location_untouched() {
        let headers = [("Server", "w"), ("Location", "/items/"), ("Vary", "a"), ("Vary", "b")];
        let answer =
            Response { status: 301, headers: headers.into_iter().collect(), ..Response::default() };
        let passed = pass_back(answer);
        assert_eq!(passed.status, 301);
        assert_eq!(passed.headers.text("location").as_deref(), Some("/items/"));
        assert_eq!(passed.headers.text("vary").as_deref(), Some("a, b"));
        assert_eq!(passed.headers.text("x-amzn-remapped-server").as_deref(), Some("w"));
        assert!(!passed.headers.has("server") && passed.headers.has("date"));
    }
}
