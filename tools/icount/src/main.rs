//! `make icount`: what one delivery, one frame, one resumed event cost in instructions. In:
//! nothing, or, when it calls itself under valgrind, `work NAME TIMES`. Out: a line for each count,
//! and an exit code of 1 where one is not as expected.

mod counts;
mod work;

use std::env;
use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => count_all(),
        ["work", name, times] => work::run(name, times.parse()?).map(|()| ExitCode::SUCCESS),
        _ => bail!("it takes no arguments, see `make icount`"),
    }
}

fn count_all() -> anyhow::Result<ExitCode> {
    let program = env::current_exe()?;
    let mut are_expected = true;
    for expected in counts::EXPECTED {
        let count = counts::count(&program, expected)?;
        writeln!(std::io::stdout().lock(), "{count}")?;
        are_expected &= count.is_expected();
    }
    Ok(if are_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
