//! Object identifiers. Microsoft's are those of `wintrust.h` and `mssip.h`; the names are the headers'.

use der::asn1::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

pub(crate) const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
pub(crate) const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
pub(crate) const RSA_ENCRYPTION: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
pub(crate) const SHA1_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.5");
pub(crate) const SHA256_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
pub(crate) const SHA384_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
pub(crate) const SHA512_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.13");

pub(crate) const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
pub(crate) const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
pub(crate) const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
pub(crate) const CODE_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.3");

/// `szOID_CTL`: a list of trusted subjects.
pub(crate) const CTL: ObjectIdentifier = oid("1.3.6.1.4.1.311.10.1");
/// `szOID_CATALOG_LIST`: what the list is for.
pub(crate) const CATALOG_LIST: ObjectIdentifier = oid("1.3.6.1.4.1.311.12.1.1");
/// `szOID_CATALOG_LIST_MEMBER`: members are named by the text of their SHA-1.
pub(crate) const CATALOG_LIST_MEMBER: ObjectIdentifier = oid("1.3.6.1.4.1.311.12.1.2");
/// `szOID_CATALOG_LIST_MEMBER2`: members are named by their SHA-256.
pub(crate) const CATALOG_LIST_MEMBER2: ObjectIdentifier = oid("1.3.6.1.4.1.311.12.1.3");
/// `CAT_NAMEVALUE_OBJID`.
pub(crate) const CAT_NAMEVALUE: ObjectIdentifier = oid("1.3.6.1.4.1.311.12.2.1");
/// `CAT_MEMBERINFO_OBJID`.
pub(crate) const CAT_MEMBERINFO: ObjectIdentifier = oid("1.3.6.1.4.1.311.12.2.2");
/// `CAT_MEMBERINFO2_OBJID`.
pub(crate) const CAT_MEMBERINFO2: ObjectIdentifier = oid("1.3.6.1.4.1.311.12.2.3");

/// `SPC_INDIRECT_DATA_OBJID`: the digest of a file, and of what kind of file.
pub(crate) const SPC_INDIRECT_DATA: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.1.4");
/// `SPC_PE_IMAGE_DATA_OBJID`.
pub(crate) const SPC_PE_IMAGE_DATA: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.1.15");
/// `SPC_CAB_DATA_OBJID`, which catalogs use for files without a structure.
pub(crate) const SPC_CAB_DATA: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.1.25");
/// `SPC_PE_IMAGE_PAGE_HASHES_V1_OBJID`: SHA-1 of every page.
pub(crate) const SPC_PE_IMAGE_PAGE_HASHES_V1: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.3.1");
/// `SPC_PE_IMAGE_PAGE_HASHES_V2_OBJID`: SHA-256 of every page.
pub(crate) const SPC_PE_IMAGE_PAGE_HASHES_V2: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.3.2");
/// `szOID_NESTED_SIGNATURE`: a further signature among the attributes that are not signed.
pub(crate) const NESTED_SIGNATURE: ObjectIdentifier = oid("1.3.6.1.4.1.311.2.4.1");
