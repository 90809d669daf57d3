// Who may do what in which team.
import { ActionIcon, Button, NativeSelect, TextInput, Tooltip } from "@mantine/core";
import { IconX } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "wouter";
import { usePutMember, useRemoveMember, useTeams } from "../../api/doors";
import type { Member, Team } from "../../api/types";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { t } from "../../lib/i18n";
import { useUrl } from "../../state/url";
import styles from "./Teams.module.css";

const ROLES = ["viewer", "responder", "editor", "admin"];

export function Teams() {
  const query = useTeams();
  if (query.isPending) return <Loading rows={2} height={120} />;
  if (query.error) return <Failure error={query.error} retry={() => query.refetch()} />;
  if (query.data.teams.length === 0) {
    return (
      <Empty title={t("There are no teams yet")}>
        {t("A team is a document: apply one of kind Team, and services that name it as their owner.")}
      </Empty>
    );
  }
  return (
    <div className={styles.teams}>
      {query.data.teams.map((team) => (
        <Card key={team.name} team={team} />
      ))}
    </div>
  );
}

function Card({ team }: { team: Team }) {
  const { href } = useUrl();
  return (
    <section className={styles.team} aria-label={team.name}>
      <header>
        <h2>{team.name}</h2>
        <span className="label">
          {t("{count, plural, one {# member} other {# members}}", { count: team.members.length })}
        </span>
      </header>
      {!team.is_declared && (
        <Notice tone="warn">
          {t("No document declares this team any more: its members may do nothing.")}
        </Notice>
      )}
      <ul className={styles.services} aria-label={t("Services")}>
        {team.services.map((service) => (
          <li key={service}>
            <Link href={href(`/services/${encodeURIComponent(service)}`)}>{service}</Link>
          </li>
        ))}
        {team.services.length === 0 && (
          <li className="dim">{t("No service names this team as its owner: its members see no rows.")}</li>
        )}
      </ul>
      <ul className={styles.members} aria-label={t("Members")}>
        {team.members.map((member) => (
          <Row key={member.name} team={team} member={member} />
        ))}
      </ul>
      {team.may_manage && team.is_declared && <Add team={team} />}
    </section>
  );
}

function Row({ team, member }: { team: Team; member: Member }) {
  const put = usePutMember();
  const remove = useRemoveMember();
  const failed = put.error ?? remove.error;
  return (
    <li>
      <b>{member.name}</b>
      {team.may_manage ? (
        <span className={styles.tools}>
          <NativeSelect
            size="xs"
            aria-label={t("Role of {name}", { name: member.name })}
            value={member.role}
            disabled={put.isPending}
            onChange={(event) =>
              put.mutate({ team: team.name, person: member.name, role: event.currentTarget.value })
            }
            data={ROLES}
          />
          <Tooltip label={t("Take {name} out of the team", { name: member.name })}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("Take {name} out of the team", { name: member.name })}
              loading={remove.isPending}
              onClick={() => remove.mutate({ team: team.name, person: member.name })}
            >
              <IconX size={15} />
            </ActionIcon>
          </Tooltip>
        </span>
      ) : (
        <span className="label">{member.role}</span>
      )}
      {failed && <Failure error={failed} />}
    </li>
  );
}

function Add({ team }: { team: Team }) {
  const [person, setPerson] = useState("");
  const [role, setRole] = useState("responder");
  const put = usePutMember();
  return (
    <form
      className={styles.add}
      onSubmit={(event) => {
        event.preventDefault();
        put.mutate({ team: team.name, person: person.trim(), role }, { onSuccess: () => setPerson("") });
      }}
    >
      <TextInput
        size="xs"
        placeholder={t("Name of an account")}
        aria-label={t("Name of an account")}
        value={person}
        onChange={(event) => setPerson(event.currentTarget.value)}
      />
      <NativeSelect
        size="xs"
        aria-label={t("Role")}
        value={role}
        onChange={(event) => setRole(event.currentTarget.value)}
        data={ROLES}
      />
      <Button type="submit" size="xs" variant="default" disabled={!person.trim()} loading={put.isPending}>
        {t("Add")}
      </Button>
      {put.error && <Failure error={put.error} />}
    </form>
  );
}
