//! A line to a region that can be cut as a cable is: nothing passes and nobody is told, and when it is mended what was under way
//! goes on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// How often somebody looks whether the line is whole again.
const LOOK: Duration = Duration::from_millis(5);

/// The line.
pub struct Wire {
    address: String,
    cut: Arc<AtomicBool>,
}

impl Wire {
    /// A whole line to an address.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let cut = Arc::new(AtomicBool::new(false));
        let (line, target) = (Arc::clone(&cut), target.to_owned());
        // It listens until the test process ends.
        spawn(move || {
            for caller in listener.incoming().flatten() {
                let (line, target) = (Arc::clone(&line), target.clone());
                spawn(move || {
                    whole(&line);
                    let Ok(called) = TcpStream::connect(target) else { return };
                    let (Ok(back), Ok(to)) = (called.try_clone(), caller.try_clone()) else { return };
                    let returning = Arc::clone(&line);
                    spawn(move || carry(back, to, &returning));
                    carry(caller, called, &line);
                });
            }
        });
        Self { address, cut }
    }

    /// Host and port of its near end.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

fn whole(cut: &AtomicBool) {
    while cut.load(Ordering::SeqCst) {
        sleep(LOOK);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut bytes = [0_u8; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        whole(cut);
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    whole(cut);
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
