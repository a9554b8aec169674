import { orAborted, withDeadline } from "../concurrency/concurrency.ts";
import { AppError, throwIfAborted, toAppError } from "../errors.ts";
import type { JmxCallOptions, JmxConnection, JmxInvokeOptions, MBeanInfo } from "./contract.ts";
import { callError } from "./errors.ts";
import { toMBeanInfo } from "./mbean-info.ts";
import type { Outcome } from "./rmi/socket-pool.ts";
import { toJmxValue } from "./serialization/convert.ts";
import { malformed } from "./serialization/malformed.ts";
import type { WireValue } from "./serialization/writer.ts";
import { formatAddress } from "./service-url.ts";
import { Session, type SessionSettings } from "./session.ts";
import { isJmxObject, type JmxArgument, type JmxValue } from "./values.ts";

export interface ConnectionSettings extends SessionSettings {
  readonly connectTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly keepaliveMs: number;
}

/** The last argument of each method is a javax.security.auth.Subject, always null. */
const method = {
  getAttribute:
    "getAttribute(Ljavax/management/ObjectName;Ljava/lang/String;Ljavax/security/auth/Subject;)Ljava/lang/Object;",
  getAttributes:
    "getAttributes(Ljavax/management/ObjectName;[Ljava/lang/String;Ljavax/security/auth/Subject;)Ljavax/management/AttributeList;",
  setAttribute: "setAttribute(Ljavax/management/ObjectName;Ljava/rmi/MarshalledObject;Ljavax/security/auth/Subject;)V",
  invoke:
    "invoke(Ljavax/management/ObjectName;Ljava/lang/String;Ljava/rmi/MarshalledObject;[Ljava/lang/String;Ljavax/security/auth/Subject;)Ljava/lang/Object;",
  queryNames:
    "queryNames(Ljavax/management/ObjectName;Ljava/rmi/MarshalledObject;Ljavax/security/auth/Subject;)Ljava/util/Set;",
  isRegistered: "isRegistered(Ljavax/management/ObjectName;Ljavax/security/auth/Subject;)Z",
  isInstanceOf: "isInstanceOf(Ljavax/management/ObjectName;Ljava/lang/String;Ljavax/security/auth/Subject;)Z",
  getMBeanInfo: "getMBeanInfo(Ljavax/management/ObjectName;Ljavax/security/auth/Subject;)Ljavax/management/MBeanInfo;",
  getDefaultDomain: "getDefaultDomain(Ljavax/security/auth/Subject;)Ljava/lang/String;",
  close: "close()V",
} as const;

const closeTimeoutMs = 2_000;

interface Request {
  readonly method: string;
  readonly args: readonly WireValue[];
  /** Whether making it twice does no harm. */
  readonly idempotent: boolean;
  readonly options: JmxCallOptions;
}

/** The calls of {@link JmxConnection} over a session that is renewed when it has ended. */
export class RmiJmxConnection implements JmxConnection {
  readonly #settings: ConnectionSettings;
  readonly #closing = new AbortController();
  readonly #keepalive: NodeJS.Timeout;
  #session: Promise<Session> | undefined;
  #calledSinceKeepalive = false;

  private constructor(settings: ConnectionSettings, session: Session) {
    this.#settings = settings;
    this.#session = Promise.resolve(session);
    this.#keepalive = setInterval(() => this.#keepAlive(), settings.keepaliveMs);
    this.#keepalive.unref();
  }

  static async open(settings: ConnectionSettings, signal: AbortSignal | undefined): Promise<RmiJmxConnection> {
    return new RmiJmxConnection(settings, await login(settings, signal));
  }

  async getAttribute(mbean: string, attribute: string, options: JmxCallOptions = {}): Promise<JmxValue> {
    return this.#read(method.getAttribute, [objectName(mbean), attribute, null], options);
  }

  async getAttributes(
    mbean: string,
    attributes: readonly string[],
    options: JmxCallOptions = {},
  ): Promise<ReadonlyMap<string, JmxValue>> {
    const names: WireValue = { type: "stringArray", values: attributes };
    const list = await this.#read(method.getAttributes, [objectName(mbean), names, null], options);
    if (!Array.isArray(list)) throw malformed("no list of attributes where one must be");
    return new Map(list.map(toNameAndValue));
  }

  async setAttribute(
    mbean: string,
    attribute: string,
    value: JmxArgument,
    options: JmxCallOptions = {},
  ): Promise<void> {
    const wrapped: WireValue = { type: "marshalled", value: { type: "attribute", name: attribute, value } };
    const args = [objectName(mbean), wrapped, null];
    await this.#call({ method: method.setAttribute, args, idempotent: false, options });
  }

  async invoke(
    mbean: string,
    operation: string,
    args: readonly JmxArgument[],
    signature: readonly string[],
    options: JmxInvokeOptions = {},
  ): Promise<JmxValue> {
    const parameters: WireValue = { type: "marshalled", value: { type: "objectArray", items: args } };
    const types: WireValue = { type: "stringArray", values: signature };
    return this.#call({
      method: method.invoke,
      args: [objectName(mbean), operation, parameters, types, null],
      idempotent: options.idempotent ?? false,
      options,
    });
  }

  async queryNames(pattern: string | undefined, options: JmxCallOptions = {}): Promise<readonly string[]> {
    const name = pattern === undefined ? null : objectName(pattern);
    const noQuery: WireValue = { type: "marshalled", value: null };
    const names = await this.#read(method.queryNames, [name, noQuery, null], options);
    if (!Array.isArray(names)) throw malformed("no set of names where one must be");
    return names.map((item) => {
      if (typeof item !== "string") throw malformed("a name of an mbean that is none");
      return item;
    });
  }

  async isRegistered(mbean: string, options: JmxCallOptions = {}): Promise<boolean> {
    return (await this.#read(method.isRegistered, [objectName(mbean), null], options)) === true;
  }

  async isInstanceOf(mbean: string, className: string, options: JmxCallOptions = {}): Promise<boolean> {
    return (await this.#read(method.isInstanceOf, [objectName(mbean), className, null], options)) === true;
  }

  async getMBeanInfo(mbean: string, options: JmxCallOptions = {}): Promise<MBeanInfo> {
    return toMBeanInfo(await this.#read(method.getMBeanInfo, [objectName(mbean), null], options));
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    clearInterval(this.#keepalive);
    this.#closing.abort(new AppError("cancelled", "the jmx connection was closed"));
    try {
      const session = await this.#session;
      using signal = withDeadline(closeTimeoutMs, undefined, "closing the jmx connection");
      await session?.call(method.close, [], signal).finally(() => session.retire());
    } catch {
      // A login that is not ended here is ended by the server, for idleness.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #read(name: string, args: readonly WireValue[], options: JmxCallOptions): Promise<JmxValue> {
    return this.#call({ method: name, args, idempotent: true, options });
  }

  async #call(request: Request): Promise<JmxValue> {
    const { options } = request;
    using open = either(options.signal, this.#closing.signal);
    throwIfAborted(open);
    const name = request.method.slice(0, request.method.indexOf("("));
    using signal = withDeadline(
      options.timeoutMs ?? this.#settings.callTimeoutMs,
      open,
      `the jmx call ${name} at ${formatAddress(this.#settings.target)}`,
    );
    this.#calledSinceKeepalive = true;
    try {
      const first = await this.#attempt(request, signal);
      return resultOf(mayRepeat(first, request) ? await this.#attempt(request, signal) : first);
    } catch (error) {
      throw toAppError(error);
    }
  }

  async #attempt(request: Request, signal: AbortSignal): Promise<Outcome> {
    this.#session ??= this.#renew();
    const current = this.#session;
    const session = await orAborted(current, signal);
    const outcome = await session.call(request.method, request.args, signal);
    if (endsSession(outcome)) {
      session.retire();
      if (this.#session === current) this.#session = undefined;
    }
    return outcome;
  }

  /** One renewal serves all calls that wait for it, so it is bound to the connection rather than to one of them. */
  #renew(): Promise<Session> {
    const session = login(this.#settings, this.#closing.signal);
    session.catch(() => {
      if (this.#session === session) this.#session = undefined;
    });
    return session;
  }

  #keepAlive(): void {
    if (this.#calledSinceKeepalive) {
      this.#calledSinceKeepalive = false;
      return;
    }
    // Not getConnectionId, which servers do not count as activity. A failure is left to the next call to report.
    this.#read(method.getDefaultDomain, [null], {}).then(
      () => {
        this.#calledSinceKeepalive = false;
      },
      () => undefined,
    );
  }
}

/** Aborted as soon as one of both is. AbortSignal.any would leave its traces on the long-lived one. */
function either(a: AbortSignal | undefined, b: AbortSignal): AbortSignal & Disposable {
  const controller = new AbortController();
  const sources = a === undefined ? [b] : [a, b];
  const onAbort = () => controller.abort(sources.find((source) => source.aborted)?.reason);
  for (const source of sources) source.addEventListener("abort", onAbort, { once: true });
  if (sources.some((source) => source.aborted)) onAbort();
  return Object.assign(controller.signal, {
    [Symbol.dispose]: () => {
      for (const source of sources) source.removeEventListener("abort", onAbort);
    },
  });
}

async function login(settings: ConnectionSettings, signal: AbortSignal | undefined): Promise<Session> {
  using bounded = withDeadline(
    settings.connectTimeoutMs,
    signal,
    `connecting to jmx at ${formatAddress(settings.target)}`,
  );
  return await Session.open(settings, bounded);
}

function objectName(name: string): WireValue {
  return { type: "objectName", name };
}

/** Exported objects get new ids when a server restarts, and are gone when a login has expired. */
function isSessionGone(outcome: Outcome): boolean {
  return outcome.kind === "thrown" && outcome.error.className === "java.rmi.NoSuchObjectException";
}

/** A connection that breaks may be the sign of a restart. */
function endsSession(outcome: Outcome): boolean {
  return outcome.kind === "not-sent" || outcome.kind === "lost" || isSessionGone(outcome);
}

/** An id that the server does not know, like a connection that cannot be had, means that the call was not begun. */
function mayRepeat(outcome: Outcome, request: Request): boolean {
  return endsSession(outcome) && (outcome.kind !== "lost" || request.idempotent);
}

function resultOf(outcome: Outcome): JmxValue {
  switch (outcome.kind) {
    case "value":
      return toJmxValue(outcome.value);
    case "thrown":
      throw callError(outcome.error);
    case "not-sent":
      throw outcome.error;
    case "lost":
      throw new AppError("unreachable", `${outcome.error.message} during a call, which may have taken effect`, {
        hint: outcome.error.hint,
        cause: outcome.error.cause,
        retryable: false,
      });
  }
}

function toNameAndValue(attribute: JmxValue): [string, JmxValue] {
  const fields = isJmxObject(attribute) ? attribute.fields : undefined;
  const name = fields?.get("name");
  if (typeof name !== "string") throw malformed("an attribute without a name");
  return [name, fields?.get("value") ?? null];
}
