//! Names with a value, of a member or of the whole catalog: `CatalogNameValue`.

use der::{
    Any, Decode, Encode, Sequence,
    asn1::{BmpString, OctetString, SetOfVec},
};
use x509_cert::{attr::Attribute, ext::Extension};

use crate::oid;

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameValue {
    /// The name.
    pub name: String,
    /// The value, without its NUL.
    pub value: String,
    /// How it is to be taken; [`NameValue::TEXT`] everywhere.
    pub flags: u32,
}

/// As it stands in a catalog.
#[derive(Sequence)]
struct Encoded {
    name: BmpString,
    flags: u32,
    value: OctetString,
}

impl NameValue {
    /// Authenticated, plain text, a pair of name and value: the flags of MakeCat's `CATATTR1=0x10010001:…`, see
    /// <https://learn.microsoft.com/windows-hardware/drivers/install/creating-a-catalog-file-for-a-non-pnp-driver-package>.
    pub const TEXT: u32 = 0x1001_0001;

    /// Text.
    pub(super) fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), flags: Self::TEXT }
    }

    fn encode(&self) -> der::Result<Encoded> {
        let value: Vec<u8> = self.value.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        Ok(Encoded {
            name: BmpString::from_utf8(&self.name)?,
            flags: self.flags,
            value: OctetString::new(value)?,
        })
    }

    /// As an attribute of a member.
    pub(super) fn attribute(&self) -> der::Result<Attribute> {
        let value = Any::encode_from(&self.encode()?)?;
        Ok(Attribute { oid: oid::CAT_NAMEVALUE, values: SetOfVec::try_from([value])? })
    }

    /// As an extension of the catalog.
    pub(super) fn extension(&self) -> der::Result<Extension> {
        let extn_value = OctetString::new(self.encode()?.to_der()?)?;
        Ok(Extension { extn_id: oid::CAT_NAMEVALUE, critical: false, extn_value })
    }

    /// Reads one.
    pub(super) fn parse(bytes: &[u8]) -> der::Result<Self> {
        let encoded = Encoded::from_der(bytes)?;
        let (units, rest) = encoded.value.as_bytes().as_chunks();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        match (units.split_last(), rest) {
            (Some((0, text)), []) => Ok(Self {
                name: encoded.name.to_string(),
                value: String::from_utf16_lossy(text),
                flags: encoded.flags,
            }),
            _ => Err(der::Tag::OctetString.value_error().into()),
        }
    }
}
