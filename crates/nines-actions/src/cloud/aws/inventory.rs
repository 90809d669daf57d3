//! What there is in the account and region, as far as lists go: a machine's checks or an address set's content are asked
//! for when an action needs them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::wire::{EC2, ELB, Fault, SCALING, Service, Wire};
use super::xml::Element;
use super::{WafScope, form};
use crate::inventory::{
    BlockListItem, INVENTORY_MAX, InstanceItem, Inventory, ListenerItem, ScalingGroupItem, TargetGroupItem,
};
use crate::seen::{Health, InstanceState};

/// Pages of one list; the smallest page holds 100.
const PAGES_MAX: usize = 10;
/// Target groups and balancers that are looked into, one call each; more are listed without what is in them.
const LOOKED_INTO_MAX: usize = 50;

/// One list of a query protocol: the call, where its items are, and how its pages are asked for and found.
struct List {
    service: Service,
    action: &'static str,
    items: &'static str,
    /// The parameter that asks for the next page, and where an answer names it.
    next: (&'static str, &'static str),
}

pub(super) async fn inventory(wire: &Wire, scope: WafScope) -> Result<Inventory, Fault> {
    let mut found = Inventory::default();
    instances(wire, &mut found).await?;
    target_groups(wire, &mut found).await?;
    listeners(wire, &mut found).await?;
    scaling_groups(wire, &mut found).await?;
    templates(wire, &mut found).await?;
    block_lists(wire, scope, &mut found).await?;
    Ok(found.bounded())
}

/// Every item of every page, up to the bounds; also whether there were more.
async fn all(wire: &Wire, list: &List, found: &mut Inventory) -> Result<Vec<Element>, Fault> {
    let mut items = Vec::new();
    let mut next = String::new();
    for _ in 0..PAGES_MAX {
        let parameters = if next.is_empty() { Vec::new() } else { form(&[(list.next.0, &next)]) };
        let page = wire.query(list.service, list.action, parameters).await?;
        items.extend(page.items(list.items).cloned());
        next = page.text_at(list.next.1).to_owned();
        if next.is_empty() || items.len() > INVENTORY_MAX {
            break;
        }
    }
    found.is_partial |= !next.is_empty();
    Ok(items)
}

async fn instances(wire: &Wire, found: &mut Inventory) -> Result<(), Fault> {
    let list = List {
        service: EC2,
        action: "DescribeInstances",
        items: "reservationSet",
        next: ("NextToken", "nextToken"),
    };
    for reservation in all(wire, &list, found).await? {
        for item in reservation.items("instancesSet") {
            let id = item.text_at("instanceId").to_owned();
            let Some(state) = InstanceState::parse(item.text_at("instanceState/name")) else { continue };
            if id.is_empty() || state == InstanceState::Terminated {
                continue;
            }
            let tag = item.items("tagSet").find(|tag| tag.text_at("key") == "Name");
            let name = tag.map(|tag| tag.text_at("value")).filter(|name| !name.is_empty());
            found.instances.push(InstanceItem {
                name: name.unwrap_or(&id).to_owned(),
                id,
                state,
                zone: item.text_at("placement/availabilityZone").to_owned(),
            });
        }
    }
    Ok(())
}

async fn target_groups(wire: &Wire, found: &mut Inventory) -> Result<(), Fault> {
    let list = List {
        service: ELB,
        action: "DescribeTargetGroups",
        items: "DescribeTargetGroupsResult/TargetGroups",
        next: ("Marker", "DescribeTargetGroupsResult/NextMarker"),
    };
    let groups = all(wire, &list, found).await?;
    found.is_partial |= groups.len() > LOOKED_INTO_MAX;
    for (index, group) in groups.iter().enumerate() {
        let id = group.text_at("TargetGroupArn").to_owned();
        let mut health = BTreeMap::new();
        if index < LOOKED_INTO_MAX {
            let answer = wire.query(ELB, "DescribeTargetHealth", form(&[("TargetGroupArn", &id)])).await?;
            for target in answer.items("DescribeTargetHealthResult/TargetHealthDescriptions") {
                let state = Health::parse(target.text_at("TargetHealth/State"));
                let target = target.text_at("Target/Id").to_owned();
                health.insert(target, state.unwrap_or(Health::Unavailable));
            }
        }
        let name = group.text_at("TargetGroupName").to_owned();
        found.target_groups.push(TargetGroupItem { id, name, health });
    }
    Ok(())
}

async fn listeners(wire: &Wire, found: &mut Inventory) -> Result<(), Fault> {
    let list = List {
        service: ELB,
        action: "DescribeLoadBalancers",
        items: "DescribeLoadBalancersResult/LoadBalancers",
        next: ("Marker", "DescribeLoadBalancersResult/NextMarker"),
    };
    let balancers = all(wire, &list, found).await?;
    found.is_partial |= balancers.len() > LOOKED_INTO_MAX;
    for balancer in balancers.iter().take(LOOKED_INTO_MAX) {
        let arn = balancer.text_at("LoadBalancerArn");
        let answer = wire.query(ELB, "DescribeListeners", form(&[("LoadBalancerArn", arn)])).await?;
        for listener in answer.items("DescribeListenersResult/Listeners") {
            let (name, port) = (balancer.text_at("LoadBalancerName"), listener.text_at("Port"));
            found.listeners.push(ListenerItem {
                id: listener.text_at("ListenerArn").to_owned(),
                name: format!("{name}:{port}"),
                weights: super::elb::weights_of(listener).unwrap_or_default(),
            });
        }
    }
    Ok(())
}

async fn scaling_groups(wire: &Wire, found: &mut Inventory) -> Result<(), Fault> {
    let list = List {
        service: SCALING,
        action: "DescribeAutoScalingGroups",
        items: "DescribeAutoScalingGroupsResult/AutoScalingGroups",
        next: ("NextToken", "DescribeAutoScalingGroupsResult/NextToken"),
    };
    for group in all(wire, &list, found).await? {
        let number = |path| group.text_at(path).parse().unwrap_or_default();
        found.scaling_groups.push(ScalingGroupItem {
            name: group.text_at("AutoScalingGroupName").to_owned(),
            min: number("MinSize"),
            max: number("MaxSize"),
            desired: number("DesiredCapacity"),
            instances: group.items("Instances").count(),
        });
    }
    Ok(())
}

async fn templates(wire: &Wire, found: &mut Inventory) -> Result<(), Fault> {
    let list = List {
        service: EC2,
        action: "DescribeLaunchTemplates",
        items: "launchTemplates",
        next: ("NextToken", "nextToken"),
    };
    let templates = all(wire, &list, found).await?;
    found.templates.extend(templates.iter().map(|item| item.text_at("launchTemplateName").to_owned()));
    Ok(())
}

async fn block_lists(wire: &Wire, scope: WafScope, found: &mut Inventory) -> Result<(), Fault> {
    let mut marker: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let mut body = json!({"Scope": scope.word(), "Limit": 100});
        if let Some(marker) = &marker {
            body["NextMarker"] = json!(marker);
        }
        let page = wire.json("wafv2", "1.1", "AWSWAF_20190729.ListIPSets", &body).await?;
        let sets = page.pointer("/IPSets").and_then(Value::as_array).cloned().unwrap_or_default();
        for set in &sets {
            let name = set.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
            found.block_lists.push(BlockListItem { name, addresses: None });
        }
        marker = page.get("NextMarker").and_then(Value::as_str).map(str::to_owned);
        if marker.is_none() || sets.is_empty() {
            return Ok(());
        }
    }
    found.is_partial = true;
    Ok(())
}
