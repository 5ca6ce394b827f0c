//! Who moves the bytes of an upstream connection.
//!
//! **Invariant:** a connection ends with the last who has a part in it.

use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Context;

use futures_util::FutureExt as _;

use super::failure;
use super::greeting::Greeted;
use crate::trace::Failure;

pub(super) enum Driver {
    /// Whoever waits for something from it.
    Here(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// A task of its own.
    Task(Arc<Task>),
    /// Nobody any more.
    Ended,
}

pub(super) struct Task {
    handle: tokio::task::AbortHandle,
    /// What the server said of itself in HTTP/2.
    greeted: Option<Greeted>,
    /// What the connection broke with.
    broke: Arc<OnceLock<Failure>>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl Driver {
    pub(super) fn here(driver: impl Future<Output = ()> + Send + 'static) -> Driver {
        Driver::Here(Box::pin(driver))
    }

    pub(super) fn task(
        driver: impl Future<Output = hyper::Result<()>> + Send + 'static,
        greeted: Option<Greeted>,
    ) -> Driver {
        let broke = Arc::new(OnceLock::new());
        let tells = Arc::clone(&broke);
        let driving = async move {
            let mut driver = pin!(driver);
            if let Err(error) = driver.as_mut().await {
                // Before the driver is dropped, and with it the requests that it has not begun.
                let _ = tells.set(failure::of_hyper(&error));
            }
        };
        let handle = tokio::spawn(driving).abort_handle();
        Driver::Task(Arc::new(Task { handle, greeted, broke }))
    }

    /// Move the connection's bytes, as far as that goes now.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Driver::Here(driver) = self
            && driver.as_mut().poll(cx).is_ready()
        {
            *self = Driver::Ended;
        }
    }

    /// Nobody will wait for anything from it, and it is not done yet.
    pub(super) fn detach(&mut self) {
        *self = match std::mem::replace(self, Driver::Ended) {
            Driver::Here(driver) => Driver::task(driver.map(Ok), None),
            other => other,
        };
    }

    /// Another part in the same connection, if that can be.
    pub(super) fn share(&self) -> Option<Driver> {
        let Driver::Task(task) = self else { return None };
        Some(Driver::Task(Arc::clone(task)))
    }

    /// What the server says of itself in HTTP/2.
    pub(super) fn greeted(&self) -> Option<&Greeted> {
        let Driver::Task(task) = self else { return None };
        task.greeted.as_ref()
    }

    /// What the connection broke with, as far as its own task has heard.
    pub(super) fn broke(&self) -> Option<Failure> {
        let Driver::Task(task) = self else { return None };
        task.broke.get().cloned()
    }
}
