//! A browser with a throw-away profile that uses a tap and trusts its authority.
//!
//! **Invariant:** the user's own profiles are neither read nor written, and what was made for
//! the browser is gone when it has ended.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Anchor, Error, Surroundings, carry_out, nss, surroundings};

/// Which browser.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Chromium,
    Firefox,
}

/// What a browser is started with.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    pub kind: Kind,
    pub tap: SocketAddr,
    pub anchor: &'a Anchor,
    /// The page to open.
    pub url: &'a str,
    /// More words for its command line.
    pub more: &'a [String],
}

/// Start it, with all that is made for it in `folder`, wait until it ends or shall `stop`, and
/// clean up behind it.
///
/// # Errors
///
/// When it or what it needs is not there.
pub fn run(
    launch: &Launch<'_>,
    around: &Surroundings,
    folder: &Path,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let program = program(launch.kind).ok_or_else(|| Error::Run {
        command: names(launch.kind)[0].to_owned(),
        source: io::ErrorKind::NotFound.into(),
    })?;
    let made = prepare(launch, around, folder);
    let ended = made.and_then(|()| start(launch, &program, folder, stop));
    // What cannot be removed now lies in the folder for such things.
    let _ = fs::remove_dir_all(folder);
    ended
}

fn start(
    launch: &Launch<'_>,
    program: &Path,
    folder: &Path,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let command = || program.display().to_string();
    let failed = |source| Error::Run { command: command(), source };
    let mut running = Command::new(program);
    // Chromium looks for what to trust in its user's home.
    running.args(words(launch, folder)).env("HOME", folder).stdin(Stdio::null());
    running.stderr(Stdio::null());
    // Else Firefox ignores where its settings are to come from.
    running.env("MOZ_REMOTE_SETTINGS_DEVTOOLS", "1");
    let mut running = running.spawn().map_err(failed)?;
    loop {
        match running.try_wait().map_err(failed)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(Error::Status { command: command(), status }),
            None if stop.load(Ordering::Relaxed) => {
                let ended = running.kill().and_then(|()| running.wait());
                return ended.map(|_| ()).map_err(failed);
            }
            None => std::thread::sleep(BEAT),
        }
    }
}

/// Make the profile, and put the authority into its database.
fn prepare(launch: &Launch<'_>, around: &Surroundings, folder: &Path) -> Result<(), Error> {
    let database = match launch.kind {
        Kind::Chromium => folder.join(".pki/nssdb"),
        Kind::Firefox => folder.join("profile"),
    };
    let made = fs::create_dir_all(&database).and_then(|()| match launch.kind {
        Kind::Chromium => Ok(()),
        Kind::Firefox => fs::write(database.join("user.js"), preferences(launch.tap)),
    });
    made.map_err(|source| Error::Profile { path: database.clone(), source })?;
    let plan = nss::fresh(&database, launch.anchor, around);
    match plan.lacks {
        Some(lacks) => Err(Error::Lacks { lacks }),
        None => carry_out(&plan),
    }
}

fn words(launch: &Launch<'_>, folder: &Path) -> Vec<String> {
    let profile = folder.join("profile").display().to_string();
    let mut words: Vec<String> = match launch.kind {
        Kind::Chromium => {
            let quiet = QUIET.iter().map(|it| (*it).to_owned());
            let own = [
                format!("--user-data-dir={profile}"),
                format!("--proxy-server=http://{}", launch.tap),
                // Also what is on this machine; and its own updates go nowhere.
                format!("--proxy-bypass-list=<-loopback>;{UPDATES}"),
                format!("--host-resolver-rules=MAP {UPDATES} ~NOTFOUND"),
            ];
            own.into_iter().chain(quiet).collect()
        }
        Kind::Firefox => {
            ["--no-remote", "--new-instance", "--profile", &profile].map(str::to_owned).to_vec()
        }
    };
    words.extend_from_slice(launch.more);
    words.push(launch.url.to_owned());
    words
}

/// What Firefox shall do, and leave.
fn preferences(tap: SocketAddr) -> String {
    let (host, port) = (tap.ip(), tap.port());
    let own = format!(
        "user_pref(\"network.proxy.type\", 1);\n\
         user_pref(\"network.proxy.http\", \"{host}\");\n\
         user_pref(\"network.proxy.http_port\", {port});\n\
         user_pref(\"network.proxy.ssl\", \"{host}\");\n\
         user_pref(\"network.proxy.ssl_port\", {port});\n\
         user_pref(\"network.proxy.allow_hijacking_localhost\", true);\n\
         user_pref(\"network.proxy.no_proxies_on\", \"\");\n\
         user_pref(\"services.settings.server\", \"data:,#\");\n\
         user_pref(\"browser.region.network.url\", \"\");\n\
         user_pref(\"browser.startup.page\", 0);\n"
    );
    let quiet = OFF.iter().map(|it| format!("user_pref(\"{it}\", false);\n"));
    quiet.fold(own, |all, it| all + &it)
}

fn program(kind: Kind) -> Option<PathBuf> {
    names(kind).iter().find_map(|it| surroundings::find(it))
}

/// The first kind of browser that is there.
pub fn first() -> Option<Kind> {
    [Kind::Chromium, Kind::Firefox].into_iter().find(|it| program(*it).is_some())
}

fn names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Chromium => surroundings::CHROMIUMS,
        Kind::Firefox => &["firefox", "firefox-esr"],
    }
}

/// Where Chromium looks for new parts of itself, whatever it is told; no page uses it.
const UPDATES: &str = "update.googleapis.com";

/// No traffic that nobody asked for.
const QUIET: &[&str] = &[
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-extensions",
    "--disable-component-extensions-with-background-pages",
    "--allow-browser-signin=false",
    // It asks once whether somebody is signed in, whatever it is told. This is a port that no
    // browser goes to; pages that sign somebody in are not concerned.
    "--gaia-url=http://127.0.0.1:1",
    "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,\
     NetworkTimeServiceQuerying,UseGoogleUpdater,SpareRendererForSitePerProcess",
];

/// What Firefox does unasked.
const OFF: &[&str] = &[
    "app.normandy.enabled",
    "app.shield.optoutstudies.enabled",
    "app.update.enabled",
    "browser.newtabpage.enabled",
    "browser.safebrowsing.downloads.remote.enabled",
    "browser.safebrowsing.malware.enabled",
    "browser.safebrowsing.phishing.enabled",
    "browser.region.update.enabled",
    "browser.search.update",
    "browser.shell.checkDefaultBrowser",
    "browser.topsites.contile.enabled",
    "datareporting.healthreport.uploadEnabled",
    "datareporting.policy.dataSubmissionEnabled",
    "dom.push.connection.enabled",
    "extensions.systemAddon.update.enabled",
    "extensions.update.enabled",
    "geo.enabled",
    "media.gmp-manager.updateEnabled",
    "network.captive-portal-service.enabled",
    "network.connectivity-service.enabled",
    "toolkit.telemetry.enabled",
    "toolkit.telemetry.unified",
];

/// How often the browser is looked at.
const BEAT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_the_tap_also_for_this_machine() {
        let anchor = Anchor { file: "/d/ca.pem".into(), name: "hopscope".to_owned() };
        let launch = |kind| Launch {
            kind,
            tap: ([127, 0, 0, 1], 8080).into(),
            anchor: &anchor,
            url: "http://127.0.0.1:1/",
            more: &[],
        };
        let words = words(&launch(Kind::Chromium), Path::new("/t")).join(" ");
        assert!(words.contains("--proxy-server=http://127.0.0.1:8080 "), "{words}");
        assert!(words.contains("--proxy-bypass-list=<-loopback>;"), "{words}");
        assert!(words.ends_with(" http://127.0.0.1:1/"), "{words}");
        let told = preferences(launch(Kind::Firefox).tap);
        assert!(told.contains("\"network.proxy.allow_hijacking_localhost\", true"), "{told}");
        assert!(told.contains("\"network.proxy.ssl_port\", 8080"), "{told}");
    }
}
