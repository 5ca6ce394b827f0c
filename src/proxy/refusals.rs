//! Clients that refused our certificate for a host, and are left alone with it for a while.
//!
//! A client that does not trust the authority, or pins the host's own certificate, shall not be
//! broken by a tap. Its first connection fails, and says so; those that follow pass unread. A
//! user who then lets the client trust the authority is not kept waiting long: a client is asked
//! again, after a while that doubles with each refusal.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Who refused, and for which host. Programs on one machine are told apart by the `User-Agent`
/// of their `CONNECT`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Who {
    pub(super) address: Option<IpAddr>,
    pub(super) user_agent: String,
    pub(super) host: String,
}

#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<Who, Refused>>);

#[derive(Clone, Copy, Debug)]
struct Refused {
    until: Instant,
    times: u32,
}

impl Refusals {
    /// It refused; for how long it is left alone.
    pub(super) fn add(&self, who: Who, now: Instant) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(&who) {
            // Forgetting costs a client one more failure.
            all.retain(|_, it| it.until > now);
            if all.len() >= MOST {
                all.clear();
            }
        }
        let refused = all.entry(who).or_insert(Refused { until: now, times: 0 });
        let while_ = FIRST.saturating_mul(1 << refused.times.min(DOUBLINGS));
        refused.times = refused.times.saturating_add(1);
        refused.until = now + while_;
        while_
    }

    /// For how long it still is to be left alone.
    pub(super) fn holds(&self, who: &Who, now: Instant) -> Option<Duration> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(who)?.until.checked_duration_since(now).filter(|it| !it.is_zero())
    }

    /// It takes our certificate after all.
    pub(super) fn forget(&self, who: &Who) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(who);
    }
}

/// How long after its first refusal a client is left alone.
const FIRST: Duration = Duration::from_secs(30);
/// 32 minutes at most.
const DOUBLINGS: u32 = 6;
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_a_client_alone_for_longer_each_time() {
        let refusals = Refusals::default();
        let who = |agent: &str| Who {
            address: Some([127, 0, 0, 1].into()),
            user_agent: agent.to_owned(),
            host: "a.test".to_owned(),
        };
        let mut now = Instant::now();
        assert_eq!(refusals.holds(&who("app"), now), None);
        for expected in [30, 60, 120, 240, 480, 960, 1920, 1920] {
            let wait = refusals.add(who("app"), now);
            assert_eq!(wait, Duration::from_secs(expected));
            assert_eq!(refusals.holds(&who("app"), now), Some(wait));
            assert_eq!(refusals.holds(&who("curl"), now), None);
            now += wait;
            assert_eq!(refusals.holds(&who("app"), now), None);
        }
        refusals.forget(&who("app"));
        assert_eq!(refusals.add(who("app"), now), FIRST);
    }

    #[test]
    fn does_not_grow_without_end() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for n in 0..3 * MOST {
            let host = n.to_string();
            refusals.add(Who { address: None, user_agent: String::new(), host }, now);
        }
        assert!(refusals.0.lock().unwrap().len() <= MOST);
    }
}
