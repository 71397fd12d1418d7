//! The cameras of a device: the first, which the driver package names, and those that are added while it runs.
//!
//! They are kept in the device's key, each by its number, and made again when the device is.

use avstream::{
    Device, DeviceLock, Error, FilterFactory, Listeners, RegistryKey, Result, Shared, SpinLock, ffi::GUID,
    wide,
};

use crate::{camera, device::Loopcam, hub::Hub, name::Name, own_set};

/// How many there can be.
pub const PLACES: usize = loopcam_api::MAX_CAMERAS as usize;

/// The cameras, by their numbers.
pub struct Cameras {
    places: SpinLock<[Option<Place>; PLACES]>,
    /// The clients of the manager, who can be told of changes.
    pub listeners: Listeners,
}

struct Place {
    hub: Shared<Hub>,
    name: Shared<Name>,
    /// `None`: it is the first, or somebody works on it, with the device mutex.
    factory: Option<FilterFactory<Loopcam>>,
}

const CLSID: [u16; 5] = wide::ascii("CLSID");
const FRIENDLY_NAME: [u16; 12] = wide::ascii("FriendlyName");
/// KsProxy, by which DirectShow makes a filter of an interface: as in the INF.
const PROXY: [u16; 38] = wide::ascii("{17CCA71B-ECD7-11D0-B908-00A0C9223196}");

impl Cameras {
    /// The first camera, and those that there were when the device was last here. One that cannot be made, for want of
    /// memory, is there again the next time.
    pub fn new(device: Device<'_, Loopcam>) -> Result<Self> {
        let cameras = Self { places: SpinLock::new([const { None }; PLACES]), listeners: Listeners::new()? };
        let hub = Shared::new(Hub::new()?)?;
        let name = Shared::new(first_name(device))?;
        if let Some(first) = cameras.places.lock().first_mut() {
            *first = Some(Place { hub, name, factory: None });
        }
        cameras.restore(device);
        Ok(cameras)
    }

    fn restore(&self, device: Device<'_, Loopcam>) {
        let Ok(key) = device.key() else { return };
        // ASSUMED: (contract 10.3) the mutex is not held during Add.
        let lock = device.lock();
        for number in 1..PLACES {
            if let Some(name) = Name::read(&key, &value(number)) {
                let _ = self.make(&lock, number, name);
            }
        }
    }

    /// Where the clients of a camera meet.
    ///
    /// # Errors
    ///
    /// [`Error::DEVICE_REMOVED`]: there is no such camera any more.
    pub fn hub(&self, number: usize) -> Result<Shared<Hub>> {
        let places = self.places.lock();
        let place = places.get(number).and_then(Option::as_ref).ok_or(Error::DEVICE_REMOVED)?;
        Ok(place.hub.clone())
    }

    /// Which there are, and what applications call them.
    pub fn names(&self) -> impl Iterator<Item = (usize, Shared<Name>)> {
        let name = |number: usize| Some(self.places.lock().get(number)?.as_ref()?.name.clone());
        (0..PLACES).filter_map(move |number| Some((number, name(number)?)))
    }

    /// Adds a camera.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`]: there can be no such number. [`Error::OBJECT_NAME_COLLISION`]: there is such a camera.
    /// Otherwise what the system says; there is no camera then.
    pub fn add(&self, lock: &DeviceLock<'_, Loopcam>, number: usize, name: Name) -> Result {
        let key = lock.device().key()?;
        let name = self.make(lock, number, name)?;
        let result = key.set_text(&value(number), name.units()).and_then(|()| self.show(lock, number));
        if result.is_err() {
            let _ = key.delete(&value(number));
            self.end(lock, number);
        }
        own_set::tell(&self.listeners);
        result
    }

    /// Gives a camera another name.
    ///
    /// # Errors
    ///
    /// [`Error::NOT_FOUND`]: there is no such camera. Otherwise what the system says: it keeps its name, but programs may see
    /// the new one until the device comes again.
    pub fn rename(&self, lock: &DeviceLock<'_, Loopcam>, number: usize, name: Name) -> Result {
        self.hub(number).map_err(|_| Error::NOT_FOUND)?;
        let name = Shared::new(name)?;
        let key = lock.device().key()?;
        set_name(lock.device(), number, &name)?;
        if number > 0 {
            key.set_text(&value(number), name.units())?;
        }
        let old = match self.places.lock().get_mut(number) {
            Some(Some(place)) => core::mem::replace(&mut place.name, name),
            _ => name,
        };
        drop(old);
        own_set::tell(&self.listeners);
        Ok(())
    }

    /// Takes a camera away.
    ///
    /// # Errors
    ///
    /// [`Error::NOT_FOUND`]: there is no such camera. [`Error::INVALID_PARAMETER`]: it is the first. Otherwise what the system says.
    pub fn remove(&self, lock: &DeviceLock<'_, Loopcam>, number: usize) -> Result {
        if number == 0 {
            return Err(Error::INVALID_PARAMETER);
        }
        self.hub(number).map_err(|_| Error::NOT_FOUND)?;
        lock.device().key()?.delete(&value(number))?;
        self.end(lock, number);
        own_set::tell(&self.listeners);
        Ok(())
    }

    /// From now on there is no such camera.
    fn end(&self, lock: &DeviceLock<'_, Loopcam>, number: usize) {
        if let Some(factory) = self.take(number) {
            // It is not known to be there any more in any case.
            let _ = lock.delete(factory);
        }
        let place = self.places.lock().get_mut(number).and_then(Option::take);
        if let Some(place) = place {
            place.hub.remove();
        }
    }

    /// Makes a camera that nobody is shown yet.
    fn make(&self, lock: &DeviceLock<'_, Loopcam>, number: usize, name: Name) -> Result<Shared<Name>> {
        let (hub, name) = (Shared::new(Hub::new()?)?, Shared::new(name)?);
        {
            let mut places = self.places.lock();
            let place = places.get_mut(number).ok_or(Error::INVALID_PARAMETER)?;
            if place.is_some() {
                return Err(Error::OBJECT_NAME_COLLISION);
            }
            *place = Some(Place { hub, name: name.clone(), factory: None });
        }
        let descriptor = camera::added(number).ok_or(Error::INVALID_PARAMETER);
        let named = set_name(lock.device(), number, &name);
        match named.and(descriptor).and_then(|descriptor| lock.create(descriptor)) {
            Ok(factory) => {
                self.put(number, factory);
                Ok(name)
            }
            Err(error) => {
                self.end(lock, number);
                Err(error)
            }
        }
    }

    fn show(&self, lock: &DeviceLock<'_, Loopcam>, number: usize) -> Result {
        let factory = self.take(number).ok_or(Error::NOT_FOUND)?;
        let result = lock.enable(&factory);
        self.put(number, factory);
        result
    }

    /// The factory, for a while: whoever has the device mutex has it alone.
    fn take(&self, number: usize) -> Option<FilterFactory<Loopcam>> {
        self.places.lock().get_mut(number)?.as_mut()?.factory.take()
    }

    fn put(&self, number: usize, factory: FilterFactory<Loopcam>) {
        if let Some(Some(place)) = self.places.lock().get_mut(number) {
            place.factory = Some(factory);
        }
    }
}

/// What applications call the first camera, which its INF has said.
fn first_name(device: Device<'_, Loopcam>) -> Name {
    let key = camera::CATEGORIES.first().map(|category| interface(device, category, 0));
    key.and_then(|key| Name::read(&key.ok()?, &FRIENDLY_NAME)).unwrap_or(Name::NONE)
}

/// Says what applications call a camera, and how they open it: where the INF says it of the first.
fn set_name(device: Device<'_, Loopcam>, number: usize, name: &Name) -> Result {
    for category in &camera::CATEGORIES {
        let key = interface(device, category, number)?;
        key.set_text(&CLSID, &PROXY)?;
        key.set_text(&FRIENDLY_NAME, name.units())?;
    }
    Ok(())
}

fn interface(device: Device<'_, Loopcam>, category: &GUID, number: usize) -> Result<RegistryKey> {
    let reference = camera::REFERENCES.get(number).ok_or(Error::INVALID_PARAMETER)?;
    device.interface_key(category, reference)
}

/// The name of the value that keeps a camera: `Camera01` and so on.
fn value(number: usize) -> [u16; 8] {
    let mut value = wide::ascii("Camera00");
    let digits = [number.checked_div(10), number.checked_rem(10)].map(Option::unwrap_or_default);
    for (place, digit) in value.iter_mut().skip(6).zip(digits) {
        *place = place.wrapping_add(digit as u16);
    }
    value
}
