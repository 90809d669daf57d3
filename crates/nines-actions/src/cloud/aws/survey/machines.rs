//! Machines, disks and networks; balancers and their listeners; scaling groups.

use serde_json::{Value, json};

use super::super::form;
use super::super::wire::{EC2, ELB, SCALING, Service};
use super::calls::{Calls, Kind, List, Listed, item, part, set_tags, unknown};
use super::tree::value_of;

/// Balancers whose tags are asked for at a time: what the service takes.
const TAGGED_MAX: usize = 20;

const fn ec2(action: &'static str, items: &'static str) -> List {
    List { service: EC2, action, items, next: ("NextToken", "nextToken") }
}

const fn marked(
    service: Service,
    action: &'static str,
    items: &'static str,
    next: (&'static str, &'static str),
) -> List {
    List { service, action, items, next }
}

pub async fn all(calls: &Calls<'_>, found: &mut Vec<Kind>) {
    found.push(instances(calls).await);
    let volumes = calls.list(&ec2("DescribeVolumes", "volumeSet"), &[]).await;
    found.push(volumes.into_kind("aws.ec2.volume", |one| tagged(one, "VolumeId", "VolumeId")));
    let groups = calls.list(&ec2("DescribeSecurityGroups", "securityGroupInfo"), &[]).await;
    found.push(groups.into_kind("aws.ec2.security-group", |one| tagged(one, "GroupId", "GroupName")));
    found.push(networks(calls).await);
    let (balancers, listeners) = balancers(calls).await;
    found.extend([balancers, listeners]);
    let list = marked(
        SCALING,
        "DescribeAutoScalingGroups",
        "DescribeAutoScalingGroupsResult/AutoScalingGroups",
        ("NextToken", "DescribeAutoScalingGroupsResult/NextToken"),
    );
    let groups = calls.list(&list, &[]).await;
    let named = |one| tagged(one, "AutoScalingGroupARN", "AutoScalingGroupName");
    found.push(groups.into_kind("aws.autoscaling.group", named));
}

/// A thing of a service that leaves the list of tags out when there are none.
fn tagged(mut one: Value, id: &str, name: &str) -> Option<super::Item> {
    if let Some(map) = one.as_object_mut() {
        map.entry("Tags").or_insert(Value::Null);
    }
    item(one, id, name)
}

async fn instances(calls: &Calls<'_>) -> Kind {
    let reservations = calls.list(&ec2("DescribeInstances", "reservationSet"), &[]).await;
    let mut listed = Listed { items: Vec::new(), incomplete: reservations.incomplete };
    for reservation in reservations.items {
        // A reservation of one machine is a list of one all the same.
        let machines = reservation["InstancesSet"].as_array().cloned().unwrap_or_default();
        listed.items.extend(machines.into_iter().filter(|one| one["InstanceState"]["Name"] != "terminated"));
    }
    listed.into_kind("aws.ec2.instance", |one| tagged(one, "InstanceId", "InstanceId"))
}

async fn networks(calls: &Calls<'_>) -> Kind {
    let networks = calls.list(&ec2("DescribeVpcs", "vpcSet"), &[]).await;
    let mut kind = networks.into_kind("aws.ec2.vpc", |one| tagged(one, "VpcId", "VpcId"));
    let flows = calls.list(&ec2("DescribeFlowLogs", "flowLogSet"), &[]).await;
    for network in &mut kind.items {
        let of_it = |flow: &&Value| flow["ResourceId"] == network.id.as_str();
        network.attributes["FlowLogs"] = match &flows.incomplete {
            Some(reason) => unknown(reason),
            None => flows.items.iter().filter(of_it).cloned().collect(),
        };
    }
    kind
}

async fn balancers(calls: &Calls<'_>) -> (Kind, Kind) {
    let list = marked(
        ELB,
        "DescribeLoadBalancers",
        "DescribeLoadBalancersResult/LoadBalancers",
        ("Marker", "DescribeLoadBalancersResult/NextMarker"),
    );
    let balancers = calls.list(&list, &[]).await;
    let mut kind =
        balancers.into_kind("aws.elb.load-balancer", |one| item(one, "LoadBalancerArn", "LoadBalancerName"));
    let mut listeners = Listed { items: Vec::new(), incomplete: kind.incomplete.clone() };
    let list = marked(
        ELB,
        "DescribeListeners",
        "DescribeListenersResult/Listeners",
        ("Marker", "DescribeListenersResult/NextMarker"),
    );
    for balancer in kind.looked_into("LoadBalancerAttributes") {
        let parameters = form(&[("LoadBalancerArn", &balancer.id)]);
        let answer = calls.query(ELB, "DescribeLoadBalancerAttributes", parameters).await;
        let answer = answer.map(|answer| {
            answer.find("DescribeLoadBalancerAttributesResult/Attributes").map_or_else(|| json!([]), value_of)
        });
        balancer.attributes["LoadBalancerAttributes"] = part(answer, &[]);
        let found = calls.list(&list, &[("LoadBalancerArn", &balancer.id)]).await;
        let named = found.items.into_iter().map(|mut one| {
            let port = one["Port"].as_str().unwrap_or_default();
            one["Name"] = json!(format!("{}:{port}", balancer.name));
            one
        });
        listeners.items.extend(named);
        listeners.incomplete = listeners.incomplete.or(found.incomplete);
    }
    for some in kind.items.chunks_mut(TAGGED_MAX) {
        let numbered = some.iter().enumerate();
        let parameters =
            numbered.map(|(index, one)| (format!("ResourceArns.member.{}", index + 1), one.id.clone()));
        let answer = calls.query(ELB, "DescribeTags", parameters.collect()).await;
        let answer = answer.map(|answer| {
            answer.find("DescribeTagsResult/TagDescriptions").map_or_else(|| json!([]), value_of)
        });
        let tags = part(answer, &[]);
        for one in some {
            let is_of = |described: &&Value| described["ResourceArn"] == one.id.as_str();
            let of_it = tags.as_array().and_then(|all| all.iter().find(is_of));
            let of_it = of_it.map_or_else(
                || if tags.is_array() { json!([]) } else { tags.clone() },
                |it| it["Tags"].clone(),
            );
            set_tags(one, of_it);
        }
    }
    (kind, listeners.into_kind("aws.elb.listener", |one| item(one, "ListenerArn", "Name")))
}
