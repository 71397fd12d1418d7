//! What makes a run the same again, as a word for a command line.

use std::fmt;
use std::str::FromStr;

/// What is done to a run beside its scenario and its seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// Nothing.
    #[default]
    Plain,
    /// The first call of a place fails: the place and the status as one number.
    Site(u64),
    /// The call of this number fails, from 1.
    Nth(u64),
    /// The call of this number fails, and all that follow.
    From(u64),
    /// A schedule: which option is taken at which choice, where it is not the first.
    Choices(Vec<(u64, u32)>),
    /// Threads run free: the number of the run. What comes of it is not the same each time.
    Free(u64),
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Site(site) => write!(f, "site:{site:016x}"),
            Self::Nth(number) => write!(f, "nth:{number}"),
            Self::From(number) => write!(f, "from:{number}"),
            Self::Choices(choices) => {
                let words: Vec<_> = choices.iter().map(|(at, option)| format!("{at}={option}")).collect();
                write!(f, "choices:{}", words.join(","))
            }
            Self::Free(run) => write!(f, "free:{run}"),
        }
    }
}

impl FromStr for Replay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is nothing that can be replayed: such are plain, site:0123456789abcdef, nth:7, from:7, choices:3=1,8=2 and free:7"
            )
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "plain" if rest.is_empty() => Ok(Self::Plain),
            "site" => u64::from_str_radix(rest, 16).map(Self::Site).map_err(|_| wrong()),
            "nth" => number(rest).map(Self::Nth),
            "from" => number(rest).map(Self::From),
            "free" => number(rest).map(Self::Free),
            "choices" => {
                let one = |word: &str| {
                    let (at, option) = word.split_once('=').ok_or_else(wrong)?;
                    Ok((number(at)?, option.parse().map_err(|_| wrong())?))
                };
                let words = rest.split(',').filter(|word| !word.is_empty());
                words.map(one).collect::<Result<_, _>>().map(Self::Choices)
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a report prints is what `--replay` reads.
    #[test]
    fn what_is_printed_is_read() {
        let all = [
            Replay::Plain,
            Replay::Site(0xab),
            Replay::Nth(7),
            Replay::From(1),
            Replay::Free(12),
            Replay::Choices(vec![(3, 1), (80, 2)]),
            Replay::Choices(Vec::new()),
        ];
        for replay in all {
            assert_eq!(replay.to_string().parse(), Ok(replay));
        }
        for wrong in ["", "site:x", "nth", "choices:1", "plain:1"] {
            assert!(wrong.parse::<Replay>().is_err(), "{wrong}");
        }
    }
}
