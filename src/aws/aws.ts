/** What all services of AWS have in common: credentials, signing, errors. Knows nothing of stores or keys. */
export { esopCredentials } from "./credentials.ts";
export { awsServiceError, parseServiceError, s3Error, sdkServiceError, transportError } from "./errors.ts";
export { emptyHash, Signer, type SigningIdentity, sha256 } from "./sign.ts";
