use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    mem,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

/// Memory that large reads of local files use again.
///
/// Fresh memory is zeroed and costs a page fault for every 4 KiB: a sixth of the CPU time of reading a large blob. What is
/// read keeps its buffer until it is dropped.
#[derive(Debug)]
pub(super) struct Buffers {
    free: Mutex<Vec<Vec<u8>>>,
    /// Free bytes kept at most.
    kept: usize,
}

/// A buffer in use; goes back to the others when it is dropped.
struct Lent {
    buffer: Vec<u8>,
    len: usize,
    home: Arc<Buffers>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

impl Buffers {
    pub(super) fn keeping(kept: usize) -> Self {
        Self { free: Mutex::default(), kept }
    }

    /// Tells whether it is for reads of so many bytes.
    pub(super) fn serve(bytes: u64) -> bool {
        (LEAST..=MOST).contains(&bytes)
    }

    /// Reads the bytes `range` of a file, fewer if it ends before.
    pub(super) fn read(self: Arc<Self>, mut file: &File, range: Range<u64>) -> io::Result<Bytes> {
        let wanted = range.end.saturating_sub(range.start);
        let len = usize::try_from(wanted).map_err(io::Error::other)?;
        let mut lent = Lent { buffer: self.find(len), len: 0, home: self };
        file.seek(SeekFrom::Start(range.start))?;
        while let Some(rest) = lent.buffer.get_mut(lent.len..len).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(read) => lent.len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Bytes::from_owner(lent))
    }

    /// Takes a free buffer that is long enough, or makes one.
    fn find(&self, len: usize) -> Vec<u8> {
        let mut free = self.free();
        match free.iter().position(|buffer| buffer.len() >= len) {
            Some(at) => free.swap_remove(at),
            None => {
                drop(free);
                vec![0; len.next_multiple_of(GRAIN)]
            }
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut free = self.home.free();
        // The oldest makes room: sizes asked for change with what is read.
        free.push(mem::take(&mut self.buffer));
        let mut kept: usize = free.iter().map(Vec::len).sum();
        while kept > self.home.kept {
            kept -= free.remove(0).len();
        }
    }
}

/// Reads of fewer bytes are left to the allocator, which has such memory at hand.
const LEAST: u64 = 256 * 1024;
/// Reads of more bytes are not kept.
const MOST: u64 = 16 * 1024 * 1024;
/// Buffers are multiples of this, so that reads of nearly the same length share them.
const GRAIN: usize = 1024 * 1024;
/// Free bytes kept by a store, which lives long.
const KEPT: usize = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn what_is_read_is_what_the_file_holds_and_short_at_its_end() {
        let buffers = Arc::new(Buffers::default());
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        for range in [0..1_000_000, 5..1_000_005, 2_500_000..3_000_000, 2_900_000..4_000_000, 3_000_000..3_300_000] {
            let read = Arc::clone(&buffers).read(&file(&bytes), range.start as u64..range.end as u64).unwrap();
            let end = range.end.min(bytes.len());
            assert_eq!(read, bytes[range.start..end]);
        }
    }

    #[test]
    fn a_buffer_is_used_again_only_when_nobody_holds_a_part_of_it() {
        let buffers = Arc::new(Buffers::default());
        let first = Arc::clone(&buffers).read(&file(&[1; 500_000]), 0..500_000).unwrap();
        let part = first.slice(10..20);
        drop(first);
        let second = Arc::clone(&buffers).read(&file(&[2; 500_000]), 0..500_000).unwrap();
        assert_eq!(part, [1; 10][..]);
        drop(part);
        assert_eq!(buffers.free().len(), 1);
        let third = Arc::clone(&buffers).read(&file(&[3; 500_000]), 0..500_000).unwrap();
        assert_eq!(buffers.free().len(), 0);
        assert_eq!((second, third), (vec![2; 500_000].into(), vec![3; 500_000].into()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let buffers = Arc::new(Buffers::default());
        let source = vec![7; 5_000_000];
        let held: Vec<Bytes> =
            (0..20).map(|_| Arc::clone(&buffers).read(&file(&source), 0..5_000_000).unwrap()).collect();
        drop(held);
        assert!(buffers.free().iter().map(Vec::len).sum::<usize>() <= KEPT);
    }
}
