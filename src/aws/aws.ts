/** The parts that all services of AWS share: credentials, region, endpoints, signed requests, errors. */
export { awsCredentials, type Credentials, esopCredentials } from "./credentials.ts";
export { type AwsRegion, awsRegion, profileEndpoint, serviceUrl, withoutVariants } from "./endpoint.ts";
export { awsError, credentialsHint, type ErrorTable, kindOfCode } from "./errors.ts";
export { emptyHash, type SignChunk, type SigningIdentity, sha256 } from "./sign.ts";
export { type AwsAnswer, AwsWire, type AwsWireRequest, type SignedBody, textBody } from "./wire.ts";
