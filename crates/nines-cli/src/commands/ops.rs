//! Operations from a terminal: the plan is shown before anything is done, and what is done is told as it happens.

mod follow;
mod values;

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use nines_api::{
    ActionPlan, ActionRun, ActionsResponse, CloudInventory, PlanRequest, RunRequest, RunStepRequest,
    RunsResponse, StopRequest,
};

use super::{Session, short_time};
use crate::exit::Code;
use crate::output::style;
use crate::table::{Table, one_line};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nines ops list
  nines ops inventory
  nines ops plan ec2.off_service instanceIds=shop-web-1 targetGroup=shop-blue
  nines ops run ec2.off_service instanceIds=shop-web-1 targetGroup=shop-blue --incident INC-2026-0042
  nines ops run asg.set_weight listener=shop weights=shop-blue:90,shop-green:10 --yes
  nines ops approve 0199…
  nines ops stop 'the network team asked for quiet'

Values are written name=value; lists with commas. What has a name in the inventory can be written by it.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What can be done, and what each action takes
    List {
        /// Only what has this word in its name or summary
        word: Option<String>,
    },
    /// What there is to act on, by name
    Inventory,
    /// What an action would do; nothing is done
    Plan(What),
    /// Show the plan, ask, do it, and tell what happens
    Run(Do),
    /// Runs, newest first
    Runs {
        /// waiting_for_approval, ready, running, compensating, waiting_for_human, done, compensated or cancelled
        #[arg(long)]
        state: Option<String>,
        /// Such as INC-2026-0042
        #[arg(long)]
        incident: Option<String>,
    },
    /// One run: its steps, and what happened
    Show {
        /// Id of the run
        id: String,
        /// Go on telling what happens until it is over
        #[arg(long, short)]
        follow: bool,
    },
    /// Approve exactly the plan that is shown
    Approve(Confirmed),
    /// Start a run that has been approved
    Start(Confirmed),
    /// Stop a run and take back what it did
    Cancel {
        /// Id of the run
        id: String,
    },
    /// Answer a run that waits for a person
    Answer {
        /// Id of the run
        id: String,
        /// done, retry or compensate
        answer: String,
    },
    /// Stop everything, or lift the stop
    Stop {
        /// Why, for everybody whose run stands still
        #[arg(required_unless_present = "lift")]
        reason: Option<String>,
        /// Let runs go on
        #[arg(long, conflicts_with = "reason")]
        lift: bool,
    },
}

#[derive(Debug, Args)]
struct What {
    /// Such as ec2.stop, or runbook/NAME
    action: String,
    /// What it takes, as name=value
    values: Vec<String>,
}

#[derive(Debug, Args)]
struct Do {
    #[command(flatten)]
    what: What,
    /// The incident that it belongs to
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// A repeat with the same key is the same run
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Return as soon as it is started
    #[arg(long)]
    detach: bool,
}

#[derive(Debug, Args)]
struct Confirmed {
    /// Id of the run
    id: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(arguments: Arguments, session: &Session) -> anyhow::Result<Code> {
    let client = &session.client;
    match arguments.command {
        Command::List { word } => {
            let mut answer = client.actions().await?;
            if let Some(word) = word {
                let word = word.to_lowercase();
                answer.actions.retain(|action| {
                    action.name.contains(&word) || action.summary.to_lowercase().contains(&word)
                });
            }
            session.output.print_text(&answer, catalogue)?;
        }
        Command::Inventory => session.output.print_text(&client.cloud_inventory().await?, inventory)?,
        Command::Plan(what) => {
            let (request, reads) = asked(session, &what).await?;
            if reads {
                session.output.print_text(&client.read_action(&request).await?, |answer| {
                    format!("{:#}\n", answer.seen)
                })?;
            } else {
                session.output.print_text(&client.plan_action(&request).await?, plan)?;
            }
        }
        Command::Run(what) => return carry_out(what, session).await,
        Command::Runs { state, incident } => {
            let answer = client.runs(state.as_deref(), incident.as_deref()).await?;
            session.output.print(&answer, runs)?;
        }
        Command::Show { id, follow: false } => {
            let found = client.run(&id).await?;
            let events = client.run_history(&id, 0).await?;
            session.output.print_text(&found, |found| {
                let told: String = events.events.iter().map(follow::line).collect();
                format!("{}\n{told}", show(found))
            })?;
        }
        Command::Show { id, follow: true } => return follow::until_over(session, &id, 0).await,
        Command::Approve(it) => return approve(it, session).await,
        Command::Start(it) => {
            let found = client.run(&it.id).await?;
            eprint!("{}", plan(&found.plan));
            confirm("start it?", it.yes)?;
            let started = client.step_run(&it.id, "start", &RunStepRequest::default()).await?;
            return follow::until_over(session, &started.id, 0).await;
        }
        Command::Cancel { id } => {
            client.step_run(&id, "cancel", &RunStepRequest::default()).await?;
            return follow::until_over(session, &id, 0).await;
        }
        Command::Answer { id, answer } => {
            let request = RunStepRequest { answer: Some(answer), ..RunStepRequest::default() };
            client.step_run(&id, "answer", &request).await?;
            return follow::until_over(session, &id, 0).await;
        }
        Command::Stop { lift: true, .. } => {
            client.lift_stop().await?;
            eprintln!("runs go on");
        }
        Command::Stop { reason, .. } => {
            let stop = client.stop_actions(&StopRequest { reason: reason.unwrap_or_default() }).await?;
            session.output.print_text(&stop, |stop| {
                format!(
                    "{} by {} at {}: {}\n",
                    style::red("all actions are stopped"),
                    stop.by,
                    short_time(&stop.at),
                    stop.reason
                )
            })?;
        }
    }
    Ok(Code::Ok)
}

/// The values as the action's parameters want them, and whether it only reads.
async fn asked(session: &Session, what: &What) -> anyhow::Result<(PlanRequest, bool)> {
    let catalogue = session.client.actions().await?;
    let found = catalogue.actions.iter().find(|action| action.name == what.action);
    // The node knows the nearest name better than we do.
    let Some(action) = found else {
        return Ok((
            PlanRequest { action: what.action.clone(), arguments: Default::default(), incident: None },
            false,
        ));
    };
    let inventory = match values::need_inventory(action) {
        true => Some(session.client.cloud_inventory().await?),
        false => None,
    };
    let arguments = values::read(action, &what.values, inventory.as_ref())?;
    Ok((PlanRequest { action: what.action.clone(), arguments, incident: None }, action.reads))
}

async fn carry_out(what: Do, session: &Session) -> anyhow::Result<Code> {
    let client = &session.client;
    let (mut request, reads) = asked(session, &what.what).await?;
    request.incident.clone_from(&what.incident);
    if reads {
        let answer = client.read_action(&request).await?;
        session.output.print_text(&answer, |answer| format!("{:#}\n", answer.seen))?;
        return Ok(Code::Ok);
    }
    let planned = client.plan_action(&request).await?;
    eprint!("{}", plan(&planned));
    confirm(if planned.four_eyes { "ask for its approval?" } else { "do it?" }, what.yes)?;
    let started = client
        .start_run(&RunRequest {
            action: request.action,
            arguments: request.arguments,
            plan_hash: planned.hash,
            idempotency_key: what.idempotency_key,
            incident: what.incident,
        })
        .await?;
    if what.detach || started.state == "waiting_for_approval" {
        session.output.print_text(&started, |run| format!("{}  {}\n", run.id, state(&run.state)))?;
        if started.state == "waiting_for_approval" {
            eprintln!("somebody else approves it: nines ops approve {}", started.id);
            eprintln!("then it is started: nines ops start {}", started.id);
            return Ok(Code::Waiting);
        }
        return Ok(Code::Ok);
    }
    follow::until_over(session, &started.id, 0).await
}

async fn approve(it: Confirmed, session: &Session) -> anyhow::Result<Code> {
    let found = session.client.run(&it.id).await?;
    eprintln!("{} asks for this:", found.author);
    eprint!("{}", plan(&found.plan));
    confirm("approve exactly this?", it.yes)?;
    let request = RunStepRequest { plan_hash: Some(found.plan.hash), ..RunStepRequest::default() };
    let approved = session.client.step_run(&it.id, "approve", &request).await?;
    session.output.print_text(&approved, |run| format!("{}  {}\n", run.id, state(&run.state)))?;
    if let Some(approval) = &approved.approval {
        eprintln!("it can be started until {}: nines ops start {}", short_time(&approval.expires_at), it.id);
    }
    Ok(Code::Ok)
}

/// Goes on only after a clear yes.
fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to ask `{question}`: add --yes when you have read the plan");
    }
    eprint!("{} [y/N] ", style::bold(question));
    std::io::stderr().flush().context("cannot write to the terminal")?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read from the terminal")?;
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was done"),
    }
}

fn catalogue(answer: &ActionsResponse) -> String {
    let mut text = String::new();
    if let Some(stop) = &answer.stop {
        let what = format!("all actions are stopped by {} since {}", stop.by, short_time(&stop.at));
        text.push_str(&format!("{}: {}\n\n", style::red(&what), one_line(&stop.reason)));
    }
    for action in &answer.actions {
        let eyes = if action.four_eyes { ", second person" } else { "" };
        text.push_str(&format!(
            "{}  {}\n  {}\n",
            style::bold(&action.name),
            style::dim(&format!("{}{eyes}", action.level)),
            one_line(&action.summary)
        ));
        for parameter in &action.parameters {
            let optional = if parameter.required { "" } else { " (optional)" };
            text.push_str(&format!(
                "    {}=<{}>{optional}  {}\n",
                parameter.name,
                parameter.kind,
                style::dim(&one_line(&parameter.about))
            ));
        }
    }
    text.push_str(&format!("\nactions go to: {}\n", answer.cloud));
    text
}

fn inventory(answer: &CloudInventory) -> String {
    let mut machines = Table::new(["instance", "id", "state", "zone", "target groups"]);
    for one in &answer.instances {
        let groups = answer.target_groups.iter().filter_map(|group| {
            let target = group.targets.iter().find(|target| target.instance == one.id)?;
            Some(format!("{} {}", group.name, target.health))
        });
        let groups: Vec<_> = groups.collect();
        machines.row([
            one.name.clone(),
            one.id.clone(),
            one.state.clone(),
            one.zone.clone(),
            groups.join(", "),
        ]);
    }
    let mut others = Table::new(["kind", "name", "what"]);
    for group in &answer.target_groups {
        let healthy = group.targets.iter().filter(|target| target.health == "healthy").count();
        let what = format!("{healthy} of {} healthy", group.targets.len());
        others.row(["target group".to_owned(), group.name.clone(), what]);
    }
    for listener in &answer.listeners {
        let named = |id: &str| {
            let group = answer.target_groups.iter().find(|group| group.id == id);
            group.map_or(id.to_owned(), |group| group.name.clone())
        };
        let shares =
            listener.weights.iter().map(|one| format!("{} {}", named(&one.target_group), one.weight));
        let shares: Vec<_> = shares.collect();
        others.row(["listener".to_owned(), listener.name.clone(), shares.join(", ")]);
    }
    for group in &answer.scaling_groups {
        let what = format!("{} wanted, {} to {}", group.desired, group.min, group.max);
        others.row(["scaling group".to_owned(), group.name.clone(), what]);
    }
    for template in &answer.templates {
        others.row(["launch template".to_owned(), template.clone(), String::new()]);
    }
    for list in &answer.block_lists {
        let what = list.networks.map(|count| format!("{count} networks")).unwrap_or_default();
        others.row(["block list".to_owned(), list.name.clone(), what]);
    }
    let more = if answer.is_partial { "\nthere is more than is listed\n" } else { "" };
    format!("{}\n{}{more}", machines.render(), others.render())
}

/// What will be done, as people read it before they say yes.
fn plan(plan: &ActionPlan) -> String {
    let mut text = format!("{}  {}\n", style::bold(&plan.action), style::dim(&plan.level));
    for (index, step) in plan.steps.iter().enumerate() {
        let note = if step.is_met { style::dim("  (so already)") } else { String::new() };
        text.push_str(&format!("  {:>2}. {}{note}\n", index + 1, one_line(&step.description)));
    }
    let radius = &plan.radius;
    if !radius.machines.is_empty() {
        let count = radius.machines.len();
        text.push_str(&format!("  machines: {count}\n"));
    }
    for group in &radius.target_groups {
        let line = format!("{} healthy, at least {} stay", group.healthy, group.healthy_min);
        let line = if group.healthy_min < group.healthy { style::yellow(&line) } else { line };
        text.push_str(&format!("  {}: {line}\n", one_line(&group.target_group)));
    }
    for capacity in &radius.capacities {
        text.push_str(&format!("  {}: {} → {} machines\n", capacity.group, capacity.from, capacity.to));
    }
    if radius.networks > 0 {
        text.push_str(&format!("  networks: {}\n", radius.networks));
    }
    if plan.four_eyes {
        text.push_str(&format!("  {}\n", style::yellow("somebody else has to approve it")));
    }
    if let Some(refusal) = &plan.refused_by {
        let reason = refusal.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let line = format!("policy {} would refuse you{reason}", refusal.policy);
        text.push_str(&format!("  {}\n", style::red(&one_line(&line))));
    }
    text.push_str(&format!("  {}\n", style::dim(&format!("plan {}", plan.hash))));
    text
}

fn runs(answer: &RunsResponse) -> Table {
    let mut table = Table::new(["id", "state", "action", "author", "made", "incident", "helped", "why"]);
    for run in &answer.runs {
        let helped = run.verdict.as_ref().map(|verdict| verdict.helped.clone()).unwrap_or_default();
        table.row([
            run.id.clone(),
            state(&run.state),
            run.plan.action.clone(),
            run.author.clone(),
            short_time(&run.created_at),
            run.incident.clone().unwrap_or_default(),
            helped,
            run.reason.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn show(run: &ActionRun) -> String {
    let mut text = format!("{}  {}  {}\n", style::bold(&run.id), run.plan.action, state(&run.state));
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{label:<12}{}\n", one_line(value)));
        }
    };
    fact("why", run.reason.as_deref().unwrap_or_default());
    fact("author", &run.author);
    fact("incident", run.incident.as_deref().unwrap_or_default());
    if let Some(approval) = &run.approval {
        fact("approved", &format!("by {} at {}", approval.by, short_time(&approval.at)));
    }
    fact("made", &short_time(&run.created_at));
    fact("started", &run.started_at.as_deref().map(short_time).unwrap_or_default());
    fact("finished", &run.finished_at.as_deref().map(short_time).unwrap_or_default());
    if let Some(verdict) = &run.verdict {
        fact("helped", &format!("{}: {}", verdict.helped, verdict.text));
    }
    for (index, step) in run.steps.iter().enumerate() {
        let why = step.reason.as_deref().map(|why| format!("  {}", style::dim(&one_line(why))));
        text.push_str(&format!(
            "  {:>2}. {:<18} {}{}\n",
            index + 1,
            step_state(&step.state),
            one_line(&step.description),
            why.unwrap_or_default()
        ));
    }
    text
}

fn state(word: &str) -> String {
    let text = word.replace('_', " ");
    match word {
        "done" => style::green(&text),
        "running" | "ready" => style::cyan(&text),
        "waiting_for_approval" | "waiting_for_human" | "compensating" => style::yellow(&text),
        "compensated" | "cancelled" => style::dim(&text),
        _ => text,
    }
}

fn step_state(word: &str) -> String {
    let text = word.replace('_', " ");
    match word {
        "done" => style::green(&text),
        "failed" => style::red(&text),
        "running" | "unknown" => style::cyan(&text),
        "waiting_for_human" | "compensating" => style::yellow(&text),
        _ => style::dim(&text),
    }
}
