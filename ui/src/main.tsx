import { createTheme, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ApiError } from "./api/client";
import { activate, initialLanguage, type Language } from "./lib/i18n";
import "./styles/mantine.css";
import "./styles/tokens.css";
import "./styles/base.css";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // A refusal stays one; only a server that does not answer is asked again.
      retry: (failures, error) =>
        failures < 2 &&
        !(error instanceof ApiError && error.problem.status >= 400 && error.problem.status < 500),
      refetchOnWindowFocus: true,
      staleTime: 1_000,
    },
  },
});

const theme = createTheme({
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

const THEME_KEY = "nines-theme";
const colorSchemeManager = {
  get: (fallback: "light" | "dark" | "auto") =>
    (localStorage.getItem(THEME_KEY) as "light" | "dark" | "auto" | null) ?? fallback,
  set: (value: string) => localStorage.setItem(THEME_KEY, value),
  subscribe: () => {},
  unsubscribe: () => {},
  clear: () => localStorage.removeItem(THEME_KEY),
};

function Root({ first }: { first: Language }) {
  const [language, setLanguage] = useState(first);
  const change = async (next: Language) => {
    await activate(next);
    setLanguage(next);
  };
  return (
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorSchemeManager}>
        <QueryClientProvider client={client}>
          <Notifications position="top-right" limit={4} />
          <App key={language} language={language} setLanguage={change} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>
  );
}

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
const first = initialLanguage();
activate(first).then(() => createRoot(root).render(<Root first={first} />));
