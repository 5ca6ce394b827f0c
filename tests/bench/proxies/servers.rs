//! How the servers and proxies of others are set up.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::peers::{Certificate, Doors};

/// One process that answers with a JSON of 784 bytes or a megabyte, also in TLS, and at
/// `http_2` in HTTP/2 without TLS.
pub(crate) fn nginx(
    folder: &Path,
    doors: Doors,
    http_2: SocketAddr,
    certificate: &Certificate,
) -> Outcome<Command> {
    let files = folder.join("server");
    fs::create_dir(&files)?;
    fs::write(files.join("large"), vec![b'x'; 1_000_000])?;
    let body = format!("{{\"items\":\"{}\"}}", "0".repeat(770));
    let here = files.display();
    let answer = format!(
        "listen {http_2} http2 backlog=4096;
         location / {{ add_header X-Request-Id $request_id; return 200 '{body}'; }}
         location /large {{ root {here}; add_header X-Request-Id $request_id; }}"
    );
    configured(&files, doors, certificate, "", &answer)
}

/// One process that passes on what asks it.
pub(crate) fn nginx_proxy(
    folder: &Path,
    doors: Doors,
    to: SocketAddr,
    certificate: &Certificate,
) -> Outcome<Command> {
    let files = folder.join("proxy");
    fs::create_dir(&files)?;
    let upstream =
        format!("upstream server {{ server {to}; keepalive 256; keepalive_requests 100000000; }}");
    let answer = "location / { proxy_pass http://server; proxy_http_version 1.1;
        proxy_set_header Connection ''; }";
    configured(&files, doors, certificate, &upstream, answer)
}

fn configured(
    files: &Path,
    doors: Doors,
    certificate: &Certificate,
    upstream: &str,
    answer: &str,
) -> Outcome<Command> {
    let here = files.display();
    let (chain, key) = (certificate.chain.display(), certificate.key.display());
    let Doors { plain, tls, http_2 } = doors;
    let text = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/errors;
events {{ worker_connections 19000; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 1h; {upstream}
  client_body_temp_path {here}/b; proxy_temp_path {here}/p; fastcgi_temp_path {here}/f;
  uwsgi_temp_path {here}/u; scgi_temp_path {here}/s; sendfile on;
  server {{ listen {plain} backlog=4096; listen {tls} ssl backlog=4096;
    listen {http_2} ssl http2 backlog=4096; ssl_certificate {chain}; ssl_certificate_key {key};
    default_type application/json; {answer} }} }}"
    );
    let path = files.join("nginx.conf");
    fs::write(&path, text)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(files).arg("-c").arg(&path);
    Ok(command)
}

pub(crate) fn haproxy(
    folder: &Path,
    doors: Doors,
    to: SocketAddr,
    certificate: &Certificate,
) -> Outcome<Command> {
    let (Doors { plain, tls, http_2 }, both) = (doors, certificate.both.display());
    let text = format!(
        "global
  maxconn 19000
  no strict-limits
  no log
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen all
  bind {plain} backlog 4096
  bind {tls} ssl crt {both} backlog 4096
  bind {http_2} ssl crt {both} alpn h2 backlog 4096
  http-reuse always
  server one {to}
"
    );
    let path = folder.join("haproxy.cfg");
    fs::write(&path, text)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(&path);
    Ok(command)
}
