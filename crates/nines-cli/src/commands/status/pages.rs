//! Status pages: make them, list them, and export them as files that live when the node does not.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use nines_api::{StatusComponent, StatusPage, StatusPageRequest, StatusPagesResponse};
use nines_base::disk::{RealDisk, publish};

use crate::commands::Session;
use crate::exit::Code;
use crate::table::Table;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List status pages
    Pages,
    /// Make or change a status page
    Page {
        /// In its address: lower-case letters, digits, dashes
        name: String,
        /// What it is called
        #[arg(long)]
        title: String,
        /// A line below the title
        #[arg(long, default_value = "")]
        description: String,
        /// What it shows, such as 'Checkout=checkout,payments'; several times
        #[arg(long = "component", required = true, value_name = "NAME=SERVICES")]
        components: Vec<String>,
        /// Shown only with its link, which is printed once
        #[arg(long)]
        private: bool,
        /// The e-mail channel that writes to subscribers; without it only webhooks can subscribe
        #[arg(long, value_name = "CHANNEL")]
        mail_channel: Option<String>,
    },
    /// Remove a status page
    Remove {
        /// As in its address
        name: String,
    },
    /// Write every public page and its feeds into a folder, to be served by anything
    Export {
        /// Made if it is not there
        folder: PathBuf,
    },
}

pub async fn run(command: Command, session: &Session) -> anyhow::Result<Code> {
    let client = &session.client;
    match command {
        Command::Pages => session.output.print(&client.status_pages().await?, list)?,
        Command::Page { name, title, description, components, private, mail_channel } => {
            let components: anyhow::Result<Vec<StatusComponent>> =
                components.iter().map(|text| component(text)).collect();
            let components = components?;
            let request = StatusPageRequest { title, description, components, private, mail_channel };
            let made = client.put_status_page(&name, &request).await?;
            session.output.print_text(&made, |page: &StatusPage| format!("{}\n", page.url))?;
        }
        Command::Remove { name } => client.remove_status_page(&name).await?,
        Command::Export { folder } => export(&folder, session).await?,
    }
    Ok(Code::Ok)
}

fn component(text: &str) -> anyhow::Result<StatusComponent> {
    let (name, services) = text
        .split_once('=')
        .with_context(|| format!("`{text}` is no component: write NAME=SERVICE,SERVICE"))?;
    let services = services.split(',').map(str::trim).filter(|service| !service.is_empty());
    Ok(StatusComponent { name: name.trim().to_owned(), services: services.map(str::to_owned).collect() })
}

/// `DIR/NAME/index.html`, `atom.xml`, `rss.xml`. Each file is replaced whole.
async fn export(folder: &Path, session: &Session) -> anyhow::Result<()> {
    let pages = session.client.status_pages().await?.pages;
    let disk = RealDisk::shared();
    for page in pages.iter().filter(|page| !page.private) {
        let place = folder.join(&page.name);
        disk.create_dir(&place).with_context(|| format!("cannot make {}", place.display()))?;
        let mut files = vec![("index.html", session.client.status_page(&page.name).await?)];
        for feed in ["atom.xml", "rss.xml"] {
            files.push((feed, session.client.status_page_feed(&page.name, feed).await?));
        }
        for (file, text) in files {
            let path = place.join(file);
            publish(disk.as_ref(), &path, |file| file.write_all(text.as_bytes()))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        eprintln!("{}", place.display());
    }
    Ok(())
}

fn list(answer: &StatusPagesResponse) -> Table {
    let mut table = Table::new(["name", "title", "components", "who", "subscribers", "address"]).right(&[4]);
    for page in &answer.pages {
        let names: Vec<&str> = page.components.iter().map(|it| it.name.as_str()).collect();
        let who = if page.private { "by link" } else { "everybody" };
        table.row([
            page.name.clone(),
            page.title.clone(),
            names.join(", "),
            who.to_owned(),
            (page.subscribers.email + page.subscribers.webhook).to_string(),
            page.url.clone(),
        ]);
    }
    table
}
