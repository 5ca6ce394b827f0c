//! Traffic as a team's gateway sees it in a week: mostly healthy, a few per cent of each fault of
//! the stories. Dates, request ids, queries, cookies and bodies differ from hop to hop.
//!
//! A conversation is what one fetch causes. With two taps every hop that a gateway passes on is
//! seen twice. The same number gives the same conversation.

use hopscope::trace::{
    Body, ConnectionId, Exchange, Failure, FailureKind, Headers, Hop, HopId, Outcome, Request,
    Response, Tap, TapId, TapKind, Testimony, Time, Timing, Version,
};

/// The taps that [`Traffic`] is seen at.
pub(crate) fn taps(n: u16) -> Vec<Tap> {
    let tap = |name: &str, port: u16| Tap {
        name: name.to_owned(),
        kind: TapKind::Reverse,
        address: format!("127.0.0.1:{port}"),
        upstream: None,
    };
    [tap("edge", 8080), tap("origin", 9001)].into_iter().take(usize::from(n)).collect()
}

/// Makes conversations, one after the other.
pub(crate) struct Traffic {
    taps: u16,
    dice: u64,
    hops: u64,
    now: i64,
}

/// One hop in the making.
struct Draft<'a> {
    method: &'a str,
    url: String,
    /// `None`: the gateway answers itself.
    inner: Option<String>,
    asked: Vec<(&'a str, String)>,
    status: u16,
    answer: Vec<(&'a str, String)>,
    body: String,
    /// What the app's tap saw, where it differs: status and added headers.
    failed: Option<FailureKind>,
}

impl Traffic {
    pub(crate) fn new(taps: u16) -> Traffic {
        Traffic { taps, dice: 0x9e37_79b9_7f4a_7c15, hops: 0, now: 1_795_365_000_000_000 }
    }

    fn roll(&mut self, below: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % below
    }

    /// The hops of the next conversation, in the order in which they began.
    pub(crate) fn conversation(&mut self) -> Vec<Hop> {
        self.now += 20_000;
        let who = self.roll(40);
        let kind = self.roll(1000);
        let drafts = if kind < 950 { self.healthy(kind, who) } else { self.faulty(kind, who) };
        let mut hops = Vec::new();
        for draft in drafts {
            hops.extend(self.seen(&draft, who));
        }
        hops
    }

    fn healthy(&mut self, kind: u64, who: u64) -> Vec<Draft<'static>> {
        let (page, id) = (page_of(who), self.roll(50_000));
        let allow = allowing(&page);
        let get = |url: &str| Draft::get(url, &page).answer(allow.clone());
        match kind {
            0..300 => {
                let (page_no, sort) = (self.roll(900), self.roll(4));
                let url = format!("/items?page={page_no}&sort=k{sort}&_={}", self.roll(1 << 40));
                vec![
                    get(&url).body(format!("{{\"items\":[{{\"id\":{id}}}],\"total\":{}}}", id * 3)),
                ]
            }
            300..500 => vec![get(&format!("/items/{id}")).body(format!("{{\"id\":{id}}}"))],
            500..620 => {
                let url = format!("/items/{id}");
                let method = ["PUT", "PATCH", "DELETE"][usize::try_from(id % 3).unwrap_or(0)];
                let token = format!("Bearer {:x}", who * 0x0123_4567);
                let mut send = get(&url).ask("authorization", token);
                send.method = method;
                let asks = "authorization,content-type";
                send = send.ask("content-type", "application/json".into());
                vec![Draft::preflight(&url, &page, method, asks, &allow), send.body("{}".into())]
            }
            620..700 => {
                let job = format!("/jobs/{:08x}-{:04x}-4000-8000-{id:012x}", id * 7, id % 65_536);
                let etag = ("etag", format!("\"{:x}\"", self.roll(1 << 30)));
                let mut poll = get(&job).also(etag.clone()).ask("if-none-match", etag.1);
                poll.status = if id % 3 == 0 { 200 } else { 304 };
                vec![poll]
            }
            700..760 => {
                let mut lost =
                    get(&format!("/users/{id}")).body("{\"detail\":\"No user.\"}".into());
                lost.status = 404;
                vec![lost]
            }
            760..820 => {
                let own = "https://gw.test".to_owned();
                let mut post = Draft::get("/login", &own).also(("location", "/prod/home".into()));
                post.method = "POST";
                post.status = 302;
                let session = format!("session={:032x}; Path=/; HttpOnly", self.roll(1 << 60));
                post = post.also(("set-cookie", session)).mode("navigate", "document");
                let mut home = Draft::get("/home", &own).mode("navigate", "document");
                home.asked.retain(|it| it.0 != "origin");
                home.answer[0].1 = "text/html; charset=utf-8".into();
                vec![post, home.body(format!("<!doctype html><p>{id}</p>"))]
            }
            820..880 => {
                let mut own = Draft::get(&format!("/session?t={id}"), "https://gw.test");
                own.asked.retain(|it| it.0 != "origin");
                own.asked.push(("referer", "https://gw.test/prod/home".into()));
                own.set("sec-fetch-site", "same-origin");
                vec![own.body(format!("{{\"user\":{id}}}"))]
            }
            880..915 => {
                let mut image = Draft::get(&format!("/static/{}.png", id % 40), &page);
                image.asked.retain(|it| it.0 != "origin");
                image = image.mode("no-cors", "image");
                image.answer[0].1 = "image/png".into();
                vec![image.body("\u{89}PNG".into())]
            }
            _ => {
                let mut probe = Draft::get("/health", &page).body("{\"ok\":true}".into());
                probe.asked.retain(|it| it.0 == "host");
                probe.asked.push(("user-agent", "kube-probe/1.31".into()));
                vec![probe]
            }
        }
    }

    fn faulty(&mut self, kind: u64, who: u64) -> Vec<Draft<'static>> {
        let (page, id) = (page_of(who), self.roll(50_000));
        let allow = allowing(&page);
        let get = || Draft::get(&format!("/items?page={id}"), &page);
        let fine = || get().answer(allow.clone());
        let preflight = |status, allow: &[(&'static str, String)]| {
            let mut it = Draft::preflight(&format!("/items/{id}"), &page, "PUT", "x-token", allow);
            it.status = status;
            it
        };
        let forbidden = || {
            let kind = ("x-amzn-errortype", "ForbiddenException".into());
            let mut it = Draft::get("/items/", &page).also(kind).by_gateway();
            it.url = "https://gw.test/items/".into();
            it.status = 403;
            it.body("{\"message\":\"Forbidden\"}".into())
        };
        let to = |status, location: &str| {
            let mut it = fine().also(("location", location.to_owned()));
            it.status = status;
            it
        };
        match kind {
            950..958 => vec![to(301, "/items/"), forbidden()],
            958..964 => {
                let mut it = get()
                    .by_gateway()
                    .also(("x-amzn-errortype", "InternalServerErrorException".into()));
                it.status = 504;
                vec![it.body("{\"message\": \"Endpoint request timed out\"}".into())]
            }
            964..968 => vec![get().body(format!("{{\"items\":[{id}]}}"))],
            968..972 => vec![fine().also(("access-control-allow-origin", "*".into()))],
            972..975 => vec![
                get()
                    .ask("cookie", format!("s={id}"))
                    .also(("access-control-allow-origin", "*".into())),
            ],
            975..979 => {
                let mut it = preflight(200, &allow);
                it.answer.retain(|it| it.0 != "access-control-allow-headers");
                vec![it]
            }
            979..983 => vec![preflight(401, &[("www-authenticate", "Bearer".into())])],
            983..986 => vec![preflight(405, &[("allow", "GET, POST".into())])],
            986..988 => vec![
                to(301, "/prod/items?x=1"),
                to(301, "/prod/items?x=1"),
                to(301, "/prod/items?x=1"),
            ],
            988..991 => vec![to(301, "http://gw.test/prod/items/")],
            991..994 => vec![to(302, "http://app.internal:8000/items/")],
            994..997 => {
                let mut it = get().body(format!("<h1>Server Error (500)</h1><!-- {} -->", id % 20));
                it.status = 500;
                vec![it]
            }
            _ => {
                let mut it = get();
                it.failed = Some(
                    [FailureKind::Refused, FailureKind::Reset]
                        [usize::try_from(id % 2).unwrap_or(0)],
                );
                vec![it]
            }
        }
    }

    /// What the taps see of it.
    fn seen(&mut self, draft: &Draft<'_>, who: u64) -> Vec<Hop> {
        self.now += 8_000;
        let outer = self.hop(draft, TapId(0), who);
        let Some(inner) = draft.inner.as_ref().filter(|_| 1 < self.taps) else {
            return vec![outer];
        };
        let mut hop = outer.clone();
        hop.id.sequence += 1;
        self.hops += 1;
        hop.tap = TapId(1);
        hop.started = outer.started.plus(700);
        hop.ended = outer.ended.map(|it| it.plus(-700));
        hop.request.url.clone_from(inner);
        hop.request.headers.set("host", "app.test:8000");
        hop.request.headers.push("x-forwarded-for", "198.51.100.7");
        hop.request.headers.push("x-amzn-trace-id", format!("Root=1-{:08x}", self.roll(1 << 32)));
        vec![outer, hop]
    }

    fn hop(&mut self, draft: &Draft<'_>, tap: TapId, who: u64) -> Hop {
        self.hops += 1;
        let started = Time(self.now);
        let mut asked: Vec<(&str, String)> = draft.asked.clone();
        if asked.iter().any(|it| it.0 == "sec-fetch-site") && draft.method != "OPTIONS" {
            asked.push(("cookie", format!("theme=dark; sid={:016x}", who * 0x00c0_ffee_1234)));
        }
        let second = self.now / 1_000_000 % 60;
        let mut answer = draft.answer.clone();
        answer.insert(
            0,
            (
                "date",
                format!("Sun, 22 Nov 2026 17:{:02}:{second:02} GMT", self.now / 60_000_000 % 60),
            ),
        );
        answer.push(("content-length", draft.body.len().to_string()));
        answer.push(("x-request-id", format!("{:016x}{:016x}", self.roll(u64::MAX), self.hops)));
        let pairs = |list: &[(&str, String)]| {
            Headers::pack(list.iter().map(|(name, value)| (*name, value.as_bytes())))
        };
        let outcome = match draft.failed {
            Some(kind) => Outcome::Failed(Failure { kind, detail: "os error".into() }),
            None => Outcome::Answered(Response {
                status: draft.status,
                reason: reason(draft.status).to_vec(),
                headers: pairs(&answer),
                body: Body::full(draft.body.clone()),
                ..Response::default()
            }),
        };
        Hop {
            id: HopId { recorder: 5, sequence: self.hops },
            tap,
            exchange: Exchange::Http,
            connection: Some(ConnectionId(who + 1)),
            started,
            ended: Some(started.plus(6_000)),
            request: Request {
                method: draft.method.to_owned(),
                url: draft.url.clone(),
                version: Version::Http11,
                headers: pairs(&asked),
                body: Body::full(if matches!(draft.method, "PUT" | "PATCH" | "POST") {
                    format!("{{\"n\":{who}}}")
                } else {
                    String::new()
                }),
            },
            outcome,
            timing: Timing { wait: Some(5_000), receive: Some(1_000), ..Timing::default() },
            own_changes: Vec::new(),
            interim: Vec::new(),
            frames: <_>::default(),
            tls: None,
            trailers: None,
            testimony: Testimony::default(),
        }
    }
}

impl<'a> Draft<'a> {
    fn get(path: &str, page: &str) -> Draft<'a> {
        let agent = AGENTS[page.len() % AGENTS.len()];
        let asked = [
            ("host", "gw.test"),
            ("user-agent", agent),
            ("accept", "application/json"),
            ("accept-language", "en-US,en;q=0.9"),
            ("accept-encoding", "gzip, deflate, br, zstd"),
            ("origin", page),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            ("connection", "keep-alive"),
        ];
        Draft {
            method: "GET",
            url: format!("https://gw.test/prod{path}"),
            inner: Some(format!("http://app.test:8000{path}")),
            asked: asked.map(|(name, value)| (name, value.to_owned())).to_vec(),
            status: 200,
            answer: vec![
                ("content-type", "application/json".into()),
                ("server", "gunicorn".into()),
            ],
            body: String::new(),
            failed: None,
        }
    }

    fn preflight(
        path: &str,
        page: &str,
        method: &str,
        names: &str,
        allow: &[(&'a str, String)],
    ) -> Draft<'a> {
        let mut it = Draft::get(path, page);
        it.method = "OPTIONS";
        it.asked.push(("access-control-request-method", method.to_owned()));
        it.asked.push(("access-control-request-headers", names.to_owned()));
        it.answer.extend(allow.iter().cloned());
        it.answer.push(("access-control-allow-methods", "GET, PUT, PATCH, DELETE".into()));
        it.answer.push(("access-control-allow-headers", "authorization, content-type".into()));
        it
    }

    fn answer(mut self, headers: Vec<(&'a str, String)>) -> Draft<'a> {
        self.answer.extend(headers);
        self
    }

    fn also(mut self, header: (&'a str, String)) -> Draft<'a> {
        self.answer.push(header);
        self
    }

    fn ask(mut self, name: &'a str, value: String) -> Draft<'a> {
        self.asked.push((name, value));
        self
    }

    fn body(mut self, text: String) -> Draft<'a> {
        self.body = text;
        self
    }

    fn by_gateway(mut self) -> Draft<'a> {
        self.inner = None;
        self.answer.retain(|it| it.0 != "server");
        self
    }

    fn mode(mut self, mode: &str, dest: &str) -> Draft<'a> {
        self.set("sec-fetch-mode", mode);
        self.set("sec-fetch-dest", dest);
        self
    }

    fn set(&mut self, name: &str, value: &str) {
        for header in self.asked.iter_mut().filter(|it| it.0 == name) {
            value.clone_into(&mut header.1);
        }
    }
}

/// What an app sends that lets `page` in, with its cookies.
fn allowing(page: &str) -> Vec<(&'static str, String)> {
    vec![
        ("access-control-allow-origin", page.to_owned()),
        ("access-control-allow-credentials", "true".to_owned()),
        ("vary", "Origin".to_owned()),
    ]
}

fn page_of(who: u64) -> String {
    ["https://app.front.test", "https://admin.front.test", "http://localhost:5173"]
        [usize::try_from(who % 3).unwrap_or(0)]
    .to_owned()
}

fn reason(status: u16) -> &'static [u8] {
    match status {
        200 => b"OK",
        301 => b"Moved Permanently",
        302 => b"Found",
        304 => b"Not Modified",
        404 => b"Not Found",
        _ => b"",
    }
}

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
];
