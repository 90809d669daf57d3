//! What there is in a cloud, for people who pick from it by name. No action depends on it: a plan asks the provider about
//! exactly the ids that it was given.

use std::collections::BTreeMap;

use crate::seen::{Health, InstanceState};

/// Things of one kind in an inventory: what a list that is searched by name still holds. Beyond it the inventory says
/// that it is not whole.
pub const INVENTORY_MAX: usize = 1_000;

/// Every list is sorted by name, then by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    pub instances: Vec<InstanceItem>,
    pub target_groups: Vec<TargetGroupItem>,
    pub listeners: Vec<ListenerItem>,
    pub scaling_groups: Vec<ScalingGroupItem>,
    /// Names of launch templates.
    pub templates: Vec<String>,
    pub block_lists: Vec<BlockListItem>,
    /// There is more than is listed.
    pub is_partial: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceItem {
    pub id: String,
    /// What people call it; its id where nobody has named it.
    pub name: String,
    pub state: InstanceState,
    pub zone: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroupItem {
    /// What an action takes: an ARN, or a name in a cloud that knows none.
    pub id: String,
    pub name: String,
    /// By instance.
    pub health: BTreeMap<String, Health>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerItem {
    pub id: String,
    pub name: String,
    /// How its default rule shares traffic, by target group.
    pub weights: BTreeMap<String, u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingGroupItem {
    pub name: String,
    pub min: u32,
    pub max: u32,
    pub desired: u32,
    pub instances: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockListItem {
    pub name: String,
    /// `None`: not asked for.
    pub addresses: Option<usize>,
}

impl Inventory {
    /// Sorts every list and cuts it at [`INVENTORY_MAX`].
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.instances.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        self.target_groups.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        self.listeners.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        self.scaling_groups.sort_by(|a, b| a.name.cmp(&b.name));
        self.templates.sort();
        self.block_lists.sort_by(|a, b| a.name.cmp(&b.name));
        let mut is_cut = false;
        is_cut |= cut(&mut self.instances);
        is_cut |= cut(&mut self.target_groups);
        is_cut |= cut(&mut self.listeners);
        is_cut |= cut(&mut self.scaling_groups);
        is_cut |= cut(&mut self.templates);
        is_cut |= cut(&mut self.block_lists);
        self.is_partial |= is_cut;
        self
    }
}

fn cut<T>(list: &mut Vec<T>) -> bool {
    let is_long = list.len() > INVENTORY_MAX;
    list.truncate(INVENTORY_MAX);
    is_long
}
