/** The session ended: sign in again over the work; nothing is lost. */
import { useState } from "react";
import { problemText } from "../data/problems";
import { queries } from "../data/cache";
import { leaveSession, signIn, type Account } from "../data/session";
import { Dialog } from "../parts/dialog";
import { PasswordField } from "./fields";
import { ProviderButtons, useSignInOptions } from "./providers";

export function SessionDialog({ account }: { account: Account }) {
  const { email } = account;
  const options = useSignInOptions();
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    setBusy(true);
    try {
      await signIn(email, password);
      await queries.invalidateQueries();
    } catch (error) {
      setProblem(problemText(error));
      setBusy(false);
    }
  };
  return (
    <Dialog label="Sign in again">
      <h2>Sign in again</h2>
      <p className="fg1" style={{ marginTop: 6 }}>
        Your session has ended. What is on screen stays; changes can be made after you sign in.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <input type="hidden" name="email" value={email} autoComplete="username" />
        {account.provider ? (
          <ProviderButtons
            options={{
              ...options,
              providers: options.providers.filter(({ name }) => name === account.provider),
            }}
          />
        ) : (
          <PasswordField
            label={`Password of ${email}`}
            value={password}
            autoComplete="current-password"
            problem={problem}
            onChange={setPassword}
          />
        )}
        <div className="row" style={{ gap: 6, marginTop: 16, justifyContent: "flex-end" }}>
          <button type="button" className="btn quiet" onClick={() => leaveSession()}>
            Use another account
          </button>
          {!account.provider && (
            <button type="submit" className="btn primary" disabled={busy}>
              Sign in
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
