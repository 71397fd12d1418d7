//! The linker's map file: which symbol lies where.

use anyhow::{Context, Result};

/// A map as lld-link and link.exe write it.
pub struct Map {
    /// The link's time stamp; the image's header has the same.
    pub time_stamp: u32,
    /// In the order of their addresses.
    symbols: Vec<Symbol>,
}

/// A name and its place.
pub struct Symbol {
    /// As the linker knows it.
    pub name: String,
    /// Relative to the image's base.
    pub rva: u32,
}

impl Symbol {
    /// As a person wrote it.
    pub fn readable(&self) -> String {
        format!("{:#}", rustc_demangle::demangle(&self.name))
    }
}

impl Map {
    /// Reads publics and static symbols.
    pub fn parse(text: &str) -> Result<Self> {
        let after = |label: &str| {
            let line = text.lines().find_map(|line| line.trim_start().strip_prefix(label))?;
            u64::from_str_radix(line.split_whitespace().next()?, 16).ok()
        };
        let base = after("Preferred load address is").context("not a linker's map: no load address")?;
        let time_stamp = after("Timestamp is").context("not a linker's map: no time stamp")?;
        // ` 0001:00000010       name                 0000000180001010     library:object`
        let symbol = |line: &str| {
            let mut words = line.split_whitespace();
            let (section, _) = words.next()?.split_once(':')?;
            let name = words.next()?.to_owned();
            let address = words.next().filter(|word| word.len() == 16)?;
            let rva = u64::from_str_radix(address, 16).ok()?.checked_sub(base)?;
            // Section 0 holds absolute values.
            (u32::from_str_radix(section, 16).ok()? != 0)
                .then_some(Symbol { name, rva: rva.try_into().ok()? })
        };
        let mut symbols: Vec<Symbol> = text.lines().filter_map(symbol).collect();
        symbols.sort_by_key(|symbol| symbol.rva);
        Ok(Self { time_stamp: time_stamp.try_into().context("the time stamp has 32 bits")?, symbols })
    }

    /// Every symbol, in the order of the addresses.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// The symbol that an address belongs to.
    pub fn symbol_before(&self, rva: u32) -> Option<&Symbol> {
        let after = self.symbols.partition_point(|symbol| symbol.rva <= rva);
        // The first of several names of one place (identical functions are folded).
        let at = self.symbols[..after].last()?.rva;
        self.symbols[..after].iter().rev().take_while(|symbol| symbol.rva == at).last()
    }

    /// The places of a name.
    pub fn find(&self, name: &str) -> Option<&Symbol> {
        self.symbols.iter().find(|symbol| symbol.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = " loopcam\n\n Timestamp is 6b03523b (Sun Nov 22 20:36:11 2026)\n\n \
        Preferred load address is 0000000180000000\n\n Start         Length     Name                   Class\n \
        0001:00000000 00000026H .text                   CODE\n\n  \
        Address         Publics by Value              Rva+Base               Lib:Object\n\n \
        0001:00000010       second                    0000000180001010     a.o\n \
        0001:00000000       DriverEntry               0000000180001000     a.o\n \
        0000:00000000       absolute                  0000000180000000     <absolute>\n\n \
        entry point at         0001:00000000\n\n Static symbols\n\n \
        0001:00000020       _ZN4core9panicking5panic17h0123456789abcdefE 0000000180001020     b.o\n\n \
        Exports\n\n  ordinal    name\n\n        1    DriverEntry\n";

    #[test]
    fn symbols_are_found() {
        let map = Map::parse(TEXT).unwrap();
        assert_eq!(map.time_stamp, 0x6b03_523b);
        let names: Vec<_> = map.symbols().iter().map(|symbol| (symbol.rva, symbol.readable())).collect();
        assert_eq!(
            names,
            [
                (0x1000, "DriverEntry".into()),
                (0x1010, "second".into()),
                (0x1020, "core::panicking::panic".into())
            ]
        );
        assert_eq!(map.symbol_before(0x101f).unwrap().name, "second");
        assert!(map.symbol_before(0xfff).is_none());
    }

    #[test]
    fn something_else_is_refused() {
        assert!(Map::parse("hello").is_err());
    }
}
