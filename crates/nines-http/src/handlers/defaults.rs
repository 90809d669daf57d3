//! What a service has by itself: promises whose targets its past gives reasons for, and whom their alerts reach.
//!
//! Whoever registers a service (applies its document for the first time) without promises of its own is given those of the
//! template; whoever only sends telemetry has them proposed. Nothing is given twice: what somebody removed stays away.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use nines_api as api;
use nines_slo::{DocumentWarning, Proposal, propose};

use crate::SharedApp;
use crate::extract::Caller;
use crate::problem::{ApiError, ApiResult};
use crate::promises::AppliedDocument;

mod past;

use past::past;

/// New services of one text that are given promises, and for how long their pasts are counted; the rest is told of.
const SERVICES_MAX: usize = 100;
const GIVING_MAX: Duration = Duration::from_secs(15);

pub async fn show(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(service): Path<String>,
) -> ApiResult<Json<api::ServiceDefaults>> {
    if !caller.sees_service(&service) {
        return Err(ApiError::not_found(format!("there is no service `{service}`")));
    }
    let (past, partial) = past(&app, &service).await;
    let slos: Vec<String> =
        app.promises.of_service(&service).iter().map(|it| it.promise.id.clone()).collect();
    let roster = app.oncall.rota.roster();
    Ok(Json(api::ServiceDefaults {
        registered: !slos.is_empty()
            || roster.owners().contains_key(&service)
            || declared(&app, &service).await?,
        proposals: propose(&past).iter().map(proposal).collect(),
        route: route(&app, &service),
        service,
        slos,
        partial,
    }))
}

/// What services were given.
#[derive(Default)]
pub struct Given {
    pub applied: Vec<AppliedDocument>,
    /// Why each is as it is, by name.
    pub reasons: BTreeMap<String, String>,
    pub warnings: Vec<DocumentWarning>,
}

/// Applies the defaults of services that `applied` has made, and that promise nothing, neither here nor in `yaml`.
/// What goes wrong is a warning: the service itself is there.
pub async fn given(
    app: &SharedApp,
    applied: &[AppliedDocument],
    yaml: &str,
    by: &str,
    dry_run: bool,
) -> Given {
    let promised = promised(yaml);
    let new = applied.iter().filter(|it| it.kind == "Service" && it.outcome == "created");
    let bare: Vec<&str> = new
        .map(|it| it.name.as_str())
        .filter(|name| app.promises.of_service(name).is_empty() && !promised.contains(&(*name).to_owned()))
        .collect();
    let mut given = Given::default();
    let mut documents = Vec::new();
    let began = app.clock.monotonic();
    for (index, service) in bare.iter().enumerate() {
        if index >= SERVICES_MAX || app.clock.monotonic().saturating_sub(began) > GIVING_MAX {
            let rest = bare.len() - index;
            given.warnings.push(warning(format!(
                "{rest} of the new services are given no promises, because there are so many: take theirs with `nines slo propose`"
            )));
            break;
        }
        let (past, partial) = past(app, service).await;
        given.warnings.extend(partial.into_iter().map(warning));
        for made in propose(&past) {
            // One that another service has by this name is left as it is.
            if app.promises.get(&made.slo.meta.name).is_none() {
                documents.push(made.yaml());
                given.reasons.insert(made.slo.meta.name.clone(), made.reason);
            }
        }
        if route(app, service).by == "nobody" {
            given.warnings.push(warning(format!(
                "nobody is told when `{service}` fails: give it an owner, or a team `firstLine: true`"
            )));
        }
    }
    if documents.is_empty() {
        return given;
    }
    match app.promises.apply(None, &documents.join("\n---\n"), by, dry_run).await {
        Ok((applied, said)) => {
            given.applied = applied;
            given.warnings.extend(said);
        }
        Err(error) => {
            given.warnings.push(warning(format!("new services are given no promises: {error}")));
        }
    }
    given
}

/// Services that SLOs of a text are of. The text has been applied, so what cannot be read here is of other kinds.
fn promised(yaml: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in yaml.split("\n---") {
        let Ok(parsed) = nines_slo::parse(None, part.trim_start_matches("---")) else { continue };
        for one in parsed.documents {
            if let nines_slo::Document::Slo(slo) = one.document {
                found.push(slo.service);
            }
        }
    }
    found
}

fn warning(message: String) -> DocumentWarning {
    DocumentWarning { file: None, line: 0, column: 0, path: String::new(), message }
}

async fn declared(app: &SharedApp, service: &str) -> ApiResult<bool> {
    let objects = app.objects(Some("Service")).await?;
    Ok(objects.iter().any(|object| object.name == service))
}

fn proposal(made: &Proposal) -> api::SloProposal {
    let objective = made.slo.objectives.first();
    api::SloProposal {
        name: made.slo.meta.name.clone(),
        category: made.category.to_owned(),
        description: made.slo.description.clone().unwrap_or_default(),
        target: objective.map_or(0.0, |objective| objective.target.as_f64()),
        reason: made.reason.clone(),
        yaml: made.yaml(),
    }
}

/// The policy of the team that answers for it, else the team's channels, else those of the first line.
fn route(app: &SharedApp, service: &str) -> api::AlertRoute {
    let roster = app.oncall.rota.roster();
    let services = [service.to_owned()];
    let owned = roster.owners().get(service).is_some_and(|owner| roster.teams.contains_key(owner));
    // Where no team is named first line, all of them are.
    let all = || roster.teams.values().flat_map(|team| team.channels.iter().cloned()).collect();
    let (team, duty) = match roster.team_of(&services) {
        Some((team, duty)) => (Some(team.to_owned()), Some(duty)),
        None => (None, None),
    };
    let policy = duty.and_then(|duty| duty.policy.clone());
    let channels: Vec<String> = duty.map_or_else(all, |duty| duty.channels.clone());
    let by = match (&policy, channels.is_empty()) {
        (Some(_), _) => "policy",
        (None, true) => "nobody",
        (None, false) if owned => "channels",
        (None, false) => "first_line",
    };
    api::AlertRoute { by: by.to_owned(), team, policy, channels }
}
