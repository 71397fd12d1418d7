//! Keys and values.

use std::cell::RefCell;

use ks_sys::*;

use super::CONTROL_SET;
use crate::nt::{machine::Machine, sched, time::BOOT};

/// A value of a key.
#[derive(Clone)]
pub struct Value {
    /// Its name; empty for the key's own value.
    pub name: String,
    /// `REG_SZ`, `REG_DWORD`, ...
    pub kind: ULONG,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// A key. Key 0 is `\Registry`.
pub struct Key {
    /// Its name in its parent.
    pub name: String,
    /// Its parent; its own number for key 0.
    pub parent: usize,
    /// Its subkeys, in the order of their creation.
    pub children: Vec<usize>,
    /// Its values, in the order of their creation.
    pub values: Vec<Value>,
    /// When it was changed last, 100 ns units since 1601.
    pub written: u64,
    /// It is there for open handles only.
    pub deleted: bool,
}

impl Key {
    fn new(name: &str, parent: usize) -> Self {
        let written = BOOT + sched::now();
        Self {
            name: name.to_owned(),
            parent,
            children: Vec::new(),
            values: Vec::new(),
            written,
            deleted: false,
        }
    }

    /// The value of that name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|value| same(&value.name, name))
    }
}

/// All keys, by number.
pub struct Hive(Vec<Key>);

struct Extension(RefCell<Hive>);

impl Default for Extension {
    fn default() -> Self {
        let mut hive = Hive(vec![Key::new("", 0)]);
        for path in ["Services", "Enum", "Control\\Class", "Control\\DeviceClasses"] {
            hive.ensure(0, &format!("{CONTROL_SET}\\{path}")["\\Registry\\".len()..]);
        }
        hive.ensure(0, "Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion");
        hive.ensure(0, "Machine\\Hardware\\DeviceMap");
        hive.ensure(0, "User\\.Default");
        Self(RefCell::new(hive))
    }
}

/// Names are compared without case.
fn same(first: &str, second: &str) -> bool {
    first.to_uppercase() == second.to_uppercase()
}

/// Works on the machine's hive.
pub fn with<R>(body: impl FnOnce(&mut Hive) -> R) -> R {
    body(&mut Machine::current().extension::<Extension>().0.borrow_mut())
}

impl Hive {
    /// A key by number.
    pub fn key(&mut self, number: usize) -> &mut Key {
        &mut self.0[number]
    }

    /// A subkey.
    pub fn child(&self, parent: usize, name: &str) -> Option<usize> {
        self.0[parent].children.iter().copied().find(|child| same(&self.0[*child].name, name))
    }

    /// A new subkey.
    pub fn add(&mut self, parent: usize, name: &str) -> usize {
        self.0.push(Key::new(name, parent));
        let number = self.0.len() - 1;
        self.0[parent].children.push(number);
        self.touch(parent);
        number
    }

    /// The key at a path, made with all that lead there if it is not there.
    pub fn ensure(&mut self, from: usize, path: &str) -> usize {
        path.split('\\')
            .filter(|name| !name.is_empty())
            .fold(from, |parent, name| self.child(parent, name).unwrap_or_else(|| self.add(parent, name)))
    }

    /// The key at a path.
    pub fn find(&self, from: usize, path: &str) -> Option<usize> {
        path.split('\\')
            .filter(|name| !name.is_empty())
            .try_fold(from, |parent, name| self.child(parent, name))
    }

    /// Notes that a key was changed.
    pub fn touch(&mut self, number: usize) {
        self.0[number].written = BOOT + sched::now();
    }

    /// Sets a value.
    pub fn set(&mut self, number: usize, value: Value) {
        let values = &mut self.0[number].values;
        match values.iter_mut().find(|known| same(&known.name, &value.name)) {
            Some(known) => (known.kind, known.data) = (value.kind, value.data),
            None => values.push(value),
        }
        self.touch(number);
    }

    /// Takes a value away; false when there is none.
    pub fn remove(&mut self, number: usize, name: &str) -> bool {
        let before = self.0[number].values.len();
        self.0[number].values.retain(|value| !same(&value.name, name));
        self.touch(number);
        self.0[number].values.len() != before
    }

    /// Takes a key without subkeys away; false when it has some.
    pub fn delete(&mut self, number: usize) -> bool {
        if !self.0[number].children.is_empty() {
            return false;
        }
        let parent = self.0[number].parent;
        self.0[parent].children.retain(|child| *child != number);
        self.0[number].deleted = true;
        self.touch(parent);
        true
    }

    /// A key's whole path.
    pub fn path(&self, number: usize) -> String {
        if number == 0 {
            return "\\REGISTRY".to_owned();
        }
        format!("{}\\{}", self.path(self.0[number].parent), self.0[number].name)
    }
}

/// What follows `\Registry` in an absolute path.
pub fn relative(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('\\')?;
    let (root, rest) = rest.split_once('\\').unwrap_or((rest, ""));
    same(root, "Registry").then_some(rest)
}

/// Sets a value at an absolute path (`\Registry\Machine\…`), for clients; false when the path is none.
pub fn set_value(path: &str, name: &str, kind: u32, data: &[u8]) -> bool {
    let Some(path) = relative(path) else { return false };
    with(|hive| {
        let key = hive.ensure(0, path);
        hive.set(key, Value { name: name.to_owned(), kind, data: data.to_vec() });
    });
    true
}

/// A value's type and bytes, for clients.
pub fn value(path: &str, name: &str) -> Option<(u32, Vec<u8>)> {
    let path = relative(path)?;
    with(|hive| {
        let key = hive.find(0, path)?;
        hive.key(key).value(name).map(|value| (value.kind, value.data.clone()))
    })
}
