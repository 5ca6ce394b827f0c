//! The taps: forward and reverse proxies that record every hop and change nothing.
