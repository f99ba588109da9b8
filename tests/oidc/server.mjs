/**
 * A certified OpenID Connect provider on a free port, for the tests of sign-in.
 *
 * Prints `{"issuer": …}` once it listens. `POST /test/rotate` replaces its signing key.
 * Arguments: the redirect address and the address to return to after logout.
 */
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [redirectUri, afterLogout] = process.argv.slice(2);
const PEOPLE = {
  ada: { email: "ada@acme.example", email_verified: true, name: "Ada", groups: ["producers"] },
  grace: { email: "grace@acme.example", email_verified: true, name: "Grace", groups: ["admins"] },
  eve: { email: "ada@acme.example", email_verified: false, name: "Eve", groups: ["producers"] },
  bob: { email: "bob@acme.example", email_verified: true, name: "Bob", groups: ["visitors"] },
};

function signingKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
}

function provider(issuer) {
  return new Provider(issuer, {
    clients: [
      {
        client_id: "cratedig",
        client_secret: "a secret of the tests, known to both sides",
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [afterLogout],
        response_types: ["code"],
        grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
      },
    ],
    pkce: { methods: ["S256"], required: () => true },
    scopes: ["openid", "email", "profile", "groups"],
    claims: {
      openid: ["sub"],
      email: ["email", "email_verified"],
      profile: ["name"],
      groups: ["groups"],
    },
    features: { deviceFlow: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, ...PEOPLE[id] }),
    }),
    jwks: { keys: [signingKey()] },
    cookies: { keys: ["cookies of the tests"] },
  }).callback();
}

let issuer = "";
let answer;
const server = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/test/rotate") {
    answer = provider(issuer);
    response.writeHead(204).end();
  } else {
    answer(request, response);
  }
});
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  answer = provider(issuer);
  console.log(JSON.stringify({ issuer }));
});
process.on("SIGTERM", () => process.exit(0));
