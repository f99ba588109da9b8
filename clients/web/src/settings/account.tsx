/** The account: who is signed in, what is stored, sign out, delete. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { leaveSession, session, signOut, type Account } from "../data/session";
import { useStore } from "../data/store";
import { Dialog } from "../parts/dialog";
import { formatBytes } from "../parts/format";
import { PasswordField } from "../sign-in/fields";

export function AccountSettings() {
  const state = useStore(session);
  const [deleting, setDeleting] = useState(false);
  const usage = useQuery({
    queryKey: ["usage"],
    queryFn: () => data(api.GET("/v1/usage")),
  });
  if (!("account" in state)) return null;
  const { account } = state;
  return (
    <div className="settings-body">
      <dl className="facts">
        <dt>E-mail</dt>
        <dd>{account.email}</dd>
        {account.admin && (
          <>
            <dt>Role</dt>
            <dd>Administrator of this server</dd>
          </>
        )}
        <dt>Since</dt>
        <dd>{new Date(account.created).toLocaleDateString()}</dd>
        <dt>Storage</dt>
        <dd>
          {usage.data
            ? `${formatBytes(usage.data.total)} of ${formatBytes(usage.data.limit)}: ` +
              `${formatBytes(usage.data.originals)} as you added it, ` +
              `${formatBytes(usage.data.results)} made from it`
            : ""}
        </dd>
      </dl>
      <div className="row" style={{ gap: 6 }}>
        <button
          type="button"
          className="btn"
          onClick={() => {
            void signOut().then(() => queries.clear());
          }}
        >
          Sign out
        </button>
        <button type="button" className="btn quiet" onClick={() => setDeleting(true)}>
          Delete account
        </button>
      </div>
      {deleting && <DeleteDialog account={account} onClose={() => setDeleting(false)} />}
    </div>
  );
}

function DeleteDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const remove = async (): Promise<void> => {
    try {
      await data(api.DELETE("/v1/account", { body: { password } }));
      queries.clear();
      leaveSession();
    } catch (error) {
      setProblem(problemText(error));
    }
  };
  return (
    <Dialog label="Delete account" onClose={onClose}>
      <h2>Delete account</h2>
      <p className="fg1" style={{ marginTop: 6 }}>
        Every song, sound, result and key of {account.email} is deleted. This cannot be undone.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void remove();
        }}
      >
        {account.has_password ? (
          <PasswordField
            label="Password"
            value={password}
            autoComplete="current-password"
            problem={problem}
            onChange={setPassword}
          />
        ) : (
          problem && (
            <p className="field-error" role="alert">
              {problem}
            </p>
          )
        )}
        <div className="row" style={{ gap: 6, marginTop: 16, justifyContent: "flex-end" }}>
          <button type="button" className="btn quiet" onClick={onClose}>
            Keep it
          </button>
          <button type="submit" className="btn danger">
            Delete for good
          </button>
        </div>
      </form>
    </Dialog>
  );
}
