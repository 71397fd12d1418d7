//! Who signs: a certificate and its key.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Output,
    time::SystemTime,
};

use der::{DecodePem as _, Encode as _};
use x509_cert::Certificate;

use super::{
    Error,
    tool::{check, run},
};
use crate::{digest::Digest, pkcs7::certificate};

/// A certificate with its key.
#[derive(Debug)]
pub struct Identity {
    source: Source,
    certificate: Certificate,
}

#[derive(Debug)]
enum Source {
    Files { certificate: PathBuf, key: PathBuf },
    Pfx { file: PathBuf, password: String },
}

/// How long a certificate for tests is valid.
const DAYS: u32 = 3650;

impl Identity {
    /// The self-signed certificate for tests that lies in a folder; it is made if it is not there.
    ///
    /// RSA with 2048 bits, for code signing only. There is one for each digest, since Windows XP to 7 cannot check a
    /// certificate that is itself signed with SHA-256. The folder should be the user's own and outlive builds: who
    /// installs the package trusts this certificate.
    ///
    /// # Errors
    ///
    /// `openssl` is missing or refuses, or what lies in the folder cannot be used.
    pub fn for_tests(folder: &Path, name: &str, digest: Digest) -> Result<Self, Error> {
        let place = folder.join(match digest {
            Digest::Sha1 => "sha1",
            Digest::Sha256 => "sha256",
        });
        if !place.exists() {
            create(folder, &place, name, digest)?;
        }
        let file = place.join("certificate.pem");
        let text = fs::read(&file).map_err(|error| Error::File(file.clone(), error))?;
        let certificate = Certificate::from_pem(text).map_err(|error| Error::Certificate {
            file: file.clone(),
            why: format!("it is not readable ({error}); delete {} to have a new one made", place.display()),
        })?;
        check_certificate(&certificate, &file)?;
        Ok(Self { source: Source::Files { certificate: file, key: place.join("key.pem") }, certificate })
    }

    /// The certificate and the key in a PFX file.
    ///
    /// # Errors
    ///
    /// The password is wrong, the file is no PFX, or the certificate is not fit for signing code.
    pub fn from_pfx(file: &Path, password: &str) -> Result<Self, Error> {
        fs::File::open(file).map_err(|error| Error::File(file.to_owned(), error))?;
        let secret = Secret::new(password)?;
        let open = |legacy: &[&str]| -> Result<Output, Error> {
            let file = file.to_string_lossy();
            // It reads no empty password from a file.
            let password = match password {
                "" => "pass:".to_owned(),
                _ => format!("file:{}", secret.0.path().display()),
            };
            let arguments = ["pkcs12", "-in", &file, "-passin", &password, "-clcerts", "-nokeys"];
            run("openssl", arguments.iter().chain(legacy))
        };
        let mut output = open(&[])?;
        if !output.status.success() && !says(&output, "invalid password") {
            // The ciphers of files that Windows before 10 1709 exports.
            output = open(&["-legacy"])?;
        }
        if says(&output, "invalid password") {
            return Err(Error::Password(file.to_owned()));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let pem = text.find("-----BEGIN CERTIFICATE-----").map(|at| &text[at..]);
        let certificate = pem.and_then(|pem| Certificate::from_pem(first_block(pem)).ok());
        let certificate = certificate.ok_or_else(|| Error::NotPfx(file.to_owned()))?;
        check_certificate(&certificate, file)?;
        let source = Source::Pfx { file: file.to_owned(), password: password.to_owned() };
        Ok(Self { source, certificate })
    }

    /// The certificate in DER: the .cer file that a user installs.
    ///
    /// # Errors
    ///
    /// Never for a certificate that was read.
    pub fn certificate(&self) -> der::Result<Vec<u8>> {
        self.certificate.to_der()
    }

    /// Signs an image, with page hashes and the header's checksum set right, or a catalog. A signature that is there
    /// already is replaced.
    ///
    /// # Errors
    ///
    /// `osslsigncode` is missing or refuses. The file is as before.
    pub fn sign(&self, file: &Path, digest: Digest) -> Result<(), Error> {
        let at = |error| Error::File(file.to_owned(), error);
        let is_image = fs::read(file).map_err(at)?.starts_with(b"MZ");
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // osslsigncode will not write to a file that exists.
        let workshop = tempfile::tempdir_in(folder).map_err(at)?;
        let signed = workshop.path().join("signed");
        let secret;
        let mut arguments: Vec<&Path> = vec![Path::new("sign")];
        match &self.source {
            Source::Files { certificate, key } => {
                arguments.extend([Path::new("-certs"), certificate, Path::new("-key"), key]);
            }
            Source::Pfx { file, password } => {
                secret = Secret::new(password)?;
                arguments.extend([Path::new("-pkcs12"), file]);
                arguments.extend(match password.as_str() {
                    "" => ["-pass", ""].map(Path::new),
                    _ => [Path::new("-readpass"), secret.0.path()],
                });
            }
        }
        let name = match digest {
            Digest::Sha1 => "sha1",
            Digest::Sha256 => "sha256",
        };
        arguments.extend(["-h", name].map(Path::new));
        if is_image {
            arguments.push(Path::new("-ph"));
        }
        arguments.extend([Path::new("-in"), file, Path::new("-out"), &signed]);
        let output = run("osslsigncode", arguments)?;
        check("osslsigncode", format!("sign {}", file.display()), &output)?;
        let permissions = fs::metadata(file).map_err(at)?.permissions();
        fs::set_permissions(&signed, permissions).map_err(at)?;
        fs::rename(&signed, file).map_err(at)
    }
}

/// A password in a file that nobody else can read: on a command line everybody could.
struct Secret(tempfile::NamedTempFile);

impl Secret {
    fn new(password: &str) -> Result<Self, Error> {
        let write = || {
            let mut file = tempfile::NamedTempFile::new()?;
            file.write_all(password.as_bytes())?;
            Ok(Self(file))
        };
        write().map_err(|error: io::Error| Error::File(std::env::temp_dir(), error))
    }
}

fn create(folder: &Path, place: &Path, name: &str, digest: Digest) -> Result<(), Error> {
    let at = |error| Error::File(folder.to_owned(), error);
    fs::create_dir_all(folder).map_err(at)?;
    // Complete or not at all, and readable for its owner only.
    let workshop = tempfile::tempdir_in(folder).map_err(at)?;
    let configuration = workshop.path().join("openssl.cnf");
    let text = format!(
        "[req]\nprompt = no\nutf8 = yes\ndistinguished_name = name\nx509_extensions = extensions\n\
         [name]\nCN = {name}\n\
         [extensions]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
         extendedKeyUsage = codeSigning\nsubjectKeyIdentifier = hash\n"
    );
    fs::write(&configuration, text).map_err(at)?;
    let path = |name: &str| workshop.path().join(name).to_string_lossy().into_owned();
    let output = run(
        "openssl",
        [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-batch",
            "-days",
            &DAYS.to_string(),
            match digest {
                Digest::Sha1 => "-sha1",
                Digest::Sha256 => "-sha256",
            },
            "-config",
            &path("openssl.cnf"),
            "-keyout",
            &path("key.pem"),
            "-out",
            &path("certificate.pem"),
        ],
    )?;
    check("openssl", "make a certificate", &output)?;
    fs::remove_file(configuration).map_err(at)?;
    match fs::rename(workshop.path(), place) {
        // The folder is the certificate's now.
        Ok(()) => drop(workshop.keep()),
        // Somebody else was first: then theirs is used.
        Err(_) if place.exists() => {}
        Err(error) => return Err(at(error)),
    }
    Ok(())
}

fn check_certificate(certificate: &Certificate, file: &Path) -> Result<(), Error> {
    let why = if !certificate::is_for_code(certificate) {
        "its extended key usage does not say code signing".to_owned()
    } else if !certificate::may_sign(certificate) {
        "its key usage does not say digital signature".to_owned()
    } else {
        let fit = certificate::check_validity(certificate, SystemTime::now());
        match fit.and_then(|()| certificate::check_key(certificate)) {
            Ok(()) => return Ok(()),
            Err(fault) => fault.to_string(),
        }
    };
    Err(Error::Certificate { file: file.to_owned(), why })
}

fn says(output: &Output, words: &str) -> bool {
    String::from_utf8_lossy(&output.stderr).contains(words)
}

/// A PEM text without what follows its first block.
fn first_block(pem: &str) -> &str {
    const END: &str = "-----END CERTIFICATE-----";
    pem.find(END).map_or(pem, |at| &pem[..at + END.len()])
}
