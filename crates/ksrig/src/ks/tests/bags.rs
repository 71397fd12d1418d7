//! Object bags and KsEdit (section 7.6 of the contract).

use std::{cell::RefCell, ptr::null_mut};

use ks_sys::*;

use super::pair;
use crate::{
    ks::{
        bag::{
            KsAddItemToObjectBag, KsAllocateObjectBag, KsCopyObjectBagItems, KsFreeObjectBag,
            KsRemoveItemFromObjectBag, left_over,
        },
        edit::_KsEdit,
        fixture::Fixture,
        hierarchy::{KsAcquireControl, KsGetDevice, KsReleaseControl},
        object::Object,
    },
    nt::violation,
};

thread_local! {
    static FREED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "win64" fn free(item: PVOID) {
    FREED.with_borrow_mut(|freed| freed.push(item as usize));
}

fn filter_of(fixture: &Fixture) -> (HANDLE, Object, PVOID) {
    let handle = fixture.open_filter(1).unwrap();
    let mut file: PVOID = null_mut();
    // SAFETY: a handle of this process; the reference is given back at once, the handle keeps the object.
    unsafe {
        use crate::nt::{IoFileObjectType, ObReferenceObjectByHandle, ObfDereferenceObject};
        let status = ObReferenceObjectByHandle(handle, 0, IoFileObjectType(), 1, &mut file, null_mut());
        assert_eq!(status, STATUS_SUCCESS);
        ObfDereferenceObject(file);
        let ks = (*file.cast::<FILE_OBJECT>()).FsContext;
        let object = Object::of(ks);
        (handle, object, (*ks.cast::<KSFILTER>()).Bag)
    }
}

/// R7.28, R7.29, R7.32: copies, removals, frees; the rest goes last item first.
#[test]
fn items_die_with_their_last_bag() {
    let fixture = Fixture::new(pair());
    let (handle, object, bag) = filter_of(&fixture);
    let mut other: PVOID = null_mut();
    // SAFETY: live objects; the items are never followed.
    unsafe {
        KsAcquireControl(object.ks());
        for item in 1..=4usize {
            assert_eq!(KsAddItemToObjectBag(bag, item as PVOID, Some(free)), STATUS_SUCCESS);
        }
        assert_eq!(KsAllocateObjectBag(KsGetDevice(object.ks()), &mut other), STATUS_SUCCESS);
        assert_eq!(KsCopyObjectBagItems(other, bag), STATUS_SUCCESS);
        assert_eq!(KsRemoveItemFromObjectBag(bag, 9 as PVOID, 1), 0, "was not there");
        assert_eq!(KsRemoveItemFromObjectBag(bag, 1 as PVOID, 1), 2);
        assert_eq!(KsRemoveItemFromObjectBag(other, 1 as PVOID, 1), 1);
        assert_eq!(FREED.take(), [1]);
        assert_eq!(KsRemoveItemFromObjectBag(other, 2 as PVOID, 0), 2);
        assert_eq!(KsRemoveItemFromObjectBag(bag, 2 as PVOID, 0), 1);
        assert_eq!(FREED.take(), [0; 0], "removed, not freed");
        KsReleaseControl(object.ks());
    }
    assert_eq!(violation::list(), []);
    crate::ks::fixture::close(handle);
    assert_eq!(FREED.take(), [0; 0], "the other bag has them still");
    // SAFETY: allocated above.
    unsafe { KsFreeObjectBag(other) };
    assert_eq!(FREED.take(), [4, 3]);
    fixture.end();
}

/// R7.32: a bag that outlives its device is told once, though the next device may have the address of the first; it can be
/// freed still.
#[test]
fn a_bag_left_over_is_told_once() {
    let fixture = Fixture::new(pair());
    let (handle, object, _) = filter_of(&fixture);
    let mut own: PVOID = null_mut();
    // SAFETY: a live filter; a place for the handle.
    let device = unsafe {
        let device = KsGetDevice(object.ks());
        assert_eq!(KsAllocateObjectBag(device, &mut own), STATUS_SUCCESS);
        device
    };
    assert_eq!((left_over(device.cast()), left_over(device.cast())), (1, 0));
    // SAFETY: allocated above.
    unsafe { KsFreeObjectBag(own) };
    crate::ks::fixture::close(handle);
    fixture.end();
}

/// R7.31
#[test]
fn without_the_mutex_there_is_a_diagnostic() {
    let fixture = Fixture::new(pair());
    let (handle, _, bag) = filter_of(&fixture);
    // SAFETY: a live bag; the item is never followed.
    assert_eq!(unsafe { KsAddItemToObjectBag(bag, 1 as PVOID, Some(free)) }, STATUS_SUCCESS);
    assert_eq!(violation::take().len(), 1);
    crate::ks::fixture::close(handle);
    assert_eq!(FREED.take(), [1]);
    fixture.end();
}

/// R7.30
#[test]
fn edit_makes_private_copies() {
    let fixture = Fixture::new(pair());
    let (handle, object, bag) = filter_of(&fixture);
    let shared = [1u8, 2, 3, 4];
    let mut item: PVOID = shared.as_ptr().cast_mut().cast();
    // SAFETY: live objects; the item has the sizes that are passed.
    unsafe {
        KsAcquireControl(object.ks());
        assert_eq!(_KsEdit(bag, &mut item, 4, 4, 1), STATUS_SUCCESS);
        let private = item;
        assert_ne!(private.cast_const().cast::<u8>(), shared.as_ptr());
        assert_eq!(*private.cast::<[u8; 4]>(), shared);
        assert_eq!(_KsEdit(bag, &mut item, 4, 4, 1), STATUS_SUCCESS);
        assert_eq!(item, private, "it is private and large enough");
        assert_eq!(_KsEdit(bag, &mut item, 6, 4, 1), STATUS_SUCCESS);
        assert_eq!(*item.cast::<[u8; 6]>(), [1, 2, 3, 4, 0, 0]);
        KsReleaseControl(object.ks());
    }
    crate::ks::fixture::close(handle);
    fixture.end();
}
