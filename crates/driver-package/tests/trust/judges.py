"""Asks signify, LIEF and pefile about files: a question in JSON per line of the input, an answer per line of the output."""

import json
import pathlib
import re
import sys

# oscrypto 1.3.0 does not understand a version of OpenSSL such as 3.0.19: two digits at the end.
search = re.search


def search_version(pattern, string, flags=0):
    if pattern == r"\b(\d\.\d\.\d[a-z]*)\b":
        pattern = r"\b(\d+\.\d+\.\d+[a-z]*)\b"
    return search(pattern, string, flags)


re.search = search_version
import oscrypto.asymmetric  # noqa: E402

re.search = search

import lief  # noqa: E402
import pefile  # noqa: E402
from signify.authenticode.signed_file import AuthenticodeFile  # noqa: E402
from signify.x509 import FileSystemCertificateStore  # noqa: E402


def signify_embedded(question):
    """The embedded signature: digest, page hashes, certificate."""
    store = FileSystemCertificateStore(pathlib.Path(question["certificate"]), trusted=True)
    with open(question["file"], "rb") as file:
        signed = AuthenticodeFile.from_stream(file)
        signed.verify(signature_types="embedded", trusted_certificate_store=store)
    return "verified"


def signify_catalog(question):
    """Membership in a catalog, and the catalog's signature."""
    store = FileSystemCertificateStore(pathlib.Path(question["certificate"]), trusted=True)
    with open(question["file"], "rb") as file, open(question["catalog"], "rb") as catalog:
        signed = AuthenticodeFile.from_stream(file, allow_flat=True)
        signed.add_catalog(catalog)
        signed.verify(signature_types="catalog", trusted_certificate_store=store)
    return "verified"


def lief_signature(question):
    """The embedded signature, by LIEF's own cryptography; trust is not its matter here."""
    binary = lief.PE.parse(question["file"])
    if binary is None or len(binary.signatures) != 1:
        return "not one signature"
    checks = lief.PE.Signature.VERIFICATION_CHECKS
    flags = binary.verify_signature(checks.SKIP_CERT_TIME)
    return "verified" if flags == lief.PE.Signature.VERIFICATION_FLAGS.OK else str(flags)


def lief_digest(question):
    """The Authenticode digest."""
    algorithm = {20: lief.PE.ALGORITHMS.SHA_1, 32: lief.PE.ALGORITHMS.SHA_256}[question["length"]]
    return bytes(lief.PE.parse(question["file"]).authentihash(algorithm)).hex()


def lief_checksum(question):
    """The checksum: stated and computed."""
    binary = lief.PE.parse(question["file"])
    return [binary.optional_header.checksum, binary.compute_checksum()]


def pefile_checksum(question):
    """The checksum: stated and computed."""
    binary = pefile.PE(question["file"])
    return [binary.OPTIONAL_HEADER.CheckSum, binary.generate_checksum()]


QUESTIONS = [signify_embedded, signify_catalog, lief_signature, lief_digest, lief_checksum, pefile_checksum]

lief.logging.disable()
for line in sys.stdin:
    question = json.loads(line)
    ask = next(ask for ask in QUESTIONS if ask.__name__ == question["ask"])
    try:
        answer = ask(question)
    except Exception as error:
        answer = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True)
