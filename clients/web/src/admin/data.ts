/** Queries of Administration. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data, idempotent, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";

export type Worker = Schemas["Worker"];
export type TaskQueue = Schemas["TaskQueue"];
export type DeadLetter = Schemas["DeadLetter"];
export type Model = Schemas["Model"];
export type Webhook = Schemas["AdminWebhook"];
export type Account = Schemas["AdminAccount"];
export type AuditEntry = Schemas["AuditEntry"];

const REFRESH_MS = 10_000;
const PAGE = 200;
const MAX_ACCOUNT_PAGES = 25;

export const workersQuery = queryOptions({
  queryKey: ["admin", "workers"],
  queryFn: async () => (await data(api.GET("/v1/admin/workers"))).items,
  refetchInterval: REFRESH_MS,
});

export const queuesQuery = queryOptions({
  queryKey: ["admin", "queues"],
  queryFn: async () => (await data(api.GET("/v1/admin/queues"))).items,
  refetchInterval: REFRESH_MS,
});

export const deadLettersQuery = queryOptions({
  queryKey: ["admin", "dead-letters"],
  queryFn: async () => (await data(api.GET("/v1/admin/dead-letters"))).items,
});

export const storageQuery = queryOptions({
  queryKey: ["admin", "storage"],
  queryFn: () => data(api.GET("/v1/admin/storage")),
});

export const modelsQuery = queryOptions({
  queryKey: ["admin", "models"],
  queryFn: async () => (await data(api.GET("/v1/admin/models"))).items,
});

export const webhooksQuery = queryOptions({
  queryKey: ["admin", "webhooks"],
  queryFn: async () => (await data(api.GET("/v1/admin/webhooks"))).items,
  refetchInterval: REFRESH_MS,
});

export const accountsQuery = queryOptions({
  queryKey: ["admin", "accounts"],
  queryFn: async ({ signal }): Promise<readonly Account[]> => {
    const accounts: Account[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_ACCOUNT_PAGES; page += 1) {
      const query = { limit: PAGE, ...(cursor !== undefined && { cursor }) };
      const answer = await data(api.GET("/v1/admin/accounts", { params: { query }, signal }));
      accounts.push(...answer.items);
      if (!answer.next) break;
      cursor = answer.next;
    }
    return accounts;
  },
});

export type AuditAction = AuditEntry["action"];

/** The audit log, newest first, page by page. */
export function auditQuery(action: AuditAction | null) {
  return infiniteQueryOptions({
    queryKey: ["admin", "audit", action],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => {
      const query = {
        ...(action !== null && { action }),
        ...(pageParam !== "" && { cursor: pageParam }),
      };
      return data(api.GET("/v1/admin/audit", { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

/** Hand a dead letter to its consumers again. */
export async function replay(letter: DeadLetter): Promise<void> {
  try {
    const params = { path: { dead_letter: letter.id } };
    await data(
      api.POST("/v1/admin/dead-letters/{dead_letter}/replay", { params, headers: idempotent() }),
    );
    showToast(`${letter.event_type || "The record"} was handed over again.`);
  } catch (error) {
    showToast(problemText(error));
  }
  await queries.invalidateQueries({ queryKey: deadLettersQuery.queryKey });
}

/** Change an account; return what went wrong, empty if nothing did. */
export async function changeAccount(
  account: Account,
  change: Schemas["AccountChange"],
): Promise<string> {
  try {
    const params = { path: { account: account.id } };
    await data(api.PATCH("/v1/admin/accounts/{account}", { params, body: change }));
  } catch (error) {
    return problemText(error);
  }
  await queries.invalidateQueries({ queryKey: accountsQuery.queryKey });
  return "";
}

/**
 * Return a link that signs in to an account once.
 * @throws ProblemError if the server refuses.
 */
export async function oneTimeLink(account: Account): Promise<Schemas["OneTimeLink"]> {
  const params = { path: { account: account.id } };
  return (await data(
    api.POST("/v1/admin/accounts/{account}/one-time-link", { params, headers: idempotent() }),
  )) as Schemas["OneTimeLink"];
}
