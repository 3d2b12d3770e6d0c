//! One column, array by array.

use arrow::array::{Array, AsArray};

use super::coin::Coin;
use super::collect_numbers::{Encoding, NumberCollector};
use super::collect_texts::TextCollector;
use super::column::ColumnProfile;
use super::frequent::FrequentItems;
use super::hash;
use super::hyper_log_log::HyperLogLog;
use super::key::Key;
use super::kind::ProfileKind;
use super::read;
use super::settings::ProfileSettings;
use crate::error::Error;

/// Collects what a profile of a column holds. How the rows are cut into arrays makes no difference.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    kind: ProfileKind,
    frequent: u16,
    rows: u64,
    nulls: u64,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Numbers(Box<NumberCollector>),
    Texts(Box<TextCollector>),
    /// False and true.
    Booleans([u64; 2]),
    Nothing,
}

impl Collector {
    /// Starts with the type of the column that is to come.
    pub(super) fn new(
        data_type: &arrow::datatypes::DataType,
        name: &str,
        settings: &ProfileSettings,
        chunk: u64,
    ) -> Self {
        let kind = ProfileKind::of(data_type);
        let coin = Coin(settings.seed).fork(chunk);
        let content = match kind {
            ProfileKind::Text => Content::Texts(Box::new(TextCollector::new(settings, coin))),
            ProfileKind::Boolean => Content::Booleans([0; 2]),
            ProfileKind::Other => Content::Nothing,
            _ => {
                let encoding = read::encoding(data_type);
                Content::Numbers(Box::new(NumberCollector::new(encoding, kind.ticks(), settings, name, coin)))
            }
        };
        Self { kind, frequent: settings.frequent, rows: 0, nulls: 0, content }
    }

    /// Adds the rows of an array.
    pub(super) fn add(&mut self, array: &dyn Array) -> Result<(), Error> {
        self.kind = self.kind.join(ProfileKind::of(array.data_type()))?;
        let rows = array.len() as u64;
        let nulls = match &mut self.content {
            Content::Numbers(collector) => add_numbers(collector, array)?,
            Content::Texts(collector) => read::texts(array, |label| collector.add(label))?,
            Content::Booleans(counts) => add_booleans(counts, array)?,
            Content::Nothing => array.logical_nulls().map_or(0, |nulls| nulls.null_count() as u64),
        };
        self.rows = self.rows.saturating_add(rows);
        self.nulls = self.nulls.saturating_add(nulls);
        Ok(())
    }

    pub(super) fn finish(self) -> ColumnProfile {
        let mut profile = ColumnProfile::empty(self.kind, self.frequent);
        (profile.rows, profile.nulls) = (self.rows, self.nulls);
        let is_text = matches!(self.content, Content::Texts(_));
        let collected = match self.content {
            Content::Numbers(collector) => collector.finish(),
            Content::Texts(collector) => collector.finish(),
            Content::Booleans(counts) => {
                (profile.distinct, profile.frequent) = booleans(self.frequent, counts);
                return profile;
            }
            Content::Nothing => return profile,
        };
        (profile.distinct, profile.frequent) = (collected.distinct, collected.frequent);
        profile.calendar = collected.calendar;
        match is_text {
            true => profile.lengths = Some(collected.numbers),
            false => profile.numbers = Some(collected.numbers),
        }
        profile
    }

    pub(super) fn size_bytes(&self) -> usize {
        let content = match &self.content {
            Content::Numbers(collector) => collector.size_bytes(),
            Content::Texts(collector) => collector.size_bytes(),
            Content::Booleans(_) | Content::Nothing => 0,
        };
        size_of::<Self>() + content
    }
}

fn add_numbers(collector: &mut NumberCollector, array: &dyn Array) -> Result<u64, Error> {
    let encoding = read::encoding(array.data_type());
    if encoding != collector.encoding() {
        let changed = |encoding: Encoding| match encoding {
            Encoding::Float => "float".into(),
            Encoding::Signed => "integer".into(),
            Encoding::Unsigned => "unsigned integer".into(),
        };
        return Err(Error::TypeChanged { from: changed(collector.encoding()), to: changed(encoding) });
    }
    let numbers = read::numbers(array)?;
    match encoding {
        Encoding::Float => collector.add_floats(read::floats(&numbers)),
        Encoding::Signed => collector.add_signed(read::signed(&numbers)),
        Encoding::Unsigned => collector.add_unsigned(read::unsigned(&numbers)),
    }
    Ok(numbers.null_count() as u64)
}

fn add_booleans(counts: &mut [u64; 2], array: &dyn Array) -> Result<u64, Error> {
    // A dictionary of booleans is cast; anything else is one already.
    let array = arrow::compute::cast(array, &arrow::datatypes::DataType::Boolean)
        .map_err(|source| Error::Arrow { to: "booleans", source: Box::new(source) })?;
    let array = array.as_boolean();
    let (present, trues) = ((array.len() - array.null_count()) as u64, array.true_count() as u64);
    let [falses_before, trues_before] = *counts;
    *counts = [falses_before.saturating_add(present - trues), trues_before.saturating_add(trues)];
    Ok(array.null_count() as u64)
}

fn booleans(capacity: u16, counts: [u64; 2]) -> (HyperLogLog, FrequentItems) {
    let mut distinct = HyperLogLog::default();
    let held: Vec<_> = ["false", "true"].into_iter().zip(counts).filter(|(_, count)| *count > 0).collect();
    held.iter().for_each(|(label, _)| distinct.add(hash::of_text(label.as_bytes())));
    let total = held.iter().fold(0_u64, |total, (_, count)| total.saturating_add(*count));
    let counts = held.into_iter().map(|(label, count)| (Key::text(label), count)).collect();
    (distinct, FrequentItems::of(capacity, total, 0, counts))
}
