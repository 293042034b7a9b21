//! The regions' processes: they are stopped when the demo ends, and die with it when it is killed.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the regions may take to end by themselves.
const END_LIMIT: Duration = Duration::from_secs(6);
/// How often is looked whether they have.
const LOOK: Duration = Duration::from_millis(20);

/// The process of one region. Killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts a program whose output goes to a log file. It must be called on the main thread: on Linux the kernel ends the
    /// process when the *thread* that started it does.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(program: &Path, arguments: &[OsString], without: &[OsString], log: File) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        for variable in without {
            command.env_remove(variable);
        }
        system::die_with_us(&mut command);
        Ok(Self { child: command.spawn()?, ended: None })
    }

    /// The number of the process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has. Also frees its number, so that whoever looks sees that it is gone.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    fn kill(&mut self) {
        if self.ended().is_none() {
            // It may end between the two, and then there is nothing to kill.
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ends processes: they are asked, and those that do not listen are killed.
pub(super) fn end(processes: &mut [Process]) {
    for process in processes.iter_mut() {
        if process.ended().is_none() {
            system::ask_to_end(process.id());
        }
    }
    let begun = Instant::now();
    while begun.elapsed() < END_LIMIT && processes.iter_mut().any(|process| process.ended().is_none()) {
        sleep(LOOK);
    }
    processes.iter_mut().for_each(Process::kill);
}

pub(super) use system::hang_up_is_ignored;

/// What `std` has no safe interface for.
#[allow(unsafe_code, reason = "kill, prctl and sigaction through libc; each block is one call and says why it is sound")]
mod system {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    /// Gives the process a group of its own, so that Ctrl-C reaches only the demo, which then ends the regions in order; and
    /// has the kernel kill it when the demo dies without ending it.
    #[cfg(target_os = "linux")]
    pub(super) fn die_with_us(command: &mut Command) {
        let us = std::process::id();
        command.process_group(0);
        // SAFETY: between fork and exec only prctl and getppid are called, which are safe there and touch no memory of ours.
        unsafe {
            command.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                // The demo may have died before the line above: then nobody would end the region any more.
                if u32::try_from(libc::getppid()) == Ok(us) { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
            });
        }
    }

    /// Elsewhere the processes stay in the demo's group, so that what ends the group ends them too.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn die_with_us(_command: &mut Command) {}

    /// Asks a process to end. It must be a child that was not waited for yet, so that the number is still its own.
    pub(super) fn ask_to_end(process: u32) {
        if let Ok(process) = libc::pid_t::try_from(process) {
            // SAFETY: kill takes two numbers. That it fails for a process that has just ended is of no concern.
            unsafe { libc::kill(process, libc::SIGTERM) };
        }
    }

    /// Whether whoever started us wants us to live on when the terminal closes, as `nohup` does.
    pub(crate) fn hang_up_is_ignored() -> bool {
        // SAFETY: an all-zero sigaction is a valid value; with no new action given, the call only fills in the old one.
        unsafe {
            let mut present: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGHUP, std::ptr::null(), &mut present) == 0 && present.sa_sigaction == libc::SIG_IGN
        }
    }
}
