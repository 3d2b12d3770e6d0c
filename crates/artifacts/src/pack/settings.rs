use crate::ChunkProfile;

/// How a pack store cuts, fills and sends; plain data, all optional. Every setting writes the same format.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackSettings {
    /// Size at which a pack is closed, in bytes. Default 64 MiB. A batch holds about twice as much in memory.
    pub pack_bytes: usize,
    /// Size of the parts in which packs are sent while they are being filled, in bytes. Default 8 MiB.
    ///
    /// That begins with the third pack of a batch; the first two go in one request each, and so do all if this is as
    /// large as a pack. It costs ten requests a pack with the defaults, and keeps disk or line busy all the time.
    pub part_bytes: usize,
    /// How blobs are cut whose media type says nothing about it. Default [`ChunkProfile::Standard`].
    pub profile: ChunkProfile,
}

impl Default for PackSettings {
    fn default() -> Self {
        Self { pack_bytes: 64 * MIB, part_bytes: 8 * MIB, profile: ChunkProfile::Standard }
    }
}

impl PackSettings {
    /// Packs of 8 MiB: a batch takes about 40 MiB of memory.
    #[must_use]
    pub fn low_memory() -> Self {
        Self::default().with_pack_bytes(8 * MIB)
    }

    /// Sets the size at which a pack is closed; kept between 64 KiB and 512 MiB.
    #[must_use]
    pub fn with_pack_bytes(mut self, bytes: usize) -> Self {
        self.pack_bytes = bytes.clamp(64 * 1024, 512 * MIB);
        self
    }

    /// Sets the size of parts; kept at 5 MiB or more, the least that every bucket takes.
    #[must_use]
    pub fn with_part_bytes(mut self, bytes: usize) -> Self {
        self.part_bytes = bytes.max(5 * MIB);
        self
    }

    /// Sets how blobs are cut whose media type says nothing about it.
    #[must_use]
    pub fn with_profile(mut self, profile: ChunkProfile) -> Self {
        self.profile = profile;
        self
    }
}

const MIB: usize = 1024 * 1024;
