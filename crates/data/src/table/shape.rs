//! The shape of what a Parquet file says of itself, checked before it is parsed.
//!
//! The structures are in Thrift's compact protocol, where each field states its type and each list its length. The parser that is
//! used trusts both: it goes through lists of booleans that it does not know without reading a byte for each, so that a file of
//! a hundred bytes keeps it busy for minutes or for ever; and it reads fields that it knows whatever type they state. So a
//! structure passes here only if its known fields have the types of the standard (Parquet format 2.12), and if no list in it
//! is longer than its bytes.

use self::Kind::{Binary, Bool, Byte, Double, Int, List, Struct};

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Bool,
    Byte,
    /// Of 16, 32 or 64 bits, which are stored alike.
    Int,
    Double,
    Binary,
    Struct(Fields),
    List(&'static Self),
}

/// The fields of a structure that the standard knows, by number.
pub(super) type Fields = &'static [(i16, Kind)];

/// Why a structure is not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// It does not end within the bytes.
    Cut,
    /// It is not what the standard says, or says more than it holds.
    Shape,
}

/// Checks a structure at the beginning of some bytes; returns its length.
pub(super) fn check(bytes: &[u8], fields: Fields) -> Result<usize, Odd> {
    let mut walk = Walk { rest: bytes, noted: [None; 4] };
    walk.structure(fields, DEPTH)?;
    Ok(bytes.len() - walk.rest.len())
}

/// Checks the headers of pages that lie one behind the other, up to the end of the bytes.
pub(super) fn check_pages(mut bytes: &[u8]) -> Result<(), Odd> {
    while !bytes.is_empty() {
        let mut walk = Walk { rest: bytes, noted: [None; 4] };
        match walk.structure(PAGE_HEADER, DEPTH) {
            Ok(()) => {}
            // What is cut is an error for the parser, too.
            Err(Odd::Cut) => return Ok(()),
            Err(odd) => return Err(odd),
        }
        let [_, _, unpacked, length] = walk.noted;
        if unpacked > Some(MOST_PAGE_BYTES) {
            return Err(Odd::Shape);
        }
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else { return Ok(()) };
        bytes = walk.rest.get(length..).unwrap_or_default();
    }
    Ok(())
}

struct Walk<'a> {
    rest: &'a [u8],
    /// The integers in the first fields of the outermost structure, by number.
    noted: [Option<i64>; 4],
}

impl Walk<'_> {
    fn structure(&mut self, fields: Fields, depth: u8) -> Result<(), Odd> {
        let depth = depth.checked_sub(1).ok_or(Odd::Shape)?;
        let mut last = 0_i16;
        loop {
            let head = self.byte()?;
            let (delta, code) = (head >> 4, head & 0x0f);
            if code == 0 {
                return Ok(());
            }
            let id = match delta {
                0 => i16::try_from(self.number()?).map_err(|_| Odd::Shape)?,
                delta => last.checked_add(i16::from(delta)).ok_or(Odd::Shape)?,
            };
            last = id;
            match fields.iter().find(|(known, _)| *known == id) {
                // A boolean is in the type itself.
                Some((_, Bool)) if matches!(code, TRUE | FALSE) => {}
                Some((_, kind)) if !matches!(kind, Bool) && is_code_of(code, *kind) => {
                    let number = self.value(*kind, depth)?;
                    if depth + 1 == DEPTH
                        && let Some(noted) = usize::try_from(id).ok().and_then(|id| self.noted.get_mut(id))
                    {
                        *noted = number;
                    }
                }
                Some(_) => return Err(Odd::Shape),
                None if matches!(code, TRUE | FALSE) => {}
                None => self.unknown(code, depth)?,
            }
        }
    }

    /// Goes over a value; returns it if it is an integer.
    fn value(&mut self, kind: Kind, depth: u8) -> Result<Option<i64>, Odd> {
        match kind {
            Bool | Byte => self.skip(1)?,
            Int => return self.number().map(Some),
            Double => self.skip(8)?,
            Binary => self.binary()?,
            Struct(fields) => self.structure(fields, depth)?,
            List(element) => {
                let (code, count) = self.list()?;
                if count > 0 && !is_code_of(code, *element) {
                    return Err(Odd::Shape);
                }
                for _ in 0..count {
                    self.value(*element, depth)?;
                }
            }
        }
        Ok(None)
    }

    /// Goes over a value of a field that is not known.
    fn unknown(&mut self, code: u8, depth: u8) -> Result<(), Odd> {
        let depth = depth.checked_sub(1).ok_or(Odd::Shape)?;
        match code {
            BYTE => self.skip(1),
            SHORT..=LONG => self.number().map(drop),
            DOUBLE => self.skip(8),
            BINARY => self.binary(),
            LIST | SET => {
                let (code, count) = self.list()?;
                self.elements(&[code], count, depth)
            }
            MAP => {
                let count = self.count()?;
                let codes = if count > 0 { self.byte()? } else { 0 };
                self.elements(&[codes >> 4, codes & 0x0f], count, depth)
            }
            STRUCT => self.structure(&[], depth),
            UUID => self.skip(16),
            _ => Err(Odd::Shape),
        }
    }

    fn elements(&mut self, codes: &[u8], count: usize, depth: u8) -> Result<(), Odd> {
        // The parser takes no byte for such an element.
        let is_empty = codes.iter().all(|code| matches!(*code, TRUE | FALSE));
        if is_empty && count > 0 {
            return Err(Odd::Shape);
        }
        for _ in 0..count {
            for code in codes.iter().filter(|code| !matches!(**code, TRUE | FALSE)) {
                self.unknown(*code, depth)?;
            }
        }
        Ok(())
    }

    /// Reads the beginning of a list: the type of its elements, and how many there are.
    fn list(&mut self) -> Result<(u8, usize), Odd> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.count()?,
            count => usize::from(count),
        };
        Ok((head & 0x0f, count))
    }

    /// Reads how many elements there are: not more than bytes are left, as each has one at least.
    fn count(&mut self) -> Result<usize, Odd> {
        let count = usize::try_from(self.unsigned()?).map_err(|_| Odd::Shape)?;
        if count > self.rest.len() { Err(Odd::Shape) } else { Ok(count) }
    }

    fn binary(&mut self) -> Result<(), Odd> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| Odd::Shape)?;
        self.skip(length)
    }

    fn number(&mut self) -> Result<i64, Odd> {
        let zigzag = self.unsigned()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    fn unsigned(&mut self) -> Result<u64, Odd> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Odd::Shape)
    }

    fn byte(&mut self) -> Result<u8, Odd> {
        self.rest.split_off_first().copied().ok_or(Odd::Cut)
    }

    fn skip(&mut self, count: usize) -> Result<(), Odd> {
        self.rest.split_off(..count).map(drop).ok_or(Odd::Cut)
    }
}

fn is_code_of(code: u8, kind: Kind) -> bool {
    match kind {
        Bool => matches!(code, TRUE | FALSE),
        Byte => code == BYTE,
        Int => matches!(code, SHORT..=LONG),
        Double => code == DOUBLE,
        Binary => code == BINARY,
        Struct(_) => code == STRUCT,
        List(_) => code == LIST,
    }
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const SHORT: u8 = 4;
const LONG: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// As deep as the parser goes.
const DEPTH: u8 = 64;
/// What a page may unpack to: writers end one at about a megabyte, unless a single value is larger.
const MOST_PAGE_BYTES: i64 = 512 * 1024 * 1024;

/// What lies at the end of a file.
pub(super) const FOOTER: Fields = &[
    (1, Int),
    (2, List(&Struct(SCHEMA_ELEMENT))),
    (3, Int),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(KEY_VALUE))),
    (6, Binary),
    (7, List(&Struct(&[(1, Struct(&[])), (2, Struct(&[]))]))),
    (8, Struct(&[(1, Struct(CIPHER)), (2, Struct(CIPHER))])),
    (9, Binary),
];

/// What lies before a page; the second field states its size when it is unpacked, the third as it lies there.
pub(super) const PAGE_HEADER: Fields = &[
    (1, Int),
    (2, Int),
    (3, Int),
    (4, Int),
    (5, Struct(&[(1, Int), (2, Int), (3, Int), (4, Int), (5, Struct(STATISTICS))])),
    (6, Struct(&[])),
    (7, Struct(&[(1, Int), (2, Int), (3, Bool)])),
    (8, Struct(&[(1, Int), (2, Int), (3, Int), (4, Int), (5, Int), (6, Int), (7, Bool), (8, Struct(STATISTICS))])),
];

/// Where the pages of a column lie.
pub(super) const OFFSET_INDEX: Fields = &[(1, List(&Struct(&[(1, Int), (2, Int), (3, Int)]))), (2, List(&Int))];

/// What the pages of a column hold.
pub(super) const COLUMN_INDEX: Fields = &[
    (1, List(&Bool)),
    (2, List(&Binary)),
    (3, List(&Binary)),
    (4, Int),
    (5, List(&Int)),
    (6, List(&Int)),
    (7, List(&Int)),
    (8, List(&Int)),
];

const SCHEMA_ELEMENT: Fields = &[
    (1, Int),
    (2, Int),
    (3, Int),
    (4, Binary),
    (5, Int),
    (6, Int),
    (7, Int),
    (8, Int),
    (9, Int),
    (10, Struct(LOGICAL_TYPE)),
];

const LOGICAL_TYPE: Fields = &[
    (1, Struct(&[])),
    (2, Struct(&[])),
    (3, Struct(&[])),
    (4, Struct(&[])),
    (5, Struct(&[(1, Int), (2, Int)])),
    (6, Struct(&[])),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(&[(1, Byte), (2, Bool)])),
    (11, Struct(&[])),
    (12, Struct(&[])),
    (13, Struct(&[])),
    (14, Struct(&[])),
    (15, Struct(&[])),
    (16, Struct(&[(1, Byte)])),
    (17, Struct(&[(1, Binary)])),
    (18, Struct(&[(1, Binary), (2, Int)])),
    (19, Struct(&[])),
];

const TIME: Fields = &[(1, Bool), (2, Struct(&[(1, Struct(&[])), (2, Struct(&[])), (3, Struct(&[]))]))];

const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Int),
    (3, Int),
    (4, List(&Struct(&[(1, Int), (2, Bool), (3, Bool)]))),
    (5, Int),
    (6, Int),
    (7, Int),
];

const COLUMN_CHUNK: Fields = &[
    (1, Binary),
    (2, Int),
    (3, Struct(COLUMN_METADATA)),
    (4, Int),
    (5, Int),
    (6, Int),
    (7, Int),
    (8, Struct(&[(1, Struct(&[])), (2, Struct(&[(1, List(&Binary)), (2, Binary)]))])),
    (9, Binary),
];

const COLUMN_METADATA: Fields = &[
    (1, Int),
    (2, List(&Int)),
    (3, List(&Binary)),
    (4, Int),
    (5, Int),
    (6, Int),
    (7, Int),
    (8, List(&Struct(KEY_VALUE))),
    (9, Int),
    (10, Int),
    (11, Int),
    (12, Struct(STATISTICS)),
    (13, List(&Struct(&[(1, Int), (2, Int), (3, Int)]))),
    (14, Int),
    (15, Int),
    (16, Struct(&[(1, Int), (2, List(&Int)), (3, List(&Int))])),
    (17, Struct(&[(1, Struct(BOX)), (2, List(&Int))])),
];

const STATISTICS: Fields =
    &[(1, Binary), (2, Binary), (3, Int), (4, Int), (5, Binary), (6, Binary), (7, Bool), (8, Bool), (9, Int)];

const KEY_VALUE: Fields = &[(1, Binary), (2, Binary)];

const CIPHER: Fields = &[(1, Binary), (2, Binary), (3, Bool)];

const BOX: Fields =
    &[(1, Double), (2, Double), (3, Double), (4, Double), (5, Double), (6, Double), (7, Double), (8, Double)];

#[cfg(test)]
mod tests {
    use super::*;

    /// A page header without a page, followed by some fields.
    fn header(more: &[u8]) -> Vec<u8> {
        // Type, sizes of 0 bytes.
        [&[0x15, 0, 0x15, 0, 0x15, 0][..], more, &[0]].concat()
    }

    #[test]
    fn fields_of_later_standards_are_gone_over() {
        let later: [&[u8]; 7] = [
            &[0xf1],                            // a boolean
            &[0xf8, 3, 1, 2, 3],                // bytes
            &[0xf9, 0x35, 1, 2, 3],             // three integers
            &[0xfb, 1, 0x85, 1, b'k', 4],       // a map
            &[0xfc, 0x15, 1, 0x1c, 0x11, 0, 0], // structures in each other
            &[0xf7, 0, 0, 0, 0, 0, 0, 0, 0],    // a float
            &[0xf9, 0],                         // an empty list
        ];
        for more in later {
            let header = header(more);
            assert_eq!(check(&header, PAGE_HEADER), Ok(header.len()), "{more:?}");
            assert_eq!(check_pages(&[&header[..], &header].concat()), Ok(()));
            assert_eq!(check(&header[..header.len() - 1], PAGE_HEADER), Err(Odd::Cut), "{more:?}");
        }
    }

    #[test]
    fn a_page_that_unpacks_to_a_gigabyte_is_refused() {
        // 2^29 bytes, and one more, as zigzag numbers.
        for (size, expected) in
            [([0x80, 0x80, 0x80, 0x80, 0x04], Ok(())), ([0x82, 0x80, 0x80, 0x80, 0x04], Err(Odd::Shape))]
        {
            let header = [&[0x15, 0, 0x15][..], &size, &[0x15, 0, 0]].concat();
            assert_eq!(check_pages(&header), expected, "{size:?}");
        }
    }

    #[test]
    fn what_says_more_than_it_holds_is_refused() {
        let count = [0xff, 0xff, 0xff, 0xff, 0x07];
        let bombs: [&[u8]; 9] = [
            &[&[0xf9, 0xf1][..], &count].concat(),       // booleans without a byte for each
            &[0xf9, 0x11],                               // even one
            &[&[0xfb][..], &count, &[0x12]].concat(),    // a map of them
            &[&[0xf9, 0xf5][..], &count].concat(),       // more integers than bytes
            &[&[0xf9, 0x19, 0xf1][..], &count].concat(), // a list of lists
            &[0x11],                                     // a known field of another type
            &[0xf9, 0x10],                               // of no type
            &[0x05, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0], // a number too long
            &[0xfc; 100],                                // deeper than any
        ];
        for more in bombs {
            let header = header(more);
            assert_eq!(check(&header, PAGE_HEADER), Err(Odd::Shape), "{more:?}");
            assert_eq!(check_pages(&[&self::header(&[])[..], &header].concat()), Err(Odd::Shape), "behind another");
        }
    }
}
