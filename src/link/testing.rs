//! Hops for the tests of this part.

use crate::trace::{Hop, HopId, Outcome, Request, TapId, Testimony, Time, Timing};

/// A hop without anything in it.
pub(crate) fn blank() -> Hop {
    Hop {
        id: HopId::default(),
        tap: TapId(0),
        exchange: crate::trace::Exchange::Http,
        connection: None,
        started: Time(0),
        ended: None,
        request: Request::default(),
        outcome: Outcome::Pending,
        timing: Timing::default(),
        interim: Vec::new(),
        frames: <_>::default(),
        tls: None,
        trailers: None,
        own_changes: Vec::new(),
        testimony: Testimony::default(),
    }
}
