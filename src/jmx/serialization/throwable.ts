import { RemoteJavaError } from "../errors.ts";
import { classNames, isRawObject, type RawObject, type RawValue } from "./graph.ts";

const throwableClass = "java.lang.Throwable";
/** Where exceptions older than `Throwable.cause` keep what they wrap. */
const olderCauseFields = ["exception", "runtimeException", "error", "detail", "target", "targetException"];
const maxCauses = 50;
const maxFrames = 20;

/** A Throwable of the graph; undefined when the value is none. */
export function toRemoteError(value: RawValue): RemoteJavaError | undefined {
  const chain: RawObject[] = [];
  for (let at: RawValue | undefined = value; isThrowable(at) && chain.length < maxCauses; at = causeOf(at)) {
    // An exception without a cause names itself as its cause, and longer circles are possible.
    if (chain.includes(at)) break;
    chain.push(at);
  }
  let error: RemoteJavaError | undefined;
  for (const raw of chain.reverse()) error = toError(raw, error);
  return error;
}

function isThrowable(value: RawValue | undefined): value is RawObject {
  return isRawObject(value) && value.data.some((part) => part.className === throwableClass);
}

function toError(raw: RawObject, cause: RemoteJavaError | undefined): RemoteJavaError {
  const message = throwableField(raw, "detailMessage");
  return new RemoteJavaError(
    classNames(raw.descriptor),
    typeof message === "string" ? message : undefined,
    cause,
    framesOf(throwableField(raw, "stackTrace")),
  );
}

function throwableField(raw: RawObject, name: string): RawValue | undefined {
  return raw.data.find((part) => part.className === throwableClass)?.fields.get(name);
}

function causeOf(raw: RawObject): RawValue | undefined {
  const cause = throwableField(raw, "cause");
  if (isRawObject(cause) && cause !== raw) return cause;
  for (const name of olderCauseFields) {
    for (const part of raw.data) {
      const older = part.fields.get(name);
      if (isThrowable(older) && older !== raw) return older;
    }
  }
  return undefined;
}

function framesOf(trace: RawValue | undefined): string[] {
  if (typeof trace !== "object" || trace?.kind !== "array") return [];
  return trace.values.slice(0, maxFrames).flatMap((frame) => {
    const fields = isRawObject(frame) ? frame.data[0]?.fields : undefined;
    if (fields === undefined) return [];
    const text = (name: string) => String(fields.get(name) ?? "?");
    return [`${text("declaringClass")}.${text("methodName")}(${text("fileName")}:${text("lineNumber")})`];
  });
}
