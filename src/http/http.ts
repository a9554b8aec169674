/**
 * HTTP/1.1 as a client: requests with bodies from anywhere, answers whose bytes are read once, into memory that is used
 * again. Knows nothing of stores. Other folders enter here.
 */

export { type HttpAgents, makeAgents } from "./agents.ts";
export { answerWithin, type HttpAnswer, patientTerms, quickMs, wholeAnswer } from "./answer.ts";
export { bufferedBody, type HttpBody } from "./buffered-body.ts";
export {
  exchange,
  type HttpRequest,
  type HttpResponse,
  type HttpTerms,
  type HttpTimeouts,
  usualTimeouts,
} from "./exchange.ts";
export { type OptionalFields, presentFields } from "./fields.ts";
export { fieldsOf, type JsonFields, textOf, tryParseJson } from "./json.ts";
export { callError, networkError } from "./network-errors.ts";
export type { HttpProxy } from "./proxy.ts";
export type { ResponseHeaders } from "./response-parser.ts";
export {
  answeredError,
  isRangeNotSatisfiable,
  kindOfAnswer,
  lowerFirst,
  type Operation,
  type ServiceError,
  type ServiceErrorKind,
  serviceError,
  serviceErrorOf,
  unlessMissing,
} from "./service-errors.ts";
export { encodePath, sortedQuery } from "./url-text.ts";
export { escapeXml, parseXml, tryParseXml, type XmlElement } from "./xml.ts";
