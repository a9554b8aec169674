import { type AzureStorageOptions, azureStorage } from "../../src/storage/azure/azure.ts";
import { type Azurite, accountUrl } from "./azurite.ts";
import { type OpenedStore, openThroughProxy, usualMeans } from "./opened-store.ts";

export function openAzure(store: Azurite, options: Partial<AzureStorageOptions> = {}): Promise<OpenedStore> {
  return openThroughProxy(store, options.container, (container, endpoint) =>
    azureStorage({
      ...usualMeans,
      ...options,
      container,
      settings: { endpoint: accountUrl(endpoint), environment: store.credentials, ...options.settings },
    }),
  );
}
