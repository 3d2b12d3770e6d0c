use crate::{Error, error::excerpt};

/// A name and how many first parents to go back from it: `main`, `v1~1`, `<digest>~3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revision<'a> {
    pub(crate) name: &'a str,
    pub(crate) back: u32,
}

impl<'a> Revision<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Error> {
        let Some((name, back)) = text.split_once('~') else {
            return Ok(Self { name: text, back: 0 });
        };
        let digits = !back.is_empty() && back.bytes().all(|byte| byte.is_ascii_digit());
        match back.parse() {
            Ok(back) if digits => Ok(Self { name, back }),
            _ => Err(Error::Invalid { what: "revision", value: excerpt(text), rule: "must be a name, or name~number" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_name_and_a_distance() {
        assert_eq!(Revision::parse("main").unwrap(), Revision { name: "main", back: 0 });
        assert_eq!(Revision::parse("main~12").unwrap(), Revision { name: "main", back: 12 });
        for bad in ["main~", "main~~1", "main~-1", "main~+1", "main~99999999999", "~x"] {
            assert!(Revision::parse(bad).is_err(), "{bad}");
        }
    }
}
