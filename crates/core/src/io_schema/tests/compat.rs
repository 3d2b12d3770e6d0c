//! Each way to break, and the laws of comparison.

use std::cell::Cell;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::sample;
use crate::{Categories, Compatibility, Dim, IoField, IoSchema, IoSide, IoType, Mismatch};

use Compatibility::{Backward, Forward, Full};

fn schema(inputs: impl IntoIterator<Item = IoField>, output: IoField) -> IoSchema {
    IoSchema::new(inputs.into_iter().collect(), vec![output]).unwrap()
}

fn with_input(input: IoField) -> IoSchema {
    schema([input], IoField::new("y", IoType::Bool))
}

/// What a change of one input breaks, each way.
fn change(old: IoField, new: IoField) -> (Vec<Mismatch>, Vec<Mismatch>) {
    let (old, new) = (with_input(old), with_input(new));
    let list = |level| match new.check_compatible(&old, level) {
        Ok(()) => vec![],
        Err(found) => found.iter().map(|one| one.mismatch.clone()).collect(),
    };
    assert_eq!(list(Full).len(), list(Backward).len() + list(Forward).len());
    (list(Backward), list(Forward))
}

fn x(data_type: IoType) -> IoField {
    IoField::new("x", data_type)
}

#[test]
fn inputs_may_widen_and_outputs_may_narrow() {
    let range = |end| IoField::new("v", IoType::Float64).with_range(0.0, end);
    let y = || IoField::new("y", IoType::Bool);
    let (narrow, wide) = (schema([range(1.0)], y()), schema([range(2.0)], y()));
    assert_eq!(wide.check_compatible(&narrow, Backward), Ok(()));
    let error = narrow.check_compatible(&wide, Full).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model signatures are incompatible: backward input `v`: range 0..=2 is given but 0..=1 accepted"
    );
    let (narrow, wide) = (schema([], range(1.0)), schema([], range(2.0)));
    assert_eq!(narrow.check_compatible(&wide, Backward), Ok(()));
    let error = wide.check_compatible(&narrow, Backward).unwrap_err();
    let one = error.iter().next().unwrap();
    assert_eq!((one.breaks, one.side, one.field.as_str()), (Backward, IoSide::Output, "v"));
}

#[test]
fn fields_come_and_go() {
    let y = || IoField::new("y", IoType::Bool);
    let (small, big) = (schema([], y()), schema([x(IoType::Int8)], y()));
    let mismatch =
        |new: &IoSchema, old, level| new.check_compatible(old, level).unwrap_err().iter().next().unwrap().clone();
    assert_eq!(mismatch(&big, &small, Backward).mismatch, Mismatch::Missing);
    assert_eq!(big.check_compatible(&small, Forward), Ok(()), "the old model ignores what it does not know");
    assert_eq!(small.check_compatible(&big, Backward), Ok(()), "an input may be dropped");
    let optional = schema([x(IoType::Int8).optional()], y());
    assert_eq!(optional.check_compatible(&small, Full), Ok(()), "an optional input may be added");

    let more = IoSchema::new(vec![], vec![y(), x(IoType::Int8)]).unwrap();
    assert_eq!(more.check_compatible(&small, Backward), Ok(()), "an output may be added");
    let dropped = mismatch(&small, &more, Backward);
    assert_eq!((dropped.side, dropped.mismatch), (IoSide::Output, Mismatch::Missing));
}

#[test]
fn each_mismatch_is_told() {
    let float = || x(IoType::Float32);
    assert_eq!(change(float().nullable(), float()), (vec![Mismatch::Null], vec![]));
    assert_eq!(change(float().optional(), float()), (vec![Mismatch::Optional, Mismatch::Null], vec![]));
    assert_eq!(change(float().optional(), float().nullable()), (vec![Mismatch::Optional], vec![]));
    let types = |given, accepted| vec![Mismatch::Type { given, accepted }];
    assert_eq!(
        change(float(), x(IoType::Float64)),
        (types(IoType::Float32, IoType::Float64), types(IoType::Float64, IoType::Float32))
    );
    let list = |dims: &[Dim]| float().with_shape(dims.to_vec());
    assert_eq!(
        change(list(&[Dim::Any]), list(&[Dim::Fixed(3)])),
        (vec![Mismatch::Shape { given: vec![Dim::Any], accepted: vec![Dim::Fixed(3)] }], vec![])
    );
    let (back, forth) = change(list(&[Dim::Any, Dim::Any]), list(&[Dim::Any]));
    assert!(back.len() == 1 && forth.len() == 1, "a change of rank breaks both ways");
    // NaN is in no range.
    let all = float().with_range(f64::NEG_INFINITY, f64::INFINITY);
    assert!(matches!(change(float(), all).0[..], [Mismatch::Range { given: None, .. }]));
}

#[test]
fn all_is_told_at_once() {
    let old = with_input(x(IoType::Int8).nullable().with_shape([Dim::Any]).with_range(0.0, 9.0));
    let new = with_input(x(IoType::Int8).with_shape([Dim::Fixed(2)]).with_range(1.0, 9.0));
    let error = new.check_compatible(&old, Backward).unwrap_err();
    assert_eq!(error.iter().count(), 3, "{error}");
}

#[test]
fn integers_compare_exactly() {
    let range = |min, max| x(IoType::UInt8).with_range(min, max);
    let set = |values: &[i64]| x(IoType::UInt8).with_categories(Categories::ints(values.to_vec()));
    let same = (vec![], vec![]);
    assert_eq!(change(x(IoType::UInt8), range(-7.0, 255.5)), same);
    assert_eq!(change(range(0.5, 3.5), range(1.0, 3.0)), same);
    assert_eq!(change(range(0.5, 3.5), set(&[1, 2, 3])), same);
    let unknown = |values: &[i64]| {
        let unknown = values.iter().map(ToString::to_string).collect();
        vec![Mismatch::Categories { unknown, count: values.len() }]
    };
    assert_eq!(change(set(&[1, 2, 7, 9]), range(1.0, 7.0)).0, unknown(&[9]));
    assert_eq!(change(set(&[1, 2, 7]), set(&[1, 2])), (unknown(&[7]), vec![]));
    assert_eq!(change(range(1.0, 3.0), set(&[1, 3, 4])).0, vec![Mismatch::OpenCategories { accepted: 3 }]);
    assert_eq!(change(x(IoType::UInt8), set(&[1])).0, vec![Mismatch::OpenCategories { accepted: 1 }]);
    let tenths = |max| x(IoType::Decimal128 { precision: 3, scale: 1 }).with_range(0.0, max);
    assert_eq!(change(tenths(0.3), tenths(0.39)), same);
}

#[test]
fn examples_are_capped() {
    let set = |n| x(IoType::Int32).with_categories(Categories::ints(0..n));
    let (back, _) = change(set(5_000), set(1_000));
    assert!(matches!(&back[..], [Mismatch::Categories { unknown, count: 4_000 }] if unknown.len() == 10), "{back:?}");
    let strings = x(IoType::Utf8).with_categories(Categories::strings(["a", "b\n"]));
    let (back, _) = change(strings, x(IoType::Utf8).with_categories(Categories::strings(["a"])));
    assert_eq!(back, [Mismatch::Categories { unknown: vec!["b\\n".to_owned()], count: 1 }]);
}

#[test]
fn levels_have_stable_names() {
    assert_eq!(serde_json::to_string(&[Backward, Forward, Full]).unwrap(), r#"["backward","forward","full"]"#);
}

proptest! {
    #[test]
    fn every_schema_agrees_with_itself(schema in sample::schema()) {
        prop_assert_eq!(schema.check_compatible(&schema, Full), Ok(()));
    }

    #[test]
    fn full_is_both_and_forward_is_backward_turned_round([one, two, _] in sample::family()) {
        let ok = |new: &IoSchema, old, level| new.check_compatible(old, level).is_ok();
        prop_assert_eq!(ok(&one, &two, Full), ok(&one, &two, Backward) && ok(&one, &two, Forward));
        prop_assert_eq!(ok(&one, &two, Forward), ok(&two, &one, Backward));
    }

    #[test]
    fn a_wider_input_range_is_backward(
        data_type in prop::sample::select(&sample::TYPES[..]),
        mut ends in prop::array::uniform4(-99.0..99.0_f64),
    ) {
        ends.sort_by(f64::total_cmp);
        let narrow = x(data_type).with_range(ends[1], ends[2]);
        let wide = x(data_type).with_range(ends[0], ends[3]);
        prop_assume!(data_type.is_numeric() && narrow.validate().is_ok());
        prop_assert_eq!(change(narrow, wide).0, vec![]);
    }
}

#[test]
fn backward_is_transitive_while_names_stay() {
    let chains = Cell::new(0);
    let ok = |new: &IoSchema, old: &IoSchema| new.check_compatible(old, Backward).is_ok();
    let law = |fields: [IoField; 3]| {
        let [a, b, c] = fields.map(with_input);
        if ok(&b, &a) && ok(&c, &b) {
            chains.set(chains.get() + u32::from(a != b && b != c));
            prop_assert!(ok(&c, &a));
        }
        Ok(())
    };
    TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(20_000) })
        .run(&sample::siblings(), law)
        .unwrap();
    assert!(chains.get() > 50, "only {} chains were compatible", chains.get());
}

#[test]
fn a_dropped_name_that_comes_back_breaks_the_chain() {
    let [first, second, third] = [vec![x(IoType::Int8)], vec![], vec![x(IoType::Utf8).optional()]]
        .map(|inputs| schema(inputs, IoField::new("y", IoType::Bool)));
    assert_eq!(second.check_compatible(&first, Backward), Ok(()));
    assert_eq!(third.check_compatible(&second, Backward), Ok(()));
    assert!(third.check_compatible(&first, Backward).is_err());
}
