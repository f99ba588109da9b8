/** Accounts: what each stores, its quota, whether it may sign in, and one-time links. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "../data/api";
import { problemText } from "../data/problems";
import { session } from "../data/session";
import { useStore } from "../data/store";
import { showToast } from "../data/toasts";
import { formatBytes, whenText } from "../parts/format";
import { ShownOnce } from "../parts/shown-once";
import { Table, type Column } from "../parts/table";
import { accountsQuery, changeAccount, oneTimeLink, type Account } from "./data";
import { quotaText, readQuota } from "./words";

interface MadeLink {
  readonly email: string;
  readonly link: Schemas["OneTimeLink"];
}

export function Accounts() {
  const { data, error } = useQuery(accountsQuery);
  const state = useStore(session);
  const own = "account" in state ? state.account.id : "";
  const [made, setMade] = useState<MadeLink | null>(null);
  const columns: readonly Column<Account>[] = [
    {
      label: "Account",
      cell: ({ email, admin, disabled_at }) => (
        <>
          {email}
          {admin && <span className="fg2">, administrator</span>}
          {disabled_at != null && <span className="fg2">, disabled</span>}
        </>
      ),
    },
    { label: "Since", cell: ({ created }) => whenText(created) },
    {
      label: "Signed in",
      cell: ({ last_sign_in }) => (last_sign_in == null ? "–" : whenText(last_sign_in)),
    },
    { label: "Keys", isNumber: true, cell: ({ keys }) => keys },
    {
      label: "Stored",
      isNumber: true,
      cell: ({ stored, limit }) =>
        stored == null
          ? "–"
          : `${formatBytes(stored)}${limit == null ? "" : ` of ${formatBytes(limit)}`}`,
    },
    {
      label: "Quota in GB",
      cell: (account) => <Quota key={quotaText(account.quota)} account={account} />,
    },
    {
      label: "Actions",
      cell: (account) => (
        <span className="row admin-acts">
          <button
            type="button"
            className="btn small"
            onClick={() => void makeLink(account, setMade)}
          >
            One-time link<span className="sr-only"> for {account.email}</span>
          </button>
          {account.id !== own && <Disable account={account} />}
        </span>
      ),
    },
  ];
  return (
    <>
      {made && (
        <ShownOnce secret={made.link.link} onDone={() => setMade(null)}>
          This link signs in to {made.email} once, until {whenText(made.link.expires)}. Using it
          clears the password, so that a new one can be set. It is not shown again.
        </ShownOnce>
      )}
      <Table
        label="Accounts"
        columns={columns}
        rows={data}
        keyOf={({ id }) => id}
        error={error}
        empty="There are no accounts."
      />
    </>
  );
}

async function makeLink(account: Account, show: (made: MadeLink) => void): Promise<void> {
  try {
    show({ email: account.email, link: await oneTimeLink(account) });
  } catch (error) {
    showToast(problemText(error));
  }
}

function Disable({ account }: { account: Account }) {
  const isDisabled = account.disabled_at != null;
  const change = async (disabled: boolean): Promise<void> => {
    const problem = await changeAccount(account, { disabled });
    if (problem !== "") showToast(problem);
    else if (disabled)
      showToast(`${account.email} can no longer sign in, and its sessions have ended.`, {
        label: "Undo",
        run: () => void change(false),
      });
    else showToast(`${account.email} can sign in again.`);
  };
  return (
    <button type="button" className="btn small" onClick={() => void change(!isDisabled)}>
      {isDisabled ? "Enable" : "Disable"}
      <span className="sr-only"> {account.email}</span>
    </button>
  );
}

function Quota({ account }: { account: Account }) {
  const shown = quotaText(account.quota);
  const [text, setText] = useState(shown);
  const commit = async (): Promise<void> => {
    if (text.trim() === shown) return;
    const quota = readQuota(text);
    if (quota === undefined) {
      setText(shown);
      showToast("A quota is a number of gigabytes, or empty for the server's default.");
      return;
    }
    const problem = await changeAccount(account, { quota });
    if (problem !== "") {
      setText(shown);
      showToast(problem);
    }
  };
  return (
    <input
      className="field admin-quota"
      inputMode="decimal"
      aria-label={`Quota of ${account.email} in GB`}
      placeholder="default"
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => void commit()}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
      }}
    />
  );
}
