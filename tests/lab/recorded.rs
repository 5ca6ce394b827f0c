//! The recordings of `tests/seed`, asked again: gateway and app must answer as they did, and
//! the app must be asked as it was.

use serde_json::Value;

use super::http::{Ask, Witness, ask};
use super::lab;

/// What each group of recordings was made with.
const VARIANTS: [(&str, &[(&str, &str)]); 4] = [
    ("00", &[]),
    ("01", &[("debug", "off")]),
    ("07", &[("app", "down")]),
    ("08", &[("endpoint", "{proxy}/")]),
];

/// Never the same twice, or not on the recorder's wire.
const VOLATILE: [&str; 9] = [
    "date",
    "x-amzn-remapped-date",
    "x-amzn-requestid",
    "x-amz-apigw-id",
    "x-amzn-trace-id",
    "content-length",
    // The development server sends none on a redirect or an error; hyper always does.
    "x-amzn-remapped-content-length",
    "host",
    "connection",
];

struct Recorded {
    name: String,
    request: Ask,
    entry: Value,
}

fn recordings(variant: &str, side: &str) -> Vec<Recorded> {
    let mut found = Vec::new();
    for n in 0..8 {
        let name = format!("{variant}-{n}-{side}.har");
        let path = format!("{}/tests/seed/{name}", env!("CARGO_MANIFEST_DIR"));
        let har: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for entry in har["log"]["entries"].as_array().unwrap() {
            let recorded = &entry["request"];
            let url = recorded["url"].as_str().unwrap();
            let target = url.splitn(4, '/').nth(3).unwrap();
            let mut request = Ask::new(recorded["method"].as_str().unwrap(), &format!("/{target}"));
            request.headers = fields(recorded, &["connection", "content-length"]);
            let body = recorded["postData"]["text"].as_str().unwrap_or_default();
            found.push(Recorded {
                name: name.clone(),
                request: request.body(body),
                entry: entry.clone(),
            });
        }
    }
    found
}

/// Header fields with names in lower case, without some of them, sorted.
fn fields(message: &Value, without: &[&str]) -> Vec<(String, String)> {
    let all = message["headers"].as_array().unwrap().iter();
    let all = all.map(|it| {
        let (name, value) = (it["name"].as_str().unwrap(), it["value"].as_str().unwrap());
        (name.to_ascii_lowercase(), value.to_owned())
    });
    sorted(all.filter(|(name, _)| !without.contains(&name.as_str())))
}

fn sorted(fields: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.collect();
    fields.sort();
    fields
}

fn steady(fields: Vec<(String, String)>) -> Vec<(String, String)> {
    sorted(fields.into_iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str())))
}

#[tokio::test]
async fn the_gateway_answers_as_recorded() {
    for (variant, knobs) in VARIANTS {
        let lab = lab(knobs).await;
        for it in recordings(variant, "browser") {
            let answer = ask(lab.addresses().gateway, &it.request).await.unwrap();
            let response = &it.entry["response"];
            assert_eq!(answer.status, response["status"], "{}", it.name);
            assert_eq!(steady(answer.headers), fields(response, &VOLATILE), "{}", it.name);
            check_body(&it, &answer.body);
        }
    }
}

#[tokio::test]
async fn the_app_answers_as_recorded() {
    for (variant, knobs) in VARIANTS {
        if variant == "07" {
            continue;
        }
        let lab = lab(knobs).await;
        for it in recordings(variant, "backend") {
            let answer = ask(lab.addresses().app, &it.request).await.unwrap();
            let response = &it.entry["response"];
            assert_eq!(answer.status, response["status"], "{}", it.name);
            assert_eq!(steady(answer.headers), fields(response, &VOLATILE), "{}", it.name);
            check_body(&it, &answer.body);
        }
    }
}

/// The app is asked with the target and the header fields that it was asked with.
#[tokio::test]
async fn the_gateway_asks_the_app_as_recorded() {
    let witness = Witness::start().await;
    for (variant, knobs) in VARIANTS {
        let lab = lab(knobs).await;
        lab.handle().set("backend", &witness.address.to_string()).await.unwrap();
        let edge = recordings(variant, "browser");
        let reached = edge.into_iter().filter(|it| it.request.target.starts_with("/prod/"));
        for (edge, origin) in reached.zip(recordings(variant, "backend")) {
            let answer = ask(lab.addresses().gateway, &edge.request).await.unwrap();
            assert_eq!(answer.status, 204);
            let (line, headers) = witness.last();
            let recorded = &origin.request;
            assert_eq!(line, format!("{} {} HTTP/1.1", recorded.method, recorded.target));
            // Nothing was there to record what the stopped app was asked.
            if recorded.headers.is_empty() {
                continue;
            }
            // The recorder's emulator did not add these two; the real service does.
            let ours = ["x-forwarded-port", "x-amzn-apigateway-api-id"];
            let headers = headers.into_iter().filter(|(name, _)| !ours.contains(&name.as_str()));
            assert_eq!(
                steady(headers.collect()),
                steady(recorded.headers.clone()),
                "{}",
                origin.name
            );
        }
    }
}

/// The list grows from recording to recording, and Django's debug page was cut short.
fn check_body(it: &Recorded, body: &str) {
    let response = &it.entry["response"];
    let recorded = response["content"]["text"].as_str().unwrap();
    match response["status"].as_u64().unwrap() {
        200 | 201 => assert_eq!(body.is_empty(), recorded.is_empty(), "{}", it.name),
        500 => {
            let text = |it: &str| {
                let said = it.split("exception_value\">").nth(1).unwrap();
                let said = said.split("</pre>").next().unwrap().to_owned();
                said.replace(&host(it), "HOST")
            };
            assert_eq!(text(body), text(recorded), "{}", it.name);
        }
        _ => assert_eq!(body, recorded, "{}", it.name),
    }
}

/// The host that a debug page names.
fn host(page: &str) -> String {
    let said = page.split("form to point to ").nth(1).unwrap();
    said.split('/').next().unwrap().to_owned()
}
