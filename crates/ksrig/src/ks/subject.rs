//! What a KS request is sent to: everything that a handle can refer to.

use ks_sys::PFILE_OBJECT;

use super::{
    child::{Child, What},
    event_list::List,
    filter::Filter,
    object::{Object, Objects, Pin},
};

/// A filter, a pin, or what was opened on one of them.
#[derive(Clone, Copy)]
pub enum Subject {
    /// `KSFILTER`
    Filter(&'static Filter),
    /// `KSPIN`
    Pin(&'static Pin),
    /// A clock, an allocator or a topology node.
    Child(&'static Child),
}

impl Subject {
    /// What is behind a file object; none for other drivers' files.
    pub fn of(file: PFILE_OBJECT) -> Option<Self> {
        if file.is_null() {
            return None;
        }
        // SAFETY: a file object lives as long as a request on it.
        let context = unsafe { (*file).FsContext };
        match Objects::kind(context) {
            Some(_) => Self::of_object(Object::of(context)),
            None => Child::of_context(context).map(Self::Child),
        }
    }

    /// The object as a subject; devices and factories have no handles.
    pub fn of_object(object: Object) -> Option<Self> {
        match object {
            Object::Filter(filter) => Some(Self::Filter(filter)),
            Object::Pin(pin) => Some(Self::Pin(pin)),
            Object::Device(_) | Object::Factory(_) => None,
        }
    }

    /// Its name in logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Filter(filter) => filter.name(),
            Self::Pin(pin) => pin.name(),
            Self::Child(child) => child.name(),
        }
    }

    /// The AVStream object that it is, or was opened on.
    pub fn object(&self) -> Object {
        match self {
            Self::Filter(filter) => Object::Filter(filter),
            Self::Pin(pin) => Object::Pin(pin),
            Self::Child(child) => child.parent(),
        }
    }

    /// The filter that it is or belongs to.
    pub fn filter(&self) -> &'static Filter {
        match self.object() {
            Object::Filter(filter) => filter,
            Object::Pin(pin) => pin.filter(),
            Object::Device(_) | Object::Factory(_) => unreachable!("a subject has a filter"),
        }
    }

    /// The pin that it is or was opened on.
    pub fn pin(&self) -> Option<&'static Pin> {
        match self.object() {
            Object::Pin(pin) => Some(pin),
            _ => None,
        }
    }

    /// The topology node that its handle is for.
    pub fn node(&self) -> Option<u32> {
        match self {
            Self::Child(Child { what: What::Node(node), .. }) => Some(*node),
            _ => None,
        }
    }

    /// Its file object.
    pub fn file_object(&self) -> PFILE_OBJECT {
        match self {
            Self::Filter(filter) => filter.file_object(),
            Self::Pin(pin) => pin.file_object(),
            Self::Child(child) => child.file_object(),
        }
    }

    /// The list of its events: a clock's are on the pin's clock, a node's and an allocator's on what they were opened on.
    pub fn events(&self) -> &'static List {
        if let (Self::Child(Child { what: What::Clock, .. }), Some(pin)) = (self, self.pin()) {
            return pin.clock().events();
        }
        match self.object() {
            Object::Filter(filter) => filter.events(),
            Object::Pin(pin) => pin.events(),
            Object::Device(_) | Object::Factory(_) => unreachable!("a subject has a list of events"),
        }
    }
}
