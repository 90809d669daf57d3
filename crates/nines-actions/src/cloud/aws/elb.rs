use std::collections::{BTreeMap, BTreeSet};

use super::form;
use super::wire::{ELB, Fault, Form, Wire};
use super::xml::Element;
use crate::seen::{Health, Rule, Seen};

/// Pages of rules: a listener takes 100 rules by default and a page holds 400.
const PAGES_MAX: usize = 10;

pub(super) async fn targets(wire: &Wire, group: &str) -> Result<Seen, Fault> {
    let answer = wire.query(ELB, "DescribeTargetHealth", form(&[("TargetGroupArn", group)])).await?;
    let list = "DescribeTargetHealthResult/TargetHealthDescriptions";
    let health = answer
        .items(list)
        .map(|item| {
            let health = Health::parse(item.text_at("TargetHealth/State")).unwrap_or(Health::Unavailable);
            (item.text_at("Target/Id").to_owned(), health)
        })
        .collect();
    Ok(Seen::Targets { health })
}

/// `RegisterTargets` or `DeregisterTargets`.
pub(super) async fn target(wire: &Wire, action: &str, group: &str, instance: &str) -> Result<(), Fault> {
    let parameters = form(&[("TargetGroupArn", group), ("Targets.member.1.Id", instance)]);
    wire.query(ELB, action, parameters).await.map(drop)
}

pub(super) async fn rules(wire: &Wire, listener: &str) -> Result<Seen, Fault> {
    let rules = describe_rules(wire, listener).await?.iter().filter_map(rule).collect();
    Ok(Seen::Rules { rules })
}

async fn describe_rules(wire: &Wire, listener: &str) -> Result<Vec<Element>, Fault> {
    let mut all = Vec::new();
    let mut marker = String::new();
    for _ in 0..PAGES_MAX {
        let mut parameters = form(&[("ListenerArn", listener)]);
        if !marker.is_empty() {
            parameters.extend(form(&[("Marker", &marker)]));
        }
        let page = wire.query(ELB, "DescribeRules", parameters).await?;
        all.extend(page.items("DescribeRulesResult/Rules").cloned());
        marker = page.text_at("DescribeRulesResult/NextMarker").to_owned();
        if marker.is_empty() {
            break;
        }
    }
    Ok(all)
}

/// A rule as we know them; the default one is none. Another kind of rule at a priority still takes it: it comes out
/// with what it has of ours, and so is no rule that we made.
fn rule(item: &Element) -> Option<Rule> {
    let priority = item.text_at("Priority").parse().ok()?;
    let mut host = None;
    let mut source_ips = BTreeSet::new();
    for condition in item.items("Conditions") {
        let values =
            |path: &str| condition.items(path).map(|value| value.text.trim().to_owned()).collect::<Vec<_>>();
        match condition.text_at("Field") {
            "host-header" => {
                let config = values("HostHeaderConfig/Values");
                host = config.into_iter().chain(values("Values")).next();
            }
            "source-ip" => source_ips.extend(values("SourceIpConfig/Values")),
            _ => {}
        }
    }
    let action = item.items("Actions").last()?;
    let direct = action.text_at("TargetGroupArn");
    let weighted = action.items("ForwardConfig/TargetGroups").next();
    let forward_to = match (direct, weighted) {
        ("", Some(group)) => group.text_at("TargetGroupArn"),
        (direct, _) => direct,
    };
    Some(Rule { priority, host, source_ips, forward_to: forward_to.to_owned() })
}

pub(super) async fn add_rule(wire: &Wire, listener: &str, rule: &Rule) -> Result<(), Fault> {
    let mut parameters = form(&[
        ("ListenerArn", listener),
        ("Priority", &rule.priority.to_string()),
        ("Actions.member.1.Type", "forward"),
        ("Actions.member.1.TargetGroupArn", &rule.forward_to),
    ]);
    let mut number = 0;
    if let Some(host) = &rule.host {
        number += 1;
        parameters.extend(condition(number, "host-header", "HostHeaderConfig", [host]));
    }
    if !rule.source_ips.is_empty() {
        number += 1;
        parameters.extend(condition(number, "source-ip", "SourceIpConfig", &rule.source_ips));
    }
    wire.query(ELB, "CreateRule", parameters).await.map(drop)
}

fn condition<'a>(
    number: usize,
    field: &str,
    config: &str,
    values: impl IntoIterator<Item = &'a String>,
) -> Form {
    let prefix = format!("Conditions.member.{number}");
    let mut parameters = vec![(format!("{prefix}.Field"), field.to_owned())];
    for (index, value) in values.into_iter().enumerate() {
        parameters.push((format!("{prefix}.{config}.Values.member.{}", index + 1), value.clone()));
    }
    parameters
}

/// Deletes the rule that is exactly this one; another at its priority stays.
pub(super) async fn delete_rule(wire: &Wire, listener: &str, wanted: &Rule) -> Result<(), Fault> {
    let all = describe_rules(wire, listener).await?;
    let Some(found) = all.iter().find(|item| rule(item).as_ref() == Some(wanted)) else { return Ok(()) };
    wire.query(ELB, "DeleteRule", form(&[("RuleArn", found.text_at("RuleArn"))])).await.map(drop)
}

pub(super) async fn weights(wire: &Wire, listener: &str) -> Result<Seen, Fault> {
    let answer = wire.query(ELB, "DescribeListeners", form(&[("ListenerArns.member.1", listener)])).await?;
    let Some(found) = answer.items("DescribeListenersResult/Listeners").next() else {
        return Ok(Seen::Missing);
    };
    Ok(weights_of(found).map_or(Seen::Missing, |weights| Seen::Weights { weights }))
}

/// How a listener's default rule shares its traffic; `None` if it has none.
pub(super) fn weights_of(listener: &Element) -> Option<BTreeMap<String, u16>> {
    let action = listener.items("DefaultActions").last()?;
    let mut weights: BTreeMap<_, _> = action
        .items("ForwardConfig/TargetGroups")
        .map(|group| {
            let weight = group.text_at("Weight").parse().unwrap_or(1);
            (group.text_at("TargetGroupArn").to_owned(), weight)
        })
        .collect();
    let direct = action.text_at("TargetGroupArn");
    if weights.is_empty() && !direct.is_empty() {
        weights.insert(direct.to_owned(), 1);
    }
    Some(weights)
}

pub(super) async fn set_weights(
    wire: &Wire,
    listener: &str,
    weights: &BTreeMap<String, u16>,
) -> Result<(), Fault> {
    let mut parameters = form(&[("ListenerArn", listener), ("DefaultActions.member.1.Type", "forward")]);
    for (index, (group, weight)) in weights.iter().enumerate() {
        let prefix = format!("DefaultActions.member.1.ForwardConfig.TargetGroups.member.{}", index + 1);
        parameters.push((format!("{prefix}.TargetGroupArn"), group.clone()));
        parameters.push((format!("{prefix}.Weight"), weight.to_string()));
    }
    wire.query(ELB, "ModifyListener", parameters).await.map(drop)
}
