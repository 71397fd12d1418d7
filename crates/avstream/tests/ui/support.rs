//! A device, a filter and a pin without fault, to make one fault in.

#![allow(dead_code)]

use core::marker::PhantomData;

use avstream::{ffi::*, *};

pub struct TestDevice;
pub struct TestFilter;
pub struct TestPin;

impl DeviceDispatch for TestDevice {
    const FILTERS: &'static [&'static FilterDescriptor<Self>] = &[];

    fn add(_: Device<'_, Self>) -> Result<Self> {
        Ok(Self)
    }
}

impl FilterDispatch for TestFilter {
    type Device = TestDevice;

    fn create(_: &Filter<'_, Control>, _: &TestDevice) -> Result<Self> {
        Ok(Self)
    }
}

impl PinDispatch for TestPin {
    type Filter = TestFilter;

    const PROCESS: Option<callbacks::Process<Self>> = Some(|_, _| Processed::Wait);
    const INTERSECT: Option<callbacks::Intersect<Self>> = Some(|_, _, _| Err(Error::NO_MATCH));

    fn create(_: &Pin<'_, Control>, _: &TestFilter) -> Result<Self> {
        Ok(Self)
    }
}

/// A property of a kind of filters.
pub struct NumberOf<F>(PhantomData<F>);
pub type Number = NumberOf<TestFilter>;

impl<F: FilterDispatch> Property for NumberOf<F> {
    type Owner = OfFilter<F>;
    type Request = KSPROPERTY;
    type Value = u32;

    const ID: u32 = 0;
    const GET: Option<callbacks::Get<Self>> = Some(|_, _| Ok(0));
}

pub static REFERENCE: GUID = guid(1);
pub static CATEGORIES: [GUID; 1] = [guid(2)];
pub static RANGES: [DataRangeRef; 1] = [DataRangeRef::video(&RANGE)];
static RANGE: VideoRange = VideoRange::new(guid(3), caps(), picture());

pub const fn pin() -> PinDescriptor<TestFilter> {
    PinDescriptor::new::<TestPin>(DataFlow::Out, Communication::Sink).data_ranges(&RANGES)
}

pub const fn filter(pins: &'static [PinDescriptor<TestFilter>]) -> FilterDescriptor<TestDevice> {
    FilterDescriptor::new(&REFERENCE, &CATEGORIES, pins)
}

pub const fn caps() -> KS_VIDEO_STREAM_CONFIG_CAPS {
    KS_VIDEO_STREAM_CONFIG_CAPS {
        MinOutputSize: SIZE { cx: 16, cy: 16 },
        MaxOutputSize: SIZE { cx: 640, cy: 480 },
        OutputGranularityX: 2,
        OutputGranularityY: 2,
        MinFrameInterval: 1,
        MaxFrameInterval: 2,
        // SAFETY: numbers.
        ..unsafe { core::mem::zeroed() }
    }
}

pub const fn picture() -> KS_VIDEOINFOHEADER {
    // SAFETY: numbers.
    let mut info: KS_VIDEOINFOHEADER = unsafe { core::mem::zeroed() };
    info.bmiHeader.biWidth = 320;
    info.bmiHeader.biHeight = 240;
    info.bmiHeader.biSizeImage = 320 * 240 * 2;
    info
}
