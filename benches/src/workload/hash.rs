use lineal_core::{Digest, Hasher};
use serde_json::json;

use crate::{meter::Meter, report};

/// Hashes `bytes` of memory with SHA-256: in one piece, in pieces of 64 KiB, and as a whole and in such pieces in one go.
pub(crate) fn run(bytes: u64) -> Result<(), String> {
    let size = usize::try_from(bytes).map_err(|error| error.to_string())?;
    let buffer: Vec<u8> = (0..size).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8).collect();
    let mut whole = Hasher::new();
    measure("whole", &buffer, size.max(1), Digest::of);
    measure("pieces-64k", &buffer, PIECE, Digest::of);
    measure("whole-and-pieces-64k", &buffer, PIECE, |piece| whole.update_with_digest(piece));
    Ok(())
}

fn measure(step: &str, buffer: &[u8], piece: usize, hash: impl FnMut(&[u8]) -> Digest) {
    let meter = Meter::start();
    let digests: Vec<Digest> = buffer.chunks(piece).map(hash).collect();
    let reading = meter.stop();
    let rate = buffer.len() as f64 / 1e6 / reading.wall.as_secs_f64();
    let more = json!({"bytes": buffer.len(), "pieces": digests.len(), "mb_per_s": report::round(rate)});
    report::line("hash", step, &reading, more);
}

const PIECE: usize = 64 * 1024;
