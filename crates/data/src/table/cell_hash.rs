use arrow::{
    array::{Array, ArrowPrimitiveType, AsArray},
    datatypes::{
        ArrowNativeType, DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};

/// A hash and a size for each cell of a column: what row groups are cut by, and distinct values estimated.
///
/// Equal values have equal hashes whatever the width of an integer or a float, however text is held, and whether there is
/// a dictionary. A null has hash and size 0. Not for adversaries: who wants collisions finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) hashes: Vec<u64>,
    /// Bytes of the values before any encoding.
    pub(super) sizes: Vec<u64>,
}

/// Hashes every cell. Types without a frozen name, which tables do not have, are all alike.
pub(super) fn cells(array: &dyn Array) -> Cells {
    let mut cells = values(array);
    if let Some(nulls) = array.logical_nulls() {
        for (row, _) in nulls.iter().enumerate().filter(|(_, valid)| !valid) {
            if let (Some(hash), Some(size)) = (cells.hashes.get_mut(row), cells.sizes.get_mut(row)) {
                (*hash, *size) = (0, 0);
            }
        }
    }
    cells
}

/// Hashes what lies in every cell, also in those that are null.
fn values(array: &dyn Array) -> Cells {
    match array.data_type() {
        DataType::Boolean => {
            let flags = array.as_boolean();
            fixed((0..flags.len()).map(|row| u64::from(flags.value(row))), 1)
        }
        DataType::Int8 => whole::<Int8Type>(array),
        DataType::Int16 => whole::<Int16Type>(array),
        DataType::Int32 => whole::<Int32Type>(array),
        DataType::Int64 => whole::<Int64Type>(array),
        DataType::UInt8 => whole::<UInt8Type>(array),
        DataType::UInt16 => whole::<UInt16Type>(array),
        DataType::UInt32 => whole::<UInt32Type>(array),
        DataType::UInt64 => whole::<UInt64Type>(array),
        DataType::Float16 => real::<Float16Type>(array),
        DataType::Float32 => real::<Float32Type>(array),
        DataType::Float64 => real::<Float64Type>(array),
        DataType::Utf8 => text(array.as_string::<i32>().iter().map(|value| value.map(str::as_bytes))),
        DataType::LargeUtf8 => text(array.as_string::<i64>().iter().map(|value| value.map(str::as_bytes))),
        DataType::Utf8View => text(array.as_string_view().iter().map(|value| value.map(str::as_bytes))),
        DataType::Binary => text(array.as_binary::<i32>().iter()),
        DataType::LargeBinary => text(array.as_binary::<i64>().iter()),
        DataType::BinaryView => text(array.as_binary_view().iter()),
        DataType::FixedSizeBinary(_) => text(array.as_fixed_size_binary().iter()),
        DataType::Dictionary(..) => dictionary(array),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            lists(&cells(list.values()), list.offsets().windows(2).map(bounds))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            lists(&cells(list.values()), list.offsets().windows(2).map(bounds))
        }
        DataType::FixedSizeList(_, length) => {
            let length = length.as_usize();
            let ends = (0..array.len()).map(|row| (row * length, (row + 1) * length));
            lists(&cells(array.as_fixed_size_list().values()), ends)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            lists(&cells(map.entries()), map.offsets().windows(2).map(bounds))
        }
        DataType::Struct(_) => {
            let columns: Vec<Cells> = array.as_struct().columns().iter().map(|column| cells(column)).collect();
            let mut all = Cells { hashes: vec![SEED; array.len()], sizes: vec![0; array.len()] };
            for column in &columns {
                all.hashes.iter_mut().zip(&column.hashes).for_each(|(hash, part)| *hash = join(*hash, *part));
                all.sizes.iter_mut().zip(&column.sizes).for_each(|(size, part)| *size += part);
            }
            all
        }
        other => raw(array, other.primitive_width().unwrap_or(0)),
    }
}

/// Dates, times, decimals and intervals: the bytes as Arrow holds them.
fn raw(array: &dyn Array, width: usize) -> Cells {
    let data = array.to_data();
    let bytes = data.buffers().first().map(|buffer| buffer.as_slice()).unwrap_or_default();
    let cell = |row: usize| bytes.get((data.offset() + row) * width..(data.offset() + row + 1) * width);
    match width {
        8 => fixed((0..array.len()).map(|row| cell(row).map_or(0, word)), 8),
        4 => {
            // As wide values, so that a date of 32 bits and its number are told apart by nothing but the column.
            let signed = |bytes: &[u8]| i64::from(word(bytes) as u32 as i32) as u64;
            fixed((0..array.len()).map(|row| cell(row).map_or(0, signed)), 4)
        }
        _ => text((0..array.len()).map(cell)),
    }
}

fn whole<T: ArrowPrimitiveType>(array: &dyn Array) -> Cells
where
    T::Native: Copy + Into<i128>,
{
    fixed(array.as_primitive::<T>().values().iter().map(|value| (*value).into() as u64), size_of::<T::Native>() as u64)
}

fn real<T: ArrowPrimitiveType>(array: &dyn Array) -> Cells
where
    T::Native: Copy + Into<f64>,
{
    let bits = |value: &T::Native| {
        let value: f64 = (*value).into();
        if value.is_nan() { NAN } else { (value + 0.0).to_bits() }
    };
    fixed(array.as_primitive::<T>().values().iter().map(bits), size_of::<T::Native>() as u64)
}

fn fixed(values: impl Iterator<Item = u64>, size: u64) -> Cells {
    let hashes: Vec<u64> = values.map(|value| mix(value ^ SEED)).collect();
    Cells { sizes: vec![size; hashes.len()], hashes }
}

fn text<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Cells {
    let each = values.map(|value| value.map_or((0, 0), |value| (hash_bytes(value), value.len() as u64)));
    let (hashes, sizes) = each.unzip();
    Cells { hashes, sizes }
}

fn dictionary(array: &dyn Array) -> Cells {
    let nothing = Cells { hashes: vec![0; array.len()], sizes: vec![0; array.len()] };
    let Some(array) = array.as_any_dictionary_opt() else { return nothing };
    if array.values().is_empty() {
        return nothing;
    }
    let values = cells(array.values());
    let keys = array.normalized_keys();
    let pick = |from: &[u64]| keys.iter().map(|key| from.get(*key).copied().unwrap_or(0)).collect();
    Cells { hashes: pick(&values.hashes), sizes: pick(&values.sizes) }
}

fn lists(elements: &Cells, ends: impl Iterator<Item = (usize, usize)>) -> Cells {
    let each = ends.map(|(from, to)| {
        let hashes = elements.hashes.get(from..to).unwrap_or_default();
        let sizes = elements.sizes.get(from..to).unwrap_or_default();
        let start = mix(hashes.len() as u64 ^ SEED);
        (hashes.iter().fold(start, |hash, part| join(hash, *part)), sizes.iter().sum::<u64>())
    });
    let (hashes, sizes) = each.unzip();
    Cells { hashes, sizes }
}

fn bounds<O: ArrowNativeType>(pair: &[O]) -> (usize, usize) {
    let at = |place: usize| pair.get(place).map_or(0, |offset| offset.as_usize());
    (at(0), at(1))
}

/// Hashes bytes, eight at a time.
fn hash_bytes(bytes: &[u8]) -> u64 {
    let start = mix(bytes.len() as u64 ^ SEED);
    bytes.chunks(8).fold(start, |hash, part| join(hash, word(part)))
}

/// Reads up to eight bytes, little-endian.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(word)
}

fn join(hash: u64, part: u64) -> u64 {
    mix(hash.rotate_left(23) ^ part)
}

/// Spreads 64 bits over 64 bits, one to one: the finaliser of MurmurHash3 (Appleby, public domain).
pub(super) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    value = (value ^ (value >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}

/// Bits of pi: nothing up the sleeve, and no zero.
pub(super) const SEED: u64 = 0x243f_6a88_85a3_08d3;
const NAN: u64 = 0x7ff8_0000_0000_0000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{
            ArrayRef, DictionaryArray, Float32Array, Float64Array, Int16Array, Int64Array, LargeStringArray, ListArray,
            StringArray, StringViewArray, StructArray, TimestampSecondArray,
        },
        datatypes::{Field, Int8Type, Int32Type},
    };

    use super::*;

    #[test]
    fn equal_values_hash_alike_however_they_are_held() {
        let numbers = cells(&Int64Array::from(vec![Some(-3), None, Some(900)]));
        assert_eq!(numbers.hashes, cells(&Int16Array::from(vec![Some(-3), None, Some(900)])).hashes);
        assert_eq!((numbers.hashes[1], numbers.sizes[1], numbers.sizes[0]), (0, 0, 8));
        let reals = cells(&Float64Array::from(vec![0.5, -0.0, f64::NAN]));
        assert_eq!(reals.hashes, cells(&Float32Array::from(vec![0.5, 0.0, -f32::NAN])).hashes);
        let texts = vec![Some("a longer text"), None, Some("")];
        let plain = cells(&StringArray::from(texts.clone()));
        assert_eq!(plain, cells(&LargeStringArray::from(texts.clone())));
        assert_eq!(plain, cells(&StringViewArray::from(texts.clone())));
        assert_eq!(plain, cells(&texts.into_iter().collect::<DictionaryArray<Int8Type>>()));
    }

    #[test]
    fn a_slice_hashes_as_a_part() {
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![None, Some(1)]),
            Some(vec![]),
        ]));
        let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1, 2, 3, 4]));
        let field = |name, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
        let both: ArrayRef = Arc::new(StructArray::from(vec![
            (field("l", &lists), Arc::clone(&lists)),
            (field("t", &times), Arc::clone(&times)),
        ]));
        for array in [lists, times, both] {
            let (whole, part) = (cells(&array), cells(&array.slice(1, 3)));
            assert_eq!(part.hashes, whole.hashes[1..]);
            assert_eq!(part.sizes, whole.sizes[1..]);
            assert_ne!(whole.hashes[0], whole.hashes[2]);
        }
    }

    #[test]
    fn hashes_are_frozen() {
        let numbers = cells(&Int64Array::from(vec![0, 1, -1]));
        let texts = cells(&StringArray::from(vec!["", "a", "seven and some"]));
        insta::assert_snapshot!(format!("{:016x?} {:016x?}", numbers.hashes, texts.hashes));
    }
}
