//! The pool's own rules.

use super::*;
use crate::nt::{MachineOptions, flags::Flags, irql::KfRaiseIrql};

const TAG: u32 = u32::from_le_bytes(*b"Test");

fn machine() -> &'static Machine {
    fn on_stop(stop: &bugcheck::Stop) {
        panic!("{stop}");
    }
    Machine::new(MachineOptions { on_stop: Some(on_stop), ..MachineOptions::default() })
}

/// ExAllocatePool2 zeroes, aligns to 16 (to a page from one page on), and refuses no size, no tag, no type.
#[test]
fn pool2_keeps_its_page() {
    let machine = machine();
    // SAFETY: what was allocated is read within its size and freed once.
    unsafe {
        for bytes in [1_u64, 100, 4096, 10_000] {
            let memory = ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, TAG);
            assert!((memory as usize).is_multiple_of(if bytes < 4096 { 16 } else { 4096 }));
            let bytes = std::slice::from_raw_parts(memory.cast::<u8>(), bytes as usize);
            assert!(bytes.iter().all(|byte| *byte == 0));
            ExFreePoolWithTag(memory, TAG);
        }
        assert!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 0, TAG).is_null());
        assert!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0).is_null());
        assert!(ExAllocatePool2(0, 8, TAG).is_null());
        assert!(ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED, 8, TAG).is_null());
    }
    machine.shutdown();
}

/// ExAllocatePoolWithTag zeroes when POOL_ZERO_ALLOCATION asks for it, in special pool too, and not otherwise.
#[test]
fn pool_with_tag_zeroes_when_asked() {
    for special_pool in [false, true] {
        let watch = Flags { special_pool, ..Flags::NONE };
        let machine = Machine::new(MachineOptions { watch, ..MachineOptions::default() });
        for (kind, first) in [(512, 0xA5), (512 | 1024, 0), (1 | 1024, 0)] {
            // SAFETY: what was allocated is read within its size and freed once.
            unsafe {
                let memory = driver_pool_with_tag(kind, 100, TAG);
                let bytes = std::slice::from_raw_parts(memory.cast::<u8>(), 100);
                assert!(bytes.iter().all(|byte| *byte == first), "{kind}");
                ExFreePool(memory);
            }
        }
        machine.shutdown();
    }
}

/// The rules of a driver's allocations: size, IRQL, tag, tag at free; each with its code.
#[test]
fn driver_rules() {
    let machine = machine();
    // SAFETY: each allocation is freed once.
    unsafe {
        ExFreePool(driver_pool_with_tag(POOL_TYPE_PAGED, 0, TAG));
        let old = KfRaiseIrql(2);
        let paged = driver_pool_with_tag(POOL_TYPE_PAGED, 8, TAG);
        crate::nt::KeLowerIrql(old);
        ExFreePoolWithTag(paged, TAG ^ 1);
        for tag in
            [0, u32::from_le_bytes(*b"BIG "), u32::from_le_bytes(*b"..-."), u32::from_le_bytes(*b"..7.")]
        {
            ExFreePool(driver_pool_with_tag(0, 8, tag));
        }
    }
    let codes: Vec<_> = violation::take().iter().map(|v| v.code).collect();
    assert_eq!(codes, [0x00, 0x01, 0x0A, 0x9B, 0x9C, 0x9D]);
    assert_eq!(in_use(), (0, 0));
    machine.shutdown();
}

const POOL_TYPE_PAGED: POOL_TYPE = _POOL_TYPE::PagedPool;

/// The n-th allocation fails once; a predicate fails as long as it is set; the rig's own never fail.
#[test]
fn failures_are_injected() {
    let machine = machine();
    // SAFETY: what is not NULL is freed.
    unsafe {
        fail_after(1);
        let memory = [0; 3].map(|_| driver_pool_with_tag(0, 8, TAG));
        assert_eq!(memory.map(|at| at.is_null()), [false, true, false]);
        memory.into_iter().filter(|at| !at.is_null()).for_each(|at| ExFreePool(at));
        fail_when(Some(Box::new(|bytes, _| bytes > 16)));
        assert!(driver_pool_with_tag(0, 17, TAG).is_null());
        ExFreePool(ExAllocatePoolWithTag(0, 17, TAG));
        fail_when(None);
        ExFreePool(driver_pool_with_tag(0, 17, TAG));
    }
    machine.shutdown();
}

/// A second free is fatal.
#[test]
#[should_panic(expected = "no live allocation")]
fn double_free_is_fatal() {
    machine();
    // SAFETY: the rig stops before the memory is touched.
    unsafe {
        let memory = ExAllocatePoolWithTag(0, 8, TAG);
        ExFreePool(memory);
        ExFreePool(memory);
    }
}
