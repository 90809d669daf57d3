// Languages. The English text is the key; catalogs are compiled at build time and loaded when needed.
// The whole application is mounted anew when the language changes, so `t` may be called anywhere during render.
import { i18n } from "@lingui/core";

export const LANGUAGES = { en: "English", "zh-TW": "繁體中文", "zh-CN": "简体中文" } as const;
export type Language = keyof typeof LANGUAGES;

const STORAGE_KEY = "nines-language";

/** Translates a message; `values` fill its ICU parts. */
export function t(message: string, values?: Record<string, string | number>): string {
  return i18n._(message, values);
}

export const language = () => (i18n.locale || "en") as Language;

/** The best of our languages for what the browser asks; Traditional for Taiwan, Hong Kong and Macau. */
export function pickLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const lower = tag.toLowerCase();
    if (/^zh-(tw|hk|mo|hant)/.test(lower)) return "zh-TW";
    if (lower.startsWith("zh")) return "zh-CN";
    if (lower.startsWith("en")) return "en";
  }
  return "en";
}

export function initialLanguage(): Language {
  const stored = localStorage.getItem(STORAGE_KEY);
  return stored && stored in LANGUAGES ? (stored as Language) : pickLanguage(navigator.languages);
}

export async function activate(next: Language): Promise<void> {
  const { default: messages } =
    next === "zh-TW"
      ? await import("virtual:catalog/zh-TW")
      : next === "zh-CN"
        ? await import("virtual:catalog/zh-CN")
        : await import("virtual:catalog/en");
  i18n.loadAndActivate({ locale: next, messages });
  document.documentElement.lang = next;
  localStorage.setItem(STORAGE_KEY, next);
}
