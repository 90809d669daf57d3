"""Things to judge in moto, good and bad ones, made with Amazon's own client. Usage: inventory.py URL make | vanish | refuse.

`make` prints the names that the test needs, and the keys of a user who may look at everything; `vanish` removes a bucket;
`refuse` takes from that user the right to list tables, and has moto ask for rights from then on.
"""

import json
import sys
import urllib.request

import boto3

url, command = sys.argv[1:3]
access = {
    "endpoint_url": url,
    "region_name": "ap-northeast-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}


def client(name):
    return boto3.client(name, **access)


ec2, elb, s3, iam = client("ec2"), client("elbv2"), client("s3"), client("iam")
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


def tags(**more):
    return [{"Key": key, "Value": value} for key, value in more.items()]


def buckets():
    for name in ["good-bucket", "bad-bucket", "old-bucket"]:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_public_access_block(
        Bucket="good-bucket",
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_encryption(
        Bucket="good-bucket",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    s3.put_bucket_versioning(Bucket="good-bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_lifecycle_configuration(
        Bucket="good-bucket",
        LifecycleConfiguration={
            "Rules": [{"ID": "end", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}}]
        },
    )
    s3.put_bucket_tagging(Bucket="good-bucket", Tagging={"TagSet": tags(team="shop", environment="production")})


def machines():
    image = ec2.describe_images()["Images"][0]["ImageId"]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = {}
    for name, tokens in [("good", "required"), ("bad", "optional")]:
        instance = ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            MetadataOptions={"HttpTokens": tokens},
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": tags(Name=name, team="shop", environment="production")}
            ],
        )
        made[f"{name}-instance"] = instance["Instances"][0]["InstanceId"]
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        port = 443 if name == "good" else 22
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {
                    "IpProtocol": "tcp",
                    "FromPort": port,
                    "ToPort": port,
                    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
                }
            ],
        )
        made[f"{name}-group"] = group
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"][:2]]
    for name in ["good", "bad"]:
        balancer = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        made[f"{name}-balancer"] = balancer
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=made["good-balancer"],
        Attributes=[
            {"Key": "deletion_protection.enabled", "Value": "true"},
            {"Key": "access_logs.s3.enabled", "Value": "true"},
            {"Key": "access_logs.s3.bucket", "Value": "good-bucket"},
        ],
    )
    return made


def others():
    dynamodb, logs, alarms = client("dynamodb"), client("logs"), client("cloudwatch")
    for name in ["good-table", "bad-table"]:
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        logs.create_log_group(logGroupName=name)
        action = ["arn:aws:sns:ap-northeast-1:123456789012:pages"] if name == "good-table" else []
        alarms.put_metric_alarm(
            AlarmName=name,
            MetricName="m",
            Namespace="n",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            Statistic="Sum",
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=action,
        )
    dynamodb.update_continuous_backups(
        TableName="good-table", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    logs.put_retention_policy(logGroupName="good-table", retentionInDays=30)
    ssm = client("ssm")
    ssm.put_parameter(Name="/shop/prod/db-password", Value="hunter2-never-seen", Type="SecureString")
    ssm.put_parameter(Name="apiToken", Value="hunter2-never-seen", Type="String")
    client("athena").create_work_group(Name="limitless", Configuration={})
    client("wafv2").create_web_acl(
        Name="open",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        Rules=[],
        VisibilityConfig={"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"},
    )
    client("firehose").create_delivery_stream(
        DeliveryStreamName="plain",
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::123456789012:role/r",
            "BucketARN": "arn:aws:s3:::good-bucket",
        },
    )
    apis = client("apigateway")
    api = apis.create_rest_api(name="shop")["id"]
    root = apis.get_resources(restApiId=api)["items"][0]["id"]
    apis.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    apis.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    apis.create_deployment(restApiId=api, stageName="prod")
    client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "1",
            "Comment": "",
            "Enabled": True,
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": "o",
                        "DomainName": "good-bucket.s3.amazonaws.com",
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "o",
                "ViewerProtocolPolicy": "allow-all",
                "MinTTL": 0,
                "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
            },
        }
    )


def people():
    iam.create_user(UserName="looker")
    iam.put_user_policy(UserName="looker", PolicyName="all", PolicyDocument=EVERYTHING)
    iam.create_policy(PolicyName="everything", PolicyDocument=EVERYTHING)
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument="{}")
    key = iam.create_access_key(UserName="looker")["AccessKey"]
    return {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def make():
    buckets()
    made = machines()
    others()
    return made | people()


def vanish():
    s3.delete_bucket(Bucket="old-bucket")
    return {}


def refuse():
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "dynamodb:ListTables", "Resource": "*"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName="looker", PolicyName="all", PolicyDocument=document)
    headers = {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset-auth", b"0", headers, method="POST"))
    return {}


print(json.dumps({"make": make, "vanish": vanish, "refuse": refuse}[command]()))
