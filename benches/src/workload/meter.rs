use std::time::{Duration, Instant};

/// Measures one step: wall and processor time, and the largest memory the process ever had.
pub(crate) struct Meter {
    wall: Instant,
    cpu: Duration,
}

/// What a step took.
pub(crate) struct Reading {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// High-water mark of the whole process so far.
    pub(crate) peak_rss_mb: f64,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: usage().0 }
    }

    pub(crate) fn stop(self) -> Reading {
        let wall = self.wall.elapsed();
        let (cpu, peak_rss_mb) = usage();
        Reading { wall, cpu: cpu.saturating_sub(self.cpu), peak_rss_mb }
    }
}

/// Returns the processor time of the process and its high-water mark of memory in MB, from the kernel's accounts.
fn usage() -> (Duration, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the closing parenthesis of the program's name.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    let cpu = Duration::from_millis((ticks(11) + ticks(12)) * 1_000 / TICKS_PER_SECOND);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: f64 =
        peak.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default();
    (cpu, kilobytes / 1024.0)
}

/// The kernel reports processor time in this unit on every Linux that matters (USER_HZ).
const TICKS_PER_SECOND: u64 = 100;
