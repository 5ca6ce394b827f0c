//! The one view: `/items/`, a list to read (`GET`) and to add to (`POST`).

use serde_json::{Map, Value, json};

use super::negotiate::{Renderer, renderer};
use super::{Answer, Session, pages, patch_vary};
use crate::lab::message::{Request, Response};

/// The only path that the app knows.
pub(super) const PATH: &str = "/items/";

/// The items, kept as long as the lab runs.
pub(super) struct Items(Vec<String>);

impl Default for Items {
    fn default() -> Items {
        Items(vec!["first".to_owned()])
    }
}

impl Items {
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        let Some(renderer) = renderer(request.header("accept").as_deref()) else {
            // Refused before anybody asked who the user is.
            let detail = json!({"detail": "Could not satisfy the request Accept header."});
            return Answer::new(render(406, &detail, Renderer::Json), Session::Untouched);
        };
        let (status, content) = match request.method.as_str() {
            "GET" | "HEAD" => (200, self.list()),
            "POST" => self.create(request).unwrap_or_else(|refused| refused),
            "OPTIONS" => (200, metadata()),
            other => (405, json!({"detail": format!("Method \"{other}\" not allowed.")})),
        };
        Answer::new(render(status, &content, renderer), Session::Accessed)
    }

    fn list(&self) -> Value {
        (1..).zip(&self.0).map(|(id, name): (u64, _)| json!({"id": id, "name": name})).collect()
    }

    /// Both sides are status and content; the error is what was wrong with the request.
    fn create(&mut self, request: &Request) -> Result<(u16, Value), (u16, Value)> {
        let name = name(&parse(request)?).map_err(|it| (400, it))?;
        self.0.push(name.clone());
        Ok((201, json!({"id": self.0.len(), "name": name})))
    }
}

fn render(status: u16, content: &Value, renderer: Renderer) -> Response {
    let mut response = match renderer {
        Renderer::Json => Response::new(status, "application/json", content.to_string()),
        Renderer::Html => pages::browsable(status, content),
    };
    patch_vary(&mut response, "Accept");
    if renderer == Renderer::Html {
        patch_vary(&mut response, "Cookie");
    }
    response.headers.push("Allow", "GET, POST, HEAD, OPTIONS");
    response
}

/// The request's data by its content type. An empty body is empty data, whatever its type.
fn parse(request: &Request) -> Result<Value, (u16, Value)> {
    let content_type = request.header("content-type").unwrap_or_else(|| "text/plain".to_owned());
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if request.body.is_empty() {
        return Ok(json!({}));
    }
    match media_type.to_ascii_lowercase().as_str() {
        "application/json" => serde_json::from_slice(&request.body)
            .map_err(|it| (400, json!({"detail": format!("JSON parse error - {it}")}))),
        "application/x-www-form-urlencoded" => {
            let fields = url::form_urlencoded::parse(&request.body);
            let fields = fields.map(|(name, value)| (name.into_owned(), value.into_owned().into()));
            Ok(Value::Object(fields.collect()))
        }
        "multipart/form-data" => Ok(multipart(&content_type, &request.body)),
        _ => {
            let detail = format!("Unsupported media type \"{content_type}\" in request.");
            Err((415, json!({"detail": detail})))
        }
    }
}

/// The text fields of a multipart form; parts that are not well formed are passed over.
fn multipart(content_type: &str, body: &[u8]) -> Value {
    let mut fields = Map::new();
    let boundary = content_type.split(';').find_map(|it| it.trim().strip_prefix("boundary="));
    let boundary = boundary.map(|it| it.trim_matches('"')).filter(|it| !it.is_empty());
    let text = String::from_utf8_lossy(body);
    for part in
        boundary.iter().flat_map(|it| text.split(&format!("--{it}")).skip(1).collect::<Vec<_>>())
    {
        let Some((head, value)) = part.split_once("\r\n\r\n") else { continue };
        let name = head.split("name=\"").nth(1).and_then(|it| it.split('"').next());
        if let (Some(name), false) = (name, head.contains("filename=")) {
            let value = value.strip_suffix("\r\n").unwrap_or(value);
            fields.insert(name.to_owned(), value.into());
        }
    }
    Value::Object(fields)
}

/// The serializer's one field, a `CharField` of at most 100 characters.
fn name(data: &Value) -> Result<String, Value> {
    let wrong = |said: &str| Err(json!({ "name": [said] }));
    let fields = match data {
        Value::Object(fields) => fields,
        Value::Null => return Err(json!({"non_field_errors": ["No data provided"]})),
        other => {
            let said = format!("Invalid data. Expected a dictionary, but got {}.", python(other));
            return Err(json!({ "non_field_errors": [said] }));
        }
    };
    let name = match fields.get("name") {
        None => return wrong("This field is required."),
        Some(Value::Null) => return wrong("This field may not be null."),
        Some(Value::String(name)) => name.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return wrong("Not a valid string."),
    };
    match name.chars().count() {
        0 => wrong("This field may not be blank."),
        1..=100 => Ok(name),
        _ => wrong("Ensure this field has no more than 100 characters."),
    }
}

/// What Python calls the type of a JSON value.
fn python(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

fn metadata() -> Value {
    json!({
        "name": "Items",
        "description": "",
        "renders": ["application/json", "text/html"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    })
}
