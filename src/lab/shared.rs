//! What the lab's servers have in common: the knobs, and where each of them listens.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::sync::watch;

use super::knobs::Knobs;

/// Read for every request, so that a change counts from the next one on.
pub(super) struct Shared {
    knobs: watch::Sender<Knobs>,
    addresses: watch::Sender<Addresses>,
}

/// Where the lab's servers listen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Addresses {
    /// The front-end page.
    pub page: SocketAddr,
    pub gateway: SocketAddr,
    /// The app, also while it is down.
    pub app: SocketAddr,
}

impl Default for Addresses {
    /// Free ports on three loopback addresses: three sites, for a browser.
    fn default() -> Addresses {
        let free = |host| SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0));
        Addresses { page: free(1), gateway: free(2), app: free(3) }
    }
}

impl Shared {
    pub(super) fn new(knobs: Knobs, addresses: Addresses) -> Shared {
        Shared { knobs: watch::Sender::new(knobs), addresses: watch::Sender::new(addresses) }
    }

    pub(super) fn knobs(&self) -> Knobs {
        self.knobs.borrow().clone()
    }

    pub(super) fn set_knobs(&self, knobs: Knobs) {
        self.knobs.send_replace(knobs);
    }

    pub(super) fn addresses(&self) -> Addresses {
        *self.addresses.borrow()
    }

    pub(super) fn listening(&self, change: impl FnOnce(&mut Addresses)) {
        self.addresses.send_modify(change);
    }

    pub(super) fn app_address(&self) -> SocketAddr {
        self.addresses.borrow().app
    }
}
