//! The gateways of `gateways.toml`, each on a port of its own.
//!
//! **Invariant:** one process a gateway (no master, no workers), so that ending it ends all of it.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::apps;

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
        let recipe = recipe(product);
        let here = folder.path().display().to_string();
        let fill = |text: &str| {
            text.replace("{config}", config.trim())
                .replace("{file}", &format!("{here}/config.yaml"))
                .replace("{folder}", &here)
                .replace("{listen}", &address.to_string())
                .replace("{host}", &address.ip().to_string())
                .replace("{port}", &address.port().to_string())
                .replace("{edge}", &format!("127.0.0.1:{}", address.port()))
                .replace("{app}", &app.to_string())
                .replace("{app_host}", &app.ip().to_string())
                .replace("{app_port}", &app.port().to_string())
        };
        std::fs::write(folder.path().join("config.yaml"), fill(&recipe.config)).unwrap();
        std::fs::write(folder.path().join("users"), USERS).unwrap();
        let output = std::fs::File::create(folder.path().join("output")).unwrap();
        let mut command = Command::new(apps::program(&recipe.run[0]));
        command.args(recipe.run[1..].iter().map(|it| fill(it)));
        command.current_dir(folder.path()).env("HOME", folder.path());
        if recipe.run[0] == "node" {
            command.env("MODULES", &*apps::MODULES);
        }
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
                assert!(said.to_lowercase().contains("in use"), "it ended at once: {said}");
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

/// How a gateway is started, as `gateways.toml` has it.
#[derive(serde::Deserialize)]
struct Recipe {
    name: String,
    run: Vec<String>,
    config: String,
}

fn recipe(name: &str) -> &'static Recipe {
    #[derive(serde::Deserialize)]
    struct All {
        gateway: Vec<Recipe>,
    }
    static ALL: LazyLock<All> = LazyLock::new(|| {
        let text = std::fs::read_to_string(apps::folder().join("gateways.toml")).unwrap();
        toml::from_str(&text).unwrap()
    });
    ALL.gateway.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("{name} is no gateway"))
}

/// Who may come in where a scenario asks: `me` with the password `secret`.
const USERS: &str = "me:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";
