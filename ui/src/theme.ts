// Mantine's theme. Its variables are put in place by a constructed style sheet: the content security policy allows no
// style elements, which is how Mantine would insert them, and none of ours are needed either.
import {
  convertCssVariables,
  createTheme,
  DEFAULT_THEME,
  defaultCssVariablesResolver,
  mergeMantineTheme,
} from "@mantine/core";

export const theme = createTheme({
  primaryColor: "cobalt",
  colors: {
    cobalt: [
      "#eaf0fd",
      "#d3defa",
      "#a9c0f6",
      "#8fb0ff",
      "#6b90ee",
      "#4672dd",
      "#2b5ccc",
      "#1f4fbf",
      "#1a43a3",
      "#133380",
    ],
  },
  primaryShade: { light: 7, dark: 6 },
  fontFamily: "var(--font)",
  fontFamilyMonospace: "var(--mono)",
  fontSizes: { xs: "11px", sm: "13px", md: "14px", lg: "16px", xl: "19px" },
  defaultRadius: "sm",
  cursorType: "pointer",
  respectReducedMotion: true,
});

/** Call once before the first render. The sheet sits in Mantine's layer, so that our tokens win over it. */
export function installThemeVariables(): void {
  const variables = defaultCssVariablesResolver(mergeMantineTheme(DEFAULT_THEME, theme));
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`@layer mantine { ${convertCssVariables(variables, ":root")} }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
