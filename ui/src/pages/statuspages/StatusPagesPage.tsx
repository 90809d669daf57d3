// Status pages: which there are, what they show, and a form for a new one. A private page's link is shown once.
import { Button, Checkbox, Textarea, TextInput } from "@mantine/core";
import { useState } from "react";
import {
  type PublicPage,
  usePutStatusPage,
  useRemoveStatusPage,
  useStatusPages,
  useWallLink,
} from "../../api/statuspages";
import { Empty, Failure, Loading, Notice } from "../../components/states";
import { t } from "../../lib/i18n";

/** `Checkout = checkout, payments`, a component a line. */
const components = (text: string) =>
  text
    .split("\n")
    .map((line) => line.split("="))
    .filter((parts) => parts.length === 2)
    .map(([name, services]) => ({
      name: (name ?? "").trim(),
      services: (services ?? "")
        .split(",")
        .map((one) => one.trim())
        .filter(Boolean),
    }));

/** How many subscribe, by way; their addresses are shown nowhere. */
function Readers({ page }: { page: PublicPage }) {
  const { email, webhook, pending } = page.subscribers ?? { email: 0, webhook: 0, pending: 0 };
  const parts = [
    email > 0 && t("{count} by mail", { count: email }),
    webhook > 0 && t("{count} by webhook", { count: webhook }),
    pending > 0 && t("{count} not confirmed", { count: pending }),
  ].filter(Boolean);
  return <>{parts.length ? parts.join(" · ") : <span className="dim">{t("nobody yet")}</span>}</>;
}

export default function StatusPagesPage() {
  const query = useStatusPages();
  const remove = useRemoveStatusPage();
  const put = usePutStatusPage();
  const wall = useWallLink();
  const [name, setName] = useState("public");
  const [title, setTitle] = useState("");
  const [text, setText] = useState("");
  const [hidden, setHidden] = useState(false);
  const [mail, setMail] = useState("");
  const ready = name.trim() && title.trim() && components(text).length > 0;
  return (
    <div className="page">
      <div className="head">
        <h1>{t("Status pages")}</h1>
        <span className="grow" />
        <Button size="xs" variant="default" loading={wall.isPending} onClick={() => wall.mutate()}>
          {t("Make a link for a wall")}
        </Button>
      </div>
      {wall.error && <Failure error={wall.error} />}
      {wall.data && (
        <Notice tone="info">
          {t("Opens the wall without a sign-in, for reading only; revoke it among the keys. Shown once:")}{" "}
          <code>{`${location.origin}/sign-in#wall=${encodeURIComponent(wall.data.secret)}`}</code>
        </Notice>
      )}
      {(query.error || remove.error) && <Failure error={query.error ?? remove.error} />}
      {put.data?.private && (
        <Notice tone="info">
          {t("The link of this private page, shown once:")} <code>{put.data.url}</code>
        </Notice>
      )}
      {query.isPending ? (
        <Loading rows={2} />
      ) : query.data?.pages.length === 0 ? (
        <Empty title={t("No status page yet")}>
          {t("A page shows components, their last 90 days and approved statements; it needs no sign-in.")}
        </Empty>
      ) : (
        <div className="panel scroll-x">
          <table className="grid">
            <thead>
              <tr>
                <th>{t("Page")}</th>
                <th>{t("Components")}</th>
                <th>{t("Who sees it")}</th>
                <th>{t("Who is told of news")}</th>
                <th aria-label={t("Actions")} />
              </tr>
            </thead>
            <tbody>
              {query.data?.pages.map((page) => (
                <tr key={page.name}>
                  <td>
                    {page.private ? (
                      <b>{page.title}</b>
                    ) : (
                      <a href={`/status/${page.name}`} target="_blank" rel="noreferrer">
                        {page.title}
                      </a>
                    )}
                    <div className="mono dim">{`/status/${page.name}`}</div>
                  </td>
                  <td>{page.components.map((one) => one.name).join(", ")}</td>
                  <td>{page.private ? t("whoever has its link") : t("everybody")}</td>
                  <td>
                    <Readers page={page} />
                  </td>
                  <td className="num">
                    <Button size="compact-xs" variant="subtle" onClick={() => remove.mutate(page.name)}>
                      {t("Remove")}
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <form
        className="panel pad stack"
        style={{ maxWidth: 620 }}
        onSubmit={(event) => {
          event.preventDefault();
          if (ready)
            put.mutate({
              name: name.trim(),
              body: {
                title: title.trim(),
                description: "",
                components: components(text),
                private: hidden,
                ...(mail.trim() ? { mail_channel: mail.trim() } : {}),
              },
            });
        }}
      >
        <h2>{t("Make or change a page")}</h2>
        {put.error && <Failure error={put.error} />}
        <TextInput
          size="xs"
          label={t("Name in the address")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          label={t("Title")}
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
        <Textarea
          size="xs"
          autosize
          minRows={3}
          label={t("Components, one a line: name = services")}
          placeholder={"Checkout = checkout, payments"}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          label={t("E-mail channel for subscribers")}
          description={t("Without one, only webhooks can subscribe.")}
          value={mail}
          onChange={(event) => setMail(event.currentTarget.value)}
        />
        <Checkbox
          size="xs"
          label={t("Private: only with its link")}
          checked={hidden}
          onChange={(event) => setHidden(event.currentTarget.checked)}
        />
        <Button
          size="xs"
          type="submit"
          disabled={!ready}
          loading={put.isPending}
          style={{ alignSelf: "start" }}
        >
          {t("Save")}
        </Button>
      </form>
    </div>
  );
}
