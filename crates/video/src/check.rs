//! Cyclic redundancy checks.
//!
//! Both begin with all bits set, so that a black row, all zeros, is not a number with its check.

/// CRC-16/IBM-3740, also known as CCITT-FALSE.
pub(crate) fn crc16(bytes: [u8; 4]) -> u16 {
    let mut crc = u16::MAX;
    for byte in bytes {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            let carry = crc & 0x8000 != 0;
            crc <<= 1;
            if carry {
                crc ^= 0x1021;
            }
        }
    }
    crc
}

/// CRC-8 with the polynomial of the `SMBus`, x⁸ + x² + x + 1.
pub(crate) fn crc8(byte: u8) -> u8 {
    let mut crc = u8::MAX ^ byte;
    for _ in 0..8 {
        let carry = crc & 0x80 != 0;
        crc <<= 1;
        if carry {
            crc ^= 0x07;
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_checks() {
        // Known values, worked out by other implementations.
        assert_eq!(crc16(*b"1234"), 0x5349);
        assert_eq!(crc16([0; 4]), 0x84C0);
        assert_eq!(crc8(0), 0xF3);
        // Neither a black row nor a white one is a number with its check.
        assert_ne!(crc16([0xFF; 4]), 0xFFFF);
        assert_ne!(crc8(0xFF), 0xFF);
    }
}
