//! `hopscope browser`: a browser that uses the tap and trusts it, and leaves nothing behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Console, Error, ca, scratch};
use crate::cli::{BrowserName, BrowserOptions};
use crate::tls::Authority;
use crate::trust::{Surroundings, browser};

/// Start the browser and wait for its end.
pub(crate) fn run(options: &BrowserOptions, mut console: Console) -> Result<u8, Error> {
    let kind = match options.browser {
        Some(BrowserName::Chromium) => browser::Kind::Chromium,
        Some(BrowserName::Firefox) => browser::Kind::Firefox,
        None => browser::first().unwrap_or(browser::Kind::Chromium),
    };
    listens(options)?;
    let anchor = ca::anchor(&Authority::open(&Authority::folder()?)?);
    let folder = scratch::File::new("browser");
    console.line(&format!("{kind:?} uses the tap on {}; close it to end this", options.tap))?;
    let url = options.url.as_deref().unwrap_or("http://hopscope.local/");
    let launch =
        browser::Launch { kind, tap: options.tap, anchor: &anchor, url, more: &options.more };
    let around = Surroundings::look(&ca::home());
    let stop = AtomicBool::new(false);
    let runtime = super::runtime()?;
    std::thread::scope(|scope| {
        let running = scope.spawn(|| browser::run(&launch, &around, folder.path(), &stop));
        runtime.block_on(async {
            let stopped = super::told_to_stop();
            tokio::pin!(stopped);
            while !running.is_finished() {
                let moment = tokio::time::sleep(Duration::from_millis(100));
                tokio::select! {
                    () = &mut stopped => break,
                    () = moment => {}
                }
            }
        });
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap_or(Ok(()))
    })?;
    Ok(0)
}

/// A browser without its proxy would only show errors.
fn listens(options: &BrowserOptions) -> Result<(), Error> {
    match std::net::TcpStream::connect(options.tap) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Usage {
            message: format!("no tap listens on {}", options.tap),
            hint: "start one in another terminal: hopscope, or hopscope record".to_owned(),
        }),
    }
}
