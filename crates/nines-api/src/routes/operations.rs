//! Operations: plans, runs, and the agreed paths of InfraAPI.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    // Operations
    get(
        "/api/v1/actions",
        "actions",
        VIEWER,
        body::<ActionsResponse>(),
        "What can be done, with the type of each parameter",
    ),
    get(
        "/api/v1/actions/inventory",
        "cloud_inventory",
        VIEWER,
        body::<CloudInventory>(),
        "What there is to act on, by name",
    ),
    post(
        "/api/v1/actions/read",
        "read_action",
        VIEWER,
        body::<PlanRequest>(),
        body::<SeenResponse>(),
        "Carry out an action that only reads",
    ),
    post(
        "/api/v1/actions/plan",
        "plan_action",
        RESPONDER,
        body::<PlanRequest>(),
        body::<ActionPlan>(),
        "What would be done, and what it touches; nothing is",
    ),
    get("/api/v1/actions/runs", "runs", VIEWER, body::<RunsResponse>(), "Runs, newest first")
        .query(&["state", "incident", "action", "limit"]),
    post(
        "/api/v1/actions/runs",
        "start_run",
        RESPONDER,
        body::<RunRequest>(),
        body::<ActionRun>(),
        "Carry a plan out, or ask for its approval",
    )
    .audited("action.run"),
    get("/api/v1/actions/runs/{id}", "run", VIEWER, body::<ActionRun>(), "One run as it is now"),
    get(
        "/api/v1/actions/runs/{id}/history",
        "run_history",
        VIEWER,
        body::<RunEventsResponse>(),
        "What happened to a run",
    )
    .query(&["after"]),
    get(
        "/api/v1/actions/runs/{id}/events",
        "run_events",
        VIEWER,
        body::<RunEvent>(),
        "What happens to a run, as it happens, until it is over (server-sent events)",
    )
    .query(&["after"]),
    post(
        "/api/v1/actions/runs/{id}/{step}",
        "step_run",
        RESPONDER,
        body::<RunStepRequest>(),
        body::<ActionRun>(),
        "approve, start, cancel, answer",
    )
    .audited("action.step"),
    post(
        "/api/v1/actions/stop",
        "stop_actions",
        RESPONDER,
        body::<StopRequest>(),
        body::<GlobalStop>(),
        "Stop everything: no run calls anybody until it is lifted",
    )
    .audited("action.stop"),
    delete("/api/v1/actions/stop", "lift_stop", ADMIN, "Let runs go on").audited("action.lift_stop"),
    // InfraAPI: the fifteen paths, as they were agreed on
    Route {
        access: Access::Signed,
        ..infra(
            Method::Post,
            "/Ops/Slack",
            "ops_slack",
            VIEWER,
            "A signed chat command: plan, confirm, status, cancel",
        )
    }
    .audited("ops.slack"),
    infra(
        Method::Post,
        "/Ops/AWSResource/ELB/Deregister",
        "ops_elb_deregister",
        RESPONDER,
        "Take machines out of a target group and let them drain",
    )
    .audited("ops.elb.deregister"),
    infra(
        Method::Post,
        "/Ops/AWSResource/EC2/InService",
        "ops_ec2_in_service",
        RESPONDER,
        "Power machines on and put them online",
    )
    .audited("ops.ec2.in_service"),
    infra(
        Method::Post,
        "/Ops/AWSResource/EC2/OffService",
        "ops_ec2_off_service",
        RESPONDER,
        "Take machines offline and power them off",
    )
    .audited("ops.ec2.off_service"),
    infra(
        Method::Post,
        "/Ops/AWSResource/ELB/Register",
        "ops_elb_register",
        RESPONDER,
        "Put machines into a target group",
    )
    .audited("ops.elb.register"),
    infra(Method::Post, "/Ops/AWSResource/EC2/Start", "ops_ec2_start", RESPONDER, "Power machines on")
        .audited("ops.ec2.start"),
    infra(Method::Post, "/Ops/AWSResource/EC2/Stop", "ops_ec2_stop", RESPONDER, "Power machines off")
        .audited("ops.ec2.stop"),
    infra(
        Method::Post,
        "/Ops/AWSResource/ELB/AddRuleQuarantine",
        "ops_elb_add_rule_quarantine",
        RESPONDER,
        "Send a host or source networks to a quarantine target group",
    )
    .audited("ops.elb.add_rule_quarantine"),
    infra(
        Method::Post,
        "/Ops/AWSResource/EC2/TerminatedUpdateTable",
        "ops_ec2_terminated_update_table",
        ADMIN,
        "Record a machine as terminated",
    )
    .audited("ops.ec2.terminated_update_table"),
    infra(
        Method::Post,
        "/Ops/AWSResource/ELB/GroupInstancesState",
        "ops_elb_group_instances_state",
        VIEWER,
        "The machines of a target group with their health",
    ),
    infra(
        Method::Post,
        "/Ops/AWSResource/ASG/CreateLaunchTemplate",
        "ops_asg_create_launch_template",
        ADMIN,
        "Create a launch template",
    )
    .audited("ops.asg.create_launch_template"),
    infra(
        Method::Get,
        "/Ops/AWSResource/ASG/LaunchTemplateList",
        "ops_asg_launch_template_list",
        VIEWER,
        "The launch templates",
    ),
    infra(
        Method::Post,
        "/Ops/AWSResource/ASG/SetDesiredCapacity",
        "ops_asg_set_desired_capacity",
        ADMIN,
        "Set how many machines a scaling group has, within its bounds",
    )
    .audited("ops.asg.set_desired_capacity"),
    infra(
        Method::Post,
        "/Ops/AWSResource/ASG/SetWeight",
        "ops_asg_set_weight",
        ADMIN,
        "Share a listener's traffic between target groups",
    )
    .audited("ops.asg.set_weight"),
    infra(
        Method::Get,
        "/Ops/AWSResource/ASG/GroupWeight",
        "ops_asg_group_weight",
        VIEWER,
        "How a listener shares its traffic",
    )
    .query(&["dryRun", "listener"]),
];
