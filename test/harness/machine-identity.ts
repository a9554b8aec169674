/** What gives a machine's programs their tokens, as the hosts of Azure's app services do. */
import { createServer } from "node:http";
import { systemClock } from "../../src/clock.ts";
import { listening } from "./listening.ts";

export interface MachineIdentity extends AsyncDisposable {
  /** Variables that tell programs of it. */
  readonly environment: { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string };
  /** How many tokens it has given. */
  readonly given: number;
}

const secret = "only from this machine";

export async function machineIdentity(): Promise<MachineIdentity> {
  let given = 0;
  const server = createServer((asked, answer) => {
    answer.setHeader("content-type", "application/json");
    if (asked.headers["x-identity-header"] !== secret) {
      answer.writeHead(401).end("{}");
      return;
    }
    given += 1;
    const seconds = Math.floor(systemClock.now() / 1000);
    const [issued, ends] = [seconds - 60, seconds + 3600];
    const resource = "https://storage.azure.com";
    const claims = { aud: resource, iss: "https://sts.windows.net/x/", iat: issued, nbf: issued, exp: ends };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = [part({ alg: "RS256", typ: "JWT" }), part(claims), "c2ln"].join(".");
    answer.end(JSON.stringify({ access_token: token, expires_on: String(ends), resource, token_type: "Bearer" }));
  });
  const { address, ...rest } = await listening(server);
  return {
    ...rest,
    environment: { IDENTITY_ENDPOINT: `${address}/token`, IDENTITY_HEADER: secret },
    get given() {
      return given;
    },
  };
}
