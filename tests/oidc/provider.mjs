// An identity provider of one's own, for tests: node provider.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
// Whoever gives a name is let in under it. Its keys are new at each start, as are codes and sessions.
import { generateKeyPair, exportJWK } from "jose";
import Provider from "oidc-provider";

const [port, clientId, clientSecret, redirectUri] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const started = Date.now().toString(36);

const provider = new Provider(issuer, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: started, alg: "RS256", use: "sig" }] },
  cookies: { keys: [started] },
  pkce: { required: () => true, methods: ["S256"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  // Nobody is asked whether the city may know who they are.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid");
    await grant.save();
    return grant;
  },
});

const form = (uid) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Who are you?</title>
<link rel="icon" href="data:,"><h1>Who are you?</h1><form method="post" action="/interaction/${uid}">
<label>Name <input name="login" autofocus></label> <button>That is me</button> <button name="no" value="1">No</button>
</form></html>`;

async function read(request) {
  let body = "";
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) return next();
  if (ctx.method === "GET") {
    ctx.type = "html";
    ctx.body = form(ctx.path.split("/")[2]);
    return undefined;
  }
  const given = await read(ctx.req);
  const result = given.has("no")
    ? { error: "access_denied", error_description: "nobody" }
    : { login: { accountId: given.get("login") } };
  ctx.respond = false;
  return provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
});

provider.listen(Number(port), "127.0.0.1");
