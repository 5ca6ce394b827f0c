//! Real WebSocket clients through the forward tap, in front of a real server that says all again.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use hopscope::content::{self, Said};
use hopscope::trace::Exchange;

use crate::{Rig, folder, modules, python, run};

/// A row of the table for each.
pub(crate) fn rows(rig: &Rig) -> Vec<[String; 5]> {
    let server = Server::start();
    let talks = |name: &str, mut command: Command| {
        let id = name.to_lowercase().replace(' ', "-");
        let url = format!("ws://127.0.0.1:{}/chat?client={id}", server.port);
        let output = run(command.args([&url, &rig.proxy()]));
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("3 heard"), "{name}: {said} {errors}");
        let found = rig.wait(|it| it.request.url.ends_with(&format!("/chat?client={id}")));
        let hop = found.unwrap_or_else(|| panic!("{name}: no hop"));
        assert_eq!((hop.exchange, hop.status()), (Exchange::WebSocket, Some(101)), "{name}");
        let messages = content::messages(&hop);
        let heard: Vec<_> = messages
            .filter(|it| matches!(it.said, Said::Text | Said::Binary))
            .map(|it| it.bytes.len())
            .collect();
        assert_eq!(heard, [5, 5, 2, 2, 70_000, 70_000], "{name}");
        [name, "HTTP/1.1", "HTTP/1.1", "101", "WebSocket, 6 messages"].map(String::from)
    };
    let mut asks = Command::new(python());
    asks.arg(folder().join("talks.py")).arg("ask");
    let mut node = Command::new("node");
    node.arg(folder().join("talks.mjs")).current_dir(modules());
    vec![talks("Python websockets", asks), talks("Node WebSocket", node)]
}

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let mut command = Command::new(python());
        command.arg(folder().join("talks.py")).arg("serve").stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|it| panic!("{command:?}: {it}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server { child, port: line.trim().parse().unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
