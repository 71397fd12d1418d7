//! Event objects with handles, and waits for handles: the services of a client.

use ks_sys::*;

use super::{
    event::{KeInitializeEvent, KeSetEvent},
    handle::{ObReferenceObjectByHandle, create_handle},
    object::{EVENT, EVENT_ALL, ExEventObjectType, FILE, ObfDereferenceObject, create, is_of},
    thread::{KERNEL_MODE, Thread},
    user,
    wait::KeWaitForSingleObject,
};

/// A new event object of the calling process, and its handle.
pub(super) fn create_event(kind: EVENT_TYPE, state: bool) -> HANDLE {
    let body = create(&EVENT, size_of::<KEVENT>(), String::from("event"));
    // SAFETY: the body is an event's size; the handle takes its own reference.
    unsafe {
        KeInitializeEvent(body.cast(), kind, BOOLEAN::from(state));
        let handle = create_handle(body, EVENT_ALL, Thread::current().process());
        ObfDereferenceObject(body);
        handle
    }
}

/// Makes an event object and a handle for it.
pub unsafe fn NtCreateEvent(
    EventHandle: PHANDLE,
    _DesiredAccess: ACCESS_MASK,
    _ObjectAttributes: POBJECT_ATTRIBUTES,
    EventType: EVENT_TYPE,
    InitialState: BOOLEAN,
) -> NTSTATUS {
    let mode = Thread::current().previous_mode();
    if let Err(status) = user::probe(mode, EventHandle.cast(), size_of::<HANDLE>(), 8) {
        return status;
    }
    // SAFETY: the caller's variable, probed.
    unsafe { EventHandle.write(create_event(EventType, InitialState != 0)) };
    STATUS_SUCCESS
}

/// Waits for the object of a handle (a file: for its last request).
pub unsafe fn NtWaitForSingleObject(Handle: HANDLE, Alertable: BOOLEAN, Timeout: PLARGE_INTEGER) -> NTSTATUS {
    let mut body = std::ptr::null_mut();
    let mode = Thread::current().previous_mode();
    // SAFETY: local variables; the object is referenced during the wait.
    unsafe {
        let status = ObReferenceObjectByHandle(
            Handle,
            SYNCHRONIZE,
            std::ptr::null_mut(),
            mode,
            &raw mut body,
            std::ptr::null_mut(),
        );
        if status < 0 {
            return status;
        }
        let object =
            if is_of(body, &FILE) { (&raw mut (*body.cast::<FILE_OBJECT>()).Event).cast() } else { body };
        let status =
            KeWaitForSingleObject(object, _KWAIT_REASON::UserRequest, KERNEL_MODE, Alertable, Timeout);
        ObfDereferenceObject(body);
        status
    }
}

/// Signals the event of a handle.
pub unsafe fn NtSetEvent(EventHandle: HANDLE, PreviousState: PLONG) -> NTSTATUS {
    let mut body = std::ptr::null_mut();
    let mode = Thread::current().previous_mode();
    // SAFETY: local variables; the event is referenced.
    unsafe {
        let status = ObReferenceObjectByHandle(
            EventHandle,
            2,
            ExEventObjectType(),
            mode,
            &raw mut body,
            std::ptr::null_mut(),
        );
        if status < 0 {
            return status;
        }
        let old = KeSetEvent(body.cast(), 0, 0);
        if !PreviousState.is_null() {
            PreviousState.write(old);
        }
        ObfDereferenceObject(body);
    }
    STATUS_SUCCESS
}
