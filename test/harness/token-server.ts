/** Gives tokens as Google's token service does for the identity of a workload. */
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { listening } from "./listening.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

export interface TokenServer extends AsyncDisposable {
  /** A file of credentials that names this server. */
  readonly credentialsFile: string;
  /** In the order in which they were given. */
  readonly given: readonly string[];
  /** From now on: an error with this status, or again tokens, for so many seconds. */
  answer(how: { readonly status: number } | { readonly seconds: number }): void;
}

export async function tokenServer(): Promise<TokenServer> {
  const given: string[] = [];
  let how: Parameters<TokenServer["answer"]>[0] = { seconds: 3600 };
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    if ("status" in how) {
      outgoing.writeHead(how.status, { "content-type": "application/json" }).end(`{"error":"invalid_grant"}`);
      return;
    }
    const token = `token-${given.length + 1}`;
    given.push(token);
    const issued = "urn:ietf:params:oauth:token-type:access_token";
    const answer = { access_token: token, issued_token_type: issued, token_type: "Bearer", expires_in: how.seconds };
    outgoing.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  const there = await listening(server);
  const directory = await temporaryDirectory();
  const credentialsFile = join(directory.path, "credentials.json");
  const subjectFile = join(directory.path, "subject");
  await writeFile(subjectFile, "who this workload is");
  const pool = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider";
  await writeFile(
    credentialsFile,
    JSON.stringify({
      type: "external_account",
      audience: pool,
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: `${there.address}/v1/token`,
      credential_source: { file: subjectFile },
    }),
  );
  return {
    credentialsFile,
    given,
    answer: (next) => {
      how = next;
    },
    [Symbol.asyncDispose]: async () => {
      await there[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
