//! One zstd frame, by the C library or by the Rust implementation: both read what the other writes.

/// Whether there is an implementation in this build.
pub(super) const BUILT: bool = cfg!(any(feature = "zstd", feature = "ruzstd"));

#[cfg(feature = "zstd")]
pub(super) use self::c::{Decoder, Encoder};
#[cfg(not(any(feature = "zstd", feature = "ruzstd")))]
pub(super) use self::none::{Decoder, Encoder};
#[cfg(all(feature = "ruzstd", not(feature = "zstd")))]
pub(super) use self::rust::{Decoder, Encoder};

/// The C library.
#[cfg(feature = "zstd")]
pub(super) mod c {
    use std::{
        fmt,
        sync::{Mutex, PoisonError},
    };

    use zstd::{
        bulk::Decompressor,
        zstd_safe::{
            CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, find_frame_compressed_size,
            zstd_sys::ZSTD_EndDirective as Directive,
        },
    };

    /// Makes frames on any number of threads, and keeps as many contexts: a new one for each small frame would take longer
    /// than the frame.
    #[derive(Default)]
    pub(crate) struct Encoder(Mutex<Vec<CCtx<'static>>>);

    impl Encoder {
        /// Compresses into one frame, which records its length; `None` if that takes more than `limit` bytes.
        ///
        /// A block ends where one of the `planes` does, for a block has one code for all its bytes.
        pub(crate) fn encode(&self, raw: &[u8], planes: usize, limit: usize) -> Option<Vec<u8>> {
            let idle = self.contexts(Vec::pop);
            let mut context = idle.map_or_else(CCtx::try_create, Some)?;
            let frame = encode(&mut context, raw, planes, limit);
            self.contexts(|idle| idle.push(context));
            frame
        }

        fn contexts<T>(&self, with: impl FnOnce(&mut Vec<CCtx<'static>>) -> T) -> T {
            with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }

    impl fmt::Debug for Encoder {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Encoder").finish_non_exhaustive()
        }
    }

    fn encode(context: &mut CCtx<'static>, raw: &[u8], planes: usize, limit: usize) -> Option<Vec<u8>> {
        // The frame before may not have come to its end.
        context.reset(ResetDirective::SessionAndParameters).ok()?;
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

    /// Decodes frames, and keeps a context for the next.
    #[derive(Default)]
    pub(crate) struct Decoder(Option<Decompressor<'static>>);

    impl Decoder {
        /// Decodes exactly one frame, to `raw_len` bytes or fewer, or a little more; `None` if it is damaged.
        pub(crate) fn decode(&mut self, frame: &[u8], raw_len: usize) -> Option<Vec<u8>> {
            // The library would also take several frames, and skip some: then the same chunk had many stored forms.
            if !frame.starts_with(&super::MAGIC) || find_frame_compressed_size(frame) != Ok(frame.len()) {
                return None;
            }
            if self.0.is_none() {
                self.0 = Some(Decompressor::new().ok()?);
            }
            // It decodes in place, so the window that a frame asks for is never allocated.
            let mut raw = Vec::with_capacity(raw_len);
            self.0.as_mut()?.decompress_to_buffer(frame, &mut raw).ok()?;
            Some(raw)
        }
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

    /// Makes frames; keeps nothing from one to the next.
    #[derive(Debug, Default)]
    pub(crate) struct Encoder;

    impl Encoder {
        /// Compresses into one frame, which does not record its length; `None` if that takes more than `limit` bytes.
        ///
        /// Blocks are of 128 KiB whatever the planes: the encoder cannot be told to end one.
        pub(crate) fn encode(&self, raw: &[u8], _planes: usize, limit: usize) -> Option<Vec<u8>> {
            let mut frame = compress_to_vec(raw, CompressionLevel::Fastest);
            frame.shrink_to_fit();
            (frame.len() <= limit).then_some(frame)
        }
    }

    /// Decodes frames; keeps nothing from one to the next.
    #[derive(Default)]
    pub(crate) struct Decoder;

    impl Decoder {
        /// Decodes exactly one frame, to `raw_len` bytes or fewer; `None` if it is damaged.
        pub(crate) fn decode(&mut self, frame: &[u8], raw_len: usize) -> Option<Vec<u8>> {
            decode(frame, raw_len)
        }
    }

    fn decode(mut frame: &[u8], raw_len: usize) -> Option<Vec<u8>> {
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
    #[derive(Debug, Default)]
    pub(crate) struct Encoder;

    impl Encoder {
        pub(crate) const fn encode(&self, _raw: &[u8], _planes: usize, _limit: usize) -> Option<Vec<u8>> {
            None
        }
    }

    #[derive(Default)]
    pub(crate) struct Decoder;

    impl Decoder {
        pub(crate) const fn decode(&mut self, _frame: &[u8], _raw_len: usize) -> Option<Vec<u8>> {
            None
        }
    }
}

/// What a frame begins with (RFC 8878, section 3.1.1).
#[cfg(feature = "zstd")]
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
