//! The lab: an API gateway, a Django-like app and a front-end page, on free ports, with knobs.
//!
//! It stages the incidents that hopscope explains, over real sockets, with nothing else
//! installed. Every way in which gateway and app can be set is a [`Knob`], given at the start
//! or changed while the lab runs ([`LabHandle::set`], or a form on the page).
//!
//! ```text
//! page 127.0.0.1 ──▶ gateway 127.0.0.2 ──/prod/items──▶ app 127.0.0.3
//!                            (or a tap in between: knob `backend`)
//! ```
//!
//! **Invariant:** the lab knows nothing of taps, traces or verdicts. It is only a set of
//! servers that behave as the real ones do.

mod django;
mod error;
mod gateway;
mod knobs;
mod message;
mod page;
mod server;
mod shared;
mod tries;

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

pub use error::LabError;
pub use knobs::{
    AppState, Backend, CorsMiddleware, GatewayResponses, KNOBS, Knob, Knobs, Methods, OptionsBy,
    Origins, Slash, Switch,
};
pub use shared::Addresses;
pub use tries::{To, Try, TryRequest, tries};

use django::Django;
use gateway::Gateway;
use page::Page;
use server::Server;
use shared::Shared;

/// The running lab. Dropping it closes every listener.
pub struct Lab {
    handle: LabHandle,
    servers: Vec<Server>,
}

/// Changes a running lab. Cheap to clone.
#[derive(Clone)]
pub struct LabHandle(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    django: Arc<Django>,
    /// The app's listener, while it is up. Locked while knobs change, so that of two changes
    /// at once none is lost and the app is as its knob says.
    app: Mutex<Option<Server>>,
}

impl Lab {
    /// Start on free ports of 127.0.0.1 (page), 127.0.0.2 (gateway) and 127.0.0.3 (app).
    pub async fn start(knobs: Knobs) -> Result<Lab, LabError> {
        Lab::start_at(knobs, Addresses::default()).await
    }

    /// Start on these addresses; port 0 takes a free one.
    pub async fn start_at(knobs: Knobs, addresses: Addresses) -> Result<Lab, LabError> {
        let shared = Arc::new(Shared::new(knobs.clone(), addresses));
        let django = Arc::new(Django::new(Arc::clone(&shared)));
        let app = Server::start(addresses.app, Arc::clone(&django)).await?;
        shared.listening(|it| it.app = app.address());
        let gateway = Gateway::new(Arc::clone(&shared));
        let gateway = Server::start(addresses.gateway, Arc::new(gateway)).await?;
        shared.listening(|it| it.gateway = gateway.address());

        let app = Mutex::new(Some(app));
        let running = Running { shared: Arc::clone(&shared), django, app };
        let handle = LabHandle(Arc::new(running));
        let page = Server::start(addresses.page, Arc::new(Page::new(handle.clone()))).await?;
        shared.listening(|it| it.page = page.address());
        handle.change(knobs).await?;
        Ok(Lab { handle, servers: vec![gateway, page] })
    }

    /// To change the lab, and to ask where it listens.
    pub fn handle(&self) -> LabHandle {
        self.handle.clone()
    }

    pub fn addresses(&self) -> Addresses {
        self.handle.addresses()
    }

    /// Close every listener and connection, and wait until that has happened.
    pub async fn stop(mut self) {
        for server in self.servers.drain(..) {
            server.close().await;
        }
        self.handle.stop_app().await;
    }
}

impl LabHandle {
    /// Set one knob. `app down` has closed the app's listener, and `app up` reopened it, when
    /// this returns; every other knob counts from the next request on.
    pub async fn set(&self, knob: &str, value: &str) -> Result<(), LabError> {
        self.set_all([(knob, value)]).await
    }

    /// Set several knobs at once, or, on an error, none of them.
    pub async fn set_all<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), LabError> {
        let app = self.0.app.lock().await;
        let mut knobs = self.knobs();
        for (knob, value) in changes {
            knobs.set(knob, value)?;
        }
        self.apply(app, knobs).await
    }

    /// Set all knobs.
    pub async fn change(&self, knobs: Knobs) -> Result<(), LabError> {
        let app = self.0.app.lock().await;
        self.apply(app, knobs).await
    }

    async fn apply(
        &self,
        mut app: MutexGuard<'_, Option<Server>>,
        knobs: Knobs,
    ) -> Result<(), LabError> {
        let running = &self.0;
        match (knobs.app, app.take()) {
            (AppState::Down, Some(server)) => server.close().await,
            (AppState::Up, None) => {
                let address = running.shared.app_address();
                *app = Some(Server::start(address, Arc::clone(&running.django)).await?);
            }
            (_, unchanged) => *app = unchanged,
        }
        running.shared.set_knobs(knobs);
        Ok(())
    }

    pub fn knobs(&self) -> Knobs {
        self.0.shared.knobs()
    }

    pub fn addresses(&self) -> Addresses {
        self.0.shared.addresses()
    }

    /// The page's origin.
    pub fn page_origin(&self) -> String {
        format!("http://{}", self.addresses().page)
    }

    /// Base URL of the gateway for the page: its own, or that of a tap in front of it.
    pub fn gateway_url(&self) -> String {
        let own = || format!("http://{}", self.addresses().gateway);
        self.knobs().gateway_url.unwrap_or_else(own)
    }

    /// Base URL of the app for direct requests: its own, or that of a tap in front of it.
    pub fn app_url(&self) -> String {
        let own = || format!("http://{}", self.addresses().app);
        self.knobs().app_url.unwrap_or_else(own)
    }

    /// The URL of a try's request, as the lab is set now.
    pub fn url(&self, request: &TryRequest) -> String {
        request.url(&self.knobs().stage, &self.gateway_url(), &self.app_url())
    }

    /// The newest lines of the app's log, oldest first: all that its developer would see.
    pub fn app_log(&self) -> Vec<String> {
        self.0.django.log()
    }

    async fn stop_app(&self) {
        if let Some(server) = self.0.app.lock().await.take() {
            server.close().await;
        }
    }
}
