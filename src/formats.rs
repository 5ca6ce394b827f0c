//! Files of other tools, and what commands print: HAR, the JSON of the contract, text.

pub mod har;
pub mod json;
pub mod mitm;
mod secrets;
pub mod text;

pub use secrets::Secrets;

/// A name for the recorder, the same whenever the same file is read: FNV-1a of its bytes.
fn recorder_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, it| {
        (hash ^ u64::from(*it)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
