// `?` shows what the keyboard can do; `g` and a letter go to a page.
import { ActionIcon, Kbd, Modal } from "@mantine/core";
import { openSpotlight, toggleSpotlight } from "@mantine/spotlight";
import { IconKeyboard } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { t } from "../lib/i18n";
import { useUrl } from "../state/url";
import styles from "./Shortcuts.module.css";

const PLACES: Record<string, string> = {
  p: "/",
  s: "/search",
  q: "/sql",
  m: "/explore/metrics",
  i: "/incidents",
  a: "/alerts",
  o: "/oncall",
  u: "/uptime",
  v: "/services",
  c: "/changes",
  n: "/status",
  x: "/operations",
};
/** Pages whose own line the slash goes to. */
const OWN_SLASH = /^\/(search|sql|operations|audit|explore\/metrics)$/;
/** The second key of a pair must follow within this time. */
const PAIR_MS = 900;

/** Keys typed into a field belong to the field. */
export function typing(event: KeyboardEvent): boolean {
  // The filter line lives in a shadow tree: the first of the path is where the key really went.
  const target = event.composedPath()[0];
  return (
    target instanceof Element &&
    Boolean(target.closest("input, textarea, select, [contenteditable=true], [role=dialog]"))
  );
}

export function Shortcuts() {
  const [open, setOpen] = useState(false);
  const { navigate, href } = useUrl();
  const firstKey = useRef(0);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        toggleSpotlight();
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || typing(event)) return;
      if (event.key === "?") setOpen(true);
      else if (event.key === "/" && !OWN_SLASH.test(location.pathname)) {
        event.preventDefault();
        openSpotlight();
      } else if (event.key === "g") firstKey.current = Date.now();
      else if (Date.now() - firstKey.current < PAIR_MS && PLACES[event.key]) {
        firstKey.current = 0;
        event.preventDefault();
        event.stopImmediatePropagation();
        navigate(href(PLACES[event.key] ?? "/"));
      }
    };
    addEventListener("keydown", listen, true);
    return () => removeEventListener("keydown", listen, true);
  }, [navigate, href]);

  const groups: [string, [string, string][]][] = [
    [
      t("Everywhere"),
      [
        ["Ctrl K", t("Jump to…")],
        ["?", t("This help")],
        ["g p", t("Promises")],
        ["g s", t("Search")],
        ["g q", "SQL"],
        ["g m", t("Metrics")],
        ["g i", t("Incidents")],
        ["g a", t("Alerts")],
        ["g o", t("On call")],
        ["g x", t("Operations")],
        ["g u", t("Uptime")],
        ["g v", t("Services")],
        ["g c", t("Changes")],
        ["g n", t("Node")],
      ],
    ],
    [
      t("Incident room"),
      [
        ["a", t("Acknowledge")],
        ["e", t("Call the next now")],
        ["c", t("Confirm level")],
        ["u", t("Post an update")],
        ["n", t("Add a note")],
        ["m", t("Mitigate")],
        ["r", t("Resolve")],
      ],
    ],
    [
      t("Search"),
      [
        ["/", t("Go to the filter")],
        ["Ctrl Enter", t("Run")],
        ["j k", t("Next and previous row")],
        ["Enter", t("Open the row")],
        ["z", t("Zoom out")],
        ["← →", t("Move the time window (histogram focused)")],
        ["↑ ↓", t("Zoom in and out (histogram focused)")],
        ["Esc", t("Cancel the running query")],
      ],
    ],
    [
      t("Trace"),
      [
        ["j k", t("Next and previous span")],
        ["← →", t("Collapse and expand")],
        ["e", t("Next error")],
        ["f", t("Find in this trace")],
        ["n N", t("Next and previous match")],
        ["c", t("Critical path only")],
      ],
    ],
  ];
  return (
    <>
      <ActionIcon
        variant="transparent"
        c="inherit"
        aria-label={t("Keyboard shortcuts")}
        onClick={() => setOpen(true)}
      >
        <IconKeyboard size={17} stroke={1.7} />
      </ActionIcon>
      <Modal
        lockScroll={false}
        opened={open}
        onClose={() => setOpen(false)}
        title={t("Keyboard shortcuts")}
        size="lg"
        centered
        closeButtonProps={{ "aria-label": t("Close") }}
      >
        <div className={styles.groups}>
          {groups.map(([title, keys]) => (
            <section key={title}>
              <h2>{title}</h2>
              <dl>
                {keys.map(([key, words]) => (
                  <div key={key}>
                    <dt>
                      {key.split(" ").map((part) => (
                        <Kbd key={part} size="xs">
                          {part}
                        </Kbd>
                      ))}
                    </dt>
                    <dd>{words}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
      </Modal>
    </>
  );
}
