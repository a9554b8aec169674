"""Moves files by the S3 client of AWS's Common Runtime: awscrt-transfer.py up|down DIRECTORY LIST CONNECTIONS.

LIST is what transfer.ts has sent, as JSON, so that nothing has to be listed. CONNECTIONS is a number, or "default".
"""

import json
import os
import sys
from urllib.parse import urlsplit

from awscrt.auth import AwsCredentialsProvider
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientTlsContext, TlsContextOptions
from awscrt.s3 import (
    S3ChecksumAlgorithm,
    S3ChecksumConfig,
    S3ChecksumLocation,
    S3Client,
    S3RequestTlsMode,
    S3RequestType,
    create_default_s3_signing_config,
)

way, directory, list_file, connections = sys.argv[1:]
endpoint = urlsplit(os.environ["BENCH_ENDPOINT"])
region = "us-east-1"


def make_client():
    credentials = AwsCredentialsProvider.new_static(
        os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    )
    options = {}
    if endpoint.scheme == "https":
        trust = TlsContextOptions()
        trust.override_default_trust_store_from_path(ca_filepath=os.environ["BENCH_CA_FILE"])
        tls = ClientTlsContext(trust).new_connection_options()
        tls.set_server_name(endpoint.hostname)
        options = {"tls_connection_options": tls}
    if connections != "default":
        options["max_active_connections_override"] = int(connections)
    secure = endpoint.scheme == "https"
    return S3Client(
        region=region,
        tls_mode=S3RequestTlsMode.ENABLED if secure else S3RequestTlsMode.DISABLED,
        signing_config=create_default_s3_signing_config(region=region, credential_provider=credentials),
        **options,
    )


def send(client, name, size):
    path = f"{os.environ['BENCH_PREFIX']}/{name}"
    headers = HttpHeaders([("Host", endpoint.netloc)])
    file = os.path.join(directory, name)
    if way == "up":
        headers.add("Content-Length", str(size))
        return client.make_request(
            type=S3RequestType.PUT_OBJECT,
            request=HttpRequest("PUT", path, headers),
            send_filepath=file,
            checksum_config=S3ChecksumConfig(S3ChecksumAlgorithm.CRC32, S3ChecksumLocation.TRAILER),
        )
    return client.make_request(
        type=S3RequestType.GET_OBJECT,
        request=HttpRequest("GET", path, headers),
        recv_filepath=file,
        checksum_config=S3ChecksumConfig(validate_response=True),
    )


with open(list_file, encoding="utf-8") as text:
    files = json.load(text)
if way == "down":
    os.makedirs(directory, exist_ok=True)
client = make_client()
for request in [send(client, file["name"], file["sizeBytes"]) for file in files]:
    request.finished_future.result()
