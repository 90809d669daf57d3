// People, sign-in and secrets: typed hooks.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "./client";
import type * as T from "./types";

const enc = encodeURIComponent;

export const useSecrets = (enabled: boolean) =>
  useQuery({
    queryKey: ["secret"],
    queryFn: ({ signal }) => api<T.SecretsResponse>("/secrets", { signal }),
    enabled,
  });

/** A mutation after which the queries under `word` are read again. */
function useChange<Input, Output>(word: string, change: (input: Input) => Promise<Output>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    // A refusal often means that what is shown is old.
    onSettled: () => client.invalidateQueries({ queryKey: [word] }),
  });
}

export const usePutSecret = () =>
  useChange("secret", ({ name, value }: { name: string; value: string }) =>
    api<T.Secret>(`/secrets/${enc(name)}`, { method: "PUT", body: { value } }),
  );

export const useRotateSecret = () =>
  useChange("secret", (name: string) =>
    api<T.SecretRotated>(`/secrets/${enc(name)}/rotate`, { method: "POST", body: {} }),
  );

export const useDeleteSecret = () =>
  useChange("secret", (name: string) => api<void>(`/secrets/${enc(name)}`, { method: "DELETE" }));

export const useRevealSecret = () =>
  useMutation({
    mutationFn: ({ name, reason }: { name: string; reason: string }) =>
      api<T.SecretRevealed>(`/secrets/${enc(name)}/reveal`, { method: "POST", body: { reason } }),
    // A value that was seen is not kept for the next time.
    gcTime: 0,
  });

export const usePolicies = (enabled: boolean) =>
  useQuery({
    queryKey: ["policy"],
    queryFn: ({ signal }) => api<T.PoliciesResponse>("/policies", { signal }),
    enabled,
  });

/** The text comes back with its verdict: an answer about another text is stale. */
export const useCheckPolicy = () =>
  useMutation({
    mutationFn: async ({ name, text }: { name: string; text: string }) => ({
      of: text,
      checked: await api<T.PolicyChecked>("/policies/check", {
        method: "POST",
        body: { name: name || undefined, text },
      }),
    }),
  });

export const usePutPolicy = () =>
  useChange("policy", ({ name, text, force }: { name: string; text: string; force: boolean }) =>
    api<T.PolicyDocument>(`/policies/${enc(name)}`, { method: "PUT", body: { text, force } }),
  );

export const useRemovePolicy = () =>
  useChange("policy", (name: string) => api<void>(`/policies/${enc(name)}`, { method: "DELETE" }));

/** Asked before anybody is signed in. */
export const useSignInWays = () =>
  useQuery({
    queryKey: ["sign-in"],
    queryFn: ({ signal }) => api<T.SignInWays>("/sign-in", { signal }),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });

export const useMe = () =>
  useQuery({ queryKey: ["me"], queryFn: ({ signal }) => api<T.Me>("/me", { signal }), retry: false });

export const useSetPassword = () =>
  useChange("me", (body: T.PasswordRequest) => api<void>("/me/password", { method: "POST", body }));

export const useBeginTotp = () =>
  useMutation({ mutationFn: () => api<T.TotpBegun>("/me/totp", { method: "POST" }), gcTime: 0 });

export const useConfirmTotp = () =>
  useChange("me", (code: string) =>
    api<T.RecoveryCodes>("/me/totp/confirm", { method: "POST", body: { code } }),
  );

export const useRemoveTotp = () =>
  useChange("me", (code: string) => api<void>("/me/totp/remove", { method: "POST", body: { code } }));

export const useSessions = () =>
  useQuery({
    queryKey: ["sessions"],
    queryFn: ({ signal }) => api<T.SessionsResponse>("/sessions", { signal }),
    retry: false,
  });

export const useEndSession = () =>
  useChange("sessions", (id: string) => api<void>(`/sessions/${enc(id)}`, { method: "DELETE" }));

export const useBrowsers = () =>
  useQuery({
    queryKey: ["browsers"],
    queryFn: ({ signal }) => api<T.BrowsersResponse>("/me/browsers", { signal }),
    retry: false,
  });

export const useRegisterBrowser = () =>
  useChange("browsers", (body: T.NewBrowser) => api<T.Browser>("/me/browsers", { method: "POST", body }));

export const useTestBrowser = () =>
  useChange("browsers", (id: string) => api<T.Browser>(`/me/browsers/${enc(id)}/test`, { method: "POST" }));

export const useRemoveBrowser = () =>
  useChange("browsers", (id: string) => api<void>(`/me/browsers/${enc(id)}`, { method: "DELETE" }));

export const useAccounts = (enabled: boolean) =>
  useQuery({
    queryKey: ["accounts"],
    queryFn: ({ signal }) => api<T.AccountsResponse>("/accounts", { signal }),
    enabled,
  });

export const useTeams = () =>
  useQuery({
    queryKey: ["teams"],
    queryFn: ({ signal }) => api<T.TeamsResponse>("/teams", { signal }),
    retry: false,
  });

const member = (team: string, person: string) => `/teams/${enc(team)}/members/${enc(person)}`;

export const usePutMember = () =>
  useChange("teams", ({ team, person, role }: { team: string; person: string; role: string }) =>
    api<T.Member>(member(team, person), { method: "PUT", body: { role } }),
  );

export const useRemoveMember = () =>
  useChange("teams", ({ team, person }: { team: string; person: string }) =>
    api<void>(member(team, person), { method: "DELETE" }),
  );

export const useInvite = () =>
  useChange("accounts", (body: T.InviteRequest) => api<T.Invited>("/accounts", { method: "POST", body }));

export const useNewLink = () =>
  useChange("accounts", (id: string) => api<T.Invited>(`/accounts/${enc(id)}/link`, { method: "POST" }));

export const useDisableAccount = () =>
  useChange("accounts", (id: string) => api<void>(`/accounts/${enc(id)}`, { method: "DELETE" }));

export const useResetSecondFactor = () =>
  useChange("accounts", (id: string) =>
    api<void>(`/accounts/${enc(id)}/second-factor`, { method: "DELETE" }),
  );

export const useDevice = (code: string) =>
  useQuery({
    queryKey: ["device", code],
    queryFn: ({ signal }) => api<T.DeviceWaiting>(`/device/${enc(code)}`, { signal }),
    enabled: code !== "",
    retry: false,
  });

export const useAnswerDevice = () =>
  useMutation({
    mutationFn: ({ code, confirm }: { code: string; confirm: boolean }) =>
      api<void>(`/device/${enc(code)}/answer`, { method: "POST", body: { confirm } }),
  });
