//! A catalog of the package.

use crate::catalog::{Catalog, NotACatalog};

/// A catalog.
pub struct CatalogFile {
    /// Its path in the package.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Read, if it is one.
    pub catalog: Result<Catalog, NotACatalog>,
}
