//! What came of a body and is not in the file yet, as it came.
//!
//! **Invariant:** a byte of a large body is not copied until it is written: bodies that grow in
//! one place would be moved again and again, and take twice their room.

/// Pieces of one body, in order.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    all: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pieces {
    pub(super) fn push(&mut self, piece: Vec<u8>) {
        self.bytes += piece.len();
        match self.all.last_mut() {
            Some(last) if last.len() + piece.len() <= SMALL => last.extend_from_slice(&piece),
            _ if piece.is_empty() => {}
            _ => self.all.push(piece),
        }
    }

    /// How many bytes there are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn clear(&mut self) {
        *self = Pieces::default();
    }

    /// `first` and the pieces after it as one; put together in `room` where there are several.
    pub(super) fn after<'a>(&'a self, first: &'a [u8], room: &'a mut Vec<u8>) -> &'a [u8] {
        match self.all.as_slice() {
            [] => first,
            [only] if first.is_empty() => only,
            all => {
                room.clear();
                room.shrink_to(ROOM);
                room.reserve_exact(first.len() + self.bytes);
                room.extend_from_slice(first);
                for piece in all {
                    room.extend_from_slice(piece);
                }
                room
            }
        }
    }
}

/// Pieces that are smaller together become one.
const SMALL: usize = 16 << 10;
/// Room that is kept for the next body.
const ROOM: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_as_they_came() {
        let long = vec![b'x'; SMALL];
        let cases: [&[&[u8]]; 6] =
            [&[], &[b""], &[b"a"], &[b"a", b"", b"b"], &[&long, b"b", &long], &[b"a", &long, b"c"]];
        for (first, pieces) in cases.iter().flat_map(|it| [(&b""[..], it), (b"first", it)]) {
            let mut all = Pieces::default();
            pieces.iter().for_each(|it| all.push(it.to_vec()));
            let together = pieces.concat();
            assert_eq!(all.bytes(), together.len());
            let mut room = b"of the one before".to_vec();
            assert_eq!(all.after(first, &mut room), [first, &together].concat());
            all.clear();
            assert_eq!((all.bytes(), all.after(first, &mut room)), (0, first));
        }
    }

    #[test]
    fn small_pieces_become_one() {
        let mut all = Pieces::default();
        (0..1000).for_each(|_| all.push(vec![0; 30]));
        assert!(all.all.len() == 2 && all.bytes() == 30_000, "{} pieces", all.all.len());
    }
}
