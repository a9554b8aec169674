/**
 * A JMX client over RMI, without a Java machine: it speaks RMI's wire protocol and Java's object serialization itself.
 * It knows the agent's protocol and nothing of who runs the agent. Every connect and call has a bound and can be
 * cancelled, memory is bounded by what really arrives, idle connections do not keep the process alive, and everything
 * thrown is an AppError (see JmxConnection).
 */
export { connectJmx } from "./connect.ts";
export type {
  JmxCallOptions,
  JmxConnection,
  JmxCredentials,
  JmxInvokeOptions,
  JmxOptions,
  JmxTls,
  MBeanAttribute,
  MBeanInfo,
  MBeanOperation,
} from "./contract.ts";
export { isAbsentInRemote, isConnectionRefused, RemoteJavaError, remoteException } from "./errors.ts";
export { formatAddress, type JmxTarget, parseServiceUrl } from "./service-url.ts";
export type { StoreFile } from "./tls/store.ts";
export { isJmxObject, type JmxArgument, type JmxObject, type JmxValue, jmx } from "./values.ts";
