use bytes::Bytes;
use futures::{TryStreamExt, stream::BoxStream};
use lineal_core::Error;

/// Bytes of a blob as they are worked on.
pub(super) struct Slab {
    pub(super) bytes: Bytes,
    pub(super) last: bool,
}

/// Gathers the pieces of a stream into slabs; large pieces are slabs as they are.
pub(super) struct Source {
    bytes: BoxStream<'static, std::io::Result<Bytes>>,
    rest: Bytes,
}

impl Source {
    pub(super) fn new(bytes: BoxStream<'static, std::io::Result<Bytes>>) -> Self {
        Self { bytes, rest: Bytes::new() }
    }

    pub(super) async fn next_slab(&mut self) -> Result<Slab, Error> {
        let mut gathered = Vec::new();
        while gathered.len() < SLAB {
            if self.rest.is_empty() {
                match self.bytes.try_next().await.map_err(Error::of_stream)? {
                    Some(piece) => self.rest = piece,
                    None => return Ok(Slab { bytes: gathered.into(), last: true }),
                }
            }
            if gathered.is_empty() && self.rest.len() >= SLAB / 2 {
                let bytes = self.rest.split_to(self.rest.len().min(SLAB));
                return Ok(Slab { bytes, last: false });
            }
            let room = SLAB - gathered.len();
            if self.rest.len() < room {
                // More than a piece is likely to come: one allocation instead of many that double.
                gathered.reserve_exact(room);
            }
            gathered.extend_from_slice(&self.rest.split_to(room.min(self.rest.len())));
        }
        Ok(Slab { bytes: gathered.into(), last: false })
    }
}

/// Bytes worked on at a time.
const SLAB: usize = 8 * 1024 * 1024;
