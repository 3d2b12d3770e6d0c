use lineal_core::Digest;
use serde_json::json;

use crate::{meter::Meter, report};

/// Hashes `bytes` of memory with SHA-256, in one piece and then in pieces of 64 KiB.
pub(crate) fn run(bytes: u64) -> Result<(), String> {
    let size = usize::try_from(bytes).map_err(|error| error.to_string())?;
    let buffer: Vec<u8> = (0..size).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8).collect();
    for (step, piece) in [("whole", size.max(1)), ("pieces-64k", 64 * 1024)] {
        let meter = Meter::start();
        let digests: Vec<Digest> = buffer.chunks(piece).map(Digest::of).collect();
        let reading = meter.stop();
        let rate = size as f64 / 1e6 / reading.wall.as_secs_f64();
        let more = json!({"bytes": size, "pieces": digests.len(), "mb_per_s": report::round(rate)});
        report::line("hash", step, &reading, more);
    }
    Ok(())
}
