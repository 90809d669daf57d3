// From a question to a panel: choose a dashboard, and it opens with the panel added, to be looked at and saved.
import { Button, Menu } from "@mantine/core";
import { IconLayoutGridAdd } from "@tabler/icons-react";
import { useState } from "react";
import { useDashboards } from "../api/dashboards";
import type { Panel } from "../lib/dashboard";
import { t } from "../lib/i18n";
import { useUrl } from "../state/url";

/** What fits a menu; the others are found on their page. */
const SHOWN_MAX = 12;

export function AddToDashboard({ panel }: { panel: Omit<Panel, "id" | "x" | "y"> }) {
  const [opened, setOpened] = useState(false);
  const all = useDashboards(opened);
  const { navigate } = useUrl();
  const go = (name: string) =>
    navigate(
      `/dashboards/${encodeURIComponent(name)}?${new URLSearchParams({ add: JSON.stringify(panel) })}`,
    );
  return (
    <Menu opened={opened} onChange={setOpened} position="bottom-end" shadow="md">
      <Menu.Target>
        <Button size="compact-sm" variant="default" leftSection={<IconLayoutGridAdd size={14} />}>
          {t("Add to dashboard")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {(all.data?.dashboards ?? []).slice(0, SHOWN_MAX).map(({ name, title }) => (
          <Menu.Item key={name} onClick={() => go(name)}>
            {title}
          </Menu.Item>
        ))}
        <Menu.Item onClick={() => go("new")}>{t("New dashboard")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
