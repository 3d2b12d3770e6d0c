//! Columns, drawn at random: small values, all encodings, garbage under nulls, slices.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeListArray, Float16Array, LargeListArray,
        LargeStringArray, ListArray, NullArray, PrimitiveArray, StringArray, StringViewArray, StructArray,
        new_empty_array,
    },
    buffer::{NullBuffer, OffsetBuffer, ScalarBuffer},
    compute::cast,
    datatypes::{DataType, Field, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit as ArrowUnit},
};

use crate::{Dim, IoField, IoSchema, IoType};

/// A source of small numbers, for which proptest finds the smallest failing one.
#[derive(Debug)]
pub(super) struct Draw(pub(super) Vec<u8>, pub(super) usize);

impl Draw {
    pub(super) fn below(&mut self, end: u8) -> u8 {
        self.1 += 1;
        let drawn = self.0.get(self.1 % self.0.len().max(1)).copied().unwrap_or(0);
        drawn.wrapping_mul(31).wrapping_add((self.1 / self.0.len().max(1)) as u8) % end
    }

    fn nulls(&mut self, rows: usize, allowed: bool) -> Option<NullBuffer> {
        let some = allowed && self.below(3) == 0;
        some.then(|| (0..rows).map(|_| self.below(4) > 0).collect::<Vec<bool>>().into())
    }

    /// A column for this field, which mostly keeps its rules.
    pub(super) fn column(&mut self, field: &IoField, rows: usize) -> ArrayRef {
        let slack = self.below(16) == 0;
        self.nested(field.data_type(), field.shape(), rows, field.is_nullable() || slack, slack)
    }

    fn nested(&mut self, data_type: IoType, shape: &[Dim], rows: usize, nullable: bool, slack: bool) -> ArrayRef {
        let Some((dim, inner)) = shape.split_first() else {
            return self.plain(data_type, rows, nullable);
        };
        let nulls = self.nulls(rows, nullable);
        if let (Dim::Fixed(length), true) = (dim, self.below(2) == 0) {
            let length = *length as usize;
            let values = self.nested(data_type, inner, rows * length, slack, slack);
            let item = Arc::new(Field::new("item", values.data_type().clone(), true));
            return Arc::new(FixedSizeListArray::new(item, length as i32, values, nulls));
        }
        let length = |draw: &mut Self| match dim {
            Dim::Fixed(length) if !slack => *length as usize,
            _ => draw.below(3).into(),
        };
        // A null list may still span elements, which then do not count.
        let offsets = OffsetBuffer::<i64>::from_lengths((0..rows).map(|_| length(self)).collect::<Vec<_>>());
        let values = self.nested(data_type, inner, offsets.last() as usize, slack, slack);
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let list: ArrayRef = if self.below(2) == 0 {
            Arc::new(LargeListArray::new(item, offsets, values, nulls))
        } else {
            let offsets = offsets.iter().map(|offset| *offset as i32).collect::<ScalarBuffer<i32>>();
            Arc::new(ListArray::new(item, OffsetBuffer::new(offsets), values, nulls))
        };
        list
    }

    fn plain(&mut self, data_type: IoType, rows: usize, nullable: bool) -> ArrayRef {
        let numbers: Vec<i32> = (0..rows).map(|_| i32::from(self.below(9)) - 2).collect();
        let nulls = self.nulls(rows, nullable);
        let ints = || -> ArrayRef { Arc::new(PrimitiveArray::<Int32Type>::new(numbers.clone().into(), nulls.clone())) };
        let array: ArrayRef = match data_type {
            IoType::Bool => {
                Arc::new(BooleanArray::new(numbers.iter().map(|n| *n > 0).collect::<Vec<_>>().into(), nulls))
            }
            IoType::Utf8 | IoType::Binary => {
                let texts = numbers
                    .iter()
                    .enumerate()
                    .map(|(row, n)| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then(|| n.to_string()));
                let texts: StringArray = texts.collect();
                if data_type == IoType::Binary { Arc::new(BinaryArray::from(texts)) } else { Arc::new(texts) }
            }
            IoType::Float32 | IoType::Float64 if self.below(4) == 0 => {
                let floats = numbers.iter().map(|n| if *n > 4 { f64::NAN } else { f64::from(*n) }).collect::<Vec<_>>();
                cast(&PrimitiveArray::<Float64Type>::new(floats.into(), nulls), &arrow_type(data_type)).unwrap()
            }
            IoType::Decimal128 { precision, scale } => {
                let digits = numbers.iter().map(|n| i128::from(*n) * 5).collect::<Vec<_>>();
                Arc::new(Decimal128Array::new(digits.into(), nulls).with_precision_and_scale(precision, scale).unwrap())
            }
            IoType::Timestamp { .. } | IoType::Duration { .. } => {
                cast(&cast(&ints(), &DataType::Int64).unwrap(), &arrow_type(data_type)).unwrap()
            }
            // Negative numbers become null in unsigned types.
            _ if nullable => cast(&ints(), &arrow_type(data_type)).unwrap(),
            _ => cast(
                &PrimitiveArray::<Int32Type>::from_iter_values(numbers.iter().map(|n| *n.max(&0))),
                &arrow_type(data_type),
            )
            .unwrap(),
        };
        self.encoded(array, data_type)
    }

    fn encoded(&mut self, array: ArrayRef, data_type: IoType) -> ArrayRef {
        let target = match (data_type, self.below(5)) {
            (IoType::Utf8, 0) => DataType::LargeUtf8,
            (IoType::Utf8, 1) => DataType::Utf8View,
            (IoType::Utf8 | IoType::Int64 | IoType::Float64 | IoType::UInt8, 2) => {
                DataType::Dictionary(Box::new(DataType::Int8), Box::new(arrow_type(data_type)))
            }
            _ => return array,
        };
        cast(&array, &target).unwrap()
    }

    /// A column of any type, fit or not.
    pub(super) fn wild(&mut self, field: &IoField, rows: usize) -> ArrayRef {
        let array: ArrayRef = match self.below(12) {
            0 => Arc::new(NullArray::new(rows)),
            1 => Arc::new(StructArray::new_empty_fields(rows, None)),
            2 => {
                let time = DataType::Time32(ArrowUnit::Second);
                cast(&self.plain(IoType::Int32, rows, true), &time).unwrap()
            }
            3 => {
                let item = Arc::new(Field::new("item", DataType::Int8, true));
                let empty = new_empty_array(&DataType::Int8);
                Arc::new(FixedSizeListArray::try_new_with_length(item, 0, empty, None, rows).unwrap())
            }
            4 => self.nested(IoType::Utf8, &[Dim::Any; 3], rows, true, true),
            5..8 => {
                let types = &super::sample::TYPES;
                let drawn = types[usize::from(self.below(types.len() as u8))];
                self.nested(drawn, field.shape(), rows, true, true)
            }
            _ => self.nested(field.data_type(), field.shape(), rows, true, true),
        };
        // A slice of a longer array has offsets that do not start at 0.
        let start = usize::from(self.below(4)).min(array.len());
        array.slice(start, (array.len() - start).min(usize::from(self.below(30))))
    }
}

/// The plain Arrow type of a scalar.
pub(super) fn arrow_type(data_type: IoType) -> DataType {
    let schema = IoSchema::new(vec![], vec![IoField::new("x", data_type)]).unwrap();
    schema.to_arrow().1.field(0).data_type().clone()
}

/// One value of the three text encodings and a dictionary with an unused and an unknown value.
pub(super) fn texts(values: &[&str]) -> [ArrayRef; 4] {
    let plain: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    let keyed = DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8));
    [
        Arc::new(LargeStringArray::from(values.to_vec())),
        Arc::new(StringViewArray::from(values.to_vec())),
        cast(&plain, &keyed).unwrap(),
        plain,
    ]
}

pub(super) fn halves(values: &[f32]) -> ArrayRef {
    let floats = PrimitiveArray::<Float32Type>::from_iter_values(values.iter().copied());
    let halves = cast(&floats, &DataType::Float16).unwrap();
    assert!(halves.as_any().is::<Float16Array>());
    halves
}

pub(super) fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(PrimitiveArray::<Int64Type>::from_iter_values(values.iter().copied()))
}
