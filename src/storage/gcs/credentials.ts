/** Tokens for Google, by its auth library: from a file, the machine's service account, or a workload's identity. */
import { type AuthClient, GoogleAuth } from "google-auth-library";
import type { Clock } from "../../clock.ts";
import { orAborted, withDeadline } from "../../concurrency/concurrency.ts";
import { AppError, isAppError } from "../../errors.ts";
import type { HttpAgents, Operation } from "../../http/http.ts";
import { isPrivate } from "../remote/store-options.ts";
import { noCredentials, tokenError } from "./errors.ts";
import type { GcsOptions } from "./options.ts";

const scopes = ["https://www.googleapis.com/auth/devstorage.read_write"];
const tokenMs = 60_000;

export type AuthorizationHeaders = Readonly<Record<string, string>>;

export interface CredentialsOptions {
  readonly url: URL;
  readonly options: GcsOptions;
  readonly agents: HttpAgents;
  readonly clock: Clock;
}

/**
 * A server of plain HTTP is one for tests. It gets a token only where it is on this machine and credentials are named;
 * nobody looks for others. Throws `usage` where a token would be heard by others.
 */
export class GcsCredentials {
  readonly #agents: HttpAgents;
  readonly #clock: Clock;
  readonly #project: string | undefined;
  readonly #anonymous: boolean;
  #client: Promise<AuthClient> | undefined;
  /** Requests that begin together share one token. */
  #asked: Promise<AuthorizationHeaders> | undefined;
  #given: string | undefined;

  constructor({ url, options: { environment = {} }, agents, clock }: CredentialsOptions) {
    const { GOOGLE_APPLICATION_CREDENTIALS: file = "", GOOGLE_CLOUD_PROJECT = "", GCLOUD_PROJECT = "" } = environment;
    if (file !== "" && !isPrivate(url)) {
      throw new AppError("usage", `credentials would go to ${url.host} over HTTP`, {
        hint: "reach the store over HTTPS, or unset GOOGLE_APPLICATION_CREDENTIALS",
      });
    }
    this.#agents = agents;
    this.#clock = clock;
    this.#anonymous = url.protocol === "http:" && file === "";
    const project = GOOGLE_CLOUD_PROJECT === "" ? GCLOUD_PROJECT : GOOGLE_CLOUD_PROJECT;
    this.#project = project === "" ? undefined : project;
  }

  /** For one request; none where there is nobody to authorize. Throws `unauthorized` where no credentials are found. */
  async headers(operation: Operation, outer: AbortSignal | undefined): Promise<AuthorizationHeaders> {
    if (this.#anonymous) return {};
    using signal = withDeadline(tokenMs, outer, "the request for a token", this.#clock);
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    try {
      return await orAborted(this.#asked, signal);
    } catch (error) {
      throw tokenError(error, operation, signal);
    }
  }

  /** Requests a new token after one was refused. False where there is none to get. */
  renew({ authorization }: AuthorizationHeaders): boolean {
    // Of requests that were refused together, only the first must bring this about.
    if (this.#given === authorization) {
      this.#client = undefined;
      this.#given = undefined;
    }
    return !this.#anonymous;
  }

  /** The project that a new bucket belongs to. Throws `usage` where none is known. */
  async project(operation: Operation, outer: AbortSignal | undefined): Promise<string> {
    if (this.#project !== undefined) return this.#project;
    using signal = withDeadline(tokenMs, outer, "the search for the project", this.#clock);
    const unknown = (cause?: unknown) =>
      new AppError("usage", `cannot ${operation.what}: its project is not known`, {
        cause,
        hint: "set GOOGLE_CLOUD_PROJECT to the project that the bucket is to belong to",
      });
    if (this.#anonymous) throw unknown();
    try {
      return await orAborted(this.#auth().getProjectId(), signal);
    } catch (error) {
      throw isAppError(error) ? error : unknown(error);
    }
  }

  async #ask(): Promise<AuthorizationHeaders> {
    // The library looks for the project before it gives a token, with programs and requests of its own: it gets a name.
    this.#client ??= this.#auth("unknown").getClient();
    const client = await this.#client.catch((error: unknown) => {
      this.#client = undefined;
      throw noCredentials(error);
    });
    const headers = Object.fromEntries((await client.getRequestHeaders()).entries());
    this.#given = headers["authorization"];
    return headers;
  }

  /** The exchange of a workload's identity for a token goes its own way, whatever the agent: by HTTPS_PROXY. */
  #auth(projectId?: string): GoogleAuth {
    const { http, https } = this.#agents;
    const agent = ({ protocol }: URL) => (protocol === "https:" ? https : http);
    return new GoogleAuth({
      scopes,
      clientOptions: { transporterOptions: { agent, timeout: tokenMs } },
      ...(projectId === undefined ? {} : { projectId }),
    });
  }
}
