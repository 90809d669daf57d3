//! Who may do what in which team.

use std::collections::BTreeMap;

use super::Access;
use crate::{
    AccessError, AccountId, Action, Actor, Denial, Grant, Membership, Realm, Resource, Role, authorize,
};

/// Teams of one account: a person in more is in all of them, which is a role everywhere.
pub const TEAMS_PER_ACCOUNT_MAX: usize = 50;

/// A membership with the name of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamMember {
    pub name: String,
    pub team: String,
    pub role: Role,
}

impl Access {
    /// Members of every team that the caller may see, by team and name.
    pub async fn members(&self, actor: &Actor) -> Result<Vec<TeamMember>, AccessError> {
        let permit = authorize(actor, Action::ReadTeam, &Resource::AnyTeam).into_result()?;
        let accounts = self.inner.repository.accounts().await?;
        let memberships = self.inner.repository.memberships(None).await?;
        let seen = memberships.into_iter().filter(|member| match permit.realm() {
            Realm::Node => true,
            Realm::Teams(teams) => teams.contains(&member.team),
        });
        let mut members: Vec<TeamMember> = seen
            .filter_map(|member| {
                let account = accounts.iter().find(|account| account.id == member.account)?;
                Some(TeamMember { name: account.name.clone(), team: member.team, role: member.role })
            })
            .collect();
        members.sort_by(|one, other| (&one.team, &one.name).cmp(&(&other.team, &other.name)));
        Ok(members)
    }

    /// Gives an account a role in a team, in place of the one that it had there. Holds from its next call.
    pub async fn put_member(
        &self,
        actor: &Actor,
        team: &str,
        name: &str,
        role: Role,
    ) -> Result<TeamMember, AccessError> {
        self.may_manage(actor, team, Grant::Role(role))?;
        if !Role::IN_TEAM.contains(&role) {
            return Err(AccessError::NotInTeam { role: role.as_str() });
        }
        let account = self.account_named(name).await?;
        let held = self.inner.repository.memberships(Some(&account.id)).await?;
        let is_new = !held.iter().any(|member| member.team == team);
        if is_new && held.len() >= TEAMS_PER_ACCOUNT_MAX {
            return Err(AccessError::TooMany { what: "teams of this account", limit: TEAMS_PER_ACCOUNT_MAX });
        }
        let membership = Membership { account: account.id, team: team.to_owned(), role };
        self.inner.repository.put_membership(&membership).await?;
        Ok(TeamMember { name: account.name, team: membership.team, role })
    }

    /// Takes an account out of a team. Holds from its next call.
    pub async fn remove_member(&self, actor: &Actor, team: &str, name: &str) -> Result<(), AccessError> {
        self.may_manage(actor, team, Grant::Nothing)?;
        let account = self.account_named(name).await?;
        if !self.inner.repository.remove_membership(&account.id, team).await? {
            return Err(AccessError::NotFound { what: "member", id: account.name });
        }
        Ok(())
    }

    /// Puts an account into these teams and no others.
    pub(super) async fn be_in(
        &self,
        account: &AccountId,
        teams: &BTreeMap<String, Role>,
    ) -> Result<(), AccessError> {
        let repository = &self.inner.repository;
        let held = repository.memberships(Some(account)).await?;
        for old in held.iter().filter(|old| !teams.contains_key(&old.team)) {
            repository.remove_membership(account, &old.team).await?;
        }
        for (team, role) in teams.iter().take(TEAMS_PER_ACCOUNT_MAX) {
            let membership = Membership { account: account.clone(), team: team.clone(), role: *role };
            if !held.contains(&membership) {
                repository.put_membership(&membership).await?;
            }
        }
        Ok(())
    }

    /// Nobody gives more than they have there, and a key with bounds gives nothing.
    fn may_manage(&self, actor: &Actor, team: &str, given: Grant) -> Result<(), AccessError> {
        let resource = Resource::Team { name: team.to_owned() };
        if let Err(denial) = authorize(actor, Action::ManageTeam, &resource).into_result() {
            // Which teams there are is no business of those who are in others.
            let is_in = actor.teams.contains_key(team) || actor.teams.is_empty();
            let unseen = || AccessError::NotFound { what: "team", id: team.to_owned() };
            return Err(if is_in { denial.into() } else { unseen() });
        }
        if actor.bounds.as_ref().is_some_and(|bounds| !bounds.is_none()) {
            return Err(AccessError::BoundedMaker);
        }
        let mine = actor.grant_in(team);
        if !mine.may_give(given) {
            let (has, other) = (mine.as_str(), given.as_str());
            return Err(Denial::Escalation { name: actor.name.clone(), has, other }.into());
        }
        Ok(())
    }
}
