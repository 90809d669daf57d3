//! Lets a question be cancelled in the middle of a join.
//!
//! DataFusion puts its yield points at the leaves of a plan. A join can make millions of batches of two small leaves, so
//! an operator above it would never come back to the scheduler, and an aborted task would run on. This rule adds a
//! yield point above everything that can make more rows than it reads.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

#[derive(Debug)]
pub(crate) struct YieldAboveJoins;

impl PhysicalOptimizerRule for YieldAboveJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let multiplies = plan.name().contains("Join") || plan.name().contains("Unnest");
            if multiplies {
                Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan))))
            } else {
                Ok(Transformed::no(plan))
            }
        })
        .data()
    }

    fn name(&self) -> &str {
        "nines_yield_above_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
