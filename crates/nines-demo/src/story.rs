//! The four stories: what is changed, what that breaks, and how it is taken back.

use nines_api::ChangeRequest;
use serde_json::{Map, Value};

use crate::shop::{
    BAD_CHECKOUT, BAD_RECOMMENDATION, CALM_REVISION, FRAUD_FLAG, Lookup, REGEX_REVISION, Region, Service,
    Shop, ShopError,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Story {
    /// A deploy makes most orders fail; it is rolled back.
    Availability,
    /// A configuration change makes every look-up slow; the trace shows the query.
    Latency,
    /// A release throws, in Singapore only; the commit is known.
    Errors,
    /// A feature flag, on in Berlin only, lets the connection pool run dry.
    Saturation,
}

/// A value that stands out, if the cause was found.
pub(crate) type Clue = (&'static str, String);

impl Story {
    pub const ALL: [Self; 4] = [Self::Availability, Self::Latency, Self::Errors, Self::Saturation];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Latency => "latency",
            Self::Errors => "errors",
            Self::Saturation => "saturation",
        }
    }

    /// By its name or the first letter of it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|story| {
            let name = story.as_str();
            name == text || (text.len() == 1 && name.starts_with(text))
        })
    }

    /// Name of the promise that it breaks.
    pub fn slo(self) -> &'static str {
        match self {
            Self::Availability => "checkout-availability",
            Self::Latency => "inventory-latency",
            Self::Errors => "recommendation-errors",
            Self::Saturation => "payment-saturation",
        }
    }

    /// What is about to happen, for the audience.
    pub(crate) fn opening(self) -> &'static str {
        match self {
            Self::Availability => {
                "lin deploys checkout 2.4.1. It has reached two of three pods everywhere, and cannot convert currencies."
            }
            Self::Latency => {
                "jonas lets inventory look products up by regular expression. The index cannot help with that."
            }
            Self::Errors => {
                "mei deploys recommendation 5.2.0, in Singapore first. Some suppliers there write Big5, not UTF-8."
            }
            Self::Saturation => {
                "lin turns on the fraud check, in Berlin only. Each payment now holds its connection for 1.6 s."
            }
        }
    }

    /// What the change is, as it is reported to the node a moment before.
    pub(crate) fn change(self) -> ChangeRequest {
        let text = |value: &str| Value::String(value.to_owned());
        let (title, kind, version, by, undo, attributes) = match self {
            Self::Availability => (
                "deploy checkout 2.4.1",
                "deploy",
                Some(BAD_CHECKOUT.version),
                "lin",
                "nines deploy checkout --rollback",
                vec![("vcs.ref.head.revision", text(BAD_CHECKOUT.commit))],
            ),
            Self::Latency => (
                "inventory config revision 118: product lookup by regex",
                "config",
                None,
                "jonas",
                "nines config inventory --revision 117",
                vec![("app.config.revision", Value::from(REGEX_REVISION))],
            ),
            Self::Errors => (
                "deploy recommendation 5.2.0 (9f3c2ab) in asia-southeast1",
                "deploy",
                Some(BAD_RECOMMENDATION.version),
                "mei",
                "nines deploy recommendation --rollback --region asia-southeast1",
                vec![
                    ("vcs.ref.head.revision", text(BAD_RECOMMENDATION.commit)),
                    ("cloud.region", text(Region::Singapore.cloud_region())),
                ],
            ),
            Self::Saturation => (
                "flag inline-fraud-check on in europe-west10",
                "feature_flag",
                None,
                "lin",
                "nines flag inline-fraud-check off --region europe-west10",
                vec![
                    ("feature_flag.key", text(FRAUD_FLAG)),
                    ("cloud.region", text(Region::Berlin.cloud_region())),
                ],
            ),
        };
        ChangeRequest {
            title: title.to_owned(),
            kind: kind.to_owned(),
            service: self.service().as_str().to_owned(),
            version: version.map(str::to_owned),
            by: Some(by.to_owned()),
            undo: Some(undo.to_owned()),
            at: None,
            attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    /// The change that takes it back.
    pub(crate) fn undo_change(self) -> ChangeRequest {
        let change = self.change();
        let (title, version, attributes) = match self {
            Self::Availability => ("roll checkout back to 2.4.0", Some("2.4.0"), Map::new()),
            Self::Latency => ("inventory config revision 117: product lookup by prefix", None, Map::new()),
            Self::Errors => {
                ("roll recommendation back to 5.1.9 in asia-southeast1", Some("5.1.9"), Map::new())
            }
            Self::Saturation => ("flag inline-fraud-check off", None, Map::new()),
        };
        ChangeRequest {
            title: title.to_owned(),
            version: version.map(str::to_owned),
            by: Some("mei".to_owned()),
            undo: None,
            attributes,
            ..change
        }
    }

    /// What was the cause, in words.
    pub(crate) fn cause(self) -> &'static str {
        match self {
            Self::Availability => "checkout 2.4.1",
            Self::Latency => "config revision 118 (regex)",
            Self::Errors => "recommendation 5.2.0 in Singapore",
            Self::Saturation => "flag inline-fraud-check in Berlin",
        }
    }

    /// Values any of which names the cause: the change itself, or the place where alone it is.
    pub(crate) fn clues(self) -> Vec<Clue> {
        let release = |release: crate::shop::Release| {
            vec![
                ("service.version", release.version.to_owned()),
                ("container.image.tags", release.version.to_owned()),
                ("vcs.ref.head.revision", release.commit.to_owned()),
            ]
        };
        let place = |region: Region| {
            vec![
                ("cloud.region", region.cloud_region().to_owned()),
                ("k8s.cluster.name", format!("shop-{}", region.cloud_region())),
            ]
        };
        match self {
            Self::Availability => release(BAD_CHECKOUT),
            Self::Latency => vec![("app.config.revision", REGEX_REVISION.to_string())],
            Self::Errors => [release(BAD_RECOMMENDATION), place(Region::Singapore)].concat(),
            Self::Saturation => {
                [vec![("feature_flag.result.variant", "on".to_owned())], place(Region::Berlin)].concat()
            }
        }
    }

    /// A question to ask next, once the page has come: what to search, and what one looks for in it.
    pub(crate) fn question(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Availability => {
                ("spans", "service.name: checkout and kind: server and status_code: error", "error.type")
            }
            Self::Latency => (
                "spans",
                "service.name: inventory and duration > 300ms and db.query.text: *",
                "db.query.text",
            ),
            Self::Errors => {
                ("logs", "service.name: recommendation and severity_number >= 17", "exception.message")
            }
            Self::Saturation => ("logs", "service.name: payment and body: *exhausted*", "feature_flag.key"),
        }
    }

    pub(crate) fn service(self) -> Service {
        match self {
            Self::Availability => Service::Checkout,
            Self::Latency => Service::Inventory,
            Self::Errors => Service::Recommendation,
            Self::Saturation => Service::Payment,
        }
    }

    pub(crate) async fn break_it(self, shop: &Shop) -> Result<(), ShopError> {
        match self {
            Self::Availability => {
                let rolls = Region::ALL.map(|region| shop.roll(Service::Checkout, region, 2, BAD_CHECKOUT));
                futures::future::try_join_all(rolls).await?;
            }
            Self::Latency => shop.configure_inventory(REGEX_REVISION, Lookup::Regex),
            Self::Errors => {
                shop.roll(Service::Recommendation, Region::Singapore, 2, BAD_RECOMMENDATION).await?
            }
            Self::Saturation => shop.set_fraud_flag(&[Region::Berlin]),
        }
        Ok(())
    }

    pub(crate) async fn mend(self, shop: &Shop) -> Result<(), ShopError> {
        match self {
            Self::Availability => shop.roll_back(Service::Checkout).await?,
            Self::Latency => shop.configure_inventory(CALM_REVISION, Lookup::Prefix),
            Self::Errors => shop.roll_back(Service::Recommendation).await?,
            Self::Saturation => shop.set_fraud_flag(&[]),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_are_called_by_name_or_letter() {
        assert_eq!(Story::parse("latency"), Some(Story::Latency));
        assert_eq!(Story::parse("s"), Some(Story::Saturation));
        for wrong in ["", "x", "lat", "all"] {
            assert_eq!(Story::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_change_says_by_whom_and_how_to_take_it_back() {
        for story in Story::ALL {
            let change = story.change();
            assert!(change.by.is_some() && change.undo.is_some(), "{}", change.title);
            assert_ne!(change.title, story.undo_change().title);
            assert!(!story.clues().is_empty());
        }
    }
}
