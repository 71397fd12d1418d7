//! Whose a factory is.

use core::{mem::zeroed, ptr::NonNull};

use super::*;
use crate::{descriptor::FilterDescriptor, device::Block, ffi::KSDEVICE};

struct Nothing;

impl DeviceDispatch for Nothing {
    const FILTERS: &'static [&'static FilterDescriptor<Self>] = &[];

    fn add(_: Device<'_, Self>) -> Result<Self> {
        Ok(Self)
    }
}

/// A factory belongs to the device that it was made for, and not to a later one at the same address.
#[test]
fn an_address_comes_again() {
    let blocks = [Block::<Nothing>::new(), Block::new()];
    // SAFETY: plain data, for which zero is a value.
    let mut raw: KSDEVICE = unsafe { zeroed() };
    let address = NonNull::from(&mut raw);
    let at = |block: &Block<Nothing>| {
        // SAFETY: the structure lives, and nobody has a reference to it.
        unsafe { (*address.as_ptr()).Context = core::ptr::from_ref(block).cast_mut().cast() };
        // SAFETY: as far as factories look at it, it is a device.
        unsafe { Device::<Nothing>::new(address) }
    };
    let factory = FilterFactory::new(NonNull::dangling(), at(&blocks[0]).serial().expect("a block"));
    assert_eq!(factory.at(at(&blocks[0])), Ok(NonNull::dangling()));
    assert_eq!(factory.at(at(&blocks[1])), Err(Error::INVALID_PARAMETER));
}
