//! `cofrestr members`: the signed directory of the federation's members, as its keeper keeps it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use clap::Subcommand;
use secrecy::SecretString;

use super::{WithHint, runtime};
use crate::config::Config;
use crate::domain::search_set::Standing;
use crate::federation::{self, client};
use crate::register::keys::{KeyFolder, PublicKey, Signer, directory_key};
use crate::register::peers::directory::{DIRECTORY_TYPE, Directory, Keeper, Known, LONGEST, Listed};
use crate::register::peers::message::Parts;
use crate::register::peers::statement::{Believed, PublishedStatement, Statement};
use crate::store::clock::Clock;

/// Keep the signed directory of members: let a region in, suspend it, let it go.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// The directory and the key that signs it.
#[derive(Debug, clap::Args)]
struct Files {
    /// The directory: a file that is read and written.
    #[arg(long, value_name = "FILE")]
    directory: PathBuf,
    /// The keeper's private key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Hand the new version to this region at once; it passes it on to every other.
    #[arg(long, value_name = "URL", requires = "token_file")]
    publish: Option<String>,
    /// An operator's access token for that region.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the keeper's key, or say the public half of one that is there: what regions put into federation.directory_keys.
    Key {
        /// The private key's file.
        file: PathBuf,
    },
    /// Print what a region says of itself, signed: what it hands to the keeper.
    Statement {
        /// The region's configuration.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Show a directory.
    Show {
        /// A file, or the address of a region.
        source: String,
        /// The keeper's public key: says whether the directory is the keeper's.
        #[arg(long, value_name = "KEY")]
        keeper: Option<String>,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a region in, or take up its newer statement.
    Add {
        #[command(flatten)]
        files: Files,
        /// What the region says of itself: a file, or the region's address.
        #[arg(long, value_name = "FILE-or-URL")]
        statement: String,
        /// Vouch for it although no key of the statement before signed it: the region's people have proved themselves otherwise.
        #[arg(long)]
        vouch: bool,
    },
    /// Cut a region off: nobody answers it or asks it, and nobody can be told "not on the register" by a search of the federation.
    Suspend {
        #[command(flatten)]
        files: Files,
        /// The region's code.
        region: String,
    },
    /// Let a suspended region take part again.
    Resume {
        #[command(flatten)]
        files: Files,
        /// The region's code.
        region: String,
    },
    /// Let a region go: it holds no register any more, and searches do not wait for it. What it signed stays verifiable.
    Remove {
        #[command(flatten)]
        files: Files,
        /// The region's code.
        region: String,
    },
    /// Hand a directory to a region; it passes it on to every other.
    Publish {
        /// The directory.
        #[arg(long, value_name = "FILE")]
        directory: PathBuf,
        /// The region's address.
        #[arg(long, value_name = "URL")]
        to: String,
        /// An operator's access token for that region.
        #[arg(long, value_name = "FILE")]
        token_file: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// When a file or key cannot be used, or a change does not make sense.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let now = Clock::default().wall();
    match &args.what {
        What::Key { file } => {
            let keeper = if file.exists() {
                keeper(file)?
            } else {
                let (keeper, text) = Keeper::generate()?;
                write_private(file, &text)?;
                eprintln!("made {}; whoever has it can let regions in and shut them out", file.display());
                keeper
            };
            println!("{}", keeper.public_key());
        }
        What::Statement { config } => println!("{}", own_statement(config.as_deref(), now)?),
        What::Show { source, keeper, json } => show(source, keeper.as_deref(), *json, now)?,
        What::Add { files, statement, vouch } => add(files, statement, *vouch, now)?,
        What::Suspend { files, region } => stand(files, region, Standing::Suspended, "suspended", now)?,
        What::Resume { files, region } => stand(files, region, Standing::Active, "resumed", now)?,
        What::Remove { files, region } => stand(files, region, Standing::Left, "removed", now)?,
        What::Publish { directory, to, token_file } => publish(&read(directory)?, to, token_file)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).with_context(|| format!("{} cannot be read", path.display()))
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;

    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file| writeln!(file, "{text}"));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

fn keeper(path: &Path) -> anyhow::Result<Keeper> {
    Keeper::read(&read(path)?)
        .with_context(|| format!("{} is no private key", path.display()))
        .hint("make one with `cofrestr members key FILE`")
}

fn own_statement(config: Option<&Path>, now: DateTime<Utc>) -> anyhow::Result<String> {
    let config = Config::load(config)?;
    let folder = KeyFolder::new(&config.keys.folder);
    folder.make_missing(now)?;
    folder.make_missing_tls(&config.region.code, now)?;
    let region = super::region(&config)?;
    let signed = Statement::sign(region.said(), &config.region.code, now.timestamp_millis(), &Signer::open(folder)?, now)?;
    Ok(signed.text)
}

/// A signed text from a file, or from what a region publishes.
fn fetched(source: &str, path: &str) -> anyhow::Result<String> {
    if !source.starts_with("https://") && !source.starts_with("http://") {
        return read(Path::new(source));
    }
    let address = format!("{}{path}", source.trim_end_matches('/'));
    let fetch = federation::texts(LONGEST)?;
    runtime()?.block_on(fetch(address.clone())).map_err(anyhow::Error::msg).with_context(|| format!("{address} gives nothing"))
}

/// The directory of a file or of a region.
pub(super) fn directory_text(source: &str) -> anyhow::Result<String> {
    fetched(source, "/.well-known/cofrestr-directory").map(|text| text.trim().to_owned())
}

/// The key that signed a directory, when the keeper's is not given: it says what it says, and nobody vouches for it.
fn keys(keeper: Option<&str>) -> Vec<PublicKey> {
    keeper.map(directory_key).into_iter().collect()
}

fn show(source: &str, keeper: Option<&str>, json: bool, now: DateTime<Utc>) -> anyhow::Result<()> {
    let text = directory_text(source)?;
    let directory: Directory = match keeper {
        Some(_) => Known::read(&text, &keys(keeper), now).context("the directory is not believed")?.directory,
        None => Parts::of(&text, DIRECTORY_TYPE).and_then(|parts| parts.claims()).context("this is no directory of members")?,
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&directory)?);
        return Ok(());
    }
    println!("version {} of {}: {}", directory.version, when(directory.iat), directory.change);
    for member in &directory.members {
        let believed = Believed::on_its_own_word(&member.statement, now)
            .with_context(|| format!("the statement of {} is not believed", member.region))?;
        let said = &believed.statement.said;
        println!(
            "  {:<22} {:<10} {} authorities, {} keys, {}",
            member.region,
            member.standing.as_str(),
            said.authorities.len(),
            said.keys.len(),
            said.address
        );
    }
    if keeper.is_none() {
        eprintln!("signed, but by whom was not looked at: give the keeper's public key with --keeper");
    }
    Ok(())
}

fn when(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map(|at| at.to_rfc3339()).unwrap_or_default()
}

/// The directory of the files, if there is one yet.
fn known(files: &Files, keeper: &Keeper, now: DateTime<Utc>) -> anyhow::Result<Option<Known>> {
    if !files.directory.exists() {
        return Ok(None);
    }
    Known::read(&read(&files.directory)?, &[directory_key(&keeper.public_key())], now)
        .map(Some)
        .with_context(|| format!("{} is not believed", files.directory.display()))
}

fn keep(files: &Files, keeper: &Keeper, directory: &Directory, before: Option<&Known>, now: DateTime<Utc>) -> anyhow::Result<()> {
    let text = keeper.sign(directory)?;
    let key = [directory_key(&keeper.public_key())];
    // What no region would take up is not written.
    match before {
        Some(before) => before.followed_by(&text, &key, now),
        None => Known::read(&text, &key, now),
    }
    .context("regions would not take this up")?;
    let fresh = files.directory.with_extension("new");
    std::fs::write(&fresh, format!("{text}\n"))
        .and_then(|()| std::fs::rename(&fresh, &files.directory))
        .with_context(|| format!("{} cannot be written", files.directory.display()))?;
    println!("version {}: {}", directory.version, directory.change);
    if let (Some(to), Some(token)) = (&files.publish, &files.token_file) {
        publish(&text, to, token)?;
    }
    Ok(())
}

fn add(files: &Files, statement: &str, vouch: bool, now: DateTime<Utc>) -> anyhow::Result<()> {
    let keeper = keeper(&files.key)?;
    let before = known(files, &keeper, now)?;
    let text = fetched(statement, "/.well-known/cofrestr")?;
    // What a region publishes is JSON around the signed statement and those that lead to it.
    let texts = serde_json::from_str(&text).map_or_else(|_| vec![text.trim().to_owned()], PublishedStatement::texts);
    let text = texts.last().context("there is no statement")?;
    let believed = Believed::on_its_own_word(text, now).context("the statement is not believed")?;
    let code = believed.statement.iss.clone();
    if believed.statement.said.address.is_empty() {
        bail!("{code} does not listen for other regions: it must set federation.bind and federation.address first");
    }
    let mut directory = Directory::next(before.as_ref(), format!("added {code}"), now);
    let version = directory.version;
    // Others must be able to follow the way from what the directory has now.
    let way = before.as_ref().and_then(|known| known.statement(&code)).map(|listed| listed.descent(&texts, now));
    let earlier = way.filter(|way| way.newest.text == *text).map(|way| way.earlier).unwrap_or_default();
    match directory.member(&code) {
        Some(member) => {
            member.statement = text.clone();
            member.earlier = earlier;
            member.standing = Standing::Active;
            member.vouched_in = vouch.then_some(version);
        }
        None => directory.members.push(Listed {
            region: code,
            standing: Standing::Active,
            statement: text.clone(),
            earlier: Vec::new(),
            vouched_in: vouch.then_some(version),
        }),
    }
    keep(files, &keeper, &directory, before.as_ref(), now)
        .hint("if the region lost its keys and proved itself otherwise, add it again with --vouch")
}

fn stand(files: &Files, region: &str, standing: Standing, word: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
    let keeper = keeper(&files.key)?;
    let before = known(files, &keeper, now)?.with_context(|| format!("there is no directory {}", files.directory.display()))?;
    let mut directory = Directory::next(Some(&before), format!("{word} {region}"), now);
    let Some(member) = directory.member(region) else {
        let known: Vec<_> = directory.members.iter().map(|member| member.region.as_str()).collect();
        bail!("{region} is no member; the members are {}", known.join(", "));
    };
    if member.standing == standing {
        bail!("{region} is {} already", standing.as_str());
    }
    member.standing = standing;
    keep(files, &keeper, &directory, Some(&before), now)
}

fn publish(text: &str, to: &str, token: &Path) -> anyhow::Result<()> {
    let token = SecretString::from(read(token)?);
    let body = serde_json::json!({ "directory": text });
    let reply = runtime()?.block_on(client::post(to, "/v1/directory", &token, "en", &body))?;
    match reply.status {
        201 => {
            println!("{to} uses version {}", reply.body.get("version").unwrap_or(&serde_json::Value::Null));
            Ok(())
        }
        status => {
            let problem = reply.body.pointer("/errors/0/detail").or_else(|| reply.body.get("title")).and_then(|text| text.as_str());
            bail!("{to} did not take it up (status {status}): {}", problem.unwrap_or_default())
        }
    }
}
