//! A real nginx with TLS and HTTP/2, as one process on a port of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Nginx {
    pub(crate) port: u16,
    process: Child,
}

impl Nginx {
    /// Serve with the certificate `cert.pem` and the key `key.pem` of `folder`.
    pub(crate) fn start(folder: &Path) -> Nginx {
        loop {
            let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            if let Some(nginx) = Nginx::at(folder, free) {
                return nginx;
            }
        }
    }

    /// `None` when somebody else got the port first.
    fn at(folder: &Path, address: SocketAddr) -> Option<Nginx> {
        let config = CONFIG
            .replace("{folder}", &folder.display().to_string())
            .replace("{listen}", &address.to_string());
        std::fs::write(folder.join("nginx.conf"), config).unwrap();
        let said = folder.join("nginx.log");
        let output = std::fs::File::create(&said).unwrap();
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-c"]).arg(folder.join("nginx.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let process = command.spawn().unwrap_or_else(|it| panic!("{command:?}: {it}"));
        let mut nginx = Nginx { port: address.port(), process };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            let said = std::fs::read_to_string(&said).unwrap_or_default();
            if nginx.process.try_wait().unwrap().is_some() {
                assert!(said.contains("in use"), "nginx ended at once: {said}");
                return None;
            }
            assert!(Instant::now() < deadline, "nginx never listened: {said}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

const CONFIG: &str = r#"
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events { worker_connections 128; }
http {
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {
    listen {listen} ssl http2;
    server_name localhost;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    default_type text/plain;
    location / { return 200 "nginx heard $server_protocol\n"; }
    location /page {
      default_type text/html;
      return 200 "<!doctype html><title>x</title><p id=p>nothing<script>
const asked = new XMLHttpRequest();
asked.open('GET', '/items' + location.search, false);
asked.send();
document.getElementById('p').textContent = asked.responseText;
</script>";
    }
  }
}
"#;
