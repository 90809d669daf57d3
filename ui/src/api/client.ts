// The one fetch function. Every answer that is not a success becomes an `ApiError` that holds the problem document.
import type { Problem } from "./types";

export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
    this.problem = problem;
  }
}

/** Sent with every unsafe call that the session cookie authenticates. */
let csrfToken: string | undefined;
export function setCsrfToken(token: string | null | undefined) {
  csrfToken = token ?? undefined;
}

export type Ask = {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  query?: Record<string, string | number | null | undefined>;
  body?: unknown;
  /** A body that is no JSON, and what it is. */
  text?: string;
  type?: string;
  signal?: AbortSignal;
  accept?: string;
  /** Another API of the same node: Prometheus' has its own paths and its own errors. */
  base?: string;
};

export async function api<T>(path: string, ask: Ask = {}): Promise<T> {
  const response = await open(path, ask);
  if (response.status === 204 || response.headers.get("content-length") === "0") return undefined as T;
  return (await response.json()) as T;
}

/** The answer itself, for those who read it as it comes. Errors are as in `api`. */
export async function open(
  path: string,
  {
    method = "GET",
    query,
    body,
    text,
    type,
    signal,
    accept = "application/json",
    base = "/api/v1",
  }: Ask = {},
): Promise<Response> {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {}))
    if (value != null && value !== "") params.set(key, String(value));
  const search = params.toString();
  const headers: Record<string, string> = { accept };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (text !== undefined) headers["content-type"] = type ?? "text/plain";
  if (method !== "GET" && csrfToken) headers["x-nines-csrf"] = csrfToken;

  let response: Response;
  try {
    response = await fetch(`${base}${path}${search ? `?${search}` : ""}`, {
      method,
      headers,
      body: body === undefined ? text : JSON.stringify(body),
      signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(unreachable());
  }
  if (!response.ok) throw new ApiError(await problemOf(response));
  return response;
}

const unreachable = (): Problem => ({
  type: "about:blank",
  code: "unreachable",
  status: 0,
  title: "unreachable",
  detail: "the server does not answer",
  request_id: "",
});

async function problemOf(response: Response): Promise<Problem> {
  try {
    const problem = (await response.json()) as Partial<Problem> & { errorType?: string; error?: string };
    if (problem.code) return problem as Problem;
    if (problem.errorType) {
      return {
        type: "about:blank",
        code: problem.errorType,
        status: response.status,
        title: problem.errorType,
        detail: problem.error ?? "",
        request_id: response.headers.get("nines-request-id") ?? "",
      };
    }
  } catch {
    // Not a problem document: a proxy in between answered.
  }
  return {
    type: "about:blank",
    code: response.status === 401 ? "unauthenticated" : "http",
    status: response.status,
    title: response.statusText,
    detail: `${response.status} ${response.statusText}`,
    request_id: response.headers.get("nines-request-id") ?? "",
  };
}
