/** Sign in, or make an account. */
import { useState } from "react";
import { setQuery, useAddress } from "../address";
import { problemText } from "../data/problems";
import { ProblemError } from "../data/problem-error";
import { signIn, signUp } from "../data/session";
import { Logo } from "../parts/icon";
import { SplitArt } from "./art";
import { PasswordField, TextField } from "./fields";
import { ProviderButtons, useSignInOptions } from "./providers";

export function SignIn() {
  const { query } = useAddress();
  const options = useSignInOptions();
  const creating = options.passwords && query.has("new");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [invitation, setInvitation] = useState(query.get("invitation") ?? "");
  const [problem, setProblem] = useState("");
  const [needsInvitation, setNeedsInvitation] = useState(query.has("invitation"));
  const [busy, setBusy] = useState(false);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setProblem("");
    try {
      if (creating) await signUp(email, password, invitation);
      else await signIn(email, password);
      setQuery({ new: null, invitation: null }, { replace: true });
    } catch (error) {
      const refused = creating && error instanceof ProblemError && error.code === "forbidden";
      if (refused) setNeedsInvitation(true);
      // The server answers alike for a new and a known address; only the sign-in tells.
      const known = creating && error instanceof ProblemError && error.code === "wrong_credentials";
      setProblem(
        known
          ? "This e-mail has an account with another password. Sign in instead."
          : problemText(error),
      );
      setBusy(false);
    }
  };
  const title = creating ? "Make an account" : "Sign in";
  return (
    <div className="sign-in">
      <main>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          <span className="brand">
            <Logo />
            Cratedig
          </span>
          <h1 className="page-title">{title}</h1>
          <p className="fg2">
            {creating ? "on" : "to"} {window.location.host}
          </p>
          {options.passwords && (
            <>
              <TextField
                label="E-mail"
                type="email"
                required
                value={email}
                autoComplete="username"
                onChange={setEmail}
              />
              <PasswordField
                label="Password"
                value={password}
                autoComplete={creating ? "new-password" : "current-password"}
                onChange={setPassword}
                problem={problem}
                {...(creating ? { hint: "At least 8 characters." } : {})}
              />
              {creating && needsInvitation && (
                <TextField
                  label="Invitation"
                  value={invitation}
                  onChange={setInvitation}
                  hint="An administrator of this server makes it."
                />
              )}
              <button type="submit" className="btn primary large" disabled={busy}>
                {title}
              </button>
              <p className="t12 fg1" style={{ marginTop: 16 }}>
                {creating ? "Have an account? " : "New here? "}
                <button
                  type="button"
                  className="link"
                  onClick={() => {
                    setProblem("");
                    setQuery({ new: creating ? null : "1" }, { replace: true });
                  }}
                >
                  {creating ? "Sign in" : "Make an account"}
                </button>
              </p>
            </>
          )}
          <ProviderButtons options={options} />
          <p className="t12 fg2 foot">What you add stays on this server.</p>
        </form>
      </main>
      <SplitArt />
    </div>
  );
}
