//! Rules that can be told from one value alone.

use arrow::{
    array::{AnyDictionaryArray, Array, ArrayAccessor, ArrayRef, AsArray},
    buffer::BooleanBuffer,
    datatypes::DataType,
};

use super::{
    bits::{bits, member_bits},
    pattern::Pattern,
    range,
};
use crate::quality::{
    batch::Block,
    cell::Cell,
    limits::Limits,
    members::{FEW, Members},
    report::UncheckedReason,
    tally::Tally,
    values::{Values, unsupported},
};

/// A test of each value of a column.
#[derive(Clone, Debug)]
pub(in crate::quality) struct Predicate {
    column: String,
    test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Range(Limits),
    Length { min: u64, max: u64 },
    Pattern(Pattern),
    OneOf(Members),
    NoneOf(Members),
}

/// How many values were looked at, and which of them are bad; `None` if none is.
pub(super) struct Flags {
    pub(super) checked: u64,
    pub(super) bad: Option<BooleanBuffer>,
}

impl Flags {
    /// Takes flags of all values and drops those of values that are missing.
    pub(super) fn among_present(values: &Values, bad: BooleanBuffer) -> Self {
        match values.present() {
            None => Self { checked: values.len() as u64, bad: Some(bad) },
            Some(present) => Self { checked: present.count_set_bits() as u64, bad: Some(&bad & &present) },
        }
    }
}

impl Predicate {
    pub(super) fn new(column: &str, test: Test) -> Self {
        Self { column: column.to_owned(), test }
    }

    pub(super) fn update(&self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        let array = block.array(&self.column)?;
        if let Some(dictionary) = worth_testing_by_value(&array) {
            return self.update_dictionary(dictionary, block, tally);
        }
        let values = Values::read(&self.column, &array)?;
        let flags = self.flags(&values, array.data_type())?;
        tally.checked += flags.checked;
        let Some(bad) = flags.bad else { return Ok(()) };
        tally.violating += bad.count_set_bits() as u64;
        for row in bad.set_indices() {
            if !tally.wants_examples() {
                break;
            }
            tally.example(block.row(row), || values.cell(row).map(Cell::readable).unwrap_or_default());
        }
        Ok(())
    }

    /// Tests each value of the dictionary once, however many rows hold it.
    fn update_dictionary(
        &self,
        dictionary: &dyn AnyDictionaryArray,
        block: &Block<'_>,
        tally: &mut Tally,
    ) -> Result<(), UncheckedReason> {
        let values = Values::read(&self.column, dictionary.values())?;
        let bad = self.flags(&values, dictionary.values().data_type())?.bad;
        let present = values.present();
        let keys = dictionary.keys();
        for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
            if keys.is_null(row) || present.as_ref().is_some_and(|present| !present.value(key)) {
                continue;
            }
            tally.checked += 1;
            if bad.as_ref().is_some_and(|bad| bad.value(key)) {
                tally.violation(block.row(row), || values.cell(key).map(Cell::readable).unwrap_or_default());
            }
        }
        Ok(())
    }

    fn flags(&self, values: &Values, data_type: &DataType) -> Result<Flags, UncheckedReason> {
        let unsupported = || unsupported(&self.column, data_type);
        match &self.test {
            Test::Range(limits) => match values {
                Values::Bool(_) | Values::Text(_) | Values::LargeText(_) | Values::TextView(_) => Err(unsupported()),
                _ => range::flags(values, limits).ok_or_else(|| incomparable(values)),
            },
            Test::Length { min, max } => texts(values, |text| {
                let characters = text.chars().count() as u64;
                characters < *min || characters > *max
            })
            .ok_or_else(unsupported),
            Test::Pattern(pattern) => texts(values, |text| !pattern.matches(text)).ok_or_else(unsupported),
            Test::OneOf(members) => outside(values, members, false),
            Test::NoneOf(members) => outside(values, members, true),
        }
    }
}

/// Says that a rule and a column do not go together.
fn incomparable(values: &Values) -> UncheckedReason {
    UncheckedReason::Incomparable { left: values.kind().to_owned(), right: "the rule's".to_owned() }
}

/// Returns a dictionary that has no more values than the array has rows.
fn worth_testing_by_value(array: &ArrayRef) -> Option<&dyn AnyDictionaryArray> {
    let dictionary = array.as_any_dictionary_opt()?;
    let values = dictionary.values();
    let is_nested = matches!(values.data_type(), DataType::Dictionary(..));
    (!values.is_empty() && values.len() <= array.len() && !is_nested).then_some(dictionary)
}

/// Flags texts; `None` if the column holds something else.
fn texts(values: &Values, is_bad: impl Fn(&str) -> bool) -> Option<Flags> {
    let bad = match values {
        Values::Missing(rows) => BooleanBuffer::new_unset(*rows),
        Values::Text(array) => text_bits(array, is_bad),
        Values::LargeText(array) => text_bits(array, is_bad),
        Values::TextView(array) => text_bits(array, is_bad),
        _ => return None,
    };
    Some(Flags::among_present(values, bad))
}

fn text_bits<'a>(array: impl ArrayAccessor<Item = &'a str>, is_bad: impl Fn(&str) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(array.len(), |row| is_bad(array.value(row)))
}

/// Flags values that belong to a set, or those that do not.
fn outside(values: &Values, members: &Members, forbidden: bool) -> Result<Flags, UncheckedReason> {
    if !members.fit(values) {
        return Err(incomparable(values));
    }
    let found = match values {
        Values::Bool(array) => BooleanBuffer::collect_bool(array.len(), |row| members.has_bool(array.value(row))),
        Values::Integer(array) => ordered(array.values(), &members.signed()),
        Values::Unsigned(array) => ordered(array.values(), &members.unsigned()),
        Values::Float(array) if members.floats().len() <= FEW => member_bits(array.values(), members.floats()),
        // Adding zero turns -0 into 0, as it was done with the members.
        Values::Float(array) => bits(array.values(), |value| {
            members.floats().binary_search_by(|member| member.total_cmp(&(value + 0.0))).is_ok()
        }),
        Values::Instant(array, tick) => ordered(array.values(), &members.instant_ticks(tick.nanos())),
        Values::Span(array, tick) => ordered(array.values(), &members.span_ticks(tick.nanos())),
        Values::Missing(_) | Values::Text(_) | Values::LargeText(_) | Values::TextView(_) => {
            return texts(values, |text| members.has_text(text) == forbidden).ok_or_else(|| incomparable(values));
        }
    };
    Ok(Flags::among_present(values, if forbidden { found } else { !&found }))
}

/// Flags integers that are members of an ascending list.
fn ordered<T: Copy + Ord>(slice: &[T], members: &[T]) -> BooleanBuffer {
    match members.len() {
        0..=FEW => member_bits(slice, members),
        _ => bits(slice, |value| members.binary_search(&value).is_ok()),
    }
}
