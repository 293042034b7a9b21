//! A real PostgreSQL for the tests, with nothing installed or started by hand.
//!
//! [`server`] starts one server per test process, on first use, and every test takes a database of its own from it.
//! A test that wants to cut the database in mid-flight starts a [`PostgresServer::private`] one and stops that.
//!
//! ```ignore
//! let url = postgres::server().create_database(); // postgres://postgres@127.0.0.1:24711/cofrestr_test_…
//! ```
//!
//! Where the server comes from, in this order:
//!
//! | what | when |
//! | --- | --- |
//! | `COFRESTR_TEST_POSTGRES_URL` | names a running server to use: its role may create databases; version 13 or later |
//! | `COFRESTR_TEST_PG_BIN` | names the directory of `initdb`, `postgres` and `psql` |
//! | found | `pg_config --bindir`, the places distributions use (highest version first), `PATH` |
//! | installed | through apt-get, dnf, apk or brew, if that needs no password; `COFRESTR_TEST_PG_INSTALL=never` forbids |
//!
//! The server never outlives the tests, however they end:
//!
//! - at a normal end an exit handler stops it and removes its directory;
//! - at any other end, SIGKILL included, the kernel stops it (Linux), and a small shell waiting at the other end of a
//!   pipe sees the pipe close, stops it (everywhere) and removes its directory;
//! - should that shell have died too, the next server to start sweeps the directory away.
//!
//! It listens on 127.0.0.1 only and asks for no password: any user of this computer may connect while the tests run.

// The exit handler, the death signal, `kill`, the user database and free space have no safe interface in `std`.
// Each block below is a call or two into libc.
#![allow(unsafe_code, reason = "calls into libc: atexit, prctl, kill, getpwnam_r, statvfs, geteuid")]
#![allow(dead_code, reason = "support code: not every test binary uses all of it")]

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};
use std::{env, thread};

use uuid::Uuid;

/// What a step of the set-up says when it fails; becomes the text of a panic.
type Outcome<T> = Result<T, String>;

/// Two slow cores under full load start a server in about five seconds; ten times that is a fault.
const START_LIMIT: Duration = Duration::from_secs(60);

/// An immediate shutdown takes milliseconds; the server itself kills sessions that linger after five seconds.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How many random ports to try. Other test processes are the only likely collision.
const PORT_ATTEMPTS: usize = 20;

/// Below the ports that Linux (32768) and macOS (49152) give to outgoing connections, so that nothing takes the port
/// of a private server while it is stopped.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// An empty cluster has 40 MB, its log of changes at most 512 MB (`max_wal_size`), a database 8 MB: enough for four
/// hundred databases at a time.
const ROOM_IN_MEMORY: u64 = 4 << 30;

/// Start of the names of our directories and lock files in the directory for temporary files.
const PREFIX: &str = "cofrestr-pg-";

/// Start of the names of the databases.
const DATABASE_PREFIX: &str = "cofrestr_test_";

// ---------------------------------------------------------------------------------------------------------------------
// What tests use
// ---------------------------------------------------------------------------------------------------------------------

/// The server that all tests of this process share, started on first use.
///
/// # Panics
///
/// If there is no PostgreSQL and none can be installed, or it does not start. The message says what was tried and what
/// to do. Later calls panic with the same message at once.
pub fn server() -> &'static PostgresServer {
    static SERVER: OnceLock<Outcome<PostgresServer>> = OnceLock::new();
    let server = SERVER.get_or_init(|| match env::var("COFRESTR_TEST_POSTGRES_URL") {
        Ok(url) if !url.is_empty() => PostgresServer::external(url),
        _ => Cluster::create().map(|cluster| PostgresServer { home: Home::Shared(cluster) }),
    });
    match server {
        Ok(server) => server,
        Err(message) => panic!("{message}"),
    }
}

/// A PostgreSQL server that tests may fill with databases.
pub struct PostgresServer {
    home: Home,
}

/// Where a server lives, which decides what a test may do with it.
enum Home {
    /// Ours, and every test of the process depends on it.
    Shared(Arc<Cluster>),
    /// Ours, and one test's alone: may be stopped.
    Private(Arc<Cluster>),
    /// Somebody else's: gives databases and nothing more.
    External { url: String, psql: PathBuf },
}

impl PostgresServer {
    /// A server of one's own, to be stopped and started without harm to other tests. It takes a second or two to make
    /// and ends when dropped.
    ///
    /// # Panics
    ///
    /// As [`server`]. `COFRESTR_TEST_POSTGRES_URL` does not serve here: what others use cannot be stopped.
    pub fn private() -> PostgresServer {
        match Cluster::create() {
            Ok(cluster) => PostgresServer { home: Home::Private(cluster) },
            Err(message) => panic!("{message}"),
        }
    }

    /// A server of one's own as a region would have it, for measurements: on a disk, what is committed outlives a power cut, it
    /// has a gigabyte for pages, and nothing else is set otherwise than its makers set it.
    ///
    /// # Panics
    ///
    /// As [`Self::private`].
    pub fn durable() -> PostgresServer {
        match Cluster::create_with(Keeps::OnDisk) {
            Ok(cluster) => PostgresServer { home: Home::Private(cluster) },
            Err(message) => panic!("{message}"),
        }
    }

    /// The number of the server's process; nothing while it is stopped, or of an external one.
    pub fn process(&self) -> Option<u32> {
        Some(locked(&self.cluster()?.postmaster).as_ref()?.id())
    }

    /// A new, empty database with a random name: UTF-8, ordered by code point whatever the server's own locale is.
    /// Answers its URL.
    ///
    /// # Panics
    ///
    /// If the server refuses or does not answer.
    pub fn create_database(&self) -> String {
        self.create("template0", "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
    }

    /// A new database with everything that `template` holds, which is much quicker than migrating an empty one.
    /// `template` is the URL or the name of a database of this server **that nobody is connected to**. Answers the
    /// URL of the copy.
    ///
    /// # Panics
    ///
    /// If the server refuses, which it does when someone stays connected to the template.
    pub fn create_database_from(&self, template: &str) -> String {
        self.create(database_name(template), "")
    }

    /// Drops a database of this server, given its URL or its name; whoever is connected is cut off. Dropping one that
    /// is not there does nothing. A test that drops its database keeps the room small, for the files may be in memory.
    ///
    /// # Panics
    ///
    /// If the server refuses or does not answer.
    pub fn drop_database(&self, database: &str) {
        let name = database_name(database);
        self.execute(&self.maintenance_url(), &drop_statement(name));
        forget_external_database(name);
    }

    /// Runs SQL through `psql`, each statement on its own, and answers the bare rows: columns parted by `|`, no header.
    /// For the few things a test wants to do behind the program's back.
    ///
    /// # Panics
    ///
    /// If the server refuses or does not answer.
    pub fn execute(&self, database_url: &str, sql: &str) -> String {
        match run_sql(self.psql(), database_url, sql) {
            Ok(rows) => rows,
            Err(reason) => panic!("PostgreSQL refused `{sql}`: {reason}{}", self.log_for_a_message()),
        }
    }

    /// The URL of the database `name` of this server, whether it exists or not. On a server of ours it says
    /// `sslmode=disable`, so that a test process pays for TLS only where it asks for it with [`Self::tls_url`].
    pub fn url(&self, name: &str) -> String {
        match &self.home {
            Home::Shared(cluster) | Home::Private(cluster) => cluster.url(name),
            Home::External { url, .. } => with_database(url, name),
        }
    }

    /// The root certificate that vouches for the server under the name `localhost`, for `sslmode=verify-full`. `None`
    /// where `openssl` or the server's TLS is missing, and for an external server.
    pub fn tls_root(&self) -> Option<PathBuf> {
        let cluster = self.cluster()?;
        cluster.tls.load(Ordering::Relaxed).then(|| cluster.root_certificate())
    }

    /// The URL of a database, given its URL or its name, over TLS with the certificate and the name checked. `None` as
    /// [`Self::tls_root`].
    pub fn tls_url(&self, database: &str) -> Option<String> {
        let root = self.tls_root()?;
        let port = self.cluster()?.port;
        let name = database_name(database);
        // `hostaddr`, because `localhost` is often ::1 first, where nobody listens.
        Some(format!("postgres://postgres@localhost:{port}/{name}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={}", root.display()))
    }

    /// The port on 127.0.0.1, the same for the whole life of the server; `None` for an external server.
    pub fn port(&self) -> Option<u16> {
        Some(self.cluster()?.port)
    }

    /// Stops a private server as a power cut would: sessions are cut, nothing is flushed. Committed work survives,
    /// because the operating system goes on. Does nothing if it is stopped already.
    ///
    /// # Panics
    ///
    /// On a server that others use.
    pub fn stop(&self) {
        self.own_cluster().stop();
    }

    /// Starts a private server that was stopped, on the same port with the same data, and waits until it answers. Does
    /// nothing if it runs already.
    ///
    /// # Panics
    ///
    /// On a server that others use, and if it does not start.
    pub fn start(&self) {
        if let Err(message) = self.own_cluster().start() {
            panic!("{message}");
        }
    }

    /// [`Self::stop`], then [`Self::start`].
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// The server's log so far; empty for an external server.
    pub fn log(&self) -> String {
        self.cluster().map(|cluster| cluster.log_from(0)).unwrap_or_default()
    }

    fn external(url: String) -> Outcome<PostgresServer> {
        let psql = external_psql()?;
        run_sql(&psql, &url, "SELECT 1").map_err(|reason| {
            format!(
                "the server of COFRESTR_TEST_POSTGRES_URL does not answer: {reason}\n\
                 hint: start it, correct the URL, or unset the variable and the tests start a server of their own"
            )
        })?;
        drop_databases_at_exit();
        Ok(PostgresServer { home: Home::External { url, psql } })
    }

    fn create(&self, template: &str, options: &str) -> String {
        let name = format!("{DATABASE_PREFIX}{}", Uuid::now_v7().simple());
        let sql = format!("CREATE DATABASE {} TEMPLATE {} {options}", quoted(&name), quoted(template));
        if matches!(self.home, Home::External { .. }) {
            remember_external_database(&name, &self.maintenance_url(), self.psql());
        }
        self.execute(&self.maintenance_url(), &sql);
        self.url(&name)
    }

    /// Where to connect in order to create and drop other databases.
    fn maintenance_url(&self) -> String {
        match &self.home {
            Home::Shared(cluster) | Home::Private(cluster) => cluster.url("postgres"),
            Home::External { url, .. } => url.clone(),
        }
    }

    fn psql(&self) -> &Path {
        match &self.home {
            Home::Shared(cluster) | Home::Private(cluster) => &cluster.programs.psql,
            Home::External { psql, .. } => psql,
        }
    }

    fn cluster(&self) -> Option<&Cluster> {
        match &self.home {
            Home::Shared(cluster) | Home::Private(cluster) => Some(cluster),
            Home::External { .. } => None,
        }
    }

    fn own_cluster(&self) -> &Cluster {
        match &self.home {
            Home::Private(cluster) => cluster,
            Home::Shared(_) | Home::External { .. } => {
                panic!("other tests use this server\nhint: stop one made by PostgresServer::private()")
            }
        }
    }

    fn log_for_a_message(&self) -> String {
        match self.cluster() {
            Some(cluster) => format!("\n{}", cluster.log_tail(0)),
            None => String::new(),
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Home::Private(cluster) = &self.home {
            cluster.end();
            locked(living_clusters()).retain(|other| !Arc::ptr_eq(other, cluster));
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// A server of ours
// ---------------------------------------------------------------------------------------------------------------------

/// One directory with a server's data, and the server that runs on it. `<temporary>` is in memory if there is plenty.
///
/// ```text
/// <temporary>/cofrestr-pg-<process>-<random>/
///   owner.lock   locked for as long as the test process lives: who can lock it, may remove the directory
///   data/        owned by the account that the server runs as, like run/ and tls/
///   run/         the Unix socket
///   tls/         the server's certificate and the root that vouches for it
///   server.log
/// ```
struct Cluster {
    programs: Programs,
    account: Option<Account>,
    directory: PathBuf,
    port: u16,
    tls: AtomicBool,
    postmaster: Mutex<Option<Child>>,
    watchdog: Mutex<Option<Watchdog>>,
    _owner: File,
}

/// How careful a server is with what is committed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// Enough for a test.
    ForATest,
    /// As in real life.
    OnDisk,
}

impl Cluster {
    /// Finds or installs the programs, makes a cluster, starts it and waits until it answers.
    fn create() -> Outcome<Arc<Cluster>> {
        Self::create_with(Keeps::ForATest)
    }

    fn create_with(keeps: Keeps) -> Outcome<Arc<Cluster>> {
        let programs = programs()?;
        let account = Account::for_the_server()?;
        let (directory, owner) = new_directory(account.as_ref(), keeps)?;
        let mut cluster = Cluster {
            watchdog: Mutex::new(Some(Watchdog::start(&directory)?)),
            programs,
            account,
            directory,
            port: 0,
            tls: AtomicBool::new(false),
            postmaster: Mutex::new(None),
            _owner: owner,
        };
        let ready = cluster.initialise(keeps).and_then(|()| cluster.start_on_a_free_port());
        if let Err(message) = ready {
            cluster.end();
            return Err(message);
        }
        let cluster = Arc::new(cluster);
        end_at_exit(&cluster);
        Ok(cluster)
    }

    /// Makes the files of an empty cluster.
    fn initialise(&self, keeps: Keeps) -> Outcome<()> {
        for name in ["data", "run", "tls"] {
            self.make_directory(&self.directory.join(name))?;
        }
        let mut command = self.command(&self.programs.initdb);
        command.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]).arg(self.data());
        let (status, output) = run_bound(command).map_err(|error| self.cannot_run(&self.programs.initdb, &error))?;
        if !status.success() {
            return Err(format!("initdb failed: {status}\n{output}{}", self.hint()));
        }

        // Quick, and to a client the same: what fsync and full pages protect from is a power cut, after which nobody
        // wants the tests' databases. Commits stay synchronous. 300 connections: every test has its pools.
        let careless = match keeps {
            Keeps::ForATest => {
                "fsync = off\n\
                 synchronous_commit = on\n\
                 full_page_writes = off\n\
                 shared_buffers = 64MB\n\
                 max_connections = 300\n\
                 max_wal_size = 512MB\n"
            }
            // A server of its own has a quarter of the machine's memory for this, its makers advise; 128 MB is what it starts with
            // anywhere.
            Keeps::OnDisk => "shared_buffers = 1GB\n",
        };
        let settings = format!(
            "\n{careless}\
             timezone = 'UTC'\n\
             log_timezone = 'UTC'\n\
             listen_addresses = '127.0.0.1'\n\
             unix_socket_directories = '{}'\n\
             ssl_cert_file = '{}'\n\
             ssl_key_file = '{}'\n",
            self.socket_directory(),
            self.directory.join("tls/server.crt").display(),
            self.directory.join("tls/server.key").display(),
        );
        let file = self.data().join("postgresql.conf");
        fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .and_then(|mut file| file.write_all(settings.as_bytes()))
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;

        self.tls.store(self.make_certificates(), Ordering::Relaxed);
        Ok(())
    }

    fn start_on_a_free_port(&mut self) -> Outcome<()> {
        let mut last = String::new();
        for _ in 0..PORT_ATTEMPTS {
            self.port = free_port()?;
            match self.launch() {
                Ok(()) => return Ok(()),
                Err(StartError::PortTaken(message)) => last = message,
                Err(StartError::NoTls(message)) => {
                    self.tls.store(false, Ordering::Relaxed);
                    last = message;
                }
                Err(StartError::Failed(message)) => return Err(message),
            }
        }
        Err(last)
    }

    fn start(&self) -> Outcome<()> {
        self.launch().map_err(|error| match error {
            StartError::PortTaken(message) | StartError::NoTls(message) | StartError::Failed(message) => message,
        })
    }

    /// Starts the server, unless it runs, and waits until it answers.
    fn launch(&self) -> Result<(), StartError> {
        let mut postmaster = locked(&self.postmaster);
        if let Some(child) = postmaster.as_mut()
            && matches!(child.try_wait(), Ok(None))
        {
            return Ok(());
        }
        let log = self.open_log().map_err(|error| StartError::Failed(format!("cannot write the server log: {error}")))?;
        let log_start = log.metadata().map(|metadata| metadata.len()).unwrap_or_default();
        let mut command = self.command(&self.programs.postgres);
        command.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        if self.tls.load(Ordering::Relaxed) {
            command.args(["-c", "ssl=on"]);
        }
        match log.try_clone() {
            Ok(copy) => command.stdout(copy).stderr(log),
            Err(error) => {
                return Err(StartError::Failed(format!("cannot share the server log: {error}")));
            }
        };
        let mut child = spawn_bound(command).map_err(|error| StartError::Failed(self.cannot_run(&self.programs.postgres, &error)))?;
        match self.wait_until_it_answers(&mut child) {
            Ok(()) => {
                *postmaster = Some(child);
                Ok(())
            }
            Err(reason) => {
                quit(&mut child);
                let log = self.log_from(log_start);
                let message = format!("PostgreSQL does not start: {reason}\n{}{}", self.log_tail(log_start), self.hint());
                Err(if log.contains("Address already in use") || log.contains("could not bind") {
                    StartError::PortTaken(message)
                } else if self.tls.load(Ordering::Relaxed) && (log.contains("SSL") || log.contains("ssl")) {
                    StartError::NoTls(message)
                } else {
                    StartError::Failed(message)
                })
            }
        }
    }

    fn wait_until_it_answers(&self, child: &mut Child) -> Outcome<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("it ended at once: {status}"));
            }
            if self.says_ready(child.id()) {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("not ready after {} s", START_LIMIT.as_secs()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        run_sql(&self.programs.psql, &self.url("postgres"), "SELECT 1").map(drop)
    }

    /// Whether the server has written into its pid file that it takes connections: the process id is the first line,
    /// the state the eighth. `pg_ctl --wait` looks at the same lines.
    fn says_ready(&self, process: u32) -> bool {
        let Ok(text) = fs::read_to_string(self.pid_file()) else {
            return false;
        };
        let mut lines = text.lines();
        let ours = lines.next() == Some(process.to_string().as_str());
        ours && lines.nth(6).is_some_and(|state| state.trim_end() == "ready")
    }

    fn stop(&self) {
        if let Some(mut child) = locked(&self.postmaster).take() {
            quit(&mut child);
        }
    }

    /// Stops the server and removes everything it had.
    fn end(&self) {
        self.stop();
        remove_directory(&self.directory);
        if let Some(watchdog) = locked(&self.watchdog).take() {
            watchdog.dismiss();
        }
    }

    /// A root certificate and a certificate for `localhost` and 127.0.0.1 signed by it; `false` if `openssl` cannot.
    fn make_certificates(&self) -> bool {
        const CONFIGURATION: &str = "\
            [req]\ndistinguished_name = name\n[name]\n\
            [root]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n\
            subjectKeyIdentifier = hash\n\
            [server]\nbasicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
            extendedKeyUsage = serverAuth\nsubjectAltName = DNS:localhost, IP:127.0.0.1\n";
        // Thirty days are more than any test run and too few for a certificate that someone takes into use.
        const STEPS: [&str; 5] = [
            "ecparam -name prime256v1 -genkey -noout -out root.key",
            "ecparam -name prime256v1 -genkey -noout -out server.key",
            "req -config openssl.cnf -new -x509 -sha256 -days 30 -extensions root \
             -subj /CN=cofrestr-test-root -key root.key -out root.crt",
            "req -config openssl.cnf -new -sha256 -subj /CN=localhost -key server.key -out server.csr",
            "x509 -req -sha256 -days 30 -in server.csr -CA root.crt -CAkey root.key -set_serial 2 \
             -extfile openssl.cnf -extensions server -out server.crt",
        ];
        let Some(openssl) = on_path("openssl") else {
            return false;
        };
        let tls = self.directory.join("tls");
        let made = fs::write(tls.join("openssl.cnf"), CONFIGURATION).is_ok()
            && STEPS.iter().all(|step| {
                let mut command = Command::new(&openssl);
                command.current_dir(&tls).args(step.split_whitespace());
                run(command).is_ok_and(|(status, _)| status.success())
            });
        // The server refuses a key that others may read.
        let key = tls.join("server.key");
        made && fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).is_ok()
            && self.hand_over(&key).is_ok()
            && self.hand_over(&tls.join("server.crt")).is_ok()
    }

    /// A program of the server, in its own directory, as its own user, deaf to the environment of the tests.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        without_postgres_settings(&mut command);
        command.current_dir(&self.directory).env("HOME", &self.directory).env("LC_ALL", "C").env("TZ", "UTC");
        command.stdin(Stdio::null());
        // A Ctrl-C is for the test process; the server follows when that has ended.
        command.process_group(0);
        if let Some(account) = &self.account {
            // With `uid`, a process that is root also gives up its supplementary groups.
            command.gid(account.group).uid(account.user);
        }
        command
    }

    fn make_directory(&self, path: &Path) -> Outcome<()> {
        fs::DirBuilder::new()
            .mode(0o700)
            .create(path)
            .and_then(|()| self.hand_over(path))
            .map_err(|error| format!("cannot make {}: {error}{}", path.display(), self.hint()))
    }

    /// Makes the account that the server runs as the owner.
    fn hand_over(&self, path: &Path) -> io::Result<()> {
        match &self.account {
            Some(account) => std::os::unix::fs::chown(path, Some(account.user), Some(account.group)),
            None => Ok(()),
        }
    }

    fn open_log(&self) -> io::Result<File> {
        fs::OpenOptions::new().create(true).append(true).open(self.directory.join("server.log"))
    }

    /// The log from a place in bytes on.
    fn log_from(&self, start: u64) -> String {
        let mut bytes = Vec::new();
        let read = File::open(self.directory.join("server.log")).and_then(|mut file| {
            file.seek(SeekFrom::Start(start))?;
            file.read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("(cannot be read: {error})"),
        }
    }

    /// The end of the log, as a part of a message.
    fn log_tail(&self, start: u64) -> String {
        format!("server log, last lines:\n{}", last_lines(&self.log_from(start)))
    }

    fn url(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}?sslmode=disable", self.port)
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn pid_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    fn root_certificate(&self) -> PathBuf {
        self.directory.join("tls/root.crt")
    }

    /// Empty, which means no Unix socket, where the path would be longer than a socket's may be (104 bytes on macOS).
    fn socket_directory(&self) -> String {
        let path = self.directory.join("run");
        let longest = path.as_os_str().len() + "/.s.PGSQL.65535".len();
        if longest < 104 { path.display().to_string() } else { String::new() }
    }

    fn cannot_run(&self, program: &Path, error: &io::Error) -> String {
        format!("cannot run {}: {error}{}", program.display(), self.hint())
    }

    fn hint(&self) -> String {
        let account = match &self.account {
            Some(account) => format!("as user {} ({})", account.name, account.user),
            None => "as the user who runs the tests".to_owned(),
        };
        format!(
            "\nThe server runs {account} in {} with the programs {}.\n\
             hint: COFRESTR_TEST_PG_BIN chooses other programs, TMPDIR another place, COFRESTR_TEST_POSTGRES_URL a running server",
            self.directory.display(),
            self.programs.postgres.display(),
        )
    }
}

/// Why a server did not start, where something can be done about it.
enum StartError {
    PortTaken(String),
    NoTls(String),
    Failed(String),
}

/// A port that nobody listens on just now.
fn free_port() -> Outcome<u16> {
    for _ in 0..PORT_ATTEMPTS {
        let (_, random) = Uuid::now_v7().as_u64_pair();
        let port = PORTS.start + u16::try_from(random % PORTS.len() as u64).unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(format!("no free port found on 127.0.0.1 between {} and {}", PORTS.start, PORTS.end))
}

/// The user that the server runs as when the tests run as root, which PostgreSQL refuses to run as.
struct Account {
    name: &'static str,
    user: u32,
    group: u32,
}

impl Account {
    /// `None` when the server can run as the user who runs the tests.
    fn for_the_server() -> Outcome<Option<Account>> {
        if effective_user() != 0 {
            return Ok(None);
        }
        match Account::find("postgres").or_else(|| Account::find("nobody")) {
            Some(account) => Ok(Some(account)),
            None => Err("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as\n\
                 hint: run the tests as another user"
                .to_owned()),
        }
    }

    fn find(name: &'static str) -> Option<Account> {
        let c_name = CString::new(name).ok()?;
        let mut buffer = vec![0; 16 * 1024];
        let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are to live values; the buffer's length is given; `entry` is read only if it was filled.
        let entry = unsafe {
            let status = libc::getpwnam_r(c_name.as_ptr(), entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &mut found);
            if status != 0 || found.is_null() {
                return None;
            }
            entry.assume_init()
        };
        (entry.pw_uid != 0).then_some(Account { name, user: entry.pw_uid, group: entry.pw_gid })
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// No server outlives the tests
// ---------------------------------------------------------------------------------------------------------------------

/// A shell that waits until this process is gone, then stops the server and removes its directory. It learns of the end
/// from a pipe that nobody writes to and that closes with this process, so not even SIGKILL escapes it.
struct Watchdog {
    shell: Child,
    lifeline: ChildStdin,
}

impl Watchdog {
    /// The first line of the pid file is negative while `initdb` is at work: a number that must not reach `kill`.
    const SCRIPT: &str = r#"
        trap '' HUP INT QUIT TERM
        read -r _
        pid_file=$1/data/postmaster.pid
        pid=$(head -n 1 "$pid_file" 2>/dev/null)
        case $pid in
            '' | *[!0-9]*) ;;
            *) kill -QUIT "$pid" ;;
        esac
        tries=0
        while [ -e "$pid_file" ] && [ "$tries" -lt 100 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
        rm -rf "$1" || { sleep 1; rm -rf "$1"; }
    "#;

    fn start(directory: &Path) -> Outcome<Watchdog> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", Watchdog::SCRIPT, "cofrestr-pg-watchdog"])
            .arg(directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot run /bin/sh: {error}"))?;
        match shell.stdin.take() {
            Some(lifeline) => Ok(Watchdog { shell, lifeline }),
            None => Err("the watchdog has no pipe".to_owned()),
        }
    }

    /// Lets it go when there is nothing left to watch.
    fn dismiss(mut self) {
        drop(self.lifeline);
        let _ = self.shell.wait();
    }
}

/// Starts a program that ends with this process: on Linux the kernel sends it SIGQUIT, and PostgreSQL stops at once.
///
/// The kernel means the *thread* that started the program, and a test's thread ends with its test. So all are started
/// by one thread that lives as long as the process.
fn spawn_bound(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::SyncSender<io::Result<Child>>);
    static STARTER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();

    let starter = STARTER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        // Not joined: it ends with the process. Should it not start, sending fails below.
        let _ = thread::Builder::new().name("postgres-starter".to_owned()).spawn(move || {
            for (mut command, answer) in orders {
                bind_to_this_thread(&mut command);
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let gone = || io::Error::other("the thread that starts programs is gone");
    let (answer, started) = mpsc::sync_channel(1);
    starter.send((command, answer)).map_err(|_| gone())?;
    started.recv().map_err(|_| gone())?
}

#[cfg(target_os = "linux")]
fn bind_to_this_thread(command: &mut Command) {
    let parent = std::process::id();
    let bind = move || {
        // SAFETY: two system calls with plain numbers, allowed between fork and exec.
        let orphaned = unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT as libc::c_ulong) != 0 {
                return Err(io::Error::last_os_error());
            }
            u32::try_from(libc::getppid()) != Ok(parent)
        };
        // The parent may have died before the signal was asked for.
        if orphaned { Err(io::Error::from_raw_os_error(libc::ESRCH)) } else { Ok(()) }
    };
    // SAFETY: `bind` makes system calls only, allocates nothing and takes no lock. It runs after the change of user,
    // which would have cleared the signal.
    unsafe { command.pre_exec(bind) };
}

#[cfg(not(target_os = "linux"))]
fn bind_to_this_thread(_command: &mut Command) {
    // No such signal: the watchdog alone sees to it.
}

/// Stops a server at once; by force if it does not listen.
fn quit(child: &mut Child) {
    send_signal(child.id(), libc::SIGQUIT);
    let deadline = Instant::now() + STOP_LIMIT;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn send_signal(process: u32, signal: libc::c_int) {
    if let Ok(process) = libc::pid_t::try_from(process)
        && process > 1
    {
        // SAFETY: plain numbers; the worst outcome is that there is no such process.
        unsafe { libc::kill(process, signal) };
    }
}

fn living_clusters() -> &'static Mutex<Vec<Arc<Cluster>>> {
    static CLUSTERS: Mutex<Vec<Arc<Cluster>>> = Mutex::new(Vec::new());
    &CLUSTERS
}

/// Sees to it that a normal end of the process, failed tests included, takes the server along.
fn end_at_exit(cluster: &Arc<Cluster>) {
    extern "C" fn end_all() {
        // A panic must not cross into C. A lock that a test still holds is not waited for: the watchdog is there.
        let _ = std::panic::catch_unwind(|| {
            let clusters = match living_clusters().try_lock() {
                Ok(mut clusters) => std::mem::take(&mut *clusters),
                Err(_) => return,
            };
            for cluster in clusters {
                if cluster.postmaster.try_lock().is_ok() {
                    cluster.end();
                }
            }
        });
    }

    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| at_exit(end_all));
    locked(living_clusters()).push(Arc::clone(cluster));
}

fn at_exit(function: extern "C" fn()) {
    // SAFETY: the function is `extern "C"`, lives for ever and lets no panic out. If the registration fails there is
    // still the watchdog.
    unsafe { libc::atexit(function) };
}

/// A database made on a server that is not ours, to be dropped at the end.
struct ExternalDatabase {
    name: String,
    maintenance_url: String,
    psql: PathBuf,
}

static EXTERNAL_DATABASES: Mutex<Vec<ExternalDatabase>> = Mutex::new(Vec::new());

fn remember_external_database(name: &str, maintenance_url: &str, psql: &Path) {
    locked(&EXTERNAL_DATABASES).push(ExternalDatabase {
        name: name.to_owned(),
        maintenance_url: maintenance_url.to_owned(),
        psql: psql.to_owned(),
    });
}

fn forget_external_database(name: &str) {
    locked(&EXTERNAL_DATABASES).retain(|database| database.name != name);
}

/// A killed test process leaves its databases on an external server; their names start with `cofrestr_test_`.
fn drop_databases_at_exit() {
    extern "C" fn drop_all() {
        let _ = std::panic::catch_unwind(|| {
            let databases = match EXTERNAL_DATABASES.try_lock() {
                Ok(mut databases) => std::mem::take(&mut *databases),
                Err(_) => return,
            };
            for database in databases {
                let _ = run_sql(&database.psql, &database.maintenance_url, &drop_statement(&database.name));
            }
        });
    }
    at_exit(drop_all);
}

// ---------------------------------------------------------------------------------------------------------------------
// Directories
// ---------------------------------------------------------------------------------------------------------------------

/// A new directory that the server's account can reach, locked as ours. Sweeps away what dead processes left there.
fn new_directory(account: Option<&Account>, keeps: Keeps) -> Outcome<(PathBuf, File)> {
    let mut tried = String::new();
    let mut places: Vec<PathBuf> = places(keeps).iter().filter_map(|place| place.canonicalize().ok()).collect();
    places.dedup();
    places.iter().for_each(|place| sweep(place));
    for place in &places {
        if account.is_some() && !everyone_can_reach(place) {
            tried.push_str(&format!("\n  {}: the server's user cannot reach it", place.display()));
            continue;
        }
        let random = Uuid::now_v7().simple().to_string();
        let directory = place.join(format!("{PREFIX}{}-{}", std::process::id(), &random[24..]));
        // Others may pass through to what is theirs but not look around.
        match fs::DirBuilder::new().mode(0o711).create(&directory).and_then(|()| lock_as_ours(&directory)) {
            Ok(owner) => return Ok((directory, owner)),
            Err(error) => tried.push_str(&format!("\n  {}: {error}", directory.display())),
        }
    }
    Err(format!("no place for the files of PostgreSQL; tried:{tried}\nhint: set TMPDIR to a directory that can be written"))
}

/// Where to look for a place, best first. A new database is some three hundred new files, which a file system in memory
/// makes ten times faster than a disk.
fn places(keeps: Keeps) -> Vec<PathBuf> {
    let mut places = vec![env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    let memory = Path::new("/dev/shm");
    if keeps == Keeps::ForATest && env::var_os("TMPDIR").is_none() && memory_to_spare() && room_in(memory) >= ROOM_IN_MEMORY {
        places.insert(0, memory.to_owned());
    }
    places
}

/// The bytes that a file system has left.
fn room_in(place: &Path) -> u64 {
    let Ok(path) = CString::new(place.as_os_str().as_bytes()) else { return 0 };
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: both pointers are to live values; `answer` is read only if it was filled.
    let answer = unsafe {
        if libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) != 0 {
            return 0;
        }
        answer.assume_init()
    };
    #[allow(clippy::unnecessary_cast, reason = "the types differ between platforms")]
    let room = answer.f_bavail as u64 * answer.f_frsize as u64;
    room
}

/// Whether the computer has memory left when the files have taken all that they may.
fn memory_to_spare() -> bool {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    });
    available.is_some_and(|kilobytes| kilobytes * 1024 >= 2 * ROOM_IN_MEMORY)
}

fn everyone_can_reach(place: &Path) -> bool {
    place.ancestors().all(|directory| fs::metadata(directory).is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
}

/// The lock comes into the directory locked, so that no sweeper finds it open.
fn lock_as_ours(directory: &Path) -> io::Result<File> {
    let new = directory.join("owner.new");
    let file = File::create(&new)?;
    file.lock()?;
    fs::rename(new, directory.join("owner.lock"))?;
    Ok(file)
}

/// Removes the directories of this user's dead test processes. A process id would not do to tell who is dead: ids are
/// used again, and containers that share the directory count for themselves.
fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().as_bytes().starts_with(PREFIX.as_bytes())
            && entry.metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == effective_user());
        if ours && let Some(_lock) = take_over(&path) {
            stop_leftover_server(&path);
            remove_directory(&path);
        }
    }
}

/// The lock of a directory whose process is dead.
fn take_over(directory: &Path) -> Option<File> {
    // Without a lock it is either being made just now or was never finished.
    const UNFINISHED: Duration = Duration::from_secs(600);
    match File::open(directory.join("owner.lock")) {
        Ok(file) => file.try_lock().is_ok().then_some(file),
        Err(_) => {
            let age = fs::metadata(directory).ok()?.modified().ok()?.elapsed().ok()?;
            (age > UNFINISHED).then(|| File::open(directory).ok()).flatten()
        }
    }
}

/// Only a server that answers on the directory's own socket is surely the one that the pid file names.
fn stop_leftover_server(directory: &Path) {
    let answers = || {
        fs::read_dir(directory.join("run")).is_ok_and(|entries| entries.flatten().any(|entry| UnixStream::connect(entry.path()).is_ok()))
    };
    let pid_file = directory.join("data/postmaster.pid");
    let process = fs::read_to_string(pid_file).ok().and_then(|text| text.lines().next()?.parse().ok());
    if let Some(process) = process
        && answers()
    {
        send_signal(process, libc::SIGQUIT);
        let deadline = Instant::now() + STOP_LIMIT;
        while answers() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn remove_directory(directory: &Path) {
    // A last session may still be writing its farewell.
    for _ in 0..20 {
        match fs::remove_dir_all(directory) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !directory.exists() => return,
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Programs: found, else installed
// ---------------------------------------------------------------------------------------------------------------------

/// The programs of one PostgreSQL installation.
#[derive(Clone)]
struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
    psql: PathBuf,
}

impl Programs {
    /// Those of a directory, if it has a server. Some distributions keep `psql` elsewhere.
    fn in_directory(directory: &Path) -> Outcome<Programs> {
        let program = |name: &str| {
            let path = directory.join(name);
            if is_program(&path) { Ok(path) } else { Err(format!("{}: no {name}", directory.display())) }
        };
        Ok(Programs {
            initdb: program("initdb")?,
            postgres: program("postgres")?,
            psql: program("psql").or_else(|missing| on_path("psql").ok_or(missing))?,
        })
    }

    /// Looks wherever PostgreSQL may be; the error lists where it is not.
    fn find() -> Result<Programs, Vec<String>> {
        let mut tried = Vec::new();
        match postgres_config_directory() {
            Some(directory) => match Programs::in_directory(&directory) {
                Ok(programs) => return Ok(programs),
                Err(missing) => tried.push(format!("pg_config --bindir: {missing}")),
            },
            None => tried.push("pg_config --bindir: cannot be run".to_owned()),
        }
        for directory in usual_directories().into_iter().chain(path_directories()) {
            match Programs::in_directory(&directory) {
                Ok(programs) => return Ok(programs),
                // Not worth a line for every directory of PATH, only where part of a PostgreSQL is.
                Err(missing) if directory.join("psql").exists() => tried.push(missing),
                Err(_) => {}
            }
        }
        tried.push(format!("{}: not there", USUAL_DIRECTORIES.map(|(parent, start, end)| format!("{parent}/{start}*/{end}")).join(", ")));
        tried.push("PATH: no directory with initdb and postgres".to_owned());
        Err(tried)
    }
}

/// Where distributions put the programs, as parent, start of the version's directory, and the rest.
const USUAL_DIRECTORIES: [(&str, &str, &str); 8] = [
    ("/usr/lib/postgresql", "", "bin"),                          // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                                   // PostgreSQL's own packages for Fedora and its kin
    ("/usr/libexec", "postgresql", ""),                          // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"),                  // Homebrew on ARM
    ("/usr/local/opt", "postgresql", "bin"),                     // Homebrew on Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),     // Homebrew on Linux
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"), // Postgres.app
    ("/usr/local", "pgsql", "bin"),                              // built from source
];

/// The usual directories that exist, the highest version first within each.
fn usual_directories() -> Vec<PathBuf> {
    let version_of = |name: &str| -> u32 {
        let digits: String = name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    };
    let mut directories = Vec::new();
    for (parent, start, end) in USUAL_DIRECTORIES {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.starts_with(start)).collect();
        names.sort_by_key(|name| std::cmp::Reverse(version_of(name)));
        directories.extend(names.into_iter().map(|name| Path::new(parent).join(name).join(end)));
    }
    directories
}

fn postgres_config_directory() -> Option<PathBuf> {
    let mut command = Command::new(on_path("pg_config")?);
    command.arg("--bindir");
    let (status, output) = run(command).ok()?;
    status.success().then(|| PathBuf::from(output.trim()))
}

fn path_directories() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

fn on_path(program: &str) -> Option<PathBuf> {
    path_directories().into_iter().map(|directory| directory.join(program)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o111 != 0)
}

/// The programs of a server, named, found or installed.
fn programs() -> Outcome<Programs> {
    if let Some(directory) = env::var_os("COFRESTR_TEST_PG_BIN").filter(|directory| !directory.is_empty()) {
        return Programs::in_directory(Path::new(&directory)).map_err(|missing| {
            format!(
                "COFRESTR_TEST_PG_BIN names a directory without a PostgreSQL server: {missing}\n\
                 hint: it must hold initdb, postgres and psql; unset it and the tests look for themselves"
            )
        });
    }
    Programs::find().or_else(|looked| {
        find_again_or_install().map_err(|steps| {
            format!(
                "the tests need a PostgreSQL server, and there is none; tried:\n  {}\n\
                 hint: install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server;\n\
                 hint: Alpine: apk add postgresql; macOS: brew install postgresql@17), or set COFRESTR_TEST_PG_BIN to the\n\
                 hint: directory of its programs, or COFRESTR_TEST_POSTGRES_URL to the URL of a running server",
                [looked, steps].concat().join("\n  ")
            )
        })
    })
}

/// `psql` alone, for a server that runs elsewhere.
fn external_psql() -> Outcome<PathBuf> {
    let named = env::var_os("COFRESTR_TEST_PG_BIN").map(|directory| Path::new(&directory).join("psql"));
    let usual = || usual_directories().into_iter().map(|directory| directory.join("psql")).find(|path| is_program(path));
    match named.filter(|path| is_program(path)).or_else(|| on_path("psql")).or_else(usual) {
        Some(psql) => Ok(psql),
        None => programs().map(|programs| programs.psql),
    }
}

/// How a package manager installs PostgreSQL without asking, and without starting a server of the system's own.
struct PackageManager {
    program: &'static str,
    needs_root: bool,
    script: &'static str,
}

const PACKAGE_MANAGERS: [PackageManager; 4] = [
    PackageManager {
        program: "apt-get",
        needs_root: true,
        // The package would make and start a cluster; its configuration says otherwise while we install, and afterwards
        // what it said before.
        script: r#"
            export DEBIAN_FRONTEND=noninteractive
            get() { apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"; }
            get update || echo 'the lists of packages could not be renewed'
            get install -y --no-install-recommends postgresql-common
            configuration=/etc/postgresql-common/createcluster.conf
            before=$(mktemp)
            cp -p "$configuration" "$before"
            trap 'cp -p "$before" "$configuration"; rm -f "$before"' EXIT
            printf '\ncreate_main_cluster = false\n' >> "$configuration"
            get install -y --no-install-recommends postgresql
        "#,
    },
    PackageManager { program: "dnf", needs_root: true, script: "dnf install -y postgresql-server postgresql" },
    PackageManager { program: "apk", needs_root: true, script: "apk add --no-cache postgresql postgresql-client" },
    PackageManager { program: "brew", needs_root: false, script: "brew install postgresql@17" },
];

/// Installs PostgreSQL if that needs no password. One process at a time: the others wait and then find it there.
fn find_again_or_install() -> Result<Programs, Vec<String>> {
    if env::var("COFRESTR_TEST_PG_INSTALL").is_ok_and(|choice| matches!(choice.as_str(), "never" | "no" | "0")) {
        return Err(vec!["installing it: COFRESTR_TEST_PG_INSTALL forbids it".to_owned()]);
    }
    let lock_path = env::temp_dir().join(format!("{PREFIX}install-{}.lock", effective_user()));
    let _lock = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&lock_path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| vec![format!("installing it: cannot lock {}: {error}", lock_path.display())])?;
    if let Ok(programs) = Programs::find() {
        return Ok(programs);
    }

    let mut tried = Vec::new();
    for manager in &PACKAGE_MANAGERS {
        match manager.install() {
            Ok(()) => match Programs::find() {
                Ok(programs) => return Ok(programs),
                Err(_) => tried.push(format!("{}: installed, but the programs are not where they are looked for", manager.program)),
            },
            Err(reason) => tried.push(format!("{}: {reason}", manager.program)),
        }
    }
    Err(tried)
}

impl PackageManager {
    fn install(&self) -> Outcome<()> {
        if on_path(self.program).is_none() {
            return Err("not on this computer".to_owned());
        }
        let root = effective_user() == 0;
        let mut command = if self.needs_root == root {
            Command::new("/bin/sh")
        } else if self.needs_root && sudo_asks_for_nothing() {
            let mut command = Command::new("sudo");
            command.args(["-n", "/bin/sh"]);
            command
        } else if self.needs_root {
            return Err("needs root, and sudo is missing or asks for a password".to_owned());
        } else {
            return Err("refuses to run as root".to_owned());
        };
        // Past the test harness, which would keep it until the test fails: this takes a minute or more.
        let _ = writeln!(io::stderr(), "installing PostgreSQL for the tests with {} …", self.program);
        command.args(["-ec", self.script]).current_dir("/").stdin(Stdio::null());
        match run(command) {
            Ok((status, _)) if status.success() => Ok(()),
            Ok((status, output)) => Err(format!("{status}\n{}", last_lines(&output))),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn sudo_asks_for_nothing() -> bool {
    let mut command = Command::new("sudo");
    command.args(["-n", "true"]).stdin(Stdio::null());
    run(command).is_ok_and(|(status, _)| status.success())
}

// ---------------------------------------------------------------------------------------------------------------------
// Small things
// ---------------------------------------------------------------------------------------------------------------------

/// Runs SQL and answers the bare rows, or what `psql` complained of.
fn run_sql(psql: &Path, url: &str, sql: &str) -> Outcome<String> {
    let mut command = Command::new(psql);
    without_postgres_settings(&mut command);
    command
        .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password", "-v", "ON_ERROR_STOP=1"])
        .args(["-c", sql, "-d", url])
        // Bounds, so that a test fails rather than hangs. A copy of a database takes seconds at worst.
        .env("PGCONNECT_TIMEOUT", "30")
        .env("PGOPTIONS", "-c statement_timeout=120s")
        .stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("cannot run {}: {error}", psql.display()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }
}

fn drop_statement(database: &str) -> String {
    format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(database))
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// The name of a database, given its URL or already its name.
fn database_name(url_or_name: &str) -> &str {
    match url_or_name.split_once("://") {
        Some((_, rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            rest.split_once('/').map_or("", |(_, name)| name)
        }
        None => url_or_name,
    }
}

/// The same URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/{name}{query}")
}

/// `PGHOST`, `PGDATA`, `PGOPTIONS` and their like would lead our commands astray.
fn without_postgres_settings(command: &mut Command) {
    for (name, _) in env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"PG")) {
        command.env_remove(OsStr::new(&name));
    }
}

/// Runs a program to its end and answers both its outputs in one text.
fn run(mut command: Command) -> io::Result<(ExitStatus, String)> {
    let output = command.output()?;
    Ok((output.status, text_of(&output)))
}

/// As [`run`], for a program that must end with this process.
fn run_bound(mut command: Command) -> io::Result<(ExitStatus, String)> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = spawn_bound(command)?.wait_with_output()?;
    Ok((output.status, text_of(&output)))
}

fn text_of(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The last lines of a text, indented: enough to see a cause, short enough to read.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(40);
    lines[start..].iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn effective_user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// A lock that a failed test cannot spoil for the others.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
