// Questions that the team keeps: open one, keep this one, delete one. For searches and for SQL.
import { ActionIcon, Button, Popover, TextInput, Tooltip } from "@mantine/core";
import { IconBookmarks, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { ApiError } from "../api/client";
import { useDeleteSaved, useSave, useSaved } from "../api/explore";
import type { SavedQuestion, SavedRequest } from "../api/types";
import { ago } from "../lib/format";
import { t } from "../lib/i18n";
import styles from "./SavedMenu.module.css";
import { Failure, Loading } from "./states";

type Props = {
  kind: "search" | "sql";
  /** What would be kept, all but its name. */
  current: Omit<SavedRequest, "name" | "kind" | "team">;
  onOpen: (question: SavedQuestion) => void;
};

export function SavedMenu({ kind, current, onOpen }: Props) {
  const [opened, setOpened] = useState(false);
  const word = kind === "sql" ? t("Saved queries") : t("Saved searches");
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" trapFocus>
      <Popover.Target>
        <Tooltip label={word}>
          <ActionIcon
            variant="default"
            size={36}
            aria-label={word}
            aria-expanded={opened}
            onClick={() => setOpened(!opened)}
          >
            <IconBookmarks size={17} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown className={styles.drop}>
        {opened && (
          <Saved
            kind={kind}
            current={current}
            onOpen={(question) => {
              onOpen(question);
              setOpened(false);
            }}
          />
        )}
      </Popover.Dropdown>
    </Popover>
  );
}

function Saved({ kind, current, onOpen }: Props) {
  const saved = useSaved(kind);
  const save = useSave();
  const remove = useDeleteSaved();
  const [name, setName] = useState("");
  const [team, setTeam] = useState("");
  const questions = saved.data?.questions ?? [];
  const replaces = questions.some((one) => one.name.toLowerCase() === name.trim().toLowerCase());
  const problem = [save.error, remove.error].find((error) => error instanceof ApiError);
  return (
    <>
      {saved.error ? (
        <Failure error={saved.error} retry={() => saved.refetch()} />
      ) : saved.isPending ? (
        <Loading rows={2} height={26} />
      ) : questions.length === 0 ? (
        <p className="dim">{t("Nothing is saved yet. What you save here, everybody finds.")}</p>
      ) : (
        <ul className={styles.list}>
          {questions.map((one) => (
            <li key={one.name}>
              <button type="button" onClick={() => onOpen(one)}>
                <b>{one.name}</b>
                <span className="label mono cut">{one.text || t("everything")}</span>
                <span className="label">
                  {[one.team, t("by {name}", { name: one.updated_by }), ago(one.updated_at)]
                    .filter(Boolean)
                    .join(" · ")}
                </span>
              </button>
              <ActionIcon
                variant="transparent"
                c="dimmed"
                aria-label={t("Delete {name}", { name: one.name })}
                onClick={() => remove.mutate(one.name)}
              >
                <IconTrash size={15} />
              </ActionIcon>
            </li>
          ))}
        </ul>
      )}
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(
            { ...current, kind, name: name.trim(), ...(team.trim() ? { team: team.trim() } : {}) },
            { onSuccess: () => setName("") },
          );
        }}
      >
        <TextInput
          size="xs"
          label={t("Save this one as")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={80}
          data-autofocus
        />
        <TextInput
          size="xs"
          label={t("Team (empty: everybody)")}
          value={team}
          onChange={(event) => setTeam(event.currentTarget.value)}
          maxLength={80}
        />
        <Button type="submit" size="xs" disabled={!name.trim()} loading={save.isPending}>
          {replaces ? t("Replace") : t("Save")}
        </Button>
      </form>
      {problem && (
        <p className={styles.problem} role="alert">
          {problem.message}
        </p>
      )}
    </>
  );
}
