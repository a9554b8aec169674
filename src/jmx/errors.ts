import { AppError, isAppError, systemErrorCode } from "../errors.ts";

/** An exception that a Java method threw, as it arrived: its classes and its causes, without its code. */
export class RemoteJavaError extends Error {
  override readonly name = "RemoteJavaError";
  readonly className: string;
  /** Its class and the superclasses it has in common with every Java: `includes("java.io.IOException")` works. */
  readonly classNames: readonly string[];
  readonly javaCause: RemoteJavaError | undefined;
  /** The topmost frames, as Java prints them. */
  readonly frames: readonly string[];

  constructor(
    classNames: readonly string[],
    message: string | undefined,
    javaCause: RemoteJavaError | undefined,
    frames: readonly string[],
  ) {
    const className = classNames[0] ?? "java.lang.Throwable";
    super(message ?? className, javaCause === undefined ? undefined : { cause: javaCause });
    this.className = className;
    this.classNames = classNames;
    this.javaCause = javaCause;
    this.frames = frames;
  }

  /** The last cause: outer exceptions as a rule only repeat or wrap it. */
  get innermost(): RemoteJavaError {
    let at: RemoteJavaError = this;
    while (at.javaCause !== undefined) at = at.javaCause;
    return at;
  }

  /** Whether this exception or one of its causes is of the class. */
  involves(className: string): boolean {
    return this.classNames.includes(className) || (this.javaCause?.involves(className) ?? false);
  }
}

/** The Java exception behind an error of a call, outermost first; undefined when Java threw none. */
export function remoteException(error: unknown): RemoteJavaError | undefined {
  for (let at = error, hops = 0; at instanceof Error && hops < 16; at = at.cause, hops++) {
    if (at instanceof RemoteJavaError) return at;
  }
  return undefined;
}

const absentClasses = [
  "javax.management.InstanceNotFoundException",
  "javax.management.AttributeNotFoundException",
  "java.lang.NoSuchMethodException",
];

/** Whether a call failed because the node has no such MBean, attribute, or operation of that signature. */
export function isAbsentInRemote(error: unknown): boolean {
  let at = remoteException(error);
  // An exception thrown by the MBean itself is wrapped in one that says so, and then is not the agent's own verdict.
  if (at?.className === "javax.management.ReflectionException") at = at.javaCause;
  return at !== undefined && absentClasses.includes(at.className);
}

/** Whether nothing listens at the address that was given to connect to: the node is down, or the address is wrong. */
export function isConnectionRefused(error: unknown): boolean {
  return isAppError(error, "unreachable") && systemErrorCode(error.cause) === "ECONNREFUSED";
}

const addressHint = "check that the node is up and that the jmx address (--jmx-service) is right";

/** A failure of a socket as ours; `address` is "host:port". */
export function socketError(error: unknown, address: string): AppError {
  if (error instanceof AppError) return error;
  const code = systemErrorCode(error) ?? "";
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS") || certificateProblems.has(code)) {
    return tlsError(error, code, address);
  }
  const reason = socketReasons.get(code) ?? (error instanceof Error ? error.message : String(error));
  return new AppError("unreachable", `jmx at ${address} cannot be reached: ${reason}`, {
    hint: addressHint,
    cause: error,
  });
}

/** The other side closed the connection, or the network did; `cause` where there is one. */
export function connectionLost(address: string, cause?: unknown): AppError {
  return new AppError("unreachable", `jmx at ${address} closed the connection`, { hint: addressHint, cause });
}

const socketReasons: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset"],
  ["EPIPE", "connection closed"],
  ["ETIMEDOUT", "no answer"],
  ["EHOSTUNREACH", "no route to host"],
  ["ENETUNREACH", "network unreachable"],
  ["ENOTFOUND", "unknown host name"],
  ["EAI_AGAIN", "the host name cannot be resolved now"],
]);

const certificateProblems: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "INVALID_CA",
]);

function tlsError(cause: unknown, code: string, address: string): AppError {
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return new AppError("unauthorized", `the certificate of jmx at ${address} is for another host name`, {
      hint: "connect by a name the certificate holds, or turn the check of host names off",
      cause,
    });
  }
  if (certificateProblems.has(code)) {
    return new AppError("unauthorized", `the certificate of jmx at ${address} is not trusted: ${reasonOf(cause)}`, {
      hint: "give a truststore that holds the node's certificate or that of its issuer",
      cause,
    });
  }
  if (/ALERT.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/.test(code)) {
    return new AppError("unauthorized", `jmx at ${address} does not accept our certificate, or the lack of one`, {
      hint: "give a keystore with a client certificate that the node trusts",
      cause,
    });
  }
  return new AppError("protocol", `jmx at ${address} does not agree on tls: ${reasonOf(cause)}`, {
    hint: "check whether jmx of the node is encrypted at all",
    cause,
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A login that the node did not accept. */
export function unauthorizedByNode(error: RemoteJavaError, address: string, withCredentials: boolean): AppError {
  return withCredentials
    ? new AppError("unauthorized", `jmx at ${address} does not accept these credentials: ${error.innermost.message}`, {
        hint: "check the jmx user name and password",
        cause: error,
      })
    : new AppError("unauthorized", `jmx at ${address} asks for credentials`, {
        hint: "give the jmx user name and password",
        cause: error,
      });
}

/** An exception that answered a call. */
export function callError(error: RemoteJavaError): AppError {
  const message = error.innermost.message;
  // The agent wraps what an MBean throws; an exception that is not wrapped is its own.
  if (error.classNames.includes("java.lang.SecurityException")) {
    return new AppError("unauthorized", `jmx refuses the call: ${message}`, {
      hint: "give the credentials of a jmx user with more rights",
      cause: error,
    });
  }
  if (error.className === "java.rmi.NoSuchObjectException") {
    return new AppError("unreachable", "the node ended the jmx connection", { cause: error });
  }
  if (error.className === "java.io.NotSerializableException") {
    return new AppError("node-refused", `the answer cannot be sent over jmx: it holds a ${message}`, { cause: error });
  }
  return new AppError("node-refused", message, { cause: error });
}
