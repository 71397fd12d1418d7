//! What applications call a camera.

use avstream::RegistryKey;
use loopcam_api::NAME_ROOM;

/// A name: units of UTF-16, none of them a control character.
pub struct Name {
    units: [u16; NAME_ROOM],
    len: usize,
}

impl Name {
    /// The name of what has none.
    pub const NONE: Self = Self { units: [0; NAME_ROOM], len: 0 };

    /// The units up to the first zero; `None` if that is missing or the first, or they are no name.
    pub fn new(units: [u16; NAME_ROOM]) -> Option<Self> {
        let len = units.iter().position(|&unit| unit == 0)?;
        let mut name = Self::NONE;
        name.len = len;
        name.units.get_mut(..len)?.copy_from_slice(units.get(..len)?);
        (len > 0 && !name.units().iter().any(|&unit| is_control(unit))).then_some(name)
    }

    /// The name that is text in a key; `None` if there is none. PASSIVE_LEVEL.
    pub fn read(key: &RegistryKey, value: &[u16]) -> Option<Self> {
        let mut units = [0; NAME_ROOM];
        let (_, room) = units.split_last_mut()?;
        key.text(value, room)?;
        Self::new(units)
    }

    /// Its units, without a zero.
    pub fn units(&self) -> &[u16] {
        self.units.get(..self.len).unwrap_or(&[])
    }

    /// Its units, and zeros behind.
    pub const fn padded(&self) -> [u16; NAME_ROOM] {
        self.units
    }
}

/// Those of ASCII and of Latin-1.
fn is_control(unit: u16) -> bool {
    unit < 0x20 || (0x7F..0xA0).contains(&unit)
}
