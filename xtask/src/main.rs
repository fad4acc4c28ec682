//! The tasks of this repository: `cargo xtask` lists them, `cargo xtask NAME` runs one.
#![forbid(unsafe_code)]

mod advisories;
mod api;
mod circles;
mod error;
mod features;
mod package;
mod shell;
mod task;
mod workspace;

use std::{env, process::ExitCode};

use crate::{
    error::Error,
    task::{TASKS, Task},
};

fn main() -> ExitCode {
    match run(env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the tasks that are named, one after another.
fn run(arguments: Vec<String>) -> Result<(), Error> {
    let (options, names): (Vec<_>, Vec<_>) = arguments
        .into_iter()
        .partition(|argument| argument.starts_with('-'));
    if options
        .iter()
        .any(|option| option == "--help" || option == "-h")
        || names.is_empty()
    {
        list();
        return Ok(());
    }
    let tasks: Vec<&Task> = names
        .iter()
        .map(|name| task::find(name))
        .collect::<Result<_, _>>()?;
    for task in &tasks {
        let taken = |option: &&String| task.option != Some(option.as_str());
        if let Some(option) = options.iter().find(taken) {
            return Err(format!("the task {:?} does not take {option}", task.name).into());
        }
    }
    tasks.iter().try_for_each(|task| task.run(&options))
}

fn list() {
    println!("cargo xtask NAME…\n");
    let width = TASKS.iter().map(|task| task.name.len()).max().unwrap_or(0);
    for task in TASKS {
        let mark = if task.in_ci { '*' } else { ' ' };
        println!("{mark} {:width$}  {}", task.name, task.about);
    }
    println!("\n* is part of `ci`");
}
