//! A filter a client has open: its pin types, and the making of pins.

use ks_sys::*;

use super::Format;
use super::Range;
use super::Status;
use super::bytes::{self, Identifier};
use super::guid;
use super::narrow;
use super::pin::Pin;
use super::property::{self, Answer};
use super::sys::Handle;

/// A filter that can be opened, as the system lists it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// What to open.
    pub link: String,
    /// The factory's reference string.
    pub reference: String,
    /// The interface classes it is listed under.
    pub categories: Vec<GUID>,
    /// The friendly name, where the INF or the user gave one; else its number.
    pub name: String,
}

/// What a pin type says of itself.
#[derive(Clone, Debug)]
pub struct PinInfo {
    /// Its number.
    pub id: u32,
    /// Whether data leaves the filter here.
    pub output: bool,
    /// Who sends requests here.
    pub communication: Communication,
    /// Instances that may exist (`None`: no limit) and instances that do.
    pub instances: (Option<u32>, u32),
    /// Its data ranges.
    pub ranges: Vec<Range>,
    /// What kind of pin it is.
    pub category: Option<GUID>,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// `KSPIN_INTERFACE`s.
    pub interfaces: Vec<(GUID, u32)>,
    /// `KSPIN_MEDIUM`s.
    pub mediums: Vec<(GUID, u32)>,
}

/// `KSPIN_COMMUNICATION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Communication {
    /// No instance can be made.
    None,
    /// The pin receives requests.
    Sink,
    /// The pin sends requests to the pin it is connected to.
    Source,
    /// Either, as its creator chooses.
    Both,
    /// The other end is no KS pin.
    Bridge,
}

impl Communication {
    fn from_ks(value: u32) -> Self {
        match value {
            1 => Self::Sink,
            2 => Self::Source,
            3 => Self::Both,
            4 => Self::Bridge,
            _ => Self::None,
        }
    }

    /// Whether an instance can receive requests.
    pub fn can_be_sink(self) -> bool {
        matches!(self, Self::Sink | Self::Both)
    }

    /// Whether an instance can be connected to a sink.
    pub fn can_be_source(self) -> bool {
        matches!(self, Self::Source | Self::Both)
    }
}

impl std::fmt::Display for Communication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Sink => "sink",
            Self::Source => "source",
            Self::Both => "sink or source",
            Self::Bridge => "bridge",
        })
    }
}

impl PinInfo {
    /// The name, or what the category's name says, or which way the data goes.
    pub fn label(&self) -> String {
        let category = || {
            let name = guid::name(self.category.as_ref()?)?;
            let word = name.rsplit('_').next()?;
            Some(format!("{}{}", &word[..1], word[1..].to_lowercase()))
        };
        self.name
            .clone()
            .or_else(category)
            .unwrap_or_else(|| if self.output { "Output" } else { "Input" }.to_owned())
    }
}

/// A filter a client has open. Closed on drop.
#[derive(Debug)]
pub struct Filter {
    handle: Handle,
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

impl Filter {
    /// Opens a filter by the name of its interface.
    pub fn open(link: &str) -> Result<Self, Status> {
        Self::open_for(link, GENERIC_READ | GENERIC_WRITE)
    }

    /// The same with these access rights.
    pub fn open_for(link: &str, access: u32) -> Result<Self, Status> {
        Ok(Self { handle: Handle::open(None, &utf16(link), access)? })
    }

    /// The handle's value.
    pub fn handle(&self) -> usize {
        self.handle.value()
    }

    /// Sends a property request with any input and output buffer.
    pub fn property(&self, input: &[u8], data: Vec<u8>) -> Answer {
        property::send(self.handle(), input, data)
    }

    /// Sends any device control request.
    pub fn control(&self, code: u32, input: &[u8], output: &mut [u8]) -> (Status, usize) {
        self.handle.control(code, input, output)
    }

    fn pin_request(id: KSPROPERTY_PIN::Type, pin: u32, extra: &[u8]) -> Vec<u8> {
        let pin = [pin.to_le_bytes(), [0; 4]].concat();
        property::request(KSPROPSETID_Pin, id as u32, property::GET, &[&pin, extra].concat())
    }

    fn pin_value<T: bytes::Plain>(&self, id: KSPROPERTY_PIN::Type, pin: u32) -> Result<T, Status> {
        self.property(&Self::pin_request(id, pin, &[]), vec![0; size_of::<T>()]).value()
    }

    fn pin_items(&self, id: KSPROPERTY_PIN::Type, pin: u32) -> Result<Vec<u8>, Status> {
        property::get_sized(self.handle(), &Self::pin_request(id, pin, &[]))
    }

    /// How many pin types the filter has.
    pub fn pin_count(&self) -> Result<u32, Status> {
        let id = KSPROPERTY_PIN::KSPROPERTY_PIN_CTYPES as u32;
        self.property(&property::request(KSPROPSETID_Pin, id, property::GET, &[]), vec![0; 4]).value()
    }

    /// All pin types.
    pub fn pins(&self) -> Result<Vec<PinInfo>, Status> {
        (0..self.pin_count()?).map(|id| self.pin_info(id)).collect()
    }

    /// One pin type, by the properties of `KSPROPSETID_Pin`.
    pub fn pin_info(&self, id: u32) -> Result<PinInfo, Status> {
        use KSPROPERTY_PIN::*;
        let counts: KSPIN_CINSTANCES = self.pin_value(KSPROPERTY_PIN_CINSTANCES, id)?;
        let identifiers = |property| -> Result<Vec<(GUID, u32)>, Status> {
            let items = self.pin_items(property, id)?;
            let items = items.get(size_of::<KSMULTIPLE_ITEM>()..).unwrap_or_default();
            let one = |bytes: &[u8]| bytes::read::<Identifier>(bytes).map(|item| (item.Set, item.Id));
            Ok(items.chunks_exact(size_of::<Identifier>()).filter_map(one).collect())
        };
        let dataflow: u32 = self.pin_value(KSPROPERTY_PIN_DATAFLOW, id)?;
        Ok(PinInfo {
            id,
            output: dataflow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT as u32,
            communication: Communication::from_ks(self.pin_value(KSPROPERTY_PIN_COMMUNICATION, id)?),
            instances: (
                (counts.PossibleCount != KSINSTANCE_INDETERMINATE).then_some(counts.PossibleCount),
                counts.CurrentCount,
            ),
            ranges: Range::list(&self.pin_items(KSPROPERTY_PIN_DATARANGES, id)?),
            category: self.pin_value(KSPROPERTY_PIN_CATEGORY, id).ok(),
            name: self.pin_name(id),
            interfaces: identifiers(KSPROPERTY_PIN_INTERFACES)?,
            mediums: identifiers(KSPROPERTY_PIN_MEDIUMS)?,
        })
    }

    fn pin_name(&self, id: u32) -> Option<String> {
        let name = self.pin_items(KSPROPERTY_PIN::KSPROPERTY_PIN_NAME, id).ok()?;
        let units: Vec<u16> =
            name.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let text = String::from_utf16_lossy(&units);
        let text = text.trim_end_matches('\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The property sets the filter supports (`KSPROPERTY_TYPE_SETSUPPORT` with no set).
    pub fn property_sets(&self) -> Result<Vec<GUID>, Status> {
        let sets =
            property::get_sized(self.handle(), &property::request(GUID_NULL, 0, property::SET_SUPPORT, &[]))?;
        Ok(sets.chunks_exact(size_of::<GUID>()).filter_map(bytes::read).collect())
    }

    /// The best format of a pin type in the client's range (`KSPROPERTY_PIN_DATAINTERSECTION`).
    pub fn intersect(&self, pin: u32, range: &Range) -> Result<Format, Status> {
        let items = KSMULTIPLE_ITEM { Size: (size_of::<KSMULTIPLE_ITEM>() + range.0.len()) as u32, Count: 1 };
        let extra = [bytes::of(&items), &range.0].concat();
        let id = KSPROPERTY_PIN::KSPROPERTY_PIN_DATAINTERSECTION;
        property::get_sized(self.handle(), &Self::pin_request(id, pin, &extra)).map(Format)
    }

    /// Makes a pin that receives requests.
    pub fn create_pin(&self, pin: u32, format: &Format) -> Result<Pin, Status> {
        self.connect_to(pin, format, 0)
    }

    /// Makes a pin that sends requests to `sink`: the connection of two pins inside the kernel.
    pub fn connect(&self, pin: u32, format: &Format, sink: &Pin) -> Result<Pin, Status> {
        self.connect_to(pin, format, sink.handle())
    }

    /// The same with any value in the place of the sink's handle.
    pub fn connect_to(&self, pin: u32, format: &Format, handle: usize) -> Result<Pin, Status> {
        let connect = connect(pin, handle);
        let connect =
            if narrow::is_narrow() { narrow::connect(&connect) } else { bytes::of(&connect).to_vec() };
        self.create_raw(pin, &[connect, format.0.clone()].concat(), GENERIC_READ | GENERIC_WRITE)
    }

    /// Makes a pin from any bytes in the place of `KSPIN_CONNECT` and format.
    pub fn create_raw(&self, pin: u32, connect: &[u8], access: u32) -> Result<Pin, Status> {
        let name = [&utf16(&format!("{}\\", guid::text(&KSNAME_Pin))), connect].concat();
        Ok(Pin::new(Handle::open(Some(self.handle()), &name, access)?, pin))
    }

    /// Closes the filter.
    pub fn close(self) {}
}

/// A `KSPIN_CONNECT` with the standard interface and medium.
pub fn connect(pin: u32, handle: usize) -> KSPIN_CONNECT {
    let mut connect: KSPIN_CONNECT = bytes::zeroed();
    connect.Interface.__bindgen_anon_1.__bindgen_anon_1 = Identifier {
        Set: KSINTERFACESETID_Standard,
        Id: KSINTERFACE_STANDARD::KSINTERFACE_STANDARD_STREAMING as u32,
        Flags: 0,
    };
    connect.Medium.__bindgen_anon_1.__bindgen_anon_1 =
        Identifier { Set: KSMEDIUMSETID_Standard, Id: KSMEDIUM_TYPE_ANYINSTANCE, Flags: 0 };
    connect.PinId = pin;
    connect.PinToHandle = handle as HANDLE;
    connect.Priority.PriorityClass = KSPRIORITY_NORMAL;
    connect.Priority.PrioritySubClass = 1;
    connect
}
