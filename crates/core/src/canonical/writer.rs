//! The serde serialiser that writes canonical JSON.

use std::{borrow::Cow, fmt::Display, ops::Range};

use serde::ser::{self, Serialize, Serializer};

use super::{CanonicalError, INTEGER_LIMIT, MAX_DEPTH};
use crate::parse_error::excerpt;

type Done = Result<(), CanonicalError>;

/// Writes one value to the end of `out`.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, depth: 0 }
    }

    fn raw(self, text: &str) -> Done {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn array(self, variant: Option<&'static str>) -> Result<Array<'a>, CanonicalError> {
        let mut depth = deeper(self.depth)?;
        if let Some(variant) = variant {
            depth = deeper(depth)?;
            open_variant(self.out, variant);
        }
        self.out.push(b'[');
        Ok(Array { out: self.out, depth, written: 0, variant })
    }

    fn object(self, variant: Option<&'static str>) -> Result<Object<'a>, CanonicalError> {
        let mut depth = deeper(self.depth)?;
        if let Some(variant) = variant {
            depth = deeper(depth)?;
            open_variant(self.out, variant);
        }
        Ok(Object {
            out: self.out,
            depth,
            values: Vec::new(),
            entries: Vec::new(),
            key: None,
            variant,
            is_number: false,
        })
    }

    fn integer<N: TryInto<i64>>(self, number: N) -> Done {
        match number.try_into() {
            Ok(number) if number.unsigned_abs() < INTEGER_LIMIT => self.raw(&number.to_string()),
            _ => Err(CanonicalError::Integer { path: String::new() }),
        }
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Array<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    fn serialize_bool(self, v: bool) -> Done {
        self.raw(if v { "true" } else { "false" })
    }
    fn serialize_i8(self, v: i8) -> Done {
        self.integer(v)
    }
    fn serialize_i16(self, v: i16) -> Done {
        self.integer(v)
    }
    fn serialize_i32(self, v: i32) -> Done {
        self.integer(v)
    }
    fn serialize_i64(self, v: i64) -> Done {
        self.integer(v)
    }
    fn serialize_i128(self, v: i128) -> Done {
        self.integer(v)
    }
    fn serialize_u8(self, v: u8) -> Done {
        self.integer(v)
    }
    fn serialize_u16(self, v: u16) -> Done {
        self.integer(v)
    }
    fn serialize_u32(self, v: u32) -> Done {
        self.integer(v)
    }
    fn serialize_u64(self, v: u64) -> Done {
        self.integer(v)
    }
    fn serialize_u128(self, v: u128) -> Done {
        self.integer(v)
    }
    fn serialize_f32(self, _: f32) -> Done {
        Err(CanonicalError::Float { path: String::new() })
    }
    fn serialize_f64(self, _: f64) -> Done {
        Err(CanonicalError::Float { path: String::new() })
    }
    fn serialize_char(self, v: char) -> Done {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, v: &str) -> Done {
        write_string(self.out, v);
        Ok(())
    }
    fn serialize_bytes(self, v: &[u8]) -> Done {
        self.collect_seq(v)
    }
    fn serialize_none(self) -> Done {
        self.raw("null")
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Done {
        self.raw("null")
    }
    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.raw("null")
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        let depth = deeper(self.depth)?;
        open_variant(self.out, variant);
        let inner = Writer { out: self.out, depth };
        value.serialize(inner).map_err(|error| error.under(variant))?;
        self.out.push(b'}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'a>, CanonicalError> {
        self.array(None)
    }
    fn serialize_tuple(self, _: usize) -> Result<Array<'a>, CanonicalError> {
        self.array(None)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array<'a>, CanonicalError> {
        self.array(None)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array<'a>, CanonicalError> {
        self.array(Some(variant))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, CanonicalError> {
        self.object(None)
    }
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object<'a>, CanonicalError> {
        let object = self.object(None)?;
        Ok(Object { is_number: name == JSON_NUMBER, ..object })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>, CanonicalError> {
        self.object(Some(variant))
    }
}

/// An array being written.
pub(super) struct Array<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    written: usize,
    variant: Option<&'static str>,
}

impl Array<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        if self.written > 0 {
            self.out.push(b',');
        }
        let inner = Writer { out: self.out, depth: self.depth };
        let place = |error: CanonicalError| error.under(self.written).under_variant(self.variant);
        value.serialize(inner).map_err(place)?;
        self.written += 1;
        Ok(())
    }

    fn close(self) -> Done {
        self.out.extend_from_slice(if self.variant.is_some() { b"]}" } else { b"]" });
        Ok(())
    }
}

impl ser::SerializeSeq for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.element(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeTuple for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.element(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.element(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.element(value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

/// An object being written: its entries are held back until all keys are known.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    values: Vec<u8>,
    entries: Vec<(Cow<'static, str>, Range<usize>)>,
    key: Option<String>,
    variant: Option<&'static str>,
    is_number: bool,
}

impl Object<'_> {
    fn entry<T: Serialize + ?Sized>(&mut self, key: Cow<'static, str>, value: &T) -> Done {
        let start = self.values.len();
        let inner = Writer { out: &mut self.values, depth: self.depth };
        let place = |error: CanonicalError| error.under(&key).under_variant(self.variant);
        value.serialize(inner).map_err(place)?;
        self.entries.push((key, start..self.values.len()));
        Ok(())
    }

    fn close(mut self) -> Done {
        if self.is_number {
            return self.close_number();
        }
        self.entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        if let Some(key) = first_repeated(&self.entries) {
            let error = CanonicalError::DuplicateKey { path: String::new() };
            return Err(error.under(key).under_variant(self.variant));
        }
        self.out.push(b'{');
        for (number, (key, value)) in self.entries.iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            write_string(self.out, key);
            self.out.push(b':');
            self.out.extend_from_slice(self.values.get(value.clone()).unwrap_or_default());
        }
        self.out.extend_from_slice(if self.variant.is_some() { b"}}" } else { b"}" });
        Ok(())
    }

    /// Writes what `serde_json` passes as a number's text when some crate has switched on its `arbitrary_precision`.
    fn close_number(self) -> Done {
        let text = std::str::from_utf8(&self.values).unwrap_or_default().trim_matches('"');
        let is_integer = text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<i64>() {
            Ok(number) => Writer::new(self.out).integer(number),
            Err(_) if is_integer => Err(CanonicalError::Integer { path: String::new() }),
            Err(_) => Err(CanonicalError::Float { path: String::new() }),
        }
    }
}

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.key = Some(key_text(key)?);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        match self.key.take() {
            Some(key) => self.entry(Cow::Owned(key), value),
            None => Err(ser::Error::custom("a value came without its key")),
        }
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
        self.entry(Cow::Borrowed(key), value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl ser::SerializeStructVariant for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
        self.entry(Cow::Borrowed(key), value)
    }
    fn end(self) -> Done {
        self.close()
    }
}

impl CanonicalError {
    /// Adds the step that led to the place of the error, as it travels outwards.
    fn under(mut self, step: impl Display) -> Self {
        if let Self::Float { path }
        | Self::Integer { path }
        | Self::DuplicateKey { path }
        | Self::Key { path }
        | Self::Custom { path, .. } = &mut self
        {
            let step = excerpt(&step.to_string()).replace('~', "~0").replace('/', "~1");
            path.insert_str(0, &step);
            path.insert(0, '/');
        }
        self
    }

    fn under_variant(self, variant: Option<&str>) -> Self {
        match variant {
            Some(variant) => self.under(variant),
            None => self,
        }
    }
}

impl ser::Error for CanonicalError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom { path: String::new(), message: message.to_string() }
    }
}

/// Writes a key by itself and takes its text: integers become keys as they do in `serde_json`.
fn key_text<T: Serialize + ?Sized>(key: &T) -> Result<String, CanonicalError> {
    let not_a_key = || CanonicalError::Key { path: String::new() };
    let mut bytes = Vec::new();
    let writer = Writer { out: &mut bytes, depth: MAX_DEPTH };
    key.serialize(writer).map_err(|error| match error {
        CanonicalError::Depth | CanonicalError::Float { .. } => not_a_key(),
        other => other,
    })?;
    match bytes.first() {
        Some(b'"') => serde_json::from_slice(&bytes).map_err(|_| not_a_key()),
        Some(b'-' | b'0'..=b'9') => String::from_utf8(bytes).map_err(|_| not_a_key()),
        _ => Err(not_a_key()),
    }
}

fn first_repeated<'e>(entries: &'e [(Cow<'static, str>, Range<usize>)]) -> Option<&'e str> {
    let next = entries.iter().skip(1);
    let mut pairs = entries.iter().zip(next);
    pairs.find(|(a, b)| a.0 == b.0).map(|(a, _)| a.0.as_ref())
}

const fn deeper(depth: usize) -> Result<usize, CanonicalError> {
    if depth >= MAX_DEPTH {
        return Err(CanonicalError::Depth);
    }
    Ok(depth + 1)
}

fn open_variant(out: &mut Vec<u8>, variant: &str) {
    out.push(b'{');
    write_string(out, variant);
    out.push(b':');
}

/// Writes a string with the escapes of RFC 8785, section 3.2.2.2.
fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The name under which `serde_json` hides a number of arbitrary precision from serialisers.
const JSON_NUMBER: &str = "$serde_json::private::Number";
