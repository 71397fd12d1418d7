//! Who reads: the open pins *Capture* of a camera.

use avstream::{Error, Result, Shared, SpinLock};

/// How many can be open.
const PLACES: usize = loopcam_api::MAX_READERS as usize;

/// A list of readers, each of which is an `R`.
pub struct Roster<R> {
    places: SpinLock<[Option<Shared<R>>; PLACES]>,
}

impl<R> Roster<R> {
    /// Nobody.
    pub const fn new() -> Self {
        Self { places: SpinLock::new([const { None }; PLACES]) }
    }

    /// Puts a reader into the list; gives its place.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: all places are taken.
    pub fn add(&self, reader: Shared<R>) -> Result<usize> {
        let mut places = self.places.lock();
        let free = places.iter_mut().enumerate().find(|(_, place)| place.is_none());
        let (index, place) = free.ok_or(Error::INSUFFICIENT_RESOURCES)?;
        *place = Some(reader);
        Ok(index)
    }

    /// Takes the reader at a place out of the list.
    pub fn remove(&self, place: usize) {
        let reader = self.places.lock().get_mut(place).and_then(Option::take);
        // Without the lock: it may be the last owner.
        drop(reader);
    }

    /// Those who are in the list now; one who goes meanwhile is left out.
    pub fn iter(&self) -> impl Iterator<Item = Shared<R>> {
        (0..PLACES).filter_map(|place| self.places.lock().get(place)?.clone())
    }
}
