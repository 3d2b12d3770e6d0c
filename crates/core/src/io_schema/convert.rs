//! To and from Arrow schemas.

use std::{fmt::Write, sync::Arc};

use arrow::datatypes::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, TimeUnit as ArrowUnit};

use super::{
    data_type::{IoType, TimeUnit},
    error::{SchemaError, excerpt},
    field::{IoField, MAX_RANK},
    schema::{IoSchema, IoSide},
    shape::Dim,
};

impl IoSchema {
    /// Makes a schema from two Arrow schemas: names, types, nullability, and shapes from (nested) lists.
    ///
    /// Text, bytes and lists of any offset width, text and byte views and dictionaries become their value type; a
    /// time zone becomes `utc`. Whether the elements of a list may be null is not kept: in a signature they may not.
    ///
    /// ```
    /// use arrow::datatypes::{DataType, Field, Schema};
    /// use lineal_core::{IoSchema, IoType};
    ///
    /// let inputs = Schema::new(vec![Field::new("temp", DataType::Float32, true)]);
    /// let outputs = Schema::new(vec![Field::new("late15", DataType::Float64, false)]);
    /// let schema = IoSchema::from_arrow(&inputs, &outputs)?;
    /// assert_eq!(schema.inputs()[0].data_type(), IoType::Float32);
    /// assert_eq!(schema.to_arrow(), (inputs, outputs));
    /// # Ok::<(), lineal_core::SchemaError>(())
    /// ```
    ///
    /// # Errors
    /// [`SchemaError::ArrowType`] for a type without counterpart (also lists of fixed length 0): convert the column
    /// before. Others as [`IoSchema::new`].
    pub fn from_arrow(inputs: &ArrowSchema, outputs: &ArrowSchema) -> Result<Self, SchemaError> {
        Self::new(from_side(IoSide::Input, inputs)?, from_side(IoSide::Output, outputs)?)
    }

    /// Returns the Arrow schemas of inputs and outputs.
    ///
    /// Each type becomes the plain Arrow type of its name, an instant has the zone `UTC`, a known dimension is a
    /// fixed-size list and an unknown one a list, of items that are not null. What Arrow cannot say (ranges,
    /// categories, optional) is left out.
    #[must_use]
    pub fn to_arrow(&self) -> (ArrowSchema, ArrowSchema) {
        let side = |fields: &[IoField]| ArrowSchema::new(fields.iter().map(to_field).collect::<Vec<_>>());
        (side(self.inputs()), side(self.outputs()))
    }
}

fn from_side(side: IoSide, schema: &ArrowSchema) -> Result<Vec<IoField>, SchemaError> {
    schema.fields().iter().map(|field| from_field(side, field)).collect()
}

fn from_field(side: IoSide, field: &ArrowField) -> Result<IoField, SchemaError> {
    let unknown = || SchemaError::ArrowType { side, field: excerpt(field.name()), found: type_text(field.data_type()) };
    let (mut shape, mut inner) = (Vec::new(), field.data_type());
    while let Some((dim, item)) = list_item(inner) {
        if shape.len() == MAX_RANK {
            return Err(unknown());
        }
        (shape, inner) = ([shape, vec![dim]].concat(), item);
    }
    let element = element_type(inner).ok_or_else(unknown)?;
    let made = IoField::new(field.name(), element).with_shape(shape);
    Ok(if field.is_nullable() { made.nullable() } else { made })
}

fn to_field(field: &IoField) -> ArrowField {
    let wrap = |inner: ArrowType, dim: &Dim| {
        let item = Arc::new(ArrowField::new("item", inner, false));
        match dim {
            Dim::Any => ArrowType::List(item),
            // Validated to be at most i32::MAX.
            Dim::Fixed(length) => ArrowType::FixedSizeList(item, i32::try_from(*length).unwrap_or(i32::MAX)),
        }
    };
    let data_type = field.shape().iter().rev().fold(to_type(field.data_type()), wrap);
    ArrowField::new(field.name(), data_type, field.is_nullable())
}

/// Whether a column of type `found` can hold values of `field`, as far as the type alone tells.
pub(super) fn type_fits(field: &IoField, found: &ArrowType) -> bool {
    let mut inner = found;
    for dim in field.shape() {
        match list_item(inner) {
            // An Arrow list of unknown length may yet have the right one.
            Some((given, item)) if given == Dim::Any || dim.accepts(given) => inner = item,
            _ => return false,
        }
    }
    element_type(inner) == Some(field.data_type())
}

/// Lists and bytes of fixed length 0 have no counterpart: a batch of them could claim any number of elements without
/// holding memory for them.
fn list_item(list: &ArrowType) -> Option<(Dim, &ArrowType)> {
    match list {
        ArrowType::List(item) | ArrowType::LargeList(item) => Some((Dim::Any, item.data_type())),
        ArrowType::FixedSizeList(item, length @ 1..) => Some((Dim::Fixed(length.unsigned_abs()), item.data_type())),
        _ => None,
    }
}

fn element_type(element: &ArrowType) -> Option<IoType> {
    match element {
        ArrowType::Dictionary(_, values) => plain_type(values),
        plain => plain_type(plain),
    }
}

fn plain_type(plain: &ArrowType) -> Option<IoType> {
    let data_type = match plain {
        ArrowType::Boolean => IoType::Bool,
        ArrowType::Int8 => IoType::Int8,
        ArrowType::Int16 => IoType::Int16,
        ArrowType::Int32 => IoType::Int32,
        ArrowType::Int64 => IoType::Int64,
        ArrowType::UInt8 => IoType::UInt8,
        ArrowType::UInt16 => IoType::UInt16,
        ArrowType::UInt32 => IoType::UInt32,
        ArrowType::UInt64 => IoType::UInt64,
        ArrowType::Float16 => IoType::Float16,
        ArrowType::Float32 => IoType::Float32,
        ArrowType::Float64 => IoType::Float64,
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => IoType::Utf8,
        ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView | ArrowType::FixedSizeBinary(1..) => {
            IoType::Binary
        }
        ArrowType::Date32 => IoType::Date32,
        ArrowType::Timestamp(unit, zone) => IoType::Timestamp { unit: from_unit(*unit), utc: zone.is_some() },
        ArrowType::Duration(unit) => IoType::Duration { unit: from_unit(*unit) },
        ArrowType::Decimal128(precision, scale) => IoType::Decimal128 { precision: *precision, scale: *scale },
        _ => return None,
    };
    Some(data_type)
}

fn to_type(data_type: IoType) -> ArrowType {
    match data_type {
        IoType::Bool => ArrowType::Boolean,
        IoType::Int8 => ArrowType::Int8,
        IoType::Int16 => ArrowType::Int16,
        IoType::Int32 => ArrowType::Int32,
        IoType::Int64 => ArrowType::Int64,
        IoType::UInt8 => ArrowType::UInt8,
        IoType::UInt16 => ArrowType::UInt16,
        IoType::UInt32 => ArrowType::UInt32,
        IoType::UInt64 => ArrowType::UInt64,
        IoType::Float16 => ArrowType::Float16,
        IoType::Float32 => ArrowType::Float32,
        IoType::Float64 => ArrowType::Float64,
        IoType::Utf8 => ArrowType::Utf8,
        IoType::Binary => ArrowType::Binary,
        IoType::Date32 => ArrowType::Date32,
        IoType::Timestamp { unit, utc } => ArrowType::Timestamp(to_unit(unit), utc.then(|| "UTC".into())),
        IoType::Duration { unit } => ArrowType::Duration(to_unit(unit)),
        IoType::Decimal128 { precision, scale } => ArrowType::Decimal128(precision, scale),
    }
}

const fn from_unit(unit: ArrowUnit) -> TimeUnit {
    match unit {
        ArrowUnit::Second => TimeUnit::Second,
        ArrowUnit::Millisecond => TimeUnit::Millisecond,
        ArrowUnit::Microsecond => TimeUnit::Microsecond,
        ArrowUnit::Nanosecond => TimeUnit::Nanosecond,
    }
}

const fn to_unit(unit: TimeUnit) -> ArrowUnit {
    match unit {
        TimeUnit::Second => ArrowUnit::Second,
        TimeUnit::Millisecond => ArrowUnit::Millisecond,
        TimeUnit::Microsecond => ArrowUnit::Microsecond,
        TimeUnit::Nanosecond => ArrowUnit::Nanosecond,
    }
}

/// Shows an Arrow type, cut to 60 characters: a nested one can be longer than memory allows.
pub(super) fn type_text(data_type: &ArrowType) -> String {
    struct Cut(String);
    impl Write for Cut {
        fn write_str(&mut self, part: &str) -> std::fmt::Result {
            self.0.extend(part.chars().take(61));
            // An error stops the writer; what is there already is kept.
            if self.0.len() > 240 { Err(std::fmt::Error) } else { Ok(()) }
        }
    }
    let mut cut = Cut(String::new());
    match write!(cut, "{data_type}") {
        Ok(()) | Err(_) => excerpt(&cut.0),
    }
}
