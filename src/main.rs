//! The program.
fn main() -> std::process::ExitCode {
    cofrestr::cli::main()
}
