//! Points in time. There is no clock here: times come in with what happened.

use chrono::{DateTime, SecondsFormat, Utc};

/// A point in time, in microseconds since the Unix epoch.
///
/// A recorder reads the wall clock once, when it starts, and adds monotonic offsets, so
/// that the order of its hops never depends on a clock that was set in between.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time(pub i64);

impl Time {
    /// Microseconds from `earlier` to this; negative when the order is the other way round.
    pub fn since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time, `micros` later.
    #[must_use]
    pub fn plus(self, micros: i64) -> Time {
        Time(self.0.saturating_add(micros))
    }

    /// As [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) in UTC, with microseconds.
    pub fn rfc3339(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// As a calendar date in UTC; a time outside chrono's range becomes the epoch.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}
