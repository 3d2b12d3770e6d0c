//! Whether windows beyond a threshold are a finding.

use serde::{Deserialize, Serialize};

use super::policy::AlarmSettings;
use super::report::Phase;

/// The state of one signal of one feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alarm {
    /// The newest judged window is the lowest bit; 1 is beyond.
    history: u64,
    /// The last pane of the window that raised it, while it goes on.
    pub(crate) raised_in: Option<u64>,
    /// Windows within the threshold in a row since.
    within: u32,
    /// Windows until it may be raised again.
    cooling: u32,
}

impl Alarm {
    /// Takes the next judged window; `pane` is its last.
    pub(crate) fn update(&mut self, settings: &AlarmSettings, beyond: bool, pane: u64) -> Option<Phase> {
        self.history = self.history << 1 | u64::from(beyond);
        if self.raised_in.is_some() {
            return Some(self.go_on(settings, beyond));
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            return None;
        }
        (beyond && self.beyond(settings) >= settings.raise_after).then(|| {
            (self.raised_in, self.within) = (Some(pane), 0);
            Phase::Raised
        })
    }

    /// Returns how many of the last windows that count lay beyond.
    pub(crate) fn beyond(&self, settings: &AlarmSettings) -> u32 {
        (self.history & u64::MAX >> (64 - settings.raise_within.clamp(1, 64))).count_ones()
    }

    fn go_on(&mut self, settings: &AlarmSettings, beyond: bool) -> Phase {
        self.within = if beyond { 0 } else { self.within.saturating_add(1) };
        if self.within < settings.clear_after {
            return Phase::Ongoing;
        }
        *self = Self { cooling: settings.cool_down, ..Self::default() };
        Phase::Cleared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phases(settings: AlarmSettings, windows: &str) -> String {
        let mut alarm = Alarm::default();
        let letters =
            windows.bytes().zip(0..).map(|(window, pane)| match alarm.update(&settings, window == b'!', pane) {
                None => '-',
                Some(Phase::Raised) => 'R',
                Some(Phase::Ongoing) => 'o',
                Some(Phase::Cleared) => 'C',
            });
        letters.collect()
    }

    #[test]
    fn raised_and_cleared() {
        let settings = AlarmSettings::default();
        assert_eq!(phases(settings, "..!!.!....!"), "--Roooo C--R".replace(' ', ""));
        assert_eq!(phases(settings.with_raise_after(2, 3), "!..!.!!..."), "-----RooC-");
        assert_eq!(phases(settings.with_clear_after(1).with_cool_down(3), "!.!!!!."), "RC---RC");
        assert_eq!(phases(settings.with_raise_after(64, 64), &"!".repeat(65)), format!("{}Ro", "-".repeat(63)));
    }
}
