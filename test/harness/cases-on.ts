import { afterAll, describe, test } from "vitest";
import type { Unavailable } from "./tools.ts";

/** Cases that need this server, which ends with them; one that is skipped says why where it could not be started. */
export function casesOn<Server extends AsyncDisposable>(
  name: string,
  server: Server | Unavailable,
  cases: (server: Server) => void,
): void {
  describe(name, () => {
    if ("reason" in server) {
      test.skip(server.reason, () => undefined);
      return;
    }
    afterAll(() => server[Symbol.asyncDispose]());
    cases(server);
  });
}
