//! What the gateway answers by itself: its errors, and the mock of `OPTIONS`.
//!
//! Bodies and error types are those of the real service, byte for byte, blanks included
//! ([gateway response types](https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html)).

use crate::lab::knobs::{GatewayResponses, Knobs, Methods};
use crate::lab::message::{LIMIT, Response, http_date};

/// Why the gateway answers instead of the app.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// No such stage.
    Forbidden,
    /// No such resource or method; the name is the service's own, tokens have no part in it.
    MissingAuthenticationToken,
    /// The app refused, closed or answered nonsense.
    NetworkError,
    /// The app took too long.
    TimedOut,
    /// More than ten megabytes.
    TooLarge,
}

impl Refusal {
    fn status(self) -> u16 {
        match self {
            Refusal::Forbidden | Refusal::MissingAuthenticationToken => 403,
            Refusal::NetworkError | Refusal::TimedOut => 504,
            Refusal::TooLarge => 413,
        }
    }

    fn error_type(self) -> &'static str {
        match self {
            Refusal::Forbidden => "ForbiddenException",
            Refusal::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Refusal::NetworkError | Refusal::TimedOut => "InternalServerErrorException",
            // On trust: no recording shows this one's type.
            Refusal::TooLarge => "RequestEntityTooLargeException",
        }
    }

    fn body(self) -> String {
        match self {
            Refusal::Forbidden => r#"{"message":"Forbidden"}"#.to_owned(),
            Refusal::MissingAuthenticationToken => {
                r#"{"message":"Missing Authentication Token"}"#.to_owned()
            }
            Refusal::NetworkError => {
                r#"{"message": "Network error communicating with endpoint"}"#.to_owned()
            }
            Refusal::TimedOut => r#"{"message": "Endpoint request timed out"}"#.to_owned(),
            Refusal::TooLarge => format!("HTTP content length exceeded {LIMIT} bytes."),
        }
    }
}

/// The gateway's own error answer.
pub(super) fn refuse(knobs: &Knobs, refusal: Refusal) -> Response {
    let mut response = Response::new(refusal.status(), "application/json", refusal.body());
    response.headers.set("Date", http_date());
    sign(&mut response);
    response.headers.push("x-amzn-ErrorType", refusal.error_type());
    // REQUEST_TOO_LARGE is no gateway response that can be customised.
    if knobs.gateway_responses == GatewayResponses::Cors && refusal != Refusal::TooLarge {
        allow_all(&mut response, &Methods::Any);
    }
    response
}

/// The mock integration that the console's "Enable CORS" makes: the same for every path of
/// the stage, whatever the app thinks of it.
pub(super) fn enable_cors(knobs: &Knobs) -> Response {
    let mut response = Response::new(200, "application/json", "");
    response.headers.set("Date", http_date());
    sign(&mut response);
    allow_all(&mut response, &knobs.methods);
    response
}

/// What the service puts on every answer, its own or the app's.
pub(super) fn sign(response: &mut Response) {
    response.headers.push("x-amzn-RequestId", uuid());
    response.headers.push("x-amz-apigw-id", format!("{}=", text(ALPHABET_64, 15)));
}

/// As the console proposes, and the header that this API's developer added.
fn allow_all(response: &mut Response, methods: &Methods) {
    let methods = match methods {
        Methods::Any => "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT".to_owned(),
        Methods::These(methods) => format!("{},OPTIONS", methods.join(",")),
    };
    let headers = "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,X-Token";
    response.headers.push("Access-Control-Allow-Origin", "*");
    response.headers.push("Access-Control-Allow-Headers", headers);
    response.headers.push("Access-Control-Allow-Methods", methods);
}

/// An API's id: ten lower-case letters and digits.
pub(super) fn api_id() -> String {
    text(b"abcdefghijklmnopqrstuvwxyz0123456789", 10)
}

/// `1-` time `-` 96 random bits, as
/// [X-Ray](https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html) wants it.
pub(super) fn trace_id() -> String {
    format!("Root=1-{:08x}-{}", chrono::Utc::now().timestamp(), text(HEX, 24))
}

fn uuid() -> String {
    let parts = [8, 3, 3, 12].map(|length| text(HEX, length));
    let [a, b, c, d] = &parts;
    format!("{a}-{}-4{b}-8{c}-{d}", text(HEX, 4))
}

/// Random letters. Should the system have no random numbers, they are all the same: nothing
/// in the lab relies on them.
fn text(alphabet: &[u8], length: usize) -> String {
    let mut bytes = vec![0; length];
    let _kept_zero = getrandom::fill(&mut bytes);
    let letter = |it: &u8| alphabet.get(usize::from(*it) % alphabet.len().max(1)).copied();
    bytes.iter().filter_map(letter).map(char::from).collect()
}

const HEX: &[u8] = b"0123456789abcdef";
const ALPHABET_64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_lengths_that_were_recorded() {
        let table = [
            (Refusal::Forbidden, 403, 23),
            (Refusal::MissingAuthenticationToken, 403, 42),
            (Refusal::NetworkError, 504, 56),
            (Refusal::TimedOut, 504, 41),
        ];
        for (refusal, status, length) in table {
            let response = refuse(&Knobs::default(), refusal);
            assert_eq!((response.status, response.body.len()), (status, length), "{refusal:?}");
            assert!(response.headers.has("x-amzn-errortype"));
            assert!(!response.headers.has("access-control-allow-origin"));
        }
    }

    #[test]
    fn customised_gateway_responses_carry_cors_headers_except_the_one_that_cannot() {
        let mut knobs = Knobs::default();
        knobs.set("gateway-responses", "cors").unwrap();
        let allowed = |it| refuse(&knobs, it).headers.text("access-control-allow-origin");
        assert_eq!(allowed(Refusal::Forbidden).as_deref(), Some("*"));
        assert_eq!(allowed(Refusal::TooLarge), None);
    }

    #[test]
    fn ids_look_like_the_real_ones() {
        let mut response = Response::default();
        sign(&mut response);
        let id = response.headers.text("x-amzn-requestid").unwrap();
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(response.headers.text("x-amz-apigw-id").unwrap().len(), 16);
        assert_eq!(trace_id().len(), "Root=1-67bd8a3c-000000000000000000000000".len());
    }
}
