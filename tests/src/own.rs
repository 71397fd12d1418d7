//! Properties of the camera as a program asks for them.

use ks_sys::{GUID, guid};
use ksrig::client::{
    Event, Filter, Status,
    property::{self, Answer},
};

/// loopcam's own property set.
pub const SET: GUID = guid(loopcam_api::PROPERTY_SET);

/// Asks for a property with a buffer of so many bytes.
pub fn ask(handle: usize, set: GUID, id: u32, room: usize) -> Answer {
    property::send(handle, &property::request(set, id, property::GET, &[]), vec![0xCC; room])
}

/// The value of a property of loopcam's own set, of any size: the size is asked for first.
///
/// # Panics
/// When that fails.
pub fn get(filter: &Filter, id: u32) -> Vec<u8> {
    let input = property::request(SET, id, property::GET, &[]);
    property::get_sized(filter.handle(), &input).unwrap_or_else(|status| panic!("property {id}: {status}"))
}

/// Sets a property of loopcam's own set.
pub fn set(filter: &Filter, id: u32, value: &[u8]) -> Status {
    filter.property(&property::request(SET, id, property::SET, &[]), value.to_vec()).status
}

/// The camera's status.
///
/// # Panics
/// When it does not tell.
pub fn status(filter: &Filter) -> loopcam_api::Status {
    loopcam_api::Status::from_bytes(&get(filter, loopcam_api::STATUS)).expect("a whole status")
}

/// The camera's readers.
///
/// # Panics
/// When it does not tell, or the list is not what its head says.
pub fn readers(filter: &Filter) -> Vec<loopcam_api::Reader> {
    let list = get(filter, loopcam_api::READERS);
    let word = |at: usize| u32::from_le_bytes(list[at..at + 4].try_into().expect("four bytes")) as usize;
    let items = list[8..].chunks(loopcam_api::Reader::SIZE);
    assert_eq!((word(0), word(4)), (list.len(), items.len()), "KSMULTIPLE_ITEM");
    items.map(|item| loopcam_api::Reader::from_bytes(item).expect("a whole reader")).collect()
}

/// Waits for changes.
///
/// # Panics
/// When that is refused.
pub fn changes(filter: &Filter) -> Event {
    const ENABLE: u32 = ks_sys::KSEVENT_TYPE_ENABLE;
    let event = filter.enable_event(guid(loopcam_api::EVENT_SET), loopcam_api::CHANGED, ENABLE);
    event.unwrap_or_else(|status| panic!("enabling the event: {status}"))
}

/// The manager's property set.
pub const MANAGER_SET: GUID = guid(loopcam_api::MANAGER_SET);

/// A camera's number and name, as a request has them.
///
/// # Panics
/// When the name is too long for it.
pub fn camera(number: u32, name: &str) -> loopcam_api::Camera {
    let mut camera = loopcam_api::Camera { number, ..Default::default() };
    for (index, unit) in name.encode_utf16().enumerate() {
        camera.name[index] = unit;
    }
    camera
}

/// Sets a property of the manager: ADD, RENAME or REMOVE.
pub fn manage(manager: &Filter, id: u32, value: &[u8]) -> Status {
    manager.property(&property::request(MANAGER_SET, id, property::SET, &[]), value.to_vec()).status
}

/// The cameras that the manager knows: numbers and names.
///
/// # Panics
/// When it does not tell, or the list is not what its head says.
pub fn cameras(manager: &Filter) -> Vec<(u32, String)> {
    let request = property::request(MANAGER_SET, loopcam_api::CAMERAS, property::GET, &[]);
    let list = property::get_sized(manager.handle(), &request).expect("the cameras");
    let items = list[8..].chunks(loopcam_api::Camera::SIZE);
    assert_eq!(list[..8], [list.len() as u32, items.len() as u32].map(u32::to_le_bytes).concat());
    let name = |camera: loopcam_api::Camera| {
        let units: Vec<u16> = camera.name.into_iter().take_while(|&unit| unit != 0).collect();
        (camera.number, String::from_utf16(&units).expect("UTF-16"))
    };
    items.map(|item| name(loopcam_api::Camera::from_bytes(item).expect("a whole camera"))).collect()
}
