// The wall: promises, incidents, alerts and on call in turn, full screen, for nobody to touch. What is old is grey: no green
// survives a stream that is lost. `?every=15` sets the seconds of each, `?only=incidents` stays with one.
import { type ComponentType, Suspense, useEffect, useState } from "react";
import { useStreamState } from "../../api/events";
import { clock } from "../../lib/format";
import { t } from "../../lib/i18n";
import { useNow, useUrl } from "../../state/url";
import styles from "./Wall.module.css";

const EVERY_SECS = 20;
/** A stream that is lost for longer than this makes the whole wall grey. */
const OLD_AFTER_MS = 10_000;

/** `views` by the names that `only` takes. */
export default function WallPage({ views }: { views: [string, ComponentType][] }) {
  const { params } = useUrl();
  const every = Math.max(5, Number(params.get("every")) || EVERY_SECS);
  const only = views.findIndex(([name]) => name === params.get("only"));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTurn((before) => before + 1), every * 1000);
    return () => clearInterval(timer);
  }, [every]);
  const stream = useStreamState();
  const now = useNow(1000);
  const [seen, setSeen] = useState(() => Date.now());
  useEffect(() => {
    if (stream === "live") setSeen(now);
  }, [stream, now]);
  const old = now - seen > OLD_AFTER_MS;
  const index = only >= 0 ? only : turn % views.length;
  const View = views[index]?.[1];
  return (
    <div className={styles.wall} data-old={old || undefined}>
      {old && (
        <div className={styles.old} role="alert">
          {t("Old: nothing has been heard since {time}", { time: clock(seen) })}
        </div>
      )}
      <div className={styles.view} inert>
        <Suspense fallback={null}>{View && <View />}</Suspense>
      </div>
      <div className={styles.dots} aria-hidden="true">
        {views.map(([name], i) => (
          <i key={name} data-on={i === index || undefined} />
        ))}
      </div>
    </div>
  );
}
