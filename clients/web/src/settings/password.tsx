/** Change the password. */
import { useState } from "react";
import { api, data } from "../data/api";
import { session, signIn } from "../data/session";
import { useStore } from "../data/store";
import { showToast } from "../data/toasts";
import { useAttempt } from "../parts/attempt";
import { PasswordField } from "../sign-in/fields";

export function PasswordSettings() {
  const state = useStore(session);
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [keepKeys, setKeepKeys] = useState(false);
  const { isBusy, problem, attempt } = useAttempt();
  const hasPassword = "account" in state && state.account.has_password;
  const email = "account" in state ? state.account.email : "";
  const provider = "account" in state ? state.account.provider : null;
  const change = (): Promise<void> =>
    attempt(async () => {
      await data(
        api.PUT("/v1/account/password", { body: { current, new: next, keep_keys: keepKeys } }),
      );
      // A new password ends every session, this one too.
      await signIn(email, next);
      setCurrent("");
      setNext("");
      showToast("The password is changed. Other devices are signed out.");
    });
  if (provider) {
    return (
      <div className="settings-body">
        <p className="settings-lead">
          You sign in with {provider}, so this account has no password here. Change it there.
        </p>
      </div>
    );
  }
  return (
    <div className="settings-body">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void change();
        }}
      >
        <input type="hidden" name="email" value={email} autoComplete="username" />
        {hasPassword ? (
          <PasswordField
            label="Password now"
            value={current}
            autoComplete="current-password"
            problem={problem}
            onChange={setCurrent}
          />
        ) : (
          <p className="settings-lead">
            This account was opened by a link and has no password yet. With one you can sign in from
            elsewhere too.
          </p>
        )}
        <PasswordField
          label="New password"
          value={next}
          autoComplete="new-password"
          hint="At least 8 characters."
          problem={hasPassword ? "" : problem}
          onChange={setNext}
        />
        <label className="check">
          <input
            type="checkbox"
            checked={keepKeys}
            onChange={(event) => setKeepKeys(event.target.checked)}
          />
          API keys stay valid
        </label>
        <button type="submit" className="btn primary" style={{ marginTop: 16 }} disabled={isBusy}>
          {hasPassword ? "Change password" : "Set password"}
        </button>
      </form>
    </div>
  );
}
