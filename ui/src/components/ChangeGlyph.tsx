import { IconAdjustments, IconFlag, IconRocket, IconServerCog } from "@tabler/icons-react";

const ICONS = { deploy: IconRocket, feature_flag: IconFlag, config: IconAdjustments } as Record<
  string,
  typeof IconRocket
>;

export function ChangeGlyph({ kind, size = 15 }: { kind: string; size?: number }) {
  const Icon = ICONS[kind] ?? IconServerCog;
  return <Icon size={size} stroke={1.7} aria-hidden="true" />;
}
