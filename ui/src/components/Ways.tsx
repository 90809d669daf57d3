// Before anything has come in: the ways to send it, each ready to be copied.
import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { t } from "../lib/i18n";
import { Example } from "./Example";
import { Empty } from "./states";

export interface Way {
  value: string;
  label: string;
  text: string;
}

export function Ways({ title, ways, children }: { title: string; ways: Way[]; children: React.ReactNode }) {
  const [chosen, setChosen] = useState(ways[0]?.value);
  const text = ways.find((way) => way.value === chosen)?.text ?? "";
  return (
    <Empty
      title={title}
      action={
        <Example text={text}>
          <SegmentedControl
            size="xs"
            value={chosen}
            onChange={setChosen}
            data={ways.map(({ value, label }) => ({ value, label }))}
            aria-label={t("How it comes in")}
          />
        </Example>
      }
    >
      {children}
    </Empty>
  );
}
