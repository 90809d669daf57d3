// A text ready to be copied.
import { Button, CopyButton } from "@mantine/core";
import { t } from "../lib/i18n";
import styles from "./Example.module.css";

/** `children` stand above the text: what chooses it. */
export function Example({ text, children }: { text: string; children?: React.ReactNode }) {
  return (
    <div className={styles.example}>
      {children}
      <pre className="mono">{text}</pre>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button size="xs" variant="default" onClick={copy}>
            {copied ? t("Copied") : t("Copy")}
          </Button>
        )}
      </CopyButton>
    </div>
  );
}
