use serde_json::json;

use super::*;

fn only(text: &str, defaults: &Defaults) -> Imported {
    read(Some("file"), text, defaults).unwrap()
}

#[test]
fn our_own_documents_are_read_and_every_mistake_is_located() {
    let text = "apiVersion: nines/v1\nkind: Resources\nspec:\n  account: hq\n  complete: [onprem.switch]\n  resources:\n    - kind: onprem.switch\n      id: sw-1\n      tags: {team: net}\n      attributes: {ports: 48}\n    - {kind: onprem.ups, id: u-1}\n";
    let found = only(text, &Defaults::default());
    assert_eq!(found.listings.len(), 2);
    let switch = &found.listings[0];
    assert_eq!(
        (switch.kind.as_str(), switch.account.as_str(), &switch.incomplete),
        ("onprem.switch", "hq", &None)
    );
    assert!(found.listings[1].incomplete.is_some(), "nothing was said of all of that kind");
    let wrong = "apiVersion: nines/v1\nkind: Resources\nspec:\n  resources:\n    - {kind: a b, id: x}\n    - {kind: a.b, idd: y}\n";
    let Err(InventoryError::Document(errors)) = read(None, wrong, &Defaults::default()) else {
        panic!("it was taken")
    };
    let told: Vec<_> = errors.iter().map(|error| (error.line, error.message.clone())).collect();
    assert_eq!(told, [(5, "`a b` is no kind".to_owned()), (6, "unknown key `idd`".to_owned())]);
}

#[test]
fn lines_are_read_one_by_one() {
    let text = "{\"kind\": \"k.a\", \"id\": \"1\"}\n{\"kind\": \"k.a\"}\n";
    let Err(InventoryError::Document(errors)) = read(None, text, &Defaults::default()) else {
        panic!("it was taken")
    };
    assert_eq!((errors[0].line, errors.len()), (2, 1));
    let found = only(text.lines().next().unwrap(), &Defaults::default());
    assert_eq!(found.listings[0].seen[0].key.id, "1");
}

#[test]
fn what_the_aws_command_line_prints_is_read() {
    let instance = json!({"InstanceId": "i-1", "Tags": [{"Key": "Name", "Value": "web"}], "MetadataOptions": {"HttpTokens": "optional"}});
    let text = json!({"Reservations": [{"Instances": [instance]}]}).to_string();
    let defaults = Defaults { account: "123".to_owned(), region: "eu-west-1".to_owned(), is_complete: true };
    let found = only(&text, &defaults);
    let seen = &found.listings[0].seen[0];
    assert_eq!(
        (seen.name.as_str(), seen.key.to_string().as_str()),
        ("web", "aws/123/eu-west-1/aws.ec2.instance/i-1")
    );
    assert_eq!(found.listings[0].incomplete, None);
    let partial = json!({"Vpcs": [{"VpcId": "vpc-1"}], "NextToken": "more"}).to_string();
    let unsaid = Defaults::default();
    assert!(only(&partial, &unsaid).listings[0].incomplete.is_some());
}

#[test]
fn config_and_terraform_are_read_into_the_same_words() {
    let item = json!({"resourceType": "AWS::EC2::Instance", "resourceId": "i-1", "awsRegion": "eu-west-1",
        "awsAccountId": "1", "tags": {"team": "shop"}, "configuration": {"metadataOptions": {"httpTokens": "required"}}});
    let other = json!({"resourceType": "AWS::Glue::Job", "resourceId": "j"});
    let found = only(&json!({"configurationItems": [item, other]}).to_string(), &Defaults::default());
    assert_eq!(found.listings[0].seen[0].attributes["MetadataOptions"]["HttpTokens"], "required");
    assert_eq!(found.skipped["AWS::Glue::Job"], 1);
    let state = json!({"terraform_version": "1.9", "resources": [{"mode": "managed", "type": "aws_instance", "name": "web",
        "instances": [{"attributes": {"id": "i-2", "arn": "arn:aws:ec2:eu-west-1:42:instance/i-2",
            "metadata_options": [{"http_tokens": "optional"}], "tags": {"team": "shop"}}}]}]});
    let seen = &only(&state.to_string(), &Defaults::default()).listings[0].seen[0];
    assert_eq!(seen.attributes["MetadataOptions"]["HttpTokens"], "optional");
    assert_eq!((seen.key.account.as_str(), seen.tags["team"].as_str()), ("42", "shop"));
}

#[test]
fn a_file_of_no_known_form_is_refused_with_what_would_be() {
    let told = read(None, "{\"things\": []}", &Defaults::default()).unwrap_err().to_string();
    assert!(told.contains("of no known form"), "{told}");
    let told = read(None, "{\"a\": 1,}", &Defaults::default()).unwrap_err();
    let InventoryError::Document(errors) = told else { panic!("no place") };
    assert_eq!((errors[0].line, errors[0].column), (1, 9));
}
