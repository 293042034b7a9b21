//! Where a demo keeps its things.
//!
//! ```text
//! DIR/
//!   demo.json            what the demo began with: an earlier demo is taken up again from here
//!   demo.lock            held while the demo runs
//!   directory.jws        the signed directory of the seven regions; keeper.key signs it
//!   gwent/               one folder for each region
//!     config.toml        starts the region again: cofrestr serve --config …
//!     register.sqlite    its database
//!     keys/  issuer/     its signing keys; the keys of its sandbox issuer
//!     custodian.token …  access tokens, one for each role
//!     partner-client.pem the key of the hospital's system; partner-client.id is who it is
//!     region.log         what its process says
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::WithHint;
use super::people::Place;
use crate::config::DEMO;
use crate::register::peers::directory::Keeper;

/// What helps against a folder that cannot be used.
const OTHER_FOLDER: &str = "name another folder with --data";

/// What a demo began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Plan {
    /// Port of the first region.
    pub(super) base_port: u16,
    /// Children with an entry in each region.
    pub(super) children: usize,
    /// The seed of the invented children.
    pub(super) seed: u64,
    /// Procedure time at which it began.
    pub(super) began_at: DateTime<Utc>,
}

/// The folder of a demo, locked. A temporary one is removed when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    temporary: bool,
    lock: Option<File>,
}

impl Folder {
    /// Takes a folder, which is made when it does not exist; without one, a temporary folder.
    ///
    /// # Errors
    /// When it cannot be written, or another demo uses it.
    pub(super) fn take(data: Option<&Path>) -> Result<Self> {
        let path = match data {
            Some(path) => path.to_owned(),
            None => std::env::temp_dir().join(format!("cofrestr-demo-{}", uuid::Uuid::now_v7())),
        };
        let mut folder = Self { path, temporary: data.is_none(), lock: None };
        let shown = folder.path.display().to_string();
        make_private(&folder.path).with_context(|| format!("cannot make the folder {shown}"))?;
        folder.path = fs::canonicalize(&folder.path).with_context(|| format!("cannot use the folder {shown}"))?;
        if folder.path.to_str().is_none() {
            return Err(anyhow!("the path of the folder {shown} is not UTF-8, which the configuration files must be")).hint(OTHER_FOLDER);
        }
        let lock = File::create(folder.path.join("demo.lock")).with_context(|| format!("cannot write to the folder {shown}"))?;
        if lock.try_lock().is_err() {
            // Whoever holds it is at work in there.
            folder.temporary = false;
            return Err(anyhow!("another demo is using the folder {shown}")).hint("end it first, or name another folder with --data");
        }
        folder.lock = Some(lock);
        Ok(folder)
    }

    /// Where it is: absolute, and without links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it goes when the demo ends.
    pub(super) fn is_temporary(&self) -> bool {
        self.temporary
    }

    fn plan_path(&self) -> PathBuf {
        self.path.join("demo.json")
    }

    /// What the earlier demo in this folder began with, if there was one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn plan(&self) -> Result<Option<Plan>> {
        let path = self.plan_path();
        match fs::read(&path) {
            Ok(bytes) => {
                let plan = serde_json::from_slice(&bytes);
                Ok(Some(plan.with_context(|| format!("{} is not of this program", path.display())).hint(OTHER_FOLDER)?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Keeps what the demo began with.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, plan: &Plan) -> Result<()> {
        let path = self.plan_path();
        write_whole(&path, &serde_json::to_vec_pretty(plan)?).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The signed directory of the demo's regions.
    pub(super) fn directory(&self) -> PathBuf {
        self.path.join("directory.jws")
    }

    /// The key of the directory's keeper, made when there is none.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(super) fn keeper(&self) -> Result<Keeper> {
        let path = self.path.join("keeper.key");
        match fs::read_to_string(&path) {
            Ok(text) => Keeper::read(&text).with_context(|| format!("{} is no key", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (keeper, text) = Keeper::generate()?;
                write_whole(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
                Ok(keeper)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// The folder of a region.
    pub(super) fn region(&self, place: &Place) -> RegionFolder {
        RegionFolder { path: self.path.join(place.code), directory: self.directory() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed is left to the system, which empties its folder for temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The folder of one region.
#[derive(Debug, Clone)]
pub(super) struct RegionFolder {
    path: PathBuf,
    directory: PathBuf,
}

impl RegionFolder {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration file.
    pub(super) fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The database, as its URL.
    pub(super) fn database(&self) -> String {
        format!("sqlite:{}", self.path.join("register.sqlite").display())
    }

    /// The region's key folder.
    pub(super) fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// The key folder of the region's sandbox issuer.
    pub(super) fn issuer_keys(&self) -> PathBuf {
        self.path.join("issuer")
    }

    /// The log of the region's process.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("region.log")
    }

    /// Opens the log to go on writing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn open_log(&self) -> Result<File> {
        let path = self.log();
        OpenOptions::new().create(true).append(true).open(&path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes the configuration: what the demo lays over the defaults, and what is this region's own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write_config(&self, place: &Place, port: u16, keeper: &str) -> Result<String> {
        make_private(&self.path).with_context(|| format!("cannot make the folder {}", self.path.display()))?;
        let path = self.config();
        let own: Own<'_> = Own {
            region: OwnRegion { code: place.code },
            // A demo does not wait long for requests that are under way.
            server: OwnServer { bind: format!("127.0.0.1:{port}"), public_url: url(port), shutdown_seconds: 3 },
            database: OwnDatabase { url: self.database() },
            keys: OwnKeys { folder: self.keys() },
            federation: OwnFederation {
                bind: format!("127.0.0.1:{}", peer_port(port)),
                address: format!("https://127.0.0.1:{}", peer_port(port)),
                directory_keys: [keeper],
                directory_file: &self.directory,
                // A demo shows within seconds what takes minutes elsewhere: who is away, who is back, who is suspended.
                refresh_ms: 2_000,
                retry_first_ms: 500,
                retry_last_ms: 3_000,
            },
            pages: OwnPages { sandbox_tokens: &self.path },
            issuers: [OwnIssuer { issuer: place.issuer(), audience: place.audience(), jwks_file: self.issuer_keys().join("public.json") }],
        };
        let text = format!(
            "# The region {} of a demo. If its process ended, this starts it again:\n#   cofrestr serve --config {}\n\n{}\n{DEMO}",
            place.code,
            path.display(),
            toml::to_string(&own).context("the configuration cannot be written as TOML")?
        );
        write_whole(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(text)
    }
}

/// The address of a region.
pub(super) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The port on which a region answers others.
///
/// # Source
/// Contract, part 5.
pub(super) const fn peer_port(port: u16) -> u16 {
    port + 100
}

#[derive(Serialize)]
struct Own<'a> {
    region: OwnRegion<'a>,
    server: OwnServer,
    database: OwnDatabase,
    keys: OwnKeys,
    federation: OwnFederation<'a>,
    pages: OwnPages<'a>,
    issuers: [OwnIssuer; 1],
}

#[derive(Serialize)]
struct OwnRegion<'a> {
    code: &'a str,
}

#[derive(Serialize)]
struct OwnServer {
    bind: String,
    public_url: String,
    shutdown_seconds: u64,
}

#[derive(Serialize)]
struct OwnDatabase {
    url: String,
}

#[derive(Serialize)]
struct OwnKeys {
    folder: PathBuf,
}

#[derive(Serialize)]
struct OwnFederation<'a> {
    bind: String,
    address: String,
    directory_keys: [&'a str; 1],
    directory_file: &'a Path,
    refresh_ms: u64,
    retry_first_ms: u64,
    retry_last_ms: u64,
}

#[derive(Serialize)]
struct OwnIssuer {
    issuer: String,
    audience: String,
    jwks_file: PathBuf,
}

#[derive(Serialize)]
struct OwnPages<'a> {
    sandbox_tokens: &'a Path,
}

/// Makes a folder that nobody else can read, unless it exists.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Writes a file whole or not at all, readable by its owner alone: most of what a demo writes lets somebody in.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(&fresh)?.write_all(bytes)?;
    fs::rename(&fresh, path)
}
