// Catalogs: the English text is the key, `src/locales/LANG.json` holds the translations.
// Messages are ICU; they are compiled here so that no parser is shipped to the browser.
import { readFileSync } from "node:fs";
import { compileMessage } from "@lingui/message-utils/compileMessage";

export const LOCALES = ["zh-TW", "zh-CN"];
const PREFIX = "virtual:catalog/";

export const catalogFile = (root, locale) => `${root}/src/locales/${locale}.json`;

/** Vite plugin: `import messages from "virtual:catalog/zh-TW"`. */
export function catalogs(root) {
  return {
    name: "nines-catalogs",
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : null),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return null;
      const locale = id.slice(PREFIX.length + 1);
      // English needs only the messages that have parts to fill in; the others are their own translation.
      const source = JSON.parse(
        readFileSync(catalogFile(root, locale === "en" ? LOCALES[0] : locale), "utf8"),
      );
      this.addWatchFile(catalogFile(root, locale === "en" ? LOCALES[0] : locale));
      const compiled = {};
      for (const [message, translation] of Object.entries(source)) {
        if (locale === "en" && !message.includes("{")) continue;
        compiled[message] = compileMessage(locale === "en" ? message : translation || message);
      }
      return `export default ${JSON.stringify(compiled)}`;
    },
  };
}
