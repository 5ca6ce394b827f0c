//! The [Fetch standard](https://fetch.spec.whatwg.org/): what a browser does.
//!
//! One implementation with two users. It can be **driven**: a machine without I/O that says
//! what to send next and takes what came back (`hopscope fetch`, the lab's browser). And it can
//! **judge**: recorded hops are replayed into the same machine, once per hypothesis about
//! what the wire does not show (credentials mode, redirect mode, …), and the answers merged.
//! Because it is one machine, driver and judge cannot disagree.
//!
//! **Invariant:** no product is known here, only the standard and where Chromium and Firefox
//! leave it. Who caused a refusal and what to change is `diagnose`'s business.
//!
//! **Invariant:** a transport failure is never a CORS verdict.

pub mod context;
pub mod cookies;
pub mod corp;
pub mod cors_check;
pub mod csp;
pub mod end;
pub mod http_cache;
pub mod judge;
mod loaded;
pub mod machine;
pub mod memory;
pub mod method;
pub mod mime;
pub mod orb;
mod origin;
pub mod outgoing;
mod page;
pub mod port;
pub mod preflight;
pub mod redirect;
pub mod refusal;
mod request;
mod resolve;
pub mod safelist;
mod verdict;
mod words;

pub use judge::{Known, judge, judge_timeless};
pub use machine::{Answer, Ask, Fetch, Step};
pub use memory::Memory;
pub use origin::Origin;
pub use outgoing::Outgoing;
pub use page::{
    AddressSpace, Api, Browser, CacheMode, Credentials, Mode, RedirectMode, ReferrerPolicy,
};
pub use refusal::{CorsError, FirefoxCode, Refusal};
pub use request::{BodyKind, Page, PageRequest};
pub use verdict::{
    Branch, Chromium, FailedBy, Firefox, Judged, Judgement, On, Unseen, UnseenKind, Verdict,
    VerdictOutcome,
};
