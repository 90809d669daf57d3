"""Sets a small AWS up in moto, or reads it back, with Amazon's own client. Usage: aws.py URL make | read | key.

`make` prints the names that the test needs, `read` prints the state, both as JSON.
"""

import json
import sys

import boto3

url, command = sys.argv[1:3]
access = {
    "endpoint_url": url,
    "region_name": "ap-northeast-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
ec2 = boto3.client("ec2", **access)
elb = boto3.client("elbv2", **access)
scaling = boto3.client("autoscaling", **access)
dynamodb = boto3.client("dynamodb", **access)
waf = boto3.client("wafv2", **access)
iam = boto3.client("iam", **access)


def image():
    return ec2.describe_images()["Images"][0]["ImageId"]


def make():
    made = ec2.run_instances(ImageId=image(), InstanceType="m7g.large", MinCount=3, MaxCount=3)
    instances = [instance["InstanceId"] for instance in made["Instances"]]
    ec2.stop_instances(InstanceIds=instances[2:])
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    groups = {}
    for name in ["blue", "green", "quarantine"]:
        group = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="instance")
        groups[name] = group["TargetGroups"][0]["TargetGroupArn"]
    balancer = elb.create_load_balancer(Name="front", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": groups["blue"]}],
    )["Listeners"][0]["ListenerArn"]
    elb.register_targets(TargetGroupArn=groups["blue"], Targets=[{"Id": instance} for instance in instances[:2]])
    ec2.create_launch_template(
        LaunchTemplateName="base", LaunchTemplateData={"ImageId": image(), "InstanceType": "m7g.large"}
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchTemplate={"LaunchTemplateName": "base"},
        MinSize=1,
        MaxSize=4,
        DesiredCapacity=1,
        AvailabilityZones=["ap-northeast-1a"],
    )
    dynamodb.create_table(
        TableName="terminated",
        KeySchema=[{"AttributeName": "instance_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "instance_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    waf.create_ip_set(Name="bad", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["198.51.100.1/32"])
    role = iam.create_role(RoleName="ops", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    return {
        "instances": instances,
        "groups": groups,
        "listener": listener,
        "image": image(),
        "role": role,
    }


def read():
    reservations = ec2.describe_instances()["Reservations"]
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    groups = {group["TargetGroupName"]: group["TargetGroupArn"] for group in elb.describe_target_groups()["TargetGroups"]}
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]
    forward = listener["DefaultActions"][0]
    weights = {
        group["TargetGroupArn"]: group.get("Weight", 1)
        for group in forward.get("ForwardConfig", {}).get("TargetGroups", [])
    }
    rules = [rule for rule in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"] if not rule["IsDefault"]]
    ip_set = waf.list_ip_sets(Scope="REGIONAL")["IPSets"][0]
    addresses = waf.get_ip_set(Name=ip_set["Name"], Scope="REGIONAL", Id=ip_set["Id"])["IPSet"]["Addresses"]
    templates = ec2.describe_launch_template_versions(LaunchTemplateName="fresh") if any(
        template["LaunchTemplateName"] == "fresh" for template in ec2.describe_launch_templates()["LaunchTemplates"]
    ) else {"LaunchTemplateVersions": []}
    return {
        "states": {instance["InstanceId"]: instance["State"]["Name"] for instance in instances},
        "targets": {
            name: sorted(
                target["Target"]["Id"]
                for target in elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            )
            for name, arn in groups.items()
        },
        "weights": weights,
        "rules": [
            {
                "priority": rule["Priority"],
                "conditions": [
                    condition.get("HostHeaderConfig", {}).get("Values", [])
                    + condition.get("SourceIpConfig", {}).get("Values", [])
                    for condition in rule["Conditions"]
                ],
                "to": rule["Actions"][0]["TargetGroupArn"],
            }
            for rule in rules
        ],
        "desired": scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["DesiredCapacity"],
        "terminated": {
            item["instance_id"]["S"]: item["reason"]["S"] for item in dynamodb.scan(TableName="terminated")["Items"]
        },
        "blocked": sorted(addresses),
        "templates": [version["LaunchTemplateData"] for version in templates["LaunchTemplateVersions"]],
    }


def key():
    """A key of the key service."""
    return boto3.client("kms", **access).create_key()["KeyMetadata"]["KeyId"]


print(json.dumps({"make": make, "read": read, "key": key}[command]()))
