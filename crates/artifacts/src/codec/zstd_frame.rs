//! One zstd frame, by the C library or by the Rust implementation: both read what the other writes.

/// Whether there is an implementation in this build.
pub(super) const BUILT: bool = cfg!(any(feature = "zstd", feature = "ruzstd"));

#[cfg(feature = "zstd")]
pub(super) use self::c::{decode, encode};
#[cfg(not(any(feature = "zstd", feature = "ruzstd")))]
pub(super) use self::none::{decode, encode};
#[cfg(all(feature = "ruzstd", not(feature = "zstd")))]
pub(super) use self::rust::{decode, encode};

/// The C library.
#[cfg(feature = "zstd")]
pub(super) mod c {
    use zstd::{
        bulk::Decompressor,
        zstd_safe::{
            CCtx, CParameter, InBuffer, OutBuffer, find_frame_compressed_size, zstd_sys::ZSTD_EndDirective as Directive,
        },
    };

    /// Compresses into one frame, which records its length; `None` if that takes more than `limit` bytes.
    ///
    /// A block ends where one of the `planes` does, for a block has one code for all its bytes.
    pub(crate) fn encode(raw: &[u8], planes: usize, limit: usize) -> Option<Vec<u8>> {
        let mut context = CCtx::try_create()?;
        context.set_parameter(CParameter::CompressionLevel(LEVEL)).ok()?;
        // The library stops when it comes to the end of the buffer, which is allocated once and never grown.
        let mut frame = Vec::with_capacity(limit);
        let plane_bytes = raw.len().div_ceil(planes.max(1));
        if planes > 1 && plane_bytes >= MIN_PLANE_BYTES {
            context.set_pledged_src_size(Some(raw.len() as u64)).ok()?;
            let mut output = OutBuffer::around(&mut frame);
            let mut planes = raw.chunks(plane_bytes).peekable();
            while let Some(plane) = planes.next() {
                let mut input = InBuffer::around(plane);
                let then = if planes.peek().is_some() { Directive::ZSTD_e_flush } else { Directive::ZSTD_e_end };
                // Anything left to do means that the buffer is full.
                if context.compress_stream2(&mut output, &mut input, then).ok()? > 0 || input.pos() < plane.len() {
                    return None;
                }
            }
        } else {
            context.compress2(&mut frame, raw).ok()?;
        }
        frame.shrink_to_fit();
        (frame.len() <= limit).then_some(frame)
    }

    /// Decodes exactly one frame, to `raw_len` bytes or fewer, or a little more; `None` if it is damaged.
    pub(crate) fn decode(frame: &[u8], raw_len: usize) -> Option<Vec<u8>> {
        // The library would also take several frames, and skip some: then the same chunk had many stored forms.
        if !frame.starts_with(&super::MAGIC) || find_frame_compressed_size(frame) != Ok(frame.len()) {
            return None;
        }
        // It decodes in place, so the window that a frame asks for is never allocated.
        let mut raw = Vec::with_capacity(raw_len);
        Decompressor::new().ok()?.decompress_to_buffer(frame, &mut raw).ok()?;
        Some(raw)
    }

    /// On numbers level 3 is slower and no smaller, on text 5 % smaller: the entropy coder does most of the work here.
    const LEVEL: i32 = 1;
    /// Smaller planes share a block: a code of their own takes some hundred bytes.
    const MIN_PLANE_BYTES: usize = 1024;
}

/// The implementation in Rust.
#[cfg(feature = "ruzstd")]
#[cfg_attr(feature = "zstd", allow(dead_code, reason = "the C library wins; the tests compare both"))]
pub(super) mod rust {
    use std::io::Read;

    use ruzstd::{
        decoding::{BlockDecodingStrategy, FrameDecoder},
        encoding::{CompressionLevel, compress_to_vec},
    };

    /// Compresses into one frame, which does not record its length; `None` if that takes more than `limit` bytes.
    ///
    /// Blocks are of 128 KiB whatever the planes: the encoder cannot be told to end one.
    pub(crate) fn encode(raw: &[u8], _planes: usize, limit: usize) -> Option<Vec<u8>> {
        let mut frame = compress_to_vec(raw, CompressionLevel::Fastest);
        frame.shrink_to_fit();
        (frame.len() <= limit).then_some(frame)
    }

    /// Decodes exactly one frame, to `raw_len` bytes or fewer; `None` if it is damaged.
    pub(crate) fn decode(mut frame: &[u8], raw_len: usize) -> Option<Vec<u8>> {
        let mut decoder = FrameDecoder::new();
        // The decoder keeps up to a window of bytes to itself. No encoder asks for more than there is to come, but the
        // least that this crate's own asks for.
        decoder.set_max_window_size((raw_len as u64).max(MIN_WINDOW_BYTES));
        decoder.init(&mut frame).ok()?;
        let mut raw = vec![0; raw_len];
        let mut written = 0;
        while !decoder.is_finished() {
            // A block gives 128 KiB at most.
            decoder.decode_blocks(&mut frame, BlockDecodingStrategy::UptoBlocks(1)).ok()?;
            written += decoder.read(raw.get_mut(written..)?).ok()?;
            if decoder.can_collect() > 0 {
                return None;
            }
        }
        raw.truncate(written);
        frame.is_empty().then_some(raw)
    }

    const MIN_WINDOW_BYTES: u64 = 128 * 1024;
}

#[cfg(not(any(feature = "zstd", feature = "ruzstd")))]
mod none {
    pub(crate) const fn encode(_raw: &[u8], _planes: usize, _limit: usize) -> Option<Vec<u8>> {
        None
    }

    pub(crate) const fn decode(_frame: &[u8], _raw_len: usize) -> Option<Vec<u8>> {
        None
    }
}

/// What a frame begins with (RFC 8878, section 3.1.1).
#[cfg(feature = "zstd")]
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
