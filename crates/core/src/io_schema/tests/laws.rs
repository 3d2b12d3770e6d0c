//! No batch makes a check panic, and checks agree with compatibility.

use std::{cell::Cell, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, Schema},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{columns::Draw, sample};
use crate::{Compatibility, ExtraColumns, IoField, IoSchema, IoSide};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let rows = columns.iter().map(|(_, column)| column.len()).min().unwrap_or(0);
    let fields: Vec<_> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, column)| column.slice(0, rows)).collect();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).unwrap()
}

fn drawn(fields: &[IoField], draw: &mut Draw) -> RecordBatch {
    let columns = fields.iter().filter_map(|field| {
        let left_out = field.is_optional() && draw.below(4) == 0;
        (!left_out).then(|| (field.name(), draw.column(field, 3)))
    });
    batch(columns.collect())
}

#[test]
fn what_the_old_schema_takes_the_compatible_new_one_takes() {
    let (agreed, differed) = (Cell::new(0), Cell::new(0));
    let strategy = (sample::family(), prop::collection::vec(any::<u8>(), 40));
    let law = |([old, new, _], bytes): ([IoSchema; 3], Vec<u8>)| {
        let backward = new.check_compatible(&old, Compatibility::Backward).is_ok();
        let draw = &mut Draw(bytes, 0);
        let (inputs, outputs) = (drawn(old.inputs(), draw), drawn(new.outputs(), draw));
        let (old_in, new_in) = (old.check(&inputs), new.check(&inputs));
        let (old_out, new_out) = (old.check_outputs(&outputs), new.check_outputs(&outputs));
        if backward {
            agreed.set(agreed.get() + u32::from(old != new && old_in.is_ok() && new_out.is_ok()));
            prop_assert!(old_in.is_err() || new_in.is_ok(), "{new_in:?}");
            prop_assert!(new_out.is_err() || old_out.is_ok(), "{old_out:?}");
        } else if (old_in.is_ok() && new_in.is_err()) || (new_out.is_ok() && old_out.is_err()) {
            differed.set(differed.get() + 1);
        }
        Ok(())
    };
    TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(4_000) }).run(&strategy, law).unwrap();
    assert!(agreed.get() > 50, "only {} batches were valid for two compatible schemas", agreed.get());
    assert!(differed.get() > 50, "only {} batches showed why two schemas are incompatible", differed.get());
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(1_500) })]

    #[test]
    fn no_batch_makes_a_check_panic(schema in sample::schema(), bytes in prop::collection::vec(any::<u8>(), 1..60)) {
        let draw = &mut Draw(bytes, 0);
        let rows = usize::from(draw.below(25));
        let mut columns: Vec<_> = schema.inputs().iter().map(|field| (field.name(), draw.wild(field, rows))).collect();
        if draw.below(8) == 0 {
            columns.extend(columns.first().cloned());
        }
        let batch = batch(columns);
        for side in [IoSide::Input, IoSide::Output] {
            if let Err(violations) = schema.check_side(side, &batch, ExtraColumns::Refuse) {
                prop_assert!(violations.iter().count() > 0);
                prop_assert!(violations.to_string().len() < 20_000);
            }
        }
        // Whatever Arrow type has a counterpart, a batch of it has the type that was read off.
        if let Ok(read) = IoSchema::from_arrow(&batch.schema(), &batch.schema()) {
            prop_assert_eq!(read.check(&batch.slice(0, 0)), Ok(()));
        }
    }

    #[test]
    fn arrow_round_trips_what_it_can_say(schema in sample::schema()) {
        let (inputs, outputs) = schema.to_arrow();
        let read = IoSchema::from_arrow(&inputs, &outputs).unwrap();
        prop_assert_eq!(read.to_arrow(), (inputs, outputs));
        for (read, field) in read.inputs().iter().zip(schema.inputs()) {
            let parts = |field: &IoField| (field.data_type(), field.shape().to_vec(), field.is_nullable());
            prop_assert_eq!(parts(read), parts(field));
        }
    }
}
