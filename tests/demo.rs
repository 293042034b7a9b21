//! `cofrestr demo` as an outsider runs it: the program itself, its ready file, signals.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::database::Folder;

const REGIONS: [&str; 7] =
    ["gwent", "cardiff-and-vale", "cwm-taf-morgannwg", "west-glamorgan", "mid-and-west-wales", "north-wales", "west-midlands"];
/// A slow machine that builds at the same time needs this long for seven regions.
const PATIENCE: Duration = Duration::from_secs(120);

/// A demo under way; killed when the test ends.
struct Demo(Child);

impl Demo {
    fn start(folder: &Folder, base_port: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cofrestr"));
        command.args(["demo", "--children", "12", "--base-port", &base_port.to_string()]);
        command.arg("--data").arg(folder.path().join("data")).arg("--ready-file").arg(folder.path().join("ready.json"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // As a shell does with what it starts in the background.
        #[allow(unsafe_code, reason = "ignoring a signal has no safe interface in std; signal is safe between fork and exec")]
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGINT, libc::SIG_IGN);
                libc::signal(libc::SIGTERM, libc::SIG_IGN);
                Ok(())
            });
        }
        Self(command.spawn().expect("the program"))
    }

    fn ready(&mut self, folder: &Folder) -> Value {
        let path = folder.path().join("ready.json");
        wait("the ready file", || path.exists() || self.0.try_wait().unwrap().is_some());
        serde_json::from_slice(&std::fs::read(path).expect("a ready file")).expect("JSON")
    }

    fn signal(&self, signal: i32) {
        send(self.0.id(), signal);
    }

    fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            match self.0.try_wait().unwrap() {
                Some(status) => return status,
                None => assert!(begun.elapsed() < PATIENCE, "the demo does not end"),
            }
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[allow(unsafe_code, reason = "kill has no safe interface in std; it takes two numbers")]
fn send(process: u32, signal: i32) -> bool {
    unsafe { libc::kill(i32::try_from(process).unwrap(), signal) == 0 }
}

fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < PATIENCE, "still waiting for {what}");
        sleep(Duration::from_millis(20));
    }
}

/// A port with six free ones after it, and seven a hundred above for the faces to other regions; another one for each demo of this process.
fn base_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = 21_000 + u16::try_from(std::process::id() % 400).unwrap() * 14 + TAKEN.fetch_add(7, Ordering::Relaxed);
    (first..30_000)
        .step_by(14)
        .find(|base| (*base..base + 7).chain(base + 100..base + 107).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()))
        .expect("fourteen free ports")
}

/// The status of a GET with a token.
fn status(region: &Value, path: &str, token: &str) -> u16 {
    let address = region["url"].as_str().unwrap().trim_start_matches("http://");
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().ok().and_then(|answer| answer.split(' ').nth(1).and_then(|code| code.parse().ok())).unwrap_or(0)
}

fn processes(ready: &Value) -> Vec<u32> {
    ready["regions"].as_array().unwrap().iter().map(|region| u32::try_from(region["pid"].as_u64().unwrap()).unwrap()).collect()
}

#[test]
fn a_demo_is_seven_regions_and_ends_with_all_of_them() {
    let folder = Folder::new();
    let base = base_port();
    let mut demo = Demo::start(&folder, base);
    let ready = demo.ready(&folder);
    let regions = ready["regions"].as_array().unwrap();
    assert_eq!(regions.iter().map(|region| region["code"].as_str().unwrap()).collect::<Vec<_>>(), REGIONS);
    for (region, port) in regions.iter().zip(base..) {
        assert_eq!(region["url"], format!("http://127.0.0.1:{port}"));
        assert!(region["database"].as_str().unwrap().starts_with("sqlite:"));
        assert!(Path::new(region["config"].as_str().unwrap()).is_absolute());
        let tokens = region["tokens"].as_object().unwrap();
        assert_eq!(tokens.len(), 11);
        for token in tokens.values() {
            assert_eq!(status(region, "/v1/directory", token.as_str().unwrap()), 200);
        }
    }
    let children = ready["children"].as_array().unwrap();
    assert!(children.len() >= 7 * 12);
    let custodian = regions[0]["tokens"]["custodian"].as_str().unwrap();
    let ours = children.iter().filter(|child| child["region"] == "gwent");
    for child in ours {
        assert_eq!(status(&regions[0], &format!("/v1/children/{}", child["id"].as_str().unwrap()), custodian), 200);
    }

    // The hospital's system, as the README has it: token, question, events, a register, and a region that is away.
    let gwent = folder.path().join("data/gwent");
    assert_eq!(std::fs::read_to_string(gwent.join("partner-client.id")).unwrap(), regions[0]["client"]["id"].as_str().unwrap());
    integrated(&folder, regions);

    // One region dies; the demo neither ends nor starts it again; its file does.
    let pids = processes(&ready);
    assert!(send(pids[5], libc::SIGKILL));
    wait("the region to be gone", || !send(pids[5], 0));
    let mut again = Command::new(env!("CARGO_BIN_EXE_cofrestr"))
        .args(["serve", "--config", regions[5]["config"].as_str().unwrap()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait("the region to answer again", || status(&regions[5], "/v1/directory", regions[5]["tokens"]["custodian"].as_str().unwrap()) == 200);
    again.kill().unwrap();
    again.wait().unwrap();

    // The end, though whoever started the demo ignored the signal.
    demo.signal(libc::SIGINT);
    assert!(demo.end().success());
    assert!(pids.iter().all(|pid| !send(*pid, 0)), "no process is left");

    // Taken up again: the same tokens, the same children; and the other signal.
    std::fs::remove_file(folder.path().join("ready.json")).unwrap();
    let mut demo = Demo::start(&folder, base);
    let second = demo.ready(&folder);
    assert_eq!(second["children"], ready["children"]);
    for (one, other) in second["regions"].as_array().unwrap().iter().zip(regions) {
        assert_eq!(one["tokens"], other["tokens"]);
    }
    demo.signal(libc::SIGTERM);
    assert!(demo.end().success());
    assert!(processes(&second).iter().all(|pid| !send(*pid, 0)), "no process is left");
}

/// What somebody sees who integrates a system by the README's commands alone.
fn integrated(folder: &Folder, regions: &[Value]) {
    let url = |index: usize| regions[index]["url"].as_str().unwrap();
    let (said, answers) =
        run_walk("integrate", &folder.path().join("data"), [("GWENT", url(0).to_owned()), ("MIDLANDS", url(6).to_owned())]);
    let [asked, matched, teams, told, read, acknowledged, rows, away] = &answers[..] else { panic!("{} answers: {said}", answers.len()) };
    assert_eq!((&asked["outcome"], asked["matches"][0].get("readBy")), (&"on-register".into(), None), "{asked}");
    assert!(asked["matches"][0]["contact"]["now"]["phone"].is_string(), "{asked}");
    assert_eq!((&matched["resourceType"], &matched["type"]), (&"Bundle".into(), &"searchset".into()), "{matched}");
    let team = teams["entry"].as_array().unwrap().iter().find(|entry| entry["resource"]["resourceType"] == "CareTeam");
    assert_eq!(team.expect("a plan")["resource"]["category"][0]["coding"][0]["code"], "342191000000101", "{teams}");
    assert_eq!(told["items"][0]["type"], "cofrestr.check.read-by-authority", "{told}");
    let readers = read["matches"][0]["readBy"].as_array().unwrap_or_else(|| panic!("{read}"));
    assert_eq!((&read["id"], readers.len()), (&asked["id"], 1), "{read}");
    assert_eq!(acknowledged["cursor"], told["items"][0]["sequence"], "{acknowledged}");
    let outcomes: Vec<_> = rows["items"].as_array().unwrap().iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["added", "rejected"], "{rows}");
    assert_eq!(away["outcome"], "indeterminate", "{away}");
    let silent = away["coverage"].as_array().unwrap().iter().find(|row| row["region"] == "west-midlands").expect("a row");
    assert!(silent["status"] != "answered" && silent["contact"]["phone"].is_string(), "{silent}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_is_killed_leaves_no_region_behind() {
    let folder = Folder::new();
    let mut demo = Demo::start(&folder, base_port());
    let pids = processes(&demo.ready(&folder));
    demo.signal(libc::SIGKILL);
    demo.end();
    // Nobody may wait for orphans here but the system; a dead one that it has not yet collected is dead all the same.
    let is_alive = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    wait("the regions to be gone", || !pids.iter().any(|pid| is_alive(*pid)));
}

/// One of the README's walks, as it stands there: a system that is integrated (`integrate`), the life of an entry (`walk`), a move (`move`), a
/// missing child (`missing`).
fn walk_of_the_readme(name: &str) -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("a README");
    let (_, rest) = readme.split_once(&format!("<!-- {name} -->\n```sh\n")).expect("the walk");
    rest.split_once("\n```").expect("its end").0.to_owned()
}

/// Runs one of the README's walks on a demo whose files lie in `data`, with the addresses of regions; answers what it printed.
fn run_walk(name: &str, data: &Path, addresses: [(&str, String); 2]) -> (String, Vec<Value>) {
    let output = Command::new("timeout")
        .args(["120", "sh", "-euc", &walk_of_the_readme(name)])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .envs(addresses)
        .env("DATA", data)
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let answers = said.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).expect(line)).collect();
    (said, answers)
}

/// Runs one of the README's walks on a demo of its own, between two regions; answers what it printed.
fn walked(name: &str, regions: [(&str, &str); 2]) -> (String, Vec<Value>) {
    let folder = Folder::new();
    let mut demo = Demo::start(&folder, base_port());
    let ready = demo.ready(&folder);
    let url = |code: &str| {
        let region = ready["regions"].as_array().unwrap().iter().find(|region| region["code"] == code).unwrap();
        region["url"].as_str().unwrap().to_owned()
    };
    let (said, answers) = run_walk(name, &folder.path().join("data"), regions.map(|(variable, code)| (variable, url(code))));
    demo.signal(libc::SIGTERM);
    assert!(demo.end().success());
    (said, answers)
}

#[test]
fn issue_6_a_powys_child_moves_to_shropshire_and_back_by_the_readmes_commands_alone() {
    let (said, answers) = walked("move", [("POWYS", "mid-and-west-wales"), ("SHROPSHIRE", "west-midlands")]);
    let checks: Vec<&Value> = answers.iter().filter(|answer| answer["outcome"].is_string()).collect();
    let [moving, moved, back] = &checks[..] else { panic!("{} checks: {said}", checks.len()) };
    for (check, leads, was) in
        [(moving, "W06000023", "transfer-pending"), (moved, "E06000051", "registered"), (back, "W06000023", "registered")]
    {
        let current = check["matches"].as_array().unwrap().iter().filter(|found| found["status"] != "previously-registered");
        assert!(current.clone().any(|found| found["status"] == was), "{check}");
        assert!(current.clone().all(|found| found["authority"]["code"] == leads), "one is responsible: {check}");
        assert_eq!(check["outcome"], "on-register");
    }
    assert!(answers.iter().any(|answer| answer["missingPapers"] == serde_json::json!(["assessment", "conference-minutes"])), "{said}");
}

#[test]
fn issue_6_a_swansea_child_goes_missing_and_is_found_in_birmingham_by_the_readmes_commands_alone() {
    let (said, answers) = walked("missing", [("SWANSEA", "west-glamorgan"), ("BIRMINGHAM", "west-midlands")]);
    let [circulated, acknowledged, away, tasks, read, located, over, back] = &answers[..] else {
        panic!("{} answers: {said}", answers.len())
    };
    assert_eq!((&circulated["status"], circulated["recipients"].as_array().unwrap().len()), (&"active".into(), 6));
    assert_eq!((&acknowledged["own"], &acknowledged["acknowledged"]["role"]), (&false.into(), &"custodian".into()));
    // The issuer is away: no absence is told, and whom to ring is.
    assert_eq!(away["outcome"], "indeterminate");
    let alert = &away["missingAlert"];
    assert!(alert["instructions"].as_str().unwrap().starts_with("Keep her with you"), "{away}");
    assert!(alert["contact"]["phone"].is_string() && alert.get("companions").is_none(), "{alert}");
    let kinds: Vec<_> = tasks["items"].as_array().unwrap().iter().map(|task| &task["kind"]).collect();
    assert_eq!(kinds, ["alert-hit"]);
    // Other regions may have records that look like hers: of the enquiry it is known who asked, and that somebody has read it.
    let report = read["reports"].as_array().unwrap().iter().find(|report| report["kind"] == "enquiry").expect("an enquiry");
    assert_eq!((&report["region"], &report["read"]["role"]), (&"west-midlands".into(), &"emergency-duty".into()));
    assert_eq!((&located["closure"], &located["located"]["foundIn"]), (&"located-and-seen".into(), &"E08000025".into()));
    assert!(over["recipients"].as_array().unwrap().iter().all(|one| one["delivered"] == true), "{over}");
    assert_eq!(
        (&back["outcome"], &back["missingAlert"], &back["matches"][0]["missingAlert"]),
        (&"on-register".into(), &Value::Null, &Value::Null)
    );
}

#[test]
fn issue_4_a_child_goes_from_section_47_to_removal_by_the_readmes_commands_alone() {
    let folder = Folder::new();
    let mut demo = Demo::start(&folder, base_port());
    let ready = demo.ready(&folder);
    let west_midlands = Path::new(ready["regions"][6]["config"].as_str().unwrap());
    let output = Command::new("sh")
        .args(["-euc", &walk_of_the_readme("walk")])
        .env("GWENT", ready["regions"][0]["url"].as_str().unwrap())
        .env("DATA", folder.path().join("data"))
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = said.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).expect(line)).collect();
    let [clocks, not_alone, _met, overdue, alone, asked, continued, removed, removal, again, history] = &answers[..] else {
        panic!("{} answers: {said}", answers.len())
    };
    let stands = |clocks: &Value, code: &str| {
        let found = clocks["items"].as_array().unwrap().iter().find(|clock| clock["code"] == code).map(|clock| clock["dueOn"].clone());
        found.unwrap_or_else(|| panic!("no clock {code}: {clocks}"))
    };
    assert_eq!(stands(clocks, "seen-alone"), "2027-04-02");
    assert_eq!(stands(clocks, "first-review"), "2027-06-10");
    assert_eq!((&not_alone["seen"], &not_alone["seenAlone"], &alone["seenAlone"]), (&true.into(), &false.into(), &true.into()));
    let entry = &removal["registrationId"];
    let late = overdue["items"].as_array().unwrap().iter().filter(|clock| clock["registrationId"] == *entry);
    assert!(late.clone().any(|clock| clock["clock"] == "seen-alone" && clock["dueOn"] == "2027-04-02"), "{overdue}");
    assert!(late.clone().all(|clock| clock["clock"] != "seen-at-home"), "he was seen at home: {overdue}");
    assert_eq!((&asked["outcome"], &asked["matches"][0]["status"]), (&"on-register".into(), &"registered".into()));
    assert_eq!(continued["decisions"][0]["decision"], "continued");
    assert_eq!(removed["decisions"][0]["decision"], "removed");
    assert_eq!((&removal["removedOn"], &removal["ground"]), (&"2027-11-30".into(), &"review-conference-decision".into()));
    assert_eq!((&again["outcome"], &again["matches"][0]["status"]), (&"not-on-register".into(), &"previously-registered".into()));
    assert!(history.to_string().contains("2027-03-17"), "{history}");

    // And England's census, as the README has it, lacks nothing that it requires.
    let census = Command::new(env!("CARGO_BIN_EXE_cofrestr"))
        .args(["statistics", "cin-plans", "--authority", "E08000025", "--on", "2026-03-31", "--format", "json", "--config"])
        .arg(west_midlands)
        .output()
        .expect("the program");
    let census: Value = serde_json::from_slice(&census.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&census.stderr)));
    assert_eq!(census["gaps"], Value::Array(Vec::new()));
    demo.signal(libc::SIGTERM);
    assert!(demo.end().success());
}
