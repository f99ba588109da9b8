/** Buttons that sign in with an organisation. */
import { useEffect, useState } from "react";
import { fetchSignInOptions, providerAddress, type SignInOptions } from "../data/providers";

/** How people can sign in; passwords only, until the server has answered or if it cannot. */
export function useSignInOptions(): SignInOptions {
  const [options, setOptions] = useState<SignInOptions>({ passwords: true, providers: [] });
  useEffect(() => {
    let current = true;
    fetchSignInOptions().then(
      (answer) => {
        if (current) setOptions(answer);
      },
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, []);
  return options;
}

export function ProviderButtons({ options }: { options: SignInOptions }) {
  return options.providers.map(({ id, name }) => (
    <a
      key={id}
      className="btn large provider"
      href={providerAddress(id, window.location)}
      onClick={(event) => {
        // The address of the page may have changed since it was drawn.
        event.currentTarget.href = providerAddress(id, window.location);
      }}
    >
      Continue with {name}
    </a>
  ));
}
