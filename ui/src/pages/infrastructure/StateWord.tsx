// How a unit stands, as shape, word and time.
import type { InfraUnit } from "../../api/infra";
import { Glyph } from "../../components/Mark";
import { span } from "../../lib/format";
import { t } from "../../lib/i18n";
import type { Shape } from "../../lib/states";

const LOOKS: Record<string, [string, Shape]> = {
  absent: ["bad", "octagon"],
  late: ["warn", "clock"],
  reporting: ["good", "check"],
  gone: ["none", "dashed"],
};

export function StateWord({ unit, now }: { unit: InfraUnit; now: number }) {
  const [tone, shape] = LOOKS[unit.state] ?? ["none", "ring"];
  const time = span(Math.max(0, (now - Date.parse(unit.since)) / 1000));
  const word = {
    absent: t("absent {time}", { time }),
    late: t("late {time}", { time }),
    reporting: t("reports"),
    gone: t("gone on purpose"),
  }[unit.state];
  return (
    <span className="chip" data-tone={tone} title={unit.reason ?? undefined}>
      <Glyph shape={shape} size={12} />
      {word ?? unit.state}
    </span>
  );
}
