/** Regions and hosts, as variables and the profile name them. AWS's libraries read both. */
import { partition } from "@aws-sdk/core/client";
import {
  booleanSelector,
  loadConfig,
  NODE_REGION_CONFIG_FILE_OPTIONS,
  NODE_REGION_CONFIG_OPTIONS,
  NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS,
  NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS,
  type Profile,
  resolveRegionConfig,
  SelectorType,
} from "@smithy/core/config";
import { AppError } from "../errors.ts";

/** A region, and which of its hosts are to be used. */
export interface AwsRegion {
  readonly region: string;
  /** Hosts with validated cryptography (AWS_USE_FIPS_ENDPOINT, use_fips_endpoint). */
  readonly fips: boolean;
  /** Hosts with IPv6 addresses (AWS_USE_DUALSTACK_ENDPOINT, use_dualstack_endpoint). */
  readonly dualStack: boolean;
}

/**
 * The region that is given, or that AWS_REGION, the profile or the machine names. Throws the library's error where none
 * is found, or where it cannot be part of a host name.
 */
export async function awsRegion(given: string | undefined): Promise<AwsRegion> {
  const found = resolveRegionConfig({
    region: given ?? loadConfig(NODE_REGION_CONFIG_OPTIONS, NODE_REGION_CONFIG_FILE_OPTIONS),
    useFipsEndpoint: loadConfig(NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS),
  });
  const dualStack = await loadConfig(NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS)();
  return { region: await found.region(), fips: await found.useFipsEndpoint(), dualStack };
}

/** For servers that are not AWS's. */
export function withoutVariants(region: string): AwsRegion {
  return { region, fips: false, dualStack: false };
}

/**
 * The endpoint of a service in the profile: its `services` section, else `endpoint_url`. Undefined where there is none,
 * or where AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or the profile says to ignore it.
 */
export async function profileEndpoint(service: string): Promise<string | undefined> {
  const ignored = await loadConfig<boolean | undefined>({
    environmentVariableSelector: (variables) =>
      booleanSelector(variables, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", SelectorType.ENV),
    configFileSelector: (profile) => booleanSelector(profile, "ignore_configured_endpoint_urls", SelectorType.CONFIG),
    default: false,
  })();
  if (ignored === true) return undefined;
  return loadConfig<string | undefined>({
    environmentVariableSelector: () => undefined,
    configFileSelector: (profile, file) => endpointIn(profile, file, service),
    default: undefined,
  })();
}

/** `[services NAME]` is a section of its own, in which the loader joins the names of nested values by a dot. */
function endpointIn(
  profile: Profile,
  file: Readonly<Record<string, Profile | undefined>> | undefined,
  service: string,
): string | undefined {
  const { services, endpoint_url: general } = profile;
  const own = services === undefined ? undefined : file?.[`services.${services}`]?.[`${service}.endpoint_url`];
  return own ?? general;
}

/** The host of a service: "https://kms.eu-west-1.amazonaws.com". Throws `usage` where the region has no such host. */
export function serviceUrl(service: string, { region, fips, dualStack }: AwsRegion): URL {
  const { name, dnsSuffix, dualStackDnsSuffix, supportsFIPS, supportsDualStack } = partition(region);
  const hasFips = supportsFIPS && !(service === "s3" && name === "aws-cn");
  if ((fips && !hasFips) || (dualStack && !supportsDualStack)) {
    throw new AppError("usage", `the region ${region} has no ${fips && !hasFips ? "FIPS" : "dual-stack"} endpoints`, {
      hint: "unset AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT, or the same in the profile",
    });
  }
  const label = fips ? `${service}-fips` : service;
  // The hosts of S3 are older than the domains for IPv6.
  if (service === "s3") return new URL(`https://${label}${dualStack ? ".dualstack" : ""}.${region}.${dnsSuffix}`);
  return new URL(`https://${label}.${region}.${dualStack ? dualStackDnsSuffix : dnsSuffix}`);
}
