use super::form;
use super::wire::{Fault, SCALING, Wire};
use crate::seen::Seen;

pub(super) async fn group(wire: &Wire, name: &str) -> Result<Seen, Fault> {
    let parameters = form(&[("AutoScalingGroupNames.member.1", name)]);
    let answer = wire.query(SCALING, "DescribeAutoScalingGroups", parameters).await?;
    let list = "DescribeAutoScalingGroupsResult/AutoScalingGroups";
    let Some(found) = answer.items(list).next() else { return Ok(Seen::Missing) };
    let number = |path| found.text_at(path).parse().unwrap_or_default();
    Ok(Seen::ScalingGroup {
        min: number("MinSize"),
        max: number("MaxSize"),
        desired: number("DesiredCapacity"),
        instances: found.items("Instances").map(|item| item.text_at("InstanceId").to_owned()).collect(),
    })
}

pub(super) async fn set_desired(wire: &Wire, name: &str, desired: u32) -> Result<(), Fault> {
    let desired = desired.to_string();
    let parameters = form(&[
        ("AutoScalingGroupName", name),
        ("DesiredCapacity", &desired),
        // An operator has decided; the cooldown is for the group's own policies.
        ("HonorCooldown", "false"),
    ]);
    wire.query(SCALING, "SetDesiredCapacity", parameters).await.map(drop)
}
