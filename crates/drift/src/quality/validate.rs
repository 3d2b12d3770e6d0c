//! Constraints that cannot be meant.

use std::collections::HashSet;

use super::{
    constraint::{Constraint, Constraints},
    limits,
    rule::Rule,
    scalar::Scalar,
    tally::shortened,
};
use crate::error::Error;

/// Checks what can be said of constraints without any data.
pub(super) fn validate(constraints: &Constraints) -> Result<(), Error> {
    let mut names = HashSet::new();
    for constraint in &constraints.constraints {
        let complaint = of_constraint(constraint).or_else(|| {
            (!names.insert(constraint.name.as_str())).then(|| "another constraint has the same name".into())
        });
        if let Some(reason) = complaint {
            return Err(Error::Constraint { name: shortened(&constraint.name).into(), reason: reason.into() });
        }
    }
    Ok(())
}

fn of_constraint(constraint: &Constraint) -> Option<String> {
    if constraint.name.is_empty() {
        return Some("it needs a name".into());
    }
    if !(0.0..=1.0).contains(&constraint.tolerance) {
        return Some(format!("the tolerance is {}; it must be from 0 to 1", constraint.tolerance));
    }
    if constraint.tolerance > 0.0 && constraint.rule.is_of_the_whole() {
        return Some("this kind of rule takes no tolerance".into());
    }
    of_rule(&constraint.rule)
}

fn of_rule(rule: &Rule) -> Option<String> {
    match rule {
        Rule::Range { min, max, .. } => of_range(min.as_ref(), max.as_ref()),
        Rule::Length { min, max, .. } | Rule::Rows { min, max } => match (min, max) {
            (None, None) => Some("it needs a limit".into()),
            (Some(min), Some(max)) if min > max => Some(format!("the limits {min} and {max} are the wrong way round")),
            _ => None,
        },
        Rule::OneOf { values, .. } | Rule::NoneOf { values, .. } => {
            let empty = values.is_empty().then(|| "the set is empty".into());
            empty.or_else(|| values.iter().find_map(of_scalar))
        }
        Rule::Unique { columns } if columns.is_empty() => Some("it needs a column".into()),
        Rule::Unique { columns: names } | Rule::Columns { names, .. } => {
            let mut seen = HashSet::new();
            let twice = names.iter().find(|name| !seen.insert(name.as_str()));
            twice.map(|name| format!("it names the column {} twice", shortened(name)))
        }
        Rule::Pattern { pattern, .. } => super::checks::pattern::complaint(pattern),
        _ => None,
    }
}

fn of_range(min: Option<&Scalar>, max: Option<&Scalar>) -> Option<String> {
    if min.is_none() && max.is_none() {
        return Some("it needs a limit".into());
    }
    let given = || min.into_iter().chain(max);
    if let Some(complaint) = given().find_map(of_scalar) {
        return Some(complaint);
    }
    let wrong_way_round = |a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
        Some(format!("the limits {a} and {b} are the wrong way round"))
    };
    if given().all(|scalar| limits::nanos(scalar).is_some()) {
        let (min, max) = (min?, max?);
        return if limits::nanos(min) > limits::nanos(max) { wrong_way_round(min, max) } else { None };
    }
    if given().any(|scalar| !matches!(scalar, Scalar::Integer(_) | Scalar::Float(_))) {
        return Some(
            "the limits must be numbers or times in UTC, like 7, 0.5, \"2013-08-15\" or \"2013-08-15T12:30:00Z\""
                .into(),
        );
    }
    let (min, max) = (min?, max?);
    let numbers = (limits::number(min)?, limits::number(max)?);
    match numbers.0.compare(numbers.1) {
        Some(std::cmp::Ordering::Greater) => wrong_way_round(min, max),
        _ => None,
    }
}

fn of_scalar(scalar: &Scalar) -> Option<String> {
    match scalar {
        Scalar::Float(value) if !value.is_finite() => Some(format!("{value} is not a finite number")),
        Scalar::Integer(value) if !(i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value) => {
            Some(format!("{value} has more than 64 bits"))
        }
        _ => None,
    }
}
