import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ApiError } from "./api/client";
import { activate, initialLanguage, type Language } from "./lib/i18n";
import { installThemeVariables, theme } from "./theme";
import "./styles/mantine.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/touch.css";

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
      <MantineProvider
        withCssVariables={false}
        withGlobalClasses={false}
        theme={theme}
        defaultColorScheme="auto"
        colorSchemeManager={colorSchemeManager}
      >
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
installThemeVariables();
const first = initialLanguage();
activate(first).then(() => createRoot(root).render(<Root first={first} />));
