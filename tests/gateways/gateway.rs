//! The gateways: real nginx, `HAProxy`, Apache and Caddy, each as one process on a port of its own.
//!
//! **Invariant:** one process a gateway (no master, no workers), so that ending it ends all of it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

/// A running gateway. Dropping it ends its process.
pub(crate) struct Gateway {
    process: Child,
    folder: tempfile::TempDir,
}

impl Gateway {
    /// Start `product` at `address` with `config` in its server's place; `{app}` in it is where
    /// the app is, `{edge}` where clients ask. `None`: somebody else got the port first.
    pub(crate) async fn start(
        product: &str,
        config: &str,
        address: SocketAddr,
        app: SocketAddr,
    ) -> Option<Gateway> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let whole = TEMPLATES.iter().find(|(name, _)| *name == product);
        let (_, whole) = whole.unwrap_or_else(|| panic!("{product} is no gateway"));
        let text = whole
            .replace("{config}", config.trim())
            .replace("{folder}", &folder.path().display().to_string())
            .replace("{listen}", &address.to_string())
            .replace("{host}", &address.ip().to_string())
            .replace("{port}", &address.port().to_string())
            .replace("{edge}", &format!("127.0.0.1:{}", address.port()))
            .replace("{app}", &app.to_string());
        std::fs::write(&file, text).unwrap();
        std::fs::write(folder.path().join("users"), USERS).unwrap();
        let output = std::fs::File::create(folder.path().join("output")).unwrap();
        let mut command = command(product, &file);
        command.current_dir(folder.path()).env("HOME", folder.path());
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let process = command.spawn().unwrap_or_else(|it| panic!("{command:?}: {it}"));
        let mut gateway = Gateway { process, folder };
        gateway.listens(address).await.then_some(gateway)
    }

    /// Wait until it accepts connections. `false` when it could not have the port.
    async fn listens(&mut self, address: SocketAddr) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).await.is_err() {
            if self.process.try_wait().unwrap().is_some() {
                let said = self.said();
                assert!(said.contains("in use"), "it ended at once: {said}");
                return false;
            }
            assert!(Instant::now() < deadline, "it never listened: {}", self.said());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

fn command(product: &str, config: &Path) -> Command {
    let (program, options): (_, &[&str]) = match product {
        "nginx" => ("nginx", &["-e", "stderr", "-c"]),
        "haproxy" => ("haproxy", &["-db", "-f"]),
        "apache" => ("apache2", &["-X", "-f"]),
        _ => ("caddy", &["run", "--adapter", "caddyfile", "--config"]),
    };
    let mut command = Command::new(program);
    command.args(options).arg(config);
    command
}

/// Who may come in where a scenario asks: `me` with the password `secret`.
const USERS: &str = "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";

const TEMPLATES: &[(&str, &str)] =
    &[("nginx", NGINX), ("haproxy", HAPROXY), ("apache", APACHE), ("caddy", CADDY)];

const NGINX: &str = "\
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {
        listen {listen};
        {config}
    }
}
";

const HAPROXY: &str = "\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen gateway
    bind {listen}
    {config}
    server app {app}
";

const APACHE: &str = "\
ServerRoot {folder}
ServerName {host}:{port}
Listen {listen}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/output
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_file_module /usr/lib/apache2/modules/mod_authn_file.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
User www-data
Group www-data
{config}
";

const CADDY: &str = "\
{
    admin off
    auto_https off
    storage file_system {folder}
}
http://:{port} {
    bind {host}
    {config}
}
";
