/** The credentials of Esop's own variables; undefined where the SDK's chain finds them by itself. */
export function esopCredentials(environment: Readonly<Record<string, string | undefined>> = {}) {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId = "",
    AWS_SECRET_ACCESS_KEY: standard = "",
    AWS_SECRET_KEY: secretAccessKey = "",
    AWS_SESSION_TOKEN: sessionToken = "",
  } = environment;
  if (accessKeyId === "" || standard !== "" || secretAccessKey === "") return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) };
}
