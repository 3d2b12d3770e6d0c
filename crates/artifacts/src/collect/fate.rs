use crate::PackName;

/// What a collection would do, pack by pack, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The collection epoch in which it was made.
    pub epoch: u64,
    /// Every pack, in the order of names.
    pub packs: Vec<PackFate>,
}

/// The verdict on one pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackFate {
    /// The pack.
    pub name: PackName,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Bytes of its records that something reaches.
    pub live_bytes: u64,
    /// True if a purge that is under way wants something in it gone; only a purge looks for that.
    pub purged: bool,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a pack, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Kept: enough of it is alive.
    Live,
    /// Kept: the batch that writes it has not ended, and was not given up.
    Open,
    /// Kept for one round: its batch ended since the last epoch was opened, and what names it may be on its way.
    Young,
    /// Condemned: nothing reaches any of it.
    Dead,
    /// Condemned once what is alive in it has been written into a new pack: too little is alive, or something is purged.
    Sparse,
    /// Condemned: a repair has set it aside, and all that could be had of it lies elsewhere.
    Damaged,
}

impl Plan {
    /// Returns how many bytes the packs of one fate have.
    #[must_use]
    pub fn size_bytes(&self, fate: Fate) -> u64 {
        self.of(fate).fold(0, |sum, pack| sum.saturating_add(pack.size_bytes))
    }

    /// Returns how many bytes a collection would free: those of condemned packs, less what is saved out of them.
    #[must_use]
    pub fn freed_bytes(&self) -> u64 {
        let saved = self.of(Fate::Sparse).fold(0, |sum: u64, pack| sum.saturating_add(pack.live_bytes));
        let condemned = self.condemned().fold(0, |sum: u64, pack| sum.saturating_add(pack.size_bytes));
        condemned.saturating_sub(saved)
    }

    pub(super) fn of(&self, fate: Fate) -> impl Iterator<Item = &PackFate> {
        self.packs.iter().filter(move |pack| pack.fate == fate)
    }

    /// Returns the packs that a collection condemns.
    pub(super) fn condemned(&self) -> impl Iterator<Item = &PackFate> {
        self.packs.iter().filter(|pack| matches!(pack.fate, Fate::Dead | Fate::Sparse | Fate::Damaged))
    }

    /// Tells whether there is garbage that only waits for an epoch to be opened.
    pub(super) fn has_young_garbage(&self) -> bool {
        self.of(Fate::Young).any(|pack| pack.purged || pack.live_bytes == 0 || pack.live_bytes < pack.size_bytes / 2)
    }
}
