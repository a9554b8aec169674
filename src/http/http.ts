/**
 * HTTP/1.1 as a client: requests with bodies from anywhere, answers whose bytes are read once, into memory that is used
 * again. Knows nothing of stores. Other folders enter here.
 */

export { type HttpAgents, type HttpProxy, makeAgents } from "./agents.ts";
export {
  exchange,
  type HttpRequest,
  type HttpResponse,
  type HttpTerms,
  type HttpTimeouts,
  usualTimeouts,
} from "./exchange.ts";
export type { ResponseHeaders } from "./response-parser.ts";
