//! The manager: the filter by which programs add, rename and remove cameras.
//!
//! `include/loopcam.h` and crate `loopcam-api` describe its property set to clients.

use avstream::{
    Answer, Control, DeviceLock, Error, EventSet, Filter, FilterDescriptor, FilterDispatch, LongProperty,
    OfFilter, Opened, Property, PropertyItem, PropertySet, Result, Room, Shared, callbacks,
    ffi::{GUID, KSPROPERTY, guid},
};

use crate::{
    cameras::{Cameras, PLACES},
    device::Loopcam,
    name::Name,
    own_set::{self, Camera},
};

/// One client of the manager.
pub struct Manager {
    /// Whether it may change which cameras there are.
    may_write: bool,
}

impl FilterDispatch for Manager {
    type Device = Loopcam;

    const PROPERTIES: &'static [PropertySet<OfFilter<Self>>] = &[PropertySet::new(
        &SET,
        &[
            PropertyItem::long::<List>(),
            PropertyItem::new::<Add>(),
            PropertyItem::new::<Rename>(),
            PropertyItem::new::<Remove>(),
        ],
    )];
    const EVENTS: &'static [EventSet<OfFilter<Self>>] = &[own_set::events()];

    fn create(filter: &Filter<'_, Control>, device: &Loopcam) -> Result<Self> {
        device.cameras.listeners.add(filter)?;
        Ok(Self { may_write: filter.opener().may_write() })
    }
}

/// The filter's description. The INF names it by its reference string.
pub const FILTER: FilterDescriptor<Loopcam> =
    FilterDescriptor::without_pins::<Manager>(&REFERENCE, &CATEGORIES);

static REFERENCE: GUID = guid(0xE90A_37F6_4C8D_4B15_8172_D6C0_9FB3_5E48);
/// A category of its own: it is no camera.
static CATEGORIES: [GUID; 1] = [guid(loopcam_api::MANAGER_CATEGORY)];
static SET: GUID = guid(loopcam_api::MANAGER_SET);

/// The property *cameras*: which there are.
struct List;

impl LongProperty for List {
    type Owner = OfFilter<Manager>;
    type Request = KSPROPERTY;

    const ID: u32 = loopcam_api::CAMERAS;
    const GET: Option<callbacks::GetLong<Self>> = Some(list);
}

/// The property *add*.
struct Add;

impl Property for Add {
    type Owner = OfFilter<Manager>;
    type Request = KSPROPERTY;
    type Value = Camera;

    const ID: u32 = loopcam_api::ADD;
    const SET: Option<callbacks::Set<Self>> =
        Some(|manager, _, camera| with_name(manager, camera, Cameras::add));
}

/// The property *rename*.
struct Rename;

impl Property for Rename {
    type Owner = OfFilter<Manager>;
    type Request = KSPROPERTY;
    type Value = Camera;

    const ID: u32 = loopcam_api::RENAME;
    const SET: Option<callbacks::Set<Self>> =
        Some(|manager, _, camera| with_name(manager, camera, Cameras::rename));
}

/// The property *remove*.
struct Remove;

impl Property for Remove {
    type Owner = OfFilter<Manager>;
    type Request = KSPROPERTY;
    type Value = u32;

    const ID: u32 = loopcam_api::REMOVE;
    const SET: Option<callbacks::Set<Self>> = Some(remove);
}

fn list(manager: &Opened<Manager>, _: &KSPROPERTY, room: Room<'_>) -> Result<Answer> {
    // A camera that comes or goes while the list is written is in it as a whole or not at all; how many there are is said
    // first.
    let mut names = [const { None }; PLACES];
    let mut count: usize = 0;
    for (place, name) in names.iter_mut().zip(manager.device().context()?.cameras.names()) {
        *place = Some(name);
        count = count.saturating_add(1);
    }
    let camera =
        |(number, name): &(usize, Shared<Name>)| Camera { number: *number as u32, name: name.padded() };
    room.list(count, names.iter().flatten().map(camera))
}

fn with_name(
    manager: &Opened<Manager>,
    camera: Camera,
    action: fn(&Cameras, &DeviceLock<'_, Loopcam>, usize, Name) -> Result,
) -> Result {
    let name = Name::new(camera.name).ok_or(Error::INVALID_PARAMETER);
    change(manager, |cameras, lock| action(cameras, lock, camera.number as usize, name?))
}

fn remove(manager: &Opened<Manager>, _: &KSPROPERTY, number: u32) -> Result {
    change(manager, |cameras, lock| cameras.remove(lock, number as usize))
}

/// Changes which cameras there are, with the device mutex, where Plug and Play can be asked.
fn change(
    manager: &Opened<Manager>,
    action: impl FnOnce(&Cameras, &DeviceLock<'_, Loopcam>) -> Result + Send,
) -> Result {
    if !manager.may_write {
        return Err(Error::ACCESS_DENIED);
    }
    let device = manager.device();
    let cameras = &device.context()?.cameras;
    device.on_system_thread(|| {
        let lock = device.lock();
        if device.is_started() { action(cameras, &lock) } else { Err(Error::DEVICE_NOT_READY) }
    })?
}
