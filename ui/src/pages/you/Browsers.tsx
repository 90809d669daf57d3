// Notifications of browsers: what this one can do, those that are registered, and whether calls go there at all.
import { Button, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { useBrowsers, useRegisterBrowser, useRemoveBrowser, useTestBrowser } from "../../api/doors";
import type { Browser, BrowsersResponse } from "../../api/types";
import { StateChip } from "../../components/Mark";
import { Failure, Loading, Notice } from "../../components/states";
import { ago } from "../../lib/format";
import { t } from "../../lib/i18n";
import {
  type Ability,
  ability,
  remember,
  remembered,
  subscribe,
  unsubscribe,
  usualName,
  watchPermission,
} from "../../lib/push";
import type { Look } from "../../lib/states";
import styles from "./You.module.css";

const LABEL_MAX = 80;

export function Browsers() {
  const query = useBrowsers();
  const [able, setAble] = useState(ability);
  useEffect(() => watchPermission(() => setAble(ability())), []);
  return (
    <section className="panel" aria-labelledby="notifications">
      <header>
        <h2 id="notifications">{t("Notifications in browsers")}</h2>
        <StateChip look={lookOf(able)} />
      </header>
      {query.error ? (
        <Failure error={query.error} retry={() => query.refetch()} />
      ) : query.isPending ? (
        <Loading rows={2} height={36} />
      ) : (
        <>
          <Reach data={query.data} />
          <Here able={able} data={query.data} changed={() => setAble(ability())} />
          {query.data.browsers.length > 0 && <List data={query.data} />}
        </>
      )}
    </section>
  );
}

function lookOf(able: Ability): Look {
  if (able === "granted") return { tone: "good", shape: "check", word: t("allowed here") };
  if (able === "denied") return { tone: "bad", shape: "octagon", word: t("refused here") };
  if (able === "default") return { tone: "none", shape: "ring", word: t("not asked yet") };
  return { tone: "none", shape: "dashed", word: t("not possible here") };
}

/** Which calls come here. Who registers a browser and gets no call must not believe otherwise. */
function Reach({ data }: { data: BrowsersResponse }) {
  if (!data.high)
    return (
      <Notice tone="warn">
        {t(
          "Your personal rules do not name browsers for P0 and P1, so such calls do not come here. Write {example} under high.",
          { example: "{channel: browsers}" },
        )}
      </Notice>
    );
  return (
    <p className={`dim ${styles.words}`}>
      {data.low
        ? t("Calls for {person} come to these browsers, by your personal rules.", { person: data.person })
        : data.has_rules
          ? t("Calls for {person} of P0 and P1 come to these browsers, by your personal rules.", {
              person: data.person,
            })
          : t("Calls for {person} of P0 and P1 come to these browsers, besides the channels of your teams.", {
              person: data.person,
            })}
    </p>
  );
}

type HereProps = { able: Ability; data: BrowsersResponse; changed: () => void };

/** This browser: register it, or why that cannot be. */
function Here({ able, data, changed }: HereProps) {
  const [label, setLabel] = useState(() => usualName(navigator.userAgent));
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const register = useRegisterBrowser();
  const own = data.browsers.find((browser) => browser.id === remembered());
  if (own && !own.is_gone && able === "granted") return null;
  if (able === "insecure")
    return (
      <Notice tone="info">
        {t("Browsers allow notifications only to pages that came over HTTPS. Open this node by https.")}
      </Notice>
    );
  if (able === "home-screen")
    return (
      <Notice tone="info">
        {t("On an iPhone or iPad, add this page to the Home Screen first, and open it from there.")}
      </Notice>
    );
  if (able === "unsupported")
    return <Notice tone="info">{t("This browser cannot take notifications from a server.")}</Notice>;
  if (able === "denied")
    return (
      <Notice tone="warn">
        {t("Notifications are refused for this address. Allow them in the settings of the browser.")}
      </Notice>
    );
  const room = data.browsers.filter((browser) => !browser.is_gone).length < data.limit;
  if (!room)
    return (
      <Notice tone="info">
        {t("{count} browsers are registered, as many as there can be. Remove one to register this one.", {
          count: data.limit,
        })}
      </Notice>
    );
  const add = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      const keys = await subscribe(data.public_key);
      if (keys) remember((await register.mutateAsync({ label: label.trim(), ...keys })).id);
    } catch (error) {
      setFailure(error);
    }
    setBusy(false);
    changed();
  };
  return (
    <form
      className={styles.register}
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <TextInput
        size="xs"
        label={t("What this browser is called")}
        maxLength={LABEL_MAX}
        value={label}
        onChange={(event) => setLabel(event.currentTarget.value)}
      />
      {failure !== undefined && <Failure error={failure} />}
      <Button type="submit" size="xs" disabled={!label.trim()} loading={busy}>
        {t("Take notifications in this browser")}
      </Button>
    </form>
  );
}

function List({ data }: { data: BrowsersResponse }) {
  const test = useTestBrowser();
  const remove = useRemoveBrowser();
  const drop = (browser: Browser) =>
    remove.mutate(browser.id, {
      onSuccess: () => {
        if (browser.id === remembered()) void unsubscribe();
      },
    });
  return (
    <>
      {test.error && <Failure error={test.error} />}
      {remove.error && <Failure error={remove.error} />}
      <ul className={styles.browsers}>
        {data.browsers.map((browser) => (
          <li key={browser.id}>
            <div className={styles.browser}>
              <strong>{browser.label}</strong>
              {browser.id === remembered() && (
                <StateChip look={{ tone: "good", shape: "check", word: t("this one") }} />
              )}
              <span className="dim">
                {t("registered {ago}", { ago: ago(browser.registered_at) })}
                {browser.service && ` · ${browser.service}`}
              </span>
              <Last browser={browser} />
            </div>
            <div className={styles.actions}>
              {!browser.is_gone && (
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t("Send a test to {label}", { label: browser.label })}
                  loading={test.isPending && test.variables === browser.id}
                  onClick={() => test.mutate(browser.id)}
                >
                  {t("Send a test")}
                </Button>
              )}
              <Button
                size="compact-sm"
                variant="default"
                aria-label={t("Remove {label}", { label: browser.label })}
                loading={remove.isPending && remove.variables === browser.id}
                onClick={() => drop(browser)}
              >
                {t("Remove")}
              </Button>
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

/** What became of the last message to it. */
function Last({ browser }: { browser: Browser }) {
  if (browser.is_gone)
    return (
      <StateChip
        look={{ tone: "bad", shape: "octagon", word: t("takes nothing any more: register it again") }}
      />
    );
  if (!browser.used_at) return <span className="dim">{t("nothing sent yet")}</span>;
  const when = ago(browser.used_at);
  return browser.failure ? (
    <StateChip
      look={{
        tone: "bad",
        shape: "triangle",
        word: t("failed {when}: {why}", { when, why: browser.failure }),
      }}
    />
  ) : (
    <StateChip look={{ tone: "good", shape: "check", word: t("taken {when}", { when }) }} />
  );
}
