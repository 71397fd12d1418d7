//! What is shown while nobody writes: the camera's own moving picture, or a still one that a client has given.

use avstream::{Error, KBuffer, Result, Shared, SpinLock};
use video::{Adjust, Conversion, Format};

use crate::picture::{self, Sink};

/// A picture that a client has given.
pub struct Picture {
    /// How it lies in memory.
    pub format: Format,
    /// All of it.
    pub bytes: KBuffer,
}

/// The picture for all readers; `None`: the camera's own.
pub struct Placeholder(SpinLock<Option<Shared<Picture>>>);

impl Placeholder {
    /// The camera's own.
    pub const fn new() -> Self {
        Self(SpinLock::new(None))
    }

    /// The picture.
    pub fn get(&self) -> Option<Shared<Picture>> {
        self.0.lock().clone()
    }

    /// Shows another picture from now on.
    pub fn set(&self, picture: Option<Shared<Picture>>) {
        let old = core::mem::replace(&mut *self.0.lock(), picture);
        // Without the lock: it may be the last owner.
        drop(old);
    }
}

/// The placeholder as one reader sees it: converted once, when the picture or the reader's format has changed.
pub struct View(Option<Converted>);

struct Converted {
    picture: Shared<Picture>,
    format: Format,
    /// `None`: there was no memory.
    bytes: Option<KBuffer>,
}

impl View {
    /// Nothing seen yet.
    pub const NOTHING: Self = Self(None);

    /// Puts the placeholder into a frame. Where there is no memory for the client's picture in this format it is the
    /// camera's own, whose number `number` is.
    pub fn paint(
        &mut self,
        placeholder: &Placeholder,
        format: Format,
        number: u32,
        sink: &mut Sink<'_>,
    ) -> bool {
        let Some(picture) = placeholder.get() else {
            self.0 = None;
            return video::placeholder::paint(format, number, sink);
        };
        let is_it = |seen: &Converted| Shared::same(&seen.picture, &picture) && seen.format == format;
        if !self.0.as_ref().is_some_and(is_it) {
            // First give back what the old one took.
            self.0 = None;
            let bytes = convert(&picture, format).ok();
            self.0 = Some(Converted { picture, format, bytes });
        }
        match self.0.as_ref().and_then(|seen| seen.bytes.as_ref()) {
            Some(bytes) => write(bytes, format, sink),
            None => video::placeholder::paint(format, number, sink),
        }
    }
}

/// Writes a picture, without what lies between its rows.
fn write(bytes: &[u8], format: Format, sink: &mut Sink<'_>) -> bool {
    let len = format.row_bytes() as usize;
    if len == format.stride() as usize {
        return video::Sink::write(sink, 0, bytes);
    }
    picture::planes(format).into_iter().flatten().all(|plane| {
        (0..plane.rows).all(|row| {
            let at = plane.at(row, 0);
            let row = bytes.get(at..).and_then(|rest| rest.get(..len));
            row.is_some_and(|row| video::Sink::write(sink, at, row))
        })
    })
}

/// The picture in another format, fitted in.
fn convert(picture: &Picture, to: Format) -> Result<KBuffer> {
    let conversion = Conversion::new(picture.format, to, Adjust::NEUTRAL);
    let mut bytes = KBuffer::new(to.image_size() as usize)?;
    let mut scratch = KBuffer::new(conversion.scratch())?;
    let converted = conversion.run(&*picture.bytes, &mut *bytes, &mut scratch);
    if converted { Ok(bytes) } else { Err(Error::INVALID_BUFFER_SIZE) }
}
