//! Where a client and its upstream wait for one another, so that what shall happen first does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

#[derive(Clone, Default)]
pub(crate) struct Gates(Arc<Mutex<HashMap<u64, Arc<Notify>>>>);

impl Gates {
    fn gate(&self, id: u64) -> Arc<Notify> {
        Arc::clone(self.0.lock().unwrap().entry(id).or_default())
    }

    /// Let through who waits for this order, now or later.
    pub(crate) fn open(&self, id: u64) {
        self.gate(id).notify_one();
    }

    pub(crate) async fn wait(&self, id: u64) {
        self.gate(id).notified().await;
        self.0.lock().unwrap().remove(&id);
    }
}
