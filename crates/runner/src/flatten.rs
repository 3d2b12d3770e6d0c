//! From any serialisable value to flat typed parameters.
//!
//! A serialiser of its own rather than a detour by JSON, which has no NaN and would lose it silently.

use std::{collections::BTreeMap, fmt::Display};

use lineal_core::Real;
use serde::{Serialize, Serializer, ser};

use crate::{
    Error, Param,
    param::Int,
    text::{excerpt, is_clean},
};

pub(crate) fn flatten(value: &(impl Serialize + ?Sized)) -> Result<BTreeMap<String, Param>, Error> {
    let mut out = Out::default();
    value
        .serialize(Flat { out: &mut out, path: String::new() })
        .map_err(|Flaw { name, reason }| Error::Params { name: excerpt(&name), reason: excerpt(&reason) })?;
    Ok(out.params)
}

#[derive(Default)]
struct Out {
    params: BTreeMap<String, Param>,
    depth: usize,
}

#[derive(Debug)]
struct Flaw {
    name: String,
    reason: String,
}

impl Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

impl std::error::Error for Flaw {}

impl ser::Error for Flaw {
    fn custom<T: Display>(reason: T) -> Self {
        Self { name: String::new(), reason: reason.to_string() }
    }
}

/// Writes what it is given under `path`.
struct Flat<'a> {
    out: &'a mut Out,
    path: String,
}

impl Flat<'_> {
    fn put(self, param: Param) -> Result<(), Flaw> {
        let flaw = |name: &str, reason: &str| Err(Flaw { name: name.to_owned(), reason: reason.to_owned() });
        if !is_clean(&self.path, MAX_NAME) {
            return flaw(
                &self.path,
                "a name has 1 to 300 bytes and no control or invisible characters: give a struct or a map",
            );
        }
        if self.out.params.len() >= MAX_PARAMS {
            return flaw(&self.path, "more than 10,000 values: put large data into the store and name it as an input");
        }
        if matches!(&param, Param::Text(text) if text.len() > MAX_TEXT) {
            return flaw(&self.path, "a text has at most 65,536 bytes: store it as an artifact");
        }
        match self.out.params.insert(self.path.clone(), param) {
            None => Ok(()),
            Some(_) => flaw(&self.path, "two values have this flat name: rename one"),
        }
    }

    fn int(self, number: i128) -> Result<(), Flaw> {
        match Int::checked(number) {
            Some(int) => self.put(Param::Int(int)),
            None => Err(Flaw { name: self.path, reason: "a whole number has at most 64 bits".to_owned() }),
        }
    }

    fn under(&mut self, member: &str) -> Flat<'_> {
        let path = if self.path.is_empty() { member.to_owned() } else { format!("{}.{member}", self.path) };
        Flat { out: self.out, path }
    }
}

impl<'a> Serializer for Flat<'a> {
    type Ok = ();
    type Error = Flaw;
    type SerializeSeq = Members<'a>;
    type SerializeTuple = Members<'a>;
    type SerializeTupleStruct = Members<'a>;
    type SerializeTupleVariant = Members<'a>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Members<'a>;

    fn serialize_bool(self, v: bool) -> Result<(), Flaw> {
        self.put(Param::Bool(v))
    }
    fn serialize_i8(self, v: i8) -> Result<(), Flaw> {
        self.int(v.into())
    }
    fn serialize_i16(self, v: i16) -> Result<(), Flaw> {
        self.int(v.into())
    }
    fn serialize_i32(self, v: i32) -> Result<(), Flaw> {
        self.int(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<(), Flaw> {
        self.int(v.into())
    }
    fn serialize_i128(self, v: i128) -> Result<(), Flaw> {
        self.int(v)
    }
    fn serialize_u8(self, v: u8) -> Result<(), Flaw> {
        self.int(v.into())
    }
    fn serialize_u16(self, v: u16) -> Result<(), Flaw> {
        self.int(v.into())
    }
    fn serialize_u32(self, v: u32) -> Result<(), Flaw> {
        self.int(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<(), Flaw> {
        self.int(v.into())
    }
    fn serialize_u128(self, v: u128) -> Result<(), Flaw> {
        self.int(i128::try_from(v).unwrap_or(i128::MAX))
    }
    fn serialize_f32(self, v: f32) -> Result<(), Flaw> {
        self.put(Param::Real(Real::from(v)))
    }
    fn serialize_f64(self, v: f64) -> Result<(), Flaw> {
        self.put(Param::Real(Real::from(v)))
    }
    fn serialize_char(self, v: char) -> Result<(), Flaw> {
        self.put(Param::Text(v.into()))
    }
    fn serialize_str(self, v: &str) -> Result<(), Flaw> {
        self.put(Param::Text(v.to_owned()))
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<(), Flaw> {
        Err(Flaw { name: self.path, reason: "bytes are no parameter: store them as an artifact".to_owned() })
    }
    fn serialize_none(self) -> Result<(), Flaw> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Flaw> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Flaw> {
        // A run without parameters may say so with a unit.
        if self.path.is_empty() { Ok(()) } else { self.put(Param::Null) }
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Flaw> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Flaw> {
        self.put(Param::Text(variant.to_owned()))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Flaw> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Flaw> {
        value.serialize(self.under(variant))
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Members<'a>, Flaw> {
        Members::new(self)
    }
    fn serialize_tuple(self, _: usize) -> Result<Members<'a>, Flaw> {
        Members::new(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, Flaw> {
        Members::new(self)
    }
    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'a>, Flaw> {
        let path = self.under(variant).path;
        Members::new(Flat { out: self.out, path })
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, Flaw> {
        Members::new(self)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, Flaw> {
        Members::new(self)
    }
    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'a>, Flaw> {
        let path = self.under(variant).path;
        Members::new(Flat { out: self.out, path })
    }
}

/// The members of a list, map or struct.
struct Members<'a> {
    flat: Flat<'a>,
    count: usize,
    key: String,
}

impl<'a> Members<'a> {
    fn new(flat: Flat<'a>) -> Result<Self, Flaw> {
        flat.out.depth += 1;
        if flat.out.depth > MAX_DEPTH {
            return Err(Flaw { name: flat.path, reason: "nested more than 64 deep".to_owned() });
        }
        Ok(Self { flat, count: 0, key: String::new() })
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Flaw> {
        self.count += 1;
        let flat = self.flat.under(name);
        let path = flat.path.clone();
        value.serialize(flat).map_err(|mut flaw| {
            if flaw.name.is_empty() {
                flaw.name = path;
            }
            flaw
        })
    }

    fn close(self) -> Result<(), Flaw> {
        self.flat.out.depth -= 1;
        if self.count == 0 && !self.flat.path.is_empty() { self.flat.put(Param::Empty) } else { Ok(()) }
    }
}

macro_rules! numbered {
    ($($kind:ident $method:ident),*) => {$(
        impl ser::$kind for Members<'_> {
            type Ok = ();
            type Error = Flaw;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Flaw> {
                let name = self.count.to_string();
                self.member(&name, value)
            }
            fn end(self) -> Result<(), Flaw> {
                self.close()
            }
        }
    )*};
}

numbered!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! named {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Members<'_> {
            type Ok = ();
            type Error = Flaw;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Flaw> {
                self.member(name, value)
            }
            fn end(self) -> Result<(), Flaw> {
                self.close()
            }
        }
    )*};
}

named!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Flaw;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Flaw> {
        // A key is whatever flattens to one value: text, number, truth value, variant.
        let mut out = Out::default();
        key.serialize(Flat { out: &mut out, path: "key".to_owned() })?;
        let key = (out.params.len() == 1).then(|| out.params.remove("key")).flatten();
        let reason = "a map's key is a text, a number or a truth value".to_owned();
        self.key = key.ok_or_else(|| Flaw { name: self.flat.path.clone(), reason })?.to_string();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Flaw> {
        let key = std::mem::take(&mut self.key);
        self.member(&key, value)
    }

    fn end(self) -> Result<(), Flaw> {
        self.close()
    }
}

const MAX_NAME: usize = 300;
const MAX_PARAMS: usize = 10_000;
const MAX_TEXT: usize = 64 * 1024;
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Serialize)]
    enum Optimizer {
        Sgd { momentum: f32 },
        Adam(f64, f64),
        None,
        Wrapped(u8),
    }

    fn rendered(value: &impl Serialize) -> Vec<String> {
        flatten(value).unwrap().iter().map(|(name, param)| format!("{name}={param:?}")).collect()
    }

    #[test]
    fn every_shape_is_flattened() {
        #[derive(Serialize)]
        struct All {
            adam: Optimizer,
            big: u64,
            low: i64,
            nan: f64,
            none: Option<u8>,
            plain: Optimizer,
            sgd: Optimizer,
            empty: Vec<u8>,
            tuple: (bool, char),
            map: std::collections::BTreeMap<u8, &'static str>,
            wrapped: Optimizer,
        }
        let all = All {
            adam: Optimizer::Adam(0.9, f64::NEG_INFINITY),
            big: u64::MAX,
            low: i64::MIN,
            nan: f64::NAN,
            none: None,
            plain: Optimizer::None,
            sgd: Optimizer::Sgd { momentum: 0.5 },
            empty: vec![],
            tuple: (true, 'x'),
            map: [(3, "c")].into(),
            wrapped: Optimizer::Wrapped(1),
        };
        insta::assert_debug_snapshot!(rendered(&all));
        assert_eq!(rendered(&()), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_a_parameter_is_refused() {
        let refused = |value: &dyn erased::Any| value.flaw();
        let two: HashMap<&str, serde_json::Value> =
            [("a.b", serde_json::json!(1)), ("a", serde_json::json!({"b": 2}))].into();
        assert!(refused(&two).contains("two values have this flat name"));
        assert!(refused(&5).contains("give a struct or a map"));
        assert!(refused(&HashMap::from([("bad\u{202e}", 1)])).contains("invisible"));
        assert!(refused(&HashMap::from([("a", "x".repeat(70_000))])).contains("artifact"));
        assert!(refused(&vec![0_u8; 10_001]).contains("10,000"));
        assert!(refused(&HashMap::from([("a", u128::MAX)])).contains("64 bits"));
        assert!(refused(&HashMap::from([(vec![1, 2], 1)])).contains("key"));
        let mut deep = serde_json::json!(1);
        for _ in 0..100 {
            deep = serde_json::json!([deep]);
        }
        assert!(refused(&deep).contains("64 deep"));
    }

    /// So that one closure takes values of many types.
    mod erased {
        pub(super) trait Any {
            fn flaw(&self) -> String;
        }
        impl<T: serde::Serialize> Any for T {
            fn flaw(&self) -> String {
                super::flatten(self).unwrap_err().to_string()
            }
        }
    }
}
