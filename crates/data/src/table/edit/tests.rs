use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int64Array, ListArray, StringArray},
    datatypes::{DataType, Field, Int32Type, Int64Type, Schema},
};
use lineal_core::Digest;
use proptest::prelude::*;

use super::{super::page_table::Page, *};

fn path() -> FilePath {
    FilePath::new("t").unwrap()
}

/// Rows with ids `from..to`; some 120 bytes each, so that groups have some 65,000.
fn rows(from: i64, to: i64) -> RecordBatch {
    let text = |id: i64| Digest::of(&id.to_le_bytes()).to_string();
    let columns: [(&str, ArrayRef, bool); 4] = [
        ("id", Arc::new(Int64Array::from_iter_values(from..to)), false),
        (
            "delay",
            Arc::new((from..to).map(|id| (id % 7 != 0).then_some(id as f64 * 0.5)).collect::<Float64Array>()),
            true,
        ),
        (
            "carrier",
            Arc::new((from..to).map(|id| Some(["UA", "AA", "B6"][(id % 3) as usize])).collect::<StringArray>()),
            false,
        ),
        ("note", Arc::new(StringArray::from_iter_values((from..to).map(text))), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn table_of(written: &Written) -> PageTable {
    let table = super::super::page_table::PageTable::of_bytes(&written.pages).unwrap();
    assert!(File::open(written.bytes.clone()).unwrap().fits(&table));
    table
}

/// Edits a table of many small row groups.
fn edited(before: Option<&Written>, edits: Vec<RowEdit>) -> Result<Written, Error> {
    edited_in(Limits { least: 100, spread: 200, greatest: 600 }, before, edits)
}

pub(in super::super) fn edited_in(
    limits: Limits,
    before: Option<&Written>,
    edits: Vec<RowEdit>,
) -> Result<Written, Error> {
    let before = before.map(|written| (written.bytes.clone(), Some(table_of(written))));
    Editing::begin(path(), limits, before, &edits)?.apply(edits)?.write()
}

fn written(batches: &[RecordBatch]) -> Written {
    edited(None, vec![RowEdit::Append(batches.to_vec())]).unwrap()
}

fn read(written: &Written) -> RecordBatch {
    let batches = File::open(written.bytes.clone()).unwrap().read_all().unwrap();
    concat_batches(batches[0].schema_ref(), &batches).unwrap()
}

fn groups(written: &Written) -> usize {
    table_of(written).groups.len()
}

/// Bytes of pages of `new` that `old` has not, and all bytes outside of pages.
fn growth(old: &Written, new: &Written) -> u64 {
    let pages = |written| -> Vec<Page> {
        table_of(written).groups.into_iter().flat_map(|group| group.leaves.concat()).collect()
    };
    let known: BTreeMap<Digest, u64> = pages(old).into_iter().map(|page| (page.digest, page.length)).collect();
    let fresh =
        pages(new).into_iter().filter(|page| !known.contains_key(&page.digest)).map(|page| page.length).sum::<u64>();
    fresh + table_of(new).footer
}

#[test]
fn the_division_into_batches_and_commits_does_not_change_the_bytes() {
    let whole = written(&[rows(0, 200)]);
    assert!(groups(&whole) > 20, "{}", groups(&whole));
    let parts = [rows(0, 1), rows(1, 90), rows(90, 90), rows(90, 200)];
    assert_eq!(whole.bytes, written(&parts).bytes);
    let first = written(&parts[..2]);
    let second = edited(Some(&first), vec![RowEdit::Append(parts[2..].to_vec())]).unwrap();
    assert_eq!((&whole.bytes, &whole.pages, &whole.cuts), (&second.bytes, &second.pages, &second.cuts), "appended");
    assert_eq!(read(&whole), rows(0, 200));
    let again = edited(Some(&whole), vec![RowEdit::Append(vec![rows(0, 0)])]).unwrap();
    assert_eq!(whole.bytes, again.bytes, "taken over");
    let before = Some((first.bytes, None));
    let edits = vec![RowEdit::Append(parts[2..].to_vec())];
    let limits = Limits { least: 100, spread: 200, greatest: 600 };
    let old = Editing::begin(path(), limits, before, &edits).unwrap().apply(edits).unwrap().write().unwrap();
    assert_eq!((&whole.bytes, &whole.pages), (&old.bytes, &old.pages), "of a table without a page table");
}

#[test]
fn the_bytes_are_pinned() {
    let written = edited_in(Limits::STORED, None, vec![RowEdit::Append(vec![rows(0, 1000)])]).unwrap();
    insta::assert_snapshot!(format!("{} {}", Digest::of(&written.bytes), Digest::of(&written.pages)));
}

#[test]
fn a_change_leaves_the_pages_before_and_behind_it() {
    let limits = Limits { least: 1_000_000, spread: 1_000_000, greatest: 4_000_000 };
    let edited = |before, edit| edited_in(limits, before, vec![edit]).unwrap();
    let base = edited(None, RowEdit::Append(vec![rows(0, 30_000)]));
    let size = base.bytes.len() as u64;
    assert!(groups(&base) > 1 && base.cuts.iter().all(|cut| *cut < size) && base.cuts.is_sorted());
    let append = edited(Some(&base), RowEdit::Append(vec![rows(30_000, 30_300)]));
    assert!(growth(&base, &append) < size / 10, "{} of {size}", growth(&base, &append));
    let gone =
        RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(15_000..15_100)) as _)]).unwrap();
    let delete = edited(Some(&base), RowEdit::Delete(gone));
    assert!(growth(&base, &delete) < size / 8, "{} of {size}", growth(&base, &delete));
    assert_eq!(
        read(&delete),
        concat_batches(rows(0, 1).schema_ref(), &[rows(0, 15_000), rows(15_100, 30_000)]).unwrap()
    );
}

#[test]
fn another_name_or_a_new_column_leaves_the_pages_of_the_others() {
    let base = written(&[rows(0, 300)]);
    let evolution = Evolution::default().with_name("delay", "late").with_column("gate", DataType::Utf8);
    let new = edited(Some(&base), vec![RowEdit::Evolve(evolution.clone())]).unwrap();
    let (before, after) = (table_of(&base), table_of(&new));
    assert_eq!(before.groups.len(), after.groups.len());
    for (before, after) in before.groups.iter().zip(&after.groups) {
        assert_eq!(before.leaves, after.leaves[..4]);
    }
    // As when it was written so at once, and after edits before and behind.
    assert_eq!(read(&new).column(1), rows(0, 300).column(1));
    let whole = written(&[read(&new)]);
    let steps = [
        RowEdit::Delete(rows(100, 200).project(&[0]).unwrap()),
        RowEdit::Evolve(evolution),
        RowEdit::Delete(rows(0, 10).project(&[0]).unwrap()),
        RowEdit::Update(vec!["id".to_owned()], vec![read(&whole).slice(0, 200)]),
        RowEdit::Evolve(Evolution::default().with_name("gate", "door").with_name("door", "gate")),
    ];
    let stepped = read(&edited(Some(&base), steps.to_vec()).unwrap());
    let ids: Vec<i64> = stepped.column(0).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(ids, (10..100).chain(200..300).chain(0..10).chain(100..200).collect::<Vec<_>>());
    assert_eq!(stepped.schema(), read(&new).schema());
    assert_eq!(whole.bytes, new.bytes);
}

#[test]
fn keys_are_typed_and_may_not_repeat() {
    let base = written(&[rows(0, 10), rows(5, 6)]);
    let update = |key: &[&str], batch| {
        edited(Some(&base), vec![RowEdit::Update(key.iter().map(|name| (*name).to_owned()).collect(), vec![batch])])
    };
    assert!(matches!(update(&["id"], rows(5, 6)), Err(Error::DuplicateKey { place: "table", .. })));
    let twice = concat_batches(rows(0, 1).schema_ref(), &[rows(7, 8), rows(7, 8)]).unwrap();
    let refused = update(&["id"], twice).unwrap_err();
    assert_eq!(refused.to_string(), r#"table t: key "7" occurs twice in the update"#);
    assert!(matches!(update(&[], rows(1, 2)), Err(Error::Invalid { .. })));
    assert!(matches!(update(&["id", "id"], rows(1, 2)), Err(Error::Invalid { .. })));
    assert!(matches!(update(&["none"], rows(1, 2)), Err(Error::NoSuchColumn { .. })));
    let wrong = RecordBatch::try_from_iter([("id", Arc::new(StringArray::from(vec!["5"])) as _)]).unwrap();
    assert!(matches!(edited(Some(&base), vec![RowEdit::Delete(wrong)]), Err(Error::Schema { .. })));
    let all = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![5, 5, 99])) as _)]).unwrap();
    assert_eq!(edited(Some(&base), vec![RowEdit::Delete(all)]).unwrap().rows, 9);
}

#[test]
fn nested_and_dictionary_columns_come_back() {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let carriers: DictionaryArray<Int32Type> = vec![Some("UA"), None, Some("UA")].into_iter().collect();
    let schema = Arc::new(Schema::new(vec![
        Field::new("l", lists.data_type().clone(), true),
        Field::new("c", carriers.data_type().clone(), true),
        Field::new("n", DataType::Null, true),
    ]));
    let columns: Vec<ArrayRef> =
        vec![Arc::new(lists), Arc::new(carriers), arrow::array::new_null_array(&DataType::Null, 3)];
    let batch = RecordBatch::try_new(schema, columns).unwrap();
    let base = written(std::slice::from_ref(&batch));
    assert_eq!(read(&base), batch);
    let key = RecordBatch::try_from_iter([("c", batch.column(1).slice(1, 1))]).unwrap();
    let left = edited(Some(&base), vec![RowEdit::Delete(key)]).unwrap();
    assert_eq!((left.rows, read(&left).column(0).null_count()), (2, 0), "null is a key");
}

type Model = Vec<(Option<i64>, String)>;

fn batch(model: &[(Option<i64>, String)]) -> RecordBatch {
    let columns: [(&str, ArrayRef, bool); 2] = [
        ("k", Arc::new(model.iter().map(|(key, _)| *key).collect::<Int64Array>()), true),
        ("v", Arc::new(model.iter().map(|(_, value)| Some(value.as_str())).collect::<StringArray>()), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn keyed() -> impl Strategy<Value = BTreeMap<Option<i64>, String>> {
    proptest::collection::btree_map(proptest::option::weighted(0.9, 0_i64..30), "[a-c]{0,2}", 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn edits_do_what_the_model_does(base in keyed(), steps in proptest::collection::vec((keyed(), 0..3), 1..5), at_once: bool) {
        let mut model: Model = base.into_iter().collect();
        let mut current = written(&[batch(&model)]);
        let mut edits = Vec::new();
        for (rows, step) in steps {
            if step == 0 {
                let known: Vec<_> = model.iter().map(|(key, _)| *key).collect();
                let new: Model = rows.into_iter().filter(|(key, _)| !known.contains(key)).collect();
                edits.push(RowEdit::Append(vec![batch(&new)]));
                model.extend(new);
            } else if step == 1 {
                edits.push(RowEdit::Delete(batch(&rows.keys().map(|key| (*key, String::new())).collect::<Vec<_>>()).project(&[0]).unwrap()));
                model.retain(|(key, _)| !rows.contains_key(key));
            } else {
                let given: Model = rows.clone().into_iter().collect();
                edits.push(RowEdit::Update(vec!["k".to_owned()], vec![batch(&given)]));
                let known: Vec<_> = model.iter().map(|(key, _)| *key).collect();
                model.iter_mut().for_each(|(key, value)| if let Some(new) = rows.get(key) { value.clone_from(new) });
                model.extend(given.into_iter().filter(|(key, _)| !known.contains(key)));
            }
            if !at_once {
                current = edited(Some(&current), std::mem::take(&mut edits)).unwrap();
            }
        }
        let current = edited(Some(&current), edits).unwrap();
        prop_assert_eq!(current.bytes, written(&[batch(&model)]).bytes);
    }
}
