use super::form;
use super::wire::{EC2, Fault, Wire};
use super::xml::Element;
use crate::seen::{Checks, InstanceState, Seen, Template};

/// Pages of launch templates: 20 × 200 is above the quota of 5000 templates in practice.
const PAGES_MAX: usize = 20;

pub(super) async fn instance(wire: &Wire, id: &str) -> Result<Seen, Fault> {
    let answer = wire.query(EC2, "DescribeInstances", form(&[("InstanceId.1", id)])).await?;
    let Some(found) = answer.find("reservationSet/item/instancesSet/item") else { return Ok(Seen::Missing) };
    let Some(state) = InstanceState::parse(found.text_at("instanceState/name")) else {
        return Ok(Seen::Missing);
    };
    let zone = found.text_at("placement/availabilityZone").to_owned();
    let checks = if state == InstanceState::Running { checks(wire, id).await? } else { Checks::Unknown };
    Ok(Seen::Instance { state, checks, zone })
}

async fn checks(wire: &Wire, id: &str) -> Result<Checks, Fault> {
    let answer = wire.query(EC2, "DescribeInstanceStatus", form(&[("InstanceId.1", id)])).await?;
    let Some(status) = answer.find("instanceStatusSet/item") else { return Ok(Checks::Unknown) };
    let words = [status.text_at("systemStatus/status"), status.text_at("instanceStatus/status")];
    Ok(match words {
        ["ok", "ok"] => Checks::Ok,
        words if words.contains(&"impaired") => Checks::Impaired,
        words if words.contains(&"initializing") => Checks::Initializing,
        _ => Checks::Unknown,
    })
}

/// `StartInstances` or `StopInstances`.
pub(super) async fn power(wire: &Wire, action: &str, id: &str) -> Result<(), Fault> {
    wire.query(EC2, action, form(&[("InstanceId.1", id)])).await.map(drop)
}

pub(super) async fn templates(wire: &Wire) -> Result<Seen, Fault> {
    let mut templates = Vec::new();
    let mut next = String::new();
    for _ in 0..PAGES_MAX {
        let mut parameters = form(&[("MaxResults", "200")]);
        if !next.is_empty() {
            parameters.extend(form(&[("NextToken", &next)]));
        }
        let page = wire.query(EC2, "DescribeLaunchTemplates", parameters).await?;
        for item in page.items("launchTemplates") {
            templates.extend(template(wire, item.text_at("launchTemplateName")).await?);
        }
        next = page.text_at("nextToken").to_owned();
        if next.is_empty() {
            break;
        }
    }
    Ok(Seen::Templates { templates })
}

async fn template(wire: &Wire, name: &str) -> Result<Option<Template>, Fault> {
    let parameters = form(&[("LaunchTemplateName", name), ("LaunchTemplateVersion.1", "$Default")]);
    let answer = wire.query(EC2, "DescribeLaunchTemplateVersions", parameters).await?;
    let data =
        answer.items("launchTemplateVersionSet").next().and_then(|item| item.find("launchTemplateData"));
    let text = |data: Option<&Element>, path: &str| data.map_or("", |data| data.text_at(path)).to_owned();
    Ok(Some(Template {
        name: name.to_owned(),
        image: text(data, "imageId"),
        instance_type: text(data, "instanceType"),
    }))
}

pub(super) async fn create_template(wire: &Wire, template: &Template, token: &str) -> Result<(), Fault> {
    let parameters = form(&[
        ("LaunchTemplateName", &template.name),
        ("LaunchTemplateData.ImageId", &template.image),
        ("LaunchTemplateData.InstanceType", &template.instance_type),
        ("ClientToken", token),
    ]);
    wire.query(EC2, "CreateLaunchTemplate", parameters).await.map(drop)
}

pub(super) async fn delete_template(wire: &Wire, name: &str) -> Result<(), Fault> {
    wire.query(EC2, "DeleteLaunchTemplate", form(&[("LaunchTemplateName", name)])).await.map(drop)
}
